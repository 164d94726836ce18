"""The table walked forward and backward for one block of samples.

Every row reads one value: of an earlier row, or of the data. A value with several readers gets a δ
from each of them. The first to give one writes it, the others make theirs in spare units, from
where it is added; the table says who does what, so a chain pays nothing for graphs.

The three phases of back-propagation are visible by name: `forward`, then in `backward` for every
layer from the last to the first the delta and the gradient. Narrow dense layers are inlined here;
all other layers, and activations and losses, are called at the addresses of a linked table
(`linking`), so that this file knows no other kind.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Integers, Key, Vector, kernel
from ..compile.memory import part, window
from ..formulas import activations as activation
from ..formulas import losses
from ..layers import dense
from ..layers.joins import add_scaled
from ..layers.operations import (
    ACTIVATE,
    ADDS,
    BY_PRODUCT,
    COLUMNS,
    COST,
    COST_DELTA,
    D_IN,
    D_OUT,
    DELTA,
    DELTA_IN,
    DELTA_OUT,
    DERIVE,
    FIRST_LOSS,
    FORWARD,
    GRADIENT,
    IN_STEP,
    KEPT,
    LAYER_CONTRACT,
    LEARNS,
    OUTPUT,
    OUTPUT_COST,
    OUTPUT_DELTA,
    PACK,
    PARAMETERS,
    POSITIONS,
    RESULT,
    SAMPLE_MAJOR,
    SHARES,
    SIZE,
    SOURCE,
    TRANSPOSED,
    WIDE,
    WORKSPACE,
    Layer,
)
from .blocks import call_pack
from .outputs import OUTPUT_COST_CONTRACT, OUTPUT_DELTA_CONTRACT

call_layer = LAYER_CONTRACT.call
call_activate, call_derive = activation.ACTIVATE.call, activation.DERIVE.call
call_cost, call_cost_delta = losses.COST.call, losses.DELTA.call
call_output_cost, call_output_delta = OUTPUT_COST_CONTRACT.call, OUTPUT_DELTA_CONTRACT.call


class Pass(NamedTuple):
    """One block of samples on its way through a network: windows on one chunk's buffers.

    For F alone, gradient and deltas are empty.
    """

    table: Integers  # linked
    parameters: Vector
    inputs: Vector  # the block, (values of an example, lanes) or (samples, values)
    activations: Vector  # (units, lanes): written by `forward`
    deltas: Vector  # (units, lanes): written by `backward`
    gradient: Vector  # as the parameters: written by `backward`, or added to if `accumulate`
    lanes: int
    accumulate: bool
    key: Key  # the block's for dropout, or NO_DROPOUT


@kernel
def layer_at(block: Pass, first: int, forwards: bool) -> Layer:
    """The layer whose row begins at table[first]; forwards says which way the pass goes."""
    lanes, row = block.lanes, window(block.table, first, COLUMNS)
    output, units = row[OUTPUT] * lanes, row[D_OUT] * lanes
    source, width = row[SOURCE], row[D_IN] * lanes
    if source >= 0:
        a_in = window(block.activations, source * lanes, width)
    elif not row[SAMPLE_MAJOR]:
        a_in = window(block.inputs, (-1 - source) * lanes, width)
    elif forwards and reads_columns(row, lanes):
        a_in = window(block.activations, row[TRANSPOSED] * lanes, width)
    else:
        a_in = block.inputs
    trains = block.deltas.size > 0
    if not (trains and row[DELTA_IN] >= 0):
        width = 0
    return Layer(
        row=row,
        parameters=window(block.parameters, row[PARAMETERS], row[SIZE]),
        a_in=a_in,
        a_out=window(block.activations, output, units),
        workspace=window(block.activations, row[WORKSPACE] * lanes, row[KEPT] * lanes or units),
        delta_out=window(
            block.deltas, row[DELTA_OUT] * lanes if trains else 0, units if trains else 0
        ),
        delta_in=window(block.deltas, row[DELTA_IN] * lanes if width > 0 else 0, width),
        gradient=window(
            block.gradient, row[PARAMETERS] if trains else 0, row[SIZE] if trains else 0
        ),
        lanes=lanes,
        accumulate=block.accumulate or row[SHARES] == 2,
        key=block.key,
    )


@kernel
def reads_columns(row: Integers, lanes: int) -> bool:
    """Whether a narrow first layer has the data as rows, and reads columns on the way forward."""
    return row[SAMPLE_MAJOR] != 0 and row[WIDE] == 0 and lanes > 1


@kernel
def forward(block: Pass) -> None:
    """All layers in order: a^[ℓ+1] = f(W^[ℓ] a^[ℓ] + b^[ℓ])."""
    turn_inputs(block)
    for first in range(0, block.table.size, COLUMNS):
        forward_row(block, first)


@kernel
def turn_inputs(block: Pass) -> None:
    """The inputs as columns, for a narrow first layer that has them as rows."""
    table, lanes = block.table, block.lanes
    if reads_columns(window(table, 0, COLUMNS), lanes):
        columns = window(block.activations, table[TRANSPOSED] * lanes, table[D_IN] * lanes)
        no_order = window(table, 0, 0)
        samples = block.inputs.size // table[D_IN]
        call_pack(table[PACK], columns, block.inputs, no_order, 0, samples, table[D_IN])


@kernel
def forward_row(block: Pass, first: int) -> None:
    """The layer whose row begins at table[first], and its activation."""
    layer = layer_at(block, first, True)
    row = layer.row
    if row[FORWARD]:
        call_layer(row[FORWARD], layer)
    else:
        dense.forward(layer)
    activate(layer)


@kernel
def activate(layer: Layer) -> None:
    """a ← f(z), if the layer has an activation."""
    row = layer.row
    if row[ACTIVATE] and row[POSITIONS]:
        width = layer.a_out.size // row[POSITIONS]
        for position in range(row[POSITIONS]):
            a = part(layer.a_out, position, width)
            call_activate(row[ACTIVATE], a, part(layer.workspace, position, width), layer.lanes)
    elif row[ACTIVATE]:
        call_activate(row[ACTIVATE], layer.a_out, layer.workspace, layer.lanes)


@kernel
def derive(layer: Layer) -> None:
    """δ ← δ ⊙ f'(z), likewise."""
    if layer.row[DERIVE]:
        call_derive(layer.row[DERIVE], layer.delta_out, layer.workspace)


@kernel
def backward(block: Pass) -> None:
    """All layers from the last to the first: δ ⊙ f'(z), then ∇W, ∇b, then the δ before it.

    The outputs' part of deltas holds ∂J/∂a^[L] (∂J/∂z^[L] where the loss takes logits) and is
    overwritten like the rest; the gradient is written but for the layers that have it made in the
    step.
    """
    for first in range(block.table.size - COLUMNS, -1, -COLUMNS):
        backward_row(block, first)


@kernel
def backward_row(block: Pass, first: int) -> None:
    """The layer whose row begins at table[first], on the way back."""
    layer = layer_at(block, first, False)
    row = layer.row
    derive(layer)
    if row[LEARNS] and row[IN_STEP] != BY_PRODUCT:
        if row[GRADIENT]:
            call_layer(row[GRADIENT], layer)
        else:
            dense.gradient(layer)
    if row[DELTA_IN] >= 0:
        if row[DELTA]:
            call_layer(row[DELTA], layer)
        else:
            dense.delta(layer)
        add_delta(block, layer)


@kernel
def add_delta(block: Pass, layer: Layer) -> None:
    """Add δ_in to what other readers of the layer's input gave, if it has others."""
    row = layer.row
    if row[ADDS] >= 0:
        given = window(block.deltas, row[ADDS] * block.lanes, layer.delta_in.size)
        add_scaled(given, layer.delta_in, 1.0)


@kernel
def cost_and_gradient(block: Pass, targets: Vector, weight: Vector, train: bool) -> float:
    """Forward pass on one block and its summed cost; if `train`, output delta and backward pass.

    targets is (outputs, lanes), weight (lanes,) with 0 for padding lanes. A network with several
    outputs has several losses, each with a factor of its own.
    """
    forward(block)
    if train:
        output_deltas(block, targets, weight)
        backward(block)
    return output_costs(block, targets, weight)


@kernel
def output_deltas(block: Pass, targets: Vector, weight: Vector) -> None:
    """∂J/∂a of all outputs, into their parts of deltas."""
    table = block.table
    for first in range(table[FIRST_LOSS], table.size, COLUMNS):
        output_delta(block, window(table, first, COLUMNS), targets, weight)


@kernel
def output_costs(block: Pass, targets: Vector, weight: Vector) -> float:
    """Σ J of the block, of all outputs."""
    table, total = block.table, 0.0
    for first in range(table[FIRST_LOSS], table.size, COLUMNS):
        total += output_cost(block, window(table, first, COLUMNS), targets, weight)
    return total


@kernel
def output_delta(block: Pass, row: Integers, targets: Vector, weight: Vector) -> None:
    """∂J/∂a of the row's output, if it has a loss, into its part of deltas."""
    if row[COST_DELTA]:
        place, size = row[OUTPUT] * block.lanes, row[D_OUT] * block.lanes
        delta_out = window(block.deltas, row[DELTA_OUT] * block.lanes, size)
        a = window(block.activations, place, size)
        y = window(targets, (row[OUTPUT] - row[RESULT]) * block.lanes, size)
        if row[OUTPUT_DELTA]:
            call_output_delta(row[OUTPUT_DELTA], row, block.activations, delta_out, a, y, weight)
        else:
            call_cost_delta(row[COST_DELTA], delta_out, a, y, weight)


@kernel
def output_cost(block: Pass, row: Integers, targets: Vector, weight: Vector) -> float:
    """J of the row's output times its factor; 0 if it has no loss."""
    total = 0.0
    if row[COST]:
        place, size = row[OUTPUT] * block.lanes, row[D_OUT] * block.lanes
        a = window(block.activations, place, size)
        y = window(targets, (row[OUTPUT] - row[RESULT]) * block.lanes, size)
        if row[OUTPUT_COST]:
            total = call_output_cost(row[OUTPUT_COST], row, block.activations, a, y, weight)
        else:
            total = call_cost(row[COST], a, y, weight)
    return total
