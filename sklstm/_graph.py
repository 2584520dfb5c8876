"""The network as TensorFlow graph operations, forwards and backwards.

Each LSTM layer is one ``BlockLSTMV2`` kernel with its gradient kernel. The backward
pass is written out: a gradient tape would record several times as many operations. All
parameters lie in one flat variable, so that an optimizer step is one kernel too.

Missing steps are masked exactly: one more input channel is 1 on missing steps, with a
fixed kernel row of -1e8 on the input and output gates. Their sigmoid is then exactly 0,
cell and hidden state stay 0 until the first true step, and no gradient passes.

TensorFlow comes as an argument, so that reading this file imports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Architecture", "GraphNetwork", "apply_gradient", "loss_functions"]

# Input to a gate whose sigmoid is exactly 0 in float32.
_SHUT = np.float32(-1e8)


@dataclass(frozen=True)
class Architecture:
    """What a traced program depends on."""

    n_channels: int
    n_outputs: int
    units: tuple[int, ...]
    n_directions: int
    has_dropout: bool
    is_masked: bool
    loss: str
    optimizer: str
    is_clipped: bool

    @property
    def has_idle_channel(self) -> bool:
        """Return whether a channel of zeros makes the number of inputs even."""
        return (self.n_channels + self.is_masked) % 2 == 1

    @property
    def n_inputs(self) -> int:
        """Return the number of channels that the first layer reads."""
        return self.n_channels + self.has_idle_channel + self.is_masked

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the parameters in the order of the flat variable."""
        shapes: list[tuple[int, ...]] = []
        n_inputs = self.n_inputs
        for units in self.units:
            shapes += [(n_inputs + units, 4 * units), (4 * units,)] * self.n_directions
            n_inputs = units * self.n_directions + self.is_masked
        return [*shapes, (n_inputs - self.is_masked, self.n_outputs), (self.n_outputs,)]

    def flat(self, weights: list[np.ndarray]) -> np.ndarray:
        """Return weights in Keras's order as the flat variable holds them."""
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
        """Return the length of the flat variable."""
        return int(sum(np.prod(shape) for shape in self.shapes))

    @property
    def is_weight(self) -> np.ndarray:
        """Return 1 for the weights of the flat variable, 0 for what is fixed."""
        zeros = self.flat(self.weights(np.zeros(self.size, np.float32)))
        return (zeros == 0).astype(np.float32)

    def weights(self, flat: np.ndarray) -> list[np.ndarray]:
        """Return the flat variable as weights in Keras's order."""
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
    """The network as graph operations, forwards and backwards, time-major."""

    def __init__(self, tf: Any, architecture: Architecture):
        self.tf = tf
        self.architecture = architecture

    def parameters(self, flat):
        """Return the parameters of the flat variable, one by one."""
        tf, shapes = self.tf, self.architecture.shapes
        sizes = [int(np.prod(shape)) for shape in shapes]
        return [
            tf.reshape(part, shape)
            for part, shape in zip(tf.split(flat, sizes), shapes, strict=True)
        ]

    def forward(self, parameters, sequence, n_missing, dropout, seed):
        """Return outputs of shape (n_rows, n_outputs), and the backward pass.

        The backward pass takes the gradient of the outputs and returns that of the
        flat variable.
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
                    read,
                    parameters[at + 2 * direction],
                    parameters[at + 2 * direction + 1],
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
        outputs = tf.matmul(merged, parameters[-2]) + parameters[-1]

        def backward(output_gradient):
            gradients = [
                tf.reduce_sum(output_gradient, 0),
                tf.matmul(merged, output_gradient, transpose_a=True),
            ]
            gradient = tf.matmul(output_gradient, parameters[-2], transpose_b=True)
            for layer in range(n_layers - 1, -1, -1):
                directions, keep = layers[layer]
                if keep is not None:
                    gradient = gradient * keep
                parts = tf.split(gradient, len(directions), axis=-1)
                below = []
                for direction in range(len(directions) - 1, -1, -1):
                    part = parts[direction]
                    if layer == n_layers - 1:
                        length = tf.shape(directions[direction].hidden)[0]
                        part = tf.pad(part[None], [[length - 1, 0], [0, 0], [0, 0]])
                    elif direction:
                        part = turn(part)
                    read, kernel, bias = directions[direction].gradients(part)
                    gradients += [bias, kernel]
                    below.append(turn(read) if direction else read)
                if layer:
                    gradient = tf.add_n(below)
                    if mask is not None:
                        gradient = gradient[:, :, :-1]
            return tf.concat([tf.reshape(part, [-1]) for part in gradients[::-1]], 0)

        return outputs, backward

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

    def __init__(self, tf, sequence, kernel, bias):
        self.tf = tf
        units = kernel.shape[1] // 4
        zero = tf.zeros([tf.shape(sequence)[1], units])
        peephole = tf.zeros([units])
        self.arguments = {
            "seq_len_max": tf.cast(tf.shape(sequence)[0], tf.int64),
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


def apply_gradient(
    tf: Any,
    optimizer: str,
    flat: Any,
    slots: Any,
    gradient: Any,
    rate: Any,
    step: Any,
    constants: list[Any],
    is_weight: np.ndarray,
) -> None:
    """Take one optimizer step; the fixed rows of the mask do not decay.

    The constants are those of Keras: beta_1, beta_2, epsilon and weight_decay; for
    RMSprop rho, momentum and epsilon.
    """
    ops = tf.raw_ops
    if optimizer == "sgd":
        ops.ResourceApplyGradientDescent(var=flat.handle, alpha=rate, delta=gradient)
        return
    if optimizer == "rmsprop":
        rho, momentum, epsilon, _ = constants
        ops.ResourceApplyRMSProp(
            var=flat.handle,
            ms=slots[0].handle,
            mom=slots[1].handle,
            lr=rate,
            rho=rho,
            momentum=momentum,
            epsilon=epsilon,
            grad=gradient,
        )
        return
    beta_1, beta_2, epsilon, weight_decay = constants
    if optimizer == "adamw":
        flat.assign_sub(flat * is_weight * (weight_decay * rate))
    ops.ResourceApplyAdam(
        var=flat.handle,
        m=slots[0].handle,
        v=slots[1].handle,
        beta1_power=tf.pow(beta_1, step),
        beta2_power=tf.pow(beta_2, step),
        lr=rate,
        beta1=beta_1,
        beta2=beta_2,
        epsilon=epsilon,
        grad=gradient,
    )
