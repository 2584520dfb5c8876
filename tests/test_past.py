"""Past: the hole that a sentence names, against one that was cut on purpose."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklstm.forecasting._past import words_of_short_past
from sklstm.windows._panel_labels import panel_labels
from sklstm.windows._timeline import timeline_from_labels

INDEXES = {
    "integers": pd.RangeIndex(3, 43),
    "days": pd.date_range("2024-03-20", periods=40, tz="Europe/Berlin"),
    "months": pd.period_range("2020-01", periods=40, freq="M"),
    "business days": pd.date_range("2024-03-20", periods=40, freq="B"),
}


def said_of(labels, groups, timeline, n_steps, n_reads=6):
    """Return the sentence for rows of a long frame."""
    X = pd.DataFrame({"shop": groups, "time": labels})
    panel = panel_labels(X, ["shop"], "time", owner="Owner")
    return words_of_short_past(
        panel,
        timeline,
        np.array(n_steps),
        n_rows=len(X),
        n_reads=n_reads,
        window=n_reads,
    )


@pytest.mark.parametrize("kind", INDEXES)
@given(data=st.data())
def test_the_newest_hole_is_named(kind, data):
    """Of the rows that were cut, those of the newest hole stand in the sentence."""
    labels = INDEXES[kind]
    cut = sorted(data.draw(st.sets(st.integers(1, 38), min_size=1, max_size=6)))
    kept = [row for row in range(40) if row not in cut]
    timeline = timeline_from_labels(labels, n_rows=40)
    after = 39 - cut[-1]
    said = said_of(labels[kept], "a", timeline, [0], n_reads=after + 1)
    before = max(row for row in kept if row < cut[-1])
    names = labels[[before, cut[-1] + 1]].tolist()
    around = f"between {names[0]!r} and {names[1]!r}, and {after} row(s)"
    assert f"Group 'a' of X has a hole {around}" in said


def test_the_first_short_group_is_named_and_the_others_counted():
    """Groups count whose windows lack steps, and no others."""
    rows = pd.Index([*range(9), *range(2), *range(9)])
    groups = ["a"] * 9 + ["b"] * 2 + ["c"] * 9
    timeline = timeline_from_labels(pd.RangeIndex(9), n_rows=9)
    assert said_of(rows, groups, timeline, [6, 6, 6]) is None
    said = said_of(rows, groups, timeline, [6, 2, 6])
    assert said.startswith("Group 'b' of X has 2 row(s), fewer than the 6")
    said = said_of(rows, groups, timeline, [6, 2, 5])
    assert said.startswith("Group 'b' of X, the first of 2 such among 3, has 2 row(s)")
    said = said_of(rows, groups, timeline, [4, 6, 6])
    assert said.startswith("Group 'a' of X has columns without an earlier value")


def test_rows_without_labels_have_no_hole():
    """An array is only counted."""
    said = words_of_short_past(None, None, np.array([2]), n_rows=2, n_reads=6, window=6)
    assert said.startswith("X has 2 row(s), fewer than the 6 that a window reads, so")
