"""SlidingWindow and LSTMRegressor inside scikit-learn's own, unchanged machinery."""

import os
import pickle
import sys
from collections import defaultdict

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from by_hand import printed_afresh
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr
from threadpoolctl import threadpool_limits

from sklstm import KerasRegressor, LSTMRegressor, SlidingWindow, forecast

WINDOW = 4
N_ROWS = 60
INDEXES = {
    "days": pd.date_range("2024-01-01", periods=N_ROWS, freq="D"),
    "hours without freq": pd.DatetimeIndex(
        pd.date_range("2024-01-01", periods=N_ROWS, freq="h").to_numpy()
    ),
    "months": pd.period_range("2015-01", periods=N_ROWS, freq="M"),
    "range": pd.RangeIndex(N_ROWS),
}
BOTH = pytest.mark.parametrize("kind", ["days", "range"])


def missing_rows_are_told(test):
    """Ignore what SlidingWindow tells of rows that lack between those of a fold."""
    words = "of the .* rows that a grid", "windows are incomplete", "have no row within"
    for each in words:
        test = pytest.mark.filterwarnings(f"ignore:.*{each}:UserWarning")(test)
    return test


# -- series, pipelines and the loop they are compared with --------------------------


def series(kind="days", *names):
    """Return positive columns that wander; the first is called load."""
    rng = np.random.default_rng(0)
    names = ("load", *names)
    waves = 10 * np.sin(np.arange(N_ROWS)[:, None] / np.arange(2, 2 + len(names)))
    walks = rng.normal(size=(N_ROWS, len(names))).cumsum(axis=0)
    return pd.DataFrame(60 + waves + walks, columns=list(names), index=INDEXES[kind])


def lstm(**parameters):
    """Return a small network."""
    defaults = {"units": 4, "epochs": 3, "batch_size": 64, "random_state": 0}
    return LSTMRegressor(**defaults | parameters)


def lstm_pipe(window=WINDOW, **parameters):
    return make_pipeline(SlidingWindow(window), lstm(**parameters))


def ridge_pipe(window=WINDOW, **parameters):
    windows = SlidingWindow(window, layout="flat", **parameters)
    return make_pipeline(windows, SimpleImputer(), Ridge())


class NewestStep(RegressorMixin, BaseEstimator):
    """Predict the newest step of the first channel of each window."""

    def fit(self, X, y):
        """Learn nothing."""
        self.is_fitted_ = True
        return self

    def predict(self, X):
        """Return the newest step, NaN where it is missing."""
        return np.asarray(X)[:, -1, 0].astype(float)


def lag_table(values, positions, past, window=WINDOW):
    """Return lags of some positions by loop; only positions in ``past`` are seen.

    A row that is not seen is a row of missing values: the newest earlier one is taken.
    """
    past = np.sort(list(past))
    table = np.full((len(positions), window), np.nan)
    for row, position in enumerate(positions):
        for lag in range(1, window + 1):
            seen = past[past <= position - lag]
            if len(seen):
                table[row, window - lag] = values[seen[-1]]
    return table


def seen_by(train, test, window=WINDOW):
    """Return the rows that test rows see: their own, and those kept from the fit."""
    kept = np.asarray(train)[-window:]
    return {*test, *kept[kept < min(test)]}


def ridge_by_hand(values, train, test, window=WINDOW):
    """Return predictions of the test rows from lag tables built by loop."""
    regressor = make_pipeline(SimpleImputer(), Ridge())
    regressor.fit(lag_table(values, train, train, window), values[train])
    seen = seen_by(train, test, window)
    return regressor.predict(lag_table(values, test, seen, window))


@pytest.fixture(scope="module")
def fitted():
    """Return an LSTM pipeline fitted once on daily rows, and those rows."""
    X = series()
    return lstm_pipe().fit(X, X["load"]), X


# -- a search scores the same rows, and every row sees its true past ----------------


class RecordingScorer:
    """Score by absolute error and record which rows each candidate is scored on."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.rows = defaultdict(list)

    def __call__(self, estimator, X, y):
        """Return the score of an estimator and record the labels of y."""
        predicted = estimator.predict(X)
        assert predicted.shape == y.shape
        assert X.index.equals(y.index)
        params = estimator.get_params()
        key = tuple(params[name] for name in self.parameters)
        self.rows[key].append(tuple(y.index))
        return -mean_absolute_error(y, predicted)


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("is_lstm", [True, False])
def test_candidates_are_scored_on_the_same_rows(kind, is_lstm):
    """Windows of any length lose no row, be they longer than the first fold."""
    X = series(kind)
    # The imputer would drop lags that no training row has.
    pipe = ridge_pipe().set_params(simpleimputer__keep_empty_features=True)
    grid = {"slidingwindow__window": [1, 7, 25]}
    if is_lstm:
        pipe = lstm_pipe(epochs=1)
        grid = {"slidingwindow__window": [1, 7], "lstmregressor__units": [2, 4]}
    scorer = RecordingScorer(grid)
    cv = TimeSeriesSplit(4)
    search = GridSearchCV(pipe, grid, cv=cv, scoring=scorer, refit=False)
    search.fit(X, X["load"])
    expected = [tuple(X.index[test]) for _, test in cv.split(X)]
    assert all(rows == expected for rows in scorer.rows.values())
    assert len(scorer.rows) == (4 if is_lstm else 3)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def newest_steps(X, cv, **parameters):
    """Yield the rows of every fold, and the newest step of its test windows."""
    pipe = make_pipeline(SlidingWindow(WINDOW, **parameters), NewestStep())
    scores = cross_validate(
        pipe,
        X,
        X["load"],
        cv=cv,
        scoring=lambda *_: 0.0,
        return_estimator=True,
        return_indices=True,
    )
    rows = scores["indices"]
    for estimator, *ends in zip(
        scores["estimator"], rows["train"], rows["test"], strict=True
    ):
        yield *ends, estimator.predict(X.iloc[ends[1]])


FOLDS = {
    "one after the other": TimeSeriesSplit(4),
    "with a gap": TimeSeriesSplit(4, gap=2),
    "KFold": KFold(4),
    "shuffled KFold": KFold(4, shuffle=True, random_state=0),
}


@missing_rows_are_told
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("cv", FOLDS.values(), ids=FOLDS)
@pytest.mark.parametrize("kind", INDEXES)
def test_test_rows_see_their_true_past(kind, cv, horizon):
    """The newest step is the true earlier value, or the newest one seen before it."""
    X = series(kind)
    values = X["load"].to_numpy()
    for train, test, newest in newest_steps(X, cv, horizon=horizon):
        seen = seen_by(train, test, WINDOW + horizon - 1)
        expected = lag_table(values, test - horizon + 1, seen, 1)[:, 0]
        np.testing.assert_array_equal(newest, expected)
        if isinstance(cv, TimeSeriesSplit) and not cv.gap:
            np.testing.assert_array_equal(expected, values[test - horizon])


def test_search_predicts_new_rows_with_their_past():
    """A refitted search predicts rows that follow its own, the first one included."""
    X = series()
    search = GridSearchCV(
        make_pipeline(SlidingWindow(), NewestStep()),
        {"slidingwindow__window": [3, 5]},
        cv=TimeSeriesSplit(2),
        scoring=lambda *_: 0.0,
    ).fit(X[:50], X["load"][:50])
    values = X["load"].to_numpy(dtype=float)
    np.testing.assert_array_equal(search.predict(X[50:]), values[49:-1])
    np.testing.assert_array_equal(search.predict(X[50:51]), values[49:50])


# -- no look-ahead ------------------------------------------------------------------

CHANGES = st.tuples(
    st.integers(0, N_ROWS - 1),
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=7),
)
# A change that every later prediction shows.
TELLING = (29, [-7.0, 1e4, 3.0])


def changed_after(X, row, values):
    """Return X with other values in every row after ``row``."""
    X = X.copy()
    X.iloc[row + 1 :, 0] = np.resize(values, N_ROWS - row - 1)
    return X


@pytest.fixture(scope="module")
def early_stopped():
    """Two-step LSTM pipelines, scaled and stopped early, fitted on the first rows."""
    pipes = {}
    for kind in ("days", "range"):
        X = series(kind)[:50]
        pipe = lstm_pipe(steps=2, early_stopping=True, validation_fraction=0.2)
        pipes[kind] = pipe.fit(X, X["load"])
        assert "val_loss" in pipe[-1].history_
    return pipes


@missing_rows_are_told
@BOTH
@given(change=CHANGES, start=st.integers(0, N_ROWS - 1))
@settings(max_examples=50)
def test_later_values_change_no_lstm_prediction(early_stopped, kind, change, start):
    """Other values after row t change no prediction up to row t + 1, bit for bit."""
    row, values = change
    X, pipe = series(kind), early_stopped[kind]
    other = changed_after(X, row, values)
    n_same = max(row + 2 - start, 0)
    before, after = (pipe.predict(rows[start:]) for rows in (X, other))
    np.testing.assert_array_equal(after[:n_same], before[:n_same])
    before, after = (
        pipe[-1].predict_steps(pipe[:-1].transform(rows[start:])) for rows in (X, other)
    )
    np.testing.assert_array_equal(after[:n_same], before[:n_same])


def out_of_sample(pipe, X, cv):
    """Return the predictions of every fold's test rows by a refit on its past."""
    predicted = np.full(N_ROWS, np.nan)
    for train, test in cv.split(X):
        fold = clone(pipe).fit(X.iloc[train], X["load"].iloc[train])
        predicted[test] = fold.predict(X.iloc[test])
    return predicted


@BOTH
@given(change=CHANGES)
@settings(max_examples=12)
@example(change=TELLING)
def test_later_values_change_no_refitted_prediction(kind, change):
    """Nor do they change what refits on the past predict.

    Neither scaling in front, nor scaling, validation and targets of the network read
    them.
    """
    row = change[0]
    X = series(kind)
    scaler = StandardScaler().set_output(transform="pandas")
    lstm = lstm_pipe(steps=2, early_stopping=True, validation_fraction=0.2)
    pipe = make_pipeline(scaler, *(step for _, step in lstm.steps))
    cv = TimeSeriesSplit(2)
    before = out_of_sample(pipe, X, cv)
    after = out_of_sample(pipe, changed_after(X, *change), cv)
    np.testing.assert_array_equal(after[: row + 2], before[: row + 2])
    if change == TELLING:
        assert (after[row + 2 :] != before[row + 2 :]).all()


# -- cross-validation, against loops ------------------------------------------------


@pytest.mark.parametrize("kind", INDEXES)
def test_cross_val_score(kind):
    """It is the score of lag tables by loop, of a frame, a Series and an array as y."""
    X = series(kind)
    values = X["load"].to_numpy()
    cv = TimeSeriesSplit(4)
    expected = [
        -mean_absolute_error(values[test], ridge_by_hand(values, train, test))
        for train, test in cv.split(X)
    ]
    for rows, y in [(X, X["load"]), (X["load"], X["load"]), (X, values)]:
        scores = cross_val_score(
            ridge_pipe(), rows, y, cv=cv, scoring="neg_mean_absolute_error"
        )
        np.testing.assert_allclose(scores, expected, rtol=1e-5)


@missing_rows_are_told
@pytest.mark.parametrize("kind", INDEXES)
def test_cross_val_predict(kind):
    """cross_val_predict with KFold is a loop over what each fold may see."""
    X = series(kind)
    values = X["load"].to_numpy()
    cv = KFold(4)
    expected = np.full(N_ROWS, np.nan)
    for train, test in cv.split(X):
        expected[test] = ridge_by_hand(values, train, test)
    predicted = cross_val_predict(ridge_pipe(), X, X["load"], cv=cv)
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)


# -- meta-estimators ----------------------------------------------------------------


@missing_rows_are_told
@pytest.mark.parametrize("kind", INDEXES)
def test_voting_and_stacking(kind):
    """Voting averages; stacking learns from what KFold predicts with true windows."""
    X = series(kind)
    values = X["load"].to_numpy()
    members = [("short", ridge_pipe(2)), ("long", ridge_pipe(5))]
    voting = VotingRegressor(members).fit(X, X["load"])
    stacking = StackingRegressor(
        members, final_estimator=LinearRegression(), cv=KFold(4)
    ).fit(X, X["load"])
    inner = np.full((N_ROWS, 2), np.nan)
    for train, test in KFold(4).split(X):
        for column, window in enumerate((2, 5)):
            inner[test, column] = ridge_by_hand(values, train, test, window)
    final = LinearRegression().fit(inner, values)
    outer = [ridge_pipe(w).fit(X, X["load"]).predict(X) for w in (2, 5)]
    np.testing.assert_allclose(voting.predict(X), np.mean(outer, axis=0))
    np.testing.assert_allclose(
        stacking.predict(X), final.predict(np.transpose(outer)), rtol=1e-4
    )


@missing_rows_are_told
def test_stacking_an_lstm(fitted):
    """An LSTM pipeline may be stacked, frozen or fitted anew."""
    pipe, X = fitted
    stacking = StackingRegressor(
        [("lstm", lstm_pipe(epochs=1)), ("frozen", FrozenEstimator(pipe))],
        final_estimator=LinearRegression(),
        cv=2,
    ).fit(X, X["load"])
    assert np.isfinite(stacking.predict(X)).all()
    np.testing.assert_array_equal(stacking.estimators_[1].predict(X), pipe.predict(X))


def test_transformed_target():
    """TransformedTargetRegressor learns the logarithm of y and predicts y."""
    X = series()
    target = TransformedTargetRegressor(lstm_pipe(), func=np.log, inverse_func=np.exp)
    predicted = target.fit(X, X["load"]).predict(X)
    expected = lstm_pipe().fit(X, np.log(X["load"]).rename("log")).predict(X)
    np.testing.assert_allclose(predicted, np.exp(expected), rtol=1e-6)


def test_bagging():
    """BaggingRegressor of LSTMs behind a lag table averages seeded members."""
    X = series()
    bagging = BaggingRegressor(
        lstm(epochs=1, random_state=None), n_estimators=3, random_state=0
    )
    pipe = make_pipeline(SlidingWindow(WINDOW, layout="flat"), bagging)
    predicted = pipe.fit(X, X["load"]).predict(X)
    table = pipe[0].transform(X)
    members = [member.predict(table) for member in bagging.estimators_]
    np.testing.assert_allclose(predicted, np.mean(members, axis=0))
    assert len({member[-1] for member in members}) == 3
    again = clone(pipe).fit(X, X["load"]).predict(X)
    np.testing.assert_array_equal(again, predicted)


def test_permutation_importance_of_lags():
    """Of a walk only the newest lag matters, and the lag table names it."""
    rng = np.random.default_rng(0)
    walk = pd.DataFrame({"walk": rng.normal(size=N_ROWS).cumsum()})
    windows = SlidingWindow(WINDOW, layout="flat").set_output(transform="pandas")
    table = windows.fit_transform(walk)[WINDOW:]
    y = walk["walk"][WINDOW:]
    regressor = lstm(epochs=1).fit(table, y)
    result = permutation_importance(regressor, table, y, n_repeats=3, random_state=0)
    best = result.importances_mean.argmax()
    assert regressor.feature_names_in_[best] == "walk_t-1"
    assert regressor.n_channels_ == 1


@missing_rows_are_told
def test_frozen(fitted):
    """A frozen pipeline is not fitted again, in cross-validation neither."""
    pipe, X = fitted
    before = pipe.predict(X)
    frozen = FrozenEstimator(pipe).fit(X[:20], X["load"][:20] * 0)
    np.testing.assert_array_equal(frozen.predict(X), before)
    halves = cross_val_predict(frozen, X, X["load"], cv=KFold(2))
    expected = [pipe.predict(X[:30]), pipe.predict(X[30:])]
    np.testing.assert_array_equal(halves, np.concatenate(expected))
    np.testing.assert_array_equal(clone(frozen).predict(X), before)


@BOTH
def test_union_of_windows(kind):
    """FeatureUnion puts lag tables of two lengths side by side, each with context."""
    X = series(kind)
    parts = [SlidingWindow(n, layout="flat") for n in (2, 5)]
    union = make_union(*parts).fit(X[:50])
    expected = [part.fit(X[:50]).transform(X[50:]) for part in parts]
    np.testing.assert_array_equal(union.transform(X[50:]), np.hstack(expected))
    assert np.isfinite(union.transform(X[50:])).all()
    assert union.get_feature_names_out()[-1] == "slidingwindow-2__load_t-1"


def test_halving_search_over_epochs():
    """HalvingGridSearchCV gives the better candidates more epochs."""
    X = series()
    search = HalvingGridSearchCV(
        lstm_pipe(),
        {"lstmregressor__learning_rate": [1e-6, 0.05]},
        resource="lstmregressor__epochs",
        min_resources=2,
        max_resources=4,
        factor=2,
        cv=TimeSeriesSplit(2),
        scoring="neg_mean_absolute_error",
    ).fit(X, X["load"])
    assert search.n_resources_ == [2, 4]
    assert search.n_candidates_ == [2, 1]
    assert search.best_params_["lstmregressor__epochs"] == 4
    assert search.best_estimator_[-1].n_iter_ == 4


@pytest.fixture(scope="module")
def client():
    """Return a dask client of two worker processes, one thread each."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize("backend", ["threading", "dask"])
def test_a_parallel_search_is_the_serial_one(backend, request):
    """In threads, and in processes of dask, it comes to the same bits."""
    client = request.getfixturevalue("client") if backend == "dask" else None
    X = series()
    # Without a highway, which could leave the networks nothing to say.
    pipe = lstm_pipe(dropout=0.1, batch_size=16, highway=False)
    grid = {"slidingwindow__window": [2, 13], "lstmregressor__units": [2, 4]}
    search = GridSearchCV(pipe, grid, cv=TimeSeriesSplit(2))
    # dask gives its workers one thread for linear algebra; a fit here gets as many.
    with threadpool_limits(1):
        serial = clone(search).fit(X, X["load"])
        with joblib.parallel_config(backend=backend, n_jobs=2):
            search.fit(X, X["load"])
    for name in ("split0_test_score", "split1_test_score"):
        scores = (each.cv_results_[name] for each in (search, serial))
        np.testing.assert_array_equal(*scores)
    assert len(set(serial.cv_results_["mean_test_score"])) == 4
    assert search.best_params_ == serial.best_params_
    np.testing.assert_array_equal(search.predict(X), serial.predict(X))
    if client:  # both processes fitted, and neither of them is this one
        workers = client.run(
            lambda: (os.getpid(), "sklstm._lstm_kernels" in sys.modules)
        )
        pids, has_fitted = zip(*workers.values(), strict=True)
        assert len({*pids, os.getpid()}) == 3
        assert all(has_fitted)


# -- sample weights -----------------------------------------------------------------


@pytest.fixture(scope="module")
def weighing():
    """Rows, weights of which some are 0, and y with absurd values at those rows."""
    X = series()
    weight = np.random.default_rng(0).uniform(0.5, 2, N_ROWS)
    weight[[6, 18, 31]] = 0
    absurd = X["load"].where(weight > 0, 1e5)
    expected = lstm_pipe().fit(X, X["load"], lstmregressor__sample_weight=weight)
    return X, weight, absurd, expected.predict(X)


def test_sample_weight_in_a_pipeline(weighing, fitted):
    """Weights arrive, by step name or routed: rows of weight 0 are not read."""
    X, weight, absurd, expected = weighing
    pipe = lstm_pipe().fit(X, absurd, lstmregressor__sample_weight=weight)
    np.testing.assert_array_equal(pipe.predict(X), expected)
    assert (expected != fitted[0].predict(X)).any()
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(ValueError, match="sample_weight"):
            lstm_pipe().fit(X, X["load"], sample_weight=weight)
        regressor = lstm().set_fit_request(sample_weight=True)
        regressor.set_score_request(sample_weight=True)
        pipe = make_pipeline(SlidingWindow(WINDOW), regressor)
        pipe.fit(X, absurd, sample_weight=weight)
        np.testing.assert_array_equal(pipe.predict(X), expected)
        score = pipe.score(X, absurd, sample_weight=weight)
        assert score == pipe.score(X, X["load"], sample_weight=weight)


def test_sample_weight_routed_in_a_search(weighing):
    """A search routes the weights of each fold to its fits and to the refit."""
    X, weight, absurd, expected = weighing
    with sklearn.config_context(enable_metadata_routing=True):
        regressor = lstm().set_fit_request(sample_weight=True)
        pipe = make_pipeline(SlidingWindow(WINDOW), regressor)
        scorer = make_scorer(mean_absolute_error, greater_is_better=False)
        scorer.set_score_request(sample_weight=True)
        scores = []
        for y in (absurd, X["load"]):
            search = GridSearchCV(
                pipe,
                {"lstmregressor__learning_rate": [regressor.learning_rate]},
                cv=TimeSeriesSplit(2),
                scoring=scorer,
            ).fit(X, y, sample_weight=weight)
            np.testing.assert_array_equal(search.predict(X), expected)
            scores.append(search.cv_results_["mean_test_score"])
        np.testing.assert_array_equal(*scores)


# -- clone and parameters -----------------------------------------------------------


@pytest.mark.parametrize("kind", [SlidingWindow, LSTMRegressor, KerasRegressor])
def test_clone_keeps_every_parameter(kind):
    """Each is stored under its own name, and a clone has them all."""
    other = {name: f"own {name}" for name in kind().get_params(deep=False)}
    if kind is KerasRegressor:
        other["keras_params"] = {"model__hidden": 5, "optimizer__clipnorm": 1.0}
    estimator = kind(**other)
    for copied in (clone(estimator), kind().set_params(**other)):
        assert copied.get_params(deep=False) == other
        assert copied.get_params() == estimator.get_params()
    assert clone(make_pipeline(estimator)).get_params()[kind.__name__.lower()]


def test_clones_keep_output_containers_and_routed_parameters():
    """Pandas output and routed parameters survive, and a clone changes alone."""
    windows = clone(SlidingWindow(2).set_output(transform="pandas"))
    assert isinstance(windows.fit_transform(series()), pd.DataFrame)
    original = KerasRegressor().set_params(optimizer__clipnorm=1.0)
    copied = clone(original).set_params(optimizer__clipnorm=2.0)
    assert original.get_params()["optimizer__clipnorm"] == 1.0
    assert copied.get_params()["optimizer__clipnorm"] == 2.0


# -- caching, output containers, threads, displays ----------------------------------


def test_cached_pipeline(tmp_path, fitted):
    """A pipeline with ``memory=`` predicts the same, from the cache too."""
    pipe, X = fitted
    rows = X[:50]
    expected = clone(pipe).fit(rows, rows["load"]).predict(X[50:])
    for _ in range(2):
        cached = clone(pipe).set_params(memory=str(tmp_path)).fit(rows, rows["load"])
        np.testing.assert_array_equal(cached.predict(X[50:]), expected)
    assert any(tmp_path.iterdir())


def test_pandas_output_of_pipelines():
    """Asked for or global, pandas output is a named table, predictions the same."""
    X = series("days", "wind")
    pipe = lstm_pipe(epochs=1)
    expected = clone(pipe).fit(X[:50], X["load"][:50]).predict(X[50:])
    pipe.set_output(transform="pandas").fit(X[:50], X["load"][:50])
    np.testing.assert_array_equal(pipe.predict(X[50:]), expected)
    table = pipe[0].transform(X)
    assert isinstance(table, pd.DataFrame)
    assert table.columns[-1] == "wind_t-1"
    assert pipe[-1].n_channels_ == 2
    assert pipe[-1].feature_names_in_.tolist() == table.columns.tolist()
    X = X[["load"]]  # an array of lags does not say how many channels it holds
    scaler = StandardScaler().set_output(transform="pandas")
    for pipe in [
        lstm_pipe(epochs=1),
        make_pipeline(scaler, SlidingWindow(WINDOW), lstm(epochs=1)),
        make_pipeline(SlidingWindow(WINDOW, layout="flat"), lstm(epochs=1)),
        ridge_pipe(),
    ]:
        expected = clone(pipe).fit(X[:50], X["load"][:50]).predict(X[50:])
        with sklearn.config_context(transform_output="pandas"):
            predicted = clone(pipe).fit(X[:50], X["load"][:50]).predict(X[50:])
        np.testing.assert_array_equal(predicted, expected)


def test_html_before_and_after_fit(fitted):
    """Pipelines show themselves in a notebook; no site documents the classes yet."""
    pipe, _ = fitted
    for estimator in (lstm_pipe(), pipe, GridSearchCV(lstm_pipe(), {})):
        html = estimator_html_repr(estimator)
        assert "SlidingWindow" in html
        assert "LSTMRegressor" in html
    assert repr(pipe) == repr(lstm_pipe())
    for step in pipe:
        assert "href=" not in estimator_html_repr(step)


FRESH = """
import pickle
from pathlib import Path
import sys
from sklearn.utils import estimator_html_repr
from threadpoolctl import threadpool_limits
from sklstm import forecast

pipe, X, expected = pickle.loads(Path("pipe").read_bytes())
assert (pipe.predict(X) == expected).all()
assert len(forecast(pipe, X, 3)) == 3
assert "weights_" in dir(pipe[-1])
assert "LSTMRegressor" in estimator_html_repr(pipe)
assert pipe[-1]._repr_mimebundle_()
names = {name.partition(".")[0] for name in sys.modules}
print(sorted(names & {"keras", "tensorflow", "scikeras"}))
"""


def test_fresh_interpreter_needs_no_keras(tmp_path, fitted):
    """Unpickled, a pipeline predicts and shows itself without importing Keras."""
    pipe, X = fitted
    (tmp_path / "pipe").write_bytes(pickle.dumps((pipe, X, pipe.predict(X))))
    assert printed_afresh(FRESH, cwd=tmp_path) == "[]\n"


# -- the tutorial -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_even_numbers(seed):
    """After 0, 2, …, 200 come 202, 204 and 206, with every default and any seed."""
    even_numbers = pd.DataFrame({"even": range(0, 202, 2)}, dtype=float)
    pipe = make_pipeline(SlidingWindow(3), LSTMRegressor(random_state=seed))
    pipe.fit(even_numbers, even_numbers["even"])
    following = pd.DataFrame({"even": [np.pi]}, index=[101])
    np.testing.assert_allclose(pipe.predict(following), [202], rtol=0, atol=1e-6)
    result = forecast(pipe, even_numbers, steps=3)
    np.testing.assert_allclose(result, [202, 204, 206], rtol=0, atol=1e-6)
    assert result.index.tolist() == [101, 102, 103]


def test_a_halving_search_over_rows_says_what_to_halve():
    """It draws rows at random; the error of its fits names the epochs instead."""
    X = pd.DataFrame({"load": np.sin(np.arange(200))})
    pipe = make_pipeline(SlidingWindow(4), LSTMRegressor(2, epochs=1))
    search = HalvingGridSearchCV(pipe, {"slidingwindow__window": [3, 4]}, cv=2)
    with pytest.raises(ValueError, match="resource='lstmregressor__epochs'"):
        search.fit(X, X["load"])
