"""Missing rows and missing values, at the public door: windows go on through them.

The references are the same rows without the hole, a loop over the filled grid, and
``pandas.DataFrame.ffill``.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow, load_airline_passengers


def lstm(units=4, epochs=1):
    return LSTMRegressor(units, epochs=epochs, random_state=0)


def line(index, name="load"):
    return pd.DataFrame({name: np.arange(float(len(index)))}, index=index)


# -- a hole does not move the level ---------------------------------------------------


def test_the_row_after_a_hole_keeps_its_level():
    """A minute that is missing, of a thousand, moves no prediction and no score."""
    X = line(pd.date_range("2024-01-01", periods=1000, freq="min"))
    hole = X.index == "2024-01-01 15:00"
    pipe = make_pipeline(SlidingWindow(6), lstm()).fit(X[:500], X["load"][:500])
    predicted = pipe.predict(X[500:][~hole[500:]])
    assert 899 <= predicted[400] <= 902
    np.testing.assert_allclose(predicted, X["load"][500:][~hole[500:]], atol=2)
    errors = [
        -cross_val_score(
            make_pipeline(SlidingWindow(6), lstm()),
            rows,
            rows["load"],
            cv=TimeSeriesSplit(2),
            scoring="neg_root_mean_squared_error",
        )
        for rows in (X, X[~hole])
    ]
    np.testing.assert_allclose(*errors, atol=0.2)


def test_stores_keep_their_own_level():
    """A day that all stores lack leaves each at its level."""
    days = pd.date_range("2024-01-01", periods=200)
    wave = np.sin(2 * np.pi * np.arange(200) / 7)
    X = pd.concat(
        [
            pd.DataFrame({"store": store, "day": days, "sales": level + wave})
            for store, level in (("small", 10.0), ("large", 10_000.0))
        ]
    ).reset_index(drop=True)
    left = X[X["day"] != days[150]]
    windows = SlidingWindow(7, groups="store", time="day")
    after = (left["day"] > days[150]).to_numpy()
    sales = left["sales"][after]
    pipe = make_pipeline(windows, lstm(4, 3)).fit(left, left["sales"])
    np.testing.assert_allclose(pipe.predict(left)[after], sales, atol=3, rtol=1e-3)
    pipe.fit(left[~after], left["sales"][~after])
    np.testing.assert_allclose(pipe.predict(left[after]), sales, atol=3, rtol=1e-3)


def test_the_labels_that_a_filter_leaves_count_rows():
    """Integers 0, 5, 9, 14, … give the windows and scores of ``reset_index``."""
    rng = np.random.default_rng(0)
    X = line(np.cumsum(rng.integers(3, 7, 200)))
    plain = X.reset_index(drop=True)
    windows, expected = SlidingWindow(4).fit(X[:150]), SlidingWindow(4).fit(plain[:150])
    for rows in (slice(0, 150), slice(150, 200)):
        np.testing.assert_array_equal(
            windows.transform(X[rows]), expected.transform(plain[rows])
        )
    scores = cross_val_score(
        make_pipeline(SlidingWindow(4), lstm()),
        X,
        X["load"],
        cv=TimeSeriesSplit(3),
        scoring="neg_mean_absolute_error",
    )
    assert (scores > -1e-2).all()


# -- what is filled, and from where ---------------------------------------------------


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA, "Float64"])
def test_missing_values_are_filled_forward(missing):
    """NA, None and NaN take the newest earlier value."""
    X = load_airline_passengers()
    is_missing = np.random.default_rng(0).random(len(X)) < 0.4
    is_missing[0] = False
    holed = X.assign(passengers=X["passengers"].mask(is_missing))
    expected = SlidingWindow(12).fit_transform(holed.ffill())
    rows = holed.astype(object).where(holed.notna(), missing)
    if isinstance(missing, str):
        rows = holed.astype(missing)
    np.testing.assert_array_equal(SlidingWindow(12).fit_transform(rows), expected)


@pytest.mark.parametrize("kind", ["frame", "panel"])
def test_a_row_without_any_past_takes_the_newest_value_of_its_group(kind):
    """It is told how many such rows there are, and which is the first."""
    X = line(pd.date_range("2024-01-01", periods=60))
    params, where = {}, r"Timestamp\('2024-02-25 00:00:00'\)"
    if kind == "panel":
        X = X.rename_axis("t").reset_index()
        X = pd.concat([X.assign(g="a", load=X["load"] + 5000), X.assign(g="b")])
        params, where = {"groups": "g", "time": "t"}, where + " of group 'a'"
    n_lost = {"frame": 2, "panel": 4}[kind]
    days = X.index if kind == "frame" else X["t"]
    windows = SlidingWindow(3, horizon=2, **params).fit(X[days < "2024-01-20"])
    later = X[days >= "2024-02-25"]
    words = rf"{n_lost} row\(s\) of X have no row within the 3 steps .*first is {where}"
    with pytest.warns(UserWarning, match=words):
        found = np.asarray(windows.transform(later))[:, :, 0]
    start = {"frame": [18.0], "panel": [5018.0, 18.0]}[kind]
    for i, value in enumerate(start):
        first = i * (len(found) // len(start))
        assert (found[first : first + 2] == value).all()
        assert found[first + 2].tolist() == [value, value, value - 18 + 55]
    # A hole that a window reaches across is none.
    windows.transform(X[(days >= "2024-01-22") & (days < "2024-02-01")])


def test_a_hole_inside_X_longer_than_a_window_is_told():
    """Within the rows of one call the same holds, in ``predict`` too."""
    X = line(pd.date_range("2024-01-01", periods=100)).drop(
        pd.date_range("2024-02-01", periods=6)
    )
    pipe = make_pipeline(SlidingWindow(4), lstm()).fit(X, X["load"])
    with pytest.warns(UserWarning, match=r"1 row\(s\) of X have no row.*2024-02-07"):
        predicted = pipe.predict(X)
    assert 28 <= predicted[31] <= 38
    assert np.abs(predicted - X["load"])[5:].max() < 8


def test_much_that_is_missing_is_told_once():
    """``fit`` tells the share where it is more than a tenth, of a panel too."""
    X = line(pd.date_range("2024-01-01", periods=120))
    holed = X.drop(X.index[10::7])
    words = r"13% of the 120 rows that a grid of 1 days .* are missing"
    with pytest.warns(UserWarning, match=words) as found:
        SlidingWindow(8).fit(holed)
    assert len(found) == 1
    long = pd.concat([holed.assign(g=g, t=holed.index) for g in "ab"])
    with pytest.warns(UserWarning, match="13% of the 240 rows"):
        SlidingWindow(8, groups="g", time="t").fit(long)
    SlidingWindow(8).fit(X.drop(X.index[10::12]))
    # Groups that begin and end at other times lack nothing.
    parts = [X[:40].assign(g="a"), X[70:].assign(g="b")]
    long = pd.concat(parts).rename_axis("t").reset_index()
    SlidingWindow(8, groups="g", time="t").fit(long)


# -- what is asked of rows inside or off the grid -------------------------------------


@pytest.mark.parametrize("n_rows", [1, 5])
def test_rows_inside_fit_are_told_that_their_past_is_missing(n_rows):
    """Of the rows of fit only the newest are kept; the rows to pass too are told."""
    X = line(pd.date_range("2024-01-01", periods=60))
    windows = SlidingWindow(6, horizon=2).fit(X)
    words = r"begins at Timestamp\('2024-01-21.*inside the rows of fit.*Pass the 7 rows"
    with pytest.warns(UserWarning, match=words):
        windows.transform(X[20 : 20 + n_rows])
    windows.transform(X)


def test_rows_of_another_grid_are_refused():
    """Fitted on hours, asked on days, or the other way round."""
    hours = line(pd.date_range("2024-01-01", periods=480, freq="h"))
    for fitted, asked, words in (
        (hours[:240], hours[240::24], r"is 0 days 01:00:00\. Got rows that are 24 ste"),
        (hours[:240:24], hours[240:], r"is 1 days 00:00:00\. Got several rows within"),
    ):
        with pytest.raises(ValueError, match=words):
            SlidingWindow(2).fit(fitted).transform(asked)
        params = {"groups": "g", "time": "t"}
        fitted, asked = (f.assign(g=1, t=f.index) for f in (fitted, asked))
        with pytest.raises(ValueError, match=words):
            SlidingWindow(2, **params).fit(fitted).transform(asked)
    with pytest.warns(UserWarning, match="have no row"):
        # One row more than a step away says nothing of the grid.
        SlidingWindow(2).fit(hours[:240]).transform(hours[250:251])


# -- clocks ---------------------------------------------------------------------------


def test_hours_on_the_wall_clock():
    """The hour that spring skips is filled; the one that autumn repeats is refused."""
    spring = pd.date_range("2024-03-29", periods=144, freq="h", tz="Europe/Berlin")
    X = line(spring.tz_localize(None))
    windows = np.asarray(SlidingWindow(3).fit_transform(X))[:, :, 0]
    first = int(np.flatnonzero(spring.hour == 3)[2])
    assert windows[first].tolist() == [first - 2, first - 1, first - 1]
    autumn = pd.date_range("2024-10-25", periods=144, freq="h", tz="Europe/Berlin")
    X = line(autumn.tz_localize(None))
    with pytest.raises(ValueError, match=r"2024-10-27 02:00.*ambiguous=array"):
        SlidingWindow(3).fit(X)
    # What the message says to do.
    is_first = np.array(~X.index.duplicated())
    X.index = X.index.tz_localize("Europe/Berlin", ambiguous=is_first)
    assert not np.isnan(SlidingWindow(3).fit_transform(X)[3:]).any()


def test_days_of_a_zone_that_are_written_in_utc():
    """They are told to be converted, whichever zone they carry."""
    days = pd.date_range("2024-02-01", periods=80, tz="Europe/Berlin")
    for index in (days.tz_convert("UTC"), days.tz_convert("UTC").tz_localize(None)):
        with pytest.warns(UserWarning, match="days of a time zone.*tz_convert"):
            SlidingWindow(3).fit(line(index))
    SlidingWindow(3).fit(line(days))
