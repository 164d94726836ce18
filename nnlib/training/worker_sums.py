"""Sums over all shards by the workers of a cluster, whatever a shard's sum is.

The shards are shared out among the workers, neighbours to the same one. A worker reads a shard when
it is first asked for its sum, and keeps its rows. The driver adds up what comes back by
`tree_sums`, so the bits do not depend on how many workers there are, nor on which of them died.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..checks.examples import Examples, joined
from ..cluster.engine import Engine, Losses, LostPartError
from ..cluster.worker import Call, check_versions, own_versions
from .tree_sums import Node, Sum, nodes_within, root, sum_of
from .windows import Streamed

Array = NDArray[Any]

# How often Ctrl-C is heard.
_WATCH_SECONDS = 0.05


class Shared(NamedTuple):
    """What every worker needs of a descent."""

    key: bytes  # of this descent alone
    shards: list[range]  # their parts
    train: Streamed
    network: Any  # what the function that adds up needs besides


class Request(NamedTuple):
    """The sums over some neighbouring shards."""

    shards: range
    parameters: Array
    place: Any  # in the descent, as the function that adds up wants it


class WorkerSums:
    """Sums on a cluster.

    Parameters
    ----------
    engine : Engine
    function : callable
        Adds up on a worker, see `sums_of_shards`; of a module that workers can import.
    train : Streamed
        The examples; their source has to be one that can be sent.
    shards : list of range
        The parts of each shard.
    network : object
        What the function needs besides.
    """

    def __init__(
        self, engine: Engine, function: Callable[[Shared, Request], dict[Node, Sum]],
        train: Streamed, shards: list[range], network: Any,
    ) -> None:  # fmt: skip
        self._engine, self._function, self._versions = engine, function, own_versions()
        check_versions(engine.workers(), self._versions)
        self._count = len(shards)
        self._shared = engine.share(Shared(os.urandom(16), shards, train, network))
        self._losses = Losses("sums")

    def at(self, parameters: Array, place: Any) -> Sum:
        """The sum over all shards, at these parameters and this place of the descent.

        Raises
        ------
        Exception
            What reading the rows raised, on the worker.
        RuntimeError
            If too many sums in a row were lost with their workers.
        """
        count, seats = self._count, min(self._engine.slots(), self._count)
        requests = [
            Request(range(seat * count // seats, (seat + 1) * count // seats), parameters, place)
            for seat in range(seats)
        ]
        flying = {self._send(seat, requests[seat]): seat for seat in range(seats)}
        found: dict[Node, Sum] = {}
        try:
            while flying:
                for ticket in self._engine.completed(list(flying), _WATCH_SECONDS):
                    seat = flying.pop(ticket)
                    own = self._received(ticket)
                    if own is None:
                        flying[self._send(seat, requests[seat])] = seat
                    else:
                        found.update(own)
        finally:
            self._engine.cancel(list(flying))
        return sum_of(root(count), count, found.get)

    def close(self) -> None:
        """The workers forget the rows."""
        self._engine.close(self._shared)

    def _send(self, seat: int, request: Request) -> Any:
        """Ask for sums, where the rows are if that can be chosen."""
        call = Call(self._function, request, self._versions)
        return self._engine.submit_at(seat, self._shared, call)

    def _received(self, ticket: Any) -> dict[Node, Sum] | None:
        """The sums that have come back; None if they were lost with their worker."""
        try:
            found: dict[Node, Sum] = self._engine.result(ticket).outcome
        except LostPartError as error:
            self._losses.add(error)
            return None
        self._losses.end()
        return found


class _Kept(NamedTuple):
    """What this process has read for one descent."""

    key: bytes
    shards: dict[range, Any]


_kept = _Kept(b"", {})


def kept_shards(shared: Shared) -> dict[range, Any]:
    """What this process keeps of the descent's shards; those of another descent are given up.

    The caller holds on to what it got: another thread's descent may take the place meanwhile.
    """
    global _kept
    kept = _kept
    if kept.key != shared.key:
        kept = _kept = _Kept(shared.key, {})
    return kept.shards


def sums_of_shards(
    shared: Shared, request: Request, sum_of_shard: Callable[[int], Sum]
) -> dict[Node, Sum]:
    """What a worker gives back: its shards' sums, added up as far as they are neighbours."""

    def known(node: Node) -> Sum | None:
        return sum_of_shard(node.number) if node.level == 0 else None

    count = len(shared.shards)
    nodes = nodes_within(request.shards, count)
    return {node: sum_of(node, count, known) for node in nodes}


def rows_of_shard(shared: Shared, parts: range) -> Examples:
    """The checked rows of a shard's parts.

    Raises
    ------
    Exception
        What reading the rows raises.
    """
    return joined(list(shared.train.walk(parts)))
