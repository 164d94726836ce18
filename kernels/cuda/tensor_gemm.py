"""The product that one block computes on tensor cores, its sums in float32 registers.

A block's warps share a rectangle of the result: a warp has 8 `tile` × 4 `tile` elements of it and
a thread `tile` × `tile`, where the instruction leaves them. Along the inner dimension it goes in
slabs of SLAB words for each row. The next slab comes into registers while the present one is
multiplied; its numbers are rounded on their way to shared memory, which holds two slabs.

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

from ..jit import Vector
from .gemm import Block, Matrix, Product, place_of
from .instructions import FOUR, Instruction, load_four, load_if, store_four
from .jit import SIMULATED, cuda, kernel, window

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
def fetch(
    numbers: Vector,
    matrix: Matrix,
    here: Vector,
    side: int,
    pack: int,
    is_left: bool,
    rows: Any,
    steps: Any,
) -> None:
    """The numbers of this thread's chunks, of a slab of `side` rows; pack make a word.

    here begins with the slab's first number; 0 beyond so many rows and steps (int32). Of a chunk's
    four words, rows are neighbours on the left, words on the right.
    """
    for q in range(numbers.size):
        row, w = own_chunk(matrix.along, side, q // (FOUR * pack))
        first, second = q // pack % 2, q // (2 * pack) % 2
        row += GROUP * (first if is_left else second)
        w += GROUP * (second if is_left else first)
        k = w * pack + q % pack
        # 32 bits do for rows of 2²⁵ numbers, and take half as many instructions as 64.
        place = np.uint32(place_of(matrix, row, k))
        is_there = (np.int32(row) < rows) & (np.int32(k) < steps)
        numbers[q] = load_if(here, place, is_there)


@kernel
def put_words(slab: Vector, numbers: Vector, word: Any, side: int, pack: int, along: bool) -> None:
    """The words of the numbers that `fetch` found, to their places in a slab."""
    for q in range(numbers.size // (FOUR * pack)):
        row, w = own_chunk(along, side, q)
        place = row // (2 * GROUP) * 2 * GROUP * SLAB + chunk_place(row % GROUP, w)
        store_four(
            slab, place, word(numbers, FOUR * q), word(numbers, FOUR * q + 1),
            word(numbers, FOUR * q + 2), word(numbers, FOUR * q + 3),
        )  # fmt: skip


@kernel
def corner() -> tuple[int, int, int, int]:
    """Of this thread's warp, the place in the block; of its lane, the group and the place in it."""
    warp, lane = cuda.threadIdx.x // LANES, cuda.threadIdx.x % LANES
    return warp // ACROSS, warp % ACROSS, lane // 4, lane % 4


def product(instruction: Instruction, tile: int) -> Product:
    """The product by an instruction of tensor cores, `tile` × `tile` sums in a thread."""
    name, pack, word, multiply_words = instruction
    rows_of_block, columns_of_block = 8 * tile * DOWN, 4 * tile * ACROSS
    left_words, right_words = (SLAB * side // THREADS for side in (rows_of_block, columns_of_block))
    left_numbers, right_numbers = pack * left_words, pack * right_words
    steps, half, own_rows = SLAB * pack, tile // 2, left_words // 2
    left_size, right_size = SLAB * rows_of_block, SLAB * columns_of_block

    @kernel
    def row_of(i: int) -> int:
        """Row of the result that a thread's i-th row is."""
        down, _, group, _ = corner()
        return cuda.blockIdx.y * rows_of_block + (down * tile + i) * 8 + group

    @kernel
    def column_of(j: int) -> int:
        """Column of the result that a thread's j-th column is."""
        _, across, _, in_group = corner()
        west = cuda.blockIdx.x * columns_of_block + across * 4 * tile
        return west + j // 2 * 8 + 2 * in_group + j % 2

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

    @kernel
    def fetch_both(
        lefts: Vector,
        rights: Vector,
        left: Matrix,
        right: Matrix,
        top: int,
        west: int,
        rows: int,
        columns: int,
        step: int,
        last: int,
    ) -> None:
        """This thread's numbers of the slabs from `step` on."""
        steps_left, rows_left = np.int32(last - step), np.int32(rows - top)
        from_left = place_of(left, top, step)
        from_right = place_of(right, west, step)
        left_here = window(left.values, from_left, left.values.size - from_left)
        right_here = window(right.values, from_right, right.values.size - from_right)
        fetch(lefts, left, left_here, rows_of_block, pack, True, rows_left, steps_left)
        columns_left = np.int32(columns - west)
        fetch(rights, right, right_here, columns_of_block, pack, False, columns_left, steps_left)

    @kernel
    def add_to_edge(edge: Vector, lefts: Vector) -> None:
        """edge += the left numbers, two rows for each chunk."""
        for q in range(left_numbers):
            edge[q // (FOUR * pack) * 2 + q // pack % 2] += lefts[q]

    @kernel
    def put_edge(put: Any, to: Any, edge: Vector, rows: int, columns: int) -> None:
        """The sums of the left rows, of which GROUP threads have a part each."""
        thread = cuda.threadIdx.x
        parts = cuda.shared.array(0, types.float32)
        cuda.syncthreads()
        for q in range(edge.size):
            row, w = own_chunk(True, rows_of_block, q // 2)
            parts[(row + q % 2 * GROUP) * GROUP + w] = edge[q]
        cuda.syncthreads()
        if cuda.blockIdx.x > 0:
            return
        for own in range(thread, rows_of_block, THREADS):
            row = cuda.blockIdx.y * rows_of_block + own
            if row < rows:
                total = types.float32(0)
                for k in range(GROUP):
                    total += parts[own * GROUP + k]
                put(to, row, columns, total)

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
        """As `gemm.multiply`; if edged, the left matrix has its steps as neighbours."""
        # What a loop that stays a loop reads lies in memory: not the sums themselves.
        sums = cuda.local.array((tile, tile), types.float32)
        results = cuda.local.array((tile, tile), types.float32)
        edge = cuda.local.array(own_rows, types.float32)
        lefts = cuda.local.array(left_numbers, types.float32)
        rights = cuda.local.array(right_numbers, types.float32)
        # Nothing lies before it, so accesses of 16 bytes are aligned.
        words = cuda.shared.array(0, types.uint32)
        for i in range(tile):
            for j in range(tile):
                sums[i, j] = 0
        for q in range(edge.size):
            edge[q] = 0
        top, west = cuda.blockIdx.y * rows_of_block, cuda.blockIdx.x * columns_of_block
        fetch_both(lefts, rights, left, right, top, west, rows, columns, first, last)
        place = 0
        for step in range(first, last, steps):
            left_slab = window(words, place, left_size)
            right_slab = window(words, place + left_size, right_size)
            put_words(left_slab, lefts, word, rows_of_block, pack, left.along)
            put_words(right_slab, rights, word, columns_of_block, pack, right.along)
            if edged:
                add_to_edge(edge, lefts)
            cuda.syncthreads()
            fetch_both(lefts, rights, left, right, top, west, rows, columns, step + steps, last)
            multiply_slabs(sums, left_slab, right_slab)
            # Who is ahead fills the other one, which all have read when they met the last time.
            place = left_size + right_size - place
        for i in range(tile):
            for j in range(tile):
                results[i, j] = sums[i, j]
        for i in range(tile):
            for j in range(tile):
                row, column = row_of(i), column_of(j)
                if row < rows and column < columns:
                    put(to, row, column, results[i, j])
        if edged:
            put_edge(put, to, edge, rows, columns)

    def block(threads: int) -> Block:
        """Always the same threads: a warp is what the instruction takes."""
        size = 2 * (left_size + right_size)
        return Block((THREADS, 1), rows_of_block, columns_of_block, size)

    return Product(f"{name}_{tile}", multiply, block, 255 if tile == 8 else 128)
