"""Tests of the prior: laws of its forecasts, and parity with the Keras model."""

import importlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from threadpoolctl import threadpool_limits

from sklstm.network import _prior
from sklstm.network._prior import LEVELS, load_prior, prior_forecast
from sklstm.network._prior_inputs import prior_inputs

MEDIAN = LEVELS.index(0.5)
few = settings(max_examples=30, deadline=None)
seasons = st.sampled_from([1, 2, 4, 7, 12, 24, (24, 168), 52])


def walks(n, length, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, length)).cumsum(axis=1)


def months(n=5, length=96, seed=0):
    """Return positive series with a trend and a season of 12."""
    season = np.sin(2 * np.pi * np.arange(length) / 12)
    noise = 0.05 * np.random.default_rng(seed).standard_normal((n, length))
    return np.exp(4 + 0.01 * np.arange(length) + 0.3 * season + noise)


@few
@given(
    st.integers(0, 99),
    seasons,
    st.integers(1, 130),
    st.floats(-3, 3),
    st.floats(-4, 4),
    st.booleans(),
)
def test_values_keep_scale_and_level(seed, season, length, log_a, b, is_mirrored):
    """In the view of values, a x + b has the forecast a f + b; a < 0 mirrors it."""
    x, a = walks(3, length, seed), 10**log_a
    expected = a * prior_forecast(x, season, 9, use_logarithms=False) + a * b
    size = a * (np.ptp(x) + abs(b)) + 1e-12
    if is_mirrored:
        expected, a = -expected[:, :, ::-1], -a
    ours = prior_forecast(a * x + a * b, season, 9, use_logarithms=False)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * size)


def test_logarithms_keep_scale():
    """Positive windows of another unit have the same forecast in that unit."""
    x = months()
    expected = 1000 * prior_forecast(x, 12, 18)
    np.testing.assert_allclose(prior_forecast(1000 * x, 12, 18), expected, rtol=1e-4)


@few
@given(st.integers(0, 99), seasons, st.integers(1, 40), st.integers(2, 80))
def test_rows_do_not_depend_on_neighbours(seed, season, n, length):
    """A row has the same forecast, bit for bit, alone, among others, and reordered."""
    x = walks(n, length, seed)
    x[: n // 2] = np.exp(0.1 * x[: n // 2])
    x[: n // 3, : length // 2] = np.nan
    together = prior_forecast(x, season, 5)
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_array_equal(prior_forecast(x[order], season, 5), together[order])
    np.testing.assert_array_equal(prior_forecast(x[-1:], season, 5), together[-1:])


def test_threads_change_nothing():
    """Forecasts are the same bits for one thread of the linear algebra, and for two."""
    x = months(40, 168)
    with threadpool_limits(1):
        one = prior_forecast(x, 12, 48)
    with threadpool_limits(2):
        np.testing.assert_array_equal(prior_forecast(x, 12, 48), one)


@few
@given(st.floats(-1e150, 1e150, allow_subnormal=False), seasons, st.integers(1, 200))
def test_constant_windows_stay(value, season, length):
    """A constant window has the constant as every quantile of every step."""
    forecast = prior_forecast(np.full((1, length), value), season, 20)
    np.testing.assert_allclose(forecast, value, rtol=1e-12)


finite = st.floats(-1e150, 1e150) | st.sampled_from([0.0, 1.0, 1e-300, 1e150, -1e150])


@few
@given(
    st.integers(1, 60).flatmap(lambda n: arrays(float, (2, n), elements=finite)),
    seasons,
    st.integers(1, 110),
)
def test_finite_values_have_finite_ordered_quantiles(windows, season, n_steps):
    """Neither NaN nor infinity comes out, quantiles do not cross, nothing warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecast = prior_forecast(windows, season, n_steps)
    assert forecast.shape == (2, n_steps, len(LEVELS))
    assert np.isfinite(forecast).all()
    assert (np.diff(forecast, axis=2) >= 0).all()


@pytest.mark.parametrize("season", [1, 4, 12, (24, 168)])
@pytest.mark.parametrize("length", [1, 3, 8, 30, 61])
def test_leading_missing_values_shorten_the_window(season, length):
    """NaN before the first value forecasts as the window without them."""
    x = walks(4, length)
    late = np.pad(x, ((0, 0), (37, 0)), constant_values=np.nan)
    expected = prior_forecast(x, season, 10)
    np.testing.assert_allclose(
        prior_forecast(late, season, 10), expected, rtol=1e-4, atol=1e-4
    )


def test_missing_values_take_the_newest_earlier_one():
    """A hole at the end forecasts near the window that repeats its last value."""
    x = months()
    holes, filled = x.copy(), x.copy()
    holes[:, -1], filled[:, -1] = np.nan, x[:, -2]
    ours, expected = prior_forecast(holes, 12, 6), prior_forecast(filled, 12, 6)
    np.testing.assert_allclose(ours, expected, rtol=0.3)


def test_rows_without_values_have_no_forecast():
    """Rows of NaN come back as NaN; the others are not touched; no rows are fine."""
    x = months()
    x[2] = np.nan
    forecast = prior_forecast(x, 12, 4)
    assert np.isnan(forecast[2]).all()
    np.testing.assert_array_equal(forecast[:2], prior_forecast(x[:2], 12, 4))
    assert prior_forecast(x[:0], 12, 4).shape == (0, 4, len(LEVELS))


def test_only_the_newest_steps_count():
    """Steps before the longest window change nothing."""
    x = walks(3, 400)
    newest = x[:, -_prior.longest_window((12,)) :]
    np.testing.assert_array_equal(
        prior_forecast(x, 12, 8), prior_forecast(newest, 12, 8)
    )


def test_far_steps_feed_the_median_back():
    """Steps beyond the 48th go on from the median, and are no more certain."""
    x = months()
    near, far = prior_forecast(x, 12, 48), prior_forecast(x, 12, 96)
    np.testing.assert_array_equal(far[:, :48], near)
    fed = np.concatenate([x, near[:, :, MEDIAN]], axis=1)
    np.testing.assert_allclose(
        far[:, 48:, MEDIAN], prior_forecast(fed, 12, 48)[:, :, MEDIAN]
    )
    width = np.ptp(far, axis=2)
    assert (width[:, 48:] >= 0.999 * width[:, 47:48]).all()


def test_trend_and_season_are_continued():
    """Months to come are nearer to the truth than the seasonal naive forecast."""
    x = months(20, 120)
    past, future = x[:, :96], x[:, 96:108]
    ours = np.abs(prior_forecast(past, 12, 12)[:, :, MEDIAN] - future).mean()
    assert ours < 0.7 * np.abs(past[:, -12:] - future).mean()


def test_day_and_week_are_both_continued():
    """Hours with the week beside the day are forecast better with both seasons."""
    t = np.arange(24 * 7 * 4)
    x = np.sin(2 * np.pi * t / 24) * (1 + (t // 24 % 7 < 5)) + 0.05 * walks(1, len(t))
    past, future = x[:, :-48], x[:, -48:]
    one, both = (
        np.abs(prior_forecast(past, season, 48)[:, :, MEDIAN] - future).mean()
        for season in (24, (24, 168))
    )
    assert both < 0.8 * one


def test_weights_are_small_and_tell_how_they_were_made():
    """The file has at most 250 kB, and the command, seed and versions of its run."""
    file = Path(_prior.__file__).parent / "data" / "prior.npz"
    assert file.stat().st_size <= 250_000
    weights, about = load_prior()
    assert {"command", "seed", "steps", "keras", "tensorflow", "numpy"} <= set(about)
    assert all(np.isfinite(w).all() for w in weights.values())


@pytest.fixture(scope="module")
def program():
    """Return a function that imports a module of the training program."""
    folder = Path(__file__).parents[1] / "examples" / "prior"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module


@pytest.fixture(scope="module")
def keras_model(program):
    """Return train.py's model with the shipped weights."""
    train = program("train")
    model = train.build_model()
    train.set_weights(model, load_prior()[0])
    return model


@pytest.mark.parametrize("season", [1, 12, (24, 168)])
@pytest.mark.parametrize("length", [6, 40, 340])
def test_keras_computes_the_same(keras_model, season, length):
    """Our kernels and the Keras model of the training program agree to 1e-3."""
    season = (season,) if isinstance(season, int) else season
    inputs = prior_inputs(walks(7, length), season, np.arange(1, 20), False)
    ours, _ = _prior.network_output(load_prior()[0], inputs)
    theirs = keras_model([inputs.patches, inputs.statics, inputs.steps]).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("m", [1, 4, 12, 13])
def test_synthetic_series_are_positive_and_repeat(program, m):
    """A seed gives the same series again, positive, finite and not constant."""
    make_series = program("series").make_series
    first, again = (
        make_series(np.random.default_rng(5), 150, 60, m, m == 12) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape == (150, 60)
    assert np.isfinite(first).all() and (first > 0).all()
    assert (np.ptp(first, axis=1) > 0).mean() > 0.95


@pytest.mark.slow
def test_interrupted_training_goes_on(program, tmp_path, monkeypatch):
    """Weights are the same whether or not training stopped at a checkpoint."""
    train = program("train")
    monkeypatch.setattr(train, "SEASONS", {12: (1.0, 300, 60, 24)})
    monkeypatch.setattr(train, "window_lengths", lambda *_: np.array([60]))
    train.train(tmp_path / "whole", seed=3, n_steps=200)
    save = train.save

    def save_and_stop(*state):
        save(*state)
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train.train(tmp_path / "parts", seed=3, n_steps=200)
    monkeypatch.setattr(train, "save", save)
    train.train(tmp_path / "parts", seed=3, n_steps=200)
    whole, parts = (
        _prior.read_weights(tmp_path / name / "prior.npz")[0]
        for name in ("whole", "parts")
    )
    for name, weights in whole.items():
        np.testing.assert_array_equal(weights, parts[name])
