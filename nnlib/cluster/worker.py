"""What runs on a worker: one part, after a look whether worker and driver are the same."""

from __future__ import annotations

import functools
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numba
import numpy as np

from ..kernels.compile.cache import sources_digest
from ..kernels.compile.duration import compile_seconds_of_all
from ..kernels.compile.shipped import levels_here
from ..machine.device import missing_for_cuda
from ..machine.processors import processors
from .packing import Packed, PackedFile


class Versions(NamedTuple):
    """What has to be the same everywhere, so that the bits are."""

    nnlib: str
    kernels: str
    numba: str
    numpy: str
    python: str


class Worker(NamedTuple):
    """A process that computes: where it is, what it is made of, and what its machine has.

    vectors names the widest vectors of its processor, which decide the order of sums.
    """

    host: str
    process: int
    versions: Versions
    vectors: str
    processors: int
    gpu: bool

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"process {self.process} on {self.host}"


class Done(NamedTuple):
    """What comes back of a part: its outcome, how long the worker computed, and which it was."""

    outcome: Any
    seconds: float
    worker: Worker


class Call(NamedTuple):
    """What a worker is to do: function(shared, request), if its versions are the driver's.

    Attributes
    ----------
    function : callable
        Of a module that workers can import.
    request : object
        What belongs to the part alone.
    versions : Versions
        The driver's.
    """

    function: Callable[[Any, Any], Any]
    request: Any
    versions: Versions


@functools.cache
def own_versions() -> Versions:
    """Those of this process."""
    release = sys.modules["nnlib"].__version__
    return Versions(
        release, sources_digest(), numba.__version__, np.__version__, platform.python_version()
    )


def this_worker() -> Worker:
    """The process that this is called in.

    >>> this_worker().process == os.getpid()
    True
    """
    vectors, gpu = _hardware()
    return Worker(platform.node(), os.getpid(), own_versions(), vectors, processors(), gpu)


@functools.cache
def _hardware() -> tuple[str, bool]:
    """The widest vectors, and whether a GPU is there; to look for both takes 0.2 ms."""
    return next(iter(levels_here()), platform.machine()), missing_for_cuda() is None


def differences(worker: Worker, versions: Versions) -> list[str]:
    """What a worker has of another version, in words.

    >>> versions = Versions("0.1", "abc", "0.62.0", "2.1.0", "3.12.1")
    >>> worker = Worker("b", 7, versions._replace(numpy="2.0.0"), "x86-64-v4", 2, False)
    >>> differences(worker, versions)
    ['numpy 2.0.0, here 2.1.0']
    """
    pairs = zip(Versions._fields, worker.versions, versions, strict=True)
    return [f"{name} {own}, here {wanted}" for name, own, wanted in pairs if own != wanted]


def check_versions(workers: Sequence[Worker], versions: Versions) -> None:
    """Refuse workers that would give other bits, or fail."""
    for worker in workers:
        different = differences(worker, versions)
        if different:
            raise RuntimeError(
                f"cluster: {worker.name} has {', '.join(different)}. Install the same versions on "
                "all workers: python -m nnlib cluster-check names those that differ"
            )


def work_on(shared: Any, call: Call) -> Done:
    """Do one part.

    Parameters
    ----------
    shared : object
        What the engine's `share` returned, on the worker.
    call : Call

    Raises
    ------
    RuntimeError
        If the worker is of other versions than the driver.
    """
    worker = this_worker()
    check_versions([worker], call.versions)
    if isinstance(shared, (Packed, PackedFile)):
        shared = shared.value()
    begin, waited = time.perf_counter(), compile_seconds_of_all()
    outcome = call.function(shared, call.request)
    waited = compile_seconds_of_all() - waited
    return Done(outcome, time.perf_counter() - begin - waited, worker)
