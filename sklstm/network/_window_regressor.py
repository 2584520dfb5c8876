"""What LSTMRegressor and KerasRegressor share: a network on windows, in scikit-learn.

A subclass adds the parameters of its own kind of network, and a recipe of it.
"""

import warnings
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning

from sklstm._checks import (
    Interval,
    Options,
    StrOptions,
    check_is_fitted,
    check_numbers,
    check_random_state,
    one_line,
    whole_or_unchanged,
)
from sklstm.network._highway import steps_read
from sklstm.network._prior_reader import useful_reader
from sklstm.network._progress import CallbackSupportMixin, Progress, with_callbacks
from sklstm.network._rows import (
    complete_rows,
    in_time_order,
    learnable_rows,
    read_target,
    read_weights,
    read_windows,
    season_of,
    split_newest,
    steps_of,
    thinned,
    warn_of_windows,
)
from sklstm.network._scaling import fit_scaling, last_level
from sklstm.network._training import (
    FEWEST_VALIDATION_ROWS,
    Interrupt,
    Member,
    Monitor,
    Plan,
    TrainingSet,
    changes_between,
    train_member,
    with_full_weight,
)
from sklstm.network._wild import tamed, without_wild
from sklstm.windows._array import row_slices
from sklstm.windows._frames import column_of_target

AT_LEAST_1 = Interval(Integral, 1, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")
# Quantiles of a target, and networks of an ensemble, that are never too many.
_MOST_LEVELS = 1000
_MOST_MODELS = 10_000
POSITIVE = Interval(Real, 0, None, closed="neither")

# Rows that are learned at most with the prior: each costs a tenth of a millisecond.
_MOST_ROWS_WITH_PRIOR = 32_768

# Training rows up to which an epoch costs so little that more are waited for.
_FEW_ROWS = 10_000

# What the docstrings of both regressors say alike.
_PARAMETERS = """\
    steps : int, default=1
        How many consecutive values y[t] … y[t + steps - 1] are predicted for row t.
        More than 1 needs a 1-D y. ``predict`` and ``score`` are of the first; see
        :meth:`predict_steps`. ``SlidingWindow(known_ahead=steps - 1)`` shows the known
        columns of all these rows.
    scaling : {"auto", "last", "standard", "log"} or None, default="auto"
        ``"standard"`` gives inputs and targets mean 0 and standard deviation 1 over
        the training rows. ``"last"`` predicts the change from the newest value of the
        channel that is closest to the target. ``"auto"`` does so where that channel
        holds the past of the target and there is a highway, or where the change varies
        less than the target, and standardises otherwise. None changes nothing: the
        network sees the float32 of all values.

        With the windows of a panel (``groups`` of :class:`SlidingWindow`) ``"auto"``
        and ``"last"`` divide each series by its size, the standard deviation of its
        training rows; ``"auto"`` takes logarithms of positive ones instead where a
        highway then errs less on the validation rows. ``"log"`` takes logarithms of
        the target, and of the channel that holds its past; predictions are then medians
        rather than means.
    highway : bool, default=True
        Whether ridge regressions on the values of the window are predicted first, and
        the network learns what they leave (after the autoregressive highway of LSTNet,
        Lai et al. 2018, doi:10.1145/3209978.3210006). It is the mean of many, weighted
        by how well each forecasts later rows; each minimises the squared error. With
        early stopping it is fitted anew on all rows at the end, and with a loss of
        means (``"huber"``, ``"log_cosh"``, ``"mse"``) the network's output is weighted
        by what the validation rows support, which may be nothing (see
        ``network_weight_``). Without effect where ``scaling`` is None.
    prior : "auto" or False, default="auto"
        Whether the highway may start from the forecast of a small LSTM that was trained
        beforehand on synthetic series (``examples/prior``). ``"auto"``: where a single
        target has a channel that holds its past. It reads that channel alone, and is
        told the season of the windows (``season_`` of :class:`SlidingWindow`) where
        they hold it twice. Tests on later rows give it its ``prior_weight_``. Of more
        than 2,048 rows a sample decides whether it is read at all, and if so at most
        32,768 rows, evenly spaced, are learned from. Needs ``highway``.
    learning_rate : float, default=0.002
        Step size of the optimizer.
    quantiles : sequence of float, default=None
        Levels in (0, 1), increasing, of the quantiles that are predicted, learned with
        the pinball loss (Koenker & Bassett 1978, doi:10.2307/1913643); see
        :meth:`predict_quantiles`. ``predict`` returns the quantile closest to 0.5.
    epochs : int, default=300
        Passes over the training rows, at most. 0 trains no network: the highway, with
        the prior in it, predicts alone.
    batch_size : int or "auto", default="auto"
        Rows in a gradient step. ``"auto"`` takes 32, and from 96,000 training rows on
        the next power of 2, up to 512, with which an epoch has at most 3,000 steps.
    early_stopping : bool or "auto", default="auto"
        Whether training stops when the loss on the newest rows stops falling, and the
        best weights are restored. ``"auto"``: where ``validation_fraction`` of the rows
        makes at least 4. With fewer, a network beside a highway does not learn: nothing
        could tell what it counts for. After a stop :class:`LSTMRegressor` refits with
        all rows, unless it goes on from an earlier fit: for half as many epochs as were
        best, with a learning rate that falls to 0 along half a cosine.
    validation_fraction : float, default=0.2
        Share of the rows, the newest ones, that early stopping watches.
    n_iter_no_change : int or "auto", default="auto"
        Epochs without a better validation loss after which training stops. ``"auto"``
        waits for 30 where there are up to 10,000 training rows, else for 10.
    n_models : int, default=1
        Number of networks that are trained from different initial weights, and whose
        predictions are averaged, in logarithms where those are learned (an ensemble:
        Hansen & Salamon 1990, doi:10.1109/34.58871). Fitted attributes describe the
        first network only.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights, scaling and optimizer state of the
        fit before; another optimizer begins with a fresh state.
    verbose : int, default=0
        0 is silent. 1 prints a line for each fit: losses, ``network_weight_`` and
        ``prior_weight_``; a terminal shows every epoch. 2 prints a line for each.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of rows and dropout. An int gives bitwise
        equal results, in threads and other processes too.
"""
_ATTRIBUTES = """\
    history_ : dict of lists of float
        ``loss`` and, with early stopping, ``val_loss`` of every epoch; not those of
        a refit.
    n_iter_ : int
        Number of epochs in ``history_``.
    network_weight_ : float
        Weight from 0 to 1 given to the network's output, chosen on the validation
        rows. At 0 the highway predicts alone, and no parameter of the network matters;
        so it is where "auto" finds too few rows to stop early. It is 1 without early
        stopping, and without a highway.
    prior_weight_ : float
        Weight from 0 to 1 of those parts of the highway that start from the forecast
        of the prior, decided by tests on later rows; 0 where it is not read.
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
"""


class WindowRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Predict from windows of the past with a network: ``_recipe`` of a subclass."""

    _parameter_constraints = {
        "steps": [AT_LEAST_1],
        "scaling": [StrOptions({"auto", "last", "standard", "log"}), None],
        "highway": ["boolean"],
        "prior": [StrOptions({"auto"}), Options(bool, {False})],
        "learning_rate": [POSITIVE],
        "quantiles": ["array-like", None],
        "epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [AT_LEAST_1, StrOptions({"auto"})],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [AT_LEAST_1, StrOptions({"auto"})],
        "n_models": [Interval(Integral, 1, _MOST_MODELS, closed="both")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # Whether networks go on with all rows after early stopping.
    _refits = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Write into the docstring of a subclass what is shared."""
        super().__init_subclass__(**kwargs)
        doc = cls.__doc__ or ""
        doc = doc.replace("    (shared parameters)\n", _PARAMETERS)
        cls.__doc__ = doc.replace("    (shared attributes)\n", _ATTRIBUTES)

    def _assign(self, arguments):
        """Set the parameters: the local names of a constructor."""
        vars(self).update({k: v for k, v in arguments.items() if k != "self"})

    # -- learning --------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network on windows and what follows them.

        An error leaves the estimator as it was. Ctrl-C keeps what was learned so far,
        with a ConvergenceWarning.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            Windows in time order, oldest step first; missing oldest steps are NaN.
            2-D rows hold the same values step by step: of one channel, or of as many
            as the column names of a :class:`SlidingWindow` tell.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            The target of each row.
        sample_weight : array-like of shape (n_rows,), optional
            Weights of the rows, at least 0; a Series has the index of y. Rows of
            weight 0 are left out.

        Returns
        -------
        self
            The fitted estimator.
        """
        self._check_parameters()
        if (name := column_of_target(X, y)) is not None:
            warnings.warn(
                f"X holds y itself, column {name!r}. {type(self).__name__} reads each "
                "row of X as a window of past values, oldest first; put a "
                "SlidingWindow in front, which makes such windows.",
                UserWarning,
                stacklevel=2,
            )
        goes_on = self.warm_start and hasattr(self, "_members")
        early_stopping = self.early_stopping if self.epochs else False
        return self._fit(X, y, sample_weight, goes_on, self.epochs, early_stopping)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on new rows, going on from what is fitted.

        Weights and optimizer state go on; scaling and highway stay those of the first
        rows. The first call on an unfitted estimator learns them from its rows: give
        it enough.

        Parameters
        ----------
        X, y : array-like
            As in ``fit``.
        sample_weight : array-like, optional
            As in ``fit``.

        Returns
        -------
        self
            The estimator.
        """
        self._check_parameters()
        goes_on = hasattr(self, "_members")
        return self._fit(X, y, sample_weight, goes_on, 1, False)

    def _fit(self, X, y, sample_weight, goes_on, epochs, early_stopping):
        """Learn, or leave everything as it was; warn where that was interrupted."""
        maker = getattr(X, "maker", None)
        if maker is not None:
            maker._has_failed = True
        with whole_or_unchanged(self):
            given = X, y, sample_weight
            n_epochs = self._learn(*given, goes_on, epochs, early_stopping)
        if maker is not None:
            maker._has_failed = False
        if n_epochs is not None:
            warnings.warn(
                f"Training was interrupted after {n_epochs} of {epochs} epochs; what "
                "was learned until then is kept.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    @with_callbacks
    def _learn(self, X, y, sample_weight, goes_on, epochs, early_stopping):
        """Check the data, train, and set every fitted attribute.

        Where training was interrupted, return the number of epochs until then.
        """
        if goes_on:
            self._check_continuation()
        windows, counts = read_windows(self, X, reset=not goes_on)
        y_read = read_target(self, y, len(windows), reset=not goes_on)
        weights = read_weights(self, sample_weight, windows, y)
        given = windows, counts, y_read, weights
        windows, counts, y_read, weights = in_time_order(*given)
        rows = learnable_rows(windows, counts, self.steps, weights)
        if not len(rows):
            raise ValueError(
                f"{type(self).__name__} needs a row with at least one true step, a "
                f"positive weight and {self.steps} contiguous target(s). Got none "
                f"among {len(windows)} sample(s); pass more rows, those before them "
                "too, or a smaller 'steps'."
            )
        given = windows, y_read, rows, self.steps, type(self).__name__
        windows, rows, limits = without_wild(*given)
        targets = steps_of(y_read, self.steps)
        if self.quantiles is not None:
            targets = targets.repeat(len(self.quantiles), axis=1)
        takes_incomplete = bool((counts[rows] < windows.shape[1]).any())
        if not goes_on:
            warn_of_windows(windows, counts[rows])
        if self._scaling.highway is not None if goes_on else self._has_highway():
            n_read = steps_read(len(rows), *windows.shape[1:])
            rows = complete_rows(counts, rows, n_read)
        reader = self._scaling.prior if goes_on else None
        if not goes_on:
            reader = self._reader(windows, targets, rows, season_of(X))
        if reader is not None:
            rows = thinned(rows, _MOST_ROWS_WITH_PRIOR)
        training_rows, validation_rows = self._split(rows, windows, early_stopping)
        if goes_on:
            takes_incomplete |= self._takes_incomplete
            recipe = self._recipe()
            members = [replace(member, recipe=recipe) for member in self._members]
            members = [with_full_weight(member) for member in members]
        else:
            _, self.window_, self.n_channels_ = windows.shape
            self.n_outputs_ = targets.shape[1] // len(self._levels())
            # Steps and quantiles of one target have the same number.
            target_of_output = np.arange(y_read[:1].size).repeat(
                targets.shape[1] // y_read[:1].size
            )
            said = reader and reader.read(windows, rows)
            given = windows, targets, training_rows, target_of_output
            how = {"weights": weights, "watched_rows": validation_rows}
            how |= {"reader": reader, "prior": said, "limits": limits}
            members = self._new_members(given, how)
            is_watched = early_stopping != "auto" or len(validation_rows) > 0
            if members[0].is_weighed and not is_watched:
                epochs = 0
        # What training does not come to is there all the same, or was there before.
        self._members = members if goes_on else members[:1]
        self._takes_incomplete = takes_incomplete
        self._warn_of_filled_steps(counts[rows])
        sizes = self._scaling.sizes_of(windows)
        if goes_on:
            said = reader and reader.read(windows, rows)
        if weights is not None:
            weights = weights / weights[training_rows].mean()
        data = TrainingSet(
            self._scaling.relative(windows, sizes),
            counts,
            self._scaling.relative_targets(targets, sizes),
            self._scaling,
            training_rows,
            validation_rows,
            weights,
            prior=said and self._scaling.relative_prior(said, sizes),
            steps=self.steps,
        )
        if len(validation_rows) and not goes_on:
            data = replace(
                data,
                final=self._scaling_of_all(data, rows),
                refit_rows=rows if self._refits else None,
            )
        n_refit = 0 if data.refit_rows is None else -(-epochs // 2)
        most = len(members), epochs, n_refit
        with Progress(self, X, y, sample_weight, *most) as progress:
            return self._train(members, data, epochs, progress)

    def _reader(self, windows, targets, rows, season):
        """Return who reads the prior, None where there is nothing or no gain in it."""
        if self.prior is False or not self._has_highway() or self._y_ndim == 2:
            return None
        what = self.steps, self._levels(), season, self.scaling
        return useful_reader(windows, targets, rows, *what)

    def _new_members(self, given, how):
        """Return networks with their first weights, and the maps around them."""
        has_highway = self._has_highway()
        scaling = fit_scaling(self.scaling, *given, has_highway=has_highway, **how)
        recipe = self._recipe()
        generator = check_random_state(self.random_state)
        most = np.iinfo(np.int32).max
        seeds = [int(generator.randint(most)) for _ in range(self.n_models)]
        return [
            Member(recipe, seed, scaling, *recipe.first_weights(seed, has_highway))
            for seed in seeds
        ]

    def _train(self, members, data, epochs, progress):
        """Train networks one after another, and keep each when it has learned.

        Where training was interrupted, return the number of epochs until then.
        """
        plan = self._plan(epochs, data)
        with Interrupt() as interrupt:
            for place, member in enumerate(members):
                monitor = partial(
                    Monitor,
                    interrupt=interrupt,
                    progress=progress,
                    place=place,
                    state=partial(self._state_with, place),
                )
                learned = train_member(member, data, plan, monitor)
                vars(self).update(self._state_with(place, learned))
                if learned.is_weighed and (len(data.validation_rows) or not epochs):
                    progress.end_network(learned.scaling)
                if interrupt.is_set:
                    return learned.n_epochs - member.n_epochs
        return None

    def _state_with(self, place, member):
        """Return the ensemble with one of its networks exchanged or added."""
        members = [*self._members[:place], member, *self._members[place + 1 :]]
        return {"_members": members}

    def _scaling_of_all(self, data, rows):
        """Return the maps with the highway and the last level of all rows."""
        scaling = replace(data.scaling, last_level=last_level(data.windows, rows))
        if scaling.highway is None:
            return scaling
        given = data.windows, data.targets, rows, data.weights, data.prior, self.steps
        return scaling.with_highway(*given)

    @property
    def _first(self):
        """The first network, which fitted attributes describe."""
        check_is_fitted(self)
        return self._members[0]

    @property
    def _scaling(self):
        """The maps around the first network."""
        return self._first.scaling

    @property
    def _fitted_recipe(self):
        """How the network was made and trained."""
        return self._first.recipe

    def _has_highway(self):
        """Return whether a highway is predicted first."""
        return self.highway and self.scaling is not None

    def _levels(self):
        """Return the levels of each target's outputs; one without quantiles."""
        return (0.5,) if self.quantiles is None else tuple(map(float, self.quantiles))

    def _n_threads(self):
        """Return how many threads train and predict."""
        return 1

    def _plan(self, epochs, data):
        """Return how the parameters train a network."""
        patience = self.n_iter_no_change
        if patience == "auto":
            patience = 30 if len(data.rows) <= _FEW_ROWS else 10
        return Plan(
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=float(self.learning_rate),
            patience=patience if len(data.validation_rows) else None,
            n_threads=self._n_threads(),
        )

    def _split(self, rows, windows, early_stopping):
        """Return training and validation rows; the latter empty without a watch."""
        n_validation = int(np.ceil(len(rows) * self.validation_fraction))
        if early_stopping == "auto":
            early_stopping = n_validation >= FEWEST_VALIDATION_ROWS
        if not early_stopping:
            return rows, rows[:0]
        groups, share = getattr(windows, "groups", None), self.validation_fraction
        training_rows, validation_rows = split_newest(rows, share, self.steps, groups)
        if not len(training_rows):
            raise ValueError(
                "early_stopping needs rows left to train on. Got "
                f"{len(rows)} sample(s) with {self.steps} target(s) each, and "
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
            Windows as in ``fit``. One without a true step is predicted from the newest
            level of the rows of ``fit``, or from the median of those of a panel.

        Returns
        -------
        ndarray, float64
            Shape (n_rows,) or (n_rows, n_outputs), as y had in ``fit``.
        """
        values = self.predict_steps(X)
        return values if self._y_ndim == 2 else values[:, 0]

    def predict_steps(self, X: Any) -> np.ndarray:
        """Predict all outputs of each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            Windows as in ``fit``.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs), float64
            Column j predicts y[t + j].
        """
        return self._predict_levels(X)[:, :, self._fitted_recipe.middle]

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Predict every quantile of each row, after a fit with ``quantiles``.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
            Windows as in ``fit``.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs, n_quantiles), float64
            Values that the target stays below with the probabilities ``quantiles``,
            sorted so that they never cross (Chernozhukov, Fernández-Val & Galichon
            2010, doi:10.3982/ECTA7880).
        """
        if self._fitted_recipe.quantiles is None:
            raise ValueError(
                "predict_quantiles needs a fit with quantiles. Got quantiles=None; set "
                "their levels, as in quantiles=(0.05, 0.5, 0.95), and fit."
            )
        return self._predict_levels(X)

    def _predict_levels(self, X):
        """Return predictions of shape (n_rows, n_outputs, n_levels), not crossing."""
        scaling = self._scaling
        windows, counts = read_windows(self, X, reset=False)
        self._warn_of_filled_steps(counts)
        n_levels = len(self._fitted_recipe.levels)
        values = np.empty((len(windows), self.n_outputs_ * n_levels))
        sizes = scaling.sizes_of(windows)
        for rows in row_slices(windows, len(windows)):
            made = self._relative_values(windows[rows], sizes[rows])
            values[rows] = scaling.absolute(made, sizes[rows])
        values = values.reshape(len(windows), self.n_outputs_, -1)
        values.sort(axis=2)
        return values

    def _relative_values(self, windows, sizes):
        """Return the ensemble's relative predictions for raw windows."""
        scaling = self._scaling
        windows = tamed(windows, scaling.limits)
        prior = scaling.says_prior and scaling.prior.read(windows)
        prior = scaling.relative_prior(prior, sizes) if prior else None
        given = scaling.relative(windows, sizes), self._n_threads(), prior
        return np.mean([one.values(*given) for one in self._members], axis=0)

    @property
    def weights_(self) -> list[np.ndarray]:
        """Weights in Keras's order."""
        return self._first.weights

    @property
    def history_(self) -> dict[str, list[float]]:
        """Losses of every epoch."""
        return self._first.history

    @property
    def n_iter_(self) -> int:
        """The number of epochs."""
        return self._first.n_epochs

    @property
    def network_weight_(self) -> float:
        """The weight from 0 to 1 given to the network's output."""
        return self._first.scaling.network_weight

    @property
    def prior_weight_(self) -> float:
        """The weight from 0 to 1 that the prior has in the highway."""
        highway = self._first.scaling.highway
        return 0.0 if highway is None else highway.prior_weight

    @property
    def model_(self) -> Any:
        """The fitted network as a ``keras.Model``, a copy, built when first asked for.

        What is done with it changes no prediction.
        """
        return self._first.keras_model

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

    def __dir__(self):
        # What scikit-learn's HTML display asks for; model_ would import Keras.
        names = object.__dir__(self)
        return [name for name in names if name != "model_" and hasattr(self, name)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags

    # -- checks ----------------------------------------------------------------------

    def _check_parameters(self):
        """Check every parameter, alone and with the others, before anything else."""
        self._validate_params()
        check_numbers(self)
        if self.epochs == 0 and not self._has_highway():
            raise ValueError(
                f"The 'epochs' parameter of {type(self).__name__} may be 0 only with a "
                f"highway, which then predicts alone. Got epochs=0, highway="
                f"{self.highway!r} and scaling={self.scaling!r}; set epochs to 1 or "
                "more."
            )
        if self.quantiles is None:
            return
        levels = np.asarray(self.quantiles)
        is_level = levels.dtype.kind in "fi" and levels.ndim == 1
        is_level = is_level and 0 < levels.size <= _MOST_LEVELS
        if not is_level or not (np.diff([0, *levels, 1]) > 0).all():
            raise ValueError(
                f"The 'quantiles' parameter of {type(self).__name__} must be "
                f"increasing levels between 0 and 1, at most {_MOST_LEVELS}. Got "
                f"{one_line(self.quantiles)} instead."
            )
        if self.loss != "huber":
            raise ValueError(
                "Quantiles are learned with the pinball loss, whatever 'loss' says. "
                f"Got quantiles={self.quantiles!r} and loss={self.loss!r}; leave "
                "'loss' at 'huber', its default, or set quantiles=None."
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
        changes = changes_between(self._fitted_recipe, self._recipe())
        if changes:
            raise ValueError(
                "A fit that goes on (warm_start, partial_fit) needs the network of the "
                f"fit before. Got {', '.join(changes)}; set warm_start=False to begin "
                "anew."
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
