"""The loop that calls a compiled driver in slices of some 50 ms, for every kind of descent.

A driver returns when its budget is spent, with its whole state in its caller's arrays, and goes on
from there when it is called again. Between two slices Python hears Ctrl-C, shows progress, writes a
checkpoint, calls the callback and looks at the time; what exactly is for each descent to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

from ..kernels.compile.duration import working_time

# A slice is long against the 10 µs of its call and short against the 0.2 s of a late Ctrl-C.
SLICE_SECONDS = 0.05
# The first slice is sized for a machine of this speed, multiply-adds per second.
_SLOW_MACHINE = 1e9
# Drivers count their budget in int64.
_MOST_UNITS = 10**18


class Sliced(Protocol):
    """A descent, as its slices see it. A unit is what its driver counts its budget in."""

    def is_running(self) -> bool:
        """Whether the driver is to be called again."""

    def next_slice(self, budget: int) -> int:
        """Do what belongs before a slice; the units of it, for a budget of so many."""

    def look(self) -> None:
        """Do what belongs after a slice, such as to stop where the time is up."""


def run_slices(descent: Sliced, run: Callable[[int], Any], budget: Budget) -> None:
    """Call the driver `run`, with the units of each slice, until the descent no longer runs.

    Examples
    --------
    >>> class Counting:
    ...     count = 0
    ...     def is_running(self):
    ...         return self.count < 3
    ...     def next_slice(self, budget):
    ...         return min(budget, 2)
    ...     def look(self):
    ...         print("at", self.count)
    ...     def run(self, units):
    ...         self.count += units
    >>> counting = Counting()
    >>> run_slices(counting, counting.run, Budget(work=1e6))
    at 2
    at 4
    """
    while descent.is_running():
        units = descent.next_slice(budget.units)
        begin = working_time()
        run(units)
        budget.record(units, working_time() - begin)
        descent.look()


class Budget:
    """How many units a slice of `SLICE_SECONDS` may have, from the time that the last one took.

    Parameters
    ----------
    work : float
        Multiply-adds of a unit; infinite if they are not known: the first slice is then one unit.

    Attributes
    ----------
    units : int
        For the next slice.

    Examples
    --------
    >>> budget = Budget(work=1e6)
    >>> budget.units
    50
    >>> budget.record(40, seconds=0.025)
    >>> budget.units
    80
    """

    def __init__(self, work: float = math.inf) -> None:
        self.units = units_within(SLICE_SECONDS, work)

    def record(self, units: int, seconds: float) -> None:
        """Learn from a slice of so many units that took so long."""
        factor = min(max(SLICE_SECONDS / max(seconds, 1e-6), 0.25), 8)
        self.units = max(1, min(int(units * factor), _MOST_UNITS))


def units_within(seconds: float, work: float) -> int:
    """Units of so many multiply-adds that a slow machine does in the time, at least one.

    >>> units_within(0.05, work=1e6), units_within(0.05, work=1e12)
    (50, 1)
    """
    return max(1, min(int(seconds * _SLOW_MACHINE / (work or 1.0)), _MOST_UNITS))


class Stopwatch:
    """The seconds that a descent takes, without the wait for kernels.

    Parameters
    ----------
    total : ndarray of float64, shape (1,)
        The seconds of the calls that this one goes on from; here its own are added.
    start : float
        The `working_time` at which this call began.
    """

    def __init__(self, total: NDArray[Any], start: float) -> None:
        self._total, self._earlier, self._start = total, float(total[0]), start

    def read(self) -> float:
        """The seconds of this call alone."""
        seconds = working_time() - self._start
        self._total[0] = self._earlier + seconds
        return seconds
