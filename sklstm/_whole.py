"""Check that a fitted estimator read from a store is whole, before it predicts.

Every attribute that predictions read is looked at: whether it is there, of the right
shape and finite. What is damaged is told when it is read, not by a strange prediction
later. The maps around a network are tried on one window, so that no list of their
attributes has to be kept here.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from sklstm._checks import is_integer
from sklstm._stamp import StoredStateError, damaged
from sklstm.network._measure import Measure
from sklstm.network._member import Member, Recipe
from sklstm.network._scaling import Scaling
from sklstm.windows._labels import Grid

__all__ = ["check_regressor", "check_sliding_window"]

_OF_REGRESSOR = (
    "_measure",
    "_members",
    "_takes_incomplete",
    "_y_ndim",
    "n_channels_",
    "n_features_in_",
    "n_outputs_",
    "window_",
)
_OF_SLIDING_WINDOW = (
    "_columns",
    "_masked_columns",
    "context_",
    "groups_",
    "is_known_",
    "lag_",
    "n_features_in_",
    "target_names_",
    "grid_",
)
_OF_SERIES = ("_first_distance", "_first_rows", "_has_labels")
_OF_PANEL = ("_context_labels", "_context_starts")


def check_regressor(regressor: Any) -> None:
    """Raise unless all that the predictions of a fitted regressor read is whole.

    One of which nothing is fitted is whole.

    Raises
    ------
    StoredStateError
        If something is missing, of the wrong shape or not finite; it names it.
    """
    owner = type(regressor).__name__
    if not set(_OF_REGRESSOR) & set(vars(regressor)):
        return
    _check_there(regressor, _OF_REGRESSOR, owner)
    _try(owner, lambda: _check_ensemble(regressor, owner))


def check_sliding_window(sliding_window: Any) -> None:
    """Raise unless all that the windows of a fitted SlidingWindow read is whole.

    One of which nothing is fitted is whole.

    Raises
    ------
    StoredStateError
        If something is missing or of the wrong shape; it names it.
    """
    owner = type(sliding_window).__name__
    if not set(_OF_SLIDING_WINDOW) & set(vars(sliding_window)):
        return
    is_panel = "_context_starts" in vars(sliding_window)
    own = _OF_PANEL if is_panel else _OF_SERIES
    _check_there(sliding_window, _OF_SLIDING_WINDOW + own, owner)
    _try(owner, lambda: _check_context(sliding_window, owner, is_panel=is_panel))


def _try(owner: str, check: Any) -> None:
    """Run a check; whatever it stumbles over is damage too."""
    try:
        check()
    except StoredStateError:
        raise
    except Exception as error:
        came = f"attributes that do not fit together ({error})"
        raise damaged(owner, came) from error


def _check_there(thing: Any, names: tuple[str, ...], owner: str) -> None:
    missing = sorted(set(names) - set(vars(thing)))
    if missing:
        raise damaged(owner, f"one without {missing[0]!r}")


def _check_kind(value: Any, kind: type, name: str, owner: str) -> None:
    """Raise unless a value is of one of our dataclasses, with all of its fields."""
    if not isinstance(value, kind):
        raise damaged(owner, f"a {type(value).__name__} as {name!r}")
    own: Any = type(value)
    _check_there(value, tuple(field.name for field in fields(own)), owner)


def _check_finite(value: Any, name: str, owner: str) -> None:
    """Raise unless every number that a value holds, however deep, is finite."""
    if is_dataclass(value):
        for own in fields(value):
            _check_finite(getattr(value, own.name), own.name, owner)
    elif isinstance(value, np.ndarray | float | np.floating):
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "fiub":
            raise damaged(owner, f"{numbers.dtype} as {name!r}")
        if not np.isfinite(numbers).all():
            raise damaged(owner, f"NaN or infinity in {name!r}")


# -- LSTMRegressor and KerasRegressor -----------------------------------------------


def _check_ensemble(regressor: Any, owner: str) -> None:
    """Raise unless networks, the maps around them and what is measured fit."""
    shape = (regressor.window_, regressor.n_channels_)
    for member in regressor._members:
        _check_kind(member, Member, "_members", owner)
        _check_kind(member.recipe, Recipe, "recipe", owner)
        n_outputs = regressor.n_outputs_ * len(member.recipe.levels)
        if (came := member.recipe.shape) != (*shape, n_outputs):
            raise damaged(owner, f"a network of {came} for {*shape, n_outputs}")
        _check_weights(member, owner)
        _check_scaling(member.scaling, shape, n_outputs, owner)
        n_epochs = {len(losses) for losses in member.history.values()}
        if len(n_epochs) > 1:
            raise damaged(owner, f"losses of {sorted(n_epochs)} epochs")
    first = regressor._members[0].recipe
    if any(member.recipe.changes_from(first) for member in regressor._members):
        raise damaged(owner, "networks of several shapes in its ensemble")
    n_outputs = regressor.n_outputs_ * len(first.levels)
    _check_measure(regressor._measure, regressor.n_channels_, n_outputs, owner)


def _check_weights(member: Any, owner: str) -> None:
    """Raise unless the weights of a network are finite and of its shapes."""
    for position, array in enumerate(member.weights):
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            raise damaged(owner, f"weights[{position}] that is no array of floats")
        _check_finite(array, f"weights[{position}]", owner)
    member.recipe.check(member.weights)


def _check_measure(measure: Any, n_channels: int, n_outputs: int, owner: str) -> None:
    """Raise unless what windows are measured in fits their channels."""
    _check_kind(measure, Measure, "_measure", owner)
    sizes, targets = measure.sizes, measure.target_channel
    n_groups = len(sizes) if measure.keys is None else len(measure.keys)
    is_whole = measure.kind in ("plain", "size", "log")
    is_whole &= sizes.shape == (n_groups, n_channels)
    is_whole &= measure.floor.shape == (n_channels,)
    if measure.kind != "plain":
        is_whole &= n_outputs % len(targets) == 0 and bool((targets < n_channels).all())
    # A size that is not known is NaN.
    if not is_whole or np.isinf(sizes).any() or (sizes <= 0).any():
        raise damaged(owner, f"a measure of {sizes.shape} in {measure.kind!r}")
    _check_finite(measure.floor, "floor", owner)


def _check_scaling(scaling: Any, shape: tuple, n_outputs: int, owner: str) -> None:
    """Raise unless the maps around a network make finite values of a window."""
    _check_kind(scaling, Scaling, "_scaling", owner)
    _check_finite(scaling, "_scaling", owner)
    if scaling.is_centred.dtype != bool or not 0 <= scaling.trust <= 1:
        came = f"{scaling.is_centred.dtype} as 'is_centred', trust {scaling.trust!r}"
        raise damaged(owner, came)
    if (scaling.input_scale < 0).any() or (scaling.target_scale < 0).any():
        raise damaged(owner, "a scaling by negative numbers")
    window = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32)
    windows = window.reshape(1, *shape)
    with np.errstate(all="ignore"):
        inputs = scaling.inputs(windows)
        values = scaling.values(np.zeros((1, n_outputs)), windows)
        # Nothing is read of a window without a true step but its last level.
        missing = scaling.levels(np.full_like(windows, np.nan))
    if inputs.shape != windows.shape or values.shape != (1, n_outputs):
        raise damaged(owner, f"a scaling of {inputs.shape} and {values.shape}")
    if not all(np.isfinite(each).all() for each in (inputs, values, missing)):
        raise damaged(owner, "a scaling whose values are not finite")


# -- SlidingWindow ------------------------------------------------------------------


def _check_context(sliding_window: Any, owner: str, *, is_panel: bool) -> None:
    """Raise unless context, channels and labels of a SlidingWindow fit together."""
    context, is_known = sliding_window.context_, sliding_window.is_known_
    masked = sliding_window._masked_columns
    if is_known.dtype != bool or is_known.ndim != 1:
        raise damaged(owner, f"{is_known.dtype} as 'is_known_'")
    if not is_integer(sliding_window.lag_) or sliding_window.lag_ < 0:
        raise damaged(owner, f"{sliding_window.lag_!r} as 'lag_'")
    if len(masked) and not 0 <= masked.min() <= masked.max() < len(is_known):
        raise damaged(owner, f"columns {masked.tolist()} of {len(is_known)}")
    if context.dtype != np.float32 or context.ndim != 2:
        raise damaged(owner, f"{context.ndim}-D {context.dtype} as 'context_'")
    n_elapsed = context.shape[1] - len(is_known) - len(masked)
    if n_elapsed not in (0, 1) or np.isinf(context).any():
        raise damaged(owner, f"'context_' of shape {context.shape} or not finite")
    if sliding_window.grid_ is not None:
        _check_kind(sliding_window.grid_, Grid, "grid_", owner)
    if not is_panel:
        return
    starts, groups = sliding_window._context_starts, sliding_window.groups_
    n_groups = 1 if groups is None else len(groups)
    is_whole = len(starts) == n_groups + 1 and starts[0] == 0
    is_whole = is_whole and bool((np.diff(starts) > 0).all())
    n_labels = len(sliding_window._context_labels)
    if not is_whole or not starts[-1] == len(context) == n_labels:
        raise damaged(owner, "groups and rows of the context that do not fit together")
