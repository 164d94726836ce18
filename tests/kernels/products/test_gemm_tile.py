"""Functions on LLVM's vectors are the formulas of their docstrings."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.compile.registers import REGISTER_BYTES
from nnlib.kernels.products import gemm_tile
from nnlib.kernels.products.gemm_tile import Extent, Matrix
from tests.tolerances import assert_close


@entry
def size(values):
    return gemm_tile.vector_size(values)


@entry
def copy(out, first, source, source_first, count):
    gemm_tile.copy_vector(out, first, source, source_first, count)


@entry
def transpose(out, first, ld_out, source, source_first, ld, rows, columns):
    gemm_tile.transpose_square(
        Matrix(out, first, ld_out, 1), Matrix(source, source_first, ld, 1), rows, columns
    )


@entry
def multiply(c, ldc, a, row, step, b, ldb, depth, rows, columns, factors):
    gemm_tile.multiply_tile(
        Matrix(c, 0, ldc, 1),
        Matrix(a, 0, row, step),
        Matrix(b, 0, ldb, 1),
        Extent(rows, columns, depth),
        factors[0],
        factors[1],
    )


def test_a_vector_is_a_register(dtype):
    assert size(np.empty(0, dtype)) * np.dtype(dtype).itemsize == REGISTER_BYTES
    assert REGISTER_BYTES in (16, 32, 64)


@pytest.mark.parametrize("missing", [0, 1, 3, 100])
def test_copy(missing, dtype):
    side = size(np.empty(0, dtype))
    source, out = np.arange(1, 101, dtype=dtype), np.full(100, 7, dtype)
    count = max(0, side - missing)
    copy(out, 3, source, 5, side - missing)
    expected = np.full(100, 7, dtype)
    expected[3 : 3 + side] = 0
    expected[3 : 3 + count] = source[5 : 5 + count]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (1, 0), (0, 1), (3, 1), (50, 50)])
def test_transpose(rows, columns, dtype, rng):
    """With all rows and columns, and with one or a few of them missing."""
    side = size(np.empty(0, dtype))
    rows, columns = min(side - rows % side, side), min(side - columns % side, side)
    source = rng.normal(size=(rows, columns)).astype(dtype)
    out = np.full((side + 1, side + 3), 7, dtype)
    transpose(
        out.reshape(-1), side + 3 + 2, side + 3, source.reshape(-1), 0, columns, rows, columns
    )
    expected = np.full_like(out, 7)
    expected[1 : 1 + columns, 2 : 2 + side] = 0
    expected[1 : 1 + columns, 2 : 2 + rows] = source.T
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rows", [1, gemm_tile.ROWS - 1, gemm_tile.ROWS])
@pytest.mark.parametrize("missing", [0, 1, REGISTER_BYTES // 4 + 1])
@pytest.mark.parametrize(("alpha", "beta"), [(1, 0), (-0.5, 2)])
def test_multiply(transposed, rows, missing, alpha, beta, dtype, rng):
    width, depth = 2 * size(np.empty(0, dtype)), 7
    columns = max(1, width - missing)
    a = rng.normal(size=(depth, rows) if transposed else (rows, depth)).astype(dtype)
    b = rng.normal(size=(depth, width)).astype(dtype)
    c = np.full((gemm_tile.ROWS, width), np.nan, dtype)
    product = alpha * (a.T if transposed else a) @ b[:, :columns]
    if beta:
        c[:rows, :columns] = rng.normal(size=(rows, columns))
        product += beta * c[:rows, :columns]
    row, step = (1, rows) if transposed else (depth, 1)
    factors = np.array([alpha, beta], dtype)
    multiply(
        c.reshape(-1), width, a.reshape(-1), row, step, b.reshape(-1), width, depth, rows, columns,
        factors,
    )  # fmt: skip
    assert_close(c[:rows, :columns], product, terms=depth + 1)
    # What the tile does not have belongs to somebody else.
    assert np.isnan(c[rows:]).all()
    assert np.isnan(c[:, columns:]).all()
