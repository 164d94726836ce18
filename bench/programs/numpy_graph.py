"""NumPy on a graph: every operation notes how a gradient goes back through it, as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..problems.graph_problem import GraphProblem
from ..problems.workload import Array, Run
from .numpy_vectorised import DERIVATIVE, FORWARD, Layers, descent_by


class _Value:
    """What an operation gave, and the sum of what its readers say of ∂J/∂values.

    `back` takes that sum, and hands each value before this one its part; None for an input.
    """

    def __init__(
        self, tape: list[_Value], values: Array, back: Callable[[Array], None] | None
    ) -> None:
        self.tape, self.values, self.back = tape, values, back
        self.gradient: Array | None = None
        tape.append(self)

    def receive(self, gradient: Array) -> None:
        """One reader's part."""
        self.gradient = gradient if self.gradient is None else self.gradient + gradient

    def __add__(self, other: _Value) -> _Value:
        def back(gradient: Array) -> None:
            self.receive(gradient)
            other.receive(gradient)

        return _Value(self.tape, self.values + other.values, back)

    def __mul__(self, other: _Value) -> _Value:
        def back(gradient: Array) -> None:
            self.receive(gradient * other.values)
            other.receive(gradient * self.values)

        return _Value(self.tape, self.values * other.values, back)


def descent(problem: GraphProblem, dtype: str) -> Run:
    """Gradient descent or Adam, batch by batch."""
    return descent_by(_gradient, problem, dtype)


def _gradient(
    problem: GraphProblem, layers: Layers, inputs: Sequence[Array], y: Array
) -> tuple[float, list[Array]]:
    """Σ J, J half the squared error, and its gradient Σ ∇W, Σ ∇b, layer by layer."""
    tape: list[_Value] = []
    gradient = [np.empty(0)] * (2 * len(layers))
    dense = [
        partial(_dense, layer, name, gradient, number)
        for number, (layer, name) in enumerate(zip(layers, problem.activations, strict=True))
    ]
    output = problem.output(dense, [_Value(tape, x, None) for x in inputs])
    error = output.values - y
    output.receive(error)
    for value in reversed(tape):
        if value.back is not None and value.gradient is not None:
            value.back(value.gradient)
    return 0.5 * float(np.sum(error * error)), gradient


def _dense(
    layer: tuple[Array, Array], name: str, gradient: list[Array], number: int, inputs: _Value
) -> _Value:
    """a = f(W x + b); ∇W and ∇b become elements of the gradient."""
    W, b = layer
    x = inputs.values
    a = FORWARD[name](x @ W.T + b)

    def back(reached: Array) -> None:
        delta = reached * DERIVATIVE[name](a)
        gradient[2 * number : 2 * number + 2] = [delta.T @ x, delta.sum(axis=0)]
        if inputs.back is not None:
            inputs.receive(delta @ W)

    return _Value(inputs.tape, a, back)
