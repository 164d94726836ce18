"""The table walked forward and backward: all layers of a network on blocks, against the oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.formulas import activations, losses
from nnlib.kernels.layers import dense
from nnlib.kernels.layers.dropout import NO_DROPOUT
from nnlib.kernels.layers.operations import build_table
from nnlib.kernels.network import propagate
from nnlib.kernels.network.linking import Use, linked
from nnlib.kernels.network.propagate import Pass
from tests import reference
from tests.tolerances import assert_close

LANES = 16
NAMES = ["tanh", "silu", "softplus"]  # with and without a workspace


@entry
def forward(outputs, table, parameters, inputs, lanes):
    empty = outputs[:0]
    propagate.forward(
        Pass(table, parameters, inputs, outputs, empty, empty, lanes, False, NO_DROPOUT)
    )


@entry
def cost_and_gradient(
    gradient, deltas, outputs, table, parameters, inputs, targets, weight, accumulate
):
    block = Pass(
        table, parameters, inputs, outputs, deltas, gradient, weight.size, accumulate, NO_DROPOUT
    )
    return propagate.cost_and_gradient(block, targets, weight, True)


class Chain:
    """A network of three layers and its buffers; `wide` is one choice per layer."""

    def __init__(self, sizes, wide, dtype, rng):
        rows, parameters, output = [], 0, 0
        for layer, (d_in, d_out) in enumerate(itertools.pairwise(sizes)):
            code = activations.CODES[NAMES[layer]]
            source = rows[-1].output if rows else -1
            row = dense.row(d_in, d_out, code, parameters, output, source)
            rows.append(row._replace(wide=wide[layer], sample_major=0))
            parameters, output = parameters + row.size, row.end
        rows[-1] = rows[-1]._replace(loss=losses.CODES["half_squared_error"])
        self.table = linked(build_table(rows), Use(dtype, cost=True, train=True))
        self.layers = [
            (rng.normal(size=(o, i)).astype(dtype), rng.normal(size=o).astype(dtype))
            for i, o in itertools.pairwise(sizes)
        ]
        self.parameters = reference.flat(self.layers).astype(dtype)
        self.units = np.concatenate([np.arange(row.output, row.output + row.d_out) for row in rows])
        self.outputs = np.full(output * LANES, np.nan, dtype)
        self.deltas = np.full(output * LANES, np.nan, dtype)
        self.d_out = sizes[-1]


@pytest.fixture(params=[(0, 0, 0), (1, 0, 1), (0, 1, 0)], ids=str)
def chain(request, dtype, rng):
    """3-4-5-2, with hand loops or gemm per layer."""
    return Chain([3, 4, 5, 2], request.param, dtype, rng)


@pytest.fixture
def examples(dtype, rng):
    """X (LANES + 5, 3) and Y (LANES + 5, 2): one full block and one short one."""
    n = LANES + 5
    return rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(n, 2)).astype(dtype)


def columns(rows):
    """Rows as the columns of a block, zeros after the last."""
    block = np.zeros((rows.shape[1], LANES), rows.dtype)
    block[:, : len(rows)] = rows.T
    return block.ravel()


def test_forward_of_a_block(chain, examples):
    X, _ = examples
    forward(chain.outputs, chain.table, chain.parameters, columns(X[:LANES]), LANES)
    outputs = chain.outputs.reshape(-1, LANES)[chain.units]
    for s in range(LANES):
        _, expected = reference.forward(chain.layers, NAMES, X[s])
        assert_close(outputs[:, s], np.concatenate(expected[1:]), terms=6, depth=3)


def test_cost_and_gradient_add_up_over_blocks(chain, examples):
    X, Y = examples
    gradient = np.full_like(chain.parameters, np.nan)
    total = 0.0
    for start in (0, LANES):
        x, y = X[start : start + LANES], Y[start : start + LANES]
        weight = (np.arange(LANES) < len(x)).astype(X.dtype)
        total += cost_and_gradient(
            gradient, chain.deltas, chain.outputs, chain.table, chain.parameters, columns(x),
            columns(y), weight, start > 0,
        )  # fmt: skip
    dW, db = reference.gradients(chain.layers, NAMES, X, Y, "sum")
    expected = reference.flat(zip(dW, db, strict=True))
    assert_close(gradient, expected, terms=len(X), depth=6)
    expected = reference.cost(chain.layers, NAMES, X, Y, "sum")
    assert_close(total, expected, terms=len(X), depth=3, dtype=X.dtype)
