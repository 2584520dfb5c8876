"""Walk: the rows that a backtest goes over, of one series or many, and its folds.

The rows of a panel are put one group after another. Rows are then positions, and
numbers tell which follow each other, so that what comes after need not know of groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklstm._checks import check_whole_target, is_integer
from sklstm.windows._frames import check_same_labels, labels_of, rows_from
from sklstm.windows._table import as_columns, next_in_group, ordered_rows
from sklstm.windows._table import RowLabels, row_labels
from sklstm.windows._labels import check_order, counts_rows, timeline_from_labels
from sklstm.windows._array import ranges, take_rows

__all__ = ["Fold", "Walk", "folds_of", "slice_or_rows", "walk_over"]


@dataclass(frozen=True)
class Walk:
    """Rows, target and what is to be predicted of them.

    Parameters
    ----------
    X, y : DataFrame or ndarray, Series or ndarray
        Those of a panel by group and time.
    steps : int
    season : int or None
    target : str, int or None
    numbers : ndarray of shape (n_rows,), int
        Increasing; rows that follow each other differ by 1, groups by more than a
        season and the steps.
    codes : ndarray of shape (n_rows,), int
        The group of each row, one after another.
    ranks : ndarray of shape (n_rows,), int
        When each row was, in increasing order of time.
    panel : RowLabels or None
        Groups and times of the rows; None for a single series.
    """

    X: Any
    y: Any
    steps: int
    season: int | None
    target: Any
    numbers: np.ndarray
    codes: np.ndarray
    ranks: np.ndarray
    panel: RowLabels | None

    @property
    def values(self) -> np.ndarray:
        """The target as an array."""
        return np.asarray(self.y, dtype=np.float64)

    def of(self, rows: np.ndarray) -> tuple[Any, Any]:
        """Return X and y of some rows, by increasing positions."""
        which = slice_or_rows(rows)
        return take_rows(self.X, which), take_rows(self.y, which)

    def around(self, rows: np.ndarray, n_before: int | None, n_after: int = 0) -> Any:
        """Return every row from the first to the last of some, in each of their groups.

        Parameters
        ----------
        rows : ndarray of int
            Increasing positions.
        n_before : int or None
            Rows of the same group before the first of them; None takes all.
        n_after : int, default=0
            Rows of the same group after the last of them.

        Returns
        -------
        ndarray of int
            Increasing positions.
        """
        codes = self.codes[rows]
        is_first = np.append(True, codes[1:] != codes[:-1])
        first, last = rows[is_first], rows[np.append(is_first[1:], True)]
        begins = np.searchsorted(self.codes, self.codes[first])
        ends = np.searchsorted(self.codes, self.codes[last], side="right")
        if n_before is not None:
            begins = np.maximum(begins, first - n_before)
        ends = np.minimum(ends, last + 1 + n_after)
        return ranges(begins, ends - begins)

    def is_contiguous(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return whether all rows from one to another are there and follow each other.

        Positions beyond the rows are not.
        """
        is_there = (first >= 0) & (last < len(self.numbers))
        first, last = np.where(is_there, first, 0), np.where(is_there, last, 0)
        return is_there & (self.numbers[last] - self.numbers[first] == last - first)

    def scales(self, train: np.ndarray) -> np.ndarray:
        """Return the mean change over a season of each group, NaN without a change.

        Parameters
        ----------
        train : ndarray of int
            Increasing positions of training rows.
        """
        season = self.season or 1
        earlier, later = train[:-season], train[season:]
        is_own = self.codes[earlier] == self.codes[later]
        codes = self.codes[later[is_own]]
        changes = np.abs(self.values[later] - self.values[earlier])[is_own]
        n_groups = self.codes[-1] + 1
        sums = np.bincount(codes, changes, minlength=n_groups)
        counts = np.bincount(codes, minlength=n_groups)
        scales = np.full(n_groups, np.nan)
        return np.divide(sums, counts, out=scales, where=sums > 0)

    def longest(self, train: np.ndarray) -> int:
        """Return the most training rows of one group."""
        return int(np.bincount(self.codes[train]).max())

    def seasonal_values(self, origins: np.ndarray) -> np.ndarray:
        """Return the newest known value of each step's season; else that of the origin.

        Of shape (n_origins, steps).
        """
        season = self.season or 1
        steps = np.arange(1, self.steps + 1)
        back = steps - season * -(-steps // season)
        wanted = self.numbers[origins][:, None] + back
        rows = np.searchsorted(self.numbers, wanted).clip(max=len(self.numbers) - 1)
        is_there = self.numbers[rows] == wanted
        return self.values[np.where(is_there, rows, origins[:, None])]


@dataclass(frozen=True)
class Fold:
    """Increasing positions of training rows and of origins."""

    train: np.ndarray
    origins: np.ndarray


def slice_or_rows(rows: np.ndarray) -> slice | np.ndarray:
    """Return increasing positions as a slice, where they leave out none."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


# -- rows ---------------------------------------------------------------------------


def walk_over(
    X: Any,
    y: Any,
    windows: list,
    *,
    steps: int,
    season: int | None,
    target: Any,
    weights: str,
) -> tuple[Walk, np.ndarray]:
    """Return the walk over rows, and the place of each row as it came among them.

    Parameters
    ----------
    X : DataFrame, Series or array-like of shape (n_rows, n_columns)
    y : Series or array-like of shape (n_rows,)
    windows : list of SlidingWindow
        Those that are to read the rows; they say what the groups are.
    steps, season, target
        As in ``backtest``.
    weights : str
        How the weight of a row is given, for a message.

    Raises
    ------
    ValueError
        If y does not fit to X or lacks a value, rows are out of order, or what tells
        groups and time is not there.
    """
    X = rows_from(X)
    if labels_of(X) is None:
        X = np.asarray(X)
    y = _checked_target(X, y, weights)
    is_ordered = any(window.elapsed for window in windows)
    panel = _panel_of(X, windows)
    if panel is None:
        rows = np.arange(len(X))
        numbers = rows if is_ordered else _row_numbers(X)
        walk = Walk(X, y, steps, season, target, numbers, rows * 0, rows, None)
        return walk, rows
    order = ordered_rows(panel, owner="backtest")
    order = np.arange(len(X)) if order is None else order
    panel = panel.take(order)
    gaps = _gaps(panel, is_ordered)
    gaps[np.diff(panel.codes) != 0] = steps + (season or 1) + 1
    walk = Walk(
        X.iloc[order],
        take_rows(y, order),
        steps,
        season,
        target,
        np.concatenate([[0], np.cumsum(gaps)]),
        panel.codes,
        panel.ranks,
        panel,
    )
    return walk, np.argsort(order)


def _checked_target(X: Any, y: Any, weights: str) -> Any:
    """Return y, which is finite and has one value for each row of X."""
    check_same_labels(X, y, owner="backtest")
    labels = labels_of(X) if labels_of(y) is None else labels_of(y)
    values = check_whole_target(y, labels, owner="backtest", weights=weights)
    if values.ndim > 1 or len(values) != len(X):
        raise ValueError(
            "backtest needs one value of y for each row of X. Got y of shape "
            f"{values.shape} for {len(X)} rows; backtest one target at a time."
        )
    return values if labels_of(y) is None else y


def _panel_of(X: Any, windows: list) -> RowLabels | None:
    """Return group and time of each row of a long frame; None for a single series."""
    kinds = [(as_columns(window.groups), window.time) for window in windows]
    if any(kind != kinds[0] for kind in kinds):
        raise ValueError(
            "backtest needs the same 'groups' and 'time' in every SlidingWindow of the "
            f"estimator. Got {kinds}; make them equal."
        )
    if not kinds or kinds[0] == ([], None):
        return None
    return row_labels(X, *kinds[0], owner="backtest")


def _row_numbers(X: Any) -> np.ndarray:
    """Return what row each label is; positions where labels do not count rows."""
    labels = labels_of(X)
    if labels is None or not counts_rows(labels):
        return np.arange(len(X))
    check_order(labels, owner="backtest")
    timeline = timeline_from_labels(labels, n_rows=len(X))
    return np.arange(len(X)) if timeline is None else timeline.distances(labels)


def _gaps(panel: RowLabels, is_ordered: bool) -> np.ndarray:
    """Return how many steps each row lies after the one before it in its group."""
    pairs = next_in_group(panel.codes, panel.ranks)
    timeline = None
    if not is_ordered:
        timeline = timeline_from_labels(
            panel.stamps, n_rows=len(panel.codes), pairs=pairs
        )
    if timeline is None:
        return np.ones(len(panel.codes) - 1, dtype=np.int64)
    away, unit = timeline.away(panel.stamps)
    gaps, rest = np.divmod(np.diff(away[panel.ranks]), unit)
    # A row between two steps follows none.
    return np.where(rest == 0, gaps, np.maximum(gaps + 1, 2))


# -- folds --------------------------------------------------------------------------


def folds_of(
    cv: Any, X: Any, y: Any, walk: Walk, places: np.ndarray, stride: int
) -> list[Fold]:
    """Return the folds, which walk forward and have an origin between them.

    Parameters
    ----------
    cv : splitter or iterable of (train, test)
        Of positions in X.
    X, y : DataFrame or array-like, Series or array-like
        The rows as they came.
    walk : Walk
        Over these rows.
    places : ndarray of shape (n_rows,), int
        Where each row is in the walk.
    stride : int
        Takes every ``stride``-th origin of a group.

    Raises
    ------
    ValueError
        If a fold does not come after those before, or there is no origin.
    """
    if is_integer(cv) or isinstance(cv, str) or cv is None:
        raise ValueError(
            "The 'cv' parameter of backtest must be a splitter or an iterable of "
            f"(train, test). Got {cv!r}; use TimeSeriesSplit({cv or 5!r})."
        )
    splits = cv.split(X, y) if hasattr(cv, "split") else cv
    folds: list[Fold] = []
    tested = 0
    for train, test in splits:
        train, test = (places[np.asarray(r, dtype=np.intp)] for r in (train, test))
        if walk.panel is not None:
            train, test = np.sort(train), np.sort(test)
        _check_fold(len(folds), train, test, tested, walk)
        tested = int(walk.ranks[test].max()) + 1
        folds.append(Fold(train, _origins_of(test, walk, stride)))
    if not any(len(fold.origins) for fold in folds):
        raise ValueError(
            f"backtest needs an origin that {walk.steps} contiguous row(s) follow. Got "
            f"none in {len(folds)} fold(s); lower 'steps' or pass more rows."
        )
    return folds


def _check_fold(position: int, train: Any, test: Any, tested: int, walk: Walk) -> None:
    """Raise unless a fold comes after those before, and its rows are in order."""
    came = None
    if not len(train) or not len(test):
        came = "no rows to train on or to test"
    elif any(
        (np.diff(r)[np.diff(walk.codes[r]) == 0] != 1).any() for r in (train, test)
    ):
        came = "rows out of order or left out between"
    elif walk.ranks[train].max() >= walk.ranks[test].min():
        came = "training rows that are not before the test rows"
    elif walk.ranks[test].min() < tested:
        came = "test rows that a fold before had"
    if came is not None:
        use = "TimeSeriesSplit"
        if walk.panel is not None:
            time = walk.panel.stamps.name
            is_column = time is not None and time in walk.X.columns
            use = f"PanelTimeSeriesSplit{f'(time={time!r})' if is_column else ''}"
        raise ValueError(
            "backtest needs folds that walk forward: contiguous training rows before "
            f"contiguous test rows, which no fold before had. Got {came} in fold "
            f"{position}; use {use}."
        )


def _origins_of(test: np.ndarray, walk: Walk, stride: int) -> np.ndarray:
    """Return the row before the first test row of each group, and all but its last."""
    rows = walk.around(test, 1)
    codes = walk.codes[rows]
    is_first = np.append(True, codes[1:] != codes[:-1])
    firsts = np.maximum.accumulate(np.where(is_first, rows, 0))
    is_last = np.append(is_first[1:], True)
    rows = rows[((rows - firsts) % stride == 0) & ~is_last]
    return rows[walk.is_contiguous(rows, rows + walk.steps)]
