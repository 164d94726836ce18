"""Metrics of a descent: measured at every epoch's end, kept, and watched if one is to decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..history import History

Array = NDArray[Any]

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


class EpochMetrics:
    """The metrics of one descent, epoch by epoch.

    Parameters
    ----------
    names : sequence of str
    measure : callable
        Gives the values for the parameters that the network has, in the order of the names.
    monitor : Monitor or None
    parameters : ndarray
        The network's, which the descent writes.

    Attributes
    ----------
    values, validation : list of sequence of float
        A row for each epoch.
    best : ndarray or None
        The parameters with the best value of the metric that decides.
    is_out_of_patience : bool

    Examples
    --------
    >>> rows = iter([([0.5], None), ([0.75], None)])
    >>> more = Monitor(0, -1, patience=None, tolerance=0)
    >>> metrics = EpochMetrics(["accuracy"], lambda: next(rows), more, np.ones(7))
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
    ) -> None:
        self.names, self._measure, self._monitor = names, measure, monitor
        self._parameters = parameters
        self.values: list[Sequence[float]] = []
        self.validation: list[Sequence[float]] = []
        self.best: Array | None = None
        self.best_epoch: int | None = None
        self.is_out_of_patience = False
        self._lowest, self._lowest_of_patience, self._wait = math.inf, math.inf, 0

    def take(self) -> None:
        """Measure the epoch that has ended; NaN if its parameters are not finite."""
        if np.isfinite(self._parameters).all():
            values, validation = self._measure()
        else:
            values = [math.nan] * len(self.names)
            validation = values if self.validation else None
        self.values.append(values)
        if validation is not None:
            self.validation.append(validation)
        if self._monitor is not None:
            watched = values if validation is None else validation
            self._judge(self._monitor, watched[self._monitor.place])

    def _judge(self, monitor: Monitor, value: float) -> None:
        """Best parameters and patience, by the rules that the kernels have for the cost."""
        lower = monitor.sign * value
        if lower < self._lowest:
            self._lowest, self.best_epoch = lower, len(self.values) - 1
            self.best = self._parameters.copy()
        if lower < self._lowest_of_patience - monitor.tolerance:
            self._lowest_of_patience, self._wait = lower, 0
        else:
            self._wait += 1
        if monitor.patience is not None and self._wait >= monitor.patience:
            self.is_out_of_patience = True

    def latest(self) -> tuple[Mapping[str, float], Mapping[str, float] | None]:
        """The last epoch's values by name, of the training and the validation examples."""
        training = dict(zip(self.names, self.values[-1], strict=True))
        if not self.validation:
            return training, None
        return training, dict(zip(self.names, self.validation[-1], strict=True))

    def decides(self) -> bool:
        """Whether a metric says which parameters are the best."""
        return self._monitor is not None

    def noted(self, history: History) -> History:
        """The trace of the descent with the metrics' values, and with the best epoch by them."""
        validated = history.validation_J is not None
        return replace(
            history,
            metrics=self._columns(self.values),
            validation_metrics=self._columns(self.validation) if validated else None,
            best_epoch=self.best_epoch if validated and self.decides() else history.best_epoch,
        )

    def _columns(self, rows: Sequence[Sequence[float]]) -> dict[str, Array]:
        columns = np.array(rows, np.float64).reshape(-1, len(self.names)).T
        return {name: column.copy() for name, column in zip(self.names, columns, strict=True)}
