"""The plan of `train_many` with groups: every member trains on the rows of its group alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks.examples import Examples, counted, joined
from ..checks.sparse import Records
from ..checks.splits import is_split_off
from ..checks.values import shown, whole_number
from ..model.positions import counted_rows, rows_at_positions
from ..model.target_range import warn_of_targets
from ..model.task import task_of
from ..model.whole_batches import check_batches
from ..network_training import GivenExamples, given_examples, split, with_class_weights
from ..optimizers import FullBatch
from .grouping import Grouping, SkippedGroup, read_groups, rows_of_groups
from .plan import Plan
from .result import Population
from .sweep import Choice
from .template import Template
from .window_scratch import kinds_of_cuts
from .windows import Windows
from .work import Group, Work

Array = NDArray[Any]

Sides = tuple[Examples, Examples | None]


class GroupedPlan(Plan):
    """What is to be trained: choices × seeds × groups.

    Parameters
    ----------
    template, choices, options
        As for `Plan`.
    groups : array_like, shape (n_examples,)
    min_rows : int or None
        Groups of fewer rows are skipped; None: of a single one.
    """

    def __init__(
        self,
        template: Template,
        choices: list[Choice],
        options: dict[str, Any],
        groups: Any,
        min_rows: Any,
    ) -> None:
        super().__init__(template, choices, options)
        self._key = groups
        self._min_rows = 2 if min_rows is None else whole_number("min_rows", min_rows, 1)
        validation = self._options[0].validation
        if validation is not None and not is_split_off(validation):
            raise ValueError(
                "groups and validation examples contradict each other: give a fraction or "
                "'last 20%', which is split off from the rows of each group"
            )

    def take_examples(self, X: Any, y: Any, sample_weight: Any, seed: int) -> None:
        """The rows of each group, and the validation part that is split off from them."""
        if np.ndim(sample_weight) == 2:
            raise ValueError(
                "groups and sample_weight with a row per member contradict each other: give a "
                "weight for each example"
            )
        network, options = self._networks[0], copy(self._options[0])
        options.seed, class_weight = seed, options.class_weight
        options.class_weight = None  # counted in each group
        given = given_examples(network, X, y, sample_weight, options)
        if isinstance(given.X, Records):
            raise TypeError("groups and sparse X contradict each other: give X.toarray()")
        options.class_weight = class_weight
        self._known = given.known
        numbers, names = read_groups(self._key, len(given.X))
        kept, sides, skipped = [], [], []
        for number, rows in enumerate(rows_of_groups(numbers, len(names))):
            try:
                sides.append(self._sides(given, rows, options))
                kept.append(number)
            except ValueError as error:
                skipped.append(SkippedGroup(names[number].item(), len(rows), str(error)))
        if not kept:
            # What refuses all rows together is an option, not the rows of a group.
            self._split(given, options)
        self._grouping = Grouping(names[kept], tuple(skipped))
        self._report_skipped(len(names))
        self._take_sides(sides)
        self._take_batch_sizes()

    def take_weights(self, sample_weight: Any, folds: Any, bootstrap: Any, seed: int) -> None:
        """What members do not share is their rows, as `take_examples` has them."""
        given = {"folds": folds is not None, "bootstrap": bool(bootstrap)}
        for name in (name for name, here in given.items() if here):
            raise ValueError(
                f"groups and {name} contradict each other: each says what a member trains with"
            )
        n, dtype = len(self._examples.X), self._examples.y.dtype
        self._weights = self._held_out = np.empty((0, n), dtype)
        self._fold_count, self._folds = len(self._grouping.names), None

    def work(self, points: int, halving: Any) -> Work:
        """The arrays for an engine, with the rows of each member."""
        if halving is not None:
            raise ValueError(
                "groups and halving contradict each other: costs of different rows say nothing "
                "of the members; leave one of them out"
            )
        work = super().work(points, None)
        work.windows = self._windows(np.arange(work.size) % self._fold_count)
        return work

    def population(self, work: Work, seconds: float, compile_seconds: float) -> Population:
        """What came of it, with the group of each member."""
        found = super().population(work, seconds, compile_seconds)
        # Where there is one group alone, there are no places of folds.
        group = np.zeros(len(found), np.int64) if found.fold is None else found.fold
        assert found.recipe is not None
        recipe = found.recipe._replace(windows=self._windows(np.empty(0, np.int64)))
        return replace(found, fold=None, group=group, grouping=self._grouping, recipe=recipe)

    def _windows(self, of_member: Array) -> Windows:
        """The rows of each group, a window each."""
        return Windows(self._count, self._held_count, of_member)

    def _sides(self, given: GivenExamples, rows: Array, options: Any) -> Sides:
        """Training and validation examples of a group; `ValueError` says why it is skipped."""
        network, n = self._networks[0], len(rows)
        if n < self._min_rows:
            raise ValueError(f"{_counted(n)}, wanted at least {self._min_rows}")
        weights = given.weights[rows] if given.weights.size else given.weights
        own = replace(given, X=given.X[rows], y=given.y[rows], weights=weights)
        train, held_out = self._split(own, options)
        train = counted(train)
        self._check_classes(train)
        for network, choice in zip(self._networks, self._options, strict=True):
            size = choice.batch_size
            check_batches(network, train.X, size if isinstance(size, int) else None)
        return train, held_out

    def _split(self, given: GivenExamples, options: Any) -> Sides:
        """Training and validation examples of the given ones, with the weights of classes."""
        network = self._networks[0]
        return split(network, with_class_weights(network, given, options), options)

    def _check_classes(self, train: Examples) -> None:
        """Refuse training rows that are all of one class."""
        own = self._networks[0].architecture
        task = task_of(own)
        if task is None or not task.classes:
            return
        rows = rows_at_positions(train.y, task.width, counted_rows(own, train.X))
        numbers = task.at_a_position.numbers_of_targets(rows)
        if numbers.size and (numbers == numbers[0]).all():
            labels = task.labels() if self._known.classes is None else self._known.classes.tolist()
            label = labels[int(numbers[0])]
            raise ValueError(f"all rows to train with are of the class {shown(label)}")

    def _report_skipped(self, groups: int) -> None:
        """One warning for all groups that are skipped; an error if none is left."""
        skipped = self._grouping.skipped
        if not skipped:
            return
        first = skipped[0]
        example = f"group {shown(first.group)}: {first.reason}"
        if not len(self._grouping.names):
            raise ValueError(f"groups leave nothing to train: all {groups} are skipped. {example}")
        warnings.warn(
            f"{len(skipped)} of {groups} groups are skipped, see Population.skipped; {example}",
            stacklevel=4,
        )

    def _take_sides(self, sides: list[Sides]) -> None:
        """The examples of all groups, one group after the other."""
        train = [own for own, _ in sides]
        held_out = [own for _, own in sides if own is not None]
        self._count = np.array([len(own.X) for own in train])
        self._held_count = np.array([len(own.X) for own in held_out], np.int64)
        self._train = joined(train)
        self._validation = joined(held_out) if held_out else None
        self._data = self._train.X, self._train.y
        for one in {own.activations[-1]: own for own in reversed(self._networks)}.values():
            warn_of_targets(one.architecture.reading(self._train.X), self._train.y, stacklevel=4)

    def _take_batch_sizes(self) -> None:
        """Sizes of at most the largest group; smaller groups are one batch."""
        for own in self._options:
            if own.batch_size is not None:
                own.batch_size = whole_number(
                    "batch_size", own.batch_size, 1, int(self._count.max())
                )

    def _groups(self, counts: tuple[int, int, int]) -> list[Group]:
        """Members by what only one compiled call can share: also the cut of their rows."""
        return [part for group in super()._groups(counts) for part in self._by_cut(group)]

    def _by_cut(self, group: Group) -> Iterator[Group]:
        if isinstance(group.options.optimizer, FullBatch):
            yield group
            return
        sizes, place = np.unique(self._count[group.jobs % self._fold_count], return_inverse=True)
        same: dict[Any, list[int]] = {}
        kinds = kinds_of_cuts(self._examples, group.network, group.options, sizes)
        for number, kind in enumerate(kinds):
            same.setdefault(kind, []).append(number)
        for numbers in same.values():
            yield replace(group, jobs=group.jobs[np.isin(place.reshape(-1), numbers)])


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"
