"""Ensemble: what the networks of a population predict together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks.memory import check_memory
from ..checks.names import NearNames
from ..checks.values import check_each, flag, numbers, whole_number
from ..model.prediction import predicted
from ..model.sequence_rows import wrapped
from ..model.task import task_of
from ..network import Network
from .outputs import mean_and_spread, stacked

Array = NDArray[Any]


class Ensemble(NearNames):
    """Predictions of a `Population`, which has the members."""

    fold: Array | None
    folds: Array | None
    choices: list[dict[str, Any]]
    choice: Array
    data: tuple[Array, Array]
    classes: Array | None

    @property
    @abstractmethod
    def diverged(self) -> Array:
        """Whose cost stopped being finite."""

    @property
    @abstractmethod
    def order(self) -> Array:
        """Members from the best to the worst."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _networks(self, members: Array) -> Iterator[Network]:
        """These members in turn."""

    def F(self, X: Any, lengths: ArrayLike | None = None, mask: ArrayLike | None = None) -> Any:
        """Outputs of all members, as `Network.F`: shape (n, …), … that of one network's outputs.

        Where networks have several outputs, a list or a dict of such arrays, as F gives them. For
        sequences, lengths and mask are as for `Network.F`, here and below.

        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=3, epochs=10)
        >>> population.F([0.0, 4.0]).shape
        (3, 2)
        """
        return stacked(self.outputs_of_each(X, lengths, mask))

    def outputs_of_each(
        self, X: Any, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> Iterator[Any]:
        """F of each member in turn, so that those of many need no memory together.

        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=3, epochs=10)
        >>> [outputs.shape for outputs in population.outputs_of_each([0.0, 4.0])]
        [(2,), (2,), (2,)]
        """
        X = wrapped(X, lengths, mask)
        return (network.F(X) for network in self._networks(np.arange(len(self))))

    def predict(
        self, X: Any, lengths: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> tuple[Any, Any]:
        """Mean and standard deviation of the members' outputs; diverged members do not count.

        Both have the form of one network's outputs.

        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=3, epochs=10)
        >>> mean, spread = population.predict([0.0, 4.0])
        >>> bool(abs(mean - population.F([0.0, 4.0]).mean(axis=0)).max() < 1e-12)
        True
        """
        X = wrapped(X, lengths, mask)
        networks = self._networks(np.flatnonzero(~self.diverged))
        return mean_and_spread(network.F(X) for network in networks)

    def quantile(
        self,
        X: Any,
        q: ArrayLike,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """Quantiles of the members' outputs at every example; diverged members do not count.

        Parameters
        ----------
        X, lengths, mask
            As for `Network.F`.
        q : float or array_like
            Between 0 and 1.

        Returns
        -------
        ndarray
            The shape of one network's outputs; for several q one such after the other, shape
            (len(q), …). Between two members it is interpolated, as `numpy.quantile` does it.

        Raises
        ------
        TypeError, ValueError
            As `Network.F`, and for other q.

        Examples
        --------
        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=9, epochs=10)
        >>> low, high = population.quantile([0.0, 4.0], [0.1, 0.9])
        >>> bool((low < high).all())
        True
        """
        shares = numbers("q", q, np.dtype(np.float64))
        listed = np.atleast_1d(shares)
        check_each("q", listed, (listed >= 0) & (listed <= 1), "numbers between 0 and 1")
        X, members = wrapped(X, lengths, mask), np.flatnonzero(~self.diverged)
        outputs: list[Array] = []
        for network in self._networks(members):
            outputs.append(np.asarray(network.F(X)))
            if len(outputs) == 1:
                size = len(members) * outputs[0].nbytes
                check_memory(f"the outputs of {len(members)} members", size)
        if not outputs:
            raise ValueError("quantile: all members diverged, or there are none")
        found: Array = np.quantile(np.array(outputs), shares, axis=0)
        return found

    def oof_predict(self, choice: int | None = None, *, outputs: bool = False) -> Array:
        """What the members that were trained without an example predict of it.

        Parameters
        ----------
        choice : int or None
            The number of one of `choices`; None: that of `best`.
        outputs : bool
            Give the mean of F's outputs instead, shape (n_examples, d_L): probabilities, for
            example.

        Returns
        -------
        ndarray, shape (n_examples,)
            As `Network.predict` has them, from the mean of F over the seeds of the choice; members
            that diverged do not count. For several numbers or labels (n_examples, d_L).

        Raises
        ------
        TypeError, ValueError
            Without folds, for a choice that there is not, and where all members that were trained
            without an example diverged.

        Examples
        --------
        >>> import nnlib
        >>> X, y = nnlib.course.exercise_data()
        >>> population = nnlib.train_many([1, 2, 1], X, y, n=2, folds=3, epochs=100)
        >>> population.oof_predict().shape
        (60,)
        """
        if self.folds is None or self.fold is None:
            raise ValueError("oof_predict needs folds: give them to train_many")
        flag("outputs", outputs)
        if choice is None:
            choice = int(self.choice[self.order[0]])
        choice = whole_number("choice", choice, 0, len(self.choices) - 1)
        X, y = self.data
        mean = np.zeros(y.shape)
        for fold in range(int(self.folds.max()) + 1):
            own = (self.fold == fold) & (self.choice == choice) & ~self.diverged
            if not own.any():
                raise ValueError(
                    f"oof_predict: no member without fold {fold} is left, or all of them diverged"
                )
            held_out = np.flatnonzero(self.folds == fold)
            for network in self._networks(np.flatnonzero(own)):
                mean[held_out] += network.outputs_of(X[held_out]) / own.sum()
        task = task_of(network.architecture)
        if outputs or task is None:
            return mean
        return predicted(task, self.classes, mean)
