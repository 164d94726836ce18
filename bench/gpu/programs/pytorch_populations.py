"""Populations in PyTorch: `vmap` of `grad`, eager, compiled, and compiled as a CUDA graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...problems.population_problem import PopulationProblem
from ...problems.workload import Array
from ..measure.clock import torch_clock
from ..measure.program import Program
from .pytorch_steps import compiled, graphed

FORMS = "PyTorch vmap", "PyTorch vmap compiled", "PyTorch vmap compiled, CUDA graph"


def population(
    problem: PopulationProblem, device: str, form: str, compiler: str = "inductor"
) -> Program:
    """A Python loop over the epochs; every step trains all members, in place."""
    import torch

    network = problem.network
    X, y = (torch.from_numpy(part.astype(np.float32)).to(device) for part in (network.X, network.y))
    start = [tuple(map(torch.from_numpy, layer)) for layer in problem.layers("float32")]
    layers = [tuple(part.to(device, copy=True) for part in layer) for layer in start]

    def cost(layers: Any, x: Any) -> Any:
        for W, b in layers:
            x = torch.tanh(x @ W.T + b)
        return 0.5 * ((x - y) ** 2).sum() / len(y)

    gradients: Any = torch.func.vmap(torch.func.grad(cost), in_dims=(0, None))

    def train(layers: Any, x: Any) -> None:
        gradient = gradients(layers, x)
        with torch.no_grad():
            for layer, change in zip(layers, gradient, strict=True):
                for parameter, g in zip(layer, change, strict=True):
                    parameter.sub_(network.rate * g)

    chosen = train if form == FORMS[0] else compiled(train, compiler)

    def step() -> None:
        chosen(layers, X)

    once = graphed(step) if form == FORMS[2] else step

    def run(epochs: int) -> None:
        for layer, values in zip(layers, start, strict=True):
            for parameter, value in zip(layer, values, strict=True):
                parameter.copy_(value)
        for _ in range(epochs):
            once()

    def fetch() -> Array:
        members = len(problem.seeds)
        parts = [part.cpu().numpy().reshape(members, -1) for layer in layers for part in layer]
        return np.concatenate(parts, axis=1)

    return Program(run, fetch, torch_clock(device))
