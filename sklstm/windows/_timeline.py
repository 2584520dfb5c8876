"""Labels of a series: how they count rows, where a run ends, what comes next.

A label is whatever a pandas index holds: a time stamp, a period or an integer. Rows
are *contiguous* when their labels follow each other without a hole; a *run* is a
longest stretch of contiguous rows.

Contiguity is computed on the integers behind the labels, a chunk at a time. Comparing
with ``pandas.date_range`` would read better, and is what calendar steps (months,
business days) still do; for fixed steps it costs several arrays as long as the series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import python_scalar

__all__ = [
    "Timeline",
    "check_order",
    "counts_rows",
    "is_row_number",
    "labels_together",
    "timeline_from_labels",
    "timeline_in_order",
    "timeline_to_go_on",
]

# Positions of labels, and of the label that follows each in its group.
Pairs = tuple[np.ndarray, np.ndarray]

_CHUNK = 1 << 18

_SHORTEST_MONTH = pd.Timedelta(days=28)
_DAY = pd.Timedelta(days=1)
# Offsets after it may leave what nanoseconds can tell, which ends in 2262.
_LAST_YEAR = 2250
# A day on the wall clock that loses hours to daylight saving.
_SHORTEST_DAY = pd.Timedelta(hours=22)


@dataclass(frozen=True)
class Timeline:
    """The rule by which the labels of one series count its rows.

    Parameters
    ----------
    kind : {"integer", "period", "stamp", "day", "calendar", "order"}
        What the labels are. ``"stamp"`` counts a fixed duration in absolute time,
        ``"day"`` whole days on the wall clock (across daylight-saving switches), and
        ``"calendar"`` a pandas offset such as the start of a month. With ``"order"``
        every row follows the one before, however far apart they are.
    step : int, Timedelta, DateOffset or None
        What lies between two contiguous labels; None where that varies.
    last : Index of length 1
        The label of the newest row that was read; distances count from here.
    """

    kind: str
    step: Any
    last: pd.Index

    @property
    def words(self) -> str:
        """The step, for a message."""
        return _words(self.step)

    def moved_to(self, label: pd.Index) -> Timeline:
        """Return the same rule, with another newest label (an Index of length 1)."""
        zone = getattr(self.last, "tz", None)
        return replace(self, last=label if zone is None else label.tz_convert(zone))

    def run_starts(self, labels: pd.Index) -> np.ndarray:
        """Return the positions at which a run begins.

        Parameters
        ----------
        labels : Index of length n_rows
            Strictly increasing labels of this timeline's kind.

        Returns
        -------
        ndarray of shape (n_runs,)
            Increasing positions, the first of them 0.

        Raises
        ------
        ValueError
            If a label lies between two steps of the timeline.
        """
        if isinstance(labels, pd.RangeIndex):
            contiguous = len(labels) < 2 or labels.step == self.step
            return np.arange(1 if contiguous else len(labels))
        numbers, _, unit = self._numbers(labels)
        starts = [np.zeros(1, dtype=np.intp)]
        for begin, steps in _differences(numbers):
            holes = np.flatnonzero(steps != unit)
            off_step = holes[steps[holes] % unit != 0]
            if len(off_step) and self.kind != "integer":
                raise ValueError(self._irregular(labels[begin + off_step[0] + 1]))
            starts.append(begin + holes + 1)
        return np.concatenate(starts)

    def distances(self, labels: pd.Index) -> np.ndarray:
        """Return how many steps each label lies after ``last`` (1 is the next row)."""
        numbers, origin, unit = self._numbers(labels)
        away = numbers - origin
        off_step = np.flatnonzero(away % unit)
        if len(off_step) and self.kind != "integer":
            raise ValueError(self._irregular(labels[off_step[0]]))
        # An integer between two steps follows nothing: it is infinitely far away.
        return np.where(away % unit == 0, away // unit, np.iinfo(np.int64).max)

    def away(self, labels: pd.Index) -> tuple[np.ndarray, int]:
        """Return how far labels lie after ``last``, and how far apart two rows are.

        Both are integers of one unit. Labels need neither be in order nor a whole
        number of steps from ``last``: groups of a panel may be out of phase.
        """
        numbers, origin, unit = self._numbers(labels)
        return numbers - origin, unit

    def size_of_unit(self, labels: pd.Index) -> float:
        """Return what 1 means where ``away`` counts labels without a common step.

        Seconds for time stamps, 1 for periods and integers.
        """
        if _family(labels) != "stamp":
            return 1.0
        unit = labels.unit if labels.unit == self.last.unit else "ns"
        return pd.Timedelta(1, unit) / pd.Timedelta(1, "s")

    def resolved(self, others: pd.Index, labels: pd.Index) -> pd.Index:
        """Return other labels such that ``away`` counts them in the unit of labels."""
        if getattr(labels, "unit", None) == getattr(self.last, "unit", None):
            return others
        return _in_unit(others, "ns")

    def after(self, label: pd.Index, steps: int) -> pd.Index:
        """Return the ``steps`` labels that follow a label (an Index of length 1)."""
        if self.kind in ("day", "calendar") and label.tz is not None:
            future = self._after_on_wall(label.tz_convert(self.last.tz), steps)
            return future if label.tz == self.last.tz else future.tz_convert(label.tz)
        first = label[0]
        if self.kind == "integer":
            future = pd.RangeIndex(
                first + self.step, first + self.step * (steps + 1), self.step
            )
        elif self.kind == "period":
            ordinals = first.ordinal + self.step * np.arange(1, steps + 1)
            future = pd.PeriodIndex.from_ordinals(ordinals, freq=label.freq)
        else:
            future = self._after_on_wall(label, steps)
        return future.rename(label.name)

    def _after_on_wall(self, label: pd.Index, steps: int) -> pd.Index:
        """Return the ``steps`` stamps that follow a stamp of this timeline's zone."""
        step = self.step
        if self.kind == "day":
            step = pd.offsets.Day(step // _DAY)
        future = pd.date_range(label[0], periods=steps + 1, freq=step)[1:]
        # pandas 2.2 takes nanoseconds, whatever the unit of the stamp.
        return future.as_unit(label.unit).rename(label.name)

    def accepts(self, labels: pd.Index | None) -> bool:
        """Return whether labels are of the kind that this timeline counts."""
        return labels is not None and _family(labels) == _family(self.last)

    def check_comparable(self, labels: pd.Index) -> None:
        """Raise where labels of the same kind cannot be compared with ``last``.

        Raises
        ------
        ValueError
            If naive time stamps meet stamps with a time zone, or periods meet periods
            of another frequency.
        """
        if _family(labels) == "period" and labels.freq != self.last.freq:
            raise ValueError(
                "The index must have one frequency throughout. Got periods of "
                f"{labels.freqstr!r} after a fit on periods of {self.last.freqstr!r}; "
                "use asfreq on one of the two."
            )
        zone, own = getattr(labels, "tz", None), getattr(self.last, "tz", None)
        if (zone is None) != (own is None):
            raise ValueError(
                "The index must be in one time zone throughout. Got labels in zone "
                f"{zone} after a fit on labels in zone {own}; use tz_localize or "
                "tz_convert on one of the two."
            )

    def _numbers(self, labels: pd.Index) -> tuple[np.ndarray, int, int]:
        """Return labels and ``last`` as integers, and the step between them.

        Labels are not copied wherever there is a way around it.
        """
        family = _family(labels)
        if family == "integer":
            return _int64(labels), int(self.last[0]), int(self.step or 1)
        if family == "period":
            return labels.asi8, int(self.last.asi8[0]), int(self.step or 1)
        original = labels
        unit = labels.unit if labels.unit == self.last.unit else "ns"
        labels, last = _in_unit(labels, unit), _in_unit(self.last, unit)
        if self.kind == "order":
            return labels.asi8, int(last.asi8[0]), 1
        if self.kind != "stamp":
            labels, last = _wall(labels, last.tz), _wall(last, last.tz)
        if self.kind != "calendar":
            step = max(1, self.step // pd.Timedelta(1, unit))
            return labels.asi8, int(last.asi8[0]), step
        ends = labels.append(last)
        numbers = _calendar_grid(self.step.base, ends).get_indexer(ends)
        if (numbers < 0).any():
            stray = np.flatnonzero(numbers < 0)[0]
            raise ValueError(self._irregular(original.append(self.last)[stray]))
        return numbers[:-1], int(numbers[-1]), self.step.n

    def _irregular(self, label: Any) -> str:
        return (
            f"The labels of X must lie a whole number of steps ({_words(self.step)}) "
            f"apart. Got {label!r} between two steps; resample or round the index, or "
            "use reset_index(drop=True) where rows simply follow each other."
        )


def check_order(labels: pd.Index, *, owner: str) -> None:
    """Raise unless labels increase strictly.

    Parameters
    ----------
    labels : Index
        Labels that count rows.
    owner : str
        The class that is speaking.

    Raises
    ------
    ValueError
        If labels are missing, out of order or duplicated; it names the first one.
    """
    if labels.hasnans:
        raise ValueError(
            f"{owner} needs a label for every row. Got NaT or NaN in row "
            f"{int(np.flatnonzero(labels.isna())[0])} of the index; drop such rows."
        )
    if not labels.is_monotonic_increasing:
        position = int(np.flatnonzero(labels[1:] < labels[:-1])[0]) + 1
        raise ValueError(
            f"{owner} needs rows in time order, oldest first. Got "
            f"{labels[position]} after {labels[position - 1]} in the index; call "
            "sort_index() first, and split without shuffling."
        )
    if not labels.is_unique:
        duplicate = python_scalar(labels[labels.duplicated()][0])
        raise ValueError(
            f"{owner} needs one row per label. Got {duplicate!r} more than once in "
            "the index; drop or aggregate the duplicates (groupby(level=0).mean())"
            f"{_words_of_clock(labels)}."
        )


def _words_of_clock(labels: pd.Index) -> str:
    """Return what to do where labels that are there twice are hours set back."""
    twice = labels[labels.duplicated()]
    if not isinstance(labels, pd.DatetimeIndex) or labels.tz is not None:
        return ""
    # Clocks are set back once a year, by an hour of the night.
    hours = twice.floor("h").unique()
    is_hour = (hours.hour < 4).all() and hours.year.is_unique and twice.is_unique
    if not is_hour or labels.equals(labels.normalize()):
        return ""
    return ", or, of an hour that clocks repeat, tz_localize(zone, ambiguous='infer')"


def counts_rows(labels: pd.Index) -> bool:
    """Return whether labels are of a kind that can count rows."""
    return _family(labels) is not None


def is_row_number(labels: pd.Index) -> bool:
    """Return whether labels are integers of which none is there twice."""
    return _family(labels) == "integer" and labels.is_unique


def labels_together(kept: pd.Index, labels: pd.Index) -> pd.Index:
    """Return labels after kept ones, in the time zone of these."""
    zone = getattr(kept, "tz", None)
    return kept.append(labels if zone is None else labels.tz_convert(zone))


def timeline_in_order(labels: pd.Index) -> Timeline:
    """Return the timeline by which every label follows the one before."""
    return Timeline("order", None, labels[-1:])


def timeline_from_labels(
    labels: pd.Index | None, *, n_rows: int, pairs: Pairs | None = None
) -> Timeline | None:
    """Return the timeline of strictly increasing labels.

    Parameters
    ----------
    labels : Index of length n_rows, or None
        DatetimeIndex (with or without ``freq``), PeriodIndex, or integers. The step
        of an index without ``freq`` is the smallest difference between its labels if
        that divides the others, else the commonest.
        Rows without labels are numbered from 0.
    n_rows : int
        Number of rows.
    pairs : pair of ndarray of int, optional
        Positions of labels and of those that follow them, for the labels of a panel,
        of which each group has only some.

    Returns
    -------
    Timeline or None
        None where labels do not count rows: other dtypes, or one time stamp without
        ``freq``.

    Raises
    ------
    ValueError
        If time stamps have no common step.
    """
    if labels is None:
        labels = pd.RangeIndex(n_rows)
    family = _family(labels)
    if family is None:
        return None
    last = labels[-1:]
    if family == "integer":
        if isinstance(labels, pd.RangeIndex) and pairs is None:
            return Timeline("integer", labels.step, last)
        return Timeline("integer", _usual_step(_int64(labels), pairs) or 1, last)
    if family == "period":
        step = _usual_step(labels.asi8, pairs) or labels.freq.n
        return Timeline("period", step, last)
    offset = _offset_of(labels)
    if offset is not None and pairs is None:
        return _timeline_from_offset(offset, last)
    return _timeline_from_stamps(labels, pairs)


def timeline_to_go_on(
    labels: pd.Index, *, n_rows: int, pairs: Pairs | None = None
) -> Timeline | None:
    """Return the timeline by which the labels of a forecast go on.

    Parameters and Returns are those of :func:`timeline_from_labels`.

    Raises
    ------
    ValueError
        If time stamps have no common step.
    """
    try:
        return timeline_from_labels(labels, n_rows=n_rows, pairs=pairs)
    except ValueError as error:
        raise ValueError(
            "forecast goes on by the step of X, whose times must have a common step. "
            "Got irregular ones; resample X, or, with SlidingWindow(elapsed=True), "
            "pass the rows to come at their times as X_future."
        ) from error


def _calendar_grid(offset: Any, labels: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the stamps of an offset from the earliest of some labels on.

    Labels that move on, as those of a forecast do, find the grid of the ones before:
    it goes on for a power of two of years.
    """
    begin, end = labels.min(), labels.max()
    n_years = 1 << (end.year - begin.year).bit_length()
    latest = end
    if begin.year + n_years < _LAST_YEAR:
        latest = begin + pd.Timedelta(days=366 * n_years)
    return _cached_grid(offset, begin, latest, labels.unit)


@lru_cache(maxsize=32)
def _cached_grid(offset: Any, begin: Any, end: Any, unit: str) -> pd.DatetimeIndex:
    return pd.date_range(begin, end, freq=offset).as_unit(unit)


def _offset_of(labels: pd.Index) -> Any:
    return labels.freq if isinstance(labels, pd.DatetimeIndex) else None


def _timeline_from_offset(offset: Any, last: pd.Index) -> Timeline:
    if isinstance(offset, pd.offsets.Day):
        return Timeline("day", offset.n * _DAY, last)
    if isinstance(offset, pd.offsets.Tick):
        return Timeline("stamp", pd.Timedelta(offset), last)
    return Timeline("calendar", offset, last)


def _timeline_from_stamps(
    labels: pd.Index, pairs: Pairs | None = None
) -> Timeline | None:
    """Return the timeline of time stamps that carry no ``freq``."""
    if len(labels) < 2 or (pairs is not None and len(pairs[0]) == 0):
        return None
    last = labels[-1:]
    tick = pd.Timedelta(1, labels.unit)
    step = _usual_step(labels.asi8, pairs)
    if step * tick >= _SHORTEST_DAY:
        # Days, weeks and months are counted on the wall clock.
        wall = _wall(labels, labels.tz)
        offset = _calendar_offset(wall, pairs)
        if offset is not None:
            return Timeline("calendar", offset, last)
        days = _usual_step(wall.asi8, pairs)
        is_days = (days * tick) % _DAY == pd.Timedelta(0)
        if is_days and _is_whole_steps(wall.asi8, days, pairs):
            return Timeline("day", days * tick, last)
    if _is_whole_steps(labels.asi8, step, pairs):
        return Timeline("stamp", step * tick, last)
    stray = _first_off_step(labels.asi8, step, pairs) or 0
    before, after = (stray, stray + 1) if pairs is None else (p[stray] for p in pairs)
    sizes = [steps for _, steps in _differences(labels.asi8, pairs)]
    n_usual = sum(int((part == step).sum()) for part in sizes)
    raise ValueError(
        f"The labels of X must have a common step. Got {_words(step * tick)} in "
        f"{n_usual} of {sum(map(len, sizes))} steps, but "
        f"{labels[after] - labels[before]} before {labels[after]!r}; resample "
        "or round the index, use reset_index(drop=True) where rows simply follow each "
        "other, or SlidingWindow(elapsed=True)."
    )


def _calendar_offset(wall: pd.DatetimeIndex, pairs: Pairs | None) -> Any:
    """Return the month-like or business-day offset of naive stamps, None if none."""
    shortest = min(int(steps.min()) for _, steps in _differences(wall.asi8, pairs))
    shortest_step = shortest * pd.Timedelta(1, wall.unit)
    if shortest_step >= _SHORTEST_MONTH:
        return _month_offset(wall, pairs)
    if shortest_step == _DAY and wall[-1] - wall[0] >= 7 * _DAY:
        step = _usual_step(wall.asi8, pairs)
        is_daily = _is_whole_steps(wall.asi8, step, pairs)
        if is_daily and (wall.day_of_week < 5).all():
            return pd.offsets.BusinessDay()
    return None


def _month_offset(wall: pd.DatetimeIndex, pairs: Pairs | None) -> Any:
    if (wall - wall.normalize()).nunique() > 1:
        return None
    months = (wall.year * 12 + wall.month).to_numpy(dtype=np.int64)
    step = _usual_step(months, pairs)
    if step < 1 or not _is_whole_steps(months, step, pairs):
        return None
    if wall.is_month_start.all():
        return pd.offsets.MonthBegin(step)
    if wall.is_month_end.all():
        return pd.offsets.MonthEnd(step)
    if wall.day.nunique() == 1:
        return pd.DateOffset(months=step)
    for offset in (pd.offsets.BusinessMonthBegin, pd.offsets.BusinessMonthEnd):
        if all(offset().is_on_offset(stamp) for stamp in wall):
            return offset(step)
    return None


# -- integers behind labels ---------------------------------------------------------


def _family(labels: pd.Index) -> str | None:
    """Return what labels count with: integers, periods or time stamps."""
    if isinstance(labels, pd.PeriodIndex):
        return "period"
    if isinstance(labels, pd.DatetimeIndex):
        return "stamp"
    is_integer = pd.api.types.is_integer_dtype(labels.dtype)
    return "integer" if is_integer and labels.nlevels == 1 else None


def _int64(labels: pd.Index) -> np.ndarray:
    return labels.to_numpy(dtype=np.int64)


def _in_unit(stamps: Any, unit: str) -> Any:
    """Return stamps in a resolution; the same object where they are in it."""
    return stamps if stamps.unit == unit else stamps.as_unit(unit)


def _wall(stamps: Any, zone: Any) -> Any:
    """Return stamps as naive wall-clock time in a zone."""
    if stamps.tz is None:
        return stamps
    return stamps.tz_convert(zone).tz_localize(None)


def _differences(
    numbers: np.ndarray, pairs: Pairs | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(position, differences)`` a chunk at a time."""
    if pairs is not None:
        for begin in range(0, len(pairs[0]), _CHUNK):
            before, after = (part[begin : begin + _CHUNK] for part in pairs)
            yield begin, numbers[after] - numbers[before]
        return
    for begin in range(0, len(numbers) - 1, _CHUNK):
        yield begin, np.diff(numbers[begin : begin + _CHUNK + 1])


def _usual_step(numbers: np.ndarray, pairs: Pairs | None = None) -> int:
    """Return the smallest difference if it divides all others, else the commonest.

    0 where there is no difference. Of equally common differences the smallest counts.
    """
    counts: Counter[int] = Counter()
    for _, steps in _differences(numbers, pairs):
        if steps.min() == steps.max():
            counts[int(steps[0])] += len(steps)
            continue
        for value, count in zip(*np.unique(steps, return_counts=True), strict=True):
            counts[int(value)] += int(count)
    if not counts:
        return 0
    smallest = min(counts)
    if smallest > 0 and all(step % smallest == 0 for step in counts):
        return smallest
    return min(counts, key=lambda step: (-counts[step], step))


def _is_whole_steps(numbers: np.ndarray, step: int, pairs: Pairs | None = None) -> bool:
    return _first_off_step(numbers, step, pairs) is None


def _first_off_step(
    numbers: np.ndarray, step: int, pairs: Pairs | None = None
) -> int | None:
    """Return the position before the first difference that is not whole steps."""
    for begin, steps in _differences(numbers, pairs):
        if steps.min() == steps.max() == step:
            continue
        stray = np.flatnonzero(steps % step)
        if len(stray):
            return begin + int(stray[0])
    return None


def _words(step: Any) -> str:
    """Return a step in words for a message."""
    if isinstance(step, pd.Timedelta):
        return str(step)
    return getattr(step, "freqstr", None) or str(step)
