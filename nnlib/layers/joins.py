"""Layers that join several values into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..checks.values import whole_number
from .joined import ConcatenateLayer, MaximumLayer, SumLayer, equal_shapes
from .layer import Add, Join, Layer, Multiply, Subtract
from .shaped import Shape, ShapedLayer

__all__ = ["Add", "Average", "Concatenate", "Maximum", "Multiply", "Subtract"]


class Average(Join):
    """(x_1 + x_2 + … + x_n)/n, of values of one shape.

    >>> from nnlib import layers
    >>> x = layers.Input(2)
    >>> layers.Average()([x, x]).shape
    (2,)
    """

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return SumLayer(equal_shapes(self, shapes), (1 / len(shapes),) * len(shapes))


class Maximum(Join):
    """The largest of x_1, x_2, …, element by element, of values of one shape.

    >>> from nnlib import layers
    >>> x = layers.Input(2)
    >>> layers.Maximum()([x, x]).shape
    (2,)
    """

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return MaximumLayer(equal_shapes(self, shapes), len(shapes))


class Concatenate(Layer):
    """Values one behind the other.

    Parameters
    ----------
    axis : int
        Along which axis, counted with that of the examples as 0; −1 is the last one.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Concatenate()([layers.Input(2), layers.Input(3)]).shape
    (5,)
    """

    joins = True

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = whole_number("axis", axis, -64, 64)
        if self.axis == 0:
            raise ValueError("axis is 0, that of the examples, wanted another one")
        self.keeps_mask = self.axis != 1  # that of the steps

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        first = shapes[0]
        axis = self.axis - 1 if self.axis > 0 else len(first) + self.axis
        if not 0 <= axis < len(first):
            raise ValueError(
                f"{self!r} joins values of shape {first}, which have no axis {self.axis}"
            )
        for shape in shapes:
            if len(shape) != len(first) or shape[:axis] + shape[axis + 1 :] != (
                first[:axis] + first[axis + 1 :]
            ):
                raise ValueError(
                    f"{self!r} joins values of shapes {' and '.join(map(str, shapes))}, wanted "
                    "shapes that are equal but for that axis"
                )
        return ConcatenateLayer(tuple(shapes), axis)

    def config(self) -> dict[str, Any]:
        return {"axis": self.axis}
