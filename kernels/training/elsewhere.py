"""Descents whose sums over a batch are made elsewhere: the driver that takes them, and their pass.

The driver is that of all descents, without passes in training: before a round its caller has put
Σ J into state.chunk_costs and the gradient into model.gradient. A batch is one round.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..compile.jit import Vector, elementwise, entry, kernel
from ..layers.dropout import NO_DROPOUT, block_key
from ..network.problem import Data, Model, Place, Problem, Settings, block_pass
from ..threads.team import Member, Order
from .descent import ROUNDS_CONTRACT, VALIDATION, chunk_passes, driver_loop


@kernel
def validation_passes(
    problem: Problem, source: Data, order: Order, member: Member, phase: int
) -> None:
    """The next block of every chunk of validation; in training all is there already."""
    if order.kind == VALIDATION:
        chunk_passes(problem, source, order, member, phase)


# By name, since an entry that holds it in a closure is not found in the cache again.
_loop = driver_loop(False, passes=validation_passes)


@elementwise
def given_rounds(problem: Problem, member: Member, budget: int) -> None:
    """`budget` rounds, see `descent.driver_loop`."""
    _loop(problem, member, budget)


def given_rounds_address(dtype: Any) -> int:
    """Where this driver's loop lies, for `descent.descend`."""
    return ROUNDS_CONTRACT.address(given_rounds, dtype)


class Step(NamedTuple):
    """Which masks of dropout a share of a batch has."""

    step: int  # of the optimizer
    first_block: int  # of the share, in the batch


@entry
def add_share(model: Model, data: Data, settings: Settings, step: Step, cost: Vector) -> None:
    """Passes of a share of a batch, all the data: Σ J goes to cost[0], its gradient to model."""
    total = 0.0
    for block in range(data.batch_blocks):
        key = NO_DROPOUT
        if settings.dropout:
            key = block_key(settings.dropout_seed, step.step, step.first_block + block)
        place = Place(0, block, 0)
        total += block_pass(model, data, settings, place, key, True, block > 0)
    cost[0] = total
