"""Slices of the optimizers of full batches: time limit, callback and checkpoints between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..history import Report
from ..kernels.compile.duration import working_time
from ..kernels.network import problem
from ..kernels.second_order import objective
from ..training.checkpoint_rules import CALLBACK_STOPPED, TIME_IS_UP, UNFINISHED, Table
from ..training.checkpoints import Checkpoint, fingerprint
from ..training.epoch_metrics import EpochMetrics
from ..training.options import Options
from ..training.progress import Progress
from ..training.slices import Budget, Stopwatch, run_slices

Array = NDArray[Any]

# From the descent's own arrays and the rules for those of a file to its file.
Begin = Callable[[Mapping[str, Array], Table], Checkpoint]


class Watch:
    """Time limit, metrics and callback, as a descent has them."""

    def __init__(self, options: Options) -> None:
        self._callback, self._max_seconds = options.callback, options.max_seconds
        self.metrics: EpochMetrics | None = options.metrics
        self._told = 0

    def begin(self, parameters: Array, state: Any) -> None:
        """The callback has heard of the iterations up to here."""
        self._told = int(state.position[objective.EPOCH])
        if self.metrics is not None:
            with _at_base(parameters, state):
                self.metrics.catch_up(self._told)

    def look(self, parameters: Array, state: Any, seconds: float) -> int:
        """The status with which to end after a slice, 0 to go on.

        The callback hears of an iteration once, and finds its parameters, not those on trial. The
        time limit waits for the first evaluation: before it there is no cost to tell.
        """
        epoch = int(state.position[objective.EPOCH])
        watches = self._callback is not None or self.metrics is not None
        if watches and epoch > self._told:
            self._told = epoch
            with _at_base(parameters, state):
                stop = self._tell(epoch, float(state.cost[1]), seconds)
            if stop:
                return CALLBACK_STOPPED
        evaluated = state.position[objective.EVALUATIONS] > 0
        if self._max_seconds is not None and seconds >= self._max_seconds and evaluated:
            return TIME_IS_UP
        return 0

    def _tell(self, epoch: int, cost: float, seconds: float) -> bool:
        """Measure the iteration, and report it; whether the callback ends the descent."""
        values: Mapping[str, float] = {}
        if self.metrics is not None:
            self.metrics.take()
            values, _ = self.metrics.latest()
        if self._callback is None:
            return False
        report = Report(epoch, cost, None, np.nan, seconds, values)
        return self._callback(report) is True


@contextmanager
def _at_base(parameters: Array, state: Any) -> Iterator[None]:
    """The network has the last iteration's parameters here, and then again those on trial."""
    trial = parameters.copy()
    try:
        parameters[:] = state.base
        yield
    finally:
        parameters[:] = trial


def begin_from(
    table: Array, loss: int, train: Examples, options: Options, device: str
) -> Begin | None:
    """What opens the file of a run's checkpoints, if it is to have one."""
    path = options.checkpoint
    if path is None:
        return None

    def begin(arrays: Mapping[str, Array], rules: Table) -> Checkpoint:
        parts = fingerprint(table, loss, train, None, options, device=device)
        checkpoint = Checkpoint(path, options.checkpoint_seconds, arrays, parts, objective.STATUS)
        checkpoint.begin(options.resume, rules)
        return checkpoint

    return begin


class _FullBatchSlices:
    """A descent as `slices.run_slices` sees it; what a unit of its budget is, its driver says."""

    def __init__(
        self,
        model: problem.Model,
        state: Any,
        watch: Watch | None,
        checkpoint: Checkpoint | None,
        bar: Progress,
        stopwatch: Stopwatch,
    ) -> None:
        self._model, self._state, self._watch = model, state, watch
        self._checkpoint, self._bar, self._stopwatch = checkpoint, bar, stopwatch

    def is_running(self) -> bool:
        """Whether the driver is to be called again."""
        return bool(self._state.position[objective.STATUS] == problem.RUNNING)

    def next_slice(self, budget: int) -> int:
        """All of the budget; where there are metrics one unit, which ends at most one iteration."""
        if self._checkpoint is not None:
            self._checkpoint.write_if_due(lambda: None)
        return budget if self._watch is None or self._watch.metrics is None else 1

    def look(self) -> None:
        """Progress, the time limit, the callback."""
        state, seconds = self._state, self._stopwatch.read()
        epoch = int(state.position[objective.EPOCH])
        if epoch:
            self._bar.update(epoch, float(state.costs[epoch - 1]))
        reason = self._watch.look(self._model.parameters, state, seconds) if self._watch else 0
        if reason and self.is_running():
            state.position[objective.STATUS] = reason


class Run(NamedTuple):
    """For how long a method runs, how J is scaled, and who looks on."""

    epochs: int
    mean: bool
    weight_decay: float
    progress: bool | None = None
    watch: Watch | None = None  # looks after every slice, and may end the run
    begin: Begin | None = None  # opens the file of checkpoints


class Driver(NamedTuple):
    """A compiled driver and all that it works on."""

    descend: Callable[..., None]
    model: problem.Model
    data: Any  # where it has the examples from
    state: Any
    settings: objective.Settings
    work: float  # what a unit of its budget takes, in multiply-adds
    rules: Table  # for what may stand in the method's arrays in a file


def run_driver(driver: Driver, run: Run) -> float:
    """Call a driver until it is done, slice by slice.

    However that ends, the network then holds the last completed iteration, the best so far.
    Returns the seconds taken, by earlier runs too if this one goes on from a checkpoint.
    """
    model, state, watch = driver.model, driver.state, run.watch
    start, seconds, position = working_time(), np.zeros(1), state.position
    arrays = {
        **state._asdict(),
        "parameters": model.parameters,
        "gradient": model.gradient,
        "activations": model.activations,
        "seconds": seconds,
        **({} if watch is None or watch.metrics is None else watch.metrics.arrays),
    }
    checkpoint = run.begin(arrays, driver.rules) if run.begin else None
    try:
        if checkpoint is not None:
            checkpoint.restore()
        if position[objective.STATUS] in UNFINISHED:
            position[objective.STATUS] = problem.RUNNING
        if watch is not None:
            watch.begin(model.parameters, state)
        with checkpoint or nullcontext(), Progress(run.epochs, run.progress) as bar:
            stopwatch = Stopwatch(seconds, start)
            slices = _FullBatchSlices(model, state, watch, checkpoint, bar, stopwatch)
            descend = partial(driver.descend, model, driver.data, state, driver.settings)
            run_slices(slices, descend, Budget(driver.work))
    finally:
        model.parameters[:] = state.base
        if checkpoint is not None:
            checkpoint.release()
    return float(seconds[0])
