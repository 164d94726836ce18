"""The driver: epochs, batches, blocks, steps and the divergence test in one compiled call.

It returns to Python when its budget of blocks is spent and goes on from the same place when it is
called again: everything it knows is in arrays that the caller owns. So Ctrl-C, progress bars and
time limits are ordinary Python between two calls.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .blocks import pack_inputs, pack_targets
from .evaluate import squared_weights
from .jit import Vector, entry, kernel
from .memory import window
from .operations import COLUMNS, D_IN, D_OUT, SAMPLE_MAJOR
from .optimizers import gradient_descent
from .propagate import cost_and_gradient
from .shuffle import shuffle

# Places in State.position.
EPOCH, BATCH, BLOCK, STATUS = range(4)
# Values of position[STATUS].
RUNNING, FINISHED, DIVERGED = range(3)


class Model(NamedTuple):
    """The network: its table and the buffers of one block's pass."""

    table: Vector
    parameters: Vector
    gradient: Vector
    activations: Vector
    deltas: Vector


class Data(NamedTuple):
    """The examples: as rows if they are shuffled, else packed block by block."""

    inputs: Vector
    targets: Vector
    order: Vector  # the permutation in force, or empty if the data is not shuffled
    input_block: Vector
    target_block: Vector


class State(NamedTuple):
    """Where the descent stands."""

    position: Vector  # int64: epoch, batch, block, status
    cost: Vector  # float64 (1,): Σ J over the epoch so far
    costs: Vector  # float64 (epochs,): J of each epoch's pass
    snapshots: Vector  # (2 · parameters): at the start of even and of odd epochs
    generator: Vector  # uint64 (4,)


class Settings(NamedTuple):
    """What does not change during a descent."""

    n: int
    epochs: int
    batch_size: int
    lanes: int
    loss: int
    mean: bool
    learning_rate: float
    weight_decay: float


@kernel
def start_epoch(model: Model, data: Data, state: State, settings: Settings) -> None:
    """Keep the parameters, draw the order, begin J with the weight decay term."""
    size = model.parameters.size
    snapshot = window(state.snapshots, (state.position[EPOCH] % 2) * size, size)
    for k in range(size):
        snapshot[k] = model.parameters[k]
    if data.order.size:
        shuffle(data.order, state.generator)
    state.cost[0] = 0
    if settings.weight_decay != 0:
        term = 0.5 * settings.weight_decay * squared_weights(model.table, model.parameters)
        state.cost[0] = term * (settings.n if settings.mean else 1)


@kernel
def block_pass(model: Model, data: Data, state: State, settings: Settings) -> float:
    """Forward and backward pass of the block that comes next; returns its summed cost."""
    batch, block = state.position[BATCH], state.position[BLOCK]
    lanes = settings.lanes
    table = model.table
    d_in, d_out = table[D_IN], table[table.size - COLUMNS + D_OUT]
    first = batch * settings.batch_size
    start = first + block * lanes
    count = min(lanes, min(first + settings.batch_size, settings.n) - start)
    sample_major = table[SAMPLE_MAJOR] == 1
    number = batch * ((settings.batch_size + lanes - 1) // lanes) + block
    target_size = (d_out + 1) * lanes
    if data.order.size:
        a_in = window(data.input_block, 0, d_in * (count if sample_major else lanes))
        pack_inputs(a_in, data.inputs, data.order, start, count, d_in, sample_major)
        targets = data.target_block
        pack_targets(targets, data.targets, data.order, start, count, d_out, lanes)
    else:
        offset = start * d_in if sample_major else number * d_in * lanes
        a_in = window(data.inputs, offset, d_in * (count if sample_major else lanes))
        targets = window(data.targets, number * target_size, target_size)
    return cost_and_gradient(
        model.gradient, model.deltas, model.activations, table, model.parameters, a_in,
        window(targets, 0, d_out * lanes), window(targets, d_out * lanes, lanes),
        settings.loss, block > 0,
    )  # fmt: skip


@entry
def descend(model: Model, data: Data, state: State, settings: Settings, budget: int) -> None:
    """Run up to `budget` blocks of the descent, from where state stands.

    Writes model.parameters, all scratch, data.order and state. J of an epoch is
    the cost of every example as its batch is reached, before that batch's step.
    """
    position = state.position
    n, batch_size = settings.n, settings.batch_size
    batches = (n + batch_size - 1) // batch_size
    while budget > 0 and position[STATUS] == RUNNING:
        if position[BATCH] == 0 and position[BLOCK] == 0:
            start_epoch(model, data, state, settings)
        state.cost[0] += block_pass(model, data, state, settings)
        budget -= 1
        position[BLOCK] += 1
        examples = min(batch_size, n - position[BATCH] * batch_size)
        if position[BLOCK] * settings.lanes < examples:
            continue
        position[BLOCK] = 0
        total = state.cost[0] / n if settings.mean else state.cost[0]
        if not math.isfinite(total):
            state.costs[position[EPOCH]] = total
            position[STATUS] = DIVERGED
            return
        scale = 1.0 / examples if settings.mean else 1.0
        gradient_descent(
            model.parameters,
            model.gradient,
            model.table,
            settings.learning_rate,
            scale,
            settings.weight_decay,
        )
        position[BATCH] += 1
        if position[BATCH] == batches:
            state.costs[position[EPOCH]] = total
            position[BATCH] = 0
            position[EPOCH] += 1
            if position[EPOCH] == settings.epochs:
                position[STATUS] = FINISHED
