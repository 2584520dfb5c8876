"""A member of an ensemble: one network, the maps around it, and what they predict.

An :class:`sklstm._regressor.LSTMRegressor` is made of one or several; what is written
and read of a fit are these.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from sklstm._keras import (
    Recipe,
    build_compiled_model,
    has_masking,
    predict_with_keras,
)
from sklstm._network import (
    MISSING,
    NetworkSpec,
    build_keras_model,
    forward,
    initial_weights,
)
from sklstm._scaling import Scaling

__all__ = ["Member", "new_member"]


@dataclass(frozen=True)
class Member:
    """A network as far as it has been trained.

    Parameters
    ----------
    recipe : Recipe
        What it is, and how it is compiled.
    seed : int
        Of its first weights, of the order of its rows and of its dropout.
    learning_rate : float
        Step size that its Keras model is compiled with.
    scaling : Scaling
        The maps around it.
    weights : list of ndarray
        In Keras's order.
    has_masking : bool
        Whether it knows missing steps.
    history : dict of lists of float
        Losses of every epoch but those of the refit; none before the first.
    optimizer_state : tuple of str and list of ndarray, optional
        With which its training can go on.
    """

    recipe: Recipe
    seed: int
    learning_rate: float
    scaling: Scaling
    weights: list[np.ndarray]
    has_masking: bool = True
    history: dict[str, list[float]] = field(default_factory=dict)
    optimizer_state: tuple[str, list[np.ndarray]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {own.name: getattr(self, own.name) for own in fields(self)}

    @property
    def spec(self) -> NetworkSpec:
        """The shape of the network."""
        return self.recipe.spec

    @property
    def n_epochs(self) -> int:
        """The number of epochs in the history."""
        return len(self.history.get("loss", ()))

    @property
    def fill(self) -> np.float32:
        """What stands for missing steps in what Keras sees."""
        return MISSING if self.has_masking else np.float32(0)

    @cached_property
    def keras_model(self) -> Any:
        """The network with its weights as a ``keras.Model``, the user's; never stored.

        What is done with it changes no prediction.
        """
        return self._new_keras_model()

    @cached_property
    def _predicting_model(self) -> Any:
        """The same for predictions alone."""
        return self._new_keras_model()

    def _new_keras_model(self) -> Any:
        if self.recipe.is_ours:
            model = build_keras_model(self.spec)
        else:
            model = build_compiled_model(self.recipe, self.seed, self.learning_rate)
        model.set_weights(self.weights)
        return model

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the network's outputs for scaled windows.

        Parameters
        ----------
        inputs : ndarray of shape (n_rows, window, n_channels), float32
            NaN at missing steps.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs), float32
        """
        if self.recipe.is_ours:
            return forward(self.spec, self.weights, inputs)
        filled = np.nan_to_num(inputs, nan=float(self.fill))
        return predict_with_keras(self._predicting_model, filled)

    def values(self, windows: np.ndarray) -> np.ndarray:
        """Return the predictions for measured windows, in their measure.

        Parameters
        ----------
        windows : ndarray of shape (n_rows, window, n_channels)
            NaN at missing steps.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs), float64
        """
        inputs = self.scaling.inputs(windows)
        return self.scaling.values(self.outputs(inputs), windows, inputs)

    def after(
        self, weights: list[np.ndarray], history: dict[str, list[float]] | None = None
    ) -> Member:
        """Return the same network with other weights, after some more epochs.

        Parameters
        ----------
        weights : list of ndarray
        history : dict of lists of float, optional
            Losses of these epochs; None for those of a refit, which do not count.
        """
        longer = self.history
        if history is not None:
            longer = {k: self.history.get(k, []) + v for k, v in history.items()}
        return replace(self, weights=weights, history=longer)


def new_member(
    recipe: Recipe, scaling: Scaling, seed: int, learning_rate: float
) -> Member:
    """Return a network with its first weights.

    Parameters
    ----------
    recipe, scaling, seed, learning_rate
        As in :class:`Member`.
    """
    if not recipe.is_ours:
        model = build_compiled_model(recipe, seed, learning_rate)
        weights = model.get_weights()
        return Member(recipe, seed, learning_rate, scaling, weights, has_masking(model))
    weights = initial_weights(recipe.spec, seed)
    if scaling.highway is not None:
        weights[-2][:] = 0  # begin with the highway alone
    return Member(recipe, seed, learning_rate, scaling, weights)
