"""Activations: each name computes what Keras computes under that name."""

import warnings

import numpy as np
import pytest

from sklstm._activations import ACTIVATIONS

# Small, ordinary and large: the largest are the largest float32 there are.
MAGNITUDES = [0, 1e-30, 1e-8, 1e-3, 0.1, 0.5, 1, 2, 3, 6, 10, 50, 88, 100, 1e3, 1e10]
HUGE = [1e19, 1e20, 1e30, 3e38]

# Beyond float32 also in Keras: infinity is then the value.
OVERFLOWS = {"exponential", "squareplus"}

# Of Keras's functions, those that look at several values, or need an argument.
NOT_ELEMENTWISE = {"glu", "log_softmax", "softmax", "sparsemax", "threshold"}
NOT_ACTIVATIONS = {"deserialize", "get", "serialize"}
OTHER_NAMES = {"hard_swish", "swish"}


def symmetric(magnitudes):
    grid = np.array(magnitudes, dtype=np.float32)
    return np.concatenate([-grid[::-1], grid])


def keras_values(name, x):
    import keras

    return np.asarray(getattr(keras.activations, name)(keras.ops.convert_to_tensor(x)))


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_value_is_that_of_keras(name):
    """Every name gives Keras's value to 1e-6, relative where it is more than 1."""
    x = np.concatenate(
        [symmetric(MAGNITUDES), np.linspace(-8, 8, 1601, dtype=np.float32)]
    )
    with np.errstate(over="ignore" if name in OVERFLOWS else "warn"):
        values = ACTIVATIONS[name](x)
    np.testing.assert_allclose(values, keras_values(name, x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_huge_values_are_those_of_keras(name):
    """Up to the largest float32 the value is Keras's, without a warning of overflow."""
    x = symmetric(HUGE)
    with warnings.catch_warnings():
        if name in OVERFLOWS:
            warnings.simplefilter("ignore", RuntimeWarning)
        values = ACTIVATIONS[name](x)
    np.testing.assert_allclose(values, keras_values(name, x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 3), (0, 2)])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_shape_and_float32_are_kept(name, shape):
    """The result is float32 of the same shape, whatever the shape."""
    values = ACTIVATIONS[name](np.ones(shape, dtype=np.float32))
    assert np.shape(values) == shape
    assert values.dtype == np.float32


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_argument_is_left_alone(name):
    """Nothing is written into the argument, which may be a view of the gates."""
    x = np.linspace(-3, 3, 13, dtype=np.float32)
    x.flags.writeable = False
    ACTIVATIONS[name](x)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_strided_views_have_the_values_of_their_copies(name):
    """A column slice, as the gates are, gives bitwise what its copy gives."""
    block = np.linspace(-7, 7, 240, dtype=np.float32).reshape(12, 20)
    part = block[:, 5:10]
    difference = np.abs(ACTIVATIONS[name](part) - ACTIVATIONS[name](part.copy()))
    assert difference.max() <= 1e-6


def test_every_elementwise_activation_of_keras_is_there():
    """No elementwise activation of Keras is missing, and none is invented."""
    import keras

    names = {name for name in dir(keras.activations) if not name.startswith("_")}
    expected = names - NOT_ELEMENTWISE - NOT_ACTIVATIONS - OTHER_NAMES
    assert set(ACTIVATIONS) == expected
