"""Sums over shards, added up in pairs: neighbours first, then neighbouring pairs, and so on.

The tree stands over the numbers of the shards. Whoever adds up the two halves of a node gets the
same bits: so a worker that has neighbouring shards adds up what it can, and sends less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Sum(NamedTuple):
    """Σ J over some rows, and its gradient."""

    cost: float
    gradient: Array

    def plus(self, other: Sum) -> Sum:
        """The sum of both; this one's gradient is written, unless it lies in memory of Ray's.

        >>> import numpy as np
        >>> Sum(1.0, np.array([1.0, 2.0])).plus(Sum(2.0, np.array([3.0, 4.0])))
        Sum(cost=3.0, gradient=array([4., 6.]))
        """
        own = self.gradient if self.gradient.flags.writeable else None
        return Sum(self.cost + other.cost, np.add(self.gradient, other.gradient, out=own))


class Node(NamedTuple):
    """A node of the tree: of the shards from number · 2^level on, 2^level or as many as there are.

    Level 0 is a shard itself.
    """

    level: int
    number: int

    @property
    def first(self) -> int:
        """The number of its first shard."""
        return self.number << self.level

    @property
    def halves(self) -> tuple[Node, Node]:
        """The nodes below."""
        return Node(self.level - 1, 2 * self.number), Node(self.level - 1, 2 * self.number + 1)


def root(count: int) -> Node:
    """The node of all shards.

    >>> root(1), root(5)
    (Node(level=0, number=0), Node(level=3, number=0))
    """
    return Node((count - 1).bit_length(), 0)


def nodes_within(shards: range, count: int) -> list[Node]:
    """The fewest nodes that have just these of `count` neighbouring shards.

    >>> nodes_within(range(0, 3), 8)
    [Node(level=1, number=0), Node(level=0, number=2)]
    >>> nodes_within(range(4, 6), 6)
    [Node(level=2, number=1)]
    """

    def below(node: Node) -> list[Node]:
        first, end = node.first, min(node.first + (1 << node.level), count)
        if first >= shards.stop or end <= shards.start or first >= count:
            return []
        if shards.start <= first and end <= shards.stop:
            return [node]
        return [found for half in node.halves for found in below(half)]

    return below(root(count))


def sum_of(node: Node, count: int, known: Callable[[Node], Sum | None]) -> Sum:
    """The sum of a node, where it is known; else of its halves. Gradients may be written.

    count is how many shards there are, of each of which the sum is known.

    >>> import numpy as np
    >>> def of_shard(node):
    ...     return Sum(float(node.number), np.ones(1)) if node.level == 0 else None
    >>> sum_of(root(3), 3, of_shard)
    Sum(cost=3.0, gradient=array([3.]))
    """
    found = known(node)
    if found is not None:
        return found
    one, other = node.halves
    total = sum_of(one, count, known)
    return total if other.first >= count else total.plus(sum_of(other, count, known))
