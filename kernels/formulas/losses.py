"""Cost and output delta of every loss, written once.

A loss sees one block: outputs a and targets y of shape (d_L, lanes), example weights v of shape
(lanes,). Padding lanes have weight 0, so they add neither cost nor delta. With e = a − y an
example's J is the sum over its outputs.

The two cross-entropies take a from the activation that `ON_LOGITS` names, whatever the network
shows to its user: so p never has to be computed and then its logarithm taken, and J stays finite
where p rounds to 0 or 1.

To add one: its two formulas, and a line in `LOSSES`. The loops over a block, called by address, and
what a GPU's thread and a written-out pass do come from there.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from ..compile.called import Contract
from ..compile.jit import Scalar, Vector, elementwise, formula, kernel
from ..compile.memory import window
from .activations import IDENTITY, LOG_SOFTMAX, relu, within
from .elementary import exp, expm1, like, log1p, sigmoid, tanh

_LN_2 = 0.6931471805599453


@formula
def half_squared_error(a: Scalar, y: Scalar) -> Scalar:
    """J = ½ (a − y)²."""
    return like(a, 0.5) * (a - y) * (a - y)


@formula
def half_squared_error_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = a − y."""
    return a - y


@formula
def absolute_error(a: Scalar, y: Scalar) -> Scalar:
    """J = |a − y|."""
    return abs(a - y)


@formula
def absolute_error_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = sign(a − y), 0 where a = y; NaN stays NaN."""
    e = a - y
    return like(a, 1) if e > like(a, 0) else (like(a, -1) if e < like(a, 0) else e)


@formula
def huber(a: Scalar, y: Scalar) -> Scalar:
    """J = ½ e² if |e| ≤ 1 else |e| − ½ (P. J. Huber, Ann. Math. Statist. 35, 1964; δ = 1)."""
    size = abs(a - y)
    return size - like(a, 0.5) if size > like(a, 1) else like(a, 0.5) * size * size


@formula
def huber_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = e held within ±1; NaN stays NaN."""
    return within(a - y, 1)


@formula
def log_cosh(a: Scalar, y: Scalar) -> Scalar:
    """J = ln cosh e, without overflow for large |e| and without cancellation for small.

    With w = 1 − e^−|e|: cosh e − 1 = w²/(2 (1 − w)) for |e| < 1, else
    ln cosh e = |e| − ln 2 + ln(1 + (1 − w)²).
    """
    size = abs(a - y)
    w = -expm1(-size)
    u = like(a, 1) - w
    small = size < like(a, 1)
    start = like(a, 0) if small else size - like(a, _LN_2)
    return start + log1p(w * w / (u + u) if small else u * u)


@formula
def log_cosh_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = tanh e."""
    return tanh(a - y)


@formula
def poisson(a: Scalar, y: Scalar) -> Scalar:
    """J = e^a − y a, a the logarithm of the rate; −ln of Poisson's probability but for ln y!."""
    return exp(a) - y * a


@formula
def exponential_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = e^a − y of poisson; the same is ∂J/∂z = p − y of softmax_cross_entropy, a = ln p.

    The latter for targets y that add up to 1.
    """
    return exp(a) - y


@formula
def binary_cross_entropy(a: Scalar, y: Scalar) -> Scalar:
    """J = −y ln σ(a) − (1 − y) ln(1 − σ(a)) = max(0, a) − y a + ln(1 + e^−|a|)."""
    return (relu(a) - y * a) + log1p(exp(-abs(a)))


@formula
def binary_cross_entropy_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = σ(a) − y."""
    return sigmoid(a) - y


@formula
def softmax_cross_entropy(a: Scalar, y: Scalar) -> Scalar:
    """J's part −y ln p; a is ln p, from log_softmax."""
    return -(y * a)


@formula
def weighted(weight: Scalar, value: Scalar) -> Scalar:
    """v · value, but 0 for v = 0 even where the value has overflowed."""
    return weight * value if weight > like(weight, 0) else like(weight, 0)


@formula
def always_weighted(weight: Scalar, value: Scalar) -> Scalar:
    """v · value, for values that do not overflow."""
    return weight * value


class Loss(NamedTuple):
    """One loss: its formulas, and where they overflow."""

    name: str
    cost: Any  # (a, y) ↦ J
    delta: Any  # (a, y) ↦ ∂J/∂a, or ∂J/∂z if `on_logits`
    cost_overflows: bool = False  # whether J may, for an example of weight 0
    delta_overflows: bool = False
    on_logits: int | None = None  # what the last layer computes from the logits z instead

    @property
    def weighted_cost(self) -> Any:
        """(v, J) ↦ v J."""
        return weighted if self.cost_overflows else always_weighted

    @property
    def weighted_delta(self) -> Any:
        """(v, ∂J/∂a) ↦ v ∂J/∂a."""
        return weighted if self.delta_overflows else always_weighted


LOSSES = (
    Loss("half_squared_error", half_squared_error, half_squared_error_delta),
    Loss("absolute_error", absolute_error, absolute_error_delta),
    Loss("huber", huber, huber_delta),
    Loss("log_cosh", log_cosh, log_cosh_delta),
    Loss("poisson", poisson, exponential_delta, cost_overflows=True, delta_overflows=True),
    Loss(
        "binary_cross_entropy", binary_cross_entropy, binary_cross_entropy_delta,
        on_logits=IDENTITY,
    ),
    Loss(
        "softmax_cross_entropy", softmax_cross_entropy, exponential_delta,
        delta_overflows=True, on_logits=LOG_SOFTMAX,
    ),
)  # fmt: skip
CODES = {loss.name: code for code, loss in enumerate(LOSSES)}
HALF_SQUARED_ERROR, SOFTMAX_CROSS_ENTROPY = (
    CODES["half_squared_error"],
    CODES["softmax_cross_entropy"],
)
# What the last layer computes from the logits z while these losses are evaluated; their deltas
# are ∂J/∂z.
ON_LOGITS = {code: loss.on_logits for code, loss in enumerate(LOSSES) if loss.on_logits is not None}

# What the loops over a block take: (a, y, weight), (delta_out, a, y, weight) and
# (out, a, y, weight).
COST, DELTA, COSTS = (
    Contract(Vector, Vector, Vector, returns=float),
    Contract(Vector, Vector, Vector, Vector),
    Contract(Vector, Vector, Vector, Vector),
)


@kernel
def leave_out(a: Vector, y: Vector, weight: Vector) -> None:
    """a_js ← y_js for the samples of weight 0, where no J overflows then."""
    lanes = weight.size
    for i in range(a.size):
        if not weight[i % lanes] > 0:
            a[i] = y[i]


@functools.cache
def cost(code: int) -> Any:
    """The kernel Σ_s v_s Σ_j J(a_js, y_js) over one block, as float64.

    0 · ∞ is NaN, so an example of weight 0 whose J has overflowed would spoil the sum. To look at
    the weights in every sum takes 3 % of the exercise's time; so the sum is made again without
    those examples where it is not finite, and a is overwritten then.
    """
    loss = LOSSES[code]
    value, times = loss.cost, loss.weighted_cost

    @kernel
    def block_cost(a: Vector, y: Vector, weight: Vector) -> float:
        lanes = weight.size
        total = 0.0
        for start in range(0, a.size, lanes):
            a_row = window(a, start, lanes)
            y_row = window(y, start, lanes)
            row_sum = a.dtype.type(0)
            for s in range(lanes):
                row_sum += times(weight[s], value(a_row[s], y_row[s]))
            total += row_sum
        return total

    def finite_cost(a: Vector, y: Vector, weight: Vector) -> float:
        total = block_cost(a, y, weight)
        if not abs(total) < math.inf:
            leave_out(a, y, weight)
            total = block_cost(a, y, weight)
        return total

    finite_cost.__qualname__ = f"{loss.name}_cost"
    return kernel(finite_cost)


@functools.cache
def costs(code: int) -> Any:
    """The kernel out_s ← v_s J(a_s, y_s), one output of every sample."""
    loss = LOSSES[code]
    value = loss.cost

    def values(out: Vector, a: Vector, y: Vector, weight: Vector) -> None:
        for s in range(out.size):
            out[s] = weighted(weight[s], value(a[s], y[s]))

    values.__qualname__ = f"{loss.name}_costs"
    return elementwise(values)


@functools.cache
def delta(code: int) -> Any:
    """The kernel delta_out_js ← v_s ∂J/∂a_js over one block (∂J/∂z for the losses on logits)."""
    loss = LOSSES[code]
    derivative, times = loss.delta, loss.weighted_delta

    def block_delta(delta_out: Vector, a: Vector, y: Vector, weight: Vector) -> None:
        lanes = weight.size
        for start in range(0, a.size, lanes):
            delta_row = window(delta_out, start, lanes)
            a_row = window(a, start, lanes)
            y_row = window(y, start, lanes)
            for s in range(lanes):
                delta_row[s] = times(weight[s], derivative(a_row[s], y_row[s]))

    block_delta.__qualname__ = f"{loss.name}_delta"
    return kernel(block_delta)
