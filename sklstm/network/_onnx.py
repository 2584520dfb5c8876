"""The fitted network as an ONNX graph: raw windows in, values in their unit out.

The maps around the network are not written a second time. The methods of ``Scaling``
and ``Highway`` are called with a :class:`_Value` in the place of an array, which
records what they ask of NumPy as nodes of the graph. It carries an example beside, one
window through which NumPy goes the same way, so that shapes and types are NumPy's.

Layers are a ``Scan`` in float64 over their steps. ONNX's own LSTM operator is float32
in onnxruntime, too coarse for long windows, and has no mask for missing steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from sklstm._imports import imported
from sklstm.network._lstm import NetworkSpec, Weights
from sklstm.network._training import Member

# Operators of 2021, and the file format of their time: what most runtimes can read.
_OPSET = 17
_IR_VERSION = 8

_OPERATORS = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.divide: "Div",
    np.matmul: "MatMul",
    np.maximum: "Max",
    np.minimum: "Min",
    np.greater: "Greater",
    np.less_equal: "LessOrEqual",
    np.invert: "Not",
    np.isnan: "IsNaN",
    np.absolute: "Abs",
    np.sqrt: "Sqrt",
    np.exp: "Exp",
    np.log: "Log",
    np.tanh: "Tanh",
}

_TYPES = {"float32": "FLOAT", "float64": "DOUBLE", "int64": "INT64", "bool": "BOOL"}


# -- graphs and values --------------------------------------------------------------


class _Graph:
    """Nodes and constants of a graph; one inside another shares its constants."""

    def __init__(self, onnx: Any, outer: _Graph | None = None) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.infos: list[Any] = []
        self.constants: dict[Any, Any] = {} if outer is None else outer.constants
        self.places: Any = itertools.count() if outer is None else outer.places

    def input(self, name: str, example: np.ndarray, first: str | None = None) -> Any:
        """Add an input like an example, of any number of rows."""
        self.infos.append(self.info(name, example, first))
        return _Value(self, name, example)

    def info(self, name: str, example: np.ndarray, first: str | None = None) -> Any:
        """Return what ONNX is told of an input or output like an example."""
        kind = getattr(self.onnx.TensorProto, _TYPES[example.dtype.name])
        shape = [first, *example.shape[1:]]
        return self.onnx.helper.make_tensor_value_info(name, kind, shape)

    def constant(self, value: Any) -> str:
        """Return the name of a constant; equal ones are kept once."""
        array = np.asarray(value)  # ints are int64, floats float64
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = self.onnx.numpy_helper.from_array(array, name)
        return self.constants[key].name

    def add(self, operator: str, inputs: Sequence[Any], *examples: Any, **how: Any):
        """Add a node; return one value for each example of what it makes."""
        names = [
            each.name if isinstance(each, _Value) else self.constant(each)
            for each in inputs
        ]
        place = next(self.places)
        outputs = [f"{operator}_{place}_{i}" for i in range(len(examples))]
        self.nodes.append(self.onnx.helper.make_node(operator, names, outputs, **how))
        values = map(_Value, itertools.repeat(self), outputs, examples)
        return next(values) if len(examples) == 1 else list(values)

    def made(self, name: str, outputs: dict[str, _Value], first: str | None) -> Any:
        """Return the graph with named outputs as ONNX has it, without constants."""
        for own, value in outputs.items():
            node = self.onnx.helper.make_node("Identity", [value.name], [own])
            self.nodes.append(node)
        infos = [self.info(own, v.example, first) for own, v in outputs.items()]
        return self.onnx.helper.make_graph(self.nodes, name, self.infos, infos)


class _Value(NDArrayOperatorsMixin):
    """A value of the graph, in the place of an array whose rows come first."""

    def __init__(self, graph: _Graph, name: str, example: np.ndarray) -> None:
        self.graph, self.name, self.example = graph, name, example

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the example; an input may have any number of rows."""
        return self.example.shape

    @property
    def dtype(self) -> np.dtype:
        """That of the example."""
        return self.example.dtype

    def add(self, operator: str, example: np.ndarray, *others: Any, **how: Any) -> Any:
        """Return what an operator makes of this value and others."""
        return self.graph.add(operator, [self, *others], example, **how)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any) -> Any:
        if ufunc not in _OPERATORS or method != "__call__":
            return NotImplemented
        example = ufunc(*map(_example_of, inputs))
        return self.graph.add(_OPERATORS[ufunc], _of_one_type(inputs), example)

    def __array_function__(self, function: Any, _: Any, inputs: Any, how: Any) -> Any:
        if function not in (np.where, np.take_along_axis):
            return NotImplemented
        example = function(*map(_example_of, inputs), **how)
        if function is np.where:
            either = _of_one_type(inputs[1:])
            return self.graph.add("Where", [inputs[0], *either], example)
        # Indices whose last axis is 1 take whole entries.
        return self.graph.add("GatherND", inputs, example, batch_dims=how["axis"])

    def astype(self, dtype: Any) -> _Value:
        """Return the values in another type."""
        example = self.example.astype(dtype)
        if example.dtype == self.example.dtype:
            return self
        kind = getattr(self.graph.onnx.TensorProto, _TYPES[example.dtype.name])
        return self.add("Cast", example, to=kind)

    def reshape(self, *shape: int) -> _Value:
        """Return the values in another shape, of any number of rows."""
        example = self.example.reshape(*shape)
        return self.add("Reshape", example, [-1, *example.shape[1:]])

    def sum(self, axis: int, dtype: Any = None) -> _Value:
        """Return sums along an axis."""
        value = self if dtype is None else self.astype(dtype)
        example = value.example.sum(axis=axis)
        return value.add("ReduceSum", example, [axis], keepdims=0)

    def max(self, axis: int) -> _Value:
        """Return the greatest values along an axis."""
        return self.add(
            "ReduceMax", self.example.max(axis=axis), axes=[axis], keepdims=0
        )

    def any(self) -> bool:
        """Return whether anything in the example is true."""
        return bool(self.example.any())

    def __getitem__(self, key: tuple) -> _Value:
        value, axis = self, 0
        for part in key:
            whole = (slice(None),) * axis
            example = value.example[(*whole, part)]
            if part is None:
                value = value.add("Unsqueeze", example, [axis])
            elif not isinstance(part, slice):
                value = value.add("Gather", example, np.asarray(part), axis=axis)
            elif part != slice(None):
                ends = [part.start or 0], [part.stop or np.iinfo(np.int64).max]
                value = value.add("Slice", example, *ends, [axis])
            axis += not isinstance(part, int | np.integer)
        return value


def _example_of(value: Any) -> Any:
    """Return the example of a value, or a constant itself."""
    return value.example if isinstance(value, _Value) else value


def _of_one_type(inputs: Sequence[Any]) -> list[Any]:
    """Return inputs of an operator in the type in which NumPy computes."""
    dtype = np.result_type(*map(_example_of, inputs))
    return [
        each.astype(dtype) if isinstance(each, _Value) else np.asarray(each, dtype)
        for each in inputs
    ]


_ACTIVATIONS: Any = {"relu": lambda x: np.maximum(x, 0.0), "tanh": np.tanh}


# -- the model ----------------------------------------------------------------------


@np.errstate(all="ignore")  # the example need not be a window that makes sense
def onnx_model(networks: Sequence[Member], n_outputs: int) -> bytes:
    """Return the ONNX file of an ensemble, with so many targets or steps."""
    recipe: Any = networks[0].recipe
    scaling = networks[0].scaling
    spec, levels = recipe.spec, recipe.levels
    try:
        onnx = imported("onnx")
    except ImportError as error:
        raise ImportError(
            "to_onnx needs the package onnx. Got none; pip install 'sklstm[onnx]'."
        ) from error
    graph = _Graph(onnx)
    example = np.zeros((1, spec.window, spec.n_channels))
    example[:, 0] = np.nan  # so that what is done about missing steps is recorded
    raw = graph.input("windows", example, "n_rows")
    sizes = None
    if scaling.unit == "size":
        groups = graph.input("groups", np.zeros(1, dtype=np.int64), "n_rows")
        sizes = scaling.sizes_by_group(groups, raw)
    windows = scaling.relative_values(raw, None if sizes is None else sizes[:, None])
    values: Any = 0.0
    for network in networks:
        inputs = network.scaling.inputs(windows)
        outputs = _forward(spec, network.weights, inputs)
        values = network.scaling.values(outputs, windows, inputs) + values
    values = scaling.absolute(values / len(networks), sizes)
    values = values.reshape(1, n_outputs, len(levels))
    if len(levels) > 1:  # quantiles never cross
        sort, both = {"axis": 2, "largest": 0}, [values.example] * 2
        values, _ = graph.add("TopK", [values, [len(levels)]], *both, **sort)
    made = {"values": values[:, :, recipe.middle]}
    if recipe.quantiles is not None:
        made["quantiles"] = values
    of_graph = graph.made("LSTMRegressor", made, "n_rows")
    of_graph.initializer.extend(graph.constants.values())
    model = onnx.helper.make_model(
        of_graph,
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="sklstm",
        producer_version=version("sklstm"),
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


# -- the network --------------------------------------------------------------------


def _forward(spec: NetworkSpec, weights: Weights, inputs: Any) -> Any:
    """Add the NumPy pass of ``_lstm``, of shape (n_rows, n_outputs), float64."""
    steps = inputs
    if spec.patch > 1:
        newest = inputs[:, -spec.n_steps * spec.patch :]
        steps = newest.reshape(1, spec.n_steps, spec.n_inputs)
    graph = inputs.graph
    # A Scan over no rows makes onnxruntime divide by zero: one row more, for a while.
    row = np.zeros((1, spec.n_steps, spec.n_inputs), dtype=np.float32)
    example = np.concatenate([steps.example, row])
    steps = graph.add("Concat", [steps, row], example, axis=0)
    is_true = (np.isnan(steps).sum(axis=2, dtype=np.int64) <= 0)[:, :, None]
    sequence: Any = np.where(np.isnan(steps), np.float32(0), steps).astype(np.float64)
    weights = [part.astype(np.float64) for part in weights]
    last: list[Any] = []
    for _ in spec.units:
        last, every = [], []
        for is_backward in (False, True)[: spec.n_directions]:
            own, weights = weights[:3], weights[3:]
            states = _lstm_states(spec, own, sequence, is_true, is_backward)
            last.append(states[0])
            every.append(states[1])
        sequence = _together(every)
    kernel, bias = weights
    return (_together(last) @ kernel + bias)[:-1,]


def _together(values: list[Any]) -> Any:
    """Add what joins values along their last axis."""
    example = np.concatenate([value.example for value in values], axis=-1)
    return values[0].graph.add("Concat", values, example, axis=example.ndim - 1)


def _lstm_states(
    spec: NetworkSpec, weights: Weights, sequence: Any, is_true: Any, is_backward: bool
) -> tuple[_Value, _Value]:
    """Add a layer in one direction; return its last hidden state, and all of them."""
    # The order i, f, o, c lets one node activate all gates.
    kernel, recurrent_kernel, bias = (
        part[..., _gates_first(part.shape[-1] // 4)] for part in weights
    )
    units = len(recurrent_kernel)
    drives = sequence @ kernel + bias
    outer = sequence.graph
    step = _Graph(outer.onnx, outer)
    place = next(outer.places)
    zeros = np.zeros((1, units))
    hidden = step.input(f"hidden_{place}", zeros)
    cell = step.input(f"cell_{place}", zeros)
    drive = step.input(f"drive_{place}", np.zeros((1, 4 * units)))
    is_there = step.input(f"is_true_{place}", np.ones((1, 1), dtype=bool))
    drive = drive + hidden @ recurrent_kernel
    gates = drive[:, : 3 * units]
    gates = gates.add("Sigmoid", gates.example)
    i, f, o = (gates[:, k * units : (k + 1) * units] for k in range(3))
    g = _ACTIVATIONS[spec.activation](drive[:, 3 * units :])
    next_cell = f * cell + i * g
    next_hidden = o * _ACTIVATIONS[spec.activation](next_cell)
    # A missing step leaves both states as they are.
    next_cell = np.where(is_there, next_cell, cell)
    next_hidden = np.where(is_there, next_hidden, hidden)
    after = {"hidden": next_hidden, "cell": next_cell, "state": next_hidden}
    after = {f"next_{name}_{place}": value for name, value in after.items()}
    body = step.made(f"step_{place}", after, None)
    n_rows = sequence.add("Shape", np.zeros(3, dtype=np.int64))
    n_rows = n_rows[:1,]
    shape = outer.add("Concat", [n_rows, [units]], np.zeros(2, dtype=np.int64), axis=0)
    first = np.zeros((len(sequence.example), units))
    zero = outer.add("Expand", [zeros, shape], first)
    every = np.zeros((*sequence.shape[:2], units))
    last, _, states = outer.add(
        "Scan",
        [zero, zero, drives, is_true],
        first,
        first,
        every,
        body=body,
        num_scan_inputs=2,
        scan_input_axes=[1, 1],
        scan_input_directions=[int(is_backward)] * 2,
        scan_output_axes=[1],
        scan_output_directions=[int(is_backward)],
    )
    return last, states


def _gates_first(units: int) -> np.ndarray:
    """Return where the gates i, f, o and the candidate c are among i, f, c, o."""
    i, f, c, o = np.arange(4 * units).reshape(4, units)
    return np.concatenate([i, f, o, c])
