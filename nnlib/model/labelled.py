"""Labels in targets: found, and replaced by class numbers; also one for each position of an output.

That is a part of speech for each word of a sentence, for example. What stands at a position that
does not count is no label, whatever it is. Targets of sequences of different lengths may come as a
list of these, and are padded as the sequences are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checks.array_like import NUMBERS, label_array
from ..checks.labels import found_classes, numbered, read_labels
from ..checks.values import holds_several, on_gpu, split_pairs
from ..layers.shaped import Array
from ..sequences import is_ragged, pad
from .architecture import Architecture
from .ports import input_rows, lone_targets
from .positions import counted_positions
from .task import Task, task_of


class Positions(NamedTuple):
    """Where some examples have labels, and which of these count: shape (n, *axes)."""

    labels: Array
    counted: Array  # bool

    @property
    def places(self) -> Array:
        """The indices of those that count, (m, axes), for messages."""
        return np.argwhere(self.counted)


def read_positions(architecture: Architecture, y: Any) -> Any:
    """y itself, or as an array if it is a list of sequences of different lengths, as X may be.

    Behind the shorter ones there is NaN, or None where they hold labels.

    >>> from .. import layers
    >>> from .graph import draw
    >>> x = layers.Input((None, 1))
    >>> graph = draw(x, layers.GRU(2, return_sequences=True)(x)).graph
    >>> read_positions(Architecture.of_graph(graph, "hinge"), [["a", "b"], ["c"]])
    array([['a', 'b'],
           ['c', None]], dtype=object)
    """
    graph = architecture.graph
    ragged = is_ragged(y) and not any(isinstance(one, str) for one in y)
    if not ragged or len(graph.outputs) > 1 or len(graph.shape(graph.outputs[0])) == 1:
        return y
    if all(label_array("y", one).dtype.kind in NUMBERS for one in y):
        padded, lengths = pad(y)
        numbers = padded.astype(float)
        numbers[np.arange(padded.shape[1]) >= lengths[:, None]] = np.nan
        return numbers
    labels = np.full((len(y), max(map(len, y))), None)
    for row, given in zip(labels, y, strict=True):
        row[: len(given)] = list(given)
    return labels


def learned_classes(
    architecture: Architecture, X: Any, y: Any, dtype: np.dtype[Any]
) -> tuple[Any, Any, Array | None]:
    """X, y and the classes that y tells, if it holds labels; both as they were if it does not.

    What is read here is not read again, for objects that NumPy reads are free to change.
    """
    task = task_of(architecture)
    if task is None or not task.classes:
        return X, y, None
    y = read_positions(architecture, lone_targets(architecture, y))
    if y is not None:
        read = label_array("y", y)
        classes = (
            _classes_at_positions(architecture, X, read, task, dtype)
            if task.inner
            else _classes_in(read, task)
        )
        return X, read if classes is not None or read.dtype.kind in NUMBERS else y, classes
    if not isinstance(X, (Sequence, np.ndarray)) and holds_several(X):
        X = list(X)  # pairs that can be read once
    parts = split_pairs(X)
    read = label_array("y", parts[1])
    classes = _classes_in(read, task)
    return (X, None, None) if classes is None else (parts[0], read, classes)


def _classes_in(y: Array, task: Task, places: Array | None = None) -> Array | None:
    """The classes that y tells; None where it holds what the loss takes as it is."""
    classes = found_classes(y, task.classes, places)
    return None if classes is None or classes.tolist() == task.labels() else classes


def with_class_numbers(
    architecture: Architecture, X: Any, y: Any, classes: Array, dtype: np.dtype[Any]
) -> tuple[Any, Any]:
    """X, and y with class numbers, as the loss takes them, in place of labels.

    >>> own = Architecture.of([1, 2], "softmax", "softmax_cross_entropy")
    >>> with_class_numbers(own, [0.5], ["b"], np.array(["a", "b"]), np.dtype(float))
    ([0.5], array([1]))
    """
    if on_gpu(y):
        raise TypeError(
            "y lies on the GPU and the network knows classes by labels: give X and y on the host, "
            "or set net.classes = None and give rows of probabilities"
        )
    task = task_of(architecture)
    assert task is not None
    X, y = read_labels(X, y)
    if task.inner:
        numbers = _numbers_at_positions(architecture, X, y, classes, dtype)
    else:
        numbers = numbered(y, classes)
    return X, numbers if numbers is y else task.targets(numbers)


def _label_positions(
    architecture: Architecture, X: Any, y: Array, dtype: np.dtype[Any]
) -> Positions | None:
    """The labels in y; None where it has no label for each position, but rows of probabilities.

    Raises
    ------
    TypeError, ValueError
        For text of another shape, and for X as `ports.input_rows`.
    """
    rows = input_rows(architecture, X, dtype)
    graph = architecture.reading(rows).graph
    shape = (len(rows), *graph.shape(graph.outputs[0])[:-1])
    if y.shape not in (shape, (*shape, 1), (shape[0], int(np.prod(shape[1:])))):
        if y.dtype.kind in NUMBERS:
            return None
        raise ValueError(f"y has shape {y.shape}, wanted {shape} with a label for each position")
    counted = counted_positions(graph, rows)
    everywhere = np.ones(shape, bool) if counted is None else counted.reshape(shape)
    return Positions(y.reshape(shape), everywhere)


def _classes_at_positions(
    architecture: Architecture, X: Any, y: Array, task: Task, dtype: np.dtype[Any]
) -> Array | None:
    """The classes that y tells, as `found_classes`; None: it holds class numbers or probabilities.

    Whole numbers that are labels are as many as the classes, and 0 is none of them: so one of them
    is no class number. Where all are, nothing has to be looked up.
    """
    if y.dtype.kind in NUMBERS and not ((y < 0) | (y >= task.classes)).any():
        return None
    found = _label_positions(architecture, X, y, dtype)
    if found is None:
        return None
    return _classes_in(found.labels[found.counted], task, found.places)


def _numbers_at_positions(
    architecture: Architecture, X: Any, y: Array, classes: Array, dtype: np.dtype[Any]
) -> Array:
    """y with class numbers (n, *axes) in place of labels, 0 where none counts; else y itself.

    Numbers are class numbers where all labels are text.
    """
    if y.dtype.kind in NUMBERS and classes.dtype.kind == "U":
        return y
    found = _label_positions(architecture, X, y, dtype)
    if found is None:
        return y
    numbers = np.zeros(found.labels.shape, np.intp)
    numbers[found.counted] = numbered(found.labels[found.counted], classes, found.places)
    return numbers
