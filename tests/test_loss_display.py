"""LossCurveDisplay: the losses of a fit, and which weights were kept."""

import numpy as np
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
