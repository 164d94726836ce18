"""Rows of weights that are stepped when a batch has entries for them, and what they missed then.

In a lazy descent the first layer's W is (features, d_out) (`layers.sparse_lazy`). A batch has
entries for some of the rows alone; the gradient of all others is 0. So the step of a batch makes
the gradient of its own rows (`entry_sums`) and steps them, and then makes up for the steps that the
*next* batch's rows have missed (`missed_steps`): they are up to date when that batch comes. With an
epoch's last batch all rows are brought up to date. Work is proportional to the entries, but for
that and for a byte of each feature.

A batch is looked through once for its rows: each entry marks its feature, and the marks become a
list in the order of the features. Rows are stepped several at a time, copied side by side into a
tile: the formulas have long loops there, whatever the length of a row, and many rows are fetched
from memory at once. Rows that have missed as many steps share a tile.
"""

from __future__ import annotations

from typing import NamedTuple

from ..compile.called import Contract
from ..compile.jit import Integers, Vector, kernel
from ..compile.memory import ask_for, bytes_of, indices_at, stack_buffer, values_at, window
from ..compile.vectors import LANES, load_lanes, spread, store_lanes
from ..formulas.adam_series import MOST_MISSED, SERIES_SIZE
from ..formulas.missed_steps import (
    ADAGRAD,
    ADAM,
    MAKE_UP_CONTRACT,
    SGD,
    Missed,
    Tables,
    sum_series,
)
from ..formulas.optimizers import (
    ADAMW,
    STEP_CONTRACT,
    Stepped,
    add_penalties,
    clip_value,
    shrink_weights,
)
from ..layers.operations import COLUMNS, D_OUT, LAZY_NUMBERS, OPTIMIZER_STEP
from ..layers.parts import FIRST, LAST, LAYER, UNIT, UNITS, WEIGHTS
from ..layers.sparse import COLUMN_BYTES
from .entry_sums import (
    CORRECTIONS,
    LISTED,
    LISTS,
    MAKE_UP,
    MARKS,
    NUMBERS,
    SEEN,
    SERIES,
    STEPS,
    TILE_SIZE,
    TILES,
    add_entry_products,
    part_number,
    stretch_of,
)
from .in_step import Terms
from .problem import Data, Model, Settings, batch_examples

call_step, call_make_up = STEP_CONTRACT.call, MAKE_UP_CONTRACT.call

# Numbers of a tile, unless a single row is longer: the tile, its rows and the next tile's rows all
# are in the first cache.
TILE = 256
AHEAD = 16  # so many rows ahead, at most, rows are asked for
# Missed steps are counted up to MOST_MISSED; rows that have missed more are the last group.
_GROUPS = MOST_MISSED + 2
_GROUP_BYTES = 8 * (_GROUPS + 1)
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


# How `lazy_step` is called by address.
ROWS_CONTRACT = Contract(Model, Data, Settings, RowStep)


@kernel
def lazy_step(model: Model, data: Data, settings: Settings, own: RowStep) -> None:
    """The part's share of a batch: gradient, step, and what the next batch's rows have missed."""
    row = window(model.table, own.part[LAYER], COLUMNS)
    numbers = values_at(row, row[LAZY_NUMBERS], NUMBERS)
    lists = lists_of(own, numbers)
    if own.makes:
        if own.batch == 0 or lists.listed[0] != own.t:
            list_batch(data, own, numbers, lists, own.batch)
            lists.listed[0] = own.t
        terms = Terms(own.batch, own.part, 1.0, 1.0, 0.0)
        add_entry_products(model.gradient, model, data, settings, terms)
    if not own.steps:
        return
    begin_step(settings, own, numbers)
    step_rows(model, settings, own, numbers, lists)
    if own.part[LAST] - own.part[FIRST] > own.part[WEIGHTS]:
        step_bias(model, settings, own)
    if can_miss_steps(settings):
        if (own.batch + 1) * data.batch_size < data.n:
            list_batch(data, own, numbers, lists, own.batch + 1)
            lists.listed[0] = own.t + 1
        else:
            list_all(own, lists)
        make_up_rows(model, settings, own, numbers, lists)


@kernel
def can_miss_steps(settings: Settings) -> bool:
    """Whether the optimizer does anything with a row whose gradient is 0."""
    rules = settings.rules
    stays = settings.optimizer in (SGD, ADAGRAD)
    return not stays or rules.l1 > 0 or rules.l2 > 0


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
def begin_step(settings: Settings, own: RowStep, numbers: Integers) -> None:
    """Forget the corrections of the epoch before, in an epoch's first step."""
    if own.batch == 0:
        corrections = tables_of(settings, own, numbers).corrections
        for k in range(corrections.size):
            corrections[k] = 0


@kernel
def tables_of(settings: Settings, own: RowStep, numbers: Integers) -> Tables:
    """What the part's steps of Adam have in common."""
    like, count = settings.optimizer_settings, 2 * numbers[STEPS]
    number = part_number(own.part, numbers)
    return Tables(
        corrections=values_at(like, numbers[CORRECTIONS] + 8 * count * number, count),
        series=values_at(like, numbers[SERIES] + 8 * SERIES_SIZE * number, SERIES_SIZE),
    )


@kernel
def missed_by(settings: Settings, own: RowStep, since: int, d_out: int) -> Missed:
    """The steps that rows have missed which were last current after step `since`."""
    rules = settings.rules
    return Missed(
        since=since,
        until=own.t,
        first_step=own.t - own.batch,
        rate=own.rate,
        l1=rules.l1 * own.decay,
        l2=rules.l2 * own.decay,
        kept=kept_by_decay(settings, own),
        row_weights=d_out,
    )


@kernel
def kept_by_decay(settings: Settings, own: RowStep) -> float:
    """By what AdamW multiplies a weight before its step; 1 for other optimizers."""
    if settings.optimizer != ADAMW:
        return 1.0
    return 1 - own.rate * (settings.optimizer_settings[3] * own.decay)


@kernel
def tile_of(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, size: int, scale: float
) -> Stepped:
    """A tile of `size` numbers, uninitialised; the optimizer's vectors are empty if it has none."""
    w, whole = model.parameters, numbers[TILE_SIZE]
    address = numbers[TILES] + 4 * whole * w.itemsize * part_number(own.part, numbers)
    tile = values_at(w, address, 4 * whole)
    return Stepped(
        w=window(tile, 0, size),
        g=window(tile, whole, size),
        first=window(tile, 2 * whole, min(size, own.first.size)),
        second=window(tile, 3 * whole, min(size, own.second.size)),
        settings=settings.optimizer_settings,
        rate=own.rate,
        scale=scale,
        t=own.t,
    )


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
def gather(tile: Vector, values: Vector, rows: Integers, d_out: int) -> None:
    """The rows of values, side by side; nothing if the tile is empty.

    They come from anywhere, so those behind them in the list are asked for meanwhile, at most
    `AHEAD`; behind the list's end stands any row.
    """
    if tile.size:
        later = window(rows, min(rows.size, AHEAD), rows.size)
        for k in range(rows.size):
            ask_for(values, later[k] * d_out)
            copy_row(tile, k * d_out, values, rows[k] * d_out, d_out)


@kernel
def scatter(tile: Vector, values: Vector, rows: Integers, d_out: int) -> None:
    """Back to where `gather` has them from."""
    if tile.size:
        for k in range(rows.size):
            copy_row(values, rows[k] * d_out, tile, k * d_out, d_out)


@kernel
def step_rows(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, lists: Lists
) -> None:
    """The step of the rows that are listed; their gradient is 0 afterwards."""
    d_out, rules = model.table[own.part[LAYER] + D_OUT], settings.rules
    w = window(model.parameters, own.part[FIRST], own.part[WEIGHTS])
    g = window(model.gradient, own.part[FIRST], own.part[WEIGHTS])
    most, count = numbers[TILE_SIZE] // d_out, lists.listed[1]
    missed = missed_by(settings, own, own.t, d_out)
    for begin in range(0, count, most):
        rows = window(lists.rows, begin, min(most, count - begin))
        tile = tile_of(model, settings, own, numbers, rows.size * d_out, own.scale)
        gather(tile.w, w, rows, d_out)
        gather(tile.g, g, rows, d_out)
        gather(tile.first, own.first, rows, d_out)
        gather(tile.second, own.second, rows, d_out)
        if missed.l1 > 0 or missed.l2 > 0:
            add_penalties(tile.g, tile.w, own.scale, missed.l1, missed.l2)
        if rules.clip_value > 0:
            clip_value(tile.g, rules.clip_value / own.scale)
        if settings.optimizer == ADAMW:
            shrink_weights(tile.w, missed.kept)
        call_step(model.table[OPTIMIZER_STEP], tile)
        scatter(tile.w, w, rows, d_out)
        scatter(tile.first, own.first, rows, d_out)
        scatter(tile.second, own.second, rows, d_out)
        for k in range(rows.size):
            clear_row(g, rows[k] * d_out, d_out)
            lists.seen[rows[k]] = own.t


@kernel
def make_up_rows(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, lists: Lists
) -> None:
    """The missed steps of the rows that are listed, those of as many together."""
    d_out, t = model.table[own.part[LAYER] + D_OUT], own.t
    if settings.optimizer in (ADAM, ADAMW):
        tables, given = tables_of(settings, own, numbers), settings.optimizer_settings
        missed = missed_by(settings, own, 0, d_out)
        sum_series(tables.series, tables.corrections, given, missed)
    ends = stack_buffer(numbers, _GROUP_BYTES)
    group_rows(lists, ends, t)
    most = numbers[TILE_SIZE] // d_out
    for group in range(1, _GROUPS):
        begin = ends[group - 1]
        while begin < ends[group]:
            size = min(most if group <= MOST_MISSED else 1, ends[group] - begin)
            rows = window(lists.grouped, begin, size)
            make_up_tile(model, settings, own, numbers, rows, int(lists.seen[rows[0]]))
            for k in range(size):
                lists.seen[rows[k]] = t
            begin += size


@kernel
def group_rows(lists: Lists, ends: Integers, t: int) -> None:
    """The listed rows by how many steps they have missed; ends says where each group ends."""
    for group in range(_GROUPS + 1):
        ends[group] = 0
    count = lists.listed[1]
    for k in range(count):
        ends[min(t - int(lists.seen[lists.rows[k]]), MOST_MISSED + 1) + 1] += 1
    for group in range(_GROUPS):
        ends[group + 1] += ends[group]
    # Each number is where its group begins, and then where the next of its rows goes.
    for k in range(count):
        row = lists.rows[k]
        group = min(t - int(lists.seen[row]), MOST_MISSED + 1)
        lists.grouped[ends[group]] = row
        ends[group] += 1


@kernel
def make_up_tile(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, rows: Integers, since: int
) -> None:
    """The steps after `since` of these rows, which have missed them all."""
    d_out = model.table[own.part[LAYER] + D_OUT]
    w = window(model.parameters, own.part[FIRST], own.part[WEIGHTS])
    tile = tile_of(model, settings, own, numbers, rows.size * d_out, 1.0)
    gather(tile.w, w, rows, d_out)
    gather(tile.first, own.first, rows, d_out)
    gather(tile.second, own.second, rows, d_out)
    missed, tables = missed_by(settings, own, since, d_out), tables_of(settings, own, numbers)
    call_make_up(numbers[MAKE_UP], settings.optimizer, tile, missed, tables)
    scatter(tile.w, w, rows, d_out)
    scatter(tile.first, own.first, rows, d_out)
    scatter(tile.second, own.second, rows, d_out)


@kernel
def step_bias(model: Model, settings: Settings, own: RowStep) -> None:
    """The step of b, which is in the last part, and has missed none."""
    weights = own.part[WEIGHTS]
    size = own.part[LAST] - own.part[FIRST] - weights
    one, two = min(size, own.first.size), min(size, own.second.size)
    part = Stepped(
        w=window(model.parameters, own.part[FIRST] + weights, size),
        g=window(model.gradient, own.part[FIRST] + weights, size),
        first=window(own.first, weights if one else 0, one),
        second=window(own.second, weights if two else 0, two),
        settings=settings.optimizer_settings,
        rate=own.rate,
        scale=own.scale,
        t=own.t,
    )
    if settings.rules.clip_value > 0:
        clip_value(part.g, settings.rules.clip_value / own.scale)
    call_step(model.table[OPTIMIZER_STEP], part)
