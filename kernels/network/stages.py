"""The pass of a batch in stages, for networks with layers that look at whole batches.

Each such layer cuts the table in two places. On the way forward a stage ends before it, with the
statistics of what it reads; once those of all blocks are there the next stage begins with its
outputs. On the way back a stage ends behind it, with sums of its δ, and the next begins with the δ
of what it reads. So a network with k such layers has 2 k + 1 stages; the one in the middle goes to
the end of the table, has the cost, and turns. Every block keeps its activations and deltas
meanwhile: a chunk is one block.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Doubles, Integers, kernel
from ..layers.operations import COLUMNS, DELTA_IN, STATISTICS, WHOLE
from ..layers.whole_batch import DELTAS, MOMENTS, OUTPUTS, SUMS, WHOLE_CONTRACT, WholeBatch
from .problem import Block
from .propagate import (
    activate,
    add_delta,
    backward_row,
    derive,
    forward_row,
    layer_at,
    output_costs,
    output_deltas,
    turn_inputs,
)

call_whole = WHOLE_CONTRACT.call


class Blocks(NamedTuple):
    """Which block of a batch is meant, and what all of them keep for it."""

    statistics: Doubles  # (blocks, numbers)
    block: int
    blocks: int


@kernel
def stage_count(table: Integers) -> int:
    """How many stages a batch has."""
    count = 1
    for first in range(0, table.size, COLUMNS):
        count += 2 if table[first + STATISTICS] else 0
    return count


@kernel
def statistics_size(table: Integers, last: int) -> int:
    """How many numbers the rows before table[last] keep of a block."""
    total = 0
    for first in range(0, last, COLUMNS):
        total += table[first + STATISTICS]
    return total


def statistics_of_block(table: Integers) -> int:
    """How many numbers all layers keep of a block."""
    return int(table.reshape(-1, COLUMNS)[:, STATISTICS].sum())


@kernel
def cut(table: Integers, number: int) -> int:
    """Where the row of the number-th layer that looks at batches begins, or the table's end."""
    seen = 0
    for first in range(0, table.size, COLUMNS):
        if table[first + STATISTICS]:
            if seen == number:
                return first
            seen += 1
    return table.size


@kernel
def stage_of_block(block: Block, blocks: Blocks, stage: int) -> float:
    """A stage of a block; returns Σ J of its examples in the stage that has the cost, else 0."""
    views = block.views
    turn = stage_count(views.table) // 2
    if stage <= turn:
        forward_stage(block, blocks, stage)
    total = 0.0
    if stage == turn:
        output_deltas(views, block.targets, block.weight)
        total = output_costs(views, block.targets, block.weight)
    if stage >= turn:
        backward_stage(block, blocks, 2 * turn - stage)
    return total


@kernel
def forward_stage(block: Block, blocks: Blocks, stage: int) -> None:
    """From the stage-th cut to the next one."""
    views = block.views
    table = views.table
    first, last = 0, cut(table, stage)
    if stage == 0:
        turn_inputs(views)
    else:
        first = cut(table, stage - 1)
        look(block, blocks, first, OUTPUTS)
        first += COLUMNS
    for place in range(first, last, COLUMNS):
        forward_row(views, place)
    if last < table.size:
        look(block, blocks, last, MOMENTS)


@kernel
def backward_stage(block: Block, blocks: Blocks, stage: int) -> None:
    """On the way back, from the stage-th cut to the one before it."""
    views = block.views
    table = views.table
    last = cut(table, stage)
    if last < table.size:
        look(block, blocks, last, DELTAS)
    first = cut(table, stage - 1) if stage > 0 else -COLUMNS
    for place in range(last - COLUMNS, first, -COLUMNS):
        backward_row(views, place)
    if stage > 0:
        look(block, blocks, first, SUMS)


@kernel
def look(block: Block, blocks: Blocks, first: int, task: int) -> None:
    """What a layer whose row begins at table[first] does with the whole batch."""
    views = block.views
    table = views.table
    layer = layer_at(views, first, task in (MOMENTS, OUTPUTS))
    if task == DELTAS and table[first + DELTA_IN] < 0:
        return
    own = statistics_size(table, first)
    numbers = statistics_size(table, table.size)
    batch = WholeBatch(
        task, blocks.statistics, numbers, own, blocks.block, blocks.blocks, block.weight
    )
    if task == SUMS:
        derive(layer)
    call_whole(table[first + WHOLE], layer, batch)
    if task == OUTPUTS:
        activate(layer)
    if task == DELTAS:
        add_delta(views, layer)
