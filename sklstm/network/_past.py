"""The past of a target: which channel holds it, how many rows later, in what unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sklstm.windows._array import Windows

# How far, and on how many rows, a channel is compared with the target.
FARTHEST_HORIZON, _ROWS_TO_PROBE, _FEWEST_PAIRS = 64, 512, 8

# A deviation from the channel, in standard deviations of the target, that is rounding.
_GRAIN = 1e-4


def past_slopes(windows: Any, target: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return, per channel, the unit of the target in units of the channel, or NaN."""
    fits = past_fits(windows, target, rows)
    return np.array([np.nan if fit is None else fit[1] for fit in fits])


def past_fits(windows: Any, target: np.ndarray, rows: np.ndarray) -> Iterator[Any]:
    """Yield, per channel, how many rows later it shows the target, slope and offset.

    In a channel that holds the past of the target the newest value, some rows later, is
    the target of a row but for slope and offset; others yield None. In a panel the
    longest series tells.
    """
    if isinstance(windows, Windows):
        groups = windows.groups[rows]
        rows = rows[groups == np.bincount(groups).argmax()]
    rows = rows[-_ROWS_TO_PROBE:]
    newest, target = windows[rows, -1, :].astype(np.float64), target[rows]
    farthest = min(FARTHEST_HORIZON, len(rows) - _FEWEST_PAIRS)
    for values in newest.T:
        fits = (_line(later, values, target, rows) for later in range(1, farthest + 1))
        yield next((fit for fit in fits if fit is not None), None)


def _line(later: int, values: np.ndarray, target: np.ndarray, rows: np.ndarray) -> Any:
    """Return the line from newest values to targets some rows before, if it is one."""
    is_pair = rows[later:] - rows[:-later] == later
    x, y = values[later:][is_pair], target[:-later][is_pair]
    if len(x) < _FEWEST_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    units = unit_of(np.array([np.ptp(x), np.ptp(y)]))
    from_first, own = (x - x[0]) / units[0], (y - y[0]) / units[1]
    slope = np.cov(from_first, own)[0, 1] / from_first.var(ddof=1)
    left = own - own.mean() - slope * (from_first - from_first.mean())
    if not np.abs(left).max() < _GRAIN * own.std():
        return None
    with np.errstate(over="ignore"):
        slope *= units[1] / units[0]
    # The same unit is exact; rounding of float32 must not blur it.
    slope = 1.0 if abs(slope - 1) < 1e-3 else slope
    offset = y[0] - slope * x[0]
    if not np.isfinite([slope, offset]).all():
        return None
    return later, slope, 0.0 if abs(offset) < _GRAIN * np.ptp(y) else offset


def unit_of(values: np.ndarray) -> np.ndarray:
    """Return powers of two of the size of values, 1 for 0; dividing is exact."""
    return np.ldexp(1.0, np.frexp(values)[1])
