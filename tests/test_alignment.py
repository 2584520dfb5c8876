"""Habits: a target that is not the column that it is named after is recognised."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sklstm import SlidingWindow
from sklstm.windows._alignment import agree, habit_of, is_other_unit


@pytest.fixture(scope="module")
def X():
    values = 50 + np.random.default_rng(0).normal(size=60).cumsum()
    index = pd.date_range("2024-01-01", periods=60, freq="D")
    return pd.DataFrame({"load": values, "day": np.arange(60) % 7.0}, index=index)


HABITS = {
    "shifted": (lambda y: y.shift(-1), "that column 1 row"),
    "shifted by the horizon": (lambda y: y.shift(-3), r"that column 3 row\(s\) later"),
    "shifted further": (lambda y: y.shift(-12), r"that column 12 row\(s\) later"),
    "shifted into its window": (lambda y: y.shift(1), r"that column 1 row\(s\) before"),
    "a logarithm": (np.log, "the logarithm of that column"),
    "another logarithm": (np.log1p, "the logarithm of that column"),
    "differences": (
        lambda y: y.diff(),
        "the change of that column since the row before",
    ),
    "seasonal differences": (lambda y: y.diff(7), "the change of .* 7 rows before"),
    "a decimal logarithm": (np.log10, "the logarithm of that column"),
    "returns": (lambda y: y.pct_change(), "the relative change of that column"),
    "log returns": (lambda y: np.log(y).diff(), "the relative change of that column"),
}


@pytest.mark.parametrize("case", HABITS)
def test_habits_are_recognised_and_told(case, X):
    """What was done by hand is named, by the function and by SlidingWindow."""
    make, words = HABITS[case]
    y = make(X["load"])
    with pytest.warns(UserWarning, match=rf"y is named 'load' and is {words}"):
        SlidingWindow(4, horizon=3).fit(X, y)
    with pytest.warns(UserWarning, match=words):
        SlidingWindow(4, horizon=3).fit(X, pd.DataFrame({"day": X["day"], "load": y}))


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y,
        lambda y: 3 * y + 2,  # its unit
        lambda y: y.fillna(0).where(y > y.quantile(0.05), 0),  # few values filled
        lambda y: y * 0,
        lambda y: y.rolling(3).mean(),
        lambda y: y.rename("other").shift(-1),
        lambda y: np.log(y).to_numpy(),  # without a name
    ],
)
def test_what_is_fine_or_unknown_is_not_told(make, X):
    """The series itself, other units and names, and other maps give no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SlidingWindow(4).fit(X, make(X["load"]))


def test_a_window_that_ends_on_its_row_takes_any_target(X):
    """With horizon 0 the next value is a target as good as any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SlidingWindow(4, horizon=0).fit(X[:-1], X["load"].shift(-1)[:-1])


@pytest.mark.parametrize("params", [{"known": ["day", "load"]}, {"horizon": 0}])
def test_a_target_inside_its_own_window_is_told(params, X):
    """A known target, or a horizon of 0, leaves nothing to predict."""
    with pytest.warns(UserWarning, match="shows its own target, column 'load'"):
        SlidingWindow(4, **params).fit(X, X["load"])


def test_habits_in_a_panel_are_told_in_any_order_of_rows(X):
    """Rows are compared series by series, in time order."""
    long = pd.concat([X.assign(g=g, t=X.index) for g in "abc"], ignore_index=True)
    long["load"] += long.index / 7
    long["target"] = long.groupby("g")["load"].shift(-1)
    long = long.dropna().sample(frac=1, random_state=0)
    y = long.pop("target").rename("load")
    with pytest.warns(UserWarning, match="that column 1 row"):
        SlidingWindow(4, groups="g", time="t").fit(long, y)


def test_few_or_constant_rows_say_nothing():
    """Too few rows, or values that do not vary, are no evidence."""
    column = np.arange(6.0)
    assert habit_of(column + 1, column) is None
    assert habit_of(np.ones(40), np.ones(40)) is None
    assert habit_of(np.arange(40.0) + 1, np.arange(40.0)) is not None


def test_columns_that_hardly_change_say_nothing():
    """Mostly constant columns agree by chance, wherever they are moved."""
    column = np.zeros(200)
    column[[20, 90, 150]] = 1.0
    assert habit_of(np.roll(column, -1), column) is None
    assert not agree(column, column)


@pytest.mark.parametrize("done", [lambda y: y / 100, lambda y: -y, lambda y: 2 * y + 3])
def test_predictions_in_another_unit_are_recognised(done, X):
    """Scaled predictions with a little noise are told from the column."""
    column = X["load"].to_numpy()
    noise = 0.01 * column.std() * np.random.default_rng(1).normal(size=60)
    assert is_other_unit(done(column + noise), column)
    standardised = (column + noise - column.mean()) / column.std()
    assert is_other_unit(standardised, column)


def test_bad_predictions_are_not_taken_for_another_unit(X):
    """Late, flat, noisy and damped predictions, and those of few rows, are not told."""
    column = X["load"].to_numpy()
    noise = np.random.default_rng(1).normal(size=60)
    for bad in (
        column,
        np.full(60, 40.0),
        np.roll(column, 10),
        column.mean() + noise,
        column.mean() + 0.3 * (column - column.mean()),
        column + 2 * column.std() + noise,
        np.full(60, np.nan),
    ):
        assert not is_other_unit(bad, column)
    assert not is_other_unit(column[:7] / 100, column[:7])
    assert not is_other_unit(np.arange(300.0) - 60, np.arange(300.0))
