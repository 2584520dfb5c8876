"""Tables that Arrow holds, as parquet may return them, are read as any other."""

import io

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMRegressor,
    PanelTimeSeriesSplit,
    SlidingWindow,
    backtest,
    contributions,
    forecast,
    update,
)

pytest.importorskip("pyarrow")

DAYS = pd.date_range("2024-01-01", periods=60, freq="D", tz="Europe/Berlin")
LOAD = 10 + np.sin(np.arange(60) * 2 * np.pi / 7)
IS_HOLIDAY = np.arange(60) % 9 == 0


def in_arrow(frame):
    """Return a table as parquet gives it back, with Arrow's kinds."""
    file = io.BytesIO()
    frame.to_parquet(file)
    return pd.read_parquet(file, dtype_backend="pyarrow")


def pipe(**params):
    """Return a pipeline that is not fitted."""
    regressor = LSTMRegressor(4, epochs=1, random_state=0)
    return make_pipeline(SlidingWindow(7, **params), regressor)


def test_a_series_with_flags_and_an_index_of_times():
    """Predictions, forecasts, explanations, backtests and updates are the same."""
    plain = pd.DataFrame({"load": LOAD, "holiday": IS_HOLIDAY}, index=DAYS)
    arrow = plain.astype({"load": "float64[pyarrow]", "holiday": "bool[pyarrow]"})
    arrow.index = pd.Index(DAYS.astype("timestamp[ns, Europe/Berlin][pyarrow]"))
    made = []
    for X in (plain, arrow):
        past, ahead = X.iloc[:50], X.iloc[50:52]
        model = pipe(known="holiday").fit(past, past["load"])
        folds = {"cv": TimeSeriesSplit(2, test_size=5), "steps": 2}
        made.append(
            [
                model.predict(past),
                forecast(model, past, 2, X_future=ahead[["holiday"]]),
                contributions(model, past).to_numpy(),
                backtest(model, X, X["load"], **folds).predictions["y_pred"],
                update(model, ahead, ahead["load"]).predict(X),
            ]
        )
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_flag_is_a_missing_value():
    """Arrow's null is NaN, in flags as in numbers."""
    flags = pd.Series([True, None, False], dtype="bool[pyarrow]").to_frame("flag")
    windows = SlidingWindow(1, known="flag").fit_transform(flags)
    np.testing.assert_array_equal(windows[:, 0, 0], [1, 1, 0])


def test_a_panel_whose_keys_are_a_dictionary():
    """So are groups and times of a long frame, and its folds."""
    stores = [
        pd.DataFrame({"store": name, "day": DAYS, "load": LOAD * size})
        for name, size in (("a", 1), ("b", 20))
    ]
    plain = pd.concat(stores, ignore_index=True).astype({"store": "category"})
    arrow = in_arrow(plain)
    assert {type(dtype) for dtype in arrow.dtypes} == {pd.ArrowDtype}
    made = []
    for X in (plain, arrow):
        model = pipe(groups="store", time="day").fit(X, X["load"])
        ahead = forecast(model, X, 2)
        assert ahead["store"].tolist() == ["a", "a", "b", "b"]
        cv = PanelTimeSeriesSplit(2, time="day")
        folds = backtest(model, X, X["load"], cv=cv, steps=2)
        predictions = folds.predictions["y_pred"]
        made.append([model.predict(X), ahead["load"], predictions])
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
