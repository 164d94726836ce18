"""NumPy as one would write it: whole batches as matrices, one row per example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..problems.problem import DescentProblem, Problem
from ..problems.workload import Array, Result, Run

# Layers, and the inputs and targets of a batch → Σ J and its gradient Σ ∇W, Σ ∇b, layer by layer.
Layers: TypeAlias = list[tuple[Array, Array]]
Gradient: TypeAlias = Callable[[Any, Layers, Sequence[Array], Array], tuple[float, list[Array]]]


def _softmax(z: Array) -> Array:
    """e^z_i / Σ_j e^z_j of each row, the largest z taken from all first."""
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    quotients: Array = powers / powers.sum(axis=-1, keepdims=True)
    return quotients


FORWARD: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "softmax": _softmax,
    "identity": lambda z: z,
}
# f'(z) as a function of a = f(z).
DERIVATIVE: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
    "relu": lambda a: a > 0,
    "identity": np.ones_like,
}


def descent(problem: Problem, dtype: str) -> Run:
    """Gradient descent or Adam on any chain of dense layers, batch by batch."""
    return descent_by(_gradient, problem, dtype)


def descent_by(gradient_of: Gradient, problem: DescentProblem, dtype: str) -> Run:
    """The same on any network, by a function that gives cost and gradient of a batch."""
    inputs, y = [X.astype(dtype) for X in problem.inputs], problem.y.astype(dtype)
    n, batch = len(y), problem.batch_size or len(y)
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
                x = [X[rows] for X in inputs]
                batch_cost, gradient = gradient_of(problem, layers, x, y[rows])
                cost += batch_cost
                step([part * scale for part in gradient])
        return Result(np.concatenate([part.ravel() for part in parameters]), mean_cost(cost))

    def mean_cost(total: float) -> float:
        return total / n if mean else total

    return run


def prediction(problem: Problem, dtype: str) -> Run:
    """The outputs of all examples at once, again and again."""
    X = problem.X.astype(dtype)
    layers = [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start]

    def run(calls: int) -> Result:
        a = X
        for _ in range(calls):
            a = X
            for (W, b), name in zip(layers, problem.activations, strict=True):
                a = FORWARD[name](a @ W.T + b)
        return Result(a.ravel())

    return run


def _gradient(
    problem: Problem, layers: Layers, inputs: Sequence[Array], y: Array
) -> tuple[float, list[Array]]:
    """Σ J and its gradient Σ ∇W, Σ ∇b, layer by layer."""
    outputs = [*inputs]
    for (W, b), name in zip(layers, problem.activations, strict=True):
        outputs.append(FORWARD[name](outputs[-1] @ W.T + b))
    delta = outputs[-1] - y
    if problem.loss == "softmax_cross_entropy":
        # ∂J/∂z = a − y. The smallest normal number keeps the logarithm of a lost class finite.
        cost = -float(np.sum(y * np.log(outputs[-1] + np.finfo(y.dtype).tiny)))
    else:
        cost = 0.5 * float(np.sum(delta * delta))
        delta = delta * DERIVATIVE[problem.activations[-1]](outputs[-1])
    gradient: list[Array] = []
    for number in reversed(range(len(layers))):
        gradient[:0] = [delta.T @ outputs[number], delta.sum(axis=0)]
        if number:
            inner = DERIVATIVE[problem.activations[number - 1]](outputs[number])
            delta = (delta @ layers[number][0]) * inner
    return cost, gradient


def sgd(parameters: list[Array], rate: float) -> Callable[[list[Array]], None]:
    """w ← w − α g, in place; g is overwritten."""

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


_STEPS = {"sgd": sgd, "adam": _adam}
