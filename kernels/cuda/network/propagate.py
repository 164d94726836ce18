"""The twin of `network.propagate`: the table walked forward and backward for one tile of samples.

A layer's δ takes the place of its activations as soon as nothing needs these any more: that halves
the shared memory of a sample, so that a tile has twice as many.
"""

from __future__ import annotations

from ...compile.jit import Vector
from ...layers.operations import (
    ACTIVATION,
    COLUMNS,
    D_IN,
    D_OUT,
    DENSE,
    DROPOUT,
    KIND,
    OUTPUT,
    PARAMETERS,
    SIZE,
    WORKSPACE,
)
from ..compile.jit import cuda, kernel, window
from ..formulas import activations as activation
from ..formulas import losses
from ..layers import dense, dropout
from ..products.block import copy

activate, slopes = activation.forward, activation.backward
dense_forward, dense_delta, dense_gradient = dense.forward, dense.delta, dense.gradient
dropout_forward, dropout_delta = dropout.forward, dropout.delta
loss_cost, loss_delta = losses.cost, losses.delta


@kernel
def layer_parameters(stage: Vector, parameters: Vector, row: Vector) -> tuple[Vector]:
    """A layer's part of parameters in shared memory: copied to stage, or there if that is empty.

    A tile of many samples leaves the first-level cache less room than 128 × 128 weights take.
    """
    own = window(parameters, row[PARAMETERS], row[SIZE])
    if stage.size == 0:
        return (own,)
    staged = window(stage, 0, row[SIZE])
    copy(staged, own)
    return (staged,)  # in a tuple: of arrays alone, Numba returns only those it was given


@kernel
def forward(
    activations: Vector,
    table: Vector,
    parameters: Vector,
    stage: Vector,
    inputs: Vector,
    lanes: int,
    draw: dropout.Draw,
    scratch: Vector,
    precision: int,
) -> None:
    """All layers in order: a^[ℓ+1] = f(W^[ℓ] a^[ℓ] + b^[ℓ]).

    activations (units, lanes) is written; inputs is the tile, (d_1, lanes). stage is that of
    `layer_parameters`.
    """
    a_in = inputs
    for first in range(0, table.size, COLUMNS):
        row = window(table, first, COLUMNS)
        size = row[D_OUT] * lanes
        a_out = window(activations, row[OUTPUT] * lanes, size)
        workspace = window(activations, row[WORKSPACE] * lanes, size)
        if row[KIND] == DENSE:
            (own,) = layer_parameters(stage, parameters, row)
            dense_forward(a_out, own, a_in, row, lanes, scratch, precision)
        elif row[KIND] == DROPOUT:
            dropout_forward(a_out, workspace, a_in, row, lanes, draw)
        activate(a_out, workspace, lanes, row[ACTIVATION])
        a_in = a_out


@kernel
def backward(
    gradient: Vector,
    deltas: Vector,
    table: Vector,
    parameters: Vector,
    stage: Vector,
    activations: Vector,
    inputs: Vector,
    lanes: int,
    accumulate: bool,
    scratch: Vector,
    precision: int,
) -> None:
    """All layers from the last to the first: ∇W, ∇b, then the δ before it, ⊙ f'(z).

    The last layer's part of deltas (units, lanes) holds δ^[L]; deltas may be activations, which
    they overwrite. gradient is written, or added to if `accumulate`.
    """
    for first in range(table.size - COLUMNS, -1, -COLUMNS):
        row = window(table, first, COLUMNS)
        size = row[D_IN] * lanes
        before = window(table, max(first - COLUMNS, 0), COLUMNS)
        a_in = inputs
        if first > 0:
            a_in = window(activations, before[OUTPUT] * lanes, size)
        delta_out = window(deltas, row[OUTPUT] * lanes, row[D_OUT] * lanes)
        layer_gradient = window(gradient, row[PARAMETERS], row[SIZE])
        if row[KIND] == DENSE:
            dense_gradient(
                layer_gradient, delta_out, a_in, row, lanes, accumulate, scratch, precision
            )
        if first > 0:
            delta_in = window(deltas, before[OUTPUT] * lanes, size)
            kept = window(activations, before[WORKSPACE] * lanes, size)
            slopes(delta_in, kept, before[ACTIVATION])
            if row[KIND] == DENSE:
                (own,) = layer_parameters(stage, parameters, row)
                dense_delta(delta_in, own, delta_out, row, lanes, scratch, precision)
            elif row[KIND] == DROPOUT:
                mask = window(activations, row[WORKSPACE] * lanes, size)
                dropout_delta(delta_in, mask, delta_out)


@kernel
def cost_and_gradient(
    gradient: Vector,
    deltas: Vector,
    activations: Vector,
    table: Vector,
    parameters: Vector,
    stage: Vector,
    inputs: Vector,
    targets: Vector,
    weight: Vector,
    loss: int,
    draw: dropout.Draw,
    train: bool,
    accumulate: bool,
    scratch: Vector,
    precision: int,
) -> float:
    """Forward pass on one tile; if `train`, output delta and backward pass.

    Returns the thread's part of the tile's cost. targets is (d_L, lanes), weight (lanes,) with 0
    for padding lanes. deltas may be activations.
    """
    lanes = weight.size
    forward(activations, table, parameters, stage, inputs, lanes, draw, scratch, precision)
    row = window(table, table.size - COLUMNS, COLUMNS)
    a = window(activations, row[OUTPUT] * lanes, targets.size)
    cost = loss_cost(a, targets, weight, loss)
    if train:
        delta_out = window(deltas, row[OUTPUT] * lanes, targets.size)
        kept = window(activations, row[WORKSPACE] * lanes, targets.size)
        loss_delta(delta_out, a, targets, weight, loss, kept, row[ACTIVATION])
        backward(
            gradient, deltas, table, parameters, stage, activations, inputs, lanes, accumulate,
            scratch, precision,
        )  # fmt: skip
    # Without a way back nothing else keeps the next tile from overwriting what the cost reads.
    cuda.syncthreads()
    return cost
