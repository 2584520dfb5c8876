"""Runs of rows: where each begins, in which group, and which kept rows precede it.

Pure arithmetic on numbers: rows are sorted by group and time once, and runs are found
by comparing neighbours. There is no loop over groups.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from sklstm.windows._windows import ranges

__all__ = [
    "Runs",
    "as_columns",
    "carried",
    "contexts_before",
    "elapsed",
    "longest_gap",
    "members",
    "moved_rows",
    "newest_rows",
    "next_in_group",
    "ordered_rows",
    "rows_to_learn",
]

# Rows that a message names at most.
_ROWS_TO_NAME = 5


@dataclass(frozen=True)
class Runs:
    """Runs of contiguous rows, and the kept rows that precede each of them.

    Parameters
    ----------
    order : ndarray of shape (n_rows,), int, or None
        The rows, group by group and oldest first; None where they come so.
    starts : ndarray of shape (n_runs,), int
        Position, in that order, at which each run begins.
    groups : ndarray of shape (n_runs,), int, or None
        The group of each run as ``fit`` numbers them, -1 for a new one; None for a
        single series.
    contexts, context_starts : ndarray of shape (n_runs,), int
        How many context rows precede each run, and the position of the first of them.
    """

    order: np.ndarray | None
    starts: np.ndarray
    groups: np.ndarray | None
    contexts: np.ndarray
    context_starts: np.ndarray

    def in_order(self, rows: Any) -> Any:
        """Return rows run by run."""
        return rows if self.order is None else rows[self.order]

    def as_they_came(self, rows: np.ndarray) -> np.ndarray:
        """Return rows, which are in the order of runs, in the order of X."""
        if self.order is None:
            return rows
        placed = np.empty_like(rows)
        placed[self.order] = rows
        return placed

    def lengths(self, n_rows: int) -> np.ndarray:
        """Return the number of rows of each run."""
        return np.diff(np.append(self.starts, n_rows))


def as_columns(groups: Any) -> list:
    """Return the columns that tell groups apart, however they were given."""
    if groups is None:
        return []
    return [groups] if isinstance(groups, str | Integral) else list(groups)


def ordered_rows(panel: Any, *, owner: str) -> np.ndarray | None:
    """Return the rows of a panel by group and time; None where they come so.

    Parameters
    ----------
    panel : PanelLabels
        Group and time of each row.
    owner : str
        Who is speaking.

    Raises
    ------
    ValueError
        If a group has a time twice; it names the first ones.
    """
    keys = panel.codes * (int(panel.ranks.max(initial=0)) + 1) + panel.ranks
    if (np.diff(keys) > 0).all():
        return None
    # Sorting one number a row is several times as fast as lexsort.
    order = np.argsort(keys)
    twice = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(twice):
        rows = np.sort(order[twice + 1])
        raise ValueError(
            f"{owner} needs one row per group and time. Got {len(rows)} more: "
            f"{', '.join(panel.words(row) for row in rows[:_ROWS_TO_NAME])}; "
            f"{'' if panel.keys is not None else 'name the columns of groups, or '}"
            "drop or aggregate the duplicates."
        )
    return order


def next_in_group(
    codes: np.ndarray, ranks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of rows, and of the row after each in its group.

    Parameters
    ----------
    codes, ranks : ndarray of shape (n_rows,), int
        Group and time of rows that are in order.
    """
    is_next = codes[1:] == codes[:-1]
    return ranks[:-1][is_next], ranks[1:][is_next]


def contexts_before(
    numbers: np.ndarray,
    groups: np.ndarray,
    kept: np.ndarray,
    kept_starts: np.ndarray,
    unit: int | None,
) -> np.ndarray:
    """Return how many kept rows of its group precede each run.

    Parameters
    ----------
    numbers, groups : ndarray of shape (n_runs,), int
        When each run begins, and its group; -1 for groups without kept rows.
    kept : ndarray of shape (n_kept,), int
        When each kept row was, group by group and oldest first.
    kept_starts : ndarray of shape (n_groups + 1,), int
        Where the kept rows of each group begin and end.
    unit : int or None
        How far contiguous rows lie apart; None where all rows in order are.

    Returns
    -------
    ndarray of shape (n_runs,), int
    """
    times, places = np.unique(np.concatenate([kept, numbers]), return_inverse=True)
    kept_groups = np.repeat(np.arange(len(kept_starts) - 1), np.diff(kept_starts))
    kept_keys = kept_groups * len(times) + places[: len(kept)]
    run_keys = groups * len(times) + places[len(kept) :]
    first = kept_starts[:-1][groups] if len(kept) else np.zeros_like(groups)
    counts = np.where(groups < 0, 0, np.searchsorted(kept_keys, run_keys) - first)
    if unit is None or not len(kept):
        return counts
    newest = kept[np.maximum(first + counts - 1, 0)]
    return np.where((counts > 0) & (numbers - newest == unit), counts, 0)


def members(codes: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """Return the rows of each group, in the order in which they came.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int
        The group of each row; rows of negative ones are left out.
    n_groups : int
        How many groups there are.
    """
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(n_groups + 1))
    return [order[i:j] for i, j in itertools.pairwise(ends)]


def newest_rows(
    run_starts: np.ndarray, groups: np.ndarray, n_rows: int, n_newest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the newest rows of the last run of every group.

    Parameters
    ----------
    run_starts, groups : ndarray of shape (n_runs,), int
        Where each run begins, and its group, in increasing order.
    n_rows : int
        Rows of all runs.
    n_newest : int
        How many of a group at most.

    Returns
    -------
    rows : ndarray of int
        Positions, group by group and oldest first.
    starts : ndarray of shape (n_groups + 1,), int
        Where those of each group begin and end.
    """
    stops = np.append(run_starts[1:], n_rows)
    is_last = np.append(groups[1:] != groups[:-1], True)
    counts = np.minimum((stops - run_starts)[is_last], n_newest)
    rows = ranges(stops[is_last] - counts, counts)
    return rows, np.concatenate([[0], np.cumsum(counts)])


def moved_rows(
    runs: Runs,
    codes: np.ndarray,
    own_starts: np.ndarray,
    is_later: np.ndarray,
    kept_starts: np.ndarray,
    known: np.ndarray,
    own: np.ndarray,
    n_newest: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows to keep of those kept so far and of the newest ones.

    Parameters
    ----------
    runs : Runs
        The runs of new rows, and the kept rows that precede them.
    codes : ndarray of shape (n_runs,), int
        The group of each run, in increasing order.
    own_starts : ndarray of shape (n_own_groups + 1,), int
        Where their newest rows, of each of their groups, begin and end.
    is_later : ndarray of shape (n_own_groups,), bool
        Groups whose rows end later than those kept; the others are kept as they were.
    kept_starts : ndarray of shape (n_known_groups + 1,), int
        Where the kept rows of each group begin and end.
    known, own : ndarray of int
        Places of both kinds of groups among all groups.
    n_newest : int
        How many rows of a group to keep at most.

    Returns
    -------
    rows : ndarray of int
        Positions among the kept rows with the newest ones below them.
    starts : ndarray of shape (n_groups + 1,), int
        Where those of each group begin and end.
    """
    last = np.append(codes[1:] != codes[:-1], True)
    n_own = np.diff(own_starts)
    n_past = np.minimum(runs.contexts[last], n_newest - n_own)
    past = runs.context_starts[last] + runs.contexts[last] - n_past
    # Of each group a stretch of kept rows, and one of new rows.
    begins = np.zeros((max(known.max(), own.max()) + 1, 2), dtype=np.intp)
    counts = np.zeros_like(begins)
    begins[known, 0], counts[known, 0] = kept_starts[:-1], np.diff(kept_starts)
    new = np.column_stack([past, kept_starts[-1] + own_starts[:-1]])
    begins[own[is_later]] = new[is_later]
    counts[own[is_later]] = np.column_stack([n_past, n_own])[is_later]
    starts = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
    return ranges(begins.ravel(), counts.ravel()), starts


def rows_to_learn(codes: np.ndarray, is_new: np.ndarray, n_again: int) -> np.ndarray:
    """Return the new rows, and as many right before those of each group.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int
        The group of each row; rows are by group and time.
    is_new : ndarray of shape (n_rows,), bool
        Rows that were not seen before, the newest of their group.
    n_again : int
        How many seen rows of a group, where it has new ones.
    """
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    stops = np.append(starts[1:], len(codes))
    firsts = starts + np.add.reduceat(~is_new, starts, dtype=np.intp)
    begins = np.where(firsts < stops, np.maximum(firsts - n_again, starts), stops)
    return ranges(begins, stops - begins)


def carried(values: np.ndarray, runs: Runs, before: np.ndarray) -> np.ndarray:
    """Return values with every NaN filled from the newest earlier row of its run.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Run by run, oldest row first.
    runs : Runs
        Where they begin.
    before : ndarray of shape (n_runs, n_columns)
        What came right before each run; NaN where nothing did.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        A copy, where anything was filled. What is missing before the first value of a
        run stays so.
    """
    columns = np.flatnonzero(np.isnan(values).any(axis=0))
    if not len(columns):
        return values
    filled = values.copy()
    run = np.repeat(np.arange(len(runs.starts)), runs.lengths(len(values)))
    rows = np.arange(len(values))
    for column in columns:
        is_there = ~np.isnan(values[:, column])
        newest = np.maximum.accumulate(np.where(is_there, rows, -1))
        is_own = newest >= runs.starts[run]
        filled[:, column] = np.where(
            is_own, values[newest, column], before[run, column]
        )
    return filled


def elapsed(numbers: np.ndarray, runs: Runs, before: np.ndarray) -> np.ndarray:
    """Return the time since the previous row of the run, 0 where there was none.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows,)
        When each row was, run by run.
    runs : Runs
        Where they begin.
    before : ndarray of shape (n_runs,)
        When the row right before each run was; its own time where there was none.
    """
    times = np.diff(numbers, prepend=numbers[:1])
    times[runs.starts] = numbers[runs.starts] - before
    return times


def longest_gap(is_missing: np.ndarray, starts: np.ndarray) -> int:
    """Return the most rows in a row that lack a value of one column.

    Parameters
    ----------
    is_missing : ndarray of shape (n_rows, n_columns), bool
        Rows group by group, oldest first.
    starts : ndarray of int
        Where groups begin.
    """
    rows = np.arange(len(is_missing))[:, None]
    is_there = ~is_missing
    is_there[starts] = True
    newest = np.maximum.accumulate(np.where(is_there, rows, 0), axis=0)
    return int((rows - newest).max(initial=0)) + bool(is_missing[starts].any())
