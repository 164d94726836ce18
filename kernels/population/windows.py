"""Many networks, each with rows of its own: a member reads a window of the examples.

The examples are sorted, so that the rows of a member lie side by side, and windows have different
sizes. The cut of a window into batches, chunks and blocks is that of a network which is trained on
these rows alone, and so are the bits. One call takes members whose cuts have the same number of
chunks; lanes of a block and sizes of a batch are a window's own. A thread's buffers are those of
the largest window, and each member packs its rows into them.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Integers, Vector, entry, kernel
from ..compile.memory import window
from ..layers.operations import EXAMPLE, OUTPUTS, PACK, PACK_INPUTS, SAMPLE_MAJOR
from ..network.blocks import Packed, Rows, pack_blocks
from ..network.problem import Data, Problem
from ..threads.atomic import atomic_add, atomic_load
from .members import (
    NEXT,
    STOP,
    Members,
    begin,
    data_cost,
    finish,
    load,
    member_settings,
    run_member,
)


class Windows(NamedTuple):
    """Sorted examples, and which of them belong to a window."""

    inputs: Vector  # (examples, d_1)
    targets: Vector  # (examples, d_L)
    weights: Vector  # (examples,), or empty: all 1
    first: Integers  # (windows,): the first row of each
    rows: Integers  # (windows,): how many rows it has
    batch_size: Integers  # (windows,)


class Cut(NamedTuple):
    """The windows of a population's members."""

    train: Windows
    validation: Windows  # of no windows where nothing is held out
    lanes: Integers  # (windows,): of a block
    of_member: Integers  # (members,): its window


@kernel
def window_data(problem: Problem, scratch: Data, windows: Windows, number: int, lanes: int) -> Data:
    """A window's examples as a descent reads them.

    They stay rows where they are shuffled, and are packed into the buffers of `scratch` elsewhere.
    """
    table = problem.model.table
    d_in, d_out = table[EXAMPLE], table[OUTPUTS]
    first, n, batch_size = windows.first[number], windows.rows[number], windows.batch_size[number]
    inputs = window(windows.inputs, first * d_in, n * d_in)
    targets = window(windows.targets, first * d_out, n * d_out)
    own = n if windows.weights.size else 0
    weights = window(windows.weights, first if own else 0, own)
    order = window(scratch.order, 0, n if scratch.order.size else 0)
    if order.size == 0:
        x = Rows(inputs, order, d_in, table[PACK_INPUTS])
        y = Rows(targets, order, d_out, table[PACK])
        pack_blocks(Packed(scratch.inputs, scratch.targets, lanes, batch_size), x, y, weights)
        targets = window(scratch.targets, 0, scratch.targets.size)
        if table[SAMPLE_MAJOR] == 0:
            inputs = window(scratch.inputs, 0, scratch.inputs.size)
    blocks = -(-batch_size // lanes)
    return Data(
        inputs=inputs,
        targets=targets,
        weights=weights,
        order=order,
        n=n,
        batch_size=batch_size,
        batch_blocks=blocks,
        chunk_blocks=-(-blocks // problem.settings.chunks),
        draw=scratch.draw,
        first=0,
        gather=scratch.gather,
    )


@entry
def descend_windows(
    rounds: int,
    members: Members,
    cut: Cut,
    problem: Problem,
    control: Vector,
    until: int,
    budget: int,
) -> None:
    """Take members and run each to epoch `until`, till all are taken or control says to stop.

    As `members.descend_members`, on each member's own window.
    """
    model, state = problem.model, problem.state
    while atomic_load(control, STOP) == 0:
        place = atomic_add(control, NEXT, 1)
        if place >= members.jobs.size:
            return
        member = members.jobs[place]
        number = cut.of_member[member]
        lanes = cut.lanes[number]
        data = window_data(problem, problem.data, cut.train, number, lanes)
        validation = problem.validation
        if cut.validation.rows.size:
            validation = window_data(problem, validation, cut.validation, number, lanes)
        since = members.epochs[member]
        begin(members, member, model, data, state, lanes)
        settings = member_settings(problem.settings, members, member, lanes, until)
        own = Problem(model, data, validation, state, settings)
        run_member(own, rounds, control, since, budget)
        finish(members, member, model, data, state)


@entry
def window_costs(
    cost: Vector, members: Members, cut: Cut, problem: Problem, control: Vector
) -> None:
    """cost[member] ← Σ v J over the member's window, for all members of the group.

    Divided by the number of the window's examples if settings say so. All blocks have the lanes of
    the problem's settings, and every window is one batch.
    """
    model, settings = problem.model, problem.settings
    while True:
        place = atomic_add(control, NEXT, 1)
        if place >= members.jobs.size:
            return
        member = members.jobs[place]
        load(model.parameters, members.parameters, member, members.stride)
        number = cut.of_member[member]
        data = window_data(problem, problem.data, cut.train, number, settings.lanes)
        total = data_cost(model, data, settings)
        cost[member] = total / data.n if settings.mean else total
