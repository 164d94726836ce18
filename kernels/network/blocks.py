"""Moving samples between the user's rows and the kernels' feature-major blocks.

A block holds up to `lanes` samples. Its input part is (d_1, lanes), its target part (d_L, lanes)
with one more row, the example weights. Lanes beyond the last sample repeat the first one, with
weight 0: what a sum leaves out by the factor 0 has to be finite, and a repeated sample is wherever
the sample itself is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compile.jit import Vector, entry, kernel
from ..compile.memory import window
from ..products.tiles import VECTOR_BYTES, transposed

# Numba compiles a kernel again for a literal integer, but not for a constant of NumPy's.
_ZERO: Any = np.int64(0)
_ONE: Any = np.int64(1)


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
        transposed(block, rows, order, start, count, width, lanes, order.size > 0)
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
def pack_targets(
    block: Vector,
    rows: Vector,
    weights: Vector,
    order: Vector,
    start: int,
    count: int,
    width: int,
    lanes: int,
) -> None:
    """The same for targets, and the row of example weights after them, 0 for padding.

    weights gives one number per example, or is empty: all examples count 1.
    """
    pack(window(block, 0, width * lanes), rows, order, start, count, width)
    weight = window(block, width * lanes, lanes)
    if weights.size:
        pack(weight, weights, order, start, count, _ONE)
        for s in range(count, lanes):
            weight[s] = 0
    else:
        for s in range(lanes):
            weight[s] = 1 if s < count else 0


@kernel
def gather(block: Vector, rows: Vector, order: Vector, start: int, count: int, width: int) -> None:
    """block_s ← rows_order(start+s): rows stay rows, for wide first layers."""
    for s in range(count):
        source = window(rows, order[start + s] * width, width)
        target = window(block, s * width, width)
        for i in range(width):
            target[i] = source[i]


@kernel
def transpose(block: Vector, rows: Vector, no_order: Vector, width: int) -> None:
    """block_is ← rows_si of as many rows as there are; no_order is empty."""
    pack(block, rows, no_order, _ZERO, rows.size // width, width)


@kernel
def unpack(rows: Vector, block: Vector, start: int, count: int, width: int) -> None:
    """rows_(start+s, i) ← block_is: the inverse of `pack`."""
    lanes = block.size // width
    for s in range(count):
        target = window(rows, (start + s) * width, width)
        for i in range(width):
            target[i] = block[i * lanes + s]


@kernel
def pack_inputs(
    block: Vector,
    rows: Vector,
    order: Vector,
    start: int,
    count: int,
    width: int,
    sample_major: bool,
) -> None:
    """The input block of `count` samples from `start` on, as the first layer reads it."""
    if sample_major:
        gather(block, rows, order, start, count, width)
    else:
        pack(block, rows, order, start, count, width)


@entry
def pack_all(
    inputs: Vector,
    targets: Vector,
    x: Vector,
    y: Vector,
    weights: Vector,
    order: Vector,
    d_in: int,
    d_out: int,
    batch_size: int,
    lanes: int,
    sample_major: bool,
) -> None:
    """Every block of every batch in the order of the data, packed once for all epochs.

    inputs is (blocks, d_1, lanes), or empty if `sample_major`; targets (blocks, d_L + 1, lanes).
    """
    n = y.size // d_out
    input_size, target_size = d_in * lanes, (d_out + 1) * lanes
    block = 0
    for first in range(0, n, batch_size):
        for start in range(first, min(first + batch_size, n), lanes):
            count = min(lanes, min(first + batch_size, n) - start)
            if not sample_major:
                pack(window(inputs, block * input_size, input_size), x, order, start, count, d_in)
            pack_targets(
                window(targets, block * target_size, target_size),
                y, weights, order, start, count, d_out, lanes,
            )  # fmt: skip
            block += 1
