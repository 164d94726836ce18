"""The engine that trains a population on the processor's threads.

Every thread has scratch of its own and takes members from a common counter; between two epochs of
nothing but itself does a thread wait. The caller's thread only watches: it shows progress, looks at
the time, hears Ctrl-C, and then asks the others to stop at the next epoch's end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..errors import DivergenceError
from ..history import History
from ..kernels.compile.duration import compile_seconds_of_all
from ..kernels.layers.operations import looks_at_batches, multiply_adds
from ..kernels.network import problem
from ..kernels.network.linking import Use, linked
from ..kernels.population.lanes import descend_lanes
from ..kernels.population.members import (
    CONTROL_SIZE,
    EPOCHS_RUN,
    NEXT,
    STOP,
    Costs,
    descend_members,
    member_costs,
)
from ..kernels.threads.team import disband
from ..kernels.training.staged import rounds_address
from ..machine.aligned import aligned_zeros
from ..machine.threads import Team, usable_threads
from ..model.function import NetworkFunction
from ..optimizers import FullBatch, Optimizer
from ..second_order import methods
from ..second_order.minimised import Minimised
from ..training import buffers
from ..training.contradictions import is_plain
from ..training.options import Options
from ..training.progress import Progress
from ..training.slices import units_within
from . import window_scratch
from .lanes import in_lanes, lanes
from .ranking import best_first, group_means
from .work import HALVED, Group, Work

Array = NDArray[Any]

# How long a thread computes before it looks up.
_LOOK_SECONDS = 0.01
# How often the caller's thread looks whether they are to stop.
WATCH_SECONDS = 0.05


@dataclass(frozen=True)
class PopulationReport:
    """Where the training of a population stands, as its callback sees it.

    Attributes
    ----------
    epochs : int
        Epochs run, of all members together.
    ended : int
        Members that have ended.
    members : int
        How many there are.
    seconds : float
        Since the training began.
    """

    epochs: int
    ended: int
    members: int
    seconds: float


class Scratch:
    """One thread's buffers for descents of one architecture with one kind of options."""

    def __init__(self, work: Work, network: NetworkFunction, options: Options) -> None:
        train, dtype = work.train, network.dtype
        architecture = network.descent_architecture(options.dropout, options.tbptt).reading(train.X)
        table = architecture.training_table
        parameters = aligned_zeros(architecture.size, dtype)
        if work.members.example_weights.size:
            # Each member's own weights will take the place of these.
            train = Examples(train.X, train.y, np.ones(len(train.X), dtype))
        layout = buffers.layout(options, train, parameters, table)
        lanes, chunks, shuffle = layout.lanes, layout.chunks, layout.shuffle
        table = buffers.descent_table(table, layout)
        loss = architecture.loss_code
        validated = work.validation is not None
        self.plain = chunks == 1 and not validated and is_plain(options, table)
        self.staged = looks_at_batches(table)
        use = Use(dtype, single=lanes == 1, cost=True, train=True)
        if not self.plain:
            assert isinstance(options.optimizer, Optimizer)
            use = use._replace(optimizer=options.optimizer.code)
        table = linked(table, use)
        generator = np.zeros(4, np.uint64)
        self.problem = problem.Problem(
            buffers.model(table, parameters, train, lanes, chunks, shuffle),
            buffers.arrange(table, train, layout.batch_size, lanes, chunks, shuffle),
            buffers.validation_data(table, train, work.validation, lanes, chunks),
            buffers.state(parameters, generator, options, validated, chunks, None, snapshots=True),
            buffers.settings(options, table, lanes, chunks, loss, 0),
        )
        # As many rounds as take about `_LOOK_SECONDS`.
        self.budget = units_within(_LOOK_SECONDS, 3 * multiply_adds(table) * lanes)


def train(work: Work) -> None:
    """Train all members and take their costs; `work.stopped` says what ended it early, if so.

    Ctrl-C is not passed on: every member is left at an epoch's end, and `work.stopped` is
    "interrupted".
    """
    training = _OnThreads(work)
    try:
        training.train()
    except KeyboardInterrupt:
        work.stopped = "interrupted"
    training.take_costs()
    restore_best(work)


def take_costs(work: Work) -> None:
    """The costs at the parameters reached, of a population that another engine has trained."""
    _OnThreads(work).take_costs()


class _OnThreads:
    """The threads of one population, and the thread that watches them."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._chosen = np.arange(work.size)
        self._start = time.perf_counter() - compile_seconds_of_all()
        self._epochs_before = 0
        self._lock = Lock()

    def train(self) -> None:
        """Every member to its last epoch; of the rungs' losers, to theirs."""
        work = self._work
        longest = work.options.epochs
        if longest == 0:
            work.members.status[:] = problem.FINISHED
        with Progress(work.size * longest, work.options.progress) as bar:
            for until, keep in work.rungs or [(longest, work.size)]:
                groups = list(self._to_do(work.members.epochs < until))
                self._on_all_threads(groups, partial(self._descend, until=until), bar)
                if work.stopped is not None:
                    return
                if until < longest:
                    self.take_costs()
                    going_on = survivors(work, self._chosen, keep)
                    ended = np.setdiff1d(self._chosen, going_on)
                    ended = ended[work.members.status[ended] == problem.FINISHED]
                    work.members.status[ended] = HALVED
                    self._chosen = going_on
        self._chosen = np.arange(work.size)

    def take_costs(self) -> None:
        """The costs at the parameters reached: infinite if diverged, NaN if never begun.

        The cost of what was held out is NaN too if that was nothing.
        """
        work = self._work
        diverged = work.members.status == problem.DIVERGED
        groups = list(self._to_do(work.begun & ~diverged, unfinished=False))
        self._on_all_threads(groups, self._take_costs, None)
        if work.held_out_cost.size:
            work.held_out_cost[~work.judged] = np.nan
        for cost in (work.cost, work.held_out_cost):
            cost[diverged if cost.size else slice(0)] = np.inf

    def _to_do(self, wanted: Array, unfinished: bool = True) -> Iterator[Group]:
        """The groups, with those of the members chosen that are wanted, and not yet ended."""
        status = self._work.members.status
        if unfinished:
            wanted = wanted & ((status == problem.RUNNING) | (status == problem.FINISHED))
        chosen = np.zeros(self._work.size, bool)
        chosen[self._chosen] = True
        for group in self._work.groups:
            jobs = group.jobs[(wanted & chosen)[group.jobs]]
            if jobs.size:
                yield replace(group, jobs=jobs)

    def _on_all_threads(
        self, groups: list[Group], function: Callable[..., None], bar: Progress | None
    ) -> None:
        """function(group, control) for every group, by all threads, which go through them alone."""
        controls = np.zeros((len(groups), CONTROL_SIZE), np.int64)

        def work_through(_: int) -> None:
            for group, control in zip(groups, controls, strict=True):
                function(group, control)

        team = Team()
        try:
            tasks = len(self._chosen)
            tasks = tasks if self._work.threads is None else min(tasks, self._work.threads)
            team.hire(usable_threads(tasks), work_through)
            while not team.wait(WATCH_SECONDS) and not team.errors:
                if bar is not None:
                    self._look(controls, bar)
        finally:
            # Nothing that an interrupt could part: the others leave at an epoch's end, and then
            # we go on. They have ended by themselves if nothing was raised.
            controls[:, STOP] = 1
            disband(team.board)
        if team.errors:
            raise team.errors[0]
        if not team.ended:
            raise RuntimeError("can't start a thread: the system has none to give, or no memory")
        if bar is not None:
            self._epochs_before += int(controls[:, EPOCHS_RUN].sum())
            bar.update(self._epochs_before)

    def _look(self, controls: Array, bar: Progress) -> None:
        """What happens every 50 ms: progress, the time limit, the callback."""
        work, options = self._work, self._work.options
        seconds = time.perf_counter() - compile_seconds_of_all() - self._start
        epochs = self._epochs_before + int(controls[:, EPOCHS_RUN].sum())
        # Not before there is a result.
        if options.max_seconds is not None and seconds >= options.max_seconds and epochs:
            work.stopped = "max_seconds"
        bar.update(epochs)
        callback: Callable[[Any], Any] | None = options.callback
        if callback is not None:
            ended = int((work.members.epochs > 0).sum())
            if callback(PopulationReport(epochs, ended, work.size, seconds)) is True:
                work.stopped = work.stopped or "callback"
        if work.stopped is not None:
            controls[:, STOP] = 1

    def _descend(self, group: Group, control: Array, until: int) -> None:
        """One thread's part of a group."""
        if isinstance(group.options.optimizer, FullBatch):
            descend_alone(self._work, group, control, self._lock)
            return
        if self._work.windows is not None:
            window_scratch.descend(self._work, group, control, until, _LOOK_SECONDS)
            return
        if in_lanes(self._work, group):
            members = self._work.members._replace(jobs=group.jobs)
            descend_lanes(members, lanes(self._work, group), control, until)
            return
        scratch = Scratch(self._work, group.network, group.options)
        descend_members(
            rounds_address(scratch.plain, scratch.staged, group.network.dtype),
            self._work.members._replace(jobs=group.jobs),
            scratch.problem,
            control,
            until,
            scratch.budget,
        )

    def _take_costs(self, group: Group, control: Array) -> None:
        """One thread's part of the costs of a group."""
        work = self._work
        if work.windows is not None:
            window_scratch.take_costs(work, group, control)
            return
        scratch = Scratch(work, group.network, Options(reduction=work.options.reduction))
        member_costs(
            Costs(work.cost, work.held_out_cost, work.held_out.reshape(-1)),
            work.members._replace(jobs=group.jobs),
            scratch.problem,
            control,
        )


def survivors(work: Work, chosen: Array, keep: int) -> Array:
    """The members of the `keep` best candidates among those chosen, in their order.

    A candidate is `work.siblings` neighbours, the folds of one network; their mean score counts.
    """
    candidates = chosen.reshape(-1, work.siblings)
    number = np.arange(chosen.size) // work.siblings
    best = best_first(group_means(work.ranked()[chosen], number))[:keep]
    return candidates[np.sort(best)].reshape(-1)


def restore_best(work: Work) -> None:
    """Where members could pause, their parameters become those of the best validation cost."""
    members = work.members
    if members.best.size:
        rows = (members.epochs > 0) & (members.status != problem.DIVERGED)
        parameters = members.parameters.reshape(work.size, -1)
        parameters[rows] = members.best.reshape(work.size, -1)[rows]


def descend_alone(work: Work, group: Group, control: Array, lock: Lock) -> None:
    """Members whose optimizer has a driver of its own, one call from Python each."""
    while not control[STOP]:
        with lock:
            place = int(control[NEXT])
            control[NEXT] += 1
        if place >= group.jobs.size:
            return
        epochs = _descend_one(work, group.network, int(group.jobs[place]), control)
        with lock:
            control[EPOCHS_RUN] += epochs


def _descend_one(work: Work, network: NetworkFunction, member: int, control: Array) -> int:
    """The descent of one member by L-BFGS or Levenberg-Marquardt; returns its epochs."""
    members, train = work.members, work.train
    if work.windows is not None:
        train = train.part(work.windows.rows(member))
    if members.example_weights.size:
        weights = members.example_weights.reshape(-1, len(train.X))
        train = Examples(train.X, train.y, weights[members.weight_row[member]])
    options = copy(work.choices[members.choice[member]])
    options.callback, options.progress = lambda report: bool(control[STOP]), False
    options.max_seconds = None
    assert isinstance(options.optimizer, FullBatch)
    row = members.parameters.reshape(work.size, -1)[member]
    own = network.descent_architecture(None).reading(train.X)
    parameters = row[: own.size].copy()
    history: History
    try:
        minimised = Minimised(own.training_table, parameters, own.units, own.loss_code, train)
        history = methods.run(minimised, options)
        stopped = history.stopped == "callback"
        members.status[member] = problem.RUNNING if stopped else problem.FINISHED
    except DivergenceError as error:
        history = error.history
        members.status[member] = problem.DIVERGED
    row[: parameters.size] = parameters
    kept = members.kept_epochs < history.epochs
    costs = members.costs.reshape(work.size, -1)[member]
    costs[kept] = history.J[members.kept_epochs[kept]]
    members.epochs[member] = history.epochs
    return history.epochs
