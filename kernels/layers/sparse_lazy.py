"""The dense layer on sparse examples in a descent by batches: `sparse`, with W by features.

W is (features, d_out): what an entry needs of it lies side by side. The step makes the gradient
(`network.entry_sums`), of δ as rows, which `gradient` leaves there for it.
"""

from __future__ import annotations

from ..compile.jit import Vector, kernel
from ..compile.memory import ask_for, indices_at, stack_buffer, values_at, window
from ..compile.vectors import LANES, load_lanes, multiply_add, spread, store_lanes
from .operations import D_OUT, OUTPUT, TRANSPOSED, Layer
from .sparse import FEATURES, Entries, entries_of

# The sums of an example, at least for LANES units.
_SUM_BYTES = 8 * LANES
# So many examples ahead their entries are asked for: at most so many cache lines, each of so many
# columns.
_EXAMPLES_AHEAD = 4
_LINES_AHEAD, _LINE = 16, 16


@kernel
def forward(layer: Layer) -> None:
    """z ← Wᵀ x + b; z (d_out, lanes) is written, a_in is records (RECORD, lanes)."""
    row, lanes = layer.row, layer.lanes
    features, d_out = row[FEATURES], row[D_OUT]
    weight = window(layer.parameters, 0, features * d_out)
    bias = window(layer.parameters, features * d_out, d_out)
    sums = stack_buffer(weight, _SUM_BYTES)
    for s in range(lanes):
        later = entries_of(layer.a_in, min(s + _EXAMPLES_AHEAD, lanes - 1), lanes)
        ask_for_entries(layer.a_in, later)
        entries = entries_of(layer.a_in, s, lanes)
        for first in range(0, d_out, LANES):
            units = min(LANES, d_out - first)
            part = window(weight, first, features * d_out)
            if units == LANES:
                store_lanes(sums, 0, load_lanes(bias, first))
                add_whole_rows(sums, part, entries, d_out)
            else:
                for j in range(units):
                    sums[j] = bias[first + j]
                add_parts_of_rows(sums, part, entries, d_out, units)
            for j in range(units):
                layer.a_out[(first + j) * lanes + s] = sums[j]


@kernel
def ask_for_entries(like: Vector, entries: Entries) -> None:
    """Have the entries of an example fetched: examples come in any order, and from memory."""
    lines = min(entries.size // _LINE + 1, _LINES_AHEAD)
    columns = indices_at(entries.columns, entries.size)
    for line in range(lines):
        ask_for(columns, line * _LINE)
    if entries.values:
        values = values_at(like, entries.values, entries.size)
        for line in range(lines):
            ask_for(values, line * _LINE)


@kernel
def add_whole_rows(sums: Vector, weight: Vector, entries: Entries, stride: int) -> None:
    """sums ← sums + Σ_e x_e w_e for LANES units; the row of feature f begins at f · stride."""
    columns = indices_at(entries.columns, entries.size)
    values = values_at(weight, entries.values, entries.size)
    # Two sums, since one addition waits for the one before.
    even, odd = load_lanes(sums, 0), spread(weight.dtype.type(0))
    one = spread(weight.dtype.type(1))
    last = entries.size - 1
    if entries.values:
        for pair in range(entries.size // 2):
            column, x = window(columns, 2 * pair, 2), window(values, 2 * pair, 2)
            even = multiply_add(spread(x[0]), load_lanes(weight, column[0] * stride), even)
            odd = multiply_add(spread(x[1]), load_lanes(weight, column[1] * stride), odd)
        if entries.size % 2:
            row = load_lanes(weight, columns[last] * stride)
            even = multiply_add(spread(values[last]), row, even)
    else:
        for pair in range(entries.size // 2):
            column = window(columns, 2 * pair, 2)
            even = multiply_add(one, load_lanes(weight, column[0] * stride), even)
            odd = multiply_add(one, load_lanes(weight, column[1] * stride), odd)
        if entries.size % 2:
            even = multiply_add(one, load_lanes(weight, columns[last] * stride), even)
    store_lanes(sums, 0, multiply_add(one, even, odd))


@kernel
def add_parts_of_rows(
    sums: Vector, weight: Vector, entries: Entries, stride: int, units: int
) -> None:
    """The same for fewer units."""
    columns = indices_at(entries.columns, entries.size)
    values = values_at(weight, entries.values, entries.size)
    for e in range(entries.size):
        row = window(weight, columns[e] * stride, units)
        x = values[e] if entries.values else weight.dtype.type(1)
        for j in range(units):
            sums[j] += x * row[j]


@kernel
def gradient(layer: Layer) -> None:
    """δ_out (d_out, lanes) as rows (lanes, d_out), into spare units behind the buffer's others."""
    row, lanes = layer.row, layer.lanes
    d_out, delta = row[D_OUT], layer.delta_out
    rows = window(delta, (row[TRANSPOSED] - row[OUTPUT]) * lanes, d_out * lanes)
    for j in range(d_out):
        for s in range(lanes):
            rows[s * d_out + j] = delta[j * lanes + s]
