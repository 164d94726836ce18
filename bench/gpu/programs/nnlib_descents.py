"""nnlib: `train_many` and `Network.descent` with everything on the GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

import nnlib
from nnlib.cuda import rounds
from nnlib.kernels.cuda.compile.jit import cuda

from ...problems.population_problem import PopulationProblem
from ...problems.problem import Problem
from ...problems.workload import Array
from ..measure.clock import host_clock, nnlib_clock
from ..measure.program import Program


def population(problem: PopulationProblem, device: str) -> Program:
    """One call for all members, from drawing their starts to the costs that they end with."""
    network = problem.network
    X, y = (part.astype(np.float32) for part in (network.X, network.y))
    reached: list[Array] = [np.empty(0)]

    def run(epochs: int) -> None:
        reached[0] = nnlib.train_many(
            list(network.sizes), X, y, seeds=problem.seeds, epochs=epochs, trace=1,
            activation=list(network.activations), loss=network.loss, dtype="float32",
            optimizer=network.optimizer, learning_rate=network.rate, device=device, progress=False,
        ).parameters  # fmt: skip

    return Program(run, lambda: reached[0], _clock(device))


def single(
    problem: Problem, device: str, precision: str | None = None, graphs: bool = True
) -> Program:
    """One network, a step per epoch, with X and y on the GPU before it begins.

    graphs: whether rounds are recorded and replayed, or launched from Python one by one.
    """
    net = nnlib.Network(
        problem.sizes, problem.activations, problem.loss, "float32",
        initializer=list(problem.start), device=device,
    )  # fmt: skip
    start = net.parameters.copy()
    data: list[Any] = [part.astype(np.float32) for part in (problem.X, problem.y)]
    if device == "cuda":
        data = [cuda.to_device(part) for part in data]

    def run(epochs: int) -> None:
        net.parameters = start
        with nullcontext() if graphs else _without_graphs():
            net.descent(
                *data, epochs=epochs, optimizer=problem.optimizer, learning_rate=problem.rate,
                precision=precision, progress=False,
            )  # fmt: skip

    return Program(run, lambda: net.parameters, _clock(device), precision=precision or "float32")


@contextmanager
def _without_graphs() -> Iterator[None]:
    """Descents in here make every launch from Python."""
    before = rounds.MOST_LAUNCHES
    try:
        rounds.MOST_LAUNCHES = 0
        yield
    finally:
        rounds.MOST_LAUNCHES = before


def _clock(device: str) -> Any:
    return nnlib_clock if device == "cuda" else host_clock
