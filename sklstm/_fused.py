"""The fused way to train: one TensorFlow graph call for each epoch.

The only file that imports TensorFlow. Keras spends 15 to 20 ms on a batch whose
arithmetic takes 0.3 ms. Here a whole epoch is one call, and several short epochs are:
batches are gathered inside the graph from the base of the windows, each LSTM layer is
one ``BlockLSTMV2`` kernel with its gradient kernel, and all parameters lie in one flat
variable, so that an optimizer step is one kernel too. The backward pass is written
out: a gradient tape would record several times as many operations. Each batch is
computed in two shards, which a second core can take; their gradients are added in a
fixed order, so that results do not depend on the number of cores.

A traced program depends on the architecture alone. Number of rows, window, batch size,
learning rate and the numbers of optimizer and loss are arguments, so that the next fit
of a search traces nothing.

Missing steps are masked exactly: one more input channel is 1 on missing steps, with a
fixed kernel row of -1e8 on the input and output gates. Their sigmoid is then exactly 0,
cell and hidden state stay 0 until the first true step, and no gradient passes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from sklstm._backend import backend
from sklstm._network import NetworkSpec
from sklstm._pool import Pool

__all__ = ["train_fused", "unfused_option"]

# Programs kept for later fits, and rows of a validation batch.
_MOST_PROGRAMS = 16
_ROWS_AT_ONCE = 1024

# Parts in which a batch is computed. The kernel is slow, and TensorFlow complains,
# where a part has an odd number of rows and of inputs; so parts are kept even.
_SHARDS = 2
_ROWS_MULTIPLE = 2 * _SHARDS

# Epochs in one call: so many that a call takes some hundredths of a second, counted
# in rows * window * units.
_WORK_AT_ONCE = 1 << 20
_MOST_EPOCHS_AT_ONCE = 64

# Input to a gate whose sigmoid is exactly 0 in float32.
_SHUT = np.float32(-1e8)

_LOSSES = {
    "huber": "huber",
    "log_cosh": "log_cosh",
    "mae": "mae",
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "mse": "mse",
    "quantile": "quantile",
}

# Numbers that an optimizer takes besides the learning rate, with Keras's defaults.
_OPTIMIZERS: dict[str, dict[str, float]] = {
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "adamw": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": 0.004},
    "rmsprop": {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7},
    "sgd": {},
}


def unfused_option(recipe: Any, plan: Any) -> str | None:
    """Return what keeps a network from the fused path, None if nothing does.

    Parameters
    ----------
    recipe : Recipe
        What is to be trained.
    plan : Plan
        How.

    Returns
    -------
    str or None
        The option in words, such as ``"activation='relu'"``.
    """
    spec = recipe.spec
    if recipe.builder is not None:
        return "model"
    for name, allowed in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
        if getattr(spec, name) != allowed:
            return f"{name}={getattr(spec, name)!r}"
    for name, legal in (("loss", _LOSSES), ("optimizer", _OPTIMIZERS)):
        value = getattr(recipe, name)
        if not isinstance(value, str) or value not in legal:
            return f"{name}={value!r}"
    legal_routed = {"optimizer__learning_rate", "optimizer__global_clipnorm"}
    legal_routed |= {f"optimizer__{name}" for name in _OPTIMIZERS[recipe.optimizer]}
    if _LOSSES[recipe.loss] == "huber":
        legal_routed.add("loss__delta")
    for name, value in recipe.routed.items():
        if name not in legal_routed or not isinstance(value, Real):
            return f"{name}={value!r}"
    return "callbacks" if plan.callbacks else None


@dataclass(frozen=True)
class _Architecture:
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


class _Program:
    """The variables and the traced epoch of one architecture, for one fit at a time."""

    def __init__(self, architecture: _Architecture):
        tf = backend("tensorflow")
        self.architecture = architecture
        size = int(sum(np.prod(shape) for shape in architecture.shapes))
        self.flat = tf.Variable(tf.zeros(size))
        n_slots = {"adam": 2, "adamw": 2, "rmsprop": 2, "sgd": 0}
        self.slots = [
            tf.Variable(tf.zeros(size)) for _ in range(n_slots[architecture.optimizer])
        ]
        self.epochs = _traced_epoch(tf, architecture, self.flat, self.slots)


_programs: Pool[_Program] = Pool(_MOST_PROGRAMS)


def _traced_epoch(tf: Any, architecture: _Architecture, flat: Any, slots: Any) -> Any:
    """Return the graph function that trains some epochs and then validates."""
    network = _GraphNetwork(tf, architecture)
    n_outputs = architecture.n_outputs
    spec = tf.TensorSpec

    @tf.function(
        input_signature=[
            spec([None, architecture.n_inputs]),
            spec([2, architecture.n_inputs]),
            spec([None], tf.int32),
            spec([None], tf.int32),
            spec([None, n_outputs]),
            spec([None]),
            spec([None], tf.int32),
            spec([n_outputs]),
            spec([4], tf.int32),
            spec([8]),
            spec([None, None], tf.int32),
            spec([]),
        ],
        autograph=False,
    )
    def epochs(
        base,
        channels,
        starts,
        missing,
        targets,
        weights,
        validation_rows,
        levels,
        counts,
        numbers,
        orders,
        step,
    ):
        is_centred, factor = tf.unstack(channels)
        batch_size, window, seed = counts[0], counts[1], counts[2:]
        rate, dropout, clipnorm, delta, *constants = tf.unstack(numbers)
        loss_of, slope_of = _loss_functions(tf, architecture.loss, delta, levels)
        n_rows = tf.shape(targets)[0] - 1

        def part_of(rows, dropout, seed):
            """Return the summed loss of some rows, and what gives its gradient."""
            begin = tf.gather(starts, rows)
            windows = tf.gather(base, begin + tf.range(window)[:, None])
            windows = (windows - windows[-1:] * is_centred) * factor
            outputs, backward = network.forward(
                flat, windows, tf.gather(missing, rows), dropout, seed
            )
            error = outputs - tf.gather(targets, rows)
            weight = tf.gather(weights, rows)[:, None]
            loss = tf.reduce_sum(loss_of(error) * weight)
            return loss, lambda share: backward(slope_of(error) * (weight * share))

        def true_rows(rows):
            return tf.reduce_sum(tf.cast(rows < n_rows, tf.float32))

        def train_batch(order, start, total, step):
            rows = order[start : start + batch_size]
            share = 1.0 / (true_rows(rows) * n_outputs)
            gradients = []
            for shard, part in enumerate(tf.split(tf.reshape(rows, [_SHARDS, -1]), 2)):
                shard_seed = seed + tf.cast(step, tf.int32) * _SHARDS + shard
                loss, backward = part_of(part[0], dropout, shard_seed)
                total += loss
                gradients.append(backward(share))
            gradient = tf.add_n(gradients)
            if architecture.is_clipped:
                gradient *= clipnorm / tf.maximum(tf.norm(gradient), clipnorm)
            _apply(tf, architecture.optimizer, flat, slots, gradient, rate, step, constants)
            return start + batch_size, total, step + 1

        def train_epoch(epoch, losses, step):
            order = orders[epoch]
            _, total, step = tf.while_loop(
                lambda start, *_: start < tf.shape(order)[0],
                lambda *state: train_batch(order, *state),
                [0, 0.0, step],
            )
            losses = losses.write(epoch, total / (true_rows(order) * n_outputs))
            return epoch + 1, losses, step

        def validate_batch(start, total):
            rows = validation_rows[start : start + _ROWS_AT_ONCE]
            return start + _ROWS_AT_ONCE, total + part_of(rows, None, seed)[0]

        n_epochs = tf.shape(orders)[0]
        _, losses, step = tf.while_loop(
            lambda epoch, *_: epoch < n_epochs,
            train_epoch,
            [0, tf.TensorArray(tf.float32, n_epochs), step],
        )
        with tf.control_dependencies([step]):
            _, total = tf.while_loop(
                lambda start, _: start < tf.shape(validation_rows)[0],
                validate_batch,
                [0, 0.0],
            )
        return losses.stack(), total / (true_rows(validation_rows) * n_outputs), step

    # Called as it is, it never traces again, nor does TensorFlow look whether to.
    return epochs.get_concrete_function()


class _GraphNetwork:
    """The network as graph operations, forwards and backwards, time-major."""

    def __init__(self, tf: Any, architecture: _Architecture):
        self.tf = tf
        self.architecture = architecture

    def forward(self, flat, sequence, n_missing, dropout, seed):
        """Return outputs of shape (n_rows, n_outputs), and the backward pass.

        The backward pass takes the gradient of the outputs and returns that of the
        flat variable.
        """
        tf, shapes = self.tf, self.architecture.shapes
        sizes = [int(np.prod(shape)) for shape in shapes]
        parameters = [
            tf.reshape(part, shape)
            for part, shape in zip(tf.split(flat, sizes), shapes, strict=True)
        ]
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


def _loss_functions(tf: Any, loss: str, delta: Any, levels: Any) -> tuple[Any, Any]:
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


def _apply(
    tf: Any,
    optimizer: str,
    flat: Any,
    slots: Any,
    gradient: Any,
    rate: Any,
    step: Any,
    constants: list[Any],
) -> None:
    """Take one optimizer step, the constants in the order of ``_OPTIMIZERS``."""
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
        flat.assign_sub(flat * (weight_decay * rate))
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


# -- a fit --------------------------------------------------------------------------


def train_fused(
    recipe: Any,
    data: Any,
    plan: Any,
    monitor: Any,
    weights: list[np.ndarray],
    optimizer_state: list[np.ndarray] | None,
) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
    """Train with one graph call for each epoch.

    Parameters
    ----------
    recipe : Recipe
        What to train; :func:`unfused_option` must have returned None for it.
    data : TrainingSet
        What to learn from.
    plan : Plan
        For how long, and in what steps.
    monitor : Monitor
        Hears of every epoch.
    weights, optimizer_state : list of ndarray
        What to begin with; None for a fresh optimizer.

    Returns
    -------
    weights, optimizer_state : list of ndarray
        After the last epoch.
    is_interrupted : bool
        Whether the user interrupted training.
    """
    architecture = _architecture_from(recipe)
    with _programs.lent(architecture, lambda: _Program(architecture)) as program:
        program.flat.assign(architecture.flat(weights))
        step = _restore(program, optimizer_state)
        arguments = _arguments(architecture, recipe, data, plan)
        n_at_once = _epochs_at_once(recipe.spec, data, plan)
        has_validation = len(data.validation_rows) > 0
        orders = itertools.islice(data.orders(plan.seed), plan.epochs)
        n_done, is_stopped, is_interrupted = 0, False, False
        try:
            while not is_stopped and (some := list(itertools.islice(orders, n_at_once))):
                filled = [
                    _filled_batches(order, plan.batch_size, len(data.windows))
                    for order in some
                ]
                losses, validation_loss, step = program.epochs(
                    **arguments, orders=np.stack(filled), step=step
                )
                for loss in losses.numpy().tolist():
                    n_done += 1
                    pair = loss, float(validation_loss) if has_validation else None
                    if plan.verbose:
                        _print_epoch(n_done, plan.epochs, *pair)
                    is_stopped |= monitor.after_epoch(
                        *pair, lambda: architecture.weights(program.flat.numpy())
                    )
        except KeyboardInterrupt:
            is_interrupted = True
        state = [np.float32(step), *(slot.numpy() for slot in program.slots)]
        result = architecture.weights(program.flat.numpy()), state, is_interrupted
    return result


def _epochs_at_once(spec: NetworkSpec, data: Any, plan: Any) -> int:
    """Return how many epochs one call trains: one, where each is watched."""
    if plan.verbose or len(data.validation_rows):
        return 1
    work = len(data.rows) * spec.window * sum(spec.units) * spec.n_directions
    return int(np.clip(_WORK_AT_ONCE // work, 1, _MOST_EPOCHS_AT_ONCE))


def _print_epoch(epoch: int, epochs: int, loss: float, val_loss: float | None) -> None:
    validation = "" if val_loss is None else f" - val_loss: {val_loss:.4g}"
    print(f"Epoch {epoch}/{epochs} - loss: {loss:.4g}{validation}", flush=True)


def _architecture_from(recipe: Any) -> _Architecture:
    spec: NetworkSpec = recipe.spec
    return _Architecture(
        n_channels=spec.n_channels,
        n_outputs=spec.n_outputs,
        units=spec.units,
        n_directions=spec.n_directions,
        has_dropout=spec.dropout > 0,
        is_masked=spec.is_masked,
        loss=_LOSSES[recipe.loss],
        optimizer=recipe.optimizer,
        is_clipped="optimizer__global_clipnorm" in recipe.routed,
    )


def _restore(program: _Program, state: list[np.ndarray] | None) -> np.float32:
    """Set the optimizer's slots; return the number of its next step."""
    for position, slot in enumerate(program.slots):
        slot.assign(
            np.zeros(slot.shape, np.float32) if state is None else state[position + 1]
        )
    return np.float32(1) if state is None else np.float32(state[0])


def _arguments(
    architecture: _Architecture, recipe: Any, data: Any, plan: Any
) -> dict[str, Any]:
    """Return what stays the same in every epoch, as the program takes it.

    Standardised channels are scaled here, once; centred ones in the graph, where the
    newest value of each window is at hand.
    """
    tf = backend("tensorflow")
    spec = recipe.spec
    raw, starts = data.base()
    scaling = data.scaling
    base = np.zeros((len(raw), architecture.n_inputs), dtype=np.float32)
    is_centred = np.zeros(architecture.n_inputs, dtype=np.float32)
    factor = np.ones(architecture.n_inputs, dtype=np.float32)
    missing = np.isnan(raw[:, 0])
    for channel in range(architecture.n_channels):
        values, scale = raw[:, channel], scaling.input_scale[channel]
        if scaling.is_centred[channel]:
            is_centred[channel], factor[channel] = 1, 1 / scale
        else:
            values = (values - scaling.input_mean[channel]) / scale
        base[:, channel] = np.where(missing, 0, values)
    if architecture.is_masked:
        base[:, -1] = missing
    n_rows = len(data.windows)
    batch_size = _filled_size(plan.batch_size)
    arguments = {
        "base": base,
        "channels": np.stack([is_centred, factor]),
        # One row more than there are, of weight 0, fills up batches.
        "starts": np.append(starts, starts[0]).astype(np.int32),
        "missing": np.append(spec.window - data.counts, 0).astype(np.int32),
        "targets": _with_zero_row(data.scaled_targets()),
        "weights": np.append(data.row_weights(), np.float32(0)),
        "validation_rows": _filled_batches(data.validation_rows, _ROWS_AT_ONCE, n_rows),
        "levels": np.resize(np.float32(recipe.levels), spec.n_outputs),
        "counts": np.array([batch_size, spec.window, *plan.seed], np.int32),
        "numbers": _numbers(recipe, plan),
    }
    return {name: tf.constant(value) for name, value in arguments.items()}


def _numbers(recipe: Any, plan: Any) -> np.ndarray:
    """Return the numbers of optimizer and loss in the order of the program."""
    given = recipe.routed
    constants = [
        given.get(f"optimizer__{name}", value)
        for name, value in _OPTIMIZERS[recipe.optimizer].items()
    ]
    numbers = [
        given.get("optimizer__learning_rate", plan.learning_rate),
        recipe.spec.dropout,
        given.get("optimizer__global_clipnorm", 0.0),
        given.get("loss__delta", 1.0),
        *constants,
    ]
    return np.array(numbers + [0.0] * (8 - len(numbers)), np.float32)


def _with_zero_row(table: np.ndarray) -> np.ndarray:
    return np.concatenate([table, np.zeros_like(table[:1])])


def _filled_size(batch_size: int) -> int:
    """Return the number of rows of a batch that is filled up."""
    return -(-batch_size // _ROWS_MULTIPLE) * _ROWS_MULTIPLE


def _filled_batches(order: np.ndarray, batch_size: int, idle_row: int) -> np.ndarray:
    """Return an order of rows in which an idle row fills up every batch."""
    size = _filled_size(batch_size)
    n_batches = -(-len(order) // batch_size)
    filled = np.full((n_batches, size), idle_row, dtype=np.int32)
    n_whole = len(order) // batch_size
    filled[:n_whole, :batch_size] = order[: n_whole * batch_size].reshape(n_whole, batch_size)
    rest = order[n_whole * batch_size :]
    if not len(rest):
        return filled.ravel()
    filled[-1, : len(rest)] = rest
    return filled.ravel()[: n_whole * size + _filled_size(len(rest))]
