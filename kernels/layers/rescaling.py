"""A scale and an offset that are not learned, for inputs such as images of 0 … 255."""

from __future__ import annotations

from ..compile.jit import elementwise, kernel
from .joins import scaled
from .operations import GEOMETRY_0, GEOMETRY_1, RESCALING, Layer, Row, bits_of, number_at


def row(units: int, scale: float, offset: float, source: int, output: int) -> Row:
    """Table row of a ← c x + o."""
    return Row(
        kind=RESCALING, activation=0, d_in=units, d_out=units, parameters=0, size=0, decayed=0,
        output=output, workspace=output, wide=0, sample_major=0, keep=0, source=source, work=units,
        geometry_0=bits_of(scale), geometry_1=bits_of(offset),
    )  # fmt: skip


@elementwise
def forward(layer: Layer) -> None:
    """a_out ← c a_in + o."""
    out, a = layer.a_out, layer.a_in
    scale = out.dtype.type(number_at(layer.row, GEOMETRY_0))
    offset = out.dtype.type(number_at(layer.row, GEOMETRY_1))
    for i in range(out.size):
        out[i] = scale * a[i] + offset


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← c δ_out."""
    scaled(layer.delta_in, layer.delta_out, number_at(layer.row, GEOMETRY_0))
