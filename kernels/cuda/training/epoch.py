"""How an epoch begins and ends, by a single block: snapshot, order, what its cost decides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types

from ...compile.jit import Vector
from ...formulas import shuffle
from ...formulas.shuffle import MOST_WORDS, WORDS
from ...network.problem import (
    BATCH,
    BEST,
    COST,
    DIVERGED,
    EPOCH,
    STATUS,
    STEP,
    VALIDATING,
)
from ...training import stopping, turns
from ..compile.jit import cuda, kernel, twin, window
from ..network.problem import DescentState, Model, Settings, Sizes
from ..products.block import copy

watch, next_word = twin(stopping.watch), twin(shuffle.next_word)
halves, rounds_of = twin(shuffle.halves), twin(shuffle.rounds_of)
turned = twin(shuffle.turned)
is_finite, is_whole_epoch = twin(turns.is_finite), twin(turns.is_whole_epoch)
mean_of, status_after = twin(turns.mean_of), twin(turns.status_after)
first_cost, rate_of, scale_of = twin(turns.first_cost), twin(turns.rate_of), twin(turns.scale_of)


@kernel
def write_order(order: Vector, generator: Vector, first: int, step: int) -> None:
    """The CPU's next order of the examples at places first, first + step, …: a thread's work.

    Every thread draws the key from the generator, which stays as it is: see `pass_on`.
    """
    words, keys = cuda.local.array(4, types.uint64), cuda.local.array(MOST_WORDS, types.uint64)
    for k in range(4):
        words[k] = np.uint64(generator[k])
    count = WORDS * rounds_of(order.size)
    for k in range(count):
        keys[k] = next_word(words)
    cut = halves(order.size)
    for place in range(first, order.size, step):
        number = np.uint32(place)
        for k in range(0, count, WORDS):
            number = turned(number, keys[k], keys[k + 1], cut)
        order[place] = number


@kernel
def pass_on(state: DescentState, epoch: int) -> None:
    """One thread's work, when all have drawn: keep the generator, and advance it by an order."""
    generator, words = state.generator, cuda.local.array(4, types.uint64)
    for k in range(4):
        state.generators[(epoch % 2) * 4 + k] = generator[k]
        words[k] = np.uint64(generator[k])
    for _ in range(WORDS * rounds_of(state.order.size)):
        next_word(words)
    for k in range(4):
        generator[k] = np.int64(words[k])


@kernel
def keep_start(model: Model, state: DescentState, epoch: int) -> None:
    """Keep the parameters of the epoch's start."""
    size = model.parameters.size
    copy(window(state.snapshots, (epoch % 2) * size, size), model.parameters)


@kernel
def start_epoch(model: Model, state: DescentState, epoch: int) -> None:
    """Keep the parameters and draw the order of the examples."""
    keep_start(model, state, epoch)
    if state.order.size:
        write_order(state.order, state.generator, cuda.threadIdx.x, cuda.blockDim.x)
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            pass_on(state, epoch)
        cuda.syncthreads()


class Done(NamedTuple):
    """What a batch, or a validation, has given."""

    part: float  # Σ J of this pass
    n: int  # how many examples a validation has
    cost: float  # Σ J of the epoch so far, with this batch in it
    rate: float


@kernel
def end_epoch(
    model: Model, data: Sizes, state: DescentState, settings: Settings, done: Done, watched: float
) -> None:
    """One thread's work: record the epoch, and by its cost set the status.

    watched is the validation cost, if there is one.
    """
    epoch = state.position[EPOCH]
    mean_cost = mean_of(done.cost, data, settings)
    state.costs[epoch] = mean_cost
    state.rates[epoch] = done.rate
    if not settings.validated:
        watched = mean_cost
    else:
        state.validation_costs[epoch] = watched
    status = watch(model, state, settings.rules, mean_cost, watched)
    state.position[STATUS] = status_after(status, epoch + 1, settings)
    state.position[EPOCH] = epoch + 1
    state.position[BATCH] = 0
    state.position[VALIDATING] = 0
    state.numbers[COST] = done.cost


@kernel
def end_batch(
    model: Model, data: Sizes, state: DescentState, settings: Settings, done: Done
) -> None:
    """One thread's work after a batch's step, or a validation: what comes next."""
    position = state.position
    state.numbers[COST] = done.cost
    if position[VALIDATING]:
        end_epoch(model, data, state, settings, done, mean_of(done.part, done, settings))
        return
    if not is_finite(done.cost):
        state.costs[position[EPOCH]] = mean_of(done.cost, data, settings)
        position[STATUS] = DIVERGED
        return
    position[STEP] += 1
    position[BATCH] += 1
    if is_whole_epoch(position[BATCH], data):
        if settings.validated:
            position[BATCH] = 0
            position[VALIDATING] = 1
        else:
            end_epoch(model, data, state, settings, done, done.cost)


@kernel
def current_rate(state: DescentState) -> float:
    """The learning rate of the epoch in which the descent stands."""
    return rate_of(state, state.position[EPOCH])


@kernel
def keep_best(best: Vector, parameters: Vector, state: DescentState, before: float) -> None:
    """Copy the parameters, if the lowest watched cost is no longer what it was before."""
    if state.numbers[BEST] != before:
        copy(best, parameters)
