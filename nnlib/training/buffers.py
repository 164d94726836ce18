"""The arrays that a descent owns, made from checked examples and options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..checks.memory import check_memory
from ..kernels.formulas.shuffle import ORDER, draw_order
from ..kernels.layers.delta_places import with_shared_deltas
from ..kernels.layers.operations import (
    BUFFER_UNITS,
    SAMPLE_MAJOR,
    convolves,
    drops,
    looks_at_batches,
    multiply_adds,
)
from ..kernels.layers.parts import build_parts, gradients_in_step
from ..kernels.network import blocks, problem
from ..kernels.network.cut import block_lanes, chunk_count
from ..kernels.network.rules import Rules
from ..kernels.network.stages import statistics_of_block
from ..kernels.training import unrolled
from ..machine.aligned import aligned_zeros
from ..optimizers import Optimizer
from ..schedules import Schedule, rates_of
from .options import Options

Array = NDArray[Any]

# Weights of a layer whose gradient several chunks make in the step: below, adding up is cheap.
LONG_GRADIENT = 40_000


@dataclass
class OptimizerState:
    """What an optimizer remembers between two descents: its vectors and how many steps it made.

    After a descent with validation the network has its best parameters, the optimizer is that of
    the last epoch: then `best` and `last` are the parameters of the two.
    """

    optimizer: Optimizer
    first: Array
    second: Array
    steps: int
    best: Array | None = None
    last: Array | None = None

    def prepare(self, parameters: Array) -> None:
        """The best parameters, if these are still they, become the last ones."""
        if self.best is not None and np.array_equal(parameters, self.best):
            parameters[:] = self.last


@dataclass(frozen=True)
class Layout:
    """How the examples are cut: batches in chunks, chunks in blocks of `lanes` samples."""

    batch_size: int
    shuffle: bool
    chunks: int
    lanes: int


def layout(options: Options, train: Examples, parameters: Array, table: Array) -> Layout:
    """The cut of a descent; it depends on the shapes alone, never on the threads.

    Where layers look at whole batches a chunk is one block, which keeps its values from stage to
    stage.
    """
    n, d_in = train.X.shape
    batch = min(options.batch_size or n, n)
    if options.compile:
        copies = unrolled.side_by_side(batch, parameters.size, parameters.itemsize)
        lanes = unrolled.block_lanes(batch, copies, parameters.itemsize)
        return Layout(batch, False, 1, lanes)
    images = convolves(table)
    chunks = chunk_count(batch, parameters.size, multiply_adds(table), images)
    units = int(table[BUFFER_UNITS])
    lanes = block_lanes(-(-batch // chunks), units, d_in, parameters.itemsize, images)
    if looks_at_batches(table):
        chunks = -(-batch // lanes)
        size = 2 * chunks * lanes * units * parameters.itemsize
        check_memory(f"batch_size is {batch}: the values of a batch, for its normalisation,", size)
    return Layout(batch, options.shuffle and batch < n, chunks, lanes)


def rules(options: Options) -> Rules:
    """The numbers of regularisation and stopping, None written as the kernels' 0."""
    plateau = options.plateau
    return Rules(
        l1=options.l1,
        l2=options.weight_decay,
        clip_norm=options.clip_norm or 0.0,
        clip_value=options.clip_value or 0.0,
        max_norm=options.max_norm or 0.0,
        tolerance=options.tolerance,
        patience=float(options.patience or 0),
        target_cost=options.target,
        plateau_factor=float(plateau.factor) if plateau else 0.0,
        plateau_patience=float(plateau.patience) if plateau else 0.0,
    )


def settings(
    options: Options, table: Array, lanes: int, chunks: int, loss: int, dropout_seed: int
) -> problem.Settings:
    """What does not change during the descent."""
    optimizer = options.optimizer
    assert isinstance(optimizer, Optimizer)
    return problem.Settings(
        epochs=options.epochs,
        lanes=lanes,
        units=int(table[BUFFER_UNITS]),
        chunks=chunks,
        loss=loss,
        mean=options.mean,
        optimizer=optimizer.code,
        optimizer_settings=np.array(optimizer.settings, dtype=np.float64),
        rules=rules(options),
        dropout=options.dropout is not None or drops(table),
        # The same 64 bits with a sign: without one, a large seed would compile the driver anew.
        dropout_seed=dropout_seed - 2**64 if dropout_seed >= 2**63 else dropout_seed,
    )


def descent_table(table: Array, layout: Layout) -> Array:
    """The network's table as a descent wants it.

    The δ of images, which are many, share memory. The gradients of wide layers are made in the step
    if that is faster. The step needs a block per chunk, then. One chunk loses nothing, and gains
    where the step is the product itself. Several gain if the layer has more units than the batch
    has samples. The members then exchange the batch's inputs instead of gradients, which are larger
    by that ratio (784 × 128 in batches of 128 takes 0.9 of the time with gradients, in batches of
    64 1.1).
    """
    if layout.lanes > 1 and layout.batch_size <= layout.chunks * layout.lanes:
        alone = layout.chunks == 1
        weights, units = (0, 0) if alone else (LONG_GRADIENT, layout.batch_size + 1)
        table = gradients_in_step(table, weights, units)
    return with_shared_deltas(table) if convolves(table) or looks_at_batches(table) else table


def model(
    table: Array,
    parameters: Array,
    train: Examples,
    lanes: int,
    chunks: int,
    shuffle: bool,
) -> problem.Model:
    """Scratch and gradients for every chunk."""
    dtype, units = parameters.dtype, int(table[BUFFER_UNITS])
    gathered = chunks * lanes if shuffle or train.images else 0
    return problem.Model(
        table,
        build_parts(table, chunks),
        parameters,
        aligned_zeros(chunks * parameters.size, dtype),
        aligned_zeros(chunks * units * lanes, dtype),
        aligned_zeros(chunks * units * lanes, dtype),
        aligned_zeros(gathered * train.X.shape[1], dtype),
        aligned_zeros(gathered * (train.y.shape[1] + 1), dtype),
        np.zeros(chunks * statistics_of_block(table)),
    )


def state(
    parameters: Array,
    generator: Array,
    options: Options,
    validated: bool,
    chunks: int,
    memory: OptimizerState | None,
    snapshots: bool,
) -> problem.DescentState:
    """The state before the first epoch; the kernels keep each epoch's start if `snapshots`."""
    optimizer, schedule = options.optimizer, options.learning_rate
    assert isinstance(optimizer, Optimizer)
    assert isinstance(schedule, Schedule)
    position = np.zeros(problem.POSITION_SIZE, np.int64)
    numbers = np.zeros(problem.NUMBERS_SIZE)
    numbers[[problem.BEST, problem.PATIENCE_BEST, problem.PLATEAU_BEST]] = np.inf
    numbers[problem.RATE_FACTOR] = 1
    if memory is None:
        sizes = [parameters.size if needed else 0 for needed in optimizer.vectors]
        first, second = (aligned_zeros(size, parameters.dtype) for size in sizes)
    else:
        first, second = memory.first, memory.second
        position[problem.STEP] = memory.steps
    halves = 2 if snapshots else 0
    return problem.DescentState(
        position,
        numbers,
        np.zeros(chunks),
        np.zeros(options.epochs),
        np.zeros(options.epochs if validated else 0),
        rates_of(schedule, options.epochs),
        first,
        second,
        parameters.copy() if validated else np.empty(0, parameters.dtype),
        aligned_zeros(halves * parameters.size, parameters.dtype),
        generator,
        np.zeros(halves * problem.GENERATOR_WORDS, np.uint64),
    )


def arrange(
    table: Array, examples: Examples, batch_size: int, lanes: int, chunks: int, shuffle: bool
) -> problem.Data:
    """The examples as the driver wants them: rows to gather from, or blocks packed once.

    Images of uint8 are always gathered: as blocks of floats they would take four times the memory.
    """
    (n, d_in), d_out = examples.X.shape, examples.y.shape[1]
    dtype = examples.y.dtype
    x_rows, y_rows = examples.X.reshape(-1), examples.y.reshape(-1)
    batch_blocks = -(-batch_size // lanes)
    draw = ORDER.address(draw_order, dtype) if shuffle else 0
    numbers = n, batch_size, batch_blocks, -(-batch_blocks // chunks), draw, 0
    if examples.images:
        x_rows = blocks.memory_of(examples.X, dtype)
    if shuffle or examples.images:
        gather = problem.GATHER_CONTRACT.address(problem.gather_block, dtype)
        return problem.Data(x_rows, y_rows, examples.weights, np.arange(n), *numbers, gather)
    full, rest = divmod(n, batch_size)
    count = full * batch_blocks + -(-rest // lanes)
    sample_major = bool(table[SAMPLE_MAJOR])
    inputs = aligned_zeros(0 if sample_major else count * d_in * lanes, dtype)
    targets = aligned_zeros(count * (d_out + 1) * lanes, dtype)
    order = np.empty(0, np.int64)
    pack = blocks.PACK_CONTRACT.address(blocks.pack, dtype)
    blocks.pack_all(
        blocks.Packed(inputs, targets, lanes, batch_size),
        blocks.Rows(x_rows, order, d_in, pack),
        blocks.Rows(y_rows, order, d_out, pack),
        examples.weights,
    )
    rows = x_rows if sample_major else inputs
    return problem.Data(rows, targets, examples.weights, order, *numbers, 0)


def validation_data(
    table: Array, train: Examples, validation: Examples | None, lanes: int, chunks: int
) -> problem.Data:
    """The validation examples as one batch, or empty arrays."""
    if validation is not None:
        return arrange(table, validation, len(validation.X), lanes, chunks, shuffle=False)
    empty = np.empty(0, train.y.dtype)
    return problem.Data(empty, empty, empty, np.empty(0, np.int64), 0, 1, 1, 1, 0, 0, 0)
