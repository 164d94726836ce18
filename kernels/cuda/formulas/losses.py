"""The twin of `kernels.formulas.losses`: the same formulas, an element per thread."""

from __future__ import annotations

from typing import Any

from ...compile.jit import Scalar, Vector
from ...formulas import losses as cpu
from ...formulas.losses import (
    ABSOLUTE_ERROR,
    BINARY_CROSS_ENTROPY,
    HALF_SQUARED_ERROR,
    HUBER,
    LOG_COSH,
    POISSON,
)
from ..compile.jit import cuda, kernel, twin
from .activations import derivative

half_squared_error = twin(cpu.half_squared_error)
half_squared_error_delta = twin(cpu.half_squared_error_delta)
absolute_error, absolute_error_delta = twin(cpu.absolute_error), twin(cpu.absolute_error_delta)
huber, huber_delta = twin(cpu.huber), twin(cpu.huber_delta)
log_cosh, log_cosh_delta = twin(cpu.log_cosh), twin(cpu.log_cosh_delta)
poisson, exponential_delta = twin(cpu.poisson), twin(cpu.exponential_delta)
binary_cross_entropy = twin(cpu.binary_cross_entropy)
binary_cross_entropy_delta = twin(cpu.binary_cross_entropy_delta)
softmax_cross_entropy, weighted = twin(cpu.softmax_cross_entropy), twin(cpu.weighted)


@kernel
def element_cost(a: Scalar, y: Scalar, code: int) -> Any:
    """J of one output."""
    if code == HALF_SQUARED_ERROR:
        return half_squared_error(a, y)
    if code == ABSOLUTE_ERROR:
        return absolute_error(a, y)
    if code == HUBER:
        return huber(a, y)
    if code == LOG_COSH:
        return log_cosh(a, y)
    if code == POISSON:
        return poisson(a, y)
    if code == BINARY_CROSS_ENTROPY:
        return binary_cross_entropy(a, y)
    return softmax_cross_entropy(a, y)


@kernel
def element_delta(a: Scalar, y: Scalar, code: int) -> Any:
    """∂J/∂a of one output, ∂J/∂z for the losses on logits."""
    if code == HALF_SQUARED_ERROR:
        return half_squared_error_delta(a, y)
    if code == ABSOLUTE_ERROR:
        return absolute_error_delta(a, y)
    if code == HUBER:
        return huber_delta(a, y)
    if code == LOG_COSH:
        return log_cosh_delta(a, y)
    if code == BINARY_CROSS_ENTROPY:
        return binary_cross_entropy_delta(a, y)
    return exponential_delta(a, y)


@kernel
def cost(a: Vector, y: Vector, weight: Vector, code: int) -> float:
    """The thread's part of Σ_s v_s Σ_j J(a_js, y_js) over one block of samples, as float64."""
    lanes, threads = weight.size, cuda.blockDim.x
    s = cuda.threadIdx.x % lanes
    hop = threads % lanes
    total = 0.0
    for i in range(cuda.threadIdx.x, a.size, threads):
        total += weighted(weight[s], element_cost(a[i], y[i], code))
        s += hop
        s -= lanes if s >= lanes else 0
    return total


@kernel
def delta(
    delta_out: Vector,
    a: Vector,
    y: Vector,
    weight: Vector,
    code: int,
    kept: Vector,
    activation: int,
) -> None:
    """delta_out_js ← v_s ∂J/∂a_js ⊙ f'(z_js) over one block of samples, where a may lie.

    kept is what f' is a function of, see `activations.derivative`.
    """
    lanes, threads = weight.size, cuda.blockDim.x
    s = cuda.threadIdx.x % lanes
    hop = threads % lanes
    for i in range(cuda.threadIdx.x, a.size, threads):
        slope = derivative(kept, i, activation)
        delta_out[i] = weighted(weight[s], element_delta(a[i], y[i], code)) * slope
        s += hop
        s -= lanes if s >= lanes else 0
    cuda.syncthreads()
