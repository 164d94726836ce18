"""Ensembles of which each member belongs to a group of examples, as of one customer or shop."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks.array_like import as_array
from ..checks.feature_names import check_feature_names
from ..checks.values import shown
from ..model.ports import input_rows
from ..model.prediction import predicted
from ..model.sequence_rows import comes_by_port, wrapped
from ..model.task import task_of
from ..network import Network
from .ensemble import Ensemble
from .grouping import Grouping, read_groups, rows_of_groups

Array = NDArray[Any]


class GroupEnsemble(Ensemble):
    """What a `Population` has where it was trained with groups: networks by the names of these."""

    group: Array | None
    grouping: Grouping | None
    feature_names: tuple[str, ...] | None

    @abstractmethod
    def __getitem__(self, member: Any) -> Any: ...

    @property
    def groups(self) -> Array | None:
        """The name of each member's group, shape (n,); None without groups."""
        return None if self.grouping is None else self.grouping.names[self.group]

    @property
    def skipped(self) -> Any:
        """A pandas DataFrame of the groups that were not trained: group, rows, reason.

        Raises
        ------
        ImportError
            If pandas is missing.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("skipped needs pandas: pip install pandas") from None
        rows = () if self.grouping is None else self.grouping.skipped
        return pandas.DataFrame(list(rows), columns=["group", "rows", "reason"])

    def of_group(self, name: Any) -> Network:
        """The network of a group; of several, with more seeds or choices, the best.

        ``population["shop 17"]`` is the same where names are text; a number in brackets counts
        members.

        Raises
        ------
        TypeError, ValueError
            If there is no such group, and if it was skipped; the near name is told.

        Examples
        --------
        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> shops = [f"shop {i % 3}" for i in range(len(X))]
        >>> population = nnlib.train_many([1, 2, 1], X, y, groups=shops, epochs=10)
        >>> population["shop 2"].predict([0.5]).shape
        (1,)
        """
        network: Network = self[int(self._best_of([name])[0])]
        return network

    def of_groups(self, names: Sequence[Any] | Array) -> Array:
        """The members of these groups, one group after the other.

        Raises
        ------
        TypeError, ValueError
            As `of_group`, and if a group is named twice.

        Examples
        --------
        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> key = np.arange(len(X)) % 3
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=2, groups=key, epochs=10)
        >>> population.of_groups([2, 0])
        array([2, 5, 0, 3])
        """
        assert self.group is not None
        numbers = self._grouped("of_groups").numbers(names)
        return np.concatenate([np.flatnonzero(self.group == number) for number in numbers])

    def predict_groups(
        self,
        X: Any,
        groups: Any,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """What the network of each example's group predicts of it, see `Network.predict`.

        Parameters
        ----------
        X, lengths, mask
            As for `Network.predict`, for n examples.
        groups : array_like, shape (n,)
            The group of each example.

        Returns
        -------
        ndarray, shape (n,) or (n, d_L), or with the axes of the positions behind n

        Raises
        ------
        TypeError, ValueError
            As `Network.predict` and `of_group`.

        Examples
        --------
        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> key = np.arange(len(X)) % 3
        >>> population = nnlib.train_many([1, 2, 1], X, y, groups=key, epochs=10)
        >>> both = population.predict_groups([[0.5], [0.5]], [2, 0])
        >>> bool(both[0] == population.of_group(2).predict([0.5])[0])
        True
        """
        self._grouped("predict_groups")
        if self.feature_names is not None:
            check_feature_names("X", X, self.feature_names)
        if not len(self):
            raise ValueError("predict_groups: this part of the population has no members")
        rows, predict = self._rows_to_predict(wrapped(X, lengths, mask))
        numbers, names = read_groups(groups, len(rows) if rows.ndim else 1)
        members = self._best_of(names.tolist())
        order = rows_of_groups(numbers, len(names))
        found = [
            predict(network, rows[own])
            for network, own in zip(self._networks(members), order, strict=True)
        ]
        joined = np.concatenate(found)
        result = np.empty_like(joined)
        result[np.concatenate(order)] = joined
        return result

    def _rows_to_predict(self, X: Any) -> tuple[Array, Callable[[Network, Array], Array]]:
        """X with a row for each example, and what predicts some of them."""
        like = next(self._networks(np.zeros(1, np.intp)))
        own, classes = like.architecture, self.classes
        task = task_of(own)
        if task is None or not comes_by_port(own, X):
            return as_array("X", X), Network.predict
        return input_rows(own, X, like.dtype), lambda network, rows: predicted(
            task, classes, network.outputs_of(rows)
        )

    def predict(
        self, X: Any, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> tuple[Any, Any]:
        """As `Ensemble.predict`, of members of one group."""
        self._check_one_group("predict")
        return super().predict(X, lengths, mask)

    def quantile(
        self,
        X: Any,
        q: ArrayLike,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """As `Ensemble.quantile`, of members of one group."""
        self._check_one_group("quantile")
        return super().quantile(X, q, lengths, mask)

    def _best_of(self, names: Sequence[Any]) -> Array:
        """The best member of each of these groups."""
        numbers, group = self._grouped("of_group").numbers(names), self.group
        assert self.grouping is not None
        assert group is not None
        several = len(group) > 0 and np.bincount(group).max() > 1
        last_first = (self.order if several else np.arange(len(self)))[::-1]
        best = np.full(len(self.grouping.names), -1)
        best[group[last_first]] = last_first  # what is written last, stays
        for number in numbers[best[numbers] < 0]:
            name = shown(self.grouping.names[number].item())
            raise ValueError(f"group {name} has no member in this part of the population")
        return best[numbers]

    def _grouped(self, what: str) -> Grouping:
        """The groups; `ValueError` without some."""
        if self.grouping is None:
            raise ValueError(f"{what} needs groups: give them to train_many")
        return self.grouping

    def _check_one_group(self, what: str) -> None:
        """Refuse to mix the predictions of networks for different groups."""
        if self.group is not None and len(np.unique(self.group)) > 1:
            raise ValueError(
                f"{what}: the members are of different groups: take those of one, "
                "population[population.of_groups([name])], or call predict_groups"
            )
