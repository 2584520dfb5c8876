"""The kernels that train and predict: the only file that calls the C++ extension.

A call returns after some hundredths of a second, so that an interrupt is heard; the
next call goes on with what it has done.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from typing import Any

import numpy as np

from sklstm.network._lstm import (
    NetworkSpec,
    Weights,
    build_keras_model,
    initial_weights,
    weight_shapes,
)
from sklstm.network._training import Monitor, Plan, Recipe, TrainingSet

try:
    import sklstm._lstm_kernels as extension
except ImportError as error:
    raise ImportError(
        "sklstm needs its compiled kernels, and this copy of the package has none "
        f"({error}). In a checkout run pip install -e ., or start Python elsewhere to "
        "use the installed package."
    ) from error

LOSSES = ("huber", "mse", "mae", "log_cosh")

# Numbers that an optimizer takes besides the learning rate, with Keras's defaults.
OPTIMIZERS: dict[str, dict[str, float]] = {
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "adamw": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": 0.004},
    "rmsprop": {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7},
    "sgd": {},
}

# Seconds after which a call that trains returns, and multiply-adds after which one that
# predicts does.
_SECONDS_AT_ONCE = 0.03
_WORK_AT_ONCE = 1 << 28

# Rows of all epochs whose orders are made at once.
_ROWS_AT_ONCE = 1 << 17

# Outputs in a panel of weights.
_PANEL = 12

# The level of instructions: the best that the processor has, or the one named here.
_LEVEL = os.environ.get("SKLSTM_LEVEL", "")


def levels() -> list[str]:
    """Return the levels of instructions that this processor has, the best last."""
    return extension.levels()


# -- networks and windows as the extension holds them -------------------------------


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

    It holds, for each cell and for the output layer, panels of 12 outputs by all that
    is read, and then the biases; both are filled up to whole panels. The outputs of a
    cell are its gate inputs: unit by unit, its four gates together.
    """
    places, used, shapes = [], 0, weight_shapes(spec)
    for at in range(0, len(shapes), 3):
        *kernels, (n_outputs,) = shapes[at : at + 3]
        n_read = sum(rows for rows, _ in kernels)
        n_filled = -(-n_outputs // _PANEL) * _PANEL
        block = used + np.arange((n_read + 1) * n_filled)
        panels = block[:-n_filled].reshape(-1, n_read, _PANEL).transpose(1, 0, 2)
        rows = np.vstack([panels.reshape(n_read, n_filled), block[-n_filled:]])
        order = np.arange(n_outputs)
        if len(kernels) == 2:
            order = order.reshape(-1, 4).T.ravel()
        places.append(rows[:, order].ravel())
        used += len(block)
    return np.concatenate(places)


def _flat(spec: NetworkSpec, weights: Weights) -> np.ndarray:
    """Return weights in Keras's order as the kernels hold them."""
    flat = np.zeros(_network(spec).n_weights, dtype=np.float32)
    flat[_places(spec)] = np.concatenate([array.ravel() for array in weights])
    return flat


def _listed(spec: NetworkSpec, flat: np.ndarray) -> Weights:
    """Return what the kernels hold as weights in Keras's order."""
    shapes = weight_shapes(spec)
    parts = np.split(flat[_places(spec)], np.cumsum([*map(math.prod, shapes)])[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _windows(
    spec: NetworkSpec,
    base: np.ndarray,
    starts: np.ndarray,
    counts: np.ndarray,
    is_centred: np.ndarray | None = None,
) -> Any:
    """Return windows of a scaled base, with so many true steps each."""
    n_missing = spec.n_steps - np.minimum(counts // spec.patch, spec.n_steps)
    zeros = np.zeros(spec.n_channels, dtype=np.float32)
    return extension.Windows(
        base,
        starts.astype(np.int32),
        n_missing.astype(np.int32) if n_missing.any() else None,
        zeros,
        zeros + 1,
        (zeros if is_centred is None else is_centred).astype(np.uint8),
    )


# -- prediction ---------------------------------------------------------------------


def outputs(
    spec: NetworkSpec,
    weights: Weights,
    inputs: np.ndarray,
    *,
    n_threads: int = 1,
    level: str = _LEVEL,
) -> np.ndarray:
    """Return the network's outputs, as ``forward`` of ``_lstm`` defines them.

    Each row is computed alone, its sums in one order: the result is the same bits
    whatever rows are beside it, and for any number of threads. The level is one of
    :func:`levels`; the best where it is empty.
    """
    result = np.empty((len(inputs), spec.n_outputs), dtype=np.float32)
    _predict(spec, weights, inputs, result, -1, n_threads, level)
    return result


def input_slopes(
    spec: NetworkSpec,
    weights: Weights,
    inputs: np.ndarray,
    output: int,
    *,
    level: str = _LEVEL,
) -> np.ndarray:
    """Return the gradients of one output by the inputs, in the shape of these.

    They are 0 at missing steps, and at steps that no patch reads (backpropagation
    through time: Werbos 1990, doi:10.1109/5.58337).
    """
    slopes = np.zeros(inputs.shape, dtype=np.float32)
    read = slopes[:, -spec.n_steps * spec.patch :]
    result = np.empty((len(inputs), math.prod(read.shape[1:])), dtype=np.float32)
    _predict(spec, weights, inputs, result, output, 1, level)
    read[:] = result.reshape(read.shape)
    return slopes


def _predict(spec, weights, inputs, result, output, n_threads, level):
    """Fill a result row by row: with outputs, or with the slopes of one of them."""
    base = np.ascontiguousarray(inputs, np.float32).reshape(-1, spec.n_channels)
    starts = np.arange(0, len(base), spec.window)
    counts = np.count_nonzero(~np.isnan(inputs[:, :, 0]), axis=1)
    windows = _windows(spec, base, starts, counts)
    network, flat = _network(spec), _flat(spec, weights)
    step = max(32, _WORK_AT_ONCE // (network.n_weights * spec.n_steps))
    for begin in range(0, len(inputs), step):
        rows = begin, min(begin + step, len(inputs))
        given = network, flat, windows, *rows, result, output
        extension.predict(*given, n_threads, level)


# -- training -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LSTMRecipe(Recipe):
    """The LSTM of a spec; numbers of its optimizer that are not :data:`OPTIMIZERS`'."""

    spec: NetworkSpec
    optimizer_params: Mapping[str, float] = field(default_factory=dict)

    @property
    def network(self) -> dict[str, Any]:
        """What a fit that goes on must leave as it was, by name."""
        return vars(self.spec)

    def first_weights(self, seed: int, has_highway: bool) -> tuple[Weights, bool]:
        """Return the weights to begin with, and whether missing steps are masked."""
        weights = initial_weights(self.spec, seed)
        if has_highway:
            weights[-2][:] = 0  # begin with the highway alone
        return weights, True

    def predictor(self, weights: Weights) -> Callable[..., np.ndarray]:
        """Return the function from scaled windows, and ``n_threads``, to outputs."""
        return partial(outputs, self.spec, weights)

    def keras_model(self, weights: Weights) -> Any:
        """Return the network with its weights as a ``keras.Model``."""
        model = build_keras_model(self.spec)
        model.set_weights(weights)
        return model

    def multiplied(self, weights: Weights, factor: float) -> Weights:
        """Return weights whose outputs are multiplied; None where that is unknown."""
        last = [(part * factor).astype(np.float32) for part in weights[-2:]]
        return [*weights[:-2], *last]

    def train(
        self,
        data: TrainingSet,
        plan: Plan,
        monitor: Monitor,
        weights: Weights,
        optimizer_state: Weights | None,
        *,
        level: str = _LEVEL,
    ) -> tuple[Weights, Weights]:
        """Train for some epochs; return weights and optimizer state after them.

        The monitor hears of every epoch, and is asked in between whether to stop. The
        state is the number of steps, and the optimizer's means in the shapes of the
        weights; None is that of a fresh optimizer.
        """
        trainer = self._trainer(data, plan, weights, optimizer_state, level)
        if plan.is_annealed:
            n_rows = plan.n_rows_of_batch(len(data.rows))
            trainer.anneal(plan.epochs * -(-len(data.rows) // n_rows))

        def get_best():
            # Where nobody looks at each epoch, the trainer may have done more of them.
            flat = trainer.weights if monitor.is_watched else trainer.best_weights
            return _listed(self.spec, flat)

        # Orders of the rows are made beforehand, of as many epochs as fit.
        n_at_once = int(np.clip(_ROWS_AT_ONCE // len(data.rows), 1, 64))
        n_at_once = 1 if monitor.is_watched else n_at_once
        orders = islice(data.orders(plan.seed), plan.epochs)
        while not monitor.is_over and (some := list(islice(orders, n_at_once))):
            monitor.before_epoch()
            patience = plan.patience or plan.epochs
            trainer.begin(np.stack(some), data.validation_rows, patience)
            n_told, is_done = 0, False
            while not (is_done or monitor.interrupt.is_set):
                is_done = trainer.go_on(_SECONDS_AT_ONCE)
                for loss, validation_loss in trainer.losses[n_told:]:
                    if not len(data.validation_rows):
                        validation_loss = None
                    monitor.after_epoch(loss, validation_loss, get_best)
                    n_told += 1
        state = [np.array(trainer.n_steps, np.float64)]
        for slot in range(0 if self.optimizer == "sgd" else 2):
            state += _listed(self.spec, trainer.slot(slot))
        return _listed(self.spec, trainer.weights), state

    def _trainer(self, data, plan, weights, optimizer_state, level):
        """Return the extension's trainer, which holds weights and optimizer."""
        spec, n = self.spec, len(weights)
        numbers = OPTIMIZERS[self.optimizer] | dict(self.optimizer_params)
        clipnorm = numbers.pop("global_clipnorm", 0.0)
        n_steps, *means = optimizer_state or [0]
        seeds = np.random.SeedSequence([*plan.seed, 2])
        base, starts = data.base()
        return extension.Trainer(
            _network(spec),
            _windows(spec, base, starts, data.counts, data.scaling.is_centred),
            data.scaled_targets(),
            None if data.weights is None else data.weights.astype(np.float32),
            np.resize(np.array(self.levels, np.float32), spec.n_outputs),
            "quantile" if self.quantiles is not None else self.loss,
            _flat(spec, weights),
            [_flat(spec, means[at : at + n]) for at in range(0, len(means), n)],
            self.optimizer,
            [plan.learning_rate, *numbers.values(), *[0.0] * (4 - len(numbers))],
            clipnorm,
            int(n_steps),
            plan.n_rows_of_batch(len(data.rows)),
            spec.dropout,
            int(seeds.generate_state(1, np.uint64)[0]),
            plan.n_threads,
            level,
        )
