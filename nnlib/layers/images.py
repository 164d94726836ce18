"""Shapes of images and of the windows on them, as layers of convolution and pooling are given them.

An image has the shape (height, width, channels), a sequence (length, channels); inside, a sequence
is an image of one row. Sizes and padding are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..checks.values import known_name, shown, whole_number
from ..kernels.layers.windows import LARGEST, Windows
from .shaped import Shape

Sides = tuple[int, ...]

PADDINGS = ("valid", "same")
# By the number of axes without the channels.
_NAMES = {1: "(length, channels)", 2: "(height, width, channels)"}
# An image of no more rows than this is likely to have its channels first.
_MOST_CHANNELS = 4


class Geometry(NamedTuple):
    """What a layer says of its windows; a number for each axis of the image."""

    kernel: Sides
    strides: Sides
    padding: str
    dilation: Sides

    @property
    def extent(self) -> Sides:
        """How many pixels a window spans."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))


def sides(argument: str, value: Any, axes: int, low: int = 1) -> Sides:
    """A number for each axis, from a number for all or a sequence of them.

    >>> sides("kernel_size", 5, 2)
    (5, 5)
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (whole_number(argument, value, low),) * axes
    if len(value) != axes:
        raise ValueError(
            f"{argument} is {shown(value)}, wanted a number or {axes} of them, one for each axis"
        )
    return tuple(whole_number(argument, side, low) for side in value)


def short(value: Sides) -> int | Sides:
    """The numbers as a user would write them.

    >>> short((5, 5)), short((5, 3))
    (5, (5, 3))
    """
    return value[0] if len(set(value)) == 1 else value


def geometry(
    axes: int, kernel: tuple[str, Any], strides: Any, padding: Any, dilation: Any = 1
) -> Geometry:
    """The windows that arguments describe; kernel is the argument's name and its value.

    Raises
    ------
    TypeError, ValueError
        For numbers below 1, another padding, or both strides and dilation above 1.

    Examples
    --------
    >>> geometry(2, ("kernel_size", 3), 1, "same", 2).extent
    (5, 5)
    """
    found = Geometry(
        sides(*kernel, axes), sides("strides", strides, axes),
        known_name("padding", padding, PADDINGS), sides("dilation_rate", dilation, axes),
    )  # fmt: skip
    if max(found.strides) > 1 and max(found.dilation) > 1:
        raise ValueError(
            f"strides is {short(found.strides)} and dilation_rate {short(found.dilation)}, wanted "
            "one of them to be 1"
        )
    return found


def image_shape(layer: Any, shape: Shape, axes: int) -> Shape:
    """The shape itself, if it is that of an image of so many axes beside its channels."""
    if len(shape) != axes + 1:
        reshaped = "; put a Reshape before it" if len(shape) <= axes else ""
        raise ValueError(
            f"{layer!r} is called with a value of shape {shape}, wanted {_NAMES[axes]}{reshaped}"
        )
    return shape


def windows(layer: Any, shape: Shape, own: Geometry, filters: int, groups: int = 1) -> Windows:
    """The windows on an image of this shape.

    Raises
    ------
    ValueError
        If the image is smaller than a window and not padded.
    """
    *image, channels = shape
    outputs, before = [], []
    for size, extent, stride in zip(image, own.extent, own.strides, strict=True):
        if own.padding == "valid":
            if size < extent:
                raise ValueError(_too_small(layer, shape, own))
            outputs.append((size - extent) // stride + 1)
            before.append(0)
        else:
            outputs.append(-(-size // stride))
            before.append(max((outputs[-1] - 1) * stride + extent - size, 0) // 2)
    height, width = _two(image)
    kernel_height, kernel_width = _two(own.kernel)
    stride_height, stride_width = _two(own.strides)
    dilation_height, dilation_width = _two(own.dilation)
    top, left = _two(before, 0)
    output_height, output_width = _two(outputs)
    made = Windows(
        height, width, channels, filters, kernel_height, kernel_width, stride_height, stride_width,
        dilation_height, dilation_width, top, left, output_height, output_width, groups,
    )  # fmt: skip
    return countable(layer, made)


def countable(layer: Any, made: Windows) -> Windows:
    """The windows themselves, if a table can hold their numbers; `ValueError` if not."""
    if max(made) > LARGEST:
        raise ValueError(
            f"{layer!r} has {max(made)} pixels or channels along an axis of its windows, wanted at "
            f"most {LARGEST}"
        )
    return made


def result_shape(shape: Shape, made: Windows) -> Shape:
    """The shape of the windows' results, for an input of this shape.

    >>> own = geometry(1, ("kernel_size", 3), 1, "valid")
    >>> result_shape((10, 2), windows("a layer", (10, 2), own, 4))
    (8, 4)
    """
    image = (made.output_height, made.output_width)
    return (*image[3 - len(shape) :], made.filters)


def _two(numbers: Sequence[int], first: int = 1) -> tuple[int, int]:
    """The numbers of a sequence as those of an image of one row."""
    height, width = (first, *numbers)[-2:]
    return height, width


def _too_small(layer: Any, shape: Shape, own: Geometry) -> str:
    """The message about an image that is smaller than a window."""
    dilated = "" if max(own.dilation) == 1 else f" with dilation_rate {short(own.dilation)}"
    text = (
        f"{layer!r} is called with a value of shape {shape}, which is smaller than its windows of "
        f"{own.kernel}{dilated}; give it padding='same'"
    )
    last = (*shape[1:], shape[0])
    fits = all(size >= extent for size, extent in zip(last[:-1], own.extent, strict=True))
    if shape[0] <= _MOST_CHANNELS and fits:
        text += f", or, if {shape[0]} is its number of channels, these last: {last}"
    return text
