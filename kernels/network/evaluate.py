"""F, J and derJ over a whole data set, block by block."""

from __future__ import annotations

import math

from ..compile.jit import Vector, entry, kernel
from ..compile.memory import window
from ..layers.dropout import NO_DROPOUT
from ..layers.operations import (
    COLUMNS,
    DECAY,
    DECAYED,
    EXAMPLE,
    ONE,
    OUTPUTS,
    PACK,
    PACK_INPUTS,
    PARAMETERS,
    RESULT,
    SAMPLE_MAJOR,
    number_at,
)
from ..threads.atomic import atomic_load, atomic_store
from ..threads.team import (
    FOUND,
    LEFT,
    Member,
    Order,
    close_phase,
    next_phase,
    next_task,
    open_phase,
    set_active,
)
from .blocks import Rows, pack_rows, pack_targets, unpack
from .propagate import Pass, cost_and_gradient, forward

# What `outputs` met.
FINITE, INPUTS_NOT_FINITE, PARAMETERS_NOT_FINITE = range(3)


@entry
def outputs(
    out: Vector,
    x: Vector,
    table: Vector,
    parameters: Vector,
    scratch: Vector,
    lanes: int,
    board: Vector,
    member: int,
    members: int,
) -> int:
    """out (n, d_L) ← F(x), x (n, d_1), by all members; number 0 returns what they met.

    `FINITE`, or which of its arguments is not: they are looked at on the way, while they are in
    cache (a look of its own at 10 000 rows of 784 takes as long as a quarter of the products).
    scratch (members, units + d_1, lanes); one block a member at a time, so that an output's bits
    do not depend on their number. The board is untouched if there is but one.
    """
    if member == 0 and not finite(parameters):
        return PARAMETERS_NOT_FINITE
    size = scratch.size // members
    own = window(scratch, member * size, size)
    blocks = -(-out.size // (table[OUTPUTS] * lanes))
    team, phase = Member(board, member, members), 0
    if member == 0:
        if members > 1:
            set_active(board, members)
        phase = open_phase(team, Order(0, 0, 0, 0, 0, 0.0, 0.0), blocks)
    while True:
        if member > 0:
            phase = next_phase(team, phase)
            if phase == LEFT:
                return FINITE
        block, done, met = next_task(team, phase, -1, blocks), 0, FINITE
        while block < blocks:
            met = max(met, block_outputs(out, x, table, parameters, own, lanes, block))
            done += 1
            block = next_task(team, phase, block, blocks)
        if members > 1 and met != FINITE:
            atomic_store(board, FOUND, met)
        close_phase(team, done)
        if member == 0:
            return max(met, atomic_load(board, FOUND)) if members > 1 else met


@kernel
def block_outputs(
    out: Vector,
    x: Vector,
    table: Vector,
    parameters: Vector,
    scratch: Vector,
    lanes: int,
    block: int,
) -> int:
    """A block of `outputs`, in scratch (units + d_1, lanes); whether its inputs are finite."""
    d_in, d_out = table[EXAMPLE], table[OUTPUTS]
    packed = window(scratch, 0, d_in * lanes)
    activations = window(scratch, d_in * lanes, scratch.size - d_in * lanes)
    a_out = window(activations, table[RESULT] * lanes, d_out * lanes)
    order = window(table, 0, 0)  # empty: the order of the data
    start = block * lanes
    count = min(lanes, out.size // d_out - start)
    if table[SAMPLE_MAJOR]:
        a_in = window(x, start * d_in, count * d_in)
    else:
        pack_rows(packed, Rows(x, order, d_in, table[PACK_INPUTS]), start, count)
        a_in = packed
    if not finite(a_in):
        return INPUTS_NOT_FINITE
    empty = window(scratch, 0, 0)
    forward(Pass(table, parameters, a_in, activations, empty, empty, lanes, False, NO_DROPOUT))
    unpack(out, a_out, start, count, d_out)
    return FINITE


@entry
def cost(
    gradient: Vector,
    x: Vector,
    y: Vector,
    weights: Vector,
    table: Vector,
    parameters: Vector,
    activations: Vector,
    deltas: Vector,
    block: Vector,
    target_block: Vector,
    lanes: int,
    train: bool,
) -> float:
    """Σ v_i J_i over the data, without weight decay; if `train`, gradient ← Σ v_i ∇J_i.

    x (n, d_1), y (n, d_L), v = weights (n,), or empty: all 1. All else is scratch; gradient and
    deltas may be empty if not `train`.
    """
    d_in, d_out = table[EXAMPLE], table[OUTPUTS]
    targets = window(target_block, 0, d_out * lanes)
    weight = window(target_block, d_out * lanes, lanes)
    order = window(table, 0, 0)  # empty: the order of the data
    n = y.size // d_out
    total = 0.0
    for start in range(0, n, lanes):
        count = min(lanes, n - start)
        a_in = block
        if table[SAMPLE_MAJOR]:
            a_in = window(x, start * d_in, count * d_in)
        else:
            pack_rows(block, Rows(x, order, d_in, table[PACK_INPUTS]), start, count)
        pack_targets(target_block, Rows(y, order, d_out, table[PACK]), weights, start, count)
        views = Pass(
            table, parameters, a_in, activations, deltas, gradient, lanes, start > 0, NO_DROPOUT
        )
        total += cost_and_gradient(views, targets, weight, train)
    return total


@kernel
def squared_weights(table: Vector, parameters: Vector) -> float:
    """Σ f w² over the weights that decay, not the biases; f is their layer's factor."""
    total = 0.0
    for first in range(0, table.size, COLUMNS):
        weight = window(parameters, table[first + PARAMETERS], table[first + DECAYED])
        if table[first + DECAY] == ONE:  # the sums of a network without factors, in their order
            for k in range(weight.size):
                total += weight[k] * weight[k]
        else:
            part = 0.0
            for k in range(weight.size):
                part += weight[k] * weight[k]
            total += number_at(table, first + DECAY) * part
    return total


@kernel
def absolute_weights(table: Vector, parameters: Vector) -> float:
    """Σ f |w| over the weights that decay, not the biases; f is their layer's factor."""
    total = 0.0
    for first in range(0, table.size, COLUMNS):
        weight = window(parameters, table[first + PARAMETERS], table[first + DECAYED])
        if table[first + DECAY] == ONE:  # the sums of a network without factors, in their order
            for k in range(weight.size):
                total += abs(weight[k])
        else:
            part = 0.0
            for k in range(weight.size):
                part += abs(weight[k])
            total += number_at(table, first + DECAY) * part
    return total


@kernel
def finite(values: Vector) -> bool:
    """Whether no element is NaN or infinite."""
    bad = 0
    for i in range(values.size):
        bad += 0 if abs(values[i]) < math.inf else 1
    return bad == 0


@entry
def all_finite(values: Vector) -> bool:
    """`finite` for Python."""
    return finite(values)
