"""The lecture's matrix program: W, b and the delta formulas, a Python loop over the points."""

from __future__ import annotations

import numpy as np

from ..problems.problem import Problem
from ..problems.workload import Array, Result, Run


def sigmoid(z: Array) -> Array:
    """σ(z) = 1/(1 + e^−z), elementwise."""
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def descent(problem: Problem, dtype: str) -> Run:
    """The exercise in the lecture's column vectors, one point at a time.

    z = W a + b, δ^[3] = (a − y) ⊙ f'(z), δ^[2] = Wᵀ δ^[3] ⊙ f'(z), ∇W = δ aᵀ, ∇b = δ.
    """
    rate = problem.rate
    points = [
        (x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(problem.X, problem.y, strict=True)
    ]

    def run(epochs: int) -> Result:
        (W1, b1), (W2, b2) = ((W.copy(), b.reshape(-1, 1).copy()) for W, b in problem.start)
        cost = 0.0
        for _ in range(epochs):
            cost = 0.0
            dW1, db1, dW2, db2 = map(np.zeros_like, (W1, b1, W2, b2))
            for x, y in points:
                a2 = sigmoid(W1 @ x + b1)
                a3 = sigmoid(W2 @ a2 + b2)
                cost += 0.5 * float(np.sum((a3 - y) ** 2))
                delta3 = (a3 - y) * a3 * (1 - a3)
                delta2 = (W2.T @ delta3) * a2 * (1 - a2)
                dW2 += delta3 @ a2.T
                db2 += delta3
                dW1 += delta2 @ x.T
                db1 += delta2
            W1 -= rate * dW1
            b1 -= rate * db1
            W2 -= rate * dW2
            b2 -= rate * db2
        return Result(np.concatenate([part.ravel() for part in (W1, b1, W2, b2)]), cost)

    return run
