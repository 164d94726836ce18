"""An activation by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import known_name
from ..kernels.formulas import activations
from ..kernels.layers import joins
from ..kernels.layers.operations import Row
from .layer import Layer
from .shaped import Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class ActivationLayer(ShapedLayer):
    """a = f(x), for a value of any shape."""

    shape: Shape
    activation: str
    folds = True

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Activation", {"activation": self.activation}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        code = activations.CODES[self.activation] if logits is None else logits
        units = units_of(self.shape)
        needs = activations.ACTIVATIONS[code].needs_workspace
        workspace = place.output + units if needs else place.output
        return [joins.copy_row(units, code, place.sources[0].unit, place.output, workspace)]


class Activation(Layer):
    """a = f(x), element by element (softmax: over all elements).

    Parameters
    ----------
    activation : str
        Name of f, as for `Network`.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Activation("relu")(layers.Input(3)).shape
    (3,)
    """

    def __init__(self, activation: str, name: str | None = None) -> None:
        super().__init__(name)
        self.activation = known_name("activation", activation, activations.CODES)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return ActivationLayer(shapes[0], self.activation)

    def config(self) -> dict[str, Any]:
        return {"activation": self.activation}
