"""The host half of a kind of layer, once the shapes of its inputs are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ..kernels.layers.operations import Row

Array = NDArray[Any]
Shape = tuple[int, ...]


class Fans(NamedTuple):
    """How many values a unit sums up, and how many units a value goes to: for initial weights."""

    fan_in: int
    fan_out: int


class Parameters(NamedTuple):
    """One array of a layer's parameters: its shape, and how it begins."""

    shape: Shape
    start: float = 0.0  # every element, if no initializer draws them
    fans: Fans | None = None  # for an initializer; None: none draws them
    initializer: str | None = None  # its name if the user names none; None: by the activation


# draw(shape, fans, activation, initializer) gives weights, see `Parameters`.
Draw = Callable[[Shape, Fans, object, str | None], Array]


class Source(NamedTuple):
    """Where a value lies that a layer reads."""

    unit: int  # first unit in the activation buffer; −1 − u: unit u of the data
    shape: Shape


class Place(NamedTuple):
    """Where a layer stands in its network."""

    parameters: int  # offset of its parameters in the flat vector
    output: int  # first free unit of the activation buffer
    sources: tuple[Source, ...]


def units_of(shape: Shape) -> int:
    """How many values a value of this shape has."""
    return math.prod(shape)


@dataclass(frozen=True)
class ShapedLayer:
    """What an architecture asks a layer; every kind has a subclass of its own.

    Two are equal if they compute the same function of their parameters. A subclass gives
    `output_shape` and `rows`, and `parameters` if it has any.

    Attributes
    ----------
    activation : str or activations.Custom
        What is applied to the output; f where the kind has one.
    active : bool
        Whether it does anything outside a descent.
    passes_on : bool
        Whether its values are those that it reads, joined or placed anew.
    folds : bool
        Whether `rows` can put a loss's activation in place of the layer's own.
    computes : bool
        Whether F computes anything there: its values are others than those that it reads.
    looks_at_batches : bool
        Whether a descent gives it whole batches, so that one example changes what others become.
    """

    activation = cast(Any, "identity")  # no annotation: not a field of its own
    active = True
    passes_on = False
    folds = False
    looks_at_batches = False

    @property
    def computes(self) -> bool:
        return self.active

    @property
    def output_shape(self) -> Shape:
        """Shape of the output for one example."""
        raise NotImplementedError

    def described(self) -> tuple[str, dict[str, Any]]:
        """The class of `nnlib.layers` and the arguments that make a layer like this, for a file."""
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, Parameters]:
        """The arrays of its parameters by name, in their order in the flat vector."""
        return {}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        """Its rows in the table of operations; none: the output is the value that it reads.

        logits is the code of the activation in place of the layer's own, for a loss that takes the
        logits; None: the layer's own.
        """
        raise NotImplementedError

    @property
    def size(self) -> int:
        """How many parameters the layer has."""
        return sum(math.prod(array.shape) for array in self.parameters.values())

    def arrays(self, parameters: Array) -> dict[str, Array]:
        """The layer's part of a flat vector, shape (size,), as views by name."""
        views, start = {}, 0
        for name, array in self.parameters.items():
            size = math.prod(array.shape)
            views[name] = parameters[start : start + size].reshape(array.shape)
            start += size
        return views

    def initialise(self, parameters: Array, draw: Draw) -> None:
        """Fill the layer's part of a flat vector."""
        arrays = self.arrays(parameters)
        for name, array in self.parameters.items():
            if array.fans is None:
                arrays[name][...] = np.float64(array.start)
            else:
                own = array.initializer
                arrays[name][...] = draw(array.shape, array.fans, self.activation, own)
