"""The dense layer: z = W a + b, its delta and its gradient, on one block of samples.

Arrays are feature-major: a layer's outputs are a (d_out, lanes) matrix whose rows hold one unit's
values for all samples of the block, the lecture's column vectors side by side. W is (d_out, d_in),
row-major. The kernels of this file are those of narrow layers, which compute tiles in registers
(`tiles`) and are inlined where they are used. Wide layers (`dense_wide`) and blocks of one sample
(`dense_single`) have functions of their own, which are called by address (`linking`).

The first layer may be `sample_major`: its input block is then (samples, d_in), the user's rows as
they are. `gemm` takes either order at nearly the same speed, so wide first layers need no
transposition. Narrow ones are transposed for the forward pass (`propagate`), 0.15 µs for 32 rows of
64, and take the rows for the gradient. Its vectors then lie along W's rows, and no sums over lanes
are left: 0.8 µs in place of 1.9.
"""

from __future__ import annotations

from ..compile.jit import Scalar, Vector, kernel
from ..compile.memory import window
from ..formulas import activations
from ..products.tiles import (
    FROM_OUT,
    FROM_START,
    FROM_ZERO,
    Product,
    Shape,
    lane_products,
    weighted_sums,
)
from .operations import D_IN, D_OUT, DENSE, SAMPLE_MAJOR, Layer, Row

# Layers with fewer weights compute tiles, all others call `gemm`, which is faster from there on in
# batches of 32; in larger ones tiles stay ahead (bench/NOTES.md).
WIDE_WEIGHTS = 4096
# Rows of so many features, or a multiple, are whole vectors in either dtype.
WHOLE_VECTORS = 16


def row(d_in: int, d_out: int, activation: int, parameters: int, output: int, source: int) -> Row:
    """Table row of a dense layer; its parameters are W (d_out, d_in), then b (d_out,).

    If source is −1 it reads all of the data, and may read it as the user has it.
    """
    weights = d_in * d_out
    wide = weights >= WIDE_WEIGHTS
    sample_major = source == -1 and (wide or d_in % WHOLE_VECTORS == 0)
    workspace = output + d_out if activations.of(activation).needs_workspace else output
    return Row(
        kind=DENSE,
        activation=activation,
        d_in=d_in,
        d_out=d_out,
        parameters=parameters,
        size=weights + d_out,
        decayed=weights,
        output=output,
        workspace=workspace,
        wide=int(wide),
        sample_major=int(sample_major),
        keep=0,
        transposed=workspace + d_out if sample_major and not wide else 0,
        weight_rows=d_out,
        row_weights=d_in,
        source=source,
        work=weights + d_out,
        learns=1,
    )


@kernel
def forward(layer: Layer) -> None:
    """z ← W a + b; z (d_out, lanes) is written, a is (d_in, lanes)."""
    d_in, d_out = layer.row[D_IN], layer.row[D_OUT]
    weight = window(layer.parameters, 0, d_in * d_out)
    bias = window(layer.parameters, d_in * d_out, d_out)
    product = Product(d_out, d_in, d_in, 1, layer.lanes, FROM_START)
    weighted_sums(layer.a_out, weight, layer.a_in, bias, product)


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← Wᵀ δ_out; delta_in (d_in, lanes) is written, delta_out is (d_out, lanes)."""
    d_in, d_out = layer.row[D_IN], layer.row[D_OUT]
    weight = window(layer.parameters, 0, d_in * d_out)
    product = Product(d_in, d_out, 1, d_in, layer.lanes, FROM_ZERO)
    weighted_sums(layer.delta_in, weight, layer.delta_out, weight, product)


@kernel
def gradient(layer: Layer) -> None:
    """∇W ← δ_out aᵀ and ∇b ← Σ_s δ_out, added to what the gradient holds if `accumulate`."""
    row, lanes, accumulate = layer.row, layer.lanes, layer.accumulate
    d_in, d_out = row[D_IN], row[D_OUT]
    delta_out, a = layer.delta_out, layer.a_in
    weight = window(layer.gradient, 0, d_in * d_out)
    bias = window(layer.gradient, d_in * d_out, d_out)
    if row[SAMPLE_MAJOR]:
        begin = FROM_OUT if accumulate else FROM_ZERO
        product = Product(d_out, a.size // d_in, lanes, 1, d_in, begin)
        weighted_sums(weight, delta_out, a, weight, product)
        bias_gradient(bias, delta_out, lanes, accumulate)
    else:
        lane_products(weight, bias, delta_out, a, Shape(d_out, d_in, lanes), accumulate)


@kernel
def bias_gradient(bias: Vector, delta_out: Vector, lanes: int, accumulate: bool) -> None:
    """∇b_j ← Σ_s δ_js, added to what bias holds if `accumulate`."""
    for j in range(bias.size):
        total = lane_sum(window(delta_out, j * lanes, lanes))
        bias[j] = bias[j] + total if accumulate else total


@kernel
def lane_sum(row: Vector) -> Scalar:
    """Σ_s row_s."""
    total = row.dtype.type(0)
    for s in range(row.size):
        total += row[s]
    return total
