"""Rows: which of them are learned from, and which validate, against loops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sklstm.network._rows import learnable_rows, split_newest, steps_of

MANY = settings(max_examples=200)


def test_steps_are_not_copied():
    """Many steps of a long series are a view: they cost one series, not ``steps``."""
    targets = steps_of(np.zeros(1000), 100)
    assert targets.strides == (8, 8)


def series_with_holes(lengths, window, n_channels=1):
    """Return windows of runs of rows, counts of true steps, and the run of each row.

    Each row's window ends before it, so that the first of each run has no true step.
    """
    windows, counts, runs = [], [], []
    value = 0.0
    for run, length in enumerate(lengths):
        past = []
        for _ in range(length):
            window_steps = [np.full(n_channels, np.nan)] * window + past
            windows.append(window_steps[-window:])
            counts.append(min(len(past), window))
            runs.append(run)
            value += 1.0
            past.append(value + np.arange(n_channels) / 10)
    windows = np.array(windows, dtype=np.float32).reshape(-1, window, n_channels)
    return windows, np.array(counts), np.array(runs)


def learnable_by_loop(counts, runs, steps, weights):
    rows = []
    for row in range(len(counts)):
        targets = range(row, row + steps)
        is_whole = targets[-1] < len(counts) and len({runs[t] for t in targets}) == 1
        if counts[row] > 0 and is_whole and (weights is None or weights[row] > 0):
            rows.append(row)
    return rows


@MANY
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    window=st.integers(2, 5),
    n_channels=st.integers(1, 2),
    steps=st.integers(1, 9),
    data=st.data(),
)
def test_learnable_rows_are_those_of_a_loop(lengths, window, n_channels, steps, data):
    """A true step, a positive weight, and all targets before the next hole."""
    windows, counts, runs = series_with_holes(lengths, window, n_channels)
    weights = data.draw(
        st.none()
        | st.lists(
            st.sampled_from([0.0, 0.5, 2.0]), min_size=len(counts), max_size=len(counts)
        ).map(np.array)
    )
    rows = learnable_rows(windows, counts, steps, weights)
    assert rows.dtype.kind == "i"
    assert rows.tolist() == learnable_by_loop(counts, runs, steps, weights)


def test_complete_windows_on_two_sides_of_a_hole_are_told_apart():
    """A hole between two full windows ends the targets before it."""
    series = np.arange(20, dtype=np.float32)
    rows = [4, 5, 6, 7, 12, 13, 14]
    windows = np.array([series[row - 3 : row] for row in rows])[:, :, None]
    counts = np.full(len(rows), 3)
    assert learnable_rows(windows, counts, 2, None).tolist() == [0, 1, 2, 4, 5]
    assert learnable_rows(windows, counts, 3, None).tolist() == [0, 1, 4]
    assert learnable_rows(windows, counts, 1, None).tolist() == list(range(7))


@MANY
@given(
    rows=st.sets(st.integers(0, 60), min_size=1).map(sorted),
    fraction=st.floats(0.01, 0.99),
    steps=st.integers(1, 8),
)
def test_no_training_target_is_a_target_of_the_tail(rows, fraction, steps):
    """The tail is the newest share; rows left have no target in common with it."""
    rows = np.array(rows)
    training_rows, validation_rows = split_newest(rows, fraction, steps)
    n_validation = len(validation_rows)
    assert n_validation >= 1
    assert n_validation - 1 < len(rows) * fraction <= n_validation + 1e-9
    np.testing.assert_array_equal(validation_rows, rows[-n_validation:])
    validated = {row + step for row in validation_rows for step in range(steps)}
    for row in training_rows:
        assert validated.isdisjoint(range(row, row + steps))
    oldest = validation_rows[0]
    assert training_rows.tolist() == [row for row in rows if row + steps - 1 < oldest]
