"""Rows in their places on the grid, behind the rows that were kept from ``fit``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sklstm.windows._array import Stretches, float_type, ranges
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


@dataclass(frozen=True)
class Context:
    """The newest rows of each group, kept from ``fit``."""

    values: np.ndarray  # (n_kept, n_channels), missing values filled
    labels: pd.Index  # of time, of each of them
    codes: np.ndarray  # their groups in increasing order, each from its oldest row on
    first_labels: pd.Index  # of the first row of each group in ``fit``
    keys: pd.Index | None  # the groups, in increasing order
    ends: np.ndarray  # (2, n_channels): lowest and highest values ever seen

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

    def directly_precedes(
        self, keys: pd.Index | None, labels: pd.Index, grid: Grid
    ) -> np.ndarray:
        """Return which labels follow a kept row of their group at once."""
        groups = np.zeros(len(labels), dtype=np.intp)
        if keys is not None and self.keys is not None:
            groups = positions_among(keys, self.keys.to_flat_index())
        if grid.kind == "rows":
            return groups >= 0
        kept = set(zip(self.codes, grid.places(self.labels), strict=True))
        before = zip(groups, grid.places(labels) - 1, strict=True)
        return np.array([place in kept for place in before])

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
            _ends_of(np.vstack([self.ends, own.ends])),
        )


@dataclass(frozen=True)
class Placed:
    """Rows by group and time, and the kept rows that come before them."""

    rows: RowLabels  # as they came
    order: np.ndarray | None  # by group and time, that of all below; None: as they came
    stretches: Stretches  # how they follow each other, and the groups they are of
    groups: np.ndarray  # of X as ``fit`` numbers them, -1 for new ones
    channels: np.ndarray  # (n_rows, n_channels), missing values filled
    kept: np.ndarray  # (n_kept, n_channels), rows kept from ``fit`` that come before
    kept_stretches: Stretches  # each of them

    @property
    def codes(self) -> np.ndarray:
        """The group of each row."""
        return np.repeat(self.stretches.codes, self.stretches.lengths)

    @property
    def group_codes(self) -> np.ndarray:
        """The groups of X that have rows, in increasing order."""
        return self.stretches.codes[self.stretches.is_first]

    @property
    def firsts(self) -> np.ndarray:
        """The positions of the first row of each group."""
        return self.stretches.starts[self.stretches.is_first]

    @property
    def newest(self) -> np.ndarray:
        """The positions of the newest row of each group."""
        return np.append(self.firsts[1:], self.stretches.n_rows) - 1

    def row(self, position: int) -> int:
        """Return the row of X that is at a position."""
        return int(position if self.order is None else self.order[position])

    def labels_of(self, which: Any) -> pd.Index:
        """Return the labels of time at some positions."""
        rows = which if self.order is None else self.order[which]
        return self.rows.stamps.take(self.rows.ranks[rows])

    def as_they_came(self, values: np.ndarray) -> np.ndarray:
        """Return values of rows in the order of X."""
        if self.order is None:
            return values
        came = np.empty_like(values)
        came[self.order] = values
        return came


def context_of(placed: Placed, n_newest: int) -> Context:
    """Return the newest rows of every group."""
    stops = placed.newest + 1
    counts = np.minimum(stops - placed.firsts, n_newest)
    newest = ranges(stops - counts, counts)
    return Context(
        placed.channels[newest].astype(float_type(placed.channels)),
        placed.labels_of(newest),
        np.repeat(placed.group_codes, counts),
        placed.labels_of(placed.firsts),
        placed.rows.keys,
        _ends_of(placed.channels),
    )


def _ends_of(channels: np.ndarray) -> np.ndarray:
    """Return the lowest and the highest value of each channel."""
    return np.stack([each.reduce(channels, axis=0) for each in (np.fmin, np.fmax)])


def placed_rows(
    rows: RowLabels,
    order: np.ndarray | None,
    channels: np.ndarray,
    grid: Grid | None,
    context: Context | None,
    *,
    owner: str,
) -> Placed:
    """Return rows by group and time, behind the kept rows of their group.

    Channels come in the order of X. Without a grid each row follows the one before;
    without a context rows begin anew.
    """
    channels = channels if order is None else channels[order]
    stretches = _stretches_of(rows, order, grid)
    groups = np.arange(1 if rows.keys is None else len(rows.keys))
    none = np.zeros(0, dtype=np.int64)
    placed = Placed(
        rows,
        order,
        stretches,
        groups,
        channels,
        np.zeros((0, channels.shape[1]), dtype=np.float32),
        Stretches(none, none, none, 0),
    )
    before = np.full((int(stretches.is_first.sum()), channels.shape[1]), np.nan)
    if context is not None and grid is not None:
        placed, before = _behind(placed, grid, context, before, owner=owner)
    filled = filled_forward(placed.channels, placed.firsts, before)
    return replace(placed, channels=filled)


def _stretches_of(
    rows: RowLabels, order: np.ndarray | None, grid: Grid | None
) -> Stretches:
    """Return how rows by group and time follow each other on a grid."""
    n_rows = len(rows.ranks)
    codes = rows.codes if order is None else rows.codes[order]
    firsts = np.zeros(1, dtype=np.int64)
    ranks = None
    if rows.keys is not None or order is not None:
        firsts = first_of_groups(codes)
        ranks = rows.ranks if order is None else rows.ranks[order]
    starts, steps = firsts, np.ones_like(firsts)
    if grid is not None:
        every = grid.steps(rows.stamps, slice(None) if ranks is None else ranks)
        holes = np.flatnonzero(every != 1) + 1
        sizes = every[holes - 1]
        is_within = ~np.isin(holes, firsts)
        starts = np.concatenate([firsts, holes[is_within]])
        steps = np.concatenate([steps, sizes[is_within]])
        in_order = np.argsort(starts, kind="stable")
        starts, steps = starts[in_order], steps[in_order]
    return Stretches(starts, codes[starts].astype(np.int64), steps, n_rows)


def _behind(
    placed: Placed, grid: Grid, context: Context, before: np.ndarray, *, owner: str
) -> tuple[Placed, np.ndarray]:
    """Return rows behind the kept rows of their group, and the newest of these."""
    stretches, firsts = placed.stretches, placed.firsts
    codes = placed.group_codes
    groups = context.groups_of(placed.rows.keys, owner=owner)
    # Which group of X each kept row belongs to, and when that begins.
    place = np.full(len(context.first_labels) + 1, -1)
    place[groups[codes]] = np.arange(len(codes))
    place = np.append(place[:-1], -1)[context.codes]
    begins = placed.labels_of(firsts).take(np.maximum(place, 0))
    kept = np.flatnonzero((place >= 0) & np.asarray(context.labels < begins))
    place = place[kept]
    places = grid.places(context.labels)[kept]
    kept_steps = np.maximum(np.diff(places, prepend=0), 1)
    newest = newest_of_groups(place, 1)
    following = place[newest]
    since = grid.places(placed.labels_of(firsts[following])) - places[newest]
    steps = stretches.steps.copy()
    steps[np.flatnonzero(stretches.is_first)[following]] = np.maximum(since, 1)
    before[following] = context.values[kept[newest]]
    behind = replace(
        placed,
        stretches=replace(stretches, steps=steps),
        groups=groups,
        kept=context.values[kept],
        kept_stretches=Stretches(
            np.arange(len(kept)), codes[place], kept_steps, len(kept)
        ),
    )
    return behind, before
