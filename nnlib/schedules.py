"""Learning rates over the epochs: `Network.descent(learning_rate=…)` takes a number or a schedule.

Every schedule is a rate per epoch e = 0, 1, …, E − 1, computed before the descent begins, so that
none costs anything inside it. `ReduceOnPlateau` alone listens to the cost.

>>> from nnlib import schedules
>>> schedules.Step(0.1, every=2, factor=0.5).rates(6)
array([0.1  , 0.1  , 0.05 , 0.05 , 0.025, 0.025])
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .checks.values import check_each, check_finite, numbers, real_number, whole_number

Rates: TypeAlias = NDArray[np.floating[Any]]


class Schedule(ABC):
    """A learning rate for every epoch; a schedule of your own is a class that has `rates`.

    What it returns is checked before the descent begins: one finite rate of at least 0 for each
    epoch, and not 0 for all of them.

    >>> class Halved(Schedule):
    ...     def rates(self, epochs):
    ...         return 0.1 * 0.5 ** np.arange(epochs)
    >>> Halved().rates(3)
    array([0.1  , 0.05 , 0.025])
    """

    @abstractmethod
    def rates(self, epochs: int) -> Rates:
        """α of each epoch, shape (epochs,)."""


@dataclass(frozen=True)
class Constant(Schedule):
    """α_e = rate.

    >>> Constant(0.1).rates(2)
    array([0.1, 0.1])
    """

    rate: float

    def __post_init__(self) -> None:
        real_number("rate", self.rate, above=0)

    def rates(self, epochs: int) -> Rates:
        return np.full(epochs, float(self.rate))


@dataclass(frozen=True)
class Step(Schedule):
    """α_e = rate · factor^⌊e/every⌋.

    >>> Step(1.0, every=1).rates(3).round(4)
    array([1.  , 0.1 , 0.01])
    """

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        real_number("rate", self.rate, above=0)
        whole_number("every", self.every, 1)
        real_number("factor", self.factor, above=0)

    def rates(self, epochs: int) -> Rates:
        places = np.arange(epochs) // operator.index(self.every)
        return float(self.rate) * float(self.factor) ** places


@dataclass(frozen=True)
class Exponential(Schedule):
    """α_e = rate · factor^e.

    >>> Exponential(1.0, 0.5).rates(3)
    array([1.  , 0.5 , 0.25])
    """

    rate: float
    factor: float

    def __post_init__(self) -> None:
        real_number("rate", self.rate, above=0)
        real_number("factor", self.factor, above=0)

    def rates(self, epochs: int) -> Rates:
        return float(self.rate) * float(self.factor) ** np.arange(epochs, dtype=float)


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """α_e = rate/(e + 1)^power, scikit-learn's ``invscaling``.

    >>> InverseScaling(1.0, 1.0).rates(4).round(3)
    array([1.   , 0.5  , 0.333, 0.25 ])
    """

    rate: float
    power: float = 0.5

    def __post_init__(self) -> None:
        real_number("rate", self.rate, above=0)
        real_number("power", self.power)

    def rates(self, epochs: int) -> Rates:
        return float(self.rate) / np.arange(1.0, epochs + 1) ** float(self.power)


@dataclass(frozen=True)
class Cosine(Schedule):
    """α_e = final + ½ (rate − final)(1 + cos(π e/E)), E the number of epochs.

    Source: I. Loshchilov and F. Hutter, "SGDR", ICLR 2017, without restarts.

    >>> Cosine(1.0).rates(4).round(3)
    array([1.   , 0.854, 0.5  , 0.146])
    """

    rate: float
    final: float = 0.0

    def __post_init__(self) -> None:
        real_number("rate", self.rate, above=0)
        real_number("final", self.final)

    def rates(self, epochs: int) -> Rates:
        wave = 0.5 * (1 + np.cos(np.pi * np.arange(epochs) / max(epochs, 1)))
        rate, final = float(self.rate), float(self.final)
        return final + (rate - final) * wave


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Linear warm-up: α_e = (e + 1)/(epochs + 1) of the next schedule's first rate, then that one.

    >>> WarmUp(3, Constant(1.0)).rates(5)
    array([0.25, 0.5 , 0.75, 1.  , 1.  ])
    """

    epochs: int
    then: Schedule | float

    def __post_init__(self) -> None:
        whole_number("epochs", self.epochs, 0)
        schedule_from("then", self.then)

    def rates(self, epochs: int) -> Rates:
        rising = operator.index(self.epochs)
        rest = rates_of(schedule_from("then", self.then), max(epochs - rising, 1))
        rise = rest[0] * np.arange(1, min(rising, epochs) + 1) / (rising + 1)
        return np.concatenate([rise, rest])[:epochs]


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from highest/divide to highest over the first part, down to highest/(divide·divide_end).

    Both ways along a cosine. Source: L. Smith and N. Topin, "Super-convergence", 2017, in the form
    of PyTorch's OneCycleLR, one step per epoch.

    >>> OneCycle(1.0, rise=0.5, divide=10, divide_end=100).rates(5).round(3)
    array([0.1  , 0.775, 0.905, 0.346, 0.001])
    """

    highest: float
    rise: float = 0.3
    divide: float = 25.0
    divide_end: float = 1e4

    def __post_init__(self) -> None:
        for name in ("highest", "rise", "divide", "divide_end"):
            real_number(name, getattr(self, name), above=0)
        if self.rise >= 1:
            raise ValueError(f"rise is {self.rise:g}, wanted a number between 0 and 1")

    def rates(self, epochs: int) -> Rates:
        highest, divide = float(self.highest), float(self.divide)
        low, end = highest / divide, highest / (divide * float(self.divide_end))
        top, last = float(self.rise) * epochs - 1, max(epochs - 1, 1)
        e = np.arange(epochs)
        up = _anneal(low, highest, e / top) if top > 0 else np.full(epochs, highest)
        down = _anneal(highest, end, (e - top) / (last - top))
        return np.where(e <= top, up, down)


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Multiply the rate by `factor` after more than `patience` epochs without a better cost.

    Better is lower by 1e-4 of the best so far; the cost is the validation cost if there is one.
    The rules are those of PyTorch's class of the same name.

    >>> ReduceOnPlateau(0.1).rates(2)
    array([0.1, 0.1])
    """

    rate: float
    factor: float = 0.1
    patience: int = 10

    def __post_init__(self) -> None:
        real_number("rate", self.rate, above=0)
        whole_number("patience", self.patience, 0)
        if not 0 < real_number("factor", self.factor) < 1:
            raise ValueError(f"factor is {self.factor:g}, wanted a number between 0 and 1")

    def rates(self, epochs: int) -> Rates:
        return np.full(epochs, float(self.rate))


def schedule_from(argument: str, value: Any) -> Schedule:
    """The schedule itself, or the constant that a number means.

    >>> schedule_from("learning_rate", 0.5)
    Constant(rate=0.5)
    """
    if isinstance(value, Schedule):
        return value
    return Constant(real_number(argument, value, above=0))


def rates_of(schedule: Schedule, epochs: int) -> NDArray[np.float64]:
    """α of each epoch by any schedule, checked: a new vector, for compiled code to read and write.

    A rate of 0 is a step of length 0. The schedules here come to it by rounding, others begin or
    end with it; if all rates are 0, nothing would be trained.

    Raises
    ------
    TypeError, ValueError
        If the schedule returns something else.

    Examples
    --------
    >>> class Short(Schedule):
    ...     def rates(self, epochs):
    ...         return np.full(3, 0.1)
    >>> rates_of(Short(), 8)
    Traceback (most recent call last):
    ...
    ValueError: learning_rate: Short.rates(8) has shape (3,), wanted (8,), a rate for each epoch
    """
    argument = f"learning_rate: {type(schedule).__name__}.rates({epochs})"
    with np.errstate(all="ignore"):  # what comes of it is looked at
        given = schedule.rates(epochs)
    array = numbers(argument, given, np.dtype(np.float64)).copy()
    if array.shape != (epochs,):
        raise ValueError(
            f"{argument} has shape {array.shape}, wanted ({epochs},), a rate for each epoch"
        )
    check_finite(argument, array)
    check_each(argument, array, array >= 0, "rates of at least 0")
    if epochs and not array.any():
        raise ValueError(f"{argument} is 0 in every epoch, wanted a rate greater than 0")
    return array


def _anneal(start: float, end: float, part: Rates) -> Rates:
    """From start (part 0) to end (part 1) along half a cosine."""
    rates: Rates = end + (start - end) / 2 * (1 + np.cos(math.pi * part))
    return rates
