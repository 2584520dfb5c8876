"""Signs that rows, or targets, are not what they are taken for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sklstm.windows._context import Context, Placed
from sklstm.windows._labels import Grid
from sklstm.windows._table import first_of_groups

__all__ = [
    "check_grid",
    "first_inside_fit",
    "warn_of_lost_digits",
    "warn_of_missing_rows",
    "warn_of_target",
    "warn_of_utc_days",
]

# Rows looked at to judge whether float32 is fine enough for a column.
_ROWS_FOR_DIGITS = 1 << 16

# Share of the grid that may be missing without a word, and places for it to matter.
_FEW_MISSING = 0.1
_FEWEST_PLACES = 20

# Rows that tell whether they lie on the grid of the fit.
_ROWS_TO_TELL_GRID = 4

# Newest rows that are looked at, in how many of them a column must change, and in what
# share of these it must agree with the target.
_ROWS_TO_COMPARE = 1 << 16
_FEWEST_CHANGES = 8
_MOST_AGREE = 0.9


def warn_of_target(
    values: np.ndarray,
    y: np.ndarray,
    *,
    names: Sequence,
    columns: Sequence,
    is_fed_back: np.ndarray,
    horizon: int,
) -> None:
    """Warn where y stands at the wrong row, or X does not hold its past.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        X by group and time.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        The targets.
    names, columns : sequence
        Names of the targets and of the columns of X.
    is_fed_back : ndarray of shape (n_columns,), bool
        Columns of which a window ends before the row that it predicts.
    horizon : int
        Where it is 0 a window shows its own row, and need not hold the past of y.

    Warns
    -----
    UserWarning
    """
    targets = y.reshape(len(y), -1)[-_ROWS_TO_COMPARE:]
    if targets.dtype.kind not in "fiu" or values.dtype.kind not in "fiub":
        return
    values = values[-_ROWS_TO_COMPARE:].astype(np.float64)
    for name, target in zip(names, targets.astype(np.float64).T, strict=False):
        words = None
        if name not in columns:
            if horizon and not _has_past_of(target, values[:, is_fed_back]):
                words = (
                    f"No column of X holds the past of y ({name!r}), so it is not "
                    "read. Add it to X as a column: a window ends before the row that "
                    "it predicts."
                )
        else:
            at = list(columns).index(name)
            words = _words_of_shift(name, target, values[:, at], bool(is_fed_back[at]))
        if words is not None:
            warnings.warn(words, UserWarning, stacklevel=5)


def _words_of_shift(
    name: str, target: np.ndarray, column: np.ndarray, is_fed_back: bool
) -> str | None:
    """Return that a target is a known column, or one that was shifted, in words."""
    is_same = _agree(target, column)
    if is_same and not is_fed_back:
        return (
            f"The window of each row shows its own target, column {name!r}, so that "
            "nothing is left to predict; take it out of 'known', and set horizon to 1 "
            "or more."
        )
    if is_same or not is_fed_back:
        return None
    is_later = _agree(target[:-1], column[1:])
    if not is_later and not _agree(target[1:], column[:-1]):
        return None
    return (
        f"y is named {name!r} and is that column one row "
        f"{'later' if is_later else 'before'}. Windows end before their row by "
        "themselves: pass the series as it is; another horizon looks further ahead."
    )


def _has_past_of(target: np.ndarray, columns: np.ndarray) -> bool:
    """Return whether some column goes with the target, or nothing can be said."""
    for column in columns.T:
        is_there = np.isfinite(column) & np.isfinite(target)
        x, y = column[is_there], target[is_there]
        if len(x) < _FEWEST_CHANGES or np.ptp(x) == 0 or np.ptp(y) == 0:
            continue
        if abs(np.corrcoef(x, y)[0, 1]) > _MOST_AGREE:
            return True
    return len(target) < _FEWEST_CHANGES or np.ptp(target) == 0


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two columns are the same in most rows in which one changes."""
    is_there = np.isfinite(one) & np.isfinite(other)
    one, other = one[is_there], other[is_there]
    changes = np.flatnonzero(np.diff(one) != 0) + 1
    if len(changes) < _FEWEST_CHANGES:
        return False
    one, other = one[changes], other[changes]
    return bool(np.isclose(one, other, rtol=1e-6, atol=0).mean() >= _MOST_AGREE)


def check_grid(placed: Placed, grid: Grid) -> None:
    """Raise where rows lie on another grid than those of ``fit``."""
    is_next = np.ones(len(placed.codes), dtype=bool)
    is_next[placed.firsts] = False
    steps = placed.steps[is_next]
    if len(steps) < _ROWS_TO_TELL_GRID - 1 or grid.kind == "rows":
        return
    places = grid.places(placed.labels_of(...))
    n_within = int((np.diff(places, prepend=0)[is_next] == 0).sum())
    came = None
    if steps.min() > 1:
        came = f"rows that are {int(np.median(steps))} steps apart"
    elif n_within > len(steps) / 2:
        came = "several rows within a step"
    if came is not None:
        raise ValueError(
            "SlidingWindow needs rows on the grid of fit, whose step is "
            f"{grid.words}. Got {came}, from "
            f"{placed.rows.words(placed.row(0))} on; resample them, or fit on rows "
            "like them."
        )


def first_inside_fit(placed: Placed, context: Context, n_reads: int) -> int | None:
    """Return the first position whose past was read by ``fit``, but not kept."""
    firsts = placed.firsts
    groups = placed.groups[firsts]
    began = np.asarray(
        placed.labels_of(firsts) > context.first_labels[np.maximum(groups, 0)]
    )
    oldest = context.labels[first_of_groups(context.codes)]
    was_dropped = np.asarray(oldest > context.first_labels)[groups]
    ends = np.searchsorted(placed.kept_codes, placed.codes[firsts], side="right")
    n_kept = np.diff(ends, prepend=0)
    is_inside = (groups >= 0) & began & was_dropped & (n_kept < n_reads)
    return int(firsts[np.argmax(is_inside)]) if is_inside.any() else None


def warn_of_missing_rows(placed: Placed, grid: Grid) -> None:
    """Tell what share of the grid is missing where it is much."""
    n_places = int(placed.steps.sum())
    share = 1 - len(placed.steps) / n_places
    if n_places >= _FEWEST_PLACES and share > _FEW_MISSING:
        warnings.warn(
            f"{share:.0%} of the {n_places} rows that a grid of {grid.words} "
            "has from the first row of X to the last are missing. Windows hold the "
            "newest earlier value in their place; resample X, or use "
            "reset_index(drop=True) where rows simply follow each other.",
            UserWarning,
            stacklevel=4,
        )


def warn_of_lost_digits(values: np.ndarray, columns: Sequence | None) -> None:
    """Warn where float32 cannot tell neighbouring values of a column apart."""
    newest = np.asarray(values[-_ROWS_FOR_DIGITS:], dtype=np.float64)
    newest = newest[np.isfinite(newest).all(axis=1)]
    if not len(newest):
        return
    is_constant = newest.min(axis=0) == newest.max(axis=0)
    spread = np.where(is_constant, 0, newest.std(axis=0))
    grain = np.abs(newest).max(axis=0) * np.finfo(np.float32).eps
    coarse = np.flatnonzero((grain > 1e-2 * spread) & (spread > 0))
    if len(coarse):
        name = columns[coarse[0]] if columns else int(coarse[0])
        warnings.warn(
            f"Windows hold float32, which is too coarse for column {name!r}: it "
            f"varies by {spread[coarse[0]]:.3g} around values of "
            f"{np.abs(newest[:, coarse[0]]).max():.3g}; subtract a constant first.",
            UserWarning,
            stacklevel=4,
        )


def warn_of_utc_days(stamps: pd.Index, grid: Grid | None) -> None:
    """Warn where stamps are days of a zone with summer time, written in UTC."""
    if grid is None or grid.kind != "day" or str(stamps.tz) not in ("None", "UTC"):
        return
    hours = (stamps - stamps.normalize()).unique()
    if len(hours) == 2 and abs(hours[1] - hours[0]) == pd.Timedelta(hours=1):
        warnings.warn(
            "The stamps of X seem to be days of a time zone, written in UTC: they lie "
            f"at {hours[0]} and {hours[1]} after midnight. Call tz_convert on the "
            "index (tz_localize('UTC') before, where it has no zone), so that the "
            "days to come begin at midnight.",
            UserWarning,
            stacklevel=5,
        )
