"""Which entries of each sparse example are of which part of W, for `entry_sums`."""

from __future__ import annotations

from ..compile.jit import Integers, Vector, entry
from ..compile.memory import indices_at
from ..layers.sparse import COLUMN_BYTES, RECORD, entries_of


@entry
def find_splits(splits: Integers, records: Vector, columns: int, bounds: Integers) -> None:
    """splits (n, parts + 1) ← the entries at which the parts of W begin in each example, and end.

    records (n, RECORD) are the examples; entries are counted from the address `columns` on. bounds
    (parts + 1,) are the features at which the parts begin, and end: from 0 to all of them.
    """
    last = bounds.size - 1
    for s in range(records.size // RECORD):
        entries = entries_of(records, s * RECORD, 1)
        begin = (entries.columns - columns) // COLUMN_BYTES
        own = indices_at(entries.columns, entries.size)
        splits[s * bounds.size] = begin
        splits[s * bounds.size + last] = begin + entries.size
        low = 0
        for part in range(1, last):
            high = entries.size
            while low < high:
                middle = (low + high) // 2
                if int(own[middle]) < bounds[part]:
                    low = middle + 1
                else:
                    high = middle
            splits[s * bounds.size + part] = begin + low
