"""The parameters cut into parts."""

from __future__ import annotations

import itertools

import pytest

from nnlib.kernels.formulas import activations
from nnlib.kernels.layers import dense, dropout
from nnlib.kernels.layers.operations import COLUMNS, build_table, rows_of
from nnlib.kernels.layers.parts import PART_COLUMNS, Part, build_parts, gradients_in_step
from tests.unknown_kind import KIND


@pytest.mark.parametrize("most", [1, 2, 4])
@pytest.mark.parametrize("sizes", [[1, 2, 1], [784, 128, 10], [1024, 1024, 33], [9, 5000, 1]])
def test_parts_cover_every_parameter_once(sizes, most):
    rows, parameters, output = [], 0, 0
    for d_in, d_out in itertools.pairwise(sizes):
        source = rows[-1].output if rows else -1
        rows.append(dense.row(d_in, d_out, activations.CODES["tanh"], parameters, output, source))
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
    row = dense.row(1, outputs, activations.CODES["tanh"], 7, 0, 0)._replace(
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
    row = dropout.row(5, 0.5, 7, 0, -1)._replace(kind=KIND, size=5, learns=1)
    assert parts_of(row, 4) == [Part(0, 0, 0, 0, 7, 12)]
    assert parts_of(dropout.row(5, 0.5, 7, 0, -1), 4) == []


def test_only_dense_layers_have_their_gradient_made_in_the_step():
    wide = dense.row(100, 100, activations.CODES["tanh"], 0, 0, -1)
    table = build_table([wide, wide._replace(kind=KIND, source=0, parameters=wide.size)])
    assert [row.in_step for row in rows_of(gradients_in_step(table, 0, 0))] == [1, 0]
