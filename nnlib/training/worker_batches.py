"""What a worker of a cluster does for a descent by batches: Σ J and Σ ∇J over shares of a batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.formulas.shuffle import next_order
from ..kernels.network import problem
from ..kernels.network.linking import Use, linked
from ..kernels.training.elsewhere import Step, add_share
from . import buffers
from .tree_sums import Node, Sum
from .windows import generator_words
from .worker_sums import Request, Shared, kept_shards, rows_of_shard, sums_of_shards

Array = NDArray[Any]


class NetworkBatches(NamedTuple):
    """What a worker needs of the network."""

    table: Array  # not linked: it has no addresses
    settings: problem.Settings
    whole: bool  # whether every batch has all rows


class BatchPlace(NamedTuple):
    """The batch whose sums are wanted."""

    words: Array | None  # decide the orders of all epochs; None: rows come as they lie
    epoch: int
    step: int
    first_rows: list[int]  # of each shard's share, in the epoch's order of the shard
    end_rows: list[int]
    first_blocks: list[int]  # of each shard's share, in the batch


class ShardRows:
    """The rows of a shard, and their order in one epoch.

    Parameters
    ----------
    data : problem.Data
    number : int
        Of the shard, which decides its orders.
    """

    def __init__(self, data: problem.Data, number: int) -> None:
        self._data, self._number, self._ordered = data, number, (-1, data.order)

    def share(self, place: BatchPlace, lanes: int) -> problem.Data:
        """The rows of its share of a batch."""
        data = self._data
        if data.order.size == 0:
            return data
        first, end = place.first_rows[self._number], place.end_rows[self._number]
        size = end - first
        blocks = -(-size // lanes)
        return data._replace(
            order=self._order(place)[first:end], n=size, batch_size=size,
            batch_blocks=blocks, chunk_blocks=blocks,
        )  # fmt: skip

    def _order(self, place: BatchPlace) -> Array:
        """The order of the epoch, drawn when the first batch of it is asked for."""
        if place.words is None:
            return self._data.order
        epoch, order = self._ordered
        if epoch != place.epoch:
            order = np.arange(self._data.n)
            next_order(order, generator_words(place.words, place.epoch, self._number))
            self._ordered = place.epoch, order  # at once: other threads may want it too
        return order


def batch_sums(shared: Shared, request: Request) -> dict[Node, Sum]:
    """What a worker computes: sums over the shares of some shards, whose rows it keeps.

    Raises
    ------
    Exception
        What reading the rows raises.
    """
    network: NetworkBatches = shared.network
    place: BatchPlace = request.place
    kept, settings = kept_shards(shared), network.settings
    # Ray's memory is read-only, which compiled code does not know.
    parameters = np.array(request.parameters)
    use = Use(parameters.dtype, single=settings.lanes == 1, cost=True, train=True)
    table, gathered = linked(network.table, use), not network.whole
    scratch = buffers.model(table, parameters, shared.train, settings.lanes, 1, gathered)

    def sum_of_shard(number: int) -> Sum:
        parts = shared.shards[number]
        if parts not in kept:
            examples, lanes = rows_of_shard(shared, parts), settings.lanes
            data = buffers.arrange(table, examples, len(examples.y), lanes, 1, gathered)
            kept[parts] = ShardRows(data, number)
        model = scratch._replace(gradient=np.zeros_like(parameters))
        step, cost = Step(place.step, place.first_blocks[number]), np.zeros(1)
        # The driver judges a cost that is beyond all numbers.
        with np.errstate(over="ignore", invalid="ignore"):
            add_share(model, kept[parts].share(place, settings.lanes), settings, step, cost)
        return Sum(float(cost[0]), model.gradient)

    return sums_of_shards(shared, request, sum_of_shard)
