"""Window arithmetic: every window against a loop over its rows, and nothing copied."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm.windows._windows import (
    base_from_series,
    base_from_windows,
    is_next_window,
    true_steps,
    windows_from_base,
)

MANY = settings(max_examples=150)


@st.composite
def cases(draw):
    """Draw a series of runs, its context, and the parameters of its windows."""
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    n_channels = draw(st.integers(1, 3))
    n_context = draw(st.integers(0, 9))
    n_rows = sum(lengths)
    numbers = np.arange(1.0, (n_context + n_rows) * n_channels + 1)
    rows = numbers.reshape(-1, n_channels)
    window, horizon = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    known = st.sampled_from([0, -draw(st.integers(0, window - 1))])
    delays = st.one_of(st.just(horizon), known)
    return {
        "series": rows[n_context:],
        "context": rows[:n_context].astype(np.float32),
        "run_starts": np.cumsum([0, *lengths[:-1]]),
        "run_contexts": np.array(
            [draw(st.integers(0, n_context)) for _ in lengths], dtype=np.intp
        ),
        "window": window,
        "delays": np.array(
            draw(st.lists(delays, min_size=n_channels, max_size=n_channels))
        ),
    }


def windows_by_loop(case):
    """Return the windows of a case, step by step and channel by channel."""
    series, window, delays = case["series"], case["window"], case["delays"]
    n_rows, n_channels = series.shape
    windows = np.full((n_rows, window, n_channels), np.nan, dtype=np.float32)
    stops = [*case["run_starts"][1:], n_rows]
    runs = zip(case["run_starts"], stops, case["run_contexts"], strict=True)
    for start, stop, n_past in runs:
        past = [*case["context"][:n_past], *series[start:stop]]
        for row in range(start, stop):
            at = n_past + row - start
            for step in range(window):
                rows_read = at - delays - window + 1 + step
                if (rows_read < 0).any():
                    continue
                for channel, read in enumerate(rows_read):
                    newest = min(read, len(past) - 1)
                    windows[row, step, channel] = past[newest][channel]
    return windows


def windows_of(case):
    base = base_from_series(
        case["series"],
        case["context"],
        case["run_starts"],
        case["run_contexts"],
        window=case["window"],
        delays=case["delays"],
    )
    n_rows = len(case["series"])
    return base, windows_from_base(base, case["run_starts"], n_rows, case["window"])


def windows_of_one_run(n_rows=20, window=5, n_channels=2, horizon=1):
    rng = np.random.default_rng(0)
    case = {
        "series": rng.normal(size=(n_rows, n_channels)),
        "context": np.empty((0, n_channels), dtype=np.float32),
        "run_starts": np.zeros(1, dtype=np.intp),
        "run_contexts": np.zeros(1, dtype=np.intp),
        "window": window,
        "delays": np.full(n_channels, horizon),
    }
    return windows_of(case)


def count_by_loop(window):
    """Return the true steps of one window, -1 if they are not its newest ones."""
    n_missing = 0
    while n_missing < len(window) and np.isnan(window[n_missing]).all():
        n_missing += 1
    if np.isnan(window[n_missing:]).any():
        return -1
    return len(window) - n_missing


# -- series to windows --------------------------------------------------------------


@MANY
@given(cases())
def test_every_window_is_what_a_loop_reads(case):
    """Runs, contexts, horizons and known channels give the rows they promise."""
    base, windows = windows_of(case)
    n_runs = len(case["run_starts"])
    n_rows, n_channels = case["series"].shape
    assert base.shape == (n_rows + n_runs * (case["window"] - 1), n_channels)
    assert base.dtype == windows.dtype == np.float32
    np.testing.assert_array_equal(windows, windows_by_loop(case))


@MANY
@given(cases())
def test_base_places_each_window_where_it_says(case):
    """The window of row t of run r begins at ``t + r * (window - 1)`` of the base."""
    base, windows = windows_of(case)
    runs = np.searchsorted(case["run_starts"], np.arange(len(windows)), "right") - 1
    for row, run in enumerate(runs):
        begin = row + run * (case["window"] - 1)
        part = base[begin : begin + case["window"]]
        np.testing.assert_array_equal(windows[row], part)


@MANY
@given(cases())
def test_inputs_are_left_alone(case):
    """Neither the series nor the context is written to, or shared."""
    series, context = case["series"].copy(), case["context"].copy()
    base, _ = windows_of(case)
    np.testing.assert_array_equal(case["series"], series)
    np.testing.assert_array_equal(case["context"], context)
    assert not np.shares_memory(base, case["series"])
    assert not np.shares_memory(base, case["context"])


@pytest.mark.parametrize("window", [1, 5, 30])
def test_windows_of_one_run_share_memory(window):
    """One run of rows gives a read-only view of the base."""
    base, windows = windows_of_one_run(window=window)
    assert np.shares_memory(base, windows)
    assert windows.strides[0] == windows.strides[1]
    assert not windows.flags.writeable


def test_windows_of_a_long_series_cost_one_series():
    """A window of a thousand steps costs no more memory than its base."""
    base, windows = windows_of_one_run(n_rows=10_000, window=1_000, n_channels=1)
    assert base.nbytes == (10_000 + 999) * 4
    assert windows.nbytes == 10_000 * 1_000 * 4
    assert np.shares_memory(base, windows)


# -- windows to base ----------------------------------------------------------------


@settings(max_examples=60)
@given(
    n_rows=st.integers(2, 12),
    window=st.integers(1, 6),
    n_channels=st.integers(1, 3),
    horizon=st.integers(0, 3),
)
def test_base_comes_back_from_its_windows(n_rows, window, n_channels, horizon):
    """Overlapping windows lead back to the very memory they were cut from."""
    base, windows = windows_of_one_run(n_rows, window, n_channels, horizon)
    again = base_from_windows(windows)
    np.testing.assert_array_equal(again, base)
    assert np.shares_memory(again, base)
    assert not again.flags.writeable


@pytest.mark.parametrize(
    "part",
    [
        np.s_[3:9],
        np.s_[:, 1:4],
        np.s_[:, :, ::-1],
        np.s_[:, :, :1],
        np.s_[::2],
        np.s_[:, ::2],
        np.s_[::2, ::2],
        np.s_[::-1],
        np.s_[:, ::-1],
        np.s_[::-1, ::-1],
        np.s_[[0, 1, 2]],
        np.s_[:1],
    ],
    ids=str,
)
def test_a_base_is_given_only_for_windows_it_reproduces(part):
    """However windows are sliced, their base gives them back or there is none."""
    _, windows = windows_of_one_run(n_rows=12, window=5)
    windows = windows[part]
    base = base_from_windows(windows)
    if base is not None:
        for row, window in enumerate(windows):
            np.testing.assert_array_equal(base[row : row + len(window)], window)


def test_contiguous_slices_of_windows_keep_their_base():
    """A block of rows, of steps or of channels still overlaps."""
    _, windows = windows_of_one_run(n_rows=12, window=5)
    for part in (windows[3:9], windows[:, 1:], windows[:, :, 1:]):
        assert base_from_windows(part) is not None


def test_copies_have_no_base():
    """Windows that do not overlap in memory have no base, nor does a single one."""
    _, windows = windows_of_one_run()
    assert base_from_windows(windows.copy()) is None
    assert base_from_windows(np.asfortranarray(windows)) is None
    assert base_from_windows(windows[:1]) is None
    assert base_from_windows(windows[::2]) is None


# -- true steps ---------------------------------------------------------------------


@MANY
@given(cases())
def test_true_steps_are_the_newest_of_every_window(case):
    """Windows of a series are missing oldest steps, then true ones; never else."""
    _, windows = windows_of(case)
    expected = [count_by_loop(window) for window in windows]
    assert min(expected) >= 0
    np.testing.assert_array_equal(true_steps(windows), expected)


@MANY
@given(
    missing=st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=1, max_size=14),
    window=st.integers(1, 6),
    n_channels=st.integers(1, 3),
)
def test_true_steps_do_not_depend_on_memory(missing, window, n_channels):
    """A view and its copy count alike, and -1 marks every window that is not valid."""
    base = np.ones((len(missing), n_channels), dtype=np.float32)
    base[np.array(missing) == 1] = np.nan
    base[np.array(missing) == 2, 0] = np.nan
    window = min(window, len(base))
    view = np.lib.stride_tricks.sliding_window_view(base, window, axis=0)
    view = view.transpose(0, 2, 1)
    expected = [count_by_loop(one) for one in view]
    np.testing.assert_array_equal(true_steps(view), expected)
    np.testing.assert_array_equal(true_steps(view.copy()), expected)


@pytest.mark.parametrize(
    ("window", "count"),
    [
        ([np.nan, np.nan, np.nan], 0),
        ([np.nan, np.nan, 1.0], 1),
        ([1.0, 2.0, 3.0], 3),
        ([1.0, np.nan, 3.0], -1),
        ([1.0, 2.0, np.nan], -1),
        ([1.0, np.nan, np.nan], -1),
        ([np.nan, 2.0, np.nan], -1),
    ],
)
def test_true_steps_of_one_window(window, count):
    """Only missing oldest steps make a window that is incomplete rather than wrong."""
    block = np.array(window, dtype=np.float32).reshape(1, 3, 1)
    np.testing.assert_array_equal(true_steps(block), [count])
    np.testing.assert_array_equal(true_steps(np.repeat(block, 3, axis=0)), [count] * 3)


def test_partly_missing_steps_are_not_valid():
    """A step with one NaN among its channels is neither true nor missing."""
    block = np.ones((2, 3, 2), dtype=np.float32)
    block[0, 0, 1] = np.nan
    np.testing.assert_array_equal(true_steps(block), [-1, 3])


def test_true_steps_of_no_windows():
    """No windows have no counts."""
    assert true_steps(np.empty((0, 3, 2), dtype=np.float32)).shape == (0,)


def test_true_steps_of_many_copies():
    """Counts of a large block of separate windows are those of each of them."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 65, size=70_001)
    block = np.ones((len(counts), 64, 1), dtype=np.float32)
    block[np.arange(64) < 64 - counts[:, None]] = np.nan
    np.testing.assert_array_equal(true_steps(block), counts)


# -- which windows follow each other ------------------------------------------------


@MANY
@given(cases())
def test_next_windows_overlap(case):
    """A window is the next one exactly where it repeats all but the oldest step."""
    _, windows = windows_of(case)
    if windows.shape[1] == 1:
        return
    expected = [
        np.array_equal(earlier[1:], later[:-1], equal_nan=True)
        for earlier, later in pairwise(windows)
    ]
    for block in (windows, windows.copy()):
        found = is_next_window(block, true_steps(block))
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("earlier", "later", "is_next"),
    [
        ([1, 2, 3], [2, 3, 4], True),
        ([np.nan, np.nan, 3], [np.nan, 3, 4], True),
        ([np.nan, np.nan, np.nan], [np.nan, np.nan, 4], True),
        ([np.nan, np.nan, np.nan], [np.nan, np.nan, np.nan], True),
        ([1, 2, 3], [np.nan, 3, 4], False),
        ([np.nan, np.nan, 3], [2, 3, 4], False),
        ([5, 5, 5], [np.nan, np.nan, 5], False),
        ([1, 2, 3], [np.nan, np.nan, np.nan], False),
        ([1, 2, 3], [1, 2, 3], False),
        ([1, 2, 3], [3, 4, 5], False),
    ],
)
def test_equal_values_do_not_hide_a_hole(earlier, later, is_next):
    """Both the newest values and the numbers of true steps must agree."""
    windows = np.array([earlier, later], dtype=np.float32).reshape(2, 3, 1)
    found = is_next_window(windows, true_steps(windows))
    np.testing.assert_array_equal(found, [is_next])


def test_all_windows_of_one_run_follow_each_other():
    """Contiguous rows are never torn apart, whatever the window and the horizon."""
    for window in (1, 2, 7):
        for horizon in (0, 1, 3):
            _, windows = windows_of_one_run(window=window, horizon=horizon)
            assert is_next_window(windows, true_steps(windows)).all()


@pytest.mark.parametrize("left_out", [1, 2, 5])
def test_left_out_rows_are_noticed(left_out):
    """Windows on two sides of rows that were left out do not follow each other."""
    _, windows = windows_of_one_run(n_rows=30, window=5)
    kept = np.delete(windows, np.arange(12, 12 + left_out), axis=0)
    found = is_next_window(kept, true_steps(kept))
    np.testing.assert_array_equal(np.flatnonzero(~found), [11])


def test_one_window_has_no_neighbour():
    """A single window gives an empty answer."""
    _, windows = windows_of_one_run()
    assert is_next_window(windows[:1], np.array([0])).shape == (0,)
