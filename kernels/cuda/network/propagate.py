"""The twin of `network.propagate`: the table walked forward and backward for one tile of samples.

A layer's δ takes the place of its activations as soon as nothing needs these any more: that halves
the shared memory of a sample, so that a tile has twice as many.
"""

from __future__ import annotations

from typing import NamedTuple

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
from ..layers.operations import Draw, Layer

activate, slopes = activation.forward, activation.backward
dense_forward, dense_delta, dense_gradient = dense.forward, dense.delta, dense.gradient
dropout_forward, dropout_delta = dropout.forward, dropout.delta
loss_cost, loss_delta = losses.cost, losses.delta


class Pass(NamedTuple):
    """One tile of samples on its way through a network, as `kernels.network.propagate.Pass`."""

    table: Vector
    parameters: Vector
    inputs: Vector  # the tile, (d_1, lanes)
    activations: Vector  # (units, lanes): written by `forward`
    deltas: Vector  # (units, lanes): written by `backward`; may be activations
    gradient: Vector  # as the parameters: written by `backward`, or added to if `accumulate`
    lanes: int
    accumulate: bool
    draw: Draw
    stage: Vector  # see `Layer`, as what follows
    scratch: Vector
    precision: int


@kernel
def layer_at(tile: Pass, first: int) -> Layer:
    """The layer whose row begins at table[first]."""
    lanes, row = tile.lanes, window(tile.table, first, COLUMNS)
    before = window(tile.table, max(first - COLUMNS, 0), COLUMNS)
    output, size, size_in = row[OUTPUT] * lanes, row[D_OUT] * lanes, row[D_IN] * lanes
    a_in = tile.inputs
    if first > 0:
        a_in = window(tile.activations, before[OUTPUT] * lanes, size_in)
    return Layer(
        row=row,
        parameters=window(tile.parameters, row[PARAMETERS], row[SIZE]),
        a_in=a_in,
        a_out=window(tile.activations, output, size),
        workspace=window(tile.activations, row[WORKSPACE] * lanes, size),
        delta_out=window(tile.deltas, output, size),
        delta_in=window(tile.deltas, before[OUTPUT] * lanes, size_in if first > 0 else 0),
        gradient=window(tile.gradient, row[PARAMETERS], row[SIZE]),
        lanes=lanes,
        accumulate=tile.accumulate,
        draw=tile.draw,
        stage=tile.stage,
        scratch=tile.scratch,
        precision=tile.precision,
    )


@kernel
def forward(tile: Pass) -> None:
    """All layers in order: a^[ℓ+1] = f(W^[ℓ] a^[ℓ] + b^[ℓ])."""
    for first in range(0, tile.table.size, COLUMNS):
        layer = layer_at(tile, first)
        if layer.row[KIND] == DENSE:
            dense_forward(layer)
        elif layer.row[KIND] == DROPOUT:
            dropout_forward(layer)
        activate(layer.a_out, layer.workspace, layer.lanes, layer.row[ACTIVATION])


@kernel
def backward(tile: Pass) -> None:
    """All layers from the last to the first: ∇W, ∇b, then the δ before it, ⊙ f'(z).

    The last layer's part of deltas holds δ^[L].
    """
    for first in range(tile.table.size - COLUMNS, -1, -COLUMNS):
        kind = tile.table[first + KIND]
        if kind == DENSE:
            dense_gradient(layer_at(tile, first))
        if first > 0:
            # Once more: kept till now it would take ten registers.
            layer, before = layer_at(tile, first), window(tile.table, first - COLUMNS, COLUMNS)
            kept = window(tile.activations, before[WORKSPACE] * tile.lanes, layer.delta_in.size)
            slopes(layer.delta_in, kept, before[ACTIVATION])
            if kind == DENSE:
                dense_delta(layer)
            elif kind == DROPOUT:
                dropout_delta(layer)


@kernel
def cost_and_gradient(tile: Pass, targets: Vector, weight: Vector, loss: int, train: bool) -> float:
    """Forward pass on one tile; if `train`, output delta and backward pass.

    Returns the thread's part of the tile's cost. targets is (d_L, lanes), weight (lanes,) with 0
    for padding lanes.
    """
    forward(tile)
    last = layer_at(tile, tile.table.size - COLUMNS)
    cost = loss_cost(last.a_out, targets, weight, loss)
    if train:
        code = last.row[ACTIVATION]
        loss_delta(last.delta_out, last.a_out, targets, weight, loss, last.workspace, code)
        backward(tile)
    # Without a way back nothing else keeps the next tile from overwriting what the cost reads.
    cuda.syncthreads()
    return cost
