"""The rounds of a descent on a GPU: their launches one by one, or a stretch of rounds as a graph.

A round is a batch with its step, or a validation. All launches read from the GPU what there is to
do, so one round's are the same as another's: those of an epoch's first batch, of every other one,
and of a validation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence

from ..kernels.cuda.compile.graph import Launch, graph
from ..kernels.cuda.compile.jit import SIMULATED

# Of a graph. Recording them takes Python as long as making them. Chosen without a GPU: to be
# measured on one.
MOST_LAUNCHES = 40 if SIMULATED else 256


class Rounds:
    """The rounds of one epoch after the other.

    Parameters
    ----------
    first, other, validation : sequence of Launch
        Of an epoch's first batch, of another one, and of the validation, empty if there is none.
    batches : int
        Of an epoch.
    """

    def __init__(
        self,
        first: Sequence[Launch],
        other: Sequence[Launch],
        validation: Sequence[Launch],
        batches: int,
    ) -> None:
        self._first, self._other, self._validation = first, other, validation
        self._batches = batches
        self.of_epoch = batches + bool(validation)
        self._launches_of_epoch = len(first) + (batches - 1) * len(other) + len(validation)
        # By the length of a stretch and whether an epoch begins with it: None for one that was
        # launched, so that all its kernels are loaded, and its graph when it has come again.
        self._graphs: dict[tuple[bool, int], Callable[[], None] | None] = {}
        self._can_record = True

    def run(self, batch: int, rounds: int) -> None:
        """The next rounds, from this batch of an epoch on; after the last one the validation."""
        while rounds > 0:
            length = self._stretch(batch, rounds) if self._can_record else 1
            if length == 1 or not self._replayed(batch, length):
                for launch in self._launches(batch, length):
                    launch()
            batch = (batch + length) % self.of_epoch
            rounds -= length

    def _stretch(self, batch: int, rounds: int) -> int:
        """How many rounds make a stretch that may come again, of a few lengths; 1 if none does.

        It is whole epochs, or batches between the first and the last: as many as a graph holds,
        an eighth of that if there are fewer left, so that few launches remain for Python.
        """
        if batch == 0:
            unit, launches, left = self.of_epoch, self._launches_of_epoch, rounds // self.of_epoch
        elif batch < self._batches:
            unit, launches, left = 1, len(self._other), min(rounds, self._batches - batch)
        else:
            return 1
        most = MOST_LAUNCHES // launches
        return next((n * unit for n in (most, most // 8) if 0 < n <= left), 1)

    def _replayed(self, batch: int, length: int) -> bool:
        """Whether it was done by a graph: the first time a stretch comes it is not."""
        key = batch == 0, length
        if key not in self._graphs:
            self._graphs[key] = None
            return False
        replay = self._graphs[key]
        if replay is None:
            try:
                replay = self._graphs[key] = graph(list(self._launches(batch, length)))
            except RuntimeError as error:
                warnings.warn(
                    f"training goes on slower, without CUDA graphs: {error}", stacklevel=2
                )
                self._can_record = False
                return False
        replay()
        return True

    def _launches(self, batch: int, rounds: int) -> Iterator[Launch]:
        """Of so many rounds from this batch on."""
        for number in range(batch, batch + rounds):
            place = number % self.of_epoch
            if place == 0:
                yield from self._first
            else:
                yield from self._other if place < self._batches else self._validation
