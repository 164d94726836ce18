"""The part of a large matrix product that one block of threads computes, in registers.

The block is square, `side` × `side` threads with TILE × TILE elements each, and goes along the
inner dimension in slabs of `side` steps that it stages in shared memory: an element is read from
global memory once per block and slab, neighbours by neighbouring threads whichever way it lies.
"""

from __future__ import annotations

from typing import Any

from ..jit import Vector
from .block import TILE
from .jit import cuda, kernel, window


@kernel
def staged(staging: Vector) -> tuple[Vector, Vector]:
    """Shared memory of the left and of the right slab; a row more than its width apart."""
    size = cuda.blockDim.x * (TILE * cuda.blockDim.x + 1)
    return window(staging, 0, size), window(staging, size, size)


@kernel
def stage(
    slab: Vector,
    values: Vector,
    first: int,
    count: int,
    step: int,
    steps: int,
    place_stride: int,
    step_stride: int,
) -> None:
    """slab_(k, p) ← values at place first + p and step step + k; 0 beyond count and steps."""
    side = cuda.blockDim.x
    pitch = TILE * side + 1
    for q in range(TILE):
        # Neighbouring threads follow the direction in which neighbouring elements lie.
        if step_stride == 1:
            k, p = cuda.threadIdx.x, cuda.threadIdx.y + q * side
        else:
            k, p = cuda.threadIdx.y, cuda.threadIdx.x + q * side
        inside = first + p < count and step + k < steps
        place = (first + p) * place_stride + (step + k) * step_stride
        # A bare 0 would take every element through float64.
        slab[k * pitch + p] = values[place] if inside else values.dtype.type(0)


@kernel
def add_products(
    sums: Any,
    edge: Any,
    staging: Vector,
    left: Vector,
    right: Vector,
    rows: int,
    columns: int,
    first: int,
    last: int,
    strides: Any,
) -> None:
    """sums_ij ← Σ_k left_mk right_kn and edge_i ← Σ_k left_mk, first ≤ k < last.

    m = row_of(i), n = column_of(j). strides are those of m and k in left, and of k and n in right.
    """
    left_row, left_step, right_step, right_column = strides
    side = cuda.blockDim.x
    pitch = TILE * side + 1
    lefts, rights = cuda.local.array(TILE, left.dtype), cuda.local.array(TILE, left.dtype)
    left_slab, right_slab = staged(staging)
    for i in range(TILE):
        edge[i] = 0
        for j in range(TILE):
            sums[i, j] = 0
    top, west = cuda.blockIdx.y * TILE * side, cuda.blockIdx.x * TILE * side
    for step in range(first, last, side):
        stage(left_slab, left, top, rows, step, last, left_row, left_step)
        stage(right_slab, right, west, columns, step, last, right_column, right_step)
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


@kernel
def row_of(i: int) -> int:
    """Row of the result that a thread's i-th row is."""
    return (cuda.blockIdx.y * TILE + i) * cuda.blockDim.x + cuda.threadIdx.y


@kernel
def column_of(j: int) -> int:
    """Column of the result that a thread's j-th column is."""
    return (cuda.blockIdx.x * TILE + j) * cuda.blockDim.x + cuda.threadIdx.x
