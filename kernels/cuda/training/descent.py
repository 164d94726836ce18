"""The twin of `training.descent` for narrow networks: whole descents in one launch, a block each.

Parameters, gradient and the tile of samples lie in shared memory, all epochs of a slice pass
without a return to Python, and a population is a grid of such blocks.
"""

from __future__ import annotations

from ...compile.jit import Vector
from ...network.problem import BATCH, BEST, COST, EPOCH, RUNNING, STATUS, STEP, VALIDATING
from ..compile.jit import cuda, entry, window
from ..network.problem import (
    Dataset,
    Model,
    Place,
    batch_examples,
    device_settings,
    device_unpack,
    examples,
    shared_tile,
    sizes,
    tile_pass,
)
from ..products.block import copy, total
from ..products.block_product import FLOAT32
from .epoch import (
    Done,
    current_rate,
    end_batch,
    first_cost,
    is_finite,
    keep_best,
    scale_of,
    start_epoch,
)
from .update import Order, penalty, step_alone


@entry
def descend(
    integers: Vector,
    reals: Vector,
    memory: Vector,
    dataset: Dataset,
    held_out: Dataset,
    budget: int,
) -> None:
    """Run up to `budget` batches of every network's descent, from where its state stands.

    Writes integers, reals and memory, see `problem.unpack`. J of an epoch is the cost of every
    example as its batch is reached, before that batch's step; the validation cost is taken after
    the epoch's last step.
    """
    settings = device_settings(integers, reals, cuda.blockIdx.x)
    lasting, state, parts = device_unpack(integers, reals, memory, cuda.blockIdx.x)
    size = lasting.parameters.size
    tile, vectors = shared_tile(integers, memory, 0, 2 * size)
    model = Model(lasting.table, window(vectors, 0, size), window(vectors, size, size))
    data = examples(integers, dataset, state, False)
    validation = examples(integers, held_out, state, True)
    position = state.position
    copy(model.parameters, lasting.parameters)
    while budget > 0 and position[STATUS] == RUNNING:
        epoch, batch, validating = position[EPOCH], position[BATCH], position[VALIDATING] == 1
        count, cost, rate = position[STEP], state.numbers[COST], current_rate(state)
        if batch == 0 and not validating:
            start_epoch(model, state, epoch)
            cost = first_cost(penalty(model, settings, tile.scratch), data, settings)
        source = validation if validating else data
        in_batch = batch_examples(source, batch)
        part = 0.0
        for start in range(0, in_batch, settings.lanes):
            place = Place(batch, start, 0, count, state.own[1])
            part += tile_pass(model, source, settings, tile, place, not validating, FLOAT32)
        part = total(tile.scratch, part)
        if not validating:
            cost += part
            if is_finite(cost):
                order = Order(count + 1, rate, scale_of(in_batch, settings))
                step_alone(model, state, settings, order, tile.scratch)
        best = state.numbers[BEST]
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            done = Done(part, source.n, cost, rate)
            end_batch(model, sizes(integers, False), state, settings, done)
        cuda.syncthreads()
        keep_best(parts.best, model.parameters, state, best)
        budget -= 1
    copy(lasting.parameters, model.parameters)
