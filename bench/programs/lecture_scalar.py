"""The lecture's scalar program: seven named coefficients, seven partial derivatives.

`descent` is the lecture's own (`nnlib.course.lecture_program`): one function per partial
derivative, each of them the formula as it stands on paper. `descent_shared` is the best plain
Python makes of the same arithmetic: F1, F2 and F are computed once per point.
"""

from __future__ import annotations

import numpy as np

from nnlib.course.lecture_program import scalar_descent, sigmoid

from ..problems.problem import Problem, coefficients
from ..problems.workload import Result, Run


def _points(problem: Problem) -> list[tuple[float, float]]:
    return list(zip(problem.X[:, 0].tolist(), problem.y[:, 0].tolist(), strict=True))


def _start(problem: Problem) -> list[float]:
    return list(map(float, coefficients(problem.flat_start)))


def descent(problem: Problem, dtype: str) -> Run:
    """The exercise with one Python function per partial derivative."""
    points, start, rate = _points(problem), _start(problem), problem.rate

    def run(epochs: int) -> Result:
        final, costs = scalar_descent(points, start, rate, epochs)
        return Result(coefficients(np.array(final)), costs[-1])

    return run


def descent_shared(problem: Problem, dtype: str) -> Run:
    """The exercise with F1, F2, F and the deltas computed once per point."""
    points, start, rate = _points(problem), _start(problem), problem.rate

    def run(epochs: int) -> Result:
        a1, a2, a3, a4, a5, a6, a7 = start
        cost = 0.0
        for _ in range(epochs):
            cost = d1 = d2 = d3 = d4 = d5 = d6 = d7 = 0.0
            for x, y in points:
                f1 = sigmoid(a1 * x + a2)
                f2 = sigmoid(a3 * x + a4)
                f = sigmoid(a5 * f1 + a6 * f2 + a7)
                cost += 0.5 * (f - y) ** 2
                delta = (f - y) * f * (1 - f)
                delta1 = delta * a5 * f1 * (1 - f1)
                delta2 = delta * a6 * f2 * (1 - f2)
                d1 += delta1 * x
                d2 += delta1
                d3 += delta2 * x
                d4 += delta2
                d5 += delta * f1
                d6 += delta * f2
                d7 += delta
            a1, a2, a3 = a1 - rate * d1, a2 - rate * d2, a3 - rate * d3
            a4, a5, a6 = a4 - rate * d4, a5 - rate * d5, a6 - rate * d6
            a7 -= rate * d7
        return Result(coefficients(np.array([a1, a2, a3, a4, a5, a6, a7])), cost)

    return run


def forward(problem: Problem, dtype: str) -> Run:
    """F of the exercise on one point, again and again."""
    a1, a2, a3, a4, a5, a6, a7 = _start(problem)
    x = float(problem.X[1, 0])

    def F(x: float) -> float:
        return sigmoid(a5 * sigmoid(a1 * x + a2) + a6 * sigmoid(a3 * x + a4) + a7)

    def run(calls: int) -> Result:
        out = 0.0
        for _ in range(calls):
            out = F(x)
        return Result(np.array([out]))

    return run
