"""Updates: a pipeline learns from new rows, and its context moves along."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor, SlidingWindow, forecast, update


def frame(n_rows=60):
    values = np.random.default_rng(0).normal(size=(n_rows, 2)).cumsum(axis=0) + 20
    index = pd.date_range("2024-01-01", periods=n_rows, freq="h")
    return pd.DataFrame(values, columns=["load", "wind"], index=index)


def tiny_lstm(**kwargs):
    regressor = LSTMRegressor(2, epochs=1, random_state=0, **kwargs)
    return make_pipeline(SlidingWindow(4), regressor)


# -- the context of SlidingWindow ---------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 3),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(0, 5),
)
def test_a_moved_context_is_that_of_a_fit_on_all_rows(window, horizon, parts, again):
    """Rows in parts, with some seen before in front, leave what one fit leaves."""
    X = frame()
    moved = SlidingWindow(window, horizon=horizon).fit(X[:20])
    stop = 20
    for length in parts:
        assert moved.partial_fit(X[max(0, stop - again) : stop + length]) is moved
        stop += length
    whole = SlidingWindow(window, horizon=horizon).fit(X[:stop])
    np.testing.assert_array_equal(moved.context_, whole.context_)
    assert moved.timeline_.last[0] == whole.timeline_.last[0]
    for rows in (X[stop:], X[:stop]):
        np.testing.assert_array_equal(moved.transform(rows), whole.transform(rows))


def test_the_first_call_is_fit():
    """On an unfitted transformer partial_fit learns columns, index and context."""
    X = frame()
    one, two = SlidingWindow(4).partial_fit(X[:20]), SlidingWindow(4).fit(X[:20])
    np.testing.assert_array_equal(one.context_, two.context_)
    assert one.timeline_ == two.timeline_


def test_a_hole_begins_a_new_context():
    """Rows after a hole warn; the context holds none from before it."""
    X = frame()
    moved = SlidingWindow(4).fit(X[:20])
    with pytest.warns(UserWarning, match=r"X begins at .* 3 row\(s\) after"):
        moved.partial_fit(X[23:25])
    np.testing.assert_array_equal(moved.context_, X[23:25].to_numpy(np.float32))
    holed = X.drop(X.index[28])
    moved.partial_fit(holed[24:31])
    np.testing.assert_array_equal(moved.context_, X[29:32].to_numpy(np.float32))


def test_arrays_follow_by_being_passed():
    """After a fit on an array the rows of an array follow, and are numbered on."""
    X = frame().to_numpy()
    moved = SlidingWindow(4).fit(X[:20]).partial_fit(X[20:30])
    np.testing.assert_array_equal(moved.context_, X[26:30].astype(np.float32))
    numbered = pd.DataFrame(X[30:], index=range(30, 60))
    whole = SlidingWindow(4).fit_transform(X)
    np.testing.assert_array_equal(moved.transform(numbered), whole[30:])
    labelled = SlidingWindow(4).fit(pd.DataFrame(X[:20]))
    with pytest.raises(ValueError, match=r"needs labels that count rows.* Got ndarray"):
        labelled.partial_fit(X[20:])


def test_integer_rows_that_begin_like_fit_are_told_apart_after_a_move():
    """The rows of fit bring no warning; others with their labels do."""
    X = frame().reset_index(drop=True)
    moved = SlidingWindow(4).fit(X[:20]).partial_fit(X[20:30])
    moved.transform(X[:30])
    with pytest.warns(UserWarning, match=r"number them on: X\.index = range\(30"):
        moved.transform(X[30:].reset_index(drop=True))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda X: X[10:20], "needs rows after those seen before"),
        (lambda X: X[:5], "Got rows up to"),
        (lambda X: X[20:].reset_index(drop=True), "needs labels .* Got RangeIndex"),
        (lambda X: X[20:].tz_localize("UTC"), "one time zone"),
        (lambda X: X[["load"]][20:], "feature names should match"),
        (lambda X: X[20:] * np.nan, "Got NaN"),
        (lambda X: X[20:][::-1], "rows in time order"),
    ],
)
def test_rows_that_do_not_go_on_change_nothing(rows, message):
    """The transformer is as it was after any error."""
    X = frame()
    sliding_window = SlidingWindow(4).fit(X[:20])
    before = copy.deepcopy(vars(sliding_window))
    with pytest.raises(ValueError, match=message):
        sliding_window.partial_fit(rows(X))
    after = vars(sliding_window)
    assert pickle.dumps(before) == pickle.dumps(copy.deepcopy(after))


# -- update -------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("n_at_once", [1, 6])
def test_an_update_is_the_documented_procedure(steps, n_at_once):
    """Windows as fitted, partial_fit on the new rows, the context of all rows.

    With steps=3 a row is learned when its third value has come, from a whole window.
    """
    X = frame()
    y = X["load"]
    pipe = tiny_lstm(steps=steps).fit(X[:40], y[:40])
    regressor = copy.deepcopy(pipe[-1])
    windows = SlidingWindow(4).fit_transform(X)
    for start in range(40, 52, n_at_once):
        rows = slice(start - 4 - (steps - 1), start + n_at_once)
        assert update(pipe, X[rows], y[rows]) is pipe
        learned = slice(start - (steps - 1), start + n_at_once)
        regressor.partial_fit(windows[learned], y[learned])
    assert pipe[-1].n_iter_ == 1 + 12 // n_at_once
    expected = regressor.predict_steps(windows[52:])
    ours = pipe[-1].predict_steps(pipe[0].transform(X[52:]))
    np.testing.assert_array_equal(ours, expected)
    np.testing.assert_array_equal(pipe.predict(X[52:]), expected[:, 0])
    again = forecast(pipe, X[:53], steps)
    np.testing.assert_allclose(again, expected[1], rtol=1e-6)


def test_rows_seen_before_are_the_past_and_are_not_learned_again():
    """The newest rows alone, or with all earlier ones in front, come to the same."""
    X = frame()
    y = X["load"]
    one = tiny_lstm().fit(X[:40], y[:40])
    two = copy.deepcopy(one)
    update(one, X[40:50], y[40:50])
    update(two, X[:50], list(y[:50]))
    np.testing.assert_array_equal(one.predict(X[50:]), two.predict(X[50:]))


def test_each_new_row_may_come_alone():
    """A service: forecast, see what came, update; it equals the loop by hand."""
    X = frame()[["load"]]
    y = X["load"]
    pipe = tiny_lstm().fit(X[:40], y[:40])
    regressor = copy.deepcopy(pipe[-1])
    windows = SlidingWindow(4).fit_transform(X)
    for row in range(40, 50):
        newest = X[row - 1 : row]
        ours = forecast(pipe, newest, 1)
        assert ours.index[0] == X.index[row]
        expected = regressor.predict(windows[row : row + 1])
        np.testing.assert_array_equal(ours, expected)
        update(pipe, X[row : row + 1], y[row : row + 1])
        regressor.partial_fit(windows[row : row + 1], y[row : row + 1])


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


def test_a_regressor_alone_is_its_own_procedure():
    """Without a pipeline update is partial_fit."""
    X = frame()
    one = SGDRegressor(random_state=0).fit(X[:40], X["load"][:40])
    two = copy.deepcopy(one).partial_fit(X[40:], X["load"][40:])
    np.testing.assert_array_equal(update(one, X[40:], X["load"][40:]).coef_, two.coef_)


def test_an_update_that_fails_changes_nothing():
    """If the regressor refuses, the context has not moved."""
    X = frame()
    pipe = tiny_lstm().fit(X[:40], X["load"][:40])
    before = pipe.predict(X[40:])
    with pytest.raises(ValueError, match="contains NaN"):
        update(pipe, X[40:50], X["load"][40:50] * np.nan)
    assert pipe[0].timeline_.last[0] == X.index[39]
    with pytest.raises(ValueError, match="y at the index of X"):
        update(pipe, X[40:50], X["load"][39:49])
    with pytest.raises(ValueError, match="needs rows after those seen before"):
        update(pipe, X[30:40], X["load"][30:40])
    np.testing.assert_array_equal(pipe.predict(X[40:]), before)
    update(pipe, X[40:50], X["load"][40:50])


def test_an_estimator_that_cannot_go_on_is_named():
    """Ridge has no partial_fit."""
    X = frame()
    pipe = make_pipeline(SlidingWindow(4, layout="flat"), SimpleImputer(), Ridge())
    pipe.fit(X[:40], X["load"][:40])
    for estimator in (pipe, pipe[-1]):
        with pytest.raises(TypeError, match="update needs a regressor with partial_f"):
            update(estimator, X[40:], X["load"][40:])
