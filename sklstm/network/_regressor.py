"""LSTMRegressor: an LSTM on windows, as a scikit-learn regressor."""

import os
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path

from joblib import effective_n_jobs

from sklstm._checks import Interval, StrOptions, check_is_fitted, is_integer
from sklstm._files import write_file
from sklstm.network._lstm import LOSSES, OPTIMIZERS, LSTMRecipe
from sklstm.network._network import ACTIVATIONS, NetworkSpec, default_patch
from sklstm.network._onnx import onnx_model
from sklstm.network._window_regressor import WindowRegressor

__all__ = ["LSTMRegressor"]

_SHARE = Interval(Real, 0, 1, closed="left")
_RANGES = {
    "beta_1": _SHARE,
    "beta_2": _SHARE,
    "rho": _SHARE,
    "momentum": _SHARE,
    "weight_decay": Interval(Real, 0, None, closed="left"),
    "epsilon": Interval(Real, 0, None, closed="neither"),
    "global_clipnorm": Interval(Real, 0, None, closed="neither"),
}


class LSTMRegressor(WindowRegressor):
    """Predict the next value(s) of a series from windows of its past with an LSTM.

    Windows come from :class:`SlidingWindow`, or from any array of that shape. The
    network is one or several LSTM layers and a linear output layer.
    :class:`KerasRegressor` has a network of your own in its place.

    Inputs and target are scaled inside. By default a target is predicted as its change
    from the newest value of the channel that is closest to it (*last-value centring*):
    the network sees a stationary input, and a level beyond everything in the training
    rows is no obstacle. What is linear in the window is found by a ridge regression,
    and the network learns what that leaves.

    Parameters
    ----------
    units : int or tuple of int, default=32
        Size of the cell state; a tuple stacks one LSTM layer for each.
    n_channels : int, default=None
        Channels of a 2-D X, whose rows hold window * n_channels values, step by step.
        None reads it from the column names of :class:`SlidingWindow`, else takes 1.
    steps : int, default=1
        How many consecutive values y[t] … y[t + steps - 1] are predicted for row t.
        Their targets are built from the training rows; more than 1 needs a 1-D y.
        ``predict`` and ``score`` are of the first; see :meth:`predict_steps`. Of known
        columns windows show those of row t, and those of the rows after it with
        ``SlidingWindow(known_ahead=steps - 1)``.
    activation : {"tanh", "relu"}, default="tanh"
        Activation of candidate and output; the gates are sigmoids.
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
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}, default="adam"
        Optimizer, as Keras defines it.
    optimizer_params : dict, default=None
        Numbers of the optimizer other than its defaults, by Keras's names: of
        ``"adam"`` ``beta_1`` (0.9), ``beta_2`` (0.999) and ``epsilon`` (1e-7); of
        ``"adamw"`` these and ``weight_decay`` (0.004); of ``"rmsprop"`` ``rho`` (0.9),
        ``momentum`` (0.0) and ``epsilon`` (1e-7). With each of them
        ``global_clipnorm`` is the norm to which longer gradients are cut.
    learning_rate : float, default=0.002
        Step size of the optimizer.
    loss : {"huber", "mse", "mae", "log_cosh"}, default="huber"
        Loss of the scaled target. Huber's loss is the squared error up to one unit of
        what the highway leaves, and the absolute error beyond: a few abrupt values
        then cannot lead the network astray, as they do with ``"mse"`` (Huber 1964,
        doi:10.1214/aoms/1177703732).
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
    refit : bool, default=True
        Whether the network, after early stopping, goes on from its best weights with
        all rows, the newest among them: for half as many epochs as were best, with a
        learning rate that falls to 0 along half a cosine. A fit that goes on has none.
    n_models : int, default=1
        Number of networks that are trained from different initial weights, and whose
        predictions are averaged, in logarithms where those are learned (an ensemble:
        Hansen & Salamon 1990, doi:10.1109/34.58871). What ends in ``_`` is of the
        first.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights, scaling and optimizer state of the
        fit before; another optimizer begins with a fresh state.
    n_jobs : int, default=None
        Threads that may share a batch, or the rows to predict, where these are worth
        it. None is 1, unless joblib's ``parallel_config`` says otherwise; -1 is as many
        as there are processors. Results are the same bits for any number.
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
    KerasRegressor : The same with a network of your own.
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
        **WindowRegressor._parameter_constraints,
        "units": [Integral, tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "bidirectional": ["boolean"],
        "patch": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "optimizer_params": [dict, None],
        "loss": [StrOptions(set(LOSSES))],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        units=32,
        *,
        n_channels=None,
        steps=1,
        activation="tanh",
        dropout=0.0,
        bidirectional=False,
        patch="auto",
        scaling="auto",
        highway=True,
        optimizer="adam",
        optimizer_params=None,
        learning_rate=0.002,
        loss="huber",
        quantiles=None,
        epochs=100,
        batch_size="auto",
        early_stopping="auto",
        validation_fraction=0.2,
        n_iter_no_change=10,
        refit=True,
        n_models=1,
        warm_start=False,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ) -> None:
        self.units = units
        self.n_channels = n_channels
        self.steps = steps
        self.activation = activation
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.patch = patch
        self.scaling = scaling
        self.highway = highway
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
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
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def _recipe(self, *, is_masked):
        """Return what the parameters ask for, of windows as they were read."""
        levels = self._levels()
        units = (self.units,) if is_integer(self.units) else self.units
        spec = NetworkSpec(
            window=self.window_,
            n_channels=self.n_channels_,
            n_outputs=self.n_outputs_ * len(levels or (0.5,)),
            units=tuple(int(size) for size in units),
            activation=self.activation,
            dropout=float(self.dropout),
            bidirectional=bool(self.bidirectional),
            is_masked=is_masked,
            patch=self._patch(),
        )
        numbers = (self.optimizer_params or {}).items()
        return LSTMRecipe(
            spec=spec,
            optimizer=self.optimizer,
            optimizer_params={name: float(number) for name, number in numbers},
            loss=self.loss,
            quantiles=levels,
        )

    def _patch(self):
        """Return how many steps the network reads at once."""
        if self.patch == "auto":
            return default_patch(self.window_)
        if self.patch > self.window_:
            raise ValueError(
                "The 'patch' parameter of LSTMRegressor must not be longer than the "
                f"window. Got patch={self.patch!r} and windows of {self.window_} "
                "step(s); lower it or set it to 'auto'."
            )
        return int(self.patch)

    def _plan(self, epochs, n_rows, *, is_watched):
        """Return how the parameters train a network, whatever its seed."""
        plan = super()._plan(epochs, n_rows, is_watched=is_watched)
        return replace(plan, n_threads=self._n_threads())

    def _n_threads(self):
        """Return how many threads train and predict."""
        return effective_n_jobs(self.n_jobs)

    def _refit_plan(self, epochs, n_rows):
        """Return how networks go on with all rows; None where they do not."""
        return self._plan(epochs, n_rows, is_watched=False) if self.refit else None

    def _check_parameters(self):
        """Check every parameter, alone and with the others, before anything else."""
        super()._check_parameters()
        units = (self.units,) if isinstance(self.units, Integral) else self.units
        if not units or not all(is_integer(size) and size > 0 for size in units):
            raise ValueError(
                "The 'units' parameter of LSTMRegressor must be an int in the range "
                f"[1, inf) or a tuple of them, one per layer. Got {self.units!r} "
                "instead."
            )
        if self.n_jobs == 0:
            raise ValueError(
                "The 'n_jobs' parameter of LSTMRegressor must not be 0. Got 0; pass "
                "a number of threads, or -1 for all processors."
            )
        legal = [*OPTIMIZERS[self.optimizer], "global_clipnorm"]
        for name, value in (self.optimizer_params or {}).items():
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if name not in legal or not is_number:
                raise ValueError(
                    "The 'optimizer_params' parameter of LSTMRegressor must hold "
                    f"numbers for {', '.join(legal)}, which optimizer="
                    f"{self.optimizer!r} takes. Got {name!r}: {value!r} instead."
                )
            if value not in _RANGES[name]:
                raise ValueError(
                    f"The {name!r} of 'optimizer_params' must be {_RANGES[name]}. Got "
                    f"{value!r} instead."
                )

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
            (n_rows, n_outputs). After a fit with ``quantiles`` there is
            ``quantiles`` too, as :meth:`predict_quantiles` returns it. They agree to
            float32 rounding. Where the series of a panel are measured in their sizes,
            there is a second input ``groups``, int64 of shape (n_rows,): the position
            of each row's group among ``groups_`` of the :class:`SlidingWindow` of the
            fit, -1 for a new one. What goes in is not checked.

        Raises
        ------
        ImportError
            If onnx is not installed.
        """
        check_is_fitted(self)
        model = onnx_model(
            self._measure, self._members, self.n_outputs_, self._fitted_recipe
        )
        return write_file(path, model)
