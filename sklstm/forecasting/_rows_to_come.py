"""RowsToCome: the rows of every series up to now and those to come, in one frame.

A single series is a panel of one group, and an array a frame whose rows are numbered.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import check_array, python_scalar
from sklstm.forecasting._fitted import Fitted
from sklstm.windows._frames import check_columns_once, labels_of, rows_from
from sklstm.windows._labels import Grid, check_order, grid_of
from sklstm.windows._table import RowLabels, as_columns, positions_among, row_labels

# Where a forecast says what its columns are.
_KIND = "sklstm"


class RowsToCome:
    """The rows of one series or many up to now, and those to come.

    Rows to come lie step by step, one row per group, so that what a forecast reads and
    writes is one stretch of the frame. Until they are written, they repeat the values
    of the newest row.

    Columns are called by their positions in X: ``known`` and ``lagged`` ones stand in
    windows, ``others`` are read at the predicted row, and of the ``given`` ones
    the values to come are known.
    """

    def __init__(self, X: Any, steps: int, fitted: Fitted):
        X = rows_from(X)
        self.has_labels = labels_of(X) is not None
        if not self.has_labels:
            X = check_array(
                X,
                dtype=np.float64,
                ensure_all_finite="allow-nan",
                estimator="forecast",
                input_name="X",
            )
            X = pd.DataFrame(X, columns=range(X.shape[1]))
        if len(X) == 0:
            raise ValueError("forecast needs at least one row of X. Got none.")
        self.groups, self.time = as_columns(fitted.windows.groups), fitted.windows.time
        self.keys_of_rows = [*self.groups, *([] if self.time is None else [self.time])]
        self.is_long = bool(self.keys_of_rows)
        self.n_steps, self.n_ahead = steps, fitted.n_ahead
        self.columns: list = list(X.columns)
        self._check_columns(fitted)
        panel = row_labels(X, self.groups, self.time, owner="forecast")
        if not self.is_long:
            check_order(X.index, owner="forecast")
        order = panel.order(owner="forecast")
        order = np.arange(len(X)) if order is None else order
        codes = panel.codes[order]
        stops = np.append(np.flatnonzero(np.diff(codes)) + 1, len(codes))
        sizes = np.diff(stops, prepend=0)
        self.n_groups = len(stops)
        self.keys = None if panel.keys is None else panel.keys.to_flat_index()
        self.n_rows_of_groups = sizes
        self._X, self._last = X, order[stops - 1]
        longest = int(np.argmax(sizes))
        self._longest = order[stops[longest] - sizes[longest] : stops[longest]]
        self.begins = panel.times_of(order[stops - sizes])  # of each group
        self._ends = panel.times_of(self._last)
        grid = self._grid(fitted.windows.grid_, panel, order)
        self._labels = grid.after_each(self._ends, steps + self.n_ahead)
        self.future = self._labels[: steps * self.n_groups]
        # The newest row of a group has age 0; older rows come first.
        ages = np.repeat(stops, sizes) - 1 - np.arange(len(codes))
        by_age = np.argsort(-ages, kind="stable")
        self.n_past = fitted.n_past
        read = by_age if self.n_past is None else by_age[ages[by_age] < self.n_past]
        if X.iloc[order[read]].isna().to_numpy().any():
            self.n_past = None  # what fills them may lie before
        else:
            by_age = read
        self._ages = ages[by_age]
        self._table = self._with_rows_to_come(order[by_age])
        self.known, self.lagged, self.others = fitted.positions(
            self.columns, has_labels=self.has_labels
        )
        self.given: list[int] = []

    def _check_columns(self, fitted: Fitted) -> None:
        """Raise unless X has the columns that windows in front were fitted on."""
        names = list(getattr(fitted.windows, "feature_names_in_", ()))
        if fitted.n_past is None or not names or not self.has_labels or self.is_long:
            return
        if self.columns != names:
            raise ValueError(
                f"forecast needs the columns of fit in X, in their order: {names}. Got "
                f"{self.columns}; pass X[list(estimator.feature_names_in_)]."
            )

    def _grid(self, grid: Grid | None, panel: RowLabels, order: np.ndarray) -> Grid:
        """Return the grid on which the groups go on, that of ``fit`` if it has one."""
        labels = panel.stamps
        if grid is not None and grid.accepts(labels):
            grid.check_comparable(labels)
        if grid is None or not grid.accepts(labels) or grid.kind == "rows":
            pairs = panel.take(order).pairs() if self.is_long else None
            grid = grid_of(labels, pairs=pairs)
        if grid.kind == "rows" and not isinstance(grid.last, pd.DatetimeIndex):
            grid = Grid("integer", 1, grid.last)
        if grid.kind == "rows":
            raise ValueError(
                "forecast goes on by the step of the index, so its labels must have a "
                f"common step. Got none in {len(order)} row(s) up to "
                f"{panel.stamps[-1]}; pass more rows, resample X, or use "
                "reset_index(drop=True) where rows simply follow each other."
            )
        return grid

    def _with_rows_to_come(self, rows: np.ndarray) -> pd.DataFrame:
        """Return some rows of X with those to come appended, numbers as floats."""
        n_rows = len(self._labels) // self.n_groups
        appended = self._X.iloc[np.tile(self._last, n_rows)].copy()
        if self.time is None:
            appended.index = self._labels
        else:
            appended[self.time] = self._labels
        table = pd.concat(
            [self._X.iloc[rows], appended], ignore_index=self.time is not None
        )
        values = table.drop(columns=self.keys_of_rows)
        numeric = values.select_dtypes(["number", "bool"]).columns
        return table.astype(dict.fromkeys(numeric, float))

    # -- what is given ---------------------------------------------------------------

    def check_newest(self, columns: list[int]) -> None:
        """Raise where the newest row of a group lacks all of some columns."""
        names = [self.columns[i] for i in columns]
        is_missing = self._X.iloc[self._last, columns].isna().to_numpy()
        bad = np.flatnonzero(is_missing.all(axis=1) & (len(columns) > 0))
        if len(bad):
            of = ""
            if self.keys is not None:
                of = f" of group {python_scalar(self.keys[bad[0]])!r}"
            raise ValueError(
                f"forecast begins after the newest row of X, which must hold {names}. "
                f"Got NaN at {self._ends[bad[0]]}{of}: the newest rows have no values; "
                "begin after the last value or drop them."
            )

    def put_given(self, X_future: Any, predicted: list[int]) -> None:
        """Write what is given of the rows to come, and of known ones after those."""
        needed = sorted({*self.known, *self.others} - {*predicted})
        names = [self.columns[i] for i in needed]
        words = ""
        if {*self.others} & {*needed}:
            words = (
                " (a step in front may make known columns from any column of X that is "
                "not predicted; drop from X what it does not read)"
            )
        if X_future is None:
            if names:
                raise ValueError(
                    "forecast needs X_future, the values to come of the known columns "
                    f"{names}{words}. Got None."
                )
            return
        frame = self._frame_of_future(X_future, names)
        need = f"forecast needs the known columns {names} in X_future{words}"
        check_columns_once(frame, names, need)
        rows = self._rows_at(frame)
        to_come = rows[: len(self.future)]
        self._check_rows(to_come, names)
        for name in rows.columns[to_come.notna().all()]:
            position = self.columns.index(name)
            self.given.append(position)
            values = rows[name].to_numpy()
            dtype = frame[name].dtype
            if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c":
                values = rows[name].to_numpy(dtype=float, na_value=np.nan)
            self._check_kind(position, values)
            self._put_column(0, position, self._carried(values))

    def _frame_of_future(self, X_future: Any, names: list) -> pd.DataFrame:
        """Return the rows to come as a frame at their labels."""
        if self.is_long:
            row_labels(
                X_future, self.groups, self.time, owner="forecast", rows="X_future"
            )
            return X_future
        if isinstance(X_future, dict):
            raise ValueError(
                f"forecast needs X_future as a DataFrame at the {self.n_steps} labels "
                f"to come, or as an array of shape {(self.n_steps, len(names))}. "
                "Got a dict; pass pd.DataFrame(X_future, index=...)."
            )
        frame = rows_from(X_future)
        if self.has_labels and labels_of(frame) is not None:
            return frame
        table = check_array(
            X_future, dtype=np.float64, ensure_2d=False, input_name="X_future"
        )
        n_most = self.n_steps + self.n_ahead
        is_long_enough = self.n_steps <= len(table) <= n_most
        if table.ndim != 2 or table.shape[1] != len(names) or not is_long_enough:
            raise ValueError(
                "forecast needs X_future of shape (steps, n_known) = "
                f"{self.n_steps, len(names)}. Got {table.shape}; pass a row for each "
                "step, or a DataFrame at the labels to come."
            )
        return pd.DataFrame(table, self._labels[: len(table)], names)

    def _rows_at(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns of X among those of a frame, at the rows to come."""
        given = self._row_keys(frame)
        wanted = self._row_keys(self._table.iloc[len(self._ages) :])
        if not given.is_unique:
            twice = given[given.duplicated()][0]
            raise ValueError(
                "forecast needs one row of X_future per label to come"
                f"{' and group' if self.groups else ''}. Got "
                f"{self._key_words(twice)} more than once; drop the duplicates."
            )
        if self.keys is not None:
            self._warn_of_groups_without_past(given.droplevel(-1).to_flat_index())
        own = [name for name in self.columns if name not in self.keys_of_rows]
        names = [name for name in own if (frame.columns == name).sum() == 1]
        return frame[names].set_axis(given, axis=0).reindex(wanted)

    def _check_rows(self, rows: pd.DataFrame, names: list) -> None:
        """Raise where a row to come is missing, or holds NaN in a known column."""
        bad = rows[names].isna().any(axis=1).to_numpy()
        if not bad.any():
            return
        keys = rows.index
        absent = "; ".join(self._key_words(key) for key in keys[bad][:5])
        do = "align the index of X_future"
        if self.groups:
            do = "leave groups that have ended out of X"
        raise ValueError(
            f"forecast needs a row of X_future, without NaN in {names}, for each of "
            f"the {self.n_steps} label(s) after the last row. Got none for "
            f"{int(bad.sum())} of {len(keys)}: {absent}; append rows, or {do}."
        )

    def _warn_of_groups_without_past(self, given: pd.Index) -> None:
        """Warn of groups that stand in X_future alone."""
        assert self.keys is not None
        alone = given[positions_among(given, self.keys) < 0].unique()
        if len(alone):
            warnings.warn(
                f"X_future holds {len(alone)} group(s) without a row in X, which are "
                f"not forecast, first {python_scalar(alone[0])!r}. A forecast begins "
                "after the last row of a group; append one to X.",
                stacklevel=5,
            )

    def _check_kind(self, position: int, values: np.ndarray) -> None:
        """Raise where values to come of a column of numbers are none."""
        is_number = pd.api.types.is_numeric_dtype(self._table.dtypes.iloc[position])
        if is_number and values.dtype.kind not in "biuf":
            raise ValueError(
                f"forecast needs numbers in column {self.columns[position]!r} of "
                f"X_future, as in X. Got {values[0]!r}, a {type(values[0]).__name__}; "
                "call astype(float) on it."
            )

    def _carried(self, values: np.ndarray) -> np.ndarray:
        """Return values, step by step, with each gap filled from the step before."""
        table = values.reshape(-1, self.n_groups)
        rows = np.where(pd.notna(table), np.arange(len(table))[:, None], 0)
        newest = np.maximum.accumulate(rows, axis=0)
        return table[newest, np.arange(self.n_groups)].ravel()

    def _row_keys(self, frame: pd.DataFrame) -> pd.Index:
        """Return the group and the label of every row, or the label alone."""
        labels = frame.index if self.time is None else pd.Index(frame[self.time])
        if not self.groups:
            return labels
        columns = [frame[name] for name in self.groups]
        columns = [
            c.astype(c.cat.categories.dtype) if hasattr(c, "cat") else c
            for c in columns
        ]
        return pd.MultiIndex.from_arrays([*columns, labels])

    def _key_words(self, key: Any) -> str:
        """Return a label and its group for a message."""
        *group, stamp = map(python_scalar, key if self.groups else [key])
        of = f" of group {group[0] if len(group) == 1 else group!r}" if group else ""
        return f"{'' if self.time is None else f'{self.time} '}{stamp}{of}"

    # -- reading and writing ---------------------------------------------------------

    def put(self, start: int, columns: list[int], values: np.ndarray) -> None:
        """Write values (n_steps, n_groups, …) of some columns into rows to come."""
        block = values.reshape(len(values) * self.n_groups, -1)
        for column, own in zip(columns, block.T, strict=True):
            self._put_column(start, column, own)

    def _put_column(self, start: int, column: int, values: np.ndarray) -> None:
        begin = len(self._ages) + start * self.n_groups
        self._table.iloc[begin : begin + len(values), column] = values

    def values_up_to_now(self, columns: list[int]) -> np.ndarray:
        """Return columns of all rows of X, of shape (n_rows, n_columns)."""
        frame = self._X.iloc[:, columns]
        return frame.to_numpy(dtype=np.float64, na_value=np.nan)

    def values_to_come(self, column: int) -> np.ndarray:
        """Return a column of the rows to come, of shape (n_steps, n_groups)."""
        begin = len(self._ages)
        rows = slice(begin, begin + self.n_steps * self.n_groups)
        return self._table.iloc[rows, column].to_numpy().reshape(self.n_steps, -1)

    def until(self, stop: int, start: int) -> Any:
        """Return rows to come up to ``stop``, and the past that ``start`` reads."""
        begin = 0
        if self.n_past is not None:
            n_old = int((self._ages >= max(self.n_past - start, 0)).sum())
            begin = n_old + max(start - self.n_past, 0) * self.n_groups
        rows = self._table.iloc[begin : len(self._ages) + stop * self.n_groups]
        return rows if self.has_labels else rows.to_numpy()

    def sample(self, n_rows: int | None) -> Any:
        """Return the newest rows up to now of the longest group, None for all."""
        rows = self._X.iloc[self._longest[-n_rows if n_rows else 0 :]]
        return rows if self.has_labels else rows.to_numpy()

    # -- the result ------------------------------------------------------------------

    def result(self, values: np.ndarray, names: list) -> Any:
        """Return values (n_steps, n_groups, …) in the kind of X, group by group."""
        if not self.has_labels:
            return values[:, 0]
        if not self.is_long and values.ndim == 2:
            return pd.Series(values[:, 0], self.future, name=names[0])
        if not self.is_long:
            return pd.DataFrame(values[:, 0], self.future, names)
        by_group = np.arange(len(self.future)).reshape(self.n_steps, -1).T.ravel()
        groups = np.repeat(np.arange(self.n_groups), self.n_steps)
        frame = self._X.iloc[self._last][self.groups].iloc[groups]
        frame = frame.reset_index(drop=True)
        if self.time is None:
            frame.index = self.future.take(by_group)
        else:
            frame[self.time] = self.future.take(by_group)
        columns = np.moveaxis(values, 0, 1).reshape(len(frame), -1).T
        for name, column in zip(names, columns, strict=True):
            frame["y" if name is None else name] = column
        # What displays read: nothing in the frame tells its groups from its values.
        frame.attrs[_KIND] = {"groups": list(self.groups), "time": self.time}
        return frame


def kind_of_long_frame(frame: Any) -> tuple[list, Any] | None:
    """Return the columns of groups and of time of a forecast, None of other things."""
    kind = getattr(frame, "attrs", {}).get(_KIND, {})
    if "groups" not in kind:
        return None
    groups, time = kind["groups"], kind["time"]
    columns = {*groups} if time is None else {*groups, time}
    return (groups, time) if columns <= set(frame.columns) else None


def with_coverage(frame: pd.DataFrame, coverage: Any) -> pd.DataFrame:
    """Let the frame of a forecast say the coverage of its intervals; return it."""
    frame.attrs[_KIND] = frame.attrs.get(_KIND, {}) | {"coverage": coverage}
    return frame


def coverage_of_forecast(frame: Any) -> Any:
    """Return the coverage, or list of them, of a forecast; None where it says none."""
    return getattr(frame, "attrs", {}).get(_KIND, {}).get("coverage")
