"""Arithmetic of windows: every window against a loop over its rows, nothing copied."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm import SlidingWindow
from sklstm.windows._array import (
    Windows,
    base_from_windows,
    is_next_window,
    take_rows,
    true_steps,
    windows_from_base,
)

MANY = settings(max_examples=150)


def series_windows(n_rows=20, window=5, n_channels=2, horizon=1):
    X = np.random.default_rng(0).normal(size=(n_rows, n_channels))
    return SlidingWindow(window, horizon=horizon).fit_transform(X)


@pytest.mark.parametrize("step", [1, 2, -1])
@pytest.mark.parametrize("of_rows", [1, 2, -1])
def test_a_base_is_given_only_for_windows_it_reproduces(of_rows, step):
    """However windows are sliced, their base gives them back or there is none.

    Windows of a series are a read-only view of theirs.
    """
    windows = series_windows(12)
    base = base_from_windows(windows)
    assert np.shares_memory(base, windows) and not windows.flags.writeable
    for part in (windows[::of_rows, ::step], windows[3:9, 1:4, 1:][::of_rows, ::step]):
        base = base_from_windows(part)
        assert base is None or of_rows == step
        assert base is not None or not of_rows == step == 1
        for row, window in enumerate(part if base is not None else []):
            np.testing.assert_array_equal(base[row : row + len(window)], window)
    for copied in (windows.copy(), windows[[0, 1, 2]], windows[:1]):
        assert base_from_windows(copied) is None


@pytest.mark.parametrize("kind", ["array", "stamps", "hole", "panel"])
def test_memory_is_that_of_the_rows(kind):
    """A million rows and a window of 168 cost the rows a few times, hole or not."""
    n_rows = 1_000_000
    values = np.sin(np.arange(n_rows, dtype=np.float32)).reshape(-1, 1)
    X, params = values, {}
    if kind != "array":
        minutes = pd.date_range("2010-01-01", periods=n_rows, freq="min")
        X = pd.DataFrame(values, columns=["load"], index=minutes, copy=False)
    if kind == "hole":
        X = X.drop(minutes[1000:900_000:10_000])
    elif kind == "panel":
        X = X.assign(g=np.arange(n_rows) % 100, t=np.arange(n_rows) // 100)
        params = {"groups": "g", "time": "t"}
    tracemalloc.start()
    try:
        windows = SlidingWindow(168, **params).fit_transform(X)
        size, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert windows.shape == (len(X), 168, 1)
    assert base_from_windows(windows).nbytes < 1.2 * values.nbytes
    # A view keeps nothing but its base; else the place and the group of each row.
    is_view = kind in ("array", "stamps")
    assert size < (1.2 if is_view else 6) * values.nbytes
    assert peak < (14 if is_view else 30) * values.nbytes


def some_windows(window=3):
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"g": [*"aaaaaaabbbbb"], "t": [*range(7), *range(5)]})
    X = X.assign(load=rng.normal(size=12), price=1.0).iloc[rng.permutation(12)]
    return SlidingWindow(window, groups="g", time="t").fit_transform(X)


@pytest.mark.parametrize(
    "key",
    [
        *(3, -1, slice(2, 9, 2), slice(None), [4, 1, 1], np.arange(12) % 3 == 0),
        *((slice(None), -1), ([5, 2], -1, slice(None)), (2, 0, 1), Ellipsis),
        *((slice(None, -1), slice(1, None), 0), (slice(0, 4), [0, 2]), (None, 3)),
        *((Ellipsis, 0), np.array([[1, 2], [3, 4]])),
    ],
    ids=str,
)
def test_indexing_is_that_of_the_array(key):
    """Indexing reads what indexing of the whole array would read."""
    windows = some_windows()
    np.testing.assert_array_equal(windows[key], np.asarray(windows)[key])


def test_windows_are_an_array_like():
    """Shape and dtype are those of the array; rows, copies and order keep them."""
    windows = some_windows()
    array = np.asarray(windows)
    assert (windows.shape, windows.ndim, len(windows)) == (array.shape, 3, 12)
    assert windows.dtype == array.dtype == np.float64
    assert repr(windows) == "<Windows of shape (12, 3, 2), float64>"
    assert np.asarray(windows, dtype=float).dtype == float
    with pytest.raises(ValueError, match="only be copied"):
        windows.__array__(copy=False)
    order = windows.order()
    in_order = take_rows(windows, order)
    assert in_order.order() == slice(None) and in_order.base is windows.base
    np.testing.assert_array_equal(in_order, array[order])
    assert in_order.groups.tolist() == [0] * 7 + [1] * 5 and in_order.has_many_groups
    copied = windows.copied(slice(2, 5))
    copied.base[:] = 7
    assert (np.asarray(copied) == 7).all() and copied.shape == (3, 3, 2)
    np.testing.assert_array_equal(windows, array)
    counts = true_steps(in_order)
    assert counts.tolist() == [0, 1, 2, 3, 3, 3, 3, 0, 1, 2, 3, 3]
    for windows in (in_order, take_rows(some_windows(1), order)):
        is_next = is_next_window(windows, true_steps(windows))
        assert np.flatnonzero(~is_next).tolist() == [6]


def count_by_loop(window):
    """Return the true steps of one window, -1 if they are not its newest ones."""
    n_missing = 0
    while n_missing < len(window) and np.isnan(window[n_missing]).all():
        n_missing += 1
    return -1 if np.isnan(window[n_missing:]).any() else len(window) - n_missing


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
    view = windows_from_base(base, 0, len(base) - window + 1, window)
    expected = [count_by_loop(one) for one in view]
    listed = Windows(base, np.arange(len(view)), None, window)
    for windows in (view, view.copy(), listed):
        np.testing.assert_array_equal(true_steps(windows), expected)
    assert true_steps(view[:0]).shape == (0,)


def test_true_steps_of_many_copies():
    """Counts of a large block of separate windows are those of each of them."""
    counts = np.random.default_rng(0).integers(0, 65, size=70_001)
    block = np.ones((len(counts), 64, 1), dtype=np.float32)
    block[np.arange(64) < 64 - counts[:, None]] = np.nan
    np.testing.assert_array_equal(true_steps(block), counts)


@pytest.mark.parametrize("horizon", [0, 1, 3])
@pytest.mark.parametrize("window", [2, 7])
@pytest.mark.parametrize("left_out", [0, 1, 5])
def test_next_windows_overlap(window, horizon, left_out):
    """A window is the next where it repeats all but the oldest step of the other."""
    windows = series_windows(30, window, horizon=horizon)
    windows = np.delete(windows, np.arange(12, 12 + left_out), axis=0)
    expected = [
        np.array_equal(earlier[1:], later[:-1], equal_nan=True)
        for earlier, later in pairwise(windows)
    ]
    assert expected.count(False) == (left_out > 0)
    np.testing.assert_array_equal(
        is_next_window(windows, true_steps(windows)), expected
    )


NAN = np.nan
HOLES = [[1, 2, 3, NAN, 3, 4], [NAN, NAN, 3, 2, 3, 4], [5, 5, 5, NAN, NAN, 5]]


@pytest.mark.parametrize("values", [*HOLES, [1, 2, 3, NAN, NAN, NAN], [1, 2, 3] * 2])
def test_equal_values_do_not_hide_a_hole(values):
    """Both the newest values and the numbers of true steps must agree."""
    windows = np.array(values, dtype=np.float32).reshape(2, 3, 1)
    assert not is_next_window(windows, true_steps(windows)).any()
