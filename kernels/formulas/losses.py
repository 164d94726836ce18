"""Cost and output delta of every loss, written once.

A loss sees one block: outputs a and targets y of shape (d_L, lanes), example weights v of shape
(lanes,). Padding lanes have weight 0, so they add neither cost nor delta. With e = a − y an
example's J is the sum over its outputs.

Losses of probabilities p take a from the activation that `Loss.on_logits` names, whatever the
network shows to its user. No logarithm of a rounded p is taken, and J stays finite where p rounds
to 0 or 1.

To add one: its two formulas, and a line in `LOSSES`. The loops over a block, called by address, and
what a GPU's thread and a written-out pass do come from there. Losses with parameters are made in
`loss_families`, the user's own in `custom`; `of` finds all of them by their codes.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

from ..compile.called import Contract
from ..compile.jit import Scalar, Vector, elementwise, formula, kernel
from ..compile.memory import window
from .activations import IDENTITY, LOG_SOFTMAX, relu, within
from .elementary import exp, expm1, like, log, log1p, sigmoid, tanh
from .registry import Registry

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
    """∂J/∂a = e^a − y of poisson; the same is ∂J/∂z = p − y of the losses on a = ln p.

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
def hinge(a: Scalar, y: Scalar) -> Scalar:
    """J = max(0, 1 − y a), y = ±1 (C. Cortes and V. Vapnik, Machine Learning 20, 1995)."""
    return relu(like(a, 1) - y * a)


@formula
def hinge_delta(a: Scalar, y: Scalar) -> Scalar:
    """∂J/∂a = −y if y a < 1 else 0; NaN stays NaN."""
    margin = y * a - like(a, 1)
    return -y if margin < like(a, 0) else (like(a, 0) if margin >= like(a, 0) else margin)


@formula
def kl_divergence(a: Scalar, y: Scalar) -> Scalar:
    """J's part y (ln y − ln p), 0 for y = 0; a is ln p (S. Kullback and R. Leibler, 1951)."""
    return y * (log(y) - a) if y > like(y, 0) else -(y * a)


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
    through_softmax: bool = False  # delta is ∂J/∂a after all, a = ln p: the loop makes ∂J/∂z of it
    digest: str = ""  # of a loss that is not in `LOSSES`

    @property
    def symbol(self) -> str:
        """What the names of its functions begin with: no other formula has it."""
        return f"loss_{self.digest}" if self.digest else self.name

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
    Loss("hinge", hinge, hinge_delta),
    Loss(
        "kl_divergence", kl_divergence, exponential_delta,
        delta_overflows=True, on_logits=LOG_SOFTMAX,
    ),
)  # fmt: skip
registry: Registry[Loss] = Registry(LOSSES)
of = registry.of
CODES = {loss.name: code for code, loss in enumerate(LOSSES)}
HALF_SQUARED_ERROR = CODES["half_squared_error"]

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
    loss = of(code)
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

    finite_cost.__qualname__ = f"{loss.symbol}_cost"
    return kernel(finite_cost)


@functools.cache
def costs(code: int) -> Any:
    """The kernel out_s ← v_s J(a_s, y_s), one output of every sample."""
    loss = of(code)
    value = loss.cost

    def values(out: Vector, a: Vector, y: Vector, weight: Vector) -> None:
        for s in range(out.size):
            out[s] = weighted(weight[s], value(a[s], y[s]))

    values.__qualname__ = f"{loss.symbol}_costs"
    return elementwise(values)


@functools.cache
def delta(code: int) -> Any:
    """The kernel delta_out_js ← v_s ∂J/∂a_js over one block (∂J/∂z for the losses on logits)."""
    loss = of(code)
    derivative, times = loss.delta, loss.weighted_delta

    def block_delta(delta_out: Vector, a: Vector, y: Vector, weight: Vector) -> None:
        lanes = weight.size
        for start in range(0, a.size, lanes):
            delta_row = window(delta_out, start, lanes)
            a_row = window(a, start, lanes)
            y_row = window(y, start, lanes)
            for s in range(lanes):
                delta_row[s] = times(weight[s], derivative(a_row[s], y_row[s]))

    def block_delta_through_softmax(
        delta_out: Vector, a: Vector, y: Vector, weight: Vector
    ) -> None:
        # ∂J/∂z_js = g_js − p_js Σ_i g_is, g = ∂J/∂a: the sums grow in the first row, whose own g is
        # made again at the end.
        lanes = weight.size
        totals = window(delta_out, 0, lanes)
        for s in range(lanes):
            totals[s] = derivative(a[s], y[s])
        for start in range(lanes, a.size, lanes):
            delta_row = window(delta_out, start, lanes)
            a_row, y_row = window(a, start, lanes), window(y, start, lanes)
            for s in range(lanes):
                delta_row[s] = derivative(a_row[s], y_row[s])
                totals[s] += delta_row[s]
        for start in range(lanes, a.size, lanes):
            delta_row, a_row = window(delta_out, start, lanes), window(a, start, lanes)
            for s in range(lanes):
                delta_row[s] = times(weight[s], delta_row[s] - exp(a_row[s]) * totals[s])
        for s in range(lanes):
            totals[s] = times(weight[s], derivative(a[s], y[s]) - exp(a[s]) * totals[s])

    loop = block_delta_through_softmax if loss.through_softmax else block_delta
    loop.__qualname__ = f"{loss.symbol}_delta"
    return kernel(loop)
