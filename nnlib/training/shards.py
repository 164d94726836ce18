"""How the rows of a source are cut into shards, and what every shard gives to a batch.

Both follow from the parts of the source and the size of batches alone: so the sums over a batch
have the same bits for any number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

# A shard is the work of one worker: more of them would keep more workers busy, but each costs a
# gradient to clear and to add.
MOST_SHARDS = 64
# A shard's share of a batch is no smaller, as the products of a pass need rows.
LEAST_SHARE = 128
# How a checkpoint names sums over shards: they are added up as `tree_sums` says.
SUMMED = "in shards, added in pairs"


def shards_of(parts: Sequence[int], most: int = MOST_SHARDS) -> list[range]:
    """The parts of each shard: neighbours whose middles lie in the same of `most` equal lengths.

    parts has the rows of each. A shard of less than half such a length goes with its neighbour.

    >>> shards_of([10, 10, 10]), shards_of([10, 10, 1], most=2), len(shards_of([10] * 1000))
    ([range(0, 1), range(1, 2), range(2, 3)], [range(0, 1), range(1, 3)], 64)
    """
    total, ends = sum(parts), [0, *accumulate(parts)]
    places = [most * (ends[k] + ends[k + 1]) // (2 * total) for k in range(len(parts))]
    starts = [k for k in range(1, len(parts)) if places[k] != places[k - 1]]
    shards: list[range] = []
    for first, end in zip([0, *starts], [*starts, len(parts)], strict=True):
        before = shards[-1] if shards else range(first, first)
        rows = [ends[own.stop] - ends[own.start] for own in (before, range(first, end))]
        if shards and min(rows) * 2 * most < total:
            shards[-1] = range(before.start, end)
        else:
            shards.append(range(first, end))
    return shards


def most_shards(batch_size: int) -> int:
    """How many shards may share batches of so many rows.

    >>> most_shards(4096), most_shards(100)
    (32, 1)
    """
    return max(1, min(MOST_SHARDS, batch_size // LEAST_SHARE))


def taken_of_shards(rows: Sequence[int], taken: int) -> list[int]:
    """How many rows of every shard are among the first so many rows of an epoch.

    rows has the rows of each shard. A shard of n_s of n rows gives n_s · taken / n, rounded so that
    the sum is `taken`. As long as a batch has one row of every shard, no count ever falls.

    >>> taken_of_shards([10, 30, 20], 13)
    [2, 6, 5]
    >>> taken_of_shards([10, 30, 20], 60)
    [10, 30, 20]
    """
    total = sum(rows)
    ends = [end * taken // total for end in accumulate(rows)]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
