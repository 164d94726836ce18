"""BLAS from inside compiled code: C = α op(A) op(B) + β C on row-major matrices.

Numba links its own ``np.dot`` to SciPy's BLAS through the C function ``numba_xxgemm``. Calling
that directly gives transposes, α and β, allocates nothing, releases nothing that is not held and
keeps the caller cacheable. It is private to Numba, so where a release lacks it the same product
is made of ``np.dot`` (and allocates). SciPy is imported at the first product, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import _helperlib, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from .jit import Vector, allocating_kernel, kernel

# Whose products these are; `bench` measures the limit of wide layers with the same library.
BLAS = "SciPy"
HAS_DIRECT_GEMM = "xxgemm" in getattr(_helperlib, "c_helpers", {})


def _build_xxgemm(
    typingctx: Any, c: Any, a: Any, b: Any, m: Any, n: Any, k: Any,
    lda: Any, ldb: Any, ldc: Any, transa: Any, transb: Any, alpha: Any, beta: Any,
) -> Any:  # fmt: skip
    """The call itself, column-major as BLAS has it: C (m×n), transposes as booleans."""
    kind = {types.float32: "s", types.float64: "d"}[c.dtype]

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, size, pointer = ir.IntType(8), cgutils.intp_t, cgutils.voidptr_t
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(
                ir.IntType(32),
                [byte, byte, byte, size, size, size, pointer, pointer, size, pointer, size,
                 pointer, pointer, size],
            ),
            "numba_xxgemm",
        )  # fmt: skip

        def data(index: int, kind: Any) -> Any:
            array = arrayobj.make_array(kind)(context, builder, arguments[index])
            return builder.bitcast(array.data, pointer)

        def scalar(index: int) -> Any:
            slot = cgutils.alloca_once_value(builder, arguments[index])
            return builder.bitcast(slot, pointer)

        def letter(index: int) -> Any:
            return builder.select(
                arguments[index], ir.Constant(byte, ord("t")), ir.Constant(byte, ord("n"))
            )

        _, _, _, m_, n_, k_, lda_, ldb_, ldc_ = arguments[:9]
        return builder.call(
            function,
            [ir.Constant(byte, ord(kind)), letter(9), letter(10), m_, n_, k_, scalar(11),
             data(1, a), lda_, data(2, b), ldb_, scalar(12), data(0, c), ldc_],
        )  # fmt: skip

    sizes = (types.intp,) * 6
    signature = types.int32(c, a, b, *sizes, types.boolean, types.boolean, c.dtype, c.dtype)
    return signature, build


_xxgemm: Callable[..., None] = intrinsic(_build_xxgemm)


@kernel
def gemm_direct(
    c: Vector, a: Vector, b: Vector, m: int, n: int, k: int, lda: int, ldb: int, ldc: int,
    transpose_a: bool, transpose_b: bool, alpha: float, beta: float,
) -> None:  # fmt: skip
    """c (m, n) ← α op(a) (m, k) op(b) (k, n) + β c, all row-major 1-D buffers of one dtype.

    lda, ldb, ldc are the distances between rows as stored. c is not read where β is 0.
    """
    number = c.dtype.type
    # Row-major C is column-major Cᵀ = op(B)ᵀ op(A)ᵀ: the operands change places.
    _xxgemm(c, b, a, n, m, k, ldb, lda, ldc, transpose_b, transpose_a, number(alpha), number(beta))


@allocating_kernel
def _contiguous(matrix: Vector, rows: int, columns: int, leading: int, transpose: bool) -> Any:
    """op(matrix) as a new (rows, columns) array."""
    copy = np.empty((rows, columns), matrix.dtype)
    for i in range(rows):
        for j in range(columns):
            copy[i, j] = matrix[j * leading + i] if transpose else matrix[i * leading + j]
    return copy


@allocating_kernel
def gemm_through_dot(
    c: Vector, a: Vector, b: Vector, m: int, n: int, k: int, lda: int, ldb: int, ldc: int,
    transpose_a: bool, transpose_b: bool, alpha: float, beta: float,
) -> None:  # fmt: skip
    """The same through np.dot, for a Numba without ``numba_xxgemm``."""
    left = _contiguous(a, m, k, lda, transpose_a)
    right = _contiguous(b, k, n, ldb, transpose_b)
    product = np.dot(left, right)
    number = c.dtype.type
    for i in range(m):
        for j in range(n):
            kept = number(beta) * c[i * ldc + j] if beta != 0 else number(0)
            c[i * ldc + j] = kept + number(alpha) * product[i, j]


gemm = gemm_direct if HAS_DIRECT_GEMM else gemm_through_dot
