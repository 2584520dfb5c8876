"""GateDisplay: heat maps and lines are the gates."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import check_picture, lines_of
from sklearn.pipeline import make_pipeline

from sklstm import GateDisplay, LSTMRegressor, SlidingWindow, contributions, gates

GATES = ["input", "forget", "output", "candidate", "cell", "hidden"]


def test_heat_maps_show_the_gates(airline_pipe, airline):
    """Each panel holds the numbers of its gate, missing steps masked."""
    frame = gates(airline_pipe, airline, ["1949-07", -1])
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
    assert display.axes_[0, 0].get_title() == "row 1949-07-01"


def test_gates_share_one_colour_scale_across_rows(airline_pipe, airline):
    """The same colour is the same number in every row of a display."""
    display = GateDisplay.from_estimator(airline_pipe, airline, rows=[20, -1])
    for panels in display.axes_[1:7]:
        left, right = (panel.images[0].get_clim() for panel in panels)
        assert left == right


def test_any_layer_can_be_drawn(deep_pipe, airline):
    """``layer`` chooses; units of both directions stand below each other."""
    series = airline[["passengers"]]
    for layer, units in [(0, 5), (1, 3), (-1, 3)]:
        display = GateDisplay.from_estimator(deep_pipe, series, layer=layer)
        image = display.axes_[1, 0].images[0]
        assert image.get_array().shape == (2 * units, 12)
        frame = gates(deep_pipe, series).xs(layer % 2, level="layer")["input"]
        backward = frame.xs("backward", level="direction").unstack("step")
        np.testing.assert_array_equal(image.get_array()[units:], backward)
    for layer in (2, -3, 0.0):
        with pytest.raises(ValueError, match="must be one of 2 layer"):
            display.plot(layer=layer)


def test_colormaps_rise_in_grey(airline_pipe, airline):
    """Lightness of every heat map rises evenly from its lowest to its highest value."""
    display = GateDisplay.from_estimator(airline_pipe, airline)
    for ax in display.axes_[1:7, 0]:
        colors = ax.images[0].cmap(np.linspace(0, 1, 64))[:, :3]
        lightness = colors @ [0.299, 0.587, 0.114]
        assert (np.diff(lightness) > 0).all()


def test_values_stand_at_their_own_steps(airline_pipe, airline):
    """The month of the predicted row is at step 0, where no gate is."""
    display = GateDisplay.from_estimator(airline_pipe, airline, rows="1960-03")
    lines = lines_of(display.axes_[0, 0])
    month = dict(zip(*lines["month"].get_data(), strict=True))
    # From January to December, which are the ends of the axis.
    assert month[0] == pytest.approx((3 - 1) / 11)
    assert month[-2] == pytest.approx((1 - 1) / 11)
    assert np.isnan(month[-12])
    before = airline["passengers"]["1959-03":"1960-02"]
    passengers = dict(zip(*lines["passengers"].get_data(), strict=True))
    assert passengers[-1] == pytest.approx(
        (before.iloc[-1] - before.min()) / (before.max() - before.min())
    )
    assert np.isnan(passengers[0])
    for panel in display.axes_[:, 0]:
        assert panel.get_xlim() == (-12.5, 0.5)
    for panel in display.axes_[1:7, 0]:
        assert panel.images[0].get_extent()[:2] == [-12.5, -0.5]


def test_patches_stand_below_the_steps_that_they_read():
    """A patch of two steps is two steps wide; the first one begins at the oldest."""
    X = np.random.default_rng(0).normal(size=(40, 7, 1))
    lstm = LSTMRegressor(2, patch=2, epochs=1, random_state=0).fit(X, X[:, -1, 0])
    display = GateDisplay.from_estimator(lstm, X)
    # The network does not read the oldest of the seven.
    assert display.axes_[1, 0].images[0].get_extent()[:2] == [-6.5, -0.5]
    assert display.axes_[0, 0].get_xlim() == (-7.5, -0.5)


def test_axes_of_heat_maps_say_what_they_count(deep_pipe, airline):
    """Heat maps say that their lines are units."""
    display = GateDisplay.from_estimator(deep_pipe, airline[["passengers"]])
    labels = [panel.get_ylabel() for panel in display.axes_[1:7, 0]]
    assert [label.split("\n")[1] for label in labels] == ["unit"] * 6
    assert labels[0] == "input gate\nunit"


def test_other_things_are_no_gates(airline_pipe, airline):
    """What is not of ``gates`` is told apart before anything is drawn."""
    frame = contributions(airline_pipe, airline)
    for other, came in [(frame, "DataFrame"), (airline_pipe, "Pipeline")]:
        with pytest.raises(ValueError, match=rf"step, unit\)\. Got {came}"):
            GateDisplay(other).plot()


def test_more_rows_than_a_picture_holds_are_refused(airline_pipe, airline):
    """Twelve rows are drawn, of more it is said what to do."""
    frame = gates(airline_pipe, airline, range(20, 33))
    with pytest.raises(ValueError, match=r"at most 12 rows\. Got 13; .*rows="):
        GateDisplay(frame).plot()
    few = frame[frame.index.get_level_values("row") < frame.index.unique("row")[12]]
    assert GateDisplay(few).plot().axes_.shape == (7, 12)


def test_channels_whose_names_begin_with_an_underscore_are_in_the_legend(airline):
    """Matplotlib leaves such labels out; here each channel is named."""
    X = airline[["passengers"]].assign(_level=range(len(airline)))
    windows = SlidingWindow(4)
    lstm = LSTMRegressor(1, epochs=1, random_state=0)
    pipe = make_pipeline(windows, lstm).fit(X, X["passengers"])
    display = GateDisplay.from_estimator(pipe, X)
    legends = [ax.get_legend() for ax in display.figure_.axes]
    texts = [[t.get_text().strip() for t in one.get_texts()] for one in legends if one]
    assert texts == [["passengers", "_level"], ["input", "forget", "output"]]


@pytest.mark.parametrize("n_models", [1, 2])
def test_the_share_of_the_network_is_said(n_models, airline, set_trust):
    """It is how far predictions go from the highway's to those of full trust."""
    X, y = airline[["passengers"]], airline["passengers"]
    lstm = LSTMRegressor(2, epochs=3, n_models=n_models, random_state=0)
    pipe = make_pipeline(SlidingWindow(4), lstm).fit(X, y)
    predictions = {}
    for trust in (0.0, 0.375, 1.0):
        set_trust(lstm, trust)
        predictions[trust] = pipe.predict(X)
        display = GateDisplay.from_estimator(pipe, X, rows=[-1, -2])
        (words,) = [text.get_text() for text in display.ax_.texts]
        assert words.startswith(f"predictions take {100 * trust:g} % of this network")
        check_picture(display.figure_)
    way = predictions[1.0] - predictions[0.0]
    assert np.abs(way).max() > 0
    np.testing.assert_allclose(predictions[0.375] - predictions[0.0], 0.375 * way)
    # Of an ensemble the first network is drawn, whatever the others earned.
    first = lstm._members[0]
    set_trust(lstm, 0.0)
    lstm._members = [first, *lstm._members[1:]]
    display = GateDisplay.from_estimator(pipe, X)
    assert "take 100 %" in display.ax_.texts[0].get_text()
    assert not GateDisplay(gates(pipe, X)).plot().ax_.texts


def test_panels_in_an_axes_are_legible(airline_pipe, deep_pipe, airline):
    """In a figure of default size, and in halves of a wide one, nothing overlaps."""
    series = airline[["passengers"]]
    of_default_size = {"layout": "constrained"}
    halves = {"ncols": 2, "figsize": (12, 5)}
    for options in (of_default_size, halves):
        for pipe, X in [(airline_pipe, airline), (deep_pipe, series)]:
            figure, axes = plt.subplots(**options)
            for ax in np.ravel(axes):
                display = GateDisplay.from_estimator(pipe, X, ax=ax)
            check_picture(figure)
            words = {text.get_text() for ax in figure.axes for text in ax.texts}
            assert {"input gate", "forget gate", "output gate", "candidate"} < words
            (image,) = display.axes_[6, 0].images
            assert image.get_clim()[1] == pytest.approx(
                gates(pipe, X)["hidden"]
                .xs(-1 + len(np.atleast_1d(pipe[-1].units)), level="layer")
                .abs()
                .max()
            )


def test_an_axes_without_room_is_refused(airline_pipe, airline):
    """One sentence says how much is needed, before anything is drawn."""
    for options, came in [
        ({"ncols": 3}, r"1\.4 x 3\.6"),
        ({"nrows": 2, "ncols": 2}, r"2\.2 x 1\.6"),
    ]:
        figure, axes = plt.subplots(**options)
        n_axes = len(figure.axes)
        with pytest.raises(ValueError, match=rf"at least .* inches .* Got {came};"):
            GateDisplay.from_estimator(airline_pipe, airline, ax=axes.flat[0])
        assert len(figure.axes) == n_axes
        assert axes.flat[0].get_visible()
