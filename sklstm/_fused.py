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

import functools
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from sklstm._backend import backend
from sklstm._epochs import N_SLOTS, SHARDS, traced_epochs
from sklstm._graph import Architecture
from sklstm._interrupts import let_interrupt_through
from sklstm._network import NetworkSpec
from sklstm._windows import row_slices

__all__ = ["train_fused"]

# Programs kept for later fits.
_MOST_PROGRAMS = 16

# Batches are filled up to a multiple of this, so that shards are even.
_ROWS_MULTIPLE = 2 * SHARDS

# Hidden states (rows * window * units) that are held at once; a larger batch is
# computed in parts, whose gradients are added. The kernel keeps seven such numbers.
_STATES_AT_ONCE = 1 << 19

# Epochs in one call: so many that a call takes some hundredths of a second, counted
# in rows * window * units.
_WORK_AT_ONCE = 1 << 20
_MOST_EPOCHS_AT_ONCE = 64

# Patience of fits that do not stop early.
_ENDLESS = np.iinfo(np.int32).max


_lock = threading.Lock()


@functools.lru_cache(_MOST_PROGRAMS)
def _program(architecture: Architecture, in_parts: bool) -> Any:
    """Return the traced program of an architecture, which fits in all threads share."""
    return traced_epochs(backend("tensorflow"), architecture, in_parts)


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
    recipe : LSTMRecipe
        What to train.
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
    if recipe.spec.activation != "tanh":
        raise ValueError(
            "The fused engine trains networks with activation='tanh'. Got "
            f"activation={recipe.spec.activation!r}; set 'tanh'."
        )
    architecture = _architecture_from(recipe)
    with _lock:
        in_parts = plan.batch_size > _rows_at_once(recipe.spec)
        program = _program(architecture, in_parts)
    fixed = _fixed_arguments(architecture, recipe, data, plan)
    n_steps, changing = _beginning(architecture, weights, optimizer_state)
    is_stopped, is_interrupted = False, False
    try:
        n_at_once = 1 if monitor.is_watched else _epochs_at_once(recipe.spec, data)
        for orders in _orders(data, plan, n_at_once):
            flat = changing["state"][0]
            monitor.before_epoch(functools.partial(_weights, architecture, flat))
            arguments = _arguments_of_call(recipe, data, plan, n_steps, orders)
            result = program(fixed | changing | arguments)
            changing = {name: result[name] for name in changing}
            losses = _losses(result, data, orders, architecture.n_outputs)
            n_steps += len(losses) * plan.n_batches(len(data.rows))
            # Of several epochs only the best weights have been kept.
            flat = changing["state" if len(losses) == 1 else "best"][0]
            get_weights = functools.partial(_weights, architecture, flat)
            for loss, validation_loss in losses:
                is_stopped |= monitor.after_epoch(loss, validation_loss, get_weights)
            if is_stopped:
                break
            let_interrupt_through()
    except KeyboardInterrupt:
        is_interrupted = True
    weights, *slots = (_weights(architecture, part) for part in changing["state"])
    state = [np.array(n_steps, np.float64), *itertools.chain(*slots)]
    return weights, state, is_interrupted


def _losses(
    result: dict[str, Any], data: Any, orders: np.ndarray, n_outputs: int
) -> list[tuple[float, float | None]]:
    """Return the mean loss of each epoch that a call trained, and of its validation."""
    sums = result["losses"].numpy().reshape(len(orders), -1).sum(axis=1)
    losses = (sums / (len(data.rows) * n_outputs)).tolist()
    n_validated = len(data.validation_rows) * n_outputs
    if not n_validated:
        return [(loss, None) for loss in losses]
    validation = result["validation_losses"].numpy().astype(np.float64) / n_validated
    pairs = zip(losses, validation.tolist(), strict=True)
    return list(pairs)[: int(result["n_epochs"])]


def _orders(data: Any, plan: Any, n_at_once: int) -> Iterator[np.ndarray]:
    """Yield the rows of some epochs, of shape (n_epochs, n_filled_rows)."""
    orders = itertools.islice(data.orders(plan.seed), plan.epochs)
    while some := [
        _filled_batches(order, plan.batch_size, len(data.windows))
        for order in itertools.islice(orders, n_at_once)
    ]:
        yield some[0][None] if len(some) == 1 else np.stack(some)


def _epochs_at_once(spec: NetworkSpec, data: Any) -> int:
    """Return how many epochs one call trains, where nobody looks at each."""
    work = len(data.rows) * spec.n_steps * sum(spec.units) * spec.n_directions
    return int(np.clip(_WORK_AT_ONCE // work, 1, _MOST_EPOCHS_AT_ONCE))


def _architecture_from(recipe: Any) -> Architecture:
    spec: NetworkSpec = recipe.spec
    return Architecture(
        n_channels=spec.n_inputs,
        n_outputs=spec.n_outputs,
        units=spec.units,
        n_directions=spec.n_directions,
        has_dropout=spec.dropout > 0,
        is_masked=spec.is_masked,
        loss="quantile" if recipe.quantiles else recipe.loss,
        optimizer=recipe.optimizer,
        is_clipped="global_clipnorm" in recipe.numbers,
        patch=spec.patch,
    )


def _beginning(
    architecture: Architecture,
    weights: list[np.ndarray],
    optimizer_state: list[np.ndarray] | None,
) -> tuple[int, dict[str, Any]]:
    """Return how many steps are done, and the arguments that a call changes.

    The optimizer's state is kept in the shapes of the weights, so that it fits a
    network that has learned to mask since.
    """
    flat, n_weights = architecture.flat(weights), len(weights)
    if optimizer_state is None:
        slots = [np.zeros_like(flat)] * N_SLOTS[architecture.optimizer]
        n_steps = 0
    else:
        n_steps, of_weights = int(optimizer_state[0]), optimizer_state[1:]
        slots = [
            architecture.flat(of_weights[at : at + n_weights]) * architecture.is_weight
            for at in range(0, len(of_weights), n_weights)
        ]
    tf = backend("tensorflow")
    state = [tf.constant(part) for part in [flat, *slots]]
    best = [state[0], tf.constant(np.inf), tf.constant(0)]
    return n_steps, {"state": state, "best": best}


def _weights(architecture: Architecture, flat: Any) -> list[np.ndarray]:
    """Return a flat tensor as weights in Keras's order."""
    return architecture.weights(flat.numpy())


def _fixed_arguments(
    architecture: Architecture, recipe: Any, data: Any, plan: Any
) -> dict[str, Any]:
    """Return what stays the same in all calls of a fit, as the program takes it.

    Standardised channels are scaled here, once; centred ones in the graph, where the
    newest value of each window is at hand.
    """
    tf = backend("tensorflow")
    spec = recipe.spec
    missing = np.zeros(1, np.int32)
    if architecture.reads_missing:
        n_true = np.minimum(data.counts // spec.patch, spec.n_steps)
        missing = np.append(spec.n_steps - n_true, 0).astype(np.int32)
    base, channels, starts = _base(architecture, data)
    n_rows = len(data.windows)
    # One row more than there are, of weight 0, fills up batches.
    starts = np.append(starts, np.int32(0)) + np.int32(spec.window % spec.patch)
    arguments = {
        "base": base,
        "channels": channels,
        "starts": starts,
        "missing": missing,
        "targets": _targets_and_weights(data),
        "validation_rows": _filled_batches(
            data.validation_rows, _rows_at_once(spec), n_rows
        ),
        "levels": np.resize(np.float32(recipe.levels), spec.n_outputs),
        "numbers": _numbers(recipe, plan),
    }
    return {name: tf.constant(value) for name, value in arguments.items()}


def _base(architecture: Architecture, data: Any) -> tuple[np.ndarray, ...]:
    """Return the steps of all windows, channel facts, and where each row's begins."""
    raw, starts = data.base()
    scaling = data.scaling
    n_columns = architecture.n_columns
    base = np.zeros((len(raw), n_columns), dtype=np.float32)
    is_centred = np.zeros(n_columns, dtype=np.float32)
    factor = np.ones(n_columns, dtype=np.float32)
    is_missing = np.isnan(raw[:, 0])
    for channel in range(raw.shape[1]):
        values, scale = base[:, channel], scaling.input_scale[channel]
        values[:] = raw[:, channel]
        if scaling.is_centred[channel]:
            is_centred[channel], factor[channel] = 1, 1 / scale
        else:
            values -= scaling.input_mean[channel]
            values /= scale
        values[is_missing] = 0
    if architecture.is_masked:
        base[:, -1] = is_missing
    return base, np.stack([is_centred, factor]), starts


def _numbers(recipe: Any, plan: Any) -> np.ndarray:
    """Return the numbers of optimizer and loss in the order of the program."""
    constants = recipe.numbers
    clipnorm = constants.pop("global_clipnorm", 0.0)
    # Huber's loss is the squared error up to 1.
    numbers = [plan.learning_rate, recipe.spec.dropout, clipnorm, 1.0]
    numbers += constants.values()
    return np.array(numbers + [0.0] * (8 - len(numbers)), np.float32)


def _arguments_of_call(
    recipe: Any, data: Any, plan: Any, n_steps: int, orders: np.ndarray
) -> dict[str, Any]:
    """Return what a call is told of its own epochs.

    Where nothing is validated between them, they are one long epoch to the program,
    which is faster.
    """
    spec, n_epochs = recipe.spec, 1
    if not len(data.validation_rows):
        n_epochs, orders = len(orders), orders.reshape(1, -1)
    ends, shares = _batches(len(data.rows), plan.batch_size, spec.n_outputs, n_epochs)
    patience = _ENDLESS if plan.patience is None else plan.patience
    n_read = spec.n_steps * spec.patch
    counts = [_rows_at_once(spec), n_read, n_steps, patience, *plan.seed]
    arguments = {
        "order": orders,
        "ends": ends,
        "shares": shares,
        "sizes": _step_sizes(
            recipe, plan, len(data.rows), n_steps, len(orders) * len(ends)
        ),
        "counts": np.array(counts, np.int32),
    }
    return {name: backend("tensorflow").constant(a) for name, a in arguments.items()}


def _step_sizes(
    recipe: Any, plan: Any, n_rows: int, n_steps: int, n_more: int
) -> np.ndarray:
    """Return the sizes of the next steps; with Adam, without the bias of its means.

    They are computed here and not in the graph, whose powers differ in the last bit
    with the number of them.
    """
    rate, beta_1, beta_2 = _numbers(recipe, plan)[[0, 4, 5]].astype(np.float64)
    sizes = np.full(n_more, rate)
    if recipe.optimizer in ("adam", "adamw"):
        steps = np.arange(n_steps + 1, n_steps + n_more + 1)
        sizes *= np.sqrt(1 - beta_2**steps) / (1 - beta_1**steps)
    done = np.arange(n_steps, n_steps + n_more)
    factors = plan.rate_factors(done, plan.n_batches(n_rows))
    return (sizes * factors).astype(np.float32)


def _batches(
    n_rows: int, batch_size: int, n_outputs: int, n_epochs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return where filled batches end, and the share of a target in a batch's mean."""
    sizes = np.full(-(-n_rows // batch_size), batch_size)
    sizes[-1] = n_rows - batch_size * (len(sizes) - 1)
    sizes = np.tile(sizes, n_epochs)
    filled = [_filled_size(size) for size in sizes]
    ends = np.cumsum(filled)[:, None].astype(np.int32)
    return ends, (1 / (sizes * n_outputs)).astype(np.float32)


def _targets_and_weights(data: Any) -> np.ndarray:
    """Return scaled targets and weights as columns; the last row is the idle one."""
    table = np.zeros((len(data.windows) + 1, data.targets.shape[1] + 1), np.float32)
    for rows in row_slices(data.windows, len(data.windows)):
        table[:-1][rows, :-1] = data.scaled_targets(rows)
    table[:-1, -1] = 1 if data.weights is None else data.weights
    return table


def _rows_at_once(spec: NetworkSpec) -> int:
    """Return how many rows are computed at once at most."""
    states_per_row = spec.n_steps * max(spec.units) * spec.n_directions
    return _filled_size(-(-_STATES_AT_ONCE // states_per_row))


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
