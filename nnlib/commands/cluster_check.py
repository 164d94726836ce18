"""``python -m nnlib cluster-check``: whether a cluster gives the bits of this process."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

from ..cluster.door import engine_for
from ..cluster.engine import Engine
from ..cluster.worker import Call, Done, Worker, differences, own_versions, this_worker
from ..course import exercise_data
from ..population.result import Population
from ..train_many import train_many

_MEMBERS, _EPOCHS = 4096, 200
# How many processes stand for a cluster where none is named.
_PROCESSES = 2

Report = Callable[[str], None]


class _Recorded(Engine):
    """Another engine, and the parts that it has done."""

    def __init__(self, engine: Engine) -> None:
        self.name, self.threads = engine.name, engine.threads
        self.parts: list[Done] = []
        self._engine = engine

    def slots(self) -> int:
        return self._engine.slots()

    def workers(self) -> list[Worker]:
        return self._engine.workers()

    def share(self, value: Any) -> Any:
        return self._engine.share(value)

    def submit(self, shared: Any, call: Call) -> Any:
        return self._engine.submit(shared, call)

    def completed(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        return self._engine.completed(tickets, seconds)

    def result(self, ticket: Any) -> Done:
        done = self._engine.result(ticket)
        self.parts.append(done)
        return done

    def cancel(self, tickets: Sequence[Any]) -> None:
        self._engine.cancel(tickets)

    def close(self, shared: Any) -> None:
        self._engine.close(shared)


def check(cluster: str | None, report: Report) -> bool:
    """Compare all workers with this process, and a population there with the same one here.

    Parameters
    ----------
    cluster : str or None
        As for `train_many`; None: two processes of this machine.
    report : callable
        Is given the lines of the answer.

    Returns
    -------
    bool
        Whether versions, processors and bits are the same everywhere.

    Raises
    ------
    ImportError, ValueError, RuntimeError
        If there is no such cluster, or none of its workers can compute.
    """
    own = this_worker()
    report(f"{'here':<12}{_described(own)}")
    for name in ("ray", "distributed", "joblib"):
        report(f"{name:<12}{_version(name)}")
    with ExitStack() as stack:
        engine = _Recorded(_engine(cluster, stack))
        begin = time.perf_counter()
        workers = engine.workers()
        seconds = time.perf_counter() - begin
        report(f"{engine.name}: {engine.slots()} parts at a time; answers after {seconds:.2f} s")
        same = [_compare(worker, own, report) for worker in workers]
        if any(differences(worker, own_versions()) for worker in workers):
            return False
        return all(same) & _same_population(engine, report)


def _engine(cluster: str | None, stack: ExitStack) -> Engine:
    """The engine of that name, or processes that end with the command."""
    if cluster is not None:
        return engine_for(cluster)
    context = multiprocessing.get_context("spawn")
    return engine_for(stack.enter_context(ProcessPoolExecutor(_PROCESSES, mp_context=context)))


def _compare(worker: Worker, own: Worker, report: Report) -> bool:
    """One line for a worker: what it is, and what of it differs."""
    different = differences(worker, own.versions)
    if worker.vectors != own.vectors:
        different.append(f"vectors {worker.vectors}, here {own.vectors}: bits may differ")
    verdict = f"DIFFERS: {'; '.join(different)}" if different else "the same versions and vectors"
    report(f"  {worker.name}: {_machine(worker)}; {verdict}")
    return not different


def _same_population(engine: _Recorded, report: Report) -> bool:
    """Train here and there, with the kernels compiled before."""
    data = exercise_data()

    def train(n: int, cluster: Any) -> Population:
        return train_many(
            [1, 2, 1], *data, n=n, epochs=_EPOCHS, reduction="sum", cluster=cluster,
            device="cpu", progress=False,
        )  # fmt: skip

    for where in (None, engine):
        train(2 * engine.slots(), where)
    engine.parts.clear()
    here, there = train(_MEMBERS, None), train(_MEMBERS, engine)
    for number, done in enumerate(engine.parts):
        members = len(done.outcome.rows["epochs"])
        report(f"  part {number}: {members} networks, {done.seconds:.4f} s, {done.worker.name}")
    same = np.array_equal(here.parameters, there.parameters)
    report(
        f"{_MEMBERS} networks: here {here.seconds:.3f} s, on {engine.name} {there.seconds:.3f} s; "
        f"{'the same bits' if same else 'OTHER BITS'}"
    )
    return same


def _described(worker: Worker) -> str:
    versions = worker.versions
    return (
        f"nnlib {versions.nnlib} (kernels {versions.kernels}), numba {versions.numba}, numpy "
        f"{versions.numpy}, Python {versions.python}; {_machine(worker)}"
    )


def _machine(worker: Worker) -> str:
    gpu = "a GPU" if worker.gpu else "no GPU"
    return f"{worker.processors} processors, {worker.vectors}, {gpu}"


def _version(name: str) -> str:
    """Of an installed distribution."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
