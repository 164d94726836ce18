"""Recurrent layers: they go through a sequence step by step, with a state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..checks.values import MOST_DROPOUT, flag, known_name, real_number, shown, whole_number
from ..kernels.formulas.activations import CODES
from ..kernels.layers.recurrent import ACTIVATIONS, Recurrence
from .converted import ConvertedLayer
from .images import countable
from .layer import Layer, Value
from .sequence_dropout import SpatialDropout1D
from .shaped import Shape, ShapedLayer
from .through_time import RecurrentLayer

# What all kinds are given, but for a name.
_ARGUMENTS = (
    "units", "activation", "return_sequences", "go_backwards", "aligned", "use_bias", "dropout",
    "recurrent_dropout", "trainable", "rate_factor", "decay_factor",
)  # fmt: skip


class _Ways(NamedTuple):
    """What recurrent layers are told of their way through the time, unchecked."""

    return_sequences: Any
    go_backwards: Any
    aligned: Any
    use_bias: Any
    dropout: Any
    recurrent_dropout: Any


class _Recurrent(ConvertedLayer):
    """What recurrent layers have in common.

    At a step that the mask of its input leaves out, an example's state stays as it is.
    """

    reads_mask = True
    own_arguments: tuple[str, ...] = ()  # that not all kinds have

    def __init__(
        self,
        units: int,
        activations: tuple[str, str],
        ways: _Ways,
        settings: tuple[str | None, bool, float, float],
    ) -> None:
        super().__init__(*settings)
        self.units = whole_number("units", units, 1)
        self.activation = known_name("activation", activations[0], ACTIVATIONS)
        self.recurrent_activation = known_name("recurrent_activation", activations[1], ACTIVATIONS)
        self.return_sequences = flag("return_sequences", ways.return_sequences)
        self.go_backwards = flag("go_backwards", ways.go_backwards)
        self.aligned = flag("aligned", ways.aligned)
        self.use_bias = flag("use_bias", ways.use_bias)
        # Where the states come in the order of the input's steps.
        self.keeps_mask = self.aligned or not self.go_backwards
        self.dropout = _probability("dropout", ways.dropout)
        self.recurrent_dropout = _probability("recurrent_dropout", ways.recurrent_dropout)
        self._inputs_dropout = SpatialDropout1D(self.dropout) if self.dropout else None

    @property
    def forget_bias(self) -> float:
        """How the bias of the gate that forgets begins, where there is one."""
        return 0.0

    def backwards(self) -> Layer:
        """A layer like this one, not called yet, that reads the last step first."""
        kind: Any = type(self)
        layer: Layer = kind(**{**self._arguments(), "go_backwards": True, "aligned": True})
        return layer

    def _arguments(self) -> dict[str, Any]:
        """All of its arguments but its name."""
        return {name: getattr(self, name) for name in _ARGUMENTS + self.own_arguments}

    def __call__(self, values: Value | Sequence[Value]) -> Value:
        """The layer's value, behind a dropout of its inputs if it has one."""
        if self._inputs_dropout is not None and isinstance(values, Value):
            values = self._inputs_dropout(values)
        return super().__call__(values)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        shape = sequence_shape(self, shapes[0])
        own = Recurrence(
            time=shape[0], units=self.units, activation=CODES[self.activation],
            recurrent_activation=CODES[self.recurrent_activation], cut=0,
            sequences=self.return_sequences, backwards=self.go_backwards, aligned=self.aligned,
            masked=len(shapes) > 1, stateful=False,
        )  # fmt: skip
        layer = RecurrentLayer(
            type(self).__name__, shape[1], own, self.use_bias, self.forget_bias,
            self.recurrent_dropout,
        )  # fmt: skip
        countable(self, layer.windows)
        return layer

    def config(self) -> dict[str, Any]:
        shown_ones: dict[str, Any] = {"units": self.units}
        others = {
            "activation": (self.activation, "tanh"),
            "return_sequences": (self.return_sequences, False),
            "go_backwards": (self.go_backwards, False), "aligned": (self.aligned, False),
            "use_bias": (self.use_bias, True), "dropout": (self.dropout, 0.0),
            "recurrent_dropout": (self.recurrent_dropout, 0.0),
        }  # fmt: skip
        return shown_ones | {
            name: value for name, (value, usual) in others.items() if value != usual
        }

    def __repr__(self) -> str:
        if self.name:
            return super().__repr__()
        units, *others = self.config().items()
        named = (f"{name}={value!r}" for name, value in others)
        return f"{type(self).__name__}({', '.join([repr(units[1]), *named])})"


def sequence_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape itself, if it is that of a sequence, (time, features)."""
    if len(shape) != 2:
        raise ValueError(
            f"{layer!r} is called with a value of shape {shown(shape)}, wanted (time, features)"
            + ("; put a Reshape before it" if len(shape) == 1 else "")
        )
    return shape


def _probability(argument: str, value: Any) -> float:
    """A probability of dropout."""
    rate = real_number(argument, value)
    if rate > MOST_DROPOUT:
        raise ValueError(f"{argument} is {rate!r}, wanted a probability below 1")
    return rate


class SimpleRNN(_Recurrent):
    """h_t = f(W x_t + b + U h_(t−1)) over the steps of a sequence (time, features); h_0 = 0.

    Parameters are ``weight`` W (units, features), ``bias`` b (units,) and ``recurrent_weight`` U
    (units, units): those of Keras transposed. W begins as Glorot's, U orthogonal, b zero. Weight
    decay applies to W and U. Source: J. L. Elman, "Finding structure in time", 1990.

    Parameters
    ----------
    units : int
        How many values the state h has.
    activation : {"tanh", "relu", "sigmoid", "identity"}
        f.
    return_sequences : bool
        Whether the output is the states of all steps, (time, units), or the last one, (units,).
    go_backwards : bool
        Whether the last step is read first; the states come in the order in which they are made.
    aligned : bool
        Whether they come in the order of the input instead, with `go_backwards`.
    use_bias : bool
        Whether there is b.
    dropout : float
        With which probability a descent drops a feature of the input, at all steps of an example
        alike. The network has a `SpatialDropout1D` for that, before this layer.
    recurrent_dropout : float
        The same for a value of h_(t−1) in the product with U.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Raises
    ------
    ValueError
        When it is called with a value that is no sequence (time, features).

    Examples
    --------
    >>> from nnlib import Network, layers
    >>> layers.SimpleRNN(16, return_sequences=True)(layers.Input((50, 1))).shape
    (50, 16)
    >>> net = Network([layers.Input((50, 1)), layers.SimpleRNN(16), layers.Dense(1)])
    >>> net.parameters.size
    305
    """

    def __init__(
        self,
        units: int,
        activation: str = "tanh",
        *,
        return_sequences: bool = False,
        go_backwards: bool = False,
        aligned: bool = False,
        use_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        ways = _Ways(return_sequences, go_backwards, aligned, use_bias, dropout, recurrent_dropout)
        settings = name, trainable, rate_factor, decay_factor
        super().__init__(units, (activation, "identity"), ways, settings)


class GRU(_Recurrent):
    """Gated recurrent units, with the reset after the product with the state, as in Keras.

    z = σ(W_z x + b_z + U_z h + c_z), r likewise, g = φ(W_h x + b_h + r ⊙ (U_h h + c_h)), and the
    state becomes z ⊙ h + (1 − z) ⊙ g. Parameters are ``weight`` W (3 units, features), ``bias`` b
    (3 units,), ``recurrent_weight`` U (3 units, units) and ``recurrent_bias`` c (3 units,), the
    gates in Keras' order z, r, h: Keras' arrays transposed, its bias (2, 3 units) as two. Source:
    K. Cho et al., arXiv 1406.1078 (2014).

    Parameters
    ----------
    units : int
        How many values the state h has.
    activation, recurrent_activation : {"tanh", "relu", "sigmoid", "identity"}
        φ and σ.
    reset_after : bool
        True: the reset is applied behind the product, as above. The other way does not exist.
    return_sequences, go_backwards, aligned, use_bias, dropout, recurrent_dropout
        As for `SimpleRNN`.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Raises
    ------
    ValueError
        For ``reset_after=False``.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.GRU(32)(layers.Input((20, 8))).shape
    (32,)
    """

    own_arguments = ("recurrent_activation",)

    def __init__(
        self,
        units: int,
        activation: str = "tanh",
        recurrent_activation: str = "sigmoid",
        *,
        reset_after: bool = True,
        return_sequences: bool = False,
        go_backwards: bool = False,
        aligned: bool = False,
        use_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        if not flag("reset_after", reset_after):
            raise ValueError(
                "reset_after is False, wanted True: the reset before the product does not exist "
                "here; PyTorch, cuDNN and Keras by default apply it behind the product"
            )
        ways = _Ways(return_sequences, go_backwards, aligned, use_bias, dropout, recurrent_dropout)
        settings = name, trainable, rate_factor, decay_factor
        super().__init__(units, (activation, recurrent_activation), ways, settings)

    def config(self) -> dict[str, Any]:
        return {**super().config(), **_unusual(self)}


class LSTM(_Recurrent):
    """Long short-term memory: a state h, and a cell c that gates write, forget and show.

    i, f, o = σ(z_i), σ(z_f), σ(z_o) and g = φ(z_c) with z = W x_t + b + U h_(t−1); then
    c_t = f ⊙ c_(t−1) + i ⊙ g and h_t = o ⊙ φ(c_t). Parameters are ``weight`` W (4 units, features),
    ``bias`` b (4 units,) and ``recurrent_weight`` U (4 units, units), the gates in Keras' order i,
    f, c, o. Source: F. Gers, J. Schmidhuber and F. Cummins, Neural Computation 12 (2000).

    Parameters
    ----------
    units : int
        How many values h and c have.
    activation, recurrent_activation : {"tanh", "relu", "sigmoid", "identity"}
        φ and σ.
    unit_forget_bias : bool
        Whether b of the gate f begins at 1 in place of 0.
    return_sequences, go_backwards, aligned, use_bias, dropout, recurrent_dropout
        As for `SimpleRNN`.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.LSTM(32, return_sequences=True)(layers.Input((20, 8))).shape
    (20, 32)
    """

    own_arguments = ("recurrent_activation", "unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: str = "tanh",
        recurrent_activation: str = "sigmoid",
        *,
        unit_forget_bias: bool = True,
        return_sequences: bool = False,
        go_backwards: bool = False,
        aligned: bool = False,
        use_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        self.unit_forget_bias = flag("unit_forget_bias", unit_forget_bias)
        ways = _Ways(return_sequences, go_backwards, aligned, use_bias, dropout, recurrent_dropout)
        settings = name, trainable, rate_factor, decay_factor
        super().__init__(units, (activation, recurrent_activation), ways, settings)

    @property
    def forget_bias(self) -> float:
        """How the bias of the gate f begins."""
        return 1.0 if self.use_bias and self.unit_forget_bias else 0.0

    def config(self) -> dict[str, Any]:
        forget = {} if self.unit_forget_bias else {"unit_forget_bias": False}
        return {**super().config(), **_unusual(self), **forget}


def _unusual(layer: _Recurrent) -> dict[str, Any]:
    """The activation of the gates, where it is not the usual one."""
    own = layer.recurrent_activation
    return {} if own == "sigmoid" else {"recurrent_activation": own}
