"""Trees as arrays: what is read back predicts the same, what is not sound says so."""

import copy
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

from sklstm import SlidingWindow, load, save
from sklstm._stamp import StoredStateError
from sklstm._storage import TRUSTED, _header
from sklstm._stored_trees import StoredTree, live_form, stored_form

skops_io = pytest.importorskip("skops.io")

SMALL = {"n_estimators": 3, "random_state": 0}
REGRESSORS = {
    "one tree": DecisionTreeRegressor(random_state=0),
    "one random tree": ExtraTreeRegressor(max_depth=3, random_state=0),
    "a stump": DecisionTreeRegressor(max_depth=1),
    "forest": RandomForestRegressor(**SMALL),
    "random trees": ExtraTreesRegressor(**SMALL),
    "bagging": BaggingRegressor(**SMALL),
    "boosting of weights": AdaBoostRegressor(**SMALL),
    "boosting": GradientBoostingRegressor(**SMALL),
    "boosting from zero": GradientBoostingRegressor(init="zero", **SMALL),
    "boosting of distances": GradientBoostingRegressor(loss="huber", **SMALL),
    "boosting of absolutes": GradientBoostingRegressor(loss="absolute_error", **SMALL),
    "boosting of quantiles": GradientBoostingRegressor(loss="quantile", **SMALL),
    "histograms": HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5),
    "histograms of quantiles": HistGradientBoostingRegressor(
        loss="quantile", quantile=0.2, early_stopping=True, max_iter=3, random_state=0
    ),
    "voting": VotingRegressor(
        [("ridge", Ridge()), ("tree", DecisionTreeRegressor(random_state=0))]
    ),
    "stacking": StackingRegressor(
        [("tree", GradientBoostingRegressor(**SMALL)), ("svr", SVR())], cv=2
    ),
    "one for each output": MultiOutputRegressor(
        HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5)
    ),
    "chain": RegressorChain(DecisionTreeRegressor(random_state=0)),
    "forest of two outputs": RandomForestRegressor(**SMALL),
    "perceptron": MLPRegressor(hidden_layer_sizes=3, max_iter=20, random_state=0),
    "perceptron, plain": MLPRegressor(
        hidden_layer_sizes=3, solver="sgd", max_iter=20, random_state=0
    ),
}
OF_TWO = ("one for each output", "chain", "forest of two outputs")


def series(n_rows=80):
    rng = np.random.default_rng(0)
    index = pd.date_range("2024-01-01", periods=n_rows, freq="h")
    values = 20 + rng.normal(size=(n_rows, 2)).cumsum(axis=0)
    return pd.DataFrame(values, columns=["load", "heat"], index=index)


def fitted(regressor, n_outputs=1):
    """Return a pipeline of lags and of a regressor."""
    X = series()
    pipe = make_pipeline(SlidingWindow(3, layout="flat"), SimpleImputer(), regressor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a perceptron that has not converged
        return pipe.fit(X, X["load"] if n_outputs == 1 else X)


@pytest.fixture(scope="module")
def pipes():
    """Return, by name, fitted pipelines."""
    return {
        name: fitted(copy.deepcopy(regressor), 1 + (name in OF_TWO))
        for name, regressor in REGRESSORS.items()
    }


FRESH = """
import sys
import joblib
import sklstm

X, names = joblib.load("rows")
joblib.dump({name: sklstm.load(name).predict(X) for name in names}, "predictions")
"""


def test_a_fresh_process_predicts_the_same(pipes, tmp_path):
    """Every regressor behind lags is read back, and predicts bit for bit the same."""
    X = series(100)
    for name, pipe in pipes.items():
        save(pipe, tmp_path / name)
    joblib.dump((X, [*pipes]), tmp_path / "rows")
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", FRESH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    predictions = joblib.load(tmp_path / "predictions")
    for name, pipe in pipes.items():
        assert_array_equal(predictions[name], pipe.predict(X), err_msg=name)


def test_an_estimator_stays_as_it_is(pipes):
    """What is stored is a copy where trees are, and the same object elsewhere."""
    pipe = pipes["forest"]
    before = pipe.predict(series())
    stored = stored_form(pipe)
    assert stored[0] is pipe[0] and stored[1] is pipe[1]
    assert isinstance(stored[-1].estimators_[0].tree_, StoredTree)
    assert type(pipe[-1].estimators_[0].tree_).__name__ == "Tree"
    assert_array_equal(pipe.predict(series()), before)
    ridge = make_pipeline(SimpleImputer(), Ridge())
    assert stored_form(ridge) is ridge and live_form(ridge) is ridge


def test_what_is_read_back_goes_on_learning(pipes, tmp_path):
    """Trees that were stored are in the way of no further fit."""
    again = load(save(pipes["boosting"], tmp_path / "file"))
    fit = [
        copy.deepcopy(each)
        .set_params(gradientboostingregressor__n_estimators=5)
        .set_params(gradientboostingregressor__warm_start=True)
        .fit(series(), series()["load"])
        .predict(series())
        for each in (pipes["boosting"], again)
    ]
    assert_array_equal(*fit)


# -- files of somebody else ------------------------------------------------------------


def forged(estimator, path):
    """Write an estimator whose trees are arrays, as somebody could."""
    archive = skops_io.dumps(estimator)
    path.write_bytes(_header(archive) + archive)
    return path


def test_no_tree_of_scikit_learn_is_trusted(pipes, tmp_path):
    """A file with a true tree in it is refused before the tree is made."""
    assert not [name for name in TRUSTED if "ree" in name and "sklstm" not in name]
    for name in ("forest", "histograms"):
        with pytest.raises(StoredStateError, match=r"Untrusted types.*Tree"):
            load(forged(pipes[name], tmp_path / "file"))


def change_nodes(tree, **fields):
    """Put a number into a field of the first node, or of (node, number)."""
    tree.nodes = tree.nodes.copy()
    for name, number in fields.items():
        node, number = number if isinstance(number, tuple) else (0, number)
        tree.nodes[name][node] = number


def change_init(boosting, **attributes):
    vars(boosting.init_).update(attributes)


NODES = {
    "a child beyond": ({"left_child": 10**6}, "that are no tree"),
    "a child below": ({"right_child": -7}, "that are no tree"),
    "a circle": ({"left_child": 0}, "that are no tree"),
    "a child of two": ({"left_child": 2, "right_child": 2}, "that are no tree"),
    "a column beyond": ({"feature": 6}, "columns beyond the 6"),
    "a column below": ({"feature": -2}, "columns beyond the 6"),
    "a leaf too many": ({"left_child": -1}, "that are no tree"),
}
HISTOGRAM_NODES = {
    "a child beyond": ({"left": 10**6}, "that are no tree"),
    "a circle": ({"right": 0}, "that are no tree"),
    "a column beyond": ({"feature_idx": 6}, "columns beyond the 6"),
    "a column below": ({"feature_idx": -1}, "columns beyond the 6"),
    "a leaf too few": ({"is_leaf": (-1, 0)}, "that are no tree"),
    "a category": ({"is_categorical": 1}, "asks for categories"),
}


def first_tree(estimator):
    """Return the first of an estimator's stored trees."""
    if hasattr(estimator, "_predictors"):
        return estimator._predictors[0][0]
    estimators = getattr(estimator, "estimators_", estimator)
    if estimators is estimator:
        return estimator.tree_
    return np.ravel(estimators)[0].tree_


@pytest.mark.parametrize(
    ("name", "case"),
    [
        *(
            (name, case)
            for name in ("one tree", "forest", "boosting")
            for case in NODES
        ),
        *(("histograms", case) for case in HISTOGRAM_NODES),
    ],
)
def test_nodes_that_are_no_tree_are_told(name, case, pipes, tmp_path):
    """No tree is built whose walk would leave its nodes, or its owner's columns."""
    cases = HISTOGRAM_NODES if name == "histograms" else NODES
    fields, words = cases[case]
    stored = copy.deepcopy(stored_form(pipes[name]))
    change_nodes(first_tree(stored[-1]), **fields)
    with pytest.raises(StoredStateError, match=f"must be whole.*{words}.*another copy"):
        load(forged(stored, tmp_path / "file"))


OWNERS = {
    "fewer columns than the tree has": (
        "one tree",
        lambda e: setattr(e, "n_features_in_", 1),
        "columns beyond the 1",
    ),
    "no columns": ("one tree", lambda e: vars(e).pop("n_features_in_"), "None as"),
    "columns that are none": (
        "one tree",
        lambda e: setattr(e, "n_features_in_", 6.0),
        "6.0 as 'n_features_in_'",
    ),
    "a method": (
        "one tree",
        lambda e: setattr(e, "_validate_X_predict", np.add),
        "'_validate_X_predict', a method",
    ),
    "values of fewer nodes": (
        "one tree",
        lambda e: setattr(e.tree_, "values", e.tree_.values[:-1]),
        "values that do not fit",
    ),
    "no values": ("one tree", lambda e: setattr(e.tree_, "values", None), "values"),
    "values of classes": (
        "one tree",
        lambda e: setattr(e.tree_, "values", e.tree_.values.repeat(2, axis=2)),
        "values that do not fit",
    ),
    "no nodes": (
        "one tree",
        lambda e: setattr(e.tree_, "nodes", e.tree_.nodes[:0]),
        "in no form of this scikit-learn",
    ),
    "nodes without fields": (
        "one tree",
        lambda e: setattr(e.tree_, "nodes", np.zeros(9)),
        "in no form of this scikit-learn",
    ),
    "a depth beyond": (
        "one tree",
        lambda e: setattr(e.tree_, "max_depth", 10**9),
        "depth 1000000000",
    ),
    "a list as a tree": ("one tree", lambda e: setattr(e, "tree_", []), "a list as"),
    "a row of trees": (
        "boosting",
        lambda e: setattr(e, "estimators_", e.estimators_.T),
        "no column of trees",
    ),
    "trees of other columns": (
        "boosting",
        lambda e: setattr(e.estimators_[1, 0], "n_features_in_", 7),
        "trees of other columns",
    ),
    "what is no tree": (
        "boosting",
        lambda e: e.estimators_.__setitem__((1, 0), Ridge()),
        "not all trees",
    ),
    "several trees at once": (
        "boosting",
        lambda e: setattr(e, "n_trees_per_iteration_", 2),
        "several trees",
    ),
    "a start of no output": (
        "boosting",
        lambda e: change_init(e, n_outputs_=0),
        "several outputs",
    ),
    "a start of another kind": (
        "boosting",
        lambda e: setattr(e, "init_", Ridge()),
        "a Ridge as 'init'",
    ),
    "a start with a method": (
        "boosting",
        lambda e: change_init(e, predict=np.positive),
        "'predict', a method",
    ),
    "a loss of another kind": (
        "boosting",
        lambda e: setattr(e, "_loss", DummyRegressor()),
        "a loss with a link of its own",
    ),
    "a loss with another link": (
        "boosting",
        lambda e: setattr(e._loss, "link", DummyRegressor()),
        "a loss with a link of its own",
    ),
    "a link with a method": (
        "boosting",
        lambda e: setattr(e._loss.link, "link", np.positive),
        "a loss with a link of its own",
    ),
    "boosting with a method": (
        "boosting",
        lambda e: setattr(e, "_raw_predict_init", np.sqrt),
        "'_raw_predict_init', a method",
    ),
    "histograms with a method": (
        "histograms",
        lambda e: setattr(e, "_preprocess_X", np.sqrt),
        "'_preprocess_X', a method",
    ),
    "histograms with a step before": (
        "histograms",
        lambda e: setattr(e, "_preprocessor", SimpleImputer()),
        "categorical columns",
    ),
    "histograms in a fit": (
        "histograms",
        lambda e: setattr(e, "_in_fit", True),
        "a fit that has not ended",
    ),
    "histograms of lists": (
        "histograms",
        lambda e: setattr(e, "_predictors", [[[]]]),
        "a list as a tree",
    ),
}


@pytest.mark.parametrize("case", OWNERS)
def test_owners_that_would_not_check_are_told(case, pipes, tmp_path):
    """No tree is built for an owner that could give it what it was not made for."""
    name, damage, words = OWNERS[case]
    stored = copy.deepcopy(stored_form(pipes[name]))
    damage(stored[-1])
    with pytest.raises(StoredStateError, match=f"must be whole.*{words}.*another copy"):
        load(forged(stored, tmp_path / "file"))


def test_trees_elsewhere_stay_arrays(pipes, tmp_path):
    """A tree that is held where none belongs, or that is hidden, predicts nothing."""
    stored = copy.deepcopy(stored_form(pipes["boosting"]))
    boosting = stored[-1]
    dummy = DummyRegressor().fit([[0.0]], [0.0])
    dummy.hidden_ = {boosting}  # a set is not looked into
    dummy.constant_tree_ = boosting.estimators_[0, 0].tree_
    pair = make_pipeline(dummy, boosting)
    again = load(forged(pair, tmp_path / "file"))
    (hidden,) = again[0].hidden_
    assert isinstance(again[0].constant_tree_, StoredTree)
    assert isinstance(hidden.estimators_[0, 0].tree_, StoredTree)
    with pytest.raises(TypeError, match="StoredTree"):
        hidden.predict(np.zeros((1, 6)))
    expected = pipes["boosting"][-1].predict(np.zeros((1, 6)))
    assert_array_equal(again[1].predict(np.zeros((1, 6))), expected)


@pytest.mark.parametrize("name", ["one tree", "boosting", "histograms"])
def test_random_nodes_are_refused_or_harmless(name, pipes):
    """Whatever a byte of the nodes becomes, predicting ends and is of these rows."""
    stored = stored_form(pipes[name][-1])
    rng = np.random.default_rng(0)
    X = series()[["load", "heat"] * 3].to_numpy()
    n_refused = n_read = 0
    for _ in range(150):
        forgery = copy.deepcopy(stored)
        tree = first_tree(forgery)
        content = bytearray(tree.nodes.tobytes())
        for place in rng.integers(0, len(content), 2):
            content[place] = rng.integers(0, 256)
        tree.nodes = np.frombuffer(content, tree.nodes.dtype)
        try:
            again = live_form(forgery)
        except StoredStateError:
            n_refused += 1
            continue
        n_read += 1
        assert again.predict(X).shape == (len(X),)
    assert n_refused and n_read


# -- what is not stored ----------------------------------------------------------------


def test_trees_that_cannot_be_checked_are_not_saved(tmp_path):
    """Other starts, categories and classifiers are one sentence before writing."""
    X, y = np.arange(60.0).reshape(20, 3) % 7, np.arange(20.0)
    histograms = HistGradientBoostingRegressor(categorical_features=[0], max_iter=1)
    for estimator, words in {
        GradientBoostingRegressor(init=Ridge(), **SMALL): "with a Ridge as 'init'",
        histograms: "HistGradientBoostingRegressor with categorical columns",
        GradientBoostingClassifier(**SMALL): "trees, which are stored for regressors",
        RandomForestClassifier(**SMALL): r"_tree.Tree'\] at estimators_\[0\]\.tree_",
    }.items():
        with pytest.raises(ValueError, match=f"save needs.*{words}.*pickle"):
            save(estimator.fit(X, y > 9), tmp_path / "file")
    assert not (tmp_path / "file").exists()
    isolation = IsolationForest(**SMALL).fit(X)
    again = load(save(isolation, tmp_path / "file"))
    assert_array_equal(again.score_samples(X), isolation.score_samples(X))
