"""ForecastDisplay: history, forecast, interval and actual values of series."""

from __future__ import annotations

from collections import Counter
from textwrap import fill
from typing import Any, Self

import numpy as np

from sklstm.forecasting._forecast import forecast as forecast_after
from sklstm.forecasting._rows_to_come import coverage_of_forecast, kind_of_long_frame
from sklstm.views._drawing import Display, ink, show_dates
from sklstm.windows._frames import DataFrame, Series, labels_of, stamps_of
from sklstm.windows._labels import grid_of
from sklstm.windows._table import as_columns, frames_of_groups

__all__ = ["ForecastDisplay"]

# Panels of one picture that matplotlib still draws, and somebody still looks at.
_MOST_PANELS = 100

# Panels below each other, beyond which they are laid out in two columns and then three.
_MOST_IN_A_COLUMN = 6
_MOST_COLUMNS = 3

# Steps that are marked one by one, of all panels that stand beside each other.
_MOST_MARKERS = 40

# Letters of the label of an axis beside a low panel, before it goes on in a next line.
_WIDTH_OF_LABELS = 16


class ForecastDisplay(Display):
    """History, forecast, interval and, where they have come, the actual values.

    The line of the forecast begins at the last value of the history, unless there is a
    hole between the two. Lines of the history and of actual values break at holes,
    where labels lack between two rows or a value is NaN; a value without neighbours is
    a point. Labels without a common step have no holes.

    Several series get a panel each: the columns of a forecast of several targets, and
    the groups of a long frame, or of an index of two levels, group and time. More than
    six panels stand in two or three columns, to be read line by line.

    Parameters
    ----------
    history : Series or DataFrame
        The values up to now: the column(s) named as the forecast. Beside a forecast of
        one target, a single column may be called otherwise. For a long frame a long
        frame, rows in any order.
    forecast : Series or DataFrame
        What :func:`forecast` returns. Columns ``load_lower`` and ``load_upper`` beside
        ``load``, or ``lower`` and ``upper`` beside a single other one, are the ends of
        its interval, whose coverage the legend says where the forecast still says it:
        ``forecast`` writes it into its ``attrs``, which slices keep.
    actual : Series or DataFrame, default=None
        What came true, as ``history``; groups and targets may be missing.
    groups : str or list of str, default=None
        Columns of long frames that tell series apart. What :func:`forecast` returns
        says by itself; a frame put together from several, or read from a file, does
        not.
    time : str, default=None
        Column of long frames that holds the time; None takes their index.

    Attributes
    ----------
    axes_ : ndarray of Axes
        A panel for each series.
    ax_ : Axes
        The first of them.
    figure_ : Figure
        What they are in.

    See Also
    --------
    forecast : Makes the forecast.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import ForecastDisplay, LSTMRegressor, SlidingWindow
    >>> from sklstm import load_airline_passengers
    >>> X = load_airline_passengers()
    >>> pipe = make_pipeline(SlidingWindow(12), LSTMRegressor(8, epochs=1))
    >>> pipe = pipe.fit(X[:-12], X["passengers"][:-12])
    >>> ForecastDisplay.from_estimator(pipe, X[:-12], 12, actual=X[-12:])
    ForecastDisplay(series=1, steps=12)
    """

    def __init__(
        self,
        history: Series | DataFrame,
        forecast: Series | DataFrame,
        actual: Series | DataFrame | None = None,
        *,
        groups: str | list[str] | None = None,
        time: str | None = None,
    ) -> None:
        self.history = history
        self.forecast = forecast
        self.actual = actual
        self.groups = groups
        self.time = time

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Series | DataFrame,
        steps: int,
        *,
        X_future: DataFrame | None = None,
        target: str | list[str] | None = None,
        coverage: float | None = None,
        residuals: Any = None,
        actual: Series | DataFrame | None = None,
        n_past: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Forecast and draw.

        Parameters
        ----------
        estimator : fitted estimator
            As :func:`forecast` takes it.
        X : DataFrame or Series
            The rows up to now; the target is among its columns.
        steps : int
            How many values to predict.
        X_future : DataFrame, default=None
            As in :func:`forecast`.
        target : str or list of str, default=None
            As in :func:`forecast`.
        coverage : float, default=None
            As in :func:`forecast`.
        residuals : BacktestResult or array-like, default=None
            As in :func:`forecast`.
        actual : Series or DataFrame, default=None
            What came true.
        n_past : int, default=None
            How many values of the history are drawn; see :meth:`plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ForecastDisplay
        """
        values = forecast_after(
            estimator,
            X,
            steps,
            X_future=X_future,
            target=target,
            coverage=coverage,
            residuals=residuals,
        )
        return cls.from_predictions(X, values, actual=actual, n_past=n_past, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        history: Series | DataFrame,
        forecast: Series | DataFrame,
        *,
        actual: Series | DataFrame | None = None,
        groups: str | list[str] | None = None,
        time: str | None = None,
        n_past: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw a forecast that is there already.

        Parameters
        ----------
        history : Series or DataFrame
            The values up to now.
        forecast : Series or DataFrame
            The values to come, with or without the ends of their interval.
        actual : Series or DataFrame, default=None
            What came true.
        groups : str or list of str, default=None
            Columns of long frames that tell series apart, where the forecast does not
            say.
        time : str, default=None
            Column of long frames that holds the time; None takes their index.
        n_past : int, default=None
            How many values of the history are drawn; see :meth:`plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ForecastDisplay
        """
        display = cls(history, forecast, actual, groups=groups, time=time)
        return display.plot(ax, n_past=n_past)

    def plot(self, ax: Any = None, *, n_past: int | None = None) -> Self:
        """Draw a panel for each series.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw: replaced by panels, where there are several series. None
            makes a new figure.
        n_past : int, default=None
            How many values of the history are drawn; None draws four times as many as
            there are forecasts, at least 60.

        Returns
        -------
        ForecastDisplay
            The display itself.

        Raises
        ------
        ValueError
            If what is drawn has no labels, the history lacks a series, ``actual`` has
            none of the forecast, or there are more series than a picture holds.
        """
        panels = self._series()
        if len(panels) > _MOST_PANELS:
            raise ValueError(
                f"ForecastDisplay draws at most {_MOST_PANELS} series. Got "
                f"{len(panels)}; select rows of the forecast."
            )
        n_beside = min(-(-len(panels) // _MOST_IN_A_COLUMN), _MOST_COLUMNS)
        n_lines = -(-len(panels) // n_beside)
        size = (6.4, 2.2 + 1.6 * n_lines)
        if n_beside > 1:
            size = (1.0 + 3.4 * n_beside, 1.0 + 1.4 * n_lines)
        self._begin(ax, len(panels), 1, size=size, n_beside=n_beside)
        headings = _headings_told_apart(panels)
        for at, (panel, heading, parts) in enumerate(
            zip(self.axes_[:, 0], headings, panels.values(), strict=True)
        ):
            _, quantity, past, to_come, lower, upper, actual = parts
            is_next = _is_next(past.index, to_come.index)
            grid = _grid_of(past.index)
            n_shown = max(4 * len(to_come), 60) if n_past is None else n_past
            past = past.iloc[max(0, len(past) - n_shown) :]
            marker = "o" if len(to_come) * n_beside <= _MOST_MARKERS else None
            self._draw(panel, past, to_come, lower, upper, actual, grid, marker)
            if is_next and len(past):
                _join(panel, past.iloc[-1:], to_come.iloc[:1])
            if heading is not None:
                panel.set_title(str(heading), fontsize="medium", loc="left")
            if quantity is not None and at % n_beside == 0:
                width = 40 if len(panels) == 1 else _WIDTH_OF_LABELS
                panel.set_ylabel(fill(str(quantity), width))
        self._legend()
        return self

    def _draw(self, ax, past, to_come, lower, upper, actual, grid, marker):
        stamps, values, points = _broken_line(past, grid)
        ax.plot(
            stamps,
            values,
            color=ink(),
            lw=1.0,
            marker="." if len(points) else None,
            markevery=points,
            markersize=4,
            label="history",
        )
        if actual is not None:
            stamps, values, points = _broken_line(actual, grid)
            ax.plot(
                stamps,
                values,
                color=ink(),
                lw=0.8,
                linestyle=":",
                marker="o" if len(points) else marker,
                markevery=points if marker is None else None,
                markersize=4,
                markerfacecolor="none",
                zorder=3,  # rings stay to be seen where a good forecast lies on them
                label="actual",
            )
        stamps = stamps_of(to_come)
        if lower is not None:
            ends = lower.to_numpy(), upper.to_numpy()
            ax.fill_between(stamps, *ends, color="C0", alpha=0.25, lw=0)
            coverage = coverage_of_forecast(self.forecast)
            words = "interval" if coverage is None else f"{100 * coverage:g} % interval"
            for end, label in zip(ends, (words, "_"), strict=True):
                ax.plot(stamps, end, "--", color="C0", lw=0.8, label=label)
        ax.plot(
            stamps,
            to_come.to_numpy(),
            color="C0",
            lw=2.0,
            marker=marker,
            markersize=3.5,
            label="forecast",
        )
        if np.issubdtype(stamps.dtype, np.datetime64):
            show_dates(ax)

    def _series(self):
        """Return the parts of each series by its group and target; see ``_targets``."""
        for name in ("history", "forecast", "actual"):
            value = getattr(self, name)
            if value is not None and labels_of(value) is None:
                raise ValueError(
                    f"ForecastDisplay needs '{name}' as a pandas Series or DataFrame, "
                    f"whose index says when. Got {type(value).__name__}."
                )
        if {"origin", "step", "y_pred"} <= set(getattr(self.forecast, "columns", ())):
            raise ValueError(
                "ForecastDisplay needs one forecast. Got the predictions of a "
                "backtest, which come from many origins; select one origin and pass "
                "its column 'y_pred', or draw all of them by ErrorByStepDisplay."
            )
        kind = kind_of_long_frame(self.forecast)
        if self.groups is not None or self.time is not None:
            kind = as_columns(self.groups), self.time
        if kind is not None:
            return self._series_of_long_frames(*kind)
        if self.forecast.index.nlevels == 1:
            _check_values(self.forecast)
            return _targets(self.history, self.forecast, self.actual, None)
        groups = self.forecast.index.unique(0)
        past, to_come, actual = (
            {} if values is None else _parts_by_group(values, groups, name)
            for name, values in (
                ("history", self.history),
                ("forecast", self.forecast),
                ("actual", self.actual),
            )
        )
        return _series_of_groups(past, to_come, actual)

    def _series_of_long_frames(self, groups, time):
        past, to_come, actual = (
            {}
            if rows is None
            else frames_of_groups(
                rows, groups, time, owner="ForecastDisplay", rows=f"'{name}'"
            )
            for name, rows in vars(self).items()
            if name in ("history", "forecast", "actual")
        )
        return _series_of_groups(past, to_come, actual)

    def __repr__(self) -> str:
        panels = self._series()
        n_steps = max(len(parts[3]) for parts in panels.values())
        return f"ForecastDisplay(series={len(panels)}, steps={n_steps})"


def _parts_by_group(values, groups, owner):
    """Return the rows of those of the groups that are there, at their times."""
    if values.index.nlevels != 2:
        raise ValueError(
            "ForecastDisplay needs an index of two levels, group and time, in all that "
            f"it draws, or in none of it. Got {values.index.nlevels} level(s) in "
            f"'{owner}'."
        )
    known = values.index.unique(0)
    return {group: values.xs(group, level=0) for group in groups if group in known}


def _series_of_groups(history, forecast, actual):
    """Return the parts of each series of groups, each given by its group."""
    lacking = [group for group in forecast if group not in history]
    if lacking:
        raise ValueError(
            "ForecastDisplay needs rows of every group of the forecast in 'history'. "
            f"Got none of {lacking[0]!r}; pass them, or select rows of the forecast."
        )
    panels = {}
    for group, values in forecast.items():
        panels |= _targets(history[group], values, actual.get(group), group)
    return panels


def _is_next(past, to_come):
    """Return whether labels to come directly follow those of the history."""
    labels = past.append(to_come)
    if not len(past) or not labels.is_monotonic_increasing or not labels.is_unique:
        return False
    return len(past) not in grid_of(labels).holes(labels, None)[0]


def _grid_of(labels):
    """Return the grid that tells holes in labels, None where nothing does."""
    is_ordered = labels.is_monotonic_increasing and labels.is_unique
    return grid_of(labels) if len(labels) > 1 and is_ordered else None


def _broken_line(values, grid):
    """Return where and what a line draws, NaN at holes, and its single points."""
    stamps, drawn = stamps_of(values), values.to_numpy(dtype=float, na_value=np.nan)
    labels = values.index
    if grid is not None and grid.accepts(labels) and labels.is_monotonic_increasing:
        starts, _ = grid.holes(labels, None)
        stamps = np.insert(stamps, starts, stamps[starts])
        drawn = np.insert(drawn, starts, np.nan)
    is_there = np.concatenate([[False], ~np.isnan(drawn), [False]])
    is_alone = is_there[1:-1] & ~is_there[:-2] & ~is_there[2:]
    return stamps, drawn, np.flatnonzero(is_alone)


def _join(ax, last, first):
    """Draw the way from the last value of the history to the first of the forecast."""
    stamps = np.concatenate([stamps_of(last), stamps_of(first)])
    values = np.concatenate([last.to_numpy(), first.to_numpy()])
    ax.plot(stamps, values, color="C0", lw=2.0, label="_")


def _check_values(forecast):
    """Raise where a forecast has columns that are none of its values."""
    if forecast.ndim == 1:
        return
    cure = "name columns that hold groups or times in groups= and time="
    kinds = {name: values.dtype.kind for name, values in forecast.items()}
    for name, kind in kinds.items():
        # Predictions are floats, numbers of groups and of times are not.
        is_number = kind == "f" or (kind in "iub" and "f" not in kinds.values())
        if not is_number:
            raise ValueError(
                "ForecastDisplay draws every column of 'forecast', so all of them must "
                "hold predictions: floats, or integers where no column holds floats. "
                f"Got column {name!r} of dtype {forecast[name].dtype}; {cure}, and "
                "drop others."
            )
    if len(kinds) > 1 and not forecast.index.is_unique:
        twice = forecast.index[forecast.index.duplicated()][0]
        raise ValueError(
            "ForecastDisplay needs one row for each time in 'forecast'. Got more at "
            f"{twice}; {cure}."
        )


def _targets(history, forecast, actual, group):
    """Return the parts of each target of one group, by (group, target).

    The parts are its heading, its quantity (each None where the other says all),
    history, forecast, lower and upper end of the interval, and actual values.
    """
    if forecast.ndim == 1:
        points, ends = {forecast.name: forecast}, {}
    else:
        points, ends = _points_and_ends(dict(forecast.items()))
    panels = {}
    is_one = len(points) == 1
    past = _columns(history, list(points), "history")
    came = {} if actual is None else _columns(actual, list(points), "actual")
    for name, values in points.items():
        title = name
        if group is not None:
            words = list(group) if isinstance(group, tuple) else [group]
            words += [] if is_one else [name]
            title = ", ".join(map(str, words))
        panels[group, name] = (
            None if is_one and group is None else title,
            name if is_one else None,
            past[name],
            values,
            *ends.get(name, (None, None)),
            came.get(name),
        )
    return panels


def _headings_told_apart(panels):
    """Return the heading of each panel, as Python writes it where two look the same."""
    counts = Counter(str(heading) for heading, *_ in panels.values())
    headings = []
    for (group, name), (heading, quantity, *_) in panels.items():
        if counts[str(heading)] > 1:
            words = [] if group is None else [group]
            words += [name] if quantity is None else []
            heading = ", ".join(map(repr, words))
        headings.append(heading)
    return headings


def _points_and_ends(columns):
    """Return the columns that are points, and the ends of their intervals, by name."""
    ends = {}
    for name in list(columns):
        own = [f"{name}_lower", f"{name}_upper"]
        if len(columns) == 3 and {"lower", "upper"} < set(columns):
            own = ["lower", "upper"]
        if name not in own and all(end in columns for end in own):
            ends[name] = own
    taken = {end for own in ends.values() for end in own}
    points = {name: values for name, values in columns.items() if name not in taken}
    return points, {
        name: tuple(columns[end] for end in own) for name, own in ends.items()
    }


def _columns(values, targets, owner):
    """Return those of the targets that a Series or DataFrame has, by name."""
    columns = {values.name: values} if values.ndim == 1 else dict(values.items())
    if len(targets) == len(columns) == 1:
        return dict(zip(targets, columns.values(), strict=True))
    found = {name: columns[name] for name in targets if name in columns}
    lacking = [name for name in targets if name not in found]
    # A target may have no actual values yet; that none has any is a slip.
    if lacking and (owner == "history" or not found):
        raise ValueError(
            f"ForecastDisplay needs a column {lacking[0]!r} in '{owner}', as the "
            f"forecast is named. Got {list(columns)}; rename what belongs to it."
        )
    return found
