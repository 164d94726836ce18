"""The driver: epochs, batches, blocks, steps and the stopping tests in one compiled call.

It returns to Python when its budget is spent and goes on from the same place when it is called
again: everything it knows is in arrays that the caller owns. So Ctrl-C, progress bars, callbacks
and checkpoints are ordinary Python between two calls, and change no bit of the result.

A batch is cut into chunks of blocks. Every chunk has scratch and a gradient of its own, so the
members of a team can work on them at the same time; the sums over chunks have a fixed order. One
member walks through this loop, the others do the tasks that it offers (`team`).
"""

from __future__ import annotations

from collections.abc import Callable

from ..compile.called import Contract
from ..compile.jit import elementwise, entry, kernel
from ..compile.memory import copy, window
from ..formulas.shuffle import ORDER
from ..layers.dropout import NO_DROPOUT, block_key
from ..network.evaluate import absolute_weights, squared_weights
from ..network.problem import (
    BATCH,
    COST,
    DIVERGED,
    EPOCH,
    GENERATOR_WORDS,
    ROUND,
    RUNNING,
    STATUS,
    STEP,
    VALIDATING,
    Data,
    DescentState,
    Model,
    Place,
    Problem,
    Settings,
    batch_examples,
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
from .stopping import watch
from .turns import (
    first_cost,
    is_finite,
    is_whole_epoch,
    mean_of,
    rate_of,
    scale_of,
    status_after,
)
from .update import STEP_SWEEPS, plain_step, update

call_order = ORDER.call

# What a phase of the team asks for, beside the sweeps of a step: a block of every chunk.
PASS, VALIDATION = range(2)


@elementwise  # in the order written
def draw_examples(data: Data, state: DescentState, epoch: int) -> None:
    """Draw the epoch's order of the examples; keeps the generator from before, if wanted."""
    if data.draw:
        if state.generators.size:
            place = (epoch % 2) * GENERATOR_WORDS
            copy(window(state.generators, place, GENERATOR_WORDS), state.generator)
        call_order(data.draw, data.order, state.generator)


@kernel
def keep_share(model: Model, state: DescentState, epoch: int, chunk: int, chunks: int) -> None:
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
def chunk_pass(problem: Problem, source: Data, order: Order, chunk: int) -> None:
    """The next block of a chunk of the source's examples; Σ J goes to state.chunk_costs."""
    model, state, settings = problem.model, problem.state, problem.settings
    block, train = chunk * source.chunk_blocks + order.round, order.kind == PASS
    if train and order.batch == 0 and order.round == 0:
        keep_share(model, state, order.epoch, chunk, settings.chunks)
    before = state.chunk_costs[chunk] if order.round > 0 else 0.0
    if block * settings.lanes < batch_examples(source, order.batch):
        key = NO_DROPOUT
        if train and settings.dropout:
            key = block_key(settings.dropout_seed, order.step, block)
        place = Place(order.batch, block, chunk)
        before += block_pass(model, source, settings, place, key, train, order.round > 0)
    elif train and order.round == 0:
        size = model.parameters.size
        gradient = window(model.gradient, chunk * size, size)
        for k in range(size):
            gradient[k] = 0
    state.chunk_costs[chunk] = before


@kernel
def plain_pass(problem: Problem, order: Order) -> None:
    """The next block of plain descent, where a batch is one chunk."""
    model, state, first = problem.model, problem.state, order.round == 0
    if order.batch == 0 and first:
        keep_share(model, state, order.epoch, 0, 1)
    before = 0.0 if first else state.chunk_costs[0]
    place = Place(order.batch, order.round, 0)
    cost = block_pass(model, problem.data, problem.settings, place, NO_DROPOUT, True, not first)
    state.chunk_costs[0] = before + cost


@kernel
def chunk_passes(problem: Problem, source: Data, order: Order, member: Member, phase: int) -> None:
    """The next block of every chunk, each by the member that takes it.

    The leader opens a phase of this order; phase is what a helper found.
    """
    chunks = problem.settings.chunks
    if member.number == 0:
        phase = open_phase(member, order, chunks)
    chunk, done = next_task(member, phase, -1, chunks), 0
    while chunk < chunks:
        chunk_pass(problem, source, order, chunk)
        done += 1
        chunk = next_task(member, phase, chunk, chunks)
    close_phase(member, done)


@kernel
def is_last_round(source: Data, settings: Settings, batch: int, following: int) -> bool:
    """Whether no chunk of the batch has a block of that number."""
    whole = following * settings.lanes >= batch_examples(source, batch)
    return following >= source.chunk_blocks or whole


@elementwise  # in the order written
def sum_of_chunks(state: DescentState, chunks: int) -> float:
    """Σ J of the batch, in the order of the chunks."""
    total = 0.0
    for chunk in range(chunks):
        total += state.chunk_costs[chunk]
    return total


def driver_loop(
    plain: bool,
    one_pass: Callable[..., None] = plain_pass,
    own_step: Callable[..., None] = plain_step,
    passes: Callable[..., None] = chunk_passes,
) -> Callable[..., int]:
    """The driver's loop, as a whole or without all that a `plain` descent does not use.

    one_pass and own_step are what a plain descent does with a block and with a batch, passes is
    what any other does with the next block of every chunk.

    Plain is plain gradient descent in one chunk, with nothing to penalise, to clip, to watch or
    to validate. Numba leaves out what stands behind `plain` before it looks at it: a fifth less
    to compile, and a tenth less time per epoch of the exercise.
    """

    @elementwise  # its own few sums stay in the order written
    def rounds(problem: Problem, member: Member, budget: int) -> int:
        """Run up to `budget` rounds of blocks from where state stands; returns how many are left.

        That is member 0, which leads; the others do the tasks that it offers, till their team is
        disbanded. Writes model, data.order and state. J of an epoch is the cost of every example as
        its batch is reached, before that batch's step; the validation cost is taken after the
        epoch's last step.
        """
        model, data, validation, state, settings = problem
        position, numbers = state.position, state.numbers
        epoch, batch, turn = position[EPOCH], position[BATCH], position[ROUND]
        validating, status, count = position[VALIDATING], position[STATUS], position[STEP]
        cost, watched, rate, phase = numbers[COST], 0.0, 0.0, 0
        if status == RUNNING and (plain or member.number == 0):
            rate = rate_of(state, epoch)
        if not plain and member.number == 0:
            set_active(member.board, member.members)
        while budget > 0 and (status == RUNNING or (not plain and member.number > 0)):
            # The next order: the leader gives it, the others read it.
            if not plain and member.number > 0:
                phase = next_phase(member, phase)
                if phase == LEFT:
                    return budget
                order = read_order(member)
            else:
                if batch == 0 and turn == 0 and validating == 0:
                    draw_examples(data, state, epoch)
                    cost = 0.0
                    if not plain:
                        cost = first_cost(penalty(model, settings.rules), data, settings)
                kind = VALIDATION if validating else PASS
                order = Order(kind, epoch, batch, turn, count, rate, 1.0)
            source = validation if not plain and order.kind == VALIDATION else data

            # Blocks of all chunks, till the batch has none left.
            if plain:
                one_pass(problem, order)
            elif order.kind < STEP_SWEEPS:
                passes(problem, source, order, member, phase)
                if member.number > 0:
                    continue
            if plain or member.number == 0:
                budget -= 1
                turn += 1
                if not is_last_round(source, settings, batch, turn):
                    continue
                turn = 0

            if not plain and order.kind == VALIDATION:
                watched = mean_of(sum_of_chunks(state, settings.chunks), source, settings)
                state.validation_costs[epoch] = watched
                validating = 0
            else:
                # The batch's cost, and its step.
                if plain or member.number == 0:
                    cost += sum_of_chunks(state, 1 if plain else settings.chunks)
                    if not is_finite(cost):
                        status = DIVERGED
                        break
                    count += 1
                    scale = scale_of(batch_examples(data, batch), settings)
                    order = Order(STEP_SWEEPS, epoch, batch, 0, count, rate, scale)
                if plain:
                    own_step(model, data, settings, order)
                else:
                    update(problem, order, member, phase)
                    if member.number > 0:
                        continue
                batch += 1
                if not is_whole_epoch(batch, data):
                    continue
                batch = 0
                watched = mean_of(cost, data, settings)
                if not plain and validation.n > 0:
                    validating = 1
                    continue

            # The epoch's end.
            state.costs[epoch] = mean_of(cost, data, settings)
            state.rates[epoch] = rate
            if not plain:
                status = watch(model, state, settings.rules, state.costs[epoch], watched)
            epoch += 1
            status = status_after(status, epoch, settings)
            if status == RUNNING:
                rate = rate_of(state, epoch)
        if status == DIVERGED:
            state.costs[epoch] = mean_of(cost, data, settings)
        numbers[COST] = cost
        position[EPOCH], position[BATCH], position[ROUND] = epoch, batch, turn
        position[VALIDATING], position[STATUS], position[STEP] = validating, status, count
        return budget

    return rounds


# How the loops are called by address: one network and populations share their code.
ROUNDS_CONTRACT = Contract(Problem, Member, int)
call_rounds = ROUNDS_CONTRACT.call
# By name, since an entry that holds them in a closure is not found in the cache again.
_plain_loop, _whole_loop = driver_loop(True), driver_loop(False)


@elementwise
def plain_rounds(problem: Problem, member: Member, budget: int) -> None:
    """`budget` rounds of plain descent, see `driver_loop`."""
    _plain_loop(problem, member, budget)


@elementwise
def all_rounds(problem: Problem, member: Member, budget: int) -> None:
    """The same with everything."""
    _whole_loop(problem, member, budget)


@entry
def descend(rounds: int, problem: Problem, member: Member, budget: int) -> None:
    """What Python calls for one network; rounds is the address of the loop that it needs."""
    call_rounds(rounds, problem, member, budget)
