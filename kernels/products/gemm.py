"""The product of two matrices, C = α op(A) op(B) + β C, on row-major 1-D buffers.

C is computed in tiles of a few rows by two vectors, whose sums stay in registers (`multiply_tile`).
Parts of op(B), and of op(A) where it is large, are first copied in the order in which a tile reads
them. The copies stay in the first- and second-level cache, and each costs one walk over the
original. This is the plan of K. Goto and R. van de Geijn, "Anatomy of high-performance matrix
multiplication", ACM Transactions on Mathematical Software 34(3), 2008.

Every element of C is the same sum in the same order wherever its tile lies, and no call shares
anything with another: results do not depend on threads.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.called import Contract
from ..compile.jit import Vector, routine
from ..compile.memory import stack_buffer
from ..compile.registers import REGISTER_BYTES
from .gemm_tile import (
    ROWS,
    Extent,
    Matrix,
    copy_vector,
    multiply_tile,
    transpose_square,
    vector_size,
)

# Rows of op(B) in a panel, which is two vectors wide: 32 KiB in vectors of 64 bytes, and leaves
# room for A in a first-level cache of 48 KiB.
DEPTH = 256
# Panels that are copied at a time, so that whole runs of a row of B are read: 256 KiB.
PANELS = 8
# Vectors of rows of op(A) that are copied at a time: 128 KiB.
BLOCKS = 8
# Up to so many rows of C a panel is read too seldom to be worth its copy. 128 would do where B is
# in this processor's own cache (64 × 784 × 64 takes 0.8 of the time), not where another has it.
FEW_ROWS = 2 * ROWS
# Rows of op(A) that all panels of a group meet before the next: what is read again for each panel
# is 64 KiB and stays in the second-level cache.
ROWS_AT_ONCE = 64
# A is copied if it has more elements, and enough columns read it: rows as they lie are read once
# for every group of panels, columns for every panel, each from a line of its own.
LARGE_TRANSPOSED, LARGE = 2**14, 2**18
_PANELS_BYTES = PANELS * DEPTH * 2 * REGISTER_BYTES
_BLOCK_BYTES = BLOCKS * DEPTH * REGISTER_BYTES


class Product(NamedTuple):
    """c (m, n) ← α op(a) (m, k) op(b) (k, n) + β c, all row-major 1-D buffers of one dtype.

    c is not read where β is 0.
    """

    c: Vector
    a: Vector
    b: Vector
    m: int
    n: int
    k: int
    lda: int  # the distance between rows as stored
    ldb: int
    ldc: int
    transpose_a: bool
    transpose_b: bool
    alpha: float
    beta: float


# How `gemm` is called by address.
GEMM = Contract(Product)


@routine
def gemm(product: Product) -> None:
    """The product, into product.c."""
    c, a, b = product.c, product.a, product.b
    m, n, k = product.m, product.n, product.k
    lda, ldb, ldc = product.lda, product.ldb, product.ldc
    transpose_a, transpose_b = product.transpose_a, product.transpose_b
    side = vector_size(c)
    width = 2 * side
    group = max(
        side, ROWS
    )  # rows of A that lie side by side in its copy: whole tiles, whole vectors
    panels, block = stack_buffer(c, _PANELS_BYTES), stack_buffer(c, _BLOCK_BYTES)
    factor = c.dtype.type(product.alpha)
    row_of_a, column_of_a = (1, lda) if transpose_a else (lda, 1)
    row_of_b, column_of_b = (1, ldb) if transpose_b else (ldb, 1)
    if transpose_a:
        copies_a = n > 2 * width and m * k > LARGE_TRANSPOSED
    else:
        copies_a = n > PANELS * width and m * k > LARGE
    copies_b = transpose_b or (m > FEW_ROWS and ldb > width)
    height = BLOCKS * side if copies_a else ROWS_AT_ONCE
    for first_k in range(0, k, DEPTH):
        depth = min(DEPTH, k - first_k)
        kept = c.dtype.type(product.beta) if first_k == 0 else c.dtype.type(1)
        for left in range(0, n, PANELS * width):
            columns = min(PANELS * width, n - left)
            first_b = first_k * row_of_b + left * column_of_b
            # A panel that B does not fill is copied in any case, and filled up with zeros.
            direct = 0 if copies_b else columns - columns % width
            start = first_b + direct * column_of_b
            pack_panels(
                panels, Matrix(b, start, ldb, 1), transpose_b, depth, columns - direct, width
            )
            for top in range(0, m, height):
                rows = min(height, m - top)
                first_a = top * row_of_a + first_k * column_of_a
                if copies_a:
                    pack_panels(
                        block, Matrix(a, first_a, lda, 1), not transpose_a, depth, rows, group
                    )
                for j in range(0, columns, width):
                    right, place_b, stride = panels, (j - direct) * depth, width
                    if j < direct:
                        right, place_b, stride = b, first_b + j, ldb
                    for i in range(0, rows, ROWS):
                        left_side, place_a = a, first_a + i * row_of_a
                        row, step = row_of_a, column_of_a
                        if copies_a:
                            left_side, place_a = block, (i - i % group) * depth + i % group
                            row, step = 1, group
                        multiply_tile(
                            Matrix(c, (top + i) * ldc + left + j, ldc, 1),
                            Matrix(left_side, place_a, row, step),
                            Matrix(right, place_b, stride, 1),
                            Extent(rows - i, columns - j, depth),
                            factor,
                            kept,
                        )


@routine
def pack_panels(
    panels: Vector, matrix: Matrix, transpose: bool, depth: int, columns: int, width: int
) -> None:
    """panels_(p, k, i) ← op(matrix)_(k, p·width + i), and 0 from column `columns` on.

    Panels of `width` columns lie one after another.
    """
    side = vector_size(panels)
    step = side if transpose else 1
    for k in range(0, depth, step):
        for j in range(0, columns, width):
            for i in range(j, j + width, side):
                place = j * depth + k * width + i - j
                values, row = matrix.values, matrix.row
                if transpose:
                    transpose_square(
                        Matrix(panels, place, width, 1),
                        Matrix(values, matrix.first + i * row + k, row, 1),
                        columns - i,
                        depth - k,
                    )
                else:
                    copy_vector(panels, place, values, matrix.first + k * row + i, columns - i)
