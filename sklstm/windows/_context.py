"""Rows in their places on the grid, behind the rows that were kept from ``fit``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklstm.windows._array import first_of_groups, float_type
from sklstm.windows._labels import Grid, labels_together
from sklstm.windows._table import (
    RowLabels,
    check_key_types,
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

    def before(
        self, begins: pd.Index, groups: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the kept rows before those of X begin, and their groups in X.

        Begins are the first labels of the groups of X, groups what ``fit`` calls them.
        """
        code_of = np.full(len(self.first_labels) + 1, -1)
        code_of[groups] = np.arange(len(groups))  # at -1 what nobody reads
        codes = code_of[self.codes]
        is_before = np.asarray(self.labels < begins.take(np.maximum(codes, 0)))
        kept = np.flatnonzero((codes >= 0) & is_before)
        return kept, codes[kept]

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
    """Rows of X and, in front of their groups, the rows kept from ``fit``.

    All of them are by group and time. Labels and positions are those of the rows of X.
    """

    rows: RowLabels  # as they came
    order: np.ndarray | None  # of the rows of X, by group and time; None: as they came
    groups: np.ndarray  # of X as ``fit`` numbers them, -1 for new ones
    own: slice | np.ndarray  # the rows of X among all
    all_codes: np.ndarray  # of all rows: their group in X,
    steps: np.ndarray  # places on the grid from the row before in their group,
    values: np.ndarray  # and their channels, missing values filled

    @property
    def channels(self) -> np.ndarray:
        """The values of the rows of X."""
        return self.values[self.own]

    @property
    def codes(self) -> np.ndarray:
        """The group of each row."""
        return self.all_codes[self.own]

    @property
    def firsts(self) -> np.ndarray:
        """The positions of the first row of each group."""
        return first_of_groups(self.codes)

    @property
    def steps_within(self) -> np.ndarray:
        """The steps between rows of one group."""
        return np.delete(self.steps[self.own], self.firsts)

    def row(self, position: int) -> int:
        """Return the row of X that is at a position."""
        return int(position if self.order is None else self.order[position])

    def labels_of(self, which: Any) -> pd.Index:
        """Return the labels of time at some positions."""
        return self.rows.times_of(which if self.order is None else self.order[which])

    def as_they_came(self, values: np.ndarray) -> np.ndarray:
        """Return values of rows in the order of X."""
        if self.order is None:
            return values
        came = np.empty_like(values)
        came[self.order] = values
        return came

    def without_past(self, window: int, lag: int) -> np.ndarray:
        """Return the positions of rows with earlier ones, but none in their window."""
        is_first = np.diff(self.all_codes, prepend=-1) != 0
        places = np.cumsum(np.where(is_first, lag + 1, self.steps))
        newest = np.searchsorted(places, places - lag, side="right") - 1
        is_far = places - lag - places[newest] >= window
        is_far &= self.all_codes[newest] == self.all_codes
        return np.flatnonzero(is_far[self.own])


def context_of(placed: Placed, n_newest: int) -> Context:
    """Return the newest rows of every group."""
    newest = newest_of_groups(placed.codes, n_newest)
    channels = placed.channels
    return Context(
        channels[newest].astype(float_type(channels)),
        placed.labels_of(newest),
        placed.codes[newest].astype(np.int64),
        placed.labels_of(placed.firsts),
        placed.rows.keys,
        _ends_of(channels),
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
    ordered = rows
    if order is not None:
        ordered, channels = rows.take(order), channels[order]
    codes, steps = ordered.codes, np.ones(len(channels), dtype=np.int64)
    if grid is not None:
        steps[1:] = grid.steps(rows.stamps, ordered.ranks)
    groups = np.arange(1 if rows.keys is None else len(rows.keys))
    own: slice | np.ndarray = slice(None)
    if context is not None and grid is not None:
        groups = context.groups_of(rows.keys, owner=owner)
        firsts = first_of_groups(codes)
        begins = ordered.times_of(firsts)
        kept, kept_codes = context.before(begins, groups)
        places = grid.places(context.labels)[kept]
        # The newest kept row of a group, and what follows it.
        newest = newest_of_groups(kept_codes, 1)
        following = kept_codes[newest]
        steps[firsts[following]] = grid.places(begins)[following] - places[newest]
        steps = np.concatenate([np.diff(places, prepend=0), steps])
        codes = np.concatenate([kept_codes, codes])
        channels = np.vstack([context.values[kept], channels])
        together = np.argsort(codes, kind="stable")
        own = np.flatnonzero(together >= len(kept))
        codes, channels = codes[together], channels[together]
        steps = np.maximum(steps[together], 1)
    return Placed(rows, order, groups, own, codes, steps, _filled(channels, codes))


def _filled(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return values with every NaN filled from the newest earlier row of its group."""
    if values.dtype.kind != "f" or not np.isnan(values).any():
        return values
    return pd.DataFrame(values).groupby(codes).ffill().to_numpy()
