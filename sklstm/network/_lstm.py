"""The LSTM: its spec, its first weights, its forward pass in NumPy, its Keras model.

The forward pass is the readable definition, which also shows the gates; the kernels
that train and predict are held against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklstm._imports import imported

# The weights of a network, in Keras's order.
Weights = list[np.ndarray]

# Of candidate and output, by Keras's names; the gates are sigmoids.
ACTIVATIONS: dict[str, Callable[..., np.ndarray]] = {
    "relu": partial(np.maximum, 0),
    "tanh": np.tanh,
}

# What stands for a missing step in Keras, whose Masking layer looks for one value. No
# normalised series reaches it; exact zeros, which a series does reach, would not do.
MISSING = np.float32(-1e30)

# The longest window that is read step by step by default, and the number of patches
# of longer ones.
_LONGEST_BY_STEPS = 48
_MOST_PATCHES = 16


@dataclass(frozen=True)
class NetworkSpec:
    """The network that parameters of ``LSTMRegressor`` ask for.

    It reads ``patch`` steps of (window, n_channels) at once.
    """

    window: int
    n_channels: int
    n_outputs: int
    units: tuple[int, ...]
    activation: str = "tanh"
    dropout: float = 0.0
    bidirectional: bool = False
    patch: int = 1

    @property
    def n_steps(self) -> int:
        """Return how many times the network reads."""
        return self.window // self.patch

    @property
    def n_directions(self) -> int:
        """Return 2 where the window is read both ways, else 1."""
        return 2 if self.bidirectional else 1


def default_patch(window: int) -> int:
    """Return the patch of a window by default, which divides it if it can."""
    if window <= _LONGEST_BY_STEPS:
        return 1
    shortest = -(-window // _MOST_PATCHES)
    divisors = (p for p in range(shortest, 2 * shortest) if window % p == 0)
    return next(divisors, shortest)


def patched(inputs: np.ndarray, patch: int) -> np.ndarray:
    """Return windows as (n_rows, window // patch, patch * n_channels).

    Where patches do not divide the window, the oldest steps are not read; a patch with
    a missing step counts as missing (SegRNN: Lin et al. 2023, arXiv:2308.11200).
    """
    n_rows, window, n_channels = inputs.shape
    n_steps = window // patch
    newest = inputs[:, window - n_steps * patch :]
    steps = newest.reshape(n_rows, n_steps, patch * n_channels)
    is_missing = np.isnan(steps).any(axis=2)
    return np.where(is_missing[:, :, None], np.float32(np.nan), steps)


def weight_shapes(spec: NetworkSpec) -> list[tuple[int, ...]]:
    """Return the shapes of a network's weights, in the order of their list."""
    shapes: list[tuple[int, ...]] = []
    n_inputs = spec.n_channels * spec.patch
    for units in spec.units:
        one = [(n_inputs, 4 * units), (units, 4 * units), (4 * units,)]
        shapes += one * spec.n_directions
        n_inputs = units * spec.n_directions
    return [*shapes, (n_inputs, spec.n_outputs), (spec.n_outputs,)]


def initial_weights(spec: NetworkSpec, seed: int) -> Weights:
    """Return initial weights in Keras's order and with Keras's distributions.

    Per layer and direction kernel, recurrent kernel and bias, gates in the order i, f,
    c, o; last those of the output layer. Kernels are Glorot uniform (Glorot & Bengio
    2010, AISTATS), recurrent kernels orthogonal (Saxe, McClelland & Ganguli 2014,
    arXiv:1312.6120), biases 0 and those of the forget gate 1 (Jozefowicz, Zaremba &
    Sutskever 2015, ICML).
    """
    rng = np.random.default_rng(seed)
    weights = []
    for place, shape in enumerate(weight_shapes(spec)):
        if len(shape) == 1:
            weights.append(np.zeros(shape))
        elif place % 3 == 1:
            weights.append(_orthogonal(rng, *shape))
        else:
            limit = np.sqrt(6 / sum(shape))
            weights.append(rng.uniform(-limit, limit, shape))
    for bias in weights[2::3]:
        bias.reshape(4, -1)[1] = 1.0
    return [array.astype(np.float32) for array in weights]


def _orthogonal(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray:
    """Return random orthonormal rows, by the Gram-Schmidt process.

    LAPACK would start threads for it, which look out for more work, and take a core,
    while networks in other threads train.
    """
    rows = np.ascontiguousarray(rng.standard_normal((n_out, n_in)).T)
    for place, row in enumerate(rows):
        row /= np.sqrt(np.square(row).sum())
        later = rows[place + 1 :]
        later -= np.einsum("ij,j->i", later, row)[:, None] * row
    return rows


def forward(spec: NetworkSpec, weights: Weights, inputs: np.ndarray) -> np.ndarray:
    """Return the outputs (n_rows, n_outputs) of scaled windows, float64.

    Missing steps, the oldest of their window, are NaN. Matrix products are in float64,
    activations in float32, as exact as the weights.
    """
    return trace(spec, weights, inputs)[0]


def trace(
    spec: NetworkSpec, weights: Weights, inputs: np.ndarray
) -> tuple[np.ndarray, Weights]:
    """Return the outputs of :func:`forward`, and every gate and state on the way.

    The traces, of shape (n_rows, n_steps, 6, units), are per layer and direction, as
    the weights are ordered: input, forget and output gate, candidate, cell and hidden
    state after each step. A missing step leaves the states as they are, and its gates
    have no meaning.
    """
    traces: Weights = []

    def run(*given):
        traces.append(_lstm_states(*given))
        return traces[-1][:, :, 5]

    return through_layers(spec, weights, inputs, run), traces


def through_layers(
    spec: NetworkSpec, weights: Weights, inputs: Any, run: Callable[..., Any]
) -> Any:
    """Return the outputs of scaled windows; ``run`` goes through one LSTM.

    It is given the weights of a layer in one direction, the sequence, which steps are
    missing, and the direction; it returns the hidden state after each step.
    """
    steps = patched(inputs, spec.patch)
    is_missing = np.isnan(steps[:, :, :1])
    sequence = np.where(is_missing, np.float32(0), steps).astype(np.float64)
    weights = [array.astype(np.float64) for array in weights]
    hidden: list[Any] = []
    for _ in spec.units:
        hidden = []
        for is_backward in (False, True)[: spec.n_directions]:
            own, weights = weights[:3], weights[3:]
            hidden.append(run(spec, own, sequence, is_missing, is_backward))
        sequence = np.concatenate(hidden, axis=-1)
    last = [hidden[0][:, -1], *(backward[:, 0] for backward in hidden[1:])]
    kernel, bias = weights
    return np.concatenate(last, axis=-1) @ kernel + bias


# An unbounded activation may leave float32, here as in Keras.
@np.errstate(over="ignore", invalid="ignore")
def _lstm_states(
    spec: NetworkSpec,
    weights: Weights,
    sequence: np.ndarray,
    is_missing: np.ndarray,
    is_backward: bool,
) -> np.ndarray:
    """Return gates and states of one layer and direction, as :func:`trace` orders them.

    With x the input of a step, h the hidden and c the cell state, and * elementwise:

    - forget gate  f = sigmoid(x Wf + h Uf + bf), what c keeps
    - input gate   i = sigmoid(x Wi + h Ui + bi), what c lets in
    - candidate    g = activation(x Wc + h Uc + bc)
    - cell state   c = f * c + i * g
    - output gate  o = sigmoid(x Wo + h Uo + bo)
    - hidden state h = o * activation(c)

    A missing step leaves both states as they are (Hochreiter & Schmidhuber 1997,
    doi:10.1162/neco.1997.9.8.1735; forget gate: Gers, Schmidhuber & Cummins 2000,
    doi:10.1162/089976600300015015).
    """
    n_rows, n_steps, _ = sequence.shape
    units = len(weights[1])
    activate = ACTIVATIONS[spec.activation]
    joined = np.vstack(weights).T
    states = np.empty((n_rows, n_steps, 6, units))
    cell = hidden = np.zeros((units, n_rows), dtype=np.float32)
    steps = range(n_steps)
    for step in reversed(steps) if is_backward else steps:
        read = np.concatenate([sequence[:, step].T, hidden, np.ones((1, n_rows))])
        i, f, g, o = np.split((joined @ read).astype(np.float32), 4)
        i, f, g, o = _sigmoid(i), _sigmoid(f), activate(g), _sigmoid(o)
        cell = np.where(is_missing[:, step, 0], cell, f * cell + i * g)
        hidden = np.where(is_missing[:, step, 0], hidden, o * activate(cell))
        states[:, step] = np.transpose([i, f, o, g, cell, hidden], (2, 0, 1))
    return states


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.tanh(x / 2) / 2 + np.float32(0.5)


def build_keras_model(spec: NetworkSpec) -> Any:
    """Return the uncompiled ``keras.Model`` of a spec, all of its weights zero.

    It reads windows as :func:`patched` returns them, :data:`MISSING` for NaN.
    """
    keras = imported("keras")
    layers = keras.layers
    model = [
        keras.Input((spec.n_steps, spec.n_channels * spec.patch)),
        layers.Masking(float(MISSING)),
    ]
    for position, units in enumerate(spec.units):
        layer = layers.LSTM(
            units,
            activation=spec.activation,
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            return_sequences=position < len(spec.units) - 1,
            seed=0,
        )
        model.append(layers.Bidirectional(layer) if spec.bidirectional else layer)
        if spec.dropout:
            model.append(layers.Dropout(spec.dropout, seed=0))
    model.append(layers.Dense(spec.n_outputs, kernel_initializer="zeros"))
    return keras.Sequential(model)
