"""Σ J and its gradient by the workers of a cluster, each of which keeps rows of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..cluster.engine import Engine
from ..kernels.network import problem
from ..kernels.network.linking import Use, linked
from ..kernels.second_order import objective
from ..training import buffers
from ..training.shards import shards_of
from ..training.tree_sums import Node, Sum
from ..training.windows import Streamed
from ..training.worker_sums import (
    Request,
    Shared,
    WorkerSums,
    kept_shards,
    rows_of_shard,
    sums_of_shards,
)

Array = NDArray[Any]


class NetworkCost(NamedTuple):
    """What a worker needs of the network."""

    table: Array  # not linked: it has no addresses
    lanes: int
    loss: int


class WorkerCost:
    """`elsewhere.Cost` on a cluster.

    Parameters
    ----------
    engine : Engine
    network : NetworkCost
    train : Streamed
        The examples; their source has to be one that can be sent.
    """

    def __init__(self, engine: Engine, network: NetworkCost, train: Streamed) -> None:
        shards = shards_of(train.source.parts)
        self._sums = WorkerSums(engine, cost_sums, train, shards, network)

    def at(self, parameters: Array, gradient: Array) -> float:
        """Σ J at these parameters; gradient ← Σ ∇J."""
        found = self._sums.at(parameters, None)
        gradient[:] = found.gradient
        return found.cost

    def close(self) -> None:
        """The workers forget the rows."""
        self._sums.close()


def cost_sums(shared: Shared, request: Request) -> dict[Node, Sum]:
    """What a worker computes: the sums over some shards, whose rows it keeps packed.

    Raises
    ------
    Exception
        What reading the rows raises.
    """
    network: NetworkCost = shared.network
    kept, lanes = kept_shards(shared), network.lanes
    # Ray's memory is read-only, which compiled code does not know.
    parameters = np.array(request.parameters)
    table = linked(network.table, Use(parameters.dtype, single=lanes == 1, cost=True, train=True))
    scratch = buffers.model(table, parameters, shared.train, lanes, 1, shuffle=False)

    def sum_of_shard(number: int) -> Sum:
        parts = shared.shards[number]
        if parts not in kept:
            rows = rows_of_shard(shared, parts)
            kept[parts] = buffers.arrange(network.table, rows, lanes, lanes, 1, shuffle=False)
        model = scratch._replace(gradient=np.zeros_like(parameters))
        return _sum_over(model, kept[parts], lanes, network.loss)

    return sums_of_shards(shared, request, sum_of_shard)


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
