"""Displays in scikit-learn's manner: they hold data, draw it, and compute no model.

Everything is matplotlib's, imported when something is drawn. Colours are those of the
active style, so that light and dark notebooks are both served; what matters is also
told by line style, marker or a colormap whose lightness rises evenly, so that nothing
is lost in grey.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm._forecast import forecast as forecast_after
from sklstm._index import (
    frames_of_groups,
    kind_of_long_frame,
    labels_of,
    stamps_of,
)
from sklstm._inspection import contributions as contributions_of
from sklstm._inspection import gates as gates_of
from sklstm._inspection import lstm_inside, window_values
from sklstm._panel import as_columns
from sklstm._validation import is_integer

__all__ = [
    "ContributionDisplay",
    "ErrorByStepDisplay",
    "ForecastDisplay",
    "GateDisplay",
    "LossCurveDisplay",
]

# Lightness rises evenly from one end to the other, in grey and for the colour-blind.
_COLORMAP = "cividis"

# Lines are told apart by these as well as by their colour.
_LINE_STYLES = ["-", "--", ":", "-."]
_MARKERS = ["o", "s", "^", "D", "v", "P"]

# Panels and lines beyond which a picture of default size cannot be read.
_MOST_CHANNELS = 6
_MOST_LINES = 6

# Panels of one picture that matplotlib still draws, and somebody still looks at.
_MOST_PANELS = 100

_GATES = {
    "input": "input gate",
    "forget": "forget gate",
    "output": "output gate",
    "candidate": "candidate",
    "cell": "cell state",
    "hidden": "hidden state",
}


class _Display:
    """What all displays share: where they draw, and one line about what they hold."""

    axes_: Any
    ax_: Any
    figure_: Any

    def _begin(self, ax, n_rows, n_columns, *, size, margin=0.0):
        """Set figure and axes: a new figure, or a grid in the place of an axes.

        Parameters
        ----------
        ax : matplotlib Axes or None
            What to draw in.
        n_rows, n_columns : int
            Panels.
        size : tuple of float
            Inches of a new figure.
        margin : float
            Width of a last column for what explains the panels, as share of theirs; it
            is not among ``axes_``.

        Returns
        -------
        list of Axes
            That column, empty and without frames; none where the margin is 0.
        """
        import matplotlib.pyplot as plt
        from matplotlib.gridspec import GridSpecFromSubplotSpec

        self._is_own_figure = ax is None
        n_all = n_columns + (margin > 0)
        widths = [1.0] * n_columns + [margin] * (margin > 0)
        if ax is None:
            figure = plt.figure(figsize=size, layout="constrained")
            grid = figure.add_gridspec(n_rows, n_all, width_ratios=widths)
        elif n_rows == n_all == 1:
            self.figure_, self.axes_, self.ax_ = ax.figure, np.array([[ax]]), ax
            return []
        else:
            figure = ax.figure
            if ax.get_subplotspec() is None:
                raise ValueError(
                    f"{type(self).__name__} draws several panels, so its ax must come "
                    "from plt.subplots or a grid. Got one at a free position."
                )
            ax.set_axis_off()
            grid = GridSpecFromSubplotSpec(
                n_rows,
                n_all,
                subplot_spec=ax.get_subplotspec(),
                width_ratios=widths,
            )
        self.figure_ = figure
        self.axes_ = np.array(
            [
                [figure.add_subplot(grid[row, column]) for column in range(n_columns)]
                for row in range(n_rows)
            ]
        )
        self.ax_ = self.axes_[0, 0]
        if not margin:
            return []
        beside = [figure.add_subplot(grid[row, n_columns]) for row in range(n_rows)]
        for panel in beside:
            panel.set_axis_off()
        return beside

    def _legend(self):
        """Put one legend above all panels; inside the first where these have a host."""
        labelled: dict[str, Any] = {}
        for ax in self.axes_.flat:
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                labelled.setdefault(label, handle)
        options = {"frameon": False, "handlelength": 3}
        if self._is_own_figure:
            self.figure_.legend(
                labelled.values(),
                labelled,
                loc="outside upper center",
                ncols=min(len(labelled), 4),
                **options,
            )
        else:
            self.ax_.legend(labelled.values(), labelled, **options)


# -- gates --------------------------------------------------------------------------


class GateDisplay(_Display):
    """How the gates and states of an LSTM move through the windows of chosen rows.

    From top to bottom: the values of the window, heat maps over units of the three
    gates, the candidate, the cell and the hidden state, and the mean of the gates over
    units. Missing steps are hatched. One column of panels for each row.

    Parameters
    ----------
    gates : DataFrame
        As :func:`gates` returns them.
    values : DataFrame, default=None
        The values of the windows, at an index (row, step), a column for each channel.

    Attributes
    ----------
    axes_ : ndarray of Axes
        The panels: 8 with values, else 7, for each row.
    ax_ : Axes
        The first of them.
    figure_ : Figure
        What they are in.

    See Also
    --------
    gates : The numbers.
    ContributionDisplay : Which values of the window mattered.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import GateDisplay, LSTMRegressor, SlidingWindow
    >>> from sklstm import load_airline_passengers
    >>> X = load_airline_passengers()
    >>> pipe = make_pipeline(SlidingWindow(12), LSTMRegressor(8, epochs=1))
    >>> pipe = pipe.fit(X, X["passengers"])
    >>> GateDisplay.from_estimator(pipe, X, rows=["1960-07", "1960-12"])
    GateDisplay(rows=2, layers=1, steps=12)
    """

    def __init__(self, gates, values=None):
        self.gates = gates
        self.values = values

    @classmethod
    def from_estimator(cls, estimator, X, rows=-1, *, layer=-1, ax=None):
        """Draw the gates of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            An :class:`LSTMRegressor`, a pipeline that ends in one, or a search.
        X : DataFrame, Series or array-like
            Rows as ``estimator.predict`` takes them.
        rows : int, label or sequence of them, default=-1
            Which rows: positions in X, or labels that are not integers.
        layer : int, default=-1
            Which layer is drawn; the last one by default.
        ax : matplotlib Axes, default=None
            Is replaced by the panels; None makes a new figure.

        Returns
        -------
        GateDisplay
        """
        display = cls(
            gates_of(estimator, X, rows), values=window_values(estimator, X, rows)
        )
        return display.plot(ax, layer=layer)

    def plot(self, ax=None, *, layer=-1):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Is replaced by the panels; None makes a new figure.
        layer : int, default=-1
            Which layer is drawn; the last one by default.

        Returns
        -------
        GateDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        layers = self.gates.index.unique("layer")
        if not is_integer(layer) or not -len(layers) <= layer < len(layers):
            raise ValueError(
                f"The 'layer' parameter of GateDisplay must be one of {len(layers)} "
                f"layer(s). Got {layer!r} instead."
            )
        chosen = self.gates.xs(layers[layer], level="layer")
        rows = list(dict.fromkeys(chosen.index.get_level_values("row")))
        has_values = int(self.values is not None)
        n_panels = has_values + len(_GATES) + 1
        size = (3.4 + 3.0 * len(rows), 1.2 * n_panels)
        margin = 0.3 if len(rows) == 1 else 0.4
        beside = self._begin(ax, n_panels, len(rows), size=size, margin=margin)
        steps = self.gates.index.unique("step")
        limits = _limits_of_gates(chosen)
        for column, row in enumerate(rows):
            axes = self.axes_[:, column]
            axes[0].set_title(_said(row), fontsize="medium")
            if has_values:
                self._draw_values(axes[0], row)
            images = [
                _draw_units(panel, chosen[name].xs(row, level="row"), limits[name])
                for panel, name in zip(axes[has_values:-1], _GATES, strict=True)
            ]
            _draw_means(axes[-1], chosen.xs(row, level="row"))
            for panel in axes:
                panel.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
                panel.xaxis.get_major_locator().set_params(integer=True)
            for panel in axes[:-1]:
                panel.tick_params(labelbottom=False)
            axes[-1].set_xlabel("step of the window")
        self._label(beside, images, chosen)
        return self

    def _draw_values(self, ax, row):
        values = self.values.xs(row, level="row")
        for number, (name, channel) in enumerate(values.items()):
            style = _LINE_STYLES[number % len(_LINE_STYLES)]
            if values.shape[1] > 1:
                spread = channel.max() - channel.min()
                channel = (channel - channel.min()) / (spread if spread > 0 else 1.0)
            ax.plot(values.index, channel, style, color=f"C{number}", label=str(name))
        is_missing = values.isna().all(axis=1)
        _hatch_steps(ax, values.index[is_missing])

    def _label(self, beside, images, chosen):
        """Say what the panels are, once for each line of them."""
        left = self.axes_[:, 0]
        has_values = int(self.values is not None)
        if has_values:
            is_one = self.values.shape[1] == 1
            left[0].set_ylabel(str(self.values.columns[0]) if is_one else "window")
            if not is_one:
                for panel in self.axes_[0]:
                    panel.set_yticks([0, 1], ["min", "max"])
                _explain(beside[0], self.ax_)
        for at, (title, image) in enumerate(
            zip(_GATES.values(), images, strict=True), start=has_values
        ):
            left[at].set_ylabel(title)
            bar = self.figure_.colorbar(
                image, cax=beside[at].inset_axes((0.0, 0.0, 0.15, 1.0))
            )
            if image.get_clim() == (0.0, 1.0):
                bar.set_ticks([0.0, 0.5, 1.0])
            else:
                bar.ax.yaxis.set_major_locator(_few_ticks())
        left[-1].set_ylabel("mean of\ngates")
        _explain(beside[-1], left[-1])
        if len(chosen.index.unique("direction")) > 1:
            n_units = len(chosen.index.unique("unit"))
            ticks = [n_units / 2 - 0.5, 1.5 * n_units - 0.5]
            for panel in self.axes_[has_values:-1].flat:
                panel.axhline(n_units - 0.5, color="white", linewidth=1.5)
                panel.set_yticks(ticks, ["forward", "backward"], fontsize="small")

    def __repr__(self):
        n_rows, n_layers, n_steps = (
            len(self.gates.index.unique(name)) for name in ("row", "layer", "step")
        )
        return f"GateDisplay(rows={n_rows}, layers={n_layers}, steps={n_steps})"


def _limits_of_gates(gates):
    """Return the ends of the colour scale of each heat map."""
    limits = {}
    for name in _GATES:
        size = float(np.nanmax(np.abs(gates[name]), initial=0.0)) or 1.0
        if name in ("input", "forget", "output"):
            limits[name] = (0.0, max(1.0, size))
        else:
            limits[name] = (-size, size)
    return limits


def _draw_units(ax, values, limits):
    """Draw a heat map over units and steps, forward above backward; return it."""
    table = np.concatenate(
        [
            values.xs(direction, level="direction").unstack("step").to_numpy()
            for direction in values.index.unique("direction")
        ]
    )
    steps = values.index.unique("step")
    _hatch(ax)
    image = ax.imshow(
        np.ma.masked_invalid(table),
        aspect="auto",
        interpolation="nearest",
        cmap=_COLORMAP,
        vmin=limits[0],
        vmax=limits[1],
        extent=(steps[0] - 0.5, steps[-1] + 0.5, len(table) - 0.5, -0.5),
    )
    ax.yaxis.set_major_locator(_few_ticks())
    return image


def _draw_means(ax, gates):
    """Draw the mean of each gate over units, a line for each direction."""
    for number, name in enumerate(["input", "forget", "output"]):
        means = gates[name].groupby(["direction", "step"], sort=True).mean()
        for direction in means.index.unique("direction"):
            line = means.xs(direction, level="direction")
            ax.plot(
                line.index,
                line,
                _LINE_STYLES[number],
                color=f"C{number}",
                linewidth=1.0 if direction == "backward" else 1.6,
                label=name if direction == "forward" else "_",
            )
    ax.set_ylim(-0.05, 1.05)


def _hatch(ax):
    """Hatch the background, which shows where there is nothing."""
    ax.set_facecolor("none")
    ax.patch.set(hatch="////", edgecolor="grey", linewidth=0.0)


def _few_ticks():
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3)


def _explain(beside, panel):
    """Put the legend of a panel beside it, where nothing is drawn."""
    beside.legend(
        *panel.get_legend_handles_labels(),
        loc="center left",
        bbox_to_anchor=(0.0, 0.5),
        frameon=False,
        fontsize="small",
        handlelength=2.2,
        borderpad=0.0,
        borderaxespad=0.0,
    )


def _said(label):
    """Return a row label as a title says it: dates without a midnight."""
    return str(label).removesuffix(" 00:00:00")


# -- contributions ------------------------------------------------------------------


class ContributionDisplay(_Display):
    """Which steps and channels of the window mattered, and in which direction.

    One panel for each channel, the ones that mattered most first. For one row bars go
    up where a value raises the prediction above that of a flat window, down where it
    lowers it. For several rows their mean sizes are shown.

    Parameters
    ----------
    contributions : DataFrame
        As :func:`contributions` returns them.

    Attributes
    ----------
    axes_ : ndarray of Axes
        A panel for each of at most six channels.
    ax_ : Axes
        The first of them.
    figure_ : Figure
        What they are in.

    See Also
    --------
    contributions : The numbers.
    GateDisplay : What the network did at each step.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import ContributionDisplay, LSTMRegressor, SlidingWindow
    >>> from sklstm import load_airline_passengers
    >>> X = load_airline_passengers()
    >>> pipe = make_pipeline(SlidingWindow(12), LSTMRegressor(8, epochs=1))
    >>> pipe = pipe.fit(X, X["passengers"])
    >>> ContributionDisplay.from_estimator(pipe, X)
    ContributionDisplay(rows=1, steps=12, channels=1)
    """

    def __init__(self, contributions):
        self.contributions = contributions

    @classmethod
    def from_estimator(cls, estimator, X, rows=-1, *, output=0, ax=None):
        """Draw the contributions of a fitted estimator's windows.

        Parameters
        ----------
        estimator : fitted estimator
            An :class:`LSTMRegressor`, a pipeline that ends in one, or a search.
        X : DataFrame, Series or array-like
            Rows as ``estimator.predict`` takes them.
        rows : int, label, slice or sequence of them, default=-1
            Which rows: positions in X, or labels that are not integers.
        output : int, default=0
            Which column of ``predict_steps`` is looked at.
        ax : matplotlib Axes, default=None
            Is replaced by the panels; None makes a new figure.

        Returns
        -------
        ContributionDisplay
        """
        return cls(contributions_of(estimator, X, rows, output=output)).plot(ax)

    def plot(self, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Is replaced by the panels; None makes a new figure.

        Returns
        -------
        ContributionDisplay
            The display itself.
        """
        rows = self.contributions.index.unique("row")
        if len(rows) == 1:
            values, what = self.contributions.droplevel("row"), "contribution"
        else:
            values = self.contributions.abs().groupby("step").mean()
            what = "mean size of contribution"
        sizes = values.abs().mean().sort_values(ascending=False, kind="stable")
        channels = list(sizes.index[:_MOST_CHANNELS])
        self._begin(ax, len(channels), 1, size=(6.4, 1.6 + 1.3 * len(channels)))
        panels = self.axes_[:, 0]
        steps = values.index.to_numpy()
        shown = values[channels].to_numpy()
        low, high = np.nanmin(shown, initial=0.0), np.nanmax(shown, initial=0.0)
        margin = 0.08 * (high - low) or 1.0
        for panel, channel in zip(panels, channels, strict=True):
            column = values[channel].to_numpy()
            panel.bar(steps, np.nan_to_num(column), width=0.8, color="C0")
            panel.axhline(0, color="grey", linewidth=0.8)
            _hatch_steps(panel, steps[np.isnan(column)])
            panel.set_ylabel(str(channel))
            panel.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
            panel.set_ylim(low - margin * (low < 0), high + margin)
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.yaxis.set_major_locator(_few_ticks())
        for panel in panels[:-1]:
            panel.tick_params(labelbottom=False)
        panels[-1].set_xlabel("step of the window")
        of = f"row {_said(rows[0])}" if len(rows) == 1 else f"{len(rows)} rows"
        title = f"{what}, {of}"
        if len(channels) < values.shape[1]:
            title += f", {len(channels)} of {values.shape[1]} channels"
        panels[0].set_title(title, fontsize="medium")
        return self

    def __repr__(self):
        n_rows, n_steps = (
            len(self.contributions.index.unique(name)) for name in ("row", "step")
        )
        n_channels = self.contributions.shape[1]
        return (
            f"ContributionDisplay(rows={n_rows}, steps={n_steps}, "
            f"channels={n_channels})"
        )


def _hatch_steps(ax, steps):
    """Hatch the steps that are missing."""
    if len(steps):
        ax.axvspan(
            steps[0] - 0.5,
            steps[-1] + 0.5,
            facecolor="none",
            edgecolor="grey",
            hatch="////",
            linewidth=0.0,
        )


# -- forecasts ----------------------------------------------------------------------


class ForecastDisplay(_Display):
    """History, forecast, interval and, where they have come, the actual values.

    Several series get a panel each: the columns of a forecast of several targets, and
    the groups of a long frame, or of an index of two levels, group and time.

    Parameters
    ----------
    history : Series or DataFrame
        The values up to now. Of a DataFrame, the column(s) named as the forecast, or
        its only one. For a long frame a long frame, rows in any order.
    forecast : Series or DataFrame
        What :func:`forecast` returns. Columns ``load_lower`` and ``load_upper`` beside
        ``load``, or ``lower`` and ``upper`` beside a single other one, are the ends of
        its interval.
    actual : Series or DataFrame, default=None
        What came true, as ``history``.
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

    def __init__(self, history, forecast, actual=None, *, groups=None, time=None):
        self.history = history
        self.forecast = forecast
        self.actual = actual
        self.groups = groups
        self.time = time

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        steps,
        *,
        X_future=None,
        target=None,
        coverage=None,
        residuals=None,
        actual=None,
        n_past=None,
        ax=None,
    ):
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
        history,
        forecast,
        *,
        actual=None,
        groups=None,
        time=None,
        n_past=None,
        ax=None,
    ):
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

    def plot(self, ax=None, *, n_past=None):
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
            If what is drawn has no labels, the history lacks a series, or there are
            more series than a picture holds.
        """
        panels = self._series()
        if len(panels) > _MOST_PANELS:
            raise ValueError(
                f"ForecastDisplay draws at most {_MOST_PANELS} series. Got "
                f"{len(panels)}; select rows of the forecast."
            )
        self._begin(ax, len(panels), 1, size=(6.4, 2.2 + 1.6 * len(panels)))
        for panel, (name, parts) in zip(self.axes_[:, 0], panels.items(), strict=True):
            past, to_come, lower, upper, actual = parts
            n_shown = max(4 * len(to_come), 60) if n_past is None else n_past
            past = past.iloc[max(0, len(past) - n_shown) :]
            self._draw(panel, past, to_come, lower, upper, actual)
            if name is not None and len(panels) == 1:
                panel.set_ylabel(str(name))
            elif name is not None:
                panel.set_title(str(name), fontsize="medium", loc="left")
        self._legend()
        return self

    def _draw(self, ax, past, to_come, lower, upper, actual):
        import matplotlib.dates as dates
        from matplotlib import rcParams

        ink = rcParams["text.color"]
        ax.plot(stamps_of(past), past.to_numpy(), color=ink, lw=1.0, label="history")
        marker = "o" if len(to_come) <= 40 else None
        if actual is not None:
            ax.plot(
                stamps_of(actual),
                actual.to_numpy(),
                color=ink,
                lw=0.8,
                linestyle=":",
                marker=marker,
                markersize=4,
                markerfacecolor="none",
                label="actual",
            )
        stamps = stamps_of(to_come)
        if lower is not None:
            ends = lower.to_numpy(), upper.to_numpy()
            ax.fill_between(stamps, *ends, color="C0", alpha=0.25, lw=0)
            for end, label in zip(ends, ("interval", "_"), strict=True):
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
            locator = dates.AutoDateLocator(minticks=3, maxticks=8)
            ax.xaxis.set_major_locator(locator)
            ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))

    def _series(self):
        """Return (history, forecast, lower, upper, actual) of each series by name."""
        for name in ("history", "forecast", "actual"):
            value = getattr(self, name)
            if value is not None and labels_of(value) is None:
                raise ValueError(
                    f"ForecastDisplay needs '{name}' as a pandas Series or DataFrame, "
                    f"whose index says when. Got {type(value).__name__}."
                )
        kind = kind_of_long_frame(self.forecast)
        if self.groups is not None or self.time is not None:
            kind = as_columns(self.groups), self.time
        if kind is not None:
            return self._series_of_long_frames(*kind)
        if self.forecast.index.nlevels == 1:
            _check_numbers(self.forecast)
            return _targets(self.history, self.forecast, self.actual, None)
        panels = {}
        for group in self.forecast.index.unique(0):
            past, to_come, actual = (
                None if values is None else values.xs(group, level=0)
                for values in (self.history, self.forecast, self.actual)
            )
            panels |= _targets(past, to_come, actual, group)
        return panels

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
        lacking = [group for group in to_come if group not in past]
        if lacking:
            raise ValueError(
                "ForecastDisplay needs rows of every group of the forecast in "
                f"'history'. Got none of {lacking[0]!r}; pass them, or select rows of "
                "the forecast."
            )
        panels = {}
        for group, values in to_come.items():
            panels |= _targets(past[group], values, actual.get(group), group)
        return panels

    def __repr__(self):
        panels = self._series()
        n_steps = max(len(parts[1]) for parts in panels.values())
        return f"ForecastDisplay(series={len(panels)}, steps={n_steps})"


def _check_numbers(forecast):
    """Raise where a forecast has columns that are none of its values."""
    columns = dict(forecast.items()) if forecast.ndim == 2 else {}
    for name, values in columns.items():
        if values.dtype.kind not in "fiub":
            raise ValueError(
                "ForecastDisplay needs a forecast of numbers. Got column "
                f"{name!r} of dtype {values.dtype}; name the columns of a long frame "
                "in groups= and time=."
            )


def _targets(history, forecast, actual, group):
    """Return the parts of each target of one group, by what they are called."""
    if forecast.ndim == 1:
        points, ends = {forecast.name: forecast}, {}
    else:
        points, ends = _points_and_ends(dict(forecast.items()))
    panels = {}
    for name, values in points.items():
        title = name
        if group is not None:
            words = list(group) if isinstance(group, tuple) else [group]
            words += [] if len(points) == 1 else [name]
            title = ", ".join(map(str, words))
        panels[title] = (
            _column(history, name, "history"),
            values,
            *ends.get(name, (None, None)),
            None if actual is None else _column(actual, name, "actual"),
        )
    return panels


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


def _column(values, name, owner):
    """Return the Series of a name from a Series or DataFrame."""
    if values.ndim == 1:
        return values
    if name in values.columns:
        return values[name]
    if values.shape[1] == 1:
        return values.iloc[:, 0]
    raise ValueError(
        f"ForecastDisplay needs a column {name!r} in '{owner}', as the forecast is "
        f"named. Got {list(values.columns)}; pass that column as a Series."
    )


# -- losses -------------------------------------------------------------------------


class LossCurveDisplay(_Display):
    """The training loss of every epoch, the validation loss, and where it was best.

    Parameters
    ----------
    history : dict of lists of float
        ``history_`` of an :class:`LSTMRegressor`: ``loss`` and maybe ``val_loss``.
    best_epoch : int, default=None
        The epoch, counted from 1, whose weights were kept; None marks none.

    Attributes
    ----------
    axes_ : ndarray of Axes
        The panel, as an array.
    ax_ : Axes
        The panel.
    figure_ : Figure
        What it is in.

    See Also
    --------
    LSTMRegressor : Trains and keeps ``history_``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LossCurveDisplay, LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(60, 3, 1))
    >>> lstm = LSTMRegressor(2, epochs=5, early_stopping=False).fit(X, X[:, 0, 0])
    >>> LossCurveDisplay.from_estimator(lstm)
    LossCurveDisplay(epochs=5, best_epoch=None)
    """

    def __init__(self, history, best_epoch=None):
        self.history = history
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            An :class:`LSTMRegressor`, a pipeline that ends in one, or a search.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        LossCurveDisplay

        Notes
        -----
        Early stopping restores the weights of the epoch with the lowest validation
        loss, which is marked. After several fits that went on from each other it
        cannot be told from ``history_``, and none is marked.
        """
        lstm = lstm_inside(estimator, cls.__name__)
        losses = lstm.history_.get("val_loss", [])
        is_one_fit = len(losses) == len(lstm.history_["loss"]) and not lstm.warm_start
        best = int(np.argmin(losses)) + 1 if is_one_fit else None
        return cls(lstm.history_, best_epoch=best).plot(ax)

    def plot(self, ax=None):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        LossCurveDisplay
            The display itself.
        """
        from matplotlib import rcParams

        self._begin(ax, 1, 1, size=(6.4, 3.8))
        panel = self.ax_
        losses = [self.history["loss"], self.history.get("val_loss", [])]
        names, styles = ("training", "validation"), ("-", "--")
        for number, values in enumerate(losses):
            if values:
                panel.plot(
                    range(1, len(values) + 1),
                    values,
                    styles[number],
                    color=f"C{number}",
                    marker=_MARKERS[number] if len(values) <= 30 else None,
                    markersize=3.5,
                    label=names[number],
                )
        if self.best_epoch is not None:
            panel.plot(
                self.best_epoch,
                losses[1][self.best_epoch - 1],
                linestyle="none",
                marker="o",
                markersize=11,
                markerfacecolor="none",
                markeredgewidth=1.8,
                markeredgecolor=rcParams["text.color"],
                label=f"weights kept: epoch {self.best_epoch}",
            )
        positive = [v for values in losses for v in values if v > 0]
        if positive and max(positive) > 20 * min(positive):
            panel.set_yscale("log")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.set(xlabel="epoch", ylabel="loss of the scaled target")
        self._legend()
        return self

    def __repr__(self):
        n_epochs = len(self.history["loss"])
        return f"LossCurveDisplay(epochs={n_epochs}, best_epoch={self.best_epoch})"


# -- errors of a backtest -----------------------------------------------------------


class ErrorByStepDisplay(_Display):
    """How the error of a backtest grows from step to step.

    A line for each model, or each group of one model; bars go from the best to the
    worst fold. With more than six groups, the line is their mean and the bars go from
    the best to the worst of them.

    Parameters
    ----------
    errors : dict of DataFrame
        By the name of each line (None for a single one): steps as index, columns
        ``mean``, ``lowest`` and ``highest``.
    metric : str
        What the errors are, for the label.

    Attributes
    ----------
    axes_ : ndarray of Axes
        The panel, as an array.
    ax_ : Axes
        The panel.
    figure_ : Figure
        What it is in.

    See Also
    --------
    ForecastDisplay : The forecasts of one origin.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklstm import ErrorByStepDisplay
    >>> frame = pd.DataFrame(
    ...     {
    ...         "step": [1, 2, 1, 2],
    ...         "fold": [0, 0, 1, 1],
    ...         "y_true": [5.0, 5.0, 6.0, 6.0],
    ...         "y_pred": [5.5, 6.0, 6.1, 7.4],
    ...     }
    ... )
    >>> ErrorByStepDisplay.from_predictions({"LSTM": frame, "naive": frame + 0.5})
    ErrorByStepDisplay(lines=2, steps=2, metric='mae')
    """

    def __init__(self, errors, metric):
        self.errors = errors
        self.metric = metric

    @classmethod
    def from_predictions(cls, frame, *, metric="mae", ax=None):
        """Draw the errors of one or several backtests.

        Parameters
        ----------
        frame : DataFrame or dict of DataFrame
            Predictions with columns ``step``, ``y_true``, ``y_pred``, ``fold``, and
            ``group`` where there are several series; or several such frames by the
            name of the model, to be compared.
        metric : {"mae", "rmse"}, default="mae"
            Mean absolute error, or root of the mean squared one.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ErrorByStepDisplay

        Raises
        ------
        ValueError
            If a column is missing, or there is no such metric.
        """
        if metric not in ("mae", "rmse"):
            raise ValueError(
                "The 'metric' parameter of ErrorByStepDisplay must be 'mae' or "
                f"'rmse'. Got {metric!r} instead."
            )
        frames = frame if isinstance(frame, dict) else {None: frame}
        for each in frames.values():
            lacking = {"step", "y_true", "y_pred", "fold"} - set(each.columns)
            if lacking:
                raise ValueError(
                    "ErrorByStepDisplay needs columns step, y_true, y_pred and fold. "
                    f"Got none called {sorted(lacking)}."
                )
        by = "fold"
        if not isinstance(frame, dict) and "group" in frame.columns:
            groups = dict(iter(frame.groupby("group")))
            if len(groups) <= _MOST_LINES:
                frames = groups
            else:
                by = "group"
        errors = {name: _errors(each, metric, by) for name, each in frames.items()}
        return cls(errors, metric).plot(ax)

    def plot(self, ax=None):
        """Draw the errors.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ErrorByStepDisplay
            The display itself.
        """
        self._begin(ax, 1, 1, size=(6.4, 3.8))
        for number, (name, line) in enumerate(self.errors.items()):
            # Bars of several lines stand beside each other, not on each other.
            shift = 0.12 * (number - (len(self.errors) - 1) / 2)
            self.ax_.errorbar(
                line.index + shift,
                line["mean"],
                yerr=[line["mean"] - line["lowest"], line["highest"] - line["mean"]],
                color=f"C{number}",
                linestyle=_LINE_STYLES[number % len(_LINE_STYLES)],
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=4.5,
                elinewidth=0.8,
                capsize=2.0,
                label=None if name is None else str(name),
            )
        steps = [step for line in self.errors.values() for step in line.index]
        self.ax_.set_xlim(min(steps) - 0.6, max(steps) + 0.6)
        self.ax_.set_ylim(bottom=0)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.set(xlabel="step ahead", ylabel=self.metric.upper())
        if list(self.errors) != [None]:
            self._legend()
        return self

    def __repr__(self):
        n_steps = max(map(len, self.errors.values()))
        return (
            f"ErrorByStepDisplay(lines={len(self.errors)}, steps={n_steps}, "
            f"metric={self.metric!r})"
        )


def _errors(frame, metric, by):
    """Return a DataFrame of the mean, lowest and highest error of each step."""
    error = (frame["y_pred"] - frame["y_true"]).abs()
    power = 2 if metric == "rmse" else 1
    powers = frame.assign(error=error**power)
    whole = powers.groupby("step")["error"].mean() ** (1 / power)
    parts = powers.groupby(["step", by])["error"].mean() ** (1 / power)
    ends = parts.groupby("step").agg(["min", "max"])
    return ends.set_axis(["lowest", "highest"], axis=1).assign(mean=whole)
