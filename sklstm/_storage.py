"""save and load: a fitted pipeline in a file that may come from anybody.

The file is a skops archive: a zip of arrays and of one JSON tree, from which nothing is
unpickled. What it may hold is listed here by name, and nothing else is built: skops
itself trusts types whose compiled code reads out of bounds when their numbers lie.
Labels of pandas travel as plain numbers and names.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from sklstm._checks import is_integer
from sklstm._files import check_regular, checked_path, write_file
from sklstm._imports import imported
from sklstm.network._highway import Highway
from sklstm.network._kernels import LSTMRecipe
from sklstm.network._lstm import ACTIVATIONS, NetworkSpec, weight_shapes
from sklstm.network._prior_reader import PriorReader
from sklstm.network._regressor import LSTMRegressor
from sklstm.network._scaling import Scaling
from sklstm.network._training import Member
from sklstm.windows._context import Context
from sklstm.windows._labels import Grid
from sklstm.windows._sliding_window import SlidingWindow
from sklstm.windows._split import PanelTimeSeriesSplit

# Raised whenever a stored class or attribute gets another name, place or meaning.
FORMAT = 6

# What a file may hold: our own types, ...
_OWN = (
    Context,
    Highway,
    LSTMRecipe,
    LSTMRegressor,
    Member,
    NetworkSpec,
    PanelTimeSeriesSplit,
    PriorReader,
    Scaling,
    SlidingWindow,
    Grid,
)
# ... and those of scikit-learn that predict in NumPy, from the shapes they hold.
_OF_SKLEARN = {
    "compose": "ColumnTransformer TransformedTargetRegressor",
    "ensemble": "BaggingRegressor StackingRegressor VotingRegressor",
    "impute": "MissingIndicator SimpleImputer",
    "linear_model": "ARDRegression BayesianRidge ElasticNet ElasticNetCV "
    "HuberRegressor Lars LarsCV Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC "
    "LinearRegression MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso "
    "MultiTaskLassoCV OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV "
    "QuantileRegressor RANSACRegressor Ridge RidgeCV SGDRegressor TheilSenRegressor",
    "model_selection": "KFold TimeSeriesSplit",
    "multioutput": "MultiOutputRegressor RegressorChain",
    "neural_network": "MLPRegressor",
    "neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "pipeline": "FeatureUnion Pipeline",
    "preprocessing": "Binarizer FunctionTransformer KBinsDiscretizer MaxAbsScaler "
    "MinMaxScaler Normalizer OneHotEncoder OrdinalEncoder PolynomialFeatures "
    "PowerTransformer QuantileTransformer RobustScaler SplineTransformer "
    "StandardScaler TargetEncoder",
    "svm": "LinearSVR",
    "utils": "Bunch",
}

# Bounds on what a file unpacks to: bytes (or a multiple of the file), parts, depth.
_MOST_BYTES = 64 << 20
_MOST_TIMES_FILE = 20
_MOST_PARTS = 300_000
_MOST_DEPTH = 120
_MOST_VALUES = 10_000_000  # in the window on which a regressor is tried

_PLAIN = "__plain__"  # the key that tells the plain form of labels from other dicts
_SCALARS = (bool, int, float, str, type(None))
_NUMBERS = "biufcSUmM"  # kinds of arrays that hold no objects


def save(estimator: Any, path: str | os.PathLike[str]) -> Path:
    """Store a fitted estimator in a file that is safe to load.

    Parameters
    ----------
    estimator : estimator
        A pipeline, or a single estimator, of scikit-learn's and of this package,
        fitted or not. Of a search take ``best_estimator_``.
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
    ValueError
        If the estimator holds what :func:`load` does not take: functions, callbacks,
        ``memory=``, classes of your own, rare offsets; it names the first and where.

    Notes
    -----
    It takes pipelines, column transformers, unions, scalers, encoders, imputers,
    polynomials, splines, linear models, ``LinearSVR``, ``MLPRegressor`` and what
    combines them: bagging, voting, stacking, chains, a transformed target. It takes no
    trees, neighbours or kernel machines, whose compiled code follows whatever numbers a
    file holds, and no :class:`KerasRegressor`, which holds a function.

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
    if not isinstance(estimator, BaseEstimator):
        raise ValueError(
            "save needs an estimator of scikit-learn's kind. Got "
            f"{type(estimator).__name__}; pass the pipeline itself."
        )
    try:
        stored = {"sklstm": FORMAT, "estimator": _stored(estimator, "")}
        archive = skops.dumps(stored, compression=zipfile.ZIP_DEFLATED)
        _check_archive(archive)
    except (_UnknownPart, RecursionError) as error:
        advice = "for files of your own use pickle"
        if hasattr(estimator, "best_estimator_"):
            advice = "save its best_estimator_"
        raise ValueError(
            "save needs an estimator made of types that load accepts. "
            f"Got {_short(str(error), 200)}; {advice}."
        ) from error
    return write_file(path, archive)


def load(path: str | os.PathLike[str]) -> Any:
    """Return the estimator of a file that :func:`save` wrote.

    Nothing in the file is run: of the types that it names, only those that :func:`save`
    lists are built. It may come from anybody, and still hold a model that predicts
    badly.

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
    ValueError
        If it is no file of :func:`save`, damaged, of another format, unpacks to far
        more than its size, or holds what is not listed or not valid.

    Warns
    -----
    InconsistentVersionWarning
        If another version of scikit-learn wrote it.

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
    check_regular(checked_path(path))
    archive = Path(path).read_bytes()
    try:
        _check_archive(archive)
        stored = skops.loads(archive, trusted=[*_allowed(), "numpy.dtype"])
        estimator = _checked(stored["estimator"])
        if not isinstance(estimator, BaseEstimator):
            raise _UnknownPart(f"a {type(estimator).__name__} in place of an estimator")
    except Exception as error:
        # Whatever a damaged file makes skops, NumPy or pandas say is damage.
        what = str(error) if isinstance(error, _UnknownPart) else repr(error)
        name = _short(Path(path).name, 60)
        raise ValueError(
            f"load needs a file that sklstm.save wrote. Got {name!r}: "
            f"{_short(what, 140)}; take another copy, or fit and save anew."
        ) from error
    return estimator


class _UnknownPart(ValueError):
    """What does not belong into a file, in words of our own."""


def _short(text: str, most: int) -> str:
    """Return a text of a file as one printable line of some length at most."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= most else f"{line[: most - 3]}..."


def _skops(owner: str) -> Any:
    """Return skops's functions, imported now."""
    try:
        return imported("skops.io")
    except ImportError as error:
        raise ImportError(
            f"{owner} needs the package skops. Got none; pip install 'sklstm[storage]'."
        ) from error


@cache
def _allowed() -> dict[str, type]:
    """Return the types that a file may hold, by the names that skops gives them."""
    types = list(_OWN)
    for module, names in _OF_SKLEARN.items():
        room = import_module(f"sklearn.{module}")
        types += [getattr(room, name) for name in names.split() if hasattr(room, name)]
    return {f"{each.__module__}.{each.__qualname__}": each for each in types}


# -- into the file ------------------------------------------------------------------


def _stored(value: Any, place: str) -> Any:
    """Return a value as the file holds it: a copy, with labels in plain form."""
    kind = type(value)
    is_known = kind in _allowed().values()
    where = place.lstrip(".") or "the top"
    if len(re.findall(r"[.[]", place)) > _MOST_DEPTH // 3:
        raise _UnknownPart("parts in parts, too deep")
    if kind in _SCALARS or isinstance(value, np.dtype | slice | np.random.RandomState):
        return value
    if isinstance(value, np.generic) or kind is np.ndarray:
        if value.dtype.kind in _NUMBERS:
            return value
        if kind is np.ndarray and value.dtype == object:
            array = np.empty(value.shape, dtype=object)
            for at, part in np.ndenumerate(value):
                array[at] = _stored(part, f"{place}{[*at]}")
            return array
    if kind in (list, tuple):
        each = enumerate(value)
        return kind([_stored(part, f"{place}[{at}]") for at, part in each])
    if kind is dict or (is_known and isinstance(value, dict)):
        if all(type(key) in (str, int, float) for key in value):
            copy = kind()
            for key, part in value.items():
                copy[key] = _stored(part, f"{place}[{key!r}]")
            return copy
        raise _UnknownPart(f"a dict whose keys are no strings at {where}")
    if kind is type and issubclass(value, np.generic | bool | int | float | str):
        return value
    if is_known:
        copy = object.__new__(kind)
        state = (value.__getstate__() or {}).items()
        vars(copy).update({n: _stored(part, f"{place}.{n}") for n, part in state})
        _check_part(value)
        return copy
    plain = _plain(value)
    if plain is not None:
        return plain
    named = value if hasattr(value, "__qualname__") else kind
    words = f"{named.__module__}.{named.__qualname__}"
    if isinstance(value, pd.Index | pd.offsets.BaseOffset):
        words = f"{value!r}, labels of a rare kind,"
    raise _UnknownPart(f"{_short(words, 120)} at {where}")


def _plain(value: Any) -> dict[str, Any] | None:
    """Return labels or splines as numbers and names, None where something is lost."""
    try:
        kind, *parts = _parts_of(value)
        plain = {_PLAIN: kind, "parts": parts}
        again: Any = _from_plain(plain)
    except (TypeError, ValueError, AttributeError, LookupError):
        return None
    if type(again) is not type(value):
        return None
    if not isinstance(value, pd.Index):
        return plain if kind == "spline" or again == value else None
    is_same = again.equals(value) and all(
        getattr(again, name, None) == getattr(value, name, None)
        for name in ("names", "dtype", "freq")
    )
    return plain if is_same else None


def _parts_of(value: Any) -> list[Any]:
    """Return a key of ``_BUILDERS`` and its arguments; nothing for other values."""
    if type(value).__name__ == "BSpline":
        return ["spline", value.t, value.c, value.k, value.extrapolate]
    if isinstance(value, pd.Timedelta):
        return ["duration", value._value, value.unit]
    if type(value) is pd.DateOffset:
        words = {name: int(number) for name, number in value.kwds.items()}
        return ["months", value.n, words]
    if isinstance(value, pd.offsets.BaseOffset):
        return ["offset", value.freqstr]
    if isinstance(value, pd.MultiIndex):
        codes = [np.asarray(codes) for codes in value.codes]
        return ["multi", [_plain(e) for e in value.levels], codes, list(value.names)]
    if not isinstance(value, pd.Index) or not isinstance(value.name, _SCALARS):
        return []
    if isinstance(value, pd.RangeIndex):
        return ["range", value.name, value.start, value.stop, value.step]
    if isinstance(value, pd.PeriodIndex):
        return ["periods", value.name, np.asarray(value.asi8), value.freqstr]
    if isinstance(value, pd.DatetimeIndex | pd.TimedeltaIndex):
        kind = "stamps" if value.dtype.kind == "M" else "durations"
        freq = None if value.freq is None else _plain(value.freq)
        own = [kind, value.name, np.asarray(value.asi8), value.unit, freq]
        zone = getattr(value, "tz", None)
        return own if zone is None else [*own, str(zone)]
    values = value.to_numpy()
    if values.dtype.kind not in _NUMBERS:
        values = value.tolist()
        if not all(isinstance(each, str | int | float) for each in values):
            return []
        array = np.array(values)
        if array.nbytes < 200 * len(values) and array.tolist() == values:
            values = array  # one part instead of many
    return ["values", value.name, values, str(value.dtype)]


def _from_plain(data: dict[str, Any]) -> Any:
    """Return the labels or the spline of numbers and names."""
    return _BUILDERS[data[_PLAIN]](*_checked(data["parts"]))


def _stamps(name: Any, numbers: Any, unit: str, freq: Any, zone: str = "") -> Any:
    """Return time stamps, in a zone where it is given."""
    index = pd.DatetimeIndex(
        numbers.astype("i8", casting="safe").view(f"M8[{unit}]"), name=name
    )
    if zone:
        # "dateutil/..." and absolute paths would have a file read.
        if not re.fullmatch(r"[A-Za-z][\w+:-]*(/[\w+-]+)*", zone) or "dateutil" in zone:
            raise _UnknownPart(f"a time zone {zone!r}")
        index = index.tz_localize("UTC").tz_convert(zone)
    return index if freq is None else pd.DatetimeIndex(index, freq=freq)


def _values(name: Any, values: Any, dtype: str) -> Any:
    """Return labels of a dtype that names no time zone."""
    if not re.fullmatch(r"\w+(\[\w+\])?", dtype):
        raise _UnknownPart(f"labels of the dtype {dtype!r}")
    return pd.Index(values, dtype=dtype, name=name, tupleize_cols=False)


_BUILDERS: dict[str, Any] = {
    "duration": lambda number, unit: pd.Timedelta(np.timedelta64(number, unit)),
    "durations": lambda name, numbers, unit, freq: pd.TimedeltaIndex(
        numbers.astype("i8", casting="safe").view(f"m8[{unit}]"), freq=freq, name=name
    ),
    "months": lambda n, words: pd.DateOffset(n, **words),
    "multi": lambda levels, codes, names: pd.MultiIndex(levels, codes, names=names),
    "offset": lambda name: pd.tseries.frequencies.to_offset(name),
    "periods": lambda name, numbers, freq: pd.PeriodIndex.from_ordinals(
        numbers, freq=freq, name=name
    ),
    "range": lambda name, *ends: pd.RangeIndex(*ends, name=name),
    "spline": lambda *parts: import_module("scipy.interpolate").BSpline(*parts),
    "stamps": _stamps,
    "values": _values,
}


# -- out of the file ----------------------------------------------------------------

# What each loader of skops may build, beside the types that are listed above.
_LOADERS = {
    "DTypeNode": "numpy.dtype",
    "DictNode": "builtins.dict",
    "JsonNode": "builtins.str",
    "ListNode": "builtins.list",
    "RandomStateNode": "numpy.random.mtrand.RandomState",
    "SliceNode": "builtins.slice",
    "TupleNode": "builtins.tuple",
}
_ARRAYS = {f"numpy.{each.__name__}" for each in [*np.sctypeDict.values()]}
_ARRAYS |= {"numpy.ndarray"}
_TYPES = _ARRAYS | {"builtins.bool", "builtins.float", "builtins.int", "builtins.str"}


def _check_archive(archive: bytes) -> None:
    """Raise unless a file's directory, tree and headers of arrays are as allowed."""
    if not archive.startswith(b"PK"):
        raise _UnknownPart(f"no such file, it begins with {archive[:12]!r}")
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        sizes = {each.filename: each.file_size for each in file.infolist()}
        left = most = max(_MOST_BYTES, _MOST_TIMES_FILE * len(archive))
        if sum(sizes.values()) > most or len(file.infolist()) > len(sizes):
            raise _UnknownPart(f"it unpacks to more than {most} bytes")
        if "schema.json" not in sizes:
            raise _UnknownPart("a zip archive of something else")
        tree = json.loads(file.read("schema.json"))
        content = tree["content"]
        if {*content} != {"sklstm", "estimator"}:
            raise _UnknownPart("an archive that something else wrote")
        if content["sklstm"]["content"] != str(FORMAT):
            raise _UnknownPart(f"it is of another format than {FORMAT}")
        seen: dict[Any, bool] = {}
        for number, (node, parts, depth) in enumerate(_nodes(tree)):
            if number > _MOST_PARTS or depth > _MOST_DEPTH:
                raise _UnknownPart(f"it holds over {_MOST_PARTS} parts, or too deep")
            _check_node(node)
            # skops reads a number that comes again as the same part. Strings may, but
            # no part that has parts, or a file could hold itself a million times.
            has_parts = len(parts) > 0 and node["__loader__"] != "DTypeNode"
            name = node.get("__id__")
            if name in seen and (has_parts or seen[name]):
                raise _UnknownPart("a part that stands in two places")
            seen[name] = has_parts
            if "file" in node:
                left -= sizes[node["file"]]
                if left < 0:
                    raise _UnknownPart(f"arrays of more than {most} bytes")
                with file.open(node["file"]) as array:
                    _check_header(array, sizes[node["file"]])


def _nodes(tree: Any) -> Iterator[tuple[dict[str, Any], list[Any], int]]:
    """Yield each node of a tree, with those right below it and how deep it is."""
    left = [(tree, 1)]
    while left:
        node, depth = left.pop()
        content = node.get("content")
        parts = [node[name] for name in ("key_types", "shape") if name in node]
        if node["__loader__"] == "DictNode":
            parts += content.values()
        elif isinstance(content, list):
            parts += content
        elif isinstance(content, dict) and "__loader__" in content:
            parts.append(content)
        yield node, parts, depth
        left += [(part, depth + 1) for part in parts]


def _check_node(node: dict[str, Any]) -> None:
    """Raise unless skops builds one of the listed types, or plain data, from a node."""
    loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
    kind = _allowed().get(name)
    is_allowed = _LOADERS.get(loader) == name
    is_allowed |= loader == "NdArrayNode" and name in _ARRAYS
    is_allowed |= loader == "TypeNode" and name in _TYPES
    if kind is not None:
        is_allowed |= loader == ("DictNode" if issubclass(kind, dict) else "ObjectNode")
    if not is_allowed:
        raise _UnknownPart(f"{name} in it, which load does not build")
    content: Any = node.get("content")
    is_plain = True
    if loader == "JsonNode":
        is_plain = content.lstrip()[:1] not in ("[", "{")
    elif loader == "DTypeNode":
        is_plain = "file" in content
    elif loader == "SliceNode":
        is_plain = all(isinstance(end, int | str | None) for end in content.values())
    if not is_plain:
        raise _UnknownPart(f"{name} in it that holds something else than its kind")


def _check_header(array: Any, size: int) -> None:
    """Raise unless an array is as large as its header says, and holds no objects."""
    if np.lib.format.read_magic(array) != (1, 0):
        raise _UnknownPart("an array in another format of NumPy's")
    shape, _, dtype = np.lib.format.read_array_header_1_0(array)
    n_bytes = math.prod(shape) * dtype.itemsize
    is_plain = dtype.kind in _NUMBERS and dtype.itemsize > 0
    if not is_plain or min(shape, default=0) < 0 or array.tell() + n_bytes != size:
        raise _UnknownPart(f"an array of {dtype} and shape {shape} in {size} bytes")


def _checked(value: Any) -> Any:
    """Return what skops built with its labels restored, once all parts are valid."""
    if isinstance(value, list | tuple):
        return type(value)([_checked(part) for part in value])
    if isinstance(value, dict) and _PLAIN in value:
        return _from_plain(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        for at, part in np.ndenumerate(value):
            value[at] = _checked(part)
    elif isinstance(value, dict):
        value.update({key: _checked(part) for key, part in value.items()})
    elif isinstance(value, np.random.RandomState):
        # The generator reads on from this place without a look at it.
        if not 0 <= value.get_state(legacy=False)["state"]["pos"] <= 624:
            raise _UnknownPart("a RandomState beside its numbers")
    elif type(value) in _allowed().values():
        vars(value).update({n: _checked(part) for n, part in vars(value).items()})
        _check_part(value)
        if type(value) in _OWN:
            _check_own(value)
    return value


def _check_part(part: Any) -> None:
    """Raise unless a part may be stored, and is as its code expects it."""
    state = vars(part)
    container = state.get("_sklearn_output_config", {})
    if container not in ({}, *({"transform": each} for each in ("default", "pandas"))):
        raise _UnknownPart(f"output in a container {container}")
    if isinstance(part, Pipeline) and part.memory is not None:
        raise _UnknownPart(f"memory={part.memory!r}, a place on the disk")
    if isinstance(part, FunctionTransformer):
        if part.func is not None or part.inverse_func is not None:
            raise _UnknownPart(f"{part.func or part.inverse_func}, a function")
    elif isinstance(part, OneHotEncoder) and "categories_" in state:
        _check_one_hot(part)
    # Compiled solvers begin with coefficients, and trust their length.
    per_column = {"center_", "mean_", "min_", "scale_", "var_"}
    for name, array in state.items():
        is_one = name.strip("_").endswith("coef") or name in per_column
        if is_one and isinstance(array, np.ndarray) and "n_features_in_" in state:
            if array.dtype.kind != "f" or array.shape[-1:] != (part.n_features_in_,):
                raise _UnknownPart(f"{array.dtype} of shape {array.shape} as {name}")


def _check_one_hot(encoder: Any) -> None:
    """Raise unless an encoder writes inside its sparse matrix."""
    sizes = [len(categories) for categories in encoder.categories_]
    drops = [None] * len(sizes) if encoder.drop_idx_ is None else encoder.drop_idx_
    is_inside = all(
        drop is None or (is_integer(drop) and 0 <= drop < size)
        for drop, size in zip(drops, sizes, strict=True)
    )
    outputs = encoder._n_features_outs
    if not is_inside or list(outputs) != encoder._compute_n_features_outs():
        raise _UnknownPart(f"an encoder to {outputs} columns for {sizes} categories")
    if encoder.min_frequency is not None or encoder.max_categories is not None:
        raise _UnknownPart("an encoder with min_frequency or max_categories")


def _check_own(part: Any) -> None:
    """Raise unless a part of ours is as its class says, and works on one window."""
    if is_dataclass(part):
        hints = get_type_hints(type(part))
        for own in fields(part):
            value = getattr(part, own.name)
            if not _fits(value, hints[own.name]):
                what = f"{type(part).__name__}.{own.name}={value!r}"
                raise _UnknownPart(f"a value that does not fit, {what}")
    elif isinstance(part, LSTMRegressor) and hasattr(part, "_members"):
        _try_regressor(part)
    elif isinstance(part, SlidingWindow) and {"_context", "context_"} & {*vars(part)}:
        _try_windows(part)


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value fits a hint; numbers are finite, ints not negative."""
    kind, args = get_origin(hint) or hint, get_args(hint)
    if kind is Any:
        return True
    if kind is UnionType:
        return any(_fits(value, each) for each in args)
    if kind is int:
        return is_integer(value) and value >= 0
    if kind is float:
        is_number = isinstance(value, int | float | np.floating)
        return is_number and not isinstance(value, bool) and math.isfinite(value)
    if kind is np.ndarray:
        is_array = isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
        return is_array and not np.isinf(value).any()
    if not isinstance(value, kind):
        return False
    if kind is tuple and Ellipsis not in args:
        return len(value) == len(args) and all(map(_fits, value, args))
    if isinstance(value, dict):
        return all(_fits(part, args[1]) for part in value.values())
    return not args or all(_fits(part, args[0]) for part in value)


def _try_regressor(regressor: Any) -> None:
    """Raise unless networks fit their weights and predict numbers from a window."""
    specs = {member.recipe.spec for member in regressor._members}
    if len(specs) != 1:
        raise _UnknownPart(f"networks of {len(specs)} shapes")
    spec = specs.pop()
    window, n_channels = spec.window, spec.n_channels
    if window * n_channels > _MOST_VALUES:
        raise _UnknownPart(f"windows of {window} steps and {n_channels} channels")
    if spec.activation not in ACTIVATIONS:
        raise _UnknownPart(f"a network with the activation {spec.activation!r}")
    for member in regressor._members:
        shapes = [array.shape for array in member.weights]
        if shapes != weight_shapes(spec):
            raise _UnknownPart(f"weights of the shapes {shapes}")
    scaling = regressor._scaling
    if scaling.prior is not None and not scaling.prior.fits(spec):
        raise _UnknownPart(f"a reader that does not fit, {scaling.prior}")
    windows = np.linspace(1, 2, window * n_channels).reshape(1, window, n_channels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # In the unit of the training rows, as far as any unit counts.
        windows = scaling.last_level + windows * scaling.input_scale
        values = regressor.predict(windows)
    if not np.isfinite(values).all():
        raise _UnknownPart("a network that predicts NaN or infinity")


def _try_windows(sliding_window: Any) -> None:
    """Raise unless the rows that follow those of the fit get their windows."""
    own, context = sliding_window, sliding_window._context
    n_groups = len(context.first_labels)
    n_steps = [own.window_, own.horizon, own.known_ahead, own.lag_]
    n_values = sum(n_steps) * own.n_features_in_ * n_groups
    if not all(is_integer(each) and each >= 0 for each in n_steps):
        raise _UnknownPart(f"windows of {n_steps} steps")
    if n_values > max(_MOST_VALUES, 100 * context.values.size):
        raise _UnknownPart(f"windows of {n_values} values in {n_groups} groups")
    n_rows = {len(context.values), len(context.labels), len(context.codes)}
    is_float = context.values.dtype in (np.float32, np.float64)
    if not is_float or len(n_rows) > 1 or n_groups > max(n_rows):
        raise _UnknownPart(f"a context of {context.values.dtype} and {n_rows} rows")
    if context.ends.shape != (2, context.values.shape[1]):
        raise _UnknownPart(f"ends of the shape {context.ends.shape}")
    own.context_, own.groups_ = context.values, context.keys
    names = getattr(own, "feature_names_in_", range(own.n_features_in_))
    rows = pd.DataFrame(1.0, columns=names, index=range(n_groups))
    if context.keys is not None:
        keys = context.keys.to_frame(index=False)
        rows[[own.groups] if isinstance(own.groups, str) else [*own.groups]] = keys
    if own.grid_ is not None:
        rows.index = own.grid_.after(own.grid_.last, 1).repeat(n_groups)
    if own.time is not None:
        rows[own.time] = rows.index
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own.transform(rows if hasattr(own, "feature_names_in_") else rows.to_numpy())
