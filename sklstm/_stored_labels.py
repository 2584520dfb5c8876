"""Labels as plain data, and back: what pandas holds, in lists, numbers and arrays.

A stored state holds no pandas object. Files then do not depend on how a version of
pandas is made inside, and reading them builds nothing but the labels that are named
here. What has no form as plain data, a user's own offset say, stays as it is: pickle
stores it, other ways of storing refuse it.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd

from sklstm._stamp import damaged

__all__ = [
    "cure_of_labels",
    "index_as_data",
    "index_from_data",
    "step_as_data",
    "step_from_data",
]

# Offsets whose short name in pandas does not say all about them.
_CUSTOM = ("CustomBusinessDay", "CustomBusinessMonthBegin", "CustomBusinessMonthEnd")
_HOURS = ("BusinessHour", "CustomBusinessHour")


def index_as_data(index: Any) -> Any:
    """Return an index as a dict of plain data; as it is where that loses something.

    Parameters
    ----------
    index : Index or None

    Returns
    -------
    dict, Index or None
    """
    if not isinstance(index, pd.Index):
        return index
    try:
        data = _data_of_index(index)
        again = None if data is None else _index_of_data(data)
    except (TypeError, ValueError, AttributeError, LookupError):
        return index
    if again is None or type(again) is not type(index) or not again.equals(index):
        return index
    is_same = again.names == index.names and again.dtype == index.dtype
    is_same &= getattr(again, "freq", None) == getattr(index, "freq", None)
    return data if is_same else index


def index_from_data(data: Any) -> Any:
    """Return the index of plain data; anything but a dict as it is.

    Raises
    ------
    StoredStateError
        If the data is not as :func:`index_as_data` returns it.
    """
    return _read(_index_of_data, data)


def step_as_data(step: Any) -> Any:
    """Return a step between labels as plain data; as it is where that loses something.

    Parameters
    ----------
    step : int, Timedelta, DateOffset or None

    Returns
    -------
    dict, int, DateOffset or None
    """
    if not isinstance(step, pd.Timedelta | pd.offsets.BaseOffset):
        return step
    try:
        data = _data_of_step(step)
        again = None if data is None else _step_of_data(data)
    except (TypeError, ValueError, AttributeError, LookupError):
        return step
    return data if type(again) is type(step) and again == step else step


def step_from_data(data: Any) -> Any:
    """Return the step of plain data; anything but a dict as it is.

    Raises
    ------
    StoredStateError
        If the data is not as :func:`step_as_data` returns it.
    """
    return _read(_step_of_data, data)


def cure_of_labels(labels: Any) -> tuple[str, str] | None:
    """Return in words what labels without a plain form are, and what helps.

    Parameters
    ----------
    labels : object
        What :func:`index_as_data` or :func:`step_as_data` left as it is.

    Returns
    -------
    tuple of two str, or None
        None where it is nothing of pandas.
    """
    if isinstance(labels, pd.DatetimeIndex) and labels.tz is not None:
        came = f"an index in the time zone {labels.tz!r}"
        return came, "give it a zone by its name, as tz_convert('Europe/Berlin') does"
    if isinstance(labels, pd.DatetimeIndex) and labels.freq is not None:
        came = f"an index with the freq {labels.freq!r}"
        return came, "take another freq, or none"
    if isinstance(labels, pd.offsets.BaseOffset):
        came = f"an index with the freq {labels!r}"
        return came, "take another freq, or none"
    if isinstance(labels, pd.MultiIndex):
        kept = [level for level in labels.levels if index_as_data(level) is level]
        return next((cure_of_labels(level) for level in kept), None)
    if isinstance(labels, pd.Index):
        kinds = sorted({type(label).__name__ for label in labels[:1000]})
        came = f"an index or groups of {' and '.join(kinds)}"
        return came, "name them by strings, integers or stamps"
    if isinstance(labels, pd.Timestamp | pd.Timedelta | pd.Period):
        return f"a name that is {labels!r}", "name columns by strings"
    return None


def _read(read: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    try:
        return read(data)
    except Exception as error:
        raise damaged("index", f"{_short(data)}, which is none ({error})") from error


def _short(data: dict) -> str:
    text = repr(data)
    return text if len(text) <= 80 else f"{text[:77]}..."


# -- indices ------------------------------------------------------------------------


def _data_of_index(index: pd.Index) -> dict[str, Any] | None:
    if isinstance(index, pd.MultiIndex):
        return {
            "kind": "multi",
            "levels": [_data_of_index(level) for level in index.levels],
            "codes": [np.asarray(codes) for codes in index.codes],
            "names": list(index.names),
        }
    own: dict[str, Any] = {"name": index.name}
    if isinstance(index, pd.RangeIndex):
        ends = [int(index.start), int(index.stop), int(index.step)]
        return {"kind": "range", "range": ends, **own}
    if isinstance(index, pd.PeriodIndex):
        return {"kind": "period", "ordinals": index.asi8, "freq": index.freqstr, **own}
    if isinstance(index, pd.DatetimeIndex):
        freq = None if index.freq is None else _data_of_step(index.freq)
        zone = None if index.tz is None else _data_of_zone(index.tz)
        return {
            "kind": "stamp",
            "numbers": index.asi8,
            "unit": index.unit,
            "zone": zone,
            "freq": freq,
            **own,
        }
    if isinstance(index, pd.TimedeltaIndex):
        freq = None if index.freq is None else _data_of_step(index.freq)
        return {
            "kind": "durations",
            "numbers": index.asi8,
            "unit": index.unit,
            "freq": freq,
            **own,
        }
    if type(index) is not pd.Index:
        return None
    values: Any = index.to_numpy()
    if values.dtype.kind not in "iufb":
        values = index.tolist()
        if not all(isinstance(value, str | int | float) for value in values):
            return None
    return {"kind": "values", "values": values, "dtype": str(index.dtype), **own}


def _index_of_data(data: dict[str, Any]) -> pd.Index:
    kind, name = data["kind"], data.get("name")
    if kind == "multi":
        levels = [_index_of_data(level) for level in data["levels"]]
        return pd.MultiIndex(levels=levels, codes=data["codes"], names=data["names"])
    if kind == "range":
        start, stop, step = data["range"]
        return pd.RangeIndex(start, stop, step, name=name)
    if kind == "period":
        ordinals = _integers(data["ordinals"])
        return pd.PeriodIndex.from_ordinals(ordinals, freq=data["freq"], name=name)
    if kind == "stamp":
        stamps = _integers(data["numbers"]).view(f"datetime64[{data['unit']}]")
        index = pd.DatetimeIndex(stamps, name=name)
        if data["zone"] is not None:
            index = index.tz_localize("UTC").tz_convert(_zone(data["zone"]))
        freq = data["freq"]
        if freq is not None:
            index = pd.DatetimeIndex(index, freq=_step_of_data(freq), name=name)
        return index
    if kind == "durations":
        numbers = _integers(data["numbers"]).view(f"timedelta64[{data['unit']}]")
        freq = None if data["freq"] is None else _step_of_data(data["freq"])
        return pd.TimedeltaIndex(numbers, freq=freq, name=name)
    if kind == "values":
        return pd.Index(
            data["values"], dtype=data["dtype"], name=name, tupleize_cols=False
        )
    raise ValueError(f"no kind {kind!r} of index")


def _integers(numbers: Any) -> np.ndarray:
    numbers = np.asarray(numbers)
    if numbers.dtype != np.int64 or numbers.ndim != 1:
        raise ValueError(
            f"{numbers.dtype} of shape {numbers.shape} where int64 must be"
        )
    return numbers


def _data_of_zone(zone: datetime.tzinfo) -> str | dict[str, Any]:
    """Return the name of a time zone, with its offset where the name hides it."""
    if type(zone) is datetime.timezone:
        offset = zone.utcoffset(None)
        if str(zone) != str(datetime.timezone(offset)):
            return {"name": str(zone), "seconds": offset.total_seconds()}
    return str(zone)


def _zone(data: str | dict[str, Any]) -> str | datetime.tzinfo:
    """Return a time zone, once it is none that names a file."""
    if isinstance(data, dict):
        offset = datetime.timedelta(seconds=data["seconds"])
        return datetime.timezone(offset, data["name"])
    if "dateutil" in data or "(" in data:
        raise ValueError(f"{data!r} is no name of a time zone")
    return data


# -- steps --------------------------------------------------------------------------


def _data_of_step(step: Any) -> dict[str, Any] | None:
    if isinstance(step, pd.Timedelta):
        return {
            "kind": "duration",
            "number": int(step.asm8.view("i8")),
            "unit": step.unit,
        }
    name = type(step).__name__
    if name in _CUSTOM:
        return {
            "kind": "custom",
            "name": name,
            "n": step.n,
            "is_normalized": bool(step.normalize),
            **_data_of_days(step),
            "seconds": step.offset.total_seconds(),
        }
    if name in _HOURS:
        words = step.kwds
        hours: dict[str, Any] = {
            "kind": "hours",
            "name": name,
            "n": step.n,
            "is_normalized": bool(step.normalize),
            "start": [f"{time:%H:%M}" for time in words["start"]],
            "end": [f"{time:%H:%M}" for time in words["end"]],
            "seconds": words["offset"].total_seconds(),
        }
        if name == "CustomBusinessHour":
            hours |= _data_of_days(step)
        return hours
    if type(step) is pd.offsets.Easter:
        return {"kind": "easter", "n": step.n, "is_normalized": bool(step.normalize)}
    if type(step) is pd.DateOffset:
        # Months, days, … are numbers, or they have no form as plain data.
        words = {key: int(number) for key, number in step.kwds.items()}
        return {
            "kind": "offset",
            "n": step.n,
            "is_normalized": bool(step.normalize),
            "words": words,
        }
    return {"kind": "name", "name": step.freqstr}


def _data_of_days(step: Any) -> dict[str, Any]:
    """Return the days on which a custom offset works."""
    holidays = np.array(step.kwds.get("holidays", ()), dtype="datetime64[D]")
    days = [str(day) for day in holidays]
    return {"weekmask": step.kwds["weekmask"], "holidays": days}


def _step_of_data(data: dict[str, Any]) -> Any:
    kind = data["kind"]
    if kind == "duration":
        return pd.Timedelta(np.timedelta64(data["number"], data["unit"]))
    if kind == "custom":
        return _offset_of_data(data, _CUSTOM, "weekmask", "holidays")
    if kind == "hours":
        is_custom = data["name"] == "CustomBusinessHour"
        days = ("weekmask", "holidays") if is_custom else ()
        return _offset_of_data(data, _HOURS, "start", "end", *days)
    if kind == "easter":
        return pd.offsets.Easter(data["n"], data["is_normalized"])
    if kind == "offset":
        return pd.DateOffset(data["n"], data["is_normalized"], **data["words"])
    if kind == "name":
        return pd.tseries.frequencies.to_offset(data["name"])
    raise ValueError(f"no kind {kind!r} of step")


def _offset_of_data(data: dict[str, Any], legal: Any, *words: str) -> Any:
    """Return an offset of one of the legal names, with some words of its data."""
    if data["name"] not in legal:
        raise ValueError(f"no offset {data['name']!r}")
    return getattr(pd.offsets, data["name"])(
        data["n"],
        data["is_normalized"],
        offset=datetime.timedelta(seconds=data["seconds"]),
        **{word: data[word] for word in words},
    )
