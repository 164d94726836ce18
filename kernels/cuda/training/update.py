"""The twin of `training.update`: from gradients to new parameters, every thread on its part."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...compile.jit import Vector
from ...formulas.optimizers import ADAMW, Stepped
from ...layers.operations import COLUMNS, DECAYED, PARAMETERS, ROW_WEIGHTS, WEIGHT_ROWS
from ...training import update
from ..compile.jit import cuda, kernel, twin, window
from ..formulas.optimizers import add_penalties, clip_value, shrink_weights, step
from ..network.problem import DescentState, Model, Settings
from ..products.block import total

squared_norm = twin(update.squared_norm)


class Order(NamedTuple):
    """What a step is to be, in the words of `threads.team.Order`."""

    step: int
    rate: float
    scale: float  # the summed gradient's factor


@kernel
def decayed_part(table: Vector, row: int, first: int, last: int) -> tuple[int, int]:
    """The parameters of one layer that decay, as far as they lie in first … last."""
    start = table[row * COLUMNS + PARAMETERS]
    end = start + table[row * COLUMNS + DECAYED]
    start = max(start, first)
    return start, max(start, min(end, last))


@kernel
def add_and_clip(model: Model, settings: Settings, scale: float, first: int, last: int) -> None:
    """Penalties and clipping by value on elements first … last of the gradient."""
    if settings.rules.l1 > 0 or settings.rules.l2 > 0:
        for row in range(model.table.size // COLUMNS):
            start, end = decayed_part(model.table, row, first, last)
            g = window(model.gradient, start, end - start)
            w = window(model.parameters, start, end - start)
            add_penalties(g, w, scale, settings.rules.l1, settings.rules.l2)
    if settings.rules.clip_value > 0:
        clip_value(window(model.gradient, first, last - first), settings.rules.clip_value / scale)


@kernel
def clipped(settings: Settings, scale: float, squares: float) -> float:
    """The scale with which the gradient, whose elements' squares add up so, is short enough."""
    norm = scale * math.sqrt(squares)
    return scale * min(1.0, settings.rules.clip_norm / (norm + 1e-6))


@kernel
def take_step(
    model: Model, state: DescentState, settings: Settings, order: Order, first: int, last: int
) -> None:
    """Decoupled decay and the optimizer's step on parameters first … last."""
    part = last - first
    if part <= 0:
        return
    if settings.optimizer == ADAMW:
        for row in range(model.table.size // COLUMNS):
            start, end = decayed_part(model.table, row, first, last)
            factor = 1 - order.rate * settings.optimizer_settings[3]
            shrink_weights(window(model.parameters, start, end - start), factor)
    one, two = min(part, state.first.size), min(part, state.second.size)
    stepped = Stepped(
        window(model.parameters, first, part),
        window(model.gradient, first, part),
        window(state.first, first if one else 0, one),
        window(state.second, first if two else 0, two),
        settings.optimizer_settings,
        order.rate,
        order.scale,
        order.step,
    )
    step(stepped, settings.optimizer)


@kernel
def limit_all_norms(table: Vector, parameters: Vector, limit: float) -> None:
    """Scale each unit's incoming weights to a norm of at most `limit`, a unit per thread."""
    for first in range(0, table.size, COLUMNS):
        fan_in = table[first + ROW_WEIGHTS]
        for unit in range(cuda.threadIdx.x, table[first + WEIGHT_ROWS], cuda.blockDim.x):
            weight = window(parameters, table[first + PARAMETERS] + unit * fan_in, fan_in)
            norm = math.sqrt(squared_norm(weight))
            if norm > limit:
                shrink_weights(weight, limit / norm)
    cuda.syncthreads()


@kernel
def penalty(model: Model, settings: Settings, scratch: Vector) -> float:
    """(λ/2) Σ w² + λ₁ Σ |w|."""
    if not (settings.rules.l1 > 0 or settings.rules.l2 > 0):
        return 0.0
    value = 0.0
    for first in range(0, model.table.size, COLUMNS):
        start, decayed = model.table[first + PARAMETERS], model.table[first + DECAYED]
        for k in range(start + cuda.threadIdx.x, start + decayed, cuda.blockDim.x):
            w = float(model.parameters[k])
            value += 0.5 * settings.rules.l2 * w * w + settings.rules.l1 * abs(w)
    return total(scratch, value)


@kernel
def part_of(size: int, member: int, members: int) -> tuple[int, int]:
    """First and last-plus-one element of a member's part of a vector."""
    part = (size + members - 1) // members
    return min(member * part, size), min((member + 1) * part, size)


@kernel
def step_alone(
    model: Model, state: DescentState, settings: Settings, order: Order, scratch: Vector
) -> None:
    """One step by a single block."""
    first, last = part_of(model.parameters.size, cuda.threadIdx.x, cuda.blockDim.x)
    scale = order.scale
    add_and_clip(model, settings, scale, first, last)
    if settings.rules.clip_norm > 0:
        squares = 0.0
        for k in range(first, last):
            squares += float(model.gradient[k]) * float(model.gradient[k])
        scale = clipped(settings, scale, total(scratch, squares))
    take_step(model, state, settings, Order(order.step, order.rate, scale), first, last)
    cuda.syncthreads()
    if settings.rules.max_norm > 0:
        limit_all_norms(model.table, model.parameters, settings.rules.max_norm)
