"""The driver's own random numbers, xoshiro256++, and the order of the examples.

Written out so that a seed gives the same batches on every machine and with every NumPy, and so
that a shuffle costs no return to Python. The state is four uint64 words owned by the caller.
Source: D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47
(2021).

An order is a permutation of 0 … n − 1 with some words of the generator as its key. Every place of
it is computed alone, so the CPU computes a vector of places at a time (1.9 ns each; Fisher–Yates,
one after the other, 2.5 ns, and 4 ns for 2²¹), and each thread of a GPU its own. A round moves all
numbers on by an offset, cuts them in two and adds a hash of each half to the other, which can be
undone: a Feistel network, the way from hashes to permutations of M. Luby and C. Rackoff (SIAM J.
Comput. 17, 1988). For shuffles on a GPU: R. Mitchell, D. Stokes, E. Frank and G. Holmes,
"Bandwidth-optimal random shuffling for GPUs", ACM TOPC 9 (2022); there the numbers are a power of
two, and those beyond n are thrown away.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..compile.called import Contract
from ..compile.jit import Integers, Vector, Words, entry, formula, kernel
from ..compile.memory import indices_at, stack_buffer, window

# Of 16 examples and more, any three come to any three places equally often after 6 rounds, as far
# as a million orders tell; of 8, whose halves have one bit and two, all permutations do after 13.
# What is left falls to a fifth with every round, and to a third for the few.
_ROUNDS = 8
_ROUNDS_OF_FEW = 16
_FEW = 16
WORDS = 2  # of the generator for a round
MOST_WORDS = WORDS * _ROUNDS_OF_FEW

# Places that go through a round together: with more they take as long, with 64 a sixth more.
_BLOCK = 256
_KEY_BYTES, _BLOCK_BYTES = 8 * MOST_WORDS, 4 * _BLOCK

_16, _31, _32 = np.uint32(16), np.uint32(31), np.uint64(32)


# (order, state), see `draw_order`.
ORDER = Contract(Integers, Words)


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


class Halves(NamedTuple):
    """How numbers below n are cut in two, all of them uint32.

    The low half has all its values for each of the high half, so up to √(2n) of the largest numbers
    are left out; they move with the offset of the next round.
    """

    n: Any
    bits: Any  # of the low half
    low: Any  # its largest value
    high: Any  # how many values the high half has
    moved: Any  # 2^k − 1 < high, the most by which the high half moves


@formula
def halves(n: int) -> Halves:
    """The two halves, of equal size as nearly as their bits allow; n < 2^32."""
    bits = 1
    while (1 << (2 * bits + 1)) < n:
        bits += 1
    high = n >> bits
    moved = 1
    while 2 * moved <= high:
        moved *= 2
    return Halves(
        np.uint32(n),
        np.uint32(bits),
        np.uint32((1 << bits) - 1),
        np.uint32(high),
        np.uint32(moved - 1),
    )


@formula
def rounds_of(n: int) -> int:
    """How many rounds an order of n examples takes."""
    return _ROUNDS if n >= _FEW else _ROUNDS_OF_FEW


@formula
def turned(number: Any, first: Any, second: Any, cut: Halves) -> Any:
    """One round: a number below n becomes another one, by two words of the key. All are uint32.

    Without a branch, and without 64-bit numbers, so that it becomes vectors of 32-bit ones.
    """
    number = np.uint32(number + np.uint32(((second >> _32) * np.uint64(cut.n)) >> _32))
    number = min(number, np.uint32(number - cut.n))  # modulo n
    high, low = np.uint32(number >> (cut.bits & _31)), np.uint32(number & cut.low)
    key = np.uint32(np.uint32(high * np.uint32(first)) + np.uint32(first >> _32))
    low = np.uint32(np.uint32(low + np.uint32(key >> _16)) & cut.low)
    key = np.uint32(low * np.uint32(second))
    high = np.uint32(high + np.uint32(np.uint32(key >> _16) & cut.moved))
    high = min(high, np.uint32(high - cut.high))
    both = np.uint32(np.uint32(high << (cut.bits & _31)) | low)
    return both if number < np.uint32(cut.high << (cut.bits & _31)) else number


@kernel
def draw_order(order: Vector, state: Vector) -> None:
    """order ← a random permutation of 0 … n − 1, n < 2^32; state is advanced."""
    n = order.size
    cut, words = halves(n), WORDS * rounds_of(n)
    keys = stack_buffer(state, _KEY_BYTES)
    for k in range(words):
        keys[k] = next_word(state)
    # uint32 as the indices at an address are; `state.view` would take 0.2 s to compile.
    numbers = stack_buffer(indices_at(0, 0), _BLOCK_BYTES)
    for start in range(0, n, _BLOCK):
        size = min(_BLOCK, n - start)
        for i in range(size):
            numbers[i] = start + i
        for k in range(0, words, WORDS):
            for i in range(size):
                numbers[i] = turned(numbers[i], keys[k], keys[k + 1], cut)
        for i in range(size):
            order[start + i] = numbers[i]


@entry
def next_order(order: Vector, state: Vector) -> None:
    """`draw_order`, for examples that Python puts in order itself."""
    draw_order(order, state)


@entry
def exchange(leaving: Integers, staying: Integers, holders: Integers, state: Words) -> None:
    """Rows that come, one after the other, take the places of rows drawn from a full buffer.

    Of B places, place j holds row j; the row that comes as number i is row B + i.

    Parameters
    ----------
    leaving : (n,)
        Written: the row whose place row B + i takes.
    staying : (n,)
        Written: the place that row B + i has at the end; −1 if it left again.
    holders : (B,)
        0 … B − 1; scratch that is the same afterwards. B < 2^32.
    state : (4,)
        Of the generator; advanced.
    """
    size = holders.size
    for i in range(leaving.size):
        place = np.int64(((next_word(state) >> _32) * np.uint64(size)) >> _32)
        leaving[i] = holders[place]
        holders[place] = size + i
        staying[i] = place
    for i in range(leaving.size):
        place = staying[i]
        if holders[place] != size + i:
            staying[i] = -1
    for i in range(leaving.size):
        if staying[i] >= 0:
            holders[staying[i]] = staying[i]


@entry
def move_rows(into: Vector, places: Integers, source: Vector, rows: Integers, width: int) -> None:
    """Copy rows of `width` numbers: row places[i] of `into` ← row rows[i] of `source`.

    NumPy takes five times as long to put rows at places, and holds Python meanwhile.
    """
    for i in range(places.size):
        to = window(into, places[i] * width, width)
        of = window(source, rows[i] * width, width)
        for k in range(width):
            to[k] = of[k]
