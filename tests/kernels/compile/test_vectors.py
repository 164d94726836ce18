"""Sixteen lanes as one number of compiled code, against NumPy's arrays; and the losses' values."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.compile.vectors import LANES, add, load_lanes, multiply_add, spread, store_lanes
from nnlib.kernels.formulas import losses
from tests.kernels.calling import run
from tests.tolerances import assert_close


@entry
def combine(out, a, b, number):
    """out ← a · b + number, and after it a + b, both from places that no vector begins at."""
    x, y = load_lanes(a, 1), load_lanes(b, 3)
    store_lanes(out, 1, multiply_add(x, y, spread(number)))
    store_lanes(out, 1 + LANES, add(x, y))


def test_lanes_are_numbers_of_their_own(dtype, rng):
    a, b = rng.normal(size=(2, LANES + 4)).astype(dtype)
    out = np.full(2 * LANES + 2, 7, dtype)
    combine(out, a, b, dtype.type(0.3))
    x, y = a[1 : 1 + LANES], b[3 : 3 + LANES]
    assert_close(out[1 : 1 + LANES], x * y + dtype.type(0.3), terms=2)
    np.testing.assert_array_equal(out[1 + LANES : -1], x + y)
    assert (out[0], out[-1]) == (7, 7)


def values_and_cost(out, a, y, weight, code):
    run(losses.COSTS, losses.costs(code), out, a, y, weight)
    return run(losses.COST, losses.cost(code), a, y, weight)


@pytest.mark.parametrize("name", losses.CODES)
def test_values_add_up_to_the_cost(name, dtype, rng):
    a, y, weight = rng.uniform(0.1, 2, size=(3, 40)).astype(dtype)
    weight[7] = 0
    out = np.empty(40, dtype)
    cost = values_and_cost(out, a, y, weight, losses.CODES[name])
    assert out[7] == 0
    assert_close(out.sum(), cost, terms=40, dtype=dtype)
