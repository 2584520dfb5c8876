"""The general way to train: scikeras builds and compiles, Keras runs the epochs.

The only file that imports scikeras. Its ``KerasRegressor`` routes ``model__…``,
``optimizer__…`` and ``loss__…`` parameters to a builder and to ``compile``; its own
``fit`` is not used, because it seeds global generators, keeps copies of all windows
and cannot be told which rows to validate on.

Keras traces a new graph for every compiled model, which takes seconds and memory that
never comes back. Networks of our own spec are therefore kept compiled, a few of them,
and lent to one fit at a time with weights, optimizer and seeds set anew.
"""

from __future__ import annotations

import functools
import gc
import inspect
import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklstm._backend import backend, untouched_random
from sklstm._interrupts import let_interrupt_through
from sklstm._network import MISSING, NetworkSpec, build_keras_model
from sklstm._pool import Pool

__all__ = [
    "Recipe",
    "build_compiled_model",
    "has_masking",
    "predict_with_keras",
    "train_with_keras",
]

# Compiled models kept for later fits, and rows in a validation or prediction batch.
_MOST_MODELS = 16
_ROWS_AT_ONCE = 1024

# scikeras and Keras count and seed in globals while they build.
_building = threading.Lock()


@dataclass(frozen=True)
class Recipe:
    """What a compiled model is made from.

    Parameters
    ----------
    spec : NetworkSpec
        Shapes; and the network itself where there is no builder.
    builder : callable, optional
        The user's own builder.
    optimizer, loss : str or callable
        What ``compile`` takes.
    routed : mapping
        ``model__…``, ``optimizer__…``, ``loss__…`` and ``compile__…`` parameters.
    levels : tuple of float
        Levels of the loss ``"quantile"``; outputs take them in turn.
    """

    spec: NetworkSpec
    builder: Callable | None = None
    optimizer: Any = "adam"
    loss: Any = "mse"
    routed: Mapping[str, Any] = field(default_factory=dict)
    levels: tuple[float, ...] = (0.5,)

    def has_network_of(self, other: Recipe) -> bool:
        """Return whether both recipes make the same network, however compiled."""
        return (self.spec, self.builder, self._network_parameters()) == (
            other.spec,
            other.builder,
            other._network_parameters(),
        )

    def _network_parameters(self) -> dict[str, Any]:
        return {k: v for k, v in self.routed.items() if k.startswith("model__")}

    @property
    def is_ours(self) -> bool:
        """Return whether the network is of our own spec, not a user's builder."""
        return self.builder is None

    def key(self) -> Any:
        """Return what compiled models are filed under, None if they are not kept."""
        if not self.is_ours:
            return None
        routed = tuple(sorted(self.routed.items()))
        key = (self.spec, self.optimizer, self.loss, self.levels, routed)
        try:
            hash(key)
        except TypeError:
            return None
        return key


@dataclass
class _CompiledModel:
    """A compiled model, and its optimizer's variables as they were at first."""

    model: Any
    fresh_state: list[np.ndarray]


_models: Pool[_CompiledModel] = Pool(_MOST_MODELS)


def train_with_keras(
    recipe: Recipe,
    data: Any,
    plan: Any,
    monitor: Any,
    weights: list[np.ndarray],
    optimizer_state: list[np.ndarray] | None,
) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
    """Train with ``keras.Model.fit``.

    Parameters
    ----------
    recipe : Recipe
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
        What to begin with; None for a fresh one.

    Returns
    -------
    weights, optimizer_state : list of ndarray
        After the last epoch.
    is_interrupted : bool
        Whether the user interrupted training.
    """
    keras = backend("keras")
    with _models.lent(recipe.key(), lambda: _made_model(recipe, plan)) as lent:
        model = lent.model
        model.set_weights(weights)
        _set_variables(model.optimizer.variables, lent.fresh_state)
        has_given_rate = (
            recipe.is_ours and "optimizer__learning_rate" not in recipe.routed
        )
        rate = plan.learning_rate if has_given_rate else _rate_of(model.optimizer)
        fresh = lent.fresh_state
        if optimizer_state is not None and _shapes(optimizer_state) == _shapes(fresh):
            _set_variables(model.optimizer.variables, optimizer_state)
        if rate is not None:
            model.optimizer.learning_rate = rate
        _seed_dropout(model, plan.seed)
        training = _batches(keras, data, data.rows, plan.batch_size)
        validation = None
        if len(data.validation_rows):
            validation = _batches(keras, data, data.validation_rows, _ROWS_AT_ONCE)
        listeners = [_listener(keras, monitor, training, data.orders(plan.seed))]
        if plan.is_annealed and rate is not None:
            listeners.append(_annealer(keras, rate, plan.rate_factors, len(training)))
        is_interrupted = False
        try:
            with _retracing_unsaid():
                model.fit(
                    training,
                    epochs=plan.epochs,
                    validation_data=validation,
                    shuffle=False,
                    verbose=0,
                    callbacks=[*listeners, *plan.callbacks],
                )
        except KeyboardInterrupt:
            is_interrupted = True
        finally:
            # TensorFlow keeps the generators of a fit for as long as the process runs,
            # and after an interrupt its threads may go on reading for a while.
            training.release()
            if validation is not None:
                validation.release()
            model._eval_epoch_iterator = None
        if is_interrupted:
            # The half-read batches refer to themselves, and TensorFlow's threads must
            # not find Python gone when they let go of them.
            gc.collect()
        state = _copied(model.optimizer.variables)
        result = model.get_weights(), state, is_interrupted
    return result


def predict_with_keras(model: Any, inputs: np.ndarray) -> np.ndarray:
    """Return a Keras model's outputs for normalised windows, batch by batch.

    Parameters
    ----------
    model : keras.Model
        Any model from windows to outputs.
    inputs : ndarray of shape (n_rows, window, n_channels), float32
        Without NaN.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs), float32
    """
    with _retracing_unsaid():
        parts = [
            np.asarray(model.predict_on_batch(inputs[start : start + _ROWS_AT_ONCE]))
            for start in range(0, len(inputs), _ROWS_AT_ONCE)
        ]
    return np.concatenate(parts).reshape(len(inputs), -1)


@contextmanager
def _retracing_unsaid() -> Iterator[None]:
    """Keep TensorFlow from warning of the trace that every new model needs once."""

    def is_other(record):
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def build_compiled_model(recipe: Recipe, seed: int, learning_rate: float) -> Any:
    """Return the compiled model of a builder, its random weights drawn from a seed.

    Parameters
    ----------
    recipe : Recipe
        With a builder; our own specs are built like any other.
    seed : int
        Of the initial weights of layers whose initializers have no seed themselves.
    learning_rate : float
        For the optimizer, unless it is routed or the builder compiles by itself.

    Raises
    ------
    ValueError
        If the model's output does not fit the target.
    """
    scikeras = backend("scikeras.wrappers")
    spec = recipe.spec
    builder = recipe.builder or functools.partial(build_keras_model, spec)
    routed = {"optimizer__learning_rate": learning_rate, **recipe.routed}
    wrapper = scikeras.KerasRegressor(
        model=_compiling(builder),
        optimizer=recipe.optimizer,
        loss=_loss_from(recipe),
        **routed,
    )
    wrapper.mask_value_ = float(MISSING)
    # scikeras reads shapes from data; constants of the right shape serve.
    inputs = np.broadcast_to(np.float32(0.5), (2, spec.n_steps, spec.n_inputs))
    shape = (2,) if spec.n_outputs == 1 else (2, spec.n_outputs)
    targets = np.full(shape, 0.5, dtype=np.float32)
    with _building, untouched_random(), warnings.catch_warnings():
        # Raised by scikeras on any current scikit-learn, about its own tags.
        warnings.filterwarnings("ignore", module="scikeras|sklearn")
        model = wrapper.initialize(inputs, targets).model_
    if not recipe.is_ours:
        built: Any = tuple(model.output_shape[1:]) if model.built else "no input shape"
        if built != (spec.n_outputs,):
            raise ValueError(
                "The 'model' parameter of LSTMRegressor must build a network with "
                f"outputs of shape ({spec.n_outputs},), one per target. Got {built}; "
                "begin it with keras.Input(meta['X_shape_'][1:]) and end it in "
                "keras.layers.Dense(meta['n_outputs_'])."
            )
        _draw_weights(model, seed)
    model.optimizer.build(model.trainable_variables)
    return model


def _loss_from(recipe: Recipe) -> Any:
    """Return the loss, as a class where parameters are routed to one named."""
    if recipe.loss == "quantile":
        return _quantile_loss(recipe.levels)
    has_parameters = any(name.startswith("loss__") for name in recipe.routed)
    if not has_parameters or not isinstance(recipe.loss, str):
        return recipe.loss
    losses = backend("keras").losses
    words = losses.get(recipe.loss).__name__.split("_")
    return getattr(losses, "".join(word.capitalize() for word in words))


def _quantile_loss(levels: tuple[float, ...]) -> Callable:
    """Return the pinball loss (Koenker & Bassett 1978, doi:10.2307/1913643)."""
    keras = backend("keras")

    def quantile(y_true, y_pred):
        error = y_pred - y_true
        over = np.resize(1 - np.float32(levels), y_pred.shape[-1])
        return keras.ops.mean(
            keras.ops.maximum(over * error, (over - 1) * error), axis=-1
        )

    return quantile


def has_masking(model: Any) -> bool:
    """Return whether a model masks missing steps."""
    return any(type(layer).__name__ == "Masking" for layer in _layers(model))


# -- models that are lent -----------------------------------------------------------


def _made_model(recipe: Recipe, plan: Any) -> _CompiledModel:
    """Return a compiled model that no fit has used."""
    model = build_compiled_model(recipe, plan.seed[0], plan.learning_rate)
    return _CompiledModel(model, _copied(model.optimizer.variables))


def _compiling(builder: Callable) -> Callable:
    """Return a builder that compiles what the given one leaves uncompiled.

    Its signature shows the parameters of the given one, since scikeras passes only
    those, and ``compile_kwargs``, in which scikeras passes what ``compile`` takes.
    """
    parameters = dict(inspect.signature(builder).parameters)
    wants_compile = "compile_kwargs" in parameters

    def build(**arguments):
        compile_kwargs = arguments["compile_kwargs"]
        if not wants_compile:
            del arguments["compile_kwargs"]
        model = builder(**arguments)
        if not isinstance(model, backend("keras").Model):
            raise ValueError(
                "The 'model' parameter of LSTMRegressor must build a keras.Model. Got "
                f"{model!r} from it."
            )
        if not model.compiled:
            model.compile(**compile_kwargs)
        return model

    keyword = inspect.Parameter.KEYWORD_ONLY
    shown = {
        name: parameter.replace(kind=keyword)
        for name, parameter in parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    shown["compile_kwargs"] = inspect.Parameter("compile_kwargs", keyword)
    rest = [p for p in parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
    build.__signature__ = inspect.Signature([*shown.values(), *rest])  # type: ignore[attr-defined]
    return build


# -- what Keras is fed and what it reports ------------------------------------------


def _batches(keras: Any, data: Any, rows: np.ndarray, size: int) -> Any:
    """Return the batches of some rows as a ``keras.utils.PyDataset``."""

    class Batches(keras.utils.PyDataset):
        def __init__(self, data, rows):
            super().__init__()
            self.data, self.rows = data, rows

        def __len__(self):
            return -(-len(self.rows) // size)

        def __getitem__(self, position):
            data, rows = self.data, self.rows
            if data is None:
                return self.nothing
            return data.batch(rows[position * size :][:size])

        def release(self):
            self.nothing = self.data.batch(self.rows[:0])
            self.rows = np.zeros(0, dtype=np.int32)
            self.data = None

    return Batches(data, rows)


def _listener(keras: Any, monitor: Any, batches: Any, orders: Iterator) -> Any:
    """Return the callback that orders the rows of, and reports, every epoch.

    Keras asks for some batches before the first epoch, to learn their shapes; so rows
    are put in order when an epoch begins, not when a pass over them ends.
    """

    class Listener(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
            batches.rows = next(orders)
            monitor.before_epoch(self.model.get_weights)

        def on_epoch_end(self, epoch, logs):  # noqa: ARG002
            if monitor.after_epoch(
                logs["loss"], logs.get("val_loss"), self.model.get_weights
            ):
                self.model.stop_training = True

        def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
            let_interrupt_through()

    return Listener()


def _annealer(keras: Any, rate: float, rate_factors: Callable, n_batches: int) -> Any:
    """Return the callback that sets the learning rate of each batch."""

    class Annealer(keras.callbacks.Callback):
        n_steps = 0

        def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002
            factor = rate_factors(self.n_steps, n_batches)
            self.model.optimizer.learning_rate = rate * factor
            self.n_steps += 1

    return Annealer()


# -- variables and seeds ------------------------------------------------------------


def _copied(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(variable.numpy()) for variable in variables]


def _set_variables(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _shapes(arrays: list[np.ndarray]) -> list[tuple[int, ...]]:
    return [array.shape for array in arrays]


def _rate_of(optimizer: Any) -> float | None:
    """Return the learning rate of an optimizer, None where it is a schedule."""
    is_schedule = not hasattr(optimizer._learning_rate, "assign")
    return None if is_schedule else float(optimizer._learning_rate.numpy())


def _seed_dropout(model: Any, seed: tuple[int, ...]) -> None:
    """Set every generator inside a model to a state drawn from a seed."""
    rng = np.random.default_rng([*seed, 2])
    for variable in model.variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign(np.array([rng.integers(2**31), 0], dtype=np.uint32))


def _draw_weights(model: Any, seed: int) -> None:
    """Draw the random weights of a model anew, so that the seed determines them.

    Keras seeds an initializer that was given no seed from Python's global generator.
    """
    keras = backend("keras")
    rng = np.random.default_rng(seed)
    for layer in _layers(model):
        for name, variable in list(vars(layer).items()):
            if not isinstance(variable, keras.Variable):
                continue
            initializer = _initializer_of(layer, name.lstrip("_"))
            config: dict[str, Any] = getattr(initializer, "get_config", dict)()
            if config.get("seed", 0) is None:
                config["seed"] = int(rng.integers(2**31))
                drawn = type(initializer).from_config(config)
                variable.assign(drawn(variable.shape, variable.dtype))


def _initializer_of(layer: Any, weight: str) -> Any:
    """Return the initializer of a layer's weight, None if it has none of its own."""
    names = [weight, weight.removesuffix("_kernel")]
    if weight == "kernel":
        names.append("depthwise")
    found = [getattr(layer, f"{name}_initializer", None) for name in names]
    return next((initializer for initializer in found if initializer is not None), None)


def _layers(model: Any) -> list[Any]:
    """Return all layers of a model, those inside other layers too."""
    return model._flatten_layers(include_self=False, recursive=True)
