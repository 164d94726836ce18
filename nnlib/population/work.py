"""What a population has to do, as arrays: made from checked arguments, filled by an engine.

This is the border between the two: `train_many` makes a `Work`, an engine runs it and knows nothing
of how it came about, a `Population` is made from what the engine left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..kernels.network import problem
from ..kernels.network.rules import NO_RULES
from ..kernels.population.members import Members
from ..model.function import NetworkFunction
from ..optimizers import FullBatch
from ..schedules import Constant, Schedule, rates_of
from ..training import buffers
from ..training.options import Options
from .ranking import ranked
from .windows import Windows

Array = NDArray[Any]

# The status of a member that successive halving has left behind.
HALVED = -1


class Start(NamedTuple):
    """What each member starts with."""

    choice: Array  # (members,): which of the options
    parameters: Array  # (members, stride)
    weights: Array  # (rows, examples), or (0, examples): all 1
    weight_row: Array  # (members,): whose are whose; or empty
    generators: Array  # (members, words), or no rows
    dropout_seeds: Array  # (members,), or empty


@dataclass(frozen=True)
class Group:
    """Members that share an architecture and all options but the `Rules`.

    network gives the architecture; its parameters are not used. jobs are the members' numbers.
    """

    network: NetworkFunction
    options: Options
    jobs: Array


@dataclass
class Work:
    """All that an engine needs and writes.

    Attributes
    ----------
    train, validation
        Examples that all members share, or of which each has rows of its own, see `windows`.
    options
        The first of `choices`: epochs, reduction and what is not a member's own.
    choices
        The different options; `members.choice` says whose they are.
    groups
        Every member is in exactly one.
    members
        Arrays with a row per member, `jobs` left empty: each group has its own.
    held_out : ndarray, shape (rows, n)
        Weights of the examples that a member does not train with, or empty.
    cost, held_out_cost : ndarray of float64, shape (members,)
        Written at the end: J at the parameters reached, over the examples of either weights.
    rungs
        Epochs at which some members go on and others do not, and how many groups of `siblings`
        neighbours go on; none after the last.
    threads
        How many threads an engine may use; None: as many as the process may.
    windows
        Whose rows are whose; None: all members share all examples.
    """

    train: Examples
    validation: Examples | None
    options: Options
    choices: list[Options]
    groups: list[Group]
    members: Members
    held_out: Array
    cost: Array
    held_out_cost: Array
    rungs: list[tuple[int, int]]
    siblings: int
    stopped: str | None = field(default=None)
    threads: int | None = field(default=None)
    windows: Windows | None = field(default=None)

    @property
    def size(self) -> int:
        """How many members there are."""
        return len(self.cost)

    @property
    def begun(self) -> Array:
        """Which members have an epoch behind them, or have ended without."""
        begun: Array = (self.members.epochs > 0) | (self.members.status != problem.RUNNING)
        return begun

    @property
    def judged(self) -> Array:
        """Which members have an example of a weight above 0 held out; all if none ever has."""
        if not self.held_out.size:
            return np.ones(self.size, bool)
        judged: Array = np.any(self.held_out > 0, axis=1)
        return judged[self.members.weight_row]

    def score(self) -> Array:
        """The cost of each member that `ranked` starts from, shape (members,): infinite is worst.

        NaN where nothing was held out that could tell.
        """
        if self.held_out.size:
            return self.held_out_cost
        return self.cost if self.validation is None else self.members.validation_cost

    def ranked(self) -> Array:
        """The score, infinite for all that diverged."""
        return ranked(self.score(), self.members.status == problem.DIVERGED)


def kept_epochs(epochs: int, points: int) -> Array:
    """At most so many epochs at equal distances, the first and the last among them.

    >>> kept_epochs(1000, 4)
    array([  0, 333, 666, 999])
    >>> kept_epochs(3, 50)
    array([0, 1, 2])
    """
    places = np.linspace(0, max(epochs - 1, 0), min(points, epochs))
    return np.unique(np.round(places).astype(np.int64))


def member_arrays(
    options: Sequence[Options], start: Start, points: int, validated: bool, pauses: bool
) -> Members:
    """The arrays of all members before their first epoch; options has one entry per choice."""
    n, stride = start.parameters.shape
    epochs = options[0].epochs
    kept = kept_epochs(epochs, points)
    rates, width = _rates(options)
    dtype, paused = start.parameters.dtype, n if pauses else 0
    return Members(
        jobs=np.empty(0, np.int64),
        choices=np.array([_choice(own) for own in options]).reshape(-1),
        rates=rates,
        rate_width=width,
        example_weights=start.weights.reshape(-1),
        choice=start.choice,
        weight_row=start.weight_row,
        parameters=start.parameters.reshape(-1),
        stride=stride,
        generators=start.generators.reshape(-1),
        dropout_seeds=start.dropout_seeds,
        kept_epochs=kept,
        **outcomes(n, kept.size, validated),
        positions=np.zeros(paused * problem.POSITION_SIZE, np.int64),
        numbers=np.zeros(paused * problem.NUMBERS_SIZE),
        first=np.zeros(paused * stride, dtype),
        second=np.zeros(paused * stride, dtype),
        best=np.zeros(paused * stride if validated else 0, dtype),
    )


def outcomes(n: int, points: int, validated: bool) -> dict[str, Array]:
    """The arrays of n members that a descent fills, but for parameters and generators.

    >>> sorted(outcomes(3, 50, False))[:3]
    ['best_epoch', 'costs', 'epochs']
    """
    judged = n if validated else 0
    return {
        "costs": np.full(n * points, np.nan),
        "validation_costs": np.full(judged * points, np.nan),
        "validation_cost": np.full(judged, np.inf),
        "best_epoch": np.full(judged, -1, np.int64),
        "epochs": np.zeros(n, np.int64),
        "status": np.full(n, problem.RUNNING),
    }


def _choice(options: Options) -> list[float]:
    """One row of Members.choices; optimizers with drivers of their own read none."""
    if isinstance(options.optimizer, FullBatch):
        return list(NO_RULES)
    return list(buffers.rules(options))


def _rates(options: Sequence[Options]) -> tuple[Array, int]:
    """The rates of each epoch, a row per choice: of one element if no rate ever changes."""
    constant = all(isinstance(own.learning_rate, Constant) for own in options)
    width = 1 if constant else max(options[0].epochs, 1)
    rows: list[Array] = []
    for own in options:
        assert isinstance(own.learning_rate, Schedule)
        rows.append(rates_of(own.learning_rate, width))
    return np.concatenate(rows), width
