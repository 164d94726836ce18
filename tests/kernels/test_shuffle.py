"""The driver's random numbers and its shuffle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from nnlib.kernels import shuffle as kernels
from nnlib.kernels.jit import entry
from nnlib.kernels.memory import window
from tests.shuffle_reference import Xoshiro256PlusPlus


@entry
def words(out, state):
    for i in range(out.size):
        out[i] = kernels.next_word(state)


@entry
def below(out, state, bound):
    for i in range(out.size):
        out[i] = kernels.next_below(state, bound)


@entry
def shuffle(order, state):
    kernels.shuffle(order, state)


@entry
def many_shuffles(places, state, size):
    """places ← the permutations of `size` things, one after the other."""
    for first in range(0, places.size, size):
        for i in range(size):
            places[first + i] = i
        kernels.shuffle(window(places, first, size), state)


@pytest.fixture
def state():
    """A state without any pattern in its bits."""
    return np.random.SeedSequence(7).generate_state(4, np.uint64)


def test_words_of_a_known_state():
    # The first words of the authors' C program for the state 1, 2, 3, 4, as rand_xoshiro tests it.
    out = np.empty(10, np.uint64)
    words(out, np.array([1, 2, 3, 4], np.uint64))
    assert out.tolist() == [
        41943041,
        58720359,
        3588806011781223,
        3591011842654386,
        9228616714210784205,
        9973669472204895162,
        14011001112246962877,
        12406186145184390807,
        15849039046786891736,
        10450023813501588000,
    ]


def test_words_follow_the_reference(state):
    reference = Xoshiro256PlusPlus(state)
    out = np.empty(1000, np.uint64)
    words(out, state)
    assert out.tolist() == [reference.next_word() for _ in out]
    assert state.tolist() == reference.state


# 3 · 2^30 refuses a quarter of all words, so the way around is taken often.
@pytest.mark.parametrize("bound", [1, 2, 7, 60, 3 * 2**30, 2**32 - 1])
def test_bounded_numbers_follow_the_reference(state, bound):
    reference = Xoshiro256PlusPlus(state)
    out = np.empty(300, np.int64)
    below(out, state, bound)
    assert out.tolist() == [reference.next_below(bound) for _ in out]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 17, 1000])
def test_shuffle_follows_the_reference(state, size):
    reference = Xoshiro256PlusPlus(state)
    order = np.arange(size)
    expected = list(range(size))
    for _ in range(2):
        shuffle(order, state)
        reference.shuffle(expected)
        assert order.tolist() == expected
    assert sorted(order.tolist()) == list(range(size))


def test_an_order_starts_from_that_of_the_data(state):
    order, expected = np.full(17, -1), list(range(17))
    Xoshiro256PlusPlus(state).shuffle(expected)
    kernels.next_order(order, state)
    assert order.tolist() == expected


def test_every_permutation_is_equally_likely(state):
    count, size = 24_000, 4
    places = np.empty(count * size, np.int64)
    many_shuffles(places, state, size)
    found = places.reshape(count, size) @ size ** np.arange(size)
    permutations = [np.dot(p, size ** np.arange(size)) for p in itertools.permutations(range(size))]
    observed = [np.count_nonzero(found == code) for code in permutations]
    assert sum(observed) == count
    assert stats.chisquare(observed).pvalue > 0.001
