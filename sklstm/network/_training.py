"""Training: a network learns, stops early, and goes on with all rows.

What does the arithmetic, a :class:`Recipe`, knows none of these rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from sklstm._imports import Interrupt
from sklstm.network._highway import PriorForecast
from sklstm.network._lstm import Weights
from sklstm.network._progress import Progress
from sklstm.network._scaling import Scaling
from sklstm.windows._array import Windows, base_from_windows, row_slices

# The fewest validation rows from which a stop is decided by default.
FEWEST_VALIDATION_ROWS = 4

# Validation rows with which the variance of a network's weight is doubled.
_ROWS_OF_DOUBLE_VARIANCE = 100

# Gradient steps of an epoch at most, and rows in one, by default.
_MOST_STEPS = 3000
_FEWEST_ROWS_OF_BATCH, _MOST_ROWS_OF_BATCH = 32, 512

# Losses whose best prediction is a mean, or close to it.
_LOSSES_OF_MEANS = ("huber", "log_cosh", "mean_squared_error", "mse")


# -- networks -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a network is and how it is trained.

    A subclass for each kind of network has ``network``, ``first_weights``, ``train``,
    ``predictor``, ``keras_model`` and ``multiplied``, as ``LSTMRecipe`` says them. The
    levels of quantiles are those of the pinball loss; outputs take them in turn.
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
        """The position of the level that is closest to 0.5."""
        return int(np.argmin(np.abs(np.array(self.levels) - 0.5)))

    @property
    def learns_means(self) -> bool:
        """Whether its best prediction is a mean, or close to it."""
        return self.quantiles is None and self.loss in _LOSSES_OF_MEANS


def changes_between(before: Any, after: Any) -> list[str]:
    """Return in words how the network of one recipe differs from that of another."""
    old, new = before.network, after.network
    return [
        f"{name}={new.get(name)!r} after {old.get(name)!r}"
        for name in old | new
        if new.get(name, ...) != old.get(name, ...)
    ]


@dataclass(frozen=True)
class Member:
    """A network of an ensemble as far as it has been trained.

    Its history are the losses of all epochs but those of a refit. Its training can go
    on with the state of an optimizer that has the same name.
    """

    recipe: Any
    seed: int
    scaling: Scaling
    weights: Weights
    has_masking: bool = True
    history: dict[str, list[float]] = field(default_factory=dict)
    optimizer_state: tuple[str, Weights] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {own.name: getattr(self, own.name) for own in fields(self)}

    @property
    def is_weighed(self) -> bool:
        """Whether validation rows tell what it counts for beside its highway."""
        return self.scaling.highway is not None and self.recipe.learns_means

    @property
    def n_epochs(self) -> int:
        """The number of epochs in the history."""
        return len(self.history.get("loss", ()))

    @cached_property
    def keras_model(self) -> Any:
        """The network as a ``keras.Model``, the user's; never stored."""
        return self.recipe.keras_model(self.weights)

    @cached_property
    def outputs(self) -> Callable[..., np.ndarray]:
        """The function from scaled windows to the network's outputs; never stored."""
        return self.recipe.predictor(self.weights)

    def values(
        self, windows: np.ndarray, n_threads: int, prior: PriorForecast | None
    ) -> np.ndarray:
        """Return relative predictions (n_rows, n_outputs) for relative windows."""
        inputs = self.scaling.inputs(windows)
        outputs = self.outputs(inputs, n_threads=n_threads)
        return self.scaling.values(outputs, windows, inputs, prior)

    def after(self, weights: Weights, history: dict[str, Any]) -> Member:
        """Return the same network with other weights, after some more epochs."""
        longer = {k: self.history.get(k, []) + v for k, v in history.items()}
        return replace(self, weights=weights, history=self.history | longer)


# -- what training is given ---------------------------------------------------------


@dataclass(frozen=True)
class TrainingSet:
    """Relative windows and targets of all rows, and which of them are learned.

    Windows, usually a view, are never copied all at once; of each, ``counts`` are the
    true steps. Weights have the mean 1 over the training rows. After early stopping a
    network gets the highway of ``final``, and goes on with ``refit_rows``. What the
    prior says of the rows is relative, too. Targets of ``steps`` rows overlap.
    """

    windows: np.ndarray
    counts: np.ndarray
    targets: np.ndarray
    scaling: Scaling
    rows: np.ndarray
    validation_rows: np.ndarray
    weights: np.ndarray | None = None
    refit_rows: np.ndarray | None = None
    final: Scaling | None = None
    prior: PriorForecast | None = None
    steps: int = 1

    def scaled_targets_of(self, rows: Any) -> np.ndarray:
        """Return the targets of some rows as the network learns them."""
        prior = self.prior and self.prior[rows]
        return self.scaling.targets(self.targets[rows], self.windows[rows], prior)

    def base(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the scaled base of all windows, and where in it each begins."""
        n_rows, window, n_channels = self.windows.shape
        base, starts = base_from_windows(self.windows), np.arange(n_rows)
        if isinstance(self.windows, Windows):
            starts = self.windows.starts
        elif base is None:
            base, starts = self.windows.reshape(-1, n_channels), starts * window
        return self.scaling.base(base, starts, window), starts

    def scaled_targets(self) -> np.ndarray:
        """Return the targets as the network learns them, 0 where rows have no say."""
        scaled = np.zeros(self.targets.shape, dtype=np.float32)
        rows = np.concatenate([self.rows, self.validation_rows])
        for some in row_slices(self.windows, len(rows)):
            scaled[rows[some]] = self.scaled_targets_of(rows[some])
        return scaled

    def orders(self, seed: tuple[int, ...]) -> Iterator[np.ndarray]:
        """Yield the training rows in a new random order for each epoch, without end."""
        shuffler = np.random.default_rng([*seed, 1])
        rows = self.rows
        while True:
            rows = shuffler.permutation(rows)
            yield rows

    def batch(self, rows: np.ndarray, fill: float) -> tuple[np.ndarray, ...]:
        """Return scaled inputs, ``fill`` at missing steps, targets and weights."""
        windows = self.windows[rows]
        inputs = self.scaling.inputs(windows)
        np.copyto(inputs, fill, where=np.isnan(inputs))
        targets = self.scaled_targets_of(rows)
        weights = np.ones(len(rows)) if self.weights is None else self.weights[rows]
        return inputs, targets, weights.astype(np.float32)


@dataclass(frozen=True)
class Plan:
    """How to train, whatever the network.

    Without patience all epochs are trained, and the last weights kept. The seed is that
    of the order of rows and of the dropout. An annealed learning rate falls to 0 along
    half a cosine. Callbacks are those of Keras.
    """

    epochs: int
    batch_size: Any
    learning_rate: float
    patience: int | None
    seed: tuple[int, ...] = ()
    is_annealed: bool = False
    n_threads: int = 1
    callbacks: tuple[Any, ...] = ()

    def n_rows_of_batch(self, n_rows: int) -> int:
        """Return the number of rows in a gradient step; by default a power of 2."""
        if self.batch_size != "auto":
            return self.batch_size
        wanted = 1 << (-(-n_rows // _MOST_STEPS) - 1).bit_length()
        return min(max(wanted, _FEWEST_ROWS_OF_BATCH), _MOST_ROWS_OF_BATCH)


# -- when to stop -------------------------------------------------------------------


@dataclass
class Monitor:
    """Hears of every epoch; decides when to stop; keeps the best weights.

    ``member`` is the network as it begins, at a ``place`` in the ensemble; ``state``
    maps a later one to the attributes with which a copy of the estimator predicts. The
    epochs of a refit do not count.
    """

    patience: int | None = None
    member: Any = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    progress: Progress | None = None
    place: int = 0
    state: Callable[..., dict[str, Any]] = dict
    is_refit: bool = False
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": []})
    best_loss: float = np.inf
    best_weights: Weights | None = None
    n_idle: int = 0
    is_stopped: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether somebody wants to hear of each epoch when it ends."""
        return self.progress is not None and self.progress.is_watched

    @property
    def has_diverged(self) -> bool:
        """Whether the newest loss is not finite."""
        return not np.isfinite(self.history["loss"][-1:]).all()

    @property
    def is_over(self) -> bool:
        """Whether no other epoch is to follow."""
        is_idle = self.patience is not None and self.n_idle >= self.patience
        return self.has_diverged or self.is_stopped or self.interrupt.is_set or is_idle

    def before_epoch(self) -> None:
        """Tell that an epoch begins."""
        if self.progress is not None:
            self.progress.begin_epoch(is_refit=self.is_refit)

    def after_epoch(
        self,
        loss: float,
        validation_loss: float | None,
        get_weights: Callable[[], Weights],
    ) -> None:
        """Record an epoch, and tell of it."""
        self.history["loss"].append(loss)
        if validation_loss is not None and not self.has_diverged:
            self.history.setdefault("val_loss", []).append(validation_loss)
            self.n_idle += 1
            if self.patience is not None and validation_loss < self.best_loss:
                self.best_loss, self.n_idle = validation_loss, 0
                self.best_weights = get_weights()
        if self.progress is None:
            return

        def state():
            weights = get_weights()
            if not all(np.isfinite(array).all() for array in weights):
                return None
            history = {} if self.is_refit else self.history
            return self.state(self.member.after(weights, history))

        self.is_stopped = self.progress.end_epoch(
            self.place, self.history, state, is_refit=self.is_refit
        )


# -- training -----------------------------------------------------------------------


def train_member(
    member: Member, data: TrainingSet, plan: Plan, monitor: Callable[..., Monitor]
) -> Member:
    """Train a network: early stopping, its weight beside the highway, the refit.

    ``monitor`` makes the monitor of a training. A member that goes on must have its
    full weight if it can (:func:`with_full_weight`).
    """
    data = replace(data, scaling=member.scaling)
    if plan.epochs == 0:
        return replace(member, scaling=replace(member.scaling, network_weight=0.0))
    first = monitor(plan.patience, member)
    member = _trained(member, data, plan, first)
    if not len(data.validation_rows):
        return member
    scaling = member.scaling
    if member.is_weighed:
        weight = _supported_weight(member, data)
        scaling = replace(scaling, network_weight=weight)
    if data.final is not None:
        # The network knows the remainder in the scale that it was trained with.
        highway, last_level = data.final.highway, data.final.last_level
        scaling = replace(scaling, highway=highway, last_level=last_level)
    member = replace(member, scaling=scaling)
    rows, is_cut = data.refit_rows, first.interrupt.is_set or first.is_stopped
    if rows is None or is_cut or scaling.network_weight == 0:
        return member
    n_best = int(np.argmin(first.history["val_loss"])) + 1
    refitted = _trained(
        replace(member, optimizer_state=None),
        replace(data, scaling=scaling, rows=rows, validation_rows=rows[:0]),
        replace(plan, epochs=-(-n_best // 2), patience=None, is_annealed=True),
        monitor(None, member, is_refit=True),
    )
    return replace(refitted, history=member.history)


def _trained(member: Member, data: TrainingSet, plan: Plan, monitor: Monitor) -> Member:
    """Return a network after some epochs, with the best weights or the last ones."""
    kind = str(member.recipe.optimizer)
    of_kind, state = member.optimizer_state or (kind, None)
    state = state if of_kind == kind else None
    plan = replace(plan, seed=(member.seed, member.n_epochs))
    weights, state = member.recipe.train(data, plan, monitor, member.weights, state)
    if monitor.best_weights is not None:
        weights = monitor.best_weights
    if monitor.has_diverged or not all(np.isfinite(array).all() for array in weights):
        raise ValueError(
            "Training must end in finite weights. Got NaN or infinity after "
            f"{len(monitor.history['loss'])} epochs; lower learning_rate "
            f"({plan.learning_rate!r}), keep scaling on, or choose a bounded "
            "activation such as 'tanh'."
        )
    after = member.after(weights, monitor.history)
    return replace(after, optimizer_state=(kind, state))


def with_full_weight(member: Member) -> Member:
    """Take the weight of a network into its output layer, where this is known.

    It then learns in the scale in which it predicts.
    """
    weights = member.recipe.multiplied(member.weights, member.scaling.network_weight)
    if member.scaling.network_weight == 1 or weights is None:
        return member
    scaling = replace(member.scaling, network_weight=1.0)
    return replace(member, weights=weights, scaling=scaling)


def _supported_weight(member: Member, data: TrainingSet) -> float:
    """Return the factor of a network's outputs that validation rows support.

    It is the slope of what the highway leaves on what the network says, less its
    standard error, which is larger than it seems where few rows chose the best epoch,
    too. Neither the outputs of a row are independent, nor rows whose targets overlap.
    """
    said, product = np.zeros((2, len(data.validation_rows)))
    for at in row_slices(data.windows, len(data.validation_rows)):
        rows = data.validation_rows[at]
        outputs = member.outputs(data.scaling.inputs(data.windows[rows]))
        left = data.scaled_targets_of(rows)
        weight = 1.0 if data.weights is None else data.weights[rows]
        said[at] = weight * np.square(outputs).sum(axis=1)
        product[at] = weight * (outputs * left).sum(axis=1)
    n_rows = len(said)
    if n_rows < FEWEST_VALIDATION_ROWS * max(data.steps, 2) or not said.sum() > 0:
        return 0.0
    slope = product.sum() / said.sum()
    squares = np.square(product - slope * said).sum() * n_rows / (n_rows - 1)
    squares *= data.steps * (1 + _ROWS_OF_DOUBLE_VARIANCE / n_rows)
    error = np.sqrt(squares) / said.sum()
    return float(np.clip(slope - error, 0, 1))
