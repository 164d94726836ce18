"""One descent by epochs over data that does not lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from ..checks.examples import Examples
from ..kernels.network import problem
from ..kernels.network.problem import BATCH, EPOCH, ROUND, VALIDATING
from . import buffers
from .descent import Array
from .source_descent import SourceDescent
from .windows import Cut, Streamed, Windows


class StreamedDescent(SourceDescent):
    """A descent whose driver goes from window to window; otherwise as `Descent`.

    Without shuffling, it has the bits of the descent in memory. With it, parts come in an order of
    every epoch's own, and their rows through a buffer (`shuffle_buffer`).
    """

    _windows: Windows | None = None

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
        return self._windows.at(0, 0).data

    def _end_reading(self) -> None:
        if self._windows is not None:
            self._windows.close()

    @contextmanager
    def _driver(self) -> Iterator[Callable[[int], Any]]:
        """What runs the descent; every window has a team of its own, which knows its arrays."""
        position, super_driver = self._state.position, super()._driver
        assert self._windows is not None
        if self._shuffled:  # a checkpoint may have brought another generator
            self._windows.order_by(self._state.generator)

        with ExitStack() as team:
            known: problem.Data | None = None
            run_window: Callable[[int], Any] | None = None

            def run(rounds: int) -> None:
                nonlocal known, run_window
                while rounds > 0 and position[problem.STATUS] == problem.RUNNING:
                    own = self._in_window(rounds)
                    if known is not self._data or run_window is None:
                        team.close()
                        known, run_window = self._data, team.enter_context(super_driver())
                    run_window(own)
                    rounds -= own

            yield run

    def _in_window(self, rounds: int) -> int:
        """Rounds up to the end of the window where the descent stands, or fewer if so many."""
        position = self._state.position
        if position[VALIDATING]:
            return min(rounds, self._rounds.left(position))
        batch = int(position[BATCH])
        assert self._windows is not None
        window = self._windows.at(int(position[EPOCH]), batch)
        self._data = window.data
        of_window = self._rounds.of_batches(window.last - batch) - int(position[ROUND])
        return min(rounds, of_window, self._rounds.left(position))
