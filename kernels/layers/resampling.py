"""Images of another size: a border of zeros, and pixels repeated.

Both are windows of one pixel: a zero-padded image shows the pixels of the image at an offset, and
one that is repeated shows every pixel `stride` times along each axis.
"""

from __future__ import annotations

from ..compile.jit import kernel
from ..compile.memory import window
from .joins import add_scaled, scaled
from .operations import UPSAMPLING, ZERO_PADDING, Layer, Row
from .pooling import clear
from .windows import Windows, windows_of, with_windows


def row(kind: int, windows: Windows, output: int, source: int) -> Row:
    """Table row of one of the two kinds."""
    units = windows.output_height * windows.output_width * windows.channels
    own = Row(
        kind=kind, activation=0, d_in=windows.height * windows.width * windows.channels,
        d_out=units, parameters=0, size=0, decayed=0, output=output, workspace=output, wide=0,
        sample_major=0, keep=0, source=source, work=units,
    )  # fmt: skip
    return with_windows(own, windows)


def padding_row(windows: Windows, output: int, source: int) -> Row:
    """Table row of `top` rows and `left` columns of zeros, and of those behind the image."""
    return row(ZERO_PADDING, windows, output, source)


def upsampling_row(windows: Windows, output: int, source: int) -> Row:
    """Table row that repeats every pixel `stride` times along each axis."""
    return row(UPSAMPLING, windows, output, source)


@kernel
def padding_forward(layer: Layer) -> None:
    """a_out ← a_in with zeros around it."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.width * own.channels * lanes
    clear(layer.a_out)
    for y in range(own.height):
        place = ((y + own.top) * own.output_width + own.left) * own.channels * lanes
        scaled(window(layer.a_out, place, width), window(layer.a_in, y * width, width), 1.0)


@kernel
def padding_delta(layer: Layer) -> None:
    """δ_in ← δ_out without what belongs to the zeros."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.width * own.channels * lanes
    for y in range(own.height):
        place = ((y + own.top) * own.output_width + own.left) * own.channels * lanes
        scaled(window(layer.delta_in, y * width, width), window(layer.delta_out, place, width), 1.0)


@kernel
def upsampling_forward(layer: Layer) -> None:
    """a_out ← every pixel of a_in, `stride` times along each axis."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.channels * lanes
    for r in range(own.output_height):
        for c in range(own.output_width):
            source = r // own.stride_height * own.width + c // own.stride_width
            out = window(layer.a_out, (r * own.output_width + c) * width, width)
            scaled(out, window(layer.a_in, source * width, width), 1.0)


@kernel
def upsampling_delta(layer: Layer) -> None:
    """δ_in ← the sum of δ_out over all places that show the pixel."""
    own, lanes = windows_of(layer.row), layer.lanes
    width = own.channels * lanes
    clear(layer.delta_in)
    for r in range(own.output_height):
        for c in range(own.output_width):
            source = r // own.stride_height * own.width + c // own.stride_width
            delta_out = window(layer.delta_out, (r * own.output_width + c) * width, width)
            add_scaled(window(layer.delta_in, source * width, width), delta_out, 1.0)
