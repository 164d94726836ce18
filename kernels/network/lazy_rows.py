"""Rows of weights that are stepped when a batch has entries for them, and what they missed then.

In a lazy descent the first layer's W is (features, d_out) (`sparse_lazy`). A batch has entries for
some of the rows alone; the gradient of all others is 0. So the step of a batch makes the gradient
of its own rows and steps them, and then makes up for the steps that the *next* batch's rows have
missed (`missed_steps`): they are up to date when that batch comes. With an epoch's last batch all
rows are brought up to date, so nobody between two epochs sees that any was behind. Work is
proportional to the entries, but for that.

Each part of W is done by one member of the team. The entries of a row of X are sorted by feature,
so those of a part lie side by side, and `splits` says where. Sums are in the order of the examples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compile.called import Contract
from ..compile.jit import Integers, Scalar, Vector, kernel
from ..compile.memory import ask_for, indices_at, values_at, window
from ..compile.vectors import LANES, add, load_lanes, multiply_add, spread, store_lanes
from ..formulas.adam_series import SERIES_SIZE
from ..formulas.missed_steps import (
    ADAGRAD,
    ADAM,
    SGD,
    Missed,
    Tables,
    make_up,
    row_step,
    sum_series,
)
from ..formulas.optimizers import ADAMW, Stepped, add_penalties, clip_value, fill, shrink_weights
from ..layers.operations import COLUMNS, D_OUT, LAZY_NUMBERS, PARAMETERS, TRANSPOSED
from ..layers.parts import FIRST, LAST, LAYER, UNIT, UNITS, WEIGHTS
from ..layers.sparse import COLUMN_BYTES
from .problem import Data, Model, Settings, batch_examples

# The numbers of a lazy layer, int64, at the address in its row: addresses of arrays, and sizes.
(
    SEEN,  # uint32 (features,): the last step that each row of W has made
    VISITS,  # int64 (2 (features + parts) + AHEAD,): see `visit_rows`
    SPLITS,  # int64 (n, parts + 1): of each example the entry with which each part begins
    ENTRY_COLUMNS,  # uint32 (entries,)
    ENTRY_VALUES,  # (entries,), or 0: all are 1
    CORRECTIONS,  # float64 (parts, steps of an epoch, 2): see `missed_steps.remembered`
    SERIES,  # float64 (parts, SERIES_SIZE): see `missed_steps.sum_series`
    PARTS,  # how many parts W has
    PART_FEATURES,  # features of each part but the last
    STEPS,  # steps of an epoch
) = range(10)
NUMBERS = 10
# So many visits ahead the rows are asked for: they come from anywhere in W.
AHEAD = 16
# So many examples ahead their entries are.
_EXAMPLES_AHEAD = 4
# In place of the last step seen: a row has missed none, and makes its step.
_STEP = -1


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


# How `lazy_step` is called by address.
ROWS_CONTRACT = Contract(Model, Data, Settings, RowStep)


@kernel
def lazy_step(model: Model, data: Data, settings: Settings, own: RowStep) -> None:
    """The part's share of a batch: gradient, step, and what the next batch's rows have missed."""
    row = window(model.table, own.part[LAYER], COLUMNS)
    numbers = values_at(row, row[LAZY_NUMBERS], NUMBERS)
    if own.makes:
        make_gradient(model, data, settings, own, numbers)
    if not own.steps:
        return
    begin_step(settings, own, numbers)
    visit_rows(model, settings, own, numbers)
    if own.part[LAST] - own.part[FIRST] > own.part[WEIGHTS]:
        step_bias(model, settings, own, numbers)
    if can_miss_steps(settings):
        if (own.batch + 1) * data.batch_size < data.n:
            list_next_batch(data, own, numbers)
        else:
            list_all(own, numbers)
        if settings.optimizer in (ADAM, ADAMW):
            tables = tables_of(settings, own, numbers)
            given = settings.optimizer_settings
            sum_series(tables.series, tables.corrections, given, missed_by(settings, own, 0))
        visit_rows(model, settings, own, numbers)


@kernel
def can_miss_steps(settings: Settings) -> bool:
    """Whether the optimizer does anything with a row whose gradient is 0."""
    rules = settings.rules
    stays = settings.optimizer in (SGD, ADAGRAD)
    return not stays or rules.l1 > 0 or rules.l2 > 0


@kernel
def example_at(data: Data, batch: int, place: int) -> int:
    """The number of the batch's example at this place among all examples."""
    position = batch * data.batch_size + place
    number: int = data.order[position] if data.order.size else position
    return number


@kernel
def part_number(own: RowStep, numbers: Integers) -> int:
    """The number of the part among those of its layer."""
    return own.part[UNIT] // numbers[PART_FEATURES]


@kernel
def visits_place(own: RowStep, numbers: Integers) -> int:
    """The address of the part's visits: two numbers for each feature, and two at the end."""
    return numbers[VISITS] + 16 * (own.part[UNIT] + part_number(own, numbers))


@kernel
def make_gradient(
    model: Model, data: Data, settings: Settings, own: RowStep, numbers: Integers
) -> None:
    """∇w_f ← Σ_s x_sf δ_s for the features of the part that the batch has; the others stay 0.

    Notes these features as touched, and as having seen this step. ∇b ← Σ_s δ_s in the last part.
    """
    row = window(model.table, own.part[LAYER], COLUMNS)
    d_out, lanes, parts = row[D_OUT], settings.lanes, numbers[PARTS]
    number, t = part_number(own, numbers), np.uint32(own.t)
    seen = indices_at(numbers[SEEN], own.part[UNIT] + own.part[UNITS])
    visits = values_at(row, visits_place(own, numbers), 2 * own.part[UNITS] + 2)
    splits = values_at(row, numbers[SPLITS], data.n * (parts + 1))
    bias_first = own.part[FIRST] + own.part[WEIGHTS]
    bias = window(model.gradient, bias_first, own.part[LAST] - bias_first)
    for j in range(bias.size):
        bias[j] = 0
    weight = window(model.gradient, row[PARAMETERS], own.part[LAST] - row[PARAMETERS])
    address, count, has_values = numbers[ENTRY_COLUMNS], 0, numbers[ENTRY_VALUES] != 0
    examples = batch_examples(data, own.batch)
    for i in range(examples):
        later = example_at(data, own.batch, min(i + _EXAMPLES_AHEAD, examples - 1))
        ask_for(indices_at(address, 0), splits[later * (parts + 1) + number])
        begin = example_at(data, own.batch, i) * (parts + 1) + number
        first, size = splits[begin], splits[begin + 1] - splits[begin]
        chunk, lane = i // lanes, i % lanes
        delta = window(
            model.deltas,
            (chunk * settings.units + row[TRANSPOSED]) * lanes + lane * d_out,
            d_out,
        )
        columns = indices_at(address + COLUMN_BYTES * first, size)
        count = touch(visits, seen, columns, count, t)
        if has_values:
            values = values_at(delta, numbers[ENTRY_VALUES] + delta.itemsize * first, size)
            add_rows(weight, columns, values, delta)
        else:
            add_rows_of_ones(weight, columns, delta)
        if bias.size:
            add_multiple(bias, delta.dtype.type(1), delta)
    visits[count] = -1


@kernel
def touch(visits: Vector, seen: Vector, columns: Vector, count: int, t: Scalar) -> int:
    """List the features that step t has not touched yet; returns where the list ends by now."""
    for e in range(columns.size):
        feature = columns[e]
        visits[count], visits[count + 1] = feature, _STEP
        count += 2 * (seen[feature] != t)
        seen[feature] = t
    return count


@kernel
def add_rows(weight: Vector, columns: Vector, values: Vector, delta: Vector) -> None:
    """∇w_f ← ∇w_f + x_f δ for the entries of an example; rows are as long as δ."""
    d_out = delta.size
    if d_out == LANES:  # δ stays in a register
        own = load_lanes(delta, 0)
        for e in range(columns.size):
            place = columns[e] * LANES
            total = multiply_add(spread(values[e]), own, load_lanes(weight, place))
            store_lanes(weight, place, total)
    else:
        for e in range(columns.size):
            add_multiple(window(weight, columns[e] * d_out, d_out), values[e], delta)


@kernel
def add_rows_of_ones(weight: Vector, columns: Vector, delta: Vector) -> None:
    """The same where x_f is 1 for all entries."""
    d_out, one = delta.size, delta.dtype.type(1)
    if d_out == LANES:
        own = load_lanes(delta, 0)
        for e in range(columns.size):
            place = columns[e] * LANES
            store_lanes(weight, place, add(own, load_lanes(weight, place)))
    else:
        for e in range(columns.size):
            add_multiple(window(weight, columns[e] * d_out, d_out), one, delta)


@kernel
def add_multiple(out: Vector, factor: float, values: Vector) -> None:
    """out ← out + factor · values."""
    whole = out.size - out.size % LANES
    for j in range(0, whole, LANES):
        total = multiply_add(spread(factor), load_lanes(values, j), load_lanes(out, j))
        store_lanes(out, j, total)
    for j in range(whole, out.size):
        out[j] += factor * values[j]


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
    number, count, like = part_number(own, numbers), 2 * numbers[STEPS], settings.optimizer_settings
    return Tables(
        corrections=values_at(like, numbers[CORRECTIONS] + 8 * count * number, count),
        series=values_at(like, numbers[SERIES] + 8 * SERIES_SIZE * number, SERIES_SIZE),
    )


@kernel
def missed_by(settings: Settings, own: RowStep, since: int) -> Missed:
    """The steps that a row has missed which was last current after step `since`."""
    rules = settings.rules
    return Missed(
        since=since,
        until=own.t,
        first_step=own.t - own.batch,
        rate=own.rate,
        l1=rules.l1 * own.decay,
        l2=rules.l2 * own.decay,
        kept=kept_by_decay(settings, own),
    )


@kernel
def visit_row(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, feature: int, since: int
) -> None:
    """The step of a row of W, or the steps after `since` that it has missed."""
    row, rules = window(model.table, own.part[LAYER], COLUMNS), settings.rules
    d_out = row[D_OUT]
    place, inside = row[PARAMETERS] + feature * d_out, (feature - own.part[UNIT]) * d_out
    one, two = min(d_out, own.first.size), min(d_out, own.second.size)
    part = Stepped(
        w=window(model.parameters, place, d_out),
        g=window(model.gradient, place, d_out),
        first=window(own.first, inside if one else 0, one),
        second=window(own.second, inside if two else 0, two),
        settings=settings.optimizer_settings,
        rate=own.rate,
        scale=own.scale if since < 0 else 1.0,
        t=own.t,
    )
    missed, tables = missed_by(settings, own, since), tables_of(settings, own, numbers)
    if since >= 0:
        make_up(settings.optimizer, part, missed, tables)
        return
    if missed.l1 > 0 or missed.l2 > 0:
        add_penalties(part.g, part.w, own.scale, missed.l1, missed.l2)
    if rules.clip_value > 0:
        clip_value(part.g, rules.clip_value / own.scale)
    if settings.optimizer == ADAMW:
        shrink_weights(part.w, missed.kept)
    row_step(settings.optimizer, part, missed.first_step, tables.corrections)
    fill(part.g, 0.0)


@kernel
def kept_by_decay(settings: Settings, own: RowStep) -> float:
    """By what AdamW multiplies a weight before its step; 1 for other optimizers."""
    if settings.optimizer != ADAMW:
        return 1.0
    return 1 - own.rate * (settings.optimizer_settings[3] * own.decay)


@kernel
def visit_rows(model: Model, settings: Settings, own: RowStep, numbers: Integers) -> None:
    """The step of the rows that are listed, or those that they have missed.

    The list has for each row its feature, and the last step that it has seen, or `_STEP`; it ends
    with a feature of −1.
    """
    row = window(model.table, own.part[LAYER], COLUMNS)
    d_out, first = row[D_OUT], row[PARAMETERS]
    visits = values_at(row, visits_place(own, numbers), 2 * own.part[UNITS] + 2 + AHEAD)
    before, place = own.part[UNIT] * d_out, 0
    while visits[place] >= 0:
        later = visits[place + AHEAD] * d_out
        ask_for(model.parameters, first + later)
        if own.first.size:
            ask_for(own.first, later - before)
        if own.second.size:
            ask_for(own.second, later - before)
        visit_row(model, settings, own, numbers, visits[place], visits[place + 1])
        place += 2


@kernel
def step_bias(model: Model, settings: Settings, own: RowStep, numbers: Integers) -> None:
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
    corrections = tables_of(settings, own, numbers).corrections
    row_step(settings.optimizer, part, own.t - own.batch, corrections)


@kernel
def list_next_batch(data: Data, own: RowStep, numbers: Integers) -> None:
    """List the rows that the next batch has entries for and that are not up to date."""
    number, parts, batch = part_number(own, numbers), numbers[PARTS], own.batch + 1
    splits = values_at(numbers, numbers[SPLITS], data.n * (parts + 1))
    seen = indices_at(numbers[SEEN], own.part[UNIT] + own.part[UNITS])
    visits = values_at(numbers, visits_place(own, numbers), 2 * own.part[UNITS] + 2)
    address, t, count = numbers[ENTRY_COLUMNS], np.uint32(own.t), 0
    examples = batch_examples(data, batch)
    for i in range(examples):
        later = example_at(data, batch, min(i + _EXAMPLES_AHEAD, examples - 1))
        ask_for(indices_at(address, 0), splits[later * (parts + 1) + number])
        begin = example_at(data, batch, i) * (parts + 1) + number
        first, size = splits[begin], splits[begin + 1] - splits[begin]
        columns = indices_at(address + COLUMN_BYTES * first, size)
        for e in range(size):
            feature = columns[e]
            since = seen[feature]
            visits[count], visits[count + 1] = feature, since
            count += 2 * (since != t)
            seen[feature] = t
    visits[count] = -1


@kernel
def list_all(own: RowStep, numbers: Integers) -> None:
    """List all rows of the part that are not up to date."""
    seen = indices_at(numbers[SEEN] + COLUMN_BYTES * own.part[UNIT], own.part[UNITS])
    visits = values_at(numbers, visits_place(own, numbers), 2 * own.part[UNITS] + 2)
    t, count = np.uint32(own.t), 0
    for place in range(own.part[UNITS]):
        since = seen[place]
        visits[count], visits[count + 1] = own.part[UNIT] + place, since
        count += 2 * (since != t)
        seen[place] = t
    visits[count] = -1
