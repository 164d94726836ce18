"""The parametric rectifier, an activation that learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import real_number
from ..kernels.layers import prelu
from ..kernels.layers.operations import Row
from .layer import Layer
from .shaped import Parameters, Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class PReLULayer(ShapedLayer):
    """a = z if z > 0 else α z."""

    shape: Shape
    start: float

    @property
    def output_shape(self) -> Shape:
        return self.shape

    @property
    def parameters(self) -> dict[str, Parameters]:
        return {"alpha": Parameters(self.shape, start=self.start)}

    def described(self) -> tuple[str, dict[str, Any]]:
        return "PReLU", {"alpha": self.start}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        units = units_of(self.shape)
        return [prelu.row(units, place.parameters, place.output, place.sources[0].unit)]


class PReLU(Layer):
    """a = z if z > 0 else α z, with an α for every unit, which is trained (He et al. 2015).

    Weight decay leaves α as it is.

    Parameters
    ----------
    alpha : float
        With which every α begins.
    name, trainable, rate_factor
        As for `Layer`.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.PReLU()(layers.Input(3)).shape
    (3,)
    """

    def __init__(
        self,
        alpha: float = 0.25,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor)
        self.alpha = real_number("alpha", alpha, above=-math.inf)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return PReLULayer(shapes[0], self.alpha)

    def config(self) -> dict[str, Any]:
        return {"alpha": self.alpha}
