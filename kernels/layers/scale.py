"""The diagonal layer: every value times a weight of its own, and plus a bias if it has one."""

from __future__ import annotations

from ..compile.jit import kernel
from ..compile.memory import window
from .dense import lane_sum
from .operations import D_IN, SCALE, SIZE, Layer, Row


def row(units: int, biases: int, parameters: int, output: int, source: int) -> Row:
    """Table row; the parameters are w (units,), then b (units,), or none if biases is 0."""
    return Row(
        kind=SCALE, activation=0, d_in=units, d_out=units, parameters=parameters,
        size=units + biases, decayed=units, output=output, workspace=output, wide=0,
        sample_major=0, keep=0, weight_rows=units, row_weights=1, source=source, work=units,
        learns=1,
    )  # fmt: skip


@kernel
def forward(layer: Layer) -> None:
    """a_out ← w ⊙ a_in + b."""
    units, lanes = layer.row[D_IN], layer.lanes
    weight, biased = layer.parameters, layer.row[SIZE] > units
    for i in range(units):
        out, a = window(layer.a_out, i * lanes, lanes), window(layer.a_in, i * lanes, lanes)
        bias = weight[units + i] if biased else weight[i] * 0
        for s in range(lanes):
            out[s] = weight[i] * a[s] + bias


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← w ⊙ δ_out."""
    lanes = layer.lanes
    for i in range(layer.row[D_IN]):
        out = window(layer.delta_in, i * lanes, lanes)
        delta_out = window(layer.delta_out, i * lanes, lanes)
        for s in range(lanes):
            out[s] = layer.parameters[i] * delta_out[s]


@kernel
def gradient(layer: Layer) -> None:
    """∇w_i ← Σ_s δ_is a_is and ∇b_i ← Σ_s δ_is, added to what is there if `accumulate`."""
    units, lanes, total = layer.row[D_IN], layer.lanes, layer.gradient
    if not layer.accumulate:
        for k in range(total.size):
            total[k] = 0
    for i in range(units):
        delta_out = window(layer.delta_out, i * lanes, lanes)
        a = window(layer.a_in, i * lanes, lanes)
        products = total.dtype.type(0)
        for s in range(lanes):
            products += delta_out[s] * a[s]
        total[i] += products
        if total.size > units:
            total[units + i] += lane_sum(delta_out)
