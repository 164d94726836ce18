"""Layers as users see them, and the values that they are called with: a graph being drawn.

The joins that the operators of values make are here too: `Add`, `Subtract`, `Multiply`, and
`WeightedSum` for a number times a value.
"""

from __future__ import annotations

import copy
import functools
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

from ..checks.names import NearNames, hinted, unknown_attribute
from ..checks.values import flag, real_number, shown, whole_number
from .joined import MultiplyLayer, SumLayer, equal_shapes
from .shaped import Array, Shape, ShapedLayer

P = ParamSpec("P")


class Value:
    """What a layer gives for an example, while a network is drawn; it holds no numbers.

    Attributes
    ----------
    shape : tuple of int
        Of one example.
    layer : Layer or Input
        What gives it.
    sources : tuple of Value
        What that is called with.

    Examples
    --------
    >>> from nnlib import layers
    >>> x = layers.Input(3)
    >>> (x + x).shape
    (3,)
    """

    __array_ufunc__ = None  # an array or a number of NumPy leaves its operators to a value's

    def __init__(self, layer: Any, sources: tuple[Value, ...], shape: Shape) -> None:
        self.layer, self.sources, self.shape = layer, sources, shape

    def __add__(self, other: Any) -> Value:
        return Add()([self, _operand("+", other)])

    __radd__ = __add__

    def __sub__(self, other: Any) -> Value:
        return Subtract()([self, _operand("-", other)])

    def __mul__(self, other: Any) -> Value:
        if isinstance(other, Value):
            return Multiply()([self, other])
        if isinstance(other, Layer):
            raise TypeError(f"* wants a value or a number; got {shown(other)}{call_first(other)}")
        return WeightedSum([other])([self])

    __rmul__ = __mul__

    def __neg__(self) -> Value:
        return self * -1.0

    def __repr__(self) -> str:
        return f"<value of shape {self.shape} from {self.layer!r}>"


def _operand(sign: str, other: Any) -> Value:
    """The other value of an operator; `TypeError` if it is none."""
    if not isinstance(other, Value):
        raise TypeError(
            f"{sign} wants a value of a layer on both sides; got {shown(other)}{call_first(other)}"
        )
    return other


def call_first(given: Any) -> str:
    """The end of a message about a layer in place of a value."""
    return f": call it first, as in {given!r}(x)" if isinstance(given, Layer) else ""


class Input(Value):
    """Where examples come in.

    Parameters
    ----------
    shape : int or tuple of int
        Of one example.
    name : str or None
        By which a dict of inputs has it.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Input((28, 28, 1)).shape
    (28, 28, 1)
    """

    @hinted
    def __init__(self, shape: int | Sequence[int], name: str | None = None) -> None:
        self.name = checked_name(name)
        super().__init__(self, (), checked_shape("shape", shape))

    def __repr__(self) -> str:
        return f"Input({self.name or self.shape!r})"


def _completing(init: Callable[P, None]) -> Callable[P, None]:
    """The same `__init__`; the layer is complete at its end, if it is that of the layer's class."""

    @functools.wraps(init)
    def completing(*arguments: P.args, **named: P.kwargs) -> None:
        init(*arguments, **named)
        layer: Any = arguments[0]
        if type(layer).__init__ is completing:
            vars(layer)["_complete"] = True

    return completing


# What may be set of a layer that has been called.
_SETTINGS = ("trainable", "rate_factor", "decay_factor")


class Layer(NearNames):
    """What all layers have in common.

    Parameters
    ----------
    name : str or None
        Of the layer in its network; None: its class with a number.
    trainable : bool
        Whether a descent changes its parameters; it may be set at any time between descents.
    rate_factor, decay_factor : float
        By what a descent's learning rate and its weight decay and l1 are multiplied for this layer.

    A subclass gives `shaped`, its host half for inputs of these shapes, and `config`.

    Examples
    --------
    >>> from nnlib import layers
    >>> isinstance(layers.Dense(3), layers.Layer)
    True
    """

    joins = False  # whether it is called with a list of values

    def __init_subclass__(cls) -> None:
        """Arguments that a kind of layer does not have are refused with the near name."""
        if "__init__" in vars(cls):
            cls.__init__ = _completing(hinted(cls.__init__))  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        """What a descent asks of a layer may be set; what it computes only before it is called."""
        own = vars(self)
        if own.get("_complete", False) and not name.startswith("_") and name not in _SETTINGS:
            if name not in own and not hasattr(type(self), name):
                raise unknown_attribute(self, name)
            if self._made:
                raise AttributeError(f"{name} of {self!r} cannot be set: make another layer")
        super().__setattr__(name, value)

    def __init__(
        self,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        self._made = False
        self.name = checked_name(name)
        self.trainable = trainable
        self.rate_factor = rate_factor
        self.decay_factor = decay_factor
        self._called: tuple[ShapedLayer, str] | None = None  # and what it read, for messages
        self._owner: Any = None  # a weak reference
        self._number = 0

    @property
    def trainable(self) -> bool:
        """Whether a descent changes its parameters."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = flag("trainable", value)

    @property
    def rate_factor(self) -> float:
        """By what a descent's learning rate is multiplied for this layer."""
        return self._rate_factor

    @rate_factor.setter
    def rate_factor(self, value: float) -> None:
        self._rate_factor = real_number("rate_factor", value, above=0)

    @property
    def decay_factor(self) -> float:
        """By what weight decay and l1 are multiplied for this layer."""
        return self._decay_factor

    @decay_factor.setter
    def decay_factor(self, value: float) -> None:
        self._decay_factor = real_number("decay_factor", value)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        """The layer for inputs of these shapes; `ValueError` if they do not fit."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        """What tells it from others of its class, as `repr` shows it."""
        return {}

    def __call__(self, values: Value | Sequence[Value]) -> Value:
        self._made = True
        given = self._checked_values(values)
        try:
            shaped = self.shaped([value.shape for value in given])
        except ValueError as error:
            raise ValueError(f"{error}; it reads {self._described(given)}") from None
        if self._called is not None and shaped != self._called[0]:
            raise ValueError(
                f"{self!r} is used twice, so its inputs need one shape: it reads "
                f"{self._called[1]}, and now {self._described(given)}"
            )
        self._called = shaped, self._described(given)
        return Value(self, given, shaped.output_shape)

    @property
    def called(self) -> ShapedLayer:
        """Its host half, for the shapes that it was called with."""
        if self._called is None:
            raise ValueError(f"{self!r} has not been called yet")
        return self._called[0]

    def _checked_values(self, values: Any) -> tuple[Value, ...]:
        wanted = "a list of values" if self.joins else "one value of a layer"
        given = values if self.joins else [values]
        if not isinstance(given, (list, tuple)):
            raise TypeError(f"{self!r} joins {wanted}; got {shown(values)}")
        for value in given:
            if not isinstance(value, Value):
                raise TypeError(
                    f"{self!r} must be called with {wanted}; got {shown(value)}{call_first(value)}"
                )
        if not given:
            raise ValueError(f"{self!r} is called with no values, wanted at least one")
        return tuple(given)

    @staticmethod
    def _described(values: Sequence[Value]) -> str:
        return " and ".join(f"{value.shape} from {value.layer!r}" for value in values)

    @property
    def weights(self) -> dict[str, Array]:
        """The parameters by name, as writable views of those of its network.

        That is the first one that it was made into; others have layers like it in ``net.layers``.

        >>> from nnlib import Network, layers
        >>> layer = layers.Dense(2)
        >>> net = Network([layers.Input(3), layer])
        >>> {name: array.shape for name, array in layer.weights.items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        network = self.owner
        if network is None:
            raise ValueError(f"{self!r} is in no network yet, so it has no weights")
        arrays: dict[str, Array] = network.layer_arrays(self._number)
        return arrays

    @property
    def owner(self) -> Any:
        """The network that it belongs to; None: none, or one that is no longer there."""
        return None if self._owner is None else self._owner()

    def belonging(self, network: Any, number: int) -> Layer:
        """This as layer `number` of a network, whose `layer_arrays` has the parameters.

        A copy, if it belongs to another network.
        """
        own = self if self.owner in (None, network) else copy.copy(self)
        vars(own).update(_owner=weakref.ref(network), _number=number)
        return own

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_owner": None}

    def __repr__(self) -> str:
        given = [repr(self.name)] if self.name else [
            f"{value!r}" for value in self.config().values()
        ]  # fmt: skip
        return f"{type(self).__name__}({', '.join(given)})"


class Join(Layer):
    """A layer that is called with a list of values, and has nothing but a name."""

    joins = True

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)


class Add(Join):
    """x_1 + x_2 + …, of values of one shape; ``h + g`` is the same.

    >>> from nnlib import layers
    >>> x = layers.Input(2)
    >>> layers.Add()([x, x]).shape
    (2,)
    """

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return SumLayer(equal_shapes(self, shapes), (1.0,) * len(shapes))


class Subtract(Join):
    """x_1 − x_2, of two values of one shape; ``h - g`` is the same.

    >>> from nnlib import layers
    >>> x = layers.Input(2)
    >>> layers.Subtract()([x, x]).shape
    (2,)
    """

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if len(shapes) != 2:
            raise ValueError(f"{self!r} is called with {len(shapes)} values, wanted two")
        return SumLayer(equal_shapes(self, shapes), (1.0, -1.0))


class Multiply(Join):
    """x_1 ⊙ x_2 ⊙ …, element by element, of values of one shape; ``h * g`` is the same.

    >>> from nnlib import layers
    >>> x = layers.Input(2)
    >>> layers.Multiply()([x, x]).shape
    (2,)
    """

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        return MultiplyLayer(equal_shapes(self, shapes), len(shapes))


class WeightedSum(Layer):
    """Σ_k c_k x_k over values of one shape; ``c * x`` makes it of one value.

    Parameters
    ----------
    factors : list of float
        c, one for each value.
    name : str or None

    Examples
    --------
    >>> from nnlib import layers
    >>> x = layers.Input(2)
    >>> layers.layer.WeightedSum([1.0, -2.0])([x, x]).shape
    (2,)
    """

    joins = True

    def __init__(self, factors: Sequence[float], name: str | None = None) -> None:
        super().__init__(name)
        self.factors = tuple(real_number("factor", one, above=-math.inf) for one in factors)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if len(shapes) != len(self.factors):
            raise ValueError(f"{self!r} is called with {len(shapes)} values")
        return SumLayer(equal_shapes(self, shapes), self.factors)

    def config(self) -> dict[str, Any]:
        return {"factors": list(self.factors)}


def checked_name(name: Any) -> str | None:
    """A layer's name, or None."""
    if name is not None and (not isinstance(name, str) or not name):
        raise TypeError(f"name must be a string, or None; got {shown(name)}")
    return name


def checked_shape(argument: str, shape: Any) -> Shape:
    """A shape from a number or a sequence of numbers of at least 1.

    >>> checked_shape("shape", 3)
    (3,)
    """
    sides = shape if isinstance(shape, Sequence) and not isinstance(shape, str) else [shape]
    if not sides:
        raise ValueError(f"{argument} is {shown(shape)}, wanted at least one side")
    return tuple(whole_number(argument, side, 1) for side in sides)
