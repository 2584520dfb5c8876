"""The prior: a small LSTM trained beforehand on synthetic series, in NumPy.

It forecasts series that it has never seen: from a window and its season alone. The
program that made its weights is ``examples/prior/train.py``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

__all__ = [
    "LEVELS",
    "MAX_STEPS",
    "PriorInputs",
    "load_prior",
    "prior_forecast",
    "prior_inputs",
]

#: Levels of the quantiles that the prior forecasts.
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Longest horizon that is forecast at once; later steps feed the median back.
MAX_STEPS = 48
#: Steps of a patch, and most steps that the network reads.
PATCH, MAX_READ = 4, 168
#: Seasons back from the newest step that give the shape of a season.
_SEASONS = 6
#: Rows of a block: products of one shape sum in one order, whoever is beside a row.
_BLOCK = 16
_DAMPINGS = (0.95, 0.8, 0.5)


def longest_window(season: tuple[int, ...]) -> int:
    """Return how many of the newest steps the prior looks at."""
    return max(min(60 + 5 * season[0], MAX_READ), 3 * max(season))


@dataclass(frozen=True)
class PriorInputs:
    """What the network reads of a block of windows, and what turns its output back.

    Attributes
    ----------
    patches : ndarray of shape (n_rows, n_patches, PATCH * n_channels), float32
    is_read : ndarray of shape (n_rows, n_patches), bool
        False where a whole patch lies before the series begins.
    statics : ndarray of shape (n_rows, n_statics), float32
    steps : ndarray of shape (n_rows, n_steps, n_step_inputs), float32
        The last columns are the basis of the trend.
    base, scale : ndarray of shape (n_rows, n_steps) and (n_rows,)
        A forecast is ``base + scale * output``.
    """

    patches: np.ndarray
    is_read: np.ndarray
    statics: np.ndarray
    steps: np.ndarray
    base: np.ndarray
    scale: np.ndarray


def _fill_forward(windows: np.ndarray) -> np.ndarray:
    """Return windows whose missing values have taken the newest earlier value."""
    newest = np.where(np.isnan(windows), 0, np.arange(windows.shape[1]))
    newest = np.maximum.accumulate(newest, axis=1)
    return np.take_along_axis(windows, newest, axis=1)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def _seasonal_shape(x: np.ndarray, inside: np.ndarray, m: int):
    """Return the season's shape by phase, raw, and the share of it that is trusted.

    Classical decomposition: a centred moving average of one season, the mean of what
    it leaves by phase over the newest seasons, shrunk by the share of its variance
    that the rest does not explain. Phase 0 is the step after the window.
    """
    n, length = x.shape
    half, n_inner = m // 2, length - 2 * (m // 2)
    if m < 2 or n_inner < m:
        return np.zeros((n, m)), np.zeros(n)
    sums = np.cumsum(np.pad(x, ((0, 0), (1, 0))), axis=1)
    trend = (sums[:, m:] - sums[:, :-m]) / m
    if m % 2 == 0:
        trend = 0.5 * (trend[:, :-1] + trend[:, 1:])
    rest = x[:, half : half + n_inner] - trend
    known = inside[:, :n_inner]
    # Right-aligned on the window's end, so that a column is a phase.
    n_columns = min(-(-(n_inner + half) // m), _SEASONS + 1) * m
    front = n_columns - half - n_inner
    rest, known = rest[:, max(0, -front) :], known[:, max(0, -front) :]
    pad = ((0, 0), (max(0, front), half))
    rest = np.pad(np.where(known, rest, 0), pad).reshape(n, -1, m)
    known = np.pad(known, pad).reshape(n, -1, m)
    count = known.sum(axis=1)
    shape = rest.sum(axis=1) / np.maximum(count, 1)
    whole = (count > 0).all(axis=1)
    shape = np.where(whole[:, None], shape - shape.mean(axis=1, keepdims=True), 0)
    left = np.where(known, rest - shape[:, None], 0)
    freedom = np.maximum(count.sum(axis=1) - m, 0)
    noise = (left**2).sum(axis=(1, 2)) / np.maximum(freedom, 1)
    signal = (shape**2).mean(axis=1)
    trust = 1 - _ratio(noise, signal * count.mean(axis=1))
    return shape, np.clip(trust, 0, 1) * (signal > 0) * freedom / (freedom + 2)


def _squash(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return asinh(x / scale), and 0 where the scale is 0."""
    return np.arcsinh(_ratio(x, scale))


def _masked_mean(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mean of each row over the mask, 0 where the mask is empty."""
    return np.where(mask, x, 0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)


def prior_inputs(
    windows: np.ndarray, season: tuple[int, ...], steps: np.ndarray, is_log: bool
) -> PriorInputs:
    """Return what the network reads of windows.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, length)
        NaN is missing; the newest value of each row is at the end.
    season : tuple of int
        The season, and longer ones it is part of.
    steps : ndarray of int
        The future steps asked for, 1 = the next.
    is_log : bool
        Whether the values are logarithms.
    """
    n, length = windows.shape
    m = season[0]
    seen = ~np.isnan(windows)
    inside = np.maximum.accumulate(seen, axis=1)
    x = np.where(inside, _fill_forward(windows), 0)

    phases = np.arange(-length, 0)
    raw, shrunk, ahead, ahead_raw = np.zeros((4, n, 1))
    trusts = []
    for m_i in season:
        shape, trust = _seasonal_shape(x - shrunk, inside, m_i)
        trusts.append(trust)
        raw = raw + shape[:, phases % m_i]
        shrunk = shrunk + (trust[:, None] * shape)[:, phases % m_i]
        ahead_raw = ahead_raw + shape[:, (steps - 1) % m_i]
        ahead = ahead + (trust[:, None] * shape)[:, (steps - 1) % m_i]

    room = ((0, 0), (2 * max(season) + PATCH, 0))
    past, had = np.pad(x, room), np.pad(inside, room)
    read = -(-min(length, MAX_READ) // PATCH) * PATCH
    lag_m, had_m = past[:, -read - m : -m], had[:, -read - m : -m]
    pad = ((0, 0), (max(0, read - length), 0))
    x, shrunk, inside, seen = (
        np.pad(a, pad)[:, -read:]
        for a in (x, np.broadcast_to(shrunk, x.shape), inside, seen)
    )
    level = np.where(inside, x - shrunk, 0)
    moved = inside.copy()
    moved[:, 0] = False
    moved[:, 1:] &= inside[:, :-1]
    change = np.where(moved, np.diff(level, axis=1, prepend=0), 0)
    weights = np.array([0.2, 0.3, 0.5]) * inside[:, -3:]
    centre = _ratio((level[:, -3:] * weights).sum(axis=1), weights.sum(axis=1))
    scale = _masked_mean(np.abs(change), moved)
    mean = _masked_mean(level, inside)
    spread = np.sqrt(_masked_mean((level - mean[:, None]) ** 2, inside))
    scale = scale + 0.01 * spread
    by = scale[:, None]

    off = np.where(inside, level - centre[:, None], 0)
    has_lag = had_m & inside
    channels = np.stack(
        [
            _squash(off, 2 * by),
            np.clip(_ratio(change, by), -8, 8),
            _squash(np.where(inside, shrunk, 0), by),
            _squash(np.where(has_lag, x - lag_m, 0), by),
            has_lag,
            seen,
        ],
        axis=2,
    )
    is_read = inside.reshape(n, -1, PATCH).any(axis=2)
    patches = channels.reshape(n, -1, PATCH * channels.shape[2])

    count = inside.sum(axis=1)
    turn = _masked_mean(np.abs(np.diff(change, axis=1)), moved[:, 1:] & moved[:, :-1])
    lag_size = _masked_mean(np.abs(x - lag_m), has_lag)
    statics = np.column_stack(
        [
            np.full(n, np.log(m) / 3),
            np.full(n, m == 1),
            np.log(np.maximum(count, 1)) / 4,
            np.log1p(count / m) / 3,
            *(trusts + [np.zeros(n)])[:2],
            np.log1p(_ratio(spread, scale)) / 2,
            np.log1p(_ratio(turn, scale)),
            np.log1p(_ratio(lag_size, scale)) / 2,
            np.full(n, is_log),
            np.log1p(_ratio(np.abs(off).max(axis=1), scale)) / 3,
            np.clip(_ratio(off[:, -1], scale), -4, 4),
        ]
    )

    def naive(lag: int):
        at = steps - 1 - lag * -(-steps // lag)
        return past[:, at] - centre[:, None], had[:, at]

    lags = [naive(m), naive(max(season)) if len(season) > 1 else None]
    at_2 = steps - 1 - m * (-(-steps // m) + 1)
    lags.insert(1, (past[:, at_2] - centre[:, None], had[:, at_2]))
    lags = [a for a in lags if a is not None]
    if len(lags) < 3:
        lags.append((np.zeros((n, len(steps))), np.zeros((n, len(steps)), bool)))
    shared = np.stack(
        [
            np.log(steps) / 2,
            np.minimum(steps / m, 4) / 2,
            np.log1p((steps - 1) // m),
            *((1 - d**steps) * d / (1 - d) for d in _DAMPINGS),
            steps / 4,
        ],
        axis=1,
    )
    step_inputs = np.concatenate(
        [
            np.stack(
                [_squash(ahead, by), _squash(ahead_raw, by)]
                + [_squash(np.where(had_k, lag, 0), 2 * by) for lag, had_k in lags]
                + [had_k for _, had_k in lags],
                axis=2,
            ),
            np.broadcast_to(shared, (n, *shared.shape)),
        ],
        axis=2,
    )
    return PriorInputs(
        patches.astype(np.float32),
        is_read,
        statics.astype(np.float32),
        step_inputs.astype(np.float32),
        centre[:, None] + ahead,
        scale,
    )


@functools.cache
def load_prior() -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    """Return the weights of the prior and how they were made."""
    file = resources.files("sklstm.network").joinpath("data", "prior.npz")
    with file.open("rb") as stored:
        return read_weights(stored)


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


def last_state(weights: Mapping[str, np.ndarray], inputs: PriorInputs) -> np.ndarray:
    """Return the LSTM's hidden state after each row's window."""
    wide = inputs.patches @ weights["embed_patch/kernel"]
    wide += weights["embed_patch/bias"]
    wide += (inputs.statics @ weights["embed_static/kernel"])[:, None]
    given = np.maximum(wide, 0) @ weights["lstm/kernel"] + weights["lstm/bias"]
    recurrent = weights["lstm/recurrent_kernel"]
    hidden = cell = np.zeros((len(given), len(recurrent)), np.float32)
    for t in range(given.shape[1]):
        i, f, g, o = np.split(given[:, t] + hidden @ recurrent, 4, axis=1)
        new = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        read = inputs.is_read[:, t, None]
        cell = np.where(read, new, cell)
        hidden = np.where(read, _sigmoid(o) * np.tanh(new), hidden)
    return hidden


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the logistic function, which cannot overflow in this form."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def network_output(
    weights: Mapping[str, np.ndarray], inputs: PriorInputs
) -> np.ndarray:
    """Return quantiles in scales from the base, of shape (n_rows, n_steps, 5)."""
    state = np.concatenate([last_state(weights, inputs), inputs.statics], axis=1)
    seen = state @ weights["head_state/kernel"] + weights["head_state/bias"]
    at = np.maximum(inputs.steps @ weights["head_step/kernel"] + seen[:, None], 0)
    at = at @ weights["head_hidden/kernel"] + weights["head_hidden/bias"]
    out = np.maximum(at, 0) @ weights["head_out/kernel"] + weights["head_out/bias"]
    slopes = state @ weights["trend/kernel"] + weights["trend/bias"]
    basis = inputs.steps[:, :, -slopes.shape[1] :]
    return out + (basis * slopes[:, None]).sum(axis=2, keepdims=True)


def _quantiles(weights, inputs: PriorInputs) -> np.ndarray:
    """Return quantiles in the unit of the inputs, block by block of fixed size."""
    n = len(inputs.scale)
    rows = np.resize(np.arange(n), -(-n // _BLOCK) * _BLOCK)
    out = []
    for block in rows.reshape(-1, _BLOCK):
        fields = {k: v[block] for k, v in vars(inputs).items()}
        out.append(network_output(weights, PriorInputs(**fields)))
    z = np.concatenate(out)[:n].astype(float)
    z = np.sort(np.clip(z, -200, 200), axis=2)
    return inputs.base[:, :, None] + inputs.scale[:, None, None] * z


def _view_of_values(weights, windows, season, steps):
    """Return quantiles from the values, measured from the newest in its unit."""
    filled = _fill_forward(windows)
    last = filled[:, -1:]
    peak = np.nanmax(np.abs(windows), axis=1, keepdims=True, initial=0)
    # A power of two scales without rounding.
    unit = np.exp2(np.frexp(peak)[1].astype(float))
    inputs = prior_inputs((windows / unit) - last / unit, season, steps, False)
    return last[:, :, None] + unit[:, :, None] * _quantiles(weights, inputs)


def _view_of_logarithms(weights, windows, season, steps):
    """Return quantiles from the logarithms of positive values."""
    logs = np.log(windows)
    low = np.nanmin(logs, axis=1)[:, None, None]
    high = np.nanmax(logs, axis=1)[:, None, None]
    last = _fill_forward(logs)[:, -1:]
    out = _quantiles(weights, prior_inputs(logs - last, season, steps, True))
    span = 3 * (high - low)
    return np.exp(np.clip(last[:, :, None] + out, low - span, high + span))


def prior_forecast(
    windows: np.ndarray,
    season: int | tuple[int, ...],
    n_steps: int,
    weights: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Forecast quantiles of the steps after each window.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, length)
    season : int or tuple of int
    n_steps : int
    weights : mapping, default=None

    Returns
    -------
    ndarray of shape (n_rows, n_steps, 5)
    """
    if weights is None:
        weights = load_prior()[0]
    season = (season,) if np.ndim(season) == 0 else tuple(season)
    steps = np.arange(1, n_steps + 1)
    windows = windows[:, -longest_window(season) :]
    out = _view_of_values(weights, windows, season, steps)
    positive = (season[0] > 1) & (np.nanmin(windows, axis=1) > 0)
    if positive.any():
        logs = _view_of_logarithms(weights, windows[positive], season, steps)
        out[positive] = 0.5 * (out[positive] + logs)
    return out
