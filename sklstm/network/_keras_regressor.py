"""KerasRegressor: your own network on windows, as a scikit-learn regressor."""

import copy
import inspect
from dataclasses import replace
from typing import Any, Self

from sklstm._checks import StrOptions
from sklstm.network._keras import KerasRecipe, accepts
from sklstm.network._window_regressor import WindowRegressor

# Destinations of routed parameters, by scikeras's names.
_ROUTED = ("model__", "optimizer__", "loss__", "compile__")

# Losses that are about values in their own unit, which scaled targets are not.
_UNSCALED_LOSSES = {"mape", "mean_absolute_percentage_error", "poisson"}
_UNSCALED_LOSSES |= {"mean_squared_logarithmic_error", "msle"}
_LOSSES = _UNSCALED_LOSSES | set(
    "huber log_cosh mae mean_absolute_error mean_squared_error mse".split()
)
_OPTIMIZERS = set(
    "adadelta adafactor adagrad adam adamax adamw ftrl lion nadam rmsprop sgd".split()
)


class KerasRegressor(WindowRegressor):
    """Predict the next value(s) of a series from windows of its past with your network.

    It is :class:`LSTMRegressor` with a network of your own in place of the LSTM. Keras
    trains it and predicts with it; scikeras routes parameters to it.

    Parameters
    ----------
    model : callable, default=None
        Builder of the network, which ``fit`` needs. It is called with those of
        ``meta`` (shapes as scikeras gives them: ``meta["X_shape_"]``,
        ``meta["n_outputs_"]``; and ``meta["mask_value_"]``, which stands for missing
        steps), ``compile_kwargs`` and routed ``model__…`` parameters that it takes. It
        returns a ``keras.Model`` from (window, n_channels) to (n_outputs,), compiled
        or not. One that it compiled keeps its optimizer, learning rate and loss.
    keras_params : dict, default=None
        Routed parameters by scikeras's names: ``{"model__hidden": 8,
        "optimizer__clipnorm": 1.0, "loss__delta": 2.0}``. Each is also a parameter of
        ``set_params``, so that GridSearchCV can tune
        ``kerasregressor__model__hidden``. ``optimizer__learning_rate``, which may be a
        schedule of Keras, takes the place of ``learning_rate``.
    optimizer : str or callable, default="adam"
        Keras optimizer, by name or class.
    loss : str or callable, default="huber"
        Keras loss of the scaled target, by name or callable. ``"poisson"`` and
        ``"msle"`` need a network whose predictions are positive, and ``scaling=None``
        as ``"mape"`` does.
    callbacks : list of keras.callbacks.Callback, default=None
        Passed to Keras; one that sets ``model.stop_training`` keeps what was learned.
        Those of scikit-learn (1.9 and later) are given to ``set_callbacks``, as those
        of :class:`LSTMRegressor`.
    (shared parameters)

    Attributes
    ----------
    weights_ : list of ndarray
        Weights in Keras's order, float32.
    (shared attributes)
    model_ : keras.Model
        The network with its weights, from scaled windows to scaled outputs (with a
        highway, to what that leaves); built when first asked for.

    See Also
    --------
    LSTMRegressor : The LSTM, which needs no builder and is many times faster.
    SlidingWindow : Makes the windows.
    forecast : Values after the last row.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from sklstm import KerasRegressor
    >>> def build(meta, hidden=4):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input(meta["X_shape_"][1:]),
    ...             keras.layers.Masking(meta["mask_value_"]),
    ...             keras.layers.GRU(hidden),
    ...             keras.layers.Dense(meta["n_outputs_"]),
    ...         ]
    ...     )
    >>> X = np.random.default_rng(0).normal(size=(60, 3, 1))
    >>> gru = KerasRegressor(build, keras_params={"model__hidden": 2}, epochs=1)
    >>> gru.fit(X, X[:, 0, 0]).predict(X).shape
    (60,)
    """

    _parameter_constraints = {
        **WindowRegressor._parameter_constraints,
        "model": [callable, None],
        "keras_params": [dict, None],
        "optimizer": [StrOptions(_OPTIMIZERS), callable],
        "loss": [StrOptions(_LOSSES), callable],
        "callbacks": [list, tuple, None],
    }

    keras_params: dict[str, Any] | None

    def __init__(
        self,
        model=None,
        *,
        keras_params=None,
        optimizer="adam",
        loss="huber",
        callbacks=None,
        steps=1,
        scaling="auto",
        highway=True,
        prior="auto",
        learning_rate=0.002,
        quantiles=None,
        epochs=300,
        batch_size="auto",
        early_stopping="auto",
        validation_fraction=0.2,
        n_iter_no_change="auto",
        n_models=1,
        warm_start=False,
        verbose=0,
        random_state=None,
    ) -> None:
        self._assign(locals())

    # -- parameters ------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        params = super().get_params(deep=deep)
        has_routed = deep and isinstance(self.keras_params, dict)
        return params | self.keras_params if has_routed else params

    def set_params(self, **params: Any) -> Self:
        routed = {k: v for k, v in params.items() if k.startswith(_ROUTED)}
        super().set_params(**{k: v for k, v in params.items() if k not in routed})
        if routed:
            self.keras_params = (self.keras_params or {}) | routed
        return self

    # -- the network -----------------------------------------------------------------

    def _recipe(self):
        """Return what the parameters ask for, of windows as they were read."""
        return KerasRecipe(
            window=self.window_,
            n_channels=self.n_channels_,
            n_outputs=self.n_outputs_ * len(self._levels()),
            builder=self.model,
            optimizer=self.optimizer,
            learning_rate=float(self.learning_rate),
            loss=self.loss,
            routed=dict(self.keras_params or {}),
            quantiles=None if self.quantiles is None else self._levels(),
        )

    def _plan(self, epochs, data):
        """Return how the parameters train a network."""
        plan = super()._plan(epochs, data)
        return replace(plan, callbacks=tuple(copy.deepcopy(self.callbacks or ())))

    def _check_parameters(self):
        """Check every parameter, alone and with the others, before anything else."""
        super()._check_parameters()
        if self.loss in _UNSCALED_LOSSES and self.scaling is not None:
            raise ValueError(
                f"The loss {self.loss!r} is about values in their own unit. Got "
                f"scaling={self.scaling!r}; set scaling=None or choose another loss."
            )
        for callback in self.callbacks or ():
            if not hasattr(callback, "on_epoch_end"):
                raise ValueError(
                    "The 'callbacks' parameter of KerasRegressor must hold Keras "
                    f"callbacks. Got {callback!r}; pass keras.callbacks.Callback "
                    "objects, and those of scikit-learn to set_callbacks."
                )
        if self.model is None:
            raise ValueError(
                "KerasRegressor needs a function that builds its network. Got "
                "model=None; pass one that takes 'meta' and returns a keras.Model, or "
                "use LSTMRegressor, which has a network."
            )
        if hasattr(self.model, "trainable_weights"):
            raise ValueError(
                "The 'model' parameter of KerasRegressor must be a function that builds"
                f" a network, one for each fit. Got a {type(self.model).__name__} that "
                "is built; pass a function that returns it."
            )
        for name in self.keras_params or {}:
            if not str(name).startswith(_ROUTED):
                raise ValueError(
                    "The 'keras_params' parameter of KerasRegressor must have names "
                    f"that begin with {', '.join(_ROUTED)}. Got {name!r} instead."
                )
            kind, _, own = name.partition("__")
            if kind == "loss" and self.quantiles is not None:
                raise ValueError(
                    "The pinball loss of quantiles takes no parameters. Got "
                    f"{name!r} and quantiles={self.quantiles!r}; leave out one of them."
                )
            if kind == "model" and not accepts(self.model, own):
                raise ValueError(
                    "The 'model' parameter of KerasRegressor must be a callable that "
                    f"takes {own!r}, which {name!r} routes to it. Got one that takes "
                    f"{[*inspect.signature(self.model).parameters]}."
                )
