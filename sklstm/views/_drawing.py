"""Where displays draw, and what tells their lines apart: the only matplotlib room.

It is imported when something is drawn. Displays hold data, draw it, and compute no
model. Colours are those of the active style, so that light and dark notebooks are both
served; what matters is also told by line style, marker or a colormap whose lightness
rises evenly, so that nothing is lost in grey.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "Display",
    "faint_ink",
    "few_ticks",
    "hatch_steps",
    "ink",
    "label_of",
    "line_style",
    "marker",
    "paper",
    "show_dates",
    "space_between",
    "title_of",
]

# Lines are told apart by these as well as by their colour.
_LINE_STYLES = ["-", "--", ":", "-."]
_MARKERS = ["o", "s", "^", "D", "v", "P"]

# Attribute of an axes that lists the panels which stand in its place.
_PANELS = "_sklstm_panels"


class Display:
    """What all displays share: where they draw, and one line about what they hold."""

    axes_: Any
    ax_: Any
    figure_: Any

    def _begin(
        self, ax, n_rows, n_columns, *, size, margin=0.0, heights=None, n_beside=1
    ):
        """Set figure and axes: a new figure, or a grid in the place of an axes.

        What an earlier display has put in its place goes.

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
        heights : list of n_rows floats, optional
            How high the panels are, compared with each other; all alike without.
        n_beside : int
            How many rows of a single column stand beside each other, where they would
            make too long a page.

        Returns
        -------
        list of Axes
            That column, empty and without frames; none where the margin is 0.

        Raises
        ------
        ValueError
            If ax is none, or cannot be divided.
        """
        import matplotlib.pyplot as plt
        from matplotlib.gridspec import GridSpecFromSubplotSpec

        self._check_ax(ax, n_rows * n_columns)
        self._is_own_figure = ax is None
        n_all = max(n_columns, n_beside) + (margin > 0)
        n_lines = -(-n_rows // n_beside)
        widths = [1.0] * max(n_columns, n_beside) + [margin] * (margin > 0)
        if ax is None:
            figure = plt.figure(figsize=size, layout="constrained")
            grid = figure.add_gridspec(
                n_lines, n_all, width_ratios=widths, height_ratios=heights
            )
        elif n_rows == n_all == 1:
            if _remove_panels_in(ax):
                _hide(ax, False)
            self.figure_, self.axes_, self.ax_ = ax.figure, np.array([[ax]]), ax
            return []
        else:
            figure = ax.figure
            _remove_panels_in(ax)
            _hide(ax, True)
            grid = GridSpecFromSubplotSpec(
                n_lines,
                n_all,
                subplot_spec=ax.get_subplotspec(),
                width_ratios=widths,
                height_ratios=heights,
            )
        self.figure_ = figure
        self.axes_ = np.array(
            [
                [
                    figure.add_subplot(grid[row // n_beside, row % n_beside + column])
                    for column in range(n_columns)
                ]
                for row in range(n_rows)
            ]
        )
        self.ax_ = self.axes_[0, 0]
        beside = []
        if margin:
            beside = [figure.add_subplot(grid[row, n_columns]) for row in range(n_rows)]
        for panel in beside:
            panel.set_axis_off()
        if ax is not None:
            setattr(ax, _PANELS, [*self.axes_.flat, *beside])
        return beside

    def _check_ax(self, ax, n_panels):
        """Raise unless so many panels can stand in the place of an axes."""
        from matplotlib.axes import Axes

        if not isinstance(ax, Axes | None):
            raise ValueError(
                f"The 'ax' parameter of {type(self).__name__} must be a matplotlib "
                f"Axes or None. Got {type(ax).__name__} instead; of an array of axes "
                "pass one, as axes.flat[0]."
            )
        if ax is not None and n_panels > 1 and ax.get_subplotspec() is None:
            raise ValueError(
                f"{type(self).__name__} draws several panels, so its ax must come "
                "from plt.subplots or a grid. Got one at a free position."
            )

    def _room(self, ax, least):
        """Return width and height, in inches, of the place of an axes in a grid.

        That of the grid, before a layout engine moves it.

        Raises
        ------
        ValueError
            If ax is none, is in no grid, or has less room than ``least``.
        """
        self._check_ax(ax, 2)
        place = ax.get_subplotspec().get_position(ax.figure)
        page = ax.figure.bbox.width, ax.figure.bbox.height
        shares = np.array([place.width, place.height])
        room = tuple((shares * page / ax.figure.dpi).tolist())
        # In tenths, so that what is too little also reads as less.
        tenths = np.ceil(np.multiply(least, 10)), np.floor(np.multiply(room, 10))
        if (tenths[1] < tenths[0]).any():
            needed, came = (f"{w / 10:.1f} x {h / 10:.1f}" for w, h in tenths)
            raise ValueError(
                f"{type(self).__name__} needs an ax of at least {needed} inches for "
                f"its panels. Got {came}; enlarge the figure, or pass ax=None for one "
                "of the right size."
            )
        return room

    def _legend(self):
        """Put one legend above all panels; inside the first where these have a host."""
        labelled: dict[str, Any] = {}
        for ax in self.axes_.flat:
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                labelled.setdefault(label, handle)
        options = {"frameon": False, "handlelength": 3}
        if not self._is_own_figure:
            self.ax_.legend(labelled.values(), labelled, **options)
            return
        # As many beside each other as the figure is wide; it grows with further lines.
        for n_columns in range(min(len(labelled), 4), 0, -1):
            legend = self.figure_.legend(
                labelled.values(),
                labelled,
                loc="outside upper center",
                ncols=n_columns,
                **options,
            )
            box = legend.get_window_extent()
            if n_columns == 1 or box.width < self.figure_.bbox.width:
                break
            legend.remove()
        n_lines = -(-len(labelled) // n_columns)
        more = box.height / self.figure_.dpi * (1 - 1 / n_lines)
        self.figure_.set_figheight(self.figure_.get_figheight() + more)


def _hide(ax, is_hidden):
    """Hide an axes, with what is drawn in it, or show it again."""
    ax.set_visible(not is_hidden)
    ax.axison = not is_hidden


def _remove_panels_in(ax):
    """Remove the panels that stand in the place of an axes; return whether any do."""
    panels = vars(ax).pop(_PANELS, [])
    for panel in panels:
        _remove_panels_in(panel)
        # The user may have removed it before.
        if panel.figure is not None:
            panel.remove()
    return bool(panels)


def line_style(number):
    """Return the line style of the line of a number, counted from 0."""
    return _LINE_STYLES[number % len(_LINE_STYLES)]


def label_of(name):
    """Return a name as a legend shows it: matplotlib omits what begins with "_"."""
    name = str(name)
    return f" {name}" if name.startswith("_") else name


def marker(number):
    """Return the marker of the line of a number, counted from 0."""
    return _MARKERS[number % len(_MARKERS)]


def few_ticks():
    """Return what puts few ticks on an axis."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3)


def ink():
    """Return the colour in which the active style writes."""
    from matplotlib import rcParams

    return rcParams["text.color"]


def faint_ink():
    """Return that colour, half transparent, for what stands behind the data."""
    from matplotlib.colors import to_rgba

    return to_rgba(ink(), 0.5)


def paper():
    """Return the colour on which the active style draws."""
    from matplotlib import rcParams

    return rcParams["axes.facecolor"]


def space_between():
    """Return the space between columns of panels, as share of their mean width."""
    from matplotlib import rcParams

    return rcParams["figure.subplot.wspace"]


def show_dates(ax):
    """Let the x axis say dates in few words."""
    import matplotlib.dates as dates

    locator = dates.AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def hatch_steps(ax, steps, has_value):
    """Hatch every step, from the first one to the last, that has no value."""
    every = np.arange(steps[0], steps[-1] + 1)
    lacking = np.setdiff1d(every, np.asarray(steps)[np.asarray(has_value)])
    for run in np.split(lacking, np.flatnonzero(np.diff(lacking) > 1) + 1):
        if not len(run):
            continue
        ax.axvspan(
            run[0] - 0.5,
            run[-1] + 0.5,
            facecolor="none",
            edgecolor=faint_ink(),
            hatch="////",
            linewidth=0.0,
        )


def title_of(label):
    """Return a row label as a title says it: dates without a midnight."""
    return str(label).removesuffix(" 00:00:00")
