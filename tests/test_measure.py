"""Measures: panels in the sizes of their series or in logarithms."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, contributions, forecast
from sklstm.network._measure import Measure, fit_measures, most_accurate
from sklstm.network._rows import in_time_order

STORES = ["a", "b", "c"]


def panel_of(series):
    """Return a long frame of series by name."""
    return pd.concat(
        [
            pd.DataFrame({"store": name, "day": range(len(values)), "load": values})
            for name, values in series.items()
        ],
        ignore_index=True,
    )


def signed_series(seed=0, n_rows=60):
    """Return random walks about 0."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=n_rows).cumsum() for name in STORES}


def growing_series(n_rows=80):
    """Return positive series that grow and swing by percents, of different sizes."""
    rng = np.random.default_rng(0)
    days = np.arange(n_rows)
    swing = 0.03 * days + np.sin(days / 2)
    return {
        name: size * np.exp(swing + 0.02 * rng.normal(size=n_rows))
        for name, size in zip(STORES, (1.0, 50.0, 4000.0), strict=True)
    }


def pipe_of(**params):
    given = {"epochs": 2, "random_state": 0} | params
    windows = SlidingWindow(4, groups="store", time="day")
    return make_pipeline(windows, LSTMRegressor(2, **given))


def fitted(X, **params):
    return pipe_of(**params).fit(X, X["load"])


def windows_of(X, window=4):
    return SlidingWindow(window, groups="store", time="day").fit_transform(X)


# -- which measure ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "scaling", "kind"),
    [
        (signed_series, "auto", "size"),
        (signed_series, "last", "size"),
        (signed_series, "standard", "plain"),
        (signed_series, None, "plain"),
        (growing_series, "auto", "log"),
        (growing_series, "last", "size"),
        (growing_series, "log", "log"),
    ],
)
def test_what_a_panel_is_measured_in(series, scaling, kind):
    """Sizes; logarithms where all is positive and relative errors are smaller so."""
    pipe = fitted(panel_of(series()), scaling=scaling)
    assert pipe[-1]._measure.kind == kind


@pytest.mark.parametrize("highway", [True, False])
def test_the_choice_does_not_need_a_highway(highway):
    """The same measure is chosen, and no highway is left where none is wished."""
    pipe = fitted(panel_of(growing_series()), highway=highway)
    assert pipe[-1]._measure.kind == "log"
    assert (pipe[-1]._scaling.highway is not None) == highway


def test_a_single_series_stays_in_its_unit():
    """Its logarithms would not follow an affine map of the series."""
    values = growing_series()["c"]
    X = pd.DataFrame({"load": values})
    one = make_pipeline(SlidingWindow(4), LSTMRegressor(2, epochs=1)).fit(X, X["load"])
    assert one[-1]._measure.kind == "plain"
    alone = fitted(panel_of({"a": values}))
    assert alone[-1]._measure.kind == "plain"


def test_logarithms_on_request_for_a_single_series():
    """scaling="log" learns a series in percents: exact growth goes on exactly."""
    X = pd.DataFrame({"load": 3.0 * 1.05 ** np.arange(60)})
    pipe = make_pipeline(
        SlidingWindow(4), LSTMRegressor(2, epochs=1, scaling="log", random_state=0)
    ).fit(X, X["load"])
    expected = 3.0 * 1.05 ** np.arange(60, 65)
    np.testing.assert_allclose(forecast(pipe, X, steps=5), expected, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_logarithms_need_positive_values(value):
    """One sentence says what came and what to do, and nothing is fitted."""
    series = growing_series()
    series["b"][7] = value
    X = panel_of(series)
    pipe = pipe_of(scaling="log")
    with pytest.raises(ValueError, match=f"positive.*Got {value:.6g}; add"):
        pipe.fit(X, X["load"])
    assert not hasattr(pipe[-1], "weights_")
    assert fitted(X)[-1]._measure.kind == "size"


def test_a_prediction_of_the_wrong_sign_is_no_good_one():
    """A highway that says -y of y has the largest error, and one beyond float64 too."""
    X = panel_of(growing_series(20))
    windows = windows_of(X)
    true = X[["load"]].to_numpy()
    rows = np.arange(len(X))

    class Says:
        def __init__(self, values):
            self.all, self.at = values, 0

        def values(self, outputs, windows):  # noqa: ARG002
            self.at += len(outputs)
            return self.all[self.at - len(outputs) : self.at]

    plain = Measure("plain", np.zeros(0, int), np.ones(1), np.ones((0, 1)))
    for worst in (-true, np.full_like(true, np.inf)):
        fits = [(plain, Says(worst), windows), (plain, Says(1.1 * true), windows)]
        assert most_accurate(fits, windows, true, rows) == 1


# -- laws ---------------------------------------------------------------------------


@settings(max_examples=4)
@given(
    seed=st.integers(0, 3),
    factors=st.tuples(*[st.sampled_from([0.01, 3.0, 7.0, 2000.0])] * 3),
    shifts=st.tuples(*[st.integers(-50, 50)] * 3),
)
def test_each_series_follows_its_own_affine_map(seed, factors, shifts):
    """Predictions of a * y + b are a times those of y, plus b, series by series."""
    series = signed_series(seed)
    X = panel_of(series)
    position = X["store"].map(STORES.index).to_numpy()
    a, b = np.array(factors)[position], np.array(shifts)[position]
    Z = X.assign(load=(X["load"] + b) * a)
    # Without choices, which rounding could tip.
    params = {"scaling": "last", "early_stopping": False, "epochs": 1}
    ours, theirs = (fitted(each, **params).predict(each) for each in (X, Z))
    # A window without a past is predicted from the median level of all series.
    has_past = X["day"].to_numpy() > 0
    spread = X["load"].std()
    np.testing.assert_allclose(
        (theirs / a - b)[has_past], ours[has_past], atol=2e-3 * spread
    )


def test_in_logarithms_each_series_follows_its_own_factor():
    """Predictions of a * y are a times those of y, series by series."""
    series = growing_series()
    factors = {"a": 1000.0, "b": 0.5, "c": 3.0}
    changed = {name: factors[name] * values for name, values in series.items()}
    X, Z = panel_of(series), panel_of(changed)
    ours, theirs = fitted(X).predict(X), fitted(Z).predict(Z)
    has_past = X["day"] > 0
    ratio = theirs / ours / X["store"].map(factors)
    np.testing.assert_allclose(ratio[has_past], 1.0, rtol=1e-3)


@pytest.mark.parametrize("series", [signed_series, growing_series])
def test_later_values_change_no_earlier_prediction(series):
    """Neither of known series nor of new ones, bit for bit."""
    X = panel_of(series())
    pipe = fitted(X)
    new = X.assign(store=X["store"] + "-new", load=X["load"] * 3)
    rows = pd.concat([X, new], ignore_index=True)
    later = rows["day"] > 30
    changed = rows.assign(load=rows["load"].where(~later, rows["load"] * 9 + 1))
    before, after = pipe.predict(rows), pipe.predict(changed)
    np.testing.assert_array_equal(after[~later], before[~later])
    assert (after[later] != before[later]).any()


def test_the_order_of_rows_and_other_groups_change_no_prediction():
    """Sizes go by group and not by row."""
    X = panel_of(signed_series())
    pipe = fitted(X)
    expected = pipe.predict(X)
    shuffled = X.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(pipe.predict(shuffled), expected[shuffled.index])
    alone = X[X["store"] == "b"]
    np.testing.assert_array_equal(pipe.predict(alone), expected[alone.index])


# -- sizes --------------------------------------------------------------------------


def test_sizes_are_standard_deviations_of_training_rows():
    """The newest steps of the windows learned from, by a loop over groups."""
    X = panel_of(signed_series())
    windows, _ = in_time_order(windows_of(X), None)
    y = X["load"].to_numpy()
    rows = np.flatnonzero((np.arange(len(X)) % 60 > 0) & (np.arange(len(X)) % 60 < 45))
    (measure,) = fit_measures("last", windows, y, rows)
    for number, name in enumerate(STORES):
        own = X.loc[(X["store"] == name) & (X["day"] < 44), "load"]
        assert measure.sizes[number, 0] == pytest.approx(own.std(ddof=0), rel=1e-5)
    sizes = measure.sizes_of(windows)
    np.testing.assert_array_equal(sizes[:60], measure.sizes[[0] * 60])


def test_a_new_series_is_measured_in_its_own_windows():
    """The standard deviation of the true steps, as NumPy says."""
    X = panel_of(signed_series())
    pipe = fitted(X)
    new = panel_of({"z": np.random.default_rng(1).normal(size=9) * 1e4})
    windows = pipe[0].transform(new)
    sizes = pipe[-1]._measure.sizes_of(windows)
    smallest = pipe[-1]._measure.sizes[:, 0].min()
    for row, window in enumerate(np.asarray(windows)):
        true = window[~np.isnan(window[:, 0]), 0].astype(np.float64)
        if len(true) > 1:
            assert sizes[row, 0] == pytest.approx(np.std(true), rel=1e-6)
        elif len(true) == 1:
            assert sizes[row, 0] == pytest.approx(0.1 * np.abs(true[0]))
        else:
            assert sizes[row, 0] == smallest


def test_series_that_do_not_vary():
    """A constant one goes on as it is, one of zeros too; nothing is NaN."""
    series = signed_series()
    series |= {"flat": np.full(60, 7.5), "none": np.zeros(60)}
    X = panel_of(series)
    pipe = fitted(X, epochs=20)
    after = forecast(pipe, X, steps=1).set_index("store")["load"]
    assert after["flat"] == pytest.approx(7.5, abs=0.75)
    assert after["none"] == pytest.approx(0.0, abs=1.0)
    assert np.isfinite(pipe.predict(X)).all()


def test_a_panel_of_zeros_goes_on_with_zeros():
    """Where no series has a size, nothing is divided by none."""
    X = panel_of({"a": np.zeros(30), "b": np.zeros(30)})
    np.testing.assert_array_equal(fitted(X).predict(X), 0.0)


def test_windows_without_groups_are_measured_in_themselves():
    """Those of one series, read by time alone, after a fit on a panel."""
    X = panel_of(signed_series())
    pipe = fitted(X)
    own = X.loc[X["store"] == "a", ["day", "load"]]
    windows = SlidingWindow(4, time="day").fit_transform(own)
    expected = pipe[-1].predict(np.asarray(windows))
    np.testing.assert_array_equal(pipe[-1].predict(windows), expected)


def test_partial_fit_on_new_series():
    """They are measured in their own windows, and learned from."""
    X = panel_of(signed_series())
    pipe = fitted(X)
    before = pipe[-1].weights_[0].copy()
    new = panel_of({"z": np.random.default_rng(1).normal(size=30) * 1e4})
    windows = pipe[0].transform(new)
    pipe[-1].partial_fit(windows, new["load"])
    assert np.isfinite(pipe.predict(new)).all()
    assert (pipe[-1].weights_[0] != before).any()


# -- windows of every kind ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["size", "log"])
@pytest.mark.parametrize("form", ["panel", "view", "array"])
def test_windows_are_measured_value_by_value(kind, form):
    """As a loop over rows says, whatever memory the windows lie in."""
    X = panel_of(growing_series(20))
    windows = windows_of(X)
    if form == "view":
        windows = SlidingWindow(4).fit_transform(X[["load"]].iloc[:20])
    elif form == "array":
        windows = np.asarray(windows)
    keys = pd.Index(STORES)
    sizes = np.array([[2.0], [3.0], [5.0]])
    floor = np.array([1.0])
    measure = Measure(kind, np.array([0]), floor, sizes, keys)
    each = measure.sizes_of(windows)
    ours = np.asarray(measure.windows(windows, each))
    for row, window in enumerate(np.asarray(windows)):
        if kind == "log":
            expected = np.log(np.maximum(window, 1.0))
        else:
            expected = window / each[row]
        np.testing.assert_allclose(ours[row], expected, rtol=1e-6)
    if kind == "size" and form == "panel":
        np.testing.assert_array_equal(each[:, 0], np.repeat([2.0, 3.0, 5.0], 20))


@pytest.mark.parametrize("kind", ["plain", "size", "log"])
def test_values_undo_targets(kind):
    """A round trip, for several targets with several outputs each."""
    rng = np.random.default_rng(0)
    y = rng.uniform(2, 9, size=(7, 2))
    sizes = rng.uniform(1, 4, size=(7, 3))
    measure = Measure(kind, np.array([2, 0]), np.full(3, 0.1), np.ones((0, 3)))
    measured = np.repeat(measure.targets(y, sizes), 3, axis=1)
    values = measure.values(measured, sizes)
    np.testing.assert_allclose(values, np.repeat(y, 3, axis=1), rtol=1e-12)
    step = 1e-6
    slopes = (measure.values(measured + step, sizes) - values) / step
    np.testing.assert_allclose(measure.slopes(measured, sizes), slopes, rtol=1e-5)


def test_values_that_are_not_positive_are_predicted_from():
    """After a fit in logarithms they count as very small, and nothing is NaN."""
    X = panel_of(growing_series())
    pipe = fitted(X, scaling="log")
    changed = X.assign(load=X["load"].where(X["day"] != 70, -5.0))
    assert np.isfinite(pipe.predict(changed)).all()


@pytest.mark.parametrize("series", [signed_series, growing_series])
def test_contributions_add_up(series):
    """To the prediction less that of the flat window, in every measure."""
    X = panel_of(series())
    pipe = fitted(X, n_models=2)
    rows = [30, 100, 170]
    sums = contributions(pipe, X, rows).groupby("row")["load"].sum()
    windows = pipe[0].transform(X).copied(np.array(rows))
    predicted = pipe[-1].predict(windows)
    means = windows.base.reshape(3, 4, 1).mean(axis=1, keepdims=True)
    windows.base.reshape(3, 4, 1)[:] = means
    difference = predicted - pipe[-1].predict(windows)
    scale = np.abs(difference).max()
    np.testing.assert_allclose(sums.to_numpy(), difference, atol=1e-4 * scale)


def test_quantiles_do_not_cross_in_logarithms():
    """They are sorted in either measure."""
    X = panel_of(growing_series())
    pipe = pipe_of(quantiles=(0.1, 0.5, 0.9), steps=2)
    pipe = clone(pipe).fit(X, X["load"])
    quantiles = pipe[-1].predict_quantiles(pipe[0].transform(X))
    assert pipe[-1]._measure.kind == "log"
    assert (np.diff(quantiles, axis=2) >= 0).all()
