"""A graph drawn once more: for sequences of another length, or with a mask of them.

Parameters do not depend on the number of steps, tables do. So a network whose inputs take any
length has one vector of parameters and a graph for each length that it has met, and a network of a
fixed length has a second graph for examples with a mask. All of them are the graph of the user's,
drawn again with layers like its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..layers import Input, Value
from ..layers.embedding import EmbeddingLayer
from ..layers.lengths import TRIED, OpenShape, open_shape
from ..layers.shaped import units_of
from .graph import Graph, draw, rebuilt_layers

MASK = "mask"


class Redrawn(NamedTuple):
    """A graph that was drawn again, and which of its inputs are masks."""

    graph: Graph
    masks: frozenset[int]  # numbers of inputs that some layer reads as a mask

    @property
    def masked(self) -> bool:
        """Whether a layer reads a mask."""
        return bool(self.masks)


def sequence_inputs(graph: Graph) -> tuple[int, ...]:
    """The inputs that are sequences of one length, for lengths and masks.

    Those of any length, if there are such; else those with two axes, and numbers for embeddings.

    >>> from ..layers import LSTM
    >>> x = Input((None, 3))
    >>> sequence_inputs(draw(x, LSTM(2)(x)).graph)
    (0,)
    """
    if graph.open_inputs:
        return graph.open_inputs
    embedded = {
        -1 - node.sources[0]
        for node in graph.nodes
        if isinstance(graph.layers[node.layer], EmbeddingLayer)
    }
    return tuple(k for k, shape in enumerate(graph.data_shapes) if len(shape) == 2 or k in embedded)


def redrawn(graph: Graph, time: int | None, masked: bool) -> Redrawn:
    """The graph with so many steps, and with a mask of its sequences as the last input.

    Parameters
    ----------
    graph : Graph
    time : int or None
        Steps of its sequences; None: as drawn.
    masked : bool
        Whether its sequences have a mask. The result has one only if a layer reads it.

    Raises
    ------
    ValueError
        If a layer cannot take so few steps, or the sequences have different lengths.

    Examples
    --------
    >>> from ..layers import LSTM
    >>> x = Input((None, 3))
    >>> redrawn(draw(x, LSTM(2)(x)).graph, 7, True).graph.input_shapes
    ((7, 3), (7,))
    """
    layers, sequences = rebuilt_layers(graph), sequence_inputs(graph)
    inputs = []
    for k, (name, shape) in enumerate(zip(graph.data_names, graph.data_shapes, strict=True)):
        opened = time is not None and k in sequences
        inputs.append(Input((time, *shape[1:]) if opened else shape, name))
    mask = _mask_of([inputs[k] for k in sequences], graph.input_names) if masked else None
    values: dict[int, Value] = {-1 - k: one for k, one in enumerate(inputs)}
    found = set()
    for number, node in enumerate(graph.nodes):
        layer = layers[node.layer]
        read = [values[source] for source in node.sources]
        value = values[number] = layer(read if layer.joins else read[0])
        if layer.reads_mask and len(value.sources) > 1:
            found.add(value.sources[-1])
    outputs = [values[number] for number in graph.outputs]
    found.update(one.mask for one in outputs if one.mask is not None)
    given = [*inputs, mask] if mask in found else inputs
    named = dict(zip(graph.output_names, outputs, strict=True)) if graph.outputs_named else outputs
    drawn = replace(draw(given, named).graph, masked=mask in found)
    return Redrawn(drawn, frozenset(k for k, one in enumerate(given) if one in found))


def _mask_of(sequences: list[Input], taken: tuple[str, ...]) -> Input | None:
    """The mask of all the sequences, with a name of its own; None: there are no sequences."""
    lengths = {one.shapes[0][0] for one in sequences}
    if len(lengths) > 1:
        raise ValueError(
            f"the network's inputs are sequences of {' and '.join(map(str, sorted(lengths)))} "
            "steps, and lengths or a mask are for sequences of one length"
        )
    if not sequences:
        return None
    number, name = 0, MASK
    while name in taken:
        number += 1
        name = f"{MASK}_{number}"
    mask = Input(lengths.pop(), name)
    for one in sequences:
        one.mask = mask
    return mask


def graph_of_width(graph: Graph, masked: Graph, width: int) -> Graph:
    """The graph for rows of so many values; masked is the same with a mask, where a layer reads it.

    If inputs have any length, a step has a value of the mask behind all inputs' values.

    Raises
    ------
    ValueError
        If rows have another width for a fixed length, or a layer cannot take so few steps.

    Examples
    --------
    >>> from ..layers import LSTM
    >>> x = Input((None, 3))
    >>> own = draw(x, LSTM(2)(x)).graph
    >>> graph_of_width(own, redrawn(own, None, True).graph, 20).input_shapes
    ((5, 3), (5,))
    """
    fixed = each = 0
    for k, shape in enumerate(graph.data_shapes):
        if k in graph.open_inputs:
            each += units_of(shape[1:])
        else:
            fixed += units_of(shape)
    if graph.open_inputs:
        return redrawn(graph, (width - fixed) // (each + masked.masked), masked.masked).graph
    if masked.example != width:
        raise ValueError(f"rows have {width} values, wanted {graph.example}")
    return masked


def shown_shapes(graph: Graph) -> dict[int, OpenShape]:
    """Shape of every value by its number as in `Node.sources`, None for what the steps decide.

    >>> from ..layers import LSTM
    >>> x = Input((None, 3))
    >>> shown_shapes(draw(x, LSTM(2, return_sequences=True)(x)).graph)
    {-1: (None, 3), 0: (None, 2)}
    """
    numbers = range(-len(graph.input_shapes), len(graph.nodes))
    graphs = [graph]
    if graph.open_inputs:
        graphs += [redrawn(graph, time, masked=False).graph for time in TRIED[1:]]
    return {k: open_shape([one.shape(k) for one in graphs]) for k in numbers}
