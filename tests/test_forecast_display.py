"""ForecastDisplay: each series beside its forecast, interval and actual values."""

import numpy as np
import pandas as pd
import pytest
from pictures import check_picture, lines_of
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    ErrorByStepDisplay,
    ForecastDisplay,
    PanelTimeSeriesSplit,
    SlidingWindow,
    backtest,
    forecast,
)


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
    result = backtest(pipe, past, past["load"], cv=cv, steps=6)
    to_come = forecast(pipe, past, steps=6, coverage=0.8, residuals=result)
    actual = X[X["day"] > past["day"].max()]
    display = ForecastDisplay.from_predictions(past, to_come, actual=actual, n_past=9)
    assert repr(display) == "ForecastDisplay(series=2, steps=6)"
    for ax, store in zip(display.axes_[:, 0], ["a", "b"], strict=True):
        assert ax.get_title(loc="left") == store
        lines = lines_of(ax)
        own = to_come[to_come["store"] == store]
        for label, values in [("forecast", "load"), ("80 % interval", "load_lower")]:
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
    windows = clone(pipe[0]).set_params(groups=["town", "store"])
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


def test_predictions_of_a_backtest_are_many_forecasts():
    """They are refused; those of one origin are drawn."""
    y = pd.Series(np.arange(30.0), pd.date_range("2024-01-01", periods=30), name="y")
    X = y.to_frame()
    pipe = make_pipeline(SlidingWindow(2, layout="flat"), SimpleImputer(), Ridge())
    result = backtest(pipe, X, y, cv=TimeSeriesSplit(2), steps=3)
    made = result.predictions
    for history in (y, X):
        with pytest.raises(ValueError, match=r"needs one forecast.*ErrorByStepDisplay"):
            ForecastDisplay.from_predictions(history, made)
    with pytest.raises(ValueError, match=r"needs 'forecast' .* Got BacktestResult"):
        ForecastDisplay.from_predictions(y, result)
    origin = made["origin"].iloc[4]
    one = made.loc[made["origin"] == origin, "y_pred"]
    display = ForecastDisplay.from_predictions(y[:origin], one)
    lines = lines_of(display.ax_)
    assert lines["forecast"].get_ydata().tolist() == one.tolist()
    assert lines["_"].get_ydata()[0] == y[origin]


INDEXES = {
    "days": pd.date_range("2024-03-01", periods=40),
    "days across a change of the clock": pd.date_range(
        "2024-03-01", periods=40, tz="Europe/Zurich"
    ),
    "hours": pd.date_range("2024-03-30", periods=40, freq="h", tz="Europe/Zurich"),
    "months": pd.date_range("2020-01-01", periods=40, freq="MS"),
    "business days": pd.date_range("2024-03-01", periods=40, freq="B"),
    "periods": pd.period_range("2020-01-01", periods=40, freq="M"),
    "numbers": pd.RangeIndex(40),
    "tens": pd.Index(range(0, 400, 10)),
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


def test_forecasts_of_irregular_times_follow_their_history():
    """Without a common step there is no hole between two times."""
    hours = pd.to_timedelta([0, 71, 102, 180, 207], "h")
    values = pd.Series(np.arange(5.0), pd.Timestamp("2024-01-01") + hours)
    display = ForecastDisplay.from_predictions(values[:3], values[3:])
    assert lines_of(display.ax_)["_"].get_ydata().tolist() == [2.0, 3.0]
    # Labels that count nothing do not tell.
    display = ForecastDisplay.from_predictions(
        values[:3].set_axis([0.1, 0.2, 0.3]), values[3:].set_axis([0.4, 0.5])
    )
    assert "_" not in lines_of(display.ax_)


def runs_drawn(line):
    """Return the values of each unbroken piece of a line."""
    values = line.get_ydata()
    pieces = np.split(values, np.flatnonzero(np.isnan(values)))
    return [piece[~np.isnan(piece)].tolist() for piece in pieces]


def points_drawn(line):
    """Return the values at which a line has a marker."""
    if line.get_marker() in ("None", None):
        return []
    values, every = line.get_ydata(), line.get_markevery()
    return (values if every is None else values[every]).tolist()


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


def test_values_between_missing_ones_are_points():
    """A value with NaN on both sides is seen, also where many steps have no markers."""
    history, to_come = long_forecast()
    history.iloc[[280, 282]] = np.nan
    actual = to_come.copy()
    actual.iloc[[3, 5, 58]] = np.nan
    display = ForecastDisplay.from_predictions(history, to_come, actual=actual)
    lines = lines_of(display.ax_)
    assert points_drawn(lines["history"]) == [281.0]
    assert points_drawn(lines["actual"]) == [304.0, 359.0]


@pytest.mark.parametrize("at", [[0, 71, 102, 180, 207], [0, 1, 3, 7, 12]])
def test_lines_of_irregular_times_do_not_break(at):
    """Times that no step counts have no holes, even if all are whole hours apart."""
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(at, "h")
    values = pd.Series(np.arange(5.0), stamps)
    future = pd.Series([5.0], [stamps[-1] + pd.Timedelta("1h")])
    display = ForecastDisplay.from_predictions(values, future)
    assert runs_drawn(lines_of(display.ax_)["history"]) == [values.tolist()]


def test_the_legend_says_the_coverage_of_the_interval(stores):
    """Slices of a forecast still say it; frames from elsewhere say no number."""
    _, past, pipe = stores
    residuals = np.random.default_rng(0).normal(size=(20, 5))
    of_panel = forecast(pipe, past, 5, coverage=0.8, residuals=residuals)
    one = past[past["store"] == "a"].set_index("day").sort_index()[["load"]]
    windows = SlidingWindow(3, layout="flat")
    alone = make_pipeline(windows, SimpleImputer(), Ridge()).fit(one, one["load"])
    to_come = forecast(alone, one, 5, coverage=0.725, residuals=residuals)
    without = forecast(alone, one, 5)
    for history, values, words in [
        (past, of_panel, "80 % interval"),
        (past, of_panel[of_panel["store"] == "b"], "80 % interval"),
        (one, to_come, "72.5 % interval"),
        (one, to_come.iloc[1:3], "72.5 % interval"),
        (one, to_come.rename(columns=str).astype("float64"), "72.5 % interval"),
        (one, pd.DataFrame(to_come.to_dict()), "interval"),
        (one, without, None),
    ]:
        display = ForecastDisplay.from_predictions(history, values)
        texts = [text.get_text() for text in display.figure_.legends[0].get_texts()]
        found = [text for text in texts if "interval" in text]
        assert found == ([] if words is None else [words])


@pytest.mark.parametrize(("n_groups", "n_columns"), [(6, 1), (7, 2), (13, 3), (50, 3)])
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
    width, height = display.figure_.get_size_inches()
    assert height < 2.5 * width
    if n_groups < 50:
        check_picture(display.figure_)


def test_panels_say_what_they_show():
    """The y axis says the quantity, the title the group, where each is known."""

    def words(*parts):
        display = ForecastDisplay.from_predictions(*parts)
        panels = display.axes_[:, 0]
        return [(panel.get_title(loc="left"), panel.get_ylabel()) for panel in panels]

    history, to_come, _ = panel_of(["north", "south"])
    assert words(history, to_come) == [("north", "sales"), ("south", "sales")]
    history, to_come, _ = panel_of(["north"])
    assert words(history, to_come) == [("north", "sales")]
    assert words(history.loc["north"], to_come.loc["north"]) == [("", "sales")]
    # The title says it where every panel has its own.
    both = to_come[["sales"]].assign(profit=1.0)
    past = history.to_frame().assign(profit=2.0)
    assert words(past, both) == [("north, sales", ""), ("north, profit", "")]
    assert words(past.loc["north"], both.loc["north"]) == [
        ("sales", ""),
        ("profit", ""),
    ]
    nameless = history.loc["north"].rename(None)
    assert words(nameless[:9], nameless[9:12]) == [("", "")]


def two_targets():
    """Return history, forecast and actual values of two targets, none of them alike."""
    values = pd.DataFrame(
        {"load": np.arange(20.0), "wd": 100 + np.arange(20.0)},
        pd.date_range("2024-01-01", periods=20),
    )
    return values[:16], values[16:] + 0.5, values[16:]


def test_actual_values_go_to_the_panel_of_their_name():
    """Of two targets, one with actual values leaves the other's panel without."""
    history, to_come, actual = two_targets()
    for name, other in [("load", "wd"), ("wd", "load")]:
        for came in (actual[[name]], actual[name], actual[[name]].assign(more=7.0)):
            display = ForecastDisplay.from_predictions(history, to_come, actual=came)
            panels = {ax.get_title(loc="left"): ax for ax in display.axes_[:, 0]}
            drawn = lines_of(panels[name])["actual"].get_ydata()
            np.testing.assert_array_equal(drawn, actual[name])
            assert "actual" not in lines_of(panels[other])
            assert "history" in lines_of(panels[other])
    both = actual[["wd", "load"]]
    display = ForecastDisplay.from_predictions(history, to_come, actual=both)
    for ax in display.axes_[:, 0]:
        drawn = lines_of(ax)["actual"].get_ydata()
        np.testing.assert_array_equal(drawn, actual[ax.get_title(loc="left")])


def test_values_of_no_target_are_drawn_beside_a_single_one_alone():
    """One column needs no name beside one target, and a name beside several."""
    history, to_come, actual = two_targets()
    for came in (actual["load"].rename("other"), actual["load"].rename(None)):
        for values in (came, came.to_frame()):
            display = ForecastDisplay.from_predictions(
                history["load"].rename("x"), to_come["load"], actual=values
            )
            drawn = lines_of(display.ax_)["actual"].get_ydata()
            np.testing.assert_array_equal(drawn, actual["load"])
            with pytest.raises(ValueError, match=r"column 'load' in 'actual'.* Got \["):
                ForecastDisplay.from_predictions(history, to_come, actual=values)
    for past in (history["load"], history[["load"]]):
        with pytest.raises(ValueError, match=r"column 'wd' in 'history'.*\['load'\]"):
            ForecastDisplay.from_predictions(past, to_come)


def test_groups_that_read_alike_keep_their_own_panels():
    """Series are told apart by their group, and so are their titles."""
    keys = [("a, b", "c"), ("a", "b, c")]
    parts = [
        pd.DataFrame({"p": p, "q": q, "day": range(8), "y": np.arange(8.0) + 10 * at})
        for at, (p, q) in enumerate(keys)
    ]
    frame = pd.concat(parts, ignore_index=True)
    past, to_come = frame[frame["day"] < 6], frame[frame["day"] >= 6]
    display = ForecastDisplay.from_predictions(
        past, to_come, groups=["p", "q"], time="day"
    )
    drawn = {
        ax.get_title(loc="left"): lines_of(ax)["forecast"].get_ydata().tolist()
        for ax in display.axes_[:, 0]
    }
    assert drawn == {"('a, b', 'c')": [6.0, 7.0], "('a', 'b, c')": [16.0, 17.0]}
    # A number and its digits are two groups as well.
    index = pd.MultiIndex.from_product([[1, "1"], range(3)])
    values = pd.Series(np.arange(6.0), index, name="y")
    display = ForecastDisplay.from_predictions(values, values)
    titles = [ax.get_title(loc="left") for ax in display.axes_[:, 0]]
    assert titles == ["1", "'1'"]


def test_groups_of_an_index_may_lack_actual_values_alone():
    """A group without history is named; one without actual values is drawn."""
    history, to_come, actual = panel_of(["a", "b"])
    display = ForecastDisplay.from_predictions(
        history, to_come, actual=actual.drop("b", level=0)
    )
    has_actual = ["actual" in lines_of(ax) for ax in display.axes_[:, 0]]
    assert has_actual == [True, False]
    with pytest.raises(ValueError, match=r"every group .* Got none of 'b'; pass them"):
        ForecastDisplay.from_predictions(history.drop("b", level=0), to_come)
    with pytest.raises(ValueError, match=r"two levels.* Got 1 level\(s\) in 'history'"):
        ForecastDisplay.from_predictions(history.loc["a"], to_come)


def test_a_forecast_whose_columns_became_its_index(stores):
    """The index says groups and time, whatever the frame was."""
    _, past, pipe = stores
    to_come = forecast(pipe, past, steps=3)
    display = ForecastDisplay.from_predictions(
        past.set_index(["store", "day"]).sort_index(),
        to_come.set_index(["store", "day"]),
    )
    for ax, store in zip(display.axes_[:, 0], ["a", "b"], strict=True):
        own = to_come[to_come["store"] == store]
        np.testing.assert_array_equal(lines_of(ax)["forecast"].get_ydata(), own["load"])


def test_columns_of_groups_are_not_drawn_as_values():
    """Numbers of groups and times, of which nothing tells, are not predictions."""
    frame = pd.DataFrame(
        {"store": [1, 1, 2, 2], "hour": [0, 1, 0, 1], "load": [1.0, 2.0, 3.0, 4.0]}
    )
    to_come = frame.assign(hour=frame["hour"] + 2)
    with pytest.raises(
        ValueError,
        match=r"predictions: floats, or integers where no column holds floats\. Got "
        r"column 'store' of dtype int64; .* in groups= and time=, and drop others\.",
    ):
        ForecastDisplay.from_predictions(frame, to_come)
    display = ForecastDisplay.from_predictions(
        frame, to_come, groups="store", time="hour"
    )
    assert display.axes_.shape == (2, 1)
    # Groups that are floats, as after a merge, are told by times that come again.
    at_times = to_come.astype({"store": float}).set_index("hour")
    with pytest.raises(
        ValueError, match=r"one row for each time.* more at 2; .*groups"
    ):
        ForecastDisplay.from_predictions(at_times, at_times)
    # Counts alone are values.
    counts = frame[["store", "hour"]]
    display = ForecastDisplay.from_predictions(counts, counts.set_axis(range(4, 8)))
    assert display.axes_.shape == (2, 1)
