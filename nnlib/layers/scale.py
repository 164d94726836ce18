"""The diagonal layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import flag
from ..kernels.layers import scale
from ..kernels.layers.operations import Row
from .layer import Layer
from .shaped import Parameters, Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class ScaleLayer(ShapedLayer):
    """a = w ⊙ x + b, or without b."""

    shape: Shape
    biased: bool

    @property
    def output_shape(self) -> Shape:
        return self.shape

    @property
    def parameters(self) -> dict[str, Parameters]:
        weight = {"weight": Parameters(self.shape, start=1.0)}
        return {**weight, "bias": Parameters(self.shape)} if self.biased else weight

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Scale", {"use_bias": self.biased}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        units = units_of(self.shape)
        biases = units if self.biased else 0
        return [scale.row(units, biases, place.parameters, place.output, place.sources[0].unit)]


class Scale(Layer):
    """a = w ⊙ x + b: a diagonal matrix, a weight for every value; w starts at 1, b at 0.

    Parameters
    ----------
    use_bias : bool
        Whether there is b.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Scale()(layers.Input(3)).shape
    (3,)
    """

    def __init__(
        self,
        use_bias: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor, decay_factor)
        self.use_bias = flag("use_bias", use_bias)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return ScaleLayer(shapes[0], self.use_bias)

    def config(self) -> dict[str, Any]:
        return {"use_bias": self.use_bias}
