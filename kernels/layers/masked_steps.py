"""A sequence with zeros at the steps that do not count, whatever stood there, were it NaN.

Layers whose gradient is a product of what they read with δ need that: a δ of 0 does not make 0 of
NaN. The row's workspace begins with the mask, (time, lanes), which a row of `masks` brings there.
"""

from __future__ import annotations

from ..compile.jit import Vector, elementwise, kernel
from ..compile.memory import part
from .operations import GEOMETRY_0, MASKED_STEPS, Layer, Row

TIME = GEOMETRY_0


def row(time: int, features: int, output: int, source: int) -> Row:
    """Table row of a ← x at the steps that count, else 0; both are (time, features)."""
    units = time * features
    return Row(
        kind=MASKED_STEPS, activation=0, d_in=units, d_out=units, parameters=0, size=0, decayed=0,
        output=output, workspace=output + units, wide=0, sample_major=0, keep=0, source=source,
        kept=time, geometry_0=time,
    )  # fmt: skip


@kernel
def forward(layer: Layer) -> None:
    """a_out ← a_in where the step counts, else 0; both are (time · features, lanes)."""
    choose_steps(layer, layer.a_out, layer.a_in)


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← δ_out where the step counts, else 0."""
    choose_steps(layer, layer.delta_in, layer.delta_out)


@kernel
def choose_steps(layer: Layer, out: Vector, values: Vector) -> None:
    """out ← values where the step counts, else 0."""
    time, lanes = layer.row[TIME], layer.lanes
    features = out.size // (time * lanes)
    for unit in range(time * features):
        mask = part(layer.workspace, unit // features, lanes)
        choose_lanes(part(out, unit, lanes), part(values, unit, lanes), mask)


@elementwise
def choose_lanes(out: Vector, values: Vector, mask: Vector) -> None:
    """out ← values where the mask is not 0, else 0; all are (lanes,)."""
    zero = out.dtype.type(0)
    for s in range(out.size):
        out[s] = values[s] if mask[s] != zero else zero
