"""Labels: which rows are contiguous, what comes next, and what is refused.

The references are ``pandas.date_range``, ``pandas.period_range`` and counting by hand.
"""

from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm.windows._timeline import _cached_grid, check_order, timeline_from_labels

N_FIT, N_ALL = 40, 52
# Rows that the differences of labels are computed on at a time.
CHUNK = 1 << 18

FIXED = ["15min", "h", "2h", "D", "2D", "W-SUN", "W-WED"]
CALENDAR = ["MS", "ME", "3MS", "QS", "QE", "QS-FEB", "YS", "YE", "B", "BMS", "BME"]
MID_MONTH = [pd.DateOffset(months=1), pd.DateOffset(months=3), pd.DateOffset(years=1)]
ZONES = [None, "UTC", "Europe/Berlin", "America/New_York"]


def stamps(freq, *, zone=None, start="2023-01-15 00:00", periods=N_ALL):
    return pd.date_range(start, periods=periods, freq=freq, tz=zone)


def without_freq(labels):
    labels = labels.copy(deep=True)
    labels.freq = None
    return labels


def timeline_of(labels):
    return timeline_from_labels(labels, n_rows=len(labels))


def label_of(freq):
    return getattr(freq, "freqstr", freq)


def assert_counts_rows(labels, n_fit=N_FIT):
    """Assert that the first labels tell how all of them follow each other."""
    timeline = timeline_of(labels[:n_fit])
    future = labels[n_fit:]
    np.testing.assert_array_equal(timeline.run_starts(labels), [0])
    np.testing.assert_array_equal(
        timeline.distances(future), np.arange(1, len(future) + 1)
    )
    np.testing.assert_array_equal(
        timeline.distances(labels[:n_fit]), np.arange(1 - n_fit, 1)
    )
    after = timeline.after(labels[n_fit - 1 : n_fit], len(future))
    assert after.equals(future)
    hole = n_fit // 2
    np.testing.assert_array_equal(timeline.run_starts(labels.delete(hole)), [0, hole])


# -- time stamps --------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
@pytest.mark.parametrize("freq", FIXED + CALENDAR + MID_MONTH, ids=label_of)
def test_stamps_continue_as_date_range_does(freq, has_freq, zone):
    """Rows of a pandas frequency are contiguous and go on as pandas continues them."""
    labels = stamps(freq, zone=zone)
    assert_counts_rows(labels if has_freq else without_freq(labels))


@pytest.mark.parametrize("freq", ["h", "D", "B", "MS", "ME"])
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
def test_stamps_keep_their_time_of_day(freq, has_freq):
    """Labels that do not fall on midnight are counted just the same."""
    labels = stamps(freq, start="2023-01-15 16:30", zone="Europe/Berlin")
    assert_counts_rows(labels if has_freq else without_freq(labels))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("start", ["2024-03-01", "2024-10-15"])
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
@pytest.mark.parametrize("freq", ["h", "D", "W-SUN", "2D", "B", "30min"])
def test_daylight_saving_is_no_hole(freq, has_freq, start, zone):
    """A switch of the clock neither ends a run nor moves the labels after it."""
    stop = pd.Timestamp(start) + pd.DateOffset(months=2)
    labels = pd.date_range(start, stop, freq=freq, tz=zone)
    assert labels[0].utcoffset() != labels[-1].utcoffset()
    labels = labels if has_freq else without_freq(labels)
    timeline = timeline_of(labels)
    np.testing.assert_array_equal(timeline.run_starts(labels), [0])
    assert timeline.after(labels[1:2], len(labels) - 2).equals(labels[2:])


@pytest.mark.parametrize("freq", ["D", "2D", "W-SUN"])
@pytest.mark.parametrize("start", ["2024-01-01", "2024-07-01"])
def test_days_learned_in_one_season_hold_in_the_other(freq, start):
    """Daily rows before a switch of the clock are followed by daily rows after it."""
    labels = without_freq(stamps(freq, start=start, zone="Europe/Berlin", periods=200))
    assert_counts_rows(labels, n_fit=8)


def test_hourly_labels_are_counted_in_absolute_time():
    """The hour that a clock skips or repeats is one step like any other."""
    labels = stamps("h", start="2024-10-27 00:00", zone="Europe/Berlin", periods=6)
    assert [label.hour for label in labels] == [0, 1, 2, 2, 3, 4]
    timeline = timeline_of(without_freq(labels))
    np.testing.assert_array_equal(timeline.run_starts(labels.delete(3)), [0, 3])
    np.testing.assert_array_equal(timeline.distances(labels), np.arange(-5, 1))


@pytest.mark.parametrize("freq", ["h", "D", "MS"])
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
def test_another_zone_names_the_same_instants(freq, has_freq):
    """Rows in a second time zone are found where they are in the first."""
    labels = stamps(freq, zone="Europe/Berlin")
    labels = labels if has_freq else without_freq(labels)
    timeline = timeline_of(labels[:N_FIT])
    elsewhere = labels.tz_convert("America/New_York")
    np.testing.assert_array_equal(timeline.run_starts(elsewhere), [0])
    np.testing.assert_array_equal(timeline.distances(elsewhere[N_FIT:])[:2], [1, 2])


@pytest.mark.parametrize("freq", ["h", "D", "MS", "B"])
@pytest.mark.parametrize("has_freq", [True, False], ids=["freq", "no freq"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("other", ["s", "ns"])
def test_resolution_does_not_matter(freq, has_freq, unit, other):
    """Stamps in seconds are compared correctly with stamps in nanoseconds."""
    labels = stamps(freq)
    labels = labels if has_freq else without_freq(labels)
    assert_counts_rows(labels.as_unit(unit))
    timeline = timeline_of(labels.as_unit(unit)[:N_FIT])
    future = labels.as_unit(other)
    np.testing.assert_array_equal(timeline.run_starts(future), [0])
    np.testing.assert_array_equal(
        timeline.distances(future), np.arange(N_ALL) - N_FIT + 1
    )
    after = timeline.after(labels.as_unit(unit)[N_FIT - 1 : N_FIT], N_ALL - N_FIT)
    assert (after == labels[N_FIT:]).all()


def test_milliseconds_between_stamps_in_seconds_are_off_step():
    """A finer resolution is not rounded away where a label lies between two steps."""
    timeline = timeline_of(stamps("s", periods=5).as_unit("s"))
    half_past = timeline.last.as_unit("ms") + pd.Timedelta("1500ms")
    with pytest.raises(ValueError, match="a whole number of steps"):
        timeline.distances(half_past)
    timeline = timeline_of(stamps("s", periods=5) + pd.Timedelta("500ms"))
    whole = timeline.last.floor("s").as_unit("s")
    with pytest.raises(ValueError, match="a whole number of steps"):
        timeline.distances(whole)


@settings(max_examples=60)
@given(
    freq=st.sampled_from(["h", "D", "W-SUN", "MS", "QE", "B", "BME"]),
    zone=st.sampled_from([None, "Europe/Berlin"]),
    kept=st.sets(st.integers(0, 59), min_size=1),
    newest=st.integers(0, 59),
)
def test_every_hole_ends_a_run(freq, zone, kept, newest):
    """Whatever rows are left out, runs and distances are those of the full index."""
    labels = stamps(freq, zone=zone, periods=60)
    timeline = timeline_of(labels[: newest + 1])
    kept = sorted(kept)
    expected = [i for i in range(len(kept)) if i == 0 or kept[i] - kept[i - 1] != 1]
    np.testing.assert_array_equal(timeline.run_starts(labels[kept]), expected)
    np.testing.assert_array_equal(
        timeline.distances(labels[kept]), np.array(kept) - newest
    )


@pytest.mark.parametrize("freq", ["h", "D", "MS", "ME", "B", "BME", "W-SUN"])
def test_step_is_the_commonest_where_rows_are_missing(freq):
    """An index with holes and no ``freq`` is counted by its commonest step."""
    labels = stamps(freq).delete([3, 4, 17, 30])
    assert labels.freq is None
    timeline = timeline_of(labels)
    np.testing.assert_array_equal(timeline.run_starts(labels), [0, 3, 15, 27])
    assert timeline.after(labels[-1:], 5).equals(
        pd.date_range(labels[-1], periods=6, freq=freq)[1:]
    )


def labels_of_kind(kind, rows):
    """Return the labels of some of eight rows."""
    return {
        "integers": pd.RangeIndex(8),
        "stamps": stamps("h", periods=8),
        "periods": pd.period_range("2024-01", periods=8, freq="M"),
    }[kind][rows]


@pytest.mark.parametrize("kind", ["integers", "stamps", "periods"])
def test_step_is_the_smallest_of_the_commonest(kind):
    """Where two steps are equally common, the finer one counts the rows."""
    labels = labels_of_kind(kind, [0, 2, 3, 5, 6])
    np.testing.assert_array_equal(timeline_of(labels).run_starts(labels), [0, 1, 3])


@pytest.mark.parametrize("kind", ["integers", "stamps", "periods"])
def test_step_divides_every_difference(kind):
    """Rows two steps apart are no run where other rows are one step apart."""
    labels = labels_of_kind(kind, [0, 2, 4, 6, 7])
    np.testing.assert_array_equal(timeline_of(labels).run_starts(labels), [0, 1, 2, 3])


def test_business_days_end_runs_at_holidays_only():
    """A weekend is no hole in business days; a holiday is."""
    labels = stamps("B", start="2024-12-16", periods=12)
    christmas = labels.get_indexer(pd.to_datetime(["2024-12-25", "2024-12-26"]))
    left = labels.delete(christmas)
    timeline = timeline_of(left)
    np.testing.assert_array_equal(timeline.run_starts(left), [0, christmas[0]])


def test_daily_rows_with_weekends_are_not_business_days():
    """Daily labels go on through Saturday."""
    labels = without_freq(stamps("D", start="2024-01-01", periods=12))
    assert (
        timeline_of(labels)
        .after(labels[-1:], 2)
        .equals(pd.DatetimeIndex(["2024-01-13", "2024-01-14"]))
    )


@pytest.mark.parametrize("n_days", [28, 30, 31, 35, 90])
@pytest.mark.parametrize("n_rows", [3, 4, 12])
def test_long_steps_in_days_are_not_taken_for_months(n_days, n_rows):
    """Rows every thirty days go on every thirty days, however few they are."""
    labels = without_freq(stamps(f"{n_days}D", start="2021-01-02", periods=n_rows + 3))
    timeline = timeline_of(labels[:n_rows])
    np.testing.assert_array_equal(timeline.run_starts(labels), [0])
    assert timeline.after(labels[n_rows - 1 : n_rows], 3).equals(labels[n_rows:])


@pytest.mark.parametrize("position", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_holes_are_found_wherever_they_fall(position):
    """A hole far down a long index is found at its place."""
    labels = stamps("min", periods=2 * CHUNK + 3)
    left = labels.delete(position)
    for timeline in (timeline_of(labels), timeline_of(left)):
        np.testing.assert_array_equal(timeline.run_starts(left), [0, position])


# -- periods ------------------------------------------------------------------------


@pytest.mark.parametrize("freq", ["min", "h", "D", "W-SUN", "M", "Q", "Y", "Q-JAN"])
def test_periods_continue_as_period_range_does(freq):
    """Periods are contiguous and go on as pandas continues them."""
    assert_counts_rows(pd.period_range("2023-01-15", periods=N_ALL, freq=freq))


@pytest.mark.parametrize("freq", ["2M", "3D", "2h"])
def test_multiplied_periods_continue_as_period_range_does(freq):
    """Periods of several units go on by one period, not by its square."""
    assert_counts_rows(pd.period_range("2023-01-15", periods=N_ALL, freq=freq))


def test_single_multiplied_period_is_followed_by_the_next():
    """One period of two months is enough to know the next one."""
    labels = pd.period_range("2023-01", periods=3, freq="2M")
    timeline = timeline_of(labels[:1])
    np.testing.assert_array_equal(timeline.distances(labels), [0, 1, 2])
    np.testing.assert_array_equal(timeline.run_starts(labels), [0])
    assert timeline.after(labels[:1], 2).equals(labels[1:])


def test_no_step_after_a_label_is_an_empty_index():
    """Zero steps ahead is an empty index of the same kind, for every kind."""
    for labels in (
        pd.RangeIndex(5),
        stamps("h"),
        stamps("D"),
        stamps("MS"),
        pd.period_range("2023-01", periods=5, freq="M"),
    ):
        after = timeline_of(labels).after(labels[-1:], 0)
        assert len(after) == 0
        assert after.dtype == labels.dtype


# -- integers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        pd.RangeIndex(N_ALL),
        pd.RangeIndex(100, 100 + 2 * N_ALL, 2),
        pd.Index(np.arange(N_ALL) + 7),
        pd.Index(np.arange(N_ALL, dtype=np.int8)),
        pd.Index(np.arange(N_ALL, dtype=np.uint16) * 5),
        pd.Index(np.arange(-20, N_ALL - 20)),
        pd.Index(np.arange(N_ALL), dtype="Int64"),
    ],
    ids=[
        "range",
        "range step 2",
        "int64",
        "int8",
        "uint16 step 5",
        "negative",
        "Int64",
    ],
)
def test_integers_count_rows(labels):
    """Integers of any dtype and step count rows."""
    timeline = timeline_of(labels[:N_FIT])
    np.testing.assert_array_equal(timeline.run_starts(labels), [0])
    np.testing.assert_array_equal(
        timeline.distances(labels), np.arange(N_ALL) - N_FIT + 1
    )
    after = timeline.after(labels[N_FIT - 1 : N_FIT], N_ALL - N_FIT)
    assert list(after) == list(labels[N_FIT:])
    left = labels.delete([4, 5])
    np.testing.assert_array_equal(timeline.run_starts(left), [0, 4])


@settings(max_examples=100)
@given(
    step=st.integers(1, 5),
    last=st.integers(-50, 50),
    labels=st.sets(st.integers(-60, 60), min_size=1),
)
def test_integers_follow_each_other_by_the_step_alone(step, last, labels):
    """Integers one step apart are one run; any others follow nothing."""
    timeline = timeline_of(pd.RangeIndex(last - 3 * step, last + 1, step))
    labels = sorted(labels)
    starts = [
        i for i in range(len(labels)) if i == 0 or labels[i] - labels[i - 1] != step
    ]
    np.testing.assert_array_equal(timeline.run_starts(pd.Index(labels)), starts)
    distances = timeline.distances(pd.Index(labels))
    for label, distance in zip(labels, distances, strict=True):
        if (label - last) % step:
            assert distance > 10**9
        else:
            assert distance == (label - last) // step


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("other", [1, 2, 3])
def test_range_and_integers_are_read_alike(step, other):
    """A RangeIndex has the runs and distances of the same labels as integers."""
    timeline = timeline_of(pd.RangeIndex(0, 10 * step, step))
    labels = pd.RangeIndex(5, 5 + 8 * other, other)
    for method in (timeline.run_starts, timeline.distances):
        np.testing.assert_array_equal(method(labels), method(pd.Index(list(labels))))


def test_rows_without_labels_are_numbered_from_zero():
    """An array of n rows is followed by row n."""
    timeline = timeline_from_labels(None, n_rows=12)
    assert list(timeline.after(timeline.last, 2)) == [12, 13]
    np.testing.assert_array_equal(timeline.distances(pd.RangeIndex(11, 14)), [0, 1, 2])


# -- names, kinds and zones ---------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        pd.RangeIndex(5, name="row"),
        pd.period_range("2024-01", periods=5, freq="M", name="row"),
        stamps("h", periods=5).rename("row"),
        stamps("MS", periods=5).rename("row"),
        without_freq(stamps("D", periods=5, zone="Europe/Berlin")).rename("row"),
    ],
    ids=["range", "period", "hourly", "monthly", "daily"],
)
def test_future_labels_keep_the_name(labels):
    """Labels after the last row carry the name of the index."""
    after = timeline_of(labels).after(labels[-1:], 3)
    assert after.name == "row"
    assert len(after) == 3
    assert type(after) is type(labels)
    assert getattr(after, "tz", None) == getattr(labels, "tz", None)


def test_kinds_are_told_apart():
    """A timeline accepts labels of its own kind only."""
    kinds = [
        pd.RangeIndex(4),
        stamps("h"),
        pd.period_range("2024", periods=3, freq="D"),
    ]
    for i, labels in enumerate(kinds):
        timeline = timeline_of(labels)
        assert [timeline.accepts(other) for other in kinds] == [
            i == j for j in range(len(kinds))
        ]
        assert not timeline.accepts(None)
        assert not timeline.accepts(pd.Index(["a", "b"]))
    assert timeline_of(kinds[0]).accepts(pd.Index([3, 1]))


def test_naive_and_zoned_stamps_are_not_mixed():
    """Stamps with a zone after stamps without one are refused, both ways round."""
    naive, zoned = stamps("h"), stamps("h", zone="UTC")
    with pytest.raises(ValueError, match="must be in one time zone throughout"):
        timeline_of(naive).check_comparable(zoned)
    with pytest.raises(ValueError, match=r"labels in zone None after a fit on .* UTC"):
        timeline_of(zoned).check_comparable(naive)
    timeline_of(zoned).check_comparable(zoned.tz_convert("Europe/Berlin"))
    timeline_of(naive).check_comparable(naive)


@pytest.mark.parametrize(
    "labels",
    [
        pd.Index(["a", "b", "c"]),
        pd.Index([0.0, 1.0, 2.0]),
        pd.Index([False, True]),
        pd.timedelta_range("0h", periods=3, freq="h"),
        pd.interval_range(0, 3),
        pd.Index([pd.Timestamp("2024"), pd.Timestamp("2025")], dtype=object),
        pd.MultiIndex.from_product([["a"], [0, 1, 2]]),
        pd.CategoricalIndex(["a", "b"]),
    ],
    ids=lambda labels: type(labels).__name__ + "-" + str(labels.dtype),
)
def test_other_labels_count_nothing(labels):
    """Labels that do not count rows have no timeline."""
    assert timeline_of(labels) is None


def test_one_stamp_has_a_step_only_from_freq():
    """One time stamp says nothing of the next one unless its index has a ``freq``."""
    labels = stamps("h", periods=1)
    assert timeline_of(without_freq(labels)) is None
    assert timeline_of(labels).after(labels, 2).equals(stamps("h", periods=3)[1:])


# -- what is refused ----------------------------------------------------------------


def test_stamps_without_a_common_step_are_refused():
    """Irregular stamps are named together with the step of the others."""
    labels = pd.DatetimeIndex(
        ["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 02:37"]
    )
    with pytest.raises(ValueError, match="must have a common step") as caught:
        timeline_of(labels)
    words = [
        "0 days 01:00:00 in 2 of 3 steps",
        "0 days 00:37:00",
        "02:37:00",
        "resampl",
    ]
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("freq", ["h", "D", "MS", "ME", "B"])
def test_stamps_between_two_steps_are_refused(freq, zone):
    """New rows off the step of the fitted ones are refused, not rounded."""
    labels = stamps(freq, zone=zone, periods=12)
    timeline = timeline_of(labels[:8])
    off_step = labels[8:].delete(2).insert(2, labels[10] + pd.Timedelta("37min"))
    for method in (timeline.run_starts, timeline.distances):
        with pytest.raises(ValueError, match="must lie a whole number of steps") as e:
            method(off_step)
        assert repr(off_step[2]) in str(e.value)


def test_stamps_off_phase_are_refused():
    """Hourly rows on the half hour do not follow hourly rows on the hour."""
    timeline = timeline_of(stamps("h", start="2024-01-01 00:00"))
    with pytest.raises(ValueError, match="must lie a whole number of steps"):
        timeline.distances(stamps("h", start="2024-02-01 00:30"))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (pd.Index([3, 2, 4]), ["Got 2 after 3 in", "sort_index()"]),
        (pd.RangeIndex(3, 0, -1), ["Got 2 after 3", "sort_index()"]),
        (stamps("D", periods=3)[::-1], ["2023-01-16", "2023-01-17", "sort_index()"]),
        (pd.PeriodIndex(["2024-02", "2024-01"], freq="M"), ["2024-01", "2024-02"]),
        (stamps("h", zone="UTC", periods=4)[[0, 2, 1, 3]], ["01:00:00", "02:00:00"]),
    ],
    ids=["integers", "range", "stamps", "periods", "zoned"],
)
def test_labels_out_of_order_are_refused(labels, words):
    """Rows must be in time order; the first label that is not is named."""
    with pytest.raises(ValueError, match=r"Owner needs rows in time order") as caught:
        check_order(labels, owner="Owner")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "labels",
    [
        pd.Index([1, 2, 2, 3]),
        stamps("D", periods=3)[[0, 1, 1, 2]],
        pd.PeriodIndex(["2024-01", "2024-01"], freq="M"),
    ],
    ids=["integers", "stamps", "periods"],
)
def test_duplicated_labels_are_refused(labels):
    """One label stands for one row; the first that is repeated is named."""
    with pytest.raises(ValueError, match="Owner needs one row per label") as caught:
        check_order(labels, owner="Owner")
    assert repr(labels[labels.duplicated()].tolist()[0]) in str(caught.value)
    assert "groupby(level=0)" in str(caught.value)


def test_an_hour_that_clocks_repeat_is_told_from_other_duplicates():
    """Naive stamps that a clock set back may have made are to be given a zone."""
    clock = stamps("h", zone="Europe/Berlin", start="2024-10-26", periods=72)
    with pytest.raises(ValueError, match=r"tz_localize\(zone, ambiguous='infer'\)"):
        check_order(clock.tz_localize(None), owner="Owner")
    hours, days = stamps("h", periods=4), stamps("D", periods=4)
    noon = stamps("h", start="2024-01-01 12:00", periods=4)
    for labels in [hours[[0, 1, 1, 1]], noon[[0, 1, 1, 2]], days[[0, 1, 1, 2]]]:
        with pytest.raises(ValueError, match="more than once") as caught:
            check_order(labels, owner="Owner")
        assert "tz_localize" not in str(caught.value)


@pytest.mark.parametrize(
    "labels",
    [
        pd.DatetimeIndex(["2024-01-01", None, "2024-01-03"]),
        pd.PeriodIndex(["2024-01", None, "2024-03"], freq="M"),
        pd.Index([1, None, 3], dtype="Int64"),
    ],
    ids=["stamps", "periods", "Int64"],
)
def test_missing_labels_are_refused(labels):
    """NaT is no label; the row that has it is named."""
    with pytest.raises(ValueError, match=r"NaT or NaN in row 1 of the index"):
        check_order(labels, owner="Owner")


@pytest.mark.parametrize(
    "labels",
    [pd.RangeIndex(5), pd.Index([4]), stamps("h"), stamps("D").delete(3)],
    ids=["range", "one", "hourly", "hole"],
)
def test_increasing_labels_are_accepted(labels):
    """Strictly increasing labels pass, with or without holes."""
    check_order(labels, owner="Owner")


def test_disorder_at_the_end_is_found_at_once():
    """The message on a long index that falls back at its end costs no loop over it."""
    labels = stamps("min", periods=200_000)
    start = perf_counter()
    with pytest.raises(ValueError, match="in time order"):
        check_order(labels.append(labels[:1]), owner="Owner")
    assert perf_counter() - start < 0.5


@pytest.mark.parametrize("freq", ["MS", "W-SUN", "B", "YE"])
def test_labels_that_move_on_share_their_grid(freq):
    """Windows that go on for 200 rows, as those of a forecast do, make few grids."""
    labels = pd.date_range("1801-01-01", periods=240, freq=freq)
    timeline = timeline_from_labels(labels[:40], n_rows=40)
    before = _cached_grid.cache_info().misses
    for end in range(41, 241):
        assert timeline.run_starts(labels[end - 12 : end]).tolist() == [0]
        assert timeline.distances(labels[end - 12 : end])[-1] == end - 40
    assert _cached_grid.cache_info().misses - before < 60


def test_grids_end_where_nanoseconds_do():
    """Stamps shortly before the last that nanoseconds can tell, and beyond it."""
    every = [pd.date_range("2200-01-01", "2262-04-01", freq="MS", unit="ns")]
    if int(pd.__version__.split(".")[0]) >= 3:  # date_range counted nanoseconds before
        every.append(pd.date_range("2300-01-01", periods=50, freq="MS", unit="s"))
    for labels in every:
        timeline = timeline_from_labels(labels, n_rows=len(labels))
        assert timeline.run_starts(labels.delete(20)).tolist() == [0, 20]
        assert timeline.distances(labels[:1]).tolist() == [1 - len(labels)]
