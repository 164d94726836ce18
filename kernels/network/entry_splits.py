"""Which entries of each sparse example are of which part of W, for steps by row (`lazy_rows`)."""

from __future__ import annotations

from ..compile.jit import Integers, Vector, entry
from ..compile.memory import indices_at
from ..layers.sparse import COLUMN_BYTES, RECORD, entries_of


@entry
def find_splits(
    splits: Integers, records: Vector, columns: int, part_features: int, parts: int
) -> None:
    """splits (n, parts + 1) ← the entries at which the parts of W begin in each example, and end.

    records (n, RECORD) are the examples; entries are counted from the address `columns` on.
    """
    for s in range(records.size // RECORD):
        entries = entries_of(records, s * RECORD, 1)
        begin = (entries.columns - columns) // COLUMN_BYTES
        own = indices_at(entries.columns, entries.size)
        for part in range(parts + 1):
            low, high = 0, entries.size
            while low < high:
                middle = (low + high) // 2
                if int(own[middle]) < part * part_features:
                    low = middle + 1
                else:
                    high = middle
            splits[s * (parts + 1) + part] = begin + (low if part < parts else entries.size)
