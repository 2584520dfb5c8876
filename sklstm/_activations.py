"""Keras's elementwise activations in NumPy, by Keras's names and with its defaults."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import erf

__all__ = ["ACTIVATIONS", "Activation"]

Activation = Callable[[np.ndarray], np.ndarray]

_SELU_ALPHA = np.float32(1.6732632423543772)
_SELU_SCALE = np.float32(1.0507009873554805)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # NumPy's tanh is vectorised, scipy's expit is not.
    return np.tanh(x / 2) / 2 + np.float32(0.5)


def _negative_part(x: np.ndarray) -> np.ndarray:
    """Return exp(x) - 1 below zero and 0 above, without overflow."""
    return np.expm1(np.minimum(x, 0))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, np.float32(0))


def _hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(x + 3, 0, 6) / 6


def _sparse_plus(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 1, x, np.square(np.clip(x + 1, 0, 2)) / 4)


def _shrink(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - np.float32(0.5), 0)


ACTIVATIONS: dict[str, Activation] = {
    "celu": lambda x: np.maximum(x, 0) + _negative_part(x),
    "elu": lambda x: np.maximum(x, 0) + _negative_part(x),
    "exponential": np.exp,
    "gelu": lambda x: x * ((1 + erf(x * np.float32(0.5**0.5))) / 2),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, np.float32(0)),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x < 0, np.float32(0.2) * x, x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -_softplus(-x),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "relu": _relu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: (
        _SELU_SCALE * (np.maximum(x, 0) + _SELU_ALPHA * _negative_part(x))
    ),
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "soft_shrink": _shrink,
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "squareplus": lambda x: (x + np.sqrt(np.square(x) + 4)) / 2,
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}
