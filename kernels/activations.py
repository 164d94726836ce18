"""f and f' of every activation, written once.

Every derivative is a function of the output a = f(z), so the kernels need not keep z. Where f has
no derivative (relu at 0, heaviside anywhere) it is taken as 0.

To add one: its name in `CODES`, two formulas here, a branch in `forward` and in `backward`.
"""

from __future__ import annotations

from .elementary import like, sigmoid, tanh
from .jit import Scalar, Vector, formula, kernel

IDENTITY, SIGMOID, TANH, RELU, HEAVISIDE = range(5)
CODES = {
    "identity": IDENTITY,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "relu": RELU,
    "heaviside": HEAVISIDE,
}


@formula
def relu(z: Scalar) -> Scalar:
    """f(z) = max(0, z); NaN stays NaN."""
    return like(z, 0) if z < like(z, 0) else z


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
def relu_derivative(a: Scalar) -> Scalar:
    """f'(z) = 1 if z > 0 else 0; z > 0 and a > 0 are the same."""
    return like(a, 1) if a > like(a, 0) else like(a, 0)


@kernel
def forward(a: Vector, code: int) -> None:
    """a ← f(a), elementwise and in place: z comes in, f(z) goes out."""
    if code == SIGMOID:
        for i in range(a.size):
            a[i] = sigmoid(a[i])
    elif code == TANH:
        for i in range(a.size):
            a[i] = tanh(a[i])
    elif code == RELU:
        for i in range(a.size):
            a[i] = relu(a[i])
    elif code == HEAVISIDE:
        for i in range(a.size):
            a[i] = heaviside(a[i])


@kernel
def backward(delta: Vector, a: Vector, code: int) -> None:
    """δ ← δ ⊙ f'(z), in place, with f' taken from the output a = f(z)."""
    if code == SIGMOID:
        for i in range(delta.size):
            delta[i] *= sigmoid_derivative(a[i])
    elif code == TANH:
        for i in range(delta.size):
            delta[i] *= tanh_derivative(a[i])
    elif code == RELU:
        for i in range(delta.size):
            delta[i] *= relu_derivative(a[i])
    elif code == HEAVISIDE:
        for i in range(delta.size):
            delta[i] = like(delta[i], 0)
