"""C = α op(A) op(B) + β C agrees with NumPy, whatever is copied and wherever tiles end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.compile.registers import REGISTER_BYTES
from nnlib.kernels.products.gemm import DEPTH, LARGE, LARGE_TRANSPOSED, PANELS, Product, gemm
from nnlib.kernels.products.gemm_tile import ROWS
from tests.kernels.products.shorter_vectors import assert_passes, names_x86
from tests.tolerances import assert_close


@entry
def product(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta):
    gemm(Product(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta))


# Three different sides show a confusion of any two of them.
SIZES = [(1, 1, 1), (5, 3, 4), (1, 7, 2), (6, 1, 3), (33, 17, 65), (8, 32, 16), (64, 96, 32)]
# A copied because it is transposed, and because it is large; B in more panels than one go takes;
# sums in several parts.
LARGE_SIZES = [(150, 100, 130), (550, 270, 520), (20, 600, 40), (20, 40, 600)]


def test_the_sizes_reach_every_branch():
    sizes = np.array(LARGE_SIZES)
    elements = sizes[:, 0] * sizes[:, 2]
    assert LARGE_TRANSPOSED < elements[0] < LARGE < elements[1]
    assert sizes[1, 1] > PANELS * 2 * REGISTER_BYTES // 4
    assert sizes[:, 2].max() > 2 * DEPTH
    assert sizes[:, 0].min() > ROWS


def stored(rng, rows, columns, leading, dtype):
    """A random matrix, and the buffer in which its rows lie `leading` apart, NaN between them."""
    buffer = np.full((rows, leading), np.nan, dtype)
    buffer[:, :columns] = rng.normal(size=(rows, columns))
    # Whatever reads beyond the last element meets another NaN, or the end of the buffer.
    return buffer[:, :columns].copy(), buffer.ravel()[: (rows - 1) * leading + columns]


def check(m, n, k, gap, factors, dtype, rng):
    for transpose_a, transpose_b in itertools.product([False, True], repeat=2):
        for alpha, beta in factors:
            a_shape = (k, m) if transpose_a else (m, k)
            b_shape = (n, k) if transpose_b else (k, n)
            lda, ldb, ldc = a_shape[1] + gap, b_shape[1] + gap, n + gap
            a, a_buffer = stored(rng, *a_shape, lda, dtype)
            b, b_buffer = stored(rng, *b_shape, ldb, dtype)
            c, _ = stored(rng, m, n, n, dtype)
            c_buffer = np.full((m, ldc), np.nan, dtype)
            c_buffer[:, :n] = c if beta else np.nan
            left = (a.T if transpose_a else a).astype(np.float64)
            right = (b.T if transpose_b else b).astype(np.float64)
            product(
                c_buffer.reshape(-1), a_buffer, b_buffer, m, n, k, lda, ldb, ldc,
                transpose_a, transpose_b, alpha, beta,
            )  # fmt: skip
            expected = alpha * left @ right + (beta * c if beta else 0)
            assert_close(c_buffer[:, :n], expected, terms=k + 1, depth=2)
            # What lies between the rows belongs to somebody else.
            assert np.isnan(c_buffer[:, n:]).all()


@pytest.mark.parametrize(("m", "n", "k"), SIZES)
@pytest.mark.parametrize("gap", [0, 3])
def test_agrees_with_numpy(m, n, k, gap, dtype, rng):
    check(m, n, k, gap, [(1.0, 0.0), (1.0, 1.0), (-0.5, 2.0), (0.0, 1.0)], dtype, rng)


@pytest.mark.parametrize(("m", "n", "k"), LARGE_SIZES)
def test_large_products_agree_with_numpy(m, n, k, dtype, rng):
    check(m, n, k, 3, [(1.0, 0.0), (-0.5, 2.0)], dtype, rng)


def test_an_element_has_the_same_bits_in_any_part_of_c(dtype, rng):
    """So that rows or columns of C may be given to several threads."""
    m, n, k = 40, 90, 600
    a, b = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (n, k)))
    whole, part = np.zeros((m, n), dtype), np.zeros((m, n), dtype)
    product(
        whole.reshape(-1), a.reshape(-1), b.reshape(-1), m, n, k, k, k, n, False, True, 1.0, 0.0
    )
    for first, last in ((0, 13), (13, 16), (16, 40)):
        product(
            part[first:last].reshape(-1), a[first:last].reshape(-1), b.reshape(-1),
            last - first, n, k, k, k, n, False, True, 1.0, 0.0,
        )  # fmt: skip
    np.testing.assert_array_equal(whole, part)


@names_x86
@pytest.mark.parametrize(
    ("name", "features"),
    [("haswell", "+avx,+avx2,+fma"), ("x86-64", "+sse2")],
    ids=["avx2", "sse2"],
)
def test_products_for_shorter_vectors(name, features, tmp_path):
    """Vectors of 32 and of 16 bytes, whose tiles and copies have other sides."""
    assert_passes(__file__, "numpy or bits", name, features, tmp_path)
