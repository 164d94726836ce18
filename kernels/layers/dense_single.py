"""The dense layer on a block of one sample: matrix times vector, in loops over adjacent units."""

from __future__ import annotations

from ..compile.jit import Scalar, Vector, kernel
from ..compile.memory import window
from .operations import D_IN, D_OUT, Layer


@kernel
def forward(layer: Layer) -> None:
    """z ← W a + b; z (d_out,) is written, a is (d_in,)."""
    z, d_in, d_out = layer.a_out, layer.row[D_IN], layer.row[D_OUT]
    bias = window(layer.parameters, d_in * d_out, d_out)
    for j in range(d_out):
        z[j] = bias[j]
    add_lane_products(z, layer.a_in, window(layer.parameters, 0, d_in * d_out))


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← Wᵀ δ_out; delta_in (d_in,) is written, delta_out is (d_out,)."""
    d_in, d_out = layer.row[D_IN], layer.row[D_OUT]
    weight = window(layer.parameters, 0, d_in * d_out)
    weighted_sum(layer.delta_in, layer.delta_out, weight, d_out)


@kernel
def gradient(layer: Layer) -> None:
    """∇W ← δ_out aᵀ and ∇b ← δ_out, added to what the gradient holds if `accumulate`."""
    d_in, d_out = layer.row[D_IN], layer.row[D_OUT]
    delta_out, total = layer.delta_out, layer.gradient
    weight = window(total, 0, d_in * d_out)
    bias = window(total, d_in * d_out, d_out)
    if not layer.accumulate:
        for k in range(total.size):
            total[k] = 0
    for j in range(d_out):
        bias[j] += delta_out[j]
        add_multiple(window(weight, j * d_in, d_in), delta_out[j], layer.a_in)


@kernel
def weighted_sum(out: Vector, weight: Vector, rows: Vector, count: int) -> None:
    """out_s ← Σ_i weight_i rows_is over `count` rows, four at a time.

    Four rows cost five loads and one store for four multiply-adds; one row at a time costs two
    loads and a store each.
    """
    lanes = out.size
    head = count % 4
    for s in range(lanes):
        out[s] = 0
    for i in range(head):
        add_multiple(out, weight[i], window(rows, i * lanes, lanes))
    for i in range(head, count, 4):
        w0, w1, w2, w3 = weight[i], weight[i + 1], weight[i + 2], weight[i + 3]
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
