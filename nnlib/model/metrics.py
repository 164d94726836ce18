"""Metrics: what is measured of a network's predictions beside the cost.

A metric is one of the names here, one of scikit-learn's where that is installed, or a function of
the user's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.names import hint
from ..checks.values import shown
from .positions import rows_at_positions
from .prediction import accuracy, predicted, r2
from .task import Task

Array = NDArray[Any]


class Judged(NamedTuple):
    """Examples as metrics see them.

    Attributes
    ----------
    task : Task
    classes : ndarray or None
        The labels of its classes.
    targets : ndarray, shape (n, d_L)
        As the loss takes them.
    counted : ndarray or None
        Of an output with several positions: which of them count, see `positions.counted_rows`.
    """

    task: Task
    classes: Array | None
    targets: Array
    counted: Array | None = None

    def by_position(self, outputs: Array) -> tuple[Judged, Array]:
        """The positions that count as examples of their own, and F's rows of them."""
        task, counted = self.task.at_a_position, self.counted
        width = task.width
        rows = rows_at_positions(self.targets, width, counted)
        return Judged(task, self.classes, rows), rows_at_positions(outputs, width, counted)

    def y(self) -> Array:
        """The targets in the form of `Network.predict`."""
        return predicted(self.task, self.classes, self.targets, are_targets=True)

    def prediction(self, outputs: Array) -> Array:
        """What F's rows predict."""
        return predicted(self.task, self.classes, outputs)


# From the examples and F's rows (n, d_L) to the value.
Measure = Callable[[Judged, Array], float]


class Metric(NamedTuple):
    """A metric by its name.

    greater_is_better says in which direction it is to go. Functions follow scikit-learn's rule:
    those whose names end with ``_error``, ``_loss`` or ``_deviance`` are to be small.
    """

    name: str
    measure: Measure
    greater_is_better: bool


def _accuracy(judged: Judged, outputs: Array) -> float:
    return accuracy(judged.task, judged.targets, outputs, np.ones(len(outputs)))


def _r2(judged: Judged, outputs: Array) -> float:
    return r2(judged.targets, outputs, np.ones(len(outputs)))


def _mean_absolute_error(judged: Judged, outputs: Array) -> float:
    return float(np.mean(abs(outputs - judged.targets), dtype=np.float64))


def _root_mean_squared_error(judged: Judged, outputs: Array) -> float:
    """The mean over the outputs, as scikit-learn's."""
    squares = np.mean((outputs - judged.targets) ** 2, axis=0, dtype=np.float64)
    return float(np.sqrt(squares).mean())


def _log_loss(judged: Judged, outputs: Array) -> float:
    """−Σ y ln p, with p at least the dtype's ε, as scikit-learn's."""
    p = judged.task.probabilities(outputs)
    logarithms = np.log(np.maximum(p, np.finfo(p.dtype).eps))
    return float(-np.mean((judged.task.shares(judged.targets) * logarithms).sum(axis=1)))


_OF_CLASSES = {
    "accuracy": Metric("accuracy", _accuracy, True),
    "log_loss": Metric("log_loss", _log_loss, False),
}
_OF_NUMBERS = {
    "r2": Metric("r2", _r2, True),
    "mean_absolute_error": Metric("mean_absolute_error", _mean_absolute_error, False),
    "root_mean_squared_error": Metric("root_mean_squared_error", _root_mean_squared_error, False),
}
NAMES = (*_OF_CLASSES, *_OF_NUMBERS)


def metrics_from(given: Sequence[Any], task: Task | None, classes: Array | None) -> list[Metric]:
    """The metrics that names and functions mean, for a network with this task.

    Raises
    ------
    TypeError, ValueError
        For a name that is not known, and for one that does not fit the task.

    Examples
    --------
    >>> task = Task("numbers", 1, "numbers")
    >>> [metric.name for metric in metrics_from(["r2"], task, None)]
    ['r2']
    >>> metrics_from(["accuracy"], task, None)
    Traceback (most recent call last):
    ...
    ValueError: metrics[0] is 'accuracy', which is of networks whose loss tells classes apart, ...
    """
    if task is None:
        raise ValueError("metrics are for networks with one output, and this one has several")
    task = task.at_a_position
    found = [_metric(f"metrics[{i}]", one, task, classes) for i, one in enumerate(given)]
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"metrics holds {name!r} twice, wanted different names")
    return found


def measured(metrics: Iterable[Metric], judged: Judged, outputs: Array) -> list[float]:
    """The values of some metrics; NaN where no position counts.

    Raises
    ------
    ValueError
        If one fails, or is no number.
    """
    judged, outputs = judged.by_position(outputs)
    if not len(outputs):
        return [math.nan for _ in metrics]
    return [_value(metric, judged, outputs) for metric in metrics]


def _value(metric: Metric, judged: Judged, outputs: Array) -> float:
    try:
        value = metric.measure(judged, outputs)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"the metric {metric.name!r} does not fit the network or its data: {error}"
        ) from error
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"the metric {metric.name!r} returned {shown(value)}, wanted a number"
        ) from None


def _metric(argument: str, given: Any, task: Task, classes: Array | None) -> Metric:
    if not isinstance(given, str):
        name = getattr(given, "__name__", type(given).__name__)
        return Metric(
            name,
            lambda judged, outputs: given(judged.y(), judged.prediction(outputs)),
            not name.endswith(("_error", "_loss", "_deviance")),
        )
    own, other = (_OF_CLASSES, _OF_NUMBERS)[:: 1 if task.is_classification else -1]
    if given in own:
        if given == "log_loss" and (task.kind == "labels" or task.gives == "margin"):
            raise ValueError(f"{argument} is 'log_loss', which needs one probability per class")
        return own[given]
    if given in other:
        kinds = "tells classes apart", "is of numbers"
        of, is_now = kinds if given in _OF_CLASSES else kinds[::-1]
        raise ValueError(
            f"{argument} is {given!r}, which is of networks whose loss {of}, and the loss of this "
            f"one {is_now}; wanted one of {', '.join(own)}"
        )
    return _of_scikit_learn(argument, given, task, classes)


def _of_scikit_learn(argument: str, name: str, task: Task, classes: Array | None) -> Metric:
    """scikit-learn's scorer of this name, which looks at an estimator and data.

    The estimator here predicts from F's rows, and these take the place of the data.
    """
    try:
        from sklearn import metrics
    except ImportError:
        raise ValueError(
            f"{argument} is {shown(name)}, wanted one of {', '.join(NAMES)}, or a name of "
            f"scikit-learn's, which is not installed{hint('metrics', name, NAMES)}"
        ) from None
    known = metrics.get_scorer_names()
    if name not in known:
        near = hint("metrics", name, [*NAMES, *known])
        raise ValueError(
            f"{argument} is {shown(name)}, wanted one of {', '.join(NAMES)}, or a name that "
            f"sklearn.metrics.get_scorer_names() gives{near}"
        )
    scorer, estimator = metrics.get_scorer(name), _estimator(task, classes)
    return Metric(name, lambda judged, outputs: scorer(estimator, outputs, judged.y()), True)


def _estimator(task: Task, classes: Array | None) -> Any:
    """An estimator of scikit-learn that knows F and has to say what follows from it."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    def fit(self: Any, X: Array, y: Array) -> Any:
        return self

    def is_fitted(self: Any) -> bool:
        return True

    def predict(self: Any, outputs: Array) -> Array:
        return predicted(task, classes, outputs)

    def predict_proba(self: Any, outputs: Array) -> Array:
        return task.probabilities(outputs)

    def decision_function(self: Any, outputs: Array) -> Array:
        return outputs[:, 0]

    methods: dict[str, Any] = {"fit": fit, "__sklearn_is_fitted__": is_fitted, "predict": predict}
    if task.gives == "margin":
        methods["decision_function"] = decision_function
    elif task.is_classification:
        methods["predict_proba"] = predict_proba
    if task.classes:
        methods["classes_"] = np.array(task.labels()) if classes is None else classes
    mixin: Any = ClassifierMixin if task.is_classification else RegressorMixin
    return type("Predictions", (mixin, BaseEstimator), methods)()
