"""Groups of rows of different sizes, as of shops, each with a function of its own to be learnt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .workload import Array

FEATURES, HIDDEN = 8, 16


class GroupProblem(NamedTuple):
    """Examples and the group of each, in the order of the groups."""

    X: Array  # (n, FEATURES)
    y: Array  # (n,)
    key: Array  # (n,): 0 … groups − 1

    def rows(self, groups: int) -> GroupProblem:
        """The rows of the first groups."""
        own = self.key < groups
        return GroupProblem(self.X[own], self.y[own], self.key[own])


def drawn(groups: int, least: int = 50, most: int = 500) -> GroupProblem:
    """So many groups of `least` to `most` rows: y is a wave along a direction, with noise.

    >>> drawn(3, 5, 5).X.shape
    (15, 8)
    """
    generator = np.random.default_rng(19)
    key = np.repeat(np.arange(groups), generator.integers(least, most + 1, size=groups))
    direction = generator.normal(size=(groups, FEATURES)) / np.sqrt(FEATURES)
    X = generator.normal(size=(len(key), FEATURES))
    wave = np.sin(2 * (X * direction[key]).sum(axis=1))
    return GroupProblem(X, wave + 0.1 * generator.normal(size=len(key)), key)
