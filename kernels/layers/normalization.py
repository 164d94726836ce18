"""What layer and batch normalisation share: x̂ = (x − μ) / √(σ² + ε), and then γ x̂ + β.

The channels are the last axis of a value: unit p · channels + c is channel c at place p. γ and β
have a number for each channel and are one behind the other at the beginning of the layer's
parameters; a layer may have only one of them, or none.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Scalar, Vector, kernel
from ..compile.memory import window
from .operations import GEOMETRY_0, GEOMETRY_1, GEOMETRY_2, GEOMETRY_3, Layer, Row, bits_of

CHANNELS, EPSILON, SCALE, CENTER = GEOMETRY_0, GEOMETRY_1, GEOMETRY_2, GEOMETRY_3


class Normalization(NamedTuple):
    """How a layer normalises."""

    units: int
    channels: int
    epsilon: float  # ε
    scale: bool  # whether there is γ
    center: bool  # whether there is β


def normalization_row(kind: int, own: Normalization, parameters: int, output: int) -> Row:
    """Table row of a layer that normalises; its parameters are γ and β. Nothing of them decays."""
    size = own.channels * (own.scale + own.center)
    return Row(
        kind=kind, activation=0, d_in=own.units, d_out=own.units, parameters=parameters, size=size,
        decayed=0, output=output, workspace=output, wide=0, sample_major=0, keep=0,
        work=2 * own.units, learns=int(size > 0), geometry_0=own.channels,
        geometry_1=bits_of(own.epsilon), geometry_2=int(own.scale), geometry_3=int(own.center),
    )  # fmt: skip


@kernel
def gamma_of(layer: Layer, channel: int) -> Scalar:
    """γ of a channel, or 1."""
    one = layer.a_out.dtype.type(1)
    return layer.parameters[channel] if layer.row[SCALE] else one


@kernel
def beta_of(layer: Layer, channel: int) -> Scalar:
    """β of a channel, or 0."""
    row, zero = layer.row, layer.a_out.dtype.type(0)
    first = row[CHANNELS] if row[SCALE] else 0
    return layer.parameters[first + channel] if row[CENTER] else zero


@kernel
def add_gradients(layer: Layer, channel: int, products: Scalar, deltas: Scalar) -> None:
    """∇γ ← ∇γ + Σ δ x̂ and ∇β ← ∇β + Σ δ of a channel, where the layer has them."""
    row = layer.row
    if row[SCALE]:
        layer.gradient[channel] += products
    if row[CENTER]:
        first = row[CHANNELS] if row[SCALE] else 0
        layer.gradient[first + channel] += deltas


@kernel
def row_sum(values: Vector, place: int, lanes: int) -> Scalar:
    """The sum of the `lanes` numbers from `place` on."""
    row, total = window(values, place, lanes), values.dtype.type(0)
    for s in range(lanes):
        total += row[s]
    return total
