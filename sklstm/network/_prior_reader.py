"""Who reads the prior: of which channel, in what unit, how far ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from sklstm.network._highway import PriorForecast
from sklstm.network._past import past_fits
from sklstm.network._prior import LEVELS, n_units, prior_reading, prior_trace
from sklstm.windows._array import row_slices

__all__ = ["PriorReader", "prior_reader"]


@dataclass(frozen=True)
class PriorReader:
    """What the prior forecasts: a target, ``slope`` times a channel + ``offset``.

    The first of ``steps`` lies ``horizon`` steps after the newest of a window.
    """

    channel: int
    slope: float
    offset: float
    horizon: int
    steps: int
    season: tuple[int, ...]
    levels: tuple[float, ...]

    def read(self, windows: Any, rows: np.ndarray | None = None) -> PriorForecast:
        """Return the forecasts of raw windows; NaN for rows that are not asked for."""
        rows = np.arange(len(windows)) if rows is None else rows
        n_rows, n_outputs = len(windows), self.steps * len(self.levels)
        forecast = PriorForecast(
            np.full((n_rows, n_outputs), np.nan),
            np.full((n_rows, self.steps), np.nan),
            np.full((n_rows, n_units()), np.nan),
        )
        for some in row_slices(windows, len(rows)):
            at = rows[some]
            quantiles, state = self._reading(windows[at], self.steps)
            forecast.steps[at] = quantiles[:, :, LEVELS.index(0.5)]
            made = _at_levels(quantiles, self.levels)
            forecast.outputs[at] = made.reshape(len(at), -1)
            forecast.state[at] = self.slope * state
        return forecast

    def spread(self, windows: Any, n_steps: int, levels: Sequence[float]) -> np.ndarray:
        """Return how far quantiles lie from the median, (n_rows, n_steps, n_levels).

        Of any number of steps, whatever those that are predicted at once; NaN for raw
        windows without a true step.
        """
        parts = [np.empty((0, n_steps, len(levels)))]
        for some in row_slices(windows, len(windows)):
            quantiles, _ = self._reading(windows[some], n_steps)
            median = quantiles[:, :, [LEVELS.index(0.5)]]
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


def prior_reader(
    windows: Any,
    targets: np.ndarray,
    rows: np.ndarray,
    steps: int,
    levels: tuple[float, ...],
    season: tuple[int, ...],
) -> PriorReader | None:
    """Return the reader of the channel that holds the past of a target, None for none.

    The first column of targets is the target itself; rows are those of fit.
    """
    # A season that no window shows twice says nothing.
    season = tuple(m for m in season if 2 * m <= windows.shape[1]) or (1,)
    groups = getattr(windows, "groups", None)
    if groups is not None:
        rows = rows[groups[rows] == np.bincount(groups[rows]).argmax()]
    newest, target = windows[rows, -1, :].astype(np.float64), targets[rows, 0]
    for channel, fit in enumerate(past_fits(newest, target, rows)):
        if fit is not None and fit[1] > 0:
            horizon, slope, offset = fit
            return PriorReader(channel, slope, offset, horizon, steps, season, levels)
    return None


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
