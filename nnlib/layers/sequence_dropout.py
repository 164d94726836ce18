"""Dropout of whole features of a sequence, in training only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels.layers import dropout
from ..kernels.layers.operations import Row
from .dropout import Dropout, DropoutLayer
from .shaped import Place, Shape, ShapedLayer


@dataclass(frozen=True)
class SpatialDropoutLayer(DropoutLayer):
    """a ← mask ⊙ a with one mask for all steps of an example, in a descent only.

    Examples
    --------
    >>> SpatialDropoutLayer((5, 3), 0.5).output_shape
    (5, 3)
    """

    def described(self) -> tuple[str, dict[str, Any]]:
        return "SpatialDropout1D", {"rate": self.probability}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        (row,) = super().rows(place, logits)
        return [dropout.repeated(row, self.shape[0])]


class SpatialDropout1D(Dropout):
    """A feature of a sequence (time, features) is dropped at all its steps, or at none.

    Parameters
    ----------
    rate : float
        With which probability p in a descent, 0 ≤ p < 1; the others are divided by 1 − p.
    name : str or None

    Raises
    ------
    ValueError
        When it is called with a value that is no sequence (time, features).

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.SpatialDropout1D(0.5)(layers.Input((5, 3))).shape
    (5, 3)
    """

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if len(shapes[0]) != 2:
            raise ValueError(
                f"{self!r} is called with a value of shape {shapes[0]}, wanted (time, features)"
            )
        return SpatialDropoutLayer(shapes[0], self.rate)
