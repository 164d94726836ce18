"""The operation table and the size of blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense
from nnlib.kernels.layers.operations import (
    COLUMNS,
    DENSE,
    PART_COLUMNS,
    Part,
    Row,
    block_lanes,
    build_parts,
    build_table,
    chunk_count,
)


def test_table_holds_the_rows_one_after_the_other():
    first = dense.row(2, 3, activations.CODES["tanh"], 0, 0, True)
    second = dense.row(3, 1, activations.CODES["sigmoid"], first.size, 3, False)
    table = build_table([first, second])
    assert table.dtype == np.int64
    assert table.shape == (2 * COLUMNS,)
    assert Row(*table[:COLUMNS]) == first
    assert Row(*table[COLUMNS:]) == second


def test_dense_row():
    row = dense.row(2, 3, activations.CODES["tanh"], 40, 5, True)
    assert (row.kind, row.activation) == (DENSE, activations.CODES["tanh"])
    assert (row.d_in, row.d_out, row.size, row.decayed) == (2, 3, 9, 6)
    assert (row.parameters, row.output, row.wide) == (40, 5, 0)


@pytest.mark.parametrize(("name", "end"), [("tanh", 8), ("silu", 11), ("softmax", 11)])
def test_workspace_follows_the_output(name, end):
    row = dense.row(2, 3, activations.CODES[name], 40, 5, True)
    assert row.output == 5
    assert row.workspace == end - 3
    assert row.end == end


@pytest.mark.parametrize("first", [True, False])
def test_wide_layers_use_gemm(first):
    side = int(np.ceil(np.sqrt(dense.WIDE_WEIGHTS)))
    row = dense.row(side, side, activations.CODES["tanh"], 0, 0, first)
    assert row.wide == 1
    assert row.sample_major == int(first)
    assert row.transposed == 0
    narrow = dense.row(dense.WIDE_WEIGHTS - 1, 1, activations.CODES["tanh"], 0, 0, first)
    assert (narrow.wide, narrow.sample_major, narrow.transposed) == (0, 0, 0)


@pytest.mark.parametrize("name", ["tanh", "silu"])
def test_narrow_first_layers_of_whole_vectors_keep_their_inputs_in_both_orders(name):
    d_in = 2 * dense.WHOLE_VECTORS
    row = dense.row(d_in, 3, activations.CODES[name], 0, 0, True)
    assert (row.wide, row.sample_major) == (0, 1)
    assert row.transposed == row.workspace + 3
    assert row.end == row.transposed + d_in
    inner = dense.row(d_in, 3, activations.CODES[name], 0, 0, False)
    assert (inner.sample_major, inner.transposed) == (0, 0)


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize(("units", "d_in"), [(3, 1), (138, 784), (40_000, 1)])
@pytest.mark.parametrize("batch", [2, 7, 60, 128, 1025, 100_000])
def test_blocks_are_whole_vectors_with_little_padding(batch, units, d_in, itemsize):
    lanes = block_lanes(batch, units, d_in, itemsize)
    vector = 64 // itemsize
    assert lanes % vector == 0
    assert vector <= lanes <= 1024
    blocks = -(-batch // lanes)
    assert blocks * lanes - batch < blocks * vector


def test_a_single_sample_has_no_padding():
    assert block_lanes(1, 138, 784, 4) == 1


@pytest.mark.parametrize("most", [1, 2, 4])
@pytest.mark.parametrize("sizes", [[1, 2, 1], [784, 128, 10], [1024, 1024, 33], [9, 5000, 1]])
def test_parts_cover_every_parameter_once(sizes, most):
    rows, parameters, output = [], 0, 0
    for d_in, d_out in itertools.pairwise(sizes):
        rows.append(
            dense.row(d_in, d_out, activations.CODES["tanh"], parameters, output, not parameters)
        )
        parameters, output = parameters + rows[-1].size, rows[-1].end
    flat = build_parts(build_table(rows), most).reshape(-1, PART_COLUMNS).tolist()
    parts = [Part(*columns) for columns in flat]
    assert parts[0].first == 0
    assert parts[-1].last == parameters
    for part, following in itertools.pairwise(parts):
        assert part.last == following.first
    for layer, row in enumerate(rows):
        own = [part for part in parts if part.layer == layer * COLUMNS]
        assert len(own) == (1 if row.decayed < 80_000 else min(most, row.decayed // 40_000))
        assert sum(part.units for part in own) == row.d_out
        for part in own:
            assert part.weights == part.units * row.d_in
            assert part.first == row.parameters + part.unit * row.d_in
            biases = part.last - part.first - part.weights
            assert biases == (row.d_out if part is own[-1] else 0)


@pytest.mark.parametrize(
    ("batch", "parameters", "chunks"),
    [
        (60, 7, 1), (1024, 20_000, 16), (100_000, 20_000, 16), (100_000, 7, 16),
        (64, 109_386, 2), (128, 109_386, 2), (384, 109_386, 3), (512, 109_386, 4),
        (100_000, 3_000_000, 4),
    ],
)  # fmt: skip
def test_how_many_processors_a_batch_is_worth(batch, parameters, chunks):
    """As the README and `chunk_count` say; checkpoints and bits depend on it."""
    assert chunk_count(batch, parameters) == chunks
