"""What a descent works on: the arrays, grouped by who they belong to, and the pass of one block."""

from __future__ import annotations

from typing import NamedTuple

from ..compile.called import Contract
from ..compile.jit import Doubles, Integers, Key, Vector, Words, kernel
from ..compile.memory import window
from ..layers.dropout import NO_DROPOUT
from ..layers.operations import EXAMPLE, OUTPUTS, PACK, PACK_INPUTS, SAMPLE_MAJOR
from .blocks import Rows, pack_inputs, pack_targets
from .propagate import Pass, cost_and_gradient
from .rules import Rules

# Places in DescentState.position.
EPOCH, BATCH, ROUND, VALIDATING, STATUS, STEP, WAIT, PLATEAU_WAIT = range(8)
POSITION_SIZE = 8
# Values of position[STATUS].
RUNNING, FINISHED, DIVERGED, NO_PROGRESS, TARGET_REACHED = range(5)
# Places in DescentState.numbers.
COST, BEST, PLATEAU_BEST, RATE_FACTOR, PATIENCE_BEST = range(5)
NUMBERS_SIZE = 5
GENERATOR_WORDS = 4


class Model(NamedTuple):
    """The network: its table, and per chunk the buffers of one block's pass.

    Chunk c owns the c-th part of every buffer but the parameters.
    """

    table: Integers  # linked
    parts: Integers  # see parts.Part
    parameters: Vector
    gradient: Vector  # (chunks, parameters); those made in the step are in the first
    activations: Vector  # (chunks, units, lanes)
    deltas: Vector  # (chunks, units, lanes)
    input_block: Vector  # (chunks, d_1, lanes); empty if the data is packed
    target_block: Vector  # (chunks, d_L + 1, lanes); likewise
    statistics: Doubles  # (chunks, numbers): of layers that look at whole batches, see `stages`


class Data(NamedTuple):
    """The examples: as rows if they are shuffled or uint8, else packed block by block."""

    inputs: Vector  # rows of uint8 as `blocks.memory_of` gives them
    targets: Vector
    weights: Vector  # one per example, or empty: all 1; packed targets hold them already
    order: Integers  # of the rows, a permutation; or empty, if the data is packed
    n: int
    batch_size: int
    batch_blocks: int  # blocks of a full batch
    chunk_blocks: int  # blocks of a chunk: c · chunk_blocks … are those of chunk c
    draw: int  # where `shuffle.draw_order` lies, called by address; 0 if the data is not shuffled
    first: int  # the batch that packed data begins with; 0 but for a window of larger data
    gather: int  # where `gather_block` lies; 0 if the data is packed


class DescentState(NamedTuple):
    """Where the descent stands; copied, it is all that is needed to go on from there."""

    position: Integers  # (POSITION_SIZE,)
    numbers: Doubles  # (NUMBERS_SIZE,)
    chunk_costs: Doubles  # (chunks,): Σ J of the batch so far
    costs: Doubles  # (epochs,): J of each epoch's pass
    validation_costs: Doubles  # (epochs,), or empty
    rates: Doubles  # (epochs,): learning rate by the schedule; what was used, afterwards
    first: Vector  # the optimizer's own vectors, as long as the parameters or empty
    second: Vector
    best: Vector  # the parameters with the lowest validation cost, or empty
    # At the start of even and of odd epochs; empty for one network, of which Python keeps marks.
    snapshots: Vector  # (2, parameters)
    generator: Words  # (GENERATOR_WORDS,)
    generators: Words  # (2, GENERATOR_WORDS): the generator's snapshots


class Settings(NamedTuple):
    """What does not change during a descent."""

    epochs: int
    lanes: int
    units: int  # of all layers but the input
    chunks: int
    loss: int
    mean: bool
    optimizer: int
    optimizer_settings: Doubles  # see `optimizers.Stepped`
    rules: Rules
    dropout: bool  # whether the table has rows of dropout
    dropout_seed: int


class Problem(NamedTuple):
    """All that a descent works on."""

    model: Model
    data: Data
    validation: Data
    state: DescentState
    settings: Settings


class Place(NamedTuple):
    """Which block of which batch, and on whose buffers: those of a chunk."""

    batch: int
    block: int
    chunk: int


@kernel
def batch_examples(data: Data, batch: int) -> int:
    """How many examples the batch has."""
    return min(data.batch_size, data.n - batch * data.batch_size)


@kernel
def whole_pass(model: Model, inputs: Vector, lanes: int, accumulate: bool) -> Pass:
    """The pass of a block that has all buffers of the model to itself."""
    return Pass(
        table=model.table,
        parameters=model.parameters,
        inputs=inputs,
        activations=model.activations,
        deltas=model.deltas,
        gradient=model.gradient,
        lanes=lanes,
        accumulate=accumulate,
        key=NO_DROPOUT,
    )


@kernel
def input_place(model: Model, data: Data, settings: Settings, place: Place) -> tuple[int, int]:
    """First element and size of a block's inputs: in model.input_block if the data is shuffled,
    else in data.inputs.
    """
    lanes, d_in = settings.lanes, model.table[EXAMPLE]
    sample_major = model.table[SAMPLE_MAJOR] == 1
    count = min(lanes, batch_examples(data, place.batch) - place.block * lanes)
    size = d_in * (count if sample_major else lanes)
    if data.order.size:
        return place.chunk * d_in * lanes, size
    batch = place.batch - data.first
    start = batch * data.batch_size + place.block * lanes
    number = batch * data.batch_blocks + place.block
    return start * d_in if sample_major else number * d_in * lanes, size


# How `gather_block` is called by address: no descent in a fixed order needs it.
GATHER_CONTRACT = Contract(Model, Data, Settings, Place)
call_gather = GATHER_CONTRACT.call


@kernel
def block_pass(
    model: Model,
    data: Data,
    settings: Settings,
    place: Place,
    key: Key,
    train: bool,
    accumulate: bool,
) -> float:
    """Pass of one block of one batch; returns its summed cost.

    Writes the chunk's part of the buffers. If `train`, the block's gradient takes the place of
    the chunk's, or is added to it if `accumulate`. key is the block's for dropout.
    """
    if data.gather:
        call_gather(data.gather, model, data, settings, place)
    block = block_views(model, data, settings, place, key, accumulate)
    return cost_and_gradient(block.views, block.targets, block.weight, train)


class Block(NamedTuple):
    """One block of a batch: its pass, what its outputs are to be, and how much each counts."""

    views: Pass
    targets: Vector  # (d_L, lanes)
    weight: Vector  # (lanes,)


@kernel
def gather_block(model: Model, data: Data, settings: Settings, place: Place) -> None:
    """Inputs and targets of a block of shuffled data, into the chunk's part of the buffers."""
    table, lanes = model.table, settings.lanes
    d_out = table[OUTPUTS]
    start = place.batch * data.batch_size + place.block * lanes
    count = min(lanes, batch_examples(data, place.batch) - place.block * lanes)
    target_size = (d_out + 1) * lanes
    first, size = input_place(model, data, settings, place)
    a_in = window(model.input_block, first, size)
    x = Rows(data.inputs, data.order, table[EXAMPLE], table[PACK_INPUTS])
    pack_inputs(a_in, x, start, count, table[SAMPLE_MAJOR] == 1)
    targets = window(model.target_block, place.chunk * target_size, target_size)
    y = Rows(data.targets, data.order, d_out, table[PACK])
    pack_targets(targets, y, data.weights, start, count)


@kernel
def block_views(
    model: Model, data: Data, settings: Settings, place: Place, key: Key, accumulate: bool
) -> Block:
    """The block, on the chunk's part of the buffers."""
    lanes, chunk = settings.lanes, place.chunk
    d_out = model.table[OUTPUTS]
    number = (place.batch - data.first) * data.batch_blocks + place.block
    target_size = (d_out + 1) * lanes
    first, size = input_place(model, data, settings, place)
    gathered = data.order.size > 0
    targets = window(
        model.target_block if gathered else data.targets,
        (chunk if gathered else number) * target_size,
        target_size,
    )
    scratch = settings.units * lanes
    parameters = model.parameters.size
    views = Pass(
        table=model.table,
        parameters=model.parameters,
        inputs=window(model.input_block if gathered else data.inputs, first, size),
        activations=window(model.activations, chunk * scratch, scratch),
        deltas=window(model.deltas, chunk * scratch, scratch),
        gradient=window(model.gradient, chunk * parameters, parameters),
        lanes=lanes,
        accumulate=accumulate,
        key=key,
    )
    weight = window(targets, d_out * lanes, lanes)
    return Block(views, window(targets, 0, d_out * lanes), weight)
