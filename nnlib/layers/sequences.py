"""Layers around sequences: both directions of one, a layer for each step, a repeated value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks.values import known_name, shown, whole_number
from ..kernels.layers import resampling
from ..kernels.layers.operations import Row
from ..kernels.layers.windows import Windows
from .convolution import Conv1D
from .dense import Dense
from .images import countable
from .joins import Add, Average, Concatenate, Multiply
from .layer import Layer, Value
from .recurrent import GRU, LSTM, SimpleRNN, sequence_shape
from .shaped import Array, Place, Shape, ShapedLayer

# What joins the values of the two directions.
_MERGES: dict[str, Any] = {"concat": Concatenate, "sum": Add, "ave": Average, "mul": Multiply}


class Bidirectional(Layer):
    """A recurrent layer that reads a sequence forwards, and one like it that reads it backwards.

    A network has them as two layers, and a third one that joins their values. With
    `return_sequences` the two states of a step are joined.

    Parameters
    ----------
    layer : SimpleRNN, GRU or LSTM
        It becomes `forward_layer`; `backward_layer` has the same arguments and its own weights.
    merge_mode : {"concat", "sum", "ave", "mul"}
        Side by side, the sum, the average or the product.
    name : str or None
        The layers are called ``forward_name`` and ``backward_name``; None: as usual.

    Raises
    ------
    TypeError, ValueError
        For a layer that is not recurrent, has been called or goes backwards itself.

    Examples
    --------
    >>> from nnlib import layers
    >>> x = layers.Input((20, 8))
    >>> layers.Bidirectional(layers.LSTM(16))(x).shape
    (32,)
    >>> layers.Bidirectional(layers.GRU(16, return_sequences=True), "sum")(x).shape
    (20, 16)
    """

    def __init__(self, layer: Layer, merge_mode: str = "concat", name: str | None = None) -> None:
        forward = _recurrent(layer)
        self.forward_layer: Layer = forward
        self.backward_layer: Layer = forward.backwards()
        self.merge_mode = known_name("merge_mode", merge_mode, _MERGES)
        # Before the layers are told anything: what the given one has, both have.
        super().__init__(name, layer.trainable, layer.rate_factor, layer.decay_factor)
        if name is not None:
            for one, way in ((self.forward_layer, "forward"), (self.backward_layer, "backward")):
                one.name = f"{way}_{name}"

    def __setattr__(self, name: str, value: Any) -> None:
        """What a descent asks of the layer is said to both."""
        super().__setattr__(name, value)
        if name in ("trainable", "rate_factor", "decay_factor"):
            setattr(self.forward_layer, name, value)
            setattr(self.backward_layer, name, value)

    def __call__(self, values: Value | Sequence[Value]) -> Value:
        joined: Value = _MERGES[self.merge_mode]()(
            [self.forward_layer(values), self.backward_layer(values)]
        )
        return joined

    @property
    def weights(self) -> dict[str, Array]:
        """The parameters of both, by names that begin with ``forward_`` and ``backward_``."""
        both = {"forward": self.forward_layer, "backward": self.backward_layer}
        return {
            f"{way}_{name}": array
            for way, layer in both.items()
            for name, array in layer.weights.items()
        }

    def config(self) -> dict[str, Any]:
        own = {"layer": self.forward_layer}
        return own if self.merge_mode == "concat" else {**own, "merge_mode": self.merge_mode}


def _recurrent(layer: Any) -> SimpleRNN | GRU | LSTM:
    """The layer itself, if both directions can be made of it."""
    if not isinstance(layer, SimpleRNN | GRU | LSTM):
        raise TypeError(f"layer is {shown(layer)}, wanted a SimpleRNN, GRU or LSTM")
    if layer.go_backwards:
        raise ValueError(f"layer is {layer!r}, wanted one that goes forwards")
    return layer


class TimeDistributed(Layer):
    """A dense layer for every step of a sequence (time, features), with the same weights for all.

    A network has it as the `Conv1D` with a window of one step, which is the same function.

    Parameters
    ----------
    layer : Dense
        Not called yet; its name and settings become those of the convolution.

    Raises
    ------
    TypeError
        For another layer.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.TimeDistributed(layers.Dense(3, "relu"))(layers.Input((20, 8))).shape
    (20, 3)
    """

    def __init__(self, layer: Layer) -> None:
        if not isinstance(layer, Dense):
            raise TypeError(
                f"layer is {shown(layer)}, wanted a Dense; other layers keep the steps themselves"
            )
        self.layer = layer
        self.convolution = Conv1D(
            layer.units, 1, activation=layer.activation, name=layer.name,
            trainable=layer.trainable, rate_factor=layer.rate_factor,
            decay_factor=layer.decay_factor,
        )  # fmt: skip
        super().__init__(layer.name, layer.trainable, layer.rate_factor, layer.decay_factor)

    def __setattr__(self, name: str, value: Any) -> None:
        """What a descent asks of the layer is said to the convolution."""
        super().__setattr__(name, value)
        if name in ("trainable", "rate_factor", "decay_factor"):
            setattr(self.convolution, name, value)

    def __call__(self, values: Value | Sequence[Value]) -> Value:
        if isinstance(values, Value):
            sequence_shape(self, values.shapes[0])
        return self.convolution(values)

    @property
    def weights(self) -> dict[str, Array]:
        """Those of the convolution: ``weight`` (units, 1, features) and ``bias`` (units,)."""
        return self.convolution.weights

    def config(self) -> dict[str, Any]:
        return {"layer": self.layer}


@dataclass(frozen=True)
class RepeatVectorLayer(ShapedLayer):
    """Values (d,) as (n, d): a pixel that is repeated along one axis.

    Examples
    --------
    >>> RepeatVectorLayer(3, 4).output_shape
    (4, 3)
    """

    units: int
    repeats: int

    @property
    def windows(self) -> Windows:
        """The pixel that it shows."""
        units, repeats = self.units, self.repeats
        return Windows(1, 1, units, units, 1, 1, 1, repeats, 1, 1, 0, 0, 1, repeats)

    @property
    def output_shape(self) -> Shape:
        return (self.repeats, self.units)

    def described(self) -> tuple[str, dict[str, Any]]:
        return "RepeatVector", {"n": self.repeats}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        return [resampling.upsampling_row(self.windows, place.output, place.sources[0].unit)]


class RepeatVector(Layer):
    """The same values (d,) at each of n steps, (n, d): what a decoder of sequences reads.

    Parameters
    ----------
    n : int
        How many steps.
    name : str or None

    Raises
    ------
    ValueError
        When it is called with values of more than one axis.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.RepeatVector(5)(layers.Input(3)).shape
    (5, 3)
    """

    def __init__(self, n: int, name: str | None = None) -> None:
        super().__init__(name)
        self.n = whole_number("n", n, 1)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if len(shapes[0]) != 1:
            raise ValueError(f"{self!r} is called with a value of shape {shapes[0]}, wanted (d,)")
        layer = RepeatVectorLayer(shapes[0][0], self.n)
        countable(self, layer.windows)
        return layer

    def config(self) -> dict[str, Any]:
        return {"n": self.n}
