"""Labels of rows: the grid on which they lie, and what comes next on it.

A label is whatever a pandas index holds: a time stamp, a period or an integer. The
*grid* is what the labels of a series would be if no row were missing. It knows months,
wall clocks, weekends and opening hours, so that a Monday follows a Friday where no row
ever lay on a Saturday or Sunday.

Everything is counted on the integers behind the labels, since pandas' own arithmetic of
offsets builds several objects for each row; only rare calendars use it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import python_scalar

# Positions of labels, and of the label that follows each in its group.
Pairs = tuple[np.ndarray, np.ndarray]

_CHUNK = 1 << 18
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

    def places(self, labels: pd.Index) -> np.ndarray:
        """Return the place of each label on the grid, counted from any origin.

        A label off the grid takes the nearest place, one where the grid is closed the
        last place before it.
        """
        if self.kind == "rows":
            return np.zeros(len(labels), dtype=np.int64)
        if self.kind in ("integer", "period"):
            numbers = _numbers(labels)
            if not self.weekdays:
                return _nearest(numbers - _numbers(self.last)[0], self.step)
            return self._open_places(labels.to_timestamp(), _unit_of(labels.freq))
        if self.kind == "stamp" and not self.weekdays:
            unit, (labels, last) = _in_one_unit(labels, self.last)
            step = max(1, self.step // pd.Timedelta(1, unit))
            return _nearest(labels.asi8 - last.asi8[0], step)
        wall = _wall(labels, self.last.tz)
        if self.kind == "month":
            return _months(wall) // self.step
        if self.kind == "calendar":
            return self._calendar_places(wall)
        if self.weekdays:
            return self._open_places(wall, self.step)
        unit, (wall, last) = _in_one_unit(wall, _wall(self.last, self.last.tz))
        return _nearest(wall.asi8 - last.asi8[0], self.step // pd.Timedelta(1, unit))

    def holes(
        self, labels: pd.Index, ranks: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that are not one place after the row before, and how many.

        Labels are distinct and in increasing order; ranks say which of them is the
        label of each row, None that each is that of one row. The number of places is
        less than 1 where the row before is later.
        """
        n_rows = len(labels) if ranks is None else len(ranks)
        none = np.zeros(0, dtype=np.int64)
        if self.kind == "rows" or (ranks is None and self._is_unbroken(labels)):
            return none, none
        places = none if ranks is None else self.places(labels)
        found = []
        for begin in range(0, n_rows - 1, _CHUNK):
            part = slice(begin, begin + _CHUNK + 1)
            own = self.places(labels[part]) if ranks is None else places[ranks[part]]
            steps = np.diff(own)
            # A row off the grid, or where it is closed, is a place of its own.
            steps = np.where(steps == 0, 1, steps)
            at = np.flatnonzero(steps != 1)
            found.append((begin + at + 1, steps[at]))
        rows, sizes = zip(*found, strict=True) if found else ([], [])
        return np.concatenate([none, *rows]), np.concatenate([none, *sizes])

    def _is_unbroken(self, labels: pd.Index) -> bool:
        """Return whether labels say themselves that none is missing."""
        if isinstance(labels, pd.RangeIndex):
            return self.kind == "integer" and labels.step == self.step
        own = getattr(labels, "freq", None) if self.kind != "period" else None
        return own is not None and own in (self.step, self._offset())

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

    def _after(self, label: pd.Index, n_rows: int) -> pd.Index:
        if self.kind == "integer":
            first, step = int(label[0]), self.step
            if first + step * (n_rows + 1) > np.iinfo(np.int64).max:
                raise OverflowError
            later: Any = pd.RangeIndex(first + step, first + step * (n_rows + 1), step)
        elif self.kind == "period":
            later = self._periods_after(label, n_rows)
        elif self.kind == "stamp" and not self.weekdays:
            later = _repeated(label, self.step, n_rows)
        else:
            zone = self.last.tz
            wall = _wall(label, zone)
            later = _on_clock(self._walls_after(wall, n_rows), zone, label.unit)
            later = later if label.tz == zone else later.tz_convert(label.tz)
        if isinstance(later, pd.DatetimeIndex) and later.freq is None:
            later = _with_freq(later, self._offset())
        return later.rename(label.name)

    def _offset(self) -> Any:
        """Return the grid as an offset of pandas, None where it has none."""
        if self.kind == "month":
            ends = {1: pd.offsets.MonthBegin, 31: pd.offsets.MonthEnd}
            return ends[self.day](self.step) if self.day in ends else None
        if self.weekdays:
            is_business = self.weekdays == (True,) * 5 + (False,) * 2
            return pd.offsets.BDay() if is_business and len(self.times) == 1 else None
        if self.kind == "day":
            return pd.offsets.Day(self.step // _DAY)
        return self.step if self.kind == "stamp" else None

    def _periods_after(self, label: pd.PeriodIndex, n_rows: int) -> pd.PeriodIndex:
        if self.weekdays:
            walls = self._walls_after(label.to_timestamp(), n_rows)
            return pd.PeriodIndex(walls, freq=label.freq)
        ordinals = label.asi8[0] + self.step * np.arange(1, n_rows + 1)
        return pd.PeriodIndex.from_ordinals(ordinals, freq=label.freq)

    def _walls_after(self, wall: pd.DatetimeIndex, n_rows: int) -> pd.DatetimeIndex:
        """Return the naive stamps on the wall clock that follow one."""
        first = wall[0]
        if self.kind == "month":
            months = _months(wall)[0] + self.step * np.arange(1, n_rows + 1)
            starts = pd.to_datetime(
                [f"{month // 12:04d}-{month % 12 + 1:02d}-01" for month in months]
            )
            days = np.minimum(self.day, starts.days_in_month) - 1
            clock = first - first.normalize()
            return starts + pd.to_timedelta(days, unit="D") + clock
        if self.kind == "calendar":
            # pandas 2.2 takes nanoseconds, whatever the unit of the stamp.
            later = pd.date_range(first, periods=n_rows + 1, freq=self.step)
            return later[later > first][:n_rows]
        step = self.step if self.kind != "period" else _unit_of(self.last.freq)
        if not self.weekdays:
            return _repeated(wall, step, n_rows)
        is_open = self._open_week()
        n_weeks = n_rows // int(is_open.sum()) + 2
        place = int(_since_epoch(wall, step, self.phase)[0])
        later = place + np.arange(1, n_weeks * len(is_open) + 1)
        later = later[is_open[later % len(is_open)]][:n_rows]
        return wall.repeat(n_rows) + pd.TimedeltaIndex(step * (later - place))

    def _open_week(self) -> np.ndarray:
        """Return which places of a week from 1 January 1970, a Thursday, are open."""
        days = np.roll(np.array(self.weekdays), -3)
        return (days[:, None] & np.array(self.times)).ravel()

    def _open_places(self, wall: pd.DatetimeIndex, step: Any) -> np.ndarray:
        is_open = self._open_week()
        places = _since_epoch(wall, step, self.phase)
        weeks, within = np.divmod(places, len(is_open))
        return weeks * int(is_open.sum()) + np.cumsum(is_open)[within] - 1

    def _calendar_places(self, wall: pd.DatetimeIndex) -> np.ndarray:
        last = _wall(self.last, self.last.tz)
        ends = wall.append(last)
        stamps = _calendar_stamps(self.step.base, ends.min(), ends.max(), last.unit)
        places = stamps.searchsorted(ends, side="right")
        return (places[:-1] - places[-1]) // self.step.n


def _repeated(stamp: pd.DatetimeIndex, step: Any, n_rows: int) -> pd.DatetimeIndex:
    """Return the stamps one step, two, … after one (an Index of length 1)."""
    return stamp.repeat(n_rows) + pd.TimedeltaIndex(step * np.arange(1, n_rows + 1))


def _with_freq(stamps: pd.DatetimeIndex, offset: Any) -> pd.DatetimeIndex:
    """Return stamps with an offset as ``freq`` where they follow it."""
    try:
        return pd.DatetimeIndex(stamps, freq=offset)
    except ValueError:
        return stamps


def _on_clock(wall: pd.DatetimeIndex, zone: Any, unit: str) -> pd.DatetimeIndex:
    """Return naive stamps in a zone; one that clocks skip is the instant after it."""
    if zone is not None:
        is_first = np.ones(len(wall), dtype=bool)
        wall = wall.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")
    return wall.as_unit(unit)


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


# Dates written as integers: their format, the periods that they are, how many digits
# they have, and by how much more they grow across the end of a year.
_DATES = (("%Y%m%d", "D", 8, None), ("%Y%m", "M", 6, {88}), ("%G%V", "W", 6, {47, 48}))


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
    numbers = np.unique(_numbers(labels))
    if len(numbers) < 2 or not 190_000 < numbers.min() <= numbers.max() < 21_010_000:
        return
    steps = np.diff(numbers)
    jumps = set((steps - steps.min()).tolist())
    for written, freq, n_digits, across in _DATES:
        if len(str(numbers.max())) != n_digits or (across and not jumps & across):
            continue
        # pandas reads a week with its day alone.
        day = "1" if freq == "W" else ""
        dates = pd.Series(numbers).astype(str) + day
        written += "%u" if day else ""
        if pd.to_datetime(dates, format=written, errors="coerce").notna().all():
            texts = f"X.index.astype(str){' + ' + repr(day) if day else ''}"
            raise ValueError(
                f"{owner} needs integers that number rows. Got {int(numbers[0])}, "
                f"which looks like a date; make periods of them: X.index = "
                f"pd.PeriodIndex(pd.to_datetime({texts}, format={written!r}), "
                f"freq={freq!r})."
            )


# -- the grid of labels ----------------------------------------------------------------


def _grid_of_rows(labels: pd.Index) -> Grid:
    """Return the grid on which every row follows the one before."""
    return Grid("rows", None, labels[-1:])


def grid_of(labels: pd.Index, *, pairs: Pairs | None = None) -> Grid:
    """Return the grid of labels in increasing order.

    The grid is the ``freq`` of the index where it has one. Else it is the commonest
    difference, calendar-aware, without the days of the week and the times of day that
    never occur; where there is no common one, rows are counted. In a panel, each group
    of which has only some of the labels, pairs say which label follows which.
    """
    last = labels[-1:]
    offset = labels.freq if isinstance(labels, pd.DatetimeIndex) else None
    if offset is not None and pairs is None:
        return _grid_of_offset(offset, last)
    if isinstance(labels, pd.RangeIndex) and pairs is None:
        return Grid("integer", labels.step, last)
    family = _family(labels)
    n_pairs = len(labels) - 1 if pairs is None else len(pairs[0])
    if n_pairs < 1:
        if family == "stamp":
            return _grid_of_rows(labels)
        return Grid(str(family), 1 if family == "integer" else labels.freq.n, last)
    if family == "integer":
        counts = _differences(_numbers(labels), pairs)
        step, n_have = _commonest(counts)
        is_common = n_have >= _MOST_HAVE * n_pairs
        return Grid("integer", step, last) if is_common else _grid_of_rows(labels)
    if family == "period":
        return _grid_of_periods(labels, pairs)
    return _grid_of_stamps(labels, pairs)


def _grid_of_offset(offset: Any, last: pd.DatetimeIndex) -> Grid:
    if isinstance(offset, pd.offsets.Day):
        return Grid("day", offset.n * _DAY, last)
    if isinstance(offset, pd.offsets.Tick):
        return Grid("stamp", pd.Timedelta(offset), last)
    return Grid("calendar", offset, last)


def _grid_of_periods(labels: pd.PeriodIndex, pairs: Pairs | None) -> Grid:
    step, _ = _commonest(_differences(labels.asi8, pairs))
    plain = Grid("period", step, labels[-1:])
    is_fixed = isinstance(labels.freq, pd.offsets.Tick | pd.offsets.Day)
    if not is_fixed or step != labels.freq.n:
        return plain
    return _with_closures(plain, labels.to_timestamp(), _unit_of(labels.freq))


def _grid_of_stamps(labels: pd.DatetimeIndex, pairs: Pairs | None) -> Grid:
    """Return the grid of time stamps without ``freq``."""
    last, tick = labels[-1:], pd.Timedelta(1, labels.unit)
    wall = _wall(labels, labels.tz)
    counts = _differences(wall.asi8, pairs)
    step, _ = _commonest(counts)
    shortest = min(counts) * tick
    if shortest >= _SHORTEST_MONTH:
        months = _grid_of_months(wall, pairs, last)
        if months is not None:
            return months
    is_daily = step * tick >= _SHORTEST_DAY and not step * tick % _DAY
    if not is_daily:
        counts = _differences(labels.asi8, pairs)
        step, _ = _commonest(counts)
    if not _is_common(step, counts):
        return _grid_of_rows(labels)
    kind = "day" if is_daily else "stamp"
    plain = Grid(kind, step * tick, last)
    divisor = int(np.gcd.reduce(list(counts)))
    finest = _DAY // tick if is_daily else max(1, step // 24)
    if len(counts) == 1:
        return plain
    candidates = [_with_closures(plain, wall, step * tick)]
    if finest <= divisor < step:
        finer = replace(plain, step=divisor * tick)
        candidates.append(_with_closures(finer, wall, divisor * tick))
    return min(candidates, key=lambda grid: _n_holes(grid, labels, pairs))


def _grid_of_months(
    wall: pd.DatetimeIndex, pairs: Pairs | None, last: pd.DatetimeIndex
) -> Grid | None:
    """Return the grid of stamps that lie on one day of their months, None if none."""
    if (wall - wall.normalize()).nunique() > 1:
        return None
    counts = _differences(_months(wall), pairs)
    step, _ = _commonest(counts)
    if step < 1 or not _is_common(step, counts):
        return None
    day = 31 if wall.is_month_end.all() else int(wall.day.max())
    if (wall.day == np.minimum(day, wall.days_in_month)).all():
        return Grid("month", step, last, day)
    for offset in (pd.offsets.BusinessMonthBegin, pd.offsets.BusinessMonthEnd):
        if all(offset().is_on_offset(stamp) for stamp in wall):
            return Grid("calendar", offset(step), last)
    return None


def _with_closures(grid: Grid, wall: pd.DatetimeIndex, step: pd.Timedelta) -> Grid:
    """Return a grid without the days and the times of day that never have a row."""
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
    return replace(
        grid,
        weekdays=tuple(weekdays.tolist()),
        times=tuple(times.tolist()),
        phase=phase,
    )


def _commonest_phase(wall: pd.DatetimeIndex, step: pd.Timedelta) -> pd.Timedelta:
    """Return how long after a whole number of steps most stamps lie."""
    tick = pd.Timedelta(1, wall.unit)
    phases, counts = np.unique(wall.asi8 % max(1, step // tick), return_counts=True)
    return int(phases[np.argmax(counts)]) * tick


def _n_holes(grid: Grid, labels: pd.Index, pairs: Pairs | None) -> int:
    counts = _differences(grid.places(labels), pairs)
    return sum(counts.values()) - counts[1]


def _is_common(step: int, counts: Counter) -> bool:
    """Return whether a difference is one that rows have in common."""
    n_rows = sum(counts.values())
    share = counts[step] / n_rows
    n_multiples = sum(n for size, n in counts.items() if size % step == 0)
    is_divisor = n_multiples >= _ALMOST_ALL * n_rows
    return share >= _MOST_HAVE or (share >= _SOME_HAVE and is_divisor)


# -- integers behind labels ------------------------------------------------------------


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


def _numbers(labels: pd.Index) -> np.ndarray:
    if isinstance(labels, pd.PeriodIndex):
        return labels.asi8
    return labels.to_numpy(dtype=np.int64)


def _nearest(numbers: np.ndarray, step: int) -> np.ndarray:
    """Return numbers in whole steps, halves up."""
    return numbers if step == 1 else (2 * numbers + step) // (2 * step)


def _since_epoch(
    wall: pd.DatetimeIndex, step: pd.Timedelta, phase: pd.Timedelta
) -> np.ndarray:
    """Return naive stamps as the number of the nearest step since 1 January 1970."""
    tick = pd.Timedelta(1, wall.unit)
    return _nearest(wall.asi8 - phase // tick, max(1, step // tick))


def _months(wall: pd.DatetimeIndex) -> np.ndarray:
    return (wall.year * 12 + wall.month - 1).to_numpy(dtype=np.int64)


def _unit_of(freq: Any) -> pd.Timedelta:
    """Return the length of a period of days or shorter."""
    return freq.n * _DAY if isinstance(freq, pd.offsets.Day) else pd.Timedelta(freq)


def _in_one_unit(*labels: Any) -> tuple[str, tuple]:
    """Return stamps in one resolution: their own, or nanoseconds where it differs."""
    units = {each.unit for each in labels}
    unit = units.pop() if len(units) == 1 else "ns"
    return unit, tuple(e if e.unit == unit else e.as_unit(unit) for e in labels)


def _wall(stamps: Any, zone: Any) -> Any:
    """Return stamps as naive wall-clock time in a zone."""
    if stamps.tz is None:
        return stamps
    return stamps.tz_convert(zone).tz_localize(None)


def _differences(numbers: np.ndarray, pairs: Pairs | None) -> Counter:
    """Return how often each difference occurs between a row and the next."""
    counts: Counter[int] = Counter()
    n_pairs = len(numbers) - 1 if pairs is None else len(pairs[0])
    for begin in range(0, n_pairs, _CHUNK):
        if pairs is None:
            steps = np.diff(numbers[begin : begin + _CHUNK + 1])
        else:
            before, after = (part[begin : begin + _CHUNK] for part in pairs)
            steps = numbers[after] - numbers[before]
        if steps.min() == steps.max():
            counts[int(steps[0])] += len(steps)
            continue
        for value, count in zip(*np.unique(steps, return_counts=True), strict=True):
            counts[int(value)] += int(count)
    return counts


def _commonest(counts: Counter) -> tuple[int, int]:
    """Return the commonest difference, the smallest of equals, and its count."""
    step = min(counts, key=lambda size: (-counts[size], size))
    return step, counts[step]
