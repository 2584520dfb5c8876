"""The highway: ridge regression with the penalty of generalised cross-validation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, Ridge

from sklstm.network._highway import fit_highway


def rows(n_rows=60, window=4, n_channels=2, noise=0.5, seed=0):
    """Return windows and targets of a linear map with noise."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n_rows, window, n_channels))
    kernel = rng.normal(size=(window * n_channels, 3))
    targets = inputs.reshape(n_rows, -1) @ kernel + 2
    return inputs, targets + noise * rng.normal(size=targets.shape)


def fitted(inputs, targets, weights=None, n_parts=1):
    weights = np.ones(len(inputs)) if weights is None else weights
    arrays = inputs, targets, weights
    parts = zip(*(np.array_split(array, n_parts) for array in arrays), strict=True)
    return fit_highway(parts)


def test_a_linear_map_is_found():
    """Without noise the map itself is found, and no error is expected."""
    inputs, targets = rows(noise=0)
    highway = fitted(inputs, targets)
    assert_allclose(highway.outputs(inputs), targets, atol=1e-6)
    assert_allclose(highway.error, 0, atol=1e-9)


def test_the_penalty_is_that_of_cross_validation():
    """Kernel and error are those of the penalty with the best naive formula."""
    inputs, targets = rows(n_rows=25, noise=3)
    highway = fitted(inputs, targets)
    table = inputs.reshape(len(inputs), -1)
    centred = table - table.mean(axis=0)
    mean_value = np.linalg.eigvalsh(centred.T @ centred).mean()
    best = np.inf
    for alpha in 10.0 ** np.arange(-12, 3.5, 0.5) * mean_value:
        ridge = Ridge(alpha, solver="svd").fit(table, targets)
        inverse = np.linalg.inv(centred.T @ centred + alpha * np.eye(table.shape[1]))
        hat = centred @ inverse @ centred.T + 1 / len(table)
        residual = targets - ridge.predict(table)
        error = np.square(residual).mean(axis=0) / (1 - np.trace(hat) / len(table)) ** 2
        if error.sum() < best:
            best, expected = error.sum(), ridge
            expected_error = error
    assert_allclose(highway.kernel, expected.coef_.T, rtol=1e-6, atol=1e-9)
    assert_allclose(highway.bias, expected.intercept_, rtol=1e-6)
    assert_allclose(highway.error, expected_error, rtol=1e-6)


def test_parts_make_no_difference():
    """Rows may come in any number of parts."""
    inputs, targets = rows()
    whole, parts = fitted(inputs, targets), fitted(inputs, targets, n_parts=7)
    assert_allclose(whole.kernel, parts.kernel, rtol=1e-9)


def test_weights_count_as_in_least_squares():
    """With hardly a penalty it is weighted least squares."""
    inputs, targets = rows(n_rows=500, noise=0.01)
    weights = np.random.default_rng(1).uniform(0.1, 3, len(inputs))
    highway = fitted(inputs, targets, weights / weights.mean())
    table = inputs.reshape(len(inputs), -1)
    expected = LinearRegression().fit(table, targets, sample_weight=weights)
    assert_allclose(highway.kernel, expected.coef_.T, atol=1e-4)


def test_rows_of_hardly_any_weight_are_not_counted():
    """A few heavy rows among many light ones get a penalty like a few rows alone."""
    inputs, targets = rows(n_rows=400, window=10, noise=4)
    weights = np.full(400, 1e-9)
    weights[:25] = 1
    highway = fitted(inputs, targets, weights / weights.mean())
    alone = fitted(inputs[:25], targets[:25])
    assert_allclose(highway.error, alone.error, rtol=1e-3)
    assert_allclose(highway.kernel, alone.kernel, atol=1e-3)


def test_what_is_not_finite_is_left_to_the_network():
    """Windows that overflow give a highway of zeros, not a failure."""
    inputs, targets = rows()
    inputs[3, 0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        highway = fitted(inputs, targets)
    assert_allclose(highway.kernel, 0)
    assert_allclose(highway.bias, targets.mean(axis=0))


def test_missing_steps_count_as_the_oldest_true_one():
    """An incomplete window is read as if it had stood still before."""
    inputs, targets = rows()
    highway = fitted(inputs, targets)
    missing, filled = inputs[:3].copy(), inputs[:3].copy()
    missing[0, :2], filled[0, :2] = np.nan, filled[0, 2]
    missing[1, :3], filled[1, :3] = np.nan, filled[1, 3]
    missing[2], filled[2] = np.nan, 0
    assert_allclose(highway.outputs(missing), highway.outputs(filled))


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_few_rows_give_finite_weights(n_rows):
    """More values than rows, even a single row, are no reason to fail."""
    inputs, targets = rows(n_rows=n_rows)
    highway = fitted(inputs, targets)
    assert np.isfinite(highway.kernel).all()
    assert np.isfinite(highway.outputs(inputs)).all()
    assert np.isfinite(highway.error).all()


def test_constant_inputs_are_no_reason_to_fail():
    """Where nothing varies, the mean is predicted."""
    inputs, targets = np.ones((9, 3, 1)), np.arange(9.0)[:, None]
    assert_allclose(fitted(inputs, targets).outputs(inputs), 4.0)


def test_long_windows_are_read_from_their_newest_values(monkeypatch):
    """Beyond the most values that are affordable, older ones are left out."""
    monkeypatch.setattr("sklstm.network._highway._MOST_VALUES", 4)
    inputs, targets = rows()
    highway = fitted(inputs, targets)
    assert highway.kernel.shape == (4, 3)
    expected = fitted(inputs[:, 2:], targets)
    assert_allclose(highway.outputs(inputs), expected.outputs(inputs[:, 2:]))
