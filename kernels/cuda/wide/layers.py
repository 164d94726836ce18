"""Wide layers: a launch per layer and phase, on all samples of a batch that memory holds at once.

The same passes as `steps.passes` makes, where a tile of samples does not fit a block's shared
memory: activations lie in global memory, products are those of `gemm`. `steps.step` follows as it
does there. Samples are lanes, as everywhere: arrays are (d, lanes).
"""

from __future__ import annotations

from typing import NamedTuple

from ...compile.jit import Vector
from ...layers.operations import (
    ACTIVATION,
    COLUMNS,
    D_IN,
    D_OUT,
    OUTPUT,
    WORKSPACE,
)
from ...network.problem import BATCH, RUNNING, STATUS, STEP, VALIDATING
from ..compile.jit import cuda, entry, kernel, window
from ..formulas.activations import derivative, softmax_column
from ..formulas.losses import element_cost, element_delta, weighted
from ..layers.dropout import keep
from ..layers.operations import Draw
from ..network.problem import (
    LANES,
    Dataset,
    DescentState,
    Tile,
    batch_examples,
    device_settings,
    device_unpack,
    examples,
    global_tile,
)
from ..products.block import total


@kernel
def idle(state: DescentState) -> bool:
    """Whether the descent has ended."""
    return state.position[STATUS] != RUNNING


@kernel
def training(state: DescentState) -> bool:
    """Whether this pass is to end in a gradient."""
    return state.position[VALIDATING] == 0


@entry
def load(
    integers: Vector,
    reals: Vector,
    memory: Vector,
    x: Vector,
    y: Vector,
    weights: Vector,
    start: int,
) -> None:
    """The samples of a batch from `start` on become columns; beyond its end weights are 0.

    x, y and weights are those of `steps.passes`.
    """
    settings = device_settings(integers, reals, 0)
    _, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state):
        return
    source = examples(integers, Dataset(x, y, weights), state, not training(state))
    tile = global_tile(integers, parts.tile)
    lanes, d_out = settings.lanes, tile.targets.size // settings.lanes - 1
    first = state.position[BATCH] % source.held * source.batch_size + start
    in_batch = batch_examples(source, state.position[BATCH])
    count = max(0, min(lanes, in_batch - start))
    pack(tile.inputs, source.inputs, source.order, first, count, lanes)
    targets = window(tile.targets, 0, d_out * lanes)
    if source.targets.size:  # F has none
        pack(targets, source.targets, source.order, first, count, lanes)
    weight = window(tile.targets, d_out * lanes, lanes)
    for s in range(cuda.grid(1), lanes, cuda.gridsize(1)):
        row = source.order[first + s] if source.order.size and s < count else first + s
        value = source.weights[row] if source.weights.size and s < count else 1
        weight[s] = value if s < count else 0


@kernel
def pack(block: Vector, rows: Vector, order: Vector, start: int, count: int, lanes: int) -> None:
    """block_is ← rows_(start+s, i), by all threads of a grid; neighbours write neighbours."""
    width = block.size // lanes
    for place in range(cuda.grid(1), block.size, cuda.gridsize(1)):
        i = place // lanes
        s = place - i * lanes
        if s < count:
            row = order[start + s] if order.size else start + s
            block[place] = rows[row * width + i]
        else:
            block[place] = 0


class Layer(NamedTuple):
    """A row of the table and its arrays in global memory, (d, lanes)."""

    row: Vector
    before: Vector  # the row before, or again the first
    a_in: Vector
    a_out: Vector  # δ_out on the way back
    workspace: Vector
    kept: Vector  # what f' of the layer before is a function of


@kernel
def layer(table: Vector, number: int, tile: Tile, lanes: int) -> Layer:
    """The layer of row `number`."""
    row = window(table, number * COLUMNS, COLUMNS)
    before = window(table, max(number - 1, 0) * COLUMNS, COLUMNS)
    size, size_in = row[D_OUT] * lanes, row[D_IN] * lanes
    a_in = window(tile.activations, before[OUTPUT] * lanes, size_in)
    if number == 0:
        a_in = window(tile.inputs, 0, size_in)
    return Layer(
        row,
        before,
        a_in,
        window(tile.activations, row[OUTPUT] * lanes, size),
        window(tile.activations, row[WORKSPACE] * lanes, size),
        window(tile.activations, before[WORKSPACE] * lanes, size_in),
    )


@entry
def thin(integers: Vector, reals: Vector, memory: Vector, number: int, start: int) -> None:
    """The dropout of row `number`: a_out ← mask ⊙ a_in, and the mask."""
    settings = device_settings(integers, reals, 0)
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state):
        return
    lanes = settings.lanes
    row, _, a_in, a_out, workspace, _ = layer(
        model.table, number, global_tile(integers, parts.tile), lanes
    )
    draw = Draw(
        settings.dropout and training(state), state.own[1], state.position[STEP], start,
        settings.cpu_lanes,
    )  # fmt: skip
    for i in range(cuda.grid(1), a_in.size, cuda.gridsize(1)):
        unit = i // lanes
        mask = keep(row, draw, unit, i - unit * lanes, memory.dtype.type(1))
        workspace[i] = mask
        a_out[i] = mask * a_in[i]


@entry
def softmax(integers: Vector, reals: Vector, memory: Vector, number: int) -> None:
    """The softmax of layer `number`, in place, a sample per thread."""
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state):
        return
    lanes = integers[LANES]
    row, _, _, a, _, _ = layer(model.table, number, global_tile(integers, parts.tile), lanes)
    for s in range(cuda.grid(1), lanes, cuda.gridsize(1)):
        softmax_column(a, lanes, s, row[ACTIVATION])


@entry
def cost_and_delta(integers: Vector, reals: Vector, memory: Vector, start: int) -> None:
    """Every block's part of Σ v J, and δ^[L] in the place of a^[L]."""
    settings = device_settings(integers, reals, 0)
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state):
        return
    tile, lanes = global_tile(integers, parts.tile), settings.lanes
    row, _, _, a, kept, _ = layer(model.table, model.table.size // COLUMNS - 1, tile, lanes)
    weight = window(tile.targets, a.size, lanes)
    cost = 0.0
    for i in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        value, y, v = a[i], tile.targets[i], weight[i % lanes]
        cost += weighted(v, element_cost(value, y, settings.loss))
        if training(state):
            slope = derivative(kept, i, row[ACTIVATION])
            a[i] = weighted(v, element_delta(value, y, settings.loss)) * slope
    cost = total(tile.scratch, cost)
    if cuda.threadIdx.x == 0:
        parts.costs[cuda.blockIdx.x] = cost + (parts.costs[cuda.blockIdx.x] if start > 0 else 0.0)


@entry
def thin_delta(integers: Vector, reals: Vector, memory: Vector, number: int) -> None:
    """δ of the layer before the dropout of row `number`: f'(z) ⊙ mask ⊙ δ_out."""
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if idle(state) or not training(state):
        return
    lanes = integers[LANES]
    _, before, delta_in, delta_out, mask, kept = layer(
        model.table, number, global_tile(integers, parts.tile), lanes
    )
    for i in range(cuda.grid(1), delta_in.size, cuda.gridsize(1)):
        delta_in[i] = derivative(kept, i, before[ACTIVATION]) * (mask[i] * delta_out[i])


@entry
def write_outputs(out: Vector, integers: Vector, reals: Vector, memory: Vector, start: int) -> None:
    """out (n, d_L) from row `start` on ← the columns of the last layer."""
    settings = device_settings(integers, reals, 0)
    model, _, parts = device_unpack(integers, reals, memory, 0)
    tile, lanes = global_tile(integers, parts.tile), settings.lanes
    row = window(model.table, model.table.size - COLUMNS, COLUMNS)
    d_out = row[D_OUT]
    for place in range(cuda.grid(1), min(lanes, settings.n - start) * d_out, cuda.gridsize(1)):
        s = place // d_out
        unit = place - s * d_out
        out[start * d_out + place] = tile.activations[(row[OUTPUT] + unit) * lanes + s]
