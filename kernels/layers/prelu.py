"""The parametric rectifier: a ← z for z > 0, else α z, with an α of its own for every unit.

Source: K. He et al., "Delving deep into rectifiers", ICCV 2015.
"""

from __future__ import annotations

from ..compile.jit import kernel
from ..compile.memory import window
from .operations import D_IN, PRELU, Layer, Row


def row(units: int, parameters: int, output: int, source: int) -> Row:
    """Table row; the parameters are α (units,). Weight decay leaves them, as the source says."""
    return Row(
        kind=PRELU, activation=0, d_in=units, d_out=units, parameters=parameters, size=units,
        decayed=0, output=output, workspace=output, wide=0, sample_major=0, keep=0, source=source,
        work=units, learns=1,
    )  # fmt: skip


@kernel
def forward(layer: Layer) -> None:
    """a_out ← z if z > 0 else α z."""
    lanes = layer.lanes
    for i in range(layer.row[D_IN]):
        out, z = window(layer.a_out, i * lanes, lanes), window(layer.a_in, i * lanes, lanes)
        slope = layer.parameters[i]
        for s in range(lanes):
            out[s] = z[s] if z[s] > 0 else slope * z[s]


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← δ_out if z > 0 else α δ_out."""
    lanes = layer.lanes
    for i in range(layer.row[D_IN]):
        out, z = window(layer.delta_in, i * lanes, lanes), window(layer.a_in, i * lanes, lanes)
        delta_out = window(layer.delta_out, i * lanes, lanes)
        slope = layer.parameters[i]
        for s in range(lanes):
            out[s] = delta_out[s] if z[s] > 0 else slope * delta_out[s]


@kernel
def gradient(layer: Layer) -> None:
    """∇α_i ← Σ_s δ_is min(0, z_is), added to what is there if `accumulate`."""
    lanes, total = layer.lanes, layer.gradient
    for i in range(layer.row[D_IN]):
        z = window(layer.a_in, i * lanes, lanes)
        delta_out = window(layer.delta_out, i * lanes, lanes)
        products = total.dtype.type(0)
        for s in range(lanes):
            products += delta_out[s] * z[s] if z[s] <= 0 else total.dtype.type(0)
        total[i] = total[i] + products if layer.accumulate else products
