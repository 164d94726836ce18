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
    a_out: Vector,
    parameters: Vector,
    a_in: Vector,
    row: Vector,
    lanes: int,
    scratch: Vector,
    precision: int,
) -> None:
    """a_out ← W a_in + b; a_out (d_out, lanes) is written, a_in is (d_in, lanes)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    bias = window(parameters, d_in * d_out, d_out)
    product(
        a_out, weight, a_in, bias, scratch, d_out, lanes, d_in, d_in, 1, lanes, 1, WRITE, precision
    )


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
    gradient: Vector,
    delta_out: Vector,
    a_in: Vector,
    row: Vector,
    lanes: int,
    accumulate: bool,
    scratch: Vector,
    precision: int,
) -> None:
    """∇W ← δ_out a_inᵀ and ∇b ← Σ_s δ_out, added to what gradient holds if `accumulate`."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(gradient, 0, d_in * d_out)
    bias = window(gradient, d_in * d_out, d_out)
    none = window(gradient, 0, 0)
    mode = ADD if accumulate else WRITE
    product(
        weight,
        delta_out,
        a_in,
        none,
        scratch,
        d_out,
        d_in,
        lanes,
        lanes,
        1,
        1,
        lanes,
        mode,
        precision,
    )
    row_sums(bias, delta_out, scratch, lanes, accumulate)
