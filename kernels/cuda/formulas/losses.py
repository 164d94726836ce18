"""The twin of `kernels.formulas.losses`: the same formulas, an element per thread."""

from __future__ import annotations

from ...compile.jit import Vector
from ...formulas import losses as cpu
from ..compile.jit import cuda, kernel, twin
from .activations import derivative
from .ladders import of_two

weighted = twin(cpu.weighted)
# J of one output by the code of the loss, and ∂J/∂a (∂J/∂z for the losses on logits).
element_cost = of_two([twin(loss.cost) for loss in cpu.LOSSES])
element_delta = of_two([twin(loss.delta) for loss in cpu.LOSSES])


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
