"""How the clock is held: enough work in a round, enough rounds, no more time than it is worth."""

from __future__ import annotations

import time

from ..problems.workload import Result, Run

# A round takes at least so long: the clock's resolution and the call then do not matter.
ROUND_SECONDS = 0.02
# At most so many rounds, and no more than fit into this time but for the least number.
MOST_ROUNDS, LEAST_ROUNDS, MOST_SECONDS = 15, 3, 2.0


def timed(run: Run, count: int) -> tuple[Result, float]:
    """The result of a run and the seconds it took."""
    begin = time.perf_counter()
    result = run(count)
    return result, time.perf_counter() - begin


def count_for(run: Run, least: int = 1) -> tuple[int, float]:
    """A count, of at least `least`, that fills a round, and the seconds that the round takes.

    It grows step by step, since what a call costs once would hide how little one count takes.
    """
    count = least
    while True:
        seconds = timed(run, count)[1]
        if seconds >= ROUND_SECONDS:
            return count, seconds
        # Aimed a little too far, so that the next step is the last; at most tenfold.
        wanted = 1.2 * ROUND_SECONDS / max(seconds, 1e-9)
        count = int(count * min(10.0, wanted)) + 1


def rounds_for(seconds: float) -> int:
    """How many rounds of so many seconds."""
    return min(MOST_ROUNDS, max(LEAST_ROUNDS, int(MOST_SECONDS / seconds)))
