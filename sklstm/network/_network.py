"""The network: its spec, its initial weights, its forward pass, its Keras model.

The forward pass in NumPy is the definition: the kernels that predict are held against
it, and it shows the gates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklstm.network._backend import backend

__all__ = [
    "ACTIVATIONS",
    "MISSING",
    "NetworkSpec",
    "build_keras_model",
    "default_patch",
    "forward",
    "initial_weights",
    "patched",
    "trace",
    "weight_shapes",
]

# Of candidate and output, by Keras's names; the gates are sigmoids.
ACTIVATIONS: dict[str, Callable[..., np.ndarray]] = {
    "relu": partial(np.maximum, 0),
    "tanh": np.tanh,
}

# What stands for a missing step in Keras, whose Masking layer looks for one value. No
# normalised series reaches it; exact zeros, which a series does reach, would not do.
MISSING = np.float32(-1e30)

# Rows that go through the network together: enough for the matrix products, few
# enough that their gates stay in the processor's cache.
_ROWS_AT_ONCE = 512


# The longest window that is read step by step by default, and the number of patches
# of longer ones.
_LONGEST_BY_STEPS = 48
_MOST_PATCHES = 16


@dataclass(frozen=True)
class NetworkSpec:
    """What determines the shape of a network and of its weights.

    Parameters
    ----------
    window, n_channels, n_outputs : int
        Input is (window, n_channels), output is (n_outputs,).
    units : tuple of int
        Size of the cell state of each LSTM layer, the first layer first.
    activation : str
        A name in :data:`ACTIVATIONS`.
    dropout : float
        Share of each layer's outputs that is dropped in training.
    bidirectional : bool
        Whether each layer also reads the window from its newest step to its oldest.
    is_masked : bool
        Whether the network has been trained on windows with missing steps.
    patch : int
        Steps of the window that the network reads at once.
    """

    window: int
    n_channels: int
    n_outputs: int
    units: tuple[int, ...]
    activation: str = "tanh"
    dropout: float = 0.0
    bidirectional: bool = False
    is_masked: bool = False
    patch: int = 1

    @property
    def n_steps(self) -> int:
        """Return how many times the network reads."""
        return self.window // self.patch

    @property
    def n_inputs(self) -> int:
        """Return how many values the network reads at once."""
        return self.n_channels * self.patch

    @property
    def n_directions(self) -> int:
        """Return 2 where the window is read both ways, else 1."""
        return 2 if self.bidirectional else 1


def default_patch(window: int) -> int:
    """Return how many steps of a window are read at once by default.

    One, up to 48 steps. Longer windows are read in about 8 to 16 patches of one length,
    which is a divisor of the window if there is one.
    """
    if window <= _LONGEST_BY_STEPS:
        return 1
    shortest = -(-window // _MOST_PATCHES)
    divisors = (p for p in range(shortest, 2 * shortest) if window % p == 0)
    return next(divisors, shortest)


def patched(inputs: np.ndarray, patch: int) -> np.ndarray:
    """Return windows as a network reads them, some steps at once.

    Recurrent networks learn long windows faster, and better, when they read patches of
    them (SegRNN: Lin et al. 2023, arXiv:2308.11200).

    Parameters
    ----------
    inputs : ndarray of shape (n_rows, window, n_channels)
        Normalised windows.
    patch : int
        Steps that are read at once. Where they do not divide the window, the oldest
        steps are not read. A patch with a missing step is missing as a whole.

    Returns
    -------
    ndarray of shape (n_rows, window // patch, patch * n_channels)
    """
    if patch == 1:
        return inputs
    n_rows, window, n_channels = inputs.shape
    n_steps = window // patch
    newest = inputs[:, window - n_steps * patch :]
    steps = newest.reshape(n_rows, n_steps, patch * n_channels)
    is_missing = np.isnan(steps).any(axis=2)
    if is_missing.any():
        steps = np.where(is_missing[:, :, None], np.float32(np.nan), steps)
    return steps


def weight_shapes(spec: NetworkSpec) -> list[tuple[int, ...]]:
    """Return the shapes of a network's weights, in the order of their list."""
    shapes: list[tuple[int, ...]] = []
    n_inputs = spec.n_inputs
    for units in spec.units:
        one = [(n_inputs, 4 * units), (units, 4 * units), (4 * units,)]
        shapes += one * spec.n_directions
        n_inputs = units * spec.n_directions
    return [*shapes, (n_inputs, spec.n_outputs), (spec.n_outputs,)]


def initial_weights(spec: NetworkSpec, seed: int) -> list[np.ndarray]:
    """Return initial weights in Keras's order and with Keras's distributions.

    Kernels are Glorot uniform, recurrent kernels orthogonal, biases 0 and those of the
    forget gate 1.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    seed : int
        Seed of the generator; no other generator is touched.

    Returns
    -------
    list of ndarray, float32
        Per layer and direction kernel (n_inputs, 4 * units), recurrent kernel
        (units, 4 * units) and bias (4 * units,), gates in the order i, f, c, o; last
        the kernel (n_features, n_outputs) and bias (n_outputs,) of the output layer.

    References
    ----------
    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS. Saxe, McClelland & Ganguli 2014, arXiv:1312.6120.
    Jozefowicz, Zaremba & Sutskever 2015, "An empirical exploration of recurrent
    network architectures", ICML (forget bias 1).
    """
    rng = np.random.default_rng(seed)
    weights = []
    n_inputs = spec.n_inputs
    for units in spec.units:
        for _ in range(spec.n_directions):
            bias = np.zeros(4 * units)
            bias[units : 2 * units] = 1.0
            weights += [
                _glorot_uniform(rng, n_inputs, 4 * units),
                _orthogonal(rng, units, 4 * units),
                bias,
            ]
        n_inputs = units * spec.n_directions
    weights += [
        _glorot_uniform(rng, n_inputs, spec.n_outputs),
        np.zeros(spec.n_outputs),
    ]
    return [array.astype(np.float32) for array in weights]


def _glorot_uniform(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray:
    limit = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def _orthogonal(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray:
    """Return random orthonormal rows, each what those before it leave of it.

    That is Gram and Schmidt's way. LAPACK would start threads for it, which look out
    for more work, and take a core, while networks in other threads train.
    """
    rows = np.ascontiguousarray(rng.standard_normal((n_out, n_in)).T)
    for place, row in enumerate(rows):
        row /= np.sqrt(np.square(row).sum())
        later = rows[place + 1 :]
        later -= np.einsum("ij,j->i", later, row)[:, None] * row
    return rows


def forward(
    spec: NetworkSpec, weights: list[np.ndarray], inputs: np.ndarray
) -> np.ndarray:
    """Return the network's outputs.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    weights : list of ndarray
        As :func:`initial_weights` orders them.
    inputs : ndarray of shape (n_rows, window, n_channels), float32
        Normalised windows; missing steps are NaN, the oldest of their window.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs), float64

    Notes
    -----
    Matrix products are in float64, activations in float32, as exact as the weights.
    """
    weights = [array.astype(np.float64) for array in weights]
    outputs = np.empty((len(inputs), spec.n_outputs))
    for start in range(0, len(inputs), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        # An unbounded activation may leave float32, here as in Keras.
        with np.errstate(over="ignore", invalid="ignore"):
            outputs[rows] = _forward_rows(
                spec, weights, patched(inputs[rows], spec.patch).astype(np.float64)
            )
    return outputs


def trace(
    spec: NetworkSpec, weights: list[np.ndarray], inputs: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the network's outputs, and every gate and state on the way to them.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    weights : list of ndarray
        As :func:`initial_weights` orders them.
    inputs : ndarray of shape (n_rows, window, n_channels), float32
        As :func:`forward` takes them; all rows are held at once.

    Returns
    -------
    outputs : ndarray of shape (n_rows, n_outputs), float64
        Those of :func:`forward`.
    traces : list of ndarray of shape (n_rows, n_steps, 6, units), float64
        Per layer and direction, as the weights are ordered: input, forget and output
        gate, candidate, cell and hidden state after each step. At a missing step the
        states are those that it leaves as they are, and the gates have no meaning.
    """
    traces: list[np.ndarray] = []
    weights = [array.astype(np.float64) for array in weights]
    with np.errstate(over="ignore", invalid="ignore"):
        steps = patched(inputs, spec.patch).astype(np.float64)
        outputs = _forward_rows(spec, weights, steps, traces)
    return outputs, traces


def _forward_rows(
    spec: NetworkSpec,
    weights: list[np.ndarray],
    inputs: np.ndarray,
    traces: list[np.ndarray] | None = None,
) -> np.ndarray:
    """Return the outputs of few enough rows to hold every layer's sequence.

    Where a list of traces is given, the trace of each layer and direction is added.
    """
    missing = np.isnan(inputs[:, :, 0])
    is_true = ~missing if missing.any() else None
    sequence = inputs if is_true is None else np.where(np.isnan(inputs), 0.0, inputs)
    layers = len(spec.units)
    position = 0
    for layer in range(layers):
        is_last = layer == layers - 1
        directions = []
        for direction in range(spec.n_directions):
            record = None
            if traces is not None:
                record = np.empty((*inputs.shape[:2], 6, spec.units[layer]))
                traces.append(record)
            states = _lstm_states(
                sequence,
                *weights[position : position + 3],
                spec=spec,
                is_true=is_true,
                is_backward=direction == 1,
                keep_all=not is_last,
                record=record,
            )
            directions.append(states)
            position += 3
        sequence = (
            directions[0] if len(directions) == 1 else np.concatenate(directions, -1)
        )
    kernel, bias = weights[position:]
    return sequence @ kernel + bias


def _lstm_states(
    sequence: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray,
    *,
    spec: NetworkSpec,
    is_true: np.ndarray | None,
    is_backward: bool,
    keep_all: bool,
    record: np.ndarray | None,
) -> np.ndarray:
    """Return the hidden state after each step, or after the last one read.

    A record of shape (n_rows, window, 6, units) is filled as :func:`trace` says.

    With x the input of a step, h the hidden and c the cell state, and * elementwise:

    - forget gate  f = sigmoid(x Wf + h Uf + bf), what c keeps
    - input gate   i = sigmoid(x Wi + h Ui + bi), what c lets in
    - candidate    g = activation(x Wc + h Uc + bc)
    - cell state   c = f * c + i * g
    - output gate  o = sigmoid(x Wo + h Uo + bo)
    - hidden state h = o * activation(c)

    A missing step leaves both states as they are.

    References
    ----------
    Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735.
    Gers, Schmidhuber & Cummins 2000, doi:10.1162/089976600300015015 (forget gate).
    """
    n_rows, window, n_inputs = sequence.shape
    units = len(recurrent_kernel)
    # Features are rows here, so that gates are single pieces of memory, in the order
    # i, f, o, g. A step reads its inputs, the hidden state, and 1 for the bias.
    weights = np.concatenate([kernel, recurrent_kernel, bias[None]]).T
    i, f, g, o = np.split(weights, 4)
    weights = np.concatenate([i, f, o, g])
    weights[: 3 * units] /= 2  # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2
    read = np.zeros((n_inputs + units + 1, n_rows))
    read[-1] = 1
    hidden = read[n_inputs:-1]
    cell = np.zeros((units, n_rows), dtype=np.float32)
    drive = np.empty((4 * units, n_rows))
    gates = np.empty((4 * units, n_rows), dtype=np.float32)
    states = np.empty((n_rows, window, units)) if keep_all else None
    steps = range(window - 1, -1, -1) if is_backward else range(window)
    for step in steps:
        read[:n_inputs] = sequence[:, step].T
        np.matmul(weights, read, out=drive)
        np.copyto(gates, drive, casting="same_kind")
        missing = None if is_true is None else ~is_true[:, step]
        at = None if record is None else record[:, step]
        if missing is None or not missing.any():
            hidden[:] = _next_states(spec, gates, cell, at)
        else:
            kept = cell[:, missing], hidden[:, missing]
            hidden[:] = _next_states(spec, gates, cell, at)
            cell[:, missing], hidden[:, missing] = kept
        if at is not None:
            at[:, 4], at[:, 5] = cell.T, hidden.T
        if states is not None:
            states[:, step] = hidden.T
    return hidden.T if states is None else states


def _next_states(
    spec: NetworkSpec, drive: np.ndarray, cell: np.ndarray, record: np.ndarray | None
) -> np.ndarray:
    """Return the hidden state after a step; the cell state is changed in place.

    The drive holds what goes into the gates i, f, o, halved, and the candidate g, which
    are taken in place. What comes out of them goes into a record of shape
    (n_rows, >= 4, units), if any.
    """
    units = len(cell)
    activate = ACTIVATIONS[spec.activation]
    gates = drive[: 3 * units]
    i, f, o, g = (drive[k * units : (k + 1) * units] for k in range(4))
    np.tanh(gates, out=gates)
    gates *= 0.5
    gates += 0.5
    activate(g, out=g)
    if record is not None:
        record[:, :4] = drive.reshape(4, units, -1).transpose(2, 0, 1)
    cell *= f
    i *= g
    cell += i
    activate(cell, out=g)
    o *= g
    return o


def build_keras_model(spec: NetworkSpec) -> Any:
    """Return the uncompiled ``keras.Model`` of a spec, all of its weights zero.

    It reads windows as :func:`patched` returns them.

    Every seed is given, so that building it draws from no global generator.
    """
    keras = backend("keras")
    layers = keras.layers
    model = [keras.Input((spec.n_steps, spec.n_inputs))]
    if spec.is_masked:
        model.append(layers.Masking(float(MISSING)))
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
