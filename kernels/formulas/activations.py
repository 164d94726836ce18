"""f and f' of every activation, written once, and the table of them.

A derivative is a cheap function of the output a = f(z), except for gelu, silu and softplus. Theirs
is kept in a workspace of the layer, since it shares its one sigmoid or exponential with f. Besides,
gelu and silu are not monotone: a alone does not give their derivatives. Where f has no derivative
(relu at 0, heaviside anywhere) it is taken as 0; leaky_relu at 0 has the slope of its left side, as
in PyTorch.

To add one: its two formulas, or one that gives both values, and a line in `ACTIVATIONS`. The loops
over a block, called by address, and what a GPU's thread and a written-out pass do come from there.
The user's own are made in `custom`; `of` finds all of them by their codes.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from ..compile.called import Contract
from ..compile.jit import Scalar, Vector, formula, kernel
from ..compile.memory import window
from .elementary import exp, expm1, like, log, log1p, sigmoid, tanh
from .registry import Registry

_LEAK = 0.01
# gelu's gate is σ(2u), u = √(2/π) (z + 0.044715 z³).
_GELU_SCALE = 2 * 0.7978845608028654
_GELU_CUBE = 0.044715
# Beyond ±1000 a gate is 0 or 1 to the last bit; z² stays finite.
_FAR = 1000.0


@formula
def relu(z: Scalar) -> Scalar:
    """f(z) = max(0, z); NaN stays NaN.

    |z| is z where it is taken. With z itself LLVM stores nothing there but 0 elsewhere, and a
    store under a mask takes five times as long on a processor with AVX2.
    """
    return like(z, 0) if z < like(z, 0) else abs(z)


@formula
def relu_derivative(a: Scalar) -> Scalar:
    """f'(z) = 1 if z > 0 else 0; z > 0 and a > 0 are the same."""
    return like(a, 1) if a > like(a, 0) else like(a, 0)


@formula
def leaky_relu(z: Scalar) -> Scalar:
    """f(z) = z if z > 0 else 0.01 z (Maas, Hannun and Ng, ICML 2013)."""
    return (like(z, 1) if z > like(z, 0) else like(z, _LEAK)) * z


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
def heaviside_derivative(a: Scalar) -> Scalar:
    """f'(z) = 0."""
    return like(a, 0)


@formula
def sigmoid_derivative(a: Scalar) -> Scalar:
    """f'(z) = a (1 − a)."""
    return a * (like(a, 1) - a)


@formula
def tanh_derivative(a: Scalar) -> Scalar:
    """f'(z) = 1 − a², as a product so that it keeps its relative accuracy near |a| = 1."""
    return (like(a, 1) - a) * (like(a, 1) + a)


@formula
def softplus(z: Scalar) -> tuple[Scalar, Scalar]:
    """f(z) = ln(1 + e^z) = max(0, z) + ln(1 + u), u = e^−|z| does not overflow; f' is σ(z)."""
    u = exp(-abs(z))
    return relu(z) + log1p(u), logistic(z, u)


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
def gate(z: Scalar, scale: Scalar, cube: Scalar) -> tuple[Scalar, Scalar]:
    """z σ(t) and its derivative, by one exponential."""
    t = gate_argument(z, scale, cube)
    u = exp(-abs(t))
    share = logistic(t, u)
    return gated(z, share), gated_derivative(z, share, logistic(-t, u), scale, cube)


@formula
def gelu(z: Scalar) -> tuple[Scalar, Scalar]:
    """f(z) and f'(z), see `gate_argument`."""
    return gate(z, like(z, _GELU_SCALE), like(z, _GELU_CUBE))


@formula
def silu(z: Scalar) -> tuple[Scalar, Scalar]:
    """f(z) and f'(z), see `gate_argument`."""
    return gate(z, like(z, 1), like(z, 0))


@formula
def within(z: Scalar, bound: float) -> Scalar:
    """z held within ±bound; NaN stays NaN."""
    z = like(z, -bound) if z < like(z, -bound) else z
    return like(z, bound) if z > like(z, bound) else z


@formula
def log_share(z: Scalar, largest: Scalar, log_total: Scalar) -> Scalar:
    """ln(e^z/Σ) with ln Σ = largest + log_total; the two must not be added first."""
    return (z - largest) - log_total


@kernel
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


@kernel
def softmax(a: Vector, workspace: Vector, lanes: int) -> None:
    """a_js ← e^(z_js)/Σ_i e^(z_is), in place on (units, lanes); workspace is written."""
    log_softmax(a, workspace, lanes)
    for i in range(a.size):
        a[i] = exp(a[i])


class Activation(NamedTuple):
    """One activation: its formulas, and how a layer keeps what `backward` needs.

    Without formulas it is the identity, or `columns`.
    """

    name: str
    function: Any = None  # z ↦ f(z), or z ↦ (f(z), f'(z)) if `keeps`
    derivative: Any = None  # f(z) ↦ f'(z); None if `keeps`
    keeps: bool = False  # whether f'(z) is kept in the layer's workspace
    columns: Any = None  # a kernel on (units, lanes), for what is no function of one number
    digest: str = ""  # of an activation that is not in `ACTIVATIONS`

    @property
    def symbol(self) -> str:
        """What the names of its functions begin with: no other formula has it."""
        return f"activation_{self.digest}" if self.digest else self.name

    @property
    def needs_workspace(self) -> bool:
        """Whether a layer has as many more units in the activation buffer."""
        return self.keeps or self.columns is not None


ACTIVATIONS = (
    Activation("identity"),
    Activation("sigmoid", sigmoid, sigmoid_derivative),
    Activation("tanh", tanh, tanh_derivative),
    Activation("relu", relu, relu_derivative),
    Activation("leaky_relu", leaky_relu, leaky_relu_derivative),
    Activation("elu", elu, elu_derivative),
    Activation("gelu", gelu, keeps=True),
    Activation("silu", silu, keeps=True),
    Activation("softplus", softplus, keeps=True),
    Activation("heaviside", heaviside, heaviside_derivative),
    # The softmax loss gives ∂J/∂z itself, so softmax has no derivative here.
    Activation("softmax", columns=softmax),
    Activation("log_softmax", columns=log_softmax),
)
registry: Registry[Activation] = Registry(ACTIVATIONS)
of = registry.of
_CODES = {activation.name: code for code, activation in enumerate(ACTIVATIONS)}
IDENTITY, SOFTMAX, LOG_SOFTMAX = (_CODES[name] for name in ("identity", "softmax", "log_softmax"))
# Those that a user can name.
CODES = {name: code for name, code in _CODES.items() if code != LOG_SOFTMAX}

# What the loops over a block take: (a, workspace, lanes) and (delta, kept).
ACTIVATE, DERIVE = Contract(Vector, Vector, int), Contract(Vector, Vector)


@functools.cache
def forward(code: int) -> Any:
    """The kernel a ← f(a), in place: z comes in, f(z) goes out, both (units, lanes).

    None for the identity. The workspace, as large where the activation needs one, keeps f'(z).
    """
    entry = of(code)
    function, columns = entry.function, entry.columns

    def apply(a: Vector, workspace: Vector, lanes: int) -> None:
        for i in range(a.size):
            a[i] = function(a[i])

    def apply_and_keep(a: Vector, workspace: Vector, lanes: int) -> None:
        for i in range(a.size):
            a[i], workspace[i] = function(a[i])

    if function is None:
        return columns
    loop = apply_and_keep if entry.keeps else apply
    loop.__qualname__ = f"{entry.symbol}_forward"
    return kernel(loop)


@functools.cache
def backward(code: int) -> Any:
    """The kernel δ ← δ ⊙ f'(z), in place; None where f' is 1.

    kept is the layer's workspace, or its output a if it has none.
    """
    entry = of(code)
    derivative = entry.derivative

    def multiply(delta: Vector, kept: Vector) -> None:
        for i in range(delta.size):
            delta[i] *= derivative(kept[i])

    def multiply_by_kept(delta: Vector, kept: Vector) -> None:
        for i in range(delta.size):
            delta[i] *= kept[i]

    if entry.function is None:
        return None
    loop = multiply_by_kept if entry.keeps else multiply
    loop.__qualname__ = f"{entry.symbol}_backward"
    return kernel(loop)
