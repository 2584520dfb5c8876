"""Folds and rows in order: backtests of panels are those of loops over groups."""

import numpy as np
import pandas as pd
import pytest
from by_hand import DAYS, KEYS, flat_ridge, ridge_by_hand, series, stores, tiny_lstm
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import TimeSeriesSplit

from sklstm import (
    PanelTimeSeriesSplit,
    SlidingWindow,
    backtest,
    forecast,
    mean_absolute_scaled_error,
    update,
)
from sklstm.forecasting._intervals import conformal_distances

CV = PanelTimeSeriesSplit(2, time="day", test_size=6)

# The loops forecast stores from their first rows on, and after holes.
pytestmark = pytest.mark.filterwarnings("ignore:.* made from incomplete windows")


def folds(X, cv=CV):
    """Yield the training rows and the days of the test rows of each fold."""
    for train, test in cv.split(X):
        rows = X.iloc[train].sort_values(["store", "day"])
        yield rows, X["day"].iloc[test].min(), X["day"].iloc[test].max()


# -- forecasts of panels -----------------------------------------------------------


def test_times_in_the_index_and_groups_of_several_columns():
    """Groups are tuples then, in the index of the summary too."""
    X = stores().drop(columns="price")
    X["town"] = np.where(X["store"] < "c", 1, 2)
    X = X.set_index("day")[["town", "store", "load"]]
    pipe = flat_ridge(3, **KEYS).set_params(
        slidingwindow__groups=["town", "store"], slidingwindow__time=None
    )
    result = backtest(pipe, X, X["load"], cv=PanelTimeSeriesSplit(2, test_size=6))
    whole = stores().drop(columns="price")
    expected = backtest(flat_ridge(3, **KEYS), whole, whole["load"], cv=CV)
    stores_of = [store for _, store in result.predictions["group"]]
    assert stores_of == expected.predictions["group"].tolist()
    np.testing.assert_allclose(
        result.predictions["y_pred"], expected.predictions["y_pred"]
    )
    summary = result.summary(by="group")
    assert ((2, "c"), "naive") in summary.index
    np.testing.assert_allclose(summary, expected.summary(by="group"), rtol=1e-6)


def test_one_series_with_its_time_in_a_column_has_no_groups():
    """``time`` alone reads one series, as the same series with an index is read."""
    X = stores({"a": range(40)})[["day", "load"]]
    pipe = flat_ridge(3, **KEYS).set_params(slidingwindow__groups=None)
    result = backtest(pipe, X, X["load"], cv=CV, steps=2)
    assert result.groups is None
    alone = X.set_index("day").sort_index()
    pipe = flat_ridge(3, **KEYS).set_params(
        slidingwindow__groups=None, slidingwindow__time=None
    )
    cv = TimeSeriesSplit(2, test_size=6)
    expected = backtest(pipe, alone, alone["load"], cv=cv, steps=2)
    pd.testing.assert_frame_equal(
        result.predictions, expected.predictions, check_freq=False
    )


@pytest.mark.parametrize(
    ("refit", "steps", "kind"),
    [
        *((refit, 1, pd.Series) for refit in (True, False, "update")),
        *((refit, 2, kind) for refit, kind in ((True, list), ("update", np.asarray))),
    ],
)
def test_weights_go_with_their_rows(refit, steps, kind):
    """Rows come in any order; each fold learns from its own with their weights."""
    X = stores().drop(columns="price")
    weights = pd.Series(np.linspace(0, 2, len(X)).round(1), X.index)
    estimator = tiny_lstm(3, steps=steps, **KEYS)
    own = {"lstmregressor__sample_weight": kind(weights)}
    kwargs = {"cv": CV, "steps": steps, "refit": refit}
    result = backtest(estimator, X, X["load"], params=own, **kwargs)
    model = None
    for fold, (train, _, _) in enumerate(folds(X)):
        own = {"lstmregressor__sample_weight": weights[train.index].to_numpy()}
        if model is None or refit is True:
            model = clone(estimator).fit(train, train["load"], **own)
        elif refit == "update":
            update(model, train, train["load"], **own)
        parts = result.predictions[result.predictions["fold"] == fold]
        for (store, origin), part in parts.groupby(["group", "origin"]):
            rows = X[(X["store"] == store) & (X["day"] <= origin)]
            expected = forecast(model, rows, steps)["load"]
            np.testing.assert_allclose(part["y_pred"], expected, rtol=1e-6)


# -- baselines and errors of panels ------------------------------------------------


def test_baselines_are_those_of_a_loop_over_groups():
    """Naive and seasonal naive of each store; one RidgeCV on the lags of all."""
    X = stores(dict(list(DAYS.items())[:4])).drop(columns="price")
    result = backtest(
        tiny_lstm(4, steps=2, **KEYS), X, X["load"], cv=CV, steps=2, season=3
    )
    table = result.predictions.assign(**result.baselines)
    for fold, (train, _, _) in enumerate(folds(X)):
        lags, targets = [], []
        for _, own in train.groupby("store"):
            y = own.set_index("day")["load"].asfreq("D")
            filled, y = y.ffill().to_numpy(), y.to_numpy()
            for row in range(4, len(y) - 1):
                if np.isfinite(y[row : row + 2]).all():
                    lags.append(filled[row - 4 : row])
                    targets.append(y[row : row + 2])
        predict = ridge_by_hand(lags, targets)
        parts = table[table["fold"] == fold]
        for (store, origin), part in parts.groupby(["group", "origin"]):
            y = X[X["store"] == store].set_index("day")["load"].asfreq("D")
            assert part["naive"].tolist() == [y[origin]] * 2
            for step in (1, 2):
                value = y.get(origin + pd.Timedelta(days=step - 3), np.nan)
                value = y[origin] if np.isnan(value) else value
                assert part["seasonal naive"].iloc[step - 1] == value
            expected = predict(y.ffill()[:origin][-4:])
            np.testing.assert_allclose(part["ridge"], expected, rtol=1e-4)


def test_scaled_errors_have_the_scale_of_their_group():
    """The unit of MASE is a store's own; rows of stores without one are left out."""
    X = stores(dict(list(DAYS.items())[:3])).drop(columns="price")
    X.loc[X["store"] == "b", "load"] = 7.0
    result = backtest(flat_ridge(3, **KEYS), X, X["load"], cv=CV, season=2)
    table = result.predictions
    scaled, sizes = [], []
    for fold, (train, _, _) in enumerate(folds(X)):
        for store in ("a", "c"):
            rows = table[(table["fold"] == fold) & (table["group"] == store)]
            own = train[train["store"] == store].sort_values("day")["load"]
            scaled.append(
                mean_absolute_scaled_error(
                    rows["y_true"], rows["y_pred"], y_train=own, season=2
                )
            )
            sizes.append(len(rows))
    expected = np.average(scaled, weights=sizes)
    assert result.summary().loc["model", "MASE"] == pytest.approx(expected)
    by_group = result.summary(by="group")
    assert np.isnan(by_group.loc[("b", "model"), "MASE"])
    assert by_group.loc[("a", "naive"), "MAE"] > 0
    first = f"BacktestResult of {len(result.origins)} origins, 1 step(s), 2 fold(s), "
    assert repr(result).startswith(f"{first}3 group(s)\n")


# -- intervals of panels -----------------------------------------------------------


@pytest.fixture(scope="module")
def many_days():
    """Return two stores, one a hundred times as wild, and a pipeline's backtest."""
    X = stores({"calm": range(60), "wild": range(60)}).drop(columns="price")
    wild = X["store"] == "wild"
    X.loc[wild, "load"] = 2000 + 100 * (
        X.loc[wild, "load"] - X.loc[wild, "load"].mean()
    )
    pipe = flat_ridge(3, **KEYS).fit(X, X["load"])
    cv = PanelTimeSeriesSplit(2, time="day", test_size=15)
    return X, pipe, backtest(pipe, X, X["load"], cv=cv, steps=3)


def test_intervals_of_a_group_are_made_from_its_own_residuals(many_days):
    """Each as from the residuals of its store alone that were known by then."""
    _, _, result = many_days
    with pytest.raises(ValueError, match=r"residuals of each step and group, known"):
        result.intervals(0.98)
    made = result.intervals(0.8)
    residuals = pd.DataFrame(result.residuals).assign(group=result.groups)
    for store, own in made.groupby("group"):
        table = residuals[residuals["group"] == store].drop(columns="group").to_numpy()
        newest = own[own["origin"] == own["origin"].max()]
        for step in (1, 2, 3):
            # The truth of step h of the origin h rows before is known.
            known = table[: len(table) - step, step - 1 : step]
            row = newest[newest["step"] == step].iloc[0]
            distance = conformal_distances(np.abs(known), 0.8)[0]
            assert row["y_upper"] - row["y_pred"] == pytest.approx(distance)
    widths = (made["y_upper"] - made["y_lower"]).groupby(made["group"]).mean()
    assert widths["wild"] > 5 * widths["calm"]
    assert 0.7 < result.calibration([0.8])["measured"].item() < 0.95


def test_a_forecast_of_a_panel_has_an_interval_for_each_group(many_days):
    """Point, lower and upper column of the long frame, by each group's residuals."""
    X, pipe, result = many_days
    made = forecast(pipe, X, 3, coverage=0.8, residuals=result)
    assert list(made) == ["store", "day", "load", "load_lower", "load_upper"]
    pd.testing.assert_frame_equal(made[["store", "day", "load"]], forecast(pipe, X, 3))
    for store, own in made.groupby("store"):
        sizes = np.abs(result.residuals[result.groups == store])
        distances = conformal_distances(sizes, 0.8)
        np.testing.assert_allclose(own["load_upper"] - own["load"], distances)
        np.testing.assert_allclose(own["load"] - own["load_lower"], distances)
    alone = forecast(pipe, X[X["store"] == "wild"], 2, coverage=0.8, residuals=result)
    ours = made[made["store"] == "wild"].iloc[:2].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, ours)


# -- holes -------------------------------------------------------------------------


def test_origins_before_a_hole_are_left_out():
    """Steps are labels: no forecast is scored against a row after a hole."""
    X = series()
    X = X.drop(X.index[[50, 51]])
    cv = [(np.arange(40), np.arange(40, 58))]
    result = backtest(flat_ridge(), X, X["load"], cv=cv, steps=2, season=4)
    table = result.predictions
    hours = (table.index - table["origin"]) / pd.Timedelta(hours=1)
    assert (hours == table["step"]).all()
    # Rows 48 and 49 come before the hole of two rows; 56 and 57 are the last.
    assert result.origins.tolist() == [*range(39, 48), *range(50, 56)]
    assert repr(result).startswith(
        "BacktestResult of 15 origins, 2 step(s), 1 fold(s)\n"
    )
    # Four hours before the first step lies the hole: naive instead of seasonal naive.
    origin = pd.Timestamp("2024-01-03 06:00")
    steps = result.baselines[(table["origin"] == origin).to_numpy()]
    expected = [X["load"][origin], X["load"][origin - pd.Timedelta(hours=2)]]
    assert steps["seasonal naive"].tolist() == expected


# -- what is refused ---------------------------------------------------------------
PANEL = flat_ridge(3, **KEYS)
TWO_WINDOWS = TransformedTargetRegressor(PANEL, transformer=SlidingWindow(3))
REFUSED = {
    "folds of rows": (
        PANEL,
        lambda X: X.sort_values(["store", "day"]),
        TimeSeriesSplit(3),
        r"use PanelTimeSeriesSplit\(time='day'\)",
    ),
    "folds of an index": (
        PANEL,
        lambda X: X.reset_index(drop=True),
        PanelTimeSeriesSplit(3),
        "name the column of stamps in time=",
    ),
    "no column": (PANEL, lambda X: X.drop(columns="store"), CV, "needs the columns"),
    "twice": (PANEL, lambda X: pd.concat([X, X[:1]]), CV, "one row per group and time"),
    "array": (PANEL, lambda X: X.to_numpy(), CV, "backtest needs X as a DataFrame"),
    "two windows": (TWO_WINDOWS, lambda X: X, CV, "the same 'groups' and 'time'"),
}


@pytest.mark.parametrize(
    ("estimator", "change", "cv", "words"), REFUSED.values(), ids=REFUSED
)
def test_what_groups_and_times_need_is_checked_first(estimator, change, cv, words):
    """Folds cut all groups at one time, and rows have both, of one pair of names."""
    X = change(stores().drop(columns="price"))
    with pytest.raises(ValueError, match=words):
        backtest(estimator, X, np.zeros(len(X)), cv=cv)
