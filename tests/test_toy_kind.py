"""A kind of layer that this file alone adds: it trains, and every way computes or refuses it.

A kind is three kernels on a `Layer`, a row of the table, a line in `KINDS`; and on the host a
half that makes the row, a class of the users', and a line for that in `rebuilt`. Nothing else knows
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.kernels.compile.jit import kernel
from nnlib.kernels.layers.kinds import KINDS, Kind
from nnlib.kernels.layers.operations import D_IN, Layer, Row
from nnlib.layers import rebuilt
from nnlib.layers.shaped import Parameters, Shape, ShapedLayer, units_of
from nnlib.machine.device import missing_for_cuda
from nnlib.population.lanes import in_lanes
from nnlib.training.options import Options
from tests.machine.teams import force
from tests.tolerances import assert_close, difference_step, difference_tolerance
from tests.training.checkpointed import interrupted_after

NAME = "square"


@kernel
def forward(layer: Layer) -> None:
    """a_out ← (a_in + c)², with a c for every unit."""
    lanes = layer.lanes
    for i in range(layer.row[D_IN]):
        for place in range(i * lanes, (i + 1) * lanes):
            shifted = layer.a_in[place] + layer.parameters[i]
            layer.a_out[place] = shifted * shifted


@kernel
def delta(layer: Layer) -> None:
    """δ_in ← 2 (a_in + c) δ_out."""
    lanes = layer.lanes
    for i in range(layer.row[D_IN]):
        for place in range(i * lanes, (i + 1) * lanes):
            shifted = layer.a_in[place] + layer.parameters[i]
            layer.delta_in[place] = 2 * shifted * layer.delta_out[place]


@kernel
def gradient(layer: Layer) -> None:
    """∇c ← Σ_s 2 (a_in + c) δ_out, added to what is there if `accumulate`."""
    lanes, total = layer.lanes, layer.gradient
    for i in range(layer.row[D_IN]):
        products = total.dtype.type(0)
        for place in range(i * lanes, (i + 1) * lanes):
            products += 2 * (layer.a_in[place] + layer.parameters[i]) * layer.delta_out[place]
        total[i] = total[i] + products if layer.accumulate else products


@dataclass(frozen=True)
class SquareLayer(ShapedLayer):
    """The host half."""

    shape: Shape
    kind: int

    @property
    def output_shape(self):
        return self.shape

    @property
    def parameters(self):
        return {"offset": Parameters(self.shape, start=0.25)}

    def described(self):
        return "Square", {}

    def rows(self, place, logits=None):
        units = units_of(self.shape)
        row = Row(
            kind=self.kind, activation=0, d_in=units, d_out=units, parameters=place.parameters,
            size=units, decayed=0, output=place.output, workspace=place.output, wide=0,
            sample_major=0, keep=0, source=place.sources[0].unit, work=2 * units, learns=1,
        )  # fmt: skip
        return [row]


class Square(layers.Layer):
    """(x + c)², with a c for every value."""

    kind = -1  # its number, while the fixture lasts

    def shaped(self, shapes):
        return SquareLayer(shapes[0], self.kind)


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    """The toy kind is known."""
    number = max(KINDS) + 1
    monkeypatch.setattr(Square, "kind", number)
    monkeypatch.setitem(KINDS, number, Kind(NAME, forward, delta, gradient))
    monkeypatch.setitem(rebuilt._CLASSES, "Square", Square)
    return number


def problem(dtype="float64", n=50, **settings):
    """A network with the toy layer in the middle, used twice, and data."""
    x, square = layers.Input(3), Square(**settings)
    h = layers.Dense(4, "tanh")(x)
    h = layers.Dense(4, "tanh")(square(h)) - square(h)
    net = nnlib.Network(inputs=x, outputs=layers.Dense(1)(h), dtype=dtype)
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(n, 3)), rng.normal(size=n)
    return net, X.astype(dtype), y.astype(dtype)


def chain():
    """A network that is the toy layer behind a dense one."""
    net = nnlib.Network([layers.Input(3), layers.Dense(2), Square()])
    rng = np.random.default_rng(4)
    return net, rng.normal(size=(20, 3)), rng.normal(size=(20, 2))


def by_formula(net, X):
    """F of `problem`'s network, in the order of its layers."""
    (W, b), (c,), (V, d), (w, e) = (
        tuple(layer.weights.values()) for layer in net.layers if layer.weights
    )
    h = np.tanh(X @ W.T + b)
    square = (h + c) ** 2
    return (np.tanh(square @ V.T + d) - square) @ w.T + e


@pytest.mark.cpu("graphs")
@pytest.mark.parametrize("n", [1, 7, 200])
def test_outputs(dtype, n):
    net, X, _ = problem(dtype, n)
    found = net.F(X)
    assert found.dtype == dtype
    assert_close(found, by_formula(net, np.float64(X)), terms=10, depth=8)


@pytest.mark.cpu("graphs")
def test_gradient():
    net, X, y = problem()
    found, before, h = net.derJ(X, y, flat=True), net.parameters.copy(), difference_step()
    for k in range(found.size):
        costs = []
        for step in (h, -h):
            net.parameters = before + step * (np.arange(found.size) == k)
            costs.append(net.J(X, y))
        slope = (costs[0] - costs[1]) / (2 * h)
        assert slope == pytest.approx(found[k], abs=difference_tolerance(60, 10))


@pytest.mark.cpu("graphs")
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_it_trains(optimizer, dtype):
    net, X, y = problem(dtype)
    offset = net.layers[1].weights["offset"]
    np.testing.assert_array_equal(offset, 0.25)
    before = net.J(X, y)
    net.descent(X, y, optimizer=optimizer, epochs=100)
    assert net.J(X, y) < 0.95 * before
    assert np.all(net.layers[1].weights["offset"] != 0.25)


@pytest.mark.cpu("graphs")
def test_frozen_with_every_option_of_a_step():
    net, X, y = problem(trainable=False)
    net.descent(
        X, y, optimizer="adam", epochs=5, batch_size=10, weight_decay=0.1, l1=0.1, max_norm=0.5,
        clip_norm=0.1, clip_value=0.1, validation=0.2,
    )  # fmt: skip
    np.testing.assert_array_equal(net.layers[1].weights["offset"], 0.25)


@pytest.mark.cpu("threads")
def test_same_bits_for_any_number_of_threads(monkeypatch):
    found = []
    for members in (1, 2, 3):
        force(monkeypatch, members)
        net, X, y = problem(n=20_000)
        net.descent(X, y, optimizer="momentum", epochs=3, max_norm=1.0)
        found.append(net.parameters)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.cpu("graphs")
def test_a_population_trains_it_member_by_member():
    net, X, y = chain()
    work = SimpleNamespace(train=SimpleNamespace(X=X), validation=None)
    assert not in_lanes(work, SimpleNamespace(network=net, options=Options(epochs=1)))
    population = nnlib.train_many(net, X, y, grid={"learning_rate": [0.01, 0.02]}, epochs=5)
    for member, rate in enumerate([0.01, 0.02]):
        alone, _, _ = chain()
        alone.descent(X, y, learning_rate=rate, epochs=5)
        np.testing.assert_array_equal(population[member].parameters, alone.parameters)


@pytest.mark.cpu("compile")
def test_a_pass_that_is_written_out():
    net, X, y = chain()
    with pytest.raises(ValueError, match=f"cannot be written out: it has a layer of kind '{NAME}'"):
        net.descent(X, y, compile=True, epochs=1)


@pytest.mark.cpu("levenberg_marquardt")
@pytest.mark.parametrize("make", [chain, problem])
def test_levenberg_marquardt(make):
    net, X, y = make()
    with pytest.raises(ValueError, match=f"kind '{NAME}'"):
        net.descent(X, y, optimizer="levenberg_marquardt", epochs=1)


@pytest.mark.cpu("graphs")
def test_files(tmp_path, monkeypatch):
    net, X, y = problem()
    net.descent(X, y, epochs=2)
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(nnlib.load(tmp_path / "net.safetensors").F(X), net.F(X))
    monkeypatch.undo()
    with pytest.raises(nnlib.FormatError, match="class of a layer is 'Square', wanted one of"):
        nnlib.load(tmp_path / "net.safetensors")


@pytest.mark.cpu("graphs")
def test_a_descent_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    options = {"optimizer": "adam", "batch_size": 10, "epochs": 6}
    net, X, y = problem()
    net.descent(X, y, **options)
    options["checkpoint"] = tmp_path / "half"
    with interrupted_after(13, monkeypatch):
        problem()[0].descent(X, y, **options)
    other, _, _ = problem()
    other.descent(X, y, resume=True, **options)
    np.testing.assert_array_equal(other.parameters, net.parameters)


@pytest.mark.skipif(missing_for_cuda() is not None, reason=f"no GPU: {missing_for_cuda()}")
def test_a_gpu():
    from nnlib.cuda.launch import known_rows

    net, X, y = chain()
    with pytest.raises(ValueError, match=f"layers of kind '{NAME}' run on the CPU"):
        known_rows(net.architecture.training_table)
    net.to("cuda")
    for act in (lambda: net.F(X), lambda: net.J(X, y), lambda: net.descent(X, y, epochs=1)):
        with pytest.raises(ValueError, match=f"layers of kind '{NAME}' run on the CPU"):
            act()


def test_nothing_of_it_is_left(kind, monkeypatch):
    monkeypatch.undo()
    assert kind not in KINDS
    assert all(one.name != NAME for one in KINDS.values())
