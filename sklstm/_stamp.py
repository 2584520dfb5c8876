"""The stamp of a stored state: by what version it was written, and in what format.

The format is a number of its own, because versions come far more often than a state
changes its form. It is raised whenever an attribute of a fitted estimator, or a class
that is stored in one, gets another name, place or meaning.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = [
    "FORMAT",
    "StoredStateError",
    "check_format",
    "damaged",
    "package_version",
    "stamped",
    "told_once",
    "unstamped",
]

FORMAT = 3

_FORMAT_NAME = "_sklstm_format"
_VERSION_NAME = "_sklstm_version"

# Which newer versions were told of; None where each is told of every time.
_told: ContextVar[set[str] | None] = ContextVar("told", default=None)


class StoredStateError(ValueError):
    """What was stored is of another format, or not whole."""


def package_version() -> str:
    """Return the version of this package, which its door has."""
    return sys.modules[__name__.partition(".")[0]].__version__


def stamped(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state with the version and the format that write it."""
    return {**state, _FORMAT_NAME: FORMAT, _VERSION_NAME: package_version()}


@contextmanager
def told_once() -> Iterator[None]:
    """Warn of each newer version once, whatever of it is read inside."""
    token = _told.set(set())
    try:
        yield
    finally:
        _told.reset(token)


def unstamped(state: Any, *, owner: str) -> dict[str, Any]:
    """Return a stored state without its stamp, once it is of this format.

    Parameters
    ----------
    state : dict
        As :func:`stamped` returns it.
    owner : str
        The class whose state it is.

    Raises
    ------
    StoredStateError
        If it has another format, or no stamp.

    Warns
    -----
    UserWarning
        If a newer version wrote it, in the same format.
    """
    if not isinstance(state, dict):
        raise damaged(owner, f"a state that is a {type(state).__name__}")
    state = dict(state)
    form = state.pop(_FORMAT_NAME, None)
    version = state.pop(_VERSION_NAME, None)
    check_format(form, version, owner=owner)
    return state


def check_format(form: Any, version: Any, *, owner: str) -> None:
    """Raise unless a format is that of this version; warn where a newer one wrote it.

    Parameters
    ----------
    form, version : object
        What the stamp says; None where there is none.
    owner : str
        What was stored.

    Raises
    ------
    StoredStateError
        If the format is another.

    Warns
    -----
    UserWarning
        If a newer version wrote it.
    """
    own = package_version()
    if form != FORMAT:
        came = f"format {form!r} of sklstm {version}" if form else "one without a stamp"
        raise StoredStateError(
            f"A stored {owner} must be of format {FORMAT}, which sklstm {own} writes "
            f"and reads. Got {came}; load it with the version that stored it, or fit "
            "and store it anew."
        )
    if _numbers(version) > _numbers(own):
        told = _told.get()
        if told is not None:
            if version in told:
                return
            told.add(version)
        warnings.warn(
            f"A stored {owner} comes from sklstm {version}, and this is the older "
            f"{own}, in which what it predicts may differ slightly; install "
            f"sklstm>={version}.",
            UserWarning,
            stacklevel=4,
        )


def damaged(owner: str, came: str) -> StoredStateError:
    """Return the error of a state that is not whole, with what came in words."""
    return StoredStateError(
        f"A stored {owner} must be whole and as it was stored. Got {came}; take "
        "another copy of it, or fit and store it anew."
    )


def _numbers(version: Any) -> list[int]:
    """Return the numbers of a version, to be compared."""
    return [int(number) for number in re.findall(r"\d+", str(version))[:3]]
