"""What a descent works on, packed into three buffers, and the pass of one tile of samples.

A launch costs about 1.5 µs per array that it is given, so everything but the user's data lies in
one vector of integers, one of float64 and one of the network's dtype. `unpack` is the only place
that knows where; Python fills the buffers through the same function. A population is several
networks one after the other.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import types

from ...compile.jit import Vector
from ...network import problem
from ...network.problem import GENERATOR_WORDS, NUMBERS_SIZE, POSITION_SIZE
from ...network.rules import RULES, Rules, rules_of
from ..compile.jit import cuda, kernel, twin, window
from ..layers.operations import Draw
from .propagate import Pass, cost_and_gradient

device_rules, batch_examples = twin(rules_of), twin(problem.batch_examples)


class Header(NamedTuple):
    """The integers that do not change, at the start of their buffer."""

    table_size: int
    size: int  # parameters
    units: int
    d_in: int
    d_out: int
    epochs: int
    lanes: int  # samples of a tile, odd
    loss: int
    mean: int
    optimizer: int
    dropout: int
    cpu_lanes: int  # samples of a block on the CPU, by which masks are drawn
    n: int
    batch_size: int
    held: int  # batches that the arrays of the examples hold, b at place b mod held
    validation_n: int
    shuffled: int
    validated: int
    weighted: int  # 1: the weights are those of the data, 2: of what is validated, 0: none
    blocks: int  # parts of a batch's gradient, added in their order
    groups: int  # parts of its cost
    first_size: int  # of the optimizer's vectors: that of the parameters, or 0
    second_size: int
    tile_size: int  # elements of a tile in global memory, 0 for tiles in shared memory
    stage: int  # elements of shared memory that a layer's parameters are copied to, or 0
    # What a network takes in each of the three buffers, see `sized`.
    integers: int = 0
    reals: int = 0
    vectors: int = 0


HEADER_SIZE = len(Header._fields)
(
    TABLE_SIZE, SIZE, UNITS, D_IN, D_OUT, EPOCHS, LANES, LOSS, MEAN, OPTIMIZER, DROPOUT,
    CPU_LANES, N, BATCH_SIZE, HELD, VALIDATION_N, SHUFFLED, VALIDATED, WEIGHTED, BLOCKS, GROUPS,
    FIRST_SIZE, SECOND_SIZE, TILE_SIZE, STAGE, INTEGERS, REALS, VECTORS,
) = range(HEADER_SIZE)  # fmt: skip

# A network's own integers before its generator: position, ticket, row of weights, dropout's seed.
OWN_INTEGERS = POSITION_SIZE + 3
# At the start of a network's float64: its rules, then the optimizer's own settings.
OPTIMIZER_SETTINGS = 4
REALS_SIZE = RULES + OPTIMIZER_SETTINGS


class Settings(NamedTuple):
    """As `network.problem.Settings`, as far as the twins read it, and what a GPU needs beside."""

    epochs: int
    lanes: int
    units: int
    loss: int
    mean: bool
    optimizer: int
    optimizer_settings: Vector
    rules: Rules
    dropout: bool
    cpu_lanes: int
    validated: bool
    blocks: int
    n: int


class Model(NamedTuple):
    """The network."""

    table: Vector
    parameters: Vector
    gradient: Vector


class DescentState(NamedTuple):
    """Where the descent stands, as `kernels.network.problem.DescentState`."""

    position: Vector
    numbers: Vector
    costs: Vector
    validation_costs: Vector
    rates: Vector
    first: Vector
    second: Vector
    best: Vector  # empty: `epoch.keep_best` does what `watch` would
    snapshots: Vector
    generator: Vector  # int64, the bits of the CPU's
    generators: Vector  # likewise
    order: Vector
    own: Vector  # int64 (2,): the network's row of example weights, its seed for dropout


class Parts(NamedTuple):
    """What the blocks of a pass leave behind, for others to add up in their order."""

    ticket: Vector  # int64 (1,): blocks that are done
    gradients: Vector  # (blocks, parameters)
    costs: Vector  # float64 (groups,)
    norms: Vector  # float64 (groups,)
    best: Vector  # the parameters with the lowest validation cost, or empty
    tile: Vector  # a tile in global memory, or empty


class Dataset(NamedTuple):
    """The user's arrays on the GPU, flat; of an empty one there is a single number."""

    x: Vector
    y: Vector
    weights: Vector  # a row for each choice of them, see `DescentState.own`


class Sizes(NamedTuple):
    """How many examples there are to train on, or to validate with, and in a batch."""

    n: int
    batch_size: int


class Data(NamedTuple):
    """Examples as rows; order is empty where they are taken as they come.

    Of data larger than the memory a few batches are held at a time, see `Header.held`.
    """

    inputs: Vector
    targets: Vector
    weights: Vector
    order: Vector
    n: int
    batch_size: int
    held: int


class Tile(NamedTuple):
    """Shared memory for one tile of samples."""

    scratch: Vector  # float64, one per thread
    stage: Vector  # for the parameters of a layer, see `layers.operations.Layer`
    inputs: Vector  # (d_1, lanes)
    targets: Vector  # (d_L + 1, lanes): targets, then example weights
    activations: Vector  # (units, lanes)


def sized(header: Header) -> Header:
    """The header with what each network takes in the three buffers."""
    size, epochs = header.size, header.epochs
    order = header.n if header.shuffled else 0
    traces = 3 if header.validated else 2
    vectors = header.first_size + header.second_size + (size if header.validated else 0)
    return header._replace(
        integers=OWN_INTEGERS + 3 * GENERATOR_WORDS + order,
        reals=REALS_SIZE + NUMBERS_SIZE + traces * epochs + 2 * header.groups,
        vectors=(4 + header.blocks) * size + vectors + header.tile_size,
    )


def unpack_settings(integers: Vector, reals: Vector, network: int) -> Settings:
    """What does not change during a network's descent."""
    r = network * integers[REALS]
    own = reals[r : r + REALS_SIZE]
    return Settings(
        integers[EPOCHS], integers[LANES], integers[UNITS], integers[LOSS], integers[MEAN] == 1,
        integers[OPTIMIZER], own[RULES:REALS_SIZE], device_rules(own), integers[DROPOUT] == 1,
        integers[CPU_LANES],
        integers[VALIDATED] == 1, integers[BLOCKS], integers[N],
    )  # fmt: skip


def unpack(
    integers: Vector, reals: Vector, memory: Vector, network: int
) -> tuple[Model, DescentState, Parts]:
    """Views of one network's part of the buffers."""
    table_size, size, epochs = integers[TABLE_SIZE], integers[SIZE], integers[EPOCHS]
    blocks, groups = integers[BLOCKS], integers[GROUPS]
    examples = integers[N] if integers[SHUFFLED] else 0
    i = HEADER_SIZE + table_size + network * integers[INTEGERS]
    r = network * integers[REALS] + REALS_SIZE
    m = network * integers[VECTORS]
    validated = epochs if integers[VALIDATED] else 0
    costs = r + NUMBERS_SIZE
    validation = costs + epochs
    rates = validation + validated
    block_costs = rates + epochs
    first = m + 4 * size
    second = first + integers[FIRST_SIZE]
    best = second + integers[SECOND_SIZE]
    gradients = best + (size if integers[VALIDATED] else 0)
    generator = i + OWN_INTEGERS
    order = generator + 3 * GENERATOR_WORDS
    model = Model(
        integers[HEADER_SIZE : HEADER_SIZE + table_size],
        memory[m : m + size],
        memory[m + size : m + 2 * size],
    )
    state = DescentState(
        integers[i : i + POSITION_SIZE],
        reals[r:costs],
        reals[costs:validation],
        reals[validation:rates],
        reals[rates:block_costs],
        memory[first:second],
        memory[second:best],
        memory[best:best],
        memory[m + 2 * size : first],
        integers[generator : generator + GENERATOR_WORDS],
        integers[generator + GENERATOR_WORDS : order],
        integers[order : order + examples],
        integers[i + POSITION_SIZE + 1 : generator],
    )
    parts = Parts(
        integers[i + POSITION_SIZE : i + POSITION_SIZE + 1],
        memory[gradients : gradients + blocks * size],
        reals[block_costs : block_costs + groups],
        reals[block_costs + groups : block_costs + 2 * groups],
        memory[best:gradients],
        memory[gradients + blocks * size : gradients + blocks * size + integers[TILE_SIZE]],
    )
    return model, state, parts


device_settings, device_unpack = kernel(unpack_settings), kernel(unpack)


def tile_elements(units: int, d_in: int, d_out: int) -> int:
    """Elements of shared memory that one sample of a tile takes."""
    return units + d_in + d_out + 1


@kernel
def shared_tile(integers: Vector, memory: Vector, stage: int, before: int) -> tuple[Tile, Vector]:
    """A tile's part of the block's shared memory, and a vector of `before` elements ahead of it.

    stage is the size of the tile's own.
    """
    reals = cuda.shared.array(0, types.float64)
    numbers = cuda.shared.array(0, memory.dtype)
    threads, lanes = cuda.blockDim.x, integers[LANES]
    start = threads * 8 // memory.itemsize
    inputs = start + stage + before
    targets = inputs + integers[D_IN] * lanes
    activations = targets + (integers[D_OUT] + 1) * lanes
    tile = Tile(
        window(reals, 0, threads),
        window(numbers, start, stage),
        window(numbers, inputs, integers[D_IN] * lanes),
        window(numbers, targets, (integers[D_OUT] + 1) * lanes),
        window(numbers, activations, integers[UNITS] * lanes),
    )
    return tile, window(numbers, start + stage, before)


@kernel
def global_tile(integers: Vector, memory: Vector) -> Tile:
    """A tile in global memory, its scratch in shared memory."""
    reals = cuda.shared.array(0, types.float64)
    lanes = integers[LANES]
    targets = integers[D_IN] * lanes
    activations = targets + (integers[D_OUT] + 1) * lanes
    return Tile(
        window(reals, 0, cuda.blockDim.x),
        window(memory, 0, 0),
        window(memory, 0, targets),
        window(memory, targets, activations - targets),
        window(memory, activations, integers[UNITS] * lanes),
    )


@kernel
def sizes(integers: Vector, validating: bool) -> Sizes:
    """Those of the data, or of the validation, which is one batch."""
    if validating:
        return Sizes(integers[VALIDATION_N], max(integers[VALIDATION_N], 1))
    return Sizes(integers[N], integers[BATCH_SIZE])


@kernel
def examples(integers: Vector, dataset: Dataset, state: DescentState, validating: bool) -> Data:
    """The data set as the pass reads it: to train on, or to validate with."""
    n, batch_size = sizes(integers, validating)
    row, wanted = 0 if validating else state.own[0], 2 if validating else 1
    return Data(
        inputs=dataset.x,
        targets=dataset.y,
        weights=window(dataset.weights, row * n, n if integers[WEIGHTED] == wanted else 0),
        order=window(state.order, 0, 0 if validating else state.order.size),
        n=n,
        batch_size=batch_size,
        held=1 if validating else integers[HELD],
    )


@kernel
def pack(block: Vector, rows: Vector, order: Vector, start: int, count: int, width: int) -> None:
    """block_is ← rows_(start+s, i): `count` rows of `width` features become columns.

    order gives the row of each position, or is empty for the order as it stands. Neighbouring
    threads read neighbouring features; the threads do not wait for each other here.
    """
    lanes, threads = block.size // width, cuda.blockDim.x
    s = cuda.threadIdx.x // width
    i = cuda.threadIdx.x - s * width
    down = threads // width
    across = threads - down * width
    while s < lanes:
        if s < count:
            row = order[start + s] if order.size else start + s
            block[i * lanes + s] = rows[row * width + i]
        else:
            block[i * lanes + s] = 0
        s += down
        i += across
        if i >= width:
            i -= width
            s += 1


@kernel
def pack_weights(block: Vector, weights: Vector, order: Vector, start: int, count: int) -> None:
    """The example weights of `count` samples, 0 for padding; 1 each where weights is empty."""
    if weights.size:
        pack(block, weights, order, start, count, 1)
        return
    for s in range(cuda.threadIdx.x, block.size, cuda.blockDim.x):
        block[s] = 1 if s < count else 0


class Place(NamedTuple):
    """Which tile of samples of which batch, and what its masks are drawn by."""

    batch: int
    start: int  # the tile's first sample in its batch
    first: int  # that of the block's first tile, whose gradient is written; others are added
    step: int
    seed: int  # of dropout


@kernel
def tile_pass(
    model: Model,
    data: Data,
    settings: Settings,
    tile: Tile,
    place: Place,
    train: bool,
    precision: int,
) -> float:
    """Pass of the samples of a batch from a place on, as many as a tile holds.

    Returns the thread's part of their cost. If `train`, model.gradient is written or added to.
    """
    lanes = settings.lanes
    d_in, d_out = tile.inputs.size // lanes, tile.targets.size // lanes - 1
    count = min(lanes, batch_examples(data, place.batch) - place.start)
    first = place.batch % data.held * data.batch_size + place.start
    targets = window(tile.targets, 0, d_out * lanes)
    weight = window(tile.targets, d_out * lanes, lanes)
    pack(tile.inputs, data.inputs, data.order, first, count, d_in)
    pack(targets, data.targets, data.order, first, count, d_out)
    pack_weights(weight, data.weights, data.order, first, count)
    cuda.syncthreads()
    own = Pass(
        table=model.table,
        parameters=model.parameters,
        inputs=tile.inputs,
        activations=tile.activations,
        deltas=tile.activations,
        gradient=model.gradient,
        lanes=lanes,
        accumulate=place.start > place.first,
        draw=Draw(
            settings.dropout and train, place.seed, place.step, place.start, settings.cpu_lanes
        ),
        stage=tile.stage,
        scratch=tile.scratch,
        precision=precision,
    )
    return cost_and_gradient(own, targets, weight, settings.loss, train)
