"""Interrupts that are held: none is lost, and none comes where it would harm."""

import signal
import subprocess
import sys
import threading

import pytest

from sklstm._backend import backend
from sklstm._interrupts import interrupts_held


def press():
    """Send this process what Ctrl-C sends."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def heard():
    """Handle interrupts by a list of what the handler is given."""
    calls = []
    before = signal.signal(signal.SIGINT, lambda *given: calls.append(given))
    yield calls
    signal.signal(signal.SIGINT, before)


def test_nothing_comes_where_nothing_was_pressed():
    """Without an interrupt the block is as it would be, and the handler as it was."""
    before = signal.getsignal(signal.SIGINT)
    with interrupts_held() as let_through:
        assert signal.getsignal(signal.SIGINT) != before
        let_through()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_waits_until_it_is_let_through():
    """It comes where it is asked for, and once."""
    is_past = False
    with interrupts_held() as let_through:
        press()
        is_past = True
        with pytest.raises(KeyboardInterrupt):
            let_through()
        let_through()
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
    with pytest.raises(KeyboardInterrupt) as caught, interrupts_held():
        press()
        raise ValueError("diverged")
    assert str(caught.value.__context__) == "diverged"


def test_the_second_interrupt_waits_for_nothing():
    """Code that hangs can be left."""
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        press()
        press()
        pytest.fail("the second interrupt was held as well")


def test_a_second_interrupt_that_is_lost_leaves_the_first():
    """Python prints what a destructor raises, and goes on."""
    with interrupts_held() as let_through:
        press()
        try:
            press()
        except KeyboardInterrupt:
            lost = True
        assert lost
        with pytest.raises(KeyboardInterrupt):
            let_through()


def test_a_hold_within_a_hold_hands_on_what_came():
    """Whoever holds outermost decides when it comes."""
    with interrupts_held() as let_through:
        with interrupts_held():
            press()
        with pytest.raises(KeyboardInterrupt):
            let_through()


def test_a_handler_of_the_users_own_is_called_later(heard):
    """It gets the signal's number and a frame, as from Python."""
    with interrupts_held() as let_through:
        press()
        assert heard == []
        let_through()
        assert [number for number, _ in heard] == [signal.SIGINT]
        assert heard[0][1].f_code.co_filename.endswith("_interrupts.py")
    assert len(heard) == 1


def test_in_another_thread_nothing_is_held(heard):
    """Handlers belong to the main thread, which hears of interrupts as it did."""
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with interrupts_held() as let_through:
            seen.append(signal.getsignal(signal.SIGINT))
            let_through()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
    press()
    assert len(heard) == 1


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_python_does_not_handle_is_left_alone(handler):
    """An interrupt that is ignored stays ignored."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        with interrupts_held() as let_through:
            assert signal.getsignal(signal.SIGINT) is handler
            let_through()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_import_that_is_interrupted_is_whole(tmp_path, monkeypatch):
    """Half of TensorFlow in memory would fail every later fit of a notebook."""
    code = "import signal\nsignal.raise_signal(signal.SIGINT)\nis_whole = True\n"
    (tmp_path / "slow_to_import.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        backend("slow_to_import")
    assert backend("slow_to_import").is_whole


EARLY = """
import signal
import sys
import warnings
import numpy as np
from sklstm import LSTMRegressor

signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).standard_normal((20, 4, 1))


class PressWhenTensorFlowBegins:
    def find_spec(self, name, *_):
        if name == "tensorflow.python.ops":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)


sys.meta_path.insert(0, PressWhenTensorFlowBegins())
regressor = LSTMRegressor(2, epochs=3, engine="keras", random_state=0)
with warnings.catch_warnings(record=True) as caught:
    regressor.fit(X, X[:, -1, 0])
print(*[str(warning.message)[:24] for warning in caught])
print(regressor.fit(X, X[:, -1, 0]).n_iter_)
"""


def test_a_fit_that_is_interrupted_while_tensorflow_comes():
    """It is kept as far as it came, and the next fit of the process works."""
    done = subprocess.run(
        [sys.executable, "-c", EARLY],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Training was interrupted\n3\n"
