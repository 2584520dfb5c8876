"""The network: the NumPy pass against Keras and against a loop over scalars."""

import math
import random

import numpy as np
import pytest

from sklstm.network._network import (
    MISSING,
    NetworkSpec,
    build_keras_model,
    default_patch,
    forward,
    initial_weights,
    patched,
    trace,
)


def inputs_of(spec, *, n_rows=7, seed=0, is_masked=None):
    """Return windows of which the r-th lacks its r oldest steps, if masked."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_rows, spec.window, spec.n_channels))
    if spec.is_masked if is_masked is None else is_masked:
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


def keras_outputs(spec, weights, inputs):
    model = build_keras_model(spec)
    model.set_weights(weights)
    return np.asarray(model(np.nan_to_num(inputs, nan=MISSING), training=False))


def check_parity(spec, *, size=1):
    weights, inputs = weights_of(spec), np.float32(size) * inputs_of(spec)
    outputs = forward(spec, weights, inputs)
    expected = keras_outputs(spec, weights, inputs)
    assert np.isfinite(expected).all()
    assert outputs.shape == expected.shape == (len(inputs), spec.n_outputs)
    assert outputs.dtype == np.float64
    assert np.abs(outputs - expected).max() <= 1e-6


# -- against Keras ------------------------------------------------------------------


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("units", [(4,), (4, 3), (2, 5, 3)])
def test_layers_are_those_of_keras(units, bidirectional, is_masked):
    """Stacked or not, one way or both, masked or not: outputs are Keras's to 1e-6."""
    check_parity(
        NetworkSpec(
            window=6,
            n_channels=3,
            n_outputs=2,
            units=units,
            bidirectional=bidirectional,
            is_masked=is_masked,
        )
    )


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_activation_is_that_of_keras(activation):
    """Every activation of candidate and output gives Keras's outputs."""
    check_parity(NetworkSpec(4, 2, 1, (3,), activation, is_masked=True), size=2)


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize(
    ("window", "n_channels", "n_outputs"), [(1, 1, 1), (1, 3, 2), (9, 1, 4), (2, 5, 1)]
)
def test_shapes_are_those_of_keras(window, n_channels, n_outputs, is_masked):
    """Any window, down to a single step, any channels, any outputs."""
    check_parity(NetworkSpec(window, n_channels, n_outputs, (3,), is_masked=is_masked))


def test_dropout_is_idle_in_prediction():
    """Dropout drops nothing outside training, neither here nor in Keras."""
    check_parity(NetworkSpec(4, 1, 1, (3, 2), dropout=0.7))
    spec = NetworkSpec(4, 1, 1, (3, 2))
    dropping = NetworkSpec(4, 1, 1, (3, 2), dropout=0.7)
    weights, inputs = weights_of(spec), inputs_of(spec)
    np.testing.assert_array_equal(
        forward(spec, weights, inputs), forward(dropping, weights, inputs)
    )


def test_weights_go_into_keras_as_they_are():
    """Order, names and shapes of the weights are those of the Keras model."""
    spec = NetworkSpec(3, 2, 2, (3, 4), bidirectional=True, is_masked=True)
    model = build_keras_model(spec)
    shapes = [tuple(variable.shape) for variable in model.weights]
    assert [w.shape for w in initial_weights(spec, 0)] == shapes
    assert all(not w.any() for w in model.get_weights() if w.ndim == 2)


def test_building_a_keras_model_draws_nothing():
    """``build_keras_model`` draws from no global generator, dropout included."""
    spec = NetworkSpec(3, 1, 1, (2, 2), dropout=0.3, bidirectional=True)
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    build_keras_model(spec)
    after = random.getstate(), np.random.get_state()  # noqa: NPY002
    assert repr(before) == repr(after)


# -- against a loop over scalars ----------------------------------------------------


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def lstm_by_loop(sequence, kernel, recurrent, bias, is_backward):
    """Return the hidden state after each step; ``None`` stands for a missing step."""
    units = len(recurrent)
    hidden, cell = [0.0] * units, [0.0] * units
    states = [None] * len(sequence)
    order = range(len(sequence))
    for step in reversed(order) if is_backward else order:
        x = sequence[step]
        if x is not None:
            drive = [
                float(bias[k])
                + sum(float(x[j]) * float(kernel[j, k]) for j in range(len(x)))
                + sum(hidden[j] * float(recurrent[j, k]) for j in range(units))
                for k in range(4 * units)
            ]
            new_hidden, new_cell = [], []
            for u in range(units):
                let_in = sigmoid(drive[u])
                keep = sigmoid(drive[units + u])
                candidate = math.tanh(drive[2 * units + u])
                give_out = sigmoid(drive[3 * units + u])
                state = keep * cell[u] + let_in * candidate
                new_cell.append(state)
                new_hidden.append(give_out * math.tanh(state))
            hidden, cell = new_hidden, new_cell
        states[step] = hidden
    return states, hidden


def forward_by_loop(spec, weights, window):
    """Return the outputs for one window, number by number, in float64."""
    is_true = [not np.isnan(step).any() for step in window]
    sequence = [
        list(x) if true else None for x, true in zip(window, is_true, strict=True)
    ]
    weights = list(weights)
    for _ in spec.units:
        passes = []
        for direction in range(spec.n_directions):
            kernel, recurrent, bias = (weights.pop(0) for _ in range(3))
            passes.append(
                lstm_by_loop(sequence, kernel, recurrent, bias, direction == 1)
            )
        last = [value for _, hidden in passes for value in hidden]
        sequence = [
            [value for states, _ in passes for value in states[step]] if true else None
            for step, true in enumerate(is_true)
        ]
    kernel, bias = weights
    return [
        float(bias[k]) + sum(h * float(kernel[j, k]) for j, h in enumerate(last))
        for k in range(spec.n_outputs)
    ]


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("units", [(3,), (2, 3)])
def test_forward_is_the_published_recursion(units, bidirectional, is_masked):
    """A loop over steps, units and gates gives the same outputs to 1e-6."""
    spec = NetworkSpec(5, 2, 2, units, bidirectional=bidirectional, is_masked=is_masked)
    weights, inputs = weights_of(spec, 3), inputs_of(spec, n_rows=12, seed=3)
    expected = [forward_by_loop(spec, weights, window) for window in inputs]
    outputs = forward(spec, weights, inputs)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6)


def test_a_missing_step_is_as_if_it_were_not_there():
    """A window with missing oldest steps gives what the shorter window gives."""
    whole = NetworkSpec(6, 2, 1, (3, 2), bidirectional=True, is_masked=True)
    short = NetworkSpec(4, 2, 1, (3, 2), bidirectional=True)
    weights = weights_of(whole)
    inputs = inputs_of(whole, is_masked=False)
    inputs[:, :2] = np.nan
    np.testing.assert_allclose(
        forward(whole, weights, inputs),
        forward(short, weights, inputs[:, 2:]),
        rtol=0,
        atol=1e-7,
    )


@pytest.mark.parametrize("bidirectional", [False, True])
def test_window_without_a_true_step_is_finite(bidirectional):
    """A fully missing window gives the bias of the output layer, as in Keras."""
    spec = NetworkSpec(3, 2, 2, (3, 2), bidirectional=bidirectional, is_masked=True)
    weights = weights_of(spec)
    inputs = np.full((2, 3, 2), np.nan, dtype=np.float32)
    outputs = forward(spec, weights, inputs)
    np.testing.assert_array_equal(outputs, [weights[-1]] * 2)
    np.testing.assert_array_equal(outputs, keras_outputs(spec, weights, inputs))


def test_an_exact_zero_is_a_true_step():
    """Only NaN is missing: zeros, which a series does reach, are read."""
    spec = NetworkSpec(3, 1, 1, (3,), is_masked=True)
    weights = weights_of(spec)
    zeros = np.zeros((1, 3, 1), dtype=np.float32)
    missing = zeros.copy()
    missing[0, :2] = np.nan
    assert forward(spec, weights, zeros) != forward(spec, weights, missing)
    expected = keras_outputs(spec, weights, zeros)
    np.testing.assert_allclose(
        forward(spec, weights, zeros), expected, rtol=0, atol=1e-6
    )


def test_no_rows_give_no_outputs():
    """Zero windows give an array of shape (0, n_outputs)."""
    spec = NetworkSpec(3, 2, 4, (3,))
    outputs = forward(spec, weights_of(spec), np.empty((0, 3, 2), np.float32))
    assert outputs.shape == (0, 4)
    assert outputs.dtype == np.float64


def test_inputs_and_weights_are_left_alone():
    """Neither the windows, which are often views, nor the weights are written to."""
    spec = NetworkSpec(4, 2, 1, (3,), is_masked=True)
    weights, inputs = weights_of(spec), inputs_of(spec)
    for array in (*weights, inputs):
        array.flags.writeable = False
    forward(spec, weights, inputs)


# -- rows ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["values", "huge", "missing"])
@pytest.mark.parametrize("n_rows", [2, 40, 1023, 1025])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_rows_do_not_see_each_other(bidirectional, n_rows, kind):
    """Whatever the other rows become, a row's outputs stay the same, bit for bit."""
    spec = NetworkSpec(5, 3, 2, (7, 4), bidirectional=bidirectional, is_masked=True)
    weights = weights_of(spec)
    inputs = inputs_of(spec, n_rows=n_rows, is_masked=False)
    rng = np.random.default_rng(1)
    kept = np.sort(rng.choice(n_rows, size=max(1, n_rows // 3), replace=False))
    others = np.setdiff1d(np.arange(n_rows), kept)
    changed = inputs.copy()
    if kind == "missing":
        changed[others, :2] = np.nan
    else:
        scale = 1e30 if kind == "huge" else 1
        shape = changed[others].shape
        changed[others] = scale * rng.normal(size=shape).astype(np.float32)
    before = forward(spec, weights, inputs)[kept]
    after = forward(spec, weights, changed)[kept]
    np.testing.assert_array_equal(before, after)


def test_rows_of_a_view_do_not_see_each_other():
    """Overlapping windows keep their outputs, bit for bit, when others lack steps."""
    spec = NetworkSpec(6, 3, 1, (8,), is_masked=True)
    weights = weights_of(spec)
    series = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)

    def windows(series):
        view = np.lib.stride_tricks.sliding_window_view(series, 6, axis=0)
        return view.transpose(0, 2, 1)

    missing = series.copy()
    missing[:100] = np.nan
    before = forward(spec, weights, windows(series))
    after = forward(spec, weights, windows(missing))
    np.testing.assert_array_equal(before[100:], after[100:])


def test_many_rows_are_as_few_at_a_time():
    """More rows than go through at once give what they give in small parts."""
    spec = NetworkSpec(3, 1, 2, (4,), is_masked=True)
    weights = weights_of(spec)
    inputs = inputs_of(spec, n_rows=2500)
    parts = [forward(spec, weights, inputs[i : i + 7]) for i in range(0, 2500, 7)]
    np.testing.assert_allclose(
        forward(spec, weights, inputs), np.concatenate(parts), rtol=0, atol=1e-6
    )


# -- gates --------------------------------------------------------------------------


def gates_by_loop(sequence, kernel, recurrent, bias, *, is_backward, activation):
    """Return i, f, o, g, c, h after each step in float64, a row at a time.

    At a missing step (None) the gates are NaN and the states those of before.
    """
    activate = {"tanh": np.tanh, "relu": lambda z: z * (z > 0)}[activation]
    units = len(recurrent)
    kernel, recurrent, bias = (w.astype(np.float64) for w in (kernel, recurrent, bias))
    h, c = np.zeros(units), np.zeros(units)
    found = np.full((len(sequence), 6, units), np.nan)
    steps = range(len(sequence))
    for step in reversed(steps) if is_backward else steps:
        if sequence[step] is not None:
            z_i, z_f, z_c, z_o = np.split(
                sequence[step] @ kernel + h @ recurrent + bias, 4
            )
            i, f, o = (1 / (1 + np.exp(-z)) for z in (z_i, z_f, z_o))
            g = activate(z_c)
            c = f * c + i * g
            h = o * activate(c)
            found[step, :4] = i, f, o, g
        found[step, 4:] = c, h
    return found


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("is_masked", [False, True])
def test_traces_are_the_gates_of_a_loop(is_masked, bidirectional, activation):
    """Every gate and state of every layer and direction is the published one."""
    spec = NetworkSpec(
        5,
        2,
        1,
        (3, 2),
        activation,
        bidirectional=bidirectional,
        is_masked=is_masked,
    )
    weights, inputs = weights_of(spec), inputs_of(spec, n_rows=6)
    _, traces = trace(spec, weights, inputs)
    assert len(traces) == 2 * spec.n_directions
    for row, window in enumerate(inputs):
        is_true = ~np.isnan(window).any(axis=1)
        sequence = window.astype(np.float64)
        for layer in range(2):
            read = [x if t else None for x, t in zip(sequence, is_true, strict=True)]
            passes = []
            for direction in range(spec.n_directions):
                at = layer * spec.n_directions + direction
                passes.append(
                    gates_by_loop(
                        read,
                        *weights[3 * at : 3 * at + 3],
                        is_backward=direction == 1,
                        activation=activation,
                    )
                )
                found, expected = traces[at][row], passes[-1]
                np.testing.assert_allclose(
                    found[is_true], expected[is_true], rtol=0, atol=1e-6
                )
                np.testing.assert_allclose(
                    found[:, 4:], expected[:, 4:], rtol=0, atol=1e-6
                )
            sequence = np.concatenate([p[:, 5] for p in passes], axis=1)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_tracing_changes_no_output(bidirectional, activation):
    """Outputs are those of ``forward``, bit for bit, and follow from the states."""
    spec = NetworkSpec(
        6, 3, 2, (4, 3), activation, bidirectional=bidirectional, is_masked=True
    )
    weights, inputs = weights_of(spec), inputs_of(spec, n_rows=20)
    outputs, traces = trace(spec, weights, inputs)
    np.testing.assert_array_equal(outputs, forward(spec, weights, inputs))
    last = [traces[2 * bidirectional + 1 - bidirectional][:, -1, 5]]
    if bidirectional:
        last.append(traces[3][:, 0, 5])
    by_hand = np.concatenate(last, axis=1) @ weights[-2] + weights[-1]
    np.testing.assert_allclose(by_hand, outputs, rtol=1e-12, atol=1e-12)


def test_hidden_states_are_those_of_keras_layer_by_layer():
    """What each layer hands to the next is what Keras's layers do."""
    spec = NetworkSpec(6, 2, 1, (4, 3, 2), bidirectional=True)
    weights, inputs = weights_of(spec), inputs_of(spec)
    model = build_keras_model(spec)
    model.set_weights(weights)
    _, traces = trace(spec, weights, inputs)
    read = inputs
    for layer in range(2):
        read = np.asarray(model.layers[layer](read))
        states = np.concatenate([t[:, :, 5] for t in traces[2 * layer :][:2]], axis=2)
        np.testing.assert_allclose(states, read, rtol=0, atol=1e-6)


# -- initial weights ----------------------------------------------------------------


def test_initial_weights_are_determined_by_the_seed():
    """The same seed gives the same weights, bit for bit; another seed others."""
    spec = NetworkSpec(3, 2, 2, (3, 4), bidirectional=True)
    first, again = initial_weights(spec, 5), initial_weights(spec, 5)
    other = initial_weights(spec, 6)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == np.float32
        assert a.ndim == 1 or (a != c).all()


def test_initial_weights_touch_no_global_generator():
    """Python's and NumPy's global generators stay where they were."""
    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    initial_weights(NetworkSpec(3, 2, 2, (3, 4)), 0)
    assert before == (random.getstate(), repr(np.random.get_state()))  # noqa: NPY002


def test_number_of_parameters():
    """Fifty units on one channel with five outputs have 10,655 parameters."""
    spec = NetworkSpec(window=5, n_channels=1, n_outputs=5, units=(50,))
    weights = initial_weights(spec, 0)
    shapes = [(1, 200), (50, 200), (200,), (50, 5), (5,)]
    assert [w.shape for w in weights] == shapes
    assert sum(w.size for w in weights) == 10_655
    assert build_keras_model(spec).count_params() == 10_655


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


def test_no_two_arrays_of_initial_weights_are_equal():
    """Layers and directions start from different draws."""
    weights = initial_weights(NetworkSpec(3, 4, 1, (2, 2), bidirectional=True), 0)
    kernels = [w for w in weights if w.ndim == 2 and w.shape == (4, 8)]
    assert len(kernels) == 4
    for i, first in enumerate(kernels):
        for second in kernels[i + 1 :]:
            assert (first != second).all()


@pytest.mark.parametrize(("window", "patch"), [(6, 1), (6, 2), (7, 3), (5, 5)])
def test_patches_are_those_of_a_loop(window, patch):
    """Steps of a patch stand side by side; the oldest that fill none are left out."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(4, window, 2)).astype(np.float32)
    for row in range(1, 4):
        inputs[row, :row] = np.nan
    found = patched(inputs, patch)
    n_steps = window // patch
    assert found.shape == (4, n_steps, 2 * patch)
    for row in range(4):
        for step in range(n_steps):
            begin = window - (n_steps - step) * patch
            values = inputs[row, begin : begin + patch].ravel()
            if np.isnan(values).any():
                assert np.isnan(found[row, step]).all()
            else:
                np.testing.assert_array_equal(found[row, step], values)


@pytest.mark.parametrize("window", [1, 24, 48, 53, 96, 168, 336, 720, 1000])
def test_long_windows_are_read_in_a_few_patches(window):
    """Up to 48 steps one by one, longer windows in 8 to 16 patches."""
    patch = default_patch(window)
    if window <= 48:
        assert patch == 1
    else:
        assert 8 <= window // patch <= 16 and window % patch < patch
