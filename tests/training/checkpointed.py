"""Descents that the tests of checkpoints interrupt, damage and compare."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

import nnlib

from ..devices import amount
from .interruptions import interrupt_after

# Five batches an epoch.
N, BATCH, EPOCHS = amount((45, 10, 20), (15, 3, 4))
ITERATIONS = amount(30, 12)
X = np.linspace(-1, 1, 2 * N).reshape(N, 2)
Y = np.sin(3 * X.sum(axis=1))
WEIGHTS = np.linspace(1, 2, N)


SIZES = (2, amount(6, 3), 1)


def network(sizes=SIZES, activation="tanh", seed=0, **settings):
    return nnlib.Network(list(sizes), activation, seed=seed, **settings)


def train(net=None, x=X, y=Y, **options):
    """The network and its history after a short descent in shuffled mini-batches."""
    net = net or network()
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": 0.05}
    return net, net.descent(x, y, **{**settings, **options})


def optimize(net=None, **options):
    """The same for optimizers of full batches."""
    net = net or network()
    return net, net.descent(X, Y, **{"epochs": ITERATIONS, **options})


def assert_same(one, other):
    """Two pairs of network and history."""
    (net, history), (other_net, other_history) = one, other
    np.testing.assert_array_equal(net.parameters, other_net.parameters)
    for name in ("J", "learning_rate", "validation_J", "best_epoch", "stopped"):
        np.testing.assert_array_equal(getattr(history, name), getattr(other_history, name), name)


@contextmanager
def interrupted_after(calls, monkeypatch):
    """Descents run one block a slice, and after so many slices comes Ctrl-C."""
    with monkeypatch.context() as patch:
        interrupt_after(calls, patch)
        with pytest.raises(KeyboardInterrupt):
            yield
