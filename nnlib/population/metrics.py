"""Metrics of the members of a population, measured once they are trained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples
from ..checks.values import known_name
from ..kernels.network import problem
from ..model.function import NetworkFunction
from ..model.metrics import Judged, Metric, measured, metrics_from
from ..model.positions import counted_rows
from ..model.task import Task, task_of
from .ranking import Ranking
from .work import Work

Array = NDArray[Any]


class MemberMetrics(NamedTuple):
    """Values of each metric, shape (members,), NaN for members that diverged.

    Those of the examples held out are None where there are none.
    """

    training: dict[str, Array]
    held_out: dict[str, Array] | None


class _Judge(NamedTuple):
    """The metrics of networks that have one task."""

    task: Task
    metrics: list[Metric]
    classes: Array | None

    def values(self, network: NetworkFunction, given: Examples, outputs: Array) -> list[float]:
        """Of the network's outputs for some examples; NaN without an example."""
        if not len(given.y):
            return [math.nan] * len(self.metrics)
        counted = counted_rows(network.architecture, given.X)
        return measured(self.metrics, Judged(self.task, self.classes, given.y, counted), outputs)


class PopulationMetrics:
    """The metrics of `train_many`, checked before the training by what its networks give so far.

    Parameters
    ----------
    given : sequence of str and functions
    networks : sequence of NetworkFunction
        One for each choice.
    classes : ndarray or None
        The labels of their classes.
    train, validation : Examples
        Those of the population; None: no validation examples.

    Raises
    ------
    TypeError, ValueError
        For metrics that do not fit.
    """

    def __init__(
        self,
        given: Sequence[Any],
        networks: Sequence[NetworkFunction],
        classes: Array | None,
        train: Examples,
        validation: Examples | None,
    ) -> None:
        self._networks, self._train, self._validation = networks, train, validation
        self._judges: dict[int, _Judge] = {}
        for network in networks:
            if id(network) not in self._judges:
                task = task_of(network.architecture)
                metrics = metrics_from(given, task, classes)
                assert task is not None
                self._judges[id(network)] = judge = _Judge(task, metrics, classes)
                for side in (train, validation):
                    if side is not None:
                        judge.values(network, side, network.outputs_of(side.X))
        self.names = [metric.name for metric in judge.metrics]
        self._signs = [-1.0 if metric.greater_is_better else 1.0 for metric in judge.metrics]

    def ranking(self, rank_by: Any) -> Ranking:
        """By which of the metrics members are compared; `ValueError` if it is none of them."""
        place = self.names.index(known_name("rank_by", rank_by, self.names))
        return Ranking(self.names[place], self._signs[place])

    def of_members(self, work: Work) -> MemberMetrics:
        """The values of all members of a population that is trained.

        Ctrl-C leaves NaN for the members that are not measured yet.
        """
        shape = work.size, len(self.names)
        training, held_out = np.full(shape, np.nan), np.full(shape, np.nan)
        try:
            for member, network in self._trained(work):
                judge = self._judges[id(network)]
                if work.windows is not None:
                    own = self._train.part(work.windows.rows(member))
                    training[member] = _of_side(judge, network, own)
                    if self._validation is not None:
                        own = self._validation.part(work.windows.held_rows(member))
                        held_out[member] = _of_side(judge, network, own)
                    continue
                outputs = network.outputs_of(self._train.X)
                rows, other = _rows(work, member, len(self._train.X))
                training[member] = judge.values(network, self._train.part(rows), outputs[rows])
                if self._validation is not None:
                    outputs = network.outputs_of(self._validation.X)
                    held_out[member] = judge.values(network, self._validation, outputs)
                elif other is not None:
                    held_out[member] = judge.values(
                        network, self._train.part(other), outputs[other]
                    )
        except KeyboardInterrupt:
            work.stopped = "interrupted"
        judged = self._validation is not None or work.held_out.size > 0
        return MemberMetrics(self._named(training), self._named(held_out) if judged else None)

    def _trained(self, work: Work) -> Iterator[tuple[int, NetworkFunction]]:
        """The members that did not diverge, in one network for each choice."""
        parameters = work.members.parameters.reshape(work.size, -1)
        good = work.begun & (work.members.status != problem.DIVERGED)
        for member in np.flatnonzero(good):
            network = self._networks[work.members.choice[member]]
            network.parameters[:] = parameters[member, : network.architecture.size]
            yield int(member), network

    def _named(self, values: Array) -> dict[str, Array]:
        return {name: values[:, place].copy() for place, name in enumerate(self.names)}


def _of_side(judge: _Judge, network: NetworkFunction, own: Examples) -> list[float]:
    """The values over a member's own rows, without those of weight 0."""
    if own.weights.size:
        own = own.part(own.weights > 0)
    return judge.values(network, own, network.outputs_of(own.X))


def _rows(work: Work, member: int, examples: int) -> tuple[Array, Array | None]:
    """Which examples a member was trained with, and which it did not see; None: no such ones."""
    own = work.members
    if not own.example_weights.size:
        weights = work.train.weights
        return weights > 0 if weights.size else np.ones(examples, bool), None
    row = own.weight_row[member]
    trained = own.example_weights.reshape(-1, examples)[row] > 0
    return trained, work.held_out[row] > 0 if work.held_out.size else None
