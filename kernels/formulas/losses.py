"""Cost and output delta of every loss, written once.

A loss sees one block: outputs a and targets y of shape (d_L, lanes), example weights v of shape
(lanes,). Padding lanes have weight 0, so they add neither cost nor delta. With e = a − y an
example's J is the sum over its outputs.

The two cross-entropies take a from the activation that `ON_LOGITS` names, whatever the network
shows to its user: so p never has to be computed and then its logarithm taken, and J stays finite
where p rounds to 0 or 1.

To add one: its name in `CODES`, its two formulas, a branch in `cost` and in `delta`.
"""

from __future__ import annotations

import math

from ..compile.jit import Scalar, Vector, elementwise, formula, kernel, routine
from ..compile.memory import window
from .activations import IDENTITY, LOG_SOFTMAX, relu, within
from .elementary import exp, expm1, like, log1p, sigmoid, tanh

(
    HALF_SQUARED_ERROR,
    ABSOLUTE_ERROR,
    HUBER,
    LOG_COSH,
    POISSON,
    BINARY_CROSS_ENTROPY,
    SOFTMAX_CROSS_ENTROPY,
) = range(7)
CODES = {
    "half_squared_error": HALF_SQUARED_ERROR,
    "absolute_error": ABSOLUTE_ERROR,
    "huber": HUBER,
    "log_cosh": LOG_COSH,
    "poisson": POISSON,
    "binary_cross_entropy": BINARY_CROSS_ENTROPY,
    "softmax_cross_entropy": SOFTMAX_CROSS_ENTROPY,
}
# What the last layer computes from the logits z while these losses are evaluated; their deltas
# are ∂J/∂z.
ON_LOGITS = {BINARY_CROSS_ENTROPY: IDENTITY, SOFTMAX_CROSS_ENTROPY: LOG_SOFTMAX}

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


@kernel
def cost(a: Vector, y: Vector, weight: Vector, code: int) -> float:
    """Σ_s v_s Σ_j J(a_js, y_js) over one block, as float64.

    0 · ∞ is NaN, so an example of weight 0 whose J has overflowed would spoil the sum. To look at
    the weights in every sum takes 3 % of the exercise's time; so the sum is made again without
    those examples where it is not finite, and a is overwritten then.
    """
    total = block_cost(a, y, weight, code)
    if not abs(total) < math.inf:
        leave_out(a, y, weight)
        total = block_cost(a, y, weight, code)
    return total


@routine
def leave_out(a: Vector, y: Vector, weight: Vector) -> None:
    """a_js ← y_js for the samples of weight 0, where no J overflows then."""
    lanes = weight.size
    for i in range(a.size):
        if not weight[i % lanes] > 0:
            a[i] = y[i]


@routine
def block_cost(a: Vector, y: Vector, weight: Vector, code: int) -> float:
    """Σ_s v_s Σ_j J(a_js, y_js), NaN where a J of weight 0 is infinite."""
    lanes = weight.size
    total = 0.0
    for start in range(0, a.size, lanes):
        a_row = window(a, start, lanes)
        y_row = window(y, start, lanes)
        row_sum = a.dtype.type(0)
        if code == HALF_SQUARED_ERROR:
            for s in range(lanes):
                row_sum += weight[s] * half_squared_error(a_row[s], y_row[s])
        elif code == ABSOLUTE_ERROR:
            for s in range(lanes):
                row_sum += weight[s] * absolute_error(a_row[s], y_row[s])
        elif code == HUBER:
            for s in range(lanes):
                row_sum += weight[s] * huber(a_row[s], y_row[s])
        elif code == LOG_COSH:
            for s in range(lanes):
                row_sum += weight[s] * log_cosh(a_row[s], y_row[s])
        elif code == POISSON:
            for s in range(lanes):
                row_sum += weighted(weight[s], poisson(a_row[s], y_row[s]))
        elif code == BINARY_CROSS_ENTROPY:
            for s in range(lanes):
                row_sum += weight[s] * binary_cross_entropy(a_row[s], y_row[s])
        elif code == SOFTMAX_CROSS_ENTROPY:
            for s in range(lanes):
                row_sum += weight[s] * softmax_cross_entropy(a_row[s], y_row[s])
        total += row_sum
    return total


@elementwise
def values(out: Vector, a: Vector, y: Vector, weight: Vector, code: int) -> None:
    """out_s ← v_s J(a_s, y_s), one output of every sample."""
    if code == HALF_SQUARED_ERROR:
        for s in range(out.size):
            out[s] = weighted(weight[s], half_squared_error(a[s], y[s]))
    elif code == ABSOLUTE_ERROR:
        for s in range(out.size):
            out[s] = weighted(weight[s], absolute_error(a[s], y[s]))
    elif code == HUBER:
        for s in range(out.size):
            out[s] = weighted(weight[s], huber(a[s], y[s]))
    elif code == LOG_COSH:
        for s in range(out.size):
            out[s] = weighted(weight[s], log_cosh(a[s], y[s]))
    elif code == POISSON:
        for s in range(out.size):
            out[s] = weighted(weight[s], poisson(a[s], y[s]))
    elif code == BINARY_CROSS_ENTROPY:
        for s in range(out.size):
            out[s] = weighted(weight[s], binary_cross_entropy(a[s], y[s]))
    elif code == SOFTMAX_CROSS_ENTROPY:
        for s in range(out.size):
            out[s] = weighted(weight[s], softmax_cross_entropy(a[s], y[s]))


@routine
def delta(delta_out: Vector, a: Vector, y: Vector, weight: Vector, code: int) -> None:
    """delta_out_js ← v_s ∂J/∂a_js over one block (∂J/∂z for the losses on logits)."""
    lanes = weight.size
    for start in range(0, a.size, lanes):
        delta_row = window(delta_out, start, lanes)
        a_row = window(a, start, lanes)
        y_row = window(y, start, lanes)
        if code == HALF_SQUARED_ERROR:
            for s in range(lanes):
                delta_row[s] = weight[s] * half_squared_error_delta(a_row[s], y_row[s])
        elif code == ABSOLUTE_ERROR:
            for s in range(lanes):
                delta_row[s] = weight[s] * absolute_error_delta(a_row[s], y_row[s])
        elif code == HUBER:
            for s in range(lanes):
                delta_row[s] = weight[s] * huber_delta(a_row[s], y_row[s])
        elif code == LOG_COSH:
            for s in range(lanes):
                delta_row[s] = weight[s] * log_cosh_delta(a_row[s], y_row[s])
        elif code in (POISSON, SOFTMAX_CROSS_ENTROPY):
            for s in range(lanes):
                delta_row[s] = weighted(weight[s], exponential_delta(a_row[s], y_row[s]))
        elif code == BINARY_CROSS_ENTROPY:
            for s in range(lanes):
                delta_row[s] = weight[s] * binary_cross_entropy_delta(a_row[s], y_row[s])
