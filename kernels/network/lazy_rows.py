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

from ..compile.called import Contract
from ..compile.jit import Integers, Vector, entry, kernel
from ..compile.memory import indices_at, values_at, window
from ..compile.vectors import LANES, load_lanes, multiply_add, spread, store_lanes
from ..formulas.missed_steps import Missed, make_up, row_step
from ..formulas.optimizers import ADAMW, Stepped, add_penalties, clip_value, fill, shrink_weights
from ..layers.operations import COLUMNS, D_OUT, LAZY_NUMBERS, PARAMETERS, TRANSPOSED
from ..layers.parts import FIRST, LAST, LAYER, UNIT, UNITS, WEIGHTS
from ..layers.sparse import RECORD, entries_of
from .problem import Data, Model, Settings, batch_examples

# The numbers of a lazy layer, int64, at the address in its row: addresses of arrays, and sizes.
(
    SEEN,  # int64 (features,): the last step that each row of W has made
    TOUCHED,  # int64 (features + parts,): the features of the batch, part by part, and −1
    SPLITS,  # int64 (n, parts + 1): of each example the entry with which each part begins
    ENTRY_COLUMNS,  # uint32 (entries,)
    ENTRY_VALUES,  # (entries,), or 0: all are 1
    CORRECTIONS,  # float64 (parts, steps of an epoch, 2): see `missed_steps.remembered`
    PARTS,  # how many parts W has
    PART_FEATURES,  # features of each part but the last
    STEPS,  # steps of an epoch
) = range(9)
NUMBERS = 9
# Of an entry's column.
COLUMN_BYTES = 4


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
    step_touched(model, settings, own, numbers)
    if own.part[LAST] - own.part[FIRST] > own.part[WEIGHTS]:
        step_bias(model, settings, own, numbers)
    if (own.batch + 1) * data.batch_size < data.n:
        make_up_for_batch(model, data, settings, own, numbers)
    else:
        for place in range(own.part[UNITS]):
            make_up_for_row(model, settings, own, numbers, own.part[UNIT] + place)


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
def touched_place(own: RowStep, numbers: Integers) -> int:
    """Where the part's touched features begin: each part has one number more than features."""
    return own.part[UNIT] + part_number(own, numbers)


@kernel
def make_gradient(
    model: Model, data: Data, settings: Settings, own: RowStep, numbers: Integers
) -> None:
    """∇w_f ← Σ_s x_sf δ_s for the features of the part that the batch has; the others stay 0.

    Notes these features as touched, and as having seen this step. ∇b ← Σ_s δ_s in the last part.
    """
    row = window(model.table, own.part[LAYER], COLUMNS)
    d_out, lanes, parts = row[D_OUT], settings.lanes, numbers[PARTS]
    number, place = part_number(own, numbers), touched_place(own, numbers)
    seen = values_at(row, numbers[SEEN], own.part[UNIT] + own.part[UNITS])
    touched = values_at(row, numbers[TOUCHED], place + own.part[UNITS] + 1)
    splits = values_at(row, numbers[SPLITS], data.n * (parts + 1))
    bias_first = own.part[FIRST] + own.part[WEIGHTS]
    bias = window(model.gradient, bias_first, own.part[LAST] - bias_first)
    for j in range(bias.size):
        bias[j] = 0
    count = place
    for i in range(batch_examples(data, own.batch)):
        begin = example_at(data, own.batch, i) * (parts + 1) + number
        first, last = splits[begin], splits[begin + 1]
        chunk, lane = i // lanes, i % lanes
        delta = window(
            model.deltas,
            (chunk * settings.units + row[TRANSPOSED]) * lanes + lane * d_out,
            d_out,
        )
        columns = indices_at(numbers[ENTRY_COLUMNS], last)
        values = values_at(delta, numbers[ENTRY_VALUES], last)
        for e in range(first, last):
            feature = int(columns[e])
            touched[count] = feature
            count += seen[feature] != own.t
            seen[feature] = own.t
            x = values[e] if numbers[ENTRY_VALUES] else delta.dtype.type(1)
            gradient = window(model.gradient, row[PARAMETERS] + feature * d_out, d_out)
            add_multiple(gradient, x, delta)
        if bias.size:
            add_multiple(bias, delta.dtype.type(1), delta)
    touched[count] = -1


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
        count = 2 * numbers[STEPS]
        address = numbers[CORRECTIONS] + 8 * count * part_number(own, numbers)
        corrections = values_at(settings.optimizer_settings, address, count)
        for k in range(count):
            corrections[k] = 0


@kernel
def visit_row(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, feature: int, since: int
) -> None:
    """The step of a row of W, or if `since` is at least 0 the steps from that one on, missed."""
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
    missed = Missed(
        since=since,
        until=own.t,
        first_step=own.t - own.batch,
        rate=own.rate,
        l1=rules.l1 * own.decay,
        l2=rules.l2 * own.decay,
        kept=kept_by_decay(settings, own),
    )
    count = 2 * numbers[STEPS]
    address = numbers[CORRECTIONS] + 8 * count * part_number(own, numbers)
    corrections = values_at(settings.optimizer_settings, address, count)
    if since >= 0:
        make_up(settings.optimizer, part, missed, corrections)
        return
    if missed.l1 > 0 or missed.l2 > 0:
        add_penalties(part.g, part.w, own.scale, missed.l1, missed.l2)
    if rules.clip_value > 0:
        clip_value(part.g, rules.clip_value / own.scale)
    if settings.optimizer == ADAMW:
        shrink_weights(part.w, missed.kept)
    row_step(settings.optimizer, part, missed.first_step, corrections)
    fill(part.g, 0.0)


@kernel
def kept_by_decay(settings: Settings, own: RowStep) -> float:
    """By what AdamW multiplies a weight before its step; 1 for other optimizers."""
    if settings.optimizer != ADAMW:
        return 1.0
    return 1 - own.rate * (settings.optimizer_settings[3] * own.decay)


@kernel
def step_touched(model: Model, settings: Settings, own: RowStep, numbers: Integers) -> None:
    """The step of the rows that the batch has entries for."""
    place = touched_place(own, numbers)
    touched = values_at(numbers, numbers[TOUCHED], place + own.part[UNITS] + 1)
    while touched[place] >= 0:
        visit_row(model, settings, own, numbers, touched[place], -1)
        place += 1


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
    count = 2 * numbers[STEPS]
    address = numbers[CORRECTIONS] + 8 * count * part_number(own, numbers)
    corrections = values_at(settings.optimizer_settings, address, count)
    row_step(settings.optimizer, part, own.t - own.batch, corrections)


@kernel
def make_up_for_batch(
    model: Model, data: Data, settings: Settings, own: RowStep, numbers: Integers
) -> None:
    """Bring the rows up to date that the next batch has entries for."""
    number, parts, batch = part_number(own, numbers), numbers[PARTS], own.batch + 1
    splits = values_at(numbers, numbers[SPLITS], data.n * (parts + 1))
    for i in range(batch_examples(data, batch)):
        begin = example_at(data, batch, i) * (parts + 1) + number
        columns = indices_at(numbers[ENTRY_COLUMNS], splits[begin + 1])
        for e in range(splits[begin], splits[begin + 1]):
            make_up_for_row(model, settings, own, numbers, int(columns[e]))


@kernel
def make_up_for_row(
    model: Model, settings: Settings, own: RowStep, numbers: Integers, feature: int
) -> None:
    """Bring a row up to date."""
    seen = values_at(numbers, numbers[SEEN], feature + 1)
    since = seen[feature]
    if since < own.t:
        seen[feature] = own.t
        visit_row(model, settings, own, numbers, feature, since)


@entry
def find_splits(
    splits: Integers, records: Vector, columns: int, part_features: int, parts: int
) -> None:
    """splits (n, parts + 1) ← the entries at which the parts of W begin in each example, and end.

    records (n, RECORD) are the examples; entries are counted from the address `columns` on.
    """
    for s in range(records.size // RECORD):
        entries = entries_of(records, s * RECORD, 1)
        begin = (entries.columns - columns) // COLUMN_BYTES
        own = indices_at(entries.columns, entries.size)
        for part in range(parts + 1):
            low, high = 0, entries.size
            while low < high:
                middle = (low + high) // 2
                if int(own[middle]) < part * part_features:
                    low = middle + 1
                else:
                    high = middle
            splits[s * (parts + 1) + part] = begin + (low if part < parts else entries.size)
