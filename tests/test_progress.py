"""Progress: lines that say how far a fit is, and scikit-learn's callbacks."""

import contextlib
import importlib.util
import io
import pickle
import re
import signal
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from parity import LSTMWithoutRefit, dense_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import KerasRegressor, LSTMRegressor, SlidingWindow
from sklstm.network import _progress
from sklstm.network._progress import Line

needs_callbacks = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None,
    reason="scikit-learn has callbacks since 1.9",
)
KINDS = [LSTMRegressor, KerasRegressor]
# All that a fit can go through: early stopping and refit, and several networks.
WHOLE = {
    "epochs": 8,
    "n_iter_no_change": 1,
    "learning_rate": 0.1,
    "early_stopping": True,
    "loss": "mae",
    "n_models": 2,
}


@pytest.fixture(scope="module")
def data():
    """Return 40 windows of four steps and one channel, all true, and y."""
    y = np.cumsum(np.random.default_rng(0).normal(size=44))
    return SlidingWindow(window=4).fit_transform(y[:, None])[4:], y[4:]


def tiny(kind=LSTMRegressor, **params):
    own = {"units": 2}
    if kind is KerasRegressor:
        eager = {"compile__run_eagerly": True}
        own = {"model": dense_network, "keras_params": eager}
    defaults = {"epochs": 3, "early_stopping": False, "random_state": 0}
    return kind(**{**own, **defaults, **params})


class Recorder:
    """Remembers every hook; may act at one of them."""

    def __init__(self, at=None, act=bool):
        self.at, self.act = at, act
        self.hooks, self.fitted, self.most = [], {}, {}

    def _heard(self, hook, context, fitted_estimator=None):
        own = hook, context.task_name, context.task_id
        self.hooks.append(own)
        self.most[context.task_name] = context.max_subtasks
        self.fitted[own] = fitted_estimator
        return self.act() if self.at in (own, hook) else None

    def setup(self, estimator, context):
        self._heard("setup", context)

    def teardown(self, estimator, context):
        self._heard("teardown", context)

    def on_fit_task_begin(self, estimator, context):
        self._heard("begin", context)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        return self._heard("end", context, fitted_estimator)


def stop():
    return True


def fail():
    raise OSError("disk full")


def press():
    signal.raise_signal(signal.SIGINT)


def assert_same_fit(one, other):
    """Check everything that a fit leaves, bit for bit."""
    assert one.history_ == other.history_
    for a, b in zip(one._members, other._members, strict=True):
        assert a.history == b.history
        assert all(map(np.array_equal, a.weights, b.weights))
        assert a.optimizer_state[0] == b.optimizer_state[0]
        assert all(map(np.array_equal, a.optimizer_state[1], b.optimizer_state[1]))


# -- callbacks ------------------------------------------------------------------------


@needs_callbacks
@pytest.mark.parametrize("kind", KINDS)
def test_every_epoch_is_a_task_of_the_fit(data, kind):
    """At the end of epoch k callbacks are given what a fit of k epochs predicts."""
    X, y = data
    recorder = Recorder()
    final = tiny(kind).set_callbacks(recorder).fit(X, y)
    epochs = [(hook, "epoch", k) for k in range(3) for hook in ("begin", "end")]
    assert recorder.hooks == [
        ("setup", "fit", 0),
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        ("teardown", "fit", 0),
    ]
    assert recorder.most == {"fit": 3, "epoch": 0}
    for k in (1, 2, 3):
        part = tiny(kind, epochs=k).fit(X, y)
        ended = recorder.fitted["end", "epoch", k - 1]
        assert_array_equal(ended.predict(X), part.predict(X))
        assert ended.history_ == part.history_
    ended = recorder.fitted["end", "fit", 0]
    assert_array_equal(ended.predict(X), final.predict(X))


@needs_callbacks
def test_networks_and_refits_are_epochs_too(data):
    """They follow each other below the fit, with room for the longest."""
    X, y = data
    recorder = Recorder()
    fitted = tiny(**WHOLE).set_callbacks(recorder).fit(X, y)
    names = [name for hook, name, _ in recorder.hooks if hook == "end"]
    n_refit = -(-(int(np.argmin(fitted.history_["val_loss"])) + 1) // 2)
    first = ["epoch"] * fitted.n_iter_ + ["refit-epoch"] * n_refit
    assert fitted.n_iter_ < 8
    assert names[: len(first) + 1] == [*first, "epoch"]
    assert names[-2:] == ["refit-epoch", "fit"]
    assert recorder.most["fit"] == 2 * (8 + 4)
    alone = tiny(**WHOLE | {"n_models": 1}).fit(X, y)
    ended = recorder.fitted["end", "refit-epoch", len(first) - 1]
    assert_array_equal(ended.predict(X), alone.predict(X))


@needs_callbacks
def test_a_fit_that_goes_on_tells_of_its_own_epochs(data, set_trust):
    """An epoch of partial_fit adds to the losses before, and predicts as the fit."""
    X, y = data
    recorder = Recorder()
    regressor = tiny(n_models=2).fit(X, y)
    set_trust(regressor, 0.25)
    regressor.set_callbacks(recorder).partial_fit(X, y)
    ended = recorder.fitted["end", "epoch", 0]
    assert ended.n_iter_ == 4
    assert len(ended._members) == 2
    ended = recorder.fitted["end", "epoch", 1]
    assert_array_equal(ended.predict(X), regressor.predict(X))


@needs_callbacks
def test_nothing_of_callbacks_stays_in_the_networks(data):
    """What is stored of an ensemble holds no task, and callbacks once."""
    plain = tiny(n_models=3).fit(*data)
    watched = tiny(n_models=3).set_callbacks(Recorder()).fit(*data)
    assert set(vars(watched)) == set(vars(plain)) | {"_skl_callbacks"}
    watched.set_callbacks()
    assert len(pickle.dumps(watched)) == len(pickle.dumps(plain))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("params", [{"epochs": 7}, WHOLE], ids=["plain", "whole"])
def test_neither_lines_nor_callbacks_change_a_bit(data, kind, params):
    """Epochs told one by one come to what they come to where nobody watches."""
    silent = tiny(kind, **params).fit(*data)
    for verbose in (1, 2):
        assert_same_fit(silent, tiny(kind, **params, verbose=verbose).fit(*data))
    watched = tiny(kind, **params)
    if hasattr(watched, "set_callbacks"):
        assert_same_fit(silent, watched.set_callbacks(Recorder()).fit(*data))


@needs_callbacks
@pytest.mark.filterwarnings("ignore:Training was interrupted after 3 of 9")
@pytest.mark.parametrize("act", [stop, press])
@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_may_stop_training(data, kind, act):
    """True at the end of an epoch, or Ctrl-C in it, keeps the weights of that epoch."""
    recorder = Recorder(("end", "epoch", 2), act)
    stopped = tiny(kind, epochs=9).set_callbacks(recorder).fit(*data)
    assert_same_fit(stopped, tiny(kind, epochs=3).fit(*data))
    assert recorder.hooks[-2:] == [("end", "fit", 0), ("teardown", "fit", 0)]


@needs_callbacks
@pytest.mark.filterwarnings("ignore:Training was interrupted after")
@pytest.mark.parametrize("act", [stop, press])
def test_a_stop_under_early_stopping_keeps_the_best(data, act):
    """The best weights until then are kept, and not learned further in a refit."""
    refitted = tiny(**WHOLE | {"n_models": 1}).fit(*data)
    best = int(np.argmin(refitted.history_["val_loss"]))
    recorder = Recorder(("end", "epoch", best + 1), act)
    stopped = tiny(**WHOLE | {"n_models": 1}).set_callbacks(recorder).fit(*data)
    expected = LSTMWithoutRefit(**refitted.get_params()).fit(*data)
    assert stopped.n_iter_ == best + 2
    assert_array_equal(stopped.predict(data[0]), expected.predict(data[0]))
    assert "refit-epoch" not in recorder.most


@needs_callbacks
@pytest.mark.parametrize(
    "place",
    ["setup", ("begin", "epoch", 1), ("end", "epoch", 1), ("end", "fit", 0)],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_in_a_callback_leaves_the_estimator_as_it_was(data, kind, place):
    """Every callback clears up, and what was fitted before is there untouched."""
    failing, other = Recorder(place, fail), Recorder()
    regressor = tiny(kind, epochs=2).fit(*data).set_callbacks(failing, other)
    before = dict(vars(regressor))
    with pytest.raises(OSError, match="disk full"):
        regressor.fit(*data)
    assert vars(regressor) == before
    assert all(vars(regressor)[name] is before[name] for name in before)
    heard = [recorder.hooks[-1][0] for recorder in (failing, other) if recorder.hooks]
    assert heard == ["teardown"] * (1 if place == "setup" else 2)


@needs_callbacks
def test_an_interrupt_in_the_refit_begins_no_other_network(data):
    """The weights so far are kept, and the rest of the ensemble does not begin."""
    n_epochs = tiny(**WHOLE).fit(*data).n_iter_
    recorder = Recorder(("end", "refit-epoch", n_epochs), press)
    regressor = tiny(**WHOLE).set_callbacks(recorder)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        regressor.fit(*data)
    assert len(regressor._members) == 1
    assert np.isfinite(regressor.predict(data[0])).all()


@needs_callbacks
def test_a_fit_that_is_refused_calls_nobody(data):
    """What is wrong with parameters or data is said before callbacks are set up."""
    recorder = Recorder()
    for regressor, y in [(tiny(units=0), data[1]), (tiny(), data[1] * np.nan)]:
        with pytest.raises(ValueError, match=r"units|NaN"):
            regressor.set_callbacks(recorder).fit(data[0], y)
    assert recorder.hooks == []


@needs_callbacks
def test_divergence_shows_no_weights_of_nan(data):
    """The error of an epoch without finite weights is ours, not that of a scorer."""
    from sklearn.callback import ScoringMonitor

    regressor = tiny(loss="mse", scaling=None, learning_rate=1e30, epochs=40)
    regressor.set_callbacks(ScoringMonitor(scoring="r2"))
    with pytest.raises(ValueError, match="learning_rate"):
        regressor.fit(data[0] * np.float32(1e6), data[1] * 1e6)


# -- scikit-learn's own callbacks -----------------------------------------------------


def search_of(callback, **params):
    lstm = tiny(units=1, **params).set_callbacks(callback)
    return GridSearchCV(
        make_pipeline(SlidingWindow(3), lstm),
        {"lstmregressor__units": [1, 2]},
        cv=TimeSeriesSplit(2),
    )


@needs_callbacks
@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_scores_of_every_epoch_of_a_search(data, backend):
    """ScoringMonitor logs what partial fits score, however the search runs."""
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="neg_mean_absolute_error")
    X, y = pd.DataFrame({"y": data[1]}), data[1]
    search = search_of(monitor)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        search.fit(X, y)
    log = monitor.get_logs().data_as_pandas
    epochs = log[log["task_name"] == "epoch"]
    assert len(epochs) == (2 * 2 + 1) * 3
    # The last task of the search is the refit of the best on all rows.
    best = epochs.set_index("task_id_path")["neg_mean_absolute_error"]
    windows = SlidingWindow(3).fit_transform(X)
    units = search.best_params_["lstmregressor__units"]
    for epoch in range(3):
        part = tiny(units=units, epochs=epoch + 1).fit(windows, y)
        error = np.abs(part.predict(windows) - y).mean()
        assert best[(0, 1, 1, epoch)] == pytest.approx(-error, rel=1e-12)


@needs_callbacks
def test_scores_of_weighted_rows(data):
    """Weights of rows are passed to the scorer as scikit-learn's own estimators do."""
    from sklearn.callback import ScoringMonitor

    X, y = data
    weights = np.linspace(0, 1, len(y))
    monitor = ScoringMonitor(scoring="r2")
    regressor = tiny().set_callbacks(monitor).fit(X, y, sample_weight=weights)
    log = monitor.get_logs().data_as_pandas.set_index("task_name")["r2"]
    assert log["fit"] == regressor.score(X, y, sample_weight=weights)
    assert log["fit"] == log["epoch"].iloc[-1]


@needs_callbacks
@pytest.mark.filterwarnings("ignore:The estimator SlidingWindow does not support")
@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_bars_of_search_pipeline_and_epochs(data, capsys, backend):
    """ProgressBar has a bar for every fit; each ends, though stopped early."""
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar, ScoringMonitor

    stopping = {"early_stopping": True, "epochs": 30, "n_iter_no_change": 1}
    search = search_of(ScoringMonitor(scoring="r2"), **stopping)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    with joblib.parallel_config(backend=backend, n_jobs=2):
        search.fit(pd.DataFrame({"y": data[1]}), data[1])
    lines = [line for line in capsys.readouterr().out.splitlines() if " - " in line]
    begins = [at for at, line in enumerate(lines) if "GridSearchCV - fit" in line]
    lines = lines[begins[-1] :]  # the last state
    assert sum("LSTMRegressor - fit" in line for line in lines) == 5
    assert all("100%" in line for line in lines)


def test_without_callbacks_in_scikit_learn_lines_are_printed(monkeypatch, capsys):
    """Below 1.9 the mixin adds nothing, nobody watches, and lines come all the same."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    path = Path(_progress.__file__)
    spec = importlib.util.spec_from_file_location("progress_below_1_9", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    assert not hasattr(module.CallbackSupportMixin, "set_callbacks")
    estimator = type("Old", (module.CallbackSupportMixin,), {"verbose": 1})()
    sizes = {"n_networks": 1, "epochs": 2, "n_refit": 1}
    with module.Progress(estimator, [], [], None, **sizes) as progress:
        progress.begin_epoch(is_refit=False)
        assert not progress.end_epoch(0, {"loss": [0.5]}, dict, is_refit=False)
    assert vars(estimator) == {}
    assert re.fullmatch(r"Epoch 1/2 - 0.0 s - loss: 0.5\n", capsys.readouterr().out)


# -- lines ----------------------------------------------------------------------------


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self):
        return True


def screen_of(text):
    """Return the lines that a terminal shows after all of a text."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for state in line.split("\r"):
            shown = state + shown[len(state) :]
        lines.append(shown.rstrip())
    return lines


def test_a_line_is_overwritten_in_a_terminal(monkeypatch):
    """States come one over the other; an error begins in a new line."""
    monkeypatch.setattr(_progress, "_PAUSE", 0)
    terminal = Terminal()
    with (
        contextlib.redirect_stdout(terminal),
        pytest.raises(ZeroDivisionError),
        Line() as line,
    ):
        line.show("a longer state")
        line.show("short")
        assert screen_of(terminal.getvalue()) == ["short"]
        line.end("done")
        line.show("half way")
        raise ZeroDivisionError
    assert screen_of(terminal.getvalue()) == ["done", "half way", ""]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_is_one_line(data, kind, capsys):
    """verbose=1: the epochs, the losses of the last one, and the best."""
    regressor = tiny(kind, verbose=1, **WHOLE | {"n_models": 1}).fit(*data)
    losses = regressor.history_
    best = int(np.argmin(losses["val_loss"]))
    expected = (
        rf"Epoch {regressor.n_iter_}/8 - \d+\.\d s - "
        rf"loss: {losses['loss'][-1]:.4g} - val_loss: {losses['val_loss'][-1]:.4g} - "
        rf"best: {losses['val_loss'][best]:.4g} \(epoch {best + 1}\)" + "\n"
    )
    assert re.fullmatch(expected, capsys.readouterr().out)


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_line_tells_the_weight_of_the_network(data, verbose, capsys):
    """Where validation supports no network, the line says what predicts."""
    params = {"epochs": 1, "early_stopping": True, "verbose": verbose, "prior": False}
    assert tiny(**params, learning_rate=1e-30).fit(*data).network_weight_ == 0
    out = capsys.readouterr().out.lower()
    assert out.endswith("network weight 0: the linear part predicts alone\n")
    X = np.random.default_rng(0).normal(size=(400, 4, 1))
    params |= {"epochs": 30, "learning_rate": 0.02}
    weight = tiny(**params).fit(X, np.abs(X[:, -1, 0])).network_weight_
    assert weight > 0
    assert f"network weight {weight:.2g}" in capsys.readouterr().out.lower()


def test_the_line_tells_the_weight_of_the_prior(airline, capsys):
    """Where it has one, and changes what is predicted."""
    y = airline["passengers"]
    X = SlidingWindow(36, season=12).fit_transform(airline[["passengers"]])
    params = {"epochs": 1, "early_stopping": True, "verbose": 1}
    fitted = tiny(**params).fit(X, y)
    told = capsys.readouterr().out
    plain = tiny(**params, prior=False).fit(X, y)
    assert 0 < fitted.prior_weight_ <= 1
    weights = fitted.network_weight_, fitted.prior_weight_
    words = "network weight {:.2g}, prior weight {:.2g}\n".format(*weights)
    assert told.endswith(words)
    assert told.startswith("Epoch 1/1")
    assert plain.prior_weight_ == 0
    assert "prior" not in capsys.readouterr().out
    assert (fitted.predict(X) != plain.predict(X)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_epoch_is_a_line(data, kind, capsys):
    """verbose=2: each epoch of each network, and those of the refit."""
    recorder = tiny(kind, verbose=2, **WHOLE).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    pattern = r"Network (\d)/2, (epoch \d/8|refit \d) - \d+\.\d s - loss: .+"
    found = [re.fullmatch(pattern, line) for line in lines]
    assert all(found)
    own = [match[2] for match in found if match[1] == "1"]
    n_refit = -(-(int(np.argmin(recorder.history_["val_loss"])) + 1) // 2)
    expected = [f"epoch {k}/8" for k in range(1, recorder.n_iter_ + 1)]
    if kind is LSTMRegressor:
        expected += [f"refit {k}" for k in range(1, n_refit + 1)]
    assert own == expected
