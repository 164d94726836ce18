"""Convolutions of images and sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..activations import Custom
from ..checks.values import flag, whole_number
from ..kernels.layers import convolution
from ..kernels.layers.operations import Row
from ..kernels.layers.windows import Windows
from .formulas import activation_code, activation_from
from .images import Geometry, geometry, image_shape, result_shape, short, windows
from .layer import Layer
from .shaped import Fans, Parameters, Place, Shape, ShapedLayer


@dataclass(frozen=True)
class ConvolutionLayer(ShapedLayer):
    """z = w ∗ a + b, a ← f(z), with w (filters, *kernel, channels / groups) and b (filters,)."""

    input_shape: Shape
    geometry: Geometry
    windows: Windows
    biased: bool
    depthwise: bool
    activation: str | Custom
    folds = True

    @property
    def output_shape(self) -> Shape:
        return result_shape(self.input_shape, self.windows)

    @property
    def parameters(self) -> dict[str, Parameters]:
        own, field = self.windows, math.prod(self.geometry.kernel)
        channels = own.channels // own.groups
        # Keras counts a depthwise kernel as one of all channels.
        fans = Fans(field * channels, field * own.filters)
        if self.depthwise:
            fans = Fans(field * own.channels, field * own.filters // own.channels)
        weight = Parameters((own.filters, *self.geometry.kernel, channels), fans=fans)
        bias = {"bias": Parameters((own.filters,))} if self.biased else {}
        return {"weight": weight, **bias}

    def described(self) -> tuple[str, dict[str, Any]]:
        own = self.geometry
        arguments = {
            "kernel_size": list(own.kernel), "strides": list(own.strides), "padding": own.padding,
            "dilation_rate": list(own.dilation), "activation": self.activation,
            "use_bias": self.biased,
        }  # fmt: skip
        filters, groups = self.windows.filters, self.windows.groups
        if self.depthwise:
            return "DepthwiseConv2D", {**arguments, "depth_multiplier": filters // groups}
        kind = f"Conv{len(own.kernel)}D"
        return kind, {**arguments, "filters": filters, "groups": groups}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        code = activation_code(self.activation) if logits is None else logits
        source = place.sources[0].unit
        return [
            convolution.row(self.windows, self.biased, code, place.parameters, place.output, source)
        ]


class _Convolution(Layer):
    """What convolutions have in common; a subclass says of how many axes."""

    axes = 2

    def __init__(
        self,
        own: Geometry,
        activation: str | Custom,
        use_bias: bool,
        settings: tuple[str | None, bool, float, float],
    ) -> None:
        super().__init__(*settings)
        self.geometry = own
        self.activation = activation_from("activation", activation)
        self.use_bias = flag("use_bias", use_bias)

    def _shaped(self, shape: Shape, filters: int, groups: int) -> ConvolutionLayer:
        depthwise = isinstance(self, DepthwiseConv2D)
        made = windows(self, shape, self.geometry, filters, groups)
        return ConvolutionLayer(
            shape, self.geometry, made, self.use_bias, depthwise, self.activation
        )

    def config(self) -> dict[str, Any]:
        own = self.geometry
        shown: dict[str, Any] = {"kernel_size": short(own.kernel)}
        others = {
            "strides": (short(own.strides), 1), "padding": (own.padding, "valid"),
            "dilation_rate": (short(own.dilation), 1), "activation": (self.activation, "identity"),
        }  # fmt: skip
        return shown | {name: value for name, (value, usual) in others.items() if value != usual}


class _FilterConvolution(_Convolution):
    """A convolution with so many filters, each on all channels of its group."""

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: str | Custom = "identity",
        use_bias: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        own = geometry(self.axes, ("kernel_size", kernel_size), strides, padding, dilation_rate)
        settings = name, trainable, rate_factor, decay_factor
        super().__init__(own, activation, use_bias, settings)
        self.filters = whole_number("filters", filters, 1)
        self.groups = whole_number("groups", groups, 1)
        # Where every step is read alone.
        self.keeps_mask = (own.kernel, own.strides) == ((1,), (1,))
        if self.filters % self.groups:
            raise ValueError(f"filters is {filters}, wanted a multiple of groups, {groups}")

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        shape = image_shape(self, shapes[0], self.axes)
        if shape[-1] % self.groups:
            raise ValueError(
                f"{self!r} is called with a value of shape {shape}, whose {shape[-1]} channels are "
                f"no multiple of groups, {self.groups}"
            )
        return self._shaped(shape, self.filters, self.groups)

    def config(self) -> dict[str, Any]:
        groups = {"groups": self.groups} if self.groups > 1 else {}
        return {"filters": self.filters, **super().config(), **groups}


class Conv2D(_FilterConvolution):
    """z = w ∗ x + b, a = f(z): every filter is a small dense layer on each window of an image.

    z[r, c, f] = b[f] + Σ_{k, l, i} w[f, k, l, i] x[r·s + k·d, c·s + l·d, i] for an input (height,
    width, channels), with the weights (filters, kernel height, kernel width, channels / groups).

    In float32, kernels of 3 × 3 without strides, dilation and groups, from 8 channels and filters
    on, are multiplied by Winograd's algorithm: a quarter of the multiplications, and rounding
    errors that are some three times as large, five times in gradients.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, strides, dilation_rate : int or (int, int)
        Height and width of a window, by how many pixels windows and the pixels that they read are
        apart (s and d). Strides or dilation must be 1.
    padding : {"valid", "same"}
        Whether windows lie inside the image, or the image has a border of zeros, so that the output
        has ⌈size / s⌉ rows and columns; an odd row or column is behind the image.
    groups : int
        Into how many groups channels and filters fall; the filters of a group read its channels.
    activation : str or activations.Custom
        Name of f, as for `Network`, or f itself.
    use_bias : bool
        Whether there is b.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Raises
    ------
    ValueError
        When it is called with an image that is smaller than a window, or whose channels the groups
        do not divide.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Conv2D(6, 5, activation="relu")(layers.Input((28, 28, 1))).shape
    (24, 24, 6)
    >>> layers.Conv2D(6, 5, 2, "same")(layers.Input((28, 28, 1))).shape
    (14, 14, 6)
    """


class Conv1D(_FilterConvolution):
    """The same for sequences (length, channels), with the weights (filters, kernel, channels).

    Parameters
    ----------
    filters : int
    kernel_size, strides, dilation_rate : int
    padding, groups, activation, use_bias, name, trainable, rate_factor, decay_factor
        As for `Conv2D`.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Conv1D(16, 5)(layers.Input((128, 1))).shape
    (124, 16)
    """

    axes = 1


class DepthwiseConv2D(_Convolution):
    """A `Conv2D` whose filters read one channel each: `depth_multiplier` filters for a channel.

    The initial weights are drawn as Keras draws them, as if a filter read all channels.

    Parameters
    ----------
    kernel_size, strides, dilation_rate : int or (int, int)
    padding, activation, use_bias, name, trainable, rate_factor, decay_factor
        As for `Conv2D`.
    depth_multiplier : int
        The output has so many times the channels of the input, those of a channel side by side.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.Input((8, 8, 4))).shape
    (6, 6, 8)
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        dilation_rate: int | Sequence[int] = 1,
        activation: str | Custom = "identity",
        use_bias: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        own = geometry(2, ("kernel_size", kernel_size), strides, padding, dilation_rate)
        settings = name, trainable, rate_factor, decay_factor
        super().__init__(own, activation, use_bias, settings)
        self.depth_multiplier = whole_number("depth_multiplier", depth_multiplier, 1)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        shape = image_shape(self, shapes[0], 2)
        return self._shaped(shape, shape[-1] * self.depth_multiplier, shape[-1])
