"""contributions and ContributionDisplay: which values of a window mattered."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

import sklstm.network._kernels as kernels
from sklstm._checks import is_integer
from sklstm.views._drawing import (
    Display,
    faint_ink,
    hatch_steps,
    row_name,
)
from sklstm.views._seen_windows import (
    SeenWindows,
    frame_of_steps,
    name_of_output,
    windows_seen,
)
from sklstm.windows._array import row_slices

# Panels beyond which a picture of default size cannot be read.
_MOST_CHANNELS = 6

# Relative difference of predictions below which it has no slope.
_TINY = 1e-9

# Points of the Gauss-Legendre rule along the path from a flat window.
_N_POINTS = 64


def contributions(
    estimator: Any, X: Any, rows: Any = -1, *, output: int = 0
) -> pd.DataFrame:
    """Return what each value of a window adds to the prediction of its row.

    The comparison is with a *flat* window, in which every channel stays at its mean.
    Contributions add up to the prediction less that of the flat window: gradients are
    integrated along the way from the one to the other (*integrated gradients*).

    Parameters
    ----------
    estimator : fitted estimator
        An :class:`LSTMRegressor`, a pipeline that ends in one, or a search of them.
    X : DataFrame, Series or array-like
        Rows as ``estimator.predict`` takes them.
    rows : int, label or sequence of them, default=-1
        Which rows, as in :func:`gates`.
    output : int, default=0
        Which column of ``predict_steps`` is looked at.

    Returns
    -------
    DataFrame
        At an index (row, step), a column for each channel, in the unit of the target
        that the regressor was fitted on. The predicted row is step 0: a known column
        has its newest value ``known_ahead`` steps later, others ``horizon`` steps
        earlier. NaN where a channel has no value.

    Raises
    ------
    ValueError
        If there is no LSTM of the package's own, or no such row or output.

    See Also
    --------
    ContributionDisplay : Draws them.
    gates : What happened at each step.

    Notes
    -----
    Integrated gradients won a deletion test on the adding problem: making flat what
    they say matters most moved predictions by 80 % of the target's standard deviation
    (occlusion 75, gradient times value 77), and only they add up. The integral has 64
    points; where a network with abrupt answers needs more, the sum shows it.

    The prior, which has no gradient, is looked at otherwise: in a flat window steps
    become true one by one, once from the oldest on and once from the newest on, and
    each is given the mean of what it changed (Shapley values of two orders: Štrumbelj &
    Kononenko 2014, doi:10.1007/s10115-013-0679-x).

    References
    ----------
    Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", ICML,
    arXiv:1703.01365.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, contributions
    >>> X = np.random.default_rng(0).normal(size=(60, 3, 1))
    >>> lstm = LSTMRegressor(2, epochs=1, random_state=0).fit(X, X[:, 0, 0])
    >>> frame = contributions(lstm, X, rows=slice(None))
    >>> frame["x0"].abs().groupby("step").mean().round(2).to_dict()
    {-3: 0.66, -2: 0.0, -1: 0.0}
    """
    return _contributions_of(windows_seen(estimator, X, rows, "contributions"), output)


def _contributions_of(seen: SeenWindows, output: int) -> pd.DataFrame:
    """Return the contributions of chosen windows."""
    regressor, recipe = seen.regressor, seen.regressor._fitted_recipe
    if not is_integer(output) or not 0 <= output < regressor.n_outputs_:
        raise ValueError(
            "The 'output' parameter of contributions must be a column of "
            f"predict_steps, 0 to {regressor.n_outputs_ - 1}. Got {output!r} instead."
        )
    position = output * len(recipe.levels) + recipe.middle
    values = np.empty(seen.windows.shape)
    for some in row_slices(seen.windows, len(values)):
        values[some] = _integrated_gradients(
            regressor, seen.windows[some], seen.sizes[some], position
        )
    return frame_of_steps(values, seen)


def _integrated_gradients(
    regressor: Any, windows: np.ndarray, sizes: np.ndarray, output: int
) -> np.ndarray:
    """Return the contributions of windows, of their shape; NaN at missing steps."""
    windows = windows.astype(np.float64)
    scaling = regressor._scaling
    ends = [_flat_windows(windows), windows]
    begin, end = (scaling.relative(each, sizes) for each in ends)
    # From relative values on the maps are affine: the way stays straight.
    points, shares = np.polynomial.legendre.leggauss(_N_POINTS)
    total = np.zeros_like(windows)
    for point, share in zip(points, shares, strict=True):
        at = begin + (point + 1) / 2 * (end - begin)
        each = [_value_slopes(member, at, output) for member in regressor._members]
        total += share / 2 * np.mean(each, axis=0)
    total *= end - begin
    if scaling.says_prior:
        total[:, :, scaling.prior.channel] += [
            _contributions_to_prior(scaling, flat, true, size, output)
            for flat, true, size in zip(*ends, sizes, strict=True)
        ]
    # Relative contributions add up to a relative difference.
    relative = [regressor._relative_values(each, sizes) for each in ends]
    step = (relative[1] - relative[0])[:, output]
    start, stop = (scaling.absolute(each, sizes)[:, output] for each in relative)
    slopes = scaling.absolute_slopes(relative[1], sizes)[:, output]
    slopes = np.divide(stop - start, step, out=slopes, where=np.abs(step) > _TINY)
    return total * slopes[:, None, None]


def _contributions_to_prior(
    scaling: Any, flat: np.ndarray, window: np.ndarray, size: np.ndarray, output: int
) -> np.ndarray:
    """Return what each step adds to the prior's part, in relative values.

    From a flat window on steps become true one by one, from the oldest and from the
    newest on, of which this is the mean.
    """
    n_steps = len(window)
    is_true = np.tri(n_steps + 1, n_steps, -1, dtype=bool)[:, :, None]
    ways = [np.where(is_true, window, flat), np.where(is_true[:, ::-1], window, flat)]
    windows = np.concatenate(ways)
    sizes = np.broadcast_to(size, (len(windows), len(size)))
    prior = scaling.relative_prior(scaling.prior.read(windows), sizes)
    relative = scaling.relative(windows, sizes)
    seen = relative, scaling.inputs(relative)
    part = scaling.highway_outputs(*seen, prior) - scaling.highway_outputs(*seen, None)
    oldest_first, newest_first = np.split(part[:, output], 2)
    added = 0.5 * (np.diff(oldest_first) + np.diff(newest_first)[::-1])
    return added * scaling.target_scale[output]


def _value_slopes(member: Any, relative: np.ndarray, output: int) -> np.ndarray:
    """Return the gradients of a network's predictions by relative values of windows."""
    inputs = member.scaling.inputs(relative)
    slopes = kernels.input_slopes(member.recipe.spec, member.weights, inputs, output)
    return member.scaling.slopes(slopes, relative, output)


def _flat_windows(windows: np.ndarray) -> np.ndarray:
    """Return windows whose true steps all hold their mean."""
    is_true = ~np.isnan(windows)
    n_true = np.maximum(is_true.sum(axis=1, keepdims=True), 1)
    means = np.where(is_true, windows, 0.0).sum(axis=1, keepdims=True) / n_true
    return np.where(is_true, means, np.nan)


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
    ax_, figure_ : Axes and Figure
        The first of them, and what they are in.

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

    def __init__(self, contributions: pd.DataFrame, target: str | None = None) -> None:
        self.contributions = contributions
        self.target = target

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, rows: Any = -1, *, output: int = 0, ax: Any = None
    ) -> Self:
        """Draw the contributions of a fitted estimator's windows.

        Parameters
        ----------
        estimator, X : see contributions
        rows : see contributions, default=-1
        output : see contributions, default=0
        ax : see plot, default=None
            As in :func:`contributions` and :meth:`plot`.
        """
        seen = windows_seen(estimator, X, rows, "ContributionDisplay")
        values = _contributions_of(seen, output)
        return cls(values, name_of_output(seen, output)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            One for each panel; None makes a new figure.
        """
        made = self.contributions
        self._check_levels(made, ["row", "step"], maker="contributions")
        rows = made.index.unique("row")
        values, what = made.abs().groupby("step").mean(), "mean size of contribution"
        if len(rows) == 1:
            values, what = made.droplevel("row"), "contribution"
        sizes = values.abs().mean().sort_values(ascending=False, kind="stable")
        channels = list(sizes.index[:_MOST_CHANNELS])
        size = 6.4, 1.0 + 1.6 * len(channels)
        axes = self._add_panels(ax, (len(channels), 1), size)[:, 0]
        steps = values.index.to_numpy()
        shown = values[channels].to_numpy()
        low, high = np.nanmin(shown, initial=0.0), np.nanmax(shown, initial=0.0)
        margin = 0.08 * (high - low) or 1.0
        for panel, channel in zip(axes, channels, strict=True):
            column = values[channel].to_numpy()
            panel.bar(steps, np.nan_to_num(column), width=0.8, color="C0")
            panel.axhline(0, color=faint_ink(), linewidth=0.8)
            hatch_steps(panel, steps, ~np.isnan(column))
            panel.set_title(str(channel), fontsize="medium", loc="left")
            panel.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
            panel.set_ylim(low - margin * (low < 0), high + margin)
            panel.locator_params(axis="x", integer=True)
            panel.locator_params(axis="y", nbins=3)
            panel.tick_params(labelbottom=panel is axes[-1])
        panel.set_xlabel("step of the window")
        title = what if self.target is None else f"{what} to {self.target}"
        title += ", " if self.target is None else ",\n"
        title += row_name(rows[0]) if len(rows) == 1 else f"{len(rows)} rows"
        if len(channels) < values.shape[1]:
            title += f", {len(channels)} of {values.shape[1]} channels"
        self.ax_.set_title(title, fontsize="medium", loc="right")
        return self

    def __repr__(self) -> str:
        rows, steps = map(self.contributions.index.unique, ("row", "step"))
        sizes = f"rows={len(rows)}, steps={len(steps)}"
        return f"ContributionDisplay({sizes}, channels={self.contributions.shape[1]})"
