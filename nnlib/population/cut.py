"""A population that is cut into parts: for a cluster, for a folder that survives the driver."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ..checks.values import file_path, flag
from ..cluster.door import engine_for
from ..cluster.engine import Engine
from ..cluster.here import Here
from ..cluster.schedule import Job, run
from ..kernels.compile.duration import compile_seconds_of_all
from ..kernels.compile.vectors import LANES
from ..machine.device import chosen_device
from ..machine.threads import get_threads
from ..training.progress import Progress
from . import parts
from .engine import PopulationReport
from .lanes import in_lanes
from .part_files import PartFiles
from .work import Work

# A part that is sent when the time is over still gives an epoch.
_SHORTEST_SECONDS = 1e-3


@dataclass(frozen=True)
class Cut:
    """The arguments of `train_many` that cut a population into parts; see there."""

    cluster: Any
    checkpoint: str | os.PathLike[str] | None
    resume: bool

    @property
    def wanted(self) -> bool:
        """Whether there are parts at all."""
        return self.cluster is not None or self.checkpoint is not None

    def check(self, device: str, halving: float | None) -> None:
        """Refuse what contradicts, before any work.

        Raises
        ------
        TypeError, ValueError
            For arguments that are not of their form, or contradict each other.
        """
        if flag("resume", self.resume) and self.checkpoint is None:
            raise ValueError(
                "resume is True but checkpoint is None: give checkpoint, the folder to go on from"
            )
        if self.checkpoint is not None:
            file_path("checkpoint", self.checkpoint)
        given = "checkpoint" if self.cluster is None else "cluster"
        if self.wanted and halving is not None:
            raise ValueError(
                f"halving and {given} contradict each other: after each rung all members are "
                "compared, and parts know only their own; leave one of them out"
            )
        if self.wanted and chosen_device(device) == "cuda":
            raise ValueError(
                f"device 'cuda' and {given} contradict each other: parts train on processors; "
                "leave one of them out"
            )

    def train(self, work: Work) -> None:
        """Train all members in parts; `work.stopped` says what ended it early, if so.

        Raises
        ------
        ImportError, TypeError, ValueError, OSError, RuntimeError
            As `cluster.door.engine_for`, `cluster.schedule.run` and `PartFiles.begin`.
        """
        engine = Here() if self.cluster is None else engine_for(self.cluster)
        files = None if self.checkpoint is None else PartFiles(self.checkpoint, work)
        with ExitStack() as stack:
            if files is not None:
                files.begin(self.resume)
                stack.callback(files.release)
            bar = Progress(work.size * work.options.epochs, work.options.progress)
            job = _PopulationJob(work, engine, files, stack.enter_context(bar))
            try:
                run(engine, job, [range(work.size)] if files is None else files.missing)
            except KeyboardInterrupt:
                work.stopped = "interrupted"


class _PopulationJob(Job):
    """The members of a population, as the scheduler sees them."""

    def __init__(self, work: Work, engine: Engine, files: PartFiles | None, bar: Progress) -> None:
        self._work, self._files, self._bar = work, files, bar
        self._limit, self._sent = work.options.max_seconds, False
        self._begin = time.perf_counter() - compile_seconds_of_all()
        self._ended, self._epochs = self._counted()
        self.function = parts.train_part
        together = LANES if any(in_lanes(work, group) for group in work.groups) else 1
        self.grain = together * (engine.threads or get_threads())

    def shared(self) -> Any:
        """The work without its members."""
        return parts.shared_work(self._work)

    def request(self, part: range, threads: int | None) -> parts.Request:
        """The members of a part, and the time that is left."""
        self._sent = True
        left = None if self._limit is None else max(self._limit - self._seconds, _SHORTEST_SECONDS)
        return parts.request(self._work, part, left, threads)

    def keep(self, part: range, outcome: parts.Outcome) -> None:
        """Into the arrays, and on the disk if the part is complete."""
        parts.keep(self._work, part, outcome)
        if outcome.stopped is None and self._files is not None:
            self._files.write(part, outcome)
        if outcome.stopped == "interrupted":
            self._work.stopped = "interrupted"
        self._ended, self._epochs = self._counted()

    def stops(self) -> bool:
        """Progress, the time limit and the callback."""
        work = self._work
        if self._limit is not None and self._seconds >= self._limit and self._sent:
            work.stopped = work.stopped or "max_seconds"
        self._bar.update(self._epochs)
        callback: Callable[[Any], Any] | None = work.options.callback
        if callback is not None:
            report = PopulationReport(self._epochs, self._ended, work.size, self._seconds)
            if callback(report) is True:
                work.stopped = work.stopped or "callback"
        return work.stopped is not None

    def wants_the_rest(self) -> bool:
        """After the time limit the parts that run stop by themselves."""
        return self._work.stopped == "max_seconds"

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - compile_seconds_of_all() - self._begin

    def _counted(self) -> tuple[int, int]:
        """Members that have ended, and epochs run."""
        epochs = self._work.members.epochs
        return int((epochs > 0).sum()), int(epochs.sum())
