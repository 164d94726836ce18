"""The table walked forward and backward for one block of samples.

The three phases of back-propagation are visible by name: `forward`, then in `backward` for every
layer from the last to the first the delta and the gradient. Narrow dense layers are inlined here;
all other layers, and activations and losses, are called at the addresses of a linked table
(`linking`), so that this file knows no other kind.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Integers, Key, Vector, kernel
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
    LAYER_CONTRACT,
    OUTPUT,
    PACK,
    PARAMETERS,
    SAMPLE_MAJOR,
    SIZE,
    TRANSPOSED,
    WIDE,
    WORKSPACE,
    Layer,
)
from .blocks import call_pack

call_layer = LAYER_CONTRACT.call
call_activate, call_derive = activation.ACTIVATE.call, activation.DERIVE.call
call_cost, call_cost_delta = losses.COST.call, losses.DELTA.call


class Pass(NamedTuple):
    """One block of samples on its way through a network: windows on one chunk's buffers.

    For F alone, gradient and deltas are empty.
    """

    table: Integers  # linked
    parameters: Vector
    inputs: Vector  # the block, (d_1, lanes) or (samples, d_1)
    activations: Vector  # (units, lanes): written by `forward`
    deltas: Vector  # (units, lanes): written by `backward`
    gradient: Vector  # as the parameters: written by `backward`, or added to if `accumulate`
    lanes: int
    accumulate: bool
    key: Key  # the block's for dropout, or NO_DROPOUT


@kernel
def layer_at(block: Pass, first: int, a_in: Vector) -> Layer:
    """The layer whose row begins at table[first], with the activations that go in."""
    lanes, row = block.lanes, window(block.table, first, COLUMNS)
    output, units = row[OUTPUT] * lanes, row[D_OUT] * lanes
    trains = block.deltas.size > 0
    below, width = 0, 0
    if trains and first > 0:
        below, width = block.table[first - COLUMNS + OUTPUT] * lanes, row[D_IN] * lanes
    return Layer(
        row=row,
        parameters=window(block.parameters, row[PARAMETERS], row[SIZE]),
        a_in=a_in,
        a_out=window(block.activations, output, units),
        workspace=window(block.activations, row[WORKSPACE] * lanes, units),
        delta_out=window(block.deltas, output if trains else 0, units if trains else 0),
        delta_in=window(block.deltas, below, width),
        gradient=window(
            block.gradient, row[PARAMETERS] if trains else 0, row[SIZE] if trains else 0
        ),
        lanes=lanes,
        accumulate=block.accumulate,
        key=block.key,
    )


@kernel
def forward(block: Pass) -> None:
    """All layers in order: a^[ℓ+1] = f(W^[ℓ] a^[ℓ] + b^[ℓ])."""
    table, lanes = block.table, block.lanes
    a_in = block.inputs
    if table[SAMPLE_MAJOR] and not table[WIDE] and lanes > 1:
        a_in = window(block.activations, table[TRANSPOSED] * lanes, table[D_IN] * lanes)
        no_order = window(table, 0, 0)
        samples = block.inputs.size // table[D_IN]
        call_pack(table[PACK], a_in, block.inputs, no_order, 0, samples, table[D_IN])
    for first in range(0, table.size, COLUMNS):
        layer = layer_at(block, first, a_in)
        row = layer.row
        if row[FORWARD]:
            call_layer(row[FORWARD], layer)
        else:
            dense.forward(layer)
        if row[ACTIVATE]:
            call_activate(row[ACTIVATE], layer.a_out, layer.workspace, lanes)
        a_in = layer.a_out


@kernel
def backward(block: Pass) -> None:
    """All layers from the last to the first: δ ⊙ f'(z), then ∇W, ∇b, then the δ before it.

    The last layer's part of deltas holds ∂J/∂a^[L] (∂J/∂z^[L] where the loss takes logits) and is
    overwritten like the rest; the gradient is written but for the layers that have it made in the
    step.
    """
    table, lanes = block.table, block.lanes
    for first in range(table.size - COLUMNS, -1, -COLUMNS):
        a_in = block.inputs
        if first > 0:
            before = table[first - COLUMNS + OUTPUT] * lanes
            a_in = window(block.activations, before, table[first + D_IN] * lanes)
        layer = layer_at(block, first, a_in)
        row = layer.row
        if row[DERIVE]:
            call_derive(row[DERIVE], layer.delta_out, layer.workspace)
        if row[SIZE] and not row[IN_STEP]:
            if row[GRADIENT]:
                call_layer(row[GRADIENT], layer)
            else:
                dense.gradient(layer)
        if first > 0:
            if row[DELTA]:
                call_layer(row[DELTA], layer)
            else:
                dense.delta(layer)


@kernel
def cost_and_gradient(block: Pass, targets: Vector, weight: Vector, train: bool) -> float:
    """Forward pass on one block and its summed cost; if `train`, output delta and backward pass.

    targets is (d_L, lanes), weight (lanes,) with 0 for padding lanes.
    """
    forward(block)
    row = window(block.table, block.table.size - COLUMNS, COLUMNS)
    last = row[OUTPUT] * block.lanes
    a = window(block.activations, last, targets.size)
    if train:
        delta_out = window(block.deltas, last, targets.size)
        call_cost_delta(row[COST_DELTA], delta_out, a, targets, weight)
        backward(block)
    return call_cost(row[COST], a, targets, weight)
