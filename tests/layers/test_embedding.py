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


def test_descents_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    X, y = rng.integers(0, ENTRIES, (20, TIME)), rng.normal(size=(20, 1))
    net = nnlib.Network(
        [layers.Input(TIME), layers.Embedding(ENTRIES, WIDTH), layers.Flatten(), layers.Dense(1)],
        seed=0,
    )
    theirs = torch.nn.Sequential(
        torch.nn.Embedding(ENTRIES, WIDTH), torch.nn.Flatten(), torch.nn.Linear(TIME * WIDTH, 1)
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
    X, y = data(50)
    outcomes = []
    for one in (X, X.astype(kind)):
        net = nnlib.Network(
            [
                layers.Input(TIME),
                layers.Embedding(ENTRIES, WIDTH),
                layers.Flatten(),
                layers.Dense(2),
            ],
            seed=0,
        )
        net.descent(one, y, epochs=3, batch_size=8, optimizer="momentum", learning_rate=0.1)
        outcomes.append(net.parameters.copy())
    np.testing.assert_array_equal(*outcomes)


def test_threads_do_not_change_bits():
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
