"""Keeping a model: what is stored predicts the same, what is not whole says so."""

import contextlib
import copy
import datetime
import hashlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
import textwrap
import warnings
import zipfile
from dataclasses import replace

import dateutil.tz
import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    HistGradientBoostingRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR, LinearSVR
from sklearn.tree import DecisionTreeRegressor

from sklstm import KerasRegressor, LSTMRegressor, SlidingWindow, load, save
from sklstm._files import write_whole
from sklstm._stamp import FORMAT, StoredStateError
from sklstm._storage import TRUSTED, _header

skops_io = pytest.importorskip("skops.io")

N_ROWS = 60


def walk(n_rows, seed=0):
    return 20 + np.random.default_rng(seed).normal(size=n_rows).cumsum()


def series():
    """Return a frame of two columns with an hourly index in a time zone."""
    index = pd.date_range("2024-03-30", periods=N_ROWS, freq="h", tz="Europe/Berlin")
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
    long = panel()
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


def pickle_to(estimator, path):
    path.write_bytes(pickle.dumps(estimator))


# How each route writes a file.
ROUTES = {
    "pickle": pickle_to,
    "joblib": joblib.dump,
    "skops": skops_io.dump,
    "save": save,
}

FRESH = f"""
import pickle
import sys
import joblib
import numpy as np
import skops.io
import sklstm

readers = {{
    "pickle": lambda path: pickle.load(open(path, "rb")),
    "joblib": joblib.load,
    "skops": lambda path: skops.io.load(path, trusted={TRUSTED}),
    "save": sklstm.load,
}}
X = joblib.load("rows")
for route, read in readers.items():
    np.save(f"{{route}}.npy", read(route).predict(X))
names = {{name.split(".")[0] for name in sys.modules}}
print(sorted(names & {{"tensorflow", "keras", "scikeras"}}))
"""


@pytest.mark.parametrize("name", ["series", "panel"])
def test_a_fresh_process_predicts_the_same(name, stored, tmp_path):
    """Read back without TensorFlow, by every route, predictions are bitwise equal."""
    pipe, X = stored[name]
    for route, write in ROUTES.items():
        write(pipe, tmp_path / route)
    joblib.dump(X, tmp_path / "rows")
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", FRESH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "[]\n", done.stderr
    for route in ROUTES:
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


@pytest.mark.parametrize("name", ["series", "panel"])
def test_only_own_types_are_to_be_trusted(name, stored, tmp_path):
    """Types of this package alone are asked for by skops, in a file of ``save`` too."""
    pipe, _ = stored[name]
    path = save(pipe, tmp_path / "file")
    for untrusted in (
        skops_io.get_untrusted_types(data=skops_io.dumps(pipe)),
        skops_io.get_untrusted_types(file=path),
    ):
        assert untrusted
        assert set(untrusted) <= set(TRUSTED)
        assert all(each.startswith("sklstm.") for each in untrusted)


@pytest.mark.parametrize("name", ["series", "panel"])
def test_files_are_small(name, stored, tmp_path):
    """A file holds little beside the weights and the state of their optimizer."""
    pipe, _ = stored[name]
    numbers = sum(3 * w.nbytes for w in pipe[-1].weights_) * pipe[-1].n_models
    joblib.dump(pipe, tmp_path / "joblib", compress=3)
    assert len(pickle.dumps(pipe)) < numbers + 8_000
    assert (tmp_path / "joblib").stat().st_size < numbers + 5_000
    assert save(pipe, tmp_path / "save").stat().st_size < numbers + 25_000


def test_a_file_does_not_grow_with_every_fit(stored):
    """An ensemble that is fitted again keeps nothing of the one before."""
    regressor = LSTMRegressor(2, epochs=1, n_models=2, random_state=0)
    X, y = np.random.default_rng(0).normal(size=(2, 30, 1))
    sizes = [len(pickle.dumps(regressor.fit(X, y[:, 0]))) for _ in range(3)]
    assert sizes[0] == sizes[1] == sizes[2]


# -- versions ------------------------------------------------------------------------


def fitted_states(stored):
    """Return the two estimators of the package from a pipeline."""
    return stored["series"][0][1:]


def set_state(estimator, state):
    """Return an estimator from a state, as pickle and skops make it."""
    new = object.__new__(type(estimator))
    new.__setstate__(state)
    return new


@pytest.mark.parametrize("form", [None, FORMAT + 1, 0, "1"])
def test_another_format_is_told(form, stored):
    """A state of another format, or without a stamp, is one sentence."""
    for estimator in fitted_states(stored):
        state = estimator.__getstate__()
        assert state["_sklstm_format"] == FORMAT
        assert state["_sklstm_version"] == sys.modules["sklstm"].__version__
        state["_sklstm_format"] = form
        name = type(estimator).__name__
        with pytest.raises(
            StoredStateError,
            match=rf"A stored {name} must be of format {FORMAT}.*Got .*load",
        ):
            set_state(estimator, state)


def test_a_newer_version_is_a_warning_and_an_older_one_nothing(stored):
    """In the same format, a state of another version is read."""
    for estimator in fitted_states(stored):
        state = estimator.__getstate__()
        newer, older = ({**state, "_sklstm_version": v} for v in ("99.0.0", "0.0.9"))
        with pytest.warns(UserWarning, match="comes from sklstm 99.0.0"):
            set_state(estimator, newer)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = set_state(estimator, older)
        assert vars(again).keys() == vars(estimator).keys()


def test_scikit_learn_still_warns_of_its_own_version(stored):
    """The stamp of scikit-learn, on its own classes, works as ever."""
    pipe, _ = stored["series"]
    state = pipe.__getstate__()
    with pytest.warns(InconsistentVersionWarning, match="Pipeline from version 0.1"):
        set_state(pipe, {**state, "_sklearn_version": "0.1"})


# -- damaged states ------------------------------------------------------------------


def change_member(state, **changes):
    state["_members"] = [replace(state["_members"][0], **changes)]


def changed_scaling(state, **changes):
    change_member(state, scaling=replace(state["_members"][0].scaling, **changes))


def set_weight(state, position, array):
    weights = [*state["_members"][0].weights]
    weights[position] = array
    change_member(state, weights=weights)


DAMAGED_REGRESSORS = {
    "no networks": (lambda s: s.pop("_members"), "without '_members'"),
    "no network": (lambda s: s.update(_members=[]), "do not fit together"),
    "a network without a seed": (
        lambda s: vars(s["_members"][0]).pop("seed"),
        "without 'seed'",
    ),
    "no weights list": (
        lambda s: change_member(s, weights=None),
        "do not fit together",
    ),
    "too few weights": (lambda s: s["_members"][0].weights.pop(), "weights of shapes"),
    "a weight of another shape": (
        lambda s: set_weight(s, 1, np.zeros((2, 2), np.float32)),
        "weights of shapes",
    ),
    "a weight that is NaN": (
        lambda s: set_weight(s, 0, s["_members"][0].weights[0] * np.float32(np.nan)),
        r"NaN or infinity in 'weights\[0\]'",
    ),
    "a weight of strings": (
        lambda s: set_weight(s, 0, np.array(["a"])),
        r"weights\[0\] that is no array",
    ),
    "another window": (lambda s: s.update(window_=9), "a network of"),
    "an unknown activation": (
        lambda s: change_member(
            s,
            recipe=replace(
                s["_members"][0].recipe,
                spec=replace(s["_members"][0].recipe.spec, activation="maxout"),
            ),
        ),
        "maxout",
    ),
    "a recipe of another kind": (lambda s: change_member(s, recipe=3), "a int as"),
    "a scaling of another kind": (lambda s: change_member(s, scaling={}), "a dict as"),
    "losses of unequal length": (
        lambda s: change_member(s, history={"loss": [1.0], "val_loss": []}),
        r"losses of \[0, 1\] epochs",
    ),
    "infinity in the scaling": (
        lambda s: changed_scaling(s, target_mean=np.array([np.inf])),
        "NaN or infinity in 'target_mean'",
    ),
    "a scale of 0": (
        lambda s: changed_scaling(s, input_scale=np.zeros(2, np.float32)),
        "not finite",
    ),
    "a negative scale": (
        lambda s: changed_scaling(s, target_scale=np.array([-1.0])),
        "negative numbers",
    ),
    "too much weight": (
        lambda s: changed_scaling(s, network_weight=-5.0),
        r"weight -5\.0",
    ),
    "channels centred by words": (
        lambda s: changed_scaling(s, is_centred=np.array(["x", "y"])),
        "as 'is_centred'",
    ),
    "no last level": (
        lambda s: changed_scaling(s, last_level=None),
        "not finite|do not fit together",
    ),
    "channels too many": (
        lambda s: changed_scaling(s, input_mean=np.zeros(5, np.float32)),
        "do not fit together",
    ),
    "a level beyond the channels": (
        lambda s: changed_scaling(s, level_channel=np.array([7])),
        "do not fit together",
    ),
    "a highway of another length": (
        lambda s: changed_scaling(
            s,
            highway=replace(s["_members"][0].scaling.highway, kernel=np.zeros((3, 2))),
        ),
        "Got ",
    ),
    "an ensemble of numbers": (
        lambda s: s["_members"].append(1),
        "a int as '_members'",
    ),
    "an ensemble of several networks": (
        lambda s: s["_members"].append(
            replace(
                s["_members"][0],
                recipe=replace(
                    s["_members"][0].recipe,
                    spec=replace(s["_members"][0].recipe.spec, activation="relu"),
                ),
            )
        ),
        "networks of several shapes",
    ),
}


@pytest.mark.parametrize("case", DAMAGED_REGRESSORS)
def test_a_damaged_regressor_is_told_when_it_is_read(case, stored):
    """What is missing, of a wrong shape or not finite is one sentence, at once."""
    regressor = stored["series"][0][-1]
    state = copy.deepcopy(regressor).__getstate__()
    damage, words = DAMAGED_REGRESSORS[case]
    damage(state)
    with pytest.raises(
        StoredStateError, match=rf"(?s)LSTMRegressor must be whole.*{words}.*anew"
    ):
        set_state(regressor, state)


DAMAGED_WINDOWS = {
    "no context labels": (
        "panel",
        lambda s: s.pop("_context_labels"),
        "without '_context_labels'",
    ),
    "no first rows": ("series", lambda s: s.pop("_first_rows"), "'_first_rows'"),
    "a context of one dimension": (
        "series",
        lambda s: s.update(context_=s["context_"].ravel()),
        "1-D float32 as 'context_'",
    ),
    "a context of too many channels": (
        "series",
        lambda s: s.update(context_=np.zeros((3, 9), np.float32)),
        r"'context_' of shape \(3, 9\)",
    ),
    "infinity in the context": (
        "series",
        lambda s: s.update(context_=s["context_"] * np.float32(np.inf)),
        "not finite",
    ),
    "a timeline of another kind": (
        "series",
        lambda s: s.update(timeline_="hourly"),
        "a str as 'timeline_'",
    ),
    "no context": ("series", lambda s: s.pop("context_"), "without 'context_'"),
    "a lag before": ("series", lambda s: s.update(lag_=-3), "-3 as 'lag_'"),
    "labels too few": (
        "panel",
        lambda s: s["_context_labels"].update(numbers=np.arange(2)),
        "do not fit together",
    ),
    "groups that begin nowhere": (
        "panel",
        lambda s: s.update(_context_starts=s["_context_starts"] + 1),
        "do not fit together",
    ),
}


@pytest.mark.parametrize("case", DAMAGED_WINDOWS)
def test_a_damaged_transformer_is_told_when_it_is_read(case, stored):
    """A context that does not fit its columns, groups or labels is one sentence."""
    name, damage, words = DAMAGED_WINDOWS[case]
    pipe = stored[name][0]
    sliding_window = pipe[1] if name == "series" else pipe[0]
    state = copy.deepcopy(sliding_window).__getstate__()
    damage(state)
    with pytest.raises(
        StoredStateError, match=rf"(?s)A stored SlidingWindow must be whole.*{words}"
    ):
        set_state(sliding_window, state)


def test_damaged_labels_are_told_when_they_are_read(stored):
    """Labels and timelines that are none are one sentence."""
    timeline = stored["series"][0][1].timeline_
    for damage in (
        {"last": {"kind": "stamp", "numbers": np.zeros(1)}},
        {"last": {"kind": "lunar"}},
        {"last": 3},
        {"step": {"kind": "custom", "name": "eval"}},
        {"step": None},
        {"step": 3},
        {"kind": "lunar"},
        {"kind": ["stamp"]},
        {"last": {**timeline.__getstate__()["last"], "zone": "dateutil//etc/passwd"}},
    ):
        with pytest.raises(StoredStateError, match="must be whole and as it was"):
            set_state(timeline, {**timeline.__getstate__(), **damage})
    with pytest.raises(StoredStateError, match="A stored Timeline must be whole"):
        set_state(timeline, {})


def test_checks_wait_for_a_fit():
    """Unfitted estimators are read back, with any parameters."""
    for estimator in (LSTMRegressor(units=-1), SlidingWindow(window="x")):
        again = pickle.loads(pickle.dumps(estimator))
        assert again.get_params() == estimator.get_params()


# -- files that are not whole, or not ours ---------------------------------------------


@pytest.fixture(scope="module")
def content(stored, tmp_path_factory):
    """Return the bytes of a file."""
    return save(stored["panel"][0], tmp_path_factory.mktemp("file") / "f").read_bytes()


def raises_one_sentence(path, words):
    with pytest.raises(StoredStateError, match=words) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_truncated_file_is_told(content, tmp_path):
    """A file that was cut off anywhere is one sentence."""
    path = tmp_path / "file"
    header = content.index(b"\n") + 1
    for length in (*range(1, header, 7), header, header + 1, len(content) - 1):
        path.write_bytes(content[:length])
        raises_one_sentence(path, "cut off|sklstm.save wrote. Got 'file', which begins")
    path.write_bytes(content + b"more")
    raises_one_sentence(path, "altered")


def test_an_altered_file_is_told(content, tmp_path):
    """A file with one changed byte, wherever it is, is one sentence."""
    path = tmp_path / "file"
    for place in np.linspace(0, len(content) - 1, 211).astype(int):
        altered = bytearray(content)
        altered[place] ^= 0x11
        path.write_bytes(altered)
        raises_one_sentence(path, f"load needs a file|must be of format {FORMAT}")


def test_a_foreign_file_is_told(stored, tmp_path):
    """What something else wrote is named, and nothing in it is run."""
    path, mark = tmp_path / "file", tmp_path / "mark"

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    archive = io.BytesIO()
    np.savez(archive, a=np.zeros(3))
    foreign = {
        b"": "which is empty",
        pickle.dumps(Hostile()): "a pickle, which load never opens",
        archive.getvalue(): "a zip archive",
        skops_io.dumps(stored["panel"][0]): "a zip archive, as skops",
        b"series,1,2\n": r"begins with b'series,1,2\\n'",
    }
    for written, words in foreign.items():
        path.write_bytes(written)
        raises_one_sentence(path, words)
    assert not mark.exists()
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")


def test_a_file_of_another_version_is_told(content, tmp_path):
    """The first line says which version wrote a file, and in what format."""
    path = tmp_path / "file"
    own, other = (f"format {n},".encode() for n in (FORMAT, FORMAT + 1))
    path.write_bytes(content.replace(own, other, 1))
    raises_one_sentence(path, f"must be of format {FORMAT}.*Got format {FORMAT + 1} of")


def forged(change, content):
    """Return a file whose schema was changed by someone who knows the first line."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    files["schema.json"] = json.dumps(change(schema)).encode()
    new = io.BytesIO()
    with zipfile.ZipFile(new, "w") as archive:
        for name, written in files.items():
            archive.writestr(name, written)
    return _header(new.getvalue()) + new.getvalue()


def calls(module, name, *arguments):
    """Return a schema that asks skops to call something."""

    def change(schema):
        content = json.loads(json.dumps(schema))
        text = [
            {
                "__class__": "str",
                "__module__": "builtins",
                "__loader__": "JsonNode",
                "content": json.dumps(argument),
            }
            for argument in arguments
        ]
        call = {
            "__class__": name,
            "__module__": module,
            "__loader__": "ConstructorFromReduceNode",
            "content": {
                "__class__": "tuple",
                "__module__": "builtins",
                "__loader__": "TupleNode",
                "content": text,
            },
        }
        return {**call, "protocol": content["protocol"]}

    return change


@pytest.mark.parametrize("module, name", [("os", "mkdir"), ("sklstm._files", "open")])
def test_a_forged_file_runs_nothing(module, name, content, tmp_path):
    """What is not trusted by name is not even imported."""
    path, mark = tmp_path / "file", tmp_path / "mark"
    path.write_bytes(forged(calls(module, name, str(mark)), content))
    raises_one_sentence(path, rf"Untrusted.*{module}.{name}.*do not trust it")
    assert not mark.exists()


def test_functions_of_the_package_are_not_trusted(content, tmp_path):
    """No function of the package can be called by a file, only types are made."""
    path = tmp_path / "file"
    path.write_bytes(
        forged(calls("sklstm.network._backend", "backend", "this"), content)
    )
    raises_one_sentence(path, r"Untrusted.*sklstm\.network\._backend\.backend")
    assert "this" not in sys.modules
    for name in TRUSTED:
        module, _, own = name.rpartition(".")
        assert isinstance(getattr(sys.modules[module], own), type)


def test_a_trusted_type_runs_nothing_when_it_is_called(content, tmp_path):
    """Whatever a file gives to a type that is trusted, nothing happens on the disk."""
    path, mark = tmp_path / "file", tmp_path / "mark"
    for name in TRUSTED:
        module, _, own = name.rpartition(".")
        for arguments in ([str(mark)], [str(mark)] * 3, []):
            path.write_bytes(forged(calls(module, own, *arguments), content))
            with contextlib.suppress(StoredStateError):
                load(path)
            assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_that_holds_no_estimator_is_told(content, tmp_path):
    """A whole file with something else in it is one sentence."""
    path = tmp_path / "file"
    archive = skops_io.dumps([1, 2])
    path.write_bytes(_header(archive) + archive)
    raises_one_sentence(path, "an estimator. Got 'file' with a list in it")
    archive = b"no archive"
    path.write_bytes(_header(archive) + archive)
    raises_one_sentence(path, "BadZipFile")


def test_the_first_line_is_documented_by_its_digest(content):
    """The digest is the SHA-256 of all of the file but itself."""
    line, _, archive = content.partition(b"\n")
    begin, digest = line[:-64], line[-64:].decode()
    assert re.fullmatch(
        rb"sklstm estimator, format %d, version [\d.]+, \d+ bytes, sha256 " % FORMAT,
        begin,
    )
    assert hashlib.sha256(begin + archive).hexdigest() == digest


# -- what cannot be saved, and how it is written -------------------------------------


def test_what_load_would_not_trust_is_not_saved(stored, tmp_path, monkeypatch):
    """Own functions, searches and other things are one sentence; nothing is written."""
    path = tmp_path / "file"
    own = make_pipeline(FunctionTransformer(textwrap.dedent), LinearRegression())
    search = GridSearchCV(LinearRegression(), {}, cv=TimeSeriesSplit(2))
    search.fit(np.arange(9.0)[:, None], np.arange(9.0))
    builder = KerasRegressor(textwrap.dedent)
    endless = {}
    endless["endless"] = endless
    for estimator, words in [
        (own, r"Got \['textwrap.dedent'\]"),
        (search, "best_estimator_"),
        (builder, "textwrap.dedent"),
        (FunctionTransformer(kw_args=endless), "at kw_args, which skops cannot store"),
        ("pipe", "Got str"),
    ]:
        with pytest.raises(ValueError, match=words):
            save(estimator, path)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for function, owner in ((load, "load"), (lambda p: save(own, p), "save")):
        with pytest.raises(ImportError, match=rf"{owner} needs .*sklstm\[storage\]"):
            function(path)
    assert not path.exists()


def test_what_is_in_the_way_is_named_with_its_place(tmp_path):
    """The part that cannot be stored, where it is, and what helps, in one sentence."""
    days = pd.date_range("2024-01-01", periods=12, freq="D")
    values = pd.DataFrame({"load": walk(12)}, index=days)
    local = values.tz_localize(dateutil.tz.tzoffset("plant", 3600))
    stamped = values.set_axis([days[0]], axis=1)
    dated = values.assign(opened=[datetime.date(2024, 1, 1)] * 12)
    search = GridSearchCV(LinearRegression(), {}, cv=TimeSeriesSplit(2))
    search.fit(np.arange(9.0)[:, None], np.arange(9.0))
    cases = [
        (
            make_pipeline(SlidingWindow(2).fit(local)),
            r"zone tzoffset\('plant', 3600\) at steps\[0\]\[1\]\.timeline_.*tz_convert",
        ),
        (
            make_pipeline(StandardScaler(), SlidingWindow(2).fit(stamped)),
            r"a name that is Timestamp.* at steps\[1\]\[1\]\._columns\[0\]; name col",
        ),
        (
            SlidingWindow(2, groups="opened").fit(dated),
            r"groups of date at groups_; name them by strings",
        ),
        (
            make_pipeline(FunctionTransformer(textwrap.dedent)),
            r"\['textwrap.dedent'\] at steps\[0\]\[1\]\.func; for files of your own",
        ),
        (search, "; save its best_estimator_, or for files of your own"),
    ]
    for estimator, words in cases:
        with pytest.raises(ValueError, match=words) as caught:
            save(estimator, tmp_path / "file")
        said = str(caught.value)
        assert said.count("Got ") == 1 and said.endswith(".") and "\n" not in said
        assert ("best_estimator_" in said) == (estimator is search)
    assert not [*tmp_path.iterdir()]


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
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_of_scikit_learn_come_back(name, tmp_path):
    """What combines others is stored behind windows, and predicts the same."""
    X = series()[["load"]]
    has_two = name in ("chain", "one for each output")
    y = X.assign(twice=2 * X["load"]) if has_two else X["load"]
    windows = SlidingWindow(3, layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), clone(REGRESSORS[name]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a perceptron that has not converged
        pipe.fit(X, y)
    again = load(save(pipe, tmp_path / "file"))
    assert_array_equal(again.predict(X), pipe.predict(X))


@pytest.mark.parametrize(
    "regressor",
    [DecisionTreeRegressor(), HistGradientBoostingRegressor(max_iter=2)],
)
def test_trees_are_refused_and_named(regressor, tmp_path):
    """Nodes are followed wherever they point, so that no tree is trusted."""
    X = series()[["load"]]
    windows = SlidingWindow(3, layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), regressor).fit(X, X["load"])
    with pytest.raises(
        ValueError, match=r"Got \[.*[Tt]ree.*at steps\[2\]\[1\].*pickle"
    ):
        save(pipe, tmp_path / "file")


def test_support_vectors_are_refused_on_both_ways(tmp_path, monkeypatch):
    """Compiled code reads where their numbers say, so that no file brings them."""
    X = series()[["load"]]
    windows = SlidingWindow(3, layout="flat")
    pipe = make_pipeline(windows, SimpleImputer(), SVR()).fit(X, X["load"])
    with pytest.raises(
        ValueError, match=r"Got \['sklearn.svm.*SVR'\] at steps\[2\]\[1\]"
    ):
        save(pipe, tmp_path / "file")
    with monkeypatch.context() as patch:
        patch.setattr("sklstm._storage._FOLLOWING", frozenset())
        save(pipe, tmp_path / "file")
    with pytest.raises(StoredStateError, match=r"SVR'\] in it are not checked"):
        load(tmp_path / "file")


def test_callbacks_are_left_out(tmp_path):
    """A file has no callbacks of scikit-learn; the estimator in memory keeps them."""
    callback = pytest.importorskip("sklearn.callback")
    scores = callback.ScoringMonitor(scoring="neg_mean_absolute_error")
    regressor = LSTMRegressor(2, epochs=1, random_state=0).set_callbacks(scores)
    pipe = make_pipeline(SlidingWindow(3), TransformedTargetRegressor(regressor))
    X = series()
    search = GridSearchCV(pipe, {"slidingwindow__window": [2]}, cv=TimeSeriesSplit(2))
    search.fit(X, X["load"])
    pipe.fit(X, X["load"])
    for estimator in (pipe, search.best_estimator_):
        own = estimator[-1].regressor_._skl_callbacks
        again = load(save(estimator, tmp_path / "file"))
        assert_array_equal(again.predict(X), estimator.predict(X))
        assert estimator[-1].regressor_._skl_callbacks is own and own == [scores]
        for each in (again[-1].regressor, again[-1].regressor_):
            assert "_skl_callbacks" not in vars(each)


def test_a_newer_version_is_told_of_once(stored, tmp_path, monkeypatch):
    """However many objects are in a file, its version is one warning of one load."""
    path = tmp_path / "file"
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["sklstm"], "__version__", "999.1")
        save(stored["series"][0], path)
        pickled = pickle.dumps(stored["series"][0][-1])
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            load(path)
        assert [each.category for each in caught] == [UserWarning]
        assert "comes from sklstm 999.1" in str(caught[0].message)
        assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="A stored LSTMRegressor comes from"):
        pickle.loads(pickled)


def test_an_interrupted_save_loses_nothing(tmp_path, monkeypatch):
    """Whatever happens while a file is written, the one before stays whole."""
    path = write_whole(tmp_path / "file", b"before")

    def interrupted(*_):
        raise KeyboardInterrupt

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                save(LSTMRegressor(), path)
        assert path.read_bytes() == b"before"
        assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert write_whole(path, b"after").read_bytes() == b"after"


def test_a_file_has_the_usual_rights(tmp_path):
    """A new file may be read as any other, a replaced one as before."""
    usual = tmp_path / "usual"
    usual.write_bytes(b"")
    path = write_whole(tmp_path / "file", b"")
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o600)
    assert write_whole(path, b"").stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path):
    """The file that a symbolic link points to is written, not the link."""
    path = write_whole(tmp_path / "file", b"before")
    (tmp_path / "link").symlink_to(path)
    write_whole(tmp_path / "link", b"after")
    assert (tmp_path / "link").is_symlink()
    assert path.read_bytes() == b"after"


def test_what_is_no_path_is_told_before_any_work(tmp_path):
    """Buffers and folders that are not there are one sentence that names them."""
    for function in (load, lambda path: save(LSTMRegressor(), path)):
        for path in (io.BytesIO(), b"file", None):
            words = f"path must be a str or path-like.*Got {type(path).__name__};"
            with pytest.raises(TypeError, match=words):
                function(path)
    folder = tmp_path / "nowhere"
    words = re.escape(f"Got {str(folder)!r}, which is no folder; make it")
    for function in (lambda p: save(object(), p), lambda p: write_whole(p, b"")):
        with pytest.raises(FileNotFoundError, match=words):
            function(folder / "file")


def test_only_regular_files_are_replaced(tmp_path):
    """A FIFO, a device or a folder is never put out of its place."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/null")
    (tmp_path / "folder").mkdir()
    kinds = {"fifo": "a FIFO", "link": "a device", "folder": "a folder"}
    for name, kind in kinds.items():
        before = (tmp_path / name).stat()
        with pytest.raises(FileExistsError, match=f"a regular file.*which is {kind};"):
            write_whole(tmp_path / name, b"")
        assert (tmp_path / name).stat().st_ino == before.st_ino
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(kinds)


def test_the_longest_name_is_taken(tmp_path):
    """The file that is written first has a short name of its own."""
    path = tmp_path / ("f" * 255)
    assert write_whole(path, b"content").read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_name_the_file_that_was_asked_for(tmp_path, monkeypatch):
    """Not the hidden one that is written first."""

    def refused(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(PermissionError) as caught:
        write_whole(tmp_path / "file", b"")
    assert caught.value.filename == str(tmp_path / "file")
