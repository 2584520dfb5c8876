"""Read what a regressor is given: X as windows, y as targets, sample weights.

Whatever cannot be learned from, or predicted, is told in one sentence before any work
starts. As scikit-learn's ``validate_data`` does, a first fit sets on the regressor what
later calls are held against.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from sklstm._checks import (
    _check_sample_weight,
    check_array,
    check_whole_target,
    validate_data,
)
from sklstm.windows._frames import check_same_labels, is_numbered
from sklstm.windows._array import (
    Windows,
    base_from_windows,
    is_next_window,
    true_steps,
)

__all__ = ["LAG_NAME", "read_target", "read_weights", "read_windows"]

# The columns of a lag table, as SlidingWindow names them: load_t-1, hour_t, hour_t+1.
LAG_NAME = re.compile(r"(?P<channel>.+)_t(?P<step>[-+]\d+)?")


def read_windows(regressor: Any, X: Any, *, reset: bool) -> tuple[Any, np.ndarray]:
    """Return X as windows, and their true steps.

    Parameters
    ----------
    regressor : WindowRegressor
        Whose fit, or prediction, reads them; with ``reset`` it learns the number and
        the names of the columns of X.
    X : array-like of shape (n_rows, window, n_channels) or (n_rows, n_values)
        Windows as in its ``fit``.
    reset : bool
        Whether this is a first fit.

    Returns
    -------
    windows : ndarray or Windows of shape (n_rows, window, n_channels), float32
    counts : ndarray of shape (n_rows,)
        True steps of each window.

    Raises
    ------
    ValueError
        If X is not finite but for missing oldest steps, or not of the right shape.
    """
    owner = type(regressor).__name__
    with np.errstate(over="ignore"):  # beyond float32 is reported as infinity
        windows = _shaped_windows(regressor, X, reset=reset)
    counts = true_steps(windows)
    base = base_from_windows(windows)
    infinite = np.isinf(windows if base is None else base).nonzero()
    if len(infinite[0]):
        raise ValueError(
            f"{owner} needs finite windows. Got infinity or a value beyond "
            f"float32 in row {infinite[0][0]}; fix or drop such rows."
        )
    if (counts < 0).any():
        raise ValueError(
            f"{owner} needs windows without NaN inside: only whole steps may "
            "be missing, the oldest ones. Got NaN after a true step, or in part of "
            f"a step, in row {np.flatnonzero(counts < 0)[0]} of X; fill or drop "
            "missing values before windows are made."
        )
    is_table = getattr(X, "ndim", 2) == 2 and not hasattr(
        regressor, "feature_names_in_"
    )
    if is_table and (reset or not regressor._takes_incomplete):
        _check_table_start(windows, counts, owner)
    return windows, counts


def _shaped_windows(regressor: Any, X: Any, *, reset: bool) -> Any:
    """Return X as float32 windows of the right shape, contents unchecked."""
    owner = type(regressor).__name__
    if not hasattr(X, "ndim"):
        X = np.asarray(X)
    if X.ndim == 3:
        windows = X
        # check_array would return plain float32 arrays as they are, only later.
        is_plain = type(X) is np.ndarray and X.dtype == np.float32 and len(X) > 0
        if not (is_plain or isinstance(X, Windows)):
            windows = check_array(
                X,
                dtype=np.float32,
                ensure_all_finite=False,
                allow_nd=True,
                estimator=regressor,
            )
        if 0 in windows.shape:
            raise ValueError(
                f"{owner} needs windows of at least one step and channel. Got "
                f"X of shape {windows.shape}; pass (n_rows, window, n_channels)."
            )
        n_channels = windows.shape[2]
        if reset:
            regressor.n_features_in_ = windows.shape[1] * n_channels
            regressor.__dict__.pop("feature_names_in_", None)
    else:
        table = validate_data(
            regressor, X, reset=reset, dtype=np.float32, ensure_all_finite=False
        )
        n_channels = _channels_of_table(regressor) if reset else regressor.n_channels_
        windows = table.reshape(len(table), -1, n_channels)
    if reset and n_channels != (regressor.n_channels or n_channels):
        raise ValueError(
            f"The 'n_channels' parameter of {owner} must fit X. Got "
            f"n_channels={regressor.n_channels!r} and X of shape {np.shape(X)}; leave "
            "it None for 3-D X."
        )
    if not reset and windows.shape[1:] != (regressor.window_, regressor.n_channels_):
        raise ValueError(
            f"{owner} needs windows as in fit: "
            f"{regressor.window_} steps of {regressor.n_channels_} channel(s). Got "
            f"{windows.shape[1]} steps of {windows.shape[2]} channel(s); make them "
            "with the SlidingWindow of the fit."
        )
    return windows


def _channels_of_table(regressor: Any) -> int:
    """Return how many channels each step of a 2-D X has."""
    n_channels = regressor.n_channels or _channels_from_names(
        getattr(regressor, "feature_names_in_", ())
    )
    if regressor.n_features_in_ % n_channels:
        raise ValueError(
            f"{type(regressor).__name__} needs rows of window * n_channels values. Got "
            f"{regressor.n_features_in_} columns with n_channels={n_channels}; pass "
            "the number of channels of a step."
        )
    return n_channels


def read_target(regressor: Any, y: Any, n_rows: int, *, reset: bool) -> np.ndarray:
    """Return y as float64, 1-D or 2-D, one row per window.

    Parameters
    ----------
    regressor : WindowRegressor
        Whose fit reads it.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        The target of each row.
    n_rows : int
        Number of windows.
    reset : bool
        Whether this is a first fit.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If y is not finite numbers, one row per window, of the shape that ``steps`` and
        an earlier fit ask for.
    """
    owner = type(regressor).__name__
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target y is None."
        )
    if np.asarray(y).dtype.kind in "mM":
        raise ValueError(
            f"{owner} needs numbers as y. Got dates or durations; convert "
            "them to a number of their unit."
        )
    y = check_whole_target(
        y,
        getattr(y, "index", None),
        owner=owner,
        weights=f"sample_weight ({owner.lower()}__sample_weight in a pipeline)",
        estimator=regressor,
    )
    if np.abs(y).max() > np.finfo(np.float32).max:
        raise ValueError(
            f"{owner} needs values of y within float32. Got "
            f"{np.abs(y).max():.3g}; divide y by a constant."
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
    """Return sample weights as float64, None where none are given.

    Parameters
    ----------
    regressor : WindowRegressor
        Whose fit reads them.
    sample_weight : array-like of shape (n_rows,) or None
        Weights of the rows.
    windows : ndarray or Windows of shape (n_rows, window, n_channels)
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        The targets as they were given.

    Returns
    -------
    ndarray of shape (n_rows,) or None

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or they have other labels
        than y.
    """
    if sample_weight is None:
        return None
    # Numbers beside other labels say nothing: whoever took some rows of both has them.
    if is_numbered(sample_weight) == is_numbered(y):
        owner = type(regressor).__name__
        check_same_labels(y, sample_weight, owner=owner, names=("y", "sample_weight"))
    weights = _check_sample_weight(
        sample_weight, windows, dtype=np.float64, ensure_non_negative=True
    )
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number. Got all "
            "zeros; pass a positive weight for rows to learn from."
        )
    return weights


def _check_table_start(windows: Any, counts: np.ndarray, owner: str) -> None:
    """Raise if missing steps of a nameless table do not look like a series' start.

    A series starts with windows that lack fewer and fewer steps. A lone NaN in the
    oldest column of a table is more likely a value that is missing.
    """
    is_incomplete = counts < windows.shape[1]
    if not is_incomplete.any() or len(set(counts[is_incomplete])) > 1:
        return
    if len(windows) > 1 and is_next_window(windows, counts)[is_incomplete[:-1]].any():
        return
    raise ValueError(
        f"{owner} needs values without NaN. Got NaN in row "
        f"{np.flatnonzero(is_incomplete)[0]} of a 2-D X, where no neighbouring row "
        "shows that a series starts there; fill or drop it, or pass 3-D windows."
    )


def _channels_from_names(names: Sequence[str]) -> int:
    """Return the number of channels of a lag table with SlidingWindow's names.

    Parameters
    ----------
    names : sequence of str
        Column names, step by step; names of other kinds mean one channel.

    Returns
    -------
    int
    """
    matches = [LAG_NAME.fullmatch(str(name)) for name in names]
    if not all(matches):
        return 1
    channels = [match["channel"] for match in matches if match]
    n_channels = len(set(channels)) or 1
    is_step_major = channels == channels[:n_channels] * (len(names) // n_channels)
    return n_channels if is_step_major else 1
