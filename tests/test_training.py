"""Training: when it stops, what a batch holds, and what Ctrl-C does."""

import signal
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm.network._training import Interrupt, Monitor, Plan

MANY = settings(max_examples=200)


def told(monitor, losses, training_loss=1.0):
    """Tell a monitor of validation losses; return the epochs heard until the stop."""
    for epoch, loss in enumerate(losses):
        monitor.after_epoch(training_loss, loss, lambda e=epoch: [np.array(e)])
        if monitor.is_over:
            return epoch + 1
    return None


def stop_by_loop(losses, patience):
    """Return epochs until the stop, and the best epoch."""
    best = None
    for epoch, loss in enumerate(losses):
        if best is None or loss < losses[best]:
            best = epoch
        if epoch - best >= patience:
            return epoch + 1, best
    return None, best


@MANY
@given(
    losses=st.lists(st.floats(0, 10), min_size=1, max_size=20),
    patience=st.integers(1, 5),
)
def test_monitor_stops_after_patience_epochs_without_a_better_loss(losses, patience):
    """It stops where a loop says, and keeps the weights of the first best epoch."""
    monitor = Monitor(patience)
    stop, best = stop_by_loop(losses, patience)
    assert told(monitor, losses) == stop
    assert monitor.best_loss == losses[best]
    assert monitor.best_weights[0] == best
    heard = losses[: stop or len(losses)]
    assert monitor.history == {"loss": [1.0] * len(heard), "val_loss": heard}
    assert not monitor.has_diverged


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("patience", [None, 3])
def test_monitor_stops_at_once_when_training_diverges(patience, loss):
    """A loss that is not finite stops training and is recorded as divergence."""
    monitor = Monitor(patience)
    monitor.after_epoch(1.0, 1.0, list)
    assert not monitor.is_over
    monitor.after_epoch(loss, 0.5, list)
    assert monitor.is_over and monitor.has_diverged
    assert monitor.best_loss == (np.inf if patience is None else 1.0)


def test_a_validation_loss_of_nan_is_no_better():
    """NaN counts as an epoch without a better loss, also in front of numbers."""
    monitor = Monitor(2)
    assert told(monitor, [np.nan, 2.0, np.nan, np.nan, 1.0]) == 4
    assert monitor.best_weights[0] == 1


@MANY
@given(st.integers(1, 2_000_000))
def test_default_batches_make_few_enough_steps(n_rows):
    """The smallest power of 2 from 32 to 512 with at most 3,000 steps an epoch."""
    sizes = [32, 64, 128, 256, 512]
    enough = [size for size in sizes if -(-n_rows // size) <= 3000]
    plan = Plan(1, "auto", 0.1, None)
    assert plan.n_rows_of_batch(n_rows) == (enough or [512])[0]


def press():
    """Send this process what Ctrl-C sends."""
    signal.raise_signal(signal.SIGINT)


def test_the_first_interrupt_is_a_flag_and_the_second_raises():
    """What is half done is finished after one, and Python's handler is back."""
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        assert not interrupt.is_set
        press()
        assert interrupt.is_set
        press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        press()


def test_python_handles_interrupts_again_after_training():
    """Also where none came, or an error left the block."""
    with pytest.raises(ZeroDivisionError), Interrupt():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_handlers_of_the_users_own_stay(handler):
    """Whoever ignores interrupts, or handles them, goes on to do so."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        with Interrupt() as interrupt:
            assert signal.getsignal(signal.SIGINT) is handler
        assert signal.getsignal(signal.SIGINT) is handler
        assert not interrupt.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_interrupts_alone():
    """Handlers belong to the main thread."""
    seen = []

    def work():
        with Interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
