"""What a network computes on the way to F: every layer's values, and ∂F/∂x."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..kernels.layers.operations import BUFFER_UNITS
from ..kernels.network import values
from ..kernels.network.linking import Use, linked
from ..layers.shaped import Array, units_of
from .architecture import Architecture
from .rows import gradient_table, values_made

# Samples of a block.
_LANES = 64


def layer_values(architecture: Architecture, parameters: Array, X: Array) -> dict[str, Array]:
    """The value of every use of a layer for the examples X (n, d_1), by the layer's name.

    A layer that is used again has its name with a number.
    """
    graph = architecture.graph
    made = values_made(graph)
    found = {
        name: np.empty((len(X), *graph.shape(number)), X.dtype)
        for number, name in enumerate(graph.node_names)
    }
    table = linked(architecture.table, Use(X.dtype))
    activations = np.empty(architecture.units * _LANES, X.dtype)
    block = np.empty(X.shape[1] * _LANES, X.dtype)
    for start, rows in _blocks(X):
        values.block_values(rows.reshape(-1), table, parameters, activations, block, _LANES)
        by_unit = activations.reshape(-1, _LANES)
        for (source, _), out in zip(made, found.values(), strict=True):
            units, first = units_of(source.shape), source.unit
            if first >= 0:
                part = by_unit[first : first + units, : len(rows)].T
            else:
                part = rows[:, -1 - first : -1 - first + units]
            out[start : start + len(rows)] = part.reshape(len(rows), *out.shape[1:])
    return found


def input_gradient(architecture: Architecture, parameters: Array, X: Array) -> Array:
    """∂F_k/∂x_i (n, d_L, d_1) for the examples X (n, d_1)."""
    own = gradient_table(architecture.graph)
    table = linked(own, Use(X.dtype, train=True))
    (n, d_in), d_out = X.shape, architecture.d_out
    found = np.empty((n, d_out, d_in), X.dtype)
    out = np.empty(d_out * d_in * _LANES, X.dtype)
    scratch = np.empty((2 * int(own[BUFFER_UNITS]) + d_in) * _LANES, X.dtype)
    for start, rows in _blocks(X):
        values.block_gradients(out, rows.reshape(-1), table, parameters, scratch, _LANES)
        part = out.reshape(d_out, d_in, _LANES)[:, :, : len(rows)]
        found[start : start + len(rows)] = np.moveaxis(part, 2, 0)
    return found


def filters(architecture: Architecture, parameters: Array) -> dict[str, Array]:
    """Weights (k, height, width, channels) of the layers that have them, by the layer's name.

    Of a dense layer, if it reads an image of the network's input with one channel.
    """
    graph, found = architecture.graph, {}
    arrays = architecture.arrays(parameters)
    for node in graph.nodes:
        weight = arrays[node.layer].get("weight", np.empty(0))
        if weight.ndim == 2:
            shape = _image_read(architecture, node.sources[0])
            weight = weight.reshape(len(weight), *shape, 1) if shape else weight
        if weight.ndim == 4:
            found[graph.names[node.layer]] = weight
    return found


def _image_read(architecture: Architecture, number: int) -> tuple[int, ...] | None:
    """Height and width of the input image that a value is, pixel by pixel; None: it is none."""
    graph = architecture.graph
    units = units_of(graph.shape(number))
    while number >= 0:
        node = graph.nodes[number]
        if graph.layers[node.layer].size or len(node.sources) > 1:
            return None
        number = node.sources[0]
    shape = graph.shape(number)
    image = len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)
    return shape[:2] if image and units_of(shape) == units else None


def through_softmax(architecture: Architecture, gradient: Array, outputs: Array) -> Array:
    """The gradient (n, d_L, d_1) of the logits made that of F, where F ends in softmax.

    ∂p_k/∂x = p_k (∂z_k/∂x − Σ_j p_j ∂z_j/∂x); outputs (n, d_L) is F. It is changed in place.
    """
    graph, first = architecture.graph, 0
    for number, units in zip(graph.outputs, graph.output_units, strict=True):
        part = slice(first, first + units)
        if number >= 0 and graph.layers[graph.nodes[number].layer].activation == "softmax":
            width = graph.shape(number)[-1]
            p = outputs[:, part].reshape(len(outputs), -1, width, 1)
            own = gradient[:, part].reshape(len(outputs), -1, width, gradient.shape[2])
            own = p * (own - np.sum(p * own, axis=2, keepdims=True))
            gradient[:, part] = own.reshape(len(outputs), units, -1)
        first += units
    return gradient


def _blocks(X: Array) -> Iterator[tuple[int, Array]]:
    for start in range(0, len(X), _LANES):
        yield start, np.ascontiguousarray(X[start : start + _LANES])
