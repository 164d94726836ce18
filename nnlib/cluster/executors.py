"""Parts on any `concurrent.futures.Executor`: of processes, of threads, or somebody else's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import Any

from .engine import Engine
from .packing import pack_into_file, remove
from .worker import Call, Done, Worker, this_worker, work_on


class OnExecutor(Engine):
    """The workers of an executor that the user has made.

    Parameters
    ----------
    executor : Executor
        One that is shut down is refused.

    Raises
    ------
    ValueError
        If it takes no work any more.
    """

    def __init__(self, executor: Executor) -> None:
        self.name = type(executor).__name__
        self._executor = executor
        self._in_process = isinstance(executor, ThreadPoolExecutor)
        try:
            self._first = executor.submit(this_worker)
        except RuntimeError as error:
            raise ValueError(
                f"cluster is a {self.name} that takes no work: {error}. Make a new one, and call "
                "train_many inside its with block"
            ) from error

    def slots(self) -> int:
        """Its number of workers, if it says that, else the processors of this machine."""
        for name in ("_max_workers", "max_workers"):
            count = vars(self._executor).get(name)
            if isinstance(count, int):
                return count
        return os.cpu_count() or 1

    def workers(self) -> list[Worker]:
        """One of them: an executor does not say which worker gets what; each part looks again."""
        try:
            return [self._first.result()]
        except BrokenExecutor as error:
            raise self._broken(error) from error
        except ImportError as error:
            raise RuntimeError(f"cluster: a worker cannot import nnlib: {error}") from error

    def share(self, value: Any) -> Any:
        """For threads the value itself, else a file that workers map into their memory."""
        return value if self._in_process else pack_into_file(value)

    def submit(self, shared: Any, call: Call) -> Any:
        """A future."""
        try:
            return self._executor.submit(work_on, shared, call)
        except BrokenExecutor as error:
            raise self._broken(error) from error

    def completed(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """Those futures that are done."""
        return list(wait(tickets, timeout=seconds, return_when=FIRST_COMPLETED).done)

    def result(self, ticket: Any) -> Done:
        """Of a future."""
        future: Future[Done] = ticket
        try:
            return future.result()
        except BrokenExecutor as error:
            raise self._broken(error) from error

    def cancel(self, tickets: Sequence[Any]) -> None:
        """Those that have not begun; an executor ends no others."""
        for ticket in tickets:
            ticket.cancel()

    def close(self, shared: Any) -> None:
        """Remove the file."""
        if not self._in_process:
            remove(shared)

    def _broken(self, error: BaseException) -> RuntimeError:
        return RuntimeError(
            f"cluster: a worker of {self.name} died, which takes no work any more: {error}. Ray, "
            "Dask and checkpoint=folder survive that"
        )
