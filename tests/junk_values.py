"""Values of every kind, of which most are junk wherever they are given."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

import nnlib
from nnlib import activations, losses, optimizers, schedules

# More than any machine has, of whatever it is.
HUGE = 10**15

X = np.arange(16.0).reshape(8, 2) / 16
Y = np.arange(8.0) % 2

# The data of the junk calls.
X = np.arange(16.0).reshape(8, 2) / 16
Y = np.arange(8.0) % 2


def masked():
    """An array with a mask, of the length of the data."""
    return np.ma.masked_greater(Y, 0.5)


class Rates(schedules.Schedule):
    """A schedule that returns whatever it is given."""

    def __init__(self, value):
        self.value = value

    def rates(self, epochs):
        """No rates, as a rule."""
        return self.value


class Mine(optimizers.Optimizer):
    """An optimizer that no kernel knows."""

    name = "adam"


# Factories, so that no call sees what another one has changed.
POOL = [
    lambda value=value: value
    for value in (
        None, True, False, 0, 1, -1, 2, 3, 7, HUGE, 2**63 - 1, 2**63, 2**64, 10**30, -(10**30),
        10**400, 10**5000, 0.0, -0.0, 0.5, -0.5, 1.5, 5e-324, 1e-30, 1e30, 1e308, math.inf,
        -math.inf, math.nan, 1j, "3", "", "mean", "adam", "linear", "relu", "cuda:0", "\0",
        "a" * 100_000, b"3", Decimal("0.5"), Decimal("NaN"), Fraction(1, 3), ..., NotImplemented,
        slice(3), int, object, len, np, nnlib.Network, optimizers.Adam, optimizers.Optimizer,
        schedules.Schedule, range(3), range(HUGE), np.float64(0.5), np.float32(0.5),
        np.float16(np.nan), np.int64(3), np.uint64(2**64 - 1), np.int8(-1), np.bool_(True),
        np.str_("mean"), np.datetime64("2020-01-01"), np.timedelta64(3, "s"), np.complex64(1),
        np.longdouble(2), np.void(b"ab"), (), (X, Y), (X,), (Y, X), ((0.0, 1.0), (1.0, 0.0)),
        frozenset([1]), float, np.float64, "float32", ">f8", "tanh", "sgd",
    )
] + [
    list, dict, set, object, masked,
    lambda: bytearray(b"3"), lambda: memoryview(b"32"), lambda: [1], lambda: [2, 3, 1],
    lambda: [0.5, 0.25], lambda: [None], lambda: [math.nan] * 8, lambda: [[1], [2, 3]],
    lambda: [[[1], [2, 3]], [4]], lambda: [[]], lambda: ["a", "b"], lambda: [True, False],
    lambda: [10**400] * 8, lambda: [HUGE, HUGE], lambda: {"a": 1}, lambda: {"l1": [0.1, 0.2]},
    lambda: {"l1": 0.1}, lambda: {"learning_rate": [math.nan]}, lambda: {"sizes": [[2, 1]]},
    lambda: [{"l1": [0.0]}, 3], lambda: {1, 2}, lambda: (x for x in [1, 2]), lambda: iter([]),
    lambda: iter([1.0] * 8), lambda: [((0.0, 1.0), 1.0), ((1.0, 0.0), 0.0)],
    lambda: [(np.ones((3, 2)), np.ones(3)), (np.ones((1, 3)), np.ones(1))],
    lambda: [(np.ones((3, 2)), np.ones(3)), (np.ones((1, 3)), [np.nan])],
    lambda: np.array(3), lambda: np.array(0.5), lambda: np.array([0.5]), lambda: np.zeros(0),
    lambda: np.zeros((3, 0)), lambda: np.ones(8), lambda: np.zeros(8), lambda: np.ones((8, 2)),
    lambda: np.ones((2, 8)), lambda: np.ones((8, 1)), lambda: np.ones(13),
    lambda: np.full(8, 1e300),
    lambda: np.full(8, np.nan), lambda: np.full((8, 2), np.inf), lambda: np.ones(8, object),
    lambda: np.ones(8, complex), lambda: np.ones(8, str), lambda: np.ones(8, "datetime64[s]"),
    lambda: np.ones(8, [("a", "f8")]), lambda: np.ones(8, ">f8"), lambda: np.arange(8)[::-1],
    lambda: np.ones(8, bool), lambda: np.arange(8) % 3, lambda: -np.ones(8),
    lambda: np.ones((2, 2, 2, 2)), lambda: np.broadcast_to(0.0, (HUGE, 2)),
    lambda: np.broadcast_to(0.0, (HUGE,)), lambda: np.rec.array(Y),
    lambda: nnlib.Network([1, 1]), lambda: optimizers.Adam(), lambda: optimizers.LBFGS(),
    lambda: optimizers.LBFGS(memory=10_000), lambda: schedules.Cosine(0.1), lambda: Rates(3),
    lambda: Rates([1, 2]), lambda: Rates([-1.0, 1.0]), lambda: Rates(np.array([np.nan, 1])),
    lambda: Rates("ab"), lambda: Rates(None), lambda: schedules.WarmUp(HUGE, 0.1),
    lambda: losses.Quantile(0.9), lambda: losses.SoftmaxFocal(2.0), lambda: losses.Focal,
    lambda: losses.Custom(lambda a, y: a - y, lambda a, y: 1), lambda: lambda z: z,
    lambda: activations.Custom(lambda z: 2 * z, lambda z: 2), lambda: lambda a, y: a,
    lambda: schedules.WarmUp(1, Rates([])), lambda: schedules.Exponential(1.0, 1e300), Mine,
]  # fmt: skip

# Numbers that may be meant, so that junk of one argument meets work with another.
EXTREMES = [
    0,
    1,
    2,
    5,
    2**31,
    2**63 - 1,
    2**64 - 1,
    5e-324,
    1e-30,
    0.1,
    0.5,
    0.999,
    2.5,
    1e30,
    1e308,
]
