"""Training: when it stops, what a batch holds, and what Ctrl-C does."""

import signal
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm.network._lstm import MISSING
from sklstm.network._scaling import fit_scaling
from sklstm.network._training import Interrupt, Monitor, Plan, TrainingSet
from sklstm.windows._array import true_steps

MANY = settings(max_examples=200)


# -- the monitor --------------------------------------------------------------------


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


def test_monitor_without_patience_hears_every_epoch():
    """Without patience nothing stops, no weights are kept, losses are recorded."""
    monitor = Monitor(None)
    assert told(monitor, [3.0, 4.0, 5.0, 6.0]) is None
    assert monitor.best_weights is None
    assert monitor.history["val_loss"] == [3.0, 4.0, 5.0, 6.0]


def test_monitor_without_validation_records_the_loss_alone():
    """Without a validation loss the history has no such entry."""
    monitor = Monitor(None)
    assert told(monitor, [None, None]) is None
    assert monitor.history == {"loss": [1.0, 1.0]}
    assert monitor.best_weights is None


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


# -- batches ------------------------------------------------------------------------


def training_set(weights=None):
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(10, 3, 2)).astype(np.float32)
    windows[0, :2] = np.nan
    windows[1] = np.nan
    targets = rng.normal(size=(10, 2))
    rows = np.arange(2, 8)
    scaling = fit_scaling("standard", windows, targets, rows, np.arange(2))
    return TrainingSet(
        windows, true_steps(windows), targets, scaling, rows, np.array([8, 9]), weights
    )


@pytest.mark.parametrize("weights", [None, np.linspace(0.1, 1, 10)])
@pytest.mark.parametrize("rows", [[4], [0, 1, 9], [7, 2, 2]])
def test_batch_is_what_a_loop_normalises(rows, weights):
    """Inputs, targets and weights of each row, in the order asked for, as float32."""
    data = training_set(weights)
    scaling = data.scaling
    inputs, targets, row_weights = data.batch(np.array(rows), MISSING)
    assert inputs.dtype == targets.dtype == row_weights.dtype == np.float32
    assert inputs.shape == (len(rows), 3, 2)
    for i, row in enumerate(rows):
        for step in range(3):
            if np.isnan(data.windows[row, step, 0]):
                assert (inputs[i, step] == MISSING).all()
            else:
                np.testing.assert_allclose(
                    inputs[i, step],
                    (data.windows[row, step] - scaling.input_mean)
                    / scaling.input_scale,
                    rtol=1e-6,
                    atol=1e-7,
                )
        np.testing.assert_allclose(
            targets[i],
            (data.targets[row] - scaling.target_mean) / scaling.target_scale,
            rtol=1e-6,
        )
        assert row_weights[i] == np.float32(1 if weights is None else weights[row])


@MANY
@given(st.integers(1, 2_000_000))
def test_default_batches_make_few_enough_steps(n_rows):
    """The smallest power of 2 from 32 to 512 with at most 3,000 steps an epoch."""
    sizes = [32, 64, 128, 256, 512]
    enough = [size for size in sizes if -(-n_rows // size) <= 3000]
    plan = Plan(1, "auto", 0.1, None)
    assert plan.n_rows_of_batch(n_rows) == (enough or [512])[0]


# -- Ctrl-C -------------------------------------------------------------------------


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
