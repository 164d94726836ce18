"""Windows: the batches of a descent that lie in memory, of data that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..data.ahead import ReadAhead
from ..data.source import Rows, Source, starts_of
from ..kernels.formulas.shuffle import next_order
from ..kernels.network import problem
from . import buffers

Array = NDArray[Any]

# What a window takes, at least one batch: long against the change from one to the next. Three are
# in memory: the one in use, one that waits, and one that is being made.
WINDOW_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Streamed(Examples):
    """Examples that a source reads; X and y have shape and dtype of all rows, and no memory.

    convert makes checked examples of the rows of a part, with weights as the cost takes them.
    """

    source: Source
    convert: Callable[[Rows], Examples]

    def __reduce__(self) -> tuple[Any, ...]:
        """What a worker makes them of: X and y themselves would be sent as so many zeros."""
        shape = self.X.shape[1], self.y.shape[1]
        return streamed, (self.source, self.convert, shape, self.y.dtype)

    def walk(self, order: Sequence[int]) -> Iterator[Examples]:
        """The checked examples of the parts of these numbers, one after the other.

        Raises
        ------
        Exception
            What reading or checking raised, with a note which part it was.
        """
        rows = self.source.walk(order)
        for part in order:
            wanted = self.source.parts[part]
            try:
                examples = self.convert(next(rows))
                if len(examples.y) != wanted:
                    raise ValueError(f"it has {len(examples.y)} rows and had {wanted} at first")
            except Exception as error:
                error.add_note(f"In part {part} of {self.source.name}.")
                raise
            yield examples


def streamed(
    source: Source, convert: Callable[[Rows], Examples], shape: tuple[int, int], dtype: Any
) -> Streamed:
    """The examples of a source; shape is how many numbers a row has in X and in y."""
    nothing = np.zeros((1, 1), dtype)
    X, y = (np.broadcast_to(nothing, (source.rows, width)) for width in shape)
    return Streamed(X, y, np.empty(0, dtype), source, convert)


class Cut(NamedTuple):
    """How the examples are cut, see `buffers.Layout`."""

    table: Array  # of the descent, linked
    batch_size: int
    lanes: int
    chunks: int


class Window(NamedTuple):
    """Some batches of an epoch: first ≤ batch < last."""

    epoch: int
    first: int
    last: int
    data: problem.Data


class Windows:
    """The windows of every epoch, one after the other, read ahead by a thread.

    Where a descent goes back, by a mark or a checkpoint, reading begins again there.

    Parameters
    ----------
    streamed : Streamed
    cut : Cut
    words : ndarray of uint64, shape (4,), or None
        Decides the order of parts and rows in each epoch; None: they come as they are.
    """

    def __init__(self, streamed: Streamed, cut: Cut, words: Array | None) -> None:
        self._streamed, self._cut, self._words = streamed, cut, words
        self._ahead: ReadAhead[Window] | None = None
        self._window: Window | None = None

    def at(self, epoch: int, batch: int) -> Window:
        """The window that holds this batch of this epoch.

        Raises
        ------
        Exception
            What reading the data raised, with a note which part of it that was.
        """
        if self._holds(self._window, epoch, batch):
            assert self._window is not None
            return self._window
        if self._ahead is not None:
            window = next(self._ahead)
            if self._holds(window, epoch, batch):
                self._window = window
                return window
        self.close()
        self._ahead = ReadAhead(self._from(epoch, batch))
        self._window = next(self._ahead)
        return self._window

    def order_by(self, words: Array) -> None:
        """Let these words decide the orders from now on; what was read by others is given up."""
        if self._words is None or not np.array_equal(words, self._words):
            self.close()
            self._words = words.copy()

    def close(self) -> None:
        """Read no further."""
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = self._window = None

    def _holds(self, window: Window | None, epoch: int, batch: int) -> bool:
        if window is None or not window.first <= batch < window.last:
            return False
        return self._words is None or window.epoch == epoch

    def _from(self, epoch: int, batch: int) -> Iterator[Window]:
        """The windows from this batch on, without end: the first ones of an epoch begin at 0."""
        first = batch
        for number in count(epoch):
            yield from self._of_epoch(number, first)
            first = 0

    def _of_epoch(self, epoch: int, first: int) -> Iterator[Window]:
        """The windows of an epoch from the batch `first` on."""
        cut, total = self._cut, self._streamed.source.rows
        size = cut.batch_size
        batches = self._batches_of_window()
        held: list[Examples] = []
        rows = 0
        for part in self._parts(epoch, first * size):
            held.append(part)
            rows += len(part.y)
            while rows >= batches * size or (rows and first * size + rows == total):
                wanted = min(batches * size, rows)
                taken, held = _taken(held, wanted)
                rows -= wanted
                last = first + -(-wanted // size)
                yield Window(epoch, first, last, self._packed(taken, first))
                first = last

    def _batches_of_window(self) -> int:
        streamed, size = self._streamed, self._cut.batch_size
        width = streamed.X.shape[1] + streamed.y.shape[1] + 1
        of_batch = int(size * width * streamed.y.itemsize)
        return max(1, WINDOW_BYTES // of_batch)

    def _packed(self, examples: Examples, first: int) -> problem.Data:
        """The examples, as the driver takes them, as if they were in the midst of all."""
        cut = self._cut
        data = buffers.arrange(
            cut.table, examples, cut.batch_size, cut.lanes, cut.chunks, shuffle=False
        )
        return data._replace(n=self._streamed.source.rows, first=first)

    def _parts(self, epoch: int, skipped: int) -> Iterator[Examples]:
        """The checked parts of an epoch in its order, without as many rows at its beginning."""
        source = self._streamed.source
        order = self._order_of_parts(epoch)
        starts = starts_of([source.parts[part] for part in order])
        begin = sum(
            start + source.parts[part] <= skipped for start, part in zip(starts, order, strict=True)
        )
        left = order[begin:]
        skipped -= starts[begin] if left else 0
        for part, examples in zip(left, self._streamed.walk(left), strict=True):
            ordered = self._in_order(examples, epoch, part)
            yield ordered.part(slice(skipped, None)) if skipped else ordered
            skipped = 0

    def _in_order(self, examples: Examples, epoch: int, part: int) -> Examples:
        """The examples of a part in the order of the epoch."""
        if self._words is None:
            return examples
        order = np.arange(len(examples.y))
        next_order(order, generator_words(self._words, epoch, part + 1))
        return examples.part(order)

    def _order_of_parts(self, epoch: int) -> list[int]:
        order = np.arange(len(self._streamed.source.parts))
        if self._words is not None and self._streamed.source.any_order:
            next_order(order, generator_words(self._words, epoch, 0))
        numbers: list[int] = order.tolist()
        return numbers


def generator_words(words: Array, *place: int) -> Array:
    """The state of a generator for one place of a descent.

    >>> generator_words(np.arange(4, dtype=np.uint64), 0, 1).shape
    (4,)
    """
    sequence = np.random.SeedSequence([*map(int, words), *place])
    return sequence.generate_state(problem.GENERATOR_WORDS, np.uint64)


def _taken(held: list[Examples], wanted: int) -> tuple[Examples, list[Examples]]:
    """The first rows of some examples as one, and the examples that are left."""
    taken: list[Examples] = []
    rest = list(held)
    while wanted:
        first = rest.pop(0)
        if len(first.y) > wanted:
            rest.insert(0, first.part(slice(wanted, None)))
            first = first.part(slice(0, wanted))
        taken.append(first)
        wanted -= len(first.y)
    if len(taken) == 1:
        only = taken[0]
        return Examples(*map(np.ascontiguousarray, (only.X, only.y, only.weights))), rest
    X, y, weights = zip(*((part.X, part.y, part.weights) for part in taken), strict=True)
    return Examples(np.concatenate(X), np.concatenate(y), np.concatenate(weights)), rest
