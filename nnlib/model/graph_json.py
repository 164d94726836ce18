"""Graphs as JSON: what a file says of a network that is no plain chain, and the graph of that.

Whatever a file holds goes through the same checks as what a user writes, since its layers are made
by the same classes and called with the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..checks.values import flag, shown, whole_number
from ..layers import Custom, Input, Layer, Value
from ..layers.rebuilt import layer_from
from .graph import Graph
from .rows import Training
from .saved_formulas import from_json, to_json

# Arguments of layers that are formulas or layers of the user's own.
_FORMULAS = ("activation", "kind")
_LAYER = {"class", "arguments", "name", "trainable", "rate_factor", "decay_factor"}
_GRAPH = {"inputs", "layers", "nodes", "outputs", "output_names", "outputs_named"}


def graph_to_json(graph: Graph, training: Sequence[Training]) -> dict[str, Any]:
    """The graph as dicts, lists, strings and numbers; training has an element for each layer.

    >>> from nnlib.model.architecture import Architecture
    >>> graph = Architecture.of([2, 1]).graph
    >>> graph_to_json(graph, [Training()])["nodes"]
    [[0, [-1]]]
    """
    layers = []
    for layer, name, own in zip(graph.layers, graph.names, training, strict=True):
        kind, arguments = layer.described()
        arguments = {
            key: to_json(value) if key in _FORMULAS else value for key, value in arguments.items()
        }
        layers.append({"class": kind, "arguments": arguments, "name": name, **own.settings()})
    return {
        "inputs": [
            [name, [None, *shape[1:]] if number in graph.open_inputs else list(shape)]
            for number, (name, shape) in enumerate(
                zip(graph.input_names, graph.input_shapes, strict=True)
            )
        ],
        "layers": layers,
        "nodes": [[node.layer, list(node.sources)] for node in graph.nodes],
        "outputs": list(graph.outputs),
        "output_names": list(graph.output_names),
        "outputs_named": graph.outputs_named,
    }


def values_from_json(found: Any, most: int, custom: Iterable[Any] = ()) -> tuple[list[Input], Any]:
    """Inputs and outputs of the graph, as `Network` takes them.

    Parameters
    ----------
    found : object
        What `graph_to_json` made, or anything else: a file may hold anything.
    most : int
        Layers and uses of them that are allowed.
    custom : iterable
        The user's own formulas that may be meant.

    Raises
    ------
    TypeError, ValueError
        For what no graph gives.
    """
    _check_keys("graph", found, _GRAPH)
    for name in ("layers", "nodes", "inputs", "outputs", "output_names"):
        if not isinstance(found[name], list) or not 0 < len(found[name]) <= most:
            raise ValueError(f"{name} of its graph is {shown(found[name])}, wanted a list")
    layers = [_layer(one, custom) for one in found["layers"]]
    inputs = [Input(*reversed(_pair("input", one))) for one in found["inputs"]]
    values: dict[int, Value] = {-1 - k: one for k, one in enumerate(inputs)}
    for number, node in enumerate(found["nodes"]):
        place, sources = _pair("node", node)
        layer = layers[whole_number("layer of a node", place, 0, len(layers) - 1)]
        if not isinstance(sources, list):
            raise TypeError(f"sources of a node are {shown(sources)}, wanted a list")
        read = [_value(values, source) for source in sources]
        values[number] = layer(read if layer.joins else read[0] if read else read)
    outputs = [_value(values, number) for number in found["outputs"]]
    if len(outputs) != len(found["output_names"]):
        raise ValueError(
            f"its graph has {len(outputs)} outputs and {len(found['output_names'])} names"
        )
    if flag("outputs_named", found["outputs_named"]):
        return inputs, dict(zip(found["output_names"], outputs, strict=True))
    return inputs, outputs


def _layer(found: Any, custom: Iterable[Any]) -> Layer:
    _check_keys("layer", found, _LAYER)
    arguments = found["arguments"]
    if found["class"] == "Custom" and isinstance(arguments, dict):
        own: Custom = from_json("layer", arguments.get("kind"), custom)
        layer: Layer = own.like(found["name"])
    else:
        if isinstance(arguments, dict) and "activation" in arguments:
            activation = from_json("activation", arguments["activation"], custom)
            arguments = {**arguments, "activation": activation}
        layer = layer_from(found["class"], arguments, found["name"])
    layer.trainable = found["trainable"]
    layer.rate_factor, layer.decay_factor = found["rate_factor"], found["decay_factor"]
    return layer


def _value(values: dict[int, Value], number: Any) -> Value:
    if type(number) is not int or number not in values:
        raise ValueError(f"its graph reads value {shown(number)}, which is not made before")
    return values[number]


def _pair(what: str, found: Any) -> list[Any]:
    if not isinstance(found, list) or len(found) != 2:
        raise TypeError(f"{what} of its graph is {shown(found)}, wanted two elements")
    return found


def _check_keys(what: str, found: Any, wanted: set[str]) -> None:
    if not isinstance(found, dict) or found.keys() != wanted:
        raise ValueError(f"its {what} is {shown(found)}, wanted {', '.join(sorted(wanted))}")
