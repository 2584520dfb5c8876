"""Labels as plain data: what is read back counts rows as before."""

import datetime
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from dateutil.tz import tzoffset

from sklstm import SlidingWindow
from sklstm._stored_labels import (
    cure_of_labels,
    index_as_data,
    index_from_data,
    step_as_data,
    step_from_data,
)

N_ROWS = 30
TWO_HOURS_EAST = datetime.timezone(datetime.timedelta(hours=2))
NAMED_ZONE = datetime.timezone(datetime.timedelta(hours=-5), "plant")
SHIFTS = pd.offsets.CustomBusinessHour(
    start=["06:00", "13:00"], end=["12:00", "20:30"], holidays=["2024-01-03"]
)
HOLIDAYS = pd.offsets.CustomBusinessDay(holidays=["2024-01-03"], weekmask="Mon Wed Fri")


def dates(freq="D", **options):
    return pd.date_range("2024-01-01", periods=N_ROWS, freq=freq, **options)


INDEXES = {
    "range": pd.RangeIndex(3, 3 + 2 * N_ROWS, 2, name="row"),
    "integers": pd.Index(np.arange(N_ROWS) * 5),
    "hours": dates("h"),
    "seconds": dates("h").as_unit("s"),
    "zone": dates("h", tz="Europe/Berlin", name="when"),
    "UTC": dates("D", tz="UTC"),
    "fixed offset": dates("h", tz=TWO_HOURS_EAST),
    "named offset": dates("h", tz=NAMED_ZONE),
    "opening hours": dates(pd.offsets.BusinessHour(start="10:00", end="18:00")),
    "shifts": dates(SHIFTS),
    "no freq": pd.DatetimeIndex(list(dates("h"))),
    "months": dates("MS"),
    "half years": dates(pd.DateOffset(months=6)),
    "business days": dates("B"),
    "own holidays": dates(HOLIDAYS),
    "periods": pd.period_range("2020Q1", periods=N_ROWS, freq="Q-NOV"),
}
KEYS = {
    "strings": pd.Index(["a", "b"], name="store"),
    "objects": pd.Index(["a", "b"], dtype=object),
    "mixed": pd.Index(["a", 1], dtype=object),
    "floats": pd.Index([0.5, 1.5]),
    "booleans": pd.Index([False, True]),
    "nullable": pd.Index([1, 2], dtype="Int64"),
    "durations": pd.to_timedelta(["1h", "36h"]).rename("shift"),
    "even durations": pd.timedelta_range("1h", periods=3),
    "two with durations": pd.MultiIndex.from_product(
        [["a", "b"], pd.to_timedelta(["1h", "2h"])], names=["store", "shift"]
    ),
    "two columns": pd.MultiIndex.from_arrays(
        [["a", "a", "b"], pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01"])],
        names=["store", "opened"],
    ),
}
STEPS = [
    pd.Timedelta("3h"),
    pd.offsets.MonthBegin(2),
    pd.offsets.Week(weekday=2),
    pd.DateOffset(months=3),
    HOLIDAYS,
    SHIFTS,
    pd.offsets.BusinessHour(2, start="10:00"),
    pd.offsets.Easter(2),
    pd.offsets.CustomBusinessMonthEnd(holidays=["2024-01-31"]),
]


def types_in(data):
    """Return the types that data is made of."""
    if isinstance(data, dict):
        return {dict} | set().union(*map(types_in, data.values()))
    if isinstance(data, list):
        return {list} | set().union(*map(types_in, data))
    return {type(data)}


PLAIN = {dict, list, str, int, float, bool, type(None), np.ndarray}


@pytest.mark.parametrize("name", [*INDEXES, *KEYS])
def test_an_index_comes_back_as_it_was(name):
    """Labels, names, dtype, zone and freq survive, and pandas is not in the data."""
    index = {**INDEXES, **KEYS}[name]
    data = index_as_data(index)
    assert types_in(data) <= PLAIN
    pd.testing.assert_index_equal(index_from_data(data), index, exact=True)
    assert getattr(index_from_data(data), "freq", None) == getattr(index, "freq", None)


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_a_step_comes_back_as_it_was(step):
    """Durations and offsets, holidays among them, survive as plain data."""
    data = step_as_data(step)
    assert types_in(data) <= PLAIN
    again = step_from_data(data)
    assert type(again) is type(step)
    assert again == step
    start = pd.Timestamp("2024-01-02")
    assert [start + again, start + again + again] == [start + step, start + step + step]


class OwnOffset(pd.offsets.CustomBusinessDay):
    """An offset of a user's own."""


DAY = datetime.date(2024, 1, 1)
KEPT = {
    "dates": (pd.Index([DAY]), "groups of date", "strings, integers or stamps"),
    "two with dates": (
        pd.MultiIndex.from_product([["a"], [DAY]]),
        "groups of date",
        "strings",
    ),
    "a zone of dateutil": (
        dates("h", tz=tzoffset(None, 3600)),
        r"zone tzoffset\(None, 3600\)",
        "tz_convert",
    ),
    "an own offset": (OwnOffset(), "freq <OwnOffset>", "another freq"),
    "an index with it": (dates(OwnOffset()), "freq <OwnOffset>", "another freq"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_has_no_plain_form_stays_as_it_is(name):
    """Rare labels are left to pickle, unchanged, and can be told in words."""
    kept, came, cure = KEPT[name]
    for as_data in (index_as_data, step_as_data):
        assert as_data(kept) is kept
    assert index_from_data(kept) is kept
    assert step_from_data(None) is None
    words = cure_of_labels(kept)
    assert re.search(came, words[0]) and cure in words[1]
    assert cure_of_labels("label") is None


@pytest.mark.parametrize("name", INDEXES)
def test_context_is_found_after_storing(name):
    """Rows that follow see their true past, by every kind of index."""
    skops_io = pytest.importorskip("skops.io")
    X = pd.DataFrame({"load": np.arange(N_ROWS, dtype=float)}, index=INDEXES[name])
    sliding_window = SlidingWindow(4).fit(X[:20])
    data = skops_io.dumps(sliding_window)
    types = skops_io.get_untrusted_types(data=data)
    assert all(each.startswith("sklstm.") for each in types)
    for again in (
        skops_io.loads(data, trusted=types),
        pickle.loads(pickle.dumps(sliding_window)),
    ):
        windows = again.transform(X[20:])
        np.testing.assert_array_equal(windows, sliding_window.transform(X[20:]))
        assert not np.isnan(windows).any()
        after = again.timeline_.after(again.timeline_.last, 3)
        expected = sliding_window.timeline_.after(sliding_window.timeline_.last, 3)
        pd.testing.assert_index_equal(after, expected)
