"""Memory of the simulator that notices races, accesses out of bounds and reads of nothing.

Every element read or written in global or shared memory is noted, with the block, its barrier
interval and the thread. Two threads of a block race if they access an element in the same interval
and one of them writes it. Two blocks of a launch do unless an atomic operation stands between them:
after the writes, a barrier and a fence in one block, before a fence and a barrier in the other.
"""

from __future__ import annotations

import numpy as np
from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray, FakeWithinKernelCUDAArray
from numba.np import numpy_support

_WORD = 4  # bytes; no element is smaller


class RaceError(Exception):
    """Two threads access an element, one of them writes it, and nothing orders them."""


class UninitialisedError(Exception):
    """Shared memory is read that no thread of the block has written."""


class Launch:
    """What the threads of one launch do to memory."""

    def __init__(self, context):
        self._context, self._shared_bytes = context, context._shared._dynshared_size
        self.thread = None  # the number of the one that runs: the schedule says which
        self._global = {}
        self._atomics = {}  # by word: the blocks that came by, when, and with which fences
        context._atomic, context._local = _Atomic(), _Local()
        context.threadfence = self._fence

    def start_block(self, block):
        """Shared memory of a new block."""
        self.block, self.interval = block, 0
        self._fences = {}  # the last interval in which each thread made what it wrote visible
        self._acquired = []  # the block's atomic operations, with what was released before each
        self._context._shared = _Shared(self, self._shared_bytes)

    def next_interval(self):
        """All threads of the block have met."""
        self.interval += 1

    def watched(self, argument):
        """The same argument of a kernel, followed if it is an array, or as far as it holds some."""
        if isinstance(argument, tuple):
            return type(argument)(*map(self.watched, argument))
        if isinstance(argument, FakeCUDAArray):
            return Watched(argument._ary, self, self._global)
        if isinstance(argument, FakeWithinKernelCUDAArray):
            return Watched(argument._item._ary, self, self._global)
        return argument

    def read(self, cells, words):
        """A thread reads some words."""
        thread, block, interval = self.thread, self.block, self.interval
        for word in words:
            cell = cells.get(word)
            if cell is None:
                cell = cells[word] = _Cell()
            if cell.writer is not None:
                self._check(cell.writer, thread, word, "read", "written")
            before = cell.readers.get(block)
            several = before and before[1] == interval and before[2] != thread
            cell.readers[block] = (block, interval, None if several else thread)

    def write(self, cells, words):
        """A thread writes some words."""
        thread = self.thread
        for word in words:
            cell = cells.get(word)
            if cell is None:
                cell = cells[word] = _Cell()
            self._check_cell(cell, thread, word, "written")
            cell.writer = self.block, self.interval, thread

    def _check_cell(self, cell, thread, word, ours):
        """Raise unless all accesses so far come before this one."""
        if cell.writer is not None:
            self._check(cell.writer, thread, word, ours, "written")
        for reader in cell.readers.values():
            self._check(reader, thread, word, ours, "read")

    def _check(self, other, thread, word, ours, theirs):
        """Raise unless the other access comes before this one, whatever the schedule."""
        block, interval, other_thread = other
        if block == self.block:
            fine = interval < self.interval or other_thread == thread
        else:
            fine = self._comes_before(block, interval, other_thread, thread)
        if not fine:
            who = "several threads" if other_thread is None else f"thread {other_thread}"
            raise RaceError(
                f"word {word:#x} is {ours} by thread {thread} of block {self.block}, interval "
                f"{self.interval}, and {theirs} by {who} of block {block}, interval {interval}"
            )

    def _comes_before(self, block, interval, other_thread, thread):
        """Whether an atomic operation lies between another block's access and this one."""
        for acquired_in, acquirer, released in self._acquired:
            barrier, fences = released.get(block, (0, {}))
            known = thread == acquirer or acquired_in < self.interval
            others = fences.values() if other_thread is None else [fences.get(other_thread, -1)]
            sent = interval < barrier and min(others, default=-1) >= interval
            if known and sent and self._fences.get(thread, -1) >= acquired_in:
                return True
        return False

    def add(self, cells, word):
        """A thread adds to a word in one piece."""
        thread = self.thread
        if word in cells:
            self._check_cell(cells[word], thread, word, "added to")
        passed = self._atomics.setdefault(word, {})
        self._acquired.append((self.interval, thread, dict(passed)))
        passed[self.block] = self.interval, dict(self._fences)

    def _fence(self):
        self._fences[self.thread] = self.interval


class _Cell:
    """The last write of a word since the launch began, and the last reads of every block."""

    __slots__ = ("readers", "writer")

    def __init__(self):
        self.writer, self.readers = None, {}


class Watched:
    """A vector in global or shared memory, as kernels see it.

    memory is all that its argument or the block has, of which it begins at `first`; cells is where
    accesses are noted, known the words that have been written, or None for all of them. It may
    reach beyond memory, as a window does that is never used there.
    """

    __slots__ = ("_cells", "_first", "_known", "_launch", "_memory", "_word", "_words", "size")

    def __init__(self, memory, launch, cells, known=None):
        self._memory, self._launch, self._cells, self._known = memory, launch, cells, known
        self._first, self.size = 0, memory.size
        # The number of memory's first word, and how many an element has.
        self._word = memory.__array_interface__["data"][0] // _WORD
        self._words = memory.itemsize // _WORD

    @property
    def dtype(self):
        """Of its elements."""
        return self._memory.dtype

    @property
    def itemsize(self):
        """Bytes of an element."""
        return self._memory.itemsize

    def _window(self, first, size):
        """So many elements from one on, over the same memory."""
        window = object.__new__(Watched)
        window._memory, window._launch, window._cells = self._memory, self._launch, self._cells
        window._known, window._word, window._words = self._known, self._word, self._words
        window._first, window.size = self._first + first, size
        return window

    def _place(self, index):
        """Where in memory an element lies."""
        place = self._first + int(index)
        if not (0 <= index < self.size and 0 <= place < self._memory.size):
            raise IndexError(
                f"element {index} of {self.size}, which begin with element {self._first} of "
                f"{self._memory.size} in memory"
            )
        return place

    def _words_at(self, place):
        start = self._word + place * self._words
        return range(start, start + self._words)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._window(index.start, index.stop - index.start)
        place = self._place(index)
        words = self._words_at(place)
        if self._known is not None and not self._known.issuperset(words):
            raise UninitialisedError(f"element {index} of {self.size} in shared memory")
        self._launch.read(self._cells, words)
        return self._memory[place]

    def __setitem__(self, index, value):
        place = self._place(index)
        words = self._words_at(place)
        self._launch.write(self._cells, words)
        if self._known is not None:
            self._known.update(words)
        self._memory[place] = value

    def add(self, index, value):
        """element += value in one piece; returns what it was."""
        place = self._place(index)
        self._launch.add(self._cells, self._words_at(place)[0])
        before = self._memory[place]
        self._memory[place] += value
        return before


class _Shared:
    """Shared memory of a block: what is asked for at launch, and arrays of a fixed size."""

    def __init__(self, launch, size):
        self._launch, self._bytes = launch, np.empty(size + 8, np.uint8)
        skip = -self._bytes.__array_interface__["data"][0] % 8
        self._bytes = self._bytes[skip : skip + size]
        self._cells, self._known = {}, set()

    def array(self, shape, dtype):
        """All of it as a vector; kernels here ask for nothing else."""
        assert shape == 0
        if not isinstance(dtype, np.dtype):
            dtype = numpy_support.as_dtype(dtype)
        usable = self._bytes[: self._bytes.size // dtype.itemsize * dtype.itemsize]
        return Watched(usable.view(dtype), self._launch, self._cells, self._known)


class _Atomic:
    """Atomic operations; kernels here have one."""

    def add(self, array, index, value):
        """array_index += value in one piece; returns what it was."""
        return array.add(index, value)


class _Local:
    """Arrays of one thread, which begin as NaN (integers: -1)."""

    def array(self, shape, dtype):
        """A poisoned array."""
        if not isinstance(dtype, np.dtype):
            dtype = numpy_support.as_dtype(dtype)
        values = np.empty(shape, dtype)
        values.reshape(-1).view(np.uint8)[...] = 0xFF
        return values
