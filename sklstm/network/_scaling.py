"""The affine maps around the network: raw windows in, values in their unit out.

A channel is either *standardised* (minus a mean, over a scale, both from the training
rows) or *centred*: minus its newest value in each window, over a scale. A target that
is centred on a channel is predicted as its change from that newest value, so that the
network sees a stationary input and the level comes back at the output. What a linear
highway says is taken off as well, so that the network learns what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklstm.network._highway import Highway, fit_highway
from sklstm.windows._array import Windows, row_slices

__all__ = [
    "Scaling",
    "closest_channels",
    "fit_scaling",
    "fit_scaling_with_highway",
]

# How far, and on how many rows, a channel is compared with the target.
_FARTHEST_HORIZON = 64
_ROWS_TO_PROBE = 512
_FEWEST_PAIRS = 8

# Share of the centred error below which a standardised one is clearly smaller.
_CLEARLY = 0.98

# Variance of the change from a level, as a multiple of that of the target, above which
# the channel is no level of it: values of one stationary series that alternate come to
# 4 at most, and a target in another unit than any channel to whatever.
_MOST_VARIANCE = 4.01

# Rows for each value of a window from which standardised windows are considered.
_ROWS_FOR_EACH_VALUE = 10


@dataclass(frozen=True)
class Scaling:
    """Fitted maps between raw windows and targets and what the network sees.

    Parameters
    ----------
    is_centred : ndarray of shape (n_channels,), bool
        Channels from which each window's newest value is subtracted.
    input_mean, input_scale : ndarray of shape (n_channels,), float32
        Mean (0 where centred) and scale of the channels.
    level_channel : ndarray of shape (n_outputs,), int
        Channel whose newest value is the level of each output; -1 for none.
    level_slope : ndarray of shape (n_outputs,), float64
        Units of the output for one unit of that channel; 1 unless the channel is the
        target in another unit.
    target_mean, target_scale : ndarray of shape (n_outputs,), float64
        Mean and scale of the targets less their level. A scale of 0 says that the
        target did not vary: it is then predicted by its mean exactly.
    last_level : ndarray of shape (n_channels,), float32
        Newest value of the training rows, or their median in a panel; stands for that
        of a window that has no true step.
    highway : Highway, optional
        What is predicted of the scaled targets before the network is asked.
    remainder_scale : ndarray of shape (n_outputs,), float64
        Standard deviation of what the highway leaves; 0 where nothing is left.
    trust : float
        Factor of the network's outputs, from 0 to 1, that validation rows support.
    """

    is_centred: np.ndarray
    input_mean: np.ndarray
    input_scale: np.ndarray
    level_channel: np.ndarray
    level_slope: np.ndarray
    target_mean: np.ndarray
    target_scale: np.ndarray
    last_level: np.ndarray
    highway: Highway | None = None
    remainder_scale: np.ndarray | float = 1.0
    trust: float = 1.0

    def inputs(self, windows: np.ndarray) -> np.ndarray:
        """Return what the network sees: float32 of the same shape, NaN kept."""
        shift = np.where(
            self.is_centred, windows[:, -1:, :], self.input_mean[None, None, :]
        )
        return (windows - shift) / self.input_scale

    def levels(self, windows: np.ndarray) -> np.ndarray:
        """Return the level of each output, of shape (n_rows, n_outputs), float64."""
        newest = windows[:, -1, :]
        newest = np.where(np.isnan(newest), self.last_level, newest)
        levels = newest[:, self.level_channel].astype(np.float64) * self.level_slope
        return np.where(self.level_channel >= 0, levels, 0.0)

    def targets(self, values: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """Return targets as the network learns them, of shape (n_rows, n_outputs)."""
        changes = values - self.levels(windows) - self.target_mean
        scaled = _divided(changes, self.target_scale)
        if self.highway is not None:
            scaled -= self._highway_outputs(self.highway, windows)
            scaled = _divided(scaled, self.remainder_scale)
        return scaled.astype(np.float32)

    def values(
        self,
        outputs: np.ndarray,
        windows: np.ndarray,
        inputs: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the network's outputs in the unit of the targets, float64.

        The highway reads scaled windows: give them where they are at hand.
        """
        scaled = outputs.astype(np.float64)
        if self.highway is not None:
            scaled = scaled * (self.remainder_scale * self.trust)
            if inputs is None:
                scaled += self._highway_outputs(self.highway, windows)
            else:
                scaled += self.highway.outputs(inputs)
        return scaled * self.target_scale + self.target_mean + self.levels(windows)

    def value_slopes(
        self, input_slopes: np.ndarray, missing: np.ndarray, output: int
    ) -> np.ndarray:
        """Return the gradients of a prediction with respect to the raw values.

        Parameters
        ----------
        input_slopes : ndarray of shape (n_rows, window, n_channels)
            Gradients of the network's output with respect to its inputs.
        missing : ndarray of shape (n_rows, window), bool
            Steps that are missing.
        output : int
            Position of the output.

        Returns
        -------
        ndarray of shape (n_rows, window, n_channels), float64
            Units of the output for one unit of each value; 0 at missing steps.
        """
        slopes = input_slopes.astype(np.float64)
        if self.highway is not None:
            remainder = np.broadcast_to(self.remainder_scale, self.target_scale.shape)
            slopes *= remainder[output] * self.trust
            slopes += self.highway.slopes(missing, slopes.shape[2], output)
        slopes *= self.target_scale[output] / self.input_scale
        # A centred channel reads its newest value at every step, with the other sign.
        slopes[:, -1] -= np.where(self.is_centred, slopes.sum(axis=1), 0.0)
        channel = self.level_channel[output]
        if channel >= 0:
            has_level = ~missing[:, -1]
            slopes[has_level, -1, channel] += self.level_slope[output]
        return slopes

    def _highway_outputs(self, highway: Highway, windows: np.ndarray) -> np.ndarray:
        """Return what the highway says of raw windows, a chunk of them at a time."""
        outputs = np.empty((len(windows), len(highway.bias)))
        for rows in row_slices(windows, len(windows)):
            outputs[rows] = highway.outputs(self.inputs(windows[rows]))
        return outputs

    def expected_error(self, variance: np.ndarray) -> float:
        """Return the squared error that the highway expects, as share of a variance.

        Parameters
        ----------
        variance : ndarray of shape (n_outputs,)
            Of the raw targets; outputs without any do not count.
        """
        error = np.zeros(1) if self.highway is None else self.highway.error
        return float(_divided(error * np.square(self.target_scale), variance).sum())

    def with_highway(
        self,
        windows: np.ndarray,
        targets: np.ndarray,
        rows: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> Scaling:
        """Return the same scaling with a highway fitted on some rows.

        Parameters
        ----------
        windows, targets : ndarray
            As in :func:`fit_scaling`.
        rows : ndarray of int
            What to fit on.
        weights : ndarray of shape (n_rows,), optional
            Sample weights.
        """
        weights = np.ones(len(windows)) if weights is None else weights
        mean_weight = weights[rows].mean()
        plain = replace(self, highway=None)

        def parts() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            for part in row_slices(windows, len(rows)):
                chunk = rows[part]
                some = windows[chunk]
                scaled = plain.targets(targets[chunk], some)
                yield self.inputs(some), scaled, weights[chunk] / mean_weight

        highway = fit_highway(parts())
        remainder = np.sqrt(highway.remainder)
        # Inputs are float32, so what is left of a target below their grain is rounding.
        remainder = np.where(remainder > 16 * np.finfo(np.float32).eps, remainder, 0.0)
        return replace(self, highway=highway, remainder_scale=remainder)


def _divided(values: np.ndarray, scale: np.ndarray | float) -> np.ndarray:
    """Return values over a scale, 0 where that is 0."""
    is_varying = np.asarray(scale) > 0
    return np.where(is_varying, values / np.where(is_varying, scale, 1.0), 0.0)


def fit_scaling_with_highway(
    kind: str,
    windows: np.ndarray,
    targets: np.ndarray,
    rows: np.ndarray,
    output_of_target: np.ndarray,
    weights: np.ndarray | None = None,
) -> Scaling:
    """Return the scaling of training rows with the highway that fits it.

    ``"auto"`` centres. It standardises where the rows are many times the values of a
    window, and the highway is then estimated to err clearly less: a centred window
    cannot forget its level, which is a safe guess that few rows cannot improve upon,
    and its network learns better from what the highway leaves.

    Parameters
    ----------
    kind : {"auto", "last", "standard"}
        See :func:`fit_scaling`.
    windows, targets, rows, output_of_target : ndarray
        See :func:`fit_scaling`.
    weights : ndarray of shape (n_rows,), optional
        Sample weights.

    Returns
    -------
    Scaling
    """
    kinds = [kind]
    if kind == "auto":
        has_many = len(rows) >= _ROWS_FOR_EACH_VALUE * windows[0].size
        kinds = ["last", "standard"] if has_many else ["last"]
    fitted = [
        fit_scaling(each, windows, targets, rows, output_of_target).with_highway(
            windows, targets, rows, weights
        )
        for each in kinds
    ]
    variance = targets[rows].var(axis=0)
    errors = [scaling.expected_error(variance) for scaling in fitted]
    return fitted[-1] if errors[-1] < _CLEARLY * errors[0] else fitted[0]


def fit_scaling(
    kind: str | None,
    windows: np.ndarray,
    targets: np.ndarray,
    rows: np.ndarray,
    output_of_target: np.ndarray,
) -> Scaling:
    """Return the scaling of training rows, without a highway.

    Parameters
    ----------
    kind : {"auto", "last", "standard", None}
        ``"standard"`` standardises; ``"last"`` centres each target on the channel from
        whose newest value it differs with the least variance, unless it differs from
        all as no two values of a series do; ``"auto"`` does so only for targets that
        vary more themselves; None leaves everything as it is.
    windows : ndarray of shape (n_rows, window, n_channels)
        Raw windows with NaN on missing steps.
    targets : ndarray of shape (n_rows, n_outputs)
        Raw targets.
    rows : ndarray of int
        Training rows, each with at least one true step; no other row is read.
    output_of_target : ndarray of shape (n_outputs,), int
        Outputs with the same number are steps of one target and share its level.

    Returns
    -------
    Scaling
    """
    n_channels, n_outputs = windows.shape[2], targets.shape[1]
    newest = windows[rows, -1, :].astype(np.float64)
    targets = targets[rows]
    level_channel, level_slope = np.full(n_outputs, -1), np.ones(n_outputs)
    # With a single step nothing would be left of a channel once it is centred.
    if kind in ("auto", "last") and windows.shape[1] > 1:
        level_channel, level_slope = _level_channels(
            newest, targets, rows, output_of_target, is_forced=kind == "last"
        )
    is_centred = np.isin(np.arange(n_channels), level_channel)
    mean, scale = np.zeros(n_channels), np.ones(n_channels)
    target_mean, target_scale = np.zeros(n_outputs), np.ones(n_outputs)
    if kind is not None:
        mean, scale = _input_moments(windows, rows, is_centred)
        level = newest[:, level_channel] * level_slope
        level = np.where(level_channel >= 0, level, 0.0)
        changes = targets - level
        # A level is float32, so changes smaller than its grain are rounding.
        grain = np.finfo(np.float32).eps * np.abs(targets).max(axis=0)
        varies = np.ptp(changes, axis=0) > np.where(level_channel >= 0, grain, 0.0)
        target_mean = changes.mean(axis=0)
        target_scale = np.where(varies, changes.std(axis=0), 0.0)
    return Scaling(
        is_centred,
        mean.astype(np.float32),
        scale.astype(np.float32),
        level_channel,
        level_slope,
        target_mean,
        target_scale,
        last_level(windows, newest),
    )


def last_level(windows: Any, newest: np.ndarray) -> np.ndarray:
    """Return the level that stands for that of windows without a true step.

    Parameters
    ----------
    windows : ndarray or Windows of shape (n_rows, window, n_channels)
        Raw windows.
    newest : ndarray of shape (n_learned, n_channels)
        The newest step of those that are learned from, none of them missing.

    Returns
    -------
    ndarray of shape (n_channels,), float32
    """
    # The series of a panel end on many levels, of which the last is no better.
    if isinstance(windows, Windows) and windows.has_many_groups:
        return np.median(newest.astype(np.float32), axis=0)
    return newest[-1].astype(np.float32)


def closest_channels(windows: Any, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the channel from whose newest value each target differs least.

    Parameters
    ----------
    windows : ndarray or Windows of shape (n_rows, window, n_channels)
        Raw windows.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Raw targets.
    rows : ndarray of int
        Training rows, each with at least one true step.

    Returns
    -------
    ndarray of shape (n_targets,), int
    """
    newest = windows[rows, -1, :].astype(np.float64)
    targets = y.reshape(len(y), -1)[rows]
    every = np.arange(targets.shape[1])
    return _level_channels(newest, targets, rows, every, is_forced=True)[0]


def _slopes(newest: np.ndarray, target: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return, per channel, the unit of the target in units of the channel.

    A channel that is the target in another unit (standardised in front, say) shows it:
    its newest value, some rows later, is the target of a row but for a slope and an
    offset. Where no channel shows that, or the unit is the same, slopes are 1.
    """
    slopes = np.ones(newest.shape[1])
    newest, target, rows = (a[-_ROWS_TO_PROBE:] for a in (newest, target, rows))
    for channel in range(len(slopes)):
        for later in range(1, min(_FARTHEST_HORIZON, len(rows) - _FEWEST_PAIRS) + 1):
            is_pair = rows[later:] - rows[:-later] == later
            x, y = newest[later:, channel][is_pair], target[:-later][is_pair]
            if len(x) < _FEWEST_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
                continue
            slope = np.cov(x, y)[0, 1] / x.var(ddof=1)
            residual = y - y.mean() - slope * (x - x.mean())
            if np.abs(residual).max() < 1e-4 * y.std():
                # The same unit is exact; rounding of float32 must not blur it.
                slopes[channel] = 1.0 if abs(slope - 1) < 1e-3 else slope
                break
    return slopes


def _level_channels(
    newest: np.ndarray,
    targets: np.ndarray,
    rows: np.ndarray,
    output_of_target: np.ndarray,
    *,
    is_forced: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return, per output, the channel that serves as its level, or -1, and its unit.

    The unit is that of the target in units of the channel, 1 where there is no level.
    """
    chosen, unit = np.full(targets.shape[1], -1), np.ones(targets.shape[1])
    for target in np.unique(output_of_target):
        outputs = output_of_target == target
        own = targets[:, outputs]
        slopes = _slopes(newest, own[:, 0], rows)
        levels = (newest * slopes).T
        variances = [(own - level[:, None]).var(axis=0).mean() for level in levels]
        best = int(np.argmin(variances))
        variance = own.var(axis=0).mean()
        is_close = is_forced and variances[best] <= _MOST_VARIANCE * variance
        if is_close or variances[best] < variance:
            chosen[outputs], unit[outputs] = best, slopes[best]
    return chosen, unit


def _input_moments(
    windows: np.ndarray, rows: np.ndarray, is_centred: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and scale of each channel over the true steps of some rows."""
    n_channels = windows.shape[2]
    count = total = squares = np.zeros(n_channels)
    # Sums of squares about a typical value, so that a large level costs no digits.
    pivot = np.where(is_centred, 0.0, windows[rows[-1], -1, :])
    for some in row_slices(windows, len(rows)):
        part = windows[rows[some]].astype(np.float64)
        part -= np.where(is_centred, part[:, -1:, :], pivot)
        count = count + (~np.isnan(part)).sum(axis=(0, 1))
        total = total + np.nansum(part, axis=(0, 1))
        squares = squares + np.nansum(np.square(part), axis=(0, 1))
    mean = np.where(is_centred, 0.0, total / count)
    variance = np.maximum(squares / count - np.square(mean), 0.0)
    grain = np.finfo(np.float32).eps * np.abs(pivot)
    scale = np.sqrt(variance)
    return mean + pivot, np.where(scale > grain, scale, 1.0)
