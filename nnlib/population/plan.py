"""From the arguments of `train_many` to the work, and from the work done to a population."""

from __future__ import annotations

import math
from collections.abc import Sized
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples, counted
from ..checks.memory import check_memory
from ..checks.values import (
    holds_several,
    real_number,
    seed_number,
    shown,
    whole_number,
)
from ..errors import DivergenceError
from ..history import History
from ..kernels.network import problem
from ..model.arguments import dropout_probabilities
from ..model.target_range import warn_of_targets
from ..model.whole_batches import check_batches
from ..network import Network
from ..network_training import given_examples, split
from ..optimizers import FullBatch
from ..schedules import Schedule, rates_of
from ..training.contradictions import check_for
from ..training.options import Options
from . import folds as member_weights
from .metrics import PopulationMetrics
from .ranking import Ranking
from .refit import Recipe
from .result import Population
from .starts import starts
from .sweep import ARCHITECTURE, Choice
from .template import Template
from .work import Group, Start, Work, member_arrays

Array = NDArray[Any]

# Bytes that every member takes beside its parameters and costs.
_LEAST_MEMBER = 100
# Rungs of successive halving; each starts all threads anew.
_MOST_RUNGS = 1000


@dataclass
class _Seeds:
    """The seeds, and whether members start from the template's own network instead."""

    values: list[int | None]
    from_network: bool


class Plan:
    """What is to be trained, step by step from the arguments; every step checks its own."""

    def __init__(self, template: Template, choices: list[Choice], options: dict[str, Any]) -> None:
        self._template = template
        self._choices = choices
        self._networks = [template.network(choice) for choice in choices]
        first = self._networks[0]
        for network in self._networks:
            own, wanted = network.architecture, first.architecture
            if (own.d_in, own.d_out) != (wanted.d_in, wanted.d_out):
                raise ValueError(
                    f"grid['sizes'] holds {list(first.sizes)} and {list(network.sizes)}, wanted "
                    "the same inputs and outputs everywhere, those of the data"
                )
        self._options = [
            _options(options, choice, network)
            for choice, network in zip(choices, self._networks, strict=True)
        ]
        for network, own_options in zip(self._networks, self._options, strict=True):
            check_for(own_options, network.architecture.layers, network.dtype)
        self._initializers = [choice.get("initializer", template.initializer) for choice in choices]
        # Members are measured when they are trained, not by their descents.
        self._asked_metrics = self._options[0].metrics
        for option in self._options:
            option.metrics = None
        self._metrics: PopulationMetrics | None = None
        self._ranking: Ranking | None = None
        self._own_weights = False
        self._folds: Array | None
        self._train = self._validation = None  # type: Examples | None
        self._data: tuple[Array, Array]

    def take_examples(self, X: Any, y: Any, sample_weight: Any, seed: int) -> None:
        """The examples, and the validation examples that are given or split off."""
        network, options = self._networks[0], self._options[0]
        shared = None if np.ndim(sample_weight) == 2 else sample_weight
        if np.ndim(sample_weight) == 2 and options.class_weight is not None:
            raise ValueError(
                "class_weight and sample_weight with a row per member contradict each other: "
                "multiply the rows by the weights of the classes"
            )
        given = given_examples(network, X, y, shared, options)
        self._known = given.known
        splitting = copy(options)  # not made anew, which checks again what is completed by now
        splitting.seed = seed
        train, self._validation = split(network, given, splitting)
        self._data, self._train = (train.X, train.y), counted(train)
        for one in {own.activations[-1]: own for own in reversed(self._networks)}.values():
            warn_of_targets(one.architecture.reading(train.X), self._train.y, stacklevel=3)
        for own in self._options:
            if own.batch_size is not None:
                own.batch_size = whole_number("batch_size", own.batch_size, 1, len(self._train.X))
        for one, own in zip(self._networks, self._options, strict=True):
            check_batches(one, self._train.X, own.batch_size)

    def take_metrics(self, rank_by: Any, halving: Any) -> None:
        """The metrics, tried on what the networks give so far, and the one that members rank by."""
        if self._asked_metrics is not None:
            self._metrics = PopulationMetrics(
                self._asked_metrics, self._networks, self._known.classes, self._examples,
                self._validation,
            )  # fmt: skip
        if rank_by is None:
            return
        if self._metrics is None:
            raise ValueError(
                f"rank_by is {shown(rank_by)} but metrics is None: give metrics, one of which "
                "members are compared by"
            )
        self._ranking = self._metrics.ranking(rank_by)
        if halving is not None:
            raise ValueError(
                "rank_by and halving contradict each other: halving compares members by their "
                "costs; leave one of them out"
            )

    def take_seeds(self, n: Any, seeds: Any, other_members: bool) -> None:
        """The seeds from their number or themselves; without either, one start for all."""
        if n is not None and seeds is not None:
            raise ValueError("n and seeds are both given, wanted one of them")
        if n is not None:
            count = whole_number("n", n, 1)
            check_memory(f"n is {count}: so many members", _LEAST_MEMBER * count)
            values: list[int | None] = list(range(count))
        elif seeds is not None:
            if not holds_several(seeds):
                raise TypeError(f"seeds must be a list of whole numbers; got {shown(seeds)}")
            if isinstance(seeds, Sized):
                check_memory(f"{len(seeds)} seeds: so many members", _LEAST_MEMBER * len(seeds))
            values = [seed_number(f"seeds[{i}]", seed) for i, seed in enumerate(seeds)]
            if not values:
                raise ValueError("seeds is empty, wanted at least one seed")
        elif not other_members:
            raise ValueError("n is missing: give n, the number of networks, or seeds, or a grid")
        else:
            start = self._template.start
            values = [0 if start is None else start.seed]
            self._seeds = _Seeds(values, start is not None)
            return
        self._seeds = _Seeds(values, False)

    def take_weights(self, sample_weight: Any, folds: Any, bootstrap: Any, seed: int) -> None:
        """What members do not share of the examples: weights to train with and to hold out."""
        train, mean = self._examples, self._options[0].mean
        n, dtype = len(train.X), train.X.dtype
        if not isinstance(bootstrap, (bool, np.bool_)):
            raise TypeError(f"bootstrap must be True or False; got {shown(bootstrap)}")
        own = np.ndim(sample_weight) == 2
        given = {
            "sample_weight with a row per member": own, "folds": folds is not None,
            "bootstrap": bool(bootstrap), "validation": self._validation is not None,
        }  # fmt: skip
        chosen = [name for name, here in given.items() if here]
        if len(chosen) > 1 and chosen != ["sample_weight with a row per member", "validation"]:
            raise ValueError(
                f"{' and '.join(chosen)} contradict each other: each says what a member trains with"
            )
        if own and n != np.shape(sample_weight)[1]:
            raise ValueError(
                "sample_weight with a row per member and a fraction for validation contradict each "
                "other; give the validation examples as (X, y)"
            )
        self._fold_count, self._folds = 1, None
        self._weights = self._held_out = np.empty((0, n), dtype)
        if folds is not None:
            self._folds = number = member_weights.fold_numbers(folds, n, seed)
            self._weights, self._held_out = member_weights.fold_weights(number, train.weights, mean)
            self._fold_count = len(self._weights)
        elif bootstrap:
            seeds = [0 if value is None else value for value in self._seeds.values]
            self._weights, self._held_out = member_weights.bootstrap_weights(
                seeds, n, train.weights, seed, mean
            )
        elif own:
            size = len(self._choices) * len(self._seeds.values)
            self._own_weights = True
            self._weights = member_weights.given_weights(sample_weight, size, n, dtype, mean)
            self._train = counted(train, np.all(self._weights == 0, axis=0))

    def work(self, points: int, halving: Any) -> Work:
        """The arrays for an engine."""
        train, options = self._examples, self._options
        counts = len(self._choices), len(self._seeds.values), self._fold_count
        n = math.prod(counts)
        self._check_memory(n, min(points, options[0].epochs))
        choice, seed_row, fold = (grid.reshape(-1) for grid in np.indices(counts))
        weight_row = np.empty(0, np.int64)
        if len(self._weights):
            rows = {counts[1]: seed_row, n: np.arange(n)}
            weight_row = fold if counts[2] > 1 else rows[len(self._weights)]
        parameters, generators = self._starts(counts)
        shuffled = any(own.batch_size and own.shuffle for own in options)
        dropout_seeds = np.empty(0, np.int64)
        drops = any(network.architecture.drops for network in self._networks)
        if drops or any(own.dropout for own in options):
            dropout_seeds = (generators[seed_row, 0] >> np.uint64(1)).astype(np.int64)
        kept = shuffled or self._seeds.from_network
        start = Start(
            choice, parameters, self._weights, weight_row,
            generators[seed_row] if kept else np.empty((0, 4), np.uint64), dropout_seeds,
        )  # fmt: skip
        validated, pauses = self._validation is not None, halving is not None
        members = member_arrays(options, start, points, validated, pauses)
        candidates = counts[0] * counts[1]
        return Work(
            train, self._validation, options[0], options, self._groups(counts), members,
            self._held_out, np.full(n, np.nan),
            np.full(n if self._held_out.size else 0, np.nan),
            self._rungs(halving, candidates), counts[2],
        )  # fmt: skip

    def population(self, work: Work, seconds: float, compile_seconds: float) -> Population:
        """What came of it; raises if nothing did."""
        members, n = work.members, work.size
        counts = len(self._choices), len(self._seeds.values), self._fold_count
        if work.stopped == "interrupted" and not work.begun.any():
            raise KeyboardInterrupt
        if n and (members.status == problem.DIVERGED).all():
            raise self._divergence(work, seconds)
        seeds = np.array(self._seeds.values)
        if seeds.dtype == np.float64:  # NumPy's choice for seeds on both sides of 2⁶³
            seeds = np.array(self._seeds.values, np.uint64)
        metrics = None if self._metrics is None else self._metrics.of_members(work)
        held_out, validated = bool(work.held_out_cost.size), work.validation is not None
        population = Population(
            parameters=members.parameters.reshape(n, -1),
            J=members.costs.reshape(n, -1),
            trace=members.kept_epochs,
            validation_J=members.validation_costs.reshape(n, -1) if validated else None,
            cost=work.cost,
            validation_cost=work.score() if held_out or validated else None,
            best_epoch=members.best_epoch if validated else None,
            epochs=members.epochs,
            seed=np.tile(np.repeat(seeds, counts[2]), counts[0]),
            fold=np.tile(np.arange(counts[2]), counts[0] * counts[1]) if counts[2] > 1 else None,
            choices=self._choices,
            choice=members.choice,
            seconds=seconds,
            compile_seconds=compile_seconds,
            stopped=work.stopped,
            status=members.status,
            architectures=[_architecture(network) for network in self._networks],
            generators=members.generators.reshape(-1, 4),
            data=self._data,
            classes=self._known.classes,
            feature_names=self._known.feature_names,
            folds=self._folds,
            recipe=Recipe(
                self._examples, self._validation, self._networks, self._options, self._initializers,
                self._template.start if self._seeds.from_network else None, self._own_weights,
            ),
            metrics={} if metrics is None else metrics.training,
            validation_metrics=None if metrics is None else metrics.held_out,
            ranking=self._ranking,
        )  # fmt: skip
        return population if work.stopped is None else population[work.begun]

    def _check_memory(self, members: int, points: int) -> None:
        """Refuse a population whose parameters and costs do not fit into memory."""
        parameters = max(network.parameters.nbytes for network in self._networks)
        costs = 8 * points * (1 if self._validation is None else 2)
        each = parameters + costs + _LEAST_MEMBER
        check_memory(
            f"{members} members: their parameters and {points} costs (see trace)", members * each
        )

    @property
    def _examples(self) -> Examples:
        assert self._train is not None
        return self._train

    def _starts(self, counts: tuple[int, int, int]) -> tuple[Array, Array]:
        """Parameters of all members (members, stride), generators of all seeds (seeds, 4)."""
        stride = max(network.parameters.size for network in self._networks)
        parameters = np.full((*counts, stride), np.nan, self._networks[0].dtype)
        generators = np.empty((0, 4), np.uint64)
        known: dict[tuple[int, int], Array] = {}
        for number, network in enumerate(self._networks):
            initializer = self._initializers[number]
            key = id(network), id(initializer)
            if key not in known:
                known[key], generators = self._start(network, initializer)
            parameters[number, :, :, : network.parameters.size] = known[key][:, None, :]
        return parameters.reshape(math.prod(counts), stride), generators

    def _start(self, network: Network, initializer: Any) -> tuple[Array, Array]:
        start = self._template.start
        if self._seeds.from_network and start is not None and initializer is None:
            parameters, _, generator = start.state()
            return parameters[None, :], generator[None, :]
        values = [0 if value is None else value for value in self._seeds.values]
        return starts(network, initializer, values)

    def _groups(self, counts: tuple[int, int, int]) -> list[Group]:
        """Members by what only a group can share."""
        size = counts[1] * counts[2]
        numbers: dict[Any, list[int]] = {}
        for number, (network, own) in enumerate(zip(self._networks, self._options, strict=True)):
            key = id(network), own.optimizer, own.dropout, own.batch_size, own.plain
            numbers.setdefault(key, []).append(number)
        return [
            Group(
                self._networks[same[0]],
                self._options[same[0]],
                np.concatenate([np.arange(k * size, (k + 1) * size) for k in same]),
            )
            for same in numbers.values()
        ]

    def _rungs(self, halving: Any, candidates: int) -> list[tuple[int, int]]:
        """Epochs and how many candidates go on after them, for successive halving."""
        if halving is None:
            return []
        factor, epochs = real_number("halving", halving, above=1), self._options[0].epochs
        for own in self._options:
            if isinstance(own.optimizer, FullBatch):
                raise ValueError(
                    f"halving and optimizer {own.optimizer.name!r} contradict each other: it "
                    "cannot pause"
                )
        levels = int(math.log(min(candidates, max(epochs, 1)), factor) + 1e-9)
        if levels > _MOST_RUNGS:
            raise ValueError(
                f"halving is {factor!r}, wanted a factor that leaves one of {candidates} in at "
                f"most {_MOST_RUNGS} rungs; this one takes {levels}"
            )
        return [
            (
                round(epochs / factor ** (levels - level)),
                max(1, int(candidates / factor ** (level + 1))),
            )
            for level in range(levels + 1)
        ]

    def _divergence(self, work: Work, seconds: float) -> DivergenceError:
        members = work.members
        last = int(np.argmax(members.epochs))
        epoch = int(members.epochs[last])
        traced = members.kept_epochs[members.kept_epochs < epoch]
        rate = work.choices[members.choice[last]].learning_rate
        assert isinstance(rate, Schedule)
        costs = members.costs.reshape(work.size, -1)[last, : traced.size].copy()
        history = History(costs, seconds, rates_of(rate, max(epoch, 1))[traced])
        return DivergenceError(
            f"all {work.size} members diverged, the last of them in epoch {epoch} of "
            f"{work.options.epochs}. Try a smaller learning_rate, or scaled inputs",
            epoch,
            history,
        )


def _options(given: dict[str, Any], choice: Choice, network: Network) -> Options:
    """The options of one choice; an error says which it is."""
    own = {name: value for name, value in choice.items() if name not in ARCHITECTURE}
    merged = {**given, **own}
    try:
        graph = network.architecture.graph
        merged["dropout"] = dropout_probabilities(merged.get("dropout"), graph) or None
        return Options(**merged)
    except (TypeError, ValueError) as error:
        if not own:
            raise
        raise type(error)(f"{error} (in the grid, with {own})") from None


def _architecture(network: Network) -> dict[str, Any]:
    """The arguments of `Network` that give one like this."""
    trained = network.descent_architecture(None)
    given = {"sizes": trained} if trained.training else network.architecture.arguments()
    return {**given, "dtype": network.dtype}
