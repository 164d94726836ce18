"""Losses with settings, with networks and data that fit them."""

from __future__ import annotations

import numpy as np

import nnlib
from nnlib import losses
from nnlib.checks.values import OF_CLASSES, OF_PROBABILITIES
from tests.strategies import targets

N = 24
LOSSES = [
    losses.Huber(0.4), losses.Huber(3), losses.Quantile(0.9), losses.Quantile(0.25),
    losses.BinaryCrossEntropy(0.2), losses.SoftmaxCrossEntropy(0.3), losses.Focal(2),
    losses.Focal(0.5), losses.SoftmaxFocal(2), losses.SoftmaxFocal(0.7),
]  # fmt: skip


def output(loss):
    """The output activation that belongs to a loss."""
    if loss.family in OF_CLASSES:
        return "softmax"
    return "sigmoid" if loss.family in OF_PROBABILITIES else "identity"


def network(loss, hidden="tanh", d_out=3, **settings):
    """A network of two inputs."""
    return nnlib.Network([2, 4, d_out], [hidden, output(loss)], loss, seed=3, **settings)


def data(loss, dtype=np.float64, d_out=3):
    """Inputs, targets that the loss takes, and example weights, some of them 0."""
    generator = np.random.default_rng(7)
    X = generator.normal(size=(N, 2)).astype(dtype)
    y = targets(generator, loss, N, d_out).astype(dtype)
    return X, y, generator.integers(0, 4, N) / 4


def layers_of(net):
    """(W, b) of each layer."""
    return list(zip(net.weights, net.biases, strict=True))
