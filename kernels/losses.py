"""Cost and output delta of every loss, written once.

A loss sees one block: outputs a and targets y of shape (d_L, lanes), example weights v of shape
(lanes,). Padding lanes have weight 0, so they add neither cost nor delta.

To add one: its name in `CODES`, its two formulas, a branch in `cost` and in `delta`.
"""

from __future__ import annotations

from .elementary import like
from .jit import Scalar, Vector, formula, kernel
from .memory import window

HALF_SQUARED_ERROR = 0
CODES = {"half_squared_error": HALF_SQUARED_ERROR}


@formula
def half_squared_error(a: Scalar, y: Scalar) -> Scalar:
    """J = ½ (a − y)²."""
    return like(a, 0.5) * (a - y) * (a - y)


@formula
def half_squared_error_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = a − y."""
    return a - y


@kernel
def cost(a: Vector, y: Vector, weight: Vector, code: int) -> float:
    """Σ_s v_s Σ_j J(a_js, y_js) over one block, as float64."""
    lanes = weight.size
    total = 0.0
    for start in range(0, a.size, lanes):
        a_row = window(a, start, lanes)
        y_row = window(y, start, lanes)
        row_sum = a.dtype.type(0)
        if code == HALF_SQUARED_ERROR:
            for s in range(lanes):
                row_sum += weight[s] * half_squared_error(a_row[s], y_row[s])
        total += row_sum
    return total


@kernel
def delta(delta_out: Vector, a: Vector, y: Vector, weight: Vector, code: int) -> None:
    """delta_out_js ← v_s ∂J/∂a_js over one block."""
    lanes = weight.size
    for start in range(0, a.size, lanes):
        delta_row = window(delta_out, start, lanes)
        a_row = window(a, start, lanes)
        y_row = window(y, start, lanes)
        if code == HALF_SQUARED_ERROR:
            for s in range(lanes):
                delta_row[s] = weight[s] * half_squared_error_delta(a_row[s], y_row[s])
