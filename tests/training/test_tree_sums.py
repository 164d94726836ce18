"""Sums in pairs: the same bits for any way to share out the shards."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlib.training.tree_sums import Node, Sum, nodes_within, root, sum_of

pytestmark = pytest.mark.cpu("host")

VALUES = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)


def of_shard(node):
    """The sum of a shard."""
    if node.level:
        return None
    return Sum(float(VALUES[node.number].sum()), VALUES[node.number].copy())


@given(st.integers(1, 64), st.lists(st.integers(0, 64), max_size=6))
def test_any_shares_give_the_same_bits(count, borders):
    whole = sum_of(root(count), count, of_shard)
    np.testing.assert_allclose(whole.gradient, VALUES[:count].sum(0), rtol=1e-4, atol=1e-5)
    ends = sorted({0, count, *(border for border in borders if border < count)})
    found = {}
    for first, end in pairwise(ends):
        for node in nodes_within(range(first, end), count):
            own = sum_of(node, count, of_shard)
            own.gradient.flags.writeable = False  # as Ray's
            found[node] = own
    again = sum_of(root(count), count, found.get)
    assert again.cost == whole.cost
    assert np.array_equal(again.gradient, whole.gradient)


def test_a_worker_sends_few_nodes():
    assert nodes_within(range(32, 64), 64) == [Node(5, 1)]
    assert nodes_within(range(64), 64) == [root(64)]
    assert max(len(nodes_within(range(first, 64), 64)) for first in range(64)) == 6
    assert nodes_within(range(5), 5) == [root(5)]
