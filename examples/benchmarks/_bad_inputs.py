"""Bad inputs to every public function and parameter, which ``attack.py`` tries."""

import datetime
import decimal
import warnings
from copy import deepcopy
from dataclasses import dataclass
from tempfile import gettempdir
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

import sklstm
from sklstm import ForecastDisplay, LSTMRegressor, SlidingWindow

N_ROWS = 60
BEYOND = 10**400


@dataclass
class Case:
    """A call, and whether it may work, must, or must be refused or told."""

    name: str
    call: Any
    expected: str = "refused"


def waves(n_rows=N_ROWS, first="2024-01-01"):
    """Return a frame of two columns at days."""
    index = pd.date_range(first, periods=n_rows, freq="D")
    values = 20 + np.random.default_rng(0).normal(size=(n_rows, 2)).cumsum(axis=0)
    return pd.DataFrame(values, index, ["load", "heat"])


def panel():
    """Return a long frame of two groups."""
    parts = [waves().reset_index(names="day").assign(store=store) for store in "ab"]
    return pd.concat(parts, ignore_index=True)


def with_column(frame, values):
    """Return a frame whose first column holds other values."""
    frame = frame.copy(deep=False)
    frame.isetitem(0, pd.Series(values, frame.index))
    return frame


def with_labels(frame, labels):
    """Return a frame at other labels."""
    return frame.set_axis(pd.Index(labels), axis=0)


# What no function can read as rows of numbers, made from good rows.
NO_ROWS = {
    "None": lambda _: None,
    "text": lambda _: "rows",
    "bytes": lambda _: b"rows",
    "a number": lambda _: 3.5,
    "a dict": lambda _: {"load": [1.0, 2.0]},
    "a set": lambda _: {1.0, 2.0},
    "a generator": lambda X: (row for row in X.to_numpy()),
    "an object": lambda _: object(),
    "a class": lambda _: SlidingWindow,
    "ragged lists": lambda X: [[1.0, 2.0], [3.0]] * (len(X) // 2),
    "complex numbers": lambda X: X.to_numpy() + 1j,
    "a complex column": lambda X: with_column(X, np.arange(len(X)) * 1j),
    "a sparse matrix": lambda X: csr_matrix(X.to_numpy()),
    "an array of text": lambda X: X.to_numpy().astype(str) + "x",
    "a list of text": lambda X: [["a", "b"]] * len(X),
    "a column of text": lambda X: with_column(X, ["a"] * len(X)),
    "a question mark": lambda X: with_column(X, ["?"] + [1.0] * (len(X) - 1)),
    "lists in cells": lambda X: with_column(X, [[1, 2]] * len(X)),
    "dicts in cells": lambda X: with_column(X, [{1: 2}] * len(X)),
    "times in cells": lambda X: with_column(X, [datetime.time(3)] * len(X)),
    "dates": lambda X: X.assign(load=X.index),
    "an array of dates": lambda X: np.full((len(X), 2), np.datetime64("2024-01-01")),
    "ints of 400 digits": lambda X: with_column(X, [BEYOND] * len(X)),
    "a list of such ints": lambda X: [[BEYOND, 1]] * len(X),
    "infinity": lambda X: X.replace(X.iloc[-1, 0], np.inf),
    "minus infinity": lambda X: X.replace(X.iloc[0, 0], -np.inf).to_numpy(),
    "no column": lambda X: X[[]],
    "no row": lambda X: X[:0],
    "an empty list": lambda _: [],
    "four dimensions": lambda X: np.ones((len(X), 2, 2, 2)),
}
# What is strange, and may be read rightly or refused.
STRANGE_ROWS = {
    "1e300": lambda X: X.replace(X.iloc[0, 0], 1e300),
    "1e-300": lambda X: X * 1e-300,
    "one dimension": lambda X: X["load"].to_numpy(),
    "a flat list": lambda X: X["load"].tolist(),
    "three dimensions": lambda X: np.ones((len(X), 2, 2)),
    "a list of lists": lambda X: X.to_numpy().tolist(),
    "a Series": lambda X: X["load"],
    "decimals": lambda X: with_column(X, [decimal.Decimal("1.5")] * len(X)),
    "truth values": lambda X: with_column(X, [True, False] * (len(X) // 2)),
    "nullable integers": lambda X: with_column(X, pd.array([1] * len(X), "Int64")),
    "a masked array": lambda X: np.ma.masked_less(X.to_numpy(), 15),
    "sparse columns": lambda X: with_column(X, pd.arrays.SparseArray(X["load"])),
    "categories": lambda X: with_column(X, pd.Categorical([1, 2] * (len(X) // 2))),
    "a column of NaN": lambda X: X.assign(load=np.nan),
    "NaN alone": lambda X: X * np.nan,
    "the newest rows NaN": lambda X: pd.concat([X[:-9], X[-9:] * np.nan]),
    "a column twice": lambda X: pd.concat([X, X], axis=1),
    "another column": lambda X: X.assign(other=1.0),
    "columns in another order": lambda X: X[["heat", "load"]],
    "a name that is NaN": lambda X: X.set_axis([np.nan, "heat"], axis=1),
    "names that are numbers": lambda X: X.set_axis([0, 1], axis=1),
    "names of both kinds": lambda X: X.set_axis([0, "heat"], axis=1),
    "two levels of names": lambda X: pd.concat({"a": X}, axis=1),
    "rows backwards": lambda X: X[::-1],
    "a label twice": lambda X: with_labels(X, [X.index[0], *X.index[:-1]]),
    "a label that is NaT": lambda X: with_labels(X, [pd.NaT, *X.index[1:]]),
    "a label that is NaN": lambda X: with_labels(X, [np.nan, *range(1, len(X))]),
    "uint64 labels": lambda X: with_labels(
        X, np.arange(len(X), dtype="uint64") + np.uint64(2**63)
    ),
    "labels at int64's end": lambda X: with_labels(
        X, 2**63 - 1 - np.arange(len(X))[::-1]
    ),
    "float labels": lambda X: with_labels(X, np.arange(len(X)) / 2),
    "text labels": lambda X: with_labels(X, [f"row {n}" for n in range(len(X))]),
    "mixed labels": lambda X: with_labels(X, ["a", *range(1, len(X))]),
    "months as integers": lambda X: with_labels(
        X, X.index.year * 100 + X.index.month + np.arange(len(X)) % 2
    ),
    "dates of Python": lambda X: with_labels(X, X.index.date),
    "intervals": lambda X: with_labels(X, pd.interval_range(0, len(X))),
    "durations": lambda X: with_labels(X, pd.to_timedelta(range(len(X)), "h")),
    "categories as labels": lambda X: with_labels(X, pd.CategoricalIndex(X.index)),
    "two levels of labels": lambda X: pd.concat({"a": X}),
    "the last days of time": lambda X: with_labels(
        X, pd.date_range("2262-04-11", periods=len(X), freq="-1D", unit="ns")[::-1]
    ),
    "a zone": lambda X: X.tz_localize("Europe/Berlin"),
    "one row": lambda X: X[-1:],
}
NO_TARGET = {
    "text": lambda _: "target",
    "a number": lambda _: 3.5,
    "a dict": lambda _: {"load": 1.0},
    "a set": lambda _: {1.0},
    "a generator": lambda y: (value for value in y),
    "an object": lambda _: object(),
    "a function": lambda _: len,
    "complex numbers": lambda y: y.to_numpy() + 1j,
    "a list of text": lambda y: ["a"] * len(y),
    "numbers as text": lambda y: y.astype(str).to_numpy() + "x",
    "dates": lambda y: y.index,
    "durations": lambda y: y.index.to_numpy() - y.index[0].to_numpy(),
    "ints of 400 digits": lambda y: [BEYOND] * len(y),
    "lists in cells": lambda y: pd.Series([[1, 2]] * len(y), y.index),
    "ragged lists": lambda y: [[1.0], [1.0, 2.0]] * (len(y) // 2),
    "NaN": lambda y: y.where(y != y.iloc[3]),
    "None in cells": lambda y: [None, *y[1:]],
    "infinity": lambda y: y.replace(y.iloc[3], np.inf),
    "three dimensions": lambda y: np.ones((len(y), 2, 2)),
    "too few": lambda y: y[:-1].to_numpy(),
    "too many": lambda y: np.arange(len(y) + 1.0),
    "other labels": lambda y: y.shift(1, freq="D"),
    "an empty list": lambda _: [],
    "a sparse matrix": lambda y: csr_matrix(y.to_numpy()[:, None]),
}
NO_WEIGHTS = {
    "text": lambda _: "weights",
    "texts": lambda w: ["a"] * len(w),
    "a dict": lambda _: {"a": 1},
    "a generator": lambda w: (value for value in w),
    "an object": lambda _: object(),
    "complex numbers": lambda w: w + 1j,
    "ints of 400 digits": lambda w: [BEYOND] * len(w),
    "NaN": lambda w: w * np.nan,
    "infinity": lambda w: w * np.inf,
    "negative ones": lambda w: -w,
    "zeros": lambda w: 0 * w,
    "too few": lambda w: w[1:],
    "two dimensions": lambda w: np.ones((len(w), 2)),
}
# What is no value of any parameter that is a number, a name or a switch ...
JUNK = {
    "an object": object(),
    "a word": "nonsense",
    "bytes": b"x",
    "a dict": {1: 2},
    "a complex number": 1j,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "-7": -7,
    "an array": np.ones(2),
    "a class": SlidingWindow,
    "an int of 400 digits": BEYOND,
    "-(10**400)": -BEYOND,
}
# ... but for these, where it has a meaning or is never read.
MAY_WORK = {
    "KerasRegressor": {"callbacks", "keras_params", "verbose"},
    "LSTMRegressor": {"verbose"},
}
MAY_WORK_ALWAYS = {"random_state", "n_jobs"}
HUGE = {
    "LSTMRegressor": {
        "units": [10**9, (10**9, 2), (50_000, 50_000), (1,) * 10_000_000],
        "n_models": [10**9],
        "steps": [10**9],
        "patch": [10**9],
        "quantiles": [np.linspace(0.001, 0.999, 10_000_000)],
    },
    "SlidingWindow": {
        "window": [10**8, 10**9, 10**18],
        "horizon": [10**9, 10**18],
        "known_ahead": [10**9, BEYOND],
    },
}
HARMLESS = {
    "LSTMRegressor": {
        "batch_size": [10**12, 2**62],
        "epochs": [10**12, 2**62],
        "n_iter_no_change": [10**12, 2**62],
        "n_jobs": [10**9, -(10**9)],
        "learning_rate": [1e300, 1e18, 1e-300],
        "validation_fraction": [1e-300, 1 - 1e-16],
        "dropout": [1 - 1e-16, 1 - 1e-9],
        "random_state": [2**32, -1, np.random.default_rng(0)],
        "optimizer_params": [{"beta_1": 1.0}, {"epsilon": 0}, {"epsilon": BEYOND}],
    },
    "SlidingWindow": {"window": [30, 59, 60, 1000]},
}


def cases():
    """Yield every case, from the same good rows each time."""
    X, y = waves(), waves()["load"]
    later = waves(N_ROWS + 5)[-5:]
    windows = SlidingWindow(3).fit(X, y)
    lstm = LSTMRegressor(2, epochs=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = make_pipeline(SlidingWindow(3), lstm).fit(X, waves())
        single = make_pipeline(SlidingWindow(3), LSTMRegressor(2, epochs=2))
        single.fit(X[["load"]], y)
    flat = make_pipeline(SlidingWindow(3, layout="flat"), SimpleImputer(), Ridge())
    cube = np.asarray(windows.transform(X))
    yield from _of_rows(X, y, later, pipe)
    yield from _of_targets(X, y, single, flat, cube)
    yield from _of_parameters(X, y, cube)
    yield from _of_functions(X, y, single)


def _fresh(steps=None):
    """Return an unfitted pipeline."""
    regressor = LSTMRegressor(2, epochs=1, random_state=0, steps=steps or 1)
    return make_pipeline(SlidingWindow(3), regressor)


def _of_rows(X, y, later, pipe):
    """Yield cases of X."""
    cv = TimeSeriesSplit(2)
    calls = {
        "SlidingWindow.fit": lambda Z: SlidingWindow(3).fit_transform(Z),
        "SlidingWindow.transform": pipe[0].transform,
        "SlidingWindow.partial_fit": lambda Z: deepcopy(pipe[0]).partial_fit(Z),
        "LSTMRegressor.fit": lambda Z: LSTMRegressor(2, epochs=1).fit(Z, y),
        "LSTMRegressor.predict": pipe[-1].predict,
        "fit": lambda Z: _fresh().fit(Z, y),
        "predict": pipe.predict,
        "forecast": lambda Z: sklstm.forecast(pipe, Z, 2),
        "backtest": lambda Z: sklstm.backtest(_fresh(), Z, y, cv=cv),
        "update": lambda Z: sklstm.update(deepcopy(pipe), Z, waves()),
        "gates": lambda Z: sklstm.gates(pipe, Z),
        "contributions": lambda Z: sklstm.contributions(pipe, Z),
        "ForecastDisplay": lambda Z: ForecastDisplay.from_predictions(Z, y[-5:]).plot(),
        "PanelTimeSeriesSplit": lambda Z: [*sklstm.PanelTimeSeriesSplit(2).split(Z)],
    }
    for function, call in calls.items():
        reads_labels = function in ("ForecastDisplay", "PanelTimeSeriesSplit")
        for name, make in (NO_ROWS | STRANGE_ROWS).items():
            is_bad = name in NO_ROWS and not reads_labels
            expected = "refused" if is_bad else "either"
            yield Case(
                f"{function}, X: {name}",
                lambda call=call, make=make: call(make(X)),
                expected,
            )
    keys = {
        "store": {"lists": [1, 2], "NaN": np.nan, "an object": object(), "a set": {1}},
        "day": {"text": "noon", "NaT": pd.NaT, "NaN": np.nan, "lists": [1]},
    }
    for column, values in keys.items():
        for name, value in values.items():
            long = panel()
            long[column] = long[column].astype(object)
            long.at[3, column] = value
            own = SlidingWindow(3, groups="store", time="day")
            yield Case(f"{column} holds {name}", lambda Z=long, o=own: o.fit(Z))
    future = {
        "None": None,
        "text": "rows",
        "a number": 5,
        "a dict": {"heat": [1, 2]},
        "a generator": (n for n in range(2)),
        "text in cells": later[["heat"]].astype(str) + "x",
        "NaN": later[["heat"]] * np.nan,
        "infinity": later[["heat"]] * np.inf,
        "complex numbers": later[["heat"]] * 1j,
        "too few rows": later[["heat"]][:1],
        "other labels": X[["heat"]],
        "no such column": later[["load"]],
        "a label twice": pd.concat([later, later])[["heat"]],
        "an array of text": np.array([["a"], ["b"]]),
        "an array of three columns": np.ones((2, 3)),
        "ints of 400 digits": later[["heat"]].assign(heat=[BEYOND] * 5),
        "lists in cells": later[["heat"]].assign(heat=[[1]] * 5),
        "dates": later[["heat"]].assign(heat=later.index),
    }
    known = make_pipeline(SlidingWindow(3, known="heat"), LSTMRegressor(2, epochs=1))
    known.fit(X, y)
    for name, value in future.items():
        yield Case(
            f"forecast, X_future: {name}",
            lambda Z=value: sklstm.forecast(known, X, 2, X_future=Z),
        )


def _of_targets(X, y, single, flat, cube):
    """Yield cases of y and of weights."""
    cv, metrics = TimeSeriesSplit(2), sklstm.metrics
    calls = {
        "fit": lambda t: _fresh().fit(X, t),
        "LSTMRegressor.fit": lambda t: LSTMRegressor(2, epochs=1).fit(cube, t),
        "partial_fit": lambda t: deepcopy(single[-1]).partial_fit(cube[:, :, :1], t),
        "backtest": lambda t: sklstm.backtest(flat, X[["load"]], t, cv=cv),
        "update": lambda t: sklstm.update(deepcopy(single), X[["load"]], t),
        "mean_absolute_scaled_error": lambda t: metrics.mean_absolute_scaled_error(
            t, y, y_train=y
        ),
        "y_train": lambda t: metrics.mean_absolute_scaled_error(y, y, y_train=t),
        "sMAPE": lambda t: metrics.symmetric_mean_absolute_percentage_error(y, t),
        "interval_coverage": lambda t: metrics.interval_coverage(y, t, y + 1e9),
        "mean_interval_score": lambda t: metrics.mean_interval_score(
            t, y, y + 1, coverage=0.8
        ),
    }
    read_anyhow = {"too few", "too many", "other labels"}  # by these functions
    for function, call in calls.items():
        is_metric = function not in list(calls)[:5]
        for name, make in ({"None": lambda _: None} | NO_TARGET).items():
            may = is_metric and (name == "other labels" or function == "y_train")
            may &= name in read_anyhow
            if name == "other labels" and function.endswith("partial_fit"):
                may = True  # windows have no labels
            may |= name == "other labels" and function == "LSTMRegressor.fit"
            yield Case(
                f"{function}, y: {name}",
                lambda call=call, make=make: call(make(y)),
                "either" if may else "refused",
            )
    weights = np.ones(N_ROWS)
    calls = {
        "fit": lambda w: LSTMRegressor(2, epochs=1).fit(cube, y.to_numpy(), w),
        "update": lambda w: sklstm.update(
            deepcopy(single[-1]), cube[:, :, :1], y.to_numpy(), sample_weight=w
        ),
        "backtest": lambda w: sklstm.backtest(
            flat, X[["load"]], y, cv=cv, params={"ridge__sample_weight": w}
        ),
        "MASE": lambda w: metrics.mean_absolute_scaled_error(
            y, y, y_train=y, sample_weight=w
        ),
    }
    for function, call in calls.items():
        for name, make in NO_WEIGHTS.items():
            is_theirs = function == "backtest" and name in ("zeros", "negative ones")
            is_theirs |= function == "update" and name == "zeros"
            yield Case(
                f"{function}, sample_weight: {name}",
                lambda call=call, make=make: call(make(weights)),
                "either" if is_theirs else "refused",
            )


def _of_parameters(X, y, cube):
    """Yield cases of the parameters of estimators."""
    target = y.to_numpy()
    long = panel()
    kinds = {
        "LSTMRegressor": lambda **own: (
            LSTMRegressor(**{"units": 2, "epochs": 2, "random_state": 0} | own)
            .fit(cube, target)
            .predict(cube)
        ),
        "SlidingWindow": lambda **own: SlidingWindow(
            **{"window": 3, "known": "heat"} | own
        ).fit_transform(X, y),
        "PanelTimeSeriesSplit": lambda **own: [
            *sklstm.PanelTimeSeriesSplit(**{"n_splits": 2, "time": "day"} | own).split(
                long
            )
        ],
    }
    for kind, fit in kinds.items():
        for parameter in (
            getattr(sklstm, kind)().get_params()
            if kind != ("PanelTimeSeriesSplit")
            else ("n_splits", "time", "max_train_size", "test_size", "gap")
        ):
            may = parameter in MAY_WORK_ALWAYS | MAY_WORK.get(kind, set())
            for name, value in JUNK.items():
                is_number = name == "an int of 400 digits"
                yield Case(
                    f"{kind}({parameter}: {name})",
                    lambda fit=fit, own={parameter: value}: fit(**own),
                    "either" if may or is_number else "refused",
                )
    for table, expected in ((HUGE, "refused"), (HARMLESS, "either")):
        for kind, parameters in table.items():
            for parameter, values in parameters.items():
                for place, value in enumerate(values):
                    yield Case(
                        f"{kind}({parameter}: huge or tiny, {place})",
                        lambda fit=kinds[kind], own={parameter: value}: fit(**own),
                        expected,
                    )
    params = [
        ("global_clipnorm", -1), ("global_clipnorm", 0), ("beta_1", 2),
        ("nesterov", 1), ("momentum", 0.5), (1, 1), ("epsilon", "a"),
        ("epsilon", float("nan")), ("weight_decay", -1),
    ]  # fmt: skip
    for name, value in params:
        yield Case(
            f"optimizer_params={{{name!r}: {value!r}}}",
            lambda own={name: value}: kinds["LSTMRegressor"](optimizer_params=own),
        )
    for own in (
        {"units": True}, {"units": ()}, {"units": (3, 0)}, {"units": [2.0]},
        {"quantiles": ()}, {"quantiles": [0.5, 0.5]}, {"quantiles": [0.9, 0.1]},
        {"quantiles": 0.5}, {"quantiles": [0, 0.5]}, {"quantiles": ["a"]},
        {"quantiles": [0.5], "loss": "mse"}, {"patch": 4}, {"n_jobs": 0},
        {"steps": 60}, {"epochs": -1}, {"epochs": True}, {"epochs": 2.0},
        {"batch_size": 0}, {"n_models": 0}, {"validation_fraction": 1.0},
        {"dropout": 1.0}, {"early_stopping": 3}, {"scaling": True},
    ):  # fmt: skip
        yield Case(f"LSTMRegressor({own})", lambda o=own: kinds["LSTMRegressor"](**o))
    for own in (
        {"window": 0}, {"window": True}, {"window": "3"}, {"horizon": -1},
        {"known": "none"}, {"known": 5}, {"known": [np.nan]},
        {"known_ahead": 3}, {"groups": "none"}, {"time": "none"}, {"groups": ["x"]},
        {"groups": "heat", "time": "heat"}, {"calendar": "none"}, {"calendar": 5},
        {"calendar": ["month", 5]}, {"calendar": {"month": "square"}},
        {"horizon": 60}, {"known": None},
    ):  # fmt: skip
        yield Case(f"SlidingWindow({own})", lambda o=own: kinds["SlidingWindow"](**o))


def _of_functions(X, y, single):
    """Yield cases of the arguments of functions."""
    Z = X[["load"]]
    cv = TimeSeriesSplit(2)
    good = np.abs(np.random.default_rng(0).normal(size=(40, 2)))
    nobody = {
        "an object": object(),
        "None": None,
        "text": "pipe",
        "a class": LSTMRegressor,
        "a ridge": Ridge(),
        "windows alone": SlidingWindow(3),
        "windows alone, fitted": SlidingWindow(3).fit(Z),
        "not fitted": _fresh(),
        "a pipeline without windows": make_pipeline(SimpleImputer(), Ridge()).fit(Z, y),
        "a pipeline of windows": make_pipeline(SlidingWindow(3)).fit(Z, y),
        "an empty list": [],
        "a frame": X,
    }
    asked = {
        "forecast": lambda e: sklstm.forecast(e, Z, 2),
        "update": lambda e: sklstm.update(e, Z, y),
        "gates": lambda e: sklstm.gates(e, Z),
        "contributions": lambda e: sklstm.contributions(e, Z),
        "backtest": lambda e: sklstm.backtest(e, Z, y, cv=cv, steps=2),
        "save": lambda e: sklstm.save(e, f"{gettempdir()}/sklstm-attack"),
        "ForecastDisplay": lambda e: ForecastDisplay.from_estimator(e, Z, 2),
    }
    for function, call in asked.items():
        for name, estimator in nobody.items():
            may = name == "not fitted" and function in ("backtest", "update")
            may |= function == "update" and "windows" in name
            may |= function == "save" and ("windows" in name or name == "a ridge")
            may |= function == "save" and ("pipeline" in name or name == "not fitted")
            yield Case(
                f"{function}, estimator: {name}",
                lambda call=call, e=estimator: call(e),
                "either" if may else "refused",
            )

    def forecasts(**own):
        return lambda: sklstm.forecast(single, Z, **{"steps": 2} | own)

    def backtests(**own):
        return lambda: sklstm.backtest(_fresh(), Z, y, **{"cv": cv} | own)

    def intervals(residuals):
        return forecasts(coverage=0.8, residuals=residuals)

    for steps in (0, -1, 2.0, True, "3", None, 10**9, BEYOND, 1j, [2], float("nan")):
        yield Case(f"forecast, steps={steps!r:.20}", forecasts(steps=steps))
        yield Case(f"backtest, steps={steps!r:.20}", backtests(steps=steps))
        stride = backtests(stride=steps)
        may = "either" if steps in (10**9, BEYOND) else "refused"
        yield Case(f"backtest, stride={steps!r:.20}", stride, may)
        expected = may if steps is not None else "either"
        yield Case(f"backtest, season={steps!r:.20}", backtests(season=steps), expected)
        if steps is not True:
            may = "either" if steps in (10**9, BEYOND) else "refused"
            yield Case(f"backtest, refit={steps!r:.20}", backtests(refit=steps), may)
    for name, value in JUNK.items():
        yield Case(f"forecast, target: {name}", forecasts(target=value))
        yield Case(f"forecast, coverage: {name}", forecasts(coverage=value))
        yield Case(f"forecast, residuals: {name}", intervals(value))
        yield Case(f"backtest, cv: {name}", backtests(cv=value))
        target = backtests(target=value, steps=2)
        yield Case(f"backtest, target: {name}", target)
        yield Case(f"backtest, params: {name}", backtests(params=value))
        may = "refused" if name in ("an object", "an array") else "either"
        yield Case(f"backtest, verbose: {name}", backtests(verbose=value), "either")
        for view in (sklstm.gates, sklstm.contributions):
            own = lambda view=view, v=value: view(single, Z, rows=v)  # noqa: E731
            may = "either" if name == "-7" else "refused"
            yield Case(f"{view.__name__}, rows: {name}", own, may)
        own = lambda v=value: sklstm.contributions(single, Z, output=v)  # noqa: E731
        yield Case(f"contributions, output: {name}", own)
        if name not in ("a word", "bytes"):
            yield Case(f"save, path: {name}", lambda v=value: sklstm.save(single, v))
            yield Case(f"load, path: {name}", lambda v=value: sklstm.load(v))
            onnx = lambda v=value: single[-1].to_onnx(v)  # noqa: E731
            yield Case(f"to_onnx, path: {name}", onnx)
        level = lambda v=value: sklstm.mean_interval_score(  # noqa: E731
            y, y, y, coverage=v
        )
        yield Case(f"mean_interval_score, coverage: {name}", level)
        for parameter in ("season", "multioutput"):
            own = {parameter: value}
            yield Case(
                f"mean_absolute_scaled_error, {parameter}: {name}",
                lambda own=own: sklstm.mean_absolute_scaled_error(
                    y, y + 1, y_train=y, **own
                ),
                "either" if name == "an int of 400 digits" else "refused",
            )
    for name, value in {
        "texts": [["a", "b"]] * 20,
        "NaN": good * np.nan,
        "one step": good[:, :1],
        "three origins": good[:3],
        "three dimensions": np.ones((20, 2, 2)),
        "complex": good * 1j,
        "a generator": (row for row in good),
        "ragged": [[1, 2], [3]] * 20,
        "ints of 400 digits": [[BEYOND, 1]] * 20,
        "predictions": pd.DataFrame({"y_pred": [1.0]}),
    }.items():
        yield Case(f"forecast, residuals: {name}", intervals(value))
    for coverage in (0, 1, 0.9999, [], [0.8, 2], "0.8", [0.8, 0.8], True):
        yield Case(
            f"forecast, coverage={coverage!r}",
            forecasts(coverage=coverage, residuals=good),
            "either" if coverage == [0.8, 0.8] else "refused",
        )
    n = np.arange(N_ROWS)
    for name, folds in {
        "positions beyond": [(n[:30], [500])],
        "negative positions": [([-1], [3])],
        "floats": [([0.5], [1.5])],
        "texts": [(["a"], ["b"])],
        "masks": [(n < 30, n >= 30)],
        "no pairs": [n, n],
        "pairs of pairs": [((1, 2), (3, 4), (5, 6))],
        "no fold": [],
        "no training rows": [([], n[30:])],
        "the future first": [(n[30:], n[:30])],
        "folds backwards": [(n[:40], n[40:]), (n[:20], n[20:40])],
        "holes": [(n[:30:2], n[30:])],
        "numbers": [3],
        "two dimensions": [(np.ones((2, 2), int), n[30:])],
        "a generator of None": (None for _ in range(2)),
        "too many splits": TimeSeriesSplit(500),
        "a frame": X,
    }.items():
        yield Case(f"backtest, cv: {name}", backtests(cv=folds))
    for scale in (1e-300, 1e-46, 1e-38, 1e-30, 1e30):
        yield Case(f"values of {scale:g}", lambda s=scale: _scaled(Z, s), "either")
    yield from _of_paths(single)
    beyond = STRANGE_ROWS["the last days of time"](Z)
    yield Case("past the last stamp", lambda: sklstm.forecast(single, beyond, 300))
    numbered = with_labels(Z, 2**63 - 1 - np.arange(N_ROWS)[::-1])
    yield Case("past int64", lambda: sklstm.forecast(_fitted(numbered), numbered, 3))
    long = panel()
    yield Case("another estimator's rows", lambda: sklstm.forecast(single, long, 2))
    yield Case("window after fit", lambda: _with_window(Z, y, 9))
    yield Case("horizon after fit", lambda: _with_window(Z, y, 3, horizon=4), "either")
    yield Case("explosion", lambda: sklstm.forecast(_exploding(Z), Z, 2000))
    yield Case("update beyond", lambda: sklstm.update(single, Z, y))
    yield Case("update by name", lambda: sklstm.update(single, Z, y, junk=1))
    yield Case("load a folder", lambda: sklstm.load(gettempdir()))
    yield Case(
        "the display of nothing", lambda: ForecastDisplay.from_predictions(None, None)
    )


def _of_paths(single):
    """Yield cases of paths that cannot be written or read."""
    paths = {
        "a null byte": "a\0b",
        "a folder": gettempdir(),
        "no folder": f"{gettempdir()}/no/such/folder/file",
        "a closed folder": "/proc/sklstm",
        "a device": "/dev/full",
        "a name too long": f"{gettempdir()}/{'x' * 300}",
        "a surrogate": "a\ud800",
        "an empty name": "",
    }
    for name, path in paths.items():
        for function, call in {
            "save": lambda p: sklstm.save(single, p),
            "load": sklstm.load,
            "to_onnx": single[-1].to_onnx,
        }.items():
            yield Case(f"{function}, path: {name}", lambda c=call, p=path: c(p))


def _fitted(Z):
    """Return a pipeline fitted on rows of one column."""
    return _fresh().fit(Z, Z["load"])


def _scaled(Z, scale):
    """Predict rows in another unit; raise unless that is the same in this unit."""
    mine = _fresh().fit(Z, Z["load"]).predict(Z)[9:]
    scaled = _fresh().fit(Z * scale, Z["load"] * scale).predict(Z * scale)[9:]
    np.testing.assert_allclose(scaled / scale, mine, rtol=1e-3)


def _with_window(Z, y, window, **own):
    """Return windows of a transformer whose parameters change after its fit."""
    changed = SlidingWindow(3).fit(Z, y).set_params(window=window, **own)
    return changed.transform(Z)


def _exploding(Z):
    """Return a pipeline whose predictions double from step to step."""
    flat = make_pipeline(SlidingWindow(1, layout="flat"), SimpleImputer(), Ridge(0.0))
    flat.fit(Z, Z["load"])
    flat[-1].coef_ = np.array([2.0])
    return flat
