"""Pipelines of lags and their forecasts by loops, which several test files share."""

import subprocess
import sys

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklstm import LSTMRegressor, SlidingWindow, forecast

WINDOW = 4
N_ROWS = 40


def printed_afresh(code, *options, **settings):
    """Return what some code prints in a new interpreter, once it has not failed."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        **{"timeout": 120} | settings,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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


# Where rows in shops have their groups and times.
OF_SHOPS = {"groups": "shop", "time": "day"}


def in_shops(rows, names="ab"):
    """Return a long frame of shops, each of which has the same rows."""
    parts = [rows.assign(shop=name, day=rows.index) for name in names]
    return pd.concat(parts, ignore_index=True)


def linear(window=WINDOW, **parameters):
    """Return windows, imputation and least squares."""
    windows = SlidingWindow(window, layout="flat", **parameters)
    return make_pipeline(windows, SimpleImputer(), LinearRegression())


def tree(window=WINDOW, **parameters):
    """Return windows and a decision tree, which takes NaN as it comes."""
    windows = SlidingWindow(window, layout="flat", **parameters)
    return make_pipeline(windows, DecisionTreeRegressor(max_depth=4, random_state=0))


def behind(*steps, **parameters):
    """Return a pipeline of least squares with steps in front of its windows."""
    return make_pipeline(*steps, *(step for _, step in linear(**parameters).steps))


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
    return clone(regressor).fit(np.array(lags), y)


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
        lags = np.array([lag_row(table, row, window, horizon, known)])
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

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict_steps(self, X):
        newest = np.asarray(X).reshape(len(X), -1)[:, -1:].astype(float)
        return np.nan_to_num(newest) + 10.0 ** np.arange(self.steps)

    def predict(self, X):
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


# -- backtests ----------------------------------------------------------------------

# The days of each store: a whole one, one with a hole, one that begins late, one that
# ends early, and one that training has not seen.
DAYS = {
    "c": range(40),
    "a": [*range(20), *range(22, 31), *range(33, 40)],
    "b": range(12, 40),
    "d": range(30),
    "e": range(33, 40),
}


# Where a panel has its groups and times.
KEYS = {"groups": "store", "time": "day"}


def series(n_rows=60, seed=0):
    """Return the hourly load of one series."""
    values = np.random.default_rng(seed).normal(size=n_rows).cumsum() + 50
    index = pd.date_range("2024-01-01", periods=n_rows, freq="h")
    return pd.DataFrame({"load": values}, index=index)


def promoted(n_rows, noise=0.0):
    """Return sales that follow the week and the promotions of their own day."""
    rng = np.random.default_rng(0)
    promo = (rng.random(n_rows) < 0.3) * 1.0
    sales = 100 + 20 * promo + 5 * np.sin(np.arange(n_rows) * 2 * np.pi / 7)
    walk, jitter = rng.normal(size=n_rows).cumsum(), 2 * rng.normal(size=n_rows)
    sales += noise * (walk + jitter)
    return pd.DataFrame({"sales": sales, "promo": promo}, index=days(n_rows))


def stores(days=None, seed=0, zone=None):
    """Return the rows of several stores in one shuffled frame."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2024-03-20", periods=60, tz=zone)
    parts = []
    for number, (store, own) in enumerate((days or DAYS).items()):
        values = rng.normal(size=(len(own), 2)).cumsum(axis=0) + 20 * (1 + number)
        part = pd.DataFrame(values, columns=["load", "price"])
        parts.append(part.assign(store=store, day=index[list(own)]))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["store", "day", "load", "price"]].sample(frac=1, random_state=1)


def flat_ridge(window=4, **kwargs):
    """Return flat windows and a ridge regression."""
    windows = SlidingWindow(window=window, layout="flat", **kwargs)
    return make_pipeline(windows, SimpleImputer(), Ridge())


def tiny_lstm(window=4, groups=None, time=None, **kwargs):
    """Return windows and a network of two units."""
    regressor = LSTMRegressor(2, epochs=1, random_state=0, **kwargs)
    return make_pipeline(SlidingWindow(window, groups=groups, time=time), regressor)


def backtest_by_hand(estimator, X, cv, steps, stride=1, known=()):
    """Return the rows of a loop: fit, forecast from an origin, append the next row."""
    rows, is_long = [], "store" in X
    for fold, (train, test) in enumerate(cv.split(X)):
        rows_of_fit = X.iloc[train]
        if is_long:
            rows_of_fit = rows_of_fit.sort_values(["store", "day"])
        fitted = clone(estimator).fit(rows_of_fit, rows_of_fit["load"])
        tested = (X["day"] if is_long else X.index.to_series()).iloc[test]
        for store, own in X.groupby("store") if is_long else [(None, X)]:
            if is_long:
                own = own.sort_values("day").set_index("day", drop=False)
            is_tested = (own.index >= tested.min()) & (own.index <= tested.max())
            at = np.flatnonzero(is_tested)
            if not len(at):
                continue
            for origin in range(max(at[0] - 1, 0), at[-1], stride):
                ahead, past = own[origin + 1 : origin + 1 + steps], own[: origin + 1]
                freq = "D" if is_long else "h"
                labels = pd.date_range(past.index[-1], periods=steps + 1, freq=freq)[1:]
                if ahead.index.tolist() != labels.tolist():
                    continue
                keys = ["store", "day"] if is_long else []
                future = ahead[[*keys, *known]] if known else None
                if is_long:
                    past = past.reset_index(drop=True)
                    future = None if future is None else future.reset_index(drop=True)
                made = forecast(fitted, past, steps, X_future=future)
                made = made["load"] if is_long else made
                for step in range(steps):
                    values = ahead["load"].iloc[step], made.iloc[step]
                    place = (fold, store, own.index[origin], step + 1)
                    rows.append((*place, *values))
    names = ["fold", "group", "origin", "step", "y_true", "y_pred"]
    return pd.DataFrame(rows, columns=names)


def ridge_by_hand(lags, targets, sample_weight=None):
    """Return the function from lags to what scikit-learn's ridge predicts of them."""
    lags = np.array(lags)
    scaler, ridge = StandardScaler().fit(lags), RidgeCV(10.0 ** np.arange(-3, 5))
    ridge.fit(scaler.transform(lags), targets, sample_weight=sample_weight)
    return lambda row: ridge.predict(scaler.transform([row])).ravel()


def assert_is_loop(result, expected, rtol=1e-6):
    """Assert that a result has the rows of a loop, at the labels that they are of."""
    ours = result.predictions
    names = ["fold", "origin", "step", "y_true"]
    for name in names if result.groups is None else ["group", *names]:
        assert ours[name].tolist() == expected[name].tolist()
    np.testing.assert_allclose(ours["y_pred"], expected["y_pred"], rtol=rtol)
    unit = "h" if result.groups is None else "D"
    ahead = pd.to_timedelta(ours["step"].to_numpy(), unit)
    assert ours.index.tolist() == (pd.DatetimeIndex(ours["origin"]) + ahead).tolist()


# -- windows for regressors ---------------------------------------------------------


def walk(n_rows=64, n_channels=1, seed=0):
    """Return a random walk of shape (n_rows, n_channels)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, n_channels)).cumsum(axis=0)


def windows_of(series, window=WINDOW):
    """Return full windows and what follows them in the first column, read-only."""
    windows = [series[row - window : row] for row in range(window, len(series))]
    arrays = np.array(windows, dtype=np.float32), series[window:, 0].copy()
    for array in arrays:
        array.flags.writeable = False
    return arrays
