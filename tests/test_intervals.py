"""Intervals: weighted conformal distances, their laws, and where they are used."""

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from by_hand import flat_ridge, stores
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    LSTMRegressor,
    PanelTimeSeriesSplit,
    SlidingWindow,
    backtest,
    forecast,
    interval_coverage,
    mean_interval_score,
)
from sklstm.forecasting._intervals import conformal_distances, past_distances
from sklstm.network._prior import prior_forecast

SIZES = st.integers(1, 60).flatmap(
    lambda n: arrays(float, (n, 2), elements=st.floats(-100, 100, width=32))
)
COVERAGES = st.floats(0.02, 0.98)


def naive_distance(sizes, coverage):
    """Return the distance of one step's sizes, oldest first, by a loop."""
    newest = list(sizes)[-500:]
    weighted = sorted(
        (size, 0.99 ** (len(newest) - i)) for i, size in enumerate(newest)
    )
    total = sum(weight for _, weight in weighted) + 1
    share = 0.0
    for distance, weight in weighted:
        share += weight
        if share >= coverage * total * (1 - 1e-12):
            return distance
    return np.inf


# -- arithmetic ---------------------------------------------------------------------


@given(SIZES, COVERAGES)
def test_distances_are_those_of_a_loop(sizes, coverage):
    """The smallest size below which lies the share of the weight, for each step."""
    expected = [naive_distance(step, coverage) for step in sizes.T]
    np.testing.assert_array_equal(conformal_distances(sizes, coverage), expected)


@given(SIZES, COVERAGES, st.integers(1, 3))
def test_past_distances_are_those_of_what_was_known(sizes, coverage, stride):
    """At each origin only sizes count whose truth had come by then."""
    origins = 5 + stride * np.arange(len(sizes))
    distances = past_distances(sizes, origins, coverage)
    for i, origin in enumerate(origins):
        for step in (1, 2):
            known = [
                sizes[j, step - 1]
                for j, other in enumerate(origins)
                if other + step <= origin
            ]
            assert distances[i, step - 1] == naive_distance(known, coverage)


@given(SIZES, COVERAGES, COVERAGES)
def test_a_wider_coverage_contains_a_narrower_one(sizes, one, other):
    """Distances grow with the coverage, at the end and at every origin."""
    low, high = sorted((one, other))
    narrow = conformal_distances(sizes, low)
    assert (narrow <= conformal_distances(sizes, high)).all()
    origins = np.arange(len(sizes))
    narrow = past_distances(sizes, origins, low)
    assert (narrow <= past_distances(sizes, origins, high)).all()


def test_exchangeable_residuals_are_covered():
    """Of 20,000 new residuals nine in ten lie within, a little more for the one."""
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(20_000 // 100):
        past = np.abs(rng.standard_t(3, size=(200, 100)))
        distances = conformal_distances(past, 0.9)
        hits.append(np.abs(rng.standard_t(3, size=100)) <= distances)
    assert 0.9 <= np.mean(hits) <= 0.92


def test_residuals_that_grow_are_followed():
    """Ten times as wild after half of the rows: the coverage is soon back."""
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=(2000, 1)) * np.repeat([1, 10], 1000)[:, None]
    sizes = np.abs(residuals)
    is_within = sizes <= past_distances(sizes, np.arange(2000), 0.9)
    assert 0.88 <= is_within[100:1000].mean() <= 0.94
    assert is_within[1000:1030].mean() < 0.7
    assert 0.88 <= is_within[1100:].mean() <= 0.94


# -- intervals of a backtest --------------------------------------------------------


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    values = 50 + 10 * np.sin(np.arange(200) / 4) + rng.normal(size=200)
    return pd.DataFrame(
        {"load": values}, index=pd.date_range("2024", periods=200, freq="D")
    )


@pytest.fixture(scope="module")
def pipe(frame):
    return flat_ridge(8).fit(frame, frame["load"])


@pytest.fixture(scope="module")
def result(frame, pipe):
    cv = TimeSeriesSplit(4, test_size=25)
    return backtest(pipe, frame, frame["load"], cv=cv, steps=3)


@pytest.mark.parametrize("coverage", [0.05, 0.5, 0.8, 0.9, 0.95, 0.98])
def test_the_first_rows_have_no_interval(frame, pipe, result, coverage):
    """It begins with as many residuals of its step as give a finite distance.

    A forecast takes as many and asks for them where there is one less.
    """
    sizes = range(1, 100)
    is_finite = [np.isfinite(naive_distance([1.0] * n, coverage)) for n in sizes]
    needed = sizes[is_finite.index(True)]
    intervals = result.intervals(coverage)
    first = intervals.groupby("step")["origin"].min()
    origins = result.predictions["origin"].unique()
    # Step h of origin i is known at origin i + h.
    assert first.tolist() == [origins[needed - 1 + step] for step in (1, 2, 3)]
    assert len(intervals) == len(result.predictions) - 3 * (needed + 1)
    of_rows = {"steps": 3, "coverage": coverage}
    forecast(pipe, frame, **of_rows, residuals=result.residuals[:needed])
    words = f"0 sample|{needed} residuals of each step.*Got {needed - 1}"
    with pytest.raises(ValueError, match=words):
        forecast(pipe, frame, **of_rows, residuals=result.residuals[: needed - 1])


def test_coverages_that_need_more_residuals_are_refused(result):
    """The error says how many of them, and up to which coverage there are enough."""
    with pytest.raises(
        ValueError, match=r"coverage up to 0\.989.*coverage=0\.999; lower"
    ):
        result.intervals(0.999)
    with pytest.raises(ValueError, match=r"need 109 residuals of each step, known"):
        result.intervals(0.985)


def test_calibration_is_that_of_the_intervals(result):
    """Measured coverage, width and score are those of intervals()."""
    table = result.calibration((0.5, 0.9))
    pd.testing.assert_frame_equal(result.calibration(0.9), table.iloc[1:])
    assert table.index.tolist() == [0.5, 0.9]
    for coverage, row in table.iterrows():
        made = result.intervals(coverage)
        ends = made["y_true"], made["y_lower"], made["y_upper"]
        assert row["measured"] == interval_coverage(*ends)
        assert row["score"] == mean_interval_score(*ends, coverage=coverage)
        width = (made["y_upper"] - made["y_lower"]).mean()
        assert row["width"] == pytest.approx(width)
        assert row["n_rows"] == len(made)
        assert abs(row["measured"] - coverage) < 0.08


# -- intervals of a forecast --------------------------------------------------------


def test_a_forecast_has_its_interval_beside_it(frame, pipe, result):
    """Columns load, load_lower and load_upper; an array has the three in that order."""
    points = forecast(pipe, frame, 3)
    made = forecast(pipe, frame, 3, coverage=0.9, residuals=result)
    assert list(made.columns) == ["load", "load_lower", "load_upper"]
    assert made.index.equals(points.index)
    np.testing.assert_array_equal(made["load"], points)
    distances = [naive_distance(step, 0.9) for step in np.abs(result.residuals).T]
    np.testing.assert_allclose(made["load"] - made["load_lower"], distances)
    np.testing.assert_allclose(made["load_upper"] - made["load"], distances)
    rows, y = frame.to_numpy(), frame["load"].to_numpy()
    on_rows = clone(pipe).fit(rows, y)
    rows = forecast(on_rows, rows, 3, coverage=0.9, residuals=result)
    np.testing.assert_allclose(rows, made, rtol=1e-6)
    for residuals in (result.residuals, pd.DataFrame(result.residuals)):
        one = forecast(pipe, frame, 1, coverage=0.9, residuals=residuals)
        pd.testing.assert_frame_equal(one, made[:1], check_freq=False)


def test_intervals_of_several_coverages_are_those_of_each(frame, pipe, result):
    """A list of coverages gives the ends of each, called by its per cent, nested."""
    made = forecast(pipe, frame, 3, coverage=[0.5, 0.9], residuals=result)
    names = ["load_lower_50", "load_upper_50", "load_lower_90", "load_upper_90"]
    assert list(made.columns) == ["load", *names]
    for coverage in (0.5, 0.9):
        one = forecast(pipe, frame, 3, coverage=coverage, residuals=result)
        for end in ("lower", "upper"):
            expected = one[f"load_{end}"]
            assert (made[f"load_{end}_{100 * coverage:g}"] == expected).all()
    assert (made["load_lower_90"] <= made["load_lower_50"]).all()
    assert (made["load_upper_50"] <= made["load_upper_90"]).all()
    for wrong in ([], [0.5, 2.0], "0.5"):
        with pytest.raises(ValueError, match="'coverage' parameter of forecast must"):
            forecast(pipe, frame, 3, coverage=wrong, residuals=result)


# -- quantile networks --------------------------------------------------------------


@pytest.fixture(scope="module")
def quantile_pipe(frame):
    regressor = LSTMRegressor(
        2,
        epochs=3,
        steps=3,
        quantiles=(0.05, 0.1, 0.5, 0.9, 0.95),
        random_state=0,
    )
    return make_pipeline(SlidingWindow(8), regressor).fit(frame, frame["load"])


@pytest.mark.parametrize("horizon", [1, 2])
def test_a_quantile_network_gives_its_own_intervals(frame, quantile_pipe, horizon):
    """Ends are the predicted quantiles of the rows after the last, for each step.

    With horizon=2 the first step comes from the window one row earlier.
    """
    windows = SlidingWindow(8, horizon=horizon)
    pipe = make_pipeline(windows, clone(quantile_pipe[-1])).fit(frame, frame["load"])
    later = pd.date_range("2024", periods=200 + horizon, freq="D")
    rows = windows.fit_transform(frame.reindex(later).ffill())[-horizon:]
    levels = pipe[-1].predict_quantiles(rows)
    expected = np.concatenate([levels[:-1, 0], levels[-1]])
    names = ["load_lower", "load", "load_upper"]
    for steps in (1, 2 + horizon):
        made = forecast(pipe, frame, steps, coverage=0.8)
        np.testing.assert_allclose(made[names], expected[:steps, 1:4], rtol=1e-12)
    wide = forecast(pipe, frame, 2 + horizon, coverage=0.9)
    assert (wide["load_lower"] <= made["load_lower"]).all()
    assert (made["load_upper"] <= wide["load_upper"]).all()
    words = f"up to step {2 + horizon}: quantiles cannot be fed back"
    with pytest.raises(ValueError, match=words):
        forecast(pipe, frame, 3 + horizon, coverage=0.8)


@pytest.fixture(scope="module")
def quantile_result(frame, quantile_pipe):
    cv = TimeSeriesSplit(3, test_size=30)
    return backtest(quantile_pipe, frame, frame["load"], cv=cv, steps=3)


def test_a_backtest_keeps_the_quantiles_of_every_origin(frame, quantile_pipe):
    """Each row holds what predict_quantiles says of the window at its origin."""
    cv = TimeSeriesSplit(2, test_size=20)
    result = backtest(quantile_pipe, frame, frame["load"], cv=cv, steps=3, stride=4)
    assert result.quantiles.columns.tolist() == [0.05, 0.1, 0.5, 0.9, 0.95]
    assert result.quantiles.index.equals(result.predictions.index)
    np.testing.assert_array_equal(result.quantiles[0.5], result.predictions["y_pred"])
    rows = result.predictions.assign(at=np.arange(len(result.predictions)))
    for fold, (train, _) in enumerate(cv.split(frame)):
        fitted = clone(quantile_pipe).fit(frame.iloc[train], frame["load"].iloc[train])
        for origin, own in rows[rows["fold"] == fold].groupby("origin"):
            made = forecast(fitted, frame[:origin], 3, coverage=0.8)
            found = result.quantiles.iloc[own["at"]]
            np.testing.assert_allclose(found[0.1], made["load_lower"], rtol=1e-6)
            np.testing.assert_allclose(found[0.9], made["load_upper"], rtol=1e-6)


def test_quantiles_are_widened_by_what_a_backtest_says(
    frame, quantile_pipe, quantile_result
):
    """Both ends move by the weighted quantile of how far truths lay beyond them."""
    raw = forecast(quantile_pipe, frame, 3, coverage=0.8)
    made = forecast(quantile_pipe, frame, 3, coverage=0.8, residuals=quantile_result)
    truth = quantile_result.predictions["y_true"].to_numpy().reshape(-1, 3)
    lower, upper = (
        quantile_result.quantiles[level].to_numpy().reshape(-1, 3)
        for level in (0.1, 0.9)
    )
    for step in range(3):
        beyond = [
            max(low - value, value - high)
            for value, low, high in zip(
                truth[:, step], lower[:, step], upper[:, step], strict=True
            )
        ]
        distance = naive_distance(beyond, 0.8)
        row, own = raw.iloc[step], made.iloc[step]
        assert own["load"] == row["load"]
        lowest = min(row["load_lower"] - distance, row["load"])
        assert own["load_lower"] == pytest.approx(lowest)
        highest = max(row["load_upper"] + distance, row["load"])
        assert own["load_upper"] == pytest.approx(highest)
    width = made["load_upper"] - made["load_lower"]
    assert width.std() > 0


@pytest.mark.parametrize("has_quantiles", [False, True])
def test_past_intervals_are_widened_by_what_was_known(
    frame, result, quantile_result, has_quantiles
):
    """intervals() moves the quantiles, or the forecast, by sizes known by then."""
    table, sizes = result.predictions, np.abs(result.residuals)
    table = table.assign(low=table["y_pred"], high=table["y_pred"])
    if has_quantiles:
        result, levels = quantile_result, quantile_result.quantiles
        table = result.predictions.assign(low=levels[0.05], high=levels[0.95])
        sizes = result.quantile_residuals(0.9)
    intervals = result.intervals(0.9)
    for origin in (frame.index[150], frame.index[190]):
        row = frame.index.get_loc(origin)
        own, ends = (t[t["origin"] == origin] for t in (intervals, table))
        for step in (1, 2, 3):
            is_known = result.origins + step <= row
            distance = naive_distance(sizes[is_known, step - 1], 0.9)
            low, high = ends[["low", "high"]].iloc[step - 1]
            middle, lower, upper = own[["y_pred", "y_lower", "y_upper"]].iloc[step - 1]
            assert lower == pytest.approx(min(low - distance, middle))
            assert upper == pytest.approx(max(high + distance, middle))
    # Sizes alone hold anything but 0.9: quantiles of three epochs, and points.
    held = np.mean(sizes <= 0)
    table = result.calibration((0.9,))
    assert abs(table["measured"].item() - 0.9) < 0.06 < abs(held - 0.9)


def test_coverages_that_were_not_learned_come_from_residuals(
    frame, quantile_pipe, quantile_result
):
    """0.5 has no quantiles here: the room around the median is that of residuals."""
    assert quantile_result.quantile_residuals(0.5) is None
    made = forecast(quantile_pipe, frame, 3, coverage=0.5, residuals=quantile_result)
    sizes = np.abs(quantile_result.residuals)
    distances = [naive_distance(step, 0.5) for step in sizes.T]
    np.testing.assert_allclose(made["load_upper"] - made["load"], distances)
    ours = quantile_result.intervals(0.5)
    np.testing.assert_allclose(
        ours["y_upper"] - ours["y_pred"], ours["y_pred"] - ours["y_lower"]
    )
    assert len(quantile_result.calibration()) == 3


def test_quantiles_that_were_fed_back_are_not_there(frame, quantile_pipe):
    """Beyond its steps a quantile network has residuals alone."""
    cv = TimeSeriesSplit(2, test_size=20)
    result = backtest(quantile_pipe, frame, frame["load"], cv=cv, steps=5, stride=2)
    assert result.quantiles is None
    assert result.quantile_residuals(0.9) is None
    made = forecast(quantile_pipe, frame, 5, coverage=0.9, residuals=result)
    assert np.allclose(
        made["load_upper"] - made["load"], made["load"] - made["load_lower"]
    )


# -- the prior ----------------------------------------------------------------------


def lstm_of_prior(**params):
    """Return a pipeline whose LSTM takes the prior and trains no network."""
    names = {*params} & {*SlidingWindow().get_params()}
    windows = SlidingWindow(36, season=12, **{name: params.pop(name) for name in names})
    return make_pipeline(windows, LSTMRegressor(epochs=0, **params))


def prior_ends(past, n_steps, coverage, horizon=1):
    """Return how far the prior's ends lie from its median, step by step, by a loop.

    Until the horizon each step has its own window, then all go on from the newest one.
    """
    own = [0.1, 0.25, 0.5, 0.75, 0.9]
    levels = (1 - coverage) / 2, (1 + coverage) / 2
    ends = []
    for step in range(1, n_steps + 1):
        n_hidden = max(horizon - step, 0)
        window = np.asarray(past)[: len(past) - n_hidden][-36:]
        quantiles = prior_forecast(window[None], 12, step + n_hidden)[0, -1]
        for level in levels:
            right = min(max(np.searchsorted(own, level), 1), 4)
            at = [NormalDist().inv_cdf(p) for p in (*own[right - 1 : right + 1], level)]
            low, high = quantiles[right - 1 : right + 1]
            end = low + (high - low) * (at[2] - at[0]) / (at[1] - at[0])
            ends.append(end - quantiles[2])
    return np.reshape(ends, (-1, 2))


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("steps", [1, 6])
def test_without_residuals_the_prior_gives_intervals(airline, horizon, steps):
    """The forecast plus the prior's distances from its median, at every step ahead."""
    X, y = airline[["passengers", "month"]], airline["passengers"]
    pipe = lstm_of_prior(
        horizon=horizon, steps=steps, known="month", known_ahead=steps - 1
    ).fit(X, y)
    assert pipe[-1].prior_weight_ > 0
    later = pd.date_range("1961", periods=60, freq="MS")
    future = pd.DataFrame({"month": later.month}, index=later)
    points = forecast(pipe, X, 60, X_future=future)
    coverages = [0.5, 0.72, 0.8, 0.95]
    made = forecast(pipe, X, 60, X_future=future, coverage=coverages)
    np.testing.assert_array_equal(made["passengers"], points)
    before = np.zeros(60)
    for coverage in coverages:
        names = [f"passengers_{end}_{100 * coverage:g}" for end in ("lower", "upper")]
        found = made[names].sub(points, axis=0)
        expected = prior_ends(y, 60, coverage, horizon)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert (found.iloc[:, 0] < 0).all()
        assert (found.iloc[:, 1] > before).all()
        before = found.iloc[:, 1]
    one = forecast(pipe, X, 60, X_future=future, coverage=0.8)
    assert list(one.columns) == ["passengers", "passengers_lower", "passengers_upper"]
    np.testing.assert_array_equal(one["passengers_upper"], made["passengers_upper_80"])


@pytest.mark.filterwarnings("ignore:.* made from incomplete windows")
def test_each_group_has_the_prior_of_its_own_window():
    """Also where a group is shorter than a window, or ends earlier than others."""
    lengths = {"a": 60, "b": 60, "c": 40, "d": 9}
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"shop": shop, "day": np.arange(60 - n, 60) - 5 * (shop == "b")})
        for shop, n in lengths.items()
    ]
    X = pd.concat(parts, ignore_index=True)
    season = 5 * np.sin(2 * np.pi * X["day"] / 12)
    X["load"] = X["shop"].map(ord) * (60 + season + rng.normal(size=len(X)))
    X = X.sample(frac=1, random_state=0)
    pipe = lstm_of_prior(groups="shop", time="day").fit(X, X["load"])
    assert pipe[-1].prior_weight_ > 0
    made = forecast(pipe, X, 5, coverage=0.8).set_index("shop")
    for shop, own in X.sort_values("day").groupby("shop"):
        ends = made.loc[shop, ["load_lower", "load_upper"]]
        found = ends.sub(made.loc[shop, "load"], axis=0)
        past = np.append(np.full(36, np.nan), own["load"])
        np.testing.assert_allclose(found, prior_ends(past, 5, 0.8), rtol=1e-5)


def test_intervals_of_the_prior_are_in_the_unit_of_y(airline):
    """Also where X holds the past of y in another unit, and as an array."""
    X, y = airline[["passengers"]], airline["passengers"]
    for rows, values, unit in ((X / 4 - 9, y, 4), (X.to_numpy(), y.to_numpy(), 1)):
        pipe = lstm_of_prior().fit(rows, values)
        made = np.asarray(forecast(pipe, rows, 1, coverage=0.8))
        expected = unit * prior_ends(np.ravel(rows), 1, 0.8)
        np.testing.assert_allclose(made[:, 1:] - made[:, :1], expected, rtol=1e-5)


# -- what is wrong ------------------------------------------------------------------


@pytest.mark.parametrize("coverage", [0, 1, 90, -0.1, "0.9", True, np.nan])
def test_a_coverage_that_is_none_is_named(frame, pipe, result, coverage):
    """Coverage is a share between 0 and 1."""
    with pytest.raises(ValueError, match="'coverage' parameter of forecast must be"):
        forecast(pipe, frame, 3, coverage=coverage, residuals=result)
    with pytest.raises(ValueError, match="'coverage' parameter of intervals must be"):
        result.intervals(coverage)


def test_intervals_that_cannot_be_made_are_named(frame, pipe, quantile_pipe, result):
    """No residuals, too few of them or of the steps, other quantiles, two values."""
    lstm = lstm_of_prior(prior=False).fit(frame, frame["load"])
    for fitted, steps, coverage, residuals, words in (
        (pipe, 3, 0.9, None, "needs 'residuals' for intervals"),
        (lstm, 3, 0.9, None, "needs 'residuals' .* prior_weight_ above 0"),
        (pipe, 3, 0.9, result.predictions, "Got a DataFrame of predictions.* pass the"),
        (pipe, 3, None, result, r"for a 'coverage'\. Got None"),
        (pipe, 4, 0.9, result, r"each of the 4 steps\. Got 3; call backtest"),
        (pipe, 3, 0.9, result.residuals[:9], "10 residuals of each step.*Got 9"),
        (pipe, 3, 0.99, np.ones((999, 3)), r"up to 0\.989.*Got coverage=0\.99; lower"),
        (pipe, 1, 0.9, np.full((20, 1), np.nan), "residuals contains NaN"),
        (quantile_pipe, 3, 0.7, None, r"needs the quantiles 0\.15 and 0\.85"),
        (quantile_pipe, 4, 0.9, None, "up to step 3.*Got steps=4"),
    ):
        with pytest.raises(ValueError, match=words):
            forecast(fitted, frame, steps, coverage=coverage, residuals=residuals)
    two = frame.assign(wind=1.0)
    with pytest.raises(ValueError, match=r"one value a row. Got 2 values"):
        forecast(flat_ridge().fit(two, two), two, 1, coverage=0.9, residuals=result)


@pytest.mark.parametrize("groups", ["store", ["town", "store"]])
@pytest.mark.filterwarnings("ignore:.* made from incomplete windows")
def test_groups_without_residuals_are_named_with_ways_out_that_work(groups):
    """Seven of nine stores are too new; both ways that the message names are walked."""
    days = dict.fromkeys("abcdefg", range(37, 40)) | {"h": range(40), "i": range(40)}
    X = stores(days).drop(columns="price")
    if groups != "store":
        X = X.assign(town="t")
    pipe = flat_ridge(2, groups=groups, time="day").fit(X, X["load"])
    cv = PanelTimeSeriesSplit(2, time="day", test_size=10)
    result = backtest(pipe, X, X["load"], cv=cv, steps=4)
    with pytest.raises(ValueError, match=r"needs 5 residuals of each step") as told:
        forecast(pipe, X, 4, coverage=0.8, residuals=result)
    message = str(told.value)
    first = "'a'" if groups == "store" else "('t', 'a')"
    assert f"Got 0 of group {first}, " in message
    assert message.count(" of group ") == 5
    assert "(7 of 9 groups)" in message
    # The code in the message leaves two stores, each with its own width.
    code = message.split("out, as ")[1].split(" does")[0]
    rows = eval(code, {"X": X, "result": result})
    made = forecast(pipe, rows, 4, coverage=0.8, residuals=result)
    assert made["store"].unique().tolist() == ["h", "i"]
    # One array gives all nine the width of a loop over all residuals, in time order.
    table = result.predictions.assign(missed=np.repeat(range(len(result.origins)), 4))
    by_time = table.sort_values("origin", kind="stable")["missed"].unique()
    one = result.residuals[by_time]
    made = forecast(pipe, X, 4, coverage=0.8, residuals=one)
    for step in range(4):
        distance = naive_distance(np.abs(one[:, step]), 0.8)
        ends = made[step::4]
        np.testing.assert_allclose(ends["load_upper"] - ends["load"], distance)
    assert len(made) == 36
