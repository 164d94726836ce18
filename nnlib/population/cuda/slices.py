"""Slices of a population's descents on a GPU: a launch, then a look, till all have ended."""

from __future__ import annotations

from collections.abc import Callable

from ...training.slices import Budget, run_slices

# Is told how many epochs have been run by all members together; whether to go on.
Look = Callable[[int], bool]


class _Launches:
    """The launches of members, as `slices.run_slices` sees them; a unit is a round of each."""

    def __init__(
        self,
        launch: Callable[[int], None],
        progress: Callable[[], tuple[int, bool]],
        look: Look,
    ) -> None:
        self._launch, self._progress, self._look = launch, progress, look
        self._epochs, self._running = 0, True

    def run(self, rounds: int) -> None:
        """Launch, and wait until that is done."""
        self._launch(rounds)
        self._epochs, self._running = self._progress()

    def is_running(self) -> bool:
        """Whether a member runs, and is to."""
        return self._running

    def next_slice(self, budget: int) -> int:
        """All of the budget."""
        return budget

    def look(self) -> None:
        """Ask whether to go on."""
        self._running = self._look(self._epochs) and self._running


def run_launches(
    launch: Callable[[int], None], progress: Callable[[], tuple[int, bool]], look: Look
) -> None:
    """`launch` for so many rounds that `look` is asked about every 50 ms.

    progress waits for the launch and returns the epochs run so far and whether any member runs.
    """
    launches = _Launches(launch, progress, look)
    run_slices(launches, launches.run, Budget())
