"""One step of each optimizer over a part of the flat parameter vector.

g is the gradient of J, weight decay included; α the learning rate, t the number of the step from 1
on. `first` and `second` are the optimizer's own vectors, as long as the parameters, zero before
the first step. Everything is elementwise, so any part of the vectors can be stepped alone.

To add one: its step here, a line in `STEPS`, its settings in `nnlib/optimizers.py`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compile.called import Contract
from ..compile.jit import Doubles, Scalar, Vector, elementwise, formula
from ..compile.memory import window


@formula
def in_dtype(values: Vector, number: float) -> Scalar:
    """number in the dtype of the vector."""
    return values.dtype.type(number)


class Stepped(NamedTuple):
    """A part of the flat vectors, and what its step needs to know."""

    w: Vector
    g: Vector
    first: Vector  # the optimizer's own, or empty
    second: Vector
    settings: Doubles  # the optimizer's own, in the order of its fields
    rate: float
    scale: float  # times g is the gradient of J
    t: int  # the number of the step


@elementwise
def sgd(w: Vector, g: Vector, rate: float, scale: float) -> None:
    """w ← w − α g."""
    step = in_dtype(w, rate * scale)
    for k in range(w.size):
        w[k] -= step * g[k]


@elementwise
def sgd_step(part: Stepped) -> None:
    """w ← w − α g."""
    sgd(part.w, part.g, part.rate, part.scale)


@elementwise
def momentum(part: Stepped) -> None:
    """v ← μ v + g;  w ← w − α v (B. T. Polyak 1964, in the form of PyTorch)."""
    w, g, first = part.w, part.g, part.first
    rate, scale, mu = in_dtype(w, part.rate), in_dtype(w, part.scale), in_dtype(w, part.settings[0])
    for k in range(w.size):
        first[k] = mu * first[k] + scale * g[k]
        w[k] -= rate * first[k]


@elementwise
def nesterov(part: Stepped) -> None:
    """v ← μ v + g;  w ← w − α (g + μ v) (I. Sutskever et al., ICML 2013, as in PyTorch)."""
    w, g, first = part.w, part.g, part.first
    rate, scale, mu = in_dtype(w, part.rate), in_dtype(w, part.scale), in_dtype(w, part.settings[0])
    for k in range(w.size):
        gradient = scale * g[k]
        first[k] = mu * first[k] + gradient
        w[k] -= rate * (gradient + mu * first[k])


@elementwise
def rmsprop(part: Stepped) -> None:
    """s ← ρ s + (1 − ρ) g²;  w ← w − α g/(√s + ε) (T. Tieleman, G. Hinton, lecture 6e, 2012)."""
    w, g, second, rho = part.w, part.g, part.second, part.settings[0]
    keep, new, epsilon = in_dtype(w, rho), in_dtype(w, 1 - rho), in_dtype(w, part.settings[1])
    rate, scale = in_dtype(w, part.rate), in_dtype(w, part.scale)
    for k in range(w.size):
        gradient = scale * g[k]
        second[k] = keep * second[k] + new * gradient * gradient
        w[k] -= rate * gradient / (math.sqrt(second[k]) + epsilon)


@elementwise
def adagrad(part: Stepped) -> None:
    """s ← s + g²;  w ← w − α g/(√s + ε) (J. Duchi et al., JMLR 12, 2011)."""
    w, g, second = part.w, part.g, part.second
    rate, scale = in_dtype(w, part.rate), in_dtype(w, part.scale)
    epsilon = in_dtype(w, part.settings[0])
    for k in range(w.size):
        gradient = scale * g[k]
        second[k] += gradient * gradient
        w[k] -= rate * gradient / (math.sqrt(second[k]) + epsilon)


@elementwise
def adam(part: Stepped) -> None:
    """m ← β1 m + (1 − β1) g;  s ← β2 s + (1 − β2) g²;  w ← w − α m̂/(√ŝ + ε).

    m̂ = m/(1 − β1^t), ŝ = s/(1 − β2^t). Source: D. Kingma and J. Ba, ICLR 2015, algorithm 1.
    """
    adam_step(part, adam_corrections(part.settings, part.t))


class Corrections(NamedTuple):
    """1 − β1^t, by which m is divided in step t, and 1/√(1 − β2^t), by which √s is multiplied."""

    mean: float
    root: float


@formula
def adam_corrections(settings: Doubles, t: int) -> Corrections:
    """The corrections of step t; settings begin with β1 and β2."""
    return Corrections(1 - settings[0] ** t, 1 / math.sqrt(1 - settings[1] ** t))


@elementwise
def adam_step(part: Stepped, corrections: Corrections) -> None:
    """The step of `adam`, for a part of many: the corrections are the same in all."""
    w, g, first, second = part.w, part.g, part.first, part.second
    beta1, beta2 = part.settings[0], part.settings[1]
    keep1, new1 = in_dtype(w, beta1), in_dtype(w, 1 - beta1)
    keep2, new2 = in_dtype(w, beta2), in_dtype(w, 1 - beta2)
    step, root = in_dtype(w, part.rate / corrections.mean), in_dtype(w, corrections.root)
    scale, epsilon = in_dtype(w, part.scale), in_dtype(w, part.settings[2])
    for k in range(w.size):
        gradient = scale * g[k]
        first[k] = keep1 * first[k] + new1 * gradient
        second[k] = keep2 * second[k] + new2 * gradient * gradient
        w[k] -= step * first[k] / (math.sqrt(second[k]) * root + epsilon)


@elementwise
def rprop(part: Stepped) -> None:
    """Δ ← grow Δ or shrink Δ as g keeps or changes its sign (then g ← 0);  w ← w − sign(g) Δ.

    iRprop− of C. Igel and M. Hüsken, Neurocomputing 50 (2003). `first` holds the last g,
    `second` Δ, which starts at the learning rate.
    """
    w, g, before, length, settings = part.w, part.g, part.first, part.second, part.settings
    if part.t == 1:
        fill(length, part.rate)
    zero, scale = in_dtype(w, 0), in_dtype(w, part.scale)
    shrink, grow = in_dtype(w, settings[0]), in_dtype(w, settings[1])
    shortest, longest = in_dtype(w, settings[2]), in_dtype(w, settings[3])
    for k in range(w.size):
        gradient = scale * g[k]
        agreement = gradient * before[k]
        delta = length[k]
        if agreement > zero:
            delta = min(delta * grow, longest)
        elif agreement < zero:
            delta = max(delta * shrink, shortest)
            gradient = zero
        length[k] = delta
        before[k] = gradient
        if gradient > zero:
            w[k] -= delta
        elif gradient < zero:
            w[k] += delta


@elementwise
def fill(values: Vector, value: float) -> None:
    """Every element ← value."""
    number = in_dtype(values, value)
    for k in range(values.size):
        values[k] = number


@elementwise
def shrink_weights(weight: Vector, factor: float) -> None:
    """w ← factor · w."""
    number = in_dtype(weight, factor)
    for k in range(weight.size):
        weight[k] *= number


@elementwise
def add_chunks(gradient: Vector, first: int, last: int, size: int, chunks: int) -> None:
    """g_k ← Σ_c g_ck for first ≤ k < last, in the order of the chunks; g_c is (size,)."""
    total = window(gradient, first, last - first)
    for chunk in range(1, chunks):
        part = window(gradient, chunk * size + first, last - first)
        for k in range(total.size):
            total[k] += part[k]


@elementwise
def add_penalties(g: Vector, w: Vector, scale: float, l1: float, l2: float) -> None:
    """g ← g + (λ w + λ₁ sign(w))/scale: the step multiplies by scale, which is not for these."""
    square, absolute = in_dtype(w, l2 / scale), in_dtype(w, l1 / scale)
    zero = in_dtype(w, 0)
    for k in range(w.size):
        sign = absolute if w[k] > zero else (-absolute if w[k] < zero else zero)
        g[k] += square * w[k] + sign


@elementwise
def clip_value(g: Vector, limit: float) -> None:
    """g ← min(max(g, −limit), limit)."""
    high = in_dtype(g, limit)
    for k in range(g.size):
        g[k] = min(max(g[k], -high), high)


# The step of each optimizer, in the order of their codes. AdamW's decay comes before it.
STEPS = {
    "sgd": sgd_step,
    "momentum": momentum,
    "nesterov": nesterov,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adam": adam,
    "adamw": adam,
    "rprop": rprop,
}
CODES = {name: code for code, name in enumerate(STEPS)}
SGD, ADAMW = CODES["sgd"], CODES["adamw"]

# How a step is called by address.
STEP_CONTRACT = Contract(Stepped)
