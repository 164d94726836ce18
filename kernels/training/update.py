"""From the deltas, or the chunks' gradients, to new parameters: one step, part by part.

The flat parameter vector is cut into parts (`parts.Part`), and each part is stepped by one
member: its gradient is made, and used while it is in that member's cache. Where a chunk is a
single block no chunk needs a gradient of its own for wide layers (`in_step`): adding up four
gradients of 12 MB took as long as a third of the products.
"""

from __future__ import annotations

import math

from ..compile.jit import Integers, Vector, kernel
from ..compile.memory import window
from ..formulas.optimizers import (
    ADAMW,
    SGD,
    STEP_CONTRACT,
    Stepped,
    add_chunks,
    add_penalties,
    clip_value,
    sgd,
    shrink_weights,
)
from ..layers.operations import (
    IN_STEP,
    LAZY,
    OPTIMIZER_STEP,
    STEP_IN_PARTS,
)
from ..layers.parts import FIRST, LAST, LAYER, PART_COLUMNS, UNITS, WEIGHTS
from ..network.in_step import (
    PARTS_CONTRACT,
    PRODUCTS_CONTRACT,
    Terms,
    decay_factor,
    products_of,
    rate_factor,
    step_by_product,
)
from ..network.lazy_rows import ROWS_CONTRACT
from ..network.problem import Data, DescentState, Model, Problem, Settings
from ..network.row_lists import RowStep
from ..network.rules import Rules
from ..threads.team import Member, Order, close_phase, next_task, open_phase

call_step, call_products = STEP_CONTRACT.call, PRODUCTS_CONTRACT.call
call_rows, call_parts = ROWS_CONTRACT.call, PARTS_CONTRACT.call

# The first of the orders that ask for a sweep over the parts; the second has the next number.
STEP_SWEEPS = 2


@kernel
def update(problem: Problem, order: Order, member: Member, phase: int) -> None:
    """One step of the optimizer, each part by the member that takes it.

    scale · Σ_c g_c is the gradient of the data, order.step the step's number t. In this order:
    penalties, clipping by value, clipping by norm, decoupled decay, step, max-norm. The leader
    opens a phase for every sweep; a helper has a part in that of its order.
    """
    # The norm needs all of the gradient before the first step: two sweeps over the parts.
    model, data, settings = problem.model, problem.data, problem.settings
    rules = settings.rules
    sweeps = 2 if rules.clip_norm > 0 else 1
    unchanged = rules.l1 == 0 and rules.clip_value == 0 and rules.clip_norm == 0
    by_product = settings.optimizer == SGD and unchanged
    parts = model.parts.size // PART_COLUMNS
    sweep = order.kind - STEP_SWEEPS
    while sweep < sweeps:
        if member.number == 0:
            order = order_of_sweep(model, rules, order, sweep)
            phase = open_phase(member, order, parts)
        place, done = next_task(member, phase, -1, parts), 0
        while place < parts:
            part = window(model.parts, place * PART_COLUMNS, PART_COLUMNS)
            if model.table[part[LAYER] + IN_STEP] == LAZY:
                step_rows(problem, order, part, sweep == 0, sweep == sweeps - 1)
            elif by_product and model.table[part[LAYER] + IN_STEP]:
                step_by_product(model, data, settings, order, part)
            else:
                if sweep == 0:
                    part_gradient(model, data, settings, order.batch, part)
                    regularise(model, rules, order.scale, part)
                if sweep == sweeps - 1:
                    step_part(model, problem.state, settings, order, part)
            if rules.max_norm > 0 and sweep == sweeps - 1:
                limit_norms(model, rules.max_norm, part)
            done += 1
            place = next_task(member, phase, place, parts)
        close_phase(member, done)
        sweep = sweep + 1 if member.number == 0 else sweeps


@kernel
def order_of_sweep(model: Model, rules: Rules, order: Order, sweep: int) -> Order:
    """The order of the first sweep, or of the second, whose scale keeps the gradient short."""
    scale = order.scale
    if sweep == 1:
        gradient = window(model.gradient, 0, model.parameters.size)
        norm = scale * math.sqrt(squared_norm(gradient))
        scale *= min(1.0, rules.clip_norm / (norm + 1e-6))
    kind = STEP_SWEEPS + sweep
    return Order(kind, order.epoch, order.batch, 0, order.step, order.rate, scale)


@kernel
def plain_step(model: Model, data: Data, settings: Settings, order: Order) -> None:
    """One step of plain descent with nothing else, in one chunk."""
    if model.table[STEP_IN_PARTS]:
        call_parts(model.table[STEP_IN_PARTS], model, data, settings, order)
    else:
        sgd(model.parameters, model.gradient, order.rate, order.scale)


@kernel
def part_gradient(model: Model, data: Data, settings: Settings, batch: int, part: Vector) -> None:
    """The part of Σ_c g_c, into the part of model.gradient."""
    if model.table[part[LAYER] + IN_STEP]:
        terms = Terms(batch, part, 1.0, 0.0, 0.0)
        call_products(products_of(model, part), model.gradient, model, data, settings, terms)
    else:
        size = model.parameters.size
        add_chunks(model.gradient, part[FIRST], part[LAST], size, settings.chunks)


@kernel
def regularise(model: Model, rules: Rules, scale: float, part: Vector) -> None:
    """Penalties and clipping by value on the part's gradient; the step multiplies by scale."""
    first = part[FIRST]
    if rules.l1 > 0 or rules.l2 > 0:
        weights = part[WEIGHTS]
        g, w = window(model.gradient, first, weights), window(model.parameters, first, weights)
        factor = decay_factor(model, part)
        add_penalties(g, w, scale, rules.l1 * factor, rules.l2 * factor)
    if rules.clip_value > 0:
        clip_value(window(model.gradient, first, part[LAST] - first), rules.clip_value / scale)


@kernel
def step_part(
    model: Model, state: DescentState, settings: Settings, order: Order, part: Integers
) -> None:
    """Decoupled decay and the optimizer's step on the part."""
    first, size = part[FIRST], part[LAST] - part[FIRST]
    rate = order.rate * rate_factor(model, part)
    if settings.optimizer == ADAMW:
        weight = window(model.parameters, first, part[WEIGHTS])
        decay = settings.optimizer_settings[3] * decay_factor(model, part)
        shrink_weights(weight, 1 - rate * decay)
    # Plain descent has no vectors of its own; an empty window is never read.
    one, two = min(size, state.first.size), min(size, state.second.size)
    stepped = Stepped(
        w=window(model.parameters, first, size),
        g=window(model.gradient, first, size),
        first=window(state.first, first if one else 0, one),
        second=window(state.second, first if two else 0, two),
        settings=settings.optimizer_settings,
        rate=rate,
        scale=order.scale,
        t=order.step,
    )
    call_step(model.table[OPTIMIZER_STEP], stepped)


@kernel
def squared_norm(values: Vector) -> float:
    """Σ v², in one thread: the sum does not depend on how many there are."""
    total = values.dtype.type(0)
    for k in range(values.size):
        total += values[k] * values[k]
    return total


@kernel
def step_rows(problem: Problem, order: Order, part: Integers, makes: bool, steps: bool) -> None:
    """The part of a lazy layer: its gradient if `makes`, its step if `steps`."""
    model, state = problem.model, problem.state
    one, two = state.first.size, state.second.size
    weights = part[LAST] - part[FIRST]
    own = RowStep(
        part=part,
        first=window(state.first, part[FIRST] if one else 0, weights if one else 0),
        second=window(state.second, part[FIRST] if two else 0, weights if two else 0),
        batch=order.batch,
        t=order.step,
        rate=order.rate * rate_factor(model, part),
        decay=decay_factor(model, part),
        scale=order.scale,
        makes=makes,
        steps=steps,
    )
    call_rows(products_of(model, part), model, problem.data, problem.settings, own)


@kernel
def limit_norms(model: Model, limit: float, part: Vector) -> None:
    """Scale each unit's incoming weights to a norm of at most `limit` (N. Srebro et al. 2005)."""
    units = part[UNITS]
    fan_in = part[WEIGHTS] // units
    for unit in range(units):
        weight = window(model.parameters, part[FIRST] + unit * fan_in, fan_in)
        norm = math.sqrt(squared_norm(weight))
        if norm > limit:
            shrink_weights(weight, limit / norm)
