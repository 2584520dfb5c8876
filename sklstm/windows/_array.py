"""Arithmetic of windows: where each one begins, and views that copy nothing.

A *series* here is an array of shape (n_rows, n_channels), and a *base* is the same
with missing (NaN) steps in front of every group, so that each row's window is a slice
of it. Overlapping windows are strided views of their base: n windows cost n rows of
memory, not n times the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = [
    "Slots",
    "Windows",
    "base_from_rows",
    "base_from_windows",
    "is_next_window",
    "ranges",
    "row_slices",
    "slots_of_rows",
    "take_rows",
    "true_steps",
    "windows_from_base",
]

# Values of windows that are copied at a time, so that memory does not grow with rows.
_VALUES_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a panel: an array that is gathered from its base when it is read.

    No stride leads from the last window of one group to the first of the next, nor
    across missing rows, so these windows are no view, and as an array they would take
    ``window`` times the memory of the rows. Indexing gives ordinary arrays, and
    ``numpy.asarray`` gives all windows.

    Parameters
    ----------
    base : ndarray of shape (n_steps, n_channels), float32
        The rows of all groups, each with missing steps in front; a row that others are
        missing behind stands in their place too.
    starts : ndarray of shape (n_rows,), int
        Where in the base the window of each row begins. The next row of a group begins
        one step later, after missing rows and in another group farther away.
    groups : ndarray of shape (n_rows,), int
        The group of each row; -1 for those that ``fit`` has not seen.
    window : int
        Steps of a window.
    keys : Index, optional
        What the groups are called; None for a single series.
    """

    base: np.ndarray
    starts: np.ndarray
    groups: np.ndarray
    window: int
    keys: Any = None

    ndim = 3

    @property
    def has_many_groups(self) -> bool:
        """Whether ``fit`` has seen more than one group."""
        return self.keys is not None and len(self.keys) > 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of rows, steps and channels."""
        return len(self.starts), self.window, self.base.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """float32."""
        return self.base.dtype

    def __repr__(self) -> str:
        rows, window, n_channels = self.shape
        return f"<Windows of shape ({rows}, {window}, {n_channels}), {self.dtype}>"

    def __len__(self) -> int:
        return len(self.starts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("The windows of a panel can only be copied to an array.")
        windows = self[:]
        return windows if dtype is None else windows.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, *inner = key if isinstance(key, tuple) else (key,)
        is_plain = all(isinstance(k, slice | int | np.integer) for k in inner)
        if rows is Ellipsis or rows is None or not is_plain:
            return np.asarray(self)[key]
        # Only what is asked for is gathered: the newest steps alone, say.
        return _windows_view(self.base, self.window)[(self.starts[rows], *inner)]

    def rows(self, at: slice | np.ndarray) -> Windows:
        """Return the windows of some rows, from the same base."""
        return replace(self, starts=self.starts[at], groups=self.groups[at])

    def copied(self, at: slice | np.ndarray) -> Windows:
        """Return the windows of some rows, each with steps of its own to write to."""
        own = self[at].reshape(-1, self.base.shape[1])
        starts = np.arange(0, len(own), self.window)
        return replace(self, base=own, starts=starts, groups=self.groups[at])

    def order(self) -> np.ndarray | None:
        """Return the rows by group and time; None where they are in that order."""
        if (np.diff(self.starts) > 0).all():
            return None
        return np.argsort(self.starts, kind="stable")


def take_rows(rows: Any, which: slice | np.ndarray) -> Any:
    """Return some rows of windows, of a table or of a target, by position."""
    if isinstance(rows, Windows):
        return rows.rows(which)
    return rows.iloc[which] if hasattr(rows, "iloc") else np.asarray(rows)[which]


@dataclass(frozen=True)
class Slots:
    """Where rows lie in a base, behind the kept rows of their group.

    Rows are by group and time; kept rows come before those of their group. A row lies
    as many slots after the one before it as it does on the grid, but no more than a
    window reads: in a longer hole every slot would hold the same.

    Parameters
    ----------
    rows, kept : ndarray of int
        The slot of each row, and of each kept row; where its window begins in the base.
    row_spans, kept_spans : ndarray of int
        Slots from each row to the next of its group, 1 for its newest.
    n_slots : int
        Length of the base.
    has_past : ndarray of shape (n_rows,), bool
        Rows that have a row in their window, or begin their group.
    """

    rows: np.ndarray
    kept: np.ndarray
    row_spans: np.ndarray
    kept_spans: np.ndarray
    n_slots: int
    has_past: np.ndarray

    @property
    def is_contiguous(self) -> bool:
        """Whether the windows of the rows are one strided view of the base."""
        n_rows = len(self.rows)
        return n_rows > 0 and bool(self.rows[-1] - self.rows[0] == n_rows - 1)


def slots_of_rows(
    codes: np.ndarray,
    steps: np.ndarray,
    kept_codes: np.ndarray,
    kept_steps: np.ndarray,
    *,
    window: int,
    delays: np.ndarray,
) -> Slots:
    """Return where rows lie in their base.

    Parameters
    ----------
    codes, kept_codes : ndarray of int
        The group of each row, and of each kept row that comes before them; sorted.
    steps, kept_steps : ndarray of int
        Places from the row before it in its group to each row, kept ones included; not
        read of the first.
    window : int
        Steps of a window.
    delays : ndarray of shape (n_channels,), int
        Rows from the newest value of a channel in a window to the predicted row.
    """
    lag = max(int(delays.max()), 0)
    # At least one slot lies between two groups, so that they do not seem to join.
    gap = window + max(lag, 1)
    if _is_contiguous(codes, steps, kept_codes, kept_steps):
        return _contiguous_slots(len(codes), len(kept_codes), gap)
    # Kept rows of a group come before its rows.
    row_at = np.arange(len(codes)) + np.searchsorted(kept_codes, codes, side="right")
    kept_at = np.arange(len(kept_codes)) + np.searchsorted(codes, kept_codes)
    n_all = len(codes) + len(kept_codes)
    all_steps, all_codes = np.empty(n_all, np.int64), np.empty(n_all, np.int64)
    all_steps[row_at], all_steps[kept_at] = steps, kept_steps
    all_codes[row_at], all_codes[kept_at] = codes, kept_codes
    is_first = np.append(True, all_codes[1:] != all_codes[:-1])[:n_all]
    longest = window + lag - min(int(delays.min()), 0)
    all_steps = np.where(is_first, gap, np.minimum(all_steps, longest))
    all_steps[:1] = 0
    slots = np.cumsum(all_steps)
    spans = np.append(np.where(is_first[1:], 1, all_steps[1:]), 1)
    has_past = np.ones(n_all, dtype=bool)
    if (spans > window).any():
        newest = np.searchsorted(slots, slots - lag, side="right") - 1
        is_far = slots - lag - slots[newest] >= window
        has_past = ~is_far | (
            newest < np.flatnonzero(is_first)[np.cumsum(is_first) - 1]
        )
    n_slots = int(slots[-1]) + gap if n_all else 0
    return Slots(
        slots[row_at],
        slots[kept_at],
        spans[row_at],
        spans[kept_at],
        n_slots,
        has_past[row_at],
    )


def _is_contiguous(
    codes: np.ndarray, steps: np.ndarray, kept_codes: np.ndarray, kept_steps: np.ndarray
) -> bool:
    """Return whether all rows are of one group, none missing between them."""
    if not len(codes) or codes[0] != codes[-1] or (kept_codes != codes[0]).any():
        return False
    n_first = 0 if len(kept_codes) else 1
    return bool((kept_steps[1:] == 1).all() and (steps[n_first:] == 1).all())


def _contiguous_slots(n_rows: int, n_kept: int, gap: int) -> Slots:
    """Return slots that follow each other, at little cost of memory."""
    n_all = n_kept + n_rows
    return Slots(
        np.arange(n_kept, n_all),
        np.arange(n_kept),
        np.broadcast_to(1, n_rows),
        np.broadcast_to(1, n_kept),
        n_all - 1 + gap,
        np.broadcast_to(True, n_rows),
    )


def base_from_rows(
    values: np.ndarray,
    context: np.ndarray,
    slots: Slots,
    *,
    window: int,
    delays: np.ndarray,
) -> np.ndarray:
    """Return the base in which every row's window is a slice.

    The window of row t holds each channel at rows t - delay - window + 1 to t - delay.
    In a slot without a row, and behind the newest, the newest earlier row stands. A
    step that lacks one channel lacks all of them.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_channels)
        Rows by group and time.
    context : ndarray of shape (n_kept, n_channels)
        Kept rows.
    slots : Slots
        Where they lie.
    window : int
        Steps of a window.
    delays : ndarray of shape (n_channels,), int
        More than 0 for channels that are fed back, 0 and less for known ones; more
        than ``-window``.

    Returns
    -------
    ndarray of shape (n_slots, n_channels), float32
    """
    base = np.full((slots.n_slots, values.shape[1]), np.nan, dtype=np.float32)
    for delay in np.unique(delays):
        channels = delays == delay
        which = slice(None) if channels.all() else np.flatnonzero(channels)
        for rows, at, spans in (
            (context, slots.kept, slots.kept_spans),
            (values, slots.rows, slots.row_spans),
        ):
            _put(base, at + (window - 1 + delay), which, rows, spans)
        if delay < 0 and len(values):
            # Later rows that are not there.
            is_newest = np.append(np.diff(slots.rows) != slots.row_spans[:-1], True)
            at = slots.rows[is_newest] + window + delay
            n_later = np.full(len(at), -delay)
            _put(base, at, which, values[is_newest], n_later)
    base[np.isnan(base).any(axis=1)] = np.nan
    return base


def _put(
    base: np.ndarray, at: np.ndarray, channels: Any, rows: np.ndarray, spans: np.ndarray
) -> None:
    """Write channels of rows to a base, each row into its span of slots."""
    rows = rows if isinstance(channels, slice) else rows[:, channels]
    if len(at) and (spans == 1).all() and at[-1] - at[0] == len(at) - 1:
        base[at[0] : at[-1] + 1, channels] = rows
        return
    which = np.repeat(np.arange(len(at)), spans)
    at = ranges(at, spans)
    base[at if isinstance(channels, slice) else at[:, None], channels] = rows[which]


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the concatenation of ``arange(start, start + length)``."""
    ends = np.cumsum(lengths)
    shifts = starts - (ends - lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(shifts, lengths)


def _windows_view(base: np.ndarray, window: int) -> np.ndarray:
    """Return all windows of a base as a view, one for every step it can begin with."""
    view = np.lib.stride_tricks.sliding_window_view(base, window, axis=0)
    return view.transpose(0, 2, 1)


def windows_from_base(base: np.ndarray, first: int, n_rows: int, window: int):
    """Return the windows of contiguous rows, a view of their base.

    Parameters
    ----------
    base : ndarray of shape (n_steps, n_channels)
    first : int
        Where the window of the first row begins.
    n_rows, window : int

    Returns
    -------
    ndarray of shape (n_rows, window, n_channels)
    """
    return _windows_view(base, window)[first : first + n_rows]


def base_from_windows(windows: np.ndarray) -> np.ndarray | None:
    """Return the base of windows that overlap in memory, None if they do not."""
    if isinstance(windows, Windows):
        return windows.base
    n_rows, window, n_channels = windows.shape
    row, step, channel = windows.strides
    if n_rows < 2 or row != step:
        return None
    return np.lib.stride_tricks.as_strided(
        windows,
        (n_rows + window - 1, n_channels),
        (step, channel),
        writeable=False,
    )


def row_slices(windows: np.ndarray, n_rows: int) -> Iterator[slice]:
    """Yield slices of so many rows that their windows can be copied at a time.

    Parameters
    ----------
    windows : ndarray of shape (n, window, n_channels)
        Windows of which some are copied, usually a view.
    n_rows : int
        How many rows there are to go through.
    """
    n_values = windows.shape[1] * windows.shape[2]
    size = max(1, _VALUES_AT_ONCE // max(1, n_values))
    for start in range(0, n_rows, size):
        yield slice(start, start + size)


def true_steps(windows: np.ndarray) -> np.ndarray:
    """Return how many steps of each window are true.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, window, n_channels)
        A step is missing where all its channels are NaN.

    Returns
    -------
    ndarray of shape (n_rows,), or -1 where the window is not missing oldest steps
    followed by true ones.
    """
    base = base_from_windows(windows)
    if base is not None:
        counts = _true_steps_of_base(base, windows.shape[1])
        return counts[windows.starts] if isinstance(windows, Windows) else counts
    counts = np.empty(len(windows), dtype=np.int32)
    for rows in row_slices(windows, len(windows)):
        part = windows[rows]
        nan = np.isnan(part)
        missing = nan.all(axis=2)
        count = (~missing).sum(axis=1)
        steps = np.arange(part.shape[1])
        is_leading = missing == (steps < part.shape[1] - count[:, None])
        is_complete = nan.any(axis=2) == missing
        counts[rows] = np.where((is_leading & is_complete).all(axis=1), count, -1)
    return counts


def _true_steps_of_base(base: np.ndarray, window: int) -> np.ndarray:
    """Return the counts of ``true_steps`` from the base, in one pass over its rows."""
    counts = np.full(len(base) - window + 1, window, dtype=np.int32)
    # Windows that begin after the newest NaN are complete.
    is_nan = np.isnan(base).any(axis=1)
    if is_nan.any():
        n_touched = min(len(base) - int(np.argmax(is_nan[::-1])), len(counts))
        for start in range(0, n_touched, _VALUES_AT_ONCE):
            stop = min(start + _VALUES_AT_ONCE, n_touched)
            touched = base[start : stop + window - 1]
            counts[start:stop] = _true_steps_with_nan(touched, window)
    return counts


def _true_steps_with_nan(base: np.ndarray, window: int) -> np.ndarray:
    nan = np.isnan(base)
    missing = nan.all(axis=1)
    partly = nan.any(axis=1) & ~missing
    positions = np.arange(len(base))
    newest = positions[window - 1 :]
    last_missing = np.maximum.accumulate(np.where(missing, positions, -1))
    last_true = np.maximum.accumulate(np.where(missing, -1, positions))
    last_partly = np.maximum.accumulate(np.where(partly, positions, -1))
    count = np.minimum(newest - last_missing[newest], window)
    oldest = newest - window + 1
    # Before the newest stretch of true steps, everything in the window is missing.
    before = last_missing[newest]
    earlier_true = np.where(before >= 0, last_true[np.maximum(before, 0)], -1)
    is_valid = (earlier_true < oldest) & (last_partly[newest] < oldest)
    return np.where(is_valid, count, -1)


def is_next_window(windows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return, for each row but the first, whether it directly follows the one before.

    Windows of contiguous rows overlap: all but the newest step of one are all but the
    oldest of the other. Comparing the newest step of the earlier window, and the
    counts of true steps, tells them apart from rows on two sides of a hole.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, window, n_channels)
        Windows in time order.
    counts : ndarray of shape (n_rows,)
        What ``true_steps`` returned for them.

    Returns
    -------
    ndarray of shape (n_rows - 1,), bool
        Windows of a single step tell nothing but the count; True wherever it fits.
    """
    if isinstance(windows, Windows):
        return np.diff(windows.starts) == 1
    n_steps = windows.shape[1]
    grows = counts[1:] == np.minimum(counts[:-1] + 1, n_steps)
    empty = (counts[1:] == 0) & (counts[:-1] == 0)
    if n_steps == 1:
        return grows | empty
    earlier, later = windows[:-1, -1], windows[1:, -2]
    same = ((earlier == later) | (np.isnan(earlier) & np.isnan(later))).all(axis=1)
    return (grows | empty) & same
