"""Different examples for different members: weights given, folds, bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.population.folds import fold_numbers
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

NETWORK = {"sizes": [3, 4, 2]}


@pytest.mark.parametrize("options", [EXACT, {"batch_size": 8, "optimizer": "adam"}], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_row_of_weights_is_the_networks_sample_weight(options, reduction, rng):
    X, y = data()
    members = amount(4, 2)
    weights = rng.uniform(size=(members, N))
    options = {"epochs": amount(10, 2), "reduction": reduction, **options}
    population = nnlib.train_many([3, 4, 2], X, y, n=members, sample_weight=weights, **options)
    for member in range(members):
        own = {**options, "sample_weight": weights[member]}
        net, history = alone(population, member, X, y, NETWORK, **own)
        assert_same_descent(population, member, net, history)
        cost = net.J(X, y, reduction=reduction, sample_weight=weights[member])
        assert population.cost[member] == pytest.approx(cost, rel=1e-12)


def test_rows_of_weights_in_lanes(dtype, rng):
    X, y = data()
    members, epochs = amount(20, 3), amount(20, 2)
    weights = rng.uniform(size=(members, N))
    options = {"epochs": epochs, "learning_rate": 0.5}
    population = nnlib.train_many(
        [3, 4, 2], X, y, n=members, sample_weight=weights, dtype=dtype, **options
    )
    close = rounding(dtype, N + 4, epochs)
    for member in (0, members // 2, members - 1):
        own = {**options, "sample_weight": weights[member]}
        net, _ = alone(population, member, X, y, {**NETWORK, "dtype": dtype}, **own)
        np.testing.assert_allclose(population.parameters[member], net.parameters, 0, close)


@pytest.mark.parametrize("shared", [False, True])
def test_a_fold_is_training_on_the_rest(shared, rng):
    """Masks against the subset itself, and the cost of what was held out."""
    X, y = data()
    weights = rng.uniform(0.5, 2, size=N) if shared else np.ones(N)
    number = np.arange(N) % 3
    epochs, seeds = amount(15, 2), amount([2, 9], [2])
    options = {"epochs": epochs, **EXACT}
    given = weights if shared else None
    population = nnlib.train_many(
        [3, 4, 2], X, y, seeds=seeds, folds=number, sample_weight=given, **options
    )
    assert population.fold.tolist() == [0, 1, 2] * len(seeds)
    for member in range(len(population)):
        out = number == member % 3
        rest = {**options, "sample_weight": weights[~out]}
        net, _ = alone(population, member, X[~out], y[~out], NETWORK, **rest)
        close = rounding("float64", N + 4, epochs)
        np.testing.assert_allclose(population.parameters[member], net.parameters, 0, close)
        expected = population[member].J(X[out], y[out], sample_weight=weights[out])
        assert population.validation_cost[member] == pytest.approx(expected, rel=1e-12)
        expected = population[member].J(X[~out], y[~out], sample_weight=weights[~out])
        assert population.cost[member] == pytest.approx(expected, rel=1e-12)


def test_folds_are_drawn_equal_and_the_same_for_all():
    number = fold_numbers(4, 42, seed=1)
    assert sorted(np.bincount(number)) == [10, 10, 11, 11]
    assert (number == fold_numbers(4, 42, seed=1)).all()
    assert (number != fold_numbers(4, 42, seed=2)).any()
    X, y = data()
    drawn = nnlib.train_many([3, 2], X, y, n=2, folds=4, seed=7, epochs=2, **EXACT)
    given = fold_numbers(4, N, seed=7)
    given = nnlib.train_many([3, 2], X, y, n=2, folds=given, epochs=2, **EXACT)
    np.testing.assert_array_equal(drawn.parameters, given.parameters)


def test_bootstrap_draws_for_every_seed():
    X, y = data()
    grid = {"learning_rate": [0.1, 0.2]}
    options = {"epochs": amount(5, 2), "optimizer": "momentum"}
    population = nnlib.train_many(
        [3, 4, 2], X, y, n=amount(3, 2), grid=grid, bootstrap=True, seed=4, **options
    )
    for member in range(len(population)):
        seed = int(population.seed[member])
        draws = np.random.default_rng([4, seed]).integers(N, size=N)
        counts = np.bincount(draws, minlength=N)
        net, history = alone(population, member, X, y, NETWORK, sample_weight=counts, **options)
        assert_same_descent(population, member, net, history)
        left = counts == 0
        assert population.validation_cost[member] == pytest.approx(net.J(X[left], y[left]))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"folds": 1}, ValueError, "folds is 1, wanted a whole number of at least 2"),
        ({"folds": N + 1}, ValueError, f"folds is {N + 1}, wanted .* at most {N}"),
        ({"folds": "five"}, TypeError, "folds must be a whole number"),
        ({"folds": [0, 1]}, ValueError, r"folds has shape \(2,\)"),
        ({"folds": np.zeros(N)}, ValueError, "folds must number the folds from 0 on"),
        ({"folds": np.arange(N) % 2 * 2}, ValueError, "none empty"),
        ({"folds": np.arange(N) % 2 + 0.5}, ValueError, "folds must number"),
        ({"bootstrap": 1}, TypeError, "bootstrap must be True or False; got 1"),
        ({"folds": 2, "bootstrap": True}, ValueError, "folds and bootstrap contradict"),
        ({"folds": 2, "validation": 0.2}, ValueError, "folds and validation contradict"),
        (
            {"sample_weight": np.ones((3, N))},
            ValueError,
            rf"sample_weight has shape \(3, {N}\), wanted \({N},\).* \(2, {N}\)",
        ),
        (
            {"sample_weight": np.zeros((2, N))},
            ValueError,
            "row 0 of sample_weight: sample_weight is 0 for every example",
        ),
        (
            {"sample_weight": np.ones((2, N)), "validation": 0.5},
            ValueError,
            "fraction for validation contradict",
        ),
    ],
    ids=str,
)
def test_refused(arguments, kind, message):
    X, y = data()
    with pytest.raises(kind, match=message):
        nnlib.train_many([3, 4, 2], X, y, n=2, **arguments)
