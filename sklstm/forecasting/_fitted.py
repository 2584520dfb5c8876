"""Fitted: the windows and the regressor inside an estimator, and the rows they read.

This is the one room that looks inside estimators. It goes by their attributes, so that
pipelines, unions, column transformers, searches, ensembles and whatever else wraps a
:class:`SlidingWindow` are read alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklstm._checks import one_line
from sklstm.windows._array import take_rows
from sklstm.windows._signs import quiet_windows
from sklstm.windows._sliding_window import SlidingWindow
from sklstm.windows._table import as_columns

# Attributes that hold what a meta-estimator has fitted; the first one counts.
_INNER = ("best_estimator_", "regressor_", "estimators_", "estimator_", "estimator")


class _Found(NamedTuple):
    """A fitted SlidingWindow, and how rows come to it."""

    window: SlidingWindow
    sees_rows: bool  # no step changes them before
    has_columns_beside: bool  # a column transformer may take others around it


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator, and how it reads rows."""

    estimator: Any
    windows: SlidingWindow  # one of those inside; all have the same groups and time
    # Columns that windows hold, by name or, unless they have names, by position.
    known: tuple
    lagged: tuple
    has_names: bool
    lag: int  # rows that can be predicted before one must be fed back; 0 for all
    n_past: int | None  # rows read before the first predicted one; None for all
    n_ahead: int  # rows after the predicted one whose known values are read
    has_columns_beside: bool  # may go around the windows, to the regressor
    # What makes windows, and what predicts from them, where one pipeline does.
    front: Pipeline | None
    regressor: Any

    @classmethod
    def of(cls, estimator: Any) -> Fitted:
        """Return what is inside a fitted estimator."""
        found = list(_windows_inside(estimator))
        if not found and sliding_windows_of(estimator):
            raise NotFittedError(
                "forecast needs a fitted estimator. Got one whose SlidingWindow is not "
                "fitted; call fit(X, y) first, of a search with refit=True."
            )
        if not found or not hasattr(estimator, "predict"):
            raise ValueError(
                "forecast needs a fitted estimator with a SlidingWindow inside, and a "
                f"regressor. Got {one_line(estimator)}; make one with make_pipeline("
                "SlidingWindow(...), ...)."
            )
        windows = [each.window for each in found]
        lag = min(window.lag_ for window in windows)
        if lag == 0 and not all(window.is_known_.all() for window in windows):
            raise ValueError(
                "forecast needs windows that end before the row they predict. Got "
                "SlidingWindow(horizon=0) with columns that are not known; use "
                "horizon=1 or more."
            )
        n_past = None
        if all(each.sees_rows for each in found):
            n_past = max(window.window_ + window.lag_ - 1 for window in windows)
        pipeline = _plain_pipeline(estimator)
        is_plain = pipeline is not None and any(_windows_inside(pipeline[:-1]))
        return cls(
            estimator,
            windows[0],
            *_columns_by_kind(windows),
            lag=lag,
            n_past=n_past,
            n_ahead=max(window.known_ahead for window in windows),
            has_columns_beside=any(each.has_columns_beside for each in found),
            front=pipeline[:-1] if is_plain else None,
            regressor=pipeline[-1] if is_plain else None,
        )

    @property
    def n_direct(self) -> int:
        """How many steps the regressor predicts at once."""
        return self.regressor.steps if is_direct(self.regressor) else 1

    @property
    def n_at_once(self) -> int | None:
        """How many steps need no prediction fed back; None for all."""
        return self.lag - 1 + self.n_direct if self.lag else None

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The levels that the regressor predicts for each step; none without them."""
        levels = getattr(self.regressor, "quantiles", None)
        if levels is None or not hasattr(self.regressor, "predict_quantiles"):
            return ()
        return tuple(map(float, levels))

    def positions(
        self, columns: list, *, has_labels: bool = True
    ) -> tuple[list[int], list[int], list[int]]:
        """Return which columns of X are known, which lagged, and which others are read.

        The others stand in no window: a step in front makes known columns from them, or
        a column transformer hands them to the regressor. Without labels, by position.
        """
        keys = [*as_columns(self.windows.groups), self.windows.time]
        own = [i for i, name in enumerate(columns) if name not in keys]
        if not (self.has_names and has_labels):
            is_known = self.windows.is_known_
            if len(own) != len(is_known):
                raise ValueError(
                    f"forecast needs the {len(is_known)} column(s) of the windows as "
                    f"columns of X. Got {len(own)}: {columns}; pass the columns of "
                    "fit, and call set_output(transform='pandas') on steps in front."
                )
            at = np.array(own, dtype=np.intp)
            return at[is_known].tolist(), at[~is_known].tolist(), []
        made = [name for name in self.lagged if name not in columns]
        if made:
            do = "make them columns of X"
            if any("__" in str(name) for name in made):
                do = "set verbose_feature_names_out=False in the step that names them"
            raise ValueError(
                "forecast must find the columns of the windows in X, to feed "
                f"predictions back. Got {made} from a step in front, not among "
                f"{columns}; {do}."
            )
        names = {*self.known, *self.lagged}
        others = []
        if self.has_columns_beside or not {*self.known} <= {*columns}:
            others = [i for i in own if columns[i] not in names]
        known = [i for i in own if columns[i] in self.known]
        return known, [i for i in own if columns[i] in self.lagged], others

    def predict(self, table: Any, at: Any, method: str = "predict") -> np.ndarray:
        """Return what a method says of the rows at some positions of a table."""
        with quiet_windows():
            if self.front is None:
                values = np.asarray(self.estimator.predict(table))[at]
            else:
                # The rows before are read, but need no prediction.
                windows = self.front.transform(table)
                values = getattr(self.regressor, method)(take_rows(windows, at))
        return np.asarray(values, dtype=np.float64)

    @property
    def front_to_windows(self) -> Pipeline | None:
        """The steps of the front up to its SlidingWindow, None without."""
        for at, (_, step) in enumerate([] if self.front is None else self.front.steps):
            if isinstance(step, SlidingWindow):
                return self.front[: at + 1]  # type: ignore[index]
        return None

    @property
    def longest_window(self) -> SlidingWindow:
        """The SlidingWindow that reads most rows."""
        every = [each.window for each in _windows_inside(self.estimator)]
        return max(every, key=lambda window: window.window_ + window.lag_)


def _columns_by_kind(windows: list) -> tuple[tuple, tuple, bool]:
    """Return the known and the lagged columns of windows, and whether by name."""
    known: dict = {}
    lagged: dict = {}
    has_names = all(hasattr(window, "feature_names_in_") for window in windows)
    for window in windows:
        names: Any = range(len(window.is_known_))
        if has_names:
            keys = [*as_columns(window.groups), window.time]
            names = [name for name in window.feature_names_in_ if name not in keys]
        for name, is_known in zip(names, window.is_known_, strict=True):
            (known if is_known else lagged)[name] = True
    if known.keys() & lagged.keys():
        raise ValueError(
            "forecast needs the same 'known' columns in every SlidingWindow of the "
            f"estimator. Got {[window.known for window in windows]}; make them equal."
        )
    return tuple(known), tuple(lagged), has_names


# -- inside estimators --------------------------------------------------------------


def _is_pipeline(estimator: Any) -> bool:
    return isinstance(getattr(estimator, "steps", None), list)


def _fitted_parts(estimator: Any) -> list:
    """Return the estimators that an estimator has fitted inside it."""
    if _is_pipeline(estimator):
        parts = [step for _, step in estimator.steps]
    elif hasattr(estimator, "transformer_list"):
        parts = [part for _, part in estimator.transformer_list]
    elif hasattr(estimator, "transformers_"):
        parts = [part for _, part, _ in estimator.transformers_]
    else:
        found = [getattr(estimator, name, None) for name in _INNER]
        inner: Any = next((each for each in found if each is not None), [])
        parts = inner if isinstance(inner, list) else [inner]
    return [part for part in parts if hasattr(part, "get_params")]


def _windows_inside(
    estimator: Any, sees_rows: bool = True, has_columns_beside: bool = False
) -> Iterator[_Found]:
    """Yield each fitted SlidingWindow inside an estimator, and how rows come to it."""
    if isinstance(estimator, SlidingWindow):
        if hasattr(estimator, "context_"):
            yield _Found(estimator, sees_rows, has_columns_beside)
        return
    takes_columns = hasattr(estimator, "transformers_")
    for position, part in enumerate(_fitted_parts(estimator)):
        is_behind = position > 0 and _is_pipeline(estimator)
        yield from _windows_inside(
            part,
            sees_rows and not is_behind and not takes_columns,
            has_columns_beside or takes_columns,
        )


def sliding_windows_of(estimator: Any) -> list[SlidingWindow]:
    """Return every SlidingWindow among the parameters of an estimator."""
    if isinstance(estimator, FrozenEstimator):
        return sliding_windows_of(estimator.estimator)
    parts = [estimator]
    if hasattr(estimator, "get_params") and not isinstance(estimator, type):
        parts += estimator.get_params(deep=True).values()
    return [part for part in parts if isinstance(part, SlidingWindow)]


def _plain_pipeline(estimator: Any) -> Any:
    """Return the pipeline whose predictions are the estimator's own, or None."""
    if isinstance(estimator, FrozenEstimator):
        return _plain_pipeline(estimator.estimator)
    if hasattr(estimator, "best_estimator_"):
        return _plain_pipeline(estimator.best_estimator_)
    return estimator if _is_pipeline(estimator) else None


def fronts_and_regressor(estimator: Any) -> tuple[list, Any]:
    """Return the pipelines in front of the regressor that predicts, and that."""
    fronts = []
    while parts := _fitted_parts(estimator):
        if _is_pipeline(estimator):
            if len(estimator.steps) > 1:
                fronts.append(estimator[:-1])
        elif len(parts) > 1:
            break
        estimator = parts[-1]
    return fronts, estimator


def leaves_of(pipeline: Pipeline) -> list[Any]:
    """Return the steps of a pipeline, those of pipelines inside it in their place."""
    leaves = []
    for _, step in pipeline.steps:
        if isinstance(step, Pipeline):
            leaves += leaves_of(step)
        elif step is not None and step != "passthrough":
            leaves.append(step)
    return leaves


def learner_of(estimator: Any) -> Any:
    """Return the estimator that a search found, or is to fit; others as they came."""
    for name in ("best_estimator_", "estimator"):
        if hasattr(estimator, name):
            return getattr(estimator, name)
    return estimator


def prefix_of(estimator: Any) -> str:
    """Return what stands before a fit parameter of the last step: "lstmregressor__"."""
    prefix = ""
    while True:
        inner = learner_of(getattr(estimator, "regressor", estimator))
        if isinstance(inner, Pipeline):
            name, inner = inner.steps[-1]
            prefix += f"{name}__"
        if inner is estimator:
            return prefix
        estimator = inner


def is_direct(regressor: Any) -> bool:
    """Return whether a regressor predicts several steps of the same target."""
    return hasattr(regressor, "predict_steps") and regressor.steps > 1
