"""Check parameters and arrays: the only door to scikit-learn's private names."""

import numbers
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    _check_sample_weight,
    check_array,
    check_is_fitted,
    check_random_state,
    validate_data,
)
from threadpoolctl import ThreadpoolController

__all__ = [
    "GREATEST",
    "Interval",
    "Options",
    "StrOptions",
    "_check_feature_names_in",
    "_check_method_params",
    "_check_sample_weight",
    "check_array",
    "check_coverage",
    "check_finite",
    "check_fit_params",
    "check_is_fitted",
    "check_random_state",
    "check_whole_target",
    "is_integer",
    "one_blas_thread",
    "python_scalar",
    "validate_data",
    "whole_or_unchanged",
]

# The greatest value that is read, so that float64 holds sums, and forecasts beyond it.
GREATEST = np.float64(1e300)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager:
    """Return a context in which linear algebra has one thread.

    Its results are then the same bits on any number of processors, and small products
    do not wait for threads to wake.
    """
    return _blas().limit(limits=1, user_api="blas")


# Rows checked at a time, lest a check need an array as long as the series.
_CHUNK = 1 << 18


def is_integer(value: object) -> bool:
    """Return whether ``value`` is a Python or NumPy integer, and not a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_coverage(coverage: object, *, owner: str) -> float:
    """Return a share of values that intervals are to hold, once it is one."""
    if not isinstance(coverage, int | float | np.floating) or not 0 < coverage < 1:
        raise ValueError(
            f"The 'coverage' parameter of {owner} must be a float between 0 and 1, "
            f"both excluded. Got {coverage!r} instead."
        )
    return float(coverage)


def check_finite(
    values: np.ndarray, *, owner: str, columns: Sequence | None = None, labels=None
) -> None:
    """Raise on the first infinity of a table, by the names of its row and column."""
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        finite = ~((chunk > GREATEST) | (chunk < -GREATEST))
        if finite.all():
            continue
        row, column = np.argwhere(~finite)[0]
        value = chunk[row, column]
        row += start
        where = int(row) if labels is None else repr(python_scalar(labels[row]))
        name = columns[column] if columns is not None else int(column)
        raise ValueError(
            f"{owner} needs finite values (no infinity, nothing beyond {GREATEST:g}). "
            f"Got {value:.3g} in row {where}, column {name!r}; fix or drop such rows."
        )


def python_scalar(value: Any) -> Any:
    """Return a NumPy scalar as the Python object it stands for."""
    return value.item() if isinstance(value, np.generic) else value


def check_whole_target(
    y: Any, labels: Any, *, owner: str, weights: str, estimator: Any = None
) -> np.ndarray:
    """Return a target as float64, once every value of it is finite.

    ``labels`` name rows, and ``weights`` says how the weight of a row is given.
    """
    try:
        values = check_array(
            y,
            dtype=np.float64,
            ensure_2d=False,
            ensure_all_finite=False,
            input_name="y",
            estimator=estimator,
        )
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(
            f"{owner} needs numbers as y. Got text ({error}); encode it as numbers."
        ) from error
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if len(bad):
        what = "NaN" if np.isnan(values[bad[0]]).any() else "infinity"
        has_labels = labels is not None and len(labels) == len(values)
        first = python_scalar((labels if has_labels else range(len(values)))[bad[0]])
        raise ValueError(
            f"{owner} needs finite values as y. Input y contains {what} in {len(bad)} "
            f"of {len(values)} rows, first in {first!r}; give them any value and the "
            f"weight 0, as {weights}."
        )
    return values


def check_fit_params(params: Mapping[str, Any], n_rows: int, *, owner: str) -> None:
    """Raise unless sample weights among fit parameters have one number for each row."""
    for name, value in params.items():
        is_weight = name.split("__")[-1] == "sample_weight"
        if not is_weight or value is None or np.ndim(value) == 0:
            continue
        shape = np.shape(value)
        if shape != (n_rows,):
            raise ValueError(
                f"{owner} needs one weight for each row of X in {name!r}. Got shape "
                f"{shape} for {n_rows} rows; give a row that is not to be learned the "
                "weight 0."
            )
        check_array(value, dtype=np.float64, ensure_2d=False, input_name=name)


@contextmanager
def whole_or_unchanged(estimator) -> Iterator[None]:
    """Leave an estimator exactly as it was if the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
