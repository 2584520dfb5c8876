"""to_onnx: raw windows in, values in their unit out, as predict computes them."""

import sys

import numpy as np
import pandas as pd
import pytest
from by_hand import printed_afresh
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, SlidingWindow

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Largest error, in units of the target's standard deviation.
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def table():
    """Return two columns, the first of them the target, at a level of 5 million."""
    rng = np.random.default_rng(0)
    load = 5e6 + 20 * np.sin(np.arange(80) / 3) + rng.normal(size=80).cumsum()
    return np.column_stack([load, rng.normal(size=80)])


def run(path, windows, **more):
    """Return the outputs of an ONNX file by name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    windows = np.ascontiguousarray(windows, dtype=np.float64)
    values = session.run(names, {"windows": windows, **more})
    return dict(zip(names, values, strict=True))


OPTIONS = {
    "defaults": {},
    "one channel": {"n_columns": 1},
    "one channel, patches": {"n_columns": 1, "patch": 2, "highway": False},
    "two targets": {"n_targets": 2},
    "relu": {"activation": "relu"},
    "two layers, both directions": {"units": (4, 3), "bidirectional": True},
    "patches that do not divide": {"patch": 3, "window": 8, "bidirectional": True},
    "no scaling": {"scaling": None},
    "standardised": {"scaling": "standard"},
    "standardised, no highway": {"scaling": "standard", "highway": False, "units": 64},
    "centred, no highway": {"scaling": "last", "highway": False},
    "logarithms": {"scaling": "log"},
    "ensemble": {"n_models": 3},
    "several steps": {"steps": 4},
    "quantiles": {"quantiles": (0.1, 0.3, 0.9)},
    "quantiles of steps": {"quantiles": (0.1, 0.5), "steps": 3, "highway": False},
    "a window of one step": {"window": 1},
    "all at once": {
        "units": (3, 4),
        "bidirectional": True,
        "patch": 2,
        "n_models": 2,
        "steps": 2,
        "quantiles": (0.2, 0.5, 0.8),
        "scaling": "log",
    },
}


@pytest.mark.parametrize("case", OPTIONS)
def test_every_option_predicts_as_predict_does(case, table, tmp_path):
    """All rows at once, one alone and none; windows without a true step among them."""
    options = {"units": 4, "epochs": 2, "random_state": 0, **OPTIONS[case]}
    y = table[:, : options.pop("n_targets", 1)]
    columns = table[:, : options.pop("n_columns", 2)]
    windows = SlidingWindow(options.pop("window", 6)).fit_transform(columns)
    regressor = LSTMRegressor(prior=False, **options).fit(
        windows, y if y.shape[1] > 1 else y[:, 0]
    )
    path = regressor.to_onnx(tmp_path / "model.onnx")
    assert path == tmp_path / "model.onnx"
    outputs = run(path, windows)
    expected = {"values": regressor.predict_steps(windows)}
    if regressor.quantiles is not None:
        expected["quantiles"] = regressor.predict_quantiles(windows)
    assert list(outputs) == list(expected)
    atol = TOLERANCE * y.std(axis=0).min()
    for name, values in expected.items():
        assert outputs[name].dtype == np.float64
        assert outputs[name].shape == values.shape
        assert_allclose(outputs[name], values, rtol=0, atol=atol)
        for row in (0, 2, 30):
            alone = run(path, windows[[row]])[name]
            assert_allclose(alone, outputs[name][[row]], rtol=1e-12)
        assert run(path, windows[:0])[name].shape == (0, *values.shape[1:])
    assert np.isnan(windows[0]).all()


def test_the_weight_of_the_network_is_in_the_graph(table, tmp_path, set_trust):
    """Predictions take as much of the network as the validation rows supported."""
    windows, y = SlidingWindow(4).fit_transform(table), table[:, 0]
    regressor = LSTMRegressor(4, epochs=1, prior=False, random_state=0).fit(windows, y)
    regressor.weights_[-2] += 1  # a network that says much
    values = {}
    for weight in (0.0, 0.4, 1.0):
        set_trust(regressor, weight)
        path = regressor.to_onnx(tmp_path / "model.onnx")
        values[weight] = run(path, windows)["values"]
        expected = regressor.predict_steps(windows)
        assert_allclose(values[weight], expected, rtol=0, atol=TOLERANCE * y.std())
    for weight in (0.0, 0.4):
        assert np.abs(values[weight] - values[1.0]).max() > 1e-4 * y.std()


@pytest.mark.parametrize("unit", ["size", "log"])
@pytest.mark.parametrize(
    "params", [{}, {"n_models": 2, "steps": 3}, {"highway": False, "patch": 2}]
)
def test_series_of_a_panel_have_their_sizes(unit, params, tmp_path):
    """Sizes of known groups and of new ones, and logarithms, are inside the graph."""
    rng = np.random.default_rng(0)
    days = np.arange(40)
    parts = []
    for name, size in {"a": 1.0, "b": 50.0, "c": 4000.0, "flat": 0.0}.items():
        values = size * np.exp(0.08 * days + np.sin(days) / 9) + 7
        values += size * 0.01 * rng.normal(size=40)
        if unit == "size":
            values = values - values.mean()
        parts.append(pd.DataFrame({"store": name, "day": days, "load": values}))
    X = pd.concat(parts, ignore_index=True)
    pipe = make_pipeline(
        SlidingWindow(4, groups="store", time="day"),
        LSTMRegressor(3, epochs=2, prior=False, random_state=0, **params),
    ).fit(X, X["load"])
    assert pipe[-1]._scaling.unit == unit
    new = X[X["store"] == "b"].assign(store="new", load=lambda rows: rows["load"] * 3)
    later = X.assign(load=X["load"] / 1000) if unit == "log" else X
    windows = pipe[0].transform(pd.concat([later, new], ignore_index=True))
    path = pipe[-1].to_onnx(tmp_path / "panel.onnx")
    more = {"groups": windows.groups} if unit == "size" else {}
    ours = run(path, np.asarray(windows), **more)["values"]
    expected = pipe[-1].predict_steps(windows)
    assert_allclose(ours, expected, rtol=1e-6, atol=TOLERANCE * X["load"].std() / 1e3)


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
    regressor = LSTMRegressor(6, epochs=1, n_models=2, prior=False, random_state=0)
    regressor.fit(windows, y)
    regressor.to_onnx(tmp_path / "model.onnx")
    np.save(tmp_path / "windows.npy", windows)
    assert printed_afresh(FRESH, cwd=tmp_path) == "[]\n"
    values = np.load(tmp_path / "values.npy")
    expected = regressor.predict_steps(windows)
    assert_allclose(values, expected, rtol=0, atol=TOLERANCE * y.std())


def test_the_file_says_what_it_is(table, tmp_path):
    """It names package, version and inputs; an ensemble has its scaling once."""
    windows, y = SlidingWindow(3).fit_transform(table), table[:, 0]
    models = []
    for n_models in (1, 2):
        lstm = LSTMRegressor(3, epochs=1, n_models=n_models, prior=False)
        models.append(onnx.load(lstm.fit(windows, y).to_onnx(tmp_path / "model.onnx")))
    assert models[0].producer_name == "sklstm"
    shape = models[0].graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in shape] == ["n_rows", 3, 2]
    one, two = (
        [constant.name for constant in model.graph.initializer] for model in models
    )
    assert len(set(two)) == len(two)
    # Five weights more, and the weight of the network in the prediction.
    assert len(two) <= len(one) + len(lstm.weights_) + 2


def test_what_cannot_be_written_leaves_no_file(table, tmp_path, monkeypatch):
    """Neither an unfitted network, nor one without onnx."""
    windows, y = SlidingWindow(3).fit_transform(table), table[:, 0]
    path = tmp_path / "model.onnx"
    with pytest.raises(NotFittedError):
        LSTMRegressor().to_onnx(path)
    lstm = LSTMRegressor(2, epochs=1, prior=False, random_state=0).fit(windows, y)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'sklstm\[onnx\]'"):
        lstm.to_onnx(path)
    assert not list(tmp_path.iterdir())
