"""Sixteen small networks at once, each in a vector lane: plain descents on all the data.

A lane whose member has ended gets the next one, so members that end early cost nothing. Lanes do
not touch one another: a member has the same bits whoever is beside it and wherever it sits, and
those of the network alone but for the order in which its sums were rounded.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compile.jit import Vector, elementwise, entry
from ..compile.memory import window
from ..compile.vectors import LANES, load_lanes, multiply_add, spread, store_lanes
from ..formulas import activations as activation
from ..formulas import losses
from ..layers.operations import (
    ACTIVATE,
    COLUMNS,
    COST_DELTA,
    COSTS,
    D_IN,
    D_OUT,
    DENSE,
    DERIVE,
    OUTPUT,
    PARAMETERS,
    SIZE,
    WORKSPACE,
)
from ..network.problem import DIVERGED, FINISHED, RUNNING
from ..threads.atomic import atomic_add, atomic_load
from . import dense
from .members import EPOCHS_RUN, NEXT, STOP, Members

call_activate, call_derive = activation.ACTIVATE.call, activation.DERIVE.call
call_cost_delta, call_costs = losses.DELTA.call, losses.COSTS.call
# The kinds of layer that lanes compute.
KINDS = (DENSE,)


class Lanes(NamedTuple):
    """A thread's scratch: sixteen networks and who they are."""

    table: Vector
    parameters: Vector  # (n_parameters, LANES)
    before: Vector  # the same at the start of the epoch before
    gradient: Vector  # (n_parameters, LANES)
    activations: Vector  # (units, samples, LANES)
    deltas: Vector  # (units, samples, LANES)
    inputs: Vector  # block by block (d_1, samples)
    targets: Vector  # block by block (d_L, samples, LANES)
    weights: Vector  # (n, LANES)
    values: Vector  # (samples, LANES): costs of one block
    costs: Vector  # (LANES,): Σ v J of the epoch
    steps: Vector  # (LANES,): α times the factor of the mean
    member: Vector  # int64 (LANES,), −1: nobody
    epoch: Vector  # int64 (LANES,)
    kept: Vector  # int64 (LANES,): how many costs of the trace are written
    n: int
    samples: int  # of a block
    mean: bool


@elementwise
def forward(scratch: Lanes, inputs: Vector, samples: int) -> None:
    """All layers in order, see `propagate.forward`."""
    size, table = samples * LANES, scratch.table
    a_in = inputs
    for first in range(0, table.size, COLUMNS):
        row = window(table, first, COLUMNS)
        a_out = window(scratch.activations, row[OUTPUT] * size, row[D_OUT] * size)
        parameters = window(scratch.parameters, row[PARAMETERS] * LANES, row[SIZE] * LANES)
        if first == 0:
            dense.forward(a_out, parameters, dense.Units(a_in, samples, True), row)
        else:
            dense.forward(a_out, parameters, dense.Units(a_in, samples, False), row)
        workspace = window(scratch.activations, row[WORKSPACE] * size, row[D_OUT] * size)
        if row[ACTIVATE]:
            call_activate(row[ACTIVATE], a_out, workspace, size)
        a_in = a_out


@elementwise
def backward(scratch: Lanes, inputs: Vector, samples: int) -> None:
    """All layers from the last to the first, see `propagate.backward`; gradients are added to."""
    size, table = samples * LANES, scratch.table
    for first in range(table.size - COLUMNS, -1, -COLUMNS):
        row = window(table, first, COLUMNS)
        kept = window(scratch.activations, row[WORKSPACE] * size, row[D_OUT] * size)
        delta_out = window(scratch.deltas, row[OUTPUT] * size, row[D_OUT] * size)
        if row[DERIVE]:
            call_derive(row[DERIVE], delta_out, kept)
        gradient = window(scratch.gradient, row[PARAMETERS] * LANES, row[SIZE] * LANES)
        if first == 0:
            dense.gradient(gradient, delta_out, dense.Units(inputs, samples, True), row)
        else:
            before = table[first - COLUMNS + OUTPUT] * size
            a_in = window(scratch.activations, before, row[D_IN] * size)
            dense.gradient(gradient, delta_out, dense.Units(a_in, samples, False), row)
            parameters = window(scratch.parameters, row[PARAMETERS] * LANES, row[SIZE] * LANES)
            delta_in = window(scratch.deltas, before, row[D_IN] * size)
            dense.delta(delta_in, parameters, dense.Units(delta_out, samples, False), row)


@elementwise
def cost_and_gradient(scratch: Lanes) -> None:
    """Σ v J and its gradient of every lane, over all the data."""
    table = scratch.table
    d_in, d_out = table[D_IN], table[table.size - COLUMNS + D_OUT]
    last = table[table.size - COLUMNS + OUTPUT]
    zero = spread(scratch.parameters.dtype.type(0))
    for k in range(0, scratch.gradient.size, LANES):
        store_lanes(scratch.gradient, k, zero)
    store_lanes(scratch.costs, 0, zero)
    for start in range(0, scratch.n, scratch.samples):
        samples = min(scratch.samples, scratch.n - start)
        size = samples * LANES
        inputs = window(scratch.inputs, start * d_in, samples * d_in)
        targets = window(scratch.targets, start * d_out * LANES, d_out * size)
        weights = window(scratch.weights, start * LANES, size)
        forward(scratch, inputs, samples)
        a = window(scratch.activations, last * size, d_out * size)
        add_costs(scratch, a, targets, weights)
        delta_out = window(scratch.deltas, last * size, d_out * size)
        call_cost_delta(table[table.size - COLUMNS + COST_DELTA], delta_out, a, targets, weights)
        backward(scratch, inputs, samples)


@elementwise
def add_costs(scratch: Lanes, a: Vector, targets: Vector, weights: Vector) -> None:
    """scratch.costs += Σ_s v_s Σ_j J(a_js, y_js) of every lane."""
    size = weights.size
    values = window(scratch.values, 0, size)
    address = scratch.table[scratch.table.size - COLUMNS + COSTS]
    for first in range(0, a.size, size):
        call_costs(address, values, window(a, first, size), window(targets, first, size), weights)
        total = dense.lane_sum(values, load_lanes(scratch.costs, 0))
        store_lanes(scratch.costs, 0, total)


@elementwise
def step(scratch: Lanes) -> None:
    """w ← w − α g in every lane; what w was is kept."""
    steps = load_lanes(scratch.steps, 0)
    for k in range(0, scratch.parameters.size, LANES):
        w = load_lanes(scratch.parameters, k)
        store_lanes(scratch.before, k, w)
        store_lanes(scratch.parameters, k, multiply_add(steps, load_lanes(scratch.gradient, k), w))


@elementwise
def enter(scratch: Lanes, members: Members, lane: int, member: int) -> None:
    """Give the lane to a member, at its start or where it paused."""
    scratch.member[lane] = member
    scratch.epoch[lane] = members.epochs[member]
    kept = 0
    while kept < members.kept_epochs.size and members.kept_epochs[kept] < scratch.epoch[lane]:
        kept += 1
    scratch.kept[lane] = kept
    first = member * members.stride
    for k in range(scratch.parameters.size // LANES):
        scratch.parameters[k * LANES + lane] = members.parameters[first + k]
        scratch.before[k * LANES + lane] = members.parameters[first + k]
    set_step(scratch, members, lane)
    if members.example_weights.size:
        first = members.weight_row[member] * scratch.n
        for s in range(scratch.n):
            scratch.weights[s * LANES + lane] = members.example_weights[first + s]


@elementwise
def set_step(scratch: Lanes, members: Members, lane: int) -> None:
    """−α of the lane's epoch, as it multiplies the sum of the gradients."""
    width = members.rate_width
    place = members.choice[scratch.member[lane]] * width + min(scratch.epoch[lane], width - 1)
    scale = 1.0 / scratch.n if scratch.mean else 1.0
    scratch.steps[lane] = -(members.rates[place] * scale)


@elementwise
def leave(scratch: Lanes, members: Members, lane: int, parameters: Vector, status: int) -> None:
    """Write what is kept of the lane's member and free the lane."""
    member = scratch.member[lane]
    first = member * members.stride
    for k in range(parameters.size // LANES):
        members.parameters[first + k] = parameters[k * LANES + lane]
    members.epochs[member] = scratch.epoch[lane]
    members.status[member] = status
    scratch.member[lane] = -1
    # An empty lane stands still.
    scratch.steps[lane] = 0
    for k in range(parameters.size // LANES):
        scratch.parameters[k * LANES + lane] = 0


@elementwise
def judge(scratch: Lanes, members: Members, lane: int) -> int:
    """Note the cost of the lane's epoch; 0 if the member has diverged, else 1."""
    member = scratch.member[lane]
    cost = float(scratch.costs[lane])
    if not abs(cost) < math.inf:
        leave(
            scratch,
            members,
            lane,
            scratch.before if scratch.epoch[lane] else scratch.parameters,
            DIVERGED,
        )
        return 0
    kept, points = scratch.kept[lane], members.kept_epochs.size
    if kept < points and members.kept_epochs[kept] == scratch.epoch[lane]:
        members.costs[member * points + kept] = cost / scratch.n if scratch.mean else cost
        scratch.kept[lane] = kept + 1
    return 1


@elementwise
def is_finite(parameters: Vector, lane: int) -> bool:
    """Whether the lane's parameters are."""
    bad = 0
    for k in range(lane, parameters.size, LANES):
        bad += 0 if abs(parameters[k]) < math.inf else 1
    return bad == 0


@entry
def descend_lanes(members: Members, scratch: Lanes, control: Vector, until: int) -> None:
    """Take members and run each to epoch `until`, till all are taken or control says to stop.

    Writes the rows of members and counts their epochs in control; all else is the thread's own.
    """
    waiting = True
    while True:
        active = 0
        stop = atomic_load(control, STOP) != 0
        for lane in range(LANES):
            if scratch.member[lane] < 0 and waiting and not stop:
                place = atomic_add(control, NEXT, 1)
                waiting = place < members.jobs.size
                if waiting:
                    enter(scratch, members, lane, members.jobs[place])
            if scratch.member[lane] >= 0 and stop:
                leave(scratch, members, lane, scratch.parameters, RUNNING)
            active += 1 if scratch.member[lane] >= 0 else 0
        if active == 0:
            return
        cost_and_gradient(scratch)
        counted = 0
        for lane in range(LANES):
            if scratch.member[lane] >= 0:
                counted += judge(scratch, members, lane)
        step(scratch)
        atomic_add(control, EPOCHS_RUN, counted)
        for lane in range(LANES):
            if scratch.member[lane] < 0:
                continue
            scratch.epoch[lane] += 1
            if scratch.epoch[lane] < until:
                if members.rate_width > 1:
                    set_step(scratch, members, lane)
            elif is_finite(scratch.parameters, lane):
                leave(scratch, members, lane, scratch.parameters, FINISHED)
            else:
                leave(scratch, members, lane, scratch.before, DIVERGED)
