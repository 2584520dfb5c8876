"""Synthetic series that the prior is trained on, made by the block with NumPy.

A family makes a block of series of one season; every family is a kind of process that
real series resemble. ``make_series`` draws from all of them.
"""

import functools

import numpy as np


def _uniform(rng, low, high, n):
    """Return a column of n uniform numbers."""
    return rng.uniform(low, high, (n, 1))


def _chosen(rng, share, n):
    """Return a column that is true with a probability."""
    return rng.random((n, 1)) < share


def _log_uniform(rng, low, high, n):
    """Return a column of n numbers whose logarithms are uniform."""
    return np.exp(_uniform(rng, np.log(low), np.log(high), n))


def standardised(x):
    """Return rows of mean 0 and standard deviation 1 (0 where they are constant)."""
    x = x - x.mean(axis=1, keepdims=True)
    sd = x.std(axis=1, keepdims=True)
    return np.divide(x, sd, out=np.zeros_like(x), where=sd > 1e-12)


@functools.lru_cache(maxsize=32)
def _smooth_factors(length):
    """Return Cholesky factors of squared-exponential kernels, from rough to smooth."""
    gap = np.subtract.outer(np.arange(length), np.arange(length))
    scales = np.geomspace(2, 0.6 * length, 12)
    jitter = 1e-6 * np.eye(length)
    return [np.linalg.cholesky(np.exp(-0.5 * (gap / s) ** 2) + jitter) for s in scales]


def smooth(rng, n, length, low=0, high=12):
    """Return random smooth curves: Gaussian processes of random length scale."""
    factors = _smooth_factors(length)
    which = rng.integers(low, high, n)
    out = rng.standard_normal((n, length))
    for i in np.unique(which):
        out[which == i] = out[which == i] @ factors[i].T
    return out


def innovations(rng, n, length):
    """Return noise: normal, Student's t, or of slowly varying variance."""
    e = rng.standard_normal((n, length))
    heavy = np.sqrt(3 / np.maximum(rng.chisquare(3, (n, length)), 0.05))
    e = np.where(_chosen(rng, 0.35, n), 0.7 * e * heavy, e)
    return np.where(
        _chosen(rng, 0.15, n), e * np.exp(0.6 * smooth(rng, n, length, 6)), e
    )


def season_shapes(rng, n, m):
    """Return n shapes of a season: Fourier sums, free forms, pulses, one odd phase."""
    if m == 1:
        return np.zeros((n, 1))
    k = np.arange(1, min(6, m // 2) + 1)
    angle = 2 * np.pi * np.outer(k, np.arange(m)) / m
    size = k ** -_uniform(rng, 0.3, 1.8, n)
    a, b = rng.standard_normal((2, n, len(k))) * size
    fourier = standardised(a @ np.cos(angle) + b @ np.sin(angle))
    free = rng.standard_normal((n, m))
    pulses = free * (rng.random((n, m)) < 2 / m) + 0.1 * rng.standard_normal((n, m))
    kind = _uniform(rng, 0, 1, n)
    shape = np.where(kind < 0.45, fourier, fourier + _uniform(rng, 0, 1, n) * free)
    shape = np.where(kind > 0.75, free, shape)
    return standardised(np.where(kind > 0.87, pulses, shape))


def _tiled(shapes, length):
    """Return shapes of a season repeated over a length."""
    m = shapes.shape[1]
    return np.tile(shapes, (1, -(-length // m)))[:, :length]


def seasonal(rng, n, length, m):
    """Return seasons whose shape and size may drift."""
    base = _tiled(season_shapes(rng, n, m), length)
    other = _tiled(season_shapes(rng, n, m), length)
    drift = _chosen(rng, 0.4, n) * _uniform(rng, 0, 0.6, n)
    out = base + drift * smooth(rng, n, length, 6) * other
    grow = _chosen(rng, 0.3, n) * _uniform(rng, 0, 0.5, n)
    return out * np.exp(grow * smooth(rng, n, length, 6))


def exponential_smoothing(rng, n, length, m):
    """Return series of exponential smoothing in state form, with random states."""
    alpha = np.where(
        _chosen(rng, 0.25, n), _uniform(rng, 0, 0.1, n), rng.beta(1.2, 1.2, (n, 1))
    )
    trended = _chosen(rng, 0.65, n)
    beta = alpha * rng.beta(1, 4, (n, 1)) * (trended & _chosen(rng, 0.6, n))
    gamma = (1 - alpha) * rng.beta(1, 6, (n, 1)) * _chosen(rng, 0.8, n)
    damping = np.where(_chosen(rng, 0.65, n), _uniform(rng, 0.8, 0.99, n), 1)
    sign = np.where(_chosen(rng, 0.65, n), 1, -1)
    growth = trended * sign * np.exp(_uniform(rng, -4, 0.7, n))
    size = (m > 1) * _chosen(rng, 0.7, n) * np.exp(_uniform(rng, -1, 2, n))
    season = size * season_shapes(rng, n, m)
    e = innovations(rng, n, length)
    level, out = np.zeros((n, 1)), np.empty((n, length))
    gamma = gamma * (m > 1)
    for t in range(length):
        p, e_t = t % m, e[:, t : t + 1]
        out[:, t : t + 1] = level + damping * growth + season[:, p : p + 1] + e_t
        level = level + damping * growth + alpha * e_t
        growth = damping * growth + beta * e_t
        season[:, p : p + 1] += gamma * e_t
    return out


def _stable_ar(rng, n, order):
    """Return coefficients of stationary autoregressions from partial correlations."""
    a = np.zeros((n, order))
    for k in range(order):
        r = rng.uniform(-0.9, 0.97, n) * (rng.random(n) < 0.9 - 0.25 * k)
        old = a[:, :k].copy()
        a[:, :k] = old - r[:, None] * old[:, ::-1]
        a[:, k] = r
    return a


def arima(rng, n, length, m):
    """Return ARIMA series with a seasonal part, integrated or not, with drift."""
    burn = 40
    e = innovations(rng, n, length + burn)
    e[:, 1:] += _uniform(rng, -0.8, 0.8, n) * _chosen(rng, 0.5, n) * e[:, :-1]
    a = _stable_ar(rng, n, 3)
    y = np.zeros_like(e)
    for t in range(3, e.shape[1]):
        y[:, t] = e[:, t] + (a * y[:, t - 3 : t][:, ::-1]).sum(axis=1)
    if m > 1:
        phi = np.where(_chosen(rng, 0.25, n), 0.99, _uniform(rng, 0.1, 0.95, n))
        phi = phi * _chosen(rng, 0.55, n)
        theta = _uniform(rng, 0, 0.8, n) * (phi > 0.9)
        z = y.copy()
        for t in range(m, e.shape[1]):
            now, then = slice(t, t + 1), slice(t - m, t - m + 1)
            y[:, now] = z[:, now] - theta * z[:, then] + phi * y[:, then]
    y = standardised(y[:, burn:])
    whole = np.cumsum(y, axis=1)
    drift = np.exp(_uniform(rng, -4, -0.3, n)) * _chosen(rng, 0.5, n)
    whole += drift * np.sign(rng.random((n, 1)) - 0.3) * np.arange(length)
    fixed = _tiled(season_shapes(rng, n, m), length) * whole.std(axis=1, keepdims=True)
    whole += fixed * _chosen(rng, 0.4, n) * _log_uniform(rng, 0.05, 1, n)
    return np.where(_chosen(rng, 0.5, n), whole, y)


def economy(rng, n, length, m):
    """Return levels whose growth is autocorrelated, with slumps and little noise."""
    growth = rng.normal(0.3, 0.3, (n, 1))
    growth = growth + np.zeros((n, length))
    phi = _uniform(rng, -0.4, 0.5, n) + _chosen(rng, 0.25, n) * 0.45
    e = innovations(rng, n, length)
    state = np.zeros((n, 1))
    slump = rng.random((n, length)) < rng.choice([0, 0.01, 0.04], (n, 1))
    e = e - slump * _uniform(rng, 1, 5, n)
    for t in range(length):
        state = phi * state + np.sqrt(1 - phi**2) * e[:, t : t + 1]
        growth[:, t : t + 1] += state * 0.7
    level = np.cumsum(growth, axis=1)
    level += _log_uniform(rng, 0.02, 1, n) * rng.standard_normal((n, length))
    size = _chosen(rng, 0.6, n) * _log_uniform(rng, 0.1, 4, n)
    return level + size * seasonal(rng, n, length, m)


def composed(rng, n, length, m):
    """Return trends with breaks or saturation, seasons, cycles, shifts and outliers."""
    t = np.linspace(0, 1, length)
    slope = rng.standard_normal((n, 1)) + 0.4
    trend = slope * t
    for _ in range(3):
        knee = _chosen(rng, 0.5, n) * rng.standard_normal((n, 1))
        trend = trend + knee * np.maximum(t - _uniform(rng, 0.1, 0.9, n), 0) * 2
    logistic = 1 / (1 + np.exp(-(t - _uniform(rng, 0, 1, n)) * _uniform(rng, 4, 20, n)))
    trend = np.where(_chosen(rng, 0.15, n), 1.5 * slope * logistic, trend)
    trend = trend * _log_uniform(rng, 0.3, 10, n) * _chosen(rng, 0.8, n)
    wave = smooth(rng, n, length, 5) * _chosen(rng, 0.4, n) * _uniform(rng, 0, 2, n)
    cycle = cycles(rng, n, length, m) * _chosen(rng, 0.2, n) * _uniform(rng, 0, 2, n)
    season = seasonal(rng, n, length, m) * _log_uniform(rng, 0.2, 4, n)
    season = season * _chosen(rng, 0.8, n)
    e = innovations(rng, n, length)
    phi = _uniform(rng, 0, 0.9, n) * _chosen(rng, 0.5, n)
    for i in range(1, length):
        e[:, i] += phi[:, 0] * e[:, i - 1]
    e = e * _log_uniform(rng, 0.05, 1, n)
    shift = (t > _uniform(rng, 0.05, 0.95, n)) * rng.standard_normal((n, 1)) * 3
    out = trend + wave + cycle + season + e + shift * _chosen(rng, 0.15, n)
    odd = (rng.random((n, length)) < 0.01) & _chosen(rng, 0.2, n)
    return out + odd * rng.standard_normal((n, length)) * 5


def gaussian_processes(rng, n, length, m):
    """Return sums and products of smooth, rough, periodic and linear random curves."""
    t = np.linspace(-1, 1, length)

    def part():
        kind = _uniform(rng, 0, 1, n)
        linear = rng.standard_normal((n, 1)) * (t - _uniform(rng, -1, 1, n)) * 1.5
        periodic = seasonal(rng, n, length, m) if m > 1 else smooth(rng, n, length)
        rough = standardised(np.cumsum(rng.standard_normal((n, length)), axis=1))
        out = np.where(kind < 0.35, smooth(rng, n, length), periodic)
        out = np.where(kind > 0.6, linear, out)
        out = np.where(kind > 0.75, rough, out)
        return np.where(kind > 0.9, rng.standard_normal((n, length)), out)

    out = part()
    for share in (0.9, 0.7, 0.4):
        new, joins = part(), _chosen(rng, share, n)
        out = np.where(joins, np.where(_chosen(rng, 0.3, n), out * new, out + new), out)
    return out + _log_uniform(rng, 0.02, 0.7, n) * rng.standard_normal((n, length))


def cycles(rng, n, length, m):  # noqa: ARG001
    """Return cycles of any period: waves that wander, or populations that crash."""
    period = _log_uniform(rng, 3, min(90, length / 2), n)
    decay = 1 - _log_uniform(rng, 0.001, 0.15, n)
    turn = decay * np.exp(2j * np.pi / period)
    kick = rng.standard_normal((n, 2 * length)).view(complex)
    state = kick[:, :1] / np.sqrt(1 - decay**2)
    wave = np.empty((n, length))
    for t in range(length):
        state = turn * state + kick[:, t : t + 1]
        wave[:, t] = state.real[:, 0]
    wave = standardised(wave)
    sharp = np.exp(_log_uniform(rng, 0.1, 1.2, n) * wave)
    squared = np.abs(wave) * wave
    kind = _uniform(rng, 0, 1, n)
    wave = np.where(kind < 0.5, sharp, np.where(kind < 0.6, squared, wave))
    wave = standardised(wave)
    rough = _log_uniform(rng, 0.02, 0.5, n) * innovations(rng, n, length)
    wave = wave + rough * np.where(kind < 0.5, 0.5 + np.abs(wave - wave.min()), 1)
    return np.where(kind > 0.75, _populations(rng, n, length), wave)


def _populations(rng, n, length):
    """Return populations that grow until a delayed shortage: logistic maps in logs."""
    delay, rate = rng.integers(0, 6, n), _uniform(rng, 0.3, 1, n)
    # The further back the shortage, the slower the growth that still is stable.
    rate = rate[:, 0] * 2.4 / (1 + delay) * rng.uniform(0.5, 1.1, n)
    kick = rng.uniform(0.02, 0.3, n)[:, None] * rng.standard_normal((n, length + 60))
    rows, logs = np.arange(n), np.zeros((n, length + 60))
    for t in range(6, length + 60):
        then = logs[rows, t - 1 - delay]
        logs[:, t] = np.maximum(
            logs[:, t - 1] + rate * (1 - np.exp(np.minimum(then, 4))) + kick[:, t], -8
        )
    logs = logs[:, 60:]
    return standardised(np.where(_chosen(rng, 0.3, n), logs, np.exp(logs)))


def counts(rng, n, length, m):
    """Return intermittent counts: Poisson-gamma with a seasonal, drifting rate."""
    rate = 0.4 * seasonal(rng, n, length, m) + 0.7 * smooth(rng, n, length, 5)
    rate = np.exp(np.clip(rate, -4, 4)) * _log_uniform(rng, 0.2, 30, n)
    shape = _log_uniform(rng, 0.3, 30, n)
    rate = rate * rng.gamma(np.broadcast_to(shape, rate.shape)) / shape
    shown = rng.random((n, length)) < np.where(
        _chosen(rng, 0.5, n), 1, _uniform(rng, 0.1, 0.9, n)
    )
    return rng.poisson(rate) * shown.astype(float)


#: Families, and the share of series that each makes: of quick seasons, and of years and
#: quarters, where sums over many steps leave trends and little noise.
FAMILIES = {
    exponential_smoothing: (0.28, 0.26),
    arima: (0.15, 0.12),
    economy: (0.13, 0.30),
    composed: (0.18, 0.13),
    gaussian_processes: (0.12, 0.07),
    cycles: (0.08, 0.08),
    counts: (0.06, 0.04),
}


def _aggregated(rng, family, n, length, m):
    """Return means over 2 to 12 steps of a finer series, as months make quarters."""
    r = int(rng.choice([2, 3, 4] if length < 300 else [2]))
    fine = family(rng, n, length * r, m * r if m > 1 else int(rng.choice([1, r])))
    return fine.reshape(n, length, r).mean(axis=2)


def _with_long_season(rng, x, m):
    """Return series with a second season, as hours have the week beside the day."""
    n, length = x.shape
    long = _tiled(season_shapes(rng, n, 7), -(-length // m))
    long = np.repeat(long, m, axis=1)[:, :length]
    level = _uniform(rng, 0, 1.5, n)
    return x + long * (level + _uniform(rng, 0, 0.7, n) * x)


def _spliced(rng, x):
    """Return series that go on as another one from a random step, as things change."""
    n, length = x.shape
    at = rng.integers(length // 8, length, n)
    other = x[rng.permutation(n)]
    rows = np.arange(n)
    other = other + (x[rows, at] - other[rows, at])[:, None]
    return np.where(np.arange(length) < at[:, None], x, other)


def positive(rng, x, is_slow):
    """Return positive series: exponentials, or shifted by a random level."""
    n = len(x)
    x = standardised(x)
    low, span = x.min(axis=1, keepdims=True), np.ptp(x, axis=1, keepdims=True)
    shifted = x - low + span * _log_uniform(rng, 0.02, 4 if is_slow else 8, n)
    size = _log_uniform(rng, *((0.05, 2.5) if is_slow else (0.02, 0.9)), n)
    grown = np.exp(np.clip(size * x, -12, 12))
    out = np.where(_chosen(rng, 0.65 if is_slow else 0.5, n), grown, shifted)
    out = out / out.mean(axis=1, keepdims=True)
    units = _log_uniform(rng, 20, 5000, n)
    return np.where(_chosen(rng, 0.15, n), np.maximum(np.round(out * units), 1), out)


def make_series(rng, n, length, m, long_season=False):
    """Return n positive series of a season, drawn from all families.

    Parameters
    ----------
    rng : numpy.random.Generator
    n, length, m : int
        Number of series, their length and their season.
    long_season : bool
        Whether a season of 7 m lies over the season, in most of them.

    Returns
    -------
    ndarray of shape (n, length)
        In random order.
    """
    blocks = []
    for family, shares in FAMILIES.items():
        size = round(shares[m in (1, 4)] * n) + 1
        part = max(1, round(0.2 * size))
        fine = _aggregated(rng, family, part, length, m)
        blocks += [fine, family(rng, size - part, length, m)]
    x = standardised(np.concatenate(blocks))
    x = np.where(_chosen(rng, 0.3, len(x)), _spliced(rng, x), x)
    if long_season:
        x = np.where(_chosen(rng, 0.8, len(x)), _with_long_season(rng, x, m), x)
    return positive(rng, x[rng.permutation(len(x))[:n]], m in (1, 4))
