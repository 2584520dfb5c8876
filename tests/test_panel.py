"""Panels: windows of many series in one long frame, and what follows from them.

The references are a SlidingWindow for each group alone, loops over groups, and NumPy
arrays of the same windows.
"""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, PanelTimeSeriesSplit, SlidingWindow
from sklstm.network._rows import in_time_order, split_newest
from sklstm.windows._panel import newest_rows
from sklstm.windows._windows import PanelWindows, is_next_window, ranges, true_steps

TIMES = {
    "integer": lambda t: pd.Index(t),
    "hour": lambda t: pd.Timestamp("2024-03-30 20:00") + pd.to_timedelta(t, "h"),
    "zoned hour": lambda t: (
        pd.Timestamp("2024-03-30 20:00", tz="Europe/Berlin") + pd.to_timedelta(t, "h")
    ),
    "day": lambda t: pd.Timestamp("2024-03-30") + pd.to_timedelta(t, "D"),
    "zoned day": lambda t: pd.DatetimeIndex(
        pd.Timestamp("2024-03-30") + pd.to_timedelta(t, "D")
    ).tz_localize("Europe/Berlin"),
    "month": lambda t: pd.DatetimeIndex(
        [pd.Timestamp("2020-01-01") + pd.DateOffset(months=int(i)) for i in t]
    ),
    "period": lambda t: pd.PeriodIndex.from_ordinals(np.asarray(t), freq="Q"),
}

KEYS = {
    "string": lambda codes: [f"store {code}" for code in codes],
    "int": lambda codes: list(codes),
    "category": lambda codes: pd.Categorical(
        [f"store {code}" for code in codes],
        categories=[f"store {code}" for code in range(99, -1, -1)],
    ),
    "stamp": lambda codes: pd.Timestamp("2024-01-01") + pd.to_timedelta(codes, "D"),
}


def long_frame(times_of, columns=("load", "price")):
    """Return rows, group by group, whose values tell group, time and column apart."""
    rows = [
        (code, t, *(1000 * code + 10 * t + c for c in range(len(columns))))
        for code, times in times_of.items()
        for t in times
    ]
    frame = pd.DataFrame(rows, columns=["store", "t", *columns])
    return frame.astype(dict.fromkeys(columns, float))


@st.composite
def panels(draw):
    """Draw the times of fitted rows by group, of later rows, and parameters."""
    params = {
        "window": draw(st.integers(1, 4)),
        "horizon": draw(st.integers(0, 2)),
        "known": draw(st.sampled_from([(), "price", ("load", "price")])),
        "known_ahead": 0,
    }
    if params["known"]:
        params["known_ahead"] = draw(st.integers(0, params["window"] - 1))
    # The first group is whole, so that the step is 1 whatever the others lack.
    fitted = {0: list(range(10))}
    for code in range(1, draw(st.integers(1, 3)) + 1):
        fitted[code] = sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=9)))
    new = {
        code: sorted(draw(st.sets(st.integers(0, 18), min_size=1, max_size=9)))
        for code in draw(st.sets(st.integers(0, 6), min_size=1, max_size=4))
    }
    return params, fitted, new, draw(st.randoms(use_true_random=False))


def shuffled(frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)
    return frame.iloc[order]


def quietly(call, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return call(*args)


def windows_of_group(params, fitted, rows):
    """Return the windows of one group's rows, in time order, by a SlidingWindow."""
    past = fitted.set_index("t")[["load", "price"]]
    # An index of one or no row tells no step: some rows of a far past tell it.
    far = pd.DataFrame(-1.0, index=range(-1000, -995), columns=past.columns)
    alone = SlidingWindow(**params).fit(pd.concat([far, past]))
    return quietly(alone.transform, rows.set_index("t")[["load", "price"]])


# -- windows ------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The index has")
@settings(max_examples=40)
@given(panels())
def test_windows_are_those_of_each_group_alone(case):
    """Fitted rows, later rows and new groups see what each group alone would see."""
    params, fitted_times, new_times, random = case
    fitted, new = long_frame(fitted_times), long_frame(new_times)
    panel = SlidingWindow(**params, groups="store", time="t")
    train = shuffled(fitted, random)
    windows = np.asarray(panel.fit_transform(train))
    again = np.asarray(quietly(panel.transform, train))
    np.testing.assert_array_equal(windows, again)
    rows = shuffled(new, random)
    found = np.asarray(quietly(panel.transform, rows))
    assert found.shape == (len(rows), params["window"], 2)
    for code, own in rows.groupby("store"):
        own = own.sort_values("t")
        past = fitted[fitted["store"] == code]
        expected = windows_of_group(params, past, own)
        np.testing.assert_array_equal(
            found[rows.index.get_indexer(own.index)], expected
        )


@pytest.mark.filterwarnings("ignore:The index has")
@settings(max_examples=30)
@given(panels())
def test_shuffling_rows_permutes_windows(case):
    """The order of rows changes nothing but the order of windows."""
    params, fitted_times, new_times, random = case
    fitted, new = long_frame(fitted_times), long_frame(new_times)
    panel = SlidingWindow(**params, groups="store", time="t").fit(fitted)
    other = clone(panel).fit(shuffled(fitted, random))
    np.testing.assert_array_equal(panel.context_, other.context_)
    order = list(range(len(new)))
    random.shuffle(order)
    expected = np.asarray(quietly(panel.transform, new))[order]
    found = np.asarray(quietly(other.transform, new.iloc[order]))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:The index has")
@settings(max_examples=30)
@given(panels())
def test_adding_a_group_changes_no_other(case):
    """Windows of a group are the same whoever else is in the frame."""
    params, fitted_times, new_times, _ = case
    fitted, new = long_frame(fitted_times), long_frame(new_times)
    panel = SlidingWindow(**params, groups="store", time="t")
    fewer = np.asarray(quietly(panel.fit(fitted).transform, new))
    more_rows = long_frame({50: range(3, 30), -3: [0, 7]})
    panel.fit(pd.concat([more_rows, fitted]))
    more = np.asarray(quietly(panel.transform, pd.concat([new, more_rows])))
    np.testing.assert_array_equal(more[: len(new)], fewer)


@pytest.mark.filterwarnings("ignore:The index has")
@settings(max_examples=40)
@given(panels(), st.integers(0, 18))
def test_no_window_reads_what_comes_later(case, now):
    """Values after a time change no window up to it, in no group."""
    params, fitted_times, new_times, _ = case
    params["horizon"] = max(params["horizon"], 1)
    fitted, new = long_frame(fitted_times), long_frame(new_times)
    panel = SlidingWindow(**params, groups="store", time="t").fit(fitted)
    before = np.asarray(quietly(panel.transform, new))
    changed = new.copy()
    known = np.atleast_1d(params["known"]).tolist()
    for column in ("load", "price"):
        last = now + (params["known_ahead"] if column in known else 0)
        changed.loc[changed["t"] > last, column] = -77.0
    after = np.asarray(quietly(panel.transform, changed))
    is_past = (new["t"] <= now).to_numpy()
    np.testing.assert_array_equal(after[is_past], before[is_past])


@pytest.mark.parametrize("is_index", [False, True])
@pytest.mark.parametrize("kind", TIMES)
def test_times_of_every_kind(kind, is_index):
    """Stamps, zones, months, periods and integers count rows alike, holes and all."""
    times = {0: range(12), 1: [*range(3, 7), *range(9, 15)]}
    plain = long_frame(times)
    frame = plain.assign(t=TIMES[kind](plain["t"].to_numpy()))
    expected = SlidingWindow(3, groups="store", time="t").fit_transform(plain)
    if is_index:
        panel = SlidingWindow(3, groups="store")
        found = panel.fit_transform(frame.set_index("t"))
    else:
        panel = SlidingWindow(3, groups="store", time="t")
        found = panel.fit_transform(frame)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert true_steps(found).tolist() == true_steps(np.asarray(expected)).tolist()


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_every_kind(kind):
    """Strings, numbers, categories and stamps tell groups apart, also after ``fit``."""
    plain = long_frame({3: range(8), 11: range(2, 9), 7: range(5)})
    later = long_frame({7: range(5, 8), 20: range(4), 3: range(8, 10)})
    expected = SlidingWindow(3, groups="store", time="t").fit(plain).transform(later)
    keyed, more = (f.assign(store=KEYS[kind](f["store"])) for f in (plain, later))
    panel = SlidingWindow(3, groups="store", time="t").fit(keyed)
    np.testing.assert_array_equal(
        np.asarray(panel.transform(more)), np.asarray(expected)
    )
    if kind == "category":  # and plain strings after categories
        found = panel.transform(more.astype({"store": str}))
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_several_columns_are_one_key():
    """Groups are the pairs that are there."""
    plain = long_frame({0: range(6), 1: range(6), 2: range(6), 3: range(6)})
    pairs = plain.assign(town=plain["store"] // 2, store=plain["store"] % 2)
    panel = SlidingWindow(2, groups=["town", "store"], time="t").fit(pairs)
    assert panel.groups_.tolist() == [(0, 0), (0, 1), (1, 0), (1, 1)]
    expected = SlidingWindow(2, groups="store", time="t").fit_transform(plain)
    np.testing.assert_array_equal(
        np.asarray(panel.transform(pairs)), np.asarray(expected)
    )
    assert panel.get_feature_names_out()[:2].tolist() == ["load_t-2", "price_t-2"]


def test_groups_may_be_out_of_phase():
    """Quarters that end in other months, and days of other weeks, are one step each."""
    ends = [
        pd.date_range("2020-03-31", periods=6, freq="QE-DEC"),
        pd.date_range("2020-01-31", periods=6, freq="QE-JAN"),
    ]
    weeks = [
        pd.date_range(day, periods=6, freq="7D") for day in ("2024-01-01", "2024-01-03")
    ]
    for stamps in (ends, weeks):
        frame = pd.concat(
            [
                pd.DataFrame({"t": t, "store": i, "load": range(6)})
                for i, t in enumerate(stamps)
            ]
        )
        windows = SlidingWindow(2, groups="store", time="t").fit_transform(frame)
        assert true_steps(windows).tolist() == [0, 1, 2, 2, 2, 2] * 2


def test_time_alone_reads_one_series_in_any_order():
    """Without groups the rows of one series are put in order by their times."""
    frame = long_frame({0: [5, 3, 4, 0, 1, 2]})[["t", "load"]]
    windows = SlidingWindow(2, time="t").fit_transform(frame)
    expected = SlidingWindow(2).fit_transform(frame.set_index("t").sort_index())
    np.testing.assert_array_equal(np.asarray(windows), expected[frame["t"]])


def test_flat_windows_and_frames():
    """Lag tables, and DataFrames at the index of X, hold the same values."""
    frame = long_frame({0: range(5), 1: range(4)}).sample(frac=1, random_state=0)
    panel = SlidingWindow(2, groups="store", time="t", known="price")
    windows = np.asarray(panel.fit_transform(frame))
    flat = clone(panel).set_params(layout="flat").fit_transform(frame)
    np.testing.assert_array_equal(flat, windows.reshape(len(frame), -1))
    table = clone(panel).set_output(transform="pandas").fit_transform(frame)
    assert table.index.equals(frame.index)
    assert table.columns.tolist() == ["load_t-2", "price_t-1", "load_t-1", "price_t"]
    np.testing.assert_array_equal(table, flat)


def test_context_is_kept_compactly():
    """The context is one array, whose groups stand one after another."""
    fitted = long_frame({0: range(9), 1: [0, 1, 2, 5, 6], 2: [4]})
    panel = SlidingWindow(3, groups="store", time="t").fit(fitted)
    assert panel.context_.shape == (3 + 2 + 1, 2)
    assert panel.context_[:, 0].tolist() == [60, 70, 80, 1050, 1060, 2040]
    loaded = pickle.loads(pickle.dumps(panel))
    later = long_frame({0: [9], 1: [7], 2: [5]})
    expected = [[60, 70, 80], [np.nan, 1050, 1060], [np.nan, np.nan, 2040]]
    np.testing.assert_array_equal(loaded.transform(later)[:, :, 0], expected)


def test_fitted_attributes():
    """Columns of groups and time are features of X, but no channels."""
    panel = SlidingWindow(3, groups="store", time="t", known="price")
    panel.fit(long_frame({0: range(5), 1: range(5)}))
    assert panel.n_features_in_ == 4
    assert panel.feature_names_in_.tolist() == ["store", "t", "load", "price"]
    assert panel.is_known_.tolist() == [False, True]
    assert panel.groups_.tolist() == [0, 1]


# -- errors and warnings ------------------------------------------------------------


def panel_error(frame, match, **params):
    with pytest.raises(ValueError, match=match):
        SlidingWindow(2, **{"groups": "store", "time": "t"} | params).fit(frame)


def test_times_of_several_series_without_groups():
    """That rows may be of several groups is said before they are dropped."""
    frame = long_frame({1: range(6), 2: range(6)})
    with pytest.raises(ValueError, match="name the columns of groups, or drop"):
        SlidingWindow(2, time="t").fit(frame[["t", "load", "price"]])


def test_duplicates_are_named():
    """Every group has one row per time; those that come again are named."""
    frame = long_frame({4: [0, 1, 2], 5: [0, 1, 1, 2, 2]})
    match = "needs one row per group and time. Got 2 more: 1 of group 5, 2 of group 5;"
    panel_error(frame, match)
    panel = SlidingWindow(2, groups="store", time="t").fit(frame[:5])
    with pytest.raises(ValueError, match=match):
        panel.transform(frame)
    # The same time in another group is none.
    assert len(panel.transform(long_frame({4: [0], 5: [0]}))) == 2


def test_missing_keys_and_times_are_named():
    """NaN tells no group, and NaT no time."""
    frame = long_frame({0: range(4)})
    keys = frame.astype({"store": object})
    keys.loc[2, "store"] = None
    panel_error(keys, "a group for every row. Got NaN in row .*2.*, column 'store'")
    stamps = frame.assign(t=TIMES["day"](frame["t"]))
    stamps.loc[1, "t"] = pd.NaT
    panel_error(stamps, "a time for every row. Got NaT or NaN in row 1")


def test_columns_that_are_not_there_are_named():
    """A long frame has the columns of groups and time, once each."""
    frame = long_frame({0: range(4)})
    panel_error(frame, "Got no column 'shop' in", groups="shop")
    panel_error(frame, "Got no column 'date' in", time="date")
    twice = pd.concat([frame, frame["store"]], axis=1)
    panel_error(twice, "Got 2 column 'store'")
    with pytest.raises(ValueError, match=r"X as a DataFrame.*Got ndarray"):
        SlidingWindow(groups="store").fit(frame.to_numpy())
    panel_error(frame[["store", "t"]], "needs columns")


def test_times_that_count_nothing_are_refused():
    """Strings and floats are no times; an index of another kind is none after fit."""
    frame = long_frame({0: range(4)})
    panel_error(
        frame.astype({"t": str}),
        "stamps, periods or integers as time. Got (str|object) in",
    )
    panel_error(frame.astype({"t": float}), "Got float64 in column 't' of X")
    panel = SlidingWindow(2, groups="store", time="t").fit(frame)
    with pytest.raises(ValueError, match="time of the kind that fit had, int64"):
        panel.transform(frame.assign(t=TIMES["day"](frame["t"])))


def test_irregular_times_are_named():
    """Times between two steps are an error that names them and their group."""
    times = pd.to_datetime([f"2024-01-0{day} 00:00" for day in (1, 2, 3)])
    times = times.append(pd.DatetimeIndex(["2024-01-04 07:00"]))
    frame = pd.DataFrame({"store": "a", "t": times, "load": 1.0})
    panel_error(frame, "must have a common step")
    panel = SlidingWindow(2, groups="store", time="t").fit(frame[:3])
    for rows in (frame, frame[3:]):
        with pytest.raises(ValueError, match=r"Got Timestamp.*07:00.* of group 'a'"):
            panel.transform(rows)


def test_other_errors():
    """Short groups, mixed keys, unknown or positional columns, and shifted y."""
    frame = long_frame({0: [0], 1: [0], 2: [1]})
    panel_error(frame, "so that one row has a past. Got 1 row.s. in the longest group")
    mixed = long_frame({0: range(3), 1: range(3)}).astype({"store": object})
    mixed.loc[0, "store"] = pd.Timestamp("2024-01-01")
    panel_error(mixed, "groups of one type")
    frame = long_frame({0: range(4)})
    panel_error(frame, "must name columns of X", known="store")
    panel_error(frame, "must name columns of X", known=0)
    with pytest.raises(ValueError, match="needs y at the index of X"):
        SlidingWindow(groups="store", time="t").fit(frame, frame["load"].iloc[::-1])
    holed = frame.assign(load=[0, np.nan, 2, 3])
    panel_error(holed, "finite values.*Got NaN in row 1, column 'load'")


def test_a_gap_after_every_group_warns():
    """Where no group follows its rows of fit, one warning says so; else none does."""
    panel = SlidingWindow(2, groups="store", time="t")
    panel.fit(long_frame({0: range(5), 1: range(5)}))
    with pytest.warns(
        UserWarning, match=r"No group of X begins right after.*7 of group 0"
    ):
        panel.transform(long_frame({0: [7, 8], 1: [9]}))
    panel.transform(long_frame({0: [7, 8], 1: [5]}))
    panel.transform(long_frame({8: [7, 8]}))


# -- PanelWindows -------------------------------------------------------------------


def some_windows():
    frame = long_frame({0: range(7), 1: range(5)}).sample(frac=1, random_state=1)
    return SlidingWindow(3, groups="store", time="t").fit_transform(frame)


@pytest.mark.parametrize(
    "key",
    [
        3,
        slice(2, 9, 2),
        slice(None),
        [4, 1, 1],
        np.arange(12) % 3 == 0,
        (slice(None), -1),
        ([5, 2], -1, slice(None)),
        (slice(None, -1), slice(1, None), 0),
        (2, 0, 1),
        Ellipsis,
        (Ellipsis, 0),
        (slice(0, 4), [0, 2]),
        (None, 3),
        np.array([[1, 2], [3, 4]]),
    ],
    ids=str,
)
def test_indexing_is_that_of_the_array(key):
    """Indexing reads what indexing of the whole array would read."""
    windows = some_windows()
    np.testing.assert_array_equal(windows[key], np.asarray(windows)[key])


def test_windows_are_an_array_like():
    """Shape, length and dtype are those of the array; ``order`` sorts by run."""
    windows = some_windows()
    array = np.asarray(windows)
    assert (windows.shape, windows.ndim, len(windows)) == (array.shape, 3, 12)
    assert windows.dtype == array.dtype == np.float32
    assert np.asarray(windows, dtype=float).dtype == float
    with pytest.raises(ValueError, match="only be copied"):
        windows.__array__(copy=False)
    in_order = windows.rows(windows.order())
    assert in_order.order() is None
    counts = true_steps(in_order)
    assert counts.tolist() == [0, 1, 2, 3, 3, 3, 3, 0, 1, 2, 3, 3]
    assert np.flatnonzero(~is_next_window(in_order, counts)).tolist() == [6]
    single = SlidingWindow(1, groups="store", time="t")
    single = single.fit_transform(long_frame({0: range(3), 1: range(3)}))
    assert is_next_window(single, true_steps(single)).tolist() == [1, 1, 0, 1, 1]


def test_windows_cost_no_more_than_rows():
    """Memory grows with rows and groups, not with the window times the rows."""
    frame = long_frame({code: range(100) for code in range(200)}, columns=["load"])
    frame = frame.sample(frac=1, random_state=0)
    rows = len(frame) * 8
    peaks = []
    for window in (5, 20):
        tracemalloc.start()
        windows = SlidingWindow(window, groups="store", time="t").fit_transform(frame)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert isinstance(windows, PanelWindows)
        assert windows.base.nbytes < rows
    # An array of windows of 20 would take ten times the rows.
    assert peaks[1] < peaks[0] + 2 * rows


# -- arithmetic ---------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=6))
def test_ranges_are_concatenated(parts):
    """``ranges`` is a loop over arange."""
    starts, lengths = np.array(parts, dtype=int).reshape(-1, 2).T
    expected = [i for start, n in parts for i in range(start, start + n)]
    assert ranges(starts, lengths).tolist() == expected


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(0, 5), st.data()
)
def test_newest_rows_are_those_of_the_last_run(lengths, n_newest, data):
    """Of each group the newest rows of its last run are kept."""
    groups = sorted(data.draw(st.integers(0, 3)) for _ in lengths)
    groups = np.unique(groups, return_inverse=True)[1]
    starts = np.cumsum([0, *lengths[:-1]])
    rows, offsets = newest_rows(starts, groups, sum(lengths), n_newest)
    expected = []
    for group in np.unique(groups):
        last = np.flatnonzero(groups == group)[-1]
        run = range(starts[last], starts[last] + lengths[last])
        expected.append(list(run)[max(len(run) - n_newest, 0) :])
    assert rows.tolist() == [row for part in expected for row in part]
    assert np.diff(offsets).tolist() == [len(part) for part in expected]


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.floats(0, 0.5),
    st.integers(1, 3),
    st.data(),
)
def test_every_group_has_a_tail_of_its_own(lengths, fraction, steps, data):
    """The newest share of each group validates; rows that reach into it are out."""
    groups = np.repeat(np.arange(len(lengths)), lengths)
    is_kept = [data.draw(st.booleans()) for _ in groups]
    rows = np.flatnonzero(is_kept)
    if not len(rows):
        return
    training, validation = split_newest(rows, fraction, steps, groups)
    expected_training, expected_validation = [], []
    for group in range(len(lengths)):
        own = [row for row in rows if groups[row] == group]
        n_tail = round(len(own) * fraction)
        tail = own[len(own) - n_tail :]
        expected_validation += tail
        early = own[: len(own) - n_tail]
        expected_training += [r for r in early if not tail or r + steps - 1 < tail[0]]
    assert training.tolist() == expected_training
    assert validation.tolist() == expected_validation


def test_time_order_of_a_panel():
    """Targets and weights go along with the windows; a series stays as it is."""
    windows = some_windows()
    y = windows[:, -1, 0]
    ordered, targets, none = in_time_order(windows, y, None)
    np.testing.assert_array_equal(ordered[:, -1, 0], targets)
    assert none is None
    assert (np.diff(ordered.starts) > 0).all()
    array = np.zeros((3, 2, 1))
    assert in_time_order(array, y)[0] is array


# -- learning -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sales():
    """Return three noisy series in one shuffled frame, one of them with a hole."""
    rng = np.random.default_rng(0)
    parts = []
    for code, n_rows in enumerate([60, 50, 40]):
        days = pd.date_range("2024-01-01", periods=n_rows)
        load = (code + 1) * np.sin(np.arange(n_rows) / 3) + rng.normal(0, 0.1, n_rows)
        parts.append(pd.DataFrame({"store": f"s{code}", "day": days, "load": load}))
    parts[1] = parts[1].drop(index=range(20, 24))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=3)


def lstm_pipe(**params):
    params = {"units": 2, "epochs": 2, "batch_size": 16, "random_state": 0} | params
    windows = SlidingWindow(4, groups="store", time="day")
    return make_pipeline(windows, LSTMRegressor(**params))


@pytest.mark.parametrize(
    "params", [{}, {"steps": 2}, {"early_stopping": True, "highway": False}], ids=str
)
def test_a_fit_does_not_depend_on_the_order_of_rows(sales, params):
    """Shuffled rows give the same network, bit for bit, and permuted predictions."""
    ordered = sales.sort_values(["store", "day"])
    weight = np.linspace(0, 1, len(sales))
    fits = []
    for frame in (sales, ordered):
        weights = pd.Series(weight, sales.index)[frame.index].to_numpy()
        pipe = lstm_pipe(**params)
        pipe.fit(frame, frame["load"], lstmregressor__sample_weight=weights)
        fits.append(pd.Series(pipe.predict(sales), sales.index))
        own = pd.Series(pipe.predict(frame), frame.index)
        pd.testing.assert_series_equal(own[sales.index], fits[-1])
    np.testing.assert_array_equal(fits[0], fits[1])


def test_a_fit_on_an_array_of_windows_is_the_same(sales):
    """The array of the windows, in order, teaches the same, but for sizes of groups."""
    ordered = sales.sort_values(["store", "day"])
    windows = SlidingWindow(4, groups="store", time="day").fit_transform(ordered)
    regressor = LSTMRegressor(
        2, epochs=2, early_stopping=False, scaling="standard", random_state=0
    )
    one = regressor.fit(windows, ordered["load"]).predict(windows)
    other = regressor.fit(np.asarray(windows), ordered["load"]).predict(windows)
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_later_values_change_no_earlier_prediction(sales):
    """A fitted pipeline reads nothing later, of no group."""
    pipe = lstm_pipe().fit(sales, sales["load"])
    later = sales["day"] > "2024-02-10"
    changed = sales.assign(load=sales["load"].where(~later, 99.0))
    np.testing.assert_array_equal(
        pipe.predict(changed)[~later], pipe.predict(sales)[~later]
    )
    assert (pipe.predict(changed)[later] != pipe.predict(sales)[later]).any()


def test_window_and_network_in_one_grid(sales):
    """GridSearchCV tunes both over folds that cut all groups at the same days."""
    cv = PanelTimeSeriesSplit(2, time="day")
    grid = {"slidingwindow__window": [2, 4]}
    search = GridSearchCV(lstm_pipe(), grid, cv=cv, error_score="raise")
    search.fit(sales, sales["load"])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(sales).shape == (len(sales),)


def test_ridge_behind_flat_windows(sales):
    """Any regressor predicts from the lag table; the first test rows see their past."""
    windows = SlidingWindow(2, groups="store", time="day", layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), Ridge())
    cv = PanelTimeSeriesSplit(3, time="day")
    scores = cross_val_score(pipe, sales, sales["load"], cv=cv, error_score="raise")
    expected = []
    for train, test in cv.split(sales):
        rows = sales.iloc[[*train, *test]]
        lags = pd.DataFrame(index=rows.index, columns=[2, 1], dtype=float)
        for _, part in rows.groupby("store"):
            by_day = part.set_index("day")["load"]
            past = by_day.reindex(part["day"] - pd.Timedelta(days=1)).to_numpy()
            lags.loc[part.index, 1] = past
            older = by_day.reindex(part["day"] - pd.Timedelta(days=2)).to_numpy()
            lags.loc[part.index, 2] = np.where(np.isnan(past), np.nan, older)
        ridge = make_pipeline(SimpleImputer(), Ridge())
        is_train = np.arange(len(rows)) < len(train)
        ridge.fit(lags[is_train], rows["load"][is_train])
        expected.append(ridge.score(lags[~is_train], rows["load"][~is_train]))
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_windows_of_a_panel_are_written_in_a_line():
    """Their shape and dtype, not the arrays inside."""
    X = pd.DataFrame({"shop": [*"aabb"], "day": [0, 1, 0, 1], "load": [1.0, 2, 3, 4]})
    windows = SlidingWindow(2, groups="shop", time="day").fit_transform(X)
    assert repr(windows) == "<PanelWindows of shape (4, 2, 1), float32>"
