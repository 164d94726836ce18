"""The Jacobian of the outputs and its normal equations, for costs that are sums of squares.

Residuals r_ks = √v_s (F_k(x_s) − y_ks), one per output k and example s; ∂r_ks/∂p comes from
back-propagation with δ = √v at output k and 0 at the others. For one block and output that makes
a matrix G (p + 1, lanes): a row for each parameter and r itself as the last one, so that the one
product G Gᵀ adds to JᵀJ and to Jᵀr.

G and all that follows from it is float64 for float32 networks too. JᵀJ has the square of J's
condition number and in float32 stops being positive definite from a condition of 3e3 on; products
of two float32 numbers are exact in float64, so J alone carries float32's rounding.
"""

from __future__ import annotations

import math

from ..compile.jit import Scalar, Vector, kernel
from ..compile.memory import window
from ..layers.dense_single import add_lane_products
from ..layers.operations import (
    ADD,
    COLUMNS,
    CONCATENATE,
    COPY,
    D_IN,
    D_OUT,
    DELTA_OUT,
    DENSE,
    KIND,
    LEARNS,
    MAXIMUM,
    MULTIPLY,
    OUTPUTS,
    PARAMETERS,
    RESULT,
    SHARES,
    SIZE,
)
from ..network.problem import Model, whole_pass
from ..network.propagate import backward, layer_at
from ..products.gemm import Product, gemm
from .objective import clear

# The kinds of layer whose part of G is made, and those that have no part.
KINDS = (DENSE, COPY, ADD, MULTIPLY, MAXIMUM, CONCATENATE)
# With this many parameters G Gᵀ is worth calls of gemm: at 73 both take the same time, at 161
# gemm is 1.1 to 1.3 times as fast.
WIDE_PARAMETERS = 96
# Rows of G Gᵀ made at a time, with the columns up to the diagonal: the triangle and half a tile
# more. For 5 000 parameters and 128 examples a tile is 3 ms of work.
TILE = 128


@kernel
def differentiate(
    jacobian: Vector, model: Model, inputs: Vector, targets: Vector, output: int, lanes: int
) -> float:
    """G of one block and output; returns Σ_s r_s².

    jacobian (p + 1, lanes) is written, model.deltas and model.gradient are scratch;
    model.activations holds the block's forward pass. inputs (d_1, lanes) and targets
    (d_L + 1, lanes), the example weights v in its last row, are the block.
    """
    seed_delta(model, window(targets, targets.size - lanes, lanes), output)
    backward(whole_pass(model, inputs, lanes, False))
    fill(jacobian, model, inputs, lanes)
    residual = window(jacobian, model.parameters.size * lanes, lanes)
    return set_residual(residual, model, targets, output)


@kernel
def add_tile(normal: Vector, jacobian: Vector, p: int, first: int, accumulate: bool) -> None:
    """Rows first … first + TILE − 1 of G Gᵀ, added to what normal holds if `accumulate`.

    normal is (p + 1, p): JᵀJ on and below the diagonal, Jᵀr in the last row.
    """
    lanes = jacobian.size // (p + 1)
    last = min(first + TILE, p + 1)
    tile = window(normal, first * p, (last - first) * p)
    if not accumulate:
        clear(tile)
    if p < WIDE_PARAMETERS:
        for i in range(first, last):
            columns = min(i + 1, p)
            row = window(jacobian, i * lanes, lanes)
            rows = window(jacobian, 0, columns * lanes)
            add_lane_products(window(normal, i * p, columns), row, rows)
    else:
        rows = window(jacobian, first * lanes, (last - first) * lanes)
        gemm(Product(tile, rows, jacobian, last - first, min(last, p), lanes,
                     lanes, lanes, p, False, True, 1.0, 1.0))  # fmt: skip


@kernel
def seed_delta(model: Model, weight: Vector, output: int) -> None:
    """∂r_k/∂a^[L] = √v at output k, 0 at the others, in the outputs' part of model.deltas."""
    lanes = weight.size
    d_out, first = model.table[OUTPUTS], model.table[RESULT] * lanes
    deltas = window(model.deltas, first, d_out * lanes)
    clear(deltas)
    seed = window(deltas, output * lanes, lanes)
    for s in range(lanes):
        seed[s] = math.sqrt(weight[s])


@kernel
def fill(jacobian: Vector, model: Model, inputs: Vector, lanes: int) -> None:
    """Rows of G for every parameter that is trained, from the δ and a that model holds.

    The rows of the table come from the last to the first, as the first to have shared parameters
    then writes.
    """
    table = model.table
    block = whole_pass(model, inputs, lanes, False)
    for first in range(table.size - COLUMNS, -1, -COLUMNS):
        row = window(table, first, COLUMNS)
        delta_out = window(model.deltas, row[DELTA_OUT] * lanes, row[D_OUT] * lanes)
        layer = window(jacobian, row[PARAMETERS] * lanes, row[SIZE] * lanes)
        if row[KIND] == DENSE and row[LEARNS]:
            fill_dense(layer, delta_out, layer_at(block, first, False).a_in, row, lanes)


@kernel
def fill_dense(jacobian: Vector, delta_out: Vector, a: Vector, row: Vector, lanes: int) -> None:
    """∂r/∂W_ji = δ_j a_i and ∂r/∂b_j = δ_j, example by example; added where they are shared."""
    d_in, d_out, adds = row[D_IN], row[D_OUT], row[SHARES] == 2
    for j in range(d_out):
        delta_row = window(delta_out, j * lanes, lanes)
        for i in range(d_in):
            out = window(jacobian, (j * d_in + i) * lanes, lanes)
            a_row = window(a, i * lanes, lanes)
            for s in range(lanes):
                product = float(delta_row[s]) * float(a_row[s])
                out[s] = out[s] + product if adds else product
        out = window(jacobian, (d_in * d_out + j) * lanes, lanes)
        for s in range(lanes):
            out[s] = out[s] + delta_row[s] if adds else delta_row[s]


@kernel
def set_residual(residual: Vector, model: Model, targets: Vector, output: int) -> Scalar:
    """r_s ← √v_s (F_k(x_s) − y_ks) for output k; returns Σ r_s².

    residual (lanes,) is float64, targets (d_L + 1, lanes) has v in its last row.
    """
    lanes = residual.size
    a = window(model.activations, (model.table[RESULT] + output) * lanes, lanes)
    y = window(targets, output * lanes, lanes)
    weight = window(targets, targets.size - lanes, lanes)
    for s in range(lanes):
        residual[s] = math.sqrt(float(weight[s])) * (float(a[s]) - float(y[s]))
    squares = 0.0
    for s in range(lanes):
        squares += residual[s] * residual[s]
    return squares
