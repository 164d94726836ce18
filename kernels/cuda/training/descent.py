"""The twin of `training.descent` for narrow networks: whole descents in one launch, a block each.

Parameters, gradient and the tile of samples lie in shared memory, all epochs of a slice pass
without a return to Python, and a population is a grid of such blocks.
"""

from __future__ import annotations

from ...compile.jit import Vector
from ...network.problem import BATCH, BEST, COST, EPOCH, RUNNING, STATUS, STEP, VALIDATING
from ..compile.jit import cuda, entry, window
from ..network.problem import (
    Model,
    device_settings,
    device_unpack,
    examples,
    shared_tile,
    tile_pass,
)
from ..products.block import copy, total
from ..products.block_product import FLOAT32
from .epoch import Done, current_rate, end_batch, is_finite, keep_best, start_epoch
from .update import penalty, step_alone


@entry
def descend(
    integers: Vector,
    reals: Vector,
    memory: Vector,
    x: Vector,
    y: Vector,
    weights: Vector,
    validation_x: Vector,
    validation_y: Vector,
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
    data, validation = examples(integers, x, y, weights, validation_x, validation_y, state)
    position = state.position
    copy(model.parameters, lasting.parameters)
    while budget > 0 and position[STATUS] == RUNNING:
        epoch, batch, validating = position[EPOCH], position[BATCH], position[VALIDATING] == 1
        count, cost, rate = position[STEP], state.numbers[COST], current_rate(state)
        if batch == 0 and not validating:
            start_epoch(model, state, epoch)
            cost = penalty(model, settings, tile.scratch) * (data.n if settings.mean else 1)
        source = validation if validating else data
        in_batch = min(source.batch_size, source.n - batch * source.batch_size)
        part = 0.0
        for start in range(0, in_batch, settings.lanes):
            part += tile_pass(
                model,
                source,
                settings,
                tile,
                batch,
                start,
                count,
                state.own[1],
                not validating,
                start > 0,
                FLOAT32,
            )
        part = total(tile.scratch, part)
        if not validating:
            cost += part
            if is_finite(cost):
                scale = 1.0 / in_batch if settings.mean else 1.0
                step_alone(model, state, settings, rate, scale, count + 1, tile.scratch)
        best = state.numbers[BEST]
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            end_batch(model, data, state, settings, Done(part, source.n, cost, rate))
        cuda.syncthreads()
        keep_best(parts.best, model.parameters, state, best)
        budget -= 1
    copy(lasting.parameters, model.parameters)
