"""What the threads of one block do together: copy, fill, add up.

Every function is called by all threads of a block and returns when all have done their part. Sums
have an order that depends on the number of threads alone, so the bits are the same every time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...compile.jit import Vector
from ..compile.jit import cuda, kernel

# What a product does with the elements of its result: write, add, multiply.
WRITE, ADD, MULTIPLY = range(3)


class Product(NamedTuple):
    """out_mn ← start_m + Σ_k left_mk right_kn, or by mode added to out_mn, or multiplied by it."""

    out: Vector  # (rows, columns)
    left: Vector  # left_mk lies at m · left_row + k · left_step; in shared memory, as is right
    right: Vector  # right_kn lies at k · right_step + n · right_column
    start: Vector  # (rows,), or empty for 0
    rows: int
    columns: int
    inner: int  # steps k
    left_row: int
    left_step: int
    right_step: int
    right_column: int
    mode: int


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
def start_of(start: Vector, row: int) -> Any:
    """What a row of a product starts with: 0 where start is empty."""
    return start[np.uint32(row)] if start.size else start.dtype.type(0)


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
def divided(place: int, width: int) -> tuple[int, int]:
    """Row and column of a place, by the division of 32 bits: that of 64 is a call of 70 steps."""
    row = np.uint32(place) // np.uint32(width)
    return int(row), place - int(row) * width


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
