"""Outputs with several positions, as a class for each step of a sequence, and which of them count.

A row of outputs has the values of all positions one behind the other. A mask says for each example
which positions count; it is the mask of the sequences that the network reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks.values import OF_CLASSES, check_each, check_finite, class_targets
from ..layers.shaped import Array, Shape, units_of
from .architecture import Architecture
from .graph import Graph


def counted_positions(graph: Graph, X: Any, place: int = 0) -> Array | None:
    """Which positions of an output count, shape (n, positions); None: all of them.

    Parameters
    ----------
    graph : Graph
        That reads rows as these.
    X : ndarray, shape (n, d_1)
    place : int
        Which output.
    """
    mask = graph.output_masks[place] if graph.output_masks else None
    if mask is None:
        return None
    sides = [units_of(shape) for shape in graph.input_shapes[:-mask]]
    found: Array = X[:, sum(sides[:-1]) : sum(sides)] != 0
    return found


def counted_rows(architecture: Architecture, X: Any) -> Array | None:
    """The same of a network's only output, one for each row of `rows_at_positions`."""
    found = counted_positions(architecture.reading(X).graph, X)
    return None if found is None else found.reshape(-1)


def rows_at_positions(values: Array, width: int, counted: Array | None) -> Array:
    """The rows (m, width) of all positions that count, from rows (n, positions · width).

    >>> rows_at_positions(np.array([[1, 2, 3, 4]]), 2, np.array([True, False]))
    array([[1, 2]])
    """
    rows = values.reshape(-1, width)
    return rows if counted is None else rows[counted]


def without_uncounted(y: Array, counted: Array | None, family: str) -> Array:
    """The targets with one value at all positions that do not count: what stood there has no say.

    It is a target that the loss knows. Targets of another number of positions come back as they
    are, for the check of their shape.

    Parameters
    ----------
    y : ndarray, shape (n, positions, …), or rows (n, positions · width)
    counted : ndarray, shape (n, positions), or None
    family : str
        Of the output's loss.

    Examples
    --------
    >>> y, counted = np.array([[0.2, 0.8, np.nan, np.nan]]), np.array([[True, False]])
    >>> without_uncounted(y, counted, "softmax_cross_entropy")
    array([[0.2, 0.8, 1. , 0. ]])
    """
    if counted is None or counted.all() or len(y) != len(counted) or y.size % counted.size:
        return y
    parts = y.reshape(*counted.shape, -1).copy()
    parts[~counted] = 1 if family == "hinge" else 0
    if family in OF_CLASSES and parts.shape[-1] > 1:
        parts[~counted, 0] = 1  # probabilities, which add up to 1
    return parts.reshape(y.shape)


def class_targets_at(y: Array, shape: Shape) -> Array:
    """Rows of probabilities (n, d_L) for all positions, from classes or probabilities of each.

    Parameters
    ----------
    y : ndarray
        Classes (n, *axes of the positions), these with one more axis of 1, or (n, positions); or
        their probabilities, an axis more, or rows (n, d_L) of these.
    shape : tuple of int
        Of the output, its last axis the classes.

    Raises
    ------
    ValueError
        If a value is no class, or a row of probabilities does not add up to 1.

    Examples
    --------
    >>> class_targets_at(np.array([[0.0, 1.0]]), (2, 2))
    array([[1., 0., 0., 1.]])
    """
    axes, classes = shape[:-1], shape[-1]
    if y.ndim and y.shape[1:] in (axes, (*axes, 1), (units_of(axes),)):
        check_finite("y", y)
        check_each(
            "y", y, (y >= 0) & (y < classes) & (y == np.floor(y)),
            f"classes, whole numbers from 0 to {classes - 1}, as the output has {classes} values "
            "at each position",
        )  # fmt: skip
        ones: Array = np.eye(classes, dtype=y.dtype)[y.astype(np.intp)]
        return ones.reshape(len(y), -1)
    if not y.ndim or y.shape[1:] not in (shape, (units_of(shape),)):
        places = ", ".join(map(str, axes))
        raise ValueError(
            f"y has shape {y.shape}, wanted (n, {places}) with a class for each position, or "
            f"(n, {places}, {classes}) with a probability for each class"
        )
    return class_targets(y.reshape(-1, classes), classes).reshape(len(y), -1)
