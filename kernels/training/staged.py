"""The driver of networks with layers that look at whole batches: a batch's pass is several phases.

Every chunk is one block. The leader opens a phase for each stage of the pass (`network.stages`);
all blocks have made a stage before the next one begins. A batch is one round of the driver, so a
descent is never left between two stages.
"""

from __future__ import annotations

from typing import Any

from ..compile.jit import elementwise, kernel
from ..layers.dropout import NO_DROPOUT, block_key
from ..network.problem import (
    Data,
    Place,
    Problem,
    batch_examples,
    block_views,
    call_gather,
)
from ..network.stages import Blocks, stage_count, stage_of_block
from ..threads.team import Member, Order, close_phase, next_task, open_phase
from .descent import (
    ROUNDS_CONTRACT,
    VALIDATION,
    all_rounds,
    chunk_passes,
    driver_loop,
    keep_share,
    plain_rounds,
)


@kernel
def staged_passes(problem: Problem, source: Data, order: Order, member: Member, phase: int) -> None:
    """All stages of a batch of training, or the next block of every chunk of validation.

    A helper has a part in the stage of its order.
    """
    if order.kind == VALIDATION:
        chunk_passes(problem, source, order, member, phase)
        return
    chunks, stages, stage = problem.settings.chunks, stage_count(problem.model.table), order.round
    while stage < stages:
        if member.number == 0:
            order = Order(
                order.kind, order.epoch, order.batch, stage, order.step, order.rate, order.scale
            )
            phase = open_phase(member, order, chunks)
        chunk, done = next_task(member, phase, -1, chunks), 0
        while chunk < chunks:
            chunk_stage(problem, source, order, chunk)
            done += 1
            chunk = next_task(member, phase, chunk, chunks)
        close_phase(member, done)
        stage = stage + 1 if member.number == 0 else stages


@kernel
def chunk_stage(problem: Problem, source: Data, order: Order, chunk: int) -> None:
    """A stage of a chunk, which is one block; Σ J goes to state.chunk_costs."""
    model, state, settings = problem.model, problem.state, problem.settings
    if order.round == 0:
        state.chunk_costs[chunk] = 0.0
        if order.batch == 0:
            keep_share(model, state, order.epoch, chunk, settings.chunks)
    blocks = -(-batch_examples(source, order.batch) // settings.lanes)
    if chunk < blocks:
        place = Place(order.batch, chunk, chunk)
        if order.round == 0 and source.gather:
            call_gather(source.gather, model, source, settings, place)
        key = NO_DROPOUT
        if settings.dropout:
            key = block_key(settings.dropout_seed, order.step, chunk)
        block = block_views(model, source, settings, place, key, False)
        own = Blocks(model.statistics, chunk, blocks)
        state.chunk_costs[chunk] += stage_of_block(block, own, order.round)
    elif order.round == 0:
        size = model.parameters.size
        for k in range(chunk * size, (chunk + 1) * size):
            model.gradient[k] = 0


# By name, since an entry that holds it in a closure is not found in the cache again.
_staged_loop = driver_loop(False, passes=staged_passes)


@elementwise
def staged_rounds(problem: Problem, member: Member, budget: int) -> None:
    """`budget` rounds, see `descent.driver_loop`."""
    _staged_loop(problem, member, budget)


def rounds_address(plain: bool, staged: bool, dtype: Any) -> int:
    """Where the driver's loop lies: in stages, plain, or with everything."""
    loop = staged_rounds if staged else plain_rounds if plain else all_rounds
    return ROUNDS_CONTRACT.address(loop, dtype)
