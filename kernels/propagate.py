"""The table walked forward and backward for one block of samples.

The three phases of back-propagation are visible by name: `forward`, then in `backward` for every
layer from the last to the first the delta and the gradient. This file is the only one that knows
which kinds of layer exist.
"""

from __future__ import annotations

from . import activations as activation
from . import dense, losses
from .jit import Vector, kernel
from .memory import window
from .operations import ACTIVATION, COLUMNS, D_OUT, DENSE, KIND, OUTPUT, PARAMETERS, SIZE


@kernel
def layer_output(buffer: Vector, row: Vector, lanes: int) -> Vector:
    """The (d_out, lanes) part of an activation or delta buffer that belongs to one layer."""
    return window(buffer, row[OUTPUT] * lanes, row[D_OUT] * lanes)


@kernel
def layer_input(activations: Vector, inputs: Vector, table: Vector, r: int, lanes: int) -> Vector:
    """What layer r reads: the input block, or the output of the layer before it."""
    if r == 0:
        return inputs
    return layer_output(activations, window(table, (r - 1) * COLUMNS, COLUMNS), lanes)


@kernel
def forward(
    activations: Vector, table: Vector, parameters: Vector, inputs: Vector, lanes: int
) -> Vector:
    """All layers in order: a^[ℓ+1] = f(W^[ℓ] a^[ℓ] + b^[ℓ]); returns the last one's output.

    activations (units, lanes) is written; inputs is the block, (d_1, lanes) or (samples, d_1).
    """
    count = table.size // COLUMNS
    for r in range(count):
        row = window(table, r * COLUMNS, COLUMNS)
        a_in = layer_input(activations, inputs, table, r, lanes)
        a_out = layer_output(activations, row, lanes)
        layer_parameters = window(parameters, row[PARAMETERS], row[SIZE])
        if row[KIND] == DENSE:
            dense.forward(a_out, layer_parameters, a_in, row)
        activation.forward(a_out, row[ACTIVATION])
    return layer_output(activations, window(table, (count - 1) * COLUMNS, COLUMNS), lanes)


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

    The last layer's part of deltas (units, lanes) holds ∂J/∂a^[L] and is overwritten like the
    rest; gradient is written, or added to if `accumulate`.
    """
    for r in range(table.size // COLUMNS - 1, -1, -1):
        row = window(table, r * COLUMNS, COLUMNS)
        a_in = layer_input(activations, inputs, table, r, lanes)
        a_out = layer_output(activations, row, lanes)
        delta_out = layer_output(deltas, row, lanes)
        activation.backward(delta_out, a_out, row[ACTIVATION])
        layer_gradient = window(gradient, row[PARAMETERS], row[SIZE])
        if row[KIND] == DENSE:
            dense.gradient(layer_gradient, delta_out, a_in, row, accumulate)
        if r > 0:
            layer_parameters = window(parameters, row[PARAMETERS], row[SIZE])
            delta_in = layer_output(deltas, window(table, (r - 1) * COLUMNS, COLUMNS), lanes)
            if row[KIND] == DENSE:
                dense.delta(delta_in, layer_parameters, delta_out, row)


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
    loss: int,
    accumulate: bool,
) -> float:
    """Forward pass, output delta, backward pass on one block; returns the block's summed cost.

    targets is (d_L, lanes), weight (lanes,) with 0 for padding lanes.
    """
    lanes = weight.size
    a = forward(activations, table, parameters, inputs, lanes)
    last = window(table, table.size - COLUMNS, COLUMNS)
    losses.delta(layer_output(deltas, last, lanes), a, targets, weight, loss)
    backward(gradient, deltas, table, parameters, activations, inputs, lanes, accumulate)
    return losses.cost(a, targets, weight, loss)
