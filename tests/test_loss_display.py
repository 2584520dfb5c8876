"""LossCurveDisplay: the losses of a fit, and which weights were kept."""

import numpy as np
import pytest
from pictures import lines_of

from sklstm import LossCurveDisplay, LSTMRegressor, SlidingWindow


def test_losses_are_those_of_the_history(airline_pipe):
    """Both lines, and the epoch whose weights were kept."""
    lstm = airline_pipe[-1]
    display = LossCurveDisplay.from_estimator(airline_pipe)
    lines = lines_of(display.ax_)
    np.testing.assert_array_equal(lines["training"].get_ydata(), lstm.history_["loss"])
    losses = lstm.history_["val_loss"]
    np.testing.assert_array_equal(lines["validation"].get_ydata(), losses)
    assert display.best_epoch == np.argmin(losses) + 1
    kept = lines[f"best weights: epoch {display.best_epoch}"]
    assert (kept.get_xdata(), kept.get_ydata()) == ([display.best_epoch], [min(losses)])


def test_no_epoch_is_marked_where_none_can_be_told(airline):
    """Without validation, or after fits that went on, the last weights may stand."""
    windows = SlidingWindow(3).fit_transform(airline[["passengers"]])
    lstm = LSTMRegressor(1, epochs=2, early_stopping=False, random_state=0)
    lstm.fit(windows, airline["passengers"])
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is None
    lstm.set_params(early_stopping=True).fit(windows, airline["passengers"])
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is not None
    lstm.partial_fit(windows, airline["passengers"])
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is None
    lstm.fit(windows, airline["passengers"]).set_params(warm_start=True)
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is None


def test_validation_losses_stand_at_the_last_epochs(airline):
    """After epochs without validation, its line begins where validation does."""
    windows = SlidingWindow(3).fit_transform(airline[["passengers"]])
    lstm = LSTMRegressor(1, epochs=3, early_stopping=False, random_state=0)
    lstm.fit(windows, airline["passengers"])
    lstm.set_params(warm_start=True, early_stopping=True)
    lstm.fit(windows, airline["passengers"])
    display = LossCurveDisplay.from_estimator(lstm)
    lines = lines_of(display.ax_)
    assert lines["training"].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert lines["validation"].get_xdata().tolist() == [4, 5, 6]
    np.testing.assert_array_equal(
        lines["validation"].get_ydata(), lstm.history_["val_loss"]
    )


def test_the_best_epoch_is_one_with_a_validation_loss():
    """It is counted among all epochs, and marked at its own loss."""
    history = {"loss": [4.0, 3.0, 2.0, 1.5], "val_loss": [2.5, 2.6]}
    display = LossCurveDisplay(history, best_epoch=3).plot()
    kept = lines_of(display.ax_)["best weights: epoch 3"]
    assert (kept.get_xdata(), kept.get_ydata()) == ([3], [2.5])
    for epoch in (0, 2, 5):
        with pytest.raises(ValueError, match=rf"Got {epoch}; .*2 of 4, the last"):
            LossCurveDisplay(history, best_epoch=epoch).plot()


def test_a_fit_without_an_epoch_is_refused(airline_pipe, monkeypatch):
    """A fit interrupted in its first epoch has no losses, which is said."""
    empty = {"loss": []}
    assert repr(LossCurveDisplay(empty)).endswith("(epochs=0, best_epoch=None)")
    with pytest.raises(ValueError, match="losses of at least one epoch"):
        LossCurveDisplay(empty).plot()
    monkeypatch.setattr(LSTMRegressor, "history_", empty)
    with pytest.raises(ValueError, match="interrupted in its first epoch"):
        LossCurveDisplay.from_estimator(airline_pipe)


def test_other_things_are_no_history(airline_pipe):
    """An estimator in the place of its history is told the way in."""
    for other, came in [(airline_pipe, "Pipeline"), ({"x": [1]}, r"a dict of \['x'\]")]:
        for use in (repr, LossCurveDisplay.plot):
            with pytest.raises(ValueError, match=rf"Got {came}; .*from_estimator"):
                use(LossCurveDisplay(other))
