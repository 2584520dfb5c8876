"""Labels of a series: how they count rows, where a run ends, what comes next.

The only room that knows pandas. A label is whatever a pandas index holds: a time
stamp, a period or an integer. Rows are *contiguous* when their labels follow each
other without a hole; a *run* is a longest stretch of contiguous rows.

Contiguity is computed on the integers behind the labels, a chunk at a time. Comparing
with ``pandas.date_range`` would read better, and is what calendar steps (months,
business days) still do; for fixed steps it costs several arrays as long as the series.
"""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from sklstm._stamp import damaged
from sklstm._stored_labels import (
    index_as_data,
    index_from_data,
    step_as_data,
    step_from_data,
)

__all__ = [
    "DataFrame",
    "PanelLabels",
    "Series",
    "Timeline",
    "check_numeric_columns",
    "check_order",
    "check_same_labels",
    "columns_with_future",
    "counts_rows",
    "frame_from",
    "frame_from_product",
    "frames_of_groups",
    "future_columns",
    "future_of_panel",
    "is_row_number",
    "keys_together",
    "kind_of_long_frame",
    "labels_after_each",
    "labels_given_after",
    "labels_given_after_each",
    "labels_of",
    "labels_together",
    "long_frame",
    "long_frame_with_future",
    "names_of",
    "panel_labels",
    "positions_among",
    "positions_of",
    "rows_from",
    "rows_with_future",
    "series_or_frame",
    "stamps_of",
    "table_from",
    "time_ranks",
    "timeline_from_labels",
    "timeline_in_order",
    "timeline_to_go_on",
]

# Positions of labels, and of the label that follows each in its group.
Pairs = tuple[np.ndarray, np.ndarray]

_CHUNK = 1 << 18

# Where the long frame of a forecast says what its columns are.
_KIND = "sklstm"

_SHORTEST_MONTH = pd.Timedelta(days=28)
_DAY = pd.Timedelta(days=1)
# A day on the wall clock that loses hours to daylight saving.
_SHORTEST_DAY = pd.Timedelta(hours=22)


# -- pandas objects in, pandas objects out ------------------------------------------


def rows_from(X: Any) -> Any:
    """Return a Series as a DataFrame of one column; anything else as it came."""
    if isinstance(X, pd.Series):
        return X.to_frame(name="x0" if X.name is None else X.name)
    return X


def labels_of(X: Any) -> pd.Index | None:
    """Return the row labels of a pandas object, None for anything else."""
    return X.index if isinstance(X, pd.DataFrame | pd.Series) else None


def check_numeric_columns(
    frame: pd.DataFrame, *, owner: str, allow_nan: bool = False
) -> None:
    """Raise unless a DataFrame has columns and every one of them holds numbers.

    Parameters
    ----------
    frame : DataFrame
        What the user passed as X.
    owner : str
        The class that is speaking.
    allow_nan : bool, default=False
        Whether objects may be missing.

    Raises
    ------
    ValueError
        If there is no column, or one holds strings, categories, dates or missing
        objects; it names the first one.
    """
    if frame.shape[1] == 0:
        raise ValueError(
            f"{owner} needs columns. Found array with 0 feature(s) "
            f"(shape={frame.shape}) while a minimum of 1 is required."
        )
    for position, (name, dtype) in enumerate(frame.dtypes.items()):
        if not pd.api.types.is_numeric_dtype(dtype) and dtype != np.dtype(object):
            raise ValueError(
                f"{owner} needs numeric columns. Got column {name!r} of dtype "
                f"{dtype}; encode it as numbers or drop it."
            )
        if dtype != np.dtype(object):
            continue
        values = frame.iloc[:, position]
        if pd.api.types.infer_dtype(values, skipna=True) == "string":
            raise ValueError(
                f"{owner} needs numeric columns. Got column {name!r} of dtype object, "
                "which holds str; encode it as numbers or drop it."
            )
        if not allow_nan:
            missing = np.flatnonzero(values.isna())
            if len(missing):
                raise ValueError(
                    f"{owner} needs finite values (no NaN, nothing missing). Got NaN "
                    f"in row {frame.index[missing[0]]!r}, column {name!r}; fill or "
                    "drop such rows first."
                )


def names_of(y: Any) -> list | None:
    """Return the column names of a pandas target, None where it has none."""
    if isinstance(y, pd.DataFrame):
        return list(y.columns)
    return [y.name] if isinstance(y, pd.Series) and y.name is not None else None


def check_same_labels(X: Any, y: Any, *, owner: str) -> None:
    """Raise unless y, where it has labels, has those of X.

    Raises
    ------
    ValueError
        If the labels differ; it names the first that does.
    """
    if labels_of(X) is None or labels_of(y) is None or X.index.equals(y.index):
        return
    came = f"{len(y)} rows of y for {len(X)} rows of X"
    if len(X) == len(y):
        row = int(np.flatnonzero(np.asarray(X.index != y.index))[0])
        came = f"{y.index[row]!r} in y where X has {X.index[row]!r}"
    raise ValueError(
        f"{owner} needs y at the index of X: the series itself, row for row. Got "
        f"{came}; do not shift, drop or reorder rows of one of them."
    )


def frame_from(values: np.ndarray, columns: Any, labels: Any = None) -> pd.DataFrame:
    """Return a 2-D array as a DataFrame that shares its memory."""
    return pd.DataFrame(values, columns=columns, index=labels, copy=False)


def series_or_frame(
    values: np.ndarray, labels: pd.Index, names: list
) -> pd.Series | pd.DataFrame:
    """Return 1-D values as a Series and 2-D values as a DataFrame, with labels."""
    if values.ndim == 1:
        return pd.Series(values, index=labels, name=names[0])
    return pd.DataFrame(values, index=labels, columns=names)


def table_from(columns: dict, labels: Any = None) -> pd.DataFrame:
    """Return columns of any dtypes, by name, as a DataFrame."""
    return pd.DataFrame(columns, index=labels)


def frame_from_product(
    parts: list[tuple[np.ndarray, dict[str, Any]]], columns: list
) -> pd.DataFrame:
    """Return tables below each other, labelled by every combination of some labels.

    Parameters
    ----------
    parts : list of (table, labels)
        A table of shape (n_lines, n_columns), and its index levels by name, whose
        lengths multiply to n_lines; the last one changes fastest.
    columns : list
        Names of the columns.
    """
    frames = [
        frame_from(
            table,
            columns,
            pd.MultiIndex.from_product(list(labels.values()), names=list(labels)),
        )
        for table, labels in parts
    ]
    return frames[0] if len(frames) == 1 else pd.concat(frames)


def stamps_of(values: pd.Series) -> np.ndarray:
    """Return the labels of a Series as they are drawn: times on the wall, or numbers.

    Periods are drawn where they begin.
    """
    labels = values.index
    if isinstance(labels, pd.PeriodIndex):
        labels = labels.to_timestamp()
    if isinstance(labels, pd.DatetimeIndex):
        labels = labels.tz_localize(None)
    return labels.to_numpy()


def positions_of(
    rows: Any, labels: pd.Index | None, n_rows: int, *, owner: str
) -> np.ndarray:
    """Return the positions of chosen rows, each of them once.

    Parameters
    ----------
    rows : int, label, slice or sequence of ints and labels
        Integers and slices are positions, anything else is looked up in the labels.
    labels : Index, optional
        Labels of all rows.
    n_rows : int
        How many rows there are.
    owner : str
        What is speaking.

    Raises
    ------
    ValueError
        If there is no such row; it names the first.
    """
    every = np.arange(n_rows)
    is_one = isinstance(rows, str) or not hasattr(rows, "__len__")
    found = []
    for row in [rows] if is_one else rows:
        try:
            is_position = isinstance(row, numbers.Integral | slice)
            is_position &= not isinstance(row, bool)
            at = row if is_position else labels.get_loc(row)  # type: ignore[union-attr]
            found.append(np.atleast_1d(every[at]))
        except (LookupError, TypeError, ValueError, AttributeError):
            came = f"{row!r} for {n_rows} rows"
            if labels is not None and n_rows and not is_position:
                came = (
                    f"{row!r}, which is not in the index, {labels[0]} to {labels[-1]}"
                )
            raise ValueError(
                f"The 'rows' parameter of {owner} must hold positions in X, or labels "
                f"of its index that are not integers. Got {came}."
            ) from None
    if not sum(map(len, found)):
        raise ValueError(
            f"The 'rows' parameter of {owner} must choose a row. Got {rows!r} for "
            f"{n_rows} rows."
        )
    return np.array(list(dict.fromkeys(np.concatenate(found).tolist())))


# -- panels -------------------------------------------------------------------------


@dataclass(frozen=True)
class PanelLabels:
    """The group and the time of every row of a long frame.

    Parameters
    ----------
    keys : Index of length n_groups, or None
        The groups, in increasing order; a MultiIndex where several columns tell them
        apart; None where all rows are of one series.
    codes : ndarray of shape (n_rows,), int
        Position of each row's group among the keys; 0 where there are none.
    stamps : Index
        The distinct labels of time, in increasing order.
    ranks : ndarray of shape (n_rows,), int
        Position of each row's label among the stamps.
    """

    keys: pd.Index | None
    codes: np.ndarray
    stamps: pd.Index
    ranks: np.ndarray

    def take(self, rows: np.ndarray) -> PanelLabels:
        """Return the group and the time of some rows, of the same groups and stamps."""
        return replace(self, codes=self.codes[rows], ranks=self.ranks[rows])

    def groups_of(self, rows: np.ndarray) -> pd.Index | None:
        """Return the key of each row; a tuple where several columns tell groups."""
        if self.keys is None:
            return None
        return self.keys.to_flat_index().take(self.codes[rows])

    def times_of(self, rows: np.ndarray) -> pd.Index:
        """Return the label of time of each row."""
        return self.stamps.take(self.ranks[rows])

    def words(self, row: int) -> str:
        """Return the time of a row, and its group, for a message."""
        stamp = repr(_plain(self.stamps[self.ranks[row]]))
        if self.keys is None:
            return stamp
        return f"{stamp} of group {_plain(self.keys[self.codes[row]])!r}"


def _check_once(X: pd.DataFrame, names: Sequence, need: str) -> None:
    """Raise, with what is needed in words, unless every name is that of one column."""
    for name in names:
        n_found = int((X.columns == name).sum())
        if n_found != 1:
            do = "."
            if not n_found and name in X.index.names:
                do = f", but an index level {name!r}; call reset_index() first."
            raise ValueError(
                f"{need}, once each. Got {n_found or 'no'} column {name!r} in "
                f"{list(X.columns)}{do}"
            )


def panel_labels(
    X: Any, groups: Sequence, time: Any, *, owner: str, rows: str = "X"
) -> PanelLabels:
    """Return the group and the time of every row of a long frame.

    Parameters
    ----------
    X : DataFrame
        Rows in any order.
    groups : sequence
        Columns that tell groups apart; with none all rows are of one group.
    time : column name or None
        The column of time; None takes the index.
    owner, rows : str
        Who is speaking, of which rows.

    Raises
    ------
    ValueError
        If X is no DataFrame, a column is not there, a key or a label is missing, or
        labels do not count rows.
    """
    names = [*groups] if time is None else [*groups, time]
    if not isinstance(X, pd.DataFrame):
        raise ValueError(
            f"{owner} needs {rows} as a DataFrame, to find the columns {names} in it. "
            f"Got {type(X).__name__}; pass a long frame, and call "
            "set_output(transform='pandas') on steps in front."
        )
    _check_once(X, names, f"{owner} needs the columns {names} in {rows}")
    keys, codes = _group_keys(X, groups, owner=owner)
    labels = X.index if time is None else pd.Index(X[time])
    if _family(labels) is None:
        came, do = f"column {time!r}", "call pd.to_datetime or astype(int) on it"
        if time is None:
            came, do = "the index", f"name the column of time in time=, or {do}"
        raise ValueError(
            f"{owner} needs time stamps, periods or integers as time. Got "
            f"{labels.dtype} in {came} of {rows}; {do}."
        )
    stamps, ranks = time_ranks(labels, owner=owner)
    return PanelLabels(keys, codes, stamps, ranks)


def time_ranks(labels: pd.Index, *, owner: str) -> tuple[pd.Index, np.ndarray]:
    """Return the distinct labels in increasing order, and each label's place there.

    Raises
    ------
    ValueError
        If a label is missing; it names the first one.
    """
    ranks, stamps = pd.factorize(labels, sort=True)
    if len(ranks) and ranks.min() < 0:
        raise ValueError(
            f"{owner} needs a time for every row. Got NaT or NaN in row "
            f"{int(np.argmin(ranks))}; drop such rows."
        )
    return pd.Index(stamps, name=labels.name), ranks


def _group_keys(
    X: pd.DataFrame, groups: Sequence, *, owner: str
) -> tuple[pd.Index | None, np.ndarray]:
    """Return the distinct keys of groups in increasing order, and each row's place."""
    if not groups:
        return None, np.zeros(len(X), dtype=np.intp)
    parts = [_coded_column(X, name, owner=owner) for name in groups]
    if len(parts) == 1:
        return parts[0]
    together = np.zeros(len(X), dtype=np.int64)
    for values, codes in parts:
        together = pd.factorize(together * len(values) + codes, sort=True)[0]
    first = np.zeros(together.max(initial=-1) + 1, dtype=np.intp)
    first[together] = np.arange(len(X))
    levels = [values.take(codes[first]) for values, codes in parts]
    return pd.MultiIndex.from_arrays(levels, names=list(groups)), together


def _coded_column(
    X: pd.DataFrame, name: Any, *, owner: str
) -> tuple[pd.Index, np.ndarray]:
    """Return the distinct values of a column in increasing order, and rows' places."""
    codes, found = pd.factorize(X[name])
    if len(codes) and codes.min() < 0:
        raise ValueError(
            f"{owner} needs a group for every row. Got NaN in row "
            f"{X.index[int(np.argmin(codes))]!r}, column {name!r}; drop or fill it."
        )
    values = pd.Index(found, name=name)
    if isinstance(values, pd.CategoricalIndex):
        values = values.categories.take(values.codes).rename(name)
    try:
        order = values.argsort()
    except TypeError as error:
        raise ValueError(
            f"{owner} needs groups of one type, which can be sorted. Got several in "
            f"column {name!r} ({error}); call astype(str) on it."
        ) from error
    places = np.empty(len(order), dtype=np.intp)
    places[order] = np.arange(len(order))
    return values.take(order), places[codes]


def positions_among(keys: Any, known: pd.Index) -> np.ndarray:
    """Return the position of each key among known keys, -1 where it is not there."""
    if not isinstance(keys, pd.Index):
        keys = pd.Index(keys, tupleize_cols=False)
    return known.get_indexer(keys)


def keys_together(
    known: pd.Index | None, keys: pd.Index | None, *, owner: str
) -> tuple[pd.Index | None, np.ndarray, np.ndarray]:
    """Return all keys of groups in increasing order, and the places of both there.

    Parameters
    ----------
    known, keys : Index or None
        Keys of groups, both None where all rows are of one series.
    owner : str
        Who is speaking.

    Raises
    ------
    ValueError
        If they are of types that cannot be sorted together.
    """
    if known is None or keys is None:
        return None, np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
    try:
        every = known.union(keys, sort=False).sort_values()
    except TypeError as error:
        raise ValueError(
            f"{owner} needs groups of one type, which can be sorted. Got {keys.dtype} "
            f"after {known.dtype} ({error}); call astype on one of them."
        ) from error
    return every, every.get_indexer(known), every.get_indexer(keys)


def labels_together(kept: pd.Index, labels: pd.Index) -> pd.Index:
    """Return labels after kept ones, in the time zone of these."""
    zone = getattr(kept, "tz", None)
    return kept.append(labels if zone is None else labels.tz_convert(zone))


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python object it stands for."""
    return value.item() if isinstance(value, np.generic) else value


# -- timelines ----------------------------------------------------------------------


@dataclass(frozen=True)
class Timeline:
    """The rule by which the labels of one series count its rows.

    Parameters
    ----------
    kind : {"integer", "period", "stamp", "day", "calendar", "order"}
        What the labels are. ``"stamp"`` counts a fixed duration in absolute time,
        ``"day"`` whole days on the wall clock (across daylight-saving switches), and
        ``"calendar"`` a pandas offset such as the start of a month. With ``"order"``
        every row follows the one before, however far apart they are.
    step : int, Timedelta, DateOffset or None
        What lies between two contiguous labels; None where that varies.
    last : Index of length 1
        The label of the newest row that was read; distances count from here.
    """

    kind: str
    step: Any
    last: pd.Index

    def __getstate__(self) -> dict[str, Any]:
        step, last = step_as_data(self.step), index_as_data(self.last)
        return {"kind": self.kind, "step": step, "last": last}

    def __setstate__(self, state: dict[str, Any]) -> None:
        try:
            kind, step, last = state["kind"], state["step"], state["last"]
        except (TypeError, LookupError) as error:
            raise damaged("Timeline", f"one without {error}") from error
        own = {
            "kind": kind,
            "step": step_from_data(step),
            "last": index_from_data(last),
        }
        if not isinstance(own["last"], pd.Index) or len(own["last"]) != 1:
            raise damaged("Timeline", f"{own['last']!r} as 'last'")
        vars(self).update(own)

    @property
    def words(self) -> str:
        """The step, for a message."""
        return _words(self.step)

    def moved_to(self, label: pd.Index) -> Timeline:
        """Return the same rule, with another newest label (an Index of length 1)."""
        zone = getattr(self.last, "tz", None)
        return replace(self, last=label if zone is None else label.tz_convert(zone))

    def run_starts(self, labels: pd.Index) -> np.ndarray:
        """Return the positions at which a run begins.

        Parameters
        ----------
        labels : Index of length n_rows
            Strictly increasing labels of this timeline's kind.

        Returns
        -------
        ndarray of shape (n_runs,)
            Increasing positions, the first of them 0.

        Raises
        ------
        ValueError
            If a label lies between two steps of the timeline.
        """
        if isinstance(labels, pd.RangeIndex):
            contiguous = len(labels) < 2 or labels.step == self.step
            return np.arange(1 if contiguous else len(labels))
        numbers, _, unit = self._numbers(labels)
        starts = [np.zeros(1, dtype=np.intp)]
        for begin, steps in _differences(numbers):
            holes = np.flatnonzero(steps != unit)
            off_step = holes[steps[holes] % unit != 0]
            if len(off_step) and self.kind != "integer":
                raise ValueError(self._irregular(labels[begin + off_step[0] + 1]))
            starts.append(begin + holes + 1)
        return np.concatenate(starts)

    def distances(self, labels: pd.Index) -> np.ndarray:
        """Return how many steps each label lies after ``last`` (1 is the next row)."""
        numbers, origin, unit = self._numbers(labels)
        away = numbers - origin
        off_step = np.flatnonzero(away % unit)
        if len(off_step) and self.kind != "integer":
            raise ValueError(self._irregular(labels[off_step[0]]))
        # An integer between two steps follows nothing: it is infinitely far away.
        return np.where(away % unit == 0, away // unit, np.iinfo(np.int64).max)

    def away(self, labels: pd.Index) -> tuple[np.ndarray, int]:
        """Return how far labels lie after ``last``, and how far apart two rows are.

        Both are integers of one unit. Labels need neither be in order nor a whole
        number of steps from ``last``: groups of a panel may be out of phase.
        """
        numbers, origin, unit = self._numbers(labels)
        return numbers - origin, unit

    def size_of_unit(self, labels: pd.Index) -> float:
        """Return what 1 means where ``away`` counts labels without a common step.

        Seconds for time stamps, 1 for periods and integers.
        """
        if _family(labels) != "stamp":
            return 1.0
        unit = labels.unit if labels.unit == self.last.unit else "ns"
        return pd.Timedelta(1, unit) / pd.Timedelta(1, "s")

    def resolved(self, others: pd.Index, labels: pd.Index) -> pd.Index:
        """Return other labels such that ``away`` counts them in the unit of labels."""
        if getattr(labels, "unit", None) == getattr(self.last, "unit", None):
            return others
        return _in_unit(others, "ns")

    def after(self, label: pd.Index, steps: int) -> pd.Index:
        """Return the ``steps`` labels that follow a label (an Index of length 1)."""
        if self.kind in ("day", "calendar") and label.tz is not None:
            future = self._after_on_wall(label.tz_convert(self.last.tz), steps)
            return future if label.tz == self.last.tz else future.tz_convert(label.tz)
        first = label[0]
        if self.kind == "integer":
            future = pd.RangeIndex(
                first + self.step, first + self.step * (steps + 1), self.step
            )
        elif self.kind == "period":
            ordinals = first.ordinal + self.step * np.arange(1, steps + 1)
            future = pd.PeriodIndex.from_ordinals(ordinals, freq=label.freq)
        else:
            future = self._after_on_wall(label, steps)
        return future.rename(label.name)

    def _after_on_wall(self, label: pd.Index, steps: int) -> pd.Index:
        """Return the ``steps`` stamps that follow a stamp of this timeline's zone."""
        step = self.step
        if self.kind == "day":
            step = pd.offsets.Day(step // _DAY)
        future = pd.date_range(label[0], periods=steps + 1, freq=step)[1:]
        # pandas 2.2 takes nanoseconds, whatever the unit of the stamp.
        return future.as_unit(label.unit).rename(label.name)

    def accepts(self, labels: pd.Index | None) -> bool:
        """Return whether labels are of the kind that this timeline counts."""
        return labels is not None and _family(labels) == _family(self.last)

    def check_comparable(self, labels: pd.Index) -> None:
        """Raise where labels of the same kind cannot be compared with ``last``.

        Raises
        ------
        ValueError
            If naive time stamps meet stamps with a time zone, or periods meet periods
            of another frequency.
        """
        if _family(labels) == "period" and labels.freq != self.last.freq:
            raise ValueError(
                "The index must have one frequency throughout. Got periods of "
                f"{labels.freqstr!r} after a fit on periods of {self.last.freqstr!r}; "
                "use asfreq on one of the two."
            )
        zone, own = getattr(labels, "tz", None), getattr(self.last, "tz", None)
        if (zone is None) != (own is None):
            raise ValueError(
                "The index must be in one time zone throughout. Got labels in zone "
                f"{zone} after a fit on labels in zone {own}; use tz_localize or "
                "tz_convert on one of the two."
            )

    def _numbers(self, labels: pd.Index) -> tuple[np.ndarray, int, int]:
        """Return labels and ``last`` as integers, and the step between them.

        Labels are not copied wherever there is a way around it.
        """
        family = _family(labels)
        if family == "integer":
            return _int64(labels), int(self.last[0]), int(self.step or 1)
        if family == "period":
            return labels.asi8, int(self.last.asi8[0]), int(self.step or 1)
        original = labels
        unit = labels.unit if labels.unit == self.last.unit else "ns"
        labels, last = _in_unit(labels, unit), _in_unit(self.last, unit)
        if self.kind == "order":
            return labels.asi8, int(last.asi8[0]), 1
        if self.kind != "stamp":
            labels, last = _wall(labels, last.tz), _wall(last, last.tz)
        if self.kind != "calendar":
            step = max(1, self.step // pd.Timedelta(1, unit))
            return labels.asi8, int(last.asi8[0]), step
        ends = labels.append(last)
        grid = pd.date_range(ends.min(), ends.max(), freq=self.step.base).as_unit(unit)
        numbers = grid.get_indexer(ends)
        if (numbers < 0).any():
            stray = np.flatnonzero(numbers < 0)[0]
            raise ValueError(self._irregular(original.append(self.last)[stray]))
        return numbers[:-1], int(numbers[-1]), self.step.n

    def _irregular(self, label: Any) -> str:
        return (
            f"The labels of X must lie a whole number of steps ({_words(self.step)}) "
            f"apart. Got {label!r} between two steps; resample or round the index, or "
            "use reset_index(drop=True) where rows simply follow each other."
        )


def check_order(labels: pd.Index, *, owner: str) -> None:
    """Raise unless labels increase strictly.

    Parameters
    ----------
    labels : Index
        Labels that count rows.
    owner : str
        The class that is speaking.

    Raises
    ------
    ValueError
        If labels are missing, out of order or duplicated; it names the first one.
    """
    if labels.hasnans:
        raise ValueError(
            f"{owner} needs a label for every row. Got NaT or NaN in row "
            f"{int(np.flatnonzero(labels.isna())[0])} of the index; drop such rows."
        )
    if not labels.is_monotonic_increasing:
        position = int(np.flatnonzero(labels[1:] < labels[:-1])[0]) + 1
        raise ValueError(
            f"{owner} needs rows in time order, oldest first. Got "
            f"{labels[position]} after {labels[position - 1]} in the index; call "
            "sort_index() first, and split without shuffling."
        )
    if not labels.is_unique:
        duplicate = labels[labels.duplicated()][0]
        raise ValueError(
            f"{owner} needs one row per label. Got {duplicate!r} more than once in "
            "the index; drop or aggregate the duplicates (groupby(level=0).mean())"
            f"{_words_of_clock(labels)}."
        )


def _words_of_clock(labels: pd.Index) -> str:
    """Return what to do where labels that are there twice are hours set back."""
    twice = labels[labels.duplicated()]
    if not isinstance(labels, pd.DatetimeIndex) or labels.tz is not None:
        return ""
    # Clocks are set back once a year, by an hour of the night.
    hours = twice.floor("h").unique()
    is_hour = (hours.hour < 4).all() and hours.year.is_unique and twice.is_unique
    if not is_hour or labels.equals(labels.normalize()):
        return ""
    return ", or, of an hour that clocks repeat, tz_localize(zone, ambiguous='infer')"


def counts_rows(labels: pd.Index) -> bool:
    """Return whether labels are of a kind that can count rows."""
    return _family(labels) is not None


def is_row_number(labels: pd.Index) -> bool:
    """Return whether labels are integers of which none is there twice."""
    return _family(labels) == "integer" and labels.is_unique


def timeline_in_order(labels: pd.Index) -> Timeline:
    """Return the timeline by which every label follows the one before."""
    return Timeline("order", None, labels[-1:])


def timeline_from_labels(
    labels: pd.Index | None, *, n_rows: int, pairs: Pairs | None = None
) -> Timeline | None:
    """Return the timeline of strictly increasing labels.

    Parameters
    ----------
    labels : Index of length n_rows, or None
        DatetimeIndex (with or without ``freq``), PeriodIndex, or integers. The step
        of an index without ``freq`` is the smallest difference between its labels if
        that divides the others, else the commonest.
        Rows without labels are numbered from 0.
    n_rows : int
        Number of rows.
    pairs : pair of ndarray of int, optional
        Positions of labels and of those that follow them, for the labels of a panel,
        of which each group has only some.

    Returns
    -------
    Timeline or None
        None where labels do not count rows: other dtypes, or one time stamp without
        ``freq``.

    Raises
    ------
    ValueError
        If time stamps have no common step.
    """
    if labels is None:
        labels = pd.RangeIndex(n_rows)
    family = _family(labels)
    if family is None:
        return None
    last = labels[-1:]
    if family == "integer":
        if isinstance(labels, pd.RangeIndex) and pairs is None:
            return Timeline("integer", labels.step, last)
        return Timeline("integer", _usual_step(_int64(labels), pairs) or 1, last)
    if family == "period":
        step = _usual_step(labels.asi8, pairs) or labels.freq.n
        return Timeline("period", step, last)
    offset = _offset_of(labels)
    if offset is not None and pairs is None:
        return _timeline_from_offset(offset, last)
    return _timeline_from_stamps(labels, pairs)


def timeline_to_go_on(
    labels: pd.Index, *, n_rows: int, pairs: Pairs | None = None
) -> Timeline | None:
    """Return the timeline by which the labels of a forecast go on.

    Parameters and Returns are those of :func:`timeline_from_labels`.

    Raises
    ------
    ValueError
        If time stamps have no common step.
    """
    try:
        return timeline_from_labels(labels, n_rows=n_rows, pairs=pairs)
    except ValueError as error:
        raise ValueError(
            "forecast goes on by the step of X, whose times must have a common step. "
            "Got irregular ones; resample X, or, with SlidingWindow(elapsed=True), "
            "pass the rows to come at their times as X_future."
        ) from error


def _offset_of(labels: pd.Index) -> Any:
    return labels.freq if isinstance(labels, pd.DatetimeIndex) else None


def _timeline_from_offset(offset: Any, last: pd.Index) -> Timeline:
    if isinstance(offset, pd.offsets.Day):
        return Timeline("day", offset.n * _DAY, last)
    if isinstance(offset, pd.offsets.Tick):
        return Timeline("stamp", pd.Timedelta(offset), last)
    return Timeline("calendar", offset, last)


def _timeline_from_stamps(
    labels: pd.Index, pairs: Pairs | None = None
) -> Timeline | None:
    """Return the timeline of time stamps that carry no ``freq``."""
    if len(labels) < 2 or (pairs is not None and len(pairs[0]) == 0):
        return None
    last = labels[-1:]
    tick = pd.Timedelta(1, labels.unit)
    step = _usual_step(labels.asi8, pairs)
    if step * tick >= _SHORTEST_DAY:
        # Days, weeks and months are counted on the wall clock.
        wall = _wall(labels, labels.tz)
        offset = _calendar_offset(wall, pairs)
        if offset is not None:
            return Timeline("calendar", offset, last)
        days = _usual_step(wall.asi8, pairs)
        is_days = (days * tick) % _DAY == pd.Timedelta(0)
        if is_days and _is_whole_steps(wall.asi8, days, pairs):
            return Timeline("day", days * tick, last)
    if _is_whole_steps(labels.asi8, step, pairs):
        return Timeline("stamp", step * tick, last)
    stray = _first_off_step(labels.asi8, step, pairs) or 0
    before, after = (stray, stray + 1) if pairs is None else (p[stray] for p in pairs)
    sizes = [steps for _, steps in _differences(labels.asi8, pairs)]
    n_usual = sum(int((part == step).sum()) for part in sizes)
    raise ValueError(
        f"The labels of X must have a common step. Got {_words(step * tick)} in "
        f"{n_usual} of {sum(map(len, sizes))} steps, but "
        f"{labels[after] - labels[before]} before {labels[after]!r}; resample "
        "or round the index, use reset_index(drop=True) where rows simply follow each "
        "other, or SlidingWindow(elapsed=True)."
    )


def _calendar_offset(wall: pd.DatetimeIndex, pairs: Pairs | None) -> Any:
    """Return the month-like or business-day offset of naive stamps, None if none."""
    shortest = min(int(steps.min()) for _, steps in _differences(wall.asi8, pairs))
    shortest_step = shortest * pd.Timedelta(1, wall.unit)
    if shortest_step >= _SHORTEST_MONTH:
        return _month_offset(wall, pairs)
    if shortest_step == _DAY and wall[-1] - wall[0] >= 7 * _DAY:
        step = _usual_step(wall.asi8, pairs)
        is_daily = _is_whole_steps(wall.asi8, step, pairs)
        if is_daily and (wall.day_of_week < 5).all():
            return pd.offsets.BusinessDay()
    return None


def _month_offset(wall: pd.DatetimeIndex, pairs: Pairs | None) -> Any:
    if (wall - wall.normalize()).nunique() > 1:
        return None
    months = (wall.year * 12 + wall.month).to_numpy(dtype=np.int64)
    step = _usual_step(months, pairs)
    if step < 1 or not _is_whole_steps(months, step, pairs):
        return None
    if wall.is_month_start.all():
        return pd.offsets.MonthBegin(step)
    if wall.is_month_end.all():
        return pd.offsets.MonthEnd(step)
    if wall.day.nunique() == 1:
        return pd.DateOffset(months=step)
    for offset in (pd.offsets.BusinessMonthBegin, pd.offsets.BusinessMonthEnd):
        if all(offset().is_on_offset(stamp) for stamp in wall):
            return offset(step)
    return None


# -- integers behind labels ---------------------------------------------------------


def _family(labels: pd.Index) -> str | None:
    """Return what labels count with: integers, periods or time stamps."""
    if isinstance(labels, pd.PeriodIndex):
        return "period"
    if isinstance(labels, pd.DatetimeIndex):
        return "stamp"
    is_integer = pd.api.types.is_integer_dtype(labels.dtype)
    return "integer" if is_integer and labels.nlevels == 1 else None


def _int64(labels: pd.Index) -> np.ndarray:
    return labels.to_numpy(dtype=np.int64)


def _in_unit(stamps: Any, unit: str) -> Any:
    """Return stamps in a resolution; the same object where they are in it."""
    return stamps if stamps.unit == unit else stamps.as_unit(unit)


def _wall(stamps: Any, zone: Any) -> Any:
    """Return stamps as naive wall-clock time in a zone."""
    if stamps.tz is None:
        return stamps
    return stamps.tz_convert(zone).tz_localize(None)


def _differences(
    numbers: np.ndarray, pairs: Pairs | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(position, differences)`` a chunk at a time."""
    if pairs is not None:
        for begin in range(0, len(pairs[0]), _CHUNK):
            before, after = (part[begin : begin + _CHUNK] for part in pairs)
            yield begin, numbers[after] - numbers[before]
        return
    for begin in range(0, len(numbers) - 1, _CHUNK):
        yield begin, np.diff(numbers[begin : begin + _CHUNK + 1])


def _usual_step(numbers: np.ndarray, pairs: Pairs | None = None) -> int:
    """Return the smallest difference if it divides all others, else the commonest.

    0 where there is no difference. Of equally common differences the smallest counts.
    """
    counts: Counter[int] = Counter()
    for _, steps in _differences(numbers, pairs):
        if steps.min() == steps.max():
            counts[int(steps[0])] += len(steps)
            continue
        for value, count in zip(*np.unique(steps, return_counts=True), strict=True):
            counts[int(value)] += int(count)
    if not counts:
        return 0
    smallest = min(counts)
    if smallest > 0 and all(step % smallest == 0 for step in counts):
        return smallest
    return min(counts, key=lambda step: (-counts[step], step))


def _is_whole_steps(numbers: np.ndarray, step: int, pairs: Pairs | None = None) -> bool:
    return _first_off_step(numbers, step, pairs) is None


def _first_off_step(
    numbers: np.ndarray, step: int, pairs: Pairs | None = None
) -> int | None:
    """Return the position before the first difference that is not whole steps."""
    for begin, steps in _differences(numbers, pairs):
        if steps.min() == steps.max() == step:
            continue
        stray = np.flatnonzero(steps % step)
        if len(stray):
            return begin + int(stray[0])
    return None


def _words(step: Any) -> str:
    """Return a step in words for a message."""
    if isinstance(step, pd.Timedelta):
        return str(step)
    return getattr(step, "freqstr", None) or str(step)


# -- rows to come -------------------------------------------------------------------


def rows_with_future(X: pd.DataFrame, future: pd.Index) -> pd.DataFrame:
    """Return X with rows for future labels appended, numbers as floats.

    The new rows repeat the last one; their values only hold a place.
    """
    appended = X.iloc[[-1] * len(future)].set_axis(future, axis=0)
    rows = pd.concat([X, appended])
    numeric = rows.select_dtypes(["number", "bool"]).columns
    return rows.astype(dict.fromkeys(numeric, float))


def future_columns(
    X_future: pd.DataFrame, labels: pd.Index, columns: list, *, owner: str
) -> list[np.ndarray]:
    """Return some columns of X_future at some labels, each as an array.

    Parameters
    ----------
    X_future : DataFrame
        Values known beforehand, one row per future label, in any order.
    labels : Index of length steps
        The future labels.
    columns : list
        Columns to read.
    owner : str
        The function that is speaking.

    Raises
    ------
    ValueError
        If a column or a row is missing or holds NaN; it names the first ones.
    """
    _check_once(
        X_future, columns, f"{owner} needs the known columns {columns} in X_future"
    )
    if not X_future.index.is_unique:
        duplicate = X_future.index[X_future.index.duplicated()][0]
        raise ValueError(
            f"{owner} needs one row of X_future per future label. Got {duplicate!r} "
            "more than once; drop the duplicates."
        )
    rows = X_future[columns].reindex(labels)
    bad = rows.isna().any(axis=1).to_numpy()
    if bad.any():
        absent = ", ".join(str(label) for label in labels[bad][:5])
        raise ValueError(
            f"{owner} needs a row of X_future, without NaN in {columns}, for each of "
            f"the {len(labels)} labels after X ({labels[0]} to {labels[-1]}). Got none "
            f"for {int(bad.sum())} of them: {absent}; align the index of X_future."
        )
    return [
        rows[name].to_numpy(dtype=float)
        if pd.api.types.is_numeric_dtype(X_future[name].dtype)
        else rows[name].to_numpy()
        for name in columns
    ]


def labels_given_after(
    X_future: pd.DataFrame, labels: pd.Index, steps: int, timeline: Timeline
) -> pd.Index:
    """Return the first labels of X_future after the last one of X.

    Parameters
    ----------
    X_future : DataFrame
        Rows in any order; older ones are passed over.
    labels : Index
        Those of X.
    steps : int
        How many labels to return.
    timeline : Timeline
        Of kind ``"order"``: every label follows the one before.

    Raises
    ------
    ValueError
        If they are of another kind than those of X, or fewer lie after these.
    """
    _check_labels_to_come(X_future.index, timeline)
    later = X_future.index[X_future.index > labels[-1]].sort_values()
    if len(later) < steps:
        raise ValueError(
            f"forecast needs X_future at the labels of the {steps} row(s) to come, "
            f"after {labels[-1]!r}. Got {len(later)}: "
            f"{', '.join(str(label) for label in later[:5]) or 'none'}; append rows, "
            "or forecast fewer steps."
        )
    return labels_together(labels[:0], later[:steps]).rename(labels.name)


def _check_labels_to_come(given: pd.Index, timeline: Timeline) -> None:
    """Raise unless labels can be compared with those that a timeline counts."""
    if not timeline.accepts(given):
        raise ValueError(
            "forecast needs the labels of the rows to come in X_future, of the kind "
            f"that X has ({timeline.last.dtype}). Got {given.dtype}; give X_future the "
            "times of its rows."
        )
    timeline.check_comparable(given)


def columns_with_future(X_future: pd.DataFrame, labels: pd.Index) -> list:
    """Return the columns of X_future that hold a value at every future label."""
    if not X_future.index.is_unique:
        return list(X_future.columns)
    whole = X_future.reindex(labels).notna().all()
    return list(X_future.columns[whole.to_numpy()])


# -- rows to come of a panel --------------------------------------------------------


def labels_after_each(timeline: Timeline, newest: pd.Index, steps: int) -> pd.Index:
    """Return the ``steps`` labels after each of some labels, step by step.

    Parameters
    ----------
    timeline : Timeline
        With a common step.
    newest : Index of length n_groups
        The newest label of each group.
    steps : int
        How many labels to come.

    Returns
    -------
    Index of length steps * n_groups
    """
    place, ends = pd.factorize(newest)
    ends = pd.Index(ends)
    parts = [timeline.after(ends[i : i + 1], steps) for i in range(len(ends))]
    labels = parts[0].append(parts[1:]) if len(parts) > 1 else parts[0]
    labels = labels.rename(newest.name)
    return labels.take((place * steps + np.arange(steps)[:, None]).ravel())


def labels_given_after_each(
    X_future: Any,
    keys: pd.Index | None,
    newest: pd.Index,
    steps: int,
    timeline: Timeline,
    groups: list,
    time: Any,
) -> pd.Index:
    """Return the first labels of X_future after the newest one of each group.

    Parameters
    ----------
    X_future : DataFrame
        A long frame, rows in any order; older ones and other groups are passed over.
    keys : Index of length n_groups, or None
        The groups; None for a single series.
    newest : Index of length n_groups
        The newest label of each group.
    steps, timeline : see :func:`labels_given_after`
    groups, time : see :func:`long_frame_with_future`

    Returns
    -------
    Index of length steps * n_groups
        Step by step.

    Raises
    ------
    ValueError
        If labels are of another kind than those of X, or a group has fewer; it names
        the first such groups.
    """
    panel = panel_labels(X_future, groups, time, owner="forecast", rows="X_future")
    _check_labels_to_come(panel.stamps, timeline)
    codes = panel.codes
    if keys is not None and panel.keys is not None:
        codes = positions_among(panel.keys.to_flat_index(), keys)[codes]
    is_later = panel.times_of(np.arange(len(codes))) > newest.take(codes)
    rows = np.flatnonzero(is_later & (codes >= 0))
    rows = rows[np.lexsort((panel.ranks[rows], codes[rows]))]
    own = codes[rows]
    counts = np.bincount(own, minlength=len(newest))
    few = np.flatnonzero(counts < steps)
    if len(few):
        came = "; ".join(
            f"{counts[code]} after {newest[code]!r}"
            + ("" if keys is None else f" of group {_plain(keys[code])!r}")
            for code in few[:5]
        )
        raise ValueError(
            f"forecast needs X_future at the times of the {steps} row(s) to come of "
            f"each group. Got {came}; append rows, forecast fewer steps"
            f"{'' if keys is None else ', or leave groups that have ended out of X'}."
        )
    places = np.arange(len(rows)) - np.searchsorted(own, own)
    by_group = rows[places < steps].reshape(len(newest), steps)
    labels = panel.times_of(by_group.T.ravel())
    return labels_together(newest[:0], labels).rename(newest.name)


def long_frame_with_future(
    X: pd.DataFrame,
    rows: np.ndarray,
    last_rows: np.ndarray,
    future: pd.Index,
    groups: list,
    time: Any,
) -> pd.DataFrame:
    """Return some rows of a panel with the rows to come appended, numbers as floats.

    Parameters
    ----------
    X : DataFrame
        A long frame.
    rows, last_rows : ndarray of int
        The rows to take, and the newest of each group.
    future : Index of length steps * n_groups
        The labels to come, step by step.
    groups : list
        Columns that tell groups apart.
    time : column name or None
        The column of time; None for the index.

    Returns
    -------
    DataFrame
        The new rows repeat the last of their group; their values only hold a place.
    """
    steps = len(future) // len(last_rows)
    appended = _at_labels(X.iloc[np.tile(last_rows, steps)], future, time)
    table = pd.concat([X.iloc[rows], appended], ignore_index=time is not None)
    values = table.drop(columns=[*groups, *([] if time is None else [time])])
    numeric = values.select_dtypes(["number", "bool"]).columns
    return table.astype(dict.fromkeys(numeric, float))


def long_frame(
    last: pd.DataFrame, future: pd.Index, columns: dict, groups: list, time: Any
) -> pd.DataFrame:
    """Return columns of rows to come as a long frame, group by group.

    Parameters
    ----------
    last : DataFrame of n_groups rows
        The newest row of each group.
    future : Index of length steps * n_groups
        The labels to come, step by step.
    columns : dict of ndarray of shape (n_groups * steps,)
        Values, group by group.
    groups, time : see :func:`long_frame_with_future`
    """
    n_groups = len(last)
    steps = len(future) // n_groups
    by_group = np.arange(len(future)).reshape(steps, n_groups).T.ravel()
    frame = last[groups].iloc[np.repeat(np.arange(n_groups), steps)]
    frame = frame.reset_index(drop=True)
    if time is None:
        frame.index = future.take(by_group)
    else:
        frame[time] = future.take(by_group)
    for name, values in columns.items():
        frame[name] = values
    # What displays read: nothing in the frame tells its groups from its values.
    frame.attrs[_KIND] = {"groups": list(groups), "time": time}
    return frame


def kind_of_long_frame(frame: Any) -> tuple[list, Any] | None:
    """Return the columns of groups and of time of a forecast, None of other things."""
    kind = getattr(frame, "attrs", {}).get(_KIND)
    return None if kind is None else (kind["groups"], kind["time"])


def frames_of_groups(
    frame: Any, groups: list, time: Any, *, owner: str, rows: str
) -> dict[Any, pd.DataFrame]:
    """Return the rows of each group in order of time, which is their index.

    Parameters
    ----------
    frame : DataFrame
        A long frame, rows in any order.
    groups, time : see :func:`long_frame_with_future`
    owner, rows : str
        Who is speaking, of which rows.

    Returns
    -------
    dict of DataFrame
        By the key of the group, in increasing order; by None without groups.
    """
    panel = panel_labels(frame, groups, time, owner=owner, rows=rows)
    order = np.lexsort((panel.ranks, panel.codes))
    columns = [*groups, *([] if time is None else [time])]
    table = frame.drop(columns=columns).iloc[order]
    table = table.set_axis(panel.times_of(order), axis=0)
    keys = [None] if panel.keys is None else list(panel.keys)
    ends = np.searchsorted(panel.codes[order], np.arange(len(keys) + 1))
    return {key: table.iloc[ends[i] : ends[i + 1]] for i, key in enumerate(keys)}


def _at_labels(frame: pd.DataFrame, labels: pd.Index, time: Any) -> pd.DataFrame:
    """Return a frame whose rows are at some labels, in a column or in the index."""
    if time is None:
        return frame.set_axis(labels, axis=0)
    frame = frame.copy()
    frame[time] = labels
    return frame


def future_of_panel(
    X_future: Any,
    last: pd.DataFrame,
    future: pd.Index,
    known: list,
    columns: list,
    groups: list,
    time: Any,
) -> dict:
    """Return the columns of X_future that are given for all rows to come.

    Parameters
    ----------
    X_future : DataFrame
        A long frame with the columns of groups and time, rows in any order.
    last : DataFrame of n_groups rows
        The newest row of each group.
    future : Index of length steps * n_groups
        The labels to come, step by step.
    known : list
        Columns that must be there.
    columns : list
        Columns that may be there.
    groups, time : see :func:`long_frame_with_future`

    Returns
    -------
    dict of ndarray of shape (steps * n_groups,)
        Values of the known columns, and of others that are given in every row.

    Raises
    ------
    ValueError
        If a column is missing, or a row is missing, there twice or holds NaN; it names
        the first ones.
    """
    owner = "forecast"
    panel_labels(X_future, groups, time, owner=owner, rows="X_future")
    for name in known:
        n_found = int((X_future.columns == name).sum())
        if n_found != 1:
            raise ValueError(
                f"{owner} needs the known columns {known} in X_future, once each. Got "
                f"{n_found or 'no'} column {name!r} in {list(X_future.columns)}."
            )
    steps = len(future) // len(last)
    wanted = _at_labels(last.iloc[np.tile(np.arange(len(last)), steps)], future, time)
    keys, given = _row_keys(wanted, groups, time), _row_keys(X_future, groups, time)
    if not given.is_unique:
        twice = given[given.duplicated()][0]
        raise ValueError(
            f"{owner} needs one row of X_future per group and time. Got "
            f"{_key_words(twice, time)} more than once; drop the duplicates."
        )
    names = [name for name in columns if (X_future.columns == name).sum() == 1]
    rows = X_future[names].set_axis(given, axis=0).reindex(keys)
    bad = rows[known].isna().any(axis=1).to_numpy()
    if bad.any():
        absent = "; ".join(_key_words(key, time) for key in keys[bad][:5])
        raise ValueError(
            f"{owner} needs a row of X_future, without NaN in {known}, for each of the "
            f"{steps} label(s) after the last row of each group. Got none for "
            f"{int(bad.sum())} of {len(keys)}: {absent}; align X_future"
            f"{', or leave groups that have ended out of X' if groups else ''}."
        )
    is_whole = rows.notna().all()
    return {
        name: rows[name].to_numpy()
        for name in names
        if name in known or bool(is_whole[name])
    }


def _row_keys(frame: pd.DataFrame, groups: list, time: Any) -> pd.MultiIndex:
    """Return the group and the time of every row, the time last."""
    labels = frame.index if time is None else pd.Index(frame[time])
    columns = [pd.Index(frame[name]) for name in groups]
    columns = [
        c.astype(c.categories.dtype) if isinstance(c, pd.CategoricalIndex) else c
        for c in columns
    ]
    return pd.MultiIndex.from_arrays([*columns, labels])


def _key_words(key: tuple, time: Any) -> str:
    """Return a group and a time for a message."""
    *group, stamp = (_plain(part) for part in key)
    name = "" if not group else f" of group {group[0] if len(group) == 1 else group!r}"
    return f"{'' if time is None else f'{time} '}{stamp}{name}"
