"""The driver: epochs, batches, blocks, steps and the stopping tests in one compiled call.

It returns to Python when its budget is spent and goes on from the same place when it is called
again: everything it knows is in arrays that the caller owns. So Ctrl-C, progress bars, callbacks
and checkpoints are ordinary Python between two calls, and change no bit of the result.

A batch is cut into chunks of blocks. Every chunk has scratch and a gradient of its own, so the
members of a team can work on them at the same time; the sums over chunks have a fixed order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from .dropout import NO_DROPOUT, block_key
from .evaluate import absolute_weights, squared_weights
from .jit import Vector, elementwise, entry, kernel
from .memory import window
from .problem import (
    BATCH,
    COST,
    DIVERGED,
    EPOCH,
    FINISHED,
    GENERATOR_WORDS,
    RATE_FACTOR,
    ROUND,
    RUNNING,
    STATUS,
    STEP,
    VALIDATING,
    Data,
    Model,
    Settings,
    State,
    block_pass,
)
from .shuffle import draw_order
from .stopping import copy, watch
from .team import share, wait_for_all
from .update import plain_step, update


@kernel
def start_epoch(
    model: Model, data: Data, state: State, epoch: int, member: int, members: int
) -> None:
    """Draw the order of the examples; keep what there was before, if the caller wants it."""
    if state.snapshots.size:
        keep_start(model, data, state, epoch, member, members)
    if member == 0 and data.order.size:
        draw_order(data.order, state.generator)


@kernel
def keep_start(
    model: Model, data: Data, state: State, epoch: int, member: int, members: int
) -> None:
    """Keep the member's share of the parameters; the first also keeps the generator."""
    size = model.parameters.size
    first, last = share(size, member, members)
    kept = window(state.snapshots, (epoch % 2) * size + first, last - first)
    copy(kept, window(model.parameters, first, last - first))
    if member == 0 and data.order.size:
        place = (epoch % 2) * GENERATOR_WORDS
        copy(window(state.generators, place, GENERATOR_WORDS), state.generator)


@kernel
def penalty(model: Model, settings: Settings) -> float:
    """(λ/2) Σ w² + λ₁ Σ |w|."""
    total = 0.0
    if settings.l2 > 0:
        total += 0.5 * settings.l2 * squared_weights(model.table, model.parameters)
    if settings.l1 > 0:
        total += settings.l1 * absolute_weights(model.table, model.parameters)
    return total


@kernel
def chunk_passes(
    model: Model,
    data: Data,
    state: State,
    settings: Settings,
    plain: bool,
    batch: int,
    step: int,
    turn: int,
    train: bool,
    member: int,
    members: int,
) -> None:
    """The next block of each of the member's chunks; Σ J goes to state.chunk_costs."""
    examples = min(data.batch_size, data.n - batch * data.batch_size)
    chunks = 1 if plain else settings.chunks
    for chunk in range(member, chunks, members):
        block = chunk * data.chunk_blocks + turn
        before = state.chunk_costs[chunk] if turn > 0 else 0.0
        if block * settings.lanes < examples:
            key = NO_DROPOUT
            if not plain and train and settings.dropout:
                key = block_key(settings.dropout_seed, step, block)
            before += block_pass(model, data, settings, batch, block, chunk, key, train, turn > 0)
        elif train and turn == 0:
            size = model.parameters.size
            gradient = window(model.gradient, chunk * size, size)
            for k in range(size):
                gradient[k] = 0
        state.chunk_costs[chunk] = before


def driver_loop(
    plain: bool,
    passes: Callable[..., None] = chunk_passes,
    own_step: Callable[..., None] = plain_step,
) -> Callable[..., int]:
    """The driver's loop, as a whole or without all that a `plain` descent does not use.

    passes and own_step are what a plain descent does with a block and with a batch.

    Plain is plain gradient descent in one chunk, with nothing to penalise, to clip, to watch or
    to validate. Numba leaves out what stands behind `plain` before it looks at it: a fifth less
    to compile, and a tenth less time per epoch of the exercise.
    """

    @elementwise  # its own few sums stay in the order written
    def rounds(
        model: Model,
        data: Data,
        validation: Data,
        state: State,
        settings: Settings,
        barrier: Vector,
        member: int,
        members: int,
        budget: int,
    ) -> int:
        """Run up to `budget` rounds of blocks from where state stands; returns how many are left.

        Called by every member of the team with the same arguments. Writes model, data.order and
        state. J of an epoch is the cost of every example as its batch is reached, before that
        batch's step; the validation cost is taken after the epoch's last step.
        """
        position, numbers = state.position, state.numbers
        epoch, batch, turn = position[EPOCH], position[BATCH], position[ROUND]
        validating, status, count = position[VALIDATING], position[STATUS], position[STEP]
        cost = numbers[COST]
        rate = 0.0
        if status == RUNNING:
            rate = state.rates[epoch] * numbers[RATE_FACTOR]
        if plain:  # constants: no barrier is left
            member, members = 0, 1
        wait_for_all(barrier, members)
        while budget > 0 and status == RUNNING:
            if batch == 0 and turn == 0 and validating == 0:
                start_epoch(model, data, state, epoch, member, members)
                cost = 0.0
                if not plain:
                    cost = penalty(model, settings) * (data.n if settings.mean else 1)
                if data.order.size:
                    wait_for_all(barrier, members)
            source = validation if not plain and validating else data
            passes(
                model,
                source,
                state,
                settings,
                plain,
                batch,
                count,
                turn,
                validating == 0,
                member,
                members,
            )
            budget -= 1
            turn += 1
            examples = min(source.batch_size, source.n - batch * source.batch_size)
            if turn < source.chunk_blocks and turn * settings.lanes < examples:
                continue
            turn = 0
            wait_for_all(barrier, members)
            total = 0.0
            for chunk in range(1 if plain else settings.chunks):
                total += state.chunk_costs[chunk]
            if not plain and validating:
                watched = total / source.n if settings.mean else total
                if member == 0:
                    state.validation_costs[epoch] = watched
            else:
                cost += total
                if not abs(cost) < math.inf:
                    status = DIVERGED
                    break
                count += 1
                scale = 1.0 / examples if settings.mean else 1.0
                if plain:
                    own_step(model, data, settings, batch, rate, scale)
                else:
                    update(
                        model,
                        data,
                        state,
                        settings,
                        batch,
                        rate,
                        scale,
                        count,
                        barrier,
                        member,
                        members,
                    )
                wait_for_all(barrier, members)
                batch += 1
                if batch * data.batch_size < data.n:
                    continue
                batch = 0
                watched = cost / data.n if settings.mean else cost
                if not plain and validation.n > 0:
                    validating = 1
                    continue
            validating = 0
            mean_cost = cost / data.n if settings.mean else cost
            if member == 0:
                state.costs[epoch] = mean_cost
                state.rates[epoch] = rate
            if not plain:
                if member == 0:
                    position[STATUS] = watch(model, state, settings, mean_cost, watched)
                wait_for_all(barrier, members)
                status = position[STATUS]
            epoch += 1
            if status == RUNNING and epoch == settings.epochs:
                status = FINISHED
            if status == RUNNING:
                rate = state.rates[epoch] * numbers[RATE_FACTOR]
        wait_for_all(barrier, members)
        if member == 0:
            if status == DIVERGED:
                state.costs[epoch] = cost / data.n if settings.mean else cost
            numbers[COST] = cost
            position[EPOCH], position[BATCH], position[ROUND] = epoch, batch, turn
            position[VALIDATING], position[STATUS], position[STEP] = validating, status, count
        return budget

    return rounds


# By name, since an entry that holds them in a closure is not found in the cache again.
plain_rounds, all_rounds = driver_loop(True), driver_loop(False)


@functools.cache
def driver(plain: bool) -> Callable[..., None]:
    """What `Descent` calls: the loop for one network, plain or with everything."""

    @entry
    def descend(
        model: Model,
        data: Data,
        validation: Data,
        state: State,
        settings: Settings,
        barrier: Vector,
        member: int,
        members: int,
        budget: int,
    ) -> None:
        """`budget` rounds, see `driver_loop`."""
        if plain:
            plain_rounds(model, data, validation, state, settings, barrier, member, members, budget)
        else:
            all_rounds(model, data, validation, state, settings, barrier, member, members, budget)

    return descend
