"""Backtest: a loop that fits, forecasts and appends, and no look-ahead."""

import numpy as np
import pandas as pd
import pytest
from by_hand import (
    KEYS,
    OF_SHOPS,
    assert_is_loop,
    backtest_by_hand,
    flat_ridge,
    in_shops,
    promoted,
    ridge_by_hand,
    series,
    stores,
    tiny_lstm,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import (
    LSTMRegressor,
    PanelTimeSeriesSplit,
    SlidingWindow,
    backtest,
    forecast,
)
from sklstm.forecasting._fitted import sliding_windows_of


def named_ridge():
    """Return a pipeline whose regressor sees the names of lags."""
    pipe = flat_ridge().set_params(simpleimputer="passthrough")
    pipe.set_params(ridge=HistGradientBoostingRegressor(max_iter=2))
    pipe[0].set_output(transform="pandas")
    return pipe


SPLIT = TimeSeriesSplit(2, test_size=5)


def scaler():
    """Return a scaler that keeps the index."""
    return StandardScaler().set_output(transform="pandas")


def last_rows(n_rows, n_test):
    """Return a single fold whose test rows are the newest."""
    return [(np.arange(n_rows - n_test), np.arange(n_rows - n_test, n_rows))]


# -- forecasts ---------------------------------------------------------------------

CV = TimeSeriesSplit(3, test_size=7)
CV_OF_PANEL = PanelTimeSeriesSplit(2, time="day", test_size=6)

LOOPS = [
    (flat_ridge(), 1, 1),
    (flat_ridge(), 3, 2),
    (flat_ridge(horizon=3), 2, 1),
    (flat_ridge(horizon=2), 7, 1),
    (flat_ridge(window=2), 6, 1),
    (named_ridge(), 3, 1),
    (flat_ridge(calendar="hour"), 3, 1),
    (tiny_lstm(), 3, 1),
    (tiny_lstm(steps=3), 1, 3),
    (tiny_lstm(steps=3), 3, 1),
    (tiny_lstm(steps=2), 5, 1),
    (TransformedTargetRegressor(flat_ridge(), func=np.log, inverse_func=np.exp), 2, 1),
    (make_pipeline(scaler(), *flat_ridge()), 1, 1),
    (make_pipeline(scaler(), *tiny_lstm(steps=2)), 3, 2),
    (GridSearchCV(flat_ridge(), {"ridge__alpha": [0.1, 1e3]}, cv=SPLIT), 2, 1),
    (make_pipeline(flat_ridge()[0], make_pipeline(*flat_ridge()[1:])), 3, 1),
]
scaled = TransformedTargetRegressor(flat_ridge(3, **KEYS), transformer=StandardScaler())
search = GridSearchCV(flat_ridge(**KEYS), {"ridge__alpha": [0.5, 5]}, cv=CV_OF_PANEL)
OF_PANEL = [
    (flat_ridge(3, **KEYS), 1, 1),
    (flat_ridge(3, **KEYS), 3, 2),
    (flat_ridge(3, horizon=2, **KEYS), 5, 1),
    (tiny_lstm(3, **KEYS), 3, 1),
    (tiny_lstm(3, steps=3, **KEYS), 3, 1),
    (tiny_lstm(3, steps=2, **KEYS), 5, 1),
    (scaled, 2, 1),
    (search, 2, 1),
]


@pytest.mark.filterwarnings("ignore:.* made from incomplete windows")
@pytest.mark.parametrize(("estimator", "steps", "stride"), [*LOOPS, *OF_PANEL])
def test_forecasts_are_those_of_a_loop(estimator, steps, stride):
    """Fit on the training rows, forecast, append the next true row, again."""
    is_panel = sliding_windows_of(estimator)[0].groups is not None
    X = stores().drop(columns="price") if is_panel else series()
    cv = CV_OF_PANEL if is_panel else CV
    result = backtest(estimator, X, X["load"], cv=cv, steps=steps, stride=stride)
    assert_is_loop(result, backtest_by_hand(estimator, X, cv, steps, stride))


@pytest.mark.filterwarnings("ignore:.* made from incomplete windows")
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_known_columns_of_a_panel_have_their_true_values_to_come(is_wrapped):
    """A recursion reads the known column of its own store."""
    X, pipe = stores(), flat_ridge(known="price", **KEYS)
    if is_wrapped:
        pipe = TransformedTargetRegressor(pipe, transformer=StandardScaler())
    result = backtest(pipe, X, X["load"], cv=CV_OF_PANEL, steps=3)
    assert_is_loop(result, backtest_by_hand(pipe, X, CV_OF_PANEL, 3, known=["price"]))


@pytest.mark.parametrize("kind", ["array", "series", "periods", "integers"])
def test_other_rows_give_the_same_forecasts(kind):
    """Arrays, a Series and other indexes predict what the hourly frame does."""
    X = series()
    cv = TimeSeriesSplit(2, test_size=5)
    expected = backtest(flat_ridge(), X, X["load"], cv=cv, steps=3)
    other, y = X, X["load"]
    if kind == "array":
        other, y = X.to_numpy(), y.to_numpy()
    elif kind == "series":
        other = y
    else:
        index = pd.period_range("2024", periods=len(X), freq="D")
        index = index if kind == "periods" else pd.Index(range(7, 7 + len(X)))
        other, y = X.set_axis(index), y.set_axis(index)
    result = backtest(flat_ridge(), other, y, cv=cv, steps=3)
    np.testing.assert_allclose(
        result.predictions["y_pred"], expected.predictions["y_pred"], rtol=1e-9
    )
    labels = range(len(X)) if kind == "array" else other.index
    assert result.predictions["origin"].tolist() == [
        labels[i] for i in np.repeat(result.origins, 3)
    ]


def test_all_known_columns_need_no_recursion():
    """With calendar columns alone every row is predicted from its own window."""
    X = series()
    y = X.pop("load")
    X["hour"] = X.index.hour.astype(float)
    estimator = flat_ridge(window=2, known="hour", horizon=0)
    cv = TimeSeriesSplit(2, test_size=5)
    result = backtest(estimator, X, y, cv=cv, steps=3)
    train = next(cv.split(X))[0]
    fitted = estimator.fit(X.iloc[train], y.iloc[train])
    first = result.predictions[result.predictions["fold"] == 0]
    expected = pd.Series(fitted.predict(X.iloc[train[-1] + 1 :]), X.index[50:])
    np.testing.assert_allclose(first["y_pred"], expected[first.index], rtol=1e-9)


def test_windows_made_beforehand_can_be_tried():
    """3-D windows go to a regressor as they are."""
    X = series()
    windows = SlidingWindow(4).fit_transform(X)
    cv = TimeSeriesSplit(2, test_size=5)
    y = X["load"].to_numpy()
    alone = backtest(tiny_lstm()[-1], windows, y, cv=cv)
    inside = backtest(tiny_lstm(), X, X["load"], cv=cv)
    np.testing.assert_array_equal(alone.residuals, inside.residuals)


@pytest.mark.parametrize("is_panel", [False, True])
def test_columns_that_known_ones_are_made_from_are_read(is_panel):
    """Predictions are those from columns that were made before."""
    rng = np.random.default_rng(0)
    X = series(60).assign(name=np.where(rng.random(60) < 0.4, "promo", "none"))
    X["load"] += 20 * (X["name"] == "promo")
    X["stock"] = rng.normal(size=60)
    columns, keys, cv = ["load"], {}, last_rows(60, 12)
    if is_panel:
        X, keys, columns = in_shops(X), OF_SHOPS, ["load", "shop", "day"]
        cv = PanelTimeSeriesSplit(2, time="day", test_size=12)
    front = FunctionTransformer(
        lambda X: X[columns].assign(promo=1.0 * (X["name"] == "promo"))
    )
    plain = flat_ridge(known="promo", **keys)
    ready = front.transform(X)
    expected = backtest(plain, ready, X["load"], cv=cv, steps=3)
    found = backtest(make_pipeline(front, *plain), X, X["load"], cv=cv, steps=3)
    np.testing.assert_allclose(
        found.predictions["y_pred"], expected.predictions["y_pred"], rtol=1e-6
    )


@pytest.mark.parametrize("is_array", [False, True])
@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("steps", [2, 4, 7])
def test_rows_known_ahead_are_those_that_a_forecast_reads(steps, is_wrapped, is_array):
    """From every origin the forecast of the rows up to it, and no later value."""
    X = series(70).assign(open=np.arange(70) % 3 == 0).astype(float)
    windows = SlidingWindow(6, known=[1] if is_array else "open", known_ahead=2)
    pipe = make_pipeline(windows, LSTMRegressor(2, steps=3, epochs=1, random_state=0))
    if is_wrapped:
        pipe = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp)
    values = X.to_numpy() if is_array else X
    y = values[:, 0] if is_array else X["load"]

    def predicted(X, y):
        result = backtest(pipe, X, y, cv=last_rows(70, 20), steps=steps)
        return result.predictions["y_pred"].to_numpy().reshape(-1, steps)

    found = predicted(values, y)
    fitted = clone(pipe).fit(values[:50], y[:50])
    for row, by_step in enumerate(found):
        past, later = values[: 50 + row], values[50 + row :]
        known = later[:, 1:] if is_array else later[["open"]]
        known = known[: steps + 2]
        expected = forecast(fitted, past, steps, X_future=known)
        np.testing.assert_allclose(by_step, expected, rtol=1e-6)
    changed = values.copy()
    (changed if is_array else changed.iloc)[60:, 0] *= 1.2
    after = predicted(changed, y)
    np.testing.assert_array_equal(after[:11], found[:11])


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_missing_values_are_those_that_a_forecast_fills(is_wrapped):
    """From every origin the forecast of the rows up to it, whatever X lacks."""
    X = series().assign(wind=np.sin(np.arange(60)))
    y = X["load"].copy()
    X.iloc[4::7, 0] = np.nan
    X.iloc[30:42, 1] = np.nan
    pipe = flat_ridge(known="wind")
    if is_wrapped:
        pipe = TransformedTargetRegressor(pipe, transformer=StandardScaler())
    cv = last_rows(60, 12)
    result = backtest(pipe, X, y, cv=cv, steps=2, target="load")
    fitted = clone(pipe).fit(X[:48], y[:48])
    for origin, part in result.predictions.groupby("origin"):
        if np.isnan(X["load"][origin]):
            continue  # a forecast refuses to begin there
        future = X.loc[part.index, ["wind"]]
        expected = forecast(fitted, X[:origin], 2, X_future=future, target="load")
        np.testing.assert_allclose(part["y_pred"], expected, rtol=1e-6)


# -- no look-ahead ------------------------------------------------------------------


@settings(max_examples=25)
@given(
    st.booleans(),
    st.integers(1, 12),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([True, "update"]),
    st.integers(0, 1000),
)
def test_values_after_an_origin_change_nothing_before(is_long, n, steps, refit, seed):
    """Other values after a row leave all that was predicted up to it bit for bit.

    That holds for the baselines and for the intervals, too.
    """
    windows = SlidingWindow(3, layout="flat", **KEYS if is_long else {})
    learner = SGDRegressor(eta0=1e-6, learning_rate="constant", random_state=0)
    pipe = make_pipeline(windows, SimpleImputer(), learner)
    X = stores(seed=seed).drop(columns="price") if is_long else series(seed=seed)
    cv = CV_OF_PANEL if is_long else TimeSeriesSplit(4, test_size=8)
    labels = X["day"] if is_long else X.index
    last = np.unique(labels)[-1 - n]
    other = X.copy()
    is_later = np.asarray(labels > last)
    noise = np.random.default_rng(seed).normal(size=is_later.sum())
    other.loc[is_later, "load"] += noise
    kwargs = {"cv": cv, "steps": steps, "refit": refit, "season": 6}
    one = backtest(pipe, X, X["load"], **kwargs)
    two = backtest(pipe, other, other["load"], **kwargs)
    is_before = (one.predictions["origin"] <= last).to_numpy()
    for table in ("predictions", "baselines"):
        a, b = (getattr(result, table)[is_before] for result in (one, two))
        a, b = (part.drop(columns="y_true", errors="ignore") for part in (a, b))
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    a, b = (result.intervals(0.5) for result in (one, two))
    ends = ["origin", "y_lower", "y_upper"]
    a, b = (part.loc[part["origin"] <= last, ends] for part in (a, b))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


# -- fitting again, going on -------------------------------------------------------


class Counting(RegressorMixin, BaseEstimator):
    """Predicts how many rows its fit had, and notes every fit."""

    fits: list = []

    def fit(self, X, y):
        type(self).fits.append(len(X))
        self.n_ = len(X)
        return self

    def predict(self, X):
        return np.full(len(X), float(self.n_))


@pytest.mark.parametrize(
    ("refit", "fits"),
    [
        (True, [20, 24, 28, 32, 36]),
        (1, [20, 24, 28, 32, 36]),
        (2, [20, 28, 36]),
        (4, [20, 36]),
        (False, [20]),
    ],
)
def test_refit_says_in_which_folds_is_fitted(refit, fits):
    """Folds without a fit are predicted by the newest one before."""
    X = series(40)
    Counting.fits = []
    cv = TimeSeriesSplit(5, test_size=4)
    estimator = Counting()
    result = backtest(estimator, X, X["load"], cv=cv, refit=refit)
    assert Counting.fits == fits
    by_fold = result.predictions.groupby("fold")["y_pred"].first()
    newest = [max(n for n in fits if n <= 20 + 4 * fold) for fold in range(5)]
    assert by_fold.tolist() == newest
    assert not hasattr(estimator, "n_")


@pytest.mark.parametrize("refit", [True, False, "update"])
def test_a_regressor_alone_goes_on_with_its_own_weights(refit):
    """SGDRegressor without windows learns each row once, in order, by its weight."""
    X, y, weights = holed()
    X = (X.shift(1).bfill() - 50).rename(columns={"load": "before"})
    y = y.where(weights > 0, 0.0) - 50
    cv = TimeSeriesSplit(4, test_size=5, max_train_size=20, gap=1)
    model, params = SGDRegressor(random_state=0), {"sample_weight": weights}
    result = backtest(model, X, y, cv=cv, refit=refit, params=params)
    assert list(result.baselines) == ["naive"]
    learned, expected = None, []
    for train, test in cv.split(X):
        if learned is None or refit is True:
            own = weights.iloc[train]
            model = clone(model).fit(X.iloc[train], y.iloc[train], sample_weight=own)
        elif refit == "update":
            new = slice(learned, train[-1] + 1)
            own = weights.iloc[new]
            model.partial_fit(X.iloc[new], y.iloc[new], sample_weight=own)
        learned = train[-1] + 1
        expected.append(model.predict(X.iloc[test]))
    ours = result.predictions["y_pred"]
    np.testing.assert_array_equal(ours, np.concatenate(expected))


def test_the_estimator_is_not_changed_and_results_are_repeated():
    """A fitted estimator stays as it is; the same call gives the same bits."""
    X = series()
    pipe = tiny_lstm().fit(X, X["load"])
    before = pipe.predict(X)
    weights = pipe[-1].weights_
    cv = TimeSeriesSplit(2, test_size=5)
    one = backtest(pipe, X, X["load"], cv=cv, refit="update")
    two = backtest(pipe, X, X["load"], cv=cv, refit="update")
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)
    assert pipe[-1].weights_ is weights
    np.testing.assert_array_equal(pipe.predict(X), before)


# -- fit parameters ----------------------------------------------------------------


def holed(n_rows=60):
    """Return rows, a target with filled values, and weights that are 0 there."""
    X = series(n_rows)
    y = X["load"].copy()
    weights = pd.Series(np.linspace(0.5, 1.5, n_rows), X.index)
    filled = [7, 20, 21, 44, 53, n_rows - 1]
    y.iloc[filled] = -1e3
    weights.iloc[filled] = 0.0
    return X, y, weights


def test_weights_go_through_a_search_and_other_parameters_as_they_are():
    """A search takes the names of its pipeline; what is not as long as X is whole."""

    class Noting(Counting):
        def fit(self, X, y, sample_weight=None, words=None):
            self.words_ = words
            assert len(sample_weight) == len(X)
            super().fit(X, y)
            self.n_ = len(X) if words == ["a", "b"] else np.nan
            return self

    X, y, weights = holed()
    pipe = make_pipeline(SlidingWindow(3, layout="flat"), SimpleImputer(), Noting())
    search = GridSearchCV(
        pipe, {"slidingwindow__window": [2]}, cv=TimeSeriesSplit(2), scoring="r2"
    )
    params = {"noting__sample_weight": weights, "noting__words": ["a", "b"]}
    result = backtest(search, X, y, cv=SPLIT, params=params)
    assert result.predictions["y_pred"].unique().tolist() == [50, 55]


def test_routed_weights_are_those_of_a_pipeline():
    """With scikit-learn's routing the parameter has no prefix; all else is equal."""
    X, y, weights = holed()
    pipe, params = flat_ridge(), {"ridge__sample_weight": weights}
    expected = backtest(pipe, X, y, cv=SPLIT, params=params)
    with config_context(enable_metadata_routing=True):
        pipe[-1].set_fit_request(sample_weight=True)
        result = backtest(pipe, X, y, cv=SPLIT, params={"sample_weight": weights})
    for table in ("predictions", "baselines"):
        pd.testing.assert_frame_equal(getattr(result, table), getattr(expected, table))


@pytest.mark.parametrize("steps", [1, 3])
def test_ridge_leaves_out_rows_of_weight_zero(steps):
    """The baseline is scikit-learn's on rows whose targets all weigh something."""
    X, y, weights = holed()
    X = X.assign(load=series(seed=3)["load"])
    cv = TimeSeriesSplit(2, test_size=8)
    params = {"lstmregressor__sample_weight": weights.to_numpy()}
    pipe = tiny_lstm(5, steps=steps)
    result = backtest(pipe, X, y, cv=cv, steps=steps, params=params, target="load")
    values, w = X["load"].to_numpy(), weights.to_numpy()
    expected = []
    for train, test in cv.split(X):
        rows = [
            row
            for row in range(5, train[-1] + 2 - steps)
            if (w[row : row + steps] > 0).all()
        ]
        assert len(rows) < train[-1] + 2 - steps - 5
        lags = [values[r - 5 : r] for r in rows]
        targets = np.array([y.iloc[r : r + steps] for r in rows])
        least = np.array([min(w[r : r + steps]) for r in rows])
        predict = ridge_by_hand(lags, targets, least / least.mean())
        for origin in range(test[0] - 1, min(test[-1], 60 - steps)):
            expected += predict(values[origin - 4 : origin + 1]).tolist()
    np.testing.assert_allclose(result.baselines["ridge"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "kind", ["pipeline", "regressor", "search", "wrapped", "array"]
)
def test_missing_targets_are_told_with_their_row_and_a_way_out(kind):
    """Label, count and the very parameter that the estimator takes."""
    X = series()
    y = X["load"].copy()
    y.iloc[[20, 33]] = np.nan
    estimator, name = never(), "unfittable__sample_weight"
    if kind == "regressor":
        estimator, name = Unfittable(), "sample_weight"
    elif kind == "search":
        estimator = GridSearchCV(never(), {"slidingwindow__window": [2]})
    elif kind == "wrapped":
        estimator = TransformedTargetRegressor(never())
    elif kind == "array":
        X, y = X.to_numpy(), y.to_numpy()
    with pytest.raises(ValueError, match="y contains NaN in 2 of 60 rows") as told:
        backtest(estimator, X, y, cv=SPLIT)
    first = "20;" if kind == "array" else f"{series().index[20]!r};"
    assert f"first in {first}" in str(told.value)
    assert f"params={{'{name}': weights}}" in str(told.value)


# -- baselines ---------------------------------------------------------------------


def ridge_forecast(y, train, origin, window, horizon, k, steps):
    """Return what RidgeCV on complete lag rows forecasts, k steps at once, by loops."""
    rows = range(window + horizon - 1, train[-1] + 2 - k)
    lags = [y[r - horizon - window + 1 : r - horizon + 1] for r in rows]
    predict = ridge_by_hand(lags, [y[r : r + k] for r in rows])
    values = y[: origin + 1].tolist()
    while len(values) <= origin + steps:
        made = []
        for r in range(len(values), len(values) + horizon):
            at_once = predict(values[r - horizon - window + 1 : r - horizon + 1])
            is_last = r == len(values) + horizon - 1
            made += at_once.tolist() if is_last else [at_once[0]]
        values += made
    return values[origin + 1 : origin + 1 + steps]


@pytest.mark.parametrize(
    ("estimator", "horizon", "k"),
    [
        (flat_ridge(5), 1, 1),
        (flat_ridge(5, horizon=3), 3, 1),
        (tiny_lstm(5, steps=4), 1, 4),
        (tiny_lstm(5, steps=3), 1, 3),
    ],
    ids=["recursive", "horizon", "direct", "both"],
)
def test_baselines_are_those_of_a_loop(estimator, horizon, k):
    """Naive, seasonal naive, and a ridge that predicts at once what the model does."""
    X = series()
    y = X["load"].to_numpy()
    cv = TimeSeriesSplit(2, test_size=8)
    result = backtest(estimator, X, X["load"], cv=cv, steps=4, season=3)
    expected = {"naive": [], "seasonal naive": [], "ridge": []}
    for train, test in cv.split(X):
        for origin in range(test[0] - 1, min(test[-1], len(y) - 4)):
            expected["ridge"] += ridge_forecast(y, train, origin, 5, horizon, k, 4)
            expected["naive"] += [y[origin]] * 4
            for row in range(origin + 1, origin + 5):
                while row > origin:
                    row -= 3
                expected["seasonal naive"].append(y[row])
    assert list(result.baselines) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(result.baselines[name], values, rtol=1e-5)


@pytest.mark.parametrize("kind", ["series", "panel", "behind a scaler"])
def test_ridge_reads_what_the_model_reads(kind):
    """A backtest of a ridge pipeline shows about the same error for both."""
    X, cv = promoted(300, noise=1.0), TimeSeriesSplit(2, test_size=40)
    pipe, y = flat_ridge(14, known="promo"), X["sales"]
    stride = 1
    if kind == "panel":
        X, pipe = in_shops(X), flat_ridge(14, known="promo", **OF_SHOPS)
        y, cv = X["sales"], PanelTimeSeriesSplit(2, time="day", test_size=40)
    elif kind == "behind a scaler":
        pipe, stride = make_pipeline(scaler(), *pipe), 9
    result = backtest(pipe, X, y, cv=cv, steps=14, stride=stride)
    errors = result.summary()["MAE"]
    assert errors["ridge"] == pytest.approx(errors["model"], rel=0.05)
    assert errors["naive"] > 2 * errors["model"]


def test_few_complete_windows_leave_ridge_to_the_naive_forecast():
    """With nine complete windows or fewer, ridge is the value at the origin."""
    X = series(30)
    cv = last_rows(30, 10)
    result = backtest(flat_ridge(window=12), X, X["load"], cv=cv)
    assert (result.baselines["ridge"] == result.baselines["naive"]).all()
    result = backtest(flat_ridge(window=10), X, X["load"], cv=cv)
    assert (result.baselines["ridge"] != result.baselines["naive"]).all()


def test_ridge_reads_what_is_known_ahead_too():
    """The baseline finds a promotion inside the block that it predicts."""
    X, windows = promoted(120), SlidingWindow(14, known="promo", known_ahead=3)
    pipe = make_pipeline(windows, tiny_lstm(steps=4)[-1])
    result = backtest(pipe, X, X["sales"], cv=last_rows(120, 20), steps=4)
    assert result.summary().loc["ridge", "MAE"] < 0.1


# -- bad input ---------------------------------------------------------------------


class Unfittable(RegressorMixin, BaseEstimator):
    """Fails the test that fits it."""

    steps = 1

    def fit(self, X, y):
        pytest.fail("fitted before everything was checked")

    def partial_fit(self, X, y):
        pytest.fail("fitted before everything was checked")

    def predict(self, X):
        return np.zeros(len(X))


def never(**kwargs):
    return make_pipeline(SlidingWindow(3, layout="flat", **kwargs), Unfittable())


OWN = "unfittable__sample_weight"


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"params": [1.0]}, "'params' parameter .* must be a dict .* Got list"),
        ({"params": {1: 2}}, "'params' .* must be a dict"),
        ({"params": {OWN: np.ones(7)}}, rf"'{OWN}'. Got shape \(7,\) for 60 rows"),
        ({"params": {OWN: np.full(60, np.nan)}}, f"Input {OWN} contains NaN"),
        (
            {"params": {f"a{OWN}": np.ones(60)}, "refit": "update"},
            f"fit parameters of .* as in '{OWN}",
        ),
        ({"steps": 0}, r"'steps' .* \[1, 2\*\*31\). Got 0"),
        ({"steps": True}, "Got True"),
        ({"stride": 1.5}, "'stride' .* Got 1.5"),
        ({"season": 0}, "'season' .* Got 0"),
        ({"refit": "always"}, "'refit' .* Got 'always'"),
        ({"refit": 0}, "'refit' .* Got 0"),
        ({"cv": 5}, r"Got 5; use TimeSeriesSplit\(5\)"),
        ({"cv": None}, r"Got None; use TimeSeriesSplit\(5\)"),
        ({"cv": "5"}, "Got '5'; use TimeSeriesSplit"),
        ({"cv": KFold(3)}, "folds that walk forward.* in fold 0"),
        ({"cv": KFold(3, shuffle=True)}, "rows out of order or left out"),
        ({"cv": [([0, 1], [])]}, "no rows to train on or to test"),
        ({"cv": [([0, 1, 2, 3], [3, 4])]}, "training rows that are not before"),
        ({"cv": [([0], [1, 2]), ([0], [2, 3])]}, "a fold before had in fold 1"),
        ({"cv": [([0, 1], [2, 99])]}, "'cv' .* 60 rows of X.* Got 99 in fold 0"),
        ({"cv": [([-1], [2, 3])]}, "Got -1 in fold 0"),
        ({"y": None}, "backtest needs the target .* as y. Got None"),
        ({"cv": []}, "Got none in 0 fold"),
        ({"cv": [3]}, r"must give pairs .*Got \[3\], cannot unpack"),
        ({"cv": TimeSeriesSplit(500)}, "Got TimeSeriesSplit.*number of folds=501"),
        ({"cv": [(np.arange(60) < 9, np.arange(60) > 8)]}, r"array of bool.*flatnonz"),
        ({"cv": [([0.5], [1.5])]}, "array of float64"),
        ({"steps": 10**400}, r"'steps' .* Got 1000.*\.\.\. instead"),
        ({"verbose": "loud"}, "'verbose' .* Got 'loud'"),
        *(
            ({"target": target, "steps": 3}, "'target' parameter of backtest .* Got")
            for target in ("zz", "tide", 1, 7, np.ones(2))
        ),
        ({"steps": 60}, "an origin that 60 contiguous"),
    ],
)
def test_wrong_parameters_are_named_before_the_first_fit(kwargs, message):
    """What is wrong with parameters or folds is said before anything is fitted."""
    X = series().assign(tide=1.0)
    with pytest.raises((ValueError, TypeError), match=message):
        backtest(never(known="tide"), X, **{"y": X["load"], "cv": SPLIT} | kwargs)


@pytest.mark.parametrize("target", ["load", 0])
def test_a_target_may_be_named_as_in_forecast(target):
    """By name or position."""
    X = series().assign(tide=1.0)
    pipe, cv = flat_ridge(known="tide"), last_rows(60, 20)
    named = backtest(pipe, X, X["load"], cv=cv, steps=3, target=target)
    alone = backtest(pipe, X, X["load"], cv=cv, steps=3)
    pd.testing.assert_frame_equal(named.predictions, alone.predictions)


def test_what_cannot_be_tested_is_named_before_the_first_fit():
    """Estimators that are none, rows that do not fit y, columns to be fed back."""
    X = series()
    y, two = X["load"], X.assign(wind=1.0)
    came = r"Got the columns \['load', 'wind'\] and y, .*; pre"
    not_one = "'estimator' parameter of backtest must be a"
    update = {"refit": "update"}
    for estimator, rows, target, options, words in (
        *((none, X, y, {}, not_one) for none in (object(), Ridge, None, never()[0])),
        (never(), X, y.shift(1, freq="h"), {}, "y at the index of X"),
        (never(), X, y.shift(-1), {}, "y contains NaN"),
        (never(), X, np.ones((60, 2)), {}, r"shape \(60, 2\) for 60 rows"),
        (never(), X, np.ones(59), {}, r"shape \(59,\) for 60 rows"),
        (never(), X[::-1], y[::-1], {}, "rows in time order"),
        (never(known="price"), X, y, {}, "'known' parameter"),
        (Unfittable(), X, y, {"steps": 2}, "SlidingWindow inside for several steps"),
        (never(), two, y, {"steps": 2}, came),
        (never(), two, y, {"steps": 2, "target": "load"}, came),
        (never(), two[["wind"]], y, {"steps": 2}, r"\['wind'\] and y, named \['load'"),
        (tiny_lstm(steps=2), two, y, {"steps": 3}, "beyond step 2"),
        (flat_ridge(), X, y, update, "needs a regressor with partial_fit"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            backtest(estimator, rows, target, cv=SPLIT, **options)
    assert backtest(tiny_lstm(steps=2), two, y, cv=SPLIT, steps=2).summary().size


@pytest.mark.parametrize("is_panel", [False, True])
def test_a_target_that_was_scaled_by_hand_is_told(is_panel):
    """Where predictions are fed back, their unit must be that of the column."""
    X, pipe, cv = series(), flat_ridge(), last_rows(60, 20)
    if is_panel:
        X, pipe = in_shops(X), flat_ridge(**OF_SHOPS)
        cv = PanelTimeSeriesSplit(2, time="day", test_size=20)
    backtest(pipe, X, X["load"], cv=cv, steps=2)
    with pytest.warns(
        UserWarning, match=r"for 'load' seem to be in a different unit .*\("
    ):
        backtest(pipe, X, X["load"] / 1000, cv=cv, steps=2)


# -- progress ----------------------------------------------------------------------


def test_progress_is_a_line_for_each_fold(capsys):
    """verbose=1 prints each fold when it is done; 0 prints nothing."""
    X = series()
    backtest(flat_ridge(), X, X["load"], cv=SPLIT)
    assert capsys.readouterr().out == ""
    result = backtest(flat_ridge(), X, X["load"], cv=SPLIT, verbose=1)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("fold 1 of 2: 50 training rows, 5 origins, MAE ")
    assert second.startswith("fold 2 of 2: 55 training rows, 5 origins, MAE ")
    error = result.summary(by="fold").loc[(1, "model"), "MAE"]
    assert f"MAE {error:.4g}, " in second
