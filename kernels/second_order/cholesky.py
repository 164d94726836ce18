"""Cholesky factorisation A = L Lᵀ in place, a tile of rows at a time.

The matrix is row-major and may have more rows than columns: rows below the square part come out
as x L⁻ᵀ for every row x, the forward substitution of a right-hand side that is stored as a row.
A tile can be a slice of work: the factor of 5 000 columns takes some seconds.
"""

from __future__ import annotations

import math

from ..compile.jit import Vector, kernel
from ..compile.memory import window
from ..products.gemm import Product, gemm
from .objective import is_finite

# Rows and columns of a tile: one matrix product subtracts all columns before it, hand loops do
# the rest.
TILE = 48


@kernel
def factorise_rows(matrix: Vector, rows: int, columns: int, first: int) -> bool:
    """L's rows first … first + TILE − 1, in place; False if A is not positive definite.

    matrix (rows, columns) holds L in the rows before `first`; what is above the diagonal is
    neither used nor defined.
    """
    last = min(first + TILE, rows)
    size = matrix.size
    for left in range(0, min(last, columns), TILE):
        right = min(left + TILE, columns)
        if left > 0:
            # A[first:last, left:right] −= L[first:last, :left] L[left:right, :left]ᵀ
            here, there = first * columns, left * columns
            gemm(Product(
                window(matrix, here + left, size - here - left),
                window(matrix, here, size - here), window(matrix, there, size - there),
                last - first, right - left, left,
                columns, columns, columns, False, True, -1.0, 1.0,
            ))  # fmt: skip
        for i in range(first, last):
            for j in range(left, min(i + 1, right)):
                row = window(matrix, i * columns + left, j - left)
                above = window(matrix, j * columns + left, j - left)
                rest = matrix[i * columns + j] - product(row, above)
                if i == j:
                    if not (rest > 0 and is_finite(rest)):
                        return False
                    matrix[i * columns + j] = math.sqrt(rest)
                else:
                    matrix[i * columns + j] = rest / matrix[j * columns + j]
    return True


@kernel
def product(left: Vector, right: Vector) -> float:
    """Σ_k left_k right_k."""
    total = 0.0
    for k in range(left.size):
        total += left[k] * right[k]
    return total


@kernel
def substitute_back(x: Vector, matrix: Vector) -> None:
    """x ← L⁻ᵀ x, in place; L is the (n, n) lower triangle of matrix (…, n), row-major."""
    columns = x.size
    for i in range(columns - 1, -1, -1):
        row = window(matrix, i * columns, i)
        x[i] /= matrix[i * columns + i]
        value = x[i]
        head = window(x, 0, i)
        for k in range(i):
            head[k] -= value * row[k]
