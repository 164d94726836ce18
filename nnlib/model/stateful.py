"""A network of one step with states that stay, for one that reads sequences; see `stepper`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..checks.values import shown
from ..kernels.layers.operations import GRU, LSTM, SIMPLE_RNN, Row
from ..layers.shaped import Shape, ShapedLayer
from ..layers.through_time import RecurrentLayer
from .graph import Graph, rebuilt_layers
from .redrawn import redrawn, sequence_inputs


class Stateful(NamedTuple):
    """The graph of a step, and the shapes of what it reads and gives, without the axis of steps."""

    graph: Graph
    input_shape: Shape
    output_shape: Shape


class StatePlace(NamedTuple):
    """Where a recurrent layer's state lies in the activation buffer."""

    first: int  # unit
    shape: Shape  # (units,), or (2, units) of an LSTM: h and c

    @property
    def end(self) -> int:
        """The first unit behind it."""
        return self.first + math.prod(self.shape)


def stateful(graph: Graph) -> Stateful:
    """The graph drawn for one step, its recurrent layers with states that stay.

    Raises
    ------
    ValueError
        If it has not one sequence as its input and one output, or a layer needs other steps than
        the one that it reads, but for its own state.

    Examples
    --------
    >>> from ..layers import LSTM, Input
    >>> from .graph import draw
    >>> x = Input((20, 3))
    >>> stateful(draw(x, LSTM(4, return_sequences=True)(x)).graph)[1:]
    ((3,), (4,))
    """
    if len(graph.data_shapes) != 1 or len(graph.outputs) != 1 or not sequence_inputs(graph):
        raise ValueError(
            "a stepper is for networks with one input, a sequence, and one output; this one has "
            f"inputs of shapes {', '.join(map(shown, graph.data_shapes))} and "
            f"{len(graph.outputs)} outputs"
        )
    steps = _made_by_steps(graph)
    one = redrawn(graph, 1, masked=False).graph
    layers = tuple(map(_keeping_state, one.layers))
    shape = one.shape(one.outputs[0])
    by_steps = one.outputs[0] in steps
    return Stateful(
        replace(one, layers=layers), one.input_shapes[0][1:], shape[1:] if by_steps else shape
    )


def _keeping_state(layer: ShapedLayer) -> ShapedLayer:
    """The layer; a recurrent one reads its state and keeps it."""
    if isinstance(layer, RecurrentLayer):
        return replace(layer, recurrence=layer.recurrence._replace(stateful=True))
    return layer


def state_places(graph: Graph, rows: Sequence[Row]) -> dict[str, StatePlace]:
    """Where the state of every use of a recurrent layer lies, by the name of the use.

    rows are those of the graph's table. A state lies at the beginning of the row's workspace,
    behind the mask if there is one.
    """
    through = iter(row for row in rows if row.kind in (SIMPLE_RNN, GRU, LSTM))
    places = {}
    for name, node in zip(graph.node_names, graph.nodes, strict=True):
        layer = graph.layers[node.layer]
        if isinstance(layer, RecurrentLayer):
            own, row = layer.recurrence, next(through)
            shape = (2, own.units) if row.kind == LSTM else (own.units,)
            places[name] = StatePlace(row.workspace + (own.time if own.masked else 0), shape)
    return places


def _made_by_steps(graph: Graph) -> set[int]:
    """The numbers of the values that have an axis of steps; each step is made from those so far."""
    layers, found = rebuilt_layers(graph), {-1}
    for number, node in enumerate(graph.nodes):
        half, name = graph.layers[node.layer], graph.names[node.layer]
        read = [source in found for source in node.sources]
        recurrent = isinstance(half, RecurrentLayer)
        if isinstance(half, RecurrentLayer) and half.recurrence.backwards:
            raise ValueError(
                f"a stepper goes forwards, and layer {name!r} reads the last step first, as the "
                "second half of a Bidirectional does"
            )
        if any(read) != all(read) or (recurrent and not all(read)):
            raise ValueError(
                f"a stepper knows the steps so far, and layer {name!r} reads a value that is not "
                "made from the input step by step"
            )
        if not all(read):
            continue
        if not recurrent and not layers[node.layer].keeps_mask:
            raise ValueError(
                f"a stepper knows one step at a time, and layer {name!r} looks at several; "
                "recurrent layers alone have a state for those before"
            )
        if not isinstance(half, RecurrentLayer) or half.recurrence.sequences:
            found.add(number)
    return found
