"""Maps around the network: statistics against loops, highways against scikit-learn."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, contributions, forecast, update
from sklstm.network._highway import Part, fit_highway
from sklstm.network._rows import rolling_tests
from sklstm.network._scaling import fit_scaling

KINDS = ["auto", "last", "standard", None]
EPSILON = float(np.finfo(np.float32).eps)


def windows_of(series, window):
    """Return the windows that end before each row; missing oldest steps are NaN."""
    series = np.asarray(series, dtype=np.float64).reshape(len(series), -1)
    windows = np.full((len(series), window, series.shape[1]), np.nan, np.float32)
    for row in range(len(series)):
        for step in range(window):
            at = row - window + step
            if at >= 0:
                windows[row, step] = series[at]
    return windows


def fitted(kind, windows, targets, rows=None, outputs=None, **options):
    targets = np.asarray(targets, dtype=np.float64).reshape(len(windows), -1)
    if rows is None:
        rows = np.flatnonzero(~np.isnan(windows[:, -1]).any(axis=1))
    if outputs is None:
        outputs = np.arange(targets.shape[1])
    return fit_scaling(kind, windows, targets, rows, outputs, **options)


def random_case(seed=0, n_rows=40, window=4):
    """Return windows of a random walk and white noise, and two targets like them."""
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(n_rows, 3)) * rng.uniform(1, 9, 3)
    series[:, 0] = series[:, 0].cumsum() + 50
    targets = series[:, :2] + rng.normal(scale=0.1, size=(n_rows, 2))
    return windows_of(series, window), targets


def moments_by_loop(windows, rows, channel, is_centred):
    """Return mean and standard deviation over every true step of the rows' windows."""
    values = []
    for row in rows:
        newest = float(windows[row, -1, channel])
        for value in windows[row, :, channel]:
            if not np.isnan(value):
                values.append(float(value) - (newest if is_centred else 0.0))
    mean = 0.0 if is_centred else sum(values) / len(values)
    return mean, (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5


# -- centring and standardising -----------------------------------------------------


@pytest.mark.parametrize("rows", [[3, 4, 9, 11, 12, 20, 21, 30], range(1, 30)])
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_network_sees_is_that_of_a_loop(kind, rows):
    """Statistics of the true steps of the rows; what is made with them, and undone."""
    windows, targets = random_case(window=6)
    rows = np.array(rows)
    scaling = fitted(kind, windows, targets, rows)
    inputs, learned = scaling.inputs(windows), scaling.targets(targets, windows)
    assert inputs.dtype == learned.dtype == np.float32
    for channel in range(3):
        mean, scale, is_centred = 0.0, 1.0, scaling.is_centred[channel]
        if kind is not None:
            mean, scale = moments_by_loop(windows, rows, channel, is_centred)
        assert_allclose(scaling.input_scale[channel], scale, rtol=1e-5)
        assert scaling.last_level[channel] == windows[rows[-1], -1, channel]
        for row, window in enumerate(windows[:, :, channel]):
            shift = window[-1] if is_centred else mean
            expected = (window - shift) / scale
            assert_allclose(inputs[row, :, channel], expected, rtol=1e-5, atol=1e-4)
    for output in range(2):
        channel = scaling.level_channel[output]
        levels = np.zeros(len(windows))
        for row in range(len(windows) if channel >= 0 else 0):
            newest = windows[row, -1, channel]
            levels[row] = scaling.last_level[channel] if np.isnan(newest) else newest
        changes = [targets[row, output] - levels[row] for row in rows]
        mean, scale = (np.mean(changes), np.std(changes)) if kind else (0.0, 1.0)
        assert_allclose(scaling.levels(windows)[:, output], levels, rtol=1e-12)
        expected = (targets[:, output] - levels - mean) / scale
        assert_allclose(learned[:, output], expected, rtol=1e-5, atol=1e-5)
    restored = scaling.values(learned, windows)
    assert restored.dtype == np.float64
    assert_allclose(restored, targets, rtol=0, atol=9 * EPSILON * np.abs(targets).max())


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 + 0.1])
@pytest.mark.parametrize("kind", ["auto", "standard"])
def test_what_does_not_vary_is_not_blown_up(kind, value):
    """A constant channel is 0 to the network; a constant target is its mean exactly."""
    rng = np.random.default_rng(0)
    windows = windows_of(np.column_stack([rng.normal(size=500), [value] * 500]), 3)
    scaling = fitted(kind, windows, np.full((500, 2), value))
    assert scaling.input_scale[1] == 1
    inputs = scaling.inputs(windows[3:])
    assert_allclose(inputs[:, :, 1], 0, atol=EPSILON * abs(value))
    values = scaling.values(rng.normal(size=(497, 2)), windows[3:])
    # A sum of n numbers is exact to n roundings.
    assert_allclose(values, value, rtol=1e-16 * 500)


@pytest.mark.parametrize(("kind", "n_channels"), [("auto", 4), ("standard", 1)])
def test_overlapping_windows_are_not_copied_whole(kind, n_channels):
    """200,000 windows of 168 steps cost less than 100 MB, not 134 MB a channel."""
    rng = np.random.default_rng(0)
    n_rows, window = 200_000, 168
    series = rng.normal(size=(n_rows + window, n_channels)).astype(np.float32) + 10
    view = np.lib.stride_tricks.sliding_window_view(series[:-1], window, axis=0)
    windows, targets = view.transpose(0, 2, 1), series[window:, :1].astype(np.float64)
    tracemalloc.start()
    scaling = fitted(kind, windows, targets, np.arange(n_rows))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6
    # Rows that are summed in several parts give what one sum gives.
    assert_allclose(scaling.input_mean, series.mean(axis=0, dtype=float), rtol=1e-4)
    assert_allclose(scaling.input_scale, series.std(axis=0, dtype=float), rtol=1e-4)


# -- levels -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_auto_centres_walks_and_trends_and_not_noise(seed):
    """A random walk and a trend are predicted as changes, white noise is not."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=300)
    trend = 0.5 * np.arange(300) + rng.normal(size=300)
    for series, level in [(noise, -1), (noise.cumsum(), 0), (trend, 0)]:
        windows = windows_of(series, 5)
        assert fitted("auto", windows, series).level_channel == [level]
        assert fitted("auto", windows, series).is_centred == [level == 0]
        assert fitted("last", windows, series).level_channel == [0]
        assert fitted("standard", windows, series).level_channel == [-1]
        # Of a single step nothing would be left.
        assert fitted("last", windows_of(series, 1), series).level_channel == [-1]


def test_a_highway_reads_distances_where_the_past_of_the_target_is_its_level():
    """Noise is centred on its past, too; on another channel it is not."""
    noise, other = np.random.default_rng(0).normal(size=(2, 300, 1))
    for channel, level in [(noise, 0), (other, -1)]:
        windows = SlidingWindow(5).fit_transform(channel)
        scaling = fitted("auto", windows, noise[:, 0], has_highway=True)
        assert scaling.level_channel == [level]


def test_steps_of_one_target_share_their_level():
    """Outputs with the same number get one level, by their mean variance."""
    rng = np.random.default_rng(0)
    walk = rng.normal(size=303).cumsum()
    targets = np.column_stack([walk[k : 300 + k] for k in range(4)])
    targets[:, 3] = rng.normal(scale=0.01, size=300)
    windows = windows_of(walk[:300], 4)
    one = fitted("auto", windows, targets, outputs=np.zeros(4, dtype=int))
    assert one.level_channel.tolist() == [0, 0, 0, 0]
    assert fitted("auto", windows, targets).level_channel.tolist() == [0, 0, 0, -1]


@pytest.mark.parametrize("horizon", [1, 3])
def test_level_is_the_channel_from_which_the_target_differs_least(horizon):
    """Each target finds its own, in another unit and at another origin too."""
    rng = np.random.default_rng(0)
    walks, noise = rng.normal(size=(200, 2)).cumsum(axis=0), rng.normal(size=200)
    targets = np.column_stack([walks[:, 1] + 1e4, noise, -7 * walks[:, 0]])
    channels = np.column_stack([walks / walks.std(axis=0), noise])
    windows = SlidingWindow(6, horizon=horizon).fit_transform(channels)
    scaling = fitted("auto", windows, targets, np.arange(horizon, 200))
    assert scaling.level_channel.tolist() == [1, -1, 0]
    assert scaling.is_centred.tolist() == [True, True, False]
    units = [walks[:, 1].std(), 1, -7 * walks[:, 0].std()]
    assert_allclose(scaling.level_slope, units, rtol=1e-4)
    changes = targets[horizon:] - targets[:-horizon]
    assert_allclose(scaling.target_scale[::2], changes.std(axis=0)[::2], rtol=1e-3)
    # In its own unit the slope is exactly 1.
    windows = SlidingWindow(6, horizon=horizon).fit_transform(walks)
    assert fitted("auto", windows, walks).level_slope.tolist() == [1.0, 1.0]


def test_a_logarithm_is_centred_on_no_raw_channel():
    """Its change from a raw level would be little but that level."""
    rng = np.random.default_rng(0)
    level = 50 + rng.normal(size=200).cumsum()
    assert fitted("last", windows_of(level, 5), np.log(level)).level_channel == [-1]
    alternating = np.where(np.arange(200) % 2, 1.0, -1.0) + rng.normal(size=200) / 50
    assert fitted("last", windows_of(alternating, 5), alternating).level_channel == [0]


# -- the highway --------------------------------------------------------------------


def table_of(n_rows=60, window=4, n_channels=2, noise=0.5):
    """Return windows and targets of a linear map with noise."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(n_rows, window, n_channels))
    kernel = rng.normal(size=(window * n_channels, 3))
    targets = inputs.reshape(n_rows, -1) @ kernel + 2
    return inputs, targets + noise * rng.normal(size=targets.shape)


def highway_of(inputs, targets, weights=None, n_parts=1, levels=None, to_mean=None):
    """Return the highway of windows whose first channel may have a level."""
    n_rows, n_outputs = targets.shape
    weights = np.ones(n_rows) if weights is None else weights / weights.mean()
    levels = np.zeros((n_rows, 0)) if levels is None else levels
    to_mean = np.zeros((0, n_outputs)) if to_mean is None else to_mean
    arrays = inputs, levels, targets, weights, *rolling_tests(np.arange(n_rows), 1)
    split = [np.array_split(a, n_parts) for a in arrays]
    channels = np.arange(levels.shape[1])
    return fit_highway(
        lambda: map(Part, *split), n_rows, level_channels=channels, to_mean=to_mean
    )


def highway_by_loop(inputs, levels, targets, to_mean):
    """Return predictions of the mean of ridges, weighted by tests on later rows."""
    n_rows, window, n_channels = inputs.shape
    lags = np.repeat(np.arange(window)[::-1], n_channels)
    ones = np.ones((n_rows, 1))
    tests = [(int(n_rows * s / 8), int(n_rows * (s + 1) / 8)) for s in range(4, 8)]
    tables, starts, errors, predictions = [], [], [], []
    for is_distance in (False, True):
        values = inputs + levels[:, None] * ([1, 0] if is_distance else 0)
        values = values.reshape(n_rows, -1)
        sizes = 1 / (1 + lags / 4) / np.sqrt(np.square(values).mean())
        tables.append(np.hstack([values * sizes, ones]))
        starts.append(levels @ to_mean * is_distance)
    for table, start in zip(tables, starts, strict=True):
        for penalty in [*10.0 ** np.arange(-12, 3.5, 0.5), np.inf]:

            def predicted(learned, table=table, start=start, penalty=penalty):
                if np.isinf(penalty):
                    return start
                own = table[:learned]
                alpha = penalty * np.linalg.eigvalsh(own.T @ own).mean()
                ridge = Ridge(alpha, solver="svd", fit_intercept=False)
                return start + ridge.fit(own, (targets - start)[:learned]).predict(
                    table
                )

            off = [np.abs(predicted(b) - targets)[b:e].sum() for b, e in tests]
            errors.append(sum(off))
            predictions.append(predicted(n_rows))
    n_tested = n_rows - tests[0][0]
    errors, n_each = np.array(errors), len(errors) // 2
    of_distances = np.arange(len(errors)) >= n_each
    errors[of_distances] += 0.001 * n_tested * targets.shape[1]
    errors[of_distances] *= 1.02
    shares = np.exp(-3 * n_tested * (errors / errors.min() - 1) ** 2)
    for first in (0, n_each):
        least = np.inf
        for place in range(first, first + 16):
            least = min(least, errors[place])
            if 0.98 * errors[place + 1] < least:
                shares[place + 1] += shares[place]
                shares[place] = 0.0
            else:
                least = np.inf
    return np.tensordot(shares / shares.sum(), predictions, 1)


@pytest.mark.parametrize("n_parts", [1, 7])
def test_the_highway_is_a_mean_of_ridges_by_their_errors_on_later_rows(n_parts):
    """Changes from a level and distances from its mean, of every penalty."""
    rng = np.random.default_rng(3)
    inputs, targets = table_of(n_rows=41, noise=3)
    levels, to_mean = rng.normal(size=(41, 1)), np.array([[-0.5, 0.2, 0.0]])
    targets = targets + levels @ to_mean
    given = {"n_parts": n_parts, "levels": levels, "to_mean": to_mean}
    highway = highway_of(inputs, targets, **given)
    expected = highway_by_loop(inputs, levels, targets, to_mean)
    assert_allclose(highway.outputs(inputs, levels), expected, rtol=1e-6)
    left = np.square(expected - targets).mean(axis=0)
    assert_allclose(highway.remainder, left, rtol=1e-6)


def test_weights_count_as_in_least_squares():
    """With hardly a penalty it is weighted least squares."""
    inputs, targets = table_of(n_rows=500, noise=0.01)
    weights = np.random.default_rng(1).uniform(0.1, 3, len(inputs))
    table = inputs.reshape(len(inputs), -1)
    expected = LinearRegression().fit(table, targets, sample_weight=weights)
    kernel = highway_of(inputs, targets, weights).kernel
    assert_allclose(kernel, expected.coef_.T, atol=1e-3)


def test_missing_steps_count_as_the_oldest_true_one():
    """The highway reads an incomplete window as if it had stood still before."""
    inputs, targets = table_of()
    highway, none = highway_of(inputs, targets), np.zeros((3, 0))
    missing, filled = inputs[:3].copy(), inputs[:3].copy()
    missing[0, :2], filled[0, :2] = np.nan, filled[0, 2]
    missing[1, :3], filled[1, :3] = np.nan, filled[1, 3]
    missing[2], filled[2] = np.nan, 0
    found, expected = (highway.outputs(each, none) for each in (missing, filled))
    assert_allclose(found, expected)


def test_a_highway_of_what_cannot_be_fitted_is_finite():
    """Few rows, constant windows and those that overflow are no reason to fail."""
    inputs, targets = table_of()
    for n_rows in (1, 2, 5):
        highway = highway_of(inputs[:n_rows], targets[:n_rows])
        assert np.isfinite(highway.outputs(inputs, np.zeros((60, 0)))).all()
    constant = highway_of(np.ones((90, 3, 1)), np.full((90, 1), 4.0))
    assert_allclose(constant.outputs(np.ones((9, 3, 1)), np.zeros((9, 0))), 4.0)
    inputs[3, 0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        highway = highway_of(inputs, targets)
    assert_allclose(highway.kernel, 0)
    assert_allclose(highway.bias, 0)


def test_a_new_level_is_no_obstacle():
    """Ten standard deviations off, a sine wave is predicted as well as before."""
    y = pd.DataFrame({"load": 10 + np.sin(np.arange(180))})
    windows = SlidingWindow(10)
    pipe = make_pipeline(windows, LSTMRegressor(4, random_state=0))
    pipe.fit(y[:120], y["load"][:120])
    moved = (y[120:] + 10).reset_index(drop=True)
    predicted = pipe[-1].predict(SlidingWindow(10).fit_transform(moved))
    assert_allclose(predicted[12:], moved["load"][12:], atol=0.05)


def test_a_new_series_that_stands_still_goes_on():
    """A constant among waves is forecast as a constant, however far."""
    waves = 5 + np.sin(np.arange(80) / 3)
    X = pd.concat(
        pd.DataFrame({"g": g, "t": range(80), "load": size * waves})
        for g, size in (("a", 1.0), ("b", 3.0))
    )
    windows = SlidingWindow(6, groups="g", time="t")
    pipe = make_pipeline(windows, LSTMRegressor(4, random_state=0)).fit(X, X["load"])
    new = pd.DataFrame({"g": "c", "t": range(70, 80), "load": 5.0})
    assert_allclose(forecast(pipe, new, 6)["load"], 5.0, atol=0.1)


@pytest.mark.parametrize("size", [100.0, 1e6, 1e15])
def test_one_wild_value_is_told_and_passed_over(size):
    """Of the rows of fit it moves nothing; one that comes later only its own rows."""
    rng = np.random.default_rng(0)
    y = 10 + np.sin(np.arange(300) / 3) + 0.3 * rng.normal(size=300)
    y[[150, 270]] += size
    X = pd.DataFrame({"load": y})
    pipe = make_pipeline(SlidingWindow(12), LSTMRegressor(4, random_state=0))
    with pytest.warns(UserWarning, match=r"1 value\(s\) of y .* the first in row 150"):
        pipe.fit(X[:250], X["load"][:250])
    off = np.abs(pipe.predict(X[250:]) - y[250:])
    naive = np.abs(np.diff(y[249:]))
    is_plain = ~np.isin(np.arange(50), [20, 21])
    assert off[is_plain].mean() < naive[is_plain].mean()


# -- relative values: sizes and logarithms ------------------------------------------

STORES = ["a", "b", "c"]


def panel_of(series):
    """Return a long frame of series by name."""
    parts = [
        pd.DataFrame({"store": name, "day": range(len(values)), "load": values})
        for name, values in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


def signed_series(n_rows=60, seed=0):
    """Return random walks about 0."""
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=n_rows).cumsum() for name in STORES}


def growing_series(n_rows=80):
    """Return positive series that grow and swing by percents, of different sizes."""
    rng = np.random.default_rng(0)
    swing = 0.03 * np.arange(n_rows) + np.sin(np.arange(n_rows) / 2)
    return {
        name: size * np.exp(swing + 0.02 * rng.normal(size=n_rows))
        for name, size in zip(STORES, (1.0, 50.0, 4000.0), strict=True)
    }


def pipe_of(X, **params):
    """Return a pipeline that is fitted to a panel."""
    lstm = LSTMRegressor(2, **({"epochs": 2, "random_state": 0} | params))
    windows = SlidingWindow(4, groups="store", time="day")
    return make_pipeline(windows, lstm).fit(X, X["load"])


@pytest.mark.parametrize("highway", [True, False])
@pytest.mark.parametrize(
    ("series", "scaling", "unit"),
    [
        (signed_series, "auto", "size"),
        (signed_series, "standard", "plain"),
        (signed_series, None, "plain"),
        (growing_series, "auto", "log"),
        (growing_series, "last", "size"),
        (growing_series, "log", "log"),
    ],
)
def test_what_values_of_a_panel_are_relative_to(series, scaling, unit, highway):
    """Sizes; logarithms where all is positive and relative errors are smaller so."""
    pipe = pipe_of(panel_of(series()), scaling=scaling, highway=highway)
    fit = pipe[-1]._scaling
    assert fit.unit == unit
    assert (fit.highway is not None) == (highway and scaling is not None)
    alone = pipe_of(panel_of({"a": series()["a"]}), scaling=scaling, highway=highway)
    assert alone[-1]._scaling.unit == ("log" if scaling == "log" else "plain")


@pytest.mark.filterwarnings("ignore:1 row.s. of X have no row")
def test_logarithms_of_a_single_series():
    """scaling="log" learns a series in percents: exact growth goes on exactly."""
    X = pd.DataFrame({"load": 3.0 * 1.05 ** np.arange(60)})
    lstm = LSTMRegressor(2, epochs=1, scaling="log", random_state=0)
    pipe = make_pipeline(SlidingWindow(4), lstm).fit(X, X["load"])
    expected = 3.0 * 1.05 ** np.arange(60, 65)
    assert_allclose(forecast(pipe, X, steps=5), expected, rtol=1e-4)
    # Far below the level of training the growth is the same.
    later = (X / 1000).set_axis(range(200, 260))
    assert_allclose(forecast(pipe, later, steps=5), expected / 1000, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_logarithms_need_positive_values(value):
    """The error holds the value, and nothing is fitted."""
    series = growing_series()
    series["b"][7] = value
    X = panel_of(series)
    with pytest.raises(ValueError, match=f"scaling='log'.*Got {value:.6g};"):
        pipe_of(X, scaling="log")
    assert pipe_of(X)[-1]._scaling.unit == "size"


@pytest.mark.parametrize("is_panel", [False, True])
def test_logarithms_are_those_of_the_channel_that_holds_the_past(is_panel):
    """Not of a switch or a price that is closer to restless values than their past."""
    rng = np.random.default_rng(0)
    rows = np.arange(200)
    X = pd.DataFrame({"promo": (rows % 9 == 0) * 1.0, "price": 1 + rng.random(200)})
    X["load"] = np.exp(X["promo"] + rng.normal(size=200))
    X["store"], X["day"] = np.where(rows < 100, "a", "b"), rows % 100
    groups = {"groups": "store", "time": "day"} if is_panel else {}
    if not is_panel:
        X = X.drop(columns=["store", "day"])
    pipe = make_pipeline(
        SlidingWindow(7, known=["promo", "price"], **groups),
        LSTMRegressor(2, epochs=1, scaling="log", random_state=0),
    ).fit(X, X["load"])
    assert pipe[-1]._scaling.unit_channel == [2]
    assert pipe[-1]._scaling.has_unit.tolist() == [False, False, True]


def test_sizes_are_standard_deviations():
    """Of the training rows of a group; of a new one, of the true steps of a window."""
    X = panel_of(signed_series())
    pipe = pipe_of(X, scaling="last", early_stopping=False)
    fit = pipe[-1]._scaling
    sizes = fit.sizes_of(pipe[0].transform(X))
    for number, name in enumerate(STORES):
        # The newest steps of windows that are complete.
        own = X.loc[(X["store"] == name) & X["day"].between(3, 58), "load"]
        assert fit.sizes[number, 0] == pytest.approx(own.std(ddof=0), rel=1e-5)
        assert (sizes[X["store"] == name] == fit.sizes[number]).all()
    new = panel_of({"z": np.random.default_rng(1).normal(size=9) * 1e4})
    windows = pipe[0].transform(new)
    sizes = fit.sizes_of(windows)
    for row, window in enumerate(np.asarray(windows)):
        true = window[~np.isnan(window[:, 0]), 0].astype(np.float64)
        expected = fit.sizes[:3].min()
        if len(true):
            expected = np.std(true) if len(true) > 1 else 0.1 * np.abs(true[0])
        assert sizes[row, 0] == pytest.approx(expected, rel=1e-6)


def predictions_of(X, door, **params):
    """Return what a pipeline predicts of all rows, after a fit."""
    lstm = LSTMRegressor(3, epochs=2, random_state=0, **params)
    groups = {"groups": "store", "time": "day"} if door == "panel" else {}
    pipe = make_pipeline(SlidingWindow(4, **groups), lstm)
    if door == "update":
        pipe.fit(X[:50], X["load"][:50])
        update(pipe, X[50:55], X["load"][50:55])
    elif door == "partial_fit":
        pipe[1].partial_fit(pipe[0].fit_transform(X), X["load"])
    else:
        pipe.fit(X, X["load"])
    return pipe.predict(X)


@settings(max_examples=40)
@given(
    door=st.sampled_from(["series", "panel", "update", "partial_fit"]),
    scaling=st.sampled_from(["auto", "last", "standard"]),
    highway=st.booleans(),
    exponent=st.integers(-963, 963),
    level=st.integers(-(10**9), 10**9),
    seed=st.integers(0, 9),
)
def test_unit_and_level_of_a_series_do_not_matter(
    door, scaling, highway, exponent, level, seed
):
    """A fit on a * x + b predicts a * f + b, but for rounding of what varies."""
    X = panel_of(signed_series(seed=seed))
    X = X.assign(load=np.round(X["load"] * 256) / 256)  # so that x + b is exact
    position = X["store"].map(STORES.index).to_numpy()
    if door == "panel":  # each series by its own map; logarithms might be chosen
        scaling = "last"
    else:
        X, position = X[position == 0][["load"]], 0
    a, b = 2.0 ** (exponent - 5 * position), level * (1 - position)
    moved = X.assign(load=(X["load"] + b) * a)
    how = {"scaling": scaling, "highway": highway}
    one, other = (predictions_of(each, door, **how) for each in (X, moved))
    has_past = X.index % 60 > 0  # others are predicted from the median level of all
    assert_allclose((other / a - b)[has_past], one[has_past], rtol=0, atol=3e-5)


def test_what_no_scaling_can_hold_is_refused_in_a_sentence():
    """Values beyond float64, or beyond float32 as multiples of the training rows."""
    series = np.random.default_rng(0).normal(size=(60, 1))
    windows, y = SlidingWindow(3).fit_transform(series), series[:, 0]
    lstm = LSTMRegressor(2, epochs=1).fit(windows, y)
    with pytest.raises(ValueError, match="Windows must lie within 1e38 times"):
        lstm.predict(windows * 1e50)
    with pytest.raises(ValueError, match="Targets must lie within 1e38 times"):
        lstm.fit(windows, np.where(np.arange(60) < 55, y, 1e50))
    unscaled = LSTMRegressor(2, epochs=1, scaling=None)
    with pytest.raises(ValueError, match=r"beyond 3\.4e\+38 in row 1"):
        unscaled.fit(windows * 1e50, y)
    for regressor, factor in ((lstm, 1e301), (unscaled, 1e50)):
        with pytest.raises(ValueError, match="needs values of y up to"):
            regressor.fit(windows, y * factor)


def test_in_logarithms_each_series_follows_its_own_factor():
    """Predictions of a * y are a times those of y, series by series."""
    X = panel_of(growing_series())
    factors = X["store"].map({"a": 1000.0, "b": 0.5, "c": 3.0})
    Z = X.assign(load=X["load"] * factors)
    ratio = pipe_of(Z).predict(Z) / pipe_of(X).predict(X) / factors
    assert_allclose(ratio[X["day"] > 0], 1.0, rtol=1e-3)


@pytest.mark.parametrize("series", [signed_series, growing_series])
def test_a_row_depends_on_the_past_of_its_series_alone(series):
    """Later values, other series and the order of rows change no bit, new ones too."""
    X = panel_of(series())
    pipe = pipe_of(X)
    new = X.assign(store=X["store"] + "-new", load=X["load"] * 3)
    rows = pd.concat([X, new], ignore_index=True)
    later = rows["day"] > 30
    changed = rows.assign(load=rows["load"].where(~later, rows["load"] * 9 + 1))
    before, after = pipe.predict(rows), pipe.predict(changed)
    assert_array_equal(after[~later], before[~later])
    assert (after[later] != before[later]).any()
    shuffled = rows.sample(frac=1, random_state=0)
    assert_array_equal(pipe.predict(shuffled), before[shuffled.index])
    alone = rows[rows["store"] == "b-new"]
    assert_array_equal(pipe.predict(alone), before[alone.index])


def test_series_that_do_not_vary_or_are_not_positive():
    """A constant goes on, zeros too; in logarithms, too, all is finite."""
    X = panel_of(signed_series() | {"flat": np.full(60, 7.5), "none": np.zeros(60)})
    pipe = pipe_of(X, epochs=20)
    after = forecast(pipe, X, steps=1).set_index("store")["load"]
    assert after["flat"] == pytest.approx(7.5, abs=0.75)
    assert after["none"] == pytest.approx(0.0, abs=1.0)
    assert np.isfinite(pipe.predict(X)).all()
    zeros = panel_of({"a": np.zeros(30), "b": np.zeros(30)})
    assert_array_equal(pipe_of(zeros).predict(zeros), 0.0)
    pipe = pipe_of(panel_of(growing_series()), scaling="log")
    assert np.isfinite(pipe.predict(X)).all()


@pytest.mark.parametrize("series", [signed_series, growing_series])
def test_contributions_add_up(series):
    """To the prediction less that of the flat window, in sizes and in logarithms."""
    X = panel_of(series())
    X["price"] = 100 + 9 * np.random.default_rng(0).normal(size=len(X))
    pipe = pipe_of(X, n_models=2)
    rows = [30, 100, 170]
    sums = contributions(pipe, X, rows).groupby("row").sum().sum(axis=1)
    windows = pipe[0].transform(X).copied(np.array(rows))
    predicted = pipe[-1].predict(windows)
    means = windows.base.reshape(3, 4, 2).mean(axis=1, keepdims=True)
    windows.base.reshape(3, 4, 2)[:] = means
    difference = predicted - pipe[-1].predict(windows)
    scale = np.abs(difference).max()
    assert_allclose(sums.to_numpy(), difference, atol=1e-4 * scale)
