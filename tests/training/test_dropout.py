"""Dropout in a descent."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nnlib
from nnlib.machine import threads
from tests.devices import amount

# Of the data and the hidden layers.
N, SIZES = amount((600, [60, 30]), (12, [6, 5]))
BATCH = N // 2


@pytest.fixture
def data(rng):
    X = rng.normal(size=(N, 20))
    return X, np.sign(X[:, :1] * X[:, 1:2])


def network(seed=0, dtype="float64"):
    return nnlib.Network([20, *SIZES, 1], ["relu", "tanh", "identity"], seed=seed, dtype=dtype)


def test_probability_zero_is_no_dropout(data):
    net, twin = network(), network()
    net.descent(*data, epochs=amount(5, 2), dropout=0.0, batch_size=BATCH)
    twin.descent(*data, epochs=amount(5, 2), batch_size=BATCH)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)


def test_a_step_is_the_gradient_of_the_thinned_network(data):
    """With one hidden unit out of one dropped or not, a step is one of two known ones."""
    X, y = np.array([[1.0]]), np.array([[2.0]])
    steps = set()
    for seed in range(20):
        net = nnlib.Network([1, 1, 1], "identity", initializer=[([[3]], [0]), ([[1]], [0])])
        net.descent(X, y, learning_rate=0.1, epochs=1, dropout=0.5, seed=seed)
        steps.add(tuple(net.parameters.round(12)))
    # Dropped: F = 0, so only the last bias moves. Kept, at twice its value: F = 6, δ = 4.
    dropped = (3.0, 0.0, 1.0, 0.2)
    kept = (3 - 0.1 * 8, -0.1 * 8, 1 - 0.1 * 4 * 6, -0.1 * 4)
    assert steps == {tuple(np.round(dropped, 12)), tuple(np.round(kept, 12))}


def test_training_examples_fit_worse(data):
    X, y = data
    epochs, batch_size, rate = amount((300, 60, 0.001), (10, 12, 0.1))
    options = {"epochs": epochs, "batch_size": batch_size, "learning_rate": rate}
    costs = []
    for dropout in (None, [0.5, 0.2]):
        net = network()
        net.descent(X, y, optimizer="adam", dropout=dropout, **options)
        costs.append(net.J(X, y))
    assert costs[0] < 0.5 * costs[1]
    assert np.isfinite(costs[1])


def test_F_and_validation_drop_nothing(data):
    net = network()
    history = net.descent(*data, epochs=3, dropout=0.5, validation=data, batch_size=BATCH)
    np.testing.assert_allclose(net.J(*data), history.validation_J.min(), rtol=1e-12)
    np.testing.assert_array_equal(net.F(data[0]), net.F(data[0]))


@pytest.mark.cpu("threads")
def test_same_bits_for_any_number_of_threads_and_when_going_on(data):
    options = {"dropout": 0.3, "batch_size": 300, "learning_rate": 0.05}
    results = []
    for members in (1, 2):
        threads.set_threads(members)
        net = network()
        net.descent(*data, epochs=6, **options)
        results.append(net.parameters)
    threads.set_threads(None)
    twin = network()
    for _ in range(3):
        twin.descent(*data, epochs=2, partial=True, **options)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], twin.parameters)


@pytest.mark.parametrize(
    ("dropout", "words"),
    [
        (1.0, ["dropout", "1.0", "below 1"]),
        (-0.1, ["dropout", "-0.1"]),
        ([0.1], ["dropout", "2 of them, one per hidden layer"]),
    ],
)
def test_bad_probabilities(data, dropout, words):
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        network().descent(*data, dropout=dropout)


def test_a_network_without_hidden_layers_has_nothing_to_drop():
    with pytest.raises(ValueError, match="dropout"):
        nnlib.Network([1, 1]).descent([0, 1], [0, 1], dropout=0.5)
