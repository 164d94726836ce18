"""How many threads compute, and the teams they form.

A team is the thread that calls it and some of a pool that all teams share; they run the same
compiled function, which releases the GIL, and meet on a board inside compiled code
(`kernels.threads.team`). Nothing else in nnlib has threads: the kernels' own products run in the
thread that calls them.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import functools
import os
import sys
import time
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..checks.values import whole_number
from ..kernels.threads.team import ASLEEP, BOARD_SIZE, INSIDE, disband, enter, leave
from .aligned import aligned_zeros
from .processors import processors

Array = NDArray[Any]

_threads: int | None = None


def get_threads() -> int:
    """Threads that a descent may use: `set_threads`, NNLIB_THREADS, or the processors we may use.

    Those are counted by affinity and by the quota of a container, a fraction rounded up.

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
    return processors()


def set_threads(threads: int | None) -> None:
    """Let descents use this many threads from now on; None goes back to the default.

    The result has the same bits for any number. More threads than processors are never started,
    since they would only take turns, and where fewer turn out to be faster, as beside other busy
    processes, fewer compute.

    >>> set_threads(1)
    >>> get_threads()
    1
    >>> set_threads(None)
    """
    global _threads
    _threads = None if threads is None else whole_number("threads", threads, 1)


def usable_threads(tasks: int) -> int:
    """How many threads so many tasks are worth: no more than were asked for, nor processors."""
    return max(1, min(get_threads(), processors(), tasks))


_Job: TypeAlias = "tuple[Team, Callable[..., Any], tuple[Any, ...]]"
# Threads that wait for a job, each by its inbox; the last to come is the first to go.
_idle: list[SimpleQueue[_Job]] = []
_teams: weakref.WeakSet[Team] = weakref.WeakSet()


def _serve(inbox: SimpleQueue[_Job]) -> None:
    """What a thread of the pool does, till the process ends."""
    while True:
        team, function, arguments = inbox.get()
        entered = enter(team.board)
        try:
            if entered:
                function(*arguments)
        except BaseException as error:
            team.errors.append(error)
        finally:
            # For the caller first: once nobody is inside, it may want this thread again.
            _idle.append(inbox)
            team.gone()
            if entered:
                leave(team.board)
        del team, function, arguments  # a thread that waits keeps nothing alive


def _call_in_pool(job: _Job) -> weakref.ref[SimpleQueue[_Job]]:
    """Give a job to a thread that waits, or to a new one; returns what dies with the thread.

    Raises
    ------
    RuntimeError, MemoryError
        If the system has no thread to give.
    """
    try:
        inbox = _idle.pop()
    except IndexError:
        inbox = SimpleQueue()
        # Not threading.Thread: its `start` waits for ever for a thread that dies at its birth.
        _thread.start_new_thread(_serve, (inbox,))
    inbox.put(job)
    return weakref.ref(inbox)


def _forget_threads() -> None:
    """In a forked child there is only the thread that forked."""
    _idle.clear()
    for team in _teams:
        team.board[INSIDE] = team.board[ASLEEP] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


@functools.cache
def _prepare() -> None:
    """Have everything there with which threads come and go: there may be no memory left by then.

    A thread that the end of the process meets in Python leaves by glibc's pthread_exit, which loads
    this library, and aborts where it cannot.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL("libgcc_s.so.1")
    board = aligned_zeros(BOARD_SIZE, np.dtype(np.int64))
    enter(board)
    leave(board)
    disband(board)


class Team:
    """The thread that makes it, and threads of the pool that help.

    However the caller's work ends, `disband(team.board)` stands in a `finally` of its own: as one
    compiled call it waits for everybody, whatever is pressed meanwhile.

    Attributes
    ----------
    board : ndarray, shape (BOARD_SIZE,)
        Where they meet, see `kernels.threads.team`.
    members : int
        The caller, and those that were found.
    ended : int
        Helpers that have done their work.
    errors : list of BaseException
        What ended the others' work early.

    Examples
    --------
    >>> team, seen = Team(), []
    >>> try:
    ...     team.hire(2, lambda member: seen.append(member))
    ...     team.wait(60)
    ... finally:
    ...     disband(team.board)
    2
    True
    >>> sorted(seen)
    [1, 2]
    """

    def __init__(self) -> None:
        _prepare()
        self.board = aligned_zeros(BOARD_SIZE, np.dtype(np.int64))
        self.members = 1
        self.errors: list[BaseException] = []
        self._helpers: list[weakref.ref[SimpleQueue[_Job]]] = []
        self._gone: list[None] = []  # one for each: appending cannot be parted
        self._news: SimpleQueue[None] = SimpleQueue()
        _teams.add(self)

    def hire(self, helpers: int, function: Callable[..., Any]) -> int:
        """Let so many threads call function(member), member 1 the first; returns how many do.

        Where the system has no more threads to give, the team goes on with those there are.
        """
        for hired in range(helpers):
            try:
                self._helpers.append(_call_in_pool((self, function, (self.members,))))
            except (RuntimeError, MemoryError):
                return hired
            self.members += 1
        return helpers

    @property
    def ended(self) -> int:
        """Helpers that have done their work."""
        return len(self._gone)

    def gone(self) -> None:
        """A helper has done its work."""
        self._gone.append(None)
        self._news.put(None)

    def wait(self, seconds: float) -> bool:
        """Whether all helpers have done their work, after so many seconds at most."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            # A thread that could not be born, for want of memory, took its inbox along.
            lost = sum(helper() is None for helper in self._helpers)
            if self.ended + lost >= len(self._helpers):
                return True
            with contextlib.suppress(Empty):
                self._news.get(timeout=left)
        return False

    def check(self) -> None:
        """Raise what ended the work of a helper, unless it found no memory: others did its part."""
        for error in self.errors:
            if not isinstance(error, MemoryError):
                raise error
