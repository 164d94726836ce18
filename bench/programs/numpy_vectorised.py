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
    """Gradient descent of any dense network, batch by batch."""
    X, y = problem.X.astype(dtype), problem.y.astype(dtype)
    n, batch = len(X), problem.batch_size
    mean = problem.reduction == "mean"

    def run(epochs: int) -> Result:
        layers = [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start]
        cost = 0.0
        for _ in range(epochs):
            cost = 0.0
            for first in range(0, n, batch):
                rows = slice(first, min(first + batch, n))
                rate = problem.learning_rate / (rows.stop - first if mean else 1)
                cost += _step(layers, problem.activations, X[rows], y[rows], rate)
        values = np.concatenate([part.ravel() for layer in layers for part in layer])
        return Result(values, cost / n if mean else cost)

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


def _step(
    layers: list[tuple[Array, Array]],
    activations: tuple[str, ...],
    x: Array,
    y: Array,
    rate: float,
) -> float:
    """One step W ← W − α Σ ∇W, b ← b − α Σ ∇b, in place; returns Σ J before it."""
    outputs = [x]
    for (W, b), name in zip(layers, activations, strict=True):
        outputs.append(_FORWARD[name](outputs[-1] @ W.T + b))
    delta = outputs[-1] - y
    cost = 0.5 * float(np.sum(delta * delta))
    for number in reversed(range(len(layers))):
        W, b = layers[number]
        delta = delta * _DERIVATIVE[activations[number]](outputs[number + 1])
        before = delta @ W if number else delta
        W -= rate * (delta.T @ outputs[number])
        b -= rate * delta.sum(axis=0)
        delta = before
    return cost
