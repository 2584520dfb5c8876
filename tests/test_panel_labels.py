"""Labels of a panel: which columns and dtypes tell groups and time."""

import pandas as pd
import pytest

from sklstm.windows._panel_labels import panel_labels


def test_columns_of_a_long_frame_that_are_levels_of_its_index():
    """A MultiIndex is to be reset, since groups and time are columns."""
    X = pd.DataFrame({"shop": ["a", "b"], "day": [0, 0], "sales": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"index level 'shop'; call reset_index\(\)"):
        panel_labels(X.set_index(["shop", "day"]), ["shop"], None, owner="Owner")
    with pytest.raises(ValueError, match=r"no column 'town' in \['shop', .*'\]\.$"):
        panel_labels(X, ["town"], "day", owner="Owner")


def test_times_that_are_strings():
    """Strings are no time: the column or the index is named, and pd.to_datetime."""
    X = pd.DataFrame({"shop": ["a", "b"], "day": ["2024-01-01"] * 2})
    with pytest.raises(ValueError, match=r"in column 'day' of X; call pd\.to_dat"):
        panel_labels(X, ["shop"], "day", owner="Owner")
    with pytest.raises(ValueError, match=r"index of X; name the column.*or call pd\."):
        panel_labels(X.set_index("day"), ["shop"], None, owner="Owner")
