"""Rows to come: what of them must be given."""

import pandas as pd
import pytest

from sklstm._future_rows import future_of_panel


def test_groups_that_have_ended_may_be_left_out():
    """Where a group lacks rows to come, that is said too."""
    X = pd.DataFrame({"shop": ["a", "b"], "day": [5, 9], "open": [1.0, 1.0]})
    to_come = pd.DataFrame({"shop": ["b"], "day": [10], "open": [1.0]})
    with pytest.raises(ValueError, match=r"day 6 of group 'a'.*ended out of X\.$"):
        future_of_panel(
            to_come, X, pd.Index([6, 10]), ["open"], ["open"], ["shop"], "day"
        )
