"""The flat parameter vector cut into parts, which the members of a team step at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..compile.jit import Vector
from .operations import (
    BY_PRODUCT,
    COLUMNS,
    DECAYED,
    DENSE,
    IN_STEP,
    KIND,
    LEARNS,
    SHARES,
    WEIGHT_ROWS,
    WIDE,
    Row,
    rows_of,
)


class Part(NamedTuple):
    """Some rows of one layer's W, and its b with the last of them: what one member steps alone.

    What a layer has besides W, as b, is the tail of its parameters, behind the last row of W.
    """

    layer: int  # where the layer's row begins in the table
    unit: int  # first row of W
    units: int
    weights: int  # how many weights that makes; biases come after them
    first: int  # first of the part's parameters in the flat vector
    last: int  # one more than the last of them


PART_COLUMNS = len(Part._fields)
LAYER, UNIT, UNITS, WEIGHTS, FIRST, LAST = range(PART_COLUMNS)

# A layer has a part for so many weights, at most; W's rows in a part are a multiple of so many.
_PART_WEIGHTS = 40_000
PART_UNITS = 16


def build_parts(table: Vector, most: int) -> Vector:
    """The flat parameter vector cut into parts, a layer into `most` of them: a flat int64 vector.

    Layers with few weights have fewer parts: short products waste time. A layer with parameters
    but without weights is one part of no rows. Parameters that are not trained, as running averages
    are not, are in no part, and those that several rows share are in the parts of one.
    """
    parts: list[Part] = []
    for number, row in enumerate(rows_of(table)):
        if row.learns and row.shares < 2:
            parts += _layer_parts(number * COLUMNS, row, most)
    return np.array(parts, dtype=np.int64).reshape(-1)


def _layer_parts(layer: int, row: Row, most: int) -> list[Part]:
    """The parts of the layer whose row begins at `layer` in the table."""
    end = row.parameters + row.size - row.averages
    if end == row.parameters:
        return []
    if not row.weight_rows:
        return [Part(layer, 0, 0, 0, row.parameters, end)]
    count = max(1, min(most, row.decayed // _PART_WEIGHTS))
    units = -(-row.weight_rows // (count * PART_UNITS)) * PART_UNITS
    return parts_between(layer, row, [*range(0, row.weight_rows, units), row.weight_rows])


def parts_between(layer: int, row: Row, bounds: Sequence[int]) -> list[Part]:
    """The parts of this layer that begin with these rows of W, the last of which is its end."""
    end = row.parameters + row.size - row.averages
    parts = []
    for unit, last in itertools.pairwise(bounds):
        first = row.parameters + unit * row.row_weights
        weights = (last - unit) * row.row_weights
        after = first + weights if last < row.weight_rows else end
        parts.append(Part(layer, unit, last - unit, weights, first, after))
    return parts


def gradients_in_step(table: Vector, weights: int, units: int) -> Vector:
    """The table with the gradients of wide dense layers made in the step, of those that have at
    least so many weights and units.
    """
    table = table.copy()
    rows = table.reshape(-1, COLUMNS)
    large = (rows[:, DECAYED] >= weights) & (rows[:, WEIGHT_ROWS] >= units)
    own = (rows[:, LEARNS] == 1) & (rows[:, SHARES] == 0)
    rows[(rows[:, KIND] == DENSE) & (rows[:, WIDE] == 1) & large & own, IN_STEP] = BY_PRODUCT
    return table
