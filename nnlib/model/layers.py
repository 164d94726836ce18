"""Kinds of layer as the host sees them: shapes, views of the parameters, the row of the table.

Each class is the host half of a kind whose other half, the kernels, is the file of the same name in
`kernels/layers`. An `Architecture` asks these classes for everything that depends on the kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..activations import Custom
from ..kernels.layers import dense, dropout
from ..kernels.layers.operations import Row
from .formulas import activation_code

Array = NDArray[Any]


class Place(NamedTuple):
    """Where a layer stands in its network."""

    parameters: int = 0  # offset of its parameters in the flat vector
    output: int = 0  # first unit of its output in the activation buffer
    first: bool = True  # it reads the data

    def after(self, row: Row) -> Place:
        """The place of the layer behind the one that has this row."""
        return Place(self.parameters + row.size, row.end, first=False)


class Fans(NamedTuple):
    """How many values a unit sums up, and how many units a value goes to: for initial weights."""

    fan_in: int
    fan_out: int


@dataclass(frozen=True)
class DenseLayer:
    """z = W a + b, a ← f(z), with W (d_out, d_in) and b (d_out,).

    Parameters
    ----------
    d_in, d_out : int
        Values that the layer takes and gives for each example.
    activation : str or activations.Custom
        Name of f, or f itself.

    Examples
    --------
    >>> layer = DenseLayer(3, 2, "tanh")
    >>> layer.size, layer.output_shape, layer.fans
    (8, (2,), Fans(fan_in=3, fan_out=2))
    """

    d_in: int
    d_out: int
    activation: str | Custom

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output for one example."""
        return (self.d_out,)

    @property
    def size(self) -> int:
        """How many parameters the layer has."""
        return (self.d_in + 1) * self.d_out

    @property
    def fans(self) -> Fans:
        """Fans of W."""
        return Fans(self.d_in, self.d_out)

    def row(self, place: Place, logits: int | None = None) -> Row:
        """The layer's row in the table of operations.

        logits is the code of the activation in place of the layer's own, for a loss that takes the
        logits; None: the layer's own.
        """
        activation = activation_code(self.activation) if logits is None else logits
        return dense.row(
            self.d_in, self.d_out, activation, place.parameters, place.output, place.first
        )

    def views(self, parameters: Array) -> tuple[Array, Array]:
        """W and b as views of the layer's part of the parameters, shape (size,)."""
        weights = self.d_in * self.d_out
        return parameters[:weights].reshape(self.d_out, self.d_in), parameters[weights:]


@dataclass(frozen=True)
class DropoutLayer:
    """a ← mask ⊙ a: every value is dropped with a probability, in training only.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of the values, for one example.
    probability : float
        With which a value is dropped.

    Examples
    --------
    >>> DropoutLayer((3,), 0.5).output_shape
    (3,)
    """

    input_shape: tuple[int, ...]
    probability: float

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output for one example."""
        return self.input_shape

    def row(self, place: Place) -> Row:
        """The layer's row in the table of operations."""
        units = math.prod(self.input_shape)
        return dropout.row(units, self.probability, place.parameters, place.output)
