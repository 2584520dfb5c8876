"""The maps around the network: raw windows in, values in the unit of the target out.

They are one chain, which training, prediction, contributions and export share:

1. *Relative* values. Series of a panel may differ in size by orders of magnitude, and
   with one scale for all the largest would speak alone. So the channels that hold the
   past of a target are divided by the *size* of their group, the standard deviation of
   its training rows; or, where all are positive, replaced by their logarithms.
2. A channel is *standardised* (minus a mean, over a scale, both from the training rows)
   or *centred*: minus its newest value in each window, over a scale. A target that is
   centred on a channel is predicted as its change from that value, its *level*.
3. What a linear *highway* predicts is taken off; the network learns the rest.

All this is done in the type of the windows, float64 as a rule, and what the network
sees is rounded to float32 at the end: neither a level far above the variation nor a
very small or large unit costs digits. Powers of two keep squares within float64.

Methods whose arrays are of type Any are recorded by :mod:`sklstm.network._onnx`, which
knows the functions of NumPy that they call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sklstm.metrics import symmetric_mean_absolute_percentage_error
from sklstm.network._highway import Highway, Part, PriorForecast, fit_highway
from sklstm.network._past import past_slopes, unit_of
from sklstm.network._rows import rolling_tests, thinned
from sklstm.network._sizes import (
    GRAIN,
    sizes_by_group,
    sizes_of_steps,
    sizes_of_windows,
)
from sklstm.windows._array import (
    Windows,
    base_from_windows,
    row_slices,
    steps_of_windows,
    with_base,
)
from sklstm.windows._table import positions_among

# What stands in logarithms for values that are not positive, as a share of the lowest
# value in training.
_FLOOR = 0.1

# Variance of the change from a level, as a multiple of that of the target, above which
# the channel is no level of it: values of a series that alternate come to 4 at most.
_MOST_VARIANCE = 4.01

# Rows that the tests of a highway forecast at most.
_MOST_TESTED = 8192

# Distances of a level from its mean that are told apart, in scales: beyond, the series
# is on a new level, and forecast from there.
_FARTHEST_LEVEL = 5.0


@dataclass(frozen=True)
class Scaling:
    """Fitted maps between raw windows and targets and what the network sees.

    Parameters
    ----------
    is_centred, input_mean, input_scale : ndarray of shape (n_channels,)
        Of the relative channels; the mean is 0 where they are centred.
    level_channel, level_slope : ndarray of shape (n_outputs,)
        Channel whose newest value is the level of each output, -1 for none, and units
        of the output for one unit of it.
    target_mean, target_scale : ndarray of shape (n_outputs,)
        Of the relative targets less their level; a scale of 0 did not vary.
    level_mean : ndarray of shape (n_channels,)
        Mean newest value of the relative windows.
    last_level : ndarray of shape (n_channels,)
        Stands for the newest value of a window without a true step.
    unit : {"plain", "size", "log"}
        What relative values are: raw ones, ratios to a size, or logarithms.
    unit_channel : ndarray of shape (n_outputs,)
        Channel whose unit each output shares; -1 for none.
    floor : ndarray of shape (n_channels,)
        Stands in logarithms for values that are not positive.
    sizes : ndarray of shape (n_groups + 1, n_channels)
        Size of every group, and of new ones in the last row: NaN where it is that of
        each window, 1 in channels that share no target's unit.
    keys : Index, optional
        The names of these groups.
    limits : ndarray of shape (2, n_channels)
        Between which raw values are not wild; NaN where all are taken as they are.
    prior : PriorReader, optional
    highway : Highway, optional
    remainder_scale : ndarray of shape (n_outputs,)
        Standard deviation of what the highway leaves; 0 where nothing is left.
    network_weight : float
        Weight from 0 to 1 of the network's outputs, chosen on the validation rows.
    """

    is_centred: np.ndarray
    input_mean: np.ndarray
    input_scale: np.ndarray
    level_channel: np.ndarray
    level_slope: np.ndarray
    target_mean: np.ndarray
    target_scale: np.ndarray
    level_mean: np.ndarray
    last_level: np.ndarray
    unit: str
    unit_channel: np.ndarray
    floor: np.ndarray
    sizes: np.ndarray
    keys: Any = None
    limits: np.ndarray = field(default_factory=lambda: np.full((2, 1), np.nan))
    prior: Any = None
    highway: Highway | None = None
    remainder_scale: np.ndarray | float = 1.0
    network_weight: float = 1.0

    # -- raw values and relative ones --------------------------------------------------

    @property
    def has_unit(self) -> np.ndarray:
        """Which channels share the unit of a target."""
        return np.isin(np.arange(len(self.floor)), self.unit_channel)

    @property
    def says_prior(self) -> bool:
        """Whether the prior has a part in the highway."""
        return self.highway is not None and self.highway.prior_weight > 0

    def sizes_of(self, windows: Any) -> np.ndarray:
        """Return the sizes of raw windows; new groups have those of each window."""
        if self.unit != "size":
            return np.broadcast_to(1.0, (len(windows), windows.shape[2]))
        groups = np.full(len(windows), -1)
        if isinstance(windows, Windows) and windows.keys is not None:
            groups = np.append(positions_among(windows.keys, self.keys), -1)
            groups = groups[windows.groups]
        sizes = self.sizes[groups]
        unknown = np.flatnonzero(np.isnan(sizes).any(axis=1))
        for some in row_slices(windows, len(unknown)):
            rows = unknown[some]
            sizes[rows] = self.sizes_by_group(groups[rows], windows[rows])
        return sizes

    def sizes_by_group(self, groups: Any, windows: Any) -> Any:
        """Return the sizes of raw windows by position of their group; -1 is new."""
        sizes = np.take_along_axis(self.sizes, groups[:, None], axis=0)
        own = sizes_of_windows(windows.astype(np.float64))
        smallest = np.where(np.isnan(self.sizes), np.inf, self.sizes).min(axis=0)
        smallest = np.where(np.isfinite(smallest), smallest, 1.0)
        own = np.where(own > 0, own, smallest)
        return np.where(np.isnan(sizes), own, sizes)

    def relative(self, windows: Any, sizes: np.ndarray) -> Any:
        """Return raw windows in relative values, of one base if they are of one."""
        if self.unit == "plain":
            return windows
        base = base_from_windows(windows)
        of_steps = sizes_of_steps(windows, sizes) if self.unit == "size" else sizes
        if base is None or of_steps is None:
            return self.relative_values(np.asarray(windows), sizes[:, None])
        return with_base(windows, self.relative_values(base, of_steps))

    def relative_values(self, values: Any, sizes: Any) -> Any:
        """Return raw values, whose last axis is channels, as relative ones."""
        if self.unit == "plain":
            return values
        exact = values.astype(np.float64)
        relative = self._relative(exact, sizes, self.floor)
        return np.where(self.has_unit, relative, exact).astype(values.dtype)

    def relative_targets(self, targets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return raw targets of shape (n_rows, n_outputs) as relative ones."""
        own = self.unit_channel
        return self._relative(targets, sizes[:, own], self.floor[own])

    def relative_prior(self, prior: PriorForecast, sizes: np.ndarray) -> PriorForecast:
        """Return what the prior says of raw windows in relative values."""
        sizes = sizes if prior.rows is None else sizes[prior.rows]
        first, own = self.unit_channel[0], self.unit_channel[:: prior.n_levels]
        steps = self._relative(prior.steps, sizes[:, own], self.floor[own])
        size = sizes[:, [first]] if self.unit == "size" else 1.0
        if self.unit == "log":
            size = np.maximum(prior.steps[:, :1], self.floor[first])
        outputs = self.relative_targets(prior.outputs, sizes)
        return PriorForecast(outputs, steps, prior.state / size, prior.rows)

    def _relative(self, values: Any, sizes: Any, floor: np.ndarray) -> Any:
        """Return values as they are, over sizes, or their logarithms."""
        if self.unit == "plain":
            return values
        if self.unit == "size":
            return values / sizes
        # Not np.maximum, so that small values keep their own logarithm, and NaN stays.
        return np.log(np.where(values <= 0, floor, values))

    def absolute(self, values: Any, sizes: Any) -> Any:
        """Return relative values of shape (n_rows, n_outputs) in the targets' unit."""
        if self.unit == "plain":
            return values
        if self.unit == "size":
            return values * sizes[:, self.unit_channel]
        return np.exp(values)

    def absolute_slopes(self, values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return the slopes of :meth:`absolute` by its values."""
        values = values if self.unit == "log" else np.ones_like(values)
        return self.absolute(values, sizes)

    # -- relative values and what the network sees -------------------------------------

    def inputs(self, windows: Any) -> Any:
        """Return what the network sees of relative windows: float32, NaN kept."""
        newest = windows[:, -1:, :]
        shift = np.where(self.is_centred, newest, self.input_mean[None, None, :])
        with np.errstate(over="ignore"):
            inputs = ((windows - shift) / self.input_scale).astype(np.float32)
        return _within_float32(inputs, "Windows")

    def base(self, base: np.ndarray, starts: np.ndarray, window: int) -> np.ndarray:
        """Return a relative base as the network sees it, but for centring; float32.

        What is centred is taken less the last level, or the newest value of each series
        of a panel, so that a level costs no digits. ``starts``, the slots at which
        windows begin, increase.
        """
        ends, levels = starts[:0], self.last_level[None]
        if self.unit == "size":
            ends = starts[np.append(np.diff(starts) >= window, True)] + window
            levels = np.nan_to_num(np.append(base[ends - 1], levels, axis=0))
        scaled = np.empty(base.shape, dtype=np.float32)
        for some in row_slices(base[:, None], len(base)):
            part = base[some]
            slots = np.arange(some.start, some.start + len(part))
            shift = levels[np.searchsorted(ends, slots, side="right")]
            shift = np.where(self.is_centred, shift, self.input_mean)
            with np.errstate(over="ignore"):
                scaled[some] = (part - shift) / self.input_scale
        return _within_float32(scaled, "Windows")

    def levels(self, windows: Any) -> Any:
        """Return the level of each output, of shape (n_rows, n_outputs), float64."""
        newest = windows[:, -1, :]
        newest = np.where(np.isnan(newest), self.last_level, newest)
        levels = newest[:, self.level_channel].astype(np.float64) * self.level_slope
        return np.where(self.level_channel >= 0, levels, 0.0)

    def highway_outputs(
        self, windows: Any, inputs: Any, prior: PriorForecast | None
    ) -> Any:
        """Return what the highway says of relative windows, and of scaled ones."""
        assert self.highway is not None
        prior = self.scaled_prior(prior, windows)
        return self.highway.outputs(inputs, self.scaled_levels(windows), prior)

    @property
    def _channels_of_levels(self) -> np.ndarray:
        """The centred channels, which have a mean to be distant from."""
        # The series of a panel have no mean in common.
        return np.flatnonzero(self.is_centred & (self.keys is None))

    def scaled_levels(self, windows: Any) -> Any:
        """Return the newest values of the centred channels, from their mean."""
        channels = self._channels_of_levels
        newest = windows[:, -1, :]
        newest = np.where(np.isnan(newest), self.last_level, newest)[:, channels]
        mean, scale = self.level_mean[channels], self.input_scale[channels]
        levels = (newest.astype(np.float64) - mean) / scale
        return np.maximum(np.minimum(levels, _FARTHEST_LEVEL), -_FARTHEST_LEVEL)

    def scaled_prior(
        self, prior: PriorForecast | None, windows: Any
    ) -> PriorForecast | None:
        """Return what the prior says of relative windows as the highway reads it."""
        if prior is None:
            return None
        start, scale = self.levels(windows) + self.target_mean, self.target_scale
        outputs = _divided(prior.outputs - start, scale)
        of_step = slice(None, None, prior.n_levels)
        steps = _divided(prior.steps - start[:, of_step], scale[of_step])
        # Of windows without a true step it says nothing.
        made = outputs, steps, _divided(prior.state, scale[0])
        return PriorForecast(*map(np.nan_to_num, made))

    def targets(
        self,
        values: np.ndarray,
        windows: np.ndarray,
        prior: PriorForecast | None = None,
    ) -> np.ndarray:
        """Return relative targets as the network learns them, float32."""
        changes = values - self.levels(windows) - self.target_mean
        scaled = _divided(changes, self.target_scale)
        if self.highway is not None:
            scaled -= self.highway_outputs(windows, self.inputs(windows), prior)
            scaled = _divided(scaled, self.remainder_scale)
        with np.errstate(over="ignore"):
            return _within_float32(scaled.astype(np.float32), "Targets")

    def values(
        self,
        outputs: Any,
        windows: Any,
        inputs: Any = None,
        prior: PriorForecast | None = None,
    ) -> Any:
        """Return the network's outputs as relative values, float64."""
        scaled = outputs.astype(np.float64)
        if self.highway is not None:
            inputs = self.inputs(windows) if inputs is None else inputs
            scaled = scaled * (self.remainder_scale * self.network_weight)
            scaled = scaled + self.highway_outputs(windows, inputs, prior)
        return scaled * self.target_scale + self.target_mean + self.levels(windows)

    def slopes(
        self, input_slopes: np.ndarray, windows: np.ndarray, output: int
    ) -> np.ndarray:
        """Return the gradients of an output of :meth:`values` by relative windows.

        ``input_slopes`` are those of the network's output by its inputs, 0 at missing
        steps. What the prior says is left out.
        """
        missing = np.isnan(windows[:, :, 0])
        slopes = input_slopes.astype(np.float64)
        if self.highway is not None:
            remainder = np.broadcast_to(self.remainder_scale, self.target_scale.shape)
            slopes *= remainder[output] * self.network_weight
            slopes += self.highway.slopes(missing, slopes.shape[2], output)
        slopes *= self.target_scale[output] / self.input_scale
        # A centred channel reads its newest value at every step, with the other sign.
        slopes[:, -1] -= np.where(self.is_centred, slopes.sum(axis=1), 0.0)
        if self.highway is not None:
            channels = self._channels_of_levels
            is_near = np.abs(self.scaled_levels(windows)) < _FARTHEST_LEVEL
            of_levels = self.highway.level_kernel[:, output] * is_near
            of_levels = of_levels * ~missing[:, [-1]] / self.input_scale[channels]
            slopes[:, -1, channels] += of_levels * self.target_scale[output]
        channel = self.level_channel[output]
        if channel >= 0:
            has_level = ~missing[:, -1]
            slopes[has_level, -1, channel] += self.level_slope[output]
        return slopes

    def with_highway(
        self,
        windows: Any,
        targets: np.ndarray,
        rows: np.ndarray,
        weights: np.ndarray | None = None,
        prior: PriorForecast | None = None,
        steps: int = 1,
        among: np.ndarray | None = None,
    ) -> Scaling:
        """Return the same scaling with a highway fitted on some relative rows.

        Where they are a sample among others, these tell which come later.
        """
        weights = np.ones(len(windows)) if weights is None else weights
        weights = weights / weights[rows].mean()
        among = rows if among is None else among
        tests = rolling_tests(among, steps, getattr(windows, "groups", None))
        since, test = (each[np.searchsorted(among, rows)] for each in tests)
        tested = np.flatnonzero(test)
        test[np.setdiff1d(tested, thinned(tested, _MOST_TESTED))] = 0
        plain = replace(self, highway=None)

        def parts() -> Iterator[Part]:
            for at in row_slices(windows, len(rows)):
                some, own = windows[rows[at]], rows[at]
                of_prior = plain.scaled_prior(prior and prior[own], some)
                learned = plain.targets(targets[own], some)
                seen = self.inputs(some), self.scaled_levels(some)
                yield Part(*seen, learned, weights[own], since[at], test[at], of_prior)

        channels = self._channels_of_levels
        is_own = channels[:, None] == self.level_channel
        to_mean = -self.level_slope * self.input_scale[channels, None] * is_own
        to_mean = _divided(to_mean, self.target_scale)
        highway = fit_highway(parts, len(rows), channels, to_mean, steps)
        remainder = np.sqrt(highway.remainder)
        # Inputs are float32, so what is left of a target below their grain is rounding.
        remainder = np.where(remainder > 16 * np.finfo(np.float32).eps, remainder, 0.0)
        return replace(self, highway=highway, remainder_scale=remainder)


def _within_float32(scaled: Any, what: str) -> Any:
    """Return scaled values, once none of them is infinite; ONNX cannot be asked."""
    if isinstance(scaled, np.ndarray) and np.isinf(scaled).any():
        raise ValueError(
            f"{what} must lie within 1e38 times the variation of the training rows. "
            "Got a value further away; scale it as in fit."
        )
    return scaled


def _divided(values: np.ndarray, scale: np.ndarray | float) -> np.ndarray:
    """Return values over a scale, 0 where that is 0."""
    is_varying = np.asarray(scale) > 0
    return np.where(is_varying, values / np.where(is_varying, scale, 1.0), 0.0)


# -- fitting ------------------------------------------------------------------------


def fit_scaling(
    kind: str | None,
    windows: Any,
    targets: np.ndarray,
    rows: np.ndarray,
    target_of_output: np.ndarray,
    *,
    has_highway: bool = False,
    weights: np.ndarray | None = None,
    watched_rows: np.ndarray | None = None,
    reader: Any = None,
    prior: PriorForecast | None = None,
    limits: np.ndarray | None = None,
) -> Scaling:
    """Return the maps of a kind, a ``scaling`` of the regressors, that fit some rows.

    Windows and targets are raw; of rows that are not among the training rows no value
    is read, but for its sign. Outputs with the same number in ``target_of_output`` are
    steps or quantiles of one target. On watched rows, if any, sizes and logarithms are
    compared; weights are those of samples, for the highway. A reader of the prior comes
    with what it read of these rows.
    """
    given = _Given(windows, targets, rows, target_of_output, prior)
    fits = []
    for unit in _fit_units(kind, given):
        sizes = unit.sizes_of(windows)
        unit = replace(unit, prior=reader)
        unit = unit if limits is None else replace(unit, limits=limits)
        own = unit.relative(windows, sizes), unit.relative_targets(targets, sizes)
        said = prior and unit.relative_prior(prior, sizes)
        relative = _Given(*own, rows, target_of_output, said)
        fit = _fit_affine(unit, kind, relative, has_highway)
        if not has_highway and unit.unit == "plain":
            return fit
        how: Any = rows, weights, relative.prior, relative.steps
        fits.append(fit.with_highway(*own, *how))
    best = fits[0]
    if len(fits) > 1:
        watched = rows if watched_rows is None else watched_rows
        watched = watched if len(watched) else rows
        errors = [_relative_error(fit, given, watched) for fit in fits]
        best = fits[int(np.argmin(errors))]
    return best if has_highway else replace(best, highway=None, remainder_scale=1.0)


@dataclass(frozen=True)
class _Given:
    """What a scaling is fitted to, raw or relative; see :func:`fit_scaling`."""

    windows: Any
    targets: np.ndarray
    rows: np.ndarray
    target_of_output: np.ndarray
    prior: PriorForecast | None = None

    @property
    def steps(self) -> int:
        """How many rows have targets that overlap."""
        _, outputs = np.unique(self.target_of_output, return_counts=True)
        return int(outputs.max())

    @property
    def newest(self) -> np.ndarray:
        """The newest step of each training row, of shape (n_rows, n_channels)."""
        return self.windows[self.rows, -1, :].astype(np.float64)


def _relative_error(scaling: Scaling, given: _Given, rows: np.ndarray) -> float:
    """Return the symmetric error of the highway alone on rows of positive values."""
    windows, targets, prior = given.windows, given.targets, given.prior
    sizes = scaling.sizes_of(windows)
    total = 0.0
    for at in row_slices(windows, len(rows)):
        some, true = rows[at], targets[rows[at]]
        relative = scaling.relative(windows[some], sizes[some])
        said = prior and scaling.relative_prior(prior[some], sizes[some])
        values = scaling.values(np.zeros(true.shape), relative, prior=said)
        # Predictions that overflow in exp() count as the largest error.
        with np.errstate(over="ignore"):
            values = np.nan_to_num(scaling.absolute(values, sizes[some]))
        error: Any = symmetric_mean_absolute_percentage_error(true, values)
        total += len(some) * float(error)
    return total


def _fit_affine(
    unit: Scaling, kind: str | None, given: _Given, has_highway: bool
) -> Scaling:
    """Return a scaling of relative windows and targets, before it has its highway."""
    windows, rows = given.windows, given.rows
    unit = replace(unit, last_level=last_level(windows, rows))
    if kind is None:
        return unit
    targets = given.targets[rows]
    # With a single step nothing would be left of a channel once it is centred.
    if kind != "standard" and windows.shape[1] > 1:
        channel, slope = _level_channels(
            given, is_forced=kind == "last", has_highway=has_highway
        )
        unit = replace(unit, level_channel=channel, level_slope=slope)
    is_centred = np.isin(np.arange(windows.shape[2]), unit.level_channel)
    mean, scale = _input_moments(windows, rows, is_centred)
    changes = targets - unit.levels(windows[rows, -1:])
    # Changes smaller than the grain of the level are rounding.
    grain = _grain_of(windows) * np.abs(targets).max(axis=0)
    varies = np.ptp(changes, axis=0) > np.where(unit.level_channel >= 0, grain, 0.0)
    return replace(
        unit,
        is_centred=is_centred,
        input_mean=mean,
        input_scale=scale,
        level_mean=np.asarray(np.nanmean(given.newest, axis=0)),
        target_mean=changes.mean(axis=0),
        target_scale=np.where(varies, _deviation(changes), 0.0),
    )


def last_level(windows: Any, rows: np.ndarray) -> np.ndarray:
    """Return the level of relative windows without a true step."""
    # The series of a panel end on many levels, of which the last is no better.
    if isinstance(windows, Windows) and windows.has_many_groups:
        return np.median(windows[rows, -1, :].astype(np.float64), axis=0)
    return windows[rows[-1], -1, :].astype(np.float64)


def _grain_of(windows: Any) -> float:
    """Return what is rounding in windows, as a share of their values."""
    return max(float(np.finfo(windows.dtype).eps), GRAIN)


def _deviation(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of columns, whatever their unit."""
    unit = unit_of(np.ptp(values, axis=0))
    return ((values - values[0]) / unit).std(axis=0) * unit


def _input_moments(
    windows: Any, rows: np.ndarray, is_centred: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and scale of each channel over the true steps of some rows."""
    n_channels = windows.shape[2]
    count = total = squares = np.zeros(n_channels)
    # Sums of squares about a typical value, so that a large level costs no digits.
    newest = windows[rows[-1], -1, :].astype(np.float64)
    steps = steps_of_windows(windows)
    unit = np.nanmax(steps, axis=0).astype(np.float64) - np.nanmin(steps, axis=0)
    unit = unit_of(np.where(unit > 0, unit, np.abs(newest)))
    pivot = np.where(is_centred, 0.0, newest)
    for some in row_slices(windows, len(rows)):
        part = windows[rows[some]].astype(np.float64)
        part -= np.where(is_centred, part[:, -1:, :], pivot)
        part /= unit
        count = count + (~np.isnan(part)).sum(axis=(0, 1))
        total = total + np.nansum(part, axis=(0, 1))
        squares = squares + np.nansum(np.square(part), axis=(0, 1))
    mean = np.where(is_centred, 0.0, total / count)
    variance = np.maximum(squares / count - np.square(mean), 0.0)
    grain = _grain_of(windows) * np.abs(pivot)
    scale = np.sqrt(variance) * unit
    return mean * unit + pivot, np.where(scale > grain, scale, 1.0)


# -- which channel is the level of a target -----------------------------------------


def _level_channels(
    given: _Given, *, is_forced: bool, has_highway: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return, per output, its ``level_channel`` and its ``level_slope``.

    A highway reads distances from the mean, too, so with it the past of a target is its
    level in any case; another channel only where the target varies less about it.
    """
    newest, targets = given.newest, given.targets[given.rows]
    chosen, unit = np.full(targets.shape[1], -1), np.ones(targets.shape[1])
    target_of_output = given.target_of_output
    for target in np.unique(target_of_output):
        outputs = target_of_output == target
        own = targets[:, outputs]
        slopes = past_slopes(given.windows, given.targets[:, outputs][:, 0], given.rows)
        is_past = ~np.isnan(slopes)
        slopes = np.where(is_past, slopes, 1.0)
        variances, variance = _variances_of_change(newest * slopes, own)
        best = int(np.argmin(variances))
        is_taken = is_forced or (has_highway and is_past[best])
        most = _MOST_VARIANCE if is_taken else 1.0
        if variances[best] <= most * variance:
            chosen[outputs], unit[outputs] = best, slopes[best]
    return chosen, unit


def _variances_of_change(
    levels: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the variances of targets less each column of levels, and of targets."""
    targets, levels = targets - targets[0], levels - levels[0]
    unit = unit_of(np.ptp(targets))
    with np.errstate(over="ignore", invalid="ignore"):  # channels of quite another unit
        changes = [
            ((targets - level[:, None]) / unit).var(axis=0).mean() for level in levels.T
        ]
    variance = float((targets / unit).var(axis=0).mean())
    return np.nan_to_num(np.array(changes), nan=np.inf), variance


# -- what values are relative to ----------------------------------------------------


def _fit_units(kind: str | None, given: _Given) -> list[Scaling]:
    """Return scalings that make values relative and no more, the safest first."""
    windows, targets, rows = given.windows, given.targets, given.rows
    n_channels, n_outputs = windows.shape[2], targets.shape[1]
    plain = Scaling(
        is_centred=np.zeros(n_channels, dtype=bool),
        input_mean=np.zeros(n_channels),
        input_scale=np.ones(n_channels),
        level_channel=np.full(n_outputs, -1),
        level_slope=np.ones(n_outputs),
        target_mean=np.zeros(n_outputs),
        target_scale=np.ones(n_outputs),
        level_mean=np.zeros(n_channels),
        last_level=np.zeros(n_channels),
        unit="plain",
        unit_channel=np.full(n_outputs, -1),
        floor=np.ones(n_channels),
        sizes=np.ones((1, n_channels)),
    )
    is_panel = isinstance(windows, Windows) and windows.has_many_groups
    if kind != "log" and not (is_panel and kind in ("auto", "last")):
        return [plain]
    # The first output of each target is the target itself.
    _, first = np.unique(given.target_of_output, return_index=True)
    own = replace(given, targets=targets[:, first], target_of_output=first)
    lowest = np.nanmin(steps_of_windows(windows), axis=0).astype(np.float64)
    lowest_targets = own.targets.min(axis=0)
    if kind == "log":
        channels = _positive_channels(own, lowest)
    else:
        channels, _ = _level_channels(own, is_forced=True)
    is_positive = bool((lowest[channels] > 0).all() and (lowest_targets > 0).all())
    if kind == "log" and not is_positive:
        came = min(lowest[channels].min(), lowest_targets.min())
        raise ValueError(
            "scaling='log' needs a positive target, and positive values in the "
            f"channel that holds its past. Got {came:.6g}; add a constant to the "
            "series, or choose scaling='last'."
        )
    keys = windows.keys if is_panel else None
    own_channels = channels[given.target_of_output]
    plain = replace(plain, unit_channel=own_channels, keys=keys)
    np.minimum.at(lowest, channels, lowest_targets)
    log = replace(plain, unit="log", floor=np.where(plain.has_unit, _FLOOR * lowest, 1))
    if kind == "log":
        return [log]
    sizes = np.where(plain.has_unit, sizes_by_group(windows, rows), 1.0)
    size = replace(plain, unit="size", sizes=sizes)
    return [size, log] if kind == "auto" and is_positive else [size]


def _positive_channels(given: _Given, lowest: np.ndarray) -> np.ndarray:
    """Return, per target, the positive channel that holds its past, or is closest."""
    chosen = []
    for target in given.targets.T:
        variances, _ = _variances_of_change(given.newest, target[given.rows, None])
        is_past = ~np.isnan(past_slopes(given.windows, target, given.rows))
        for wanted in (is_past, lowest > 0):
            if np.isfinite(variances[wanted]).any():
                variances[~wanted] = np.inf
        chosen.append(np.argmin(variances))
    return np.array(chosen)
