"""Arithmetic of windows: where each one begins, and views that copy nothing.

A *series* here is an array of shape (n_rows, n_channels), and a *base* is the same
with missing (NaN) steps in front of every run, so that each row's window is a slice
of it. Overlapping windows are strided views of their base: n windows cost n rows of
memory, not n times the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = [
    "PanelWindows",
    "base_from_runs",
    "base_from_series",
    "base_from_windows",
    "is_next_window",
    "ranges",
    "row_slices",
    "take_rows",
    "true_steps",
    "windows_from_base",
]

# Values of windows that are copied at a time, so that memory does not grow with rows.
_VALUES_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class PanelWindows:
    """The windows of a panel: an array that is gathered from its base when it is read.

    No stride leads from the last window of one group to the first of the next, so the
    windows of many groups are no view, and as an array they would take ``window``
    times the memory of the rows. Indexing gives ordinary arrays, and so does
    ``numpy.asarray`` of the whole.

    Parameters
    ----------
    base : ndarray of shape (n_steps, n_channels), float32
        The runs of all groups, each with missing steps in front.
    starts : ndarray of shape (n_rows,), int
        Where in the base the window of each row begins. The next row of the same run
        begins one step later, another run farther away.
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
        return f"<PanelWindows of shape ({rows}, {window}, {n_channels}), {self.dtype}>"

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

    def rows(self, at: slice | np.ndarray) -> PanelWindows:
        """Return the windows of some rows, from the same base."""
        return replace(self, starts=self.starts[at], groups=self.groups[at])

    def copied(self, at: slice | np.ndarray) -> PanelWindows:
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
    if isinstance(rows, PanelWindows):
        return rows.rows(which)
    return rows.iloc[which] if hasattr(rows, "iloc") else np.asarray(rows)[which]


def base_from_runs(
    series: np.ndarray,
    context: np.ndarray,
    run_starts: np.ndarray,
    run_contexts: np.ndarray,
    context_starts: np.ndarray,
    *,
    window: int,
    delays: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the base of many runs, and where in it the window of each row begins.

    The same as :func:`base_from_series`, for more runs than a loop should go through,
    each with a context of its own. A step that lacks one channel lacks all of them.

    Parameters
    ----------
    series : ndarray of shape (n_rows, n_channels)
        Values, run by run, oldest row first.
    context : ndarray of shape (n_context, n_channels)
        Rows that were kept from earlier.
    run_starts : ndarray of shape (n_runs,)
        Position at which each run begins.
    run_contexts, context_starts : ndarray of shape (n_runs,)
        How many context rows precede each run, and the position of the first of them.
    window : int
        Length of the window.
    delays : ndarray of shape (n_channels,), int
        As there.

    Returns
    -------
    base : ndarray of shape (n_steps, n_channels), float32
    starts : ndarray of shape (n_rows,), int
    """
    n_rows, n_channels = series.shape
    # At least one step lies between two runs, so that no two of them seem to join.
    gaps = (window - 1 + max(delays.max(), 1)) * np.arange(len(run_starts) + 1)
    base = np.full((n_rows + gaps[-1], n_channels), np.nan, dtype=np.float32)
    lengths = np.diff(np.append(run_starts, n_rows))
    starts = np.arange(n_rows) + np.repeat(gaps[:-1], lengths)
    past = ranges(context_starts, run_contexts)
    before = ranges(run_starts + gaps[:-1] - run_contexts, run_contexts)
    for delay in np.unique(delays):
        channels = delays == delay
        which = slice(None) if channels.all() else np.flatnonzero(channels)
        at = window - 1 + delay
        _put(base, starts + at, which, series)
        # Later rows that are not there.
        last = np.append(run_starts[1:], n_rows) - 1
        for later in range(1, 1 - delay):
            _put(base, starts[last] + at + later, which, series[last])
        # The oldest kept rows may be older than the run's first window.
        is_read = before + at >= np.repeat(run_starts + gaps[:-1], run_contexts)
        _put(base, (before + at)[is_read], which, context[past[is_read]])
    is_partly_missing = np.isnan(base).any(axis=1)
    base[is_partly_missing] = np.nan
    return base, starts


def _put(base: np.ndarray, at: np.ndarray, channels: Any, rows: np.ndarray) -> None:
    """Write some channels of rows to positions of a base."""
    if isinstance(channels, slice):
        base[at] = rows
    else:
        base[at[:, None], channels] = rows[:, channels]


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the concatenation of ``arange(start, start + length)``."""
    ends = np.cumsum(lengths)
    shifts = starts - (ends - lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(shifts, lengths)


def _windows_view(base: np.ndarray, window: int) -> np.ndarray:
    """Return all windows of a base as a view, one for every step it can begin with."""
    view = np.lib.stride_tricks.sliding_window_view(base, window, axis=0)
    return view.transpose(0, 2, 1)


def base_from_series(
    series: np.ndarray,
    context: np.ndarray,
    run_starts: np.ndarray,
    run_contexts: np.ndarray,
    *,
    window: int,
    delays: np.ndarray,
) -> np.ndarray:
    """Return the base in which every row's window is a slice.

    Row t of the series reads each channel at rows t - delay - window + 1 to t - delay.
    A step for which the channels of the longest delay have no row is missing in every
    channel. Of later rows that are not there the newest of the run stands.

    Parameters
    ----------
    series : ndarray of shape (n_rows, n_channels)
        Values, oldest row first.
    context : ndarray of shape (n_context, n_channels)
        Rows that were kept from earlier, oldest first.
    run_starts : ndarray of shape (n_runs,)
        Position at which each run of contiguous rows begins; the first is 0.
    run_contexts : ndarray of shape (n_runs,)
        How many context rows precede each run. Which ones: those that end ``d - 1``
        rows before the newest context row are given by their own slice; see Notes.
    window : int
        Length of the window.
    delays : ndarray of shape (n_channels,), int
        Rows from the newest value of a channel in a window to the row that it
        predicts: more than 0 for those that are fed back, 0 and less for those that are
        known; more than ``-window``.

    Returns
    -------
    ndarray of shape (n_rows + n_runs * (window - 1), n_channels), float32
        Run r begins at position ``run_starts[r] + r * (window - 1)``; the window of
        row t of that run begins at ``t + r * (window - 1)``.

    Notes
    -----
    ``run_contexts`` counts from the *oldest* context row: a run that begins where the
    context ends uses all of it, a run that begins one row earlier all but the newest
    row, and 0 means none.
    """
    n_rows, n_channels = series.shape
    stops = np.append(run_starts[1:], n_rows)
    base = np.full(
        (n_rows + len(run_starts) * (window - 1), n_channels), np.nan, np.float32
    )
    for run, (start, stop) in enumerate(zip(run_starts, stops, strict=True)):
        begin = start + run * (window - 1)
        part = base[begin : stop + (run + 1) * (window - 1)]
        past = context[: run_contexts[run]]
        for delay in np.unique(delays):
            channels = delays == delay
            at = window - 1 + delay
            _place(part, past, at - len(past), channels)
            _place(part, series[start:stop], at, channels)
            if delay < 0:
                part[delay:, channels] = series[stop - 1, channels]
        n_missing = window - 1 + delays.max() - len(past)
        part[: max(n_missing, 0)] = np.nan
    return base


def _place(part: np.ndarray, rows: np.ndarray, at: int, channels: np.ndarray) -> None:
    """Write some channels of rows into a part from a position on, clipped to it."""
    if not channels.any():
        return
    rows = rows[max(-at, 0) :]
    at = max(at, 0)
    length = min(len(rows), len(part) - at)
    if length <= 0:
        return
    if channels.all():
        part[at : at + length] = rows[:length]
    else:
        part[at : at + length, channels] = rows[:length, channels]


def windows_from_base(
    base: np.ndarray, run_starts: np.ndarray, n_rows: int, window: int
) -> np.ndarray:
    """Return the windows of shape (n_rows, window, n_channels) of a base.

    One run gives a view. Several runs are gathered into a new array, because no
    stride leads from the last window of a run to the first of the next.
    """
    view = _windows_view(base, window)
    if len(run_starts) == 1:
        return view
    lengths = np.diff(np.append(run_starts, n_rows))
    runs = np.repeat(np.arange(len(run_starts)), lengths)
    return view[np.arange(n_rows) + runs * (window - 1)]


def base_from_windows(windows: np.ndarray) -> np.ndarray | None:
    """Return the base of windows that overlap in memory, None if they do not."""
    if isinstance(windows, PanelWindows):
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
        return counts[windows.starts] if isinstance(windows, PanelWindows) else counts
    counts = np.empty(len(windows), dtype=np.int32)
    for rows in row_slices(windows, len(windows)):
        part = windows[rows]
        nan = np.isnan(part)
        missing = nan.all(axis=2)
        count = (~missing).sum(axis=1)
        steps = np.arange(part.shape[1])
        is_leading = missing == (steps < part.shape[1] - count[:, None])
        is_whole = nan.any(axis=2) == missing
        counts[rows] = np.where((is_leading & is_whole).all(axis=1), count, -1)
    return counts


def _true_steps_of_base(base: np.ndarray, window: int) -> np.ndarray:
    """Return the counts of ``true_steps`` from the base, in one pass over its rows."""
    counts = np.full(len(base) - window + 1, window, dtype=np.int32)
    # Windows that begin after the newest NaN are whole.
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
    if isinstance(windows, PanelWindows):
        return np.diff(windows.starts) == 1
    n_steps = windows.shape[1]
    grows = counts[1:] == np.minimum(counts[:-1] + 1, n_steps)
    empty = (counts[1:] == 0) & (counts[:-1] == 0)
    if n_steps == 1:
        return grows | empty
    earlier, later = windows[:-1, -1], windows[1:, -2]
    same = ((earlier == later) | (np.isnan(earlier) & np.isnan(later))).all(axis=1)
    return (grows | empty) & same
