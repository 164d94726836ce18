"""The dense layer: z = W a + b, its delta and its gradient, on one block of samples.

Arrays are feature-major: a layer's outputs are a (d_out, lanes) matrix whose rows hold one unit's
values for all samples of the block, the lecture's column vectors side by side. W is (d_out, d_in),
row-major. Narrow layers compute tiles in registers (`tiles`), wide ones call `gemm`.

A block of one lane is a vector, so that single samples (a prediction, batches of 1) take matrix
times vector: loops over the units of a layer, which are then adjacent.

The first layer may be `sample_major`: its input block is then (samples, d_in), the user's rows as
they are. `gemm` takes either order at nearly the same speed, so wide first layers need no
transposition. Narrow ones are transposed for the forward pass (`propagate`), 0.15 µs for 32 rows
of 64, and take the rows for the gradient, whose vectors then lie along W's rows: no sums over
lanes are left, 0.8 µs in place of 1.9.
"""

from __future__ import annotations

from ..compile.jit import Scalar, Vector, kernel
from ..compile.memory import window
from ..formulas.activations import NEEDS_WORKSPACE
from ..products.gemm import gemm
from ..products.tiles import FROM_OUT, FROM_START, FROM_ZERO, lane_products, weighted_sums
from .operations import D_IN, D_OUT, DENSE, SAMPLE_MAJOR, WIDE, Row

# Layers with fewer weights compute tiles, all others call `gemm`, which is faster from there on in
# batches of 32; in larger ones tiles stay ahead (bench/NOTES.md).
WIDE_WEIGHTS = 4096
# Rows of so many features, or a multiple, are whole vectors in either dtype.
WHOLE_VECTORS = 16


def row(d_in: int, d_out: int, activation: int, parameters: int, output: int, first: bool) -> Row:
    """Table row of a dense layer; its parameters are W (d_out, d_in), then b (d_out,)."""
    weights = d_in * d_out
    wide = weights >= WIDE_WEIGHTS
    sample_major = first and (wide or d_in % WHOLE_VECTORS == 0)
    workspace = output + d_out if activation in NEEDS_WORKSPACE else output
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
    )


@kernel
def forward(z: Vector, parameters: Vector, a: Vector, row: Vector, lanes: int) -> None:
    """z ← W a + b; z (d_out, lanes) is written, a is (d_in, lanes); or (samples, d_in), if wide."""
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
            for s in range(samples, lanes):  # padding: as finite as a sample, see `blocks`
                z_row[s] = z_row[0]
    else:
        weighted_sums(z, weight, a, bias, d_out, d_in, d_in, 1, lanes, FROM_START)


@kernel
def delta(delta_in: Vector, parameters: Vector, delta_out: Vector, row: Vector, lanes: int) -> None:
    """δ_in ← Wᵀ δ_out; delta_in (d_in, lanes) is written, delta_out is (d_out, lanes)."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(parameters, 0, d_in * d_out)
    if lanes == 1:
        weighted_sum(delta_in, delta_out, weight, d_out)
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
        weighted_sums(delta_in, weight, delta_out, weight, d_in, d_out, 1, d_in, lanes, FROM_ZERO)


@kernel
def gradient(
    gradient_out: Vector, delta_out: Vector, a: Vector, row: Vector, lanes: int, accumulate: bool
) -> None:
    """∇W ← δ_out aᵀ and ∇b ← Σ_s δ_out, added to what gradient_out holds if `accumulate`."""
    d_in, d_out = row[D_IN], row[D_OUT]
    weight = window(gradient_out, 0, d_in * d_out)
    bias = window(gradient_out, d_in * d_out, d_out)
    if lanes == 1:
        if not accumulate:
            for k in range(gradient_out.size):
                gradient_out[k] = 0
        for j in range(d_out):
            bias[j] += delta_out[j]
            add_multiple(window(weight, j * d_in, d_in), delta_out[j], a)
    elif row[WIDE]:
        add_product(weight, delta_out, a, row, d_out, lanes, 1.0, 1.0 if accumulate else 0.0)
        bias_gradient(bias, delta_out, lanes, accumulate)
    elif row[SAMPLE_MAJOR]:
        begin = FROM_OUT if accumulate else FROM_ZERO
        weighted_sums(weight, delta_out, a, weight, d_out, a.size // d_in, lanes, 1, d_in, begin)
        bias_gradient(bias, delta_out, lanes, accumulate)
    else:
        lane_products(weight, bias, delta_out, a, d_out, d_in, lanes, accumulate)


@kernel
def bias_gradient(bias: Vector, delta_out: Vector, lanes: int, accumulate: bool) -> None:
    """∇b_j ← Σ_s δ_js, added to what bias holds if `accumulate`."""
    for j in range(bias.size):
        total = lane_sum(window(delta_out, j * lanes, lanes))
        bias[j] = bias[j] + total if accumulate else total


@kernel
def add_product(
    weight: Vector,
    delta_out: Vector,
    a: Vector,
    row: Vector,
    units: int,
    lanes: int,
    alpha: float,
    beta: float,
) -> None:
    """weight ← β weight + α δ_out aᵀ by `gemm`, for `units` of the layer's units.

    weight is (units, d_in): those rows of ∇W, or of W itself in a step of plain descent.
    """
    d_in = row[D_IN]
    sample_major = row[SAMPLE_MAJOR] == 1
    gemm(
        weight,
        delta_out,
        a,
        units,
        d_in,
        a.size // d_in,
        lanes,
        d_in if sample_major else lanes,
        d_in,
        False,
        not sample_major,
        alpha,
        beta,
    )


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
