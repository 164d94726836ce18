"""Inputs that layers look up: whole numbers, which must be in the layer's range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..layers.embedding import EmbeddingLayer
from ..layers.shaped import Array, units_of
from .graph import Graph


class Range(NamedTuple):
    """Columns of the examples that hold whole numbers, from 0 to below `entries`."""

    first: int
    last: int
    entries: int
    layer: str


def ranges_of(graph: Graph) -> tuple[Range, ...]:
    """The columns that embeddings read."""
    found, starts = [], np.cumsum([0, *map(units_of, graph.input_shapes)]).tolist()
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        if isinstance(layer, EmbeddingLayer):
            first, last = starts[-1 - node.sources[0]], starts[-node.sources[0]]
            found.append(Range(first, last, layer.entries, graph.names[node.layer]))
    return tuple(found)


def check_ranges(ranges: tuple[Range, ...], rows: Array) -> None:
    """Refuse examples (n, d_1) with a number that a layer cannot look up, and say where it is.

    >>> check_ranges((Range(0, 1, 5, "embedding"),), np.array([[5.0]]))
    Traceback (most recent call last):
    ...
    ValueError: X holds 5 at index (0, 0), wanted whole numbers from 0 to 4 for layer 'embedding'
    """
    for own in ranges:
        part = rows[:, own.first : own.last]
        good = (part >= 0) & (part < own.entries) & (part == np.floor(part))
        if not good.all():
            example, place = (int(i) for i in np.argwhere(~good)[0])
            raise ValueError(
                f"X holds {part[example, place]:g} at index {(example, own.first + place)}, wanted "
                f"whole numbers from 0 to {own.entries - 1} for layer {own.layer!r}"
            )
