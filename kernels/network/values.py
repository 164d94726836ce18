"""What a network computes on the way: the values of its layers, and ∂F/∂x."""

from __future__ import annotations

from ..compile.jit import Vector, entry, kernel
from ..compile.memory import window
from ..layers.dropout import NO_DROPOUT
from ..layers.operations import EXAMPLE, OUTPUTS, PACK, RESULT, SAMPLE_MAJOR
from .blocks import Rows, pack_rows
from .propagate import Pass, backward, forward


@entry
def block_values(
    x: Vector, table: Vector, parameters: Vector, activations: Vector, block: Vector, lanes: int
) -> None:
    """activations (units, lanes) ← those of one block; x holds its examples (count, d_1).

    block (d_1, lanes) is scratch.
    """
    empty = window(block, 0, 0)
    pack_block(x, table, block)
    a_in = x if table[SAMPLE_MAJOR] else block
    forward(Pass(table, parameters, a_in, activations, empty, empty, lanes, False, NO_DROPOUT))


@entry
def block_gradients(
    out: Vector, x: Vector, table: Vector, parameters: Vector, scratch: Vector, lanes: int
) -> None:
    """out (d_L, d_1, lanes) ← ∂F_k/∂x_i of one block; x holds its examples (count, d_1).

    The table begins with copies of the inputs, so the first d_1 units of the deltas are theirs.
    scratch is (2 units + d_1, lanes): activations, deltas and the block.
    """
    d_in, d_out = table[EXAMPLE], table[OUTPUTS]
    size = (scratch.size - d_in * lanes) // 2
    activations, deltas = window(scratch, 0, size), window(scratch, size, size)
    a_in = window(scratch, 2 * size, d_in * lanes)
    pack_block(x, table, a_in)
    empty = window(scratch, 0, 0)
    whole = Pass(table, parameters, a_in, activations, deltas, empty, lanes, False, NO_DROPOUT)
    forward(whole)
    for output in range(d_out):
        for i in range(size):
            deltas[i] = 0
        seed = window(deltas, (table[RESULT] + output) * lanes, lanes)
        for s in range(lanes):
            seed[s] = 1
        backward(whole)
        own = window(out, output * d_in * lanes, d_in * lanes)
        for i in range(own.size):
            own[i] = deltas[i]


@kernel
def pack_block(x: Vector, table: Vector, block: Vector) -> None:
    """block (d_1, lanes) ← the examples as columns, if the first layer reads columns."""
    d_in = table[EXAMPLE]
    if not table[SAMPLE_MAJOR]:
        pack_rows(block, Rows(x, window(table, 0, 0), d_in, table[PACK]), 0, x.size // d_in)
