"""GateDisplay: the gates and states of an LSTM, step by step."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sklstm._checks import is_integer
from sklstm.views._drawing import (
    Display,
    faint_ink,
    few_ticks,
    hatch_steps,
    label_of,
    line_style,
    marker,
    paper,
    space_between,
    title_of,
)
from sklstm.views._inspection import gates as gates_of
from sklstm.views._inspection import regressor_inside, window_values
from sklstm.windows._frames import DataFrame, labels_of

__all__ = ["GateDisplay"]

# Lines beyond which a panel cannot be read, in a figure of its own and in an axes.
_MOST_CHANNELS = 6
_MOST_CHANNELS_IN_AX = 3

# Columns of panels that matplotlib still draws, and somebody still looks at.
_MOST_ROWS = 12

# In the place of an axes: inches of what explains the panels, beside them, and the
# fewest of a panel; lines are drawn in panels that are higher than heat maps.
_BESIDE = 1.35
_LEAST_WIDTH = 1.1
_LEAST_HEIGHT = 0.31
_LINES_HEIGHT = 1.8

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
    Above them stands how much of the network's output predictions take: where that is
    nothing, the highway predicts alone, and the gates show what has no effect.

    Of an ensemble the first network is drawn. In the place of an axes the panels are
    lower, what they are is said beside them, and at most three channels are drawn.

    Parameters
    ----------
    gates : DataFrame
        As :func:`gates` returns them.
    values : DataFrame, default=None
        The values of the windows, at an index (row, step), a column for each channel.
    trust : float, default=None
        Weight of the network's output in predictions, from 0 to 1: ``network_weight_``
        of an :class:`LSTMRegressor`. None says nothing of it.

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

    def __init__(
        self,
        gates: DataFrame,
        values: DataFrame | None = None,
        trust: float | None = None,
    ) -> None:
        self.gates = gates
        self.values = values
        self.trust = trust

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
            gates_of(estimator, X, rows),
            values=window_values(estimator, X, rows),
            trust=regressor_inside(estimator, cls.__name__).network_weight_,
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
            If these are no gates, there is no such layer, there are more rows than a
            picture holds, or ax has too little room for them.
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
        beside = self._begin_panels(ax, has_values, len(rows))
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
        self._say_trust()
        return self

    def _begin_panels(self, ax, has_values, n_rows):
        """Set figure and panels; return the axes beside them."""
        n_panels = has_values + len(_GATES) + 1
        if ax is None:
            self._n_channels = _MOST_CHANNELS
            size = (3.4 + 3.0 * n_rows, 1.2 * n_panels)
            margin = 0.3 if n_rows == 1 else 0.4
            return self._begin(None, n_panels, n_rows, size=size, margin=margin)
        self._n_channels = _MOST_CHANNELS_IN_AX
        heights = [_LINES_HEIGHT] * has_values + [1.0] * len(_GATES) + [_LINES_HEIGHT]
        spaces = 1.0 + space_between() * n_rows / (n_rows + 1)
        least_width = spaces * (_BESIDE + _LEAST_WIDTH * n_rows)
        width, _ = self._room(ax, (least_width, _LEAST_HEIGHT * sum(heights)))
        margin = _BESIDE * n_rows / (width / spaces - _BESIDE)
        return self._begin(
            ax, n_panels, n_rows, size=None, margin=margin, heights=heights
        )

    def _say_trust(self):
        """Say above the title of the first row how much of the network counts."""
        if self.trust is None:
            return
        self.ax_.annotate(
            f"predictions take {100 * self.trust:.3g} % of this network's output",
            (0.0, 1.0),
            xycoords=("axes fraction", self.ax_.title),
            xytext=(0.0, 4.0),
            textcoords="offset points",
            fontsize="medium" if self._is_own_figure else "small",
            annotation_clip=False,
        )

    def _draw_values(self, ax, row):
        values = self.values.xs(row, level="row")
        for number, name in enumerate(values.columns[: self._n_channels]):
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
        is_own = self._is_own_figure
        if has_values:
            n_channels = self.values.shape[1]
            words = "window"
            if n_channels > self._n_channels:
                words += f"\n({self._n_channels} of {n_channels})"
            if n_channels > 1:
                for panel in self.axes_[0]:
                    panel.set_yticks([0, 1], ["min", "max"])
            _explain(beside[0], self.ax_, words, is_own)
        for at, (title, image) in enumerate(
            zip(_GATES.values(), images, strict=True), start=has_values
        ):
            self._label_heat_map(at, title, image, beside[at])
        is_both_ways = len(chosen.index.unique("direction")) > 1
        note = "thin: backward" if is_both_ways else None
        _explain(beside[-1], left[-1], "mean of\ngates", is_own, note)
        if is_both_ways:
            n_units = len(chosen.index.unique("unit"))
            ticks = [n_units / 2 - 0.5, 1.5 * n_units - 0.5]
            for panel in self.axes_[has_values:-1].flat:
                panel.axhline(n_units - 0.5, color=paper(), linewidth=1.5)
                panel.set_yticks(ticks, ["forward", "backward"], fontsize="small")
                if not is_own:
                    panel.set_ylabel("")  # there is no room for both

    def _label_heat_map(self, at, title, image, beside):
        """Say what a line of heat maps is, and what its colours are."""
        panels, is_own = self.axes_[at], self._is_own_figure
        place = beside.inset_axes((0.0, 0.0, 0.15 if is_own else 0.11, 1.0))
        bar = self.figure_.colorbar(image, cax=place)
        if is_own:
            panels[0].set_ylabel(f"{title}\nunit")
            _show_scale(bar)
            return
        panels[0].set_ylabel("unit", fontsize="small")
        last_unit = len(image.get_array()) - 1
        for panel in panels:
            panel.set_yticks(sorted({0, last_unit}))
            panel.tick_params(labelsize="x-small", labelleft=panel is panels[0])
        _show_ends(bar)
        beside.text(0.4, 0.5, title, va="center", fontsize="small")

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
    ax.yaxis.get_major_locator().set_params(integer=True)
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


def _show_scale(bar):
    """Put few numbers beside a colour bar."""
    if bar.mappable.get_clim() == (0.0, 1.0):
        bar.set_ticks([0.0, 0.5, 1.0])
    else:
        bar.ax.yaxis.set_major_locator(few_ticks())


def _show_ends(bar):
    """Put the ends of its scale beside a low colour bar, inside its height."""
    ends = bar.mappable.get_clim()
    bar.set_ticks(
        ends, labels=[f"{end:.2g}".replace("-", "\N{MINUS SIGN}") for end in ends]
    )
    for label, side in zip(bar.ax.get_yticklabels(), ("bottom", "top"), strict=True):
        label.set(verticalalignment=side, fontsize="x-small")
    bar.ax.tick_params(length=2.0, pad=2.0)


def _explain(beside, panel, words, is_own, note=None):
    """Say what a panel is, and put its legend beside it, where nothing is drawn."""
    if is_own:
        panel.set_ylabel(words)
    else:
        note = "\n".join(filter(None, [words.replace("\n", " "), note]))
    size = "small" if is_own else "x-small"
    beside.legend(
        *panel.get_legend_handles_labels(),
        loc="center left",
        bbox_to_anchor=(0.0, 0.5),
        frameon=False,
        title=note,
        alignment="left",
        title_fontsize=size,
        fontsize=size,
        handlelength=2.2,
        labelspacing=0.5 if is_own else 0.1,
        borderpad=0.0,
        borderaxespad=0.0,
    )
