"""Training by Keras: repeatable, traced once, and the gradients that it should take."""

import functools
import gc
import random
import signal
import weakref
from dataclasses import replace

import joblib
import numpy as np
import pytest

from sklstm.network._keras import KerasRecipe, build_compiled_model, has_masking
from sklstm.network._lstm import (
    MISSING,
    NetworkSpec,
    build_keras_model,
    initial_weights,
)
from sklstm.network._scaling import fit_scaling
from sklstm.network._training import Interrupt, Monitor, Plan, TrainingSet
from sklstm.windows._array import true_steps

# Without tracing, for tests that are not about the traced program.
EAGER = {"compile__run_eagerly": True}

PLAIN = NetworkSpec(window=3, n_channels=1, n_outputs=1, units=(2,))


def training_set(spec=PLAIN, *, n_rows=10, n_validation=0, weights=None, seed=0):
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(n_rows, spec.window, spec.n_channels))
    if spec.n_channels > 1:
        windows[::3, : spec.window - 1] = np.nan
    windows = windows.astype(np.float32)
    targets = rng.normal(size=(n_rows, spec.n_outputs))
    rows = np.arange(n_rows)
    scaling = fit_scaling(None, windows, targets, rows, np.arange(spec.n_outputs))
    split = n_rows - n_validation
    return TrainingSet(
        windows,
        true_steps(windows),
        targets,
        scaling,
        rows[:split],
        rows[split:],
        weights,
    )


def recipe_of(spec, builder=None, optimizer="adam", loss="mse", routed=None, rate=0.1):
    """Return the recipe of a builder, by default that of an LSTM of the spec."""
    return KerasRecipe(
        window=spec.window,
        n_channels=spec.n_channels,
        n_outputs=spec.n_outputs,
        builder=builder or functools.partial(build_keras_model, spec),
        optimizer=optimizer,
        loss=loss,
        routed=routed or {},
        learning_rate=rate,
    )


def spec_of(recipe):
    """Return the spec of the LSTM of a recipe."""
    (spec,) = getattr(recipe.builder, "args", (PLAIN,))
    return spec


def trained(recipe, data=None, *, weights=None, state=None, monitor=None, **plan):
    """Return weights and optimizer state after some epochs."""
    plan = {
        "epochs": 2,
        "batch_size": 6,
        "learning_rate": 0.1,
        "patience": None,
        "seed": (1, 0),
        **plan,
    }
    return replace(recipe, learning_rate=plan["learning_rate"]).train(
        training_set(spec_of(recipe)) if data is None else data,
        Plan(**plan),
        Monitor(plan["patience"]) if monitor is None else monitor,
        initial_weights(spec_of(recipe), 0) if weights is None else weights,
        state,
    )


def are_equal(first, second):
    """Return whether two lists of arrays are equal bit for bit."""
    pairs = zip(first, second, strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def states_of_global_generators():
    return random.getstate(), repr(np.random.get_state())  # noqa: NPY002


# -- repeatable ---------------------------------------------------------------------


def test_dropout_is_drawn_from_the_seed():
    """With the rows in one batch, two seeds differ by nothing but the dropout."""
    whole = {"batch_size": 10, "epochs": 1, "learning_rate": 1.0}

    def distance(dropout):
        spec = NetworkSpec(3, 1, 1, (2,), dropout=dropout)
        recipe = recipe_of(spec, optimizer="sgd", routed=EAGER)
        runs = [trained(recipe, seed=(seed, 0), **whole)[0] for seed in (1, 2)]
        return max(np.abs(a - b).max() for a, b in zip(*runs, strict=True))

    assert distance(0.0) < 1e-6
    assert distance(0.5) > 1e-3


# -- interrupts -----------------------------------------------------------------------


def presser(after, on="on_epoch_end"):
    """Return a callback that sends what Ctrl-C sends."""
    import keras

    def press(self, number, logs):
        if number == after:
            signal.raise_signal(signal.SIGINT)

    return type("Presser", (keras.callbacks.Callback,), {on: press})()


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_no_fit_leaves_its_windows_behind(is_interrupted):
    """Once a fit is done nothing holds its data: a search would pile them up."""
    data = training_set(n_validation=3)
    held = weakref.ref(data)
    callbacks = (presser(1, "on_train_batch_begin"),) if is_interrupted else ()
    with Interrupt() as interrupt:
        monitor = Monitor(2, interrupt=interrupt)
        recipe = recipe_of(PLAIN, routed=EAGER)
        trained(recipe, data, monitor=monitor, patience=2, callbacks=callbacks)
    assert interrupt.is_set == is_interrupted
    del data, callbacks
    gc.collect()
    assert held() is None


# -- threads ------------------------------------------------------------------------


def test_threads_give_the_bits_of_a_series_of_fits():
    """Two threads at one recipe train what a loop trains."""
    recipe = recipe_of(NetworkSpec(3, 1, 1, (2,), dropout=0.4))
    sets = [training_set(seed=seed, n_rows=40, n_validation=4) for seed in (0, 1)]

    def run(i):
        monitor = Monitor(9)
        weights, state = trained(
            recipe, sets[i], seed=(i, 0), epochs=3, monitor=monitor, patience=9
        )
        return weights, state, monitor.history

    serial = [run(i) for i in (0, 1)]
    jobs = [joblib.delayed(run)(i) for i in (0, 1)]
    threaded = joblib.Parallel(n_jobs=2, backend="threading")(jobs)
    for (weights, state, history), expected in zip(threaded, serial, strict=True):
        assert are_equal(weights, expected[0])
        assert are_equal(state, expected[1])
        assert history == expected[2]


# -- the arithmetic -----------------------------------------------------------------


# -- a user's builder ---------------------------------------------------------------


def none_yet():
    """Return the weights of ``recurrent_builder`` to begin with."""
    recipe = recipe_of(PLAIN, recurrent_builder, routed=EAGER)
    return build_compiled_model(recipe, 4).get_weights()


def recurrent_builder(meta):
    import keras

    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.GRU(3, return_sequences=True, recurrent_dropout=0.2),
            keras.layers.Dropout(0.2),
            keras.layers.Bidirectional(keras.layers.GRU(2)),
            keras.layers.Dense(meta["n_outputs_"]),
        ]
    )


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
    recipe = recipe_of(PLAIN, layer_builder(LAYERS[name]))
    drawn = []
    for seed, state in [(4, 1), (4, 2), (5, 2)]:
        random.seed(state)
        before = states_of_global_generators()
        drawn.append(build_compiled_model(recipe, seed).get_weights())
        assert states_of_global_generators() == before
    assert are_equal(drawn[0], drawn[1])
    for first, other in zip(drawn[0], drawn[2], strict=True):
        is_random = not np.isin(first, [0, 1]).all()
        assert (first != other).any() == is_random


def test_training_a_builder_without_seeds_is_repeatable():
    """Unseeded GRU layers and both kinds of dropout give the same bits again."""
    recipe = recipe_of(PLAIN, recurrent_builder, routed=EAGER)
    results = []
    for state in (1, 2):
        random.seed(state)
        before = states_of_global_generators()
        results.append(trained(recipe, weights=none_yet()))
        assert states_of_global_generators() == before
    assert are_equal(results[0][0], results[1][0])
    assert are_equal(results[0][1], results[1][1])
    assert not are_equal(results[0][0], none_yet())


def test_seeds_that_a_builder_gives_are_kept():
    """An initializer with a seed draws what that seed says, whatever ours is."""
    import keras

    def build():
        initializer = keras.initializers.HeNormal(seed=9)
        return keras.Sequential(
            [
                keras.Input((3, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(1, kernel_initializer=initializer),
            ]
        )

    expected = build().get_weights()
    for seed in (1, 2):
        model = build_compiled_model(recipe_of(PLAIN, build), seed)
        assert are_equal(model.get_weights(), expected)


def test_a_builder_is_given_what_it_asks_for():
    """``meta``, ``compile_kwargs`` and routed parameters come by their names."""
    came = {}

    def build(hidden, meta, compile_kwargs, depth=1):
        import keras

        came.update(
            hidden=hidden, meta=meta, compile_kwargs=compile_kwargs, depth=depth
        )
        layers = [keras.Input(meta["X_shape_"][1:]), keras.layers.Flatten()]
        layers += [keras.layers.Dense(hidden) for _ in range(depth)]
        model = keras.Sequential([*layers, keras.layers.Dense(meta["n_outputs_"])])
        model.compile(**compile_kwargs)
        return model

    routed = {"model__hidden": 6, "optimizer__clipnorm": 0.5, "optimizer__name": "own"}
    spec = NetworkSpec(4, 3, 2, (1,))
    model = build_compiled_model(recipe_of(spec, build, "sgd", "mae", routed, 0.125), 0)
    assert came["hidden"] == 6
    assert came["depth"] == 1
    assert tuple(came["meta"]["X_shape_"][1:]) == (4, 3)
    assert came["meta"]["n_outputs_"] == 2
    assert came["meta"]["mask_value_"] == MISSING
    assert set(came["compile_kwargs"]) >= {"optimizer", "loss"}
    assert model.optimizer is came["compile_kwargs"]["optimizer"]
    assert model.optimizer.clipnorm == 0.5
    assert float(model.optimizer.learning_rate) == 0.125
    assert [w.shape for w in model.get_weights()] == [(12, 6), (6,), (6, 2), (2,)]


@pytest.mark.parametrize(
    "builder",
    [
        functools.partial(lambda meta, hidden, depth: recurrent_builder(meta), depth=5),
        lambda meta, **rest: recurrent_builder(meta) if rest["hidden"] == 2 else None,
        lambda **rest: recurrent_builder(rest["meta"]),
    ],
    ids=["partial", "some keywords", "any keywords"],
)
def test_any_callable_is_a_builder(builder):
    """Partials and lambdas build, and are compiled by the recipe."""
    recipe = recipe_of(PLAIN, builder, "sgd", routed={"model__hidden": 2}, rate=0.5)
    model = build_compiled_model(recipe, 0)
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
