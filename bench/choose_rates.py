"""Choose learning rate and batch size of every row: ``python -m bench.choose_rates [-k WORD]``.

Every row tries the same list, and the pair that reaches the cost in the least time wins. Prints the
lines of `bench.rows.rates`.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

from nnlib import DivergenceError

from .problems.workload import UnavailableError
from .programs.threads import on_threads
from .rows.reaching import DTYPE, MOST_SECONDS, Row, reach, rows

# The likely ones first: a pair is given up once it takes longer than the best so far.
LEARNING_RATES = (0.03, 0.1, 0.01, 0.3, 0.003, 1.0, 0.001)
BATCH_SIZES = (32, 128, None)
# These search along a line, or damp their steps: there is no rate to choose.
WITHOUT_RATE = ("lbfgs", "levenberg_marquardt")
FULL_BATCH = ("rprop",)


def main() -> None:
    """Try and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m bench.choose_rates", description=__doc__)
    parser.add_argument("-k", default="", metavar="WORD", help="only rows whose name has it")
    word = parser.parse_args().k
    for row in rows():
        if row.optimizer in WITHOUT_RATE or word not in str(row):
            continue
        try:
            pair, seconds = best_pair(row)
        except UnavailableError as reason:
            print(f"    # {row}: {reason}", flush=True)
            continue
        entry = f"    ({row.real.name!r}, {row.name!r}): {pair}," if pair else f"    # {row}: none"
        print(f"{entry}  # {seconds:.2g} s".replace("'", '"'), flush=True)


def best_pair(row: Row) -> tuple[tuple[float, int | None] | None, float]:
    """The pair with the least time, and that time; None if no pair reaches the cost."""
    best, best_seconds = None, MOST_SECONDS
    sizes = (None,) if row.optimizer in FULL_BATCH else BATCH_SIZES
    for size, rate in itertools.product(sizes, LEARNING_RATES):
        seconds = seconds_to_reach(row, rate, size, best_seconds)
        if seconds < best_seconds:
            best, best_seconds = (rate, size), seconds
    return best, best_seconds


def seconds_to_reach(row: Row, rate: float, batch_size: int | None, most_seconds: float) -> float:
    """Least time of three descents to the cost; infinite if it is not reached in time."""
    problem = row.with_rate(rate, batch_size)
    try:
        run = on_threads(1, row.prepare)(problem, DTYPE)
        found = reach(problem, row.real.target, run, most_seconds)
    except (DivergenceError, ValueError):  # the latter is what scikit-learn raises
        return float("inf")
    if not found.reached:
        return float("inf")
    return min(_seconds(lambda: run(found.epochs)) for _ in range(3))


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
