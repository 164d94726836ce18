"""Rows of weights from anywhere in memory, copied side by side and back, see `lazy_rows`."""

from __future__ import annotations

from ..compile.jit import Integers, Vector, kernel
from ..compile.memory import ask_for, window
from ..compile.vectors import LANES, add, load_lanes, spread, store_lanes

AHEAD = 16  # so many rows ahead, at most, rows are asked for


@kernel
def copy_row(out: Vector, place: int, values: Vector, first: int, size: int) -> None:
    """out_place, … ← values_first, … for `size` numbers."""
    whole = size - size % LANES
    for j in range(0, whole, LANES):
        store_lanes(out, place + j, load_lanes(values, first + j))
    for j in range(whole, size):
        out[place + j] = values[first + j]


@kernel
def clear_row(out: Vector, first: int, size: int) -> None:
    """out_first, … ← 0 for `size` numbers."""
    whole, zero = size - size % LANES, spread(out.dtype.type(0))
    for j in range(0, whole, LANES):
        store_lanes(out, first + j, zero)
    for j in range(whole, size):
        out[first + j] = 0


@kernel
def move_row(out: Vector, values: Vector, first: int, size: int) -> None:
    """out_first, … ← out_first + values_first, … for `size` numbers; those of values become 0."""
    whole = size - size % LANES
    for j in range(first, first + whole, LANES):
        store_lanes(out, j, add(load_lanes(out, j), load_lanes(values, j)))
    for j in range(first + whole, first + size):
        out[j] += values[j]
    clear_row(values, first, size)


@kernel
def gather(tile: Vector, values: Vector, rows: Integers, width: int) -> None:
    """The rows of values, side by side; nothing if the tile is empty.

    They come from anywhere, so those behind them in the list are asked for meanwhile, at most
    `AHEAD`; behind the list's end stands any row.
    """
    if tile.size:
        later = window(rows, min(rows.size, AHEAD), rows.size)
        for k in range(rows.size):
            ask_for(values, later[k] * width)
            copy_row(tile, k * width, values, rows[k] * width, width)


@kernel
def scatter(tile: Vector, values: Vector, rows: Integers, width: int) -> None:
    """Back to where `gather` has them from."""
    if tile.size:
        for k in range(rows.size):
            copy_row(values, rows[k] * width, tile, k * width, width)
