"""A member of an ensemble: one network, the maps around it, and what they predict.

A :class:`sklstm.network._window_regressor.WindowRegressor` is made of one or several;
what is written and read of a fit are these. What kind of network it is, its recipe
knows alone: how it begins, learns and predicts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from sklstm.network._scaling import Scaling

__all__ = ["Member", "Recipe", "new_member"]

# Losses whose best prediction is a mean, or close to it.
_LOSSES_OF_MEANS = ("huber", "log_cosh", "mean_squared_error", "mse")


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """What a network is and how it is trained: a subclass for each kind of network.

    Parameters
    ----------
    optimizer, loss : str or callable
        With what it is trained.
    quantiles : tuple of float, optional
        Levels of the pinball loss, which is then the loss; outputs take them in turn.
    """

    optimizer: Any = "adam"
    loss: Any = "huber"
    quantiles: tuple[float, ...] | None = None

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of each target's outputs; one without quantiles."""
        return self.quantiles or (0.5,)

    @property
    def middle(self) -> int:
        """Where the level that is closest to 0.5 stands among them."""
        return int(np.argmin(np.abs(np.array(self.levels) - 0.5)))

    @property
    def learns_means(self) -> bool:
        """Whether its best prediction is a mean, or close to it."""
        return self.quantiles is None and self.loss in _LOSSES_OF_MEANS

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """The steps and channels of its windows, and the number of its outputs."""

    @abstractmethod
    def network(self) -> dict[str, Any]:
        """Return what a fit that goes on must leave as it was, by name."""

    def changes_from(self, before: Recipe) -> list[str]:
        """Return in words what of the network is not as in another recipe."""
        new, old = self.network(), before.network()

        def own(network: dict[str, Any], name: str) -> list[Any]:
            return [network[name]] if name in network else []

        return [
            f"{name}={new.get(name)!r} after {old.get(name)!r}"
            for name in old | new
            if own(new, name) != own(old, name)
        ]

    def going_on_from(self, before: Recipe) -> Recipe:  # noqa: ARG002
        """Return the recipe of a network that goes on from what another one made."""
        return self

    @abstractmethod
    def first_weights(
        self, seed: int, *, has_highway: bool
    ) -> tuple[list[np.ndarray], bool]:
        """Return the weights to begin with, and whether missing steps are masked."""

    @abstractmethod
    def train(
        self,
        data: Any,
        plan: Any,
        monitor: Any,
        weights: list[np.ndarray],
        optimizer_state: list[np.ndarray] | None,
    ) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
        """Train weights for some epochs.

        Parameters
        ----------
        data : TrainingSet
            What to learn from.
        plan : Plan
            For how long, and in what steps.
        monitor : Monitor
            Hears of every epoch.
        weights, optimizer_state : list of ndarray
            What to begin with; None for a fresh optimizer.

        Returns
        -------
        weights, optimizer_state : list of ndarray
            After the last epoch.
        is_interrupted : bool
            Whether the user interrupted training.
        """

    @abstractmethod
    def predictor(
        self, weights: list[np.ndarray], seed: int
    ) -> Callable[..., np.ndarray]:
        """Return the function from scaled windows to outputs.

        It takes windows with NaN at missing steps, and ``n_threads``.
        """

    @abstractmethod
    def keras_model(self, weights: list[np.ndarray], seed: int) -> Any:
        """Return the network with its weights as a ``keras.Model``."""

    def multiplied(
        self,
        weights: list[np.ndarray],  # noqa: ARG002
        factor: float,  # noqa: ARG002
    ) -> list[np.ndarray] | None:
        """Return weights whose outputs are multiplied; None where that is unknown."""
        return None

    @abstractmethod
    def check(self, weights: list[np.ndarray]) -> None:
        """Raise unless weights are of the network, as far as that is known."""


@dataclass(frozen=True)
class Member:
    """A network as far as it has been trained.

    Parameters
    ----------
    recipe : Recipe
        What it is, and how it is trained.
    seed : int
        Of its first weights, of the order of its rows and of its dropout.
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
    scaling: Scaling
    weights: list[np.ndarray]
    has_masking: bool = True
    history: dict[str, list[float]] = field(default_factory=dict)
    optimizer_state: tuple[str, list[np.ndarray]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {own.name: getattr(self, own.name) for own in fields(self)}

    @property
    def n_epochs(self) -> int:
        """The number of epochs in the history."""
        return len(self.history.get("loss", ()))

    @cached_property
    def keras_model(self) -> Any:
        """The network with its weights as a ``keras.Model``, the user's; never stored.

        What is done with it changes no prediction.
        """
        return self.recipe.keras_model(self.weights, self.seed)

    @cached_property
    def outputs(self) -> Callable[..., np.ndarray]:
        """The function from scaled windows to the network's outputs; never stored."""
        return self.recipe.predictor(self.weights, self.seed)

    def values(self, windows: np.ndarray, n_threads: int = 1) -> np.ndarray:
        """Return the relative values that are predicted for relative windows.

        Parameters
        ----------
        windows : ndarray of shape (n_rows, window, n_channels)
            NaN at missing steps.
        n_threads : int, default=1
            Threads that share the rows.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs), float64
        """
        inputs = self.scaling.inputs(windows)
        outputs = self.outputs(inputs, n_threads=n_threads)
        return self.scaling.values(outputs, windows, inputs)

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


def new_member(recipe: Recipe, scaling: Scaling, seed: int) -> Member:
    """Return a network with its first weights.

    Parameters
    ----------
    recipe, scaling, seed
        As in :class:`Member`.
    """
    has_highway = scaling.highway is not None
    weights, has_masking = recipe.first_weights(seed, has_highway=has_highway)
    return Member(recipe, seed, scaling, weights, has_masking)
