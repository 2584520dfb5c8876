"""SlidingWindow: one window of past rows for every row, as a transformer."""

from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin

from sklstm._checks import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    check_array,
    check_finite,
    check_is_fitted,
    check_numbers,
    python_scalar,
    validate_data,
    whole_or_unchanged,
)
from sklstm.windows._array import (
    Windows,
    base_from_rows,
    check_length,
    check_size,
    float_type,
    slots_of,
    windows_from_base,
)
from sklstm.windows._calendar import (
    calendar_channels,
    calendar_names,
    calendar_parts,
    put_calendar_to_come,
)
from sklstm.windows._context import context_of, placed_rows
from sklstm.windows._frames import (
    check_same_labels,
    known_columns,
    labels_of,
    names_of,
    numeric_frame,
    rows_from,
)
from sklstm.windows._labels import check_order, check_plain_numbers, counts_rows
from sklstm.windows._season import longest_useful_window, seasons_of, with_season
from sklstm.windows._signs import (
    check_as_fitted,
    check_grid,
    fitted_grid,
    warn_of_lost_digits,
    warn_of_lost_index,
    warn_of_missing_past,
    warn_of_missing_rows,
    warn_of_target,
)
from sklstm.windows._table import RowLabels, as_columns, newest_of_groups, row_labels

# Parameters that windows of fit and transform must share.
_NUMBERS = ("window", "horizon", "known_ahead")

# First rows that tell whether rows are those of the fit.
_ROWS_TO_RECOGNISE = 8


class SlidingWindow(
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    """Give every row the window of past rows from which it is to be predicted.

    The output has one window per row of X, in the same order: the window of row t
    holds rows t - horizon - window + 1 to t - horizon, oldest first. So y stays the
    series itself, at the same index; nothing is shifted and no row is dropped.

    ``fit`` keeps the newest rows as *context*. ``transform`` puts them in front of rows
    that follow them by their index, so that the first row after the training rows sees
    its true past, in every fold of ``TimeSeriesSplit`` too.

    Many series are read from one long frame with ``groups`` and ``time``, in any order
    of rows. A group that ``fit`` has not seen begins with incomplete windows.

    Parameters
    ----------
    window : int or "auto", default="auto"
        Number of past rows in a window; at least 1. ``"auto"`` takes 96, or more where
        three seasons are longer, or two of the longer season within 336 rows; but at
        most three quarters of the rows of the longest series, and no more than 672
        values where channels are many.
    horizon : int, default=1
        Distance from the newest row of the window to the row that it predicts. 1
        predicts the next value; 0 lets the window end on the row itself.
    known : str, int or sequence of them, default=()
        Columns, by name or position, whose value at the predicted row is known
        beforehand (promotion, price). Their part of the window ends at row t.
    known_ahead : int, default=0
        Rows after row t whose known values are in the window too, less than ``window``:
        k - 1 for a regressor that predicts k steps at once. For rows that are not there
        the newest known value stands; what ``calendar`` adds is right there too.
    calendar : str, list, dict or holiday calendar, default=None
        Channels made from the stamp alone, known like ``known`` columns, but never
        asked for in ``X_future``: ``"month"``, ``"quarter"``, ``"week"``,
        ``"yearday"``, ``"day"``, ``"weekday"``, ``"hour"`` or ``"minute"``, a list of
        them, or ``"auto"``, which takes what suits the grid. Each becomes a sine and a
        cosine; a dict such as ``{"weekday": "one-hot", "month": "cyclic"}`` says which
        form. A holiday calendar of pandas, or a country of the ``holidays`` package,
        becomes a channel that is 1 on holidays; it may stand in the list.
    season : int, tuple of int or None, default=None
        Rows after which the pattern repeats, 1 for none, which the regressor's prior
        is told; a tuple adds a longer season, ``(24, 168)``. None takes that of the
        grid: 12 for months, 4 for quarters, 7 for days, 24 and 168 for hours, 1 where
        integers count the rows.
    groups : str, int, sequence of them or None, default=None
        Columns of a long frame that tell its series apart, by name: strings, numbers,
        categories or time stamps. None reads one series.
    time : str, int or None, default=None
        Column of a long frame that holds the time of each row, by name. None takes the
        index. All groups lie on one grid; when they begin and end is their own.
    layout : {"sequence", "flat"}, default="sequence"
        ``"sequence"`` gives an array of shape (n_rows, window, n_channels), ``"flat"``
        the same values as a lag table of shape (n_rows, window * n_channels), step by
        step, for regressors that read tables.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in ``fit``, those of ``groups`` and ``time`` included.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, where X had string names.
    window_ : int
        Number of past rows in a window.
    season_ : tuple of int
        The season, and a longer one where there are two; (1,) for none.
    is_known_ : ndarray of shape (n_columns,), bool
        Columns that are known at the predicted row, but ``groups`` and ``time``.
    lag_ : int
        ``horizon``, or 0 where all columns are known.
    target_names_ : list or None
        Names of the columns of y, where it had some.
    context_ : ndarray of shape (n_kept, n_channels), float32 or float64
        The newest rows seen in ``fit``, group by group, at least one of each. Channels
        are the columns, and what ``calendar`` adds.
    groups_ : Index or None
        The groups seen in ``fit``, in increasing order; None without ``groups``.
    grid_ : Grid or None
        The stamps at which a row is expected; None where the index does not count rows.

    See Also
    --------
    LSTMRegressor : Predicts from such windows.
    forecast : Predicts the rows after the last one.
    update : Moves the context along and lets the regressor learn.

    Notes
    -----
    Windows are float64, or float32 where X is. Those of contiguous rows are a read-only
    view that costs no more memory than the series. Others come as :class:`Windows`, an
    array-like of the same shape that holds each row once; indexing it copies windows.

    NumPy arrays have no index, hence no context. To say that new rows follow a fit on n
    rows, give them labels: ``pd.DataFrame(X, index=range(n, ...))``.

    - *The grid* is the ``freq`` of the index. Without one it is the commonest
      difference between rows, counted in months or on the wall clock where that fits,
      without the days of the week and the times of day that never occur: a Monday
      follows a Friday on an exchange. Integers of which fewer than half have the
      commonest difference count as consecutive rows, and so do stamps without one.
    - *Missing rows* are places of the grid without a row, *missing values* are NaN.
      Windows go on through both: each takes the newest earlier value of its column and
      series, however old it is; ``transform`` warns where nothing in a window is true.
    - *Before the first value* of a column there is nothing to fill from: a step that
      lacks it is NaN in every channel, and always among the oldest of its window.
      :class:`LSTMRegressor` masks such steps. y itself must be finite, so give rows
      whose y is missing some value, and weight 0.
    - *Daylight saving*: stamps with a time zone are counted in absolute time where they
      are hours or shorter, on the wall clock where they are days or longer. Without
      one, call ``tz_localize`` first: clocks skip an hour and repeat another.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm import SlidingWindow
    >>> X = pd.DataFrame({"load": [1.0, 2.0, 3.0, 4.0]})
    >>> sliding_window = SlidingWindow(window=2).fit(X[:3])
    >>> sliding_window.transform(X[3:])[0, :, 0]
    array([2., 3.])
    >>> sliding_window.get_feature_names_out()
    array(['load_t-2', 'load_t-1'], dtype=object)
    """

    _parameter_constraints = {
        "window": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "horizon": [Interval(Integral, 0, None, closed="left")],
        "known": [str, Interval(Integral, 0, None, closed="left"), "array-like"],
        "known_ahead": [Interval(Integral, 0, None, closed="left")],
        "calendar": "no_validation",
        "season": "no_validation",
        "groups": [str, Integral, "array-like", None],
        "time": [str, Integral, None],
        "layout": [StrOptions({"sequence", "flat"})],
    }

    def __init__(
        self,
        window: int | str = "auto",
        *,
        horizon: int = 1,
        known: Any = (),
        known_ahead: int = 0,
        calendar: Any = None,
        season: Any = None,
        groups: Any = None,
        time: str | int | None = None,
        layout: str = "sequence",
    ) -> None:
        self.window = window
        self.horizon = horizon
        self.known = known
        self.known_ahead = known_ahead
        self.calendar = calendar
        self.season = season
        self.groups = groups
        self.time = time
        self.layout = layout

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the columns, the grid and the newest rows.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Numbers, oldest row first, with one label per row; NaN are missing values.
            With ``groups`` or ``time`` a long frame, rows in any order.
        y : Series, DataFrame or array-like, optional
            The regressor's target. Labels must be those of X; names are kept for
            :func:`forecast`.

        Raises
        ------
        ValueError
            If X is empty, not numeric, infinite, shorter than ``horizon + 1`` rows, or
            its labels are out of order, duplicated or dates written as integers; if the
            labels of y are others; or if a group, a time or a column is missing.

        Warns
        -----
        UserWarning
            If y is a known column of X, or a column shifted by one row; if none holds
            the past of y; if a tenth of the grid is missing; if no index counts rows;
            if float32 or float64 is too coarse for a column.
        """
        self._learn(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit to X and return its windows; the same as ``fit(X).transform(X)``.

        Parameters
        ----------
        X : see fit
        y : see fit, optional
            As in ``fit``.

        Returns
        -------
        ndarray, Windows or DataFrame
            As ``transform`` returns.
        """
        # A regressor behind may have learned from other windows, and fail now.
        maker = self if hasattr(self, "context_") else None
        placed, labels = self._learn(X, y)
        return self._windows(placed, labels, maker)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Move the context along: keep the newest rows of X, as ``fit`` does.

        Columns and grid stay those of ``fit``, which the first call is. To teach the
        regressor behind it too, call :func:`update`.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Rows that follow those seen before, by their labels. They may begin with
            rows that were seen already, and end later. An array, after a fit on an
            array, is taken to follow directly. The groups of a panel move along each
            for itself, those without later rows stay, and new ones join.
        y : None
            Not used.

        Raises
        ------
        ValueError
            If X has labels of another kind than in ``fit``, ends no later than the rows
            seen before, or is not as ``fit`` needs it; nothing has then changed.
        """
        if not hasattr(self, "context_"):
            return self.fit(X, y)
        check_as_fitted(self, self._fitted_with, has_failed=self._has_failed)
        with whole_or_unchanged(self):
            placed = self._placed_behind(X)
            newest = placed.labels_of(newest_of_groups(placed.codes, 1))
            if not self._context.is_later(placed.groups, newest).any():
                raise ValueError(
                    "SlidingWindow.partial_fit needs rows after those seen before, "
                    f"which end at {python_scalar(self.grid_.last[0])!r}. Got rows up "
                    f"to {python_scalar(placed.rows.stamps[-1])!r}; pass later rows "
                    "too."
                )
            self._keep(self._context.moved(placed, self._n_kept, owner="partial_fit"))
        return self

    def transform(self, X: Any) -> Any:
        """Return the window of every row.

        Parameters
        ----------
        X : DataFrame, Series or array-like of shape (n_rows, n_columns)
            Rows of the fitted columns. Rows whose labels follow rows kept from ``fit``
            see those in their windows.

        Returns
        -------
        ndarray of shape (n_rows, window, n_columns) or (n_rows, window * n_columns)
            Float windows, oldest step first, by ``layout``; a DataFrame of the lag
            table after ``set_output(transform="pandas")``; :class:`Windows` for
            sequences of a panel, or with missing rows.

        Raises
        ------
        ValueError
            As in ``fit``, and if parameters, columns, grid or type of the groups are
            not those of ``fit``, or a pipeline's last fit failed after this one's.

        Warns
        -----
        UserWarning
            If no index tells whether rows follow those of ``fit``; if rows have no
            past, since X begins inside the rows of ``fit``, or too many are missing.
        """
        check_is_fitted(self)
        check_as_fitted(self, self._fitted_with, has_failed=self._has_failed)
        values, labels, rows, order = self._read(X, reset=False)
        follows = self._can_follow(values, labels, rows)
        # Labels that fit does not know tell nothing but the order.
        grid, context = (self.grid_, self._context) if follows else (None, None)
        placed = self._placed(values, rows, order, grid, context)
        if follows:
            check_grid(placed, self.grid_)
            warn_of_missing_past(
                placed,
                self._context,
                self.grid_,
                window=self.window_,
                lag=self.lag_,
                is_other=not self._begins_like_fit(values),
            )
        return self._windows(placed, labels)

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
        names = _check_feature_names_in(self, input_features)
        if self._columns:
            others = [*as_columns(self.groups), self.time]
            names = [name for name in names if name not in others]
        names = [*names, *calendar_names(self._calendar)]
        return np.array(
            [
                f"{name}_t{-(delay + back):+d}" if delay + back else f"{name}_t"
                for back in range(self.window_ - 1, -1, -1)
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
        tags.input_tags.allow_nan = True
        return tags

    # -- fit ---------------------------------------------------------------------------

    def _learn(self, X, y):
        """Set the fitted attributes; return the rows in their places, and labels."""
        self._validate_params()
        check_numbers(self)
        owner, is_long = type(self).__name__, self._reads_long_frames()
        with whole_or_unchanged(self):
            values, labels, rows, order = self._read(X, reset=True)
            check_same_labels(X, y, owner=owner)
            self.target_names_ = names_of(X, y)
            n_columns = values.shape[1]
            self.is_known_ = known_columns(
                self.known, self._columns, n_columns, by_name=is_long
            )
            self.lag_ = 0 if self.is_known_.all() else self.horizon
            self._has_labels = labels is not None
            self.grid_ = fitted_grid(rows, order, labels, is_long=is_long)
            self.season_ = seasons_of(self.season, self.grid_)
            longest = int(np.bincount(rows.codes).max())
            self.window_ = self.window
            if self.window == "auto":
                self.window_ = longest_useful_window(self.season_, longest, n_columns)
            self._n_kept = max(self.window_ + self.lag_ - 1, 1)
            self._calendar = calendar_parts(self.calendar, self.grid_, owner=owner)
            self._check_ahead()
            n_groups = 1 if rows.keys is None else len(rows.keys)
            check_size(self.window_, self.horizon, values, n_groups)
            check_length(longest, self.lag_, is_long=is_long)
            self._first_rows = values[:_ROWS_TO_RECOGNISE].astype(float_type(values))
            placed = self._placed(values, rows, order, self.grid_, None)
            self._keep(context_of(placed, self._n_kept))
            self._fitted_with = {name: getattr(self, name) for name in _NUMBERS}
            self._has_failed = False
        self._warn(values, y, placed)
        return placed, labels

    def _warn(self, values, y, placed):
        """Tell what of the rows of ``fit`` is likely to be a mistake."""
        warn_of_lost_digits(values, self._columns)
        if self.target_names_ and self._columns and len(y) == len(values):
            in_order = slice(None) if placed.order is None else placed.order
            warn_of_target(
                values[in_order],
                np.asarray(y)[in_order],
                names=self.target_names_,
                columns=self._columns,
                is_fed_back=~self.is_known_ & (self.lag_ > 0),
                horizon=self.horizon,
            )
        if self.grid_ is not None:
            warn_of_missing_rows(placed, self.grid_)

    def _keep(self, context):
        """Keep the newest rows of every group."""
        self._context = context
        self.context_, self.groups_ = context.values, context.keys
        if self.grid_ is not None:
            self.grid_ = self.grid_.moved_to(context.labels[[context.labels.argmax()]])

    def _placed_behind(self, X):
        """Return rows behind those kept, once their labels tell that they follow."""
        values, labels, rows, order = self._read(X, reset=False)
        grid = self.grid_
        if labels is None and not self._has_labels:
            rows = replace(rows, stamps=grid.after(grid.last, len(values)))
        elif labels is None or grid is None or not grid.accepts(rows.stamps):
            came = type(X if labels is None else labels).__name__
            raise ValueError(
                "SlidingWindow.partial_fit needs labels that count rows as those of "
                f"fit do. Got {came}; pass DataFrames with an index that goes on, to "
                "fit and to partial_fit."
            )
        else:
            grid.check_comparable(rows.stamps)
        return self._placed(values, rows, order, grid, self._context)

    def _rows_to_learn(self, X, n_again):
        """Return which rows of X were not seen, and ``n_again`` of those before."""
        placed = self._placed_behind(X)
        groups = placed.groups[placed.codes]
        is_new = self._context.is_later(groups, placed.labels_of(...))
        n_new = np.bincount(placed.codes, is_new).astype(np.intp)
        n_learned = np.where(n_new > 0, n_new + n_again, 0)
        which = newest_of_groups(placed.codes, n_learned)
        if not self._reads_long_frames():
            return slice(int(which[0]) if len(which) else len(placed.codes), None)
        return np.sort(which if placed.order is None else placed.order[which])

    # -- rows --------------------------------------------------------------------------

    def _reads_long_frames(self):
        """Return whether columns tell groups apart, or time."""
        return bool(as_columns(self.groups)) or self.time is not None

    def _read(self, X, *, reset):
        """Return the values of X, its index, and the group and time of its rows."""
        owner, is_long = type(self).__name__, self._reads_long_frames()
        X = rows_from(X)
        labels = labels_of(X)
        if is_long:
            groups = as_columns(self.groups)
            rows = row_labels(X, groups, self.time, owner=owner)
            validate_data(self, X, reset=reset, skip_check_array=True)
            X = X.drop(columns=groups if self.time is None else [*groups, self.time])
        if labels is not None:
            X = numeric_frame(X, owner=owner)
        how = {"dtype": "numeric", "ensure_all_finite": False}
        if is_long:
            values = check_array(X, estimator=self, **how)
        else:
            values = validate_data(self, X, reset=reset, **how)
        self._check_values(values, X, labels, reset=reset)
        if is_long:
            return values, labels, rows, rows.order(owner=owner)
        stamps: Any = pd.RangeIndex(len(values))
        if labels is not None and counts_rows(labels):
            check_order(labels, owner=owner)
            check_plain_numbers(labels, owner=owner)
            stamps = labels
        codes = np.zeros(len(values), dtype=np.int8)
        rows = RowLabels(None, codes, stamps, np.arange(len(values)))
        return values, labels, rows, None

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
        check_finite(values, owner=owner, columns=columns, labels=labels)
        is_empty = np.isnan(values).all(axis=0) if values.dtype.kind == "f" else [False]
        if reset and np.any(is_empty):
            position = int(np.argmax(is_empty))
            raise ValueError(
                f"{owner} needs a value in every column. Got none in column "
                f"{columns[position] if columns else position!r}; drop it."
            )

    def _placed(self, values, rows, order, grid, context):
        """Return rows by group and time, behind those kept (None: they begin anew)."""
        if self._calendar:
            of_stamps = calendar_channels(rows.stamps, self._calendar)
            values = np.hstack([values, of_stamps[rows.ranks]])
        owner = type(self).__name__
        return placed_rows(rows, order, values, grid, context, owner=owner)

    def _can_follow(self, values, labels, rows):
        """Return whether labels tell how rows follow those of ``fit``."""
        grid = self.grid_
        if labels is not None and grid is not None and grid.accepts(rows.stamps):
            grid.check_comparable(rows.stamps)
            return True
        if self._reads_long_frames():
            raise ValueError(
                "SlidingWindow needs time of the kind that fit had, "
                f"{grid.last.dtype}. Got {rows.stamps.dtype}; convert one of them."
            )
        if self._calendar:
            came = "no index" if labels is None else repr(python_scalar(labels[0]))
            raise ValueError(
                "SlidingWindow needs the stamps of X for calendar="
                f"{self.calendar!r}. Got {came}; pass a DataFrame with an index like "
                "that of fit, and call set_output(transform='pandas') on the steps in "
                "front."
            )
        # Rows of fit bring their own past, and labels that count nothing are told.
        is_seen = labels is None and not self._has_labels
        is_seen = is_seen and self._begins_like_fit(values)
        if not is_seen and (labels is None or grid is not None):
            n_reads = self.window_ + self.lag_ - 1
            warn_of_lost_index(labels, grid if self._has_labels else None, n_reads)
        return False

    # -- channels and windows ----------------------------------------------------------

    def _delays(self):
        """Return how far before its row the window ends, for each channel."""
        of_columns = np.where(self.is_known_, -self.known_ahead, self.lag_)
        n_calendar = len(calendar_names(self._calendar))
        return np.append(of_columns, np.full(n_calendar, -self.known_ahead))

    def _check_ahead(self):
        """Raise where nothing is known ahead, or all that a window holds is."""
        has_known = self.is_known_.any() or bool(self._calendar)
        if self.known_ahead >= self.window_ or not (has_known or self.known_ahead == 0):
            raise ValueError(
                "The 'known_ahead' parameter of SlidingWindow needs known columns and "
                f"a longer window. Got known_ahead={self.known_ahead!r} with known="
                f"{self.known!r} and window={self.window_!r}; name the columns in "
                "known and raise window."
            )

    def _windows(self, placed, labels, maker=None):
        """Return the windows of rows in the layout that was asked for."""
        window, delays, codes = self.window_, self._delays(), placed.all_codes
        slots = slots_of(codes, placed.steps, window, delays)
        base = base_from_rows(placed.values, codes, slots, window, delays)
        starts = slots[placed.own]
        is_run = np.diff(starts) == 1
        if self._calendar and self.known_ahead and self.grid_.kind != "rows":
            # Rows that are not there: in holes, and after the newest.
            ends = np.flatnonzero(np.append(~is_run, True))
            at = starts[ends][:, None] + window - np.arange(self.known_ahead, 0, -1)
            newest = placed.labels_of(ends)
            put_calendar_to_come(base, at, newest, self.grid_, self._calendar)
        if is_run.all() and not self._reads_long_frames():
            windows: Any = windows_from_base(base, starts[0], len(starts), window)
        else:
            starts = placed.as_they_came(starts)
            groups = placed.as_they_came(placed.groups[placed.codes])
            windows = Windows(base, starts, groups, window, self.groups_)
        wished = getattr(self, "_sklearn_output_config", {}).get("transform")
        is_frame = wished == "pandas" or (
            wished is None
            and self.layout == "flat"
            and get_config()["transform_output"] == "pandas"
        )
        if self.layout == "flat" or is_frame:
            windows = np.asarray(windows).reshape(len(windows), -1)
        if is_frame:
            names = self.get_feature_names_out()
            windows = pd.DataFrame(windows, labels, names, copy=False)
        return with_season(windows, self.season_, maker)

    def _begins_like_fit(self, values):
        """Return whether rows begin with the rows that ``fit`` began with."""
        n_rows = min(len(values), len(self._first_rows))
        first = values[:n_rows, : self._first_rows.shape[1]]
        own = self._first_rows[:n_rows].astype(float_type(first))
        return np.array_equal(first, own, equal_nan=True)
