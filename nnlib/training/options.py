"""The options of a descent, checked before any work."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..checks.class_weights import class_weight_option
from ..checks.values import REDUCTIONS, file_path, flag, real_number, seed_number, shown
from ..history import Report
from ..optimizers import SGD, FullBatch, Optimizer, Rprop, optimizer_from
from ..schedules import Constant, ReduceOnPlateau, Schedule, schedule_from
from .epoch_metrics import EpochMetrics
from .option_table import (
    EVERY_WAY,
    Way,
    count,
    entries,
    epoch_number,
    flag_or_none,
    function,
    one_of,
    option,
    optional,
    positive,
    with_data,
)

PRECISIONS = ("tf32", "bf16")


def _optimizer(name: str, value: Any) -> Optimizer | FullBatch:
    """The optimizer itself, or the one of that name."""
    return optimizer_from(value)


def _metrics(name: str, value: Any) -> Any:
    """A list of names and functions, or what a network has made of it."""
    if isinstance(value, EpochMetrics):
        return value
    listed = isinstance(value, (list, tuple)) and len(value) > 0
    if not listed or not all(isinstance(one, str) or callable(one) for one in value):
        raise TypeError(
            f"{name} must be a list of names and functions, such as ['accuracy']; got "
            f"{shown(value)}"
        )
    return list(value)


def _name(name: str, value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be the name of a metric; got {shown(value)}")
    return value


@dataclass
class Options:
    """Keyword arguments of `Network.descent`; see there. Checked and completed when made.

    Every field is one entry of the table of options; `option_table` says how one is added.

    Raises
    ------
    TypeError, ValueError
        For an option that is not of its form, or for two that contradict each other.

    Examples
    --------
    >>> Options(optimizer="adam").learning_rate
    Constant(rate=0.001)
    """

    optimizer: str | Optimizer = option("sgd", _optimizer, population="varies")
    learning_rate: float | Schedule | None = option(
        None,
        optional(schedule_from),
        refused_by=("full batch",),
        population="varies",
        fingerprint="digest",
    )
    epochs: int = option(1000, epoch_number)
    reduction: str = option("mean", one_of(REDUCTIONS))
    weight_decay: float = option(
        0.0, real_number, refused_by=("compiled", "plain"), population="varies"
    )
    l1: float = option(0.0, real_number, refused_by=EVERY_WAY, population="varies")
    max_norm: float | None = option(
        None, optional(positive), refused_by=EVERY_WAY, population="varies"
    )
    dropout: Any = option(None, with_data, refused_by=EVERY_WAY, population="varies")
    clip_norm: float | None = option(
        None, optional(positive), refused_by=EVERY_WAY, population="varies"
    )
    clip_value: float | None = option(
        None, optional(positive), refused_by=EVERY_WAY, population="varies"
    )
    batch_size: int | None = option(
        None, with_data, refused_by=("full batch",), population="varies"
    )
    shuffle: bool = option(True, flag)
    # Of a source alone, beside whose identity a checkpoint records it.
    shuffle_buffer: int | None = option(
        None,
        optional(count),
        refused_by=("full batch",),
        population="absent",
        no_population="its members train on data in memory, which is shuffled as a whole",
        fingerprint="none",
    )
    # Part of the table, by whose digest a checkpoint records it.
    tbptt: int | None = option(None, optional(count), refused_by=EVERY_WAY, fingerprint="none")
    # In a population `train_many` has a seed of its own.
    seed: int | None = option(None, optional(seed_number), population="absent")
    # Part of sample_weight, by whose digest a checkpoint records it.
    class_weight: Any = option(None, optional(class_weight_option), fingerprint="none")
    validation: Any = option(
        None, with_data, refused_by=("full batch", "compiled"), fingerprint="digest"
    )
    patience: int | None = option(None, optional(count), refused_by=EVERY_WAY, population="varies")
    tolerance: float = option(0.0, real_number, refused_by=("full batch",), population="varies")
    target_cost: float | None = option(
        None, optional(real_number), refused_by=EVERY_WAY, population="varies"
    )
    metrics: Any = option(
        None,
        optional(_metrics),
        fingerprint="none",
    )
    monitor: str | None = option(
        None,
        optional(_name),
        refused_by=("full batch",),
        population="absent",
        no_population="costs stop its members; rank_by compares them by a metric",
        fingerprint="none",
    )
    max_seconds: float | None = option(None, optional(positive), fingerprint="none")
    callback: Callable[[Report], Any] | None = option(None, optional(function), fingerprint="none")
    callback_epochs: int | None = option(
        None,
        optional(count),
        refused_by=("full batch",),
        population="absent",
        no_population="a population calls its callback about every 50 ms",
        fingerprint="none",
    )
    partial: bool = option(
        False,
        flag,
        refused_by=("full batch",),
        population="absent",
        no_population="a population starts afresh",
    )
    progress: bool | None = option(None, flag_or_none, fingerprint="none")
    compile: bool = option(
        False,
        flag,
        refused_by=("full batch", "streamed"),
        population="absent",
        refused_on={"cuda": "makes a kernel for the CPU"},
    )
    precision: str | None = option(
        None,
        optional(one_of(PRECISIONS)),
        refused_by=("full batch",),
        population="absent",
        no_population="its networks are too narrow for tensor cores",
        refused_on={"cpu": "is for the tensor cores of a GPU"},
    )
    checkpoint: str | os.PathLike[str] | None = option(
        None,
        optional(file_path),
        population="absent",  # `train_many` has a folder of its own
        fingerprint="none",
    )
    checkpoint_seconds: float = option(
        30.0,
        positive,
        population="absent",
        no_population="a population writes each part as it ends",
        fingerprint="none",
    )
    resume: bool = option(
        False,
        flag,
        population="absent",
        fingerprint="none",
    )
    # How sums are added up then, is in a checkpoint's device.
    cluster: Any = option(
        None,
        with_data,
        population="absent",  # `train_many` has its own
        refused_on={"cuda": "computes on processors"},
        fingerprint="none",
    )

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], **instead: Any) -> Options:
        """The options among a function's arguments.

        Parameters
        ----------
        arguments : mapping from str to object
            The function's arguments by name, all options among them.
        **instead
            Values in place of those among the arguments.
        """
        given = {name: arguments[name] for name in OPTIONS}
        return cls(**{**given, **instead})

    def __post_init__(self) -> None:
        # The optimizer first: one of full batches refuses options, whatever their values.
        self.optimizer = OPTIONS["optimizer"].check("optimizer", self.optimizer)
        if isinstance(self.optimizer, FullBatch):
            self._check_full_batch(self.optimizer)
        for name, entry in OPTIONS.items():
            value = getattr(self, name)
            # A default is in its one form; the optimizer comes out of a second check as it is.
            if value is not entry.default:
                setattr(self, name, entry.check(name, value))
        if self.learning_rate is None:
            assert isinstance(self.optimizer, Optimizer)
            self.learning_rate = Constant(self.optimizer.default_rate)
        self._check_pairs()

    def _check_pairs(self) -> None:
        """Options that need or exclude one another."""
        if self.callback_epochs is not None and self.callback is None:
            raise ValueError("callback_epochs is given without a callback")
        if self.shuffle_buffer is not None and not self.shuffle:
            raise ValueError(
                f"shuffle_buffer is {self.shuffle_buffer} but shuffle is False: leave one of them "
                "out"
            )
        if self.monitor is not None and self.metrics is None:
            raise ValueError(
                f"monitor is {self.monitor!r} but metrics is None: give metrics, one of which "
                "decides"
            )
        if self.monitor is not None and self.validation is None and self.patience is None:
            raise ValueError(
                f"monitor is {self.monitor!r}, but it has nothing to decide: give validation, "
                "patience or both"
            )
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
        for name in refused_by("full batch"):
            value = self._unless_default(name)
            if value is not None:
                raise ValueError(
                    f"optimizer {optimizer.name!r} and {_as_given(name, value)} contradict "
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
            **{name: self._unless_default(name) for name in refused_by("compiled")},
        }
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"compile=True and {_as_given(name, value)} contradict each other: a kernel "
                    "for one network alone makes plain gradient descent; leave one of them out"
                )

    def _unless_default(self, name: str) -> Any:
        """The option's value; None if it is what it is by default."""
        value, default = getattr(self, name), OPTIONS[name].default
        # Only numbers and names are compared: arrays do not say whether they are equal.
        comparable = isinstance(value, (str, int, float))
        return None if value is default or (comparable and value == default) else value

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
        others = [getattr(self, name) != OPTIONS[name].default for name in refused_by("plain")]
        return isinstance(self.optimizer, SGD) and not (self.plateau or any(others))


def _as_given(name: str, value: Any) -> str:
    """The option as a message shows it: with its value, unless it holds data.

    >>> _as_given("patience", 5), _as_given("validation", ([[0.5]], [1.0]))
    ('patience=5', 'validation')
    """
    parts = value if isinstance(value, (tuple, list)) else [value]
    short = all(isinstance(part, (str, int, float)) for part in parts)
    return f"{name}={shown(value)}" if short or not hasattr(value, "__len__") else name


OPTIONS = entries(Options)


@functools.cache
def refused_by(way: Way) -> tuple[str, ...]:
    """The options that a way to train leaves out.

    >>> refused_by("compiled")[:3]
    ('weight_decay', 'l1', 'max_norm')
    """
    return tuple(name for name, entry in OPTIONS.items() if way in entry.refused_by)
