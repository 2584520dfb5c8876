"""Both regressors as estimators: scikit-learn's checks, and the same for 3-D X."""

import copy

import keras
import numpy as np
import pandas as pd
import pytest
from by_hand import WINDOW, walk, windows_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import KerasRegressor, LSTMRegressor, SlidingWindow

N_CHANNELS, N_ROWS = 2, 30


def linear_network(meta):
    """Return a small network of one's own."""
    inputs = keras.Input(meta["X_shape_"][1:])
    outputs = keras.layers.Dense(meta["n_outputs_"])(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, outputs)


# They reach the score that check_regressors_train asks for in few epochs, and Keras,
# whose every fit takes a tenth of a second, with the highway alone.
FEW = {"units": 16, "learning_rate": 0.08, "epochs": 8, "batch_size": 20}
ONE = {"epochs": 1, "batch_size": 512, "early_stopping": False}
OF_BOTH = [
    {},
    {"scaling": "last", "loss": "mse"},
    {"scaling": "standard", "loss": "mae"},
    {"optimizer": "rmsprop"},
    {"optimizer": "adamw", "loss": "log_cosh"},
    {"optimizer": "sgd"},
    {"quantiles": (0.1, 0.5, 0.9)},
    {"early_stopping": True, "validation_fraction": 0.4, "n_iter_no_change": 2},
    {"n_models": 2},
    {"random_state": 0, "learning_rate": 0.01},
]
OF_LSTM = [
    {"bidirectional": True},
    {"units": (12, 6), "activation": "relu"},
    {"patch": 1, "dropout": 0.2},
    {"scaling": None},
    {"highway": False, "n_jobs": 2},
    {"optimizer": "sgd", "optimizer_params": {"global_clipnorm": 1.0}},
]
OF_KERAS = [
    {"keras_params": {"optimizer__clipnorm": 1.0}},
    {"optimizer": "nadam", "batch_size": 20},
]


def keras_regressor(keras_params=None, **params):
    """Return a regressor that trains without tracing."""
    routed = {"compile__run_eagerly": True} | (keras_params or {})
    return KerasRegressor(linear_network, keras_params=routed, **params)


@parametrize_with_checks(
    [LSTMRegressor(**FEW | params) for params in OF_BOTH + OF_LSTM]
    + [keras_regressor(**ONE | params) for params in OF_BOTH + OF_KERAS],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": (
            "mini-batch gradient descent cannot repeat a row's effect exactly by weight"
        )
    },
)
def test_scikit_learn_checks(estimator, check):
    """Both keep every promise that scikit-learn checks, but one."""
    check(estimator)


@pytest.mark.parametrize("kind", [LSTMRegressor, KerasRegressor])
def test_the_checks_are_not_vacuous(kind):
    """The tags say what is true, so that no check is skipped for want of 2-D input."""
    tags = get_tags(kind())
    assert is_regressor(kind())
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.allow_nan  # but in the oldest steps of a window
    assert get_tags(SlidingWindow()).input_tags.allow_nan
    assert not tags.input_tags.sparse
    assert tags.target_tags.required
    assert tags.target_tags.multi_output
    assert not tags.no_validation
    assert not tags.non_deterministic


# -- the same promises for windows of shape (n_rows, window, n_channels) ---------------


def tiny(**params):
    """Return a regressor that trains at once."""
    defaults = {"units": 2, "epochs": 2, "batch_size": 64, "random_state": 0}
    return LSTMRegressor(**(defaults | params))


@pytest.fixture(scope="session")
def data():
    """Return windows and targets that no test writes to."""
    return windows_of(walk(N_ROWS + WINDOW, N_CHANNELS))


@pytest.fixture(scope="session")
def fitted(data):
    """Return a regressor fitted to 3-D windows, which no test fits again."""
    return tiny().fit(*data)


def overlapping(X):
    """Return windows that share memory, read-only."""
    series = np.concatenate([X[0], X[1:, -1]])
    view = np.lib.stride_tricks.sliding_window_view(series, WINDOW, axis=0)
    return view.transpose(0, 2, 1)


def strided(X):
    """Return the same values at memory that is contiguous along no axis."""
    memory = np.zeros((2 * len(X), 3 * X.shape[1], 2 * X.shape[2]), X.dtype)
    view = memory[::2, ::3, ::2]
    view[...] = X
    return view


class OnlyAnArray:
    """Holds windows, and offers them to ``np.asarray`` alone."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __array_function__(self, func, types, args, kwargs):
        raise TypeError(f"{func.__name__} was called on what is not an array")


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "overlapping views": overlapping,
    "negative strides": lambda X: X[:, ::-1].copy()[:, ::-1],
    "nested lists": lambda X: X.tolist(),
    "float64": lambda X: X.astype(np.float64),
    "big endian": lambda X: X.astype(">f4"),
    "object": lambda X: X.astype(object),
    "only an array": OnlyAnArray,
    "tuple of arrays": tuple,
}


def test_a_fit_forgets_the_one_before(data, fitted):
    """`fit` to other shapes, names and targets leaves nothing of an earlier fit."""
    X, y = data
    table = pd.DataFrame(X[:, :, 0], columns=list("abcd"))
    regressor = tiny(epochs=1).fit(table, y)
    assert list(regressor.feature_names_in_) == list("abcd")
    regressor.set_params(epochs=2).fit(X, y)
    assert set(vars(regressor)) == set(vars(fitted))
    assert_array_equal(regressor.predict(X), fitted.predict(X))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_windows_are_taken_however_they_are_stored(data, fitted, layout):
    """The same windows are learned and predicted, bitwise, in any memory layout."""
    X, expected = LAYOUTS[layout](data[0]), fitted.predict(data[0])
    assert_array_equal(fitted.predict(X), expected)
    assert_array_equal(tiny().fit(X, data[1]).predict(data[0]), expected)


def test_windows_that_repeat_one_in_memory(data, fitted):
    """Windows broadcast from a single one, at stride 0, are read as its copies."""
    one = data[0][3]
    many = np.broadcast_to(one, (5, WINDOW, N_CHANNELS))
    expected = fitted.predict(np.array(many))
    assert_array_equal(fitted.predict(many), expected)
    constant = np.broadcast_to(np.float32(1), (5, WINDOW, N_CHANNELS))
    expected = fitted.predict(np.array(constant))
    assert_array_equal(fitted.predict(constant), expected)


def test_weights_of_other_rows_are_refused(data):
    """Weights that were shifted against y would teach the wrong rows."""
    X, y = data
    days = pd.date_range("2024-01-01", periods=len(y), freq="D")
    y, weights = pd.Series(y, days), pd.Series(1.0, days).where(days != days[3], 0)
    fitted = tiny(epochs=1).fit(X, y, sample_weight=weights)
    match = r"needs sample_weight at the index of y.*01-02.* in sample_weight where y"
    with pytest.raises(ValueError, match=match):
        fitted.fit(X, y, sample_weight=weights.shift(1, freq="D"))
    with pytest.raises(ValueError, match="rows of sample_weight for"):
        fitted.partial_fit(X, y, sample_weight=weights[1:])
    numbered = weights.reset_index(drop=True)
    for others in (weights.to_numpy(), numbered, numbered.set_axis(numbered.index + 9)):
        again = tiny(epochs=1).fit(X, y, sample_weight=others)
        np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.mark.parametrize("kind", [list, pd.Series, OnlyAnArray, tuple])
def test_targets_and_weights_of_any_kind(data, fitted, kind):
    """Targets and weights may be lists, tuples, Series or array-likes."""
    X, y = data
    regressor = tiny().fit(X, kind(y), sample_weight=kind(np.full(len(y), 2.0)))
    assert_array_equal(regressor.predict(X), fitted.predict(X))


def test_one_row(data):
    """A single window can be learned and is then predicted by its target."""
    X, y = data
    regressor = tiny(epochs=1).fit(X[:1], y[:1])
    assert_allclose(regressor.predict(X[:1]), y[:1], rtol=1e-6)


# -- what is refused -------------------------------------------------------------------

WRONG_SHAPES = {
    "a window too short": (lambda X: X[:, 1:], "Got 3 steps of 2 channel"),
    "a window too long": (lambda X: np.hstack([X, X]), "Got 8 steps of 2 channel"),
    "a channel too few": (lambda X: X[:, :, :1], "Got 4 steps of 1 channel"),
    "a channel too many": (lambda X: np.dstack([X, X]), "Got 4 steps of 4 channel"),
    # As many values as in fit, so that only the shape gives it away.
    "axes swapped": (lambda X: X.transpose(0, 2, 1), "Got 2 steps of 4 channel"),
    "2-D, too few values": (lambda X: X[:, :, 0], "X has 4 features, but"),
}


@pytest.mark.parametrize("case", WRONG_SHAPES)
def test_predict_refuses_other_shapes(data, fitted, case):
    """Windows that are not those of `fit` raise, and say what came."""
    make, words = WRONG_SHAPES[case]
    with pytest.raises(ValueError, match=words):
        fitted.predict(make(data[0]))


def put(array, value, *where):
    """Return a copy as float64 in which one value is replaced."""
    array = array.astype(np.float64)
    array[where] = value
    return array


DAYS = "datetime64[D]"
HOLE = r"without NaN inside.* row 7"
BAD_X = {
    "1-D": (lambda X: X[0, 0], "Expected 2D array, got 1D array"),
    "0-D": (lambda X: X[0, 0, 0], "Expected 2D array, got scalar array"),
    "4-D": (lambda X: X[None], "dim 4"),
    "no rows": (lambda X: X[:0], r"0 sample\(s\)"),
    "no steps": (lambda X: X[:, :0], "at least one step"),
    "no channels": (lambda X: X[:, :, :0], "at least one step and channel"),
    "NaN after a true step": (lambda X: put(X, np.nan, 7, 2), HOLE),
    "NaN in the newest step": (lambda X: put(X, np.nan, 7, -1), HOLE),
    "NaN in a channel of the oldest step": (lambda X: put(X, np.nan, 7, 0, 1), HOLE),
    "infinity": (lambda X: put(X, np.inf, 7, 1, 0), "finite windows.* row 7"),
    "minus infinity": (lambda X: put(X, -np.inf, 7, 1, 0), "finite windows.* row 7"),
    "too large": (lambda X: put(X, 1e301, 7, 1, 0), r"beyond 1e\+300 in row 7"),
    "strings": (lambda X: X.astype(str).astype(object) + "x", "could not convert"),
    "words in a frame": (lambda X: pd.DataFrame({"a": ["x"] * 30}), "to float: 'x'"),
    "ragged": (lambda X: [[1, 2], [3]], "inhomogeneous"),
    "complex numbers": (lambda X: X + 1j, "Complex data not supported"),
    "None": (lambda X: None, "as X. Got NoneType"),
    "a dict": (lambda X: {"load": X}, "as X. Got dict"),
    "text": (lambda X: "X", "as X. Got str"),
    "dates": (lambda X: X.astype(DAYS), "as X.*dates or durat"),
}
BAD_Y = {
    "shorter": (lambda y: y[:-1], "30 windows but 29 values of y"),
    "longer": (lambda y: [*y, 1.0], "30 windows but 31 values of y"),
    "NaN": (lambda y: put(y, np.nan, 7), r"y contains NaN in 1 of \d+ rows, first in"),
    "NaN in a list": (lambda y: [*y[1:], np.nan], r"1 of \d+ rows, first in \d+"),
    "infinite": (
        lambda y: pd.Series(put(y, np.inf, 7), range(100, 130)),
        "y contains infinity in 1 of 30 rows, first in 107; give",
    ),
    "strings": (lambda y: ["a"] * N_ROWS, "could not convert"),
    "a dict": (lambda y: {"load": 1.0}, "as y. Got dict"),
    "a set": (lambda y: {1.0}, "as y. Got set"),
    "a generator": (lambda y: (value for value in y), "as y. Got generator"),
    "complex": (lambda y: y + 1j, "as y. Got ndarray .*Complex"),
    "large integers": (lambda y: [10**400] * N_ROWS, "too large to conv"),
    "dates": (lambda y: y.astype(DAYS), "as y.*dates or durat"),
    "masked": (lambda y: np.ma.masked_less(y, 1e9), "y contains NaN"),
    "3-D": (lambda y: y[:, None, None], "dim 3"),
    "no columns": (lambda y: y[:, None][:, :0], r"0 feature\(s\)"),
    "a number": (lambda y: 3.0, "at least 1 dimension"),
}
BAD_WEIGHTS = {
    "negative": (lambda one: put(one, -1, 7), "Negative values .*`sample_weight`"),
    "all zero": (lambda one: 0 * one, "at least one non-zero"),
    "NaN": (lambda one: put(one, np.nan, 7), "sample_weight contains NaN"),
    "too few": (lambda one: one[1:], r"sample_weight.shape == \(29,\)"),
    "only on a row without past": (lambda one: np.eye(N_ROWS)[0], "positive weight"),
}
BAD_DATA = {"X": BAD_X, "y": BAD_Y, "sample_weight": BAD_WEIGHTS}


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name in BAD_DATA for case in BAD_DATA[name]]
)
def test_bad_data_is_refused(data, fitted, name, case):
    """Data that cannot be learned raises one sentence, and leaves all as it was."""
    make, words = BAD_DATA[name][case]
    X = put(data[0], np.nan, 0)  # the first row has no past
    values = {"X": X, "y": data[1], "sample_weight": np.ones(N_ROWS)}
    bad = make(values[name])
    values[name] = bad
    regressor, again = tiny(), copy.deepcopy(fitted)
    calls = [lambda: regressor.fit(**values), lambda: regressor.partial_fit(**values)]
    calls += [lambda: again.predict(bad)] if name == "X" else []
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=words) as caught:
            call()
        assert "\n" not in str(caught.value)
        assert vars(regressor) == vars(tiny())
    with pytest.raises((ValueError, TypeError)):
        again.partial_fit(**values)
    assert_array_equal(again.predict(data[0]), fitted.predict(data[0]))


def test_windows_without_a_true_step_are_refused(data):
    """Nothing can be learned from them."""
    with pytest.raises(ValueError, match="at least one true step"):
        tiny().fit(data[0] * np.nan, data[1])


def test_an_unfitted_estimator_says_so(data):
    """Everything that needs a fit raises NotFittedError before one."""
    regressor = tiny()
    for call in (
        lambda: regressor.predict(data[0]),
        lambda: regressor.predict_steps(data[0]),
        lambda: regressor.score(*data),
        lambda: regressor.model_,
        lambda: regressor.summary(),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            call()
