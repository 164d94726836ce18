"""L-BFGS: the inverse Hessian from the last few steps, and a line search along −H ∇J.

Nocedal and Wright, Numerical Optimization, 2nd edition: two-loop recursion (algorithm 7.4), the
method (7.5), the scaling H₀ = γ I with γ = sᵀy / yᵀy (7.20).

The driver returns to Python when its budget of blocks is spent and goes on from the same place
when it is called again, as `descent` does. Vectors have the network's dtype, sums are float64.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compile.jit import Vector, entry, kernel
from ..compile.memory import copy, window
from ..network.problem import DIVERGED, FINISHED, RUNNING, Data, Model
from .line_search import ACCEPTED, FAILED, LOW_STEP, STEP
from .line_search import advance as judge_step
from .line_search import start as start_line
from .objective import (
    COST_SETTLED,
    EPOCH,
    EVALUATIONS,
    GRADIENT_VANISHED,
    PHASE,
    STALLED,
    STATUS,
    Settings,
    add_block,
    add_multiple,
    complete,
    dot,
    is_finite,
    move,
    negate,
    put,
    scale,
    subtract,
    within,
)

# How many pairs (s, y) have been stored so far.
PAIRS = PHASE + 1
POSITIONS = PAIRS + 1
# Values of position[PHASE]: the evaluation under way is of the start, of a trial step, or of the
# best step of a search that failed; or there is none and a new direction is wanted.
STARTING, SEARCHING, RETURNING, AIMING = range(4)

# A pair is kept if sᵀy exceeds this part of yᵀy: else H would no longer be positive definite.
_LEAST_CURVATURE = 2.2e-16


class LBFGSState(NamedTuple):
    """Where L-BFGS stands; p is the size of the parameters, m the number of pairs remembered."""

    position: Vector  # int64 (POSITIONS,)
    cost: Vector  # float64 (2,): J of the evaluation under way, and at base
    costs: Vector  # float64 (epochs,): J at the start of each iteration
    base: Vector  # (p,): parameters at the start of the iteration
    base_gradient: Vector  # (p,)
    direction: Vector  # (p,)
    search: Vector  # float64 (line_search.SIZE,)
    steps: Vector  # (m · p): s = change of the parameters, a ring
    changes: Vector  # (m · p): y = change of the gradient
    curvatures: Vector  # float64 (m,): sᵀy
    coefficients: Vector  # float64 (m,): scratch of the two-loop recursion


@entry
def descend(model: Model, data: Data, state: LBFGSState, settings: Settings, budget: int) -> None:
    """Run up to `budget` blocks of L-BFGS, from where state stands.

    Writes model.parameters, all scratch and state. state.base holds the parameters of the last
    completed iteration, the best so far, whatever model.parameters is at.
    """
    position = state.position
    while budget > 0 and position[STATUS] == RUNNING:
        budget -= 1
        if add_block(model, data, position, state.cost, settings):
            advance(model, state, settings)


@entry
def descend_from(model: Model, state: LBFGSState, settings: Settings) -> None:
    """Go on from an evaluation at model.parameters that was made elsewhere, on a GPU say.

    state.cost[0] and model.gradient hold Σ J(x_i, y_i) and its gradient. model.parameters is then
    what to evaluate next, if state is still running. Otherwise as `descend`.
    """
    go_on(model, state, settings)


@kernel
def go_on(model: Model, state: LBFGSState, settings: Settings) -> None:
    """`advance` from Σ J(x_i, y_i) and its gradient, as an evaluation leaves them."""
    state.position[EVALUATIONS] += 1
    complete(model, state.cost, settings)
    advance(model, state, settings)


@kernel
def advance(model: Model, state: LBFGSState, settings: Settings) -> None:
    """From J and ∇J at model.parameters to the parameters where they are wanted next."""
    # Every step is called from one place: each call is a copy for the compiler to optimise.
    if is_accepted(model, state):
        finish_iteration(model, state, settings)
    if state.position[PHASE] == AIMING:
        start_search(state)
    # p ← base + α d, for the step α that the search wants evaluated.
    move(model.parameters, state.base, state.search[STEP], state.direction)


@kernel
def is_accepted(model: Model, state: LBFGSState) -> bool:
    """Judge the parameters just evaluated; if they are refused, say what comes next."""
    position, search, cost = state.position, state.search, state.cost[0]
    if position[PHASE] == STARTING:
        finite = is_finite(cost) and is_finite(dot(model.gradient, model.gradient))
        if not finite:
            position[STATUS] = DIVERGED
        return finite
    if position[PHASE] == RETURNING:
        return True
    # Parameters that overflowed can still have a finite cost, where activations saturate.
    if not is_finite(dot(model.parameters, model.parameters)):
        cost = math.inf
    outcome = judge_step(search, cost, dot(model.gradient, state.direction))
    if outcome == FAILED:
        if search[LOW_STEP] > 0:
            # A lower cost, though not where the slope is flat: go back to it for its gradient.
            search[STEP] = search[LOW_STEP]
            position[PHASE] = RETURNING
        elif position[PAIRS] > 0:
            position[PAIRS] = 0  # forget a curvature that misleads: steepest descent
            position[PHASE] = AIMING
        else:
            position[STATUS] = STALLED
    return outcome == ACCEPTED


@kernel
def finish_iteration(model: Model, state: LBFGSState, settings: Settings) -> None:
    """Make the parameters just evaluated the base of the next search, unless this is the end."""
    position, cost, before = state.position, state.cost[0], state.cost[1]
    settled = False
    if position[PHASE] != STARTING:
        remember(model, state)
        position[EPOCH] += 1
        settled = before - cost <= settings.cost_tolerance * max(abs(before), abs(cost))
    copy(state.base, model.parameters)
    copy(state.base_gradient, model.gradient)
    state.cost[1] = cost
    if within(state.base_gradient, settings.gradient_tolerance):
        position[STATUS] = GRADIENT_VANISHED
    elif settled:
        position[STATUS] = COST_SETTLED
    elif position[EPOCH] == settings.epochs:
        position[STATUS] = FINISHED
    else:
        put(state.costs, position[EPOCH], cost)
        position[PHASE] = AIMING


@kernel
def start_search(state: LBFGSState) -> None:
    """d ← −H ∇J and the first trial step along it: 1, or a length of at most 1 without memory."""
    position, direction, gradient = state.position, state.direction, state.base_gradient
    set_direction(state)
    slope = dot(gradient, direction)
    if not slope < 0:  # rounding has spoilt H: steepest descent
        position[PAIRS] = 0
        negate(direction, gradient)
        slope = -dot(gradient, gradient)
    step = 1.0 if position[PAIRS] > 0 else min(1.0, 1.0 / math.sqrt(-slope))
    start_line(state.search, state.cost[1], slope, step)
    position[PHASE] = SEARCHING


@kernel
def remember(model: Model, state: LBFGSState) -> None:
    """Store s = p − base and y = ∇J − ∇J(base) in place of the oldest pair."""
    size, count = model.parameters.size, state.position[PAIRS]
    place = count % state.curvatures.size
    step = window(state.steps, place * size, size)
    change = window(state.changes, place * size, size)
    subtract(step, model.parameters, state.base)
    subtract(change, model.gradient, state.base_gradient)
    curvature = dot(step, change)
    if curvature > _LEAST_CURVATURE * dot(change, change):
        put(state.curvatures, place, curvature)
        state.position[PAIRS] = count + 1


@kernel
def set_direction(state: LBFGSState) -> None:
    """d ← −H ∇J by the two-loop recursion, newest pair to oldest and back."""
    direction, size = state.direction, state.direction.size
    memory, count = state.curvatures.size, state.position[PAIRS]
    oldest = max(0, count - memory)
    negate(direction, state.base_gradient)
    for number in range(count - 1, oldest - 1, -1):
        place = number % memory
        step = window(state.steps, place * size, size)
        change = window(state.changes, place * size, size)
        coefficient = dot(step, direction) / state.curvatures[place]
        put(state.coefficients, place, coefficient)
        add_multiple(direction, -coefficient, change)
    if count > 0:
        place = (count - 1) % memory
        newest = window(state.changes, place * size, size)
        scale(direction, state.curvatures[place] / dot(newest, newest))
    for number in range(oldest, count):
        place = number % memory
        step = window(state.steps, place * size, size)
        change = window(state.changes, place * size, size)
        coefficient = dot(change, direction) / state.curvatures[place]
        add_multiple(direction, state.coefficients[place] - coefficient, step)
