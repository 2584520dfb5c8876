"""forecast: the values after the last row, against recursions written out by hand."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from by_hand import (
    N_ROWS,
    OF_SHOPS,
    WINDOW,
    JumpRegressor,
    behind,
    days,
    fit_by_hand,
    forecast_by_hand,
    frame,
    in_shops,
    linear,
    promoted,
    tiny_lstm,
    tree,
)
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMRegressor, SlidingWindow, forecast

# -- direct: several steps at once -------------------------------------------------


@pytest.mark.filterwarnings("ignore:LSTMRegressor.steps=:UserWarning")
@pytest.mark.parametrize(("steps", "horizon"), [(1, 1), (1, 2), (3, 1), (2, 2)])
def test_known_columns_of_an_lstm(steps, horizon):
    """One step fed back, or several at once, are those of a loop over windows."""
    every = frame("load", "price", n_rows=N_ROWS + 10)
    X, to_come = every[:N_ROWS], every[["price"]][N_ROWS:].sample(frac=1)
    windows = SlidingWindow(WINDOW, horizon=horizon, known="price")
    lstm = LSTMRegressor(2, steps=steps, epochs=2, batch_size=64, random_state=0)
    pipe = make_pipeline(windows, lstm).fit(X, X["load"])
    load, price = X["load"].tolist(), every["price"].tolist()
    while len(load) < N_ROWS + 7:
        at_once = []
        # Rows up to horizon - 1 ahead have windows of true or predicted rows.
        for row in range(len(load), len(load) + horizon):
            lagged = load[row - horizon - WINDOW + 1 : row - horizon + 1]
            known = price[row - WINDOW + 1 : row + 1]
            window = np.array([lagged, known]).T[None]
            values = lstm.predict_steps(window)[0].tolist()
            at_once += values[:1] if row < len(load) + horizon - 1 else values
        load += at_once
    for n_steps in (1, 2, 7):  # fewer and more than are predicted at once
        result = forecast(pipe, X, n_steps, X_future=to_come)
        np.testing.assert_allclose(result, load[N_ROWS : N_ROWS + n_steps], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:LSTMRegressor.steps=:UserWarning")
@pytest.mark.parametrize("horizon", [1, 2])
def test_direct_steps_read_what_is_known_of_them(horizon):
    """A promotion inside a block of steps is in the forecast, for every block."""
    X = promoted(160)
    train, rest = X[:-14], X[-14:]
    windows = SlidingWindow(14, known="promo", known_ahead=6, horizon=horizon)
    pipe = make_pipeline(windows, tiny_lstm(steps=7)[-1]).fit(train, train["sales"])
    found = forecast(pipe, train, 14, X_future=rest[["promo"]])
    np.testing.assert_allclose(found, rest["sales"], atol=1e-3)
    without = pipe.set_params(slidingwindow__known_ahead=0)
    without.fit(train, train["sales"])
    missed = forecast(without, train, 14, X_future=rest[["promo"]])
    assert np.abs(missed - rest["sales"]).max() > 5


# -- several columns, and which of them are predicted ------------------------------


@pytest.mark.parametrize("target", [None, ["wind", "load"], [1, 0], ("wind", 0)])
def test_targets_in_another_order(target):
    """``target``, or the names of y, say which output is which column."""
    X = frame("load", "wind")
    expected = forecast(linear().fit(X, X), X, steps=5)
    pipe = linear().fit(X, X[["wind", "load"]])
    result = forecast(pipe, X, steps=5, target=target)
    pd.testing.assert_frame_equal(result, expected[["wind", "load"]], rtol=1e-4)


@pytest.mark.parametrize("target", ["load", 1, ["load"]])
def test_one_target_and_a_lagged_column_that_is_given(target):
    """A lagged column that X_future gives is read where its windows reach it."""
    every = frame("wind", "load", n_rows=N_ROWS + 5)
    X, to_come = every[:N_ROWS], every[N_ROWS:]
    pipe = linear().fit(X, X["load"])
    result = forecast(pipe, X, 5, X_future=to_come[["wind"]], target=target)
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, X["load"], WINDOW)
    expected = forecast_by_hand(
        regressor, table, 5, WINDOW, targets=(1,), future={0: to_come["wind"]}
    )
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    assert result.name == "load"


@pytest.mark.filterwarnings("ignore:No column of X holds the past of y")
def test_a_y_that_is_no_column_is_not_fed_back():
    """One step needs no recursion; more of them ask which column is predicted."""
    X = frame("load")
    pipe = linear().fit(X, X["load"].diff().fillna(0).rename("change"))
    assert forecast(pipe, X, steps=1).name == "change"
    with pytest.raises(ValueError, match=r"a y of other names.*target"):
        forecast(pipe, X, steps=2)
    X = frame("load", "wind")
    assert forecast(linear().fit(X, X.sum(axis=1)), X, steps=1).name is None
    with pytest.raises(ValueError, match=r"columns \['load', 'wind'\].*name them"):
        forecast(linear().fit(X, X["load"].to_numpy()), X, steps=2)


def test_as_many_steps_as_the_horizon_need_no_values_to_come():
    """With horizon 3, three steps are forecast without other columns, not four."""
    X = frame("load", "wind", "sun")
    pipe = linear(horizon=3).fit(X, X["load"])
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, table[:, 0], WINDOW, 3)
    expected = forecast_by_hand(regressor, table, 3, WINDOW, 3)
    result = forecast(pipe, X, steps=3, target="load")
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    words = r"\['wind', 'sun'\], which are neither .* X_future,.* at most 3 step\(s\)"
    with pytest.raises(ValueError, match=words):
        forecast(pipe, X, steps=4, target="load")


@pytest.mark.parametrize("target", ["sun", 2, -1, ["load", "wind"], [], 0.0])
def test_error_target_names_no_column(target):
    """A target that is no column, or too many, is refused with the columns."""
    X = frame("load", "wind")
    pipe = linear().fit(X, X["load"])
    with pytest.raises(ValueError, match=r"'target' .* \(\['load', 'wind'\]\)"):
        forecast(pipe, X, steps=1, target=target)


# -- what is fed back --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["series", "panel", "short"])
def test_a_forecast_that_explodes_is_told_with_its_step(kind):
    """From where on it is far from all values, and where it leaves float32."""
    X, keys = frame("load"), {}
    if kind == "panel":
        X, keys = X.assign(day=X.index, shop="a"), {"groups": "shop", "time": "day"}
        X = pd.concat([X, X.assign(shop="b")], ignore_index=True)
    pipe = linear(window=1, **keys).fit(X, X["load"])
    pipe[-1].coef_, pipe[-1].intercept_ = np.array([2.0]), 0.0
    seen = X["load"].to_numpy()
    ahead = X.groupby("shop")["load"].last() if keys else X["load"].iloc[-1:]
    far = ahead.to_numpy() * 2.0 ** np.arange(1, 200)[:, None] - seen.max()
    step = 1 + int(np.argmax((far > 10 * np.ptp(seen)).any(axis=1)))
    X = X[-3:] if kind == "short" else X  # what fit has seen is known
    forecast(pipe, X, step - 1)
    with pytest.warns(UserWarning, match=f"From step {step} on the forecast is far"):
        forecast(pipe, X, step)
    words = rf"beyond float32, up to step 12\d, .* since step {step}: they grow"
    with pytest.raises(ValueError, match=words):
        forecast(pipe, X, 400)


SCALED_BY_HAND = {
    "thousands": lambda y: y / 1000,
    "minmax": lambda y: (y - y.min()) / (y.max() - y.min()),
    "whole hundredths": lambda y: (100 * y).astype(int),
}


@pytest.mark.filterwarnings("ignore:From step")
@pytest.mark.parametrize("done", SCALED_BY_HAND)
@pytest.mark.parametrize("kind", ["frame", "array", "panel"])
def test_a_target_that_was_scaled_by_hand_is_told(kind, done):
    """Predictions that are fed back into a column of another unit give a warning."""
    X = frame("load", n_rows=N_ROWS + 30)
    pipe = linear()
    if kind == "panel":
        X, pipe = in_shops(X).sample(frac=1, random_state=0), linear(**OF_SHOPS)
    y = SCALED_BY_HAND[done](X["load"])
    if kind == "array":
        X, y = X.to_numpy(), y.to_numpy()
    forecast(pipe.fit(X, y), X, steps=1)  # nothing is fed back
    with pytest.warns(UserWarning, match=r"in a different unit .*\("):
        forecast(pipe, X, steps=2)


def test_a_target_that_is_scaled_by_a_step_is_fine():
    """A scaler in front, and one around it all, leave units as they are."""
    X = frame("load", n_rows=N_ROWS + 30)
    scaler = StandardScaler().set_output(transform="pandas")
    around = TransformedTargetRegressor(linear(), transformer=StandardScaler())
    for estimator in (make_pipeline(scaler, linear()), around):
        forecast(estimator.fit(X, X["load"]), X, steps=2)


# -- steps in front of the windows -------------------------------------------------


def test_columns_dropped_moved_and_added_in_front():
    """Columns are found by name, so that none is mistaken for another."""
    every = frame("price", "load", n_rows=N_ROWS + 6)
    X, to_come = every[:N_ROWS], every[N_ROWS:].assign(load=1e6)
    pipe = behind(FunctionTransformer(lambda X: X[["load"]])).fit(X, X["load"])
    alone = X[["load"]]
    expected = forecast(linear().fit(alone, X["load"]), alone, steps=6)
    pd.testing.assert_series_equal(forecast(pipe, X, steps=6), expected)
    turn = FunctionTransformer(lambda X: X[["load", "price"]])
    pipe = behind(turn, known="price").fit(X, X["load"])
    plain = linear(known="price").fit(X, X["load"])
    result = forecast(pipe, X, 6, X_future=to_come)
    expected = forecast(plain, X, 6, X_future=to_come[["price"]])
    pd.testing.assert_series_equal(result, expected, rtol=1e-4)
    turn = make_column_transformer(
        ("passthrough", ["load"]),
        ("passthrough", ["price"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    result = forecast(behind(turn).fit(X, X), X, steps=6)
    expected = forecast(linear().fit(X, X), X, steps=6)
    pd.testing.assert_frame_equal(result[["price", "load"]], expected, rtol=1e-4)


def test_global_pandas_output():
    """A global ``transform_output="pandas"`` changes no forecast."""
    X = frame("load")
    pipes = [
        behind(StandardScaler()),
        linear(),
        tree(),
        make_pipeline(SlidingWindow(WINDOW), JumpRegressor()),
    ]
    before = [forecast(clone(p).fit(X, X["load"]), X, 5) for p in pipes]
    with sklearn.config_context(transform_output="pandas"):
        after = [forecast(clone(p).fit(X, X["load"]), X, 5) for p in pipes]
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_series_equal(one, other, check_exact=True)


# -- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, -1, 1.0, 2.5, True, "2", None])
def test_error_steps(steps):
    """Steps must be a positive integer; the error shows what came."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    message = rf"'steps' .*\[1, 10000000\]\. Got {re.escape(repr(steps))} instead"
    with pytest.raises(ValueError, match=message):
        forecast(pipe, X, steps=steps)


@pytest.mark.parametrize("known_ahead", [0, 6])
def test_known_values_that_windows_do_not_show_are_told(known_ahead):
    """Where a promotion varies within steps that are predicted at once."""
    X = frame("load", "promo")
    pipe = make_pipeline(
        SlidingWindow(8, known="promo", known_ahead=known_ahead),
        LSTMRegressor(2, steps=7, epochs=1, random_state=0),
    ).fit(X, X["load"])
    future = pd.DataFrame(
        {"promo": [0.0, 0, 0, 1, 0, 0, 0]}, index=days(len(X) + 7)[-7:]
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        forecast(pipe, X, 7, X_future=future)
        forecast(pipe, X, 7, X_future=future * 0)  # does not vary
    words = [str(one.message) for one in told]
    assert len(words) == (known_ahead == 0)
    assert all("'promo' varies" in each and "known_ahead=6" in each for each in words)
