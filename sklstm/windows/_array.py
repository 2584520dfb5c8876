"""Arithmetic of windows: where each one begins, and views that copy nothing.

A *base* is an array of shape (n_slots, n_channels) in which each row's window is a
slice: the rows of every group by time, with missing (NaN) steps in front. Overlapping
windows are views of it: n windows cost n rows of memory, not n times the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# Values of a base that are never too many.
_MOST_VALUES = 1 << 26

# Values of windows that are copied at a time, so that memory does not grow with rows.
_VALUES_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows that are gathered from their base when they are read.

    No stride leads from the last window of one group to the first of the next, nor over
    a missing row, so these windows are no view; as an array they would take ``window``
    times the memory of the rows. Indexing and ``numpy.asarray`` give ordinary arrays.
    """

    base: np.ndarray  # (n_slots, n_channels), float32 or float64
    starts: np.ndarray  # the slot at which the window of each row begins
    groups: np.ndarray  # the group of each row, -1 for those that ``fit`` has not seen
    window: int
    keys: Any = None  # what the groups are called, None for a single series
    season: tuple[int, ...] | None = None
    maker: Any = None  # the SlidingWindow that is told if a fit on them fails

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
        """That of the base."""
        return self.base.dtype

    def __repr__(self) -> str:
        rows, window, n_channels = self.shape
        return f"<Windows of shape ({rows}, {window}, {n_channels}), {self.dtype}>"

    def __len__(self) -> int:
        return len(self.starts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("These windows can only be copied to an array.")
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

    def order(self) -> Any:
        """Return an index of the rows by group and time; a slice where they are so."""
        if (np.diff(self.starts) > 0).all():
            return slice(None)
        return np.argsort(self.starts, kind="stable")


def take_rows(rows: Any, which: slice | np.ndarray) -> Any:
    """Return some rows of windows, of a table or of a target, by position."""
    if isinstance(rows, Windows):
        return rows.rows(which)
    return rows.iloc[which] if hasattr(rows, "iloc") else np.asarray(rows)[which]


def check_length(longest: int, lag: int, *, is_long: bool) -> None:
    """Raise where no row of the longest group has a past."""
    if longest <= lag:
        came = f"{longest} row(s) in the longest group"
        raise ValueError(
            f"SlidingWindow needs at least horizon + 1 = {lag + 1} rows, so that one "
            f"row has a past. Got {came if is_long else f'{longest} sample(s)'}; pass "
            "more rows."
        )


def check_size(window: int, horizon: int, values: np.ndarray, n_groups: int) -> None:
    """Raise where windows ask for far more memory than there are values."""
    n_values = 2 * (window + horizon) * values.shape[1] * n_groups
    if n_values > max(_MOST_VALUES, 1000 * values.size):
        raise ValueError(
            f"SlidingWindow needs a window that fits X. Got window={window} and "
            f"horizon={horizon} for {len(values)} rows, which would take "
            f"{4 * n_values / 1e9:.1f} GB; choose a shorter window."
        )


def slots_of(
    codes: np.ndarray, steps: np.ndarray, window: int, delays: np.ndarray
) -> np.ndarray:
    """Return the slot of a base at which the window of each row begins.

    A row lies as many slots behind the one before it as on the grid, but no more than a
    window reads: in a longer hole every slot would hold the same. Rows are by group and
    time; delays are those of :func:`base_from_rows`.
    """
    lag, ahead = max(int(delays.max()), 0), max(-int(delays.min()), 0)
    steps = np.minimum(steps, window + lag + ahead)
    steps[first_of_groups(codes)] = _gap(window, lag)
    steps[0] = 0
    return np.cumsum(steps)


def _gap(window: int, lag: int) -> int:
    """Return the slots that part groups: at least one, so that they do not join."""
    return window + max(lag, 1)


def base_from_rows(
    values: np.ndarray,
    codes: np.ndarray,
    slots: np.ndarray,
    window: int,
    delays: np.ndarray,
) -> np.ndarray:
    """Return the base, (n_slots, n_channels), in which every row's window is a slice.

    The window of row t holds each channel at rows t - delay - window + 1 to t - delay:
    delays are more than 0 for channels that are fed back, 0 and less for known ones.
    In a slot without a row, and behind the newest, the newest earlier row stands. A
    step that lacks one channel lacks all of them.
    """
    n_slots = int(slots[-1]) + _gap(window, max(int(delays.max()), 0))
    shape = n_slots, values.shape[1]
    base: np.ndarray = np.full(shape, np.nan, dtype=float_type(values))
    newest = np.append(first_of_groups(codes)[1:], len(codes)) - 1
    spans = np.diff(slots, append=0)
    for delay in np.unique(delays):
        channels = np.flatnonzero(delays == delay)
        spans[newest] = 1 + max(0, -delay)
        own = np.repeat(values[:, channels], spans, axis=0)
        begin = int(slots[0]) + window - 1 + delay
        at: Any = slice(begin, begin + len(own))
        if len(newest) > 1:
            at = ranges(slots + window - 1 + delay, spans)[:, None]
        base[at, channels] = own
    base[np.isnan(base).any(axis=1)] = np.nan
    return base


def float_type(*arrays: np.ndarray) -> type:
    """Return float32 where all arrays are floats and no longer, else float64."""
    is_short = all(a.dtype.kind == "f" and a.dtype.itemsize <= 4 for a in arrays)
    return np.float32 if is_short else np.float64


def first_of_groups(codes: np.ndarray) -> np.ndarray:
    """Return the positions of the first row of each group, of sorted codes."""
    return np.flatnonzero(np.append(True, np.diff(codes) != 0)[: len(codes)])


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the concatenation of ``arange(start, start + length)``."""
    ends = np.cumsum(lengths)
    shifts = starts - (ends - lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(shifts, lengths)


def _windows_view(base: np.ndarray, window: int) -> np.ndarray:
    """Return all windows of a base as a view, one for every slot it can begin with."""
    view = np.lib.stride_tricks.sliding_window_view(base, window, axis=0)
    return view.transpose(0, 2, 1)


def windows_from_base(
    base: np.ndarray, first: int, n_rows: int, window: int
) -> np.ndarray:
    """Return the windows of contiguous rows from a slot on, a view of the base."""
    return _windows_view(base, window)[first : first + n_rows]


def with_base(windows: Any, base: np.ndarray) -> Any:
    """Return the same windows of another base."""
    if isinstance(windows, Windows):
        return replace(windows, base=base)
    return windows_from_base(base, 0, len(windows), windows.shape[1])


def steps_of_windows(windows: Any) -> np.ndarray:
    """Return the steps of windows, (n_steps, n_channels), each once if they overlap."""
    base = base_from_windows(windows)
    return windows.reshape(-1, windows.shape[2]) if base is None else base


def base_from_windows(windows: np.ndarray) -> np.ndarray | None:
    """Return the base of windows that overlap in memory, None if they do not."""
    if isinstance(windows, Windows):
        return windows.base
    n_rows, window, n_channels = windows.shape
    row, step, channel = windows.strides
    if n_rows < 2 or row != step:
        return None
    shape, strides = (n_rows + window - 1, n_channels), (step, channel)
    return np.lib.stride_tricks.as_strided(windows, shape, strides, writeable=False)


def row_slices(windows: Any, n_rows: int) -> Iterator[slice]:
    """Yield slices of so many rows that their windows can be copied at a time."""
    n_values = windows.shape[1] * windows.shape[2]
    size = max(1, _VALUES_AT_ONCE // max(1, n_values))
    for start in range(0, n_rows, size):
        yield slice(start, start + size)


def true_steps(windows: Any) -> np.ndarray:
    """Return how many steps of each window are true, (n_rows,) int32.

    A step is missing where all its channels are NaN. -1 stands for windows that are not
    missing oldest steps followed by true ones.
    """
    n_rows, window, n_channels = windows.shape
    base = base_from_windows(windows)
    if base is not None:
        counts = _true_steps_of_base(base, window)
        return counts[windows.starts] if isinstance(windows, Windows) else counts
    counts = np.empty(n_rows, dtype=np.int32)
    for rows in row_slices(windows, n_rows):
        one_by_one = np.asarray(windows[rows]).reshape(-1, n_channels)
        counts[rows] = _true_steps_of_base(one_by_one, window)[::window]
    return counts


def _true_steps_of_base(base: np.ndarray, window: int) -> np.ndarray:
    """Return the counts of ``true_steps`` of all windows of a base."""
    counts = np.full(len(base) - window + 1, window, dtype=np.int32)
    is_nan = np.isnan(base).any(axis=1)
    # Windows that begin after the newest NaN are complete.
    n_read = min(int(np.max(np.flatnonzero(is_nan), initial=-1)) + 1, len(counts))
    is_nan = is_nan[: n_read + window - 1]
    so_far = np.append(0, np.cumsum(np.isnan(base[: len(is_nan)]).all(axis=1)))
    n_missing = so_far[window:] - so_far[:-window]
    newest = np.maximum.accumulate(np.where(is_nan, np.arange(len(is_nan)), -1))
    n_until = np.maximum(newest[window - 1 :] - np.arange(n_read) + 1, 0)
    # All steps up to the newest NaN must be missing, and in every channel.
    counts[:n_read] = np.where(n_missing == n_until, window - n_until, -1)
    return counts


def is_next_window(windows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return, for each row but the first, whether it directly follows the one before.

    Windows of contiguous rows overlap; their newest steps and the counts of true steps
    tell them from rows with one missing between them. Of a single step the count does.
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
