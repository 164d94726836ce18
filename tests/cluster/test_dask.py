"""Populations on Dask: real workers, one of them killed for real."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnlib
from nnlib.cluster import schedule
from nnlib.cluster.door import engine_for
from nnlib.cluster.on_dask import OnDask
from nnlib.cluster.schedule import run
from tests.cluster.jobs import EXERCISE, GROUPED, Squares, X, Y, assert_same_bits, fail_from_5_on

pytest.importorskip("distributed")


def test_the_same_bits(dask):
    alone = nnlib.train_many([1, 2, 1], X, Y, **EXERCISE)
    assert_same_bits(nnlib.train_many([1, 2, 1], X, Y, cluster=dask, **EXERCISE), alone)


def test_groups(dask):
    alone = nnlib.train_many([1, 3, 1], X, Y, **GROUPED)
    assert_same_bits(nnlib.train_many([1, 3, 1], X, Y, cluster=dask, **GROUPED), alone)


@pytest.mark.parametrize(
    "options", [{"optimizer": "lbfgs"}, {"optimizer": "adam", "batch_size": 400}]
)
def test_one_network(dask, rng, options):
    rows = nnlib.data.arrays(rng.normal(size=(1200, 3)), rng.normal(size=(1200, 1)), part_rows=200)

    def trained(cluster):
        net = nnlib.Network([3, 5, 1], seed=3)
        history = net.descent(rows, epochs=4, cluster=cluster, **options)
        return net.parameters, history.J

    with ThreadPoolExecutor(1) as executor:
        alone = trained(executor)
    for ours, theirs in zip(trained(dask), alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_by_name_and_by_address(dask):
    assert engine_for("dask").slots() == 2
    engine = engine_for(dask.scheduler.address)
    assert len(engine.workers()) == 2
    engine.close(None)
    with pytest.raises(ValueError, match="client that is closed"):
        OnDask(engine._client)


def test_a_worker_that_is_killed_changes_no_bit(dask, monkeypatch):
    monkeypatch.setattr(schedule, "PART_SECONDS", 0.1)
    options = {"epochs": 300, "batch_size": 7, "optimizer": "adam", "n": 600}
    alone = nnlib.train_many([1, 3, 1], X, Y, **options)
    workers, killed = list(dask.run(os.getpid).values()), []

    def kill(report):
        if report.ended > 50 and not killed:
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])

    population = nnlib.train_many([1, 3, 1], X, Y, cluster=dask, callback=kill, **options)
    assert killed
    assert_same_bits(population, alone)


def test_the_error_of_a_part(dask):
    with pytest.raises(ValueError, match=r"^five is too many"):
        run(engine_for(dask), Squares(300, fail_from_5_on), [range(300)])
