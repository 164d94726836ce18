"""The embedding layer: a vector that is learnt for each of many whole numbers, such as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import flag, shown, whole_number
from ..kernels.layers import embedding
from ..kernels.layers.operations import Row
from .layer import Input, Layer, Value
from .shaped import Fans, Parameters, Place, Shape, ShapedLayer

# float32 holds whole numbers up to this one.
MOST_ENTRIES = 2**24
# With which the default initializer draws from ±√(6/(fan_in + fan_out)) = ±0.05, as Keras does.
_FANS = Fans(1200, 1200)


@dataclass(frozen=True)
class EmbeddingLayer(ShapedLayer):
    """A row of W (entries, width) for every number of an example."""

    time: int
    entries: int
    width: int
    mask_zero: bool = False

    @property
    def output_shape(self) -> Shape:
        return (self.time, self.width)

    @property
    def parameters(self) -> dict[str, Parameters]:
        return {"weight": Parameters((self.entries, self.width), fans=_FANS)}

    def described(self) -> tuple[str, dict[str, Any]]:
        arguments: dict[str, Any] = {"input_dim": self.entries, "output_dim": self.width}
        return "Embedding", {**arguments, "mask_zero": True} if self.mask_zero else arguments

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        source = place.sources[0].unit
        return [
            embedding.row(
                self.time, self.entries, self.width, place.parameters, place.output, source
            )
        ]


class Embedding(Layer):
    """Each whole number i of an example gives row i of W, a vector that is learnt.

    Examples are ordinary arrays of whole numbers from 0 to input_dim − 1, shape (n, time); others
    are refused before any work. W begins uniform between −0.05 and 0.05, as in Keras. Weight decay
    applies to it.

    Parameters
    ----------
    input_dim : int
        How many numbers there are, such as words of a vocabulary.
    output_dim : int
        Values of each vector.
    mask_zero : bool
        Whether 0 is no number but padding: then layers that read masks leave out the steps that
        have it.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Examples
    --------
    >>> from nnlib import Network, layers
    >>> layers.Embedding(1000, 16)(layers.Input(20)).shape
    (20, 16)
    >>> net = Network([layers.Input(2), layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1)])
    >>> net.F([[0, 4]]).shape
    (1, 1)
    >>> net.F([[0, 5]])
    Traceback (most recent call last):
    ...
    ValueError: X holds 5 at index (0, 1), wanted whole numbers from 0 to 4 for layer 'embedding'
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        mask_zero: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor, decay_factor)
        self.input_dim = whole_number("input_dim", input_dim, 1, MOST_ENTRIES)
        self.output_dim = whole_number("output_dim", output_dim, 1)
        self.mask_zero = flag("mask_zero", mask_zero)

    keeps_mask = True

    def __call__(self, values: Value | Sequence[Value]) -> Value:
        if isinstance(values, Value) and not isinstance(values, Input):
            raise ValueError(
                f"{self!r} looks up whole numbers of the data, so it must be called with an Input; "
                f"got {shown(values)}"
            )
        found = super().__call__(values)
        # Where 0 is padding, the numbers themselves are the mask.
        found.mask = found.sources[0] if self.mask_zero else found.mask
        return found

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        (shape,) = shapes
        if len(shape) != 1:
            raise ValueError(
                f"{self!r} is called with a value of shape {shape}, wanted one axis, the time"
            )
        return EmbeddingLayer(shape[0], self.input_dim, self.output_dim, self.mask_zero)

    def config(self) -> dict[str, Any]:
        own = {"input_dim": self.input_dim, "output_dim": self.output_dim}
        return {**own, "mask_zero": True} if self.mask_zero else own
