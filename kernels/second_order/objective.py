"""Cost and gradient of a whole data set at given parameters, for optimizers of full batches.

J = scale Σ J(x_i, y_i) + (λ/2) Σ w², with scale = 1/n for the mean and 1 for the sum. A pass over
the data can stop after any block: where it stands is in the caller's arrays.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compile.jit import Scalar, Vector, entry, formula, kernel
from ..compile.memory import window
from ..layers.operations import (
    COLUMNS,
    DECAY,
    DECAYED,
    EXAMPLE,
    OUTPUTS,
    PARAMETERS,
    SAMPLE_MAJOR,
    number_at,
)
from ..network.evaluate import squared_weights
from ..network.problem import Data, Model, whole_pass
from ..network.propagate import cost_and_gradient

# The first places in a state's position.
EPOCH, BLOCK, STATUS, EVALUATIONS, PHASE = range(5)
# Values of position[STATUS] beside RUNNING, FINISHED and DIVERGED.
GRADIENT_VANISHED, COST_SETTLED, STALLED = range(10, 13)


class Settings(NamedTuple):
    """What does not change while an optimizer of full batches runs."""

    n: int
    epochs: int  # iterations: steps that lower the cost
    lanes: int
    loss: int
    scale: float
    weight_decay: float
    gradient_tolerance: float  # stop where max_k |∂J/∂p_k| is not above it
    cost_tolerance: float  # stop where a step lowers J by no more than this part of it


@kernel
def add_block(model: Model, data: Data, position: Vector, cost: Vector, settings: Settings) -> bool:
    """Forward and backward pass of the next block; True once all blocks have had theirs.

    model.gradient and cost[0] then hold ∇J and J at model.parameters. data is packed, from the
    block data.first on.
    """
    table, lanes, block = model.table, settings.lanes, position[BLOCK]
    d_in, d_out = table[EXAMPLE], table[OUTPUTS]
    count = min(lanes, settings.n - block * lanes) if table[SAMPLE_MAJOR] else lanes
    if block == 0:
        cost[0] = 0
    first = (block - data.first) * lanes
    inputs = window(data.inputs, first * d_in, count * d_in)
    views = whole_pass(model, inputs, lanes, block > 0)
    place = first * (d_out + 1)
    targets = window(data.targets, place, lanes * d_out)
    weight = window(data.targets, place + lanes * d_out, lanes)
    cost[0] += cost_and_gradient(views, targets, weight, True)
    if not next_block(position, settings):
        return False
    complete(model, cost, settings)
    return True


@entry
def evaluate(model: Model, data: Data, position: Vector, cost: Vector, settings: Settings) -> None:
    """All blocks that are left: afterwards model.gradient and cost[0] hold ∇J and J."""
    while not add_block(model, data, position, cost, settings):
        pass


@kernel
def complete(model: Model, cost: Vector, settings: Settings) -> None:
    """From Σ J(x_i, y_i) in cost[0] and its gradient in model.gradient to J and ∇J, in place."""
    scale_gradient(model, settings)
    cost[0] = total_cost(model, settings, cost[0])


@kernel
def next_block(position: Vector, settings: Settings) -> bool:
    """Go on to the next block; True, and back at the first, if there is none."""
    position[BLOCK] += 1
    if position[BLOCK] * settings.lanes < settings.n:
        return False
    position[BLOCK] = 0
    position[EVALUATIONS] += 1
    return True


@kernel
def scale_gradient(model: Model, settings: Settings) -> None:
    """∇J ← scale ∇J + λ W, in place in model.gradient, which holds the sum over the data."""
    gradient = model.gradient
    scale(gradient, settings.scale)
    for first in range(0, model.table.size, COLUMNS):
        offset, decayed = model.table[first + PARAMETERS], model.table[first + DECAYED]
        part, weight = window(gradient, offset, decayed), window(model.parameters, offset, decayed)
        factor = number_at(model.table, first + DECAY)
        add_multiple(part, settings.weight_decay * factor, weight)


@kernel
def total_cost(model: Model, settings: Settings, data_cost: float) -> float:
    """J at model.parameters from Σ J(x_i, y_i)."""
    squares = squared_weights(model.table, model.parameters)
    return settings.scale * data_cost + 0.5 * settings.weight_decay * squares


@formula
def is_finite(x: Scalar) -> bool:
    """Neither NaN nor infinite; why not math.isfinite stands in `jit`."""
    return abs(x) < math.inf


@kernel
def dot(a: Vector, b: Vector) -> float:
    """Σ_k a_k b_k, added up in float64 for both dtypes."""
    total = 0.0
    for k in range(a.size):
        total += float(a[k]) * float(b[k])
    return total


@kernel
def within(values: Vector, bound: float) -> bool:
    """Whether |v_k| ≤ bound for every k; NaN is not."""
    outside = 0
    for k in range(values.size):
        if not abs(values[k]) <= bound:
            outside += 1
    return outside == 0


@kernel
def negate(target: Vector, source: Vector) -> None:
    """target ← −source."""
    for k in range(target.size):
        target[k] = -source[k]


@kernel
def subtract(target: Vector, first: Vector, second: Vector) -> None:
    """target ← first − second."""
    for k in range(target.size):
        target[k] = first[k] - second[k]


@kernel
def scale(target: Vector, factor: float) -> None:
    """target ← factor · target."""
    multiple = target.dtype.type(factor)
    for k in range(target.size):
        target[k] *= multiple


@kernel
def add_multiple(target: Vector, factor: float, vector: Vector) -> None:
    """target += factor · vector."""
    multiple = target.dtype.type(factor)
    for k in range(target.size):
        target[k] += multiple * vector[k]


@kernel
def move(target: Vector, start: Vector, factor: float, vector: Vector) -> None:
    """target ← start + factor · vector."""
    multiple = target.dtype.type(factor)
    for k in range(target.size):
        target[k] = start[k] + multiple * vector[k]


@kernel
def put(values: Vector, place: int, value: float) -> None:
    """values_place ← value."""
    values[place] = value


@kernel
def clear(target: Vector) -> None:
    """target ← 0."""
    for k in range(target.size):
        target[k] = 0
