"""ForecastDisplay: history, forecast, interval and actual values of series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pandas import DataFrame, Series

from sklstm.forecasting._forecast import forecast as forecast_after
from sklstm.forecasting._rows_to_come import coverage_of_forecast, kind_of_long_frame
from sklstm.views._drawing import Display, ink, line_style, show_dates
from sklstm.windows._frames import labels_of, numeric_frame, stamps_of
from sklstm.windows._labels import counts_rows, grid_of
from sklstm.windows._table import as_columns, frames_of_groups

# Panels of one picture, and below each other before they stand in two or three columns.
_MOST_PANELS = 100
_MOST_IN_A_COLUMN = 6
_MOST_COLUMNS = 3

# Steps that are marked one by one, of all panels that stand beside each other.
_MOST_MARKERS = 40


class ForecastDisplay(Display):
    """History, forecast, interval and, where they have come, the actual values.

    Lines break where rows or values are missing; a value without neighbours is a point.
    The line of the forecast begins at the last value of the history, unless rows are
    missing between the two. Of several intervals the narrowest is darkest.

    Each target and each group, of a long frame or of an index of two levels, gets a
    panel. More than six panels stand in two or three columns, to be read line by line.

    Parameters
    ----------
    history : Series or DataFrame
        The values up to now, named as the forecast; of a panel a long frame.
    forecast : Series or DataFrame
        What :func:`forecast` returns. Columns ``load_lower`` and ``load_upper`` beside
        ``load``, or ``lower`` and ``upper`` beside a single other one, are the ends of
        its interval; ``load_lower_80`` and ``load_upper_80`` those of one of several.
    actual : Series or DataFrame, default=None
        What came true, as ``history``; groups and targets may be missing.
    groups : str or list of str, default=None
        Columns of long frames that tell series apart, where the forecast, put together
        from several or read from a file, does not say them.
    time : str, default=None
        Column of long frames that holds the time; None takes their index.

    Attributes
    ----------
    axes_ : ndarray of Axes
        A panel for each series.
    ax_, figure_ : Axes and Figure
        The first of them, and what they are in.

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
        coverage: float | list[float] | None = None,
        residuals: Any = None,
        actual: Series | DataFrame | None = None,
        n_past: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Forecast and draw.

        Parameters
        ----------
        estimator, X, steps : see forecast
        X_future, target, coverage, residuals : see forecast, default=None
        actual, n_past, ax : see from_predictions, default=None
            As in :func:`forecast` and :meth:`from_predictions`.
        """
        options = {"target": target, "coverage": coverage, "residuals": residuals}
        values = forecast_after(estimator, X, steps, X_future=X_future, **options)
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
        history, forecast : see ForecastDisplay
        actual, groups, time : see ForecastDisplay, default=None
        n_past, ax : see plot, default=None
            As in :class:`ForecastDisplay` and :meth:`plot`.
        """
        display = cls(history, forecast, actual, groups=groups, time=time)
        return display.plot(ax, n_past=n_past)

    def plot(self, ax: Any = None, *, n_past: int | None = None) -> Self:
        """Draw a panel for each series.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            One for each panel; None makes a new figure.
        n_past : int, default=None
            How many values of the history are drawn; None draws four times as many as
            there are forecasts, at least 60.
        """
        series = self._series()
        if len(series) > _MOST_PANELS:
            raise ValueError(
                f"ForecastDisplay draws at most {_MOST_PANELS} series. Got "
                f"{len(series)}; select rows of the forecast."
            )
        n_beside = min(-(-len(series) // _MOST_IN_A_COLUMN), _MOST_COLUMNS)
        n_lines = -(-len(series) // n_beside)
        size = (6.4, 2.2 + 1.6 * n_lines)
        if n_beside > 1:
            size = (1.0 + 3.4 * n_beside, 1.0 + 1.4 * n_lines)
        shape = (n_lines, n_beside) if ax is None else (len(series), 1)
        axes = self._add_panels(ax, shape, size).ravel()
        for empty in axes[len(series) :]:
            empty.remove()
        self.axes_ = axes[: len(series)].reshape(-1, 1)
        coverage = coverage_of_forecast(self.forecast)
        headings = _headings(series)
        has_marks = len(series[0].forecast) * n_beside <= _MOST_MARKERS
        for at, (panel, one) in enumerate(zip(axes, series, strict=False)):
            n_shown = max(4 * len(one.forecast), 60) if n_past is None else n_past
            one.draw(panel, n_shown, "o" if has_marks else None, coverage)
            panel.set_title(headings[at], loc="left")
            if at % n_beside:
                panel.set_ylabel("")
        named: dict[str, Any] = {}
        for panel in self.axes_.flat:
            for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
                named.setdefault(label, handle)
        look = {"handles": named.values(), "labels": named, "frameon": False}
        if ax is None:
            self.figure_.legend(**look, loc="outside upper center", ncols=4)
        else:
            self.ax_.legend(**look)
        return self

    def _series(self) -> list[_Series]:
        """Return what each panel shows, groups in turn, their targets in turn."""
        given = {n: getattr(self, n) for n in ("history", "forecast", "actual")}
        for name, value in given.items():
            is_left_out = name == "actual" and value is None
            if not is_left_out and labels_of(value) is None:
                raise ValueError(
                    f"ForecastDisplay needs '{name}' as a pandas Series or DataFrame, "
                    f"whose index says when. Got {type(value).__name__}."
                )
        if {"origin", "step", "y_pred"} <= set(getattr(self.forecast, "columns", ())):
            raise ValueError(
                "ForecastDisplay needs one forecast. Got the predictions of a "
                "backtest; select one origin and pass its column 'y_pred', or look at "
                "errors_by_step()."
            )
        kind = kind_of_long_frame(self.forecast)
        if self.groups is not None or self.time is not None:
            kind = as_columns(self.groups), self.time
        n_levels = self.forecast.index.nlevels
        if kind is None and n_levels == 1:
            _check_values(self.forecast)
        parts: dict[str, dict] = {"actual": {}}
        for name, rows in given.items():
            if rows is not None:
                parts[name] = _parts_by_group(rows, kind, n_levels, name)
        series = []
        for group, values in parts["forecast"].items():
            if group not in parts["history"]:
                raise ValueError(
                    "ForecastDisplay needs rows of every group of the forecast in "
                    f"'history'. Got none of {group!r}; pass them, or select rows of "
                    "the forecast."
                )
            history, actual = parts["history"][group], parts["actual"].get(group)
            series += _targets(history, values, actual, group)
        return series

    def __repr__(self) -> str:
        series = self._series()
        n_steps = max(len(one.forecast) for one in series)
        return f"ForecastDisplay(series={len(series)}, steps={n_steps})"


@dataclass
class _Series:
    """What one panel shows; ``names`` of group and target tell it from others."""

    names: list
    quantity: Any
    history: Series
    forecast: Series
    # Lower and upper ends of each interval, by its per cent; "" where nothing tells it.
    ends: dict[str, tuple[Series, Series]]
    actual: Series | None

    def draw(self, ax: Any, n_past: int, marker: str | None, coverage: Any) -> None:
        """Draw the newest values of the history, and all others."""
        past = self.history.iloc[max(0, len(self.history) - n_past) :]
        x, y, points = _broken_line(past, self.history.index)
        look: dict[str, Any] = {"marker": "." if len(points) else None}
        ax.plot(x, y, color=ink(), lw=1.0, label="history", markevery=points, **look)
        if self.actual is not None:
            x, y, points = _broken_line(self.actual, self.history.index)
            look = {"marker": marker}
            if len(points):
                look = {"marker": "o", "markevery": points if marker is None else None}
            look |= {"linestyle": ":", "markersize": 4, "markerfacecolor": "none"}
            # Rings stay to be seen where a good forecast lies on them.
            ax.plot(x, y, color=ink(), lw=0.8, zorder=3, label="actual", **look)
        x = stamps_of(self.forecast)
        for number, (per_cent, ends) in enumerate(self.ends.items()):
            share = per_cent or (f"{100 * coverage:g}" if coverage else "")
            label = f"{share} % interval" if share else "interval"
            ax.fill_between(x, *ends, color="C0", alpha=0.25, lw=0)
            for end, name in zip(ends, (label, "_"), strict=True):
                style = line_style(1 + number)
                ax.plot(x, end, style, color="C0", lw=0.8, label=name)
        look = {"marker": marker, "markersize": 3.5}
        y = self.forecast.to_numpy()
        ax.plot(x, y, color="C0", lw=2.0, label="forecast", **look)
        # Without freq: pandas would look for a stamp after the last there is.
        labels = past.index.repeat(1).append(self.forecast.index)
        is_later = labels.is_monotonic_increasing and labels.is_unique
        if len(past) and is_later and len(past) not in _holes(labels, labels):
            joint = np.append(stamps_of(past)[-1:], x[:1])
            values = np.append(past.to_numpy()[-1:], y[:1])
            ax.plot(joint, values, color="C0", lw=2.0, label="_")
        ax.set_ylabel("" if self.quantity is None else str(self.quantity))
        if np.issubdtype(x.dtype, np.datetime64):
            show_dates(ax)


def _parts_by_group(rows: Any, kind: Any, n_levels: int, name: str) -> dict[Any, Any]:
    """Return the rows of each group at their times; those of one series by None."""
    if kind is not None:
        return frames_of_groups(rows, *kind, owner="ForecastDisplay", rows=f"'{name}'")
    if rows.index.nlevels != min(n_levels, 2):
        raise ValueError(
            "ForecastDisplay needs an index of two levels, group and time, in all that "
            f"it draws, or in none of it. Got {rows.index.nlevels} level(s) in "
            f"'{name}'."
        )
    if n_levels == 1:
        return {None: rows}
    return {group: rows.xs(group, level=0) for group in rows.index.unique(0)}


def _holes(labels: Any, like: Any) -> np.ndarray:
    """Return the positions before which rows are missing, on the grid of others."""
    is_ordered = all(e.is_monotonic_increasing and e.is_unique for e in (labels, like))
    if len(like) > 1 and is_ordered and counts_rows(like):
        grid = grid_of(like)
        if grid.accepts(labels):
            return np.flatnonzero(grid.steps(labels) != 1) + 1
    return np.zeros(0, dtype=np.intp)


def _broken_line(values: Any, like: Any) -> tuple[np.ndarray, ...]:
    """Return where and what a line draws, NaN at holes, and its single points."""
    stamps, drawn = stamps_of(values), values.to_numpy(dtype=float, na_value=np.nan)
    holes = _holes(values.index, like)
    drawn = np.insert(drawn, holes, np.nan)
    stamps = np.insert(stamps, holes, stamps[holes])
    is_there = np.concatenate([[False], ~np.isnan(drawn), [False]])
    is_alone = is_there[1:-1] & ~is_there[:-2] & ~is_there[2:]
    return stamps, drawn, np.flatnonzero(is_alone)


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


def _targets(history: Any, forecast: Any, actual: Any, group: Any) -> list[_Series]:
    """Return what the panels of one group show, one for each target."""
    is_series = forecast.ndim == 1
    columns = {forecast.name: forecast} if is_series else dict(forecast.items())
    points, ends = _points_and_ends(columns)
    past = _columns(history, list(points), "history", forecast)
    came = {}
    if actual is not None:
        came = _columns(actual, list(points), "actual", forecast)
    names = list(group) if isinstance(group, tuple) else [group]
    names = [] if group is None else names
    series = []
    for name, values in points.items():
        told, quantity = (names, name) if len(points) == 1 else ([*names, name], None)
        own = past[name], values, ends.get(name, {}), came.get(name)
        series.append(_Series(told, quantity, *own))
    return series


def _headings(series: list[_Series]) -> list[str]:
    """Return the names of series, as Python writes them where two look alike."""
    said = [", ".join(map(str, one.names)) for one in series]
    return [
        ", ".join(map(repr, one.names)) if said.count(words) > 1 else words
        for one, words in zip(series, said, strict=True)
    ]


def _points_and_ends(columns: dict) -> tuple[dict, dict]:
    """Return the columns that are points, and the ends of their intervals, by name."""
    ends: dict[Any, dict] = {}
    taken = set()
    for name in columns:
        found = re.fullmatch(r"(?:(.+)_)?lower(_[\d.]+)?", str(name))
        if not found:
            continue
        of, per_cent = found[1], found[2] or ""
        upper = f"upper{per_cent}" if of is None else f"{of}_upper{per_cent}"
        others = [other for other in columns if other not in (name, upper)]
        of = next((o for o in others if of is None or str(o) == of), None)
        if upper in columns and of is not None and (found[1] or len(others) == 1):
            ends.setdefault(of, {})[per_cent[1:]] = columns[name], columns[upper]
            taken |= {name, upper}
    points = {name: values for name, values in columns.items() if name not in taken}
    return points, ends


def _columns(values, targets, owner, forecast):
    """Return those of the targets that a Series or DataFrame has, by name."""
    kinds = {stamps_of(e).dtype.kind.replace("u", "i") for e in (values, forecast)}
    if len(kinds) > 1:
        raise ValueError(
            f"ForecastDisplay needs '{owner}' at labels of the kind of 'forecast', "
            f"{forecast.index.dtype}. Got {values.index.dtype}; convert one of them."
        )
    columns = {values.name: values} if values.ndim == 1 else dict(values.items())
    if len(targets) == len(columns) == 1:
        found = dict(zip(targets, columns.values(), strict=True))
    else:
        found = {name: columns[name] for name in targets if name in columns}
    for name, column in found.items():
        frame = column.to_frame(name=str(name))
        found[name] = numeric_frame(frame, owner="ForecastDisplay").iloc[:, 0]
    lacking = [name for name in targets if name not in found]
    # A target may have no actual values yet; that none has any is a slip.
    if lacking and (owner == "history" or not found):
        raise ValueError(
            f"ForecastDisplay needs a column {lacking[0]!r} in '{owner}', as the "
            f"forecast is named. Got {list(columns)}; rename what belongs to it."
        )
    return found
