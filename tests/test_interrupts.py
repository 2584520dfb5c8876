"""Interrupts that are held: none is lost, and none comes where it would harm."""

import signal
import subprocess
import sys
import threading
from contextlib import nullcontext

import pytest

from sklstm.network import _interrupts
from sklstm.network._interrupts import interrupts_held, let_interrupt_through


def press():
    """Send this process what Ctrl-C sends."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Let interrupts come at times that a test sets, the first one long after any."""

    class Clock:
        now = 1e9

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(_interrupts, "time", clock)
    monkeypatch.setattr(_interrupts._Hold, "newest", -float("inf"))
    return clock


@pytest.fixture
def heard():
    """Handle interrupts by a list of what the handler is given."""
    calls = []
    before = signal.signal(signal.SIGINT, lambda *given: calls.append(given))
    yield calls
    signal.signal(signal.SIGINT, before)


def caught():
    """Let an interrupt through, and return whether one came."""
    try:
        let_interrupt_through()
    except KeyboardInterrupt:
        return True
    return False


def test_nothing_comes_where_nothing_was_pressed():
    """Without an interrupt the block is as it would be, and the handler as it was."""
    before = signal.getsignal(signal.SIGINT)
    with interrupts_held():
        assert signal.getsignal(signal.SIGINT) != before
        assert not caught()
    assert signal.getsignal(signal.SIGINT) is before
    let_interrupt_through()


def test_an_interrupt_waits_until_it_is_let_through():
    """It comes where it is asked for, and once."""
    with interrupts_held():
        press()
        is_past = True
        assert caught()
        assert not caught()
    assert is_past


def test_an_interrupt_that_nobody_asks_for_comes_at_the_end():
    """The block runs through, and Python's handler is back when it is raised."""
    before = signal.getsignal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        press()
        done.append("all")
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_does_not_swallow_an_interrupt():
    """A search that goes on after an error must stop for Ctrl-C all the same."""
    with pytest.raises(KeyboardInterrupt) as info, interrupts_held():
        press()
        raise ValueError("diverged")
    assert str(info.value.__context__) == "diverged"


@pytest.mark.parametrize("seconds", [0.1, 1.9, 2.1, 60])
def test_a_second_interrupt_right_after_the_first_leaves_the_caller_too(clock, seconds):
    """What was caught is raised again at the end of the block, and only there."""
    done = []
    with pytest.raises(KeyboardInterrupt) if seconds < 2 else nullcontext():
        with interrupts_held():
            press()
            assert caught()
            clock.now += seconds
            press()
            assert caught()
            done.append("all")
    assert done == ["all"]


@pytest.mark.parametrize("seconds", [0.1, 60])
def test_the_second_may_come_in_the_next_block(clock, seconds):
    """In a search the first ends one fit, and the second finds another."""
    with interrupts_held():
        press()
        assert caught()
    clock.now += seconds
    with pytest.raises(KeyboardInterrupt) if seconds < 2 else nullcontext():
        with interrupts_held():
            press()
            assert caught()
    with interrupts_held():
        assert not caught()


def test_two_at_once_are_held_as_one():
    """Whoever presses twice in haste harms nothing, and is let out at the end."""
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        press()
        press()
        assert caught()
        assert not caught()
        done.append("all")
    assert done == ["all"]


def test_a_hold_within_a_hold_holds_nothing_by_itself():
    """Whoever holds outermost decides when it comes."""
    with interrupts_held():
        with interrupts_held():
            press()
        is_past = True
        assert caught()
    assert is_past


def test_a_handler_of_the_users_own_is_called_later(heard):
    """It gets the signal's number and a frame, as from Python, once for each."""
    with interrupts_held():
        press()
        assert heard == []
        let_interrupt_through()
        assert [number for number, _ in heard] == [signal.SIGINT]
        assert heard[0][1].f_code.co_filename.endswith("_interrupts.py")
        press()
    assert len(heard) == 2


def test_an_error_of_the_users_own_handler_comes_where_it_is_let_through():
    """It is not taken for a KeyboardInterrupt, and not raised twice."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGINT, stop)
    try:
        with interrupts_held():
            press()
            press()
            with pytest.raises(TimeoutError):
                let_interrupt_through()
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_nothing_is_held():
    """Handlers belong to the main thread, whose interrupts no other one lets out."""
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with interrupts_held():
            seen.append(signal.getsignal(signal.SIGINT))
            let_interrupt_through()

    def run():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    run()
    assert seen == [before]
    with interrupts_held():
        press()
        run()
        assert len(seen) == 2
        assert caught()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_python_does_not_handle_is_left_alone(handler):
    """An interrupt that is ignored stays ignored."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        with interrupts_held():
            assert signal.getsignal(signal.SIGINT) is handler
            let_interrupt_through()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


EARLY = """
import signal
import sys
import numpy as np
from sklstm import KerasRegressor


def build(meta):
    import keras

    layers = [keras.layers.LSTM(2), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input(meta["X_shape_"][1:]), *layers])


signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).standard_normal((20, 4, 1))


class PressWhenTensorFlowBegins:
    def find_spec(self, name, *_):
        if name == "tensorflow.python.ops":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)


sys.meta_path.insert(0, PressWhenTensorFlowBegins())
regressor = KerasRegressor(build, epochs=3, random_state=0)
try:
    regressor.fit(X, X[:, -1, 0])
except KeyboardInterrupt:
    print("interrupted", hasattr(regressor, "history_"))
print(regressor.fit(X, X[:, -1, 0]).n_iter_)
"""


def test_a_fit_that_is_interrupted_while_tensorflow_comes():
    """Nothing is learned yet that could be kept; the next fit of the process works."""
    done = subprocess.run(
        [sys.executable, "-c", EARLY],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "interrupted False\n3\n"
