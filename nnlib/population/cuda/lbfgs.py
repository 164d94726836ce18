"""Members of a population on a GPU that are trained by L-BFGS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cuda import launch as cuda_launch
from ...kernels.cuda.compile.jit import cuda, launcher
from ...kernels.cuda.second_order import lbfgs
from ...kernels.network import problem
from ...kernels.network.rules import RULES, Rules
from ...kernels.second_order import objective
from ...optimizers import LBFGS
from ...training.options import Options
from ..work import Group, Work
from .blocks import BlocksPart

Array = NDArray[Any]


class LBFGSPart(BlocksPart):
    """As `BlocksPart`, for `kernels.cuda.second_order.lbfgs`: its rounds are evaluations."""

    _status = objective.STATUS

    def __init__(self, work: Work, group: Group, jobs: Array) -> None:
        assert isinstance(group.options.optimizer, LBFGS)
        self._optimizer = group.options.optimizer
        self._searches = np.zeros((jobs.size, lbfgs.numbers_size(self._optimizer.memory)))
        super().__init__(work, group, jobs)
        self.bytes_of_one += self._searches.itemsize * self._searches.shape[1]

    def _packed_options(self, options: Options) -> Options:
        # As of a descent on all the data; what else L-BFGS reads is filled in below.
        return Options(epochs=options.epochs, reduction=options.reduction)

    def _vectors(self, group: Group) -> list[int]:
        size = group.network.parameters.size
        return [3 * size, 2 * self._optimizer.memory * size]

    def _fill(self, settings: Array) -> None:
        super()._fill(settings)
        own = self._buffers
        model, state, _ = own.network(0)
        own.rows(state.first)[:, : self._size] = own.rows(model.parameters)
        rows, choice = own.rows(own.settings(0)), self._work.members.choice[self._jobs]
        rows[:, Rules._fields.index("l2")] = [self._work.choices[k].weight_decay for k in choice]
        rows[:, RULES] = self._optimizer.gradient_tolerance
        rows[:, RULES + 1] = self._optimizer.cost_tolerance

    def _launch(self, examples: cuda_launch.Datasets) -> cuda_launch.Run:
        buffers, cut = self._buffers.upload(), self._cut
        self._searches_there = cuda.to_device(self._searches.reshape(-1))
        launch = launcher(lbfgs.descend, self._jobs.size, cut.threads, cut.shared)
        train = examples.train  # nothing is held out
        return lambda rounds: launch(*buffers, self._searches_there, train, rounds)

    def finish(self) -> None:
        """Write what is kept of the members, each at its last completed iteration."""
        members, jobs, own = self._work.members, self._jobs, self._buffers
        own.download()
        _, state, _ = own.network(0)
        position, costs = own.rows(state.position), own.rows(state.costs)
        epochs, status = position[:, objective.EPOCH], position[:, objective.STATUS]
        # Without a finite start there is one cost to tell of.
        diverged = status == problem.DIVERGED
        if diverged.any():
            searches = self._searches_there.copy_to_host().reshape(self._searches.shape)
            costs[diverged, 0] = searches[diverged, 0]
            epochs[diverged] = 1
        base = own.rows(state.first)[:, : self._size]
        members.parameters.reshape(-1, members.stride)[jobs, : self._size] = base
        self._keep_trace(costs, members.costs, epochs)
        self.epochs = epochs.copy()
        members.epochs[jobs] = epochs
        unended = diverged | (status == problem.RUNNING)
        members.status[jobs] = np.where(unended, status, problem.FINISHED)
