"""What a network is for, as its loss says: to tell classes apart, or to give numbers."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.values import OF_CLASSES, OF_PROBABILITIES
from ..layers.formulas import loss_family
from ..layers.shaped import Shape, units_of
from .architecture import Architecture

Array = NDArray[Any]


class Task(NamedTuple):
    """The task of a network's only output, and what its F means.

    Attributes
    ----------
    kind : {"classes", "two classes", "labels", "numbers"}
        One class of several, an output for each; one of two, by one output; any number of labels,
        an output for each; numbers, a regression.
    width : int
        Numbers of an output, at one position if it has several.
    gives : {"probabilities", "logits", "margin", "numbers"}
        What F returns.
    inner : tuple of int
        Axes of the positions of an output, as the steps of a sequence, each with an answer of its
        own; empty: it has one.

    Examples
    --------
    >>> task = task_of(Architecture.of([2, 3], "softmax", "softmax_cross_entropy"))
    >>> task.kind, task.classes, task.gives
    ('classes', 3, 'probabilities')
    """

    kind: Literal["classes", "two classes", "labels", "numbers"]
    width: int
    gives: Literal["probabilities", "logits", "margin", "numbers"]
    inner: Shape = ()

    @property
    def at_a_position(self) -> Task:
        """The task of one position, for rows (m, width) of many."""
        return self._replace(inner=())

    def axes(self, outputs: Array) -> Shape:
        """The axes of the positions in F's rows (n, d_L); sequences have their own length there.

        >>> Task("classes", 3, "logits", (4096,)).axes(np.zeros((2, 15)))
        (5,)
        """
        if not self.inner:
            return ()
        _, *others = self.inner
        return outputs.shape[1] // (self.width * units_of(tuple(others))), *others

    @property
    def classes(self) -> int:
        """How many classes there are to tell apart; 0 if it is not one of several."""
        return {"classes": self.width, "two classes": 2}.get(self.kind, 0)

    @property
    def is_classification(self) -> bool:
        """Whether it is no regression."""
        return self.kind != "numbers"

    def numbers(self, outputs: Array) -> Array:
        """Class numbers (n,) of F's rows (n, width); of labels 0 or 1 each, (n, width).

        Of two equally probable classes it is the first.
        """
        if self.kind == "classes":
            first: Array = outputs.argmax(axis=1)
            return first
        limit = 0.5 if self.gives == "probabilities" else 0.0
        chosen: Array = (outputs > limit).astype(np.intp)
        return chosen if self.kind == "labels" else chosen[:, 0]

    def numbers_of_targets(self, y: Array) -> Array:
        """The same of targets (n, width) as the loss takes them: probabilities, or −1 and 1."""
        gives: Any = "margin" if self.gives == "margin" else "probabilities"
        return self._replace(gives=gives).numbers(y)

    def probabilities(self, outputs: Array) -> Array:
        """Of each class, (n, classes), from F's rows; of labels (n, width)."""
        p = outputs
        if self.gives == "logits" and self.kind == "classes":
            p = np.exp(p - p.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
        elif self.gives == "logits":
            with np.errstate(over="ignore"):  # e^−z of a large z is infinite, and p 0
                p = 1 / (1 + np.exp(-p))
        return np.concatenate([1 - p, p], axis=1) if self.kind == "two classes" else p

    def labels(self) -> list[int]:
        """The classes of a network without labels of the user's own.

        >>> Task("two classes", 1, "margin").labels()
        [-1, 1]
        """
        return [-1, 1] if self.gives == "margin" else list(range(self.classes))

    def shares(self, y: Array) -> Array:
        """How much an example with these targets (n, width) is of each class, (n, classes).

        >>> Task("two classes", 1, "margin").shares(np.array([[-1.0], [1.0]]))
        array([[1., 0.],
               [0., 1.]])
        """
        if self.kind == "classes":
            return y
        second = (y + 1) / 2 if self.gives == "margin" else y
        return np.concatenate([1 - second, second], axis=1)

    def targets(self, numbers: Array) -> Array:
        """Class numbers as the loss takes them: −1 and 1 for a margin, else themselves."""
        return 2 * numbers - 1 if self.gives == "margin" else numbers


def task_of(architecture: Architecture) -> Task | None:
    """The task of a network; None if it has several outputs.

    >>> task_of(Architecture.of([2, 1], "sigmoid", "binary_cross_entropy")).kind
    'two classes'
    >>> task_of(Architecture.of([2, 1])).kind
    'numbers'
    """
    graph = architecture.graph
    if len(graph.outputs) > 1:
        return None
    family, shape = loss_family(architecture.losses[0]), graph.shape(graph.outputs[0])
    inner, width = shape[:-1], shape[-1]
    if family == "hinge":
        return Task("two classes" if width == 1 else "labels", width, "margin", inner)
    if family not in (*OF_CLASSES, *OF_PROBABILITIES):
        return Task("numbers", width, "numbers", inner)
    number = graph.outputs[0]
    activation = graph.layers[graph.nodes[number].layer].activation if number >= 0 else "identity"
    gives: Any = "logits" if activation == "identity" else "probabilities"
    if family in OF_CLASSES:
        return Task("classes", width, gives, inner)
    return Task("two classes" if width == 1 else "labels", width, gives, inner)
