"""Where a descent stands, and which epochs it can be left at."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nnlib.kernels.network import problem
from nnlib.training.positions import between_epochs, last_good_epoch

pytestmark = pytest.mark.cpu("host")


def position(epoch, status=problem.RUNNING, **places):
    found = np.zeros(8, np.int64)
    found[problem.EPOCH], found[problem.STATUS] = epoch, status
    for name, value in places.items():
        found[getattr(problem, name)] = value
    return found


@pytest.mark.parametrize("place", ["BATCH", "ROUND", "VALIDATING"])
def test_an_epoch_has_begun_wherever_its_work_has(place):
    assert between_epochs(position(3))
    assert between_epochs(position(3, problem.FINISHED))
    assert not between_epochs(position(3, **{place: 1}))


def test_a_bad_cost_is_in_the_midst_of_an_epoch():
    assert not between_epochs(position(3, problem.DIVERGED))


CASES = {
    "good, at its start": (position(3), False, 3),
    "good, in its midst": (position(3, BATCH=2), False, 3),
    "the cost of its first batch is bad": (position(3, problem.DIVERGED), True, 2),
    "the cost of a later batch is bad": (position(3, problem.DIVERGED, BATCH=1), True, 3),
    "bad parameters before the validation": (position(3, VALIDATING=1), True, 3),
    "bad parameters after the last step": (position(3, problem.FINISHED), True, 2),
    "bad from the beginning": (position(0, problem.DIVERGED), True, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_the_last_good_epoch(case):
    where, bad, expected = CASES[case]
    assert last_good_epoch(where, bad) == expected


def test_of_many_descents_as_of_one():
    chosen = list(itertools.product(CASES.values(), repeat=2))
    where = np.array([[one[0], other[0]] for one, other in chosen])
    bad = np.array([[one[1], other[1]] for one, other in chosen])
    expected = [[one[2], other[2]] for one, other in chosen]
    np.testing.assert_array_equal(last_good_epoch(where, bad), expected)
