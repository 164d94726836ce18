"""Film reviews, beside other libraries: ``python -m bench.reviews [--words N] [--more-words N]``.

Prints the time of an epoch of 25 000 reviews by each program, the cost that each reached, which has
to be near nnlib's for the times to be of the same work, and how many times as fast nnlib is. Then
come nnlib's time with more words, pairs of them included, the accuracy on test reviews, and the
most memory that a process of its own took for all of that with the fewer words.

Without the reviews of IMDB, see `bench.problems.review_problem`, reviews are drawn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from .measure.timing import rounds_for
from .problems.review_problem import Reviews, reviews
from .problems.workload import UnavailableError
from .programs.reviews import NNLIB, PEERS, Program, Training, cost
from .report.units import significant, time_text

EPOCHS = 3
# The goals: how much longer an epoch with more words may take, accuracy, and GiB of memory.
MOST_TIMES, LEAST_ACCURACY, MOST_GIB = 1.5, 0.88, 0.5
HEAD = """\
| | an epoch | nnlib is times as fast | goal | cost |
|---|---|---|---|---|"""

# What a process of its own does: read, train, test.
ALONE = """
import json, sys
from bench.measure.memory import peak_kilobytes
from bench.problems.review_problem import reviews
from bench.programs.reviews import nnlib_network
from bench.reviews import EPOCHS
problem = reviews(int(sys.argv[1]))
probabilities = nnlib_network(problem)(EPOCHS)
tested = problem.X_test.shape[0]
right = (probabilities(problem.X_test) > 0.5) == problem.y_test if tested else None
accuracy = float(right.mean()) if tested else None
print(json.dumps([peak_kilobytes(), accuracy]))
"""


class Measured(NamedTuple):
    """Seconds of an epoch in the best round, and the cost after the last."""

    seconds: float
    cost: float


def main() -> int:
    """The table; status 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.reviews", description=__doc__)
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--more-words", type=int, default=100_000)
    given = parser.parse_args()
    try:
        problem = reviews(given.words)
        more = reviews(given.more_words, pairs=True)
    except UnavailableError as reason:
        parser.exit(2, f"{reason}\n")
    met = [*report(problem, PEERS), report_more(problem, more), report_alone(given.words)]
    return int(not all(met))


def report(problem: Reviews, peers: tuple[Program, ...]) -> list[bool]:
    """Print nnlib's row and those of its peers; whether their goals are met."""
    entries = problem.X.nnz / problem.X.shape[0]
    print(f"{problem.name}: {problem.X.shape[0]} reviews of {entries:.0f} words\n\n{HEAD}")
    ours = measured(NNLIB, problem)
    print(f"| nnlib | {time_text(ours.seconds)} | | | {ours.cost:.5f} |", flush=True)
    return [report_peer(peer, problem, ours) for peer in peers]


def report_peer(peer: Program, problem: Reviews, ours: Measured) -> bool:
    """Print a peer's row; whether nnlib is as much faster as it is to be."""
    try:
        theirs = measured(peer, problem)
    except UnavailableError as reason:
        print(f"| {peer.name} | {reason} | | {peer.goal:g} | |")
        return True
    near = abs(theirs.cost - ours.cost) <= peer.near * ours.cost
    times = theirs.seconds / ours.seconds
    print(
        f"| {peer.name} | {time_text(theirs.seconds)} | {significant(times)} | {peer.goal:g} "
        f"| {theirs.cost:.5f}{'' if near else ' (not the same work)'} |",
        flush=True,
    )
    return near and times >= peer.goal


def report_more(problem: Reviews, more: Reviews) -> bool:
    """Print by how much an epoch takes longer with more words; whether the goal is met."""
    few, many = measured(NNLIB, problem), measured(NNLIB, more)
    times = many.seconds / few.seconds
    print(
        f"\n{more.X.shape[1]} words, {more.X.nnz / more.X.shape[0]:.0f} a review: an epoch takes "
        f"{time_text(many.seconds)}, {significant(times)} times as long as with "
        f"{problem.X.shape[1]} (goal {MOST_TIMES:g})"
    )
    return times <= MOST_TIMES


def report_alone(words: int) -> bool:
    """Print accuracy and memory of a process of its own; whether the goals are met."""
    memory, accuracy = json.loads(
        subprocess.run(
            [sys.executable, "-c", ALONE, str(words)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        ).stdout
    )
    gibibytes = memory / 2**20
    print(f"Memory of a process that reads, trains and tests: {gibibytes:.2f} GiB", end="")
    print(f" (goal {MOST_GIB:g})")
    if accuracy is not None:
        print(f"Accuracy after {EPOCHS} epochs: {accuracy:.2%} (goal {LEAST_ACCURACY:.0%})")
    return gibibytes <= MOST_GIB and (accuracy is None or accuracy >= LEAST_ACCURACY)


def measured(program: Program, problem: Reviews) -> Measured:
    """The best of some rounds, each of some epochs from the start, after one that compiles."""
    train = program.prepare(problem)
    reached = cost(train(EPOCHS)(problem.X), problem.y)
    seconds = [_timed(train)]
    seconds += [_timed(train) for _ in range(rounds_for(seconds[0]) - 1)]
    return Measured(min(seconds) / EPOCHS, reached)


def _timed(train: Training) -> float:
    """Seconds of a training."""
    begin = time.perf_counter()
    train(EPOCHS)
    return time.perf_counter() - begin


if __name__ == "__main__":
    raise SystemExit(main())
