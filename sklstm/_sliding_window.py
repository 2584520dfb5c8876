"""SlidingWindow: one window of past rows for every row, as a transformer."""

import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin

from sklstm._index import (
    check_numeric_columns,
    check_order,
    check_same_labels,
    counts_rows,
    frame_from,
    labels_of,
    names_of,
    rows_from,
    timeline_from_labels,
)
from sklstm._validation import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    check_finite,
    check_is_fitted,
    is_integer,
    validate_data,
    whole_or_unchanged,
)
from sklstm._windows import base_from_series, windows_from_base

__all__ = ["SlidingWindow"]

# First rows that tell whether rows are those of the fit.
_ROWS_TO_RECOGNISE = 8

# Rows looked at to judge whether float32 is fine enough for a column.
_ROWS_FOR_DIGITS = 1 << 16


class SlidingWindow(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
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

    Parameters
    ----------
    window : int, default=10
        Number of past rows in a window; at least 1.
    horizon : int, default=1
        Distance from the newest row of the window to the row that it predicts. 1
        predicts the next value; 0 lets the window end on the row itself.
    known : str, int or sequence of them, default=()
        Columns, by name or position, whose value at the predicted row is known
        beforehand (calendar, price plan). Their part of the window ends at row t.
    layout : {"sequence", "flat"}, default="sequence"
        ``"sequence"`` gives an array of shape (n_rows, window, n_channels), ``"flat"``
        the same values as a lag table of shape (n_rows, window * n_channels), step by
        step, for regressors that read tables.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, where X had string names.
    is_known_ : ndarray of shape (n_features_in_,), bool
        Columns that are known at the predicted row.
    lag_ : int
        ``horizon``, or 0 where all columns are known.
    target_names_ : list or None
        Names of the columns of y, where it had some.
    context_ : ndarray of shape (<= window + horizon - 1, n_features_in_), float32
        The newest rows seen in ``fit``, all from one run.
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
    """

    _parameter_constraints = {
        "window": [Interval(Integral, 1, None, closed="left")],
        "horizon": [Interval(Integral, 0, None, closed="left")],
        "known": [str, Interval(Integral, 0, None, closed="left"), "array-like"],
        "layout": [StrOptions({"sequence", "flat"})],
    }

    def __init__(self, window=10, *, horizon=1, known=(), layout="sequence"):
        self.window = window
        self.horizon = horizon
        self.known = known
        self.layout = layout

    def fit(self, X, y=None):
        """Learn the columns, the timeline and the newest rows.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Finite numbers, oldest row first, with one label per row.
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
            or its labels are out of order, duplicated or without a common step; or if
            the labels of y are others.
        """
        self._learn(X, y)
        return self

    def fit_transform(self, X, y=None):
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
        values, labels, run_starts = self._learn(X, y)
        no_context = np.zeros(len(run_starts), dtype=np.intp)
        return self._windows(values, labels, run_starts, no_context)

    def partial_fit(self, X, y=None):
        """Move the context along: keep the newest rows of X, as ``fit`` does.

        Columns and the step of the index stay those of ``fit``. To teach the regressor
        behind it too, call :func:`update`.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Rows that follow those seen before, by their labels. They may begin with
            rows that were seen already, and end later. An array, after a fit on an
            array, is taken to follow directly.
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
            values, labels = self._read(X, reset=False)
            timeline = self.timeline_
            if labels is None and not self._has_labels:
                labels = timeline.after(timeline.last, len(values))
            self._check_goes_on(X, labels)
            n_later = int(timeline.distances(labels[-1:])[0])
            run_starts, run_contexts = self._runs_in_context(values, labels)
            past = self.context_[: run_contexts[-1]]
            newest = values[run_starts[-1] :].astype(np.float32)
            n_context = self.window + self.lag_ - 1
            self.context_ = np.concatenate([past, newest])[-n_context:]
            self.timeline_ = replace(timeline, last=labels[-1:])
            self._first_distance -= n_later
        return self

    def transform(self, X):
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
            table after ``set_output(transform="pandas")``.

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
        values, labels = self._read(X, reset=False)
        run_starts, run_contexts = self._runs_in_context(values, labels)
        return self._windows(values, labels, run_starts, run_contexts)

    def get_feature_names_out(self, input_features=None):
        """Return the column names of the lag table: ``load_t-24`` … ``load_t-1``.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the input columns; those seen in ``fit`` by default.

        Returns
        -------
        ndarray of shape (window * n_columns,), object
            Names, step by step, oldest first. A value of the predicted row itself is
            called ``load_t``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        delays = np.where(self.is_known_, 0, self.lag_)
        return np.array(
            [
                f"{name}_t-{delay + back}" if delay + back else f"{name}_t"
                for back in range(self.window - 1, -1, -1)
                for name, delay in zip(names, delays, strict=True)
            ],
            dtype=object,
        )

    def set_output(self, *, transform=None):
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

    def _learn(self, X, y):
        """Set the fitted attributes; return values, labels and run starts."""
        self._validate_params()
        with whole_or_unchanged(self):
            values, labels = self._read(X, reset=True)
            check_same_labels(X, y, owner=type(self).__name__)
            self.target_names_ = names_of(y)
            self.is_known_ = self._known_mask()
            self.lag_ = lag = 0 if self.is_known_.all() else self.horizon
            if len(values) <= lag:
                raise ValueError(
                    f"SlidingWindow needs at least horizon + 1 = {lag + 1} rows, so "
                    f"that one row has a past. Got {len(values)} sample(s) "
                    f"(shape={values.shape}); pass more rows."
                )
            run_starts = np.zeros(1, dtype=np.intp)
            self.timeline_ = timeline_from_labels(labels, n_rows=len(values))
            if labels is not None and self.timeline_ is not None:
                run_starts = self.timeline_.run_starts(labels)
            self._has_labels = labels is not None
            self._first_rows = values[:_ROWS_TO_RECOGNISE].astype(np.float32)
            self._first_distance = 1 - len(values)
            if labels is not None and self.timeline_ is not None:
                self._first_distance = int(self.timeline_.distances(labels[:1])[0])
            n_context = min(self.window + lag - 1, len(values) - run_starts[-1])
            self.context_ = values[len(values) - n_context :].astype(np.float32)
        self._warn_of_lost_digits(values)
        if self.timeline_ is None and len(values) > 1:
            warnings.warn(
                f"The index of X ({type(labels).__name__} of {labels.dtype}) does not "
                "count rows, so rows are taken as contiguous and no context is kept; "
                "use a DatetimeIndex (pd.to_datetime), a PeriodIndex or integers.",
                UserWarning,
                stacklevel=3,
            )
        return values, labels, run_starts

    def _read(self, X, *, reset):
        """Return the values and labels of X once everything about them is checked."""
        owner = type(self).__name__
        X = rows_from(X)
        labels = labels_of(X)
        if labels is not None:
            check_numeric_columns(X, owner=owner)
        values = validate_data(
            self, X, reset=reset, dtype="numeric", ensure_all_finite=False
        )
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
        check_finite(values, owner=owner, columns=columns, labels=labels)
        if labels is not None and counts_rows(labels):
            check_order(labels, owner=owner)
        return values, labels

    def _known_mask(self):
        """Return which channels are known at the predicted row."""
        known = self.known
        if isinstance(known, str | Integral):
            known = [known]
        mask = np.zeros(self.n_features_in_, dtype=bool)
        names = self._columns or []
        for column in known:
            position = names.index(column) if column in names else column
            if not is_integer(position) or not 0 <= position < len(mask):
                raise ValueError(
                    "The 'known' parameter of SlidingWindow must name columns of X "
                    f"({names or f'positions 0 to {len(mask) - 1}'}). Got {column!r} "
                    "instead."
                )
            mask[position] = True
        return mask

    def _runs_in_context(self, values, labels):
        """Return where runs begin and how many context rows precede each."""
        timeline = self.timeline_
        if labels is None or timeline is None or not timeline.accepts(labels):
            self._warn_of_lost_index(values, labels)
            return np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
        timeline.check_comparable(labels)
        run_starts = timeline.run_starts(labels)
        distances = timeline.distances(labels[run_starts])
        n_context = len(self.context_)
        follows = (distances <= 1) & (distances > 1 - n_context)
        run_contexts = np.where(follows, n_context - 1 + distances, 0)
        self._warn_of_renumbered_rows(values, distances[0])
        self._warn_of_rows_between(labels, int(distances[0]))
        return run_starts, run_contexts

    def _windows(self, values, labels, run_starts, run_contexts):
        """Return the windows of checked values in the layout that was asked for."""
        base = base_from_series(
            values,
            self.context_,
            run_starts,
            run_contexts,
            window=self.window,
            horizon=self.lag_,
            known=self.is_known_,
        )
        windows = windows_from_base(base, run_starts, len(values), self.window)
        wished = getattr(self, "_sklearn_output_config", {}).get("transform")
        is_frame = wished == "pandas" or (
            wished is None
            and self.layout == "flat"
            and get_config()["transform_output"] == "pandas"
        )
        if self.layout == "sequence" and not is_frame:
            return windows
        table = windows.reshape(len(windows), -1)
        if not is_frame:
            return table
        return frame_from(table, self.get_feature_names_out(), labels)

    def _check_goes_on(self, X, labels):
        """Raise unless labels are of the kind seen before and end later."""
        timeline = self.timeline_
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
                f"end at {timeline.last[0]!r}. Got rows up to {labels[-1]!r}; pass "
                "later rows too."
            )

    def _warn_of_lost_digits(self, values):
        """Warn where float32 cannot tell neighbouring values of a column apart."""
        newest = np.asarray(values[-_ROWS_FOR_DIGITS:], dtype=np.float64)
        spread = newest.std(axis=0)
        grain = np.abs(newest).max(axis=0) * np.finfo(np.float32).eps
        coarse = np.flatnonzero((grain > 1e-2 * spread) & (spread > 0))
        if len(coarse):
            warnings.warn(
                f"Windows hold float32, which is too coarse for column {coarse[0]}: it "
                f"varies by {spread[coarse[0]]:.3g} around values of "
                f"{np.abs(newest[:, coarse[0]]).max():.3g}; subtract a constant first.",
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
            warnings.warn(
                f"X begins at {labels[0]!r}, {distance - 1} row(s) after the first one "
                "that follows fit, so its first "
                f"{min(self.window + self.lag_ - 1, len(labels))} windows are "
                "incomplete. Pass the rows between too, and keep the predictions that "
                "you need.",
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
