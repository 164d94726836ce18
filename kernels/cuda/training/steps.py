"""One network and much data: the blocks of a grid share a batch, and a launch or two make a step.

`passes` computes every block's tiles and leaves a gradient and a cost per block, `step` adds them
up in the order of the blocks and steps; nothing returns to Python between them. Where an epoch
begins, `draw_order` and `begin` come first. Each launch reads from the state what there is to do,
so that launches beyond the end do nothing.
"""

from __future__ import annotations

from typing import Any

from ...compile.jit import Vector
from ...network.problem import BATCH, BEST, COST, EPOCH, RUNNING, STATUS, STEP, VALIDATING
from ..compile.jit import ALL_REGISTERS, SIMULATED, cuda, entry, entry_with, kernel, variant, window
from ..network.problem import (
    STAGE,
    Dataset,
    DescentState,
    Model,
    Parts,
    Place,
    Settings,
    Sizes,
    batch_examples,
    device_settings,
    device_unpack,
    examples,
    shared_tile,
    sizes,
    tile_pass,
)
from ..products.block import divided, total
from ..products.block_product import BF16, FLOAT32, TF32
from .epoch import (
    Done,
    current_rate,
    end_batch,
    first_cost,
    is_finite,
    keep_best,
    pass_on,
    scale_of,
    write_order,
)
from .update import Order, add_and_clip, clipped, limit_all_norms, part_of, penalty, take_step

# Of the products; each of `PASSES` has its own.
PRECISION = FLOAT32
# Blocks whose parts of a gradient's element one thread adds up, at least; see `add_parts`.
LEAST_TERMS = 2 if SIMULATED else 16


@entry
def draw_order(integers: Vector, reals: Vector, memory: Vector) -> None:
    """Where an epoch begins: the order of the examples, by all threads of the grid."""
    _, state, _ = device_unpack(integers, reals, memory, 0)
    if begins(state):
        write_order(state.order, state.generator, cuda.grid(1), cuda.gridsize(1))


@entry
def begin(integers: Vector, reals: Vector, memory: Vector) -> None:
    """Where an epoch begins: penalty, the generator after `draw_order`. One block."""
    settings = device_settings(integers, reals, 0)
    model, state, _ = device_unpack(integers, reals, memory, 0)
    if not begins(state):
        return
    tile, _ = shared_tile(integers, memory, 0, 0)
    cost = penalty(model, settings, tile.scratch)
    if cuda.threadIdx.x == 0:
        state.numbers[COST] = first_cost(cost, settings, settings)
        if state.order.size:
            pass_on(state, state.position[EPOCH])


@kernel
def begins(state: DescentState) -> bool:
    """Whether the descent goes on, and stands before an epoch's first batch."""
    position = state.position
    return position[STATUS] == RUNNING and position[BATCH] == 0 and position[VALIDATING] == 0


def passes(
    integers: Vector,
    reals: Vector,
    memory: Vector,
    x: Vector,
    y: Vector,
    weights: Vector,
) -> None:
    """The tiles of the next batch, block b those with numbers b, b + blocks, …

    x, y and weights are the data, or where the descent validates what is held out; not a
    `Dataset`, since a launch takes 50 µs longer with one. Writes each block's gradient and cost,
    see `problem.Parts`.
    """
    settings = device_settings(integers, reals, 0)
    whole, state, parts = device_unpack(integers, reals, memory, 0)
    position = state.position
    if position[STATUS] != RUNNING:
        return
    size = whole.parameters.size
    tile, _ = shared_tile(integers, memory, integers[STAGE], 0)
    model = Model(
        whole.table, whole.parameters, window(parts.gradients, cuda.blockIdx.x * size, size)
    )
    validating = position[VALIDATING] == 1
    source = examples(integers, Dataset(x, y, weights), state, validating)
    in_batch = batch_examples(source, position[BATCH])
    cost = 0.0
    first = cuda.blockIdx.x * settings.lanes
    if first >= in_batch and not validating:
        clear(model.gradient)
    for start in range(first, in_batch, settings.blocks * settings.lanes):
        place = Place(position[BATCH], start, first, position[STEP], state.own[1])
        cost += tile_pass(model, source, settings, tile, place, not validating, PRECISION)
    cost = total(tile.scratch, cost)
    if cuda.threadIdx.x == 0:
        parts.costs[cuda.blockIdx.x] = cost


@kernel
def clear(values: Vector) -> None:
    """values ← 0, by the threads of a block, which do not wait for each other here."""
    for k in range(cuda.threadIdx.x, values.size, cuda.blockDim.x):
        values[k] = 0


@kernel
def add_parts(
    model: Model,
    parts: Parts,
    settings: Settings,
    scale: float,
    first: int,
    last: int,
    scratch: Vector,
) -> None:
    """Elements first … last of the gradient: Σ over the blocks of a pass, penalties, clips.

    Several threads share the sum of an element where there are many blocks: one would wait for the
    memory 33 times for 132 of them. Neighbouring threads have neighbouring elements.
    """
    size, thread = model.parameters.size, cuda.threadIdx.x
    groups = min(max(1, settings.blocks // LEAST_TERMS), cuda.blockDim.x)
    width = cuda.blockDim.x // groups
    group, place = divided(thread, width)
    for start in range(first, last, width):
        k = start + place
        if k < last and group < groups:
            value = parts.gradients.dtype.type(0)
            for block in range(group, settings.blocks, groups):
                value += parts.gradients[block * size + k]
            scratch[thread] = value
        cuda.syncthreads()
        if k < last and group == 0:
            value = scratch[place]
            for other in range(1, groups):
                value += scratch[other * width + place]
            model.gradient[k] = value
            add_and_clip(model, settings, scale, k, k + 1)
        cuda.syncthreads()


@kernel
def batch_scale(data: Sizes, state: DescentState, settings: Settings) -> float:
    """What the sum of the batch's gradients is multiplied with."""
    return scale_of(batch_examples(data, state.position[BATCH]), settings)


@entry
def norms(integers: Vector, reals: Vector, memory: Vector) -> None:
    """Where the gradient's norm is clipped: every block's part of it, before `step`."""
    settings = device_settings(integers, reals, 0)
    model, state, parts = device_unpack(integers, reals, memory, 0)
    if state.position[STATUS] != RUNNING or state.position[VALIDATING] == 1:
        return
    tile, _ = shared_tile(integers, memory, 0, 0)
    first, last = part_of(model.parameters.size, cuda.blockIdx.x, cuda.gridDim.x)
    scale = batch_scale(sizes(integers, False), state, settings)
    add_parts(model, parts, settings, scale, first, last, tile.scratch)
    squares = 0.0
    for k in range(first + cuda.threadIdx.x, last, cuda.blockDim.x):
        squares += float(model.gradient[k]) * float(model.gradient[k])
    squares = total(tile.scratch, squares)
    if cuda.threadIdx.x == 0:
        parts.norms[cuda.blockIdx.x] = squares


@entry
def step(integers: Vector, reals: Vector, memory: Vector) -> None:
    """After `passes`: the step, and by the block that is done last, what comes next."""
    settings = device_settings(integers, reals, 0)
    model, state, parts = device_unpack(integers, reals, memory, 0)
    position = state.position
    if position[STATUS] != RUNNING:
        return
    tile, _ = shared_tile(integers, memory, 0, 0)
    data = sizes(integers, False)
    validating, count = position[VALIDATING] == 1, position[STEP]
    rate, cost, best = current_rate(state), state.numbers[COST], state.numbers[BEST]
    part = sum_over(parts.costs, parts.costs.size, tile.scratch)
    if not validating:
        cost += part
        if is_finite(cost):
            scale = batch_scale(data, state, settings)
            first, last = part_of(model.parameters.size, cuda.blockIdx.x, cuda.gridDim.x)
            if settings.rules.clip_norm > 0:
                squares = sum_over(parts.norms, cuda.gridDim.x, tile.scratch)
                scale = clipped(settings, scale, squares)
            else:
                add_parts(model, parts, settings, scale, first, last, tile.scratch)
            # One by one: then neighbouring threads read and write neighbouring elements.
            for k in range(first + cuda.threadIdx.x, last, cuda.blockDim.x):
                take_step(model, state, settings, Order(count + 1, rate, scale), k, k + 1)
    if not is_last(parts.ticket, tile.scratch):
        return
    if settings.rules.max_norm > 0 and not validating and is_finite(cost):
        limit_all_norms(model.table, model.parameters, settings.rules.max_norm)
    if cuda.threadIdx.x == 0:
        done = Done(part, sizes(integers, True).n, cost, rate)
        end_batch(model, data, state, settings, done)
    cuda.syncthreads()
    keep_best(parts.best, model.parameters, state, best)


@kernel
def sum_over(values: Vector, count: int, scratch: Vector) -> float:
    """Σ of the first `count` values, known to all threads of the block."""
    value = 0.0
    for k in range(cuda.threadIdx.x, count, cuda.blockDim.x):
        value += values[k]
    return total(scratch, value)


@kernel
def is_last(ticket: Vector, scratch: Vector) -> bool:
    """Whether all other blocks have come here before, and so what they wrote can be read."""
    cuda.threadfence()
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        before = cuda.atomic.add(ticket, 0, 1)
        scratch[0] = before
        if before == cuda.gridDim.x - 1:
            ticket[0] = 0
    cuda.syncthreads()
    last = scratch[0] == cuda.gridDim.x - 1
    cuda.threadfence()
    cuda.syncthreads()
    return last


def passes_with(name: str, precision: int) -> Any:
    """An entry of `passes`; a processor has no more than one of its blocks."""
    own = variant(passes, f"passes_{name}", PRECISION=precision)
    return entry_with(ALL_REGISTERS)(own)


_PLAIN = passes_with("plain", FLOAT32)
# By the precision of their products.
PASSES = {
    "float32": _PLAIN,
    "float64": _PLAIN,
    "tf32": passes_with("tf32", TF32),
    "bf16": passes_with("bf16", BF16),
}
