"""What the prior reads of windows: patches of steps, once for all, and per future step.

Every window is measured from its newest level in its own scale, after the season that
it shows has been taken out, so that the network meets no units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Steps of a patch, and most steps that the network reads.
PATCH, MAX_READ = 4, 168
#: Seasons back from the newest step that give the shape of a season.
_SEASONS = 6
#: Trends that flatten, beside the straight one, and how many columns that makes.
_DAMPINGS = (0.95, 0.8, 0.5)
N_BASIS = len(_DAMPINGS) + 1


@dataclass(frozen=True)
class PriorInputs:
    """What the network reads of a block of windows, and what turns its output back.

    ``patches`` are (n_rows, n_patches, PATCH * n_channels); ``is_read`` is False where
    a whole one lies before the series begins. ``statics`` are (n_rows, n_statics), and
    ``steps`` (n_rows, n_steps, n_step_inputs), the basis of the trend in its last
    columns. A forecast is ``base + scale * output``: (n_rows, n_steps) and (n_rows,).
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

    Arrays of shape (n_rows, n_read), or (n_rows, 1) for the last three. ``off`` is the
    value less its season and the centre, ``rise`` the change in a season; ``moved``
    tells where there is a change from the step before.
    """

    off: np.ndarray
    season: np.ndarray
    change: np.ndarray
    rise: np.ndarray
    inside: np.ndarray
    seen: np.ndarray
    moved: np.ndarray
    has_earlier: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    scale: np.ndarray


def fill_forward(windows: np.ndarray) -> np.ndarray:
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


def _reading(x, now, inside, seen, n_read: int, m: int) -> _Reading:
    """Return the newest steps; there are at least a season more, perhaps empty."""
    earlier, has_earlier = (a[:, -n_read - m : -m] for a in (x, inside))
    x, now, inside, seen = (a[:, -n_read:] for a in (x, now, inside, seen))
    has_earlier = has_earlier & inside
    level = np.where(inside, x - now, 0)
    moved = np.pad(inside[:, 1:] & inside[:, :-1], ((0, 0), (1, 0)))
    change = np.where(moved, np.diff(level, axis=1, prepend=0), 0)
    weights = np.array([0.2, 0.3, 0.5]) * inside[:, -3:]
    total = (level[:, -3:] * weights).sum(axis=1, keepdims=True)
    centre = _ratio(total, weights.sum(axis=1, keepdims=True))
    spread = np.sqrt(_masked_mean((level - _masked_mean(level, inside)) ** 2, inside))
    return _Reading(
        off=np.where(inside, level - centre, 0),
        season=np.where(inside, now, 0),
        change=change,
        rise=np.where(has_earlier, x - earlier, 0),
        inside=inside,
        seen=seen,
        moved=moved,
        has_earlier=has_earlier,
        centre=centre,
        spread=spread,
        scale=_masked_mean(np.abs(change), moved) + 0.01 * spread,
    )


def _channels(r: _Reading) -> np.ndarray:
    """Return what the network reads at each step."""
    channels = [
        _squash(r.off, 2 * r.scale),
        np.clip(_ratio(r.change, r.scale), -8, 8),
        _squash(r.season, r.scale),
        _squash(r.rise, r.scale),
        r.has_earlier,
        r.seen,
    ]
    return np.stack(channels, axis=2)


def _statics(r: _Reading, shares: list[np.ndarray], m: int, is_log: bool) -> np.ndarray:
    """Return what the network reads once for a window."""
    one = np.ones_like(r.scale)
    count = r.inside.sum(axis=1, keepdims=True)
    turn = np.abs(np.diff(r.change, axis=1))
    turn = _masked_mean(turn, r.moved[:, 1:] & r.moved[:, :-1])
    naive = _masked_mean(np.abs(r.rise), r.has_earlier)
    farthest = np.abs(r.off).max(axis=1, keepdims=True)
    statics = [
        one * np.log(m) / 3,
        one * (m == 1),
        np.log(np.maximum(count, 1)) / 4,
        np.log1p(count / m) / 3,
        shares[0],
        shares[1] if len(shares) > 1 else 0 * one,
        np.log1p(_ratio(r.spread, r.scale)) / 2,
        np.log1p(_ratio(turn, r.scale)),
        np.log1p(_ratio(naive, r.scale)) / 2,
        one * is_log,
        np.log1p(_ratio(farthest, r.scale)) / 3,
        np.clip(_ratio(r.off[:, -1:], r.scale), -4, 4),
    ]
    return np.concatenate(statics, axis=1)


def _step_inputs(r: _Reading, ahead, raw, x, inside, season, steps) -> np.ndarray:
    """Return what the network reads for each future step; the trend's basis last."""
    m, longest = season[0], max(season)
    newest = steps - 1 - m * -(-steps // m)
    same_phase = [newest, newest - m, steps - 1 - longest * -(-steps // longest)]
    flags = [inside[:, at] for at in same_phase]
    flags[2] = flags[2] & (longest > m)
    lags = [
        _squash(np.where(flag, x[:, at] - r.centre, 0), 2 * r.scale)
        for at, flag in zip(same_phase, flags, strict=True)
    ]
    own = [_squash(ahead, r.scale), _squash(raw, r.scale), *lags, *flags]
    shared = [
        np.log(steps) / 2,
        np.minimum(steps / m, 4) / 2,
        np.log1p((steps - 1) // m),
        *((1 - d**steps) * d / (1 - d) for d in _DAMPINGS),
        steps / 4,
    ]
    shared = [np.broadcast_to(a, flags[0].shape) for a in shared]
    return np.stack(own + shared, axis=2)


def prior_inputs(
    windows: np.ndarray, season: tuple[int, ...], steps: np.ndarray, is_log: bool
) -> PriorInputs:
    """Return what the network reads of windows (n_rows, length), NaN where missing.

    A second season is a multiple of the first. ``steps`` are the future steps asked
    for, 1 the next; ``is_log`` tells whether values are logarithms.
    """
    seen = ~np.isnan(windows)
    inside = np.maximum.accumulate(seen, axis=1)
    x = np.where(inside, fill_forward(windows), 0)
    now, ahead, raw, shares = _seasons(x, inside, season, steps)
    n_read = -(-min(x.shape[1], MAX_READ) // PATCH) * PATCH
    # Empty steps in front, so that every lag and every patch is there.
    room = ((0, 0), (2 * max(season) + PATCH, 0))
    x, now, inside, seen = (np.pad(a, room) for a in (x, now, inside, seen))
    r = _reading(x, now, inside, seen, n_read, season[0])
    step_inputs = _step_inputs(r, ahead, raw, x, inside, season, steps)
    return PriorInputs(
        _channels(r).reshape(len(x), -1, PATCH * 6).astype(np.float32),
        np.logical_or.reduce(r.inside.reshape(len(x), -1, PATCH), axis=2),
        _statics(r, shares, season[0], is_log).astype(np.float32),
        step_inputs.astype(np.float32),
        r.centre + ahead,
        r.scale[:, 0],
    )
