"""Reader: how a fitted estimator with windows inside reads rows, whatever wraps it.

Found by duck typing: pipelines, unions, searches and ensembles of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion
from sklearn.utils.validation import check_is_fitted

from sklstm.forecasting._panel_rows import columns_by_name, columns_of_panel
from sklstm.windows._frames import labels_of
from sklstm.windows._table import as_columns, longest_gap, ordered_rows
from sklstm.windows._table import row_labels
from sklstm.windows._sliding_window import SlidingWindow, quiet_windows
from sklstm.windows._array import take_rows

__all__ = [
    "ROWS_TO_COMPARE",
    "Reader",
    "is_direct",
    "plain_pipeline",
    "predictions_of",
    "reader_from",
    "reader_of_rows",
    "window_columns",
    "windows_inside",
]

# Attributes behind which fitted meta-estimators keep the estimators they fitted.
_INNER = ("best_estimator_", "regressor_", "estimators_", "estimator_", "estimator")

# Known rows that are predicted too, to see their unit.
ROWS_TO_COMPARE = 64


@dataclass(frozen=True)
class Reader:
    """A fitted estimator, and how it reads rows.

    Parameters
    ----------
    estimator : estimator
        With ``predict``.
    windows : SlidingWindow
        One of those inside; all share their columns.
    lag : int
        Rows that can be predicted before a prediction must be fed back.
    n_past : int or None
        Rows before the first predicted one that are read; None for all.
    pipeline : Pipeline or None
        The pipeline that predicts, where there is just one, and windows stand in front
        of its last step.
    is_direct : bool
        Whether its regressor predicts several steps at once.
    carries : bool
        Whether NaN in X is filled from earlier rows.
    n_ahead : int
        Rows after the predicted one whose known values are read.
    behind_known : tuple, default=()
        Columns of X that are in no window, and that a step in front makes known ones
        from: they are known too.
    """

    estimator: Any
    windows: SlidingWindow
    lag: int
    n_past: int | None
    pipeline: Any
    is_direct: bool
    carries: bool
    n_ahead: int
    behind_known: tuple = ()

    @property
    def n_direct(self) -> int:
        """How many steps its regressor predicts at once."""
        return self.pipeline[-1].steps if self.is_direct else 1

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels that its regressor predicts for each step; none without them."""
        regressor: Any = None if self.pipeline is None else self.pipeline[-1]
        levels = getattr(regressor, "quantiles", None)
        if levels is None or not hasattr(regressor, "predict_quantiles"):
            return ()
        return tuple(float(level) for level in levels)

    @property
    def reads_panels(self) -> bool:
        """Whether columns of X tell groups apart, or time."""
        return bool(as_columns(self.windows.groups)) or self.windows.time is not None


def reader_from(estimator: Any) -> Reader:
    found = list(windows_inside(estimator))
    if not found and _has_fitted_elsewhere(estimator):
        raise ValueError(
            "forecast finds a SlidingWindow in pipelines, unions, searches and what "
            f"wraps these. Got one elsewhere in {estimator!r}; make the windows in a "
            "step of their own."
        )
    if not found and _has_unfitted_windows(estimator):
        raise NotFittedError(
            "forecast needs a fitted estimator. Got one whose SlidingWindow is not "
            "fitted; call fit(X, y) first, of a search with refit=True."
        )
    if not found:
        raise ValueError(
            "forecast needs a fitted estimator with a SlidingWindow inside. Got "
            f"{estimator!r}; make one with make_pipeline(SlidingWindow(...), ...) and "
            "fit it."
        )
    windows = [window for window, _ in found]
    first = windows[0]
    if any(not np.array_equal(w.is_known_, first.is_known_) for w in windows):
        raise ValueError(
            "forecast needs the same 'known' columns in every SlidingWindow of the "
            f"estimator. Got {[w.known for w in windows]}; make them equal."
        )
    lag = min(window.lag_ for window in windows)
    if lag == 0 and not first.is_known_.all():
        raise ValueError(
            "forecast needs windows that end before the row they predict. Got "
            "SlidingWindow(horizon=0) with columns that are not known; use horizon=1 "
            "or more."
        )
    n_past = None
    if all(is_first for _, is_first in found):
        # The time since the row before needs that row too.
        n_past = max(w.window + w.lag_ - 1 + bool(w.elapsed) for w in windows)
    pipeline = plain_pipeline(estimator)
    if pipeline is not None and not _has_windows(pipeline[:-1]):
        pipeline = None
    has_steps = pipeline is not None and is_direct(pipeline[-1])
    carries = any(window.missing != "error" for window in windows)
    n_ahead = max(window.known_ahead for window in windows)
    return Reader(estimator, first, lag, n_past, pipeline, has_steps, carries, n_ahead)


def reader_of_rows(reader: Reader, X: Any) -> Reader:
    """Return a reader that reads as many rows, and such columns, as X makes it."""
    if reader.n_past is None:
        return replace(reader, behind_known=_columns_behind_known(X, reader))
    if not reader.carries:
        return reader
    # What is carried may lie before the rows that windows read.
    return replace(reader, n_past=reader.n_past + _longest_gap(X, reader))


def _columns_behind_known(X: Any, reader: Reader) -> tuple:
    """Return the columns of X, in no window, that known columns are made from.

    Nothing tells what a step in front makes of which column, so they are shuffled one
    after another: those are meant that change a prediction.
    """
    windows = reader.windows
    names = list(getattr(windows, "feature_names_in_", ()))
    if labels_of(X) is None or not names:
        return ()
    keys = [*as_columns(windows.groups), windows.time]
    in_windows = [name for name in names if name not in keys]
    known = np.array(in_windows, dtype=object)[windows.is_known_]
    others = [i for i, name in enumerate(X.columns) if name not in (*names, *keys)]
    if not others or set(known) <= set(X.columns):
        return ()
    rows = np.arange(len(X))
    if reader.reads_panels:
        panel = row_labels(
            X, as_columns(windows.groups), windows.time, owner="forecast"
        )
        rows = rows[panel.codes == np.bincount(panel.codes).argmax()]
        rows = rows[np.argsort(panel.ranks[rows])]
    table = X.iloc[rows[-(windows.window + windows.lag_ + ROWS_TO_COMPARE) :]]
    every = np.arange(len(table))
    order = np.random.default_rng(0).permutation(every)
    expected = predictions_of(reader, table, every)

    def is_behind(position):
        shuffled = table.copy(deep=False)
        column = table.iloc[order, position].set_axis(table.index)
        shuffled.isetitem(position, column)
        found = predictions_of(reader, shuffled, every)
        return not np.array_equal(found, expected, equal_nan=True)

    return tuple(X.columns[i] for i in others if is_behind(i))


def windows_inside(estimator: Any, is_first: bool = True) -> Any:
    """Yield each fitted SlidingWindow and whether it sees the rows as they came."""
    if isinstance(estimator, SlidingWindow):
        if hasattr(estimator, "context_"):
            yield estimator, is_first
    elif hasattr(estimator, "steps") and isinstance(estimator.steps, list):
        for position, (_, step) in enumerate(estimator.steps):
            yield from windows_inside(step, is_first and position == 0)
    elif isinstance(estimator, FeatureUnion):
        for _, part in estimator.transformer_list:
            yield from windows_inside(part, is_first)
    else:
        inner = [
            getattr(estimator, name) for name in _INNER if hasattr(estimator, name)
        ]
        parts = inner[0] if inner and isinstance(inner[0], list) else inner[:1]
        for part in parts:
            if hasattr(part, "get_params"):
                yield from windows_inside(part, is_first)


def _has_unfitted_windows(estimator: Any) -> bool:
    """Return whether there is a SlidingWindow among what an estimator is made of."""
    if isinstance(estimator, FrozenEstimator):
        return _has_unfitted_windows(estimator.estimator)
    parts = [estimator]
    if hasattr(estimator, "get_params") and not isinstance(estimator, type):
        parts += estimator.get_params(deep=True).values()
    return any(isinstance(part, SlidingWindow) for part in parts)


def _has_fitted_elsewhere(estimator: Any) -> bool:
    """Return whether an estimator is fitted with windows that cannot be found."""
    if not _has_unfitted_windows(estimator) or not hasattr(estimator, "predict"):
        return False
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def _has_windows(steps: Any) -> bool:
    return any(True for _ in windows_inside(steps))


def plain_pipeline(estimator: Any) -> Any:
    """Return the pipeline whose predictions are the estimator's own, or None."""
    if isinstance(estimator, FrozenEstimator):
        return plain_pipeline(estimator.estimator)
    if hasattr(estimator, "best_estimator_"):
        return plain_pipeline(estimator.best_estimator_)
    return estimator if isinstance(getattr(estimator, "steps", None), list) else None


def is_direct(regressor: Any) -> bool:
    """Return whether a regressor predicts several steps of the same target."""
    return hasattr(regressor, "predict_steps") and regressor.steps > 1


def _longest_gap(X: Any, reader: Reader) -> int:
    """Return the most rows in a row of one series that lack a value of one column."""
    if labels_of(X) is None:
        return longest_gap(np.isnan(X), np.zeros(1, dtype=np.intp))
    is_missing, starts = X.isna().to_numpy(), np.zeros(1, dtype=np.intp)
    if reader.reads_panels:
        groups = as_columns(reader.windows.groups)
        panel = row_labels(X, groups, reader.windows.time, owner="forecast")
        order = ordered_rows(panel, owner="forecast")
        if order is not None:
            is_missing, codes = is_missing[order], panel.codes[order]
        else:
            codes = panel.codes
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return longest_gap(is_missing, starts)


def window_columns(
    columns: list, future: Any, reader: Reader
) -> tuple[list[int], list[int]]:
    """Return the positions in X of the known and of the lagged window columns.

    Steps in front of the windows may add, drop or move columns; names tell which are
    which. Of known columns that such a step makes, those of X that it makes them from
    are meant.
    """
    windows = reader.windows
    if reader.reads_panels:
        return columns_of_panel(columns, windows, reader.behind_known)
    names = list(getattr(windows, "feature_names_in_", ()))
    if reader.n_past is not None or not names or future is None:
        if len(columns) != windows.n_features_in_:
            raise ValueError(
                f"forecast needs the {windows.n_features_in_} column(s) of the windows "
                f"as columns of X. Got {len(columns)}: {columns}; pass the columns of "
                "fit, and call set_output(transform='pandas') on steps in front."
            )
        mask = windows.is_known_
        return np.flatnonzero(mask).tolist(), np.flatnonzero(~mask).tolist()
    return columns_by_name(columns, names, windows.is_known_, reader.behind_known)


# -- what it predicts ---------------------------------------------------------------


def predictions_of(
    reader: Reader, table: Any, at: np.ndarray, method: str = "predict"
) -> np.ndarray:
    """Return what a method says of the rows at some positions of a table."""
    with quiet_windows():
        if reader.pipeline is None:
            values = np.asarray(reader.estimator.predict(table))[at]
        else:
            # The rows before are read, but need no prediction.
            windows = reader.pipeline[:-1].transform(table)
            values = getattr(reader.pipeline[-1], method)(take_rows(windows, at))
    return np.asarray(values, dtype=np.float64)
