"""What comes after a batch and after an epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from nnlib.kernels.compile.jit import entry
from nnlib.kernels.network.problem import DIVERGED, FINISHED, RUNNING
from nnlib.kernels.training import turns


class Data(NamedTuple):
    n: int
    batch_size: int


class Settings(NamedTuple):
    epochs: int
    mean: bool


@entry
def decisions(batches, cost, status, epochs, data, settings):
    return (
        turns.is_whole_epoch(batches, data),
        turns.is_finite(cost),
        turns.mean_of(cost, data, settings),
        turns.status_after(status, epochs, settings),
    )


@pytest.mark.parametrize(("n", "batch_size", "batches"), [(7, 3, 3), (6, 3, 2), (5, 8, 1)])
def test_the_last_batch_ends_an_epoch(n, batch_size, batches):
    for before in range(1, batches + 1):
        whole, *_ = decisions(before, 1.0, RUNNING, 1, Data(n, batch_size), Settings(9, True))
        assert whole == (before == batches)


@pytest.mark.parametrize("cost", [0.0, 1.7e308, np.inf, -np.inf, np.nan])
def test_a_descent_goes_on_with_finite_costs(cost):
    _, finite, *_ = decisions(1, cost, RUNNING, 1, Data(4, 2), Settings(9, True))
    assert finite == np.isfinite(cost)


def test_a_cost_is_a_mean_or_a_sum():
    found = [decisions(1, 6.0, RUNNING, 1, Data(4, 2), Settings(9, mean))[2] for mean in (0, 1)]
    assert found == [6.0, 1.5]


def test_the_last_epoch_finishes_what_still_runs():
    def after(status, epochs):
        return decisions(1, 1.0, status, epochs, Data(4, 2), Settings(3, True))[3]

    assert [after(RUNNING, epochs) for epochs in (1, 2, 3)] == [RUNNING, RUNNING, FINISHED]
    assert after(DIVERGED, 3) == DIVERGED
