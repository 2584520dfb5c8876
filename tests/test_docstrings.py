"""Docstrings: signature, docstring and constraints say the same, defaults included."""

import ast
import inspect
import re
import types
from typing import Self

import numpy as np
import pandas as pd
import pytest
from parity import masked_network

import sklstm
from sklstm import KerasRegressor, LSTMRegressor, PanelTimeSeriesSplit, SlidingWindow
from sklstm.network._window_regressor import WindowRegressor

REGRESSORS = [KerasRegressor, LSTMRegressor]
CLASSES = [*REGRESSORS, SlidingWindow]
PUBLIC = [getattr(sklstm, name) for name in sklstm.__all__]
DISPLAYS = [thing for thing in PUBLIC if thing.__name__.endswith("Display")]
FUNCTIONS = [thing for thing in PUBLIC if inspect.isfunction(thing)]
METHODS = [
    pytest.param(getattr(owner, name), id=f"{owner.__name__}.{name}")
    for owner in [
        *CLASSES,
        WindowRegressor,
        *DISPLAYS,
        PanelTimeSeriesSplit,
        sklstm.BacktestResult,
    ]
    for name, method in vars(owner).items()
    if isinstance(method, types.FunctionType | classmethod) and not name.startswith("_")
]
UNDERLINED = re.compile(r"^(?P<title>[A-Z][\w ]*)\n-+\n", re.MULTILINE)
ENTRY = re.compile(r"^(?P<names>[\w*]+(?:, [\w*]+)*) : (?P<kind>.+)$", re.MULTILINE)


def sections_of(thing):
    """Return the text of each underlined section of a docstring by its title."""
    parts = UNDERLINED.split(inspect.getdoc(thing))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries_of(thing, title):
    """Return what stands behind the colon of each entry of a section, by name."""
    text = sections_of(thing).get(title, "")
    # A kind may go on in the next line; entries begin at the margin, texts do not.
    return {
        name.strip("*"): match["kind"]
        for match in ENTRY.finditer(text)
        for name in match["names"].split(", ")
    }


def documented_default(kind):
    """Return the default that an entry states; ``inspect.Parameter.empty`` for none."""
    match = re.search(r"default=(.+)$", kind)
    if match is None:
        return inspect.Parameter.empty
    return ast.literal_eval(match[1])


def parameters_of(function):
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", "kwargs")
    }


@pytest.mark.parametrize(
    "thing", [*CLASSES, *DISPLAYS, PanelTimeSeriesSplit, *FUNCTIONS, *METHODS]
)
def test_parameters_are_documented_with_their_defaults(thing):
    """Every parameter is in the docstring, in order, with its real default."""
    entries, parameters = entries_of(thing, "Parameters"), parameters_of(thing)
    assert list(entries) == list(parameters)
    for name, parameter in parameters.items():
        documented = documented_default(entries[name])
        if entries[name].endswith(", optional"):
            assert parameter.default is None, name
        elif name == "y" and entries[name] == "None":
            assert parameter.default is None
        else:
            assert type(documented) is type(parameter.default), name
            assert documented == parameter.default, name


@pytest.mark.parametrize("cls", CLASSES)
def test_parameters_are_constrained(cls):
    """Every parameter has its legal values, and the default is one of them."""
    assert set(cls._parameter_constraints) == set(parameters_of(cls))
    cls()._validate_params()


@pytest.mark.parametrize("cls", CLASSES)
def test_strings_in_the_docstring_are_those_of_the_constraints(cls):
    """The choices listed in braces are the choices that are accepted."""
    for name, kind in entries_of(cls, "Parameters").items():
        listed = re.search(r"\{(.+?)\}", kind)
        if listed is None:
            continue
        accepted = {
            option
            for constraint in cls._parameter_constraints[name]
            for option in getattr(constraint, "options", ())
        }
        assert set(ast.literal_eval(f"[{listed[1]}]")) == accepted


@pytest.mark.parametrize("cls", CLASSES)
def test_none_is_documented_where_it_is_accepted(cls):
    """``None`` is named as a kind or a default where the constraints take it."""
    for name, kind in entries_of(cls, "Parameters").items():
        legal = cls._parameter_constraints[name]
        if legal == "no_validation":
            continue
        accepts_none = None in legal or "random_state" in legal
        assert ("None" in kind) == accepts_none, name


@pytest.mark.parametrize("method", METHODS)
def test_methods_say_what_they_return(method):
    """A public method has one summary line, and says what comes back."""
    lines = inspect.getdoc(method).splitlines()
    assert lines[0].endswith(".")
    assert len(lines) == 1 or not lines[1]
    # That it is its own object, or nothing, the annotation says.
    returned = inspect.signature(method).return_annotation
    is_said = returned in (Self, "Self", None, "None")
    assert is_said or "Returns" in sections_of(method)


@pytest.mark.parametrize("thing", [*FUNCTIONS, *METHODS])
def test_signatures_are_annotated(thing):
    """Type checkers are told what every parameter is, and what comes back."""
    signature = inspect.signature(thing)
    assert signature.return_annotation is not inspect.Signature.empty
    for name, parameter in signature.parameters.items():
        is_told = parameter.annotation is not inspect.Parameter.empty
        assert is_told or name == "self", name


@pytest.mark.parametrize("thing", PUBLIC)
def test_docstrings_have_their_sections(thing):
    """Public things have one summary line and an example that runs."""
    lines = inspect.getdoc(thing).splitlines()
    assert lines[0].endswith(".")
    assert not lines[1]
    sections = sections_of(thing)
    assert ">>>" in sections["Examples"]
    if thing in CLASSES:
        assert "Attributes" in sections
    elif not inspect.isclass(thing):
        assert "Returns" in sections
    titles = ["Parameters", "Attributes", "Returns", "Raises", "Warns"]
    titles += ["See Also", "Notes", "References", "Examples"]
    order = [titles.index(title) for title in sections]
    assert order == sorted(order)
    assert "+SKIP" not in inspect.getdoc(thing)


def test_shared_parameters_are_documented_alike():
    """What means the same in both regressors is said in the same words."""
    one, other = (sections_of(cls)["Parameters"] for cls in REGRESSORS)

    def texts(section):
        parts = re.split(r"^(?=\w+ : )", section, flags=re.MULTILINE)
        return {part.partition(" : ")[0]: part.strip() for part in parts if part}

    one, other = texts(one), texts(other)
    for name in (one.keys() & other.keys()) - {"optimizer", "loss"}:
        assert one[name] == other[name]


@pytest.fixture(scope="module")
def fitted():
    """Return all estimators, fitted on a DataFrame, by class."""
    rows = np.random.default_rng(0).normal(size=(45, 2))
    X = pd.DataFrame(rows, columns=["load", "hour"], index=range(45))
    window = SlidingWindow(window=3, known="hour", layout="flat")
    window.set_output(transform="pandas")
    table = window.fit_transform(X)
    lstm = LSTMRegressor(1, epochs=1, early_stopping=True)
    keras = KerasRegressor(
        masked_network,
        epochs=1,
        early_stopping=True,
        keras_params={"compile__run_eagerly": True},
    )
    return {
        SlidingWindow: window,
        LSTMRegressor: lstm.fit(table, X["load"]),
        KerasRegressor: keras.fit(table, X["load"]),
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_fitted_attributes_are_documented(cls, fitted):
    """Every public attribute that ``fit`` sets is documented, and those are all."""
    documented = set(entries_of(cls, "Attributes"))
    for name in documented:
        assert name.endswith("_")
        assert hasattr(fitted[cls], name), name
        assert not hasattr(cls(), name), f"{name} is there before fit"
    set_by_fit = {
        name
        for name in vars(fitted[cls])
        if name.endswith("_") and not name.startswith("_")
    }
    assert set_by_fit <= documented
    others = {name for name in vars(fitted[cls]) if not name.startswith("_")}
    assert others - set_by_fit == set(parameters_of(cls))
