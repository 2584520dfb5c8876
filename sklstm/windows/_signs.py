"""Signs that rows, or targets, are not what they are taken for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import one_line
from sklstm.windows._array import first_of_groups, float_type
from sklstm.windows._context import Context, Placed
from sklstm.windows._labels import Grid, counts_rows, grid_of
from sklstm.windows._table import RowLabels

# Share of the grid that may be missing without a word, and places for it to matter.
_FEW_MISSING = 0.1
_FEWEST_PLACES = 20

# Rows that tell whether they lie on the grid of the fit.
_ROWS_TO_TELL_GRID, _ROWS_TO_LOOK = 4, 1000

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

    Rows of X and y are by group and time; names are those of the targets. In columns
    that are fed back a window ends before the row that it predicts; with horizon 0 it
    shows that row, and need not hold the past of y.
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
            warnings.warn(words, stacklevel=6)


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
        x, y = ((each - each[0]) / np.ptp(each) for each in (x, y))
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


def check_as_fitted(windows: Any, fitted: dict[str, Any], *, has_failed: bool) -> None:
    """Raise where parameters were set after ``fit``, or what learns has failed."""
    came = [
        f"{name}={one_line(getattr(windows, name))} after a fit with {name}={value}"
        for name, value in fitted.items()
        if getattr(windows, name) != value
    ]
    came += ["a pipeline whose last fit failed"] if has_failed else []
    if came:
        raise ValueError(
            f"SlidingWindow must be fitted again. Got {came[0]}; call fit."
        )


def check_grid(placed: Placed, grid: Grid) -> None:
    """Raise where rows lie on another grid than those of ``fit``."""
    steps = placed.steps_within
    if len(steps) < _ROWS_TO_TELL_GRID - 1 or grid.kind == "rows":
        return
    some = placed.labels_of(slice(0, _ROWS_TO_LOOK))
    n_within = int((np.diff(grid.places(some)) == 0).sum())
    came = None
    if (steps != 1).all():
        came = f"rows that are {int(np.median(steps))} steps apart"
    elif n_within > len(some) / 2:
        came = "several rows within a step"
    if came is not None:
        raise ValueError(
            "SlidingWindow needs rows on the grid of fit, whose step is "
            f"{grid.words}. Got {came}, from "
            f"{placed.rows.words(placed.row(0))} on; resample them, or fit on rows "
            "like them."
        )


def _first_inside_fit(placed: Placed, context: Context, n_reads: int) -> int | None:
    """Return the first position whose past was read by ``fit``, but not kept."""
    firsts, groups = placed.firsts, placed.groups
    began = np.asarray(
        placed.labels_of(firsts) > context.first_labels[np.maximum(groups, 0)]
    )
    oldest = context.labels[first_of_groups(context.codes)]
    was_dropped = np.asarray(oldest > context.first_labels)[groups]
    n_kept = np.bincount(placed.all_codes) - np.bincount(placed.codes)
    is_inside = (groups >= 0) & began & was_dropped & (n_kept < n_reads)
    return int(firsts[np.argmax(is_inside)]) if is_inside.any() else None


def warn_of_missing_rows(placed: Placed, grid: Grid) -> None:
    """Tell what share of the grid is missing where it is much."""
    n_missing = int((placed.steps_within - 1).sum())
    n_places = len(placed.steps) + n_missing
    share = n_missing / n_places
    if n_places >= _FEWEST_PLACES and share > _FEW_MISSING:
        warnings.warn(
            f"{share:.0%} of the {n_places} rows that a grid of {grid.words} "
            "has from the first row of X to the last are missing. Windows hold the "
            "newest earlier value in their place; resample X, or use "
            "reset_index(drop=True) where rows simply follow each other.",
            stacklevel=5,
        )


def warn_of_lost_digits(values: np.ndarray, columns: Sequence | None) -> None:
    """Warn where the type of windows cannot tell neighbouring values apart."""
    kind = float_type(values)
    newest = np.asarray(values[-_ROWS_TO_COMPARE:], dtype=np.float64)
    newest = newest[np.isfinite(newest).all(axis=1)]
    if not len(newest):
        return
    spread = np.ptp(newest, axis=0)
    grain = np.abs(newest).max(axis=0) * np.finfo(kind).eps
    coarse = np.flatnonzero((grain > 3e-3 * spread) & (spread > 0))
    if len(coarse):
        name = columns[coarse[0]] if columns else int(coarse[0])
        warnings.warn(
            f"Windows hold {kind.__name__}, which is too coarse for column {name!r}: "
            f"its values lie within {spread[coarse[0]]:.3g} of each other around "
            f"{newest[-1, coarse[0]]:.3g}. Pass float64, or subtract a constant first.",
            stacklevel=5,
        )


def _warn_of_utc_days(stamps: pd.Index, grid: Grid | None) -> None:
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
            stacklevel=5,
        )


def fitted_grid(
    rows: RowLabels, order: np.ndarray | None, labels: pd.Index | None, *, is_long: bool
) -> Grid | None:
    """Return the grid of the rows of ``fit``; None where labels do not count rows.

    Labels are the index of X, which is long where columns tell groups apart, or time.
    """
    if labels is not None and not (is_long or counts_rows(labels)):
        warnings.warn(
            f"The index of X ({type(labels).__name__} of {labels.dtype}) does not "
            "count rows, so rows are taken as contiguous and no context is kept; use a "
            "DatetimeIndex (pd.to_datetime), a PeriodIndex or integers, and for many "
            "series a long frame (reset_index) with 'groups' and 'time'.",
            stacklevel=4,
        )
        return None
    pairs = None
    if is_long:
        pairs = (rows if order is None else rows.take(order)).pairs()
    grid = grid_of(rows.stamps, pairs=pairs)
    _warn_of_utc_days(rows.stamps, grid)
    is_irregular = grid.kind == "rows" and isinstance(rows.stamps, pd.DatetimeIndex)
    if is_irregular and len(rows.ranks) > len(np.unique(rows.codes)):
        warnings.warn(
            "The time stamps of X have no common step, so each row is taken to follow "
            "the one before, however far apart they are; resample or round them where "
            "a step is meant.",
            stacklevel=4,
        )
    return grid


def warn_of_missing_past(
    placed: Placed,
    context: Context,
    grid: Grid,
    *,
    window: int,
    lag: int,
    is_other: bool,
) -> None:
    """Warn of rows whose windows lack what lies before them.

    ``is_other`` tells whether the first rows are others than those of ``fit``.
    """
    n_reads = window + lag - 1
    at = _first_inside_fit(placed, context, n_reads)
    if at is not None:
        warnings.warn(
            f"X begins at {placed.rows.words(placed.row(at))}, inside the rows of fit, "
            "of which only the newest are kept, so its first windows are incomplete. "
            f"Pass the {n_reads} rows before it too; of predictions keep those that "
            "you need.",
            stacklevel=3,
        )
    begins_anew = placed.labels_of([0])[0] == context.first_labels[0]
    if grid.kind == "integer" and context.keys is None and begins_anew and is_other:
        warnings.warn(
            "The integer index of X starts where that of fit did, with other values, "
            f"so its first {n_reads} windows are incomplete. If these rows follow "
            "those of fit, number them on: "
            f"X.index = range({int(grid.last[0]) + 1}, ...).",
            stacklevel=3,
        )
    far = placed.without_past(window, lag)
    if len(far):
        warnings.warn(
            f"{len(far)} row(s) of X have no row within the {window} steps of their "
            f"window; the first is {placed.rows.words(placed.row(far[0]))}. The newest "
            "earlier value of their series stands in its place; pass the rows between "
            "too, or choose a longer window.",
            stacklevel=3,
        )


def warn_of_lost_index(
    labels: pd.Index | None, grid: Grid | None, n_reads: int
) -> None:
    """Warn that rows cannot be told to follow those of ``fit``, which had a grid."""
    came = "no index" if labels is None else f"a {type(labels).__name__}"
    if labels is not None and grid is not None:
        came += f" where fit had a {type(grid.last).__name__}"
    warnings.warn(
        f"X has {came}, so SlidingWindow cannot tell whether its rows follow those of "
        f"fit, and its first {n_reads} windows are incomplete. Pass a DataFrame with "
        "the index that continues the one of fit, and call "
        "set_output(transform='pandas') on the steps in front.",
        stacklevel=4,
    )


@contextmanager
def quiet_windows(
    words: str = "windows are incomplete|have no row within",
) -> Iterator[None]:
    """Ignore what SlidingWindow says of rows that are only read as the past."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", rf"(?s).*({words})")
        yield
