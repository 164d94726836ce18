"""The operation table and the size of blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense, dropout
from nnlib.kernels.layers.operations import (
    COLUMNS,
    DENSE,
    DROPOUT,
    PART_COLUMNS,
    Part,
    Row,
    block_lanes,
    build_parts,
    build_table,
    chunk_count,
    described,
    gradients_in_step,
    rows_of,
    unknown_kind,
)
from tests.unknown_kind import KIND, NAME, with_unknown_kind


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
    assert (row.weight_rows, row.row_weights) == (3, 2)


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


def parts_of(row, most):
    """The parts of a network of one layer."""
    flat = build_parts(build_table([row]), most).reshape(-1, PART_COLUMNS).tolist()
    return [Part(*columns) for columns in flat]


@pytest.mark.parametrize("most", [1, 3])
def test_parts_are_made_of_the_rows_that_a_layer_has_not_of_its_outputs(most):
    """As of a 3 × 3 convolution of 32 channels: 400 filters, each of which makes 676 outputs."""
    filters, weights, outputs = 400, 9 * 32, 400 * 676
    row = dense.row(1, outputs, activations.CODES["tanh"], 7, 0, False)._replace(
        kind=KIND, size=filters * (weights + 1), decayed=filters * weights,
        weight_rows=filters, row_weights=weights,
    )  # fmt: skip
    parts = parts_of(row, most)
    assert len(parts) == min(most, row.decayed // 40_000)
    assert sum(part.units for part in parts) == filters
    assert all(part.weights == part.units * weights > 0 for part in parts)
    assert (parts[0].first, parts[-1].last) == (7, 7 + row.size)


def test_a_layer_with_parameters_but_without_weights_is_one_part():
    """As the slopes of a PReLU, which do not decay."""
    row = dropout.row(5, 0.5, 7, 0)._replace(kind=KIND, size=5)
    assert parts_of(row, 4) == [Part(0, 0, 0, 0, 7, 12)]
    assert parts_of(dropout.row(5, 0.5, 7, 0), 4) == []


def test_only_dense_layers_have_their_gradient_made_in_the_step():
    wide = dense.row(100, 100, activations.CODES["tanh"], 0, 0, True)
    table = build_table([wide, wide._replace(kind=KIND)])
    assert [row.in_step for row in rows_of(gradients_in_step(table, 0, 0))] == [1, 0]


def test_rows_of_a_table():
    rows = [dense.row(2, 3, activations.CODES["tanh"], 0, 0, True), dropout.row(3, 0.5, 9, 3)]
    assert rows_of(build_table(rows)) == rows


def test_an_unknown_kind_is_named():
    table = build_table(
        [dense.row(2, 3, activations.CODES["tanh"], 0, 0, True), dropout.row(3, 0.5, 9, 3)]
    )
    assert unknown_kind(table, (DENSE, DROPOUT)) is None
    assert unknown_kind(table, (DENSE,)) == "dropout"
    assert unknown_kind(with_unknown_kind(table), (DENSE, DROPOUT)) == NAME


def test_a_description_has_the_columns_of_files_of_version_1():
    """Checkpoints hold a digest of them: other columns would make every old file useless."""
    row = dense.row(2, 3, activations.CODES["tanh"], 40, 5, True)
    assert described(build_table([row, row])).tolist() == 2 * [
        0, activations.CODES["tanh"], 2, 3, 40, 9, 6, 5, 5, 0, 0, 0, 0, 0,
    ]  # fmt: skip


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
