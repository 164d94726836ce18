"""How many threads compute, and the teams they form.

The team is made of plain Python threads that call the same compiled function, which releases the
GIL; its members meet at a barrier inside compiled code (`kernels.team`). Nothing else in nnlib has
threads: the kernels' own products run in the thread that calls them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels.team import BARRIER_SIZE
from .validation import whole_number

Array = NDArray[Any]

_threads: int | None = None


def get_threads() -> int:
    """Threads that a descent may use: `set_threads`, NNLIB_THREADS, or the processors we may use.

    >>> get_threads() >= 1
    True
    """
    if _threads is not None:
        return _threads
    given = os.environ.get("NNLIB_THREADS")
    if given is not None:
        try:
            return whole_number("NNLIB_THREADS", int(given), 1)
        except ValueError:
            raise ValueError(
                f"NNLIB_THREADS is {given!r}, wanted a whole number of at least 1"
            ) from None
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_threads(threads: int | None) -> None:
    """Let descents use this many threads from now on; None goes back to the default.

    The result has the same bits for any number.

    >>> set_threads(1)
    >>> get_threads()
    1
    >>> set_threads(None)
    """
    global _threads
    _threads = None if threads is None else whole_number("threads", threads, 1)


class _Gate:
    """Lets the members of a team begin together, or not at all if one of them is missing."""

    def __init__(self, closed: threading.Event) -> None:
        self.decided = threading.Event()
        self.complete = False
        self._closed = closed

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Wait for the decision; call the function if all members have come."""
        # An interrupt may keep the caller from deciding, but not from closing the team.
        while not self.decided.wait(0.05):
            if self._closed.is_set():
                return None
        return function(*arguments) if self.complete else None


class Team:
    """Threads that call one compiled function together, each with its number.

    Parameters
    ----------
    members : int
        1 calls the function in the caller's own thread.

    Examples
    --------
    >>> with Team(1) as team:
    ...     team.run(lambda barrier, member, members, word: (member, members, word), "hello")
    [(0, 1, 'hello')]
    """

    def __init__(self, members: int) -> None:
        self._members = members
        self._barrier = np.zeros(BARRIER_SIZE, np.int64)
        self._pool = ThreadPoolExecutor(members, "nnlib") if members > 1 else None
        self._closed = threading.Event()

    def run(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Call function(barrier, member, members, …) for every member; returns what they return.

        All calls run in the pool, none in the caller: an interrupt reaches the caller alone. No
        member begins before all are there, since in compiled code it would wait for the others.
        """
        if self._pool is None:
            return [function(self._barrier, 0, 1, *arguments)]
        gate = _Gate(self._closed)
        calls = []
        try:
            for member in range(self._members):
                team = (self._barrier, member, self._members)
                calls.append(self._pool.submit(gate.call, function, *team, *arguments))
            gate.complete = True
        finally:
            gate.decided.set()
        return [call.result() for call in calls]

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *error: object) -> None:
        while self._pool is not None:
            try:
                self._closed.set()
                self._pool.shutdown(wait=True)
                break
            except KeyboardInterrupt:
                # Members may still write; they end with their slice, 50 ms at most, and the
                # interrupt that brought us here is on its way already.
                continue
