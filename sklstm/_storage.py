"""save and load: a fitted pipeline in a file that may come from anybody.

The file is one of skops, which names every type that it holds before it builds any, and
unpickles nothing. In front of it stands one line of text: who wrote it, how long the
rest is and its SHA-256, so that a file that was cut off or altered by accident is told
from one that is whole. ``skops.io`` reads the file too, with the same types to trust.

Only types that do nothing when they are made are trusted on top of skops's, each by its
name. Trusting all that is in the package would not do: skops calls what it trusts, and
there are functions here. Nor are the trees of scikit-learn trusted, nor its support
vector machines with kernels: their compiled code follows whatever numbers they hold.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from sklstm._files import check_path, check_place, write_whole
from sklstm._stamp import (
    FORMAT,
    StoredStateError,
    check_format,
    package_version,
    told_once,
)
from sklstm._stored_labels import cure_of_labels
from sklstm.network._highway import Highway
from sklstm.network._keras import KerasRecipe
from sklstm.network._keras_regressor import KerasRegressor
from sklstm.network._lstm import LSTMRecipe
from sklstm.network._measure import Measure
from sklstm.network._member import Member
from sklstm.network._network import NetworkSpec
from sklstm.network._progress import without_callbacks
from sklstm.network._regressor import LSTMRegressor
from sklstm.network._scaling import Scaling
from sklstm.windows._sliding_window import SlidingWindow
from sklstm.windows._labels import Grid

__all__ = ["TRUSTED", "load", "save"]

# Types that skops trusts, whose compiled code reads memory where their numbers say.
_FOLLOWING = frozenset(
    f"sklearn.svm._classes.{name}"
    for name in ("NuSVC", "NuSVR", "OneClassSVM", "SVC", "SVR")
)

# The types that a file may hold beside those that skops trusts: our own, ...
_OWN = (
    Highway,
    KerasRecipe,
    KerasRegressor,
    LSTMRecipe,
    LSTMRegressor,
    Measure,
    Member,
    NetworkSpec,
    Scaling,
    SlidingWindow,
    Grid,
)
# ... and others that hold names, numbers and arrays, and run nothing when made.
TRUSTED = (
    *(f"{own.__module__}.{own.__qualname__}" for own in _OWN),
    "numpy.dtype",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    f"{Bunch.__module__}.{Bunch.__qualname__}",
)

_BEGIN = b"sklstm estimator, format "
_HEADER = re.compile(
    rb"sklstm estimator, format (?P<format>\d{1,9}), version (?P<version>[\w.+]{1,40}),"
    rb" (?P<length>\d{1,15}) bytes, sha256 (?P<digest>[0-9a-f]{64})\n"
)

# What other files begin with.
_KINDS = {
    b"PK\x03\x04": "a zip archive, as skops, Keras and NumPy write them",
    b"\x80": "a pickle, which load never opens",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "an array of NumPy",
}


def save(estimator: Any, path: str | os.PathLike[str]) -> Path:
    """Store a fitted estimator in a file that is safe to load.

    Parameters
    ----------
    estimator : estimator
        A pipeline, or a single estimator, of scikit-learn's and of this package;
        fitted or not. Of a search take ``best_estimator_``. Callbacks are left out.
    path : str or path-like
        Where to; a file that is there is replaced. An interruption leaves it as it was.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ImportError
        If skops is not installed (``pip install 'sklstm[storage]'``).
    TypeError
        If ``path`` is neither a str nor path-like.
    OSError
        If the folder of ``path`` is not there, or something else than a regular file
        is in its place.
    ValueError
        If the estimator holds what :func:`load` would not trust, such as functions
        and classes of your own, or a Keras object; it names the first and its place.

    See Also
    --------
    load : Reads it.

    Notes
    -----
    Of scikit-learn's regressors it takes linear models, ``MLPRegressor``, and what
    combines them: bagging, voting, stacking, chains, one for each output, a transformed
    target. It refuses trees, nearest neighbours, Gaussian processes and support vector
    machines with kernels, since nothing checks what is inside them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMRegressor, SlidingWindow, load, save
    >>> even = pd.DataFrame({"even": range(0, 202, 2)}, dtype=float)
    >>> pipe = make_pipeline(SlidingWindow(window=3), LSTMRegressor(epochs=1))
    >>> _ = pipe.fit(even[:-1], even["even"][:-1])
    >>> with TemporaryDirectory() as folder:
    ...     again = load(save(pipe, Path(folder) / "even.sklstm"))
    >>> again.predict(even[-1:])
    array([200.])
    """
    skops = _skops("save")
    path = check_path(path)
    check_place(path)
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(
            "save needs an estimator of scikit-learn's kind. Got "
            f"{type(estimator).__name__}; pass the pipeline itself."
        )
    stored = without_callbacks(estimator)
    try:
        archive = skops.dumps(stored, compression=zipfile.ZIP_DEFLATED)
        untrusted = _untrusted(archive, skops)
    except Exception as error:
        raise _refused(stored, skops, _line(error)) from error
    if untrusted:
        raise _refused(stored, skops, f"{untrusted} in it")
    return write_whole(path, _header(archive) + archive)


def load(path: str | os.PathLike[str]) -> Any:
    """Return the estimator of a file that :func:`save` wrote.

    Nothing in the file is run: it holds arrays, numbers, strings and the names of
    types, of which only those of scikit-learn, NumPy and this package are taken. It
    can so come from anybody, and still be wrong, or large enough to fill the memory.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator
        As it was saved; it predicts the same.

    Raises
    ------
    ImportError
        If skops is not installed (``pip install 'sklstm[storage]'``).
    OSError
        If there is no such file.
    ValueError
        If it is no file of :func:`save`, was cut off or altered, is of another format,
        or holds types that are not trusted.

    Warns
    -----
    UserWarning
        If a newer version of this package wrote it.
    InconsistentVersionWarning
        If another version of scikit-learn did.

    See Also
    --------
    save : Writes it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklstm import LSTMRegressor, load, save
    >>> with TemporaryDirectory() as folder:
    ...     path = save(LSTMRegressor(units=8), Path(folder) / "unfitted.sklstm")
    ...     load(path)
    LSTMRegressor(units=8)
    """
    skops = _skops("load")
    path = check_path(path)
    with told_once():
        archive = _archive_of(path)
        estimator = _estimator_of(archive, path, skops)
    if not isinstance(estimator, BaseEstimator):
        raise StoredStateError(
            f"load needs a file that holds an estimator. Got {_name(path)} with a "
            f"{type(estimator).__name__} in it; write it with sklstm.save."
        )
    return estimator


def _estimator_of(archive: bytes, path: Path, skops: Any) -> Any:
    """Return what is in an archive."""
    try:
        followers = sorted(_types_in(archive) & _FOLLOWING)
        if followers:
            raise TypeError(f"{followers} in it are not checked")
        return skops.loads(archive, trusted=TRUSTED)
    except StoredStateError:
        raise
    except Exception as error:
        raise StoredStateError(
            "load needs a file that holds nothing but an estimator of scikit-learn's, "
            f"NumPy's and sklstm's types. Got {_name(path)}, which does not "
            f"({_line(error)}); do not trust it, or store the estimator anew."
        ) from error


def _untrusted(archive: bytes, skops: Any) -> list[str]:
    """Return the types in an archive that load does not build."""
    named = set(skops.get_untrusted_types(data=archive)) - set(TRUSTED)
    return sorted(named | (_types_in(archive) & _FOLLOWING))


def _types_in(archive: bytes) -> set[str]:
    """Return the names of all types in an archive of skops."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        left = [json.loads(file.read("schema.json"))]
    found = set()
    while left:
        part = left.pop()
        if isinstance(part, dict):
            found.add(f"{part.get('__module__')}.{part.get('__class__')}")
            left += part.values()
        elif isinstance(part, list):
            left += part
    return found


def _skops(owner: str) -> Any:
    """Return skops's functions, imported now."""
    try:
        return import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            f"{owner} needs the package skops. Got none; pip install 'sklstm[storage]'."
        ) from error


def _name(path: str | os.PathLike) -> str:
    return repr(Path(path).name)


def _line(error: Exception) -> str:
    """Return what an error says in its first line, behind its kind."""
    said = str(error).partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


# -- what is in the way -------------------------------------------------------------

_OWN_WAY = "for files of your own use pickle, or skops.io with trusted="


def _refused(estimator: Any, skops: Any, came: str) -> ValueError:
    """Return the error of an estimator that cannot be stored, with the first reason.

    Parameters
    ----------
    estimator : estimator
        What was to be stored.
    skops : module
        Which does not store it, or does not trust it.
    came : str
        What it said, for where no part is found that it refuses by itself.
    """
    advice = _OWN_WAY
    if hasattr(estimator, "best_estimator_"):
        advice = f"save its best_estimator_, or {_OWN_WAY}"
    found = _culprit(estimator, skops)
    if found is not None:
        place, part, untrusted = found
        where = f" at {place}" if place else ""
        cure = cure_of_labels(part)
        if cure is not None:
            came, advice = f"{cure[0]}{where}", cure[1]
        elif untrusted:
            came = f"{untrusted}{where}"
        else:
            came = f"a {type(part).__name__}{where}, which skops cannot store ({came})"
    return ValueError(
        "save needs an estimator whose parts load trusts: those of scikit-learn's and "
        f"sklstm's own, numbers, strings and arrays. Got {came}; {advice}."
    )


def _culprit(
    part: Any, skops: Any, place: str = "", seen: tuple[int, ...] = ()
) -> tuple[str, Any, list[str]] | None:
    """Return the first and smallest part that cannot be stored, and where it is.

    Returns
    -------
    place : str
        As it is reached from the estimator, such as ``steps[0][1].func``.
    part : object
        What is there.
    untrusted : list of str
        Its types that are not trusted; empty where it cannot be stored at all.
    """
    if id(part) in seen:
        return None
    untrusted: list[str] = []
    try:
        untrusted = _untrusted(skops.dumps(part), skops)
        if not untrusted:
            return None
    except Exception:  # whatever it is, it is looked for in the parts
        untrusted = []
    for name, each in _parts(part):
        found = _culprit(each, skops, f"{place}{name}".lstrip("."), (*seen, id(part)))
        if found is not None:
            return found
    return place, part, untrusted


def _parts(value: Any) -> list[tuple[str, Any]]:
    """Return what a value is made of, each with how it is reached."""
    if isinstance(value, (BaseEstimator, *_OWN)):
        state: Any = value.__getstate__() or {}
        return [(f".{name}", each) for name, each in state.items()]
    if isinstance(value, dict):
        return [(f"[{key!r}]", each) for key, each in value.items()]
    is_objects = isinstance(value, np.ndarray) and value.dtype == object
    if isinstance(value, list | tuple) or (is_objects and value.ndim == 1):
        return [(f"[{i}]", each) for i, each in enumerate(value)]
    return []


# -- the line in front --------------------------------------------------------------


def _header(archive: bytes) -> bytes:
    """Return the line that stands in front of an archive."""
    begin = _BEGIN + (
        f"{FORMAT}, version {package_version()}, {len(archive)} bytes, sha256 "
    ).encode("ascii")
    return begin + _digest(begin, archive) + b"\n"


def _digest(begin: bytes, archive: bytes) -> bytes:
    """Return the SHA-256 of all of a file but itself, as text."""
    return hashlib.sha256(begin + archive).hexdigest().encode("ascii")


def _archive_of(path: Path) -> bytes:
    """Return the archive in a file, once the file is known to be whole.

    Raises
    ------
    StoredStateError
        If the file is foreign, of another format, cut off or altered.
    """
    content = path.read_bytes()
    if not content.startswith(_BEGIN):
        raise StoredStateError(
            f"load needs a file that sklstm.save wrote. Got {_name(path)}, "
            f"{_kind_of(content)}; load it with what wrote it, if you trust it."
        )
    header = _HEADER.match(content)
    if header is None:
        came = "whose first line is cut off or altered"
        raise _broken(path, came)
    form, version = int(header["format"]), header["version"].decode("ascii")
    check_format(form, version, owner="estimator")
    archive = content[header.end() :]
    length = int(header["length"])
    if len(archive) < length:
        raise _broken(path, f"which is cut off after {len(archive)} of {length} bytes")
    begin = content[: header.start("digest")]
    if _digest(begin, archive) != header["digest"]:
        raise _broken(path, "which was altered after it was written")
    return archive


def _broken(path: Path, came: str) -> StoredStateError:
    """Return the error of a file that is not as it was written."""
    return StoredStateError(
        f"load needs a file as sklstm.save wrote it. Got {_name(path)}, {came}; take "
        "another copy of it, or store the estimator anew."
    )


def _kind_of(content: bytes) -> str:
    """Return in words what a foreign file is."""
    if not content:
        return "which is empty"
    for begin, kind in _KINDS.items():
        if content.startswith(begin):
            return f"which is {kind}"
    return f"which begins with {content[:12]!r}"
