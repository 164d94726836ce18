"""A residual network of images with batch normalisation: convolutions, forks, sums in place."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.machine.teams import force
from tests.training.checkpointed import interrupted_after

pytestmark = pytest.mark.cpu("graphs")

CHANNELS, BLOCKS, SIDE, N = 4, 2, 6, 40


def network(dtype="float64", first=(), momentum=0.99):
    """Blocks h ← relu(norm(conv(relu(norm(conv(h))))) + h), and the mean over all places."""
    x = h = layers.Input((SIDE, SIDE, 1))
    for layer in first:
        h = layer(h)

    def normalised(h):
        h = layers.Conv2D(CHANNELS, 3, padding="same", use_bias=False)(h)
        return layers.BatchNormalization(momentum)(h)

    def relu(h):
        return layers.Activation("relu")(h)

    h = relu(normalised(h))
    for _ in range(BLOCKS):
        h = relu(normalised(relu(normalised(h))) + h)
    end = layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(h))
    return nnlib.Network(inputs=x, outputs=end, loss="softmax_cross_entropy", dtype=dtype)


def data(n=N):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, size=(n, SIDE, SIDE, 1)).astype(np.uint8)
    return X, rng.integers(0, 3, size=n)


def as_tensor(torch, images):
    return torch.tensor(np.moveaxis(np.float64(images), 3, 1).copy())


class Peer:
    """PyTorch's network with the same parameters; its momentum is 1 − m."""

    def __init__(self, torch, net):
        self.torch, nn = torch, torch.nn
        own = [layer.weights for layer in net.layers if layer.weights]
        counts = [1, *[CHANNELS] * (2 * BLOCKS)]
        self.convolutions = [
            nn.Conv2d(count, CHANNELS, 3, padding=1, bias=False).double() for count in counts
        ]
        self.norms = [nn.BatchNorm2d(CHANNELS, 1e-3, 0.01).double() for _ in counts]
        self.last = nn.Linear(CHANNELS, 3).double()
        with torch.no_grad():
            for module, arrays in zip(self.convolutions, own[::2], strict=False):
                module.weight.copy_(as_tensor(torch, arrays["weight"]))
            self.last.weight.copy_(torch.tensor(own[-1]["weight"]))
            self.last.bias.copy_(torch.tensor(own[-1]["bias"]))
        modules = [*self.convolutions, *self.norms, self.last]
        self.parameters = [tensor for module in modules for tensor in module.parameters()]

    def unit(self, number, x):
        return self.norms[number](self.convolutions[number](x))

    def cost(self, x, y):
        h = self.torch.relu(self.unit(0, x))
        for k in range(1, 2 * BLOCKS, 2):
            h = self.torch.relu(self.unit(k + 1, self.torch.relu(self.unit(k, h))) + h)
        return self.torch.nn.functional.cross_entropy(self.last(h.mean((2, 3))), y)


@pytest.mark.parametrize("batch_size", [20, 36])
def test_steps_are_those_of_torch(batch_size):
    """Batches of 20 and 36, 4 are several blocks and their rest."""
    torch = pytest.importorskip("torch")
    net, (X, y) = network(), data()
    peer, X = Peer(torch, net), X / 255
    net.descent(X, y, epochs=4, batch_size=batch_size, shuffle=False, learning_rate=0.1)
    steps = torch.optim.SGD(peer.parameters, 0.1)
    for _ in range(4):
        for first in range(0, N, batch_size):
            part = slice(first, first + batch_size)
            steps.zero_grad()
            peer.cost(as_tensor(torch, X[part]), torch.tensor(y[part])).backward()
            steps.step()
    own = [layer.weights for layer in net.layers if layer.weights]
    for k, norm in enumerate(peer.norms):
        kernel = peer.convolutions[k].weight.detach().numpy()
        for found, expected in (
            (own[2 * k]["weight"], np.moveaxis(kernel, 1, 3)),
            (own[2 * k + 1]["gamma"], norm.weight.detach().numpy()),
            (own[2 * k + 1]["beta"], norm.bias.detach().numpy()),
            (own[2 * k + 1]["moving_mean"], norm.running_mean.numpy()),
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-11)


def test_same_bits_for_any_number_of_threads(dtype, monkeypatch):
    X, y = data(120)
    found = []
    for members in (1, 2, 5):
        force(monkeypatch, members)
        net = network(dtype, [layers.Rescaling(1 / 255), layers.RandomShift(1, 1)])
        history = net.descent(X, y, optimizer="adam", epochs=2, batch_size=100, validation=0.1)
        found.append((net.parameters, history.J, history.validation_J))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_it_learns_and_comes_back_from_files(tmp_path, monkeypatch):
    X, _ = data(90)
    bright = (X / 255).mean((1, 2, 3))
    y = np.digitize(bright, np.quantile(bright, [1 / 3, 2 / 3]))
    options = {"optimizer": "adam", "epochs": 40, "batch_size": 30, "learning_rate": 0.01}

    def made():
        return network(first=[layers.Rescaling(1 / 255)], momentum=0.8)

    net = made()
    net.descent(X, y, **options)
    assert net.score(X, y) > 0.8
    net.save(tmp_path / "net")
    np.testing.assert_array_equal(nnlib.load(tmp_path / "net").F(X), net.F(X))
    options["checkpoint"] = tmp_path / "half"
    with interrupted_after(4, monkeypatch):
        made().descent(X, y, **options)
    other = made()
    other.descent(X, y, resume=True, **options)
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_a_population_trains_members_as_if_alone():
    X, y = data()
    options = {"epochs": 2, "batch_size": 20, "optimizer": "adam"}
    population = nnlib.train_many(
        network(), X / 255, y, grid={"learning_rate": [0.01, 0.1]}, **options
    )
    alone = network()
    alone.descent(X / 255, y, learning_rate=0.1, **options)
    np.testing.assert_array_equal(population[1].parameters, alone.parameters)
