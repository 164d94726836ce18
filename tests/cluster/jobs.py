"""Jobs and comparisons that the tests of all engines share; workers import this module too."""

from __future__ import annotations

import os
import time

import numpy as np

import nnlib
from nnlib.cluster.schedule import Job

X, Y = nnlib.course.exercise_data()
EXERCISE = {"n": 300, "epochs": 100, "reduction": "sum"}
GROUPED = {
    "n": 2, "groups": np.arange(len(X)) % 7, "batch_size": 4, "validation": 0.2,
    "optimizer": "adam", "epochs": 20,
}  # fmt: skip
ARRAYS = ("parameters", "J", "cost", "validation_J", "validation_cost", "best_epoch", "epochs",
          "status", "seed", "fold", "choice", "generators", "group")  # fmt: skip


def assert_same_bits(one, other):
    """All arrays of two populations, metrics too."""
    for name in ARRAYS:
        mine, yours = getattr(one, name), getattr(other, name)
        if mine is None or yours is None:
            assert mine is yours, name
        else:
            np.testing.assert_array_equal(mine, yours, err_msg=name, strict=True)
    assert one.metrics.keys() == other.metrics.keys()
    for name, values in one.metrics.items():
        np.testing.assert_array_equal(values, other.metrics[name])


class Squares(Job):
    """The squares of numbers, plus what all share."""

    def __init__(self, count, function, most=None):
        self.found = np.full(count, -1)
        self.function, self.parts, self._most = function, [], most

    def shared(self):
        """A number that is added to each square, as an array."""
        return np.array([7])

    def request(self, part, threads):
        """The numbers."""
        return part

    def keep(self, part, outcome):
        """In their places."""
        assert (self.found[part.start : part.stop] == -1).all()
        self.found[part.start : part.stop] = outcome
        self.parts.append(part)

    def stops(self):
        """After so many parts."""
        return self._most is not None and len(self.parts) >= self._most


def square(shared, part):
    """What `Squares` wants of a part."""
    time.sleep(0.001)
    return np.arange(part.start, part.stop) ** 2 + shared[0]


def fail_from_5_on(shared, part):
    """An error of the part's own."""
    if part.stop > 5:
        raise ValueError("five is too many")
    return square(shared, part)


def die(shared, part):
    """The worker is gone."""
    os._exit(1)
