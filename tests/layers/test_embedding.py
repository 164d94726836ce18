"""Embedding: rows of W by numbers, their gradient, and numbers that have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib
from nnlib import layers
from tests.tolerances import difference_step, difference_tolerance

pytestmark = pytest.mark.cpu("graphs")

WORDS, WIDTH, TIME = 7, 3, 4


def network(dtype="float64", seed=0):
    """Two words a position and some numbers beside them, joined before a dense layer."""
    words, beside = layers.Input(TIME, name="words"), layers.Input(2, name="beside")
    vectors = layers.Flatten()(layers.Embedding(WORDS, WIDTH, name="vectors")(words))
    joined = layers.Concatenate()([vectors, beside])
    outputs = layers.Dense(2, "tanh")(joined)
    return nnlib.Network(inputs=[words, beside], outputs=outputs, dtype=dtype, seed=seed)


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, WORDS, (n, TIME)), rng.normal(size=(n, 2))], rng.uniform(-1, 1, (n, 2))


def by_formula(net, X):
    """F with W's rows chosen by NumPy."""
    vectors = net.layers[0].weights["weight"]
    (dense,) = (layer.weights for layer in net.layers if "bias" in layer.weights)
    joined = np.concatenate([vectors[X[0]].reshape(len(X[0]), -1), X[1]], axis=1)
    return np.tanh(joined @ dense["weight"].T + dense["bias"])


@given(st.integers(1, 70), st.sampled_from(["float32", "float64"]), st.integers(0, 5))
def test_rows_of_the_weights_are_chosen(n, dtype, seed):
    net, (X, _) = network(dtype, seed), data(n, seed)
    rtol = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(net.F(X), by_formula(net, X), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("n", [1, 5, 300])
def test_gradient_is_that_of_differences(n):
    net, (X, y) = network(), data(n)
    gradient, h = net.derJ(X, y, flat=True), difference_step()
    for k in range(net.parameters.size):
        before, costs = net.parameters[k], []
        for sign in (1, -1):
            net.parameters[k] = before + sign * h
            costs.append(net.J(X, y))
        net.parameters[k] = before
        slope = (costs[0] - costs[1]) / (2 * h)
        assert slope == pytest.approx(gradient[k], abs=difference_tolerance(TIME * WIDTH + 2, 2))


def test_descents_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    X, y = rng.integers(0, WORDS, (20, TIME)), rng.normal(size=(20, 1))
    net = nnlib.Network(
        [layers.Input(TIME), layers.Embedding(WORDS, WIDTH), layers.Flatten(), layers.Dense(1)],
        seed=0,
    )
    theirs = torch.nn.Sequential(
        torch.nn.Embedding(WORDS, WIDTH), torch.nn.Flatten(), torch.nn.Linear(TIME * WIDTH, 1)
    ).double()
    own = [array for layer in net.layers for array in layer.weights.values()]
    with torch.no_grad():
        for parameter, array in zip(theirs.parameters(), own, strict=True):
            parameter.copy_(torch.from_numpy(array.copy()))
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.01, eps=1e-8)
    for _ in range(20):
        optimizer.zero_grad()
        (0.5 * (theirs(torch.from_numpy(X)) - torch.from_numpy(y)) ** 2).mean().backward()
        optimizer.step()
    net.descent(X, y, epochs=20, learning_rate=0.01, optimizer="adam")
    for parameter, array in zip(theirs.parameters(), own, strict=True):
        np.testing.assert_allclose(array, parameter.detach().numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "float32", "float64"])
def test_numbers_of_any_kind_train_to_the_same_bits(kind):
    (X, _), y = data(50)
    outcomes = []
    for one in (X, X.astype(kind)):
        net = nnlib.Network(
            [layers.Input(TIME), layers.Embedding(WORDS, WIDTH), layers.Flatten(), layers.Dense(2)],
            seed=0,
        )
        net.descent(one, y, epochs=3, batch_size=8, optimizer="momentum", learning_rate=0.1)
        outcomes.append(net.parameters.copy())
    np.testing.assert_array_equal(*outcomes)


def test_it_begins_as_keras_does():
    net = nnlib.Network([layers.Input(1), layers.Embedding(500, 8)])
    weight = net.layers[0].weights["weight"]
    assert 0.049 < weight.max() <= 0.05
    assert -0.05 <= weight.min() < -0.049


def test_threads_do_not_change_bits(monkeypatch):
    (X, y), outcomes = data(4000), []
    try:
        for threads in (1, 2, 3):
            nnlib.set_threads(threads)
            net = network()
            net.descent(X, y, epochs=2, batch_size=1000, optimizer="adam", learning_rate=0.01)
            outcomes.append(net.parameters.copy())
    finally:
        nnlib.set_threads(None)
    for other in outcomes[1:]:
        np.testing.assert_array_equal(outcomes[0], other)


def test_files_and_populations(tmp_path):
    net, (X, y) = network(), data(30)
    net.descent(X, y, epochs=2, batch_size=8, learning_rate=0.1, weight_decay=1e-3, max_norm=1.0)
    net.save(tmp_path / "network")
    np.testing.assert_array_equal(nnlib.load(tmp_path / "network").F(X), net.F(X))
    population = nnlib.train_many(network(), X, y, n=3, epochs=2, learning_rate=0.1)
    alone = network(seed=int(population.seed[1]))
    alone.descent(X, y, epochs=2, learning_rate=0.1)
    np.testing.assert_allclose(population.parameters[1], alone.parameters, rtol=1e-12)


def test_checkpoints_go_on_with_the_same_bits(tmp_path):
    (X, y), whole, path = data(60), network(), tmp_path / "descent"
    options = {"batch_size": 16, "optimizer": "adam", "learning_rate": 0.01}
    whole.descent(X, y, epochs=6, **options)
    stopped = network()
    stopped.descent(
        X,
        y,
        epochs=6,
        checkpoint=path,
        callback=lambda report: report.epoch == 3,
        callback_epochs=1,
        **options,
    )
    assert not np.array_equal(stopped.parameters, whole.parameters)
    resumed = network()
    resumed.descent(X, y, epochs=6, checkpoint=path, resume=True, **options)
    np.testing.assert_array_equal(resumed.parameters, whole.parameters)


@pytest.mark.parametrize("value", [-1, WORDS, 2.5, 1e9])
@pytest.mark.parametrize("what", ["F", "J", "derJ", "descent", "train_many"])
def test_numbers_without_a_vector_are_refused(value, what):
    net, (X, y) = network(), data(5)
    words = X[0].astype(float)
    words[3, 2] = value
    calls = {
        "F": lambda: net.F([words, X[1]]),
        "J": lambda: net.J([words, X[1]], y),
        "derJ": lambda: net.derJ([words, X[1]], y),
        "descent": lambda: net.descent([words, X[1]], y, epochs=1),
        "train_many": lambda: nnlib.train_many(net, [words, X[1]], y, n=2, epochs=1),
    }
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=r"X\[0\]\[3, 2\] is .*, wanted whole numbers from 0 to 6"):
        calls[what]()
    np.testing.assert_array_equal(net.parameters, before)


def test_validation_examples_are_looked_at_too():
    net = nnlib.Network([layers.Input(1), layers.Embedding(3, 2), layers.Flatten()])
    y = np.zeros((4, 2))
    with pytest.raises(ValueError, match=r"wanted whole numbers from 0 to 2"):
        net.descent(np.zeros((4, 1)), y, epochs=1, validation=(np.full((4, 1), 3), y))


def test_it_reads_the_data_alone():
    h = layers.Dense(3)(layers.Input(2))
    with pytest.raises(ValueError, match=r"Embedding\(4, 2\) is called with .*, wanted an Input"):
        layers.Embedding(4, 2)(h)
    with pytest.raises(ValueError, match="input_dim is 0"):
        layers.Embedding(0, 2)
    with pytest.raises(TypeError, match="output_dim"):
        layers.Embedding(3, 2.5)
    with pytest.raises(TypeError, match="input_dim"):
        layers.Embedding(input_dims=3, output_dim=2)


def test_memory_beyond_the_weights_is_never_read():
    """What another thread writes into X after the check chooses a row of W, whatever it is."""
    net = nnlib.Network(
        [layers.Input(1), layers.Embedding(3, 2), layers.Flatten(), layers.Dense(1)], seed=0
    )
    X, y = np.zeros((64, 1)), np.zeros((64, 1))

    def spoil(report):
        X[:] = [[1e18], [-1e18], [np.nan], [np.inf]] * 16

    net.descent(X, y, epochs=4, batch_size=8, learning_rate=0.01, callback=spoil, callback_epochs=1)
    assert np.isfinite(net.parameters).all()
