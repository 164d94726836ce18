"""Populations in PyTorch: `torch.func`, `vmap` over the gradient of one network."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..problems.population_problem import PopulationProblem
from ..problems.workload import Prepare, Result, Run
from . import pytorch, pytorch_compiled


def descents(problem: PopulationProblem, dtype: str, compiled: bool = False) -> Run:
    """A Python loop over epochs and batches; every step trains all members."""
    torch = pytorch_compiled.compiler() if compiled else pytorch.load()
    network = problem.network
    X, y = (torch.from_numpy(part.astype(dtype)) for part in (network.X, network.y))
    batch = network.batch_size or len(X)
    start = [tuple(map(torch.from_numpy, layer)) for layer in problem.layers(dtype)]
    functions: dict[str, Any] = {
        "sigmoid": torch.sigmoid,
        "relu": torch.relu,
        "softmax": lambda z: torch.log_softmax(z, -1),
    }

    def cost(layers: Any, x: Any, y: Any) -> Any:
        for (W, b), name in zip(layers, network.activations, strict=True):
            x = functions[name](x @ W.T + b)
        if network.loss == "softmax_cross_entropy":
            total = -(y * x).sum()
        else:
            total = 0.5 * ((x - y) ** 2).sum()
        total = total / len(y) if network.reduction == "mean" else total
        return total, total.detach()

    gradients: Any = torch.func.vmap(torch.func.grad(cost, has_aux=True), in_dims=(0, None, None))

    def step(layers: Any, x: Any, y: Any) -> Any:
        gradient, values = gradients(layers, x, y)
        for layer, change in zip(layers, gradient, strict=True):
            for parameter, g in zip(layer, change, strict=True):
                parameter -= network.rate * g
        return values

    if compiled:
        step = torch.compile(step, **pytorch_compiled.COMPILE)

    def run(count: int) -> Result:
        for _ in range(count):
            layers = [tuple(part.clone() for part in layer) for layer in start]
            kept = np.zeros(0)
            for epoch in range(problem.epochs):
                costs = []
                for first in range(0, len(X), batch):
                    part = slice(first, first + batch)
                    costs.append(step(layers, X[part], y[part]))
                if epoch == problem.compared:
                    mean = network.reduction == "mean"
                    kept = (sum(costs) / (len(costs) if mean else 1)).numpy()
        return Result(kept)

    return run


DESCENTS: dict[str, Prepare] = {
    "eager": descents,
    "compiled": partial(descents, compiled=True),
}
