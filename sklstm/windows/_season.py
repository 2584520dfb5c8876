"""Seasons of a grid: after how many rows a pattern is likely to repeat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sklstm._checks import is_integer
from sklstm.windows._array import Windows
from sklstm.windows._labels import Grid

_YEAR, _WEEK, _DAY = (pd.Timedelta(days=days) for days in (365, 7, 1))

# The rule of window="auto", measured with the prior's forecasts: at least so many
# steps, seasons, and seasons of the longer kind within so many steps; and at most this
# share of the rows of the longest series, so that most windows are complete. Windows of
# many channels have so many values at most, but two seasons, and so many steps.
_FEWEST, _SEASONS, _LONG_SEASONS, _FEW = 96, 3, 2, 336
_SHARE, _MOST_VALUES, _FEWEST_OF_MANY = 0.75, 672, 24


class SeasonalArray(np.ndarray):
    """An array of windows that carries its season along, as a view of the same data.

    The maker is a SlidingWindow that is told whether a fit on them failed.
    """

    season: Any = None
    maker: Any = None

    def __array_finalize__(self, of: Any) -> None:
        self.season = getattr(of, "season", None)
        self.maker = getattr(of, "maker", None)

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        is_windows = isinstance(part, np.ndarray) and part.ndim == self.ndim
        return part if is_windows or np.isscalar(part) else np.asarray(part)

    def __reduce__(self) -> Any:
        made, arguments, state = super().__reduce__()  # type: ignore[str-unpack]
        return made, arguments, (state, self.season)

    def __setstate__(self, state: Any) -> None:
        of_array, self.season = state
        super().__setstate__(of_array)


def with_season(windows: Any, season: tuple[int, ...], maker: Any = None) -> Any:
    """Return windows that carry a season: Windows, an array or a DataFrame.

    All but a DataFrame also carry who made them, where a fit on them may fail.
    """
    if isinstance(windows, Windows):
        return replace(windows, season=season, maker=maker)
    if isinstance(windows, np.ndarray):
        windows = windows.view(SeasonalArray)
        windows.season, windows.maker = season, maker
    elif isinstance(windows, pd.DataFrame):
        windows.attrs["season"] = season
    return windows


def seasons_of(season: Any, grid: Grid | None) -> tuple[int, ...]:
    """Return the season, as it was given or as the grid has it, and a longer one."""
    if season is None:
        return _seasons_of_grid(grid)
    given = (season,) if is_integer(season) else season
    is_right = isinstance(given, tuple | list) and 0 < len(given) <= 2
    is_right = is_right and all(is_integer(each) and each >= 1 for each in given)
    if not is_right or given[-1] % given[0] or (len(given) == 2 and given[0] < 2):
        raise ValueError(
            "The 'season' parameter of SlidingWindow must be a number of rows, or a "
            "tuple of a season and a longer one that it divides, such as (24, 168). "
            f"Got {season!r} instead."
        )
    return tuple(int(each) for each in given)


def _seasons_of_grid(grid: Grid | None) -> tuple[int, ...]:
    """Return how many rows of a grid a day, a week or a year has."""
    if grid is None or grid.kind in ("rows", "integer"):
        return (1,)
    step = grid.duration
    if grid.weekdays:
        in_a_day = int(sum(grid.times))
        in_a_week = in_a_day * int(sum(grid.weekdays))
    elif step >= _WEEK:
        return (_whole(_YEAR / step),)
    else:
        in_a_day = _whole(_DAY / step) if step < _DAY else 1
        in_a_week = 7 * in_a_day if step <= _DAY else _whole(_WEEK / step)
    return (in_a_week,) if in_a_day == 1 else (in_a_day, in_a_week)


def _whole(count: float) -> int:
    """Return a season of about so many rows, 1 where that is no whole number."""
    whole = round(count)
    return whole if whole > 1 and abs(count - whole) < 0.05 * whole else 1


def longest_useful_window(
    season: tuple[int, ...], n_rows: int, n_channels: int = 1
) -> int:
    """Return what "auto" stands for where the longest series has so many rows."""
    few = min(_LONG_SEASONS * season[-1], _FEW)
    wanted = max(_FEWEST, _SEASONS * season[0], few)
    most = max(_MOST_VALUES // n_channels, 2 * season[0], _FEWEST_OF_MANY)
    return max(1, min(wanted, most, int(_SHARE * n_rows)))
