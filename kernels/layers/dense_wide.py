"""The dense layer with many weights: its products by `gemm`, which is called by address."""

from __future__ import annotations

from ..compile.jit import Vector, kernel
from ..compile.memory import window
from ..products.gemm import GEMM, Product
from .dense import bias_gradient
from .operations import D_IN, D_OUT, PRODUCT, SAMPLE_MAJOR, Layer

call_gemm = GEMM.call


@kernel
def forward(layer: Layer) -> None:
    """z ← W a + b; z (d_out, lanes) is written, a is (d_in, lanes) or (samples, d_in)."""
    row, z, a, lanes = layer.row, layer.a_out, layer.a_in, layer.lanes
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(layer.parameters, 0, d_in * d_out)
    bias = window(layer.parameters, d_in * d_out, d_out)
    samples = a.size // d_in
    sample_major = row[SAMPLE_MAJOR] == 1
    a_stride = d_in if sample_major else lanes
    call_gemm(
        row[PRODUCT],
        Product(
            z, weight, a, d_out, samples, d_in, d_in, a_stride, lanes, False, sample_major, 1.0, 0.0
        ),
    )
    for j in range(d_out):
        z_row = window(z, j * lanes, lanes)
        for s in range(samples):
            z_row[s] += bias[j]
        for s in range(samples, lanes):  # padding: as finite as a sample, see `blocks`
            z_row[s] = z_row[0]


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← Wᵀ δ_out; delta_in (d_in, lanes) is written, delta_out is (d_out, lanes)."""
    row, lanes = layer.row, layer.lanes
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(layer.parameters, 0, d_in * d_out)
    call_gemm(
        row[PRODUCT],
        Product(
            layer.delta_in, weight, layer.delta_out, d_in, lanes, d_out, d_in, lanes, lanes,
            True, False, 1.0, 0.0,
        ),
    )  # fmt: skip


@kernel
def gradient(layer: Layer) -> None:
    """∇W ← δ_out aᵀ and ∇b ← Σ_s δ_out, added to what the gradient holds if `accumulate`."""
    row, lanes = layer.row, layer.lanes
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(layer.gradient, 0, d_in * d_out)
    bias = window(layer.gradient, d_in * d_out, d_out)
    beta = 1.0 if layer.accumulate else 0.0
    add_product(weight, layer.delta_out, layer.a_in, row, lanes, 1.0, beta)
    bias_gradient(bias, layer.delta_out, lanes, layer.accumulate)


@kernel
def add_product(
    weight: Vector, delta_out: Vector, a: Vector, row: Vector, lanes: int, alpha: float, beta: float
) -> None:
    """weight ← β weight + α δ_out aᵀ, for as many of the layer's units as weight has rows.

    weight is (units, d_in): those rows of ∇W, or of W itself in a step of plain descent.
    """
    d_in = row[D_IN]
    units, samples = weight.size // d_in, a.size // d_in
    sample_major = row[SAMPLE_MAJOR] == 1
    a_stride = d_in if sample_major else lanes
    call_gemm(
        row[PRODUCT],
        Product(
            weight, delta_out, a, units, d_in, samples, lanes, a_stride, d_in, False,
            not sample_major, alpha, beta,
        ),
    )  # fmt: skip
