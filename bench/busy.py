"""A descent on two threads beside other processes: ``python -m bench.busy``.

Somebody else's process takes one of the processors, at the usual priority or at the lowest one.
nnlib on all processors, nnlib on one thread and JAX take turns meanwhile, so that each meets the
machine as the others do. A team is to take at most `MOST` of the time that one thread takes at that
moment.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .measure.timing import timed
from .problems import problem as problems
from .problems.problem import Problem
from .problems.workload import Run, UnavailableError
from .programs import jax_loop, nnlib_network
from .programs.threads import on_threads

DTYPE = "float32"
# What runs beside: for nobody, its niceness, or None for no process.
LOADS: dict[str, int | None] = {"nobody": None, "one at nice 19": 19, "one at nice 0": 0}
TEAM, ALONE, PEER = "nnlib", "nnlib, 1 thread", "JAX"
MOST = {ALONE: 1.15, PEER: 1.1}
# Of one measurement: long against the stretches that the system gives a process.
ROUND_SECONDS = 0.3

_BUSY = "import os; os.name == 'posix' and os.nice({}); print(flush=True)\nwhile True: pass"


@dataclass(frozen=True)
class Line:
    """Seconds a step beside one load: by program, of every round."""

    load: str
    seconds: Mapping[str, list[float]]

    def ratio(self, other: str) -> float:
        """nnlib's time over another's of the same round, in the middle of all rounds."""
        pairs = zip(self.seconds[TEAM], self.seconds[other], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


@contextlib.contextmanager
def busy(nice: int | None) -> Iterator[None]:
    """A process that does nothing but take time, while this one measures."""
    if nice is None:
        yield
        return
    command = [sys.executable, "-c", _BUSY.format(nice)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.kill()


def programs(problem: Problem) -> dict[str, Run]:
    """Those that take turns; JAX where it is installed."""
    chosen: dict[str, Callable[[Problem, str], Run]] = {
        TEAM: nnlib_network.descent,
        ALONE: on_threads(1, nnlib_network.descent),
        PEER: jax_loop.descent,
    }
    runs = {}
    for name, prepare in chosen.items():
        with contextlib.suppress(UnavailableError):
            runs[name] = prepare(problem, DTYPE)
    return runs


def measure(problem: Problem, seconds: float, round_seconds: float = ROUND_SECONDS) -> list[Line]:
    """So many seconds of rounds beside every load."""
    runs = programs(problem)
    counts = {}
    for name, run in runs.items():
        run(1)  # compiles
        counts[name] = max(1, round(round_seconds / timed(run, 4)[1] * 4))
    steps = -(-len(problem.X) // (problem.batch_size or len(problem.X)))
    lines = []
    for load, nice in LOADS.items():
        taken: dict[str, list[float]] = {name: [] for name in runs}
        with busy(nice):
            end = time.perf_counter() + seconds
            while not taken[TEAM] or time.perf_counter() < end:
                for name, run in runs.items():
                    taken[name].append(timed(run, counts[name])[1] / (counts[name] * steps))
        lines.append(Line(load, taken))
    return lines


def table(lines: list[Line]) -> str:
    """Markdown: the median of every program in µs a step, and nnlib's part of the others' times."""
    names = list(lines[0].seconds)
    head = ["beside", *(f"{name}, µs" for name in names)]
    head += [f"of {name} (at most {MOST[name]})" for name in names if name in MOST]
    rows = [head, ["---"] * len(head)]
    for line in lines:
        times = [f"{statistics.median(line.seconds[name]) * 1e6:.0f}" for name in names]
        ratios = [f"{line.ratio(name):.2f}" for name in names if name in MOST]
        rows.append([line.load, *times, *ratios])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure 784-128-64-10 and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.busy", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="beside every load")
    options = parser.parse_args(arguments)
    print(table(measure(problems.mnist_deep(), options.seconds)))


if __name__ == "__main__":
    main()
