"""Time to reach a cost: every optimizer of nnlib and of the peers, on three real problems.

All start from the same weights and take the examples in the same order, in float64. A row's
learning rate and batch size are the best of a short list, the same list for the peers
(`bench.choose_rates`, which wrote `bench.rows.rates`).

How many epochs a row needs is looked for before the clock starts, by descents from the start with
more and more epochs; the clock then sees one call with that many epochs, and no test of the cost.
So nobody pays for watching, and nothing that happens once (compilation, a first call) is timed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nnlib.optimizers import OPTIMIZERS

from ..problems.problem import Problem
from ..problems.real_problems import REAL_PROBLEMS, RealProblem
from ..problems.workload import Array, Run
from ..programs import nnlib_network, pytorch, scikit_learn
from .rates import RATES

DTYPE = "float64"
# A row that has not reached the cost after so many epochs, or in a descent that takes so long,
# never does.
MOST_EPOCHS = 20_000
MOST_SECONDS = 5.0

PEERS = {
    "scikit-learn adam": (scikit_learn.descent, "adam"),
    "scikit-learn lbfgs": (scikit_learn.descent, "lbfgs"),
    "PyTorch adam": (pytorch.descent, "adam"),
    "PyTorch lbfgs": (pytorch.descent, "lbfgs"),
}


@dataclass(frozen=True)
class Row:
    """One optimizer of one library on one problem.

    Attributes
    ----------
    real
        The problem and the cost to reach.
    name
        Library and optimizer, as in the report.
    prepare
        ``prepare(problem, dtype)`` returns the run; raises `UnavailableError`.
    optimizer
        Its name in nnlib.
    """

    real: RealProblem
    name: str
    prepare: Callable[[Problem, str], Run]
    optimizer: str

    def __str__(self) -> str:
        return f"{self.real}: {self.name}"

    @property
    def problem(self) -> Problem:
        """The problem with the row's learning rate and batch size."""
        rate, batch_size = RATES.get((self.real.name, self.name), (None, None))
        return self.with_rate(rate, batch_size)

    def with_rate(self, rate: float | None, batch_size: int | None) -> Problem:
        """The problem with another learning rate and batch size; None: the default, all."""
        return replace(
            self.real.build(),
            optimizer=self.optimizer,
            learning_rate=rate,
            batch_size=batch_size,
        )


class Reached(NamedTuple):
    """How far a row came.

    Attributes
    ----------
    epochs
        The least found after which the cost was reached; or the most that were tried.
    cost
        J after them.
    evaluations
        Passes over all examples that they took, None where the library does not tell.
    reached
        Whether cost is at most the target.
    """

    epochs: int
    cost: float
    evaluations: int | None
    reached: bool


def rows() -> Iterator[Row]:
    """The table: nnlib's optimizers, whatever they are, and the peers', problem by problem."""
    for real in REAL_PROBLEMS:
        for name in OPTIMIZERS:
            # It minimises sums of squares only.
            if name != "levenberg_marquardt" or real.build().loss == "half_squared_error":
                yield Row(real, f"nnlib {name}", nnlib_network.descent, name)
        for name, (prepare, optimizer) in PEERS.items():
            yield Row(real, name, prepare, optimizer)


def reach(problem: Problem, target: float, run: Run, most_seconds: float = MOST_SECONDS) -> Reached:
    """The number of epochs n after which J ≤ target, and J > target after n − 1.

    Found by doubling and then halving the interval; where J goes up and down, it need not be the
    first such n.
    """
    below, epochs = 0, 1
    while True:
        begin = time.perf_counter()
        found = _after(problem, target, run, epochs)
        seconds = time.perf_counter() - begin
        if found.reached:
            break
        # The very first call may have compiled for seconds.
        if epochs == MOST_EPOCHS or (epochs > 1 and seconds > most_seconds):
            return found
        below, epochs = epochs, min(2 * epochs, MOST_EPOCHS)
    while found.epochs - below > 1:
        middle = (below + found.epochs) // 2
        tried = _after(problem, target, run, middle)
        if tried.reached:
            found = tried
        else:
            below = middle
    return found


def _after(problem: Problem, target: float, run: Run, epochs: int) -> Reached:
    """Where a descent of so many epochs ends."""
    result = run(epochs)
    cost = _cost(problem, result.values)
    return Reached(epochs, cost, result.evaluations, cost <= target)


def _cost(problem: Problem, parameters: Array) -> float:
    """J, the same for everybody; infinite where the descent diverged."""
    if not np.isfinite(parameters).all():
        return math.inf
    return nnlib_network.cost(problem, parameters)
