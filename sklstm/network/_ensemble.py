"""How a member of an ensemble learns: early stopping, what it has earned, the refit.

Training itself is in :mod:`sklstm.network._training`; here is what comes before and
after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklstm.network._highway import Highway
from sklstm.network._member import Member
from sklstm.network._progress import Progress
from sklstm.network._training import (
    FEWEST_VALIDATION_ROWS,
    Outcome,
    Plan,
    TrainingSet,
    train,
)
from sklstm.windows._array import row_slices

__all__ = ["Finish", "fully_trusted", "train_member"]


@dataclass(frozen=True)
class Finish:
    """What follows early stopping, when the validation rows have done their service.

    Parameters
    ----------
    rows : ndarray of int
        All rows, those of validation among them.
    highway : callable
        Returns the highway that is fitted on them, None where there is none.
    last_level : ndarray of shape (n_channels,)
        That of these rows.
    plan : Plan, optional
        How the network goes on with them, but for its epochs and its seed, which are
        those of the network. None where it does not.
    """

    rows: np.ndarray
    highway: Callable[[], Highway | None]
    last_level: np.ndarray
    plan: Plan | None


def train_member(
    member: Member,
    data: TrainingSet,
    plan: Plan,
    progress: Progress,
    finish: Finish | None,
) -> tuple[Member, bool]:
    """Train a network.

    Parameters
    ----------
    member : Member
        As far as it is trained.
    data : TrainingSet
        What is learned from; the scaling is that of the member.
    plan : Plan
        How; the seed is that of the member.
    progress : Progress
        Is told of every epoch.
    finish : Finish or None
        What follows early stopping; None for a network that goes on, which must be
        fully trusted if it can be.

    Returns
    -------
    member : Member
        After that.
    is_interrupted : bool
        Whether the user interrupted it.

    Raises
    ------
    ValueError
        If training diverges.

    Warns
    -----
    ConvergenceWarning
        If the user interrupts it.
    """
    data = replace(data, scaling=member.scaling)
    outcome = train(
        member.recipe,
        data,
        replace(plan, seed=(member.seed, member.n_epochs)),
        member.weights,
        member.optimizer_state,
        progress,
    )
    member = _learned(member, outcome, outcome.history)
    if not len(data.validation_rows):
        return member, outcome.is_interrupted
    has_highway = member.scaling.highway is not None
    if has_highway and member.recipe.learns_means:
        trust = _supported_share(member, data)
        member = replace(member, scaling=replace(member.scaling, trust=trust))
    if finish is None:
        return member, outcome.is_interrupted
    # The network knows the remainder in the scale that it was trained with.
    scaling = replace(
        member.scaling, highway=finish.highway(), last_level=finish.last_level
    )
    member = replace(member, scaling=scaling)
    is_cut = outcome.is_interrupted or outcome.is_stopped
    if finish.plan is None or is_cut or scaling.trust == 0:
        return member, outcome.is_interrupted
    n_best = int(np.argmin(outcome.history["val_loss"])) + 1
    return _refitted(member, data, finish.rows, finish.plan, n_best, progress)


def _refitted(
    member: Member,
    data: TrainingSet,
    rows: np.ndarray,
    plan: Plan,
    n_best: int,
    progress: Progress,
) -> tuple[Member, bool]:
    """Let a network go on with all rows, for half as many epochs as were best."""
    plan = replace(
        plan,
        epochs=-(-n_best // 2),
        seed=(member.seed, member.n_epochs),
        is_annealed=True,
    )
    progress.begin_refit(member, plan.epochs)
    outcome = train(
        member.recipe,
        replace(data, scaling=member.scaling, rows=rows, validation_rows=rows[:0]),
        plan,
        member.weights,
        progress=progress,
    )
    return _learned(member, outcome), outcome.is_interrupted


def _learned(
    member: Member, outcome: Outcome, history: dict[str, list[float]] | None = None
) -> Member:
    """Return a network after a training, whose losses count or not."""
    after = member.after(outcome.weights, history)
    return replace(after, optimizer_state=outcome.optimizer_state)


def fully_trusted(member: Member) -> Member:
    """Take the trust that a network has earned into its output layer.

    It then learns in the scale in which it predicts. A network of the user's own may
    end in anything: it keeps its trust.
    """
    trust = member.scaling.trust
    if trust == 1:
        return member
    weights = member.recipe.multiplied(member.weights, trust)
    if weights is None:
        return member
    return replace(member, weights=weights, scaling=replace(member.scaling, trust=1.0))


def _supported_share(member: Member, data: TrainingSet) -> float:
    """Return the factor of a network's outputs that validation rows support.

    It is the slope of what the highway leaves on what the network says, less its
    standard error, within 0 and 1. Outputs of a row are not independent, so rows
    are the units of the standard error; a few of them support nothing.
    """
    said, product = np.zeros((2, len(data.validation_rows)))
    for at in row_slices(data.windows, len(data.validation_rows)):
        rows = data.validation_rows[at]
        windows: Any = data.windows[rows]
        outputs = member.outputs(data.scaling.inputs(windows))
        left = data.scaling.targets(data.targets[rows], windows)
        weight = 1.0 if data.weights is None else data.weights[rows]
        said[at] = weight * np.square(outputs).sum(axis=1)
        product[at] = weight * (outputs * left).sum(axis=1)
    n_rows = len(said)
    if n_rows < FEWEST_VALIDATION_ROWS or not said.sum() > 0:
        return 0.0
    slope = product.sum() / said.sum()
    squares = np.square(product - slope * said).sum() * n_rows / (n_rows - 1)
    error = np.sqrt(squares) / said.sum()
    return float(np.clip(slope - error, 0, 1))
