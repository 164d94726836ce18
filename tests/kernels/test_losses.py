"""Cost and output delta of every loss, with example weights."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels import losses
from nnlib.kernels.jit import entry
from tests.tolerances import assert_close

LANES, D_OUT = 24, 3


@entry
def cost(a, y, weight, code):
    return losses.cost(a, y, weight, code)


@entry
def delta(delta_out, a, y, weight, code):
    losses.delta(delta_out, a, y, weight, code)


@pytest.fixture
def block(dtype, rng):
    """a and y (d_L, lanes), and example weights with padding at the end."""
    a, y = rng.normal(size=(2, D_OUT, LANES)).astype(dtype)
    weight = (np.arange(LANES) < LANES - 5).astype(dtype)
    weight[2] = 0.5
    return a, y, weight


def test_half_squared_error_cost(block):
    a, y, weight = block
    expected = sum(
        float(weight[s]) * 0.5 * np.sum((a[:, s].astype(float) - y[:, s]) ** 2)
        for s in range(LANES)
    )
    result = cost(a.ravel(), y.ravel(), weight, losses.HALF_SQUARED_ERROR)
    assert_close(result, expected, terms=LANES * D_OUT, dtype=a.dtype)


def test_half_squared_error_delta(block):
    a, y, weight = block
    out = np.full_like(a.ravel(), np.nan)
    delta(out, a.ravel(), y.ravel(), weight, losses.HALF_SQUARED_ERROR)
    assert_close(out.reshape(a.shape), weight * (a - y), terms=1)


def test_float32_cost_of_many_examples_is_summed_in_float64(rng):
    # Every row of 0.1² has the same cost; in one float32 sum, 300 rows would lose six digits.
    rows = 300
    a = np.full(rows * LANES, 0.1, np.float32)
    weight = np.ones(LANES, np.float32)
    result = cost(a, np.zeros_like(a), weight, losses.HALF_SQUARED_ERROR)
    one = 0.5 * float(np.float32(0.1)) ** 2
    assert_close(result, rows * LANES * one, terms=LANES, dtype=np.float32)
