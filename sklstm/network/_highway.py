"""The linear highway: what is linear in a window, and in what the prior says of it.

Ridge regressions of many penalties are candidates: of changes from the newest value, or
of distances from the mean; from nothing, or from the prior's forecast. Each has to
forecast rows that come after those it was fitted on; the highway is their mean,
weighted by how well they did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sklstm._checks import one_blas_thread

# Values of a window that are read: the newest, at least so many and at most so many,
# else one for so many rows.
_FEWEST_VALUES, _MOST_VALUES, _ROWS_FOR_EACH_VALUE = 12, 2048, 4

# Penalties that are tried, as shares of the mean eigenvalue of the Gram matrix, and
# the position of the first with which no coefficient explodes: smaller ones must do
# better, and it is taken where there are no rows to test them on.
_PENALTIES = 10.0 ** np.arange(-12, 3.5, 0.5)
_SAFE = 16

# A lag counts for half a size, and a unit of the prior's state for this share of it.
_LAG_OF_HALF_SIZE, _SIZE_OF_STATE = 4, 0.2

# Error of distances from the mean, as a multiple and a share of a scaled target more,
# with which they are no better than changes from the newest value.
_CLEARLY, _LEAST_ERROR = 1.02, 0.001

# Share of the error with a larger penalty that a smaller one must stay below.
_EQUALLY = 0.98

# Weight below which the prior is not worth its time.
_LEAST_WEIGHT = 0.02

# Rows that a test needs to learn from, and features beyond which there is only the
# newest test: the cost is their cube.
_FEWEST_ROWS, _MANY_FEATURES = 4, 512


def steps_read(n_rows: int, window: int, n_channels: int) -> int:
    """Return how many of the newest steps a highway of so many rows reads."""
    n_values = min(max(n_rows // _ROWS_FOR_EACH_VALUE, _FEWEST_VALUES), _MOST_VALUES)
    return min(-(-n_values // n_channels), window)


@dataclass(frozen=True)
class PriorForecast:
    """What the prior says of each window, in the unit of relative or scaled targets.

    Attributes
    ----------
    outputs : ndarray of shape (n_rows, n_outputs)
        A quantile of a step for each output.
    steps : ndarray of shape (n_rows, n_steps)
        The medians.
    state : ndarray of shape (n_rows, n_units)
        The hidden state, in the scale of each window.
    rows : ndarray of shape (n_rows,), optional
        Increasing, of which windows these are; None for all.
    """

    outputs: np.ndarray
    steps: np.ndarray
    state: np.ndarray
    rows: np.ndarray | None = None

    @property
    def n_levels(self) -> int:
        """The number of outputs of a step."""
        return self.outputs.shape[1] // self.steps.shape[1]

    def __getitem__(self, rows: Any) -> PriorForecast:
        at = rows if self.rows is None else np.searchsorted(self.rows, rows)
        return PriorForecast(self.outputs[at], self.steps[at], self.state[at])


@dataclass(frozen=True)
class Highway:
    """A linear map to scaled targets from scaled windows, their levels, and the prior.

    The kernels are of shape (n_values, n_outputs), (n_levels, n_outputs),
    (n_steps, n_outputs) and (n_units, n_outputs). The candidates that start from the
    prior have a weight from 0 to 1. For each output ``error`` is the mean absolute
    error on later rows, NaN where there were none, and ``remainder`` the mean squared
    error on all rows.
    """

    kernel: np.ndarray
    bias: np.ndarray
    error: np.ndarray
    remainder: np.ndarray
    level_kernel: np.ndarray
    step_kernel: np.ndarray
    state_kernel: np.ndarray
    prior_weight: float = 0.0

    def outputs(
        self, inputs: Any, levels: Any, prior: PriorForecast | None = None
    ) -> Any:
        """Return the outputs of scaled windows; the oldest true step fills others."""
        made = _flat(inputs, len(self.kernel)) @ self.kernel + self.bias
        made = made + levels @ self.level_kernel
        if prior is None:
            return made
        made = made + prior.steps @ self.step_kernel + prior.state @ self.state_kernel
        middle = prior.steps.repeat(prior.n_levels, axis=1)
        return made + self.prior_weight * (prior.outputs - middle)

    def slopes(self, missing: np.ndarray, n_channels: int, output: int) -> np.ndarray:
        """Return what a unit of each value of a window adds to one output.

        Which steps are missing is of shape (n_rows, window).
        """
        window = missing.shape[1]
        values = np.zeros(window * n_channels)
        values[len(values) - len(self.kernel) :] = self.kernel[:, output]
        by_step = values.reshape(window, n_channels)
        slopes = np.where(missing[:, :, None], 0.0, by_step)
        # The oldest true step stands for those that are missing.
        rows = np.flatnonzero(missing[:, 0] & ~missing[:, -1])
        oldest = missing[rows].sum(axis=1)
        slopes[rows, oldest] += missing[rows].astype(np.float64) @ by_step
        return slopes


@dataclass(frozen=True)
class Part:
    """Some rows to fit a highway to.

    ``levels`` are the newest values of the centred channels, less their mean. ``test``
    is the test in which a row is forecast, 0 for none, and ``since`` the first one for
    which it may be learned, or one more than there are. Weights have the mean 1 over
    all rows.
    """

    inputs: np.ndarray
    levels: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    since: np.ndarray
    test: np.ndarray
    prior: PriorForecast | None = None

    def features(self, n_values: int) -> np.ndarray:
        """Return the features of every row, as :class:`_Sums` says them."""
        columns = [_flat(self.inputs, n_values), self.levels]
        if self.prior is not None:
            columns += [self.prior.steps, self.prior.state]
        columns.append(np.ones((len(self.targets), 1)))
        return np.ascontiguousarray(np.concatenate(columns, axis=1))


def fit_highway(
    parts: Callable[[], Iterable[Part]],
    n_rows: int,
    level_channels: np.ndarray,
    to_mean: np.ndarray,
    steps: int = 1,
) -> Highway:
    """Return the highway of so many rows in parts, which are read twice.

    The targets of ``steps`` rows overlap. Levels are those of some channels;
    ``to_mean``, of shape (n_levels, n_outputs), leads from them to the mean.

    References
    ----------
    Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634 (ridge). Litterman 1986,
    doi:10.1080/07350015.1986.10509491 (older lags are shrunk more). Tashman 2000,
    doi:10.1016/S0169-2070(00)00065-0 (tests from several origins). Buckland, Burnham &
    Augustin 1997, doi:10.2307/2533961 (candidates are averaged by their evidence). Lai
    et al. 2018, doi:10.1145/3209978.3210006 (a linear highway beside a network).
    """
    with one_blas_thread:
        sums = _Sums.of(parts(), n_rows, level_channels, to_mean)
        return sums.highway(*_tested(sums, parts), steps)


def _tested(
    sums: _Sums, parts: Callable[[], Iterable[Part]]
) -> tuple[np.ndarray, float]:
    """Return the summed errors of all candidates, per output, and of how many rows."""
    tests = [t for t in range(1, len(sums.gram)) if sums.n_rows[t - 1] >= _FEWEST_ROWS]
    if sums.gram.shape[1] > _MANY_FEATURES:
        tests = tests[-1:]
    tested = {test: sums.candidates(test) for test in tests}
    errors, n_tested = np.zeros(()), 0.0
    for part in parts() if tested else ():
        features = part.features(sums.ends[0])
        for test, candidates in tested.items():
            at = part.test == test
            if not at.any():
                continue
            said = features[at] @ candidates
            off = np.abs(said - part.targets[at])
            errors = errors + np.tensordot(off, part.weights[at], (1, 0))
            n_tested += part.weights[at].sum()
    return errors, n_tested


@dataclass(frozen=True)
class _Sums:
    """What normal equations need: sums over the rows of each test, and over all rows.

    ``gram`` is of shape (n_tests + 1, n_features, n_features), ``cross`` of shape
    (n_tests + 1, n_features, n_outputs). Features are in this order: the values of the
    window, levels, the prior's steps, its state, and a one; ``ends`` are where the
    first three end.
    """

    n_rows: np.ndarray
    gram: np.ndarray
    cross: np.ndarray
    squares: np.ndarray
    ends: tuple[int, int, int]
    n_channels: int
    level_channels: np.ndarray
    to_mean: np.ndarray

    @classmethod
    def of(
        cls,
        parts: Iterable[Part],
        n_rows: int,
        level_channels: np.ndarray,
        to_mean: np.ndarray,
    ) -> _Sums:
        """Add up all parts."""
        sums: dict[int, list[Any]] = {}
        squares = np.zeros(())
        ends, n_channels = (0, 0, 0), 1
        for part in parts:
            _, window, n_channels = part.inputs.shape
            n_values = steps_read(n_rows, window, n_channels) * n_channels
            n_steps = 0 if part.prior is None else part.prior.steps.shape[1]
            n_levels = len(level_channels)
            ends = n_values, n_values + n_levels, n_values + n_levels + n_steps
            x, y = part.features(n_values), part.targets.astype(np.float64)
            squares = squares + part.weights @ np.square(y)
            for since in np.unique(part.since):
                rows = np.flatnonzero(part.since == since)
                own = sums.setdefault(int(since), [np.zeros(())] * 3)
                weighted = (x[rows] * part.weights[rows, None]).T
                more = part.weights[rows].sum(), weighted @ x[rows], weighted @ y[rows]
                own[:] = [a + b for a, b in zip(own, more, strict=True)]
        newest = max(sums)
        zero = [np.zeros_like(each) for each in sums[newest]]
        every = [sums.get(since, zero) for since in range(1, newest + 1)]
        n, gram, cross = (np.cumsum(each, axis=0) for each in zip(*every, strict=True))
        if not np.isfinite(gram).all():
            gram, cross = np.zeros_like(gram), np.zeros_like(cross)
        given = ends, n_channels, level_channels, to_mean
        return cls(n, gram, cross, squares, *given)

    @property
    def has_prior(self) -> bool:
        """Whether the prior's forecast is among the features."""
        return self.ends[2] > self.ends[1]

    @cached_property
    def kinds(self) -> list[_Kind]:
        """Return the kinds of candidates, those without the prior first."""
        n_values, behind_levels, behind_steps = self.ends
        every = np.eye(len(self.gram[-1]))
        values, one = every[:, :n_values], every[:, -1:]
        levels, of_prior = every[:, n_values:behind_levels], every[:, behind_levels:-1]
        # A change from the newest value and that less its mean: distance from the mean.
        channel = np.arange(n_values) % self.n_channels
        distances = values + levels @ (channel == self.level_channels[:, None])
        last = np.zeros(self.cross.shape[1:])
        mean = levels @ self.to_mean
        steps = every[:, behind_levels:behind_steps]
        n_levels = self.cross.shape[2] // max(steps.shape[1], 1)
        kinds = [_Kind(np.hstack([values, one]), last)]
        if levels.size:
            kinds.append(_Kind(np.hstack([distances, one]), mean, of_distances=True))
        if not steps.size:
            return kinds
        said = steps.repeat(n_levels, axis=1)
        columns = np.hstack([values, of_prior, one])
        kinds.append(_Kind(columns, said, of_prior=True))
        if levels.size:
            columns = np.hstack([distances, of_prior, one])
            kinds.append(_Kind(columns, said, of_distances=True, of_prior=True))
        return kinds

    @cached_property
    def sizes(self) -> list[np.ndarray]:
        """The sizes of each kind's features; the larger, the less penalised."""
        return [self._sizes_of(kind) for kind in self.kinds]

    def _sizes_of(self, kind: _Kind) -> np.ndarray:
        """Return the sizes of the features of a kind, from all rows."""
        gram = kind.columns.T @ self.gram[-1] @ kind.columns
        n_values, behind_levels, behind_steps = self.ends
        sizes = np.ones(len(gram))
        lag = np.arange(n_values)[::-1] // self.n_channels
        sizes[:n_values] = 1 / (1 + lag / _LAG_OF_HALF_SIZE)
        ends = [n_values, n_values + behind_steps - behind_levels]
        sizes[ends[1] : -1] = _SIZE_OF_STATE
        power = np.diag(gram) / self.n_rows[-1]
        for block in np.split(np.arange(len(gram) - 1), ends):
            if power[block].any():
                sizes[block] /= np.sqrt(power[block].mean())
        return sizes

    def candidates(self, test: int) -> np.ndarray:
        """Return coefficients for a test, (n_candidates, n_features, n_outputs)."""
        gram, cross = self.gram[test - 1], self.cross[test - 1]
        made = []
        for kind, sizes in zip(self.kinds, self.sizes, strict=True):
            own = kind.columns.T @ gram @ kind.columns
            left = kind.columns.T @ (cross - gram @ kind.start)
            found = _ridges(own, left, sizes)
            made += [kind.start + kind.columns @ found, kind.start[None]]
        return np.concatenate(made)

    def highway(self, errors: np.ndarray, n_tested: float, steps: int) -> Highway:
        """Return the mean of the candidates of all rows, by their errors in tests."""
        candidates, kinds = self.candidates(len(self.gram)), self.kinds
        n_each = len(_PENALTIES) + 1
        of_distances = np.repeat([kind.of_distances for kind in kinds], n_each)
        shares = np.zeros(len(candidates))
        shares[-1 if self.has_prior else _SAFE] = 1.0
        error = np.full(self.cross.shape[2], np.nan)
        if n_tested:
            total = np.nan_to_num(errors.sum(axis=1), nan=np.inf)
            # A series that leaves its mean is the worse surprise.
            least = _LEAST_ERROR * n_tested * len(error)
            total = np.where(of_distances, _CLEARLY * (total + least), total)
            best = int(np.argmin(total))
            error = errors[best] / n_tested
            excess = total / total[best] - 1 if total[best] > 0 else 1e9 * (total > 0)
            # The standard error of such a difference is about .4 / sqrt(n).
            shares = np.exp(-3 * n_tested / steps * np.minimum(excess, 1e6) ** 2)
            for kind in range(len(kinds)):
                own = slice(kind * n_each, (kind + 1) * n_each)
                _hand_on(shares[own], total[own])
        shares /= shares.sum()
        of_prior = np.repeat([kind.of_prior for kind in kinds], n_each)
        if shares[of_prior].sum() < _LEAST_WEIGHT:
            shares = np.where(of_prior, 0.0, shares) / shares[~of_prior].sum()
        mean = np.tensordot(shares, candidates, 1)
        fitted = (mean * (2 * self.cross[-1] - self.gram[-1] @ mean)).sum(axis=0)
        remainder = np.maximum(self.squares - fitted, 0.0) / self.n_rows[-1]
        parts = np.split(mean, [*self.ends, len(mean) - 1])
        kernel, level_kernel, step_kernel, state_kernel, bias = parts
        return Highway(
            kernel=kernel,
            bias=bias[0],
            error=error,
            remainder=remainder,
            level_kernel=level_kernel,
            step_kernel=step_kernel,
            state_kernel=state_kernel,
            prior_weight=float(shares[of_prior].sum()),
        )


@dataclass(frozen=True)
class _Kind:
    """A kind of candidates: the features that it is penalised on, and its first guess.

    Both are in terms of the features that there are: of shape (n_features, n_own) and
    (n_features, n_outputs).
    """

    columns: np.ndarray
    start: np.ndarray
    of_distances: bool = False
    of_prior: bool = False


def _hand_on(shares: np.ndarray, errors: np.ndarray) -> None:
    """Hand the share of each small penalty on to the next that does as well."""
    least = np.inf
    for place in range(_SAFE):
        least = min(least, errors[place])
        if _EQUALLY * errors[place + 1] < least:
            shares[place + 1] += shares[place]
            shares[place] = 0.0
        else:
            least = np.inf


def _ridges(gram: np.ndarray, cross: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the ridge regressions of all penalties, (n_penalties, n_features, …)."""
    values, vectors = np.linalg.eigh(gram * sizes * sizes[:, None])
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (sizes[:, None] * cross)
    damped = values + (_PENALTIES * values.mean())[:, None]
    damped = np.where(damped > 0, damped, np.inf)
    return sizes[:, None] * (vectors @ (projected / damped[:, :, None]))


def _flat(inputs: Any, n_values: int) -> Any:
    """Return the newest values of each window, float64; missing ones are filled."""
    n_rows, window, n_channels = inputs.shape
    missing = np.isnan(inputs[:, :, 0])
    if missing.any():
        oldest = missing.sum(axis=1, dtype=np.int64)[:, None]
        steps = np.minimum(np.maximum(np.arange(window), oldest), window - 1)
        inputs = np.take_along_axis(inputs, steps[:, :, None], axis=1)
        inputs = np.where(np.isnan(inputs), 0.0, inputs.astype(np.float64))
    flat = inputs.astype(np.float64).reshape(n_rows, window * n_channels)
    return flat[:, -n_values:]
