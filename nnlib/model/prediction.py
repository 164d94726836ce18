"""What a network predicts: classes or numbers, probabilities, and how good they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks.examples import Examples
from ..checks.names import hinted
from ..checks.values import example_weights, on_host
from ..data.reading import all_ahead
from ..data.source import Source
from ..layers.shaped import Array
from .function import NetworkFunction, examples_for
from .over_source import Converting, check_alone, check_source, outputs_over
from .ports import input_rows
from .positions import counted_rows, rows_at_positions
from .sequence_rows import comes_by_port, wrapped
from .stepper import Stepper
from .task import Task, task_of


class NetworkPrediction(NetworkFunction):
    """A `Network` that predicts, below its insight."""

    @hinted
    def predict(
        self, X: Any, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> Any:
        """Classes, if the network tells them apart by its loss, else the numbers of F.

        Parameters
        ----------
        X, lengths, mask
            As for `F`.

        Returns
        -------
        ndarray
            With a loss of classes, or one output and a loss of two, shape (n,): the label with the
            largest probability, see `classes`; without labels class numbers 0 … k − 1, for `hinge`
            −1 and 1. With several outputs and ``binary_cross_entropy`` (n, d_L): 0 or 1 for each.
            With any other loss F itself, (n,) for one output and (n, d_L) for several. For one
            example one label or number, or (d_L,). An output with several positions, as the steps
            of a sequence, has a prediction for each: (n, time), for instance.

        Raises
        ------
        TypeError, ValueError
            As `F`, and if the network has several outputs of the graph.

        Examples
        --------
        >>> import nnlib
        >>> start = [([[1], [-1]], [0, 0])]
        >>> net = nnlib.Network([1, 2], "softmax", "softmax_cross_entropy", initializer=start)
        >>> net.predict([3.0, -2.0])
        array([0, 1])
        >>> net.classes = ["high", "low"]
        >>> net.predict([3.0, -2.0])
        array(['high', 'low'], dtype='<U4')
        """
        task = self._task("predict")
        rows, shape = self._rows_of(wrapped(X, lengths, mask))
        found = predicted(task, self._classes, rows)
        return found.reshape((*shape, *found.shape[1:]))[()]

    @hinted
    def predict_proba(
        self, X: Any, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> Array:
        """The probability of each class, also where F returns logits.

        Parameters
        ----------
        X, lengths, mask
            As for `F`.

        Returns
        -------
        ndarray, shape (n, k)
            Rows add up to 1, in the order of `classes`; (k,) for one example. With several outputs
            and ``binary_cross_entropy`` the probability of a 1 for each. An output with several
            positions has a row for each, as (n, time, k).

        Raises
        ------
        TypeError, ValueError
            As `predict`, and if the loss is none of probabilities.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1], "sigmoid", "binary_cross_entropy", initializer="zeros")
        >>> net.predict_proba([3.0, -2.0])
        array([[0.5, 0.5],
               [0.5, 0.5]])
        """
        task = self._task("predict_proba")
        if task.gives not in ("probabilities", "logits"):
            raise ValueError(
                f"predict_proba: the loss {self.loss!r} gives no probabilities, wanted one as "
                "'softmax_cross_entropy' or 'binary_cross_entropy'"
            )
        rows, shape = self._rows_of(wrapped(X, lengths, mask))
        found = task.at_a_position.probabilities(rows.reshape(-1, task.width))
        return found.reshape(*shape, *task.axes(rows), found.shape[1])

    @hinted
    def score(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> float:
        """Accuracy, if the network tells classes apart, else R², as in scikit-learn.

        Accuracy is the share of examples whose class, or whose labels all, are right.
        R² = 1 − Σ v (y − F)² / Σ v (y − ȳ)², the mean over the outputs; where y is constant 1 if F
        is y and 0 if not. Of an output with several positions, as the steps of a sequence, every
        position that counts is an example.

        Parameters
        ----------
        X, y, sample_weight, lengths, mask
            As for `J`.

        Returns
        -------
        float
            NaN for R² of a single example, and where no position counts.

        Raises
        ------
        TypeError, ValueError
            As `J`, and if the network has several outputs of the graph.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([1, 1], "identity", initializer=[([[2]], [1])])
        >>> net.score([0, 1, 2], [1, 3, 5])
        1.0
        """
        task = self._task("score")
        X = wrapped(X, lengths, mask)
        if isinstance(X, Source):
            check_alone(y=y, sample_weight=sample_weight)
            check_source(self, X)
            convert = Converting(self, examples_for, self.known)
            parts = [self._judged(task, part) for part in all_ahead(X, convert)]
            outputs, targets, v = map(np.concatenate, zip(*parts, strict=True))
        else:
            inputs, targets = examples_for(self, X, y)
            weights = example_weights(sample_weight, len(inputs), self._dtype, mean=False)
            outputs, targets, v = self._judged(task, Examples(inputs, targets, weights))
        if not v.any():
            return float("nan")
        task = task.at_a_position
        if task.is_classification:
            return accuracy(task, targets, outputs, v)
        return r2(targets, outputs, v)

    def _judged(self, task: Task, given: Examples) -> tuple[Array, Array, Array]:
        """F and y (positions, width) of each position that counts, and their weights."""
        outputs, targets = self.outputs_of(given.X), on_host(given.y)
        weights = given.weights
        v = weights.astype(np.float64) if weights.size else np.ones(len(targets))
        counted = counted_rows(self._architecture, given.X)
        if task.inner:
            v = rows_at_positions(np.repeat(v, outputs.shape[1] // task.width), 1, counted)[:, 0]
        outputs, targets = (
            rows_at_positions(rows, task.width, counted) for rows in (outputs, targets)
        )
        return outputs, targets, v

    @hinted
    def stepper(self) -> Stepper:
        """The network on its way through one sequence, with a state that stays between two steps.

        It gives what `F` gives of the steps so far, in a time that does not grow with them, and
        forecasts by reading its own outputs. A network may have any number of steppers.

        Returns
        -------
        Stepper
            Before the first step.

        Raises
        ------
        ValueError
            If the network has not one sequence as its input and one output, is on a GPU, or a
            layer looks at other steps than the one that it reads: one that goes backwards, as in a
            `Bidirectional`, a convolution over several steps, a pooling.

        Examples
        --------
        >>> import nnlib
        >>> from nnlib import layers
        >>> net = nnlib.Network([layers.Input((None, 3)), layers.GRU(8), layers.Dense(2)])
        >>> stepper = net.stepper()
        >>> stepper([0.1, 0.2, 0.3]).shape
        (2,)
        """
        if self._device != "cpu":
            raise ValueError(f"a stepper runs on the CPU; the network's device is {self._device!r}")
        return Stepper(self._architecture.graph, self._parameters)

    def _task(self, method: str) -> Task:
        task = task_of(self._architecture)
        if task is None:
            names = ", ".join(self._architecture.graph.output_names)
            raise ValueError(
                f"{method} is for networks with one output, and this one has {names}: use F, which "
                "gives all of them"
            )
        return task

    def _rows_of(self, X: Any) -> tuple[Array, tuple[int, ...]]:
        """F as rows (n, d_L), and the shape of what it was given: (n,), or () for one example."""
        own = self._architecture
        if isinstance(X, Source):
            rows = outputs_over(self, X)
            return rows, (len(rows),)
        if comes_by_port(own, X):
            rows = self.outputs_of(input_rows(own, X, self._dtype))
            return rows, (len(rows),)
        outputs = np.asarray(on_host(self.F(X)))
        if own.d_in == own.d_out == 1 and outputs.ndim < 2:
            return outputs.reshape(-1, 1), outputs.shape
        return outputs.reshape(-1, own.d_out), outputs.shape[:-1]


def predicted(
    task: Task, classes: Array | None, outputs: Array, *, are_targets: bool = False
) -> Array:
    """What F's rows (n, d_L), or targets of that shape, mean; see `NetworkPrediction.predict`.

    >>> predicted(Task("two classes", 1, "margin"), None, np.array([[0.3], [-2.0]]))
    array([ 1, -1])
    """
    axes = len(outputs), *task.axes(outputs)
    if not task.is_classification:
        alone = task.width == 1 and not task.inner
        return outputs[:, 0] if alone else outputs.reshape(*axes, task.width)
    one, rows = task.at_a_position, outputs.reshape(-1, task.width)
    numbers = one.numbers_of_targets(rows) if are_targets else one.numbers(rows)
    numbers = numbers.reshape(*axes, *numbers.shape[1:])
    return task.targets(numbers) if classes is None else classes[numbers]


def accuracy(task: Task, targets: Array, outputs: Array, weights: Array) -> float:
    """The share of right predictions, each with its weight.

    >>> task = Task("two classes", 1, "probabilities")
    >>> accuracy(task, np.array([[0], [1]]), np.array([[0.2], [0.3]]), np.ones(2))
    0.5
    """
    right = task.numbers(outputs) == task.numbers_of_targets(targets)
    right = right.all(axis=1) if right.ndim > 1 else right
    return float(np.average(right, weights=weights))


def r2(targets: Array, outputs: Array, weights: Array) -> float:
    """R², the mean over the outputs.

    >>> r2(np.array([[1.0], [3.0]]), np.array([[2.0], [2.0]]), np.ones(2))
    0.0
    """
    return float("nan") if len(targets) < 2 else explained(targets, outputs, weights)


def explained(targets: Array, outputs: Array, weights: Array) -> float:
    """`r2` of any number of examples; targets that are all the same count 1 if met, else 0.

    >>> explained(np.array([[1.0]]), np.array([[1.0]]), np.ones(1))
    1.0
    """
    y, v = targets.astype(np.float64), weights[:, None]
    left = (v * (y - outputs) ** 2).sum(axis=0)
    spread = (v * (y - np.average(y, axis=0, weights=weights)) ** 2).sum(axis=0)
    constant = spread == 0
    share = np.where(constant, left != 0, left / np.where(constant, 1, spread))
    return float((1 - share).mean())
