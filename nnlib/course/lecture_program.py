"""The lecture's own program of the exercise, in pure Python: what `nnlib` is compared with.

Seven named coefficients, seven partial derivatives derived by hand, a loop over the points. Each
derivative is a function of its own, the formula as it stands on paper, so F is computed anew in
each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable


def sigmoid(z: float) -> float:
    """σ(z) = 1/(1 + e^−z).

    >>> sigmoid(0.0)
    0.5
    """
    return 1.0 / (1.0 + math.exp(-z))


def scalar_descent(
    points: Iterable[tuple[float, float]],
    coefficients: Iterable[float],
    learning_rate: float,
    epochs: int,
) -> tuple[list[float], list[float]]:
    """Batch gradient descent on F(x) = σ(a5 σ(a1 x + a2) + a6 σ(a3 x + a4) + a7).

    a_i ← a_i − α Σ ∂J/∂a_i over the points, J = ½ (F(x) − y)²: sum convention, all seven updated
    from the same gradient.

    Parameters
    ----------
    points : iterable of (x, y)
    coefficients : iterable of 7 floats
        a1 … a7 at the start.
    learning_rate : float
    epochs : int

    Returns
    -------
    coefficients : list of 7 floats
        a1 … a7 at the end.
    J : list of float, one per epoch
        Σ J over the points at the start of each epoch.

    Examples
    --------
    >>> a, J = scalar_descent([(0, 0.2), (3, 1)], [0, 1, 0, -1, 1, 1, -1], 0.1, 1)
    >>> round(J[0], 6)
    0.17
    """
    a1, a2, a3, a4, a5, a6, a7 = coefficients
    points = list(points)

    def F1(x: float) -> float:
        return sigmoid(a1 * x + a2)

    def F2(x: float) -> float:
        return sigmoid(a3 * x + a4)

    def F(x: float) -> float:
        return sigmoid(a5 * F1(x) + a6 * F2(x) + a7)

    def dJ_dz(x: float, y: float) -> float:
        return (F(x) - y) * F(x) * (1 - F(x))

    def dJ_da1(x: float, y: float) -> float:
        return dJ_dz(x, y) * a5 * F1(x) * (1 - F1(x)) * x

    def dJ_da2(x: float, y: float) -> float:
        return dJ_dz(x, y) * a5 * F1(x) * (1 - F1(x))

    def dJ_da3(x: float, y: float) -> float:
        return dJ_dz(x, y) * a6 * F2(x) * (1 - F2(x)) * x

    def dJ_da4(x: float, y: float) -> float:
        return dJ_dz(x, y) * a6 * F2(x) * (1 - F2(x))

    def dJ_da5(x: float, y: float) -> float:
        return dJ_dz(x, y) * F1(x)

    def dJ_da6(x: float, y: float) -> float:
        return dJ_dz(x, y) * F2(x)

    costs = []
    for _ in range(epochs):
        costs.append(sum(0.5 * (F(x) - y) ** 2 for x, y in points))
        d1 = sum(dJ_da1(x, y) for x, y in points)
        d2 = sum(dJ_da2(x, y) for x, y in points)
        d3 = sum(dJ_da3(x, y) for x, y in points)
        d4 = sum(dJ_da4(x, y) for x, y in points)
        d5 = sum(dJ_da5(x, y) for x, y in points)
        d6 = sum(dJ_da6(x, y) for x, y in points)
        d7 = sum(dJ_dz(x, y) for x, y in points)
        a1 -= learning_rate * d1
        a2 -= learning_rate * d2
        a3 -= learning_rate * d3
        a4 -= learning_rate * d4
        a5 -= learning_rate * d5
        a6 -= learning_rate * d6
        a7 -= learning_rate * d7
    return [a1, a2, a3, a4, a5, a6, a7], costs
