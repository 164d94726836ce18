"""Layers of the user's own, by three functions that are compiled in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..checks.derivatives import check_derivative
from ..checks.formulas import formula_name
from ..checks.values import real_number, shown
from ..kernels.layers import custom
from ..kernels.layers.kinds import KINDS
from ..kernels.layers.operations import Layer as KernelLayer
from ..kernels.layers.operations import Row, build_table
from .layer import Layer, checked_shape
from .shaped import Array, Parameters, Place, Shape, ShapedLayer, Source, units_of

# Samples with which the derivatives are checked.
_LANES = 3


@dataclass(frozen=True)
class CustomLayer(ShapedLayer):
    """A layer of the user's own, for inputs of one shape."""

    input_shape: Shape
    output: Shape
    arrays_of: tuple[tuple[str, Shape], ...]
    start: float
    code: int
    layer: Custom = field(compare=False, repr=False)

    @property
    def output_shape(self) -> Shape:
        return self.output

    @property
    def parameters(self) -> dict[str, Parameters]:
        return {name: Parameters(shape, start=self.start) for name, shape in self.arrays_of}

    def described(self) -> tuple[str, dict[str, Any]]:
        return "Custom", {"kind": self.layer}

    def rows(self, place: Place, logits: int | None = None) -> list[Row]:
        weights = [units_of(shape) for name, shape in self.arrays_of[:1] if name == "weight"]
        row = custom.row(
            self.code, units_of(self.input_shape), units_of(self.output), self.size, sum(weights),
            place.output,
        )  # fmt: skip
        return [row._replace(parameters=place.parameters, source=place.sources[0].unit)]


class Custom(Layer):
    """A layer by three functions: its values, its δ, and the gradient of its parameters.

    Each takes one argument, a NamedTuple of flat arrays in which the number of sample s in unit u
    is element u · lanes + s, and fills one of them in plain loops; all samples count, also those
    beyond the last, which repeat the first one:

    ``forward(layer)``
        reads ``layer.a_in`` and ``layer.parameters``, writes ``layer.a_out``; it may keep what the
        others need in ``layer.workspace``, which is as large as a_out;
    ``delta(layer)``
        reads ``layer.delta_out`` = ∂J/∂a_out, writes ``layer.delta_in`` = ∂J/∂a_in;
    ``gradient(layer)``
        writes ``layer.gradient`` = ∂J/∂parameters, a sum over all samples, or adds to it if
        ``layer.accumulate``.

    They may use numbers, functions of ``math`` and ``numpy``, and other plain functions. The arrays
    have the network's dtype. They are compiled when the layer is made, and both derivatives are
    checked against differences when it is first called with a value.

    Parameters
    ----------
    forward, delta, gradient : callable
        gradient is None for a layer without parameters.
    parameters : callable, mapping or None
        Shapes of the arrays of parameters by name, or a function that makes that mapping from the
        shape of the inputs. They are one behind the other in ``layer.parameters``. An array named
        ``weight``, if it is the first, is what weight decay shrinks.
    output_shape : callable, tuple or None
        Shape of the output, or a function of the inputs' shape; None: the inputs' shape.
    start : float
        What all parameters begin with.
    name, trainable, rate_factor, decay_factor
        As for `Layer`.

    Raises
    ------
    TypeError
        If a function cannot be compiled, with the reason in one line.
    ValueError
        If a derivative is wrong, with where it is, when the layer is called.

    Examples
    --------
    >>> from nnlib import Network, layers
    >>> def forward(layer):
    ...     for i in range(layer.a_out.size):
    ...         layer.a_out[i] = layer.a_in[i] * layer.a_in[i]
    >>> def delta(layer):
    ...     for i in range(layer.a_in.size):
    ...         layer.delta_in[i] = 2 * layer.a_in[i] * layer.delta_out[i]
    >>> net = Network([layers.Input(2), layers.Custom(forward, delta)])
    >>> net.F([3, 4])
    array([ 9., 16.])
    """

    any_length = False  # its derivatives are checked value by value

    def __init__(
        self,
        forward: Callable[[Any], None],
        delta: Callable[[Any], None],
        gradient: Callable[[Any], None] | None = None,
        *,
        parameters: Any = None,
        output_shape: Any = None,
        start: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        rate_factor: float = 1.0,
        decay_factor: float = 1.0,
    ) -> None:
        super().__init__(name, trainable, rate_factor, decay_factor)
        if (gradient is None) != (parameters is None):
            raise ValueError(
                "gradient and parameters belong together: give both, or neither for a layer "
                "without parameters"
            )
        self.start = real_number("start", start, above=-np.inf)
        self._given = forward, delta, gradient
        self._parameters, self._output_shape = parameters, output_shape
        self.kind = formula_name(name, forward)
        self._code, self.digest = custom.own_kind(self.kind, forward, delta, gradient)

    def shaped(self, shapes: Sequence[Shape]) -> ShapedLayer:
        (shape,) = shapes
        output = _of_shape(self._output_shape, shape)
        output = shape if output is None else checked_shape("output_shape", output)
        arrays = _of_shape(self._parameters, shape) or {}
        if not isinstance(arrays, Mapping):
            raise TypeError(
                f"parameters must be a mapping from names to shapes; got {shown(arrays)}"
            )
        named = tuple((str(key), checked_shape(key, one)) for key, one in arrays.items())
        own = CustomLayer(shape, output, named, self.start, self._code, self)
        _check(own)
        return own

    def like(self, name: str) -> Custom:
        """Another layer of the same functions."""
        twin = copy.copy(self)
        vars(twin).update(name=name, _owner=None, _called=None)
        return twin

    def config(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # The kind becomes known to the process that unpickles it.
        code, digest = custom.own_kind(state["kind"], *state["_given"])
        vars(self).update(state, _code=code, digest=digest)


def _of_shape(given: Any, shape: Shape) -> Any:
    return given(shape) if callable(given) else given


def _check(layer: CustomLayer) -> None:
    """Refuse a δ or a gradient that disagrees with differences of Σ c a_out, at random c."""
    generator = np.random.default_rng(1)
    units = units_of(layer.input_shape), units_of(layer.output)
    a, c, p = (
        generator.normal(size=size)
        for size in (units[0] * _LANES, units[1] * _LANES, max(layer.size, 1))
    )
    p = p[: layer.size]
    kind = KINDS[layer.code]
    by_inputs = _Along(layer, kind, c, a, p, 0)
    _check_written(by_inputs, layer.size)
    check_derivative(["forward", "delta", "a_in"], by_inputs, a)
    if layer.size:
        check_derivative(["forward", "gradient", "parameters"], _Along(layer, kind, c, a, p, 1), p)


def _check_written(along: _Along, size: int) -> None:
    """Refuse functions that leave numbers unwritten, or add to what they find."""
    layer = along.layer(unwritten=True)
    along.run("forward", layer)
    along.run("delta", layer)
    written = {"forward": layer.a_out, "delta": layer.delta_in}
    if size:
        along.run("gradient", layer)
        written["gradient"] = layer.gradient
    for name, array in written.items():
        if not np.isfinite(array).all():
            field = {"forward": "a_out", "delta": "delta_in"}.get(name, name)
            raise ValueError(
                f"{name} leaves some of layer.{field} unwritten, or reads or adds to what stands "
                "there: write every element"
            )
    if size:
        before = layer.gradient.copy()
        along.run("gradient", layer._replace(accumulate=True))
        if not np.allclose(layer.gradient, 2 * before, rtol=1e-9, atol=1e-12):
            raise ValueError(
                "gradient does not add to layer.gradient where layer.accumulate is true"
            )


class _Along:
    """Σ c a_out where one number of the inputs, or of the parameters, is another; and its slope."""

    def __init__(
        self, layer: CustomLayer, kind: Any, c: Array, a: Array, p: Array, which: int
    ) -> None:
        self._shaped, self._kind, self._c, self._given = layer, kind, c, (a, p)
        self._which = which

    def __call__(self, values: Array, slopes: Array, x: Array) -> None:
        for i in range(len(x)):
            given = [part.copy() for part in self._given]
            given[self._which][i] = x[i]
            layer = self.layer(given[0], given[1])
            self.run("forward", layer)
            values[i] = self._c @ layer.a_out
            if self._which == 0:
                self.run("delta", layer)
                slopes[i] = layer.delta_in[i]
            else:
                self.run("gradient", layer)
                slopes[i] = layer.gradient[i]

    def run(self, name: str, layer: KernelLayer) -> None:
        """One of the functions on a block."""
        custom.run(getattr(self._kind, name), layer)

    def layer(
        self, a: Array | None = None, p: Array | None = None, unwritten: bool = False
    ) -> KernelLayer:
        """The layer on one block; what it writes holds 0, or NaN if `unwritten`."""
        a, p = (own if one is None else one for own, one in zip(self._given, (a, p), strict=True))
        sizes, fill = units_of(self._shaped.output) * _LANES, np.nan if unwritten else 0.0
        (row,) = self._shaped.rows(Place(0, 0, (Source(-1, self._shaped.input_shape),)))
        return KernelLayer(
            row=build_table([row]), parameters=p, a_in=a, a_out=np.full(sizes, fill),
            workspace=np.full(sizes, fill), delta_out=self._c, delta_in=np.full(a.size, fill),
            gradient=np.full(p.size, fill), lanes=_LANES, accumulate=False, key=np.uint64(0),
        )  # fmt: skip
