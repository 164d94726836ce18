"""Metrics of a descent: what is measured of its examples, in memory or read part by part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks.examples import Examples
from .checks.memory import check_memory
from .checks.values import known_name, on_host
from .model.function import NetworkFunction
from .model.metrics import Judged, Metric, measured, metrics_from
from .model.positions import counted_rows
from .model.task import Task, task_of
from .training.epoch_metrics import EpochMetrics, Monitor
from .training.options import Options
from .training.windows import Streamed

Array = NDArray[Any]


def epoch_metrics(
    network: NetworkFunction,
    train: Examples,
    held_out: Examples | None,
    options: Options,
    classes: Array | None,
) -> EpochMetrics:
    """The metrics of a descent that begins, tried on what the network predicts so far.

    A source is tried by its first part, and read once more at every epoch's end.
    """
    task = task_of(network.architecture)
    metrics = metrics_from(options.metrics, task, classes)
    assert task is not None
    sides = [
        _OfParts(network, task, classes, metrics, side)
        if isinstance(side, Streamed)
        else _OfExamples(network, task, classes, metrics, side)
        for side in (train, held_out)
        if side
    ]

    def measure() -> tuple[list[float], list[float] | None]:
        values = [side.values() for side in sides]
        return values[0], values[1] if len(values) > 1 else None

    names, monitor = [metric.name for metric in metrics], None
    if options.monitor is not None:
        place = names.index(known_name("monitor", options.monitor, names))
        sign = -1.0 if metrics[place].greater_is_better else 1.0
        monitor = Monitor(place, sign, options.patience, options.tolerance)
    for side in sides:
        side.attempt()
    parameters, epochs = network.parameters, options.epochs
    return EpochMetrics(names, measure, monitor, parameters, epochs, held_out is not None)


class _OfExamples:
    """The metrics of examples in memory."""

    def __init__(
        self,
        network: NetworkFunction,
        task: Task,
        classes: Array | None,
        metrics: list[Metric],
        given: Examples,
    ) -> None:
        own = _weighed(given)
        counted = counted_rows(network.architecture, own.X)
        self._network, self._metrics, self._X = network, metrics, own.X
        self._judged = Judged(task, classes, on_host(own.y), counted)

    def values(self) -> list[float]:
        """For the parameters that the network has."""
        return measured(self._metrics, self._judged, self._network.outputs_of(self._X))

    def attempt(self) -> None:
        """See whether the metrics fit."""
        self.values()


class _OfParts:
    """The metrics of examples that a source reads: their outputs and targets are in memory."""

    def __init__(
        self,
        network: NetworkFunction,
        task: Task,
        classes: Array | None,
        metrics: list[Metric],
        given: Streamed,
    ) -> None:
        check_memory(
            f"metrics: the outputs and targets of {len(given.y)} rows",
            2 * len(given.y) * given.y.shape[1] * given.y.itemsize,
        )
        self._network, self._metrics, self._given = network, metrics, given
        self._task, self._classes = task, classes

    def values(self) -> list[float]:
        """For the parameters that the network has."""
        return self._of(self._given.all_parts())

    def attempt(self) -> None:
        """See whether the metrics fit the first part."""
        self._of(self._given.walk([0]))

    def _of(self, parts: Iterable[Examples]) -> list[float]:
        found: list[tuple[Array, ...]] = []
        for part in parts:
            own = _weighed(part)
            if not len(own.y):
                continue
            counted = counted_rows(self._network.architecture, own.X)
            rows = self._network.outputs_of(own.X), own.y
            found.append(rows if counted is None else (*rows, counted))
        outputs, targets, *others = map(np.concatenate, zip(*found, strict=True))
        counted = others[0] if others else None
        judged = Judged(self._task, self._classes, targets, counted)
        return measured(self._metrics, judged, outputs)


def _weighed(given: Examples) -> Examples:
    """The examples of a weight above 0; `counted` has put others in place of the rest."""
    if not isinstance(given.weights, np.ndarray) or (given.weights > 0).all():
        return given
    return given.part(given.weights > 0)
