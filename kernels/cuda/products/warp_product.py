"""A product that the warps of one block compute on tensor cores, both matrices in shared memory.

A warp has 16 × 32 elements of the result at a time: four instructions side by side, for which it
loads twelve words a lane. The words are rounded as they are loaded, since the float32 numbers are
needed for the activations as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from ...compile.jit import Vector
from ..compile.instructions import INSTRUCTIONS, Instruction
from ..compile.jit import cuda, kernel, meet
from ..compile.memory import address, distance, element
from .block import Product, divided, put, start_of

LANES = 32
# Of an instruction's result; ACROSS of them lie side by side.
ROWS, COLUMNS, ACROSS = 16, 8, 4
# The second word of a row of the left matrix, or of a column of the right one, lies so many words
# after the first.
GROUP = 4


def warp_product(instruction: Instruction) -> Callable[..., None]:
    """`block_product.product` by an instruction; the threads of the block are whole warps."""
    pack, make_word, multiply = instruction.numbers, instruction.word, instruction.multiply
    steps = 8 * pack

    @kernel
    def word(numbers: Vector, values: Vector, first: Any, on: Any) -> Any:
        """The word of the numbers from an address on, so far apart."""
        for q in range(pack):
            numbers[q] = element(values, np.uint32(first + q * on))
        return make_word(numbers, 0)

    @kernel
    def word_within(
        numbers: Vector, values: Vector, row: Any, on: Any, k: int, count: int, kept: bool
    ) -> Any:
        """The word at step k of a row that has `count` steps left; 0 beyond them unless kept."""
        for q in range(pack):
            value = element(values, np.uint32(row + min(k + q, count - 1) * on))
            numbers[q] = value if kept or k + q < count else types.float32(0)
        return make_word(numbers, 0)

    @kernel
    def add_up(own: Product, sums: Any, left_at: Any, right_at: Any, place: int) -> None:
        """sums += left right for two rows and ACROSS columns of this lane, from their addresses."""
        numbers = cuda.local.array(2, types.float32)
        lefts = cuda.local.array(4, types.uint32)
        left, right = own.left, own.right
        left_on, right_on = distance(left, own.left_step), distance(right, own.right_step)
        near, far = place * pack, GROUP * pack
        for _ in range(own.inner // steps):
            for i in range(2):
                at = np.uint32(left_at[i] + near * left_on)
                lefts[i] = word(numbers, left, at, left_on)
                lefts[2 + i] = word(numbers, left, np.uint32(at + far * left_on), left_on)
                left_at[i] += steps * left_on
            for j in range(ACROSS):
                at = np.uint32(right_at[j] + near * right_on)
                one = word(numbers, right, at, right_on)
                other = word(numbers, right, np.uint32(at + far * right_on), right_on)
                right_at[j] += steps * right_on
                multiply_add(sums, lefts, one, other, j)
        count = own.inner % steps
        if count == 0:
            return
        for i in range(2):
            lefts[i] = word_within(numbers, left, left_at[i], left_on, near, count, False)
            lefts[2 + i] = word_within(numbers, left, left_at[i], left_on, near + far, count, False)
        for j in range(ACROSS):
            at = right_at[j]
            one = word_within(numbers, right, at, right_on, near, count, True)
            other = word_within(numbers, right, at, right_on, near + far, count, True)
            multiply_add(sums, lefts, one, other, j)

    @kernel
    def multiply_add(sums: Any, lefts: Vector, one: Any, other: Any, j: int) -> None:
        """One instruction: the j-th four sums of this lane."""
        four = multiply(
            lefts[0], lefts[1], lefts[2], lefts[3], one, other,
            sums[j, 0], sums[j, 1], sums[j, 2], sums[j, 3],
        )  # fmt: skip
        sums[j, 0], sums[j, 1], sums[j, 2], sums[j, 3] = four[0], four[1], four[2], four[3]

    @kernel
    def product(own: Product) -> None:
        left, right, rows, columns = own.left, own.right, own.rows, own.columns
        warp, lane = divided(cuda.threadIdx.x, LANES)
        group, place = divided(lane, 4)
        across = (columns + ACROSS * COLUMNS - 1) // (ACROSS * COLUMNS)
        tiles = (rows + ROWS - 1) // ROWS * across
        sums = cuda.local.array((ACROSS, 4), types.float32)
        left_at = cuda.local.array(2, types.uint32)
        right_at = cuda.local.array(ACROSS, types.uint32)
        for tile in range(warp, tiles, cuda.blockDim.x // LANES):
            down, east = divided(tile, across)
            top, west = down * ROWS + group, east * ACROSS * COLUMNS
            meet()
            for i in range(2):
                left_at[i] = address(left, min(top + 8 * i, rows - 1) * own.left_row)
            for j in range(ACROSS):
                column = min(west + j * COLUMNS + group, columns - 1)
                right_at[j] = address(right, column * own.right_column)
                for i in range(4):
                    sums[j, i] = 0
            add_up(own, sums, left_at, right_at, place)
            for i in range(2):
                row = top + 8 * i
                if row < rows:
                    value = start_of(own.start, row)
                    for j in range(ACROSS):
                        for side in range(2):
                            column = west + j * COLUMNS + 2 * place + side
                            if column < columns:
                                there = np.uint32(row * columns + column)
                                put(own.out, there, sums[j, 2 * i + side] + value, own.mode)

    return product


tf32_product, bf16_product = map(warp_product, INSTRUCTIONS)
