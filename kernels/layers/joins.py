"""Operations without parameters on one value or several: copies, sums, products, maxima.

The first value is copied to the output, and each of the others changes it in place: a sum of three
is a copy and two additions, each a row of its own. So a row reads one value, whatever the number
of values that are joined. On the way back the rows come in the other order. An addition leaves the
output's δ as it is; a product and a maximum turn it into the δ of what the rows before them made.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Scalar, Vector, elementwise, kernel
from ..compile.memory import window
from .operations import (
    ADD,
    CONCATENATE,
    COPY,
    GEOMETRY_0,
    GEOMETRY_1,
    GEOMETRY_2,
    GEOMETRY_3,
    Layer,
    Row,
    bits_of,
    number_at,
)


class Blocks(NamedTuple):
    """How a value lies in a concatenation: `number` blocks of `width` units, `stride` apart."""

    number: int
    width: int
    stride: int
    first: int  # unit of the first block


def copy_row(units: int, activation: int, source: int, output: int, workspace: int) -> Row:
    """Table row of a ← f(x), for an activation by itself."""
    return _row(COPY, units, source, output)._replace(
        activation=activation, workspace=workspace, geometry_0=bits_of(1.0)
    )


def scaled_row(units: int, factor: float, source: int, output: int, first: bool) -> Row:
    """Table row of a ← c x, or of a ← a + c x if it is not the first of a sum."""
    row = _row(COPY if first else ADD, units, source, output)
    return row._replace(geometry_0=bits_of(factor))


def joined_row(kind: int, units: int, source: int, output: int, workspace: int) -> Row:
    """Table row of a ← a ⊙ x or a ← max(a, x), by its kind; the workspace serves the way back."""
    return _row(kind, units, source, output)._replace(workspace=workspace, continues=1)


def concatenated_row(d_in: int, d_out: int, source: int, output: int, blocks: Blocks) -> Row:
    """Table row that writes its value's share of a concatenation of d_out values."""
    return _row(CONCATENATE, d_in, source, output)._replace(
        d_out=d_out, geometry_0=blocks.number, geometry_1=blocks.width, geometry_2=blocks.stride,
        geometry_3=blocks.first,
    )  # fmt: skip


def _row(kind: int, units: int, source: int, output: int) -> Row:
    return Row(
        kind=kind, activation=0, d_in=units, d_out=units, parameters=0, size=0, decayed=0,
        output=output, workspace=output, wide=0, sample_major=0, keep=0, source=source, work=units,
    )  # fmt: skip


@kernel
def copy_forward(layer: Layer) -> None:
    """a_out ← c a_in."""
    scaled(layer.a_out, layer.a_in, factor_of(layer))


@kernel
def copy_delta(layer: Layer) -> None:
    """δ_in ← c δ_out."""
    scaled(layer.delta_in, layer.delta_out, factor_of(layer))


@kernel
def add_forward(layer: Layer) -> None:
    """a_out ← a_out + c a_in."""
    add_scaled(layer.a_out, layer.a_in, factor_of(layer))


@kernel
def multiply_forward(layer: Layer) -> None:
    """a_out ← a_out ⊙ a_in; the workspace keeps a_out."""
    out, kept, a = layer.a_out, layer.workspace, layer.a_in
    for i in range(out.size):
        kept[i] = out[i]
        out[i] *= a[i]


@kernel
def multiply_delta(layer: Layer) -> None:
    """δ_in ← δ_out ⊙ a for the a that a_out was, and δ_out ← δ_out ⊙ a_in."""
    delta_in, delta_out = layer.delta_in, layer.delta_out
    kept, a = layer.workspace, layer.a_in
    for i in range(delta_out.size):
        delta_in[i] = delta_out[i] * kept[i]
        delta_out[i] *= a[i]


@kernel
def maximum_forward(layer: Layer) -> None:
    """a_out ← max(a_out, a_in), NaN if either is; the workspace keeps 1 where it is a_in.

    Equal values share: then it keeps ½, as PyTorch and JAX have it.
    """
    out, kept, a = layer.a_out, layer.workspace, layer.a_in
    one, half, zero = out.dtype.type(1), out.dtype.type(0.5), out.dtype.type(0)
    for i in range(out.size):
        larger = a[i] > out[i]
        kept[i] = one if larger else (half if a[i] == out[i] else zero)
        out[i] = a[i] if larger or a[i] != a[i] else out[i]


@kernel
def maximum_delta(layer: Layer) -> None:
    """δ_in ← share δ_out, and δ_out ← (1 − share) δ_out."""
    delta_in, delta_out, kept = layer.delta_in, layer.delta_out, layer.workspace
    one = delta_out.dtype.type(1)
    for i in range(delta_out.size):
        delta_in[i] = kept[i] * delta_out[i]
        delta_out[i] *= one - kept[i]


@kernel
def concatenate_forward(layer: Layer) -> None:
    """The value's blocks of a_out ← a_in."""
    row, lanes = layer.row, layer.lanes
    width = row[GEOMETRY_1] * lanes
    for block in range(row[GEOMETRY_0]):
        place = (row[GEOMETRY_3] + block * row[GEOMETRY_2]) * lanes
        scaled(window(layer.a_out, place, width), window(layer.a_in, block * width, width), 1.0)


@kernel
def concatenate_delta(layer: Layer) -> None:
    """δ_in ← the value's blocks of δ_out."""
    row, lanes = layer.row, layer.lanes
    width = row[GEOMETRY_1] * lanes
    for block in range(row[GEOMETRY_0]):
        place = (row[GEOMETRY_3] + block * row[GEOMETRY_2]) * lanes
        part = window(layer.delta_out, place, width)
        scaled(window(layer.delta_in, block * width, width), part, 1.0)


@kernel
def factor_of(layer: Layer) -> float:
    """c of a row."""
    return number_at(layer.row, GEOMETRY_0)


@elementwise
def scaled(out: Vector, values: Vector, factor: float) -> None:
    """out ← c values."""
    multiple: Scalar = out.dtype.type(factor)
    for i in range(out.size):
        out[i] = multiple * values[i]


@elementwise
def add_scaled(out: Vector, values: Vector, factor: float) -> None:
    """out ← out + c values."""
    multiple: Scalar = out.dtype.type(factor)
    for i in range(out.size):
        out[i] += multiple * values[i]
