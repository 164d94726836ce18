"""How often each n-gram stands in each text, counted in one pass over the texts."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .words import Lengths, ngrams

# The numbers of the n-grams of a text, from 1; 0 is one that does not count.
Numbering = Callable[[list[str]], list[int]]


class Counts(NamedTuple):
    """The counts of n texts as the rows of a sparse matrix (CSR), columns in rising order.

    Row i has the entries from ends[i] to ends[i + 1]: n-gram columns[k], from 0, comes values[k]
    times. ends is (n + 1,), columns and values are (entries,).
    """

    ends: NDArray[np.int64]
    columns: NDArray[np.intc]
    values: NDArray[np.float64]

    @property
    def rows(self) -> NDArray[np.intp]:
        """The row of each entry, shape (entries,)."""
        return np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends))


def counted(texts: Iterable[str], lengths: Lengths, numbers: Numbering) -> Counts:
    """The counts of the n-grams of each text.

    Parameters
    ----------
    texts : iterable of str
        Each is taken once, and not kept.
    lengths : Lengths
    numbers : function

    Examples
    --------
    >>> known = {"bon": 1, "film": 2}
    >>> counts = counted(
    ...     ["un film", "bon, bon film"], Lengths(1, 1),
    ...     lambda found: [known.get(word, 0) for word in found],
    ... )
    >>> counts.ends.tolist(), counts.columns.tolist(), counts.values.tolist()
    ([0, 1, 3], [1, 0, 1], [1.0, 2.0, 1.0])
    """
    # These grow in place: lists of arrays would be held beside their concatenation.
    ends, columns, values = array("q", [0]), array("i"), array("d")
    for text in texts:
        found = np.array(numbers(ngrams(text, lengths)), dtype=np.intc)
        present, times = np.unique(found, return_counts=True)
        known = int(present.size > 0 and present[0] == 0)
        columns.frombytes((present[known:] - np.intc(1)).tobytes())
        values.frombytes(times[known:].astype(np.float64).tobytes())
        ends.append(len(columns))
    return Counts(
        np.frombuffer(ends, np.int64),
        np.frombuffer(columns, np.intc),
        np.frombuffer(values, np.float64),
    )


def renumbered(counts: Counts, chosen: NDArray[np.intp]) -> Counts:
    """The counts of the chosen columns alone; chosen[i], each once, becomes column i.

    Examples
    --------
    >>> counts = Counts(np.array([0, 3]), np.array([0, 1, 2], np.intc), np.array([5.0, 6.0, 7.0]))
    >>> renumbered(counts, np.array([2, 0])).columns, renumbered(counts, np.array([2, 0])).values
    (array([0, 1], dtype=int32), array([7., 5.]))
    """
    most = max(int(chosen.max()), int(counts.columns.max())) + 1
    column_of = np.full(most, -1, np.intc)
    column_of[chosen] = np.arange(len(chosen))
    columns = column_of[counts.columns]
    kept = np.flatnonzero(columns >= 0)
    ends = np.searchsorted(kept, counts.ends)
    columns, values = columns[kept], counts.values[kept]
    # Columns of a row in rising order again.
    place = np.repeat(np.arange(len(ends) - 1), np.diff(ends)) * len(chosen) + columns
    order = np.argsort(place)
    return Counts(ends, columns[order], values[order])


class Everything:
    """A numbering of all n-grams that come, from 1 in the order in which they come first.

    Examples
    --------
    >>> numbering = Everything()
    >>> numbering(["bon", "film", "bon"]), list(numbering.ngrams)
    ([1, 2, 1], ['bon', 'film'])
    """

    def __init__(self) -> None:
        self.ngrams: defaultdict[str, int] = defaultdict(count(1).__next__)

    def __call__(self, found: list[str]) -> list[int]:
        return list(map(self.ngrams.__getitem__, found))
