"""Windows that go over an image: the geometry that convolution and pooling share.

An image of a block has the units (row · width + column) · channels + channel, so that the channels
of a pixel lie side by side, and so do the pixels of a row. A sequence is an image of one row.

A window begins at `output · stride − padding` along each axis and reads every `dilation`-th pixel
from there on. What it would read outside the image is left out by the bounds of loops: nothing is
padded in memory.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Integers, kernel
from .operations import (
    GEOMETRY_0,
    GEOMETRY_1,
    GEOMETRY_2,
    GEOMETRY_3,
    GEOMETRY_4,
    GEOMETRY_5,
    GEOMETRY_6,
    GEOMETRY_7,
    Row,
)

# Two numbers share a column.
_HALF = 32
_MASK = 2**_HALF - 1
LARGEST = 2**31 - 1


class Windows(NamedTuple):
    """An image, the windows on it, and the image of their results."""

    height: int
    width: int
    channels: int
    filters: int  # channels of the results
    kernel_height: int
    kernel_width: int
    stride_height: int
    stride_width: int
    dilation_height: int
    dilation_width: int
    top: int  # rows of padding above the image
    left: int
    output_height: int
    output_width: int
    groups: int = 1  # the channels fall into so many groups, and so do the filters


class Span(NamedTuple):
    """Consecutive pixels of a window, or windows of a pixel, along one axis."""

    first: int
    length: int


def with_windows(row: Row, windows: Windows) -> Row:
    """The row with the windows in its columns of geometry."""
    numbers = (*windows, 0)
    pairs = [a << _HALF | b for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
    names = [f"geometry_{number}" for number in range(len(pairs))]
    return row._replace(**dict(zip(names, pairs, strict=True)))


@kernel
def windows_of(row: Integers) -> Windows:
    """The windows that the row's columns hold."""
    return Windows(
        height=row[GEOMETRY_0] >> _HALF,
        width=row[GEOMETRY_0] & _MASK,
        channels=row[GEOMETRY_1] >> _HALF,
        filters=row[GEOMETRY_1] & _MASK,
        kernel_height=row[GEOMETRY_2] >> _HALF,
        kernel_width=row[GEOMETRY_2] & _MASK,
        stride_height=row[GEOMETRY_3] >> _HALF,
        stride_width=row[GEOMETRY_3] & _MASK,
        dilation_height=row[GEOMETRY_4] >> _HALF,
        dilation_width=row[GEOMETRY_4] & _MASK,
        top=row[GEOMETRY_5] >> _HALF,
        left=row[GEOMETRY_5] & _MASK,
        output_height=row[GEOMETRY_6] >> _HALF,
        output_width=row[GEOMETRY_6] & _MASK,
        groups=row[GEOMETRY_7] >> _HALF,
    )


@kernel
def inside(start: int, dilation: int, kernel_size: int, size: int) -> Span:
    """The pixels k of a window for which start + k · dilation lies in [0, size)."""
    first = 0 if start >= 0 else -(start // dilation)
    last = kernel_size - 1
    if start + last * dilation >= size:
        last = (size - 1 - start) // dilation
    return Span(first, max(last - first + 1, 0))


@kernel
def readers(place: int, stride: int, dilation: int, kernel_size: int, outputs: int) -> Span:
    """The pixels k of windows that lie at `place`, counted with the padding before the image.

    A window o reads it if o · stride + k · dilation = place. Stride or dilation is 1, so that these
    k are `stride` apart, and the windows before each other by `dilation`.
    """
    lowest = place - (outputs - 1) * stride  # k · dilation of the last window
    first = place % stride if lowest <= 0 else -(-lowest // dilation)
    last = min(kernel_size - 1, place // dilation)
    return Span(first, (last - first) // stride + 1 if last >= first else 0)
