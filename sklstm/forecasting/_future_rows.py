"""Rows to come: their labels, what is known of them, and forecasts as long frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import python_scalar
from sklstm.windows._frames import check_columns_once
from sklstm.windows._table import row_labels, positions_among
from sklstm.windows._labels import Timeline, labels_together

__all__ = [
    "ahead_of_panel",
    "check_same_kind",
    "columns_with_future",
    "coverage_of_forecast",
    "future_columns",
    "future_of_panel",
    "kind_of_long_frame",
    "labels_after_each",
    "labels_given_after",
    "labels_given_after_each",
    "long_frame",
    "long_frame_with_future",
    "n_whole_rows",
    "rows_with_future",
    "with_coverage",
]

# Where a forecast says what its columns are.
_KIND = "sklstm"


# -- of a single series ------------------------------------------------------------


def rows_with_future(X: pd.DataFrame, future: pd.Index) -> pd.DataFrame:
    """Return X with rows for future labels appended, numbers as floats.

    The new rows repeat the last one; their values only hold a place.
    """
    appended = X.iloc[[-1] * len(future)].set_axis(future, axis=0)
    rows = pd.concat([X, appended])
    numeric = rows.select_dtypes(["number", "bool"]).columns
    return rows.astype(dict.fromkeys(numeric, float))


def future_columns(
    X_future: pd.DataFrame,
    labels: pd.Index,
    columns: list,
    *,
    owner: str,
    may_lack: bool = False,
) -> list[np.ndarray]:
    """Return some columns of X_future at some labels, each as an array.

    Parameters
    ----------
    X_future : DataFrame
        Values known beforehand, one row per future label, in any order.
    labels : Index of length steps
        The future labels.
    columns : list
        Columns to read.
    owner : str
        The function that is speaking.
    may_lack : bool, default=False
        Whether values may be NaN, in rows that are there.

    Raises
    ------
    ValueError
        If a column or a row is missing or holds NaN; it names the first ones.
    """
    check_columns_once(
        X_future, columns, f"{owner} needs the known columns {columns} in X_future"
    )
    if not X_future.index.is_unique:
        duplicate = X_future.index[X_future.index.duplicated()][0]
        raise ValueError(
            f"{owner} needs one row of X_future per future label. Got {duplicate!r} "
            "more than once; drop the duplicates."
        )
    rows = X_future[columns].reindex(labels)
    bad = rows.isna().any(axis=1).to_numpy()
    if may_lack:
        bad = bad & ~labels.isin(X_future.index)
    if bad.any():
        absent = ", ".join(str(label) for label in labels[bad][:5])
        raise ValueError(
            f"{owner} needs a row of X_future, without NaN in {columns}, for each of "
            f"the {len(labels)} labels after X ({labels[0]} to {labels[-1]}). Got none "
            f"for {int(bad.sum())} of them: {absent}; align the index of X_future."
        )
    return [
        rows[name].to_numpy(dtype=float)
        if pd.api.types.is_numeric_dtype(X_future[name].dtype)
        else rows[name].to_numpy()
        for name in columns
    ]


def n_whole_rows(X_future: pd.DataFrame, labels: pd.Index, columns: list) -> int:
    """Return how many labels, from the first on, have a value in all of some columns.

    0 where the columns or the rows of X_future are not there once each.
    """
    if not X_future.index.is_unique or set(columns) - set(X_future.columns):
        return 0
    is_whole = X_future[columns].reindex(labels).notna().all(axis=1).to_numpy()
    return len(labels) if is_whole.all() else int(np.argmin(is_whole))


def check_same_kind(frame: pd.DataFrame, column: int, values: np.ndarray) -> None:
    """Raise where values to come of a column of numbers, by position, are none.

    Raises
    ------
    ValueError
        It names the column and the first value.
    """
    is_number = pd.api.types.is_numeric_dtype(frame.dtypes.iloc[column])
    if is_number and not pd.api.types.is_numeric_dtype(values.dtype):
        raise ValueError(
            f"forecast needs numbers in column {frame.columns[column]!r} of X_future, "
            f"as in X. Got {values[0]!r}, a {type(values[0]).__name__}; call "
            "astype(float) on it."
        )


def labels_given_after(
    X_future: pd.DataFrame,
    labels: pd.Index,
    steps: int,
    timeline: Timeline,
    n_more: int = 0,
) -> pd.Index:
    """Return the first labels of X_future after the last one of X.

    Parameters
    ----------
    X_future : DataFrame
        Rows in any order; older ones are passed over.
    labels : Index
        Those of X.
    steps : int
        How many labels to return.
    timeline : Timeline
        Of kind ``"order"``: every label follows the one before.
    n_more : int, default=0
        How many more labels to return, where they are there.

    Raises
    ------
    ValueError
        If they are of another kind than those of X, or fewer lie after these.
    """
    _check_labels_to_come(X_future.index, timeline)
    later = X_future.index[X_future.index > labels[-1]].sort_values()
    if len(later) < steps:
        raise ValueError(
            f"forecast needs X_future at the labels of the {steps} row(s) to come, "
            f"after {labels[-1]!r}. Got {len(later)}: "
            f"{', '.join(str(label) for label in later[:5]) or 'none'}; append rows, "
            "or forecast fewer steps."
        )
    later = later[: steps + n_more]
    return labels_together(labels[:0], later).rename(labels.name)


def _check_labels_to_come(given: pd.Index, timeline: Timeline) -> None:
    """Raise unless labels can be compared with those that a timeline counts."""
    if not timeline.accepts(given):
        raise ValueError(
            "forecast needs the labels of the rows to come in X_future, of the kind "
            f"that X has ({timeline.last.dtype}). Got {given.dtype}; give X_future the "
            "times of its rows."
        )
    timeline.check_comparable(given)


def columns_with_future(X_future: pd.DataFrame, labels: pd.Index) -> list:
    """Return the columns of X_future that hold a value at every future label."""
    if not X_future.index.is_unique:
        return list(X_future.columns)
    whole = X_future.reindex(labels).notna().all()
    return list(X_future.columns[whole.to_numpy()])


# -- of a panel ---------------------------------------------------------------------


def labels_after_each(timeline: Timeline, newest: pd.Index, steps: int) -> pd.Index:
    """Return the ``steps`` labels after each of some labels, step by step.

    Parameters
    ----------
    timeline : Timeline
        With a common step.
    newest : Index of length n_groups
        The newest label of each group.
    steps : int
        How many labels to come.

    Returns
    -------
    Index of length steps * n_groups
    """
    place, ends = pd.factorize(newest)
    ends = pd.Index(ends)
    parts = [timeline.after(ends[i : i + 1], steps) for i in range(len(ends))]
    labels = parts[0].append(parts[1:]) if len(parts) > 1 else parts[0]
    labels = labels.rename(newest.name)
    return labels.take((place * steps + np.arange(steps)[:, None]).ravel())


def labels_given_after_each(
    X_future: Any,
    keys: pd.Index | None,
    newest: pd.Index,
    steps: int,
    timeline: Timeline,
    groups: list,
    time: Any,
    n_more: int = 0,
) -> pd.Index:
    """Return the first labels of X_future after the newest one of each group.

    Parameters
    ----------
    X_future : DataFrame
        A long frame, rows in any order; older ones and other groups are passed over.
    keys : Index of length n_groups, or None
        The groups; None for a single series.
    newest : Index of length n_groups
        The newest label of each group.
    steps, timeline : see :func:`labels_given_after`
    groups, time : see :func:`long_frame_with_future`
    n_more : int, default=0
        How many more labels to return of each group, where some group has them. In
        the others stand labels right after their last ones, which X_future lacks.

    Returns
    -------
    Index of length (steps + n_more or less) * n_groups
        Step by step.

    Raises
    ------
    ValueError
        If labels are of another kind than those of X, or a group has fewer; it names
        the first such groups.
    """
    panel = row_labels(X_future, groups, time, owner="forecast", rows="X_future")
    _check_labels_to_come(panel.stamps, timeline)
    codes = panel.codes
    if keys is not None and panel.keys is not None:
        codes = positions_among(panel.keys.to_flat_index(), keys)[codes]
    is_later = panel.times_of(np.arange(len(codes))) > newest.take(codes)
    rows = np.flatnonzero(is_later & (codes >= 0))
    rows = rows[np.lexsort((panel.ranks[rows], codes[rows]))]
    own = codes[rows]
    counts = np.bincount(own, minlength=len(newest))
    few = np.flatnonzero(counts < steps)
    if len(few):
        came = "; ".join(
            f"{counts[code]} after {newest[code]!r}"
            + ("" if keys is None else f" of group {python_scalar(keys[code])!r}")
            for code in few[:5]
        )
        raise ValueError(
            f"forecast needs X_future at the times of the {steps} row(s) to come of "
            f"each group. Got {came}; append rows, forecast fewer steps"
            f"{'' if keys is None else ', or leave groups that have ended out of X'}."
        )
    starts = np.cumsum(counts) - counts
    places = np.arange(min(steps + n_more, counts.max()))[:, None]
    n_beyond = np.maximum(places - (counts - 1), 0)
    labels = panel.times_of(rows[starts + places - n_beyond].ravel())
    labels = labels_together(newest[:0], labels)
    return _moments_later(labels, n_beyond.ravel()).rename(newest.name)


def _moments_later(labels: pd.Index, counts: np.ndarray) -> pd.Index:
    """Return labels each of which is later by a count of the least that can be told."""
    if isinstance(labels, pd.DatetimeIndex):
        return labels + pd.to_timedelta(counts, unit=labels.unit).as_unit(labels.unit)
    return labels + counts


def long_frame_with_future(
    X: pd.DataFrame,
    rows: np.ndarray,
    last_rows: np.ndarray,
    future: pd.Index,
    groups: list,
    time: Any,
) -> pd.DataFrame:
    """Return some rows of a panel with the rows to come appended, numbers as floats.

    Parameters
    ----------
    X : DataFrame
        A long frame.
    rows, last_rows : ndarray of int
        The rows to take, and the newest of each group.
    future : Index of length steps * n_groups
        The labels to come, step by step.
    groups : list
        Columns that tell groups apart.
    time : column name or None
        The column of time; None for the index.

    Returns
    -------
    DataFrame
        The new rows repeat the last of their group; their values only hold a place.
    """
    steps = len(future) // len(last_rows)
    appended = _at_labels(X.iloc[np.tile(last_rows, steps)], future, time)
    table = pd.concat([X.iloc[rows], appended], ignore_index=time is not None)
    values = table.drop(columns=[*groups, *([] if time is None else [time])])
    numeric = values.select_dtypes(["number", "bool"]).columns
    return table.astype(dict.fromkeys(numeric, float))


def long_frame(
    last: pd.DataFrame, future: pd.Index, columns: dict, groups: list, time: Any
) -> pd.DataFrame:
    """Return columns of rows to come as a long frame, group by group.

    Parameters
    ----------
    last : DataFrame of n_groups rows
        The newest row of each group.
    future : Index of length steps * n_groups
        The labels to come, step by step.
    columns : dict of ndarray of shape (n_groups * steps,)
        Values, group by group.
    groups, time : see :func:`long_frame_with_future`
    """
    n_groups = len(last)
    steps = len(future) // n_groups
    by_group = np.arange(len(future)).reshape(steps, n_groups).T.ravel()
    frame = last[groups].iloc[np.repeat(np.arange(n_groups), steps)]
    frame = frame.reset_index(drop=True)
    if time is None:
        frame.index = future.take(by_group)
    else:
        frame[time] = future.take(by_group)
    for name, values in columns.items():
        frame[name] = values
    # What displays read: nothing in the frame tells its groups from its values.
    frame.attrs[_KIND] = {"groups": list(groups), "time": time}
    return frame


def kind_of_long_frame(frame: Any) -> tuple[list, Any] | None:
    """Return the columns of groups and of time of a forecast, None of other things.

    A frame keeps what it was where its columns became the index, which says it then.
    """
    kind = getattr(frame, "attrs", {}).get(_KIND, {})
    if "groups" not in kind:
        return None
    groups, time = kind["groups"], kind["time"]
    columns = {*groups} if time is None else {*groups, time}
    return (groups, time) if columns <= set(frame.columns) else None


def with_coverage(frame: pd.DataFrame, coverage: float) -> pd.DataFrame:
    """Let the frame of a forecast say the coverage of its intervals; return it."""
    own = frame.attrs.get(_KIND, {})
    frame.attrs[_KIND] = own | {"coverage": float(coverage)}
    return frame


def coverage_of_forecast(frame: Any) -> float | None:
    """Return the coverage of the intervals of a forecast, None where it says none."""
    return getattr(frame, "attrs", {}).get(_KIND, {}).get("coverage")


def _at_labels(frame: pd.DataFrame, labels: pd.Index, time: Any) -> pd.DataFrame:
    """Return a frame whose rows are at some labels, in a column or in the index."""
    if time is None:
        return frame.set_axis(labels, axis=0)
    frame = frame.copy()
    frame[time] = labels
    return frame


def future_of_panel(
    X_future: Any,
    last: pd.DataFrame,
    future: pd.Index,
    known: list,
    columns: list,
    groups: list,
    time: Any,
    *,
    may_lack: bool = False,
) -> dict:
    """Return the columns of X_future that are given for all rows to come.

    Parameters
    ----------
    X_future : DataFrame
        A long frame with the columns of groups and time, rows in any order.
    last : DataFrame of n_groups rows
        The newest row of each group.
    future : Index of length steps * n_groups
        The labels to come, step by step.
    known : list
        Columns that must be there.
    columns : list
        Columns that may be there.
    groups, time : see :func:`long_frame_with_future`
    may_lack : bool, default=False
        Whether values may be NaN, in rows that are there.

    Returns
    -------
    dict of ndarray of shape (steps * n_groups,)
        Values of the known columns, and of others that are given in every row.

    Raises
    ------
    ValueError
        If a column is missing, or a row is missing, there twice or holds NaN; it names
        the first ones.
    """
    owner = "forecast"
    row_labels(X_future, groups, time, owner=owner, rows="X_future")
    check_columns_once(
        X_future, known, f"{owner} needs the known columns {known} in X_future"
    )
    steps = len(future) // len(last)
    wanted = _at_labels(last.iloc[np.tile(np.arange(len(last)), steps)], future, time)
    keys, given = _row_keys(wanted, groups, time), _row_keys(X_future, groups, time)
    if not given.is_unique:
        twice = given[given.duplicated()][0]
        raise ValueError(
            f"{owner} needs one row of X_future per group and time. Got "
            f"{_key_words(twice, time)} more than once; drop the duplicates."
        )
    names = [name for name in columns if (X_future.columns == name).sum() == 1]
    rows = X_future[names].set_axis(given, axis=0).reindex(keys)
    bad = rows[known].isna().any(axis=1).to_numpy()
    if may_lack:
        bad = bad & ~keys.isin(given)
    if bad.any():
        absent = "; ".join(_key_words(key, time) for key in keys[bad][:5])
        raise ValueError(
            f"{owner} needs a row of X_future, without NaN in {known}, for each of the "
            f"{steps} label(s) after the last row of each group. Got none for "
            f"{int(bad.sum())} of {len(keys)}: {absent}; align X_future"
            f"{', or leave groups that have ended out of X' if groups else ''}."
        )
    is_whole = rows.notna().all()
    return {
        name: rows[name].to_numpy()
        for name in names
        if name in known or bool(is_whole[name])
    }


def ahead_of_panel(
    X_future: Any,
    last: pd.DataFrame,
    ahead: pd.Index,
    before: dict,
    groups: list,
    time: Any,
) -> dict:
    """Return known columns of the rows after those to come, where they are given.

    Parameters
    ----------
    X_future : DataFrame
        As :func:`future_of_panel` takes it, and has checked it.
    last : DataFrame of n_groups rows
        The newest row of each group.
    ahead : Index of length n_ahead * n_groups
        Labels, step by step.
    before : dict of ndarray of shape (n_groups,)
        The known columns of the row before, whose values stand where none is given.
    groups, time : see :func:`long_frame_with_future`

    Returns
    -------
    dict of ndarray of shape (n_ahead * n_groups,)
    """
    n_groups = len(last)
    n_ahead = len(ahead) // n_groups
    wanted = _at_labels(last.iloc[np.tile(np.arange(n_groups), n_ahead)], ahead, time)
    keys, given = _row_keys(wanted, groups, time), _row_keys(X_future, groups, time)
    rows = X_future[list(before)].set_axis(given, axis=0).reindex(keys)
    found = {}
    for name, values in before.items():
        steps = [pd.Series(values)]
        column = rows[name].to_numpy().reshape(n_ahead, n_groups)
        for own in column:
            steps.append(pd.Series(own).where(pd.notna(own), steps[-1]))
        found[name] = np.concatenate([step.to_numpy() for step in steps[1:]])
    return found


def _row_keys(frame: pd.DataFrame, groups: list, time: Any) -> pd.MultiIndex:
    """Return the group and the time of every row, the time last."""
    labels = frame.index if time is None else pd.Index(frame[time])
    columns = [pd.Index(frame[name]) for name in groups]
    columns = [
        c.astype(c.categories.dtype) if isinstance(c, pd.CategoricalIndex) else c
        for c in columns
    ]
    return pd.MultiIndex.from_arrays([*columns, labels])


def _key_words(key: tuple, time: Any) -> str:
    """Return a group and a time for a message."""
    *group, stamp = (python_scalar(part) for part in key)
    name = "" if not group else f" of group {group[0] if len(group) == 1 else group!r}"
    return f"{'' if time is None else f'{time} '}{stamp}{name}"
