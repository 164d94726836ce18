"""How a population in parts scales, simulated: ``python -m bench.scheduler``.

The scheduler's own cutter makes the parts. Workers take what a member was measured to take; the one
driver takes what it was measured to take to send a part and to keep its outcome, one after the
other. What lies between, the network and Ray's own processes, costs nothing here.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from nnlib.cluster.schedule import Cutter

# Processor time of the driver's thread, in seconds: from two populations on Ray, of 4000 members in
# 9 parts and of 40 000 in 20. docs/scaling.md has the numbers.
PART_COST, MEMBER_COST = 1.7e-3, 1.3e-6
WORKERS = (1, 10, 100, 1000)


class Load(NamedTuple):
    """A population: its members, and what one of them takes a worker."""

    name: str
    members: int
    seconds: float
    grain: int


LOADS = (
    Load("10⁶ exercises of 1000 epochs", 10**6, 62e-6, 16),
    Load("10⁶ networks of 10 ms", 10**6, 10e-3, 1),
    Load("10⁸ networks of 10 ms", 10**8, 10e-3, 1),
)


def simulated(load: Load, workers: int) -> float:
    """Seconds until the last outcome is kept.

    >>> round(simulated(Load("", 1000, 1.0, 1), 10))
    100
    """
    cutter = Cutter([range(load.members)], load.grain)
    free = [0.0] * workers  # when each worker has done all that was sent to it
    running: list[tuple[float, int]] = []
    driver = 0.0
    while cutter.left or running:
        while cutter.left and len(running) <= workers:
            part = cutter.cut(workers)
            driver += PART_COST
            begin = max(heapq.heappop(free), driver)
            end = begin + len(part) * load.seconds
            heapq.heappush(free, end)
            heapq.heappush(running, (end, len(part)))
        end, count = heapq.heappop(running)
        cutter.measured(count, count * load.seconds)
        driver = max(driver, end) + count * MEMBER_COST
    return driver


def table(loads: Sequence[Load] = LOADS) -> str:
    """Markdown: seconds, and the part of the workers' time that is training."""
    head = ["", *(f"{count} workers" for count in WORKERS)]
    rows = [head, ["---"] * len(head)]
    for load in loads:
        cells = []
        for workers in WORKERS:
            seconds = simulated(load, workers)
            busy = load.members * load.seconds / (workers * seconds)
            cells.append(f"{seconds:.3g} s, {100 * busy:.0f} %")
        rows.append([load.name, *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    print(table())
