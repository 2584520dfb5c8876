"""gates and contributions: labelled, exact, and those of what ``predict`` says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline

from sklstm import (
    KerasRegressor,
    LSTMRegressor,
    SlidingWindow,
    contributions,
    gates,
    load_airline_passengers,
)
from sklstm.network._backend import backend
from sklstm.views._inspection import window_values

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


@pytest.fixture(scope="module")
def plain(X):
    pipe = make_pipeline(
        SlidingWindow(WINDOW, known="month"), LSTMRegressor(2, epochs=2, random_state=0)
    )
    return pipe.fit(X, X["passengers"])


# -- gates --------------------------------------------------------------------------


def test_predictions_follow_from_the_gates(pipe, X):
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
    values = lstm._scaling.values(hidden @ kernel + bias, windows)
    middle = list(lstm.quantiles or [0.5]).index(0.5)
    expected = pipe.predict(X)[rows]
    # Gates are followed in float64, predictions made in float32.
    np.testing.assert_allclose(values[:, middle], expected, rtol=1e-6)


@pytest.mark.parametrize("trust", [0.0, 0.375])
def test_hidden_states_become_predictions_as_is_said(X, set_trust, trust):
    """Output layer, remainder, trust, highway, then scale, mean and level."""
    lstm = LSTMRegressor(2, epochs=5, learning_rate=0.02, random_state=0)
    pipe = make_pipeline(SlidingWindow(WINDOW), lstm)
    pipe.fit(X[["passengers"]], X["passengers"])
    set_trust(lstm, trust)
    rows = [40, -1]
    frame = gates(pipe, X[["passengers"]], rows)["hidden"]
    hidden = frame.xs(-1, level="step").unstack("unit").to_numpy()
    kernel, bias = lstm.weights_[-2:]
    windows = pipe[0].transform(X[["passengers"]])[rows]
    scaling, highway = lstm._scaling, lstm._scaling.highway
    scaled = (windows - windows[:, -1:]) / scaling.input_scale
    linear = scaled[:, :, 0].astype(float) @ highway.kernel + highway.bias
    output = (hidden @ kernel + bias) * scaling.remainder_scale * lstm.network_weight_
    values = (output + linear) * scaling.target_scale + scaling.target_mean
    values += windows[:, -1]
    expected = pipe.predict(X[["passengers"]])[rows]
    np.testing.assert_allclose(values[:, 0], expected, rtol=1e-9)
    # The output layer says something, trusted or not.
    assert np.abs(hidden @ kernel + bias).min() > 1e-6


def test_cells_follow_from_the_gates(pipe, X):
    """Cells are f * c + i * g and hidden states o * activation(c), step by step."""
    frame = gates(pipe, X, [2, -1]).dropna()
    for (_, _, direction, _), part in frame.groupby(
        ["row", "layer", "direction", "unit"]
    ):
        part = part[::-1] if direction == "backward" else part
        before = part["cell"].shift(fill_value=0.0)
        cell = part["forget"] * before + part["input"] * part["candidate"]
        np.testing.assert_allclose(part["cell"], cell, atol=1e-6)
        shown = np.tanh(cell)
        if pipe[-1].activation == "relu":
            shown = np.maximum(cell, 0)
        np.testing.assert_allclose(part["hidden"], part["output"] * shown, atol=1e-6)


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


def test_gates_stay_within_their_bounds(pipe, X):
    """Sigmoid gates are in [0, 1]."""
    frame = gates(pipe, X, slice(-20, None))[["input", "forget", "output"]]
    assert ((frame >= 0) & (frame <= 1)).all(axis=None)


# -- steps of what is known beforehand ----------------------------------------------


def as_windows(frame, *, known=()):
    """Return each channel at the steps of its own window, where horizon is 1."""
    steps = frame.index.get_level_values("step")
    columns = [
        frame[name][steps > steps.min() if name in known else steps < 0]
        for name in frame
    ]
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module", params=[(4, 1), (4, 3), (2, 4), (3, 0)])
def planned(request, set_trust):
    """Return a pipeline of sales that a promotion raises by 5, days, and its horizon.

    The promotion of the days returned is of one day, the 50th.
    """
    window, horizon = request.param
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=120)
    X = pd.DataFrame({"sales": np.arange(120.0), "promo": rng.integers(0, 2, 120)})
    X = X.set_index(days).astype(float)
    windows = SlidingWindow(window, horizon=horizon, known="promo")
    pipe = make_pipeline(windows, LSTMRegressor(2, epochs=1, random_state=0))
    pipe.fit(X, 5 * X["promo"])
    # The highway alone, which is exact here.
    set_trust(pipe[-1], 0.0)
    return pipe, X.assign(promo=np.where(days == days[50], 1.0, 0.0)), horizon


def test_values_stand_at_the_step_of_their_day(planned):
    """The predicted day is step 0: a value is that of the day so many steps away."""
    pipe, X, horizon = planned
    window = pipe[0].window
    lagged = range(1 - window - horizon, 1 - horizon)
    known = range(1 - window, 1)
    rows = range(window + horizon, 120)
    frame = window_values(pipe, X, rows)
    assert list(frame.index.unique("step")) == sorted({*lagged, *known})
    for day, part in frame.groupby("row"):
        for step, sales, promo in part.droplevel("row").itertuples():
            at = X.loc[day + pd.Timedelta(step, "D")]
            expected = (
                at["sales"] if step in lagged else np.nan,
                at["promo"] if step in known else np.nan,
            )
            np.testing.assert_array_equal((sales, promo), expected)
    days = frame.index.get_level_values("row")
    days += pd.to_timedelta(frame.index.get_level_values("step"), "D")
    assert set(days[frame["promo"] == 1]) == {X.index[50]}


def test_what_is_known_contributes_on_its_day(planned):
    """The promotion of a day says what it says of that day, at step 0, nowhere else."""
    pipe, X, horizon = planned
    window = pipe[0].window
    frame = contributions(pipe, X, range(45, 60))["promo"].dropna()
    # Less the mean of the window, from which contributions are counted.
    for day, part in frame.droplevel("row").groupby(frame.index.get_level_values(0)):
        is_near = X.index[50] <= day < X.index[50] + pd.Timedelta(window, "D")
        expected = 5 * (X.loc[day, "promo"] - is_near / window)
        np.testing.assert_allclose(part.loc[0], expected, atol=0.02)
        np.testing.assert_allclose(part.drop(0), 0.0, atol=0.02)
    steps = gates(pipe, X).index.unique("step")
    assert steps.to_list() == list(range(1 - window - horizon, 1 - horizon))


def test_all_that_is_known_ends_at_the_row(X):
    """Where every column is known, so is every step up to the row itself."""
    pipe = make_pipeline(
        SlidingWindow(3, horizon=2, known=["month", "passengers"]),
        LSTMRegressor(1, epochs=1, random_state=0),
    ).fit(X, X["passengers"].to_numpy())
    for function in (gates, contributions, window_values):
        frame = function(pipe, X)
        assert frame.index.unique("step").to_list() == [-2, -1, 0]
        assert not frame.isna().any(axis=None)


# -- contributions ------------------------------------------------------------------


def flat(windows):
    """Return windows that hold their channel's mean, in a loop."""
    flat = windows.copy()
    for row in flat:
        for channel in range(row.shape[1]):
            is_true = ~np.isnan(row[:, channel])
            if is_true.any():
                row[is_true, channel] = row[is_true, channel].mean()
    return flat


def test_contributions_add_up_to_the_prediction(pipe, X):
    """Their sum is the prediction less that of the flat window."""
    rows = [1, 2, 5, 30, 77, -1]
    windows = np.ascontiguousarray(pipe[0].transform(X)[rows])
    lstm = pipe[-1]
    expected = lstm.predict(windows) - lstm.predict(flat(windows))
    found = contributions(pipe, X, rows).groupby("row").sum().sum(axis=1)
    assert np.abs(expected).max() > 0.02
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_what_is_linear_contributes_its_slope(X, set_trust):
    """Without a network's part, slope times distance from the mean, value by value."""
    pipe = make_pipeline(
        SlidingWindow(WINDOW, known="month"), LSTMRegressor(2, epochs=1, random_state=0)
    ).fit(X, X["passengers"])
    lstm = pipe[-1]
    set_trust(lstm, 0.0)
    windows = pipe[0].transform(X)[[50]].astype(np.float64)
    found = as_windows(contributions(pipe, X, 50), known=["month"])
    for step in range(WINDOW):
        for channel in range(2):
            moved = windows.copy()
            moved[0, step, channel] = windows[0, :, channel].mean()
            change = lstm.predict(windows)[0] - lstm.predict(moved)[0]
            np.testing.assert_allclose(found[step, channel], change, atol=1e-5)


def test_contributions_are_labelled_and_missing_where_the_window_is(plain, X):
    """Rows, steps and channels have names; missing steps contribute nothing known."""
    frame = contributions(plain, X, ["1949-03", -1])
    assert frame.columns.to_list() == ["passengers", "month"]
    assert frame.index.names == ["row", "step"]
    assert list(frame.index.unique("step")) == [-6, -5, -4, -3, -2, -1, 0]
    first = frame.xs(pd.Timestamp("1949-03-01"), level="row").isna()
    # Both lack four steps; the month, which is known, ends a step later.
    assert first["passengers"].tolist() == [True] * 4 + [False] * 2 + [True]
    assert first["month"].tolist() == [True] * 5 + [False] * 2


def test_each_output_has_its_contributions():
    """``output`` picks the column of ``predict_steps``."""
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(80, 3, 1)).astype(np.float32)
    targets = windows[:, [0, 2], 0] * [1.0, -5.0]
    lstm = LSTMRegressor(2, epochs=1, random_state=0).fit(windows, targets)
    for output, step in enumerate([-3, -1]):
        found = contributions(lstm, windows, slice(None), output=output)
        sizes = found["x0"].abs().groupby("step").mean()
        assert sizes.idxmax() == step


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_a_flat_window_has_no_contributions(plain, seed, n_missing):
    """Where every channel stays at its mean there is nothing to tell apart."""
    rng = np.random.default_rng(seed)
    window = np.full((1, WINDOW, 2), rng.normal(size=2), dtype=np.float32)
    window[0, :n_missing] = np.nan
    found = contributions(plain[-1], window).to_numpy()
    np.testing.assert_allclose(found[n_missing:], 0.0, atol=1e-5)
    assert np.isnan(found[:n_missing]).all()


# -- what may be asked --------------------------------------------------------------


@pytest.mark.parametrize("function", [gates, contributions, window_values])
def test_any_estimator_that_ends_in_an_lstm(function, plain, X):
    """Pipelines, searches, frozen and nested ones give what the LSTM itself gives."""
    expected = function(plain, X)
    for same in (make_pipeline("passthrough", plain), FrozenEstimator(plain)):
        assert function(same, X).equals(expected)
    of_arrays = function(plain[-1], plain[0].transform(X)).to_numpy()
    values = expected.to_numpy()
    if function is not gates:
        values = as_windows(expected, known=["month"])
    np.testing.assert_array_equal(of_arrays, values)
    y = X["passengers"]
    search = GridSearchCV(plain, {"lstmregressor__units": [2]}, cv=TimeSeriesSplit(2))
    wrapped = TransformedTargetRegressor(plain, func=np.log, inverse_func=np.exp)
    for meta in (search, wrapped):
        found = function(meta.fit(X, y), X)
        assert found.index.equals(expected.index)
        assert np.isfinite(found).equals(np.isfinite(expected))


def test_lag_tables_name_their_channels(X):
    """A DataFrame of SlidingWindow's names needs no pipeline."""
    table = SlidingWindow(3, horizon=2, layout="flat").set_output(transform="pandas")
    frame = table.fit_transform(X)
    lstm = LSTMRegressor(1, epochs=1, random_state=0).fit(frame, X["passengers"])
    found = contributions(lstm, frame, "1960-01")
    assert found.columns.to_list() == ["passengers", "month"]
    assert list(found.index.unique("step")) == [-4, -3, -2]
    nameless = LSTMRegressor(1, epochs=1, random_state=0)
    nameless.fit(frame.to_numpy()[5:], X["passengers"][5:])
    found = contributions(nameless, frame.to_numpy()[5:], [3])
    assert found.columns.to_list() == ["x0"]
    assert list(found.index) == [(3, step) for step in range(-6, 0)]


@pytest.fixture(scope="module")
def panel():
    """Return a pipeline, and a shuffled panel with missing values, irregular days."""
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        np.cumsum(rng.integers(1, 4, size=40)), "D"
    )
    X = pd.concat(
        pd.DataFrame({"store": store, "day": days, "load": rng.normal(size=40) + 9})
        for store in ("b", "a")
    )
    X = X.sample(frac=1, random_state=0).reset_index(drop=True)
    y = X["load"].copy()
    X.loc[::7, "load"] = np.nan
    windows = SlidingWindow(4, groups="store", time="day", missing="mask", elapsed=True)
    pipe = make_pipeline(windows, LSTMRegressor(2, epochs=2, random_state=0))
    return pipe.fit(X, y), X


@pytest.mark.parametrize("function", [gates, contributions, window_values])
def test_rows_of_a_panel(function, panel):
    """Those of their windows, with the names of all channels, by position or label."""
    pipe, X = panel
    rows = [3, 70, 11]
    ours = function(pipe, X, rows)
    own = pipe[0].transform(X).rows(np.array(rows))
    expected = function(pipe[-1], own, slice(None)).to_numpy()
    values, newest = ours.to_numpy(), -1
    if function is not gates:
        assert list(ours) == ["load", "load_missing", "elapsed"]
        # The time of the predicted row is known.
        values, newest = as_windows(ours, known=["elapsed"]), 0
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert ours.index.unique("row").tolist() == rows
    assert ours.index.unique("step").tolist() == list(range(-4, newest + 1))
    named = X.set_index(X["store"] + X["day"].dt.strftime(" %d %m"))
    label = named.index[70]
    by_label = function(pipe, named, label)
    np.testing.assert_allclose(by_label, ours.xs(70, level="row"), rtol=1e-12)
    assert by_label.index.unique("row").tolist() == [label]


def test_rows_that_share_their_label_are_called_by_position(panel):
    """Times are not unique in a panel: one of them chooses the rows of all groups."""
    pipe, X = panel
    timed = X.set_index("day", drop=False)
    stamp = timed.index[5]
    ours = contributions(pipe, timed, rows=stamp)
    at = np.flatnonzero(timed.index == stamp)
    assert ours.index.unique("row").tolist() == at.tolist()
    np.testing.assert_allclose(ours, contributions(pipe, X, rows=at), rtol=1e-12)


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
def test_rows_are_positions_or_labels(plain, X, rows, positions):
    """Integers and slices count rows, anything else is looked up."""
    found = window_values(plain, X, rows)
    assert list(found.index.unique("row")) == list(X.index[positions])
    expected = plain[0].transform(X)[positions].reshape(-1, 2)
    np.testing.assert_array_equal(as_windows(found, known=["month"]), expected)


@pytest.mark.parametrize(
    "rows", [144, -145, "1999-01", [0, "x"], [], "1960-13", None, True]
)
def test_rows_that_are_not_there(plain, X, rows):
    """A row that is not there is named, before anything is computed."""
    with pytest.raises(ValueError, match="'rows' parameter of gates must"):
        gates(plain, X, rows)


def test_labels_need_an_index(plain, X):
    """Arrays have positions alone."""
    windows = plain[0].transform(X)
    with pytest.raises(ValueError, match=r"Got '1960-01' for 144 rows"):
        contributions(plain[-1], windows, "1960-01")


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


def test_networks_of_ones_own_are_refused():
    """A Keras network has no gates that could be told."""
    keras = backend("keras")

    def build(meta):
        return keras.Sequential(
            [
                keras.Input(meta["X_shape_"][1:]),
                keras.layers.Flatten(),
                keras.layers.Dense(meta["n_outputs_"]),
            ]
        )

    X = np.random.default_rng(0).normal(size=(30, 3, 1))
    own = KerasRegressor(build, epochs=1, random_state=0).fit(X, X[:, 0, 0])
    for function in (gates, contributions):
        with pytest.raises(ValueError, match=r"LSTM of LSTMRegressor. Got a KerasReg"):
            function(own, X)


@pytest.mark.parametrize("output", [1, -1, 0.0, True])
def test_outputs_that_are_not_there(plain, X, output):
    """``output`` is a column of ``predict_steps``."""
    with pytest.raises(ValueError, match=r"must be a column of predict_steps, 0 to 0"):
        contributions(plain, X, output=output)


def test_patches_and_ensembles_are_seen_through():
    """Contributions add up, and gates go by the newest step of each patch."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 7, 2)).cumsum(axis=1)
    y = X[:, 2, 0] * np.sin(X[:, -1, 1])
    lstm = LSTMRegressor(
        3, patch=2, n_models=2, epochs=3, learning_rate=0.05, random_state=0
    ).fit(X, y)
    frame = gates(lstm, X, rows=[5])
    assert sorted(set(frame.index.get_level_values("step"))) == [-5, -3, -1]
    X32 = X.astype(np.float32)
    flat = np.repeat(X32.mean(axis=1, keepdims=True), 7, axis=1)
    added = contributions(lstm, X, rows=slice(None)).groupby("row").sum().sum(axis=1)
    np.testing.assert_allclose(added, lstm.predict(X32) - lstm.predict(flat), atol=2e-4)


@pytest.mark.parametrize("owner", [gates, contributions])
def test_a_mask_is_told_to_become_positions(owner, airline_pipe, airline):
    """Truth values choose no rows; the error says what turns them into positions."""
    mask = (airline["month"] == 12).to_numpy()
    for rows in (mask, list(mask), airline["month"] == 12, [True, False], True):
        with pytest.raises(ValueError, match=r"Got truth values; .*np\.flatnonzero"):
            owner(airline_pipe, airline, rows)
    found = owner(airline_pipe, airline, np.flatnonzero(mask))
    assert list(found.index.unique("row")) == list(airline.index[mask])
