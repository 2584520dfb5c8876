"""Architecture: imports go strictly downward, and each library has its room."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from by_hand import printed_afresh

import sklstm

PACKAGE = Path(sklstm.__file__).parent

# Each wing, what it is for, and what its rooms may import beside each other, from the
# ground up ...
WINGS = {
    "windows": (
        "Windows of past rows: labels, tables of series, and the transformer.",
        set(),
    ),
    "network": (
        "The LSTM: its kernels, the maps around it, its training, and the regressors.",
        {"windows"},
    ),
    "forecasting": (
        "Forecasts from fitted pipelines: rows to come, intervals, backtests, updates.",
        {"windows", "network"},
    ),
    "views": (
        "What is drawn: forecasts, gates and contributions.",
        {"windows", "network", "forecasting"},
    ),
    "": (
        "The next values of a time series from an LSTM, as a scikit-learn estimator.",
        {"windows", "network", "forecasting", "views"},
    ),
}
# ... and the rooms at the top that every wing stands on.
GROUND = {"_checks", "_files", "_imports", "metrics"}
# The door imports on demand, and stands outside.
DOOR = "__init__"

# The libraries that have rooms of their own, which import them when they are called.
ROOMS_OF_LIBRARIES = {
    "keras": {"network._keras", "network._lstm"},
    "matplotlib": {"views._drawing"},
    "onnx": {"network._onnx"},
    "pickle": set(),
    "scikeras": {"network._keras"},
    "skops": {"_storage"},
    "tensorflow": set(),
}

# Lines that a file may have, and each of the two folders: raise a bound knowingly.
MOST_LINES_OF_A_FILE = 700
MOST_LINES = {"sklstm": 13_900, "tests": 13_000}

FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
ROOMS = [name for name in FILES if not name.endswith("__init__")]
HEAVY = sorted({*ROOMS_OF_LIBRARIES} - {"pickle"})


def imports_of(name):
    """Return (module, whether it is imported at the top level) for each import.

    ``from a import b`` gives ``a`` and ``a.b``, since b may be a module.
    """
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            modules = [node.module]
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            # import_module("x"), __import__("x"), imported("x")
            modules = [a.value for a in node.args if isinstance(a, ast.Constant)]
        else:
            continue
        found += [(module, id(node) not in inside) for module in modules]
    return found


@functools.cache
def words_of(path):
    return {*re.findall(r"\w+", path.read_text(encoding="utf-8"))}


def wing_of(name):
    """Return the folder of a room, "" for one at the top."""
    return name.rpartition(".")[0]


def rooms_imported_by(name):
    """Return the package's own files among the imports of a file."""
    own = {module.removeprefix("sklstm.") for module, _ in imports_of(name)}
    return own & set(ROOMS)


def importers_of(library):
    """Return the files that import a library, each with whether at its top level."""
    return {
        (name, is_top)
        for name in FILES
        for module, is_top in imports_of(name)
        if module.split(".")[0] == library
    }


# What pandas 2.2.0 says to whoever imports it, and that is scikit-learn.
STRICT = "-W", "error", "-W", "ignore::DeprecationWarning:sklearn.utils.fixes"


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_is_what_the_map_says(wing):
    """Every folder is a wing, and its docstring, alone there, is the map's sentence."""
    assert {wing_of(name) for name in FILES} == set(WINGS)
    tree = ast.parse(FILES[f"{wing}.{DOOR}".lstrip(".")].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) == WINGS[wing][0]
    assert len(tree.body) == 1 or wing == ""


@pytest.mark.parametrize("name", ROOMS)
def test_a_wing_imports_what_its_map_says(name):
    """A room imports its own wing, those below and the ground, and never the door."""
    wing = wing_of(name)
    for room in rooms_imported_by(name):
        fits = wing == "" or room in GROUND or wing_of(room) in {wing, *WINGS[wing][1]}
        assert fits, f"{name} imports {room}"
    assert ("sklstm", True) not in imports_of(name), f"{name} imports the door"


def test_the_ground_is_as_small_as_it_is():
    """Every room of the ground is imported by a wing, and imports the ground alone."""
    below = {r for n in ROOMS if wing_of(n) for r in rooms_imported_by(n)}
    assert {room for room in below if not wing_of(room)} == GROUND
    for room in GROUND:
        assert rooms_imported_by(room) <= GROUND


@pytest.mark.parametrize("folder", MOST_LINES)
def test_the_house_does_not_grow_unseen(folder):
    """No file of the package is too long to be read, nor is either folder."""
    files = FILES.values()
    if folder == "tests":
        files = Path(__file__).parent.glob("*.py")
    lengths = {str(path): path.read_text("utf-8").count("\n") for path in files}
    assert sum(lengths.values()) <= MOST_LINES[folder]
    if folder == "sklstm":
        assert max(lengths.values()) <= MOST_LINES_OF_A_FILE, lengths


def test_no_imports_in_circles():
    """Rooms can be put in an order in which each imports earlier ones alone."""
    graphlib.TopologicalSorter({n: rooms_imported_by(n) for n in ROOMS}).prepare()


@pytest.mark.parametrize("name", sorted(FILES))
def test_own_files_are_imported_at_the_top(name):
    """No function imports a file of the package."""
    for module, is_top in imports_of(name):
        assert is_top or module.split(".")[0] != "sklstm", f"{module} in a function"


def test_the_door_knows_rooms_by_name_alone():
    """The door imports nothing of the package but for type checkers."""
    tree = ast.parse(FILES[DOOR].read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "sklstm" not in ast.unparse(node)


@pytest.mark.parametrize("library", ROOMS_OF_LIBRARIES)
def test_libraries_have_rooms(library):
    """Each is imported in its rooms alone, when they are called."""
    rooms = ROOMS_OF_LIBRARIES[library]
    assert importers_of(library) == {(name, False) for name in rooms}


def test_the_kernels_have_one_room():
    """Only ``_kernels.py`` calls the extension."""
    callers = [n for n in FILES if "sklstm._lstm_kernels" in dict(imports_of(n))]
    assert callers == ["network._kernels"]


def test_nothing_unpickles():
    """Of joblib no more than a count is imported; Keras loads no file."""
    of_joblib = {m for name in FILES for m, _ in imports_of(name) if "joblib" in m}
    assert of_joblib == {"joblib", "joblib.effective_n_jobs"}
    for path in FILES.values():
        assert "load_model" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("begin", "part", "room"),
    [("sklearn.", "._", "_checks"), ("sklearn.callback", "", "network._progress")],
)
def test_what_scikit_learn_may_change_has_one_room(begin, part, room):
    """Private names have ``_checks.py``, experimental callbacks ``_progress.py``."""
    knowing = {
        name
        for name in FILES
        for module, _ in imports_of(name)
        if module.startswith(begin) and part in module
    }
    assert knowing == {room}


@pytest.mark.parametrize(
    "statement",
    [
        "import sklstm",
        "import sklstm; dir(sklstm); sklstm.__version__",
        "from sklstm import SlidingWindow, LSTMRegressor, backtest, GateDisplay, load",
        "from sklstm import PanelTimeSeriesSplit; PanelTimeSeriesSplit(3)",
        "from sklstm import *; LSTMRegressor().get_params(); str(LSTMRegressor())",
    ],
)
def test_importing_loads_no_backend_and_prints_nothing(statement):
    """The package and its public names come without backend, output or warning."""
    check = f"import sys; assert not [m for m in {HEAVY} if m in sys.modules]"
    run = [sys.executable, *STRICT, "-c", f"{statement}\n{check}"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_package_loads_none_of_its_rooms():
    """``import sklstm`` alone loads the door alone: neither pandas nor scikit-learn."""
    names = ["numpy", "pandas", "scipy", "sklearn"]
    names += [f"sklstm.{name}" for name in ROOMS]
    code = f"import sklstm, sys; print([m for m in {names} if m in sys.modules])"
    assert printed_afresh(code, *STRICT) == "[]\n"


def test_public_names_are_pinned():
    """``__all__`` is sorted and holds these names; completion offers them alone."""
    classes = "BacktestResult ContributionDisplay ForecastDisplay GateDisplay "
    classes += "KerasRegressor LSTMRegressor PanelTimeSeriesSplit SlidingWindow "
    functions = "backtest contributions forecast gates interval_coverage load "
    functions += "load_airline_passengers load_m4_hourly mean_absolute_scaled_error "
    functions += "mean_interval_score save symmetric_mean_absolute_percentage_error "
    assert sklstm.__all__ == f"{classes}{functions}update".split()
    assert sklstm.__all__ == sorted(sklstm.__all__)
    assert [name for name in dir(sklstm) if name[:2] != "__"] == sklstm.__all__
    for name in sklstm.__all__:
        assert getattr(sklstm, name).__name__ == name


@pytest.mark.parametrize("name", ROOMS)
def test_each_file_says_what_it_offers(name):
    """In one sentence, and by names without an underscore, which others call.

    Where a room hands on names of other libraries, ``__all__`` holds all it offers.
    """
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree).splitlines()[0].endswith((".", ":"))
    module = __import__(f"sklstm.{name}", fromlist=["__all__"])
    if hasattr(module, "__all__"):
        assert module.__all__ == sorted(module.__all__)
        assert all(hasattr(module, offer) for offer in module.__all__)
        return
    kinds = ast.FunctionDef | ast.ClassDef
    own = {node.name for node in tree.body if isinstance(node, kinds)}
    files = {*FILES.values(), *Path(__file__).parent.glob("*.py")} - {FILES[name]}
    called = set().union(*map(words_of, files))
    assert {each for each in own if not each.startswith("_")} <= called


def test_unknown_name_is_an_attribute_error():
    """A name that is not there is reported as by any module."""
    with pytest.raises(AttributeError, match="module 'sklstm' has no attribute 'GRU'"):
        sklstm.GRU  # noqa: B018
    with pytest.raises(ImportError):
        from sklstm import GRU  # noqa: F401
