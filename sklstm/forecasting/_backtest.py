"""backtest: forecasts from many origins of the past, beside those that cost nothing.

``cross_val_predict`` refuses ``TimeSeriesSplit``, knows one value a row, and cannot go
on learning from fold to fold.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklstm._checks import (
    _check_method_params,
    check_coverage,
    check_fit_params,
    is_integer,
)
from sklstm.forecasting._forecast import forecast_by
from sklstm.forecasting._intervals import (
    distances_beyond,
    fewest_residuals,
    has_quantile_ends,
    past_distances,
    quantile_ends,
    widened,
)
from sklstm.forecasting._reader import (
    Reader,
    is_direct,
    plain_pipeline,
    reader_from,
    reader_of_rows,
    window_columns,
)
from sklstm.forecasting._update import (
    check_learner,
    learner_of,
    params_of_last,
    prefix_of,
    update,
)
from sklstm.forecasting._walk import Fold, Walk, folds_of, slice_or_rows, walk_over
from sklstm.metrics import (
    interval_coverage,
    mean_interval_score,
    symmetric_mean_absolute_percentage_error,
)
from sklstm.network._progress import Line
from sklstm.windows._alignment import words_of_other_unit
from sklstm.windows._frames import DataFrame, labels_of, table_from
from sklstm.windows._table import as_columns, members
from sklstm.windows._sliding_window import SlidingWindow, quiet_windows
from sklstm.windows._array import Windows, row_slices, take_rows

__all__ = ["BacktestResult", "backtest"]

# Ridge regression with fewer complete windows than this is not tried.
_FEWEST_WINDOWS = 10

# Penalties that the ridge regression chooses from, for standardised windows.
_PENALTIES = 10.0 ** np.arange(-3, 5)


@dataclass(frozen=True, repr=False)
class BacktestResult:
    """Forecasts from many origins, what came true, and what costs nothing.

    What :func:`backtest` returns.

    Parameters
    ----------
    predictions : DataFrame of shape (n_origins * steps, 5 or 6)
        One row for each origin and step, at the label (of a panel, the time) of the
        predicted row: ``origin`` (that of the last known row, its position where X had
        no labels), ``step`` (1 is the row after the origin), ``y_true``, ``y_pred`` and
        ``fold`` (from 0). In front of them ``group``, for a panel: the value of its
        column, or a tuple of several.
    baselines : DataFrame of shape (n_origins * steps, 1 to 3)
        What others predict for the same rows: ``naive`` (the value at the origin),
        ``seasonal naive`` (the value a season before, where ``season`` was given) and
        ``ridge`` (a ridge regression on the same windows, for all steps at once and
        anew in every fold, where the estimator is a pipeline with windows).
    scales : ndarray of shape (n_origins * steps,)
        The unit of MASE: mean absolute change over a season in the training rows of
        the fold (and group); NaN where they do not change.
    origins : ndarray of shape (n_origins,), int
        Position of each origin in X; of a panel, in X by group and time.
    quantiles : DataFrame of shape (n_origins * steps, n_quantiles), optional
        What a regressor with ``quantiles`` predicts for the same rows, in a
        column for each level. None of other estimators, and where one predicts fewer
        steps at once.

    Attributes
    ----------
    groups : ndarray of shape (n_origins,) or None
        The group of each origin; None without groups.
    residuals : ndarray of shape (n_origins, steps)
        y_true - y_pred, oldest origin first, in each group of a fold.

    See Also
    --------
    backtest : Makes it.
    forecast : Takes it as ``residuals``, for intervals.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.model_selection import TimeSeriesSplit
    >>> from sklstm import backtest, load_airline_passengers
    >>> y = load_airline_passengers()["passengers"]
    >>> X = y.shift(12, fill_value=112.0).to_frame("year before")
    >>> result = backtest(LinearRegression(), X, y, cv=TimeSeriesSplit(3), season=12)
    >>> result.summary().round(1)
                     MAE  RMSE  MASE  sMAPE
    model           19.0  23.2   0.8    6.2
    naive           30.1  37.8   1.2    9.1
    seasonal naive  34.3  38.5   1.4   11.5
    """

    predictions: DataFrame
    baselines: DataFrame
    scales: np.ndarray
    origins: np.ndarray
    quantiles: Any = None

    @property
    def groups(self) -> np.ndarray | None:
        """The group of each origin; None without groups."""
        if "group" not in self.predictions.columns:
            return None
        return self.predictions["group"].to_numpy()[:: self.residuals.shape[1]]

    @property
    def residuals(self) -> np.ndarray:
        """What the forecasts missed the truth by."""
        missed = self.predictions["y_true"] - self.predictions["y_pred"]
        return missed.to_numpy().reshape(len(self.origins), -1)

    def summary(self, by: str | None = None) -> DataFrame:
        """Return the errors of the model and of the baselines on the same rows.

        Parameters
        ----------
        by : {"step", "fold", "group"}, optional
            Gives a row for each step, fold or group and model; None one for each model.

        Returns
        -------
        DataFrame
            Columns ``MAE`` and ``RMSE`` in the unit of y, ``MASE`` in that of the
            naive (with ``season``, seasonal naive) forecast's error in the training
            rows of the fold (and group), and ``sMAPE`` in per cent, 0 to 200. Where
            training rows do not change there is no such unit: other rows make MASE.
        """
        if by is None:
            table = self._errors(slice(None))
            return table_from(table, list(self._models()))
        found, codes = np.unique(self._column(by), return_inverse=True)
        tables = [self._errors(codes == code) for code in range(len(found))]
        columns = {
            name: np.concatenate([table[name] for table in tables])
            for name in tables[0]
        }
        models = list(self._models())
        index = {
            by: found.repeat(len(models)),
            "model": models * len(tables),
        }
        return table_from(index | columns).set_index([by, "model"])

    def quantile_residuals(self, coverage: float = 0.9) -> np.ndarray | None:
        """Return how far the truth lay beyond the quantiles of a coverage.

        Parameters
        ----------
        coverage : float, default=0.9
            Share of true values that was to lie between the two, in (0, 1).

        Returns
        -------
        ndarray of shape (n_origins, steps) or None
            In the order of ``residuals``: the distance from the closer of the two,
            negative where the truth lay between them. None where the estimator did not
            learn these quantiles.
        """
        coverage = check_coverage(coverage, owner="quantile_residuals")
        ends = self._learned_ends(coverage)
        if ends is None:
            return None
        truth = self.predictions["y_true"].to_numpy()
        return distances_beyond(truth, *ends.T).reshape(len(self.origins), -1)

    def intervals(self, coverage: float = 0.9) -> DataFrame:
        """Return the interval that each forecast would have had at its time.

        Those that ``forecast(..., coverage=coverage, residuals=...)`` makes from the
        residuals (of the group) that were known at the origin, and from no later ones.

        Parameters
        ----------
        coverage : float, default=0.9
            Share of true values that intervals are to hold, in (0, 1).

        Returns
        -------
        DataFrame
            ``predictions`` with the columns ``y_lower`` and ``y_upper``, without the
            first rows, for which too few residuals were known.

        Raises
        ------
        ValueError
            If too few residuals were known at every origin.
        """
        coverage = check_coverage(coverage, owner="intervals")
        middle = self.predictions["y_pred"].to_numpy()
        ends = self._learned_ends(coverage)
        sizes = self.quantile_residuals(coverage)
        if ends is None or sizes is None:
            ends, sizes = np.stack([middle, middle], axis=1), np.abs(self.residuals)
        codes, n_groups = np.zeros(len(sizes), dtype=np.intp), 1
        if self.groups is not None:
            found, codes = np.unique(self.groups, return_inverse=True)
            n_groups = len(found)
        distances: np.ndarray = np.empty(sizes.shape)
        for own in members(codes, n_groups):
            distances[own] = past_distances(sizes[own], self.origins[own], coverage)
        distances = distances.ravel()
        is_known = np.isfinite(distances)
        if not is_known.any():
            subject = "Residuals make intervals of a coverage"
            needed = fewest_residuals(coverage, subject=subject)
            of = "" if self.groups is None else " and group"
            raise ValueError(
                f"Intervals of coverage={coverage:g} need {needed} residuals of each "
                f"step{of}, known at a later origin. Got {len(self.origins)} "
                f"origin(s){f' of {n_groups} group(s)' if of else ''}; backtest from "
                "more of them, or lower the coverage."
            )
        made = widened(middle[is_known], ends[is_known], distances[is_known])
        return self.predictions[is_known].assign(y_lower=made[:, 0], y_upper=made[:, 1])

    def calibration(
        self, coverages: float | Sequence[float] = (0.5, 0.8, 0.9)
    ) -> DataFrame:
        """Return how many values the intervals held, and how wide they were.

        Parameters
        ----------
        coverages : float or sequence of float, default=(0.5, 0.8, 0.9)
            Shares that intervals are to hold, or one of them.

        Returns
        -------
        DataFrame
            One row for each of them, by ``coverage``: ``measured`` (the share that
            they held), ``width`` and ``score`` (mean width and mean interval score, in
            the unit of y) and ``n_rows`` (rows that had an interval).
        """
        rows = []
        for coverage in np.atleast_1d(np.asarray(coverages, dtype=object)):
            made = self.intervals(coverage)
            ends = made["y_true"], made["y_lower"], made["y_upper"]
            rows.append(
                {
                    "coverage": coverage,
                    "measured": interval_coverage(*ends),
                    "width": float((made["y_upper"] - made["y_lower"]).mean()),
                    "score": mean_interval_score(*ends, coverage=coverage),
                    "n_rows": len(made),
                }
            )
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return table_from(columns).set_index("coverage")

    def __repr__(self) -> str:
        n_steps, n_folds = self.residuals.shape[1], self.predictions["fold"].nunique()
        groups = self.groups
        of = "" if groups is None else f", {len(np.unique(groups))} group(s)"
        return (
            f"BacktestResult of {len(self.origins)} origins, {n_steps} step(s), "
            f"{n_folds} fold(s){of}\n"
            f"{self.summary().to_string(float_format='{:.4g}'.format)}"
        )

    def _learned_ends(self, coverage):
        """Return the quantiles of a coverage, (n_rows, 2), None if not learned."""
        if self.quantiles is None:
            return None
        levels = list(self.quantiles.columns)
        if not has_quantile_ends(levels, coverage):
            return None
        return self.quantiles.to_numpy()[:, list(quantile_ends(levels, coverage))]

    def _models(self):
        """Return the predictions of each model, by its name."""
        baselines = {name: self.baselines[name] for name in self.baselines.columns}
        return {"model": self.predictions["y_pred"], **baselines}

    def _column(self, by):
        names = [n for n in ("step", "fold", "group") if n in self.predictions.columns]
        if by not in names:
            raise ValueError(
                f"The 'by' parameter of summary must be one of {names} or None. Got "
                f"{by!r} instead."
            )
        return self.predictions[by].to_numpy()

    def _errors(self, rows):
        """Return every error of every model on some rows, by the error's name."""
        truth = self.predictions["y_true"].to_numpy()[rows]
        scales = self.scales[rows]
        has_scale = ~np.isnan(scales)
        table: dict[str, list] = {"MAE": [], "RMSE": [], "MASE": [], "sMAPE": []}
        for values in self._models().values():
            made = values.to_numpy()[rows]
            scaled = ((truth - made) / scales)[has_scale]
            table["MAE"].append(mean_absolute_error(truth, made))
            table["RMSE"].append(root_mean_squared_error(truth, made))
            table["MASE"].append(
                float(np.mean(np.abs(scaled))) if len(scaled) else np.nan
            )
            table["sMAPE"].append(symmetric_mean_absolute_percentage_error(truth, made))
        return table


def backtest(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any,
    steps: int = 1,
    stride: int = 1,
    refit: bool | int | str = True,
    season: int | None = None,
    target: str | None = None,
    params: dict[str, Any] | None = None,
    verbose: int = 0,
) -> BacktestResult:
    """Forecast the past: from many origins, with what was known at each of them.

    Every fold of ``cv`` gives an estimator that is fitted on its training rows, and
    origins: the row before the first test row, and every test row but the last. From
    each of them ``steps`` values are predicted as :func:`forecast` would, from the true
    rows up to the origin.

    Parameters
    ----------
    estimator : estimator
        What is to be tried: a pipeline with a :class:`SlidingWindow`, what wraps one,
        or, for one step, any regressor. Clones are fitted; it is not changed.
    X : DataFrame, Series or array-like of shape (n_rows, n_columns)
        The rows, oldest first; their labels are kept. For a SlidingWindow with
        ``groups`` or ``time`` a long frame, rows in any order.
    y : Series or array-like of shape (n_rows,)
        The target of each row, at the labels of X. None may be missing: fill it with
        any value, give its row the weight 0 in ``params``, and leave it out of what is
        scored (see Notes).
    cv : splitter or iterable of (train, test)
        ``TimeSeriesSplit(...)`` or any other whose folds walk forward: contiguous
        training rows, all before the contiguous test rows, which no fold before had.
        For a panel ``PanelTimeSeriesSplit(...)``: those are the rows of each group.
    steps : int, default=1
        How many values to predict from each origin. They may lie beyond the fold's
        test rows, which no model of the fold has seen either. Origins after which
        ``steps`` rows do not follow, at the end of the series (of a panel, of their
        group) or before a hole in its index, are left out, and so is a group without
        any other; the result counts those that are there.
    stride : int, default=1
        Takes every ``stride``-th origin of a fold (and group), from its first on.
    refit : bool, int or "update", default=True
        True fits a clone on the training rows of every fold, an int n on those of
        every n-th fold, False on those of the first alone. ``"update"`` fits in the
        first fold, and from then on calls :func:`update` with the training rows that
        have come since.
    season : int, optional
        Rows after which the series repeats: for the seasonal naive forecast, and for
        the scale of MASE, which without it is that of the naive forecast.
    target : str or int, optional
        Column of X that y is, by name or position, as in :func:`forecast`.
    params : dict, optional
        Parameters of the estimator's ``fit``, as in
        :func:`sklearn.model_selection.cross_validate`: what is as long as X is taken by
        the training rows of each fold, such as ``lstmregressor__sample_weight`` for a
        pipeline, ``sample_weight`` for a regressor. Updates take them too.
    verbose : int, default=0
        0 is silent; more prints a line for each fold when it is done, which in a
        terminal says before what the fold is at.

    Returns
    -------
    BacktestResult
        ``predictions``, a DataFrame of origin, step, y_true, y_pred and fold, and
        ``summary()``, their errors beside those of naive, seasonal naive and ridge
        forecasts of exactly the same rows; of a quantile network its ``quantiles`` too.

    Raises
    ------
    TypeError
        If the last step has no ``partial_fit`` for ``refit="update"``, or ``params``
        are of other steps then.
    ValueError
        If something is wrong with X, y, the folds or the parameters, before the first
        fit.

    Warns
    -----
    UserWarning
        If a fold has no training rows a season apart, before the first fit.

    See Also
    --------
    BacktestResult : Errors, residuals and intervals.
    forecast : Predicts the values after the last row.
    update : Lets a fitted pipeline learn from new rows.

    Notes
    -----
    Values after an origin change no prediction from it, but those of columns known
    beforehand, or that known ones are made from, as long as steps in front of the
    windows turn each row into one row and look at no later one. The model of a fold has
    learned from its training rows, which for some groups of a panel may end after the
    first origins of others.

    Where predictions are fed back, steps in front are applied anew for each origin and
    step, which takes some milliseconds; make their columns before, if that is too slow.

    The ridge regression predicts all steps at once, from what the pipeline hands on up
    to its SlidingWindow: the same windows, every column of them standardised. It is
    fitted in every fold, whatever ``refit``, on the complete windows of the training
    rows whose steps are all training rows, with one penalty by generalised
    cross-validation; missing steps of the windows that it predicts from are filled with
    the means. Of a panel there is one regression for all groups, in the unit of y.
    Where a fold has fewer than ten such windows it is the naive forecast, and so is the
    seasonal naive one where the row a season before is missing. An estimator that wraps
    a pipeline, other than a search, has no ridge forecasts. With sample weights of the
    last step a training row of it has the smallest weight of its steps' rows, and is
    left out where that is 0.

    Weights are for learning alone. A row of weight 0 is scored like any other, its
    value is the naive forecast of later rows, and a change in the scale of MASE. Where
    y was filled, leave such rows of ``predictions`` and ``baselines`` out before errors
    are computed, and such origins of ``residuals`` before they make intervals:
    ``summary`` and ``intervals`` read all of them.

    References
    ----------
    Tashman 2000, "Out-of-sample tests of forecasting accuracy: an analysis and review",
    International Journal of Forecasting 16(4), doi:10.1016/S0169-2070(00)00065-0.

    Examples
    --------
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import TimeSeriesSplit
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import SlidingWindow, backtest, load_airline_passengers
    >>> X = load_airline_passengers()
    >>> windows = SlidingWindow(window=12, layout="flat")
    >>> pipe = make_pipeline(windows, SimpleImputer(), Ridge())
    >>> cv = TimeSeriesSplit(2, test_size=12)
    >>> result = backtest(pipe, X, X["passengers"], cv=cv, steps=3, stride=3)
    >>> result.predictions.drop(columns="y_pred").rename_axis(None).head(4)
                   origin  step  y_true  fold
    1959-01-01 1958-12-01     1   360.0     0
    1959-02-01 1958-12-01     2   342.0     0
    1959-03-01 1958-12-01     3   406.0     0
    1959-04-01 1959-03-01     1   396.0     0
    >>> result.summary()[["MAE", "RMSE"]].round(0)
            MAE  RMSE
    model  20.0  25.0
    naive  52.0  63.0
    ridge  17.0  19.0
    """
    _check_numbers(steps, stride, season, refit)
    windows = _windows_of(estimator)
    weights = f"params={{'{prefix_of(estimator)}sample_weight': weights}}"
    walk, places = walk_over(
        X, y, windows, steps=int(steps), season=season, target=target, weights=weights
    )
    folds = folds_of(cv, X, y, walk, places, stride)
    _check_params(estimator, params, walk, refit)
    _check_estimator(estimator, windows, walk, refit)
    short = None if season is None else _words_of_long_season(season, folds, walk)
    if short is not None:
        warnings.warn(short, UserWarning, stacklevel=2)
    parts: list[dict] = []
    # Rows of the walk stand in its order.
    params = _check_method_params(walk.X, params or {}, indices=np.argsort(places))
    learner = _Learner(estimator, refit, walk, params)
    weights_of_rows = _weights_of(estimator, params, walk)
    with Line(is_silent=not verbose) as line:
        for position, fold in enumerate(folds):
            start = time.perf_counter()
            text = f"fold {position + 1} of {len(folds)}: "
            text += f"{len(fold.train)} training rows"
            line.show(f"{text}, learning")
            model = learner.model_of(position, fold)
            text += f", {len(fold.origins)} origins"
            if len(fold.origins):
                line.show(f"{text}, forecasting")
                parts.append(_forecasts(model, fold, position, walk, weights_of_rows))
                newest = parts[-1]
                missed = mean_absolute_error(newest["y_true"], newest["y_pred"])
                text += f", MAE {missed:.4g}"
            line.end(f"{text}, {time.perf_counter() - start:.1f} s")
    return _result(parts, walk)


# -- checked before ----------------------------------------------------------------


def _check_numbers(steps: Any, stride: Any, season: Any, refit: Any) -> None:
    for name, value in (("steps", steps), ("stride", stride), ("season", season)):
        if name == "season" and value is None:
            continue
        if not is_integer(value) or value < 1:
            raise ValueError(
                f"The {name!r} parameter of backtest must be an int in the range "
                f"[1, inf). Got {value!r} instead."
            )
    is_known = isinstance(refit, bool) or (isinstance(refit, str) and refit == "update")
    if not is_known and not (is_integer(refit) and refit >= 1):
        raise ValueError(
            "The 'refit' parameter of backtest must be a bool, an int in the range "
            f"[1, inf) or 'update'. Got {refit!r} instead."
        )


def _check_params(estimator: Any, params: Any, walk: Walk, refit: Any) -> None:
    if params is None:
        return
    if not isinstance(params, dict):
        raise ValueError(
            "The 'params' parameter of backtest must be a dict of fit parameters or "
            f"None. Got {type(params).__name__}; pass "
            f"params={{'{prefix_of(estimator)}sample_weight': ...}}."
        )
    check_fit_params(params, len(walk.codes), owner="backtest")
    if refit == "update":
        params_of_last(estimator, params, owner="backtest(refit='update')")


def _words_of_long_season(season: int, folds: list[Fold], walk: Walk) -> str | None:
    """Return in which folds nothing lies a season apart, None if in none of them."""
    longest = [walk.longest(fold.train) for fold in folds]
    short = [n_rows for n_rows in longest if n_rows <= season]
    if not short:
        return None
    others = "MASE is NaN"
    if len(short) < len(folds):
        others = "MASE is that of the other folds"
    return (
        f"backtest needs more than season={season} training rows of a series for "
        f"MASE. Got at most {max(short)} in {len(short)} of {len(folds)} fold(s): "
        f"{others}, and the seasonal naive forecast is the naive one wherever the row "
        "a season before is missing; lower season, or begin the folds later."
    )


def _weights_of(estimator: Any, params: dict, walk: Walk) -> np.ndarray | None:
    """Return the sample weights of the last step, None where all rows weigh the same.

    They have no prefix where metadata are routed.
    """
    weights = params.get("sample_weight")
    weights = params.get(f"{prefix_of(estimator)}sample_weight", weights)
    if weights is None or np.shape(weights) != walk.codes.shape:
        return None
    return np.asarray(weights, dtype=np.float64)


def _check_estimator(
    estimator: Any, windows: list[SlidingWindow], walk: Walk, refit: Any
) -> None:
    """Raise, before anything is fitted, where forecasts could not be made."""
    if refit == "update":
        check_learner(estimator, owner="backtest(refit='update')")
    if not windows and walk.steps > 1:
        raise ValueError(
            "backtest needs an estimator with a SlidingWindow inside for several "
            f"steps. Got steps={walk.steps} and {estimator!r}."
        )
    pipeline = learner_of(estimator)
    is_first = isinstance(pipeline, Pipeline) and pipeline.steps[0][1] in windows
    if is_first:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # every fit warns for itself
            window = clone(windows[0]).fit(walk.X, walk.y)
        _check_recursion(window, pipeline.steps[-1][1], walk)


def _windows_of(estimator: Any) -> list[SlidingWindow]:
    """Return every SlidingWindow among the parameters of an estimator."""
    parts = estimator.get_params(deep=True).values()
    return [part for part in parts if isinstance(part, SlidingWindow)]


def _check_recursion(window: SlidingWindow, regressor: Any, walk: Walk) -> None:
    """Raise where predictions would be fed back and a column has no values to come."""
    at_once = max(window.lag_, 1) - 1
    at_once += regressor.steps if is_direct(regressor) else 1
    if window.lag_ == 0 or walk.steps <= at_once:
        return
    labels = labels_of(walk.X)
    lagged = np.flatnonzero(~window.is_known_).tolist()
    n_lagged = len(lagged)
    if labels is not None:
        lagged += [window._columns[position] for position in lagged]
    if walk.target is not None and walk.target not in lagged:
        raise ValueError(
            "The 'target' parameter of backtest must name the column that y is, which "
            f"is not known beforehand, one of {lagged}. Got {walk.target!r} instead."
        )
    names = window.target_names_
    is_elsewhere = (
        walk.target is None
        and labels is not None
        and names is not None
        and names[0] not in walk.X.columns
    )
    do = f"predict all steps at once: LSTMRegressor(steps={walk.steps}), or "
    do += f"SlidingWindow(horizon={walk.steps})"
    if n_lagged > 1:
        came = (
            f"{n_lagged} such columns, {lagged[-n_lagged:]}, of which it predicts one"
        )
        do += ". Or leave the others out of X, or declare 'known' those whose values "
        do += "to come are known"
    elif is_elsewhere:
        came = f"y, which is named {names}, and the column {lagged[-1]!r}"
        do += f". Or, if that column is y, pass target={lagged[-1]!r}"
    else:
        return
    raise ValueError(
        f"backtest must feed predictions back to go beyond step {at_once}, so the "
        f"one column that is not known beforehand must be y. Got {came}; {do}."
    )


# -- a fold -------------------------------------------------------------------------


class _Learner:
    """The model that forecasts, fitted and updated from fold to fold."""

    def __init__(self, estimator: Any, refit: Any, walk: Walk, params: dict):
        self.estimator = estimator
        self.walk = walk
        self.params = params
        self.is_updated = refit == "update"
        # Folds from one fit to the next; none after the first.
        self.every = int(refit) if not self.is_updated else 0
        self.model: Any = None
        self.stop = 0

    def model_of(self, position: int, fold: Fold) -> Any:
        """Return the model of a fold, which may be that of a fold before."""
        walk = self.walk
        stop = int(walk.ranks[fold.train].max()) + 1
        if self.model is None or (self.every and position % self.every == 0):
            params = self._params_of(fold.train)
            self.model = clone(self.estimator).fit(*walk.of(fold.train), **params)
            self.stop = stop
        elif self.is_updated and stop > self.stop:
            is_new = (walk.ranks >= self.stop) & (walk.ranks < stop)
            # Rows seen before are the past of the new ones.
            rows = walk.around(np.flatnonzero(is_new), _n_past_of(self.model, walk))
            update(self.model, *walk.of(rows), **self._params_of(rows))
            self.stop = stop
        return self.model

    def _params_of(self, rows: np.ndarray) -> dict:
        """Return the fit parameters of some rows."""
        return _check_method_params(self.walk.X, self.params, indices=rows)


def _n_past_of(model: Any, walk: Walk) -> int | None:
    """Return how many rows seen before an update is to read; None for all."""
    if not _windows_of(model):
        return 0
    reader = _reader(model, walk)
    return None if reader.n_past is None else reader.n_past + reader.n_direct - 1


def _reader(model: Any, walk: Walk) -> Reader:
    return reader_of_rows(reader_from(model), walk.X)


def _forecasts(
    model: Any, fold: Fold, position: int, walk: Walk, weights: np.ndarray | None
) -> dict:
    """Return every column of the result for the origins of a fold, row by row.

    Columns of quantiles are named by their level, a float.
    """
    rows = fold.origins[:, None] + np.arange(1, walk.steps + 1)
    values = walk.values
    scales = walk.scales(fold.train)[walk.codes[fold.origins]]
    predictions, quantiles = _predictions(model, fold.origins, walk)
    columns: dict[Any, np.ndarray] = {
        "row": rows,
        "origin": np.repeat(fold.origins[:, None], walk.steps, axis=1),
        "step": np.broadcast_to(np.arange(1, walk.steps + 1), rows.shape),
        "y_true": values[rows],
        "y_pred": predictions,
        "fold": np.full(rows.shape, position),
        "scale": np.repeat(scales[:, None], walk.steps, axis=1),
        "naive": np.repeat(values[fold.origins][:, None], walk.steps, axis=1),
    }
    if walk.season is not None:
        columns["seasonal naive"] = walk.seasonal_values(fold.origins)
    ridge = _ridge_predictions(model, fold, walk, weights)
    if ridge is not None:
        columns["ridge"] = ridge
    columns |= quantiles
    return {name: column.ravel() for name, column in columns.items()}


def _predictions(
    model: Any, origins: np.ndarray, walk: Walk
) -> tuple[np.ndarray, dict]:
    """Return the values predicted from each origin, and their quantiles by level.

    All of shape (n_origins, steps); no quantiles where the model did not learn any.
    """
    if not _windows_of(model):
        return _column(model.predict(walk.of(origins + 1)[0]))[:, None], {}
    reader = _reader(model, walk)
    at_once = _steps_at_once(reader)
    if at_once is None or walk.steps <= at_once:
        return _predictions_at_once(reader, origins, walk)
    pipeline = reader.pipeline
    is_first = pipeline is not None and pipeline.steps[0][1] is reader.windows
    if not reader.is_direct and is_first:
        block = _read(reader, origins, walk, walk.steps)
        with quiet_windows():
            windows = reader.windows.transform(walk.of(block)[0])
        if not hasattr(windows, "iloc"):
            at = np.searchsorted(block, origins)
            values = _recursion_of_all(pipeline, windows, at, walk.steps)
            _warn_of_units(reader, origins + 1, walk)
            return values, {}
    return np.stack([_recursion(reader, int(at), walk) for at in origins]), {}


def _warn_of_units(reader: Reader, rows: np.ndarray, walk: Walk) -> None:
    """Warn where y is in another unit than the column that it is fed back into."""
    table, _ = walk.of(rows)
    labels = labels_of(table)
    names = [*range(table.shape[1])] if labels is None else [*table.columns]
    _, lagged = window_columns(names, labels, reader)
    column = table[:, lagged[0]] if labels is None else table.iloc[:, lagged[0]]
    values = np.asarray(column, dtype=np.float64)
    words = words_of_other_unit(names[lagged[0]], walk.values[rows], values)
    if words is not None:
        warnings.warn(words, UserWarning, stacklevel=5)


def _read(reader: Reader, origins: np.ndarray, walk: Walk, n_after: int) -> np.ndarray:
    """Return the rows that are read from the first origin to after the last."""
    n_before = None if reader.n_past is None else reader.n_past - 1
    return walk.around(origins, n_before, n_after + reader.n_ahead)


def _steps_at_once(reader: Reader) -> int | None:
    """Return how many steps need no prediction fed back; None for all."""
    if reader.lag == 0:
        return None
    return reader.lag - 1 + reader.n_direct


def _predictions_at_once(
    reader: Reader, origins: np.ndarray, walk: Walk
) -> tuple[np.ndarray, dict]:
    """Return predictions from windows of true rows, all origins in one call.

    Row ``origin + lag`` is the last whose window ends at the origin.
    """
    lead = min(reader.lag, walk.steps) or walk.steps
    block = _read(reader, origins, walk, lead)
    X, _ = walk.of(block)
    at = np.searchsorted(block, origins[:, None] + np.arange(1, lead + 1))
    levels = reader.quantiles
    with quiet_windows():
        if not reader.is_direct and not levels:
            return _column(reader.estimator.predict(X))[at], {}
        windows = reader.pipeline[:-1].transform(X)
    asked = np.unique(at)
    at = np.searchsorted(asked, at)
    some = take_rows(windows, slice_or_rows(asked))
    regressor = reader.pipeline[-1]
    values = _in_steps_of(at, regressor.predict_steps(some), walk.steps)
    if not levels:
        return values, {}
    tables = np.moveaxis(regressor.predict_quantiles(some), -1, 0)
    made = (_in_steps_of(at, table, walk.steps) for table in tables)
    return values, dict(zip(levels, made, strict=True))


def _in_steps_of(at: np.ndarray, values: np.ndarray, steps: int) -> np.ndarray:
    """Return the first steps from each origin, of what each row says of k rows.

    Parameters
    ----------
    at : ndarray of shape (n_origins, lead), int
        The rows that each origin reads, one step after another.
    values : ndarray of shape (n_rows, k)
        All k are taken from the last of them, the first from the others.
    steps : int
    """
    return np.hstack([values[at[:, :-1], 0], values[at[:, -1]]])[:, :steps]


def _recursion_of_all(
    pipeline: Any, windows: Any, origins: np.ndarray, steps: int
) -> np.ndarray:
    """Return what ``forecast`` predicts from each origin, one step of all at a time.

    Parameters
    ----------
    pipeline : Pipeline
        Begins with the SlidingWindow.
    windows : ndarray or Windows
        Windows of true rows, in the layout of the pipeline.
    origins : ndarray of shape (n_origins,)
        Positions among these rows.
    steps : int

    Returns
    -------
    ndarray of shape (n_origins, steps)
    """
    first = pipeline.steps[0][1]
    fed = np.flatnonzero(~first.is_known_)
    # What was predicted is not missing.
    masks = len(first.is_known_) + np.flatnonzero(np.isin(first._masked_columns, fed))
    values = np.empty((len(origins), steps))
    is_panel = isinstance(windows, Windows)
    shaped = windows if windows.ndim == 3 else _in_steps(windows, first.window)
    for rows in row_slices(shaped, len(origins)):
        for step in range(steps):
            at = origins[rows] + 1 + step
            batch = windows.copied(at) if is_panel else windows[at]
            # What lies after the origin gives way to what was predicted for it.
            stop = max(step + 1 - first.lag_, 0)
            n_fed = min(stop, first.window)
            newest = values[rows, stop - n_fed : stop, None]
            own = batch.base.reshape(batch.shape) if is_panel else batch
            fed_steps = _in_steps(own, first.window)[:, first.window - n_fed :]
            fed_steps[:, :, fed] = newest
            fed_steps[:, :, masks] = 0
            values[rows, step] = _column(pipeline[1:].predict(batch))
    return values


def _in_steps(windows: np.ndarray, window: int) -> np.ndarray:
    """Return windows of either layout as (n_rows, window, n_channels), uncopied."""
    return windows.reshape(len(windows), window, -1)


def _recursion(reader: Reader, origin: int, walk: Walk) -> np.ndarray:
    """Return what ``forecast`` predicts from one origin."""
    at = np.array([origin])
    n_before = None if reader.n_past is None else reader.n_past - 1
    X, _ = walk.of(walk.around(at, n_before))
    future, _ = walk.of(walk.around(at, 0, walk.steps + reader.n_ahead)[1:])
    labels = labels_of(X)
    names = list(range(X.shape[1])) if labels is None else list(X.columns)
    known, _ = window_columns(names, labels, reader)
    if labels is None:
        future = future[:, known]
    elif reader.reads_panels:
        keys = [*as_columns(reader.windows.groups), reader.windows.time]
        future = future[[n for i, n in enumerate(names) if i in known or n in keys]]
    else:
        future = future.iloc[:, known]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".* made from incomplete windows")
        values: Any = forecast_by(
            reader,
            X,
            walk.steps,
            future if known or reader.windows.elapsed else None,
            walk.target,
        )
    return _column(values.iloc[:, -1] if reader.reads_panels else values)


# -- what costs nothing -------------------------------------------------------------


def _ridge_predictions(
    model: Any, fold: Fold, walk: Walk, weights: np.ndarray | None
) -> np.ndarray | None:
    """Return what a ridge regression on the same windows predicts, None without."""
    pipeline = plain_pipeline(model)
    steps = [] if pipeline is None else [step for _, step in pipeline.steps]
    is_window = [isinstance(step, SlidingWindow) for step in steps]
    if not any(is_window):
        return None
    reader = reader_from(model)
    lead = min(max(reader.lag, 1), walk.steps)
    # The window of row ``origin + lead`` ends at the origin, and the steps begin there.
    ahead = np.arange(1, walk.steps + 1) - lead
    block = walk.around(np.union1d(fold.train, fold.origins), 0, lead + reader.n_ahead)
    with quiet_windows():
        to_windows = pipeline[: is_window.index(True) + 1]
        table = to_windows.transform(walk.of(block)[0])
    table = np.asarray(table, dtype=np.float64).reshape(len(block), -1)
    first, last = fold.train + ahead[0], fold.train + ahead[-1]
    is_used = walk.is_contiguous(first, last)
    is_used &= np.isin(first, fold.train) & np.isin(last, fold.train)
    rows = fold.train[is_used]
    windows = table[np.searchsorted(block, rows)]
    is_whole = np.isfinite(windows).all(axis=1)
    least = None
    if weights is not None:
        # A row weighs what the least of the values that it is to predict does.
        least = weights[rows[:, None] + ahead].min(axis=1)
        is_whole &= least > 0
        least = least[is_whole]
        least /= least.mean() if len(least) else 1
    rows, windows = rows[is_whole], windows[is_whole]
    if len(rows) < _FEWEST_WINDOWS:
        return np.repeat(walk.values[fold.origins][:, None], walk.steps, axis=1)
    scaler = StandardScaler().fit(windows)
    targets = walk.values[rows[:, None] + ahead]
    ridge = RidgeCV(_PENALTIES).fit(scaler.transform(windows), targets, least)
    asked = table[np.searchsorted(block, fold.origins + lead)]
    filled = np.where(np.isfinite(asked), asked, scaler.mean_)
    return ridge.predict(scaler.transform(filled)).reshape(len(asked), -1)


# -- the result ---------------------------------------------------------------------


def _result(parts: list[dict], walk: Walk) -> BacktestResult:
    """Return the columns of all folds, with labels where X has some."""
    columns: dict[Any, Any] = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
        if all(name in part for part in parts)
    }
    levels = [name for name in columns if isinstance(name, float)]
    quantiles = {level: columns.pop(level) for level in levels}
    rows, origins = columns.pop("row"), columns["origin"]
    scales = columns.pop("scale")
    labels, panel = labels_of(walk.X), walk.panel
    index = None
    if panel is not None:
        index = panel.times_of(rows)
        columns["origin"] = panel.times_of(origins)
    elif labels is not None:
        index = labels[rows]
        columns["origin"] = labels[origins]
    names = ["origin", "step", "y_true", "y_pred", "fold"]
    if panel is not None and panel.keys is not None:
        columns["group"] = panel.groups_of(rows)
        names = ["group", *names]
    return BacktestResult(
        table_from({name: columns.pop(name) for name in names}, index),
        table_from(columns, index),
        scales,
        origins[:: walk.steps],
        table_from(quantiles, index) if quantiles else None,
    )


def _column(values: Any) -> np.ndarray:
    """Return predictions of one target as a 1-D array."""
    return np.asarray(values, dtype=np.float64).reshape(len(values))
