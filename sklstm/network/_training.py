"""Training: what is learned from, for how long, and when to stop.

A :class:`TrainingSet` hands out normalised batches, a :class:`Plan` says how to train,
and a :class:`Monitor` hears of every epoch, decides when to stop and keeps the best
weights. What does the arithmetic knows none of these rules.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm.network._member import Recipe
from sklstm.network._progress import Progress
from sklstm.network._scaling import Scaling
from sklstm.windows._array import Windows, base_from_windows, is_next_window

__all__ = [
    "Monitor",
    "Outcome",
    "Plan",
    "TrainingSet",
    "complete_rows",
    "default_batch_size",
    "in_time_order",
    "learnable_rows",
    "split_newest",
    "steps_of",
    "train",
]

# The fewest validation rows from which a stop is decided by default.
FEWEST_VALIDATION_ROWS = 4

# Gradient steps of an epoch at most, and rows in one, by default.
_MOST_STEPS = 3000
_FEWEST_ROWS_OF_BATCH, _MOST_ROWS_OF_BATCH = 32, 512


# -- which rows ---------------------------------------------------------------------


def in_time_order(windows: Any, *columns: np.ndarray | None) -> tuple:
    """Return windows, and what else there is of each row, in time order.

    The rows of a panel are put one group after another, so that training does not
    depend on the order in which they came.

    Parameters
    ----------
    windows : ndarray or Windows of shape (n_rows, window, n_channels)
        Those of one series are in time order.
    *columns : ndarray of shape (n_rows, …) or None
        Targets, weights, ….
    """
    order = windows.order() if isinstance(windows, Windows) else None
    if order is None:
        return windows, *columns
    ordered = (None if column is None else column[order] for column in columns)
    return windows.rows(order), *ordered


def steps_of(y: np.ndarray, steps: int) -> np.ndarray:
    """Return the targets y[t] … y[t + steps - 1] of every row.

    Parameters
    ----------
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        The series; 1-D if ``steps`` is more than 1.
    steps : int
        How many consecutive values are predicted for one row.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs or steps), float64
        NaN where the series ends too early.
    """
    if steps == 1:
        return y.reshape(len(y), -1).astype(np.float64, copy=False)
    padded = np.append(y.astype(np.float64), np.full(steps - 1, np.nan))
    return np.lib.stride_tricks.sliding_window_view(padded, steps)


def learnable_rows(
    windows: np.ndarray,
    counts: np.ndarray,
    steps: int,
    sample_weight: np.ndarray | None,
) -> np.ndarray:
    """Return the rows that can be learned from.

    These have at least one true step, a positive weight, and ``steps`` targets none of
    which lies beyond a hole.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, window, n_channels)
        Raw windows, in time order.
    counts : ndarray of shape (n_rows,)
        True steps of each window.
    steps : int
        Targets of each row.
    sample_weight : ndarray of shape (n_rows,), optional
        Weights; rows of weight 0 are left out, as if they were not there.

    Returns
    -------
    ndarray of int
        Increasing positions.
    """
    is_learnable = counts > 0
    if sample_weight is not None:
        is_learnable &= sample_weight > 0
    if len(windows) < steps:
        return np.zeros(0, dtype=np.int32)
    if steps > 1:
        hole = ~is_next_window(windows, counts)
        run = np.concatenate([[0], np.cumsum(hole)])
        is_whole = np.zeros(len(windows), dtype=bool)
        is_whole[: len(windows) - steps + 1] = run[steps - 1 :] == run[: 1 - steps]
        is_learnable &= is_whole
    return np.flatnonzero(is_learnable).astype(np.int32)


def complete_rows(counts: np.ndarray, rows: np.ndarray, window: int) -> np.ndarray:
    """Return the rows with complete windows, or all, where these are the fewer half.

    A highway says too much of incomplete windows for a network to learn the rest.

    Parameters
    ----------
    counts : ndarray of shape (n_rows,)
        True steps of each window.
    rows : ndarray of int
        Increasing positions.
    window : int
        Steps of a complete window.
    """
    complete = rows[counts[rows] == window]
    return complete if 2 * len(complete) >= len(rows) else rows


def split_newest(
    rows: np.ndarray, fraction: float, steps: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training rows and the newest tail for validation.

    Rows whose targets reach into the tail are in neither part: learning them would
    show the network what it is validated on. Every group of a panel has a tail of its
    own, but for groups of so few rows that their share rounds to none.

    Parameters
    ----------
    rows : ndarray of int
        Increasing positions.
    fraction : float
        Share of the rows that becomes the tail.
    steps : int
        Targets of each row.
    groups : ndarray of shape (n_rows,), int, optional
        The group of each row, one after another.

    Returns
    -------
    training_rows, validation_rows : ndarray of int
    """
    if groups is not None:
        return _split_groups(rows, fraction, steps, groups[rows])
    n_validation = int(np.ceil(len(rows) * fraction))
    tail = rows[len(rows) - n_validation :]
    return rows[rows + steps - 1 < tail[0]], tail


def _split_groups(
    rows: np.ndarray, fraction: float, steps: int, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Split the rows of each group, whose numbers stand beside them."""
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    lengths = np.diff(np.append(starts, len(rows)))
    n_validation = np.round(lengths * fraction).astype(int)
    # Positions at which the tails begin; those without a tail begin with the next.
    tails = starts + lengths - n_validation
    is_tail = np.arange(len(rows)) >= np.repeat(tails, lengths)
    first = np.where(n_validation > 0, rows[np.minimum(tails, len(rows) - 1)], np.inf)
    is_early = rows + steps - 1 < np.repeat(first, lengths)
    return rows[is_early & ~is_tail], rows[is_tail]


def default_batch_size(n_rows: int) -> int:
    """Return the number of rows in a gradient step, a power of 2.

    As many small steps as make an epoch on 96,000 rows teach more than enough; more
    rows are better spent on steps that are surer.

    Parameters
    ----------
    n_rows : int
        Rows to learn from.
    """
    wanted = 1 << (-(-n_rows // _MOST_STEPS) - 1).bit_length()
    return min(max(wanted, _FEWEST_ROWS_OF_BATCH), _MOST_ROWS_OF_BATCH)


# -- what training is given ---------------------------------------------------------


@dataclass(frozen=True)
class TrainingSet:
    """Windows, targets and weights, normalised a batch at a time.

    Parameters
    ----------
    windows : ndarray of shape (n_rows, window, n_channels)
        Raw windows, usually a view; they are never copied whole.
    counts : ndarray of shape (n_rows,)
        True steps of each window.
    targets : ndarray of shape (n_rows, n_outputs)
        Raw targets.
    scaling : Scaling
        The map to what the network sees.
    rows, validation_rows : ndarray of int
        Positions to learn from and to validate on; the latter may be empty.
    weights : ndarray of shape (n_rows,), optional
        Sample weights, of mean 1 over ``rows``.
    """

    windows: np.ndarray
    counts: np.ndarray
    targets: np.ndarray
    scaling: Scaling
    rows: np.ndarray
    validation_rows: np.ndarray
    weights: np.ndarray | None = None

    def base(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the base of all windows, and where in it each window begins.

        Returns
        -------
        base : ndarray of shape (n_steps, n_channels), float32
            Raw steps; a view wherever windows overlap in memory.
        starts : ndarray of shape (n_rows,), int32
        """
        n_rows, window, n_channels = self.windows.shape
        rows = np.arange(n_rows, dtype=np.int32)
        base = base_from_windows(self.windows)
        if isinstance(self.windows, Windows):
            return base, self.windows.starts.astype(np.int32)
        if base is not None:
            return base, rows
        return self.windows.reshape(-1, n_channels), rows * np.int32(window)

    def scaled_targets(self, rows: slice) -> np.ndarray:
        """Return targets as the network learns them, float32, 0 for none."""
        scaled = self.scaling.targets(self.targets[rows], self.windows[rows])
        return np.nan_to_num(scaled, nan=0.0)

    def orders(self, seed: tuple[int, ...]) -> Iterator[np.ndarray]:
        """Yield the training rows in a new random order for each epoch, without end."""
        shuffler = np.random.default_rng([*seed, 1])
        rows = self.rows
        while True:
            rows = shuffler.permutation(rows)
            yield rows

    def batch(
        self, rows: np.ndarray, fill: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return inputs, targets and weights of some rows, float32.

        Parameters
        ----------
        rows : ndarray of int
        fill : float
            What stands for missing steps.
        """
        windows = self.windows[rows]
        inputs = self.scaling.inputs(windows)
        np.copyto(inputs, fill, where=np.isnan(inputs))
        targets = self.scaling.targets(self.targets[rows], windows)
        if self.weights is None:
            return inputs, targets, np.ones(len(rows), dtype=np.float32)
        return inputs, targets, self.weights[rows].astype(np.float32)


@dataclass(frozen=True)
class Plan:
    """How to train.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the training rows, and rows in a gradient step.
    learning_rate : float
        Step size of the optimizer.
    patience : int or None
        Epochs without a better validation loss after which training stops; None
        trains all epochs and keeps the last weights.
    seed : tuple of int
        Seeds the order of rows and the dropout; no other generator is drawn from.
    is_annealed : bool
        Whether the learning rate falls to 0, as half a cosine does.
    n_threads : int
        How many threads may share the work.
    callbacks : tuple
        Keras callbacks.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int | None
    seed: tuple[int, ...]
    is_annealed: bool = False
    n_threads: int = 1
    callbacks: tuple[Any, ...] = ()

    def n_batches(self, n_rows: int) -> int:
        """Return the number of gradient steps of an epoch."""
        return -(-n_rows // self.batch_size)


@dataclass
class Monitor:
    """Hears of every epoch; decides when to stop; keeps the best weights.

    Parameters
    ----------
    patience : int or None
        As in :class:`Plan`.
    progress : Progress, optional
        Is told of every epoch, and may be asked by a callback to stop.
    """

    patience: int | None
    progress: Progress | None = None
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": []})
    best_loss: float = np.inf
    best_weights: list[np.ndarray] | None = None
    n_idle: int = 0
    has_diverged: bool = False
    is_stopped: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether each epoch must be told, with its weights, when it ends."""
        return self.progress is not None and self.progress.is_watched

    def before_epoch(self, get_weights: Callable[[], list[np.ndarray]]) -> None:
        """Tell that an epoch begins."""
        if self.progress is not None:
            self.progress.begin_epoch(get_weights, self.history)

    def after_epoch(
        self,
        loss: float,
        validation_loss: float | None,
        get_weights: Callable[[], list[np.ndarray]],
    ) -> bool:
        """Record an epoch, tell of it, and return whether training should stop."""
        is_over = self._record(loss, validation_loss, get_weights)
        if self.progress is not None:
            self.is_stopped = self.progress.end_epoch(
                loss, validation_loss, get_weights, self.history
            )
        return is_over or self.is_stopped

    def _record(
        self,
        loss: float,
        validation_loss: float | None,
        get_weights: Callable[[], list[np.ndarray]],
    ) -> bool:
        """Record an epoch and return whether it is the last."""
        self.history["loss"].append(loss)
        self.has_diverged = not np.isfinite(loss)
        if validation_loss is None or self.has_diverged:
            return self.has_diverged
        self.history.setdefault("val_loss", []).append(validation_loss)
        if self.patience is None:
            return False
        self.n_idle += 1
        if validation_loss < self.best_loss:
            self.best_loss, self.n_idle = validation_loss, 0
            self.best_weights = get_weights()
        return self.n_idle >= self.patience


@dataclass(frozen=True)
class Outcome:
    """What training came to.

    Parameters
    ----------
    weights : list of ndarray
        The best weights where there was validation, else the last ones.
    optimizer_state : tuple of str and list of ndarray
        Name of the optimizer, and the state with which it can go on.
    history : dict of lists of float
        ``loss`` and, with validation, ``val_loss`` of every epoch.
    is_interrupted, is_stopped : bool
        Whether the user interrupted it, or a callback stopped it.
    """

    weights: list[np.ndarray]
    optimizer_state: tuple[str, list[np.ndarray]]
    history: dict[str, list[float]]
    is_interrupted: bool
    is_stopped: bool


def train(
    recipe: Recipe,
    data: TrainingSet,
    plan: Plan,
    weights: list[np.ndarray],
    optimizer_state: tuple[str, list[np.ndarray]] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Train a network and return what it came to.

    Parameters
    ----------
    recipe : Recipe
        The network and how it is trained.
    data : TrainingSet
        What is learned from.
    plan : Plan
        For how long, and in what steps.
    weights : list of ndarray
        Weights to begin with.
    optimizer_state : tuple of str and list of ndarray, optional
        State to go on with; another optimizer begins anew.
    progress : Progress, optional
        Is told of every epoch.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If training diverges to weights that are not finite.

    Warns
    -----
    ConvergenceWarning
        If the user interrupts it (Ctrl-C); what was learned so far is kept.
    """
    monitor = Monitor(plan.patience, progress)
    kind = str(recipe.optimizer)
    state = None
    if optimizer_state is not None and optimizer_state[0] == kind:
        state = optimizer_state[1]
    weights, state, is_interrupted = recipe.train(data, plan, monitor, weights, state)
    if monitor.best_weights is not None:
        weights = monitor.best_weights
    if monitor.has_diverged or not all(np.isfinite(array).all() for array in weights):
        raise ValueError(
            "Training must end in finite weights. Got NaN or infinity after "
            f"{len(monitor.history['loss'])} epochs; lower learning_rate "
            f"({plan.learning_rate!r}), keep scaling on, or choose a bounded "
            "activation such as 'tanh'."
        )
    if progress is not None:
        progress.end_training()
    if is_interrupted:
        if progress is not None:
            progress.end()
        warnings.warn(
            f"Training was interrupted after {len(monitor.history['loss'])} of "
            f"{plan.epochs} epochs; what was learned until then is kept. Press Ctrl-C "
            "twice to leave what called fit, too.",
            ConvergenceWarning,
            stacklevel=6,
        )
    return Outcome(
        weights, (kind, state), monitor.history, is_interrupted, monitor.is_stopped
    )
