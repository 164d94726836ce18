"""Graphs trained beside PyTorch's, for 20 steps in float64."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers

pytestmark = pytest.mark.cpu("graphs")

STEPS, N = 20, 24
OPTIMIZERS = {"sgd": 0.05, "adam": 0.01}


def _residual(torch):
    x = layers.Input(4)
    first, inner, last = layers.Dense(8, "tanh"), layers.Dense(8, "relu"), layers.Dense(1)
    rectifier = layers.PReLU()
    h = first(x)
    h = h + inner(h)
    h = rectifier(h - 0.5 * layers.Maximum()([h, inner(h)]))
    net = nnlib.Network(inputs=x, outputs=last(h))

    def cost(p, X, y):
        h = torch.tanh(p(first, X[0]))
        h = h + torch.relu(p(inner, h))
        h = h - 0.5 * torch.maximum(h, torch.relu(p(inner, h)))
        h = torch.where(h > 0, h, p.of(rectifier)["alpha"] * h)
        return 0.5 * ((p(last, h) - y[0]) ** 2).sum() / N

    return net, cost, [4], [1]


def _two_towers(torch):
    a, b = layers.Input(3, "left"), layers.Input(3, "right")
    shared, scale, last = layers.Dense(6, "tanh"), layers.Scale(True), layers.Dense(2)
    net = nnlib.Network(inputs=[a, b], outputs=last(scale(shared(a)) * shared(b)))

    def cost(p, X, y):
        own = p.of(scale)
        left = own["weight"] * torch.tanh(p(shared, X[0])) + own["bias"]
        out = p(last, left * torch.tanh(p(shared, X[1])))
        return 0.5 * ((out - y[0]) ** 2).sum() / N

    return net, cost, [3, 3], [2]


def _two_outputs(torch):
    x = layers.Input(4)
    trunk, value, classes = layers.Dense(7, "sigmoid"), layers.Dense(2), layers.Dense(3, "softmax")
    h = trunk(x)
    v = value(h)
    both = layers.Concatenate()([h, v])
    net = nnlib.Network(
        inputs=x,
        outputs={"value": v, "classes": classes(both)},
        loss={"value": "huber", "classes": "softmax_cross_entropy"},
        loss_weights={"value": 2.0, "classes": 0.5},
    )

    def cost(p, X, y):
        h = torch.sigmoid(p(trunk, X[0]))
        v = p(value, h)
        logits = p(classes, torch.cat([h, v], 1))
        own = torch.nn.functional
        huber = own.huber_loss(v, y[0], reduction="sum")
        return (2 * huber + 0.5 * own.cross_entropy(logits, y[1], reduction="sum")) / N

    return net, cost, [4], [2, 3]


class Parameters:
    """The parameters of a network's layers as tensors; called, a dense layer of them."""

    def __init__(self, torch, net):
        self._by_layer = {
            id(layer): {k: torch.tensor(a, requires_grad=True) for k, a in layer.weights.items()}
            for layer in net.layers
        }
        self.all = [tensor for own in self._by_layer.values() for tensor in own.values()]

    def of(self, layer):
        return self._by_layer[id(layer)]

    def __call__(self, layer, a):
        own = self.of(layer)
        return a @ own["weight"].T + own["bias"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make", [_residual, _two_towers, _two_outputs])
def test_steps_are_those_of_torch(make, optimizer):
    torch = pytest.importorskip("torch")
    net, cost, inputs, outputs = make(torch)
    rng = np.random.default_rng(7)
    X = [rng.normal(size=(N, width)) for width in inputs]
    y = [rng.normal(size=(N, width)) for width in outputs]
    if make is _two_outputs:
        y[1] = np.eye(3)[rng.integers(3, size=N)]
    own, rate = Parameters(torch, net), OPTIMIZERS[optimizer]
    steps = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](own.all, rate)
    as_tensors = [[torch.tensor(array) for array in given] for given in (X, y)]
    for _ in range(STEPS):
        steps.zero_grad()
        cost(own, *as_tensors).backward()
        steps.step()
    given_y = y[0] if len(y) == 1 else dict(zip(["value", "classes"], y, strict=True))
    net.descent(
        X if len(X) > 1 else X[0], given_y, optimizer=optimizer, learning_rate=rate, epochs=STEPS
    )
    expected = np.concatenate([tensor.detach().numpy().ravel() for tensor in own.all])
    np.testing.assert_allclose(net.parameters, expected, rtol=1e-10, atol=1e-13)
