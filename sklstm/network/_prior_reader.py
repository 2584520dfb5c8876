"""Who reads the prior: of which channel, in what unit, how far ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from sklstm.network._highway import PriorForecast
from sklstm.network._lstm import NetworkSpec
from sklstm.network._past import FARTHEST_HORIZON, past_fits
from sklstm.network._prior import LEVELS, MEDIAN, n_units, prior_reading, prior_trace
from sklstm.network._rows import thinned
from sklstm.network._scaling import fit_scaling
from sklstm.windows._array import row_slices

# Rows of the sample on which the prior must show its worth, where there are more.
_ROWS_OF_SAMPLE = 2048


@dataclass(frozen=True)
class PriorReader:
    """What the prior forecasts: a target, ``slope`` times a channel + ``offset``.

    The first of ``steps`` lies ``horizon`` steps after the newest of a window.
    """

    channel: int
    horizon: int
    slope: float
    offset: float
    steps: int
    season: tuple[int, ...]
    levels: tuple[float, ...]

    def fits(self, spec: NetworkSpec) -> bool:
        """Return whether it reads windows of a network, and makes its outputs."""
        has_levels = all(0 < level < 1 for level in self.levels)
        has_season = all(1 <= m and 2 * m <= max(spec.window, 2) for m in self.season)
        return (
            has_levels
            and has_season
            and 1 <= len(self.season) <= 2
            and self.season[-1] % self.season[0] == 0
            and self.channel < spec.n_channels
            and self.slope > 0
            and 1 <= self.horizon <= FARTHEST_HORIZON
            and self.steps * len(self.levels) == spec.n_outputs
        )

    def read(self, windows: Any, rows: np.ndarray | None = None) -> PriorForecast:
        """Return the forecasts of raw windows, or of some increasing rows alone."""
        asked = np.arange(len(windows)) if rows is None else rows
        outputs = np.empty((len(asked), self.steps * len(self.levels)))
        steps = np.empty((len(asked), self.steps))
        states = np.empty((len(asked), n_units()))
        for some in row_slices(windows, len(asked)):
            quantiles, state = self._reading(windows[asked[some]], self.steps)
            steps[some] = quantiles[:, :, MEDIAN]
            outputs[some] = _at_levels(quantiles, self.levels).reshape(len(state), -1)
            states[some] = self.slope * state
        return PriorForecast(outputs, steps, states, rows)

    def spread(self, windows: Any, n_steps: int, levels: Sequence[float]) -> np.ndarray:
        """Return how far quantiles lie from the median, (n_rows, n_steps, n_levels).

        Of any number of steps, whatever those that are predicted at once; NaN for raw
        windows without a true step.
        """
        parts = [np.empty((0, n_steps, len(levels)))]
        for some in row_slices(windows, len(windows)):
            quantiles, _ = self._reading(windows[some], n_steps)
            median = quantiles[:, :, [MEDIAN]]
            parts.append(_at_levels(quantiles, levels) - median)
        return np.concatenate(parts)

    def trace(self, windows: Any) -> np.ndarray:
        """Return the gates of raw windows, as :func:`prior_trace` does."""
        return prior_trace(self._past(windows), self.season)

    def _past(self, windows: Any) -> np.ndarray:
        """Return the channel of raw windows that holds the past of the target."""
        return np.array(windows[:, :, self.channel], np.float64, order="C")

    def _reading(self, windows: Any, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the target's quantiles at LEVELS, and the state of the channel."""
        ahead = self.horizon + n_steps - 1
        quantiles, state = prior_reading(self._past(windows), self.season, ahead)
        return self.slope * quantiles[:, self.horizon - 1 :] + self.offset, state


def useful_reader(
    windows: Any,
    targets: np.ndarray,
    rows: np.ndarray,
    steps: int,
    levels: tuple[float, ...],
    season: tuple[int, ...],
    scaling: str,
) -> PriorReader | None:
    """Return the reader of the prior, None where it cannot be read or has no use.

    The first column of targets is the target itself; rows are those of fit. Of many a
    sample must show that the prior is worth its time: with it a highway of the sample
    must err less than one of all rows without.
    """
    fits = list(past_fits(windows, targets[:, 0], rows))
    pasts = [channel for channel, fit in enumerate(fits) if fit and fit[1] > 0]
    if not pasts:
        return None
    # A season that no window shows twice says nothing.
    season = tuple(m for m in season if 2 * m <= windows.shape[1]) or (1,)
    horizon, slope, offset = fits[pasts[0]]
    given = pasts[0], horizon, slope, offset, steps, season, levels
    reader = PriorReader(*given)
    some = thinned(rows, _ROWS_OF_SAMPLE)
    if len(some) == len(rows):
        return reader
    kind = "last" if scaling == "auto" else scaling
    outputs = np.zeros(targets.shape[1], dtype=np.int64)
    plain = fit_scaling(kind, windows, targets, rows, outputs, has_highway=True)
    sizes = plain.sizes_of(windows)
    relative = plain.relative(windows, sizes), plain.relative_targets(targets, sizes)
    said = plain.relative_prior(reader.read(windows, some), sizes)
    better = plain.with_highway(*relative, some, None, said, steps, among=rows)
    with_prior, without = (
        each.highway.error.sum() for each in (better, plain) if each.highway
    )
    return reader if with_prior < without else None


def _at_levels(quantiles: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return quantiles at other levels, (n_rows, n_steps, n_levels).

    Between the prior's own and beyond, they are as straight as a normal distribution's.
    """
    own, wanted = (
        np.array([NormalDist().inv_cdf(level) for level in each])
        for each in (LEVELS, levels)
    )
    at = np.clip(np.searchsorted(own, wanted) - 1, 0, len(own) - 2)
    share = (wanted - own[at]) / (own[at + 1] - own[at])
    return quantiles[:, :, at] * (1 - share) + quantiles[:, :, at + 1] * share
