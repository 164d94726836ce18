"""How much of the processors' time other processes had, by the counters of Linux's /proc.

Other systems do not tell, and neither does a /proc that shows another machine's processors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
# Of user, nice, system, idle, iowait, irq, softirq, steal: when a processor was not to be had.
_BUSY = (0, 1, 2, 5, 6, 7)


class Process(NamedTuple):
    """A process: its parent's number, and the ticks that it and its ended children had."""

    parent: int
    ticks: int


class Ticks(NamedTuple):
    """Counters at one moment: what all processors did, waited for, and what was ours."""

    busy: int
    idle: int
    own: int


def now(folder: Path = _PROC) -> Ticks | None:
    """The counters; None where there are none."""
    try:
        numbers = [int(part) for part in (folder / "stat").read_text().split("\n")[0].split()[1:9]]
        processes = dict(_processes(folder))
    except (OSError, ValueError):
        return None
    busy = sum(numbers[place] for place in _BUSY)
    return Ticks(busy, sum(numbers) - busy, descendants_ticks(processes, os.getpid()))


def share(begin: Ticks | None, end: Ticks | None) -> float | None:
    """The part of all processors' time between two moments that others had.

    Examples
    --------
    >>> share(Ticks(100, 100, 50), Ticks(200, 200, 130))
    0.1
    """
    if begin is None or end is None:
        return None
    busy, idle, own = (last - first for first, last in zip(begin, end, strict=True))
    if busy + idle <= 0:
        return None
    # Counters of processes and processors are not read at the same moment.
    return max(0.0, (busy - own) / (busy + idle))


def descendants_ticks(processes: Mapping[int, Process], root: int) -> int:
    """Ticks of a process, of its children, of theirs, and so on.

    Examples
    --------
    >>> descendants_ticks({1: Process(0, 100), 5: Process(1, 10), 6: Process(5, 3)}, 5)
    13
    """
    own, number = {root}, 0
    while number != len(own):
        number = len(own)
        own |= {pid for pid, process in processes.items() if process.parent in own}
    return sum(processes[pid].ticks for pid in own if pid in processes)


def _processes(folder: Path) -> list[tuple[int, Process]]:
    found = []
    for path in folder.glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        # From the third field on: state, parent, …; 14 to 17 are utime, stime, cutime, cstime.
        found.append((int(path.parent.name), Process(int(fields[1]), sum(map(int, fields[11:15])))))
    return found
