"""Samples between the user's rows and the kernels' blocks."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.network import blocks

N, WIDTH, LANES = 11, 3, 8
IN_ORDER = np.empty(0, np.int64)


@entry
def pack(block, rows, order, start, count, width):
    blocks.pack(block, rows, order, start, count, width)


@entry
def packed_targets(block, rows, weights, start, count):
    blocks.pack_targets(block, rows, weights, start, count)


def pack_targets(block, rows, weights, order, start, count, width, lanes):
    assert block.size == (width + 1) * lanes
    packed_targets(block, user_rows(rows, order, width), weights, start, count)


@entry
def packed_inputs(block, rows, start, count, sample_major):
    blocks.pack_inputs(block, rows, start, count, sample_major)


def pack_inputs(block, rows, order, start, count, width, sample_major):
    packed_inputs(block, user_rows(rows, order, width), start, count, sample_major)


def user_rows(values, order, width):
    """The rows, with the address of what packs them."""
    return blocks.Rows(
        values, order, width, blocks.PACK_CONTRACT.address(blocks.pack, values.dtype)
    )


@entry
def unpack(rows, block, start, count, width):
    blocks.unpack(rows, block, start, count, width)


@pytest.fixture
def rows(dtype):
    """Rows whose every element is another number, none of them 0."""
    return np.arange(1, N * WIDTH + 1, dtype=dtype).reshape(N, WIDTH)


@pytest.fixture(params=["in order", "shuffled"])
def order(request, rng):
    """The empty order, or a permutation."""
    return IN_ORDER if request.param == "in order" else rng.permutation(N)


def chosen(rows, order, start, count):
    """The rows that an order puts at start … start + count."""
    return (rows if not order.size else rows[order])[start : start + count]


def assert_padding_repeats_the_first(columns, count):
    padding = columns[:, count:]
    np.testing.assert_array_equal(padding, np.broadcast_to(columns[:, :1], padding.shape))


@pytest.mark.parametrize("count", [16, 37, 45])
@pytest.mark.parametrize("width", [5, 16, 40])
def test_pack_of_squares_and_what_is_left(width, count, dtype, rng):
    n, lanes = 50, 48
    rows = np.arange(1, n * width + 1, dtype=dtype).reshape(n, width)
    for order in (IN_ORDER, rng.permutation(n)):
        block = np.full(width * lanes, np.nan, dtype)
        pack(block, rows.ravel(), order, 4, count, width)
        columns = block.reshape(width, lanes)
        np.testing.assert_array_equal(columns[:, :count], chosen(rows, order, 4, count).T)
        assert_padding_repeats_the_first(columns, count)


@pytest.mark.parametrize(("start", "count"), [(0, LANES), (LANES, N - LANES), (4, 1)])
def test_pack_and_unpack(rows, order, start, count):
    block = np.full(WIDTH * LANES, np.nan, rows.dtype)
    pack(block, rows.ravel(), order, start, count, WIDTH)
    columns = block.reshape(WIDTH, LANES)
    np.testing.assert_array_equal(columns[:, :count], chosen(rows, order, start, count).T)
    assert_padding_repeats_the_first(columns, count)
    back = np.zeros_like(rows)
    unpack(back.ravel(), block, start, count, WIDTH)
    expected = np.zeros_like(rows)
    expected[start : start + count] = chosen(rows, order, start, count)
    np.testing.assert_array_equal(back, expected)


@pytest.mark.parametrize("count", [1, 5, LANES])
def test_pack_targets_adds_the_example_weights(rows, order, count):
    block = np.full((WIDTH + 1) * LANES, np.nan, rows.dtype)
    no_weights = np.empty(0, rows.dtype)
    pack_targets(block, rows.ravel(), no_weights, order, 2, count, WIDTH, LANES)
    columns = block.reshape(WIDTH + 1, LANES)
    np.testing.assert_array_equal(columns[:WIDTH, :count], chosen(rows, order, 2, count).T)
    assert_padding_repeats_the_first(columns[:WIDTH], count)
    np.testing.assert_array_equal(columns[WIDTH], np.arange(LANES) < count)


def test_pack_targets_keeps_given_weights(rows, order):
    block = np.full((WIDTH + 1) * LANES, np.nan, rows.dtype)
    weights = np.arange(1, N + 1, dtype=rows.dtype) / 4
    pack_targets(block, rows.ravel(), weights, order, 2, 5, WIDTH, LANES)
    row = block[WIDTH * LANES :]
    np.testing.assert_array_equal(row[:5], chosen(weights, order, 2, 5))
    np.testing.assert_array_equal(row[5:], 0)


def test_pack_inputs_for_a_wide_first_layer_keeps_rows(rows, rng):
    order = rng.permutation(N)
    block = np.full((5, WIDTH), np.nan, rows.dtype)
    pack_inputs(block.ravel(), rows.ravel(), order, 4, 5, WIDTH, True)
    np.testing.assert_array_equal(block, rows[order][4:9])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sample_major", [False, True])
def test_pack_all_starts_every_batch_with_a_new_block(rows, sample_major, weighted):
    # 11 examples in batches of 5 and blocks of 4: 4 + 1, 4 + 1, 1.
    batch_size, lanes = 5, 4
    expected = [(0, 4), (4, 1), (5, 4), (9, 1), (10, 1)]
    inputs = np.full(0 if sample_major else len(expected) * WIDTH * lanes, np.nan, rows.dtype)
    targets = np.full(len(expected) * 2 * lanes, np.nan, rows.dtype)
    y = -np.arange(1, N + 1, dtype=rows.dtype)
    weights = np.arange(N if weighted else 0, dtype=rows.dtype)
    blocks.pack_all(
        blocks.Packed(inputs, targets, lanes, batch_size),
        user_rows(rows.ravel(), IN_ORDER, WIDTH),
        user_rows(y, IN_ORDER, 1),
        weights,
    )
    targets = targets.reshape(len(expected), 2, lanes)
    for block, (start, count) in enumerate(expected):
        np.testing.assert_array_equal(targets[block, 0, :count], y[start : start + count])
        wanted = weights[start : start + count] if weighted else np.ones(count)
        np.testing.assert_array_equal(targets[block, 1, :count], wanted)
        np.testing.assert_array_equal(targets[block, 1, count:], 0)
        if not sample_major:
            columns = inputs.reshape(len(expected), WIDTH, lanes)[block]
            np.testing.assert_array_equal(columns[:, :count], rows[start : start + count].T)
            assert_padding_repeats_the_first(columns, count)
