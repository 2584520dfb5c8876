"""to_onnx: raw windows in, values in their unit out, as predict computes them."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow
from sklstm.network._kernels import LSTMRecipe
from sklstm.network._lstm import NetworkSpec, initial_weights
from sklstm.network._onnx import onnx_model
from sklstm.network._scaling import fit_scaling
from sklstm.network._training import Member

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Largest error, in units of the target's standard deviation.
TOLERANCE = 1e-6

N_ROWS = 80


@pytest.fixture(scope="module")
def table():
    """Return two columns, the first of them the target, at a level of 500."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(N_ROWS) / 3)
    load = 500 + 20 * wave + rng.normal(size=N_ROWS).cumsum()
    return np.column_stack([load, rng.normal(size=N_ROWS)])


def run(model, windows, **more):
    """Return the outputs of an ONNX file, or of its bytes, by name."""
    content = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    windows = np.ascontiguousarray(windows, dtype=np.float32)
    return dict(
        zip(names, session.run(names, {"windows": windows, **more}), strict=True)
    )


OPTIONS = {
    "defaults": {},
    "one channel": {"n_columns": 1},
    "one channel, patches": {"n_columns": 1, "patch": 2, "highway": False},
    "two layers": {"units": (5, 3)},
    "both directions": {"bidirectional": True},
    "two layers, both directions": {"units": (4, 3), "bidirectional": True},
    "patches": {"patch": 3},
    "patches that do not divide": {"patch": 3, "window": 8, "bidirectional": True},
    "no highway": {"highway": False},
    "no scaling": {"scaling": None},
    "standardised": {"scaling": "standard"},
    "standardised, no highway": {"scaling": "standard", "highway": False, "units": 64},
    "centred, no highway": {"scaling": "last", "highway": False},
    "ensemble": {"n_models": 3},
    "ensemble, no highway": {"n_models": 2, "highway": False},
    "several steps": {"steps": 4},
    "quantiles": {"quantiles": (0.1, 0.3, 0.9)},
    "quantiles of steps": {
        "quantiles": (0.1, 0.5),
        "steps": 3,
        "highway": False,
    },
    "a window of one step": {"window": 1},
    "all at once": {
        "units": (3, 4),
        "bidirectional": True,
        "patch": 2,
        "n_models": 2,
        "steps": 2,
        "quantiles": (0.2, 0.5, 0.8),
    },
}


@pytest.mark.parametrize("case", OPTIONS)
def test_parity_with_predict(case, table, tmp_path):
    """Every option predicts as NumPy does, windows with missing steps among them."""
    options = {"units": 4, "epochs": 2, "random_state": 0, **OPTIONS[case]}
    columns = table[:, : options.pop("n_columns", 2)]
    windows = SlidingWindow(options.pop("window", 6)).fit_transform(columns)
    y = table[:, 0]
    regressor = LSTMRegressor(**options).fit(windows, y)
    path = regressor.to_onnx(tmp_path / "model.onnx")
    assert path == tmp_path / "model.onnx"
    outputs = run(path, windows)
    expected = {"values": regressor.predict_steps(windows)}
    if regressor.quantiles is not None:
        expected["quantiles"] = regressor.predict_quantiles(windows)
    assert list(outputs) == list(expected)
    for name, values in expected.items():
        assert outputs[name].dtype == np.float64
        assert outputs[name].shape == values.shape
        assert_allclose(outputs[name], values, rtol=0, atol=TOLERANCE * y.std())
    assert np.isnan(windows).any()


def test_parity_with_a_part_of_the_network(table, tmp_path, set_trust):
    """The factor that validation rows grant the network is in the graph."""
    windows, y = SlidingWindow(4).fit_transform(table), table[:, 0]
    regressor = LSTMRegressor(4, epochs=1, random_state=0).fit(windows, y)
    regressor.weights_[-2] += 1  # a network that says much
    set_trust(regressor, 1.0)
    whole = run(regressor.to_onnx(tmp_path / "whole"), windows)["values"]
    for trust in (0.0, 0.4):
        set_trust(regressor, trust)
        partly = run(regressor.to_onnx(tmp_path / "partly"), windows)["values"]
        expected = regressor.predict_steps(windows)
        assert_allclose(partly, expected, rtol=0, atol=TOLERANCE * y.std())
        assert np.abs(partly - whole).max() > 100 * TOLERANCE * y.std()


def test_parity_of_several_targets(table, tmp_path):
    """A y of two columns gives two values for each window."""
    windows = SlidingWindow(4).fit_transform(table)
    regressor = LSTMRegressor(4, epochs=1, random_state=0).fit(windows, table)
    values = run(regressor.to_onnx(tmp_path / "model.onnx"), windows)["values"]
    error = np.abs(values - regressor.predict(windows)) / table.std(axis=0)
    assert error.max() < TOLERANCE


def random_networks(table, n_networks=1, **options):
    """Return networks of random weights on raw windows of three steps."""
    windows = SlidingWindow(3).fit_transform(table)[3:]
    targets, rows = table[3:, :1], np.arange(len(windows))
    scaling = fit_scaling("standard", windows, targets, rows, np.zeros(1, dtype=int))
    spec = NetworkSpec(3, 2, 1, (3, 2), **options)
    networks = [
        Member(LSTMRecipe(spec=spec), seed, scaling, initial_weights(spec, seed))
        for seed in range(n_networks)
    ]
    return networks, windows


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_parity_of_activations(activation, table):
    """Candidate and output have the activation that is theirs."""
    networks, windows = random_networks(table, activation=activation)
    network = networks[0]
    values = run(onnx_model(networks, 1), windows)
    expected = network.values(windows)
    assert np.ptp(network.outputs(network.scaling.inputs(windows))) > 1e-5
    atol = TOLERANCE * table[:, 0].std()
    assert_allclose(values["values"], expected, rtol=0, atol=atol)


def test_windows_without_a_true_step_and_few_rows(table, tmp_path):
    """A window without a past has its level; a row alone is as among others."""
    windows, y = SlidingWindow(4).fit_transform(table), table[:, 0]
    regressor = LSTMRegressor(4, epochs=1, random_state=0, bidirectional=True)
    path = regressor.fit(windows, y).to_onnx(tmp_path / "model.onnx")
    assert np.isnan(windows[0]).all()
    values = run(path, windows)["values"][:, 0]
    assert_allclose(values, regressor.predict(windows), atol=TOLERANCE * y.std())
    for row in (0, 2, 30):
        alone = run(path, windows[[row]])["values"][:, 0]
        assert_allclose(alone, values[[row]], rtol=1e-12)
    assert run(path, windows[:0])["values"].shape == (0, 1)


FRESH = """
import sys
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
(values,) = session.run(["values"], {"windows": np.load("windows.npy")})
np.save("values.npy", values)
loaded = {name.split(".")[0] for name in sys.modules}
print(sorted(loaded & {"tensorflow", "keras", "sklearn", "sklstm"}))
"""


def test_a_fresh_process_needs_the_runtime_alone(table, tmp_path):
    """The file is served without TensorFlow, scikit-learn or this package."""
    windows, y = SlidingWindow(5).fit_transform(table), table[:, 0]
    regressor = LSTMRegressor(6, epochs=1, n_models=2, random_state=0).fit(windows, y)
    regressor.to_onnx(tmp_path / "model.onnx")
    np.save(tmp_path / "windows.npy", windows)
    done = subprocess.run(
        [sys.executable, "-c", FRESH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "[]\n", done.stderr
    values = np.load(tmp_path / "values.npy")
    expected = regressor.predict_steps(windows)
    assert_allclose(values, expected, rtol=0, atol=TOLERANCE * y.std())


def test_the_file_says_what_it_is(table):
    """The graph names its input, the package and its version, and keeps one constant.

    Networks of an ensemble share their scaling, which is stored once.
    """
    one, _ = random_networks(table)
    two, _ = random_networks(table, 2)
    model, pair = (onnx.load_from_string(onnx_model(part, 1)) for part in (one, two))
    assert model.producer_name == "sklstm"
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in shape] == ["n_rows", 3, 2]
    constants = [constant.name for constant in pair.graph.initializer]
    assert len(set(constants)) == len(constants)
    assert len(constants) <= len(model.graph.initializer) + len(one[0].weights)


def test_what_cannot_be_expressed_is_told(table, tmp_path, monkeypatch):
    """An unfitted network and a missing package are one sentence each."""
    windows, y = SlidingWindow(3).fit_transform(table), table[:, 0]
    path = tmp_path / "model.onnx"
    with pytest.raises(NotFittedError):
        LSTMRegressor().to_onnx(path)
    fitted = LSTMRegressor(2, epochs=1, random_state=0).fit(windows, y)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'sklstm\[onnx\]'"):
        fitted.to_onnx(path)
    assert not path.exists()


# -- panels -------------------------------------------------------------------------


def panel_of(*, is_positive):
    """Return a long frame of four series of very different sizes, one constant."""
    rng = np.random.default_rng(0)
    days = np.arange(40)
    parts = []
    for name, size in {"a": 1.0, "b": 50.0, "c": 4000.0, "flat": 0.0}.items():
        values = size * np.exp(0.03 * days + np.sin(days) / 9) + 7
        values += size * 0.01 * rng.normal(size=40)
        if not is_positive:
            values = values - values.mean()
        parts.append(pd.DataFrame({"store": name, "day": days, "load": values}))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("kind", ["size", "log"])
@pytest.mark.parametrize(
    "params", [{}, {"n_models": 2, "steps": 3}, {"highway": False, "patch": 2}]
)
def test_measures_of_a_panel(kind, params, tmp_path):
    """Sizes of known groups and of new ones, and logarithms, are inside the graph."""
    X = panel_of(is_positive=kind == "log")
    pipe = make_pipeline(
        SlidingWindow(4, groups="store", time="day"),
        LSTMRegressor(3, epochs=2, random_state=0, **params),
    ).fit(X, X["load"])
    assert pipe[-1]._scaling.unit == kind
    new = X[X["store"] == "b"].assign(store="new", load=lambda rows: rows["load"] * 3)
    windows = pipe[0].transform(pd.concat([X, new], ignore_index=True))
    path = pipe[-1].to_onnx(tmp_path / "panel.onnx")
    more = {"groups": windows.groups} if kind == "size" else {}
    ours = run(path, np.asarray(windows), **more)["values"]
    expected = pipe[-1].predict_steps(windows)
    assert_allclose(ours, expected, rtol=1e-6, atol=TOLERANCE * X["load"].std() / 1e3)


def test_a_measured_fit_is_the_same_after_pickle():
    """Sizes, floors and the names of groups come back."""
    X = panel_of(is_positive=False)
    windows = SlidingWindow(4, groups="store", time="day").fit_transform(X)
    lstm = LSTMRegressor(2, epochs=1, random_state=0).fit(windows, X["load"])
    again = pickle.loads(pickle.dumps(lstm))
    assert again._scaling.keys.equals(lstm._scaling.keys)
    np.testing.assert_array_equal(again.predict(windows), lstm.predict(windows))
