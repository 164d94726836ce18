"""Embedding: a vector for every whole number, as of a word or of a category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import whole_number
from ..kernels.layers import embedding
from ..kernels.layers.operations import Row
from .layer import Input, Layer, Value
from .shaped import Fans, Parameters, Place, Shape, ShapedLayer, units_of

# Whole numbers up to 2^24 are exact in float32.
MOST_NUMBERS = 2**24
# With these the usual initial weights, `glorot_uniform`, are between ±√(6/2400) = ±0.05, as Keras
# begins; the number of words has no influence on how many values add up.
_FANS = Fans(1200, 1200)


@dataclass(frozen=True)
class EmbeddingLayer(ShapedLayer):
    """Rows of W (input_dim, output_dim), one for each number of the input's shape."""

    shape: Shape
    input_dim: int
    output_dim: int

    @property
    def output_shape(self) -> Shape:
        return (*self.shape, self.output_dim)

    @property
    def parameters(self) -> dict[str, Parameters]:
        return {"weight": Parameters((self.input_dim, self.output_dim), fans=_FANS)}

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Embedding", {"input_dim": self.input_dim, "output_dim": self.output_dim}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        positions, source = units_of(self.shape), place.sources[0].unit
        return [
            embedding.row(
                positions, self.input_dim, self.output_dim, place.parameters, place.output, source
            )
        ]


class Embedding(Layer):
    """a_p = W_{x_p}: for every position p of the input the row of W of its number x_p.

    The input holds whole numbers from 0 to input_dim − 1, as words or categories are numbered; it
    is an `Input` itself. An input of shape (time,) gives (time, output_dim). A descent steps every
    row of W, also those whose numbers a batch does not have.

    Parameters
    ----------
    input_dim : int
        How many numbers there are; at most 2²⁴, which float32 still tells apart.
    output_dim : int
        Values of the vector that each of them has.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Raises
    ------
    ValueError
        If it is called with what another layer gives.

    Examples
    --------
    >>> import nnlib
    >>> from nnlib import layers
    >>> net = nnlib.Network([
    ...     layers.Input(4), layers.Embedding(10, 3), layers.Flatten(), layers.Dense(1)
    ... ])
    >>> net.F([[1, 2, 0, 9], [0, 0, 0, 0]]).shape
    (2, 1)
    >>> net.F([[1, 2, 0, 10]])
    Traceback (most recent call last):
    ...
    ValueError: X[0, 3] is 10, wanted whole numbers from 0 to 9 for the layer 'embedding'
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor, decay_factor)
        self.input_dim = whole_number("input_dim", input_dim, 1, MOST_NUMBERS)
        self.output_dim = whole_number("output_dim", output_dim, 1)

    def __call__(self, values: Value | Sequence[Value]) -> Value:
        if isinstance(values, Value) and not isinstance(values, Input):
            raise ValueError(
                f"{self!r} is called with {values!r}, wanted an Input: it takes whole numbers of "
                "the data"
            )
        return super().__call__(values)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return EmbeddingLayer(shapes[0], self.input_dim, self.output_dim)

    def config(self) -> dict[str, Any]:
        return {"input_dim": self.input_dim, "output_dim": self.output_dim}
