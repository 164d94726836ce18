"""An activation by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..activations import Custom
from ..kernels.formulas import activations
from ..kernels.layers import joins
from ..kernels.layers.operations import Row
from .formulas import activation_code, activation_from
from .layer import Layer
from .shaped import Place, Shape, ShapedLayer, units_of


@dataclass(frozen=True)
class ActivationLayer(ShapedLayer):
    """a = f(x), for a value of any shape."""

    shape: Shape
    activation: str | Custom
    passes_on = True
    folds = True

    @property
    def output_shape(self) -> Shape:
        return self.shape

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Activation", {"activation": self.activation}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        code = activation_code(self.activation) if logits is None else logits
        units = units_of(self.shape)
        needs = activations.of(code).needs_workspace
        workspace = place.output + units if needs else place.output
        return [joins.copy_row(units, code, place.sources[0].unit, place.output, workspace)]


class Activation(Layer):
    """a = f(x), element by element (softmax: over the last axis).

    Parameters
    ----------
    activation : str or activations.Custom
        Name of f, as for `Network`, or f itself.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Activation("relu")(layers.Input(3)).shape
    (3,)
    """

    keeps_mask = True

    def __init__(self, activation: str | Custom, name: str | None = None) -> None:
        super().__init__(name)
        self.activation = activation_from("activation", activation)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return ActivationLayer(shapes[0], self.activation)

    def config(self) -> dict[str, Any]:
        return {"activation": self.activation}
