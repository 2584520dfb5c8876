"""The fitted network as an ONNX graph: raw windows in, values in their unit out.

Each function adds the nodes of one function of the NumPy pass, and has its name: what
``Scaling``, ``Highway`` and ``forward`` compute is computed here in the same order and
precision. The layers are ONNX's own LSTM operator, which every runtime knows.

ONNX masks the newest steps of a sequence, where here the oldest are missing. So the
true steps of each window are moved to its beginning, which no LSTM can tell apart.

References
----------
ONNX operators, https://onnx.ai/onnx/operators/ (LSTM: version 14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from sklstm._highway import Highway
from sklstm._network import NetworkSpec
from sklstm._scaling import Scaling
from sklstm._stamp import package_version

__all__ = ["FittedNetwork", "onnx_model"]

# Operators of 2021, and the file format of their time: what most runtimes can read.
_OPSET = 17
_IR_VERSION = 8

# Keras's activations by the names, alphas and betas of ONNX's LSTM. The others have no
# equal there.
_ACTIVATIONS: dict[str, tuple[str, float | None, float | None]] = {
    "celu": ("Elu", 1.0, None),
    "elu": ("Elu", 1.0, None),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "leaky_relu": ("LeakyRelu", 0.2, None),
    "linear": ("Affine", 1.0, 0.0),
    "relu": ("Relu", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "softplus": ("Softplus", None, None),
    "softsign": ("Softsign", None, None),
    "sparse_sigmoid": ("HardSigmoid", 0.5, 0.5),
    "tanh": ("Tanh", None, None),
}


@dataclass(frozen=True)
class FittedNetwork:
    """One network of an ensemble with the maps around it.

    Parameters
    ----------
    spec : NetworkSpec
        Its shape.
    weights : list of ndarray
        As :func:`sklstm._network.initial_weights` orders them.
    scaling : Scaling
        What is around it.
    """

    spec: NetworkSpec
    weights: list[np.ndarray]
    scaling: Scaling


class _Graph:
    """Nodes and constants of a graph; a value is its name.

    Parameters
    ----------
    onnx : module
    window : int
        Steps of the windows that go in.
    """

    def __init__(self, onnx: Any, window: int) -> None:
        self.onnx = onnx
        self.window = window
        self.nodes: list[Any] = []
        self.constants: dict[Any, Any] = {}

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of a constant; equal ones are kept once."""
        array = np.ascontiguousarray(value, dtype=dtype).reshape(np.shape(value))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = self.onnx.numpy_helper.from_array(array, name)
        return self.constants[key].name

    def add(
        self, operator: str, *inputs: str, n_outputs: int = 1, **options: Any
    ) -> Any:
        """Add a node; return the name of its output, or the names of several."""
        place = len(self.nodes)
        outputs = [f"{operator}_{place}_{i}" for i in range(n_outputs)]
        node = self.onnx.helper.make_node(operator, list(inputs), outputs, **options)
        self.nodes.append(node)
        return outputs[0] if n_outputs == 1 else outputs

    def cast(self, value: str, kind: str) -> str:
        """Return a value in another type, by ONNX's name of it."""
        return self.add("Cast", value, to=getattr(self.onnx.TensorProto, kind))

    def newest(self, value: str, count: int, *, axis: int) -> str:
        """Return the last entries of an axis."""
        begin, end = -count, np.iinfo(np.int64).max
        return self.between(value, begin, end, axis=axis)

    def between(self, value: str, begin: int, end: int, *, axis: int) -> str:
        """Return some entries of an axis."""
        at = (self.constant([number], np.int64) for number in (begin, end, axis))
        return self.add("Slice", value, *at)

    def shaped(self, value: str, *shape: int) -> str:
        """Return a value in another shape."""
        return self.add("Reshape", value, self.constant(shape, np.int64))


def onnx_model(
    networks: Sequence[FittedNetwork],
    n_outputs: int,
    levels: Sequence[float],
    *,
    has_quantiles: bool,
) -> bytes:
    """Return the ONNX file of an ensemble.

    Parameters
    ----------
    networks : sequence of FittedNetwork
        The ensemble, whose predictions are averaged.
    n_outputs : int
        Targets of y, or steps.
    levels : sequence of float
        Levels of each target's outputs.
    has_quantiles : bool
        Whether every level is an output of the graph.

    Returns
    -------
    bytes

    Raises
    ------
    ImportError
        If onnx is not installed.
    ValueError
        If an activation has no equal in ONNX.
    """
    spec = networks[0].spec
    _check_activations(spec)
    try:
        onnx = import_module("onnx")
    except ImportError as error:
        raise ImportError(
            "to_onnx needs the package onnx. Got none; pip install 'sklstm[onnx]'."
        ) from error
    helper, double = onnx.helper, onnx.TensorProto.DOUBLE
    graph = _Graph(onnx, spec.window)
    every = [_network_values(graph, network, "windows") for network in networks]
    values = every[0]
    if len(every) > 1:
        values = graph.add("Sum", *every)
        values = graph.add("Div", values, graph.constant(len(every), np.float64))
    values = graph.shaped(values, -1, n_outputs, len(levels))
    values = _sorted(graph, values, len(levels))
    middle = int(np.argmin(np.abs(np.array(levels) - 0.5)))
    point = graph.between(values, middle, middle + 1, axis=2)
    outputs = {"values": (graph.shaped(point, -1, n_outputs), [n_outputs])}
    if has_quantiles:
        outputs["quantiles"] = (values, [n_outputs, len(levels)])
    for name, (value, _) in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [value], [name]))
    shape = ["n_rows", spec.window, spec.n_channels]
    made = helper.make_graph(
        graph.nodes,
        "LSTMRegressor",
        [helper.make_tensor_value_info("windows", onnx.TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, double, ["n_rows", *rest])
            for name, (_, rest) in outputs.items()
        ],
        list(graph.constants.values()),
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="sklstm",
        producer_version=package_version(),
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _check_activations(spec: NetworkSpec) -> None:
    """Raise unless ONNX's LSTM has the activations of a network."""
    for parameter in ("activation", "recurrent_activation"):
        name = getattr(spec, parameter)
        if name not in _ACTIVATIONS:
            raise ValueError(
                f"to_onnx needs one of the activations that ONNX's LSTM has, "
                f"{sorted(_ACTIVATIONS)}. Got {parameter}={name!r}; fit with one of "
                "them, or store the estimator with sklstm.save."
            )


def _network_values(graph: _Graph, network: FittedNetwork, windows: str) -> str:
    """Add what a network makes of raw windows, in the unit of the target."""
    inputs = _inputs(graph, network.scaling, windows)
    outputs = _forward(graph, network.spec, network.weights, inputs)
    return _values(graph, network.scaling, outputs, inputs, windows)


def _sorted(graph: _Graph, values: str, n_levels: int) -> str:
    """Add the sort by which quantiles never cross."""
    if n_levels == 1:
        return values
    count = graph.constant([n_levels], np.int64)
    ordered, _ = graph.add(
        "TopK", values, count, n_outputs=2, axis=2, largest=0, sorted=1
    )
    return ordered


# -- around the network: the three functions of Scaling, and the highway -------------


def _inputs(graph: _Graph, scaling: Scaling, windows: str) -> str:
    """Add :meth:`sklstm._scaling.Scaling.inputs`."""
    newest = graph.newest(windows, 1, axis=1)
    is_centred, mean = map(graph.constant, (scaling.is_centred, scaling.input_mean))
    shift = graph.add("Where", is_centred, newest, mean)
    centred = graph.add("Sub", windows, shift)
    return graph.add("Div", centred, graph.constant(scaling.input_scale))


def _levels(graph: _Graph, scaling: Scaling, windows: str) -> str:
    """Add :meth:`sklstm._scaling.Scaling.levels`."""
    last_level = graph.constant(scaling.last_level)
    newest = graph.shaped(graph.newest(windows, 1, axis=1), -1, len(scaling.last_level))
    newest = graph.add("Where", graph.add("IsNaN", newest), last_level, newest)
    has_level = scaling.level_channel >= 0
    channels = np.where(has_level, scaling.level_channel, 0)
    levels = graph.add("Gather", newest, graph.constant(channels, np.int64), axis=1)
    slope = np.where(has_level, scaling.level_slope, 0.0)
    return graph.add("Mul", graph.cast(levels, "DOUBLE"), graph.constant(slope))


def _values(
    graph: _Graph, scaling: Scaling, outputs: str, inputs: str, windows: str
) -> str:
    """Add :meth:`sklstm._scaling.Scaling.values`."""
    scaled = outputs
    if scaling.highway is not None:
        scale = graph.constant(scaling.remainder_scale * scaling.trust, np.float64)
        highway = _highway_outputs(graph, scaling.highway, inputs)
        scaled = graph.add("Add", graph.add("Mul", scaled, scale), highway)
    scaled = graph.add("Mul", scaled, graph.constant(scaling.target_scale, np.float64))
    scaled = graph.add("Add", scaled, graph.constant(scaling.target_mean, np.float64))
    return graph.add("Add", scaled, _levels(graph, scaling, windows))


def _highway_outputs(graph: _Graph, highway: Highway, inputs: str) -> str:
    """Add :meth:`sklstm._highway.Highway.outputs`, oldest true steps filled in."""
    n_missing = _n_missing(graph, inputs)
    numbers = graph.add(
        "Max", graph.constant(np.arange(graph.window)[None], np.int64), n_missing
    )
    filled = graph.cast(_steps_at(graph, inputs, numbers, graph.window), "DOUBLE")
    flat = graph.add("Flatten", _without_nan(graph, filled, np.float64))
    newest = graph.newest(flat, len(highway.kernel), axis=1)
    outputs = graph.add("MatMul", newest, graph.constant(highway.kernel))
    return graph.add("Add", outputs, graph.constant(highway.bias))


# -- missing steps ------------------------------------------------------------------


def _n_missing(graph: _Graph, sequence: str) -> str:
    """Add the number of steps that are missing, wholly or in part: (n_rows, 1)."""
    is_nan = graph.cast(graph.add("IsNaN", sequence), "INT64")
    is_missing = graph.add("ReduceMax", is_nan, axes=[2], keepdims=0)
    return graph.add("ReduceSum", is_missing, graph.constant([1], np.int64), keepdims=1)


def _steps_at(graph: _Graph, sequence: str, numbers: str, n_steps: int) -> str:
    """Add the steps of each row that have these numbers, the newest for larger ones."""
    numbers = graph.add("Min", numbers, graph.constant(n_steps - 1, np.int64))
    numbers = graph.add("Unsqueeze", numbers, graph.constant([2], np.int64))
    return graph.add("GatherND", sequence, numbers, batch_dims=1)


def _without_nan(graph: _Graph, values: str, dtype: Any) -> str:
    """Add values with 0 in place of NaN."""
    zero = graph.constant(0, dtype)
    return graph.add("Where", graph.add("IsNaN", values), zero, values)


# -- the network --------------------------------------------------------------------


def _forward(
    graph: _Graph, spec: NetworkSpec, weights: list[np.ndarray], inputs: str
) -> str:
    """Add :func:`sklstm._network.forward`, of shape (n_rows, n_outputs), float64."""
    steps = _patched(graph, spec, inputs)
    n_missing = _n_missing(graph, steps)
    n_steps = graph.constant(spec.n_steps, np.int64)
    numbers = graph.add(
        "Add", graph.constant(np.arange(spec.n_steps)[None], np.int64), n_missing
    )
    steps = _steps_at(graph, steps, numbers, spec.n_steps)
    steps = _without_nan(graph, steps, np.float32)
    n_true = graph.shaped(graph.add("Sub", n_steps, n_missing), -1)
    n_true = graph.cast(n_true, "INT32")
    sequence = graph.add("Transpose", steps, perm=[1, 0, 2])
    per_layer = 3 * spec.n_directions
    for layer, units in enumerate(spec.units):
        own = weights[layer * per_layer : (layer + 1) * per_layer]
        states, last_states = _lstm(graph, spec, units, own, sequence, n_true)
        if layer < len(spec.units) - 1:
            # From (n_steps, directions, n_rows, units), to both directions in a row.
            states = graph.add("Transpose", states, perm=[0, 2, 1, 3])
            sequence = graph.shaped(states, spec.n_steps, -1, units * spec.n_directions)
    features = graph.add("Transpose", last_states, perm=[1, 0, 2])
    features = graph.cast(features, "DOUBLE")
    features = graph.shaped(features, -1, spec.units[-1] * spec.n_directions)
    kernel, bias = (graph.constant(part, np.float64) for part in weights[-2:])
    return graph.add("Add", graph.add("MatMul", features, kernel), bias)


def _patched(graph: _Graph, spec: NetworkSpec, inputs: str) -> str:
    """Add :func:`sklstm._network.patched`, but that missing patches are not cleared."""
    if spec.patch == 1:
        return inputs
    newest = graph.newest(inputs, spec.n_steps * spec.patch, axis=1)
    return graph.shaped(newest, -1, spec.n_steps, spec.n_inputs)


def _lstm(
    graph: _Graph,
    spec: NetworkSpec,
    units: int,
    weights: list[np.ndarray],
    sequence: str,
    n_true: str,
) -> list[str]:
    """Add a layer; return its states after each step, and after the last one read."""
    kernels, recurrent_kernels, biases = (
        np.stack([_in_order(part) for part in weights[i::3]]) for i in range(3)
    )
    biases = np.concatenate([biases, np.zeros_like(biases)], axis=1)
    gates, candidate = spec.recurrent_activation, spec.activation
    used = [_ACTIVATIONS[name] for name in (gates, candidate, candidate)]
    numbers = {
        "activation_alpha": [alpha for _, alpha, _ in used if alpha is not None],
        "activation_beta": [beta for _, _, beta in used if beta is not None],
    }
    return graph.add(
        "LSTM",
        sequence,
        graph.constant(kernels),
        graph.constant(recurrent_kernels),
        graph.constant(biases),
        n_true,
        n_outputs=2,
        hidden_size=units,
        direction="bidirectional" if spec.bidirectional else "forward",
        activations=[name for name, _, _ in used] * spec.n_directions,
        **{
            name: values * spec.n_directions
            for name, values in numbers.items()
            if values
        },
    )


def _in_order(part: np.ndarray) -> np.ndarray:
    """Return weights of the gates i, f, c, o in ONNX's order i, o, f, c, as rows."""
    i, f, c, o = np.split(part, 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1).T
