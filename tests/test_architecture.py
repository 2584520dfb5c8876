"""Architecture: imports go strictly downward, and each library has its room."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sklstm

PACKAGE = Path(sklstm.__file__).parent

# Levels from the ground up; inside a level nobody imports anybody ...
LEVELS = [
    {
        "_drawing",
        "_files",
        "_interrupts",
        "_progress",
        "_stamp",
        "_validation",
    },
    {
        "_alignment",
        "_backend",
        "_frames",
        "_highway",
        "_intervals",
        "_stored_labels",
        "_windows",
        "datasets",
        "metrics",
    },
    {"_network", "_panel", "_reading", "_scaling", "_timeline"},
    {"_kernels", "_panel_labels"},
    {"_future_rows", "_measure", "_member", "_past"},
    {"_keras", "_lstm", "_panel_rows", "_training", "_whole"},
    {"_ensemble", "_onnx", "_sliding_window"},
    {"_window_regressor"},
    {"_keras_regressor", "_regressor"},
    {"_inspection", "_reader", "_split", "_storage", "_update", "_walk"},
    {"_forecast"},
    {
        "_backtest",
        "_contribution_display",
        "_forecast_display",
        "_gate_display",
        "_loss_display",
    },
    {"_error_display"},
]
# ... and the door, which imports on demand, stands outside.
DOOR = "__init__"

LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
FILES = {path.stem: path for path in PACKAGE.rglob("*.py")}
HEAVY = ["keras", "matplotlib", "onnx", "scikeras", "skops", "tensorflow"]


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
        elif isinstance(node, ast.Call) and re.search(
            "import|^backend$", ast.unparse(node.func)
        ):
            # import_module("x"), __import__("x"), backend("x")
            modules = [a.value for a in node.args if isinstance(a, ast.Constant)]
        else:
            continue
        found += [(module, id(node) not in inside) for module in modules]
    return found


def rooms_imported_by(name):
    """Return the package's own files among the imports of a file."""
    rooms = set()
    for module, _ in imports_of(name):
        parts = module.split(".")
        if parts[0] == "sklstm" and len(parts) > 1 and parts[1] in FILES:
            rooms.add(parts[1])
    return rooms


def importers_of(library):
    """Return the files that import a library, each with whether at its top level."""
    return {
        (name, is_top)
        for name in FILES
        for module, is_top in imports_of(name)
        if module.split(".")[0] == library
    }


def run_python(code):
    # What pandas 2.2.0 says to whoever imports it, and that is scikit-learn.
    of_pandas = "ignore::DeprecationWarning:sklearn.utils.fixes"
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", of_pandas, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_file_is_on_the_map():
    """The map names every file of the package, and no other."""
    assert set(FILES) == {*LEVEL, DOOR}
    assert all(path.parent == PACKAGE for path in FILES.values())


@pytest.mark.parametrize("name", sorted(LEVEL))
def test_imports_go_strictly_downward(name):
    """A file imports files of lower levels alone, and never the door."""
    for room in rooms_imported_by(name):
        assert LEVEL[room] < LEVEL[name], f"{name} imports {room}"
    own = [m for m, _ in imports_of(name) if m.split(".")[0] == "sklstm"]
    assert "sklstm" not in own, f"{name} imports the door"


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


def test_scikeras_has_one_room():
    """Only ``_keras.py`` imports scikeras, when it is called."""
    assert importers_of("scikeras") == {("_keras", False)}


def test_keras_has_two_rooms():
    """Only ``_keras.py`` and ``_network.py`` import Keras, when they are called."""
    assert importers_of("keras") == {("_keras", False), ("_network", False)}


def test_no_room_imports_tensorflow():
    """Keras does, for networks of one's own."""
    assert not importers_of("tensorflow")


def test_the_kernels_and_matplotlib_have_one_room_each():
    """``_kernels.py`` calls the extension, ``_drawing.py`` matplotlib when called."""
    callers = [n for n in FILES if "sklstm._lstm_kernels" in dict(imports_of(n))]
    assert callers == ["_kernels"]
    assert importers_of("matplotlib") == {("_drawing", False)}


def test_skops_and_onnx_have_one_room_each():
    """``_storage.py`` imports skops, ``_onnx.py`` onnx, when they are called."""
    assert importers_of("skops") == {("_storage", False)}
    assert importers_of("onnx") == {("_onnx", False)}


def test_nothing_unpickles():
    """No file imports pickle, or of joblib more than a count; Keras loads no file."""
    assert not importers_of("pickle")
    of_joblib = {m for name in FILES for m, _ in imports_of(name) if "joblib" in m}
    assert of_joblib == {"joblib", "joblib.effective_n_jobs"}
    for path in FILES.values():
        assert "load_model" not in path.read_text(encoding="utf-8")


def test_pandas_has_its_rooms():
    """Only the rooms of frames and labels and ``datasets.py`` know pandas."""
    rooms = ["_frames", "_future_rows", "_panel_labels", "_stored_labels", "_timeline"]
    assert importers_of("pandas") == {(name, True) for name in [*rooms, "datasets"]}


def test_private_names_of_scikit_learn_have_one_door():
    """Only ``_validation.py`` imports names of scikit-learn that are not public."""
    private = {
        name
        for name in FILES
        for module, _ in imports_of(name)
        if module.startswith("sklearn.") and "._" in module
    }
    assert private == {"_validation"}


def test_callbacks_of_scikit_learn_have_one_room():
    """Only ``_progress.py`` knows ``sklearn.callback``, which is experimental."""
    knowing = {
        name
        for name in FILES
        for module, _ in imports_of(name)
        if module.startswith("sklearn.callback")
    }
    assert knowing == {"_progress"}


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
    done = run_python(f"{statement}\n{check}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_package_loads_none_of_its_rooms():
    """``import sklstm`` alone loads the door alone: neither pandas nor scikit-learn."""
    names = [
        "numpy",
        "pandas",
        "scipy",
        "sklearn",
        *(f"sklstm.{name}" for name in LEVEL),
    ]
    code = f"import sklstm, sys; print([m for m in {names} if m in sys.modules])"
    assert run_python(code).stdout == "[]\n"


def test_predicting_loads_no_backend():
    """The forward pass is NumPy alone, in an interpreter that has no TensorFlow yet."""
    code = (
        "import sys, numpy as np\n"
        "from sklstm._network import NetworkSpec, forward, initial_weights\n"
        "spec = NetworkSpec(3, 1, 1, (2,))\n"
        "forward(spec, initial_weights(spec, 0), np.zeros((2, 3, 1), 'float32'))\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert run_python(code).stdout == "[]\n"


def test_public_names_are_pinned():
    """``__all__`` is sorted and holds these names, all of which are there."""
    assert sklstm.__all__ == [
        "BacktestResult",
        "ContributionDisplay",
        "ErrorByStepDisplay",
        "ForecastDisplay",
        "GateDisplay",
        "KerasRegressor",
        "LSTMRegressor",
        "LossCurveDisplay",
        "PanelTimeSeriesSplit",
        "SlidingWindow",
        "backtest",
        "contributions",
        "forecast",
        "gates",
        "interval_coverage",
        "load",
        "load_airline_passengers",
        "load_m4_hourly",
        "mean_absolute_scaled_error",
        "mean_interval_score",
        "save",
        "symmetric_mean_absolute_percentage_error",
        "update",
    ]
    assert sklstm.__all__ == sorted(sklstm.__all__)
    assert set(sklstm.__all__) <= set(dir(sklstm))
    for name in sklstm.__all__:
        assert getattr(sklstm, name).__name__ == name


def test_completion_offers_public_names_alone():
    """``sklstm.<tab>`` lists what is public, not what the door is made of."""
    offered = {name for name in dir(sklstm) if not name.startswith("__")}
    assert offered == set(sklstm.__all__)


@pytest.mark.parametrize("name", sorted(LEVEL))
def test_each_file_says_what_it_offers(name):
    """Every file has a docstring of one sentence and a sorted, true ``__all__``."""
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree).splitlines()[0].endswith((".", ":"))
    offers = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert offers == sorted(offers)
    module = __import__(f"sklstm.{name}", fromlist=offers)
    assert all(hasattr(module, offer) for offer in offers)


def test_unknown_name_is_an_attribute_error():
    """A name that is not there is reported as by any module."""
    with pytest.raises(AttributeError, match="module 'sklstm' has no attribute 'GRU'"):
        sklstm.GRU  # noqa: B018
    with pytest.raises(ImportError):
        from sklstm import GRU  # noqa: F401
