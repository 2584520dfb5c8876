"""Training: when it stops, what a batch holds, and what Ctrl-C does."""

import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm.network._training import Interrupt, Monitor, Plan


def test_a_validation_loss_of_nan_is_no_better():
    """NaN counts as an epoch without a better loss, also in front of numbers."""
    monitor = Monitor(patience=2)
    for epoch, loss in enumerate([np.nan, 2.0, np.nan, np.nan]):
        assert not monitor.is_over
        monitor.after_epoch(1.0, loss, lambda e=epoch: [np.array(e)])
    assert monitor.is_over
    assert not monitor.has_diverged
    assert monitor.best_weights[0] == 1


@given(st.integers(1, 2_000_000))
@settings(max_examples=200)
def test_default_batches_make_few_enough_steps(n_rows):
    """The smallest power of 2 from 32 to 512 with at most 3,000 steps an epoch."""
    sizes = [32, 64, 128, 256, 512]
    enough = [size for size in sizes if -(-n_rows // size) <= 3000]
    plan = Plan(1, "auto", 0.1, None)
    assert plan.n_rows_of_batch(n_rows) == (enough or [512])[0]


def test_the_first_interrupt_is_a_flag_and_the_second_raises():
    """What is half done is finished after one, and Python's handler is back."""
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        assert not interrupt.is_set
        signal.raise_signal(signal.SIGINT)
        assert interrupt.is_set
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    "handler",
    [signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL, lambda *_: None],
)
def test_handlers_are_as_they_were_after_an_error(handler):
    """Python's own is replaced for the block alone, one of the user's never."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(ZeroDivisionError), Interrupt():
            inside = signal.getsignal(signal.SIGINT)
            raise ZeroDivisionError
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (inside is handler) == (handler is not signal.default_int_handler)


def test_other_threads_leave_interrupts_alone():
    """Handlers belong to the main thread."""

    def handler_inside():
        with Interrupt():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor() as pool:
        inside = pool.submit(handler_inside).result()
    assert inside is signal.default_int_handler
