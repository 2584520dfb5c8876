"""The LSTM of LSTMRegressor as a kind of network: how it begins, learns and predicts.

Its arithmetic is in :mod:`sklstm.network._kernels`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

import sklstm.network._kernels as kernels
from sklstm.network._member import Recipe
from sklstm.network._network import (
    ACTIVATIONS,
    NetworkSpec,
    build_keras_model,
    initial_weights,
    weight_shapes,
)

__all__ = ["LOSSES", "LSTMRecipe", "OPTIMIZERS"]  # noqa: RUF022

LOSSES = ("huber", "mse", "mae", "log_cosh")

# Numbers that an optimizer takes besides the learning rate, with Keras's defaults.
OPTIMIZERS: dict[str, dict[str, float]] = {
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "adamw": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "weight_decay": 0.004},
    "rmsprop": {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7},
    "sgd": {},
}


@dataclass(frozen=True, kw_only=True)
class LSTMRecipe(Recipe):
    """The LSTM of a spec.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    optimizer_params : mapping of str to float
        Numbers of the optimizer that are not its defaults, and ``"global_clipnorm"``
        where gradients are clipped.
    """

    spec: NetworkSpec
    optimizer_params: Mapping[str, float] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, float]:
        """All numbers of the optimizer but the learning rate, by name."""
        return OPTIMIZERS[self.optimizer] | dict(self.optimizer_params)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The steps and channels of its windows, and the number of its outputs."""
        return self.spec.window, self.spec.n_channels, self.spec.n_outputs

    def network(self) -> dict[str, Any]:
        """Return what a fit that goes on must leave as it was, by name."""
        # A network learns to mask when it first meets missing steps.
        return {k: v for k, v in vars(self.spec).items() if k != "is_masked"}

    def going_on_from(self, before: Any) -> LSTMRecipe:
        """Return the recipe of a network that masks if the one before did."""
        is_masked = self.spec.is_masked or before.spec.is_masked
        return replace(self, spec=replace(self.spec, is_masked=is_masked))

    def first_weights(
        self, seed: int, *, has_highway: bool
    ) -> tuple[list[np.ndarray], bool]:
        """Return the weights to begin with; missing steps are always masked."""
        weights = initial_weights(self.spec, seed)
        if has_highway:
            weights[-2][:] = 0  # begin with the highway alone
        return weights, True

    def train(
        self,
        data: Any,
        plan: Any,
        monitor: Any,
        weights: list[np.ndarray],
        optimizer_state: list[np.ndarray] | None,
    ) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
        """Train weights for some epochs, as :meth:`Recipe.train` says."""
        return kernels.train(self, data, plan, monitor, weights, optimizer_state)

    def predictor(
        self,
        weights: list[np.ndarray],
        seed: int,  # noqa: ARG002
    ) -> Callable[..., np.ndarray]:
        """Return the kernels' function from scaled windows to outputs."""
        return partial(kernels.outputs, self.spec, weights)

    def keras_model(self, weights: list[np.ndarray], seed: int) -> Any:  # noqa: ARG002
        """Return the network with its weights as a ``keras.Model``, uncompiled."""
        model = build_keras_model(self.spec)
        model.set_weights(weights)
        return model

    def multiplied(
        self, weights: list[np.ndarray], factor: float
    ) -> list[np.ndarray] | None:
        """Return weights whose outputs are multiplied: those of the last layer are."""
        last = [(part * factor).astype(np.float32) for part in weights[-2:]]
        return [*weights[:-2], *last]

    def check(self, weights: list[np.ndarray]) -> None:
        """Raise unless weights are of the network."""
        expected = weight_shapes(self.spec)
        came = [array.shape for array in weights]
        if came != expected or self.spec.activation not in ACTIVATIONS:
            raise ValueError(
                f"{self.spec.activation!r}, weights of shapes {came} for {expected}"
            )
