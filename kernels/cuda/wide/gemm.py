"""Products of float32 and float64 matrices: SIDE × SIDE threads, `tile` × `tile` sums in each.

A slab is SIDE steps, of which each has the numbers of all rows (or columns) side by side and PAD
more. A thread's rows, and columns, come in groups of four neighbours, which it reads in one access;
groups lie 4 SIDE apart. So eight threads that read together read 32 neighbouring columns, one in
each bank, and all the same rows. Where 32 neighbours write one step they meet each bank once; where
they write SIDE steps of two rows, 4 k + r modulo 32, they meet each twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compile.jit import Vector
from ..compile.instructions import FOUR, load_four, load_if
from ..compile.jit import MOST_REGISTERS, SIMULATED, cuda, kernel
from .slabs import Matrix, Way, place_of

# Threads of a side of a block, and steps of a slab.
SIDE = 2 if SIMULATED else 16
PAD = 4
# Neighbouring threads that fetch neighbouring rows.
NEIGHBOURS = min(SIDE * SIDE, 32)
# Sums of a thread: blocks of 128 × 128 elements and of 64 × 64 (for the simulator 16 and 8).
TILES = 8, 4


def way(number: Any, tile: int) -> Way:
    """The product of matrices of this dtype."""
    rows = tile * SIDE
    pitch = rows + PAD
    parts = rows // min(NEIGHBOURS, rows)
    # Steps between two tests of the loop's end; LLVM leaves loops of more instructions as they are.
    unrolled = min(SIDE, 16 // tile)

    @kernel
    def place_in_block(thread: int, i: int) -> int:
        """A thread's i-th row or column."""
        return i // FOUR * FOUR * SIDE + FOUR * thread + i % FOUR

    @kernel
    def row_of(i: int) -> int:
        """Row of the block that a thread's i-th row is."""
        return place_in_block(cuda.threadIdx.x // SIDE, i)

    @kernel
    def column_of(j: int) -> int:
        """Column of the block that a thread's j-th column is."""
        return place_in_block(cuda.threadIdx.x % SIDE, j)

    @kernel
    def own_number(along: bool, q: int) -> tuple[int, int]:
        """Row and step of a slab's number that this thread fetches as its q-th.

        Neighbouring threads follow the direction in which neighbouring numbers lie.
        """
        thread = cuda.threadIdx.x
        if along:
            return thread // SIDE + q * SIDE, thread % SIDE
        row = thread % NEIGHBOURS + q % parts * NEIGHBOURS
        return row, thread // NEIGHBOURS + q // parts * (SIDE * SIDE // NEIGHBOURS)

    @kernel
    def fetch(
        numbers: Vector, matrix: Matrix, here: Vector, is_left: bool, rows_left: Any,
        steps_left: Any,
    ) -> None:  # fmt: skip
        """This thread's numbers of a slab; left and right are alike."""
        for q in range(tile):
            row, k = own_number(matrix.along, q)
            # 32 bits do for rows of 2²⁵ numbers, and take half as many instructions as 64.
            place = np.uint32(place_of(matrix, row, k))
            is_there = (np.int32(row) < rows_left) & (np.int32(k) < steps_left)
            numbers[q] = load_if(here, place, is_there)

    @kernel
    def left_row(q: int) -> tuple[int, int, int]:
        """The row of a left number, which of this thread's rows that is, and which sharer it is."""
        row, k = own_number(True, q)
        return row, q, k

    @kernel
    def put_words(slab: Vector, numbers: Vector, is_left: bool, along: bool) -> None:
        """The numbers that `fetch` found, to their places in a slab."""
        for q in range(tile):
            row, k = own_number(along, q)
            slab[np.uint32(k * pitch + row)] = numbers[q]

    @kernel
    def multiply_slabs(sums: Any, left: Vector, right: Vector) -> None:
        """sums += the products of two slabs, in shared memory."""
        lefts, rights = cuda.local.array(tile, number), cuda.local.array(tile, number)
        top, west = row_of(0), column_of(0)
        for first in range(0, SIDE, unrolled):
            for k in range(unrolled):
                step = (first + k) * pitch
                for i in range(0, tile, FOUR):
                    four = load_four(left, top + step + i * SIDE)
                    lefts[i], lefts[i + 1], lefts[i + 2], lefts[i + 3] = four
                    four = load_four(right, west + step + i * SIDE)
                    rights[i], rights[i + 1], rights[i + 2], rights[i + 3] = four
                for i in range(tile):
                    for j in range(tile):
                        sums[i, j] += lefts[i] * rights[j]

    return Way(
        name=f"{number}_{tile}",
        number=number,
        word=number,
        threads=SIDE * SIDE,
        rows=rows,
        columns=rows,
        tile=tile,
        steps=SIDE,
        left_words=SIDE * pitch,
        right_words=SIDE * pitch,
        left_numbers=tile,
        right_numbers=tile,
        sharers=SIDE,
        row_of=row_of,
        column_of=column_of,
        fetch=fetch,
        left_row=left_row,
        put_words=put_words,
        multiply_slabs=multiply_slabs,
        most_registers=MOST_REGISTERS,
    )
