"""What a user says of a network: sizes, a list of layers, or inputs and outputs of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..checks.values import flag, shown
from ..layers import Input, Layer, Value
from .architecture import Architecture
from .graph import Drawn, draw, draw_sequence, named_layer, rebuilt_layers


class Description(NamedTuple):
    """The arguments of `Network` that say what it computes."""

    sizes: Any
    activation: Any = "sigmoid"
    loss: Any = "half_squared_error"
    inputs: Any = None
    outputs: Any = None
    loss_weights: Any = None
    trainable: Any = None

    def architecture(self, itemsize: int) -> tuple[Architecture, tuple[Layer, ...] | None]:
        """The architecture, and the layers that it was drawn with; None: by sizes."""
        drawn = self._drawn()
        layers: tuple[Layer, ...] | None
        if drawn is not None:
            if self.activation != "sigmoid":
                raise ValueError(
                    f"activation is {shown(self.activation)} beside layers, which have their own"
                )
            architecture = Architecture.of_graph(
                drawn.graph, self.loss, self.loss_weights, itemsize
            )
            layers = drawn.layers
        elif isinstance(self.sizes, Architecture):
            architecture, layers = _with_its_training(self.sizes)
        else:
            if self.loss_weights is not None:
                raise ValueError("loss_weights is given, and there is one output")
            architecture = Architecture.of(self.sizes, self.activation, self.loss, itemsize)
            layers = None
        if self.trainable is not None:
            layers = layers or rebuilt_layers(architecture.graph)
            _set_trainable(self.trainable, architecture, layers)
        return architecture, layers

    def _drawn(self) -> Drawn | None:
        """The graph that is given, None if sizes are."""
        given = self.inputs is not None, self.outputs is not None
        if any(given):
            if self.sizes is not None:
                raise ValueError("sizes are given beside inputs and outputs, wanted one of them")
            if not all(given):
                missing = "outputs" if given[0] else "inputs"
                raise ValueError(f"{missing} is missing: a graph needs inputs and outputs")
            return draw(self.inputs, self.outputs)
        if self.sizes is None:
            raise TypeError("sizes is missing: give sizes, a list of layers, or inputs and outputs")
        if _holds_layers(self.sizes):
            return draw_sequence(self.sizes)
        return None


def _with_its_training(given: Architecture) -> tuple[Architecture, tuple[Layer, ...] | None]:
    """An architecture, and layers that train as it says; None: as usual."""
    if not given.training:
        return given, None
    layers = rebuilt_layers(given.graph)
    for layer, own in zip(layers, given.training, strict=True):
        layer.trainable, layer.rate_factor, layer.decay_factor, _ = own
    return replace(given, training=(), descends=False), layers


def _holds_layers(sizes: Any) -> bool:
    """Whether a list is one of layers, not of sizes."""
    if isinstance(sizes, (Layer, Value)):
        raise TypeError(f"sizes must be a list of layers or of whole numbers; got {shown(sizes)}")
    if not isinstance(sizes, (list, tuple)):
        return False
    return any(isinstance(one, (Layer, Input)) for one in sizes)


def _set_trainable(given: Any, architecture: Architecture, layers: Sequence[Layer]) -> None:
    """Set what descents change, from a list of flags or names, or one for all."""
    if isinstance(given, np.ndarray) and given.shape == (len(layers),):
        given = given.tolist()
    if isinstance(given, str):
        given = [given]
    names = architecture.graph.names
    if isinstance(given, (list, tuple)) and given and all(isinstance(one, str) for one in given):
        chosen = {named_layer(architecture.graph, name) for name in given}
        flags: list[Any] = [number in chosen for number in range(len(layers))]
    elif isinstance(given, (list, tuple)):
        if len(given) != len(layers):
            raise ValueError(
                f"trainable has {len(given)} elements, wanted {len(layers)}, one for each of the "
                f"layers {', '.join(names)}"
            )
        flags = list(given)
    else:
        flags = [given] * len(layers)
    checked = [flag("trainable", one) for one in flags]
    for layer, value in zip(layers, checked, strict=True):
        layer.trainable = value
