"""A line search for the strong Wolfe conditions, one evaluation at a time.

φ(α) = J(p + α d) along a direction of descent d, φ'(0) < 0. Wanted is a step α with
φ(α) ≤ φ(0) + c1 α φ'(0) and |φ'(α)| ≤ c2 |φ'(0)|.

Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms 3.5 (bracketing) and 3.6
(zoom). Both ask the same questions about a trial step, once the interval of the bracketing phase
is read as (α_low, ∞), so they are one function here. The search keeps everything it knows in one
float64 vector and returns for every evaluation it needs: a descent can be sliced anywhere.
"""

from __future__ import annotations

import math

from ..compile.jit import Vector, kernel
from .objective import is_finite

# Places in the vector `search`.
(
    STEP,  # the step to evaluate
    TRIALS,  # how many have been
    START_COST,
    START_SLOPE,
    LOW_STEP,  # of the steps with sufficient decrease, the one of lowest cost
    LOW_COST,
    LOW_SLOPE,
    HIGH_STEP,  # the other end of the interval; infinite while there is none
    HIGH_COST,
    HIGH_SLOPE,
) = range(10)
SIZE = 10

# What `advance` returns.
SEARCHING, ACCEPTED, FAILED = range(3)

SUFFICIENT_DECREASE = 1e-4  # c1
CURVATURE = 0.9  # c2
# 25 halvings exhaust float32; a search on the exercise takes 1.3 trials on average.
MOST_TRIALS = 25
# A trial keeps this part of the interval away from its ends, so that the interval shrinks.
MARGIN = 0.1
# Without an upper end the step grows by at least the first and at most the second factor.
GROWTH = (2.0, 10.0)


@kernel
def start(search: Vector, cost: float, slope: float, step: float) -> None:
    """Begin a search at φ(0) and φ'(0); the first trial is `step`."""
    search[STEP] = step
    search[TRIALS] = 0
    search[START_COST] = search[LOW_COST] = cost
    search[START_SLOPE] = search[LOW_SLOPE] = slope
    search[LOW_STEP] = 0
    search[HIGH_STEP] = search[HIGH_COST] = math.inf
    search[HIGH_SLOPE] = 0


@kernel
def advance(search: Vector, cost: float, slope: float) -> int:
    """Judge φ and φ' at search[STEP]; while SEARCHING, search[STEP] is the next step to evaluate.

    A cost or slope that is not finite counts as too high. After FAILED, search[LOW_STEP] is the
    best step found, 0 if none has a sufficient decrease.
    """
    step = search[STEP]
    bound = search[START_COST] + SUFFICIENT_DECREASE * step * search[START_SLOPE]
    if not (is_finite(cost) and is_finite(slope)):
        cost, slope = math.inf, 0.0
    if not cost <= bound or cost >= search[LOW_COST]:
        search[HIGH_STEP], search[HIGH_COST], search[HIGH_SLOPE] = step, cost, slope
    elif abs(slope) <= -CURVATURE * search[START_SLOPE]:
        return ACCEPTED
    else:
        if (slope >= 0) == (search[HIGH_STEP] > search[LOW_STEP]):
            search[HIGH_STEP] = search[LOW_STEP]
            search[HIGH_COST] = search[LOW_COST]
            search[HIGH_SLOPE] = search[LOW_SLOPE]
        search[LOW_STEP], search[LOW_COST], search[LOW_SLOPE] = step, cost, slope
    search[TRIALS] += 1
    if search[TRIALS] == MOST_TRIALS:
        return FAILED
    if is_finite(search[HIGH_STEP]):
        search[STEP] = interpolated(search)
    else:
        search[STEP] = extrapolated(search)
    return SEARCHING


@kernel
def interpolated(search: Vector) -> float:
    """Minimiser of the cubic through both ends of the interval (equation 3.59), or its middle."""
    a, b = search[LOW_STEP], search[HIGH_STEP]
    slope_a, slope_b = search[LOW_SLOPE], search[HIGH_SLOPE]
    middle = 0.5 * (a + b)
    if not is_finite(search[HIGH_COST]):
        return middle
    d1 = slope_a + slope_b - 3 * (search[LOW_COST] - search[HIGH_COST]) / (a - b)
    square = d1 * d1 - slope_a * slope_b
    if not square >= 0:
        return middle
    d2 = math.copysign(math.sqrt(square), b - a)
    step = b - (b - a) * (slope_b + d2 - d1) / (slope_b - slope_a + 2 * d2)
    if not is_finite(step):
        return middle
    margin = MARGIN * abs(b - a)
    return min(max(step, min(a, b) + margin), max(a, b) - margin)


@kernel
def extrapolated(search: Vector) -> float:
    """Where the slope would vanish if it went on as from 0 to the last step, within GROWTH."""
    step = search[LOW_STEP]
    change = search[LOW_SLOPE] - search[START_SLOPE]
    furthest = GROWTH[1] * step
    if change <= 0:
        return furthest
    return min(max(-step * search[START_SLOPE] / change, GROWTH[0] * step), furthest)
