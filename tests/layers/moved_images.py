"""Images of uint8 and networks that read them, for the tests of scaled and of moved images."""

from __future__ import annotations

import numpy as np

import nnlib
from nnlib import layers

SHAPE = (9, 7, 2)


def images(n=50, shape=SHAPE, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(n, *shape)).astype(np.uint8), rng.integers(0, 3, size=n)


def network(*first, dtype="float32", shape=SHAPE, units=3):
    made = [layers.Input(shape), *first, layers.Flatten(), layers.Dense(units, "softmax")]
    return nnlib.Network(made, loss="softmax_cross_entropy", dtype=dtype)


def scaled_network(**settings):
    return network(layers.Rescaling(1 / 255, -0.5), **settings)
