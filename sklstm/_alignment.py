"""Habits from elsewhere that put a target where it does not belong.

Windows are aligned with the series itself. A target that was shifted by hand, as other
tools want it, or that stands in another unit than the column it is named after, gives
forecasts that look fine and are wrong.
"""

from __future__ import annotations

import numpy as np

__all__ = ["agree", "habit_of"]

# Share of the rows that must agree, and how many there must be.
_MOST = 0.9
_FEWEST_ROWS = 8


def habit_of(target: np.ndarray, column: np.ndarray, n_later: int) -> str | None:
    """Return what was done to a target that is named after a column, in words.

    Parameters
    ----------
    target, column : ndarray of shape (n_rows,)
        In time order; rows where one is not finite do not count.
    n_later : int
        How many rows later a shifted target may be, at most.

    Returns
    -------
    str or None
        None where it is the column itself, and where nothing is recognised.

    Notes
    -----
    Columns in another unit (standardised in front of the windows) are fine: a
    prediction goes back in front.
    """
    if agree(target, column):
        return None
    for later in range(1, n_later + 1):
        if agree(target[:-later], column[later:]):
            return f"that column {later} row(s) later"
    with np.errstate(invalid="ignore", divide="ignore"):
        if agree(target, np.log(column)) or agree(target, np.log1p(column)):
            return "the logarithm of that column"
    if agree(target[1:], np.diff(column)):
        return "the change of that column from the row before"
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
