"""Sums over the entries of a batch: the gradient of a dense layer on sparse examples.

In a descent the W of such a layer is (features, d_out) (`layers.sparse_lazy`), so an entry x_f of
an example adds x_f δ to row f. The step makes these sums, from the δ of all blocks of the batch.
Each part of W is done by one member of the team. The entries of a row of X are sorted by feature,
so those of a part lie side by side, and `splits` says where (`entry_splits`). Parts have as many
entries as one another. Sums are in the order of the examples.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.jit import Integers, Vector, kernel
from ..compile.memory import ask_for, indices_at, values_at, window
from ..compile.vectors import LANES, add, load_lanes, multiply_add, spread, store_lanes
from ..layers.operations import COLUMNS, D_OUT, LAZY_NUMBERS, PARAMETERS, TRANSPOSED
from ..layers.parts import FIRST, LAST, LAYER, UNIT, WEIGHTS
from ..layers.sparse import COLUMN_BYTES
from .in_step import Terms
from .problem import Data, Model, Settings, batch_examples

# The numbers of a layer by features, int64, at the address in its row: addresses and sizes. Those
# from SEEN on are of lazy steps alone, see `lazy_rows`.
(
    PARTS,  # how many parts W has
    BOUNDS,  # int64 (parts + 1,): the feature with which each part begins
    SPLITS,  # int64 (n, parts + 1): of each example the entry with which each part begins
    ENTRY_COLUMNS,  # uint32 (entries,)
    ENTRY_VALUES,  # (entries,), or 0: all are 1
    SEEN,  # uint32 (features,): the last step that each row of W has made
    MARKS,  # uint8 (features and some more,): 1 for features that are being listed, else 0
    LISTS,  # int64 (2 features and some more,): see `lazy_rows.Lists`
    LISTED,  # int64 (parts, 2): the step whose rows each part has listed, and how many
    TILES,  # (parts, 4, tile size): rows side by side, see `lazy_rows`
    TILE_SIZE,  # numbers of each of a tile's four arrays
    CORRECTIONS,  # float64 (parts, steps of an epoch, 2): see `missed_steps.remembered`
    SERIES,  # float64 (parts, SERIES_SIZE): see `missed_steps.sum_series`
    STEPS,  # steps of an epoch
    MAKE_UP,  # address of the optimizer's missed steps, see `missed_steps.MAKE_UP_CONTRACT`
) = range(15)
NUMBERS = 15
# So many examples ahead their entries are asked for.
_EXAMPLES_AHEAD = 4


class Stretch(NamedTuple):
    """The entries of an example that are of a part of W."""

    columns: Vector  # uint32 (size,)
    first: int  # which of all entries the first one is


@kernel
def part_number(part: Integers, numbers: Integers) -> int:
    """The number of the part among those of its layer."""
    bounds, number = values_at(numbers, numbers[BOUNDS], numbers[PARTS] + 1), 0
    while bounds[number] < part[UNIT]:
        number += 1
    return number


@kernel
def example_at(data: Data, batch: int, place: int) -> int:
    """The number of the batch's example at this place among all examples."""
    position = batch * data.batch_size + place
    number: int = data.order[position] if data.order.size else position
    return number


@kernel
def stretch_of(data: Data, batch: int, place: int, number: int, numbers: Integers) -> Stretch:
    """The entries in part `number` of the batch's example at this place."""
    parts = numbers[PARTS]
    splits = values_at(numbers, numbers[SPLITS], data.n * (parts + 1))
    last = batch_examples(data, batch) - 1
    later = example_at(data, batch, min(place + _EXAMPLES_AHEAD, last))
    ask_for(indices_at(numbers[ENTRY_COLUMNS], 0), splits[later * (parts + 1) + number])
    # Examples come from anywhere: where their entries are has to be asked for before that.
    later = example_at(data, batch, min(place + 3 * _EXAMPLES_AHEAD, last))
    ask_for(splits, later * (parts + 1) + number)
    begin = example_at(data, batch, place) * (parts + 1) + number
    first, size = splits[begin], splits[begin + 1] - splits[begin]
    return Stretch(indices_at(numbers[ENTRY_COLUMNS] + COLUMN_BYTES * first, size), first)


@kernel
def add_entry_products(
    out: Vector, model: Model, data: Data, settings: Settings, terms: Terms
) -> None:
    """The part of out ← β out + α (Σ_s x_sf δ_s for every feature f, Σ_s δ_s).

    out is as long as the parameters; every chunk is one block, whose pass has been made, and whose
    δ the layer's `gradient` has left as rows.
    """
    lanes, part, batch = settings.lanes, terms.part, terms.batch
    row = window(model.table, part[LAYER], COLUMNS)
    numbers = values_at(row, row[LAZY_NUMBERS], NUMBERS)
    d_out, number = row[D_OUT], part_number(part, numbers)
    bias_first = part[FIRST] + part[WEIGHTS]
    bias = window(out, bias_first, part[LAST] - bias_first)  # empty but in a layer's last part
    multiply(window(out, part[FIRST], part[WEIGHTS]), terms.weight_beta)
    multiply(bias, terms.bias_beta)
    weight = window(out, row[PARAMETERS], part[LAST] - row[PARAMETERS])
    alpha = out.dtype.type(terms.alpha)
    for i in range(batch_examples(data, batch)):
        stretch = stretch_of(data, batch, i, number, numbers)
        place = (i // lanes * settings.units + row[TRANSPOSED]) * lanes + i % lanes * d_out
        delta = window(model.deltas, place, d_out)
        columns = stretch.columns
        if numbers[ENTRY_VALUES]:
            address = numbers[ENTRY_VALUES] + delta.itemsize * stretch.first
            add_rows(weight, columns, values_at(delta, address, columns.size), delta, alpha)
        else:
            add_rows_of_ones(weight, columns, delta, alpha)
        if bias.size:
            add_multiple(bias, alpha, delta)


@kernel
def multiply(values: Vector, factor: float) -> None:
    """values ← factor · values; 0 makes zeros of anything."""
    if factor == 0:
        for k in range(values.size):
            values[k] = 0
    elif factor != 1:
        number = values.dtype.type(factor)
        for k in range(values.size):
            values[k] *= number


@kernel
def add_rows(weight: Vector, columns: Vector, values: Vector, delta: Vector, alpha: float) -> None:
    """w_f ← w_f + α x_f δ for the entries of an example; rows are as long as δ."""
    d_out = delta.size
    if d_out == LANES:  # δ stays in a register
        own = load_lanes(delta, 0)
        for e in range(columns.size):
            place = columns[e] * LANES
            total = multiply_add(spread(alpha * values[e]), own, load_lanes(weight, place))
            store_lanes(weight, place, total)
    else:
        for e in range(columns.size):
            add_multiple(window(weight, columns[e] * d_out, d_out), alpha * values[e], delta)


@kernel
def add_rows_of_ones(weight: Vector, columns: Vector, delta: Vector, alpha: float) -> None:
    """The same where x_f is 1 for all entries."""
    d_out = delta.size
    if d_out == LANES:
        own = multiply_add(spread(alpha), load_lanes(delta, 0), spread(delta.dtype.type(0)))
        for e in range(columns.size):
            place = columns[e] * LANES
            store_lanes(weight, place, add(own, load_lanes(weight, place)))
    else:
        for e in range(columns.size):
            add_multiple(window(weight, columns[e] * d_out, d_out), alpha, delta)


@kernel
def add_multiple(out: Vector, factor: float, values: Vector) -> None:
    """out ← out + factor · values."""
    whole = out.size - out.size % LANES
    for j in range(0, whole, LANES):
        total = multiply_add(spread(factor), load_lanes(values, j), load_lanes(out, j))
        store_lanes(out, j, total)
    for j in range(whole, out.size):
        out[j] += factor * values[j]
