"""Losses and activations against scikit-learn and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

import nnlib

from .loss_cases import N, data, network


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
