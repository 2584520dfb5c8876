"""SlidingWindow: one window of past rows for every row, as a transformer."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin

from sklstm._checks import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    check_array,
    check_finite,
    check_is_fitted,
    is_integer,
    python_scalar,
    validate_data,
    whole_or_unchanged,
)
from sklstm.windows._alignment import agree, habit_of
from sklstm.windows._frames import (
    check_same_labels,
    frame_from,
    labels_of,
    names_of,
    numeric_frame,
    rows_from,
)
from sklstm.windows._panel import (
    Runs,
    as_columns,
    carried,
    contexts_before,
    elapsed,
    moved_rows,
    newest_rows,
    next_in_group,
    ordered_rows,
    rows_to_learn,
)
from sklstm.windows._panel_labels import (
    PanelLabels,
    keys_together,
    panel_labels,
    positions_among,
)
from sklstm.windows._timeline import (
    check_order,
    counts_rows,
    labels_together,
    timeline_from_labels,
    timeline_in_order,
)
from sklstm.windows._windows import (
    PanelWindows,
    base_from_runs,
    base_from_series,
    windows_from_base,
)

__all__ = ["SlidingWindow", "quiet_windows"]

# First rows that tell whether rows are those of the fit.
_ROWS_TO_RECOGNISE = 8

# Windows that there would be without holes, for their loss to be worth a warning.
_FEWEST_WINDOWS = 20

# Rows looked at to judge whether float32 is fine enough for a column.
_ROWS_FOR_DIGITS = 1 << 16


class SlidingWindow(
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    """Give every row the window of past rows from which it is to be predicted.

    The output has one window per row of X, in the same order: the window of row t
    holds rows t - horizon - window + 1 to t - horizon, oldest first. So y stays the
    series itself, at the same index; nothing is shifted and no row is dropped.

    ``fit`` keeps the newest rows as *context*. ``transform`` puts them in front of the
    rows that directly follow them, so that the first row after the training rows sees
    its true past, also inside ``GridSearchCV`` with ``TimeSeriesSplit``. What follows
    what is read from the index of X alone: DatetimeIndex, PeriodIndex, RangeIndex or
    integers. A hole in the index ends a run, and no window crosses it.

    Steps before the start of a run are missing: NaN in every channel, always the
    oldest of their window. :class:`LSTMRegressor` masks them.

    Many series are read from one long frame with ``groups`` and ``time``, in any order
    of rows. Each group has runs and a context of its own; a group that ``fit`` has not
    seen begins with incomplete windows.

    Parameters
    ----------
    window : int, default=10
        Number of past rows in a window; at least 1.
    horizon : int, default=1
        Distance from the newest row of the window to the row that it predicts. 1
        predicts the next value; 0 lets the window end on the row itself.
    known : str, int or sequence of them, default=()
        Columns, by name or position, whose value at the predicted row is known
        beforehand (calendar, price plan). Their part of the window ends at row t. In a
        long frame they are named.
    known_ahead : int, default=0
        Rows after row t whose known values are in the window too, less than ``window``:
        k - 1 for a regressor that predicts k steps at once. Of rows that are not there,
        at the end of X and before holes, the newest known value stands.
    groups : str, int, sequence of them or None, default=None
        Columns of a long frame that tell its series apart, by name. Keys may be
        strings, numbers, categories or time stamps. None reads one series.
    time : str, int or None, default=None
        Column of a long frame that holds the time of each row, by name. None takes the
        index. The step between two rows is one for all groups; when they begin, end
        and have holes is each group's own.
    layout : {"sequence", "flat"}, default="sequence"
        ``"sequence"`` gives an array of shape (n_rows, window, n_channels), ``"flat"``
        the same values as a lag table of shape (n_rows, window * n_channels), step by
        step, for regressors that read tables.
    missing : {"error", "carry", "mask"}, default="error"
        What becomes of NaN in X. ``"error"`` refuses it. ``"carry"`` takes the newest
        earlier value of the column in the same run. ``"mask"`` does so too, and adds a
        channel ``load_missing`` for each column that had NaN in ``fit``: 1 where the
        value was missing, else 0.
    elapsed : bool, default=False
        Whether to add a channel ``elapsed``: the time since the previous row of the
        series, in seconds for time stamps, as a count for periods and integers. Every
        row then follows the one before, however far apart they are, so that time
        stamps need no common step and no hole ends a run.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in ``fit``, those of ``groups`` and ``time`` included.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, where X had string names.
    is_known_ : ndarray of shape (n_columns,), bool
        Columns that are known at the predicted row; n_columns leaves out those of
        ``groups`` and ``time``.
    lag_ : int
        ``horizon``, or 0 where all columns are known.
    target_names_ : list or None
        Names of the columns of y, where it had some.
    context_ : ndarray of shape (<= window + horizon - 1, n_channels), float32
        The newest rows seen in ``fit``, all from one run; those of a panel group by
        group, at least one of each. Channels are the columns, and what ``missing`` and
        ``elapsed`` add.
    groups_ : Index or None
        The groups seen in ``fit``, in increasing order; None without ``groups``.
    timeline_ : Timeline or None
        How the index of X counts rows; None where it does not.

    See Also
    --------
    LSTMRegressor : Predicts from such windows.
    forecast : Predicts the rows after the last one.
    update : Moves the context along and lets the regressor learn.

    Notes
    -----
    With one run of rows the output is a read-only float32 view that costs no more
    memory than the series. Holes in the index make it a copy.

    NumPy arrays have no index: no context is taken, and the first
    ``window + horizon - 1`` windows of every call are incomplete. To say that new rows
    follow a fit on n rows, give them labels: ``pd.DataFrame(X, index=range(n, ...))``.

    The windows of a panel (``groups`` or ``time``, ``layout="sequence"``) come as
    :class:`PanelWindows`, an array-like of the same shape that holds each row once;
    indexing it or ``numpy.asarray`` copies windows out of it.

    What dirty data comes to:

    - *Holes* (missing time stamps) end a run, unless ``elapsed``.
    - *Duplicated stamps* are an error that names them, in a panel within a group.
    - *NaN* is filled from earlier rows alone, also from the rows kept from ``fit``.
      Before the first value of a column in a run there is nothing to carry: a step that
      lacks it is missing in every channel, like those before the start of the run. The
      target is not touched: y must be finite, so give rows whose y is missing some
      value, and weight 0.
    - *Irregular stamps* have no common step, which is an error, unless ``elapsed``. The
      channel ``elapsed`` is known at the predicted row, since its stamp is; it is 0 in
      the first row of a series.
    - *Daylight saving*: stamps with a time zone are counted in absolute time where they
      are hours or shorter, on the wall clock where they are days or longer. Without a
      time zone the hour that the clock skips is a hole, and the one that it repeats a
      duplicate: call ``tz_localize`` first.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm import SlidingWindow
    >>> X = pd.DataFrame({"load": [1.0, 2.0, 3.0, 4.0]})
    >>> sliding_window = SlidingWindow(window=2).fit(X[:3])
    >>> sliding_window.transform(X[3:])[0, :, 0]
    array([2., 3.], dtype=float32)
    >>> sliding_window.get_feature_names_out()
    array(['load_t-2', 'load_t-1'], dtype=object)

    Two series in one frame:

    >>> X = pd.DataFrame({"store": ["a", "b", "a", "b"], "day": [0, 0, 1, 1]})
    >>> X["sales"] = [10.0, 20.0, 11.0, 21.0]
    >>> sliding_window = SlidingWindow(window=2, groups="store", time="day").fit(X)
    >>> sliding_window.transform(X)[:, :, 0]
    array([[nan, nan],
           [nan, nan],
           [nan, 10.],
           [nan, 20.]], dtype=float32)
    """

    _parameter_constraints = {
        "window": [Interval(Integral, 1, None, closed="left")],
        "horizon": [Interval(Integral, 0, None, closed="left")],
        "known": [str, Interval(Integral, 0, None, closed="left"), "array-like"],
        "known_ahead": [Interval(Integral, 0, None, closed="left")],
        "groups": [str, Integral, "array-like", None],
        "time": [str, Integral, None],
        "layout": [StrOptions({"sequence", "flat"})],
        "missing": [StrOptions({"error", "carry", "mask"})],
        "elapsed": ["boolean"],
    }

    def __init__(
        self,
        window: int = 10,
        *,
        horizon: int = 1,
        known: Any = (),
        known_ahead: int = 0,
        groups: Any = None,
        time: str | int | None = None,
        layout: str = "sequence",
        missing: str = "error",
        elapsed: bool = False,
    ) -> None:
        self.window = window
        self.horizon = horizon
        self.known = known
        self.known_ahead = known_ahead
        self.groups = groups
        self.time = time
        self.layout = layout
        self.missing = missing
        self.elapsed = elapsed

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the columns, the timeline and the newest rows.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Finite numbers, oldest row first, with one label per row. With ``groups`` or
            ``time`` a long frame, rows in any order.
        y : Series, DataFrame or array-like, optional
            The regressor's target. Labels must be those of X; names are kept for
            :func:`forecast`.

        Returns
        -------
        SlidingWindow
            The fitted transformer itself.

        Raises
        ------
        ValueError
            If X is empty, not numeric, not finite, shorter than ``horizon + 1`` rows,
            or its labels are out of order, duplicated or without a common step; if
            the labels of y are others; or if a group, a time or a column of a long
            frame is missing.

        Warns
        -----
        UserWarning
            If y is named after a column of X, and that is known, or y is what came of
            it when it was shifted, differenced or its logarithm was taken; if holes in
            the index leave less than half of the windows complete; if float32 is too
            coarse for a column; if the index does not count rows.
        """
        self._learn(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit to X and return its windows; the same as ``fit(X).transform(X)``.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            As in ``fit``.
        y : Series, DataFrame or array-like, optional
            As in ``fit``.

        Returns
        -------
        ndarray or DataFrame
            As ``transform`` returns.
        """
        channels, labels, runs = self._learn(X, y)
        return self._windows(channels, labels, runs)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Move the context along: keep the newest rows of X, as ``fit`` does.

        Columns and the step of the index stay those of ``fit``. To teach the regressor
        behind it too, call :func:`update`.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Rows that follow those seen before, by their labels. They may begin with
            rows that were seen already, and end later. An array, after a fit on an
            array, is taken to follow directly. The groups of a panel move along each
            for itself, those without later rows stay, and new ones join.
        y : None
            Not used.

        Returns
        -------
        SlidingWindow
            The transformer itself. The first call on an unfitted one is ``fit``.

        Raises
        ------
        ValueError
            If X has labels of another kind than the rows of ``fit``, ends no later than
            the rows seen before, or is not as ``fit`` needs it; the transformer is then
            as it was.

        Warns
        -----
        UserWarning
            If rows are missing between those seen before and X.
        """
        if not hasattr(self, "context_"):
            return self.fit(X, y)
        with whole_or_unchanged(self):
            values, labels, panel = self._read(X, reset=False)
            if panel is None:
                labels = self._later_labels(X, labels)
                runs = self._runs_in_context(values, labels)
                self._move_context(values, labels, runs)
            else:
                runs = self._panel_runs_in_context(panel)
                self._move_context_of_panel(values, panel, runs)
        return self

    def transform(self, X: Any) -> Any:
        """Return the window of every row.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Rows of the fitted columns. Rows whose labels directly follow rows kept
            from ``fit`` see those in their windows.

        Returns
        -------
        ndarray of shape (n_rows, window, n_columns) or (n_rows, window * n_columns)
            float32 windows, oldest step first, by ``layout``; a DataFrame of the lag
            table after ``set_output(transform="pandas")``; :class:`PanelWindows` for
            sequences of a panel.

        Raises
        ------
        ValueError
            As in ``fit``, and if the columns are not those of ``fit``.

        Warns
        -----
        UserWarning
            If X has no index that could tell whether its rows follow those of ``fit``.
        """
        check_is_fitted(self)
        values, labels, panel = self._read(X, reset=False)
        if panel is None:
            runs = self._runs_in_context(values, labels)
        else:
            runs = self._panel_runs_in_context(panel)
        channels = self._channels(runs.in_order(values), runs, panel)
        return self._windows(channels, labels, runs)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the column names of the lag table: ``load_t-24`` … ``load_t-1``.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the input columns; those seen in ``fit`` by default.

        Returns
        -------
        ndarray of shape (window * n_columns,), object
            Names, step by step, oldest first. A value of the predicted row itself is
            called ``load_t``, one of the row after it ``load_t+1``.
        """
        check_is_fitted(self)
        names = self._channel_names(_check_feature_names_in(self, input_features))
        return np.array(
            [
                f"{name}_t{-(delay + back):+d}" if delay + back else f"{name}_t"
                for back in range(self.window - 1, -1, -1)
                for name, delay in zip(names, self._delays(), strict=True)
            ],
            dtype=object,
        )

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what ``transform`` returns.

        Parameters
        ----------
        transform : {"default", "pandas"}, optional
            ``"pandas"`` returns the lag table as a DataFrame with the index of X,
            whatever the layout; ``"default"`` returns an array. None changes nothing.
            A global ``transform_output="pandas"`` applies to ``layout="flat"`` alone,
            since no DataFrame holds three dimensions.

        Returns
        -------
        SlidingWindow
            The transformer itself.
        """
        if transform not in (None, "default", "pandas"):
            raise ValueError(
                "The 'transform' parameter of SlidingWindow.set_output must be "
                f"'default', 'pandas' or None. Got {transform!r} instead."
            )
        if transform is not None:
            # The attribute that scikit-learn's clone carries over.
            self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    # -- fit ---------------------------------------------------------------------------

    def _learn(self, X, y):
        """Set the fitted attributes; return channels by run, labels and runs."""
        self._validate_params()
        with whole_or_unchanged(self):
            values, labels, panel = self._read(X, reset=True)
            check_same_labels(X, y, owner=type(self).__name__)
            self.target_names_ = names_of(X, y)
            self.is_known_ = self._known_mask(values.shape[1])
            self.lag_ = 0 if self.is_known_.all() else self.horizon
            self._check_ahead()
            if len(values) <= self.lag_:
                self._raise_too_short(f"{len(values)} sample(s) (shape={values.shape})")
            if panel is None:
                runs = self._learn_runs(values, labels)
            else:
                runs = self._learn_panel(panel)
            values = runs.in_order(values)
            self._masked_columns = np.zeros(0, dtype=np.intp)
            if self.missing == "mask":
                self._masked_columns = np.flatnonzero(np.isnan(values).any(axis=0))
            channels = self._channels(values, runs, panel)
            self._keep_context(channels, runs, panel)
        self._warn_of_lost_digits(values)
        self._warn_of_misaligned_target(values, y, runs)
        self._warn_of_holes(runs, len(values))
        if self.timeline_ is None and len(values) > 1:
            warnings.warn(
                f"The index of X ({type(labels).__name__} of {labels.dtype}) does not "
                "count rows, so rows are taken as contiguous and no context is kept; "
                "use a DatetimeIndex (pd.to_datetime), a PeriodIndex or integers, and "
                "for many series a long frame (reset_index) with 'groups' and 'time'.",
                UserWarning,
                stacklevel=3,
            )
        return channels, labels, runs

    def _raise_too_short(self, came):
        raise ValueError(
            f"SlidingWindow needs at least horizon + 1 = {self.lag_ + 1} rows, so "
            f"that one row has a past. Got {came}; pass more rows."
        )

    def _learn_runs(self, values, labels):
        """Learn how the labels of a single series count rows; return its runs."""
        self.groups_ = None
        self._has_labels = labels is not None
        self._first_rows = values[:_ROWS_TO_RECOGNISE].astype(np.float32)
        run_starts = np.zeros(1, dtype=np.intp)
        self.timeline_ = timeline_from_labels(labels, n_rows=len(values))
        self._first_distance = 1 - len(values)
        if labels is not None and self.timeline_ is not None:
            run_starts = self.timeline_.run_starts(labels)
            self._first_distance = int(self.timeline_.distances(labels[:1])[0])
        return _single_runs(run_starts, np.zeros_like(run_starts))

    def _learn_panel(self, panel):
        """Learn groups and the step between their rows; return the runs."""
        self.groups_ = panel.keys
        order = ordered_rows(panel, owner=type(self).__name__)
        codes = panel.codes if order is None else panel.codes[order]
        ranks = panel.ranks if order is None else panel.ranks[order]
        if self.elapsed:
            self.timeline_ = timeline_in_order(panel.stamps)
        else:
            pairs = next_in_group(codes, ranks)
            self.timeline_ = timeline_from_labels(
                panel.stamps, n_rows=len(codes), pairs=pairs
            )
        most = int(np.bincount(codes).max())
        if most <= self.lag_ or self.timeline_ is None:
            self._raise_too_short(f"{most} row(s) in the longest group")
        starts = self._panel_run_starts(panel, codes, ranks)
        none = np.zeros(len(starts), dtype=np.intp)
        return Runs(order, starts, codes[starts], none, none)

    def _n_kept(self, panel):
        """Return how many rows the context of a series has at most."""
        n_newest = self.window + self.lag_ - 1
        if panel is not None or self.missing != "error":
            n_newest = max(n_newest, 1)  # what is carried, and when it was
        return n_newest

    def _keep_context(self, channels, runs, panel):
        """Keep the newest rows of the last run, of every group of a panel."""
        n_newest = self._n_kept(panel)
        if panel is None:
            n_own = min(n_newest, len(channels) - runs.starts[-1])
            self.context_ = channels[len(channels) - n_own :].astype(np.float32)
            return
        rows, starts = newest_rows(runs.starts, runs.groups, len(channels), n_newest)
        self.context_ = channels[rows].astype(np.float32)
        self._context_starts = starts
        self._context_labels = panel.stamps[runs.in_order(panel.ranks)[rows]]

    def _later_labels(self, X, labels):
        """Return the labels of rows, once they are known to end later."""
        timeline = self.timeline_
        if labels is None and not self._has_labels:
            return timeline.after(timeline.last, len(X))
        if timeline is None or not timeline.accepts(labels):
            came = type(X if labels is None else labels).__name__
            raise ValueError(
                "SlidingWindow.partial_fit needs labels that count rows as those of "
                f"fit do. Got {came}; pass DataFrames with an index that goes on, to "
                "fit and to partial_fit."
            )
        timeline.check_comparable(labels)
        if timeline.distances(labels[-1:])[0] < 1:
            raise ValueError(
                "SlidingWindow.partial_fit needs rows after those seen before, which "
                f"end at {python_scalar(timeline.last[0])!r}. Got rows up to "
                f"{python_scalar(labels[-1])!r}; pass later rows too."
            )
        return labels

    def _move_context(self, values, labels, runs):
        """Keep the newest rows of a single series, those kept before among them."""
        n_later = int(self.timeline_.distances(labels[-1:])[0])
        channels = self._channels(values, runs, None)
        past = self.context_[: runs.contexts[-1]]
        self._keep_context(channels, runs, None)
        both = np.concatenate([past, self.context_])
        self.context_ = both[max(0, len(both) - self._n_kept(None)) :]
        self.timeline_ = self.timeline_.moved_to(labels[-1:])
        self._first_distance -= n_later

    def _move_context_of_panel(self, values, panel, runs):
        """Keep the newest rows of every group, those kept before among them."""
        channels = self._channels(runs.in_order(values), runs, panel)
        codes = runs.in_order(panel.codes)[runs.starts]
        n_newest = self._n_kept(panel)
        rows, starts = newest_rows(runs.starts, codes, len(channels), n_newest)
        labels = panel.stamps[runs.in_order(panel.ranks)[rows]]
        is_later = self._is_new(
            panel, np.arange(len(starts) - 1), labels[starts[1:] - 1]
        )
        if not is_later.any():
            raise ValueError(
                "SlidingWindow.partial_fit needs rows after those seen before, of some "
                f"group. Got rows up to {python_scalar(panel.stamps[-1])!r}; pass "
                "later rows too."
            )
        self.groups_, known, own = keys_together(
            self.groups_, panel.keys, owner="SlidingWindow.partial_fit"
        )
        rows_kept, self._context_starts = moved_rows(
            runs, codes, starts, is_later, self._context_starts, known, own, n_newest
        )
        both = np.concatenate([self.context_, channels[rows].astype(np.float32)])
        self.context_ = both[rows_kept]
        labels = labels_together(self._context_labels, labels)[rows_kept]
        self._context_labels = labels
        self.timeline_ = self.timeline_.moved_to(labels[[labels.argmax()]])

    def _is_new(self, panel, codes, labels):
        """Return which rows, given by group and label, lie after those kept."""
        groups = self._groups_of(panel)[codes]
        kept = self.timeline_.resolved(self._context_labels, labels)
        newest = self.timeline_.away(kept)[0][self._context_starts[1:] - 1]
        return (groups < 0) | (self.timeline_.away(labels)[0] > newest[groups])

    def _groups_of(self, panel):
        """Return the groups of a panel as ``fit`` numbers them, -1 for new ones."""
        if self.groups_ is None:
            return np.zeros(1, dtype=np.intp)
        return positions_among(panel.keys, self.groups_)

    def _rows_to_learn(self, X, n_again):
        """Return which rows of X were not seen, and ``n_again`` of those before."""
        values, labels, panel = self._read(X, reset=False)
        if panel is None:
            labels = self._later_labels(X, labels)
            first = np.searchsorted(self.timeline_.distances(labels), 1)
            return slice(max(0, int(first) - n_again), None)
        order = ordered_rows(panel, owner=type(self).__name__)
        order = np.arange(len(values)) if order is None else order
        codes = panel.codes[order]
        is_new = self._is_new(panel, codes, panel.stamps[panel.ranks[order]])
        return np.sort(order[rows_to_learn(codes, is_new, n_again)])

    # -- rows and runs -----------------------------------------------------------------

    def _reads_long_frames(self):
        """Return whether columns tell groups apart, or time."""
        return bool(as_columns(self.groups)) or self.time is not None

    def _read(self, X, *, reset):
        """Return values, labels and panel of X once everything about them is checked.

        The panel is None for a single series whose index counts its rows.
        """
        owner = type(self).__name__
        X = rows_from(X)
        labels = labels_of(X)
        if self._reads_long_frames():
            return self._read_panel(X, reset=reset)
        if labels is not None:
            X = numeric_frame(X, owner=owner, allow_nan=self.missing != "error")
        values = validate_data(
            self, X, reset=reset, dtype="numeric", ensure_all_finite=False
        )
        self._check_values(values, X, labels, reset=reset)
        if labels is not None and counts_rows(labels):
            check_order(labels, owner=owner)
        if not self.elapsed:
            return values, labels, None
        if labels is None or not counts_rows(labels):
            came = "an array" if labels is None else f"{labels.dtype} in the index"
            raise ValueError(
                f"{owner}(elapsed=True) needs time stamps, periods or integers as "
                f"labels. Got {came}; pass a DataFrame with such an index."
            )
        rows = np.arange(len(values))
        return (
            values,
            labels,
            PanelLabels(None, np.zeros_like(rows), labels, rows),
        )

    def _read_panel(self, X, *, reset):
        """Return values, labels and panel of a long frame, checked."""
        owner = type(self).__name__
        groups = as_columns(self.groups)
        panel = panel_labels(X, groups, self.time, owner=owner)
        validate_data(self, X, reset=reset, skip_check_array=True)
        channels = X.drop(columns=groups if self.time is None else [*groups, self.time])
        channels = numeric_frame(
            channels, owner=owner, allow_nan=self.missing != "error"
        )
        values = check_array(
            channels, dtype="numeric", ensure_all_finite=False, estimator=self
        )
        self._check_values(values, channels, X.index, reset=reset)
        return values, X.index, panel

    def _check_values(self, values, X, labels, *, reset):
        """Check the values of X and that its columns are those of ``fit``."""
        owner = type(self).__name__
        columns = None if labels is None else list(X.columns)
        if reset:
            self._columns = columns
        elif columns is not None and columns != (self._columns or columns):
            # scikit-learn compares names of strings alone.
            raise ValueError(
                f"{owner} needs the columns of fit, {self._columns}. Got {columns}; "
                "select them in that order."
            )
        if values.dtype.kind in "mM":
            raise ValueError(
                f"{owner} needs numbers. Got an array of {values.dtype}; put dates "
                "into the index of a DataFrame."
            )
        check_finite(
            values,
            owner=owner,
            columns=columns,
            labels=labels,
            allow_nan=self.missing != "error",
        )

    def _panel_run_starts(self, panel, codes, ranks):
        """Return where runs begin in rows by group and time."""
        timeline = self.timeline_
        is_new_group = codes[1:] != codes[:-1]
        if timeline.kind == "order":
            is_start = is_new_group
        else:
            away, unit = timeline.away(panel.stamps)
            steps = np.diff(away[ranks])
            off_step = np.flatnonzero((steps % unit != 0) & ~is_new_group)
            if len(off_step) and timeline.kind != "integer":
                at = off_step[0] + 1
                self._raise_irregular(panel, codes[at], ranks[at])
            is_start = is_new_group | (steps != unit)
        return np.flatnonzero(np.append(True, is_start))

    def _raise_irregular(self, panel, code, rank):
        row = np.flatnonzero((panel.codes == code) & (panel.ranks == rank))[0]
        raise ValueError(
            "SlidingWindow needs times of a group that lie a whole number of steps "
            f"({self.timeline_.words}) apart. Got {panel.words(row)} between "
            "two steps; resample or round the times, or set elapsed=True."
        )

    def _known_mask(self, n_columns):
        """Return which columns are known at the predicted row."""
        known = self.known
        if isinstance(known, str | Integral):
            known = [known]
        mask = np.zeros(n_columns, dtype=bool)
        names = self._columns or []
        is_long = self._reads_long_frames()
        for column in known:
            position = names.index(column) if column in names else column
            is_position = is_integer(position) and 0 <= position < len(mask)
            if not is_position or (is_long and column not in names):
                raise ValueError(
                    "The 'known' parameter of SlidingWindow must name columns of X "
                    f"({names or f'positions 0 to {len(mask) - 1}'}). Got {column!r} "
                    "instead."
                )
            mask[position] = True
        return mask

    def _runs_in_context(self, values, labels):
        """Return the runs of a single series and how many context rows precede each."""
        timeline = self.timeline_
        if labels is None or timeline is None or not timeline.accepts(labels):
            self._warn_of_lost_index(values, labels)
            return _single_runs(*np.zeros((2, 1), dtype=np.intp))
        timeline.check_comparable(labels)
        run_starts = timeline.run_starts(labels)
        distances = timeline.distances(labels[run_starts])
        n_context = len(self.context_)
        follows = (distances <= 1) & (distances > 1 - n_context)
        run_contexts = np.where(follows, n_context - 1 + distances, 0)
        self._warn_of_renumbered_rows(values, distances[0])
        self._warn_of_rows_between(labels, int(distances[0]))
        return _single_runs(run_starts, run_contexts)

    def _panel_runs_in_context(self, panel):
        """Return the runs of a panel and which context rows precede each."""
        timeline = self.timeline_
        if not timeline.accepts(panel.stamps):
            raise ValueError(
                "SlidingWindow needs time of the kind that fit had, "
                f"{timeline.last.dtype}. Got {panel.stamps.dtype}; convert one of them."
            )
        timeline.check_comparable(panel.stamps)
        order = ordered_rows(panel, owner=type(self).__name__)
        codes = panel.codes if order is None else panel.codes[order]
        ranks = panel.ranks if order is None else panel.ranks[order]
        starts = self._panel_run_starts(panel, codes, ranks)
        groups = self._groups_of(panel)[codes[starts]]
        away, unit = timeline.away(panel.stamps)
        kept, _ = timeline.away(timeline.resolved(self._context_labels, panel.stamps))
        begins = away[ranks[starts]]
        newest = kept[self._context_starts[1:] - 1][groups]
        if timeline.kind not in ("order", "integer"):
            off_step = np.flatnonzero((groups >= 0) & ((begins - newest) % unit != 0))
            if len(off_step):
                at = starts[off_step[0]]
                self._raise_irregular(panel, codes[at], ranks[at])
        counts = contexts_before(
            begins,
            groups,
            kept,
            self._context_starts,
            None if timeline.kind == "order" else unit,
        )
        is_first = np.append(True, groups[1:] != groups[:-1]) & (groups >= 0)
        if is_first.any() and (begins > newest)[is_first].all() and not counts.any():
            self._warn_of_groups_between(panel, codes, ranks, starts[is_first][0])
        return Runs(order, starts, groups, counts, self._context_starts[:-1][groups])

    # -- channels and windows ----------------------------------------------------------

    def _channel_names(self, names):
        """Return the names of the channels of a window, given those of all columns."""
        columns = [*as_columns(self.groups), self.time]
        names = [n for n in names if n not in columns] if self._columns else list(names)
        masks = [f"{names[position]}_missing" for position in self._masked_columns]
        return names + masks + ["elapsed"] * int(self.elapsed)

    def _delays(self):
        """Return how far before its row the window ends, for each channel."""
        of_columns = np.where(self.is_known_, -self.known_ahead, self.lag_)
        elapsed = np.zeros(int(self.elapsed), dtype=of_columns.dtype)
        return np.concatenate([of_columns, of_columns[self._masked_columns], elapsed])

    def _check_ahead(self):
        """Raise where nothing is known ahead, or all that a window holds is."""
        if self.known_ahead >= self.window or not (
            self.is_known_.any() or self.known_ahead == 0
        ):
            raise ValueError(
                "The 'known_ahead' parameter of SlidingWindow needs known columns and "
                f"a longer window. Got known_ahead={self.known_ahead!r} with known="
                f"{self.known!r} and window={self.window!r}; name the columns in known "
                "and raise window."
            )

    def _channels(self, values, runs, panel):
        """Return the channels of rows, which are in the order of runs."""
        parts = [values]
        has_past = runs.contexts > 0
        newest = (runs.context_starts + runs.contexts - 1)[has_past]
        if self.missing != "error":
            before = np.full((len(runs.starts), values.shape[1]), np.nan)
            if len(newest):
                before[has_past] = self.context_[newest, : values.shape[1]]
            parts = [carried(values, runs, before)]
            parts += [np.isnan(values[:, self._masked_columns])]
        if self.elapsed:
            away, _ = self.timeline_.away(panel.stamps)
            numbers = away[runs.in_order(panel.ranks)]
            before = numbers[runs.starts]
            if len(newest):
                labels = self.timeline_.resolved(self._context_labels, panel.stamps)
                before[has_past] = self.timeline_.away(labels)[0][newest]
            size = self.timeline_.size_of_unit(panel.stamps)
            parts += [elapsed(numbers, runs, before)[:, None] * size]
        return parts[0] if len(parts) == 1 else np.hstack(parts)

    def _windows(self, channels, labels, runs):
        """Return the windows of channels in the layout that was asked for."""
        if runs.groups is None:
            windows = self._windows_of_series(channels, runs)
        else:
            windows = self._windows_of_panel(channels, runs)
        wished = getattr(self, "_sklearn_output_config", {}).get("transform")
        is_frame = wished == "pandas" or (
            wished is None
            and self.layout == "flat"
            and get_config()["transform_output"] == "pandas"
        )
        if self.layout == "sequence" and not is_frame:
            return windows
        table = np.asarray(windows).reshape(len(windows), -1)
        if not is_frame:
            return table
        return frame_from(table, self.get_feature_names_out(), labels)

    def _windows_of_series(self, channels, runs):
        base = base_from_series(
            channels,
            self.context_,
            runs.starts,
            runs.contexts,
            window=self.window,
            delays=self._delays(),
        )
        if self.missing != "error":
            # Nothing could be carried: the whole step is missing.
            base[np.isnan(base).any(axis=1)] = np.nan
        return windows_from_base(base, runs.starts, len(channels), self.window)

    def _windows_of_panel(self, channels, runs):
        base, starts = base_from_runs(
            channels,
            self.context_,
            runs.starts,
            runs.contexts,
            runs.context_starts,
            window=self.window,
            delays=self._delays(),
        )
        groups = np.repeat(runs.groups, runs.lengths(len(channels)))
        starts, groups = runs.as_they_came(starts), runs.as_they_came(groups)
        windows = PanelWindows(base, starts, groups, self.window, self.groups_)
        if self._reads_long_frames():
            return windows
        # A single series whose rows follow each other: its windows are a view.
        n_steps = len(channels) + self.window - 1
        return windows_from_base(
            base[:n_steps], runs.starts, len(channels), self.window
        )

    def _warn_of_lost_digits(self, values):
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
            name = self._columns[coarse[0]] if self._columns else int(coarse[0])
            warnings.warn(
                f"Windows hold float32, which is too coarse for column {name!r}: it "
                f"varies by {spread[coarse[0]]:.3g} around values of "
                f"{np.abs(newest[:, coarse[0]]).max():.3g}; subtract a constant first.",
                UserWarning,
                stacklevel=4,
            )

    def _warn_of_holes(self, runs, n_rows):
        """Warn where most windows are incomplete since the index has holes."""
        lengths = runs.lengths(n_rows)
        groups = np.zeros_like(lengths) if runs.groups is None else runs.groups
        n_reads = self.window + self.lag_ - 1
        n_whole = np.maximum(lengths - n_reads, 0).sum()
        n_possible = np.maximum(np.bincount(groups, lengths) - n_reads, 0).sum()
        n_holes = len(lengths) - len(np.unique(groups))
        if n_possible >= _FEWEST_WINDOWS and n_whole < n_possible / 2:
            warnings.warn(
                f"The index has {n_holes} hole(s), which leave {n_whole} of {n_rows} "
                f"windows of {self.window} steps complete, since none crosses a hole. "
                "Fill them (asfreq or reindex, then ffill or interpolate), split "
                "without shuffling, or choose a shorter window.",
                UserWarning,
                stacklevel=4,
            )

    def _warn_of_misaligned_target(self, values, y, runs):
        """Warn where a target that is named after a column does not belong there."""
        for position, name in enumerate(self.target_names_ or ()):
            if name not in (self._columns or ()) or len(y) != len(values):
                continue
            target = np.asarray(y).reshape(len(y), -1)[:, position]
            if target.dtype.kind not in "fiu":
                continue
            at = self._columns.index(name)
            column = values[:, at].astype(np.float64)
            target = runs.in_order(target.astype(np.float64))
            if (self.is_known_[at] or self.lag_ == 0) and agree(target, column):
                warnings.warn(
                    f"The window of each row shows its own target, column {name!r}, "
                    "so that nothing is left to predict; take it out of 'known', and "
                    "set horizon to 1 or more.",
                    UserWarning,
                    stacklevel=4,
                )
            elif self.lag_ and (habit := habit_of(target, column)):
                warnings.warn(
                    f"y is named {name!r} and is {habit}. Windows end before their row "
                    "by themselves, and forecast takes y for the column of its name: "
                    "pass the series as it is. LSTMRegressor(scaling='log') takes "
                    "logarithms; another horizon looks further ahead.",
                    UserWarning,
                    stacklevel=4,
                )

    def _begins_like_fit(self, values):
        """Return whether rows begin with the rows that ``fit`` began with."""
        n_rows = min(len(values), len(self._first_rows))
        first = values[:n_rows].astype(np.float32)
        return np.array_equal(first, self._first_rows[:n_rows])

    def _warn_of_lost_index(self, values, labels):
        """Warn unless the rows are those of ``fit``, which bring their own past."""
        is_unlabelled = labels is None and not self._has_labels
        if is_unlabelled and self._begins_like_fit(values):
            return
        if self.timeline_ is None and labels is not None:
            return  # the warning of fit has said it
        came = "no index" if labels is None else f"a {type(labels).__name__}"
        if labels is not None and self._has_labels:
            came += f" where fit had a {type(self.timeline_.last).__name__}"
        warnings.warn(
            f"X has {came}, so SlidingWindow cannot tell whether its rows follow those "
            f"of fit, and its first {self.window + self.lag_ - 1} windows are "
            "incomplete. Pass a DataFrame with the index that continues the one of "
            "fit, and call set_output(transform='pandas') on the steps in front.",
            UserWarning,
            stacklevel=4,
        )

    def _warn_of_rows_between(self, labels, distance):
        """Warn where rows begin later than right after those of ``fit``."""
        if 1 < distance < np.iinfo(np.int64).max and self._has_labels:
            begin = python_scalar(labels[0])
            warnings.warn(
                f"X begins at {begin!r}, {distance - 1} row(s) after the first one "
                "that follows fit, so its first "
                f"{min(self.window + self.lag_ - 1, len(labels))} windows are "
                "incomplete. Pass the rows between too; of predictions keep those that "
                "you need.",
                UserWarning,
                stacklevel=4,
            )

    def _warn_of_groups_between(self, panel, codes, ranks, at):
        """Warn where all known groups begin later than right after those of ``fit``."""
        row = np.flatnonzero((panel.codes == codes[at]) & (panel.ranks == ranks[at]))[0]
        warnings.warn(
            "No group of X begins right after its rows of fit, so its first windows "
            f"are incomplete; {panel.words(row)} is one of the first. Pass "
            "the rows between too, and keep the predictions that you need.",
            UserWarning,
            stacklevel=4,
        )

    def _warn_of_renumbered_rows(self, values, distance):
        """Warn where integer labels start anew on rows that fit has not seen."""
        begins_anew = distance == self._first_distance
        if self.timeline_.kind != "integer" or not begins_anew:
            return
        if not self._begins_like_fit(values):
            warnings.warn(
                "The integer index of X starts where that of fit did, with other "
                f"values, so its first {self.window + self.lag_ - 1} windows are "
                "incomplete. If these rows follow those of fit, number them on: "
                f"X.index = range({int(self.timeline_.last[0]) + 1}, ...).",
                UserWarning,
                stacklevel=4,
            )


@contextmanager
def quiet_windows() -> Iterator[None]:
    """Ignore what SlidingWindow warns of where rows bring their own past."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"(?s).*windows are incomplete")
        yield


def _single_runs(starts, contexts):
    """Return the runs of a single series, whose context is kept as one block."""
    return Runs(None, starts, None, contexts, np.zeros_like(starts))
