"""ContributionDisplay: bars are the contributions."""

import numpy as np
import pandas as pd
import pytest
from pictures import check_picture
from sklearn.pipeline import make_pipeline

from sklstm import (
    ContributionDisplay,
    LSTMRegressor,
    SlidingWindow,
    contributions,
    gates,
)


def heights_of(panel):
    """Return the heights of the bars of a panel by their step."""
    bars = [bar for bar in panel.patches if not bar.get_hatch()]
    steps = [round(bar.get_x() + bar.get_width() / 2) for bar in bars]
    return pd.Series([bar.get_height() for bar in bars], steps)


def hatched_steps(panel):
    """Return the steps that are hatched in a panel."""
    spans = [patch.get_extents() for patch in panel.patches if patch.get_hatch()]
    ends = [panel.transData.inverted().transform(span).T[0] for span in spans]
    steps = [range(round(low + 0.5), round(high + 0.5)) for low, high in ends]
    return sorted(step for some in steps for step in some)


def test_bars_are_the_contributions(airline_pipe, airline):
    """Heights are the numbers; the channel with the larger sizes comes first."""
    frame = contributions(airline_pipe, airline)
    display = ContributionDisplay(frame).plot()
    order = frame.abs().mean().sort_values(ascending=False).index
    for panel, channel in zip(display.axes_[:, 0], order, strict=True):
        expected = frame[channel].droplevel("row").dropna()
        heights = heights_of(panel)[expected.index]
        np.testing.assert_allclose(heights, expected)
        assert panel.get_title(loc="left") == channel
    limits = {panel.get_ylim() for panel in display.axes_[:, 0]}
    assert len(limits) == 1


def test_bars_of_many_rows_are_mean_sizes(airline_pipe, airline):
    """For several rows the mean absolute contribution of each step is drawn."""
    frame = contributions(airline_pipe, airline, slice(-9, None))
    display = ContributionDisplay(frame).plot()
    panel = display.axes_[0, 0]
    expected = frame[panel.get_title(loc="left")].abs().groupby("step").mean().dropna()
    assert len(expected) == 12
    np.testing.assert_allclose(heights_of(panel)[expected.index], expected)


@pytest.mark.parametrize(("horizon", "row"), [(1, -1), (1, 3), (3, -1), (9, -1)])
def test_steps_without_a_value_are_hatched(airline, horizon, row):
    """The month is known at step 0, passengers ``horizon`` steps before; no others."""
    windows = SlidingWindow(4, horizon=horizon, known="month")
    lstm = LSTMRegressor(1, epochs=1, random_state=0)
    pipe = make_pipeline(windows, lstm).fit(airline, airline["passengers"])
    display = ContributionDisplay.from_estimator(pipe, airline, rows=row)
    every = range(-3 - horizon, 1)
    # Three rows stand before the fourth.
    n_true = 3 if row == 3 else 4
    newest = {"month": 0, "passengers": -horizon}
    for panel in display.axes_[:, 0]:
        end = newest[panel.get_title(loc="left")]
        own = range(end - n_true + 1, end + 1)
        assert hatched_steps(panel) == [s for s in every if s not in own]
        assert panel.get_xlim() == (every[0] - 0.5, 0.5)
    check_picture(display.figure_)


@pytest.mark.parametrize(
    ("steps", "columns", "name"),
    [
        (1, "passengers", None),
        (3, "passengers", "passengers_t+1"),
        (1, ["month", "passengers"], "passengers"),
        (3, None, "y_t+1"),
    ],
)
def test_titles_say_which_output_is_explained(airline, steps, columns, name):
    """A column of y by its name, a step of several by its lag name; a lone one not."""
    y = airline["passengers"].to_numpy() if columns is None else airline[columns]
    lstm = LSTMRegressor(1, epochs=1, steps=steps, random_state=0)
    pipe = make_pipeline(SlidingWindow(4), lstm).fit(airline, y)
    output = int(name is not None)
    display = ContributionDisplay.from_estimator(pipe, airline, output=output)
    to = "" if name is None else f" to {name}"
    title = display.ax_.get_title(loc="right").replace("\n", " ")
    assert title == f"contribution{to}, row 1960-12-01"
    if name == "y_t+1":
        first = ContributionDisplay.from_estimator(pipe, airline)
        assert "to y_t," in first.ax_.get_title(loc="right")


def test_outputs_without_names_are_counted():
    """Columns of an array have no names."""
    X = np.random.default_rng(0).normal(size=(40, 3, 1))
    lstm = LSTMRegressor(1, epochs=1, random_state=0).fit(X, X[:, :2, 0])
    display = ContributionDisplay.from_estimator(lstm, X, output=1)
    assert "to output 1," in display.ax_.get_title(loc="right")


def test_other_things_are_no_contributions(airline_pipe, airline):
    """What is not of ``contributions`` is told apart before anything is drawn."""
    frame = gates(airline_pipe, airline)
    for other, came in [(frame, "DataFrame"), (airline_pipe, "Pipeline")]:
        with pytest.raises(ValueError, match=rf"index \(row, step\)\. Got {came}"):
            ContributionDisplay(other).plot()


def test_only_the_channels_that_matter_most_are_drawn():
    """Of many channels six are drawn, and the title says so."""
    index = pd.MultiIndex.from_product([[0], range(-4, 0)], names=["row", "step"])
    values = np.tile(np.arange(9.0), (4, 1))
    frame = pd.DataFrame(values, index, [f"c{i}" for i in range(9)])
    display = ContributionDisplay(frame).plot()
    names = [panel.get_title(loc="left") for panel in display.axes_[:, 0]]
    assert names == ["c8", "c7", "c6", "c5", "c4", "c3"]
    assert "6 of 9 channels" in display.ax_.get_title(loc="right")
    check_picture(display.figure_)
