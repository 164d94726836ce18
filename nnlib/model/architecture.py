"""What a network is without its parameters: a graph, its losses, and the tables that kernels walk.

Losses of probabilities are computed from the logits z^[L], with the output activation folded in:
sigmoid with binary_cross_entropy and softmax with softmax_cross_entropy, for example. Both have
δ^[L] = F(x) − y, and J stays finite where F rounds to 0 or 1. So a network has two tables, the same
but for the code of the last activation: one for F, one for J, its gradient and the descent.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..activations import Custom
from ..checks.memory import check_memory
from ..checks.sparse import Records
from ..checks.values import layer_sizes, shown
from ..kernels.layers.operations import BUFFER_UNITS, DENSE, convolves, multiply_adds, rows_of
from ..kernels.network.linking import Use, linked
from ..layers.formulas import loss_code, loss_family, loss_from
from ..layers.lengths import OpenShape
from ..layers.shaped import Array, ShapedLayer, units_of
from ..losses import Loss
from .arguments import activation_names, check_graph_outputs, check_output
from .array_places import ArrayPlace, array_places
from .dense_chain import count_parameters, dense_chain
from .graph import Graph
from .linked_tables import LinkedTables
from .redrawn import Redrawn, graph_of_width, redrawn, shown_shapes
from .rows import Costs, Purpose, Training, table_of
from .whole_numbers import Range, ranges_of


@dataclass(frozen=True)
class Architecture:
    """A graph of layers and its losses; immutable, and equal where these are equal.

    It owns everything that follows from them: the tables of operations, the offsets of the
    parameters, the shapes. Other code asks it and derives nothing from the sizes.

    Parameters
    ----------
    graph : Graph
        The layers, and which reads which.
    losses : tuple of (str or losses.Loss)
        Name of J for each output, or J itself.
    loss_weights : tuple of float
        By what each of them is multiplied in the sum that a network's J is.
    dropout : tuple of float
        For each hidden layer of a chain the probability with which a descent drops its values; or
        empty.
    training : tuple of Training
        How a descent treats each layer; empty: all as usual.
    descends : bool
        Whether the training table is a descent's: with what is active there alone.
    sparse : bool
        Whether the tables are for sparse examples, see `kernels.layers.sparse`.

    Attributes
    ----------
    d_in, d_out : int
        Values of an example of all inputs, and of all outputs.
    size : int
        How many parameters there are.
    linked : dict
        Tables with addresses of compiled code, which no other process may see.

    Notes
    -----
    Rows of examples tell by their width what they are, and `reading` gives the architecture for
    them. For inputs of any length the width says how many steps there are, each with its mask if
    a layer reads one; for a fixed length wider rows have a mask. The parameters are the same.

    Examples
    --------
    >>> architecture = Architecture.of([3, 4, 2], "tanh")
    >>> architecture.size, architecture.d_in, architecture.d_out
    (26, 3, 2)
    >>> architecture == Architecture.of((3, 4, 2), ["tanh", "tanh"])
    True
    """

    graph: Graph
    losses: tuple[str | Loss, ...]
    loss_weights: tuple[float, ...] = (1.0,)
    dropout: tuple[float, ...] = ()
    training: tuple[Training, ...] = ()
    descends: bool = False
    sparse: bool = False
    # Attributes, not properties: `Network.F` of one example looks at them, and takes 2 µs.
    d_in: int = field(init=False, repr=False, compare=False)
    d_out: int = field(init=False, repr=False, compare=False)
    size: int = field(init=False, repr=False, compare=False)
    has_ports: bool = field(init=False, repr=False, compare=False)  # see `ports`
    ranges: tuple[Range, ...] = field(init=False, repr=False, compare=False)  # see `whole_numbers`
    linked: LinkedTables = field(
        init=False, repr=False, compare=False, default_factory=LinkedTables
    )
    _by_width: dict[int, Architecture] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        graph = self.graph
        shapes = [*graph.input_shapes, *map(graph.shape, graph.outputs)]
        derived = {
            "d_in": graph.example,
            "d_out": sum(graph.output_units),
            "size": sum(layer.size for layer in graph.layers),
            "ranges": ranges_of(graph),
            "has_ports": (
                graph.outputs_named
                or len(shapes) > 2
                or any(len(shape) > 1 for shape in shapes)
                or bool(graph.open_inputs)
            ),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls,
        sizes: Any,
        activation: Any = "sigmoid",
        loss: Any = "half_squared_error",
        itemsize: int = 8,
    ) -> Architecture:
        """The architecture of a chain of dense layers that a user describes, after all checks.

        Parameters
        ----------
        sizes, activation, loss
            As `Network` takes them.
        itemsize : int
            Bytes of a parameter.

        Raises
        ------
        TypeError, ValueError
            For any argument that is not of this form, or does not fit the others, and for more
            parameters than fit into memory.

        Examples
        --------
        >>> Architecture.of([2, 1]).layers
        (DenseLayer(d_in=2, d_out=1, activation='sigmoid'),)
        >>> Architecture.of([2])
        Traceback (most recent call last):
        ...
        ValueError: sizes is [2], wanted at least two layers: inputs and outputs
        """
        sizes = layer_sizes(sizes)
        names = activation_names(activation, len(sizes) - 1)
        loss = loss_from(loss)
        check_output(names, loss, sizes[-1])
        size = count_parameters(sizes)
        check_memory(f"sizes is {shown(list(sizes))}: its {size} parameters", size * itemsize)
        return cls(Graph.chain(list(dense_chain(sizes, names))), (loss,))

    @classmethod
    def of_graph(
        cls, graph: Graph, loss: Any, loss_weights: Any = None, itemsize: int = 8
    ) -> Architecture:
        """The architecture of a graph, with one loss for all outputs or one for each.

        Parameters
        ----------
        graph : Graph
        loss : str, list or dict
            By the names of the outputs, if it is a dict.
        loss_weights : list, dict or None
            Likewise; None: 1 for each.
        itemsize : int
            Bytes of a parameter.

        Raises
        ------
        TypeError, ValueError
            As `of`.
        """
        names, weights = check_graph_outputs(graph, loss, loss_weights)
        size = sum(layer.size for layer in graph.layers)
        check_memory(f"the network's {size} parameters", size * itemsize)
        return cls(graph, names, weights)

    def with_dropout(self, probabilities: Sequence[float] | None) -> Architecture:
        """The same with a probability for each hidden layer, or with none.

        >>> Architecture.of([3, 4, 2]).with_dropout([0.5]).dropout
        (0.5,)
        """
        dropout = tuple(probabilities or ())
        return self if dropout == self.dropout else replace(self, dropout=dropout)

    def for_descent(
        self, dropout: Sequence[float] | None, training: Sequence[Training] = ()
    ) -> Architecture:
        """The same with all that a descent alone does: dropout, frozen layers, factors.

        training says how it treats each layer; empty: all as usual.
        """
        own = tuple(training) if any(one != Training() for one in training) else ()
        descends = self.drops or bool(own)
        thinned = self.with_dropout(dropout)
        return replace(thinned, training=own, descends=True) if descends else thinned

    def reading(self, X: Any) -> Architecture:
        """The same with tables for examples like these, sparse ones or rows.

        >>> Architecture.of([3, 1]).reading(np.zeros((2, 3))).sparse
        False
        """
        if isinstance(X, Records):
            return self._of_sparse
        width = X.shape[1]
        if width == self.d_in and not self.graph.open_inputs:
            return self
        if width not in self._by_width:
            graph = graph_of_width(self.graph, self.masking.graph, width)
            self._by_width[width] = replace(self, graph=graph)
        return self._by_width[width]

    @functools.cached_property
    def shown_shapes(self) -> dict[int, OpenShape]:
        """Shape of every value by its number, None for a side that depends on the steps."""
        return shown_shapes(self.graph)

    @functools.cached_property
    def masking(self) -> Redrawn:
        """The graph with a mask, where a layer reads one."""
        return redrawn(self.graph, None, masked=True)

    @functools.cached_property
    def _of_sparse(self) -> Architecture:
        return replace(self, sparse=True)

    @functools.cached_property
    def table(self) -> Array:
        """The table of operations for F: every layer with the activation that the user named."""
        return table_of(self.graph, Purpose(sparse=self.sparse))

    @functools.cached_property
    def training_table(self) -> Array:
        """The table for J, its gradient and a descent, with what the losses want at the end."""
        costs = Costs(tuple(self.loss_codes), self.loss_weights)
        return table_of(
            self.graph, Purpose(costs, self.descends, self.dropout, self.training, self.sparse)
        )

    @functools.cached_property
    def units(self) -> int:
        """Rows of the activation buffer, in training and for F."""
        return int(max(self.table[BUFFER_UNITS], self.training_table[BUFFER_UNITS]))

    @functools.cached_property
    def work(self) -> int:
        """Multiply-adds of F for an example."""
        return multiply_adds(self.table)

    @functools.cached_property
    def convolves(self) -> bool:
        """Whether it has a convolution, for the cut into blocks."""
        return convolves(self.table)

    @property
    def layers(self) -> tuple[ShapedLayer, ...]:
        """The layers, each once."""
        return self.graph.layers

    @property
    def loss(self) -> str | Loss:
        """The loss, of the first output."""
        return self.losses[0]

    @property
    def sizes(self) -> tuple[Any, ...]:
        """Units of each layer, d_1 … d_L: of the data, and of each use of a layer.

        None where the length of sequences decides.
        """
        numbers, shown = range(len(self.graph.nodes)), self.shown_shapes
        first = None if self.graph.open_inputs else self.d_in
        units = [None if None in shown[k] else units_of(self.graph.shape(k)) for k in numbers]
        return (first, *units)

    @property
    def activations(self) -> tuple[str | Custom, ...]:
        """Each layer's activation, a name or the user's own; the input layer left out."""
        return tuple(layer.activation for layer in self.graph.layers)

    @property
    def drops(self) -> bool:
        """Whether layers of it drop values in a descent."""
        return any(not layer.active for layer in self.layers)

    @functools.cached_property
    def takes_images(self) -> bool:
        """Whether its one input may be uint8: dense layers read the data as it is, in floats."""
        rows = rows_of(self.training_table)
        dense = any(row.source < 0 and row.kind == DENSE for row in rows)
        return len(self.graph.input_shapes) == 1 and not dense

    @property
    def looks_at_batches(self) -> bool:
        """Whether layers of it look at whole batches in a descent."""
        return any(layer.looks_at_batches for layer in self.layers)

    @property
    def loss_code(self) -> int:
        """The kernels' number of the loss, of the first output."""
        return self.loss_codes[0]

    @property
    def loss_codes(self) -> list[int]:
        """The kernels' number of the loss of each output."""
        return [
            loss_code(loss, width)
            for loss, width in zip(self.losses, self.graph.output_widths, strict=True)
        ]

    @property
    def loss_family(self) -> str:
        """The name that says which targets the loss takes, of the first output."""
        return loss_family(self.losses[0])

    @property
    def is_given_by_sizes(self) -> bool:
        """Whether a list of sizes, activations and a loss say all of it."""
        return self.graph.is_given_by_sizes and self.loss_weights == (1.0,)

    def output_table(self, dtype: Any, single: bool) -> Array:
        """The table for F with the addresses of what it calls, kept for the next time.

        single says whether blocks have one sample. It is kept as `linked[single, itemsize]`.
        """
        table = linked(self.table, Use(dtype, single))
        self.linked[single, np.dtype(dtype).itemsize] = table
        return table

    def cost_table(self, dtype: Any, single: bool, train: bool) -> Array:
        """The table for J with the addresses of what it calls, and for its gradient if `train`.

        It is kept as `linked[single, train, itemsize]`.
        """
        table = linked(self.training_table, Use(dtype, single, cost=True, train=train))
        self.linked[single, train, np.dtype(dtype).itemsize] = table
        return table

    def image_table(self, use: Use) -> Array:
        """The table for F, or for J if the use has a cost, of inputs of uint8."""
        return linked(self.training_table if use.cost else self.table, use._replace(images=True))

    def arrays(self, parameters: Array) -> list[dict[str, Array]]:
        """The arrays of each layer by name, as views of a flat vector laid out like the parameters.

        Parameters
        ----------
        parameters : ndarray, shape (size,)
            The parameters, or their gradient.

        Examples
        --------
        >>> import numpy as np
        >>> Architecture.of([2, 1]).arrays(np.arange(3))
        [{'weight': array([[0, 1]]), 'bias': array([2])}]
        """
        views: list[dict[str, Array]] = [{} for _ in self.layers]
        for place in self._places:
            views[place.layer][place.name] = place.view(parameters)
        return views

    def named(self, name: str, parameters: Array) -> list[Array]:
        """The arrays of this name of all layers that have one, likewise.

        >>> import numpy as np
        >>> Architecture.of([2, 1]).named("bias", np.arange(3))
        [array([2])]
        """
        return [place.view(parameters) for place in self._places if place.name == name]

    @functools.cached_property
    def _places(self) -> list[ArrayPlace]:
        return array_places(self.layers)

    def arguments(self) -> dict[str, Any]:
        """The arguments of `Network` that give this architecture.

        >>> Architecture.of([2, 1]).arguments()
        {'sizes': (2, 1), 'activation': ('sigmoid',), 'loss': 'half_squared_error'}
        """
        if not self.is_given_by_sizes:
            return {"sizes": self}
        return {"sizes": self.sizes, "activation": self.activations, "loss": self.losses[0]}
