"""Steps of a network whose activation buffer is its state, and inputs that are its own outputs."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense, lstm
from nnlib.kernels.layers.operations import BUFFER_UNITS, build_table
from nnlib.kernels.layers.recurrent import Recurrence
from nnlib.kernels.network import stepping
from nnlib.kernels.network.linking import Use, linked
from tests.tolerances import assert_close

IDENTITY, SIGMOID, TANH = (activations.CODES[name] for name in ("identity", "sigmoid", "tanh"))


def doubling(dtype):
    """Table, parameters W = 2, b = 0 of one unit, and the buffer."""
    table = build_table([dense.row(1, 1, IDENTITY, 0, 0, -1)])
    buffer = np.zeros(table[BUFFER_UNITS], dtype)
    return linked(table, Use(np.dtype(dtype), single=True)), np.array([2, 0], dtype), buffer


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_steps_behind_the_given_ones_read_the_output_before_them(dtype):
    out = np.empty(5, dtype)
    met = stepping.run(out, np.array([1, 3], dtype), *doubling(dtype), np.empty(0, dtype))
    assert met == stepping.FINITE
    np.testing.assert_array_equal(out, [2, 6, 12, 24, 48])


def test_numbers_that_are_not_finite_are_told_apart():
    table, parameters, buffer = doubling(np.float64)
    out = np.full(2, 7.0)
    bad = np.array([1, np.nan])
    before = np.full(buffer.size, 5.0)
    found = stepping.run(out, bad, table, parameters, buffer, before)
    assert found == stepping.INPUTS_NOT_FINITE
    assert (before == 5).all()
    np.testing.assert_array_equal(out, [7, 7])
    parameters[0] = np.inf
    good = np.array([1.0, 1.0])
    buffer[:] = 3
    found = stepping.run(out, good, table, parameters, buffer, before)
    assert found == stepping.OUTPUTS_NOT_FINITE
    assert (before == 3).all()  # what the caller goes back to


def test_the_state_in_the_buffer_goes_from_call_to_call():
    own = Recurrence(1, 1, TANH, SIGMOID, 0, False, False, False, False, True)
    # Its a_in are the sums z of the four gates, here the data itself.
    first = dense.row(4, 4, IDENTITY, 0, 0, -1)
    through = lstm.row(own, 0, first.size, first.end, first.output)
    table = build_table([first, through])
    parameters = np.concatenate([np.eye(4).ravel(), np.zeros(4), [0.5, -0.5, 1.0, 0.25]])
    linked_table = linked(table, Use(np.dtype(np.float64), single=True))
    buffer = np.zeros(table[BUFFER_UNITS])
    h = c = 0.0
    for z in np.random.default_rng(0).normal(size=(4, 4)):
        i, f, g, o = z + h * parameters[-4:]
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        out = np.empty(1)
        met = stepping.run(out, z, linked_table, parameters, buffer, np.empty(0))
        assert met == stepping.FINITE
        assert_close(out, [h], terms=2, depth=16)
        assert_close(buffer[through.workspace :][:2], [h, c], terms=2, depth=16)
