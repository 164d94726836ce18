"""The lock of a network in training: one descent at a time, and nobody else writes parameters."""

from __future__ import annotations

import os
import threading
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


class TrainingLock:
    """Held while a descent trains a network; a context manager that does not wait.

    A copy made by `copy.deepcopy` or `pickle` is a free lock, as the network copied has parameters
    of its own. A forked child finds it free, too: what trained there stayed with the parent.

    Raises
    ------
    RuntimeError
        On entering, if it is held.

    Examples
    --------
    >>> lock = TrainingLock()
    >>> with lock:
    ...     lock.held
    True
    >>> lock.held
    False
    """

    def __init__(self) -> None:
        self._new()

    def _new(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()

    @property
    def held(self) -> bool:
        """Whether a descent trains the network."""
        return self._process == os.getpid() and self._lock.locked()

    def __enter__(self) -> None:
        if self._process != os.getpid():
            self._new()
        if not self._lock.acquire(blocking=False):
            raise _refusal("it cannot be trained by a second one at once")

    def __exit__(self, *error: object) -> None:
        # A child that was forked by a callback leaves a lock that it has not entered.
        if self.held:
            self._lock.release()

    def check(self, refused: str) -> None:
        """Raise `RuntimeError` with what is refused, if the lock is held."""
        if self.held:
            raise _refusal(refused)

    def guarded(self, array: Array) -> Array:
        """The array, as a read-only view while the lock is held."""
        if self.held:
            array = array.view()
            array.flags.writeable = False
        return array

    def __reduce__(self) -> tuple[type[TrainingLock], tuple[()]]:
        return TrainingLock, ()


def _refusal(refused: str) -> RuntimeError:
    return RuntimeError(
        f"a descent trains this network at present: {refused}. Wait for its end, or use a copy of "
        "the network (copy.deepcopy)"
    )
