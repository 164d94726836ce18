"""Images shifted, flipped and turned at random, each by its own draw, in a descent alone.

What an example is moved by follows from a key and its place in the block, as dropout's mask does:
so it is the same for any number of threads, and the way back draws it again. A pixel of the output
takes the value of the place from which it came, interpolated between the four pixels around it
(bilinear); beyond the image is 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..compile.jit import Key, elementwise, kernel
from .dropout import NO_DROPOUT, mix
from .joins import scaled
from .operations import (
    GEOMETRY_0,
    GEOMETRY_1,
    GEOMETRY_2,
    GEOMETRY_3,
    GEOMETRY_4,
    GEOMETRY_5,
    GEOMETRY_6,
    GEOMETRY_7,
    OUTPUT,
    RANDOM_IMAGE,
    Layer,
    Row,
    bits_of,
    number_at,
)

HEIGHT, WIDTH, CHANNELS = GEOMETRY_0, GEOMETRY_1, GEOMETRY_2
DOWN, RIGHT, FLIPS_ROWS, FLIPS_COLUMNS, ANGLE = (
    GEOMETRY_3, GEOMETRY_4, GEOMETRY_5, GEOMETRY_6, GEOMETRY_7,
)  # fmt: skip

_GOLDEN, _S11 = np.uint64(0x9E3779B97F4A7C15), np.uint64(11)
_SMALLEST = 2.0**-53


class Moves(NamedTuple):
    """By how much images are moved at most."""

    down: int = 0  # pixels, down or up
    right: int = 0  # pixels, right or left
    flips_rows: int = 0  # 1: half of them are turned upside down
    flips_columns: int = 0  # 1: in half of them left and right change places
    angle: float = 0.0  # radians, either way


def row(shape: tuple[int, ...], moves: Moves, source: int, output: int) -> Row:
    """Table row for images of a shape (height, width, channels)."""
    height, width, channels = shape
    units = height * width * channels
    return Row(
        kind=RANDOM_IMAGE, activation=0, d_in=units, d_out=units, parameters=0, size=0, decayed=0,
        output=output, workspace=output, wide=0, sample_major=0, keep=0, source=source,
        work=4 * units, geometry_0=height, geometry_1=width, geometry_2=channels,
        geometry_3=moves.down, geometry_4=moves.right, geometry_5=moves.flips_rows,
        geometry_6=moves.flips_columns, geometry_7=bits_of(moves.angle),
    )  # fmt: skip


class Placement(NamedTuple):
    """Where a pixel of the output comes from: y ← a y + b x + c, x ← d y + e x + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float


@elementwise
def uniform(key: Key, sample: int, number: int) -> float:
    """The number-th random number of a sample, 0 ≤ u < 1."""
    bits = mix(key ^ (np.uint64(8 * sample + number) * _GOLDEN)) >> _S11
    return float(bits) * _SMALLEST


@elementwise
def placement(layer: Layer, sample: int) -> Placement:
    """The draw of a sample: turned about the middle and flipped, then shifted."""
    row = layer.row
    key = layer.key + _GOLDEN * np.uint64(row[OUTPUT])
    down = math.floor(uniform(key, sample, 0) * (2 * row[DOWN] + 1)) - row[DOWN]
    right = math.floor(uniform(key, sample, 1) * (2 * row[RIGHT] + 1)) - row[RIGHT]
    upside = -1.0 if row[FLIPS_ROWS] and uniform(key, sample, 2) < 0.5 else 1.0
    mirror = -1.0 if row[FLIPS_COLUMNS] and uniform(key, sample, 3) < 0.5 else 1.0
    angle = (2 * uniform(key, sample, 4) - 1) * number_at(row, ANGLE)
    cosine, sine = math.cos(angle), math.sin(angle)
    middle_y, middle_x = (row[HEIGHT] - 1) / 2, (row[WIDTH] - 1) / 2
    a, b, d, e = upside * cosine, -upside * sine, mirror * sine, mirror * cosine
    y, x = middle_y + down, middle_x + right
    return Placement(a, b, middle_y - a * y - b * x, d, e, middle_x - d * y - e * x)


class Corner(NamedTuple):
    """A pixel of the input and its share in a pixel of the output."""

    unit: int  # of its first channel; −1: beyond the image
    share: float


@elementwise
def corner(layer: Layer, placed: Placement, y: int, x: int, number: int) -> Corner:
    """Corner 0 … 3 of the square that the output's pixel (y, x) came from."""
    row = layer.row
    from_y = placed.a * y + placed.b * x + placed.c
    from_x = placed.d * y + placed.e * x + placed.f
    top, left = math.floor(from_y), math.floor(from_x)
    lower, later = number // 2, number % 2
    share_y = from_y - top if lower else 1 - (from_y - top)
    share_x = from_x - left if later else 1 - (from_x - left)
    at_y, at_x = int(top) + lower, int(left) + later
    inside = 0 <= at_y < row[HEIGHT] and 0 <= at_x < row[WIDTH]
    share = share_y * share_x
    unit = (at_y * row[WIDTH] + at_x) * row[CHANNELS] if inside and share > 0 else -1
    return Corner(unit, share)


@kernel
def forward(layer: Layer) -> None:
    """a_out ← the images moved; outside a descent as they are."""
    row, lanes, out, a = layer.row, layer.lanes, layer.a_out, layer.a_in
    if layer.key == NO_DROPOUT:
        scaled(out, a, 1.0)
        return
    kind = out.dtype.type
    for i in range(out.size):
        out[i] = 0
    for s in range(lanes):
        placed = placement(layer, s)
        for y in range(row[HEIGHT]):
            for x in range(row[WIDTH]):
                target = (y * row[WIDTH] + x) * row[CHANNELS]
                for number in range(4):
                    found = corner(layer, placed, y, x, number)
                    for c in range(row[CHANNELS] if found.unit >= 0 else 0):
                        value = a[(found.unit + c) * lanes + s]
                        out[(target + c) * lanes + s] += kind(found.share) * value


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← every pixel's δ_out at the pixels from which it came, in their shares."""
    row, lanes, out, given = layer.row, layer.lanes, layer.delta_in, layer.delta_out
    if layer.key == NO_DROPOUT:
        scaled(out, given, 1.0)
        return
    kind = out.dtype.type
    for i in range(out.size):
        out[i] = 0
    for s in range(lanes):
        placed = placement(layer, s)
        for y in range(row[HEIGHT]):
            for x in range(row[WIDTH]):
                source = (y * row[WIDTH] + x) * row[CHANNELS]
                for number in range(4):
                    found = corner(layer, placed, y, x, number)
                    for c in range(row[CHANNELS] if found.unit >= 0 else 0):
                        part = kind(found.share) * given[(source + c) * lanes + s]
                        out[(found.unit + c) * lanes + s] += part
