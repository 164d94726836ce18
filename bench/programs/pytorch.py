"""PyTorch on the processor: eager, as its tutorials write it, and compiled."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..problem import Problem
from ..workload import Array, Result, Run, UnavailableError


def descent(problem: Problem, dtype: str) -> Run:
    """Epochs of gradient descent or Adam, or iterations of L-BFGS with the strong-Wolfe search."""
    torch = _torch()
    X, y = examples(problem, dtype)
    model, loss = build_model(problem, dtype), build_loss(problem)
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


def compiled_descent(problem: Problem, dtype: str) -> Run:
    """One graph for loss, gradient and step of a batch (`torch.func`, `torch.compile`).

    The fastest of what its documentation offers: 64 µs a step of 64-32-10 where the compiled
    model with a compiled optimizer takes 238 and eager code 150, one thread.
    """
    torch = _torch()
    _compiler_at_hand()
    X, y = examples(problem, dtype)
    model, loss = build_model(problem, dtype), build_loss(problem)
    names = [name for name, _ in model.named_parameters()]
    start = [torch.from_numpy(part.astype(dtype)) for layer in problem.start for part in layer]
    n, batch = len(X), problem.batch_size or len(X)

    def batch_loss(parameters: Any, x: Any, y: Any) -> Any:
        return loss(torch.func.functional_call(model, parameters, (x,)), y)

    update = UPDATES[problem.optimizer]

    @torch.compile  # type: ignore[untyped-decorator]
    def step(parameters: Any, memory: Any, x: Any, y: Any) -> Any:
        gradient, value = torch.func.grad_and_value(batch_loss)(parameters, x, y)
        with torch.no_grad():
            update(parameters, memory, gradient, problem.rate)
        return value

    def run(epochs: int) -> Result:
        parameters = {name: value.clone() for name, value in zip(names, start, strict=True)}
        memory = []  # its length is compiled in: vectors that are not needed would cost time
        if problem.optimizer == "adam":
            zeros = [{key: torch.zeros_like(w) for key, w in parameters.items()} for _ in "ms"]
            memory = [*zeros, torch.zeros((), dtype=start[0].dtype)]
        total = 0.0
        for _ in range(epochs):
            total = 0.0
            for first in range(0, n, batch):
                x_batch, y_batch = X[first : first + batch], y[first : first + batch]
                value = step(parameters, memory, x_batch, y_batch).item()
                total += value * _share(problem, x_batch)
        values = [value.numpy().ravel() for value in parameters.values()]
        return Result(np.concatenate(values), total)

    return run


def prediction(problem: Problem, dtype: str) -> Run:
    """The model's outputs of all examples at once, from and to NumPy arrays, again and again."""
    torch = _torch()
    return _predictions(problem, dtype, torch.nn.Sequential(*_prediction_modules(problem, dtype)))


def compiled_prediction(problem: Problem, dtype: str) -> Run:
    """The same with the model compiled."""
    torch = _torch()
    _compiler_at_hand()
    model = torch.nn.Sequential(*_prediction_modules(problem, dtype))
    return _predictions(problem, dtype, torch.compile(model))


def _predictions(problem: Problem, dtype: str, model: Any) -> Run:
    torch = _torch()
    X = problem.X.astype(dtype)

    def run(calls: int) -> Result:
        outputs = X
        with torch.inference_mode():
            for _ in range(calls):
                outputs = model(torch.from_numpy(X)).numpy()
        return Result(outputs.ravel())

    return run


def _prediction_modules(problem: Problem, dtype: str) -> list[Any]:
    """The model at its start, with the output's activation."""
    torch = _torch()
    model = build_model(problem, dtype)
    start = [torch.from_numpy(part.astype(dtype)) for layer in problem.start for part in layer]
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), start, strict=True):
            parameter.copy_(value)
    return [*model, torch.nn.Softmax(dim=1)]


def cost(problem: Problem, parameters: Array) -> float:
    """PyTorch's own loss at the given parameters."""
    torch = _torch()
    X, y = examples(problem, "float64")
    model = build_model(problem, "float64")
    torch.nn.utils.vector_to_parameters(torch.from_numpy(parameters), model.parameters())
    return float(build_loss(problem)(model(X), y).item())


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise UnavailableError("torch is not installed") from None
    return torch


def examples(problem: Problem, dtype: str) -> tuple[Any, Any]:
    """Inputs and targets; class numbers for the softmax cross-entropy."""
    torch = _torch()
    y = problem.y.astype(dtype)
    if problem.loss == "softmax_cross_entropy":
        y = problem.y.argmax(axis=1)
    return torch.from_numpy(problem.X.astype(dtype)), torch.from_numpy(y)


def build_model(problem: Problem, dtype: str) -> Any:
    """Linear layers and activations; none on the output where the loss takes the logits."""
    torch = _torch()
    kinds = {"sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
    modules = []
    for sizes, name in zip(pairwise(problem.sizes), problem.activations, strict=True):
        modules += [torch.nn.Linear(*sizes), kinds.get(name, torch.nn.Identity)()]
    if problem.loss != "half_squared_error":
        modules.pop()
    return torch.nn.Sequential(*modules).to(getattr(torch, dtype))


def build_loss(problem: Problem) -> Callable[[Any, Any], Any]:
    """J of a batch: the mean over its examples, or the sum where the problem says so."""
    torch = _torch()
    if problem.loss == "binary_cross_entropy":
        return torch.nn.BCEWithLogitsLoss()  # type: ignore[no-any-return]
    if problem.loss == "softmax_cross_entropy":
        return torch.nn.CrossEntropyLoss()  # type: ignore[no-any-return]
    if problem.reduction == "sum":
        return lambda output, y: 0.5 * torch.sum((output - y) ** 2)
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
            total += value.item() * _share(problem, x_batch)
    return total, epochs


def _share(problem: Problem, x_batch: Any) -> float:
    """What part of J the loss of a batch is."""
    return len(x_batch) / len(problem.X) if problem.reduction == "mean" else 1.0


def _compiler_at_hand() -> None:
    """`torch.compile` writes C++."""
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise UnavailableError("torch.compile needs a C++ compiler, none is on the PATH")


def _compiled_sgd(parameters: Any, memory: Any, gradient: Any, rate: float) -> None:
    """w ← w − α g"""
    for name, w in parameters.items():
        w.sub_(rate * gradient[name])


def _compiled_adam(parameters: Any, memory: Any, gradient: Any, rate: float) -> None:
    """Adam with β1 = 0.9, β2 = 0.999, ε = 1e-8; t is a tensor, or every step would compile."""
    m, s, t = memory
    t.add_(1)
    length, scale = rate / (1 - 0.9**t), 1 / (1 - 0.999**t)
    for name, w in parameters.items():
        g = gradient[name]
        m[name].lerp_(g, 0.1)
        s[name].lerp_(g * g, 0.001)
        w.sub_(length * m[name] / ((s[name] * scale).sqrt() + 1e-8))


UPDATES = {"sgd": _compiled_sgd, "adam": _compiled_adam}


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
