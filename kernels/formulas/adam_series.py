"""Adam's missed steps all at once, by a series in ε/√s.

A row of weights without a gradient makes, k steps after its m and s were current, the step
w ← κ w − α c β1^k m/(√s β2^(k/2) r + ε), with c = 1/(1 − β1^t) and r = 1/√(1 − β2^t) of that step,
and κ for AdamW's decay. With q = ε/√s and d = β2^(−k/2)/r it is α c β1^k (m/√s) d/(1 + q d), and
1/(1 + q d) = 1 − q d + q² d² − q³ d³ + … The sums over k of what stands beside m/√s and powers of q
are the same for all rows that missed the same number of steps. They follow from one another, so the
sums of all numbers of missed steps cost as much as one row, and a row costs as much as one step.
"""

from __future__ import annotations

import math

from ..compile.jit import Doubles, elementwise
from .optimizers import Stepped, in_dtype

# Terms of the series, and the most missed steps for which there are sums.
TERMS, MOST_MISSED = 4, 128
SERIES_SIZE = TERMS * (MOST_MISSED + 1)


@elementwise
def extend_series(
    series: Doubles, settings: Doubles, missed: int, weight: float, root: float
) -> None:
    """The sums of `missed` steps, from those of one less; missed ≥ 1.

    series is (MOST_MISSED + 1, TERMS), row 0 all 0. The first of these steps has the given root r
    and the weight α c κ^(missed − 1), for it is followed by missed − 1 others.
    """
    factor, term = settings[0], weight
    for j in range(TERMS):
        factor /= math.sqrt(settings[1])
        term /= root
        place = TERMS * missed + j
        series[place] = factor * (term + series[place - TERMS])


@elementwise
def converges(part: Stepped, missed: int) -> bool:
    """Whether the series gives a row's missed steps but for rounding."""
    beta1, beta2, epsilon = part.settings[0], part.settings[1], part.settings[2]
    if missed > MOST_MISSED or beta1 >= beta2 * beta2:
        return False
    # q d is below this, so that its fourth power is below rounding.
    bound = 2.0**-6 if part.w.itemsize == 4 else 2.0**-13
    least = in_dtype(part.w, min((epsilon / (bound * beta2 ** (0.5 * missed))) ** 2, 1e30))
    zero, small = in_dtype(part.w, 0), 0
    for k in range(part.w.size):
        small += part.first[k] != zero and part.second[k] <= least
    return small == 0


@elementwise
def make_up_by_series(part: Stepped, series: Doubles, missed: int, kept: float) -> None:
    """w ← κ^missed w − (m/√s) Σ_j (−q)^j series_j; m and s stay."""
    w, first, second = part.w, part.first, part.second
    place = TERMS * missed
    a, b = in_dtype(w, series[place]), in_dtype(w, series[place + 1])
    c, d = in_dtype(w, series[place + 2]), in_dtype(w, series[place + 3])
    epsilon, shrink = in_dtype(w, part.settings[2]), in_dtype(w, kept**missed)
    zero, one = in_dtype(w, 0), in_dtype(w, 1)
    for k in range(w.size):
        inverse = one / math.sqrt(second[k] if first[k] != zero else one)
        q = epsilon * inverse
        w[k] = shrink * w[k] - first[k] * inverse * (a - q * (b - q * (c - q * d)))
