"""update: a fitted pipeline learns from new rows, and its context moves along.

scikit-learn's ``Pipeline`` has no ``partial_fit``, since it cannot know which of its
steps should go on learning. Here windows move, and the last step learns.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklstm._checks import (
    _check_method_params,
    check_array,
    check_fit_params,
    check_whole_target,
    one_line,
    whole_or_unchanged,
)
from sklstm.forecasting._fitted import learner_of, leaves_of, prefix_of
from sklstm.windows._array import take_rows
from sklstm.windows._frames import check_same_labels, labels_of, rows_from
from sklstm.windows._signs import quiet_windows
from sklstm.windows._sliding_window import SlidingWindow


def update(estimator: Any, X: Any, y: Any, **params: Any) -> Any:
    """Let a fitted pipeline learn from new rows, and move its context along.

    The windows of the new rows go to the last step's ``partial_fit``, and the newest
    rows become the context of the :class:`SlidingWindow`. Other steps stay as they were
    fitted. If anything fails, everything is as it was.

    Parameters
    ----------
    estimator : fitted estimator
        A ``Pipeline`` whose last step has ``partial_fit``, a search that found one, or
        such a regressor itself. It is changed in place.
    X : DataFrame, Series or array-like of shape (n_rows, n_columns)
        The rows since the last update, at labels that go on; of a panel a long frame,
        which new groups may join. Earlier rows may stand before them as their past, and
        are not learned again.
    y : array-like of shape (n_rows,)
        The target of each row of X; where none has come any value, with the weight 0.
    **params : Any
        Fit parameters of the last step: ``lstmregressor__sample_weight``, for a
        regressor alone ``sample_weight``.

    Returns
    -------
    estimator
        The estimator itself.

    Raises
    ------
    TypeError
        If the last step cannot go on learning, or a parameter is not one of it.
    ValueError
        If X has no labels that go on from those seen before, a value of y is missing,
        or weights are not one for each row.

    See Also
    --------
    backtest : Tells what updates are worth, with ``refit="update"``.
    forecast : Values after the last row.

    Notes
    -----
    ``LSTMRegressor.partial_fit`` is one epoch over the new rows. With ``steps=k`` a row
    can be learned once its k values have come: the k - 1 newest rows seen before are
    learned now, the k - 1 newest of X the next time. Begin X with
    window + horizon + k - 2 rows seen before, so that their windows are complete. Where
    all rows to be learned have ``sample_weight`` 0 the context alone moves along.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMRegressor, SlidingWindow, forecast, update
    >>> even = pd.DataFrame({"even": range(0, 202, 2)}, dtype=float)
    >>> pipe = make_pipeline(SlidingWindow(window=3), LSTMRegressor(epochs=1))
    >>> pipe = pipe.fit(even[:-1], even["even"][:-1])
    >>> pipe = update(pipe, even[-1:], even["even"][-1:])
    >>> forecast(pipe, even[-1:], steps=1).round(1)
    101    202.0
    Name: even, dtype: float64
    """
    learner = check_learner(estimator, owner="update")
    rows = rows_from(X)
    if not getattr(rows, "shape", ()):
        how = {"ensure_all_finite": False, "allow_nd": True, "input_name": "X"}
        rows = check_array(rows, estimator="update", **how)
    own = params_of_last(learner, params, owner="update")
    check_fit_params(params, rows.shape[0], owner="update")
    weights = f"{prefix_of(learner)}sample_weight"
    if y is None:
        raise ValueError(
            "update needs the target of each row of X as y. Got None; to move the "
            f"context alone, pass any values with the weight 0, as {weights}."
        )
    labels = labels_of(rows) if labels_of(y) is None else labels_of(y)
    check_whole_target(y, labels, owner="update", weights=weights)
    if not isinstance(learner, Pipeline):
        if not _is_weightless(own):
            learner.partial_fit(X, y, **own)
        return estimator
    check_same_labels(rows, y, owner="update")
    which: slice | np.ndarray = slice(None)
    *fronts, last = leaves_of(learner)
    n_again = getattr(last, "steps", 1) - 1
    n_later = 0
    with ExitStack() as all_or_nothing:
        for step in fronts:
            with quiet_windows("inside the rows of fit"):  # of rows seen before
                seen, rows = rows, step.transform(rows)
            if isinstance(step, SlidingWindow):
                all_or_nothing.enter_context(whole_or_unchanged(step))
                which = _move(step, seen, n_again)
                # Of one series the newest rows are learned when their values come.
                n_later = n_again if isinstance(which, slice) else 0
        own = _check_method_params(rows, own, indices=which)
        if not _is_weightless(own, n_later):
            last.partial_fit(take_rows(rows, which), take_rows(y, which), **own)
    return estimator


def _is_weightless(params: dict, n_later: int = 0) -> bool:
    """Return whether no row weighs anything, but for some newest ones."""
    weights = params.get("sample_weight")
    if weights is None or np.ndim(weights) == 0:
        return False
    weights = np.asarray(weights, dtype=np.float64)
    # Where none but those newest ones came the regressor says what it lacks.
    n_read = len(weights) - n_later
    return not weights[: n_read if n_read > 0 else None].any()


def _move(window: SlidingWindow, rows: Any, n_again: int) -> slice | np.ndarray:
    """Move a context along; return which rows to learn."""
    if labels_of(rows) is None:
        raise ValueError(
            "update needs rows whose labels go on from those seen before, where "
            f"SlidingWindow reads them. Got {type(rows).__name__}; pass a DataFrame "
            "(of an array pd.DataFrame(X, index=range(n, n + len(X))) after n rows), "
            "and call set_output(transform='pandas') on the steps in front."
        )
    which = window._rows_to_learn(rows, n_again)
    window.partial_fit(rows)
    return which


def params_of_last(
    estimator: Any, params: dict[str, Any], *, owner: str
) -> dict[str, Any]:
    """Return the fit parameters of the last step, by their names there."""
    prefix = prefix_of(estimator)
    for name in params:
        if not name.startswith(prefix) or "__" in name[len(prefix) :]:
            raise TypeError(
                f"{owner} takes fit parameters of the last step, which alone goes on "
                f"learning. Got {name!r}; name it as in '{prefix}sample_weight'."
            )
    return {name[len(prefix) :]: value for name, value in params.items()}


def check_learner(estimator: Any, *, owner: str) -> Any:
    """Return what is to go on learning, once it has ``partial_fit``."""
    learner = learner_of(estimator)
    last = learner
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    is_other = isinstance(estimator, FrozenEstimator | type)
    if is_other or not hasattr(last, "partial_fit"):
        raise TypeError(
            f"{owner} needs a regressor with partial_fit, alone or last in a pipeline."
            f" Got {one_line(estimator)}; use LSTMRegressor, SGDRegressor, ..., or fit "
            "anew."
        )
    return learner
