"""A matrix product by the threads of one block, both matrices in shared memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ...compile.jit import Vector
from ..compile.jit import SIMULATED, cuda, kernel
from ..compile.memory import address, distance, element
from .block import divided, put, start_of
from .warp_product import bf16_product, tf32_product

# A thread computes TILE × TILE elements of a product from 2 · TILE loads a step. The loads from
# shared memory are what limits it: one for every two multiply-adds, instead of two for each.
TILE = 4
# What the numbers of a product are rounded to; known when a kernel is compiled.
FLOAT32, TF32, BF16 = range(3)
# Tensor cores make 16 × 32 elements at a time from eight steps: with less than half of a side that
# is no gain.
LEAST_SIDE = 4 if SIMULATED else 8


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
    precision: int,
) -> None:
    """out_mn ← start_m + Σ_k left_mk right_kn, or by mode added to out_mn, or multiplied by it.

    out is (rows, columns); the strides say where left_mk and right_kn lie, in shared memory; start
    is empty for 0.
    Few elements with long sums are split over the threads (scratch), many are computed in tiles,
    by tensor cores where precision says so.
    """
    threads = cuda.blockDim.x
    strides = left_row, left_step, right_step, right_column
    if precision != FLOAT32 and min(rows, columns, inner) >= LEAST_SIDE:
        if precision == TF32:
            tf32_product(out, left, right, start, rows, columns, inner, strides, mode)
        else:
            bf16_product(out, left, right, start, rows, columns, inner, strides, mode)
    elif 2 * rows * columns <= threads and inner > 2:
        _split_product(out, left, right, start, scratch, columns, inner, strides, mode)
    elif rows * columns <= TILE * threads:
        _single_product(out, left, right, start, columns, inner, strides, mode)
    else:
        _tiled_product(out, left, right, start, rows, columns, inner, strides, mode)
    cuda.syncthreads()


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
        value += start_of(start, row)
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
        value += start_of(start, row)
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
                    value = start_of(start, row)
                    for j in range(TILE):
                        column = west + j * wide
                        if column < columns:
                            put(out, np.uint32(row * columns + column), sums[i, j] + value, mode)
