"""Habits from elsewhere that put a target where it does not belong.

Windows are aligned with the series itself. A target that was shifted by hand, as other
tools want it, or that stands in another unit than the column it is named after, gives
forecasts that look fine and are wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["agree", "habit_of", "is_other_unit", "words_of_other_unit"]

# Share of the rows that must agree, and how many there must be.
_MOST = 0.9
_FEWEST_ROWS = 8

# Rows by which a target may be shifted, and the newest rows that are looked at.
_MOST_SHIFT = 30
_ROWS_TO_COMPARE = 1000

# What two units differ by, at least, and what lies this many standard deviations away
# is on another level.
_UNITS_APART = 1.5
_FAR_AWAY = 3.0


def habit_of(target: np.ndarray, column: np.ndarray) -> str | None:
    """Return what was done to a target that is named after a column, in words.

    Parameters
    ----------
    target, column : ndarray of shape (n_rows,)
        In time order; rows where one is not finite do not count.

    Returns
    -------
    str or None
        None where it is the column itself, and where nothing is recognised.

    Notes
    -----
    Columns in another unit (standardised in front of the windows) are fine: a
    prediction goes back in front.
    """
    target, column = target[-_ROWS_TO_COMPARE:], column[-_ROWS_TO_COMPARE:]
    if agree(target, column):
        return None
    for rows in range(1, _MOST_SHIFT + 1):
        if agree(target[:-rows], column[rows:]):
            return f"that column {rows} row(s) later"
        if agree(target[rows:], column[:-rows]):
            return f"that column {rows} row(s) before"
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(column)
        others = np.log1p(column), np.log10(column), np.log2(column)
        if any(agree(target, each) for each in (logs, *others)):
            return "the logarithm of that column"
        for rows in range(1, _MOST_SHIFT + 1):
            since = "the row before" if rows == 1 else f"{rows} rows before"
            before, now = column[:-rows], column[rows:]
            if agree(target[rows:], now - before):
                return f"the change of that column since {since}"
            changes = (now / before - 1, logs[rows:] - logs[:-rows])
            if any(agree(target[rows:], change) for change in changes):
                return f"the relative change of that column since {since}"
    return None


def agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two columns are the same in most rows in which one changes.

    Parameters
    ----------
    one, other : ndarray of shape (n_rows,)
    """
    is_finite = np.isfinite(one) & np.isfinite(other)
    one, other = one[is_finite], other[is_finite]
    changes = np.flatnonzero(np.diff(one) != 0) + 1
    if len(changes) < _FEWEST_ROWS:
        return False
    one, other = one[changes], other[changes]
    return bool(np.isclose(one, other, rtol=1e-6, atol=0).mean() >= _MOST)


def words_of_other_unit(
    name: Any, predicted: np.ndarray, column: np.ndarray
) -> str | None:
    """Return that predictions stand in another unit than their column, in a sentence.

    Parameters
    ----------
    name : str or int
        What the column is called.
    predicted, column : ndarray of shape (n_rows,)

    Returns
    -------
    str or None
        None where they do not.
    """
    if not is_other_unit(predicted, column):
        return None
    return (
        f"What is predicted of column {name!r} is as far from it as if in another unit "
        f"({predicted[-1]:.4g} for a row that holds {column[-1]:.4g}), and is fed back "
        "into it. Fit the column itself as y: LSTMRegressor scales it, and "
        "TransformedTargetRegressor undoes what it does to y."
    )


def is_other_unit(predicted: np.ndarray, column: np.ndarray) -> bool:
    """Return whether predictions of a column stand in another unit than it does.

    Parameters
    ----------
    predicted, column : ndarray of shape (n_rows,)

    Notes
    -----
    Predictions may be bad: what they miss the column by must be more than it varies,
    and they must either go with it by another slope, or lie on a level that is both
    far away and a multiple of its own.
    """
    is_finite = np.isfinite(predicted) & np.isfinite(column)
    x, y = predicted[is_finite], column[is_finite]
    if len(x) < _FEWEST_ROWS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return False
    if np.square(y - x).mean() < y.var():
        return False
    share = np.corrcoef(x, y)[0, 1] ** 2
    slope = np.sqrt(share) * y.std() / x.std()
    if share > _MOST and not 1 / _UNITS_APART < slope < _UNITS_APART:
        return True
    is_far = abs(y.mean() - x.mean()) > _FAR_AWAY * y.std()
    ratio = x.mean() / y.mean() if y.mean() != 0 else 0.0
    return bool(is_far and not 1 / (2 * _UNITS_APART) < ratio < 2 * _UNITS_APART)
