"""The engine that trains a population on a GPU: a block of threads per member, all epochs inside.

The smallest have a thread each, see `population_threads`. Members of a group are laid one after the
other in three buffers and go through one launch per slice; between two slices Python looks at the
time, the callback and Ctrl-C. The costs at the parameters reached, one pass per member, are taken
by the engine of the processor.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import buffers, cuda_launch
from .architecture import training_rows
from .cuda_arrays import on_device
from .cuda_descent import packed_header
from .cuda_memory import Buffers, settings_vector
from .cuda_slices import Look, run_slices
from .cuda_streaming import check_fits
from .kernels import losses, problem
from .kernels.cuda.problem import SETTINGS
from .kernels.operations import build_table
from .kernels.population import CHOICES
from .optimizers import FullBatch
from .population_engine import PopulationReport, take_costs
from .population_threads import ThreadsPart, in_threads
from .population_work import Group, Work
from .progress import Progress

Array = NDArray[Any]

# Of the buffers of one launch; more members take several launches one after the other.
MOST_BYTES = 2**30


def check(work: Work) -> None:
    """Refuse what the GPU cannot do, before any work.

    Raises
    ------
    ValueError
        For more examples than fit, successive halving, optimizers with drivers of their own, and
        networks of which one does not fit a block's shared memory.
    """
    check_fits("train_many", work.train.X, work.train.y)
    if work.rungs:
        raise ValueError("halving runs on the CPU only: leave out device='cuda', or halving")
    for group in work.groups:
        if isinstance(group.options.optimizer, FullBatch):
            raise ValueError(
                f"a population with optimizer {group.options.optimizer.name!r} runs on the CPU "
                "only: leave out device='cuda', or use another optimizer"
            )
        if not in_threads(work, group):
            _cut(work, group)


def _cut(work: Work, group: Group) -> cuda_launch.Cut:
    network, batch = group.network, group.options.batch_size or len(work.train.X)
    size = network.parameters.size
    cut = cuda_launch.cut_alone(
        batch, network.sizes, size, _rows_end(group), network.dtype.itemsize
    )
    if cut is None:
        raise ValueError(
            f"a population of networks with {size} parameters and sizes {list(network.sizes)} "
            "does not fit a GPU's shared memory: leave out device='cuda', or train them one at a "
            "time with Network.descent"
        )
    return cut


def _rows_end(group: Group) -> int:
    network = group.network
    names = network.sizes, network.activations, network.loss
    return training_rows(*names, group.options.dropout or ())[-1].end


def train(work: Work) -> None:
    """Train all members and take their costs; `work.stopped` says what ended it early, if so."""
    engine = _Engine(work)
    if work.options.epochs == 0:
        work.members.status[:] = problem.FINISHED
    else:
        try:
            engine.train()
        except KeyboardInterrupt:
            work.stopped = "interrupted"
    take_costs(work)


class _Engine:
    """The launches of one population, and what happens between them."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._start = time.perf_counter()
        self._epochs_before = 0

    def train(self) -> None:
        """All groups, in parts that fit the GPU's memory."""
        work = self._work
        with Progress(work.size * work.options.epochs, work.options.progress) as bar:
            for group in work.groups:
                kind = ThreadsPart if in_threads(work, group) else _Part
                most = max(1, MOST_BYTES // kind(work, group, group.jobs[:1]).bytes_of_one)
                for first in range(0, group.jobs.size, most):
                    part = kind(work, group, group.jobs[first : first + most])
                    try:
                        part.run(functools.partial(self._look, bar))
                    finally:
                        part.finish()
                    self._epochs_before += int(part.epochs.sum())
                    if work.stopped is not None:
                        return

    def _look(self, bar: Progress, epochs: int) -> bool:
        """Progress, the time limit, the callback; whether to go on."""
        work, options = self._work, self._work.options
        seconds = time.perf_counter() - self._start
        epochs += self._epochs_before
        if options.max_seconds is not None and seconds >= options.max_seconds and epochs:
            work.stopped = "max_seconds"
        bar.update(epochs)
        callback: Callable[[Any], Any] | None = options.callback
        if callback is not None:
            ended = int((work.members.epochs > 0).sum())
            if callback(PopulationReport(epochs, ended, work.size, seconds)) is True:
                work.stopped = work.stopped or "callback"
        return work.stopped is None


class _Part:
    """Some members of a group, in the buffers of one launch."""

    def __init__(self, work: Work, group: Group, jobs: Array) -> None:
        self._work, self._jobs = work, jobs
        network, options = group.network, group.options
        names = network.sizes, network.activations, network.loss
        table = build_table(training_rows(*names, options.dropout or ()))
        units, loss = _rows_end(group), losses.CODES[network.loss]
        layout = buffers.layout(options, work.train, network.parameters, units)
        settings = buffers.settings(options, layout.lanes, units, layout.chunks, loss, 0)
        held_out = 0 if work.validation is None else len(work.validation.X)
        weighted = bool(work.train.weights.size or work.members.example_weights.size)
        vectors = [network.parameters.size * needed for needed in settings_vectors(options)]
        self._cut = _cut(work, group)
        header = packed_header(
            self._cut, table, network.parameters.size, units, settings, layout,
            len(work.train.X), held_out, weighted, vectors,
        )  # fmt: skip
        self._size, self._batch = network.parameters.size, layout.batch_size
        self._batches = -(-len(work.train.X) // self._batch) + (held_out > 0)
        self._buffers = Buffers(header, table, network.dtype, jobs.size)
        self.bytes_of_one = sum(buffer.nbytes for buffer in self._buffers.host) // jobs.size
        self.epochs = np.zeros(jobs.size, np.int64)
        self._fill(settings_vector(settings))

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
        numbers[:, [problem.BEST, problem.PLATEAU_BEST]] = np.inf
        numbers[:, problem.RATE_FACTOR] = 1
        all_settings = own.rows(own.settings(0))
        all_settings[:] = settings
        chosen = members.choices.reshape(-1, len(CHOICES))[choice]
        for column, name in enumerate(CHOICES):
            all_settings[:, SETTINGS.index(name)] = chosen[:, column]
        places = own.rows(state.own)
        if members.weight_row.size:
            places[:, 0] = members.weight_row[jobs]
        if members.dropout_seeds.size:
            places[:, 1] = members.dropout_seeds[jobs]
        if members.generators.size:
            words = members.generators.view(np.int64).reshape(-1, 4)
            own.rows(state.generator)[:] = words[jobs]

    def run(self, look: Look) -> None:
        """Slice by slice, till all members have ended or `look` says to stop."""
        work = self._work
        dummy = np.zeros(1, self._buffers.host[2].dtype)
        weights = work.members.example_weights
        held_out = work.validation
        arrays = (
            work.train.X, work.train.y, weights if weights.size else work.train.weights,
            dummy if held_out is None else held_out.X, dummy if held_out is None else held_out.y,
        )  # fmt: skip
        examples = tuple(on_device(array.reshape(-1) if array.size else dummy) for array in arrays)
        launch = cuda_launch.alone(self._cut, self._buffers.upload(), examples, self._jobs.size)
        run_slices(launch, self._progress, look)

    def _progress(self) -> tuple[int, bool]:
        """Epochs run so far, and whether a member is still running."""
        self._buffers.download_integers()
        position = self._buffers.rows(self._buffers.network(0)[1].position)
        running = (position[:, problem.STATUS] == problem.RUNNING).any()
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
        # The cost of an epoch's first batch belongs to the parameters of that epoch's start.
        kept = np.where(diverged & (batch == 0) & (epochs > 0), epochs - 1, epochs)
        inside = diverged | (batch > 0) | (position[:, problem.VALIDATING] == 1)
        snapshots = own.rows(state.snapshots).reshape(jobs.size, 2, -1)
        parameters[inside] = snapshots[np.flatnonzero(inside), kept[inside] % 2]
        if parts.best.size:
            chosen = (epochs > 0) & ~diverged
            parameters[chosen] = own.rows(parts.best)[chosen]
        members.parameters.reshape(-1, members.stride)[jobs, : self._size] = parameters
        self._keep_trace(own.rows(state.costs), members.costs, epochs)
        if parts.best.size:
            self._keep_validation(own.rows(state.validation_costs), epochs)
        if members.generators.size:
            words = members.generators.view(np.int64).reshape(-1, 4)
            words[jobs] = own.rows(state.generator)
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


def settings_vectors(options: Any) -> tuple[bool, bool]:
    """Which of its two vectors the optimizer needs."""
    needed: tuple[bool, bool] = options.optimizer.vectors
    return needed
