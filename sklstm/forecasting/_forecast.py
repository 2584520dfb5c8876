"""forecast: the values after the last row, from any fitted pipeline of windows.

Works on whatever scikit-learn regressor holds a fitted :class:`SlidingWindow`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import (
    check_array,
    check_coverage,
    is_integer,
    one_line,
    python_scalar,
)
from sklstm.forecasting._fitted import Fitted
from sklstm.forecasting._intervals import (
    conformal_distances,
    fewest_residuals,
    quantile_ends,
    widened,
)
from sklstm.forecasting._rows_to_come import RowsToCome, with_coverage
from sklstm.network._prior_reader import PriorReader
from sklstm.network._rows import read_windows
from sklstm.windows._array import take_rows
from sklstm.windows._signs import quiet_windows
from sklstm.windows._table import members, positions_among

# Known rows that are predicted too, to see their unit.
_ROWS_TO_COMPARE = 64

# A value is far from others that lie beyond their ends by so many times their range.
_FAR = 10

# Rows to come of one forecast, so that a slip of the finger does not fill the memory.
_MOST_STEPS = 10_000_000


def forecast(
    estimator: Any,
    X: Any,
    steps: int,
    *,
    X_future: pd.DataFrame | None = None,
    target: str | list[str] | None = None,
    coverage: float | Sequence[float] | None = None,
    residuals: Any = None,
) -> pd.Series | pd.DataFrame:
    """Predict the values after the last row of X.

    A regressor of one step is applied recursively: its predictions take the place of
    values that have not come yet. An :class:`LSTMRegressor` with ``steps=k`` predicts k
    values at once, and again for every further k. Each group of a panel goes on from
    its own last row in X.

    Parameters
    ----------
    estimator : fitted estimator
        A pipeline with a :class:`SlidingWindow` and any regressor behind it, or what
        wraps one: a search, ``TransformedTargetRegressor``, ``VotingRegressor``, ….
    X : DataFrame, Series or array-like of shape (n_rows, n_columns)
        The rows up to now, oldest first, of a panel a long frame: at least as many as a
        window reads, unless they directly follow the rows of ``fit``. The newest row
        must hold what is predicted.
    steps : int
        How many values to predict, at least 1; of each group.
    X_future : DataFrame or array-like of shape (steps, n_known), optional
        The ``known`` columns of the rows to come, at their labels; an array holds them
        in their order in X; for a panel a long frame. With
        ``SlidingWindow(known_ahead=k)`` up to k more rows are read, where given. Other
        columns may be given by name, and lagged ones are then read. Where a step in
        front makes ``known`` columns, all that are not predicted must be given.
        Calendar channels need none.
    target : str, int or list of them, default=None
        Column(s) of X that the estimator predicts, by name or position. None takes the
        columns that y was named after in ``fit``; where y had no name, the one column
        that is not known, or all of those if there are as many as outputs.
    coverage : float or sequence of float, optional
        Share of the values to come, in (0, 1), that the interval of each step is to
        hold; of an estimator that predicts one value a row. Intervals come from
        residuals, else from the regressor's quantiles, else from those of the prior,
        where ``prior_weight_`` is above 0 (see Notes).
    residuals : BacktestResult or array-like of shape (n_origins, >= steps), optional
        How far out-of-sample forecasts of such an estimator were off, for each step,
        the oldest origin first, in the unit of y: what :func:`backtest` returns. It
        also corrects the quantiles of a regressor with ``quantiles``, which without
        residuals are as the network learned them, mostly too narrow.

    Returns
    -------
    Series, DataFrame or ndarray
        The ``steps`` values at the labels that continue those of X: a Series where the
        estimator predicts one value a row, else a DataFrame; an array for an array X.
        For a panel a long frame with the columns of groups, time and predictions, group
        by group. ``coverage=0.8`` adds the columns ``load_lower`` and ``load_upper``
        (``y``, … where the value has no name), ``coverage=[0.8, 0.95]`` the columns
        ``load_lower_80``, ``load_upper_80``, ``load_lower_95``, ….

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If the estimator holds no SlidingWindow, the index of X has no common step, or
        the newest value, values to come or residuals are missing.

    Warns
    -----
    UserWarning
        If X has too few rows, X_future holds other groups than X, predictions that are
        fed back seem to be in a different unit from their column, or a forecast is ten
        times the range of all values up to now away from them, with the step.

    See Also
    --------
    backtest : Forecasts from many origins, and their residuals.
    SlidingWindow : Makes the windows.
    LSTMRegressor : Predicts several steps at once with ``steps``.

    Notes
    -----
    Intervals are weighted conformal prediction: the forecast of each step plus and
    minus the distance within which its residuals hold the share ``coverage`` of the
    weight, where one i origins old weighs 0.99 ** i and the one to come 1. A coverage
    of 0.9 takes at least ten residuals, 0.8 five, more than 0.989 cannot be had. Groups
    have intervals from their own residuals in a backtest, an array makes the same for
    all. Where estimator and backtest have the quantiles (1 - coverage) / 2 and
    (1 + coverage) / 2, the distance is taken from these instead of the forecast
    (conformalised quantile regression).

    The interval of the prior, for any coverage and number of steps, is the forecast
    plus how far the prior's quantiles (1 - coverage) / 2 and (1 + coverage) / 2 lie
    from its median, as read from the newest window without predictions. Nothing but
    synthetic series has calibrated it: around the prior's own forecasts intervals of
    0.8 held 82.8, 78.5 and 75.9 % of the values of M3's monthly, quarterly and yearly
    series (``examples/prior/evaluate.py``). It is NaN where that window is empty.

    References
    ----------
    Barber, Candès, Ramdas & Tibshirani 2023, "Conformal prediction beyond
    exchangeability", Annals of Statistics 51(2), doi:10.1214/23-AOS2276.

    Romano, Patterson & Candès 2019, "Conformalized quantile regression", NeurIPS 32,
    doi:10.48550/arXiv.1905.03222.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import SlidingWindow, forecast
    >>> index = pd.date_range("2024-01-01", periods=9, freq="D")
    >>> X = pd.DataFrame({"load": range(9)}, index=index, dtype=float)
    >>> windows = SlidingWindow(window=1, layout="flat")
    >>> pipe = make_pipeline(windows, SimpleImputer(), LinearRegression())
    >>> forecast(pipe.fit(X[1:], X["load"][1:] * 0 + 5), X, steps=2)
    2024-01-10    5.0
    2024-01-11    5.0
    Freq: D, Name: load, dtype: float64
    """
    if not is_integer(steps) or not 1 <= steps <= _MOST_STEPS:
        raise ValueError(
            "The 'steps' parameter of forecast must be an int in the range [1, "
            f"{_MOST_STEPS}]. Got {one_line(steps)} instead."
        )
    fitted = Fitted.of(estimator)
    rows = RowsToCome(X, int(steps), fitted)
    predicted = _predicted_columns(fitted, rows, target)
    rows.check_newest(predicted)
    coverages = _checked_coverages(coverage, residuals)
    prior = _prior_of(fitted) if residuals is None else None
    distances = [
        (each, *_distances(fitted, rows, each, residuals))
        for each in ([] if prior is not None else coverages)
    ]
    rows.put_given(X_future, predicted)
    _warn_of_short_past(fitted, rows)
    _warn_of_hidden_columns(fitted, rows)
    values, names = values_to_come(fitted, rows, target)
    is_named = target is not None or fitted.windows.target_names_ is not None
    # Else what is predicted may be of another unit than any column.
    if is_named or rows.n_steps > (fitted.n_at_once or rows.n_steps):
        _warn_of_far_values(fitted, rows, predicted, values)
    if not coverages:
        return rows.result(values, names)
    if values[0, 0].size > 1:
        raise ValueError(
            "forecast makes intervals for an estimator of one value a row. Got "
            f"{values[0, 0].size} values; fit one estimator for each."
        )
    values = values.reshape(rows.n_steps, rows.n_groups)
    parts = [values[..., None]]
    if prior is not None:
        spread = _spread_of_prior(prior, fitted, rows, coverages)
        parts.append(values[..., None] + spread)
    for share, distance, has_ends in distances:
        ends = np.stack([values, values], axis=-1)
        ends = _quantile_ends(fitted, rows, share) if has_ends else ends
        parts.append(ends if distance is None else widened(values, ends, distance))
    names = _names_of_intervals(names[0], coverage)
    made = rows.result(np.concatenate(parts, axis=-1), names)
    return with_coverage(made, coverage) if rows.has_labels else made


def values_to_come(
    fitted: Fitted, rows: RowsToCome, target: Any
) -> tuple[np.ndarray, list]:
    """Return the values to come, (n_steps, n_groups, …), and a name for each output."""
    steps = rows.n_steps
    parts: list[np.ndarray] = []
    done = 0
    while done < steps:
        values = _next_values(fitted, rows, done)[: steps - done]
        parts.append(values)
        done += len(values)
        if done == steps:
            break
        predicted = _columns_to_feed(fitted, rows, target, values[0, 0].size)
        is_finite = np.abs(values) <= np.finfo(np.float32).max
        if not is_finite.all():
            parts[-1] = np.where(is_finite, values, np.inf)
            far = _first_far_step(fitted, rows, predicted, np.concatenate(parts))
            raise ValueError(
                "forecast needs finite predictions, which it feeds back. Got NaN, or "
                f"values beyond float32, up to step {done}, far from all values up to "
                f"now since step {far}: they grow from step to step, or the regressor "
                "makes them; forecast fewer steps, or fit without the transformation "
                "of the target that does it."
            )
        if len(parts) == 1:
            _warn_of_units(fitted, rows, predicted)
        rows.put(done - len(values), predicted, values)
    values = np.concatenate(parts)
    return values, _names_of_outputs(fitted, rows, target, values[0, 0])


def _next_values(fitted: Fitted, rows: RowsToCome, done: int) -> np.ndarray:
    """Return the values to come that need no prediction not yet put into the rows."""
    if fitted.n_direct == 1:
        return _predictions(fitted, rows, done, "predict")
    return _in_a_row(_predictions(fitted, rows, done, "predict_steps"))


def _rows_after(
    fitted: Fitted, rows: RowsToCome, done: int = 0
) -> tuple[Any, np.ndarray]:
    """Return the rows after those done whose windows hold no prediction to come.

    The past that they read stands before them; the second says where they are.
    """
    n_steps = rows.n_steps - done
    if rows.lagged:
        n_steps = min(fitted.lag, n_steps)
    table = rows.until(done + n_steps + rows.n_ahead, done)
    end = len(table) - rows.n_ahead * rows.n_groups
    return table, np.arange(end - n_steps * rows.n_groups, end)


def _predictions(
    fitted: Fitted, rows: RowsToCome, done: int, method: str
) -> np.ndarray:
    """Return what is said of the rows after those done, (n_steps, n_groups, …)."""
    values = fitted.predict(*_rows_after(fitted, rows, done), method)
    return values.reshape(-1, rows.n_groups, *values.shape[1:])


def _in_a_row(values: np.ndarray) -> np.ndarray:
    """Return values (n_steps, …, k): the first of each row, and all of the newest."""
    return np.concatenate([values[:-1, ..., 0], np.moveaxis(values[-1], -1, 0)])


# -- what is predicted --------------------------------------------------------------


def _predicted_columns(
    fitted: Fitted, rows: RowsToCome, target: Any, n_outputs: int | None = None
) -> list[int]:
    """Return the positions of the columns that are predicted, none if not known."""
    columns, names = rows.columns, fitted.windows.target_names_
    if target is not None:
        several = isinstance(target, list | tuple | np.ndarray)
        targets = list(target) if several else [target]
        positions = [columns.index(t) if t in columns else t for t in targets]
        is_position = [is_integer(p) and 0 <= p < len(columns) for p in positions]
        n_found = len({*positions}) if all(is_position) else 0
        if not n_found or n_found != (n_outputs or n_found):
            raise ValueError(
                "The 'target' parameter of forecast must name columns of X "
                f"({columns}), one per predicted value. Got {one_line(target)} "
                "instead."
            )
    elif names is not None and rows.has_labels:
        is_among = {*names} <= {*columns}
        positions = [columns.index(name) for name in names] if is_among else []
    else:
        positions = rows.lagged
    return positions if len(positions) == (n_outputs or len(positions)) else []


def _names_of_outputs(
    fitted: Fitted, rows: RowsToCome, target: Any, output: np.ndarray
) -> list:
    """Return a name for each output."""
    predicted = _predicted_columns(fitted, rows, target, output.size)
    names = fitted.windows.target_names_
    if target is None and names is not None and len(names) == output.size:
        return names
    if predicted:
        return [rows.columns[i] for i in predicted]
    return [None] if output.ndim == 0 else list(range(output.size))


def _columns_to_feed(
    fitted: Fitted, rows: RowsToCome, target: Any, n_outputs: int
) -> list[int]:
    """Return the columns that predictions go to, once all that is read is there."""
    predicted = _predicted_columns(fitted, rows, target, n_outputs)
    most = f"forecast at most {fitted.lag - 1 + fitted.n_direct} step(s) at once."
    if not predicted:
        raise ValueError(
            "forecast must know which columns of X are predicted to go on from its own "
            f"predictions. Got target=None, columns {rows.columns} and a y of other "
            f"names or number; name them in target, or {most}"
        )
    lacking = sorted({*rows.lagged} - {*predicted} - {*rows.given})
    if lacking:
        raise ValueError(
            "forecast would read values to come of "
            f"{[rows.columns[i] for i in lacking]}, which are neither predicted nor "
            f"given. Put them into X_future, predict all of them (2-D y), or {most}"
        )
    return predicted


# -- warnings -----------------------------------------------------------------------


def _warn_of_far_values(
    fitted: Fitted, rows: RowsToCome, predicted: list[int], values: np.ndarray
) -> None:
    """Warn where values to come lie far beyond what training and X support."""
    step = _first_far_step(fitted, rows, predicted, values)
    if step is not None:
        low, high = _ends_of_values(fitted, rows, predicted)
        warnings.warn(
            f"From step {step} on the forecast is far from all values up to now, "
            f"{low.min():.4g} to {high.max():.4g}: what is predicted there rests on "
            "nothing that was learned. Forecast fewer steps, or look at the series.",
            UserWarning,
            stacklevel=3,
        )


def _first_far_step(
    fitted: Fitted, rows: RowsToCome, predicted: list[int], values: np.ndarray
) -> int | None:
    """Return the first step, from 1, far from all values up to now; None without."""
    if len(predicted) != values[0, 0].size:
        return None
    low, high = _ends_of_values(fitted, rows, predicted)
    # A constant series says nothing but its level.
    size = np.where(high > low, high - low, np.maximum(np.abs(high), np.abs(low)))
    margin = _FAR * np.where(size > 0, size, np.inf)
    flat = values.reshape(len(values), rows.n_groups, -1)
    is_far = ~((flat >= low - margin) & (flat <= high + margin))
    at = np.flatnonzero(is_far.any(axis=(1, 2)))
    return int(at[0]) + 1 if len(at) else None


def _ends_of_values(
    fitted: Fitted, rows: RowsToCome, predicted: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest values of columns, in X and in the rows of fit."""
    own = rows.values_up_to_now(predicted)
    ends = [np.fmin.reduce(own, axis=0), np.fmax.reduce(own, axis=0)]
    if fitted.n_past is not None:
        columns = [name for name in rows.columns if name not in rows.keys_of_rows]
        at = [columns.index(rows.columns[position]) for position in predicted]
        seen = fitted.windows._context.ends[:, at]
        ends = [np.minimum(ends[0], seen[0]), np.maximum(ends[1], seen[1])]
    return ends[0], ends[1]


def _warn_of_hidden_columns(fitted: Fitted, rows: RowsToCome) -> None:
    """Warn where known values vary within steps that the windows do not show."""
    n_shown, n_direct = fitted.n_ahead + 1, min(fitted.n_direct, rows.n_steps)
    for column in rows.known if n_direct > n_shown else []:
        values = rows.values_to_come(column)
        if (values[n_shown:n_direct] != values[n_shown - 1]).any():
            warnings.warn(
                f"LSTMRegressor(steps={fitted.n_direct}) predicts rows whose known "
                f"values its windows do not show: {rows.columns[column]!r} varies "
                f"after the first {n_shown}. Fit with SlidingWindow(known_ahead="
                f"{fitted.n_direct - 1}) and a window longer than that, or steps=1.",
                stacklevel=3,
            )
            return


def _warn_of_short_past(fitted: Fitted, rows: RowsToCome) -> None:
    """Warn where X has fewer rows than a window reads, and fit has not kept others."""
    window = fitted.longest_window
    n_reads = window.window_ + window.lag_ - 1
    is_short = rows.n_rows_of_groups < n_reads
    grid = window.grid_ if window._has_labels and rows.has_labels else None
    if is_short.any() and grid is not None and grid.accepts(rows.begins):
        is_short &= ~window._context.directly_precedes(rows.keys, rows.begins, grid)
    short = np.flatnonzero(is_short)
    if not len(short):
        return
    who = "X"
    if rows.keys is not None:
        who = f"Group {python_scalar(rows.keys[short[0]])!r} of X"
        if len(short) > 1:
            who += f", the first of {len(short)} such groups of {rows.n_groups},"
    warnings.warn(
        f"{who} has {rows.n_rows_of_groups[short[0]]} row(s), fewer than the {n_reads} "
        "that a window reads, so the first forecasts are made from incomplete windows. "
        "Pass more of the past.",
        stacklevel=3,
    )


def _warn_of_units(fitted: Fitted, rows: RowsToCome, predicted: list[int]) -> None:
    """Warn where predictions fed back are in another unit than their column."""
    windows = fitted.windows
    n_before = rows.n_past or windows.window_ + windows.lag_ - 1
    table = rows.sample(rows.n_past and n_before + _ROWS_TO_COMPARE)
    at = np.arange(len(table))[n_before:][-_ROWS_TO_COMPARE:]
    if not len(at):
        return
    found = fitted.predict(table, at).reshape(len(at), -1)
    taken = take_rows(table, at)
    for position, column in zip(predicted, found.T, strict=True):
        own = taken.iloc[:, position] if rows.has_labels else taken[:, position]
        values = np.asarray(own, dtype=np.float64)
        words = words_of_other_unit(rows.columns[position], column, values)
        if words is not None:
            warnings.warn(words, stacklevel=4)


def words_of_other_unit(
    name: Any, predicted: np.ndarray, column: np.ndarray
) -> str | None:
    """Return that predictions seem to be in another unit than their column, or None.

    Such lie on a level both far from that of the column and a multiple of it, or follow
    it by another slope.
    """
    is_finite = np.isfinite(predicted) & np.isfinite(column)
    x, y = predicted[is_finite], column[is_finite]
    if len(x) < 8 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    unit = max(np.abs(x).max(), np.abs(y).max())  # so that no square overflows
    x, y = x / unit, y / unit
    if np.square(y - x).mean() < y.var():
        return None
    is_far = abs(y.mean() - x.mean()) > 3 * y.std()
    is_multiple = not abs(y.mean()) < 3 * abs(x.mean()) < 9 * abs(y.mean())
    is_other_slope = not 1 / 1.5 < y.std() / x.std() < 1.5
    follows = abs(np.corrcoef(x, y)[0, 1]) > 0.95
    if not (is_far and is_multiple) and not (is_other_slope and follows):
        return None
    x, y = x * unit, y * unit
    return (
        f"Predictions for {name!r} seem to be in a different unit from the column they "
        f"are fed back into ({x[-1]:.4g} for a row that holds {y[-1]:.4g}). Fit the "
        "column itself as y: LSTMRegressor scales it, and TransformedTargetRegressor "
        "undoes what it does to y."
    )


# -- intervals ----------------------------------------------------------------------


def _checked_coverages(coverage: Any, residuals: Any) -> list[float]:
    """Return the coverages that are asked for, none without intervals."""
    if coverage is None:
        if residuals is not None:
            raise ValueError(
                "forecast makes intervals from residuals for a 'coverage'. Got None; "
                "pass the share of values to hold, such as coverage=0.9."
            )
        return []
    several = coverage if isinstance(coverage, list | tuple) else [coverage]
    if not several:
        raise ValueError("The 'coverage' parameter of forecast must name one. Got [].")
    return [check_coverage(each, owner="forecast") for each in several]


def _names_of_intervals(name: Any, coverage: Any) -> list[str]:
    """Return the names of a forecast and of the ends of its intervals."""
    name = "y" if name is None else name
    if not isinstance(coverage, list | tuple):
        return [f"{name}", f"{name}_lower", f"{name}_upper"]
    ends = [f"{end}_{100 * c:g}" for c in coverage for end in ("lower", "upper")]
    return [f"{name}", *(f"{name}_{end}" for end in ends)]


def _distances(
    fitted: Fitted, rows: RowsToCome, coverage: float, residuals: Any
) -> tuple[np.ndarray | None, bool]:
    """Return how far each interval is to be widened, and whether quantiles have it.

    None where there are quantiles and no residuals.
    """
    steps = rows.n_steps
    if residuals is None:
        _check_quantiles(fitted, steps, coverage)
        return None, True
    if "y_pred" in getattr(residuals, "columns", ()):
        raise ValueError(
            "The 'residuals' parameter of forecast must be a BacktestResult, or "
            "residuals of shape (n_origins, >= steps). Got a DataFrame of predictions, "
            f"with the columns {list(residuals.columns)}; pass the BacktestResult that "
            "they are of."
        )
    sizes = None
    reach = fitted.n_at_once or steps
    if quantile_ends(fitted.quantiles, coverage) and steps <= reach:
        beyond = getattr(residuals, "quantile_residuals", None)
        sizes = None if beyond is None else beyond(coverage)
    has_ends = sizes is not None
    table = check_array(
        sizes if has_ends else getattr(residuals, "residuals", residuals),
        dtype=np.float64,
        input_name="residuals",
    )
    if table.shape[1] < steps:
        raise ValueError(
            f"forecast needs residuals of each of the {steps} steps. Got "
            f"{table.shape[1]}; call backtest with steps={steps}."
        )
    table = table[:, :steps] if has_ends else np.abs(table[:, :steps])
    groups = getattr(residuals, "groups", None)
    return _distances_of_groups(table, groups, rows, coverage), has_ends


def _distances_of_groups(
    table: np.ndarray, groups: np.ndarray | None, rows: RowsToCome, coverage: float
) -> np.ndarray:
    """Return the distances of each step, (steps, n_groups or 1)."""
    parts = [table]
    by_group = groups is not None and rows.keys is not None
    if by_group:
        codes = positions_among(groups, rows.keys)
        parts = [table[own] for own in members(codes, rows.n_groups)]
    made = [conformal_distances(part, coverage) for part in parts]
    short = [at for at, distances in enumerate(made) if np.isinf(distances).any()]
    if short:
        subject = "forecast makes intervals from residuals for a coverage"
        needed = fewest_residuals(coverage, subject=subject)
        counts = [len(parts[at]) for at in short]
        came = f"{counts[0]}; backtest from more origins, or lower the coverage"
        if by_group:
            came = _words_of_short_groups(short, counts, rows)
        raise ValueError(
            f"forecast needs {needed} residuals of each step for "
            f"coverage={coverage:g}. Got {came}."
        )
    return np.stack(made, axis=-1)


def _words_of_short_groups(short: list, counts: list[int], rows: RowsToCome) -> str:
    """Return which groups have too few residuals, and what can be done."""
    assert rows.keys is not None
    first = ", ".join(
        f"{count} of group {python_scalar(rows.keys[at])!r}"
        for at, count in list(zip(short, counts, strict=True))[:5]
    )
    names = rows.groups
    of = f"X[{names[0]!r}]" if len(names) == 1 else f"X.set_index({names}).index"
    return (
        f"{first}{', ...' if len(short) > 5 else ''} ({len(short)} of {rows.n_groups} "
        "groups); backtest from more origins, lower the coverage, leave new "
        f"groups out, as X[{of}.isin(result.groups)] does, or pass one array for all "
        "groups, whose intervals are then of one width: result.residuals, sorted by "
        "the time of their origins"
    )


def _check_quantiles(fitted: Fitted, steps: int, coverage: float) -> None:
    """Raise unless a quantile network predicts all steps at once."""
    if not fitted.quantiles:
        raise ValueError(
            "forecast needs 'residuals' for intervals, out of sample, or an "
            "LSTMRegressor with quantiles or with a prior_weight_ above 0. Got "
            "residuals=None; pass what backtest returns for this estimator."
        )
    if quantile_ends(fitted.quantiles, coverage) is None:
        raise ValueError(
            f"An interval of coverage {coverage:g} needs the quantiles "
            f"{(1 - coverage) / 2:g} and {(1 + coverage) / 2:g}. Got "
            f"{fitted.quantiles}; fit with these, or pass residuals from a backtest."
        )
    reach = fitted.n_at_once
    name = type(fitted.regressor).__name__
    if reach is not None and steps > reach:
        raise ValueError(
            f"forecast makes intervals from quantiles up to step {reach}: quantiles "
            f"cannot be fed back. Got steps={steps}; fit {name}(steps={steps}) or pass "
            "residuals from a backtest."
        )


def _quantile_ends(fitted: Fitted, rows: RowsToCome, coverage: float) -> np.ndarray:
    """Return the lower and upper quantile of each value, (n_steps, n_groups, 2)."""
    levels = _predictions(fitted, rows, 0, "predict_quantiles")
    levels = _in_a_row(np.moveaxis(levels, -2, -1))[: rows.n_steps]
    return levels[..., quantile_ends(fitted.quantiles, coverage)]


def _prior_of(fitted: Fitted) -> PriorReader | None:
    """Return who reads the prior; None without its part, or with quantiles."""
    scaling = None if fitted.quantiles else getattr(fitted.regressor, "_scaling", None)
    return scaling.prior if scaling is not None and scaling.says_prior else None


def _spread_of_prior(
    prior: PriorReader, fitted: Fitted, rows: RowsToCome, coverages: list[float]
) -> np.ndarray:
    """Return the distances of all ends, (n_steps, n_groups, 2 * n_coverages)."""
    levels = [(1 + sign * each) / 2 for each in coverages for sign in (-1, 1)]
    table, at = _rows_after(fitted, rows)
    n_groups = rows.n_groups
    n_own = len(at) // n_groups
    assert fitted.front is not None
    with quiet_windows():
        windows = take_rows(fitted.front.transform(table), at)
    windows, _ = read_windows(fitted.regressor, windows, reset=False)
    # Each row has its window; those after them are further ahead of the newest one.
    first = prior.spread(windows[:-n_groups], 1, levels)
    later = prior.spread(windows[-n_groups:], rows.n_steps - n_own + 1, levels)
    first = first.reshape(n_own - 1, n_groups, len(levels))
    return np.concatenate([first, np.moveaxis(later, 1, 0)])
