"""Rows of a table: the group and the time of each, and their order.

A single series is a panel of one group. Rows are sorted by group and time once, on
integers; there is no loop over groups.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import python_scalar
from sklstm.windows._array import ranges
from sklstm.windows._frames import check_columns_once
from sklstm.windows._labels import Pairs, check_plain_numbers, counts_rows

# Rows that a message names at most.
_ROWS_TO_NAME = 5


@dataclass(frozen=True)
class RowLabels:
    """The group and the time of every row of a table."""

    # The groups, in increasing order; a MultiIndex where several columns tell them
    # apart, None where all rows are of one series.
    keys: pd.Index | None
    codes: np.ndarray  # the position of each row's group among the keys
    stamps: pd.Index  # the distinct labels of time, in increasing order
    ranks: np.ndarray  # the position of each row's label among the stamps

    def take(self, rows: np.ndarray) -> RowLabels:
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
        stamp = repr(python_scalar(self.stamps[self.ranks[row]]))
        if self.keys is None:
            return stamp
        return f"{stamp} of group {python_scalar(self.keys[self.codes[row]])!r}"

    def order(self, *, owner: str) -> np.ndarray | None:
        """Return the rows by group and time; None where they come so."""
        if self.keys is None and (np.diff(self.ranks) > 0).all():
            return None
        keys = self.codes * (int(self.ranks.max(initial=0)) + 1) + self.ranks
        if (np.diff(keys) > 0).all():
            return None
        # Sorting one number a row is several times as fast as lexsort.
        order = np.argsort(keys)
        twice = np.flatnonzero(np.diff(keys[order]) == 0)
        if len(twice):
            rows = np.sort(order[twice + 1])
            raise ValueError(
                f"{owner} needs one row per group and time. Got {len(rows)} more: "
                f"{', '.join(self.words(row) for row in rows[:_ROWS_TO_NAME])}; "
                f"{'' if self.keys is not None else 'name the columns of groups, or '}"
                "drop or aggregate the duplicates."
            )
        return order

    def pairs(self) -> Pairs:
        """Return the times of rows, and of the row after each in its group.

        Rows must be in order of group and time.
        """
        is_next = self.codes[1:] == self.codes[:-1]
        return self.ranks[:-1][is_next], self.ranks[1:][is_next]


def as_columns(groups: Any) -> list:
    """Return the columns that tell groups apart, however they were given."""
    if groups is None:
        return []
    return [groups] if isinstance(groups, str | Integral) else list(groups)


def members(codes: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """Return the rows of each group, in the order in which they came.

    Rows of negative codes are left out.
    """
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(n_groups + 1))
    return [order[i:j] for i, j in itertools.pairwise(ends)]


def row_labels(
    X: Any, groups: Sequence, time: Any, *, owner: str, rows: str = "X"
) -> RowLabels:
    """Return the group and the time of every row of a long frame.

    Without columns of groups all rows are of one; without one of time it is the index.
    """
    names = [*groups] if time is None else [*groups, time]
    if not isinstance(X, pd.DataFrame):
        raise ValueError(
            f"{owner} needs {rows} as a DataFrame, to find the columns {names} in it. "
            f"Got {type(X).__name__}; pass a long frame, and call "
            "set_output(transform='pandas') on steps in front."
        )
    check_columns_once(X, names, f"{owner} needs the columns {names} in {rows}")
    keys, codes = _group_keys(X, groups, owner=owner)
    labels = X.index if time is None else pd.Index(X[time])
    if not counts_rows(labels):
        came, do = f"column {time!r}", "call pd.to_datetime or astype(int) on it"
        if time is None:
            came, do = "the index", f"name the column of time in time=, or {do}"
        raise ValueError(
            f"{owner} needs time stamps, periods or integers as time. Got "
            f"{labels.dtype} in {came} of {rows}; {do}."
        )
    stamps, ranks = time_ranks(labels, owner=owner)
    check_plain_numbers(stamps, owner=owner)
    return RowLabels(keys, codes, stamps, ranks)


def time_ranks(labels: pd.Index, *, owner: str) -> tuple[pd.Index, np.ndarray]:
    """Return the distinct labels in increasing order, and each label's place there."""
    if labels.nlevels > 1:
        raise ValueError(
            f"{owner} needs one label of time a row. Got an index of {labels.nlevels} "
            "levels; call reset_index() and name the column of time in time=."
        )
    if labels.is_monotonic_increasing and labels.is_unique and not labels.hasnans:
        return labels, np.arange(len(labels))
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
    parts = [_coded_column(X, name, owner=owner) for name in groups]
    if len(parts) == 1:
        return parts[0]
    together = np.zeros(len(X), dtype=np.int64)
    for values, codes in parts:
        together = pd.factorize(together * len(values) + codes, sort=True)[0]
    if not parts:
        return None, together
    _, first = np.unique(together, return_index=True)
    levels = [values.take(codes[first]) for values, codes in parts]
    return pd.MultiIndex.from_arrays(levels, names=list(groups)), together


def _coded_column(
    X: pd.DataFrame, name: Any, *, owner: str
) -> tuple[pd.Index, np.ndarray]:
    """Return the distinct values of a column in increasing order, and rows' places."""
    try:
        codes, found = pd.factorize(X[name])
    except TypeError as error:
        raise ValueError(
            f"{owner} needs groups as text, numbers or stamps. Got others in column "
            f"{name!r} ({error}); call astype(str) on it."
        ) from error
    if len(codes) and codes.min() < 0:
        raise ValueError(
            f"{owner} needs a group for every row. Got NaN in row "
            f"{python_scalar(X.index[int(np.argmin(codes))])!r}, column {name!r}; drop "
            "or fill it."
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
    return values.take(order), np.argsort(order)[codes]


def check_key_types(keys: pd.Index, known: pd.Index, *, owner: str) -> None:
    """Raise where the keys of groups are of another type than those of ``fit``."""
    for level in range(known.nlevels):
        own, others = (
            pd.api.types.infer_dtype(each.get_level_values(level), skipna=True)
            for each in (keys, known)
        )
        if own != others:
            raise ValueError(
                f"{owner} needs groups of the type that fit had, {others}. Got {own} "
                f"in column {known.names[level]!r}; call astype on it."
            )


def positions_among(keys: Any, known: pd.Index) -> np.ndarray:
    """Return the position of each key among known keys, -1 where it is not there."""
    if not isinstance(keys, pd.Index):
        keys = pd.Index(keys, tupleize_cols=False)
    return known.get_indexer(keys)


def keys_together(
    known: pd.Index | None, keys: pd.Index | None, *, owner: str
) -> tuple[pd.Index | None, np.ndarray, np.ndarray]:
    """Return all keys of groups in increasing order, and the places of both there."""
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


def frames_of_groups(
    frame: Any, groups: list, time: Any, *, owner: str, rows: str
) -> dict[Any, pd.DataFrame]:
    """Return the rows of each group of a long frame in order of time, their index.

    They are told by the key of the group, by None without groups.
    """
    panel = row_labels(frame, groups, time, owner=owner, rows=rows)
    order = np.lexsort((panel.ranks, panel.codes))
    columns = [*groups, *([] if time is None else [time])]
    table = frame.drop(columns=columns).iloc[order]
    table = table.set_axis(panel.times_of(order), axis=0)
    keys = [None] if panel.keys is None else list(panel.keys)
    ends = np.searchsorted(panel.codes[order], np.arange(len(keys) + 1))
    return {key: table.iloc[ends[i] : ends[i + 1]] for i, key in enumerate(keys)}


# -- rows by group and time -----------------------------------------------------------


def newest_of_groups(codes: np.ndarray, n_newest: int | np.ndarray) -> np.ndarray:
    """Return the positions of so many newest rows of each group, of sorted codes."""
    stops = np.flatnonzero(np.append(np.diff(codes) != 0, len(codes) > 0)) + 1
    counts = np.minimum(np.diff(stops, prepend=0), n_newest)
    return ranges(stops - counts, counts)


def newest_in_order(codes: np.ndarray, labels: pd.Index, n_newest: int) -> np.ndarray:
    """Return the newest rows of each group, by group and time, each label once.

    Of rows with one label the last one counts.
    """
    places, _ = pd.factorize(labels, sort=True)
    order = np.lexsort((np.arange(len(codes)), places, codes))
    differs = (np.diff(codes[order]) != 0) | (np.diff(places[order]) != 0)
    order = order[np.append(differs, True)]
    return order[newest_of_groups(codes[order], n_newest)]
