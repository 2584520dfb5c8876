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
    return max(MAX_READ, 3 * max(season))


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


@dataclass(frozen=True)
class _Reading:
    """The steps that the network reads, measured from their centre in their scale.

    Arrays of shape (n_rows, n_read), or (n_rows, 1) for ``centre`` and ``scale``.
    ``level`` is the value less its season, ``earlier`` the value a season before;
    ``moved`` tells where there is a change from the step before.
    """

    value: np.ndarray
    season: np.ndarray
    level: np.ndarray
    change: np.ndarray
    earlier: np.ndarray
    inside: np.ndarray
    seen: np.ndarray
    moved: np.ndarray
    has_earlier: np.ndarray
    centre: np.ndarray
    scale: np.ndarray


def _fill_forward(windows: np.ndarray) -> np.ndarray:
    """Return windows whose missing values have taken the newest earlier value."""
    newest = np.where(np.isnan(windows), 0, np.arange(windows.shape[1]))
    newest = np.maximum.accumulate(newest, axis=1)
    return np.take_along_axis(windows, newest, axis=1)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def _squash(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return asinh(x / scale), and 0 where the scale is 0."""
    return np.arcsinh(_ratio(x, scale))


def _masked_mean(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mean of each row over the mask, 0 where the mask is empty."""
    total = np.where(mask, x, 0).sum(axis=1, keepdims=True)
    return total / np.maximum(mask.sum(axis=1, keepdims=True), 1)


def _detrended(x: np.ndarray, inside: np.ndarray, m: int):
    """Return values less their centred moving average, and where it is known.

    Of shape (n_rows, n_seasons, m), over the newest seasons. The first column is the
    phase of the step after the window.
    """
    half, n_inner = m // 2, x.shape[1] - 2 * (m // 2)
    sums = np.cumsum(np.pad(x, ((0, 0), (1, 0))), axis=1)
    trend = (sums[:, m:] - sums[:, :-m]) / m
    if m % 2 == 0:
        trend = 0.5 * (trend[:, :-1] + trend[:, 1:])
    known = inside[:, :n_inner]
    rest = np.where(known, x[:, half : half + n_inner] - trend, 0)
    n_seasons = min(-(-(n_inner + half) // m), _SEASONS + 1)
    front = n_seasons * m - half - n_inner
    pad = ((0, 0), (max(0, front), half))
    rest, known = (np.pad(a[:, max(0, -front) :], pad) for a in (rest, known))
    return rest.reshape(-1, n_seasons, m), known.reshape(-1, n_seasons, m)


def _seasonal_shape(x: np.ndarray, inside: np.ndarray, m: int):
    """Return the season by phase, and the share of it that is more than noise.

    Classical decomposition: the mean by phase of what a centred moving average leaves,
    shrunk by the share of its variance that the rest explains.
    """
    if m < 2 or x.shape[1] < m + 2 * (m // 2):
        return np.zeros((len(x), m)), np.zeros((len(x), 1))
    rest, known = _detrended(x, inside, m)
    count = known.sum(axis=1)
    shape = rest.sum(axis=1) / np.maximum(count, 1)
    is_whole = (count > 0).all(axis=1, keepdims=True)
    shape = np.where(is_whole, shape - shape.mean(axis=1, keepdims=True), 0)
    left = np.where(known, rest - shape[:, None], 0)
    freedom = np.maximum(count.sum(axis=1) - m, 0)
    noise = (left**2).sum(axis=(1, 2)) / np.maximum(freedom, 1)
    signal = (shape**2).mean(axis=1)
    share = 1 - _ratio(noise, signal * count.mean(axis=1))
    share = np.clip(share, 0, 1) * (signal > 0) * freedom / (freedom + 2)
    return shape, share[:, None]


def _seasons(x: np.ndarray, inside: np.ndarray, season: tuple[int, ...], steps):
    """Return seasons of the window, of future steps (shrunk and raw), and shares."""
    phases = np.arange(-x.shape[1], 0)
    now, ahead, raw = np.zeros_like(x), 0, 0
    shares = []
    for m in season:
        shape, share = _seasonal_shape(x - now, inside, m)
        now = now + (share * shape)[:, phases % m]
        ahead = ahead + (share * shape)[:, (steps - 1) % m]
        raw = raw + shape[:, (steps - 1) % m]
        shares.append(share)
    return now, ahead, raw, shares


def _reading(x, now, inside, seen, past, had, m: int) -> _Reading:
    """Return the newest steps, as many as the network reads, in whole patches."""
    length = x.shape[1]
    n_read = -(-min(length, MAX_READ) // PATCH) * PATCH
    pad = ((0, 0), (max(0, n_read - length), 0))
    x, now, inside, seen = (np.pad(a, pad)[:, -n_read:] for a in (x, now, inside, seen))
    level = np.where(inside, x - now, 0)
    moved = np.pad(inside[:, 1:] & inside[:, :-1], ((0, 0), (1, 0)))
    change = np.where(moved, np.diff(level, axis=1, prepend=0), 0)
    weights = np.array([0.2, 0.3, 0.5]) * inside[:, -3:]
    total = (level[:, -3:] * weights).sum(axis=1, keepdims=True)
    centre = _ratio(total, weights.sum(axis=1, keepdims=True))
    spread = np.sqrt(_masked_mean((level - _masked_mean(level, inside)) ** 2, inside))
    return _Reading(
        value=x,
        season=np.where(inside, now, 0),
        level=level,
        change=change,
        earlier=past[:, -n_read - m : -m],
        inside=inside,
        seen=seen,
        moved=moved,
        has_earlier=had[:, -n_read - m : -m] & inside,
        centre=centre,
        scale=_masked_mean(np.abs(change), moved) + 0.01 * spread,
    )


def _channels(r: _Reading) -> np.ndarray:
    """Return what the network reads at each step."""
    channels = [
        _squash(np.where(r.inside, r.level - r.centre, 0), 2 * r.scale),
        np.clip(_ratio(r.change, r.scale), -8, 8),
        _squash(r.season, r.scale),
        _squash(np.where(r.has_earlier, r.value - r.earlier, 0), r.scale),
        r.has_earlier,
        r.seen,
    ]
    return np.stack(channels, axis=2)


def _statics(r: _Reading, shares: list[np.ndarray], m: int, is_log: bool) -> np.ndarray:
    """Return what the network reads once for a window."""
    one = np.ones_like(r.scale)
    count = r.inside.sum(axis=1, keepdims=True)
    off = np.where(r.inside, r.level - r.centre, 0)
    spread = np.sqrt(
        _masked_mean((r.level - _masked_mean(r.level, r.inside)) ** 2, r.inside)
    )
    turn = np.abs(np.diff(r.change, axis=1))
    turn = _masked_mean(turn, r.moved[:, 1:] & r.moved[:, :-1])
    naive = _masked_mean(np.abs(r.value - r.earlier), r.has_earlier)
    farthest = np.abs(off).max(axis=1, keepdims=True)
    statics = [
        one * np.log(m) / 3,
        one * (m == 1),
        np.log(np.maximum(count, 1)) / 4,
        np.log1p(count / m) / 3,
        shares[0],
        shares[1] if len(shares) > 1 else 0 * one,
        np.log1p(_ratio(spread, r.scale)) / 2,
        np.log1p(_ratio(turn, r.scale)),
        np.log1p(_ratio(naive, r.scale)) / 2,
        one * is_log,
        np.log1p(_ratio(farthest, r.scale)) / 3,
        np.clip(_ratio(off[:, -1:], r.scale), -4, 4),
    ]
    return np.concatenate(statics, axis=1)


def _step_inputs(r: _Reading, ahead, raw, past, had, season, steps) -> np.ndarray:
    """Return what the network reads for each future step; the trend's basis last."""
    m, longest = season[0], max(season)
    newest = steps - 1 - m * -(-steps // m)
    same_phase = [newest, newest - m, steps - 1 - longest * -(-steps // longest)]
    lags, flags = [], []
    for at in same_phase:
        is_used = had[:, at] & (len(lags) < 2 or longest > m)
        lags.append(_squash(np.where(is_used, past[:, at] - r.centre, 0), 2 * r.scale))
        flags.append(is_used)
    own = [_squash(ahead, r.scale), _squash(raw, r.scale), *lags, *flags]
    shared = [
        np.log(steps) / 2,
        np.minimum(steps / m, 4) / 2,
        np.log1p((steps - 1) // m),
        *((1 - d**steps) * d / (1 - d) for d in _DAMPINGS),
        steps / 4,
    ]
    shared = [np.broadcast_to(a, had[:, newest].shape) for a in shared]
    return np.stack(own + shared, axis=2)


def prior_inputs(
    windows: np.ndarray, season: tuple[int, ...], steps: np.ndarray, is_log: bool
) -> PriorInputs:
    """Return what the network reads of windows.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, length)
        NaN is missing; each row's newest step is at the end.
    season : tuple of int
        The season, and a longer one that it is part of.
    steps : ndarray of int
        The future steps asked for, 1 = the next.
    is_log : bool
        Whether the values are logarithms.
    """
    seen = ~np.isnan(windows)
    inside = np.maximum.accumulate(seen, axis=1)
    x = np.where(inside, _fill_forward(windows), 0)
    now, ahead, raw, shares = _seasons(x, inside, season, steps)
    room = ((0, 0), (2 * max(season) + PATCH, 0))
    past, had = np.pad(x, room), np.pad(inside, room)
    r = _reading(x, now, inside, seen, past, had, season[0])
    patched = (len(x), -1, PATCH)
    patches = _channels(r).reshape(len(x), -1, PATCH * 6)
    step_inputs = _step_inputs(r, ahead, raw, past, had, season, steps)
    return PriorInputs(
        patches.astype(np.float32),
        r.inside.reshape(patched).any(axis=2),
        _statics(r, shares, season[0], is_log).astype(np.float32),
        step_inputs.astype(np.float32),
        r.centre + ahead,
        r.scale[:, 0],
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
