"""What a descent works on: the arrays, grouped by who they belong to, and the pass of one block."""

from __future__ import annotations

from typing import NamedTuple

from .blocks import pack_inputs, pack_targets
from .jit import Vector, kernel
from .memory import window
from .operations import COLUMNS, D_IN, D_OUT, SAMPLE_MAJOR
from .propagate import cost_and_gradient

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
    weights: Vector  # one per example, or empty: all 1; packed targets hold them already
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
        pack_targets(targets, data.targets, data.weights, data.order, start, count, d_out, lanes)
    else:
        offset = start * d_in if sample_major else number * d_in * lanes
        a_in = window(data.inputs, offset, d_in * (count if sample_major else lanes))
        targets = window(data.targets, number * target_size, target_size)
    return cost_and_gradient(
        model.gradient, model.deltas, model.activations, table, model.parameters, a_in,
        window(targets, 0, d_out * lanes), window(targets, d_out * lanes, lanes),
        settings.loss, block > 0,
    )  # fmt: skip
