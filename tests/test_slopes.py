"""Gradients: those of TensorFlow, and finite differences of a loop over scalars."""

import math
from dataclasses import replace

import numpy as np
import pytest
from test_lstm import inputs_of, trace_by_loop, weights_of

from sklstm.network._backend import backend
from sklstm.network._kernels import input_slopes
from sklstm.network._lstm import MISSING, NetworkSpec, build_keras_model
from sklstm.network._scaling import fit_scaling


def keras_gradients(spec, weights, inputs, output):
    """Return what TensorFlow finds by automatic differentiation of the Keras model."""
    tf = backend("tensorflow")
    model = build_keras_model(spec)
    model.set_weights(weights)
    x = tf.constant(np.nan_to_num(inputs, nan=MISSING))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=False)[:, output]
    return np.where(np.isnan(inputs), 0.0, tape.gradient(y, x).numpy())


def value_slopes(spec, weights, scaling, inputs, output):
    """Return the gradients of a prediction by the raw values of its window."""
    slopes = input_slopes(spec, weights, inputs, output)
    return scaling.slopes(slopes, np.isnan(inputs[:, :, 0]), output)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("units", [(4,), (2, 5, 3)])
def test_gradients_are_those_of_tensorflow(units, bidirectional):
    """Stacked or not, one way or both, masked or not: automatic differentiation."""
    spec = NetworkSpec(6, 3, 2, units, bidirectional=bidirectional)
    weights, inputs = weights_of(spec), inputs_of(spec)
    for output in range(2):
        expected = keras_gradients(spec, weights, inputs, output)
        found = input_slopes(spec, weights, inputs, output)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-7)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_every_activation_has_its_slope(activation):
    """Any activation of candidate and output: TensorFlow's to float32 rounding."""
    spec = NetworkSpec(4, 2, 1, (3,), activation)
    weights, inputs = weights_of(spec), inputs_of(spec)
    expected = keras_gradients(spec, weights, inputs, 0)
    found = input_slopes(spec, weights, inputs, 0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_are_finite_differences_of_a_loop(bidirectional):
    """The published recursion, number by number in float64, rises as they say."""
    spec = NetworkSpec(4, 2, 2, (2, 3), bidirectional=bidirectional)
    weights, inputs = weights_of(spec), inputs_of(spec, n_rows=3)
    found = input_slopes(spec, weights, inputs, 1)
    for row, step, channel in np.argwhere(~np.isnan(inputs)):
        ends = []
        for change in (1e-5, -1e-5):
            moved = inputs[row].astype(np.float64)
            moved[step, channel] += change
            ends.append(trace_by_loop(spec, weights, moved)[0][1])
        slope = (ends[0] - ends[1]) / 2e-5
        assert math.isclose(slope, found[row, step, channel], abs_tol=1e-6)


@pytest.mark.parametrize(
    ("kind", "has_highway"),
    [(None, False), ("last", False), ("last", True), ("standard", True)],
)
def test_gradients_go_through_scaling_and_highway(kind, has_highway):
    """Values in their unit rise by what is said, incomplete windows included."""
    rng = np.random.default_rng(0)
    spec = NetworkSpec(5, 2, 2, (3,))
    series = 40 + 9 * rng.normal(size=(90, 2)).cumsum(axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(series, 5, axis=0)[:-1]
    windows = windows.transpose(0, 2, 1).astype(np.float32)
    targets = series[5:].copy()
    rows = np.arange(len(windows))
    scaling = fit_scaling(
        kind, windows, targets, rows, np.arange(2), has_highway=has_highway
    )
    if has_highway:
        scaling = replace(scaling, network_weight=0.7)
    assert scaling.is_centred.any() == (kind == "last")
    weights = weights_of(spec)
    chosen = windows[:6].astype(np.float64)
    for row in range(1, 5):
        chosen[row, :row] = np.nan

    def predict(one):
        inputs = scaling.inputs(one[None])[0]
        outputs = trace_by_loop(spec, weights, inputs)[0][None]
        return scaling.values(outputs, one[None])[0]

    for output in range(2):
        found = value_slopes(spec, weights, scaling, scaling.inputs(chosen), output)
        assert not found[np.isnan(chosen)].any()
        for row, step, channel in np.argwhere(~np.isnan(chosen)):
            ends = []
            for change in (1e-3, -1e-3):
                moved = chosen[row].copy()
                moved[step, channel] += change
                ends.append(predict(moved)[output])
            slope = (ends[0] - ends[1]) / 2e-3
            expected = found[row, step, channel]
            assert math.isclose(slope, expected, rel_tol=1e-4, abs_tol=1e-5)


def test_a_window_without_a_true_step_has_no_slope():
    """Where nothing was read, nothing moves the prediction."""
    rng = np.random.default_rng(0)
    spec = NetworkSpec(3, 1, 1, (2,), bidirectional=True)
    windows = rng.normal(size=(40, 3, 1)).astype(np.float32)
    scaling = fit_scaling(
        "last", windows, windows[:, -1], np.arange(40), np.zeros(1, int)
    )
    inputs = np.full((2, 3, 1), np.nan)
    assert not value_slopes(spec, weights_of(spec), scaling, inputs, 0).any()
