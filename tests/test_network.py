"""Network: sizes, parameters and their views, initial weights, F and J in every form of data."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib.model.initializers import INITIALIZERS
from tests import reference
from tests.devices import amount
from tests.tolerances import assert_close

NAMED = list(INITIALIZERS)


def test_parameters_are_W_then_b_layer_by_layer():
    layers = [
        ([[1, 2], [3, 4], [5, 6]], [7, 8, 9]),
        ([[10, 11, 12]], [13]),
    ]
    net = nnlib.Network([2, 3, 1], initializer=layers)
    np.testing.assert_array_equal(net.parameters, np.arange(1, 14))
    for (W, b), weight, bias in zip(layers, net.weights, net.biases, strict=True):
        np.testing.assert_array_equal(weight, W)
        np.testing.assert_array_equal(bias, b)


def test_the_lecture_s_count_of_weights():
    net = nnlib.Network([3, 3, 4, 2, 1])
    assert sum(weight.size for weight in net.weights) == 31
    assert sum(bias.size for bias in net.biases) == 10
    assert net.parameters.size == 41


def test_views_and_vector_are_the_same_memory(dtype):
    net = nnlib.Network([2, 3, 1], dtype=dtype)
    net.weights[1][0, 2] = 5
    net.biases[0][1] = 6
    assert (net.parameters[11], net.parameters[7]) == (5, 6)
    net.parameters[0] = 7
    assert net.weights[0][0, 0] == 7
    assert {a.dtype for a in [net.parameters, *net.weights, *net.biases]} == {dtype}


def test_assigning_parameters_copies(dtype):
    net = nnlib.Network([1, 2, 1], dtype=dtype)
    weight = net.weights[0]
    values = np.arange(7.0)
    net.parameters = values
    values[:] = -1
    np.testing.assert_array_equal(net.parameters, np.arange(7))
    np.testing.assert_array_equal(weight, [[0], [1]])
    net.parameters = range(7, 14)
    assert weight[0, 0] == 7


def test_given_arrays_are_copied():
    W, b = np.ones((1, 2)), np.zeros(1)
    net = nnlib.Network([2, 1], initializer=[(W, b)])
    W[:], b[:] = 5, 5
    np.testing.assert_array_equal(net.parameters, [1, 1, 0])


@pytest.mark.parametrize("name", NAMED)
def test_seed_decides_the_initial_weights(name):
    def parameters(seed):
        return nnlib.Network([4, 5, 2], seed=seed, initializer=name).parameters

    np.testing.assert_array_equal(parameters(3), parameters(3))
    if name != "zeros":
        assert not np.array_equal(parameters(3), parameters(4))
        assert not np.array_equal(parameters(None), parameters(None))


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
        ("glorot_uniform", 2 / (300 + 200)),
        ("glorot_normal", 2 / (300 + 200)),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("zeros", 0),
    ],
)
def test_variance_of_the_initial_weights(name, variance):
    net = nnlib.Network([300, 200], initializer=name)
    weight = net.weights[0]
    # 60 000 draws: the sample variance is right to about 1 % (two standard deviations, normal).
    np.testing.assert_allclose(weight.var(), variance, rtol=0.02)
    assert abs(weight.mean()) <= 4 * np.sqrt(variance / weight.size)
    if "uniform" in name:
        assert np.max(np.abs(weight)) <= np.sqrt(3 * variance)
        assert np.max(np.abs(weight)) > 0.99 * np.sqrt(3 * variance)
    np.testing.assert_array_equal(net.biases[0], 0)


def test_layers_start_from_different_numbers():
    net = nnlib.Network([3, 3, 3])
    assert not np.array_equal(net.weights[0], net.weights[1])


def test_default_initializer_suits_the_activation():
    names = ["relu", "tanh"]
    default = nnlib.Network([4, 4, 4], activation=names, seed=1)
    he = nnlib.Network([4, 4, 4], activation=names, seed=1, initializer="he_uniform")
    glorot = nnlib.Network([4, 4, 4], activation=names, seed=1, initializer="glorot_uniform")
    np.testing.assert_array_equal(default.weights[0], he.weights[0])
    np.testing.assert_array_equal(default.weights[1], glorot.weights[1])


def test_one_activation_stands_for_every_layer():
    one = nnlib.Network([2, 3, 1], activation="tanh", seed=5)
    each = nnlib.Network([2, 3, 1], activation=["tanh", "tanh"], seed=5)
    X = np.ones((1, 2))
    assert one.F(X) == each.F(X)
    mixed = nnlib.Network([2, 3, 1], activation=["tanh", "identity"], seed=5)
    assert mixed.F(X) != each.F(X)


def test_repr_shows_how_to_make_it():
    net = nnlib.Network([2, 3, 1], activation=["relu", "sigmoid"], dtype="float32", seed=4)
    twin = eval(repr(net), {"Network": nnlib.Network})
    np.testing.assert_array_equal(twin.parameters, net.parameters)
    assert repr(twin) == repr(net)
    assert "'sigmoid'" in repr(nnlib.Network([1, 1]))


def test_the_perceptron():
    net = nnlib.Network([2, 1], activation="heaviside", initializer=[([[1, -2]], [1])])
    X = np.array([[0, 0], [1, 1], [0, 1], [3, 2], [2, 2]])
    np.testing.assert_array_equal(net.F(X)[:, 0], X[:, 0] - 2 * X[:, 1] + 1 >= 0)


class TestShapesOfF:
    """F takes rows, one example, or numbers."""

    def test_rows(self, dtype):
        net = nnlib.Network([3, 4, 2], dtype=dtype)
        result = net.F(np.ones((5, 3)))
        assert result.shape == (5, 2)
        assert result.dtype == dtype

    def test_one_example(self):
        net = nnlib.Network([3, 4, 2])
        X = np.arange(3.0)
        np.testing.assert_array_equal(net.F(X), net.F(X[None])[0])

    def test_a_number(self):
        net = nnlib.Network([1, 2, 1])
        result = net.F(0.5)
        assert isinstance(result, float)
        assert result == net.F([[0.5]])[0, 0]

    def test_one_dimension(self):
        net = nnlib.Network([1, 2, 1])
        x = np.linspace(-1, 1, 7)
        assert net.F(x).shape == (7,)
        np.testing.assert_array_equal(net.F(x), net.F(x[:, None])[:, 0])

    def test_one_input_and_two_outputs(self):
        net = nnlib.Network([1, 2])
        assert net.F(0.5).shape == (2,)
        assert net.F([0.5, 1, 2]).shape == (3, 2)

    @pytest.mark.parametrize("arrange", [np.asfortranarray, lambda X: X[::2], lambda X: X[:, ::-1]])
    def test_any_memory_order(self, arrange, rng):
        net = nnlib.Network([3, 2])
        X = arrange(rng.normal(size=(6, 3)))
        np.testing.assert_array_equal(net.F(X), net.F(X.copy(order="C")))

    def test_integers_booleans_and_read_only_arrays(self):
        net = nnlib.Network([2, 1])
        X = np.array([[0, 1], [1, 1]])
        expected = net.F(X.astype(float))
        frozen = X.astype(float)
        frozen.flags.writeable = False
        for same in (X, X.astype(bool), X.tolist(), frozen, X.astype(np.float16)):
            np.testing.assert_array_equal(net.F(same), expected)


def test_outputs_do_not_depend_on_their_neighbours(dtype, rng):
    """One example alone and the same among thousands: blocks, lanes and padding leave no trace."""
    net = nnlib.Network([3, amount(40, 8), amount(30, 6), 2], activation="tanh", dtype=dtype)
    X = rng.normal(size=(amount(1500, 70), 3))
    together = net.F(X)
    for i in amount((0, 63, 64, 767, 768, 1499), (0, 31, 32, 63, 64, 69)):
        # A block of one sample takes matrix times vector, whose sums have another order.
        assert_close(net.F(X[i]), together[i], terms=40, depth=3)


def test_wide_network_agrees_with_the_oracle(dtype, rng):
    sizes, n = amount(([50, 40, 60, 3], 37), ([10, 9, 12, 3], 11))
    net = nnlib.Network(sizes, activation=["relu", "tanh", "identity"], dtype=dtype)
    X = rng.normal(size=(n, sizes[0])).astype(dtype)
    layers = list(zip(net.weights, net.biases, strict=True))
    expected = reference.predict(layers, net.activations, X)
    assert_close(net.F(X), expected, terms=60, depth=3)


class TestFormsOfData:
    """A data set is X and y, or one sequence of (x, y) pairs."""

    X = (0.0, 0.5, 2.0)
    Y = (1.0, 0.0, 1.0)

    def test_pairs_of_numbers(self):
        net = nnlib.Network([1, 2, 1])
        pairs = list(zip(self.X, self.Y, strict=True))
        assert net.J(pairs) == net.J(self.X, self.Y) == net.J(np.array(pairs))
        for one, other in zip(net.derJ(pairs), net.derJ(self.X, self.Y), strict=True):
            np.testing.assert_array_equal(one[0], other[0])

    def test_pairs_of_arrays(self, rng):
        net = nnlib.Network([3, 2])
        X, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
        assert net.J(list(zip(X, Y, strict=True))) == net.J(X, Y)

    def test_pairs_with_a_bare_target(self, rng):
        net = nnlib.Network([3, 1])
        X, y = rng.normal(size=(4, 3)), rng.normal(size=4)
        assert net.J(list(zip(X, y, strict=True))) == net.J(X, y) == net.J(X, y[:, None])

    def test_descent_on_pairs(self):
        one, other = nnlib.Network([1, 2, 1]), nnlib.Network([1, 2, 1])
        one.descent(list(zip(self.X, self.Y, strict=True)), epochs=3)
        other.descent(self.X, self.Y, epochs=3)
        np.testing.assert_array_equal(one.parameters, other.parameters)


def test_cost_by_hand():
    # F(0) = 1, F(1) = 3; J = ½ (1 − 0)², ½ (3 − 1)²; Σ w² = 4, the bias does not count.
    net = nnlib.Network([1, 1], activation="identity", initializer=[([[2]], [1])])
    assert net.J([0, 1], [0, 1], reduction="sum") == 2.5
    assert net.J([0, 1], [0, 1]) == 1.25
    assert net.J([0, 1], [0, 1], weight_decay=0.5) == 1.25 + 0.25 * 4
    assert net.J([0, 1], [0, 1], reduction="sum", weight_decay=0.5) == 2.5 + 0.25 * 4


def test_gradient_by_hand():
    # δ = F − y = 1 and 2; dW = Σ δ x = 2, db = Σ δ = 3; weight decay adds λ w = 1 to dW only.
    net = nnlib.Network([1, 1], activation="identity", initializer=[([[2]], [1])])
    for reduction, decay, dW, db in [
        ("sum", 0, 2, 3),
        ("mean", 0, 1, 1.5),
        ("sum", 0.5, 3, 3),
        ("mean", 0.5, 2, 1.5),
    ]:
        actual = net.derJ([0, 1], [0, 1], reduction=reduction, weight_decay=decay)
        assert (actual[0][0].item(), actual[1][0].item()) == (dW, db)
    assert net.derJ([0, 1], [0, 1]) == ([1], [1.5])


def test_the_lecture_s_first_cost(exercise_data, exercise_start):
    net = nnlib.Network([1, 2, 1], initializer=exercise_start)
    assert net.J(*exercise_data, reduction="sum") == pytest.approx(4.3, rel=1e-14)


@pytest.mark.parametrize("sizes", [[30, 20], [20, 30], [25, 25]])
def test_orthogonal_weights_are(sizes, dtype):
    W = nnlib.Network(sizes, initializer="orthogonal", dtype=dtype).weights[0].astype(float)
    product = W @ W.T if len(W) <= len(W.T) else W.T @ W
    np.testing.assert_allclose(product, np.eye(len(product)), atol=20 * np.finfo(dtype).eps)


def test_a_drawn_seed_can_be_given_again(exercise_data):
    net, other = nnlib.Network([1, 2, 1], seed=None), nnlib.Network([1, 2, 1], seed=None)
    assert 0 <= net.seed < 2**63
    assert net.seed != other.seed
    assert f"seed={net.seed})" in repr(net)
    same = nnlib.Network([1, 2, 1], seed=net.seed)
    settings = {"batch_size": 7, "epochs": 2, "validation": 0.2}
    for network in (net, same):
        network.descent(*exercise_data, **settings)
    np.testing.assert_array_equal(net.parameters, same.parameters)
    assert nnlib.Network([1, 2, 1], seed=3).seed == 3
