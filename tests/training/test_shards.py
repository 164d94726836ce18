"""The cut of a source into shards, and what each gives to a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlib.training.shards import LEAST_SHARE, MOST_SHARDS, most_shards, shards_of, taken_of_shards

pytestmark = pytest.mark.cpu("host")

PARTS = st.lists(st.integers(1, 1000), min_size=1, max_size=300)


@given(PARTS, st.integers(1, MOST_SHARDS))
def test_every_part_is_in_one_shard_and_no_shard_is_small(parts, most):
    shards = shards_of(parts, most)
    assert [part for shard in shards for part in shard] == list(range(len(parts)))
    assert 1 <= len(shards) <= most
    for shard in shards:
        assert 2 * sum(parts[part] for part in shard) * most >= sum(parts)


@given(PARTS, st.integers(1, 5000))
def test_batches_have_their_size_and_shares_of_every_shard(parts, batch_size):
    n = sum(parts)
    size = min(batch_size, n)
    rows = [sum(parts[part] for part in own) for own in shards_of(parts, most_shards(size))]
    ends = [min(first + size, n) for first in range(0, n, size)]
    taken = np.array([[0] * len(rows), *(taken_of_shards(rows, end) for end in ends)])
    shares = np.diff(taken, axis=0)
    assert shares.sum(axis=1).tolist() == np.diff([0, *ends]).tolist()
    assert taken[-1].tolist() == rows
    # A full batch has rows of every shard, as many as the shard's part of all rows but for two.
    exact = size * np.array(rows) / n
    assert (np.abs(shares[: n // size] - exact) < 2).all()
    if len(rows) > 1:
        assert shares[: n // size].min() >= LEAST_SHARE // 2 - 2
    assert shares.min() >= 0
