"""backtest: forecasts from many origins of the past, beside simple baselines.

``cross_val_predict`` refuses ``TimeSeriesSplit``, knows one value a row, and cannot go
on learning from fold to fold.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklstm._checks import (
    _check_method_params,
    check_fit_params,
    is_integer,
    one_line,
)
from sklstm.forecasting._fitted import (
    Fitted,
    fronts_and_regressor,
    is_direct,
    learner_of,
    prefix_of,
    sliding_windows_of,
)
from sklstm.forecasting._folds import (
    Fold,
    OrderedRows,
    folds_of,
    rows_in_order,
    slice_or_rows,
)
from sklstm.forecasting._forecast import values_to_come, words_of_other_unit
from sklstm.forecasting._result import BacktestResult, result_of_folds
from sklstm.forecasting._rows_to_come import RowsToCome
from sklstm.forecasting._update import check_learner, params_of_last, update
from sklstm.network._highway import steps_read
from sklstm.network._progress import Line
from sklstm.windows._array import Windows, row_slices, take_rows
from sklstm.windows._frames import labels_of
from sklstm.windows._signs import quiet_windows
from sklstm.windows._sliding_window import SlidingWindow
from sklstm.windows._table import as_columns

# Ridge regression with fewer complete windows than this is not tried.
_FEWEST_WINDOWS = 10

# Penalties that the ridge regression chooses from, for standardised windows.
_PENALTIES = 10.0 ** np.arange(-3, 5)


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

    An estimator is fitted on the training rows of every fold of ``cv``. The row before
    the first test row and every test row but the last are origins, from each of which
    ``steps`` values are predicted as :func:`forecast` would, from the rows up to it.

    Parameters
    ----------
    estimator : estimator
        A pipeline with a :class:`SlidingWindow`, what wraps one, or, for one step, any
        regressor. Clones are fitted; it is not changed.
    X : DataFrame, Series or array-like of shape (n_rows, n_columns)
        The rows, oldest first; of a panel a long frame, rows in any order.
    y : Series or array-like of shape (n_rows,)
        The target of each row, at the labels of X. Where it is missing, fill it with
        any value and give its row the weight 0 in ``params`` (see Notes).
    cv : splitter or iterable of (train, test)
        Folds that walk forward: ``TimeSeriesSplit(...)``, for a panel
        ``PanelTimeSeriesSplit(...)``, or contiguous training rows, all before the
        contiguous test rows, which no fold before had.
    steps : int, default=1
        How many values to predict from each origin, also beyond the fold's test rows.
        Origins that ``steps`` contiguous rows do not follow are left out.
    stride : int, default=1
        Takes every ``stride``-th origin of a fold (and group), from its first on.
    refit : bool, int or "update", default=True
        True fits in every fold, an int n in every n-th, False in the first alone.
        ``"update"`` fits in the first, and then calls :func:`update` with the training
        rows since.
    season : int, optional
        Rows after which the series repeats: for the seasonal naive forecast, and for
        the scale of MASE.
    target : str or int, optional
        Column of X that y is, by name or position, as in :func:`forecast`.
    params : dict, optional
        Parameters of the estimator's ``fit`` and of updates, such as
        ``lstmregressor__sample_weight`` for a pipeline: what is as long as X is taken
        by the training rows of each fold.
    verbose : int, default=0
        0 is silent; more prints a line for each fold.

    Returns
    -------
    BacktestResult
        ``predictions``, a DataFrame of origin, step, y_true, y_pred and fold, and
        ``summary()``, their errors beside those of naive, seasonal naive and ridge
        forecasts of the same rows.

    Raises
    ------
    TypeError, ValueError
        If the estimator, X, y, the folds or the parameters are wrong, before any fit.

    See Also
    --------
    BacktestResult : Errors, residuals and intervals.
    forecast : Predicts the values after the last row.
    update : Lets a fitted pipeline learn from new rows.

    Notes
    -----
    Values after an origin change no prediction from it, but those of columns known
    beforehand, or that known ones are made from, as long as steps in front of the
    windows turn each row into one row and look at no later one. Where predictions are
    fed back, such steps are applied anew for each origin and step, which takes some
    milliseconds.

    The ridge regression reads what the model reads: the windows of the fold's fitted
    SlidingWindow, standardised. It predicts as many steps at once as the regressor, and
    feeds its predictions back beyond. In every fold it is fitted on the complete
    windows of rows whose steps are all training rows, of all groups together, with a
    penalty chosen by generalised cross-validation. Where a fold has fewer than ten of
    them it is the naive forecast, as the seasonal naive one is where the row a season
    before is missing. Estimators that wrap a pipeline, but for a search, have none.

    Weights are for learning alone: a row of weight 0 is scored like any other. Where y
    was filled, leave its rows out of ``predictions`` before errors are computed.

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
    >>> result.summary()[["MAE", "RMSE"]].round(0)
            MAE  RMSE
    model  20.0  25.0
    naive  52.0  63.0
    ridge  16.0  19.0
    """
    _check_numbers(steps, stride, season, refit, verbose)
    if not hasattr(estimator, "predict") or isinstance(estimator, type):
        raise TypeError(
            "The 'estimator' parameter of backtest must be a regressor, such as a "
            f"pipeline with a SlidingWindow. Got {one_line(estimator)} instead."
        )
    windows = sliding_windows_of(estimator)
    weights = f"params={{'{prefix_of(estimator)}sample_weight': weights}}"
    rows = rows_in_order(
        X, y, windows, steps=int(steps), season=season, target=target, weights=weights
    )
    folds = folds_of(cv, X, y, rows, stride)
    _check_params(estimator, params, rows, refit)
    _check_estimator(estimator, windows, rows, refit)
    if season is not None:
        _warn_of_long_season(season, folds, rows)
    parts: list[dict] = []
    in_order = np.argsort(rows.places)
    params = _check_method_params(rows.X, params or {}, indices=in_order)
    learner = _Learner(estimator, refit, rows, params)
    weights_of_rows = _weights_of(estimator, params, rows)
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
                parts.append(_forecasts(model, fold, position, rows, weights_of_rows))
                newest = parts[-1]
                missed = mean_absolute_error(newest["y_true"], newest["y_pred"])
                text += f", MAE {missed:.4g}"
            line.end(f"{text}, {time.perf_counter() - start:.1f} s")
    return result_of_folds(parts, rows)


# -- checked before ----------------------------------------------------------------


def _check_numbers(
    steps: Any, stride: Any, season: Any, refit: Any, verbose: Any
) -> None:
    if not isinstance(verbose, int | np.integer):
        raise ValueError(
            "The 'verbose' parameter of backtest must be an int or a bool. Got "
            f"{one_line(verbose)} instead."
        )
    numbers = {"steps": steps, "stride": stride}
    numbers |= {} if season is None else {"season": season}
    for name, value in numbers.items():
        if not is_integer(value) or not 1 <= value < 1 << 31:
            raise ValueError(
                f"The {name!r} parameter of backtest must be an int in the range "
                f"[1, 2**31). Got {one_line(value)} instead."
            )
    is_known = isinstance(refit, bool) or (isinstance(refit, str) and refit == "update")
    if not is_known and not (is_integer(refit) and refit >= 1):
        raise ValueError(
            "The 'refit' parameter of backtest must be a bool, an int in the range "
            f"[1, inf) or 'update'. Got {one_line(refit)} instead."
        )


def _check_params(estimator: Any, params: Any, rows: OrderedRows, refit: Any) -> None:
    if params is None:
        return
    if not isinstance(params, dict) or not all(isinstance(n, str) for n in params):
        raise ValueError(
            "The 'params' parameter of backtest must be a dict of fit parameters or "
            f"None. Got {type(params).__name__}; pass "
            f"params={{'{prefix_of(estimator)}sample_weight': ...}}."
        )
    check_fit_params(params, len(rows.codes), owner="backtest")
    if refit == "update":
        params_of_last(estimator, params, owner="backtest(refit='update')")


def _warn_of_long_season(season: int, folds: list[Fold], rows: OrderedRows) -> None:
    """Warn of folds in which no training rows lie a season apart."""
    longest = [int(np.bincount(rows.codes[fold.train]).max()) for fold in folds]
    short = [n_rows for n_rows in longest if n_rows <= season]
    if short:
        warnings.warn(
            f"backtest needs more than season={season} training rows of a series for "
            f"MASE. Got at most {max(short)} in {len(short)} of {len(folds)} fold(s), "
            "which have no MASE, and whose seasonal naive forecast is the naive one "
            "where the row a season before is missing; lower season, or begin later.",
            stacklevel=3,
        )


def _weights_of(estimator: Any, params: dict, rows: OrderedRows) -> np.ndarray | None:
    """Return the sample weights of the last step, None without."""
    weights = params.get("sample_weight")  # as it is called where metadata are routed
    weights = params.get(f"{prefix_of(estimator)}sample_weight", weights)
    if weights is None or np.shape(weights) != rows.codes.shape:
        return None
    return np.asarray(weights, dtype=np.float64)


def _check_estimator(
    estimator: Any, windows: list[SlidingWindow], rows: OrderedRows, refit: Any
) -> None:
    """Raise, before anything is fitted, where forecasts could not be made."""
    if refit == "update":
        check_learner(estimator, owner="backtest(refit='update')")
    if not windows and rows.steps > 1:
        raise ValueError(
            "backtest needs an estimator with a SlidingWindow inside for several "
            f"steps. Got steps={rows.steps} and {one_line(estimator)}."
        )
    pipeline = learner_of(estimator)
    if not isinstance(pipeline, Pipeline) or pipeline.steps[0][1] not in windows:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # every fit warns for itself
        window = clone(windows[0]).fit(rows.X, rows.y)
    regressor = pipeline.steps[-1][1]
    at_once = window.lag_ - 1 + (regressor.steps if is_direct(regressor) else 1)
    if window.lag_ == 0 or rows.steps <= at_once:
        return
    lagged = np.flatnonzero(~window.is_known_).tolist()
    names, y_names = lagged, None
    if labels_of(rows.X) is not None:
        keys = [*as_columns(window.groups), window.time]
        own = [name for name in rows.X.columns if name not in keys]
        names = [own[position] for position in lagged]
        y_names = window.target_names_ if rows.target is None else None
    is_named = rows.target is None or any(
        np.array_equal(rows.target, name) for name in [*lagged, *names]
    )
    if not is_named:
        raise ValueError(
            "The 'target' parameter of backtest must name the column that y is, which "
            f"is not known beforehand, one of {names}. Got {rows.target!r} instead."
        )
    if len(lagged) > 1 or (y_names is not None and y_names[0] not in rows.X.columns):
        raise ValueError(
            f"backtest must feed predictions back to go beyond step {at_once}, so the "
            "one column that is not known beforehand must be y. Got the columns "
            f"{names} and y, named {window.target_names_}; predict all at once, with "
            f"LSTMRegressor(steps={rows.steps}) or SlidingWindow(horizon={rows.steps})"
            ", leave other columns out of X, declare them 'known', or name y in target."
        )


# -- a fold -------------------------------------------------------------------------


@dataclass
class _Learner:
    """The model that forecasts, fitted and updated from fold to fold."""

    estimator: Any
    refit: Any
    rows: OrderedRows
    params: dict
    model: Any = None
    stop: int = 0  # of the ranks that it has learned

    def model_of(self, position: int, fold: Fold) -> Any:
        """Return the model of a fold, which may be that of a fold before."""
        rows = self.rows
        stop = int(rows.ranks[fold.train].max()) + 1
        # Folds from one fit to the next; none after the first.
        every = 0 if self.refit == "update" else int(self.refit)
        if self.model is None or (every and position % every == 0):
            params = self._params_of(fold.train)
            self.model = clone(self.estimator).fit(*rows.of(fold.train), **params)
            self.stop = stop
        elif self.refit == "update" and stop > self.stop:
            is_new = (rows.ranks >= self.stop) & (rows.ranks < stop)
            # Rows seen before are the past of the new ones.
            read = rows.around(np.flatnonzero(is_new), self._n_past())
            update(self.model, *rows.of(read), **self._params_of(read))
            self.stop = stop
        return self.model

    def _params_of(self, which: np.ndarray) -> dict:
        """Return the fit parameters of some rows."""
        return _check_method_params(self.rows.X, self.params, indices=which)

    def _n_past(self) -> int | None:
        """Return how many rows seen before an update is to read; None for all."""
        if not sliding_windows_of(self.model):
            return 0
        fitted = _fitted(self.model, self.rows)
        return None if fitted.n_past is None else fitted.n_past + fitted.n_direct - 1


def _fitted(model: Any, rows: OrderedRows) -> Fitted:
    """Return what is inside a model, which reads all rows where some lack values."""
    fitted = Fitted.of(model)
    X = rows.X
    is_missing = np.isnan(X) if labels_of(X) is None else X.isna().to_numpy()
    return replace(fitted, n_past=None) if is_missing.any() else fitted


def _forecasts(
    model: Any, fold: Fold, position: int, rows: OrderedRows, weights: Any
) -> dict:
    """Return every column of the result for the origins of a fold, row by row."""
    origins, values = fold.origins, rows.values
    steps = np.arange(1, rows.steps + 1)
    at = origins[:, None] + steps
    _, regressor = fronts_and_regressor(model)
    columns: dict[Any, Any] = {
        "row": at,
        "origin": origins[:, None],
        "step": steps,
        "y_true": values[at],
        "fold": position,
        "scale": rows.scales(fold.train)[rows.codes[origins]][:, None],
        "network weight": getattr(regressor, "network_weight_", np.nan),
        "prior weight": getattr(regressor, "prior_weight_", np.nan),
        "naive": values[origins][:, None],
    }
    if rows.season is not None:
        columns["seasonal naive"] = rows.seasonal_values(origins)
    if not sliding_windows_of(model):
        columns["y_pred"] = _steps_from(model, rows.of(origins + 1)[0])[:, :1]
    else:
        fitted = _fitted(model, rows)
        columns["y_pred"], quantiles = _predictions(fitted, origins, rows)
        if fitted.front_to_windows is not None:
            ridge = _fitted_ridge(fitted, fold.train, rows, weights)
            columns["ridge"] = columns["naive"]
            if ridge is not None:
                columns["ridge"], _ = _predictions(ridge, origins, rows)
        columns |= quantiles
    return {
        name: np.broadcast_to(column, at.shape).ravel()
        for name, column in columns.items()
    }


# -- predicting ---------------------------------------------------------------------


def _predictions(
    fitted: Fitted, origins: np.ndarray, rows: OrderedRows
) -> tuple[np.ndarray, dict]:
    """Return the values (n_origins, steps) from each origin, and quantiles by level."""
    if fitted.n_at_once is None or rows.steps <= fitted.n_at_once:
        return _predictions_at_once(fitted, origins, rows)
    # Some six times as fast as one origin after another: 1.2 against 7.6 s for 25
    # origins of twelve steps, three fits of an LSTM included.
    if fitted.front is not None and fitted.front.steps[0][1] is fitted.windows:
        block = _read(fitted, origins, rows, rows.steps + fitted.n_ahead)
        with quiet_windows():
            windows = fitted.windows.transform(rows.of(block)[0])
        if not hasattr(windows, "iloc"):
            at = np.searchsorted(block, origins)
            values = _recursion_of_all(fitted, windows, at, rows.steps)
            _warn_of_units(fitted, origins + 1, rows)
            return values, {}
    return np.stack([_recursion(fitted, int(at), rows) for at in origins]), {}


def _warn_of_units(fitted: Fitted, at: np.ndarray, rows: OrderedRows) -> None:
    """Warn where y is in another unit than the column that it is fed back into."""
    table, _ = rows.of(at)
    is_frame = labels_of(table) is not None
    names = [*table.columns] if is_frame else [*range(table.shape[1])]
    _, lagged, _ = fitted.positions(names, has_labels=is_frame)
    column = table.iloc[:, lagged[0]] if is_frame else table[:, lagged[0]]
    values = np.asarray(column, dtype=np.float64)
    words = words_of_other_unit(names[lagged[0]], rows.values[at], values)
    if words is not None:
        warnings.warn(words, stacklevel=5)


def _read(
    fitted: Fitted, origins: np.ndarray, rows: OrderedRows, n_after: int
) -> np.ndarray:
    """Return the rows that are read from the first origin to after the last."""
    n_before = None if fitted.n_past is None else fitted.n_past - 1
    return rows.around(origins, n_before, n_after)


def _predictions_at_once(
    fitted: Fitted, origins: np.ndarray, rows: OrderedRows
) -> tuple[np.ndarray, dict]:
    """Return predictions from windows of true rows, all origins in one call."""
    # Row ``origin + lag`` is the last whose window ends at the origin.
    lead = min(fitted.lag, rows.steps) or rows.steps
    block = _read(fitted, origins, rows, lead + fitted.n_ahead)
    X, _ = rows.of(block)
    at = np.searchsorted(block, origins[:, None] + np.arange(1, lead + 1))
    if fitted.front is None:
        return fitted.predict(X, at), {}
    with quiet_windows():
        windows = fitted.front.transform(X)
    asked = np.unique(at)
    at = np.searchsorted(asked, at)
    some = take_rows(windows, slice_or_rows(asked))
    regressor = fitted.regressor
    values = _in_steps_of(at, _steps_from(regressor, some), rows.steps)
    if not fitted.quantiles:
        return values, {}
    tables = np.moveaxis(regressor.predict_quantiles(some), -1, 0)
    made = (_in_steps_of(at, table, rows.steps) for table in tables)
    return values, dict(zip(fitted.quantiles, made, strict=True))


def _steps_from(regressor: Any, windows: Any) -> np.ndarray:
    """Return what is predicted of one target, (n_rows, n_direct)."""
    if hasattr(regressor, "predict_steps"):
        return regressor.predict_steps(windows)
    values = np.asarray(regressor.predict(windows), dtype=np.float64)
    return values.reshape(len(values), 1)


def _in_steps_of(at: np.ndarray, values: np.ndarray, steps: int) -> np.ndarray:
    """Return what the last row of each origin says of k rows, its others of one."""
    return np.hstack([values[at[:, :-1], 0], values[at[:, -1]]])[:, :steps]


def _recursion_of_all(
    fitted: Fitted, windows: Any, origins: np.ndarray, steps: int
) -> np.ndarray:
    """Return what ``forecast`` predicts from each origin, one row of all at a time.

    Windows are those of true rows; origins are positions among them.
    """
    assert fitted.front is not None
    first, *behind = [step for _, step in fitted.front.steps]
    fed = np.flatnonzero(~first.is_known_)
    values = np.empty((len(origins), steps))
    is_panel = isinstance(windows, Windows)
    shaped = windows if windows.ndim == 3 else windows[:, :, None]
    for rows in row_slices(shaped, len(origins)):
        done = 0
        while done < steps:
            n_rows = min(fitted.lag, steps - done)
            for step in range(done, done + n_rows):
                at = origins[rows] + 1 + step
                batch = windows.copied(at) if is_panel else windows[at]
                # What lies after the origin gives way to what was predicted for it.
                stop = max(step + 1 - first.lag_, 0)
                n_fed = min(stop, first.window_)
                own = batch.base if is_panel else batch
                own = own.reshape(len(at), first.window_, -1)
                newest = values[rows, stop - n_fed : stop, None]
                own[:, first.window_ - n_fed :, fed] = newest
                for each in behind:
                    if each is not None and each != "passthrough":
                        batch = each.transform(batch)
                is_last = step == done + n_rows - 1
                made = _steps_from(fitted.regressor, batch)
                made = made[:, : steps - step if is_last else 1]
                values[rows, step : step + made.shape[1]] = made
            done += n_rows - 1 + fitted.n_direct
    return values


def _recursion(fitted: Fitted, origin: int, rows: OrderedRows) -> np.ndarray:
    """Return what ``forecast`` predicts from one origin."""
    at = np.array([origin])
    X, _ = rows.of(_read(fitted, at, rows, 0))
    future, _ = rows.of(rows.around(at, 0, rows.steps + fitted.n_ahead)[1:])
    to_come = RowsToCome(X, rows.steps, fitted)
    needed = to_come.known + to_come.others
    if labels_of(X) is None:
        future = future[:, needed]
    else:
        names = {*to_come.keys_of_rows, *(to_come.columns[i] for i in needed)}
        future = future[[name for name in future.columns if name in names]]
    to_come.put_given(future if needed else None, [])
    values, _ = values_to_come(fitted, to_come, rows.target)
    return values.reshape(rows.steps)


# -- the ridge regression -----------------------------------------------------------


class _Ridge:
    """Ridge regression on windows, for several steps at once."""

    def __init__(self, steps: int, table: np.ndarray, y: np.ndarray, weights: Any):
        self.steps = steps
        self.scaler = StandardScaler().fit(table)
        self.ridge = RidgeCV(_PENALTIES).fit(self.scaler.transform(table), y, weights)

    def predict_steps(self, windows: Any) -> np.ndarray:
        """Return all steps; missing ones of the windows are filled with the means."""
        n_values = self.scaler.n_features_in_
        table = self.scaler.transform(_flat(windows)[:, -n_values:])
        values = self.ridge.predict(np.nan_to_num(table))
        return values.reshape(len(table), self.steps)

    def predict(self, windows: Any) -> np.ndarray:
        """Return the first step."""
        return self.predict_steps(windows)[:, 0]


def _flat(windows: Any) -> np.ndarray:
    return np.asarray(windows, dtype=np.float64).reshape(len(windows), -1)


def _fitted_ridge(
    fitted: Fitted, train: np.ndarray, rows: OrderedRows, weights: Any
) -> Fitted | None:
    """Return a model with a ridge regression in its place, None for few rows."""
    front = fitted.front_to_windows
    assert front is not None
    with quiet_windows():
        windows = front.transform(rows.of(train)[0])
    table = _flat(windows)
    if windows.ndim == 3:
        # As many values as the highway of a regressor reads.
        table = table[:, -steps_read(*windows.shape) * windows.shape[2] :]
    last = train + fitted.n_direct - 1
    is_used = rows.is_contiguous(train, last) & np.isin(last, train)
    is_used &= np.isfinite(table).all(axis=1)
    steps = np.arange(fitted.n_direct)
    least = None
    if weights is not None:
        # A row weighs what the least of the values that it is to predict does.
        beyond = np.minimum(train[:, None] + steps, len(weights) - 1)
        least = weights[beyond].min(axis=1)
        is_used &= least > 0
        least = least[is_used] / least[is_used].mean() if is_used.any() else None
    if is_used.sum() < _FEWEST_WINDOWS:
        return None
    targets = rows.values[train[is_used][:, None] + steps]
    ridge = _Ridge(fitted.n_direct, table[is_used], targets, least)
    return replace(fitted, estimator=None, front=front, regressor=ridge)
