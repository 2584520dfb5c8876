"""Where displays draw and what their lines look like: the only matplotlib room.

Colours are those of the active style, for light and dark notebooks; what matters is
also told by line style or by a colormap whose lightness rises evenly, even in grey.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Display:
    """What displays share: the panels that they have drawn in."""

    axes_: np.ndarray
    ax_: Any
    figure_: Any

    def _add_panels(
        self, ax: Any, shape: tuple[int, int], size: tuple[float, float]
    ) -> np.ndarray:
        """Set and return the panels, those of the user or those of a new figure.

        ``shape`` counts panels below and beside each other, ``size`` is in inches.
        """
        owner = type(self).__name__
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                f"{owner} needs matplotlib. Got none; pip install 'sklstm[plot]'."
            ) from error
        if ax is None:
            look = {"figsize": size, "layout": "constrained"}
            ax = plt.subplots(*shape, squeeze=False, **look)[1]
        axes = np.asarray(ax, dtype=object).ravel()
        is_axes = all(isinstance(each, plt.Axes) for each in axes)
        if not is_axes or axes.size != np.prod(shape):
            raise ValueError(
                f"The 'ax' parameter of {owner} must be None, or as many matplotlib "
                f"Axes as there are panels, here {shape[0]} x {shape[1]}. Got "
                f"{axes.size} of type {type(axes[0]).__name__ if axes.size else None} "
                "instead."
            )
        self.axes_ = axes.reshape(shape)
        self.ax_, self.figure_ = axes[0], axes[0].figure
        return self.axes_

    def _check_levels(self, frame: Any, levels: list[str], *, maker: str) -> None:
        """Raise unless a frame is what ``maker`` returns, at an index of its levels."""
        names = list(getattr(getattr(frame, "index", None), "names", ()))
        if names != levels:
            raise ValueError(
                f"{type(self).__name__} needs a DataFrame as {maker} returns it, at an "
                f"index ({', '.join(levels)}). Got {type(frame).__name__}, index "
                f"{names}; call from_estimator."
            )


def row_name(row: Any) -> str:
    """Return what a row is called in a title; days are said without their midnight."""
    return f"row {str(row).removesuffix(' 00:00:00')}"


def line_style(number: int) -> str:
    """Return the line style of the line of a number, counted from 0."""
    return ("-", "--", ":", "-.")[number % 4]


def ink() -> Any:
    """Return the colour in which the active style writes."""
    from matplotlib import rcParams

    return rcParams["text.color"]


def faint_ink() -> Any:
    """Return that colour, half transparent, for what stands behind the data."""
    from matplotlib.colors import to_rgba

    return to_rgba(ink(), 0.5)


def show_dates(ax: Any) -> None:
    """Let the x axis say dates in few words."""
    import matplotlib.dates as dates

    locator = dates.AutoDateLocator(minticks=3, maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def hatch_steps(ax: Any, steps: np.ndarray, has_value: np.ndarray) -> None:
    """Hatch every step, from the first one to the last, that has no value."""
    every = np.arange(steps[0], steps[-1] + 1)
    for step in np.setdiff1d(every, np.asarray(steps)[np.asarray(has_value)]):
        ends = step - 0.5, step + 0.5
        look = {"facecolor": "none", "edgecolor": faint_ink(), "linewidth": 0.0}
        ax.axvspan(*ends, hatch="////", **look)
