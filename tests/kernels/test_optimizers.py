"""One step of each optimizer."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels import activations, dense, optimizers
from nnlib.kernels.jit import entry
from nnlib.kernels.operations import build_table
from tests.tolerances import assert_close


@entry
def gradient_descent(parameters, gradient, table, rate, scale, decay):
    optimizers.gradient_descent(parameters, gradient, table, rate, scale, decay)


@pytest.fixture
def two_layers():
    """Table of a 2-3-1 network, and which of its 13 parameters are weights."""
    first = dense.row(2, 3, activations.TANH, 0, 0, True)
    second = dense.row(3, 1, activations.TANH, first.size, 3, False)
    is_weight = np.array([True] * 6 + [False] * 3 + [True] * 3 + [False])
    return build_table([first, second]), is_weight


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_gradient_descent_shrinks_weights_only(two_layers, decay, dtype, rng):
    table, is_weight = two_layers
    parameters, gradient = rng.normal(size=(2, 13)).astype(dtype)
    before, gradient_before = parameters.copy(), gradient.copy()
    gradient_descent(parameters, gradient, table, 0.5, 0.25, decay)
    step = 0.25 * gradient.astype(float) + decay * before * is_weight
    assert_close(parameters, before - 0.5 * step, terms=3)
    np.testing.assert_array_equal(gradient, gradient_before)
