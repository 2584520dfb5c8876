"""GateDisplay: the gates and states of an LSTM, step by step."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sklstm._drawing import (
    Display,
    faint_ink,
    few_ticks,
    hatch_steps,
    label_of,
    line_style,
    marker,
    paper,
    title_of,
)
from sklstm._frames import DataFrame, labels_of
from sklstm._inspection import gates as gates_of
from sklstm._inspection import window_values
from sklstm._validation import is_integer

__all__ = ["GateDisplay"]

# Lines beyond which a panel cannot be read.
_MOST_CHANNELS = 6

# Columns of panels that matplotlib still draws, and somebody still looks at.
_MOST_ROWS = 12

# Lightness rises evenly from one end to the other, in grey and for the colour-blind.
_COLORMAP = "cividis"

_GATES = {
    "input": "input gate",
    "forget": "forget gate",
    "output": "output gate",
    "candidate": "candidate",
    "cell": "cell state",
    "hidden": "hidden state",
}


class GateDisplay(Display):
    """How the gates and states of an LSTM move through the windows of chosen rows.

    From top to bottom: the values of the window (of at most six channels, the first
    ones; several are drawn from their minimum to their maximum), heat maps over units
    of the three gates, the candidate, the cell and the hidden state, and the mean of
    the gates over units, of backward layers by thin lines. Hatched is where there is
    nothing: missing steps and, in the heat maps, the newest steps of known columns,
    which have no gates of their own. One column of panels for each of at most 12 rows.

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

    def __init__(self, gates: DataFrame, values: DataFrame | None = None) -> None:
        self.gates = gates
        self.values = values

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        rows: Any = -1,
        *,
        layer: int = -1,
        ax: Any = None,
    ) -> Self:
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

    def plot(self, ax: Any = None, *, layer: int = -1) -> Self:
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
            If these are no gates, there is no such layer, or there are more rows than a
            picture holds.
        """
        names = getattr(labels_of(self.gates), "names", None)
        if names is None or "layer" not in names:
            raise ValueError(
                "GateDisplay needs a DataFrame as gates returns it, at an index (row, "
                f"layer, direction, step, unit). Got {type(self.gates).__name__}, "
                f"index {names and list(names)}; call from_estimator."
            )
        layers = self.gates.index.unique("layer")
        if not is_integer(layer) or not -len(layers) <= layer < len(layers):
            raise ValueError(
                f"The 'layer' parameter of GateDisplay must be one of {len(layers)} "
                f"layer(s). Got {layer!r} instead."
            )
        chosen = self.gates.xs(layers[layer], level="layer")
        rows = list(dict.fromkeys(chosen.index.get_level_values("row")))
        if len(rows) > _MOST_ROWS:
            raise ValueError(
                f"GateDisplay draws at most {_MOST_ROWS} rows. Got {len(rows)}; select "
                "them by rows=."
            )
        has_values = int(self.values is not None)
        n_panels = has_values + len(_GATES) + 1
        size = (3.4 + 3.0 * len(rows), 1.2 * n_panels)
        margin = 0.3 if len(rows) == 1 else 0.4
        beside = self._begin(ax, n_panels, len(rows), size=size, margin=margin)
        ends = _ends_of_patches(self.gates.index.unique("step"))
        if self.values is not None:
            every = self.values.index.unique("step")
            ends = min(ends[0], every[0] - 0.5), max(ends[1], every[-1] + 0.5)
        limits = _limits_of_gates(chosen)
        for column, row in enumerate(rows):
            axes = self.axes_[:, column]
            axes[0].set_title(f"row {title_of(row)}", fontsize="medium")
            if has_values:
                self._draw_values(axes[0], row)
            images = [
                _draw_units(panel, chosen[name].xs(row, level="row"), limits[name])
                for panel, name in zip(axes[has_values:-1], _GATES, strict=True)
            ]
            _draw_means(axes[-1], chosen.xs(row, level="row"))
            for panel in axes:
                panel.set_xlim(*ends)
                panel.xaxis.get_major_locator().set_params(integer=True)
            for panel in axes[:-1]:
                panel.tick_params(labelbottom=False)
            axes[-1].set_xlabel("step of the window")
        self._label(beside, images, chosen)
        return self

    def _draw_values(self, ax, row):
        values = self.values.xs(row, level="row")
        for number, name in enumerate(values.columns[:_MOST_CHANNELS]):
            channel = values[name]
            if values.shape[1] > 1:
                spread = channel.max() - channel.min()
                channel = (channel - channel.min()) / (spread if spread > 0 else 1.0)
            ax.plot(
                values.index,
                channel,
                linestyle=line_style(number),
                # Line styles come again after four lines.
                marker=marker(number) if number >= 4 else None,
                markersize=3.5,
                color=f"C{number}",
                label=label_of(name),
            )
        hatch_steps(ax, values.index.to_numpy(), values.notna().any(axis=1).to_numpy())

    def _label(self, beside, images, chosen):
        """Say what the panels are, once for each line of them."""
        left = self.axes_[:, 0]
        has_values = int(self.values is not None)
        if has_values:
            n_channels = self.values.shape[1]
            left[0].set_ylabel("window")
            if n_channels > _MOST_CHANNELS:
                left[0].set_ylabel(f"window\n({_MOST_CHANNELS} of {n_channels})")
            if n_channels > 1:
                for panel in self.axes_[0]:
                    panel.set_yticks([0, 1], ["min", "max"])
            _explain(beside[0], self.ax_)
        for at, (title, image) in enumerate(
            zip(_GATES.values(), images, strict=True), start=has_values
        ):
            left[at].set_ylabel(f"{title}\nunit")
            bar = self.figure_.colorbar(
                image, cax=beside[at].inset_axes((0.0, 0.0, 0.15, 1.0))
            )
            if image.get_clim() == (0.0, 1.0):
                bar.set_ticks([0.0, 0.5, 1.0])
            else:
                bar.ax.yaxis.set_major_locator(few_ticks())
        left[-1].set_ylabel("mean of\ngates")
        is_both_ways = len(chosen.index.unique("direction")) > 1
        _explain(beside[-1], left[-1], "thin: backward" if is_both_ways else None)
        if is_both_ways:
            n_units = len(chosen.index.unique("unit"))
            ticks = [n_units / 2 - 0.5, 1.5 * n_units - 0.5]
            for panel in self.axes_[has_values:-1].flat:
                panel.axhline(n_units - 0.5, color=paper(), linewidth=1.5)
                panel.set_yticks(ticks, ["forward", "backward"], fontsize="small")

    def __repr__(self) -> str:
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
        extent=(*_ends_of_patches(steps), len(table) - 0.5, -0.5),
    )
    ax.yaxis.set_major_locator(few_ticks())
    return image


def _ends_of_patches(steps):
    """Return where the first patch of steps begins, and where the last one ends.

    A patch goes by its newest step.
    """
    size = steps[1] - steps[0] if len(steps) > 1 else 1
    return steps[0] - size + 0.5, steps[-1] + 0.5


def _draw_means(ax, gates):
    """Draw the mean of each gate over units, a line for each direction."""
    for number, name in enumerate(["input", "forget", "output"]):
        means = gates[name].groupby(["direction", "step"], sort=True).mean()
        for direction in means.index.unique("direction"):
            line = means.xs(direction, level="direction")
            ax.plot(
                line.index,
                line,
                line_style(number),
                color=f"C{number}",
                linewidth=1.0 if direction == "backward" else 1.6,
                label=name if direction == "forward" else "_",
            )
    ax.set_ylim(-0.05, 1.05)


def _hatch(ax):
    """Hatch the background, which shows where there is nothing."""
    ax.set_facecolor("none")
    ax.patch.set(hatch="////", edgecolor=faint_ink(), linewidth=0.0)


def _explain(beside, panel, title=None):
    """Put the legend of a panel beside it, where nothing is drawn."""
    beside.legend(
        *panel.get_legend_handles_labels(),
        loc="center left",
        bbox_to_anchor=(0.0, 0.5),
        frameon=False,
        title=title,
        title_fontsize="small",
        fontsize="small",
        handlelength=2.2,
        borderpad=0.0,
        borderaxespad=0.0,
    )
