"""gates and GateDisplay: what happens inside an LSTM at each step of a window."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from sklstm._checks import is_integer
from sklstm.network._lstm import patched, trace
from sklstm.network._prior_inputs import PATCH
from sklstm.views._drawing import (
    Display,
    faint_ink,
    hatch_steps,
    line_style,
    row_name,
)
from sklstm.views._seen_windows import (
    SeenWindows,
    frame_of_steps,
    labelled,
    windows_seen,
)

_GATES = {
    "input": "input gate",
    "forget": "forget gate",
    "output": "output gate",
    "candidate": "candidate",
    "cell": "cell state",
    "hidden": "hidden state",
}
_LEVELS = ["row", "layer", "direction", "step", "unit"]
_DIRECTIONS = ["forward", "backward"]

# Lines beyond which a panel cannot be read, and columns beyond which a picture cannot.
_MOST_CHANNELS = 6
_MOST_ROWS = 12

# Lightness rises evenly from one end to the other, in grey and for the colour-blind.
_COLORMAP = "cividis"


def gates(
    estimator: Any, X: Any, rows: Any = -1, *, network: str = "own"
) -> pd.DataFrame:
    """Return how the gates and states of an LSTM move through the windows of rows.

    They come from the NumPy pass, which agrees with the kernels to float32 rounding.
    The output layer, the last two arrays of ``weights_``, turns the last hidden states
    into the network's output, of which predictions take ``network_weight_``. Of an
    ensemble the gates are those of the first network.

    Parameters
    ----------
    estimator : fitted estimator
        An :class:`LSTMRegressor`, a pipeline that ends in one, or a search of them.
    X : DataFrame, Series or array-like
        Rows as ``estimator.predict`` takes them.
    rows : int, label or sequence of them, default=-1
        Which rows: positions in X, or labels of its index that are not integers
        (``"1960-07"``). The newest row by default.
    network : {"own", "prior"}, default="own"
        Whose gates: those of the network that was fitted, or of the prior, where
        ``prior_weight_`` is above 0. The prior reads patches of 4 steps, each called by
        its newest, of the channel that holds the target's past: at most the newest 168
        steps. It also reads them mirrored, and may read their logarithms, which is not
        shown.

    Returns
    -------
    DataFrame
        At an index (row, layer, direction, step, unit): columns ``input``, ``forget``
        and ``output`` gate in [0, 1], ``candidate``, ``cell`` and ``hidden`` state
        after the step, in the scaled unit. Rows are called by their label, by position
        where labels are not unique; steps count back from the predicted row: -1 is the
        row before it. Missing steps are NaN. Known columns are read
        ``horizon + known_ahead`` rows later than the step is called.

    Raises
    ------
    ValueError
        If there is no LSTM of the package's own, no prior where its gates are asked
        for, or no such row.

    See Also
    --------
    GateDisplay : Draws them.
    contributions : Which values of the window mattered.

    References
    ----------
    Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, gates
    >>> X = np.random.default_rng(0).normal(size=(60, 3, 1))
    >>> lstm = LSTMRegressor(2, epochs=1, random_state=0).fit(X, X[:, 0, 0])
    >>> frame = gates(lstm, X, rows=[0, 7])
    >>> frame.shape  # 2 rows * 3 steps * 2 units
    (12, 6)
    >>> frame["forget"].groupby("step").mean().index.to_list()
    [-3, -2, -1]
    """
    return _gates_of(windows_seen(estimator, X, rows, "gates"), network, "gates")


def _gates_of(seen: SeenWindows, network: str, owner: str) -> pd.DataFrame:
    """Return the gates of chosen windows."""
    if network not in ("own", "prior"):
        raise ValueError(
            f"The 'network' parameter of {owner} must be 'own' or 'prior'. Got "
            f"{network!r} instead."
        )
    n_directions = 1
    if network == "prior":
        traces, steps = _traces_of_prior(seen, owner)
    else:
        traces, steps = _traces_of_own(seen)
        n_directions = seen.regressor._members[0].recipe.spec.n_directions
    parts = []
    for position, values in enumerate(traces):
        layer, direction = divmod(position, n_directions)
        each = [layer], [_DIRECTIONS[direction]], steps, range(values.shape[3])
        labels = dict(zip(_LEVELS, [seen.rows, *each], strict=True))
        table = values.transpose(0, 1, 3, 2).reshape(-1, len(_GATES))
        parts.append(labelled(table, labels, list(_GATES)))
    return pd.concat(parts)


def _traces_of_own(seen: SeenWindows) -> tuple[list[np.ndarray], range]:
    """Return the traces of the fitted network, per layer and direction, and steps."""
    member = seen.regressor._members[0]
    spec = member.recipe.spec
    relative = member.scaling.relative(seen.windows, seen.sizes)
    inputs = member.scaling.inputs(relative)
    _, traces = trace(spec, member.weights, inputs)
    missing = np.isnan(patched(inputs, spec.patch)[:, :, 0])
    for values in traces:
        values[missing] = np.nan
    return traces, _newest_steps(int(seen.newest.min()), spec.n_steps, spec.patch)


def _traces_of_prior(seen: SeenWindows, owner: str) -> tuple[list[np.ndarray], range]:
    """Return the traces of the prior, which has one layer, and their steps."""
    scaling = seen.regressor._scaling
    if not scaling.says_prior:
        raise ValueError(
            f"{owner} with network='prior' needs a regressor with a prior_weight_ "
            f"above 0. Got {seen.regressor.prior_weight_:g}; look at network='own'."
        )
    values = scaling.prior.trace(seen.windows)
    newest = int(seen.newest[scaling.prior.channel])
    return [values], _newest_steps(newest, values.shape[1], PATCH)


def _newest_steps(newest: int, n_patches: int, patch: int) -> range:
    """Return what patches up to a step are called: each by its newest step."""
    return range(newest - patch * (n_patches - 1), newest + 1, patch)


class GateDisplay(Display):
    """How the gates and states of an LSTM move through the windows of chosen rows.

    One column of panels for each of at most 12 rows: the values of the window (of at
    most six channels; several from their minimum to their maximum), heat maps over
    units of gates and states, and the mean of the gates, thin for backward layers.
    Missing steps are hatched. The title says how much of the network's output
    predictions take: where it is 0, the gates have no effect.

    Parameters
    ----------
    gates : DataFrame
        As :func:`gates` returns them.
    values : DataFrame, default=None
        The values of the windows, at an index (row, step), a column for each channel.
    network_weight : float, default=None
        From 0 to 1, what predictions take of the network's output, or the weight of the
        prior in the highway; None says nothing.

    Attributes
    ----------
    axes_ : ndarray of Axes
        The panels: 8 with values, else 7, for each row.
    ax_, figure_ : Axes and Figure
        The first of them, and what they are in.

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
        gates: pd.DataFrame,
        values: pd.DataFrame | None = None,
        network_weight: float | None = None,
    ) -> None:
        self.gates = gates
        self.values = values
        self.network_weight = network_weight

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        rows: Any = -1,
        *,
        layer: int = -1,
        network: str = "own",
        ax: Any = None,
    ) -> Self:
        """Draw the gates of a fitted estimator.

        Parameters
        ----------
        estimator, X : see gates
        rows, layer : see gates and plot, default=-1
        network : {"own", "prior"}, default="own"
        ax : see plot, default=None
            As in :func:`gates` and :meth:`plot`.
        """
        seen = windows_seen(estimator, X, rows, "GateDisplay")
        frame = _gates_of(seen, network, "GateDisplay")
        weights = {"own": "network_weight_", "prior": "prior_weight_"}
        weight = getattr(seen.regressor, weights[network])
        display = cls(frame, frame_of_steps(seen.windows, seen), weight)
        return display.plot(ax, layer=layer)

    def plot(self, ax: Any = None, *, layer: int = -1) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : array of matplotlib Axes, default=None
            One for each panel; None makes a new figure.
        layer : int, default=-1
            Which layer is drawn; the last one by default.
        """
        self._check_levels(self.gates, _LEVELS, maker="gates")
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
        first = int(self.values is not None)
        shape = first + len(_GATES) + 1, len(rows)
        size = 3.4 + 3.0 * len(rows), 1.2 * shape[0]
        self._add_panels(ax, shape, size)
        ends = _ends_of_patches(self.gates.index.unique("step"))
        if self.values is not None:
            every = self.values.index.unique("step")
            ends = min(ends[0], every[0] - 0.5), max(ends[1], every[-1] + 0.5)
        for row, column in zip(rows, self.axes_.T, strict=True):
            column[0].set_title(row_name(row))
            if self.values is not None:
                _draw_values(column[0], self.values.xs(row, level="row"))
            gates = chosen.xs(row, level="row")
            for panel, name in zip(column[first:-1], _GATES, strict=True):
                _draw_units(panel, gates[name], _limits(chosen[name], name))
            _draw_means(column[-1], gates)
            for panel in column:
                panel.set_xlim(*ends)
                panel.locator_params(axis="x", integer=True)
                panel.tick_params(labelbottom=panel is column[-1])
            column[-1].set_xlabel("step of the window")
        for line, name in zip(self.axes_[first:-1], _GATES, strict=True):
            line[0].set_ylabel(f"{name}\nunit")
            self.figure_.colorbar(line[-1].images[0], ax=list(line))
        if self.values is not None:
            self.axes_[0, 0].set_ylabel("window")
        self.axes_[-1, 0].set_ylabel("mean of\ngates")
        if self.network_weight is not None:
            self.figure_.suptitle(
                f"predictions take {100 * self.network_weight:.3g} % of this network"
            )
        return self

    def __repr__(self) -> str:
        levels = ("row", "layer", "step")
        sizes = (f"{n}s={len(self.gates.index.unique(n))}" for n in levels)
        return f"GateDisplay({', '.join(sizes)})"


def _limits(values: pd.DataFrame, name: str) -> tuple[float, float]:
    """Return the ends of the colour scale of a heat map."""
    size = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    return (0.0, max(1.0, size)) if "gate" in _GATES[name] else (-size, size)


def _draw_values(ax: Any, values: pd.DataFrame) -> None:
    """Draw the values of a window, several of them from minimum to maximum."""
    hatch_steps(ax, values.index.to_numpy(), values.notna().any(axis=1).to_numpy())
    for number, name in enumerate(values.columns[:_MOST_CHANNELS]):
        channel = values[name]
        if values.shape[1] > 1:
            spread = channel.max() - channel.min()
            channel = (channel - channel.min()) / (spread if spread > 0 else 1.0)
            ax.set_yticks([0, 1], ["min", "max"])
        # Legends leave out what begins with "_".
        label = f" {name}" if str(name).startswith("_") else str(name)
        ax.plot(values.index, channel, line_style(number), label=label)
    _explain(ax)


def _draw_units(ax: Any, values: pd.DataFrame, limits: tuple[float, float]) -> None:
    """Draw a heat map over units and steps, forward above backward."""
    directions = values.index.unique("direction")
    parts = [values.xs(each, level="direction").unstack("step") for each in directions]
    table = np.concatenate([part.to_numpy() for part in parts])
    ax.patch.set(hatch="////", edgecolor=faint_ink(), facecolor="none", linewidth=0.0)
    ax.imshow(
        np.ma.masked_invalid(table),
        aspect="auto",
        interpolation="nearest",
        cmap=_COLORMAP,
        vmin=limits[0],
        vmax=limits[1],
        extent=(*_ends_of_patches(values.index.unique("step")), len(table) - 0.5, -0.5),
    )
    ax.locator_params(axis="y", nbins=3, integer=True)
    if len(directions) > 1:
        ax.axhline(len(table) / 2 - 0.5, color="white", linewidth=1.5)
        at = [len(table) / 4 - 0.5, 3 * len(table) / 4 - 0.5]
        ax.set_yticks(at, directions, fontsize="small")


def _draw_means(ax: Any, gates: pd.DataFrame) -> None:
    """Draw the mean of each gate over units, a line for each direction."""
    for number, name in enumerate(["input", "forget", "output"]):
        means = gates[name].groupby(["direction", "step"], sort=True).mean()
        for direction in means.index.unique("direction"):
            line = means.xs(direction, level="direction")
            is_forward = direction == "forward"
            look = {"color": f"C{number}", "linewidth": 1.6 if is_forward else 0.9}
            label = name if is_forward else f"_{name}"
            ax.plot(line.index, line, line_style(number), label=label, **look)
    ax.set_ylim(-0.05, 1.05)
    _explain(ax)


def _explain(ax: Any) -> None:
    """Put a legend beside a panel of the last column, where nothing is drawn."""
    spec = ax.get_subplotspec()
    if spec is None or spec.is_last_col():
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        ax.legend(**place, frameon=False, fontsize="small", handlelength=2.2)


def _ends_of_patches(steps: Any) -> tuple[float, float]:
    """Return where the first patch of steps begins, and where the last one ends.

    A patch goes by its newest step.
    """
    size = steps[1] - steps[0] if len(steps) > 1 else 1
    return steps[0] - size + 0.5, steps[-1] + 0.5
