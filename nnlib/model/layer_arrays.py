"""The weights or the biases of all layers, as `Network.weights` and `Network.biases` give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from numpy.typing import ArrayLike, NDArray

from ..checks.values import check_finite, numbers

Array = NDArray[Any]


class LayerArrays(Sequence[Array]):
    """A sequence of views of one vector of parameters: elements can be written, not exchanged.

    `arrays[l] = values` writes the numbers into the view of layer l, so that the network sees them;
    a list would hold the new array and leave the network as it was. A slice gives a list of views.

    Raises
    ------
    TypeError, ValueError
        If what is written has another shape, or is no finite real numbers; nothing is written then.

    Examples
    --------
    >>> import nnlib
    >>> net = nnlib.Network([1, 2, 1], "identity")
    >>> net.weights[0] = [[2], [3]]
    >>> net.parameters[:2]
    array([2., 3.])
    >>> net.biases
    [array([0., 0.]), array([0.])]
    """

    def __init__(self, name: str, views: list[Array]) -> None:
        self._name, self._views = name, views

    def __len__(self) -> int:
        return len(self._views)

    @overload
    def __getitem__(self, layer: int) -> Array: ...
    @overload
    def __getitem__(self, layer: slice) -> list[Array]: ...
    def __getitem__(self, layer: int | slice) -> Array | list[Array]:
        return self._views[layer]

    @overload
    def __setitem__(self, layer: int, values: ArrayLike) -> None: ...
    @overload
    def __setitem__(self, layer: slice, values: Sequence[ArrayLike]) -> None: ...
    def __setitem__(self, layer: int | slice, values: Any) -> None:
        layers = range(len(self))[layer]
        if isinstance(layers, int):
            layers, values = range(layers, layers + 1), [values]
        if len(values) != len(layers):
            raise ValueError(f"{self._name}: {len(values)} arrays for {len(layers)} layers")
        checked = [self._checked(*pair) for pair in zip(layers, values, strict=True)]
        for number, array in zip(layers, checked, strict=True):
            self._views[number][...] = array

    def _checked(self, number: int, values: ArrayLike) -> Array:
        """The values as an array of the layer's shape and dtype."""
        name, view = f"{self._name}[{number}]", self._views[number]
        array = numbers(name, values, view.dtype)
        if array.shape != view.shape:
            raise ValueError(f"{name} has shape {array.shape}, wanted {view.shape}")
        check_finite(name, array)
        return array

    def __repr__(self) -> str:
        return repr(self._views)
