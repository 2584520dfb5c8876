"""Networks that Keras trains: their seeds, their builders, and what a fit leaves."""

import contextlib
import functools
import gc
import random

import joblib
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from test_keras_regressor import PressAt

from sklstm import KerasRegressor
from sklstm.network._keras import has_masking
from sklstm.network._lstm import MISSING
from sklstm.network._training import TrainingSet

EAGER = {"compile__run_eagerly": True}  # without tracing


def fitted(builder, *, seed=0, shape=(3, 1), y=None, **params):
    """Return a regressor that has learned noise, all rows in one batch."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, *shape)).astype(np.float32)
    y = rng.normal(size=10) if y is None else y
    defaults = {"epochs": 1, "batch_size": 64, "optimizer": "sgd", "loss": "mse"}
    defaults |= {"highway": False, "early_stopping": False, "keras_params": EAGER}
    return KerasRegressor(builder, **defaults | params, random_state=seed).fit(X, y)


def first_weights(builder, seed):
    """Return the weights that training begins with, which steps of 0 leave."""
    return fitted(builder, seed=seed, learning_rate=1e-60).weights_


def are_equal(first, second):
    """Return whether two lists of arrays are equal bit for bit."""
    pairs = zip(first, second, strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def states_of_global_generators():
    return random.getstate(), repr(np.random.get_state())  # noqa: NPY002


def layer_builder(make_layers):
    """Return a builder of some layers between input and output."""

    def build(meta):
        import keras

        layers = [keras.Input(meta["X_shape_"][1:]), *make_layers(keras.layers)]
        layers += [keras.layers.Flatten(), keras.layers.Dense(meta["n_outputs_"])]
        return keras.Sequential(layers)

    return build


LAYERS = {
    "dense": lambda layers: [layers.Dense(3)],
    "gru": lambda layers: [layers.GRU(3)],
    "simple_rnn": lambda layers: [layers.SimpleRNN(3)],
    "cells": lambda layers: [layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)])],
    "bidirectional": lambda layers: [layers.Bidirectional(layers.LSTM(2))],
    "time_distributed": lambda layers: [layers.TimeDistributed(layers.Dense(2))],
    "conv": lambda layers: [layers.Conv1D(2, 2)],
    "separable_conv": lambda layers: [layers.SeparableConv1D(2, 2)],
    "depthwise_conv": lambda layers: [layers.DepthwiseConv1D(2)],
}


@pytest.mark.parametrize("name", LAYERS)
def test_seed_determines_the_weights_of_a_builder(name):
    """Layers without seeds of their own begin with the weights that the seed says."""
    drawn = []
    for seed, state in [(4, 1), (4, 2), (5, 2)]:
        random.seed(state)
        before = states_of_global_generators()
        drawn.append(first_weights(layer_builder(LAYERS[name]), seed))
        assert states_of_global_generators() == before
    assert are_equal(drawn[0], drawn[1])
    for first, other in zip(drawn[0], drawn[2], strict=True):
        is_random = not np.isin(first, [0, 1]).all()
        assert (first != other).any() == is_random


def recurrent_layers(layers):
    """Return layers that drop inputs, states and outputs, all without seeds."""
    return [
        layers.GRU(3, return_sequences=True, recurrent_dropout=0.2),
        layers.Dropout(0.2),
        layers.Bidirectional(layers.GRU(2)),
    ]


recurrent = layer_builder(recurrent_layers)


def test_training_a_builder_without_seeds_is_repeatable():
    """Unseeded layers and both kinds of dropout give the same bits, in threads too."""
    serial = [fitted(recurrent, seed=seed, epochs=2).weights_ for seed in (0, 1)]
    jobs = [joblib.delayed(fitted)(recurrent, seed=s, epochs=2) for s in (0, 1)]
    found = joblib.Parallel(n_jobs=2, backend="threading")(jobs)
    for one, expected in zip(found, serial, strict=True):
        assert are_equal(one.weights_, expected)
    assert not are_equal(*serial)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_seeds_that_a_builder_gives_are_kept(rate):
    """Weights with a seed are what that says; our seed tells the dropout alone."""

    def build(meta):
        import keras

        layers = keras.layers
        return keras.Sequential(
            [
                keras.Input(meta["X_shape_"][1:]),
                layers.Flatten(),
                layers.Dense(4, kernel_initializer=keras.initializers.HeNormal(9)),
                layers.Dropout(rate),
                layers.Dense(1, kernel_initializer=keras.initializers.HeNormal(8)),
            ]
        )

    expected = build({"X_shape_": (10, 3, 1)}).get_weights()
    assert are_equal(first_weights(build, 1), expected)
    one, other = (fitted(build, seed=s, learning_rate=1.0).weights_ for s in (1, 2))
    distance = max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))
    # All rows are in one batch, whose order is the other thing that is drawn.
    assert distance < 1e-6 if rate == 0 else distance > 1e-3


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_no_fit_leaves_its_windows_behind(is_interrupted):
    """Once a fit is done nothing holds its data: a search would pile them up."""
    callbacks = [PressAt(1)] if is_interrupted else []
    told = contextlib.nullcontext()
    if is_interrupted:
        told = pytest.warns(ConvergenceWarning)
    params = {"epochs": 3, "early_stopping": True, "validation_fraction": 0.4}
    with told:
        fitted(recurrent, batch_size=3, callbacks=callbacks, **params)
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is TrainingSet]


def test_a_builder_is_given_what_it_asks_for():
    """``meta``, ``compile_kwargs`` and routed parameters come by their names."""
    came = {}

    def build(hidden, meta, compile_kwargs, depth=1):
        came.update(hidden=hidden, meta=meta, depth=depth, given=compile_kwargs)
        dense = layer_builder(lambda layers: [layers.Flatten(), layers.Dense(hidden)])
        model = dense(meta)
        model.compile(**compile_kwargs)
        return model

    routed = {"model__hidden": 6, "optimizer__clipnorm": 0.5, "optimizer__name": "own"}
    params = {"keras_params": EAGER | routed, "loss": "mae", "learning_rate": 0.125}
    model = fitted(build, shape=(4, 3), y=np.ones((10, 2)), **params).model_
    assert (came["hidden"], came["depth"]) == (6, 1)
    assert tuple(came["meta"]["X_shape_"][1:]) == (4, 3)
    assert came["meta"]["n_outputs_"] == 2
    assert came["meta"]["mask_value_"] == MISSING
    assert set(came["given"]) >= {"optimizer", "loss"}
    assert model.optimizer is came["given"]["optimizer"]
    assert model.optimizer.clipnorm == 0.5
    assert float(model.optimizer.learning_rate) == 0.125
    assert [w.shape for w in model.get_weights()] == [(12, 6), (6,), (6, 2), (2,)]


@pytest.mark.parametrize(
    "builder",
    [
        functools.partial(lambda meta, hidden, depth: recurrent(meta), depth=5),
        lambda meta, **rest: recurrent(meta) if rest["hidden"] == 2 else None,
        lambda **rest: recurrent(rest["meta"]),
    ],
    ids=["partial", "some keywords", "any keywords"],
)
def test_any_callable_is_a_builder(builder):
    """Partials and lambdas build, and are compiled for them."""
    params = {"keras_params": EAGER | {"model__hidden": 2}, "learning_rate": 0.5}
    model = fitted(builder, **params).model_
    assert model.compiled
    assert float(model.optimizer.learning_rate) == 0.5


def test_masking_is_found_wherever_it_is():
    """A Masking layer counts at the top, inside models, and inside own layers."""
    import keras

    layers = keras.layers

    class Own(layers.Layer):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def call(self, inputs):
            return self.inner(inputs)

    inputs = keras.Input((3, 1))
    masking = layers.Masking(float(MISSING))
    plain = layers.GRU(2)
    nested = keras.Sequential([masking, plain])
    assert has_masking(keras.Sequential([inputs, masking, plain]))
    assert has_masking(keras.Model(inputs, plain(masking(inputs))))
    assert has_masking(keras.Sequential([inputs, nested]))
    assert has_masking(keras.Model(inputs, keras.Sequential([nested])(inputs)))
    assert has_masking(keras.Sequential([inputs, Own(nested)]))
    assert not has_masking(keras.Sequential([inputs, layers.GRU(2)]))
    assert not has_masking(keras.Sequential([inputs, Own(layers.GRU(2))]))
