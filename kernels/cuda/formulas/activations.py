"""The twin of `kernels.formulas.activations`: the same formulas, an element per thread."""

from __future__ import annotations

from typing import Any

from ...compile.jit import Vector
from ...formulas import activations as cpu
from ...formulas import elementary
from ...formulas.activations import (
    ELU,
    GELU,
    HEAVISIDE,
    LEAKY_RELU,
    LOG_SOFTMAX,
    RELU,
    SIGMOID,
    SILU,
    SOFTMAX,
    SOFTPLUS,
    TANH,
)
from ..compile.jit import cuda, kernel, twin

exp, log, like = twin(elementary.exp), twin(elementary.log), twin(elementary.like)
sigmoid, tanh = twin(elementary.sigmoid), twin(elementary.tanh)
relu, leaky_relu, elu = twin(cpu.relu), twin(cpu.leaky_relu), twin(cpu.elu)
heaviside, softplus, logistic = twin(cpu.heaviside), twin(cpu.softplus), twin(cpu.logistic)
gate_argument, gated = twin(cpu.gate_argument), twin(cpu.gated)
gated_derivative, log_share = twin(cpu.gated_derivative), twin(cpu.log_share)
sigmoid_derivative, tanh_derivative = twin(cpu.sigmoid_derivative), twin(cpu.tanh_derivative)
relu_derivative, elu_derivative = twin(cpu.relu_derivative), twin(cpu.elu_derivative)
leaky_relu_derivative = twin(cpu.leaky_relu_derivative)

_GELU_SCALE, _GELU_CUBE = cpu._GELU_SCALE, cpu._GELU_CUBE


@kernel
def apply(a: Vector, workspace: Vector, i: int, code: int) -> None:
    """a_i ← f(a_i); workspace_i ← f'(z) where `forward` keeps it. Not for softmax."""
    z = a[i]
    if code == SIGMOID:
        a[i] = sigmoid(z)
    elif code == TANH:
        a[i] = tanh(z)
    elif code == RELU:
        a[i] = relu(z)
    elif code == LEAKY_RELU:
        a[i] = leaky_relu(z)
    elif code == ELU:
        a[i] = elu(z)
    elif code == SOFTPLUS:
        u = exp(-abs(z))
        workspace[i] = logistic(z, u)
        a[i] = softplus(z, u)
    elif code in (GELU, SILU):
        scale = like(z, _GELU_SCALE) if code == GELU else like(z, 1)
        cube = like(z, _GELU_CUBE) if code == GELU else like(z, 0)
        t = gate_argument(z, scale, cube)
        u = exp(-abs(t))
        gate = logistic(t, u)
        workspace[i] = gated_derivative(z, gate, logistic(-t, u), scale, cube)
        a[i] = gated(z, gate)
    elif code == HEAVISIDE:
        a[i] = heaviside(z)


@kernel
def derivative(kept: Vector, i: int, code: int) -> Any:
    """f'(z_i) from what `forward` kept of it, or else from f(z_i); 1 for the output of a loss."""
    if code == SIGMOID:
        return sigmoid_derivative(kept[i])
    if code == TANH:
        return tanh_derivative(kept[i])
    if code == RELU:
        return relu_derivative(kept[i])
    if code == LEAKY_RELU:
        return leaky_relu_derivative(kept[i])
    if code == ELU:
        return elu_derivative(kept[i])
    if code in (GELU, SILU, SOFTPLUS):
        return kept[i]
    return kept.dtype.type(0 if code == HEAVISIDE else 1)


@kernel
def softmax_column(a: Vector, lanes: int, s: int, code: int) -> None:
    """Column s of a (units, lanes) ← ln softmax, or softmax by code."""
    largest = a[s]
    for i in range(s + lanes, a.size, lanes):
        largest = a[i] if a[i] > largest else largest
    total = like(largest, 0)
    for i in range(s, a.size, lanes):
        total += exp(a[i] - largest)
    total = log(total)
    for i in range(s, a.size, lanes):
        share = log_share(a[i], largest, total)
        a[i] = exp(share) if code == SOFTMAX else share


@kernel
def forward(a: Vector, workspace: Vector, lanes: int, code: int) -> None:
    """a ← f(a), in place: z comes in, f(z) goes out, both (units, lanes).

    workspace is as large where the activation keeps f'(z) for the way back.
    """
    if code in (SOFTMAX, LOG_SOFTMAX):
        for s in range(cuda.threadIdx.x, lanes, cuda.blockDim.x):
            softmax_column(a, lanes, s, code)
    else:
        for i in range(cuda.threadIdx.x, a.size, cuda.blockDim.x):
            apply(a, workspace, i, code)
    cuda.syncthreads()


@kernel
def backward(delta: Vector, kept: Vector, code: int) -> None:
    """delta ← f'(z), kept is the layer's workspace, or its output a if it has none.

    Here f' comes first and `dense.delta` multiplies by it, since δ takes the place of a.
    """
    for i in range(cuda.threadIdx.x, delta.size, cuda.blockDim.x):
        delta[i] = derivative(kept, i, code)
    cuda.syncthreads()
