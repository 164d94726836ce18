"""PyTorch, eager, as its tutorials write it; double or single precision, on the processor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..problem import Problem
from ..workload import Array, Result, Run, UnavailableError


def descent(problem: Problem, dtype: str) -> Run:
    """Epochs of gradient descent or Adam, or iterations of L-BFGS with the strong-Wolfe search."""
    torch = _torch()
    X, y = _examples(problem, dtype)
    model, loss = _model(problem, dtype), _loss(problem)
    start = [torch.from_numpy(part.astype(dtype)) for layer in problem.start for part in layer]
    train = _lbfgs if problem.optimizer == "lbfgs" else _steps

    def run(epochs: int) -> Result:
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), start, strict=True):
                parameter.copy_(value)
        cost, evaluations = train(model, loss, X, y, problem, epochs)
        values = [parameter.detach().numpy().ravel() for parameter in model.parameters()]
        return Result(np.concatenate(values), cost, evaluations)

    return run


def cost(problem: Problem, parameters: Array) -> float:
    """PyTorch's own loss at the given parameters."""
    torch = _torch()
    X, y = _examples(problem, "float64")
    model = _model(problem, "float64")
    torch.nn.utils.vector_to_parameters(torch.from_numpy(parameters), model.parameters())
    return float(_loss(problem)(model(X), y).item())


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise UnavailableError("torch is not installed") from None
    return torch


def _examples(problem: Problem, dtype: str) -> tuple[Any, Any]:
    """Inputs and targets; class numbers for the softmax cross-entropy."""
    torch = _torch()
    y = problem.y.astype(dtype)
    if problem.loss == "softmax_cross_entropy":
        y = problem.y.argmax(axis=1)
    return torch.from_numpy(problem.X.astype(dtype)), torch.from_numpy(y)


def _model(problem: Problem, dtype: str) -> Any:
    """Linear layers and activations; none on the output where the loss takes the logits."""
    torch = _torch()
    kinds = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
    modules = []
    for sizes, name in zip(pairwise(problem.sizes), problem.activations, strict=True):
        modules += [torch.nn.Linear(*sizes), kinds.get(name, torch.nn.Identity)()]
    if problem.loss != "half_squared_error":
        modules.pop()
    return torch.nn.Sequential(*modules).to(getattr(torch, dtype))


def _loss(problem: Problem) -> Callable[[Any, Any], Any]:
    """The mean of J over a batch."""
    torch = _torch()
    if problem.loss == "binary_cross_entropy":
        return torch.nn.BCEWithLogitsLoss()  # type: ignore[no-any-return]
    if problem.loss == "softmax_cross_entropy":
        return torch.nn.CrossEntropyLoss()  # type: ignore[no-any-return]
    return lambda output, y: 0.5 * torch.sum((output - y) ** 2) / len(y)


def _steps(
    model: Any, loss: Any, X: Any, y: Any, problem: Problem, epochs: int
) -> tuple[float, int]:
    kind = {"sgd": _torch().optim.SGD, "adam": _torch().optim.Adam}[problem.optimizer]
    # fused: one call for all parameters, a sixth less time a step on the smallest network.
    optimizer = kind(model.parameters(), lr=problem.rate, fused=True)
    n, batch = len(X), problem.batch_size or len(X)
    total = 0.0
    for _ in range(epochs):
        total = 0.0
        for first in range(0, n, batch):
            x_batch, y_batch = X[first : first + batch], y[first : first + batch]
            optimizer.zero_grad()
            value = loss(model(x_batch), y_batch)
            value.backward()
            optimizer.step()
            total += value.item() * len(x_batch)
    return total / n, epochs


def _lbfgs(
    model: Any, loss: Any, X: Any, y: Any, problem: Problem, epochs: int
) -> tuple[float, int]:
    lbfgs = _torch().optim.LBFGS(
        model.parameters(),
        max_iter=epochs,
        max_eval=10**9,
        history_size=10,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def evaluate() -> Any:
        lbfgs.zero_grad()
        value = loss(model(X), y)
        value.backward()
        return value

    cost = float(lbfgs.step(evaluate).item())
    return cost, int(lbfgs.state_dict()["state"][0]["func_evals"])
