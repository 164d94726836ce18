"""The door to a cluster: what every engine can do, whatever runs behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from .worker import Call, Done, Worker


class LostPartError(RuntimeError):
    """A part has no outcome, since its worker died: it may be done again, elsewhere.

    >>> raise LostPartError("the node died")
    Traceback (most recent call last):
    ...
    nnlib.cluster.engine.LostPartError: the node died
    """


class Losses:
    """Counts what is lost in a row: too much of it, and it is the work that kills its workers.

    Parameters
    ----------
    what : str
        For the message, as "parts".

    Examples
    --------
    >>> losses = Losses("parts")
    >>> losses.add(LostPartError("the node died"))
    >>> losses.end()
    """

    # So many in a row, without one that ended.
    most = 20

    def __init__(self, what: str) -> None:
        self._what, self._count = what, 0

    def add(self, error: LostPartError, which: str = "") -> None:
        """One more is lost; which says which it was.

        Raises
        ------
        RuntimeError
            If that are too many.
        """
        self._count += 1
        if self._count >= self.most:
            raise RuntimeError(
                f"cluster: {self._count} {self._what} in a row were lost with their workers"
                f"{which}: {error}. Did they run out of memory?"
            ) from error

    def end(self) -> None:
        """One has come back."""
        self._count = 0


class Engine(ABC):
    """Workers that do parts of a work.

    Attributes
    ----------
    name : str
        For messages.
    threads : int or None
        How many threads a part may use; None: as many as the process may.
    """

    name: str
    threads: int | None = 1

    @abstractmethod
    def slots(self) -> int:
        """How many parts can run at the same time, now."""

    @abstractmethod
    def workers(self) -> list[Worker]:
        """Those that can be asked, each once.

        Raises
        ------
        RuntimeError
            If a worker cannot import nnlib.
        """

    @abstractmethod
    def share(self, value: Any) -> Any:
        """Send once what all parts share; returns what `submit` takes.

        Raises
        ------
        TypeError, ValueError
            If it cannot be sent, or is too much.
        """

    @abstractmethod
    def submit(self, shared: Any, call: Call) -> Any:
        """Have a part done, some time; returns a ticket."""

    def submit_at(self, seat: int, shared: Any, call: Call) -> Any:
        """The same, by the worker that has this seat where that can be chosen.

        It has it as long as it lives: what it kept of earlier calls is there.
        """
        return self.submit(shared, call)

    @abstractmethod
    def completed(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """The tickets whose parts have ended, after waiting so long at most for the first."""

    @abstractmethod
    def result(self, ticket: Any) -> Done:
        """What a part that has ended gave; raises the error that ended it.

        Raises
        ------
        LostPartError
            If its worker died.
        """

    @abstractmethod
    def cancel(self, tickets: Sequence[Any]) -> None:
        """Do not begin these parts, and end those that run if the engine can do that."""

    def close(self, shared: Any) -> None:
        """Forget what was shared; the workers belong to the user and stay."""
        return
