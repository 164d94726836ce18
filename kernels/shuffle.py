"""The driver's own random numbers: xoshiro256++, and the shuffle of the examples.

Written out so that a seed gives the same batches on every machine and with every NumPy, and so
that a shuffle costs no return to Python. The state is four uint64 words owned by the caller.
Source: D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47
(2021); the bounded draw is D. Lemire's, ACM TOMACS 29 (2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import Vector, entry, kernel

_SHIFT_32 = np.uint64(32)
_LOW_32 = np.uint64(0xFFFFFFFF)


@kernel
def _rotate_left(x: Any, k: Any) -> Any:
    return (x << np.uint64(k)) | (x >> np.uint64(64 - k))


@kernel
def next_word(state: Vector) -> Any:
    """The next 64 random bits; state (4,) uint64 is advanced in place."""
    result = _rotate_left(state[0] + state[3], 23) + state[0]
    t = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= t
    state[3] = _rotate_left(state[3], 45)
    return result


@kernel
def next_below(state: Vector, bound: int) -> Any:
    """A uniform integer in [0, bound), bound < 2^32, without bias."""
    limit = np.uint64(bound)
    product = (next_word(state) >> _SHIFT_32) * limit
    if (product & _LOW_32) < limit:
        threshold = (np.uint64(0x100000000) - limit) % limit
        while (product & _LOW_32) < threshold:
            product = (next_word(state) >> _SHIFT_32) * limit
    return np.int64(product >> _SHIFT_32)


@kernel
def shuffle(order: Vector, state: Vector) -> None:
    """order ← a uniform permutation of what it holds, in place (Fisher–Yates)."""
    for i in range(order.size - 1, 0, -1):
        j = next_below(state, i + 1)
        order[i], order[j] = order[j], order[i]


@kernel
def draw_order(order: Vector, state: Vector) -> None:
    """order ← a uniform permutation of 0 … n − 1.

    Always from the order of the data, so that a later descent goes on with the same bits.
    """
    for k in range(order.size):
        order[k] = k
    shuffle(order, state)


@entry
def next_order(order: Vector, state: Vector) -> None:
    """`draw_order`, for examples that Python puts in order itself."""
    draw_order(order, state)
