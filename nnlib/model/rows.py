"""From a graph of layers to the rows of a table, each with its place in the buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..kernels.formulas import activations, losses
from ..kernels.formulas.activations import IDENTITY, LOG_SOFTMAX, SOFTMAX
from ..kernels.layers import masks
from ..kernels.layers.joins import copy_row
from ..kernels.layers.operations import DENSE, Ends, Row, bits_of, build_table, rows_of
from ..kernels.layers.recurrent import with_cut
from ..kernels.layers.sparse import RECORD
from ..layers.activation import ActivationLayer
from ..layers.dense import DenseLayer
from ..layers.dropout import DropoutLayer
from ..layers.joined import SumLayer
from ..layers.shaped import Array, Place, Shape, ShapedLayer, Source, units_of
from . import in_place
from .graph import Graph


class Training(NamedTuple):
    """How a descent treats a layer."""

    trainable: bool = True
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    cut: int = 0  # δ of a recurrent layer goes back within parts of so many steps; 0: through all

    def settings(self) -> dict[str, Any]:
        """What a file keeps: the layer's own, without the option of a descent."""
        return {name: value for name, value in self._asdict().items() if name != "cut"}


class Costs(NamedTuple):
    """The losses of the outputs and their factors."""

    codes: tuple[int, ...]
    weights: tuple[float, ...]


class Purpose(NamedTuple):
    """What a table is for."""

    costs: Costs | None = None  # J, not F alone
    descends: bool = False  # with dropout, and with what `training` says of layers
    dropout: tuple[float, ...] = ()  # behind each hidden layer of a chain
    training: tuple[Training, ...] = ()  # of each layer; empty: all as usual
    sparse: bool = False  # the examples are records, see `kernels.layers.sparse`


def table_of(graph: Graph, purpose: Purpose) -> Array:
    """The graph's table for a purpose."""
    return _Builder(graph, purpose).table()


def gradient_table(graph: Graph) -> Array:
    """The table for ∂F/∂x: its inputs are copied to the beginning of the buffer, for their δ.

    Nothing learns in it, and softmax is left out: its derivative is no factor of single units.
    """
    return _Builder(graph, Purpose(), copies_data=True).table()


class Made(NamedTuple):
    """What a use of a layer makes in F's table."""

    source: Source  # where its value lies
    work: int  # multiply-adds of an example


def values_made(graph: Graph) -> list[Made]:
    """Where the values of all nodes lie when F has been computed."""
    builder = _Builder(graph, Purpose())
    rows = rows_of(builder.table())
    found = []
    for number in range(len(graph.nodes)):
        first, last = builder.spans[number]
        work = sum(row.work for row in rows[first:last])
        found.append(Made(builder.values[number], work))
    return found


class _Builder:
    """The rows of one table, and where the values lie."""

    def __init__(self, graph: Graph, purpose: Purpose, copies_data: bool = False) -> None:
        self._graph, self._purpose, self._copies_data = graph, purpose, copies_data
        self._rows: list[Row] = []
        self.values: dict[int, Source] = {}  # by number of the node, or −1 − k of input k
        self.spans: dict[int, tuple[int, int]] = {}  # the rows of each node
        self._offsets = _offsets(graph)
        self._alone = in_place.alone_read(graph)
        self._makers: dict[int, int] = {}  # the last row of each node; −1: it has none
        self._counted: list[int] = []  # where the mask of each output lies; −1: it has none
        self._free = 0

    def table(self) -> Array:
        graph = self._graph
        self._place_inputs()
        self._place_masks()
        for number in range(len(graph.nodes)):
            before = len(self._rows)
            self._add_node(number)
            self.spans[number] = before, len(self._rows)
        first = self._add_outputs()
        example = RECORD if self._purpose.sparse else graph.example
        ends = Ends(example, first, sum(graph.output_units))
        rows = self._with_data_by_columns()
        if self._copies_data:
            rows = [row._replace(learns=0) for row in rows]
        return build_table(rows, ends, whole=self._copies_data)

    def _place_inputs(self) -> None:
        start = 0
        for number, shape in enumerate(self._graph.input_shapes):
            source = Source(-1 - start, shape)
            start += units_of(shape)
            if self._copies_data:
                source = self._copied(source)
            self.values[-1 - number] = source

    def _place_masks(self) -> None:
        """The masks of outputs whose steps have a loss each."""
        graph = self._graph
        self._counted = [-1] * len(graph.outputs)
        given = graph.output_masks if self._purpose.costs is not None else ()
        for place, mask in enumerate(given):
            if mask is not None:
                source = self.values[mask]
                self._append([masks.row(units_of(source.shape), self._free, source.unit)])
                self._counted[place] = self._rows[-1].output

    def _copied(self, source: Source) -> Source:
        """A copy of the value in the buffer."""
        units = units_of(source.shape)
        self._append([copy_row(units, IDENTITY, source.unit, self._free, self._free)])
        return Source(self._rows[-1].output, source.shape)

    def _append(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        self._free = max([self._free, *(row.end for row in rows)])

    def _add_node(self, number: int) -> None:
        graph, purpose = self._graph, self._purpose
        node = graph.nodes[number]
        layer = graph.layers[node.layer]
        sources = tuple(self.values[source] for source in node.sources)
        if not layer.active and not purpose.descends:
            self.values[number] = sources[0]._replace(shape=layer.output_shape)
            return
        if purpose.costs is not None and self._change_in_place(number, layer, sources):
            return
        place = Place(self._offsets[node.layer], self._free, sources)
        rows = self._rows_of(layer, place, self._folded(number))
        if rows:
            rows[-1] = self._by_position(rows[-1], layer.output_shape)
        if purpose.descends and purpose.training:
            rows = [_trained(row, purpose.training[node.layer]) for row in rows]
        self._append(rows)
        self._makers[number] = len(self._rows) - 1 if rows else -1
        unit = rows[-1].output if rows else sources[0].unit
        self.values[number] = Source(unit, layer.output_shape)
        if number < len(purpose.dropout) and purpose.dropout[number] > 0:
            thinned = DropoutLayer(layer.output_shape, purpose.dropout[number])
            source = self.values[number]
            self._append(thinned.rows(Place(place.parameters + layer.size, self._free, (source,))))
            self.values[number] = source._replace(unit=self._rows[-1].output)

    def _rows_of(self, layer: ShapedLayer, place: Place, logits: int | None) -> list[Row]:
        """The layer's rows; those that read sparse examples are dense layers."""
        if self._purpose.sparse and isinstance(layer, DenseLayer) and place.sources[0].unit < 0:
            return layer.sparse_rows(place, logits)
        return layer.rows(place, logits)

    def _change_in_place(
        self, number: int, layer: ShapedLayer, sources: tuple[Source, ...]
    ) -> bool:
        """Let a node change the value of another one, if it can; whether it does."""
        if number in self._graph.outputs:
            return False
        for place, source in enumerate(self._graph.nodes[number].sources):
            maker = self._makers.get(source, -1) if source in self._alone else -1
            if maker < 0 or not in_place.replaceable(self._rows[maker], sources[place].unit):
                continue
            if isinstance(layer, ActivationLayer):
                row = in_place.with_activation(self._rows[maker], layer)
                if row is None:
                    continue
                self._rows[maker] = row
            elif isinstance(layer, SumLayer):
                rows = in_place.added_rows(layer, sources, place)
                if not rows:
                    continue
                self._append(rows)
                maker = len(self._rows) - 1
            else:
                continue
            self._makers[number] = maker
            self.values[number] = sources[place]._replace(shape=layer.output_shape)
            return True
        return False

    def _wanted(self, output: int) -> int | None:
        """The code of the activation that an output's loss wants in place of its own."""
        costs = self._purpose.costs
        return None if costs is None else losses.of(costs.codes[output]).on_logits

    def _folded(self, number: int) -> int | None:
        """The same for a node, if it makes an output and has an activation to fold in."""
        outputs = self._graph.outputs
        layer = self._graph.layers[self._graph.nodes[number].layer]
        if self._copies_data and layer.activation == "softmax":
            return IDENTITY
        return self._wanted(outputs.index(number)) if layer.folds and number in outputs else None

    def _add_outputs(self) -> int:
        """The rows of the outputs, one behind the other in the buffer; the first unit of them.

        A single output that nothing else reads is where its layer made it, any others are copied.
        """
        graph, costs = self._graph, self._purpose.costs
        if self._ends_in_place():
            if costs is not None:
                self._rows[-1] = self._with_loss(self._rows[-1], costs, 0)
            return self._rows[-1].output
        first, place = self._free, 0
        self._free = first + sum(graph.output_units)
        for number, (output, units) in enumerate(
            zip(graph.outputs, graph.output_units, strict=True)
        ):
            code = self._unfolded(number)
            needs = activations.of(code).needs_workspace
            workspace = self._free if needs else first + place
            row = copy_row(units, code, self.values[output].unit, first + place, workspace)
            row = self._by_position(row, graph.shape(output))
            self._append([row if costs is None else self._with_loss(row, costs, number)])
            place += units
        return first

    @staticmethod
    def _by_position(row: Row, shape: Shape) -> Row:
        """The row with its softmax, if it has one, over the last axis of its value alone."""
        several = len(shape) > 1 and row.activation in (SOFTMAX, LOG_SOFTMAX)
        return row._replace(positions=units_of(shape[:-1])) if several else row

    def _with_loss(self, row: Row, costs: Costs, number: int) -> Row:
        """The row with the loss of an output: one for each position, if softmax or a mask is."""
        code, counted = costs.codes[number], self._counted[number]
        row = row._replace(loss=code, loss_weight=bits_of(costs.weights[number]), counted=counted)
        positions = self._graph.output_positions[number]
        if counted >= 0 or (losses.of(code).on_logits == LOG_SOFTMAX and positions > 1):
            row = row._replace(positions=positions)
        return row

    def _unfolded(self, number: int) -> int:
        """The code of the activation that an output's copy has for the sake of its loss."""
        wanted, output = self._wanted(number), self._graph.outputs[number]
        if wanted is None or (output >= 0 and self._folded(output) is not None):
            return IDENTITY
        return wanted

    def _ends_in_place(self) -> bool:
        """Whether the last row has made the one output as its loss wants it, for nobody else."""
        graph = self._graph
        if len(graph.outputs) > 1 or graph.outputs[0] < 0 or not self._rows:
            return False
        made, last = self.values[graph.outputs[0]].unit, self._rows[-1]
        in_place = last.output == made and last.d_out == sum(graph.output_units)
        return (
            in_place
            and self._unfolded(0) == IDENTITY
            and all(row.source != made for row in self._rows)
        )

    def _with_data_by_columns(self) -> list[Row]:
        """The rows; data that several read, or that is several inputs, comes as columns."""
        readers = [row for row in self._rows if row.source < 0]
        alone = len(readers) == 1 and len(self._graph.input_shapes) == 1
        if alone and readers[0].kind == DENSE:
            return self._rows
        return [row._replace(sample_major=0, transposed=0) for row in self._rows]


def _offsets(graph: Graph) -> list[int]:
    """Where each layer's parameters begin in the flat vector."""
    offsets, start = [], 0
    for layer in graph.layers:
        offsets.append(start)
        start += layer.size
    return offsets


def _trained(row: Row, training: Training) -> Row:
    """The row as a descent treats its layer."""
    row = with_cut(row, training.cut)
    if not training.trainable:
        return row._replace(learns=0, decayed=0, statistics=0)
    factors: dict[str, Any] = {
        "rate": bits_of(training.rate_factor), "decay": bits_of(training.decay_factor)
    }  # fmt: skip
    return row._replace(**factors) if row.size else row
