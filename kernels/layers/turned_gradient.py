"""The gradient of a convolution of many channels: vectors lie along the channels, not the lanes.

∇w[f, k, m, c] = Σ δ[f] a[c] over the windows and samples. With vectors of samples, as elsewhere, a
tile of sums reads a line for nearly every product, and the elements of each of its vectors are to
be added up in the end. Here the channels of a few pixels are turned, (channels, lanes) → (lanes,
channels). Then a sum of `taps` has filters as outputs, channels as lanes, and δ as weights: a line
serves all filters of a tile, and every element is a sum of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compile.jit import Vector, kernel
from ..compile.memory import ask_early, stack_buffer, window
from ..products.taps import Taps, tap_sums
from ..products.tiles import FROM_ZERO, VECTOR_BYTES, Samples, transposed
from .convolution import bias_gradient, weight_count
from .operations import SIZE, Layer, Row
from .windows import Windows, windows_of

# The most weights: there is scratch for the sums of all of them, in float64 too.
_MOST_WEIGHTS = 2**14
_SUMS_BYTES = 8 * _MOST_WEIGHTS
# Of the pixels that are turned at a time.
_TURNED_BYTES = 2**16
# The most channels of which a pixel of 64 lanes has room there, in float64.
_MOST_CHANNELS = 128
# Every turned line serves all filters; for fewer it is not worth its turning.
_FEWEST_FILTERS = 16


class Pixels(NamedTuple):
    """Adjacent pixels of a row of the image, which are turned."""

    y: int
    x: int
    length: int


class Products(NamedTuple):
    """Scratch: the sums of all weights (taps, filters, channels), those of a tap, and pixels."""

    sums: Vector
    part: Vector
    turned: Vector


def suits(row: Row, dtype: Any) -> bool:
    """Whether the gradient of a convolution, over blocks of several samples, is better made here.

    Its channels have to be whole vectors.
    """
    own = windows_of.py_func(row)  # type: ignore[attr-defined]
    return (
        own.groups == 1
        and own.channels % (VECTOR_BYTES // np.dtype(dtype).itemsize) == 0
        and own.channels <= _MOST_CHANNELS
        and own.filters >= _FEWEST_FILTERS
        and row.weight_rows * row.row_weights <= _MOST_WEIGHTS
    )


@kernel
def gradient(layer: Layer) -> None:
    """∇w ← Σ δ_out a over all windows and samples, ∇b ← Σ δ_out; added if `accumulate`."""
    own, weights = windows_of(layer.row), weight_count(windows_of(layer.row))
    scratch = Products(
        stack_buffer(layer.gradient, _SUMS_BYTES), stack_buffer(layer.gradient, _SUMS_BYTES),
        stack_buffer(layer.gradient, _TURNED_BYTES),
    )  # fmt: skip
    for i in range(weights):
        scratch.sums[i] = 0
    at_once = scratch.turned.size // (own.channels * layer.lanes)
    for y in range(own.height):
        for x in range(0, own.width, at_once):
            pixels = Pixels(y, x, min(at_once, own.width - x))
            turn(scratch.turned, layer, own, pixels)
            for k in range(own.kernel_height):
                place = y + own.top - k * own.dilation_height
                r = place // own.stride_height
                if place >= 0 and place % own.stride_height == 0 and r < own.output_height:
                    add_row(scratch, layer, own, pixels, (k, r))
    keep(layer, scratch.sums, own)
    if layer.row[SIZE] > weights:
        bias = window(layer.gradient, weights, own.filters)
        bias_gradient(bias, layer.delta_out, layer.lanes, layer.accumulate)


@kernel
def turn(turned: Vector, layer: Layer, own: Windows, pixels: Pixels) -> None:
    """turned (pixels, lanes, channels) ← their values."""
    lanes, size, no_order = layer.lanes, own.channels * layer.lanes, window(layer.row, 0, 0)
    first = (pixels.y * own.width + pixels.x) * size
    for pixel in range(pixels.length):
        values = window(layer.a_in, first + pixel * size, size)
        out = window(turned, pixel * size, size)
        ask_for_deltas(layer, own, pixels.y * own.width + pixels.x + pixel)
        transposed(out, values, no_order, Samples(0, own.channels, lanes, own.channels), False)


@kernel
def ask_for_deltas(layer: Layer, own: Windows, pixel: int) -> None:
    """Have a pixel's share of δ fetched, of about the windows that are read next.

    The sums read it line by line, and far apart, which no processor foresees.
    """
    deltas = layer.delta_out
    share = deltas.size // (own.height * own.width)
    first = own.top * own.output_width * own.filters * layer.lanes + pixel * share
    line = VECTOR_BYTES // deltas.itemsize
    for place in range(first, min(first + share, deltas.size), line):
        ask_early(deltas, place)


@kernel
def add_row(
    scratch: Products, layer: Layer, own: Windows, pixels: Pixels, rows: tuple[int, int]
) -> None:
    """The sums of a kernel's row += those over the windows of a row that read these pixels."""
    k, r = rows
    pairs, lanes = own.filters * own.channels, layer.lanes
    for m in range(own.kernel_width):
        # Window c reads pixel c · stride + shift.
        shift = m * own.dilation_width - own.left
        first = max(-((shift - pixels.x) // own.stride_width), 0)
        end = (pixels.x + pixels.length - 1 - shift) // own.stride_width + 1
        count = min(end, own.output_width) - first
        if count > 0:
            taps = Taps(
                outputs=own.filters, weight_output=lanes,
                rows=1, row=0, weight_row=0,
                columns=count, column=own.stride_width * lanes,
                weight_column=own.filters * lanes,
                run=lanes, weight_run=1,
                lanes=own.channels, begin=FROM_ZERO,
            )  # fmt: skip
            pixel = first * own.stride_width + shift - pixels.x
            values = window(scratch.turned, pixel * lanes * own.channels, own.channels)
            unit = (r * own.output_width + first) * own.filters
            deltas = window(layer.delta_out, unit * lanes, own.filters * lanes)
            tap_sums(scratch.part, deltas, values, scratch.part, taps)
            total = window(scratch.sums, (k * own.kernel_width + m) * pairs, pairs)
            for i in range(pairs):
                total[i] += scratch.part[i]


@kernel
def keep(layer: Layer, sums: Vector, own: Windows) -> None:
    """∇w ← the sums, filter by filter; added if `accumulate`."""
    taps = own.kernel_height * own.kernel_width
    for f in range(own.filters):
        for tap in range(taps):
            found = window(sums, (tap * own.filters + f) * own.channels, own.channels)
            out = window(layer.gradient, (f * taps + tap) * own.channels, own.channels)
            for c in range(own.channels):
                out[c] = (out[c] if layer.accumulate else 0) + found[c]
