"""From the chunks' gradients to new parameters: one step, each member on its part."""

from __future__ import annotations

import math

from .jit import Vector, kernel
from .memory import window
from .operations import COLUMNS, D_OUT, DECAYED, PARAMETERS
from .optimizers import (
    ADAMW,
    add_chunks,
    add_penalties,
    clip_value,
    decayed_part,
    shrink_weights,
    step,
)
from .problem import Model, Settings, State
from .team import share, wait_for_all


@kernel
def update(
    model: Model,
    state: State,
    settings: Settings,
    rate: float,
    scale: float,
    count: int,
    barrier: Vector,
    member: int,
    members: int,
) -> None:
    """One step of the optimizer; scale · Σ_c g_c is the gradient of the data, count its number t.

    In this order: penalties, clipping by value, clipping by norm, decoupled decay, step, max-norm.
    """
    size = model.parameters.size
    first, last = share(size, member, members)
    add_chunks(model.gradient, first, last, size, settings.chunks)
    scale = regularise(model, settings, scale, first, last, barrier, members)
    if settings.optimizer == ADAMW:
        for row in range(model.table.size // COLUMNS):
            start, end = decayed_part(model.table, row, first, last)
            factor = 1 - rate * settings.optimizer_settings[3]
            shrink_weights(window(model.parameters, start, end - start), factor)
    take_step(model, state, settings, rate, scale, count, first, last)
    if settings.max_norm > 0:
        wait_for_all(barrier, members)
        if member == 0:
            limit_norms(model.table, model.parameters, settings.max_norm)


@kernel
def regularise(
    model: Model,
    settings: Settings,
    scale: float,
    first: int,
    last: int,
    barrier: Vector,
    members: int,
) -> float:
    """Penalties and clipping on the member's part of the gradient; returns the new scale."""
    if settings.l1 > 0 or settings.l2 > 0:
        for row in range(model.table.size // COLUMNS):
            start, end = decayed_part(model.table, row, first, last)
            g = window(model.gradient, start, end - start)
            w = window(model.parameters, start, end - start)
            add_penalties(g, w, scale, settings.l1, settings.l2)
    if settings.clip_value > 0:
        clip_value(window(model.gradient, first, last - first), settings.clip_value / scale)
    if settings.clip_norm > 0:
        wait_for_all(barrier, members)
        norm = scale * math.sqrt(squared_norm(window(model.gradient, 0, model.parameters.size)))
        scale *= min(1.0, settings.clip_norm / (norm + 1e-6))
    return scale


@kernel
def take_step(
    model: Model,
    state: State,
    settings: Settings,
    rate: float,
    scale: float,
    count: int,
    first: int,
    last: int,
) -> None:
    """The optimizer's step on parameters first … last."""
    part = last - first
    # Plain descent has no vectors of its own; an empty window is never read.
    one, two = min(part, state.first.size), min(part, state.second.size)
    step(
        settings.optimizer,
        window(model.parameters, first, part),
        window(model.gradient, first, part),
        window(state.first, first if one else 0, one),
        window(state.second, first if two else 0, two),
        settings.optimizer_settings,
        rate,
        scale,
        count,
    )


@kernel
def squared_norm(values: Vector) -> float:
    """Σ v²; every member computes all of it, so that the sum does not depend on their number."""
    total = values.dtype.type(0)
    for k in range(values.size):
        total += values[k] * values[k]
    return total


@kernel
def limit_norms(table: Vector, parameters: Vector, limit: float) -> None:
    """Scale each unit's incoming weights to a norm of at most `limit` (N. Srebro et al. 2005)."""
    for first in range(0, table.size, COLUMNS):
        units = table[first + D_OUT]
        fan_in = table[first + DECAYED] // units
        for unit in range(units):
            weight = window(parameters, table[first + PARAMETERS] + unit * fan_in, fan_in)
            norm = math.sqrt(squared_norm(weight))
            if norm > limit:
                shrink_weights(weight, limit / norm)
