"""Which networks take sparse examples: those whose one input is read by dense layers alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks.sparse import Records, records
from ..layers.dense import DenseLayer
from .architecture import Architecture


def sparse_rows(
    architecture: Architecture, device: str, X: Any, dtype: np.dtype[Any], argument: str = "X"
) -> Records:
    """A sparse matrix as the examples of a network.

    Raises
    ------
    TypeError, ValueError
        If the network cannot take it, or the matrix is not valid, see `checks.sparse`.

    Examples
    --------
    >>> from scipy import sparse
    >>> X = sparse.csr_array([[0.0, 2.0, 0.0]])
    >>> sparse_rows(Architecture.of([3, 1]), "cpu", X, np.dtype("float64")).shape
    (1, 6)
    """
    reason = obstacle(architecture)
    if device != "cpu":
        reason = f"the network is on {device!r}, and sparse matrices are for the CPU"
    if reason is not None:
        kind = "" if isinstance(X, Records) else f" ({type(X).__name__})"
        raise TypeError(
            f"{argument} is a sparse matrix{kind}, wanted a dense array: {reason}; "
            f"give {argument}.toarray()" + ("" if device == "cpu" else ", or use net.to('cpu')")
        )
    return records(argument, X, architecture.d_in, dtype)


def obstacle(architecture: Architecture) -> str | None:
    """Why a network cannot take sparse examples; None: it can.

    >>> obstacle(Architecture.of([3, 1])) is None
    True
    """
    graph = architecture.graph
    if len(graph.input_shapes) > 1:
        return "the network has several inputs"
    if -1 in graph.outputs:
        return "the network's input is one of its outputs"
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        if -1 in node.sources and not isinstance(layer, DenseLayer):
            name = graph.names[node.layer]
            return f"its layer {name!r} reads all features, and only Dense layers read entries"
    return None
