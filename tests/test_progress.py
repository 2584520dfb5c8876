"""Progress: lines that say how far a fit is, and scikit-learn's callbacks."""

import contextlib
import importlib.util
import io
import pickle
import re
import sys
import threading
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from parity import LSTMWithoutRefit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import KerasRegressor, LSTMRegressor, SlidingWindow, _progress
from sklstm.network._progress import Line, Progress, Tasks, progress_of, tasks_of

has_callbacks = importlib.util.find_spec("sklearn.callback") is not None
needs_callbacks = pytest.mark.skipif(
    not has_callbacks, reason="scikit-learn has callbacks since 1.9"
)
EAGER = {"compile__run_eagerly": True}
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


def build_network(meta):
    """Return a network of one's own."""
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_outputs_"]),
        ]
    )


def tiny(kind=LSTMRegressor, **params):
    own = {"units": 2}
    if kind is KerasRegressor:
        own = {"model": build_network, "keras_params": EAGER}
    defaults = {"epochs": 3, "early_stopping": False, "random_state": 0}
    return kind(**{**own, **defaults, **params})


class Recorder:
    """Remembers every hook; may return, or raise, something at one of them."""

    def __init__(self, at=None, error=None, answer=False):
        self.at, self.error, self.answer = at, error, answer
        self.hooks, self.fitted, self.most = [], {}, {}

    def _heard(self, hook, context, fitted_estimator=None):
        name = context.task_name
        self.hooks.append((hook, name, context.task_id))
        self.most[name] = context.max_subtasks
        path = (hook, context.parent and context.parent.task_id, *self.hooks[-1][1:])
        self.fitted[path] = fitted_estimator
        if self.at == self.hooks[-1] or self.at == hook:
            if self.error is not None:
                raise self.error
            return self.answer
        return None

    def setup(self, estimator, context):  # noqa: ARG002
        """Hear that a fit begins."""
        self._heard("setup", context)

    def teardown(self, estimator, context):  # noqa: ARG002
        """Hear that it is over."""
        self._heard("teardown", context)

    def on_fit_task_begin(self, estimator, context, *, fitted_estimator=None):  # noqa: ARG002
        """Hear that a task begins."""
        self._heard("begin", context, fitted_estimator)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):  # noqa: ARG002
        """Hear that a task ends."""
        return self._heard("end", context, fitted_estimator)


def assert_same_fit(one, other):
    """Check everything that a fit leaves, bit for bit."""
    assert one.history_ == other.history_
    assert one.n_iter_ == other.n_iter_
    for a, b in zip(one._members, other._members, strict=True):
        assert a.history == b.history
        assert all(map(np.array_equal, a.weights, b.weights))
        assert a.optimizer_state[0] == b.optimizer_state[0]
        assert all(map(np.array_equal, a.optimizer_state[1], b.optimizer_state[1]))


# -- tasks ----------------------------------------------------------------------------


@needs_callbacks
@pytest.mark.parametrize("kind", KINDS)
def test_every_epoch_is_a_task_of_the_fit(data, kind):
    """Callbacks hear of the fit and of each epoch, from its begin to its end."""
    recorder = Recorder()
    tiny(kind).set_callbacks(recorder).fit(*data)
    epochs = [(hook, "epoch", k) for k in range(3) for hook in ("begin", "end")]
    assert recorder.hooks == [
        ("setup", "fit", 0),
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        ("teardown", "fit", 0),
    ]
    assert recorder.most == {"fit": 3, "epoch": 0}


@needs_callbacks
@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_predicts_as_a_fit_of_so_many_epochs(data, kind):
    """At the end of epoch k predictions are those of epochs=k, at its begin k - 1."""
    X, y = data
    recorder = Recorder()
    final = tiny(kind).set_callbacks(recorder).fit(X, y)
    for k in (1, 2, 3):
        part = tiny(kind, epochs=k).fit(X, y)
        ended = recorder.fitted["end", 0, "epoch", k - 1]
        assert_array_equal(ended.predict(X), part.predict(X))
        assert ended.history_ == part.history_
        assert ended.n_iter_ == k
        if k < 3:
            begun = recorder.fitted["begin", 0, "epoch", k]
            assert_array_equal(begun.predict(X), part.predict(X))
    assert_array_equal(
        recorder.fitted["end", None, "fit", 0].predict(X), final.predict(X)
    )


@needs_callbacks
def test_the_networks_of_an_ensemble_are_tasks(data):
    """Each network has its epochs; predictions are those of the networks so far."""
    X, y = data
    recorder = Recorder()
    both = tiny(n_models=2).set_callbacks(recorder).fit(X, y)
    assert recorder.most == {"fit": 2, "network": 3, "epoch": 0}
    names = [name for hook, name, _ in recorder.hooks if hook == "end"]
    assert names == [*["epoch"] * 3, "network", *["epoch"] * 3, "network", "fit"]
    first = tiny().fit(X, y).predict(X)
    one = tiny(epochs=1).fit(X, y).predict(X)
    two = tiny(epochs=1, n_models=2).fit(X, y).predict(X)
    ended = recorder.fitted["end", 0, "epoch", 0]
    assert_array_equal(ended.predict(X), one)
    ended = recorder.fitted["end", 1, "epoch", 0]
    assert_allclose(ended.predict(X), (first + 2 * two - one) / 2, rtol=1e-12)
    ended = recorder.fitted["end", 0, "network", 0]
    assert_array_equal(ended.predict(X), first)
    assert_array_equal(
        recorder.fitted["end", 0, "network", 1].predict(X), both.predict(X)
    )


@needs_callbacks
def test_epochs_after_early_stopping_are_tasks(data):
    """There is room for all epochs and the longest refit; those that came are told."""
    recorder = Recorder()
    stopped = tiny(**WHOLE | {"n_models": 1}).set_callbacks(recorder).fit(*data)
    ended = [(name, k) for hook, name, k in recorder.hooks if hook == "end"]
    n_refit = -(-(int(np.argmin(stopped.history_["val_loss"])) + 1) // 2)
    assert stopped.n_iter_ < 8
    names = ["epoch"] * stopped.n_iter_ + ["refit-epoch"] * n_refit
    assert ended == [*zip(names, range(len(names)), strict=True), ("fit", 0)]
    assert recorder.most["fit"] == 8 + 4
    last = recorder.fitted["end", 0, "refit-epoch", len(names) - 1]
    assert_array_equal(last.predict(data[0]), stopped.predict(data[0]))


@needs_callbacks
def test_a_fit_that_goes_on_tells_of_its_own_epochs(data):
    """partial_fit is a fit of one epoch, which adds to the losses before."""
    X, y = data
    recorder = Recorder()
    regressor = tiny(n_models=2).fit(X, y).set_callbacks(recorder).partial_fit(X, y)
    ended = recorder.fitted["end", 0, "epoch", 0]
    assert ended.n_iter_ == 4
    assert len(ended._members) == 2
    other = recorder.fitted["end", 1, "epoch", 0]
    assert_array_equal(other.predict(X), regressor.predict(X))


@needs_callbacks
def test_a_network_of_little_trust_goes_on_as_it_predicts(data, set_trust):
    """What is told of an epoch of partial_fit predicts what the fit then does."""
    X, y = data
    recorder = Recorder()
    regressor = tiny().fit(X, y)
    set_trust(regressor, 0.25)
    regressor.set_callbacks(recorder).partial_fit(X, y)
    told = recorder.fitted["end", 0, "epoch", 0]
    assert_array_equal(told.predict(X), regressor.predict(X))


@needs_callbacks
def test_windows_are_a_task_too(data):
    """SlidingWindow tells of its fit, so that bars and pipelines can count it."""
    recorder = Recorder()
    window = SlidingWindow(4).set_callbacks(recorder)
    window.fit_transform(data[1][:, None])
    assert [hook for hook, *_ in recorder.hooks] == [
        "setup",
        "begin",
        "end",
        "teardown",
    ]
    before = dict(vars(window))
    with pytest.raises(ValueError, match="NaN"):
        window.fit(data[1][:, None] * np.nan)
    assert recorder.hooks[-1][0] == "teardown"
    assert vars(window) == before


@needs_callbacks
def test_nothing_of_callbacks_stays_in_the_networks(data):
    """What is stored of an ensemble holds no task, and callbacks once."""
    plain = tiny(n_models=3).fit(*data)
    watched = tiny(n_models=3).set_callbacks(Recorder()).fit(*data)
    assert set(vars(watched)) == set(vars(plain)) | {"_skl_callbacks"}
    watched.set_callbacks()
    assert len(pickle.dumps(watched)) == len(pickle.dumps(plain))


def test_ensembles_do_not_pile_up_in_each_other(data):
    """A second fit leaves no more to store than the first."""
    regressor = tiny(n_models=2, epochs=1).fit(*data)
    size = len(pickle.dumps(regressor))
    assert len(pickle.dumps(regressor.fit(*data).fit(*data))) == size


# -- results --------------------------------------------------------------------------


FITS = {"plain": {"epochs": 7}, "default": {"early_stopping": "auto"}, "whole": WHOLE}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FITS)
def test_lines_change_no_bit(data, kind, name):
    """A fit that prints comes to the weights, losses and state of a silent one."""
    params = FITS[name]
    silent = tiny(kind, **params).fit(*data)
    for verbose in (1, 2):
        assert_same_fit(silent, tiny(kind, **params, verbose=verbose).fit(*data))


@needs_callbacks
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FITS)
def test_callbacks_change_no_bit(data, kind, name):
    """Epochs told one by one come to what they come to where nobody watches."""
    params = FITS[name]
    plain = tiny(kind, **params).fit(*data)
    watched = tiny(kind, **params).set_callbacks(Recorder()).fit(*data)
    assert_same_fit(plain, watched)
    assert_array_equal(plain.predict(data[0]), watched.predict(data[0]))


# -- stopping -------------------------------------------------------------------------


@needs_callbacks
@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_may_stop_training(data, kind):
    """True at the end of an epoch leaves the weights of that epoch."""
    recorder = Recorder(at=("end", "epoch", 1), answer=True)
    stopped = tiny(kind, epochs=9).set_callbacks(recorder).fit(*data)
    assert_same_fit(stopped, tiny(kind, epochs=2).fit(*data))
    assert recorder.hooks[-2:] == [("end", "fit", 0), ("teardown", "fit", 0)]


@needs_callbacks
def test_a_stop_under_early_stopping_keeps_the_best(data):
    """The best weights until then are kept, and not learned further in a refit."""
    params = WHOLE | {"n_models": 1}
    refitted = tiny(**params).fit(*data)
    best = int(np.argmin(refitted.history_["val_loss"]))
    recorder = Recorder(at=("end", "epoch", best + 1), answer=True)
    stopped = tiny(**params).set_callbacks(recorder).fit(*data)
    expected = LSTMWithoutRefit(**refitted.get_params()).fit(*data)
    assert stopped.n_iter_ == best + 2
    assert_array_equal(stopped.predict(data[0]), expected.predict(data[0]))
    assert "refit-epoch" not in recorder.most


@needs_callbacks
def test_a_stop_in_an_ensemble_is_one_of_its_level(data):
    """A stop in an epoch ends its network; one after a network ends the ensemble."""
    each = tiny(n_models=2, epochs=9)
    each.set_callbacks(Recorder(at=("end", "epoch", 0), answer=True)).fit(*data)
    assert_same_fit(each, tiny(n_models=2, epochs=1).fit(*data))
    first = tiny(n_models=2)
    first.set_callbacks(Recorder(at=("end", "network", 0), answer=True)).fit(*data)
    assert_array_equal(first.predict(data[0]), tiny().fit(*data).predict(data[0]))


class StopAt(keras.callbacks.Callback):
    """Stops training as Keras's own callbacks do."""

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        """Stop after the second epoch."""
        self.model.stop_training = epoch == 1


def test_a_keras_callback_may_stop_training(data):
    """model.stop_training leaves the weights of that epoch."""
    stopped = tiny(KerasRegressor, epochs=9, callbacks=[StopAt()]).fit(*data)
    assert_same_fit(stopped, tiny(KerasRegressor, epochs=2).fit(*data))


def test_callbacks_of_scikit_learn_have_their_own_place(data):
    """One that is given as a Keras callback is told where it belongs."""
    with pytest.raises(ValueError, match="those of scikit-learn to set_callbacks"):
        tiny(KerasRegressor, callbacks=[Recorder()]).fit(*data)


# -- errors ---------------------------------------------------------------------------

PLACES = [
    "setup",
    ("begin", "fit", 0),
    ("begin", "epoch", 1),
    ("end", "epoch", 1),
    ("end", "network", 0),
    ("end", "fit", 0),
    "teardown",
]


@needs_callbacks
@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_in_a_callback_leaves_the_estimator_as_it_was(data, kind, place):
    """Every callback clears up, and what was fitted before is there untouched."""
    failing, other = Recorder(at=place, error=OSError("disk full")), Recorder()
    regressor = tiny(kind, n_models=2, epochs=2).fit(*data)
    regressor.set_params(batch_size=9).set_callbacks(failing, other)
    before = dict(vars(regressor))
    with pytest.raises(OSError, match="disk full"):
        regressor.fit(*data)
    assert vars(regressor) == before
    assert all(vars(regressor)[name] is before[name] for name in before)
    heard = [recorder.hooks[-1][0] for recorder in (failing, other) if recorder.hooks]
    assert heard == ["teardown"] * (1 if place == "setup" else 2)


@needs_callbacks
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hook", ["begin", "end"])
def test_an_interrupt_in_a_callback_keeps_what_was_learned(data, kind, hook, capsys):
    """Ctrl-C is Ctrl-C, wherever it comes: every task that began ends."""
    recorder = Recorder(at=(hook, "epoch", 2), error=KeyboardInterrupt())
    regressor = tiny(kind, epochs=9, verbose=1).set_callbacks(recorder)
    n_epochs = 2 if hook == "begin" else 3
    words = f"after {n_epochs} of 9 epochs"
    with pytest.warns(ConvergenceWarning, match=words) as caught:
        regressor.fit(*data)
    assert [warning.filename for warning in caught] == [__file__]
    assert_same_fit(regressor, tiny(kind, epochs=n_epochs).fit(*data))
    begun = [rest for at, *rest in recorder.hooks if at == "begin"]
    assert begun == sorted(
        (rest for at, *rest in recorder.hooks if at == "end"), key=begun.index
    )
    assert recorder.hooks[-1][0] == "teardown"
    assert re.fullmatch(f"Epoch {n_epochs}/9 - .*\n", capsys.readouterr().out)


@needs_callbacks
def test_an_interrupt_in_the_refit_begins_no_other_network(data):
    """The weights so far are kept, and the rest of the ensemble does not begin."""
    n_epochs = tiny(**WHOLE).fit(*data).n_iter_
    recorder = Recorder(at=("end", "refit-epoch", n_epochs), error=KeyboardInterrupt())
    regressor = tiny(**WHOLE).set_callbacks(recorder)
    with pytest.warns(ConvergenceWarning, match="interrupted after 1 of"):
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
    with pytest.raises(ValueError, match="must end in finite weights"):
        regressor.fit(data[0] * np.float32(1e6), data[1] * 1e6)


# -- scikit-learn's own callbacks -----------------------------------------------------


def search_of(callback):
    lstm = tiny(units=1, epochs=3).set_callbacks(callback)
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
    train = next(TimeSeriesSplit(2).split(X))[0]
    part = tiny(units=1, epochs=2).fit(windows[train], y[train])
    error = np.abs(part.predict(windows[train]) - y[train]).mean()
    assert best[(0, 0, 0, 1, 1)] == pytest.approx(-error, rel=1e-12)


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
@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_bars_of_search_pipeline_and_epochs(data, capsys, backend):
    """ProgressBar has a bar for every fit; each ends, though stopped early."""
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar, ScoringMonitor

    search = search_of(ScoringMonitor(scoring="r2"))
    search.set_params(estimator__lstmregressor__early_stopping=True)
    search.set_params(estimator__lstmregressor__epochs=30)
    search.set_params(estimator__lstmregressor__n_iter_no_change=1)
    search.set_callbacks(ProgressBar(max_propagation_depth=None))
    with joblib.parallel_config(backend=backend, n_jobs=2):
        search.fit(pd.DataFrame({"y": data[1]}), data[1])
    lines = [line for line in capsys.readouterr().out.splitlines() if " - " in line]
    # The last state: search, candidates, five pipelines of two steps.
    lines = lines[-(2 + 5 * 3) :]
    assert lines[0].startswith("GridSearchCV - fit")
    assert sum("LSTMRegressor - fit" in line for line in lines) == 5
    assert sum("SlidingWindow - fit" in line for line in lines) == 5
    assert all("100%" in line for line in lines)


def test_a_clone_hears_of_its_own_fit_alone(data):
    """Without callbacks a clone has none, and nothing of a running fit."""
    regressor = tiny().fit(*data)
    assert set(vars(clone(regressor))) == set(regressor.get_params(deep=False))


# -- without callbacks ----------------------------------------------------------------


def test_without_callbacks_in_scikit_learn_lines_are_printed(monkeypatch, capsys):
    """Below 1.9 the mixin adds nothing, nobody watches, and lines come all the same."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    path = Path(_progress.__file__)
    spec = importlib.util.spec_from_file_location("progress_below_1_9", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    assert not hasattr(module.CallbackSupportMixin, "set_callbacks")
    estimator = type("Old", (module.CallbackSupportMixin,), {})()
    sizes = {"n_networks": 2, "epochs": 2, "n_refit": 1, "verbose": 2}
    with module.progress_of(estimator, [], [], None, **sizes) as progress:
        for _ in range(2):
            progress.begin_network(None, dict)
            progress.begin_epoch(list, {})
            assert not progress.end_epoch(0.5, None, list, {"loss": [0.5]})
            assert not progress.end_network()
    assert vars(estimator) == {}
    assert "Network 2/2, epoch 1/2 - " in capsys.readouterr().out


# -- lines ----------------------------------------------------------------------------


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Return an output that says it is a terminal, of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


def screen_of(text):
    """Return the lines that a terminal shows after all of a text."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for state in line.split("\r"):
            shown = state + shown[len(state) :]
        lines.append(shown.rstrip())
    return lines


def test_a_line_is_overwritten_in_a_terminal(terminal):
    """States come one over the other, cut to the width; the last one is whole."""
    with contextlib.redirect_stdout(terminal), Line() as line:
        line.show("x" * 100)
        assert screen_of(terminal.getvalue()) == ["x" * 58 + "…"]
        line.show(lambda: "short")
        assert screen_of(terminal.getvalue()) == ["short"]
        line.end("y" * 70)
        line.show("next")
        line.end("done")
    assert screen_of(terminal.getvalue()) == ["y" * 70, "done", ""]


def test_states_come_no_faster_than_the_pause(terminal):
    """What comes within the pause is not even put into words."""
    with contextlib.redirect_stdout(terminal), Line(pause=3600) as line:
        line.show("first")
        line.show(lambda: pytest.fail("not to be asked"))
        line.end("last")
    assert screen_of(terminal.getvalue()) == ["last", ""]


def test_an_error_begins_in_a_new_line(terminal):
    """A line that has no end is left, so that a message does not follow it."""
    with (
        contextlib.redirect_stdout(terminal),
        pytest.raises(ZeroDivisionError),
        Line() as line,
    ):
        line.show("half way")
        raise ZeroDivisionError
    assert screen_of(terminal.getvalue()) == ["half way", ""]


def test_elsewhere_only_the_end_is_printed(capsys):
    """A file or notebook gets no passing state and no carriage return."""
    with Line() as line:
        line.show("passing")
        line.end("done")
    assert capsys.readouterr().out == "done\n"
    with Line(is_silent=True) as line:
        line.show("passing")
        line.end("done")
    assert capsys.readouterr().out == ""


def test_threads_do_not_overwrite_each_other(terminal):
    """In a thread beside the main one only ends are printed, terminal or not."""

    def work():
        with Line() as line:
            line.show("passing")
            line.end("done")

    thread = threading.Thread(target=work)
    with contextlib.redirect_stdout(terminal):
        thread.start()
        thread.join()
    assert terminal.getvalue() == "done\n"


SECONDS = r" - \d+\.\d s - "


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_is_one_line(data, kind, capsys):
    """verbose=1: the epochs, the losses of the last one, the best and the refit."""
    regressor = tiny(kind, verbose=1, **WHOLE | {"n_models": 1}).fit(*data)
    losses = regressor.history_
    best = int(np.argmin(losses["val_loss"]))
    n_refit = -(-(best + 1) // 2)
    refit = f", refit {n_refit}/{n_refit}" if kind is LSTMRegressor else ""
    expected = (
        rf"Epoch {regressor.n_iter_}/8{refit}{SECONDS}"
        rf"loss: {losses['loss'][-1]:.4g} - val_loss: {losses['val_loss'][-1]:.4g} - "
        rf"best: {losses['val_loss'][best]:.4g} \(epoch {best + 1}\)" + "\n"
    )
    assert re.fullmatch(expected, capsys.readouterr().out)


@pytest.mark.parametrize("kind", KINDS)
def test_every_epoch_is_a_line(data, kind, capsys):
    """verbose=2: each epoch of each network, and those of the refit."""
    tiny(kind, verbose=2, **WHOLE).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    number = r"\d\.\d+(e-\d+)?"
    epoch = (
        rf"Network (\d)/2, epoch (\d)/8{SECONDS}loss: {number} - "
        rf"val_loss: {number} - best: {number} \(epoch \d\)"
    )
    refit = rf"Network (\d)/2, epoch \d/8, refit (\d)/\d{SECONDS}loss: {number}"
    found = [re.fullmatch(epoch, line) or re.fullmatch(refit, line) for line in lines]
    assert all(found)
    counted = [tuple(map(int, match.group(1, 2))) for match in found]
    for network in (1, 2):
        own = [number for of, number in counted if of == network]
        # A refit counts anew.
        second = own.index(1, 1) if kind is LSTMRegressor else len(own)
        assert own == [*range(1, second + 1), *range(1, len(own) - second + 1)]


def test_a_fit_without_validation_says_its_loss(data, capsys):
    """There is no best where nothing is validated."""
    regressor = tiny(verbose=True).fit(*data)
    loss = regressor.history_["loss"][-1]
    expected = rf"Epoch 3/3{SECONDS}loss: {loss:.4g}" + "\n"
    assert re.fullmatch(expected, capsys.readouterr().out)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_in_a_terminal_is_one_line_in_the_end(data, kind, terminal, monkeypatch):
    """Every epoch is shown in its turn; one line stays, with nothing behind it."""
    monkeypatch.setattr(_progress, "_PAUSE", 0)
    with contextlib.redirect_stdout(terminal):
        tiny(kind, epochs=4, verbose=1).fit(*data)
    text = terminal.getvalue()
    assert re.findall(r"Epoch (\d)/4", text) == ["1", "2", "3", "4", "4"]
    line, rest = screen_of(text)
    assert line.startswith("Epoch 4/4 - ")
    assert rest == ""
    assert all(len(state.rstrip()) < 60 for state in text.split("\r"))


# -- the room -------------------------------------------------------------------------


def test_tasks_end_in_the_order_of_a_stack():
    """Nobody listening, tasks begin and end and ask for nothing."""
    with tasks_of(object(), None) as tasks:
        tasks.begin("a")
        tasks.begin("b")
        assert not tasks.end()
        assert not tasks.end({})
    assert isinstance(tasks, Tasks)
    with progress_of(
        object(), None, None, None, n_networks=1, epochs=1, n_refit=0, verbose=0
    ) as progress:
        progress.begin_network(None, dict)
    assert isinstance(progress, Progress)
