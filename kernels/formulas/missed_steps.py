"""Steps that an optimizer made while a row of weights had no gradient, made up for later.

A row that no example of a batch has an entry for has the gradient 0, but momentum and averages go
on. With nothing else in the gradient, or an L2 penalty where the step is linear in w and v, all
missed steps together have closed forms (Z. Lipton and C. Elkan, arXiv 1505.06449). Adam's has
none for ε > 0, but a series (`adam_series`). Where that does not converge fast, as for gradients as
small as ε, its steps are made one after the other, with m = β1^k m₀ and √s = β2^(k/2) √s₀ from the
powers, until β1^k has decayed below rounding. The trajectory is that of dense steps but for
rounding.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compile.called import Contract
from ..compile.jit import Doubles, Vector, elementwise, formula
from ..compile.memory import window
from .adam_series import MOST_MISSED, converges, extend_series, make_up_by_series
from .optimizers import (
    CODES,
    Stepped,
    adam_corrections,
    add_penalties,
    fill,
    in_dtype,
    momentum,
    nesterov,
    sgd_step,
)

SGD, MOMENTUM, NESTEROV = CODES["sgd"], CODES["momentum"], CODES["nesterov"]
ADAGRAD, ADAM = CODES["adagrad"], CODES["adam"]
# The optimizers whose steps are linear in w and v.
LINEAR = ("sgd", "momentum", "nesterov")

# Of the first missed step of Adam, what is too small to change w: some bits below rounding.
_BELOW_ROUNDING = 2.0**-6


class Missed(NamedTuple):
    """Steps since + 1 … until, all with one rate."""

    since: int
    until: int
    first_step: int  # of the epoch
    rate: float
    l1: float
    l2: float
    kept: float  # by what AdamW multiplies w before a step; 1 for the others
    row_weights: int  # weights of a row


class Tables(NamedTuple):
    """What the steps of Adam have in common, for all rows of a part."""

    corrections: Doubles  # (steps of an epoch, 2), see `remembered`
    series: Doubles  # (MOST_MISSED + 1, TERMS), see `sum_series`


class Linear(NamedTuple):
    """w ← ww w + wv v, v ← vw w + vv v."""

    ww: float
    wv: float
    vw: float
    vv: float


@formula
def linear_step(optimizer: int, settings: Doubles, rate: float, l2: float) -> Linear:
    """One step with the gradient λ w of `sgd`, `momentum` or `nesterov`."""
    if optimizer == SGD:
        return Linear(1 - rate * l2, 0.0, 0.0, 1.0)
    mu = settings[0]
    if optimizer == MOMENTUM:
        return Linear(1 - rate * l2, -rate * mu, l2, mu)
    return Linear(1 - rate * l2 * (1 + mu), -rate * mu * mu, l2, mu)


@formula
def after(x: Linear, y: Linear) -> Linear:
    """First y, then x."""
    return Linear(
        x.ww * y.ww + x.wv * y.vw, x.ww * y.wv + x.wv * y.vv,
        x.vw * y.ww + x.vv * y.vw, x.vw * y.wv + x.vv * y.vv,
    )  # fmt: skip


@formula
def power(x: Linear, count: int) -> Linear:
    """x, `count` times one after the other."""
    result = Linear(1.0, 0.0, 0.0, 1.0)
    while count > 0:
        if count & 1:
            result = after(x, result)
        x = after(x, x)
        count >>= 1
    return result


@elementwise
def make_up_linear(w: Vector, v: Vector, steps: Linear) -> None:
    """All missed steps of a linear optimizer; v is empty for one without."""
    ww, wv = in_dtype(w, steps.ww), in_dtype(w, steps.wv)
    vw, vv = in_dtype(w, steps.vw), in_dtype(w, steps.vv)
    if v.size:
        for k in range(w.size):
            before = w[k]
            w[k] = ww * before + wv * v[k]
            v[k] = vw * before + vv * v[k]
    else:
        for k in range(w.size):
            w[k] *= ww


@elementwise
def decay(values: Vector, factor: float) -> None:
    """Every element times the factor."""
    number = in_dtype(values, factor)
    for k in range(values.size):
        values[k] *= number


@elementwise
def is_zero(values: Vector) -> bool:
    """Whether all elements are 0."""
    others = 0
    for k in range(values.size):
        others += values[k] != 0
    return others == 0


@formula
def most_adam_steps(w: Vector, settings: Doubles) -> float:
    """After how many missed steps w no longer changes: (β1/√β2)^k is below rounding."""
    ratio = settings[0] / math.sqrt(settings[1])
    epsilon = 2.0**-24 if w.itemsize == 4 else 2.0**-53
    if ratio <= 0:
        return 0.0
    return math.log(_BELOW_ROUNDING * epsilon) / math.log(ratio) if ratio < 1 else math.inf


@elementwise
def sum_series(series: Doubles, corrections: Doubles, settings: Doubles, missed: Missed) -> None:
    """The sums of `adam_series` for all rows that have missed steps up to missed.until.

    corrections is as for `remembered`; of the row's own numbers none is looked at.
    """
    kept = 1.0
    for count in range(1, min(MOST_MISSED, missed.until - missed.first_step + 1) + 1):
        t = missed.until - count + 1
        place = 2 * remembered(corrections, settings, missed.first_step, t)
        weight = missed.rate / corrections[place] * kept
        extend_series(series, settings, count, weight, corrections[place + 1])
        kept *= missed.kept


@elementwise
def make_up_adam(optimizer: int, part: Stepped, missed: Missed, tables: Tables) -> None:
    """The missed steps of Adam and AdamW, by the series where it converges, else row by row."""
    count = missed.until - missed.since
    if converges(part, count):
        make_up_by_series(part, tables.series, count, missed.kept)
    else:
        for first in range(0, part.w.size, missed.row_weights):
            make_up_adam_row(row_of(part, first, missed.row_weights), missed, tables)
    decay(part.first, part.settings[0] ** count)
    decay(part.second, part.settings[1] ** count)


@elementwise
def row_of(part: Stepped, first: int, size: int) -> Stepped:
    """One row of many."""
    return Stepped(
        window(part.w, first, size), window(part.g, first, size), window(part.first, first, size),
        window(part.second, first, size), part.settings, part.rate, part.scale, part.t,
    )  # fmt: skip


@elementwise
def make_up_adam_row(part: Stepped, missed: Missed, tables: Tables) -> None:
    """What a row's missed steps make of w."""
    count = missed.until - missed.since
    if is_zero(part.first):
        if missed.kept != 1:
            decay(part.w, missed.kept**count)
    elif converges(part, count):
        make_up_by_series(part, tables.series, count, missed.kept)
    else:
        make_up_adam_one_by_one(part, missed, tables.corrections)


@elementwise
def make_up_adam_one_by_one(part: Stepped, missed: Missed, corrections: Doubles) -> None:
    """The same, one step after the other until they change nothing. part.g is scratch."""
    w, root, first, second = part.w, part.g, part.first, part.second
    beta1, beta2, epsilon = part.settings[0], part.settings[1], in_dtype(w, part.settings[2])
    count, shrink = missed.until - missed.since, in_dtype(w, missed.kept)
    for k in range(w.size):
        root[k] = math.sqrt(second[k])
    steps = int(min(float(count), most_adam_steps(w, part.settings)))
    of_mean, of_root = 1.0, 1.0  # β1^k and β2^(k/2)
    for step in range(1, steps + 1):
        t = missed.since + step
        place = 2 * remembered(corrections, part.settings, missed.first_step, t)
        of_mean *= beta1
        of_root *= math.sqrt(beta2)
        rate = in_dtype(w, missed.rate / corrections[place] * of_mean)
        scale = in_dtype(w, corrections[place + 1] * of_root)
        for k in range(w.size):
            w[k] = shrink * w[k] - rate * first[k] / (root[k] * scale + epsilon)
    if missed.kept != 1 and steps < count:
        decay(w, missed.kept ** (count - steps))


@elementwise
def remembered(corrections: Doubles, settings: Doubles, first_step: int, t: int) -> int:
    """The place of the corrections of step t among those of the epoch, computed if it is empty.

    corrections is (steps of an epoch, 2), 0 where they are not computed.
    """
    place = t - first_step
    if corrections[2 * place] == 0:
        found = adam_corrections(settings, t)
        corrections[2 * place], corrections[2 * place + 1] = found.mean, found.root
    return place


@elementwise
def make_up_one_by_one(optimizer: int, part: Stepped, missed: Missed) -> None:
    """The missed steps of a linear optimizer with an L1 penalty."""
    for _ in range(missed.until - missed.since):
        fill(part.g, 0.0)
        add_penalties(part.g, part.w, 1.0, missed.l1, missed.l2)
        linear_optimizer_step(optimizer, part)


@elementwise
def linear_optimizer_step(optimizer: int, part: Stepped) -> None:
    """The step of a linear optimizer."""
    if optimizer == SGD:
        sgd_step(part)
    elif optimizer == MOMENTUM:
        momentum(part)
    else:
        nesterov(part)


@elementwise
def make_up_linear_steps(optimizer: int, part: Stepped, missed: Missed, tables: Tables) -> None:
    """The missed steps of a linear optimizer."""
    if missed.l1 > 0:
        make_up_one_by_one(optimizer, part, missed)
    elif optimizer != SGD or missed.l2 > 0:
        steps = linear_step(optimizer, part.settings, missed.rate, missed.l2)
        make_up_linear(part.w, part.first, power(steps, missed.until - missed.since))


@elementwise
def make_up_rmsprop(optimizer: int, part: Stepped, missed: Missed, tables: Tables) -> None:
    """The missed steps of RMSprop, of whose average alone a step without gradient makes less."""
    decay(part.second, part.settings[0] ** (missed.until - missed.since))


# All missed steps of some rows, which have missed the same, by the optimizer's name; part.g is
# scratch, and its scale 1. Adagrad's steps without a gradient do nothing.
MAKE_UPS = {
    **dict.fromkeys(LINEAR, make_up_linear_steps),
    "rmsprop": make_up_rmsprop,
    "adam": make_up_adam,
    "adamw": make_up_adam,
}
# The optimizers whose missed steps are known; with penalties on the weights, the linear ones.
KNOWN = (*MAKE_UPS, "adagrad")

# How they are called by address.
MAKE_UP_CONTRACT = Contract(int, Stepped, Missed, Tables)
