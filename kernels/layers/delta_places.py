"""Where the δ of each value lies in a descent: those that are not wanted together share memory.

On the way back a value's δ is wanted from the first of its readers, which writes it, to the row
that made the value: that of two or three values at a time, however deep the network is. Few places
stay in a cache. One for each value would come from memory, only to be written.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Vector
from .operations import ADDS, COLUMNS, DELTA_IN, DELTA_OUT, EMBEDDING, SPARSE, Row, rows_of


class _Span(NamedTuple):
    """Units of the deltas."""

    first: int
    end: int


class _Places(NamedTuple):
    """A row's three columns."""

    delta_out: int
    delta_in: int
    adds: int


def with_shared_deltas(table: Vector) -> Vector:
    """The table with a place for each δ for as long as that is wanted.

    It comes back as it is where a step wants a δ after the pass, or where a δ is 0 because nobody
    gives one; and where δ share memory already.
    """
    rows = rows_of(table)
    if any(row.in_step or row.kind in (SPARSE, EMBEDDING) for row in rows):
        return table
    if any(row.delta_out != row.output for row in rows):
        return table
    plan = _Plan(rows)
    places = [plan.row(number) for number in range(len(rows) - 1, -1, -1)]
    if None in places:
        return table
    shared = table.copy()
    shared.reshape(-1, COLUMNS)[::-1, [DELTA_OUT, DELTA_IN, ADDS]] = places
    return shared


class _Plan:
    """Who has which units, while the rows are gone through from the last one to the first."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._makers = {row.output: number for number, row in reversed([*enumerate(rows)])}
        self._wanted: dict[int, _Span] = {}  # by a value's first unit, or −1 for a row's own δ_in
        for row in rows:
            if row.loss >= 0:
                self._place(row.output, row.d_out)

    def row(self, number: int) -> _Places | None:
        """The places of a row; None if the row wants a δ that nobody gives."""
        row = self._rows[number]
        passes_on = row.delta_in >= 0 and (row.delta_in == row.source or row.adds >= 0)
        if row.output not in self._wanted and (row.learns or passes_on):
            return None
        delta_out = self._place(row.output, row.d_out)
        delta_in = adds = -1
        if row.adds >= 0:
            delta_in, adds = self._place(-1, row.d_in), self._place(row.adds, row.d_in)
        elif row.delta_in >= 0:
            delta_in = self._place(row.source if row.delta_in == row.source else -1, row.d_in)
        self._wanted.pop(-1, None)
        if self._makers[row.output] == number:
            del self._wanted[row.output]
        return _Places(delta_out, delta_in, adds)

    def _place(self, value: int, units: int) -> int:
        """Where a value's δ lies: the first units that are free, if it had no place before."""
        if value not in self._wanted:
            first = 0
            for span in sorted(self._wanted.values()):
                if first + units <= span.first:
                    break
                first = max(first, span.end)
            self._wanted[value] = _Span(first, first + units)
        return self._wanted[value].first
