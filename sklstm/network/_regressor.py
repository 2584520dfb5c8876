"""LSTMRegressor: an LSTM on windows, as a scikit-learn regressor."""

import math
import os
from numbers import Integral, Real
from pathlib import Path

from joblib import effective_n_jobs

from sklstm._checks import (
    Interval,
    StrOptions,
    check_is_fitted,
    is_integer,
    one_line,
)
from sklstm._files import write_file
from sklstm.network._kernels import LOSSES, OPTIMIZERS, LSTMRecipe
from sklstm.network._lstm import (
    ACTIVATIONS,
    NetworkSpec,
    default_patch,
    weight_shapes,
)
from sklstm.network._onnx import onnx_model
from sklstm.network._window_regressor import (
    AT_LEAST_1,
    POSITIVE,
    SHARE,
    WindowRegressor,
)

# Weights of all networks together that are never too many; learning takes some 20 bytes
# for each.
_MOST_WEIGHTS = 1 << 28

# Layers, and threads, that are never too many.
_MOST_LAYERS = 1000
_MOST_THREADS = 64

_RANGES = {
    "beta_1": SHARE,
    "beta_2": SHARE,
    "rho": SHARE,
    "momentum": SHARE,
    "weight_decay": Interval(Real, 0, None, closed="left"),
    "epsilon": POSITIVE,
    "global_clipnorm": POSITIVE,
}


class LSTMRegressor(WindowRegressor):
    """Predict the next value(s) of a series from windows of its past with an LSTM.

    Windows come from :class:`SlidingWindow`, or from any array of that shape. The
    network is one or several LSTM layers and a linear output layer.

    Inputs and target are scaled inside. By default a target is predicted as its change
    from the newest value of the channel that is closest to it, so that a level beyond
    everything in the training rows is no obstacle. What is linear in the window, and
    in the forecast of an LSTM that was trained beforehand on synthetic series, is found
    by ridge regressions, and the network learns what they leave.

    Parameters
    ----------
    units : int or tuple of int, default=32
        Size of the cell state; a tuple stacks one LSTM layer for each.
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
        patches do not divide the window, its oldest steps are left to the highway; a
        patch with a missing step counts as missing.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}, default="adam"
        Optimizer, as Keras defines it.
    optimizer_params : dict, default=None
        Numbers of the optimizer other than its defaults, by Keras's names: of
        ``"adam"`` ``beta_1`` (0.9), ``beta_2`` (0.999) and ``epsilon`` (1e-7); of
        ``"adamw"`` these and ``weight_decay`` (0.004); of ``"rmsprop"`` ``rho`` (0.9),
        ``momentum`` (0.0) and ``epsilon`` (1e-7). With each of them
        ``global_clipnorm`` is the norm to which longer gradients are cut.
    loss : {"huber", "mse", "mae", "log_cosh"}, default="huber"
        Loss of the scaled target. Huber's loss is the squared error up to one unit of
        what the highway leaves, and the absolute error beyond: a few abrupt values
        then cannot lead the network astray, as they do with ``"mse"`` (Huber 1964,
        doi:10.1214/aoms/1177703732).
    n_jobs : int, default=None
        Threads that may share a batch, or the rows to predict, as joblib counts them:
        None is 1, -1 all processors. Results are the same bits for any number.
    (shared parameters)

    Attributes
    ----------
    weights_ : list of ndarray
        Weights in Keras's order, float32: per layer kernel, recurrent kernel, bias
        (gates in the order input, forget, candidate, output); last the output layer.
    (shared attributes)
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
    With scikit-learn 1.9 and later ``set_callbacks`` takes the experimental callbacks
    of ``sklearn.callback``. A fit has a task named ``"epoch"`` for each epoch of each
    network, or ``"refit-epoch"``, at whose end ``fitted_estimator`` predicts with the
    weights so far: ``ScoringMonitor`` so logs what a fit of as many epochs scores. A
    callback that returns True there stops the network's training; what was learned is
    kept, with early stopping the best of it. Callbacks change no weight.

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
        "dropout": [SHARE],
        "bidirectional": ["boolean"],
        "patch": [AT_LEAST_1, StrOptions({"auto"})],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "optimizer_params": [dict, None],
        "loss": [StrOptions(set(LOSSES))],
        "n_jobs": [AT_LEAST_1, Interval(Integral, None, -1, closed="right"), None],
    }

    _refits = True

    def __init__(
        self,
        units=32,
        *,
        activation="tanh",
        dropout=0.0,
        bidirectional=False,
        patch="auto",
        optimizer="adam",
        optimizer_params=None,
        loss="huber",
        n_jobs=None,
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

    def _recipe(self):
        """Return what the parameters ask for, of windows as they were read."""
        units = (self.units,) if is_integer(self.units) else self.units
        spec = NetworkSpec(
            window=self.window_,
            n_channels=self.n_channels_,
            n_outputs=self.n_outputs_ * len(self._levels()),
            units=tuple(int(size) for size in units),
            activation=self.activation,
            dropout=float(self.dropout),
            bidirectional=bool(self.bidirectional),
            patch=self._patch(),
        )
        n_weights = self.n_models * sum(map(math.prod, weight_shapes(spec)))
        if n_weights > _MOST_WEIGHTS:
            raise ValueError(
                "LSTMRegressor needs networks that fit into memory. Got "
                f"units={one_line(self.units)} and n_models={self.n_models} for "
                f"windows of {spec.window} steps and {spec.n_channels} channel(s), "
                f"{n_weights:.2g} weights, which take {2e-8 * n_weights:.0f} GB to "
                "learn; lower units or n_models."
            )
        numbers = (self.optimizer_params or {}).items()
        return LSTMRecipe(
            spec=spec,
            optimizer=self.optimizer,
            optimizer_params={name: float(number) for name, number in numbers},
            loss=self.loss,
            quantiles=None if self.quantiles is None else self._levels(),
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

    def _n_threads(self):
        """Return how many threads train and predict."""
        return min(effective_n_jobs(self.n_jobs), _MOST_THREADS)

    def _check_parameters(self):
        """Check every parameter, alone and with the others, before anything else."""
        super()._check_parameters()
        units = (self.units,) if is_integer(self.units) else self.units
        is_short = 0 < len(units) <= _MOST_LAYERS
        if not is_short or not all(is_integer(size) and size > 0 for size in units):
            raise ValueError(
                "The 'units' parameter of LSTMRegressor must be an int in the range "
                f"[1, inf) or a tuple of them, one per layer, at most {_MOST_LAYERS}. "
                f"Got {one_line(self.units)} instead."
            )
        legal = [*OPTIMIZERS[self.optimizer], "global_clipnorm"]
        for name, value in (self.optimizer_params or {}).items():
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if name not in legal or not is_number or abs(value) >= 1 << 63:
                raise ValueError(
                    "The 'optimizer_params' parameter of LSTMRegressor must hold "
                    f"numbers for {', '.join(legal)}, which optimizer="
                    f"{self.optimizer!r} takes. Got {name!r}: {one_line(value)}."
                )
            if value not in _RANGES[name]:
                raise ValueError(
                    f"The {name!r} of 'optimizer_params' must be {_RANGES[name]}. Got "
                    f"{value!r} instead."
                )

    def to_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Write the fitted network as an ONNX file, for runtimes without Python.

        Raw windows go in, values in the unit of the target come out. Needs ``onnx``
        (``pip install 'sklstm[onnx]'``).

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced.

        Returns
        -------
        pathlib.Path
            The file. Its input ``windows`` is float64, so that a large level costs no
            digits, of shape (n_rows, window, n_channels), with NaN in missing oldest
            steps, unchecked. Its outputs, float64, are ``values``, as
            :meth:`predict_steps` returns them, and after a fit with quantiles
            ``quantiles``. They agree to float32 rounding of what varies. Where the
            series of a panel are divided by their sizes, there is a second input
            ``groups``, int64 of shape (n_rows,): the position of each row's group among
            ``groups_`` of the :class:`SlidingWindow` of the fit, -1 for a new one.

        Raises
        ------
        ValueError
            If the prior had a part in the fit.
        """
        check_is_fitted(self)
        if self._scaling.says_prior:
            raise ValueError(
                "to_onnx needs a fit without the prior, whose forecast is no part of "
                f"the file. Got prior={self.prior!r}; set prior=False and fit."
            )
        model = onnx_model(self._members, self.n_outputs_)
        return write_file(path, model)
