"""Was the machine idle? A fixed loop on every processor at once tells, before and after a run.

An idle processor gives the loop the same time whenever it is asked. Other processes, a hypervisor
that lends the processor to somebody else, and a clock that slows down all add time.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

PIECES = 40
# Hashed once a piece, without Python's lock: some milliseconds.
_BLOCK = bytes(1 << 23)
# The loop's time in units of the least that a piece took: an idle machine stays below.
IDLE = 1.05
# The part of all processors' time that other processes may have had during the run.
ELSEWHERE = 0.02


class Calibration(NamedTuple):
    """One run of the loop.

    Attributes
    ----------
    median
        Seconds of a piece of it, the median on the processor where that is longest.
    least
        The least processor time of any piece.
    """

    median: float
    least: float


def calibrate(
    processors: Iterable[int],
    work: Callable[[], Any] = lambda: hashlib.sha256(_BLOCK),
    pieces: int = PIECES,
) -> Calibration:
    """Do the work on all these processors at the same time, so many times."""
    medians: list[float] = []
    least: list[float] = []

    def on(processor: int) -> None:
        # 0 is this thread, which ends here; so nothing has to be put back.
        os.sched_setaffinity(0, {processor})
        wall, own = zip(*(_piece(work) for _ in range(pieces)), strict=True)
        medians.append(statistics.median(wall))
        least.append(min(own))

    threads = [threading.Thread(target=on, args=(number,)) for number in processors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Calibration(max(medians), min(least))


def _piece(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    wall, own = time.perf_counter(), time.thread_time()
    work()
    return time.perf_counter() - wall, time.thread_time() - own


class MachineState(NamedTuple):
    """What a record says of the machine's other work.

    Attributes
    ----------
    before, after
        The loop's time in units of the least that any of its pieces took.
    elsewhere
        The part of the processors' time that other processes had; None where the system does not
        tell.
    """

    before: float
    after: float
    elsewhere: float | None

    @property
    def idle(self) -> bool:
        """Whether nothing else took time."""
        return max(self.before, self.after) <= IDLE and (self.elsewhere or 0.0) <= ELSEWHERE

    def __str__(self) -> str:
        numbers = f"calibration {self.before:.2f} before, {self.after:.2f} after"
        if self.elsewhere is not None:
            numbers += f", {self.elsewhere:.1%} of the processors' time went elsewhere"
        if self.idle:
            return f"The machine was idle: {numbers}."
        return (
            f"**The machine was busy**: {numbers}. Libraries whose threads wait for each other "
            "look slower than they are, and no ratio is exact."
        )


def state(before: Calibration, after: Calibration, elsewhere: float | None) -> MachineState:
    """Both loops in the same unit.

    Examples
    --------
    >>> state(Calibration(0.00410, 0.004), Calibration(0.00404, 0.00405), 0.001)
    MachineState(before=1.025, after=1.01, elsewhere=0.001)
    """
    least = min(before.least, after.least)
    return MachineState(round(before.median / least, 3), round(after.median / least, 3), elsewhere)
