"""Which rows of its weights a part of a lazy layer visits in a step, see `lazy_rows`.

A batch is looked through once for its rows: each entry marks its feature, and the marks become a
list in the order of the features.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Integers, Vector, kernel
from ..compile.memory import bytes_of, indices_at, values_at
from ..formulas.adam_series import MOST_MISSED
from ..layers.parts import UNIT, UNITS
from ..layers.sparse import COLUMN_BYTES
from .entry_sums import LISTED, LISTS, MARKS, SEEN, part_number, stretch_of
from .problem import Data, batch_examples

# Missed steps are counted up to MOST_MISSED; rows that have missed more are the last group.
GROUPS = MOST_MISSED + 2
_WORD = 8  # marks that are looked at together


class RowStep(NamedTuple):
    """Which part of a lazy layer makes which step."""

    part: Integers  # see `parts.Part`
    first: Vector  # the part of the optimizer's own vectors, or empty
    second: Vector
    batch: int
    t: int
    rate: float
    decay: float  # by what penalties and weight decay are multiplied
    scale: float  # times the gradient is that of J
    makes: bool  # the gradient is to be made
    steps: bool  # the step is to be made


class Lists(NamedTuple):
    """The rows of a part that are to be visited, counted from the part's first one on."""

    rows: Integers  # (features,): of the batch, rising, or all that are not up to date
    grouped: Integers  # (features,): those that have missed steps, by how many
    seen: Vector  # uint32 (features,): the last step that each row has made
    listed: Integers  # (2,): the step whose rows are listed, and how many


@kernel
def lists_of(own: RowStep, numbers: Integers) -> Lists:
    """The part's lists."""
    unit, units = own.part[UNIT], own.part[UNITS]
    return Lists(
        rows=values_at(numbers, numbers[LISTS] + 16 * unit, units),
        grouped=values_at(numbers, numbers[LISTS] + 8 * (2 * unit + units), units),
        seen=indices_at(numbers[SEEN] + COLUMN_BYTES * unit, units),
        listed=values_at(numbers, numbers[LISTED] + 16 * part_number(own.part, numbers), 2),
    )


@kernel
def list_batch(data: Data, own: RowStep, numbers: Integers, lists: Lists, batch: int) -> None:
    """List the rows that the batch has entries for."""
    unit, number = own.part[UNIT], part_number(own.part, numbers)
    words = -(-own.part[UNITS] // _WORD)
    marked = values_at(numbers, numbers[MARKS] + unit, words)
    marks = bytes_of(values_at(numbers, numbers[MARKS], unit // _WORD + words))
    for i in range(batch_examples(data, batch)):
        columns = stretch_of(data, batch, i, number, numbers).columns
        for e in range(columns.size):
            marks[columns[e]] = 1
    count = 0
    for k in range(words):
        word = marked[k]
        if word != 0:
            marked[k] = 0
            for place in range(_WORD):
                lists.rows[count] = _WORD * k + place
                count += (word >> (8 * place)) & 1
    lists.listed[1] = count


@kernel
def list_all(own: RowStep, lists: Lists) -> None:
    """List all rows of the part that are not up to date; these are no batch's."""
    count = 0
    for k in range(own.part[UNITS]):
        lists.rows[count] = k
        count += lists.seen[k] != own.t
    lists.listed[0], lists.listed[1] = 0, count


@kernel
def group_rows(lists: Lists, ends: Integers, t: int) -> None:
    """The listed rows by how many steps they have missed; ends says where each group ends."""
    for group in range(GROUPS + 1):
        ends[group] = 0
    count = lists.listed[1]
    for k in range(count):
        ends[min(t - int(lists.seen[lists.rows[k]]), MOST_MISSED + 1) + 1] += 1
    for group in range(GROUPS):
        ends[group + 1] += ends[group]
    # Each number is where its group begins, and then where the next of its rows goes.
    for k in range(count):
        row = lists.rows[k]
        group = min(t - int(lists.seen[row]), MOST_MISSED + 1)
        lists.grouped[ends[group]] = row
        ends[group] += 1
