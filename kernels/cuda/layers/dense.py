"""The twin of `layers.dense`: z = W a + b, its delta and its gradient, by one block of threads.

Arrays are feature-major as on the CPU, (d, lanes). The number of lanes is odd, so that elements of
one sample in different rows lie in different banks of shared memory. All that is read lies there.
"""

from __future__ import annotations

from ...compile.jit import Vector
from ...layers.operations import D_IN, D_OUT
from ..compile.jit import kernel, window
from ..products.block import ADD, MULTIPLY, WRITE, row_sums
from ..products.block_product import product


@kernel
def forward(
    z: Vector,
    parameters: Vector,
    a: Vector,
    row: Vector,
    lanes: int,
    scratch: Vector,
    precision: int,
) -> None:
    """z ← W a + b; z (d_out, lanes) is written, a is (d_in, lanes)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    bias = window(parameters, d_in * d_out, d_out)
    product(z, weight, a, bias, scratch, d_out, lanes, d_in, d_in, 1, lanes, 1, WRITE, precision)


@kernel
def delta(
    delta_in: Vector,
    parameters: Vector,
    delta_out: Vector,
    row: Vector,
    lanes: int,
    scratch: Vector,
    precision: int,
) -> None:
    """δ_in ← f'(z) ⊙ Wᵀ δ_out; delta_in (d_in, lanes) holds f', delta_out is (d_out, lanes)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    none = window(parameters, 0, 0)
    product(
        delta_in,
        weight,
        delta_out,
        none,
        scratch,
        d_in,
        lanes,
        d_out,
        1,
        d_in,
        lanes,
        1,
        MULTIPLY,
        precision,
    )


@kernel
def gradient(
    gradient_out: Vector,
    delta_out: Vector,
    a: Vector,
    row: Vector,
    lanes: int,
    accumulate: bool,
    scratch: Vector,
    precision: int,
) -> None:
    """∇W ← δ_out aᵀ and ∇b ← Σ_s δ_out, added to what gradient_out holds if `accumulate`."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(gradient_out, 0, d_in * d_out)
    bias = window(gradient_out, d_in * d_out, d_out)
    none = window(gradient_out, 0, 0)
    mode = ADD if accumulate else WRITE
    product(
        weight, delta_out, a, none, scratch, d_out, d_in, lanes, lanes, 1, 1, lanes, mode, precision
    )
    row_sums(bias, delta_out, scratch, lanes, accumulate)
