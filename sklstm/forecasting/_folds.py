"""OrderedRows and folds: the rows that a backtest goes over, and where it cuts them.

Rows are put one group after another. They are then positions, and numbers tell which
follow each other, so that what comes after need not know of groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklstm._checks import check_array, check_whole_target, one_line
from sklstm.windows._array import ranges, take_rows
from sklstm.windows._frames import check_same_labels, labels_of, rows_from
from sklstm.windows._labels import check_order, counts_rows, grid_of
from sklstm.windows._table import RowLabels, as_columns, row_labels


@dataclass(frozen=True)
class OrderedRows:
    """Rows and target of one series or many, and what is to be predicted of them."""

    X: Any  # by group and time, as y
    y: Any
    places: np.ndarray  # the place here of each row as it came
    steps: int
    season: int | None
    target: Any
    # Increasing; rows that follow each other differ by 1, groups by more than a season
    # and the steps.
    numbers: np.ndarray
    panel: RowLabels  # groups and times of the rows; of an array their numbers
    is_long: bool  # whether X is a long frame

    @property
    def codes(self) -> np.ndarray:
        """The group of each row, one after another."""
        return self.panel.codes

    @property
    def ranks(self) -> np.ndarray:
        """When each row was, in increasing order of time."""
        return self.panel.ranks

    @property
    def values(self) -> np.ndarray:
        """The target as an array."""
        return np.asarray(self.y, dtype=np.float64)

    def of(self, rows: np.ndarray) -> tuple[Any, Any]:
        """Return X and y of some rows, by increasing positions."""
        which = slice_or_rows(rows)
        return take_rows(self.X, which), take_rows(self.y, which)

    def around(
        self, rows: np.ndarray, n_before: int | None, n_after: int = 0
    ) -> np.ndarray:
        """Return all rows of a group between some, with as many before and after."""
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
        """Return whether all rows from one to another are there."""
        is_there = (first >= 0) & (last < len(self.numbers))
        first, last = np.where(is_there, first, 0), np.where(is_there, last, 0)
        return is_there & (self.numbers[last] - self.numbers[first] == last - first)

    def scales(self, train: np.ndarray) -> np.ndarray:
        """Return the mean change over a season of each group, NaN without a change."""
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

    def seasonal_values(self, origins: np.ndarray) -> np.ndarray:
        """Return the newest known value of each step's season, else of the origin."""
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


def rows_in_order(
    X: Any,
    y: Any,
    windows: list,
    *,
    steps: int,
    season: int | None,
    target: Any,
    weights: str,
) -> OrderedRows:
    """Return rows by group and time, once y fits to X.

    The windows say what the groups are, ``weights`` how a row is given one.
    """
    X = rows_from(X)
    if labels_of(X) is None:
        how = {"ensure_all_finite": False, "allow_nd": True, "ensure_2d": False}
        X = check_array(X, dtype=None, estimator="backtest", input_name="X", **how)
    y = _checked_target(X, y, weights)
    kinds = [(as_columns(window.groups), window.time) for window in windows]
    if any(kind != kinds[0] for kind in kinds):
        raise ValueError(
            "backtest needs the same 'groups' and 'time' in every SlidingWindow of the "
            f"estimator. Got {kinds}; make them equal."
        )
    groups, time = kinds[0] if kinds else ([], None)
    is_long = bool(groups) or time is not None
    labels = labels_of(X)
    has_grid = is_long or (labels is not None and counts_rows(labels))
    if has_grid:
        if not is_long:
            check_order(labels, owner="backtest")
        panel = row_labels(X, groups, time, owner="backtest")
    else:
        rows = np.arange(len(X))
        stamps: Any = rows if labels is None else labels
        panel = RowLabels(None, np.zeros_like(rows), stamps, rows)
    order = panel.order(owner="backtest")
    order = np.arange(len(X)) if order is None else order
    X, y, panel = take_rows(X, order), take_rows(y, order), panel.take(order)
    gaps = np.ones(max(len(panel.codes) - 1, 0), dtype=np.int64)
    if has_grid:
        grid = grid_of(panel.stamps, pairs=panel.pairs() if is_long else None)
        gaps = grid.steps(panel.stamps, panel.ranks)
    gaps[np.diff(panel.codes) != 0] = steps + (season or 1) + 1
    numbers = np.concatenate([[0], np.cumsum(gaps)])
    places = np.argsort(order)
    return OrderedRows(X, y, places, steps, season, target, numbers, panel, is_long)


def _checked_target(X: Any, y: Any, weights: str) -> Any:
    """Return y, which is finite and has one value for each row of X."""
    if y is None:
        raise ValueError(
            "backtest needs the target of each row of X as y. Got None; pass the "
            "column that is to be predicted."
        )
    check_same_labels(X, y, owner="backtest")
    labels = labels_of(X) if labels_of(y) is None else labels_of(y)
    values = check_whole_target(y, labels, owner="backtest", weights=weights)
    if values.ndim > 1 or len(values) != len(X):
        raise ValueError(
            "backtest needs one value of y for each row of X. Got y of shape "
            f"{values.shape} for {len(X)} rows; backtest one target at a time."
        )
    return values if labels_of(y) is None else y


# -- folds --------------------------------------------------------------------------


def folds_of(cv: Any, X: Any, y: Any, rows: OrderedRows, stride: int) -> list[Fold]:
    """Return the folds, which walk forward and have an origin between them."""
    if isinstance(cv, str) or not (hasattr(cv, "split") or hasattr(cv, "__iter__")):
        raise ValueError(
            "The 'cv' parameter of backtest must be a splitter or an iterable of "
            f"(train, test). Got {one_line(cv)}; use TimeSeriesSplit(5)."
        )
    folds: list[Fold] = []
    tested = 0
    for position, parts in enumerate(_splits_of(cv, X, y)):
        train, test = (_places(part, rows, position) for part in parts)
        if rows.is_long:
            train, test = np.sort(train), np.sort(test)
        _check_fold(position, train, test, tested, rows)
        tested = int(rows.ranks[test].max()) + 1
        folds.append(Fold(train, _origins_of(test, rows, stride)))
    if not any(len(fold.origins) for fold in folds):
        raise ValueError(
            f"backtest needs an origin that {rows.steps} contiguous row(s) follow. Got "
            f"none in {len(folds)} fold(s); lower 'steps' or pass more rows."
        )
    return folds


def _splits_of(cv: Any, X: Any, y: Any) -> list:
    """Return the folds of a splitter, or of an iterable of pairs, as pairs."""
    try:
        splits = cv.split(X, y) if hasattr(cv, "split") else cv
        return [(train, test) for train, test in splits]
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The 'cv' parameter of backtest must give pairs (train, test). Got "
            f"{one_line(cv)}, {error}; pass a splitter that fits X."
        ) from error


def _places(positions: Any, rows: OrderedRows, fold: int) -> np.ndarray:
    """Return the places of rows that a fold names by their positions in X."""
    n_rows = len(rows.places)
    positions = np.asarray(positions)
    if positions.ndim != 1 or (positions.size and positions.dtype.kind not in "iu"):
        raise ValueError(
            "The 'cv' parameter of backtest must name rows by their positions. Got an "
            f"array of {positions.dtype} and shape {positions.shape} in fold {fold}; "
            "pass np.flatnonzero(mask) of a mask."
        )
    positions = positions.astype(np.intp)
    beyond = positions[(positions < 0) | (positions >= n_rows)]
    if len(beyond):
        raise ValueError(
            f"The 'cv' parameter of backtest must name positions of the {n_rows} rows "
            f"of X, from 0. Got {beyond[0]} in fold {fold}."
        )
    return rows.places[positions]


def _check_fold(
    position: int, train: np.ndarray, test: np.ndarray, tested: int, rows: OrderedRows
) -> None:
    """Raise unless a fold comes after those before, and its rows are in order."""
    gaps = [np.diff(r)[np.diff(rows.codes[r]) == 0] for r in (train, test)]
    if not len(train) or not len(test):
        came = "no rows to train on or to test"
    elif any((gap != 1).any() for gap in gaps):
        came = "rows out of order or left out between"
    elif rows.ranks[train].max() >= rows.ranks[test].min():
        came = "training rows that are not before the test rows"
    elif rows.ranks[test].min() < tested:
        came = "test rows that a fold before had"
    else:
        return
    use = "TimeSeriesSplit"
    if rows.is_long:
        time = rows.panel.stamps.name
        is_column = time is not None and time in rows.X.columns
        use = f"PanelTimeSeriesSplit{f'(time={time!r})' if is_column else ''}"
    raise ValueError(
        "backtest needs folds that walk forward: contiguous training rows before "
        f"contiguous test rows, which no fold before had. Got {came} in fold "
        f"{position}; use {use}."
    )


def _origins_of(test: np.ndarray, rows: OrderedRows, stride: int) -> np.ndarray:
    """Return the row before the first test row of each group, and all but its last."""
    near = rows.around(test, 1)
    codes = rows.codes[near]
    is_first = np.append(True, codes[1:] != codes[:-1])
    firsts = np.maximum.accumulate(np.where(is_first, near, 0))
    is_last = np.append(is_first[1:], True)
    near = near[((near - firsts) % stride == 0) & ~is_last]
    return near[rows.is_contiguous(near, near + rows.steps)]
