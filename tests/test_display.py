"""Displays: they draw what they are given, readable in light, dark and grey."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib.transforms import Bbox
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from sklstm import (
    ContributionDisplay,
    ErrorByStepDisplay,
    ForecastDisplay,
    GateDisplay,
    LossCurveDisplay,
    LSTMRegressor,
    PanelTimeSeriesSplit,
    SlidingWindow,
    contributions,
    forecast,
    gates,
    load_airline_passengers,
)
from sklstm import backtest as real_backtest

WINDOW = 12
GATES = ["input", "forget", "output", "candidate", "cell", "hidden"]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


# -- what is drawn ------------------------------------------------------------------


@pytest.fixture(scope="module")
def X():
    X = load_airline_passengers()
    return X.assign(month=X.index.month)


@pytest.fixture(scope="module")
def pipe(X):
    lstm = LSTMRegressor(
        6, epochs=12, learning_rate=0.02, highway=False, random_state=0
    )
    return make_pipeline(SlidingWindow(WINDOW, known="month"), lstm).fit(
        X[:-12], X["passengers"][:-12]
    )


@pytest.fixture(scope="module")
def deep(X):
    lstm = LSTMRegressor((5, 3), bidirectional=True, epochs=2, random_state=0)
    return make_pipeline(SlidingWindow(WINDOW), lstm).fit(
        X[["passengers"]], X["passengers"]
    )


def backtest(seed, *, steps=8, groups=("north",)):
    """Return a tidy frame of errors that grow with the step."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [range(12), range(1, steps + 1), groups], names=["origin", "step", "group"]
    )
    frame = index.to_frame(index=False).assign(y_true=rng.normal(50, 9, len(index)))
    errors = rng.normal(size=len(index)) * np.sqrt(frame["step"])
    return frame.assign(y_pred=frame["y_true"] + errors, fold=frame["origin"] // 4)


def panel_of(groups, *, freq="h"):
    """Return history, forecast with its interval and actual values of some groups."""
    stamps = pd.date_range("2024-02-27", periods=120, freq=freq, tz="Europe/Zurich")
    index = pd.MultiIndex.from_product([groups, stamps], names=["store", "time"])
    rng = np.random.default_rng(0)
    values = pd.Series(1e4 + 300 * rng.normal(size=len(index)), index, name="sales")
    is_past = index.get_level_values("time") < stamps[96]
    to_come = values[~is_past].to_frame() + 50
    to_come = to_come.assign(lower=to_come["sales"] - 400, upper=to_come["sales"] + 400)
    return values[is_past], to_come, values[~is_past]


def long_forecast():
    """Return a forecast of periods, longer than its points are marked."""
    history = pd.Series(
        np.arange(300.0), pd.period_range("2020-01-01", periods=300, freq="D"), name="y"
    )
    index = pd.period_range("2020-10-27", periods=60, freq="D")
    return history, pd.Series(np.arange(300.0, 360.0), index, name="y")


PICTURES = {
    "gates of two rows": lambda pipe, _, X: GateDisplay.from_estimator(
        pipe, X, rows=["1949-07", "1960-12"]
    ),
    "gates both ways": lambda _, deep, X: GateDisplay.from_estimator(
        deep, X[["passengers"]], rows=[4, -1], layer=0
    ),
    "gates alone": lambda pipe, _, X: GateDisplay(gates(pipe, X)).plot(),
    "contributions of a row": lambda pipe, _, X: ContributionDisplay.from_estimator(
        pipe, X, rows="1949-09"
    ),
    "contributions of many rows": lambda pipe, _, X: ContributionDisplay.from_estimator(
        pipe, X, rows=slice(-24, None)
    ),
    "forecast": lambda pipe, _, X: ForecastDisplay.from_estimator(
        pipe, X[:-12], 1, X_future=X[["month"]][-12:-11], actual=X[-12:]
    ),
    "forecast of groups": lambda *_: ForecastDisplay.from_predictions(
        *panel_of(["Zürich HB", "Bern", "Basel SBB"])[:2]
    ),
    "long forecast": lambda *_: ForecastDisplay.from_predictions(*long_forecast()),
    "losses": lambda pipe, *_: LossCurveDisplay.from_estimator(pipe),
    "errors of models": lambda *_: ErrorByStepDisplay.from_predictions(
        {"LSTM": backtest(0), "ridge": backtest(1), "seasonal naive": backtest(2)},
        metric="rmse",
    ),
    "errors of groups": lambda *_: ErrorByStepDisplay.from_predictions(
        backtest(3, steps=24, groups=["north", "south"])
    ),
}


def texts_of(figure):
    """Return every text that is drawn, with its box in pixels."""
    renderer = figure.canvas.get_renderer()
    for text in figure.findobj(matplotlib.text.Text):
        is_drawn = text.get_visible() and text.get_text().strip()
        parent = text.axes
        if is_drawn and (parent is None or parent.get_visible()):
            yield text, text.get_window_extent(renderer)


def ticks_drawn(ax):
    """Return the tick labels of an axes within its limits."""
    for axis, name in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        low, high = sorted(getattr(ax, f"get_{name}lim")())
        for tick in axis.get_major_ticks():
            slack = 1e-9 * (high - low)
            if low - slack <= tick.get_loc() <= high + slack:
                yield tick.label1


def check_picture(figure):
    """Assert that no label is cut or overlaps another one, nor panels each other."""
    figure.canvas.draw()
    page = figure.bbox
    every = figure.findobj(matplotlib.axes.Axes)
    panels = [ax for ax in every if ax.axison]
    shown = {id(label) for ax in panels for label in ticks_drawn(ax)}
    ticks = {
        id(label)
        for ax in every
        for axis in (ax.xaxis, ax.yaxis)
        for label in axis.get_ticklabels(which="both")
    }
    boxes = []
    for text, box in texts_of(figure):
        if id(text) in ticks and id(text) not in shown:
            continue
        assert page.x0 <= box.x0 and box.x1 <= page.x1, f"{text} is cut"
        assert page.y0 <= box.y0 and box.y1 <= page.y1, f"{text} is cut"
        boxes.append((text, box))
    assert len(boxes) > 4
    check_apart(boxes)
    check_apart([(ax, ax.get_window_extent()) for ax in panels])
    for ax in panels:
        legend = ax.get_legend()
        own = {*ax.texts, *(legend.get_texts() if legend else ())}
        inside = ax.get_window_extent()
        check_apart([(ax, inside)], [item for item in boxes if item[0] not in own])


def check_apart(boxes, others=None):
    """Assert that no two boxes, or none of these and none of others, share an area."""
    for at, (thing, box) in enumerate(boxes):
        for other, other_box in boxes[at + 1 :] if others is None else others:
            shared = Bbox.intersection(box, other_box)
            is_apart = shared is None or min(shared.width, shared.height) < 1
            assert is_apart, f"{thing} overlaps {other}"


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_readable(name, style, pipe, deep, X, tmp_path):
    """Saved at default size, light and dark: nothing is cut, nothing overlaps."""
    with plt.style.context(style):
        display = PICTURES[name](pipe, deep, X)
        check_picture(display.figure_)
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


@pytest.mark.parametrize("name", PICTURES)
def test_lines_are_told_apart_without_colour(name, pipe, deep, X):
    """Lines of one panel differ in style, marker or width."""
    for ax in PICTURES[name](pipe, deep, X).axes_.flat:
        looks = [
            (line.get_linestyle(), line.get_marker(), line.get_linewidth())
            for line in ax.get_lines()
            if not line.get_label().startswith("_")
        ]
        assert len(looks) == len(set(looks))


def test_colormaps_rise_in_grey(pipe, X):
    """Lightness of every heat map rises evenly from its lowest to its highest value."""
    display = GateDisplay.from_estimator(pipe, X)
    for ax in display.axes_[1:7, 0]:
        colors = ax.images[0].cmap(np.linspace(0, 1, 64))[:, :3]
        lightness = colors @ [0.299, 0.587, 0.114]
        assert (np.diff(lightness) > 0).all()


# -- gates --------------------------------------------------------------------------


def test_heat_maps_show_the_gates(pipe, X):
    """Each panel holds the numbers of its gate, missing steps masked."""
    frame = gates(pipe, X, ["1949-07", -1])
    display = GateDisplay(frame).plot()
    assert display.axes_.shape == (7, 2)
    for column, row in enumerate(frame.index.unique("row")):
        for panel, name in zip(display.axes_[:6, column], GATES, strict=True):
            (image,) = panel.images
            expected = frame[name].xs(row, level="row").unstack("step")
            shown = image.get_array()
            np.testing.assert_array_equal(shown.mask, expected.isna().to_numpy())
            np.testing.assert_array_equal(shown.filled(np.nan), expected.to_numpy())
            assert panel.get_xlim() == (-12.5, -0.5)
            assert image.get_extent()[:2] == [-12.5, -0.5]
        for line, name in zip(display.axes_[6, column].lines, GATES[:3], strict=True):
            mean = frame[name].xs(row, level="row").groupby("step").mean()
            np.testing.assert_allclose(line.get_ydata(), mean)
    assert display.axes_[0, 0].get_title() == "1949-07-01"


def test_gates_share_one_colour_scale_across_rows(pipe, X):
    """The same colour is the same number in every row of a display."""
    display = GateDisplay.from_estimator(pipe, X, rows=[20, -1])
    for panels in display.axes_[1:7]:
        left, right = (panel.images[0].get_clim() for panel in panels)
        assert left == right


def test_any_layer_can_be_drawn(deep, X):
    """``layer`` chooses; units of both directions stand below each other."""
    series = X[["passengers"]]
    for layer, units in [(0, 5), (1, 3), (-1, 3)]:
        display = GateDisplay.from_estimator(deep, series, layer=layer)
        image = display.axes_[1, 0].images[0]
        assert image.get_array().shape == (2 * units, WINDOW)
        frame = gates(deep, series).xs(layer % 2, level="layer")["input"]
        backward = frame.xs("backward", level="direction").unstack("step")
        np.testing.assert_array_equal(image.get_array()[units:], backward)
    for layer in (2, -3, 0.0):
        with pytest.raises(ValueError, match="must be one of 2 layer"):
            display.plot(layer=layer)


# -- contributions ------------------------------------------------------------------


def test_bars_are_the_contributions(pipe, X):
    """Heights are the numbers; the channel with the larger sizes comes first."""
    frame = contributions(pipe, X)
    display = ContributionDisplay(frame).plot()
    order = frame.abs().mean().sort_values(ascending=False).index
    for panel, channel in zip(display.axes_[:, 0], order, strict=True):
        heights = [bar.get_height() for bar in panel.patches[:WINDOW]]
        np.testing.assert_allclose(heights, frame[channel])
        assert panel.get_ylabel() == channel
    limits = {panel.get_ylim() for panel in display.axes_[:, 0]}
    assert len(limits) == 1


def test_bars_of_many_rows_are_mean_sizes(pipe, X):
    """For several rows the mean absolute contribution of each step is drawn."""
    frame = contributions(pipe, X, slice(-9, None))
    display = ContributionDisplay(frame).plot()
    panel = display.axes_[0, 0]
    heights = [bar.get_height() for bar in panel.patches[:WINDOW]]
    expected = frame[panel.get_ylabel()].abs().groupby("step").mean()
    np.testing.assert_allclose(heights, expected)


def test_only_the_channels_that_matter_most_are_drawn():
    """Of many channels six are drawn, and the title says so."""
    index = pd.MultiIndex.from_product([[0], range(-4, 0)], names=["row", "step"])
    values = np.tile(np.arange(9.0), (4, 1))
    frame = pd.DataFrame(values, index, [f"c{i}" for i in range(9)])
    display = ContributionDisplay(frame).plot()
    names = [panel.get_ylabel() for panel in display.axes_[:, 0]]
    assert names == ["c8", "c7", "c6", "c5", "c4", "c3"]
    assert "6 of 9 channels" in display.ax_.get_title()
    check_picture(display.figure_)


# -- forecasts ----------------------------------------------------------------------


def lines_of(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_forecast_display_draws_what_forecast_says(deep, X):
    """The line is that of ``forecast``, the history ends where X does."""
    series = X[["passengers"]]
    display = ForecastDisplay.from_estimator(
        deep, series[:-12], 12, actual=series[-12:]
    )
    lines = lines_of(display.ax_)
    expected = forecast(deep, series[:-12], 12)
    np.testing.assert_array_equal(lines["forecast"].get_ydata(), expected)
    np.testing.assert_array_equal(lines["forecast"].get_xdata(), expected.index)
    np.testing.assert_array_equal(
        lines["history"].get_ydata(), series["passengers"][-72:-12]
    )
    np.testing.assert_array_equal(
        lines["actual"].get_ydata(), series["passengers"][-12:]
    )
    assert "interval" not in lines
    assert repr(display) == "ForecastDisplay(series=1, steps=12)"


def test_groups_have_their_own_panels():
    """Each group's panel shows its own history, forecast, interval and truth."""
    groups = ["b", "a"]
    history, to_come, actual = panel_of(groups)
    display = ForecastDisplay.from_predictions(
        history, to_come, actual=actual, n_past=10
    )
    assert display.axes_.shape == (2, 1)
    for ax, group in zip(display.axes_[:, 0], groups, strict=True):
        lines = lines_of(ax)
        assert ax.get_title(loc="left") == group
        np.testing.assert_array_equal(
            lines["history"].get_ydata(), history.loc[group][-10:]
        )
        np.testing.assert_array_equal(
            lines["forecast"].get_ydata(), to_come.loc[group, "sales"]
        )
        np.testing.assert_array_equal(
            lines["interval"].get_ydata(), to_come.loc[group, "lower"]
        )
        np.testing.assert_array_equal(lines["actual"].get_ydata(), actual.loc[group])
        wall = to_come.loc[group].index.tz_localize(None)
        np.testing.assert_array_equal(lines["forecast"].get_xdata(), wall)


@pytest.fixture(scope="module")
def stores():
    """Return a shuffled long frame, and a pipeline fitted on its older days."""
    days = pd.date_range("2024-01-01", periods=60)
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"store": store, "day": days, "load": rng.normal(size=60) + at})
        for at, store in enumerate(["b", "a"])
    ]
    X = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)
    windows = SlidingWindow(3, groups="store", time="day", layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), Ridge())
    past = X[X["day"] < days[54]]
    return X, past, pipe.fit(past, past["load"])


def test_forecasts_of_a_panel_are_drawn_as_they_come(stores):
    """A long frame says itself which columns are groups and time."""
    X, past, pipe = stores
    cv = PanelTimeSeriesSplit(2, time="day", test_size=15)
    result = real_backtest(pipe, past, past["load"], cv=cv, steps=6)
    to_come = forecast(pipe, past, steps=6, coverage=0.8, residuals=result)
    actual = X[X["day"] > past["day"].max()]
    display = ForecastDisplay.from_predictions(past, to_come, actual=actual, n_past=9)
    assert repr(display) == "ForecastDisplay(series=2, steps=6)"
    for ax, store in zip(display.axes_[:, 0], ["a", "b"], strict=True):
        assert ax.get_title(loc="left") == store
        lines = lines_of(ax)
        own = to_come[to_come["store"] == store]
        for label, values in [("forecast", "load"), ("interval", "load_lower")]:
            np.testing.assert_array_equal(lines[label].get_ydata(), own[values])
            np.testing.assert_array_equal(lines[label].get_xdata(), own["day"])
        before = past[past["store"] == store].sort_values("day")
        np.testing.assert_array_equal(lines["history"].get_ydata(), before["load"][-9:])
        truth = actual[actual["store"] == store].sort_values("day")
        np.testing.assert_array_equal(lines["actual"].get_ydata(), truth["load"])
    check_picture(display.figure_)
    again = ForecastDisplay.from_estimator(
        pipe, past, 6, coverage=0.8, residuals=result, actual=actual
    )
    pd.testing.assert_frame_equal(again.forecast, to_come)
    lines = ErrorByStepDisplay.from_predictions(result.predictions).errors
    assert list(lines) == ["a", "b"]
    by_hand = result.summary(by="step").xs("model", level="model")["MAE"]
    mean = (lines["a"]["mean"] + lines["b"]["mean"]) / 2
    np.testing.assert_allclose(mean, by_hand)


def test_long_frames_from_elsewhere_are_told_their_columns(stores):
    """A frame that does not say its groups and time is told which they are."""
    _, past, pipe = stores
    to_come = pd.DataFrame(forecast(pipe, past, 4).to_dict("list"))
    with pytest.raises(ValueError, match=r"column 'store' .*groups= and time="):
        ForecastDisplay.from_predictions(past, to_come)
    display = ForecastDisplay.from_predictions(
        past, to_come, groups="store", time="day"
    )
    assert display.axes_.shape == (2, 1)
    with pytest.raises(ValueError, match=r"rows of every group.* Got none of 'a'"):
        ForecastDisplay.from_predictions(
            past[past["store"] == "b"], to_come, groups="store", time="day"
        )
    of_one = past[past["store"] == "b"].drop(columns="store")
    alone = to_come[to_come["store"] == "b"].drop(columns="store")
    display = ForecastDisplay.from_predictions(of_one, alone, time="day")
    assert repr(display) == "ForecastDisplay(series=1, steps=4)"


def test_groups_of_several_columns_and_of_many_rows(stores):
    """Keys of several columns are written one after another; 101 series are refused."""
    _, past, pipe = stores
    past = past.assign(town=7)
    windows = pipe[0].set_params(groups=["town", "store"])
    several = make_pipeline(windows, SimpleImputer(), Ridge()).fit(past, past["load"])
    display = ForecastDisplay.from_estimator(several, past, 2)
    titles = [ax.get_title(loc="left") for ax in display.axes_[:, 0]]
    assert titles == ["7, a", "7, b"]
    many = pd.concat(
        past[past["store"] == "a"].assign(town=town) for town in range(101)
    )
    with pytest.raises(ValueError, match=r"at most 100 series\. Got 101"):
        ForecastDisplay.from_predictions(many, forecast(several, many, 1))


def test_an_interval_stands_beside_its_own_column():
    """``load_lower`` and ``load_upper`` are ends, not series of their own."""
    index = pd.RangeIndex(9, 12)
    history = pd.DataFrame({"load": range(9), "other": range(9)}, dtype=float)
    to_come = pd.DataFrame({"load": [9.0, 10, 11]}, index)
    to_come = to_come.assign(load_lower=to_come["load"] - 1, load_upper=20.0)
    display = ForecastDisplay.from_predictions(history, to_come)
    assert display.axes_.shape == (1, 1)
    ends = lines_of(display.ax_)
    np.testing.assert_array_equal(ends["interval"].get_ydata(), to_come["load_lower"])
    two = to_come.assign(other=1.0, other_lower=0.0, other_upper=2.0)
    display = ForecastDisplay.from_predictions(history, two)
    for ax, name in zip(display.axes_[:, 0], ["load", "other"], strict=True):
        ends = lines_of(ax)["interval"].get_ydata()
        np.testing.assert_array_equal(ends, two[f"{name}_lower"])


def test_columns_have_their_own_panels():
    """Several predicted columns are several panels, each beside its history."""
    history = pd.DataFrame({"a": range(9), "b": range(9), "c": range(9)}, dtype=float)
    to_come = history[["b", "a"]].set_axis(range(9, 18)) + 9
    display = ForecastDisplay.from_predictions(history, to_come)
    titles = [ax.get_title(loc="left") for ax in display.axes_[:, 0]]
    assert titles == ["b", "a"]


def test_forecasts_need_an_index_and_a_history():
    """What cannot be drawn is said in a sentence."""
    series = pd.Series([1.0, 2.0], name="y")
    with pytest.raises(ValueError, match=r"needs 'history' as a pandas Series"):
        ForecastDisplay.from_predictions(series.to_numpy(), series)
    other = pd.DataFrame({"a": [1.0], "b": [2.0]})
    with pytest.raises(ValueError, match=r"column 'y' in 'history'.*\['a', 'b'\]"):
        ForecastDisplay.from_predictions(other, series)


# -- losses -------------------------------------------------------------------------


def test_losses_are_those_of_the_history(pipe):
    """Both lines, and the epoch whose weights were kept."""
    lstm = pipe[-1]
    display = LossCurveDisplay.from_estimator(pipe)
    lines = lines_of(display.ax_)
    np.testing.assert_array_equal(lines["training"].get_ydata(), lstm.history_["loss"])
    losses = lstm.history_["val_loss"]
    np.testing.assert_array_equal(lines["validation"].get_ydata(), losses)
    assert display.best_epoch == np.argmin(losses) + 1
    kept = lines[f"weights kept: epoch {display.best_epoch}"]
    assert (kept.get_xdata(), kept.get_ydata()) == ([display.best_epoch], [min(losses)])


def test_no_epoch_is_marked_where_none_can_be_told(X):
    """Without validation, or after fits that went on, the last weights may stand."""
    windows = SlidingWindow(3).fit_transform(X[["passengers"]])
    lstm = LSTMRegressor(1, epochs=2, early_stopping=False, random_state=0)
    lstm.fit(windows, X["passengers"])
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is None
    lstm.set_params(early_stopping=True).fit(windows, X["passengers"])
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is not None
    lstm.partial_fit(windows, X["passengers"])
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is None
    lstm.fit(windows, X["passengers"]).set_params(warm_start=True)
    assert LossCurveDisplay.from_estimator(lstm).best_epoch is None


# -- errors of a backtest -----------------------------------------------------------


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_errors_are_those_of_a_loop(metric):
    """Mean over everything, lowest and highest fold, step by step."""
    frame = backtest(5).drop(columns="group")
    display = ErrorByStepDisplay.from_predictions(frame, metric=metric)

    def error(part):
        errors = part["y_pred"] - part["y_true"]
        if metric == "mae":
            return np.mean([abs(e) for e in errors])
        return np.sqrt(np.mean([e * e for e in errors]))

    found = display.errors[None]
    for step in range(1, 9):
        part = frame[frame["step"] == step]
        folds = [error(part[part["fold"] == fold]) for fold in range(3)]
        expected = [min(folds), max(folds), error(part)]
        np.testing.assert_allclose(
            found.loc[step, ["lowest", "highest", "mean"]], expected
        )
    drawn = display.ax_.lines[0].get_ydata().astype(float)
    np.testing.assert_allclose(drawn, found["mean"])


def test_many_groups_become_one_line():
    """Up to six groups have a line each; of more, bars show the range."""
    few = ErrorByStepDisplay.from_predictions(backtest(0, groups=list("abcdef")))
    assert list(few.errors) == list("abcdef")
    frame = backtest(0, groups=list("abcdefg"))
    many = ErrorByStepDisplay.from_predictions(frame)
    assert list(many.errors) == [None]
    first = frame[frame["step"] == 1]
    sizes = (first["y_pred"] - first["y_true"]).abs().groupby(first["group"]).mean()
    assert many.errors[None].loc[1, "highest"] == pytest.approx(sizes.max())


def test_a_single_step_is_drawn():
    """Backtests of one step have one point a line."""
    display = ErrorByStepDisplay.from_predictions(backtest(0, steps=1))
    check_picture(display.figure_)
    assert display.ax_.get_xlim() == (0.4, 1.6)


def test_errors_need_their_columns():
    """Missing columns and other metrics are named."""
    with pytest.raises(ValueError, match=r"Got none called \['fold'\]"):
        ErrorByStepDisplay.from_predictions(backtest(0).drop(columns="fold"))
    with pytest.raises(ValueError, match=r"must be 'mae' or 'rmse'\. Got 'mape'"):
        ErrorByStepDisplay.from_predictions(backtest(0), metric="mape")


# -- manners of displays ------------------------------------------------------------


@pytest.mark.parametrize("name", PICTURES)
def test_displays_draw_again_and_into_axes(name, pipe, deep, X):
    """``plot`` draws anew from the data, also in the place of an axes."""
    display = PICTURES[name](pipe, deep, X)
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


def test_several_panels_need_a_place_in_a_grid(pipe, X):
    """An axes at a free position cannot be divided, and that is said."""
    figure = plt.figure()
    ax = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match=r"its ax must come from plt\.subplots"):
        GateDisplay.from_estimator(pipe, X, ax=ax)
    LossCurveDisplay.from_estimator(pipe, ax=ax)
    assert ax.get_xlabel() == "epoch"


def test_drawing_moves_no_global_state(pipe, X):
    """Matplotlib keeps its parameters, and no backend is imported to draw."""
    before = dict(matplotlib.rcParams)
    GateDisplay.from_estimator(pipe, X)
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


@pytest.mark.parametrize("position", [0, 1])
def test_html_links_to_nothing_that_is_not_there(pipe, position):
    """No site documents the two classes yet, so their HTML claims none."""
    html = estimator_html_repr(pipe[position])
    assert type(pipe[position]).__name__ in html
    assert "href=" not in html
