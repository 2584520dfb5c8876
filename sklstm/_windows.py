"""Arithmetic of windows: where each one begins, and views that copy nothing.

A *series* here is an array of shape (n_rows, n_channels), and a *base* is the same
with missing (NaN) steps in front of every run, so that each row's window is a slice
of it. Overlapping windows are strided views of their base: n windows cost n rows of
memory, not n times the window.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = [
    "base_from_series",
    "base_from_windows",
    "is_next_window",
    "row_slices",
    "true_steps",
    "windows_from_base",
]

# Values of windows that are copied at a time, so that memory does not grow with rows.
_VALUES_AT_ONCE = 1 << 18


def base_from_series(
    series: np.ndarray,
    context: np.ndarray,
    run_starts: np.ndarray,
    run_contexts: np.ndarray,
    *,
    window: int,
    horizon: int,
    known: np.ndarray,
) -> np.ndarray:
    """Return the base in which every row's window is a slice.

    Row t of the series reads the lagged channels at rows t - horizon - window + 1 to
    t - horizon, and the known channels ``horizon`` rows later, so that they end at t.
    A step whose lagged row does not exist is missing in every channel.

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
    window, horizon : int
        Length of the window, and its distance from the row that it predicts.
    known : ndarray of shape (n_channels,), bool
        Channels that are known at the predicted row.

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
        # Position p of this part holds lagged row p - delay of past + run.
        delay = window - 1 + horizon - len(past)
        _place(part, past, delay, ~known)
        _place(part, series[start:stop], window - 1 + horizon, ~known)
        _place(part, past, delay - horizon, known)
        _place(part, series[start:stop], window - 1, known)
        part[: max(delay, 0), known] = np.nan
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
    view = np.lib.stride_tricks.sliding_window_view(base, window, axis=0)
    view = view.transpose(0, 2, 1)
    if len(run_starts) == 1:
        return view
    lengths = np.diff(np.append(run_starts, n_rows))
    runs = np.repeat(np.arange(len(run_starts)), lengths)
    return view[np.arange(n_rows) + runs * (window - 1)]


def base_from_windows(windows: np.ndarray) -> np.ndarray | None:
    """Return the base of windows that overlap in memory, None if they do not."""
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
        return _true_steps_of_base(base, windows.shape[1])
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
        touched = base[: n_touched + window - 1]
        counts[:n_touched] = _true_steps_with_nan(touched, window)
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
    n_steps = windows.shape[1]
    grows = counts[1:] == np.minimum(counts[:-1] + 1, n_steps)
    empty = (counts[1:] == 0) & (counts[:-1] == 0)
    if n_steps == 1:
        return grows | empty
    earlier, later = windows[:-1, -1], windows[1:, -2]
    same = ((earlier == later) | (np.isnan(earlier) & np.isnan(later))).all(axis=1)
    return (grows | empty) & same
