"""Addresses in a table: for each layer, where the code that computes it lies in this process.

A table says what a network is and may be kept anywhere. A linked copy of it also says where the
compiled functions of its kinds of layer, activations and loss are; only what the network uses is
compiled. Addresses mean nothing in another process, so linked tables are made anew in each.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from ..compile.jit import Vector
from ..formulas import activations, losses
from ..formulas.activations import ACTIVATE, ACTIVATIONS, DERIVE
from ..formulas.losses import COST, COSTS, DELTA, LOSSES
from ..formulas.missed_steps import MAKE_UP_CONTRACT, MAKE_UPS
from ..formulas.optimizers import STEP_CONTRACT, STEPS
from ..formulas.shuffle import ORDER, draw_order
from ..layers.kinds import all_functions, kind_of, whole_functions
from ..layers.operations import (
    BY_ENTRIES,
    BY_PRODUCT,
    COLUMNS,
    DENSE,
    LAYER_CONTRACT,
    LAZY,
    ONE,
    Row,
    convolves,
    rows_of,
)
from ..layers.whole_batch import WHOLE_CONTRACT
from ..products.gemm import GEMM, gemm
from .blocks import PACK_CONTRACT, pack, pack_bytes
from .entry_sums import add_entry_products
from .in_step import PARTS_CONTRACT, PRODUCTS_CONTRACT, add_products, step_in_parts
from .lazy_rows import ROWS_CONTRACT, lazy_step
from .outputs import (
    OUTPUT_COST_CONTRACT,
    OUTPUT_DELTA_CONTRACT,
    cost_of_output,
    delta_of_output,
)
from .problem import GATHER_CONTRACT, gather_block

_STEPS = tuple(STEPS.values())


class Use(NamedTuple):
    """What a table is linked for."""

    dtype: Any
    single: bool = False  # blocks of one sample
    cost: bool = False  # J, not F alone
    train: bool = False  # deltas and gradients too
    optimizer: int | None = None  # code of the one that makes the steps
    images: bool = False  # inputs of uint8, as `blocks.memory_of` has them
    lanes: bool = False  # costs sample by sample, for networks side by side


def compile_all(dtype: Any) -> None:
    """Compile everything that a table may call, for networks of this dtype."""
    for contract, function in (
        *((LAYER_CONTRACT, function) for function in all_functions(dtype)),
        *((WHOLE_CONTRACT, function) for function in whole_functions()),
        (GEMM, gemm),
        (PRODUCTS_CONTRACT, add_products),
        (PRODUCTS_CONTRACT, add_entry_products),
        (PARTS_CONTRACT, step_in_parts),
        (GATHER_CONTRACT, gather_block),
        (OUTPUT_COST_CONTRACT, cost_of_output),
        (OUTPUT_DELTA_CONTRACT, delta_of_output),
        (ROWS_CONTRACT, lazy_step),
        (PACK_CONTRACT, pack),
        (PACK_CONTRACT, pack_bytes),
        (ORDER, draw_order),
        *((MAKE_UP_CONTRACT, make_up) for make_up in MAKE_UPS.values()),
        *((STEP_CONTRACT, step) for step in STEPS.values()),
        *((ACTIVATE, activations.forward(code)) for code in range(len(ACTIVATIONS))),
        *((DERIVE, activations.backward(code)) for code in range(len(ACTIVATIONS))),
        *((COST, losses.cost(code)) for code in range(len(LOSSES))),
        *((DELTA, losses.delta(code)) for code in range(len(LOSSES))),
        *((COSTS, losses.costs(code)) for code in range(len(LOSSES))),
    ):
        if function is not None:
            contract.address(function, dtype)


def linked(table: Vector, use: Use) -> Vector:
    """A copy of the table with the addresses of all that this use calls."""
    return _linked(table.tobytes(), use).copy()


@functools.lru_cache(maxsize=256)
def _linked(content: bytes, use: Use) -> Vector:
    """The linked table of this content; many descents are of one network."""
    table = np.frombuffer(content, np.int64).copy()
    pack_address = PACK_CONTRACT.address(pack, use.dtype)
    inputs_address = pack_address
    if use.images:
        inputs_address = PACK_CONTRACT.address(pack_bytes, use.dtype)
    rows, short = rows_of(table), convolves(table)
    for place, row in enumerate(rows):
        numbers = _linked_row(row, use, short)
        if place == 0:
            numbers = numbers._replace(pack=pack_address, pack_inputs=inputs_address)
            if use.optimizer is not None:
                address = STEP_CONTRACT.address(_STEPS[use.optimizer], use.dtype)
                numbers = numbers._replace(optimizer_step=address)
            elif any(other.in_step for other in rows):
                address = PARTS_CONTRACT.address(step_in_parts, use.dtype)
                numbers = numbers._replace(step_in_parts=address)
        table[place * COLUMNS : (place + 1) * COLUMNS] = numbers
    return table


def _linked_row(row: Row, use: Use, short: bool) -> Row:
    """The row with addresses; short says whether blocks are those of convolutions."""
    kind = kind_of(row, use.dtype, use.single, short)
    addresses: dict[str, int] = {}

    def call(column: str, contract: Any, function: Any) -> None:
        if function is not None:
            addresses[column] = contract.address(function, use.dtype)

    call("activate", ACTIVATE, activations.forward(row.activation))
    if use.train:
        call("derive", DERIVE, activations.backward(row.activation))
    call("forward", LAYER_CONTRACT, kind.forward)
    if use.train:
        call("delta", LAYER_CONTRACT, kind.delta)
        call("gradient", LAYER_CONTRACT, kind.gradient)
    if row.statistics and use.optimizer is not None:
        call("whole", WHOLE_CONTRACT, kind.whole)
    if row.kind == DENSE and row.wide:
        call("product", GEMM, gemm)
    if row.in_step == BY_PRODUCT:
        call("step_products", PRODUCTS_CONTRACT, add_products)
    if row.in_step == BY_ENTRIES:
        call("step_products", PRODUCTS_CONTRACT, add_entry_products)
    if row.in_step == LAZY:
        call("step_products", ROWS_CONTRACT, lazy_step)
    if use.cost and row.loss >= 0:
        call("cost", COST, losses.cost(row.loss))
        if use.train:
            call("cost_delta", DELTA, losses.delta(row.loss))
        if use.lanes:
            call("costs", COSTS, losses.costs(row.loss))
        if row.positions or row.loss_weight != ONE:
            call("output_cost", OUTPUT_COST_CONTRACT, cost_of_output)
            if use.train:
                call("output_delta", OUTPUT_DELTA_CONTRACT, delta_of_output)
    return row._replace(**addresses)
