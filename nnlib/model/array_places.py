"""Where the arrays of a network's layers lie in the flat vector of its parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..layers.shaped import Array, ShapedLayer


class ArrayPlace(NamedTuple):
    """Where an array of a layer's parameters lies in the flat vector."""

    layer: int
    name: str
    first: int
    last: int
    shape: tuple[int, ...]

    def view(self, parameters: Array) -> Array:
        """The array as a view of the vector."""
        return parameters[self.first : self.last].reshape(self.shape)


def array_places(layers: Sequence[ShapedLayer]) -> list[ArrayPlace]:
    """The places of all arrays of the layers, in their order in the vector.

    >>> from ..layers.dense import DenseLayer
    >>> [(place.name, place.first) for place in array_places([DenseLayer(3, 2, "tanh")])]
    [('weight', 0), ('bias', 6)]
    """
    places, start = [], 0
    for number, layer in enumerate(layers):
        for name, array in layer.parameters.items():
            end = start + math.prod(array.shape)
            places.append(ArrayPlace(number, name, start, end, array.shape))
            start = end
    return places
