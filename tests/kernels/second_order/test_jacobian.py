"""G, JᵀJ and Jᵀr of one block against central differences of F and against plain NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense
from nnlib.kernels.layers.operations import build_table
from nnlib.kernels.layers.parts import build_parts
from nnlib.kernels.network import problem, propagate
from nnlib.kernels.network.linking import Use, linked
from nnlib.kernels.second_order import jacobian
from tests import reference
from tests.tolerances import assert_close, difference_step, difference_tolerance

LANES = 16
COUNT = 13  # three lanes are padding
NAMES = ["gelu", "sigmoid", "identity"]  # the first one has a workspace


@entry
def differentiate(jacobian_out, model, inputs, targets, output, lanes):
    propagate.forward(problem.whole_pass(model, inputs, lanes, False))
    return jacobian.differentiate(jacobian_out, model, inputs, targets, output, lanes)


@entry
def add_tile(normal, jacobian_block, p, first, accumulate):
    jacobian.add_tile(normal, jacobian_block, p, first, accumulate)


class Case:
    """A network of three layers, one block of examples with weights, and all buffers."""

    def __init__(self, sizes, dtype, rng):
        rows, parameters, units = [], 0, 0
        for name, (d_in, d_out) in zip(NAMES, itertools.pairwise(sizes), strict=True):
            code = activations.CODES[name]
            source = rows[-1].output if rows else -1
            row = dense.row(d_in, d_out, code, parameters, units, source)
            rows.append(row._replace(sample_major=0))
            parameters, units = parameters + row.size, row.end
        self.sizes, self.p, self.d_out = sizes, parameters, sizes[-1]
        flat = rng.normal(size=parameters, scale=0.7).astype(dtype)
        self.X = rng.normal(size=(COUNT, sizes[0])).astype(dtype)
        self.Y = rng.normal(size=(COUNT, sizes[-1])).astype(dtype)
        self.weight = rng.uniform(0.5, 2, size=COUNT).astype(dtype)
        self.inputs = self.columns(self.X)
        self.targets = self.columns(np.column_stack([self.Y, self.weight]))
        scratch, unused = np.full(units * LANES, np.nan, dtype), np.empty(0, dtype)
        table = linked(build_table(rows), Use(dtype, train=True))
        self.model = problem.Model(
            table, build_parts(table, 1), flat, np.zeros_like(flat), scratch, scratch.copy(),
            unused, unused, unused,
        )  # fmt: skip

    def columns(self, rows):
        block = np.zeros((rows.shape[1], LANES), rows.dtype)
        block[:, : len(rows)] = rows.T
        return block.ravel()

    def outputs(self, flat):
        """F of every example at float64 parameters, shape (COUNT, d_L)."""
        layers, start = [], 0
        for d_in, d_out in itertools.pairwise(self.sizes):
            W = flat[start : start + d_in * d_out].reshape(d_out, d_in)
            start += d_in * d_out
            layers.append((W, flat[start : start + d_out]))
            start += d_out
        return reference.predict(layers, NAMES, self.X)

    def block(self, output):
        """G (p + 1, LANES) of one output, and Σ r²."""
        G = np.full((self.p + 1) * LANES, np.nan)
        squares = differentiate(G, self.model, self.inputs, self.targets, output, LANES)
        return G.reshape(-1, LANES), squares


# 6, 23 and 26 weights run hand loops; in the second network layers and product run gemm.
@pytest.fixture(params=[(2, 3, 4, 2), (9, 10, 8, 3)], ids=str)
def case(request, dtype, rng):
    return Case(request.param, dtype, rng)


def test_the_second_network_is_wide(rng):
    assert Case((2, 3, 4, 2), np.float64, rng).p < jacobian.WIDE_PARAMETERS
    assert Case((9, 10, 8, 3), np.float64, rng).p > max(jacobian.WIDE_PARAMETERS, jacobian.TILE)


def test_jacobian_is_the_derivative_of_the_outputs(case, dtype):
    flat, step = case.model.parameters.astype(np.float64), difference_step()
    expected = np.empty((case.p, COUNT, case.d_out))
    for k in range(case.p):
        ahead, behind = flat.copy(), flat.copy()
        ahead[k] += step
        behind[k] -= step
        expected[k] = (case.outputs(ahead) - case.outputs(behind)) / (2 * step)
    expected *= np.sqrt(case.weight.astype(np.float64))[:, None]
    difference = difference_tolerance(terms=12, depth=6)
    for output in range(case.d_out):
        G, _ = case.block(output)
        assert not G[:, COUNT:].any(), "padding lanes must add nothing"
        if dtype == np.float64:
            np.testing.assert_allclose(
                G[:-1, :COUNT], expected[:, :, output], rtol=difference, atol=difference * 10
            )
        else:
            assert_close(G[:-1, :COUNT], expected[:, :, output], 12, depth=6, dtype=dtype)


def test_residual_is_the_last_row(case, dtype):
    outputs = case.outputs(case.model.parameters.astype(np.float64))
    for output in range(case.d_out):
        G, squares = case.block(output)
        root = np.sqrt(case.weight.astype(np.float64))
        expected = root * (outputs[:, output] - case.Y[:, output])
        assert_close(G[-1, :COUNT], expected, terms=12, depth=4, dtype=dtype)
        assert_close(squares, np.sum(G[-1] ** 2), terms=LANES)


def test_normal_equations_add_up_over_outputs(case):
    p = case.p
    normal = np.full((p + 1) * p, np.nan)
    expected = np.zeros((p + 1, p))
    for output in range(case.d_out):
        G, _ = case.block(output)
        for first in range(0, p + 1, jacobian.TILE):
            add_tile(normal, G.reshape(-1), p, first, output > 0)
        expected += G @ G[:-1].T
    lower = np.tril_indices(p + 1, 0, p)
    assert_close(normal.reshape(p + 1, p)[lower], expected[lower], terms=LANES * case.d_out)
