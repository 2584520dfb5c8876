"""forecast: the values after the last row, against recursions written out by hand."""

import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklstm import LSTMRegressor, SlidingWindow, forecast

WINDOW = 4
N_ROWS = 40


# -- series, pipelines and the recursion by hand ------------------------------------


def numbers(n_rows=N_ROWS, n_columns=1, seed=0):
    """Return positive columns that wander, of shape (n_rows, n_columns)."""
    rng = np.random.default_rng(seed)
    waves = np.sin(np.arange(n_rows)[:, None] / np.arange(2, 2 + n_columns))
    return 50 + 5 * waves + rng.normal(size=(n_rows, n_columns)).cumsum(axis=0)


def days(n_rows=N_ROWS):
    return pd.date_range("2024-01-01", periods=n_rows, freq="D", name="day")


def frame(*names, n_rows=N_ROWS, index=None):
    """Return a frame with these columns; longer ones begin as shorter ones do."""
    values = numbers(N_ROWS + 30, len(names))[:n_rows]
    index = days(n_rows) if index is None else index
    return pd.DataFrame(values, columns=list(names), index=index)


def linear(window=WINDOW, **parameters):
    """Return windows, imputation and least squares."""
    windows = SlidingWindow(window, layout="flat", **parameters)
    return make_pipeline(windows, SimpleImputer(), LinearRegression())


def tree(window=WINDOW, **parameters):
    """Return windows and a decision tree, which takes NaN as it comes."""
    windows = SlidingWindow(window, layout="flat", **parameters)
    return make_pipeline(windows, DecisionTreeRegressor(max_depth=4, random_state=0))


def lag_row(table, row, window, horizon, known):
    """Return what may be read for one row of a table, value by value."""
    values = []
    for step in range(window):
        lagged = row - horizon - window + 1 + step
        for column in range(table.shape[1]):
            at = lagged + horizon if column in known else lagged
            values.append(table[at, column] if lagged >= 0 else np.nan)
    return values


def fit_by_hand(regressor, table, y, window, horizon=1, known=()):
    """Return a regressor fitted on a lag table that a loop has built."""
    lags = [lag_row(table, row, window, horizon, known) for row in range(len(table))]
    return clone(regressor).fit(np.array(lags, dtype=np.float32), y)


def forecast_by_hand(
    regressor, table, steps, window, horizon=1, known=(), targets=(0,), future=None
):
    """Return the forecasts of a loop that sees NaN where nothing is known yet."""
    n_rows = len(table)
    table = np.vstack([table, np.full((steps, table.shape[1]), np.nan)])
    for column, values in (future or {}).items():
        table[n_rows:, column] = values
    forecasts = []
    for row in range(n_rows, n_rows + steps):
        lags = np.array([lag_row(table, row, window, horizon, known)], np.float32)
        forecasts.append(regressor.predict(lags)[0])
        table[row, list(targets)] = forecasts[-1]
    return np.array(forecasts, dtype=np.float64)


def forecast_by_predict(estimator, X, steps, target=0):
    """Return the forecasts of a loop over ``predict`` on ever more labelled rows."""
    index = X.index.append(pd.date_range(X.index[-1], periods=steps + 1, freq="D")[1:])
    for _ in range(steps):
        n_rows = len(X)
        grown = pd.DataFrame(-999.0, index=index[: n_rows + 1], columns=X.columns)
        grown.iloc[:n_rows] = X
        grown.iloc[n_rows, target] = estimator.predict(grown)[-1]
        X = grown
    return X.iloc[-steps:, target].to_numpy()


class JumpRegressor(RegressorMixin, BaseEstimator):
    """Predict the newest value plus 1, plus 10, plus 100: each step is told apart."""

    def __init__(self, steps=3):
        self.steps = steps

    def fit(self, X, y):  # noqa: ARG002
        """Learn nothing."""
        self.is_fitted_ = True
        return self

    def predict_steps(self, X):
        """Return the newest value plus a power of ten for each step."""
        newest = np.asarray(X).reshape(len(X), -1)[:, -1:].astype(float)
        return np.nan_to_num(newest) + 10.0 ** np.arange(self.steps)

    def predict(self, X):
        """Return the first step."""
        return self.predict_steps(X)[:, 0]


def check_labels(result, index):
    """Assert that a result has these labels, kind and name included."""
    assert result.index.equals(index)
    assert result.index.dtype == index.dtype
    assert result.index.names == index.names


def without(X, row, columns=slice(None)):
    """Return a copy of a frame with NaN in one row."""
    X = X.copy()
    X.loc[X.index[row], columns] = np.nan
    return X


# -- every kind of index ------------------------------------------------------------

LONGER = N_ROWS + 8
INDEXES = {
    "days": days(LONGER),
    "days without freq": pd.DatetimeIndex(days(LONGER).to_numpy(), name="day"),
    "weeks": pd.date_range("2024-01-07", periods=LONGER, freq="W-SUN"),
    "hours": pd.date_range("2024-01-01", periods=LONGER, freq="h", unit="ns"),
    "summer time begins": pd.date_range(
        end="2024-03-31 05:00", periods=LONGER, freq="h", tz="Europe/Berlin"
    ),
    "noon in a zone": pd.date_range(
        "2024-02-20 12:00", periods=LONGER, freq="D", tz="Europe/Berlin"
    ),
    "months": pd.date_range("2020-01-01", periods=LONGER, freq="MS", name="month"),
    "month ends without freq": pd.DatetimeIndex(
        pd.date_range("2020-01-31", periods=LONGER, freq="ME").to_numpy()
    ),
    "business days without freq": pd.DatetimeIndex(
        pd.date_range("2024-01-01", periods=LONGER, freq="B").to_numpy()
    ),
    "month periods": pd.period_range("2020-01", periods=LONGER, freq="M", name="m"),
    "quarter periods": pd.period_range("2000Q3", periods=LONGER, freq="Q"),
    "range": pd.RangeIndex(7, 7 + LONGER, name="row"),
    "range of step 5": pd.RangeIndex(0, 5 * LONGER, 5),
    "integers": pd.Index(range(3, 3 + LONGER), dtype=np.int64),
}


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("kind", INDEXES)
def test_recursion_on_every_index(kind, horizon):
    """Forecasts are those of a naive loop, at the labels that continue the index."""
    index = INDEXES[kind]
    X = frame("load", index=index[:N_ROWS])
    pipe = linear(horizon=horizon).fit(X, X["load"])
    result = forecast(pipe, X, steps=8)
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, table[:, 0], WINDOW, horizon)
    expected = forecast_by_hand(regressor, table, 8, WINDOW, horizon)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    check_labels(result, index[N_ROWS:])
    assert isinstance(result, pd.Series)
    assert result.name == "load"


@pytest.mark.parametrize("kind", ["days", "months", "hours", "noon in a zone"])
def test_index_keeps_its_frequency(kind):
    """The index of the forecasts has the frequency of X."""
    X = frame("load", index=INDEXES[kind][:N_ROWS])
    result = forecast(linear().fit(X, X["load"]), X, steps=3)
    assert result.index.freq == INDEXES[kind].freq


def test_rows_in_another_zone_than_those_of_fit():
    """Days of Berlin given in UTC are continued as days of Berlin, across a switch."""
    index = pd.date_range("2024-02-25", periods=LONGER, freq="D", tz="Europe/Berlin")
    X = frame("load", index=index[:N_ROWS])
    pipe = linear().fit(X, X["load"])
    expected = forecast(pipe, X, steps=8)
    for rows in (X[:-10], X[:-3], X):
        result = forecast(pipe, rows.tz_convert("UTC"), steps=8)
        n_rows = len(rows)
        check_labels(result, index[n_rows : n_rows + 8].tz_convert("UTC"))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("n_columns", [1, 2])
def test_arrays_give_arrays(n_columns, horizon):
    """An array X gives an array of forecasts, those of a naive loop."""
    table = numbers(n_columns=n_columns)
    y = table[:, 0] if n_columns == 1 else table
    pipe = linear(horizon=horizon).fit(table, y)
    result = forecast(pipe, table, steps=5)
    regressor = fit_by_hand(pipe[1:], table, y, WINDOW, horizon)
    expected = forecast_by_hand(
        regressor, table, 5, WINDOW, horizon, targets=range(n_columns)
    )
    assert type(result) is np.ndarray
    assert result.shape == (5,) + (n_columns,) * (n_columns > 1)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("horizon", [1, 3])
def test_trees(horizon):
    """Trees, which jump at thresholds, forecast exactly what a naive loop does."""
    X = frame("load")
    boosting = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5)
    windows = SlidingWindow(WINDOW, horizon=horizon, layout="flat")
    pipe = make_pipeline(windows, boosting).fit(X, X["load"])
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, table[:, 0], WINDOW, horizon)
    expected = forecast_by_hand(regressor, table, 9, WINDOW, horizon)
    np.testing.assert_array_equal(forecast(pipe, X, steps=9), expected)


def test_lists_and_series_are_taken():
    """A list of rows and a named Series forecast what array and frame do."""
    X = frame("load")
    pipe = linear().fit(X["load"], X["load"])
    result = forecast(pipe, X["load"], steps=3)
    pd.testing.assert_series_equal(result, forecast(pipe, X, steps=3))
    pipe = linear().fit(X.to_numpy(), X["load"])
    np.testing.assert_allclose(forecast(pipe, X.to_numpy().tolist(), 3), result)


@pytest.mark.parametrize("kind", ["frame", "array"])
@pytest.mark.parametrize("make", [linear, tree])
def test_forecasts_are_float64(make, kind):
    """Forecasts are float64, whatever the regressor predicts in."""
    X = frame("load")
    X = X if kind == "frame" else X.to_numpy()
    pipe = make().fit(X, X["load"] if kind == "frame" else X[:, 0])
    assert forecast(pipe, X, steps=2).dtype == np.float64


def test_integer_columns_take_fractions():
    """Integer columns do not round the predictions that are fed back."""
    X = frame("load").round().astype(int)
    result = forecast(linear().fit(X, X["load"]), X, steps=4)
    same = X.astype(float)
    np.testing.assert_array_equal(
        result, forecast(linear().fit(same, same["load"]), same, steps=4)
    )
    assert (result != result.round()).any()


def test_flags_take_fractions():
    """A column of flags does not refuse the predictions that are fed back."""
    X = frame("load") > 50
    result = forecast(linear().fit(X, X["load"] * 1.0), X, steps=4)
    same = X.astype(float)
    expected = forecast(linear().fit(same, same["load"]), same, steps=4)
    np.testing.assert_array_equal(result, expected)


# -- direct: several steps at once --------------------------------------------------


@pytest.fixture(scope="module")
def direct_pipes():
    """Two-step LSTM pipelines by horizon, and the rows that they were fitted on."""
    X = frame("load")
    lstm = LSTMRegressor(4, steps=2, epochs=3, batch_size=64, random_state=0)
    return X, {
        horizon: make_pipeline(SlidingWindow(WINDOW, horizon=horizon), lstm).fit(
            X, X["load"]
        )
        for horizon in (1, 3)
    }


def window_by_hand(values, end):
    """Return the one window that ends before position ``end`` of a list."""
    return np.array(values[end - WINDOW : end], dtype=np.float32)[None, :, None]


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_direct_steps_of_an_lstm(direct_pipes, steps):
    """Fewer, as many and more steps than ``steps=2`` come two at a time."""
    X, pipes = direct_pipes
    values = X["load"].tolist()
    while len(values) < N_ROWS + steps:
        window = window_by_hand(values, len(values))
        values += pipes[1][-1].predict_steps(window)[0].tolist()
    result = forecast(pipes[1], X, steps=steps)
    np.testing.assert_allclose(result, values[N_ROWS : N_ROWS + steps], rtol=1e-6)
    check_labels(result, days(N_ROWS + steps)[N_ROWS:])
    assert result.name == "load"
    assert result.dtype == np.float64


@pytest.mark.parametrize("steps", [1, 3, 4, 9])
def test_direct_steps_with_a_horizon(direct_pipes, steps):
    """Horizon 3 and 2 steps: rows t, t+1 by their own windows, t+2 and t+3 at once."""
    X, pipes = direct_pipes
    lstm = pipes[3][-1]
    values = X["load"].tolist()
    while len(values) < N_ROWS + steps:
        end = len(values)
        for row in (end, end + 1):
            values.append(lstm.predict(window_by_hand(values, row - 2))[0])
        values += lstm.predict_steps(window_by_hand(values, end))[0].tolist()
    result = forecast(pipes[3], X, steps=steps)
    np.testing.assert_allclose(result, values[N_ROWS : N_ROWS + steps], rtol=1e-6)


def test_direct_first_steps_do_not_depend_on_how_many(direct_pipes):
    """A longer forecast begins with the shorter one, bit for bit."""
    X, pipes = direct_pipes
    long = forecast(pipes[1], X, steps=6)
    for steps in (1, 2, 3):
        pd.testing.assert_series_equal(forecast(pipes[1], X, steps), long[:steps])


def jumps():
    return make_pipeline(SlidingWindow(WINDOW), JumpRegressor())


DIRECT = [1, 10, 100, 101, 110, 200, 201]
RECURSIVE = [1, 2, 3, 4, 5, 6, 7]
WRAPPERS = {
    "pipeline": (jumps, DIRECT),
    "search": (lambda: GridSearchCV(jumps(), {}, cv=TimeSeriesSplit(2)), DIRECT),
    "search in search": (
        lambda: GridSearchCV(
            GridSearchCV(jumps(), {}, cv=TimeSeriesSplit(2)), {}, cv=TimeSeriesSplit(2)
        ),
        DIRECT,
    ),
    "target": (lambda: TransformedTargetRegressor(jumps()), RECURSIVE),
    "voting": (lambda: VotingRegressor([("a", jumps()), ("b", jumps())]), RECURSIVE),
    "search of target": (
        lambda: GridSearchCV(
            TransformedTargetRegressor(jumps()), {}, cv=TimeSeriesSplit(2)
        ),
        RECURSIVE,
    ),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_direct_or_recursive(wrapper, steps):
    """All steps are used where one pipeline predicts, else the first is fed back."""
    make, jump = WRAPPERS[wrapper]
    X = frame("load").round()
    result = forecast(make().fit(X, X["load"]), X, steps=steps)
    np.testing.assert_allclose(result - X["load"].iloc[-1], jump[:steps])


def test_direct_pipeline_frozen():
    """A frozen pipeline predicts all its steps at once, as the pipeline itself."""
    X = frame("load").round()
    result = forecast(FrozenEstimator(jumps().fit(X, X["load"])), X, steps=7)
    np.testing.assert_allclose(result - X["load"].iloc[-1], DIRECT)


def test_direct_pipelines_for_several_targets():
    """One pipeline for each target is recursive, though each predicts steps."""
    X = frame("load").round()
    search = MultiOutputRegressor(jumps()).fit(X, X[["load"]])
    result = forecast(search, X, steps=3)
    np.testing.assert_allclose(
        result.to_numpy()[:, 0] - X["load"].iloc[-1], RECURSIVE[:3]
    )


def test_recursive_lstm():
    """An LSTM of one step forecasts what a loop over its newest windows does."""
    X = frame("load")
    lstm = LSTMRegressor(4, epochs=3, batch_size=64, random_state=0)
    pipe = make_pipeline(SlidingWindow(WINDOW), lstm).fit(X, X["load"])
    values = X["load"].tolist()
    for _ in range(5):
        values.append(pipe[-1].predict(window_by_hand(values, len(values)))[0])
    np.testing.assert_allclose(forecast(pipe, X, 5), values[N_ROWS:], rtol=1e-6)


# -- known columns ------------------------------------------------------------------


def known_case(horizon=1):
    """Return a pipeline with two known columns, its rows, and those to come."""
    every = frame("price", "load", "temp", n_rows=N_ROWS + 6)
    X, to_come = every[:N_ROWS], every[N_ROWS:]
    pipe = linear(horizon=horizon, known=["price", "temp"]).fit(X, X["load"])
    return pipe, X, to_come[["price", "temp"]]


@pytest.mark.parametrize("horizon", [1, 3])
def test_known_columns_by_name(horizon):
    """Known values are read at the predicted rows, by name, whatever their order."""
    pipe, X, to_come = known_case(horizon)
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, X["load"], WINDOW, horizon, known=(0, 2))
    future = {0: to_come["price"], 2: to_come["temp"]}
    expected = forecast_by_hand(
        regressor, table, 6, WINDOW, horizon, (0, 2), targets=(1,), future=future
    )
    result = forecast(pipe, X, steps=6, X_future=to_come)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    assert result.name == "load"
    shuffled = to_come[["temp", "price"]].sample(frac=1, random_state=0)
    more = pd.concat([X[["price", "temp"]], shuffled.assign(unrelated="text")])
    for given in (shuffled, more, to_come.to_numpy(), to_come.to_numpy().tolist()):
        same = forecast(pipe, X, steps=6, X_future=given)
        pd.testing.assert_series_equal(same, result)


def test_known_columns_of_an_array():
    """With an array X the known columns are positions and X_future is an array."""
    pipe, X, to_come = known_case()
    expected = forecast(pipe, X, steps=6, X_future=to_come)
    table = X.to_numpy()
    pipe = linear(known=[0, 2]).fit(table, table[:, 1])
    result = forecast(pipe, table, steps=6, X_future=to_come.to_numpy())
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_one_known_column_as_series():
    """One known column may come as a Series of its name."""
    X = frame("load", "price")
    to_come = frame("load", "price", n_rows=N_ROWS + 3)[N_ROWS:]
    pipe = linear(known="price").fit(X, X["load"])
    pd.testing.assert_series_equal(
        forecast(pipe, X, 3, X_future=to_come["price"]),
        forecast(pipe, X, 3, X_future=to_come[["price"]]),
    )


@pytest.mark.parametrize("given", ["typed", "floats", "array"])
def test_known_bool_and_integer_columns(given):
    """Known flags and counts forecast what the same numbers as floats do."""
    every = frame("load", "price", "temp", n_rows=N_ROWS + 4)
    every = every.assign(price=every["price"] > 50, temp=every["temp"].round())
    results = []
    for dtypes in ({"temp": int}, {"price": float}):
        typed = every.astype(dtypes)
        X, to_come = typed[:N_ROWS], typed[N_ROWS:]
        pipe = linear(known=["price", "temp"]).fit(X, X["load"])
        to_come = to_come[["price", "temp"]]
        if given != "typed":
            to_come = to_come.astype(float)
        if given == "array":
            to_come = to_come.to_numpy()
        results.append(forecast(pipe, X, 4, X_future=to_come))
    pd.testing.assert_series_equal(*results)


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("horizon", [0, 1])
def test_only_known_columns(window, horizon):
    """A regression on known columns alone needs no recursion, whatever the horizon."""
    X = frame("price", "temp")
    to_come = frame("price", "temp", n_rows=N_ROWS + 5)[N_ROWS:]
    y = X["price"].shift(fill_value=0) - X["temp"]
    pipe = linear(window, horizon=horizon, known=["price", "temp"]).fit(X, y)
    result = forecast(pipe, X, steps=5, X_future=to_come)
    np.testing.assert_allclose(result, pipe.predict(to_come), rtol=1e-6)
    check_labels(result, to_come.index)


@pytest.fixture(scope="module")
def known_lstms():
    """LSTM pipelines with a known column by (steps, horizon), and all rows."""
    every = frame("load", "price", n_rows=N_ROWS + 10)
    X = every[:N_ROWS]
    pipes = {}
    for steps, horizon in ((1, 1), (1, 2), (3, 1), (2, 2)):
        windows = SlidingWindow(WINDOW, horizon=horizon, known="price")
        lstm = LSTMRegressor(2, steps=steps, epochs=2, batch_size=64, random_state=0)
        pipes[steps, horizon] = make_pipeline(windows, lstm).fit(X, X["load"])
    return every, pipes


@pytest.mark.parametrize(("steps", "horizon"), [(1, 1), (1, 2), (3, 1), (2, 2)])
@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_known_columns_of_an_lstm(known_lstms, steps, horizon, n_steps):
    """One step fed back, or several at once, are those of a loop over windows."""
    every, pipes = known_lstms
    lstm = pipes[steps, horizon][-1]
    load, price = every["load"].tolist()[:N_ROWS], every["price"].tolist()
    while len(load) < N_ROWS + n_steps:
        at_once = []
        # Rows up to horizon - 1 ahead have windows of true or predicted rows.
        for row in range(len(load), len(load) + horizon):
            lagged = load[row - horizon - WINDOW + 1 : row - horizon + 1]
            known = price[row - WINDOW + 1 : row + 1]
            window = np.array([lagged, known], dtype=np.float32).T[None]
            values = lstm.predict_steps(window)[0].tolist()
            at_once += values[:1] if row < len(load) + horizon - 1 else values
        load += at_once
    X, to_come = every[:N_ROWS], every[["price"]][N_ROWS:].sample(frac=1)
    result = forecast(pipes[steps, horizon], X, n_steps, X_future=to_come)
    np.testing.assert_allclose(result, load[N_ROWS : N_ROWS + n_steps], rtol=1e-6)
    with pytest.raises(ValueError, match=r"none for 1 of them: 2024-02-10 00:00:00"):
        forecast(
            pipes[steps, horizon], X, n_steps, X_future=to_come.drop(every.index[40])
        )


def test_known_values_act_from_their_row_on():
    """A known value of a row to come changes no forecast before that row."""
    pipe, X, to_come = known_case()
    before = forecast(pipe, X, steps=6, X_future=to_come)
    for row in range(6):
        other = to_come.copy()
        other.iloc[row:] += 100
        after = forecast(pipe, X, steps=6, X_future=other)
        np.testing.assert_array_equal(after[:row], before[:row])
        assert after.iloc[row] != before.iloc[row]


def test_predicted_column_in_X_future_is_not_read():
    """Values of the predicted column in X_future change no forecast."""
    pipe, X, to_come = known_case()
    result = forecast(pipe, X, steps=6, X_future=to_come.assign(load=1e6))
    pd.testing.assert_series_equal(result, forecast(pipe, X, 6, X_future=to_come))


def test_error_known_columns_not_given():
    """Without X_future the error names the known columns."""
    pipe, X, _ = known_case()
    with pytest.raises(ValueError, match=r"needs X_future.*\['price', 'temp'\]"):
        forecast(pipe, X, steps=1)


SPOILED = {
    "misaligned": lambda f: f.set_axis(f.index + pd.Timedelta(days=2)),
    "row missing": lambda f: f.drop(f.index[[1]]),
    "NaN": lambda f: without(f, 1),
    "NaN in one column": lambda f: without(f, 1, "price"),
    "rows without labels": lambda f: f.reset_index(drop=True),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_error_rows_to_come_missing(spoiled):
    """Rows that are misaligned, missing or NaN are named in the error."""
    pipe, X, to_come = known_case()
    with pytest.raises(ValueError, match=r"needs a row of X_future.*2024-02-11"):
        forecast(pipe, X, steps=6, X_future=SPOILED[spoiled](to_come))


def test_rows_to_come_beyond_the_last_step_are_not_checked():
    """X_future may hold more rows than are asked for, even NaN ones."""
    pipe, X, to_come = known_case()
    result = forecast(pipe, X, 3, X_future=without(to_come, -1))
    pd.testing.assert_series_equal(result, forecast(pipe, X, 6, X_future=to_come)[:3])


def test_error_known_column_missing():
    """A known column that X_future lacks is named in the error."""
    pipe, X, to_come = known_case()
    with pytest.raises(ValueError, match=r"no column 'temp' in \['price'\]"):
        forecast(pipe, X, steps=6, X_future=to_come[["price"]])


def test_error_label_to_come_twice():
    """A label that X_future holds twice is named in the error."""
    pipe, X, to_come = known_case()
    twice = pd.concat([to_come, to_come[2:3]])
    with pytest.raises(ValueError, match=r"2024-02-12.*more than once"):
        forecast(pipe, X, steps=6, X_future=twice)


@pytest.mark.parametrize("shape", [(5, 2), (6, 1), (6, 3), (7, 2)])
def test_error_array_to_come_of_wrong_shape(shape):
    """An array X_future of another shape is refused with both shapes."""
    pipe, X, _ = known_case()
    with pytest.raises(ValueError, match=rf"\(6, 2\)\. Got {re.escape(str(shape))}"):
        forecast(pipe, X, steps=6, X_future=np.ones(shape))


def test_error_rows_to_come_of_another_type():
    """A dict is to become a DataFrame, a flat list a row for each step."""
    pipe, X, to_come = known_case()
    with pytest.raises(ValueError, match=r"Got a dict; pass pd\.DataFrame\(X_future"):
        forecast(pipe, X, steps=6, X_future=to_come.to_dict("list"))
    with pytest.raises(ValueError, match=r"\(6, 2\)\. Got \(6,\); pass a row for each"):
        forecast(pipe, X, steps=6, X_future=[1.0] * 6)


def test_error_array_to_come_with_nan():
    """NaN in an array X_future is refused by name."""
    pipe, X, to_come = known_case()
    values = to_come.to_numpy(copy=True)
    values[2, 1] = np.nan
    with pytest.raises(ValueError, match="X_future contains NaN"):
        forecast(pipe, X, steps=6, X_future=values)


# -- rows to come of irregular series -----------------------------------------------


def irregular(n_rows=N_ROWS + 8, seed=3):
    """Return a load and a price at irregular seconds, and the seconds between them."""
    rng = np.random.default_rng(seed)
    gaps = rng.choice([7, 11, 13, 60], size=n_rows)
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.cumsum(gaps), "s")
    every = frame("load", "price", n_rows=n_rows, index=stamps.rename("at"))
    return every, gaps.astype(float)


def irregular_window(load, price, gaps, row):
    """Return what may be read for one row: past loads, prices and times up to it."""
    past, now = slice(row - WINDOW, row), slice(row - WINDOW + 1, row + 1)
    return np.array([load[past], price[now], gaps[now]], dtype=np.float32).T


@pytest.mark.parametrize("front", [False, True])
@pytest.mark.parametrize("n_steps", [1, 3, 8])
def test_recursion_at_given_irregular_times(n_steps, front):
    """The labels are those of X_future; a loop knows the time since the row before."""
    every, gaps = irregular()
    X, to_come = every[:N_ROWS], every[["price"]][N_ROWS - 2 :]
    windows = SlidingWindow(WINDOW, known="price", elapsed=True, layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), LinearRegression())
    if front:
        pipe = make_pipeline(FunctionTransformer(), *[step for _, step in pipe.steps])
    pipe.fit(X, X["load"])
    load, price = X["load"].tolist(), every["price"].tolist()
    for row in range(N_ROWS, N_ROWS + n_steps):
        window = irregular_window(load, price, gaps, row)
        load.append(pipe[-2:].predict(window.reshape(1, -1))[0])
    result = forecast(pipe, X, n_steps, X_future=to_come.sample(frac=1, random_state=0))
    np.testing.assert_allclose(result, load[N_ROWS:], rtol=1e-5)
    check_labels(result, every.index[N_ROWS : N_ROWS + n_steps])


@pytest.mark.parametrize("n_steps", [2, 3, 5])
def test_direct_steps_at_given_irregular_times(n_steps):
    """An LSTM of two steps predicts them at once, and again, at the given times."""
    every, gaps = irregular()
    X = every[:N_ROWS]
    lstm = LSTMRegressor(2, steps=2, epochs=2, batch_size=64, random_state=0)
    windows = SlidingWindow(WINDOW, known="price", elapsed=True)
    pipe = make_pipeline(windows, lstm).fit(X, X["load"])
    load, price = X["load"].tolist(), every["price"].tolist()
    while len(load) < N_ROWS + n_steps:
        window = irregular_window(load, price, gaps, len(load))
        load += lstm.predict_steps(window[None])[0].tolist()
    result = forecast(pipe, X, n_steps, X_future=every[["price"]])
    np.testing.assert_allclose(result, load[N_ROWS : N_ROWS + n_steps], rtol=1e-6)
    check_labels(result, every.index[N_ROWS : N_ROWS + n_steps])


@pytest.mark.parametrize("kind", ["stamps", "zone", "integers", "periods"])
def test_times_without_columns_are_enough(kind):
    """A frame of labels alone tells when the rows to come are."""
    every, gaps = irregular()
    every = every[["load"]]
    if kind == "zone":
        every = every.tz_localize("UTC")
    elif kind == "integers":
        every = every.set_axis(np.cumsum(gaps).astype(int))
    elif kind == "periods":
        every = every.set_axis(every.index.to_period("s"))
    X, to_come = every[:N_ROWS], every[N_ROWS:][[]]
    windows = SlidingWindow(1, elapsed=True, layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), LinearRegression())
    pipe.fit(X, X["load"])
    newest, expected = X["load"].iloc[-1], []
    for gap in gaps[N_ROWS : N_ROWS + 3]:
        newest = pipe[1:].predict(np.array([[newest, gap]], dtype=np.float32))[0]
        expected.append(newest)
    if kind == "zone":
        to_come = to_come.tz_convert("Asia/Tokyo")
    result = forecast(pipe, X, 3, X_future=to_come)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    check_labels(result, every.index[N_ROWS : N_ROWS + 3])


def test_error_times_to_come_are_not_enough():
    """Too few times, of another kind, twice or none are named."""
    every, _ = irregular()
    every = every[["load"]]
    X, to_come = every[:N_ROWS], every[N_ROWS:][[]]
    windows = SlidingWindow(2, elapsed=True, layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), LinearRegression())
    pipe.fit(X, X["load"])
    with pytest.raises(ValueError, match=r"the 3 row\(s\) to come.*Got 2: 2024-01-01"):
        forecast(pipe, X, 3, X_future=to_come[:2])
    with pytest.raises(ValueError, match="Got 0: none"):
        forecast(pipe, X, 3, X_future=X[[]])
    with pytest.raises(ValueError, match=r"in X_future, of the kind.*Got int64"):
        forecast(pipe, X, 3, X_future=to_come.reset_index(drop=True))
    with pytest.raises(ValueError, match="one time zone"):
        forecast(pipe, X, 3, X_future=to_come.tz_localize("UTC"))
    twice = pd.concat([to_come, to_come[:1]])
    with pytest.raises(ValueError, match="more than once"):
        forecast(pipe, X, 3, X_future=twice)
    with pytest.raises(ValueError, match="at their times as X_future"):
        forecast(pipe, X, 3)


# -- several columns, and which of them are predicted -------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
def test_all_lagged_columns_predicted(horizon):
    """A 2-D y of every lagged column is fed back; the forecasts are a frame."""
    X = frame("load", "wind")
    pipe = linear(horizon=horizon).fit(X, X)
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, table, WINDOW, horizon)
    expected = forecast_by_hand(regressor, table, 7, WINDOW, horizon, targets=(0, 1))
    result = forecast(pipe, X, steps=7)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    assert list(result.columns) == ["load", "wind"]
    check_labels(result, days(N_ROWS + 7)[N_ROWS:])


@pytest.mark.parametrize("target", [["wind", "load"], [1, 0], ("wind", 0)])
def test_targets_in_another_order(target):
    """``target`` says which output is which column, by name or by position."""
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


def test_one_column_as_2d_target():
    """A y of shape (n_rows, 1) gives a frame of one column."""
    X = frame("load")
    result = forecast(linear().fit(X, X), X, steps=3)
    expected = forecast(linear().fit(X, X["load"]), X, steps=3)
    pd.testing.assert_frame_equal(result, expected.to_frame(), check_dtype=False)


def test_target_that_is_no_column():
    """One step needs no recursion: a target outside X gives an unnamed Series."""
    X = frame("wind", "sun")
    result = forecast(linear().fit(X, X.sum(axis=1)), X, steps=1)
    assert result.name is None
    assert len(result) == 1


def test_error_lagged_column_neither_predicted_nor_given():
    """A recursion that lacks a column says which, and how far one may go."""
    X = frame("load", "wind", "sun")
    pipe = linear().fit(X, X["load"])
    message = (
        r"forecast would read values to come of \['wind', 'sun'\], which are neither "
        r"predicted nor given\. Put them into X_future, predict all of them \(2-D y\), "
        r"or forecast at most 1 step\(s\) at once\."
    )
    with pytest.raises(ValueError, match=message):
        forecast(pipe, X, steps=2, target="load")


def test_as_many_steps_as_the_horizon_need_no_values_to_come():
    """With horizon 3, three steps are forecast without the other column, not four."""
    X = frame("load", "wind")
    pipe = linear(horizon=3).fit(X, X["load"])
    table = X.to_numpy()
    regressor = fit_by_hand(pipe[1:], table, table[:, 0], WINDOW, 3)
    expected = forecast_by_hand(regressor, table, 3, WINDOW, 3)
    result = forecast(pipe, X, steps=3, target="load")
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"at most 3 step\(s\)"):
        forecast(pipe, X, steps=4, target="load")


def test_error_target_not_told():
    """Two lagged columns and one output: the error asks which is predicted."""
    X = frame("load", "wind")
    with pytest.raises(ValueError, match=r"columns \['load', 'wind'\].*name them"):
        forecast(linear().fit(X, X["load"].to_numpy()), X, steps=2)


def test_error_another_time_zone():
    """Labels with a zone after a fit without one are told before any work."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    with pytest.raises(ValueError, match="one time zone throughout"):
        forecast(pipe, X.tz_localize("UTC"), steps=2)


@pytest.mark.parametrize("is_long", [False, True])
def test_error_texts_among_the_values_to_come(is_long):
    """Digits in quotes are no numbers."""
    X = frame("load").assign(open=1.0)
    future = pd.DataFrame({"open": ["1", "0"]}, index=days(N_ROWS + 2)[-2:])
    pipe = linear(known="open")
    if is_long:
        X, future = (table.assign(shop="a").reset_index() for table in (X, future))
        future = future.rename(columns={"index": "day"})
        pipe = linear(known="open", groups="shop", time="day")
    pipe.fit(X, X["load"])
    with pytest.raises(ValueError, match=r"numbers in column 'open' of X_.*'1', a"):
        forecast(pipe, X, steps=2, X_future=future)


@pytest.mark.parametrize("kind", ["frame", "array", "panel", "made in front"])
def test_known_rows_after_those_to_come_are_read(kind):
    """The first steps do not depend on how many follow, once known rows are given."""
    X = frame("load").assign(open=np.arange(N_ROWS) % 3 == 0).astype(float)
    future = pd.DataFrame({"open": np.arange(9) % 2.0}, index=days(N_ROWS + 9)[-9:])
    known = {"known": "open", "known_ahead": 2}
    pipe = linear(**known)
    if kind == "array":
        X, future = X.to_numpy(), future.to_numpy()
        pipe, y = linear(known=[1], known_ahead=2), X[:, 0]
    elif kind == "panel":
        X = pd.concat([X.assign(shop=s, day=X.index) for s in "ab"], ignore_index=True)
        future = pd.concat([future.assign(shop=s, day=future.index) for s in "ab"])
        pipe, y = linear(groups="shop", time="day", **known), X["load"]
    elif kind == "made in front":
        weekday = FunctionTransformer(lambda t: t.assign(open=t.index.day_of_week))
        X, future = X[["load"]], None
        pipe, y = make_pipeline(weekday, *linear(**known)), X["load"]
    else:
        y = X["load"]
    pipe.fit(X, y)
    long = np.asarray(forecast(pipe, X, 6, X_future=take(future, 8)))
    for steps in (1, 3):
        short = np.asarray(forecast(pipe, X, steps, X_future=take(future, steps + 2)))
        by_group = [long[:steps], long[6 : 6 + steps]]
        expected = np.concatenate(by_group if kind == "panel" else by_group[:1])
        assert (short == expected).all()
        if kind in ("frame", "array"):
            few = np.asarray(forecast(pipe, X, steps, X_future=take(future, steps)))
            assert few[-1] != short[-1]


def take(future, n_rows):
    """Return the first rows of what is known, of each shop."""
    if isinstance(future, pd.DataFrame) and "shop" in future:
        return future.groupby("shop").head(n_rows)
    return None if future is None else future[:n_rows]


@pytest.mark.parametrize("is_long", [False, True])
def test_values_to_come_may_lack_where_they_are_carried(is_long):
    """NaN in X_future is the value before, as NaN in X is; a missing row is none."""
    X = frame("load").assign(open=1.0)
    future = pd.DataFrame({"open": [0.0, np.nan, 1.0]}, index=days(N_ROWS + 3)[-3:])
    filled = future.ffill()
    pipe = linear(known="open", missing="carry")
    if is_long:
        X = X.assign(shop="a").reset_index()
        future, filled = (
            table.assign(shop="a", day=table.index) for table in (future, filled)
        )
        pipe = linear(known="open", missing="carry", groups="shop", time="day")
    pipe.fit(X, X["load"])
    found = forecast(pipe, X, 3, X_future=future)
    assert found.equals(forecast(pipe, X, 3, X_future=filled))
    with pytest.raises(ValueError, match="needs a row of X_future"):
        forecast(pipe, X, 3, X_future=future[:2])


SCALED_BY_HAND = {
    "thousands": lambda y: y / 1000,
    "minmax": lambda y: (y - y.min()) / (y.max() - y.min()),
    "whole hundredths": lambda y: (100 * y).astype(int),
}


@pytest.mark.parametrize("done", SCALED_BY_HAND)
@pytest.mark.parametrize("kind", ["frame", "array", "panel"])
def test_a_target_that_was_scaled_by_hand_is_told(kind, done):
    """Predictions that are fed back into a column of another unit give a warning."""
    X = frame("load", n_rows=N_ROWS + 30)
    pipe = linear()
    if kind == "panel":
        parts = [X.assign(shop=shop, day=X.index) for shop in "ab"]
        X = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)
        pipe = linear(groups="shop", time="day")
    y = SCALED_BY_HAND[done](X["load"])
    if kind == "array":
        X, y = X.to_numpy(), y.to_numpy()
    forecast(pipe.fit(X, y), X, steps=1)  # nothing is fed back
    with pytest.warns(UserWarning, match=r"as if in another unit \("):
        forecast(pipe, X, steps=2)


def test_a_target_that_is_scaled_by_a_step_is_fine():
    """A scaler in front, and one around it all, leave units as they are."""
    X = frame("load", n_rows=N_ROWS + 30)
    scaler = StandardScaler().set_output(transform="pandas")
    around = TransformedTargetRegressor(linear(), transformer=StandardScaler())
    for estimator in (make_pipeline(scaler, linear()), around):
        forecast(estimator.fit(X, X["load"]), X, steps=2)


@pytest.mark.parametrize("target", ["sun", 2, -1, ["load", "wind"], [], 0.0])
def test_error_target_names_no_column(target):
    """A target that is no column, or too many, is refused with the columns."""
    X = frame("load", "wind")
    pipe = linear().fit(X, X["load"])
    with pytest.raises(ValueError, match=r"'target' .* \(\['load', 'wind'\]\)"):
        forecast(pipe, X, steps=1, target=target)


# -- any estimator ------------------------------------------------------------------


def search():
    return GridSearchCV(
        linear(), {"slidingwindow__window": [2, 5]}, cv=TimeSeriesSplit(3)
    )


def logarithmic(regressor=None):
    return TransformedTargetRegressor(
        linear() if regressor is None else regressor, func=np.log, inverse_func=np.exp
    )


ESTIMATORS = {
    "search": search,
    "target": logarithmic,
    "search of target": lambda: GridSearchCV(
        logarithmic(),
        {"regressor__slidingwindow__window": [2, 5]},
        cv=TimeSeriesSplit(3),
    ),
    "target of search": lambda: logarithmic(search()),
    "voting": lambda: VotingRegressor([("a", linear(2)), ("b", tree(6))]),
    "voting of horizons": lambda: VotingRegressor(
        [("a", linear(horizon=2)), ("b", tree(horizon=4))]
    ),
    "stacking": lambda: StackingRegressor(
        [("a", linear(2)), ("b", tree(6))], final_estimator=Ridge()
    ),
    "pipeline in pipeline": lambda: make_pipeline(
        StandardScaler().set_output(transform="pandas"), linear()
    ),
    "search in pipeline": lambda: make_pipeline(
        SlidingWindow(WINDOW, layout="flat"),
        SimpleImputer(),
        GridSearchCV(Ridge(), {"alpha": [0.1, 10]}, cv=TimeSeriesSplit(2)),
    ),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_any_estimator(name):
    """What wraps a pipeline forecasts what a loop over its own ``predict`` does."""
    X = frame("load")
    estimator = ESTIMATORS[name]().fit(X, X["load"])
    expected = forecast_by_predict(estimator, X, steps=5)
    result = forecast(estimator, X, steps=5)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    frozen = forecast(FrozenEstimator(estimator), X, steps=5)
    pd.testing.assert_series_equal(frozen, result)


def test_one_pipeline_for_each_target():
    """MultiOutputRegressor feeds every target back, as a 2-D y does."""
    X = frame("load", "wind")
    result = forecast(MultiOutputRegressor(linear()).fit(X, X), X, steps=4)
    expected = forecast(linear().fit(X, X), X, steps=4)
    pd.testing.assert_frame_equal(result, expected, rtol=1e-4)


WITHOUT_WINDOWS = {
    "no window": lambda X: LinearRegression().fit(X, X["load"]),
    "no window in a pipeline": lambda X: make_pipeline(
        StandardScaler(), LinearRegression()
    ).fit(X, X["load"]),
}
UNFIT = {
    "unfitted pipeline": lambda X: linear(),
    "frozen": lambda X: FrozenEstimator(linear()),
    "unfitted search": lambda X: search(),
    "unfitted target": lambda X: logarithmic(),
    "search without refit": lambda X: (
        search().set_params(refit=False).fit(X, X["load"])
    ),
}


@pytest.mark.parametrize("name", WITHOUT_WINDOWS)
def test_error_no_window(name):
    """Without a SlidingWindow inside, the error says what is needed."""
    X = frame("load")
    with pytest.raises(ValueError, match="needs a fitted estimator with a Sliding"):
        forecast(WITHOUT_WINDOWS[name](X), X, steps=1)


@pytest.mark.parametrize("name", UNFIT)
def test_error_not_fitted(name):
    """What is not fitted is told from what has no windows."""
    X = frame("load")
    with pytest.raises(NotFittedError, match="SlidingWindow is not fitted; call fit"):
        forecast(UNFIT[name](X), X, steps=1)


def test_windows_where_none_are_looked_for():
    """That they are fitted, but elsewhere, is told from not being fitted."""
    X = frame("load")
    elsewhere = make_column_transformer((SlidingWindow(2, layout="flat"), ["load"]))
    pipe = make_pipeline(elsewhere, SimpleImputer(), LinearRegression())
    pipe.fit(X, X["load"])
    with pytest.raises(ValueError, match="Got one elsewhere in Pipeline"):
        forecast(pipe, X, steps=1)


def test_windows_of_a_union():
    """Windows of several lengths side by side are those of a table of all of them."""
    X = frame("load")
    union = make_union(SlidingWindow(2, layout="flat"), SlidingWindow(5, layout="flat"))
    pipe = make_pipeline(union, SimpleImputer(), LinearRegression()).fit(X, X["load"])
    values = X["load"].tolist()
    for _ in range(3):
        both = [[*values[-2:], *values[-5:]]]
        values.append(float(pipe[-1].predict(both)[0]))
    found = forecast(pipe, X, steps=3)
    np.testing.assert_allclose(found, values[-3:], rtol=1e-6)
    assert found.index[0] == X.index[-1] + pd.Timedelta(days=1)


def test_predictions_that_grow_without_bound():
    """What cannot be fed back is told as such, not as a row of X."""

    class Growing(RegressorMixin, BaseEstimator):
        def fit(self, X, y):  # noqa: ARG002
            self.fitted_ = True
            return self

        def predict(self, X):
            return np.where(X[:, -1] < 300, X[:, -1] * 1.4, np.inf)

    X = frame("load")
    pipe = make_pipeline(SlidingWindow(2, layout="flat"), Growing()).fit(X, X["load"])
    assert np.isfinite(forecast(pipe, X, steps=2)).all()
    with pytest.raises(ValueError, match="needs finite predictions, which it feeds"):
        forecast(pipe, X, steps=12)


def test_error_window_reads_the_row_itself():
    """Horizon 0 on a column that is not known cannot forecast, and says so."""
    X = frame("load", "price")
    pipe = linear(horizon=0, known="price").fit(X, X["load"].to_numpy())
    with pytest.raises(ValueError, match="horizon=0"):
        forecast(pipe, X, steps=1, X_future=np.ones((1, 1)))


def test_error_pipelines_disagree_about_known_columns():
    """Pipelines with other known columns cannot be forecast together."""
    X = frame("load", "price")
    voting = VotingRegressor([("a", linear()), ("b", linear(known="price"))])
    with pytest.raises(ValueError, match="same 'known' columns"):
        forecast(voting.fit(X, X["load"]), X, steps=1)


# -- steps in front of the windows --------------------------------------------------


def behind(*steps, **parameters):
    return make_pipeline(*steps, *(step for _, step in linear(**parameters).steps))


def test_scaler_in_front():
    """Predictions are fed back in their own unit, through the scaler in front."""
    X = frame("load")
    scaler = StandardScaler().set_output(transform="pandas")
    pipe = behind(scaler).fit(X, X["load"])
    result = forecast(pipe, X, steps=6)
    expected = forecast_by_predict(pipe, X, steps=6)
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    unscaled = forecast(linear().fit(X, X["load"]), X, steps=6)
    np.testing.assert_allclose(result, unscaled, rtol=1e-3)


def test_scaler_in_front_that_loses_the_index():
    """The index may be lost in front: X brings the past and the labels itself."""
    X = frame("load")
    named = behind(StandardScaler().set_output(transform="pandas"))
    expected = forecast(named.fit(X, X["load"]), X, steps=6)
    result = forecast(behind(StandardScaler()).fit(X, X["load"]), X, steps=6)
    pd.testing.assert_series_equal(result, expected)


def test_rolling_mean_in_front():
    """A step in front that looks back further than a window gets all rows."""
    X = frame("load")
    smooth = FunctionTransformer(lambda X: X.rolling(9, min_periods=1).mean())
    pipe = behind(smooth).fit(X, X["load"])
    result = forecast(pipe, X, steps=6)
    np.testing.assert_allclose(result, forecast_by_predict(pipe, X, 6), rtol=1e-5)


def chosen(X):
    return X[["load"]]


def test_column_dropped_in_front():
    """Where a step in front drops columns, the predicted one is still fed back."""
    X = frame("wind", "load")
    pipe = behind(FunctionTransformer(chosen)).fit(X, X["load"])
    expected = forecast(linear().fit(X[["load"]], X["load"]), X[["load"]], steps=6)
    try:
        result = forecast(pipe, X, steps=6, target="load")
    except ValueError:
        pass  # a refusal is right too; another column's name or values are not
    else:
        pd.testing.assert_series_equal(result, expected)
    try:
        result = forecast(pipe, X, steps=6)
    except ValueError:
        pass
    else:
        pd.testing.assert_series_equal(result, expected)


def test_columns_reordered_in_front():
    """Where a step in front changes the order of columns, none is mistaken."""
    X = frame("load", "wind")
    turn = make_column_transformer(
        ("passthrough", ["wind"]),
        ("passthrough", ["load"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipe = behind(turn).fit(X, X)
    expected = forecast(linear().fit(X, X), X, steps=6)
    try:
        result = forecast(pipe, X, steps=6)
    except ValueError:
        return  # a refusal is right too; mistaken columns are not
    pd.testing.assert_frame_equal(result, expected, rtol=1e-4)


def test_known_column_moved_in_front():
    """Where a step in front moves a known column, no other one is taken for it."""
    every = frame("price", "load", n_rows=N_ROWS + 6)
    X, to_come = every[:N_ROWS], every[N_ROWS:].assign(load=1e6)
    turn = FunctionTransformer(lambda X: X[["load", "price"]])
    pipe = behind(turn, known="price").fit(X, X["load"])
    expected = forecast(
        linear(known="price").fit(X, X["load"]), X, 6, X_future=to_come[["price"]]
    )
    try:
        result = forecast(pipe, X, 6, X_future=to_come)
    except ValueError:
        return  # a refusal is right too
    pd.testing.assert_series_equal(result, expected, rtol=1e-4)


def test_known_column_added_in_front():
    """A calendar column made in front from the index is known without X_future."""
    X = frame("load")
    weekday = FunctionTransformer(lambda X: X.assign(day=1.0 * X.index.day_of_week))
    pipe = behind(weekday, known="day").fit(X, X["load"])
    table = np.column_stack([X["load"], X.index.day_of_week])
    regressor = fit_by_hand(pipe[2:], table, table[:, 0], WINDOW, known=(1,))
    future = {1: days(N_ROWS + 6)[N_ROWS:].day_of_week}
    expected = forecast_by_hand(regressor, table, 6, WINDOW, known=(1,), future=future)
    try:
        result = forecast(pipe, X, steps=6)
    except ValueError:
        return  # a refusal is right too
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def shop_days(n_rows=60):
    """Return sales that a promotion doubles, its name, and a column of no use."""
    rng = np.random.default_rng(0)
    is_promo = rng.random(n_rows) < 0.4
    sales = 10 * (1 + is_promo) + 0.1 * rng.normal(size=n_rows)
    names = np.where(is_promo, "promo", "none")
    return pd.DataFrame(
        {"sales": sales, "name": names, "stock": rng.normal(size=n_rows)},
        index=days(n_rows),
    )


def encoded(*others, **known):
    """Return a pipeline that makes the known column of the name of the day."""
    front = FunctionTransformer(
        lambda X: X[["sales", *others]].assign(promo=1.0 * (X["name"] == "promo"))
    )
    return make_pipeline(front, *linear(known="promo", **known))


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("is_panel", [False, True])
def test_columns_that_known_ones_are_made_from_are_known(is_panel, is_wrapped):
    """They are needed in X_future by their own names, and read; others are not."""
    X, steps = shop_days(), 5
    pipe, plain = encoded(), linear(known="promo")
    past, later = X[:-steps], X[["name"]][-steps:]
    ready = X[["sales"]].assign(promo=1.0 * (X["name"] == "promo"))
    plain.fit(ready[:-steps], ready["sales"][:-steps])
    expected = forecast(plain, ready[:-steps], steps, X_future=ready[["promo"]])
    assert np.abs(expected - X["sales"][-steps:]).max() < 1
    if is_panel:
        past, later = (
            pd.concat([rows.assign(shop=shop, day=rows.index) for shop in "ab"])
            for rows in (past, later)
        )
        pipe = encoded("shop", "day", groups="shop", time="day")
        past = past.sample(frac=1, random_state=0)
        expected = np.tile(expected, 2)
    if is_wrapped:
        pipe = TransformedTargetRegressor(pipe)
    pipe.fit(past, past["sales"])
    found = forecast(pipe, past, steps, X_future=later)
    found = found["sales"] if is_panel else found
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"values to come of .* \['name'\]. Got None"):
        forecast(pipe, past, steps)
    with pytest.raises(ValueError, match=r"known columns \['name'\] in X_future"):
        forecast(pipe, past, steps, X_future=later.rename(columns={"name": "nmae"}))


def test_columns_that_known_ones_are_made_from_are_read_ahead():
    """Steps that are predicted at once read them at every row of theirs."""
    X = shop_days(90)
    front = encoded()[0]
    windows = SlidingWindow(7, known="promo", known_ahead=6)
    lstm = LSTMRegressor(2, steps=7, epochs=1, random_state=0)
    pipe = make_pipeline(front, windows, lstm).fit(X[:-14], X["sales"][:-14])
    ready = front.transform(X)
    plain = make_pipeline(windows, lstm).fit(ready[:-14], ready["sales"][:-14])
    for steps in (3, 7, 14):
        found = forecast(pipe, X[:-14], steps, X_future=X[["name"]][-14:])
        expected = forecast(plain, ready[:-14], steps, X_future=ready[["promo"]][-14:])
        pd.testing.assert_series_equal(found, expected)
    other = X[["name"]][-14:].copy()
    other.iloc[6] = "promo" if other.iloc[6, 0] == "none" else "none"
    changed = forecast(pipe, X[:-14], 14, X_future=other)
    assert (changed != found).all()


# -- what is read and what is left alone --------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
def test_only_the_last_rows_are_needed(horizon):
    """As many last rows as the windows reach forecast what all rows do."""
    X = frame("load")
    pipe = tree(horizon=horizon).fit(X[:30], X["load"][:30])
    expected = forecast(pipe, X, steps=6)
    result = forecast(pipe, X[-(WINDOW + horizon - 1) :], steps=6)
    pd.testing.assert_series_equal(result, expected)
    pipe = tree(horizon=horizon).fit(X.to_numpy()[:30], X["load"][:30])
    table = X.to_numpy()
    np.testing.assert_array_equal(
        forecast(pipe, table[-(WINDOW + horizon - 1) :], 6), forecast(pipe, table, 6)
    )


@pytest.mark.parametrize("kind", ["days", "months", "month periods", "range"])
def test_one_row_that_follows_those_of_fit(kind):
    """The rows of fit stand in for the past of rows that directly follow them."""
    X = frame("load", index=INDEXES[kind][:N_ROWS])
    pipe = tree().fit(X[:-1], X["load"][:-1])
    pd.testing.assert_series_equal(forecast(pipe, X[-1:], 6), forecast(pipe, X, 6))


def test_rows_before_the_end_of_fit():
    """A forecast from an earlier row reads none of the later rows of fit."""
    X = frame("load")
    pipe = tree().fit(X, X["load"])
    table = X.to_numpy()
    expected = forecast_by_hand(pipe[1:], table[:-2], 5, WINDOW)
    for rows in (X[:-2], X[-6:-2]):
        result = forecast(pipe, rows, steps=5)
        np.testing.assert_array_equal(result, expected)
        assert result.index[0] == X.index[-2]


@pytest.mark.parametrize("placeholder", [0.0, 1e6, -1e6])
@pytest.mark.parametrize("horizon", [1, 3])
def test_placeholders_are_never_read(monkeypatch, placeholder, horizon):
    """What holds the place of values to come changes no forecast, bit for bit."""
    import sklstm.forecasting._forecast as module

    every = frame("load", "wind", "price", n_rows=N_ROWS + 7)
    X, to_come = every[:N_ROWS], every[N_ROWS:]
    estimators = [
        linear(horizon=horizon, known="price"),
        behind(
            StandardScaler().set_output(transform="pandas"),
            horizon=horizon,
            known="price",
        ),
        VotingRegressor(
            [("a", linear(2, known="price")), ("b", tree(horizon=2, known="price"))]
        ),
    ]
    fitted = [clone(e).fit(X, X["load"]) for e in estimators]
    arguments = {"X_future": to_come[["wind", "price"]], "target": "load"}
    before = [forecast(e, X, 7, **arguments) for e in fitted]
    rows_with_future = module.rows_with_future

    def other_rows(X, future):
        rows = rows_with_future(X, future)
        rows.iloc[len(X) :] = placeholder
        return rows

    monkeypatch.setattr(module, "rows_with_future", other_rows)
    for estimator, expected in zip(fitted, before, strict=True):
        result = forecast(estimator, X, 7, **arguments)
        pd.testing.assert_series_equal(result, expected, check_exact=True)


def test_direct_placeholders_are_never_read(monkeypatch, direct_pipes):
    """Nor do they change what an LSTM predicts several steps ahead."""
    import sklstm.forecasting._forecast as module

    X, pipes = direct_pipes
    before = {horizon: forecast(pipe, X, 7) for horizon, pipe in pipes.items()}
    rows_with_future = module.rows_with_future
    monkeypatch.setattr(
        module,
        "rows_with_future",
        lambda X, future: pd.concat([X, rows_with_future(X, future)[len(X) :] + 1e6]),
    )
    for horizon, pipe in pipes.items():
        pd.testing.assert_series_equal(
            forecast(pipe, X, 7), before[horizon], check_exact=True
        )


def test_arguments_are_not_changed():
    """X, X_future and the estimator are left as they were, read-only ones too."""
    pipe, X, to_come = known_case()
    X_before, future_before = X.copy(), to_come.copy()
    context = pipe[0].context_.copy()
    forecast(pipe, X, steps=6, X_future=to_come)
    pd.testing.assert_frame_equal(X, X_before)
    pd.testing.assert_frame_equal(to_come, future_before)
    np.testing.assert_array_equal(pipe[0].context_, context)
    table, values = X.to_numpy(copy=True), to_come.to_numpy(copy=True)
    table.flags.writeable = values.flags.writeable = False
    pipe = linear(known=[0, 2]).fit(table, table[:, 1])
    forecast(pipe, table, steps=6, X_future=values)
    np.testing.assert_array_equal(table, X_before)
    np.testing.assert_array_equal(values, future_before)


def test_global_pandas_output():
    """A global ``transform_output="pandas"`` changes no forecast."""
    X = frame("load")
    pipes = [behind(StandardScaler()), linear(), tree(), jumps()]
    before = [forecast(clone(p).fit(X, X["load"]), X, 5) for p in pipes]
    with sklearn.config_context(transform_output="pandas"):
        after = [forecast(clone(p).fit(X, X["load"]), X, 5) for p in pipes]
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_series_equal(one, other, check_exact=True)


# -- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, -1, 1.0, 2.5, True, "2", None])
def test_error_steps(steps):
    """Steps must be a positive integer; the error shows what came."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    message = rf"'steps' .*\[1, inf\)\. Got {re.escape(repr(steps))} instead"
    with pytest.raises(ValueError, match=message):
        forecast(pipe, X, steps=steps)


def test_numpy_integer_steps():
    """A NumPy integer is as good as a Python one."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    pd.testing.assert_series_equal(
        forecast(pipe, X, np.int64(2)), forecast(pipe, X, steps=2)
    )


@pytest.mark.parametrize(
    "labels",
    [
        [f"day {row}" for row in range(N_ROWS)],
        np.arange(N_ROWS) / 2,
        pd.MultiIndex.from_product([["a"], range(N_ROWS)]),
        pd.timedelta_range("0s", periods=N_ROWS, freq="s"),
    ],
    ids=["strings", "fractions", "levels", "durations"],
)
def test_error_index_that_counts_no_rows(labels):
    """Labels that have no next one are refused, with the cure."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    with pytest.raises(ValueError, match=r"index that counts rows.*DatetimeIndex"):
        forecast(pipe, X.set_axis(labels), steps=1)


def test_error_rows_out_of_order():
    """Rows that are not oldest first, or doubled, are refused."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    with pytest.raises(ValueError, match="time order"):
        forecast(pipe, X[::-1], steps=2)
    with pytest.raises(ValueError, match=r"2024-02-09.* more than once"):
        forecast(pipe, pd.concat([X, X[-1:]]), steps=2)


@pytest.mark.parametrize("kind", ["frame", "array"])
def test_error_no_rows(kind):
    """No rows are refused with a sentence, not an index error."""
    X = frame("load")
    X = X if kind == "frame" else X.to_numpy()
    pipe = linear().fit(X, np.ravel(X))
    with pytest.raises(ValueError, match=r"at least one row|minimum of 1 is required"):
        forecast(pipe, X[:0], steps=1)


@pytest.mark.parametrize("kind", ["frame", "array"])
def test_error_other_columns(kind):
    """More columns than fit had are refused with their names, or both numbers."""
    X, more = frame("load"), frame("load", "wind")
    if kind == "array":
        X, more = X.to_numpy(), more.to_numpy()
    pipe = linear().fit(X, np.ravel(X))
    match = r"1 column\(s\) of the windows.*Got 2"
    if kind == "frame":
        match = r"in their order: \['load'\]. Got \['load', 'wind'\]; pass X\[list"
    with pytest.raises(ValueError, match=match):
        forecast(pipe, more, steps=1)


@pytest.mark.parametrize("known", [(), "price"])
def test_error_columns_of_another_order(known):
    """Columns of another order are told before those of X_future are looked at."""
    X = frame("load", "price")
    pipe = linear(known=known).fit(X, X["load"])
    with pytest.raises(ValueError, match=r"\['load', 'price'\]. Got \['price', 'load'"):
        forecast(pipe, X[["price", "load"]], 1, X_future=frame("price")[:1])
    with pytest.raises(ValueError, match=r"Got no column 'price' in \['load'\]; add"):
        forecast(pipe, X[["load"]], 1)
    search = GridSearchCV(linear(known=known), {}, cv=TimeSeriesSplit(2))
    search.fit(X, X["load"])
    with pytest.raises(ValueError, match=r"pass X\[list\(estimator.feature_names_in_"):
        forecast(search, X[["price", "load"]], 1)
    assert list(search.feature_names_in_) == list(X.columns)


def test_error_missing_value_in_the_past():
    """NaN among the rows that are read is refused by row and column."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    with pytest.raises(ValueError, match=r"NaN in row .*2024-02-08.*'load'"):
        forecast(pipe, without(X, -2), steps=1)


def test_names_of_y_tell_what_is_predicted():
    """Columns of y in another order than those of X are fed back as they are named."""
    X = frame("load", "wind")
    one = forecast(linear().fit(X, X[["wind", "load"]]), X, steps=4)
    other = forecast(linear().fit(X, X[["load", "wind"]]), X, steps=4)
    assert list(one.columns) == ["wind", "load"]
    pd.testing.assert_frame_equal(one[["load", "wind"]], other, rtol=1e-6)


def test_a_y_that_is_no_column_is_not_fed_back():
    """A y of another name than the lagged column is named, and asks for a target."""
    X = frame("load")
    pipe = linear().fit(X, X["load"].diff().fillna(0).rename("change"))
    assert forecast(pipe, X, steps=1).name == "change"
    with pytest.raises(ValueError, match=r"a y of other names.*target"):
        forecast(pipe, X, steps=2)


def test_too_short_a_past_warns():
    """Fewer rows than a window reads give a warning, unless fit kept those before."""
    X = frame("load")
    pipe = linear().fit(X[:-2], X["load"][:-2])
    with pytest.warns(UserWarning, match=r"X has 1 row\(s\), fewer than the 4"):
        forecast(pipe, X[-1:], steps=1)
    forecast(pipe, X[-2:], steps=1)


HOLED = {
    "pipeline": linear,
    "voting": lambda: VotingRegressor([("short", linear(1)), ("long", linear())]),
    "target": lambda: TransformedTargetRegressor(
        linear(), func=np.log, inverse_func=np.exp
    ),
    "in front": lambda: make_pipeline(
        StandardScaler().set_output(transform="pandas"), *linear()
    ),
    "recursive": linear,
}


@pytest.mark.parametrize("kind", HOLED)
@pytest.mark.parametrize("back", [2, 3, 4, 5])
def test_a_hole_before_the_newest_rows_warns(kind, back, recwarn):
    """It does where fewer rows than a window follow it, with the labels around it."""
    X = frame("load")
    holed = X.drop(X.index[-back])
    pipe = HOLED[kind]().fit(X[: N_ROWS // 2], X["load"][: N_ROWS // 2])
    forecast(pipe, holed, steps=3 if kind == "recursive" else 1)
    said = [str(warning.message) for warning in recwarn]
    assert len(said) == (back <= WINDOW)
    if said:
        around = [repr(X.index[at]) for at in (-back - 1, 1 - back)]
        assert (
            f"hole between {around[0]} and {around[1]}, and {back - 1} row(s)"
            in said[0]
        )
        assert "fewer than the 4" in said[0]
        assert "CustomBusinessDay" in said[0]
    recwarn.clear()


def test_a_hole_whose_rows_fit_has_kept_does_not_warn():
    """The rows that fit kept stand in front of those after the hole."""
    X = frame("load")
    pipe = linear().fit(X, X["load"])
    holed = forecast(pipe, X.drop(X.index[-3]), steps=2)
    pd.testing.assert_series_equal(holed, forecast(pipe, X, steps=2))


def test_rows_that_follow_each_other_have_no_hole():
    """With elapsed, or an index that knows holidays, none is told of."""
    X = frame("load")
    holed = X.drop(X.index[-3])
    pipe = linear(elapsed=True).fit(holed, holed["load"])
    forecast(pipe, holed, steps=1)
    free = pd.offsets.CustomBusinessDay(weekmask="1111111", holidays=[X.index[-3]])
    holed.index = pd.DatetimeIndex(holed.index, freq=free)
    forecast(linear().fit(holed, holed["load"]), holed, steps=1)


def test_a_column_without_a_value_to_carry_warns():
    """The newest window lacks steps although the rows are there."""
    X = frame("load", "wind")
    pipe = linear(missing="carry").fit(X, X["load"])
    later = X.set_axis(X.index + pd.Timedelta(days=90))
    later.iloc[:-2, 1] = np.nan
    with pytest.warns(UserWarning, match=r"to carry.* has 2 of 4 steps"):
        forecast(pipe, later, steps=1, target="load")


def test_short_groups_of_a_panel_warn_once():
    """One sentence says how many groups have too short a past, and why the first."""
    X = pd.concat(
        [frame("load").assign(shop=shop).rename_axis("day") for shop in "abc"]
    ).reset_index()
    pipe = linear(groups="shop", time="day").fit(
        X[X["day"] < "2024-01-20"], X["load"][X["day"] < "2024-01-20"]
    )
    gone = X["day"].isin(days()[[-3]]) & (X["shop"] != "a")
    with pytest.warns(UserWarning) as caught:
        forecast(pipe, X[~gone], steps=2)
    (warning,) = caught
    words = "Group 'b' of X, the first of 2 such among 3, has a hole between "
    assert str(warning.message).startswith(f"{words}{days()[-4]!r} and {days()[-2]!r}")
    old = (X["shop"] == "c") & (X["day"] < days()[-2])
    late = X.assign(shop=X["shop"] + " new")
    with pytest.warns(UserWarning, match=r"^Group 'c new' of X has 2 row\(s\), fewer"):
        forecast(pipe, late[~old], steps=1)
    forecast(pipe, X, steps=2)


def test_columns_that_are_called_by_numbers():
    """A Series named 0, and columns 0 and 1, keep their names and forecast alike."""
    table = frame("load", "tide")
    expected = forecast(linear().fit(table[["load"]], table["load"]), table["load"], 3)
    series = table["load"].rename(0)
    ours = forecast(linear().fit(series, series), series, 3)
    pd.testing.assert_series_equal(ours, expected.rename(0))
    table.columns = [0, 1]
    pipe = linear(known=[1]).fit(table, table[0])
    future = pd.DataFrame({1: [1.0, 2.0, 3.0]}, index=days(N_ROWS + 3)[-3:])
    plain = forecast(pipe, table, 3, X_future=future)
    ends = forecast(
        pipe, table, 3, X_future=future, coverage=0.5, residuals=np.ones((9, 3))
    )
    assert plain.name == 0
    assert list(ends.columns) == ["0", "0_lower", "0_upper"]
    np.testing.assert_array_equal(ends["0"], plain)


# -- known columns of the rows of a block -------------------------------------------


def promoted(n_rows=160, seed=0):
    """Return sales that follow the week and the promotions of their own day."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_rows)
    promo = (rng.random(n_rows) < 0.3) * 1.0
    sales = 100 + 20 * promo + 5 * np.sin(t * 2 * np.pi / 7)
    return pd.DataFrame({"sales": sales, "promo": promo}, index=days(n_rows))


def promoted_pipe(**params):
    windows = SlidingWindow(14, known="promo", known_ahead=6, **params)
    return make_pipeline(windows, LSTMRegressor(2, steps=7, epochs=1, random_state=0))


@pytest.mark.parametrize("horizon", [1, 2])
def test_direct_steps_read_what_is_known_of_them(horizon):
    """A promotion inside a block of steps is in the forecast, for every block."""
    X = promoted()
    train, rest = X[:-14], X[-14:]
    pipe = promoted_pipe(horizon=horizon).fit(train, train["sales"])
    found = forecast(pipe, train, 14, X_future=rest[["promo"]])
    np.testing.assert_allclose(found, rest["sales"], atol=1e-3)
    without = pipe.set_params(slidingwindow__known_ahead=0)
    without.fit(train, train["sales"])
    missed = forecast(without, train, 14, X_future=rest[["promo"]])
    assert np.abs(missed - rest["sales"]).max() > 5


def test_direct_steps_of_arrays_and_of_a_panel_read_ahead():
    """Rows of an array, and of every group, read as those of a single frame do."""
    X = promoted()
    train, rest = X[:-14], X[-14:]
    pipe = promoted_pipe().set_params(slidingwindow__known=[1])
    pipe.fit(train.to_numpy(), train["sales"].to_numpy())
    found = forecast(pipe, train.to_numpy(), 14, X_future=rest[["promo"]].to_numpy())
    np.testing.assert_allclose(found, rest["sales"], atol=1e-3)
    long = pd.concat(
        [X.assign(shop=k, day=X.index, sales=k * X["sales"]) for k in (1, 4)],
        ignore_index=True,
    )
    is_train = long["day"] < rest.index[0]
    panel = promoted_pipe(groups="shop", time="day")
    train = long[is_train].sample(frac=1, random_state=0)
    panel.fit(train, train["sales"])
    future = long[~is_train].drop(columns="sales")
    found = forecast(panel, train, 14, X_future=future)
    both = found.merge(long, on=["shop", "day"], suffixes=("", "_true"))
    assert len(both) == 2 * 14
    np.testing.assert_allclose(both["sales"], both["sales_true"], atol=1e-3)
