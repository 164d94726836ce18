"""A buffer through which the rows of a source come in another order, a part after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..kernels.formulas.shuffle import exchange, move_rows, next_order

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]


class ShuffleBuffer:
    """Rows wait here for their turn; each that comes takes the place of one drawn at random.

    So rows of parts that come up to some buffers apart meet in a batch. Half as many parts meet,
    with the same memory, if the buffer is filled and emptied in turn.

    Parameters
    ----------
    rows : int
        How many it holds.
    state : ndarray of uint64, shape (4,)
        Of the generator; it is advanced.

    Examples
    --------
    >>> buffer = ShuffleBuffer(3, np.arange(1, 5, dtype=np.uint64))
    >>> numbers = np.arange(4.0)[:, np.newaxis]
    >>> left = [*buffer.exchanged(Examples(numbers, numbers, np.empty(0))), *buffer.rest(2)]
    >>> [len(own.y) for own in left], sorted(np.concatenate([own.y for own in left]).ravel())
    ([1, 2, 1], [np.float64(0.0), np.float64(1.0), np.float64(2.0), np.float64(3.0)])
    """

    def __init__(self, rows: int, state: Words) -> None:
        self._rows, self._state = rows, state
        self._held: Examples | None = None
        self._count = 0
        self._holders = np.arange(rows)

    def begin(self, state: Words) -> None:
        """Empty, for another epoch."""
        self._state, self._count = state, 0

    def exchanged(self, part: Examples) -> Iterator[Examples]:
        """Take the rows of a part, in random order; the rows that leave for them."""
        order = np.arange(len(part.y))
        next_order(order, self._state)
        held = self._memory(part)
        free = min(self._rows - self._count, len(order))
        _copy(held, np.arange(self._count, self._count + free), part, order[:free])
        self._count += free
        coming = order[free:]
        if not coming.size:
            return
        leaving, staying = np.empty_like(coming), np.empty_like(coming)
        exchange(leaving, staying, self._holders, self._state)
        left, waited = _empty(part, len(coming)), leaving < self._rows
        there, at_once = np.flatnonzero(waited), np.flatnonzero(~waited)
        _copy(left, there, held, leaving[there])
        _copy(left, at_once, part, coming[leaving[at_once] - self._rows])
        stays = np.flatnonzero(staying >= 0)
        _copy(held, staying[stays], part, coming[stays])
        yield left

    def rest(self, rows: int) -> Iterator[Examples]:
        """What the buffer holds at the end, in random order, so many rows at a time."""
        order = np.arange(self._count)
        next_order(order, self._state)
        for first in range(0, len(order), rows):
            assert self._held is not None
            own = order[first : first + rows]
            left = _empty(self._held, len(own))
            _copy(left, np.arange(len(own)), self._held, own)
            yield left

    def _memory(self, like: Examples) -> Examples:
        if self._held is None:
            self._held = _empty(like, self._rows)
        return self._held


def _empty(like: Examples, rows: int) -> Examples:
    """Memory for so many examples."""
    weights = rows if like.weights.size else 0
    return Examples(
        np.empty((rows, *like.X.shape[1:]), like.X.dtype),
        np.empty((rows, *like.y.shape[1:]), like.y.dtype),
        np.empty(weights, like.weights.dtype),
    )


def _copy(into: Examples, places: Integers, source: Examples, rows: Integers) -> None:
    """Rows of some examples, to places of others."""
    for name in ("X", "y", "weights"):
        to, of = getattr(into, name), getattr(source, name)
        if of.size:
            move_rows(to.reshape(-1), places, of.reshape(-1), rows, of[0].size)
