"""The prior: a small LSTM trained beforehand on synthetic series.

It forecasts series that it has never seen: from a window and its season alone. The
program that made its weights is ``examples/prior/train.py``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np

import sklstm.network._kernels as kernels
from sklstm.network._lstm import NetworkSpec, Weights, trace
from sklstm.network._prior_inputs import (
    MAX_READ,
    PriorInputs,
    fill_forward,
    prior_inputs,
)

#: Levels of the quantiles that the prior forecasts.
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Position of the median among them.
MEDIAN = LEVELS.index(0.5)
#: Longest horizon that is forecast at once; later steps feed the median back.
MAX_STEPS = 48
#: Farthest output in scales, and farthest forecast in ranges of the logarithms.
_FARTHEST, _LOG_ROOM = 200, 3
#: Rows that are prepared at once, which bounds the memory.
_ROWS = 1024


def longest_window(season: tuple[int, ...]) -> int:
    """Return how many of the newest steps the prior looks at."""
    return max(MAX_READ, 3 * max(season))


@functools.cache
def load_prior() -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    """Return the weights of the prior and how they were made."""
    file = resources.files("sklstm.network").joinpath("data", "prior.npz")
    with file.open("rb") as stored:
        return read_weights(stored)


def n_units() -> int:
    """Return the size of the hidden state."""
    return len(load_prior()[0]["lstm/recurrent_kernel"])


def read_weights(file: Any) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    """Return float32 weights from a file of ``examples/prior/train.py``."""
    with np.load(file, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        weights = {
            name: stored[name].astype(np.float32)
            for name in stored.files
            if name != "about"
        }
    return weights, about


def _lstm(
    weights: Mapping[str, np.ndarray], inputs: PriorInputs
) -> tuple[NetworkSpec, Weights, np.ndarray]:
    """Return the LSTM as a network whose output is its hidden state, and what it reads.

    Patches are its steps; those before the series begins are missing.
    """
    wide = inputs.patches @ weights["embed_patch/kernel"]
    wide += weights["embed_patch/bias"]
    wide += inputs.statics[:, None] @ weights["embed_static/kernel"]
    np.maximum(wide, 0, out=wide)
    wide[~inputs.is_read] = np.nan
    units, n_steps = len(weights["lstm/recurrent_kernel"]), wide.shape[1]
    spec = NetworkSpec(n_steps, wide.shape[2], n_outputs=units, units=(units,), patch=1)
    own = [weights[f"lstm/{part}"] for part in ("kernel", "recurrent_kernel", "bias")]
    unchanged = [np.eye(units, dtype=np.float32), np.zeros(units, np.float32)]
    return spec, [*own, *unchanged], wide


def network_output(
    weights: Mapping[str, np.ndarray], inputs: PriorInputs
) -> tuple[np.ndarray, np.ndarray]:
    """Return quantiles in scales from the base, (n_rows, n_steps, 5), and the state."""
    own = kernels.outputs(*_lstm(weights, inputs))
    # A product for each row, so that its rounding does not depend on those beside it.
    state = np.concatenate([own, inputs.statics], axis=1)[:, None]
    seen = state @ weights["head_state/kernel"] + weights["head_state/bias"]
    at = np.maximum(inputs.steps @ weights["head_step/kernel"] + seen, 0)
    at = at @ weights["head_hidden/kernel"] + weights["head_hidden/bias"]
    out = np.maximum(at, 0) @ weights["head_out/kernel"] + weights["head_out/bias"]
    slopes = state @ weights["trend/kernel"] + weights["trend/bias"]
    basis = inputs.steps[:, :, -slopes.shape[2] :]
    return out + (basis * slopes).sum(axis=2, keepdims=True), own


def _quantiles(
    weights: Mapping[str, np.ndarray], inputs: PriorInputs
) -> tuple[np.ndarray, np.ndarray]:
    """Return quantiles and the state, measured from the base of the inputs."""
    z, state = network_output(weights, inputs)
    z = np.sort(np.clip(z, -_FARTHEST, _FARTHEST).astype(np.float64))
    scale = inputs.scale[:, None]
    return inputs.base[:, :, None] + scale[:, None] * z, scale * state


def _moved(windows):
    """Return rows with values, from their newest value in a unit; and these two."""
    last = fill_forward(windows)[:, -1:]
    # A power of two as unit: scaling by it does not round.
    peak = np.nanmax(np.abs(windows), axis=1, keepdims=True)
    unit = np.exp2(np.clip(np.frexp(peak)[1], -1000, 1000).astype(float))
    return windows / unit - last / unit, last, unit


def _at_once(weights, windows, season, n_steps, use_logarithms):
    """Return what the prior says of up to MAX_STEPS steps after rows with values."""
    steps = np.arange(1, n_steps + 1)
    moved, last, unit = _moved(windows)
    upright, states = _quantiles(weights, prior_inputs(moved, season, steps, False))
    mirrored, _ = _quantiles(weights, prior_inputs(-moved, season, steps, False))
    of_values = 0.5 * upright - 0.5 * mirrored[:, :, ::-1]
    out = last[:, :, None] + unit[:, :, None] * of_values
    has_logs = np.nanmin(windows, axis=1) > 0
    has_logs &= use_logarithms and season[0] > 1
    if has_logs.any():
        logs = np.log(windows[has_logs])
        last_log = np.log(last[has_logs])
        of_logs, _ = _quantiles(
            weights, prior_inputs(logs - last_log, season, steps, True)
        )
        low, high = np.nanmin(logs, axis=1), np.nanmax(logs, axis=1)
        room = _LOG_ROOM * (high - low)
        ends = low - room, np.minimum(high + room, 690)
        of_logs = last_log[:, :, None] + of_logs
        of_logs = np.exp(np.clip(of_logs, *(e[:, None, None] for e in ends)))
        out[has_logs] = 0.5 * (out[has_logs] + of_logs)
    return out, unit * states


def prior_forecast(
    windows: np.ndarray, season: int | tuple[int, ...], n_steps: int, **how: Any
) -> np.ndarray:
    """Return the quantiles of :func:`prior_reading`, of shape (n_rows, n_steps, 5)."""
    return prior_reading(windows, season, n_steps, **how)[0]


def prior_reading(
    windows: np.ndarray,
    season: int | tuple[int, ...],
    n_steps: int,
    *,
    use_logarithms: bool = True,
    weights: Mapping[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Forecast quantiles of the steps that follow each window.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, length)
        NaN is missing: before a row's first value the series has not begun, later ones
        take the newest earlier value. At most ``longest_window`` steps are looked at.
    season : int or tuple of int
        Steps after which the pattern repeats, 1 for none. A tuple adds a longer season,
        which the first divides: ``(24, 168)`` for hours.
    n_steps : int
        Steps to forecast. Beyond MAX_STEPS the median is fed back, and the spread of
        the steps fed back is added to that of later ones.
    use_logarithms : bool, default=True
        Whether windows of positive values with a season are forecast from their
        logarithms, too, and both forecasts averaged. Without it, ``a * x + b`` has the
        forecast ``a * f + b``, also for a < 0, where the quantiles change places.
    weights : mapping, default=None
        Weights of another prior, from ``read_weights``.

    Returns
    -------
    quantiles : ndarray of shape (n_rows, n_steps, 5)
        Those at LEVELS, which do not cross, in the unit of the windows; NaN for rows
        without any value in the longest window.
    state : ndarray of shape (n_rows, n_units)
        The LSTM's hidden state times the scale of each window, in the same unit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.network._prior import prior_forecast
    >>> prior_forecast(np.full((1, 30), 7.0), season=12, n_steps=2)[0, :, 2]
    array([7., 7.])
    """
    weights = load_prior()[0] if weights is None else weights
    if isinstance(season, int | np.integer):
        season = (int(season),)
    windows = np.asarray(windows, dtype=np.float64)[:, -longest_window(season) :]
    out = np.full((len(windows), n_steps, len(LEVELS)), np.nan)
    states = np.full((len(windows), len(weights["lstm/recurrent_kernel"])), np.nan)
    has_values = ~np.isnan(windows).all(axis=1)
    if not has_values.any():
        return out, states
    seen = windows[has_values]
    for start in range(0, n_steps, MAX_STEPS):
        what = season, min(n_steps - start, MAX_STEPS), use_logarithms
        parts = (seen[i : i + _ROWS] for i in range(0, len(seen), _ROWS))
        made = [_at_once(weights, part, *what) for part in parts]
        quantiles, state = map(np.concatenate, zip(*made, strict=True))
        if start == 0:
            states[has_values] = state
        else:
            quantiles = _widened(quantiles, out[has_values, start - 1 : start])
        out[has_values, start : start + MAX_STEPS] = quantiles
        seen = np.concatenate([seen, quantiles[:, :, MEDIAN]], axis=1)
        seen = seen[:, -longest_window(season) :]
    return out, states


def _widened(quantiles: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return quantiles whose spread has that of an earlier step added, as variances."""
    median = quantiles[:, :, [MEDIAN]]
    spread = np.hypot(quantiles - median, before - before[:, :, [MEDIAN]])
    return median + np.sign(np.array(LEVELS) - 0.5) * spread


def prior_trace(windows: np.ndarray, season: tuple[int, ...]) -> np.ndarray:
    """Return gates and states of the LSTM while it reads the values of each window.

    Of shape (n_rows, n_patches, 6, n_units), as :func:`sklstm.network._lstm.trace`
    orders them; NaN for patches before the first value.
    """
    windows = np.asarray(windows, dtype=np.float64)[:, -longest_window(season) :]
    has_values = (~np.isnan(windows)).any(axis=1, keepdims=True)
    moved, _, _ = _moved(np.where(has_values, windows, 0.0))
    inputs = prior_inputs(moved, season, np.arange(1, 2), False)
    _, (traces,) = trace(*_lstm(load_prior()[0], inputs))
    traces[~(inputs.is_read & has_values)] = np.nan
    return traces
