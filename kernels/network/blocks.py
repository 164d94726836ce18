"""Moving samples between the user's rows and the kernels' feature-major blocks.

A block holds up to `lanes` samples. Its input part is (d_1, lanes), its target part (d_L, lanes)
with one more row, the example weights. Lanes beyond the last sample repeat the first one, with
weight 0: what a sum leaves out by the factor 0 has to be finite, and a repeated sample is wherever
the sample itself is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compile.called import Contract
from ..compile.jit import Integers, Vector, entry, kernel
from ..compile.memory import bytes_of, stack_buffer, window
from ..products.tiles import VECTOR_BYTES, Samples, transposed

# Columns of uint8 that become numbers at a time, and the bytes of a vector of rows of them.
_SQUARE_COLUMNS = 64
_SQUARE_BYTES = 4096

# How `pack` is called by address: every entry that packs shares its code.
PACK_CONTRACT = Contract(Vector, Vector, Integers, int, int, int)
call_pack = PACK_CONTRACT.call


@kernel
def pack(block: Vector, rows: Vector, order: Vector, start: int, count: int, width: int) -> None:
    """block_is ← rows_(start+s, i): `count` rows of `width` features become columns.

    order gives the row of each position, or is empty for the order as it stands. Lanes beyond
    `count` repeat the first.
    """
    lanes = block.size // width
    side = VECTOR_BYTES // block.itemsize
    squares = width >= side and count >= side
    if squares:
        transposed(block, rows, order, Samples(start, count, width, lanes), order.size > 0)
    for i in range(width):
        target = window(block, i * lanes, lanes)
        if not squares:
            for s in range(count):
                position = order[start + s] if order.size else start + s
                target[s] = rows[position * width + i]
        first = target[0]
        for s in range(count, lanes):
            target[s] = first


@kernel
def pack_bytes(
    block: Vector, rows: Vector, order: Vector, start: int, count: int, width: int
) -> None:
    """The same for rows of uint8, given as `memory_of` gives them.

    Squares of some rows and columns become numbers on the stack, and columns from there.
    """
    lanes, side = block.size // width, VECTOR_BYTES // block.itemsize
    values, square = bytes_of(rows), stack_buffer(block, _SQUARE_BYTES)
    for first in range(0, count, side):
        samples = min(side, count - first)
        for column in range(0, width, _SQUARE_COLUMNS):
            columns = min(_SQUARE_COLUMNS, width - column)
            for s in range(samples):
                position = order[start + first + s] if order.size else start + first + s
                source = window(values, position * width + column, columns)
                target = window(square, s * columns, columns)
                for i in range(columns):
                    target[i] = source[i]
            out = window(block, column * lanes + first, (columns - 1) * lanes + samples)
            if samples == side and columns >= side:
                transposed(out, square, order, Samples(0, side, columns, lanes), False)
            else:
                for i in range(columns):
                    for s in range(samples):
                        out[i * lanes + s] = square[s * columns + i]
    for i in range(width):
        for s in range(count, lanes):
            block[i * lanes + s] = block[i * lanes]


def memory_of(rows: Vector, dtype: Any) -> Vector:
    """Rows of uint8 as a flat array of dtype over the same memory, which kernels take for rows.

    They never read its numbers, only its bytes, by `pack_bytes`. So what is compiled for numbers
    of dtype takes bytes too. The array keeps the rows alive.

    >>> memory_of(np.arange(12, dtype=np.uint8).reshape(3, 4), np.float32).shape
    (3,)
    """
    itemsize = np.dtype(dtype).itemsize
    if rows.ctypes.data % itemsize:
        rows = rows.copy()
    return np.ndarray(rows.size // itemsize, dtype, buffer=rows)


class Rows(NamedTuple):
    """The user's rows from which a block is made, and in which order."""

    values: Vector  # (n, width)
    order: Integers  # of the examples, or empty: as they stand
    width: int
    pack: int  # where `pack` lies


@kernel
def pack_rows(block: Vector, rows: Rows, start: int, count: int) -> None:
    """The `count` rows from `start` on become the columns of the block."""
    call_pack(rows.pack, block, rows.values, rows.order, start, count, rows.width)


@kernel
def pack_targets(block: Vector, rows: Rows, weights: Vector, start: int, count: int) -> None:
    """The same for targets, and the row of example weights after them, 0 for padding.

    weights gives one number per example, or is empty: all examples count 1.
    """
    lanes = block.size // (rows.width + 1)
    pack_rows(window(block, 0, rows.width * lanes), rows, start, count)
    weight = window(block, rows.width * lanes, lanes)
    if weights.size:
        call_pack(rows.pack, weight, weights, rows.order, start, count, 1)
        for s in range(count, lanes):
            weight[s] = 0
    else:
        for s in range(lanes):
            weight[s] = 1 if s < count else 0


@kernel
def gather(block: Vector, rows: Rows, start: int, count: int) -> None:
    """block_s ← rows_order(start+s): rows stay rows, for wide first layers."""
    width = rows.width
    for s in range(count):
        source = window(rows.values, rows.order[start + s] * width, width)
        target = window(block, s * width, width)
        for i in range(width):
            target[i] = source[i]


@kernel
def unpack(rows: Vector, block: Vector, start: int, count: int, width: int) -> None:
    """rows_(start+s, i) ← block_is: the inverse of `pack`."""
    lanes = block.size // width
    for s in range(count):
        target = window(rows, (start + s) * width, width)
        for i in range(width):
            target[i] = block[i * lanes + s]


@kernel
def pack_inputs(block: Vector, rows: Rows, start: int, count: int, sample_major: bool) -> None:
    """The input block of `count` samples from `start` on, as the first layer reads it."""
    if sample_major:
        gather(block, rows, start, count)
    else:
        pack_rows(block, rows, start, count)


class Packed(NamedTuple):
    """Where all blocks of a data set go: inputs (blocks, d_1, lanes), targets (…, d_L + 1, lanes).

    inputs is empty where the first layer reads rows.
    """

    inputs: Vector
    targets: Vector
    lanes: int
    batch_size: int


@kernel
def pack_blocks(packed: Packed, x: Rows, y: Rows, weights: Vector) -> None:
    """Every block of every batch in the order of the data; weights (n,) may be empty: all 1."""
    n, lanes, batch_size = y.values.size // y.width, packed.lanes, packed.batch_size
    input_size, target_size = x.width * lanes, (y.width + 1) * lanes
    block = 0
    for first in range(0, n, batch_size):
        for start in range(first, min(first + batch_size, n), lanes):
            count = min(lanes, min(first + batch_size, n) - start)
            if packed.inputs.size:
                pack_rows(window(packed.inputs, block * input_size, input_size), x, start, count)
            pack_targets(
                window(packed.targets, block * target_size, target_size), y, weights, start, count
            )
            block += 1


@entry
def pack_all(packed: Packed, x: Rows, y: Rows, weights: Vector) -> None:
    """`pack_blocks` of a whole data set, packed once for all epochs."""
    pack_blocks(packed, x, y, weights)
