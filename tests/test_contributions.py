"""contributions and ContributionDisplay: exact, labelled, drawn as they are."""

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
    load_airline_passengers,
)

WINDOW = 6


NETWORKS = {
    "stacked both ways": {"units": (4, 3), "bidirectional": True},
    "relu without highway": {"activation": "relu", "highway": False, "units": 3},
    "in its unit": {"scaling": None, "units": 3},
    "logarithms": {"scaling": "log", "units": 3},
    "median of quantiles": {"quantiles": (0.2, 0.5, 0.9), "learning_rate": 0.001},
    "patches of an ensemble": {"patch": 2, "n_models": 2},
}


@pytest.fixture(scope="module")
def X():
    X = load_airline_passengers() / 100
    return X.assign(month=X.index.month)


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


def flat(windows):
    """Return windows that hold their channel's mean, in a loop."""
    flat = windows.copy()
    for row in flat:
        for channel in range(row.shape[1]):
            is_true = ~np.isnan(row[:, channel])
            if is_true.any():
                row[is_true, channel] = row[is_true, channel].mean()
    return flat


@pytest.mark.parametrize("name", NETWORKS)
def test_contributions_add_up_to_the_prediction(name, X):
    """Their sum is the prediction less that of the flat window, for every network."""
    options = {"units": 2, "epochs": 15, "learning_rate": 0.02, "random_state": 0}
    lstm = LSTMRegressor(**options | NETWORKS[name])
    pipe = make_pipeline(SlidingWindow(WINDOW), lstm)
    pipe.fit(X[["passengers"]], X["passengers"])
    rows = [10, 30, 77, -1]
    windows = np.ascontiguousarray(pipe[0].transform(X[["passengers"]])[rows])
    expected = lstm.predict(windows) - lstm.predict(flat(windows))
    found = contributions(pipe, X[["passengers"]], rows).groupby("row").sum()
    assert np.abs(expected).max() > 0.02
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=2e-3)


def test_each_output_has_its_contributions():
    """``output`` picks the column of ``predict_steps``; another one is refused."""
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(80, 3, 1)).astype(np.float32)
    targets = windows[:, [0, 2], 0] * [1.0, -5.0]
    lstm = LSTMRegressor(2, epochs=1, random_state=0).fit(windows, targets)
    for output, step in enumerate([-3, -1]):
        display = ContributionDisplay.from_estimator(
            lstm, windows, slice(None), output=output
        )
        found = contributions(lstm, windows, slice(None), output=output)
        sizes = found["x0"].abs().groupby("step").mean()
        assert sizes.idxmax() == step
        np.testing.assert_allclose(heights_of(display.ax_)[sizes.index], sizes)
        assert f"to output {output}," in display.ax_.get_title(loc="right")
    for wrong in (2, -1, 0.0, True):
        with pytest.raises(ValueError, match=f"'output'.* 0 to 1. Got {wrong!r}"):
            contributions(lstm, windows, output=wrong)
    with pytest.raises(ValueError, match=r"index \(row, step\)\. Got DataFrame"):
        ContributionDisplay(gates(lstm, windows)).plot()


def test_rows_that_share_their_label_are_called_by_position():
    """Times are not unique in a panel: one of them chooses the rows of all groups."""
    days = pd.date_range("2024-01-01", periods=20)
    parts = [pd.DataFrame({"store": s, "day": days}) for s in ("b", "a")]
    X = pd.concat(parts).sample(frac=1, random_state=0)
    X["load"] = np.random.default_rng(0).normal(size=40) + 9
    X = X.set_index("day", drop=False).rename_axis("when")
    windows = SlidingWindow(4, groups="store", time="day")
    pipe = make_pipeline(windows, LSTMRegressor(2, epochs=2, random_state=0))
    pipe.fit(X, X["load"])
    ours = contributions(pipe, X, rows=days[9])
    at = np.flatnonzero(X.index == days[9])
    assert len(at) == 2 and ours.index.unique("row").tolist() == at.tolist()
    own = pipe[0].transform(X).rows(at)
    expected = contributions(pipe[-1], own, slice(None))
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


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
