"""The fused engine: batches, programs and threads; its arithmetic is that of Keras."""

import functools
import random
import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose
from parity import FLOAT32, assert_same_training, both_fitted

from sklstm import LSTMRegressor, SlidingWindow, _fused
from sklstm._graph import GraphNetwork
from sklstm._training import Plan


@pytest.fixture(scope="module")
def series():
    """Return windows of six steps and two channels, the first six incomplete, and y."""
    rng = np.random.default_rng(0)
    y = 50 + np.cumsum(rng.normal(size=101))
    X = np.column_stack([y, rng.normal(size=101)])
    return SlidingWindow(window=6, known=1).fit_transform(X), y


def fitted(X, y, **params):
    defaults = {"highway": False, "early_stopping": False, "learning_rate": 0.01}
    defaults |= {"loss": "mse", "refit": False}
    params = {"units": 4, "epochs": 3, **defaults, **params}
    return LSTMRegressor(random_state=1, **params).fit(X, y)


def test_windows_that_do_not_overlap_in_memory_train_alike(series):
    """A copy of the windows gives bitwise the weights of the view."""
    X, y = series
    one, other = fitted(X, y), fitted(X.copy(), y)
    assert all(map(np.array_equal, one.weights_, other.weights_))


def test_another_size_traces_nothing(series, monkeypatch):
    """Rows, window, batch size, learning rate and seed are arguments of one program."""
    X, y = series
    traced = []
    trace = _fused._program.__wrapped__
    counted = functools.lru_cache(lambda *key: traced.append(key) or trace(*key))
    monkeypatch.setattr(_fused, "_program", counted)
    fitted(X, y)
    fitted(X[20:80, 2:], y[20:80], batch_size=5, learning_rate=0.1, epochs=1)
    fitted(X[:30], y[:30], early_stopping=True, validation_fraction=0.5)
    # Complete windows need no mask, as in the second fit: that program serves again.
    fitted(X[10:], y[10:])
    assert len(traced) == 2
    n_traced = len(traced)
    for seed in range(3):
        LSTMRegressor(4, epochs=1, loss="mse", random_state=seed).fit(X, y)
    assert len(traced) == n_traced


def test_a_large_batch_is_computed_in_parts(series, monkeypatch):
    """Batches larger than what is held at once take the steps of Keras all the same."""
    X, y = series
    params = {"batch_size": 50, "early_stopping": True, "validation_fraction": 0.3}
    monkeypatch.setattr(_fused, "_STATES_AT_ONCE", 6 * 4 * 8)
    assert_same_training(*both_fitted(X, y, **params))


def test_epochs_in_one_call_are_those_of_several(series, monkeypatch):
    """How many epochs a call trains changes no bit, nor what is recorded."""
    X, y = series
    several = fitted(X, y, epochs=5)
    monkeypatch.setattr(_fused, "_WORK_AT_ONCE", 1)
    single = fitted(X, y, epochs=5)
    assert single.history_ == several.history_
    assert len(single.history_["loss"]) == single.n_iter_ == 5
    assert all(map(np.array_equal, single.weights_, several.weights_))


@pytest.mark.parametrize("n_rows", [1, 4, 8, 9, 17])
@pytest.mark.parametrize("batch_size", [1, 3, 4, 8])
def test_batches_are_filled_up(n_rows, batch_size):
    """Every batch holds its rows, then idle ones up to a multiple of four."""
    order = np.random.default_rng(0).permutation(n_rows)
    filled = _fused._filled_batches(order, batch_size, n_rows)
    size = -(-batch_size // 4) * 4
    for number, start in enumerate(range(0, n_rows, batch_size)):
        rows = list(order[start : start + batch_size])
        batch = filled[number * size :][:size]
        assert len(batch) % 4 == 0
        assert list(batch) == rows + [n_rows] * (len(batch) - len(rows))
    assert len(filled) <= size * -(-n_rows // batch_size)


def test_half_quantile_is_half_the_absolute_error(series):
    """The pinball loss of level 0.5 is half of the mean absolute error."""
    X, y = series
    pinball = fitted(X, y, loss="huber", quantiles=[0.5], optimizer="sgd", epochs=1)
    absolute = fitted(X, y, loss="mae", optimizer="sgd", epochs=1, learning_rate=0.005)
    assert_allclose(pinball.history_["loss"], np.array(absolute.history_["loss"]) / 2)
    for a, b in zip(pinball.weights_, absolute.weights_, strict=True):
        assert_allclose(a, b, **FLOAT32)


def test_programs_are_few(series, monkeypatch):
    """The least recently used program goes."""
    X, y = series
    few = functools.lru_cache(2)(_fused._program.__wrapped__)
    monkeypatch.setattr(_fused, "_program", few)
    for units in (2, 3, 4, 3, 2):
        fitted(X, y, units=units, epochs=1)
    assert few.cache_info().misses == 4
    assert _fused._program.cache_info().currsize == 2


def test_threads_get_the_bits_of_a_serial_run(series):
    """Fits of one architecture at once neither meet nor change."""
    X, y = series
    serial = [fitted(X, y * scale) for scale in (1, 2, 3)]
    threaded = [None] * 3

    def fit(position):
        threaded[position] = fitted(X, y * (position + 1))

    threads = [threading.Thread(target=fit, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(serial, threaded, strict=True):
        assert all(map(np.array_equal, one.weights_, other.weights_))


def test_dropout_drops_its_share_from_the_seed(series):
    """Dropout depends on the seed alone, and leaves the mean of what passes."""
    X, y = series
    params = {"units": (6, 4), "dropout": 0.5}
    one, other = fitted(X, y, **params), fitted(X, y, **params)
    assert all(map(np.array_equal, one.weights_, other.weights_))
    without = fitted(X, y, units=(6, 4))
    assert not np.allclose(one.weights_[0], without.weights_[0])

    tf = pytest.importorskip("tensorflow")
    network = GraphNetwork(tf, None, tf.constant(1))
    keep = network._keep(tf.zeros([200, 500]), tf.constant(0.3), tf.constant([1, 2]))
    assert set(np.unique(keep)) == {0.0, np.float32(1 / 0.7)}
    assert np.mean(keep) == pytest.approx(1.0, abs=0.01)


def test_no_global_generator_is_touched(series):
    """A fit draws from its own generators alone."""
    X, y = series
    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    fitted(X, y, dropout=0.2)
    assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002


def test_verbose_prints_a_line_for_each_epoch(series, capsys):
    """verbose=2 prints losses and changes no weight."""
    X, y = series
    loud = fitted(X, y, verbose=2, early_stopping=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == [
        "Epoch 1/3",
        "Epoch 2/3",
        "Epoch 3/3",
    ]
    assert all("val_loss" in line for line in lines)
    quiet = fitted(X, y, early_stopping=True)
    assert all(map(np.array_equal, loud.weights_, quiet.weights_))


def test_the_learning_rate_falls_along_half_a_cosine():
    """It begins whole, is half in the middle, and comes to nothing."""
    plan = Plan(4, 32, 0.1, None, (0, 0), is_annealed=True)
    assert_allclose(plan.rate_factors(np.array([0, 6, 12]), 3), [1, 0.5, 0], atol=1e-12)
    assert plan.rate_factors(12, 3) == 0
    assert Plan(4, 32, 0.1, None, (0, 0)).rate_factors(7, 3) == 1
