"""What LSTMRegressor and KerasRegressor share: a network on windows, in scikit-learn.

A subclass adds the parameters of its own kind of network, and a recipe of it.
"""

import warnings
from abc import abstractmethod
from dataclasses import replace
from functools import cache, partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from sklstm._checks import (
    Interval,
    StrOptions,
    check_is_fitted,
    check_random_state,
    whole_or_unchanged,
)
from sklstm._stamp import stamped, unstamped
from sklstm._whole import check_regressor
from sklstm.network._ensemble import Finish, fully_trusted, train_member
from sklstm.network._interrupts import interrupts_held, let_interrupt_through
from sklstm.network._measure import fit_measures, most_accurate
from sklstm.network._member import Recipe, new_member
from sklstm.network._progress import CallbackSupportMixin, progress_of
from sklstm.network._reading import read_target, read_weights, read_windows
from sklstm.network._scaling import fit_scaling, fit_scaling_with_highway, last_level
from sklstm.network._training import (
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
from sklstm.windows._frames import column_of_target
from sklstm.windows._array import base_from_windows, row_slices

__all__ = ["WindowRegressor"]


class WindowRegressor(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Predict the next value(s) of a series from windows of its past with a network.

    A subclass has a constructor with the parameters below, and with those of its own.
    """

    _parameter_constraints = {
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "scaling": [StrOptions({"auto", "last", "standard", "log"}), None],
        "highway": ["boolean"],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "quantiles": ["array-like", None],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "n_models": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # -- what each kind of network has of its own --------------------------------------

    @abstractmethod
    def _recipe(self, *, is_masked: bool) -> Recipe:
        """Return what the parameters ask for, of windows as they were read."""

    def _refit_plan(self, epochs, n_rows):  # noqa: ARG002
        """Return how networks go on with all rows; None where they do not."""
        return None

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
        self
            The fitted estimator.

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
                f"X holds y itself, column {name!r}. {type(self).__name__} reads each "
                "row of X as a window of past values, oldest first; put a "
                "SlidingWindow in front, which makes such windows.",
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
        self
            The estimator.
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
        weights = read_weights(self, sample_weight, windows, y_given)
        windows, counts, y, weights = in_time_order(windows, counts, y, weights)
        rows = learnable_rows(windows, counts, self.steps, weights)
        if not len(rows):
            raise ValueError(
                f"{type(self).__name__} needs a row with at least one true step, a "
                f"positive weight and {self.steps} contiguous target(s). Got none "
                f"among {len(windows)} sample(s); pass more rows, those before them "
                "too, or a smaller 'steps'."
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
        recipe = self._recipe(is_masked=is_masked).going_on_from(self._fitted_recipe)
        return [replace(member, recipe=recipe) for member in self._members]

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

        level = last_level(data.windows, data.windows[rows, -1, :])
        return Finish(rows, highway, level, self._refit_plan(epochs, len(rows)))

    def _begin(self, windows, y, rows, validation_rows, weights, is_masked):
        """Set what new networks begin with; return what they learn from, and them.

        That is windows and targets as they are measured.
        """
        _, self.window_, self.n_channels_ = windows.shape
        self.n_outputs_ = self.steps if self.steps > 1 else y[:1].size
        recipe = self._recipe(is_masked=is_masked)
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
        members = [new_member(recipe, scaling, seed) for seed in seeds]
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
        n_levels = len(self._levels() or (0.5,))
        return targets if n_levels == 1 else np.repeat(targets, n_levels, axis=1)

    @property
    def _scaling(self):
        """The maps around the first network."""
        return self._members[0].scaling

    @property
    def _fitted_recipe(self):
        """What the fitted network is, and how it was trained."""
        return self._members[0].recipe

    def _has_highway(self):
        """Return whether a highway is predicted first."""
        return self.highway and self.scaling is not None

    def _levels(self):
        """Return the levels of the quantiles that are asked for, None for none."""
        if self.quantiles is None:
            return None
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
        return values[:, :, self._fitted_recipe.middle]

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Predict every quantile of each row, after a fit with ``quantiles``.

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
            If the fit had none.
        """
        check_is_fitted(self)
        if self._fitted_recipe.quantiles is None:
            raise ValueError(
                "predict_quantiles needs a fit with quantiles. Got quantiles=None; set "
                "their levels, as in quantiles=(0.05, 0.5, 0.95), and fit."
            )
        return self._predict_levels(X)

    def _predict_levels(self, X):
        """Return predictions of shape (n_rows, n_outputs, n_levels), not crossing."""
        check_is_fitted(self)
        windows, counts = read_windows(self, X, reset=False)
        self._warn_of_filled_steps(counts)
        values = np.empty((len(windows), self._fitted_recipe.shape[2]))
        sizes = self._measure.sizes_of(windows)
        for rows in row_slices(windows, len(windows)):
            some = self._measure.windows(windows[rows], sizes[rows])
            values[rows] = self._measure.values(self._means(some), sizes[rows])
        values = values.reshape(len(windows), self.n_outputs_, -1)
        values.sort(axis=2)
        return values

    def _means(self, windows):
        """Return what the ensemble makes of measured windows, in their measure."""
        n_threads = self._n_threads()
        values = [each.values(windows, n_threads) for each in self._members]
        return np.mean(values, axis=0)

    def _n_threads(self):
        """Return how many threads train and predict."""
        return 1

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
        changes no prediction.
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

    def _check_parameters(self):
        """Check every parameter, alone and with the others, before anything else."""
        self._validate_params()
        if self.quantiles is None:
            return
        levels = np.asarray(self.quantiles)
        is_level = levels.dtype.kind in "fi" and levels.ndim == 1 and levels.size > 0
        if not (
            is_level
            and (levels > 0).all()
            and (levels < 1).all()
            and (np.diff(levels) > 0).all()
        ):
            raise ValueError(
                f"The 'quantiles' parameter of {type(self).__name__} must be "
                f"increasing levels between 0 and 1. Got {self.quantiles!r} instead."
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
        changes = self._recipe(is_masked=False).changes_from(self._fitted_recipe)
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


def _warn_of_long_window(windows: Any, most: int) -> None:
    """Warn where no window of a series is complete; sequences are as long as they are.

    Parameters
    ----------
    windows : ndarray or Windows of shape (n_rows, window, n_channels)
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
