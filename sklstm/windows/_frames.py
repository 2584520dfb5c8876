"""pandas objects in, pandas objects out: values, labels and names of rows."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.errors import InvalidIndexError

from sklstm._checks import is_integer, one_line, python_scalar

# What columns that are no numbers may be for.
_OF_TIMES = "put it into the index (set_index), or name it in time= of a long frame"
_OF_KEYS = (
    "encode it as numbers, or drop it; times belong into the index (pd.to_datetime, "
    "set_index), and what tells series of a long frame apart into groups="
)


def rows_from(X: Any) -> Any:
    """Return a Series as a DataFrame of one column, and Arrow's kinds as plain ones."""
    if isinstance(X, pd.Series):
        X = X.to_frame(name="x0" if X.name is None else X.name)
    if not isinstance(X, pd.DataFrame):
        return X
    index = labels_of(X)
    columns = {at: _plain(X.iloc[:, at]) for at in _arrow_columns(X)}
    if columns or index is not X.index:
        X = X.set_axis(index)
    for at, values in columns.items():
        X.isetitem(at, values)
    return X


def _arrow_columns(frame: pd.DataFrame) -> list[int]:
    """Return the positions of columns that Arrow holds."""
    return [at for at, d in enumerate(frame.dtypes) if isinstance(d, pd.ArrowDtype)]


def _plain(values: Any) -> Any:
    """Return a column or an index that Arrow holds as pandas' own kind."""
    if not isinstance(values.dtype, pd.ArrowDtype):
        return values
    made = values.array.__arrow_array__().to_pandas()
    is_index = isinstance(values, pd.Index)
    return pd.Index(made, name=values.name) if is_index else made.array


def labels_of(X: Any) -> pd.Index | None:
    """Return the row labels of a pandas object, None for anything else."""
    return _plain(X.index) if isinstance(X, pd.DataFrame | pd.Series) else None


def numeric_frame(frame: pd.DataFrame, *, owner: str) -> pd.DataFrame:
    """Return a DataFrame as numbers, once it has columns and all of them hold some."""
    if frame.shape[1] == 0:
        raise ValueError(
            f"{owner} needs columns. Found array with 0 feature(s) "
            f"(shape={frame.shape}) while a minimum of 1 is required."
        )
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(
            f"{owner} needs columns of different names. Got {twice!r} more than once; "
            "rename or drop one of them."
        )
    floats = {}
    for position, (name, dtype) in enumerate(frame.dtypes.items()):
        if pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c":
            continue
        values = frame.iloc[:, position]
        is_text = pd.api.types.infer_dtype(values, skipna=True) == "string"
        if dtype != np.dtype(object) or is_text:
            is_time = dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype)
            raise ValueError(
                f"{owner} needs numeric columns. Got column {name!r} of dtype "
                f"{dtype}{', which holds str' if is_text else ''}; "
                f"{_OF_TIMES if is_time else _OF_KEYS}."
            )
        floats[position] = _floats_of(values, name, owner=owner)
    if floats:
        frame = frame.copy(deep=False)
        for position, values in floats.items():
            frame.isetitem(position, values)
    return frame


def _floats_of(values: pd.Series, name: Any, *, owner: str) -> pd.Series:
    """Return a column of objects as floats; what is missing is NaN."""
    values = values.where(values.notna(), np.nan)
    try:
        return values.astype(float)
    except (TypeError, ValueError, OverflowError):
        for label, value in values.items():
            try:
                float(value)
            except (TypeError, ValueError, OverflowError):
                came = f"{str(value)[:40]!r}, a {type(value).__name__},"
                raise ValueError(
                    f"{owner} needs numbers. Got {came} in row {label!r}, column "
                    f"{name!r}; call pd.to_numeric(..., errors='coerce') on it, or "
                    "drop it."
                ) from None
        raise


def names_of(X: Any, y: Any) -> list | None:
    """Return the column names of a pandas target, None where it has none.

    Those of a y that scikit-learn has transformed name no column of X.
    """
    if _is_numbered_anew(X, y):
        return None
    if isinstance(y, pd.DataFrame):
        return list(y.columns)
    return [y.name] if isinstance(y, pd.Series) and y.name is not None else None


def _is_numbered_anew(X: Any, y: Any) -> bool:
    """Return whether rows of y are numbered from 0 where those of X have labels."""
    own, other = labels_of(X), labels_of(y)
    if own is None or other is None or is_numbered(X):
        return False
    return other.equals(pd.RangeIndex(len(own)))


def is_numbered(rows: Any) -> bool:
    """Return whether rows have labels, and these are integers."""
    labels = labels_of(rows)
    return labels is not None and pd.api.types.is_integer_dtype(labels.dtype)


def column_of_target(X: Any, y: Any) -> Any:
    """Return the name of the column of X that a Series is, None where it is none."""
    if not isinstance(X, pd.DataFrame) or not isinstance(y, pd.Series):
        return None
    if y.name is None or (X.columns == y.name).sum() != 1 or y.nunique() < 2:
        return None
    return y.name if np.array_equal(X[y.name].to_numpy(), y.to_numpy()) else None


def check_same_labels(
    X: Any, y: Any, *, owner: str, names: tuple[str, str] = ("X", "y")
) -> None:
    """Raise unless y, where it has labels, has those of X; or other two of other names.

    Row numbers from 0, which scikit-learn gives to a y that it has transformed, are no
    labels where those of X are none.
    """
    own, other = labels_of(X), labels_of(y)
    if own is None or other is None or own.equals(other) or _is_numbered_anew(X, y):
        return
    first, second = names
    came = f"{len(y)} rows of {second} for {len(X)} rows of {first}"
    if len(X) == len(y):
        others = np.flatnonzero(np.asarray(own != other))
        if not len(others):
            return  # the same moments in another time zone, or as text
        row = int(others[0])
        ours, theirs = python_scalar(other[row]), python_scalar(own[row])
        came = f"{ours!r} in {second} where {first} has {theirs!r}"
    raise ValueError(
        f"{owner} needs {second} at the index of {first}, row for row. Got {came}; do "
        "not shift, drop or reorder rows of one of them."
    )


def known_columns(
    known: Any, columns: list | None, n_columns: int, *, by_name: bool
) -> np.ndarray:
    """Return which columns are known beforehand, given by name or by position."""
    known = [known] if isinstance(known, str | numbers.Integral | dict) else known
    mask, names = np.zeros(n_columns, dtype=bool), columns or []
    for column in known:
        position = names.index(column) if column in names else column
        is_position = is_integer(position) and 0 <= position < n_columns
        if not is_position or (by_name and column not in names):
            raise ValueError(
                "The 'known' parameter of SlidingWindow must name columns of X "
                f"({names or f'positions 0 to {n_columns - 1}'}). Got {column!r} "
                f"instead{_words_of_prefix(column, names)}."
            )
        mask[position] = True
    return mask


def _words_of_prefix(name: Any, names: Any) -> str:
    """Return what to do where a column transformer has put its name before others."""
    is_there = any(str(each).endswith(f"__{name}") for each in names)
    return "; set verbose_feature_names_out=False in the step in front" * is_there


def stamps_of(values: pd.Series) -> np.ndarray:
    """Return the labels of a Series as they are drawn: times on the wall, or numbers.

    Periods are drawn where they begin.
    """
    labels = values.index
    if isinstance(labels, pd.PeriodIndex):
        labels = labels.to_timestamp()
    if isinstance(labels, pd.DatetimeIndex):
        labels = labels.tz_localize(None)
    return labels.to_numpy()


def positions_of(
    rows: Any, labels: pd.Index | None, n_rows: int, *, owner: str
) -> np.ndarray:
    """Return the positions of chosen rows, each of them once.

    Integers and slices are positions, anything else is looked up in the labels of all.
    """
    every = np.arange(n_rows)
    is_one = isinstance(rows, str | dict | set) or not hasattr(rows, "__len__")
    found = []
    for row in [rows] if is_one else rows:
        try:
            is_position = isinstance(row, numbers.Integral | slice)
            is_position &= not isinstance(row, bool)
            at = row if is_position else labels.get_loc(row)  # type: ignore[union-attr]
            found.append(np.atleast_1d(every[at]))
        except (LookupError, TypeError, ValueError, AttributeError, InvalidIndexError):
            came = f"{one_line(row)} for {n_rows} rows"
            if labels is not None and n_rows and not is_position:
                came = (
                    f"{one_line(row)}, which is not in the index, {labels[0]} to "
                    f"{labels[-1]}"
                )
            raise ValueError(
                f"The 'rows' parameter of {owner} must hold positions in X, or labels "
                f"of its index that are not integers. Got {came}; of a mask pass "
                "np.flatnonzero(mask)."
            ) from None
    if not sum(map(len, found)):
        raise ValueError(
            f"The 'rows' parameter of {owner} must choose a row. Got {rows!r} for "
            f"{n_rows} rows."
        )
    return np.array(list(dict.fromkeys(np.concatenate(found).tolist())))


def check_columns_once(X: pd.DataFrame, names: Sequence, need: str) -> None:
    """Raise, with what is needed in words, unless every name is that of one column."""
    for name in names:
        n_found = list(X.columns).count(name)
        if n_found != 1:
            do = "."
            if not n_found and name in X.index.names:
                do = f", but an index level {name!r}; call reset_index() first."
            elif not n_found:
                do = f"{_words_of_prefix(name, X.columns)}."
            raise ValueError(
                f"{need}, once each. Got {n_found or 'no'} column {name!r} in "
                f"{list(X.columns)}{do}"
            )
