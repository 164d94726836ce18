"""Layers: what networks of any shape are made of, by the names that Keras gives them.

A layer that is called with a value gives a new value; a network goes from values of `Input` to any
others. Each file has a kind of layer: the class that users see, and its host half (`ShapedLayer`),
which knows the shapes of its inputs and makes the rows of the table that kernels walk. The kernels
of a kind are in `kernels.layers`.

>>> from nnlib import Network, layers
>>> x = layers.Input(16)
>>> h = layers.Dense(64, "relu")(x)
>>> h = h + layers.Dense(64)(h)
>>> net = Network(inputs=x, outputs=layers.Dense(1)(h))
>>> net.parameters.size
5313
"""

from typing import Any as _Any

from ..checks.names import hint as _hint
from .activation import Activation
from .convolution import Conv1D, Conv2D, DepthwiseConv2D
from .custom import Custom
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .joins import Add, Average, Concatenate, Maximum, Multiply, Subtract
from .layer import Input, Layer, Value
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
from .reshape import Flatten, Reshape
from .scale import Scale
from .sequence_dropout import SpatialDropout1D
from .sequences import Bidirectional, RepeatVector, TimeDistributed

__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Custom",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "Layer",
    "LayerNormalization",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Multiply",
    "PReLU",
    "RandomFlip",
    "RandomRotation",
    "RandomShift",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Scale",
    "SimpleRNN",
    "SpatialDropout1D",
    "Subtract",
    "TimeDistributed",
    "UpSampling2D",
    "Value",
    "ZeroPadding1D",
    "ZeroPadding2D",
]


def __getattr__(name: str) -> _Any:
    near = "" if name.startswith("_") else _hint("layer", name, __all__)
    # A name that is set keeps Python from adding its own guess to ours.
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{near}", name=None)
