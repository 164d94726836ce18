"""BLAS from inside compiled code: C = α op(A) op(B) + β C on row-major matrices.

Numba links its own ``np.dot`` to SciPy's BLAS through the C function ``numba_xxgemm``. Calling
that directly gives transposes, α and β, allocates nothing, releases nothing that is not held and
keeps the caller cacheable. It is private to Numba, so where a release lacks it the same product
is made of ``np.dot`` (and allocates). SciPy is imported at the first product, not before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import _helperlib, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from .jit import kernel

HAS_DIRECT_GEMM = "xxgemm" in getattr(_helperlib, "c_helpers", {})


@intrinsic
def _xxgemm(
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
    signature = types.int32(
        c, a, b, *sizes, types.boolean, types.boolean, c.dtype, c.dtype
    )
    return signature, build


def _direct(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta):  # type: ignore[no-untyped-def]
    one = c.dtype.type
    # Row-major C is column-major Cᵀ = op(B)ᵀ op(A)ᵀ: the operands change places.
    _xxgemm(
        c, b, a, n, m, k, ldb, lda, ldc, transpose_b, transpose_a, one(alpha), one(beta)
    )


def _rows(matrix, rows, columns, leading):  # type: ignore[no-untyped-def]
    """Contiguous copy of a row-major matrix whose rows start `leading` elements apart."""
    copy = np.empty((rows, columns), matrix.dtype)
    for i in range(rows):
        for j in range(columns):
            copy[i, j] = matrix[i * leading + j]
    return copy


_rows = kernel(_rows)


def _through_dot(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta):  # type: ignore[no-untyped-def]
    left = _rows(a, k, m, lda).T.copy() if transpose_a else _rows(a, m, k, lda)
    right = _rows(b, n, k, ldb).T.copy() if transpose_b else _rows(b, k, n, ldb)
    product = np.dot(left, right)
    one = c.dtype.type
    for i in range(m):
        for j in range(n):
            kept = one(beta) * c[i * ldc + j] if beta != 0 else one(0)
            c[i * ldc + j] = kept + one(alpha) * product[i, j]


# gemm(c, a, b, m, n, k, lda, ldb, ldc, transpose_a, transpose_b, alpha, beta):
# c (m, n) ← alpha · op(a) (m, k) · op(b) (k, n) + beta · c, row-major 1-D buffers of one dtype,
# ld… the distance between rows as stored. c is written in place and not read where beta is 0.
gemm_direct = kernel(_direct)
gemm_through_dot = kernel(_through_dot)
gemm = gemm_direct if HAS_DIRECT_GEMM else gemm_through_dot
