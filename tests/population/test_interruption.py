"""Ctrl-C during a population, by pressing it: what there is by then comes back."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

import nnlib
from nnlib.population import engine
from tests.population.cases import data

# The GPU's engine is interrupted in tests/cuda/test_populations.py.
pytestmark = [
    pytest.mark.cpu("kernels"),
    pytest.mark.skipif(os.name == "nt", reason="no SIGINT to oneself on Windows"),
]


def press_when(ready):
    """Ctrl-C to this process as soon as `ready()`, from another thread."""

    def wait():
        while not ready():
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.fixture
def epochs_run(monkeypatch):
    """A function that tells how many epochs the population now training has counted."""
    controls = []
    zeros = np.zeros

    def remember(size, dtype):
        array = zeros(size, dtype)
        controls.append(array)
        return array

    class Arrays:
        def __getattr__(self, name):
            return remember if name == "zeros" else getattr(np, name)

    monkeypatch.setattr(engine, "np", Arrays())
    place = engine.EPOCHS_RUN
    size = engine.CONTROL_SIZE
    return lambda: sum(
        int(array[:, place].sum()) for array in controls if array.shape[1:] == (size,)
    )


OPTIONS = {
    "lanes": {"learning_rate": 0.1},
    "one by one": {"batch_size": 7, "optimizer": "adam"},
    "validation": {"batch_size": 7, "validation": 0.25},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_returns_the_population_so_far(case, epochs_run):
    X, y = data()
    options = {"epochs": 300, **OPTIONS[case]}
    nnlib.train_many([3, 4, 2], X, y, n=2, epochs=2, **OPTIONS[case])  # compiled by now
    before = epochs_run()
    thread = press_when(lambda: epochs_run() > before + 100 * 300)
    start = time.perf_counter()
    population = nnlib.train_many([3, 4, 2], X, y, n=500_000, trace=2, **options)
    assert time.perf_counter() - start < 60
    thread.join()
    assert population.stopped == "interrupted"
    finished = population.epochs == 300
    assert 64 <= finished.sum() < 500_000
    assert (population.epochs > 0).all()
    # As many on their way as there are threads, or lanes of threads.
    assert (~finished).sum() <= 16 * nnlib.get_threads()
    whole = nnlib.train_many([3, 4, 2], X, y, seeds=population.seed[:3], trace=2, **options)
    np.testing.assert_array_equal(whole.parameters, population.parameters[:3])
    for member in np.flatnonzero(~finished)[:3]:
        options["epochs"] = int(population.epochs[member])
        seeds = [int(population.seed[member])]
        early = nnlib.train_many([3, 4, 2], X, y, seeds=seeds, trace=2, **options)
        np.testing.assert_array_equal(early.parameters[0], population.parameters[member])
        assert early.cost[0] == population.cost[member]


def test_before_the_first_epoch_it_is_passed_on(monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine._OnThreads, "_descend", lambda *_, until: None)
    monkeypatch.setattr(engine.Team, "wait", interrupted)
    X, y = data()
    with pytest.raises(KeyboardInterrupt):
        nnlib.train_many([3, 4, 2], X, y, n=4)


def test_an_interrupt_between_two_rungs(monkeypatch):
    X, y = data()

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "survivors", interrupted)
    population = nnlib.train_many([3, 4, 2], X, y, n=8, epochs=16, halving=2)
    assert population.stopped == "interrupted"
    assert (population.epochs == 2).all()
    assert np.isfinite(population.cost).all()


def test_members_stop_with_the_random_numbers_of_their_epoch(monkeypatch):
    """A look after every one of six batches; each member then goes on as one that ended there."""
    monkeypatch.setattr(engine, "_LOOK_SECONDS", 1e-12)
    monkeypatch.setattr(engine, "WATCH_SECONDS", 1e-3)
    X, y = data()
    options = {"batch_size": 7, "optimizer": "adam"}
    for wanted in (40, 50, 60, 70):
        population = nnlib.train_many(
            [3, 4, 2], X, y, n=3, epochs=10**6,
            callback=lambda report, wanted=wanted: report.epochs > wanted, **options,
        )  # fmt: skip
        assert population.stopped == "callback"
        for member in np.flatnonzero(population.epochs > 0):
            net, epochs = population[int(member)], int(population.epochs[member])
            twin = nnlib.Network([3, 4, 2], seed=int(population.seed[member]))
            twin.descent(X, y, epochs=epochs, **options)
            np.testing.assert_array_equal(net.parameters, twin.parameters)
            np.testing.assert_array_equal(net._generator, twin._generator)
