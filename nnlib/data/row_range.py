"""Some rows of a source as a source: the first ones to train with, the last ones to validate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .source import Rows, Source, starts_of


class RowRange(Source):
    """The rows from one to another of a source; parts on the border are cut.

    Parameters
    ----------
    source : Source
    start, stop : int
        The first row, and the first that no longer belongs to it; at least one row.

    Examples
    --------
    >>> import nnlib
    >>> data = nnlib.data.arrays([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], part_rows=2)
    >>> last = RowRange(data, 3, 5)
    >>> last.parts, [rows.y.tolist() for rows in last.walk([0, 1])]
    ((1, 1), [[4], [5]])
    """

    def __init__(self, source: Source, start: int, stop: int) -> None:
        self._source, self._range = source, range(start, stop)
        self._cuts: dict[int, slice] = {}  # of the source's parts
        for part, (first, size) in enumerate(
            zip(starts_of(source.parts), source.parts, strict=True)
        ):
            own = slice(max(start - first, 0), min(stop - first, size))
            if own.start < own.stop:
                self._cuts[part] = own
        self._places = list(self._cuts)
        self.parts = tuple(own.stop - own.start for own in self._cuts.values())
        self.name = f"rows {start} to {stop - 1} of {source.name}"
        self.weighted, self.any_order = source.weighted, source.any_order
        self.columns = source.columns

    def read(self, part: int) -> Rows:
        """The rows of a part that belong to the range."""
        return next(self.walk([part]))

    def walk(self, order: Sequence[int]) -> Iterator[Rows]:
        """The parts of these numbers, cut."""
        places = [self._places[part] for part in order]
        for place, rows in zip(places, self._source.walk(places), strict=True):
            own = self._cuts[place]
            weights = None if rows.weights is None else rows.weights[own]
            yield Rows(rows.X[own], rows.y[own], weights)

    def targets(self) -> Iterator[Any]:
        """The y of every part, cut."""
        return self._cut(self._source.targets())

    def weights(self) -> Iterator[Any]:
        """The weights of every part, cut."""
        return self._cut(self._source.weights())

    def identity(self) -> str:
        """That of the source, and which rows."""
        return f"rows {self._range.start} to {self._range.stop - 1} of {self._source.identity()}"

    def _cut(self, values: Iterable[Any]) -> Iterator[Any]:
        """Of values for each of the source's parts those of the range."""
        last = self._places[-1]
        for part, own in enumerate(values):
            if part in self._cuts:
                yield own[self._cuts[part]]
            if part == last:
                return
