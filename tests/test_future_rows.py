"""Rows to come: what of them must be given, and what forecasts say of themselves."""

import pandas as pd
import pytest

from sklstm.forecasting._future_rows import (
    coverage_of_forecast,
    future_of_panel,
    kind_of_long_frame,
    long_frame,
    with_coverage,
)


def test_groups_that_have_ended_may_be_left_out():
    """Where a group lacks rows to come, that is said too."""
    X = pd.DataFrame({"shop": ["a", "b"], "day": [5, 9], "open": [1.0, 1.0]})
    to_come = pd.DataFrame({"shop": ["b"], "day": [10], "open": [1.0]})
    with pytest.raises(ValueError, match=r"day 6 of group 'a'.*ended out of X\.$"):
        future_of_panel(
            to_come, X, pd.Index([6, 10]), ["open"], ["open"], ["shop"], "day"
        )


def test_a_forecast_says_its_coverage_beside_its_columns():
    """What a long frame says of groups and time stays, in its slices as well."""
    last = pd.DataFrame({"shop": ["a", "b"], "load": [1.0, 2.0]})
    columns = {"load": [3.0, 4.0, 5.0, 6.0]}
    frame = long_frame(last, pd.Index([7, 7, 8, 8]), columns, ["shop"], None)
    assert coverage_of_forecast(frame) is None
    for part in (with_coverage(frame, 0.9), frame[frame["shop"] == "b"], frame[1:]):
        assert coverage_of_forecast(part) == 0.9
        assert kind_of_long_frame(part) == (["shop"], None)
    alone = with_coverage(pd.DataFrame({"load": [1.0]}), 0.5)
    assert coverage_of_forecast(alone) == 0.5
    assert kind_of_long_frame(alone) is None
    for other in (pd.DataFrame(alone.to_dict()), alone.to_numpy(), None):
        assert coverage_of_forecast(other) is None
