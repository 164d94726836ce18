"""Layer and batch normalisation: beside PyTorch, by differences, and in every way to train."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.training.buffers import layout
from nnlib.training.options import Options
from tests.machine.teams import force, short_slices
from tests.tolerances import assert_close, difference_step, difference_tolerance, tolerance
from tests.training.checkpointed import interrupted_after

pytestmark = pytest.mark.cpu("graphs")

N = 42
NORMALIZATIONS = {
    "layer": layers.LayerNormalization,
    "batch": layers.BatchNormalization,
}


@pytest.fixture(params=NORMALIZATIONS)
def kind(request):
    return request.param


def data(n=N, width=6, seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(n, width)) + 3, rng.normal(size=(n, 2))


def chain(kind, dtype="float64", **settings):
    """A layer that normalises at either end of a hidden layer."""
    make = NORMALIZATIONS[kind]
    return nnlib.Network(
        [layers.Input(6), layers.Dense(8, "tanh"), make(**settings), layers.Dense(5, "sigmoid"),
         make(**settings), layers.Dense(2)],
        dtype=dtype,
    )  # fmt: skip


def fork(kind, shape=(4, 2), **settings):
    """Values of several places; one layer is used twice, and two values are read twice."""
    make = NORMALIZATIONS[kind]
    x, shared = layers.Input(shape), make(**settings)
    h = shared(x)
    g = layers.Activation("tanh")(h) + make()(h)
    end = layers.Dense(2)(layers.Flatten()(shared(g) + 0.5 * h))
    return nnlib.Network(inputs=x, outputs=end)


def set_at_random(net, seed=1):
    """Parameters away from where they begin; variances stay positive."""
    rng = np.random.default_rng(seed)
    net.parameters = net.parameters + 0.3 * rng.uniform(-1, 1, net.parameters.size)


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


def test_a_large_batch_is_several_blocks():
    """What the tests of this file take for granted."""
    net, X = fork("batch"), np.zeros((300, 8))
    table = net.architecture.training_table
    examples = type("Examples", (), {"X": X})
    assert layout(Options(epochs=1), examples, net.parameters, table).chunks > 1


OPTIONS = {
    "plain": {},
    "mini-batches": {"batch_size": 900, "optimizer": "adam"},
    "extras": {
        "optimizer": "momentum", "weight_decay": 1e-3, "l1": 1e-4, "clip_norm": 0.1,
        "clip_value": 0.05, "max_norm": 1.0, "validation": 0.25, "patience": 50,
        "batch_size": 600,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_same_bits_for_any_number_of_threads(name, dtype, monkeypatch):
    X, y = data(4000)
    found = []
    for members in (1, 2, 5):
        force(monkeypatch, members)
        net = chain("batch", dtype)
        history = net.descent(X, y, epochs=3, learning_rate=0.01, **OPTIONS[name])
        found.append((net.parameters, history.J))
    for parameters, costs in found[1:]:
        np.testing.assert_array_equal(parameters, found[0][0])
        np.testing.assert_array_equal(costs, found[0][1])


def test_the_averages_are_no_weights(kind):
    """No penalty, no clipping and no optimizer touches them."""
    X, y = data()
    plain, other = chain(kind), chain(kind)
    plain.descent(X, y, epochs=1, learning_rate=1e-12)
    other.descent(
        X, y, epochs=1, optimizer="adamw", learning_rate=1e-12, l1=1.0, max_norm=1e-3,
        clip_value=1e-9,
    )  # fmt: skip
    for one, two in zip(plain.layers, other.layers, strict=True):
        for name in one.weights:
            if name.startswith("moving"):
                np.testing.assert_allclose(two.weights[name], one.weights[name], rtol=1e-9)
                assert np.all(two.weights[name] != {"moving_mean": 0, "moving_variance": 1}[name])


def test_a_frozen_layer_takes_its_averages():
    """Then a descent is that of J, whose gradient derJ gives."""
    X, y = data()
    net = chain("batch", trainable=False)
    set_at_random(net)
    before, gradient = net.parameters.copy(), net.derJ(X, y, flat=True)
    cost = net.J(X, y)
    history = net.descent(X, y, epochs=1, learning_rate=0.5)
    assert history.J[0] == pytest.approx(cost, rel=1e-12)
    for own, start, slope in zip(
        net.layers, net.architecture.arrays(before), net.architecture.arrays(gradient), strict=True
    ):
        for name, array in own.weights.items():
            moved = 0.5 if own.trainable else 0.0
            np.testing.assert_allclose(array, start[name] - moved * slope[name], rtol=1e-9)


def test_an_example_of_weight_0_is_not_there(kind):
    X, y = data()
    weight = np.arange(N) % 3 + 0.5
    weight[::4] = 0
    kept = weight > 0
    one, other = chain(kind), chain(kind)
    first = one.descent(X, y, epochs=4, learning_rate=0.1, sample_weight=weight)
    second = other.descent(
        X[kept], y[kept], epochs=4, learning_rate=0.1, sample_weight=weight[kept]
    )
    np.testing.assert_allclose(first.J, second.J, rtol=1e-9)
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-9, atol=1e-12)


def test_validation_takes_the_averages():
    X, y = data(60)
    net = chain("batch")
    costs = []
    history = net.descent(
        X[:40], y[:40], epochs=5, learning_rate=0.1, validation=(X[40:], y[40:]), batch_size=20,
        callback=lambda report: costs.append(net.J(X[40:], y[40:])), callback_epochs=1,
    )  # fmt: skip
    np.testing.assert_allclose(history.validation_J, costs, rtol=1e-12)


def test_a_population_trains_members_as_if_alone(kind):
    X, y = data(50)
    options = {"epochs": 5, "batch_size": 20, "optimizer": "adam"}
    population = nnlib.train_many(chain(kind), X, y, grid={"learning_rate": [0.01, 0.1]}, **options)
    for member, rate in enumerate([0.01, 0.1]):
        alone = chain(kind)
        alone.descent(X, y, learning_rate=rate, **options)
        np.testing.assert_array_equal(population[member].parameters, alone.parameters)


def test_files(kind, tmp_path):
    net, (X, y) = chain(kind, epsilon=0.25, center=False), data()
    net.descent(X, y, epochs=2)
    net.save(tmp_path / "net")
    loaded = nnlib.load(tmp_path / "net")
    np.testing.assert_array_equal(loaded.F(X), net.F(X))
    assert loaded.layers[1].config() == net.layers[1].config()
    first, second = net.descent(X, y, epochs=2), loaded.descent(X, y, epochs=2)
    np.testing.assert_array_equal(first.J, second.J)


@pytest.mark.parametrize("slices", [1, 7, 13])
def test_a_descent_goes_on_from_a_checkpoint(slices, kind, tmp_path, monkeypatch):
    options = {"optimizer": "adam", "batch_size": 10, "epochs": 4, "checkpoint": tmp_path / "half"}
    X, y = data()
    net = chain(kind)
    net.descent(X, y, **options)
    with interrupted_after(slices, monkeypatch):
        chain(kind).descent(X, y, **options)
    other = chain(kind)
    other.descent(X, y, resume=True, **options)
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_a_batch_is_not_left_between_two_stages(monkeypatch):
    X, y = data()
    net, other = chain("batch"), chain("batch")
    net.descent(X, y, batch_size=10, epochs=3)
    short_slices(monkeypatch)
    other.descent(X, y, batch_size=10, epochs=3)
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_a_diverging_descent_leaves_the_averages_of_the_last_good_epoch():
    X, y = data()
    net = chain("batch")
    with pytest.raises(nnlib.DivergenceError) as error:
        net.descent(X, y, learning_rate=1e20, epochs=9)
    twin = chain("batch")
    twin.descent(X, y, learning_rate=1e20, epochs=error.value.epoch - 1)
    assert error.value.epoch > 1
    np.testing.assert_array_equal(net.parameters, twin.parameters)


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_methods_of_full_batches_refuse_batch_normalization(optimizer):
    X, y = data()
    net = chain("batch")
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=f"optimizer='{optimizer}': batch normalisation changes"):
        net.descent(X, y, optimizer=optimizer, epochs=1)
    np.testing.assert_array_equal(net.parameters, before)


def test_a_pass_that_is_written_out_refuses_them(kind):
    X, y = data()
    with pytest.raises(ValueError, match=f"has a layer of kind '{kind} normalization'"):
        chain(kind).descent(X, y, compile=True, epochs=1)


@pytest.mark.parametrize(
    ("n", "batch_size", "found"),
    [
        (1, None, "batch_size is None: every batch is one example"),
        (9, 1, "batch_size is 1: every batch is one example"),
        (9, 4, "batch_size is 4: of 9 examples the last batch has one"),
    ],
)
def test_batches_of_one_example(n, batch_size, found):
    X, y = data(n)
    wanted = f"^{found}, over which the layer 'batch_normalization' cannot normalise; wanted at"
    with pytest.raises(ValueError, match=wanted):
        chain("batch").descent(X, y, batch_size=batch_size, epochs=1)
    with pytest.raises(ValueError, match=wanted):
        nnlib.train_many(chain("batch"), X, y, n=2, batch_size=batch_size, epochs=1)
    chain("layer").descent(X, y, batch_size=batch_size, epochs=1)
    chain("batch", trainable=False).descent(X, y, batch_size=batch_size, epochs=1)


def test_a_batch_of_one_example_of_several_places():
    net = fork("batch")
    net.descent(np.zeros((1, 4, 2)), np.zeros((1, 2)), epochs=1)


@pytest.mark.parametrize("make", NORMALIZATIONS.values())
def test_bad_arguments(make):
    for given in ({"epsilon": 0.0}, {"epsilon": float("nan")}, {"center": 1}, {"scale": "no"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(given))):
            make(**given)
    with pytest.raises(TypeError, match=r"epsilom.*epsilon"):
        make(epsilom=1.0)


def test_bad_momentum():
    for momentum in (1.0, -0.1, 2.0):
        with pytest.raises(ValueError, match="momentum is"):
            layers.BatchNormalization(momentum)


def test_a_last_axis_of_one_value():
    with pytest.raises(ValueError, match=r"value of shape \(3, 1\), wanted a last axis of at"):
        layers.LayerNormalization()(layers.Input((3, 1)))


def test_summary_and_text(kind):
    net = chain(kind)
    name = {"layer": "LayerNormalization", "batch": "BatchNormalization"}[kind]
    assert name in str(net.summary())
    assert repr(NORMALIZATIONS[kind]()).startswith(f"{name}(")
