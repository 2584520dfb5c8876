"""KerasRegressor: the training of LSTMRegressor, with a network of one's own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from parity import assert_same_training, both_fitted

from sklstm import SlidingWindow


@pytest.fixture(scope="module")
def series():
    """Return windows of six steps and two channels, the first six incomplete, and y."""
    rng = np.random.default_rng(0)
    y = 50 + np.cumsum(rng.normal(size=101))
    X = np.column_stack([y, rng.normal(size=101)])
    return SlidingWindow(window=6, known=1).fit_transform(X), y


# -- parity with LSTMRegressor ------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"highway": True, "early_stopping": "auto"},
        {"scaling": "standard"},
        {"scaling": None, "learning_rate": 1e-4},
        {"units": 5, "batch_size": 7},
        {"units": (4, 3)},
        {"bidirectional": True},
        {"units": (5, 3), "bidirectional": True, "batch_size": 9},
        {"steps": 3},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"loss": "mae"},
        {"loss": "huber", "learning_rate": 0.05},
        {"loss": "log_cosh"},
        {"optimizer": "adamw"},
        {"optimizer": "rmsprop"},
        {"optimizer": "sgd"},
        {"quantiles": (0.1, 0.5, 0.8)},
        {"quantiles": (0.3, 0.9), "steps": 2},
        {"optimizer_params": {"global_clipnorm": 0.05}},
        {"optimizer_params": {"beta_1": 0.5, "epsilon": 0.01}},
        {"optimizer": "rmsprop", "optimizer_params": {"rho": 0.5, "momentum": 0.3}},
        {"optimizer": "adamw", "optimizer_params": {"weight_decay": 0.2}},
    ],
    ids=lambda params: " ".join(f"{k}={v}" for k, v in params.items()) or "default",
)
@pytest.mark.parametrize("is_whole", [False, True], ids=["incomplete", "complete"])
def test_the_same_lstm_learns_the_same(series, params, is_whole):
    """From the same weights, rows and order come the same losses and weights."""
    X, y = (part[7:] if is_whole else part for part in series)
    one, other = both_fitted(X, y, **params)
    assert_same_training(one, other)
    assert_allclose(one.predict(X), other.predict(X), rtol=1e-3)
    assert one.trust_ == pytest.approx(other.trust_, abs=1e-3)


def test_weighted_targets_are_learned_alike(series):
    """Sample weights and several targets count as they do in Keras."""
    X, y = series
    weight = np.random.default_rng(2).uniform(0.1, 3, len(y))
    targets = np.column_stack([y, -2 * y, y**2])
    assert_same_training(*both_fitted(X, targets, sample_weight=weight))


def test_partial_fit_goes_on_alike(series):
    """Weights and optimizer state go on in both classes alike."""
    X, y = series
    twins = [
        each.partial_fit(X, y).partial_fit(X[50:], y[50:]) for each in both_fitted(X, y)
    ]
    assert twins[0].n_iter_ == 5
    assert_same_training(*twins)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("params", [{}, {"units": (4, 3)}, {"highway": True}])
def test_a_mask_that_comes_later_keeps_the_optimizer_going(series, optimizer, params):
    """Incomplete windows after complete ones are learned from alike."""
    X, y = series
    twins = both_fitted(X[7:], y[7:], optimizer=optimizer, **params)
    for each in twins:
        each.partial_fit(X[:5], y[:5]).partial_fit(X[7:], y[7:])
    assert_same_training(*twins)


@pytest.mark.parametrize("patch", [2, 4])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_patches_are_read_as_keras_reads_them(series, patch, bidirectional):
    """Several steps at once, the oldest left out, give the same weights."""
    X, y = (part[7:] for part in series)
    one, other = both_fitted(
        X, y, patch=patch, bidirectional=bidirectional, scaling="last"
    )
    assert one.weights_[0].shape[0] == 2 * patch
    assert_same_training(one, other)
