"""C = α op(A) op(B) + β C: the direct call of BLAS and the path through np.dot agree with NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnlib.kernels import gemm
from nnlib.kernels.jit import entry
from tests.tolerances import assert_close


@entry
def direct(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta):
    gemm.gemm_direct(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta)


@entry
def through_dot(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta):
    gemm.gemm_through_dot(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta)


PATHS = [
    pytest.param(
        direct,
        id="direct",
        marks=pytest.mark.skipif(not gemm.HAS_DIRECT_GEMM, reason="this Numba has no numba_xxgemm"),
    ),
    pytest.param(through_dot, id="through_dot"),
]
# Three different sides show a confusion of any two of them; 1 is where BLAS changes its ways.
SIZES = [(1, 1, 1), (5, 3, 4), (1, 7, 2), (6, 1, 3), (33, 17, 65)]


def stored(rng, rows, columns, leading, dtype):
    """A random matrix, and the buffer in which its rows lie `leading` apart, NaN between them."""
    buffer = np.full((rows, leading), np.nan, dtype)
    buffer[:, :columns] = rng.normal(size=(rows, columns))
    return buffer[:, :columns].copy(), buffer.ravel()


@pytest.mark.parametrize("product", PATHS)
@pytest.mark.parametrize(("m", "n", "k"), SIZES)
@pytest.mark.parametrize("gap", [0, 3])
def test_agrees_with_numpy(product, m, n, k, gap, dtype, rng):
    for transpose_a, transpose_b in itertools.product([False, True], repeat=2):
        for alpha, beta in [(1.0, 0.0), (1.0, 1.0), (-0.5, 2.0), (0.0, 1.0)]:
            a_shape = (k, m) if transpose_a else (m, k)
            b_shape = (n, k) if transpose_b else (k, n)
            lda, ldb, ldc = a_shape[1] + gap, b_shape[1] + gap, n + gap
            a, a_buffer = stored(rng, *a_shape, lda, dtype)
            b, b_buffer = stored(rng, *b_shape, ldb, dtype)
            c, c_buffer = stored(rng, m, n, ldc, dtype)
            left = (a.T if transpose_a else a).astype(np.float64)
            right = (b.T if transpose_b else b).astype(np.float64)
            product(
                c_buffer, a_buffer, b_buffer, m, n, k, lda, ldb, ldc,
                transpose_a, transpose_b, alpha, beta,
            )  # fmt: skip
            result = c_buffer.reshape(m, ldc)
            assert_close(result[:, :n], alpha * left @ right + beta * c, terms=k + 1, depth=2)
            # What lies between the rows belongs to somebody else.
            assert np.isnan(result[:, n:]).all()


@pytest.mark.parametrize("product", PATHS)
def test_beta_zero_does_not_read_c(product, dtype):
    c = np.full(1, np.nan, dtype)
    two, three = np.array([2.0], dtype), np.array([3.0], dtype)
    product(c, two, three, 1, 1, 1, 1, 1, 1, False, False, 1.0, 0.0)
    assert c[0] == 6
