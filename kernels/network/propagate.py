"""The table walked forward and backward for one block of samples.

The three phases of back-propagation are visible by name: `forward`, then in `backward` for every
layer from the last to the first the delta and the gradient. Narrow dense layers are inlined here;
all other layers, and activations and losses, are called at the addresses of a linked table
(`linking`), so that this file knows no other kind.
"""

from __future__ import annotations

from typing import Any

from ..compile.jit import Vector, kernel
from ..compile.memory import window
from ..formulas import activations as activation
from ..formulas import losses
from ..layers import dense
from ..layers.operations import (
    ACTIVATE,
    COLUMNS,
    COST,
    COST_DELTA,
    D_IN,
    D_OUT,
    DELTA,
    DERIVE,
    FORWARD,
    GRADIENT,
    IN_STEP,
    LAYER_DELTA,
    LAYER_FORWARD,
    LAYER_GRADIENT,
    OUTPUT,
    PARAMETERS,
    SAMPLE_MAJOR,
    SIZE,
    TRANSPOSED,
    WIDE,
    WORKSPACE,
)
from .blocks import transpose

call_forward, call_delta, call_gradient = (
    LAYER_FORWARD.call,
    LAYER_DELTA.call,
    LAYER_GRADIENT.call,
)
call_activate, call_derive = activation.ACTIVATE.call, activation.DERIVE.call
call_cost, call_cost_delta = losses.COST.call, losses.DELTA.call


@kernel
def forward(
    activations: Vector,
    table: Vector,
    parameters: Vector,
    inputs: Vector,
    lanes: int,
    key: Any,
) -> None:
    """All layers in order: a^[ℓ+1] = f(W^[ℓ] a^[ℓ] + b^[ℓ]).

    activations (units, lanes) is written; inputs is the block, (d_1, lanes) or (samples, d_1).
    key is the block's for dropout, or NO_DROPOUT.
    """
    a_in = inputs
    if table[SAMPLE_MAJOR] and not table[WIDE] and lanes > 1:
        a_in = window(activations, table[TRANSPOSED] * lanes, table[D_IN] * lanes)
        transpose(a_in, inputs, window(table, 0, 0), table[D_IN])
    for first in range(0, table.size, COLUMNS):
        row = window(table, first, COLUMNS)
        a_out = window(activations, row[OUTPUT] * lanes, row[D_OUT] * lanes)
        workspace = window(activations, row[WORKSPACE] * lanes, row[D_OUT] * lanes)
        layer_parameters = window(parameters, row[PARAMETERS], row[SIZE])
        if row[FORWARD]:
            call_forward(row[FORWARD], a_out, workspace, layer_parameters, a_in, row, lanes, key)
        else:
            dense.forward(a_out, layer_parameters, a_in, row, lanes)
        if row[ACTIVATE]:
            call_activate(row[ACTIVATE], a_out, workspace, lanes)
        a_in = a_out


@kernel
def backward(
    gradient: Vector,
    deltas: Vector,
    table: Vector,
    parameters: Vector,
    activations: Vector,
    inputs: Vector,
    lanes: int,
    accumulate: bool,
) -> None:
    """All layers from the last to the first: δ ⊙ f'(z), then ∇W, ∇b, then the δ before it.

    The last layer's part of deltas (units, lanes) holds ∂J/∂a^[L] (∂J/∂z^[L] where the loss takes
    logits) and is overwritten like the rest; gradient is written, or added to if `accumulate`, but
    for the layers that have it made in the step.
    """
    for first in range(table.size - COLUMNS, -1, -COLUMNS):
        row = window(table, first, COLUMNS)
        before = first - COLUMNS
        a_in = inputs
        if before >= 0:
            a_in = window(activations, table[before + OUTPUT] * lanes, row[D_IN] * lanes)
        kept = window(activations, row[WORKSPACE] * lanes, row[D_OUT] * lanes)
        delta_out = window(deltas, row[OUTPUT] * lanes, row[D_OUT] * lanes)
        if row[DERIVE]:
            call_derive(row[DERIVE], delta_out, kept)
        layer_gradient = window(gradient, row[PARAMETERS], row[SIZE])
        if row[SIZE] and not row[IN_STEP]:
            if row[GRADIENT]:
                call_gradient(
                    row[GRADIENT], layer_gradient, delta_out, a_in, row, lanes, accumulate
                )
            else:
                dense.gradient(layer_gradient, delta_out, a_in, row, lanes, accumulate)
        if before >= 0:
            layer_parameters = window(parameters, row[PARAMETERS], row[SIZE])
            delta_in = window(deltas, table[before + OUTPUT] * lanes, row[D_IN] * lanes)
            if row[DELTA]:
                call_delta(row[DELTA], delta_in, kept, layer_parameters, delta_out, row, lanes)
            else:
                dense.delta(delta_in, layer_parameters, delta_out, row, lanes)


@kernel
def cost_and_gradient(
    gradient: Vector,
    deltas: Vector,
    activations: Vector,
    table: Vector,
    parameters: Vector,
    inputs: Vector,
    targets: Vector,
    weight: Vector,
    key: Any,
    train: bool,
    accumulate: bool,
) -> float:
    """Forward pass on one block and its summed cost; if `train`, output delta and backward pass.

    targets is (d_L, lanes), weight (lanes,) with 0 for padding lanes.
    """
    lanes = weight.size
    forward(activations, table, parameters, inputs, lanes, key)
    row = window(table, table.size - COLUMNS, COLUMNS)
    last = row[OUTPUT] * lanes
    a = window(activations, last, targets.size)
    if train:
        call_cost_delta(row[COST_DELTA], window(deltas, last, targets.size), a, targets, weight)
        backward(
            gradient,
            deltas,
            table,
            parameters,
            activations,
            inputs,
            lanes,
            accumulate,
        )
    return call_cost(row[COST], a, targets, weight)
