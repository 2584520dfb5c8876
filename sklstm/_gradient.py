"""Gradients of predictions with respect to the values of their windows.

Backpropagation through time in NumPy, through the same weights and states as the
prediction itself, and on through highway and scaling to the raw values.
"""

from __future__ import annotations

import numpy as np

from sklstm._network import ACTIVATIONS, NetworkSpec, patched, trace
from sklstm._scaling import Scaling

__all__ = ["network_gradients", "value_gradients"]


def value_gradients(
    spec: NetworkSpec,
    weights: list[np.ndarray],
    scaling: Scaling,
    inputs: np.ndarray,
    output: int,
) -> np.ndarray:
    """Return the gradients of a prediction with respect to the values of its window.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    weights : list of ndarray
        As :func:`sklstm._network.initial_weights` orders them.
    scaling : Scaling
        The maps around it, with or without a highway.
    inputs : ndarray of shape (n_rows, window, n_channels)
        Scaled windows, as ``scaling.inputs`` returns them.
    output : int
        Position of the output that is predicted.

    Returns
    -------
    ndarray of shape (n_rows, window, n_channels), float64
        Units of the output for one unit of each value; 0 at missing steps.
    """
    missing = np.isnan(inputs[:, :, 0])
    gradients = network_gradients(spec, weights, inputs, output)
    if scaling.highway is not None:
        remainder = np.broadcast_to(scaling.remainder_scale, scaling.target_scale.shape)
        gradients *= remainder[output] * scaling.trust
        gradients += _highway_gradients(
            scaling.highway.kernel[:, output], missing, spec
        )
    gradients *= scaling.target_scale[output] / scaling.input_scale
    # A centred channel reads its newest value at every step, with the other sign.
    gradients[:, -1] -= np.where(scaling.is_centred, gradients.sum(axis=1), 0.0)
    channel = scaling.level_channel[output]
    if channel >= 0:
        has_level = ~missing[:, -1]
        gradients[has_level, -1, channel] += scaling.level_slope[output]
    return gradients


def _highway_gradients(
    kernel: np.ndarray, missing: np.ndarray, spec: NetworkSpec
) -> np.ndarray:
    """Return what one unit of each scaled value adds to a scaled output."""
    values = np.zeros(spec.window * spec.n_channels)
    values[len(values) - len(kernel) :] = kernel
    whole = values.reshape(spec.window, spec.n_channels)
    gradients = np.where(missing[:, :, None], 0.0, whole)
    # The oldest true step stands for those that are missing.
    rows = np.flatnonzero(missing[:, 0] & ~missing[:, -1])
    oldest = missing[rows].sum(axis=1)
    gradients[rows, oldest] += missing[rows].astype(np.float64) @ whole
    return gradients


def network_gradients(
    spec: NetworkSpec, weights: list[np.ndarray], inputs: np.ndarray, output: int
) -> np.ndarray:
    """Return the gradients of an output of the network with respect to its inputs.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    weights : list of ndarray
        As :func:`sklstm._network.initial_weights` orders them.
    inputs : ndarray of shape (n_rows, window, n_channels)
        Scaled windows; missing steps are NaN.
    output : int
        Position of the output.

    Returns
    -------
    ndarray of shape (n_rows, window, n_channels), float64
        0 at missing steps.

    References
    ----------
    Werbos 1990, "Backpropagation through time: what it does and how to do it",
    doi:10.1109/5.58337.
    """
    _, traces = trace(spec, weights, inputs)
    weights = [array.astype(np.float64) for array in weights]
    steps = patched(inputs, spec.patch)
    missing = np.isnan(steps[:, :, 0])
    filled = np.where(np.isnan(steps), 0.0, steps)
    n_directions = spec.n_directions
    n_rows, n_steps, _ = steps.shape
    # Gradients with respect to the hidden states after each step, per direction.
    downstream: list[np.ndarray] = []
    for direction, kernel in enumerate(np.split(weights[-2][:, output], n_directions)):
        of_states = np.zeros((n_rows, n_steps, spec.units[-1]))
        of_states[:, 0 if direction else -1] = kernel
        downstream.append(of_states)
    for layer in range(len(spec.units) - 1, -1, -1):
        first = layer * n_directions
        below = traces[first - n_directions : first]
        read = np.concatenate([t[:, :, 5] for t in below], 2) if layer else filled
        of_read: np.ndarray = np.zeros(read.shape)
        for direction, of_states in enumerate(downstream):
            at = first + direction
            of_read += _layer_gradients(
                spec,
                weights[3 * at : 3 * at + 3],
                read,
                traces[at],
                of_states,
                missing,
                is_backward=direction == 1,
            )
        downstream = np.split(of_read, n_directions, axis=2) if layer else [of_read]
    gradients = np.zeros(inputs.shape)
    newest = gradients[:, spec.window - n_steps * spec.patch :]
    newest[:] = downstream[0].reshape(newest.shape)
    return gradients


def _layer_gradients(
    spec: NetworkSpec,
    weights: list[np.ndarray],
    read: np.ndarray,
    states: np.ndarray,
    of_states: np.ndarray,
    missing: np.ndarray,
    *,
    is_backward: bool,
) -> np.ndarray:
    """Return the gradients with respect to what one direction of a layer reads.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    weights : list of ndarray
        Kernel, recurrent kernel and bias.
    read : ndarray of shape (n_rows, window, n_inputs)
        What the layer reads at each step.
    states : ndarray of shape (n_rows, window, 6, units)
        Its trace.
    of_states : ndarray of shape (n_rows, window, units)
        Gradients with respect to the hidden state after each step, as later layers
        see it.
    missing : ndarray of shape (n_rows, window), bool
        Steps that leave the states as they are.
    is_backward : bool
        Whether it reads the newest step first.
    """
    kernel, recurrent_kernel, bias = weights
    i, f, o, g, cell, hidden = np.moveaxis(states, 2, 0)
    before, hidden_before = (_before(s, is_backward) for s in (cell, hidden))
    drive = read @ kernel + hidden_before @ recurrent_kernel + bias
    z_i, z_f, z_g, z_o = np.split(drive, 4, axis=2)
    # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2
    slope_i, slope_f, slope_o = (_slope("tanh", z / 2) / 4 for z in (z_i, z_f, z_o))
    slope_g, slope_cell = _slope(spec.activation, z_g), _slope(spec.activation, cell)
    shown = ACTIVATIONS[spec.activation](cell)
    of_read = np.zeros(read.shape)
    of_hidden = of_cell = np.zeros(hidden[:, 0].shape)
    window = read.shape[1]
    for t in range(window) if is_backward else range(window - 1, -1, -1):
        of_hidden = of_hidden + of_states[:, t]
        of_new = of_cell + of_hidden * o[:, t] * slope_cell[:, t]
        of_drive = np.concatenate(
            [
                of_new * g[:, t] * slope_i[:, t],
                of_new * before[:, t] * slope_f[:, t],
                of_new * i[:, t] * slope_g[:, t],
                of_hidden * shown[:, t] * slope_o[:, t],
            ],
            axis=1,
        )
        gone = missing[:, t, None]
        of_read[:, t] = np.where(gone, 0.0, of_drive @ kernel.T)
        of_hidden = np.where(gone, of_hidden, of_drive @ recurrent_kernel.T)
        of_cell = np.where(gone, of_cell, of_new * f[:, t])
    return of_read


def _before(states: np.ndarray, is_backward: bool) -> np.ndarray:
    """Return the states before each step, zeros before the first that is read."""
    before = np.zeros(states.shape)
    if is_backward:
        before[:, :-1] = states[:, 1:]
    else:
        before[:, 1:] = states[:, :-1]
    return before


def _slope(activation: str, z: np.ndarray) -> np.ndarray:
    """Return the derivative of an activation."""
    if activation == "tanh":
        return 1 - np.square(np.tanh(z))
    return (z > 0).astype(z.dtype)
