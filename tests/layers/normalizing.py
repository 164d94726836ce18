"""Networks that normalise, for the tests of layer and batch normalisation."""

from __future__ import annotations

import numpy as np

import nnlib
from nnlib import layers

N = 42
NORMALIZATIONS = {
    "layer": layers.LayerNormalization,
    "batch": layers.BatchNormalization,
}


def data(n=N, width=6, seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(n, width)) + 3, rng.normal(size=(n, 2))


def chain(kind, dtype="float64", **settings):
    """A layer that normalises at either end of a hidden layer."""
    make = NORMALIZATIONS[kind]
    return nnlib.Network(
        [layers.Input(6), layers.Dense(8, "tanh"), make(**settings), layers.Dense(5, "sigmoid"),
         make(**settings), layers.Dense(2)],
        dtype=dtype,
    )  # fmt: skip


def fork(kind, shape=(4, 2), **settings):
    """Values of several places; one layer is used twice, and two values are read twice."""
    make = NORMALIZATIONS[kind]
    x, shared = layers.Input(shape), make(**settings)
    h = shared(x)
    g = layers.Activation("tanh")(h) + make()(h)
    end = layers.Dense(2)(layers.Flatten()(shared(g) + 0.5 * h))
    return nnlib.Network(inputs=x, outputs=end)


def set_at_random(net, seed=1):
    """Parameters away from where they begin; variances stay positive."""
    rng = np.random.default_rng(seed)
    net.parameters = net.parameters + 0.3 * rng.uniform(-1, 1, net.parameters.size)
