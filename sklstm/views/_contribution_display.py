"""ContributionDisplay: which values of a window mattered."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sklstm.views._drawing import Display, faint_ink, few_ticks, hatch_steps, title_of
from sklstm.views._inspection import contributions as contributions_of
from sklstm.views._inspection import name_of_output
from sklstm.windows._frames import DataFrame, labels_of

__all__ = ["ContributionDisplay"]

# Panels beyond which a picture of default size cannot be read.
_MOST_CHANNELS = 6


class ContributionDisplay(Display):
    """Which steps and channels of the window mattered, and in which direction.

    One panel for each channel, the ones that mattered most first. For one row bars go
    up where a value raises the prediction above that of a flat window, down where it
    lowers it. For several rows their mean sizes are shown. Steps at which a channel has
    no value are hatched.

    Parameters
    ----------
    contributions : DataFrame
        As :func:`contributions` returns them.
    target : str, default=None
        What they add up to, for the title.

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

    def __init__(self, contributions: DataFrame, target: str | None = None) -> None:
        self.contributions = contributions
        self.target = target

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        rows: Any = -1,
        *,
        output: int = 0,
        ax: Any = None,
    ) -> Self:
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
            Which column of ``predict_steps`` is looked at; where there are several,
            the title says which one: by the name of its column in y, or, of ``steps``
            in a row, ``load_t`` for the first and ``load_t+1`` for the next.
        ax : matplotlib Axes, default=None
            Is replaced by the panels; None makes a new figure.

        Returns
        -------
        ContributionDisplay
        """
        values = contributions_of(estimator, X, rows, output=output)
        return cls(values, target=name_of_output(estimator, output)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Is replaced by the panels; None makes a new figure.

        Returns
        -------
        ContributionDisplay
            The display itself.

        Raises
        ------
        ValueError
            If these are no contributions.
        """
        names = getattr(labels_of(self.contributions), "names", None)
        if names is None or list(names) != ["row", "step"]:
            raise ValueError(
                "ContributionDisplay needs a DataFrame as contributions returns it, at "
                f"an index (row, step). Got {type(self.contributions).__name__}, index "
                f"{names and list(names)}; call from_estimator."
            )
        rows = self.contributions.index.unique("row")
        if len(rows) == 1:
            values, what = self.contributions.droplevel("row"), "contribution"
        else:
            values = self.contributions.abs().groupby("step").mean()
            what = "mean size of contribution"
        sizes = values.abs().mean().sort_values(ascending=False, kind="stable")
        channels = list(sizes.index[:_MOST_CHANNELS])
        self._begin(ax, len(channels), 1, size=(6.4, 1.0 + 1.6 * len(channels)))
        panels = self.axes_[:, 0]
        steps = values.index.to_numpy()
        shown = values[channels].to_numpy()
        low, high = np.nanmin(shown, initial=0.0), np.nanmax(shown, initial=0.0)
        margin = 0.08 * (high - low) or 1.0
        for panel, channel in zip(panels, channels, strict=True):
            column = values[channel].to_numpy()
            panel.bar(steps, np.nan_to_num(column), width=0.8, color="C0")
            panel.axhline(0, color=faint_ink(), linewidth=0.8)
            hatch_steps(panel, steps, ~np.isnan(column))
            panel.set_title(str(channel), fontsize="medium", loc="left")
            panel.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
            panel.set_ylim(low - margin * (low < 0), high + margin)
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.yaxis.set_major_locator(few_ticks())
        for panel in panels[:-1]:
            panel.tick_params(labelbottom=False)
        panels[-1].set_xlabel("step of the window")
        of = f"row {title_of(rows[0])}" if len(rows) == 1 else f"{len(rows)} rows"
        title = f"{what}, {of}"
        if self.target is not None:
            title = f"{what} to {self.target},\n{of}"
        if len(channels) < values.shape[1]:
            title += f", {len(channels)} of {values.shape[1]} channels"
        panels[0].set_title(title, fontsize="medium", loc="right")
        return self

    def __repr__(self) -> str:
        n_rows, n_steps = (
            len(self.contributions.index.unique(name)) for name in ("row", "step")
        )
        n_channels = self.contributions.shape[1]
        return (
            f"ContributionDisplay(rows={n_rows}, steps={n_steps}, "
            f"channels={n_channels})"
        )
