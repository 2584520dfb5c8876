"""save and load: what is stored predicts the same, and a file from anybody is safe."""

import copy
import datetime
import io
import json
import os
import pickle
import re
import sys
import textwrap
import time
import warnings
import zipfile

import dateutil.tz
import joblib
import numpy as np
import pandas as pd
import pytest
from by_hand import printed_afresh
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    BaggingRegressor,
    HistGradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV, SGDRegressor
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVR, LinearSVR
from sklearn.tree import DecisionTreeRegressor

from sklstm import KerasRegressor, LSTMRegressor, SlidingWindow, load, save
from sklstm._files import write_file
from sklstm._storage import FORMAT

skops_io = pytest.importorskip("skops.io")

N_ROWS = 60


def walk(n_rows, seed=0):
    return 20 + np.random.default_rng(seed).normal(size=n_rows).cumsum()


def series(freq="h", **options):
    """Return a frame of two columns with an hourly index in a time zone."""
    options = options or {"tz": "Europe/Berlin"}
    index = pd.date_range("2024-03-30", periods=N_ROWS, freq=freq, **options)
    return pd.DataFrame({"load": walk(N_ROWS), "heat": walk(N_ROWS, 1)}, index=index)


def panel():
    """Return a long frame of three groups, told apart by two columns."""
    parts = [
        pd.DataFrame({"country": country, "store": store, "load": walk(20, store)})
        for country, store in [("at", 1), ("at", 2), ("de", 1)]
    ]
    days = pd.date_range("2024-01-01", periods=20, freq="D")
    return pd.concat(parts, ignore_index=True).assign(day=[*days] * 3)


@pytest.fixture(scope="module")
def stored():
    """Return, by name, fitted pipelines with rows that they predict."""
    X = series()
    options = {"epochs": 1, "random_state": 0}
    ensemble = LSTMRegressor(3, n_models=2, warm_start=True, **options)
    long = panel().assign(load=lambda rows: rows["load"] * 1e-60)
    quantiles = LSTMRegressor(3, quantiles=(0.1, 0.5), steps=2, **options)
    return {
        "series": (
            make_pipeline(
                StandardScaler().set_output(transform="pandas"),
                SlidingWindow(4, known="heat"),
                ensemble,
            ).fit(X[:40], X["load"][:40]),
            X[40:],
        ),
        "panel": (
            make_pipeline(
                SlidingWindow(3, groups=["country", "store"], time="day"), quantiles
            ).fit(long, long["load"]),
            long,
        ),
    }


# -- what comes back ------------------------------------------------------------------

FRESH = """
import pickle
import sys
import joblib
import numpy as np
import sklstm

readers = {
    "pickle": lambda path: pickle.load(open(path, "rb")),
    "joblib": joblib.load,
    "save": sklstm.load,
}
X = joblib.load("rows")
for route, read in readers.items():
    np.save(f"{route}.npy", read(route).predict(X))
names = {name.split(".")[0] for name in sys.modules}
print(sorted(names & {"tensorflow", "keras", "scikeras"}))
"""


@pytest.mark.parametrize("name", ["series", "panel"])
def test_a_fresh_process_predicts_the_same(name, stored, tmp_path):
    """Small files, read without TensorFlow by every route, predict the same bits."""
    pipe, X = stored[name]
    assert pipe[-1].model_ is not None
    assert len(pickle.dumps(pipe)) < 60_000
    (tmp_path / "pickle").write_bytes(pickle.dumps(pipe))
    joblib.dump(pipe, tmp_path / "joblib")
    joblib.dump(X, tmp_path / "rows")
    save(pipe, tmp_path / "save")
    out = printed_afresh(FRESH, "-W", "error::UserWarning", cwd=tmp_path)
    assert out == "[]\n"
    for route in ("pickle", "joblib", "save"):
        assert_array_equal(np.load(tmp_path / f"{route}.npy"), pipe.predict(X))


def test_what_is_read_back_goes_on_learning(stored, tmp_path):
    """Optimizer state and every network of an ensemble are stored, and learn on."""
    pipe, X = stored["series"]
    again = load(save(pipe, tmp_path / "file"))
    windows = pipe[:-1].transform(X)
    values = [
        copy.deepcopy(each[-1]).fit(windows, X["load"]).predict(windows)
        for each in (pipe, again)
    ]
    assert_array_equal(values[0], values[1])


INDEXES = {
    "range": pd.RangeIndex(3, 3 + 2 * N_ROWS, 2, name="row"),
    "integers": pd.Index(np.arange(N_ROWS) * 5),
    "fixed offset": series(
        "h", tz=datetime.timezone(datetime.timedelta(hours=2))
    ).index,
    "no freq": pd.DatetimeIndex(list(series("h", tz="UTC").index), name="when"),
    "months": series("MS", tz=None).index,
    "half years": series(pd.DateOffset(months=6), tz=None).index,
    "business days": series("B", tz=None).index,
    "periods": pd.period_range("2020Q1", periods=N_ROWS, freq="Q-NOV"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_context_is_found_after_storing(name, tmp_path):
    """Rows that follow see their true past, by every kind of index."""
    X = pd.DataFrame({"load": np.arange(N_ROWS, dtype=float)}, index=INDEXES[name])
    sliding_window = SlidingWindow(4).fit(X[:20])
    again = load(save(sliding_window, tmp_path / "file"))
    windows = again.transform(X[20:])
    assert_array_equal(windows, sliding_window.transform(X[20:]))
    assert not np.isnan(windows).any()


KEYS = {
    "strings": ["a", "b"],
    "a long one": ["a", "b" * 3000],
    "mixed": [1.5, 2.5],
    "nullable": pd.array([1, 2], dtype="Int64"),
    "categories": pd.array(["x", "y"], dtype="string"),
    "stamps": pd.to_datetime(["2024-01-01", "2024-01-02"]),
    "durations": pd.to_timedelta(["1h", "36h"]),
}


@pytest.mark.parametrize("name", KEYS)
def test_groups_are_found_after_storing(name, tmp_path):
    """Keys of every kind come back with their context."""
    long = pd.DataFrame({"key": KEYS[name]}).loc[[0] * 9 + [1] * 9]
    long = long.assign(load=walk(18), day=[*range(9)] * 2).reset_index(drop=True)
    later = long[long["day"] > 5]
    windows = SlidingWindow(3, groups="key", time="day").fit(long[long["day"] <= 5])
    again = load(save(windows, tmp_path / "file"))
    assert_array_equal(
        np.asarray(again.transform(later)), np.asarray(windows.transform(later))
    )
    pd.testing.assert_index_equal(again.groups_, windows.groups_, exact=True)


REGRESSORS = {
    "bagging": BaggingRegressor(Ridge(), n_estimators=2, random_state=0),
    "chain": RegressorChain(Ridge()),
    "one for each output": MultiOutputRegressor(LinearSVR()),
    "perceptron": MLPRegressor(
        hidden_layer_sizes=2, solver="sgd", learning_rate_init=1e-6, max_iter=1
    ),
    "perceptron, Adam": MLPRegressor(hidden_layer_sizes=2, max_iter=1, random_state=0),
    "stacking": StackingRegressor([("a", Ridge()), ("b", LinearSVR())], cv=2),
    "voting": VotingRegressor([("a", Ridge()), ("b", LinearSVR())]),
    "target": TransformedTargetRegressor(RidgeCV(), transformer=PowerTransformer()),
    "union": make_pipeline(
        FeatureUnion([("a", StandardScaler()), ("b", SplineTransformer(3))]),
        PolynomialFeatures(),
        KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
        Ridge(),
    ),
    "columns": make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", drop="first"), [0, 2]),
            (OrdinalEncoder(), slice(1, 2)),
        ),
        SGDRegressor(average=True, max_iter=5, tol=None),
    ),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_of_scikit_learn_come_back(name, tmp_path):
    """What is listed is stored behind windows, and predicts the same."""
    X = series()[["load"]].round()
    has_two = name in ("chain", "one for each output")
    y = X.assign(twice=2 * X["load"]) if has_two else X["load"]
    windows = SlidingWindow(3, layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), clone(REGRESSORS[name]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a perceptron that has not converged
        pipe.fit(X, y)
        again = load(save(pipe, tmp_path / "file"))
        assert_array_equal(again.predict(X), pipe.predict(X))


def test_scikit_learn_still_warns_of_its_own_version(tmp_path, monkeypatch):
    """The version of scikit-learn, on its own classes, works as ever."""
    with monkeypatch.context() as patch:
        patch.setattr("sklearn.base.__version__", "0.1")
        path = save(LinearRegression(), tmp_path / "file")
    with pytest.warns(InconsistentVersionWarning, match=r"LinearRegression.*0\.1"):
        load(path)


# -- what is not saved ----------------------------------------------------------------


class OwnOffset(pd.offsets.CustomBusinessDay):
    """An offset of a user's own."""


def test_what_load_would_not_build_is_not_saved(tmp_path):
    """The first part that is not listed is named with its place, in one sentence."""
    search = GridSearchCV(LinearRegression(), {}, cv=TimeSeriesSplit(2))
    search.fit(np.arange(9.0)[:, None], np.arange(9.0))
    endless = {}
    endless["endless"] = endless
    holidays = pd.offsets.CustomBusinessDay(holidays=["2024-01-03"])
    plant = series("h", tz=dateutil.tz.tzoffset("plant", 3600))
    dated = panel()[:20].drop(columns="country").assign(store=datetime.date(2024, 1, 1))
    two = np.arange(6.0)[:, None]
    for estimator, words in [
        (
            make_pipeline(FunctionTransformer(textwrap.dedent)),
            r"dedent at steps\[0\]\[1\]",
        ),
        (FunctionTransformer(inverse_func=np.exp), "exp"),
        (FunctionTransformer(kw_args=endless), "deep"),
        (search, "; save its best_estimator_"),
        (KerasRegressor(textwrap.dedent), "KerasRegressor"),
        (make_pipeline(StandardScaler(), memory="folder"), "memory='folder'"),
        (make_pipeline(FeatureHasher()), r"FeatureHasher at steps\[0\]\[1\]"),
        (KNeighborsRegressor(1, algorithm="brute").fit(two, two), "KNeighbors"),
        (BaggingRegressor(SVR()), "SVR at estimator"),
        (DecisionTreeRegressor(), "DecisionTreeRegressor"),
        (HistGradientBoostingRegressor(), "HistGradientBoosting"),
        (StandardScaler().set_params(with_std=tmp_path), "PosixPath at with_std"),
        (SlidingWindow(2).fit(series(holidays, tz=None)), "CustomBusinessDay"),
        (SlidingWindow(2).fit(series(OwnOffset(), tz=None)), "OwnOffset"),
        (SlidingWindow(2).fit(plant), "tzoffset"),
        (SlidingWindow(2, groups="store", time="day").fit(dated), "groups_|keys"),
        ("pipe", "Got str"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            save(estimator, tmp_path / "file")
        said = str(caught.value)
        assert said.count("Got ") == 1 and said.endswith(".") and "\n" not in said
        assert len(said) < 300
    assert not [*tmp_path.iterdir()]


def test_callbacks_are_refused(tmp_path):
    """A file has no callbacks of scikit-learn."""
    callback = pytest.importorskip("sklearn.callback")
    scores = callback.ScoringMonitor(scoring="neg_mean_absolute_error")
    regressor = LSTMRegressor(2).set_callbacks(scores)
    with pytest.raises(ValueError, match=r"ScoringMonitor at regressor\._skl"):
        save(TransformedTargetRegressor(regressor), tmp_path / "file")


def test_skops_is_asked_for(tmp_path, monkeypatch):
    """Without skops both functions say what to install."""
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for function, owner in ((load, "load"), (lambda p: save(Ridge(), p), "save")):
        with pytest.raises(ImportError, match=rf"{owner} needs .*sklstm\[storage\]"):
            function(tmp_path / "file")


# -- files from strangers -------------------------------------------------------------


@pytest.fixture(scope="module")
def content(stored, tmp_path_factory):
    """Return the bytes of a file of each pipeline."""
    folder = tmp_path_factory.mktemp("files")
    return {n: save(p, folder / n).read_bytes() for n, (p, _) in stored.items()}


def refused(path, words="load needs"):
    """Assert that a file is refused in one short line."""
    with pytest.raises(ValueError, match=words) as caught:
        load(path)
    said = str(caught.value)
    assert said.startswith("load needs a file that sklstm.save wrote. Got ")
    assert "\n" not in said and len(said) < 300 and said.endswith(".")


def forged(content, change):
    """Return a file whose tree and arrays were changed by someone who knows how."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    tree = json.loads(files["schema.json"])
    tree = change(tree, files) or tree
    files["schema.json"] = tree if isinstance(tree, bytes) else json.dumps(tree)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as new:
        for name, written in files.items():
            new.writestr(name, written)
    return archive.getvalue()


def node(kind, content, loader, **more):
    module, _, name = kind.rpartition(".")
    own = {"__class__": name, "__module__": module, "__loader__": loader}
    return {**own, "content": content, **more}


def text(value):
    return node("builtins.str", json.dumps(value), "JsonNode")


def within(estimator):
    """Return a change that puts a node in the place of the estimator."""

    def change(tree, files):
        del files
        tree["content"]["estimator"] = estimator

    return change


def called(kind, *arguments, loader="ConstructorFromReduceNode"):
    parts = node("builtins.tuple", [text(each) for each in arguments], "TupleNode")
    return within(node(kind, parts, loader))


def nested(depth, width=1):
    part = text(1)
    for number in range(depth):
        parts = [part] * width
        part = node("builtins.list", parts, "ListNode", __id__=number + 10)
    return within(part)


def shared(depth):
    """Return a list of two lists, both of them one list of two, and so on."""
    part = node("builtins.list", [], "ListNode", __id__=1)
    for number in range(2, depth):
        ref = node("builtins.list", [text(0)], "ListNode", __id__=number - 1)
        part = node("builtins.list", [part, ref], "ListNode", __id__=number)
    return within(part)


def edited(path, value, beside=""):
    """Return a change of the first part of a name, which stands beside another."""

    def change(tree, files):
        found = [tree]
        while found:
            part = found.pop()
            is_there = isinstance(part, dict) and {path, beside or path} <= {*part}
            if is_there and "__loader__" in part[path]:
                if isinstance(value, np.ndarray):
                    new = io.BytesIO()
                    np.save(new, value)
                    files["new.npy"] = new.getvalue()
                    array = {"type": "numpy", "file": "new.npy"}
                    part[path] = {**node("numpy.ndarray", None, "NdArrayNode"), **array}
                else:
                    part[path] = text(value)
                return
            parts = part.values() if isinstance(part, dict) else part
            found += [each for each in parts if isinstance(each, dict | list)]
        raise AssertionError(f"no {path}")

    return change


def huge_header(tree, files):
    del tree
    name = next(name for name in files if name.endswith(".npy"))
    files[name] = re.sub(rb"'shape': \(.*?\)", b"'shape': (9999999999,)", files[name])


ATTACKS = {
    "a call": called("os.mkdir", "mark"),
    "a function": called("os.mkdir", "mark", loader="FunctionNode"),
    "a partial": called("functools.partial", "mark", loader="PartialNode"),
    "an import": called("antigravity.fly", "mark", loader="ObjectNode"),
    "neighbours": called("sklearn.neighbors.KNeighborsRegressor", loader="ObjectNode"),
    "no estimator": within(text(3)),
    "another format": lambda tree, files: edited("sklstm", FORMAT + 1)(tree, files),
    "deep": nested(400),
    "wide": nested(1, 300_001),
    "shared": shared(60),
    "deep JSON": lambda tree, files: b"[" * 200_000,
    "JSON in a string": within(node("builtins.str", "[" * 9999, "JsonNode")),
    "a huge array": huge_header,
    "a bomb": lambda tree, files: files.update(zeros=bytes(100 << 20)),
    "a window of floats": edited("window", 3.5, "n_channels"),
    "a float patch": edited("patch", 1.0, "n_channels"),
    "patch 0": edited("patch", 0, "n_channels"),
    "a giant window": edited("window", 10**9, "n_channels"),
    "another activation": edited("activation", "maxout", "n_channels"),
    "weights of another shape": edited("weights", np.zeros((2, 2), np.float32)),
    "NaN in a map": edited("target_mean", np.full(4, np.nan)),
    "infinity in a map": edited("input_mean", np.full(1, np.inf, np.float32)),
    "a long name": within(node(f"x.{'y' * 9999}", None, "ObjectNode")),
    "lines in a name": within(node("x.\n\n\x1b[31my", None, "ObjectNode")),
    "context of one dimension": edited("values", np.zeros(9, np.float32), "codes"),
    "context of other rows": edited("values", np.zeros((2, 1), np.float32), "codes"),
    "a group that is not there": edited("codes", np.full(9, 7), "first_labels"),
    "a giant delay": edited("lag_", 10**9),
    "labels of another kind": edited("__plain__", "lunar"),
    "a zone that names a file": lambda tree, files: json.loads(
        json.dumps(tree).replace("Europe/Berlin", "dateutil//etc/passwd")
    ),
    "a dtype with a zone": lambda tree, files: json.loads(
        re.sub(r'"(int64|str|object)\\', r'"M8[ns, dateutil/x]\\', json.dumps(tree))
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_by_hand_are_refused(name, content, tmp_path, monkeypatch):
    """Nothing is run, nothing grows: a false file is refused in one line."""
    monkeypatch.chdir(tmp_path)
    which = "series" if name.startswith("a zone") else "panel"
    words = {"a zone that names a file": "a time zone", "a dtype with a zone": "dtype"}
    path = tmp_path / "file"
    path.write_bytes(forged(content[which], ATTACKS[name]))
    begin = time.monotonic()
    refused(path, words.get(name, "load needs"))
    assert time.monotonic() - begin < 10
    assert "antigravity" not in sys.modules
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_false_states_of_scikit_learn_are_refused(tmp_path):
    """What compiled code would follow out of bounds is checked when it is loaded."""
    X = pd.DataFrame({"day": ["Mon", "Tue", "Wed"] * 5})
    hot = OneHotEncoder(drop="first").fit(X)
    dense = np.random.default_rng(0).normal(size=(15, 3))
    sgd = SGDRegressor(warm_start=True, max_iter=1, tol=None).fit(dense, dense[:, 0])
    mlp = clone(REGRESSORS["perceptron"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlp.fit(dense, dense[:, 0])
    pipe = make_pipeline(StandardScaler())
    spline = SplineTransformer().fit(dense)
    for estimator, change, words in [
        (hot, edited("drop_idx_", np.array([9])), "encoder"),
        (hot, edited("max_categories", 2), "max_categories"),
        (sgd, edited("coef_", np.zeros(1)), "coef_"),
        (mlp, edited("pos", 10**6), "RandomState"),
        (pipe, edited("memory", "folder"), "memory='folder'"),
        (FunctionTransformer(), edited("func", "os.remove"), "os.remove"),
        (spline, edited("parts", 3), "Error"),
    ]:
        path = save(estimator, tmp_path / "file")
        path.write_bytes(forged(path.read_bytes(), change))
        refused(path, words)


def test_foreign_and_cut_files_are_told(content, tmp_path):
    """What something else wrote is refused, and nothing in it is run."""
    path, mark = tmp_path / "file", tmp_path / "mark"

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    arrays = io.BytesIO()
    np.savez(arrays, a=np.zeros(3))
    for written in (
        b"",
        b"series,1,2\n",
        b"sklstm estimator, format 3, version 0.1.0, 9 bytes\n",
        pickle.dumps(Hostile()),
        arrays.getvalue(),
        skops_io.dumps(Ridge()),
        *(content["panel"][:length] for length in range(1, 9000, 700)),
        content["panel"][:-1],
    ):
        path.write_bytes(written)
        refused(path)
    assert not mark.exists()
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["series", "panel"])
def test_altered_files_are_refused_or_predict(name, content, stored, tmp_path):
    """Flipped bits and changed numbers: a line of ours, or finite predictions."""
    rng, path, X = np.random.default_rng(0), tmp_path / "file", stored[name][1]

    def flip(tree, files):
        leaves, left = [], [tree["content"]["estimator"]]
        while left:
            part = left.pop()
            parts = part.values() if isinstance(part, dict) else part
            left += [each for each in parts if isinstance(each, dict | list)]
            is_leaf = isinstance(part, dict) and part.get("__loader__") == "JsonNode"
            if is_leaf and not part["content"].startswith('"'):
                leaves.append(part)
        leaf = leaves[rng.integers(len(leaves))]
        leaf["content"] = str(rng.choice(["-1", "1.5", "null", '"x"', "1e999", "99"]))

    end = time.monotonic() + 15
    for number in range(60):
        if time.monotonic() > end:
            break
        if number % 2:
            altered = forged(content[name], flip)
        else:
            altered = bytearray(content[name])
            altered[rng.integers(len(altered))] ^= 1 << int(rng.integers(8))
        path.write_bytes(altered)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                again = load(path)
            except ValueError as error:
                assert str(error).startswith("load needs a file")
                assert len(str(error)) < 300 and "\n" not in str(error)
                continue
            try:
                assert np.isfinite(again.predict(X)).all()
            except ValueError as error:
                # Another step or another column is a valid model of other rows.
                assert str(error).startswith("SlidingWindow needs")


# -- how files are written ------------------------------------------------------------


def test_an_interrupted_save_loses_nothing(tmp_path, monkeypatch):
    """Whatever happens while a file is written, the one before stays as it was."""
    path = write_file(tmp_path / "file", b"before")

    def interrupted(*_):
        raise KeyboardInterrupt

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                save(LSTMRegressor(), path)
        assert path.read_bytes() == b"before"
        assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert write_file(path, b"after").read_bytes() == b"after"


def test_files_have_the_usual_rights_and_links_stay(tmp_path):
    """A replaced file keeps its rights; the file behind a link is written."""
    usual = tmp_path / "usual"
    usual.write_bytes(b"")
    path = write_file(tmp_path / ("f" * 255), b"")
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    write_file(tmp_path / "link", b"after")
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "link").is_symlink() and path.read_bytes() == b"after"


def test_only_regular_files_are_written(tmp_path, monkeypatch):
    """No path, no folder, a folder, a FIFO, a device: one sentence that names it."""
    for function in (load, lambda path: write_file(path, b"")):
        for path in (io.BytesIO(), b"file", None):
            with pytest.raises(TypeError, match=f"path must be.*{type(path).__name__}"):
                function(path)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "device", "folder"):
        with pytest.raises(FileExistsError, match="path must lead to a regular file"):
            write_file(tmp_path / name, b"")
    with pytest.raises(FileNotFoundError, match=r"'.*nowhere', which is no folder"):
        save(LSTMRegressor(), tmp_path / "nowhere" / "file")

    def denied(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", denied)
    # The file that was asked for is named, not one beside it.
    with pytest.raises(PermissionError, match=r"file'$") as caught:
        save(LSTMRegressor(), tmp_path / "file")
    assert caught.value.filename == str(tmp_path / "file")
    for call in (lambda path: save(LSTMRegressor(), path), load):
        with pytest.raises(ValueError, match="no null byte"):
            call(tmp_path / "a\0b")
