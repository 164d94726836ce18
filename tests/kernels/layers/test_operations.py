"""The operation table: rows, and what they know of one another."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense, dropout
from nnlib.kernels.layers.operations import (
    COLUMNS,
    DELTA_OUT,
    DENSE,
    DROPOUT,
    build_table,
    described,
    rows_of,
)


def test_table_holds_the_rows_one_after_the_other():
    first = dense.row(2, 3, activations.CODES["tanh"], 0, 0, -1)
    second = dense.row(3, 1, activations.CODES["sigmoid"], first.size, 3, 0)
    table = build_table([first, second])
    assert table.dtype == np.int64
    assert table.shape == (2 * COLUMNS,)
    for row, made in zip(rows_of(table), (first, second), strict=True):
        assert row[:DELTA_OUT] == made[:DELTA_OUT]


def test_dense_row():
    row = dense.row(2, 3, activations.CODES["tanh"], 40, 5, -1)
    assert (row.kind, row.activation) == (DENSE, activations.CODES["tanh"])
    assert (row.d_in, row.d_out, row.size, row.decayed) == (2, 3, 9, 6)
    assert (row.parameters, row.output, row.wide) == (40, 5, 0)
    assert (row.weight_rows, row.row_weights) == (3, 2)


@pytest.mark.parametrize(("name", "end"), [("tanh", 8), ("silu", 11), ("softmax", 11)])
def test_workspace_follows_the_output(name, end):
    row = dense.row(2, 3, activations.CODES[name], 40, 5, -1)
    assert row.output == 5
    assert row.workspace == end - 3
    assert row.end == end


@pytest.mark.parametrize("first", [True, False])
def test_wide_layers_use_gemm(first):
    side = int(np.ceil(np.sqrt(dense.WIDE_WEIGHTS)))
    row = dense.row(side, side, activations.CODES["tanh"], 0, 0, -1 if first else 0)
    assert row.wide == 1
    assert row.sample_major == int(first)
    assert row.transposed == 0
    narrow = dense.row(
        dense.WIDE_WEIGHTS - 1, 1, activations.CODES["tanh"], 0, 0, -1 if first else 0
    )
    assert (narrow.wide, narrow.sample_major, narrow.transposed) == (0, 0, 0)


@pytest.mark.parametrize("name", ["tanh", "silu"])
def test_narrow_first_layers_of_whole_vectors_keep_their_inputs_in_both_orders(name):
    d_in = 2 * dense.WHOLE_VECTORS
    row = dense.row(d_in, 3, activations.CODES[name], 0, 0, -1)
    assert (row.wide, row.sample_major) == (0, 1)
    assert row.transposed == row.workspace + 3
    assert row.end == row.transposed + d_in
    inner = dense.row(d_in, 3, activations.CODES[name], 0, 0, 0)
    assert (inner.sample_major, inner.transposed) == (0, 0)


def test_rows_of_a_table():
    rows = [dense.row(2, 3, activations.CODES["tanh"], 0, 0, -1), dropout.row(3, 0.5, 9, 3, 0)]
    table = build_table(rows)
    assert [row.kind for row in rows_of(table)] == [DENSE, DROPOUT]
    np.testing.assert_array_equal(build_table(rows_of(table)), table)


def test_a_description_has_the_columns_of_files_of_version_1():
    """Checkpoints hold a digest of them: other columns would make every old file useless."""
    row = dense.row(2, 3, activations.CODES["tanh"], 40, 5, -1)
    assert described(build_table([row])).tolist() == [
        0, activations.CODES["tanh"], 2, 3, 40, 9, 6, 5, 5, 0, 0, 0, 0, 0,
    ]  # fmt: skip
