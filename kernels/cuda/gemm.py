"""The part of a large matrix product that one block of threads computes, in registers.

The block is square, `side` × `side` threads with TILE × TILE elements each, and goes along the
inner dimension in slabs of `side` steps that it stages in shared memory: an element is read from
global memory once per block and slab, neighbours by neighbouring threads whichever way it lies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..jit import Vector
from .block import TILE
from .jit import MOST_REGISTERS, cuda, kernel, window


class Matrix(NamedTuple):
    """Rows of numbers that are multiplied with those of another one: Σ_k left_mk right_nk.

    Attributes
    ----------
    values
        In global memory.
    stride
        Between the rows, or between the steps k.
    along
        Whether steps are neighbours in memory, not rows.
    """

    values: Vector
    stride: int
    along: bool


class Block(NamedTuple):
    """Threads, and what they compute together: a rectangle of the result.

    shared is how many numbers they keep in shared memory.
    """

    threads: tuple[int, int]
    rows: int
    columns: int
    shared: int


class Product(NamedTuple):
    """A way to multiply, of which `products.entries` makes what a descent launches.

    Attributes
    ----------
    name
        In those of the kernels.
    multiply
        As the function here.
    block
        The block, given the most threads that it may have.
    most_registers
        Of a thread.
    """

    name: str
    multiply: Any
    block: Callable[[int], Block]
    most_registers: int


@kernel
def staged(staging: Vector) -> tuple[Vector, Vector]:
    """Shared memory of the left and of the right slab; a step more than its width apart."""
    size = cuda.blockDim.x * (TILE * cuda.blockDim.x + 1)
    return window(staging, 0, size), window(staging, size, size)


@kernel
def stage(slab: Vector, matrix: Matrix, first: int, bound: int, step: int, last: int) -> None:
    """slab_(k, p) ← numbers of row first + p and step step + k; 0 from bound and last on."""
    side = cuda.blockDim.x
    pitch = TILE * side + 1
    for q in range(TILE):
        # Neighbouring threads follow the direction in which neighbouring elements lie.
        if matrix.along:
            k, p = cuda.threadIdx.x, cuda.threadIdx.y + q * side
        else:
            k, p = cuda.threadIdx.y, cuda.threadIdx.x + q * side
        inside = first + p < bound and step + k < last
        place = place_of(matrix, first + p, step + k)
        # A bare 0 would take every element through float64.
        slab[k * pitch + p] = matrix.values[place] if inside else matrix.values.dtype.type(0)


@kernel
def place_of(matrix: Matrix, row: int, step: int) -> int:
    """Where a number of a matrix lies."""
    return row * matrix.stride + step if matrix.along else step * matrix.stride + row


@kernel
def multiply(
    put: Any,
    to: Any,
    left: Matrix,
    right: Matrix,
    rows: int,
    columns: int,
    first: int,
    last: int,
    edged: bool,
) -> None:
    """put(to, m, n, Σ_k left_mk right_nk), first ≤ k < last, for the elements of this block.

    If edged, put(to, m, columns, Σ_k left_mk) as well, by the blocks of the first column.
    """
    side = cuda.blockDim.x
    pitch = TILE * side + 1
    dtype = left.values.dtype
    # What a loop that stays a loop reads lies in memory: not the sums themselves.
    sums, results = cuda.local.array((TILE, TILE), dtype), cuda.local.array((TILE, TILE), dtype)
    edge = cuda.local.array(TILE, dtype)
    lefts, rights = cuda.local.array(TILE, dtype), cuda.local.array(TILE, dtype)
    left_slab, right_slab = staged(cuda.shared.array(0, dtype))
    for i in range(TILE):
        edge[i] = 0
        for j in range(TILE):
            sums[i, j] = 0
    top, west = cuda.blockIdx.y * TILE * side, cuda.blockIdx.x * TILE * side
    for step in range(first, last, side):
        stage(left_slab, left, top, rows, step, last)
        stage(right_slab, right, west, columns, step, last)
        cuda.syncthreads()
        for k in range(side):
            for i in range(TILE):
                lefts[i] = left_slab[k * pitch + cuda.threadIdx.y + i * side]
                rights[i] = right_slab[k * pitch + cuda.threadIdx.x + i * side]
            for i in range(TILE):
                edge[i] += lefts[i]
                for j in range(TILE):
                    sums[i, j] += lefts[i] * rights[j]
        cuda.syncthreads()
    for i in range(TILE):
        for j in range(TILE):
            results[i, j] = sums[i, j]
    for i in range(TILE):
        row = row_of(i)
        for j in range(TILE):
            column = column_of(j)
            if row < rows and column < columns:
                put(to, row, column, results[i, j])
    if edged and column_of(0) == 0:
        for i in range(TILE):
            if row_of(i) < rows:
                put(to, row_of(i), columns, edge[i])


@kernel
def row_of(i: int) -> int:
    """Row of the result that a thread's i-th row is."""
    return (cuda.blockIdx.y * TILE + i) * cuda.blockDim.x + cuda.threadIdx.y


@kernel
def column_of(j: int) -> int:
    """Column of the result that a thread's j-th column is."""
    return (cuda.blockIdx.x * TILE + j) * cuda.blockDim.x + cuda.threadIdx.x


def block(threads: int) -> Block:
    """A square of threads."""
    side = math.isqrt(threads)
    return Block((side, side), TILE * side, TILE * side, 2 * side * (TILE * side + 1))


PRODUCT = Product("plain", multiply, block, MOST_REGISTERS)
