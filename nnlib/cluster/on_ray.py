"""Parts on Ray: each a task of one processor, sent anew where a worker dies."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from ..machine.threads import get_threads
from .engine import Engine, LostPartError
from .packing import pack
from .worker import Call, Done, Worker, this_worker, work_on

# The schedule knows what becomes of a part whose worker died; Ray would send it again as a whole.
_RETRIES = 0
# How long parts may end by themselves, before they are cancelled: twice what a part takes, since
# one may wait for a processor.
_PATIENCE_SECONDS = 2.0


class OnRay(Engine):
    """The workers of Ray.

    Parameters
    ----------
    address : str or None
        Of a running Ray; None: the one in use, else one that runs here, else one started here.

    Raises
    ------
    ImportError
        If Ray is not installed.
    ValueError
        If no Ray answers at the address.
    """

    name = "Ray"

    def __init__(self, address: str | None = None) -> None:
        self._ray = _connected(address)
        task = self._ray.remote(work_on)
        self._task = task.options(num_cpus=1, max_retries=_RETRIES)
        self._seats: dict[int, Any] = {}  # actors
        self._taken: dict[Any, int] = {}  # the seats of tickets

    def slots(self) -> int:
        """Processors of all nodes."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def workers(self) -> list[Worker]:
        """One for each node."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        ray, asked = self._ray, self._ray.remote(this_worker)
        answers = []
        for node in ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
                options = {"num_cpus": 1, "scheduling_strategy": strategy}
                answers.append(asked.options(**options).remote())
        try:
            found: list[Worker] = ray.get(answers)
        except ray.exceptions.RayError as error:
            raise RuntimeError(
                f"cluster: a worker of Ray cannot compute: {error}. Install nnlib and numba on "
                "every node, or name them in runtime_env of ray.init"
            ) from error
        return found

    def share(self, value: Any) -> Any:
        """In the object store, where all workers of a node read it."""
        packed = pack(value)
        store = self._ray.cluster_resources().get("object_store_memory", 0)
        if packed.size > store:
            raise ValueError(
                f"cluster: X, y and what else all members share take {packed.size} bytes, and "
                f"Ray's object stores together hold {int(store)}: start Ray with more, as by "
                f"ray.init(object_store_memory={2 * packed.size})"
            )
        return self._ray.put(packed)

    def submit(self, shared: Any, call: Call) -> Any:
        """A reference to what the task will give."""
        return self._task.remote(shared, call)

    def submit_at(self, seat: int, shared: Any, call: Call) -> Any:
        """An actor has each seat; as many as processors, on all nodes."""
        seat %= self.slots()
        actor = self._seats.get(seat)
        if actor is None:
            kind = self._ray.remote(_Seat).options(num_cpus=1, scheduling_strategy="SPREAD")
            actor = self._seats[seat] = kind.remote()
        ticket = actor.work_on.remote(shared, call)
        self._taken[ticket] = seat
        return ticket

    def completed(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """Those that are ready."""
        tickets = list(tickets)
        ready: list[Any]
        ready, rest = self._ray.wait(tickets, num_returns=1, timeout=seconds)
        if ready and rest:
            ready += self._ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return ready

    def result(self, ticket: Any) -> Done:
        """What the task gave, or the error of the task itself in place of Ray's."""
        errors, seat = self._ray.exceptions, self._taken.pop(ticket, -1)
        try:
            done: Done = self._ray.get(ticket)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            self._seats.pop(seat, None)  # the next one gets a new actor
            raise LostPartError(f"Ray: {error}") from error
        return done

    def close(self, shared: Any) -> None:
        """End the actors; tasks leave nothing behind."""
        for actor in self._seats.values():
            self._ray.kill(actor)
        self._seats.clear()

    def cancel(self, tickets: Sequence[Any]) -> None:
        """What has not ended after a moment, by a KeyboardInterrupt if it runs.

        Ray aborts its driver now and then where a cancellation meets the end of the same task, as
        https://github.com/ray-project/ray/pull/54798 says. Most parts end by themselves, and are
        not cancelled then; a second Ctrl-C does not wait.
        """
        rest = list(tickets)
        try:
            if rest:
                _, rest = self._ray.wait(rest, num_returns=len(rest), timeout=_PATIENCE_SECONDS)
        finally:
            for ticket in rest:
                self._ray.cancel(ticket)


class _Seat:
    """An actor that does the calls of a seat."""

    def work_on(self, shared: Any, call: Call) -> Done:
        """One call, see `work_on`."""
        return work_on(shared, call)


def _connected(address: str | None) -> ModuleType:
    """Ray, connected."""
    try:
        ray: ModuleType = importlib.import_module("ray")
    except ImportError:
        raise ImportError("cluster='ray' needs Ray, the extra ray: pip install ray") from None
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    if ray.is_initialized():
        return ray
    try:
        ray.init(address=address or "auto", **quiet)
    except ConnectionError as error:
        if address is not None:
            raise ValueError(f"cluster is {address!r}, where no Ray answers") from error
        ray.init(num_cpus=get_threads(), include_dashboard=False, **quiet)
    return ray
