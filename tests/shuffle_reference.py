"""The driver's random numbers in plain Python integers, written from the papers, not from nnlib.

xoshiro256++: D. Blackman and S. Vigna, ACM TOMS 47 (2021). Bounded numbers without bias: D. Lemire,
ACM TOMACS 29 (2019). Shuffle: R. Durstenfeld, CACM 7 (1964), from the last place to the first.
"""

from __future__ import annotations

WORD = 2**64


def rotate_left(x, k):
    """The 64 bits of x, rotated."""
    return (x << k | x >> (64 - k)) % WORD


class Xoshiro256PlusPlus:
    """The generator from a state of four 64-bit words."""

    def __init__(self, state):
        self.state = [int(word) for word in state]

    def next_word(self):
        """The next 64 bits."""
        s0, s1, s2, s3 = self.state
        result = (rotate_left((s0 + s3) % WORD, 23) + s0) % WORD
        s2 ^= s0
        s3 ^= s1
        self.state = [s0 ^ s3, s1 ^ s2, s2 ^ (s1 << 17) % WORD, rotate_left(s3, 45)]
        return result

    def next_below(self, bound):
        """A uniform integer in [0, bound), from the upper 32 bits of a word."""
        while True:
            product = (self.next_word() >> 32) * bound
            if product % 2**32 >= 2**32 % bound:
                return product >> 32

    def shuffle(self, order):
        """The order, shuffled in place."""
        for i in reversed(range(1, len(order))):
            j = self.next_below(i + 1)
            order[i], order[j] = order[j], order[i]
