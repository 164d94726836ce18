"""The embedding looks up rows of W, learns those that were looked up, and refuses other numbers."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

ENTRIES, WIDTH, TIME = 7, 3, 4


def network(dtype="float64"):
    parts = [layers.Input(TIME), layers.Embedding(ENTRIES, WIDTH), layers.Flatten()]
    return nnlib.Network([*parts, layers.Dense(2, "tanh")], dtype=dtype, seed=1)


def data(n=20):
    rng = np.random.default_rng(0)
    return rng.integers(0, ENTRIES, (n, TIME)), rng.normal(size=(n, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_looks_up_rows(dtype):
    X, _ = data()
    net = network(dtype)
    looked_up = net.weights[0][X].reshape(len(X), -1)
    expected = np.tanh(looked_up @ net.weights[1].T + net.biases[0])
    assert_close(net.F(X), expected, TIME * WIDTH, depth=4, dtype=dtype)
    assert_close(net.F(X.astype(float)), expected, TIME * WIDTH, depth=4, dtype=dtype)


def test_it_begins_as_keras_has_it():
    net = nnlib.Network([layers.Input(1), layers.Embedding(4000, 5), layers.Flatten()])
    assert 0.0499 < np.abs(net.weights[0]).max() <= 0.05


def test_gradients_are_those_of_differences():
    X, y = data()
    net, step = network(), 1e-6
    gradient = net.derJ(X, y, flat=True)
    for place in range(0, net.parameters.size, 3):
        costs = []
        for sign in (1, -1):
            net.parameters[place] += sign * step
            costs.append(net.J(X, y))
            net.parameters[place] -= sign * step
        assert abs((costs[0] - costs[1]) / (2 * step) - gradient[place]) < 1e-8
    assert not net.gradient(X).any()


def test_a_descent_steps_along_the_gradient():
    X, y = data()
    net, other = network(), network()
    net.descent(X, y, epochs=3, learning_rate=0.5, weight_decay=0.1)
    for _ in range(3):
        other.parameters[:] -= 0.5 * other.derJ(X, y, weight_decay=0.1, flat=True)
    assert_close(net.parameters, other.parameters, 1000)


@pytest.mark.parametrize(
    "options", [{"optimizer": "adam", "batch_size": 8}, {"optimizer": "lbfgs"}]
)
def test_populations_have_the_bits_of_a_network_alone(options):
    X, y = data()
    net = network()
    population = nnlib.train_many(net, X, y, n=1, epochs=4, **options)
    alone = nnlib.Network(net.architecture, seed=0)
    before = alone.J(X, y)
    alone.descent(X, y, epochs=4, **options)
    np.testing.assert_array_equal(population[0].parameters, alone.parameters)
    assert alone.J(X, y) < before


def test_it_is_saved(tmp_path):
    X, _ = data()
    net = network()
    net.save(tmp_path / "net")
    np.testing.assert_array_equal(nnlib.load(tmp_path / "net").F(X), net.F(X))


@pytest.mark.parametrize(
    ("number", "shown"), [(7, "7"), (-1, "-1"), (0.5, "0.5"), (1e9, r"1e\+09")]
)
def test_other_numbers_are_refused_with_their_place(number, shown):
    X, y = data()
    X = X.astype(float)
    X[3, 2] = number
    net = network()
    message = rf"X holds {shown} at index \(3, 2\), wanted whole numbers from 0 to 6 for layer '"
    for call in (
        lambda: net.F(X),
        lambda: net.J(X, y),
        lambda: net.gradient(X),
        lambda: net.descent(X, y, epochs=1),
        lambda: net.descent(*data(), validation=(X, y), epochs=1),
        lambda: nnlib.train_many(net, X, y, n=2, epochs=1),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_it_reads_inputs_alone():
    h = layers.Dense(3)(layers.Input(3))
    with pytest.raises(ValueError, match="must be called with an Input"):
        layers.Embedding(5, 2)(h)
    with pytest.raises(ValueError, match="wanted one axis, the time"):
        layers.Embedding(5, 2)(layers.Input((3, 2)))


def test_several_inputs():
    one, two = layers.Input(2, "words"), layers.Input(3, "numbers")
    h = layers.Concatenate()([layers.Flatten()(layers.Embedding(5, 2)(one)), two])
    net = nnlib.Network(inputs=[two, one], outputs=layers.Dense(1)(h))
    words, numbers = np.array([[0, 4], [2, 2]]), np.full((2, 3), 9.5)
    assert net.F({"words": words, "numbers": numbers}).shape == (2, 1)
    with pytest.raises(ValueError, match=r"X holds 5 at index \(0, 4\), wanted whole numbers"):
        net.F({"words": words + np.array([0, 1]), "numbers": numbers})
