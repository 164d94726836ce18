"""One step of each optimizer; whole trajectories are held against PyTorch in tests."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.formulas import optimizers
from nnlib.kernels.formulas.optimizers import Stepped
from tests.kernels.calling import run
from tests.tolerances import assert_close

STEPS = tuple(optimizers.STEPS.values())


def step(code, w, g, first, second, settings, rate, scale, count):
    part = Stepped(w, g, first, second, settings, rate, scale, count)
    run(optimizers.STEP_CONTRACT, STEPS[code], part, dtype=w.dtype)


@entry
def add_chunks(gradient, first, last, size, chunks):
    optimizers.add_chunks(gradient, first, last, size, chunks)


@pytest.mark.parametrize("name", optimizers.CODES)
def test_a_step_in_parts_is_a_step(name, dtype, rng):
    """What lets a team share a step: the same bits for any division of the parameters."""
    w, g, first, second = np.abs(rng.normal(size=(4, 200))).astype(dtype)
    settings = np.array([0.5, 1.2, 1e-6, 50.0])
    whole = [array.copy() for array in (w, g, first, second)]
    step(optimizers.CODES[name], *whole, settings, 0.1, 0.25, 3)
    parts = [array.copy() for array in (w, g, first, second)]
    for start, end in ((0, 64), (64, 192), (192, 200)):
        step(optimizers.CODES[name], *(array[start:end] for array in parts), settings, 0.1, 0.25, 3)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sgd(dtype, rng):
    w, g = rng.normal(size=(2, 13)).astype(dtype)
    before, empty = w.copy(), np.empty(0, dtype)
    step(optimizers.SGD, w, g, empty, empty, np.empty(0), 0.5, 0.25, 1)
    assert_close(w, before - 0.5 * 0.25 * g.astype(float), terms=2)


def test_chunks_are_added_in_their_order(dtype, rng):
    parts = rng.normal(size=(4, 100)).astype(dtype)
    gradient = parts.reshape(-1).copy()
    add_chunks(gradient, 30, 90, 100, 4)
    expected = ((parts[0] + parts[1]) + parts[2]) + parts[3]
    np.testing.assert_array_equal(gradient[30:90], expected[30:90])
    np.testing.assert_array_equal(gradient[:30], parts[0][:30])
