"""ForecastDisplay: each series beside its forecast, interval and actual values."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from by_hand import KEYS, flat_ridge, stores
from pictures import check_picture, lines_of

from sklstm import (
    ForecastDisplay,
    PanelTimeSeriesSplit,
    backtest,
    forecast,
)


def test_forecast_display_draws_what_forecast_says(deep_pipe, airline):
    """The line is that of ``forecast``, the history ends where X does."""
    series = airline[["passengers"]]
    display = ForecastDisplay.from_estimator(
        deep_pipe, series[:-12], 12, actual=series[-12:]
    )
    lines = lines_of(display.ax_)
    expected = forecast(deep_pipe, series[:-12], 12)
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


@pytest.fixture(scope="module")
def panel():
    """Return a shuffled long frame, and a pipeline fitted on its older days."""
    X = stores({"b": range(60), "a": range(60)}).drop(columns="price")
    past = X[X["day"] < X["day"].max() - pd.Timedelta(days=5)]
    return X, past, flat_ridge(3, **KEYS).fit(past, past["load"])


@pytest.mark.parametrize(
    ("coverage", "ends"),
    [
        (0.8, {"80 % interval": "load_lower"}),
        (
            [0.5, 0.8],
            {"50 % interval": "load_lower_50", "80 % interval": "load_lower_80"},
        ),
    ],
)
def test_forecasts_of_a_panel_are_drawn_as_they_come(panel, coverage, ends):
    """A long frame says itself its groups, its time, and the share of each interval."""
    X, past, pipe = panel
    cv = PanelTimeSeriesSplit(2, time="day", test_size=15)
    result = backtest(pipe, past, past["load"], cv=cv, steps=6)
    to_come = forecast(pipe, past, steps=6, coverage=coverage, residuals=result)
    actual = X[X["day"] > past["day"].max()]
    display = ForecastDisplay.from_predictions(past, to_come, actual=actual, n_past=9)
    assert repr(display) == "ForecastDisplay(series=2, steps=6)"
    for ax, store in zip(display.axes_[:, 0], ["a", "b"], strict=True):
        assert ax.get_title(loc="left") == store
        lines = lines_of(ax)
        own = to_come[to_come["store"] == store]
        assert len(ax.collections) == len(ends)
        for label, values in {"forecast": "load", **ends}.items():
            np.testing.assert_array_equal(lines[label].get_ydata(), own[values])
            np.testing.assert_array_equal(lines[label].get_xdata(), own["day"])
        before = past[past["store"] == store].sort_values("day")
        np.testing.assert_array_equal(lines["history"].get_ydata(), before["load"][-9:])
        truth = actual[actual["store"] == store].sort_values("day")
        np.testing.assert_array_equal(lines["actual"].get_ydata(), truth["load"])
    check_picture(display.figure_)
    # A slice of the long frame says so, too.
    one = ForecastDisplay.from_predictions(past, to_come[to_come["store"] == "a"])
    assert lines_of(one.ax_).keys() >= ends.keys()


def test_long_frames_from_elsewhere_are_told_their_columns(panel):
    """A frame that does not say its groups and time is told which they are."""
    _, past, pipe = panel
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
    figure, ax = plt.subplots()
    display = ForecastDisplay.from_predictions(of_one, alone, time="day", ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    assert repr(display) == "ForecastDisplay(series=1, steps=4)"


def test_forecasts_need_an_index_and_a_history():
    """What cannot be drawn is said in a sentence."""
    series = pd.Series([1.0, 2.0], name="y")
    made = pd.DataFrame(columns=["origin", "step", "y_pred"])
    other = pd.DataFrame({"a": [1.0], "b": [2.0]})
    for history, to_come, words in (
        (series.to_numpy(), series, "needs 'history' as a pandas Series"),
        (None, series, "needs 'history' as a pandas Series"),
        (series.astype(str), series, "column 'y' of dtype"),
        (series.set_axis(["a", "b"]), series, "of the kind of 'forecast', int64"),
        (other, series, r"column 'y' in 'history'.*\['a', 'b'\]"),
        (series, made, r"one forecast.*errors_by_step\(\)"),
    ):
        with pytest.raises(ValueError, match=words):
            ForecastDisplay.from_predictions(history, to_come)


INDEXES = {
    "days": pd.date_range("2024-03-01", periods=40),
    "days across a change of the clock": pd.date_range(
        "2024-03-01", periods=40, tz="Europe/Zurich"
    ),
    "months": pd.date_range("2020-01-01", periods=40, freq="MS"),
    "business days": pd.date_range("2024-03-01", periods=40, freq="B"),
    "numbers": pd.RangeIndex(40),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_forecasts_begin_where_the_history_ends(kind):
    """A line like the forecast's leads there, from the row before and no other."""
    values = pd.Series(np.arange(40.0) ** 2, INDEXES[kind], name="load")
    display = ForecastDisplay.from_predictions(values[:30], values[30:], n_past=5)
    lines = lines_of(display.ax_)
    (joint,) = [line for line in display.ax_.lines if line.get_label() == "_"]
    for get in ("get_xdata", "get_ydata"):
        past, to_come = (getattr(lines[n], get)() for n in ("history", "forecast"))
        expected = [past[-1], to_come[0]]
        np.testing.assert_array_equal(getattr(joint, get)(), expected)
    for get in ("get_color", "get_linestyle", "get_linewidth"):
        assert getattr(joint, get)() == getattr(lines["forecast"], get)()
    apart = [(values[:29], values[30:]), (values[:31], values[30:])]
    for past, to_come in [*apart, (values[:0], values[30:])]:
        display = ForecastDisplay.from_predictions(past, to_come)
        assert "_" not in lines_of(display.ax_)


def runs_drawn(line):
    """Return the values of each unbroken piece of a line."""
    values = line.get_ydata()
    pieces = np.split(values, np.flatnonzero(np.isnan(values)))
    return [piece[~np.isnan(piece)].tolist() for piece in pieces]


def points_drawn(line):
    """Return the values at which a line has a marker."""
    has_marker = line.get_marker() not in ("None", None)
    return line.get_ydata()[line.get_markevery()].tolist() if has_marker else []


@pytest.mark.parametrize("kind", INDEXES)
def test_lines_break_at_holes(kind):
    """Rows that follow each other are one piece; none leads over those that lack."""
    values = pd.Series(np.arange(40.0) ** 2, INDEXES[kind], name="load")
    past, actual = values.iloc[[*range(9), 15, *range(20, 26)]], values.iloc[26:40]
    actual = actual.iloc[[0, 1, 2, 7, 8, 12]]
    # A hole does not matter to what comes after it.
    display = ForecastDisplay.from_predictions(past, values[26:], actual=actual)
    lines = lines_of(display.ax_)
    expected = [values[:9], values[15:16], values[20:26]]
    assert runs_drawn(lines["history"]) == [part.tolist() for part in expected]
    assert points_drawn(lines["history"]) == [225.0]
    expected = [values[26:29], values[33:35], values[38:39]]
    assert runs_drawn(lines["actual"]) == [part.tolist() for part in expected]
    whole = ForecastDisplay.from_predictions(values[:26], values[26:])
    assert runs_drawn(lines_of(whole.ax_)["history"]) == [values[:26].tolist()]
    assert points_drawn(lines_of(whole.ax_)["history"]) == []


@pytest.mark.parametrize(("n_groups", "n_columns"), [(6, 1), (7, 2), (13, 3)])
def test_many_groups_stand_beside_each_other(n_groups, n_columns):
    """Panels are read line by line, and a picture of fifty is no ribbon."""
    groups = [f"store {at:02d}" for at in range(n_groups)]
    index = pd.MultiIndex.from_product([groups, range(8)])
    values = pd.Series(np.arange(8.0 * n_groups), index, name="sales")
    is_past = index.get_level_values(1) < 6
    display = ForecastDisplay.from_predictions(values[is_past], values[~is_past])
    panels = display.axes_[:, 0]
    assert [ax.get_title(loc="left") for ax in panels] == groups
    display.figure_.canvas.draw()
    corners = np.array([ax.get_window_extent().corners()[1] for ax in panels]).round()
    assert len(np.unique(corners[:, 0])) == n_columns
    # From the top down, from left to right.
    assert np.lexsort((corners[:, 0], -corners[:, 1])).tolist() == [*range(n_groups)]
    said = [bool(ax.get_ylabel()) for ax in panels]
    assert said == [at % n_columns == 0 for at in range(n_groups)]
    for ax, group in zip(panels, groups, strict=True):
        assert lines_of(ax)["forecast"].get_ydata().tolist() == [*values[group][6:]]
    check_picture(display.figure_)


def test_intervals_and_actual_values_go_to_the_panel_of_their_name():
    """Ends of an interval are no series; a target may lack actual values."""
    index = pd.date_range("2024-01-01", periods=20)
    values = pd.DataFrame({"load": np.arange(20.0), "wd": 100.0 + np.arange(20)}, index)
    history, actual = values[:16], values[16:]
    to_come = actual + 0.5
    to_come = to_come.assign(wd_lower=to_come["wd"] - 1, wd_upper=to_come["wd"] + 1)
    for name, other in [("load", "wd"), ("wd", "load")]:
        for came in (actual[[name]], actual[name], actual[[name]].assign(more=7.0)):
            display = ForecastDisplay.from_predictions(history, to_come, actual=came)
            panels = {ax.get_title(loc="left"): ax for ax in display.axes_[:, 0]}
            assert list(panels) == ["load", "wd"]
            drawn = lines_of(panels[name])["actual"].get_ydata()
            np.testing.assert_array_equal(drawn, actual[name])
            assert "actual" not in lines_of(panels[other])
            ends = lines_of(panels["wd"])["interval"].get_ydata()
            np.testing.assert_array_equal(ends, to_come["wd_lower"])
    with pytest.raises(ValueError, match=r"column 'load' in 'actual'.* Got \["):
        came = actual["load"].rename("x")
        ForecastDisplay.from_predictions(history, to_come, actual=came)


def test_columns_of_groups_are_not_drawn_as_values():
    """Numbers of groups and times, of which nothing tells, are not predictions."""
    frame = pd.DataFrame(
        {"store": [1, 1, 2, 2], "hour": [0, 1, 0, 1], "load": [1.0, 2.0, 3.0, 4.0]}
    )
    to_come = frame.assign(hour=frame["hour"] + 2)
    with pytest.raises(
        ValueError, match=r"column 'store' of dtype int64; .* groups= a"
    ):
        ForecastDisplay.from_predictions(frame, to_come)
    display = ForecastDisplay.from_predictions(
        frame, to_come, groups="store", time="hour"
    )
    assert display.axes_.shape == (2, 1)
    # Counts alone are values.
    counts = frame[["store", "hour"]]
    display = ForecastDisplay.from_predictions(counts, counts.set_axis(range(4, 8)))
    assert display.axes_.shape == (2, 1)
