"""What a descent asks of data that it does not hold: rows in numbered parts."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np


class Rows(NamedTuple):
    """The rows of one part, as the user's data has them; the descent checks and converts them.

    X is (n, …), y (n,) or (n, d_L), weights (n,) or None: every row counts 1.
    """

    X: Any
    y: Any
    weights: Any = None


class Source(ABC):
    """Rows in parts, always in the same order; one class for each place that they can lie in.

    Parts are read by a thread of the descent, one at a time. A source that can be pickled can be
    read by other processes too.

    Attributes
    ----------
    name : str
        For messages, as ``"rows.parquet"``.
    parts : tuple of int
        The rows of each part.
    weighted : bool
        Whether the rows have weights.
    any_order : bool
        Whether parts can be read in any order, and so be shuffled.
    columns : tuple of str or None
        The names of X's columns.

    Examples
    --------
    A source of one's own, of squares that are computed when they are wanted:

    >>> import numpy as np, nnlib
    >>> class Squares(nnlib.data.Source):
    ...     name, parts = "squares", (100, 100)
    ...     def read(self, part):
    ...         x = np.linspace(part, part + 1, 100)
    ...         return nnlib.data.Rows(x, x**2)
    ...     def identity(self):
    ...         return "squares of 0 to 2"
    >>> net = nnlib.Network([1, 8, 1], ["tanh", "identity"], seed=0)
    >>> net.descent(Squares(), batch_size=20, epochs=5).epochs
    5
    """

    name: str = "data"
    parts: tuple[int, ...]
    weighted: bool = False
    any_order: bool = True
    columns: tuple[str, ...] | None = None

    @abstractmethod
    def read(self, part: int) -> Rows:
        """The rows of a part.

        Raises
        ------
        OSError, ValueError
            If they cannot be read.
        """

    @abstractmethod
    def identity(self) -> str:
        """A text by which a checkpoint knows the data again; another for other data."""

    @property
    def rows(self) -> int:
        """The rows of all parts."""
        return sum(self.parts)

    def walk(self, order: Sequence[int]) -> Iterator[Rows]:
        """The parts of these numbers, one after the other; ascending where `any_order` is False."""
        for part in order:
            yield self.read(part)

    def targets(self) -> Iterator[Any]:
        """The y of every part, for what a descent has to know of all rows."""
        for rows in self.walk(range(len(self.parts))):
            yield rows.y

    def weights(self) -> Iterator[Any]:
        """The weights of every part; of a source that is `weighted`."""
        for rows in self.walk(range(len(self.parts))):
            yield rows.weights


def equal_parts(rows: int, part_rows: int) -> tuple[int, ...]:
    """Parts of so many rows, the last of what is left.

    >>> equal_parts(10, 4)
    (4, 4, 2)
    """
    starts = range(0, rows, part_rows)
    return tuple(min(part_rows, rows - start) for start in starts)


def described_parts(parts: Sequence[int]) -> str:
    """How rows are cut in parts, short: the beginning of an `identity`.

    >>> described_parts((4, 4, 2))
    '10 rows in 3 parts (crc f8dcbb71)'
    """
    crc = zlib.crc32(str(tuple(parts)).encode())
    return f"{sum(parts)} rows in {len(parts)} parts (crc {crc:08x})"


def starts_of(parts: Sequence[int]) -> list[int]:
    """The first row of each part.

    >>> starts_of((4, 4, 2))
    [0, 4, 8]
    """
    return [int(start) for start in np.cumsum([0, *parts[:-1]])]
