"""The largest values of windows and their δ, vector by vector, the pixels of a window inside.

A loop over the values of each pixel in turn, as LLVM vectorises it, takes maxima and δ through
memory for each pixel, and guards every such loop against overlaps: half as fast on LeNet-5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from ..compile.vector_code import SIZE, VectorCode
from .tiles import emitted_call, offset

# Vectors at once: the loop over a window's few pixels costs as much as one of them.
_VECTORS = (4, 2, 1)


class Pixels(NamedTuple):
    """The pixels of a window, and by how many elements they differ; each has `size` values."""

    size: int
    rows: int
    row: int
    columns: int
    column: int


def _each_vector(
    code: VectorCode, pixels: Pixels, body: Callable[[VectorCode, list[Any]], None]
) -> None:
    """body(code, places) for all values of a pixel, several vectors at once, then single values."""
    i = code.variable(SIZE(0))
    for vectors, part in (
        *((count, code) for count in _VECTORS),
        (1, VectorCode(code.builder, code.number, 1)),
    ):
        with part.steps(i, vectors * part.width, pixels.size) as place:
            body(part, [offset(part, place, SIZE(v * part.width)) for v in range(vectors)])


def _each_pixel(code: VectorCode, pixels: Pixels, body: Callable[[Any], None]) -> None:
    """body(offset) for the pixels of a window, from the first one on."""
    p = code.variable(SIZE(0))
    with code.steps(p, 1, pixels.rows) as row:
        q = code.variable(SIZE(0))
        with code.steps(q, 1, pixels.columns) as column:
            body(offset(code, (row, pixels.row), (column, pixels.column)))


def _largest(code: VectorCode, out: Any, values: Any, pixels: Pixels) -> None:
    """Body of `largest`."""

    def vectors(part: VectorCode, places: list[Any]) -> None:
        builder = part.builder
        most = [part.variable(part.load(values, place)) for place in places]

        def pixel(distance: Any) -> None:
            for own, place in zip(most, places, strict=True):
                before, value = builder.load(own), part.load(values, offset(part, place, distance))
                keeps = builder.or_(
                    builder.fcmp_ordered(">", before, value),
                    builder.fcmp_unordered("uno", before, before),
                )
                builder.store(builder.select(keeps, before, value), own)

        _each_pixel(part, pixels, pixel)
        for own, place in zip(most, places, strict=True):
            part.store(builder.load(own), out, place)

    _each_vector(code, pixels, vectors)


def _routed(
    code: VectorCode, delta_in: Any, delta_out: Any, values: Any, maxima: Any, adds: Any,
    pixels: Pixels,
) -> None:  # fmt: skip
    """Body of `routed`."""

    def vectors(part: VectorCode, places: list[Any]) -> None:
        builder = part.builder
        left = [part.variable(part.load(delta_out, place)) for place in places]
        most = [part.load(maxima, place) for place in places]

        def pixel(distance: Any) -> None:
            for own, largest, first in zip(left, most, places, strict=True):
                place = offset(part, first, distance)
                found = builder.fcmp_ordered("==", part.load(values, place), largest)
                rest = builder.load(own)
                given = part.variable(builder.select(found, rest, part.zero))
                builder.store(builder.select(found, part.zero, rest), own)
                with builder.if_then(adds):
                    total = part.add(builder.load(given), part.load(delta_in, place))
                    builder.store(total, given)
                part.store(builder.load(given), delta_in, place)

        _each_pixel(part, pixels, pixel)

    _each_vector(code, pixels, vectors)


@intrinsic
def largest(typingctx: Any, out: Any, values: Any, pixels: Any) -> Any:
    """out_i ← the largest of values_i over the pixels of a window, NaN if any is.

    values begins with the window's first pixel; `Pixels` says where the others lie.
    """
    return emitted_call("largest", _largest, out, values, pixels)


@intrinsic
def routed(
    typingctx: Any, delta_in: Any, delta_out: Any, values: Any, maxima: Any, adds: Any, pixels: Any
) -> Any:
    """δ_in_i ← δ_out_i at the first pixel whose value is maxima_i, else 0; added if `adds`.

    delta_in and values begin with the window's first pixel, delta_out and maxima have one pixel.
    """
    return emitted_call(
        "routed", _routed, delta_in, delta_out, values, maxima, types.boolean, pixels
    )
