"""The dense layer: z = W a + b, its delta and its gradient, on one block of samples.

Arrays are feature-major: a layer's outputs are a (d_out, lanes) matrix whose rows hold one unit's
values for all samples of the block, the lecture's column vectors side by side. W is (d_out, d_in),
row-major. Narrow layers run hand loops vectorised over the lanes, wide ones BLAS.

A block of one lane is a vector, so that single samples (a prediction, batches of 1) take matrix
times vector: loops over the units of a layer, which are then adjacent.

The first layer may be `sample_major`: its input block is then (lanes, d_in), the user's rows as
they are. BLAS takes either order at the same speed, so wide first layers need no transposition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import NEEDS_WORKSPACE
from .gemm import gemm
from .jit import Scalar, Vector, kernel
from .memory import window
from .operations import D_IN, D_OUT, DENSE, SAMPLE_MAJOR, WIDE, Row

# Layers with fewer weights run the hand loops, all others BLAS: at 64 (8 × 8) BLAS is 1.15 to 2
# times as fast, at 1024 (32 × 32) twice, over batches of 32 to 512 (bench/NOTES.md).
WIDE_WEIGHTS = 64

# Numba compiles a kernel again for a literal integer, but not for a constant of NumPy's.
_ADJACENT: Any = np.int64(1)


def row(d_in: int, d_out: int, activation: int, parameters: int, output: int, first: bool) -> Row:
    """Table row of a dense layer; its parameters are W (d_out, d_in), then b (d_out,)."""
    weights = d_in * d_out
    wide = weights >= WIDE_WEIGHTS
    return Row(
        kind=DENSE,
        activation=activation,
        d_in=d_in,
        d_out=d_out,
        parameters=parameters,
        size=weights + d_out,
        decayed=weights,
        output=output,
        workspace=output + d_out if activation in NEEDS_WORKSPACE else output,
        wide=int(wide),
        sample_major=int(wide and first),
        keep=0,
    )


@kernel
def forward(z: Vector, parameters: Vector, a: Vector, row: Vector, lanes: int) -> None:
    """z ← W a + b; z (d_out, lanes) is written, a is (d_in, lanes), or (samples, d_in)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    bias = window(parameters, d_in * d_out, d_out)
    if lanes == 1:
        for j in range(d_out):
            z[j] = bias[j]
        add_lane_products(z, a, weight)
    elif row[WIDE]:
        samples = a.size // d_in
        sample_major = row[SAMPLE_MAJOR] == 1
        a_stride = d_in if sample_major else lanes
        gemm(
            z, weight, a, d_out, samples, d_in, d_in, a_stride, lanes, False, sample_major, 1.0, 0.0
        )
        for j in range(d_out):
            z_row = window(z, j * lanes, lanes)
            for s in range(samples):
                z_row[s] += bias[j]
            for s in range(samples, lanes):  # padding: any finite value will do
                z_row[s] = bias[j]
    else:
        for j in range(d_out):
            z_row = window(z, j * lanes, lanes)
            weighted_sum(z_row, window(weight, j * d_in, d_in), a, bias[j], d_in, _ADJACENT)


@kernel
def delta(delta_in: Vector, parameters: Vector, delta_out: Vector, row: Vector, lanes: int) -> None:
    """δ_in ← Wᵀ δ_out; delta_in (d_in, lanes) is written, delta_out is (d_out, lanes)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    if lanes == 1:
        weighted_sum(delta_in, delta_out, weight, weight.dtype.type(0), d_out, _ADJACENT)
    elif row[WIDE]:
        gemm(
            delta_in,
            weight,
            delta_out,
            d_in,
            lanes,
            d_out,
            d_in,
            lanes,
            lanes,
            True,
            False,
            1.0,
            0.0,
        )
    else:
        zero = parameters.dtype.type(0)
        for i in range(d_in):
            delta_row = window(delta_in, i * lanes, lanes)
            column = window(parameters, i, d_in * d_out - i)
            weighted_sum(delta_row, column, delta_out, zero, d_out, d_in)


@kernel
def gradient(
    gradient_out: Vector, delta_out: Vector, a: Vector, row: Vector, lanes: int, accumulate: bool
) -> None:
    """∇W ← δ_out aᵀ and ∇b ← Σ_s δ_out, added to what gradient_out holds if `accumulate`."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(gradient_out, 0, d_in * d_out)
    bias = window(gradient_out, d_in * d_out, d_out)
    wide = row[WIDE] == 1 and lanes > 1
    if not (accumulate or wide):
        for k in range(gradient_out.size):
            gradient_out[k] = 0
    if wide:
        samples = a.size // d_in
        sample_major = row[SAMPLE_MAJOR] == 1
        a_stride = d_in if sample_major else lanes
        gemm(weight, delta_out, a, d_out, d_in, samples, lanes, a_stride, d_in,
             False, not sample_major, 1.0, 1.0 if accumulate else 0.0)  # fmt: skip
        if not accumulate:
            for j in range(d_out):
                bias[j] = 0
    for j in range(d_out):
        delta_row = window(delta_out, j * lanes, lanes)
        bias[j] += lane_sum(delta_row)
        if lanes == 1:
            add_multiple(window(weight, j * d_in, d_in), delta_out[j], a)
        elif not wide:
            add_lane_products(window(weight, j * d_in, d_in), delta_row, a)


@kernel
def weighted_sum(
    out: Vector, weight: Vector, rows: Vector, start: Scalar, count: int, stride: int
) -> None:
    """out_s ← start + Σ_i weight[i·stride] rows_is over `count` rows, four at a time.

    Four rows cost five loads and one store for four multiply-adds; one row at a time costs two
    loads and a store each.
    """
    lanes = out.size
    head = count % 4
    for s in range(lanes):
        out[s] = start
    for i in range(head):
        w = weight[i * stride]
        row = window(rows, i * lanes, lanes)
        for s in range(lanes):
            out[s] += w * row[s]
    for i in range(head, count, 4):
        w0, w1 = weight[i * stride], weight[(i + 1) * stride]
        w2, w3 = weight[(i + 2) * stride], weight[(i + 3) * stride]
        row0 = window(rows, i * lanes, lanes)
        row1 = window(rows, (i + 1) * lanes, lanes)
        row2 = window(rows, (i + 2) * lanes, lanes)
        row3 = window(rows, (i + 3) * lanes, lanes)
        for s in range(lanes):
            out[s] += (w0 * row0[s] + w1 * row1[s]) + (w2 * row2[s] + w3 * row3[s])


@kernel
def add_multiple(out: Vector, factor: Scalar, values: Vector) -> None:
    """out ← out + factor · values."""
    for i in range(out.size):
        out[i] += factor * values[i]


@kernel
def lane_sum(row: Vector) -> Scalar:
    """Σ_s row_s."""
    total = row.dtype.type(0)
    for s in range(row.size):
        total += row[s]
    return total


@kernel
def add_lane_products(out: Vector, delta_row: Vector, rows: Vector) -> None:
    """out_i += Σ_s δ_s rows_is, four rows at a time, so that δ is loaded once for four."""
    lanes = delta_row.size
    count = out.size
    head = count % 4
    for i in range(head):
        row = window(rows, i * lanes, lanes)
        total = out.dtype.type(0)
        for s in range(lanes):
            total += delta_row[s] * row[s]
        out[i] += total
    for i in range(head, count, 4):
        row0 = window(rows, i * lanes, lanes)
        row1 = window(rows, (i + 1) * lanes, lanes)
        row2 = window(rows, (i + 2) * lanes, lanes)
        row3 = window(rows, (i + 3) * lanes, lanes)
        sum0 = sum1 = sum2 = sum3 = out.dtype.type(0)
        for s in range(lanes):
            sum0 += delta_row[s] * row0[s]
            sum1 += delta_row[s] * row1[s]
            sum2 += delta_row[s] * row2[s]
            sum3 += delta_row[s] * row3[s]
        out[i] += sum0
        out[i + 1] += sum1
        out[i + 2] += sum2
        out[i + 3] += sum3
