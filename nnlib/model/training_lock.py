"""The lock of a network in training: one descent at a time, and nobody else writes parameters."""

from __future__ import annotations

import os
import threading
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


class TrainingLock:
    """Held while a descent trains a network; `taken` gives what `with` holds.

    A copy made by `copy.deepcopy` or `pickle` is a free lock, as the network copied has parameters
    of its own. A forked child finds it free, too: what trained there stayed with the parent.

    Raises
    ------
    RuntimeError
        By `taken`, if it is held.

    Examples
    --------
    >>> lock = TrainingLock()
    >>> with lock.taken():
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

    def taken(self) -> threading.Lock:
        """The lock itself, for `with` to hold: that is C, and no Ctrl-C comes between.

        Raises `RuntimeError` if it is held. Of two threads that come at the same moment, one waits.
        """
        if self._process != os.getpid():
            self._new()
        self.check("it cannot be trained by a second one at once")
        return self._lock

    def check(self, refused: str) -> None:
        """Raise `RuntimeError` with what is refused, if the lock is held."""
        if self.held:
            raise RuntimeError(
                f"a descent trains this network at present: {refused}. Wait for its end, or use a "
                "copy of the network (copy.deepcopy)"
            )

    def guarded(self, array: Array) -> Array:
        """The array, as a read-only view while the lock is held."""
        if self.held:
            array = array.view()
            array.flags.writeable = False
        return array

    def __reduce__(self) -> tuple[type[TrainingLock], tuple[()]]:
        return TrainingLock, ()
