"""The networks that are trained on a GPU, their data and starts, and what float64 makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import nnlib

from ...problems.population_problem import PopulationProblem
from ...problems.problem import Problem, glorot
from ...problems.problem import wide as wide_problem
from ...problems.workload import Array

# Sizes, examples and members.
POPULATIONS = (((1, 2, 1), 60, 16384), ((4, 32, 16, 4), 256, 4096), ((64, 32, 10), 256, 2048))
TINY_POPULATION = (2, 3, 1), 4, 2
NARROW_SIZES = (64, 64, 64, 64, 1)
NARROW_BATCHES = tuple(2**exponent for exponent in range(10, 22))
# torch.compile takes ten seconds and more for each of its three forms, so some batches only, in
# the order of what they tell; other precisions at these too.
COMPILED_BATCHES = tuple(2**exponent for exponent in (14, 10, 21, 17, 12, 19))
WIDE_BATCHES = 256, 8192
# A population's descents are compared, and JAX's loop is unrolled into calls, by so many epochs.
POPULATION_EPOCHS = 100
# Members whose parameters are compared.
COMPARED_MEMBERS = 64
STEPS_COMPARED = 3


@dataclass(frozen=True)
class Case:
    """One problem and its name in the table.

    Attributes
    ----------
    name, section
        In the table.
    problem
        A network, or a population of them.
    epochs
        After so many the results are compared.
    """

    name: str
    section: str
    problem: Problem | PopulationProblem
    epochs: int

    @property
    def network(self) -> Problem:
        """The network, or that of every member."""
        problem = self.problem
        return problem.network if isinstance(problem, PopulationProblem) else problem

    @property
    def population(self) -> PopulationProblem:
        """The population, where it is one."""
        assert isinstance(self.problem, PopulationProblem)
        return self.problem

    @property
    def members(self) -> int:
        """How many networks are trained."""
        return len(self.problem.seeds) if isinstance(self.problem, PopulationProblem) else 1

    @property
    def start(self) -> Array:
        """Parameters before the first epoch, of those networks that are compared."""
        if isinstance(self.problem, PopulationProblem):
            return self.problem.starts[:COMPARED_MEMBERS]
        return self.problem.flat_start


def populations(tiny: bool) -> list[Case]:
    """Many networks, each on all the data: tanh, plain descent."""
    return [_population(*shape) for shape in ([TINY_POPULATION] if tiny else POPULATIONS)]


def _population(sizes: tuple[int, ...], n: int, members: int) -> Case:
    network = replace(
        _smooth(sizes, n), activations=("tanh",) * (len(sizes) - 1), start=(), learning_rate=0.1
    )
    name = f"{'-'.join(map(str, sizes))} × {members}"
    epochs = POPULATION_EPOCHS if members > 2 else 2
    problem = PopulationProblem(network, range(members), epochs, compared=epochs - 1)
    return Case(name, "populations", problem, epochs)


def narrow(batches: tuple[int, ...], tiny: bool) -> list[Case]:
    """One network of 64-wide layers on batches of these sizes: ReLU, Adam."""
    sizes = (3, 4, 1) if tiny else NARROW_SIZES
    batches = (6,) if tiny else batches
    whole = replace(_smooth(sizes, max(batches)), optimizer="adam", learning_rate=0.001)
    cases = []
    for batch in batches:
        problem = replace(whole, X=whole.X[:batch], y=whole.y[:batch])
        cases.append(Case(f"64 wide, batch {batch}", "narrow", problem, STEPS_COMPARED))
    return cases


def wide(tiny: bool) -> list[Case]:
    """One network of 1024-wide layers: ReLU, softmax, plain descent."""
    whole, cases = wide_problem(), []
    for batch in (6,) if tiny else WIDE_BATCHES:
        repeats = -(-batch // len(whole.X))
        X, y = (np.tile(part, (repeats, 1))[:batch] for part in (whole.X, whole.y))
        problem = replace(whole, X=X, y=y, batch_size=None)
        if tiny:
            rng, sizes = np.random.default_rng(0), (3, 9, 2)
            problem = replace(
                problem, sizes=sizes, activations=("relu", "softmax"), X=X[:, :3],
                y=np.eye(2)[rng.integers(0, 2, batch)], start=glorot(rng, sizes),
            )  # fmt: skip
        cases.append(Case(f"1024 wide, batch {batch}", "wide", problem, STEPS_COMPARED))
    return cases


def _smooth(sizes: tuple[int, ...], n: int) -> Problem:
    """A smooth function of random inputs, in float32: 2²¹ examples of 64 numbers are 0.5 GB."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, sizes[0]), np.float32)
    directions = rng.standard_normal((sizes[0], sizes[-1]), np.float32) / np.sqrt(sizes[0])
    return Problem(
        sizes=sizes,
        activations=("relu",) * (len(sizes) - 2) + ("identity",),
        X=X,
        y=0.8 * np.sin(X @ directions.astype(np.float32)),
        start=glorot(rng, sizes),
        learning_rate=None,
        reduction="mean",
        batch_size=None,
    )


def reference(case: Case, folder: Path) -> Array:
    """The parameters after `case.epochs` by nnlib in float64 on the processor, kept in a file."""
    path = folder / f"{case.name}.npy"
    if not path.exists():
        np.save(path, _trained(case))
    values: Array = np.load(path)
    return values


def _trained(case: Case) -> Array:
    problem = case.network
    options: dict[str, Any] = {
        "epochs": case.epochs, "learning_rate": problem.rate, "optimizer": problem.optimizer,
        "progress": False,
    }  # fmt: skip
    if isinstance(case.problem, PopulationProblem):
        population = nnlib.train_many(
            list(problem.sizes), problem.X, problem.y, loss=problem.loss, trace=1,
            activation=list(problem.activations), seeds=case.problem.seeds[:COMPARED_MEMBERS],
            **options,
        )  # fmt: skip
        parameters: Array = population.parameters
        return parameters
    net = nnlib.Network(
        problem.sizes, problem.activations, problem.loss, initializer=list(problem.start),
        device="cpu",
    )  # fmt: skip
    net.descent(problem.X, problem.y, **options)
    return net.parameters
