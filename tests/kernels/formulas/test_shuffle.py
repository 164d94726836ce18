"""The driver's random numbers and its shuffle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.compile.memory import window
from nnlib.kernels.formulas import shuffle as kernels
from tests.kernels.formulas.shuffle_reference import Xoshiro256PlusPlus

# The p-value under which a test fails: so rare by chance, were the orders random.
UNLIKELY = 1e-4


@entry
def words(out, state):
    for i in range(out.size):
        out[i] = kernels.next_word(state)


@entry
def many_orders(places, state, size):
    """places ← the orders of `size` examples in one epoch after the other."""
    for first in range(0, places.size, size):
        kernels.draw_order(window(places, first, size), state)


@entry
def orders_of_rounds(places, state, size, rounds):
    """The same with another number of rounds."""
    cut = kernels.halves(size)
    for first in range(0, places.size, size):
        for i in range(size):
            places[first + i] = i
        for _ in range(rounds):
            one, two = kernels.next_word(state), kernels.next_word(state)
            for i in range(first, first + size):
                places[i] = kernels.turned(np.uint32(places[i]), one, two, cut)


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


# Both sides of where the halves change, of the few that take more rounds, and of a block.
@pytest.mark.parametrize("size", [*range(20), 31, 32, 33, 64, 65, 255, 256, 257, 1000, 70_000])
def test_orders_follow_the_reference(state, size):
    reference = Xoshiro256PlusPlus(state)
    order = np.full(size, -1)
    for _ in range(2):  # from the order of the data, whatever stood there
        kernels.next_order(order, state)
        assert order.tolist() == reference.next_order(size)
        assert sorted(order.tolist()) == list(range(size))
    assert state.tolist() == reference.state


@pytest.mark.parametrize(("size", "count"), [(1, 5), (7, 0), (7, 3), (7, 100), (1000, 300)])
def test_rows_that_come_take_places_as_in_the_reference(state, size, count):
    reference, holders = Xoshiro256PlusPlus(state), np.arange(size)
    leaving, staying = np.full((2, count), -9)
    for _ in range(2):
        kernels.exchange(leaving, staying, holders, state)
        left, buffer = reference.exchanged(size, count)
        assert leaving.tolist() == left
        places = dict(zip(staying.tolist(), range(size, size + count), strict=True))
        places.pop(-1, None)
        assert [places.get(place, place) for place in range(size)] == buffer
        assert holders.tolist() == list(range(size))
    assert state.tolist() == reference.state


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 5])
def test_rows_are_moved(rng, dtype, width):
    source = rng.normal(size=(9, width)).astype(dtype)
    into = np.zeros((20, width), dtype)
    places, rows = rng.permutation(20)[:7], rng.integers(0, 9, 7)
    kernels.move_rows(into.reshape(-1), places, source.reshape(-1), rows, width)
    wanted = np.zeros_like(into)
    wanted[places] = source[rows]
    np.testing.assert_array_equal(into, wanted)


def test_the_largest_numbers_have_two_halves():
    cut = kernels.halves.py_func(2**32 - 1)
    assert (cut.bits, cut.high, cut.moved) == (16, 2**16 - 1, 2**15 - 1)


class TestStatistics:
    """Orders are as random as so many of them tell; with fewer rounds they are not.

    Seeds are fixed, so what passes once passes always.
    """

    @staticmethod
    def permutations(places, size):
        """How often each permutation occurs."""
        orders = places.reshape(-1, size)
        rank = np.zeros(len(orders), np.int64)
        for i in range(size):  # Lehmer's code, in the factorial number system
            smaller = (orders[:, i + 1 :] < orders[:, i : i + 1]).sum(axis=1)
            rank = rank * (size - i) + smaller
        return np.bincount(rank, minlength=math.factorial(size))

    @staticmethod
    def triples(places, size):
        """How often each three examples stand at three places of the order."""
        first, second, third = places.reshape(-1, size)[:, [0, size // 2, 3]].T
        found = np.bincount((first * size + second) * size + third, minlength=size**3)
        i, j, k = np.indices((size,) * 3).reshape(3, -1)
        return found[(i != j) & (i != k) & (j != k)]

    @pytest.mark.parametrize(
        ("size", "count"),
        [(2, 10**5), (3, 10**5), (4, 10**5), (5, 10**5), (6, 500_000), (7, 500_000)],
    )
    def test_every_permutation_is_equally_likely(self, state, size, count):
        places = np.empty(count * size, np.int64)
        many_orders(places, state, size)
        assert stats.chisquare(self.permutations(places, size)).pvalue > UNLIKELY

    @pytest.mark.parametrize("size", [9, 12, 15, 16, 17, 20, 24])
    def test_three_places_hold_any_three_examples(self, state, size):
        places = np.empty(200_000 * size, np.int64)
        many_orders(places, state, size)
        assert stats.chisquare(self.triples(places, size)).pvalue > UNLIKELY

    @pytest.mark.parametrize(
        ("size", "rounds", "tally"),
        [(4, 3, permutations), (6, 6, permutations), (12, 4, triples), (16, 4, triples)],
    )
    def test_fewer_rounds_are_told_apart(self, state, size, rounds, tally):
        places = np.empty(200_000 * size, np.int64)
        orders_of_rounds(places, state, size, rounds)
        assert stats.chisquare(tally(places, size)).pvalue < 1e-6

    @pytest.mark.parametrize(("size", "count"), [(60, 20_000), (100, 20_000)])
    def test_every_example_comes_to_every_place(self, state, size, count):
        """Also from the place that it had in the epoch before."""
        places = np.empty(count * size, np.int64)
        many_orders(places, state, size)
        orders = places.reshape(-1, size)
        i = np.arange(size)
        for before, after in (
            (np.broadcast_to(i, orders.shape), orders),
            (orders[:-1], orders[1:]),
        ):
            found = np.bincount((before * size + after).ravel(), minlength=size**2)
            # Rows and columns of a permutation add up to 1, so (size − 1)² counts are free.
            expected = len(after) / size
            squares = ((found - expected) ** 2).sum() / expected * (size - 1) / size
            assert stats.chi2.sf(squares, (size - 1) ** 2) > UNLIKELY

    @pytest.mark.parametrize(("size", "count"), [(60, 50_000), (1797, 4000), (2048, 4000)])
    def test_examples_that_stay_are_as_many_as_by_chance(self, state, size, count):
        places = np.empty(count * size, np.int64)
        many_orders(places, state, size)
        fixed = (places.reshape(-1, size) == np.arange(size)).sum(axis=1)
        found = np.bincount(np.minimum(fixed, 5), minlength=6)
        chances = np.append(stats.poisson.pmf(range(5), 1), stats.poisson.sf(4, 1))
        assert stats.chisquare(found, count * chances).pvalue > UNLIKELY

    @pytest.mark.parametrize(("size", "count"), [(60, 20_000), (1797, 2000), (60_000, 100)])
    @pytest.mark.parametrize("distance", [1, 2, 8, 32])
    def test_neighbours_go_apart(self, state, size, count, distance):
        """Their differences have all values, and nothing correlates them."""
        places = np.empty(count * size, np.int64)
        many_orders(places, state, size)
        orders = places.reshape(-1, size)
        left, right = orders[:, :-distance:7].ravel(), orders[:, distance::7].ravel()
        cells = 50
        found = np.bincount((right - left) % size * cells // size, minlength=cells)
        values = np.bincount(np.arange(1, size) * cells // size, minlength=cells)
        assert stats.chisquare(found, values * (left.size / (size - 1))).pvalue > UNLIKELY
        # One example is not its own neighbour, which makes their correlation −1/(n − 1).
        excess = stats.pearsonr(left, right).statistic + 1 / (size - 1)
        assert abs(excess) * math.sqrt(left.size) < stats.norm.isf(UNLIKELY / 2)
