"""KerasRegressor: a network of one's own on windows, as a scikit-learn regressor."""

import copy
import inspect
from dataclasses import replace
from typing import Any, Self

from sklstm._checks import StrOptions
from sklstm.network._keras import KerasRecipe
from sklstm.network._window_regressor import WindowRegressor

__all__ = ["KerasRegressor"]

# Destinations of routed parameters, by scikeras's names.
_ROUTED = ("model__", "optimizer__", "loss__", "compile__")

# Losses that are about values in their own unit, which scaled targets are not.
_UNSCALED_LOSSES = {
    "mape",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "msle",
    "poisson",
}
_LOSSES = _UNSCALED_LOSSES | {
    "huber",
    "log_cosh",
    "mae",
    "mean_absolute_error",
    "mean_squared_error",
    "mse",
}
_OPTIMIZERS = set(
    "adadelta adafactor adagrad adam adamax adamw ftrl lion nadam rmsprop sgd".split()
)


class KerasRegressor(WindowRegressor):
    """Predict the next value(s) of a series from windows of its past with your network.

    It is :class:`LSTMRegressor` with a network of your own in place of the LSTM: the
    same windows, scaling, highway and early stopping. Keras trains it and predicts with
    it, with any optimizer, loss and callback; scikeras routes parameters to it.

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
    steps : int, default=1
        How many consecutive values y[t] … y[t + steps - 1] are predicted for row t.
        Their targets are built from the training rows; more than 1 needs a 1-D y.
        ``predict`` and ``score`` are of the first; see :meth:`predict_steps`. Of known
        columns windows show those of row t, and those of the rows after it with
        ``SlidingWindow(known_ahead=steps - 1)``.
    scaling : {"auto", "last", "standard", "log"} or None, default="auto"
        ``"standard"`` gives inputs and targets mean 0 and standard deviation 1 over
        the training rows. ``"last"`` predicts the change from the newest value of the
        channel whose newest value is closest to the target. ``"auto"`` does so, and
        standardises only where ten rows for each value of a window, and the estimated
        error of the highway, speak for it; without a highway, where the target varies
        less than that change. None leaves everything in its unit.

        With the windows of a panel (``groups`` of :class:`SlidingWindow`) ``"auto"``
        and ``"last"`` measure each series in its own size, the standard deviation of
        its training rows; ``"auto"`` measures positive ones in logarithms where a
        highway then errs less on the validation rows. ``"log"`` takes logarithms of
        the target, and of the channel that is closest to it, and goes on as ``"auto"``;
        predictions are then medians rather than means.
    highway : bool, default=True
        Whether a ridge regression on the values of the window, in closed form, is
        predicted first, and the network learns what that leaves (after the
        autoregressive highway of LSTNet, Lai et al. 2018,
        doi:10.1145/3209978.3210006). It is a fit of the squared error, whatever the
        loss. Where early stopping validates, it is fitted anew on all rows at the
        end; and with a loss of means (``"huber"``, ``"log_cosh"``, ``"mse"``) the
        network's part is weighted by what the validation rows support with
        confidence, which may be nothing (see ``network_weight_``). Without effect
        where ``scaling`` is None.
    optimizer : str or callable, default="adam"
        Keras optimizer, by name or class.
    learning_rate : float, default=0.002
        Step size of the optimizer.
    loss : str or callable, default="huber"
        Keras loss of the scaled target, by name or callable. Huber's loss is the
        squared error up to one unit of what the highway leaves, and the absolute error
        beyond. ``"poisson"`` and ``"msle"`` need a network whose predictions are
        positive, and ``scaling=None`` as ``"mape"`` does.
    quantiles : sequence of float, default=None
        Levels in (0, 1), increasing, of the quantiles that are predicted; see
        :meth:`predict_quantiles`. They are learned with the pinball loss (Koenker &
        Bassett 1978, doi:10.2307/1913643), so that ``loss`` is left at its default.
        ``predict`` then returns the quantile closest to 0.5.
    epochs : int, default=100
        Passes over the training rows, at most.
    batch_size : int or "auto", default="auto"
        Rows in a gradient step. ``"auto"`` takes 32, and from 96,000 training rows on
        the next power of 2, up to 512, with which an epoch has at most 3,000 steps.
    early_stopping : bool or "auto", default="auto"
        Whether training stops when the loss on the newest rows stops falling, and
        the best weights are restored. ``"auto"``: where ``validation_fraction`` of the
        rows makes at least 4. Rows whose targets reach into the validation rows are
        left out of both parts.
    validation_fraction : float, default=0.2
        Share of the rows, the newest ones, that early stopping watches.
    n_iter_no_change : int, default=10
        Epochs without a better validation loss after which training stops.
    n_models : int, default=1
        Number of networks that are trained from different initial weights, and whose
        predictions are averaged, in logarithms where those are learned (an ensemble:
        Hansen & Salamon 1990, doi:10.1109/34.58871). What ends in ``_`` is of the
        first.
    callbacks : list of keras.callbacks.Callback, default=None
        Passed to Keras; one that sets ``model.stop_training`` keeps what was learned.
        Those of scikit-learn (1.9 and later) are given to ``set_callbacks``, as those
        of :class:`LSTMRegressor`.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights, scaling and optimizer state of the
        fit before; another optimizer begins with a fresh state.
    verbose : int, default=0
        0 is silent. 1 prints one line for each fit, which in a terminal shows every
        epoch while it runs, with its losses. 2 prints a line for each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of rows and dropout. An int gives bitwise
        equal results in one process, in threads and in other processes (where the
        linear algebra library uses as many threads; another number may change the
        last bit of the highway). No global generator is touched.

    Attributes
    ----------
    weights_ : list of ndarray
        Weights in Keras's order, float32.
    history_ : dict of lists of float
        ``loss`` and, with early stopping, ``val_loss`` of every epoch.
    n_iter_ : int
        Number of epochs in ``history_``.
    network_weight_ : float
        Weight from 0 to 1 given to the network's output, chosen on the validation
        rows. At 0 the highway predicts alone, and no parameter of the network matters;
        it is 1 without early stopping, and without a highway.
    n_channels_ : int
        Channels of a window.
    window_ : int
        Steps of a window.
    n_outputs_ : int
        Outputs of the network: targets of y, or ``steps``.
    n_features_in_ : int
        Values in a window: ``window_ * n_channels_``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X was a DataFrame.
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

    def __init__(
        self,
        model=None,
        *,
        keras_params=None,
        steps=1,
        scaling="auto",
        highway=True,
        optimizer="adam",
        learning_rate=0.002,
        loss="huber",
        quantiles=None,
        epochs=100,
        batch_size="auto",
        early_stopping="auto",
        validation_fraction=0.2,
        n_iter_no_change=10,
        n_models=1,
        callbacks=None,
        warm_start=False,
        verbose=0,
        random_state=None,
    ) -> None:
        self.model = model
        self.keras_params = keras_params
        self.steps = steps
        self.scaling = scaling
        self.highway = highway
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss = loss
        self.quantiles = quantiles
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_models = n_models
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    # -- parameters ------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, and with ``deep`` the routed ones by their names.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add what ``keras_params`` holds.

        Returns
        -------
        dict
        """
        params = super().get_params(deep=deep)
        has_routed = deep and isinstance(self.keras_params, dict)
        return params | self.keras_params if has_routed else params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, routed ones among them.

        Parameters
        ----------
        **params : dict
            Parameters of the constructor, and ``model__…``, ``optimizer__…``,
            ``loss__…``, ``compile__…``, which go into ``keras_params``.

        Returns
        -------
        self
            The estimator.
        """
        routed = {k: v for k, v in params.items() if k.startswith(_ROUTED)}
        super().set_params(**{k: v for k, v in params.items() if k not in routed})
        if routed:
            self.keras_params = (self.keras_params or {}) | routed
        return self

    # -- the network -----------------------------------------------------------------

    def _recipe(self, *, is_masked):  # noqa: ARG002
        """Return what the parameters ask for, of windows as they were read."""
        levels = self._levels()
        return KerasRecipe(
            window=self.window_,
            n_channels=self.n_channels_,
            n_outputs=self.n_outputs_ * len(levels or (0.5,)),
            builder=self.model,
            optimizer=self.optimizer,
            learning_rate=float(self.learning_rate),
            loss=self.loss,
            routed=dict(self.keras_params or {}),
            quantiles=levels,
        )

    def _plan(self, epochs, n_rows, *, is_watched):
        """Return how the parameters train a network, whatever its seed."""
        plan = super()._plan(epochs, n_rows, is_watched=is_watched)
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
        for name in self.keras_params or {}:
            if not str(name).startswith(_ROUTED):
                raise ValueError(
                    "The 'keras_params' parameter of KerasRegressor must have names "
                    f"that begin with {', '.join(_ROUTED)}. Got {name!r} instead."
                )
            if self.quantiles is not None and name.startswith("loss__"):
                raise ValueError(
                    "Quantiles are learned with the pinball loss, which takes no "
                    f"parameters. Got {name!r} and quantiles={self.quantiles!r}; leave "
                    "out one of them."
                )
        self._check_builder()

    def _check_builder(self):
        """Check that the builder is one, and takes what is routed to it."""
        if self.model is None:
            raise ValueError(
                "KerasRegressor needs a function that builds its network. Got "
                "model=None; pass one that takes 'meta' and returns a keras.Model, or "
                "use LSTMRegressor, which has a network."
            )
        routed = [
            name.removeprefix("model__")
            for name in self.keras_params or {}
            if name.startswith("model__")
        ]
        if hasattr(self.model, "trainable_weights"):
            raise ValueError(
                "The 'model' parameter of KerasRegressor must be a function that builds"
                f" a network, one for each fit. Got a {type(self.model).__name__} that "
                "is built; pass a function that returns it."
            )
        parameters = inspect.signature(self.model).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for name in routed:
            if name not in parameters and not takes_any:
                raise ValueError(
                    "The 'model' parameter of KerasRegressor must be a callable that "
                    f"takes {name!r}, which 'model__{name}' routes to it. Got one that "
                    f"takes {list(parameters)}."
                )
