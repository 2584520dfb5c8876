"""The linear highway: ridge regression from a window to its targets, in closed form.

What is linear in the past is found exactly and at once, and the network is left with
what remains. The penalty is chosen by generalised cross-validation, which needs one
pass over the rows and no second fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Highway", "fit_highway"]

# Penalties that are tried, as shares of the mean variance of the inputs.
_PENALTIES = 10.0 ** np.arange(-12, 3.5, 0.5)


@dataclass(frozen=True)
class Highway:
    """A linear map from flat scaled windows to scaled targets.

    Parameters
    ----------
    kernel : ndarray of shape (n_values, n_outputs)
        Weights of the values of a window, step by step.
    bias : ndarray of shape (n_outputs,)
    """

    kernel: np.ndarray
    bias: np.ndarray

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return outputs (n_rows, n_outputs) of scaled windows; NaN steps count as 0.

        Parameters
        ----------
        inputs : ndarray of shape (n_rows, window, n_channels)
            As :meth:`sklstm._scaling.Scaling.inputs` returns them.
        """
        return _flat(inputs) @ self.kernel + self.bias


def fit_highway(
    parts: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]],
) -> Highway:
    """Return the ridge regression of the rows of some parts.

    Parameters
    ----------
    parts : callable
        Returns an iterator over (inputs, targets): scaled windows of shape
        (n_rows, window, n_channels) and scaled targets of shape (n_rows, n_outputs).

    Returns
    -------
    Highway

    References
    ----------
    Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634 (ridge). Golub, Heath &
    Wahba 1979, doi:10.1080/00401706.1979.10489751 (generalised cross-validation). Lai
    et al. 2018, doi:10.1145/3209978.3210006 (a linear highway beside a network).
    """
    n_rows, sums, gram, cross, squares = 0, 0.0, 0.0, 0.0, 0.0
    target_sums = 0.0
    for inputs, targets in parts():
        x, y = _flat(inputs), targets.astype(np.float64)
        n_rows += len(x)
        sums, target_sums = sums + x.sum(axis=0), target_sums + y.sum(axis=0)
        gram, cross = gram + x.T @ x, cross + x.T @ y
        squares = squares + np.square(y).sum(axis=0)
    mean, target_mean = sums / n_rows, target_sums / n_rows
    gram = gram - n_rows * np.outer(mean, mean)
    cross = cross - n_rows * np.outer(mean, target_mean)
    squares = squares - n_rows * np.square(target_mean)
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    projected = vectors.T @ cross
    best_score, best_kernel = np.inf, np.zeros_like(cross)
    for penalty in _PENALTIES * values.mean():
        damped = values + penalty
        if not (damped > 0).all():
            continue
        shrunk = projected / damped[:, None]
        # Residual sum of squares, and effective degrees of freedom, from the Gram.
        fitted = 2 * projected * shrunk - values[:, None] * np.square(shrunk)
        residual = np.maximum(squares - fitted.sum(axis=0), 0.0)
        freedom = n_rows - 1 - (values / damped).sum()
        if freedom < 1:
            continue
        score = residual.sum() / freedom**2
        if score < best_score:
            best_score, best_kernel = score, vectors @ shrunk
    return Highway(best_kernel, target_mean - mean @ best_kernel)


def _flat(inputs: np.ndarray) -> np.ndarray:
    values = inputs.reshape(len(inputs), -1).astype(np.float64)
    return np.nan_to_num(values, nan=0.0, copy=False)
