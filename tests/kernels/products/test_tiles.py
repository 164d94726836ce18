"""The hand-written products against NumPy's, in every shape that tiles meet."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.products import tiles
from tests.kernels.products.shorter_vectors import assert_passes, names_x86
from tests.tolerances import assert_close

# Every height of a tile and every remainder; vectors per row: all widths of a tile, and sums of
# them.
COUNTS = [1, 2, 3, 4, 5, 7, 10]
VECTORS = [1, 2, 3, 4, 7]


@entry
def weighted_sums(out, weight, rows, start, outputs, inputs, output_stride, input_stride, begin):
    lanes = out.size // outputs
    product = tiles.Product(outputs, inputs, output_stride, input_stride, lanes, begin)
    tiles.weighted_sums(out, weight, rows, start, product)


@entry
def lane_products(weight, bias, delta, rows, accumulate):
    outputs = bias.size
    inputs, lanes = weight.size // outputs, delta.size // outputs
    tiles.lane_products(weight, bias, delta, rows, tiles.Shape(outputs, inputs, lanes), accumulate)


@entry
def transposed(block, rows, order, start, count, width):
    samples = tiles.Samples(start, count, width, block.size // width)
    tiles.transposed(block, rows, order, samples, order.size > 0)


def guarded(shape, dtype):
    """NaN everywhere, in the middle of a larger array of NaN: writing outside is found."""
    size = int(np.prod(shape))
    around = np.full(size + 200, np.nan, dtype)
    return around, around[100 : 100 + size]


def assert_guard_untouched(around, inside):
    assert np.isnan(around[:100]).all()
    assert np.isnan(around[100 + inside.size :]).all()


@pytest.mark.parametrize("vectors", VECTORS)
@pytest.mark.parametrize("outputs", COUNTS)
@pytest.mark.parametrize("begin", [tiles.FROM_ZERO, tiles.FROM_START, tiles.FROM_OUT])
def test_weighted_sums(outputs, vectors, begin, dtype, rng):
    lanes = vectors * (tiles.VECTOR_BYTES // dtype.itemsize)
    for inputs in (1, 3, 8):
        W = rng.normal(size=(outputs, inputs)).astype(dtype)
        a = rng.normal(size=(inputs, lanes)).astype(dtype)
        b = rng.normal(size=outputs).astype(dtype)
        around, out = guarded((outputs, lanes), dtype)
        before = np.zeros((outputs, lanes))
        if begin == tiles.FROM_START:
            before += b[:, None]
        elif begin == tiles.FROM_OUT:
            out[:] = rng.normal(size=out.size)
            before = out.reshape(outputs, lanes).astype(float)
        expected = before + W.astype(float) @ a
        weighted_sums(out, W.ravel(), a.ravel(), b, outputs, inputs, inputs, 1, begin)
        assert_close(out.reshape(outputs, lanes), expected, terms=inputs + 1)
        assert_guard_untouched(around, out)


def test_weighted_sums_of_the_transposed_weights(dtype, rng):
    outputs, inputs, lanes = 6, 5, 32
    W = rng.normal(size=(inputs, outputs)).astype(dtype)
    a = rng.normal(size=(inputs, lanes)).astype(dtype)
    out = np.full(outputs * lanes, np.nan, dtype)
    weighted_sums(out, W.ravel(), a.ravel(), W.ravel(), outputs, inputs, 1, outputs, 0)
    assert_close(out.reshape(outputs, lanes), W.T.astype(float) @ a, terms=inputs)


def test_a_sum_does_not_depend_on_its_tile(dtype, rng):
    """Rows and lanes fall into tiles of all sizes; equal data must give equal bits."""
    outputs, inputs, lanes = 7, 9, 7 * (tiles.VECTOR_BYTES // dtype.itemsize)
    W = np.tile(rng.normal(size=inputs).astype(dtype), (outputs, 1))
    a = np.repeat(rng.normal(size=(inputs, 1)).astype(dtype), lanes, axis=1)
    out = np.empty(outputs * lanes, dtype)
    weighted_sums(out, W.ravel(), a.ravel(), W.ravel(), outputs, inputs, inputs, 1, 0)
    np.testing.assert_array_equal(out, out[0])


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("inputs", COUNTS)
@pytest.mark.parametrize("outputs", COUNTS)
def test_lane_products(outputs, inputs, accumulate, dtype, rng):
    for vectors in (1, 2, 5):
        lanes = vectors * (tiles.VECTOR_BYTES // dtype.itemsize)
        delta = rng.normal(size=(outputs, lanes)).astype(dtype)
        a = rng.normal(size=(inputs, lanes)).astype(dtype)
        around, weight = guarded((outputs, inputs), dtype)
        around_bias, bias = guarded(outputs, dtype)
        if accumulate:
            weight[:], bias[:] = 3, -2
        lane_products(weight, bias, delta.ravel(), a.ravel(), accumulate)
        products = delta.astype(float) @ a.T + (3 if accumulate else 0)
        sums = delta.astype(float).sum(axis=1) - (2 if accumulate else 0)
        assert_close(weight.reshape(outputs, inputs), products, terms=lanes + 1)
        assert_close(bias, sums, terms=lanes + 1)
        assert_guard_untouched(around, weight)
        assert_guard_untouched(around_bias, bias)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("count", "width"), [(32, 32), (37, 16), (16, 53), (17, 47), (48, 31)])
def test_transposed_by_squares_that_overlap(count, width, shuffled, dtype, rng):
    start, lanes, n = 3, 48, 60
    rows = np.arange(n * width, dtype=dtype).reshape(n, width)
    order = rng.permutation(n) if shuffled else np.empty(0, np.int64)
    chosen = (rows[order] if shuffled else rows)[start : start + count]
    around, block = guarded((width, lanes), dtype)
    transposed(block, rows.ravel(), order, start, count, width)
    expected = np.full((width, lanes), np.nan)
    expected[:, :count] = chosen.T
    np.testing.assert_array_equal(block.reshape(width, lanes), expected)
    assert_guard_untouched(around, block)


@names_x86
@pytest.mark.skipif(not tiles.MANY_REGISTERS, reason="this processor has them above")
def test_tiles_of_few_registers(tmp_path):
    assert_passes(__file__, "not_depend or lane", "haswell", "+avx,+avx2,+fma", tmp_path)
