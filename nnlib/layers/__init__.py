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

from .activation import Activation
from .custom import Custom
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .joins import Add, Average, Concatenate, Maximum, Multiply, Subtract
from .layer import Input, Layer, Value
from .prelu import PReLU
from .reshape import Flatten, Reshape
from .scale import Scale

__all__ = [
    "Activation",
    "Add",
    "Average",
    "Concatenate",
    "Custom",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Input",
    "Layer",
    "Maximum",
    "Multiply",
    "PReLU",
    "Reshape",
    "Scale",
    "Subtract",
    "Value",
]
