"""The driver: epochs, batches, blocks, steps and the stopping tests in one compiled call.

It returns to Python when its budget is spent and goes on from the same place when it is called
again: everything it knows is in arrays that the caller owns. So Ctrl-C, progress bars, callbacks
and checkpoints are ordinary Python between two calls, and change no bit of the result.

A batch is cut into chunks of blocks. Every chunk has scratch and a gradient of its own, so the
members of a team can work on them at the same time; the sums over chunks have a fixed order. One
member walks through this loop, the others do the tasks that it offers (`team`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from ..compile.jit import Vector, elementwise, entry, kernel
from ..compile.memory import window
from ..formulas.shuffle import ORDER
from ..layers.dropout import NO_DROPOUT, block_key
from ..network.evaluate import absolute_weights, squared_weights
from ..network.problem import (
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
from ..network.rules import Rules
from ..threads.team import (
    LEFT,
    Member,
    Order,
    close_phase,
    next_phase,
    next_task,
    open_phase,
    read_order,
    set_active,
    share,
)
from .stopping import copy, watch
from .update import STEP_SWEEPS, plain_step, update

call_order = ORDER.call

# What a phase of the team asks for, beside the sweeps of a step: a block of every chunk.
PASS, VALIDATION = range(2)


@kernel
def start_epoch(data: Data, state: State, epoch: int) -> None:
    """Draw the order of the examples; keep the generator from before, if the caller wants it."""
    if data.order.size:
        if state.generators.size:
            place = (epoch % 2) * GENERATOR_WORDS
            copy(window(state.generators, place, GENERATOR_WORDS), state.generator)
        call_order(data.draw, data.order, state.generator)


@kernel
def keep_share(model: Model, state: State, epoch: int, chunk: int, chunks: int) -> None:
    """Keep the chunk's share of the parameters at the epoch's start, if the caller wants it."""
    if state.snapshots.size == 0:
        return
    size = model.parameters.size
    first, last = share(size, chunk, chunks)
    kept = window(state.snapshots, (epoch % 2) * size + first, last - first)
    copy(kept, window(model.parameters, first, last - first))


@kernel
def penalty(model: Model, rules: Rules) -> float:
    """(λ/2) Σ w² + λ₁ Σ |w|."""
    total = 0.0
    if rules.l2 > 0:
        total += 0.5 * rules.l2 * squared_weights(model.table, model.parameters)
    if rules.l1 > 0:
        total += rules.l1 * absolute_weights(model.table, model.parameters)
    return total


@kernel
def chunk_pass(
    model: Model,
    data: Data,
    state: State,
    settings: Settings,
    plain: bool,
    batch: int,
    step: int,
    turn: int,
    train: bool,
    chunk: int,
) -> None:
    """The next block of a chunk; Σ J goes to state.chunk_costs."""
    examples = min(data.batch_size, data.n - batch * data.batch_size)
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


@kernel
def plain_pass(
    model: Model, data: Data, state: State, settings: Settings, batch: int, turn: int
) -> None:
    """The next block of plain descent in one chunk."""
    chunk_pass(model, data, state, settings, True, batch, 0, turn, True, 0)


@kernel
def chunk_passes(
    model: Model,
    data: Data,
    state: State,
    settings: Settings,
    order: Order,
    member: Member,
    phase: int,
) -> None:
    """The next block of every chunk, each by the member that takes it.

    The leader opens a phase of this order; phase is what a helper found.
    """
    chunks, train = settings.chunks, order.kind == PASS
    if member.number == 0:
        phase = open_phase(member, order, chunks)
    chunk, done = next_task(member, phase, -1, chunks), 0
    while chunk < chunks:
        if train and order.batch == 0 and order.round == 0:
            keep_share(model, state, order.epoch, chunk, chunks)
        chunk_pass(
            model,
            data,
            state,
            settings,
            False,
            order.batch,
            order.step,
            order.round,
            train,
            chunk,
        )
        done += 1
        chunk = next_task(member, phase, chunk, chunks)
    close_phase(member, done)


def driver_loop(
    plain: bool,
    one_pass: Callable[..., None] = plain_pass,
    own_step: Callable[..., None] = plain_step,
) -> Callable[..., int]:
    """The driver's loop, as a whole or without all that a `plain` descent does not use.

    one_pass and own_step are what a plain descent does with a block and with a batch.

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
        board: Vector,
        member: int,
        members: int,
        budget: int,
    ) -> int:
        """Run up to `budget` rounds of blocks from where state stands; returns how many are left.

        That is member 0, which leads; the others do the tasks that it offers, till their team is
        disbanded. Writes model, data.order and state. J of an epoch is the cost of every example as
        its batch is reached, before that batch's step; the validation cost is taken after the
        epoch's last step.
        """
        position, numbers = state.position, state.numbers
        epoch, batch, turn = position[EPOCH], position[BATCH], position[ROUND]
        validating, status, count = position[VALIDATING], position[STATUS], position[STEP]
        cost, total, watched = numbers[COST], 0.0, 0.0
        rate, scale, examples = 0.0, 1.0, 0
        if status == RUNNING and member == 0:
            rate = state.rates[epoch] * numbers[RATE_FACTOR]
        if plain:  # constants: no team is left
            member, members = 0, 1
        team, phase = Member(board, member, members), 0
        if not plain and member == 0:
            set_active(board, members)
        while budget > 0 and (status == RUNNING or member > 0):
            if not plain and member > 0:
                phase = next_phase(team, phase)
                if phase == LEFT:
                    return budget
                order = read_order(team)
            else:
                if batch == 0 and turn == 0 and validating == 0:
                    start_epoch(data, state, epoch)
                    cost = 0.0
                    if not plain:
                        cost = penalty(model, settings.rules) * (data.n if settings.mean else 1)
                kind = VALIDATION if validating else PASS
                order = Order(kind, epoch, batch, turn, count, rate, scale)
            source = validation if not plain and order.kind == VALIDATION else data
            if plain:
                if batch == 0 and turn == 0:
                    keep_share(model, state, epoch, 0, 1)
                one_pass(model, source, state, settings, batch, turn)
            elif order.kind < STEP_SWEEPS:
                chunk_passes(model, source, state, settings, order, team, phase)
                if member > 0:
                    continue
            if plain or member == 0:
                budget -= 1
                turn += 1
                examples = min(source.batch_size, source.n - batch * source.batch_size)
                if turn < source.chunk_blocks and turn * settings.lanes < examples:
                    continue
                turn = 0
                total = 0.0
                for chunk in range(1 if plain else settings.chunks):
                    total += state.chunk_costs[chunk]
            if not plain and order.kind == VALIDATION:
                watched = total / source.n if settings.mean else total
                state.validation_costs[epoch] = watched
            else:
                if plain or member == 0:
                    cost += total
                    if not abs(cost) < math.inf:
                        status = DIVERGED
                        break
                    count += 1
                    scale = 1.0 / examples if settings.mean else 1.0
                if plain:
                    own_step(model, data, settings, batch, rate, scale)
                else:
                    if member == 0:
                        order = Order(STEP_SWEEPS, epoch, batch, 0, count, rate, scale)
                    update(model, data, state, settings, order, team, phase)
                    if member > 0:
                        continue
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
            state.costs[epoch] = mean_cost
            state.rates[epoch] = rate
            if not plain:
                status = watch(model, state, settings.rules, mean_cost, watched)
            epoch += 1
            if status == RUNNING and epoch == settings.epochs:
                status = FINISHED
            if status == RUNNING:
                rate = state.rates[epoch] * numbers[RATE_FACTOR]
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
        board: Vector,
        member: int,
        members: int,
        budget: int,
    ) -> None:
        """`budget` rounds, see `driver_loop`."""
        if plain:
            plain_rounds(model, data, validation, state, settings, board, member, members, budget)
        else:
            all_rounds(model, data, validation, state, settings, board, member, members, budget)

    return descend
