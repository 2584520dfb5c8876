"""The fitted network as an ONNX graph: raw windows in, values in their unit out.

Each function adds the nodes of one function of the NumPy pass, in the same order: what
``Scaling``, ``Highway`` and ``forward`` compute is computed here.

Layers are a ``Scan`` in float64 over their steps. ONNX's own LSTM operator is float32
in onnxruntime, and strayed by more than 1e-6 of the target's scale where layers are
large and windows long; nor has it a mask for missing oldest steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from sklstm.network._highway import Highway
from sklstm.network._lstm import LSTMRecipe
from sklstm.network._measure import FLAT_SIZE, GRAIN, Measure
from sklstm.network._member import Member
from sklstm.network._network import NetworkSpec
from sklstm.network._scaling import Scaling

__all__ = ["onnx_model"]

# Operators of 2021, and the file format of their time: what most runtimes can read.
_OPSET = 17
_IR_VERSION = 8


# -- graphs and values --------------------------------------------------------------


class _Graph:
    """Nodes and constants of a graph.

    Parameters
    ----------
    onnx : module
    outer : _Graph, optional
        The graph around this one, which has its constants.
    """

    def __init__(self, onnx: Any, outer: _Graph | None = None) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: dict[Any, Any] = {} if outer is None else outer.constants
        self.places: Iterator[int] = itertools.count()
        if outer is not None:
            self.places = outer.places

    def value(self, name: str) -> _Value:
        """Return the value of a name."""
        return _Value(self, name)

    def constant(self, value: Any) -> str:
        """Return the name of a constant; equal ones are kept once."""
        array = np.array(value)  # ints are int64, floats float64
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = self.onnx.numpy_helper.from_array(array, name)
        return self.constants[key].name

    def add(
        self, operator: str, *inputs: Any, n_outputs: int = 1, **options: Any
    ) -> Any:
        """Add a node; return its value, or several.

        Inputs that are no values are constants.
        """
        names = [
            each.name if isinstance(each, _Value) else self.constant(each)
            for each in inputs
        ]
        place = next(self.places)
        outputs = [f"{operator}_{place}_{i}" for i in range(n_outputs)]
        self.nodes.append(
            self.onnx.helper.make_node(operator, names, outputs, **options)
        )
        values = [self.value(name) for name in outputs]
        return values[0] if n_outputs == 1 else values

    def made(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        """Return the graph as ONNX has it, without constants."""
        return self.onnx.helper.make_graph(self.nodes, name, inputs, outputs)


@dataclass(frozen=True)
class _Value:
    """What a node of a graph, or an input, comes to."""

    graph: _Graph
    name: str

    def op(self, operator: str, *others: Any, **options: Any) -> Any:
        """Return what an operator makes of this value and others."""
        return self.graph.add(operator, self, *others, **options)

    def __add__(self, other: Any) -> _Value:
        return self.op("Add", other)

    def __sub__(self, other: Any) -> _Value:
        return self.op("Sub", other)

    def __mul__(self, other: Any) -> _Value:
        return self.op("Mul", other)

    def __truediv__(self, other: Any) -> _Value:
        return self.op("Div", other)

    def __matmul__(self, other: Any) -> _Value:
        return self.op("MatMul", other)

    def clipped(self, low: float, high: float) -> _Value:
        """Return values within limits."""
        return self.op("Max", low).op("Min", high)

    def cast(self, kind: str) -> _Value:
        """Return values of another type, by ONNX's name of it."""
        return self.op("Cast", to=getattr(self.graph.onnx.TensorProto, kind))

    def shaped(self, *shape: int) -> _Value:
        """Return the values in another shape."""
        return self.op("Reshape", list(shape))

    def newest(self, count: int, *, axis: int) -> _Value:
        """Return the last entries of an axis."""
        return self.op("Slice", [-count], [np.iinfo(np.int64).max], [axis])

    def or_where_nan(self, other: Any) -> _Value:
        """Return other values in place of NaN."""
        return self.op("IsNaN").op("Where", other, self)


_ACTIVATIONS: dict[str, Callable[[_Value], _Value]] = {
    "relu": lambda x: x.op("Max", 0.0),
    "tanh": lambda x: x.op("Tanh"),
}


# -- the whole ----------------------------------------------------------------------


def onnx_model(
    measure: Measure,
    networks: Sequence[Member],
    n_outputs: int,
    recipe: LSTMRecipe,
) -> bytes:
    """Return the ONNX file of an ensemble.

    Parameters
    ----------
    measure : Measure
        What windows are measured in.
    networks : sequence of Member
        The ensemble, whose predictions are averaged.
    n_outputs : int
        Targets of y, or steps.
    recipe : LSTMRecipe
        What each of them is; every level of its quantiles is an output of the graph.

    Returns
    -------
    bytes

    Raises
    ------
    ImportError
        If onnx is not installed.
    """
    spec, levels = recipe.spec, recipe.levels
    onnx = _imported()
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = _Graph(onnx)
    raw, groups = graph.value("windows"), graph.value("groups")
    windows, sizes = _measured(measure, raw, groups)
    every = [_network_values(network, windows) for network in networks]
    values = every[0]
    if len(every) > 1:
        values = graph.add("Sum", *every) / float(len(every))
    values = _unmeasured(measure, values, sizes, spec.n_outputs)
    values = _sorted(values.shaped(-1, n_outputs, len(levels)), len(levels))
    outputs = {"values": (values.op("Gather", recipe.middle, axis=2), [n_outputs])}
    if recipe.quantiles is not None:
        outputs["quantiles"] = (values, [n_outputs, len(levels)])
    for name, (value, _) in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [value.name], [name]))
    shape = ["n_rows", spec.window, spec.n_channels]
    inputs = [helper.make_tensor_value_info("windows", kinds.FLOAT, shape)]
    if measure.kind == "size":
        inputs.append(helper.make_tensor_value_info("groups", kinds.INT64, ["n_rows"]))
    made = graph.made(
        "LSTMRegressor",
        inputs,
        [
            helper.make_tensor_value_info(name, kinds.DOUBLE, ["n_rows", *rest])
            for name, (_, rest) in outputs.items()
        ],
    )
    made.initializer.extend(graph.constants.values())
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="sklstm",
        producer_version=version("sklstm"),
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _imported() -> Any:
    """Return onnx, imported now."""
    try:
        return import_module("onnx")
    except ImportError as error:
        raise ImportError(
            "to_onnx needs the package onnx. Got none; pip install 'sklstm[onnx]'."
        ) from error


def _sorted(values: _Value, n_levels: int) -> _Value:
    """Add the sort by which quantiles never cross."""
    if n_levels == 1:
        return values
    ordered, _ = values.op("TopK", [n_levels], n_outputs=2, axis=2, largest=0)
    return ordered


def _network_values(network: Any, windows: _Value) -> _Value:
    """Add what a network makes of raw windows, in the unit of the target."""
    spec = network.recipe.spec
    inputs = _inputs(network.scaling, windows)
    outputs = _forward(spec, network.weights, inputs)
    return _values(network.scaling, outputs, inputs, windows, spec.window)


# -- around the scaling: the functions of Measure ---------------------------------


def _measured(
    measure: Measure, windows: _Value, groups: _Value
) -> tuple[_Value, _Value | None]:
    """Add :meth:`Measure.windows`, and the sizes of each row."""
    if measure.kind == "plain":
        return windows, None
    if measure.kind == "size":
        sizes = _sizes(measure, windows, groups)
        measured = windows.cast("DOUBLE") / sizes.op("Unsqueeze", [1])
        return measured.cast("FLOAT"), sizes
    true = windows.or_where_nan(np.float32(1)).cast("DOUBLE")
    logarithms = true.op("Max", measure.floor).op("Log").cast("FLOAT")
    is_left = windows.op("IsNaN").op("Or", ~measure.is_measured)
    return is_left.op("Where", windows, logarithms), None


def _sizes(measure: Measure, windows: _Value, groups: _Value) -> _Value:
    """Add :meth:`sklstm.network._measure.Measure.sizes_of`."""
    unknown = np.full(measure.sizes.shape[1], np.nan)
    of_groups = np.vstack([measure.sizes, unknown])
    is_unknown = groups.op("Less", 0)
    rows = is_unknown.op("Where", len(measure.sizes), groups)
    sizes = windows.graph.add("Gather", of_groups, rows, axis=0)
    # The standard deviation of the true steps of a window, where its group has none.
    values = windows.cast("DOUBLE")
    is_true = values.op("IsNaN").op("Not").cast("DOUBLE")
    values = values.or_where_nan(0.0)

    def mean(of: _Value) -> _Value:
        return of.op("ReduceSum", [1], keepdims=1) / n_true

    n_true = is_true.op("ReduceSum", [1], keepdims=1).op("Max", 1.0)
    distance = (values - mean(values)) * is_true
    deviation = mean(distance * distance).op("Sqrt")
    mean_size = mean(values.op("Abs"))
    own = deviation.op("Greater", mean_size * GRAIN).op(
        "Where", deviation, mean_size * FLAT_SIZE
    )
    own = own.op("Greater", 0.0).op("Where", own, measure.smallest)
    own = own.op("Squeeze", [1])
    sizes = sizes.op("IsNaN").op("Where", own, sizes)
    return sizes.graph.add("Where", measure.is_measured, sizes, 1.0)


def _unmeasured(
    measure: Measure, values: _Value, sizes: _Value | None, n_outputs: int
) -> _Value:
    """Add :meth:`sklstm.network._measure.Measure.values`."""
    if measure.kind == "log":
        return values.op("Exp")
    if sizes is None:
        return values
    channels = measure.outputs_channel(n_outputs).astype(np.int64)
    return values * sizes.op("Gather", channels, axis=1)


# -- around the network: the three functions of Scaling, and the highway ------------


def _inputs(scaling: Scaling, windows: _Value) -> _Value:
    """Add :meth:`sklstm.network._scaling.Scaling.inputs`."""
    newest = windows.newest(1, axis=1)
    shift = windows.graph.add("Where", scaling.is_centred, newest, scaling.input_mean)
    return (windows - shift) / scaling.input_scale


def _levels(scaling: Scaling, windows: _Value) -> _Value:
    """Add :meth:`sklstm.network._scaling.Scaling.levels`."""
    newest = windows.newest(1, axis=1).shaped(-1, len(scaling.last_level))
    newest = newest.or_where_nan(scaling.last_level)
    has_level = scaling.level_channel >= 0
    channels = np.where(has_level, scaling.level_channel, 0)
    levels = newest.op("Gather", channels.astype(np.int64), axis=1).cast("DOUBLE")
    return levels * np.where(has_level, scaling.level_slope, 0.0)


def _values(
    scaling: Scaling, outputs: _Value, inputs: _Value, windows: _Value, window: int
) -> _Value:
    """Add :meth:`sklstm.network._scaling.Scaling.values`."""
    scaled = outputs
    if scaling.highway is not None:
        scaled = scaled * np.float64(scaling.remainder_scale * scaling.trust)
        scaled = scaled + _highway_outputs(scaling.highway, inputs, window)
    scaled = scaled * scaling.target_scale + scaling.target_mean
    return scaled + _levels(scaling, windows)


def _highway_outputs(highway: Highway, inputs: _Value, window: int) -> _Value:
    """Add :meth:`sklstm.network._highway.Highway.outputs`."""
    n_missing = _is_missing(inputs).cast("INT64").op("ReduceSum", [1], keepdims=0)
    # Missing steps count as the oldest true one; the newest, where all are missing.
    numbers = n_missing.op("Max", np.arange(window)[None]).op("Min", window - 1)
    filled = inputs.op("GatherND", numbers.op("Unsqueeze", [2]), batch_dims=1)
    flat = filled.cast("DOUBLE").or_where_nan(0.0).op("Flatten")
    newest = flat.newest(len(highway.kernel), axis=1)
    return newest @ highway.kernel + highway.bias


def _is_missing(sequence: _Value) -> _Value:
    """Add which steps are missing, wholly or in part: (n_rows, n_steps, 1)."""
    is_nan = sequence.op("IsNaN").cast("INT32")
    return is_nan.op("ReduceMax", axes=[2], keepdims=1).cast("BOOL")


# -- the network --------------------------------------------------------------------


def _forward(spec: NetworkSpec, weights: list[np.ndarray], inputs: _Value) -> _Value:
    """Add ``forward`` of ``_network``, of shape (n_rows, n_outputs), float64."""
    steps = inputs
    if spec.patch > 1:
        newest = inputs.newest(spec.n_steps * spec.patch, axis=1)
        steps = newest.shaped(-1, spec.n_steps, spec.n_inputs)
    # A Scan over no rows makes onnxruntime divide by zero: one row more, for a while.
    row = np.zeros((1, spec.n_steps, spec.n_inputs), dtype=np.float32)
    steps = steps.graph.add("Concat", steps, row, axis=0)
    is_true = _is_missing(steps).op("Not")
    sequence = steps.or_where_nan(np.float32(0)).cast("DOUBLE")
    weights = [part.astype(np.float64) for part in weights]
    graph = inputs.graph
    last: list[_Value] = []
    for _ in spec.units:
        last, every = [], []
        for is_backward in (False, True)[: spec.n_directions]:
            own, weights = weights[:3], weights[3:]
            states = _lstm_states(spec, own, sequence, is_true, is_backward)
            last.append(states[0])
            every.append(states[1])
        sequence = graph.add("Concat", *every, axis=2)
    kernel, bias = weights
    outputs = graph.add("Concat", *last, axis=1) @ kernel + bias
    return outputs.op("Slice", [0], [-1], [0])


def _lstm_states(
    spec: NetworkSpec,
    weights: list[np.ndarray],
    sequence: _Value,
    is_true: _Value,
    is_backward: bool,
) -> tuple[_Value, _Value]:
    """Add a layer in one direction; return its last hidden state, and all of them."""
    # The order i, f, o, c lets one node activate all gates.
    kernel, recurrent_kernel, bias = (
        part[..., _gates_first(part.shape[-1] // 4)] for part in weights
    )
    units = len(recurrent_kernel)
    drives = sequence @ kernel + bias
    outer = sequence.graph
    helper, kinds = outer.onnx.helper, outer.onnx.TensorProto
    step = _Graph(outer.onnx, outer)
    place = next(outer.places)
    names = [f"{name}_{place}" for name in ("hidden", "cell", "drive", "is_true")]
    hidden, cell, drive, is_there = map(step.value, names)
    drive = drive + hidden @ recurrent_kernel
    gates = drive.op("Slice", [0], [3 * units], [1]).op("Sigmoid")
    i, f, o = gates.op("Split", [units] * 3, n_outputs=3, axis=1)
    g = _ACTIVATIONS[spec.activation](drive.newest(units, axis=1))
    next_cell = f * cell + i * g
    next_hidden = o * _ACTIVATIONS[spec.activation](next_cell)
    # A missing step leaves both states as they are.
    next_cell = is_there.op("Where", next_cell, cell)
    next_hidden = is_there.op("Where", next_hidden, hidden)
    after = [next_hidden, next_cell, next_hidden.op("Identity")]
    widths = [units, units, 4 * units, 1]
    types = [kinds.DOUBLE] * 3 + [kinds.BOOL]
    body = step.made(
        f"step_{place}",
        [
            helper.make_tensor_value_info(name, kind, [None, width])
            for name, kind, width in zip(names, types, widths, strict=True)
        ],
        [
            helper.make_tensor_value_info(value.name, kinds.DOUBLE, [None, units])
            for value in after
        ],
    )
    n_rows = sequence.op("Shape").op("Slice", [0], [1])
    zeros = np.zeros((1, units))
    zero = outer.add("Expand", zeros, outer.add("Concat", n_rows, [units], axis=0))
    last, _, every = outer.add(
        "Scan",
        zero,
        zero,
        drives,
        is_true,
        n_outputs=3,
        body=body,
        num_scan_inputs=2,
        scan_input_axes=[1, 1],
        scan_input_directions=[int(is_backward)] * 2,
        scan_output_axes=[1],
        scan_output_directions=[int(is_backward)],
    )
    return last, every


def _gates_first(units: int) -> np.ndarray:
    """Return where the gates i, f, o and the candidate c are among i, f, c, o."""
    i, f, c, o = np.arange(4 * units).reshape(4, units)
    return np.concatenate([i, f, o, c])
