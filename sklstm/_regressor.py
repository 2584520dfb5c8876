"""LSTMRegressor: an LSTM on windows, as a scikit-learn regressor."""

import copy
import inspect
import os
import warnings
from dataclasses import replace
from functools import cache, partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from sklstm._activations import ACTIVATIONS
from sklstm._ensemble import Finish, fully_trusted, train_member
from sklstm._files import write_whole
from sklstm._frames import column_of_target
from sklstm._interrupts import interrupts_held, let_interrupt_through
from sklstm._keras import Recipe
from sklstm._measure import fit_measures, most_accurate
from sklstm._member import new_member
from sklstm._network import NetworkSpec, default_patch
from sklstm._onnx import onnx_model
from sklstm._progress import CallbackSupportMixin, progress_of
from sklstm._reading import read_target, read_weights, read_windows
from sklstm._scaling import fit_scaling, fit_scaling_with_highway, last_level
from sklstm._stamp import stamped, unstamped
from sklstm._training import (
    FEWEST_VALIDATION_ROWS,
    Plan,
    TrainingSet,
    complete_rows,
    default_batch_size,
    in_time_order,
    learnable_rows,
    split_newest,
    steps_of,
)
from sklstm._validation import (
    Interval,
    StrOptions,
    check_is_fitted,
    check_random_state,
    is_integer,
    whole_or_unchanged,
)
from sklstm._whole import check_regressor
from sklstm._windows import base_from_windows, row_slices

__all__ = ["LSTMRegressor"]

# Destinations of routed parameters, by scikeras's names.
_ROUTED = ("model__", "optimizer__", "loss__", "compile__")

# Losses that are about values in their own unit, which scaled targets are not.
_POSITIVE_LOSSES = {"mean_squared_logarithmic_error", "msle", "poisson"}
_UNSCALED_LOSSES = {"mape", "mean_absolute_percentage_error"} | _POSITIVE_LOSSES
_LOSSES = {
    "huber",
    "log_cosh",
    "mae",
    "mean_absolute_error",
    "mean_squared_error",
    "mse",
    "quantile",
} | _UNSCALED_LOSSES
_OPTIMIZERS = {
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "ftrl",
    "lion",
    "nadam",
    "rmsprop",
    "sgd",
}


class LSTMRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Predict the next value(s) of a series from windows of its past with an LSTM.

    Windows come from :class:`SlidingWindow`, or from any array of that shape. The
    network is one or several LSTM layers and a linear output layer. It is trained with
    TensorFlow; predictions are computed with NumPy and need none.

    Inputs and target are scaled inside. By default a target is predicted as its change
    from the newest value of the channel that is closest to it (*last-value centring*):
    the network sees a stationary input, and a level beyond everything in the training
    rows is no obstacle. What is linear in the window is found by a ridge regression,
    and the network learns what that leaves.

    Parameters
    ----------
    units : int or tuple of int, default=32
        Size of the cell state; a tuple stacks one LSTM layer for each.
    model : callable, default=None
        Builder of your own network, called with those of ``meta`` (shapes as
        scikeras gives them: ``meta["X_shape_"]``, ``meta["n_outputs_"]``; and
        ``meta["mask_value_"]``, which stands for missing steps),
        ``compile_kwargs`` and routed ``model__…`` parameters that it takes. It
        returns a ``keras.Model`` from (window, n_channels) to (n_outputs,), compiled
        or not. ``units`` to ``bidirectional`` are then without effect.
    keras_params : dict, default=None
        Routed parameters by scikeras's names: ``{"model__hidden": 8,
        "optimizer__clipnorm": 1.0, "loss__delta": 2.0}``. Each is also a parameter of
        ``set_params``, so that GridSearchCV can tune ``lstmregressor__model__hidden``.
    n_channels : int, default=None
        Channels of a 2-D X, whose rows hold window * n_channels values, step by step.
        None reads it from the column names of :class:`SlidingWindow`, else takes 1.
    steps : int, default=1
        How many consecutive values y[t] … y[t + steps - 1] are predicted for row t.
        Their targets are built from the training rows; more than 1 needs a 1-D y.
        ``predict`` and ``score`` are of the first; see :meth:`predict_steps`. Of known
        columns windows show those of row t, and those of the rows after it with
        ``SlidingWindow(known_ahead=steps - 1)``.
    activation : str, default="tanh"
        Activation of candidate and output, by Keras's name.
    recurrent_activation : str, default="sigmoid"
        Activation of the gates, by Keras's name.
    dropout : float, default=0.0
        Share of each LSTM layer's outputs dropped in training, in [0, 1).
    bidirectional : bool, default=False
        Whether the window is read from both ends.
    patch : int or "auto", default="auto"
        How many steps of the window the network reads at once. ``"auto"`` reads
        windows up to 48 step by step, longer ones in 8 to 16 patches, which is faster
        and more accurate (after SegRNN, Lin et al. 2023, arXiv:2308.11200). Where
        patches do not divide the window, the network does not read its oldest steps;
        a patch of which a step is missing is missing as a whole. The highway reads
        every step.
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
        confidence, which may be nothing (see ``trust_``). Without effect
        where ``scaling`` is None.
    optimizer : str or callable, default="adam"
        Keras optimizer, by name or class.
    learning_rate : float, default=0.002
        Step size of the optimizer.
    loss : str or callable, default="huber"
        Keras loss, by name or callable, of the scaled target; or ``"quantile"``, the
        pinball loss of Koenker & Bassett 1978, doi:10.2307/1913643. Huber's loss is
        the squared error up to one unit of what the highway leaves, and the absolute
        error beyond: a few abrupt values then cannot lead the network astray, as they
        do with ``"mse"`` (Huber 1964, doi:10.1214/aoms/1177703732). ``"poisson"`` and
        ``"msle"`` need a ``model`` whose predictions are positive, and ``scaling=None``
        as ``"mape"`` does.
    quantiles : sequence of float, default=(0.5,)
        Levels in (0, 1), increasing, that are predicted with ``loss="quantile"``; see
        :meth:`predict_quantiles`. ``predict`` returns the one closest to 0.5.
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
    refit : bool, default=True
        Whether the network, after early stopping, goes on from its best weights with
        all rows, the newest among them: for half as many epochs as were best, with a
        learning rate that falls to 0 along half a cosine. Without effect with
        ``model``, with ``callbacks``, and where a fit goes on.
    n_models : int, default=1
        Number of networks that are trained from different initial weights, and whose
        predictions are averaged, in logarithms where those are learned (an ensemble:
        Hansen & Salamon 1990, doi:10.1109/34.58871). What ends in ``_`` is of the
        first.
    callbacks : list of keras.callbacks.Callback, default=None
        Passed to Keras; one that sets ``model.stop_training`` keeps what was learned.
        Those of scikit-learn (1.9 and later) are given to ``set_callbacks``: see
        Notes.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights, scaling and optimizer state of the
        fit before; another optimizer begins with a fresh state.
    engine : {"auto", "fused", "keras"}, default="auto"
        What runs the epochs. ``"fused"`` makes one TensorFlow call of each and is many
        times faster; it trains tanh/sigmoid networks with the optimizers ``"adam"``,
        ``"adamw"``, ``"rmsprop"`` and ``"sgd"``, their numbers and
        ``optimizer__global_clipnorm``, and the losses of errors (mse, mae, huber,
        log_cosh, quantile). ``"keras"`` trains everything. ``"auto"`` is fused
        wherever that can be. Both come to the same weights, to float32 rounding (but
        for dropout, whose draws differ).
    verbose : int, default=0
        0 is silent. 1 prints one line for each fit, which in a terminal shows every
        epoch while it runs: losses, the best validation loss and the refit. 2 prints a
        line for each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of rows and dropout. An int gives bitwise
        equal results in one process, in threads and in other processes (where the
        linear algebra library uses as many threads; another number may change the
        last bit of the highway). No global generator is touched.

    Attributes
    ----------
    weights_ : list of ndarray
        Weights in Keras's order, float32: per layer kernel, recurrent kernel, bias
        (gates in the order input, forget, candidate, output); last the output layer.
    history_ : dict of lists of float
        ``loss`` and, with early stopping, ``val_loss`` of every epoch; not those of
        ``refit``.
    n_iter_ : int
        Number of epochs in ``history_``.
    trust_ : float
        Share of the network's outputs, from 0 to 1, that predictions take on top of the
        highway's: what the validation rows supported. At 0 the highway predicts alone,
        and no parameter of the network matters; 1 without early stopping, and without
        a highway.
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
        The network with its weights, from scaled windows (in patches, where it reads
        some) to scaled outputs (with a highway, to what that leaves); built when first
        asked for.

    See Also
    --------
    SlidingWindow : Makes the windows.
    forecast : Values after the last row.

    Notes
    -----
    With scikit-learn 1.9 and later ``set_callbacks`` takes the callbacks of
    ``sklearn.callback``, which scikit-learn calls experimental. A fit has a task named
    ``"epoch"`` for each epoch, then one named ``"refit-epoch"`` for each of the refit;
    an ensemble has a task named ``"network"`` for each network around them. At the end
    of an epoch, ``fitted_estimator`` predicts with the weights of that epoch (of an
    ensemble, with the networks before it too): ``ScoringMonitor`` so logs what a fit of
    as many epochs scores. A callback that returns True there stops the network's
    training, its refit included; what it learned is kept, with early stopping the best
    of it. Callbacks change no weight, but cost time: epochs run one by one.

    References
    ----------
    Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", Neural Computation 9(8),
    doi:10.1162/neco.1997.9.8.1735.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMRegressor, SlidingWindow
    >>> even = pd.DataFrame({"even": range(0, 202, 2)}, dtype=float)
    >>> pipe = make_pipeline(SlidingWindow(window=3), LSTMRegressor(epochs=1))
    >>> _ = pipe.fit(even[:-1], even["even"][:-1])
    >>> pipe.predict(even[-1:])
    array([200.])
    """

    _parameter_constraints = {
        "units": [Integral, tuple, list],
        "model": [callable, None],
        "keras_params": [dict, None],
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "recurrent_activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "bidirectional": ["boolean"],
        "patch": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "scaling": [StrOptions({"auto", "last", "standard", "log"}), None],
        "highway": ["boolean"],
        "optimizer": [StrOptions(_OPTIMIZERS), callable],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "loss": [StrOptions(_LOSSES), callable],
        "quantiles": ["array-like"],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "refit": ["boolean"],
        "n_models": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "engine": [StrOptions({"auto", "fused", "keras"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        units=32,
        *,
        model=None,
        keras_params=None,
        n_channels=None,
        steps=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        dropout=0.0,
        bidirectional=False,
        patch="auto",
        scaling="auto",
        highway=True,
        optimizer="adam",
        learning_rate=0.002,
        loss="huber",
        quantiles=(0.5,),
        epochs=100,
        batch_size="auto",
        early_stopping="auto",
        validation_fraction=0.2,
        n_iter_no_change=10,
        refit=True,
        n_models=1,
        callbacks=None,
        warm_start=False,
        engine="auto",
        verbose=0,
        random_state=None,
    ) -> None:
        self.units = units
        self.model = model
        self.keras_params = keras_params
        self.n_channels = n_channels
        self.steps = steps
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.patch = patch
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
        self.refit = refit
        self.n_models = n_models
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.engine = engine
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
        LSTMRegressor
            The estimator itself.
        """
        routed = {k: v for k, v in params.items() if k.startswith(_ROUTED)}
        super().set_params(**{k: v for k, v in params.items() if k not in routed})
        if routed:
            self.keras_params = (self.keras_params or {}) | routed
        return self

    # -- learning --------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network on windows and what follows them.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            Windows in time order, oldest step first; missing oldest steps are NaN.
            2-D rows hold the same values step by step.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            The target of each row.
        sample_weight : array-like of shape (n_rows,), optional
            Weights of the rows, at least 0; a Series has the index of y. Rows of
            weight 0 are left out.

        Returns
        -------
        LSTMRegressor
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If parameters, X or y are not as described, before any training; or if
            training diverges. The estimator is then as it was.

        Warns
        -----
        UserWarning
            If no window of a series is complete, or a column of X is y itself, as
            without a SlidingWindow in front.
        ConvergenceWarning
            If training is interrupted (Ctrl-C); what was learned so far is kept. Two
            within two seconds raise KeyboardInterrupt as well, when that is done, and
            so leave what called ``fit``: a search, a loop.
        """
        self._check_parameters()
        if (name := column_of_target(X, y)) is not None:
            warnings.warn(
                f"X holds y itself, column {name!r}. LSTMRegressor reads each row of X "
                "as a window of past values, oldest first; put a SlidingWindow in "
                "front, which makes such windows.",
                UserWarning,
                stacklevel=2,
            )
        with interrupts_held(), whole_or_unchanged(self):
            return self._learn(
                X,
                y,
                sample_weight,
                goes_on=self.warm_start and hasattr(self, "_members"),
                epochs=self.epochs,
                early_stopping=self.early_stopping,
            )

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on new rows, going on from what is fitted.

        Weights and optimizer state go on; scaling and highway stay those of the first
        rows. The first call on an unfitted estimator learns them from its rows: give
        it enough.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            As in ``fit``.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            As in ``fit``.
        sample_weight : array-like of shape (n_rows,), optional
            As in ``fit``.

        Returns
        -------
        LSTMRegressor
            The estimator itself.
        """
        self._check_parameters()
        with interrupts_held(), whole_or_unchanged(self):
            return self._learn(
                X,
                y,
                sample_weight,
                goes_on=hasattr(self, "_members"),
                epochs=1,
                early_stopping=False,
            )

    def _learn(self, X, y, sample_weight, *, goes_on, epochs, early_stopping):
        """Check the data, train, and set every fitted attribute."""
        if goes_on:
            self._check_continuation()
        windows, counts = read_windows(self, X, reset=not goes_on)
        y_given, y = y, read_target(self, y, len(windows), reset=not goes_on)
        weights = read_weights(sample_weight, windows, y_given)
        windows, counts, y, weights = in_time_order(windows, counts, y, weights)
        rows = learnable_rows(windows, counts, self.steps, weights)
        if not len(rows):
            raise ValueError(
                "LSTMRegressor needs a row with at least one true step, a positive "
                f"weight and {self.steps} contiguous target(s). Got none among "
                f"{len(windows)} sample(s); pass more rows, those before them too, or "
                "a smaller 'steps'."
            )
        is_incomplete = bool((counts[rows] < windows.shape[1]).any())
        if not goes_on:
            _warn_of_long_window(windows, int(counts[rows].max()))
        if self._scaling.highway is not None if goes_on else self._has_highway():
            rows = complete_rows(counts, rows, windows.shape[1])
        groups = getattr(windows, "groups", None)
        training_rows, validation_rows = self._split(rows, early_stopping, groups)
        is_masked = bool((counts[rows] < windows.shape[1]).any())
        if goes_on:
            windows, targets = self._measured(self._measure, windows, y)
            members = self._members_going_on(is_masked)
        else:
            windows, targets, members = self._begin(
                windows, y, training_rows, validation_rows, weights, is_masked
            )
        # What training does not come to is there all the same, or was there before.
        self._members = members if goes_on else members[:1]
        self._takes_incomplete |= is_incomplete
        if self.model is not None:
            self._warn_of_filled_steps(counts[rows])
        if weights is not None:
            weights = weights / weights[training_rows].mean()
        data = TrainingSet(
            windows,
            counts,
            targets,
            self._scaling,
            training_rows,
            validation_rows,
            weights,
            members[0].fill,
            self._spec.patch,
        )
        finish = None if goes_on else self._finish(data, rows, epochs)
        n_refit = 0
        if len(validation_rows) and finish is not None and finish.plan is not None:
            n_refit = -(-epochs // 2)
        let_interrupt_through()  # there is nothing yet that could be kept
        with progress_of(
            self,
            X,
            y_given,
            sample_weight,
            n_networks=len(members),
            epochs=epochs,
            n_refit=n_refit,
            verbose=int(self.verbose),
        ) as progress:
            self._train(members, data, epochs, finish, progress)
        return self

    def _train(self, members, data, epochs, finish, progress):
        """Train networks one after another, and keep each when it has learned."""
        is_watched = len(data.validation_rows) > 0
        for place, member in enumerate(members):
            if finish is None:
                member = fully_trusted(member)
            progress.begin_network(member, partial(self._state_with, place))
            plan = self._plan(epochs, len(data.rows), is_watched=is_watched)
            member, is_interrupted = train_member(member, data, plan, progress, finish)
            self._members = self._members_with(place, member)
            if progress.end_network() or is_interrupted:
                return

    def _members_with(self, place, member):
        """Return the networks of the ensemble, one of them exchanged or added."""
        return [*self._members[:place], member, *self._members[place + 1 :]]

    def _state_with(self, place, member):
        """Return what the ensemble comes to while a network learns."""
        return {"_members": self._members_with(place, member)}

    def _members_going_on(self, is_masked):
        """Return the networks as what the parameters ask for now goes on with them."""
        recipe = self._recipe(
            replace(self._spec, is_masked=self._spec.is_masked or is_masked)
        )
        rate = float(self.learning_rate)
        return [
            replace(member, recipe=recipe, learning_rate=rate)
            for member in self._members
        ]

    def _finish(self, data, rows, epochs):
        """Return what follows early stopping."""

        @cache  # one highway serves all networks
        def highway():
            if data.scaling.highway is None:
                return None
            fitted = data.scaling.with_highway(
                data.windows, data.targets, rows, data.weights
            )
            return fitted.highway

        plan = None
        if self.refit and self.model is None and not self.callbacks:
            plan = self._plan(epochs, len(rows), is_watched=False)
        level = last_level(data.windows, data.windows[rows, -1, :])
        return Finish(rows, highway, level, plan)

    def _begin(self, windows, y, rows, validation_rows, weights, is_masked):
        """Set what new networks begin with; return what they learn from, and them.

        That is windows and targets as they are measured.
        """
        _, self.window_, self.n_channels_ = windows.shape
        self.n_outputs_ = self.steps if self.steps > 1 else y[:1].size
        recipe = self._recipe(self._new_spec(is_masked))
        measures = fit_measures(self.scaling, windows, y, rows)
        fits = [
            self._fit_measured(measure, windows, y, rows, weights)
            for measure in measures
        ]
        best = 0
        if len(fits) > 1:
            watched = validation_rows if len(validation_rows) else rows
            best = most_accurate(fits, windows, self._targets(y), watched)
        self._measure, scaling, windows, targets = fits[best]
        if not self._has_highway():
            scaling = replace(scaling, highway=None, remainder_scale=1.0)
        generator = check_random_state(self.random_state)
        most = np.iinfo(np.int32).max
        seeds = [int(generator.randint(most)) for _ in range(self.n_models)]
        rate = float(self.learning_rate)
        members = [new_member(recipe, scaling, seed, rate) for seed in seeds]
        self._takes_incomplete = False
        return windows, targets, members

    def _fit_measured(self, measure, windows, y, rows, weights):
        """Return a measure, the scaling that fits it, and measured windows, targets."""
        windows, targets = self._measured(measure, windows, y)
        n_series = 1 if self.steps > 1 else self.n_outputs_
        series_of_output = np.repeat(np.arange(n_series), targets.shape[1] // n_series)
        kind = "auto" if self.scaling == "log" else self.scaling
        data = (kind, windows, targets, rows, series_of_output)
        if self._has_highway() or measure.kind != "plain":
            scaling = fit_scaling_with_highway(*data, weights)
        else:
            scaling = fit_scaling(*data)
        return measure, scaling, windows, targets

    def _measured(self, measure, windows, y):
        """Return windows and targets in what they are measured in."""
        sizes = measure.sizes_of(windows)
        targets = self._targets(measure.targets(y, sizes))
        return measure.windows(windows, sizes), targets

    def _targets(self, y):
        """Return the targets of every output, of shape (n_rows, n_outputs)."""
        targets = steps_of(y, self.steps)
        n_levels = len(self._levels())
        return targets if n_levels == 1 else np.repeat(targets, n_levels, axis=1)

    def _new_spec(self, is_masked):
        """Return the spec that the parameters ask for."""
        return NetworkSpec(
            window=self.window_,
            n_channels=self.n_channels_,
            n_outputs=self.n_outputs_ * len(self._levels()),
            units=self._units(),
            activation=self.activation,
            recurrent_activation=self.recurrent_activation,
            dropout=float(self.dropout),
            bidirectional=bool(self.bidirectional),
            is_masked=is_masked,
            patch=self._patch(),
        )

    def _patch(self):
        """Return how many steps the network reads at once."""
        if self.model is not None:
            return 1
        if self.patch == "auto":
            return default_patch(self.window_)
        if self.patch > self.window_:
            raise ValueError(
                "The 'patch' parameter of LSTMRegressor must not be longer than the "
                f"window. Got patch={self.patch!r} and windows of {self.window_} "
                "step(s); lower it or set it to 'auto'."
            )
        return int(self.patch)

    def _recipe(self, spec):
        """Return what the parameters make of a spec."""
        return Recipe(
            spec=spec,
            builder=self.model,
            optimizer=self.optimizer,
            loss=self.loss,
            routed=dict(self.keras_params or {}),
            levels=self._levels(),
        )

    @property
    def _spec(self):
        """The spec of the fitted network."""
        return self._members[0].spec

    @property
    def _scaling(self):
        """The maps around the first network."""
        return self._members[0].scaling

    @property
    def _fitted_recipe(self):
        """What the fitted network is, and how it was compiled."""
        return self._members[0].recipe

    def _has_highway(self):
        """Return whether a highway is predicted first."""
        return self.highway and self.scaling is not None

    def _levels(self):
        """Return the levels of each target's outputs; one without quantiles."""
        if self.loss != "quantile":
            return (0.5,)
        return tuple(float(level) for level in self.quantiles)

    def _plan(self, epochs, n_rows, *, is_watched):
        """Return how the parameters train a network, whatever its seed."""
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = default_batch_size(n_rows)
        return Plan(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=float(self.learning_rate),
            patience=self.n_iter_no_change if is_watched else None,
            seed=(),
            callbacks=tuple(copy.deepcopy(self.callbacks or ())),
            engine=self.engine,
        )

    def _split(self, rows, early_stopping, groups=None):
        """Return training and validation rows; the latter empty without a watch."""
        none = rows[:0]
        n_validation = int(np.ceil(len(rows) * self.validation_fraction))
        if early_stopping == "auto":
            early_stopping = n_validation >= FEWEST_VALIDATION_ROWS
        if not early_stopping:
            return rows, none
        training_rows, validation_rows = split_newest(
            rows, self.validation_fraction, self.steps, groups
        )
        if not len(training_rows):
            raise ValueError(
                "early_stopping needs rows left to train on. Got "
                f"{len(rows)} usable row(s) of {self.steps} step(s) with "
                f"validation_fraction={self.validation_fraction!r}; lower it, pass "
                "more rows, or set early_stopping=False."
            )
        return training_rows, validation_rows

    # -- predicting ------------------------------------------------------------------

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            Windows as in ``fit``. A window without a true step is predicted from the
            newest level of the rows of ``fit`` (of a panel from the median of levels),
            from the mean of its target where windows are standardised.

        Returns
        -------
        ndarray, float64
            Shape (n_rows,) or (n_rows, n_outputs), as y had in ``fit``. With
            ``steps`` the first of them; see :meth:`predict_steps`.
        """
        values = self.predict_steps(X)
        if self._y_ndim == 2:
            return values
        return values[:, 0]

    def predict_steps(self, X: Any) -> np.ndarray:
        """Predict all outputs of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            Windows as in ``fit``.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs), float64
            With ``steps=k`` column j predicts y[t + j].
        """
        values = self._predict_levels(X)
        levels = self._fitted_recipe.levels
        return values[:, :, int(np.argmin(np.abs(np.array(levels) - 0.5)))]

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Predict every quantile of each row, after a fit with ``loss="quantile"``.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            Windows as in ``fit``.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs, n_quantiles), float64
            Values that the target stays below with the probabilities ``quantiles``.
            They never cross: a network's outputs are sorted, which cannot make the
            loss larger (Chernozhukov, Fernández-Val & Galichon 2010,
            doi:10.3982/ECTA7880).

        Raises
        ------
        ValueError
            If the fit had another loss.
        """
        check_is_fitted(self)
        if self._fitted_recipe.loss != "quantile":
            raise ValueError(
                "predict_quantiles needs a fit with loss='quantile'. Got "
                f"loss={self._fitted_recipe.loss!r}; set it, and the levels as "
                "'quantiles', and fit."
            )
        return self._predict_levels(X)

    def _predict_levels(self, X):
        """Return predictions of shape (n_rows, n_outputs, n_levels), not crossing."""
        check_is_fitted(self)
        windows, counts = read_windows(self, X, reset=False)
        if not self._fitted_recipe.is_ours:
            self._warn_of_filled_steps(counts)
        values = np.empty((len(windows), self._spec.n_outputs))
        sizes = self._measure.sizes_of(windows)
        for rows in row_slices(windows, len(windows)):
            some = self._measure.windows(windows[rows], sizes[rows])
            values[rows] = self._measure.values(self._means(some), sizes[rows])
        values = values.reshape(len(windows), self.n_outputs_, -1)
        values.sort(axis=2)
        return values

    def _means(self, windows):
        """Return what the ensemble makes of measured windows, in their measure."""
        return np.mean([each.values(windows) for each in self._members], axis=0)

    # What ends in an underscore is of the first network.

    @property
    def weights_(self) -> list[np.ndarray]:
        """Weights in Keras's order."""
        check_is_fitted(self)
        return self._members[0].weights

    @property
    def history_(self) -> dict[str, list[float]]:
        """Losses of every epoch."""
        check_is_fitted(self)
        return self._members[0].history

    @property
    def n_iter_(self) -> int:
        """The number of epochs."""
        check_is_fitted(self)
        return self._members[0].n_epochs

    @property
    def trust_(self) -> float:
        """The share of the network's outputs that is predicted."""
        check_is_fitted(self)
        return self._scaling.trust

    @property
    def model_(self) -> Any:
        """The fitted network as a ``keras.Model``, built when first asked for.

        It is a copy, from scaled windows to scaled targets: what is done with it
        changes no prediction. Only a network of ``model`` is compiled.
        """
        check_is_fitted(self)
        return self._members[0].keras_model

    def summary(self, line_length: int | None = None, print_fn: Any = None) -> None:
        """Print the layers of the fitted network and their parameters, as Keras does.

        Parameters
        ----------
        line_length : int, optional
            Width of the table.
        print_fn : callable, optional
            Takes the text instead of the standard output.
        """
        self.model_.summary(line_length=line_length, print_fn=print_fn)

    def to_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Write the fitted network as an ONNX file, for runtimes without Python.

        Raw windows go in, values in the unit of the target come out: scaling, highway,
        masks of incomplete windows and ensembles are inside. Needs ``onnx``
        (``pip install 'sklstm[onnx]'``).

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced.

        Returns
        -------
        pathlib.Path
            The file. Its input ``windows`` is float32, of shape
            (n_rows, window, n_channels), with NaN in missing oldest steps. Its output
            ``values``, float64, is what :meth:`predict_steps` returns, of shape
            (n_rows, n_outputs). After a fit with ``loss="quantile"`` there is
            ``quantiles`` too, as :meth:`predict_quantiles` returns it. They agree to
            float32 rounding. Where the series of a panel are measured in their sizes,
            there is a second input ``groups``, int64 of shape (n_rows,): the position
            of each row's group among ``groups_`` of the :class:`SlidingWindow` of the
            fit, -1 for a new one. What goes in is not checked.

        Raises
        ------
        ImportError
            If onnx is not installed.
        ValueError
            If the network is that of ``model``, or has an activation without a form in
            ONNX.
        """
        check_is_fitted(self)
        if not self._fitted_recipe.is_ours:
            raise ValueError(
                "to_onnx needs the network of LSTMRegressor itself. Got one of "
                f"model={self._fitted_recipe.builder!r}; export model_ with Keras, or "
                "fit with model=None."
            )
        levels = self._fitted_recipe.levels
        has_quantiles = self._fitted_recipe.loss == "quantile"
        model = onnx_model(
            self._measure,
            self._members,
            self.n_outputs_,
            levels,
            has_quantiles=has_quantiles,
        )
        return write_whole(path, model)

    def __dir__(self):
        # What scikit-learn's HTML display and dir() ask for; model_ would import Keras.
        names = object.__dir__(self)
        return [name for name in names if name != "model_" and hasattr(self, name)]

    def __getstate__(self):
        return stamped(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(unstamped(state, owner=type(self).__name__))
        check_regressor(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags

    # -- checks ----------------------------------------------------------------------

    def _units(self):
        """Return the units of each layer."""
        units = (self.units,) if is_integer(self.units) else self.units
        return tuple(int(size) for size in units)

    def _check_parameters(self):
        """Check every parameter, alone and with the others, before anything else."""
        self._validate_params()
        units = (self.units,) if isinstance(self.units, Integral) else self.units
        if not units or not all(is_integer(size) and size > 0 for size in units):
            raise ValueError(
                "The 'units' parameter of LSTMRegressor must be an int in the range "
                f"[1, inf) or a tuple of them, one per layer. Got {self.units!r} "
                "instead."
            )
        levels = np.asarray(self.quantiles)
        is_level = levels.dtype.kind in "fi" and levels.ndim == 1 and levels.size > 0
        if not (
            is_level
            and (levels > 0).all()
            and (levels < 1).all()
            and (np.diff(levels) > 0).all()
        ):
            raise ValueError(
                "The 'quantiles' parameter of LSTMRegressor must be increasing levels "
                f"between 0 and 1. Got {self.quantiles!r} instead."
            )
        if self.loss != "quantile" and len(levels) > 1:
            warnings.warn(
                f"The 'quantiles' {self.quantiles!r} are without effect, since they "
                f"are for loss='quantile'. Got loss={self.loss!r}; set it.",
                UserWarning,
                stacklevel=3,
            )
        if self.loss in _POSITIVE_LOSSES and self.model is None:
            raise ValueError(
                f"The loss {self.loss!r} is about positive predictions, and the "
                "network ends in a linear layer, which makes negative ones too. Got "
                "model=None; set scaling='log' and another loss, or pass as model= a "
                "network whose last activation is positive, such as 'softplus'."
            )
        if self.loss in _UNSCALED_LOSSES and self.scaling is not None:
            raise ValueError(
                f"The loss {self.loss!r} is about values in their own unit. Got "
                f"scaling={self.scaling!r}; set scaling=None or choose another loss."
            )
        for callback in self.callbacks or ():
            if not hasattr(callback, "on_epoch_end"):
                raise ValueError(
                    "The 'callbacks' parameter of LSTMRegressor must hold Keras "
                    f"callbacks. Got {callback!r}; pass keras.callbacks.Callback "
                    "objects, and those of scikit-learn to set_callbacks."
                )
        for name in self.keras_params or {}:
            if not str(name).startswith(_ROUTED):
                raise ValueError(
                    "The 'keras_params' parameter of LSTMRegressor must have names "
                    f"that begin with {', '.join(_ROUTED)}. Got {name!r} instead."
                )
        self._check_builder()

    def _check_builder(self):
        """Check that the user's builder takes what is routed to it."""
        routed = [
            name.removeprefix("model__")
            for name in self.keras_params or {}
            if name.startswith("model__")
        ]
        if self.model is None:
            if routed:
                raise ValueError(
                    "Parameters 'model__…' need a builder. Got "
                    f"'model__{routed[0]}' with model=None; pass model=."
                )
            return
        if hasattr(self.model, "trainable_weights"):
            raise ValueError(
                "The 'model' parameter of LSTMRegressor must be a function that builds "
                f"a network, one for each fit. Got a {type(self.model).__name__} that "
                "is built; pass a function that returns it."
            )
        parameters = inspect.signature(self.model).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for name in routed:
            if name not in parameters and not takes_any:
                raise ValueError(
                    "The 'model' parameter of LSTMRegressor must be a callable that "
                    f"takes {name!r}, which 'model__{name}' routes to it. Got one that "
                    f"takes {list(parameters)}."
                )

    def _check_continuation(self):
        """Check that a fit that goes on has the network that it goes on with."""
        if self.n_models != len(self._members):
            raise ValueError(
                "A fit that goes on (warm_start, partial_fit) needs as many networks "
                f"as the fit before. Got n_models={self.n_models!r} after "
                f"{len(self._members)}, which an interrupt may have left; set n_models="
                f"{len(self._members)} to go on, or warm_start=False and fit anew."
            )
        new = self._recipe(self._new_spec(self._spec.is_masked))
        if not new.has_network_of(self._fitted_recipe):
            spec, before = vars(new.spec), vars(self._fitted_recipe.spec)
            changes = [
                f"{name}={spec[name]!r} after {before[name]!r}"
                for name in spec
                if spec[name] != before[name]
            ]
            raise ValueError(
                "A fit that goes on (warm_start, partial_fit) needs the network of the "
                f"fit before. Got {', '.join(changes) or 'another model'}; set "
                "warm_start=False to begin anew."
            )

    def _warn_of_filled_steps(self, counts):
        """Warn where a user's network reads incomplete windows without a mask."""
        n_incomplete = int((counts < self.window_).sum())
        if n_incomplete and not self._members[0].has_masking:
            warnings.warn(
                f"{n_incomplete} window(s) are incomplete and the network has no "
                "Masking layer, so their missing steps are filled with the training "
                "mean, or the window's newest value where it is centred; begin the "
                "network with keras.layers.Masking(meta['mask_value_']).",
                UserWarning,
                stacklevel=3,
            )


def _warn_of_long_window(windows: Any, most: int) -> None:
    """Warn where no window of a series is complete; sequences are as long as they are.

    Parameters
    ----------
    windows : ndarray or PanelWindows of shape (n_rows, window, n_channels)
        Those of a series overlap in memory.
    most : int
        The most true steps of one.
    """
    window = windows.shape[1]
    if most < window and base_from_windows(windows) is not None:
        warnings.warn(
            f"No window is complete: the longest past has {most} of {window} steps, so "
            "the oldest say nothing; choose a shorter window, or pass more rows.",
            UserWarning,
            stacklevel=4,
        )
