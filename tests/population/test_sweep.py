"""Which members a population has, and where they start: the grid, seeds, folds, a network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnlib
from tests.devices import amount
from tests.population.cases import (
    EXACT,
    N,
    alone,
    assert_same_descent,
    cut_as_members,  # noqa: F401  a fixture
    data,
    rounding,
)


def test_members_are_grid_times_seeds_times_folds():
    X, y = data()
    grid = {"learning_rate": [0.1, 0.2], "weight_decay": [0.0, 0.1, 0.2]}
    population = nnlib.train_many([3, 2], X, y, grid=grid, seeds=[5, 6], folds=2, epochs=1)
    expected = itertools.product(range(6), [5, 6], range(2))
    assert list(zip(population.choice, population.seed, population.fold, strict=True)) == list(
        expected
    )
    assert population.choices[4] == {"learning_rate": 0.2, "weight_decay": 0.1}


def test_a_grid_of_all_sorts():
    X, y = data()
    grid = {
        "sizes": [[3, 2], [3, 6, 2]],
        "activation": ["tanh", "sigmoid"],
        "optimizer": ["sgd", nnlib.optimizers.Adam(0.8), *amount(["lbfgs"], [])],
        "weight_decay": [0.0, 0.01],
    }
    epochs = amount(20, 2)
    population = nnlib.train_many(None, X, y, grid=grid, n=amount(2, 1), epochs=epochs)
    assert population.parameters.shape == (amount(48, 16), 38)
    for member in range(len(population)):
        net, history = alone(population, member, X, y, epochs=epochs)
        choice = population.choices[population.choice[member]]
        if choice["optimizer"] == "sgd" and choice["weight_decay"] == 0:
            close = rounding("float64", N + 20, epochs)
            np.testing.assert_allclose(
                population[member].parameters, net.parameters, rtol=close, atol=close
            )
        else:
            assert_same_descent(population, member, net, history)
        padding = population.parameters[member, net.parameters.size :]
        assert np.isnan(padding).all()


def test_given_combinations_are_not_multiplied():
    X, y = data()
    grid = [{"learning_rate": [0.1], "weight_decay": [0.3]}, {"learning_rate": [0.2, 0.4]}]
    population = nnlib.train_many([3, 2], X, y, grid=grid, epochs=2)
    assert population.choices == [
        {"learning_rate": 0.1, "weight_decay": 0.3}, {"learning_rate": 0.2}, {"learning_rate": 0.4},
    ]  # fmt: skip


def test_a_network_is_where_all_start():
    X, y = data()
    net = nnlib.Network([3, 4, 2], "tanh", seed=3)
    net.descent(X, y, epochs=2, batch_size=8)
    grid = {"learning_rate": [0.1, 0.01]}
    population = nnlib.train_many(net, X, y, grid=grid, epochs=3, batch_size=8)
    for member, rate in enumerate(grid["learning_rate"]):
        twin = nnlib.Network([3, 4, 2], "tanh", seed=3)
        twin.descent(X, y, epochs=2, batch_size=8)
        twin.descent(X, y, epochs=3, batch_size=8, learning_rate=rate)
        np.testing.assert_array_equal(population[member].parameters, twin.parameters)
        np.testing.assert_array_equal(population[member]._generator, twin._generator)
    restarts = nnlib.train_many(net, X, y, n=2, epochs=3, batch_size=8)
    twin = nnlib.Network([3, 4, 2], "tanh", seed=1)
    twin.descent(X, y, epochs=3, batch_size=8)
    np.testing.assert_array_equal(restarts[1].parameters, twin.parameters)


def test_a_softmax_network():
    X, _ = data()
    labels = (X[:, 0] > 0).astype(int)
    network = {"activation": ["relu", "softmax"], "loss": "softmax_cross_entropy"}
    members, epochs = amount(18, 2), amount(30, 3)
    population = nnlib.train_many([3, 4, 2], X, labels, n=members, epochs=epochs, **network)
    for member in (0, members - 1):
        own = {"sizes": [3, 4, 2], **network}
        net, _ = alone(population, member, X, labels, own, epochs=epochs)
        close = rounding("float64", N + 4, epochs)
        np.testing.assert_allclose(
            population.parameters[member], net.parameters, rtol=0, atol=close
        )
        assert population.cost[member] == pytest.approx(net.J(X, labels), rel=1e-10)


def test_pairs_may_stand_for_X_and_y():
    X, y = nnlib.course.exercise_data()
    pairs = list(zip(X.tolist(), y.tolist(), strict=True))
    one = nnlib.train_many([1, 2, 1], pairs, n=2, epochs=3)
    np.testing.assert_array_equal(
        one.parameters, nnlib.train_many([1, 2, 1], X, y, n=2, epochs=3).parameters
    )


def test_costs_are_those_of_the_networks():
    X, y = data()
    for options in ({}, {"batch_size": 8}, {"optimizer": "lbfgs"}, {"epochs": 0}):
        epochs = amount(10, 2)
        population = nnlib.train_many([3, 4, 2], X, y, n=3, **{"epochs": epochs, **options})
        expected = [net.J(X, y) for net in population]
        np.testing.assert_allclose(population.cost, expected, rtol=1e-12)


def test_ended_members_cost_nothing():
    """Epochs that are not run are not computed: those counted are those that members ran."""
    X, y = data()
    seen = []
    population = nnlib.train_many(
        [3, 4, 2],
        X,
        y,
        n=6,
        epochs=amount(10**7, 10**5),
        patience=2,
        tolerance=1.0,
        callback=seen.append,
    )
    assert (population.epochs == 3).all()
    assert set(population.ended) == {"patience"}
    assert population.seconds < 60  # ten million epochs of six networks take minutes


def test_trace_is_thinned():
    X, y = data()
    epochs, points = amount((1000, [0, 166, 333, 500, 666, 832, 999]), (9, [0, 1, 3, 4, 5, 7, 8]))
    population = nnlib.train_many([3, 2], X, y, n=2, epochs=epochs, trace=7, **EXACT)
    assert population.J.shape == (2, 7)
    assert population.trace.tolist() == points
    whole = nnlib.train_many([3, 2], X, y, n=2, epochs=5, trace=50, **EXACT)
    assert whole.trace.tolist() == [0, 1, 2, 3, 4]
