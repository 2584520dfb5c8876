"""forecast: the values after the last row, from any fitted pipeline of windows.

Works on whatever scikit-learn regressor holds a fitted :class:`SlidingWindow`, found
by duck typing, and only calls its ``predict`` (or ``predict_steps``).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sklstm._checks import (
    check_array,
    check_coverage,
    is_integer,
    python_scalar,
)
from sklstm.forecasting._future_rows import (
    check_same_kind,
    columns_with_future,
    future_columns,
    labels_given_after,
    n_whole_rows,
    rows_with_future,
    with_coverage,
)
from sklstm.forecasting._intervals import (
    conformal_distances,
    fewest_residuals,
    has_quantile_ends,
    quantile_ends,
    widened,
)
from sklstm.forecasting._panel_rows import PanelRows
from sklstm.forecasting._past import words_of_short_past
from sklstm.forecasting._reader import (
    ROWS_TO_COMPARE,
    Reader,
    predictions_of,
    reader_from,
    reader_of_rows,
    window_columns,
    windows_inside,
)
from sklstm.windows._alignment import words_of_other_unit
from sklstm.windows._frames import (
    DataFrame,
    Series,
    labels_of,
    rows_from,
    series_or_frame,
)
from sklstm.windows._table import as_columns, members
from sklstm.windows._table import RowLabels, row_labels, positions_among
from sklstm.windows._sliding_window import quiet_windows
from sklstm.windows._labels import timeline_to_go_on
from sklstm.windows._array import take_rows

__all__ = [
    "forecast",
    "forecast_by",
]


def forecast(
    estimator: Any,
    X: Any,
    steps: int,
    *,
    X_future: DataFrame | None = None,
    target: str | list[str] | None = None,
    coverage: float | None = None,
    residuals: Any = None,
) -> Series | DataFrame:
    """Predict the values after the last row of X.

    A regressor of one step is applied recursively: its predictions are put in the
    place of the values that have not come yet. An :class:`LSTMRegressor` with
    ``steps=k`` predicts k values at once, and again for every further k.

    The groups of a panel go on together, each from its own last row in X.

    Parameters
    ----------
    estimator : fitted estimator
        A pipeline with a :class:`SlidingWindow` and any regressor behind it, or what
        wraps one: a search, ``TransformedTargetRegressor``, ``VotingRegressor``, ….
    X : DataFrame, Series or array-like of shape (n_rows, n_columns)
        The rows up to now, the newest last: at least as many as a window reads, unless
        they directly follow the rows of ``fit``. For a SlidingWindow with ``groups`` or
        ``time`` a long frame, rows in any order.
    steps : int
        How many values to predict, at least 1; of each group.
    X_future : DataFrame or array-like of shape (steps, n_known), optional
        The ``known`` columns of the rows to come, at their labels; an array holds them
        in their order in X. With ``SlidingWindow(known_ahead=k)`` up to k more rows
        are read, where they are given. An LSTMRegressor with ``steps=k`` reads them at
        the first of every k rows alone, unless ``SlidingWindow(known_ahead=k - 1)``
        shows it the others: take that, or ``steps=1``, where they vary within the k
        rows. Columns that are neither known nor predicted may be given too, by name;
        those that a step in front makes ``known`` columns from must be.
        For a panel a long frame with the columns of groups and time. With
        ``SlidingWindow(elapsed=True)`` its first labels after those of X are those of
        the rows to come, in any steps: a frame without columns will do.
    target : str, int or list of them, default=None
        Column(s) of X that the estimator predicts, by name or position. None takes the
        columns that y was named after in ``fit``; where y had no name, the one column
        that is not known, or all of those if there are as many as outputs.
    coverage : float, optional
        Share of the values to come, in (0, 1), that the interval of each step is to
        hold, for an estimator that predicts one value a row.
    residuals : BacktestResult or array-like of shape (n_origins, >= steps), optional
        How far out-of-sample forecasts of an estimator like this one were off, for each
        step, the oldest origin first: what :func:`backtest` returns, in the unit of y.
        The quantiles of a regressor with ``quantiles`` are widened, or
        narrowed, by what a backtest of it says; without residuals they are as the
        network learned them, mostly too narrow.

    Returns
    -------
    Series, DataFrame or ndarray
        The ``steps`` values, float64. With a pandas X they are labelled with the index
        that continues that of X: a Series where the estimator predicts one value a
        row, else a DataFrame. With an array X an array of shape (steps,) or
        (steps, n_outputs). For a panel a long frame with the columns of groups, time
        (or the index, where that was time) and predictions: groups in increasing
        order, ``steps`` rows for each. With ``coverage`` there are the columns
        ``load``, ``load_lower`` and ``load_upper`` (``y``, … where the value has no
        name), and an array has shape (steps, 3).

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If the estimator holds no SlidingWindow, the index of X does not count rows, a
        known column has no future values, or a recursion would need a column that is
        neither predicted nor given. What is missing in X_future is named. With
        ``coverage``, if there are no residuals for all steps, too few of them, or not
        the quantiles for it.

    Warns
    -----
    UserWarning
        If the first window lacks steps, since X has too few rows, after a hole or at
        all, and those of ``fit`` do not precede them; of a panel once, with the number
        of such groups. If predictions that are fed back are far from their column, as
        those of a y that was scaled by hand are.

    See Also
    --------
    backtest : Forecasts from many origins, and their residuals.
    SlidingWindow : Makes the windows.
    LSTMRegressor : Predicts several steps at once with ``steps``.

    Notes
    -----
    Intervals from residuals are weighted conformal prediction: the forecast of each
    step plus and minus the distance within which the residuals of that step hold the
    share ``coverage`` of the weight, where a residual i origins old weighs 0.99 ** i
    and the one to come 1. A coverage of 0.9 takes at least ten residuals, 0.8 five; no
    number of them makes one beyond 0.989. A wider coverage contains a narrower one.
    What a backtest of a panel returns makes the intervals of each group from its own
    residuals, an array the same ones for all groups. ``BacktestResult.intervals`` makes
    the same intervals at every origin of the past, so that their coverage can be
    measured.

    Where the estimator and the backtest have the quantiles (1 - coverage) / 2 and
    (1 + coverage) / 2, the distance is taken from these instead of the forecast
    (conformalised quantile regression): that within which the truths lay beyond them,
    negative where they held more than their share. An interval holds its forecast in
    any case. Those of a wider coverage then need not contain those of a narrower one.

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
    >>> pipe = pipe.fit(X[1:], X["load"][1:] * 0 + 5)
    >>> forecast(pipe, X, steps=2)
    2024-01-10    5.0
    2024-01-11    5.0
    Freq: D, Name: load, dtype: float64
    """
    if not is_integer(steps) or steps < 1:
        raise ValueError(
            "The 'steps' parameter of forecast must be an int in the range [1, inf). "
            f"Got {steps!r} instead."
        )
    reader = reader_from(estimator)
    X = _checked_rows(rows_from(X), carries=reader.carries)
    _check_columns(X, reader)
    reader = reader_of_rows(reader, X)
    return forecast_by(reader, X, int(steps), X_future, target, coverage, residuals)


def forecast_by(
    reader: Reader,
    X: Any,
    steps: int,
    X_future: Any,
    target: Any,
    coverage: float | None = None,
    residuals: Any = None,
) -> Series | DataFrame:
    """Return what :func:`forecast` does, by a reader of rows like X."""
    rows: Any = None
    if reader.reads_panels:
        rows = PanelRows(
            X,
            steps,
            reader.windows,
            reader.n_past,
            reader.n_ahead,
            X_future,
            reader.behind_known,
        )
    else:
        labels = labels_of(X)
        future = None
        if labels is not None:
            future = _labels_after(labels, reader, steps, X_future)
        rows = _Rows(X, future, steps, reader, X_future)
    distances, has_ends = _checked_distances(reader, rows, coverage, residuals)
    rows.put_future(X_future, may_lack=reader.carries)
    short = _words_of_short_past(X, rows, reader)
    if short is not None:
        warnings.warn(short, UserWarning, stacklevel=3)
    ends = None
    if coverage is not None and has_ends:
        ends = _ends_from_quantiles(reader, rows, coverage)
    values, predicted = _all_values(reader, rows, target)
    names = reader.windows.target_names_ if target is None else None
    if names is None or len(names) != rows.of_one(values)[0].size:
        names = _names(rows.of_one(values), predicted, rows.columns)
    if coverage is not None:
        _check_single(rows.of_one(values))
        values = _with_ends(values.reshape(rows.shape), ends, distances)
        name = "y" if names[0] is None else names[0]
        names = [f"{name}{end}" for end in ("", "_lower", "_upper")]
    if rows.future is None:
        return values
    frame = rows.result(values, names)
    return frame if coverage is None else with_coverage(frame, coverage)


def _all_values(reader: Reader, rows: Any, target: Any) -> tuple[np.ndarray, Any]:
    """Return the values to come, and the columns of X that they are of."""
    steps = rows.n_steps
    parts: list[np.ndarray] = []
    done = 0
    while done < steps:
        values = _next_values(reader, rows, done)[: steps - done]
        parts.append(values)
        done += len(values)
        predicted = _predicted_columns(target, values, rows, reader)
        if done < steps:
            _check_recursion(rows, predicted, max(reader.lag, 1))
            if not np.isfinite(values).all():
                raise ValueError(
                    "forecast needs finite predictions, which it feeds back. Got NaN "
                    f"or infinity up to step {done}: they grow from step to step, or "
                    "the regressor makes such; forecast fewer steps, or fit without "
                    "the transformation of the target that does it."
                )
            if len(parts) == 1:
                _warn_of_units(reader, rows, predicted)
            rows.put(done - len(values), predicted, values)
    return np.concatenate(parts), predicted


# -- rows, known and to come --------------------------------------------------------


class _Rows:
    """The rows up to now and those to come, as one DataFrame or array.

    Attributes
    ----------
    columns : list
        Names of the columns of X, their positions for an array.
    n_steps : int
        Rows to come.
    shape : tuple of int
        That of one value for each of them.
    known, lagged : list of int
        Positions in X of the columns that windows hold, by their kind.
    given : list of int
        Positions of the columns whose values to come are given.
    n_ahead : int
        Rows after those to come whose known values are given too, and read.
    """

    def __init__(
        self, X: Any, labels: Any, steps: int, reader: Reader, X_future: Any = None
    ):
        self.future = None if labels is None else labels[:steps]
        self.n_steps = steps
        self.shape = (steps,)
        self.n_past = len(X)
        self.given: list[int] = []
        self.columns: list = [*range(X.shape[1])] if labels is None else [*X.columns]
        self.known, self.lagged = window_columns(self.columns, labels, reader)
        self.n_ahead = self._n_given_ahead(labels, reader.n_ahead, X_future)
        n_rows = steps + self.n_ahead
        if labels is None:
            self.table: Any = np.concatenate([X, np.repeat(X[-1:], n_rows, axis=0)])
        else:
            self.table = rows_with_future(X, labels[:n_rows])

    def _n_given_ahead(self, labels: Any, most: int, X_future: Any) -> int:
        """Return how many rows after those to come are given, up to the most read."""
        if not self.known and labels is not None:
            return len(labels) - self.n_steps  # a step in front makes what is known
        if not most or X_future is None:
            return 0
        frame = rows_from(X_future)
        if labels is None or labels_of(frame) is None:
            n_given = len(frame) if hasattr(frame, "__len__") else 0
            return min(max(n_given - self.n_steps, 0), most)
        names = [self.columns[i] for i in self.known]
        return n_whole_rows(frame, labels[self.n_steps :], names)

    def put(self, start: int, columns: list[int], values: np.ndarray) -> None:
        """Write values of some columns (by position) into rows to come."""
        block = values.reshape(len(values), -1)
        for column, column_values in zip(columns, block.T, strict=True):
            self._put_column(start, column, column_values)

    def _put_column(self, start: int, column: int, values: np.ndarray) -> None:
        rows = slice(self.n_past + start, self.n_past + start + len(values))
        if self.future is None:
            self.table[rows, column] = values
        else:
            self.table.iloc[rows, column] = values

    def until(self, stop: int, start: int, n_past: int | None) -> Any:
        """Return rows to come up to ``stop``, and the past that ``start`` reads."""
        begin = 0 if n_past is None else max(0, self.n_past + start - n_past)
        table = self.table if self.future is None else self.table.iloc
        return table[begin : self.n_past + stop]

    def sample(self, n_rows: int | None) -> Any:
        """Return the newest rows up to now, None for all of them."""
        past = self.until(0, 0, None)
        return past if n_rows is None else past[-n_rows:]

    def newest(self, n_rows: int, n_steps: int, n_later: int) -> np.ndarray:
        """Return the positions of the newest steps in rows, but for some later ones."""
        return np.arange(n_rows - n_later - n_steps, n_rows - n_later)

    def by_step(self, values: np.ndarray, n_steps: int) -> np.ndarray:  # noqa: ARG002
        """Return predictions of the newest steps as (n_steps, …)."""
        return values

    def of_one(self, values: np.ndarray) -> np.ndarray:
        """Return the values of one series."""
        return values

    def result(self, values: np.ndarray, names: list) -> Any:
        """Return values of all rows to come with their labels."""
        return series_or_frame(values, self.future, names)

    def put_future(self, X_future: Any, *, may_lack: bool) -> None:
        """Write what is given of the rows to come, of which some values may lack."""
        if X_future is None:
            if self.known:
                raise ValueError(
                    "forecast needs X_future, the values to come of the known columns "
                    f"{[self.columns[i] for i in self.known]}. Got None."
                )
            return
        if isinstance(X_future, dict):
            raise ValueError(
                f"forecast needs X_future as a DataFrame at the {self.n_steps} labels "
                f"to come, or as an array of shape {(self.n_steps, len(self.known))}. "
                "Got a dict; pass pd.DataFrame(X_future, index=...)."
            )
        frame = rows_from(X_future)
        if self.future is not None and labels_of(frame) is not None:
            whole = columns_with_future(frame, self.future)
            self.given = sorted(
                {*self.known}
                | {i for i, name in enumerate(self.columns) if name in whole}
            )
            names = [self.columns[i] for i in self.given]
            values = future_columns(
                frame, self.future, names, owner="forecast", may_lack=may_lack
            )
            self._put_ahead(frame)
        else:
            self.given = self.known
            table = check_array(
                X_future,
                dtype=np.float64,
                ensure_2d=False,
                ensure_all_finite="allow-nan" if may_lack else True,
                input_name="X_future",
            )
            shape = (self.n_steps + self.n_ahead, len(self.known))
            if table.shape != shape:
                raise ValueError(
                    "forecast needs X_future of shape (steps, n_known) = "
                    f"{self.n_steps, len(self.known)}. Got {table.shape}; pass a row "
                    "for each step, or a DataFrame at the labels to come."
                )
            values = list(table.T)
        for column, column_values in zip(self.given, values, strict=True):
            if self.future is not None:
                check_same_kind(self.table, column, column_values)
            self._put_column(0, column, column_values)

    def _put_ahead(self, frame: Any) -> None:
        """Write the known columns of the rows after those to come."""
        if self.n_ahead:
            labels = self.table.index[self.n_past + self.n_steps :]
            names = [self.columns[i] for i in self.known]
            values = future_columns(frame, labels, names, owner="forecast")
            for column, column_values in zip(self.known, values, strict=True):
                self._put_column(self.n_steps, column, column_values)


def _check_columns(X: Any, reader: Reader) -> None:
    """Raise unless a DataFrame has the columns that windows in front were fitted on."""
    names = list(getattr(reader.windows, "feature_names_in_", ()))
    if reader.n_past is None or not names or labels_of(X) is None:
        return
    columns = list(X.columns)
    if columns != names:
        absent = [name for name in names if name not in columns]
        came = f"no column {absent[0]!r} in {columns}" if absent else f"{columns}"
        do = "add it" if absent else "pass X[list(estimator.feature_names_in_)]"
        raise ValueError(
            f"forecast needs the columns of fit in X, in their order: {names}. Got "
            f"{came}; {do}."
        )


def _checked_rows(X: Any, *, carries: bool) -> Any:
    """Return X with at least one row, an array as float64."""
    if labels_of(X) is None:
        X = check_array(
            X,
            dtype=np.float64,
            ensure_all_finite="allow-nan" if carries else True,
            estimator="forecast",
            input_name="X",
        )
    if len(X) == 0:
        raise ValueError("forecast needs at least one row of X. Got none.")
    return X


def _words_of_short_past(X: Any, rows: Any, reader: Reader) -> str | None:
    """Return why windows of the first rows to come lack steps, None if none does."""
    if reader.n_past is not None:
        every = [window for window, _ in windows_inside(reader.estimator)]
        front = window = max(every, key=lambda w: w.window + w.lag_)
    else:
        steps = [] if reader.pipeline is None else [s for _, s in reader.pipeline.steps]
        at = [i for i, step in enumerate(steps) if step is reader.windows]
        if not at:
            return None
        window, front = reader.windows, reader.pipeline[: at[0] + 1]
    table = rows.until(1, 0, reader.n_past)
    with quiet_windows():
        windows = take_rows(front.transform(table), rows.newest(len(table), 1, 0))
    by_step = np.asarray(windows).reshape(len(windows), window.window, -1)
    n_steps = (~np.isnan(by_step).any(axis=2)).sum(axis=1)
    labels, panel = labels_of(X), None
    if reader.reads_panels and (n_steps < window.window).any():
        groups = as_columns(window.groups)
        panel = row_labels(X, groups, window.time, owner="forecast")
    elif labels is not None:
        every_row = np.arange(len(X))
        panel = RowLabels(None, np.zeros_like(every_row), labels, every_row)
    return words_of_short_past(
        panel,
        window.timeline_,
        n_steps,
        n_rows=len(X),
        n_reads=window.window + window.lag_ - 1,
        window=window.window,
    )


def _labels_after(labels: Any, reader: Reader, steps: int, X_future: Any) -> Any:
    """Return the labels of the rows to come, and of those that are known ahead.

    With ``elapsed`` those that are given, which are so many at most.
    """
    timeline = reader.windows.timeline_
    given = rows_from(X_future)
    if reader.windows.elapsed and labels_of(given) is not None:
        return labels_given_after(given, labels, steps, timeline, reader.n_ahead)
    accepts = timeline is not None and timeline.accepts(labels)
    if accepts:
        timeline.check_comparable(labels)
    if not accepts or timeline.kind == "order":
        timeline = timeline_to_go_on(labels, n_rows=len(labels))
    if timeline is None:
        raise ValueError(
            "forecast needs an index that counts rows. Got "
            f"{type(labels).__name__} of {labels.dtype}; use a DatetimeIndex "
            "(pd.to_datetime), a PeriodIndex or integers."
        )
    return timeline.after(labels[-1:], steps + reader.n_ahead)


# -- predicting ---------------------------------------------------------------------


def _next_values(reader: Reader, rows: Any, done: int) -> np.ndarray:
    """Return the values to come that need no prediction not yet put into the rows."""
    n_steps = rows.n_steps - done
    if rows.lagged:
        n_steps = min(reader.lag, n_steps)
    if not reader.is_direct:
        return _newest(reader, rows, done, n_steps, "predict")
    return _in_a_row(_newest(reader, rows, done, n_steps, "predict_steps"))


def _newest(
    reader: Reader, rows: Any, done: int, n_steps: int, method: str
) -> np.ndarray:
    """Return what a method says of the rows after those done, step by step.

    Of shape (n_steps, …) or, for a panel, (n_steps, n_groups, …).
    """
    n_ahead = min(reader.n_ahead, rows.n_steps + rows.n_ahead - done - n_steps)
    window_rows = rows.until(done + n_steps + n_ahead, done, reader.n_past)
    at = rows.newest(len(window_rows), n_steps, n_ahead)
    return rows.by_step(predictions_of(reader, window_rows, at, method), n_steps)


def _in_a_row(values: np.ndarray) -> np.ndarray:
    """Return values (n_steps, …, k), k of them from each row on, one after another.

    Of a row but the newest only the first is taken. Of shape (n_steps + k - 1, …).
    """
    return np.concatenate([values[:-1, ..., 0], np.moveaxis(values[-1], -1, 0)])


def _predicted_columns(
    target: Any, values: np.ndarray, rows: Any, reader: Reader
) -> Any:
    """Return the positions of the columns that are predicted, None if not known."""
    n_outputs = rows.of_one(values)[0].size
    names = reader.windows.target_names_
    if target is None and names is not None and rows.future is not None:
        is_among = len(names) == n_outputs and set(names) <= set(rows.columns)
        return [rows.columns.index(name) for name in names] if is_among else None
    if target is None:
        return rows.lagged if len(rows.lagged) == n_outputs else None
    columns = rows.columns
    targets = target if isinstance(target, list | tuple) else [target]
    positions = [columns.index(t) if t in columns else t for t in targets]
    is_position = [is_integer(p) and 0 <= p < len(columns) for p in positions]
    if not all(is_position) or len(set(positions)) != n_outputs:
        raise ValueError(
            f"The 'target' parameter of forecast must name {n_outputs} column(s) of X "
            f"({columns}), one per predicted value. Got {target!r} instead."
        )
    return positions


def _check_recursion(rows: Any, predicted: list[int] | None, lag: int) -> None:
    """Raise unless every column that a recursion reads has values to come."""
    if predicted is None:
        raise ValueError(
            "forecast must know which columns of X are predicted to go on from its own "
            f"predictions. Got target=None, columns {rows.columns} and a y of other "
            "names or number; name them in target, or forecast at most "
            f"{lag} step(s) at once."
        )
    lacking = sorted({*rows.lagged} - {*predicted} - {*rows.given})
    if lacking:
        raise ValueError(
            "forecast would read values to come of "
            f"{[rows.columns[i] for i in lacking]}, which are neither predicted nor "
            "given. Put them into X_future, predict all of them (2-D y), or forecast "
            f"at most {lag} step(s) at once."
        )


def _warn_of_units(reader: Reader, rows: Any, predicted: list[int]) -> None:
    """Warn where predictions that are fed back are in another unit than their column.

    They are compared with the newest known rows, of a panel those of one group.
    """
    windows = reader.windows
    n_before = reader.n_past or windows.window + windows.lag_ - 1
    table = rows.sample(reader.n_past and n_before + ROWS_TO_COMPARE)
    at = np.arange(len(table))[n_before:][-ROWS_TO_COMPARE:]
    if not len(at):
        return
    found = predictions_of(reader, table, at).reshape(len(at), -1)
    taken = take_rows(table, at)
    for position, column in zip(predicted, found.T, strict=True):
        own = taken[:, position] if rows.future is None else taken.iloc[:, position]
        values = np.asarray(own, dtype=np.float64)
        words = words_of_other_unit(rows.columns[position], column, values)
        if words is not None:
            warnings.warn(words, UserWarning, stacklevel=5)


# -- intervals ----------------------------------------------------------------------


def _checked_distances(
    reader: Reader, rows: Any, coverage: Any, residuals: Any
) -> tuple[np.ndarray | None, bool]:
    """Return how far each interval is to be widened, and whether quantiles have it.

    Without the latter it is widened from the forecast alone. None where it is not to
    be widened: without intervals, and where there are quantiles and no residuals.
    """
    if coverage is None:
        if residuals is not None:
            raise ValueError(
                "forecast makes intervals from residuals for a 'coverage'. Got None; "
                "pass the share of values to hold, such as coverage=0.9."
            )
        return None, False
    share = check_coverage(coverage, owner="forecast")
    steps = rows.n_steps
    if residuals is None:
        _check_quantiles(reader, steps, share)
        return None, True
    if "y_pred" in getattr(residuals, "columns", ()):
        raise ValueError(
            "The 'residuals' parameter of forecast must be a BacktestResult, or "
            "residuals of shape (n_origins, >= steps). Got a DataFrame of predictions, "
            f"with the columns {list(residuals.columns)}; pass the BacktestResult that "
            "they are of."
        )
    sizes = None
    if has_quantile_ends(reader.quantiles, share) and steps <= _reach(reader):
        beyond = getattr(residuals, "quantile_residuals", None)
        sizes = None if beyond is None else beyond(share)
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
    return _distances_of_groups(table, groups, rows, share), has_ends


def _distances_of_groups(
    table: np.ndarray, groups: np.ndarray | None, rows: Any, coverage: float
) -> np.ndarray:
    """Return the distances of each step, (steps,) or (steps, n_groups or 1).

    Residuals of groups make intervals for their own group, others for all of them.
    """
    keys: Any = getattr(rows, "keys", None)
    parts = [table]
    if groups is not None and keys is not None:
        codes = positions_among(groups, keys)
        parts = [table[own] for own in members(codes, len(keys))]
    made = [conformal_distances(part, coverage) for part in parts]
    short = [at for at, distances in enumerate(made) if np.isinf(distances).any()]
    if short:
        subject = "forecast makes intervals from residuals for a coverage"
        needed = fewest_residuals(coverage, subject=subject)
        counts = [len(parts[at]) for at in short]
        came = f"{counts[0]}; backtest from more origins, or lower the coverage"
        if groups is not None and keys is not None:
            came = _words_of_short_groups([keys[at] for at in short], counts, rows)
        raise ValueError(
            f"forecast needs {needed} residuals of each step for "
            f"coverage={coverage:g}. Got {came}."
        )
    distances = np.stack(made, axis=-1)
    return distances if len(rows.shape) > 1 else distances[:, 0]


def _words_of_short_groups(keys: list, counts: list[int], rows: Any) -> str:
    """Return which groups have too few residuals, and what can be done."""
    first = ", ".join(
        f"{count} of group {python_scalar(key)!r}"
        for key, count in list(zip(keys, counts, strict=True))[:5]
    )
    more = ", ..." if len(keys) > 5 else ""
    more += f" ({len(keys)} such group(s) of {len(rows.keys)})"
    do = "backtest from more origins, lower the coverage, or leave them out of X"
    if not any(counts):
        names = rows.groups
        column = f"X[{names[0]!r}]"
        if len(names) > 1:
            column = f"X.set_index({names}).index"
        do = f"leave them out, as X[{column}.isin(result.groups)] does"
    return (
        f"{first}{more}; {do}, or pass one array for all groups, whose intervals are "
        "then of one width: result.residuals, sorted by the time of their origins"
    )


def _check_quantiles(reader: Reader, steps: int, coverage: float) -> None:
    """Raise unless a quantile network predicts all steps at once."""
    if not reader.quantiles:
        raise ValueError(
            "forecast needs 'residuals' for intervals, out of sample, or an "
            "LSTMRegressor with quantiles. Got residuals=None; pass what "
            "backtest returns for this estimator."
        )
    quantile_ends(reader.quantiles, coverage)
    reach = _reach(reader)
    name = type(reader.pipeline[-1]).__name__
    if steps > reach:
        raise ValueError(
            f"forecast makes intervals from quantiles up to step {reach}: quantiles "
            f"cannot be fed back. Got steps={steps}; fit {name}(steps={steps}) or pass "
            "residuals from a backtest."
        )


def _reach(reader: Reader) -> int:
    """Return the last step that is predicted without feeding back."""
    return reader.lag - 1 + reader.pipeline[-1].steps


def _ends_from_quantiles(reader: Reader, rows: Any, coverage: float) -> np.ndarray:
    """Return the lower and upper end of each value, of shape (*rows.shape, 2)."""
    n_steps = min(reader.lag, rows.n_steps)
    levels = _newest(reader, rows, 0, n_steps, "predict_quantiles")
    levels = _in_a_row(np.moveaxis(levels, -2, -1))[: rows.n_steps]
    return levels[..., list(quantile_ends(reader.quantiles, coverage))]


def _with_ends(values: np.ndarray, ends: Any, distances: Any) -> np.ndarray:
    """Return values and the lower and upper ends of their intervals, (..., 3).

    Without ends intervals are the distances around the values alone.
    """
    if ends is None:
        ends = np.stack([values, values], axis=-1)
    if distances is not None:
        ends = widened(values, ends, distances)
    return np.concatenate([values[..., None], ends], axis=-1)


def _check_single(values: np.ndarray) -> None:
    if values[0].size > 1:
        raise ValueError(
            "forecast makes intervals for an estimator of one value a row. Got "
            f"{values[0].size} values; fit one estimator for each."
        )


def _names(values: np.ndarray, predicted: list[int] | None, columns: list) -> list:
    """Return a name for each predicted column."""
    if predicted is not None:
        return [columns[i] for i in predicted]
    return [None] if values.ndim == 1 else list(range(values.shape[1]))
