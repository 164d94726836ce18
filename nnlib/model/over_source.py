"""What a network computes over a source of rows, part by part: outputs, costs, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..checks.examples import Examples, counted
from ..checks.feature_names import check_names
from ..checks.memory import check_memory
from ..checks.values import check_each, check_finite, input_numbers, numbers, rows
from ..data.reading import all_ahead
from ..data.source import Rows, Source
from ..layers.shaped import Array
from . import ports
from .knowledge import Known, NetworkKnowledge
from .sequence_rows import comes_by_port
from .task import task_of
from .whole_numbers import check_ranges

if TYPE_CHECKING:
    from .function import NetworkFunction

# From X, y and what is known of them to checked arrays, see `function.examples_for`.
Check = Callable[[NetworkKnowledge, Any, Any, Known, bool], tuple[Any, Any]]


class Converting:
    """Makes checked examples of the rows of a part; where it is called, a thread reads.

    Parameters
    ----------
    network : NetworkKnowledge
    check : callable
        `function.examples_for`.
    known : Known
        Which labels y may hold.
    factors : float, or ndarray of shape (classes,)
        By what the weights of the rows are multiplied, or those of each class.
    """

    def __init__(
        self, network: NetworkKnowledge, check: Check, known: Known, factors: Any = 1.0
    ) -> None:
        self._network, self._check, self._known, self._factors = network, check, known, factors

    def __call__(self, given: Rows) -> Examples:
        """The examples of the rows, as `counted` has them.

        Raises
        ------
        TypeError, ValueError
            As `as_given`.
        """
        return counted(self.as_given(given))

    def as_given(self, given: Rows) -> Examples:
        """The examples of the rows, those of weight 0 too.

        Raises
        ------
        TypeError, ValueError
            As `Network.descent` for X, y and sample_weight.
        """
        X, y = self._check(self._network, given.X, given.y, self._known, False)
        weights, factors = row_weights(given, self._network.dtype), self._factors
        if np.ndim(factors):
            task = task_of(self._network.architecture)
            assert task is not None
            factors = task.shares(y) @ factors
            weights = weights if weights.size else np.ones(len(y), weights.dtype)
        return Examples(X, y, (weights * factors).astype(weights.dtype))


def row_weights(given: Rows, dtype: np.dtype[Any]) -> Array:
    """The checked weights (n,) of rows; empty where they have none.

    >>> row_weights(Rows([1, 2], [1, 2], [0.5, 2]), np.dtype("float32"))
    array([0.5, 2. ], dtype=float32)
    """
    if given.weights is None:
        return np.empty(0, dtype)
    weights = numbers("sample_weight", given.weights, dtype)
    n = len(given.y)
    if weights.shape != (n,):
        raise ValueError(f"sample_weight has shape {weights.shape}, wanted ({n},), one per example")
    check_finite("sample_weight", weights)
    check_each("sample_weight", weights, weights >= 0, "weights of at least 0")
    return weights


def check_alone(**given: Any) -> None:
    """Refuse what stands beside a source.

    >>> check_alone(y=[1])
    Traceback (most recent call last):
    ...
    ValueError: X is a source of nnlib.data and y is given as well, wanted None: the source has ...
    """
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"X is a source of nnlib.data and {name} is given as well, wanted None: the "
                "source has its rows whole"
            )


def refuse_source(X: Any) -> None:
    """Refuse a source where arrays are wanted.

    >>> refuse_source([1])
    """
    if isinstance(X, Source):
        raise TypeError(
            "X is a source of nnlib.data, wanted arrays here: F, J, derJ, predict, predict_proba, "
            "score and descent of a network take sources"
        )


def check_source(network: NetworkKnowledge, source: Source) -> None:
    """Refuse a network whose examples no source holds, and one trained with other columns.

    Raises
    ------
    ValueError
    """
    own = network.architecture
    if own.graph.open_inputs:
        raise ValueError(
            "X is a source of nnlib.data and the network takes sequences of any length, wanted "
            "one of a fixed length, as layers.Input((7, 2))"
        )
    inputs, outputs = len(own.graph.input_names), len(own.graph.output_names)
    if inputs > 1 or outputs > 1:
        raise ValueError(
            f"X is a source of nnlib.data and the network has {inputs} inputs and {outputs} "
            "outputs, wanted one of each"
        )
    if source.columns is not None and network.known.feature_names is not None:
        check_names("X", source.columns, network.known.feature_names)


def outputs_over(network: NetworkFunction, source: Source) -> Array:
    """F (n, d_L) of all rows of a source; its y is not looked at.

    Raises
    ------
    TypeError, ValueError
        As `Network.F`, with a note which part it was; if the outputs do not fit into memory.
    """
    check_source(network, source)
    own, dtype = network.architecture, network.dtype

    def inputs(given: Rows) -> Array:
        if comes_by_port(own, given.X):
            return ports.input_rows(own, given.X, dtype)
        X = rows("X", input_numbers("X", given.X, dtype, images=False), own.d_in)
        check_ranges(own.ranges, X)
        return X

    check_memory(f"the outputs of {source.rows} rows", source.rows * own.d_out * dtype.itemsize)
    found, first = np.empty((source.rows, own.d_out), dtype), 0
    for X in all_ahead(source, inputs):
        found[first : first + len(X)] = network.outputs_of(X)
        first += len(X)
    return found


class Sums(NamedTuple):
    """Σ v J over rows, Σ v ∇J, and Σ v, with the rows' own weights v."""

    cost: float
    gradient: Array
    weight: float


def sums_over(network: NetworkFunction, check: Check, source: Source, train: bool) -> Sums:
    """The sums over all rows of a source; if not `train`, the gradient is empty.

    Raises
    ------
    TypeError, ValueError
        As `Network.J`, with a note which part it was.
    """
    check_source(network, source)
    convert = Converting(network, check, network.known)
    size = network.parameters.size if train else 0
    gradient, of_part = np.zeros(size, network.dtype), np.empty(size, network.dtype)
    cost = weight = 0.0
    for part in all_ahead(source, convert):
        cost += network.sum_over(of_part, part)
        gradient += of_part
        weight += float(part.weights.sum(dtype=np.float64)) if source.weighted else len(part.y)
    if weight == 0:
        raise ValueError(f"the weights of {source.name} are all 0, wanted one above 0")
    return Sums(cost, gradient, weight)
