"""nnlib's estimators beside scikit-learn's: ``python -m bench.estimators [-k WORD]``.

Prints a row for each comparison: the time of both, what part of scikit-learn's time ours takes, the
goal, and epochs and loss of both, which have to be near for the times to be of the same work; of a
search the mean score of its candidates in place of the loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from .measure.timing import count_for, rounds_for, timed
from .problems.workload import Result, UnavailableError
from .programs.estimators import Comparison, call, comparisons, outcome
from .report.units import significant, time_text

HEAD = """\
| | scikit-learn | nnlib | times as fast | goal | epochs | loss or score |
|---|---|---|---|---|---|---|"""


def main() -> int:
    """The table; status 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.estimators", description=__doc__)
    parser.add_argument("-k", default="", metavar="WORD", help="only rows whose name has it")
    word = parser.parse_args().k
    try:
        rows = [row for row in comparisons() if word in row.name]
    except UnavailableError as reason:
        parser.exit(2, f"{reason}\n")
    print(HEAD)
    met = [report(row) for row in rows]
    return int(not all(met))


def report(row: Comparison) -> bool:
    """Print a row; whether its goal is met."""
    models, seconds = {}, {}
    for library in ("scikit-learn", "nnlib"):
        models[library], run = call(library, row)
        seconds[library] = best_time(run)
    theirs, ours = (outcome(row, model) for model in models.values())
    near = abs(ours.value - theirs.value) <= max(ours.allowed, theirs.allowed)
    times = seconds["scikit-learn"] / seconds["nnlib"]
    print(
        f"| {row.name} | {time_text(seconds['scikit-learn'])} | {time_text(seconds['nnlib'])} "
        f"| {significant(times)} | {row.goal:g} | {theirs.epochs}, {ours.epochs} "
        f"| {theirs.value:.4g}, {ours.value:.4g}{'' if near else ' (not the same work)'} |",
        flush=True,
    )
    return near and times >= row.goal


def best_time(run: Callable[[], Any]) -> float:
    """Seconds of a call in the best round."""

    def repeated(count: int) -> Result:
        for _ in range(count):
            run()
        return Result(np.empty(0))

    run()  # compiles
    count, seconds = count_for(repeated)
    return min(timed(repeated, count)[1] for _ in range(rounds_for(seconds))) / count


if __name__ == "__main__":
    raise SystemExit(main())
