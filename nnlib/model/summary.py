"""What a network is, for people: a table of its layers, and a drawing of the graph."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

from ..layers import Layer
from ..layers.lengths import TRIED
from .architecture import Architecture
from .graph import Graph
from .redrawn import redrawn
from .rows import values_made

# Of the drawing, in pixels.
_BOX_WIDTH, _BOX_HEIGHT, _ACROSS, _DOWN = 150, 40, 20, 30
# Layers from which on the graph is not drawn.
_MOST_DRAWN = 200


class Summary(str):
    """A text that a notebook or a console shows as it is, not as a string's literal."""

    def __repr__(self) -> str:
        return str(self)


class _Line(NamedTuple):
    """What the table says of one use of a layer."""

    name: str
    kind: str
    reads: str
    shape: str
    parameters: str
    work: str


def summary(architecture: Architecture, layers: Sequence[Layer]) -> Summary:
    """The table of layers: shapes, parameters, multiply-adds of an example."""
    graph, lines, seen = architecture.graph, list[_Line](), set[int]()
    names, shapes, works = graph.node_names, architecture.shown_shapes, _works(graph)
    for number, name in enumerate(graph.input_names):
        lines.append(_Line(name, "Input", "", str(shapes[-1 - number]), "0", "0"))
    for number, node in enumerate(graph.nodes):
        layer = layers[node.layer]
        reads = ", ".join(
            graph.input_names[-1 - source] if source < 0 else names[source]
            for source in node.sources
        )
        size = f"{graph.layers[node.layer].size:,}"
        if node.layer in seen:
            size = f"({size} of {graph.names[node.layer]})"
        elif not layer.trainable and graph.layers[node.layer].size:
            size += " frozen"
        seen.add(node.layer)
        kind = type(layer).__name__
        work = _shown_work(graph, works[number])
        lines.append(_Line(names[number], kind, reads, str(shapes[number]), size, work))
    return Summary(_table(lines) + "\n" + _totals(architecture, layers))


def _table(lines: Sequence[_Line]) -> str:
    title = _Line("layer", "class", "reads", "output", "parameters", "multiply-adds")
    widths = [max(len(line[k]) for line in (title, *lines)) for k in range(len(title))]
    rule = "  ".join("-" * width for width in widths)

    def text(line: _Line) -> str:
        left = [line[k].ljust(widths[k]) for k in range(4)]
        right = [line[k].rjust(widths[k]) for k in range(4, 6)]
        return "  ".join(left + right).rstrip()

    return "\n".join([text(title), rule, *map(text, lines), rule])


def _totals(architecture: Architecture, layers: Sequence[Layer]) -> str:
    frozen = sum(
        shaped.size
        for shaped, layer in zip(architecture.layers, layers, strict=True)
        if not layer.trainable
    )
    total = f"{architecture.size:,} parameters"
    if frozen:
        total += f", {frozen:,} of them frozen"
    losses = " + ".join(
        (f"{weight:g} " if weight != 1 else "") + str(loss)
        for loss, weight in zip(architecture.losses, architecture.loss_weights, strict=True)
    )
    works = [sum(one) for one in zip(*_works(architecture.graph), strict=True)]
    each = " a step" if architecture.graph.open_inputs else " an example"
    work = _shown_work(architecture.graph, works).removesuffix(" a step")
    return f"{total}; {work} multiply-adds{each}; loss {losses}"


def _works(graph: Graph) -> list[list[int]]:
    """Multiply-adds of every node; of a graph of any length those of two lengths."""
    graphs = [graph]
    if graph.open_inputs:
        graphs += [redrawn(graph, time, masked=False).graph for time in TRIED[1:]]
    made = zip(*(values_made(one) for one in graphs), strict=True)
    return [[one.work for one in of_node] for of_node in made]


def _shown_work(graph: Graph, works: Sequence[int]) -> str:
    """Multiply-adds as the table shows them: where the steps decide, of how many a step has."""
    if not graph.open_inputs or works[0] == works[1]:
        return f"{works[0]:,}"
    return f"{(works[1] - works[0]) // (TRIED[1] - TRIED[0]):,} a step"


def drawing(architecture: Architecture, layers: Sequence[Layer]) -> str:
    """HTML with the graph as SVG, and the table below it."""
    table = f"<pre>{html.escape(summary(architecture, layers))}</pre>"
    graph = architecture.graph
    if len(graph.nodes) > _MOST_DRAWN:
        return table
    return _svg(architecture) + table


def _svg(architecture: Architecture) -> str:
    """Boxes in rows by how far they are from the inputs, and arrows between them."""
    graph, shapes = architecture.graph, architecture.shown_shapes
    names = graph.node_names
    inputs = [-1 - k for k in range(len(graph.input_shapes))]
    depth = dict.fromkeys(inputs, 0)
    for number, node in enumerate(graph.nodes):
        depth[number] = 1 + max(depth[source] for source in node.sources)
    rows: dict[int, list[int]] = {}
    for number, row in depth.items():
        rows.setdefault(row, []).append(number)
    width = max(map(len, rows.values())) * (_BOX_WIDTH + _ACROSS) + _ACROSS
    places = {}
    for row, numbers in rows.items():
        start = (width - len(numbers) * (_BOX_WIDTH + _ACROSS) + _ACROSS) / 2
        for k, number in enumerate(numbers):
            places[number] = (
                start + k * (_BOX_WIDTH + _ACROSS), _DOWN / 2 + row * (_BOX_HEIGHT + _DOWN)
            )  # fmt: skip
    height = len(rows) * (_BOX_HEIGHT + _DOWN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12" text-anchor="middle">'
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z"/></marker></defs>'
    ]
    for number, node in enumerate(graph.nodes):
        x, y = places[number]
        for source in node.sources:
            a, b = places[source]
            parts.append(
                f'<line x1="{a + _BOX_WIDTH / 2:g}" y1="{b + _BOX_HEIGHT:g}" '
                f'x2="{x + _BOX_WIDTH / 2:g}" y2="{y:g}" stroke="black" '
                'marker-end="url(#arrow)"/>'
            )
    for number, (x, y) in places.items():
        is_end = number < 0 or number in graph.outputs
        name = graph.input_names[-1 - number] if number < 0 else names[number]
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="5" '
            f'fill="{"#dbe9f6" if is_end else "#f5f5f5"}" stroke="#555"/>'
            f'<text x="{x + _BOX_WIDTH / 2:g}" y="{y + 16:g}">{html.escape(name)}</text>'
            f'<text x="{x + _BOX_WIDTH / 2:g}" y="{y + 32:g}" fill="#555">'
            f"{shapes[number]}</text>"
        )
    return "".join(parts) + "</svg>"
