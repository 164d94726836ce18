"""The driver's random numbers in plain Python integers, written from the papers, not from nnlib.

xoshiro256++: D. Blackman and S. Vigna, ACM TOMS 47 (2021).
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

    def next_order(self, n):
        """A permutation of 0 … n − 1 by a Feistel network over the pairs (high, low)."""
        low_values = 2 ** max((n - 1).bit_length() // 2, 1)
        rounds = [[self.next_word() for _ in range(2)] for _ in range(8 if n >= 16 else 16)]
        return [self._place(i, n, low_values, n // low_values, rounds) for i in range(n)]

    def exchanged(self, size, count):
        """The rows that leave a buffer of rows 0 … size − 1 as others come, and what is left."""
        buffer, left = list(range(size)), []
        for number in range(size, size + count):
            place = (self.next_word() >> 32) * size // 2**32
            left.append(buffer[place])
            buffer[place] = number
        return left, buffer

    @staticmethod
    def _place(i, n, low_values, high_values, rounds):
        for first, second in rounds:
            i = (i + (second >> 32) * n // 2**32) % n
            high, low = divmod(i, low_values)
            if high >= high_values:
                continue
            low = (low + ((first % 2**32 * high + (first >> 32)) % 2**32 >> 16)) % low_values
            step = (second % 2**32 * low % 2**32 >> 16) % 2 ** (high_values.bit_length() - 1)
            i = (high + step) % high_values * low_values + low
        return i
