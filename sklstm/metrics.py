"""Errors of forecasts and of intervals that scikit-learn does not have.

All take arrays of shape (n_rows,) or (n_rows, n_outputs), ``sample_weight`` and
``multioutput`` as the regression metrics of :mod:`sklearn.metrics` do.
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

# Above it sums of a few values, or of many, may be beyond the largest float.
_HUGE = 1e290


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

    Below 1 the predictions are better than repeating the last season was, one season
    ahead, in the training rows.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True values.
    y_pred : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Predicted values.
    y_train : array-like of shape (n_train,) or (n_train, n_outputs)
        The values before them, oldest first; more than ``season``.
    season : int, default=1
        Rows after which the series repeats; 1 scales by the last value.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows, none below 0 and not all 0.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_outputs,), default="uniform_average"
        One error for each output, their mean, or their mean with these weights.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        At least 0, without a unit; 0 is best.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, weights are none, or ``y_train`` is too
        short or repeats itself exactly, which leaves nothing to scale with.

    References
    ----------
    Hyndman & Koehler 2006, "Another look at measures of forecast accuracy",
    International Journal of Forecasting 22(4), doi:10.1016/j.ijforecast.2006.03.001.

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
    shrink = _shrink(truth, predicted, train)
    scale = _naive_error(train * shrink, season)
    if not scale.all():
        raise ValueError(
            "y_train must not repeat itself exactly, since its changes are the unit. "
            f"Got {season} row(s) that repeat in output {np.flatnonzero(scale == 0)[0]}"
            "; use another metric, such as the mean absolute error."
        )
    with np.errstate(over="ignore"):  # infinity is then the nearest to the error
        errors = np.abs(truth * shrink - predicted * shrink) / scale
    return _mean(errors, sample_weight, multioutput)


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
    y_true : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True values.
    y_pred : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Predicted values.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows, none below 0 and not all 0.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_outputs,), default="uniform_average"
        One error for each output, their mean, or their mean with these weights.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Per cent, from 0 (best) to 200, as in the M-competitions.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite or weights are none.

    Notes
    -----
    The mean of 200 |y - p| / (|y| + |p|), with 0 where both are 0. It is for positive
    values: opposite signs cost 200 whatever the distance.

    References
    ----------
    Makridakis, Spiliotis & Assimakopoulos 2020, "The M4 Competition: 100,000 time
    series and 61 forecasting methods", International Journal of Forecasting 36(1),
    doi:10.1016/j.ijforecast.2019.04.014.

    Examples
    --------
    >>> from sklstm.metrics import symmetric_mean_absolute_percentage_error
    >>> symmetric_mean_absolute_percentage_error([3, 0], [1, 0])
    50.0
    """
    truth, predicted = _check_columns(y_true=y_true, y_pred=y_pred)
    shrink = _shrink(truth, predicted)
    truth, predicted = truth * shrink, predicted * shrink
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
    y_true : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True values.
    y_lower, y_upper : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Ends of the intervals, which belong to them.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows, none below 0 and not all 0.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_outputs,), default="uniform_average"
        One share for each output, their mean, or their mean with these weights.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Between 0 and 1. Best is the coverage that the intervals were made for; wide
        intervals reach 1, so look at :func:`mean_interval_score` too.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, weights are none, or a lower end is
        above the upper.

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

    Also called the Winkler score. Of all intervals those between the true quantiles
    (1 - coverage) / 2 and (1 + coverage) / 2 have the smallest expected score, so that
    it tells apart intervals of equal coverage.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True values.
    y_lower, y_upper : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Ends of the intervals.
    coverage : float
        Share of true values that the intervals are meant to hold, in (0, 1).
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows, none below 0 and not all 0.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape \
            (n_outputs,), default="uniform_average"
        One score for each output, their mean, or their mean with these weights.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        In the unit of y; smaller is better.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, weights are none, a lower end is above
        the upper, or ``coverage`` is not between 0 and 1.

    Notes
    -----
    The width, and 2 / (1 - coverage) times the distance of the value from the interval.

    References
    ----------
    Winkler 1972, "A decision-theoretic approach to interval estimation", JASA 67(337),
    doi:10.1080/01621459.1972.10481224. Gneiting & Raftery 2007, "Strictly proper
    scoring rules, prediction, and estimation", JASA 102(477),
    doi:10.1198/016214506000001437.

    Examples
    --------
    >>> from sklstm.metrics import mean_interval_score
    >>> mean_interval_score([1, 5], [0, 0], [4, 4], coverage=0.5)
    6.0
    """
    coverage = check_coverage(coverage, owner="mean_interval_score")
    truth, lower, upper = _check_intervals(y_true, y_lower, y_upper)
    shrink = _shrink(truth, lower, upper)
    truth, lower, upper = truth * shrink, lower * shrink, upper * shrink
    outside = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    scores = upper - lower + 2 / (1 - coverage) * outside
    with np.errstate(over="ignore"):  # infinity is then the nearest to the score
        scores /= shrink
    return _mean(scores, sample_weight, multioutput)


def _naive_error(y_train: np.ndarray, season: int) -> np.ndarray:
    """Return the mean absolute change over a season, of each output."""
    return np.abs(y_train[season:] - y_train[:-season]).mean(axis=0)


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
    columns = _check_columns(y_true=y_true, y_lower=y_lower, y_upper=y_upper)
    crossed = (columns[1] > columns[2]).any(axis=1)
    if crossed.any():
        raise ValueError(
            "y_lower must not be above y_upper. Got so in row "
            f"{int(np.flatnonzero(crossed)[0])}; are they the wrong way round?"
        )
    return columns


def _shrink(*columns: np.ndarray) -> np.ndarray:
    """Return a factor that keeps sums of values finite, of shape (1, 1).

    It is a power of two, by which values lose nothing, and 1 for all but huge ones.
    """
    peak = max(float(np.abs(values).max()) for values in columns)
    return np.array([[2.0**-60 if peak > _HUGE else 1.0]])


def _mean(values: np.ndarray, sample_weight: Any, multioutput: Any) -> Any:
    """Return the weighted mean over rows, and over outputs as they are to be."""
    check_consistent_length(values, sample_weight)
    each = _average(values, _check_weights(sample_weight, "sample_weight"))
    if isinstance(multioutput, str):
        if multioutput not in ("raw_values", "uniform_average"):
            raise ValueError(
                "The 'multioutput' parameter must be 'raw_values', 'uniform_average' "
                f"or weights. Got {multioutput!r} instead."
            )
        return each if multioutput == "raw_values" else float(_average(each))
    return float(_average(each, _check_weights(multioutput, "multioutput")))


def _average(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the mean over the first axis, without overflow on the way."""
    if weights is not None and weights.shape == values.shape[:1]:
        values, weights = values[weights > 0], weights[weights > 0]
    shrink = _shrink(values).item()
    with np.errstate(over="ignore"):
        return np.average(values * shrink, weights=weights, axis=0) / shrink


def _check_weights(weights: Any, name: str) -> np.ndarray | None:
    """Return weights as float64, of which the largest is not huge."""
    if weights is None:
        return None
    checked = check_array(weights, dtype=np.float64, ensure_2d=False, input_name=name)
    if checked.ndim != 1 or (checked < 0).any() or not checked.any():
        raise ValueError(
            f"The weights in {name} must be one-dimensional, none below 0 and not all "
            f"0. Got {_came(checked)}; leave out what is not to count."
        )
    peak = checked.max()
    return checked / peak if peak > _HUGE else checked


def _came(weights: np.ndarray) -> str:
    """Return in words what is wrong with weights."""
    if weights.ndim != 1:
        return f"weights of shape {weights.shape}"
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        return f"{float(weights[row])!r} at position {row}"
    return f"{len(weights)} weights of 0"
