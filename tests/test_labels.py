"""Labels of rows: the grid on which they lie, what comes next, and what is refused.

The references are ``pandas.date_range``, ``pandas.period_range`` and counting by hand.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm import SlidingWindow
from sklstm.windows._labels import check_plain_numbers, grid_of, is_row_number

N_FIT, N_ALL = 40, 52

FIXED = ["15min", "h", "2h", "D", "2D", "W-SUN", "W-WED"]
CALENDAR = ["MS", "ME", "3MS", "QS", "QE", "QS-FEB", "YS", "YE", "B", "BMS", "BME"]
MID_MONTH = [pd.DateOffset(months=1), pd.DateOffset(months=3), pd.DateOffset(years=1)]


def stamps(freq, *, zone=None, start="2023-01-15 00:00", periods=N_ALL):
    return pd.date_range(start, periods=periods, freq=freq, tz=zone)


def without_freq(labels):
    labels = labels.copy(deep=True)
    labels.freq = None
    return labels


def steps_of(grid, labels):
    return np.diff(grid.places(labels)).tolist()


def assert_counts_rows(labels, n_fit=N_FIT):
    """Assert that the first labels tell how all of them follow each other."""
    grid = grid_of(labels[:n_fit])
    assert steps_of(grid, labels) == [1] * (len(labels) - 1)
    assert grid.after(labels[n_fit - 1 : n_fit], len(labels) - n_fit).equals(
        labels[n_fit:]
    )
    hole = n_fit // 2
    steps = [1] * (hole - 1) + [2] + [1] * (len(labels) - hole - 2)
    assert steps_of(grid, labels.delete(hole)) == steps


# -- what follows what ----------------------------------------------------------------


@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("start", ["2023-01-15 00:00", "2023-01-15 16:30"])
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
@pytest.mark.parametrize("freq", FIXED + CALENDAR + MID_MONTH, ids=str)
def test_stamps_go_on_as_date_range_does(freq, has_freq, start, zone):
    """Rows of a pandas frequency follow each other and go on as pandas has it."""
    labels = stamps(freq, zone=zone, start=start)
    assert_counts_rows(labels if has_freq else without_freq(labels))


@pytest.mark.parametrize("freq", ["min", "h", "D", "W-SUN", "M", "Q", "Y", "Q-JAN"])
@pytest.mark.parametrize("times", ["", "2", "3"])
def test_periods_go_on_as_period_range_does(freq, times):
    """Periods of one or several units go on by one period."""
    labels = pd.period_range("2023-01-15", periods=N_ALL, freq=times + freq)
    assert_counts_rows(labels)
    assert grid_of(labels[:1]).after(labels[:1], 2).equals(labels[1:3])


@pytest.mark.parametrize("dtype", ["int8", "uint16", "Int64", "range"])
@pytest.mark.parametrize("step", [1, 2])
def test_integers_count_rows(dtype, step):
    """Integers of any dtype and step count rows."""
    labels = pd.RangeIndex(5, 5 + step * N_ALL, step)
    labels = labels if dtype == "range" else labels.astype(dtype)
    grid = grid_of(labels[:N_FIT])
    assert steps_of(grid, labels.delete([4, 5])) == [1] * 3 + [3] + [1] * (N_ALL - 7)
    assert list(grid.after(labels[N_FIT - 1 : N_FIT], 12)) == list(labels[N_FIT:])


@settings(max_examples=60)
@given(
    freq=st.sampled_from(["h", "D", "W-SUN", "MS", "QE", "B", "BME", "Int64", "M"]),
    zone=st.sampled_from([None, "Europe/Berlin"]),
    kept=st.sets(st.integers(0, 59), min_size=1),
    newest=st.integers(3, 59),
)
def test_places_are_those_of_the_full_index(freq, zone, kept, newest):
    """Whatever rows are left out, they keep their places."""
    if freq == "Int64":
        labels = pd.Index(np.arange(60) * 3 - 40, dtype=freq)
    elif freq == "M":
        labels = pd.period_range("2020-01", periods=60, freq=freq)
    else:
        labels = stamps(freq, zone=zone, periods=60)
    kept = sorted(kept)
    grid = grid_of(labels[: newest + 1])
    assert steps_of(grid, labels[kept]) == np.diff(kept).tolist()


@pytest.mark.parametrize("freq", ["h", "D", "MS", "ME", "B", "BME", "W-SUN", "QS"])
def test_holes_do_not_hide_the_grid(freq):
    """An index without ``freq`` that lacks rows goes on as the one that has them."""
    labels = stamps(freq).delete([3, 4, 17, 30])
    grid = grid_of(labels)
    expected = [3 if i == 2 else 2 if i in (14, 26) else 1 for i in range(47)]
    assert steps_of(grid, labels) == expected
    after = grid.after(labels[-1:], 5)
    assert after.equals(pd.date_range(labels[-1], periods=6, freq=freq)[1:])


@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_months_keep_their_day(day):
    """A label on the 30th goes on after February, and month ends stay month ends."""
    months = pd.period_range("2023-08", periods=24, freq="M")
    days = np.minimum(day, months.days_in_month) - 1
    labels = months.to_timestamp() + pd.to_timedelta(days, unit="D")
    assert grid_of(labels[:10]).after(labels[9:10], 14).equals(labels[10:])


@pytest.mark.parametrize("n_days", [28, 30, 31, 35, 90])
@pytest.mark.parametrize("n_rows", [3, 4, 12])
def test_long_steps_in_days_are_not_taken_for_months(n_days, n_rows):
    """Rows every thirty days go on every thirty days, however few they are."""
    labels = without_freq(stamps(f"{n_days}D", start="2021-01-02", periods=n_rows + 3))
    grid = grid_of(labels[:n_rows])
    assert steps_of(grid, labels) == [1] * (n_rows + 2)
    assert grid.after(labels[n_rows - 1 : n_rows], 3).equals(labels[n_rows:])


@pytest.mark.parametrize("freq", ["B", "MS", "W-SUN"])
def test_a_label_off_the_grid_is_followed_by_the_next_on_it(freq):
    """After a Saturday comes the Monday, not the Tuesday."""
    between = pd.DatetimeIndex(["2024-03-09"])
    after = grid_of(stamps(freq)).after(between, 2)
    assert after.equals(pd.date_range("2024-03-10", periods=2, freq=freq))


# -- closures -------------------------------------------------------------------------


def hours_where(is_open):
    hours = pd.date_range("2024-01-01", periods=24 * 35, freq="h")
    return hours[is_open(hours)]


def is_daytime(hours):
    return (hours.hour >= 8) & (hours.hour <= 18)


def is_weekday(hours):
    return hours.day_of_week < 5


SHOP = hours_where(lambda hours: (hours.hour == 0) & (hours.day_of_week < 6))
OFFICE = hours_where(lambda hours: is_daytime(hours) & is_weekday(hours))
CLOSURES = {
    "days": SHOP,
    "days, afternoon": SHOP + pd.Timedelta("16h30min"),
    "days, midnight": SHOP + pd.Timedelta("23h59min"),
    "periods of days": SHOP.to_period("D"),
    "hours": OFFICE,
    "half hours": OFFICE + pd.Timedelta("30min"),
    "late": hours_where(lambda h: is_weekday(h) & ~is_daytime(h))
    + pd.Timedelta("45min"),
    "periods of hours": hours_where(is_daytime).to_period("h"),
    "thrice a day": hours_where(lambda hours: np.isin(hours.hour, [8, 12, 16])),
    "exchange days": hours_where(lambda h: is_weekday(h) & (h.hour == 16)),
}


@pytest.mark.parametrize("zone", [None, "America/New_York"])
@pytest.mark.parametrize("kind", CLOSURES)
def test_closed_days_and_hours_are_no_holes(kind, zone):
    """Days of the week and times of day that never occur are not on the grid.

    Windows go on over nights, Sundays and weekends.
    """
    labels = CLOSURES[kind]
    if zone is not None and isinstance(labels, pd.PeriodIndex):
        return
    labels = labels if zone is None else labels.tz_localize(zone)
    X = pd.DataFrame({"load": np.arange(float(len(labels)))}, index=labels)
    expected = SlidingWindow(10).fit_transform(X.to_numpy())
    for n in range(len(labels) - 10, len(labels)):  # whatever the day fit ends on
        windows = SlidingWindow(10).fit(X[:n])
        np.testing.assert_array_equal(windows.transform(X[:n]), expected[:n])
        np.testing.assert_array_equal(windows.transform(X[n:]), expected[n:])
        grid = grid_of(labels[:n])
        assert steps_of(grid, labels) == [1] * (len(labels) - 1)
        after = grid.after(labels[n - 1 : n], len(labels) - n)
        assert (after == labels[n:]).all() and len(after) == len(labels) - n
        assert steps_of(grid, labels.delete([9, 10]))[8] == 3
        assert grid.moved_to(labels[-1:]).after(labels[n - 1 : n], 9)[0] == after[0]


def test_closed_places_are_the_last_open_ones():
    """A row on a closed day stands where the last open one does."""
    grid = grid_of(SHOP)
    weekend = pd.DatetimeIndex(["2024-02-03", "2024-02-04", "2024-02-05"])
    assert steps_of(grid, weekend) == [0, 1]
    windows = SlidingWindow(2).fit(pd.DataFrame({"load": 1.0}, index=OFFICE))
    every = pd.DataFrame({"load": 1.0}, index=stamps("h", start="2024-01-01"))
    with pytest.raises(ValueError, match="on the grid of fit, whose step is"):
        windows.transform(every)


def test_a_closure_needs_to_be_passed_twice():
    """One Sunday without a row is a hole; business days are holes at holidays alone."""
    days = without_freq(stamps("D", start="2024-01-01", periods=12)).delete(6)
    assert grid_of(days).after(days[-1:], 2).day.tolist() == [13, 14]
    workdays = stamps("B", start="2024-12-02", periods=30)
    is_holiday = np.isin(workdays, pd.to_datetime(["2024-12-25", "2024-12-26"]))
    left = workdays[~is_holiday]
    assert steps_of(grid_of(left), left).count(1) == len(left) - 2
    assert grid_of(left).after(left[-1:], 5).freqstr == "B"


# -- clocks, zones and resolutions ----------------------------------------------------


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("start", ["2024-03-01", "2024-10-15"])
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
@pytest.mark.parametrize("freq", ["30min", "h", "D", "2D", "W-SUN", "B"])
def test_daylight_saving_is_no_hole(freq, has_freq, start, zone):
    """A switch of the clock is no hole and moves no later label, learned or not."""
    labels = pd.date_range(start, periods=1, freq=freq, tz=zone)
    stop = pd.Timestamp(start, tz=zone) + pd.DateOffset(months=3)
    labels = pd.date_range(labels[0], stop, freq=freq)
    assert labels[0].utcoffset() != labels[-1].utcoffset()
    labels = labels if has_freq else without_freq(labels)
    for n_fit in (min(12, len(labels) // 2), len(labels) - 1):
        assert_counts_rows(labels, n_fit=n_fit)


def test_days_whose_midnight_the_clock_skips():
    """In Santiago a day may begin at one o'clock: the first instant that it has."""
    days = pd.date_range("2024-08-20", periods=19, tz="America/Santiago")
    grid = grid_of(without_freq(days))
    after = grid.after(days[-1:], 3)
    assert [str(label)[:16] for label in after] == [
        "2024-09-08 01:00",
        "2024-09-09 00:00",
        "2024-09-10 00:00",
    ]
    assert steps_of(grid, days[-1:].append(after)) == [1, 1, 1]


@pytest.mark.parametrize("freq", ["h", "D", "MS", "B"])
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_zone_and_resolution_do_not_matter(freq, has_freq, unit):
    """Stamps written in another zone or resolution lie in the same places."""
    labels = stamps(freq, zone="Europe/Berlin").as_unit(unit)
    labels = labels if has_freq else without_freq(labels)
    assert_counts_rows(labels)
    grid = grid_of(labels[:N_FIT])
    for other in (labels.as_unit("s"), labels.as_unit("ns")):
        other = other.tz_convert("America/New_York")
        np.testing.assert_array_equal(grid.places(other), grid.places(labels))
        assert (grid.after(other[N_FIT - 1 : N_FIT], 12) == labels[N_FIT:]).all()


# -- what is refused ------------------------------------------------------------------


MONTHS = [*range(202101, 202113), *range(202201, 202213)]


@pytest.mark.parametrize(
    ("numbers", "freq"),
    [
        ([20231230, 20231231, 20240101, 20240102], "D"),
        ([20240103, 20240101], "D"),
        ([202310, 202311, 202312, 202401], "M"),
        (MONTHS, "M"),
        ([202303, 202306, 202309, 202312, 202403], "M"),
        ([202351, 202352, 202401], "W"),
        ([202052, 202053, 202101], "W"),
    ],
)
def test_dates_written_as_integers_are_refused(numbers, freq):
    """Days, months and weeks in disguise are told the call that makes periods."""
    X = pd.DataFrame({"load": 1.0, "t": numbers}, index=numbers)
    for rows, time in ((X.sort_index(), None), (X, "t")):
        words = f"SlidingWindow needs .* Got {min(numbers)}, which looks like a date"
        with pytest.raises(ValueError, match=words) as error:
            SlidingWindow(1, time=time).fit(rows)
    call = str(error.value).split("X.index = ")[1].rstrip(".")
    periods = eval(call, {"pd": pd, "X": X})  # the call that the message gives
    assert periods.freqstr.startswith(freq)
    assert len(periods) == len(numbers)


@pytest.mark.parametrize(
    "numbers",
    [[202398, 202399, 202400], [1, 2], [202301, 202302], [20231231], [2023, 2024]],
)
def test_plain_integers_pass(numbers):
    """Numbers of rows pass, and what may be some."""
    check_plain_numbers(pd.Index(numbers), owner="Owner")
    check_plain_numbers(pd.RangeIndex(20231201, 20231209), owner="Owner")
    assert is_row_number(pd.Index(numbers)) and not is_row_number(pd.Index([1, 1]))


def test_grids_reach_to_where_nanoseconds_end():
    """Stamps shortly before the last that nanoseconds can tell, and beyond it."""
    every = [pd.date_range("2200-01-01", "2262-04-01", freq="MS", unit="ns")]
    if int(pd.__version__.split(".")[0]) >= 3:  # date_range counted nanoseconds before
        every.append(pd.date_range("2300-01-01", periods=50, freq="MS", unit="s"))
    for labels in every:
        assert steps_of(grid_of(labels), labels.delete(20))[19:21] == [2, 1]
