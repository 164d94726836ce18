"""Outputs whose loss is more than one call: they have a factor, or a loss at each position.

Networks with one output and one loss, most of them, never compile these; the others call them at
the addresses of their rows.
"""

from __future__ import annotations

from ..compile.called import Contract
from ..compile.jit import Integers, Vector, kernel
from ..compile.memory import part
from ..formulas import losses
from ..layers.joins import scaled
from ..layers.operations import (
    COST,
    COST_DELTA,
    COUNTED,
    LOSS_WEIGHT,
    ONE,
    POSITIONS,
    number_at,
)

call_cost, call_cost_delta = losses.COST.call, losses.DELTA.call

# How they are called: `cost_of_output` and `delta_of_output`.
OUTPUT_COST_CONTRACT = Contract(Integers, Vector, Vector, Vector, Vector, returns=float)
OUTPUT_DELTA_CONTRACT = Contract(Integers, Vector, Vector, Vector, Vector, Vector)


@kernel
def cost_of_output(
    row: Integers, activations: Vector, a: Vector, y: Vector, weight: Vector
) -> float:
    """J of the row's output times its factor; activations is all of the block's buffer."""
    total = 0.0
    if row[POSITIONS]:
        width = a.size // row[POSITIONS]
        for position in range(row[POSITIONS]):
            own = weight
            if row[COUNTED] >= 0:
                own = part(activations, row[COUNTED] + position, weight.size)
                weigh(own, weight)
            a_part, y_part = part(a, position, width), part(y, position, width)
            total += call_cost(row[COST], a_part, y_part, own)
    else:
        total = call_cost(row[COST], a, y, weight)
    return total * number_at(row, LOSS_WEIGHT)


@kernel
def delta_of_output(
    row: Integers, activations: Vector, delta_out: Vector, a: Vector, y: Vector, weight: Vector
) -> None:
    """delta_out ← ∂J/∂a of the row's output, times its factor."""
    if row[POSITIONS]:
        width = a.size // row[POSITIONS]
        for position in range(row[POSITIONS]):
            own = weight
            if row[COUNTED] >= 0:
                own = part(activations, row[COUNTED] + position, weight.size)
                weigh(own, weight)
            call_cost_delta(
                row[COST_DELTA], part(delta_out, position, width), part(a, position, width),
                part(y, position, width), own,
            )  # fmt: skip
    else:
        call_cost_delta(row[COST_DELTA], delta_out, a, y, weight)
    if row[LOSS_WEIGHT] != ONE:
        scaled(delta_out, delta_out, number_at(row, LOSS_WEIGHT))


@kernel
def weigh(mask: Vector, weight: Vector) -> None:
    """mask ← the examples' weights where it is not 0, both (lanes,); a second time nothing new."""
    for s in range(mask.size):
        mask[s] = weight[s] if mask[s] != 0 else 0
