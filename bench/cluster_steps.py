"""What a step over workers costs: ``python -m bench.cluster_steps``.

One network trains by Adam in full batches: in this process on one thread, over a pool of processes,
and on Ray where it is installed, in turn. Every number is the least time of an epoch, which is one
step, of all rounds. The cost of workers, a + b · parameters, is fitted to steps of few rows, and
steps of other sizes over more workers are simulated with it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np

import nnlib
from nnlib.training.shards import MOST_SHARDS

# Hidden layers behind 32 inputs, about 10³, 10⁵ and 10⁶ parameters, and the rows of a step. With
# few rows a step is little but what the workers cost.
FEW = 256
CASES = (
    ((30,), FEW),
    ((300, 300), FEW),
    ((1000, 1000), FEW),
    ((30,), 4096),
    ((30,), 65_536),
    ((300, 300), 4096),
    ((300, 300), 65_536),
    ((1000, 1000), 4096),
)
PARTS, WORKERS = 16, 2
# Parameters and rows of the steps that are simulated, and over how many workers.
LOADS = ((10**3, 10**7), (10**5, 10**5), (10**5, 10**7), (10**6, 10**6), (10**6, 10**8))
SIMULATED = (2, 10, 64, 1000)


class Measured(NamedTuple):
    """The least seconds of a step, by who adds up."""

    parameters: int
    rows: int
    seconds: dict[str, float]


def trained(hidden: tuple[int, ...], rows: int, epochs: int, cluster: Any) -> tuple[float, Any]:
    """The least seconds of an epoch, and the parameters at the end."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, 32)).astype(np.float32)
    y = np.sin(X.sum(axis=1))
    given = (X, y) if cluster is None else (nnlib.data.arrays(X, y, part_rows=rows // PARTS),)
    activations = ["tanh"] * len(hidden) + ["identity"]
    net = nnlib.Network([32, *hidden, 1], activations, dtype="float32", seed=0)
    stamps: list[float] = []

    def note(report: nnlib.Report) -> None:
        stamps.append(time.perf_counter())

    net.descent(
        *given, optimizer="adam", epochs=epochs, cluster=cluster, callback=note, callback_epochs=1,
    )  # fmt: skip
    return float(np.diff(stamps).min()), net.parameters


@contextlib.contextmanager
def clusters() -> Iterator[dict[str, Any]]:
    """Who may add up: this process, a pool of processes, and Ray if it is there."""
    found: dict[str, Any] = {"here": None}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as executor:
        found["processes"] = executor
        if importlib.util.find_spec("ray"):
            import ray

            ray.init(
                num_cpus=WORKERS, include_dashboard=False, log_to_driver=False,
                logging_level="error",
            )  # fmt: skip
            found["Ray"] = "ray"
        yield found


def measured(
    found: dict[str, Any], hidden: tuple[int, ...], rows: int, rounds: int, epochs: int
) -> Measured:
    """All in turn, so that each meets the machine as it is."""
    best = dict.fromkeys(found, np.inf)
    ends: dict[str, Any] = {}
    for _ in range(rounds):
        for name, cluster in found.items():
            seconds, ends[name] = trained(hidden, rows, epochs, cluster)
            best[name] = min(best[name], seconds)
    over = [end for name, end in ends.items() if name != "here"]
    assert all(np.array_equal(end, over[0]) for end in over), "other bits"
    return Measured(over[0].size, rows, best)


def fitted(found: list[Measured], name: str) -> tuple[float, float]:
    """Seconds of a step, and of a parameter, beside the work that the workers share."""
    beside = [own.seconds[name] - own.seconds["here"] / WORKERS for own in found]
    sizes = np.array([own.parameters for own in found], float)
    # Relative errors count: the smallest network tells a, the largest b.
    weights = 1 / np.maximum(np.abs(beside), 1e-4)
    table = np.stack([weights, weights * sizes], axis=1)
    a, b = np.linalg.lstsq(table, weights * np.array(beside), rcond=None)[0]
    return float(a), float(b)


def pace_of(found: list[Measured]) -> float:
    """Seconds of one process for a parameter and a row, by the measurement with most work."""
    own = max(found, key=lambda run: run.parameters * run.rows)
    return own.seconds["here"] / (own.parameters * own.rows)


def paying_rows(cost: tuple[float, float], pace: float, parameters: int) -> float:
    """Rows of a step from which two workers are faster than one process: half the work pays.

    >>> round(paying_rows((0.01, 1e-8), 1e-9, 10**6))
    40
    """
    a, b = cost
    return 2 * (a + b * parameters) / (pace * parameters)


def simulated(cost: tuple[float, float], parameters: int, work: float, workers: int) -> float:
    """Seconds of a step whose passes take one worker `work`, over so many workers.

    The workers share the passes, as many as there are shards. The driver sends the parameters to
    each and takes a gradient of each, one after the other: it was measured with two of them.

    >>> simulated((0.01, 1e-8), 10**6, 10.0, 2)
    5.02
    """
    a, b = cost
    seats = min(workers, MOST_SHARDS)
    return work / seats + (a + b * parameters) * seats / WORKERS


def table(cost: tuple[float, float], pace: float) -> str:
    """Markdown: a step of some sizes over some numbers of workers, in seconds."""
    head = ["", "one process", *(f"{count} workers" for count in SIMULATED)]
    rows = [head, ["---"] * len(head)]
    for parameters, examples in LOADS:
        work = pace * parameters * examples
        times = [simulated(cost, parameters, work, count) for count in SIMULATED]
        name = f"{parameters:.0e} parameters, {examples:.0e} rows"
        rows.append([name, *(f"{own:.3g} s" for own in (work, *times))])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    """Measure, fit, and say what follows."""
    parser = argparse.ArgumentParser(prog="bench.cluster_steps", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    nnlib.set_threads(1)
    found = []
    with clusters() as own:
        for hidden, rows in CASES:
            run = measured(own, hidden, rows, options.rounds, options.epochs)
            found.append(run)
            times = ", ".join(f"{name} {1e3 * t:.2f}" for name, t in run.seconds.items())
            print(f"{run.parameters} parameters, {rows} rows: {times} ms", flush=True)
    for name in [name for name in own if name != "here"]:
        cost = fitted([run for run in found if run.rows == FEW], name)
        print(f"{name}: {1e3 * cost[0]:.2f} ms + {1e9 * cost[1]:.2f} ns for each parameter")
        pace = pace_of(found)
        for parameters in (10**3, 10**5, 10**6):
            rows = round(paying_rows(cost, pace, parameters))
            print(f"  {parameters} parameters: two workers pay from {rows} rows on")
        print(table(cost, pace))


if __name__ == "__main__":
    main()
