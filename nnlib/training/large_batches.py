"""One descent by epochs whose batches are summed up by the workers of a cluster.

The driver of all descents makes the steps, so that every optimizer and every rule is the one of a
descent in memory; the sums over a batch come from `worker_sums`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from ..checks.examples import Examples
from ..cluster.door import engine_for
from ..kernels.layers.operations import BUFFER_UNITS, convolves, multiply_adds
from ..kernels.network import problem
from ..kernels.network.cut import block_lanes
from ..kernels.network.linking import Use, linked
from ..kernels.network.problem import BATCH, EPOCH, RUNNING, STATUS, STEP, VALIDATING
from ..kernels.training.descent import descend
from ..kernels.training.elsewhere import given_rounds_address
from . import buffers
from .buffers import OptimizerState
from .descent import Array, Learner
from .options import Options
from .shards import SUMMED, most_shards, shards_of, taken_of_shards
from .source_descent import SourceDescent
from .windows import Streamed
from .worker_batches import BatchPlace, NetworkBatches, batch_sums
from .worker_sums import WorkerSums


class LargeBatchDescent(SourceDescent):
    """A descent whose gradients come from workers; otherwise as `Descent`.

    Every shard gives its share to every batch. With shuffling, the rows of each shard have an order
    drawn for every epoch.
    """

    _device = f"cpu, {SUMMED}"
    _sums: WorkerSums | None = None

    def __init__(
        self,
        learner: Learner,
        train: Examples,
        validation: Examples | None,
        options: Options,
        memory: OptimizerState | None,
    ) -> None:
        assert isinstance(train, Streamed)
        size = min(options.batch_size or len(train.y), len(train.y))
        self._shards = shards_of(train.source.parts, most_shards(size))
        self._rows = [sum(train.source.parts[part] for part in own) for own in self._shards]
        self._words: Array | None = None
        super().__init__(learner, train, validation, options, memory)

    def _layout(
        self, options: Options, train: Examples, parameters: Array, table: Array
    ) -> buffers.Layout:
        """Blocks of a shard's share; the driver has no chunks to add up."""
        n, d_in = train.X.shape
        batch = min(options.batch_size or n, n)
        share = -(-batch // len(self._shards))
        units = int(table[BUFFER_UNITS])
        lanes = block_lanes(share, units, d_in, parameters.itemsize, convolves(table))
        return buffers.Layout(batch, options.shuffle and batch < n, 1, lanes)

    def _allocate(
        self,
        table: Array,
        parameters: Array,
        train: Examples,
        validation: Examples | None,
        layout: buffers.Layout,
    ) -> None:
        """The driver and its arrays, and the workers."""
        assert isinstance(train, Streamed)
        lanes, size, n = layout.lanes, layout.batch_size, len(train.y)
        optimizer = self._settings.optimizer
        use = Use(parameters.dtype, lanes == 1, cost=True, train=True, optimizer=optimizer)
        rounds = given_rounds_address(parameters.dtype)
        self._descend, self._code = partial(descend, rounds), rounds
        own, nothing = linked(table, use), np.empty(0, parameters.dtype)
        no_order = np.empty(0, np.int64)
        self._data = problem.Data(nothing, nothing, nothing, no_order, n, size, 1, 1, 0, 0, 0)
        self._validation = buffers.validation_data(own, train, validation, lanes, 1)
        self._model = buffers.model(own, parameters, train, lanes, 1, shuffle=False)
        self._members, self._shuffled = 1, layout.shuffle
        self._work = 3 * multiply_adds(table) * size
        network = NetworkBatches(table, self._settings, whole=size == n)
        engine = engine_for(self._options.cluster)
        self._sums = WorkerSums(engine, batch_sums, train, self._shards, network)

    def _end_reading(self) -> None:
        if self._sums is not None:
            self._sums.close()

    @contextmanager
    def _driver(self) -> Iterator[Callable[[int], Any]]:
        """What runs the descent: before each step the workers make its sums."""
        if self._shuffled and self._words is None:  # after a checkpoint has been read
            self._words = self._state.generator.copy()
        position = self._state.position
        with super()._driver() as run_driver:

            def run(rounds: int) -> None:
                while rounds > 0 and position[STATUS] == RUNNING:
                    own = 1
                    if position[VALIDATING]:
                        own = min(rounds, self._rounds.left(position))
                    else:
                        self._sum_up()
                    run_driver(own)
                    rounds -= own

            yield run

    def _sum_up(self) -> None:
        """Σ J and Σ ∇J of the batch where the descent stands, for the driver."""
        assert self._sums is not None
        found = self._sums.at(self._model.parameters, self._place())
        self._model.gradient[:] = found.gradient
        self._state.chunk_costs[0] = found.cost

    def _place(self) -> BatchPlace:
        """The batch where the descent stands, and the share of every shard."""
        position, size, n = self._state.position, self._data.batch_size, self._data.n
        batch, lanes = int(position[BATCH]), self._settings.lanes
        first = taken_of_shards(self._rows, batch * size)
        end = taken_of_shards(self._rows, min((batch + 1) * size, n))
        blocks = [-(-(last - row) // lanes) for row, last in zip(first, end, strict=True)]
        return BatchPlace(
            self._words, int(position[EPOCH]), int(position[STEP]), first, end,
            [0, *accumulate(blocks[:-1])],
        )  # fmt: skip
