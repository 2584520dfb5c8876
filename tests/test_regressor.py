"""LSTMRegressor: what it learns and predicts, its parameters, its promises, its words.

Networks are as small as can be and mostly of one shape, so that Keras compiles few.
"""

import copy
import math
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import warnings

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from by_hand import WINDOW, walk, windows_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from parity import LSTMWithoutRefit
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from tensorflow.python.eager import context as tf_context
from tensorflow.python.framework import config as tf_config

from sklstm import LSTMRegressor, SlidingWindow

N_ROWS = 60

# Rounding of float32 through a network and two epochs of training.
FLOAT32 = {"rtol": 1e-4, "atol": 1e-5}


def tiny(**params):
    """Return a regressor that trains in two gradient steps."""
    defaults = {
        "units": 2,
        "epochs": 2,
        "batch_size": 64,
        "highway": False,
        "loss": "mse",
        "early_stopping": False,
        "random_state": 0,
    }
    return LSTMWithoutRefit(**(defaults | params))


@pytest.fixture(scope="session")
def two_channels():
    """Return windows (60, 4, 2) of two random walks and the next of the first."""
    return windows_of(walk(N_ROWS + WINDOW, n_channels=2))


@pytest.fixture(scope="session")
def fitted(data):
    """Return ``tiny()`` fitted to ``data``; no test changes it."""
    return tiny().fit(*data)


def incomplete(X, n_missing=(3, 2, 1)):
    """Return windows whose first ones lack their oldest steps."""
    X = X.copy()
    for row, n_steps in enumerate(n_missing):
        X[row, :n_steps] = np.nan
    return X


def keras_outputs(regressor, inputs):
    """Return what ``model_`` itself makes of scaled windows, as float64."""
    return np.asarray(regressor.model_(np.asarray(inputs, np.float32)), np.float64)


def assert_same_weights(one, other):
    for array, expected in zip(one.weights_, other.weights_, strict=True):
        assert_array_equal(array, expected)


# -- the shape of y --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, pd.Series])
def test_y_is_read_by_position_and_predicted_in_its_shape(data, fitted, kind):
    """Whatever its index; a y of shape (n, 1) gives predictions of that shape."""
    X, y = data
    target = kind(y if kind is pd.Series else y[:, None])
    if kind is not np.asarray:
        target.index = pd.date_range("2024-01-01", periods=N_ROWS, freq="h")[::-1]
    regressor = tiny().fit(X, target)
    assert regressor.predict(X).shape == target.shape
    assert_array_equal(regressor.predict(X).ravel(), fitted.predict(X))
    assert regressor.predict_steps(X).shape == (N_ROWS, 1)


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_several_targets(two_channels, kind):
    """Targets (n, k), also as a DataFrame, are predicted as a float64 array (n, k)."""
    X, y = two_channels
    targets = np.column_stack([y, -3 * y + 1])
    given = pd.DataFrame(targets, columns=["a", "b"]) if kind == "frame" else targets
    regressor = tiny(epochs=1).fit(X, given)
    values = regressor.predict(X)
    assert type(values) is np.ndarray
    assert (values.dtype, values.shape) == (np.float64, (N_ROWS, 2))
    assert regressor.n_outputs_ == 2
    assert_array_equal(regressor.predict_steps(X), values)
    assert_allclose(regressor.score(X, given), r2_score(targets, values))


# -- several steps ---------------------------------------------------------------------


def targets_by_loop(y, steps):
    """Return y[t] … y[t + steps - 1] of every row that has them all."""
    return np.array([y[row : row + steps] for row in range(len(y) - steps + 1)])


@pytest.fixture(scope="session")
def three_steps(data):
    """Return a regressor of three steps; no test changes it."""
    return tiny(steps=3, scaling="standard").fit(*data)


def test_steps_are_built_inside_fit(data, three_steps):
    """`steps=k` learns bitwise what it learns from k columns built by a loop."""
    X, y = data
    targets = targets_by_loop(y, 3)
    expected = tiny(scaling="standard").fit(X[: len(targets)], targets).predict(X)
    assert expected.shape == (N_ROWS, 3)
    assert_array_equal(three_steps.predict_steps(X), expected)
    assert_array_equal(three_steps.predict(X), expected[:, 0])
    assert three_steps.score(X, y) == r2_score(y, expected[:, 0])


@pytest.mark.filterwarnings("ignore:.*window:UserWarning")
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    window=st.integers(2, 5),
    steps=st.integers(2, 6),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_learned_rows_are_those_of_a_loop(lengths, window, steps, seed):
    """A past, a positive weight, and all targets before the next hole in the index."""
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(len(lengths)), lengths)
    n_rows, days = len(runs), np.arange(len(runs)) + 2 * runs
    index = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")
    frame = pd.DataFrame({"load": rng.normal(size=n_rows)}, index)
    weights = rng.choice([0.0, 0.5, 2.0], size=n_rows)
    rows = [
        row
        for row in range(1, n_rows - steps + 1)
        if runs[row] == runs[row + steps - 1] and weights[row] > 0
    ]
    assume(rows)
    y, windows = frame["load"].to_numpy(), SlidingWindow(window).fit_transform(frame)
    targets = np.array([y[row : row + steps] for row in rows])
    expected = tiny(scaling="standard")
    expected.fit(windows[rows], targets, sample_weight=weights[rows])
    for X in (windows, np.array(windows)):  # the latter share no memory
        regressor = tiny(steps=steps, scaling="standard")
        assert_same_weights(regressor.fit(X, y, sample_weight=weights), expected)


def test_steps_need_a_one_dimensional_y(data):
    """`steps` > 1 with columns of y is an error that says what came."""
    X, y = data
    for target in (y[:, None], np.column_stack([y, y])):
        shape = re.escape(str(target.shape))
        with pytest.raises(ValueError, match=rf"steps=3 and y of shape {shape}; pass"):
            tiny(steps=3).fit(X, target)


# -- 2-D X: lag tables -----------------------------------------------------------------


def test_a_lag_table_equals_windows(data, fitted):
    """Rows of lags, oldest first, are learned and predicted bitwise as 3-D windows."""
    X, y = data
    table = X[:, :, 0]
    regressor = tiny().fit(table, y)
    assert_array_equal(regressor.predict(table), fitted.predict(X))
    assert_array_equal(regressor.predict(X), fitted.predict(X))
    assert_array_equal(fitted.predict(table), fitted.predict(X))
    assert (regressor.window_, regressor.n_channels_) == (WINDOW, 1)


@pytest.mark.filterwarnings("ignore:No column of X holds the past")
@pytest.mark.parametrize("known", [(), "hour", ["hour", "load_t"]])
def test_n_channels_is_read_from_column_names(known):
    """A pandas lag table of SlidingWindow is cut into its channels by its names."""
    index = pd.date_range("2024-01-01", periods=N_ROWS, freq="h")
    # A column whose own name looks like a lag of another one.
    frame = pd.DataFrame(walk(N_ROWS, 2), index=index, columns=["hour", "load_t"])
    y = frame["load_t"].rename("y")  # of that name it would not be to be known
    windows = SlidingWindow(WINDOW, known=known)
    expected = make_pipeline(windows, tiny()).fit(frame, y).predict(frame)
    table = SlidingWindow(WINDOW, known=known).set_output(transform="pandas")
    pipe = make_pipeline(table, tiny()).fit(frame, y)
    assert (pipe[-1].window_, pipe[-1].n_channels_) == (WINDOW, 2)
    assert list(pipe[-1].feature_names_in_) == list(table.get_feature_names_out())
    assert_array_equal(pipe.predict(frame), expected)


def test_other_column_names_mean_one_channel(data, fitted):
    """A DataFrame of lags with names of any other kind holds one channel."""
    X, y = data
    for names in (list("abcd"), ["a_t-2", "b_t-2", "b_t-1", "a_t-1"]):
        table = pd.DataFrame(X[:, :, 0], columns=names)
        regressor = tiny().fit(table, y)
        assert regressor.n_channels_ == 1
        assert_array_equal(regressor.predict(table), fitted.predict(X))
        with pytest.raises(ValueError, match="feature names"):
            regressor.predict(table[names[::-1]])


# -- the network and its options -------------------------------------------------------

NETWORKS = {
    "default": {},
    "stacked both ways": {
        "units": (3, 2),
        "bidirectional": True,
        "dropout": 0.4,
        "optimizer": "rmsprop",
        "loss": "huber",
    },
    "one layer in a list": {"units": [2], "optimizer": "adamw", "loss": "log_cosh"},
    "relu": {"optimizer": "sgd", "loss": "mae", "activation": "relu"},
}


@pytest.mark.parametrize("case", NETWORKS)
def test_model_is_the_network_that_predicts(data, case):
    """`model_` on standardised windows gives the predictions, masked steps too."""
    X, y = incomplete(data[0]), data[1]
    regressor = tiny(scaling="standard", **NETWORKS[case]).fit(X, y)
    model = regressor.model_
    assert isinstance(model, keras.Model)
    assert regressor.model_ is model
    for array, weights in zip(model.get_weights(), regressor.weights_, strict=True):
        assert_array_equal(array, weights, strict=True)
    scaled = (X - np.nanmean(X)) / np.nanstd(X)
    mask_value = model.layers[0].mask_value
    outputs = keras_outputs(regressor, np.where(np.isnan(scaled), mask_value, scaled))
    expected = y.mean() + y.std() * outputs[:, 0]
    assert_allclose(regressor.predict(X), expected, **FLOAT32)


def test_numbers_of_numpy_are_numbers(data):
    """Parameters may be NumPy's integers, floats and bools, as searches draw them."""
    X, y = data
    integers = {"units": 7, "steps": 1, "epochs": 1, "batch_size": 64}
    integers |= {"n_iter_no_change": 3, "verbose": 0, "random_state": 0}
    params = {name: np.int64(value) for name, value in integers.items()}
    params |= {"dropout": np.float64(0.0), "learning_rate": np.float64(0.005)}
    params |= {"validation_fraction": np.float32(0.5)}
    bools = {"bidirectional": False, "warm_start": False, "early_stopping": True}
    params |= {name: np.bool_(value) for name, value in bools.items()}
    one = LSTMRegressor(**params).fit(X[:, :, 0], y)
    other = LSTMRegressor(**{name: value.item() for name, value in params.items()})
    assert_same_weights(one, other.fit(X[:, :, 0], y))


def test_summary_counts_the_parameters(capsys):
    """The summary of 50 units on 5 values and 5 targets says 10,655 parameters."""
    values = np.random.default_rng(0).standard_normal((8, 10))
    regressor = LSTMRegressor(50, epochs=1).fit(values[:, :5], values[:, 5:])
    lines = []
    regressor.summary(line_length=80, print_fn=lines.append)
    text = "\n".join(map(str, lines))
    assert "10,655" in text and "LSTM" in text and "Dense" in text
    assert sum(array.size for array in regressor.weights_) == 10_655
    assert capsys.readouterr().out == ""
    regressor.summary()
    assert "Total params" in capsys.readouterr().out


# -- early stopping --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_rows", "params", "is_watched"),
    [
        (6, {"validation_fraction": 0.5}, False),
        (7, {"validation_fraction": 0.5}, True),
        (15, {}, False),
        (16, {}, True),
        (12, {"early_stopping": True}, True),
        (320, {"early_stopping": False}, False),
    ],
)
def test_early_stopping_begins_at_4_validation_rows(n_rows, params, is_watched):
    """`early_stopping="auto"` is on from 4 validation rows; True and False decide."""
    X, y = windows_of(walk(n_rows + WINDOW))
    regressor = tiny(epochs=1, **{"early_stopping": "auto", **params}).fit(X, y)
    assert ("val_loss" in regressor.history_) == is_watched
    assert all(type(losses[0]) is float for losses in regressor.history_.values())


@given(
    patience=st.integers(1, 4),
    learning_rate=st.sampled_from([0.003, 0.05, 0.3]),
    seed=st.integers(0, 99),
    verbose=st.sampled_from([0, 2]),
)
@settings(max_examples=30)
def test_early_stopping_is_a_shorter_fit(data, patience, learning_rate, seed, verbose):
    """It ends where a loop says, with the weights of a fit to the best epoch.

    Epochs that are told one by one are decided upon in Python, others in the kernels.
    """
    X, y = data
    # The newest rows contradict the others, sooner or later that shows.
    y = np.where(np.arange(N_ROWS) < 48, y, 2 * X[:, -1, 0] - y)
    params = {"learning_rate": learning_rate, "random_state": seed, "epochs": 30}
    params |= {"early_stopping": True, "scaling": "standard", "verbose": verbose}
    params |= {"n_iter_no_change": patience, "validation_fraction": 0.2}
    regressor, best = tiny(**params).fit(X, y), 0
    losses = regressor.history_["val_loss"]
    for epoch, loss in enumerate(losses):
        best = epoch if loss < losses[best] else best
        is_last = epoch - best == patience or epoch == 29
        assert is_last == (epoch == len(losses) - 1)
    shorter = clone(regressor).set_params(epochs=best + 1).fit(X, y)
    assert_same_weights(regressor, shorter)


@pytest.mark.parametrize(
    ("steps", "fraction", "params"),
    [
        (1, 0.2, {}),
        (3, 0.2, {}),
        (2, 0.31, {"scaling": "standard"}),
        (3, 0.2, {"highway": True}),
    ],
)
def test_validation_rows_teach_nothing(steps, fraction, params):
    """Their targets, seen by no training row, change no weight; nor do their windows.

    They are the newest share of the rows that have all targets, rounded up.
    """
    n_rows = N_ROWS - steps + 1
    first = n_rows - math.ceil(n_rows * fraction)
    params = {"steps": steps, "validation_fraction": fraction, **params}

    def fitted_from(row, factor):
        series = walk()
        series[WINDOW + row :] *= factor
        regressor = tiny(epochs=1, early_stopping=True, **params)
        return regressor.fit(*windows_of(series))

    one, other = fitted_from(first, 1), fitted_from(first, -9)
    assert_same_weights(one, other)
    assert one.history_["val_loss"] != other.history_["val_loss"]
    other = fitted_from(first - 1, -9)
    assert not np.array_equal(one.weights_[-1], other.weights_[-1])


# -- ensembles -------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"highway": True, "early_stopping": True}])
def test_an_ensemble_is_the_mean_of_its_networks(data, params):
    """Each network is that of a fit with the next seed; predictions are means."""
    X, y = data
    ensemble = tiny(n_models=3, **params).fit(X, y)
    ensemble.partial_fit(X[:30], y[:30])
    generator = np.random.RandomState(0)
    singles = [tiny(random_state=generator, **params).fit(X, y) for _ in range(3)]
    for single in singles:
        single.partial_fit(X[:30], y[:30])
    assert_same_weights(ensemble, singles[0])
    assert len({single.predict(X).tobytes() for single in singles}) > 1
    expected = np.mean([single.predict(X) for single in singles], axis=0)
    assert_allclose(ensemble.predict(X), expected, rtol=1e-12)
    read_back = pickle.loads(pickle.dumps(ensemble))
    assert_array_equal(read_back.predict(X), ensemble.predict(X))


# -- sample weights --------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"scaling": "standard", "early_stopping": True},
        {"highway": True, "prior": False, "early_stopping": True},
    ],
)
def test_weight_zero_is_leaving_the_row_out(data, params):
    """Rows of weight 0 are bitwise as if they had never been there."""
    X, y = data
    weights = np.random.default_rng(2).uniform(0.5, 2, N_ROWS)
    weights[[0, 7, 20, 59]] = 0
    kept = weights > 0
    X_spoilt = np.where(kept[:, None, None], X, 50 * X + 1)
    y_spoilt = np.where(kept, y, 1e6)
    one = tiny(**params).fit(X_spoilt, y_spoilt, sample_weight=weights)
    other = tiny(**params).fit(X[kept], y[kept], sample_weight=weights[kept])
    assert_same_weights(one, other)
    assert_array_equal(one.predict(X), other.predict(X))
    assert one.history_ == other.history_


# -- going on: partial_fit and warm_start ----------------------------------------------


def test_the_first_partial_fit_is_a_fit_of_one_epoch(data):
    """`partial_fit` on an unfitted estimator equals `fit` with `epochs=1`, bitwise."""
    X, y = data
    one = tiny(epochs=1).fit(X, y)
    other = tiny(epochs=50).partial_fit(X, y)
    assert_same_weights(one, other)
    assert_array_equal(one.predict(X), other.predict(X))
    assert one.history_ == other.history_


def test_partial_fit_goes_on(data):
    """Each further `partial_fit` is one more epoch; weights change, scaling stays."""
    X, y = data
    regressor = tiny(scaling="standard").partial_fit(X, y)
    before = [array.copy() for array in regressor.weights_]
    regressor.partial_fit(X[:20] * 50, y[:20] * 50 + 7)
    assert regressor.n_iter_ == len(regressor.history_["loss"]) == 2
    changed = zip(before, regressor.weights_, strict=True)
    assert all(not np.array_equal(old, new) for old, new in changed)
    outputs = keras_outputs(regressor, (X - X.mean()) / X.std())[:, 0]
    assert_allclose(regressor.predict(X), y.mean() + y.std() * outputs, **FLOAT32)


def test_warm_start_goes_on_with_the_optimizer(data):
    """`fit` twice with `warm_start` trains on as one long `fit` does."""
    X, y = data
    twice = tiny(warm_start=True, learning_rate=0.05).fit(X, y).fit(X, y)
    assert twice.n_iter_ == len(twice.history_["loss"]) == 4
    once = tiny(epochs=4, learning_rate=0.05).fit(X, y)
    # One batch holds all rows, so that their order makes no difference but rounding.
    assert_allclose(twice.history_["loss"], once.history_["loss"], rtol=1e-4)
    assert_allclose(twice.predict(X), once.predict(X), **FLOAT32)


def test_going_on_after_a_pickle(data):
    """A pickled estimator goes on bitwise as the one that was not pickled."""
    X, y = data
    regressor = tiny(warm_start=True).fit(X, y)
    again = pickle.loads(pickle.dumps(regressor))
    assert_same_weights(regressor.fit(X, y), again.fit(X, y))


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
def test_another_optimizer_goes_on_afresh(data, optimizer):
    """A fit that goes on may change the optimizer, whose state then begins anew."""
    X, y = data
    regressor = tiny(epochs=2, warm_start=True).fit(X, y)
    before = regressor.history_["loss"][-1]
    regressor.set_params(optimizer=optimizer, learning_rate=1e-6).fit(X, y)
    assert regressor.n_iter_ == 4
    assert regressor.history_["loss"][-1] == pytest.approx(before, rel=0.2)


OF_BEFORE = "needs the network of the fit before"


@pytest.mark.parametrize(
    ("params", "change", "words"),
    [
        ({"units": 3}, None, f"{OF_BEFORE}.*units=.3,"),
        ({"units": (2, 2)}, None, OF_BEFORE),
        ({"bidirectional": True}, None, OF_BEFORE),
        ({"activation": "relu"}, None, OF_BEFORE),
        ({"steps": 2}, None, r"goes on from a fit with 1 output\(s\)"),
        ({"n_models": 3}, None, "Got n_models=3 after 1,.*; set n_models=1 to"),
        ({}, lambda X, y: (X[:, 1:], y), "needs windows as in fit: 4 steps"),
        ({}, lambda X, y: (X, np.column_stack([y, y])), "Got 2 output.*keep its shape"),
        ({}, lambda X, y: (X, y[:, None]), "Got 1 output.* 2-D y; keep its shape"),
    ],
)
def test_a_fit_that_goes_on_needs_the_same_network(data, params, change, words):
    """Other networks and shapes are refused, and leave the fit before as it was."""
    regressor = tiny(epochs=1, warm_start=True).fit(*data)
    expected = regressor.predict(data[0])
    regressor.set_params(**params)
    for fit in (regressor.fit, regressor.partial_fit):
        with pytest.raises(ValueError, match=words):
            fit(*(data if change is None else change(*data)))
    assert_array_equal(regressor.predict(data[0]), expected)
    assert regressor.n_iter_ == 1


# -- randomness ------------------------------------------------------------------------

# Everything random takes part: initial weights, order of rows in batches, dropout.
RANDOM = {"batch_size": 16, "dropout": 0.5}


def random_predictions(random_state=0):
    """Return predictions of a fit in which everything random takes part."""
    X, y = windows_of(walk())
    return tiny(random_state=random_state, **RANDOM).fit(X, y).predict(X)


@pytest.fixture(scope="session")
def seeded_predictions():
    """Return the predictions of ``random_state=0``."""
    return random_predictions()


def test_an_int_determines_the_fit(seeded_predictions):
    """The same int gives bitwise the same fit, another int another one."""
    assert_array_equal(random_predictions(), seeded_predictions)
    assert_array_equal(random_predictions(np.int64(0)), seeded_predictions)
    assert not np.allclose(random_predictions(1), seeded_predictions)
    generator = np.random.RandomState(0)
    assert_array_equal(random_predictions(generator), seeded_predictions)
    assert not np.allclose(random_predictions(generator), seeded_predictions)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fits_beside_each_other_change_nothing(seeded_predictions, backend):
    """Fits in threads and processes are bitwise those of one after another."""
    from joblib.externals.loky import get_reusable_executor

    jobs = [joblib.delayed(random_predictions)(seed) for seed in (0, 1, 0)]
    try:
        values = joblib.Parallel(n_jobs=2, backend=backend)(jobs)
    finally:
        get_reusable_executor().shutdown(wait=True)
    assert_array_equal(values[0], seeded_predictions)
    assert_array_equal(values[2], seeded_predictions)
    assert not np.allclose(values[1], seeded_predictions)


def global_states():
    """Return the states of every global generator that a fit could touch."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    generator = tf.random.get_global_generator()
    return {
        "random": random.getstate(),
        "numpy": (kind, keys.tobytes(), rest),
        "tensorflow": generator.state.numpy().tobytes(),
        "tensorflow seed": tf_context.global_seed(),
        "deterministic": tf_config.is_op_determinism_enabled(),
        "environment": dict(os.environ),
    }


def test_no_global_generator_is_touched(data):
    """A seeded fit, its predictions and its model leave all global states alone."""
    X, y = data
    before = global_states()
    regressor = tiny(epochs=1, learning_rate=0.02, **RANDOM).fit(X, y)
    regressor.predict(X)
    assert regressor.model_ is not None
    tiny(units=3, epochs=1).fit(X, y)
    assert global_states() == before


# -- interruption and divergence -------------------------------------------------------


def test_an_interrupt_before_training_leaves_nothing_fitted(data):
    """Ctrl-C while the data are read raises as Python does."""
    X, y = data

    class Pressing(np.ndarray):
        def __array_finalize__(self, other):
            signal.raise_signal(signal.SIGINT)

    regressor = tiny(epochs=1)
    with pytest.raises(KeyboardInterrupt):
        regressor.fit(X, y.view(Pressing))
    assert vars(regressor) == vars(tiny(epochs=1))


INTERRUPTED = """
import signal
import sys
import warnings
import numpy as np
from sklstm import LSTMRegressor, KerasRegressor

def build(meta):
    import keras

    layers = [keras.layers.LSTM(2), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input(meta["X_shape_"][1:]), *layers])

# A process that a script starts in the background inherits a SIGINT that is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).standard_normal((60, 4, 1)).cumsum(axis=1)
kinds = {"LSTMRegressor": LSTMRegressor(2), "KerasRegressor": KerasRegressor(build)}
regressor = kinds[sys.argv[1]].set_params(
    epochs=10**6,
    early_stopping=False,  # it would end the fit before a slow signal comes
    verbose=2,
    random_state=0,
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    regressor.fit(X, X[:, -1, 0])
print(*[str(w.message) for w in caught if w.category.__name__ == "ConvergenceWarning"])
assert np.isfinite(regressor.predict(X)).all()
assert 3 <= regressor.n_iter_ == len(regressor.history_["loss"]) < 10**6
regressor.set_params(epochs=1, verbose=0).fit(X, X[:, -1, 0])
print("usable")
"""


@pytest.mark.parametrize("kind", ["LSTMRegressor", "KerasRegressor"])
def test_a_real_interrupt(kind, tmp_path):
    """SIGINT in the middle of `fit` keeps what was learned, in a real process."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    run = [sys.executable, "-c", INTERRUPTED, kind]
    process = subprocess.Popen(run, cwd=tmp_path, **pipes)
    try:
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("Epoch 5/1000000") for line in lines)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, err
    # TensorFlow's threads tell of batches that they could not give back.
    assert not re.search("Traceback|Error occurred|interpreter state", err)
    assert re.search(r"interrupted after \d+ of 1000000 epochs", out)
    assert out.endswith("usable\n")


# The output layer grows beyond float32: an absurd step size.
DIVERGING = {"scaling": None, "learning_rate": 1e30, "epochs": 40}


def test_divergence_leaves_everything_as_it_was(data):
    """Training that diverges raises one sentence; the fit before predicts as it did."""
    X, y = data
    regressor = tiny(**DIVERGING)
    with pytest.raises(ValueError, match=r"finite weights.*lower learning_rate"):
        regressor.fit(X * np.float32(1e6), y * 1e6)
    assert vars(regressor) == vars(tiny(**DIVERGING))
    regressor = tiny(scaling=None).fit(X, y)
    expected, history = regressor.predict(X), dict(regressor.history_)
    for warm_start in (False, True):
        regressor.set_params(**DIVERGING, warm_start=warm_start)
        with pytest.raises(ValueError, match="finite weights"):
            regressor.fit(X * np.float32(1e6), y * 1e6)
        assert_array_equal(regressor.predict(X), expected)
        assert regressor.history_ == history


# -- the highway -----------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize(
    "series",
    [
        3 * np.arange(80.0) - 7,
        np.tile([1.0, 5.0, 2.0, 2.0, 9.0, 4.0], 14),
        np.arange(84.0) + np.tile([1.0, 5.0, 2.0, 2.0, 9.0, 4.0], 14),
        np.sin(np.arange(90) / 4),
    ],
    ids=["line", "season", "line and season", "sine"],
)
def test_what_is_linear_goes_on_exactly(series, steps):
    """Lines, seasons and waves are continued to float32, after one epoch."""
    X, y = windows_of(series[:-12, None], window=8)
    regressor = LSTMRegressor(steps=steps, epochs=1, random_state=0).fit(X, y)
    X_new, _ = windows_of(series[-20:, None], window=8)
    true = np.lib.stride_tricks.sliding_window_view(series[-12:], steps)
    assert_allclose(
        regressor.predict_steps(X_new)[: len(true)], true, atol=1e-3 * np.ptp(series)
    )


def test_the_network_weighs_as_much_as_validation_supports():
    """Noise earns the network no weight; a nonlinear map earns it much."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4, 1))
    noise = LSTMRegressor(8, learning_rate=0.01, epochs=20, random_state=0)
    assert noise.fit(X, rng.normal(size=600)).network_weight_ < 0.3
    clear = LSTMRegressor(8, learning_rate=0.01, epochs=60, random_state=0)
    y = np.sin(2 * X[:, -1, 0]) * X[:, -2, 0]
    clear.fit(X[:500], y[:500])
    assert 0.8 < clear.network_weight_ <= 1
    assert clear.score(X[500:], y[500:]) > 0.5
    assert tiny(epochs=1).fit(X, y).network_weight_ == 1


@pytest.mark.parametrize("n_rows", [6, 15])
def test_a_network_that_no_rows_vouch_for_does_not_learn(n_rows):
    """Where too few rows are left to validate, prior and highway predict alone."""
    X, y = windows_of(walk(n_rows + WINDOW))
    auto = tiny(epochs=9, highway=True, early_stopping="auto").fit(X, y)
    alone = clone(auto).set_params(epochs=0).fit(X, y)
    assert_array_equal(auto.predict(X), alone.predict(X))
    assert auto.network_weight_ == 0 == auto.n_iter_
    for params in ({"early_stopping": False}, {"highway": False}, {"loss": "mae"}):
        assert clone(auto).set_params(**params).fit(X, y).n_iter_ == 9


@pytest.mark.parametrize("highway", [False, True])
def test_a_fit_that_goes_on_keeps_its_highway_or_none(highway):
    """``highway`` acts where a fit begins."""
    X, y = windows_of(walk())
    regressor = tiny(highway=highway, warm_start=True, early_stopping="auto").fit(X, y)
    assert regressor.set_params(highway=not highway).fit(X, y).n_iter_ == 4


def test_a_fit_goes_on_from_a_network_of_little_weight(set_trust):
    """What is learned after a fit that earned little weight reaches predictions."""
    X, y = windows_of(np.random.default_rng(0).normal(size=(200, 1)))
    params = {"epochs": 12, "learning_rate": 0.05, "random_state": 0}
    regressor = LSTMRegressor(4, **params).fit(X, y)
    set_trust(regressor, 0.25)
    before = regressor.predict(X)
    slow = copy.deepcopy(regressor).set_params(learning_rate=1e-12)
    slow.partial_fit(X, y + 3)
    assert slow.network_weight_ == 1
    assert_allclose(slow.predict(X), before, atol=1e-6)
    for _ in range(20):
        regressor.partial_fit(X, y + 3)
    assert (regressor.predict(X) - before).mean() > 1


def test_other_losses_than_mse_keep_their_aim():
    """With loss="mae" the network moves the highway's mean towards the median."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 3, 1)), np.exp(1.2 * rng.normal(size=600))
    regressor = LSTMRegressor(
        4, loss="mae", learning_rate=0.01, epochs=40, random_state=0
    ).fit(X, y)
    assert np.mean(y < regressor.predict(X)) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(("n_jobs", "counts"), [(None, [2, 1]), (3, [3, 3])])
def test_threads_are_counted_as_joblib_counts_them(n_jobs, counts):
    """`n_jobs` is 1, unless it or a context says more."""
    regressor = tiny(n_jobs=n_jobs)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        inside = regressor._n_threads()
    assert [inside, regressor._n_threads()] == counts


# -- quantiles -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quantile_fit():
    """Return a fit of three levels on noise whose quantiles are known, X and y."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3, 1)), rng.uniform(size=400)
    levels = (0.1, 0.4, 0.9)
    regressor = LSTMRegressor(
        2,
        quantiles=levels,
        epochs=40,
        learning_rate=0.01,
        early_stopping=False,
        random_state=0,
    )
    return regressor.fit(X, y), X, y


def test_quantiles_are_exceeded_as_often_as_they_say(quantile_fit):
    """On independent noise each level is the share of targets below it."""
    regressor, X, y = quantile_fit
    quantiles = regressor.predict_quantiles(X)
    assert quantiles.shape == (400, 1, 3)
    shares = (y[:, None] < quantiles[:, 0]).mean(axis=0)
    assert_allclose(shares, [0.1, 0.4, 0.9], atol=0.05)
    assert_array_equal(regressor.predict(X), quantiles[:, 0, 1])
    # They never cross, not even far outside of the training rows.
    assert (np.diff(regressor.predict_quantiles(50 * X), axis=2) >= 0).all()


@pytest.mark.parametrize("steps", [1, 2])
def test_quantiles_of_several_outputs(data, steps):
    """Outputs come before levels, for steps and for several targets alike."""
    X, y = data
    y = y if steps > 1 else np.column_stack([y, 100 + y])
    regressor = tiny(loss="huber", quantiles=[0.3, 0.7], steps=steps).fit(X, y)
    quantiles = regressor.predict_quantiles(X)
    assert quantiles.shape == (len(X), 2, 2)
    assert regressor.predict_steps(X).shape == (len(X), 2)
    if steps == 1:
        assert (quantiles[:, 1] > quantiles[:, 0] + 50).all()


def test_quantiles_need_a_fit_with_quantiles(data, fitted):
    """Where there are none, the error says so."""
    with pytest.raises(ValueError, match="needs a fit with quantiles"):
        fitted.predict_quantiles(data[0])


# -- words of errors -------------------------------------------------------------------


BAD_PARAMETERS = [
    *[{"units": bad} for bad in (0, 2.5, "3", None, True, (), (3, 2.0), [3, True])],
    *[{"steps": bad} for bad in (0, 1.5, True)],
    *[{"activation": bad} for bad in ("thanh", None, "elu")],
    *[{"dropout": bad} for bad in (1, -0.1, np.nan, True)],
    {"bidirectional": "yes"},
    *[{"patch": bad} for bad in (0, 2.0, True, 99)],
    *[{"scaling": bad} for bad in ("minmax", True)],
    *[{"optimizer": bad} for bad in ("adan", None, "nadam")],
    {"optimizer_params": 3},
    {"optimizer_params": {"rho": 0.5}},
    *[{"optimizer_params": {"beta_1": bad}} for bad in ("x", True)],
    {"optimizer_params": {"epsilon": -1}},
    {"optimizer_params": {"global_clipnorm": np.nan}},
    {"optimizer_params": {"momentum": 0.9}, "optimizer": "sgd"},
    *[{"learning_rate": bad} for bad in (0, np.inf, "fast")],
    *[{"loss": bad} for bad in ("mze", ["mse"], "mape", "quantile")],
    {"loss": "mse", "quantiles": [0.5]},
    *[{"quantiles": bad, "loss": "huber"} for bad in ((), (0.0, 0.5), (0.5, 1.0))],
    *[{"quantiles": bad, "loss": "huber"} for bad in ((0.5, 0.5), (0.9, 0.1))],
    *[{"quantiles": bad, "loss": "huber"} for bad in ("half", [[0.5]])],
    *[{"n_jobs": bad} for bad in (0, 1.5, True)],
    *[{"epochs": bad} for bad in (-1, 2.0, True)],
    {"batch_size": 0},
    *[{"early_stopping": bad} for bad in ("yes", None)],
    *[{"validation_fraction": bad} for bad in (0, 1.0)],
    *[{"n_iter_no_change": bad} for bad in (0, True)],
    {"warm_start": "yes"},
    {"verbose": -1},
    *[{"random_state": bad} for bad in ("0", -1)],
]


@pytest.mark.parametrize("params", BAD_PARAMETERS, ids=repr)
def test_bad_parameters_are_refused(data, params):
    """A bad parameter is named, with its value, by both ways to fit."""
    regressor = tiny(**params)
    name, value = next(iter(params.items()))
    if isinstance(value, dict):
        name, value = next(iter(value.items()))
    for fit in (regressor.fit, regressor.partial_fit):
        with pytest.raises(ValueError, match=re.escape(repr(value))) as caught:
            fit(*data)
        assert repr(name) in str(caught.value)
    assert vars(regressor) == vars(tiny(**params))


@pytest.mark.parametrize(
    "params", [{"validation_fraction": 0.999}, {"steps": 50}], ids=repr
)
def test_early_stopping_needs_rows_to_learn_from(data, params):
    """Where validation takes all rows, that is said, with what to lower."""
    with pytest.raises(ValueError, match=r"early_stopping.* Got \d+ sample"):
        tiny(early_stopping=True, **params).fit(*data)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_models": 10**9}, r"'n_models' .* \[1, 10000\]. Got 1000000000"),
        ({"units": 10**9}, r"Got units=1000000000 .* 4e\+18 weights, .* GB"),
        ({"units": (50_000, 50_000)}, r"3e\+10 weights, which take 600 GB"),
        ({"units": 2000, "n_models": 100}, "lower units or n_models"),
        ({"units": (1,) * 10**6}, r"'units' .* at most 1000. Got \(1, 1, .*\.\.\."),
        ({"steps": 10**9}, "1000000000 contiguous target.* Got none among"),
        ({"batch_size": 10**400}, r"'batch_size' .* below 2\*\*63.*\.\.\. instead"),
        ({"learning_rate": 10**400}, r"'learning_rate' .* below 2\*\*63"),
        ({"optimizer_params": {"epsilon": 10**400}}, "Got 'epsilon': 1000"),
        ({"optimizer_params": {"global_clipnorm": -1}}, "global_clipnorm.*Got -1"),
        ({"quantiles": np.linspace(0.1, 0.9, 2000)}, "at most 1000"),
    ],
)
def test_what_cannot_fit_into_memory_is_refused_at_once(data, params, words):
    """Before anything is allocated, with the number that it would take."""
    with pytest.raises(ValueError, match=words) as caught:
        tiny(**params).fit(*data)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["batch_size", "epochs", "n_iter_no_change"])
def test_large_numbers_that_take_nothing_are_harmless(data, name):
    """They are bounds, which a short series does not come near."""
    params = {"epochs": 3, "early_stopping": True, "n_iter_no_change": 1}
    regressor = tiny(**params | {name: 2**62}).fit(*data)
    assert np.isfinite(regressor.predict(data[0])).all()


def test_windows_of_which_none_is_complete_are_told():
    """A window longer than the series is learned from, with a warning."""
    X = pd.DataFrame({"x": walk(20)[:, 0]})
    pipe = make_pipeline(SlidingWindow(30), tiny())
    with pytest.warns(UserWarning, match=r"No window is complete.* has 19 of 30 steps"):
        pipe.fit(X, X["x"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe.set_params(slidingwindow__window=19).fit(X, X["x"])
        # Sequences of their own, not windows of a series, may all be short.
        sequences = SlidingWindow(30).fit_transform(X).copy()
        tiny().fit(sequences, X["x"])


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_row_without_a_past_has_the_newest_level_of_all_rows(early_stopping):
    """Rows of validation count too: a straight line is predicted where it ended."""
    X = pd.DataFrame({"load": np.arange(400.0)})
    lstm = LSTMRegressor(2, epochs=1, early_stopping=early_stopping, random_state=0)
    pipe = make_pipeline(SlidingWindow(5), lstm).fit(X, X["load"])
    alone = pd.DataFrame({"load": [0.0]}, index=[1000])
    with pytest.warns(UserWarning, match="newest earlier value"):
        assert pipe.predict(alone) == pytest.approx([399.0], abs=1.0)


def test_more_columns_than_rows_tell_apart_are_told():
    """Two hundred of them and three hundred rows: no worse than the last value."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 200))
    X[:, 0] = np.sin(np.arange(300) / 5) + 0.1 * rng.normal(size=300)
    windows = SlidingWindow(24).fit_transform(X)
    lstm = LSTMRegressor(4, epochs=5, random_state=0)
    with pytest.warns(UserWarning, match="4800 values of 200 columns, more than 275"):
        lstm.fit(windows[:276], X[:276, 0])
    off = np.abs(lstm.predict(windows[276:]) - X[276:, 0]).mean()
    assert off < 1.2 * np.abs(np.diff(X[275:, 0])).mean()


def test_a_forgotten_sliding_window_is_told():
    """A table that holds its own target is no table of windows."""
    X = pd.DataFrame({"load": np.arange(40.0), "day": np.arange(40) % 7})
    with pytest.warns(
        UserWarning, match="holds y itself, column 'load'.*SlidingWindow"
    ):
        LSTMRegressor(2, epochs=1, random_state=0).fit(X, X["load"])
