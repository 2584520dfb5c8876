"""Labels of rows: the grid on which they lie, and what comes next on it.

A label is whatever a pandas index holds: a time stamp, a period or an integer. The
*grid* is what the labels of a series would be if no row were missing. It knows months,
wall clocks, weekends and opening hours, so that a Monday follows a Friday where no row
ever lay on a Saturday or Sunday.

Everything is counted on the numbers behind the labels, since pandas' own arithmetic of
offsets builds several objects for each row; only rare calendars use it.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import python_scalar

# Positions of labels, and of the label that follows each in its group.
Pairs = tuple[Any, Any]
_NEIGHBOURS = slice(None, -1), slice(1, None)

_DAY, _NONE = pd.Timedelta(days=1), pd.Timedelta(0)
_SHORTEST_DAY = pd.Timedelta(hours=22)  # on the wall clock, over a change of clocks
_SHORTEST_MONTH = pd.Timedelta(days=28)
# Offsets after it may leave what nanoseconds can hold, which ends in 2262.
_LAST_YEAR = 2250

# A difference is common where at least half of the rows have it, or a tenth while
# almost all are multiples of it.
_MOST_HAVE, _SOME_HAVE, _ALMOST_ALL = 0.5, 0.1, 0.9

# How often the grid must pass a day of the week, or a time of day, without ever meeting
# a row, for it to be closed; and the most times of day that are told apart.
_PASSES = 2
_MOST_TIMES = 86_400


@dataclass(frozen=True)
class Grid:
    """The labels that a series has where no row is missing.

    Its kind is ``"integer"`` or ``"period"``; ``"stamp"``, a fixed duration in absolute
    time; ``"day"`` or ``"month"``, on the wall clock; ``"calendar"``, a pandas offset;
    or ``"rows"``: each follows the one before, however far apart they are.
    """

    kind: str
    step: Any  # an int, Timedelta or offset to the next label; None of "rows"
    last: pd.Index  # the newest label seen, with time zone, unit and phase
    day: int = 0  # of a grid of months; 31 for their ends
    # Days of the week from Monday on, and times of day from midnight on, that have rows
    # (empty where all have), and how long after those times the rows lie.
    weekdays: tuple[bool, ...] = ()
    times: tuple[bool, ...] = ()
    phase: pd.Timedelta = _NONE

    @property
    def words(self) -> str:
        """The step, for a message."""
        if isinstance(self.step, pd.Timedelta):
            return str(self.step)
        if self.kind == "month":
            return f"{self.step} month(s)"
        return getattr(self.step, "freqstr", None) or str(self.step)

    @property
    def duration(self) -> pd.Timedelta:
        """How long a step of stamps or periods lasts: the mean where they differ."""
        if isinstance(self.step, pd.Timedelta):
            return self.step
        offset = self.step
        if self.kind == "month":
            offset = pd.DateOffset(months=self.step)
        elif self.kind == "period":
            offset = self.step * self.last.freq.base
        first = pd.Timestamp("2001-01-01") + offset
        return (first + 20 * offset - first) / 20

    def moved_to(self, label: pd.Index) -> Grid:
        """Return the same grid with another newest label (an Index of length 1)."""
        zone = getattr(self.last, "tz", None)
        return replace(self, last=label if zone is None else label.tz_convert(zone))

    def accepts(self, labels: pd.Index | None) -> bool:
        """Return whether labels are of the kind that this grid counts."""
        return labels is not None and _family(labels) == _family(self.last)

    def check_comparable(self, labels: pd.Index) -> None:
        """Raise where labels of one kind cannot be compared with those of ``fit``."""
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

    # -- places ----------------------------------------------------------------------

    def places(self, labels: pd.Index) -> np.ndarray:
        """Return the place of each label on the grid, counted from any origin.

        A label off the grid takes the nearest place, one where the grid is closed the
        last place before it.
        """
        if self.kind == "rows":
            return np.zeros(len(labels), dtype=np.int64)
        if self.kind == "calendar":
            return self._calendar_places(labels)
        if self.weekdays:
            is_open = self._open_week()
            wall = _wall(labels, getattr(self.last, "tz", None))
            places = _since_epoch(wall, self.duration, self.phase)
            weeks, within = np.divmod(places, len(is_open))
            return weeks * int(is_open.sum()) + np.cumsum(is_open)[within] - 1
        numbers, (last,) = self._numbers(labels), self._numbers(self.last)
        return _nearest(numbers - last, self.step)

    def steps(self, labels: pd.Index, ranks: Any = slice(None)) -> np.ndarray:
        """Return by how many places each row but the first is after the one before.

        Labels are distinct and in increasing order; ranks say which of them is the
        label of each row. It is less than 1 where the row before is later.
        """
        steps = np.diff(self.places(labels)[ranks])
        # A row off the grid, or where it is closed, is a place of its own.
        steps[steps == 0] = 1
        return steps

    def _numbers(self, labels: pd.Index) -> np.ndarray:
        """Return what is counted: integers, months, or stamps of NumPy."""
        if self.kind in ("integer", "period"):
            return _integers(labels)
        if self.kind != "stamp":
            labels = _wall(labels, self.last.tz)
        if self.kind == "month":
            return _months(labels)
        return labels.asi8.view(f"M8[{labels.unit}]")

    def _open_week(self) -> np.ndarray:
        """Return which places of a week from 1 January 1970, a Thursday, are open."""
        days = np.roll(np.array(self.weekdays), -3)
        return (days[:, None] & np.array(self.times)).ravel()

    def _calendar_places(self, labels: pd.DatetimeIndex) -> np.ndarray:
        last = _wall(self.last, self.last.tz)
        ends = _wall(labels, self.last.tz).append(last)
        stamps = _calendar_stamps(self.step.base, ends.min(), ends.max(), last.unit)
        places = stamps.searchsorted(ends, side="right")
        return (places[:-1] - places[-1]) // self.step.n

    # -- what comes next -------------------------------------------------------------

    def after(self, label: pd.Index, n_rows: int) -> pd.Index:
        """Return the ``n_rows`` labels that follow a label (an Index of length 1)."""
        try:
            return self._after(label, n_rows)
        except (OverflowError, ValueError) as error:  # pandas' OutOfBounds are both
            raise ValueError(
                f"Labels to come must fit their type, {label.dtype}. Got {n_rows} "
                f"step(s) ({self.words}) after {label[0]!r}, which do not; ask for "
                "fewer, or call as_unit('s') on the index."
            ) from error

    def after_each(self, labels: pd.Index, n_rows: int) -> pd.Index:
        """Return the ``n_rows`` labels after each of some labels, step by step."""
        if len(labels) == 1:
            return self.after(labels, n_rows)
        codes, ends = pd.factorize(labels)
        ends = pd.Index(ends, name=labels.name)
        parts = [self.after(ends[i : i + 1], n_rows) for i in range(len(ends))]
        rows = (codes * n_rows + np.arange(n_rows)[:, None]).ravel()
        return parts[0].append(parts[1:]).take(rows)

    def _after(self, label: pd.Index, n_rows: int) -> pd.Index:
        ahead = np.arange(1, n_rows + 1)
        if self.kind == "integer":
            first, step = int(label[0]), self.step
            stop = first + step * (n_rows + 1)
            if stop > np.iinfo(np.int64).max:
                raise OverflowError
            later: Any = pd.RangeIndex(first + step, stop, step)
        elif self.kind != "period":
            later = self._stamps_after(label, ahead)
        elif self.weekdays:
            later = self._walls_after(label.to_timestamp(), ahead)
            later = pd.PeriodIndex(later, freq=label.freq)
        else:
            ordinals = label.asi8[0] + self.step * ahead
            later = pd.PeriodIndex.from_ordinals(ordinals, freq=label.freq)
        return later.rename(label.name)

    def _stamps_after(self, label: pd.DatetimeIndex, ahead: np.ndarray) -> Any:
        """Return stamps in the time zone and resolution of the one that they follow."""
        if self.kind == "stamp" and not self.weekdays:
            later = label.repeat(len(ahead)) + self.step * ahead
        else:
            wall = self._walls_after(_wall(label, self.last.tz), ahead)
            later = _on_clock(wall, self.last.tz)
            later = later if label.tz == later.tz else later.tz_convert(label.tz)
        later = later.as_unit(label.unit)
        if later.freq is None:
            with suppress(ValueError):  # they need not follow the offset
                later = pd.DatetimeIndex(later, freq=self._offset())
        return later

    def _walls_after(self, wall: pd.DatetimeIndex, ahead: np.ndarray) -> Any:
        """Return the naive stamps on the wall clock that follow one."""
        if self.kind == "calendar":
            # pandas 2.2 takes nanoseconds, whatever the unit of the stamp.
            later = pd.date_range(wall[0], periods=len(ahead) + 1, freq=self.step)
            return later[later > wall[0]][: len(ahead)]
        if self.kind == "month":
            months = _months(wall)[0] + self.step * ahead
            starts = pd.PeriodIndex.from_ordinals(months, freq="M").to_timestamp()
            days = np.minimum(self.day, starts.days_in_month) - 1
            clock = wall[0] - wall[0].normalize()
            return starts + pd.to_timedelta(days, unit="D") + clock
        if self.weekdays:
            is_open = self._open_week()
            n_weeks = len(ahead) // int(is_open.sum()) + 2
            (place,) = _since_epoch(wall, self.duration, self.phase)
            later = place + np.arange(1, n_weeks * len(is_open) + 1)
            ahead = later[is_open[later % len(is_open)]][: len(ahead)] - place
        return wall.repeat(len(ahead)) + self.duration * ahead

    def _offset(self) -> Any:
        """Return the grid as an offset of pandas, None where it has none."""
        if self.weekdays:
            is_business = self.weekdays == (True,) * 5 + (False,) * 2
            return pd.offsets.BDay() if is_business and len(self.times) == 1 else None
        if self.kind == "month":
            ends = {1: pd.offsets.MonthBegin, 31: pd.offsets.MonthEnd}
            return ends[self.day](self.step) if self.day in ends else None
        if self.kind == "day":
            return pd.offsets.Day(self.step // _DAY)
        return self.step if self.kind == "stamp" else None


def _on_clock(wall: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    """Return naive stamps in a zone; one that clocks skip is the instant after it."""
    if zone is None:
        return wall
    is_first = np.ones(len(wall), dtype=bool)
    return wall.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")


def _calendar_stamps(offset: Any, begin: Any, end: Any, unit: str) -> pd.DatetimeIndex:
    """Return the stamps of an offset, from a begin to a power of two of years later.

    Labels that move on, as those of a forecast do, find the stamps of those before.
    """
    n_years = 1 << (end.year - begin.year).bit_length()
    if begin.year + n_years < _LAST_YEAR:
        end = begin + pd.Timedelta(days=366 * n_years)
    return _cached_stamps(offset, begin, end, unit)


@lru_cache(maxsize=32)
def _cached_stamps(offset: Any, begin: Any, end: Any, unit: str) -> pd.DatetimeIndex:
    return pd.date_range(begin, end, freq=offset).as_unit(unit)


def check_order(labels: pd.Index, *, owner: str) -> None:
    """Raise unless labels, which count rows, increase strictly."""
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
            "sort_index() first, split without shuffling, and give a Halving search "
            "resource='lstmregressor__epochs'."
        )
    if not labels.is_unique:
        twice = labels[labels.duplicated()]
        clock = ""
        if isinstance(labels, pd.DatetimeIndex) and labels.tz is None:
            is_daily = labels.equals(labels.normalize())
            if twice.is_unique and (twice.hour < 4).all() and not is_daily:
                clock = (
                    ", or, of an hour that clocks repeat, tz_localize(zone, "
                    "ambiguous=array) with True for its first half"
                )
        raise ValueError(
            f"{owner} needs one row per label. Got {python_scalar(twice[0])!r} more "
            "than once in the index; drop or aggregate the duplicates "
            f"(groupby(level=0).mean()){clock}."
        )


# Dates written as integers: their format and what is written behind them, for pandas
# reads a week with its day alone; the periods that they are, how many digits they have,
# and by how much more they grow across the end of a year.
_DATES = (
    ("%Y%m%d", "", "D", 8, None),
    ("%Y%m", "", "M", 6, {88}),
    ("%G%V%u", "1", "W", 6, {47, 48}),
)


def check_plain_numbers(labels: pd.Index, *, owner: str) -> None:
    """Raise where integer labels are days, months or weeks, such as 202312.

    Counting on from December 2023 as 202312 would give a thirteenth month.
    """
    if _family(labels) != "integer" or isinstance(labels, pd.RangeIndex):
        return
    if labels.dtype.kind == "u" and labels.max() > np.iinfo(np.int64).max:
        raise ValueError(
            f"{owner} needs integer labels up to 2**63 - 1. Got {int(labels.max())}; "
            "subtract their first."
        )
    numbers = np.unique(_integers(labels))
    if len(numbers) < 2 or not 190_000 < numbers.min() <= numbers.max() < 21_010_000:
        return
    steps = np.diff(numbers)
    jumps = set((steps - steps.min()).tolist())
    for written, behind, freq, n_digits, across in _DATES:
        if len(str(numbers.max())) != n_digits or (across and not jumps & across):
            continue
        dates = pd.Series(numbers).astype(str) + behind
        if pd.to_datetime(dates, format=written, errors="coerce").notna().all():
            texts = f"X.index.astype(str){behind and f' + {behind!r}'}"
            raise ValueError(
                f"{owner} needs integers that number rows. Got {int(numbers[0])}, "
                f"which looks like a date; make periods of them: X.index = "
                f"pd.PeriodIndex(pd.to_datetime({texts}, format={written!r}), "
                f"freq={freq!r})."
            )


# -- the grid of labels ----------------------------------------------------------------


def grid_of(labels: pd.Index, *, pairs: Pairs | None = None) -> Grid:
    """Return the grid of labels in increasing order.

    The grid is the ``freq`` of the index where it has one. Else it is the commonest
    difference, calendar-aware, without the days of the week and the times of day that
    never occur; where there is no common one, rows are counted. In a panel, each group
    of which has only some of the labels, pairs say which label follows which.
    """
    last, family = labels[-1:], _family(labels)
    if family == "stamp" and labels.freq is not None and pairs is None:
        return _grid_of_offset(labels.freq, last)
    pairs = _NEIGHBOURS if pairs is None else pairs
    if family == "stamp":
        return _grid_of_stamps(labels, pairs)
    one = labels.freq.n if family == "period" else getattr(labels, "step", 1)
    counts = _differences(_integers(labels), pairs)
    step = _commonest(counts) if counts else one
    grid = Grid(str(family), step, last)
    if family == "period":
        is_fixed = isinstance(labels.freq, pd.offsets.Tick | pd.offsets.Day)
        return _with_closures(grid, labels) if is_fixed and step == one else grid
    has_common = counts[step] >= _MOST_HAVE * counts.total()
    return grid if has_common else Grid("rows", None, last)


def _grid_of_offset(offset: Any, last: pd.DatetimeIndex) -> Grid:
    if isinstance(offset, pd.offsets.Day):
        return Grid("day", offset.n * _DAY, last)
    if isinstance(offset, pd.offsets.Tick):
        return Grid("stamp", pd.Timedelta(offset), last)
    return Grid("calendar", offset, last)


def _grid_of_stamps(labels: pd.DatetimeIndex, pairs: Pairs) -> Grid:
    """Return the grid of time stamps without ``freq``."""
    last, tick = labels[-1:], pd.Timedelta(1, labels.unit)
    rows, wall = Grid("rows", None, last), _wall(labels, labels.tz)
    counts = _differences(wall.asi8, pairs)
    if not counts:
        return rows
    if min(counts) * tick >= _SHORTEST_MONTH:
        months = _grid_of_months(wall, pairs, last)
        if months is not None:
            return months
    step = _commonest(counts)
    is_daily = step * tick >= _SHORTEST_DAY and not step * tick % _DAY
    if not is_daily:
        counts = _differences(labels.asi8, pairs)
        step = _commonest(counts)
    if not _is_common(step, counts):
        return rows
    plain = Grid("day" if is_daily else "stamp", step * tick, last)
    if len(counts) == 1:
        return plain
    divisor = int(np.gcd.reduce(list(counts)))
    finest = _DAY // tick if is_daily else max(1, step // 24)
    candidates = [plain]
    if finest <= divisor < step:
        candidates.append(replace(plain, step=divisor * tick))
    candidates = [_with_closures(each, labels) for each in candidates]
    # The grid on which fewest rows are missing.
    return max(candidates, key=lambda g: _differences(g.places(labels), pairs)[1])


def _grid_of_months(
    wall: pd.DatetimeIndex, pairs: Pairs, last: pd.DatetimeIndex
) -> Grid | None:
    """Return the grid of stamps that lie on one day of their months, None if none."""
    if (wall - wall.normalize()).nunique() > 1:
        return None
    counts = _differences(_months(wall), pairs)
    step = _commonest(counts)
    if step < 1 or not _is_common(step, counts):
        return None
    day = 31 if wall.is_month_end.all() else int(wall.day.max())
    if (wall.day == np.minimum(day, wall.days_in_month)).all():
        return Grid("month", step, last, day)
    for offset in (pd.offsets.BusinessMonthBegin, pd.offsets.BusinessMonthEnd):
        if all(offset().is_on_offset(stamp) for stamp in wall):
            return Grid("calendar", offset(step), last)
    return None


def _with_closures(grid: Grid, labels: Any) -> Grid:
    """Return a grid without the days and the times of day that never have a row."""
    wall, step = _wall(labels, getattr(labels, "tz", None)), grid.duration
    if step > _DAY or _DAY % step or _DAY // step > _MOST_TIMES:
        return grid
    n_times = _DAY // step
    phase = _commonest_phase(wall, step)
    places = _since_epoch(wall, step, phase)
    days = np.unique(places // n_times)
    # The first day of the epoch was a Thursday.
    of_week = (np.arange(days[0], days[-1] + 1) + 3) % 7
    weekdays = np.bincount(of_week, minlength=7) < _PASSES
    weekdays[(days + 3) % 7] = True
    # The first and the last day may be parts of days.
    times = np.full(n_times, len(days) < _PASSES + 2)
    times[places % n_times] = True
    if weekdays.all() and times.all():
        return grid
    open_days, open_times = tuple(weekdays.tolist()), tuple(times.tolist())
    return replace(grid, weekdays=open_days, times=open_times, phase=phase)


def _commonest_phase(wall: pd.DatetimeIndex, step: pd.Timedelta) -> pd.Timedelta:
    """Return how long after a whole number of steps most stamps lie."""
    tick = pd.Timedelta(1, wall.unit)
    phases, counts = np.unique(wall.asi8 % max(1, step // tick), return_counts=True)
    return int(phases[np.argmax(counts)]) * tick


def _differences(numbers: np.ndarray, pairs: Pairs) -> Counter[int]:
    """Return how often each difference occurs between a row and the next."""
    before, after = pairs
    steps = pd.Series(numbers[after] - numbers[before])
    return Counter(steps.value_counts().to_dict())


def _commonest(counts: Counter[int]) -> int:
    """Return the commonest difference, the smallest of equals."""
    return min(counts, key=lambda size: (-counts[size], size))


def _is_common(step: int, counts: Counter[int]) -> bool:
    """Return whether a difference is one that rows have in common."""
    n_rows = counts.total()
    n_multiples = sum(n for size, n in counts.items() if size % step == 0)
    is_divisor = n_multiples >= _ALMOST_ALL * n_rows
    least = _SOME_HAVE if is_divisor else _MOST_HAVE
    return counts[step] >= least * n_rows


# -- numbers behind labels -------------------------------------------------------------


def _family(labels: pd.Index) -> str | None:
    """Return what labels count with: integers, periods or time stamps."""
    if isinstance(labels, pd.PeriodIndex):
        return "period"
    if isinstance(labels, pd.DatetimeIndex):
        return "stamp"
    is_integer = pd.api.types.is_integer_dtype(labels.dtype)
    return "integer" if is_integer and labels.nlevels == 1 else None


def counts_rows(labels: pd.Index) -> bool:
    """Return whether labels are of a kind that can count rows."""
    return _family(labels) is not None


def is_row_number(labels: pd.Index) -> bool:
    """Return whether labels are unique integers."""
    return _family(labels) == "integer" and labels.is_unique


def labels_together(kept: pd.Index, labels: pd.Index) -> pd.Index:
    """Return labels after kept ones, in the time zone of these."""
    zone = getattr(kept, "tz", None)
    return kept.append(labels if zone is None else labels.tz_convert(zone))


def _integers(labels: pd.Index) -> np.ndarray:
    """Return periods as ordinals, and integers of any dtype as int64."""
    is_period = isinstance(labels, pd.PeriodIndex)
    return labels.asi8 if is_period else labels.to_numpy(dtype=np.int64)


def _months(wall: pd.DatetimeIndex) -> np.ndarray:
    return wall.to_period("M").asi8


def _nearest(numbers: np.ndarray, step: Any) -> np.ndarray:
    """Return numbers, or durations, in whole steps, halves up."""
    step = getattr(step, "asm8", step)
    return (2 * numbers + step) // (2 * step)


def _since_epoch(
    wall: pd.DatetimeIndex, step: pd.Timedelta, phase: pd.Timedelta
) -> np.ndarray:
    """Return naive stamps as the number of the nearest step since 1 January 1970."""
    tick = pd.Timedelta(1, wall.unit)
    return _nearest(wall.asi8 - phase // tick, max(1, step // tick))


def _wall(labels: Any, zone: Any) -> Any:
    """Return stamps on the wall clock of a zone, periods where they begin."""
    if isinstance(labels, pd.PeriodIndex):
        return labels.to_timestamp()
    return labels if labels.tz is None else labels.tz_convert(zone).tz_localize(None)
