"""The twin of `layers.dense`: z = W a + b, its delta and its gradient, by one block of threads.

Arrays are feature-major as on the CPU, (d, lanes). The number of lanes is odd, so that elements of
one sample in different rows lie in different banks of shared memory. All that is read lies there.
"""

from __future__ import annotations

from ...layers.operations import D_IN, D_OUT
from ..compile.jit import kernel, window
from ..products.block import ADD, MULTIPLY, WRITE, Product, row_sums
from ..products.block_product import product
from .operations import Layer, shared_parameters


@kernel
def forward(layer: Layer) -> None:
    """a_out ← W a_in + b; a_out (d_out, lanes) is written, a_in is (d_in, lanes)."""
    d_in, d_out, lanes = layer.row[D_IN], layer.row[D_OUT], layer.lanes
    (parameters,) = shared_parameters(layer)
    z = Product(
        out=layer.a_out,
        left=window(parameters, 0, d_in * d_out),
        right=layer.a_in,
        start=window(parameters, d_in * d_out, d_out),
        rows=d_out,
        columns=lanes,
        inner=d_in,
        left_row=d_in,
        left_step=1,
        right_step=lanes,
        right_column=1,
        mode=WRITE,
    )
    product(z, layer.scratch, layer.precision)


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← f'(z) ⊙ Wᵀ δ_out; delta_in (d_in, lanes) holds f', delta_out is (d_out, lanes)."""
    d_in, d_out, lanes = layer.row[D_IN], layer.row[D_OUT], layer.lanes
    (parameters,) = shared_parameters(layer)
    delta_in = Product(
        out=layer.delta_in,
        left=window(parameters, 0, d_in * d_out),
        right=layer.delta_out,
        start=window(parameters, 0, 0),
        rows=d_in,
        columns=lanes,
        inner=d_out,
        left_row=1,
        left_step=d_in,
        right_step=lanes,
        right_column=1,
        mode=MULTIPLY,
    )
    product(delta_in, layer.scratch, layer.precision)


@kernel
def gradient(layer: Layer) -> None:
    """∇W ← δ_out a_inᵀ and ∇b ← Σ_s δ_out, added to what gradient holds if `accumulate`."""
    d_in, d_out, lanes = layer.row[D_IN], layer.row[D_OUT], layer.lanes
    weight = Product(
        out=window(layer.gradient, 0, d_in * d_out),
        left=layer.delta_out,
        right=layer.a_in,
        start=window(layer.gradient, 0, 0),
        rows=d_out,
        columns=d_in,
        inner=lanes,
        left_row=lanes,
        left_step=1,
        right_step=1,
        right_column=lanes,
        mode=ADD if layer.accumulate else WRITE,
    )
    product(weight, layer.scratch, layer.precision)
    bias = window(layer.gradient, d_in * d_out, d_out)
    row_sums(bias, layer.delta_out, layer.scratch, lanes, layer.accumulate)
