"""Work in parts: how large they are, who does them, and what is done with what comes back."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from .engine import Engine, Losses, LostPartError
from .worker import Call, Done, Worker, check_versions, own_versions

# What a part takes: long against the milliseconds to send it, short against what is lost with a
# worker that dies, and against the wait for the last part.
PART_SECONDS = 1.0
# Towards the end parts become smaller, so that all workers end together; no smaller than that.
_LEAST_SECONDS = 0.05
# Of what is left, parts for each worker: two, of which the second is cut anew.
_SHARE = 2
# A measurement of a short part says too little for one that is much longer.
_GROWTH = 64
# After a loss parts have half the length, and after each that ends more again.
_LONGER_AGAIN = 1.1
# How often the driver looks up: at the time, the callback, Ctrl-C.
_WATCH_SECONDS = 0.05


class Job(ABC):
    """Numbered pieces of work, a range of which is a part.

    Attributes
    ----------
    function : callable
        function(shared, request) → outcome, of a module that workers can import.
    grain : int
        How many pieces are done together; parts are multiples of that, but for the last.
    """

    function: Callable[[Any, Any], Any]
    grain: int = 1

    @abstractmethod
    def shared(self) -> Any:
        """What all parts need; it is sent once."""

    @abstractmethod
    def request(self, part: range, threads: int | None) -> Any:
        """What belongs to a part alone, which may use so many threads."""

    @abstractmethod
    def keep(self, part: range, outcome: Any) -> None:
        """Take what came of a part."""

    @abstractmethod
    def stops(self) -> bool:
        """Asked every 50 ms and after every part: whether no more parts are to begin."""

    def wants_the_rest(self) -> bool:
        """Asked when it stops: whether the parts that run are worth waiting for."""
        return False


class Cutter:
    """Cuts ranges into parts of about `PART_SECONDS`, as measured by the last one.

    Parameters
    ----------
    rest : iterable of range
        What is to be done.
    grain : int
        As of a `Job`.

    Examples
    --------
    >>> cutter = Cutter([range(0, 1000)], grain=16)
    >>> cutter.cut(workers=2)
    range(0, 16)
    >>> cutter.measured(16, 1.6)
    >>> cutter.cut(workers=2), cutter.left
    (range(16, 32), 968)
    """

    def __init__(self, rest: Iterable[range], grain: int) -> None:
        self._rest = [own for own in rest if len(own)][::-1]
        self._grain = grain
        self._seconds_each: float | None = None
        self._most = 0
        self._shorter = 1.0  # factor of the seconds of a part, after losses
        self.left = sum(map(len, self._rest))

    def measured(self, count: int, seconds: float) -> None:
        """A part of so many pieces took so long."""
        self._seconds_each = max(seconds, 1e-9) / count
        self._most = max(self._most, _GROWTH * count)
        self._shorter = min(1.0, self._shorter * _LONGER_AGAIN)

    def cut(self, workers: int) -> range:
        """The next part, for one of so many workers."""
        first = self._rest.pop()
        part = first[: self._size(workers)]
        if len(part) < len(first):
            self._rest.append(first[len(part) :])
        self.left -= len(part)
        return part

    def lost(self, part: range) -> None:
        """A part whose worker died comes last, and parts are shorter: to end before the next dies.

        >>> cutter = Cutter([range(0, 100)], grain=1)
        >>> cutter.measured(1, 0.1)
        >>> first = cutter.cut(workers=1)
        >>> cutter.lost(first)
        >>> first, cutter.cut(workers=1)
        (range(0, 10), range(10, 15))
        """
        self._rest.insert(0, part)
        self.left += len(part)
        self._shorter = max(self._shorter / 2, _LEAST_SECONDS / PART_SECONDS)

    def _size(self, workers: int) -> int:
        """A multiple of the grain; one grain of the first parts, by which others are measured."""
        if self._seconds_each is None:
            return self._grain
        share = self.left / (_SHARE * workers)
        seconds = _LEAST_SECONDS, PART_SECONDS * self._shorter
        least, most = (s / self._seconds_each for s in seconds)
        size = min(max(share, least), most, self._most)
        return max(1, math.ceil(size / self._grain)) * self._grain


def run(engine: Engine, job: Job, rest: Iterable[range]) -> None:
    """Have all parts of `rest` done.

    Parts that run when it is left, by Ctrl-C or an error, are cancelled.

    Raises
    ------
    RuntimeError
        If workers are of other versions than this process, or die with all that they are given.
    Exception
        What a part raised, with a note which part that was.
    """
    workers = engine.workers()
    check_versions(workers, own_versions())
    shared = engine.share(job.shared())
    try:
        _Run(engine, job, Cutter(rest, job.grain), shared, workers).run()
    finally:
        engine.close(shared)


class _Run:
    """The loop over the parts of one job."""

    def __init__(
        self, engine: Engine, job: Job, cutter: Cutter, shared: Any, workers: list[Worker]
    ) -> None:
        self._engine, self._job, self._cutter, self._shared = engine, job, cutter, shared
        self._versions = own_versions()
        self._vectors = {worker.vectors for worker in workers}
        self._flying: dict[Any, range] = {}
        self._losses = Losses("parts")

    def run(self) -> None:
        """Every part, or those that have ended when the job stops."""
        try:
            stopped = self._job.stops()
            while not stopped and (self._cutter.left or self._flying):
                self._send()
                self._receive()
                stopped = self._job.stops()
            while stopped and self._flying and self._job.wants_the_rest():
                self._receive()
        finally:
            self._engine.cancel(list(self._flying))

    def _send(self) -> None:
        """As many parts as run at a time, and one that waits for the first to end."""
        slots = self._engine.slots()
        while self._cutter.left and len(self._flying) <= slots:
            part = self._cutter.cut(slots)
            request = self._job.request(part, self._engine.threads)
            call = Call(self._job.function, request, self._versions)
            self._flying[self._engine.submit(self._shared, call)] = part

    def _receive(self) -> None:
        """The parts that have ended by now."""
        for ticket in self._engine.completed(list(self._flying), _WATCH_SECONDS):
            part = self._flying.pop(ticket)
            try:
                done = self._engine.result(ticket)
            except LostPartError as error:
                which = f", the last one from {part.start} to {part.stop - 1}"
                self._losses.add(error, which)
                self._cutter.lost(part)
                continue
            except Exception as error:
                error.add_note(f"In the part from {part.start} to {part.stop - 1}.")
                raise
            self._look_at(done)
            self._losses.end()
            self._cutter.measured(len(part), done.seconds)
            self._job.keep(part, done.outcome)

    def _look_at(self, done: Done) -> None:
        """Warn once of each other kind of processor: its bits may be others."""
        if self._vectors and done.worker.vectors not in self._vectors:
            warnings.warn(
                f"cluster: {done.worker.name} has {done.worker.vectors}, others "
                f"{', '.join(sorted(self._vectors))}: their bits may differ in rounding",
                stacklevel=2,
            )
        self._vectors.add(done.worker.vectors)
