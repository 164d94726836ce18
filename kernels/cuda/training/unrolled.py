"""The twin of `kernels.training.unrolled`: small networks, a thread each, their pass written out.

A network of seven parameters has nothing for a block of threads to share: with a block each,
1-2-1 on 60 examples spends most of its time at barriers and in loops of a few turns. Here
parameters, gradient and a few samples at a time lie in one thread's registers, and nothing is
exchanged. The pass is the same source as the processor's.

Members are neighbours in memory, as the threads are: arrays are (…, members).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ...compile.jit import Vector
from ...network.problem import DIVERGED, FINISHED, RUNNING
from ...training import unrolled
from ..compile.jit import ALL_REGISTERS, cuda, entry_with, kernel, twin, window

# So many samples of a network go through the pass side by side: a thread waits some 20 cycles for
# each of its divisions and exponentials. Chosen without a GPU.
COPIES = 4
_MOST_TERMS = 64

# The arguments of `descend`: those of `Members` and `Examples`.
_ARGUMENTS = "members, examples, budget"

# Drivers of this process, by their source.
compiled: dict[str, Any] = {}


class Members(NamedTuple):
    """Descents of one architecture; p is the number of parameters, m of members."""

    parameters: Vector  # (p, m)
    before: Vector  # (p, m): at the start of the epoch before
    epochs: Vector  # int64 (m,): how many have been run
    status: Vector  # int64 (m,)
    choice: Vector  # int64 (m,): row of rates
    rates: Vector  # float64 (choices, rate_width): of each epoch, the last for all after it
    rate_width: int
    kept_epochs: Vector  # int64 (points,): the epochs whose costs are kept
    costs: Vector  # float64 (points, m)
    until: int  # epochs of a whole descent


class Examples(NamedTuple):
    """The data that all members share, and how they weigh it; lanes beyond the n have weight 0."""

    inputs: Vector  # (d_1, lanes)
    targets: Vector  # (d_L, lanes)
    weights: Vector  # (rows, lanes)
    weight_row: Vector  # int64 (m,)
    lanes: int
    mean_of: int  # what J is divided by: n, or 1 for the sum


def copies_of(parameters: int) -> int:
    """Samples side by side: fewer where many parameters take the registers."""
    return max(1, min(COPIES, _MOST_TERMS // parameters))


def source(table: Vector, loss: int) -> str:
    """The pass of a network, what is done to all of its parameters, and its driver."""
    size = unrolled.parameters_of(table)

    def all_of(line: str) -> list[str]:
        return ["    " + line.format(k=k) for k in range(size)]

    return "\n".join(
        [
            unrolled.pass_source(table, loss, copies_of(size), careful=True),
            "@kernel",
            "def load(own, rows, member, members):",
            *all_of("own[{k}] = rows[{k} * members + member]"),
            "",
            "@kernel",
            "def store(rows, member, members, own):",
            *all_of("rows[{k} * members + member] = own[{k}]"),
            "",
            "@kernel",
            "def step(own, before, gradient, factor):",
            *all_of("before[{k}] = own[{k}]"),
            *all_of("own[{k}] += factor * gradient[{k}]"),
            "",
            "@kernel",
            "def is_finite(own):",
            "    return " + " + ".join(f"own[{k}] * 0" for k in range(size)) + " == 0",
            "",
            f"run = epochs_of_thread({size}, block_cost, load, store, step, is_finite)",
            "",
            "@entry",
            f"def descend({_ARGUMENTS}):",
            f"    run({_ARGUMENTS})",
            "",
        ]
    )


def epochs_of_thread(
    size: int,
    block_cost: Callable[..., Any],
    load: Callable[..., None],
    store: Callable[..., None],
    step: Callable[..., None],
    is_finite: Callable[..., bool],
) -> Callable[[Members, Examples, int], None]:
    """What a thread does, for networks of so many parameters with these kernels of their own."""

    @kernel
    def run(members: Members, examples: Examples, budget: int) -> None:
        count, member = members.epochs.size, cuda.grid(1)
        if member >= count or members.status[member] != RUNNING:
            return
        dtype, lanes = members.parameters.dtype, examples.lanes
        own, before = cuda.local.array(size, dtype), cuda.local.array(size, dtype)
        gradient = cuda.local.array(size, dtype)
        load(own, members.parameters, member, count)
        load(before, members.before, member, count)
        weights = window(examples.weights, examples.weight_row[member] * lanes, lanes)
        rates = window(
            members.rates, members.choice[member] * members.rate_width, members.rate_width
        )
        epoch, last = members.epochs[member], min(members.epochs[member] + budget, members.until)
        kept = first_kept(members.kept_epochs, epoch)
        status = RUNNING
        while epoch < last and status == RUNNING:
            cost = float(
                block_cost(own, gradient, examples.inputs, examples.targets, weights, lanes, False)
            )
            if not abs(cost) < math.inf:
                status = DIVERGED
                break
            if kept < members.kept_epochs.size and members.kept_epochs[kept] == epoch:
                members.costs[kept * count + member] = cost / examples.mean_of
                kept += 1
            rate = rates[min(epoch, members.rate_width - 1)]
            step(own, before, gradient, dtype.type(-(rate / examples.mean_of)))
            epoch += 1
            if epoch == members.until:
                status = FINISHED if is_finite(own) else DIVERGED
        if status == DIVERGED and epoch > 0:
            store(members.parameters, member, count, before)
        else:
            store(members.parameters, member, count, own)
        store(members.before, member, count, before)
        members.epochs[member], members.status[member] = epoch, status

    return run


@kernel
def first_kept(kept_epochs: Vector, epoch: int) -> int:
    """Place of the first epoch from this one on whose cost is kept."""
    place = 0
    while place < kept_epochs.size and kept_epochs[place] < epoch:
        place += 1
    return place


def driver(table: Vector, loss: int) -> Any:
    """The entry for networks of the table: descend(members, examples, budget).

    A thread runs up to `budget` epochs of its member, from where that stands. Where a cost or a
    parameter at the end is not finite the parameters are those of the epoch before.
    """
    text = source(table, loss)
    if text not in compiled:
        names = {
            name: twin(value) for name, value in unrolled.formulas().items() if f"{name}(" in text
        }
        compiled[text] = unrolled.descend_of(
            text,
            {
                **names,
                "__name__": __name__,
                "kernel": kernel,
                "entry": entry_with(ALL_REGISTERS),
                "window": window,
                "epochs_of_thread": epochs_of_thread,
            },
        )
    return compiled[text]
