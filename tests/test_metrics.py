"""Metrics: naive loops, published values, and the laws of each of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mean_absolute_error, mean_pinball_loss

from sklstm import metrics
from sklstm.metrics import (
    interval_coverage,
    mean_absolute_scaled_error,
    mean_interval_score,
    symmetric_mean_absolute_percentage_error,
)

VALUES = arrays(float, 12, elements=st.floats(-1e3, 1e3, width=32))
WEIGHTS = arrays(float, 12, elements=st.floats(0.125, 8, width=16))
COVERAGES = st.floats(0.05, 0.95)


def rows(seed=0, n_rows=20, n_outputs=2):
    return np.random.default_rng(seed).normal(10, 3, size=(3, n_rows, n_outputs))


# -- mean absolute scaled error -----------------------------------------------------


@pytest.mark.parametrize("season", [1, 4])
def test_scaled_error_is_that_of_a_loop(season):
    """The error of each row, divided by the mean change over a season in training."""
    truth, predicted, train = (part[:, 0] for part in rows())
    changes = [abs(train[t] - train[t - season]) for t in range(season, len(train))]
    scale = sum(changes) / len(changes)
    errors = [abs(a - b) / scale for a, b in zip(truth, predicted, strict=True)]
    ours = mean_absolute_scaled_error(truth, predicted, y_train=train, season=season)
    assert ours == pytest.approx(sum(errors) / len(errors), rel=1e-12)


@given(VALUES, VALUES, st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_scaled_error_has_no_unit(truth, predicted, factor, shift):
    """Another unit and another origin of the values change nothing."""
    train = np.array([1.0, 5.0, 2.0, 40.0])
    error = mean_absolute_scaled_error(truth, predicted, y_train=train)
    moved = mean_absolute_scaled_error(
        factor * truth + shift,
        factor * predicted + shift,
        y_train=factor * train + shift,
    )
    assert moved == pytest.approx(error, rel=1e-6, abs=1e-6)


# -- symmetric mean absolute percentage error ---------------------------------------


def test_symmetric_error_is_that_of_a_loop():
    """200 |y - p| / (|y| + |p|), and 0 where both are 0."""
    truth = np.array([3.0, 0.0, -2.0, 0.0, 5.0])
    predicted = np.array([1.0, 0.0, 2.0, 4.0, 5.0])
    errors = []
    for a, b in zip(truth, predicted, strict=True):
        size = abs(a) + abs(b)
        errors.append(200 * abs(a - b) / size if size else 0.0)
    assert errors == [100, 0, 200, 200, 0]
    ours = symmetric_mean_absolute_percentage_error(truth, predicted)
    assert ours == pytest.approx(sum(errors) / 5)


def test_symmetric_error_has_the_published_values():
    """Goodwin & Lawton 1999: 100 against 150 is 40 per cent, against 50 66.67."""
    # doi:10.1016/S0169-2070(99)00007-2, where the asymmetry was pointed out.
    assert symmetric_mean_absolute_percentage_error([100], [150]) == 40
    over = symmetric_mean_absolute_percentage_error([100], [50])
    assert over == pytest.approx(200 / 3)


@given(VALUES, VALUES, st.floats(0.01, 100))
def test_symmetric_error_is_symmetric_and_bounded(truth, predicted, factor):
    """Truth and prediction may change places; the unit does not matter; 0 to 200."""
    error = symmetric_mean_absolute_percentage_error(truth, predicted)
    assert 0 <= error <= 200 * (1 + 1e-12)
    swapped = symmetric_mean_absolute_percentage_error(predicted, truth)
    assert swapped == pytest.approx(error, rel=1e-12)
    scaled = symmetric_mean_absolute_percentage_error(
        factor * truth, factor * predicted
    )
    assert scaled == pytest.approx(error, rel=1e-9)


# -- intervals ----------------------------------------------------------------------


def test_coverage_and_score_are_those_of_a_loop():
    """A row inside costs its width; a row outside also its distance, weighted."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=50)
    ends = np.sort(rng.normal(size=(2, 50)), axis=0)
    inside, scores = 0, []
    for value, lower, upper in zip(truth, *ends, strict=True):
        score = upper - lower
        if value < lower:
            score += 2 / 0.2 * (lower - value)
        elif value > upper:
            score += 2 / 0.2 * (value - upper)
        else:
            inside += 1
        scores.append(score)
    assert interval_coverage(truth, *ends) == pytest.approx(inside / 50)
    ours = mean_interval_score(truth, *ends, coverage=0.8)
    assert ours == pytest.approx(np.mean(scores), rel=1e-12)


@given(VALUES, VALUES, VALUES, COVERAGES)
def test_interval_score_is_that_of_its_two_quantiles(truth, one, other, coverage):
    """Score = 2 / (1 - c) x the sum of both pinball losses (Gneiting & Raftery)."""
    lower, upper = np.minimum(one, other), np.maximum(one, other)
    pinball = mean_pinball_loss(truth, lower, alpha=(1 - coverage) / 2)
    pinball += mean_pinball_loss(truth, upper, alpha=(1 + coverage) / 2)
    score = mean_interval_score(truth, lower, upper, coverage=coverage)
    assert score == pytest.approx(2 / (1 - coverage) * pinball, rel=1e-7, abs=1e-7)


# -- what all of them share ---------------------------------------------------------

METRICS = [
    lambda a, b, c, **kwargs: mean_absolute_scaled_error(a, b, y_train=c, **kwargs),
    lambda a, b, c, **kwargs: symmetric_mean_absolute_percentage_error(a, b, **kwargs),
    lambda a, b, c, **kwargs: interval_coverage(
        a, np.minimum(b, c), np.maximum(b, c), **kwargs
    ),
    lambda a, b, c, **kwargs: mean_interval_score(
        a, np.minimum(b, c), np.maximum(b, c), coverage=0.9, **kwargs
    ),
]


@pytest.mark.parametrize("metric", METRICS)
def test_outputs_are_averaged_as_in_scikit_learn(metric):
    """raw_values, uniform_average and weights mean what they mean there."""
    truth, one, other = rows()
    each = [metric(truth[:, i], one[:, i], other[:, i]) for i in range(2)]
    raw = metric(truth, one, other, multioutput="raw_values")
    np.testing.assert_allclose(raw, each, rtol=1e-12)
    mean = metric(truth, one, other)
    assert type(mean) is float
    assert mean == pytest.approx(np.mean(each))
    weighted = metric(truth, one, other, multioutput=[0.75, 0.25])
    assert weighted == pytest.approx(0.75 * each[0] + 0.25 * each[1])


@pytest.mark.parametrize("metric", METRICS[1:])
def test_integer_weights_are_repeated_rows(metric):
    """A row of weight 2 counts as two rows."""
    truth, one, other = (part[:, 0] for part in rows())
    times = np.arange(len(truth)) % 3
    repeated = metric(*(np.repeat(part, times) for part in (truth, one, other)))
    assert metric(truth, one, other, sample_weight=times) == pytest.approx(repeated)


@given(VALUES, VALUES, WEIGHTS)
def test_weights_are_those_of_the_mean_absolute_error(truth, predicted, weights):
    """With a scale of one the scaled error is scikit-learn's mean absolute error."""
    ours = mean_absolute_scaled_error(
        truth, predicted, y_train=[0, 1, 2], sample_weight=weights
    )
    theirs = mean_absolute_error(truth, predicted, sample_weight=weights)
    assert ours == pytest.approx(theirs, rel=1e-12)


OF_TRAINING = [
    ([1.0, 2.0], 2, "between 1 and len.y_train. - 1 = 1. Got 2"),
    ([1.0, 2.0], True, "Got True"),
    ([1.0, 2.0], 0, "Got 0"),
    ([3.0, 3.0, 3.0], 1, "must not repeat itself exactly"),
    ([[1.0, 2.0], [2.0, 3.0]], 1, "must have the outputs of y_true. Got 2 and 1"),
    ([1.0, np.nan], 1, "y_train contains NaN"),
]


def test_scales_and_intervals_that_do_not_exist_are_named():
    """An error is better than an infinity, or than ends the wrong way round."""
    for train, season, words in OF_TRAINING:
        with pytest.raises(ValueError, match=words):
            mean_absolute_scaled_error([1.0], [2.0], y_train=train, season=season)
    with pytest.raises(ValueError, match=r"above y_upper\. It is in row 1"):
        interval_coverage([1.0, 1.0], [0.0, 3.0], [2.0, 2.0])
    for coverage in (0, 1, 90, None, True):
        with pytest.raises(ValueError, match="must be a float between 0 and 1"):
            mean_interval_score([1.0], [0.0], [2.0], coverage=coverage)


@pytest.mark.parametrize("metric", METRICS)
def test_wrong_input_is_named(metric):
    """Other shapes and kinds, missing values, unknown averages and false weights."""
    truth, one, other = rows(n_rows=2)
    with pytest.raises(TypeError, match=r"y_true must hold.*dates or durations"):
        metric(truth.astype("datetime64[D]"), one, other)
    for values, options, words in (
        (truth[:-1], {}, "must have the same shape"),
        (np.full_like(truth, np.nan), {}, "y_true contains NaN"),
        (truth, {"sample_weight": [1.0]}, "inconsistent numbers of samples"),
        (truth, {"sample_weight": [np.nan, 1.0]}, "sample_weight contains NaN"),
        (truth, {"multioutput": "mean"}, "'multioutput' .* Got 'mean' instead"),
        (truth, {"multioutput": [1.0]}, "multioutput must be one for each of 2"),
    ):
        with pytest.raises(ValueError, match=words):
            metric(values, one, other, **options)
    # Weights of rows and of outputs are at least 0, and not all 0.
    for name in ("sample_weight", "multioutput"):
        for weights, words in (
            ([0.0, 0.0], "Got 2 weights of 0"),
            ([2.0, -1.0], r"Got -1\.0 at position 1"),
            ([[1.0], [1.0]], r"Got weights of shape \(2, 1\)"),
        ):
            with pytest.raises(ValueError, match=f"{name} must be one-dim.*{words}"):
                metric(truth, one, other, **{name: weights})


def test_completion_offers_metrics_alone():
    """``sklstm.metrics.<tab>`` lists the metrics, not what the file imports."""
    offered = [name for name in dir(metrics) if not name.startswith("__")]
    assert offered == metrics.__all__ and "__doc__" in dir(metrics)
