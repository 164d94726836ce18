"""The engine that trains a population on a GPU: a block of threads per member, all epochs inside.

Members of a group go through one launch per slice, see `cuda.blocks`; the smallest have a
thread each, see `cuda.threads`, and L-BFGS a kernel of its own, see `cuda.lbfgs`.
Between two slices Python looks at the time, the callback and Ctrl-C. The costs at the parameters
reached, one pass per member, are taken by the engine of the processor.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from ...cuda.streaming import check_fits
from ...kernels.network import problem
from ...optimizers import LBFGS, FullBatch
from ...training.progress import Progress
from ..engine import PopulationReport, take_costs
from ..work import Group, Work
from .blocks import BlocksPart, cut
from .lbfgs import LBFGSPart
from .threads import ThreadsPart, in_threads

# Of the buffers of one launch; more members take several launches one after the other.
MOST_BYTES = 2**30


def check(work: Work) -> None:
    """Refuse what the GPU cannot do, before any work.

    Raises
    ------
    ValueError
        For more examples than fit, successive halving, Levenberg-Marquardt, and networks of which
        one does not fit a block's shared memory.
    """
    check_fits("train_many", work.train.X, work.train.y)
    if work.rungs:
        raise ValueError("halving runs on the CPU only: leave out device='cuda', or halving")
    for group in work.groups:
        optimizer = group.options.optimizer
        if isinstance(optimizer, FullBatch) and not isinstance(optimizer, LBFGS):
            raise ValueError(
                f"a population with optimizer {optimizer.name!r} runs on the CPU only: leave out "
                "device='cuda', or use another optimizer"
            )
        if not in_threads(work, group):
            cut(work, group)


def _kind(work: Work, group: Group) -> type[BlocksPart] | type[ThreadsPart]:
    """How the group's members are trained."""
    if in_threads(work, group):
        return ThreadsPart
    return LBFGSPart if isinstance(group.options.optimizer, LBFGS) else BlocksPart


def train(work: Work) -> None:
    """Train all members and take their costs; `work.stopped` says what ended it early, if so."""
    training = _OnGPU(work)
    if work.options.epochs == 0:
        work.members.status[:] = problem.FINISHED
    else:
        try:
            training.train()
        except KeyboardInterrupt:
            work.stopped = "interrupted"
    take_costs(work)


class _OnGPU:
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
                kind = _kind(work, group)
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
