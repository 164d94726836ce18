"""The dense layer with many weights: its products by `gemm`, which is called by address."""

from __future__ import annotations

from typing import Any

from ..compile.jit import Vector, kernel
from ..compile.memory import window
from ..products.gemm import GEMM
from .dense import bias_gradient
from .operations import D_IN, D_OUT, PRODUCT, SAMPLE_MAJOR

call_gemm = GEMM.call


@kernel
def forward(
    z: Vector, workspace: Vector, parameters: Vector, a: Vector, row: Vector, lanes: int, key: Any
) -> None:
    """z ← W a + b; z (d_out, lanes) is written, a is (d_in, lanes) or (samples, d_in)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    bias = window(parameters, d_in * d_out, d_out)
    samples = a.size // d_in
    sample_major = row[SAMPLE_MAJOR] == 1
    a_stride = d_in if sample_major else lanes
    call_gemm(
        row[PRODUCT], z, weight, a, d_out, samples, d_in, d_in, a_stride, lanes, False,
        sample_major, 1.0, 0.0,
    )  # fmt: skip
    for j in range(d_out):
        z_row = window(z, j * lanes, lanes)
        for s in range(samples):
            z_row[s] += bias[j]
        for s in range(samples, lanes):  # padding: as finite as a sample, see `blocks`
            z_row[s] = z_row[0]


@kernel
def delta(
    delta_in: Vector, workspace: Vector, parameters: Vector, delta_out: Vector, row: Vector,
    lanes: int,
) -> None:  # fmt: skip
    """δ_in ← Wᵀ δ_out; delta_in (d_in, lanes) is written, delta_out is (d_out, lanes)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    call_gemm(
        row[PRODUCT], delta_in, weight, delta_out, d_in, lanes, d_out, d_in, lanes, lanes, True,
        False, 1.0, 0.0,
    )  # fmt: skip


@kernel
def gradient(
    gradient_out: Vector, delta_out: Vector, a: Vector, row: Vector, lanes: int, accumulate: bool
) -> None:
    """∇W ← δ_out aᵀ and ∇b ← Σ_s δ_out, added to what gradient_out holds if `accumulate`."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(gradient_out, 0, d_in * d_out)
    bias = window(gradient_out, d_in * d_out, d_out)
    add_product(weight, delta_out, a, row, lanes, 1.0, 1.0 if accumulate else 0.0)
    bias_gradient(bias, delta_out, lanes, accumulate)


@kernel
def add_product(
    weight: Vector, delta_out: Vector, a: Vector, row: Vector, lanes: int, alpha: float, beta: float
) -> None:
    """weight ← β weight + α δ_out aᵀ, for as many of the layer's units as weight has rows.

    weight is (units, d_in): those rows of ∇W, or of W itself in a step of plain descent.
    """
    d_in = row[D_IN]
    sample_major = row[SAMPLE_MAJOR] == 1
    call_gemm(
        row[PRODUCT], weight, delta_out, a, weight.size // d_in, d_in, a.size // d_in, lanes,
        d_in if sample_major else lanes, d_in, False, not sample_major, alpha, beta,
    )  # fmt: skip
