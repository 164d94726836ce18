"""A network for each group, beside others' ways: ``python -m bench.groups [--groups N]``.

Trains 8-16-1 with early stopping on groups of 50 to 500 rows. scikit-learn trains the first
`--peer-groups` of them in two processes of joblib, and in a task of Ray's for each group, where Ray
is installed; the processes are started before. So does nnlib in a task for each group. The time for
all is that for these, in proportion to the rows. The share of variance that the networks explain
has to be near, and the epochs that they ran, for the times to be of the same work.
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

from .problems.group_problem import GroupProblem, drawn
from .problems.workload import UnavailableError
from .programs.groups import (
    Train,
    nnlib_groups,
    ray_nnlib_groups,
    ray_scikit_learn_groups,
    scikit_learn_groups,
)
from .report.units import significant, time_text

# How many times as fast nnlib is to be as scikit-learn in joblib, and in a task for each group.
GOAL, TASKS_GOAL = 20.0, 50.0
HEAD = """\
| | time | a network's epoch | epochs a network | variance explained |
|---|---|---|---|---|"""


# Name, program, and how many times as fast nnlib is to be.
PEERS: tuple[tuple[str, Train, float | None], ...] = (
    ("scikit-learn, joblib", scikit_learn_groups, GOAL),
    ("scikit-learn, a Ray task each", ray_scikit_learn_groups, TASKS_GOAL),
    ("nnlib, a Ray task each", ray_nnlib_groups, None),
)


class Measured(NamedTuple):
    """Seconds of a training, epochs a network, and the share of variance that is explained."""

    seconds: float
    epochs: float
    explained: float


def main(arguments: list[str] | None = None) -> int:
    """The table; status 1 if the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.groups", description=__doc__)
    parser.add_argument("--groups", type=int, default=5000)
    parser.add_argument("--peer-groups", type=int, default=100)
    given = parser.parse_args(arguments)
    problem = drawn(given.groups)
    part = problem.rows(given.peer_groups)
    print(f"{given.groups} groups, {len(problem.X)} rows\n\n{HEAD}")
    ours = _row("nnlib", measured(nnlib_groups, problem, part), given.groups)
    missed, told = False, []
    for name, train, goal in PEERS:
        try:
            theirs = measured(train, part, problem.rows(4))
        except UnavailableError as reason:
            told.append(f"{name}: {reason}")
            missed = missed or train is scikit_learn_groups
            continue
        seconds = theirs.seconds * len(problem.X) / len(part.X)
        theirs = _row(name, theirs._replace(seconds=seconds), given.groups)
        times = theirs.seconds / ours.seconds
        wanted = "" if goal is None else f" (goal {goal:g})"
        told.append(f"{name}: nnlib is {significant(times)} times as fast{wanted}")
        missed = missed or (goal is not None and times < goal)
    print("\n" + "\n".join(told))
    return int(missed)


def measured(train: Train, problem: GroupProblem, before: GroupProblem) -> Measured:
    """A training, after one of a few groups which compiles kernels or starts processes."""
    train(before)
    begin = time.perf_counter()
    trained = train(problem)
    seconds = time.perf_counter() - begin
    residual = ((problem.y - trained.predicted) ** 2).mean()
    groups = int(problem.key[-1]) + 1
    return Measured(seconds, trained.epochs / groups, 1 - float(residual / problem.y.var()))


def _row(name: str, own: Measured, groups: int) -> Measured:
    """Print a row of the table."""
    epoch = own.seconds / (own.epochs * groups)
    print(
        f"| {name} | {time_text(own.seconds)} | {time_text(epoch)} | {own.epochs:.1f} "
        f"| {own.explained:.3f} |",
        flush=True,
    )
    return own


if __name__ == "__main__":
    raise SystemExit(main())
