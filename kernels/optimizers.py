"""One step of each optimizer over the flat parameter vector."""

from __future__ import annotations

from .jit import Vector, kernel
from .memory import window
from .operations import COLUMNS, DECAYED, PARAMETERS


@kernel
def gradient_descent(
    parameters: Vector, gradient: Vector, table: Vector, rate: float, scale: float, decay: float
) -> None:
    """W ← W − α (scale · ∇W + λ W), b ← b − α scale · ∇b; parameters is written in place.

    The decay comes first, from the same W as the gradient.
    """
    number = parameters.dtype.type
    if decay != 0:
        shrink = number(1 - rate * decay)
        for first in range(0, table.size, COLUMNS):
            weight = window(parameters, table[first + PARAMETERS], table[first + DECAYED])
            for k in range(weight.size):
                weight[k] *= shrink
    step = number(rate * scale)
    for k in range(parameters.size):
        parameters[k] -= step * gradient[k]
