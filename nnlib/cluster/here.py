"""Parts one after the other in this process, each on all of its threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .engine import Engine
from .worker import Call, Done, Worker, this_worker, work_on


class Here(Engine):
    """No cluster: for work that is cut into parts so that each can be kept on disk.

    A ticket is the number of a part, which is done when somebody waits for it.
    """

    name, threads = "this process", None

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Any, Call]] = {}
        self._done: dict[int, Done] = {}
        self._next = 0

    def slots(self) -> int:
        """One part at a time."""
        return 1

    def workers(self) -> list[Worker]:
        """This process."""
        return [this_worker()]

    def share(self, value: Any) -> Any:
        """The value itself."""
        return value

    def submit(self, shared: Any, call: Call) -> Any:
        """Put off till `completed`."""
        self._next += 1
        self._waiting[self._next] = shared, call
        return self._next

    def completed(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """The first part, done now."""
        ticket = tickets[0]
        self._done[ticket] = work_on(*self._waiting.pop(ticket))
        return [ticket]

    def result(self, ticket: Any) -> Done:
        """What the part gave."""
        return self._done.pop(ticket)

    def cancel(self, tickets: Sequence[Any]) -> None:
        """Forget them; nothing runs."""
        for ticket in tickets:
            self._waiting.pop(ticket, None)
