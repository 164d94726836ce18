"""The twin of `kernels.formulas.activations`: the same formulas, an element per thread."""

from __future__ import annotations

from typing import Any

from ...compile.jit import Vector
from ...formulas import activations as cpu
from ...formulas import elementary
from ...formulas.activations import ACTIVATIONS, LOG_SOFTMAX, SOFTMAX, Activation
from ..compile.jit import cuda, kernel, twin
from .ladders import of_three, of_two

exp, log, like, log_share = (
    twin(elementary.exp),
    twin(elementary.log),
    twin(elementary.like),
    twin(cpu.log_share),
)


def _stored(entry: Activation) -> Any:
    """(a, workspace, i): a_i ← f(a_i), and workspace_i ← f'(z) where that is kept."""
    if entry.function is None:
        return _nothing
    function = twin(entry.function)

    def store(a: Vector, workspace: Vector, i: int) -> None:
        a[i] = function(a[i])

    def store_both(a: Vector, workspace: Vector, i: int) -> None:
        a[i], workspace[i] = function(a[i])

    return kernel(store_both if entry.keeps else store)


def _slope(entry: Activation) -> Any:
    """(kept, i) ↦ f'(z_i) from what was kept of it, or else from f(z_i)."""
    if entry.keeps:
        return _kept
    if entry.derivative is None:
        return _one
    derivative = twin(entry.derivative)

    def slope(kept: Vector, i: int) -> Any:
        return derivative(kept[i])

    return kernel(slope)


@kernel
def _nothing(a: Vector, workspace: Vector, i: int) -> None:
    """f(z) = z, and softmax, which is no function of one element."""


@kernel
def _kept(kept: Vector, i: int) -> Any:
    """f'(z_i), which `forward` kept."""
    return kept[i]


@kernel
def _one(kept: Vector, i: int) -> Any:
    """f'(z_i) = 1, also for the output of a loss."""
    return kept.dtype.type(1)


# (a, workspace, i, code): see `_stored`; (kept, i, code): see `_slope`.
apply = of_three([_stored(entry) for entry in ACTIVATIONS])
derivative = of_two([_slope(entry) for entry in ACTIVATIONS])


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
