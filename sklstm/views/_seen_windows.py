"""Windows of chosen rows as the network of a fitted estimator sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import check_is_fitted
from sklstm.forecasting._fitted import fronts_and_regressor
from sklstm.network._regressor import LSTMRegressor
from sklstm.network._rows import LAG_NAME, read_windows
from sklstm.network._window_regressor import WindowRegressor
from sklstm.windows._array import take_rows
from sklstm.windows._frames import labels_of, positions_of


@dataclass(frozen=True)
class SeenWindows:
    """Raw windows of chosen rows, the sizes of their series, and what they are called.

    ``newest`` is the newest step of each channel, counted back from the predicted row:
    0 is that row, -1 the one before.
    """

    regressor: Any
    windows: np.ndarray
    sizes: np.ndarray
    rows: Any
    newest: np.ndarray
    channels: list[str]
    target_names: list | None  # as the transformer in front knows them


def windows_seen(estimator: Any, X: Any, rows: Any, owner: str) -> SeenWindows:
    """Return the windows of chosen rows as a fitted LSTMRegressor sees them."""
    fronts, regressor = fronts_and_regressor(estimator)
    if not isinstance(regressor, WindowRegressor):
        # Data in the place of an estimator would fill a page.
        is_estimator = hasattr(estimator, "get_params")
        came = repr(estimator) if is_estimator else type(estimator).__name__
        raise ValueError(
            f"{owner} needs a fitted LSTMRegressor, or a pipeline or search that "
            f"ends in one. Got {came}."
        )
    check_is_fitted(regressor)
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
    steps = [step for front in fronts for _, step in front.steps]
    targets = (getattr(step, "target_names_", None) for step in steps)
    own, target = np.asarray(own), next(filter(None, targets), None)
    return SeenWindows(regressor, own, sizes, chosen, newest, channels, target)


def _names_of_values(names: Any, n_channels: int) -> tuple[list[str], np.ndarray]:
    """Return the name of each channel, and its newest step; 0 is the predicted row."""
    newest = [str(name) for name in ([] if names is None else names[-n_channels:])]
    channels = [m["channel"] for m in map(LAG_NAME.fullmatch, newest) if m]
    if len(channels) != n_channels:
        return [f"x{channel}" for channel in range(n_channels)], np.full(n_channels, -1)
    # What follows "_t" is the step, "-1"; nothing does for the predicted row itself.
    steps = [n[len(own) + 2 :] for n, own in zip(newest, channels, strict=True)]
    return channels, np.array([int(step or 0) for step in steps])


def labelled(values: np.ndarray, levels: dict, columns: list) -> pd.DataFrame:
    """Return a table whose lines are the products of levels, the last one fastest."""
    index = pd.MultiIndex.from_product(levels.values(), names=levels)
    return pd.DataFrame(values, index, columns, copy=False)


def frame_of_steps(values: np.ndarray, seen: SeenWindows) -> pd.DataFrame:
    """Return values of windows, each at the step that its channel has there."""
    back = np.arange(1 - values.shape[1], 1)
    steps, at = np.unique(seen.newest + back[:, None], return_inverse=True)
    shape = len(values), len(steps), values.shape[2]
    table = np.full(shape, np.nan, dtype=values.dtype)
    # Before NumPy 2.0 the inverse is flat.
    table[:, at.reshape(values.shape[1:]), np.arange(shape[2])] = values
    levels = {"row": seen.rows, "step": steps}
    return labelled(table.reshape(-1, shape[2]), levels, seen.channels)


def name_of_output(seen: SeenWindows, output: int) -> str | None:
    """Return what a column of ``predict_steps`` is called, None for the only one.

    It is the name of a column of y, or the lag name of a step, as ``load_t+1``.
    """
    names = seen.target_names
    if seen.regressor.n_outputs_ == 1:
        return None
    if seen.regressor.steps == 1:
        return f"output {output}" if names is None else str(names[output])
    name = "y" if names is None else str(names[0])
    return f"{name}_t+{output}" if output else f"{name}_t"
