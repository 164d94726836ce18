"""One descent by epochs over data that does not lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks.examples import Examples
from ..history import History
from ..kernels.formulas.shuffle import next_order
from ..kernels.network import problem
from ..kernels.network.problem import BATCH, EPOCH, ROUND, VALIDATING
from . import buffers
from .descent import Array, Descent
from .windows import Cut, Streamed, Windows


class StreamedDescent(Descent):
    """A descent whose driver goes from window to window; otherwise as `Descent`.

    Without shuffling, it has the bits of the descent in memory. With it, an order of the parts and
    one of the rows within each is drawn for every epoch, from the network's generator as it was at
    the start.
    """

    def _allocate(
        self,
        table: Array,
        parameters: Array,
        train: Examples,
        validation: Examples | None,
        layout: buffers.Layout,
    ) -> None:
        """The driver and its arrays, and the first window: the data is read for the first time."""
        self._shuffled = layout.shuffle
        own = replace(layout, shuffle=False)
        super()._allocate(table, parameters, train, validation, own)

    def _arranged(self, table: Array, train: Examples, layout: buffers.Layout) -> problem.Data:
        """The first window."""
        assert isinstance(train, Streamed)
        words = self._state.generator.copy() if self._shuffled else None
        cut = Cut(table, layout.batch_size, layout.lanes, layout.chunks)
        self._windows = Windows(train, cut, words)
        try:
            return self._windows.at(0, 0).data
        except BaseException:
            self._windows.close()
            raise

    def run(self) -> History:
        """All of it, see `Descent.run`; the thread that reads has ended afterwards."""
        try:
            history = super().run()
        finally:
            self._windows.close()
        if self._shuffled:  # the next descent has other orders
            next_order(np.arange(2), self._state.generator)
        return history

    @contextmanager
    def _driver(self) -> Iterator[Callable[[int], Any]]:
        position = self._state.position

        def run(rounds: int) -> None:
            while rounds > 0 and position[problem.STATUS] == problem.RUNNING:
                own = self._in_window(rounds)
                with super_driver() as run_window:
                    run_window(own)
                rounds -= own

        super_driver = super()._driver
        yield run

    def _in_window(self, rounds: int) -> int:
        """Rounds up to the end of the window where the descent stands, or fewer if so many."""
        position = self._state.position
        if position[VALIDATING]:
            return min(rounds, self._rounds.left(position))
        batch = int(position[BATCH])
        window = self._windows.at(int(position[EPOCH]), batch)
        self._data = window.data
        of_window = self._rounds.of_batches(window.last - batch) - int(position[ROUND])
        return min(rounds, of_window, self._rounds.left(position))
