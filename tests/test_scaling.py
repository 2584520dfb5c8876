"""Scaling: statistics against loops, levels that come back, nothing copied whole."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import SlidingWindow
from sklstm.network._scaling import fit_scaling, fit_scaling_with_highway

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


def fitted(kind, windows, targets, rows=None, outputs=None):
    targets = np.asarray(targets, dtype=np.float64).reshape(len(windows), -1)
    if rows is None:
        rows = np.flatnonzero(~np.isnan(windows[:, -1]).any(axis=1))
    if outputs is None:
        outputs = np.arange(targets.shape[1])
    return fit_scaling(kind, windows, targets, rows, outputs)


def random_case(seed=0, n_rows=40, window=4, n_channels=3, n_outputs=2):
    """Return windows of random walks and white noise, and targets like them."""
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(n_rows, n_channels)) * rng.uniform(1, 9, n_channels)
    series[:, 0] = series[:, 0].cumsum() + 50
    targets = np.column_stack(
        [series[:, k % n_channels] for k in range(n_outputs)]
    ) + rng.normal(scale=0.1, size=(n_rows, n_outputs))
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


# -- against loops ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_of_a_loop(kind, seed):
    """Means and scales of channels and targets are those of loops over the rows."""
    windows, targets = random_case(seed)
    rows = np.array([3, 4, 9, 11, 12, 20, 21, 30])
    scaling = fitted(kind, windows, targets, rows)
    for channel in range(3):
        if kind is None:
            mean, scale = 0.0, 1.0
        else:
            is_centred = scaling.is_centred[channel]
            mean, scale = moments_by_loop(windows, rows, channel, is_centred)
        np.testing.assert_allclose(
            scaling.input_mean[channel], mean, rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(scaling.input_scale[channel], scale, rtol=1e-5)
        assert scaling.last_level[channel] == windows[rows[-1], -1, channel]
    for output in range(2):
        level = scaling.level_channel[output]
        changes = [
            targets[row, output] - (windows[row, -1, level] if level >= 0 else 0.0)
            for row in rows
        ]
        mean, scale = (np.mean(changes), np.std(changes)) if kind else (0.0, 1.0)
        np.testing.assert_allclose(scaling.target_mean[output], mean, rtol=1e-6)
        np.testing.assert_allclose(scaling.target_scale[output], scale, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_network_sees_is_that_of_a_loop(kind):
    """Inputs, levels and targets are computed step by step as the docstring says."""
    windows, targets = random_case(n_rows=12)
    scaling = fitted(kind, windows, targets)
    inputs = scaling.inputs(windows)
    levels = scaling.levels(windows)
    normalised = scaling.targets(targets, windows)
    assert inputs.dtype == normalised.dtype == np.float32
    assert levels.dtype == np.float64
    for row in range(12):
        for channel in range(3):
            shift = scaling.input_mean[channel]
            if scaling.is_centred[channel]:
                shift = windows[row, -1, channel]
            expected = (windows[row, :, channel] - shift) / scaling.input_scale[channel]
            np.testing.assert_array_equal(inputs[row, :, channel], expected)
        for output in range(2):
            level = 0.0
            channel = scaling.level_channel[output]
            if channel >= 0:
                level = float(windows[row, -1, channel])
                if np.isnan(level):
                    level = float(scaling.last_level[channel])
            assert levels[row, output] == level
            change = targets[row, output] - level - scaling.target_mean[output]
            expected = change / scaling.target_scale[output]
            assert normalised[row, output] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", ["auto", "last", "standard"])
def test_training_rows_come_out_with_mean_0_and_scale_1(kind):
    """What the network learns has mean 0 and standard deviation 1 over its rows."""
    windows, targets = random_case(n_rows=200)
    rows = np.arange(4, 200)
    scaling = fitted(kind, windows, targets, rows)
    inputs = scaling.inputs(windows[rows]).astype(np.float64)
    learned = scaling.targets(targets[rows], windows[rows]).astype(np.float64)
    np.testing.assert_allclose(learned.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(learned.std(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(np.square(inputs).mean(axis=(0, 1)), 1, rtol=1e-5)
    standardised = inputs[:, :, ~scaling.is_centred]
    np.testing.assert_allclose(standardised.mean(axis=(0, 1)), 0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_values_restore_targets(kind):
    """Values of the normalised targets are the targets, to float32 rounding."""
    windows, targets = random_case()
    scaling = fitted(kind, windows, targets)
    restored = scaling.values(scaling.targets(targets, windows), windows)
    assert restored.dtype == np.float64
    tolerance = 4 * EPSILON * np.abs(targets).max()
    np.testing.assert_allclose(restored, targets, rtol=0, atol=tolerance)


def test_none_leaves_everything_in_its_unit():
    """Without scaling inputs and targets are bitwise what came."""
    windows, targets = random_case()
    targets = targets.astype(np.float32)
    scaling = fitted(None, windows, targets)
    np.testing.assert_array_equal(scaling.inputs(windows), windows)
    np.testing.assert_array_equal(scaling.targets(targets, windows), targets)
    np.testing.assert_array_equal(scaling.values(targets, windows), targets)


# -- affine equivariance ------------------------------------------------------------


@settings(max_examples=60)
@given(
    seed=st.integers(0, 99),
    kind=st.sampled_from(["auto", "last", "standard"]),
    exponent=st.integers(-6, 6),
    offset=st.integers(-60_000, 60_000),
    is_walk=st.booleans(),
)
def test_unit_and_origin_of_the_series_do_not_matter(
    seed, kind, exponent, offset, is_walk
):
    """With a*y + b the network sees what it sees with y, and values follow the map."""
    rng = np.random.default_rng(seed)
    series = rng.integers(-100, 100, size=50).astype(np.float64)
    if is_walk:
        series = series.cumsum() / 2
    # Powers of 2 times half-integers: the map itself is exact in float32.
    factor = 2.0**exponent
    moved = factor * (series + offset)
    windows, moved_windows = windows_of(series, 4), windows_of(moved, 4)
    scaling = fitted(kind, windows, series)
    moved_scaling = fitted(kind, moved_windows, moved)
    np.testing.assert_array_equal(scaling.level_channel, moved_scaling.level_channel)
    # The mean is held in float32, whose grain at the offset counts against the scale.
    grain = EPSILON * (abs(offset) + np.abs(series).max()) / scaling.input_scale[0]
    np.testing.assert_allclose(
        moved_scaling.inputs(moved_windows),
        scaling.inputs(windows),
        rtol=1e-6,
        atol=2 * grain,
    )
    np.testing.assert_allclose(
        moved_scaling.targets(moved[:, None], moved_windows),
        scaling.targets(series[:, None], windows),
        rtol=1e-6,
        atol=2 * grain,
    )
    outputs = rng.normal(size=(50, 1)).astype(np.float32)
    np.testing.assert_allclose(
        moved_scaling.values(outputs, moved_windows),
        factor * (scaling.values(outputs, windows) + offset),
        rtol=1e-6,
    )


@pytest.mark.parametrize("level", [0.0, 1e3, 1e5, 1e6])
@pytest.mark.parametrize("kind", ["auto", "last", "standard"])
def test_a_large_level_costs_no_digits_of_the_scale(kind, level):
    """A spread of 1 about a level of a million is still measured as 1."""
    rng = np.random.default_rng(0)
    series = level + rng.integers(-16, 17, size=400) / 8
    windows = windows_of(series, 3)
    rows = np.arange(3, 400)
    scaling = fitted(kind, windows, series, rows)
    is_centred = bool(scaling.is_centred[0])
    _, scale = moments_by_loop(windows - np.float32(level), rows, 0, is_centred)
    assert scaling.input_scale[0] == pytest.approx(scale, rel=1e-6)


# -- levels -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_auto_centres_walks_and_trends_and_not_noise(seed):
    """A random walk and a trend are predicted as changes, white noise is not."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=300)
    walk = rng.normal(size=300).cumsum()
    trend = 0.5 * np.arange(300) + rng.normal(size=300)
    for series, level in [(noise, -1), (walk, 0), (trend, 0)]:
        scaling = fitted("auto", windows_of(series, 5), series)
        assert scaling.level_channel.tolist() == [level]
        assert scaling.is_centred.tolist() == [level == 0]
        assert fitted("last", windows_of(series, 5), series).level_channel == [0]
        assert fitted("standard", windows_of(series, 5), series).level_channel == [-1]


def test_level_is_the_channel_from_which_the_target_differs_least():
    """Each target finds its own channel; a channel that is no level is not centred."""
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(300, 2)).cumsum(axis=0)
    noise = rng.normal(size=300)
    windows = windows_of(np.column_stack([walks[:, 0], noise, walks[:, 1]]), 4)
    targets = np.column_stack([walks[:, 1] + 1e4, noise, walks[:, 0]])
    scaling = fitted("auto", windows, targets)
    assert scaling.level_channel.tolist() == [2, -1, 0]
    assert scaling.is_centred.tolist() == [True, False, True]
    # An offset between target and channel is part of the mean.
    assert scaling.target_mean[0] == pytest.approx(1e4, rel=1e-3)


def test_steps_of_one_target_share_their_level():
    """Outputs with the same number get one level, by their mean variance."""
    rng = np.random.default_rng(0)
    walk = rng.normal(size=303).cumsum()
    windows = windows_of(walk[:300], 4)
    targets = np.column_stack([walk[k : 300 + k] for k in range(4)])
    targets[:, 3] = rng.normal(scale=0.01, size=300)
    one = fitted("auto", windows, targets, outputs=np.zeros(4, dtype=int))
    each = fitted("auto", windows, targets)
    assert one.level_channel.tolist() == [0, 0, 0, 0]
    assert each.level_channel.tolist() == [0, 0, 0, -1]


@pytest.mark.parametrize("kind", ["auto", "last"])
def test_a_window_of_one_step_is_not_centred(kind):
    """Of a single step nothing would be left, so it is standardised."""
    walk = np.random.default_rng(0).normal(size=100).cumsum()
    scaling = fitted(kind, windows_of(walk, 1), walk)
    assert scaling.level_channel.tolist() == [-1]
    assert scaling.inputs(windows_of(walk, 1))[1:].std() == pytest.approx(1, rel=1e-4)


# -- what does not vary -------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.1, 1234.567, 1e8 + 0.1])
@pytest.mark.parametrize("n_rows", [2, 100, 5000])
@pytest.mark.parametrize("kind", ["auto", "standard"])
def test_a_constant_target_has_scale_0(kind, n_rows, value):
    """A target that does not vary is predicted by its mean, whatever the network."""
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(n_rows, 3, 1)).astype(np.float32)
    for n_outputs in (1, 2):
        targets = np.full((n_rows, n_outputs), value)
        scaling = fitted(kind, windows, targets)
        np.testing.assert_array_equal(scaling.target_scale, 0)
        np.testing.assert_array_equal(scaling.targets(targets, windows), 0)
        outputs = rng.normal(size=(n_rows, n_outputs)).astype(np.float32)
        values = scaling.values(outputs, windows)
        assert (values == scaling.target_mean).all()
        # A sum of n numbers is exact to n roundings.
        np.testing.assert_allclose(values, targets, rtol=1e-16 * n_rows)


@pytest.mark.parametrize("kind", ["auto", "last"])
def test_an_exact_trend_has_scale_0(kind):
    """Where the change is always the same, values are the newest value plus it."""
    series = 3.0 * np.arange(60) + 1e4
    windows = windows_of(series, 4)
    scaling = fitted(kind, windows, series)
    assert scaling.level_channel.tolist() == [0]
    assert scaling.target_scale.tolist() == [0]
    values = scaling.values(np.full((60, 1), 7, dtype=np.float32), windows)
    np.testing.assert_allclose(values[1:, 0], series[1:], rtol=1e-12)


@pytest.mark.parametrize("kind", ["auto", "last", "standard"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1, -1e30])
def test_a_constant_channel_is_not_blown_up(kind, value):
    """A channel that does not vary comes out as zeros, not as amplified rounding."""
    noise = np.random.default_rng(0).normal(size=500)
    windows = windows_of(np.column_stack([noise, np.full(500, value)]), 3)
    scaling = fitted(kind, windows, noise)
    inputs = scaling.inputs(windows[3:])
    assert scaling.input_scale[1] == 1
    np.testing.assert_allclose(inputs[:, :, 1], 0, atol=EPSILON * abs(value))


@pytest.mark.parametrize("kind", KINDS)
def test_one_training_row_is_enough(kind):
    """A single row gives finite maps, and its own target back."""
    windows, targets = random_case(n_rows=9)
    scaling = fitted(kind, windows, targets, rows=np.array([8]))
    assert np.isfinite(scaling.inputs(windows[4:])).all()
    outputs = scaling.targets(targets[8:], windows[8:])
    values = scaling.values(outputs, windows[8:])
    np.testing.assert_allclose(values, targets[8:], rtol=1e-6)


# -- missing steps ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["auto", "last", "standard"])
def test_missing_steps_are_not_counted(kind):
    """Statistics of incomplete windows are those of their true steps alone."""
    windows, targets = random_case(n_rows=30, window=6)
    rows = np.arange(1, 30)
    assert np.isnan(windows[rows]).any()
    scaling = fitted(kind, windows, targets, rows)
    for channel in range(3):
        mean, scale = moments_by_loop(
            windows, rows, channel, scaling.is_centred[channel]
        )
        np.testing.assert_allclose(
            scaling.input_mean[channel], mean, rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(scaling.input_scale[channel], scale, rtol=1e-5)
    inputs = scaling.inputs(windows)
    np.testing.assert_array_equal(np.isnan(inputs), np.isnan(windows))


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_without_a_true_step_has_the_last_level(kind):
    """Without a newest value that of the newest training row stands in for it."""
    walk = 100 + np.random.default_rng(0).normal(size=80).cumsum()
    windows = windows_of(walk, 4)
    scaling = fitted(kind, windows, walk)
    missing = np.full((1, 4, 1), np.nan, dtype=np.float32)
    assert np.isnan(scaling.inputs(missing)).all()
    is_centred = kind in ("auto", "last")
    expected = np.float32(walk[-2]) if is_centred else 0
    assert scaling.levels(missing)[0, 0] == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(scaling.values(np.zeros((1, 1), np.float32), missing)).all()


# -- what is read -------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_only_training_rows_are_read(kind):
    """Whatever windows and targets of other rows become, the scaling is the same."""
    windows, targets = random_case(n_rows=30)
    rows = np.array([5, 6, 7, 10, 15, 16])
    others = np.setdiff1d(np.arange(30), rows)
    before = fitted(kind, windows, targets, rows)
    for garbage in (1e30, np.nan, -7.0):
        windows[others], targets[others] = garbage, garbage
        after = fitted(kind, windows, targets, rows)
        for name, value in vars(before).items():
            np.testing.assert_array_equal(getattr(after, name), value, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_windows_and_targets_are_left_alone(kind):
    """Nothing is written into what came, which is often a view of the series."""
    windows, targets = random_case()
    windows.flags.writeable = targets.flags.writeable = False
    scaling = fitted(kind, windows, targets)
    outputs = scaling.targets(targets, windows)
    outputs.flags.writeable = False
    scaling.inputs(windows)
    scaling.values(outputs, windows)


@pytest.mark.parametrize("kind", ["auto", "standard"])
def test_many_rows_have_the_statistics_of_numpy(kind):
    """Rows that are summed in several parts give what one sum gives."""
    rng = np.random.default_rng(0)
    series = (rng.normal(size=25_200) + 10).astype(np.float32)
    view = np.lib.stride_tricks.sliding_window_view(series[:-1], 200)[:, :, None]
    targets = series[200:].astype(np.float64)
    scaling = fitted(kind, view, targets)
    assert scaling.level_channel.tolist() == [-1]
    values = view.astype(np.float64)
    assert scaling.input_mean[0] == pytest.approx(values.mean(), rel=1e-6)
    assert scaling.input_scale[0] == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "n_channels"), [("auto", 1), ("auto", 4), ("last", 1), ("standard", 1)]
)
def test_overlapping_windows_are_not_copied_whole(kind, n_channels):
    """200,000 windows of 168 steps cost less than 100 MB, not 134 MB a channel."""
    rng = np.random.default_rng(0)
    n_rows, window = 200_000, 168
    series = rng.normal(size=(n_rows + window, n_channels)).astype(np.float32)
    series[:, 0] = series[:, 0].cumsum()
    view = np.lib.stride_tricks.sliding_window_view(series[:-1], window, axis=0)
    windows = view.transpose(0, 2, 1)
    targets = series[window:, :1].astype(np.float64)
    rows = np.arange(n_rows)
    tracemalloc.start()
    fit_scaling(kind, windows, targets, rows, np.zeros(1, dtype=int))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("unit", [0.01, -20.0])
def test_a_target_in_another_unit_has_a_level_too(horizon, unit):
    """Centring undoes what scaled the channel in front, whatever the slope."""
    walk = 100 + np.random.default_rng(0).normal(size=200).cumsum()
    channel = (walk - 90) / unit
    windows = SlidingWindow(6, horizon=horizon).fit_transform(channel[:, None])
    rows = np.arange(horizon, 200)
    scaling = fit_scaling("auto", windows, walk[:, None], rows, np.zeros(1, int))
    assert scaling.level_channel.tolist() == [0]
    assert scaling.level_slope[0] == pytest.approx(unit, rel=1e-4)
    changes = walk[rows] - walk[rows - horizon]
    assert scaling.target_scale[0] == pytest.approx(changes.std(), rel=1e-3)
    # In its own unit the slope is exactly 1.
    windows = SlidingWindow(6, horizon=horizon).fit_transform(walk[:, None])
    scaling = fit_scaling("auto", windows, walk[:, None], rows, np.zeros(1, int))
    assert scaling.level_slope.tolist() == [1.0]


def test_every_target_has_a_unit_of_its_own():
    """Walks whose channels are standardised in front are centred, all of them."""
    walks = 100 + np.random.default_rng(0).normal(size=(200, 2)).cumsum(axis=0)
    targets = np.column_stack([walks, -7 * walks[:, 0]])
    channels = (walks - walks.mean(axis=0)) / walks.std(axis=0)
    windows = SlidingWindow(6).fit_transform(channels)
    rows = np.arange(1, 200)
    scaling = fit_scaling("auto", windows, targets, rows, np.arange(3))
    assert scaling.level_channel.tolist() == [0, 1, 0]
    units = [*walks.std(axis=0), -7 * walks[:, 0].std()]
    assert_allclose(scaling.level_slope, units, rtol=1e-4)
    changes = np.diff(targets, axis=0)
    assert_allclose(scaling.target_scale, changes.std(axis=0), rtol=1e-3)


# -- with a highway --------------------------------------------------------------------


def of_series(series, window=4, steps=2):
    """Return windows, targets, rows and the numbers of their outputs."""
    n_rows = len(series) - window - steps + 1
    view = np.lib.stride_tricks.sliding_window_view
    windows = view(series[: n_rows + window - 1], window)[:, :, None]
    targets = view(series[window:], steps)[:n_rows]
    return windows.astype(np.float32), targets, np.arange(n_rows), np.zeros(steps, int)


def autoregressive(n_rows, share, seed=0):
    """Return a series each of whose values keeps a share of the one before."""
    rng = np.random.default_rng(seed)
    values = np.zeros(n_rows)
    for row in range(1, n_rows):
        values[row] = share * values[row - 1] + rng.normal()
    return values


def test_targets_and_values_are_inverse_with_a_highway():
    """What the network is to learn gives, as its output, the targets again."""
    windows, targets, rows, numbers = of_series(100 + autoregressive(80, 0.9))
    scaling = fit_scaling_with_highway("auto", windows, targets, rows, numbers)
    learned = scaling.targets(targets, windows)
    assert_allclose(scaling.values(learned, windows), targets, rtol=1e-5)
    assert_allclose(np.square(learned).mean(axis=0), 1, rtol=1e-5)


def test_auto_standardises_where_many_rows_speak_for_it():
    """A level that does not persist is not carried on, once the rows show it."""
    noise = autoregressive(1000, 0.0)
    few, many = (
        fit_scaling_with_highway("auto", *of_series(noise[:n])) for n in (30, 1000)
    )
    assert few.is_centred.all() and not many.is_centred.any()
    walk = fit_scaling_with_highway("auto", *of_series(autoregressive(1000, 1.0)))
    trend = fit_scaling_with_highway("auto", *of_series(np.arange(1000.0)))
    assert trend.is_centred.all()
    windows, targets, rows, numbers = of_series(autoregressive(1000, 1.0))
    variance = targets.var(axis=0)
    assert walk.expected_error(variance) == min(
        fit_scaling_with_highway(kind, windows, targets, rows, numbers).expected_error(
            variance
        )
        for kind in ("last", "standard")
    )


def test_the_estimated_error_does_not_depend_on_units():
    """Every output counts alike, however large its unit."""
    windows, targets, rows, _ = of_series(autoregressive(400, 1.0))
    noise = np.random.default_rng(0).normal(size=len(targets))
    errors = []
    for unit in (1e-3, 1.0, 1e3):
        both = np.column_stack([targets[:, 0], unit * noise])
        data = (windows, both, rows, np.arange(2))
        scaling = fit_scaling_with_highway("standard", *data)
        errors.append(scaling.expected_error(both[rows].var(axis=0)))
    assert_allclose(errors, errors[0], rtol=1e-6)


def test_auto_standardises_only_where_that_is_clearly_better():
    """What is as good either way is centred."""
    windows, targets, rows, numbers = of_series(autoregressive(1000, 0.98))
    variance = targets.var(axis=0)
    last, standard = (
        fit_scaling_with_highway(kind, windows, targets, rows, numbers)
        for kind in ("last", "standard")
    )
    ratio = standard.expected_error(variance) / last.expected_error(variance)
    assert 0.98 < ratio < 1
    auto = fit_scaling_with_highway("auto", windows, targets, rows, numbers)
    assert auto.is_centred.all()


def test_trust_weights_the_network_alone():
    """Without trust the highway's prediction is what remains."""
    windows, targets, rows, numbers = of_series(autoregressive(80, 0.9))
    scaling = fit_scaling_with_highway("standard", windows, targets, rows, numbers)
    outputs = np.ones_like(targets)
    alone = scaling.values(0 * outputs, windows)
    half = replace(scaling, trust=0.5).values(outputs, windows)
    assert_allclose(half - alone, (scaling.values(outputs, windows) - alone) / 2)
    assert_allclose(replace(scaling, trust=0.0).values(outputs, windows), alone)


def test_a_highway_reads_its_rows_alone():
    """Values of other rows change nothing."""
    windows, targets, rows, numbers = of_series(autoregressive(80, 0.9))
    changed_windows, changed_targets = windows.copy(), targets.copy()
    changed_windows[50:], changed_targets[50:] = 1e3, -1e3
    one = fit_scaling_with_highway("auto", windows, targets, rows[:50], numbers)
    other = fit_scaling_with_highway(
        "auto", changed_windows, changed_targets, rows[:50], numbers
    )
    assert_array_equal(one.highway.kernel, other.highway.kernel)
    assert_array_equal(one.remainder_scale, other.remainder_scale)


def test_a_target_in_another_unit_is_centred_on_no_channel():
    """A logarithm, say: its change from a raw level would be little but that level."""
    rng = np.random.default_rng(0)
    level = 50 + rng.normal(size=200).cumsum()
    windows = np.lib.stride_tricks.sliding_window_view(level, 5)[:-1, :, None]
    rows, one = np.arange(len(windows)), np.zeros(1, dtype=int)
    scaling = fit_scaling("last", windows, np.log(level[5:])[:, None], rows, one)
    assert scaling.level_channel.tolist() == [-1]
    alternating = np.where(np.arange(200) % 2, 1.0, -1.0) + rng.normal(size=200) / 50
    windows = np.lib.stride_tricks.sliding_window_view(alternating, 5)[:-1, :, None]
    scaling = fit_scaling("last", windows, alternating[5:, None], rows, one)
    assert scaling.level_channel.tolist() == [0]
