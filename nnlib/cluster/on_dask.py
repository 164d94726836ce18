"""Parts on Dask: a `distributed.Client`, or the address of a scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

from .engine import Engine, LostPartError
from .packing import pack
from .worker import Call, Done, Worker, this_worker, work_on

# How long the first worker may take to appear.
_PATIENCE_SECONDS = 60
# How long a scheduler may take to answer.
_ANSWER_SECONDS = 10


class OnDask(Engine):
    """The workers of a Dask client, one part for each of their threads.

    Parameters
    ----------
    client : distributed.Client
    ours : bool
        Whether the client was made for this work alone, and is closed with it.
    """

    name = "Dask"

    def __init__(self, client: Any, ours: bool = False) -> None:
        if client.status != "running":
            raise ValueError(f"cluster is a Dask client that is {client.status}, wanted a new one")
        self._client, self._ours = client, ours
        client.wait_for_workers(1, timeout=_PATIENCE_SECONDS)

    def slots(self) -> int:
        """Threads of all workers."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def workers(self) -> list[Worker]:
        """All."""
        answers = self._client.run(this_worker, on_error="return")
        for address, answer in answers.items():
            if isinstance(answer, BaseException):
                raise RuntimeError(
                    f"cluster: the worker at {address} cannot compute: {answer!r}. Install nnlib "
                    "and numba there, in the versions of this machine"
                ) from answer
        return list(answers.values())

    def share(self, value: Any) -> Any:
        """A copy on every worker, so that it survives any of them."""
        (shared,) = self._client.scatter([pack(value)], broadcast=True, hash=False)
        return shared

    def submit(self, shared: Any, call: Call) -> Any:
        """A future of Dask's."""
        return self._client.submit(work_on, shared, call, pure=False)

    def submit_at(self, seat: int, shared: Any, call: Call) -> Any:
        """A worker has each seat, by the order of their addresses; another one if it is lost."""
        workers = sorted(self._client.nthreads())
        at = {"workers": workers[seat % len(workers)], "allow_other_workers": True}
        return self._client.submit(work_on, shared, call, pure=False, **(at if workers else {}))

    def completed(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """Those futures that are done."""
        from distributed import wait

        try:
            return list(wait(tickets, timeout=seconds, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []

    def result(self, ticket: Any) -> Done:
        """Of a future."""
        from distributed import KilledWorker

        try:
            done: Done = ticket.result()
        except (KilledWorker, CancelledError) as error:
            raise LostPartError(f"Dask: {error}") from error
        return done

    def cancel(self, tickets: Sequence[Any]) -> None:
        """Those that have not begun."""
        self._client.cancel(tickets)

    def close(self, shared: Any) -> None:
        """Close the connection, if it is ours."""
        if self._ours:
            self._client.close()


def client_at(address: str) -> Any:
    """A client of the scheduler at an address such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    ImportError
        If Dask is not installed.
    ValueError
        If nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            f"cluster={address!r} needs Dask, the extra dask: pip install dask distributed"
        ) from None
    try:
        return Client(address, timeout=_ANSWER_SECONDS)
    except OSError as error:
        raise ValueError(f"cluster is {address!r}, where no Dask scheduler answers") from error


def client_here() -> Any:
    """The client in use, or one of a cluster started on this machine.

    Raises
    ------
    ImportError
        If Dask is not installed.
    """
    try:
        from distributed import Client, get_client
    except ImportError:
        raise ImportError(
            "cluster='dask' needs Dask, the extra dask: pip install dask distributed"
        ) from None
    try:
        return get_client()
    except ValueError:
        return Client(threads_per_worker=1, dashboard_address=None)
