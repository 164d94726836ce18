"""Layers as users see them, and the values that they are called with: a graph being drawn.

The joins that the operators of values make are here too: `Add`, `Subtract`, `Multiply`, and
`WeightedSum` for a number times a value.
"""

from __future__ import annotations

import copy
import math
import weakref
from collections.abc import Sequence
from typing import Any

from ..checks.names import hinted
from ..checks.values import real_number, shown, whole_number
from .joined import MultiplyLayer, SumLayer, equal_shapes
from .lengths import OpenShape, check_parameters, open_shape, tried_shapes
from .settings import Settings, checked_name
from .shaped import Array, Shape, ShapedLayer


class Value:
    """What a layer gives for an example, while a network is drawn; it holds no numbers.

    Attributes
    ----------
    shape : tuple of int
        Of one example; None stands for an axis whose length is not known yet.
    shapes : tuple of tuple of int
        The same with a number for every axis: where one is not known, a shape for each of
        `lengths.TRIED`.
    layer : Layer or Input
        What gives it.
    sources : tuple of Value
        What that reads.
    mask : Value or None
        A number for each step of a sequence, and the step counts where that is not 0. None: every
        step counts.

    Examples
    --------
    >>> from nnlib import layers
    >>> x = layers.Input(3)
    >>> (x + x).shape
    (3,)
    """

    __array_ufunc__ = None  # an array or a number of NumPy leaves its operators to a value's

    def __init__(
        self,
        layer: Any,
        sources: tuple[Value, ...],
        shapes: tuple[Shape, ...],
        mask: Value | None = None,
    ) -> None:
        self.layer, self.sources, self.shapes, self.mask = layer, sources, shapes, mask
        self.shape = open_shape(shapes)

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
        Of one example. None as the first side of a tuple: sequences of any length, of which a call
        has one, see `nnlib.sequences`. All such inputs of a network have the same length.
    name : str or None
        By which a dict of inputs has it.

    Examples
    --------
    >>> from nnlib import layers
    >>> layers.Input((28, 28, 1)).shape
    (28, 28, 1)
    >>> layers.Conv1D(8, 3)(layers.Input((None, 2))).shape
    (None, 8)
    """

    @hinted
    def __init__(self, shape: int | Sequence[int | None], name: str | None = None) -> None:
        self.name = checked_name(name)
        checked: OpenShape
        if isinstance(shape, (list, tuple)) and shape and shape[0] is None:
            checked = (None, *(checked_shape("shape", shape[1:]) if len(shape) > 1 else ()))
        elif isinstance(shape, (list, tuple)) and None in shape:
            raise ValueError(
                f"shape is {shown(shape)}, wanted None as its first side alone, the steps of "
                "sequences of any length; the other sides are whole numbers"
            )
        else:
            checked = checked_shape("shape", shape)
        super().__init__(self, (), tried_shapes(checked))

    def __repr__(self) -> str:
        return f"Input({self.name or self.shape!r})"


class Layer(Settings):
    """What all layers have in common.

    Parameters
    ----------
    name : str or None
        Of the layer in its network; None: its class with a number.
    trainable : bool
        Whether a descent changes its parameters; it may be set at any time between descents.
    rate_factor, decay_factor : float
        By what a descent's learning rate and its weight decay and l1 are multiplied for this layer.

    A subclass gives `shaped`, its host half for inputs of these shapes, and `config`. One that
    `reads_mask` is called with the mask too, where its input has one: `shaped` gets its shape
    behind the others, and `Place.sources` has it last.

    Examples
    --------
    >>> from nnlib import layers
    >>> isinstance(layers.Dense(3), layers.Layer)
    True
    """

    joins = False  # whether it is called with a list of values
    reads_mask = False  # whether it looks at the mask of its input
    keeps_mask = False  # whether that is its output's mask too, if the output has the steps
    any_length = True  # whether it may be called with a sequence of any length
    _called: tuple[ShapedLayer, str] | None = None  # and what it read, for messages
    _owner: Any = None  # a weak reference
    _number = 0

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
            mask = self._mask_of(given)
            read = (*given, mask) if mask is not None and self.reads_mask else given
            halves = self._halves(read)
        except ValueError as error:
            raise ValueError(f"{error}; it reads {self._described(given)}") from None
        if self._called is not None and halves[0] != self._called[0]:
            raise ValueError(
                f"{self!r} is used twice, so its inputs need one shape: it reads "
                f"{self._called[1]}, and now {self._described(given)}"
            )
        self._called = halves[0], self._described(given)
        shapes = tuple(half.output_shape for half in halves)
        return Value(self, read, shapes, self._handed_on(mask, shapes))

    def _halves(self, read: Sequence[Value]) -> list[ShapedLayer]:
        """Its host half for what it reads: one, or one for each length that is tried."""
        count = max(len(value.shapes) for value in read)
        if count > 1 and not self.any_length:
            raise ValueError(f"{self!r} needs to know the length of its input: give the Input one")
        halves = [self.shaped([value.shapes[k % len(value.shapes)] for value in read])
                  for k in range(count)]  # fmt: skip
        check_parameters(self, halves)
        return halves

    def _mask_of(self, given: Sequence[Value]) -> Value | None:
        """The mask of the values that it is called with."""
        masks = list(dict.fromkeys(value.mask for value in given if value.mask is not None))
        if len(masks) > 1:
            raise ValueError(f"{self!r} joins values with different masks, wanted one mask")
        return masks[0] if masks else None

    def _handed_on(self, mask: Value | None, shapes: Sequence[Shape]) -> Value | None:
        """The mask of its output."""
        if mask is None or not self.keeps_mask:
            return None
        steps = [shape[0] for shape in mask.shapes]
        found = [shape[0] if len(shape) > 1 else None for shape in shapes]
        return mask if found == steps else None

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

    joins = keeps_mask = True

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

    joins = keeps_mask = True

    def __init__(self, factors: Sequence[float], name: str | None = None) -> None:
        super().__init__(name)
        self.factors = tuple(real_number("factor", one, above=-math.inf) for one in factors)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        if len(shapes) != len(self.factors):
            raise ValueError(f"{self!r} is called with {len(shapes)} values")
        return SumLayer(equal_shapes(self, shapes), self.factors)

    def config(self) -> dict[str, Any]:
        return {"factors": list(self.factors)}


def checked_shape(argument: str, shape: Any) -> Shape:
    """A shape from a number or a sequence of numbers of at least 1.

    >>> checked_shape("shape", 3)
    (3,)
    """
    sides = shape if isinstance(shape, Sequence) and not isinstance(shape, str) else [shape]
    if not sides:
        raise ValueError(f"{argument} is {shown(shape)}, wanted at least one side")
    return tuple(whole_number(argument, side, 1) for side in sides)
