"""NumPy as one would write it: whole batches as matrices, one row per example."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..problem import Problem
from ..workload import Array, Result, Run

_FORWARD: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
}
# f'(z) as a function of a = f(z).
_DERIVATIVE: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda a: a * (1 - a),
    "relu": lambda a: a > 0,
}


def descent(problem: Problem, dtype: str) -> Run:
    """Gradient descent or Adam on any dense network with half squared error, batch by batch."""
    X, y = problem.X.astype(dtype), problem.y.astype(dtype)
    n, batch = len(X), problem.batch_size or len(X)
    mean = problem.reduction == "mean"

    def run(epochs: int) -> Result:
        layers = [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start]
        parameters = [part for layer in layers for part in layer]
        step = _STEPS[problem.optimizer](parameters, problem.rate)
        cost = 0.0
        for _ in range(epochs):
            cost = 0.0
            for first in range(0, n, batch):
                rows = slice(first, min(first + batch, n))
                scale = 1 / (rows.stop - first) if mean else 1.0
                batch_cost, gradient = _gradient(layers, problem.activations, X[rows], y[rows])
                cost += batch_cost
                step([part * scale for part in gradient])
        return Result(np.concatenate([part.ravel() for part in parameters]), mean_cost(cost))

    def mean_cost(total: float) -> float:
        return total / n if mean else total

    return run


def forward(problem: Problem, dtype: str) -> Run:
    """h(x) of one point, again and again."""
    x = problem.X[1].astype(dtype)
    layers = [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start]

    def run(calls: int) -> Result:
        a = x
        for _ in range(calls):
            a = x
            for (W, b), name in zip(layers, problem.activations, strict=True):
                a = _FORWARD[name](W @ a + b)
        return Result(a)

    return run


def _gradient(
    layers: list[tuple[Array, Array]], activations: tuple[str, ...], x: Array, y: Array
) -> tuple[float, list[Array]]:
    """Σ J and its gradient Σ ∇W, Σ ∇b, layer by layer."""
    outputs = [x]
    for (W, b), name in zip(layers, activations, strict=True):
        outputs.append(_FORWARD[name](outputs[-1] @ W.T + b))
    delta = outputs[-1] - y
    cost = 0.5 * float(np.sum(delta * delta))
    gradient: list[Array] = []
    for number in reversed(range(len(layers))):
        delta = delta * _DERIVATIVE[activations[number]](outputs[number + 1])
        gradient[:0] = [delta.T @ outputs[number], delta.sum(axis=0)]
        if number:
            delta = delta @ layers[number][0]
    return cost, gradient


def _sgd(parameters: list[Array], rate: float) -> Callable[[list[Array]], None]:
    """w ← w − α g, in place."""

    def step(gradient: list[Array]) -> None:
        for w, g in zip(parameters, gradient, strict=True):
            g *= rate
            w -= g

    return step


def _adam(parameters: list[Array], rate: float) -> Callable[[list[Array]], None]:
    """Adam with β1 = 0.9, β2 = 0.999, ε = 1e-8, in place."""
    m, s = [np.zeros_like(w) for w in parameters], [np.zeros_like(w) for w in parameters]
    t = 0

    def step(gradient: list[Array]) -> None:
        nonlocal t
        t += 1
        for w, g, first, second in zip(parameters, gradient, m, s, strict=True):
            first += 0.1 * (g - first)
            second += 0.001 * (g * g - second)
            w -= rate / (1 - 0.9**t) * first / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)

    return step


_STEPS = {"sgd": _sgd, "adam": _adam}
