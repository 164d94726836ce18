"""What the threads of one block do together: copy, fill, add up, multiply matrices.

Every function is called by all threads of a block and returns when all have done their part. Sums
have an order that depends on the number of threads alone, so the bits are the same every time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ..jit import Vector
from .jit import cuda, kernel
from .memory import address, distance, element

# A thread computes TILE × TILE elements of a product from 2 · TILE loads a step. The loads from
# shared memory are what limits it: one for every two multiply-adds, instead of two for each.
TILE = 4
# What `product` does with the elements of its result: write, add, multiply.
WRITE, ADD, MULTIPLY = range(3)


@kernel
def copy(target: Vector, source: Vector) -> None:
    """target ← source, as far as target goes."""
    for k in range(cuda.threadIdx.x, target.size, cuda.blockDim.x):
        target[k] = source[k]
    cuda.syncthreads()


@kernel
def fill(target: Vector, value: Any) -> None:
    """Every element ← value."""
    for k in range(cuda.threadIdx.x, target.size, cuda.blockDim.x):
        target[k] = value
    cuda.syncthreads()


@kernel
def total(scratch: Vector, value: float) -> float:
    """Σ of one value per thread, known to all of them; scratch has an element for each."""
    thread = cuda.threadIdx.x
    scratch[thread] = value
    cuda.syncthreads()
    count = cuda.blockDim.x
    while count > 1:
        half = (count + 1) // 2
        if thread + half < count:
            scratch[thread] += scratch[thread + half]
        cuda.syncthreads()
        count = half
    result = scratch[0]
    cuda.syncthreads()
    return result


@kernel
def product(
    out: Vector,
    left: Vector,
    right: Vector,
    start: Vector,
    scratch: Vector,
    rows: int,
    columns: int,
    inner: int,
    left_row: int,
    left_step: int,
    right_step: int,
    right_column: int,
    mode: int,
) -> None:
    """out_mn ← start_m + Σ_k left_mk right_kn, or by mode added to out_mn, or multiplied by it.

    out is (rows, columns); the strides say where left_mk and right_kn lie, in shared memory; start
    is empty for 0.
    Few elements with long sums are split over the threads (scratch), many are computed in tiles.
    """
    threads = cuda.blockDim.x
    strides = left_row, left_step, right_step, right_column
    if 2 * rows * columns <= threads and inner > 2:
        _split_product(out, left, right, start, scratch, columns, inner, strides, mode)
    elif rows * columns <= TILE * threads:
        _single_product(out, left, right, start, columns, inner, strides, mode)
    else:
        _tiled_product(out, left, right, start, rows, columns, inner, strides, mode)
    cuda.syncthreads()


@kernel
def put(out: Vector, place: Any, value: Any, mode: int) -> None:
    """Write one element of a product; place is unsigned, which saves asking for its sign."""
    if mode == ADD:
        out[place] += value
    elif mode == MULTIPLY:
        out[place] *= value
    else:
        out[place] = value


@kernel
def _single_product(
    out: Vector,
    left: Vector,
    right: Vector,
    start: Vector,
    columns: int,
    inner: int,
    strides: Any,
    mode: int,
) -> None:
    """One element per thread at a time."""
    left_row, left_step, right_step, right_column = strides
    for place in range(cuda.threadIdx.x, out.size, cuda.blockDim.x):
        row, column = divided(place, columns)
        value = dot(
            left, right, row * left_row, column * right_column, inner, left_step, right_step
        )
        value += start[np.uint32(row)] if start.size else out.dtype.type(0)
        put(out, np.uint32(place), value, mode)


@kernel
def dot(
    left: Vector, right: Vector, first: int, second: int, count: int, left_step: int,
    right_step: int,
) -> Any:  # fmt: skip
    """Σ_k left_(first + k left_step) right_(second + k right_step), both in shared memory."""
    one, other = address(left, first), address(right, second)
    end = address(left, first + count * left_step)
    value = left.dtype.type(0)
    while one != end:
        value += element(left, one) * element(right, other)
        one = np.uint32(one + distance(left, left_step))
        other = np.uint32(other + distance(right, right_step))
    return value


@kernel
def divided(place: int, width: int) -> tuple[int, int]:
    """Row and column of a place, by the division of 32 bits: that of 64 is a call of 70 steps."""
    row = np.uint32(place) // np.uint32(width)
    return int(row), place - int(row) * width


@kernel
def _split_product(
    out: Vector,
    left: Vector,
    right: Vector,
    start: Vector,
    scratch: Vector,
    columns: int,
    inner: int,
    strides: Any,
    mode: int,
) -> None:
    """Several threads per element, each with a part of its sum; the parts are added in order."""
    left_row, left_step, right_step, right_column = strides
    thread = cuda.threadIdx.x
    parts = cuda.blockDim.x // out.size
    part, place = divided(thread, out.size)
    row, column = divided(place, columns)
    if part < parts:
        count = (inner - part + parts - 1) // parts
        scratch[thread] = dot(
            left,
            right,
            row * left_row + part * left_step,
            column * right_column + part * right_step,
            count,
            parts * left_step,
            parts * right_step,
        )
    cuda.syncthreads()
    if thread < out.size:
        value = out.dtype.type(0)
        for other in range(parts):
            value += out.dtype.type(scratch[other * out.size + thread])
        value += start[np.uint32(row)] if start.size else out.dtype.type(0)
        put(out, np.uint32(place), value, mode)


@kernel
def _tiled_product(
    out: Vector,
    left: Vector,
    right: Vector,
    start: Vector,
    rows: int,
    columns: int,
    inner: int,
    strides: Any,
    mode: int,
) -> None:
    """TILE × TILE elements per thread at a time, in registers.

    Neighbouring threads have neighbouring columns, so that they read neighbouring elements; the
    columns of one thread lie `wide` apart, its rows `high`. Beyond the edge it computes an
    element again and does not write it.
    """
    left_row, left_step, right_step, right_column = strides
    wide = min(cuda.blockDim.x, (columns + TILE - 1) // TILE)
    high = cuda.blockDim.x // wide
    down, across = divided(cuda.threadIdx.x, wide)
    sums = cuda.local.array((TILE, TILE), out.dtype)
    lefts = cuda.local.array(TILE, out.dtype)
    rights = cuda.local.array(TILE, out.dtype)
    first = cuda.local.array(TILE, types.uint32)
    second = cuda.local.array(TILE, types.uint32)
    if down >= high:
        return
    for top in range(down, rows, TILE * high):
        for west in range(across, columns, TILE * wide):
            for i in range(TILE):
                first[i] = address(left, min(top + i * high, rows - 1) * left_row)
                second[i] = address(right, min(west + i * wide, columns - 1) * right_column)
                for j in range(TILE):
                    sums[i, j] = 0
            # 34 instructions for 16 multiply-adds; with Numba's indices they were 121.
            end = np.uint32(first[0] + distance(left, inner * left_step))
            while first[0] != end:
                for i in range(TILE):
                    lefts[i] = element(left, first[i])
                    rights[i] = element(right, second[i])
                    first[i] += distance(left, left_step)
                    second[i] += distance(right, right_step)
                for i in range(TILE):
                    for j in range(TILE):
                        sums[i, j] += lefts[i] * rights[j]
            for i in range(TILE):
                row = top + i * high
                if row < rows:
                    value = start[np.uint32(row)] if start.size else out.dtype.type(0)
                    for j in range(TILE):
                        column = west + j * wide
                        if column < columns:
                            put(out, np.uint32(row * columns + column), sums[i, j] + value, mode)


@kernel
def row_sums(out: Vector, values: Vector, scratch: Vector, lanes: int, accumulate: bool) -> None:
    """out_j ← Σ_s values_js, added to what out holds if `accumulate`."""
    rows, threads = out.size, cuda.blockDim.x
    thread = cuda.threadIdx.x
    parts = max(1, threads // rows)
    for first in range(0, rows, threads):
        count = min(rows - first, threads)
        part = thread // count
        row = thread - part * count
        if part < parts:
            value = out.dtype.type(0)
            for s in range(part, lanes, parts):
                value += values[(first + row) * lanes + s]
            scratch[thread] = value
        cuda.syncthreads()
        if thread < count:
            value = out[first + row] if accumulate else out.dtype.type(0)
            for other in range(parts):
                value += out.dtype.type(scratch[other * count + row])
            out[first + row] = value
        cuda.syncthreads()
