"""The network as TensorFlow graph operations, forwards and backwards.

Each LSTM layer is one ``BlockLSTMV2`` kernel with its gradient kernel. The backward
pass is written out: a gradient tape would record several times as many operations. All
parameters lie in one flat vector, so that an optimizer step is a few operations.

Missing steps are masked exactly: one more input channel is 1 on missing steps, with a
fixed kernel row of -1e8 on the input and output gates. Their sigmoid is then exactly 0,
cell and hidden state stay 0 until the first true step, and no gradient passes.

TensorFlow comes as an argument, so that reading this file imports nothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Architecture", "GraphNetwork", "Optimizer", "loss_functions"]

# Input to a gate whose sigmoid is exactly 0 in float32.
_SHUT = np.float32(-1e8)


@dataclass(frozen=True)
class Architecture:
    """What a traced program depends on.

    Channels are those that the network reads at once: those of a patch together.
    """

    n_channels: int
    n_outputs: int
    units: tuple[int, ...]
    n_directions: int
    has_dropout: bool
    is_masked: bool
    loss: str
    optimizer: str
    is_clipped: bool
    patch: int = 1

    @property
    def has_idle_channel(self) -> bool:
        """Return whether a channel of zeros makes the number of inputs even."""
        return (self.n_channels + self.is_masked) % 2 == 1

    @property
    def n_inputs(self) -> int:
        """Return the number of channels that the first layer reads."""
        return self.n_channels + self.has_idle_channel + self.is_masked

    @property
    def reads_missing(self) -> bool:
        """Return whether the number of missing steps matters, to turn windows round."""
        return self.is_masked and self.n_directions > 1

    @property
    def n_columns(self) -> int:
        """Return the columns of the base: channels, and what is missing.

        Where the network reads step by step they are its inputs, idle channel and all.
        """
        if self.patch == 1:
            return self.n_inputs
        return self.n_channels // self.patch + self.is_masked

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the parameters in the order of the flat vector."""
        shapes: list[tuple[int, ...]] = []
        n_inputs = self.n_inputs
        for units in self.units:
            shapes += [(n_inputs + units, 4 * units), (4 * units,)] * self.n_directions
            n_inputs = units * self.n_directions + self.is_masked
        return [*shapes, (n_inputs - self.is_masked, self.n_outputs), (self.n_outputs,)]

    def flat(self, weights: list[np.ndarray]) -> np.ndarray:
        """Return weights in Keras's order as the flat vector holds them."""
        parts = []
        for at in range(0, len(weights) - 2, 3):
            kernel, recurrent_kernel, bias = weights[at : at + 3]
            units = len(recurrent_kernel)
            rows = [kernel]
            if at < 3 * self.n_directions and self.has_idle_channel:
                rows.append(np.zeros((1, 4 * units), np.float32))
            if self.is_masked:
                shut = np.array([_SHUT, 0, 0, _SHUT], np.float32)
                rows.append(np.repeat(shut, units)[None])
            parts += [np.concatenate([*rows, recurrent_kernel]), bias]
        return np.concatenate([part.ravel() for part in [*parts, *weights[-2:]]])

    @property
    def size(self) -> int:
        """Return the length of the flat vector."""
        return int(sum(np.prod(shape) for shape in self.shapes))

    @property
    def is_weight(self) -> np.ndarray:
        """Return 1 for the weights of the flat vector, 0 for what is fixed."""
        zeros = self.flat(self.weights(np.zeros(self.size, np.float32)))
        return (zeros == 0).astype(np.float32)

    def weights(self, flat: np.ndarray) -> list[np.ndarray]:
        """Return the flat vector as weights in Keras's order."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        parts = [
            part.reshape(shape)
            for part, shape in zip(np.split(flat, ends[:-1]), self.shapes, strict=True)
        ]
        weights = []
        for at in range(0, len(parts) - 2, 2):
            rows, bias = parts[at : at + 2]
            units = len(bias) // 4
            n_inputs = len(rows) - units - self.is_masked
            if at < 2 * self.n_directions:
                n_inputs = self.n_channels
            weights += [rows[:n_inputs].copy(), rows[-units:].copy(), bias.copy()]
        return [*weights, parts[-2].copy(), parts[-1].copy()]


class GraphNetwork:
    """The network as graph operations, forwards and backwards, time-major.

    A small batch costs as many microseconds as it has operations, so what all batches,
    shards and layers have in common is made once.
    """

    def __init__(self, tf: Any, architecture: Architecture, window: Any):
        self.tf = tf
        self.architecture = architecture
        self.seq_len_max = tf.cast(window, tf.int64)
        # Puts the gradient of the newest hidden state behind those of earlier steps.
        self.padding = tf.stack([tf.stack([window - 1, 0]), [0, 0], [0, 0]])

    def parameters(self, flat):
        """Return the parameters of the flat vector, one by one."""
        tf, shapes = self.tf, self.architecture.shapes
        sizes = [int(np.prod(shape)) for shape in shapes]
        return [
            tf.reshape(part, shape)
            for part, shape in zip(tf.split(flat, sizes), shapes, strict=True)
        ]

    def forward(self, parameters, sequence, n_missing, dropout, seed, n_shards=1):
        """Return outputs of shape (n_rows, n_outputs), and the backward pass.

        The rows go through the layers in shards, which a core each can take. The
        backward pass takes the gradient of the outputs and returns that of the flat
        vector.
        """
        tf = self.tf
        sequences = tf.split(sequence, n_shards, axis=1)
        rows = tf.shape(sequences[0])[1]
        zeros = {units: tf.zeros([rows, units]) for units in self.architecture.units}
        missing = [None] * n_shards
        if n_missing is not None:
            missing = tf.split(n_missing, n_shards)
        hidden, backwards = zip(
            *(
                self._layers(parameters, *shard, zeros, dropout, seed + number)
                for number, shard in enumerate(zip(sequences, missing, strict=True))
            ),
            strict=True,
        )
        merged = tf.concat(hidden, 0) if n_shards > 1 else hidden[0]
        outputs = tf.matmul(merged, parameters[-2]) + parameters[-1]

        def backward(gradient):
            to_hidden = tf.matmul(gradient, parameters[-2], transpose_b=True)
            parts = [
                shard_backward(part)
                for shard_backward, part in zip(
                    backwards, tf.split(to_hidden, n_shards), strict=True
                )
            ]
            # Added one by one: the order of a sum must not depend on who is first.
            gradients = [
                functools.reduce(tf.add, each) for each in zip(*parts, strict=True)
            ]
            gradients.append(tf.matmul(merged, gradient, transpose_a=True))
            flat = [tf.reshape(part, [-1]) for part in gradients]
            return tf.concat([*flat, tf.reduce_sum(gradient, 0)], 0)

        return outputs, backward

    def _layers(self, parameters, sequence, n_missing, zeros, dropout, seed):
        """Return the newest hidden states of a shard, and the backward pass.

        The backward pass takes their gradient and returns those of the kernels and
        biases of all layers, in the order of the parameters.
        """
        tf = self.tf
        mask = sequence[:, :, -1:] if self.architecture.is_masked else None
        turn = self._turn(sequence, n_missing)
        layers = []
        n_layers = len(self.architecture.units)
        for layer in range(n_layers):
            at = 2 * layer * self.architecture.n_directions
            directions = []
            for direction in range(self.architecture.n_directions):
                read = turn(sequence) if direction else sequence
                cells = _Cells(
                    tf,
                    self.seq_len_max,
                    read,
                    zeros[self.architecture.units[layer]],
                    *parameters[at + 2 * direction : at + 2 * direction + 2],
                )
                directions.append(cells)
            keep = None
            if layer < n_layers - 1:
                states = [directions[0].hidden]
                states += [turn(cells.hidden) for cells in directions[1:]]
            else:
                states = [cells.hidden[-1] for cells in directions]
            merged = tf.concat(states, -1) if len(states) > 1 else states[0]
            if self.architecture.has_dropout and dropout is not None:
                keep = self._keep(merged, dropout, seed + layer * 7919)
                merged = merged * keep
            layers.append((directions, keep))
            if layer < n_layers - 1:
                sequence = merged if mask is None else tf.concat([merged, mask], -1)

        def backward(gradient):
            gradients = []
            for layer in range(n_layers - 1, -1, -1):
                directions, keep = layers[layer]
                if keep is not None:
                    gradient = gradient * keep
                parts = tf.split(gradient, len(directions), axis=-1)
                below = []
                for direction in range(len(directions) - 1, -1, -1):
                    part = parts[direction]
                    if layer == n_layers - 1:
                        part = tf.pad(part[None], self.padding)
                    elif direction:
                        part = turn(part)
                    read, kernel, bias = directions[direction].gradients(part)
                    gradients += [bias, kernel]
                    below.append(turn(read) if direction else read)
                if layer:
                    gradient = tf.add_n(below)
                    if mask is not None:
                        gradient = gradient[:, :, :-1]
            return gradients[::-1]

        return merged, backward

    def _turn(self, sequence, n_missing):
        """Return the function that reverses true steps, missing ones staying first."""
        tf = self.tf
        if self.architecture.n_directions == 1:
            return None
        if not self.architecture.is_masked:
            return lambda values: tf.reverse(values, [0])
        shape = tf.shape(sequence)
        step = tf.range(shape[0])[:, None]
        source = tf.where(step < n_missing, step, shape[0] - 1 + n_missing - step)
        source = source * shape[1] + tf.range(shape[1])

        def turn(values):
            width = values.shape[-1]
            return tf.gather(tf.reshape(values, [-1, width]), source)

        return turn

    def _keep(self, values, dropout, seed):
        """Return the factors of inverted dropout."""
        tf = self.tf
        draws = tf.random.stateless_uniform(tf.shape(values), seed)
        return tf.where(draws < dropout, 0.0, 1.0 / (1.0 - dropout))


class _Cells:
    """One LSTM layer in one direction over a whole sequence."""

    def __init__(self, tf, seq_len_max, sequence, zero, kernel, bias):
        self.tf = tf
        peephole = tf.zeros([kernel.shape[1] // 4])
        self.arguments = {
            "seq_len_max": seq_len_max,
            "x": sequence,
            "cs_prev": zero,
            "h_prev": zero,
            "w": kernel,
            "wci": peephole,
            "wcf": peephole,
            "wco": peephole,
            "b": bias,
            "use_peephole": False,
        }
        self.states = tf.raw_ops.BlockLSTMV2(cell_clip=0.0, **self.arguments)
        self.hidden = self.states.h

    def gradients(self, hidden_gradient):
        """Return the gradients of sequence, kernel and bias."""
        result = self.tf.raw_ops.BlockLSTMGradV2(
            **self.arguments,
            **self.states._asdict(),
            cs_grad=self.tf.zeros_like(self.hidden),
            h_grad=hidden_gradient,
        )
        return result.x_grad, result.w_grad, result.b_grad


def loss_functions(tf: Any, loss: str, delta: Any, levels: Any) -> tuple[Any, Any]:
    """Return a loss and its slope as functions of the error, output less target."""
    half_log = float(np.log(2.0))
    return {
        "mse": (tf.square, lambda error: 2.0 * error),
        "mae": (tf.abs, tf.sign),
        "huber": (
            lambda error: tf.where(
                tf.abs(error) <= delta,
                0.5 * tf.square(error),
                delta * tf.abs(error) - 0.5 * tf.square(delta),
            ),
            lambda error: tf.clip_by_value(error, -delta, delta),
        ),
        "log_cosh": (
            lambda error: error + tf.nn.softplus(-2.0 * error) - half_log,
            tf.tanh,
        ),
        "quantile": (
            lambda error: tf.maximum((1.0 - levels) * error, -levels * error),
            lambda error: 0.5 * (tf.sign(error) + 1.0) - levels,
        ),
    }[loss]


class Optimizer:
    """An optimizer's steps as graph operations on the flat vector and its slots.

    TensorFlow's own kernels for this call the thread pool, which takes them 20 to 30
    microseconds for any number of weights; these operations take 10 for a few thousand.
    The constants are those of Keras: beta_1, beta_2, epsilon and weight_decay; for
    RMSprop rho, momentum and epsilon.
    """

    def __init__(
        self, tf: Any, name: str, rate: Any, constants: list[Any], is_weight: np.ndarray
    ):
        self.tf = tf
        self.name = name
        self.constants = constants
        self.news = [1.0 - constant for constant in constants[:2]]
        # The fixed rows of the mask do not decay.
        self.kept = 1.0 - is_weight * (constants[3] * rate)

    def step(self, state, gradient, size):
        """Return flat vector and slots after a step of some learning rate.

        Adam's rate comes without the bias of its means.
        """
        tf = self.tf
        flat, *slots = state
        if self.name == "sgd":
            return [flat - size * gradient]
        square = tf.square(gradient)
        if self.name == "rmsprop":
            _, momentum, epsilon, _ = self.constants
            velocity = slots[0] + (square - slots[0]) * self.news[0]
            push = size * gradient * tf.math.rsqrt(velocity + epsilon)
            push += momentum * slots[1]
            return [flat - push, velocity, push]
        if self.name == "adamw":
            flat *= self.kept
        mean = slots[0] + (gradient - slots[0]) * self.news[0]
        velocity = slots[1] + (square - slots[1]) * self.news[1]
        push = size * mean / (tf.sqrt(velocity) + self.constants[2])
        return [flat - push, mean, velocity]
