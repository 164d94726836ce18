"""Dropout, in training only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import MOST_DROPOUT, real_number
from ..kernels.layers import dropout
from ..kernels.layers.operations import Row
from .layer import Layer
from .shaped import Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class DropoutLayer(ShapedLayer):
    """a ← mask ⊙ a: every value is dropped with a probability, in a descent only.

    Examples
    --------
    >>> DropoutLayer((3,), 0.5).output_shape
    (3,)
    """

    shape: Shape
    probability: float
    active = False
    passes_on = True

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Dropout", {"rate": self.probability}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        units, source = units_of(self.shape), place.sources[0].unit
        return [dropout.row(units, self.probability, place.parameters, place.output, source)]


class Dropout(Layer):
    """Every value is dropped with a probability p in a descent, and the others divided by 1 − p.

    F, J and derJ drop nothing.

    Parameters
    ----------
    rate : float
        p, 0 ≤ p < 1.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Dropout(0.5)(layers.Input(3)).shape
    (3,)
    """

    keeps_mask = True

    def __init__(self, rate: float, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = real_number("rate", rate)
        if self.rate > MOST_DROPOUT:
            raise ValueError(f"rate is {self.rate!r}, wanted a probability below 1")

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return DropoutLayer(shapes[0], self.rate)

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate}
