"""Metrics of a descent: measured at every epoch's end, kept, and watched if one is to decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..history import History
from .marks import undivided

Array = NDArray[Any]
Trace = TypeVar("Trace", bound=History)

# Values on the training examples, and on the validation examples, if there are some.
Values = tuple[Sequence[float], Sequence[float] | None]


@dataclass(frozen=True)
class Monitor:
    """Which metric decides, in place of the cost.

    Parameters
    ----------
    place : int
        Of the metric among all.
    sign : float
        1 if less is better, −1 if more is.
    patience : int or None
        Epochs without progress after which the descent stops.
    tolerance : float
        By how much a value must be better to count as progress.
    """

    place: int
    sign: float
    patience: int | None
    tolerance: float


class Place(IntEnum):
    """Places in `EpochMetrics.arrays["metric_places"]`."""

    MEASURED = 0  # epochs
    BEST = 1  # the best epoch, −1: none
    WAIT = 2  # epochs without progress


class EpochMetrics:
    """The metrics of one descent, epoch by epoch.

    All that a descent needs to go on stands in arrays, so that a checkpoint can hold it.

    Parameters
    ----------
    names : sequence of str
    measure : callable
        Gives the values for the parameters that the network has, in the order of the names.
    monitor : Monitor or None
    parameters : ndarray
        The network's, which the descent writes.
    epochs : int
        At most so many are measured.
    validated : bool
        Whether there are validation examples.

    Attributes
    ----------
    arrays : dict from str to ndarray
        ``metric_values`` and ``metric_validation``, a row for each epoch; ``metric_best``, the
        parameters with the best value of the metric that decides; ``metric_lowest``, the lowest
        value and the lowest that counted as progress; ``metric_places``, see `Place`.

    Examples
    --------
    >>> rows = iter([([0.5], None), ([0.75], None)])
    >>> more = Monitor(0, -1, patience=None, tolerance=0)
    >>> metrics = EpochMetrics(["accuracy"], lambda: next(rows), more, np.ones(7), 9, False)
    >>> metrics.take()
    >>> metrics.take()
    >>> metrics.latest(), metrics.best_epoch
    (({'accuracy': 0.75}, None), 1)
    """

    def __init__(
        self,
        names: Sequence[str],
        measure: Callable[[], Values],
        monitor: Monitor | None,
        parameters: Array,
        epochs: int,
        validated: bool,
    ) -> None:
        self.names, self._measure, self._monitor = names, measure, monitor
        self._parameters = parameters
        self.arrays: dict[str, Array] = {
            "metric_values": np.zeros((epochs, len(names))),
            "metric_validation": np.zeros((epochs if validated else 0, len(names))),
            "metric_best": np.zeros_like(parameters if monitor else parameters[:0]),
            "metric_lowest": np.full(2, np.inf),
            "metric_places": np.array([0, -1, 0]),
        }

    @property
    def measured(self) -> int:
        """How many epochs."""
        return int(self.arrays["metric_places"][Place.MEASURED])

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the best value of the metric that decides."""
        best = int(self.arrays["metric_places"][Place.BEST])
        return None if best < 0 else best

    @property
    def best(self) -> Array | None:
        """Its parameters."""
        return None if self.best_epoch is None else self.arrays["metric_best"]

    @property
    def is_out_of_patience(self) -> bool:
        """Whether the metric that decides has made no progress for too long."""
        patience = None if self._monitor is None else self._monitor.patience
        return patience is not None and self.arrays["metric_places"][Place.WAIT] >= patience

    def identity(self) -> dict[str, str]:
        """What tells these metrics from others, as a checkpoint records it."""
        return {"metrics": ", ".join(self.names), "monitor": str(self._monitor)}

    def catch_up(self, epochs: int) -> None:
        """Measure the last of so many epochs, if the descent was interrupted before that."""
        if self.measured < epochs:
            self.take()

    def take(self) -> None:
        """Measure the epoch that has ended; NaN if its parameters are not finite."""
        validated = len(self.arrays["metric_validation"]) > 0
        if np.isfinite(self._parameters).all():
            values, validation = self._measure()
        else:
            values = [math.nan] * len(self.names)
            validation = values if validated else None
        epoch = self.measured
        changes: dict[str, Any] = {"metric_places": np.array([epoch + 1, -1, 0])}
        if self._monitor is not None:
            watched = values if validation is None else validation
            changes = self._judged(self._monitor, watched[self._monitor.place])

        def write() -> None:
            self.arrays["metric_values"][epoch] = values
            if validation is not None:
                self.arrays["metric_validation"][epoch] = validation
            for name, array in changes.items():
                self.arrays[name][...] = array

        undivided(write)

    def _judged(self, monitor: Monitor, value: float) -> dict[str, Any]:
        """Best parameters and patience, by the rules that the kernels have for the cost."""
        lowest, lowest_of_patience = self.arrays["metric_lowest"].tolist()
        epoch, best_epoch, wait = self.arrays["metric_places"].tolist()
        lower, changes = monitor.sign * value, {}
        if lower < lowest:
            lowest, best_epoch = lower, epoch
            changes["metric_best"] = self._parameters.copy()
        wait += 1
        if lower < lowest_of_patience - monitor.tolerance:
            lowest_of_patience, wait = lower, 0
        changes["metric_lowest"] = np.array([lowest, lowest_of_patience])
        changes["metric_places"] = np.array([epoch + 1, best_epoch, wait])
        return changes

    def latest(self) -> tuple[Mapping[str, float], Mapping[str, float] | None]:
        """The last epoch's values by name, of the training and the validation examples."""
        last = self.measured - 1
        training, validation = self.arrays["metric_values"], self.arrays["metric_validation"]
        values = dict(zip(self.names, training[last].tolist(), strict=True))
        if not len(validation):
            return values, None
        return values, dict(zip(self.names, validation[last].tolist(), strict=True))

    def decides(self) -> bool:
        """Whether a metric says which parameters are the best."""
        return self._monitor is not None

    def noted(self, history: Trace) -> Trace:
        """The trace of the descent with the metrics' values, and with the best epoch by them."""
        validated = history.validation_J is not None
        return replace(
            history,
            metrics=self._columns("metric_values"),
            validation_metrics=self._columns("metric_validation") if validated else None,
            best_epoch=self.best_epoch if validated and self.decides() else history.best_epoch,
        )

    def _columns(self, array: str) -> dict[str, Array]:
        columns = self.arrays[array][: self.measured].T
        return {name: column.copy() for name, column in zip(self.names, columns, strict=True)}
