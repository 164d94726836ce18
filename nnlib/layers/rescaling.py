"""Inputs times a number and plus another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import real_number
from ..kernels.layers import rescaling
from ..kernels.layers.operations import Row
from .layer import Layer
from .shaped import Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class RescalingLayer(ShapedLayer):
    """a = c x + o."""

    shape: Shape
    scale: float
    offset: float

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Rescaling", {"scale": self.scale, "offset": self.offset}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        units, source = units_of(self.shape), place.sources[0].unit
        return [rescaling.row(units, self.scale, self.offset, source, place.output)]


class Rescaling(Layer):
    """a = c x + o, with two numbers that are not learned.

    Images of uint8 that go into it are used as they are: 60 000 of 28 × 28 pixels take 47 MB, and
    not the 188 MB of float32, as each block of them becomes floats on its way in.

    Parameters
    ----------
    scale, offset : float
        c and o.
    name : str or None

    Examples
    --------
    >>> import numpy as np
    >>> from nnlib import Network, layers
    >>> net = Network([layers.Input((1, 2, 1)), layers.Rescaling(1 / 255), layers.Flatten()])
    >>> net.F(np.array([[[0, 255]]], np.uint8))
    array([[0., 1.]])
    """

    keeps_mask = True

    def __init__(self, scale: float, offset: float = 0.0, name: str | None = None) -> None:
        super().__init__(name)
        self.scale = real_number("scale", scale, above=-math.inf)
        self.offset = real_number("offset", offset, above=-math.inf)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return RescalingLayer(shapes[0], self.scale, self.offset)

    def config(self) -> dict[str, Any]:
        return {"scale": self.scale, "offset": self.offset}
