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
from sklstm.network._lstm import ACTIVATIONS, NetworkSpec, Weights, through_layers
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


# -- graphs and values --------------------------------------------------------------


class _Graph:
    """Nodes and constants of a graph; one inside another shares its constants."""

    def __init__(self, onnx: Any, outer: _Graph | None = None) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.infos: list[Any] = []
        self.constants: dict[Any, Any] = {} if outer is None else outer.constants
        self.places: Any = itertools.count() if outer is None else outer.places
        self.n_rows = "n_rows" if outer is None else None

    def input(self, name: str, example: np.ndarray) -> Any:
        """Add an input like an example, of any number of rows."""
        self.infos.append(self.info(name, example))
        return _Value(self, name, example)

    def info(self, name: str, example: np.ndarray) -> Any:
        """Return what ONNX is told of an input or output like an example."""
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(example.dtype)
        shape = [self.n_rows, *example.shape[1:]]
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

    def made(self, name: str, outputs: dict[str, _Value]) -> Any:
        """Return the graph with named outputs as ONNX has it, without constants."""
        for own, value in outputs.items():
            node = self.onnx.helper.make_node("Identity", [value.name], [own])
            self.nodes.append(node)
        infos = [self.info(own, value.example) for own, value in outputs.items()]
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
        if function is np.concatenate:
            example = np.concatenate([*map(_example_of, inputs[0])], **how)
            return self.graph.add("Concat", inputs[0], example, **how)
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
        kind = self.graph.onnx.helper.np_dtype_to_tensor_dtype(example.dtype)
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
        example = self.example.max(axis=axis)
        return self.add("ReduceMax", example, axes=[axis], keepdims=0)

    def any(self, axis: int | None = None) -> Any:
        """Return whether anything is true along an axis, or in the example."""
        return self.example.any() if axis is None else self.sum(axis, np.int64) > 0

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
    raw = graph.input("windows", example)
    sizes = None
    if scaling.unit == "size":
        groups = graph.input("groups", np.zeros(1, dtype=np.int64))
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
    of_graph = graph.made("LSTMRegressor", made)
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
    # A Scan over no rows makes onnxruntime divide by zero: one row more, for a while.
    inputs = np.concatenate([inputs, np.zeros_like(inputs.example)], axis=0)
    return through_layers(spec, weights, inputs, _lstm_states)[:-1,]


def _lstm_states(
    spec: NetworkSpec,
    weights: Weights,
    sequence: Any,
    is_missing: Any,
    is_backward: bool,
) -> Any:
    """Add a layer in one direction; return the hidden state after each step."""
    kernel, recurrent_kernel, bias = weights
    units, activate = len(recurrent_kernel), ACTIVATIONS[spec.activation]
    drives = sequence @ kernel + bias
    # Zeros for every row; there is no NaN.
    zeros = np.isnan(drives[:, 0, :units]).astype(np.float64)
    outer, place = sequence.graph, next(sequence.graph.places)
    step = _Graph(outer.onnx, outer)
    hidden = step.input(f"hidden_{place}", zeros.example)
    cell = step.input(f"cell_{place}", zeros.example)
    drive = step.input(f"drive_{place}", drives.example[:, 0])
    is_absent = step.input(f"is_missing_{place}", is_missing.example[:, 0])
    drive = drive + hidden @ recurrent_kernel
    # One node for all gates; that of the candidate is not read.
    gates = drive.add("Sigmoid", drive.example)
    i, f, _, o = (gates[:, k * units : (k + 1) * units] for k in range(4))
    next_cell = f * cell + i * activate(drive[:, 2 * units : 3 * units])
    next_hidden = np.where(is_absent, hidden, o * activate(next_cell))
    next_cell = np.where(is_absent, cell, next_cell)
    after = {"hidden": next_hidden, "cell": next_cell, "state": next_hidden}
    after = {f"next_{name}_{place}": value for name, value in after.items()}
    *_, states = outer.add(
        "Scan",
        [zeros, zeros, drives, is_missing],
        zeros.example,
        zeros.example,
        drives.example[:, :, :units],
        body=step.made(f"step_{place}", after),
        num_scan_inputs=2,
        scan_input_axes=[1, 1],
        scan_input_directions=[int(is_backward)] * 2,
        scan_output_axes=[1],
        scan_output_directions=[int(is_backward)],
    )
    return states
