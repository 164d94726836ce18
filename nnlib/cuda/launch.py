"""How a pass over a batch is cut for a GPU, and the launches that make a descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..kernels.cuda.compile.graph import Launch
from ..kernels.cuda.compile.jit import SHARED_BYTES, SIMULATED, cuda, launcher, most_shared_bytes
from ..kernels.cuda.network.problem import Dataset, tile_elements
from ..kernels.cuda.products.warp_product import LANES
from ..kernels.cuda.training import descent, steps
from ..kernels.cuda.wide import layers
from ..kernels.cuda.wide.products import PRODUCTS, Entries
from ..kernels.cuda.wide.slabs import Block
from ..kernels.formulas.activations import LOG_SOFTMAX, SOFTMAX
from ..kernels.layers.kinds import obstacle
from ..kernels.layers.operations import DENSE, DROPOUT, Row, rows_of
from ..kernels.network import problem
from .rounds import Rounds

Array = NDArray[Any]

# The simulator takes a fraction of a millisecond per thread and per barrier.
MOST_THREADS = 4 if SIMULATED else 256
MOST_LANES = 7 if SIMULATED else 127
# Tiles are kept in shared memory up to this width, if so many samples fit.
MOST_WIDTH = 8 if SIMULATED else 128
LEAST_LANES = 5 if SIMULATED else 15
# Of a tile in global memory.
GLOBAL_BYTES = 2_000 if SIMULATED else 2**28
# A batch with fewer multiply-adds is left to one block: it does about 40 in a ns, and the launches
# of a step by many take about 30 µs (less in a CUDA graph: to be measured on a GPU).
WORK_OF_ONE_BLOCK = 100 if SIMULATED else 1_000_000

# The kinds of layer that each of the three ways computes.
KINDS = (DENSE, DROPOUT)


@dataclass(frozen=True)
class Cut:
    """Blocks of threads, samples of a tile, and the shared memory of a block in bytes."""

    kind: str  # "alone", "together" or "layers", as the functions below
    blocks: int  # that compute a part of a batch's gradient each
    groups: int  # that compute a part of its cost
    threads: int
    lanes: int
    shared: int  # products of layers have their own
    tile_size: int = 0  # of a tile in global memory
    stage: int = 0  # elements of shared memory for a layer's parameters
    precision: str = ""  # of products, of `PRODUCTS` and `steps.PASSES`


def cut(
    batch: int,
    table: Array,
    parameters: int,
    units: int,
    itemsize: int,
    once: bool = False,
    precision: str | None = None,
) -> Cut:
    """The cut of a descent, from the shapes and the number of the GPU's processors alone.

    once: for a single pass, which needs no more than one block has to do with many batches.
    precision: of the products, but those of whole descents by a block.
    Raises `ValueError` for a kind of layer that has no kernels for a GPU.
    """
    rows = known_rows(table)
    if 3 * parameters * batch <= WORK_OF_ONE_BLOCK and not once:
        single = cut_alone(batch, table, parameters, units, itemsize)
        if single is not None:
            return single
    elements = tile_elements(units, rows[0].d_in, rows[-1].d_out)
    threads = max(MOST_THREADS, LANES) if precision else MOST_THREADS
    precision = precision or f"float{8 * itemsize}"
    stage = max((row.d_in + 1) * row.d_out for row in rows)
    lanes = tile_lanes(batch, elements, stage, threads, itemsize, most_shared_bytes())
    widest = max(max(row.d_in, row.d_out) for row in rows)
    if widest <= MOST_WIDTH and lanes >= min(batch, LEAST_LANES):
        # A tile for each processor is worth more than larger tiles for some of them.
        lanes = min(lanes, max(LEAST_LANES, -(-batch // processors())) | 1)
        blocks = max(1, min(processors(), -(-batch // lanes)))
        shared = shared_bytes(lanes, elements, stage, threads, itemsize)
        return Cut(
            "together", blocks, blocks, threads, lanes, shared, stage=stage, precision=precision
        )
    lanes = min(batch, max(GLOBAL_BYTES // (elements * itemsize), 1))
    block = PRODUCTS[precision][0].block
    largest = max(math.prod(grid(block, row.d_out, row.d_in)) for row in rows)
    splits = max(1, min(2 * processors() // largest, lanes // 256))
    groups = 2 * processors()
    return Cut("layers", splits, groups, threads, lanes, 0, elements * lanes, precision=precision)


def cut_alone(batch: int, table: Array, parameters: int, units: int, itemsize: int) -> Cut | None:
    """The cut of whole descents by a block each; None if one does not fit its shared memory."""
    rows = known_rows(table)
    elements, ahead = tile_elements(units, rows[0].d_in, rows[-1].d_out), 2 * parameters
    lanes = tile_lanes(batch, elements, ahead, MOST_THREADS, itemsize, SHARED_BYTES)
    if lanes < min(batch, LEAST_LANES):  # more for a block leaves a processor with fewer blocks
        lanes = tile_lanes(batch, elements, ahead, MOST_THREADS, itemsize, most_shared_bytes())
    if not lanes:
        return None
    threads = min(MOST_THREADS, -(-max(lanes, parameters // 8) // 32) * 32)
    shared = shared_bytes(lanes, elements, ahead, threads, itemsize)
    return Cut("alone", 0, 0, threads, lanes, shared)


def known_rows(table: Array) -> list[Row]:
    """The rows of a table whose kinds of layer all have kernels for a GPU; else `ValueError`."""
    reason = obstacle(table, KINDS)
    if reason is not None:
        raise ValueError(
            f"{reason} run on the CPU only: leave out device='cuda', or use net.to('cpu')"
        )
    return rows_of(table)


def grid(block: Block, rows: int, columns: int, splits: int = 1) -> tuple[int, int, int]:
    """The blocks of a product of so many rows and columns."""
    return -(-columns // block.columns), -(-rows // block.rows), splits


def work(cut: Cut, parameters: int, batch: int) -> int:
    """What a round takes, for the length of the first slice: multiply-adds, or its launches."""
    return max(3 * parameters * batch, 1 if cut.kind == "alone" else 30_000)


def tile_lanes(
    batch: int, elements: int, ahead: int, threads: int, itemsize: int, limit: int
) -> int:
    """Samples of a tile: odd, tiles of equal size, within `limit` bytes; 0 if none fits.

    elements is what a sample takes, ahead what lies before the tile.
    """
    fitting = (limit - 8 * threads - ahead * itemsize) // (elements * itemsize)
    most = min(fitting, MOST_LANES)
    most -= most % 2 == 0
    if most < 1:
        return 0
    tiles = -(-batch // most)
    return min(-(-batch // tiles) | 1, most)


def shared_bytes(lanes: int, elements: int, ahead: int, threads: int, itemsize: int) -> int:
    """Shared memory of a block: a float64 per thread, what lies ahead, the tile."""
    return 8 * threads + (ahead + lanes * elements) * itemsize


def processors() -> int:
    """Multiprocessors of the GPU; the simulator has three."""
    return 3 if SIMULATED else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


Run = Callable[[int], None]
Arrays = tuple[Any, ...]


class Datasets(NamedTuple):
    """The examples of a descent on the GPU."""

    train: Dataset
    held_out: Dataset


def alone(cut: Cut, buffers: Arrays, examples: Datasets, networks: int = 1) -> Run:
    """What runs whole descents, a block each, for a number of batches."""
    launch = launcher(descent.descend, networks, cut.threads, cut.shared)

    def run(rounds: int) -> None:
        launch(*buffers, *examples, rounds)

    return run


def one_pass(
    cut: Cut, table: Array, buffers: Arrays, dataset: Dataset
) -> Callable[[int], list[Launch]]:
    """What gives the launches of a pass over the next batch of a data set, of so many examples."""
    if cut.kind == "together":
        passes = launcher(steps.PASSES[cut.precision], cut.blocks, cut.threads, cut.shared)
        return lambda batch: [partial(passes, *buffers, *dataset)]
    return Layers(cut, table, buffers, dataset).launches


def together(
    cut: Cut, own: problem.Problem, buffers: Arrays, examples: Datasets, shuffled: bool
) -> Run:
    """The same by many blocks: the launches of a step one after the other, none waited for.

    own is the host's: its position tells where the descent stands. shuffled says whether the
    examples' order is drawn on the GPU.
    """
    model, data, validation, state, settings = own
    flat = 8 * cut.threads
    grid = step_blocks(cut, model.parameters.size)
    begin = [partial(launcher(steps.begin, 1, cut.threads, flat), *buffers)]
    if shuffled:
        draw_order = launcher(steps.draw_order, cut.groups, cut.threads)
        begin.insert(0, partial(draw_order, *buffers))
    step: list[Launch] = [
        partial(launcher(entry, grid, cut.threads, flat), *buffers)
        for entry in ([steps.norms, steps.step] if settings.rules.clip_norm > 0 else [steps.step])
    ]
    batch = [*one_pass(cut, model.table, buffers, examples.train)(data.batch_size), *step]
    checks: list[Launch] = []
    if validation.n:
        passes = one_pass(cut, model.table, buffers, examples.held_out)
        checks = [*passes(validation.n), step[-1]]
    batches = -(-data.n // data.batch_size)
    rounds = Rounds([*begin, *batch], batch, checks, batches)
    position = state.position

    def run(count: int) -> None:
        batch = batches if position[problem.VALIDATING] else int(position[problem.BATCH])
        epochs = settings.epochs - int(position[problem.EPOCH])
        rounds.run(batch, min(count, epochs * rounds.of_epoch - batch))

    return run


def step_blocks(cut: Cut, parameters: int) -> int:
    """Blocks of a step: as many as have work, where several threads add up an element."""
    groups = max(1, cut.blocks // steps.LEAST_TERMS)
    return min(cut.groups, -(-parameters * groups // cut.threads))


class Layers:
    """The launches of a pass, layer by layer, for networks too wide for `steps.passes`."""

    def __init__(self, cut: Cut, table: Array, buffers: Arrays, dataset: Dataset) -> None:
        self._cut, self._buffers, self._dataset = cut, buffers, dataset
        self._rows = known_rows(table)
        self._load, self._cost_and_delta = map(self._flat, (layers.load, layers.cost_and_delta))
        self._thin, self._thin_delta = map(self._flat, (layers.thin, layers.thin_delta))
        self._softmax = self._flat(layers.softmax)
        lanes, splits = cut.lanes, cut.blocks
        self._forward = [self._product("forward", row.d_out, lanes) for row in self._rows]
        self._gradient = [
            self._product("gradient", row.d_out, row.d_in, splits) for row in self._rows
        ]
        self._delta = [self._product("delta", row.d_in, lanes) for row in self._rows]

    def launches(self, batch: int) -> list[Launch]:
        """For gradient and cost of the next batch, of so many examples."""
        found: list[Launch] = []
        for start in range(0, batch, self._cut.lanes):
            found += self.forward(start)
            found.append(partial(self._cost_and_delta, *self._buffers, start))
            found += self._backward(start)
        return found

    def forward(self, start: int) -> Iterator[Launch]:
        """For the samples of the batch from `start` on, through all layers."""
        yield partial(self._load, *self._buffers, *self._dataset, start)
        for number, row in enumerate(self._rows):
            if row.kind == DROPOUT:
                yield partial(self._thin, *self._buffers, number, start)
                continue
            yield partial(self._forward[number], *self._buffers, number)
            if row.activation in (SOFTMAX, LOG_SOFTMAX):
                yield partial(self._softmax, *self._buffers, number)

    def _backward(self, start: int) -> Iterator[Launch]:
        for number, row in reversed(list(enumerate(self._rows))):
            if row.kind == DENSE:
                yield partial(self._gradient[number], *self._buffers, number, start)
            if number == 0:
                return
            if row.kind == DENSE:
                yield partial(self._delta[number], *self._buffers, number)
            else:
                yield partial(self._thin_delta, *self._buffers, number)

    def _flat(self, entry: Any) -> Callable[..., None]:
        """A loop over elements, by as many threads as the machine has room for."""
        return launcher(entry, self._cut.groups, self._cut.threads, 8 * self._cut.threads)

    def _product(self, phase: str, rows: int, columns: int, splits: int = 1) -> Callable[..., None]:
        """A product of so many rows and columns, of the largest blocks that fill the GPU."""
        entries = self._entries(rows, columns, splits)
        block = entries.block
        blocks = grid(block, rows, columns, splits)
        return launcher(getattr(entries, phase), blocks, block.threads, block.shared)

    def _entries(self, rows: int, columns: int, splits: int) -> Entries:
        *larger, smallest = PRODUCTS[self._cut.precision]
        for entries in larger:
            if math.prod(grid(entries.block, rows, columns, splits)) >= processors():
                return entries
        return smallest
