"""SlidingWindow: the five rules of windows, its outputs, its warnings and its errors.

The references are a loop over rows, ``pandas.DataFrame.shift`` and scikit-learn's own
checks of an estimator.
"""

import pickle
import re
import tracemalloc
import warnings
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import SlidingWindow

INDEXES = {
    "range": lambda n: pd.RangeIndex(n),
    "range step 2": lambda n: pd.RangeIndex(10, 10 + 2 * n, 2),
    "integers": lambda n: pd.Index(np.arange(n) + 3),
    "hourly": lambda n: pd.date_range("2024-03-30", periods=n, freq="h"),
    "daily zoned": lambda n: pd.date_range(
        "2024-03-20", periods=n, freq="D", tz="Europe/Berlin"
    ),
    "month end": lambda n: pd.date_range("2020-01-31", periods=n, freq="ME"),
    "periods": lambda n: pd.period_range("2020-01", periods=n, freq="M"),
}


def frame_of(n_rows=20, labels=None, columns=("load", "temp")):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        rng.normal(size=(n_rows, len(columns))), columns=list(columns), index=labels
    )


def windows_by_loop(rows, labels, past, *, window, horizon, known, known_ahead):
    """Return windows from rows by integer label and the past rows by label.

    A row's window reads rows of its own run, and past rows that lie directly before
    that run.
    """
    known = list(known)
    n_channels = len(rows[0])
    if len(known) == n_channels:
        horizon = -known_ahead
    windows = np.full((len(rows), window, n_channels), np.nan, dtype=np.float32)
    own = dict(zip(labels, rows, strict=True))
    for i, label in enumerate(labels):
        run_start = label
        while run_start - 1 in own:
            run_start -= 1
        run_end = label
        while run_end + 1 in own:
            run_end += 1
        readable = {key: own[key] for key in range(run_start, run_end + 1)}
        before = run_start - 1
        while before in past:
            readable[before] = past[before]
            before -= 1
        for step in range(window):
            lagged = label - horizon - window + 1 + step
            if min(lagged, run_end) not in readable:
                continue
            for channel in range(n_channels):
                ahead = horizon + known_ahead if channel in known else 0
                source = min(lagged + ahead, run_end)
                windows[i, step, channel] = readable[source][channel]
    return windows


@st.composite
def two_blocks(draw):
    """Draw parameters, and the integer labels of fitted rows and of new rows."""
    n_channels = draw(st.integers(1, 3))
    params = {
        "window": draw(st.integers(1, 5)),
        "horizon": draw(st.integers(0, 3)),
        "known": draw(st.sets(st.integers(0, n_channels - 1))),
        "known_ahead": 0,
    }
    if params["known"]:
        params["known_ahead"] = draw(st.integers(0, params["window"] - 1))
    # The newest five rows are contiguous, so that the commonest step is 1 whatever
    # three rows are left out before them.
    n_fit = draw(st.integers(6, 16))
    left_out = draw(st.sets(st.integers(0, n_fit - 6), max_size=3))
    fitted = [label for label in range(n_fit) if label not in left_out]
    new = draw(st.sets(st.integers(0, n_fit + 12), min_size=1, max_size=14))
    return params, n_channels, fitted, sorted(new)


def changed_after(X, t, known, known_ahead):
    """Return other values after a row, known ones after the last that it may read."""
    changed = X.copy()
    for column in X:
        later = X.index > X.index[t] + (known_ahead if column in known else 0)
        changed.loc[later, column] = -X.loc[later, column] - 0.5
    return changed


def values_at(labels, n_channels):
    """Return values that tell every label and channel apart."""
    return np.array([[10 * label + c for c in range(n_channels)] for label in labels])


# -- rule 1: one output row per input row -------------------------------------------


@pytest.mark.parametrize("horizon", [0, 1, 3])
@pytest.mark.parametrize("window", [1, 4, 30])
def test_row_t_reads_rows_up_to_t_minus_horizon(window, horizon):
    """Every row has a window: rows t - horizon - window + 1 to t - horizon."""
    X = frame_of()
    windows = SlidingWindow(window=window, horizon=horizon).fit_transform(X)
    assert windows.shape == (20, window, 2)
    assert windows.dtype == np.float32
    for step in range(window):
        shifted = X.shift(horizon + window - 1 - step).astype(np.float32)
        np.testing.assert_array_equal(windows[:, step], shifted)


@pytest.mark.parametrize("horizon", [0, 1, 3])
def test_known_columns_end_at_the_predicted_row(horizon):
    """Known channels are read at t; a step without its lagged row stays missing."""
    X = frame_of()
    windows = SlidingWindow(window=4, horizon=horizon, known="temp").fit_transform(X)
    for back in range(4):
        load = X["load"].shift(horizon + back).astype(np.float32)
        temp = X["temp"].shift(back).astype(np.float32).where(load.notna())
        np.testing.assert_array_equal(windows[:, 3 - back, 0], load)
        np.testing.assert_array_equal(windows[:, 3 - back, 1], temp)


def test_where_all_is_known_no_step_is_missing_for_the_horizon():
    """Known columns alone need no past beyond their window."""
    X = frame_of()
    windows = SlidingWindow(window=4, horizon=3, known=X.columns).fit_transform(X)
    expected = SlidingWindow(window=4, horizon=0).fit_transform(X)
    np.testing.assert_array_equal(windows, expected)
    one_row = SlidingWindow(window=4, horizon=3, known=[0, 1]).fit(X[:1])
    np.testing.assert_array_equal(one_row.transform(X[1:3])[:, -1], X[1:3].astype("f4"))


@pytest.mark.parametrize("known", [["temp"], ("temp",), "temp", 1, [1], np.int64(1)])
def test_known_by_name_or_position(known):
    """A known column may be named or counted, alone or in a sequence."""
    X = frame_of(columns=("load", "temp", "price"))
    expected = SlidingWindow(window=3, known=["temp"]).fit_transform(X)
    windows = SlidingWindow(window=3, known=known).fit_transform(X)
    np.testing.assert_array_equal(windows, expected)


def test_known_by_position_in_an_array():
    """A NumPy array has positions for names."""
    X = frame_of()
    np.testing.assert_array_equal(
        SlidingWindow(window=3, known=1).fit_transform(X.to_numpy()),
        SlidingWindow(window=3, known="temp").fit_transform(X),
    )


def test_known_columns_of_later_rows():
    """The window ends known_ahead rows later; at the end the newest value stands."""
    X = frame_of(20)
    windows = SlidingWindow(4, known="temp", known_ahead=2).fit_transform(X)
    temp = X["temp"].to_numpy(np.float32)
    np.testing.assert_array_equal(windows[10, :, 0], X["load"][6:10].astype("f4"))
    np.testing.assert_array_equal(windows[10, :, 1], temp[9:13])
    np.testing.assert_array_equal(windows[18, :, 1], temp[[17, 18, 19, 19]])
    np.testing.assert_array_equal(windows[19, :, 1], temp[[18, 19, 19, 19]])


def test_later_rows_of_the_context_are_those_that_came():
    """What a window reads of rows kept from fit is not what stood for later ones."""
    X = frame_of(20)
    sliding_window = SlidingWindow(4, known="temp", known_ahead=2)
    whole = sliding_window.fit_transform(X)
    np.testing.assert_array_equal(sliding_window.fit(X[:9]).transform(X[9:]), whole[9:])


@pytest.mark.parametrize(
    "params", [{"known_ahead": 1}, {"known": "temp", "known_ahead": 4}]
)
def test_known_ahead_needs_known_columns_and_a_longer_window(params):
    """Else there is nothing to read ahead, or nothing but that."""
    with pytest.raises(ValueError, match=r"'known_ahead' .* needs known columns and"):
        SlidingWindow(4, **params).fit(frame_of())


def test_target_stays_where_it_is():
    """Windows and target of the same rows pass a pipeline, a splitter and a scorer."""
    X = frame_of(120, INDEXES["hourly"](120))
    pipe = make_pipeline(
        SlidingWindow(window=4, layout="flat"),
        DecisionTreeRegressor(max_depth=2),
    )
    assert pipe.fit(X, X["load"]).predict(X).shape == (120,)
    scores = cross_val_score(pipe, X, X["load"], cv=TimeSeriesSplit(3))
    assert np.isfinite(scores).all()


# -- rule 2: context comes from the index -------------------------------------------


@settings(max_examples=150)
@given(two_blocks())
def test_windows_are_what_a_loop_reads(case):
    """Context, overlaps and holes: every window is the true past that was kept."""
    params, n_channels, fitted, new = case
    X_fit = pd.DataFrame(values_at(fitted, n_channels), index=fitted)
    X_new = pd.DataFrame(values_at(new, n_channels), index=new)
    sliding_window = SlidingWindow(**{**params, "known": sorted(params["known"])})
    np.testing.assert_array_equal(
        sliding_window.fit_transform(X_fit),
        windows_by_loop(X_fit.to_numpy(), fitted, {}, **params),
    )
    horizon = 0 if len(params["known"]) == n_channels else params["horizon"]
    kept = fitted[max(0, len(fitted) - (params["window"] + horizon - 1)) :]
    run_start = fitted[-1]
    while run_start - 1 in fitted:
        run_start -= 1
    past = {label: values_at([label], n_channels)[0] for label in kept}
    past = {label: row for label, row in past.items() if label >= run_start}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        windows = sliding_window.transform(X_new)
    np.testing.assert_array_equal(
        windows, windows_by_loop(X_new.to_numpy(), new, past, **params)
    )


@pytest.mark.parametrize("make_labels", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize("horizon", [0, 1, 3])
def test_rows_after_fit_see_their_true_past(make_labels, horizon):
    """Rows that directly follow those of ``fit`` have the windows of one long fit."""
    X = frame_of(30, make_labels(30))
    for known in ((), "temp"):
        sliding_window = SlidingWindow(window=5, horizon=horizon, known=known)
        expected = clone(sliding_window).fit_transform(X)[20:]
        windows = sliding_window.fit(X[:20]).transform(X[20:])
        np.testing.assert_array_equal(windows, expected)
        assert not np.isnan(windows).any()


@pytest.mark.parametrize("make_labels", INDEXES.values(), ids=INDEXES)
def test_transform_of_the_training_rows_equals_fit_transform(make_labels):
    """The training rows have the same windows a second time, holes or not."""
    X = frame_of(30, make_labels(30))
    for rows in (X, X.drop(X.index[[4, 5, 17]]), X[:2]):
        sliding_window = SlidingWindow(window=5, horizon=1)
        windows = sliding_window.fit_transform(rows)
        np.testing.assert_array_equal(sliding_window.transform(rows), windows)
        np.testing.assert_array_equal(
            clone(sliding_window).fit(rows).transform(rows), windows
        )


def test_transform_of_a_training_array_equals_fit_transform():
    """NumPy rows that begin as those of ``fit`` did bring their own past, silently."""
    X = frame_of().to_numpy()
    sliding_window = SlidingWindow(window=5)
    windows = sliding_window.fit_transform(X)
    np.testing.assert_array_equal(sliding_window.transform(X), windows)
    np.testing.assert_array_equal(sliding_window.transform(X[:7]), windows[:7])


@pytest.mark.filterwarnings("ignore:X begins at")
@pytest.mark.parametrize("make_labels", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize("gap", [1, 2, 7])
def test_a_gap_after_fit_is_never_bridged(make_labels, gap):
    """After left-out rows the windows start anew, with missing steps."""
    X = frame_of(40, make_labels(40))
    sliding_window = SlidingWindow(window=3).fit(X[:20])
    windows = sliding_window.transform(X[20 + gap :])
    expected = SlidingWindow(window=3).fit_transform(X[20 + gap :])
    np.testing.assert_array_equal(windows, expected)
    assert np.isnan(windows[0]).all()


@pytest.mark.parametrize("make_labels", INDEXES.values(), ids=INDEXES)
def test_no_window_crosses_a_hole(make_labels):
    """Rows on the far side of a hole are not read, in ``fit`` and in ``transform``."""
    X = frame_of(30, make_labels(30))
    left = X.drop(X.index[[10, 11]])
    expected = np.concatenate(
        [SlidingWindow(window=4).fit_transform(part) for part in (X[:10], X[12:])]
    )
    sliding_window = SlidingWindow(window=4)
    np.testing.assert_array_equal(sliding_window.fit_transform(left), expected)
    later = sliding_window.fit(X[:5]).transform(left[5:])
    np.testing.assert_array_equal(later[5:], expected[10:])
    np.testing.assert_array_equal(later[:5], expected[5:10])


@pytest.mark.parametrize("start", [16, 17, 18, 19])
def test_rows_that_overlap_fit_see_the_kept_rows_before_them(start):
    """Of rows that ``fit`` has seen, only those strictly earlier become context."""
    X = frame_of(30)
    windows = SlidingWindow(window=6).fit(X[:20]).transform(X[start:])
    full = SlidingWindow(window=6).fit_transform(X)
    for i, row in enumerate(range(start, 30)):
        oldest_kept = 20 - 6
        steps = [s for s in range(6) if row - 6 + s >= oldest_kept]
        np.testing.assert_array_equal(windows[i, steps], full[row, steps])
        assert np.isnan(windows[i, : 6 - len(steps)]).all()


def test_rows_before_fit_take_no_context():
    """Rows older than the training rows know nothing of them."""
    X = frame_of(30, INDEXES["hourly"](30))
    windows = SlidingWindow(window=3).fit(X[15:]).transform(X[:15])
    np.testing.assert_array_equal(
        windows, SlidingWindow(window=3).fit_transform(X[:15])
    )


def test_context_is_the_last_run_only():
    """Rows before a hole are not kept."""
    X = frame_of(20).drop(index=[16, 17])
    sliding_window = SlidingWindow(window=8).fit(X)
    np.testing.assert_array_equal(sliding_window.context_, X[-2:].astype(np.float32))
    windows = sliding_window.transform(frame_of(22)[20:])
    assert np.isnan(windows[0, :6]).all()
    np.testing.assert_array_equal(windows[0, 6:], X[-2:].astype(np.float32))


def test_context_is_a_copy():
    """What the user does to the training rows later does not reach the context."""
    X = np.arange(20.0, dtype=np.float32).reshape(-1, 1)
    frame = pd.DataFrame(X, columns=["load"], copy=False)
    sliding_window = SlidingWindow(window=3).fit(frame)
    X[:] = -1
    new = pd.DataFrame({"load": [20.0]}, index=[20])
    assert sliding_window.transform(new)[0, :, 0].tolist() == [17, 18, 19]


def test_transform_keeps_nothing():
    """Windows of new rows do not depend on what was transformed before."""
    X = frame_of(30)
    sliding_window = SlidingWindow(window=4).fit(X[:20])
    expected = sliding_window.transform(X[20:])
    sliding_window.transform(X[20:23])
    np.testing.assert_array_equal(sliding_window.transform(X[20:]), expected)
    np.testing.assert_array_equal(sliding_window.transform(X[20:21]), expected[:1])


@pytest.mark.parametrize("make_labels", INDEXES.values(), ids=INDEXES)
def test_time_series_split_gives_the_first_test_row_its_past(make_labels):
    """In scikit-learn's folds each test row has the window of the whole series."""
    X = frame_of(30, make_labels(30))
    full = SlidingWindow(window=4).fit_transform(X)
    for train, test in TimeSeriesSplit(4).split(X):
        sliding_window = SlidingWindow(window=4).fit(X.iloc[train])
        np.testing.assert_array_equal(
            sliding_window.transform(X.iloc[test]), full[test]
        )


@pytest.mark.filterwarnings("ignore:The index has")
@pytest.mark.filterwarnings("ignore:X begins at")
@pytest.mark.parametrize("make_labels", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize(
    "cv",
    [TimeSeriesSplit(4, gap=2), KFold(5), KFold(5, shuffle=True, random_state=0)],
    ids=["gap", "blocks", "shuffled"],
)
def test_other_splitters_never_leak(make_labels, cv):
    """Whatever the splitter leaves out, a true step is the row it claims to be."""
    X = frame_of(40, make_labels(40))
    full = SlidingWindow(window=3).fit_transform(X)
    for train, test in cv.split(X):
        sliding_window = SlidingWindow(window=3)
        for rows, windows in (
            (train, sliding_window.fit_transform(X.iloc[train])),
            (test, sliding_window.transform(X.iloc[test])),
        ):
            is_true = ~np.isnan(windows)
            np.testing.assert_array_equal(windows[is_true], full[rows][is_true])


@pytest.mark.parametrize("make_labels", INDEXES.values(), ids=INDEXES)
def test_small_shuffled_halves_never_leak(make_labels):
    """Where every other row is left out, rows two steps apart stay two steps apart."""
    X = frame_of(20, make_labels(20))
    full = SlidingWindow(window=2).fit_transform(X)
    for seed in range(30):
        cv = KFold(2, shuffle=True, random_state=seed)
        for train, test in cv.split(X):
            sliding_window = SlidingWindow(window=2)
            for rows, windows in (
                (train, sliding_window.fit_transform(X.iloc[train])),
                (test, sliding_window.transform(X.iloc[test])),
            ):
                is_true = ~np.isnan(windows)
                np.testing.assert_array_equal(windows[is_true], full[rows][is_true])


def test_arrays_can_be_numbered_on():
    """NumPy rows of ``fit`` are numbered from 0, and later rows can say their place."""
    X = frame_of(30, columns=("load",)).to_numpy()
    sliding_window = SlidingWindow(window=4).fit(X[:20])
    later = pd.DataFrame(X[20:], index=range(20, 30))
    np.testing.assert_array_equal(
        sliding_window.transform(later), SlidingWindow(window=4).fit_transform(X)[20:]
    )


def test_another_zone_is_the_same_past():
    """Rows that follow in another time zone see the rows before them."""
    X = frame_of(30, pd.date_range("2024-01-01", periods=30, freq="h", tz="UTC"))
    expected = SlidingWindow(window=4).fit_transform(X)[20:]
    sliding_window = SlidingWindow(window=4).fit(X[:20])
    later = X[20:].tz_convert("Asia/Tokyo")
    np.testing.assert_array_equal(sliding_window.transform(later), expected)


def test_daily_rows_in_a_zone_go_on_across_the_switch_of_the_clock():
    """Training days of one season are the past of test days of the other."""
    labels = pd.date_range("2024-03-01", periods=60, freq="D", tz="Europe/Berlin")
    labels.freq = None
    X = frame_of(60, labels)
    expected = SlidingWindow(window=4).fit_transform(X)
    windows = SlidingWindow(window=4).fit(X[:20]).transform(X[20:])
    np.testing.assert_array_equal(windows, expected[20:])


def test_periods_of_another_frequency_are_no_continuation():
    """Days are never taken for the months that carry the same number."""
    months = pd.period_range("2015-01", "2019-12", freq="M")
    next_number = months[-1].ordinal + 1
    days = pd.PeriodIndex(
        [pd.Period(ordinal=next_number + i, freq="D") for i in range(5)]
    )
    sliding_window = SlidingWindow(window=3).fit(frame_of(len(months), months))
    try:
        windows = sliding_window.transform(frame_of(5, days))
    except (ValueError, UserWarning):
        return
    assert np.isnan(windows[0]).all()


# -- rule 3: incomplete windows -----------------------------------------------------


@settings(max_examples=60)
@given(two_blocks())
def test_missing_steps_are_whole_and_oldest(case):
    """A missing step is NaN in every channel, and no true step is older than it."""
    params, n_channels, fitted, _ = case
    X = pd.DataFrame(values_at(fitted, n_channels), index=fitted)
    params = {**params, "known": sorted(params["known"])}
    missing = np.isnan(SlidingWindow(**params).fit_transform(X))
    np.testing.assert_array_equal(missing.any(axis=2), missing.all(axis=2))
    missing = missing.all(axis=2).astype(int)
    assert (np.diff(missing, axis=1) <= 0).all()


# -- rule 4: nothing is materialised ------------------------------------------------


def test_windows_are_a_view():
    """Windows of one run are a read-only view that shares nothing with X."""
    X = np.arange(100.0, dtype=np.float32).reshape(-1, 1)
    windows = SlidingWindow(window=20).fit_transform(X)
    assert windows.strides[0] == windows.strides[1] == 4
    assert not windows.flags.writeable
    assert not np.shares_memory(windows, X)


@pytest.fixture(scope="module")
def long_series():
    values = np.sin(np.arange(5_000_000, dtype=np.float32)).reshape(-1, 1)
    minutes = pd.date_range("2010-01-01", periods=len(values), freq="min")
    return {
        "array": values,
        "range": pd.DataFrame(values, columns=["load"], copy=False),
        "minutes": pd.DataFrame(values, columns=["load"], index=minutes, copy=False),
    }


@pytest.mark.parametrize("container", ["array", "range", "minutes"])
def test_five_million_rows_cost_about_one_series(long_series, container):
    """Windows of 168 rows on 20 MB take below 44 MB and a second."""
    X = long_series[container]
    sliding_window = SlidingWindow(window=168)
    start = perf_counter()
    sliding_window.fit_transform(X)
    assert perf_counter() - start < 1.0
    tracemalloc.start()
    try:
        windows = sliding_window.fit_transform(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.2 * 20e6
    assert windows.shape == (5_000_000, 168, 1)
    np.testing.assert_array_equal(windows[-1, :, 0], np.asarray(X)[-169:-1, 0])


# -- rule 5: no look-ahead ----------------------------------------------------------


@settings(max_examples=100)
@given(case=two_blocks(), data=st.data())
def test_no_window_reads_what_comes_later(case, data):
    """Other values after row t leave every window up to row t bit for bit equal."""
    params, n_channels, fitted, new = case
    params = {**params, "known": sorted(params["known"])}
    t = data.draw(st.integers(0, len(fitted) - 1))
    X = pd.DataFrame(values_at(fitted, n_channels).astype(float), index=fitted)
    known = params["known"], params["known_ahead"]
    changed = changed_after(X, t, *known)
    windows = SlidingWindow(**params).fit_transform(X)
    again = SlidingWindow(**params).fit_transform(changed)
    np.testing.assert_array_equal(again[: t + 1], windows[: t + 1])
    t = data.draw(st.integers(0, len(new) - 1))
    X_new = pd.DataFrame(values_at(new, n_channels) + 0.25, index=new)
    changed = changed_after(X_new, t, *known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sliding_window = SlidingWindow(**params).fit(X)
        windows = sliding_window.transform(X_new)
        again = sliding_window.transform(changed)
    np.testing.assert_array_equal(again[: t + 1], windows[: t + 1])


@pytest.mark.parametrize("horizon", [0, 1, 3])
def test_lagged_channels_stop_a_horizon_before_their_row(horizon):
    """A change of row t is first seen in the window of row t + horizon."""
    X = frame_of()
    changed = X.copy()
    changed.iloc[9:] += 100.0
    first, second = (
        SlidingWindow(window=4, horizon=horizon).fit_transform(rows)
        for rows in (X, changed)
    )
    np.testing.assert_array_equal(first[: 9 + horizon], second[: 9 + horizon])
    assert (first[9 + horizon, -1] != second[9 + horizon, -1]).all()


def test_windows_do_not_depend_on_the_date():
    """The same rows at another time have the same windows."""
    hours = pd.date_range("2024-01-01", periods=20, freq="h")
    windows = [
        SlidingWindow(window=4).fit_transform(frame_of(20, labels))
        for labels in (hours, hours + pd.Timedelta("1234h"), pd.RangeIndex(7, 27), None)
    ]
    for other in windows[1:]:
        np.testing.assert_array_equal(windows[0], other)


# -- what comes in ------------------------------------------------------------------


def test_series_frame_and_array_are_read_alike():
    """One column is the same windows in every container."""
    X = frame_of(columns=("load",))
    expected = SlidingWindow(window=4).fit_transform(X)
    for other in (X["load"], X.to_numpy(), X.to_numpy().tolist()):
        np.testing.assert_array_equal(
            SlidingWindow(window=4).fit_transform(other), expected
        )
    sliding_window = SlidingWindow(window=4).fit(X[:12])
    np.testing.assert_array_equal(
        sliding_window.transform(X["load"][12:]), expected[12:]
    )


@pytest.mark.parametrize(
    "dtype",
    "Int64 Float32 Float64 UInt8 boolean int8 uint64 float16 bool object >f4 g".split(),
)
def test_numbers_of_any_dtype_become_float32(dtype):
    """Nullable, small, large and swapped dtypes are numbers all the same."""
    numbers = pd.DataFrame({"load": [0, 1, 1, 0, 1, 0], "temp": [1.5, 2, 3, 4, 5, 6]})
    X = numbers.astype({"load": dtype})
    windows = SlidingWindow(window=2).fit_transform(X)
    assert windows.dtype == np.float32
    np.testing.assert_array_equal(
        windows, SlidingWindow(window=2).fit_transform(numbers)
    )


@pytest.mark.parametrize("order", ["C", "F"])
def test_x_is_not_changed(order):
    """Neither the rows nor their memory layout matter, and X stays as it was."""
    X = np.array(frame_of(), order=order)
    before = X.copy()
    X.flags.writeable = False
    windows = SlidingWindow(window=3).fit_transform(X)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(
        windows, SlidingWindow(window=3).fit_transform(before)
    )


# -- what goes out ------------------------------------------------------------------


def test_flat_layout_is_the_same_values_step_by_step():
    """A lag table holds step 0 of every channel, then step 1, and so on."""
    X = frame_of()
    windows = SlidingWindow(window=3).fit_transform(X)
    table = SlidingWindow(window=3, layout="flat").fit_transform(X)
    assert table.shape == (20, 6)
    assert table.dtype == np.float32
    for step in range(3):
        for channel in range(2):
            np.testing.assert_array_equal(
                table[:, 2 * step + channel], windows[:, step, channel]
            )


@pytest.mark.parametrize(
    ("horizon", "known", "names"),
    [
        (1, "temp", ["load_t-2", "temp_t-1", "load_t-1", "temp_t"]),
        (1, (), ["load_t-2", "temp_t-2", "load_t-1", "temp_t-1"]),
        (0, (), ["load_t-1", "temp_t-1", "load_t", "temp_t"]),
        (3, (), ["load_t-4", "temp_t-4", "load_t-3", "temp_t-3"]),
        (3, "temp", ["load_t-4", "temp_t-1", "load_t-3", "temp_t"]),
        (3, ["load", "temp"], ["load_t-1", "temp_t-1", "load_t", "temp_t"]),
    ],
)
def test_names_tell_the_row_that_is_read(horizon, known, names):
    """Each name is its column and how far before the predicted row it lies."""
    sliding_window = SlidingWindow(window=2, horizon=horizon, known=known)
    sliding_window.fit(frame_of())
    assert sliding_window.get_feature_names_out().tolist() == names
    if known == "temp":
        names = [name.replace("temp_t-1", "temp_t") for name in names[:-1]]
        names.append("temp_t+1")
        found = sliding_window.set_params(known_ahead=1).get_feature_names_out()
        assert found.tolist() == names


@pytest.mark.parametrize("layout", ["sequence", "flat"])
def test_pandas_output_is_shift_under_its_own_name(layout):
    """``set_output`` gives the lag table with names and index, whatever the layout."""
    X = frame_of(20, INDEXES["hourly"](20))
    sliding_window = SlidingWindow(window=3, layout=layout)
    assert sliding_window.set_output(transform="pandas") is sliding_window
    expected = pd.concat(
        {f"{name}_t-{k}": X[name].shift(k) for k in (3, 2, 1) for name in X}, axis=1
    ).astype(np.float32)
    pd.testing.assert_frame_equal(sliding_window.fit_transform(X), expected)
    pd.testing.assert_frame_equal(sliding_window.transform(X), expected)
    later = sliding_window.fit(X[:12]).transform(X[12:])
    pd.testing.assert_frame_equal(later, expected[12:], check_freq=False)


def test_pandas_output_of_an_array_is_numbered():
    """An array has no names and no index: x0, x1, … and 0, 1, … stand in."""
    sliding_window = SlidingWindow(window=1).set_output(transform="pandas")
    frame = sliding_window.fit_transform(frame_of().to_numpy())
    assert list(frame.columns) == ["x0_t-1", "x1_t-1"]
    assert frame.index.equals(pd.RangeIndex(20))


def test_set_output_back_and_forth():
    """None changes nothing, and "default" is the array again."""
    X = frame_of()
    sliding_window = SlidingWindow(window=3).set_output(transform="pandas").fit(X)
    assert isinstance(sliding_window.set_output().transform(X), pd.DataFrame)
    sliding_window.set_output(transform="default")
    assert sliding_window.transform(X).shape == (20, 3, 2)
    with config_context(transform_output="pandas"):
        flat = clone(sliding_window).set_params(layout="flat")
        assert isinstance(flat.fit_transform(X), np.ndarray)


def test_set_output_refuses_what_it_cannot_give():
    """An unknown container is refused, with the ones that exist."""
    with pytest.raises(
        ValueError, match=r"must be 'default', 'pandas' or None. Got 'x'"
    ):
        SlidingWindow().set_output(transform="x")


def test_clone_keeps_set_output():
    """A clone returns what the original would."""
    sliding_window = SlidingWindow(window=3).set_output(transform="pandas")
    assert isinstance(clone(sliding_window).fit_transform(frame_of()), pd.DataFrame)
    assert isinstance(clone(SlidingWindow()).fit_transform(frame_of()), np.ndarray)


def test_global_pandas_output_leaves_sequences_alone():
    """The global setting gives frames of lag tables, and arrays of sequences."""
    X = frame_of(20, INDEXES["hourly"](20))
    with config_context(transform_output="pandas"):
        windows = SlidingWindow(window=3).fit_transform(X)
        table = SlidingWindow(window=3, layout="flat").fit_transform(X)
    assert isinstance(windows, np.ndarray)
    assert windows.shape == (20, 3, 2)
    assert isinstance(table, pd.DataFrame)
    assert table.index.equals(X.index)
    assert list(table.columns)[:2] == ["load_t-3", "temp_t-3"]


@pytest.mark.parametrize("layout", ["sequence", "flat"])
def test_scaler_in_front_keeps_the_context_with_pandas_output(layout):
    """With frames between the steps of a pipeline, new rows see their past."""
    X = frame_of(30, INDEXES["hourly"](30))
    pipe = make_pipeline(StandardScaler(), SlidingWindow(window=4, layout=layout))
    with config_context(transform_output="pandas"):
        first = np.asarray(pipe.fit(X[:20]).transform(X[20:]))
    pipe = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        SlidingWindow(window=4, layout=layout),
    )
    second = pipe.fit(X[:20]).transform(X[20:])
    np.testing.assert_array_equal(first, second)
    scaled = (X - X[:20].mean()) / X[:20].std(ddof=0)
    expected = SlidingWindow(window=4, layout=layout).fit_transform(scaled)[20:]
    np.testing.assert_allclose(second, expected, rtol=1e-5)


def test_column_transformer_gives_lag_names():
    """Columns of one frame can be windowed one by one, with frames out."""
    X = frame_of()
    columns = ColumnTransformer(
        [("lags", SlidingWindow(window=2, layout="flat"), ["load"])],
        remainder="passthrough",
    ).set_output(transform="pandas")
    frame = columns.fit_transform(X)
    assert list(frame) == ["lags__load_t-2", "lags__load_t-1", "remainder__temp"]
    np.testing.assert_array_equal(
        frame["lags__load_t-1"], X["load"].shift(1).astype(np.float32)
    )


def test_a_fitted_transformer_can_be_pickled():
    """What is read back has the context and the timeline."""
    X = frame_of(30, INDEXES["month end"](30))
    sliding_window = SlidingWindow(window=4).set_output(transform="pandas").fit(X[:20])
    again = pickle.loads(pickle.dumps(sliding_window))
    pd.testing.assert_frame_equal(
        again.transform(X[20:]), sliding_window.transform(X[20:])
    )


# -- warnings -----------------------------------------------------------------------


def test_array_after_frame_warns_of_the_lost_index():
    """A step that drops the index is told what it costs, and the cure."""
    X = frame_of(30)
    sliding_window = SlidingWindow(window=3).fit(X[:20])
    with (
        pytest.warns(UserWarning, match="does not have valid feature names"),
        pytest.warns(UserWarning, match="cannot tell whether its rows follow") as found,
    ):
        windows = sliding_window.transform(X[20:].to_numpy())
    message = next(str(w.message) for w in found if "cannot tell" in str(w.message))
    assert message.startswith("X has no index")
    assert "first 3 windows are incomplete" in message
    assert "set_output(transform='pandas')" in message
    np.testing.assert_array_equal(
        windows, SlidingWindow(window=3).fit_transform(X[20:])
    )


@pytest.mark.parametrize(("horizon", "n_incomplete"), [(0, 4), (1, 5), (3, 7)])
def test_new_array_after_array_warns_of_the_lost_index(horizon, n_incomplete):
    """NumPy rows that are not those of ``fit`` may follow them: nobody can tell."""
    X = frame_of(30).to_numpy()
    sliding_window = SlidingWindow(window=5, horizon=horizon).fit(X[:20])
    words = f"cannot tell .* first {n_incomplete} windows are incomplete"
    with pytest.warns(UserWarning, match=words):
        windows = sliding_window.transform(X[20:])
    incomplete = np.isnan(windows).any(axis=(1, 2))
    np.testing.assert_array_equal(np.flatnonzero(incomplete), np.arange(n_incomplete))


def test_new_array_warns_though_it_begins_with_the_same_value():
    """One equal row does not make new rows those of ``fit``."""
    X = np.array([[0.0], [1.0], [2.0], [3.0], [0.0], [5.0], [6.0]])
    sliding_window = SlidingWindow(window=2).fit(X[:4])
    with pytest.warns(UserWarning, match="cannot tell whether its rows follow"):
        sliding_window.transform(X[4:])


def test_renumbered_rows_warn():
    """Integer labels that start anew on other values are told how to go on."""
    X = frame_of(30)
    sliding_window = SlidingWindow(window=3).fit(X[:20])
    with pytest.warns(UserWarning, match="starts where that of fit did") as found:
        sliding_window.transform(X[20:].reset_index(drop=True))
    assert "first 3 windows are incomplete" in str(found[0].message)
    assert "X.index = range(20, ...)" in str(found[0].message)


def test_renumbered_rows_warn_though_rows_were_left_out_of_fit():
    """A hole in the training rows does not hide that new rows are renumbered."""
    X = frame_of(30)
    sliding_window = SlidingWindow(window=3).fit(X[:20].drop(index=5))
    with pytest.warns(UserWarning, match="starts where that of fit did"):
        sliding_window.transform(X[20:].reset_index(drop=True))


@pytest.mark.parametrize("n_left_out", [0, 1, 2])
def test_part_of_the_training_rows_does_not_warn(n_left_out):
    """Any slice of the training rows under its own labels is beyond doubt."""
    X = frame_of(20).drop(index=range(5, 5 + n_left_out))
    sliding_window = SlidingWindow(window=3).fit(X)
    for start in range(len(X)):
        sliding_window.transform(X[start:])


@pytest.mark.parametrize(
    "make_labels",
    [
        lambda n: pd.Index([f"row {i:03}" for i in range(n)]),
        lambda n: pd.Index(np.arange(n, dtype=float)),
        lambda n: pd.timedelta_range("0h", periods=n, freq="h"),
        lambda n: pd.MultiIndex.from_product([["a"], range(n)]),
    ],
    ids=["strings", "floats", "durations", "levels"],
)
def test_labels_that_count_nothing_warn_in_fit(make_labels):
    """Labels of another kind are named; rows are then one run without context."""
    X = frame_of(30, make_labels(30))
    with pytest.warns(UserWarning, match="does not count rows") as found:
        sliding_window = SlidingWindow(window=3).fit(X.iloc[:20])
    message = str(found[0].message)
    assert type(X.index).__name__ in message
    assert "no context is kept; use a DatetimeIndex" in message
    windows = sliding_window.transform(X.iloc[20:])
    np.testing.assert_array_equal(
        windows, SlidingWindow(window=3).fit_transform(X.iloc[20:].to_numpy())
    )


@pytest.mark.parametrize(
    "labels",
    [
        pd.Index([1, "a", 2.5, None], dtype=object)[:3],
        pd.CategoricalIndex(["a", "b", "c"], categories=["c", "b", "a"]),
    ],
    ids=["mixed", "categories"],
)
def test_labels_that_cannot_be_compared_are_answered_in_words(labels):
    """Labels of any kind give a warning or a sentence, not a failure inside."""
    with pytest.raises((ValueError, UserWarning), match="index"):
        SlidingWindow(window=1).fit(frame_of(3, labels))


def test_another_kind_of_index_warns():
    """Integers after time stamps tell nothing of what follows what."""
    X = frame_of(30, INDEXES["hourly"](30))
    sliding_window = SlidingWindow(window=3).fit(X[:20])
    with pytest.warns(UserWarning, match="a RangeIndex where fit had a DatetimeIndex"):
        sliding_window.transform(X[20:].reset_index(drop=True))


@pytest.mark.parametrize("value", [0.1, 19.99, 1 / 3, 1e9 + 0.1])
def test_a_constant_column_is_not_too_coarse(value):
    """The standard deviation of equal numbers is a rounding error, not a spread."""
    X = pd.DataFrame({"load": np.sin(np.arange(50.0)), "price": value})
    SlidingWindow(3).fit(X)


def test_large_levels_warn_of_lost_digits():
    """A column whose changes float32 rounds away is named with its size."""
    X = np.column_stack([np.arange(50.0), 1e9 + np.arange(50.0)])
    with pytest.warns(UserWarning, match="too coarse for column 1") as found:
        SlidingWindow(window=3).fit(X)
    assert "1e+09" in str(found[0].message)
    assert "subtract a constant first" in str(found[0].message)


def test_moderate_and_constant_levels_do_not_warn():
    """Temperatures in kelvin, years and constants are fine in float32."""
    rows = np.arange(50.0)
    X = np.column_stack([290 + rows / 10, 2000 + rows, np.full(50, 1e9), -rows])
    SlidingWindow(window=3).fit(X)


@pytest.mark.parametrize("case", ["lost", "renumbered", "strings", "digits"])
def test_warnings_point_at_the_call(case):
    """A warning shows the line that called ``fit`` or ``transform``."""
    X = frame_of(30)
    sliding_window = SlidingWindow(window=3)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        if case == "lost":
            sliding_window.fit(X[:20].to_numpy()).transform(X[20:].to_numpy())
        elif case == "renumbered":
            sliding_window.fit(X[:20]).transform(X[20:].reset_index(drop=True))
        elif case == "strings":
            sliding_window.fit(X.set_axis([f"row {i:03}" for i in range(30)]))
        else:
            sliding_window.fit_transform(X + 1e9)
    assert [one.filename for one in found] == [__file__]


# -- errors -------------------------------------------------------------------------


def broken(value, dtype=float):
    X = frame_of(20, INDEXES["hourly"](20)).astype({"temp": dtype})
    X.iloc[7, 1] = value
    return X


@pytest.mark.parametrize("call", ["fit", "transform"])
@pytest.mark.parametrize(
    ("value", "dtype", "what"),
    [
        (np.nan, float, "NaN"),
        (np.inf, float, "inf"),
        (-np.inf, float, "-inf"),
        (1e39, float, r"1e\+39"),
        (-1e300, float, r"-1e\+300"),
        (None, object, "NaN"),
        (pd.NA, object, "NaN"),
        (pd.NA, "Float64", "NaN"),
    ],
    ids=["nan", "inf", "-inf", "1e39", "-1e300", "None", "NA", "nullable"],
)
def test_values_that_are_not_finite_are_named(value, dtype, what, call):
    """The first value that float32 cannot hold is named by row and column."""
    X = broken(value, dtype)
    sliding_window = SlidingWindow(window=3).fit(frame_of(20, X.index))
    sentence = (
        f"SlidingWindow needs finite values .* Got {what} in row .*2024-03-30 07:00:00"
        ".*, column 'temp'"
    )
    with pytest.raises(ValueError, match=sentence):
        getattr(sliding_window, call)(X)


def test_values_that_are_not_finite_in_an_array_are_counted():
    """Without names the row and the column are positions."""
    X = frame_of(20).to_numpy(copy=True)
    X[7, 1] = np.nan
    with pytest.raises(ValueError, match="Got NaN in row 7, column 1; fill or drop"):
        SlidingWindow().fit(X)


def test_values_that_are_not_finite_are_found_far_down():
    """The row of a broken value is counted from the first row, however long X is."""
    X = np.zeros((600_001, 1), dtype=np.float32)
    X[600_000] = np.nan
    with pytest.raises(ValueError, match="Got NaN in row 600000, column 0"):
        SlidingWindow().fit(X)


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (["a", "b", "c"], "str"),
        (pd.Categorical([1, 2, 3]), "category"),
        (pd.to_datetime(["2024", "2025", "2026"]), "datetime64"),
        (pd.to_timedelta([1, 2, 3]), "timedelta64"),
        (pd.period_range("2024", periods=3, freq="M"), "period"),
        (pd.interval_range(0, 3), "interval"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_that_are_not_numbers_are_named(column, dtype):
    """Strings, categories and dates are refused by the name of their column."""
    X = pd.DataFrame({"load": [1.0, 2.0, 3.0], "what": column})
    words = f"needs numeric columns. Got column 'what' of dtype .*{dtype}"
    with pytest.raises(ValueError, match=words):
        SlidingWindow(window=1).fit(X)


@pytest.mark.parametrize(
    "X",
    [
        np.array([["a"], ["b"], ["c"]]),
        np.array([["a"], ["b"], ["c"]], dtype=object),
        np.array([["2024"], ["2025"], ["2026"]], dtype="datetime64[D]"),
        np.array([[1], [2], [3]], dtype="timedelta64[s]"),
    ],
    ids=["strings", "objects", "dates", "durations"],
)
def test_arrays_that_are_not_numbers_are_refused(X):
    """Arrays of strings and dates are no numbers either."""
    with pytest.raises((ValueError, TypeError)):
        SlidingWindow(window=1).fit(X)


NO_TABLES = {
    "no rows": (np.empty((0, 2)), "0 sample"),
    "no columns": (np.empty((5, 0)), "0 feature"),
    "no frame rows": (pd.DataFrame({"load": []}), "0 sample"),
    "no series rows": (pd.Series([], dtype=float, name="load"), "0 sample"),
    "1-D": (np.arange(5.0), "Expected 2D array, got 1D array"),
    "3-D": (np.zeros((5, 2, 2)), "Found array with dim 3"),
    "sparse": (sparse.eye_array(5, format="csr"), "[Ss]parse"),
    "complex": (np.ones((5, 1)) * 1j, "Complex data not supported"),
    "complex frame": (pd.DataFrame({"a": [1j, 2j]}), "Complex data not supported"),
    "duplicate": (pd.DataFrame({"a": [1.0, 2.0]}, index=[1, 1]), "one row per label"),
    "out of order": (pd.DataFrame({"a": [1.0, 2.0]}, index=[2, 1]), "in time order"),
}


@pytest.mark.parametrize(("X", "words"), NO_TABLES.values(), ids=NO_TABLES)
def test_tables_that_are_none_are_refused(X, words):
    """Everything but a table of numbers in time order is refused in words."""
    with pytest.raises((ValueError, TypeError), match=words):
        SlidingWindow(window=1).fit(X)


@pytest.mark.parametrize("horizon", [1, 3, 30])
def test_too_few_rows_are_refused(horizon):
    """One row at least must have a past."""
    words = f"at least horizon \\+ 1 = {horizon + 1} rows.*Got {horizon} sample"
    with pytest.raises(ValueError, match=words):
        SlidingWindow(horizon=horizon).fit(frame_of(horizon))
    SlidingWindow(horizon=horizon).fit(frame_of(horizon + 1))


def test_columns_must_be_those_of_fit():
    """Another order, another number and other names of columns are refused."""
    X = frame_of()
    sliding_window = SlidingWindow(window=3).fit(X)
    with pytest.raises(ValueError, match="must be in the same order"):
        sliding_window.transform(X[["temp", "load"]])
    with pytest.raises(ValueError, match="missing"):
        sliding_window.transform(X[["load"]])
    with pytest.raises(ValueError, match="unseen at fit time"):
        sliding_window.transform(X.assign(price=1.0))
    with pytest.raises(ValueError, match="feature names should match"):
        sliding_window.transform(X.rename(columns={"temp": "price"}))
    with pytest.raises(
        ValueError, match="1 features, but SlidingWindow is expecting 2"
    ):
        SlidingWindow().fit(X.to_numpy()).transform(X[["load"]].to_numpy())


def test_naive_stamps_after_zoned_ones_are_refused():
    """Rows with and without a time zone cannot be put in order."""
    X = frame_of(20, INDEXES["hourly"](20))
    sliding_window = SlidingWindow(window=3).fit(X.tz_localize("UTC"))
    with pytest.raises(ValueError, match="in one time zone throughout"):
        sliding_window.transform(X)


@pytest.mark.parametrize(
    "known", ["price", ["load", "price"], 2, [2], [-1], [1.0], [None], [["load"]]]
)
def test_unknown_known_columns_are_refused(known):
    """What is known must be a column of X; the ones there are named."""
    with pytest.raises(
        ValueError, match="'known' parameter of SlidingWindow"
    ) as caught:
        SlidingWindow(window=3, known=known).fit(frame_of())
    assert "['load', 'temp']" in str(caught.value)
    assert "instead" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", 0),
        ("window", -3),
        ("window", 2.0),
        ("window", "3"),
        ("window", None),
        ("horizon", -1),
        ("horizon", 0.5),
        ("horizon", None),
        ("known", None),
        ("known", -1),
        ("known", True),
        ("known", 1.5),
        ("groups", 1.5),
        ("time", 1.5),
        ("layout", "wide"),
        ("layout", None),
        ("missing", "drop"),
        ("missing", None),
        ("elapsed", "yes"),
        ("elapsed", 2),
    ],
)
def test_bad_parameter_values_are_refused(name, value):
    """A value out of range is named in scikit-learn's sentence."""
    words = f"The '{name}' parameter of SlidingWindow must .* Got {value!r} instead"
    with pytest.raises(ValueError, match=re.compile(words)):
        SlidingWindow(**{name: value}).fit(frame_of())


def test_nothing_is_checked_before_fit():
    """Parameters are stored as they came, so that ``clone`` and searches work."""
    known = ["x"]
    sliding_window = SlidingWindow(window=-1, known=known, layout=3)
    assert sliding_window.known is known
    assert vars(sliding_window) == sliding_window.get_params()


@pytest.mark.parametrize("call", ["transform", "get_feature_names_out"])
def test_nothing_works_before_fit(call):
    """An unfitted transformer says so."""
    args = [frame_of()] if call == "transform" else []
    with pytest.raises(NotFittedError):
        getattr(SlidingWindow(), call)(*args)


BAD_FITS = {
    "NaN": (broken(np.nan), {}),
    "strings": (pd.DataFrame({"a": ["x", "y", "z"]}), {}),
    "too short": (frame_of(1, columns=("a", "b", "c")), {}),
    "unknown": (frame_of(20, columns=("a", "b", "c")), {"known": "price"}),
    "irregular": (
        frame_of(4, pd.to_datetime([0, 10, 20, 27], unit="s"), columns=("a",)),
        {},
    ),
    "disorder": (frame_of(3, [2, 1, 3], columns=("a",)), {}),
    "parameter": (frame_of(20, columns=("a", "b", "c")), {"window": 0}),
    "dimension": (np.zeros((3, 3, 3)), {}),
}


@pytest.mark.parametrize(("X_bad", "params"), BAD_FITS.values(), ids=BAD_FITS)
def test_failed_refit_leaves_the_earlier_fit_whole(X_bad, params):
    """After an error in ``fit`` the transformer works on as it did."""
    X = frame_of(30)
    sliding_window = SlidingWindow(window=3).set_output(transform="pandas").fit(X[:20])
    expected = sliding_window.transform(X[20:])
    before = dict(vars(sliding_window))
    with pytest.raises(ValueError):
        sliding_window.set_params(**params).fit(X_bad)
    sliding_window.set_params(**{name: before[name] for name in params})
    assert vars(sliding_window).keys() == before.keys()
    assert all(vars(sliding_window)[name] is before[name] for name in before)
    pd.testing.assert_frame_equal(sliding_window.transform(X[20:]), expected)


@pytest.mark.parametrize(("X_bad", "params"), BAD_FITS.values(), ids=BAD_FITS)
@pytest.mark.parametrize("call", ["fit", "fit_transform"])
def test_failed_first_fit_leaves_nothing_fitted(X_bad, params, call):
    """After an error in its first ``fit`` the transformer is not fitted."""
    sliding_window = SlidingWindow(**{"window": 3, **params})
    with pytest.raises(ValueError):
        getattr(sliding_window, call)(X_bad)
    assert vars(sliding_window) == sliding_window.get_params()
    with pytest.raises(NotFittedError):
        sliding_window.transform(frame_of())


def test_failed_transform_changes_nothing():
    """After an error in ``transform`` the transformer works on as it did."""
    X = frame_of(30, INDEXES["hourly"](30))
    sliding_window = SlidingWindow(window=3).fit(X[:20])
    before = dict(vars(sliding_window))
    with pytest.raises(ValueError):
        sliding_window.transform(X[20:].iloc[::-1])
    assert all(vars(sliding_window)[name] is before[name] for name in before)
    assert not np.isnan(sliding_window.transform(X[20:])).any()


def test_fitted_attributes_tell_what_was_learned():
    """Known columns, lag, columns and context stand under their own names."""
    X = frame_of()
    sliding_window = SlidingWindow(window=4, horizon=3, known="temp").fit(X)
    assert sliding_window.is_known_.tolist() == [False, True]
    assert sliding_window.lag_ == 3
    assert sliding_window.n_features_in_ == 2
    assert sliding_window.feature_names_in_.tolist() == ["load", "temp"]
    assert sliding_window.context_.dtype == np.float32
    np.testing.assert_array_equal(sliding_window.context_, X[-6:].astype(np.float32))
    assert SlidingWindow(horizon=3, known=[0, 1]).fit(X).lag_ == 0


def test_refit_forgets_the_earlier_columns():
    """A second fit on an array knows nothing of the names of the first."""
    sliding_window = SlidingWindow(window=2).fit(frame_of())
    sliding_window.fit(np.arange(10.0).reshape(-1, 1))
    assert not hasattr(sliding_window, "feature_names_in_")
    assert sliding_window.n_features_in_ == 1
    assert sliding_window.get_feature_names_out().tolist() == ["x0_t-2", "x0_t-1"]


def test_any_row_wise_step_may_stand_in_front():
    """A function that keeps the frame keeps the context."""
    X = frame_of(30, INDEXES["periods"](30))
    pipe = make_pipeline(FunctionTransformer(np.abs), SlidingWindow(window=3))
    expected = SlidingWindow(window=3).fit_transform(X.abs())[20:]
    np.testing.assert_array_equal(pipe.fit(X[:20]).transform(X[20:]), expected)


# -- scikit-learn's own checks ------------------------------------------------------

_ROWS_BEFORE = "a window depends on the rows before it"


@pytest.mark.filterwarnings("ignore:X has no index:UserWarning")
@parametrize_with_checks(
    [SlidingWindow(window=3), SlidingWindow(window=3, layout="flat")],
    expected_failed_checks=lambda estimator: {
        "check_methods_sample_order_invariance": _ROWS_BEFORE,
        "check_methods_subset_invariance": _ROWS_BEFORE,
    },
)
def test_scikit_learn_checks(estimator, check):
    """Every check of scikit-learn passes but the two that forbid memory."""
    check(estimator)


def test_rows_between_are_missed():
    """Rows that begin later than right after fit warn of incomplete windows."""
    X = frame_of(30, INDEXES["hourly"](30))
    sliding_window = SlidingWindow(window=3).fit(X[:20])
    with pytest.warns(UserWarning, match=r"1 row\(s\) after the first one"):
        sliding_window.transform(X[21:])


def test_y_must_have_the_labels_of_X():
    """A y that was shifted or reordered is refused; an array has no labels."""
    X = frame_of(20, INDEXES["hourly"](20))
    y = X.iloc[:, 0]
    for other in (y[1:], y[::-1], y.shift(1, freq="h")):
        with pytest.raises(ValueError, match=r"y at the index of X.*do not shift"):
            SlidingWindow(window=3).fit(X, other)
    assert SlidingWindow(window=3).fit(X, y).target_names_ == [y.name]
    assert SlidingWindow(window=3).fit(X, y.to_numpy()).target_names_ is None


def test_integer_columns_are_named_by_their_labels():
    """known=1 is the column called 1, wherever it stands; order counts at transform."""
    X = pd.DataFrame(np.arange(20.0).reshape(10, 2))[[1, 0]]
    sliding_window = SlidingWindow(window=2, known=1).fit(X)
    assert sliding_window.is_known_.tolist() == [True, False]
    with pytest.raises(ValueError, match=r"needs the columns of fit, \[1, 0\]"):
        sliding_window.transform(X[[0, 1]])


def test_holes_that_leave_few_windows_complete_are_told():
    """The warning counts complete windows as a loop does; few holes give none."""
    index = pd.date_range("2024-01-01", periods=120, freq="D")
    X = pd.DataFrame({"load": np.arange(120.0)}, index=index)
    holed = X.drop(index[10::12])
    n_complete = sum(
        all(day - pd.Timedelta(days=back) in holed.index for back in range(1, 9))
        for day in holed.index
    )
    words = rf"has 10 hole\(s\), which leave {n_complete} of 110 windows of 8 steps"
    with pytest.warns(UserWarning, match=words):
        windows = SlidingWindow(8).fit_transform(holed)
    assert np.isfinite(windows).all(axis=(1, 2)).sum() == n_complete
    long = pd.concat([holed.assign(shop=shop, day=holed.index) for shop in "ab"])
    words = rf"has 20 hole\(s\), which leave {2 * n_complete} of 220 windows"
    with pytest.warns(UserWarning, match=words):
        SlidingWindow(8, groups="shop", time="day").fit(long)
    SlidingWindow(3).fit(holed)
    SlidingWindow(8).fit(X.drop(index[[60]]))
    SlidingWindow(119).fit(X)
