"""What a fitted network does inside: its gates, and which values of a window matter.

Gates are read off the NumPy pass, contributions off the kernels; both come back as
DataFrames whose labels say what is what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import sklstm.network._kernels as kernels
from sklstm._checks import check_is_fitted, is_integer
from sklstm.network._lstm import patched, trace
from sklstm.network._regressor import LSTMRegressor
from sklstm.network._rows import LAG_NAME, read_windows
from sklstm.network._window_regressor import WindowRegressor
from sklstm.windows._frames import (
    DataFrame,
    frame_from_product,
    labels_of,
    positions_of,
)
from sklstm.windows._windows import row_slices, take_rows

__all__ = [
    "contributions",
    "gates",
    "name_of_output",
    "regressor_inside",
    "window_values",
]

_GATES = ["input", "forget", "output", "candidate", "cell", "hidden"]
_DIRECTIONS = ["forward", "backward"]

# Attributes behind which fitted meta-estimators keep the one estimator that predicts.
_INNER = ("best_estimator_", "regressor_", "estimator")

# Points of the Gauss-Legendre rule along the path from a flat window.
_N_POINTS = 64


def gates(estimator: Any, X: Any, rows: Any = -1) -> DataFrame:
    """Return how the gates and states of an LSTM move through the windows of rows.

    They come from the NumPy pass, which agrees with the kernels that predict to float32
    rounding. The output layer, the last two arrays of
    ``weights_``, applied to the hidden states of the last layer after the last step
    that each direction reads gives the network's output. That is not yet the
    prediction: with a highway it is multiplied by the scale of what the highway leaves
    and by ``network_weight_``, and the highway's output is added; then the scaling of
    the target is undone (its scale, mean and level, in a panel the size of the group or
    the logarithm too), and the mean over an ensemble is taken. Where
    ``network_weight_`` is 0 the network has no part in it. Of an ensemble the gates are
    those of the first network, as ``weights_`` and ``network_weight_`` are.

    Parameters
    ----------
    estimator : fitted estimator
        An :class:`LSTMRegressor`, a pipeline that ends in one, or a search of them.
    X : DataFrame, Series or array-like
        Rows as ``estimator.predict`` takes them.
    rows : int, label or sequence of them, default=-1
        Which rows: positions in X, or labels of its index that are not integers
        (``"1960-07"``). The newest row by default.

    Returns
    -------
    DataFrame
        One line for each (row, layer, direction, step, unit), which are the levels of
        its index; rows are called by their label, by their position where labels are
        not unique; columns ``input``, ``forget`` and ``output`` gate in [0, 1],
        ``candidate``, ``cell`` and ``hidden`` state after the step, in the scaled
        unit. Layers count from 0; a direction is ``"forward"`` (oldest step first) or
        ``"backward"``; steps count back from the predicted row, so that -1 is the row
        before it. Missing steps are NaN. A step is called by the columns that are not
        known beforehand: of a known one the network reads at the same time the value
        ``horizon + known_ahead`` rows later.

    Raises
    ------
    ValueError
        If there is no LSTM of the package's own, or no such row.

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
    seen = _windows_seen(estimator, X, rows, "gates")
    member = seen.regressor._members[0]
    spec = member.recipe.spec
    relative = member.scaling.relative(seen.windows, seen.sizes)
    inputs = member.scaling.inputs(relative)
    _, traces = trace(spec, member.weights, inputs)
    missing = np.isnan(patched(inputs, spec.patch)[:, :, 0])
    newest = int(seen.newest.min())
    every = range(newest + 1 - spec.window, newest + 1)
    # A patch goes by its newest step.
    steps = every[spec.window % spec.patch + spec.patch - 1 :: spec.patch]
    parts = []
    for position, values in enumerate(traces):
        layer, direction = divmod(position, spec.n_directions)
        values[missing] = np.nan
        labels = {
            "row": seen.rows,
            "layer": [layer],
            "direction": [_DIRECTIONS[direction]],
            "step": steps,
            "unit": range(values.shape[3]),
        }
        table = values.transpose(0, 1, 3, 2).reshape(-1, len(_GATES))
        parts.append((table, labels))
    return frame_from_product(parts, _GATES)


def contributions(
    estimator: Any, X: Any, rows: Any = -1, *, output: int = 0
) -> DataFrame:
    """Return what each value of a window adds to the prediction of its row.

    The comparison is with a *flat* window, in which every channel stays at its mean
    over the true steps. The contributions of all values add up to the prediction less
    that of the flat window: gradients of the prediction are integrated along the way
    from the one to the other (*integrated gradients*), through network, highway,
    centring and scaling.

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
        One line for each (row, step), the levels of its index; one column for each
        channel. Steps count back from the predicted row, which is step 0: a known
        column has its newest value ``known_ahead`` steps later, others ``horizon``
        steps earlier. In the unit of the target that the regressor was fitted on; NaN
        at missing steps, and at steps that only other channels have.

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
    Integrated gradients were chosen by a deletion test: how far the prediction moves
    when the values said to matter most are made flat, in percent of the target's
    standard deviation. On the adding problem they moved it by 80 (occlusion 75,
    gradient times value 77, random order 0), on the Mackey-Glass equation by 133 (133,
    131, -5), on the airline passengers without a highway by 43 (41, 40, 3). With the
    default highway, where all but little is linear, all three are alike. Only these
    add up: the sums of the others missed by 33 to 216 in the first three, those of
    integrated gradients by less than 0.001. A network with abrupt answers may need more
    than the 64 points of the integral; the sum shows it.

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
    seen = _windows_seen(estimator, X, rows, "contributions")
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
    return _frame_of_steps(values, seen)


def _integrated_gradients(
    regressor: Any, windows: np.ndarray, sizes: np.ndarray, output: int
) -> np.ndarray:
    """Return the contributions of windows, of their shape; NaN at missing steps."""
    windows = windows.astype(np.float64)
    scaling = regressor._scaling
    end = scaling.relative(windows, sizes)
    begin = scaling.relative(_flat_windows(windows), sizes)
    # From relative values on the maps are affine: the way stays straight.
    points, shares = np.polynomial.legendre.leggauss(_N_POINTS)
    total = np.zeros_like(windows)
    for point, share in zip(points, shares, strict=True):
        at = begin + (point + 1) / 2 * (end - begin)
        gradients = np.mean(
            [
                _value_slopes(member, member.scaling.inputs(at), output)
                for member in regressor._members
            ],
            axis=0,
        )
        values = np.ones((len(at), regressor._fitted_recipe.spec.n_outputs))
        if scaling.unit == "log":
            values = regressor._means(at)
        slopes = scaling.absolute_slopes(values, sizes)[:, output]
        total += share / 2 * gradients * slopes[:, None, None]
    return total * (end - begin)


def _value_slopes(member: Any, inputs: np.ndarray, output: int) -> np.ndarray:
    """Return the gradients of a network's predictions by the values of windows."""
    slopes = kernels.input_slopes(member.recipe.spec, member.weights, inputs, output)
    return member.scaling.slopes(slopes, np.isnan(inputs[:, :, 0]), output)


def _flat_windows(windows: np.ndarray) -> np.ndarray:
    """Return windows whose true steps all hold their mean."""
    is_true = ~np.isnan(windows)
    n_true = np.maximum(is_true.sum(axis=1, keepdims=True), 1)
    means = np.where(is_true, windows, 0.0).sum(axis=1, keepdims=True) / n_true
    return np.where(is_true, means, np.nan)


def window_values(estimator: Any, X: Any, rows: Any = -1) -> DataFrame:
    """Return the windows of rows, in the unit of X.

    Parameters
    ----------
    estimator, X, rows
        As in :func:`gates`.

    Returns
    -------
    DataFrame
        One line for each (row, step), the levels of its index, as in
        :func:`contributions`; one column for each channel; NaN at missing steps, and
        at steps that only other channels have.
    """
    seen = _windows_seen(estimator, X, rows, "window_values")
    return _frame_of_steps(seen.windows, seen)


def _frame_of_steps(values: np.ndarray, seen: _Seen) -> DataFrame:
    """Return values of windows, each at the step that its channel has there."""
    back = np.arange(1 - values.shape[1], 1)
    steps, at = np.unique(seen.newest + back[:, None], return_inverse=True)
    shape = len(values), len(steps), values.shape[2]
    table = np.full(shape, np.nan, dtype=values.dtype)
    # Before NumPy 2.0 the inverse is flat.
    table[:, at.reshape(values.shape[1:]), np.arange(shape[2])] = values
    labels = {"row": seen.rows, "step": steps}
    return frame_from_product([(table.reshape(-1, shape[2]), labels)], seen.channels)


# -- windows of chosen rows ---------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """Windows of chosen rows as a regressor sees them, and what they are called.

    Parameters
    ----------
    regressor : LSTMRegressor
        Fitted, with a network of its own.
    windows : ndarray of shape (n_rows, window, n_channels), float32
        Raw windows.
    sizes : ndarray of shape (n_rows, n_channels)
        What their values are relative to.
    rows : sequence of n_rows labels
    newest : ndarray of shape (n_channels,), int
        The newest step of each channel, counted back from the predicted row: 0 is that
        row, -1 the one before.
    channels : list of str
    """

    regressor: Any
    windows: np.ndarray
    sizes: np.ndarray
    rows: Any
    newest: np.ndarray
    channels: list[str]


def _check_no_mask(rows: Any, owner: str) -> None:
    """Raise where rows are truth values, which are no positions."""
    is_one = isinstance(rows, str) or not hasattr(rows, "__len__")
    if any(isinstance(row, bool | np.bool_) for row in ([rows] if is_one else rows)):
        raise ValueError(
            f"The 'rows' parameter of {owner} must hold positions in X, or labels of "
            "its index. Got truth values; pass np.flatnonzero(mask)."
        )


def _windows_seen(estimator: Any, X: Any, rows: Any, owner: str) -> _Seen:
    _check_no_mask(rows, owner)
    fronts, regressor = _parts_of(estimator, owner)
    if not isinstance(regressor, LSTMRegressor):
        raise ValueError(
            f"{owner} needs the LSTM of LSTMRegressor. Got a "
            f"{type(regressor).__name__}; look into its Keras model, model_."
        )
    labels = labels_of(X)
    names = getattr(regressor, "feature_names_in_", None)
    for front in fronts:
        X = front.transform(X)
        if names is None and hasattr(front[-1], "get_feature_names_out"):
            names = front[-1].get_feature_names_out()
    windows, _ = read_windows(regressor, X, reset=False)
    positions = positions_of(rows, labels, len(windows), owner=owner)
    channels, newest = _names_of_values(names, windows.shape[2])
    # The labels of a panel may be times, which do not tell its rows apart.
    chosen = positions
    if labels is not None and labels.is_unique:
        chosen = labels[positions]
    own = take_rows(windows, positions)
    sizes = regressor._scaling.sizes_of(own)
    return _Seen(regressor, np.asarray(own), sizes, chosen, newest, channels)


def regressor_inside(estimator: Any, owner: str) -> WindowRegressor:
    """Return the fitted regressor of ours that predicts in a pipeline or search.

    Raises
    ------
    ValueError
        If there is none.
    """
    return _parts_of(estimator, owner)[1]


def name_of_output(estimator: Any, output: int) -> str | None:
    """Return what a column of ``predict_steps`` is called, None for the only one.

    Parameters
    ----------
    estimator : fitted estimator
        A pipeline or search that ends in a regressor of ours, or that itself.
    output : int
        Which column.

    Returns
    -------
    str or None
        The name of the column of y, or the lag name of the step, as ``load_t+1``.
    """
    fronts, regressor = _parts_of(estimator, "name_of_output")
    if regressor.n_outputs_ == 1:
        return None
    parts = [part for front in fronts for _, part in front.steps]
    names = next(filter(None, (getattr(p, "target_names_", None) for p in parts)), None)
    if regressor.steps == 1:
        return f"output {output}" if names is None else str(names[output])
    name = "y" if names is None else str(names[0])
    return f"{name}_t+{output}" if output else f"{name}_t"


def _parts_of(estimator: Any, owner: str) -> tuple[list, Any]:
    """Return what stands in front of the regressor that predicts, and that."""
    fronts = []
    inner = estimator
    while not isinstance(inner, WindowRegressor):
        if isinstance(getattr(inner, "steps", None), list):
            if len(inner.steps) > 1:
                fronts.append(inner[:-1])
            inner = inner.steps[-1][1]
            continue
        name = next((name for name in _INNER if hasattr(inner, name)), None)
        if name is None:
            # Data in the place of an estimator would fill a page.
            is_estimator = hasattr(estimator, "get_params")
            came = repr(estimator) if is_estimator else type(estimator).__name__
            raise ValueError(
                f"{owner} needs a fitted LSTMRegressor, or a pipeline or search that "
                f"ends in one. Got {came}."
            )
        inner = getattr(inner, name)
    check_is_fitted(inner)
    return fronts, inner


def _names_of_values(names: Any, n_channels: int) -> tuple[list[str], np.ndarray]:
    """Return the name of each channel, and its newest step; 0 is the predicted row."""
    newest = [str(name) for name in ([] if names is None else names[-n_channels:])]
    matches = [LAG_NAME.fullmatch(name) for name in newest]
    if len(matches) != n_channels or not all(matches):
        return [f"x{channel}" for channel in range(n_channels)], np.full(n_channels, -1)
    channels = [match["channel"] for match in matches if match]
    # What follows "_t" is the step, "-1"; nothing does for the predicted row itself.
    steps = [
        name[len(channel) + 2 :] for name, channel in zip(newest, channels, strict=True)
    ]
    return channels, np.array([int(step or 0) for step in steps])
