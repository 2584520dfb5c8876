"""PanelRows: the rows of every group up to now, and those to come, in one long frame.

All groups advance together: rows to come lie step by step, one row per group, so that
what a forecast reads and writes is always one stretch of the frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm.forecasting._future_rows import (
    ahead_of_panel,
    check_same_kind,
    future_of_panel,
    labels_after_each,
    labels_given_after_each,
    long_frame,
    long_frame_with_future,
)
from sklstm.windows._table import as_columns, next_in_group, ordered_rows
from sklstm.windows._table import row_labels
from sklstm.windows._labels import timeline_to_go_on

__all__ = ["PanelRows", "columns_by_name", "columns_of_panel"]


def columns_of_panel(
    columns: list, windows: Any, behind_known: tuple = ()
) -> tuple[list[int], list[int]]:
    """Return the positions in a long frame of the known and lagged window columns."""
    others = [*as_columns(windows.groups), windows.time]
    names = getattr(windows, "feature_names_in_", columns)
    names = [name for name in names if name not in others]
    return columns_by_name(columns, names, windows.is_known_, behind_known)


def columns_by_name(
    columns: list, names: list, is_known: np.ndarray, behind_known: tuple
) -> tuple[list[int], list[int]]:
    """Return the positions of the known and of the lagged window columns.

    Parameters
    ----------
    columns : list
        Names of the columns of X.
    names : list
        Names of the columns that windows read.
    is_known : ndarray of bool
        Which of these are known beforehand. A step in front may make them, so that
        they are not among those of X.
    behind_known : tuple
        The columns that it makes them from.

    Raises
    ------
    ValueError
        If a lagged column is not among those of X.
    """
    known = [name for name, is_one in zip(names, is_known, strict=True) if is_one]
    lagged = [name for name in names if name not in known]
    known += behind_known
    made = [name for name in lagged if name not in columns]
    if made:
        raise ValueError(
            "forecast must find the columns of the windows in X, to feed predictions "
            f"back. Got {made} from a step in front, not among {columns}; make them "
            "columns of X."
        )
    known_positions = sorted(columns.index(name) for name in known if name in columns)
    return known_positions, sorted(columns.index(name) for name in lagged)


class PanelRows:
    """The rows of a panel up to now and those to come, as one long frame.

    Parameters
    ----------
    X : DataFrame
        The rows up to now, in any order.
    steps : int
        Rows to come of each group.
    windows : SlidingWindow
        Fitted, with ``groups`` or ``time``.
    n_past : int or None
        Rows before the first to come that are read; None for all.
    n_ahead : int
        Rows after those to come whose known values are read.
    X_future : DataFrame, optional
        With ``elapsed`` its times are those of the rows to come.
    behind_known : tuple, default=()
        Columns of X that a step in front makes known ones from.

    Attributes
    ----------
    columns : list
        Names of the columns of X.
    keys : Index of length n_groups, or None
        The groups, in increasing order; None where only time is a column.
    n_steps : int
        Rows to come of each group.
    shape : tuple of int
        That of one value for each of them, (n_steps, n_groups).
    known, lagged : list of int
        Positions in X of the columns that windows hold, by their kind.
    given : list of int
        Positions of the columns whose values to come are given.
    n_ahead : int
        Rows after those to come whose known values are read.
    """

    def __init__(
        self,
        X: Any,
        steps: int,
        windows: Any,
        n_past: int | None,
        n_ahead: int = 0,
        X_future: Any = None,
        behind_known: tuple = (),
    ):
        groups, time = as_columns(windows.groups), windows.time
        self.groups, self.time, self.n_steps = groups, time, steps
        panel = row_labels(X, groups, time, owner="forecast")
        order = ordered_rows(panel, owner="forecast")
        order = np.arange(len(X)) if order is None else order
        codes = panel.codes[order]
        stops = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes))
        self.n_groups = len(stops)
        self.keys = None if panel.keys is None else panel.keys.to_flat_index()
        self.shape = (steps, self.n_groups)
        # The newest row of a group has age 0; older rows come first.
        ages = np.repeat(stops, np.diff(stops, prepend=0)) - 1 - np.arange(len(codes))
        by_age = np.argsort(-ages, kind="stable")
        if n_past is not None:
            by_age = by_age[ages[by_age] < n_past]
        self._ages = ages[by_age]
        self._X, self._last = X, order[stops - 1]
        longest = int(np.argmax(np.diff(stops, prepend=0)))
        self._longest = order[stops[longest - 1] if longest else 0 : stops[longest]]
        newest = panel.stamps[panel.ranks[self._last]]
        if windows.elapsed and X_future is not None:
            labels = labels_given_after_each(
                X_future,
                self.keys,
                newest,
                steps,
                windows.timeline_,
                groups,
                time,
                n_ahead,
            )
        else:
            pairs = next_in_group(codes, panel.ranks[order])
            timeline = self._timeline(windows.timeline_, panel.stamps, pairs)
            labels = labels_after_each(timeline, newest, steps + n_ahead)
        self.n_ahead = len(labels) // self.n_groups - steps
        self.future = labels[: steps * self.n_groups]
        self._ahead = labels[steps * self.n_groups :]
        self.table = long_frame_with_future(
            X, order[by_age], self._last, labels, groups, time
        )
        self.columns = list(self.table.columns)
        self.given: list[int] = []
        self.known, self.lagged = columns_of_panel(self.columns, windows, behind_known)

    def _timeline(self, timeline: Any, stamps: Any, pairs: Any) -> Any:
        """Return the timeline by which the groups go on."""
        if timeline.kind == "order" or not timeline.accepts(stamps):
            timeline = timeline_to_go_on(stamps, n_rows=len(self._X), pairs=pairs)
        if timeline is None:
            raise ValueError(
                "forecast needs two rows of a group, to tell the step between them. "
                "Got one of each; pass more of the past."
            )
        return timeline

    def put_future(self, X_future: Any, *, may_lack: bool) -> None:
        """Write what is given of the rows to come, of which some values may lack."""
        names = [self.columns[i] for i in self.known]
        if X_future is None:
            if names:
                raise ValueError(
                    "forecast needs X_future, the values to come of the known columns "
                    f"{names}. Got None."
                )
            return
        given = future_of_panel(
            X_future,
            self._X.iloc[self._last],
            self.future,
            names,
            [n for n in self.columns if n not in (*self.groups, self.time)],
            self.groups,
            self.time,
            may_lack=may_lack,
        )
        self.given = [self.columns.index(name) for name in given]
        end = len(self._ages) + len(self.future)
        for column, values in zip(self.given, given.values(), strict=True):
            check_same_kind(self.table, column, values)
            self.table.iloc[len(self._ages) : end, column] = values
        if self.n_ahead:
            before = {name: given[name][-self.n_groups :] for name in names}
            last = self._X.iloc[self._last]
            ahead = ahead_of_panel(
                X_future, last, self._ahead, before, self.groups, self.time
            )
            for name, values in ahead.items():
                self.table.iloc[end:, self.columns.index(name)] = values

    def put(self, start: int, columns: list[int], values: np.ndarray) -> None:
        """Write values (n_steps, n_groups, …) of some columns into rows to come."""
        begin = len(self._ages) + start * self.n_groups
        block = values.reshape(len(values) * self.n_groups, -1)
        for column, column_values in zip(columns, block.T, strict=True):
            self.table.iloc[begin : begin + len(block), column] = column_values

    def until(self, stop: int, start: int, n_past: int | None) -> Any:
        """Return rows to come up to ``stop``, and the past that ``start`` reads."""
        begin = 0
        if n_past is not None:
            n_old = int((self._ages >= max(n_past - start, 0)).sum())
            begin = n_old + max(start - n_past, 0) * self.n_groups
        return self.table.iloc[begin : len(self._ages) + stop * self.n_groups]

    def sample(self, n_rows: int | None) -> Any:
        """Return the newest rows up to now of the longest group, None for all."""
        return self._X.iloc[self._longest[-n_rows if n_rows else 0 :]]

    def newest(self, n_rows: int, n_steps: int, n_later: int) -> np.ndarray:
        """Return the positions of the newest steps in rows, but for some later ones."""
        end = n_rows - n_later * self.n_groups
        return np.arange(end - n_steps * self.n_groups, end)

    def by_step(self, values: np.ndarray, n_steps: int) -> np.ndarray:
        """Return predictions of the newest steps as (n_steps, n_groups, …)."""
        return values.reshape(n_steps, self.n_groups, *values.shape[1:])

    def of_one(self, values: np.ndarray) -> np.ndarray:
        """Return the values of one group."""
        return values[:, 0]

    def result(self, values: np.ndarray, names: list) -> Any:
        """Return values (steps, n_groups, …) as a long frame, group by group."""
        columns = np.moveaxis(values, 0, 1).reshape(self.n_steps * self.n_groups, -1)
        names = ["y" if name is None else name for name in names]
        return long_frame(
            self._X.iloc[self._last],
            self.future,
            dict(zip(names, columns.T, strict=True)),
            self.groups,
            self.time,
        )
