"""Updates: a pipeline learns from new rows, and its context moves along."""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from by_hand import KEYS, stores, tiny_lstm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMRegressor, SlidingWindow, forecast, update
from sklstm.windows._array import take_rows


def frame(n_rows=60):
    values = np.random.default_rng(0).normal(size=(n_rows, 2)).cumsum(axis=0) + 20
    index = pd.date_range("2024-01-01", periods=n_rows, freq="h")
    return pd.DataFrame(values, columns=["load", "wind"], index=index)


# -- contexts --------------------------------------------------------


def at_days(times_of, zone=None):
    """Return the rows of stores at some days, which are counted in a column."""
    X = stores(times_of, zone=zone)
    first = pd.Timestamp("2024-03-20", tz=zone)
    return X.assign(t=(X["day"] - first).dt.round("D").dt.days)


@st.composite
def growing_panels(draw):
    """Draw the times of each store, with holes, and where updates end."""
    times_of = {"b": range(40)}
    for store in draw(st.sets(st.sampled_from("acde"), max_size=3)):
        times = draw(st.sets(st.integers(0, 39), min_size=1, max_size=38))
        dense = draw(st.integers(0, 30))
        times_of[store] = sorted(times | {*range(dense, dense + 8)})
    stops = sorted(draw(st.sets(st.integers(12, 38), min_size=2, max_size=4)))
    params = {"window": draw(st.integers(1, 5)), "horizon": draw(st.integers(0, 3))}
    return times_of, stops, draw(st.integers(0, 7)), params


@settings(max_examples=60)
@given(growing_panels(), st.booleans(), st.sampled_from([None, "Europe/Berlin"]))
def test_a_moved_context_is_that_of_a_fit_on_all_rows(case, is_long, zone):
    """Rows in parts, with some seen before in front, leave what one fit leaves.

    Every group moves for itself; new ones join; those without new rows stay.
    """
    times_of, stops, again, params = case
    X = at_days(times_of if is_long else {"b": range(40)}, zone=zone)
    if is_long:
        params = params | KEYS
    else:
        X = X.drop(columns="store").set_index("day").sort_index()
    t, X = X["t"], X.drop(columns="t")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows are missing, and their past is
        moved = SlidingWindow(**params).fit(X[t <= stops[0]])
        for begin, stop in itertools.pairwise(stops):
            new = X[(t > begin - again) & (t <= stop)]
            assert moved.partial_fit(new) is moved
        whole = SlidingWindow(**params).fit(X[t <= stops[-1]])
        for rows in (X[t > stops[-1]], X[t > stops[-1] - 2]):
            ours, theirs = (np.asarray(w.transform(rows)) for w in (moved, whole))
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(moved.context_, whole.context_)
    assert moved.grid_.last[0] == whole.grid_.last[0]


def test_labels_of_an_update_may_be_in_other_zones_and_units():
    """Kept stamps stay in the zone of fit, in which days are counted on the wall."""
    X = at_days({"a": range(29), "b": range(29)}, zone="Europe/Berlin").drop(
        columns="t"
    )
    is_old = X["day"] < "2024-04-04"
    moved = SlidingWindow(4, **KEYS).fit(X[is_old])
    later = X[~is_old & (X["day"] < "2024-04-12")]
    moved.partial_fit(
        later.assign(day=later["day"].dt.tz_convert("UTC").astype("M8[ms, UTC]"))
    )
    whole = SlidingWindow(4, **KEYS).fit(X[X["day"] < "2024-04-12"])
    rows = X[X["day"] >= "2024-04-12"]
    ours, theirs = moved.transform(rows), whole.transform(rows)
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


OF_SERIES = {
    "rows seen before": (lambda X: X[10:20], "needs rows after those seen before"),
    "range": (lambda X: X.reset_index(drop=True), "count rows as.* Got RangeIndex"),
    "array": (lambda X: X.to_numpy(), "needs labels that count rows.* Got ndarray"),
    "zone": (lambda X: X.tz_localize("UTC"), "one time zone"),
    "columns": (lambda X: X[["load"]][20:], "feature names should match"),
    "order": (lambda X: X[20:][::-1], "rows in time order"),
}
OF_PANELS = {
    "panel seen before": (lambda X: X[X["t"] < 20], "rows after those seen before"),
    "keys": (lambda X: X.assign(store=X["store"].map(ord)), "groups of the type"),
    "times": (lambda X: X.assign(day=X["t"]), "labels that count rows as those of fit"),
    "twice": (lambda X: pd.concat([X, X]), "one row per group and time"),
}
NO_SEQUEL = OF_SERIES | OF_PANELS


@pytest.mark.parametrize("case", NO_SEQUEL)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_rows_that_do_not_go_on_change_nothing(case):
    """Keys, times and rows are compared with those seen before; no error moves any."""
    rows, message = NO_SEQUEL[case]
    X = frame()
    windows = SlidingWindow(4).fit(X[:20])
    if case in OF_PANELS:
        X = at_days({"a": range(40), "b": range(10, 40)})
        windows = SlidingWindow(4, **KEYS).fit(X[X["t"] < 30])
    before = pickle.dumps(copy.deepcopy(vars(windows)))
    with pytest.raises(ValueError, match=message):
        windows.partial_fit(rows(X))
    assert pickle.dumps(copy.deepcopy(vars(windows))) == before


# -- update -------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("is_long", [False, True])
def test_an_update_is_the_documented_procedure(steps, is_long):
    """Of every group the rows learned are its new ones, and steps - 1 before them.

    Rows of a panel come in any order, and are learned in that of time; weights are
    their own. A row is learned when its last value has come, from a complete window.
    """
    X = at_days(
        {"a": range(50), "b": range(10, 46), "c": [*range(5, 30), *range(33, 50)]}
    )
    X, sliding_window = X.sort_values(["store", "day"]), SlidingWindow(4, **KEYS)
    if not is_long:
        X, sliding_window = X[X["store"] == "a"].set_index("day"), SlidingWindow(4)
        X = X.drop(columns="store")
    y, t, X = X["load"], X["t"], X.drop(columns="t")
    weights = pd.Series(np.linspace(0.1, 2, len(X)), X.index)
    regressor = LSTMRegressor(2, epochs=1, random_state=0, steps=steps)
    pipe = make_pipeline(sliding_window, regressor).fit(X[t < 40], y[t < 40])
    by_hand = copy.deepcopy(pipe[-1])
    windows = clone(sliding_window).fit_transform(X)
    for begin in (40, 43, 46):
        new = (t >= begin - 6) & (t < begin + 3)
        some = X[new].sample(frac=1, random_state=begin).index
        some = some if is_long else X[new].index
        own = {"lstmregressor__sample_weight": weights[some].tolist()}
        assert update(pipe, X.loc[some], y[some], **own) is pipe
        learned = (t >= begin - (steps - 1)) & (t < begin + 3)
        if begin == 46 and is_long:
            learned &= X["store"] != "b"
        at = np.flatnonzero(learned)
        by_hand.partial_fit(take_rows(windows, at), y[learned], weights[learned])
    expected = by_hand.predict_steps(take_rows(windows, np.flatnonzero(t >= 49)))
    ours = pipe[-1].predict_steps(pipe[0].transform(X[t >= 49]))
    np.testing.assert_array_equal(ours, expected)
    if not is_long:
        again = forecast(pipe, X[t < 49], steps, target="load", X_future=X[["price"]])
        np.testing.assert_allclose(again, expected[0], rtol=1e-6)


@pytest.mark.parametrize("ends_inside", [False, True])
def test_pipelines_inside_a_pipeline_are_updated_as_if_flat(ends_inside):
    """Windows in a pipeline of their own move along, and old rows stay the past."""
    X = frame()
    y = X["load"]
    flat = tiny_lstm().fit(X[:40], y[:40])
    windows, lstm = clone(flat[0]), clone(flat[1])
    parts = [FunctionTransformer(), make_pipeline(windows, lstm)]
    if not ends_inside:
        parts = [make_pipeline(FunctionTransformer(), windows), lstm]
    nested = make_pipeline(*parts).fit(X[:40], y[:40])
    update(flat, X[20:50], y[20:50])
    update(nested, X[20:50], y[20:50])
    np.testing.assert_array_equal(nested.predict(X[50:]), flat.predict(X[50:]))


def test_what_cannot_go_on_is_named():
    """Ridge has no partial_fit, and FrozenEstimator promises that nothing changes."""
    X = frame()
    y = X["load"]
    pipe = make_pipeline(SlidingWindow(4, layout="flat"), SimpleImputer(), Ridge())
    pipe.fit(X[:40], y[:40])
    for estimator in (pipe, pipe[-1], FrozenEstimator(tiny_lstm().fit(X, y))):
        with pytest.raises(TypeError, match="update needs a regressor with partial_f"):
            update(estimator, X[40:], y[40:])


def test_other_steps_stay_as_they_were_fitted():
    """A scaler in front keeps its mean; columns it drops stay dropped."""
    X = frame().assign(constant=1.0)
    y = X["load"]
    scaler = StandardScaler().set_output(transform="pandas")
    dropper = VarianceThreshold().set_output(transform="pandas")
    learner = SGDRegressor(random_state=0)
    windows = SlidingWindow(4, layout="flat")
    pipe = make_pipeline(
        dropper, scaler, "passthrough", windows, SimpleImputer(), learner
    )
    pipe.fit(X[:40], y[:40])
    mean = pipe[1].mean_
    by_hand = copy.deepcopy(learner)
    update(pipe, X[40:50], y[40:50])
    assert pipe[1].mean_ is mean
    scaled = scaler.transform(dropper.transform(X))
    table = SlidingWindow(4, layout="flat").fit_transform(scaled)
    by_hand.partial_fit(table[40:50], y[40:50])
    np.testing.assert_array_equal(learner.coef_, by_hand.coef_)
    expected = by_hand.predict(table[50:])
    np.testing.assert_allclose(pipe.predict(X[50:]), expected, rtol=1e-6)


def test_a_search_updates_its_best_estimator():
    """After an update the search predicts with what its best pipeline learned."""
    X = frame()
    y = X["load"]
    grid = {"lstmregressor__units": [1, 2]}
    search = GridSearchCV(tiny_lstm(), grid, cv=TimeSeriesSplit(2)).fit(X[:40], y[:40])
    best = copy.deepcopy(search.best_estimator_)
    assert update(search, X[40:50], y[40:50]) is search
    update(best, X[40:50], y[40:50])
    np.testing.assert_array_equal(search.predict(X[50:]), best.predict(X[50:]))
    assert search.best_estimator_[-1].n_iter_ == 2


@pytest.mark.parametrize("steps", [1, 3])
def test_rows_that_come_without_a_target_move_the_context_alone(steps):
    """A service in which values fail: nothing is learned where all weights are 0."""
    X = frame()
    y, weights = X["load"].copy(), np.ones(len(X))
    missing = slice(42, 44)
    y.iloc[missing] = np.nan
    pipe = tiny_lstm(steps=steps).fit(X[:40], y[:40])
    by_hand = copy.deepcopy(pipe[-1])
    windows = SlidingWindow(4).fit_transform(X)
    # With three steps the rows before would learn from the filled values too.
    weights[missing.start - (steps - 1) : missing.stop] = 0
    filled = y.ffill()
    for row in range(40, 50):
        rows = slice(row - 6, row + 1)
        message = r"y contains NaN in \d of 7 rows, first in Timestamp.*give them any"
        if y[rows].isna().any():
            with pytest.raises(ValueError, match=message) as told:
                update(pipe, X[rows], y[rows])
            assert "the weight 0, as lstmregressor__sample_weight." in str(told.value)
        own = {"lstmregressor__sample_weight": weights[rows]}
        update(pipe, X[rows], filled[rows], **own)
        assert pipe[0].grid_.last[0] == X.index[row]
        learned = row - (steps - 1)
        if weights[learned]:
            new = slice(learned, row + 1)
            by_hand.partial_fit(windows[new], filled[new], weights[new])
    ours = pipe[-1].predict_steps(pipe[0].transform(X[50:]))
    np.testing.assert_array_equal(ours, by_hand.predict_steps(windows[50:]))
    assert pipe[-1].n_iter_ == by_hand.n_iter_ < 11


def test_weights_of_a_regressor_alone_are_its_own():
    """``sample_weight`` goes to partial_fit; all of 0 leave it as it is."""
    X = frame()
    y = X["load"]
    one = SGDRegressor(random_state=0).fit(X[:40], y[:40])
    two, before = copy.deepcopy(one), one.coef_.copy()
    update(one, X[40:], y[40:], sample_weight=np.zeros(len(X) - 40))
    np.testing.assert_array_equal(one.coef_, before)
    weights = np.linspace(0, 1, len(X) - 40)
    update(one, X[40:], y[40:], sample_weight=weights)
    two.partial_fit(X[40:], y[40:], sample_weight=weights)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    with pytest.raises(ValueError, match=r"y contains NaN in 1 .*as sample_weight\."):
        update(one, X[40:], y[40:].where(y.index[40:] != y.index[44]))
    numbered = X[40:].set_axis(range(7, 7 + len(X) - 40))
    with pytest.raises(ValueError, match=r"rows, first in 7; give them"):
        update(one, numbered, numbered["load"] * np.nan)


WEIGHTS = "lstmregressor__sample_weight"
REFUSED = {
    "NaN": (lambda y: y * np.nan, {}, "contains NaN"),
    "negative weights": (None, {WEIGHTS: np.arange(10) - 5.0}, "Negative values in da"),
    "y of other rows": (lambda y: y.shift(1, freq="h"), {}, "y at the index of X"),
    "no y": (lambda y: None, {}, r"as y\. Got None.*lstmregressor__sample_weight"),
    "no prefix": (None, {"sample_weight": np.ones(10)}, f"as in '{WEIGHTS}"),
    "of windows": (
        None,
        {"slidingwindow__sample_weight": np.ones(10)},
        "parameters of the last step",
    ),
    "few weights": (None, {WEIGHTS: np.ones(9)}, r"shape \(9,\) for 10 rows"),
}


@pytest.mark.parametrize(("y_of", "params", "words"), REFUSED.values(), ids=REFUSED)
def test_an_update_that_fails_changes_nothing(y_of, params, words):
    """If y, weights or the regressor refuse, the context has not moved."""
    X = frame()
    pipe = tiny_lstm().fit(X[:40], X["load"][:40])
    before = pipe.predict(X[40:])
    y = X["load"][40:50]
    with pytest.raises((ValueError, TypeError), match=words):
        update(pipe, X[40:50], y if y_of is None else y_of(y), **params)
    assert pipe[0].grid_.last[0] == X.index[39]
    np.testing.assert_array_equal(pipe.predict(X[40:]), before)


def test_rows_that_are_no_sequel_are_no_update():
    """Rows seen before, or without labels, teach nothing; those that go on do."""
    X = frame()[["load"]]
    y = X["load"]
    pipe = tiny_lstm().fit(X[:40], y[:40])
    with pytest.raises(ValueError, match="needs rows after those seen before"):
        update(pipe, X[30:40], y[30:40])
    with (
        warnings.catch_warnings(),
        pytest.raises(ValueError, match=r"labels go on .*Got ndarray; pass a DataFr"),
    ):
        warnings.simplefilter("ignore")  # about names, and the lost index
        update(pipe, X[40:].to_numpy(), y[40:].to_numpy())
    assert pipe[-1].n_iter_ == 1 and pipe[0].grid_.last[0] == X.index[39]
    assert update(pipe, X[40:50], y[40:50])[-1].n_iter_ == 2
