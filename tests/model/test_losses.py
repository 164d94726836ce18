"""Losses and activations as Network shows them: what goes together, targets, example weights."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics

import nnlib
from nnlib.kernels.formulas import activations, losses
from nnlib.model.arguments import LOGITS
from tests import reference
from tests.devices import amount
from tests.strategies import targets
from tests.tolerances import assert_close

N = 12


def network(loss="half_squared_error", output="identity", hidden="tanh", d_out=3, **settings):
    """A network of two inputs."""
    return nnlib.Network([2, 4, d_out], [hidden, output], loss, seed=3, **settings)


def layers_of(net):
    return list(zip(net.weights, net.biases, strict=True))


def data(rng, loss, d_out=3):
    return rng.normal(size=(N, 2)), targets(rng, loss, N, d_out).astype(float)


COMBINATIONS = [
    (name, loss, output)
    for name in reference.ACTIVATIONS
    for loss in losses.CODES
    for output in LOGITS.get(loss, [name])
]


@pytest.mark.parametrize(("name", "loss", "output"), COMBINATIONS)
def test_gradient_of_every_activation_with_every_loss(name, loss, output, dtype, rng):
    net = network(loss, output, hidden=name, dtype=dtype)
    X, y = data(rng, loss)
    weights = rng.integers(0, 5, N) / 4
    X = X.astype(dtype)
    y = y.astype(dtype)
    dW, db = net.derJ(X, y, sample_weight=weights)
    expected = reference.gradients(
        layers_of(net), net.activations, X, y, loss=loss, sample_weight=weights
    )
    for actual, wanted in zip([*dW, *db], [*expected[0], *expected[1]], strict=True):
        assert_close(actual, wanted, terms=N, depth=4)


class TestFusedPairs:
    """sigmoid and softmax with their cross-entropies: probabilities outside, logits inside."""

    @pytest.mark.parametrize("loss", LOGITS)
    def test_probabilities_or_logits(self, loss, dtype, rng):
        """The output activation decides what F returns, not what J is."""
        X, y = data(rng, loss)
        fused, bare = (network(loss, output, dtype=dtype) for output in LOGITS[loss])
        assert fused.J(X, y) == bare.J(X, y)
        for one, other in zip(fused.derJ(X, y), bare.derJ(X, y), strict=True):
            np.testing.assert_array_equal(one[0], other[0])
        logits = bare.F(X).astype(float)
        link = {"binary_cross_entropy": expit}.get(loss)
        expected = link(logits) if link else np.array([reference.softmax(z) for z in logits])
        assert_close(fused.F(X), expected, terms=3, depth=2)

    @pytest.mark.parametrize("loss", LOGITS)
    @pytest.mark.parametrize("scale", [1e4, -1e4])
    def test_extreme_logits_stay_finite(self, loss, scale, dtype):
        start = [([[scale], [-scale], [0]], [0, 0, 0])]
        for output in LOGITS[loss]:
            net = nnlib.Network([1, 3], output, loss, dtype=dtype, initializer=start)
            y = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
            X = [1, 1, 1]
            assert np.isfinite(net.J(X, y))
            assert np.all(np.isfinite(net.F(X)))
            assert all(np.all(np.isfinite(g)) for part in net.derJ(X, y) for g in part)

    @pytest.mark.parametrize("loss", LOGITS)
    def test_saved_and_loaded(self, loss, tmp_path, rng):
        X, y = data(rng, loss)
        for output in LOGITS[loss]:
            net = network(loss, output, hidden="gelu")
            net.save(tmp_path / "model")
            copy = nnlib.load(tmp_path / "model")
            np.testing.assert_array_equal(copy.F(X), net.F(X))
            assert copy.J(X, y) == net.J(X, y)

    def test_cost_of_extreme_logits_is_exact(self):
        """For p = 0 on the right class, J is the difference of the logits, not infinity."""
        start = [([[1e4], [-1e4]], [0, 0])]
        net = nnlib.Network([1, 2], "softmax", "softmax_cross_entropy", initializer=start)
        np.testing.assert_array_equal(net.F([1.0]), [[1, 0]])
        assert net.J([1.0], [1]) == 2e4
        net = nnlib.Network([1, 2], "sigmoid", "binary_cross_entropy", initializer=start)
        assert net.J([1.0], [[0, 1]]) == 2e4

    @pytest.mark.parametrize("shape", [(7,), (3, 7)], ids=str)
    def test_rows_add_up_to_one(self, shape, rng):
        net = nnlib.Network([7, 5], "softmax", "softmax_cross_entropy")
        probabilities = net.F(rng.normal(size=shape))
        assert probabilities.shape == (*shape[:-1], 5)
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-14)

    def test_descent_reaches_what_is_separable(self, dtype):
        X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        net = nnlib.Network([2, 8, 2], ["silu", "softmax"], "softmax_cross_entropy", dtype=dtype)
        epochs, rate = amount((2000, 0.5), (60, 2.0))
        history = net.descent(X, y, learning_rate=rate, epochs=epochs)
        assert history.J[-1] < 0.05
        np.testing.assert_array_equal(net.F(X).argmax(axis=1), y)


class TestAgainstScikitLearn:
    """scikit-learn's metrics as referees of J, with weights."""

    @pytest.fixture
    def weights(self, rng):
        return rng.uniform(size=N)

    def test_softmax_cross_entropy(self, rng, weights):
        net = network("softmax_cross_entropy", "softmax")
        X = rng.normal(size=(N, 2))
        y = np.arange(N) % 3
        expected = metrics.log_loss(y, net.F(X), sample_weight=weights)
        np.testing.assert_allclose(net.J(X, y, sample_weight=weights), expected, rtol=1e-13)

    def test_binary_cross_entropy(self, rng, weights):
        net = network("binary_cross_entropy", "sigmoid", d_out=1)
        X = rng.normal(size=(N, 2))
        y = np.arange(N) % 2
        expected = metrics.log_loss(y, net.F(X), sample_weight=weights)
        np.testing.assert_allclose(net.J(X, y, sample_weight=weights), expected, rtol=1e-13)

    def test_poisson(self, rng, weights):
        """The deviance is 2 (J − the J of the right rate)."""
        net = network("poisson", d_out=1)
        X, y = data(rng, "poisson", 1)
        y = y[:, 0] + 1
        best = np.average(y - y * np.log(y), weights=weights)
        expected = metrics.mean_poisson_deviance(y, np.exp(net.F(X)), sample_weight=weights)
        actual = 2 * (net.J(X, y, sample_weight=weights) - best)
        np.testing.assert_allclose(actual, expected, rtol=1e-12)

    def test_absolute_and_squared_error(self, rng, weights):
        X, y = data(rng, "half_squared_error")
        for loss, metric, factor in [
            ("absolute_error", metrics.mean_absolute_error, 3),
            ("half_squared_error", metrics.mean_squared_error, 3 / 2),
        ]:
            net = network(loss)
            expected = factor * metric(y, net.F(X), sample_weight=weights)
            np.testing.assert_allclose(net.J(X, y, sample_weight=weights), expected, rtol=1e-13)


# What PyTorch 2.13 gives in float64 at these z (or outputs, for y = 0.75): values and derivatives.
POINTS = [-2.5, -0.5, 0.25, 1.5, 40.0]
TORCH_ACTIVATIONS = {
    "leaky_relu": ([-0.025, -0.005, 0.25, 1.5, 40.0], [0.01, 0.01, 1.0, 1.0, 1.0]),
    "elu": (
        [-0.9179150013761013, -0.3934693402873666, 0.25, 1.5, 40.0],
        [0.0820849986238988, 0.6065306597126334, 1.0, 1.0, 1.0],
    ),
    "gelu": (
        [-0.015084266089998577, -0.15428599017485606, 0.149675350701685, 1.3995715769802328, 40],
        [-0.03795157621266618, 0.13263009646535764, 0.6953540951510604, 1.127710793151433, 1],
    ),
    "silu": (
        [-0.18964545005310887, -0.1887703343990727, 0.14054412522144952, 1.2263617142904655, 40],
        [-0.09940111134152683, 0.2600388126973482, 0.6237100215701977, 1.041294154299143, 1],
    ),
    "softplus": (
        [0.07888973429254963, 0.4740769841801067, 0.8259394198788436, 1.7014132779827524, 40.0],
        [0.07585818002124356, 0.37754066879814546, 0.5621765008857981, 0.8175744761936437, 1.0],
    ),
}
TORCH_LOSSES = {
    "absolute_error": ([3.25, 1.25, 0.5, 0.75, 39.25], [-1.0, -1.0, -1.0, 1.0, 1.0]),
    "huber": ([2.75, 0.75, 0.125, 0.28125, 38.75], [-1.0, -1.0, -0.5, 0.75, 1.0]),
    "poisson": (
        [1.9570849986238987, 0.9815306597126334, 1.0965254166877414, 3.3566890703380645,
         2.3538526683701994e17],
        [-0.6679150013761012, -0.14346934028736658, 0.5340254166877414, 3.7316890703380645,
         2.3538526683701997e17],
    ),
    "binary_cross_entropy": (
        [1.9538897342925496, 0.8490769841801067, 0.6384394198788436, 0.5764132779827524, 10.0],
        [-0.6741418199787564, -0.3724593312018546, -0.18782349911420193, 0.06757447619364365, 0.25],
    ),
}  # fmt: skip
# cross_entropy with POINTS as the logits of one example of class 2.
TORCH_SOFTMAX = (
    39.75,
    [3.4872615319944465e-19, 2.576757109154981e-18, -1.0, 1.9039802832864523e-17, 1.0],
)
TORCH_NAMES = {
    "absolute_error": "l1_loss",
    "huber": "huber_loss",
    "poisson": "poisson_nll_loss",
    "binary_cross_entropy": "binary_cross_entropy_with_logits",
}
# PyTorch's softplus is z above a threshold of 20, which would cost digits.
TORCH_SETTINGS = {"gelu": {"approximate": "tanh"}, "softplus": {"threshold": 1e4}}


def unit(activation, loss):
    """One neuron that passes its input on: w = 1, b = 0."""
    return nnlib.Network([1, 1], activation, loss, initializer=[([[1]], [0])])


class TestAgainstTorch:
    """PyTorch as referee: its recorded values, and itself where it is installed."""

    @pytest.mark.parametrize("name", TORCH_ACTIVATIONS)
    def test_activation(self, name):
        values, slopes = TORCH_ACTIVATIONS[name]
        net = unit(name, "half_squared_error")
        np.testing.assert_allclose(net.F(POINTS), values, rtol=1e-14)
        # An error of 1 makes ∂J/∂b = f'(z).
        actual = [net.derJ([z], [net.F(z) - 1])[1][0].item() for z in POINTS]
        np.testing.assert_allclose(actual, slopes, rtol=1e-13)

    @pytest.mark.parametrize("loss", TORCH_LOSSES)
    def test_loss(self, loss):
        values, slopes = TORCH_LOSSES[loss]
        net = unit("identity", loss)
        actual = [net.J([a], [0.75]) for a in POINTS]
        np.testing.assert_allclose(actual, values, rtol=1e-14)
        actual = [net.derJ([a], [0.75])[1][0].item() for a in POINTS]
        np.testing.assert_allclose(actual, slopes, rtol=1e-13)

    def test_softmax_loss(self):
        value, slopes = TORCH_SOFTMAX
        start = [(np.zeros((5, 1)), POINTS)]
        net = nnlib.Network([1, 5], "softmax", "softmax_cross_entropy", initializer=start)
        assert net.J([0], [2]) == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(net.derJ([0], [2])[1][0], slopes, rtol=1e-13)

    @pytest.mark.parametrize("name", [*TORCH_ACTIVATIONS, *TORCH_LOSSES])
    def test_the_recorded_values(self, name):
        torch = pytest.importorskip("torch")
        z = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
        function = getattr(torch.nn.functional, TORCH_NAMES.get(name, name))
        if name in TORCH_ACTIVATIONS:
            value = function(z, **TORCH_SETTINGS.get(name, {}))
        else:
            value = function(z, torch.full_like(z, 0.75), reduction="none")
        (slope,) = torch.autograd.grad(value.sum(), z)
        expected = {**TORCH_ACTIVATIONS, **TORCH_LOSSES}[name]
        np.testing.assert_allclose(value.detach(), expected[0], rtol=1e-14)
        np.testing.assert_allclose(slope, expected[1], rtol=1e-13)

    def test_the_recorded_softmax_loss(self):
        torch = pytest.importorskip("torch")
        z = torch.tensor([POINTS], dtype=torch.float64, requires_grad=True)
        value = torch.nn.functional.cross_entropy(z, torch.tensor([2]))
        (slope,) = torch.autograd.grad(value, z)
        assert value.item() == TORCH_SOFTMAX[0]
        np.testing.assert_allclose(slope[0], TORCH_SOFTMAX[1], rtol=1e-13)


class TestTargets:
    """Classes or rows of probabilities; ranges."""

    def test_classes_are_rows_of_one_1(self, rng):
        net = network("softmax_cross_entropy", "softmax")
        X, y = rng.normal(size=(N, 2)), np.arange(N) % 3
        expected = net.J(X, np.eye(3)[y])
        for same in (y, y.astype(float), y.astype(np.uint8), y.tolist(), np.eye(3, dtype=bool)[y]):
            assert net.J(X, same) == expected
        assert net.J(list(zip(X, y, strict=True))) == expected

    def test_probabilities_rounded_to_float32(self, rng):
        y = rng.dirichlet(np.ones(1000), size=4).astype(np.float32)
        net = nnlib.Network([2, 1000], "softmax", "softmax_cross_entropy", dtype="float32")
        assert np.isfinite(net.J(rng.normal(size=(4, 2)), y))

    @pytest.mark.parametrize(
        ("loss", "y", "words"),
        [
            ("poisson", [[0, 1, -1]] * N, ["-1", r"\(0, 2\)", "at least 0", "poisson"]),
            ("binary_cross_entropy", [[0, 1, 1.5]] * N, ["1.5", r"\(0, 2\)", "between 0 and 1"]),
            ("binary_cross_entropy", [[0, -1, 1]] * N, ["-1", r"\(0, 1\)", "between 0 and 1"]),
            ("softmax_cross_entropy", [0, 1, 3, *[0] * (N - 3)], ["3", "index 2", "0 to 2"]),
            ("softmax_cross_entropy", [0, -1, *[0] * (N - 2)], ["-1", "index 1", "0 to 2"]),
            ("softmax_cross_entropy", [0, 0.5, *[0] * (N - 2)], ["0.5", "index 1", "whole"]),
            ("softmax_cross_entropy", [np.nan, *[0] * (N - 1)], ["nan", "index 0", "finite"]),
            ("softmax_cross_entropy", [[0]] * N, [r"\(12, 1\)", r"\(n,\)", r"\(n, 3\)"]),
            ("softmax_cross_entropy", 1, [r"\(\)", r"\(n,\)", r"\(n, 3\)"]),
            ("softmax_cross_entropy", [[2, -1, 0]] * N, ["2", r"\(0, 0\)", "between 0 and 1"]),
            ("softmax_cross_entropy", [[0.5, 0.4, 0]] * N, ["row 0", "0.9", "add up to 1"]),
            ("softmax_cross_entropy", [], ["shape", "0"]),
            ("softmax_cross_entropy", [0, 1], ["X has 12", "y has 2"]),
        ],
    )
    @pytest.mark.parametrize("method", ["J", "derJ", "descent"])
    def test_refused(self, method, loss, y, words, rng):
        net = network(loss)
        with pytest.raises(ValueError, match=words[0]) as caught:
            getattr(net, method)(rng.normal(size=(N, 2)), y)
        assert all(re.search(word, str(caught.value)) for word in words), str(caught.value)


class TestSampleWeight:
    """J = Σ v_i J_i / Σ v_i."""

    def test_by_hand(self):
        # F = 0; J_i = ½, 2; weights 3 and 1.
        net = nnlib.Network([1, 1], "identity", initializer="zeros")
        assert net.J([0, 1], [1, 2], sample_weight=[3, 1]) == (3 * 0.5 + 1 * 2) / 4
        assert net.J([0, 1], [1, 2], "sum", sample_weight=[3, 1]) == 3 * 0.5 + 1 * 2
        assert net.J([0, 1], [1, 2], weight_decay=1, sample_weight=[3, 1]) == 3.5 / 4
        dW, db = net.derJ([0, 1], [1, 2], sample_weight=[3, 1])
        assert (dW[0].item(), db[0].item()) == (-2 / 4, -5 / 4)

    @pytest.mark.parametrize("loss", losses.CODES)
    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_whole_weights_repeat_examples(self, loss, reduction, rng):
        net = network(loss, LOGITS.get(loss, ["identity"])[0])
        X, y = data(rng, loss)
        times = rng.integers(0, 3, N)
        weighted = net.derJ(X, y, reduction, sample_weight=times)
        repeated = net.derJ(np.repeat(X, times, 0), np.repeat(y, times, 0), reduction)
        for one, other in zip(
            [*weighted[0], *weighted[1]], [*repeated[0], *repeated[1]], strict=True
        ):
            assert_close(one, other, terms=2 * N)
        expected = net.J(np.repeat(X, times, 0), np.repeat(y, times, 0), reduction)
        actual = net.J(X, y, reduction, sample_weight=times)
        assert_close(actual, expected, terms=2 * N, dtype=float)

    def test_only_ratios_count_for_the_mean(self, dtype, rng):
        net = network(dtype=dtype)
        X, y = data(rng, "half_squared_error")
        v = rng.integers(1, 9, N).astype(dtype)
        expected = net.J(X, y, sample_weight=v)
        for factor in (2.0**60, 2.0**-60, np.finfo(dtype).max / 16):
            actual = net.J(X, y, sample_weight=v * dtype.type(factor))
            assert_close(actual, expected, terms=N, dtype=dtype)

    def test_equal_weights_are_none(self, rng):
        net = network()
        X, y = data(rng, "half_squared_error")
        assert net.J(X, y, sample_weight=np.full(N, 0.5)) == net.J(X, y)
        assert net.J(X, y, "sum", sample_weight=np.ones(N)) == net.J(X, y, "sum")

    def test_the_caller_s_array_is_left_alone(self, rng):
        v = rng.uniform(size=N)
        before = v.copy()
        network().J(*data(rng, "half_squared_error"), sample_weight=v)
        np.testing.assert_array_equal(v, before)

    def test_more_examples_than_a_block(self, rng):
        net = nnlib.Network([3, 1], "identity")
        X, y, v = rng.normal(size=(3000, 3)), rng.normal(size=3000), rng.uniform(size=3000)
        error = (net.F(X)[:, 0] - y) ** 2 / 2
        np.testing.assert_allclose(
            net.J(X, y, sample_weight=v), np.average(error, weights=v), rtol=1e-12
        )

    @pytest.mark.parametrize(
        ("weights", "error", "words"),
        [
            (np.ones(N - 1), ValueError, [r"\(11,\)", r"\(12,\)"]),
            (np.ones((N, 1)), ValueError, [r"\(12, 1\)", r"\(12,\)"]),
            (1.0, ValueError, [r"\(\)", r"\(12,\)"]),
            ([*np.ones(N - 1), -1], ValueError, ["-1", "index 11", "at least 0"]),
            ([*np.ones(N - 1), np.nan], ValueError, ["nan", "index 11", "finite"]),
            ([*np.ones(N - 1), np.inf], ValueError, ["inf", "index 11", "finite"]),
            (np.zeros(N), ValueError, ["0 for every example", "at least one"]),
            (["1"] * N, TypeError, ["real numbers"]),
        ],
    )
    @pytest.mark.parametrize("method", ["J", "derJ"])
    def test_refused(self, method, weights, error, words, rng):
        net = network()
        with pytest.raises(error, match=r"^sample_weight") as caught:
            getattr(net, method)(*data(rng, "half_squared_error"), sample_weight=weights)
        assert all(re.search(word, str(caught.value)) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"activation": "softmax", "loss": "softmax_cross_entropy"},
         [r"activation\[0\]", "softmax", "hidden"]),
        ({"activation": ["tanh", "softmax"]},
         ["softmax", "softmax_cross_entropy", "half_squared_error"]),
        ({"activation": ["tanh", "softmax"], "loss": "binary_cross_entropy"},
         ["softmax", "softmax_cross_entropy", "binary_cross_entropy"]),
        ({"activation": "tanh", "loss": "binary_cross_entropy"},
         ["binary_cross_entropy", "sigmoid", "identity", "tanh"]),
        ({"activation": "sigmoid", "loss": "softmax_cross_entropy"},
         ["softmax_cross_entropy", "softmax", "identity", "sigmoid"]),
        ({"sizes": [2, 3, 1], "activation": ["tanh", "softmax"], "loss": "softmax_cross_entropy"},
         ["softmax_cross_entropy", "two outputs", "binary_cross_entropy"]),
        ({"activation": ["tanh", "softmaxx"]}, [r"activation\[1\]", "mean 'softmax'"]),
        ({"activation": "leakyrelu"}, ["activation", "mean 'leaky_relu'"]),
        ({"loss": "softmax_crossentropy"}, ["loss", "mean 'softmax_cross_entropy'"]),
        ({"loss": "logcosh"}, ["loss", "mean 'log_cosh'"]),
    ],
)  # fmt: skip
def test_what_does_not_go_together(arguments, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        nnlib.Network(**{"sizes": [2, 3, 3], **arguments})
    assert all(re.search(word, str(caught.value)) for word in words), str(caught.value)


@pytest.mark.parametrize("loss", losses.CODES)
def test_descent_lowers_every_loss(loss, dtype, rng):
    X, y = data(rng, loss)
    net = network(loss, LOGITS.get(loss, ["identity"])[0], hidden="gelu", dtype=dtype)
    before = net.J(X, y)
    history = net.descent(X, y, learning_rate=0.05, epochs=amount(300, 5))
    assert history.J[0] == pytest.approx(before, rel=1e-6)
    assert net.J(X, y) < before


def test_every_activation_trains_in_a_hidden_layer(dtype, rng):
    X = rng.normal(size=(amount(40, 12), 2))
    y = np.sin(X[:, 0]) * X[:, 1]
    for name in set(activations.CODES) - {"softmax", "heaviside"}:
        net = nnlib.Network([2, 8, 1], [name, "identity"], dtype=dtype)
        before = net.J(X, y)
        net.descent(X, y, learning_rate=0.05, epochs=amount(300, 3))
        assert net.J(X, y) < before
