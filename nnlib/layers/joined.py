"""The host halves of joins: operations without parameters on several values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.layers.joins import Blocks, concatenated_row, joined_row, scaled_row
from ..kernels.layers.operations import MAXIMUM, MULTIPLY, Row
from .shaped import Place, Shape, ShapedLayer, units_of


def equal_shapes(layer: Any, shapes: Sequence[Shape]) -> Shape:
    """The one shape that all values have; `ValueError` if they have several."""
    for shape in shapes:
        if shape != shapes[0]:
            raise ValueError(
                f"{layer!r} joins values of shapes {' and '.join(map(str, shapes))}, wanted one "
                "shape"
            )
    return shapes[0]


@dataclass(frozen=True)
class SumLayer(ShapedLayer):
    """Σ_k c_k x_k: a copy of the first value, and an addition for each of the others."""

    shape: Shape
    factors: tuple[float, ...]
    passes_on = True

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def described(self) -> tuple[str, dict[str, Any]]:
        return "WeightedSum", {"factors": list(self.factors)}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        units = units_of(self.shape)
        return [
            scaled_row(units, factor, source.unit, place.output, number == 0)
            for number, (factor, source) in enumerate(zip(self.factors, place.sources, strict=True))
        ]


@dataclass(frozen=True)
class _InPlaceLayer(ShapedLayer):
    """A copy of the first value, and an operation on it in place with each of the others."""

    shape: Shape
    count: int
    passes_on = True

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def _rows(self, place: Place, kind: int) -> list[Row]:
        units = units_of(self.shape)
        first, *others = place.sources
        rows = [scaled_row(units, 1.0, first.unit, place.output, True)]
        for number, source in enumerate(others, 1):
            workspace = place.output + number * units
            rows.append(joined_row(kind, units, source.unit, place.output, workspace))
        return rows


class MultiplyLayer(_InPlaceLayer):
    """x_1 ⊙ x_2 ⊙ …."""

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Multiply", {}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        return self._rows(place, MULTIPLY)


class MaximumLayer(_InPlaceLayer):
    """max(x_1, x_2, …), element by element."""

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Maximum", {}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        return self._rows(place, MAXIMUM)


@dataclass(frozen=True)
class ConcatenateLayer(ShapedLayer):
    """Values one behind the other along an axis."""

    shapes: tuple[Shape, ...]
    axis: int
    passes_on = True

    @property
    def output_shape(self) -> Shape:
        first = self.shapes[0]
        length = sum(shape[self.axis] for shape in self.shapes)
        return (*first[: self.axis], length, *first[self.axis + 1 :])

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Concatenate", {"axis": self.axis + 1}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        count = math.prod(self.shapes[0][: self.axis])
        units = units_of(self.output_shape)
        rows, first = [], 0
        for shape, source in zip(self.shapes, place.sources, strict=True):
            width = math.prod(shape[self.axis :])
            blocks = Blocks(count, width, units // count, first)
            rows.append(concatenated_row(units_of(shape), units, source.unit, place.output, blocks))
            first += width
        return rows
