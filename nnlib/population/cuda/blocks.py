"""Members of a population on a GPU, a block of threads each: buffers, launches, what is kept.

Members are laid one after the other in three buffers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cuda import launch
from ...cuda.arrays import flat, on_device
from ...cuda.memory import Buffers, settings_vector
from ...kernels.network import problem
from ...kernels.network.rules import RULES
from ...model.architecture import Architecture
from ...optimizers import Optimizer
from ...training import buffers
from ...training.cuda import Counts, Shape, dataset_of, packed_header
from ...training.options import Options
from ...training.positions import last_good_epoch
from ..work import Group, Work
from .slices import Look, run_launches

Array = NDArray[Any]


def cut(work: Work, group: Group) -> launch.Cut:
    """How a member is cut; raises `ValueError` if it does not fit a block."""
    own, batch = _architecture(group), group.options.batch_size or len(work.train.X)
    itemsize = group.network.dtype.itemsize
    found = launch.cut_alone(batch, own.training_table, own.size, own.units, itemsize)
    if found is None:
        raise ValueError(
            f"a population of networks with {own.size} parameters and sizes {list(own.sizes)} "
            "does not fit a GPU's shared memory: leave out device='cuda', or train them one at a "
            "time with Network.descent"
        )
    return found


def _architecture(group: Group) -> Architecture:
    """The members' architecture as a descent sees it."""
    return group.network.descent_architecture(group.options.dropout)


class BlocksPart:
    """Some members of a group, a block of threads each in one launch.

    Parameters
    ----------
    work : Work
    group : Group
        The members' architecture and options.
    jobs : ndarray of int64
        Which of the members.
    """

    # Where a member's position says how it stands.
    _status = problem.STATUS

    def __init__(self, work: Work, group: Group, jobs: Array) -> None:
        self._work, self._jobs = work, jobs
        network, options = group.network, self._packed_options(group.options)
        architecture = _architecture(group)
        table, units, loss = architecture.training_table, architecture.units, architecture.loss_code
        layout = buffers.layout(options, work.train, network.parameters, table)
        settings = buffers.settings(options, table, layout.lanes, layout.chunks, loss, 0)
        held_out = 0 if work.validation is None else len(work.validation.X)
        weighted = bool(work.train.weights.size or work.members.example_weights.size)
        self._cut = cut(work, group)
        shape = Shape(table, network.parameters.size, units, self._vectors(group))
        counts = Counts(len(work.train.X), held_out, weighted)
        header = packed_header(self._cut, shape, counts, settings, layout)
        self._size = network.parameters.size
        self._buffers = Buffers(header, table, network.dtype, jobs.size)
        self.bytes_of_one = sum(buffer.nbytes for buffer in self._buffers.host) // jobs.size
        self.epochs = np.zeros(jobs.size, np.int64)
        self._fill(settings_vector(settings))

    def _packed_options(self, options: Options) -> Options:
        """The options that the buffers are laid out by."""
        return options

    def _vectors(self, group: Group) -> list[int]:
        """Sizes of the optimizer's two vectors."""
        size, optimizer = group.network.parameters.size, group.options.optimizer
        assert isinstance(optimizer, Optimizer)
        return [size * needed for needed in optimizer.vectors]

    def _fill(self, settings: Array) -> None:
        """Every member's start, settings, rates, weights and generator."""
        members, jobs, own = self._work.members, self._jobs, self._buffers
        model, state, parts = own.network(0)
        parameters = members.parameters.reshape(-1, members.stride)[jobs, : self._size]
        own.rows(model.parameters)[:] = parameters
        own.rows(state.snapshots)[:] = np.tile(parameters, 2)
        if parts.best.size:
            own.rows(parts.best)[:] = parameters
        choice = members.choice[jobs]
        rates = members.rates.reshape(-1, members.rate_width)[choice]
        epochs = np.minimum(np.arange(state.rates.size), members.rate_width - 1)
        own.rows(state.rates)[:] = rates[:, epochs]
        numbers = own.rows(state.numbers)
        numbers[:, [problem.BEST, problem.PATIENCE_BEST, problem.PLATEAU_BEST]] = np.inf
        numbers[:, problem.RATE_FACTOR] = 1
        all_settings = own.rows(own.settings(0))
        all_settings[:] = settings
        all_settings[:, :RULES] = members.choices.reshape(-1, RULES)[choice]
        places = own.rows(state.own)
        if members.weight_row.size:
            places[:, 0] = members.weight_row[jobs]
        if members.dropout_seeds.size:
            places[:, 1] = members.dropout_seeds[jobs]
        if members.generators.size:
            words = members.generators.view(np.int64).reshape(-1, 4)
            own.rows(state.generator)[:] = words[jobs]
            own.rows(state.generators)[:] = np.tile(words[jobs], 2)

    def run(self, look: Look) -> None:
        """Slice by slice, till all members have ended or `look` says to stop."""
        work, dtype = self._work, self._buffers.host[2].dtype
        weights = work.members.example_weights
        weights = weights if weights.size else work.train.weights
        train = dataset_of(dtype, flat(work.train.X), flat(work.train.y), flat(weights))
        held_out = dataset_of(dtype, *[np.empty(0, dtype)] * 3)
        if work.validation is not None:
            own = work.validation
            held_out = held_out._replace(x=on_device(flat(own.X)), y=on_device(flat(own.y)))
        run_launches(self._launch(launch.Datasets(train, held_out)), self._progress, look)

    def _launch(self, examples: launch.Datasets) -> launch.Run:
        """What runs the members for a number of batches."""
        return launch.alone(self._cut, self._buffers.upload(), examples, self._jobs.size)

    def _progress(self) -> tuple[int, bool]:
        """Epochs run so far, and whether a member is still running."""
        self._buffers.download_integers()
        position = self._buffers.rows(self._buffers.network(0)[1].position)
        running = (position[:, self._status] == problem.RUNNING).any()
        return int(position[:, problem.EPOCH].sum()), bool(running)

    def finish(self) -> None:
        """Write what is kept of the members, each left at an epoch's end."""
        members, jobs, own = self._work.members, self._jobs, self._buffers
        own.download()
        model, state, parts = own.network(0)
        parameters, position = own.rows(model.parameters), own.rows(state.position)
        epochs, batch = position[:, problem.EPOCH], position[:, problem.BATCH]
        bad = ~np.isfinite(parameters).all(axis=1)
        position[bad, problem.STATUS] = problem.DIVERGED
        diverged = position[:, problem.STATUS] == problem.DIVERGED
        kept = last_good_epoch(position, diverged)
        inside = diverged | (batch > 0) | (position[:, problem.VALIDATING] == 1)
        generators = own.rows(state.generator)
        for current, place in ((parameters, state.snapshots), (generators, state.generators)):
            snapshots = own.rows(place).reshape(jobs.size, 2, -1)
            current[inside] = snapshots[np.flatnonzero(inside), kept[inside] % 2]
        if parts.best.size:
            chosen = (epochs > 0) & ~diverged
            parameters[chosen] = own.rows(parts.best)[chosen]
        members.parameters.reshape(-1, members.stride)[jobs, : self._size] = parameters
        self._keep_trace(own.rows(state.costs), members.costs, epochs)
        if parts.best.size:
            self._keep_validation(own.rows(state.validation_costs), epochs)
        if members.generators.size:
            words = members.generators.view(np.int64).reshape(-1, 4)
            words[jobs] = generators
        self.epochs = epochs.copy()
        members.epochs[jobs] = epochs
        members.status[jobs] = position[:, problem.STATUS]

    def _keep_trace(self, costs: Array, kept: Array, epochs: Array) -> None:
        """The costs of the epochs that are to be kept, as far as they were run."""
        points = self._work.members.kept_epochs
        rows = kept.reshape(-1, points.size)
        run = points[None, :] < epochs[:, None]
        rows[self._jobs] = np.where(run, costs[:, points], rows[self._jobs])

    def _keep_validation(self, costs: Array, epochs: Array) -> None:
        members = self._work.members
        self._keep_trace(costs, members.validation_costs, epochs)
        seen = np.where(np.arange(costs.shape[1]) < epochs[:, None], costs, np.inf)
        lowest = seen.argmin(axis=1)
        cost = seen[np.arange(len(lowest)), lowest]
        found = cost < np.inf
        members.validation_cost[self._jobs[found]] = cost[found]
        members.best_epoch[self._jobs[found]] = lowest[found]
