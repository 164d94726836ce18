"""The driver: epochs, batches, blocks, steps and the divergence test in one compiled call.

It returns to Python when its budget of blocks is spent and goes on from the same place when it is
called again: everything it knows is in arrays that the caller owns. So Ctrl-C, progress bars and
time limits are ordinary Python between two calls.
"""

from __future__ import annotations

import math

from .evaluate import squared_weights
from .jit import entry, kernel
from .memory import window
from .optimizers import gradient_descent
from .problem import (
    BATCH,
    BLOCK,
    DIVERGED,
    EPOCH,
    FINISHED,
    RUNNING,
    STATUS,
    Data,
    Model,
    Settings,
    State,
    block_pass,
)
from .shuffle import shuffle


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
