"""Rows in their places on the grid, behind the rows that were kept from ``fit``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sklstm.windows._array import Slots, slots_of_rows
from sklstm.windows._labels import Grid, labels_together
from sklstm.windows._table import (
    RowLabels,
    check_key_types,
    filled_forward,
    first_of_groups,
    keys_together,
    newest_in_order,
    newest_of_groups,
    positions_among,
)

__all__ = ["Context", "Placed", "context_of", "placed_rows"]


@dataclass(frozen=True)
class Context:
    """The newest rows of each group, kept from ``fit``.

    Parameters
    ----------
    values : ndarray of shape (n_kept, n_channels), float32
        Missing values are filled.
    labels : Index of length n_kept
        Their labels of time.
    codes : ndarray of shape (n_kept,), int
        Their groups in increasing order, each from its oldest row on.
    first_labels : Index of length n_groups
        The label of the first row of each group in ``fit``.
    keys : Index of length n_groups, or None
        The groups, in increasing order.
    """

    values: np.ndarray
    labels: pd.Index
    codes: np.ndarray
    first_labels: pd.Index
    keys: pd.Index | None

    def groups_of(self, keys: pd.Index | None, *, owner: str) -> np.ndarray:
        """Return the groups of ``fit`` that keys stand for, -1 for new ones."""
        if self.keys is None or keys is None:
            return np.zeros(1, dtype=np.intp)
        check_key_types(keys, self.keys, owner=owner)
        return positions_among(keys, self.keys)

    def is_later(self, groups: np.ndarray, labels: pd.Index) -> np.ndarray:
        """Return which rows, by group of ``fit`` and label, lie after those kept."""
        newest = self.labels[newest_of_groups(self.codes, 1)]
        later = np.asarray(labels > newest.take(np.maximum(groups, 0)))
        return (groups < 0) | later

    def moved(self, placed: Placed, n_newest: int, *, owner: str) -> Context:
        """Return the newest rows among those kept and those placed behind them."""
        own = context_of(placed, n_newest)
        keys, known, new = keys_together(self.keys, own.keys, owner=owner)
        codes = np.concatenate([known[self.codes], new[own.codes]])
        labels = labels_together(self.labels, own.labels)
        rows = newest_in_order(codes, labels, n_newest)
        # Groups that are known keep the first row that was ever seen.
        _, firsts = np.unique(np.concatenate([known, new]), return_index=True)
        return Context(
            np.vstack([self.values, own.values])[rows],
            labels[rows],
            codes[rows],
            labels_together(self.first_labels, own.first_labels)[firsts],
            keys,
        )


@dataclass(frozen=True)
class Placed:
    """Rows by group and time, and the kept rows that come before them.

    Parameters
    ----------
    rows : RowLabels
        Group and time of each row, as they came.
    order : ndarray of shape (n_rows,), int, or None
        The rows by group and time; None where they came so. All that follows is in
        that order.
    codes, groups : ndarray of shape (n_rows,), int
        The group of each row, as X numbers them, and as ``fit`` does: -1 for new ones.
    steps : ndarray of shape (n_rows,), int
        Places on the grid from the row before it in its group.
    channels : ndarray of shape (n_rows, n_channels)
        What windows hold, missing values filled.
    kept : ndarray of shape (n_kept, n_channels)
        Rows kept from ``fit`` that come before them.
    kept_codes, kept_steps : ndarray of shape (n_kept,), int
        As ``codes`` and ``steps``.
    """

    rows: RowLabels
    order: np.ndarray | None
    codes: np.ndarray
    groups: np.ndarray
    steps: np.ndarray
    channels: np.ndarray
    kept: np.ndarray
    kept_codes: np.ndarray
    kept_steps: np.ndarray

    @property
    def firsts(self) -> np.ndarray:
        """The positions of the first row of each group."""
        return first_of_groups(self.codes)

    def row(self, position: int) -> int:
        """Return the row of X that is at a position."""
        return int(position if self.order is None else self.order[position])

    def labels_of(self, which: Any) -> pd.Index:
        """Return the labels of time at some positions."""
        ranks = self.rows.ranks if self.order is None else self.rows.ranks[self.order]
        return self.rows.stamps.take(ranks[which])

    def as_they_came(self, values: np.ndarray) -> np.ndarray:
        """Return values of rows in the order of X."""
        if self.order is None:
            return values
        came = np.empty_like(values)
        came[self.order] = values
        return came

    def slots(self, window: int, delays: np.ndarray) -> Slots:
        """Return where the rows lie in the base of their windows."""
        return slots_of_rows(
            self.codes,
            self.steps,
            self.kept_codes,
            self.kept_steps,
            window=window,
            delays=delays,
        )


def context_of(placed: Placed, n_newest: int) -> Context:
    """Return the newest rows of every group."""
    newest = newest_of_groups(placed.codes, n_newest)
    return Context(
        placed.channels[newest].astype(np.float32),
        placed.labels_of(newest),
        placed.codes[newest],
        placed.labels_of(placed.firsts),
        placed.rows.keys,
    )


def placed_rows(
    rows: RowLabels,
    channels: np.ndarray,
    grid: Grid | None,
    context: Context | None,
    *,
    owner: str,
) -> Placed:
    """Return rows by group and time, behind the kept rows of their group.

    Parameters
    ----------
    rows : RowLabels
        Group and time of each row of X.
    channels : ndarray of shape (n_rows, n_channels)
        What windows hold, in the order of X.
    grid : Grid or None
        On which the rows lie; None where each follows the one before.
    context : Context or None
        The kept rows; None where rows begin anew.
    owner : str
        Who is speaking.
    """
    order = rows.order(owner=owner)
    ranks = rows.ranks if order is None else rows.ranks[order]
    codes = rows.codes if order is None else rows.codes[order]
    channels = channels if order is None else channels[order]
    firsts = first_of_groups(codes)
    steps = np.ones(len(codes), dtype=np.int64)
    if grid is not None:
        steps = grid.steps_between(rows.stamps, ranks, firsts)
    none = np.zeros(0, dtype=np.int64)
    kept = np.zeros((0, channels.shape[1]), dtype=np.float32)
    placed = Placed(rows, order, codes, codes, steps, channels, kept, none, none)
    before = np.full((len(firsts), channels.shape[1]), np.nan)
    if context is not None and grid is not None:
        placed, before = _behind(placed, grid, context, before, owner=owner)
    return replace(placed, channels=filled_forward(placed.channels, firsts, before))


def _behind(
    placed: Placed, grid: Grid, context: Context, before: np.ndarray, *, owner: str
) -> tuple[Placed, np.ndarray]:
    """Return rows behind the kept rows of their group, and the newest of these."""
    codes, firsts = placed.codes, placed.firsts
    groups = context.groups_of(placed.rows.keys, owner=owner)[codes]
    # Which group of X each kept row belongs to, and when that begins.
    place = np.full(len(context.first_labels) + 1, -1)
    place[groups[firsts]] = np.arange(len(firsts))
    place = np.append(place[:-1], -1)[context.codes]
    begins = placed.labels_of(firsts).take(np.maximum(place, 0))
    kept = np.flatnonzero((place >= 0) & np.asarray(context.labels < begins))
    place = place[kept]
    places = grid.places(context.labels)[kept]
    kept_steps = np.maximum(np.diff(places, prepend=0), 1)
    newest = newest_of_groups(place, 1)
    following = firsts[place[newest]]
    since = grid.places(placed.labels_of(following)) - places[newest]
    steps = placed.steps.copy()
    steps[following] = np.maximum(since, 1)
    before[place[newest]] = context.values[kept[newest]]
    behind = replace(
        placed,
        groups=groups,
        steps=steps,
        kept=context.values[kept],
        kept_codes=codes[firsts][place],
        kept_steps=kept_steps,
    )
    return behind, before
