"""Levenberg-Marquardt: damped Gauss-Newton steps for costs that are sums of squares.

(JᵀJ + μ I) d = −Jᵀr; μ falls after a step that lowers the cost and rises after one that does not.
Hagan and Menhaj, Training feedforward networks with the Marquardt algorithm, IEEE Transactions on
Neural Networks 5 (1994), with weight decay: λ on the diagonal of the weights, λ w in the gradient.
J and r are those of the plain sum over the examples, λ is divided by the cost's scale instead, so
that μ means the same for both reductions.

Work comes in units that all stay short: a tile of a block's JᵀJ for one output, a tile of the
factorisation, a block's outputs for the cost of a trial step. The driver returns to Python when
its budget of multiply-adds is spent and goes on from the same place when it is called again.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Vector, entry, kernel
from ..compile.memory import copy, window
from ..layers.operations import (
    COLUMNS,
    DECAY,
    DECAYED,
    EXAMPLE,
    OUTPUTS,
    PARAMETERS,
    number_at,
)
from ..network.problem import DIVERGED, FINISHED, RUNNING, Data, Model, whole_pass
from ..network.propagate import forward
from . import cholesky, jacobian
from .objective import (
    BLOCK,
    COST_SETTLED,
    EPOCH,
    GRADIENT_VANISHED,
    PHASE,
    STALLED,
    STATUS,
    Settings,
    dot,
    is_finite,
    next_block,
    total_cost,
    within,
)

# Places in its state's position: the output whose Jacobian is next, and the row of the tile that
# is, of JᵀJ or of its factor.
OUTPUT_UNIT, ROW = PHASE + 1, PHASE + 2
POSITIONS = ROW + 1
# Values of position[PHASE].
LINEARISING, SOLVING, TRYING = range(3)
# Places in its state's damping: μ, its factors after success and failure, and where the method
# gives up.
MU, DECREASE, INCREASE, MOST = range(4)
# μ falls no further: at this size it is below the rounding of JᵀJ, and from 0 it could not rise.
LEAST_MU = 1e-15


class LevenbergMarquardtState(NamedTuple):
    """Where the method stands; p is the size of the parameters. All but base is float64."""

    position: Vector  # int64 (POSITIONS,)
    cost: Vector  # (2,): of the pass under way, and J at base
    costs: Vector  # (epochs,): J at the start of each iteration
    damping: Vector  # (4,)
    base: Vector  # (p,): parameters at the start of the iteration
    step: Vector  # (p,)
    jacobian: Vector  # (p + 1, lanes): G of `jacobian`
    normal: Vector  # (p + 1, p): JᵀJ and, as last row, Jᵀr
    factor: Vector  # (p + 1, p): L and L⁻¹ Jᵀr


@entry
def descend(
    model: Model, data: Data, state: LevenbergMarquardtState, settings: Settings, budget: int
) -> None:
    """Run units of work until `budget` multiply-adds are spent, from where state stands.

    Writes model.parameters, all scratch and state. state.base holds the parameters of the last
    completed iteration, the best so far, whatever model.parameters is at.
    """
    position = state.position
    while budget > 0 and position[STATUS] == RUNNING:
        if position[PHASE] == SOLVING:
            budget -= solve(model, state)
            continue
        block, lanes = position[BLOCK], settings.lanes
        d_in, d_out = model.table[EXAMPLE], model.table[OUTPUTS]
        inputs = window(data.inputs, block * d_in * lanes, d_in * lanes)
        targets = window(data.targets, block * (d_out + 1) * lanes, (d_out + 1) * lanes)
        if position[OUTPUT_UNIT] == 0 and position[ROW] == 0:
            forward(whole_pass(model, inputs, lanes, False))
        if position[PHASE] == LINEARISING:
            budget -= linearise(model, inputs, targets, state, settings)
        else:
            budget -= try_step(model, targets, state, settings)


@kernel
def linearise(
    model: Model,
    inputs: Vector,
    targets: Vector,
    state: LevenbergMarquardtState,
    settings: Settings,
) -> int:
    """Add the next tile of the next output of the next block to the normal equations.

    Returns the multiply-adds that it took, as the other units of work do.
    """
    position, lanes, p = state.position, settings.lanes, model.parameters.size
    block, output, first = position[BLOCK], position[OUTPUT_UNIT], position[ROW]
    d_out = targets.size // lanes - 1
    work = lanes * min(first + jacobian.TILE, p) * min(jacobian.TILE, p)
    if first == 0:
        if block == 0 and output == 0:
            state.cost[0] = 0
        squares = jacobian.differentiate(state.jacobian, model, inputs, targets, output, lanes)
        state.cost[0] += 0.5 * squares
        work += 4 * p * lanes
    jacobian.add_tile(state.normal, state.jacobian, p, first, block > 0 or output > 0)
    position[ROW] = next_tile(first, jacobian.TILE, p + 1)
    if position[ROW] == 0:
        position[OUTPUT_UNIT] = (output + 1) % d_out
        if position[OUTPUT_UNIT] == 0 and next_block(position, settings):
            start_iteration(model, state, settings)
    return work


@kernel
def next_tile(first: int, tile: int, rows: int) -> int:
    """First row of the tile after this one, 0 after the last."""
    return first + tile if first + tile < rows else 0


@kernel
def start_iteration(model: Model, state: LevenbergMarquardtState, settings: Settings) -> None:
    """Add the weight decay to the normal equations; go on to solve them, unless this is the end."""
    position, p = state.position, model.parameters.size
    gradient = window(state.normal, p * p, p)
    add_decay(state.normal, gradient, model, settings.weight_decay / settings.scale)
    if position[EPOCH] == 0:
        state.cost[1] = total_cost(model, settings, state.cost[0])
        if not (is_finite(state.cost[1]) and is_finite(dot(gradient, gradient))):
            position[STATUS] = DIVERGED
            return
    if within(gradient, settings.gradient_tolerance / settings.scale):
        position[STATUS] = GRADIENT_VANISHED
    elif position[EPOCH] == settings.epochs:  # none were asked for
        position[STATUS] = FINISHED
    else:
        state.costs[position[EPOCH]] = state.cost[1]
        position[PHASE] = SOLVING


@kernel
def add_decay(normal: Vector, gradient: Vector, model: Model, decay: float) -> None:
    """λ on the diagonal of the weights and λ w in the gradient."""
    p = gradient.size
    for first in range(0, model.table.size, COLUMNS):
        offset = model.table[first + PARAMETERS]
        own_decay = decay * number_at(model.table, first + DECAY)
        for k in range(offset, offset + model.table[first + DECAYED]):
            normal[k * p + k] += own_decay
            gradient[k] += own_decay * model.parameters[k]


@kernel
def solve(model: Model, state: LevenbergMarquardtState) -> int:
    """Factorise the next tile of JᵀJ + μ I; after the last one set d and the trial parameters."""
    position, p = state.position, model.parameters.size
    first = position[ROW]
    copy_rows(state.factor, state.normal, p, first, state.damping[MU])
    position[ROW] = next_tile(first, cholesky.TILE, p + 1)
    if not cholesky.factorise_rows(state.factor, p + 1, p, first):
        raise_damping(state)
    elif position[ROW] == 0:
        last_row = window(state.factor, p * p, p)
        for k in range(p):
            state.step[k] = -last_row[k]
        cholesky.substitute_back(state.step, state.factor)
        for k in range(p):
            model.parameters[k] = state.base[k] + state.step[k]
        state.cost[0] = 0
        position[PHASE] = TRYING
    return cholesky.TILE * (first + cholesky.TILE) * (first + cholesky.TILE) // 2


@kernel
def copy_rows(factor: Vector, normal: Vector, p: int, first: int, mu: float) -> None:
    """A tile's rows of JᵀJ + μ I, on and below the diagonal, and of Jᵀr."""
    for i in range(first, min(first + cholesky.TILE, p + 1)):
        count = min(i + 1, p)
        copy(window(factor, i * p, count), window(normal, i * p, count))
        if i < p:
            factor[i * p + i] += mu


@kernel
def raise_damping(state: LevenbergMarquardtState) -> None:
    """Solve again with a larger μ, or give up."""
    state.damping[MU] *= state.damping[INCREASE]
    state.position[ROW] = 0
    state.position[PHASE] = SOLVING
    if state.damping[MU] > state.damping[MOST]:
        state.position[STATUS] = STALLED


@kernel
def try_step(
    model: Model, targets: Vector, state: LevenbergMarquardtState, settings: Settings
) -> int:
    """Add the next block to the cost at the trial parameters; after the last one, judge it."""
    lanes = settings.lanes
    scratch = window(state.jacobian, 0, lanes)
    for output in range(targets.size // lanes - 1):
        state.cost[0] += 0.5 * jacobian.set_residual(scratch, model, targets, output)
    if next_block(state.position, settings):
        judge(model, state, settings)
    return lanes * model.parameters.size


@kernel
def judge(model: Model, state: LevenbergMarquardtState, settings: Settings) -> None:
    """Accept the trial parameters if their cost is lower than the base's, else damp more."""
    position, before = state.position, state.cost[1]
    cost = total_cost(model, settings, state.cost[0])
    # Parameters that overflowed can still have a finite cost, where activations saturate.
    if not (cost < before and is_finite(dot(model.parameters, model.parameters))):
        raise_damping(state)
        return
    state.cost[1] = cost
    copy(state.base, model.parameters)
    state.damping[MU] = max(state.damping[MU] * state.damping[DECREASE], LEAST_MU)
    position[EPOCH] += 1
    position[PHASE] = LINEARISING
    if before - cost <= settings.cost_tolerance * before:
        position[STATUS] = COST_SETTLED
    elif position[EPOCH] == settings.epochs:
        position[STATUS] = FINISHED
