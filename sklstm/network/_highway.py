"""The linear highway: ridge regression from a window to its targets, in closed form.

What is linear in the past is found exactly and at once, and the network is left with
what remains. The penalty is chosen by generalised cross-validation, which needs one
pass over the rows and no second fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Highway", "fit_highway"]

# The newest values of a window that are read at most: the cost grows with the cube.
_MOST_VALUES = 2048

# Multiply-adds of a product for which OpenBLAS takes one thread, and from how many on
# all of them together are worth more threads.
_MOST_PRODUCTS = 1 << 18
_LARGE = 1 << 26

# Penalties that are tried, as shares of the mean eigenvalue of the Gram matrix.
_PENALTIES = 10.0 ** np.arange(-12, 3.5, 0.5)


@dataclass(frozen=True)
class Highway:
    """A linear map from the newest values of scaled windows to scaled targets.

    The kernel is of shape (n_values, n_outputs). For each output ``error`` is the mean
    squared error that cross-validation expects, ``remainder`` that on the rows of fit.
    """

    kernel: np.ndarray
    bias: np.ndarray
    error: np.ndarray
    remainder: np.ndarray

    def outputs(self, inputs: Any) -> Any:
        """Return the outputs of scaled windows; the oldest true step fills others."""
        return _flat(inputs, len(self.kernel)) @ self.kernel + self.bias

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


def fit_highway(parts: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Highway:
    """Return the ridge regression of parts: scaled windows, targets and weights.

    The mean of the weights over all parts is 1.

    References
    ----------
    Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634 (ridge). Golub, Heath &
    Wahba 1979, doi:10.1080/00401706.1979.10489751 (generalised cross-validation). Lai
    et al. 2018, doi:10.1145/3209978.3210006 (a linear highway beside a network).
    """
    n_rows, squared_weights = 0.0, 0.0
    sums = target_sums = gram = cross = squares = np.zeros(())
    for inputs, targets, weights in parts:
        x, y = _flat(inputs, _MOST_VALUES), targets.astype(np.float64)
        weighted = x * weights[:, None]
        n_rows += weights.sum()
        squared_weights += np.square(weights).sum()
        sums, target_sums = sums + weighted.sum(axis=0), target_sums + weights @ y
        for some in _alone(len(x), x.shape[1]):
            gram = gram + weighted[some].T @ x[some]
            cross = cross + weighted[some].T @ y[some]
        squares = squares + weights @ np.square(y)
    mean, target_mean = sums / n_rows, target_sums / n_rows
    gram = gram - n_rows * np.outer(mean, mean)
    cross = cross - n_rows * np.outer(mean, target_mean)
    squares = np.maximum(squares - n_rows * np.square(target_mean), 0.0)
    # Rows of unequal weight are worth as many as this (Kish 1965, Survey Sampling).
    n_worth = n_rows**2 / squared_weights
    if not np.isfinite(gram).all():
        mean, gram = np.zeros_like(mean), np.zeros_like(gram)
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    projected = vectors.T @ cross
    best_kernel = np.zeros_like(cross)
    best_remainder = squares / n_rows
    best_error = best_remainder * (n_worth / max(n_worth - 1, 1)) ** 2
    damped = values + (_PENALTIES * values.mean())[:, None]
    damped = damped[(damped > 0).all(axis=1)]
    freedom = n_worth - 1 - (values / damped).sum(axis=1)
    damped, freedom = damped[freedom >= 1], freedom[freedom >= 1]
    if len(damped):
        # Residual sums of squares of every penalty, from the Gram.
        fitted = ((2 - values / damped) / damped) @ np.square(projected)
        remainders = np.maximum(squares - fitted, 0.0) / n_rows
        errors = remainders * np.square(n_worth / freedom)[:, None]
        best = int(np.argmin(errors.sum(axis=1)))
        if errors[best].sum() < best_error.sum():
            best_error, best_remainder = errors[best], remainders[best]
            best_kernel = vectors @ (projected / damped[best][:, None])
    bias = target_mean - mean @ best_kernel
    return Highway(best_kernel, bias, best_error, best_remainder)


def _alone(n_rows: int, n_values: int) -> Iterator[slice]:
    """Yield slices of rows whose products one thread computes, where rows are few.

    OpenBLAS's threads look out for more work, and take the core of a network beside.
    """
    is_large = n_rows * n_values**2 > _LARGE
    size = n_rows if is_large else max(_MOST_PRODUCTS // n_values**2, 1)
    for begin in range(0, n_rows, size):
        yield slice(begin, begin + size)


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
