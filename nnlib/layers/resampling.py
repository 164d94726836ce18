"""Images of another size: a border of zeros, and pixels repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import known_name, shown
from ..kernels.layers import resampling
from ..kernels.layers.operations import Row
from ..kernels.layers.windows import Windows
from .images import Sides, countable, image_shape, result_shape, short, sides
from .layer import Layer
from .shaped import Place, Shape, ShapedLayer


@dataclass(frozen=True)
class ZeroPaddingLayer(ShapedLayer):
    """An image with zeros around it: so many before and after it along each axis."""

    input_shape: Shape
    padding: tuple[Sides, ...]

    @property
    def windows(self) -> Windows:
        """The pixels that it shows."""
        *image, channels = self.input_shape
        (top, bottom), (left, right) = ((0, 0), *self.padding)[-2:]
        height, width = (1, *image)[-2:]
        return Windows(
            height, width, channels, channels, 1, 1, 1, 1, 1, 1, top, left,
            top + height + bottom, left + width + right,
        )  # fmt: skip

    @property
    def output_shape(self) -> Shape:
        return result_shape(self.input_shape, self.windows)

    def described(self) -> tuple[str, dict[str, Any]]:
        pairs = [list(pair) for pair in self.padding]
        if len(pairs) == 1:
            return "ZeroPadding1D", {"padding": pairs[0]}
        return "ZeroPadding2D", {"padding": pairs}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        return [resampling.padding_row(self.windows, place.output, place.sources[0].unit)]


@dataclass(frozen=True)
class UpSamplingLayer(ShapedLayer):
    """An image whose every pixel is shown several times."""

    input_shape: Shape
    factors: Sides

    @property
    def windows(self) -> Windows:
        """The pixels that it shows."""
        (height, width, channels), (rows, columns) = self.input_shape, self.factors
        return Windows(
            height, width, channels, channels, 1, 1, rows, columns, 1, 1, 0, 0,
            height * rows, width * columns,
        )  # fmt: skip

    @property
    def output_shape(self) -> Shape:
        return result_shape(self.input_shape, self.windows)

    def described(self) -> tuple[str, dict[str, Any]]:
        return "UpSampling2D", {"size": list(self.factors)}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        return [resampling.upsampling_row(self.windows, place.output, place.sources[0].unit)]


class ZeroPadding2D(Layer):
    """An image (height, width, channels) with rows and columns of zeros around it.

    Parameters
    ----------
    padding : int, (int, int) or ((int, int), (int, int))
        Rows above and below, and columns to the left and the right: one number for all, one for
        each axis, or two for each axis.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.ZeroPadding2D(((1, 2), (0, 3)))(layers.Input((4, 4, 2))).shape
    (7, 7, 2)
    """

    def __init__(
        self, padding: int | Sequence[int] | Sequence[Sequence[int]] = 1, *, name: str | None = None
    ) -> None:
        super().__init__(name)
        given: Any = padding if _is_sequence(padding) else (padding, padding)
        if len(given) != 2:
            raise ValueError(f"padding is {shown(padding)}, wanted a number, or one or two an axis")
        self.padding = tuple(sides("padding", one, 2, 0) for one in given)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return _checked(self, ZeroPaddingLayer(image_shape(self, shapes[0], 2), self.padding))

    def config(self) -> dict[str, Any]:
        rows, columns = map(short, self.padding)
        return {"padding": rows if rows == columns else (rows, columns)}


class ZeroPadding1D(Layer):
    """A sequence (length, channels) with zeros before and behind it.

    Parameters
    ----------
    padding : int or (int, int)
        How many, at both ends or at each.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.ZeroPadding1D((4, 0))(layers.Input((10, 2))).shape
    (14, 2)
    """

    def __init__(self, padding: int | Sequence[int] = 1, *, name: str | None = None) -> None:
        super().__init__(name)
        self.padding = sides("padding", padding, 2, 0)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return _checked(self, ZeroPaddingLayer(image_shape(self, shapes[0], 1), (self.padding,)))

    def config(self) -> dict[str, Any]:
        return {"padding": short(self.padding)}


class UpSampling2D(Layer):
    """An image (height, width, channels) with every pixel repeated along both axes.

    Parameters
    ----------
    size : int or (int, int)
        How often rows and columns are repeated.
    interpolation : {"nearest"}
        Keras' other ways do not exist.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.UpSampling2D((2, 3))(layers.Input((4, 4, 2))).shape
    (8, 12, 2)
    """

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        interpolation: str = "nearest",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.size = sides("size", size, 2)
        known_name("interpolation", interpolation, ("nearest",))

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return _checked(self, UpSamplingLayer(image_shape(self, shapes[0], 2), self.size))

    def config(self) -> dict[str, Any]:
        return {"size": short(self.size)}


def _checked(layer: Layer, made: ZeroPaddingLayer | UpSamplingLayer) -> ShapedLayer:
    """The host half itself, if a table can hold its numbers."""
    countable(layer, made.windows)
    return made


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
