"""Channels from the calendar: what the stamp of a row alone tells of it.

They are known however far ahead, so that a forecast needs no future values of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import one_line
from sklstm.windows._labels import Grid

# What a stamp consists of: its number, counted from 0, and how many there are.
_PARTS = {
    "month": (lambda stamps: stamps.month - 1, 12),
    "quarter": (lambda stamps: stamps.quarter - 1, 4),
    "week": (lambda stamps: stamps.isocalendar().week.to_numpy(dtype=int) - 1, 53),
    "yearday": (lambda stamps: stamps.day_of_year - 1, 366),
    "day": (lambda stamps: stamps.day - 1, 31),
    "weekday": (lambda stamps: stamps.day_of_week, 7),
    "hour": (lambda stamps: stamps.hour + stamps.minute / 60, 24),
    "minute": (lambda stamps: stamps.minute, 60),
}
_FORMS = ("cyclic", "one-hot")

# Parts of "auto", by the days from one row to the next, at least.
_AUTO = ((27, ("month",)), (6, ("yearday",)), (1, ("weekday", "yearday")))
_WITHIN_DAYS = ("hour", "weekday")


def calendar_parts(calendar: Any, grid: Grid | None, *, owner: str) -> list[tuple]:
    """Return parts of stamps with their form, and ("holiday", calendar).

    The calendar is what :class:`SlidingWindow` takes; rows lie on the grid.
    """
    if calendar is None:
        return []
    if grid is None or not isinstance(grid.last, pd.DatetimeIndex | pd.PeriodIndex):
        came = "none that count rows" if grid is None else f"{grid.last.dtype}"
        raise ValueError(
            f"The 'calendar' parameter of {owner} needs time stamps or periods as "
            f"labels. Got {came}; give X a DatetimeIndex or leave calendar=None."
        )
    if isinstance(calendar, str) and calendar == "auto":
        return [(part, "cyclic") for part in _parts_of_grid(grid)]
    # Countries of the holidays package are dicts too, and empty before they are read.
    if type(calendar) is dict and all(isinstance(part, str) for part in calendar):
        parts = list(calendar.items())
    elif isinstance(calendar, list | tuple):
        parts = [
            (each, "cyclic") if isinstance(each, str) else ("holiday", each)
            for each in calendar
        ]
    else:
        is_name = isinstance(calendar, str)
        parts = [(calendar, "cyclic") if is_name else ("holiday", calendar)]
    for part, form in parts:
        is_valid = part in _PARTS and form in _FORMS
        if not (is_valid or (part == "holiday" and _is_holiday_calendar(form))):
            came = part if part not in (*_PARTS, "holiday") else form
            raise ValueError(
                f"The 'calendar' parameter of {owner} must be 'auto', parts of the "
                f"stamp ({', '.join(_PARTS)}), a dict of parts and their form "
                f"({' or '.join(_FORMS)}), or a holiday calendar of pandas or the "
                f"holidays package. Got {one_line(came)}."
            )
    return parts


def _is_holiday_calendar(calendar: Any) -> bool:
    """Return whether an object tells which days are holidays."""
    if hasattr(calendar, "holidays"):
        return True
    if not isinstance(calendar, Mapping | Set):
        return False
    return all(isinstance(day, datetime.date) for day in calendar)


def _parts_of_grid(grid: Grid) -> tuple[str, ...]:
    """Return the parts of "auto": what repeats within a year for such a step."""
    if grid.kind == "rows":
        return _WITHIN_DAYS
    for at_least, parts in _AUTO:
        if grid.duration >= pd.Timedelta(days=at_least):
            return parts
    return _WITHIN_DAYS


def calendar_names(parts: list[tuple]) -> list[str]:
    """Return the names of the channels of some parts."""
    names: list[str] = []
    for part, form in parts:
        if part == "holiday":
            n_before = sum(name.startswith("holiday") for name in names)
            names.append(f"holiday_{n_before + 1}" if n_before else "holiday")
        elif form == "cyclic":
            names += [f"{part}_sin", f"{part}_cos"]
        else:
            names += [f"{part}_{i}" for i in range(_PARTS[part][1])]
    return names


def calendar_channels(labels: pd.Index, parts: list[tuple]) -> np.ndarray:
    """Return the channels of some labels, (n_rows, n_channels).

    Stamps are read on their wall clock, periods where they begin.
    """
    if isinstance(labels, pd.PeriodIndex):
        labels = labels.to_timestamp()
    columns: list[np.ndarray] = []
    for part, form in parts:
        if part == "holiday":
            columns.append(_is_holiday(labels, form)[:, None])
            continue
        number_of, n_numbers = _PARTS[part]
        numbers = np.asarray(number_of(labels))
        if form == "cyclic":
            angles = 2 * np.pi * numbers / n_numbers
            columns.append(np.column_stack([np.sin(angles), np.cos(angles)]))
        else:
            columns.append(numbers.astype(int)[:, None] == np.arange(n_numbers))
    return np.hstack(columns).astype(np.float64)


def _is_holiday(labels: pd.DatetimeIndex, calendar: Any) -> np.ndarray:
    """Return whether each stamp lies on a holiday of a calendar."""
    days = labels.tz_localize(None).normalize()
    if hasattr(calendar, "holidays"):
        holidays = calendar.holidays(days.min(), days.max())
        return np.asarray(days.isin(holidays))
    codes, every = pd.factorize(days)
    return np.array([day.date() in calendar for day in pd.DatetimeIndex(every)])[codes]


def put_calendar_to_come(
    base: np.ndarray, at: np.ndarray, newest: pd.Index, grid: Grid, parts: list[tuple]
) -> None:
    """Write the calendar of the places after the newest row of each stretch.

    They are read at (n_stretches, n_places) slots of the base, whose last channels are
    those of the calendar.
    """
    later = grid.after_each(newest, at.shape[1])
    channels = calendar_channels(later, parts)
    channels = channels.reshape(*at.shape[::-1], -1).swapaxes(0, 1)
    is_there = ~np.isnan(base[at]).any(axis=2)
    base[at[is_there], -channels.shape[2] :] = channels[is_there]
