"""A network of the user's own: scikeras builds it, Keras trains it.

The only file that imports scikeras. Its ``KerasRegressor`` routes ``model__…``,
``optimizer__…`` and ``loss__…`` parameters to a builder and to ``compile``; its own
``fit`` is not used, because it seeds global generators, keeps copies of all windows
and cannot be told which rows to validate on.
"""

from __future__ import annotations

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

from sklstm._imports import imported, untouched_random
from sklstm.network._lstm import MISSING, Weights
from sklstm.network._training import Monitor, Plan, Recipe, TrainingSet

# Rows in a validation or prediction batch.
_ROWS_AT_ONCE = 1024

# scikeras and Keras count and seed in globals while they build.
_building = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class KerasRecipe(Recipe):
    """What a builder's compiled model is made from.

    The learning rate is that of an optimizer that is compiled with none; routed are
    ``model__…``, ``optimizer__…``, ``loss__…`` and ``compile__…`` parameters.
    """

    window: int
    n_channels: int
    n_outputs: int
    builder: Callable
    learning_rate: float = 0.002
    routed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def network(self) -> dict[str, Any]:
        routed = {k: v for k, v in self.routed.items() if k.startswith("model__")}
        return {"n_outputs": self.n_outputs, "model": self.builder, **routed}

    def first_weights(self, seed, has_highway):  # noqa: ARG002
        model = _compiled_model(self, seed)
        return model.get_weights(), has_masking(model)

    def train(self, data, plan, monitor, weights, optimizer_state):
        model = self.keras_model(weights)
        optimizer = model.optimizer
        state = optimizer_state or []
        if [value.shape for value in state] == [v.shape for v in optimizer.variables]:
            for variable, value in zip(optimizer.variables, state, strict=True):
                if variable is not optimizer._learning_rate:
                    variable.assign(value)
        # Every generator inside the model, those of dropout, follows the seed.
        rng = np.random.default_rng([*plan.seed, 2])
        for variable in model.variables:
            if variable.path.endswith("seed_generator_state"):
                variable.assign(np.array([rng.integers(2**31), 0], dtype=np.uint32))
        _fit(model, data, plan, monitor)
        return model.get_weights(), [np.array(v.numpy()) for v in optimizer.variables]

    def predictor(self, weights: Weights) -> Callable[..., np.ndarray]:
        model = self.keras_model(weights)

        def outputs(inputs: np.ndarray, n_threads: int = 1) -> np.ndarray:  # noqa: ARG001
            inputs = np.nan_to_num(inputs, nan=_fill_of(model))
            starts = range(0, len(inputs), _ROWS_AT_ONCE)
            batches = (inputs[start : start + _ROWS_AT_ONCE] for start in starts)
            with _retracing_unsaid():
                parts = [np.asarray(model.predict_on_batch(each)) for each in batches]
            return np.concatenate(parts).reshape(len(inputs), -1)

        return outputs

    def keras_model(self, weights: Weights) -> Any:
        model = _compiled_model(self, seed=0)
        model.set_weights(weights)
        return model

    def multiplied(self, weights: Weights, factor: float) -> None:
        """Return None: how a network of the user's own ends is not known."""


class _Interrupted(Exception):
    """Leaves ``keras.Model.fit`` between two batches."""


def _fit(model: Any, data: TrainingSet, plan: Plan, monitor: Monitor) -> None:
    """Run the epochs with ``keras.Model.fit``."""
    keras, fill = imported("keras"), _fill_of(model)
    size = plan.n_rows_of_batch(len(data.rows))
    training = _batches(keras, data, data.rows, size, fill)
    validation = None
    if len(data.validation_rows):
        given = data, data.validation_rows, _ROWS_AT_ONCE
        validation = _batches(keras, *given, fill)
    listener = _listener(keras, monitor, training, data.orders(plan.seed))
    try:
        with _retracing_unsaid():
            model.fit(
                training,
                epochs=plan.epochs,
                validation_data=validation,
                shuffle=False,
                verbose=0,
                callbacks=[listener, *plan.callbacks],
            )
    except _Interrupted:
        pass
    finally:
        # TensorFlow keeps the generators of a fit for as long as the process runs,
        # and after an interrupt its threads may go on reading for a while.
        training.release()
        if validation is not None:
            validation.release()
        model._eval_epoch_iterator = None
    if monitor.interrupt.is_set:
        # The half-read batches refer to themselves, and TensorFlow's threads must
        # not find Python gone when they let go of them.
        gc.collect()


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


def _compiled_model(recipe: KerasRecipe, seed: int) -> Any:
    """Return the compiled model of a builder, its random weights drawn from a seed."""
    n_outputs, loss = recipe.n_outputs, _loss_from(recipe)
    wrapper = imported("scikeras.wrappers").KerasRegressor(
        model=_compiling(recipe.builder),
        optimizer=recipe.optimizer,
        loss=loss,
        **{"optimizer__learning_rate": recipe.learning_rate, **recipe.routed},
    )
    wrapper.mask_value_ = float(MISSING)
    # scikeras reads shapes from data; constants of the right shape serve.
    inputs = np.full((2, recipe.window, recipe.n_channels), 0.5, dtype=np.float32)
    targets = np.full((2, n_outputs)[: min(n_outputs, 2)], 0.5, dtype=np.float32)
    with _building, untouched_random(), warnings.catch_warnings():
        # Raised by scikeras on any current scikit-learn, about its own tags.
        warnings.filterwarnings("ignore", module="scikeras|sklearn")
        model = wrapper.initialize(inputs, targets).model_
    built: Any = tuple(model.output_shape[1:]) if model.built else "no input shape"
    if built != (n_outputs,):
        raise ValueError(
            "The 'model' parameter of KerasRegressor must build a network with "
            f"outputs of shape ({n_outputs},), one per target. Got {built}; "
            "begin it with keras.Input(meta['X_shape_'][1:]) and end it in "
            "keras.layers.Dense(meta['n_outputs_'])."
        )
    if recipe.quantiles is not None and model.loss is not loss:
        raise ValueError(
            "Quantiles are learned with the pinball loss. Got a 'model' that compiles "
            f"itself with loss={model.loss!r}; let it compile with 'compile_kwargs', "
            "or not at all."
        )
    _draw_weights(model, seed)
    model.optimizer.build(model.trainable_variables)
    return model


def _loss_from(recipe: KerasRecipe) -> Any:
    """Return the loss, as a class where parameters are routed to one named."""
    if recipe.quantiles is not None:
        return _quantile_loss(recipe.quantiles)
    has_parameters = any(name.startswith("loss__") for name in recipe.routed)
    if not has_parameters or not isinstance(recipe.loss, str):
        return recipe.loss
    losses = imported("keras").losses
    words = losses.get(recipe.loss).__name__.split("_")
    return getattr(losses, "".join(word.capitalize() for word in words))


def _quantile_loss(levels: tuple[float, ...]) -> Callable:
    """Return the pinball loss (Koenker & Bassett 1978, doi:10.2307/1913643)."""
    keras = imported("keras")

    def quantile(y_true, y_pred):
        error = y_pred - y_true
        over = np.resize(1 - np.float32(levels), y_pred.shape[-1])
        losses = keras.ops.maximum(over * error, (over - 1) * error)
        return keras.ops.mean(losses, axis=-1)

    return quantile


def has_masking(model: Any) -> bool:
    """Return whether a model masks missing steps."""
    return any(type(layer).__name__ == "Masking" for layer in _layers(model))


def _fill_of(model: Any) -> float:
    """Return what stands for missing steps in what a model sees."""
    return float(MISSING) if has_masking(model) else 0.0


def accepts(builder: Callable, name: str) -> bool:
    """Return whether a builder takes an argument of a name."""
    parameters = inspect.signature(builder).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def _compiling(builder: Callable) -> Callable:
    """Return a builder that takes all, and compiles what the given one does not."""

    def build(**given):
        model = builder(**{k: v for k, v in given.items() if accepts(builder, k)})
        if not isinstance(model, imported("keras").Model):
            raise ValueError(
                "The 'model' parameter of KerasRegressor must build a keras.Model. Got "
                f"{model!r} from it."
            )
        if not model.compiled:
            model.compile(**given["compile_kwargs"])
        return model

    return build


# -- what Keras is fed and what it reports ------------------------------------------


def _batches(keras: Any, data: Any, rows: np.ndarray, size: int, fill: float) -> Any:
    """Return the batches of some rows as a ``keras.utils.PyDataset``."""

    class Batches(keras.utils.PyDataset):
        def __init__(self, data, rows):  # a closure would hold them
            super().__init__()
            self.batch, self.rows = data.batch, rows

        def __len__(self):
            return -(-len(self.rows) // size)

        def __getitem__(self, position):
            return self.batch(self.rows[position * size :][:size], fill)

        def release(self):
            nothing = self.batch(self.rows[:0], fill)
            self.batch, self.rows = lambda *_: nothing, np.zeros(0, dtype=np.int32)

    return Batches(data, rows)


def _listener(keras: Any, monitor: Any, batches: Any, orders: Iterator) -> Any:
    """Return the callback that orders the rows of, and reports, every epoch.

    Keras asks for some batches before the first epoch, to learn their shapes; so rows
    are put in order when an epoch begins, not when a pass over them ends.
    """

    class Listener(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
            batches.rows = next(orders)
            monitor.before_epoch()

        def on_epoch_end(self, epoch, logs):  # noqa: ARG002
            losses = logs["loss"], logs.get("val_loss")
            monitor.after_epoch(*losses, self.model.get_weights)
            self.model.stop_training |= monitor.is_over

        def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
            if monitor.interrupt.is_set:
                raise _Interrupted

    return Listener()


def _draw_weights(model: Any, seed: int) -> None:
    """Draw the random weights of a model anew, so that the seed determines them.

    Keras seeds an initializer that was given no seed from Python's global generator.
    """
    keras = imported("keras")
    rng = np.random.default_rng(seed)
    for layer in _layers(model):
        for name, variable in list(vars(layer).items()):
            if not isinstance(variable, keras.Variable):
                continue
            name = name.lstrip("_")
            owners = name, name.removesuffix("_kernel"), "depthwise"
            found = (getattr(layer, f"{owner}_initializer", None) for owner in owners)
            initializer: Any = next(filter(None, found), None)
            config: dict[str, Any] = getattr(initializer, "get_config", dict)()
            if config.get("seed", 0) is None:
                config["seed"] = int(rng.integers(2**31))
                drawn = type(initializer).from_config(config)
                variable.assign(drawn(variable.shape, variable.dtype))


def _layers(model: Any) -> list[Any]:
    """Return all layers of a model, those inside other layers too."""
    return model._flatten_layers(include_self=False, recursive=True)
