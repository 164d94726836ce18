"""One step of each optimizer over a part of the flat parameter vector.

g is the gradient of J, weight decay included; α the learning rate, t the number of the step from 1
on. `first` and `second` are the optimizer's own vectors, as long as the parameters, zero before
the first step. Everything is elementwise, so any part of the vectors can be stepped alone.

To add one: its name in `CODES`, its settings in `nnlib/optimizers.py`, a step here, a branch in
`step`.
"""

from __future__ import annotations

import math

from ..compile.jit import Scalar, Vector, elementwise, formula, kernel
from ..compile.memory import window

SGD, MOMENTUM, NESTEROV, RMSPROP, ADAGRAD, ADAM, ADAMW, RPROP = range(8)
CODES = {
    "sgd": SGD,
    "momentum": MOMENTUM,
    "nesterov": NESTEROV,
    "rmsprop": RMSPROP,
    "adagrad": ADAGRAD,
    "adam": ADAM,
    "adamw": ADAMW,
    "rprop": RPROP,
}


@formula
def in_dtype(values: Vector, number: float) -> Scalar:
    """number in the dtype of the vector."""
    return values.dtype.type(number)


@elementwise
def sgd(w: Vector, g: Vector, rate: float, scale: float) -> None:
    """w ← w − α g."""
    step = in_dtype(w, rate * scale)
    for k in range(w.size):
        w[k] -= step * g[k]


@elementwise
def momentum(w: Vector, g: Vector, first: Vector, rate: float, scale: float, mu: float) -> None:
    """v ← μ v + g;  w ← w − α v (B. T. Polyak 1964, in the form of PyTorch)."""
    rate, scale, mu = in_dtype(w, rate), in_dtype(w, scale), in_dtype(w, mu)
    for k in range(w.size):
        first[k] = mu * first[k] + scale * g[k]
        w[k] -= rate * first[k]


@elementwise
def nesterov(w: Vector, g: Vector, first: Vector, rate: float, scale: float, mu: float) -> None:
    """v ← μ v + g;  w ← w − α (g + μ v) (I. Sutskever et al., ICML 2013, as in PyTorch)."""
    rate, scale, mu = in_dtype(w, rate), in_dtype(w, scale), in_dtype(w, mu)
    for k in range(w.size):
        gradient = scale * g[k]
        first[k] = mu * first[k] + gradient
        w[k] -= rate * (gradient + mu * first[k])


@elementwise
def rmsprop(
    w: Vector, g: Vector, second: Vector, rate: float, scale: float, rho: float, epsilon: float
) -> None:
    """s ← ρ s + (1 − ρ) g²;  w ← w − α g/(√s + ε) (T. Tieleman, G. Hinton, lecture 6e, 2012)."""
    keep, new = in_dtype(w, rho), in_dtype(w, 1 - rho)
    rate, scale, epsilon = in_dtype(w, rate), in_dtype(w, scale), in_dtype(w, epsilon)
    for k in range(w.size):
        gradient = scale * g[k]
        second[k] = keep * second[k] + new * gradient * gradient
        w[k] -= rate * gradient / (math.sqrt(second[k]) + epsilon)


@elementwise
def adagrad(
    w: Vector, g: Vector, second: Vector, rate: float, scale: float, epsilon: float
) -> None:
    """s ← s + g²;  w ← w − α g/(√s + ε) (J. Duchi et al., JMLR 12, 2011)."""
    rate, scale, epsilon = in_dtype(w, rate), in_dtype(w, scale), in_dtype(w, epsilon)
    for k in range(w.size):
        gradient = scale * g[k]
        second[k] += gradient * gradient
        w[k] -= rate * gradient / (math.sqrt(second[k]) + epsilon)


@elementwise
def adam(
    w: Vector,
    g: Vector,
    first: Vector,
    second: Vector,
    rate: float,
    scale: float,
    t: int,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """m ← β1 m + (1 − β1) g;  s ← β2 s + (1 − β2) g²;  w ← w − α m̂/(√ŝ + ε).

    m̂ = m/(1 − β1^t), ŝ = s/(1 − β2^t). Source: D. Kingma and J. Ba, ICLR 2015, algorithm 1.
    """
    keep1, new1 = in_dtype(w, beta1), in_dtype(w, 1 - beta1)
    keep2, new2 = in_dtype(w, beta2), in_dtype(w, 1 - beta2)
    step = in_dtype(w, rate / (1 - beta1**t))
    root = in_dtype(w, 1 / math.sqrt(1 - beta2**t))
    scale, epsilon = in_dtype(w, scale), in_dtype(w, epsilon)
    for k in range(w.size):
        gradient = scale * g[k]
        first[k] = keep1 * first[k] + new1 * gradient
        second[k] = keep2 * second[k] + new2 * gradient * gradient
        w[k] -= step * first[k] / (math.sqrt(second[k]) * root + epsilon)


@elementwise
def rprop(
    w: Vector,
    g: Vector,
    before: Vector,
    length: Vector,
    scale: float,
    shrink: float,
    grow: float,
    shortest: float,
    longest: float,
) -> None:
    """Δ ← grow Δ or shrink Δ as g keeps or changes its sign (then g ← 0);  w ← w − sign(g) Δ.

    iRprop− of C. Igel and M. Hüsken, Neurocomputing 50 (2003). `before` holds the last g,
    `length` Δ, which starts at the learning rate.
    """
    zero = in_dtype(w, 0)
    scale, shrink, grow = in_dtype(w, scale), in_dtype(w, shrink), in_dtype(w, grow)
    shortest, longest = in_dtype(w, shortest), in_dtype(w, longest)
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


@kernel
def step(
    code: int,
    w: Vector,
    g: Vector,
    first: Vector,
    second: Vector,
    settings: Vector,
    rate: float,
    scale: float,
    t: int,
) -> None:
    """One step on windows of the same part of every vector; settings are the optimizer's own."""
    if code == SGD:
        sgd(w, g, rate, scale)
    elif code == MOMENTUM:
        momentum(w, g, first, rate, scale, settings[0])
    elif code == NESTEROV:
        nesterov(w, g, first, rate, scale, settings[0])
    elif code == RMSPROP:
        rmsprop(w, g, second, rate, scale, settings[0], settings[1])
    elif code == ADAGRAD:
        adagrad(w, g, second, rate, scale, settings[0])
    elif code in (ADAM, ADAMW):
        adam(w, g, first, second, rate, scale, t, settings[0], settings[1], settings[2])
    elif code == RPROP:
        if t == 1:
            fill(second, rate)
        rprop(w, g, first, second, scale, settings[0], settings[1], settings[2], settings[3])
