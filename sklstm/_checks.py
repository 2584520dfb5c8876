"""Check parameters and arrays: the only door to scikit-learn's private names."""

import numbers
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import validation
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    check_is_fitted,
    check_random_state,
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
    "check_numbers",
    "check_random_state",
    "check_whole_target",
    "is_integer",
    "one_blas_thread",
    "one_line",
    "python_scalar",
    "validate_data",
    "whole_or_unchanged",
]

# The greatest value that is read, so that float64 holds sums, and forecasts beyond it.
GREATEST = np.float64(1e300)


class _OneBlasThread:
    """Linear algebra in one thread while any thread is inside.

    Its results are then the same bits on any number of processors, and small products
    do not wait for threads to wake.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside = threading.Lock(), 0
        self._controller: Any = None
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._controller = self._controller or ThreadpoolController()
                self._limits = self._controller.limit(limits=1, user_api="blas")
                self._limits.__enter__()
            self._n_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limits.__exit__(None, None, None)


one_blas_thread = _OneBlasThread()


# Rows checked at a time, lest a check need an array as long as the series.
_CHUNK = 1 << 18


# Sentences of scikit-learn that name what they are about, and that its checks ask for.
_STANDARD = re.compile(
    r"Feature names are|Found (array with|input)|Input (\w+ )?contains|Negative values|"
    r"Sample weights|sample_weight|The feature names should match|X has "
)


def check_array(values: Any, **how: Any) -> np.ndarray:
    """Return values as scikit-learn does; what it cannot read is told in one line."""
    with _one_sentence(values, how.get("estimator"), how.get("input_name") or "X"):
        checked = validation.check_array(_plain(values, how), **how)
        return _numbers_of(checked, how)


def validate_data(estimator: Any, X: Any, **how: Any) -> Any:
    """Return X as scikit-learn does; what it cannot read is told in one line."""
    with _one_sentence(X, estimator, "X"):
        checked = validation.validate_data(estimator, _plain(X, how), **how)
        return _numbers_of(checked, how)


def _check_sample_weight(weights: Any, X: Any, **how: Any) -> np.ndarray:
    """Return weights as scikit-learn does; what it cannot read is told in one line."""
    with _one_sentence(weights, None, "sample_weight"):
        return validation._check_sample_weight(weights, X, **how)


def _plain(values: Any, how: Mapping[str, Any]) -> Any:
    """Return what NumPy reads rightly: a mask is NaN, and dates are no numbers."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(np.float64), np.nan)
    dtypes: Any = getattr(values, "dtypes", getattr(values, "dtype", None))
    kinds = {getattr(dtype, "kind", "") for dtype in np.ravel(dtypes)}
    if kinds & {*"mM"} and not how.get("skip_check_array"):
        raise TypeError("dates or durations")
    return values


def _numbers_of(values: Any, how: Mapping[str, Any]) -> Any:
    """Return values as floats where scikit-learn leaves lists of large ints."""
    is_object = getattr(getattr(values, "dtype", None), "kind", "") == "O"
    return values.astype(np.float64) if is_object and how.get("dtype") else values


@contextmanager
def _one_sentence(values: Any, owner: Any, name: str) -> Iterator[None]:
    """Say in one line what other libraries cannot read as numbers."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        said = str(error)
        if _STANDARD.match(said):
            raise
        need = f"{name} must hold numbers"
        if owner is not None:
            owner = owner if isinstance(owner, str) else type(owner).__name__
            need = f"{owner} needs numbers as {name}"
        shape = getattr(values, "shape", ())
        of = f" of shape {shape}" if isinstance(shape, tuple) and shape else ""
        what = said.split("\n")[0].rstrip(":.")[:150]
        do = f"; pass {name} as numbers, a row for each time."
        if "Reshape" in said:
            do = ". Reshape your data: a row for each time, a column for each variable."
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{need}. Got {type(values).__name__}{of} ({what}){do}") from error


def one_line(value: object, most: int = 80) -> str:
    """Return how a value is written, in one line of some length at most."""
    line = " ".join(repr(value).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def is_integer(value: object) -> bool:
    """Return whether ``value`` is a Python or NumPy integer, and not a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_numbers(estimator: Any) -> None:
    """Raise where a parameter that is a number is a bool, or beyond 64 bits."""
    for name, constraints in estimator._parameter_constraints.items():
        kinds = {getattr(kind, "type", kind) for kind in constraints if kind}
        value = getattr(estimator, name)
        if not kinds & {numbers.Integral, numbers.Real} or "boolean" in kinds:
            continue
        is_huge = isinstance(value, numbers.Integral) and abs(int(value)) >= 1 << 63
        if isinstance(value, bool) or is_huge:
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be a "
                f"number below 2**63, and no bool. Got {one_line(value)} instead."
            )


def check_coverage(coverage: object, *, owner: str) -> float:
    """Return a share of values that intervals are to hold, once it is one."""
    if not isinstance(coverage, int | float | np.floating) or not 0 < coverage < 1:
        raise ValueError(
            f"The 'coverage' parameter of {owner} must be a float between 0 and 1, "
            f"both excluded. Got {one_line(coverage)} instead."
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
    values = check_array(
        y,
        dtype=np.float64,
        ensure_2d=False,
        ensure_all_finite=False,
        input_name="y",
        estimator=owner if estimator is None else estimator,
    )
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
        if not is_weight or value is None or isinstance(value, numbers.Real):
            continue
        if not hasattr(value, "shape"):
            value = check_array(
                value, ensure_2d=False, estimator=owner, input_name=name
            )
        shape = np.shape(value)
        if shape != (n_rows,):
            raise ValueError(
                f"{owner} needs one weight for each row of X in {name!r}. Got shape "
                f"{shape} for {n_rows} rows; give a row that is not to be learned the "
                "weight 0."
            )
        how = {"ensure_2d": False, "ensure_non_negative": True, "input_name": name}
        check_array(value, dtype=np.float64, estimator=owner, **how)


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
