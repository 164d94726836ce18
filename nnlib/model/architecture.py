"""What a network is without its parameters: layers, loss, and the tables that kernels walk.

Losses of probabilities are computed from the logits z^[L], with the output activation folded in:
sigmoid with binary_cross_entropy and softmax with softmax_cross_entropy, for example. Both have
δ^[L] = F(x) − y, and J stays finite where F rounds to 0 or 1. So a network has two tables, the same
but for the code of the last activation: one for F, one for J, its gradient and the descent.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..activations import Custom
from ..checks.memory import check_memory
from ..checks.values import layer_sizes, shown
from ..kernels.formulas import losses
from ..kernels.layers.operations import Row, build_table
from ..kernels.network.linking import Use, linked
from ..losses import Loss
from .arguments import activation_names, check_output
from .formulas import loss_code, loss_family, loss_from
from .layers import DenseLayer, DropoutLayer, Place
from .linked_tables import LinkedTables

Array = NDArray[Any]


@dataclass(frozen=True)
class Architecture:
    """A chain of dense layers and its loss; immutable, and equal where these are equal.

    It owns everything that follows from them: the tables of operations, the offsets of the
    parameters, the shapes. Other code asks it and derives nothing from the sizes.

    Parameters
    ----------
    layers : tuple of DenseLayer
        From the first to the last.
    loss : str or losses.Loss
        Name of J, or J itself.
    dropout : tuple of float
        For each hidden layer the probability with which a descent drops its values; or empty.

    Attributes
    ----------
    d_in, d_out : int
        Values of an example, and of an output.
    size : int
        How many parameters there are.
    units : int
        Rows of the activation buffer, in training and for F.
    table : ndarray of int64
        The table of operations for F: every layer with the activation that the user named.
    training_table : ndarray of int64
        The table for J, its gradient and a descent, with dropout and with the last activation that
        the loss wants.
    linked : dict
        Tables with addresses of compiled code, which no other process may see.

    Examples
    --------
    >>> architecture = Architecture.of([3, 4, 2], "tanh")
    >>> architecture.size, architecture.d_in, architecture.d_out
    (26, 3, 2)
    >>> architecture == Architecture.of((3, 4, 2), ["tanh", "tanh"])
    True
    """

    layers: tuple[DenseLayer, ...]
    loss: str | Loss
    dropout: tuple[float, ...] = ()
    # Attributes, not properties: `Network.F` of one example looks at them, and takes 2 µs.
    d_in: int = field(init=False, repr=False, compare=False)
    d_out: int = field(init=False, repr=False, compare=False)
    size: int = field(init=False, repr=False, compare=False)
    units: int = field(init=False, repr=False, compare=False)
    table: Array = field(init=False, repr=False, compare=False)
    training_table: Array = field(init=False, repr=False, compare=False)
    linked: LinkedTables = field(
        init=False, repr=False, compare=False, default_factory=LinkedTables
    )

    def __post_init__(self) -> None:
        rows = _rows(self.layers, self.dropout, losses.of(self.loss_code).on_logits)
        derived = {
            "d_in": self.layers[0].d_in,
            "d_out": self.layers[-1].d_out,
            "size": sum(layer.size for layer in self.layers),
            "units": rows[-1].end,
            "table": build_table(_rows(self.layers)),
            "training_table": build_table(rows),
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
        """The architecture that a user describes, after all checks.

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
        return cls(tuple(_dense_chain(sizes, names)), loss)

    def with_dropout(self, probabilities: Sequence[float] | None) -> Architecture:
        """The same with a probability for each hidden layer, or with none.

        >>> Architecture.of([3, 4, 2]).with_dropout([0.5]).dropout
        (0.5,)
        """
        dropout = tuple(probabilities or ())
        return self if dropout == self.dropout else replace(self, dropout=dropout)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, d_1 … d_L."""
        return (self.d_in, *(layer.d_out for layer in self.layers))

    @property
    def activations(self) -> tuple[str | Custom, ...]:
        """Each layer's activation, a name or the user's own; the input layer left out."""
        return tuple(layer.activation for layer in self.layers)

    @property
    def hidden(self) -> int:
        """How many layers are neither the input nor the output."""
        return len(self.layers) - 1

    @property
    def loss_code(self) -> int:
        """The kernels' number of the loss."""
        return loss_code(self.loss, self.layers[-1].d_out)

    @property
    def loss_family(self) -> str:
        """The name that says which targets the loss takes."""
        return loss_family(self.loss)

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
        table = linked(self.training_table, Use(dtype, single, self.loss_code, train))
        self.linked[single, train, np.dtype(dtype).itemsize] = table
        return table

    def views(self, parameters: Array) -> list[tuple[Array, Array]]:
        """(W, b) of each layer as views of a flat vector laid out like the parameters.

        Parameters
        ----------
        parameters : ndarray, shape (size,)
            The parameters, or their gradient.

        Examples
        --------
        >>> import numpy as np
        >>> Architecture.of([2, 1]).views(np.arange(3))
        [(array([[0, 1]]), array([2]))]
        """
        views, start = [], 0
        for layer in self.layers:
            views.append(layer.views(parameters[start : start + layer.size]))
            start += layer.size
        return views

    def arguments(self) -> dict[str, Any]:
        """The arguments of `Network` that give this architecture; a file holds them as JSON.

        >>> Architecture.of([2, 1]).arguments()
        {'sizes': (2, 1), 'activation': ('sigmoid',), 'loss': 'half_squared_error'}
        """
        return {"sizes": self.sizes, "activation": self.activations, "loss": self.loss}


def count_parameters(sizes: Sequence[int]) -> int:
    """How many parameters a chain of dense layers has.

    >>> count_parameters([1, 2, 1])
    7
    """
    return sum(layer.size for layer in _dense_chain(sizes, ["identity"] * (len(sizes) - 1)))


def _dense_chain(sizes: Sequence[int], activations: Sequence[str | Custom]) -> Iterator[DenseLayer]:
    """The layers between sizes d_1 … d_L, from the first to the last."""
    for (d_in, d_out), activation in zip(itertools.pairwise(sizes), activations, strict=True):
        yield DenseLayer(d_in, d_out, activation)


def _rows(
    layers: Sequence[DenseLayer], dropout: Sequence[float] = (), logits: int | None = None
) -> list[Row]:
    """The rows of a chain; layers with dropout above 0 are followed by a row that thins them.

    logits is the code of the last layer's activation, if it is not the layer's own.
    """
    rows: list[Row] = []
    place, last = Place(), len(layers) - 1
    for number, layer in enumerate(layers):
        rows.append(layer.row(place, logits if number == last else None))
        place = place.after(rows[-1])
        if number < len(dropout) and dropout[number] > 0:
            rows.append(DropoutLayer(layer.output_shape, dropout[number]).row(place))
            place = place.after(rows[-1])
    return rows
