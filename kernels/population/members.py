"""Many networks: each thread runs one member after another, every one to its end.

A member's descent is the driver's own loop in the thread's scratch, so it has the very bits of the
network trained alone. What is kept of a member are its parameters, a thinned trace of its costs and
a few numbers. Threads share nothing but a counter that hands out members, and a flag to stop.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compile.jit import Vector, elementwise, entry, kernel
from ..compile.memory import copy, window
from ..layers.dropout import NO_DROPOUT
from ..layers.operations import OUTPUTS
from ..network.problem import (
    BATCH,
    BEST,
    DIVERGED,
    EPOCH,
    GENERATOR_WORDS,
    PATIENCE_BEST,
    PLATEAU_BEST,
    RATE_FACTOR,
    ROUND,
    RUNNING,
    STATUS,
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
from ..network.rules import RULES, rules_of
from ..threads.atomic import atomic_add, atomic_load
from ..threads.team import Member
from ..training.descent import call_rounds

# Places in the int64 array that all threads share, each on a cache line of its own: the next
# member to begin, whether to stop, and how many epochs have been run.
NEXT, STOP, EPOCHS_RUN = 0, 8, 16
CONTROL_SIZE = 24


class Members(NamedTuple):
    """A group of members with one table, and what belongs to each of them.

    All arrays but the first five have a row for every member of the population; those that a
    population does not need are empty.
    """

    jobs: Vector  # int64: the members of the group, in the order in which they begin
    choices: Vector  # float64 (choices, RULES): the rules of each
    rates: Vector  # float64 (choices, rate_width): of each epoch, the last for all after it
    rate_width: int
    example_weights: Vector  # (rows, examples)
    choice: Vector  # int64 (n,): row of choices and of rates
    weight_row: Vector  # int64 (n,): row of example_weights
    parameters: Vector  # (n, stride)
    stride: int
    generators: Vector  # uint64 (n, 4): of the order of mini-batches
    dropout_seeds: Vector  # int64 (n,)
    kept_epochs: Vector  # int64 (points,): the epochs whose costs are kept
    costs: Vector  # float64 (n, points)
    validation_costs: Vector  # float64 (n, points)
    validation_cost: Vector  # float64 (n,): the lowest
    best_epoch: Vector  # int64 (n,): where it was
    epochs: Vector  # int64 (n,): how many were run
    status: Vector  # int64 (n,)
    # Only where members go on after a pause:
    positions: Vector  # int64 (n, POSITION_SIZE)
    numbers: Vector  # float64 (n, NUMBERS_SIZE)
    first: Vector  # (n, stride)
    second: Vector  # (n, stride)
    best: Vector  # (n, stride)


@kernel
def load(target: Vector, rows: Vector, member: int, stride: int) -> None:
    """target ← the beginning of the member's row of `stride` elements."""
    copy(target, window(rows, member * stride, target.size))


@kernel
def store(rows: Vector, member: int, stride: int, values: Vector) -> None:
    """The beginning of the member's row of `stride` elements ← values."""
    copy(window(rows, member * stride, values.size), values)


@kernel
def member_settings(
    settings: Settings, members: Members, member: int, lanes: int, until: int
) -> Settings:
    """The group's settings with the member's own numbers; the descent ends at epoch `until`.

    lanes are those of a block of the member's examples.
    """
    seed = 0
    if settings.dropout:
        seed = members.dropout_seeds[member]
    choice = window(members.choices, members.choice[member] * RULES, RULES)
    return Settings(
        epochs=until,
        lanes=lanes,
        units=settings.units,
        chunks=settings.chunks,
        loss=settings.loss,
        mean=settings.mean,
        optimizer=settings.optimizer,
        optimizer_settings=settings.optimizer_settings,
        rules=rules_of(choice),
        dropout=settings.dropout,
        dropout_seed=seed,
    )


@kernel
def set_weights(model: Model, data: Data, lanes: int, weights: Vector) -> None:
    """Example weights (n,) of the data, in the packed targets or as the rows that are gathered."""
    if data.order.size:
        copy(data.weights, weights)
        return
    d_out = model.table[OUTPUTS]
    place = d_out * lanes
    for first in range(0, data.n, data.batch_size):
        end = min(first + data.batch_size, data.n)
        for start in range(first, end, lanes):
            count = min(lanes, end - start)
            row = window(data.targets, place, count)
            copy(row, window(weights, start, count))
            place += (d_out + 1) * lanes


@kernel
def fill_rates(state: DescentState, members: Members, member: int) -> None:
    """The schedule of the member's learning rate."""
    first = members.choice[member] * members.rate_width
    for epoch in range(state.rates.size):
        state.rates[epoch] = members.rates[first + min(epoch, members.rate_width - 1)]


@kernel
def begin(
    members: Members, member: int, model: Model, data: Data, state: DescentState, lanes: int
) -> None:
    """Bring the member into the thread's scratch: at its start, or where it paused."""
    position, numbers = state.position, state.numbers
    load(model.parameters, members.parameters, member, members.stride)
    fill_rates(state, members, member)
    if members.generators.size:
        load(state.generator, members.generators, member, state.generator.size)
    if members.example_weights.size:
        row = members.weight_row[member]
        set_weights(model, data, lanes, window(members.example_weights, row * data.n, data.n))
    if members.epochs[member]:
        load(position, members.positions, member, position.size)
        load(numbers, members.numbers, member, numbers.size)
        load(state.first, members.first, member, members.stride)
        load(state.second, members.second, member, members.stride)
        load(state.best, members.best, member, members.stride)
        position[STATUS] = RUNNING
        return
    for k in range(position.size):
        position[k] = 0
    for k in range(numbers.size):
        numbers[k] = 0
    numbers[BEST] = numbers[PATIENCE_BEST] = numbers[PLATEAU_BEST] = math.inf
    numbers[RATE_FACTOR] = 1
    for k in range(state.first.size):
        state.first[k] = 0
    for k in range(state.second.size):
        state.second[k] = 0
    copy(state.best, model.parameters)


@kernel
def leave_at_an_epoch(model: Model, data: Data, state: DescentState) -> None:
    """Parameters and generator of an epoch's end: of the last counted, or before a bad cost."""
    position, size = state.position, model.parameters.size
    epoch, batch = position[EPOCH], position[BATCH]
    inside = batch > 0 or position[ROUND] > 0 or position[VALIDATING] > 0
    bad = 0
    for k in range(size):
        bad += 0 if abs(model.parameters[k]) < math.inf else 1
    if bad:
        position[STATUS] = DIVERGED
    kept = epoch
    if position[STATUS] == DIVERGED and batch == 0 and epoch > 0:
        # The cost of an epoch's first batch belongs to the parameters of that epoch's start.
        kept = epoch - 1
    if inside or position[STATUS] == DIVERGED:
        copy(model.parameters, window(state.snapshots, (kept % 2) * size, size))
        if data.order.size:
            place = (kept % 2) * GENERATOR_WORDS
            copy(state.generator, window(state.generators, place, GENERATOR_WORDS))


@kernel
def keep_trace(members: Members, member: int, state: DescentState, since: int) -> None:
    """The costs of the epochs from `since` on that are to be kept, and the best epoch."""
    points, epochs = members.kept_epochs.size, state.position[EPOCH]
    costs = window(members.costs, member * points, points)
    for k in range(points):
        epoch = members.kept_epochs[k]
        if since <= epoch < epochs:
            costs[k] = state.costs[epoch]
            if state.validation_costs.size:
                members.validation_costs[member * points + k] = state.validation_costs[epoch]
    for epoch in range(since, epochs if state.validation_costs.size else since):
        if state.validation_costs[epoch] < members.validation_cost[member]:
            members.validation_cost[member] = state.validation_costs[epoch]
            members.best_epoch[member] = epoch


@kernel
def finish(members: Members, member: int, model: Model, data: Data, state: DescentState) -> None:
    """Write what is kept of the member; with validation its parameters become the best.

    Where members can pause, both are kept, as it goes on from the last ones.
    """
    position, since = state.position, members.epochs[member]
    leave_at_an_epoch(model, data, state)
    keep_trace(members, member, state, since)
    store(members.parameters, member, members.stride, model.parameters)
    if members.positions.size:
        store(members.positions, member, position.size, position)
        store(members.numbers, member, state.numbers.size, state.numbers)
        store(members.first, member, members.stride, state.first)
        store(members.second, member, members.stride, state.second)
        store(members.best, member, members.stride, state.best)
    elif state.best.size and position[EPOCH] and position[STATUS] != DIVERGED:
        store(members.parameters, member, members.stride, state.best)
    if members.generators.size:
        store(members.generators, member, state.generator.size, state.generator)
    members.epochs[member] = position[EPOCH]
    members.status[member] = position[STATUS]


@kernel
def run_member(own: Problem, rounds: int, control: Vector, since: int, budget: int) -> None:
    """Run one member until it ends, or control says to stop; its epochs are counted there.

    rounds is the address of the driver's loop. The flag is looked at every `budget` rounds.
    """
    state = own.state
    alone = Member(window(own.model.table, 0, 0), 0, 1)  # a team of one needs no board
    counted = since
    while state.position[STATUS] == RUNNING and atomic_load(control, STOP) == 0:
        call_rounds(rounds, own, alone, budget)
        atomic_add(control, EPOCHS_RUN, state.position[EPOCH] - counted)
        counted = state.position[EPOCH]


@entry
def descend_members(
    rounds: int, members: Members, problem: Problem, control: Vector, until: int, budget: int
) -> None:
    """Take members and run each to epoch `until`, till all are taken or control says to stop.

    rounds is the address of the driver's loop (`staged.rounds_address`); the problem is the
    thread's own. Writes the rows of members and counts their epochs in control.
    """
    model, data = problem.model, problem.data
    state, settings = problem.state, problem.settings
    while atomic_load(control, STOP) == 0:
        place = atomic_add(control, NEXT, 1)
        if place >= members.jobs.size:
            return
        member = members.jobs[place]
        since = members.epochs[member]
        begin(members, member, model, data, state, settings.lanes)
        own_settings = member_settings(settings, members, member, settings.lanes, until)
        own = Problem(model, data, problem.validation, state, own_settings)
        run_member(own, rounds, control, since, budget)
        finish(members, member, model, data, state)


@elementwise
def data_cost(model: Model, data: Data, settings: Settings) -> float:
    """Σ_i v_i J_i over the data, without penalties."""
    for k in range(data.order.size):
        data.order[k] = k
    total = 0.0
    for batch in range(-(-data.n // data.batch_size)):
        examples = batch_examples(data, batch)
        for block in range(-(-examples // settings.lanes)):
            place = Place(batch, block, 0)
            total += block_pass(model, data, settings, place, NO_DROPOUT, False, False)
    return total


class Costs(NamedTuple):
    """Where the costs of all members go."""

    cost: Vector  # float64 (n,)
    held_out_cost: Vector  # float64 (n,), or empty
    held_out: Vector  # weights of the examples held out, (rows, examples), or empty


@entry
def member_costs(costs: Costs, members: Members, problem: Problem, control: Vector) -> None:
    """cost[member] ← Σ v J at the member's parameters, for all members of the group.

    The same for held_out_cost with the weights of the examples held out, where there are any. Both
    are divided by the number of examples if settings say so.
    """
    model, data, settings = problem.model, problem.data, problem.settings
    own_weights, held_out = members.example_weights, costs.held_out
    while True:
        place = atomic_add(control, NEXT, 1)
        if place >= members.jobs.size:
            return
        member = members.jobs[place]
        load(model.parameters, members.parameters, member, members.stride)
        for part in range(2 if held_out.size else 1):
            weights = held_out if part == 1 else own_weights
            if weights.size:
                first = members.weight_row[member] * data.n
                set_weights(model, data, settings.lanes, window(weights, first, data.n))
            total = data_cost(model, data, settings)
            out = costs.held_out_cost if part == 1 else costs.cost
            out[member] = total / data.n if settings.mean else total
