"""How the members of a population end: halving, a time limit, a callback; and its progress."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.population import engine
from tests.devices import amount
from tests.population.cases import (
    EXACT,
    alone,
    assert_same_descent,
    cut_as_members,  # noqa: F401  a fixture
    data,
)

SIZES = {"sizes": [3, 5, 2]}


@pytest.mark.cpu("halving")
@pytest.mark.parametrize("options", [{}, {"batch_size": 8, "optimizer": "adam"}], ids=str)
def test_halving_keeps_the_best_and_their_bits(options):
    X, y = data()
    common = {"n": 20, "learning_rate": 0.5, **options}
    whole = nnlib.train_many([3, 4, 2], X, y, epochs=64, trace=64, **common)
    halved = nnlib.train_many([3, 4, 2], X, y, epochs=64, trace=64, halving=4, **common)
    assert sorted(set(halved.epochs.tolist())) == [4, 16, 64]
    assert np.bincount(halved.epochs)[[4, 16, 64]].tolist() == [15, 4, 1]
    (winner,) = np.flatnonzero(halved.epochs == 64)
    np.testing.assert_array_equal(halved.parameters[winner], whole.parameters[winner])
    np.testing.assert_array_equal(halved.J[winner], whole.J[winner])
    assert halved.ended[winner] == "epochs"
    assert halved.ended.count("halving") == 19
    # Who went on after the first rung were the best of it.
    early = nnlib.train_many([3, 4, 2], X, y, epochs=4, **common)
    assert set(np.flatnonzero(halved.epochs > 4)) == set(early.order[:5])


@pytest.mark.cpu("halving")
def test_halving_keeps_folds_together_and_the_best_validation_parameters():
    X, y = data()
    population = nnlib.train_many([3, 4, 2], X, y, n=8, folds=3, epochs=32, halving=2, **EXACT)
    assert (population.epochs.reshape(8, 3) == population.epochs[::3, None]).all()
    options = {"validation": (X[:9], y[:9]), "learning_rate": 3.0, "epochs": 32}
    halved = nnlib.train_many([3, 4, 2], X, y, n=8, halving=2, **options)
    (winner,) = np.flatnonzero(halved.epochs == 32)
    net, history = alone(halved, winner, X, y, SIZES | {"sizes": [3, 4, 2]}, **options)
    assert_same_descent(halved, winner, net, history)
    loser = int(np.flatnonzero(halved.epochs < 32)[0])
    options["epochs"] = int(halved.epochs[loser])
    net, _ = alone(halved, loser, X, y, SIZES | {"sizes": [3, 4, 2]}, **options)
    np.testing.assert_array_equal(halved[loser].parameters, net.parameters)


@pytest.mark.cpu("halving")
def test_survivors_are_chosen_by_their_mean_score():
    class Scores:
        siblings = 2

        def ranked(self):
            return np.array([1.0, 5.0, 2.0, 2.0, np.inf, 0.0, 3.0, 3.5])

    kept = engine.survivors(Scores(), np.arange(8), 2)
    assert kept.tolist() == [0, 1, 2, 3]


def test_time_limit_and_callback_end_all():
    X, y = data()
    limited = nnlib.train_many(
        [3, 4, 2], X, y, n=4, epochs=amount(10**7, 10**4), max_seconds=0.2, **EXACT
    )
    assert limited.stopped == "max_seconds"
    assert (limited.epochs > 0).all()
    reports = []

    def enough(report):
        reports.append(report)
        return report.epochs > amount(100, 6)

    members, epochs = amount(200, 3), amount(10**8, 10**4)
    stopped = nnlib.train_many([3, 4, 2], X, y, n=members, epochs=epochs, callback=enough)
    assert stopped.stopped == "callback"
    assert len(stopped) <= members
    assert set(stopped.ended) == {"stopped"}
    assert [r.epochs for r in reports] == sorted(r.epochs for r in reports)
    assert reports[-1].members == members
    assert reports[-1].seconds > 0


def test_a_stopped_member_is_at_an_epochs_end():
    X, y = data(amount(400, 40))
    epochs = amount(10**8, 10**4)
    options = {"epochs": epochs, "max_seconds": 0.1, "batch_size": 7, "optimizer": "adam"}
    population = nnlib.train_many([3, 4, 2], X, y, n=2, **options)
    for member in range(len(population)):
        options["epochs"] = int(population.epochs[member])
        net, _ = alone(
            population, member, X, y, {"sizes": [3, 4, 2]}, **{**options, "max_seconds": None}
        )
        np.testing.assert_array_equal(population[member].parameters, net.parameters)


@pytest.mark.cpu("kernels")
def test_progress_counts_the_epochs_of_all(monkeypatch):
    shown = []

    class Recorder(engine.Progress):
        def update(self, epoch, cost=None):
            shown.append(epoch)

    monkeypatch.setattr(engine, "Progress", Recorder)
    monkeypatch.setattr(engine, "WATCH_SECONDS", 0.001)
    X, y = data()
    nnlib.train_many([3, 4, 2], X, y, n=40, epochs=2000, **EXACT)
    assert shown[-1] == 40 * 2000
    assert shown == sorted(shown)
    assert len(shown) > 2
