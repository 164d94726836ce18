"""Products on tensor cores: numbers rounded to TF32 or BF16, sums in float32.

A warp has 8 `tile` × 4 `tile` elements of the block's rectangle and a thread `tile` × `tile`, where
the instruction leaves them. Numbers are rounded on their way to shared memory, see `slabs`.

In shared memory two rows, 8 apart, and two words, 8 apart, lie in a chunk of 16 bytes. That is what
a lane gives to one instruction of the left matrix, and to two of the right one; which eight words
an instruction adds up does not matter if it is the same on both sides. Such accesses take four
rounds, of eight lanes each, and a round meets each of the 32 banks once if its chunks have
different places modulo 8. With g for the row and w = 4 h + t for the word, the chunk's place modulo
8 is t xor ⌊g/2⌋ + 4 (h xor g mod 2). A round of reads has two g and all t, a round of writes all g
or all w; each of the three maps one to one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from ...compile.jit import Vector
from ..compile.instructions import FOUR, Instruction, load_four, load_if, store_four
from ..compile.jit import MOST_REGISTERS, SIMULATED, cuda, kernel
from .slabs import Matrix, Way, place_of

# Words of a slab for each row, two instructions; rows and words of a chunk lie GROUP apart.
SLAB, GROUP = 16, 8
LANES = 32
# Warps of a block; the simulator has one.
DOWN, ACROSS = (1, 1) if SIMULATED else (2, 4)
THREADS = LANES * DOWN * ACROSS
# Rows and columns of the result in a thread, for blocks of 128 × 128 elements and of 64 × 64 (for
# the simulator 64 × 32 and 32 × 16).
TILES = 8, 4


@kernel
def chunk_place(g: int, w: int) -> int:
    """Where in the slab of 16 rows the chunk begins of rows g and g + 8, words w and w + 8."""
    h, t = w // 4, w % 4
    return FOUR * (32 * h + g // 2 * 8 + (h ^ g % 2) * 4 + (t ^ g // 2))


@kernel
def own_chunk(along: bool, side: int, q: int) -> tuple[int, int]:
    """The first row and word of this thread's q-th chunk, of a slab of `side` rows.

    Eight neighbouring threads follow the direction in which neighbouring numbers lie.
    """
    thread, pairs = cuda.threadIdx.x, side // 2
    if along:
        pair, w = thread // GROUP + q * (THREADS // GROUP), thread % GROUP
    else:
        pair, w = thread % pairs, thread // pairs + q * (THREADS // pairs)
    return pair // GROUP * 2 * GROUP + pair % GROUP, w


@kernel
def corner() -> tuple[int, int, int, int]:
    """Of this thread's warp, the place in the block; of its lane, the group and the place in it."""
    warp, lane = cuda.threadIdx.x // LANES, cuda.threadIdx.x % LANES
    return warp // ACROSS, warp % ACROSS, lane // 4, lane % 4


def way(instruction: Instruction, tile: int) -> Way:
    """The product by an instruction of tensor cores, `tile` × `tile` sums in a thread."""
    name, pack, word, multiply_words = instruction
    rows, columns = 8 * tile * DOWN, 4 * tile * ACROSS
    half, chunk = tile // 2, FOUR * pack

    @kernel
    def row_of(i: int) -> int:
        """Row of the block that a thread's i-th row is."""
        down, _, group, _ = corner()
        return (down * tile + i) * 8 + group

    @kernel
    def column_of(j: int) -> int:
        """Column of the block that a thread's j-th column is."""
        _, across, _, in_group = corner()
        return across * 4 * tile + j // 2 * 8 + 2 * in_group + j % 2

    @kernel
    def fetch(
        numbers: Vector, matrix: Matrix, here: Vector, is_left: bool, rows_left: Any,
        steps_left: Any,
    ) -> None:  # fmt: skip
        """The numbers of this thread's chunks.

        Of a chunk's four words, rows are neighbours on the left, words on the right.
        """
        side = rows if is_left else columns
        for q in range(numbers.size):
            row, w = own_chunk(matrix.along, side, q // chunk)
            first, second = q // pack % 2, q // (2 * pack) % 2
            row += GROUP * (first if is_left else second)
            w += GROUP * (second if is_left else first)
            k = w * pack + q % pack
            # 32 bits do for rows of 2²⁵ numbers, and take half as many instructions as 64.
            place = np.uint32(place_of(matrix, row, k))
            is_there = (np.int32(row) < rows_left) & (np.int32(k) < steps_left)
            numbers[q] = load_if(here, place, is_there)

    @kernel
    def left_row(q: int) -> tuple[int, int, int]:
        """The row of a left number, which of this thread's rows that is, and which sharer it is."""
        row, w = own_chunk(True, rows, q // chunk)
        second = q // pack % 2
        return row + GROUP * second, q // chunk * 2 + second, w

    @kernel
    def put_words(slab: Vector, numbers: Vector, is_left: bool, along: bool) -> None:
        """The words of the numbers that `fetch` found, to their places in a slab."""
        for q in range(numbers.size // chunk):
            row, w = own_chunk(along, rows if is_left else columns, q)
            place = row // (2 * GROUP) * 2 * GROUP * SLAB + chunk_place(row % GROUP, w)
            store_four(
                slab, place, word(numbers, FOUR * q), word(numbers, FOUR * q + 1),
                word(numbers, FOUR * q + 2), word(numbers, FOUR * q + 3),
            )  # fmt: skip

    @kernel
    def multiply_slabs(sums: Any, left: Vector, right: Vector) -> None:
        """sums += the products of two slabs, in shared memory."""
        down, across, group, in_group = corner()
        lefts = cuda.local.array((half, FOUR), types.uint32)
        rights = cuda.local.array((half, 2), types.uint32)
        top, west = down * half * 2 * GROUP * SLAB, across * half * GROUP * SLAB
        for h in range(2):
            own = chunk_place(group, FOUR * h + in_group)
            for i in range(half):
                four = load_four(left, top + i * 2 * GROUP * SLAB + own)
                lefts[i, 0], lefts[i, 1], lefts[i, 2], lefts[i, 3] = four
            for j in range(0, half, 2):
                four = load_four(right, west + j * GROUP * SLAB + own)
                rights[j, 0], rights[j, 1], rights[j + 1, 0], rights[j + 1, 1] = four
            for i in range(half):
                for j in range(half):
                    four = multiply_words(
                        lefts[i, 0], lefts[i, 1], lefts[i, 2], lefts[i, 3],
                        rights[j, 0], rights[j, 1],
                        sums[2 * i, 2 * j], sums[2 * i, 2 * j + 1],
                        sums[2 * i + 1, 2 * j], sums[2 * i + 1, 2 * j + 1],
                    )  # fmt: skip
                    sums[2 * i, 2 * j], sums[2 * i, 2 * j + 1] = four[0], four[1]
                    sums[2 * i + 1, 2 * j], sums[2 * i + 1, 2 * j + 1] = four[2], four[3]

    return Way(
        name=f"{name}_{tile}",
        number=types.float32,
        word=types.uint32,
        threads=THREADS,
        rows=rows,
        columns=columns,
        tile=tile,
        steps=SLAB * pack,
        left_words=SLAB * rows,
        right_words=SLAB * columns,
        left_numbers=SLAB * rows // THREADS * pack,
        right_numbers=SLAB * columns // THREADS * pack,
        sharers=GROUP,
        row_of=row_of,
        column_of=column_of,
        fetch=fetch,
        left_row=left_row,
        put_words=put_words,
        multiply_slabs=multiply_slabs,
        # With sums in 64 registers there is one block on a processor anyway.
        most_registers=255 if tile == max(TILES) else MOST_REGISTERS,
    )
