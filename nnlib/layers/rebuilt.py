"""Layers made again from what a file or an architecture says of them."""

from __future__ import annotations

from typing import Any

from ..checks.values import known_name, shown
from .activation import Activation
from .convolution import Conv1D, Conv2D, DepthwiseConv2D
from .custom import CustomLayer
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .joins import Concatenate, Maximum, Multiply
from .layer import Layer, WeightedSum
from .normalization import BatchNormalization, LayerNormalization
from .pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from .prelu import PReLU
from .random_images import RandomFlip, RandomRotation, RandomShift
from .recurrent import GRU, LSTM, SimpleRNN
from .resampling import UpSampling2D, ZeroPadding1D, ZeroPadding2D
from .rescaling import Rescaling
from .reshape import Reshape
from .scale import Scale
from .sequence_dropout import SpatialDropout1D
from .sequences import RepeatVector
from .shaped import ShapedLayer

# Of the classes that `ShapedLayer.described` names.
_CLASSES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        Activation, AveragePooling1D, AveragePooling2D, BatchNormalization, Concatenate, Conv1D,
        Conv2D, Dense, DepthwiseConv2D, Dropout, Embedding, GlobalAveragePooling1D,
        GlobalAveragePooling2D, GlobalMaxPooling1D, GlobalMaxPooling2D, LayerNormalization,
        MaxPooling1D, MaxPooling2D, Maximum, Multiply, PReLU, RandomFlip, RandomRotation,
        RandomShift, RepeatVector, Rescaling, Reshape, Scale, SimpleRNN, GRU, LSTM,
        SpatialDropout1D, UpSampling2D, WeightedSum, ZeroPadding1D, ZeroPadding2D,
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
