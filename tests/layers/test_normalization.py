"""Layer and batch normalisation by their formulas: outputs, gradients, steps, averages."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.layers.normalizing import NORMALIZATIONS, N, chain, data, fork, set_at_random
from tests.tolerances import assert_close, difference_step, difference_tolerance, tolerance

pytestmark = pytest.mark.cpu("graphs")


@pytest.fixture(params=NORMALIZATIONS)
def kind(request):
    return request.param


class Oracle:
    """The function of `fork` in float64, by formulas, with the statistics of the examples given."""

    def __init__(self, net, kind, parameters):
        self.layers = net.architecture.arrays(parameters)
        self.kind = kind
        self.averages = []

    def normalise(self, own, x):
        axes = -1 if self.kind == "layer" else tuple(range(x.ndim - 1))
        mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
        self.averages.append((own, mean.ravel(), variance.ravel()))
        return own["gamma"] * (x - mean) / np.sqrt(variance + 1e-3) + own["beta"]

    def cost(self, X, y):
        shared, other, dense = (own for own in self.layers if own)
        h = self.normalise(shared, X)
        g = np.tanh(h) + self.normalise(other, h)
        end = (self.normalise(shared, g) + 0.5 * h).reshape(len(X), -1)
        e = end @ dense["weight"].T + dense["bias"] - y
        return 0.5 * np.sum(e**2) / len(X)


def by_differences(net, kind, X, y):
    """The gradient of the oracle's cost, for batch normalisation with the batch's statistics."""
    before, h = net.parameters.copy(), difference_step()
    slopes = np.zeros_like(before)
    for k in range(before.size):
        step = h * (np.arange(before.size) == k)
        above = Oracle(net, kind, before + step).cost(X, y)
        slopes[k] = (above - Oracle(net, kind, before - step).cost(X, y)) / (2 * h)
    return slopes


@pytest.mark.parametrize("n", [2, 7, N, 300])
def test_a_step_is_that_of_the_batch(n, kind):
    """One step of plain descent gives the gradient; a batch of 300 is several blocks."""
    net = fork(kind)
    set_at_random(net)
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(n, 4, 2)), rng.normal(size=(n, 2))
    expected = by_differences(net, kind, X, y)
    before = net.parameters.copy()
    history = net.descent(X, y, learning_rate=0.25, epochs=1)
    np.testing.assert_allclose(history.J[0], Oracle(net, kind, before).cost(X, y), rtol=1e-12)
    learned = learned_places(net)
    found = (before - net.parameters)[learned] / 0.25
    np.testing.assert_allclose(found, expected[learned], atol=difference_tolerance(60, 10))


def learned_places(net):
    """Which of the parameters the optimizer steps."""
    learned = np.ones(net.parameters.size, bool)
    for own in net.architecture.arrays(learned):
        for name in own:
            own[name][...] = not name.startswith("moving")
    return learned


def test_running_averages_are_those_of_keras():
    """Kept after every batch, of the variance divided by n, and twice by a layer used twice."""
    net = fork("batch", momentum=0.75)
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 4, 2)), rng.normal(size=(30, 2))
    expected = [
        {name: own[name].copy() for name in own} for own in net.architecture.arrays(net.parameters)
    ]
    momenta = iter([0.75, 0.99, 0.75] * 2)
    for first in (0, 20):
        oracle = Oracle(net, "batch", net.parameters)
        oracle.cost(X[first : first + 20], y[first : first + 20])
        kept = [own for own in expected if "gamma" in own]
        for place, (_, mean, variance) in zip((0, 1, 0), oracle.averages, strict=True):
            m = next(momenta)
            for name, value in (("moving_mean", mean), ("moving_variance", variance)):
                kept[place][name] = m * kept[place][name] + (1 - m) * value
        net.descent(X[first : first + 20], y[first : first + 20], epochs=1, learning_rate=0.1)
    for own, found in zip(expected, net.architecture.arrays(net.parameters), strict=True):
        for name in own:
            if name.startswith("moving"):
                np.testing.assert_allclose(found[name], own[name], rtol=1e-12, atol=1e-14)


def test_cost_and_gradient_outside_a_descent(kind):
    """J and derJ take the running averages, which do not depend on the examples."""
    net = fork(kind)
    set_at_random(net)
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(20, 4, 2)), rng.normal(size=(20, 2))
    found, before, h = net.derJ(X, y, flat=True), net.parameters.copy(), difference_step()
    for k in np.flatnonzero(learned_places(net)):
        costs = []
        for step in (h, -h):
            net.parameters = before + step * (np.arange(found.size) == k)
            costs.append(net.J(X, y))
        slope = (costs[0] - costs[1]) / (2 * h)
        assert slope == pytest.approx(found[k], abs=difference_tolerance(60, 10))
    np.testing.assert_array_equal(found[~learned_places(net)], 0)


@pytest.mark.parametrize("n", [1, 7, 300])
def test_outputs_by_the_running_averages(n, dtype):
    net = nnlib.Network([layers.Input((3, 2)), layers.BatchNormalization()], dtype=dtype)
    set_at_random(net)
    own = {name: np.float64(array) for name, array in net.layers[0].weights.items()}
    X = np.random.default_rng(0).normal(size=(n, 3, 2)).astype(dtype)
    x = (np.float64(X) - own["moving_mean"]) / np.sqrt(own["moving_variance"] + 1e-3)
    assert_close(net.F(X), own["gamma"] * x + own["beta"], terms=10)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_layer_normalization(center, scale, dtype):
    made = layers.LayerNormalization(epsilon=0.1, center=center, scale=scale)
    net = nnlib.Network([layers.Input((3, 5)), made], dtype=dtype)
    set_at_random(net)
    X = np.random.default_rng(0).normal(size=(9, 3, 5)).astype(dtype)
    x = np.float64(X)
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.1)
    own = net.layers[0].weights
    assert list(own) == ["gamma"] * scale + ["beta"] * center
    assert_close(net.F(X), own.get("gamma", 1) * x + own.get("beta", 0), terms=20)


@pytest.mark.parametrize("far", [1e4, -3e5])
def test_values_far_from_0(far, kind):
    """Mean and variance are no difference of large sums; the values have a deviation of 3."""
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(200, 8)) * 100) / 32
    made = NORMALIZATIONS[kind](momentum=0.0) if kind == "batch" else NORMALIZATIONS[kind]()
    found = []
    for offset in (0.0, far):
        net = nnlib.Network([layers.Input(8), made], dtype="float32")
        given = (X + offset).astype(np.float32)
        net.descent(given, np.zeros((200, 8)), epochs=1, learning_rate=1e-30)
        found.append(net.F(given))
    np.testing.assert_allclose(found[1], found[0], atol=tolerance("float32", 8) * abs(far) / 3)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("batch_size", [None, 16])
def test_steps_are_those_of_torch(batch_size, optimizer, kind):
    torch = pytest.importorskip("torch")
    net, (X, y) = chain(kind), data()
    own = [layer.weights for layer in net.layers]
    peer = torch_chain(torch, kind, own)
    rate = {"sgd": 0.05, "adam": 0.01}[optimizer]
    steps = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    steps = steps(peer.parameters(), rate)
    net.descent(
        X, y, optimizer=optimizer, learning_rate=rate, epochs=6, batch_size=batch_size,
        shuffle=False,
    )  # fmt: skip
    for _ in range(6):
        for first in range(0, N, batch_size or N):
            part = slice(first, first + (batch_size or N))
            steps.zero_grad()
            e = peer(torch.tensor(X[part])) - torch.tensor(y[part])
            (0.5 * (e**2).sum() / len(e)).backward()
            steps.step()
    for module, arrays in zip(peer[::2], own[::2], strict=True):
        module = module[0] if isinstance(module, torch.nn.Sequential) else module
        np.testing.assert_allclose(arrays["weight"], as_array(module.weight), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(arrays["bias"], as_array(module.bias), rtol=1e-9, atol=1e-12)
    for module, arrays in zip(peer[1::2], own[1::2], strict=True):
        np.testing.assert_allclose(arrays["gamma"], as_array(module.weight), rtol=1e-9)
        np.testing.assert_allclose(arrays["beta"], as_array(module.bias), rtol=1e-9, atol=1e-12)
        if kind == "batch":
            mean = as_array(module.running_mean)
            np.testing.assert_allclose(arrays["moving_mean"], mean, rtol=1e-9)


def as_array(tensor):
    return tensor.detach().numpy()


def torch_chain(torch, kind, own):
    """PyTorch's `chain` with these parameters; its momentum is 1 − m."""

    def normalization(units):
        if kind == "layer":
            return torch.nn.LayerNorm(units, eps=1e-3)
        return torch.nn.BatchNorm1d(units, eps=1e-3, momentum=0.01)

    linear, sequence = torch.nn.Linear, torch.nn.Sequential
    peer = sequence(
        sequence(linear(6, 8), torch.nn.Tanh()), normalization(8),
        sequence(linear(8, 5), torch.nn.Sigmoid()), normalization(5), linear(5, 2),
    ).double()  # fmt: skip
    with torch.no_grad():
        for module, arrays in zip((peer[0][0], peer[2][0], peer[4]), own[::2], strict=True):
            module.weight.copy_(torch.tensor(arrays["weight"]))
            module.bias.copy_(torch.tensor(arrays["bias"]))
    return peer
