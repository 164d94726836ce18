"""Rows of weights that are stepped when a batch has entries for them, and what they missed then.

In a lazy descent the first layer's W is (features, d_out) (`layers.sparse_lazy`). A batch has
entries for some of the rows alone; the gradient of all others is 0. So the step of a batch makes
the gradient of its own rows (`entry_sums`) and steps them, and then makes up for the steps that the
*next* batch's rows have missed (`missed_steps`): they are up to date when that batch comes. With an
epoch's last batch all rows are brought up to date. Work is proportional to the entries, but for
that and for a byte of each feature.

An embedding is such a layer too: a batch has some of its numbers. Its gradient is made block by
block, in the rows of each chunk's own, which the step adds up.

Rows (`row_lists`) are stepped several at a time, copied side by side into a tile (`row_copies`):
the formulas have long loops there, whatever the length of a row, and many rows are fetched from
memory at once. Rows that have missed as many steps share a tile.
"""

from __future__ import annotations

from ..compile.called import Contract
from ..compile.jit import Integers, kernel
from ..compile.memory import stack_buffer, values_at, window
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
from ..layers.operations import (
    COLUMNS,
    EMBEDDING,
    KIND,
    LAZY_NUMBERS,
    OPTIMIZER_STEP,
    ROW_WEIGHTS,
)
from ..layers.parts import FIRST, LAST, LAYER, WEIGHTS
from .entry_sums import (
    CORRECTIONS,
    MAKE_UP,
    NUMBERS,
    SERIES,
    STEPS,
    TILE_SIZE,
    TILES,
    add_entry_products,
    part_number,
)
from .in_step import Terms
from .problem import Data, Model, Settings
from .row_copies import clear_row, gather, move_row, scatter
from .row_lists import GROUPS, Lists, RowStep, group_rows, list_all, list_batch, lists_of

call_step, call_make_up = STEP_CONTRACT.call, MAKE_UP_CONTRACT.call

# Numbers of a tile, unless a single row is longer: the tile, its rows and the next tile's rows all
# are in the first cache.
TILE = 256
_GROUP_BYTES = 8 * (GROUPS + 1)


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
        if row[KIND] == EMBEDDING:
            add_chunk_rows(model, settings, own, lists)
        else:
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
def add_chunk_rows(model: Model, settings: Settings, own: RowStep, lists: Lists) -> None:
    """g_1 ← Σ_c g_c in the listed rows; those of the other chunks' gradients become 0."""
    width, parameters = model.table[own.part[LAYER] + ROW_WEIGHTS], model.parameters.size
    first = window(model.gradient, own.part[FIRST], own.part[WEIGHTS])
    for chunk in range(1, settings.chunks):
        place = chunk * parameters + own.part[FIRST]
        other = window(model.gradient, place, own.part[WEIGHTS])
        for k in range(lists.listed[1]):
            move_row(first, other, lists.rows[k] * width, width)


@kernel
def can_miss_steps(settings: Settings) -> bool:
    """Whether the optimizer does anything with a row whose gradient is 0."""
    rules = settings.rules
    stays = settings.optimizer in (SGD, ADAGRAD)
    return not stays or rules.l1 > 0 or rules.l2 > 0


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
def missed_by(settings: Settings, own: RowStep, since: int, width: int) -> Missed:
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
        row_weights=width,
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
def step_rows(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, lists: Lists
) -> None:
    """The step of the rows that are listed; their gradient is 0 afterwards."""
    width, rules = model.table[own.part[LAYER] + ROW_WEIGHTS], settings.rules
    w = window(model.parameters, own.part[FIRST], own.part[WEIGHTS])
    g = window(model.gradient, own.part[FIRST], own.part[WEIGHTS])
    most, count = numbers[TILE_SIZE] // width, lists.listed[1]
    missed = missed_by(settings, own, own.t, width)
    for begin in range(0, count, most):
        rows = window(lists.rows, begin, min(most, count - begin))
        tile = tile_of(model, settings, own, numbers, rows.size * width, own.scale)
        gather(tile.w, w, rows, width)
        gather(tile.g, g, rows, width)
        gather(tile.first, own.first, rows, width)
        gather(tile.second, own.second, rows, width)
        if missed.l1 > 0 or missed.l2 > 0:
            add_penalties(tile.g, tile.w, own.scale, missed.l1, missed.l2)
        if rules.clip_value > 0:
            clip_value(tile.g, rules.clip_value / own.scale)
        if settings.optimizer == ADAMW:
            shrink_weights(tile.w, missed.kept)
        call_step(model.table[OPTIMIZER_STEP], tile)
        scatter(tile.w, w, rows, width)
        scatter(tile.first, own.first, rows, width)
        scatter(tile.second, own.second, rows, width)
        for k in range(rows.size):
            clear_row(g, rows[k] * width, width)
            lists.seen[rows[k]] = own.t


@kernel
def make_up_rows(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, lists: Lists
) -> None:
    """The missed steps of the rows that are listed, those of as many together."""
    width, t = model.table[own.part[LAYER] + ROW_WEIGHTS], own.t
    if settings.optimizer in (ADAM, ADAMW):
        tables, given = tables_of(settings, own, numbers), settings.optimizer_settings
        missed = missed_by(settings, own, 0, width)
        sum_series(tables.series, tables.corrections, given, missed)
    ends = stack_buffer(numbers, _GROUP_BYTES)
    group_rows(lists, ends, t)
    most = numbers[TILE_SIZE] // width
    for group in range(1, GROUPS):
        begin = ends[group - 1]
        while begin < ends[group]:
            size = min(most if group <= MOST_MISSED else 1, ends[group] - begin)
            rows = window(lists.grouped, begin, size)
            make_up_tile(model, settings, own, numbers, rows, int(lists.seen[rows[0]]))
            for k in range(size):
                lists.seen[rows[k]] = t
            begin += size


@kernel
def make_up_tile(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, rows: Integers, since: int
) -> None:
    """The steps after `since` of these rows, which have missed them all."""
    width = model.table[own.part[LAYER] + ROW_WEIGHTS]
    w = window(model.parameters, own.part[FIRST], own.part[WEIGHTS])
    tile = tile_of(model, settings, own, numbers, rows.size * width, 1.0)
    gather(tile.w, w, rows, width)
    gather(tile.first, own.first, rows, width)
    gather(tile.second, own.second, rows, width)
    missed, tables = missed_by(settings, own, since, width), tables_of(settings, own, numbers)
    call_make_up(numbers[MAKE_UP], settings.optimizer, tile, missed, tables)
    scatter(tile.w, w, rows, width)
    scatter(tile.first, own.first, rows, width)
    scatter(tile.second, own.second, rows, width)


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
