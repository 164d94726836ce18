"""How F reads arrays of a shape that it has met: checked once, and found again by the shape.

To find out what an array is takes `ports` some 20 µs, which is most of F of one image or of one
sequence. It depends on the array's shape alone where a network has one input and one output.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..layers.shaped import Array, Shape
from .architecture import Architecture


class ArrayReading(NamedTuple):
    """How arrays (n, …) of one shape become rows, and rows of outputs an array.

    Attributes
    ----------
    own : Architecture
        The one for rows of this width.
    steps : int
        How many numbers of a mask stand behind an example, all 1; 0: there is no mask.
    shape : tuple of int
        Of an example's output.
    """

    own: Architecture
    steps: int
    shape: Shape

    def rows(self, X: Array) -> Array:
        """The rows (n, d_1) of a C-contiguous array.

        >>> from .. import layers
        >>> from .graph import draw
        >>> x = layers.Input((None, 1))
        >>> own = Architecture.of_graph(draw(x, layers.GRU(2)(x)).graph, "half_squared_error")
        >>> ArrayReading(own, 2, (2,)).rows(np.array([[[3.0], [4.0]]]))
        array([[3., 4., 1., 1.]])
        """
        rows = X.reshape(len(X), -1)
        if not self.steps:
            return rows
        counted = np.ones((len(rows), rows.shape[1] + self.steps), X.dtype)
        counted[:, : rows.shape[1]] = rows
        return counted


def reading_found(architecture: Architecture, X: Array, rows: Array) -> ArrayReading | None:
    """How to read arrays of the shape of X, whose rows are known; None: the shape does not say it.

    Parameters
    ----------
    architecture : Architecture
        The network's own, not yet of any length.
    X : ndarray, shape (n, …)
        Without lengths or a mask.
    rows : ndarray, shape (n, d_1)
        What `ports.input_rows` made of it.
    """
    graph = architecture.graph
    several = len(graph.data_names) > 1 or len(graph.outputs) > 1
    if several or graph.outputs_named or architecture.ranges or X.ndim < 2:
        return None
    own = architecture.reading(rows)
    return ArrayReading(own, rows.shape[1] - X[0].size, own.graph.shape(own.graph.outputs[0]))
