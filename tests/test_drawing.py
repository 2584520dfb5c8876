"""Drawing: every display is readable, in light, dark and grey, and well-mannered."""

import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from pictures import check_contrast, check_lines_differ, check_picture
from test_error_display import frame_of_errors, result_of_errors
from test_forecast_display import long_forecast, panel_of

from sklstm import (
    ContributionDisplay,
    ErrorByStepDisplay,
    ForecastDisplay,
    GateDisplay,
    LossCurveDisplay,
    contributions,
    gates,
)

# Names as they come, longer than a panel is high.
LONG = [f"temperature forecast {i} of the north" for i in range(9)]


def long_losses():
    """Return losses of 300 epochs that fall over two orders of magnitude."""
    fall = 10 ** np.linspace(0, -2, 300)
    return {
        "loss": list(fall),
        "val_loss": list(2 * fall + 0.01 * np.arange(300) / 300),
    }


def tiny_contributions():
    """Return contributions that need a power of ten, of channels with long names."""
    index = pd.MultiIndex.from_product([[0], range(-48, 0)], names=["row", "step"])
    values = np.random.default_rng(0).normal(size=(48, 9)) * 1e-6
    return pd.DataFrame(values, index, LONG)


def many_channels(frame):
    """Return values of nine channels for the windows of a frame of gates."""
    means = frame.groupby(["row", "step"]).mean()
    values = np.random.default_rng(0).normal(size=(len(means), 9))
    return pd.DataFrame(values, means.index, LONG)


def with_holes():
    """Return a forecast with its interval, where hours lack in what has come."""
    history, to_come, actual = (part.loc["north"] for part in panel_of(["north"]))
    history = history.drop(history.index[[*range(40, 60), 70, 72]])
    return history, to_come, actual.drop(actual.index[[4, 5, 7]])


PICTURES = {
    "gates of two rows": lambda pipe, _, X: GateDisplay.from_estimator(
        pipe, X, rows=["1949-07", "1960-12"]
    ),
    "gates both ways": lambda _, deep, X: GateDisplay.from_estimator(
        deep, X[["passengers"]], rows=[4, -1], layer=0
    ),
    "share of the network": lambda pipe, _, X: GateDisplay(
        gates(pipe, X), trust=0.375
    ).plot(),
    "gates alone": lambda pipe, _, X: GateDisplay(gates(pipe, X)).plot(),
    "gates of many channels": lambda pipe, _, X: GateDisplay(
        gates(pipe, X), many_channels(gates(pipe, X))
    ).plot(),
    "contributions of a row": lambda pipe, _, X: ContributionDisplay.from_estimator(
        pipe, X, rows="1949-09"
    ),
    "contributions of rows": lambda pipe, _, X: ContributionDisplay.from_estimator(
        pipe, X, rows=slice(-24, None)
    ),
    "contributions to an output": lambda pipe, _, X: ContributionDisplay(
        contributions(pipe, X), target="passengers from the north_t+11"
    ).plot(),
    "tiny contributions": lambda *_: ContributionDisplay(tiny_contributions()).plot(),
    "forecast": lambda pipe, _, X: ForecastDisplay.from_estimator(
        pipe, X[:-12], 1, X_future=X[["month"]][-12:-11], actual=X[-12:]
    ),
    "forecast of groups": lambda *_: ForecastDisplay(
        *panel_of(["Zürich HB", "Bern", "Basel SBB"])
    ).plot(),
    "forecast of a long name": lambda *_: ForecastDisplay(
        *(
            values.rename(LONG[0])
            if values.ndim == 1
            else values.rename(columns={"sales": LONG[0]})
            for values in panel_of(["north", "south", "east"])
        )
    ).plot(),
    "large forecast": lambda *_: ForecastDisplay(
        *(1e5 * values for values in panel_of(["north", "south"]))
    ).plot(),
    "forecast of nine groups": lambda *_: ForecastDisplay(*panel_of(LONG)).plot(),
    "forecast after holes": lambda *_: ForecastDisplay(*with_holes()).plot(n_past=96),
    "long forecast": lambda *_: ForecastDisplay(*long_forecast()).plot(),
    "losses": lambda pipe, *_: LossCurveDisplay.from_estimator(pipe),
    "long losses": lambda *_: LossCurveDisplay(long_losses(), 271).plot(),
    "errors of a backtest": lambda *_: ErrorByStepDisplay.from_predictions(
        result_of_errors(0)
    ),
    "scaled errors of a backtest": lambda *_: ErrorByStepDisplay.from_predictions(
        result_of_errors(0), metric="mase"
    ),
    "errors of models": lambda *_: ErrorByStepDisplay.from_predictions(
        {name: frame_of_errors(at) for at, name in enumerate(["LSTM", "ridge"])},
        metric="rmse",
    ),
    "errors of many models": lambda *_: ErrorByStepDisplay.from_predictions(
        {name: frame_of_errors(at, steps=4) for at, name in enumerate(LONG[:6])}
    ),
    "errors of groups": lambda *_: ErrorByStepDisplay.from_predictions(
        frame_of_errors(3, steps=24, groups=["north", "south"])
    ),
}


# One picture of each display, for what it does with a figure.
ONE_EACH = [
    "gates of two rows",
    "tiny contributions",
    "forecast of groups",
    "losses",
    "errors of models",
]


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_readable(name, style, airline_pipe, deep_pipe, airline, tmp_path):
    """Saved at default size, light and dark: nothing is cut, faint or overlaps."""
    with plt.style.context(style):
        display = PICTURES[name](airline_pipe, deep_pipe, airline)
        check_picture(display.figure_)
        check_contrast(display.figure_)
        check_lines_differ(display)
        path = tmp_path / "picture.png"
        display.figure_.savefig(path)
        pixels = plt.imread(path)[:, :, :3].mean(axis=2)
    is_dark = style == "dark_background"
    assert (np.median(pixels) < 0.5) == is_dark or "gates" in name
    assert np.ptp(pixels) > 0.9
    assert (display.figure_.get_figwidth(), display.axes_[0, 0]) == (
        pytest.approx(pixels.shape[1] / 100),
        display.ax_,
    )


def test_a_cut_label_is_found():
    """The check of pictures fails for what is cut, and for what overlaps."""
    figure, ax = plt.subplots()
    ax.set_ylabel("a label")
    check_picture(figure)
    ax.yaxis.set_label_coords(-0.2, 0.5)
    with pytest.raises(AssertionError, match="is cut"):
        check_picture(figure)
    ax.yaxis.set_label_coords(-0.05, 0.6)
    with pytest.raises(AssertionError, match="overlaps"):
        check_picture(figure)


def test_a_faint_line_is_found():
    """The check of contrast fails for what is lost in grey."""
    figure, ax = plt.subplots()
    ax.plot([0, 1], color="C0")
    check_contrast(figure)
    ax.plot([1, 0], color="yellow")
    with pytest.raises(AssertionError, match="faint"):
        check_contrast(figure)


@pytest.mark.parametrize("name", ONE_EACH)
def test_displays_draw_again_and_into_axes(name, airline_pipe, deep_pipe, airline):
    """``plot`` draws anew from the data, also in the place of an axes."""
    display = PICTURES[name](airline_pipe, deep_pipe, airline)
    n_panels, first = display.axes_.shape, display.figure_
    figure, axes = plt.subplots(1, 2, figsize=(16, 10), layout="constrained")
    assert display.plot(axes[1]) is display
    assert display.figure_ is figure is not first
    assert display.axes_.shape == n_panels
    figure.canvas.draw()
    left = axes[0].get_window_extent()
    for ax in display.axes_.flat:
        assert ax.get_window_extent().x0 > left.x1
    assert repr(display).startswith(type(display).__name__ + "(")


@pytest.mark.parametrize("name", [*ONE_EACH, "gates both ways"])
def test_drawing_again_in_an_axes_replaces_what_was_drawn(
    name, airline_pipe, deep_pipe, airline
):
    """The panels of the second plot stand where those of the first stood."""
    display = PICTURES[name](airline_pipe, deep_pipe, airline)
    figure, (left, ax) = plt.subplots(1, 2, figsize=(24, 12), layout="constrained")
    left.plot([0, 1])
    is_divided = display.axes_.size > 1
    display.plot(ax)
    n_axes, first = len(figure.axes), display.axes_
    display.plot(ax)
    assert len(figure.axes) == n_axes
    gone = [panel for panel in first.flat if panel.figure is None]
    assert len(gone) == (first.size if is_divided else 0)
    assert len(left.lines) == 1
    if is_divided:
        check_picture(figure)


def test_panels_make_way_for_other_displays(airline_pipe, airline):
    """One panel after several, and several after one, in the place of the same axes."""
    figure, (ax, other) = plt.subplots(1, 2, figsize=(20, 12), layout="constrained")
    inner = GateDisplay.from_estimator(airline_pipe, airline, ax=ax).ax_
    ContributionDisplay(tiny_contributions()).plot(inner)
    LossCurveDisplay.from_estimator(airline_pipe, ax=ax)
    assert figure.axes == [ax, other]
    assert ax.get_visible() and ax.axison
    assert ax.get_xlabel() == "epoch"
    display = GateDisplay.from_estimator(airline_pipe, airline, ax=ax)
    assert not ax.get_visible()
    # Panels that somebody has taken away need not go again.
    display.axes_[-1, 0].remove()
    display.plot(ax)
    assert all(panel.figure is figure for panel in display.axes_.flat)
    LossCurveDisplay.from_estimator(airline_pipe, ax=ax)
    assert figure.axes == [ax, other]


def test_an_array_of_axes_is_no_axes(airline_pipe, airline):
    """What ``plt.subplots`` returns for several panels is told apart from one of it."""
    _, axes = plt.subplots(2)
    for draw in (
        lambda: GateDisplay.from_estimator(airline_pipe, airline, ax=axes),
        lambda: LossCurveDisplay.from_estimator(airline_pipe, ax=axes),
    ):
        with pytest.raises(ValueError, match=r"'ax' .* must be .* Axes .* ndarray"):
            draw()


def test_several_panels_need_a_place_in_a_grid(airline_pipe, airline):
    """An axes at a free position cannot be divided, and that is said."""
    figure = plt.figure()
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match=r"its ax must come from plt\.subplots"):
        GateDisplay.from_estimator(airline_pipe, airline, ax=ax)
    LossCurveDisplay.from_estimator(airline_pipe, ax=ax)
    assert ax.get_xlabel() == "epoch"


def test_drawing_moves_no_global_state(airline_pipe, airline):
    """Matplotlib keeps its parameters, and no backend is imported to draw."""
    before = dict(matplotlib.rcParams)
    GateDisplay.from_estimator(airline_pipe, airline)
    assert dict(matplotlib.rcParams) == before
    code = (
        "import sys\n"
        "from sklstm import ForecastDisplay, GateDisplay\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import numpy as np, pandas as pd\n"
        "y = pd.Series(np.arange(5.0))\n"
        "import matplotlib; matplotlib.use('agg')\n"
        "print(ForecastDisplay.from_predictions(y[:3], y[3:]))\n"
        "print([m for m in ('keras', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "ForecastDisplay(series=1, steps=2)\n[]\n", done.stderr
