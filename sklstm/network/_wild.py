"""Wild values: single ones so far from all others that nothing can be learned of them.

A squared error would follow a value of a million standard deviations alone, and so
would every scale. In the channel of the target such values are passed over, where the
series has come back from them: as if they had been missing.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sklstm.network._past import past_fits, unit_of
from sklstm.network._rows import steps_of
from sklstm.windows._array import base_from_windows, with_base

# Standard deviations of all other values, the fewest that there must be, and the share
# that may be wild.
_FARTHEST, _FEWEST, _SHARE = 50.0, 20, 0.002


def _limits_of(values: np.ndarray) -> tuple[float, float]:
    """Return the least and the greatest value that is not wild; NaN for any."""
    values = values[~np.isnan(values)].astype(np.float64)
    if len(values) < _FEWEST:
        return np.nan, np.nan
    middle = float(np.median(values))
    nearest = values[np.argsort(np.abs(values - middle))]
    others = nearest[: -max(1, int(_SHARE * len(values)))]
    unit = unit_of(np.ptp(others))
    reach = _FARTHEST * float(((others - middle) / unit).std() * unit)
    return (middle - reach, middle + reach) if reach > 0 else (np.nan, np.nan)


def without_wild(
    windows: Any, y: np.ndarray, rows: np.ndarray, steps: int, owner: str
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return windows and rows to learn from, without wild values; warn of these.

    And the limits of each channel, (2, n_channels); NaN for those that hold no past of
    the target.
    """
    limits = np.full((2, windows.shape[2]), np.nan)
    target = y.reshape(len(y), -1)[:, 0]
    is_wild = _passed_over(target, _limits_of(target))
    for channel, fit in enumerate(past_fits(windows, target, rows)):
        if fit is not None:
            limits[:, channel] = _limits_of(windows[rows, -1, channel])
    windows = _tamed_base(windows, limits)
    if not is_wild.any():
        return windows, rows, limits
    row = int(np.argmax(is_wild))
    warnings.warn(
        f"{int(is_wild.sum())} value(s) of y lie more than {_FARTHEST:.0f} standard "
        f"deviations of all others from these, the first in row {row}: "
        f"{target[row]:.4g}. {owner} passes over them; correct them.",
        stacklevel=6,  # past _learn, its decorator, _fit and fit
    )
    reaches = steps_of(is_wild.astype(np.float64), steps)[rows].any(axis=1)
    return windows, rows[~reaches], limits


def tamed(windows: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Return windows whose wild values are passed over, where a window comes back."""
    is_wild = _passed_over(windows.transpose(0, 2, 1), limits[:, :, None])
    if not is_wild.any():
        return windows
    return _filled(windows.transpose(0, 2, 1), is_wild).transpose(0, 2, 1)


def _tamed_base(windows: Any, limits: np.ndarray) -> Any:
    """Return all windows of a fit whose wild values are passed over."""
    base = base_from_windows(windows)
    if base is None:
        return tamed(windows, limits)
    is_wild = _passed_over(base.T, limits[:, :, None])
    if not is_wild.any():
        return windows
    return with_base(windows, np.ascontiguousarray(_filled(base.T, is_wild).T))


def _passed_over(values: np.ndarray, limits: Any) -> np.ndarray:
    """Return which values along the last axis are wild, and not the newest.

    Where no later one lies within the limits, the level of the series has moved.
    """
    is_wild = (values < limits[0]) | (values > limits[1])
    if not is_wild.any():
        return is_wild
    comes_back = np.maximum.accumulate(~is_wild[..., ::-1], axis=-1)[..., ::-1]
    return is_wild & comes_back


def _filled(values: np.ndarray, is_wild: np.ndarray) -> np.ndarray:
    """Return values with the newest earlier one that is not wild, else a later one."""
    steps = np.arange(values.shape[-1])
    newest = np.maximum.accumulate(np.where(is_wild, -1, steps), axis=-1)
    first = np.argmin(is_wild, axis=-1)[..., None]
    return np.take_along_axis(values, np.where(newest < 0, first, newest), axis=-1)
