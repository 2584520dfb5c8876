"""Errors of forecasts and of intervals that scikit-learn does not have.

They take ``sample_weight`` and ``multioutput`` as :mod:`sklearn.metrics` does. Other
shapes, values that are not finite and swapped ends are a ValueError.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from sklstm._checks import check_array, check_coverage, is_integer

__all__ = [
    "interval_coverage",
    "mean_absolute_scaled_error",
    "mean_interval_score",
    "symmetric_mean_absolute_percentage_error",
]


def __dir__() -> list[str]:
    # What a notebook completes: the metrics, not what this file is made of.
    return sorted({name for name in globals() if name.startswith("__")} | {*__all__})


def mean_absolute_scaled_error(
    y_true: Any,
    y_pred: Any,
    *,
    y_train: Any,
    season: int = 1,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> float | np.ndarray:
    """Return the mean absolute error in units of the naive forecast's own error.

    Below 1 predictions are better than repeating the last season was in training rows.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True and predicted values.
    y_train : array-like of shape (n_train,) or (n_train, n_outputs)
        The values before them, oldest first; more than ``season``.
    season : int, default=1
        Rows after which the series repeats; 1 scales by the last value.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows.
    multioutput : str or array-like, default="uniform_average"
        ``"raw_values"`` gives each output its own, weights their weighted mean.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        At least 0, without a unit; 0 is best.

    References
    ----------
    Hyndman & Koehler 2006, "Another look at measures of forecast accuracy",
    doi:10.1016/j.ijforecast.2006.03.001.

    Examples
    --------
    >>> from sklstm.metrics import mean_absolute_scaled_error
    >>> mean_absolute_scaled_error([7, 8], [6, 10], y_train=[1, 3, 5])
    0.75
    """
    truth, predicted = _check_columns(y_true=y_true, y_pred=y_pred)
    (train,) = _check_columns(y_train=y_train)
    if train.shape[1] != truth.shape[1]:
        raise ValueError(
            "y_train must have the outputs of y_true. Got "
            f"{train.shape[1]} and {truth.shape[1]}."
        )
    if not is_integer(season) or not 1 <= season < len(train):
        raise ValueError(
            "The 'season' parameter of mean_absolute_scaled_error must be an int "
            f"between 1 and len(y_train) - 1 = {len(train) - 1}. Got {season!r} "
            "instead."
        )
    scale = np.abs(train[season:] - train[:-season]).mean(axis=0)
    if not scale.all():
        raise ValueError(
            "y_train must not repeat itself exactly, since its changes are the unit. "
            f"Got {season} row(s) that repeat in output {np.flatnonzero(scale == 0)[0]}"
            "; use another metric, such as the mean absolute error."
        )
    return _mean(np.abs(truth - predicted) / scale, sample_weight, multioutput)


def symmetric_mean_absolute_percentage_error(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> float | np.ndarray:
    """Return the mean absolute error in per cent of the mean of both values.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True and predicted values.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows.
    multioutput : str or array-like, default="uniform_average"
        ``"raw_values"`` gives each output its own, weights their weighted mean.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Per cent, from 0 (best) to 200, as in the M-competitions.

    Notes
    -----
    The mean of 200 |y - p| / (|y| + |p|), with 0 where both are 0. It is for positive
    values: opposite signs cost 200 whatever the distance.

    References
    ----------
    Makridakis, Spiliotis & Assimakopoulos 2020, "The M4 Competition",
    doi:10.1016/j.ijforecast.2019.04.014.

    Examples
    --------
    >>> from sklstm.metrics import symmetric_mean_absolute_percentage_error
    >>> symmetric_mean_absolute_percentage_error([3, 0], [1, 0])
    50.0
    """
    truth, predicted = _check_columns(y_true=y_true, y_pred=y_pred)
    distance = np.abs(truth - predicted)
    size = np.abs(truth) + np.abs(predicted)
    errors = 200 * np.divide(distance, size, out=np.zeros_like(size), where=size > 0)
    return _mean(errors, sample_weight, multioutput)


def interval_coverage(
    y_true: Any,
    y_lower: Any,
    y_upper: Any,
    *,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> float | np.ndarray:
    """Return the share of true values that lie within their intervals.

    Parameters
    ----------
    y_true, y_lower, y_upper : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True values, and the ends of their intervals, which belong to them.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows.
    multioutput : str or array-like, default="uniform_average"
        ``"raw_values"`` gives each output its own, weights their weighted mean.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Best is the coverage that intervals were made for; wide ones reach 1, so look at
        :func:`mean_interval_score` too.

    Examples
    --------
    >>> from sklstm.metrics import interval_coverage
    >>> interval_coverage([1, 2, 3, 4], [0, 0, 0, 0], [1, 2, 3, 3])
    0.75
    """
    truth, lower, upper = _check_intervals(y_true, y_lower, y_upper)
    is_within = (lower <= truth) & (truth <= upper)
    return _mean(is_within.astype(np.float64), sample_weight, multioutput)


def mean_interval_score(
    y_true: Any,
    y_lower: Any,
    y_upper: Any,
    *,
    coverage: float,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> float | np.ndarray:
    """Return the mean width of intervals, with a penalty for values outside them.

    Also called the Winkler score. Those between the true quantiles (1 - coverage) / 2
    and (1 + coverage) / 2 have the smallest expected score.

    Parameters
    ----------
    y_true, y_lower, y_upper : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True values, and the ends of their intervals.
    coverage : float
        Share of true values that the intervals are meant to hold, in (0, 1).
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows.
    multioutput : str or array-like, default="uniform_average"
        ``"raw_values"`` gives each output its own, weights their weighted mean.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        In the unit of y; smaller is better.

    Notes
    -----
    The width, and 2 / (1 - coverage) times the distance of the value from the interval.

    References
    ----------
    Winkler 1972, doi:10.1080/01621459.1972.10481224. Gneiting & Raftery 2007, "Strictly
    proper scoring rules, prediction, and estimation", doi:10.1198/016214506000001437.

    Examples
    --------
    >>> from sklstm.metrics import mean_interval_score
    >>> mean_interval_score([1, 5], [0, 0], [4, 4], coverage=0.5)
    6.0
    """
    coverage = check_coverage(coverage, owner="mean_interval_score")
    truth, lower, upper = _check_intervals(y_true, y_lower, y_upper)
    outside = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    scores = upper - lower + 2 / (1 - coverage) * outside
    return _mean(scores, sample_weight, multioutput)


def _check_columns(**arrays: Any) -> list[np.ndarray]:
    """Return arrays as float64 of shape (n_rows, n_outputs), all of one shape."""
    came = [
        check_array(values, dtype=np.float64, ensure_2d=False, input_name=name)
        for name, values in arrays.items()
    ]
    columns = [values.reshape(len(values), -1) for values in came]
    if len({values.shape for values in columns}) > 1:
        raise ValueError(
            f"{', '.join(arrays)} must have the same shape. Got "
            f"{', '.join(str(values.shape) for values in came)}."
        )
    return columns


def _check_intervals(y_true: Any, y_lower: Any, y_upper: Any) -> list[np.ndarray]:
    """Return values and ends of intervals as columns, once no ends are swapped."""
    columns = _check_columns(y_true=y_true, y_lower=y_lower, y_upper=y_upper)
    crossed = (columns[1] > columns[2]).any(axis=1)
    if crossed.any():
        raise ValueError(
            "y_lower must not be above y_upper. It is in row "
            f"{int(np.argmax(crossed))}; are the arguments swapped?"
        )
    return columns


def _mean(values: np.ndarray, sample_weight: Any, multioutput: Any) -> Any:
    """Return the weighted mean over rows, and over outputs as they are to be."""
    weights = _check_weights(sample_weight, "sample_weight")
    check_consistent_length(values, weights)
    each = np.average(values, weights=weights, axis=0)
    if not isinstance(multioutput, str):
        weights = _check_weights(multioutput, "multioutput")
        if weights is not None and len(weights) != len(each):
            raise ValueError(
                f"The weights in multioutput must be one for each of {len(each)} "
                f"output(s). Got {len(weights)}; pass as many."
            )
        return float(np.average(each, weights=weights))
    if multioutput not in ("raw_values", "uniform_average"):
        raise ValueError(
            "The 'multioutput' parameter must be 'raw_values', 'uniform_average' "
            f"or weights. Got {multioutput!r} instead."
        )
    return each if multioutput == "raw_values" else float(np.average(each))


def _check_weights(weights: Any, name: str) -> np.ndarray | None:
    """Return weights as float64, at least 0 and not all 0."""
    if weights is None:
        return None
    checked = check_array(weights, dtype=np.float64, ensure_2d=False, input_name=name)
    if checked.ndim == 1 and (checked >= 0).all() and checked.any():
        return checked
    what = f"{len(checked)} weights of 0"
    if checked.ndim != 1:
        what = f"weights of shape {checked.shape}"
    elif (checked < 0).any():
        row = int(np.argmax(checked < 0))
        what = f"{float(checked[row])!r} at position {row}"
    raise ValueError(
        f"The weights in {name} must be one-dimensional, none below 0 and not all "
        f"0. Got {what}; leave out what is not to count."
    )
