"""What the values of a panel's windows are measured in, before anything is scaled.

Series of one panel may differ in size by orders of magnitude, and with one scale for
all the largest would speak alone. So the channels that serve as levels are measured,
group by group, in the *size* of their series, the standard deviation of its training
rows; or, where all values are positive, in logarithms, in which series of all sizes
look alike. The group of a row comes with its window, in
:class:`sklstm.windows._array.Windows`, which a scikit-learn pipeline hands on as
it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklstm._stamp import damaged
from sklstm._stored_labels import index_as_data, index_from_data
from sklstm.metrics import symmetric_mean_absolute_percentage_error
from sklstm.network._scaling import closest_channels
from sklstm.windows._table import positions_among
from sklstm.windows._array import (
    Windows,
    base_from_windows,
    row_slices,
    windows_from_base,
)

__all__ = [
    "FLAT_SIZE",
    "GRAIN",
    "Measure",
    "fit_measures",
    "most_accurate",
]

# The lowest value with a logarithm of its own, as a share of the lowest in training.
_FLOOR = 0.1

# Size of a series that does not vary, as a share of its mean absolute value.
FLAT_SIZE = 0.1

# Share of the mean absolute value below which a standard deviation is rounding.
GRAIN = 16 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Measure:
    """A map between raw values and what they are measured in.

    Parameters
    ----------
    kind : {"plain", "size", "log"}
        Nothing, the size of the group, or logarithms.
    target_channel : ndarray of shape (n_targets,), int
        Channel that each target is measured as.
    floor : ndarray of shape (n_channels,), float64
        Lower values count as this where logarithms are taken.
    sizes : ndarray of shape (n_groups, n_channels), float64
        Size of every group; NaN where training saw none that varies.
    keys : Index, optional
        What these groups are called.
    """

    kind: str
    target_channel: np.ndarray
    floor: np.ndarray
    sizes: np.ndarray
    keys: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"keys": index_as_data(self.keys)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if not isinstance(state, dict) or "keys" not in state:
            raise damaged("Measure", "one without 'keys'")
        vars(self).update(state | {"keys": index_from_data(state["keys"])})

    def sizes_of(self, windows: Any) -> np.ndarray:
        """Return the sizes that the values of each row are measured in.

        Parameters
        ----------
        windows : ndarray or Windows of shape (n_rows, window, n_channels)
            Raw windows. Those of a group that training has not seen are measured in
            their own standard deviation, so that no row reads what comes after it.

        Returns
        -------
        ndarray of shape (n_rows, n_channels), float64
            1 where sizes do not matter.
        """
        shape = len(windows), windows.shape[2]
        if self.kind != "size":
            return np.broadcast_to(1.0, shape)
        groups = np.full(len(windows), -1)
        if isinstance(windows, Windows) and windows.keys is not None:
            known = positions_among(windows.keys, self.keys)
            groups = np.append(known, -1)[windows.groups]
        of_groups = np.vstack([self.sizes, np.full(shape[1], np.nan)])
        sizes = np.where(self.is_measured, of_groups[groups], 1.0)
        unknown = np.flatnonzero(np.isnan(sizes).any(axis=1))
        for some in row_slices(windows, len(unknown)):
            rows = unknown[some]
            own = _sizes_of_windows(np.asarray(windows[rows], dtype=np.float64))
            own = np.where(own > 0, own, self.smallest)
            sizes[rows] = np.where(np.isnan(sizes[rows]), own, sizes[rows])
        return sizes

    @property
    def smallest(self) -> np.ndarray:
        """Return the size of windows without one, the smallest of each channel."""
        smallest = np.where(np.isnan(self.sizes), np.inf, self.sizes).min(axis=0)
        return np.where(np.isfinite(smallest), smallest, 1.0)

    @property
    def is_measured(self) -> np.ndarray:
        """Return which channels are not left as they are."""
        return np.isin(np.arange(len(self.floor)), self.target_channel)

    def outputs_channel(self, n_outputs: int) -> np.ndarray:
        """Return the channel that each output is measured as."""
        return np.repeat(self.target_channel, n_outputs // len(self.target_channel))

    def windows(self, windows: Any, sizes: np.ndarray) -> Any:
        """Return windows as they are measured, of the same shape.

        Parameters
        ----------
        windows : ndarray or Windows of shape (n_rows, window, n_channels)
            Raw windows.
        sizes : ndarray of shape (n_rows, n_channels)
            As :meth:`sizes_of` returns them.

        Returns
        -------
        ndarray or Windows, float32
            A view of a measured base where the raw ones are one.
        """
        if self.kind == "plain":
            return windows
        base = base_from_windows(windows)
        if self.kind == "size":
            of_steps = _sizes_of_steps(windows, sizes)
            if of_steps is None:
                return (np.asarray(windows) / sizes[:, None]).astype(np.float32)
            base = (base / of_steps).astype(np.float32)
        elif base is None:
            return self._logarithms(windows)
        else:
            base = self._logarithms(base)
        if isinstance(windows, Windows):
            return replace(windows, base=base)
        return windows_from_base(base, 0, len(windows), windows.shape[1])

    def targets(self, y: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return targets as they are measured.

        Parameters
        ----------
        y : ndarray of shape (n_rows,) or (n_rows, n_targets), float64
        sizes : ndarray of shape (n_rows, n_channels)
            As :meth:`sizes_of` returns them.
        """
        columns = y.reshape(len(y), -1)
        if self.kind == "log":
            columns = np.log(np.maximum(columns, self.floor[self.target_channel]))
        elif self.kind == "size":
            columns = columns / sizes[:, self.target_channel]
        return columns.reshape(y.shape)

    def values(self, values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return measured values in the unit of the targets.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_outputs), float64
            The outputs of each target one after another.
        sizes : ndarray of shape (n_rows, n_channels)
            As :meth:`sizes_of` returns them.
        """
        if self.kind == "log":
            return np.exp(values)
        if self.kind == "plain":
            return values
        return values * sizes[:, self.outputs_channel(values.shape[1])]

    def slopes(self, values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return the slopes of :meth:`values`, of shape (n_rows, n_outputs)."""
        if self.kind == "log":
            return np.exp(values)
        return self.values(np.ones_like(values), sizes)

    def _logarithms(self, values: np.ndarray) -> np.ndarray:
        """Return values, channels last, with logarithms in those of the targets."""
        values = np.array(values, dtype=np.float32)
        for channel in np.flatnonzero(self.is_measured):
            part = values[..., channel].astype(np.float64)
            values[..., channel] = np.log(np.maximum(part, self.floor[channel]))
        return values


def _sizes_of_steps(windows: Any, sizes: np.ndarray) -> np.ndarray | None:
    """Return the sizes that each step of the base is measured in.

    None where the windows have no base in common, or windows of one run differ.
    """
    if not isinstance(windows, Windows):
        return None
    order = windows.order()
    starts = windows.starts if order is None else windows.starts[order]
    sizes = sizes if order is None else sizes[order]
    is_next = np.diff(starts) < windows.window
    if np.diff(sizes, axis=0)[is_next].any():
        return None
    row = np.searchsorted(starts, np.arange(len(windows.base)), side="right") - 1
    return sizes[np.maximum(row, 0)]


def _sizes_of_windows(windows: np.ndarray) -> np.ndarray:
    """Return the size of each window, of shape (n_rows, n_channels); 0 for none."""
    is_true = ~np.isnan(windows)
    n_true = np.maximum(is_true.sum(axis=1), 1)
    values = np.where(is_true, windows, 0.0)
    mean = values.sum(axis=1) / n_true
    squares = np.square(np.where(is_true, windows - mean[:, None], 0.0)).sum(axis=1)
    return _sizes_of(np.sqrt(squares / n_true), np.abs(values).sum(axis=1) / n_true)


def _sizes_of(deviation: np.ndarray, mean_size: np.ndarray) -> np.ndarray:
    """Return standard deviations, or what stands for those that are rounding."""
    varies = deviation > GRAIN * mean_size
    return np.where(varies, deviation, FLAT_SIZE * mean_size)


def fit_measures(
    kind: str | None,
    windows: Any,
    y: np.ndarray,
    rows: np.ndarray,
) -> list[Measure]:
    """Return the measures that come into question, the safest first.

    Parameters
    ----------
    kind : {"auto", "last", "standard", "log", None}
        ``"log"`` takes logarithms. ``"auto"`` and ``"last"`` measure the series of a
        panel in their sizes, ``"auto"`` in logarithms too, where all are positive.
        Everything else stays as it is.
    windows : ndarray or Windows of shape (n_rows, window, n_channels)
        Raw windows.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Raw targets.
    rows : ndarray of int
        Training rows; no value of another row is read, but for its sign.

    Returns
    -------
    list of Measure

    Raises
    ------
    ValueError
        If logarithms are asked for and a value is not positive.
    """
    n_channels = windows.shape[2]
    none = np.zeros(0, dtype=int)
    plain = Measure("plain", none, np.zeros(n_channels), np.ones((0, n_channels)))
    is_panel = isinstance(windows, Windows) and windows.has_many_groups
    if kind != "log" and not (is_panel and kind in ("auto", "last")):
        return [plain]
    target_channel = closest_channels(windows, y, rows)
    plain = replace(plain, target_channel=target_channel)
    lowest = _lowest_values(windows, y, target_channel)
    log = replace(plain, kind="log", floor=_FLOOR * lowest)
    if kind == "log":
        if not (lowest > 0).all():
            raise ValueError(
                "scaling='log' needs a positive target, and positive values in the "
                f"channel that it is closest to. Got {lowest.min():.6g}; add a "
                "constant to the series, or choose scaling='last'."
            )
        return [log]
    sizes = _sizes_of_groups(windows, rows)
    size = replace(plain, kind="size", sizes=sizes, keys=windows.keys)
    return [size, log] if kind == "auto" and (lowest > 0).all() else [size]


def _lowest_values(
    windows: Any, y: np.ndarray, target_channel: np.ndarray
) -> np.ndarray:
    """Return the lowest value of each channel and its targets; 1 for no targets'."""
    lowest = np.ones(windows.shape[2])
    base = base_from_windows(windows)
    base = windows if base is None else base
    lowest_targets = y.reshape(len(y), -1).min(axis=0)
    for channel in np.unique(target_channel):
        own = lowest_targets[target_channel == channel].min()
        lowest[channel] = min(np.nanmin(base[..., channel]), own)
    return lowest


def _sizes_of_groups(windows: Windows, rows: np.ndarray) -> np.ndarray:
    """Return the size of each group in each channel; NaN for those without rows."""
    n_groups = len(windows.keys)
    groups = windows.groups[rows]
    n_rows = np.maximum(np.bincount(groups, minlength=n_groups), 1)
    newest = windows[rows, -1].astype(np.float64)
    sizes = np.empty((n_groups, newest.shape[1]))
    for channel, values in enumerate(newest.T):
        mean = np.bincount(groups, values, n_groups) / n_rows
        squares = np.bincount(groups, np.square(values - mean[groups]), n_groups)
        mean_size = np.bincount(groups, np.abs(values), n_groups) / n_rows
        sizes[:, channel] = _sizes_of(np.sqrt(squares / n_rows), mean_size)
    return np.where(sizes > 0, sizes, np.nan)


def most_accurate(
    fits: list[tuple], windows: Any, targets: np.ndarray, rows: np.ndarray
) -> int:
    """Return the position of the fit whose highway errs least on some rows.

    Errors are relative to the values (symmetric, as that of the M competitions), since
    the question only arises where all are positive.

    Parameters
    ----------
    fits : list of tuple
        Measure, scaling, and measured windows.
    windows : Windows of shape (n_rows, window, n_channels)
        Raw windows.
    targets : ndarray of shape (n_rows, n_outputs)
        Raw targets.
    rows : ndarray of int
        Where to compare.
    """
    errors = np.zeros(len(fits))
    for position, (measure, scaling, measured, *_) in enumerate(fits):
        sizes = measure.sizes_of(windows)
        for at in row_slices(windows, len(rows)):
            some, true = rows[at], targets[rows[at]]
            none = np.zeros(true.shape)
            values = scaling.values(none, measured[some])
            # What leaves float64 where logarithms are undone is as wrong as can be.
            values = np.nan_to_num(measure.values(values, sizes[some]))
            error = symmetric_mean_absolute_percentage_error(true, values)
            errors[position] += len(some) * error
    return int(np.argmin(errors))
