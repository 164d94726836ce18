"""NumPy's seeds and random numbers for many seeds at once, with NumPy's own bits.

A `SeedSequence` and a `Generator` for every network would take 20 µs each, as long as the whole
descent of one takes. Here every step is one operation on arrays with an element per seed. Sources:
NumPy's documentation of `SeedSequence` (after M. E. O'Neill's seed_seq_fe) and of `PCG64`
(M. E. O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for
random number generation", Harvey Mudd College 2014), variant XSL-RR 128/64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_WORDS = 4  # 32 bits each: the pool of a SeedSequence
_INIT_A, _MULTIPLIER_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULTIPLIER_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
_PCG_HIGH, _PCG_LOW = 2549297995355413924, 4865540595714422341


class _Hash:
    """The hash of a SeedSequence; its constant goes on with every use, the same for all seeds."""

    def __init__(self, start: int, multiplier: int) -> None:
        self._constant, self._multiplier = start, multiplier

    def __call__(self, words: Array) -> Array:
        words = words ^ np.uint32(self._constant)
        self._constant = self._constant * self._multiplier % 2**32
        words = words * np.uint32(self._constant)
        return _folded(words)


def seed_words(seeds: Any) -> Array:
    """Seeds below 2⁶⁴ as words of 32 bits, the lowest first, shape (4, n).

    >>> seed_words([1, 2**32]).tolist()
    [[1, 0], [0, 1], [0, 0], [0, 0]]
    """
    seeds = np.array(seeds, np.uint64)
    pair = [seeds & np.uint64(0xFFFFFFFF), seeds >> np.uint64(32)]
    return np.array([*pair, *np.zeros((_WORDS - 2, len(seeds)), np.uint64)], np.uint32)


def child_state(words: Array, child: int) -> Array:
    """`SeedSequence(seed).spawn(…)[child].generate_state(4, uint64)` of every seed, shape (4, n).

    >>> expected = np.random.SeedSequence(7).spawn(2)[1].generate_state(4, np.uint64)
    >>> bool((child_state(seed_words([7]), 1)[:, 0] == expected).all())
    True
    """
    mix_hash = _Hash(_INIT_A, _MULTIPLIER_A)
    pool = [mix_hash(word) for word in words]
    for source in range(_WORDS):
        for target in range(_WORDS):
            if source != target:
                pool[target] = _mixed(pool[target], mix_hash(pool[source]))
    key = np.full(words.shape[1], child, np.uint32)
    pool = [_mixed(word, mix_hash(key)) for word in pool]
    out_hash = _Hash(_INIT_B, _MULTIPLIER_B)
    state = [out_hash(pool[place % _WORDS]).astype(np.uint64) for place in range(8)]
    return np.array([state[k] | state[k + 1] << np.uint64(32) for k in range(0, 8, 2)])


def _mixed(x: Array, y: Array) -> Array:
    return _folded(_MIX_LEFT * x - _MIX_RIGHT * y)


def _folded(words: Array) -> Array:
    """The upper half of each word added to its lower one, without carry."""
    folded: Array = words ^ (words >> np.uint32(16))
    return folded


def doubles(state: Array, count: int) -> Array:
    """`default_rng(child).random(count)` of every child, from its `child_state`: (n, count).

    >>> child = np.random.SeedSequence(7).spawn(1)[0]
    >>> drawn = doubles(child_state(seed_words([7]), 0), 3)
    >>> bool((drawn[0] == np.random.default_rng(child).random(3)).all())
    True
    """
    one = np.uint64(1)
    increment = state[2] << one | state[3] >> np.uint64(63), state[3] << one | one
    # The first step of all starts from 0 and gives the increment.
    high, low = _step(_sum(increment, (state[0], state[1])), increment)
    out = np.empty((count, state.shape[1]))
    for row in out:
        high, low = _step((high, low), increment)
        turn = high >> np.uint64(58)
        word = high ^ low
        word = word >> turn | word << (np.uint64(64) - turn) % np.uint64(64)
        row[:] = (word >> np.uint64(11)) * 2.0**-53
    return out.T


def _sum(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    """a + b modulo 2^128, numbers as (high, low)."""
    low = a[1] + b[1]
    return a[0] + b[0] + (low < a[1]), low


def _step(state: tuple[Array, Array], increment: tuple[Array, Array]) -> tuple[Array, Array]:
    """state · multiplier + increment modulo 2^128."""
    high, low = state
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    factor = np.uint64(_PCG_LOW & 0xFFFFFFFF), np.uint64(_PCG_LOW >> 32)
    bottom, top = low & mask, low >> half
    # The upper 64 bits of low · _PCG_LOW, from products of 32-bit halves.
    middle = bottom * factor[1] + (bottom * factor[0] >> half)
    crossed = top * factor[0] + (middle & mask)
    carried = top * factor[1] + (middle >> half) + (crossed >> half)
    high = carried + high * np.uint64(_PCG_LOW) + low * np.uint64(_PCG_HIGH)
    return _sum((high, low * np.uint64(_PCG_LOW)), increment)
