"""Calendar channels: what the stamp of a row alone tells, at the row itself.

The references are pandas' own parts of a stamp, read one stamp at a time.
"""

import datetime

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar

from sklstm import SlidingWindow

PARTS = {
    "month": (lambda stamp: stamp.month - 1, 12),
    "quarter": (lambda stamp: stamp.quarter - 1, 4),
    "week": (lambda stamp: stamp.isocalendar().week - 1, 53),
    "yearday": (lambda stamp: stamp.day_of_year - 1, 366),
    "day": (lambda stamp: stamp.day - 1, 31),
    "weekday": (lambda stamp: stamp.weekday(), 7),
    "hour": (lambda stamp: stamp.hour + stamp.minute / 60, 24),
    "minute": (lambda stamp: stamp.minute, 60),
}


def series(index):
    return pd.DataFrame({"load": np.arange(1.0, len(index) + 1)}, index=index)


def channels(X, calendar):
    """Return the calendar channels of the rows themselves."""
    return SlidingWindow(1, horizon=0, calendar=calendar).fit_transform(X)[:, 0, 1:]


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
@pytest.mark.parametrize("part", PARTS)
def test_parts_are_those_of_the_wall_clock(part, zone):
    """Each part is a sine and a cosine, or one channel for each of its values."""
    X = series(pd.date_range("2024-12-20 00:30", periods=400, freq="6h", tz=zone))
    number_of, n_numbers = PARTS[part]
    numbers = np.array([number_of(stamp) for stamp in X.index])
    angles = 2 * np.pi * numbers / n_numbers
    cyclic = np.column_stack([np.sin(angles), np.cos(angles)])
    np.testing.assert_allclose(channels(X, part), cyclic, atol=1e-6)
    one_hot = numbers.astype(int)[:, None] == np.arange(n_numbers)
    np.testing.assert_array_equal(channels(X, {part: "one-hot"}), one_hot)


def test_channels_are_known_and_named():
    """They end at the predicted row, as known columns do, or known_ahead later."""
    X = series(pd.period_range("2024-01", periods=30, freq="M"))
    windows = SlidingWindow(2, horizon=3, calendar=["month"]).fit(X)
    assert windows.is_known_.tolist() == [False] and windows.lag_ == 3
    names = ["load_t-4", "month_sin_t-1", "month_cos_t-1"]
    names += ["load_t-3", "month_sin_t", "month_cos_t"]
    assert windows.get_feature_names_out().tolist() == names
    month = X.index.month.to_numpy() - 1
    found = windows.transform(X)[4:]
    np.testing.assert_allclose(found[:, 1, 1], np.sin(np.pi * month[4:] / 6), atol=1e-6)
    ahead = SlidingWindow(2, calendar="month", known_ahead=1).fit(X[:20])
    np.testing.assert_allclose(
        ahead.transform(X[20:])[:-1, 1, 1], np.sin(np.pi * month[21:] / 6), atol=1e-6
    )
    assert ahead.get_feature_names_out()[-2] == "month_sin_t+1"


AUTO = {
    "MS": ["month"],
    "QE": ["month"],
    "W": ["yearday"],
    "D": ["weekday", "yearday"],
    "B": ["weekday", "yearday"],
    "h": ["hour", "weekday"],
    "15min": ["hour", "weekday"],
}


@pytest.mark.parametrize("freq", AUTO)
def test_auto_takes_what_suits_the_grid(freq):
    """The parts are those that repeat within a year, of stamps and of periods."""
    labels = pd.date_range("2024", periods=30, freq=freq)
    for each in (labels, labels.to_period()) if freq != "B" else (labels,):
        X = series(each)
        np.testing.assert_array_equal(channels(X, "auto"), channels(X, AUTO[freq]))


SEASONS = {"MS": (12,), "QE": (4,), "W": (52,), "D": (7,), "2h": (12, 84)}


@pytest.mark.parametrize("freq", SEASONS)
def test_the_season_is_that_of_the_grid(freq):
    """Rows of a day and a week, or of a year, of stamps and of periods alike."""
    labels = pd.date_range("2024", periods=30, freq=freq)
    for each in (labels, pd.DatetimeIndex(list(labels)), labels.to_period()):
        assert SlidingWindow(2).fit(series(each)).season_ == SEASONS[freq]


def test_auto_does_not_depend_on_the_day_on_which_rows_end():
    """The weekend that follows a Friday's last hour is no step of the grid."""
    hours = pd.date_range("2024-01-01", periods=24 * 26, freq="h")
    hours = hours[(hours.day_of_week < 5) & (hours.hour >= 8) & (hours.hour < 18)]
    for n_days in range(15, 20):
        X = series(hours[: 10 * n_days])
        windows = SlidingWindow(1, calendar="auto").fit(X)
        assert windows.get_feature_names_out()[1] == "hour_sin_t"


class Country(dict):
    """A country of the ``holidays`` package: a dict that is filled when it is asked."""

    def __contains__(self, day):
        return (day.month, day.day) in {(7, 4), (12, 25)}


HOLIDAYS = [USFederalHolidayCalendar(), Country(), {datetime.date(2024, 7, 4): "4th"}]


@pytest.mark.parametrize("calendar", HOLIDAYS, ids=lambda each: type(each).__name__)
def test_holidays_are_a_channel(calendar):
    """Holidays are 1 through their day, of any calendar, alone or in a list."""
    X = series(pd.date_range("2024-07-02", periods=5 * 4, freq="6h", tz="Asia/Tokyo"))
    is_holiday = X.index.day == 4
    np.testing.assert_array_equal(channels(X, calendar)[:, 0], is_holiday)
    found = SlidingWindow(2, calendar=["weekday", calendar, Country()]).fit(X)
    assert found.get_feature_names_out()[-2:].tolist() == ["holiday_t", "holiday_2_t"]


OTHERS = {
    "'moon'": ["week", "moon"],
    "'tide'": {"tide": "cyclic"},
    "'onehot'": {"weekday": "onehot"},
    "'month'": ["week", {"month": "one-hot"}],
    "5": 5,
}


@pytest.mark.parametrize(("came", "calendar"), OTHERS.items())
def test_other_calendars_are_refused(came, calendar):
    """A misspelt part or form is no holiday calendar; it is named. Nor are integers."""
    X = series(pd.date_range("2024", periods=9))
    words = rf"'calendar' parameter of SlidingWindow .*Got .*{came}"
    with pytest.raises(ValueError, match=words):
        SlidingWindow(2, calendar=calendar).fit(X)
    for rows in (X.reset_index(drop=True), X.to_numpy()):
        with pytest.raises(ValueError, match=r"time stamps or periods.*Got int64"):
            SlidingWindow(2, calendar="month").fit(rows)
    with pytest.raises(ValueError, match=r"stamps of X for calendar='month'. Got 0"):
        SlidingWindow(2, calendar="month").fit(X).transform(X.reset_index(drop=True))


@pytest.mark.parametrize("kind", ["freq", "no freq", "holes", "panel"])
def test_the_calendar_to_come_needs_no_later_row(kind):
    """Windows at the end of X, and after holes, are those when later rows are there."""
    days = pd.date_range("2024-01-01", periods=40)
    X, params = series(days if kind == "freq" else pd.DatetimeIndex(list(days))), {}
    times = X.index
    if kind == "holes":
        X = X.drop(days[[9, 20, 21]])
        times = X.index
    elif kind == "panel":
        X = pd.concat([X[:20].assign(g="a"), X[5:].assign(g="b")])
        X, params = X.rename_axis("t").reset_index(), {"groups": "g", "time": "t"}
        times = X["t"]
    windows = SlidingWindow(6, calendar=["weekday", "month"], known_ahead=3, **params)
    windows.fit(X[times < days[30]])
    every = np.asarray(windows.transform(X))
    for day in days[4:]:
        until = np.asarray(windows.transform(X[times <= day]))
        np.testing.assert_array_equal(until, every[times <= day])
