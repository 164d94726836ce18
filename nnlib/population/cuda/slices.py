"""Slices of a population's descents on a GPU: a launch, then a look, till all have ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..work import WATCH_SECONDS

# Is told how many epochs have been run by all members together; whether to go on.
Look = Callable[[int], bool]


def run_slices(
    launch: Callable[[int], None], progress: Callable[[], tuple[int, bool]], look: Look
) -> None:
    """`launch` for so many rounds that `look` is asked about every 50 ms.

    progress waits for the launch and returns the epochs run so far and whether any member runs.
    """
    rounds = 1
    while True:
        begin = time.perf_counter()
        launch(rounds)
        epochs, running = progress()
        elapsed = max(time.perf_counter() - begin, 1e-6)
        rounds = max(1, int(rounds * min(max(WATCH_SECONDS / elapsed, 0.25), 8)))
        if not look(epochs) or not running:
            return
