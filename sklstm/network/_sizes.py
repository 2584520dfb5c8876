"""Sizes of series: the unit in which each series of a panel is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm.network._past import unit_of
from sklstm.windows._array import Windows

# Size of a series that does not vary, and what of a standard deviation is rounding, as
# shares of the mean absolute value.
_FLAT_SIZE = 0.1
GRAIN = 16 * float(np.finfo(np.float64).eps)


def sizes_by_group(windows: Windows, rows: np.ndarray) -> np.ndarray:
    """Return the sizes of groups, and of new ones; NaN for those without rows."""
    n_groups = len(windows.keys)
    groups = windows.groups[rows]
    n_rows = np.maximum(np.bincount(groups, minlength=n_groups), 1)
    newest = windows[rows, -1].astype(np.float64)
    sizes = np.zeros((n_groups + 1, newest.shape[1]))
    for channel, values in enumerate(newest.T):
        mean_size = np.bincount(groups, np.abs(values), n_groups) / n_rows
        # Less some value of the group, so that a constant has the size 0 exactly.
        pivot, unit = np.zeros((2, n_groups))
        pivot[groups] = values
        values = values - pivot[groups]
        np.maximum.at(unit, groups, np.abs(values))
        unit = unit_of(unit)
        values /= unit[groups]
        mean = np.bincount(groups, values, n_groups) / n_rows
        squares = np.bincount(groups, np.square(values - mean[groups]), n_groups)
        sizes[:-1, channel] = _size(np.sqrt(squares / n_rows) * unit, mean_size)
    return np.where(sizes > 0, sizes, np.nan)


def sizes_of_windows(windows: Any) -> Any:
    """Return the size of each window in each channel; 0 for none."""
    is_true = ~np.isnan(windows)
    n_true = np.maximum(is_true.astype(np.float64).sum(axis=1), 1.0)
    mean_size = np.abs(np.where(is_true, windows, 0.0)).sum(axis=1) / n_true
    # Less the newest value, so that a constant has the size 0 exactly.
    distance = np.where(is_true, windows - windows[:, -1:, :], 0.0)
    unit = np.abs(distance).max(axis=1)
    unit = np.where(unit > 0, unit, 1.0)
    distance = distance / unit[:, None]
    mean = distance.sum(axis=1) / n_true
    distance = np.where(is_true, distance - mean[:, None], 0.0)
    deviation = np.sqrt((distance * distance).sum(axis=1) / n_true) * unit
    return _size(deviation, mean_size)


def _size(deviation: Any, mean_size: Any) -> Any:
    """Return standard deviations, or what stands for those that are rounding."""
    varies = deviation > GRAIN * mean_size
    return np.where(varies, deviation, _FLAT_SIZE * mean_size)


def sizes_of_steps(windows: Any, sizes: np.ndarray) -> np.ndarray | None:
    """Return the sizes of each step of the base; None where overlaps differ."""
    if not isinstance(windows, Windows):
        return None
    order = windows.order()
    starts, sizes = windows.starts[order], sizes[order]
    is_next = np.diff(starts) < windows.window
    if np.diff(sizes, axis=0)[is_next].any():
        return None
    row = np.searchsorted(starts, np.arange(len(windows.base)), side="right") - 1
    return sizes[np.maximum(row, 0)]
