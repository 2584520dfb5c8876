"""PanelTimeSeriesSplit: scikit-learn's TimeSeriesSplit over distinct stamps.

The references are TimeSeriesSplit itself and a loop over stamps.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from sklstm import PanelTimeSeriesSplit


@st.composite
def settings_of_splits(draw):
    """Draw parameters that TimeSeriesSplit takes for the number of stamps."""
    n_splits = draw(st.integers(2, 4))
    test_size = draw(st.none() | st.integers(1, 3))
    gap = draw(st.integers(0, 2))
    params = {
        "n_splits": n_splits,
        "max_train_size": draw(st.none() | st.integers(1, 6)),
        "test_size": test_size,
        "gap": gap,
    }
    n_stamps = draw(st.integers(n_splits * 3 + gap + 2, 24))
    return params, n_stamps


@given(settings_of_splits())
def test_one_series_is_split_as_by_time_series_split(case):
    """In a single series every row is a stamp of its own."""
    params, n_rows = case
    X = pd.DataFrame({"load": 0.0}, index=pd.date_range("2024-01-01", periods=n_rows))
    ours = PanelTimeSeriesSplit(**params).split(X)
    theirs = TimeSeriesSplit(**params).split(X)
    for fold, expected in zip(ours, theirs, strict=True):
        for rows, expected_rows in zip(fold, expected, strict=True):
            assert rows.tolist() == expected_rows.tolist()


@given(settings_of_splits(), st.data())
def test_groups_are_cut_at_the_same_stamps(case, data):
    """A loop over rows puts each where TimeSeriesSplit puts its stamp."""
    params, n_stamps = case
    others = st.lists(st.integers(0, n_stamps - 1), max_size=20)
    times = data.draw(st.permutations([*range(n_stamps), *data.draw(others)]))
    X = pd.DataFrame({"day": pd.Timestamp("2024-01-01") + pd.to_timedelta(times, "D")})
    folds = PanelTimeSeriesSplit(time="day", **params).split(X)
    stamps = TimeSeriesSplit(**params).split(range(n_stamps))
    for (train, test), (train_stamps, test_stamps) in zip(folds, stamps, strict=True):
        in_train = [i for i, t in enumerate(times) if t in train_stamps]
        in_test = [i for i, t in enumerate(times) if t in test_stamps]
        assert train.tolist() == in_train
        assert test.tolist() == in_test


def test_time_of_column_or_index():
    """The column of time and an index of the same times are split alike."""
    days = pd.period_range("2024-01", periods=7, freq="M")
    X = pd.DataFrame({"day": [*days, *days[2:5]], "load": 1.0})
    by_column = list(PanelTimeSeriesSplit(3, time="day").split(X))
    by_index = list(PanelTimeSeriesSplit(3).split(X.set_index("day")))
    for fold, other in zip(by_column, by_index, strict=True):
        for rows, expected in zip(fold, other, strict=True):
            np.testing.assert_array_equal(rows, expected)


def test_integers_that_groups_share_are_times():
    """An index of integers is time where labels are there more than once."""
    X = pd.DataFrame({"store": list("aaabbb")}, index=[0, 1, 2, 0, 1, 2])
    folds = [[part.tolist() for part in f] for f in PanelTimeSeriesSplit(2).split(X)]
    assert folds == [[[0, 3], [1, 4]], [[0, 1, 3, 4], [2, 5]]]


def test_scores_and_searches():
    """In scores and searches every group is on both sides, at the same days."""
    days, stores = np.meshgrid(np.arange(12), np.arange(3))
    X = pd.DataFrame({"store": stores.ravel(), "day": days.ravel()})
    X = X.sample(frac=1, random_state=0)
    cv = PanelTimeSeriesSplit(3, time="day", gap=1)
    for train, test in cv.split(X):
        last = X["day"].iloc[train].max()
        for rows, n_days in ((train, last + 1), (test, 3)):
            assert (X.iloc[rows].groupby("store").size() == n_days).all()
        assert sorted(set(X["day"].iloc[test] - last)) == [2, 3, 4]
    search = GridSearchCV(DummyRegressor(), {"strategy": ["mean", "median"]}, cv=cv)
    assert search.fit(X, X["day"]).n_splits_ == cv.get_n_splits() == 3


def test_errors():
    """What cannot be split is said in words."""
    X = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=3)})
    holed = X.assign(day=X["day"].where(X.index != 1))
    for cv, rows, words in (
        (PanelTimeSeriesSplit(time="date"), X, "Got no column 'date' in"),
        (PanelTimeSeriesSplit(), X.to_numpy(), "an index of times. Got ndarray"),
        (PanelTimeSeriesSplit(2), X, "name the column of stamps in time="),
        (PanelTimeSeriesSplit(2), X[::-1], "numbers rows.*use TimeSeriesSplit"),
        (PanelTimeSeriesSplit(5, time="day"), X, "number of folds=6 greater"),
        (PanelTimeSeriesSplit(2, time="day"), holed, "time for every row.* in row 1"),
        (
            PanelTimeSeriesSplit(2),
            pd.concat({"a": X}),
            "one label of time a row.*2 lev",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            next(cv.split(rows))
    for name in ("n_splits", "gap", "test_size", "max_train_size", "time"):
        for value in (1.5, -1, np.nan) if name != "time" else (1.5, {"day": 1}):
            with pytest.raises(ValueError, match=f"'{name}' parameter of Panel"):
                next(PanelTimeSeriesSplit(**{"time": "day", name: value}).split(X))
