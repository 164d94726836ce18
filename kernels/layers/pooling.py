"""Pooling: the largest value of each channel in a window, or the mean of them.

What a window would read outside the image does not count: a maximum never is there, and a mean is
of the pixels that are.
"""

from __future__ import annotations

from ..compile.jit import Vector, elementwise, kernel
from ..compile.memory import window
from ..products.maxima import Pixels, largest, routed
from .joins import add_scaled, scaled
from .operations import AVERAGE_POOLING, MAX_POOLING, Layer, Row
from .windows import Windows, inside, windows_of, with_windows


def row(kind: int, windows: Windows, output: int, source: int) -> Row:
    """Table row of a pooling of this kind."""
    pixels = windows.output_height * windows.output_width
    units = pixels * windows.channels
    own = Row(
        kind=kind, activation=0, d_in=windows.height * windows.width * windows.channels,
        d_out=units, parameters=0, size=0, decayed=0, output=output, workspace=output, wide=0,
        sample_major=0, keep=0, source=source,
        work=units * windows.kernel_height * windows.kernel_width,
    )  # fmt: skip
    return with_windows(own, windows)


def max_row(windows: Windows, output: int, source: int) -> Row:
    """Table row of the maximum."""
    return row(MAX_POOLING, windows, output, source)


def average_row(windows: Windows, output: int, source: int) -> Row:
    """Table row of the mean."""
    return row(AVERAGE_POOLING, windows, output, source)


@kernel
def max_forward(layer: Layer) -> None:
    """a_out ← max a_in over each window, NaN if any is."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.channels * lanes
    for r in range(own.output_height):
        for c in range(own.output_width):
            first, pixels = _window_at(own, r, c, width)
            out = window(layer.a_out, (r * own.output_width + c) * width, width)
            largest(out, window(layer.a_in, first, width), pixels)


@kernel
def max_delta(layer: Layer) -> None:
    """δ_in ← δ_out at the first pixel of a window with its maximum, else 0, as PyTorch has it."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.channels * lanes
    alone = _read_once(own)
    if not alone:
        clear(layer.delta_in)
    for r in range(own.output_height):
        for c in range(own.output_width):
            first, pixels = _window_at(own, r, c, width)
            place = (r * own.output_width + c) * width
            maxima = window(layer.a_out, place, width)
            delta_out = window(layer.delta_out, place, width)
            values, delta_in = (
                window(layer.a_in, first, width),
                window(layer.delta_in, first, width),
            )
            routed(delta_in, delta_out, values, maxima, not alone, pixels)


@kernel
def _window_at(own: Windows, r: int, c: int, width: int) -> tuple[int, Pixels]:
    """Where window r, c begins in an image whose pixels have `width` elements, and its pixels."""
    top, left = r * own.stride_height - own.top, c * own.stride_width - own.left
    rows = inside(top, 1, own.kernel_height, own.height)
    columns = inside(left, 1, own.kernel_width, own.width)
    first = ((top + rows.first) * own.width + left + columns.first) * width
    return first, Pixels(width, rows.length, own.width * width, columns.length, width)


@kernel
def _read_once(own: Windows) -> bool:
    """Whether every pixel is read by one window."""
    return (
        own.kernel_height == own.stride_height
        and own.kernel_width == own.stride_width
        and own.output_height * own.stride_height >= own.height
        and own.output_width * own.stride_width >= own.width
    )


@elementwise
def clear(out: Vector) -> None:
    """out ← 0."""
    for i in range(out.size):
        out[i] = 0


@kernel
def average_forward(layer: Layer) -> None:
    """a_out ← the mean of a_in over each window."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.channels * lanes
    for r in range(own.output_height):
        top = r * own.stride_height - own.top
        rows = inside(top, 1, own.kernel_height, own.height)
        for c in range(own.output_width):
            left = c * own.stride_width - own.left
            columns = inside(left, 1, own.kernel_width, own.width)
            share = 1.0 / (rows.length * columns.length)
            out = window(layer.a_out, (r * own.output_width + c) * width, width)
            clear(out)
            for k in range(rows.first, rows.first + rows.length):
                for m in range(columns.first, columns.first + columns.length):
                    place = ((top + k) * own.width + left + m) * width
                    add_scaled(out, window(layer.a_in, place, width), share)


@kernel
def average_delta(layer: Layer) -> None:
    """δ_in ← its share of the δ_out of every window that reads the pixel."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.channels * lanes
    alone = _read_once(own)
    if not alone:
        clear(layer.delta_in)
    for r in range(own.output_height):
        for c in range(own.output_width):
            first, pixels = _window_at(own, r, c, width)
            share = 1.0 / (pixels.rows * pixels.columns)
            delta_out = window(layer.delta_out, (r * own.output_width + c) * width, width)
            for k in range(pixels.rows):
                for m in range(pixels.columns):
                    place = first + k * pixels.row + m * pixels.column
                    given = window(layer.delta_in, place, width)
                    if alone:
                        scaled(given, delta_out, share)
                    else:
                        add_scaled(given, delta_out, share)
