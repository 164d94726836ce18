"""Slices of the optimizers of full batches: time limit, callback and checkpoints between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..history import Report
from ..kernels.compile.duration import working_time
from ..kernels.network import problem
from ..kernels.second_order import objective
from ..training.checkpoint_rules import CALLBACK_STOPPED, TIME_IS_UP, UNFINISHED, Table
from ..training.checkpoints import Checkpoint, fingerprint
from ..training.options import Options
from ..training.progress import Progress

Array = NDArray[Any]

# A slice is long against the 5 µs of its call and short against the 0.2 s of a late Ctrl-C.
SLICE_SECONDS = 0.05
# The first slice is sized for a machine of this speed, multiply-adds per second.
_SLOW_MACHINE = 1e9
# The driver counts its budget in int64.
_MOST_WORK = 1e18

# From the descent's own arrays and the rules for those of a file to its file.
Begin = Callable[[Mapping[str, Array], Table], Checkpoint]


class Watch:
    """Time limit and callback, as a descent has them."""

    def __init__(self, options: Options) -> None:
        self._callback, self._max_seconds = options.callback, options.max_seconds
        self._told = 0

    def begin(self, state: Any) -> None:
        """The callback has heard of the iterations up to here."""
        self._told = int(state.position[objective.EPOCH])

    def look(self, parameters: Array, state: Any, seconds: float) -> int:
        """The status with which to end after a slice, 0 to go on.

        The callback hears of an iteration once, and finds its parameters, not those on trial. The
        time limit waits for the first evaluation: before it there is no cost to tell.
        """
        epoch = int(state.position[objective.EPOCH])
        if self._callback is not None and epoch > self._told:
            self._told = epoch
            report = Report(epoch, float(state.cost[1]), None, np.nan, seconds)
            trial = parameters.copy()
            try:
                parameters[:] = state.base
                stop = self._callback(report) is True
            finally:
                parameters[:] = trial
            if stop:
                return CALLBACK_STOPPED
        evaluated = state.position[objective.EVALUATIONS] > 0
        if self._max_seconds is not None and seconds >= self._max_seconds and evaluated:
            return TIME_IS_UP
        return 0


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


def run_slices(
    descend: Callable[..., None],
    model: problem.Model,
    data: Any,
    state: Any,
    settings: objective.Settings,
    work: float,
    progress: bool | None,
    watch: Watch | None,
    begin: Begin | None,
    rules: Table,
) -> float:
    """Call a driver until it is done, each time with about `SLICE_SECONDS` of work.

    However that ends, the network then holds the last completed iteration, the best so far.
    Returns the seconds taken, by earlier runs too if this one goes on from a checkpoint. watch
    looks after every slice, and ends the run by returning a status. data is where the driver has
    the examples from, work what a unit of its budget takes, in multiply-adds; rules says what may
    stand in the method's arrays in a file.
    """
    budget = SLICE_SECONDS * _SLOW_MACHINE / work
    start, seconds, position = working_time(), np.zeros(1), state.position
    arrays = {
        **state._asdict(),
        "parameters": model.parameters,
        "gradient": model.gradient,
        "activations": model.activations,
        "seconds": seconds,
    }
    checkpoint = begin(arrays, rules) if begin else None
    try:
        if checkpoint is not None:
            checkpoint.restore()
        if position[objective.STATUS] in UNFINISHED:
            position[objective.STATUS] = problem.RUNNING
        earlier = seconds[0]
        if watch is not None:
            watch.begin(state)
        with (
            checkpoint or nullcontext(),
            Progress(settings.epochs, progress) as bar,
        ):
            while position[objective.STATUS] == problem.RUNNING:
                if checkpoint is not None:
                    checkpoint.write_if_due(lambda: None)
                slice_start = working_time()
                descend(model, data, state, settings, max(1, int(budget)))
                now = working_time()
                seconds[0] = earlier + now - start
                factor = SLICE_SECONDS / max(now - slice_start, 1e-6)
                budget = min(budget * min(max(factor, 0.25), 8), _MOST_WORK)
                epoch = int(position[objective.EPOCH])
                if epoch:
                    bar.update(epoch, float(state.costs[epoch - 1]))
                reason = watch.look(model.parameters, state, now - start) if watch else 0
                if reason and position[objective.STATUS] == problem.RUNNING:
                    position[objective.STATUS] = reason
    finally:
        model.parameters[:] = state.base
        if checkpoint is not None:
            checkpoint.release()
    return float(seconds[0])
