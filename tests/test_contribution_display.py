"""ContributionDisplay: bars are the contributions."""

import numpy as np
import pandas as pd
from pictures import check_picture

from sklstm import ContributionDisplay, contributions


def test_bars_are_the_contributions(airline_pipe, airline):
    """Heights are the numbers; the channel with the larger sizes comes first."""
    frame = contributions(airline_pipe, airline)
    display = ContributionDisplay(frame).plot()
    order = frame.abs().mean().sort_values(ascending=False).index
    for panel, channel in zip(display.axes_[:, 0], order, strict=True):
        heights = [bar.get_height() for bar in panel.patches[:12]]
        np.testing.assert_allclose(heights, frame[channel])
        assert panel.get_title(loc="left") == channel
    limits = {panel.get_ylim() for panel in display.axes_[:, 0]}
    assert len(limits) == 1


def test_bars_of_many_rows_are_mean_sizes(airline_pipe, airline):
    """For several rows the mean absolute contribution of each step is drawn."""
    frame = contributions(airline_pipe, airline, slice(-9, None))
    display = ContributionDisplay(frame).plot()
    panel = display.axes_[0, 0]
    heights = [bar.get_height() for bar in panel.patches[:12]]
    expected = frame[panel.get_title(loc="left")].abs().groupby("step").mean()
    np.testing.assert_allclose(heights, expected)


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
