"""Descents whose convolutions are multiplied by Winograd's algorithm."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.machine.teams import force
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")


def trained(dtype):
    """Parameters and costs of some steps of a network with two such convolutions."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, 9, 10, 8))
    y = X[:, 2:5, 3:6].mean(axis=(1, 2, 3))[:, None]
    inner = layers.Conv2D(12, 3, padding="same", activation="tanh")
    net = nnlib.Network(
        [layers.Input((9, 10, 8)), inner, layers.Conv2D(8, 3, padding="same", activation="tanh"),
         layers.GlobalAveragePooling2D(), layers.Dense(1)],
        dtype=dtype, seed=0,
    )  # fmt: skip
    history = net.descent(X, y, epochs=4, batch_size=50, learning_rate=1.0)
    return net.parameters, history.J


def test_same_bits_for_any_number_of_threads(monkeypatch):
    found = []
    for members in (1, 2, 5):
        force(monkeypatch, members)
        found.append(trained("float32"))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_a_descent_ends_where_that_of_direct_sums_in_float64_does():
    found, expected = trained("float32"), trained("float64")
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, terms=9 * 12, depth=4, dtype="float32")
