"""The fused way to train: a TensorFlow graph call for an epoch, or for several.

The only file that imports TensorFlow. Keras spends 15 to 20 ms on a batch whose
arithmetic takes 0.3 ms. Here a whole epoch is one call, and several short epochs are:
batches are gathered inside the graph from the base of the windows, and validated in
the same call. Each batch is computed in two shards, which a second core can take;
their gradients are added in a fixed order, so that results do not depend on the number
of cores.

A traced program depends on the architecture alone. Number of rows, window, batch size,
learning rate and the numbers of optimizer and loss are arguments, so that the next fit
of a search traces nothing.

XLA was tried in place of the ``BlockLSTMV2`` kernel. With one thread inside operations
it is a third faster, with TensorFlow's default of all cores it is slower, and every
window and batch size would be compiled anew, for about a second.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np

from sklstm._backend import backend
from sklstm._graph import Architecture, GraphNetwork, apply_gradient, loss_functions
from sklstm._network import NetworkSpec
from sklstm._pool import Pool

__all__ = ["train_fused", "unfused_option"]

# Programs kept for later fits.
_MOST_PROGRAMS = 16

# Parts in which a batch is computed. The kernel is slow, and TensorFlow complains,
# where a part has an odd number of rows and of inputs; so parts are kept even.
_SHARDS = 2
_ROWS_MULTIPLE = 2 * _SHARDS

# Hidden states (rows * window * units) that are held at once; a larger batch is
# computed in parts, whose gradients are added. The kernel keeps seven such numbers.
_STATES_AT_ONCE = 1 << 19

# Epochs in one call: so many that a call takes some hundredths of a second, counted
# in rows * window * units.
_WORK_AT_ONCE = 1 << 20
_MOST_EPOCHS_AT_ONCE = 64

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


class _Program:
    """The variables and the traced epoch of one architecture, for one fit at a time."""

    def __init__(self, architecture: Architecture):
        tf = backend("tensorflow")
        self.flat = tf.Variable(tf.zeros(architecture.size))
        n_slots = {"adam": 2, "adamw": 2, "rmsprop": 2, "sgd": 0}
        self.slots = [
            tf.Variable(tf.zeros(architecture.size))
            for _ in range(n_slots[architecture.optimizer])
        ]
        self.epochs = _traced_epoch(tf, architecture, self.flat, self.slots)


_programs: Pool[_Program] = Pool(_MOST_PROGRAMS)


def _traced_epoch(tf: Any, architecture: Architecture, flat: Any, slots: Any) -> Any:
    """Return the graph function that trains some epochs and then validates."""
    network = GraphNetwork(tf, architecture)
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
            spec([5], tf.int32),
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
        batch_size, rows_at_once, window, *seed = tf.unstack(counts)
        seed = tf.stack(seed)
        rate, dropout, clipnorm, delta, *constants = tf.unstack(numbers)
        loss_of, slope_of = loss_functions(tf, architecture.loss, delta, levels)
        n_rows = tf.shape(targets)[0] - 1

        def part_of(parameters, rows, dropout, seed):
            """Return the summed loss of some rows, and what gives its gradient."""
            begin = tf.gather(starts, rows)
            windows = tf.gather(base, begin + tf.range(window)[:, None])
            windows = (windows - windows[-1:] * is_centred) * factor
            outputs, backward = network.forward(
                parameters, windows, tf.gather(missing, rows), dropout, seed
            )
            error = outputs - tf.gather(targets, rows)
            weight = tf.gather(weights, rows)[:, None]
            loss = tf.reduce_sum(loss_of(error) * weight)
            return loss, lambda share: backward(slope_of(error) * (weight * share))

        def true_rows(rows):
            return tf.reduce_sum(tf.cast(rows < n_rows, tf.float32))

        def train_batch(order, start, total, step):
            rows = order[start : start + batch_size]
            n_filled = tf.shape(rows)[0]
            share = 1.0 / (true_rows(rows) * n_outputs)
            parameters = network.parameters(flat)

            def add_part(at, loss, gradient):
                some = tf.reshape(rows[at : at + rows_at_once], [_SHARDS, -1])
                for shard, part in enumerate(tf.unstack(some)):
                    shard_seed = seed + tf.stack([tf.cast(step, tf.int32), at + shard])
                    shard_loss, backward = part_of(
                        parameters, part, dropout, shard_seed
                    )
                    loss += shard_loss
                    gradient += backward(share)
                return at + rows_at_once, loss, gradient

            _, total, gradient = tf.while_loop(
                lambda at, *_: at < n_filled, add_part, [0, total, tf.zeros_like(flat)]
            )
            if architecture.is_clipped:
                gradient *= clipnorm / tf.maximum(tf.norm(gradient), clipnorm)
            apply_gradient(
                tf,
                architecture.optimizer,
                flat,
                slots,
                gradient,
                rate,
                step,
                constants,
                architecture.is_weight,
            )
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

        def validate_part(parameters, start, total):
            rows = validation_rows[start : start + rows_at_once]
            loss, _ = part_of(parameters, rows, None, seed)
            return start + rows_at_once, total + loss

        n_epochs = tf.shape(orders)[0]
        _, losses, step = tf.while_loop(
            lambda epoch, *_: epoch < n_epochs,
            train_epoch,
            [0, tf.TensorArray(tf.float32, n_epochs), step],
        )
        with tf.control_dependencies([step]):
            parameters = network.parameters(flat)
            _, total = tf.while_loop(
                lambda start, _: start < tf.shape(validation_rows)[0],
                lambda *state: validate_part(parameters, *state),
                [0, 0.0],
            )
        return losses.stack(), total / (true_rows(validation_rows) * n_outputs), step

    # Called as it is, it never traces again, nor does TensorFlow look whether to.
    return epochs.get_concrete_function()


# -- a fit --------------------------------------------------------------------------


def train_fused(
    recipe: Any,
    data: Any,
    plan: Any,
    monitor: Any,
    weights: list[np.ndarray],
    optimizer_state: list[np.ndarray] | None,
) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
    """Train with a graph call for an epoch, or for several short ones.

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
        n_done, is_stopped, is_interrupted = 0, False, False
        try:
            for orders in _orders(recipe.spec, data, plan):
                losses, validation_loss, step = program.epochs(
                    **arguments, orders=orders, step=step
                )
                last = float(validation_loss) if len(data.validation_rows) else None
                for loss in losses.numpy().tolist():
                    n_done += 1
                    if plan.verbose:
                        _print_epoch(n_done, plan.epochs, loss, last)
                    is_stopped |= monitor.after_epoch(
                        loss, last, lambda: architecture.weights(program.flat.numpy())
                    )
                if is_stopped:
                    break
        except KeyboardInterrupt:
            is_interrupted = True
        state = [np.float32(step), *(slot.numpy() for slot in program.slots)]
        result = architecture.weights(program.flat.numpy()), state, is_interrupted
    return result


def _orders(spec: NetworkSpec, data: Any, plan: Any) -> Iterator[np.ndarray]:
    """Yield the rows of some epochs, of shape (n_epochs, n_filled_rows)."""
    orders = itertools.islice(data.orders(plan.seed), plan.epochs)
    n_at_once = _epochs_at_once(spec, data, plan)
    while some := [
        _filled_batches(order, plan.batch_size, len(data.windows))
        for order in itertools.islice(orders, n_at_once)
    ]:
        yield some[0][None] if len(some) == 1 else np.stack(some)


def _epochs_at_once(spec: NetworkSpec, data: Any, plan: Any) -> int:
    """Return how many epochs one call trains: one, where each is watched."""
    if plan.verbose or len(data.validation_rows):
        return 1
    work = len(data.rows) * spec.window * sum(spec.units) * spec.n_directions
    return int(np.clip(_WORK_AT_ONCE // work, 1, _MOST_EPOCHS_AT_ONCE))


def _print_epoch(epoch: int, epochs: int, loss: float, val_loss: float | None) -> None:
    validation = "" if val_loss is None else f" - val_loss: {val_loss:.4g}"
    print(f"Epoch {epoch}/{epochs} - loss: {loss:.4g}{validation}", flush=True)


def _architecture_from(recipe: Any) -> Architecture:
    spec: NetworkSpec = recipe.spec
    return Architecture(
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
    architecture: Architecture, recipe: Any, data: Any, plan: Any
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
    states_per_row = spec.window * max(spec.units) * spec.n_directions
    rows_at_once = _filled_size(-(-_STATES_AT_ONCE // states_per_row))
    counts = [batch_size, rows_at_once, spec.window, *plan.seed]
    arguments = {
        "base": base,
        "channels": np.stack([is_centred, factor]),
        # One row more than there are, of weight 0, fills up batches.
        "starts": np.append(starts, starts[0]).astype(np.int32),
        "missing": np.append(spec.window - data.counts, 0).astype(np.int32),
        "targets": _with_zero_row(data.scaled_targets()),
        "weights": np.append(data.row_weights(), np.float32(0)),
        "validation_rows": _filled_batches(data.validation_rows, rows_at_once, n_rows),
        "levels": np.resize(np.float32(recipe.levels), spec.n_outputs),
        "counts": np.array(counts, np.int32),
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
    if size == batch_size and len(order) % _ROWS_MULTIPLE == 0:
        return order.astype(np.int32, copy=False)
    n_whole, n_rest = divmod(len(order), batch_size)
    whole, rest = np.split(order, [n_whole * batch_size])
    n_filled = n_whole * size
    filled = np.full(n_filled + _filled_size(n_rest), idle_row, dtype=np.int32)
    batches = filled[:n_filled].reshape(n_whole, size)
    batches[:, :batch_size] = whole.reshape(n_whole, batch_size)
    filled[n_filled : n_filled + n_rest] = rest
    return filled
