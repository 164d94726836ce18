"""The dense layer: z = W a + b, then f."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..activations import Custom
from ..checks.values import whole_number
from ..kernels.layers import dense, sparse
from ..kernels.layers.operations import Row
from .formulas import activation_code, activation_from
from .layer import Layer
from .shaped import Fans, Parameters, Place, Shape, ShapedLayer


@dataclass(frozen=True)
class DenseLayer(ShapedLayer):
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
    >>> layer.size, layer.output_shape, layer.parameters["weight"].fans
    (8, (2,), Fans(fan_in=3, fan_out=2))
    """

    d_in: int
    d_out: int
    activation: str | Custom
    folds = True

    @property
    def output_shape(self) -> Shape:
        return (self.d_out,)

    @property
    def size(self) -> int:
        return (self.d_in + 1) * self.d_out

    @property
    def parameters(self) -> dict[str, Parameters]:
        fans = Fans(self.d_in, self.d_out)
        return {
            "weight": Parameters((self.d_out, self.d_in), fans=fans),
            "bias": Parameters((self.d_out,)),
        }

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Dense", {"units": self.d_out, "activation": self.activation}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        activation = activation_code(self.activation) if logits is None else logits
        source = place.sources[0].unit
        return [
            dense.row(self.d_in, self.d_out, activation, place.parameters, place.output, source)
        ]

    def sparse_rows(self, place: Place, logits: int | None = None) -> list[Row]:
        """The same where it reads the data, and that is sparse: see `kernels.layers.sparse`."""
        activation = activation_code(self.activation) if logits is None else logits
        return [sparse.row(self.d_in, self.d_out, activation, place.parameters, place.output)]


class Dense(Layer):
    """z = W x + b, a = f(z), with a weight for every pair of an input and a unit.

    Parameters
    ----------
    units : int
        How many values the layer gives.
    activation : str or activations.Custom
        Name of f, as for `Network`, or f itself.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Dense(2, "tanh")(layers.Input(3)).shape
    (2,)
    """

    def __init__(
        self,
        units: int,
        activation: str | Custom = "identity",
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor, decay_factor)
        self.units = whole_number("units", units, 1)
        self.activation = activation_from("activation", activation)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        (shape,) = shapes
        if len(shape) != 1:
            raise ValueError(
                f"{self!r} is called with a value of shape {shape}, wanted one axis; put a Flatten "
                "before it, or for an output at each step a TimeDistributed around it"
            )
        return DenseLayer(shape[0], self.units, self.activation)

    def config(self) -> dict[str, Any]:
        return {"units": self.units, "activation": self.activation}
