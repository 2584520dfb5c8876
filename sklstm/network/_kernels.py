"""The kernels that train and predict: the only file that calls the C++ extension.

A call returns after some hundredths of a second, whatever the size of an epoch, so that
an interrupt is heard. What it has done until then stays in the trainer, and the next
call goes on with it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from sklstm.network._interrupts import let_interrupt_through
from sklstm.network._network import NetworkSpec, weight_shapes
from sklstm.windows._array import row_slices

try:
    import sklstm._lstm_kernels as extension
except ImportError as error:
    raise ImportError(
        "sklstm needs its compiled kernels, and this copy of the package has none "
        f"({error}). In a checkout run pip install -e ., or start Python elsewhere to "
        "use the installed package."
    ) from error

__all__ = ["input_slopes", "levels", "outputs", "train"]

# Seconds after which a call that trains returns, and multiply-adds after which one that
# predicts does.
_SECONDS_AT_ONCE = 0.03
_WORK_AT_ONCE = 1 << 28

_MOST_THREADS = 64

# Rows of all epochs whose orders are made at once.
_ROWS_AT_ONCE = 1 << 17

# Means that an optimizer keeps of each weight.
_N_SLOTS = {"adam": 2, "adamw": 2, "rmsprop": 2, "sgd": 0}

# Outputs in a panel of weights.
_PANEL = 12

# The level of instructions: the best that the processor has, or the one named here.
_LEVEL = os.environ.get("SKLSTM_LEVEL", "")


def levels() -> list[str]:
    """Return the levels of instructions that this processor has, the best last."""
    return extension.levels()


# -- networks -----------------------------------------------------------------------


@lru_cache(64)
def _network(spec: NetworkSpec) -> Any:
    """Return the extension's network of a spec."""
    return extension.Network(
        spec.window,
        spec.n_channels,
        spec.patch,
        list(spec.units),
        spec.n_directions,
        spec.n_outputs,
        spec.activation == "relu",
    )


@lru_cache(64)
def _places(spec: NetworkSpec) -> np.ndarray:
    """Return where in the flat vector each weight lies, in the order of their list.

    The flat vector holds, for each cell, panels of 12 gate inputs (unit by unit, its
    four gates together) by all that the cell reads, and the biases; last the output
    layer in panels, and its bias.
    """
    places, used = [], 0
    shapes = weight_shapes(spec)
    for at in range(0, len(shapes) - 2, 3):
        (n_inputs, n_gates), (units, _), _ = shapes[at : at + 3]
        of_gate = np.arange(n_gates).reshape(units, 4).T.ravel()
        panels, used = _panels(n_inputs + units, n_gates, used)
        places += [panels[:n_inputs, of_gate], panels[n_inputs:, of_gate]]
        places.append(used + of_gate)
        used += _filled(n_gates)
    n_features, n_outputs = shapes[-2]
    panels, used = _panels(n_features, n_outputs, used)
    places += [panels, used + np.arange(n_outputs)]
    return np.concatenate([part.ravel() for part in places])


def _filled(n_outputs: int) -> int:
    """Return the outputs of panels that are filled up."""
    return -(-n_outputs // _PANEL) * _PANEL


def _panels(n_inputs: int, n_outputs: int, begin: int) -> tuple[np.ndarray, int]:
    """Return where weights (n_inputs, n_outputs) lie in panels, and where these end."""
    filled = _filled(n_outputs)
    places = np.arange(begin, begin + filled * n_inputs)
    panels = places.reshape(-1, n_inputs, _PANEL).transpose(1, 0, 2)
    return panels.reshape(n_inputs, filled)[:, :n_outputs], begin + len(places)


def _flat(spec: NetworkSpec, weights: list[np.ndarray]) -> np.ndarray:
    """Return weights in Keras's order as the kernels hold them."""
    flat = np.zeros(_network(spec).n_weights, dtype=np.float32)
    flat[_places(spec)] = np.concatenate([array.ravel() for array in weights])
    return flat


def _listed(spec: NetworkSpec, flat: np.ndarray) -> list[np.ndarray]:
    """Return what the kernels hold as weights in Keras's order."""
    values, begin, listed = flat[_places(spec)], 0, []
    for shape in weight_shapes(spec):
        end = begin + int(np.prod(shape))
        listed.append(values[begin:end].reshape(shape))
        begin = end
    return listed


# -- prediction ---------------------------------------------------------------------


def outputs(
    spec: NetworkSpec,
    weights: list[np.ndarray],
    inputs: np.ndarray,
    *,
    n_threads: int = 1,
    level: str = _LEVEL,
) -> np.ndarray:
    """Return the network's outputs, as ``forward`` of ``_network`` defines them.

    Each row is computed alone, its sums in one order: the result is the same bits
    whatever rows are beside it, and for any number of threads.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    weights : list of ndarray
        In Keras's order.
    inputs : ndarray of shape (n_rows, window, n_channels), float32
        Scaled windows; missing steps are NaN, the oldest of their window.
    n_threads : int, default=1
        Threads that share the rows.
    level : str, default=""
        One of :func:`levels`; the best where it is empty.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs), float32
    """
    result = np.empty((len(inputs), spec.n_outputs), dtype=np.float32)
    _predict(spec, weights, inputs, result, -1, n_threads, level)
    return result


def input_slopes(
    spec: NetworkSpec,
    weights: list[np.ndarray],
    inputs: np.ndarray,
    output: int,
    *,
    n_threads: int = 1,
    level: str = _LEVEL,
) -> np.ndarray:
    """Return the gradients of an output with respect to the inputs.

    Parameters
    ----------
    spec, weights, inputs, n_threads, level
        As in :func:`outputs`.
    output : int
        Position of the output.

    Returns
    -------
    ndarray of shape (n_rows, window, n_channels), float32
        0 at missing steps, and at steps that no patch reads.

    References
    ----------
    Werbos 1990, "Backpropagation through time: what it does and how to do it",
    doi:10.1109/5.58337.
    """
    n_read = spec.n_steps * spec.patch
    result = np.empty((len(inputs), n_read * spec.n_channels), dtype=np.float32)
    _predict(spec, weights, inputs, result, output, n_threads, level)
    slopes = np.zeros(inputs.shape, dtype=np.float32)
    shape = len(inputs), n_read, spec.n_channels
    slopes[:, spec.window - n_read :] = result.reshape(shape)
    return slopes


def _predict(spec, weights, inputs, result, output, n_threads, level):
    """Fill a result row by row."""
    n_rows, window, n_channels = inputs.shape
    windows = extension.Windows(
        np.ascontiguousarray(inputs, dtype=np.float32).reshape(-1, n_channels),
        np.arange(0, n_rows * window, window, dtype=np.int32),
        _missing_steps(spec, np.count_nonzero(~np.isnan(inputs[:, :, 0]), axis=1)),
        np.zeros(n_channels, dtype=np.float32),
        np.ones(n_channels, dtype=np.float32),
        np.zeros(n_channels, dtype=np.uint8),
    )
    network, flat = _network(spec), _flat(spec, weights)
    n_threads = min(n_threads, _MOST_THREADS)
    step = _rows_at_once(spec)
    for begin in range(0, n_rows, step):
        end = min(begin + step, n_rows)
        extension.predict(
            network, flat, windows, begin, end, result, output, n_threads, level
        )


def _missing_steps(spec: NetworkSpec, counts: np.ndarray) -> np.ndarray | None:
    """Return how many steps the network skips of each window; None where it skips none.

    Parameters
    ----------
    counts : ndarray of shape (n_rows,)
        True steps of each window; a patch that lacks one is skipped.
    """
    n_missing = spec.n_steps - np.minimum(counts // spec.patch, spec.n_steps)
    return n_missing.astype(np.int32) if n_missing.any() else None


def _rows_at_once(spec: NetworkSpec) -> int:
    """Return how many rows are predicted in a call."""
    n_weights = _network(spec).n_weights
    return max(32, _WORK_AT_ONCE // (n_weights * spec.n_steps))


# -- training -----------------------------------------------------------------------


def train(
    recipe: Any,
    data: Any,
    plan: Any,
    monitor: Any,
    weights: list[np.ndarray],
    optimizer_state: list[np.ndarray] | None,
    *,
    level: str = _LEVEL,
) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
    """Train the network of an :class:`sklstm.network._lstm.LSTMRecipe` for some epochs.

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
    weights : list of ndarray
        What to begin with.
    optimizer_state : list of ndarray or None
        The number of steps, and the optimizer's means in the shapes of the weights;
        None for a fresh one.
    level : str, default=""
        One of :func:`levels`; the best where it is empty.

    Returns
    -------
    weights, optimizer_state : list of ndarray
        After the last epoch.
    is_interrupted : bool
        Whether the user interrupted training.
    """
    spec = recipe.spec
    trainer = _trainer(recipe, data, plan, weights, optimizer_state, level)
    if plan.is_annealed:
        trainer.anneal(plan.epochs * plan.n_batches(len(data.rows)))

    def get_weights():
        return _listed(spec, trainer.weights)

    def get_best():
        # Where nobody looks at each epoch, the trainer may have done more of them.
        is_now = monitor.is_watched
        return _listed(spec, trainer.weights if is_now else trainer.best_weights)

    is_interrupted = is_over = False
    patience = min(plan.patience or plan.epochs, plan.epochs)
    n_at_once = 1 if monitor.is_watched else _epochs_at_once(len(data.rows))
    orders = islice(data.orders(plan.seed), plan.epochs)
    try:
        while not is_over and (some := list(islice(orders, n_at_once))):
            monitor.before_epoch(get_weights)
            trainer.begin(np.stack(some), data.validation_rows, patience)
            n_told, is_done = 0, False
            while not is_done:
                is_done = trainer.go_on(_SECONDS_AT_ONCE)
                for loss, validation_loss in trainer.losses[n_told:]:
                    if not len(data.validation_rows):
                        validation_loss = None
                    is_over |= monitor.after_epoch(loss, validation_loss, get_best)
                    n_told += 1
                let_interrupt_through()
    except KeyboardInterrupt:
        is_interrupted = True
    state = [np.array(trainer.n_steps, np.float64)]
    for slot in range(_N_SLOTS[recipe.optimizer]):
        state += _listed(spec, trainer.slot(slot))
    return get_weights(), state, is_interrupted


def _epochs_at_once(n_rows: int) -> int:
    """Return how many epochs the trainer is given, whose orders are made beforehand."""
    return int(np.clip(_ROWS_AT_ONCE // n_rows, 1, 64))


def _trainer(recipe, data, plan, weights, optimizer_state, level):
    """Return the extension's trainer, which holds weights and optimizer."""
    spec, numbers = recipe.spec, dict(recipe.numbers)
    clipnorm = numbers.pop("global_clipnorm", 0.0)
    n_steps, slots = 0, []
    if optimizer_state is not None:
        n_steps, n = int(optimizer_state[0]), len(weights)
        slots = [
            _flat(spec, optimizer_state[1 + slot * n : 1 + (slot + 1) * n])
            for slot in range(_N_SLOTS[recipe.optimizer])
        ]
    has_quantiles = recipe.quantiles is not None
    return extension.Trainer(
        _network(spec),
        _windows(spec, data),
        _targets(data),
        None if data.weights is None else data.weights.astype(np.float32),
        np.resize(np.float32(recipe.levels), spec.n_outputs),
        "quantile" if has_quantiles else recipe.loss,
        _flat(spec, weights),
        slots,
        recipe.optimizer,
        [plan.learning_rate, *numbers.values(), *[0.0] * (4 - len(numbers))],
        clipnorm,
        n_steps,
        min(plan.batch_size, len(data.windows)),
        spec.dropout,
        int(np.random.SeedSequence([*plan.seed, 2]).generate_state(1, np.uint64)[0]),
        min(plan.n_threads, _MOST_THREADS),
        level,
    )


def _windows(spec: NetworkSpec, data: Any) -> Any:
    """Return the windows of a training set: raw steps, and how they are scaled."""
    base, starts = data.base()
    scaling = data.scaling
    return extension.Windows(
        np.ascontiguousarray(base),
        starts,
        _missing_steps(spec, data.counts) if spec.is_masked else None,
        scaling.input_mean,
        scaling.input_scale,
        scaling.is_centred.astype(np.uint8),
    )


def _targets(data: Any) -> np.ndarray:
    """Return the scaled targets of all rows."""
    targets = np.empty(data.targets.shape, dtype=np.float32)
    for rows in row_slices(data.windows, len(data.windows)):
        targets[rows] = data.scaled_targets(rows)
    return targets
