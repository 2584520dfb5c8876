"""gates and GateDisplay: labelled, exact, drawn as they are."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from pictures import check_picture
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    ContributionDisplay,
    GateDisplay,
    LSTMRegressor,
    SlidingWindow,
    contributions,
    gates,
    load_airline_passengers,
)
from sklstm.network._prior import prior_reading

WINDOW = 6
GATES = ["input", "forget", "output", "candidate", "cell", "hidden"]
NETWORKS = {
    "plain": {"units": 4},
    "stacked both ways": {"units": (4, 3), "bidirectional": True},
    "relu without highway": {"activation": "relu", "highway": False, "units": 3},
    "in its unit": {"scaling": None, "units": 3},
    "standardised": {"scaling": "standard", "units": 3},
    "median of quantiles": {"quantiles": (0.2, 0.5, 0.9)},
}


@pytest.fixture(scope="module")
def X():
    X = load_airline_passengers() / 100
    return X.assign(month=X.index.month)


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def pipe(request, X, set_trust):
    """Return a pipeline whose network has learned enough to matter."""
    options = {"units": 2, "epochs": 15, "learning_rate": 0.02, "random_state": 0}
    lstm = LSTMRegressor(**options | NETWORKS[request.param])
    pipe = make_pipeline(SlidingWindow(WINDOW, known="month"), lstm)
    pipe.fit(X, X["passengers"])
    if lstm._scaling.highway is not None:
        set_trust(lstm, 0.9)
    return pipe


def check_cells(frame, activation=np.tanh, atol=1e-6):
    """Assert that each cell and hidden state follows from its gates, step by step."""
    for (_, _, direction, _), part in frame.dropna().groupby(
        ["row", "layer", "direction", "unit"]
    ):
        part = part[::-1] if direction == "backward" else part
        before = part["cell"].shift(fill_value=0.0)
        cell = part["forget"] * before + part["input"] * part["candidate"]
        np.testing.assert_allclose(part["cell"], cell, atol=atol)
        hidden = part["output"] * activation(cell)
        np.testing.assert_allclose(part["hidden"], hidden, atol=atol)


def test_cells_and_predictions_follow_from_the_gates(pipe, X):
    """The output layer on the last hidden states, unscaled, is ``predict``."""
    rows = [1, 3, 40, -1]  # two of them incomplete
    frame, lstm = gates(pipe, X, rows), pipe[-1]
    labels = X.index[rows]
    last = frame.index.get_level_values("layer").max()
    hidden = [
        frame["hidden"].xs((last, "forward", -1), level=("layer", "direction", "step"))
    ]
    if lstm.bidirectional:
        # The other direction ends at the oldest true step.
        states = frame["hidden"].xs((last, "backward"), level=("layer", "direction"))
        states = states.dropna().groupby(["row", "unit"]).first()
        hidden.append(states)
    hidden = np.concatenate([h.unstack("unit").loc[labels] for h in hidden], axis=1)
    kernel, bias = lstm.weights_[-2:]
    windows = pipe[0].transform(X)[rows]
    scaling, outputs = lstm._scaling, hidden @ kernel + bias
    prior = scaling.prior and scaling.prior.read(windows)
    values = np.sort(scaling.values(outputs, windows, prior=prior))
    middle = list(lstm.quantiles or [0.5]).index(0.5)
    expected = pipe.predict(X)[rows]
    # Gates are followed in float64, predictions made in float32.
    np.testing.assert_allclose(values[:, middle], expected, rtol=1e-6)
    is_relu = lstm.activation == "relu"
    check_cells(frame, (lambda cell: np.maximum(cell, 0)) if is_relu else np.tanh)


def test_gates_are_labelled(X):
    """Levels, columns and steps are those that the docstring names."""
    pipe = make_pipeline(
        SlidingWindow(4, horizon=3, known="month"),
        LSTMRegressor((2, 3), bidirectional=True, epochs=1, random_state=0),
    ).fit(X, X["passengers"])
    frame = gates(pipe, X, ["1949-05", "1960-12"])
    assert frame.columns.to_list() == GATES
    levels = {name: list(frame.index.unique(name)) for name in frame.index.names}
    assert levels == {
        "row": [pd.Timestamp("1949-05-01"), pd.Timestamp("1960-12-01")],
        "layer": [0, 1],
        "direction": ["forward", "backward"],
        "step": [-6, -5, -4, -3],
        "unit": [0, 1, 2],
    }
    assert len(frame) == 2 * 2 * 4 * (2 + 3)
    # Two of the four steps of May 1949 lie before the series begins.
    missing = frame.isna().all(axis=1)
    assert missing.equals(frame.isna().any(axis=1))
    rows, steps = (frame.index.get_level_values(name) for name in ("row", "step"))
    assert (missing == ((rows == levels["row"][0]) & (steps < -4))).all()


@pytest.mark.parametrize("function", [gates, contributions])
def test_any_estimator_that_ends_in_an_lstm(function, airline_pipe, airline):
    """Pipelines, searches, frozen and nested ones give what the LSTM itself gives."""
    pipe, X = airline_pipe, airline
    expected = function(pipe, X)
    for same in (make_pipeline("passthrough", pipe), FrozenEstimator(pipe)):
        assert function(same, X).equals(expected)
    of_arrays = function(pipe[-1], pipe[0].transform(X)).to_numpy()
    if function is gates:
        np.testing.assert_array_equal(of_arrays, expected.to_numpy())
    y = X["passengers"]
    search = GridSearchCV(pipe, {"lstmregressor__epochs": [1]}, cv=TimeSeriesSplit(2))
    wrapped = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp)
    for meta in (search, wrapped):
        found = function(meta.fit(X, y), X)
        assert found.index.equals(expected.index)
        assert np.isfinite(found).equals(np.isfinite(expected))


@pytest.mark.parametrize(
    ("rows", "positions"),
    [
        (-1, [143]),
        ([0, -2], [0, 142]),
        (np.array([5, 7]), [5, 7]),
        (slice(3, 6), [3, 4, 5]),
        ("1960-02", [133]),
        ("1960", list(range(132, 144))),
        (pd.Timestamp("1949-02-01"), [1]),
        (["1949-02", -1], [1, 143]),
        ([-1, 143, "1960-12", 0], [143, 0]),
    ],
)
def test_rows_are_positions_or_labels(airline_pipe, airline, rows, positions):
    """Integers and slices count rows, anything else is looked up."""
    found = gates(airline_pipe, airline, rows)
    assert list(found.index.unique("row")) == list(airline.index[positions])
    windows = airline_pipe[0].transform(airline)[positions]
    np.testing.assert_array_equal(found, gates(airline_pipe[-1], windows, slice(None)))


@pytest.mark.parametrize(
    "rows", [144, -145, "1999-01", [0, "x"], [], "1960-13", None, True, [True, False]]
)
def test_rows_that_are_not_there(airline_pipe, airline, rows):
    """A row that is not there is named, before anything is computed."""
    with pytest.raises(ValueError, match="'rows' parameter of gates must"):
        gates(airline_pipe, airline, rows)


@pytest.mark.parametrize("function", [gates, contributions])
def test_what_has_no_lstm_is_refused(function, X):
    """Other regressors, unfitted ones and networks built elsewhere are told apart."""
    name = function.__name__
    with pytest.raises(ValueError, match=f"{name} needs a fitted LSTMRegressor"):
        function(LinearRegression(), X)
    # Data in its place are not printed.
    with pytest.raises(ValueError, match=r"Got DataFrame\.$"):
        function(X, X)
    with pytest.raises(NotFittedError):
        function(make_pipeline(SlidingWindow(), LSTMRegressor()), X)
    search = GridSearchCV(make_pipeline(SlidingWindow(), LSTMRegressor()), {})
    with pytest.raises(NotFittedError):
        function(search, X)


@pytest.fixture(scope="module")
def prior_pipe(X):
    """Return a pipeline whose highway takes the prior; its LSTM reads 24 months."""
    windows = SlidingWindow(24, season=12, horizon=2, known="month")
    pipe = make_pipeline(windows, LSTMRegressor(epochs=0))
    return pipe.fit(X, X["passengers"])


def test_gates_of_the_prior_are_those_of_its_lstm(prior_pipe, X):
    """Cells follow from gates; the last hidden state is the one that predicts."""
    rows = [0, 8, 143]
    frame = gates(prior_pipe, X, rows, network="prior")
    assert frame.columns.to_list() == GATES
    levels = {name: list(frame.index.unique(name)) for name in frame.index.names}
    assert levels == {
        "row": list(X.index[rows]),
        "layer": [0],
        "direction": ["forward"],
        "step": [-22, -18, -14, -10, -6, -2],
        "unit": list(range(96)),
    }
    # Row 8 reads seven true months, and row 0 none.
    missing = frame.isna().all(axis=1)
    assert missing.equals(frame.isna().any(axis=1))
    n_true = (~missing).groupby("row", sort=False).sum() / 96
    assert n_true.to_list() == [0, 2, 6]
    check_cells(frame, atol=1e-5)
    last = frame["hidden"].xs(-2, level="step").unstack("unit").to_numpy()
    past = X["passengers"].to_numpy()[None]
    for own, window in zip(last[1:], (past[:, :7], past[:, :142]), strict=True):
        _, (state,) = prior_reading(window[:, -24:], 12, 1)
        # The state is in the unit of the window.
        scale = np.abs(state).max() / np.abs(own).max()
        np.testing.assert_allclose(own * scale, state, rtol=1e-3, atol=1e-5)
    alone = gates(prior_pipe, X, 143, network="prior")
    np.testing.assert_array_equal(alone, frame.loc[[X.index[143]]])


def test_the_prior_is_drawn(prior_pipe, X):
    """A display has its gates, and says how much the prior counts."""
    display = GateDisplay.from_estimator(prior_pipe, X, network="prior")
    expected = gates(prior_pipe, X, network="prior")
    pd.testing.assert_frame_equal(display.gates, expected)
    assert display.axes_[1, 0].images[0].get_array().shape == (96, 6)
    words = f"predictions take {100 * prior_pipe[-1].prior_weight_:.3g} %"
    assert display.figure_.get_suptitle().startswith(words)
    check_picture(display.figure_)


@pytest.mark.parametrize(
    ("function", "name"), [(gates, "gates"), (GateDisplay.from_estimator, "Gate")]
)
def test_a_network_that_is_not_there(function, name, airline_pipe, airline):
    """Without a part of the prior, or of another name."""
    with pytest.raises(ValueError, match=rf"{name}.* prior_weight_ above 0\. Got 0;"):
        function(airline_pipe, airline, network="prior")
    with pytest.raises(ValueError, match=rf"'network' .* {name}.* Got 'lstm'"):
        function(airline_pipe, airline, network="lstm")


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


def test_the_network_weight_is_said(airline, set_trust):
    """The title says what predictions take of the network; without it, nothing."""
    X = airline[["passengers"]]
    lstm = LSTMRegressor(2, epochs=3, random_state=0)
    pipe = make_pipeline(SlidingWindow(4), lstm).fit(X, X["passengers"])
    for weight in (0.0, 0.375, 1.0):
        set_trust(lstm, weight)
        display = GateDisplay.from_estimator(pipe, X, rows=[-1, -2])
        words = display.figure_.get_suptitle()
        assert words == f"predictions take {100 * weight:g} % of this network"
        check_picture(display.figure_)
    assert not GateDisplay(gates(pipe, X)).plot().figure_.get_suptitle()


def test_axes_of_ones_own_are_as_many_as_the_panels(deep_pipe, airline):
    """An array of axes is drawn in; one alone cannot hold the panels."""
    figure, axes = plt.subplots(8, 2, figsize=(9, 12), layout="constrained")
    display = GateDisplay.from_estimator(
        deep_pipe, airline[["passengers"]], rows=[-1, -2], ax=axes
    )
    assert display.figure_ is figure and (display.axes_ == axes).all()
    check_picture(figure)
    for ax in (axes[0, 0], axes[:3], "ax"):
        with pytest.raises(ValueError, match=r"'ax' parameter of GateDisplay .* 8 x 2"):
            GateDisplay(display.gates, display.values).plot(ax)


def test_matplotlib_is_asked_for(airline_pipe, airline, monkeypatch):
    """Without it, one sentence names the extra."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for display in (GateDisplay, ContributionDisplay):
        with pytest.raises(ImportError, match=r"matplotlib.*sklstm\[plot\]"):
            display.from_estimator(airline_pipe, airline)


def test_what_cannot_be_drawn_is_refused(airline_pipe, airline):
    """Other frames than of ``gates``, and more than twelve rows."""
    frame = gates(airline_pipe, airline, range(20, 33))
    with pytest.raises(ValueError, match=r"at most 12 rows\. Got 13; .*rows="):
        GateDisplay(frame).plot()
    frame = contributions(airline_pipe, airline)
    for other, came in [(frame, "DataFrame"), (airline_pipe, "Pipeline")]:
        with pytest.raises(ValueError, match=rf"step, unit\)\. Got {came}"):
            GateDisplay(other).plot()
