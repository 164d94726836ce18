"""Σ J and its gradient by the workers of a cluster, each of which keeps rows of its own.

The rows are cut into shards by the data alone, and the shards are shared out among the workers. A
worker reads a shard when it is first asked for its sum, and keeps it packed. The driver adds up the
shards' sums in their order, so the bits do not depend on how many workers there are, nor on which
of them died.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..cluster.engine import Engine, Losses, LostPartError
from ..cluster.worker import Call, check_versions, own_versions
from ..kernels.network import problem
from ..kernels.network.linking import Use, linked
from ..kernels.second_order import objective
from ..training import buffers
from ..training.windows import Streamed

Array = NDArray[Any]

# Shards of a data set with more parts than that are several parts each. A gradient comes back of
# every shard: more of them would keep more workers busy, and the network too.
MOST_SHARDS = 64
# How often Ctrl-C is heard.
_WATCH_SECONDS = 0.05


class Shared(NamedTuple):
    """What every worker needs of the network and its data."""

    key: bytes  # of this descent alone
    table: Array  # not linked: it has no addresses
    dtype: Any
    lanes: int
    loss: int
    train: Streamed


class Request(NamedTuple):
    """The sums over some shards, at these parameters."""

    shards: tuple[range, ...]  # their parts
    parameters: Array


class Sum(NamedTuple):
    """Σ J over the rows of a shard, and its gradient."""

    cost: float
    gradient: Array


class WorkerCost:
    """`elsewhere.Cost` on a cluster.

    Parameters
    ----------
    engine : Engine
    table, parameters, loss
        The network.
    lanes : int
        Samples of a block.
    train : Streamed
        The examples; their source has to be one that can be sent.
    """

    def __init__(
        self, engine: Engine, table: Array, parameters: Array, lanes: int, loss: int,
        train: Streamed,
    ) -> None:  # fmt: skip
        self._engine, self._versions = engine, own_versions()
        check_versions(engine.workers(), self._versions)
        self._shards = shards_of(len(train.source.parts))
        shared = Shared(os.urandom(16), table, parameters.dtype, lanes, loss, train)
        self._shared = engine.share(shared)
        self._losses = Losses("sums")

    def at(self, parameters: Array, gradient: Array) -> float:
        """Σ J at these parameters; gradient ← Σ ∇J, both added up in the order of the shards."""
        count = len(self._shards)
        seats = min(self._engine.slots(), count)
        flying = {self._send(seat, seats, parameters): seat for seat in range(seats)}
        waiting: dict[int, Sum] = {}
        total, cost, following = np.zeros(gradient.size), 0.0, 0
        try:
            while following < count:
                self._receive(flying, waiting, seats, parameters)
                while following in waiting:
                    own = waiting.pop(following)
                    total += own.gradient
                    cost += own.cost
                    following += 1
        finally:
            self._engine.cancel(list(flying))
        gradient[:] = total
        return cost

    def close(self) -> None:
        """The workers forget the rows."""
        self._engine.close(self._shared)

    def _send(self, seat: int, seats: int, parameters: Array) -> Any:
        """Ask for the sums of the seat's shards, where their rows are if that can be chosen."""
        request = Request(tuple(self._shards[seat::seats]), parameters)
        call = Call(shard_sums, request, self._versions)
        return self._engine.submit_at(seat, self._shared, call)

    def _receive(
        self, flying: dict[Any, int], waiting: dict[int, Sum], seats: int, parameters: Array
    ) -> None:
        """The sums that have come back by now; those that were lost are asked for again."""
        for ticket in self._engine.completed(list(flying), _WATCH_SECONDS):
            seat = flying.pop(ticket)
            try:
                sums = self._engine.result(ticket).outcome
            except LostPartError as error:
                self._losses.add(error)
                flying[self._send(seat, seats, parameters)] = seat
                continue
            self._losses.end()
            waiting.update(zip(range(seat, len(self._shards), seats), sums, strict=True))


def shards_of(parts: int) -> list[range]:
    """The parts of each shard: as many shards as parts, or some parts for each.

    >>> shards_of(3), len(shards_of(1000))
    ([range(0, 1), range(1, 2), range(2, 3)], 63)
    """
    size = -(-parts // MOST_SHARDS)
    return [range(first, min(first + size, parts)) for first in range(0, parts, size)]


class _Kept(NamedTuple):
    """The shards that this process has read for one descent."""

    key: bytes
    shards: dict[range, problem.Data]


_kept = _Kept(b"", {})


def _shards_kept(key: bytes) -> dict[range, problem.Data]:
    """The shards of the descent with this key; those of another descent are given up.

    The caller holds on to what it got: another thread's descent may take the place meanwhile.
    """
    global _kept
    kept = _kept
    if kept.key != key:
        kept = _kept = _Kept(key, {})
    return kept.shards


def shard_sums(shared: Shared, request: Request) -> list[Sum]:
    """What a worker computes: the sums over some shards, whose rows it keeps.

    Raises
    ------
    Exception
        What reading the rows raises.
    """
    kept, lanes = _shards_kept(shared.key), shared.lanes
    use = Use(shared.dtype, single=lanes == 1, cost=True, train=True)
    parameters, table = np.array(request.parameters), linked(shared.table, use)
    found = []
    for parts in request.shards:
        if parts not in kept:
            kept[parts] = _read(shared, parts)
        model = buffers.model(table, parameters, shared.train, lanes, 1, shuffle=False)
        found.append(_sum_over(model, kept[parts], lanes, shared.loss))
    return found


def _sum_over(model: problem.Model, data: problem.Data, lanes: int, loss: int) -> Sum:
    """Σ J over all rows of the data, and its gradient."""
    position, cost = np.zeros(objective.PHASE + 1, np.int64), np.zeros(2)
    settings = objective.Settings(
        n=data.n, epochs=0, lanes=lanes, loss=loss, scale=1.0, weight_decay=0.0,
        gradient_tolerance=0.0, cost_tolerance=0.0,
    )  # fmt: skip
    # A line search may try parameters whose cost is beyond all numbers.
    with np.errstate(over="ignore", invalid="ignore"):
        objective.evaluate(model, data, position, cost, settings)
    return Sum(float(cost[0]), model.gradient)


def _read(shared: Shared, parts: range) -> problem.Data:
    """The rows of some parts, checked and packed."""
    found = list(shared.train.walk(parts))
    X, y, weights = (
        np.concatenate([getattr(own, name) for own in found]) for name in ("X", "y", "weights")
    )
    lanes = shared.lanes
    return buffers.arrange(shared.table, Examples(X, y, weights), lanes, lanes, 1, shuffle=False)
