"""Parts on a backend of joblib, by its name, as "threading" or one that somebody registered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .engine import Engine
from .packing import pack_into_file, remove
from .worker import Call, Done, Worker, this_worker, work_on


class OnJoblib(Engine):
    """The workers of a backend. joblib takes all its tasks at once: parts come in waves.

    A ticket is the number of a part; those submitted since the last wave make up the next one.

    Parameters
    ----------
    backend : str
    """

    def __init__(self, backend: str) -> None:
        import joblib

        self.name = f"joblib's backend {backend!r}"
        self._joblib, self._backend = joblib, backend
        self._waiting: list[tuple[int, Any, Call]] = []
        self._wave: Iterator[tuple[int, Done]] = iter(())
        self._done: dict[int, Done] = {}
        self._next = 0

    def _parallel(self, **options: Any) -> Any:
        return self._joblib.Parallel(n_jobs=-1, backend=self._backend, batch_size=1, **options)

    def slots(self) -> int:
        """As many jobs as the backend runs at a time."""
        with self._joblib.parallel_config(backend=self._backend, n_jobs=-1):
            return int(self._joblib.effective_n_jobs())

    def workers(self) -> list[Worker]:
        """One of them."""
        return list(self._parallel()([self._joblib.delayed(this_worker)()]))

    def share(self, value: Any) -> Any:
        """A file that workers map into their memory."""
        return pack_into_file(value)

    def submit(self, shared: Any, call: Call) -> Any:
        """Put off till the next wave."""
        self._next += 1
        self._waiting.append((self._next, shared, call))
        return self._next

    def completed(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """The next part of this wave, or the first of the next one."""
        answer = next(self._wave, None)
        if answer is None:
            wave, self._waiting = self._waiting, []
            parallel = self._parallel(return_as="generator_unordered")
            self._wave = parallel(self._joblib.delayed(_numbered)(*own) for own in wave)
            answer = next(self._wave)
        number, self._done[number] = answer
        return [number]

    def result(self, ticket: Any) -> Done:
        """What the part gave."""
        return self._done.pop(ticket)

    def cancel(self, tickets: Sequence[Any]) -> None:
        """Those of the next wave."""
        self._waiting.clear()

    def close(self, shared: Any) -> None:
        """Remove the file."""
        remove(shared)


def _numbered(number: int, shared: Any, call: Call) -> tuple[int, Done]:
    """One part, with its number: they come back as they end."""
    return number, work_on(shared, call)
