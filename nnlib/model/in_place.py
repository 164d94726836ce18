"""Layers that change a value where it lies, in the table of J and of a descent.

An activation by itself, or a sum, makes a value out of another one of the same size. If nothing
else reads that one, and the layer that made it does not need it on the way back, the new value
takes its place. A block of a residual network of images then has half the values to write and to
read. The table of F has all values, since `layer_outputs` shows them.
"""

from __future__ import annotations

from collections import Counter

from ..kernels.formulas import activations
from ..kernels.formulas.activations import IDENTITY
from ..kernels.layers.joins import scaled_row
from ..kernels.layers.operations import (
    ADD,
    BATCH_NORMALIZATION,
    CONVOLUTION,
    LAYER_NORMALIZATION,
    Row,
)
from ..layers.activation import ActivationLayer
from ..layers.formulas import activation_code
from ..layers.joined import SumLayer
from ..layers.shaped import Source, units_of
from .graph import Graph

# Kinds whose functions of the way back do not look at what they gave.
_FORGETFUL = (ADD, BATCH_NORMALIZATION, CONVOLUTION, LAYER_NORMALIZATION)


def alone_read(graph: Graph) -> set[int]:
    """The nodes whose values exactly one other node reads, once, and that are no outputs."""
    read = Counter(source for node in graph.nodes for source in node.sources)
    return {k for k, times in read.items() if times == 1 and k >= 0 and k not in graph.outputs}


def replaceable(row: Row, unit: int) -> bool:
    """Whether the value that the row makes, from this unit on, may be changed in its place."""
    return row.kind in _FORGETFUL and row.activation == IDENTITY and row.output == unit


def with_activation(row: Row, layer: ActivationLayer) -> Row | None:
    """The row with the layer's activation; None if that needs a place of its own."""
    code = activation_code(layer.activation)
    return None if activations.of(code).needs_workspace else row._replace(activation=code)


def added_rows(layer: SumLayer, sources: tuple[Source, ...], place: int) -> list[Row] | None:
    """Rows that add the other values to the one at a place among the sources.

    None if that has a factor, or if the order of more than two values would be another.
    """
    if layer.factors[place] != 1 or (place > 0 and len(sources) > 2):
        return None
    units, output = units_of(layer.output_shape), sources[place].unit
    return [
        scaled_row(units, factor, source.unit, output, first=False)
        for k, (factor, source) in enumerate(zip(layer.factors, sources, strict=True))
        if k != place
    ]
