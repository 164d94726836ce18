"""The options of a descent, checked before any work."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..checks.values import (
    REDUCTIONS,
    file_path,
    known_name,
    real_number,
    seed_number,
    shown,
    whole_number,
)
from ..history import Report
from ..optimizers import SGD, FullBatch, Optimizer, Rprop, optimizer_from
from ..schedules import Constant, ReduceOnPlateau, Schedule, schedule_from

PRECISIONS = ("tf32", "bf16")
# The history keeps up to 24 bytes an epoch, 2.4 GB of so many.
MOST_EPOCHS = 10**8

# Options that an optimizer of full batches refuses.
_NOT_FULL_BATCH = (
    "learning_rate", "batch_size", "l1", "max_norm", "dropout", "clip_norm", "clip_value",
    "validation", "patience", "tolerance", "target_cost", "callback_epochs", "partial", "compile",
    "precision",
)  # fmt: skip
# And those that a network's own kernel does not know.
_NOT_COMPILED = (
    "weight_decay", "l1", "max_norm", "dropout", "clip_norm", "clip_value", "validation",
    "patience", "target_cost",
)  # fmt: skip


@dataclass
class Options:
    """Keyword arguments of `Network.descent`; see there. Checked and completed when made.

    Raises
    ------
    TypeError, ValueError
        For an option that is not of its form, or for two that contradict each other.

    Examples
    --------
    >>> Options(optimizer="adam").learning_rate
    Constant(rate=0.001)
    """

    optimizer: str | Optimizer = "sgd"
    learning_rate: float | Schedule | None = None
    epochs: int = 1000
    reduction: str = "mean"
    weight_decay: float = 0.0
    l1: float = 0.0
    max_norm: float | None = None
    dropout: Any = None
    clip_norm: float | None = None
    clip_value: float | None = None
    batch_size: int | None = None
    shuffle: bool = True
    seed: int | None = None
    validation: Any = None
    patience: int | None = None
    tolerance: float = 0.0
    target_cost: float | None = None
    max_seconds: float | None = None
    callback: Callable[[Report], Any] | None = None
    callback_epochs: int | None = None
    partial: bool = False
    progress: bool | None = None
    compile: bool = False
    precision: str | None = None
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_seconds: float = 30.0
    resume: bool = False

    def __post_init__(self) -> None:
        self.optimizer = optimizer_from(self.optimizer)
        if isinstance(self.optimizer, FullBatch):
            self._check_full_batch(self.optimizer)
        if self.learning_rate is None:
            self.learning_rate = Constant(self.optimizer.default_rate)
        self.learning_rate = schedule_from("learning_rate", self.learning_rate)
        self.epochs = _epochs(self.epochs)
        known_name("reduction", self.reduction, REDUCTIONS)
        if self.precision is not None:
            known_name("precision", self.precision, PRECISIONS)
        self.weight_decay = real_number("weight_decay", self.weight_decay)
        self.l1 = real_number("l1", self.l1)
        self.tolerance = real_number("tolerance", self.tolerance)
        for name in ("max_norm", "clip_norm", "clip_value", "max_seconds"):
            if getattr(self, name) is not None:
                setattr(self, name, real_number(name, getattr(self, name), above=0))
        if self.target_cost is not None:
            self.target_cost = real_number("target_cost", self.target_cost)
        for name in ("patience", "callback_epochs"):
            if getattr(self, name) is not None:
                setattr(self, name, whole_number(name, getattr(self, name), 1))
        if self.seed is not None:
            self.seed = seed_number("seed", self.seed)
        for name in ("shuffle", "partial", "compile", "resume"):
            value = getattr(self, name)
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False; got {shown(value)}")
        if not (self.progress is None or isinstance(self.progress, bool)):
            raise TypeError(f"progress must be True, False or None; got {shown(self.progress)}")
        if self.checkpoint is not None:
            self.checkpoint = file_path("checkpoint", self.checkpoint)
        self.checkpoint_seconds = real_number(
            "checkpoint_seconds", self.checkpoint_seconds, above=0
        )
        self._check_pairs()

    def _check_pairs(self) -> None:
        """Options that need or exclude one another."""
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback must be callable; got {shown(self.callback)}")
        if self.callback_epochs is not None and self.callback is None:
            raise ValueError("callback_epochs is given without a callback")
        if self.resume and self.checkpoint is None:
            raise ValueError(
                "resume is True but checkpoint is None: give checkpoint, the file to go on from"
            )
        if self.tolerance and self.patience is None:
            raise ValueError(
                f"tolerance is {self.tolerance:g} but patience is None: give patience, the "
                "number of epochs without progress after which to stop"
            )
        if self.compile:
            self._check_compiled()
        if isinstance(self.optimizer, Rprop) and self.batch_size is not None:
            raise ValueError(
                "optimizer 'rprop' and batch_size contradict each other: it needs the whole "
                "data's gradient, so leave batch_size at None"
            )

    def _check_full_batch(self, optimizer: FullBatch) -> None:
        """What optimizers that search for their own steps on all the data have no use for."""
        defaults = {field.name: field.default for field in fields(Options)}
        for name in _NOT_FULL_BATCH:
            if getattr(self, name) != defaults[name]:
                raise ValueError(
                    f"optimizer {optimizer.name!r} and {name}={getattr(self, name)!r} contradict "
                    f"each other: it finds its own steps on the cost of all the data, so leave "
                    f"{name} out, or use another optimizer"
                )

    def _check_compiled(self) -> None:
        """What a kernel for one network alone leaves out."""
        assert isinstance(self.optimizer, Optimizer)
        given = {
            "optimizer": self.optimizer.name if not isinstance(self.optimizer, SGD) else None,
            "learning_rate": self.plateau,
            "batch_size (unless shuffle is False)": self.batch_size if self.shuffle else None,
            **{name: getattr(self, name) for name in _NOT_COMPILED},
        }
        for name, value in given.items():
            if value is not None and value != 0:
                raise ValueError(
                    f"compile=True and {name}={value!r} contradict each other: a kernel for one "
                    "network alone makes plain gradient descent; leave one of them out"
                )

    @property
    def mean(self) -> bool:
        """Whether costs are means over the examples."""
        return self.reduction == "mean"

    @property
    def plateau(self) -> ReduceOnPlateau | None:
        """The schedule, if it is the one that listens to the cost."""
        return self.learning_rate if isinstance(self.learning_rate, ReduceOnPlateau) else None

    @property
    def target(self) -> float:
        """The cost at which to stop, −inf for none."""
        return -math.inf if self.target_cost is None else self.target_cost

    @property
    def plain(self) -> bool:
        """Whether nothing is asked for but gradient descent itself."""
        return isinstance(self.optimizer, SGD) and not (
            self.weight_decay
            or self.l1
            or self.max_norm
            or self.dropout is not None
            or self.clip_norm
            or self.clip_value
            or self.patience
            or self.plateau
            or self.target_cost is not None
        )


def _epochs(value: Any) -> int:
    """How many epochs, checked: the trace of all of them must fit into memory."""
    epochs = whole_number("epochs", value, 0)
    if epochs > MOST_EPOCHS:
        raise ValueError(
            f"epochs is {epochs}, wanted at most {MOST_EPOCHS}: the history of so many takes "
            f"{24 * epochs // 10**9} GB, 24 bytes an epoch; to go on, call descent again"
        )
    return epochs
