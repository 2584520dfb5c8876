"""Rows: X as windows, y as targets and sample weights, and which of them are learned.

What cannot be learned from, or predicted, is refused in one sentence before any work
starts. As scikit-learn's ``validate_data`` does, a first fit sets on the regressor what
later calls are held against.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import (
    GREATEST,
    _check_sample_weight,
    check_array,
    check_whole_target,
    validate_data,
)
from sklstm.windows._array import Windows, base_from_windows, is_next_window, true_steps
from sklstm.windows._frames import check_same_labels, is_numbered, labels_of
from sklstm.windows._season import SeasonalArray

# Columns that are never too many for the rows.
_FEW_COLUMNS = 20

# Tests of the highway.
_N_TESTS = 4

# The columns of a lag table, as SlidingWindow names them: load_t-1, hour_t, hour_t+1.
LAG_NAME = re.compile(r"(?P<channel>.+)_t(?P<step>[-+]\d+)?")

# What windows may be kept as; the first is what other numbers become.
_FLOATS = [np.float64, np.float32]


def read_windows(regressor: Any, X: Any, *, reset: bool) -> tuple[Any, np.ndarray]:
    """Return X as windows, an array or Windows, and the true steps of each.

    With ``reset``, a first fit, the regressor learns the columns of X.
    """
    owner, most = type(regressor).__name__, _greatest_for(regressor)
    windows = _shaped_windows(regressor, X, reset=reset)
    base = base_from_windows(windows)
    if base is None:
        # Sums have one order, however the windows are stored.
        windows = np.ascontiguousarray(windows)
    counts = true_steps(windows)
    values = windows if base is None else base
    infinite = ((values > most) | (values < -most)).nonzero()
    if len(infinite[0]):
        raise ValueError(
            f"{owner} needs finite windows. Got infinity or a value beyond "
            f"{most:.3g} in row {infinite[0][0]}; fix or drop such rows."
        )
    if (counts < 0).any():
        raise ValueError(
            f"{owner} needs windows without NaN inside: only the oldest steps may be "
            "missing, in all channels. Got NaN after a true step, or in part of "
            f"a step, in row {np.flatnonzero(counts < 0)[0]} of X; fill or drop "
            "missing values before windows are made."
        )
    has_names = hasattr(regressor, "feature_names_in_")
    if (getattr(X, "ndim", 2) == 2 and not has_names) and (
        reset or not regressor._takes_incomplete
    ):
        _check_table_start(windows, counts, owner)
    return windows, counts


def _greatest_for(regressor: Any) -> np.float64:
    """Return the greatest value that is read; of float32 where nothing is scaled."""
    is_scaled = regressor.scaling is not None
    return GREATEST if is_scaled else np.float64(np.finfo(np.float32).max)


def _shaped_windows(regressor: Any, X: Any, *, reset: bool) -> Any:
    """Return X as float windows of the right shape, contents unchecked."""
    owner = type(regressor).__name__
    how = {"dtype": _FLOATS, "ensure_all_finite": False}
    of_array = how | {"allow_nd": True, "estimator": regressor}
    if not hasattr(X, "ndim"):
        X = check_array(X, ensure_2d=False, **of_array)
    if X.ndim == 3:
        # check_array would return plain float arrays as they are, only later.
        is_plain = type(X) in (np.ndarray, SeasonalArray)
        is_plain = is_plain and X.dtype in _FLOATS and len(X) > 0
        windows = X
        if not isinstance(X, Windows):
            windows = np.asarray(X) if is_plain else check_array(X, **of_array)
        if 0 in windows.shape:
            raise ValueError(
                f"{owner} needs windows of at least one step and channel. Got "
                f"X of shape {windows.shape}; pass (n_rows, window, n_channels)."
            )
        if reset:
            regressor.n_features_in_ = windows.shape[1] * windows.shape[2]
            regressor.__dict__.pop("feature_names_in_", None)
    else:
        table = validate_data(regressor, X, reset=reset, **how)
        n_channels = _channels_from_names(regressor) if reset else regressor.n_channels_
        windows = table.reshape(len(table), -1, n_channels)
    if not reset and windows.shape[1:] != (regressor.window_, regressor.n_channels_):
        raise ValueError(
            f"{owner} needs windows as in fit: "
            f"{regressor.window_} steps of {regressor.n_channels_} channel(s). Got "
            f"{windows.shape[1]} steps of {windows.shape[2]} channel(s); make them "
            "with the SlidingWindow of the fit."
        )
    return windows


def season_of(X: Any) -> tuple[int, ...]:
    """Return the season that comes with windows or their table, (1,) for none."""
    is_table = isinstance(X, pd.DataFrame)
    season = X.attrs.get("season") if is_table else getattr(X, "season", None)
    return season if isinstance(season, tuple) else (1,)


def read_target(regressor: Any, y: Any, n_rows: int, *, reset: bool) -> np.ndarray:
    """Return y as float64, of the shape that ``steps`` and an earlier fit ask for."""
    owner = type(regressor).__name__
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target y is None."
        )
    weights = f"sample_weight ({owner.lower()}__sample_weight in a pipeline)"
    how = {"owner": owner, "weights": weights, "estimator": regressor}
    y = check_whole_target(y, labels_of(y), **how)
    most, largest = _greatest_for(regressor), np.abs(y).max()
    if largest > most:
        raise ValueError(
            f"{owner} needs values of y up to {most:.3g}. Got {largest:.3g}; divide y "
            "by a constant."
        )
    if len(y) != n_rows:
        raise ValueError(
            f"{owner} needs one target per window: inconsistent numbers of "
            f"samples, {n_rows} windows but {len(y)} values of y. Got y cut or "
            "shifted? Pass the series itself, row for row."
        )
    if regressor.steps > 1 and y.ndim > 1:
        raise ValueError(
            f"{owner} builds the targets of steps > 1 from a 1-D y. Got "
            f"steps={regressor.steps} and y of shape {y.shape}; pass one column as a "
            "Series, y['name'], or a 1-D array."
        )
    n_outputs = regressor.steps if regressor.steps > 1 else y[:1].size
    if not reset and (y.ndim, n_outputs) != (regressor._y_ndim, regressor.n_outputs_):
        raise ValueError(
            f"{owner} goes on from a fit with {regressor.n_outputs_} output(s) "
            f"and {regressor._y_ndim}-D y. Got {n_outputs} output(s) and {y.ndim}-D y; "
            "keep its shape, or fit anew with warm_start=False."
        )
    regressor._y_ndim = y.ndim
    return y


def read_weights(
    regressor: Any, sample_weight: Any, windows: Any, y: Any
) -> np.ndarray | None:
    """Return sample weights as float64, None where none are given."""
    if sample_weight is None:
        return None
    # Numbers beside other labels say nothing: whoever took some rows of both has them.
    if is_numbered(sample_weight) == is_numbered(y):
        owner = type(regressor).__name__
        check_same_labels(y, sample_weight, owner=owner, names=("y", "sample_weight"))
    how = {"dtype": np.float64, "ensure_non_negative": True}
    weights = _check_sample_weight(sample_weight, windows, **how)
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number. Got all "
            "zeros; pass a positive weight for rows to learn from."
        )
    return weights


def _check_table_start(windows: Any, counts: np.ndarray, owner: str) -> None:
    """Raise if missing steps of a nameless table do not look like a series' start.

    A lone NaN in its oldest column is more likely a value that is missing.
    """
    is_incomplete = counts < windows.shape[1]
    if len(set(counts[is_incomplete])) != 1:
        return
    if not is_next_window(windows, counts)[is_incomplete[:-1]].any():
        raise ValueError(
            f"{owner} needs values without NaN. Got NaN in row "
            f"{np.flatnonzero(is_incomplete)[0]} of a 2-D X, where no neighbouring row "
            "shows that a series starts there; fill or drop it, or pass 3-D windows."
        )


def _channels_from_names(regressor: Any) -> int:
    """Return the channels that SlidingWindow's names tell; others mean one."""
    names = getattr(regressor, "feature_names_in_", ())
    matches = [LAG_NAME.fullmatch(str(name)) for name in names]
    if not all(matches):
        return 1
    channels = [match["channel"] for match in matches if match]
    n_channels = len(set(channels)) or 1
    is_step_major = channels == channels[:n_channels] * (len(names) // n_channels)
    return n_channels if is_step_major else 1


# -- which rows are learned ---------------------------------------------------------


def in_time_order(windows: Any, *columns: np.ndarray | None) -> tuple:
    """Return windows and columns by group and time, so that no order of rows counts."""
    if not isinstance(windows, Windows):
        return windows, *columns
    order = windows.order()
    ordered = (None if column is None else column[order] for column in columns)
    return windows.rows(order), *ordered


def steps_of(y: np.ndarray, steps: int) -> np.ndarray:
    """Return the targets y[t] … y[t + steps - 1] of every row; NaN behind the end."""
    if steps == 1:
        return y.reshape(len(y), -1)
    padded = np.append(y, np.full(steps - 1, np.nan))
    return np.lib.stride_tricks.sliding_window_view(padded, steps)


def learnable_rows(
    windows: np.ndarray, counts: np.ndarray, steps: int, weights: np.ndarray | None
) -> np.ndarray:
    """Return the rows that can be learned from.

    They have at least one true step, a positive weight, and ``steps`` targets none of
    which lies beyond a missing row. Windows are in time order.
    """
    is_learnable = counts > 0
    if weights is not None:
        is_learnable &= weights > 0
    if steps > 1:
        n_holes = np.append(0, np.cumsum(~is_next_window(windows, counts)))
        is_learnable[: 1 - steps] &= n_holes[steps - 1 :] == n_holes[: 1 - steps]
        is_learnable[1 - steps :] = False
    return np.flatnonzero(is_learnable).astype(np.int32)


def complete_rows(counts: np.ndarray, rows: np.ndarray, n_read: int) -> np.ndarray:
    """Return the rows with all steps that are read, or every row, if these are few.

    A highway says too much of incomplete windows for a network to learn the rest.
    """
    complete = rows[counts[rows] >= n_read]
    return complete if 2 * len(complete) >= len(rows) else rows


def _places_in_groups(
    rows: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of each row among those of its group, and their number."""
    groups = np.zeros(len(rows)) if groups is None else groups[rows]
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    lengths = np.diff(np.append(starts, len(rows)))
    starts, lengths = (np.repeat(each, lengths) for each in (starts, lengths))
    return np.arange(len(rows)) - starts, lengths


def split_newest(
    rows: np.ndarray, fraction: float, steps: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training rows and the newest tail for validation.

    Rows whose targets reach into the tail are in neither part: learning them would
    show the network what it is validated on. Every group of a panel has a tail of its
    own, but for those so short that their share rounds to none.
    """
    rounded = np.ceil if groups is None else np.round
    places, lengths = _places_in_groups(rows, groups)
    n_validation = rounded(lengths * fraction).astype(int)
    in_tail = places - (lengths - n_validation)  # negative before it
    tails = np.minimum(np.arange(len(rows)) - in_tail, len(rows) - 1)
    first = np.where(n_validation > 0, rows[tails], np.inf)
    return rows[rows + steps - 1 < first], rows[in_tail >= 0]


def thinned(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows, evenly spaced."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def rolling_tests(
    rows: np.ndarray, steps: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return from which test on each row may be learned, and its own test, 0 for none.

    Tests are the quarters of the newer half of each group, 1 the oldest. A row whose
    targets reach into a test is not learned for it.
    """
    places, lengths = _places_in_groups(rows, groups)
    begins = lengths[:, None] * np.linspace(0.5, 1, _N_TESTS, endpoint=False)
    begins = begins.astype(np.int64)
    since = 1 + (places[:, None] + steps - 1 >= begins).sum(axis=1)
    return since, (places[:, None] >= begins).sum(axis=1)


def warn_of_windows(windows: Any, counts: np.ndarray) -> None:
    """Warn where windows are too long, or hold too many columns, for rows to learn.

    The true steps of each are given.
    """
    (_, window, n_channels), most = windows.shape, int(counts.max())
    if 3 * most < 2 * window and base_from_windows(windows) is not None:
        warnings.warn(
            f"No window is complete: the longest past has {most} of {window} steps, so "
            "the oldest say nothing; choose a shorter window, or pass more rows.",
            stacklevel=6,  # past _learn, its decorator, _fit and fit
        )
    if 2 * n_channels > len(counts) and n_channels > _FEW_COLUMNS:
        warnings.warn(
            f"A window holds {window * n_channels} values of {n_channels} columns, "
            f"more than {len(counts)} rows can tell apart. The linear part reads "
            "the newest steps; drop columns that say nothing, or pass more rows.",
            stacklevel=6,
        )
