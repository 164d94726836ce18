"""Populations and single networks on Ray, and dying workers: ``python -m bench.cluster``.

Ray runs on this machine with a worker for each processor, and all kernels are compiled before the
clock starts. Threads and workers take turns, so that both meet the machine as it is. What a step of
one network costs over the workers is measured by L-BFGS on few rows, for networks of some sizes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import nnlib
from nnlib.cluster.schedule import PART_SECONDS
from nnlib.history import SecondOrderHistory

MEMBERS, EPOCHS = 20_000, 1000
# What the workers may take of the threads' time, and seconds besides.
MOST, BESIDES = 1.15, 1.0
KILL_EVERY = 2.0


def train(members: int, cluster: str | None) -> nnlib.Population:
    """The lecture's exercise from so many starts."""
    X, y = nnlib.course.exercise_data()
    return nnlib.train_many(
        [1, 2, 1], X, y, n=members, epochs=EPOCHS, reduction="sum", cluster=cluster, progress=False
    )


def seconds_of(members: int, cluster: str | None) -> tuple[float, nnlib.Population]:
    """Wall time of the call, and what it returned."""
    begin = time.perf_counter()
    population = train(members, cluster)
    return time.perf_counter() - begin, population


def same(one: nnlib.Population, other: nnlib.Population) -> str:
    """Whether they have the same bits, in words."""
    equal = np.array_equal(one.parameters, other.parameters)
    return "the same bits" if equal else "OTHER BITS"


def workers_at_work() -> list[int]:
    """Processes of Ray's that do a part at this moment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(b"ray::work_on"):
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def killer(every: float) -> Iterator[list[int]]:
    """Kills a worker that is at work every so many seconds; yields those that it has killed."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(every):
            for process in workers_at_work()[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(process)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def beside_threads(members: int, rounds: int) -> nnlib.Population:
    """Threads and workers in turn; prints the least time of both."""
    best = {None: np.inf, "ray": np.inf}
    for _ in range(rounds):
        for cluster in best:
            seconds, population = seconds_of(members, cluster)
            best[cluster] = min(best[cluster], seconds)
            if cluster is None:
                alone = population
        print(f"  threads {best[None]:.2f} s, Ray {best['ray']:.2f} s", flush=True)
    limit = MOST * best[None] + BESIDES
    print(
        f"{members} networks, {EPOCHS} epochs: Ray takes {best['ray'] / best[None]:.2f} of the "
        f"threads' time; {best['ray']:.2f} s, wanted at most {limit:.2f} s; "
        f"{same(population, alone)}"
    )
    return alone


def while_workers_die(members: int, every: float) -> None:
    """The same with a worker killed every so many seconds."""
    undisturbed, alone = seconds_of(members, "ray")
    with killer(every) as killed:
        seconds, population = seconds_of(members, "ray")
    limit = undisturbed + len(killed) * PART_SECONDS + BESIDES
    print(
        f"{members} networks, {len(killed)} workers killed: {seconds:.2f} s, undisturbed "
        f"{undisturbed:.2f} s, wanted at most {limit:.2f} s; {same(population, alone)}"
    )


def one_network(hidden: int, epochs: int = 30) -> None:
    """Time of an evaluation of 32-hidden-1 by L-BFGS, by this process and by workers on Ray."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(4096, 32))
    data = nnlib.data.arrays(X, np.sin(X.sum(axis=1)), part_rows=1024)
    each: dict[str | None, float] = {}
    for cluster in (None, "ray"):
        found = []
        for count in (3, 3, epochs):  # the first compiles; each starts actors, which read rows
            net = nnlib.Network([32, hidden, 1], ["tanh", "identity"], dtype="float32", seed=0)
            begin = time.perf_counter()
            history = net.descent(data, optimizer="lbfgs", epochs=count, cluster=cluster)
            assert isinstance(history, SecondOrderHistory)
            found.append((time.perf_counter() - begin, history.evaluations))
        _, (few, less), (many, more) = found
        each[cluster] = (many - few) / (more - less) * 1e3
    print(
        f"{net.parameters.size} parameters, {len(X)} rows in 4 shards: an evaluation takes "
        f"{each[None]:.1f} ms here and {each['ray']:.1f} ms on Ray"
    )


def main() -> None:
    """All measurements."""
    parser = argparse.ArgumentParser(prog="bench.cluster", description=__doc__)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--long", type=int, default=10, help="times as many while workers die")
    parser.add_argument("--every", type=float, default=KILL_EVERY, help="seconds between kills")
    options = parser.parse_args()
    import ray  # the tests import this file where there is none

    threads = nnlib.get_threads()
    ray.init(num_cpus=threads, include_dashboard=False, log_to_driver=False, logging_level="error")
    for cluster in (None, "ray", "ray"):
        train(2000, cluster)
    print(f"{threads} threads, {threads} workers")
    beside_threads(options.members, options.rounds)
    for hidden in (30, 3000, 30_000):
        one_network(hidden)
    while_workers_die(options.long * options.members, options.every)


if __name__ == "__main__":
    main()
