"""f and f' of every activation, written once.

A derivative is a cheap function of the output a = f(z), or, for gelu, silu and softplus, it is kept
in a workspace of the layer: it shares its one sigmoid or exponential with f, and gelu and silu
are not monotone, so that a alone does not give it. Where f has no derivative (relu at 0, heaviside
anywhere) it is taken as 0; leaky_relu at 0 has the slope of its left side, as in PyTorch.

To add one: its name in `CODES`, two formulas here, a branch in `forward` and in `backward`; or, if
`forward` keeps f'(z), its code in `NEEDS_WORKSPACE`.
"""

from __future__ import annotations

from ..compile.jit import Scalar, Vector, formula, routine
from ..compile.memory import window
from .elementary import exp, expm1, like, log, log1p, sigmoid, tanh

(
    IDENTITY,
    SIGMOID,
    TANH,
    RELU,
    LEAKY_RELU,
    ELU,
    GELU,
    SILU,
    SOFTPLUS,
    HEAVISIDE,
    SOFTMAX,
    LOG_SOFTMAX,
) = range(12)
CODES = {
    "identity": IDENTITY,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SILU,
    "softplus": SOFTPLUS,
    "heaviside": HEAVISIDE,
    "softmax": SOFTMAX,
}
# Layers with as many more units in the activation buffer: for f'(z), or for softmax's sums.
NEEDS_WORKSPACE = {GELU, SILU, SOFTPLUS, SOFTMAX, LOG_SOFTMAX}

_LEAK = 0.01
# gelu's gate is σ(2u), u = √(2/π) (z + 0.044715 z³).
_GELU_SCALE = 2 * 0.7978845608028654
_GELU_CUBE = 0.044715
# Beyond ±1000 a gate is 0 or 1 to the last bit; z² stays finite.
_FAR = 1000.0


@formula
def relu(z: Scalar) -> Scalar:
    """f(z) = max(0, z); NaN stays NaN."""
    return like(z, 0) if z < like(z, 0) else z


@formula
def relu_derivative(a: Scalar) -> Scalar:
    """f'(z) = 1 if z > 0 else 0; z > 0 and a > 0 are the same."""
    return like(a, 1) if a > like(a, 0) else like(a, 0)


@formula
def leaky_relu(z: Scalar) -> Scalar:
    """f(z) = z if z > 0 else 0.01 z (Maas, Hannun and Ng, ICML 2013)."""
    return z if z > like(z, 0) else like(z, _LEAK) * z


@formula
def leaky_relu_derivative(a: Scalar) -> Scalar:
    """f'(z) = 1 if z > 0 else 0.01; z > 0 and a > 0 are the same."""
    return like(a, 1) if a > like(a, 0) else like(a, _LEAK)


@formula
def elu(z: Scalar) -> Scalar:
    """f(z) = z if z > 0 else e^z − 1 (Clevert, Unterthiner and Hochreiter, ICLR 2016; α = 1)."""
    return z if z > like(z, 0) else expm1(z)


@formula
def elu_derivative(a: Scalar) -> Scalar:
    """f'(z) = 1 if z > 0 else e^z = a + 1."""
    return like(a, 1) if a > like(a, 0) else a + like(a, 1)


@formula
def heaviside(z: Scalar) -> Scalar:
    """f(z) = 1 if z ≥ 0 else 0, so f(0) = 1; NaN stays NaN."""
    step = like(z, 1) if z >= like(z, 0) else like(z, 0)
    return step if z == z else z


@formula
def sigmoid_derivative(a: Scalar) -> Scalar:
    """f'(z) = a (1 − a)."""
    return a * (like(a, 1) - a)


@formula
def tanh_derivative(a: Scalar) -> Scalar:
    """f'(z) = 1 − a², as a product so that it keeps its relative accuracy near |a| = 1."""
    return (like(a, 1) - a) * (like(a, 1) + a)


@formula
def softplus(z: Scalar, u: Scalar) -> Scalar:
    """f(z) = ln(1 + e^z) = max(0, z) + ln(1 + u), u = e^−|z|, which does not overflow."""
    return relu(z) + log1p(u)


@formula
def logistic(t: Scalar, u: Scalar) -> Scalar:
    """σ(t) = 1/(1 + u) for t > 0, else u/(1 + u); u = e^−|t|, and 1/(1 + u), serve −t as well."""
    return (like(u, 1) if t > like(t, 0) else u) * (like(u, 1) / (like(u, 1) + u))


@formula
def gate_argument(z: Scalar, scale: Scalar, cube: Scalar) -> Scalar:
    """t = scale · z (1 + cube · z²) of f(z) = z σ(t).

    silu(z) = z σ(z) has scale 1, cube 0 (Elfwing, Uchibe and Doya, Neural Networks 107, 2018).
    gelu(z) = ½ z (1 + tanh u) = z σ(2u), u = √(2/π) (z + 0.044715 z³), the tanh form of Hendrycks
    and Gimpel, "Gaussian error linear units" (2016), as JAX's default and PyTorch's
    approximate="tanh"; σ keeps the relative accuracy of the left tail.
    """
    z = within(z, _FAR)
    return scale * z * (like(z, 1) + cube * z * z)


@formula
def gated(z: Scalar, gate: Scalar) -> Scalar:
    """f(z) = z g, g = σ(t); f(−∞) = 0."""
    return (like(z, -_FAR) if z < like(z, -_FAR) else z) * gate


@formula
def gated_derivative(z: Scalar, gate: Scalar, rest: Scalar, scale: Scalar, cube: Scalar) -> Scalar:
    """f'(z) = g (1 + z (1 − g) t'), t' = scale (1 + 3 cube · z²).

    rest is 1 − g, computed apart: z t' would enlarge its rounding error.
    """
    z = within(z, _FAR)
    slope = scale * (like(z, 1) + like(z, 3) * cube * z * z)
    return gate * (like(z, 1) + z * rest * slope)


@formula
def within(z: Scalar, bound: float) -> Scalar:
    """z held within ±bound; NaN stays NaN."""
    z = like(z, -bound) if z < like(z, -bound) else z
    return like(z, bound) if z > like(z, bound) else z


@formula
def log_share(z: Scalar, largest: Scalar, log_total: Scalar) -> Scalar:
    """ln(e^z/Σ) with ln Σ = largest + log_total; the two must not be added first."""
    return (z - largest) - log_total


@routine
def log_softmax(a: Vector, workspace: Vector, lanes: int) -> None:
    """a_js ← z_js − m_s − ln Σ_i e^(z_is − m_s), m_s = max_i z_is, in place on (units, lanes).

    workspace (at least 2 units, lanes) is written.
    """
    largest, total = window(workspace, 0, lanes), window(workspace, lanes, lanes)
    for s in range(lanes):
        largest[s] = a[s]
        total[s] = 0
    for first in range(lanes, a.size, lanes):
        row = window(a, first, lanes)
        for s in range(lanes):
            largest[s] = row[s] if row[s] > largest[s] else largest[s]
    for first in range(0, a.size, lanes):
        row = window(a, first, lanes)
        for s in range(lanes):
            total[s] += exp(row[s] - largest[s])
    for s in range(lanes):
        total[s] = log(total[s])
    for first in range(0, a.size, lanes):
        row = window(a, first, lanes)
        for s in range(lanes):
            row[s] = log_share(row[s], largest[s], total[s])


@routine
def forward(a: Vector, workspace: Vector, lanes: int, code: int) -> None:
    """a ← f(a), in place: z comes in, f(z) goes out, both (units, lanes).

    workspace is as large where the activation needs one; it keeps f'(z) for `backward`.
    """
    if code == SIGMOID:
        for i in range(a.size):
            a[i] = sigmoid(a[i])
    elif code == TANH:
        for i in range(a.size):
            a[i] = tanh(a[i])
    elif code == RELU:
        for i in range(a.size):
            a[i] = relu(a[i])
    elif code == LEAKY_RELU:
        for i in range(a.size):
            a[i] = leaky_relu(a[i])
    elif code == ELU:
        for i in range(a.size):
            a[i] = elu(a[i])
    elif code == SOFTPLUS:
        for i in range(a.size):
            u = exp(-abs(a[i]))
            workspace[i] = logistic(a[i], u)  # σ is softplus' derivative
            a[i] = softplus(a[i], u)
    elif code in (GELU, SILU):
        number = a.dtype.type
        scale = number(_GELU_SCALE) if code == GELU else number(1)
        cube = number(_GELU_CUBE) if code == GELU else number(0)
        for i in range(a.size):
            t = gate_argument(a[i], scale, cube)
            u = exp(-abs(t))
            gate = logistic(t, u)
            workspace[i] = gated_derivative(a[i], gate, logistic(-t, u), scale, cube)
            a[i] = gated(a[i], gate)
    elif code == HEAVISIDE:
        for i in range(a.size):
            a[i] = heaviside(a[i])
    elif code in (SOFTMAX, LOG_SOFTMAX):
        log_softmax(a, workspace, lanes)
        if code == SOFTMAX:
            for i in range(a.size):
                a[i] = exp(a[i])


@routine
def backward(delta: Vector, kept: Vector, code: int) -> None:
    """δ ← δ ⊙ f'(z), in place; kept is the layer's workspace, or its output a if it has none.

    The softmax loss gives ∂J/∂z itself, so softmax has no branch here.
    """
    if code == SIGMOID:
        for i in range(delta.size):
            delta[i] *= sigmoid_derivative(kept[i])
    elif code == TANH:
        for i in range(delta.size):
            delta[i] *= tanh_derivative(kept[i])
    elif code == RELU:
        for i in range(delta.size):
            delta[i] *= relu_derivative(kept[i])
    elif code == LEAKY_RELU:
        for i in range(delta.size):
            delta[i] *= leaky_relu_derivative(kept[i])
    elif code == ELU:
        for i in range(delta.size):
            delta[i] *= elu_derivative(kept[i])
    elif code in (GELU, SILU, SOFTPLUS):
        for i in range(delta.size):
            delta[i] *= kept[i]
    elif code == HEAVISIDE:
        for i in range(delta.size):
            delta[i] = like(delta[i], 0)
