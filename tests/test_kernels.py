"""Kernels: NumPy's pass defines them; no bit depends on neighbours or on threads."""

import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import sklstm._lstm_kernels as extension
from by_hand import printed_afresh
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from test_lstm import inputs_of, weights_of

import sklstm.network._kernels as kernels
from sklstm._imports import imported
from sklstm.network._kernels import LSTMRecipe
from sklstm.network._lstm import (
    MISSING,
    NetworkSpec,
    build_keras_model,
    forward,
)
from sklstm.network._scaling import fit_scaling
from sklstm.network._training import Monitor, Plan, TrainingSet

LEVELS = kernels.levels()

SPECS = {
    "plain": NetworkSpec(6, 2, 1, (5,)),
    "one step, one unit": NetworkSpec(1, 1, 1, (1,)),
    "stacked": NetworkSpec(5, 3, 4, (7, 3, 13)),
    "both ways": NetworkSpec(7, 1, 2, (9, 4), bidirectional=True),
    "patches": NetworkSpec(11, 2, 3, (6,), patch=4),
    "relu": NetworkSpec(6, 2, 14, (8, 5), "relu"),
    "wide": NetworkSpec(4, 5, 25, (70,)),
}


# The same, with as much work for a batch as threads are started for.
LARGE = {
    name: replace(
        spec,
        window=40,
        patch=min(spec.patch, 2),
        units=tuple(u + 45 for u in spec.units),
    )
    for name, spec in SPECS.items()
}


# -- prediction ---------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", LARGE)
def test_a_row_is_the_same_bits_in_any_company(name, level):
    """Alone, among others, at any place, for any number of threads."""
    spec = LARGE[name]
    weights, inputs = weights_of(spec), inputs_of(spec, n_rows=100)
    found = kernels.outputs(spec, weights, inputs, level=level)
    for n_threads in (2, 3):
        shared = kernels.outputs(
            spec, weights, inputs, n_threads=n_threads, level=level
        )
        assert_array_equal(shared, found)
    order = np.random.default_rng(1).permutation(len(inputs))
    moved = kernels.outputs(spec, weights, inputs[order], level=level)
    assert_array_equal(moved, found[order])
    for row in (0, 17, 99):
        alone = kernels.outputs(spec, weights, inputs[row : row + 1], level=level)
        assert_array_equal(alone[0], found[row])


@st.composite
def networks(draw):
    """Draw numbers of steps, channels, outputs, units and layers."""
    window = draw(st.integers(1, 12))
    return NetworkSpec(
        window,
        draw(st.integers(1, 4)),
        draw(st.integers(1, 13)),
        tuple(draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))),
        draw(st.sampled_from(["tanh", "relu"])),
        bidirectional=draw(st.booleans()),
        patch=draw(st.integers(1, window)),
    )


@settings(max_examples=60)
@given(st.sampled_from([*SPECS.values()]) | networks(), st.integers(0, 2**31))
def test_every_level_predicts_what_numpy_defines(spec, seed):
    """Float32 sums are as close to a float64 pass, whatever the network."""
    weights, inputs = weights_of(spec, seed), inputs_of(spec, n_rows=45, seed=seed)
    expected = forward(spec, weights, inputs)
    scale = max(1.0, np.abs(expected).max())
    for level in LEVELS:
        found = kernels.outputs(spec, weights, inputs, level=level)
        assert found.dtype == np.float32
        assert_allclose(found, expected, rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("level", LEVELS)
def test_activations_are_exact_far_out(level):
    """Gates that saturate are 0 or 1, and nothing overflows on the way."""
    spec = NetworkSpec(1, 1, 1, (1,))
    one = np.ones((1, 4), np.float32)
    weights = [one, one, np.zeros(4, np.float32), one[:, :1], np.zeros(1, np.float32)]
    x = np.float32([0, 1e-30, 1e-5, 0.3, 2, 8.5, 16.5, 20, 80, 1e4, 3e38])
    x = np.concatenate([-x, x])[:, None, None]
    exact = x[:, 0].astype(np.float64)
    gate = np.exp(-np.logaddexp(0, -exact))
    expected = gate * np.tanh(gate * np.tanh(exact))
    found = kernels.outputs(spec, weights, x, level=level)
    assert_allclose(found, expected, rtol=2e-6, atol=1e-11)
    slopes = kernels.input_slopes(spec, weights, x, 0, level=level)
    assert np.abs(slopes[np.abs(x) > 30]).max() < 1e-20


# -- training -----------------------------------------------------------------------


def training_set(spec, n_rows=150, *, is_weighted=False, n_validation=30, seed=0):
    """Return a random walk, its windows, and what follows them."""
    rng = np.random.default_rng(seed)
    window, n_channels = spec.window, spec.n_channels
    steps = rng.normal(size=(n_rows + window, n_channels)).cumsum(axis=0)
    base = steps.astype(np.float32)
    base[: window - 1] = np.nan
    view = np.lib.stride_tricks.sliding_window_view(base, window, axis=0)
    windows = view.transpose(0, 2, 1)[:n_rows]
    counts = (~np.isnan(windows[:, :, 0])).sum(axis=1)
    targets = steps[window:, :1] + np.arange(spec.n_outputs)
    rows = np.arange(n_rows, dtype=np.int32)
    split = n_rows - n_validation
    each = np.zeros(spec.n_outputs, int)
    scaling = fit_scaling("auto", windows, targets, rows[:split], each)
    weights = rng.uniform(0.5, 2, n_rows) if is_weighted else None
    return TrainingSet(
        windows, counts, targets, scaling, rows[:split], rows[split:], weights
    )


def trained(spec, *, n_threads=1, level="", epochs=3, batch_size=32, **params):
    """Return weights, state of the optimizer and losses after some epochs."""
    recipe = LSTMRecipe(spec=spec, **params)
    data = training_set(spec, is_weighted=True)
    plan = Plan(epochs, batch_size, 0.01, 10, (3, 0), n_threads=n_threads)
    monitor = Monitor(plan.patience)
    weights, state = recipe.train(
        data, plan, monitor, weights_of(spec), None, level=level
    )
    return weights, state, monitor.history


TRAININGS = {
    "plain": {},
    "stacked": {"loss": "mae", "optimizer": "adamw"},
    "both ways": {"loss": "log_cosh", "optimizer": "rmsprop"},
    "patches": {"loss": "mse", "optimizer": "sgd"},
    "relu": {"optimizer_params": {"global_clipnorm": 0.1}},
    "wide": {"quantiles": tuple(np.arange(1, 26) / 26)},
}


@pytest.mark.parametrize("batch_size", [32, 100])
@pytest.mark.parametrize("name", TRAININGS)
def test_training_is_the_same_bits_for_any_number_of_threads(name, batch_size):
    """Shards and the order of their sums depend on the batch alone, dropout too."""
    spec = replace(LARGE[name], dropout=0.3)
    alone, *others = (
        trained(spec, n_threads=n, batch_size=batch_size, **TRAININGS[name])
        for n in (1, 2, 5)
    )
    for other in others:
        assert other[2] == alone[2]
        for one, two in zip(alone[0] + alone[1], other[0] + other[1], strict=True):
            assert_array_equal(one, two)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", TRAININGS)
def test_every_level_learns_the_same(name, level):
    """Weights differ by the rounding of float32 and no more."""
    expected = trained(SPECS[name], **TRAININGS[name])
    found = trained(SPECS[name], level=level, **TRAININGS[name])
    for one, two in zip(expected[0], found[0], strict=True):
        assert_allclose(one, two, rtol=1e-3, atol=2e-5)


def numeric_slopes(loss, weights, which, places):
    """Return the slopes of a loss by some weights, by central differences."""
    slopes = []
    for place in places:
        ends = []
        for change in (1e-4, -1e-4):
            moved = [array.astype(np.float64) for array in weights]
            moved[which].flat[place] += change
            ends.append(loss(moved))
        slopes.append((ends[0] - ends[1]) / 2e-4)
    return np.array(slopes)


@pytest.mark.parametrize("name", ["plain", "stacked", "both ways", "patches", "relu"])
def test_a_step_goes_down_the_slope_of_the_loss(name):
    """A step of SGD moves each weight by the finite difference of NumPy's loss."""
    spec = SPECS[name]
    data = training_set(spec, 40, n_validation=5, is_weighted=True)
    recipe = LSTMRecipe(spec=spec, optimizer="sgd", loss="mse")
    weights, rate = weights_of(spec), 0.1
    plan = Plan(1, 1000, rate, None, (0, 0))
    learned, _ = recipe.train(data, plan, Monitor(None), weights, None)
    inputs = data.scaling.inputs(data.windows[data.rows])
    targets = data.scaled_targets()[data.rows]

    def loss(moved):
        errors = forward(spec, moved, inputs) - targets
        return (np.square(errors).mean(axis=1) * data.weights[data.rows]).mean()

    rng = np.random.default_rng(0)
    for which, array in enumerate(weights):
        places = rng.choice(array.size, min(4, array.size), replace=False)
        expected = numeric_slopes(loss, weights, which, places)
        found = (array.flat[places] - learned[which].flat[places]) / rate
        # Differences of NumPy's float32 activations are exact to some 1e-3.
        assert_allclose(found, expected, rtol=2e-2, atol=3e-3)


def test_the_rate_of_a_refit_falls_to_zero():
    """Half a cosine over all steps of the plan: full at first, 0 after the last."""
    spec = SPECS["plain"]
    data = training_set(spec, n_validation=0)
    recipe = LSTMRecipe(spec=spec, optimizer="sgd")
    plan = Plan(2, 50, 0.1, None, (0, 0), is_annealed=True)
    begin = weights_of(spec)
    found, _ = recipe.train(data, plan, Monitor(None), begin, None)
    weights, orders = begin, data.orders(plan.seed)
    for epoch in range(2):
        order = next(orders)
        for batch in range(3):
            step = 3 * epoch + batch
            rate = 0.1 * (1 + np.cos(np.pi * step / 6)) / 2
            rows = order[50 * batch : 50 * batch + 50]
            one = replace(data, rows=rows, weights=None)
            once = Plan(1, 50, float(rate) or 1e-12, None, (0, 0))
            weights, _ = recipe.train(one, once, Monitor(None), weights, None)
    for one, two in zip(found, weights, strict=True):
        assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_a_call_returns_soon():
    """An epoch of many seconds is cut into calls of hundredths of a second."""
    spec = NetworkSpec(200, 1, 1, (64,))
    data = training_set(spec, 4000, n_validation=0)
    recipe = LSTMRecipe(spec=spec)
    plan = Plan(1, 512, 0.01, None, (0, 0))
    trainer = recipe._trainer(data, plan, weights_of(spec), None, "")
    trainer.begin(data.rows[None], data.validation_rows, 1)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert not trainer.go_on(0.01)
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[2] < 0.05


def test_cut_epochs_are_whole():
    """Calls that end within a batch come to the same bits as one long call."""
    spec = SPECS["both ways"]
    data = training_set(spec)
    plan = Plan(1, 64, 0.01, None, (0, 0))
    results = []
    for seconds in (0.0, 60.0):
        trainer = LSTMRecipe(spec=spec)._trainer(data, plan, weights_of(spec), None, "")
        trainer.begin(np.stack([data.rows] * 2), data.validation_rows, 9)
        n_calls = 1
        while not trainer.go_on(seconds):
            n_calls += 1
            seconds = 1e-7 if seconds < 1 else seconds
        results.append((trainer.weights, trainer.losses))
        assert (n_calls > 1) == (seconds < 1)
    assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


def test_fits_in_threads_do_not_wait_for_each_other():
    """While a kernel runs, other Python threads do."""
    spec = NetworkSpec(100, 1, 1, (64,))
    weights = weights_of(spec)
    inputs = inputs_of(spec, n_rows=2000)
    ticks, is_over = [], threading.Event()

    def tick():
        while not is_over.is_set():
            ticks.append(None)
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    before = len(ticks)
    kernels.outputs(spec, weights, inputs)
    is_over.set()
    thread.join()
    assert len(ticks) > before


# -- what is refused, and how the extension behaves -----------------------------------


def test_the_extension_reads_nothing_out_of_bounds():
    """Windows beyond their base, absent rows, weights of another network: refused."""
    network = extension.Network(4, 1, 1, [2], 1, 1, False)
    one, none = np.ones(1, np.float32), np.zeros(1, np.uint8)
    base, starts = np.zeros((10, 1), np.float32), np.array([0, 6], np.int32)
    weights = np.zeros(network.n_weights, np.float32)
    result = np.zeros((2, 1), np.float32)

    def predict(
        starts=starts, weights=weights, end=2, result=result, output=-1, level=""
    ):
        windows = extension.Windows(base, starts, None, one, one, none)
        extension.predict(network, weights, windows, 0, end, result, output, 1, level)

    predict()
    for wrong in (
        {"starts": starts + np.int32(1)},
        {"starts": starts - np.int32(1)},
        {"weights": weights[1:]},
        {"end": 3},
        {"result": result[:1]},
        {"output": 1},
    ):
        with pytest.raises(ValueError):
            predict(**wrong)
    with pytest.raises(TypeError):
        predict(starts=starts.astype(np.int64))
    with pytest.raises(ValueError, match="no level 'mmx'"):
        predict(level="mmx")
    for wrong in ((0, 1, 1, [2], 1, 1), (4, 1, 5, [2], 1, 1), (4, 1, 1, [0], 1, 1)):
        with pytest.raises(ValueError):
            extension.Network(*wrong, False)


CODE = """
import numpy as np
tiny = np.float32(1e-40)
import sklstm.network._kernels as kernels
from sklstm.network._lstm import NetworkSpec, initial_weights
spec = NetworkSpec(2, 1, 1, (3,))
x = np.ones((2, 2, 1), np.float32)
kernels.outputs(spec, initial_weights(spec, 0), x, n_threads=2)
assert tiny * np.float32(1) == tiny != 0
print(kernels._LEVEL, kernels.levels()[0])
"""


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_can_be_forced_and_no_floating_point_mode_changes(level):
    """SKLSTM_LEVEL names a level; subnormal numbers survive the extension."""
    out = printed_afresh(CODE, env=os.environ | {"SKLSTM_LEVEL": level})
    assert out.split() == [level, "baseline"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_trains():
    """Threads of a call have ended with it, so that a child misses none."""
    spec = SPECS["plain"]
    expected = trained(spec, n_threads=2)[2]["loss"]
    pid = os.fork()
    if pid == 0:
        os._exit(0 if trained(spec, n_threads=2)[2]["loss"] == expected else 1)
    for _ in range(600):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.05)
    else:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0


# -- gradients with respect to the inputs ---------------------------------------------


def keras_gradients(spec, weights, inputs, output):
    """Return what TensorFlow finds by automatic differentiation of the Keras model."""
    tf = imported("tensorflow")
    model = build_keras_model(spec)
    model.set_weights(weights)
    x = tf.constant(np.nan_to_num(inputs, nan=MISSING))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=False)[:, output]
    return np.where(np.isnan(inputs), 0.0, tape.gradient(y, x).numpy())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("units", [(4,), (2, 5, 3)])
def test_gradients_are_those_of_tensorflow(units, bidirectional, activation):
    """Stacked or not, one way or both, masked or not: automatic differentiation."""
    spec = NetworkSpec(6, 3, 2, units, activation, bidirectional=bidirectional)
    weights, inputs = weights_of(spec), inputs_of(spec)
    for output in range(2):
        expected = keras_gradients(spec, weights, inputs, output)
        found = kernels.input_slopes(spec, weights, inputs, output)
        assert np.abs(expected).max() > 1e-3
        assert_allclose(found, expected, rtol=0, atol=1e-6)
