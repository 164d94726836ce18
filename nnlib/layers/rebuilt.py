"""Layers made again from what a file or an architecture says of them."""

from __future__ import annotations

from typing import Any

from ..checks.values import known_name, shown
from .activation import Activation
from .custom import CustomLayer
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .joins import Concatenate, Maximum, Multiply
from .layer import Layer, WeightedSum
from .prelu import PReLU
from .reshape import Reshape
from .scale import Scale
from .shaped import ShapedLayer

# Of the classes that `ShapedLayer.described` names.
_CLASSES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        Activation, Concatenate, Dense, Dropout, Embedding, Maximum, Multiply, PReLU, Reshape,
        Scale, WeightedSum,
    )
}  # fmt: skip


def layer_from(kind: Any, arguments: Any, name: str) -> Layer:
    """The layer of a class's name with these arguments.

    Raises
    ------
    TypeError, ValueError
        If there is no such class, or it takes no such arguments.

    Examples
    --------
    >>> layer_from("Dense", {"units": 3, "activation": "tanh"}, "first")
    Dense('first')
    """
    known_name("class of a layer", kind, _CLASSES)
    if not isinstance(arguments, dict):
        raise TypeError(f"arguments of a layer are {shown(arguments)}, wanted a dict")
    layer: Layer = _CLASSES[kind](**arguments, name=name)
    return layer


def layer_like(shaped: ShapedLayer, name: str) -> Layer:
    """A layer that computes what this one does."""
    if isinstance(shaped, CustomLayer):
        return shaped.layer.like(name)
    return layer_from(*shaped.described(), name)
