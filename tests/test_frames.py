"""Frames: values, labels and names of pandas objects, and of others."""

import numpy as np
import pandas as pd
import pytest

from sklstm.windows._frames import (
    check_same_labels,
    column_of_target,
    frame_from,
    labels_of,
    names_of,
    numeric_frame,
    positions_of,
    rows_from,
    series_or_frame,
)


def test_series_becomes_a_frame_of_one_named_column():
    """A Series is a table of one column under its own name, x0 if it has none."""
    values = pd.Series([1.0, 2.0], index=[5, 6], name="load")
    assert list(rows_from(values).columns) == ["load"]
    assert rows_from(values).index.equals(values.index)
    assert list(rows_from(values.rename(None)).columns) == ["x0"]
    assert list(rows_from(values.rename(7)).columns) == [7]


def test_other_containers_pass_as_they_came():
    """Arrays, lists and frames are handed on, and only pandas objects have labels."""
    frame = pd.DataFrame({"load": [1.0, 2.0]}, index=[5, 6])
    for container in (frame, frame.to_numpy(), [[1.0], [2.0]]):
        assert rows_from(container) is container
    assert labels_of(frame).equals(frame.index)
    assert labels_of(frame["load"]).equals(frame.index)
    assert labels_of(frame.to_numpy()) is None
    assert labels_of([[1.0], [2.0]]) is None


def test_frame_from_shares_memory():
    """A table becomes a DataFrame without a copy of its values."""
    values = np.arange(6.0).reshape(3, 2)
    frame = frame_from(values, ["a", "b"], pd.RangeIndex(4, 7))
    assert np.shares_memory(frame.to_numpy(), values)
    assert list(frame.columns) == ["a", "b"]
    assert list(frame.index) == [4, 5, 6]


def test_series_or_frame_follows_the_shape():
    """1-D values become a Series and 2-D values a DataFrame, both with labels."""
    labels = pd.date_range("2023-01-15", periods=3, freq="h")
    series = series_or_frame(np.arange(3.0), labels, ["load"])
    frame = series_or_frame(np.zeros((3, 2)), labels, ["load", "price"])
    assert series.name == "load" and series.index.equals(labels)
    assert list(frame.columns) == ["load", "price"] and frame.index.equals(labels)


def test_chosen_labels_that_are_not_in_the_index():
    """Such a label is said not to be there, between the ends of the index."""
    labels = pd.date_range("2023-01-15", periods=3, freq="D")
    match = r"Got '2030-01-01', which is not in the index, 2023-01-15 .* to 2023-01-17"
    with pytest.raises(ValueError, match=match):
        positions_of("2030-01-01", labels, 3, owner="Owner")
    with pytest.raises(ValueError, match=r"Got 3 for 3 rows"):
        positions_of(3, labels, 3, owner="Owner")


def test_columns_that_are_no_numbers_are_sent_where_they_belong():
    """A time belongs into the index, a name into groups; both are said."""
    X = pd.DataFrame(
        {"day": pd.date_range("2024-01-01", periods=2), "shop": ["a", "b"]}
    )
    with pytest.raises(
        ValueError, match=r"'day' of dtype date.* index \(set_index\), o"
    ):
        numeric_frame(X, owner="Owner")
    with pytest.raises(ValueError, match=r"'shop' of dtype .*of a long frame apart in"):
        numeric_frame(X[["shop"]], owner="Owner")
    with pytest.raises(
        ValueError, match=r"'day' of dtype period.* or name it in time="
    ):
        numeric_frame(X[["day"]].apply(lambda c: c.dt.to_period("D")), owner="O")


def test_a_target_among_the_columns():
    """It is found by its name and all of its values."""
    X = pd.DataFrame({"load": [1.0, 2.0, 4.0], "day": [0, 1, 2]})
    assert column_of_target(X, X["load"]) == "load"
    for y in (X["load"] + 1, X["load"].rename("other"), X["load"].to_numpy(), X):
        assert column_of_target(X, y) is None
    assert column_of_target(X.to_numpy(), X["load"]) is None
    assert column_of_target(X * 0, X["load"] * 0) is None


def test_row_numbers_of_a_target_are_no_labels():
    """scikit-learn numbers a y that it transformed; other labels must be those of X."""
    X = pd.DataFrame({"load": range(3)}, index=pd.date_range("2024-01-01", periods=3))
    numbered = pd.Series(range(3), name="x0")
    check_same_labels(X, numbered, owner="Owner")
    check_same_labels(X, X["load"], owner="Owner")
    assert names_of(X, numbered) is None and names_of(X, X["load"]) == ["load"]
    for y in (
        pd.Series(range(3), index=range(1, 4)),
        pd.Series(range(2)),
        X["load"].shift(freq="D"),
    ):
        with pytest.raises(ValueError, match="Owner needs y at the index of X"):
            check_same_labels(X, y, owner="Owner")
    there = X.tz_localize("Europe/Berlin")
    check_same_labels(there, there["load"].tz_convert("UTC"), owner="Owner")
    with pytest.raises(ValueError, match="Owner needs y at the index of X"):
        check_same_labels(there, X["load"].tz_localize("UTC"), owner="Owner")
    with pytest.raises(ValueError, match="Got 0 in y where X has 5"):
        check_same_labels(X.set_axis(range(5, 8)), numbered, owner="Owner")
