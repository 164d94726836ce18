"""How the members of a population are compared: by their scores, folds by the mean of theirs.

A score is infinite where a member diverged, and NaN where nothing was held out that could tell.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Ranking(NamedTuple):
    """A metric by which members are compared in place of their costs.

    sign is 1 where less of it is better, −1 where more is.
    """

    metric: str
    sign: float


def ranked(scores: Array, diverged: Array) -> Array:
    """The scores by which members are compared: infinite for all that diverged.

    A member that diverged may have a finite score, the lowest validation cost before that.

    >>> ranked(np.array([1.0, 2.0]), np.array([True, False]))
    array([inf,  2.])
    """
    return np.where(diverged, np.inf, scores)


def group_means(scores: Array, groups: Array) -> Array:
    """The mean score of each group 0, 1, …, without those that are NaN; infinite if all are.

    >>> group_means(np.array([1.0, 3.0, np.nan, 5.0, np.nan]), np.array([0, 0, 1, 1, 2]))
    array([ 2.,  5., inf])
    """
    known = ~np.isnan(scores)
    size = int(groups.max(initial=-1)) + 1
    count = np.bincount(groups[known], minlength=size)
    total = np.bincount(groups[known], scores[known], minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), np.inf)


def best_first(scores: Array) -> NDArray[np.intp]:
    """Members from the lowest score to the highest, equal ones as they come.

    >>> best_first(np.array([np.nan, 2.0, np.inf, 1.0]))
    array([3, 1, 0, 2])
    """
    return np.argsort(np.where(np.isnan(scores), np.inf, scores), kind="stable")


def best_folds_first(scores: Array, choice: Array, seed: Array) -> NDArray[np.intp]:
    """The same for members with folds, whose scores are of different examples.

    Choices come in the order of their mean scores, and the starts of one choice in the order of
    theirs. The folds of one start come by their distance from its mean. The lowest fold may only
    have had easy examples; the mean describes the nearest fold best.

    >>> scores, choice = np.array([1.0, 9.0, 8.0, 3.0, 4.0, 2.0]), np.array([0, 0, 0, 1, 1, 1])
    >>> best_folds_first(scores, choice, np.zeros(6))
    array([3, 4, 5, 2, 1, 0])
    """
    start = _numbered(choice) * len(seed) + _numbered(seed)
    start = _numbered(start)
    of_choice = group_means(scores, choice)[choice]
    of_start = group_means(scores, start)[start]
    with np.errstate(invalid="ignore"):  # infinite from infinite
        distance = abs(scores - of_start)
    distance[np.isnan(distance)] = np.inf
    return np.lexsort((distance, start, of_start, choice, of_choice))


def _numbered(values: Array) -> Array:
    """Equal values as equal numbers 0, 1, …; a seed that is not known is like no other."""
    if values.dtype == object:
        values = np.array([-1 if value is None else value for value in values])
    return np.unique(values, return_inverse=True)[1].reshape(-1)
