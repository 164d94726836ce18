"""Pooling of images and sequences: the largest value of each channel in a window, or the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import flag
from ..kernels.layers import masked_pooling, masks, pooling
from ..kernels.layers.operations import (
    AVERAGE_POOLING,
    MASKED_AVERAGE,
    MASKED_MAXIMUM,
    MAX_POOLING,
    Row,
)
from ..kernels.layers.windows import Windows
from .images import Geometry, geometry, image_shape, result_shape, short, windows
from .layer import Layer
from .shaped import Place, Shape, ShapedLayer


@dataclass(frozen=True)
class PoolingLayer(ShapedLayer):
    """The maximum or the mean over windows, by its kind in the table."""

    input_shape: Shape
    kind: int
    geometry: Geometry
    windows: Windows

    @property
    def output_shape(self) -> Shape:
        return result_shape(self.input_shape, self.windows)

    def described(self) -> tuple[str, dict[str, Any]]:
        own = self.geometry
        name = "MaxPooling" if self.kind == MAX_POOLING else "AveragePooling"
        return f"{name}{len(own.kernel)}D", {
            "pool_size": list(own.kernel), "strides": list(own.strides), "padding": own.padding,
        }  # fmt: skip

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        return [pooling.row(self.kind, self.windows, place.output, place.sources[0].unit)]


@dataclass(frozen=True)
class GlobalPoolingLayer(PoolingLayer):
    """One window, the whole image; its axes stay with a length of 1, or go."""

    keepdims: bool

    @property
    def output_shape(self) -> Shape:
        shape = super().output_shape
        return shape if self.keepdims else shape[-1:]

    def described(self) -> tuple[str, dict[str, Any]]:
        kind, _ = super().described()
        return f"Global{kind}", {"keepdims": self.keepdims}


@dataclass(frozen=True)
class MaskedPoolingLayer(GlobalPoolingLayer):
    """The same over the steps of a sequence that its mask counts; 0 where it counts none."""

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        sequence, mask = place.sources
        kind = MASKED_MAXIMUM if self.kind == MAX_POOLING else MASKED_AVERAGE
        time, channels = self.input_shape
        own = masked_pooling.row(kind, time, channels, place.output, sequence.unit)
        return [masks.row(time, own.workspace, mask.unit), own]


class _Pooling(Layer):
    """What poolings have in common; a subclass says of what kind and of how many axes."""

    axes = 2
    kind = MAX_POOLING

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        strides = pool_size if strides is None else strides
        self.geometry = geometry(self.axes, ("pool_size", pool_size), strides, padding)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        shape = image_shape(self, shapes[0], self.axes)
        made = windows(self, shape, self.geometry, shape[-1])
        return PoolingLayer(shape, self.kind, self.geometry, made)

    def config(self) -> dict[str, Any]:
        own = self.geometry
        shown: dict[str, Any] = {"pool_size": short(own.kernel)}
        if own.strides != own.kernel:
            shown["strides"] = short(own.strides)
        return shown if own.padding == "valid" else {**shown, "padding": own.padding}


class MaxPooling2D(_Pooling):
    """The largest value of each channel in every window of an image (height, width, channels).

    The gradient goes to the first pixel that has the largest value.

    Parameters
    ----------
    pool_size, strides : int or (int, int)
        Height and width of a window, and by how many pixels windows are apart; None: as large.
    padding : {"valid", "same"}
        Whether windows lie inside the image, or may reach beyond it, where nothing counts.
    name : str or None

    Raises
    ------
    ValueError
        When it is called with an image that is smaller than a window.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.MaxPooling2D(2)(layers.Input((24, 24, 6))).shape
    (12, 12, 6)
    """


class MaxPooling1D(_Pooling):
    """The same for sequences (length, channels).

    >>> from nnlib import layers
    >>> layers.MaxPooling1D(2)(layers.Input((124, 16))).shape
    (62, 16)
    """

    axes = 1


class AveragePooling2D(_Pooling):
    """The mean of each channel in every window; arguments as for `MaxPooling2D`.

    Of a window that reaches beyond the image, the pixels inside count.

    >>> from nnlib import layers
    >>> layers.AveragePooling2D(3, 2, "same")(layers.Input((7, 7, 2))).shape
    (4, 4, 2)
    """

    kind = AVERAGE_POOLING


class AveragePooling1D(AveragePooling2D):
    """The same for sequences (length, channels).

    >>> from nnlib import layers
    >>> layers.AveragePooling1D()(layers.Input((5, 2))).shape
    (2, 2)
    """

    axes = 1


class _GlobalPooling(Layer):
    """What poolings of whole images have in common."""

    axes = 2
    kind = MAX_POOLING

    def __init__(self, keepdims: bool = False, *, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = flag("keepdims", keepdims)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        shape = image_shape(self, shapes[0], self.axes)
        own = geometry(self.axes, ("pool_size", shape[:-1]), shape[:-1], "valid")
        made = windows(self, shape, own, shape[-1])
        half = MaskedPoolingLayer if len(shapes) > 1 else GlobalPoolingLayer
        return half(shape, self.kind, own, made, self.keepdims)

    def config(self) -> dict[str, Any]:
        return {"keepdims": True} if self.keepdims else {}


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel of an image (height, width, channels).

    Parameters
    ----------
    keepdims : bool
        Whether the output is an image of one pixel, (1, 1, channels), or (channels,).
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.GlobalMaxPooling2D()(layers.Input((7, 7, 16))).shape
    (16,)
    """


class GlobalMaxPooling1D(_GlobalPooling):
    """The same for sequences (length, channels), over the steps that count; 0 where none does.

    >>> from nnlib import layers
    >>> layers.GlobalMaxPooling1D(keepdims=True)(layers.Input((7, 16))).shape
    (1, 16)
    """

    axes = 1
    reads_mask = True


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel of an image; arguments as for `GlobalMaxPooling2D`.

    >>> from nnlib import layers
    >>> layers.GlobalAveragePooling2D()(layers.Input((7, 7, 16))).shape
    (16,)
    """

    kind = AVERAGE_POOLING


class GlobalAveragePooling1D(GlobalAveragePooling2D):
    """The same for sequences (length, channels), over the steps that count; 0 where none does.

    >>> from nnlib import layers
    >>> layers.GlobalAveragePooling1D()(layers.Input((7, 16))).shape
    (16,)
    """

    axes = 1
    reads_mask = True
