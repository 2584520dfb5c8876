"""The LSTM: its pass in NumPy against a loop over scalars, and its first weights."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sklstm.network._lstm import (
    NetworkSpec,
    default_patch,
    forward,
    initial_weights,
    trace,
)


def inputs_of(spec, *, n_rows=7, seed=0):
    """Return windows, the r-th of which lacks its r oldest steps."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_rows, spec.window, spec.n_channels))
    for row in range(n_rows):
        inputs[row, : row % (spec.window + 1)] = np.nan
    return inputs.astype(np.float32)


def weights_of(spec, seed=0):
    """Return initial weights with biases that are not all 0 or 1."""
    rng = np.random.default_rng(seed + 100)
    weights = initial_weights(spec, seed)
    return [
        w + rng.normal(scale=0.1, size=w.shape).astype(np.float32) if w.ndim == 1 else w
        for w in weights
    ]


def gates_by_loop(sequence, kernel, recurrent, bias, *, is_backward, activation):
    """Return i, f, o, g, c, h after each step in float64.

    At a missing step the gates are NaN and the states those of before.
    """
    activate = {"tanh": np.tanh, "relu": lambda z: z * (z > 0)}[activation]
    units = len(recurrent)
    kernel, recurrent, bias = (w.astype(np.float64) for w in (kernel, recurrent, bias))
    h, c = np.zeros(units), np.zeros(units)
    found = np.full((len(sequence), 6, units), np.nan)
    steps = range(len(sequence))
    for step in reversed(steps) if is_backward else steps:
        if not np.isnan(sequence[step]).any():
            drive = sequence[step] @ kernel + h @ recurrent + bias
            z_i, z_f, z_c, z_o = np.split(drive, 4)
            i, f, o = (1 / (1 + np.exp(-z)) for z in (z_i, z_f, z_o))
            g = activate(z_c)
            c = f * c + i * g
            h = o * activate(c)
            found[step, :4] = i, f, o, g
        found[step, 4:] = c, h
    return found


def trace_by_loop(spec, weights, window):
    """Return the outputs for one window, and the gates of each layer and direction."""
    # Steps of a patch stand side by side; the oldest that fill none are left out.
    n_steps = spec.window // spec.patch
    newest = window[spec.window - n_steps * spec.patch :].astype(np.float64)
    sequence, traces = newest.reshape(n_steps, -1), []
    is_missing = np.isnan(sequence).any(axis=1)
    for _ in spec.units:
        own = []
        for is_backward in (False, True)[: spec.n_directions]:
            at = 3 * len(traces)
            gates = gates_by_loop(
                sequence,
                *weights[at : at + 3],
                is_backward=is_backward,
                activation=spec.activation,
            )
            own.append(gates)
            traces.append(gates)
        last = np.concatenate([g[-d, 5] for d, g in zip((1, 0), own, strict=False)])
        sequence = np.concatenate([gates[:, 5] for gates in own], axis=1)
        sequence[is_missing] = np.nan
    kernel, bias = weights[-2:]
    return last @ kernel + bias, traces


@pytest.mark.parametrize(
    ("window", "n_channels", "n_outputs", "patch"),
    [(1, 1, 1, 1), (5, 2, 2, 1), (9, 1, 4, 2), (7, 2, 1, 3)],
)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("units", [(3,), (2, 5, 3)])
def test_outputs_gates_and_states_are_the_published_ones(
    window, n_channels, n_outputs, patch, units, bidirectional, activation
):
    """A loop over rows and steps gives the same outputs, gates and states to 1e-6."""
    spec = NetworkSpec(window, n_channels, n_outputs, units, activation)
    spec = replace(spec, bidirectional=bidirectional, patch=patch)
    weights, inputs = weights_of(spec, 3), inputs_of(spec, n_rows=12, seed=3)
    outputs, traces = trace(spec, weights, inputs)
    assert outputs.dtype == np.float64
    assert len(traces) == len(units) * spec.n_directions
    np.testing.assert_array_equal(outputs, forward(spec, weights, inputs))
    for row, values in enumerate(inputs):
        expected, gates = trace_by_loop(spec, weights, values)
        np.testing.assert_allclose(outputs[row], expected, rtol=0, atol=1e-6)
        for found, own in zip(traces, gates, strict=True):
            is_true = ~np.isnan(own[:, 0]).any(axis=1)
            same = {"rtol": 0, "atol": 1e-6}
            np.testing.assert_allclose(found[row, is_true], own[is_true], **same)
            np.testing.assert_allclose(found[row, :, 4:], own[:, 4:], **same)


def test_an_exact_zero_is_a_true_step():
    """Only NaN is missing: zeros, which a series does reach, are read."""
    spec = NetworkSpec(3, 1, 1, (3,))
    weights = weights_of(spec)
    zeros = np.zeros((1, 3, 1), dtype=np.float32)
    missing = zeros.copy()
    missing[0, :2] = np.nan
    found = forward(spec, weights, zeros)
    assert found != forward(spec, weights, missing)
    expected, _ = trace_by_loop(spec, weights, zeros[0])
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-6)


# -- initial weights ----------------------------------------------------------------


@pytest.mark.parametrize("units", [1, 5, 40])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_initial_weights_have_the_distributions_of_keras(units, bidirectional):
    """Glorot kernels, orthogonal recurrent kernels, bias 0 and 1 on forget gates."""
    spec = NetworkSpec(4, 3, 2, (units, units), bidirectional=bidirectional)
    weights = initial_weights(spec, 1)
    n_inputs = 3
    for layer in range(2):
        for direction in range(spec.n_directions):
            at = 3 * (layer * spec.n_directions + direction)
            kernel, recurrent, bias = weights[at : at + 3]
            assert kernel.shape == (n_inputs, 4 * units)
            limit = math.sqrt(6 / (n_inputs + 4 * units))
            assert 0.5 * limit < np.abs(kernel).max() <= limit * (1 + 1e-6)
            product = recurrent.astype(np.float64) @ recurrent.T
            np.testing.assert_allclose(product, np.eye(units), atol=1e-6)
            np.testing.assert_array_equal(bias.reshape(4, units)[1], 1)
            np.testing.assert_array_equal(bias.reshape(4, units)[[0, 2, 3]], 0)
        n_inputs = units * spec.n_directions
    kernel, bias = weights[-2:]
    assert np.abs(kernel).max() <= math.sqrt(6 / (n_inputs + 2)) * (1 + 1e-6)
    np.testing.assert_array_equal(bias, np.zeros(2))


@pytest.mark.parametrize("window", [1, 24, 48, 53, 96, 168, 336, 720, 1000])
def test_long_windows_are_read_in_a_few_patches(window):
    """Up to 48 steps one by one, longer windows in 8 to 16 patches."""
    patch = default_patch(window)
    if window <= 48:
        assert patch == 1
    else:
        assert 8 <= window // patch <= 16 and window % patch < patch
