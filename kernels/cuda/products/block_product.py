"""A matrix product by the threads of one block, both matrices in shared memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ...compile.jit import Vector
from ..compile.jit import SIMULATED, cuda, kernel
from ..compile.memory import address, distance, element
from .block import Product, divided, put, start_of
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
def product(own: Product, scratch: Vector, precision: int) -> None:
    """The product by the threads of a block.

    Few elements with long sums are split over the threads (scratch), many are computed in tiles,
    by tensor cores where precision says so.
    """
    threads, elements = cuda.blockDim.x, own.rows * own.columns
    if precision != FLOAT32 and min(own.rows, own.columns, own.inner) >= LEAST_SIDE:
        if precision == TF32:
            tf32_product(own)
        else:
            bf16_product(own)
    elif 2 * elements <= threads and own.inner > 2:
        _split_product(own, scratch)
    elif elements <= TILE * threads:
        _single_product(own)
    else:
        _tiled_product(own)
    cuda.syncthreads()


@kernel
def _single_product(own: Product) -> None:
    """One element per thread at a time."""
    for place in range(cuda.threadIdx.x, own.out.size, cuda.blockDim.x):
        row, column = divided(place, own.columns)
        first, second = row * own.left_row, column * own.right_column
        value = dot(own.left, own.right, first, second, own.inner, own.left_step, own.right_step)
        value += start_of(own.start, row)
        put(own.out, np.uint32(place), value, own.mode)


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
def _split_product(own: Product, scratch: Vector) -> None:
    """Several threads per element, each with a part of its sum; the parts are added in order."""
    out, thread = own.out, cuda.threadIdx.x
    parts = cuda.blockDim.x // out.size
    part, place = divided(thread, out.size)
    row, column = divided(place, own.columns)
    if part < parts:
        count = (own.inner - part + parts - 1) // parts
        scratch[thread] = dot(
            own.left,
            own.right,
            row * own.left_row + part * own.left_step,
            column * own.right_column + part * own.right_step,
            count,
            parts * own.left_step,
            parts * own.right_step,
        )
    cuda.syncthreads()
    if thread < out.size:
        value = out.dtype.type(0)
        for other in range(parts):
            value += out.dtype.type(scratch[other * out.size + thread])
        value += start_of(own.start, row)
        put(out, np.uint32(place), value, own.mode)


@kernel
def _tiled_product(own: Product) -> None:
    """TILE × TILE elements per thread at a time, in registers.

    Neighbouring threads have neighbouring columns, so that they read neighbouring elements; the
    columns of one thread lie `wide` apart, its rows `high`. Beyond the edge it computes an
    element again and does not write it.
    """
    out, left, right, rows, columns = own.out, own.left, own.right, own.rows, own.columns
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
                first[i] = address(left, min(top + i * high, rows - 1) * own.left_row)
                second[i] = address(right, min(west + i * wide, columns - 1) * own.right_column)
                for j in range(TILE):
                    sums[i, j] = 0
            # 34 instructions for 16 multiply-adds; with Numba's indices they were 121.
            end = np.uint32(first[0] + distance(left, own.inner * own.left_step))
            while first[0] != end:
                for i in range(TILE):
                    lefts[i] = element(left, first[i])
                    rights[i] = element(right, second[i])
                    first[i] += distance(left, own.left_step)
                    second[i] += distance(right, own.right_step)
                for i in range(TILE):
                    for j in range(TILE):
                        sums[i, j] += lefts[i] * rights[j]
            for i in range(TILE):
                row = top + i * high
                if row < rows:
                    value = start_of(own.start, row)
                    for j in range(TILE):
                        column = west + j * wide
                        if column < columns:
                            put(
                                out, np.uint32(row * columns + column), sums[i, j] + value, own.mode
                            )
