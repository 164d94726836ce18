"""Values of another shape: nothing is computed, the values lie where they lay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.layers.operations import Row
from .layer import Layer, checked_shape
from .shaped import Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class ReshapeLayer(ShapedLayer):
    """The same values with another shape."""

    shape: Shape
    passes_on = True
    computes = False

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Reshape", {"shape": list(self.shape)}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        return []


class Flatten(Layer):
    """A value of any shape as one axis, the last axis of it running fastest.

    >>> from nnlib import layers
    >>> layers.Flatten()(layers.Input((4, 3))).shape
    (12,)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return ReshapeLayer((units_of(shapes[0]),))


class Reshape(Layer):
    """A value of another shape with as many elements.

    Parameters
    ----------
    shape : int or tuple of int
        Of one example.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Reshape((4, 3))(layers.Input(12)).shape
    (4, 3)
    """

    def __init__(self, shape: int | Sequence[int], name: str | None = None) -> None:
        super().__init__(name)
        self.shape = checked_shape("shape", shape)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if units_of(shapes[0]) != units_of(self.shape):
            raise ValueError(
                f"{self!r} is called with a value of shape {shapes[0]}, which has "
                f"{units_of(shapes[0])} elements, wanted {units_of(self.shape)}"
            )
        return ReshapeLayer(self.shape)

    def config(self) -> dict[str, Any]:
        return {"shape": list(self.shape)}
