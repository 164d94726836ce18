"""Populations by `nnlib.train_many`, drawing the starts and all checks included."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problems.population_problem import PopulationProblem, SearchProblem
from ..problems.workload import Result, Run


def descents(problem: PopulationProblem, dtype: str) -> Run:
    """One call for all members; the costs of the epoch compared are the result."""
    import nnlib

    network = problem.network
    X, y = network.X.astype(dtype), network.y.astype(dtype)

    def run(count: int) -> Result:
        for _ in range(count):
            population = nnlib.train_many(
                list(network.sizes), X, y, seeds=problem.seeds, epochs=problem.epochs,
                activation=list(network.activations), loss=network.loss, dtype=dtype,
                learning_rate=network.learning_rate, reduction=network.reduction,
                batch_size=network.batch_size, shuffle=False, trace=14, progress=False,
            )  # fmt: skip
        (place,) = np.flatnonzero(population.trace == problem.compared)
        return Result(population.J[:, place])

    return run


def search(problem: SearchProblem, dtype: str) -> Run:
    """One call for all rates and folds, folds as weights; the best mean held-out cost results."""
    import nnlib

    X = problem.X.astype(dtype)
    options: dict[str, Any] = {"epochs": problem.epochs, "batch_size": problem.batch_size}

    def run(count: int) -> Result:
        for _ in range(count):
            population = nnlib.train_many(
                [X.shape[1], problem.hidden, 2], X, problem.labels, activation=["tanh", "softmax"],
                loss="softmax_cross_entropy", dtype=dtype, optimizer="adam", folds=problem.number,
                grid={"learning_rate": problem.rates}, progress=False, **options,
            )  # fmt: skip
        return Result(np.array([population.by_choice()[0]["mean"]]))

    return run
