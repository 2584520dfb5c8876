"""KerasRegressor: a network of one's own, and the training of LSTMRegressor."""

import pickle
import signal

import keras
import numpy as np
import pandas as pd
import pytest
from by_hand import WINDOW, walk
from numpy.testing import assert_allclose, assert_array_equal
from parity import assert_same_training, both_fitted, dense_network, masked_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from test_regressor import assert_same_weights, incomplete

from sklstm import KerasRegressor, LSTMRegressor, SlidingWindow, forecast, update


def tiny(model=masked_network, **params):
    """Return a regressor that trains in two gradient steps."""
    defaults = {
        "epochs": 2,
        "batch_size": 64,
        "highway": False,
        "loss": "mse",
        "early_stopping": False,
        "random_state": 0,
    }
    return KerasRegressor(model, **(defaults | params))


@pytest.fixture(scope="module")
def fitted(data):
    """Return ``tiny()`` fitted to ``data``; no test changes it."""
    return tiny().fit(*data)


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
        # Adam would make whole steps of the rounding of saturated gates.
        {"scaling": None, "learning_rate": 1e-4, "optimizer": "sgd"},
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
def test_the_same_lstm_learns_the_same(series, params):
    """From the same weights, rows and order come the same losses and weights."""
    X, y = series
    one, other = both_fitted(X, y, **params)
    assert_same_training(one, other)
    assert_allclose(one.predict(X), other.predict(X), rtol=1e-3)
    assert one.network_weight_ == pytest.approx(other.network_weight_, abs=1e-3)


def test_weighted_targets_are_learned_alike(series):
    """Sample weights and several targets count as they do in Keras."""
    X, y = series
    weight = np.random.default_rng(2).uniform(0.1, 3, len(y))
    targets = np.column_stack([y, -2 * y, y**2])
    assert_same_training(*both_fitted(X, targets, sample_weight=weight))


@pytest.mark.parametrize(
    "params", [{}, {"units": (4, 3), "optimizer": "rmsprop"}, {"highway": True}]
)
def test_a_mask_that_comes_later_keeps_the_optimizer_going(series, params):
    """Incomplete windows after complete ones are learned from alike."""
    X, y = series
    twins = both_fitted(X[7:], y[7:], **params)
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


# -- interruption ----------------------------------------------------------------------


class PressAt(keras.callbacks.Callback):
    """Send what Ctrl-C sends before the first batch of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.now = epoch, None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.now == self.epoch and batch == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("n_epochs", [0, 2])
def test_an_interrupt_keeps_what_was_learned(data, n_epochs):
    """It is heard when a batch is learned; a fit that goes on adds its epochs."""
    X, y = data
    regressor = tiny(
        batch_size=16, epochs=4, warm_start=True, callbacks=[PressAt(n_epochs)]
    )
    words = f"interrupted after {n_epochs} of 4"
    with pytest.warns(ConvergenceWarning, match=words) as caught:
        assert regressor.fit(X, y) is regressor
    assert [warning.filename for warning in caught] == [__file__]
    assert regressor.n_iter_ == len(regressor.history_["loss"]) == n_epochs
    assert np.isfinite(regressor.predict(X)).all()
    part = tiny(batch_size=16, epochs=max(n_epochs, 1)).fit(X, y)
    assert regressor.history_["loss"] == part.history_["loss"][:n_epochs]
    regressor.set_params(callbacks=None).fit(X, y)
    assert regressor.n_iter_ == n_epochs + 4


def test_a_second_interrupt_leaves_fit(data):
    """It raises as Python does, and leaves the estimator as it was."""
    regressor = tiny(callbacks=[PressAt(0), PressAt(0)])
    before = dict(vars(regressor))
    with pytest.raises(KeyboardInterrupt):
        regressor.fit(*data)
    assert vars(regressor) == before


# -- Keras callbacks -------------------------------------------------------------------

EPOCHS_SEEN = []


class Recorder(keras.callbacks.Callback):
    """Write down every epoch, in itself and where the test can see it."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        EPOCHS_SEEN.append((epoch, sorted(logs)))


def test_callbacks_hear_of_training_and_stay_as_they_were(data):
    """Keras callbacks are called every epoch; the objects given are not changed."""
    EPOCHS_SEEN.clear()
    recorder = Recorder()
    callbacks = [recorder]
    before = dict(vars(recorder))
    tiny(callbacks=callbacks).fit(*data)
    assert EPOCHS_SEEN == [(0, ["loss"]), (1, ["loss"])]
    tiny(callbacks=(Recorder(),), early_stopping=True, epochs=1).fit(*data)
    assert EPOCHS_SEEN[2:] == [(0, ["loss", "val_loss"])]
    assert callbacks == [recorder]
    assert vars(recorder) == before
    assert recorder.epochs == []


def test_callbacks_can_steer_training(data, fitted):
    """A step size and a stop set by callbacks have effect, in that fit alone."""
    X, y = data

    class Still(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.optimizer.learning_rate = 0.0

    one = tiny(callbacks=[Still()]).fit(X, y)
    longer = tiny(callbacks=[Still()], epochs=3).fit(X, y)
    assert_same_weights(one, longer)
    stop = keras.callbacks.EarlyStopping("loss", min_delta=1e9)
    assert tiny(callbacks=[stop], epochs=9).fit(X, y).n_iter_ == 2
    assert_same_weights(tiny().fit(X, y), fitted)


# -- an own network --------------------------------------------------------------------


def compiled_network(meta, compile_kwargs):
    """Build and compile a network with another loss than the parameter says."""
    model = dense_network(meta)
    model.compile(optimizer=compile_kwargs["optimizer"], loss="mae")
    return model


@pytest.fixture(scope="module")
def own(data):
    """Return a fitted regressor with an own network; no test changes it."""
    regressor = tiny(scaling="standard", optimizer="sgd")
    regressor.set_params(model__hidden=3, optimizer__momentum=0.5)
    return regressor.fit(incomplete(data[0]), data[1])


@pytest.mark.parametrize("kind", [LSTMRegressor, KerasRegressor])
def test_what_is_done_with_model_changes_no_prediction(data, kind):
    """`model_` is the user's, to go on with; predictions stay those of the fit."""
    X, y = data
    regressor = kind(epochs=1, scaling="standard", random_state=0)
    if kind is KerasRegressor:
        regressor.set_params(model=masked_network)
    expected = regressor.fit(X, y).predict(X)
    model = regressor.model_
    model.set_weights([array + 1 for array in model.get_weights()])
    assert_array_equal(regressor.predict(X), expected)
    assert regressor.model_ is model


def test_an_own_network_without_masking_warns(data):
    """Without Masking, incomplete windows are filled, with a warning that says so."""
    X, y = data
    regressor = tiny(dense_network, epochs=1)
    words = r"3 window\(s\) are incomplete and the network has no Masking layer"
    with pytest.warns(UserWarning, match=words):
        regressor.fit(incomplete(X), y)
    with pytest.warns(UserWarning, match=words):
        values = regressor.predict(incomplete(X))
    assert np.isfinite(values).all()
    regressor.predict(X)


def test_an_own_network_may_compile_itself(data):
    """A model that its builder has compiled is trained on its own loss."""
    X, y = data
    regressor = tiny(
        compiled_network, epochs=1, warm_start=True, scaling="standard"
    ).fit(X, y)
    residuals = np.abs(regressor.predict(X) - y) / y.std()
    regressor.fit(X, y)
    assert_allclose(regressor.history_["loss"][1], residuals.mean(), rtol=1e-4)


def test_a_fitted_own_network_can_be_pickled(own, data):
    """A pickle with a builder that can be imported predicts the same."""
    X = incomplete(data[0])
    own.predict(X)
    again = pickle.loads(pickle.dumps(own))
    assert_array_equal(again.predict(X), own.predict(X))


def test_an_own_network_is_tuned_in_a_search():
    """GridSearchCV tunes `kerasregressor__model__hidden` like any parameter."""
    frame = pd.DataFrame({"load": walk(60)[:, 0]})
    pipe = make_pipeline(SlidingWindow(WINDOW), tiny(epochs=1))
    search = GridSearchCV(
        pipe,
        {"kerasregressor__model__hidden": [2, 3]},
        cv=[(np.arange(40), np.arange(40, 60))],
        scoring="neg_mean_absolute_error",
        error_score="raise",
        refit=False,
    )
    search.fit(frame, frame["load"])
    assert pipe[-1].keras_params is None
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]


def test_forecasts_feed_an_own_network_its_values():
    """`forecast` and `update` take it like any regressor behind a SlidingWindow."""
    frame = pd.DataFrame({"load": walk(60)[:, 0]})
    pipe = make_pipeline(SlidingWindow(WINDOW), tiny(epochs=1))
    pipe.fit(frame, frame["load"])
    values = forecast(pipe, frame, 2)
    recent = [*frame["load"][-WINDOW:], values.iloc[0]]
    for step, value in enumerate(values):
        window = np.array(recent[step : step + WINDOW])[None, :, None]
        assert value == pytest.approx(pipe[-1].predict(window)[0], rel=1e-6)
    new = pd.DataFrame({"load": recent[-1:]}, index=[60])
    update(pipe, new, new["load"])
    assert pipe[-1].n_iter_ == 2


def test_unknown_routed_names_are_errors(data):
    """A routed name that nothing takes is refused by name, before any training."""
    X, y = data
    for regressor, words in (
        (tiny().set_params(model__hiden=3), "takes 'hiden'"),
        (tiny(keras_params={"bogus": 3}), "names that begin with model__.*'bogus'"),
        (tiny(keras_params={"bogus__x": 3}), "names that begin with.*'bogus__x'"),
        (tiny().set_params(optimizer__bogus=3), "bogus"),
        (tiny().set_params(loss__bogus=3), "bogus"),
        (tiny().set_params(compile__bogus=3), "bogus"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            regressor.fit(X, y)
        assert not hasattr(regressor, "weights_")
    with pytest.raises(ValueError, match="Invalid parameter 'bogus'"):
        tiny().set_params(bogus__x=3)


@pytest.mark.parametrize(
    ("builder", "words"),
    [
        (lambda meta: 3, "must"),
        (lambda meta: masked_network({**meta, "n_outputs_": 2}), r"Got \(2,\)"),
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "must"),
        (keras.Sequential([keras.Input((4, 1))]), "must be a function.*a Sequential"),
    ],
    ids=["no model", "outputs that do not fit", "no input shape", "built"],
)
def test_a_builder_that_builds_no_fitting_network(data, builder, words):
    """What a builder returns is checked, in words that name the parameter."""
    regressor = tiny(builder)
    with pytest.raises(ValueError, match=f"'model' parameter of KerasReg.*{words}"):
        regressor.fit(*data)
    with pytest.raises(ValueError, match=r"needs a function that builds.*model=None"):
        regressor.set_params(model=None).fit(*data)
    assert not hasattr(regressor, "weights_")


def test_a_changed_own_network_cannot_go_on(data):
    """`warm_start` with another own network is refused in the same words as ours."""
    X, y = data
    regressor = tiny(warm_start=True, epochs=1).fit(X, y)
    expected = regressor.predict(X)
    regressor.set_params(model__hidden=3)
    with pytest.raises(ValueError, match=r"before\. Got model__hidden=3 after None;"):
        regressor.fit(X, y)
    regressor.set_params(keras_params=None)
    assert_array_equal(regressor.predict(X), expected)
    regressor.set_params(model=dense_network)
    with pytest.raises(ValueError, match=r"Got model=<.*dense_network.*masked_net"):
        regressor.fit(X, y)
    routed = tiny(warm_start=True, epochs=1).set_params(model__hidden=3).fit(X, y)
    routed.set_params(keras_params=None)
    with pytest.raises(ValueError, match=r"before\. Got model__hidden=None after 3;"):
        routed.fit(X, y)


def test_routed_parameters_are_those_of_keras(data):
    """`optimizer__…` and `loss__…` are those of Keras's own objects, bitwise.

    A routed learning rate has precedence over the parameter.
    """
    X, y = data
    regressor = tiny(loss="huber", learning_rate=1e-9, optimizer="sgd")
    regressor.set_params(loss__delta=0.1, optimizer__momentum=0.9)
    regressor.set_params(optimizer__learning_rate=0.5)
    loss = keras.losses.Huber(0.1)
    other = tiny(loss=loss, learning_rate=0.5, optimizer="sgd")
    other.set_params(optimizer__momentum=0.9)
    assert_array_equal(regressor.fit(X, y).predict(X), other.fit(X, y).predict(X))
    plain = tiny(loss=loss, learning_rate=0.5, optimizer="sgd")
    assert not np.allclose(plain.fit(X, y).predict(X), other.predict(X))


def test_a_network_of_the_users_own_goes_on_where_it_was():
    """It keeps its weight, so that a step of no size moves no prediction."""
    y = 50 + np.random.default_rng(0).normal(size=80).cumsum()
    windows = SlidingWindow(6).fit_transform(y[:, None])
    regressor = KerasRegressor(
        masked_network, epochs=2, learning_rate=0.01, prior=False, random_state=4
    )
    before = regressor.fit(windows, y).predict(windows)
    assert regressor.network_weight_ < 1
    regressor.set_params(learning_rate=1e-9).partial_fit(windows[-20:], y[-20:])
    assert_allclose(regressor.predict(windows), before, rtol=1e-5)


def test_another_form_of_an_optimizer_begins_with_a_fresh_state(data):
    """Momentum has slots that plain descent does not; nothing is carried over."""
    X, y = data
    plain = tiny(epochs=1, optimizer="sgd").fit(X, y)
    plain.set_params(keras_params={"optimizer__momentum": 0.9}).partial_fit(X, y)
    assert np.isfinite(plain.predict(X)).all()


def test_quantiles_are_learned_with_the_pinball_loss(data):
    """Higher levels are predicted higher; parameters of another loss are refused."""
    X, y = data
    params = {"loss": "huber", "quantiles": (0.1, 0.9), "epochs": 60}
    regressor = tiny(learning_rate=0.05, **params).fit(X, y)
    levels = regressor.predict_quantiles(X)
    assert levels.shape == (60, 1, 2)
    assert np.mean(y < levels[:, 0, 0]) < 0.3 < 0.7 < np.mean(y < levels[:, 0, 1])
    regressor.set_params(loss__delta=2.0)
    with pytest.raises(ValueError, match=r"takes no parameters. Got 'loss__delta'"):
        regressor.fit(X, y)


def test_a_network_that_compiles_itself_learns_no_quantiles(data):
    """Its loss is not the pinball loss, unless it compiles with what it is given."""

    def obedient(meta, compile_kwargs):
        model = dense_network(meta)
        model.compile(**compile_kwargs)
        return model

    params = {"loss": "huber", "quantiles": (0.1, 0.9), "epochs": 1}
    assert tiny(obedient, **params).fit(*data).predict_quantiles(data[0]).shape[2] == 2
    with pytest.raises(ValueError, match=r"pinball.*compiles itself with loss='mae'"):
        tiny(compiled_network, **params).fit(*data)


# -- parameters ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"model": "lstm"}, "'model' .* must be a callable or None. Got 'lstm'"),
        ({"keras_params": 3}, "'keras_params' .*'dict' or None. Got 3"),
        ({"keras_params": {"hidden": 3}}, "begin with model__.* Got 'hidden'"),
        ({"keras_params": {1: 3}}, "names that begin with model__.* Got 1 instead"),
        ({"optimizer": "adan"}, "'optimizer' .*'adam'.*Got 'adan'"),
        ({"loss": "mze"}, "'loss' .*'mse'.*Got 'mze'"),
        ({"loss": "quantile"}, "'loss' .*Got 'quantile'"),
        ({"loss": "mape"}, "loss 'mape' is about values in their own unit"),
        ({"callbacks": "log"}, "'callbacks' .*Got 'log'"),
        ({"callbacks": [3]}, "'callbacks' parameter of KerasRegressor .*Got 3"),
        ({"steps": 0}, r"'steps' parameter of KerasRegressor .*\[1, inf\). Got 0"),
    ],
)
def test_bad_parameters_are_refused(data, params, words):
    """A bad parameter is named, with what came, by both ways to fit."""
    regressor = tiny(**params)
    for fit in (regressor.fit, regressor.partial_fit):
        with pytest.raises(ValueError, match=words):
            fit(*data)


def test_errors_of_what_is_shared_name_the_class(data, fitted):
    """What both regressors check alike is said in the name of the one that was used."""
    with pytest.raises(ValueError, match=r"^KerasRegressor needs windows as in fit"):
        fitted.predict(data[0][:, 1:])
    with pytest.raises(ValueError, match=r"^KerasRegressor needs one target"):
        tiny().fit(data[0], data[1][1:])
    assert not hasattr(fitted, "to_onnx")
