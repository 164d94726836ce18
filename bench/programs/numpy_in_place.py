"""NumPy with every array made beforehand: products and functions write where the result belongs.

A gradient of a wide layer is megabytes that `numpy_vectorised` asks the system for at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..problems.problem import Problem
from ..problems.workload import Array, Result, Run
from .numpy_vectorised import sgd


def descent(problem: Problem, dtype: str) -> Run:
    """Gradient descent or Adam on any dense network, in batches of one size or a smaller last."""
    X, y = problem.X.astype(dtype), problem.y.astype(dtype)
    n, batch = len(X), problem.batch_size or len(X)
    mean = problem.reduction == "mean"

    def run(epochs: int) -> Result:
        layers = [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start]
        parameters = [part for layer in layers for part in layer]
        step = _STEPS[problem.optimizer](parameters, problem.rate)
        passes: dict[int, _Pass] = {}
        batches = []
        for first in range(0, n, batch):
            x_batch, y_batch = X[first : first + batch], y[first : first + batch]
            size = len(x_batch)
            passes.setdefault(size, _Pass(problem, layers, size, 1 / size if mean else 1.0))
            batches.append((passes[size], x_batch, y_batch))
        total = 0.0
        for _ in range(epochs):
            total = 0.0
            for each, x_batch, y_batch in batches:
                total += each.cost(x_batch, y_batch)
                step(each.gradient(x_batch))
        flat = np.concatenate([part.ravel() for part in parameters])
        return Result(flat, total / n if mean else total)

    return run


def prediction(problem: Problem, dtype: str) -> Run:
    """The outputs of all examples at once, again and again, into the same arrays."""
    X = problem.X.astype(dtype)
    layers = [(W.astype(dtype), b.astype(dtype)) for W, b in problem.start]
    forward = _Pass(problem, layers, len(X), 1.0).forward

    def run(calls: int) -> Result:
        out = X
        for _ in range(calls):
            out = forward(X)
        return Result(out.ravel())

    return run


class _Pass:
    """Activations, δ and gradients of a batch of one size."""

    def __init__(self, problem: Problem, layers: Any, size: int, scale: float) -> None:
        self.problem, self.layers, self.scale = problem, layers, scale
        dtype = layers[0][0].dtype
        self.outputs = [np.empty((size, len(b)), dtype) for _, b in layers]
        self.deltas = [np.empty_like(a) for a in self.outputs]
        self.gradients = [np.empty_like(part) for layer in layers for part in layer]

    def forward(self, x: Array) -> Array:
        """F of every row."""
        for (W, b), a, name in zip(
            self.layers, self.outputs, self.problem.activations, strict=True
        ):
            np.matmul(x, W.T, out=a)
            a += b
            _activate(name, a)
            x = a
        return x

    def cost(self, x: Array, y: Array) -> float:
        """Σ J, and δ of the last layer divided by the number of examples where J is a mean."""
        a, delta = self.forward(x), self.deltas[-1]
        np.subtract(a, y, out=delta)
        if self.problem.loss == "softmax_cross_entropy":
            # The targets are 0 or 1: a·y is the probability given to the right class.
            right = np.einsum("ij,ij->i", a, y)
            cost = -float(np.log(right + np.finfo(a.dtype).tiny).sum())
        else:
            cost = 0.5 * float(np.vdot(delta, delta))
            _times_derivative(self.problem.activations[-1], a, delta)
        delta *= self.scale
        return cost

    def gradient(self, x: Array) -> list[Array]:
        """∇W and ∇b of each layer, from δ of the last."""
        for number in reversed(range(len(self.layers))):
            delta, before = self.deltas[number], self.outputs[number - 1] if number else x
            np.matmul(delta.T, before, out=self.gradients[2 * number])
            np.sum(delta, axis=0, out=self.gradients[2 * number + 1])
            if number:
                inner = self.deltas[number - 1]
                np.matmul(delta, self.layers[number][0], out=inner)
                _times_derivative(self.problem.activations[number - 1], before, inner)
        return self.gradients


def _activate(name: str, z: Array) -> None:
    """f(z), in place."""
    if name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    else:
        z -= z.max(axis=-1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=-1, keepdims=True)


def _times_derivative(name: str, a: Array, delta: Array) -> None:
    """δ ← δ f'(z), where a = f(z)."""
    if name == "relu":
        delta *= a > 0
    elif name == "tanh":
        delta *= 1 - a * a
    else:
        delta *= a * (1 - a)


def _adam(parameters: list[Array], rate: float) -> Callable[[list[Array]], None]:
    """Adam with β1 = 0.9, β2 = 0.999, ε = 1e-8."""
    m, s, scratch = ([np.zeros_like(w) for w in parameters] for _ in range(3))
    t = 0

    def step(gradient: list[Array]) -> None:
        nonlocal t
        t += 1
        for w, g, first, second, u in zip(parameters, gradient, m, s, scratch, strict=True):
            np.subtract(g, first, out=u)
            u *= 0.1
            first += u
            np.multiply(g, g, out=u)
            u -= second
            u *= 0.001
            second += u
            np.multiply(second, 1 / (1 - 0.999**t), out=u)
            np.sqrt(u, out=u)
            u += 1e-8
            np.divide(first, u, out=u)
            u *= rate / (1 - 0.9**t)
            w -= u

    return step


_STEPS = {"sgd": sgd, "adam": _adam}
