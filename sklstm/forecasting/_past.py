"""Past: why windows of the first rows to come lack steps, in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklstm.windows._table import RowLabels
from sklstm.windows._labels import Timeline

__all__ = ["words_of_short_past"]


def words_of_short_past(
    panel: RowLabels | None,
    timeline: Timeline | None,
    n_steps: np.ndarray,
    *,
    n_rows: int,
    n_reads: int,
    window: int,
) -> str | None:
    """Return why windows lack steps and what to do; None where all are complete.

    Parameters
    ----------
    panel : RowLabels or None
        Group and time of each row up to now; None for rows without labels.
    timeline : Timeline or None
        By which the labels count rows.
    n_steps : ndarray of shape (n_groups,), int
        Steps that the window of the first row to come of each group has.
    n_rows : int
        Rows up to now, of all groups.
    n_reads, window : int
        Rows up to now that a window reads, and the steps of a complete one.
    """
    short = np.flatnonzero(n_steps < window)
    if not len(short):
        return None
    first, hole, who = int(short[0]), None, "X"
    if panel is not None:
        ranks = np.sort(panel.ranks[panel.codes == first])
        n_rows, hole = _newest_run(panel.stamps, ranks, timeline)
        if panel.keys is not None:
            (key,) = panel.keys.to_flat_index()[[first]].tolist()
            who = f"Group {key!r} of X"
            if len(short) > 1:
                who += f", the first of {len(short)} such among {len(n_steps)},"
    few = f"fewer than the {n_reads} that a window reads"
    if n_rows >= n_reads:
        cause = (
            f"{who} has columns without an earlier value to carry, so that its newest "
            f"window has {n_steps[first]} of {window} steps"
        )
        cure = "Fill their first values, or drop such columns."
    elif hole is not None:
        cause = f"{who} has a hole between {hole[0]!r} and {hole[1]!r}, and "
        cause += f"{n_rows} row(s) after it, {few}"
        cure = "Fill it (asfreq or reindex, then ffill or interpolate), or give the "
        cure += "index a freq that knows it, such as pd.offsets.CustomBusinessDay."
        if panel is not None and panel.keys is not None:
            cure = "Fill it, group by group (asfreq or reindex, then ffill)."
    else:
        cause, cure = f"{who} has {n_rows} row(s), {few}", "Pass more of the past."
    return f"{cause}, so the first forecasts are made from incomplete windows. {cure}"


def _newest_run(
    stamps: Any, ranks: np.ndarray, timeline: Timeline | None
) -> tuple[int, tuple | None]:
    """Return how many rows the newest run has, and the labels around the hole before.

    Parameters
    ----------
    stamps : Index
        Distinct labels in increasing order.
    ranks : ndarray of shape (n_rows,), int
        Increasing places of the rows of one group among them.
    timeline : Timeline or None

    Returns
    -------
    n_rows : int
    hole : pair of labels or None
        None where all rows are one run.
    """
    counts = timeline is not None and timeline.kind != "order"
    if timeline is None or not counts or not timeline.accepts(stamps):
        return len(ranks), None
    own = stamps[ranks]
    start = int(timeline.run_starts(own)[-1])
    around = tuple(own[start - 1 : start + 1].tolist()) if start else None
    return len(own) - start, around
