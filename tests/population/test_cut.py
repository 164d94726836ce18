"""A population in parts has the bits of the whole, whatever its members differ in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnlib
from nnlib.cluster import schedule
from tests.cluster.jobs import EXERCISE, X, Y, assert_same_bits

pytestmark = pytest.mark.cpu("parts")

CASES = {
    "lanes": {"n": 90, "grid": {"learning_rate": [0.1, 0.5]}},
    "float32": {"n": 50, "dtype": "float32"},
    "optimizers": {"n": 9, "grid": {"optimizer": ["adam", "momentum", "sgd"], "l1": [0, 1e-3]}},
    "sizes": {"n": 20, "grid": {"sizes": [[1, 2, 1], [1, 4, 3, 1]]}},
    "batches": {"n": 20, "batch_size": 7, "patience": 3, "validation": 0.25},
    "folds": {"n": 5, "folds": 3, "grid": {"weight_decay": [0, 0.1]}},
    "bootstrap": {"n": 30, "bootstrap": True},
    "weights of members": {"n": 3, "sample_weight": np.arange(180.0).reshape(3, 60)},
    "lbfgs": {"n": 12, "optimizer": "lbfgs"},
    "dropout": {"n": 12, "dropout": 0.2, "optimizer": "adam"},
    "metrics": {"n": 12, "metrics": ["r2"], "rank_by": "r2", "folds": 2},
    "no epochs": {"n": 12, "epochs": 0},
    "groups": {"n": 4, "groups": np.arange(60) % 7, "batch_size": 4, "validation": 0.2},
    "lbfgs of groups": {"n": 2, "groups": np.arange(60) % 7, "optimizer": "lbfgs"},
    "schedule": {"n": 20, "learning_rate": nnlib.schedules.Cosine(0.5)},
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_bits(case, monkeypatch):
    monkeypatch.setattr(schedule, "PART_SECONDS", 0.002)
    options = {"epochs": 30, **CASES[case]}
    sizes = None if "sizes" in options.get("grid", {}) else [1, 3, 1]
    alone = nnlib.train_many(sizes, X, Y, **options)
    with ThreadPoolExecutor(2) as executor:
        population = nnlib.train_many(sizes, X, Y, cluster=executor, **options)
    assert_same_bits(population, alone)
    assert population.stopped is None


def test_the_start_of_a_network():
    net = nnlib.Network([1, 2, 1], seed=3)
    grid = {"learning_rate": [0.1, 0.2, 0.3]}
    with ThreadPoolExecutor(2) as executor:
        population = nnlib.train_many(net, X, Y, grid=grid, epochs=20, cluster=executor)
    assert_same_bits(population, nnlib.train_many(net, X, Y, grid=grid, epochs=20))


def test_the_callback_sees_parts_and_can_stop(monkeypatch):
    monkeypatch.setattr(schedule, "PART_SECONDS", 0.002)
    seen = []

    def stop(report):
        seen.append(report)
        return report.ended >= 100

    with ThreadPoolExecutor(2) as executor:
        population = nnlib.train_many(
            [1, 2, 1], X, Y, cluster=executor, callback=stop, **{**EXERCISE, "n": 100_000}
        )
    assert population.stopped == "callback"
    assert 100 <= len(population) < 100_000
    assert seen[0].ended == 0
    assert all(own.members == 100_000 and own.epochs == 100 * own.ended for own in seen)


def test_max_seconds():
    with ThreadPoolExecutor(2) as executor:
        population = nnlib.train_many(
            [1, 3, 1], X, Y, cluster=executor, n=10_000, epochs=10_000, batch_size=7,
            max_seconds=0.3,
        )  # fmt: skip
    assert population.stopped == "max_seconds"
    assert 0 < len(population) < 10_000
    assert population.seconds < 60


def test_divergence_of_all_is_raised():
    with ThreadPoolExecutor(2) as executor, pytest.raises(nnlib.DivergenceError, match="all 5"):
        nnlib.train_many([1, 2, 1], X, 1e200 * Y, activation="identity", cluster=executor, n=5)


@pytest.mark.parametrize("where", ["cluster", "checkpoint"])
def test_what_contradicts_parts(where):
    given = {where: "folder", **EXERCISE}
    with pytest.raises(ValueError, match=f"halving and {where} contradict"):
        nnlib.train_many([1, 2, 1], X, Y, halving=3, **given)
    monkey = {"cluster": "ray", "checkpoint": "folder"}[where]
    with pytest.raises((ValueError, nnlib.DeviceError), match="device"):
        nnlib.train_many([1, 2, 1], X, Y, device="cuda", **{**given, where: monkey})


def test_resume_without_a_folder():
    with pytest.raises(ValueError, match="resume is True but checkpoint is None"):
        nnlib.train_many([1, 2, 1], X, Y, resume=True, **EXERCISE)
    with pytest.raises(TypeError, match="resume must be True or False"):
        nnlib.train_many([1, 2, 1], X, Y, resume="yes", **EXERCISE)
    with pytest.raises(TypeError, match="checkpoint must be the path"):
        nnlib.train_many([1, 2, 1], X, Y, checkpoint=3, **EXERCISE)
