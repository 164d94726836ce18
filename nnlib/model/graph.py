"""A graph of layers: which layer reads which values, from the inputs to the outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..checks.names import hint
from ..checks.values import shown
from ..layers import Input, Layer, Value
from ..layers.dense import DenseLayer
from ..layers.layer import call_first
from ..layers.rebuilt import layer_like
from ..layers.shaped import Shape, ShapedLayer, units_of


class Node(NamedTuple):
    """One use of a layer."""

    layer: int  # its number
    sources: tuple[int, ...]  # numbers of nodes; −1 − k: input k


@dataclass(frozen=True)
class Graph:
    """Layers and how they are connected; a value, and equal where these are.

    Attributes
    ----------
    layers : tuple of ShapedLayer
        Each once, however often it is used, in the order of their first use.
    names : tuple of str
        Of the layers.
    nodes : tuple of Node
        Every use of a layer, in an order in which each comes after those that it reads.
    input_names, input_shapes : tuple
        Of the inputs.
    outputs : tuple of int
        What the network gives: numbers as in `Node.sources`.
    output_names : tuple of str
        Of the layers that give them.
    outputs_named : bool
        Whether F gives a dict of them.
    open_inputs : tuple of int
        Numbers of the inputs whose first side may have any length. Their shapes, and all that
        follow, are those of the first length in `layers.lengths.TRIED`: no table is made of such a
        graph, but of one with the length of the examples, see `redrawn`.
    masked : bool
        Whether the last input is the mask of the sequences, which users do not give as one of X.
    output_masks : tuple of (int or None)
        For each output the input that is the mask of its steps, a number as in `Node.sources`;
        None: it has none. Empty: no output has one.

    Examples
    --------
    >>> Graph.chain([DenseLayer(3, 4, "tanh"), DenseLayer(4, 2, "identity")]).nodes
    (Node(layer=0, sources=(-1,)), Node(layer=1, sources=(0,)))
    """

    layers: tuple[ShapedLayer, ...]
    names: tuple[str, ...]
    nodes: tuple[Node, ...]
    input_names: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    outputs: tuple[int, ...]
    output_names: tuple[str, ...]
    outputs_named: bool = False
    open_inputs: tuple[int, ...] = ()
    masked: bool = False
    output_masks: tuple[int | None, ...] = ()

    @classmethod
    def chain(cls, layers: Sequence[DenseLayer]) -> Graph:
        """Dense layers, each reading the one before it."""
        names = tuple(_names("dense", len(layers)))
        nodes = tuple(Node(k, (k - 1,)) for k in range(len(layers)))
        shapes = ((layers[0].d_in,),)
        last = len(layers) - 1
        return cls(tuple(layers), names, nodes, ("input",), shapes, (last,), (names[last],))

    def shape(self, number: int) -> Shape:
        """Shape of a value, by its number as in `Node.sources`."""
        if number < 0:
            return self.input_shapes[-1 - number]
        return self.layers[self.nodes[number].layer].output_shape

    @property
    def data_names(self) -> tuple[str, ...]:
        """Names of the inputs that users give, without the mask."""
        return self.input_names[:-1] if self.masked else self.input_names

    @property
    def data_shapes(self) -> tuple[Shape, ...]:
        """Shapes of the inputs that users give, without the mask."""
        return self.input_shapes[:-1] if self.masked else self.input_shapes

    @property
    def example(self) -> int:
        """Values of an example, of all inputs."""
        return sum(map(units_of, self.input_shapes))

    @property
    def output_units(self) -> tuple[int, ...]:
        """Values of each output."""
        return tuple(units_of(self.shape(number)) for number in self.outputs)

    @property
    def output_positions(self) -> tuple[int, ...]:
        """How many positions each output has, as the steps of a sequence: all axes but the last."""
        return tuple(units_of(self.shape(number)[:-1]) for number in self.outputs)

    @property
    def output_widths(self) -> tuple[int, ...]:
        """Values of each output at a position: its last axis."""
        return tuple(self.shape(number)[-1] for number in self.outputs)

    @property
    def node_names(self) -> tuple[str, ...]:
        """A name for every node: its layer's, with a number where that is used again."""
        found: list[str] = []
        for node in self.nodes:
            name = self.names[node.layer]
            again = (one for one in _names(name) if one not in found)
            found.append(next(one for one in again if one == name or one not in self.names))
        return tuple(found)

    @property
    def is_dense_chain(self) -> bool:
        """Whether it is dense layers, each reading the one before it."""
        dense = all(isinstance(layer, DenseLayer) for layer in self.layers)
        nodes = tuple(Node(k, (k - 1,)) for k in range(len(self.layers)))
        ends = len(self.input_shapes), self.outputs
        return dense and self.nodes == nodes and ends == (1, (len(nodes) - 1,))

    @property
    def is_given_by_sizes(self) -> bool:
        """Whether it is what a list of sizes describes: dense layers without names of their own."""
        if not self.is_dense_chain:
            return False
        layers = [layer for layer in self.layers if isinstance(layer, DenseLayer)]
        return self == Graph.chain(layers)


class Drawn(NamedTuple):
    """A graph, and the layers that it was drawn with."""

    graph: Graph
    layers: tuple[Layer, ...]


def draw(inputs: Any, outputs: Any) -> Drawn:
    """The graph between values.

    Parameters
    ----------
    inputs : Input, or list or dict of Input
    outputs : Value, or list or dict of Value

    Raises
    ------
    TypeError, ValueError
        If these are nothing of the kind, an output depends on an input that is not among the
        inputs, an input on which nothing depends, or two layers have one name.
    """
    ins = _named_values("inputs", inputs, Input)
    outs = _named_values("outputs", outputs, Value)
    order = list(_in_order(list(outs.values()), list(ins.values())))
    layers = list(dict.fromkeys(value.layer for value in order))
    numbers: dict[Value, int] = {value: k for k, value in enumerate(order)}
    numbers.update({value: -1 - k for k, value in enumerate(ins.values())})
    masks = tuple(
        None if value.mask is None else numbers.get(value.mask) for value in outs.values()
    )
    read = {source for value in order for source in value.sources} | set(outs.values())
    read |= {value.mask for value in outs.values() if value.mask is not None}
    for name, value in ins.items():
        if value not in read:
            raise ValueError(f"no output depends on the input {name!r}")
    names = _layer_names(layers)
    places = {id(layer): number for number, layer in enumerate(layers)}
    nodes = tuple(
        Node(places[id(value.layer)], tuple(numbers[source] for source in value.sources))
        for value in order
    )
    graph = Graph(
        tuple(layer.called for layer in layers), names, nodes,
        tuple(ins), tuple(value.shapes[0] for value in ins.values()),
        tuple(numbers[value] for value in outs.values()),
        tuple(outs) if isinstance(outputs, Mapping) else _output_names(outs, places, names),
        isinstance(outputs, Mapping),
        tuple(k for k, value in enumerate(ins.values()) if len(value.shapes) > 1),
        output_masks=masks if any(mask is not None for mask in masks) else (),
    )  # fmt: skip
    return Drawn(graph, tuple(layers))


def _output_names(
    outputs: Mapping[str, Value], places: Mapping[int, int], names: Sequence[str]
) -> tuple[str, ...]:
    """The names of the layers that give the outputs; one that is there again has a number."""
    found: list[str] = []
    for number, value in outputs.items():
        own = names[places[id(value.layer)]] if id(value.layer) in places else number
        found.append(next(one for one in _names(own) if one not in found))
    return tuple(found)


def draw_sequence(layers: Sequence[Any]) -> Drawn:
    """The graph of layers one behind the other, the first an `Input`.

    >>> from nnlib import layers
    >>> draw_sequence([layers.Input(3), layers.Dense(2)]).graph.output_units
    (2,)
    """
    first, *others = layers
    if not isinstance(first, Input):
        raise TypeError(f"a list of layers must begin with an Input; got {shown(first)}")
    if not others:
        raise ValueError("a list of layers must hold a layer behind its Input")
    value: Value = first
    for layer in others:
        if not isinstance(layer, Layer):
            raise TypeError(
                f"a list of layers must hold layers behind its Input; got {shown(layer)}"
            )
        value = layer(value)
    return draw(first, value)


def named_layer(graph: Graph, name: str) -> int:
    """The number of the layer of this name; the error offers the nearest one."""
    if name in graph.names:
        return graph.names.index(name)
    raise ValueError(
        f"there is no layer {shown(name)}, only {', '.join(graph.names)}"
        f"{hint('layer', name, graph.names)}"
    )


def _named_values(argument: str, given: Any, kind: type) -> dict[str, Any]:
    """The values by name; those of a list, or one alone, by their own names or numbers."""
    one = "an Input" if kind is Input else "a value of a layer"
    wanted = f"{one}, or a list or a dict by names of them"
    if isinstance(given, Mapping):
        named = dict(given)
    else:
        values = list(given) if isinstance(given, (list, tuple)) else [given]
        several = len(values) > 1
        named = {}
        for number, value in enumerate(values):
            own = getattr(value, "name", None) if kind is Input else None
            name = own or (f"{argument[:-1]}_{number}" if several else argument[:-1])
            if name in named:
                raise ValueError(f"{argument}: two of them have the name {name!r}")
            named[name] = value
    if not named:
        raise ValueError(f"{argument} is empty, wanted {wanted}")
    for name, value in named.items():
        if not isinstance(value, kind):
            raise TypeError(f"{argument} must be {wanted}; got {shown(value)}{call_first(value)}")
        if not isinstance(name, str):
            raise TypeError(f"{argument} must be {wanted}; got the name {shown(name)}")
        if kind is Input and list(named.values()).count(value) > 1:
            raise ValueError(f"inputs holds {value!r} twice, wanted each once")
    return named


def _in_order(outputs: Sequence[Value], inputs: Sequence[Value]) -> Iterator[Value]:
    """The values that layers make on the way to the outputs, each after those that it reads."""
    known = set(inputs)
    waiting = list(reversed(outputs))
    while waiting:
        value = waiting.pop()
        if value in known:
            continue
        if isinstance(value, Input):
            raise ValueError(f"an output depends on {value!r}, which is not among the inputs")
        missing = [source for source in value.sources if source not in known]
        if missing:
            waiting += [value, *reversed(missing)]
        else:
            known.add(value)
            yield value


def _layer_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """The layers' own names, and for the others their class with a number that is free."""
    taken: set[str] = set()
    for layer in layers:
        if layer.name is not None:
            if layer.name in taken:
                raise ValueError(f"two layers have the name {layer.name!r}, wanted a name for each")
            taken.add(layer.name)
    names = []
    for layer in layers:
        name = layer.name
        if name is None:
            kind = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", type(layer).__name__).lower()
            name = next(one for one in _names(kind) if one not in taken)
            taken.add(name)
        names.append(name)
    return tuple(names)


def _names(kind: str, count: int | None = None) -> Iterator[str]:
    """kind, kind_1, kind_2, …."""
    number = 0
    while count is None or number < count:
        yield f"{kind}_{number}" if number else kind
        number += 1


def rebuilt_layers(graph: Graph) -> tuple[Layer, ...]:
    """Layers as users see them, for a graph that was not drawn with any."""
    return tuple(map(layer_like, graph.layers, graph.names))
