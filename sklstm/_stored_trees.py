"""What is stored otherwise than it is: trees as plain arrays, callbacks not at all.

scikit-learn follows the numbers of nodes and columns in a tree without looking whether
they exist; a file could so make it read, or write, memory that is not the tree's. That
is why skops trusts no tree. Here a tree is stored as its arrays, and is built anew only
where every node is reached once, from a node before it, and every column is one that
its owner checks its input for.

Owners are copied, not changed. When a file is read, trees come to life in the copies
alone: what holds one in a place that is not looked at keeps arrays, which predict
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
)
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.utils import Bunch

from sklstm._stamp import damaged
from sklstm._validation import is_integer

__all__ = ["StoredTree", "live_form", "stored_form"]

# What scikit-learn's callbacks leave in an estimator.
_OF_CALLBACKS = (
    "_callback_fit_ctx",
    "_parent_callback_ctx",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
)
_OF_ONE_TREE = (DecisionTreeRegressor, ExtraTreeRegressor)
_NO_CHILD = -1

State = dict[str, Any]


@dataclass
class StoredTree:
    """A tree as arrays, which predicts nothing.

    Parameters
    ----------
    nodes : ndarray of shape (n_nodes,)
        With the fields that scikit-learn gives them, the root first.
    values : ndarray of shape (n_nodes, n_outputs, 1), optional
        What the nodes predict, where it is not one of their fields.
    max_depth : int, default=0
        The number of nodes from the root to the farthest leaf, less one.
    """

    nodes: np.ndarray
    values: np.ndarray | None = None
    max_depth: int = 0


def stored_form(estimator: Any) -> Any:
    """Return an estimator without callbacks and with its trees as arrays.

    Parameters
    ----------
    estimator : estimator
        It stays as it is, and is returned itself where there is nothing to change.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If it boosts trees in a way of which the stored form is not known to be sound.
    """
    return _walked(estimator, _stored_state, {})


def live_form(estimator: Any) -> Any:
    """Return an estimator with trees in the place of their arrays.

    Parameters
    ----------
    estimator : estimator
        As :func:`stored_form` returned it, or as somebody wrote it into a file.

    Returns
    -------
    estimator

    Raises
    ------
    StoredStateError
        If a tree is not sound, or what holds it would not check what it reads.
    """
    return _walked(estimator, _live_state, {})


def _walked(
    value: Any, change: Callable[[type, State], State], done: dict[int, Any]
) -> Any:
    """Return a value in which the states of estimators are changed.

    Estimators are looked for in one another and in containers. Those in which nothing
    changes stay the same objects; the others are copied, what occurs twice once.
    """
    if id(value) in done:
        return done[id(value)][1]
    done[id(value)] = value, value  # what holds itself stays as it is

    def walked(each: Any) -> Any:
        return _walked(each, change, done)

    new: Any = value
    kind = type(value)
    if isinstance(value, BaseEstimator):
        state = change(kind, {name: walked(each) for name, each in vars(value).items()})
        if not _is_same(state, vars(value)):
            new = object.__new__(kind)
            vars(new).update(state)
    elif kind in (dict, Bunch):
        items = {key: walked(each) for key, each in value.items()}
        if not _is_same(items, value):
            new = kind()
            new.update(items)
    elif kind in (list, tuple):
        parts = [walked(each) for each in value]
        is_same = all(a is b for a, b in zip(parts, value, strict=True))
        new = value if is_same else kind(parts)
    elif kind is np.ndarray and value.dtype == object:
        parts = [walked(each) for each in value.flat]
        if any(a is not b for a, b in zip(parts, value.flat, strict=True)):
            new = np.empty(value.shape, dtype=object)
            for position, each in enumerate(parts):  # one may have a length
                new.flat[position] = each
    done[id(value)] = value, new
    return new


def _is_same(one: dict, other: dict) -> bool:
    return len(one) == len(other) and all(
        key in other and other[key] is value for key, value in one.items()
    )


# -- to be stored -------------------------------------------------------------------


def _stored_state(kind: type, state: State) -> State:
    """Return the state of an estimator as it is stored."""
    state = {name: state[name] for name in state if name not in _OF_CALLBACKS}
    if kind in _OF_ONE_TREE and type(state.get("tree_")) is type(_any_tree()):
        arrays = state["tree_"].__getstate__()
        tree = StoredTree(arrays["nodes"], arrays["values"], int(arrays["max_depth"]))
        return {**state, "tree_": tree}
    if kind is HistGradientBoostingRegressor and "_predictors" in state:
        trees = [[StoredTree(t.nodes) for t in each] for each in state["_predictors"]]
        state = {**state, "_predictors": trees}
    came = _unsound(kind, state)
    if came is not None:
        raise ValueError(f"{kind.__name__} with {came}")
    return state


# -- to be read ---------------------------------------------------------------------


def _live_state(kind: type, state: State) -> State:
    """Return the state of an estimator with trees that are sound."""
    owner = kind.__name__
    if kind in _OF_ONE_TREE and "tree_" in state:
        _check_own(kind, state)
        tree = _tree_of(state["tree_"], _n_features(state, owner), owner)
        return {**state, "tree_": tree}
    is_boosting = issubclass(kind, GradientBoostingRegressor)
    is_boosting |= issubclass(kind, GradientBoostingClassifier)
    if is_boosting and "estimators_" in state:
        _check_own(kind, state)
    if kind is HistGradientBoostingRegressor and "_predictors" in state:
        _check_own(kind, state)
        n_features = _n_features(state, owner)
        trees = [
            [_predictor_of(tree, n_features, owner) for tree in each]
            for each in state["_predictors"]
        ]
        return {**state, "_predictors": trees}
    return state


def _check_own(kind: type, state: State) -> None:
    """Raise unless an owner of trees reads them as its class does."""
    came = _unsound(kind, state) or _hidden(kind, state)
    if came is not None:
        raise damaged(kind.__name__, came)


def _hidden(kind: type, state: State) -> str | None:
    """Return what in a state would stand in the place of a method."""
    for name in state:
        if callable(getattr(kind, name, None)):
            return f"{name!r}, a method, as an attribute"
    return None


def _unsound(kind: type, state: State) -> str | None:
    """Return why an estimator could read, or write, beyond its trees or its input."""
    if issubclass(kind, GradientBoostingClassifier) and "estimators_" in state:
        return "trees, which are stored for regressors alone"
    if issubclass(kind, GradientBoostingRegressor) and "estimators_" in state:
        return _unsound_boosting(state)
    if kind is HistGradientBoostingRegressor and "_predictors" in state:
        # Bits of categories are looked up without a check, as nodes are.
        if state.get("_preprocessor") is not None:
            return "categorical columns, of which no check is known"
        if "_in_fit" in state:
            return "a fit that has not ended"
        if not is_integer(state.get("n_features_in_")):
            return "no 'n_features_in_'"
    return None


def _unsound_boosting(state: State) -> str | None:
    """Return why gradient boosting, which is unchecked, could leave its arrays."""
    trees, init = state["estimators_"], state.get("init_")
    is_whole = type(trees) is np.ndarray and trees.dtype == object
    if not is_whole or trees.ndim != 2 or trees.shape[1] != 1 or not len(trees):
        return "'estimators_' that are no column of trees"
    if any(type(tree) is not DecisionTreeRegressor for tree in trees.flat):
        return "'estimators_' that are not all trees"
    of_trees = {vars(tree).get("n_features_in_") for tree in trees.flat}
    if of_trees != {state.get("n_features_in_")}:
        return "trees of other columns"
    if not _is_one(state.get("n_trees_per_iteration_")):
        return "several trees for each iteration"
    # The array that its values are written to has the rows that this one predicts.
    if isinstance(init, str):
        return None if init == "zero" else f"{init!r} as 'init_'"
    if type(init) is not DummyRegressor:
        return f"a {type(init).__name__} as 'init'"
    if not _is_one(vars(init).get("n_outputs_")):
        return "an 'init_' of several outputs"
    return _hidden(DummyRegressor, vars(init)) or _unsound_loss(state.get("_loss"))


def _unsound_loss(loss: Any) -> str | None:
    """Return why what a start predicts could be given another shape."""
    like = _any_loss()
    link = getattr(loss, "__dict__", {}).get("link")
    is_loss = type(loss).__module__ == type(like).__module__
    is_sound = is_loss and not hasattr(type(loss), "link")
    is_sound = is_sound and type(link) is type(like.link)
    if not is_sound or _hidden(type(link), vars(link)) is not None:
        return "a loss with a link of its own"
    return None


def _is_one(value: Any) -> bool:
    return is_integer(value) and value == 1


def _n_features(state: State, owner: str) -> int:
    """Return how many columns an owner of trees checks its input for."""
    n_features: Any = state.get("n_features_in_")
    if not is_integer(n_features) or not 1 <= n_features < 2**31:
        raise damaged(owner, f"{n_features!r} as 'n_features_in_'")
    return int(n_features)


def _tree_of(stored: Any, n_features: int, owner: str) -> Any:
    """Return the tree of a decision tree."""
    if type(stored) is not StoredTree:
        raise damaged(owner, f"a {type(stored).__name__} as a tree")
    like = _any_tree()
    nodes = _nodes_of(stored, like.__getstate__()["nodes"].dtype, owner)
    _check_nodes(
        *(nodes[name] for name in ("left_child", "right_child", "feature")),
        is_leaf=nodes["left_child"] == _NO_CHILD,
        n_features=n_features,
        owner=owner,
    )
    values: Any = stored.values
    max_depth: Any = stored.max_depth
    is_whole = type(values) is np.ndarray and values.dtype == np.float64
    is_whole = is_whole and values.ndim == 3 and values.shape[1] >= 1
    if not is_whole or values.shape[::2] != (len(nodes), 1):
        raise damaged(owner, "values that do not fit the nodes of a tree")
    if not is_integer(max_depth) or not 0 <= max_depth < len(nodes):
        raise damaged(owner, f"a tree of {len(nodes)} nodes and depth {max_depth!r}")
    n_outputs = values.shape[1]
    tree = type(like)(n_features, np.ones(n_outputs, dtype=np.intp), n_outputs)
    tree.__setstate__(
        {
            "max_depth": int(max_depth),
            "node_count": len(nodes),
            "nodes": nodes,
            "values": np.ascontiguousarray(values),
        }
    )
    return tree


def _predictor_of(stored: Any, n_features: int, owner: str) -> Any:
    """Return the tree of a histogram-based gradient boosting."""
    if type(stored) is not StoredTree:
        raise damaged(owner, f"a {type(stored).__name__} as a tree")
    like = _any_predictor()
    nodes = _nodes_of(stored, like.nodes.dtype, owner)
    is_leaf = nodes["is_leaf"] != 0
    _check_nodes(
        *(nodes[name] for name in ("left", "right", "feature_idx")),
        is_leaf=is_leaf,
        n_features=n_features,
        owner=owner,
    )
    if nodes["is_categorical"].any():
        raise damaged(owner, "a tree that asks for categories")
    no_bits = np.zeros((0, like.raw_left_cat_bitsets.shape[1]), dtype=np.uint32)
    return type(like)(nodes, no_bits, no_bits)


def _nodes_of(stored: StoredTree, dtype: np.dtype, owner: str) -> np.ndarray:
    """Return nodes with the fields that this version of scikit-learn gives them."""
    nodes = stored.nodes
    is_whole = type(nodes) is np.ndarray and nodes.ndim == 1 and len(nodes)
    if not is_whole or nodes.dtype.names != dtype.names:
        raise damaged(owner, "nodes of a tree in no form of this scikit-learn")
    return np.ascontiguousarray(nodes.astype(dtype, casting="same_kind"))


def _check_nodes(
    left: np.ndarray,
    right: np.ndarray,
    feature: np.ndarray,
    *,
    is_leaf: np.ndarray,
    n_features: int,
    owner: str,
) -> None:
    """Raise unless nodes are one tree, parents before children, of these columns."""
    parents = np.flatnonzero(~is_leaf)
    children = np.concatenate([left[parents], right[parents]]).astype(np.int64)
    if not np.array_equal(np.sort(children), np.arange(1, len(left))):
        raise damaged(owner, f"{len(left)} nodes that are no tree")
    if (children <= np.tile(parents, 2)).any():
        raise damaged(owner, "a tree whose nodes stand before their parents")
    columns = feature[parents].astype(np.int64)
    if ((columns < 0) | (columns >= n_features)).any():
        raise damaged(owner, f"a tree of columns beyond the {n_features} there are")


@cache
def _any_tree() -> Any:
    """Return a tree of this scikit-learn, whose type is not public."""
    return DecisionTreeRegressor(random_state=0).fit([[0.0]], [0.0]).tree_


@cache
def _any_predictor() -> Any:
    """Return a tree of histogram-based boosting, whose type is not public either."""
    boosting = HistGradientBoostingRegressor(
        max_iter=1, early_stopping=False, random_state=0
    )
    return boosting.fit([[0.0], [1.0]], [0.0, 1.0])._predictors[0][0]


@cache
def _any_loss() -> Any:
    """Return a loss of gradient boosting, whose type is not public, with its link."""
    boosting = GradientBoostingRegressor(n_estimators=1, random_state=0)
    return boosting.fit([[0.0], [1.0]], [0.0, 1.0])._loss
