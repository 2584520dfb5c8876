"""The network in a graph: outputs and gradients of the NumPy pass, exact masking."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._backend import backend
from sklstm._graph import Architecture, GraphNetwork, loss_functions
from sklstm._network import NetworkSpec, forward, initial_weights

WINDOW, ROWS = 5, 4
NETWORKS = {
    "one layer": {"units": (3,)},
    "odd inputs": {"units": (3,), "n_channels": 1},
    "stacked": {"units": (3, 2)},
    "bidirectional": {"units": (2,), "bidirectional": True},
    "stacked bidirectional": {"units": (3, 2), "bidirectional": True},
    "several outputs": {"units": (2,), "n_outputs": 3},
}


def network_of(*, units, n_channels=2, n_outputs=1, bidirectional=False, is_masked):
    """Return spec, architecture, weights of every size, and inputs."""
    spec = NetworkSpec(
        WINDOW,
        n_channels,
        n_outputs,
        units,
        bidirectional=bidirectional,
        is_masked=is_masked,
    )
    architecture = Architecture(
        n_channels,
        n_outputs,
        units,
        spec.n_directions,
        has_dropout=False,
        is_masked=is_masked,
        loss="mse",
        optimizer="sgd",
        is_clipped=False,
    )
    rng = np.random.default_rng(3)
    weights = [
        (array + rng.normal(scale=0.2, size=array.shape)).astype(np.float32)
        for array in initial_weights(spec, 0)
    ]
    inputs = rng.normal(size=(ROWS, WINDOW, n_channels)).astype(np.float32)
    if is_masked:
        for row in range(ROWS):
            inputs[row, :row] = np.nan
    return spec, architecture, weights, inputs


def graph_pass(architecture, weights, inputs):
    """Return outputs, and the backward pass, of the graph network."""
    tf = backend("tensorflow")
    missing = np.isnan(inputs[:, :, 0])
    sequence = np.zeros((*inputs.shape[:2], architecture.n_inputs), np.float32)
    sequence[:, :, : inputs.shape[2]] = np.nan_to_num(inputs)
    if architecture.is_masked:
        sequence[:, :, -1] = missing
    network = GraphNetwork(tf, architecture, tf.constant(WINDOW))
    return network.forward(
        network.parameters(tf.constant(architecture.flat(weights))),
        tf.constant(sequence.transpose(1, 0, 2)),
        tf.constant(missing.sum(axis=1).astype(np.int32)),
        None,
        tf.constant([0, 0]),
    )


@pytest.mark.parametrize("is_masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_numpy(name, is_masked):
    """Both passes give the same outputs, missing steps or not."""
    spec, architecture, weights, inputs = network_of(
        **NETWORKS[name], is_masked=is_masked
    )
    outputs, _ = graph_pass(architecture, weights, inputs)
    assert_allclose(outputs, forward(spec, weights, inputs), atol=1e-6)


@pytest.mark.parametrize("is_masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_finite_differences(name, is_masked):
    """The backward pass agrees with differences of the NumPy pass, weight by weight."""
    spec, architecture, weights, inputs = network_of(
        **NETWORKS[name], is_masked=is_masked
    )
    tf = backend("tensorflow")
    slope = np.random.default_rng(1).normal(size=(ROWS, spec.n_outputs))
    _, backward = graph_pass(architecture, weights, inputs)
    gradient = backward(tf.constant(slope.astype(np.float32))).numpy()
    # Rows of the mask and of the idle channel are no weights: they must not move.
    found = architecture.weights(gradient)
    own = np.concatenate([part.ravel() for part in found])
    assert np.abs(gradient).sum() == pytest.approx(np.abs(own).sum(), rel=1e-6)
    for array, part in zip(weights, found, strict=True):
        flat = array.reshape(-1)
        expected = np.empty(flat.size)
        for k in range(flat.size):
            kept, sums = flat[k], []
            for shift in (0.01, -0.01):
                flat[k] = kept + shift
                sums.append((forward(spec, weights, inputs) * slope).sum())
            flat[k] = kept
            expected[k] = (sums[0] - sums[1]) / 0.02
        assert_allclose(part.ravel(), expected, atol=2e-3)


@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_flat_and_back(name, is_masked):
    """The flat variable holds every weight."""
    _, architecture, weights, _ = network_of(**NETWORKS[name], is_masked=is_masked)
    back = architecture.weights(architecture.flat(weights))
    for one, other in zip(weights, back, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "log_cosh", "quantile"])
def test_slopes_are_those_of_the_losses(loss):
    """TensorFlow's own derivative of each loss is the slope that is used."""
    tf = backend("tensorflow")
    levels = tf.constant([0.2, 0.7])
    error = tf.constant(np.random.default_rng(0).normal(size=(50, 2)).astype("float32"))
    loss_of, slope_of = loss_functions(tf, loss, tf.constant(0.4), levels)
    with tf.GradientTape() as tape:
        tape.watch(error)
        total = tf.reduce_sum(loss_of(error))
    assert_allclose(slope_of(error), tape.gradient(total, error), atol=1e-6)
