"""What all ways to multiply large matrices share: a block goes along the sums in slabs.

A block computes a rectangle of the result, its sums in registers. A slab is some steps of all its
rows (and columns), in shared memory: a number is read from global memory once per block. The next
slab comes into registers while the present one is multiplied, so shared memory holds two and the
threads meet once a slab.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...compile.jit import Vector
from ..compile.jit import cuda, kernel, window


class Matrix(NamedTuple):
    """Rows of numbers that are multiplied with those of another one: Σ_k left_mk right_nk.

    Attributes
    ----------
    values
        In global memory.
    rows
        How many.
    stride
        Between the rows, or between the steps k.
    along
        Whether steps are neighbours in memory, not rows.
    """

    values: Vector
    rows: int
    stride: int
    along: bool


@kernel
def place_of(matrix: Matrix, row: int, step: int) -> int:
    """Where a number of a matrix lies."""
    return row * matrix.stride + step if matrix.along else step * matrix.stride + row


class Block(NamedTuple):
    """Threads, and what they compute together: a rectangle of the result.

    shared is how many bytes they have between them.
    """

    threads: int
    rows: int
    columns: int
    shared: int


class Way(NamedTuple):
    """A way to multiply, of which `multiplication` makes a kernel.

    Attributes
    ----------
    name
        In those of kernels.
    number, word
        Dtypes of the matrices and sums, and of what lies in shared memory.
    threads, rows, columns
        Of a block, in one dimension.
    tile
        Rows and columns of the sums that a thread has.
    steps
        Of a slab.
    left_words, right_words
        Of a slab.
    left_numbers, right_numbers
        Of a slab, that a thread fetches.
    sharers
        Threads that fetch numbers of one left row.
    row_of, column_of
        Row and column of the block that a thread's i-th are.
    fetch
        fetch(numbers, matrix, here, is_left, rows, steps): this thread's numbers of a slab, which
        begins where `here` does, and 0 beyond so many rows and steps (int32).
    left_row
        Of its q-th number on the left where steps are neighbours: the row, which of its own rows
        that is, and which of the sharers the thread.
    put_words
        put_words(slab, numbers, is_left, along): what was fetched, to its place.
    multiply_slabs
        multiply_slabs(sums, left, right): adds the products of two slabs.
    most_registers
        Of a thread.
    """

    name: str
    number: Any
    word: Any
    threads: int
    rows: int
    columns: int
    tile: int
    steps: int
    left_words: int
    right_words: int
    left_numbers: int
    right_numbers: int
    sharers: int
    row_of: Any
    column_of: Any
    fetch: Any
    left_row: Any
    put_words: Any
    multiply_slabs: Any
    most_registers: int

    @property
    def block(self) -> Block:
        """What is launched."""
        size = 2 * (self.left_words + self.right_words) * self.word.bitwidth // 8
        return Block(self.threads, self.rows, self.columns, size)


def multiplication(way: Way) -> Any:
    """The kernel that multiplies in this way."""
    number, word, tile, steps = way.number, way.word, way.tile, way.steps
    threads, rows_of_block, columns_of_block = way.threads, way.rows, way.columns
    left_words, right_words = way.left_words, way.right_words
    left_numbers, right_numbers, sharers = way.left_numbers, way.right_numbers, way.sharers
    own_rows = rows_of_block * sharers // threads
    row_of, column_of, left_row = way.row_of, way.column_of, way.left_row
    fetch, put_words, multiply_slabs = way.fetch, way.put_words, way.multiply_slabs

    @kernel
    def fetch_both(
        lefts: Vector, rights: Vector, left: Matrix, right: Matrix, step: int, last: int
    ) -> None:
        """This thread's numbers of the slabs from `step` on."""
        top, west = cuda.blockIdx.y * rows_of_block, cuda.blockIdx.x * columns_of_block
        from_left, from_right = place_of(left, top, step), place_of(right, west, step)
        left_here = window(left.values, from_left, left.values.size - from_left)
        right_here = window(right.values, from_right, right.values.size - from_right)
        steps_left = np.int32(last - step)
        fetch(lefts, left, left_here, True, np.int32(left.rows - top), steps_left)
        fetch(rights, right, right_here, False, np.int32(right.rows - west), steps_left)

    @kernel
    def put_edge(put: Any, to: Any, edge: Vector, rows: int, columns: int) -> None:
        """The sums of the left rows, of which the sharers have a part each."""
        parts = cuda.shared.array(0, number)
        cuda.syncthreads()
        for q in range(left_numbers):
            row, own, part = left_row(q)
            parts[row * sharers + part] = edge[own]
        cuda.syncthreads()
        if cuda.blockIdx.x > 0:
            return
        for own in range(cuda.threadIdx.x, rows_of_block, threads):
            row = cuda.blockIdx.y * rows_of_block + own
            if row < rows:
                total = number(0)
                for k in range(sharers):
                    total += parts[own * sharers + k]
                put(to, row, columns, total)

    @kernel
    def multiply(
        put: Any, to: Any, left: Matrix, right: Matrix, first: int, last: int, edged: bool
    ) -> None:
        """put(to, m, n, Σ_k left_mk right_nk), first ≤ k < last, for the elements of this block.

        If edged, put(to, m, right.rows, Σ_k left_mk) as well, by the blocks of the first column;
        the left matrix then has its steps as neighbours.
        """
        rows, columns = left.rows, right.rows
        # What a loop that stays a loop reads lies in memory: not the sums themselves.
        sums = cuda.local.array((tile, tile), number)
        results = cuda.local.array((tile, tile), number)
        edge = cuda.local.array(own_rows, number)
        lefts = cuda.local.array(left_numbers, number)
        rights = cuda.local.array(right_numbers, number)
        # Nothing lies before it, so accesses of 16 bytes are aligned.
        words = cuda.shared.array(0, word)
        for i in range(tile):
            for j in range(tile):
                sums[i, j] = 0
        for q in range(own_rows):
            edge[q] = 0
        fetch_both(lefts, rights, left, right, first, last)
        place = 0
        for step in range(first, last, steps):
            left_slab = window(words, place, left_words)
            right_slab = window(words, place + left_words, right_words)
            put_words(left_slab, lefts, True, left.along)
            put_words(right_slab, rights, False, right.along)
            if edged:
                for q in range(left_numbers):
                    _, own, _ = left_row(q)
                    edge[own] += lefts[q]
            cuda.syncthreads()
            fetch_both(lefts, rights, left, right, step + steps, last)
            multiply_slabs(sums, left_slab, right_slab)
            # Who is ahead fills the other one, which all have read when they met the last time.
            place = left_words + right_words - place
        for i in range(tile):
            for j in range(tile):
                results[i, j] = sums[i, j]
        for i in range(tile):
            row = cuda.blockIdx.y * rows_of_block + row_of(i)
            for j in range(tile):
                column = cuda.blockIdx.x * columns_of_block + column_of(j)
                if row < rows and column < columns:
                    put(to, row, column, results[i, j])
        if edged:
            put_edge(put, to, edge, rows, columns)

    return multiply
