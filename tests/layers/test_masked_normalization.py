"""Batch normalisation of sequences with a mask: statistics of the steps that count, as in Keras."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests.layers.normalizing import set_at_random
from tests.machine.teams import force
from tests.tolerances import difference_step, difference_tolerance

pytestmark = pytest.mark.cpu("graphs")

TIME, FEATURES, EPSILON = 5, 3, 1e-3


def data(n, seed=0):
    """Sequences, targets, and which steps count: holes too, one with no step, one with all."""
    rng = np.random.default_rng(seed)
    X, y = 2 * rng.normal(size=(n, TIME, FEATURES)) + 1, rng.normal(size=(n, 2))
    mask = rng.random((n, TIME)) < 0.6
    mask[0], mask[1] = False, True
    return X, y, mask


def network(end, shape=(TIME, FEATURES), dtype="float64", momentum=0.75):
    """Batch normalisation, then a mean that reads the mask or a convolution that ends it."""
    behind = {
        "mean": [layers.GlobalAveragePooling1D()],
        "convolution": [layers.Conv1D(2, 2), layers.Flatten()],
    }[end]
    net = nnlib.Network(
        [layers.Input(shape), layers.BatchNormalization(momentum), *behind, layers.Dense(2)],
        dtype=dtype, seed=0,
    )  # fmt: skip
    set_at_random(net)
    return net


def normalised(own, X, mask, weights):
    """Outputs, μ and σ² by Keras' formulas: masked steps are read as 0, and normalised too."""
    counted = mask & (weights[:, None] > 0)
    x = np.where(mask[:, :, None], X, 0)
    mean = np.einsum("nt,ntc->c", counted, x) / counted.sum()
    variance = np.einsum("nt,ntc->c", counted, (x - mean) ** 2) / counted.sum()
    return own["gamma"] * (x - mean) / np.sqrt(variance + EPSILON) + own["beta"], mean, variance


def cost(net, end, parameters, X, y, mask, weights):
    """Σ v J / n in float64, with the statistics of the batch."""
    own, *others = (arrays for arrays in net.architecture.arrays(parameters) if arrays)
    h = normalised(own, X, mask, weights)[0]
    if end == "mean":
        h = np.einsum("nt,ntc->nc", mask, h) / np.maximum(mask.sum(axis=1), 1)[:, None]
    else:
        kernel = others[0]["weight"].reshape(2, 2, FEATURES)
        windows = np.stack([h[:, :-1], h[:, 1:]], axis=2)
        h = np.einsum("ntkc,okc->nto", windows, kernel) + others[0]["bias"]
        h = h.reshape(len(X), -1)
    e = h @ others[-1]["weight"].T + others[-1]["bias"] - y
    return float(0.5 * np.sum(weights[:, None] * e**2) / np.sum(weights))


@pytest.mark.parametrize("end", ["mean", "convolution"])
@pytest.mark.parametrize("n", [7, 300])
def test_a_step_is_that_of_the_steps_that_count(n, end):
    """A batch of 300 is several blocks; an example of weight 0 is not there."""
    net, (X, y, mask) = network(end), data(n)
    weights = np.ones(n)
    weights[2:4] = 0, 2
    before, h = net.parameters.copy(), difference_step()
    expected, learned = np.zeros_like(before), np.ones(before.size, bool)
    for arrays in net.architecture.arrays(learned):
        for name in arrays:
            arrays[name][...] = not name.startswith("moving")
    for k in np.flatnonzero(learned):
        step = h * (np.arange(before.size) == k)
        above, below = (
            cost(net, end, before + sign * step, X, y, mask, weights) for sign in (1, -1)
        )
        expected[k] = (above - below) / (2 * h)
    first = cost(net, end, before, X, y, mask, weights)
    history = net.descent(X, y, mask=mask, sample_weight=weights, learning_rate=0.25, epochs=1)
    np.testing.assert_allclose(history.J[0], first, rtol=1e-12)
    found = (before - net.parameters) / 0.25
    np.testing.assert_allclose(found[learned], expected[learned], atol=difference_tolerance(60, 10))


def test_delta_goes_through_to_the_layer_before():
    """Weights before the normalisation learn by what its steps that do not count give, too."""
    net = nnlib.Network(
        [layers.Input((TIME, FEATURES)), layers.Conv1D(FEATURES, 1, activation="tanh"),
         layers.BatchNormalization(), layers.Conv1D(2, 2), layers.Flatten(), layers.Dense(2)],
        seed=0,
    )  # fmt: skip
    set_at_random(net)
    X, y, mask = data(9)
    before, h = net.parameters.copy(), difference_step()

    def total(parameters):
        first, *rest = (arrays for arrays in net.architecture.arrays(parameters) if arrays)
        given = np.where(mask[:, :, None], X, 0) @ first["weight"].reshape(FEATURES, -1).T
        hidden = np.tanh(given + first["bias"])
        own, kernel, dense = rest
        mean = hidden[mask].mean(axis=0)
        scale = own["gamma"] / np.sqrt(hidden[mask].var(axis=0) + EPSILON)
        made = (hidden - mean) * scale + own["beta"]
        windows = np.concatenate([made[:, :-1], made[:, 1:]], axis=2)
        flat = (windows @ kernel["weight"].reshape(2, -1).T + kernel["bias"]).reshape(len(X), -1)
        return 0.5 * np.sum((flat @ dense["weight"].T + dense["bias"] - y) ** 2) / len(X)

    own = net.layers[0].weights
    size = own["weight"].size + own["bias"].size
    steps = h * np.eye(before.size)[:size]
    expected = [(total(before + one) - total(before - one)) / (2 * h) for one in steps]
    net.descent(X, y, mask=mask, learning_rate=0.25, epochs=1)
    found = (before - net.parameters)[:size] / 0.25
    np.testing.assert_allclose(found, expected, atol=difference_tolerance(60, 20))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_running_averages_are_those_of_the_steps_that_count(dtype):
    net, (X, y, mask) = network("mean", dtype=dtype), data(300)
    own = net.layers[0].weights
    before = {name: array.astype(float) for name, array in own.items()}
    net.descent(X, y, mask=mask, epochs=1, learning_rate=1e-9)
    _, mean, variance = normalised(before, X.astype(dtype).astype(float), mask, np.ones(300))
    for name, value in (("moving_mean", mean), ("moving_variance", variance)):
        expected = 0.75 * before[name] + 0.25 * value
        np.testing.assert_allclose(own[name], expected, rtol=1e-12 if dtype == "float64" else 2e-5)


def test_a_batch_of_which_no_step_counts_changes_no_average():
    net, (X, y, _) = network("mean"), data(6)
    before = {name: array.copy() for name, array in net.layers[0].weights.items()}
    history = net.descent(X, y, mask=np.zeros((6, TIME)), epochs=2, learning_rate=1e-3)
    assert np.isfinite(history.J).all()
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_array_equal(net.layers[0].weights[name], before[name])


@pytest.mark.parametrize("behind", ["mean", "GRU", "every step"])
def test_what_the_padding_holds_and_how_long_it_is_changes_no_bit(behind):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, TIME + 1, size=40)
    X, y = rng.normal(size=(40, TIME, FEATURES)), rng.normal(size=(40, 1))
    ends = {
        "mean": lambda: [layers.GlobalAveragePooling1D(), layers.Dense(1)],
        "GRU": lambda: [layers.GRU(4), layers.Dense(1)],
        "every step": lambda: [layers.GRU(4, return_sequences=True), layers.Conv1D(1, 1)],
    }
    others = X.copy()
    others[np.arange(TIME) >= lengths[:, None]] = np.nan
    longer = np.concatenate([others, np.full((40, 4, FEATURES), 7.0)], axis=1)
    found = []
    for given in (X, others, *([] if behind == "every step" else [longer])):
        shape = (None, FEATURES)
        net = nnlib.Network(
            [layers.Input(shape), layers.BatchNormalization(), *ends[behind]()], seed=0
        )
        targets = np.repeat(y[:, None], TIME, axis=1) if behind == "every step" else y
        net.descent(
            given, targets, lengths=lengths, optimizer="adam", batch_size=16, epochs=2, seed=0
        )
        found.append(net.parameters)
    for parameters in found[1:]:
        np.testing.assert_array_equal(parameters, found[0])


def test_same_bits_for_any_number_of_threads(monkeypatch):
    X, y, mask = data(700)
    found = []
    for members in (1, 2, 5):
        force(monkeypatch, members)
        net = network("convolution")
        net.descent(X, y, mask=mask, epochs=2, batch_size=300, learning_rate=0.01, seed=0)
        found.append(net.parameters)
    for parameters in found[1:]:
        np.testing.assert_array_equal(parameters, found[0])


def test_a_mask_of_ones_is_no_mask():
    X, y, mask = data(60)
    nets = network("mean"), network("mean")
    nets[0].descent(X, y, epochs=3, learning_rate=0.1)
    nets[1].descent(X, y, mask=np.ones_like(mask), epochs=3, learning_rate=0.1)
    np.testing.assert_allclose(nets[1].parameters, nets[0].parameters, rtol=1e-12)


def test_outside_a_descent_every_step_takes_the_averages():
    net = nnlib.Network([layers.Input((TIME, FEATURES)), layers.BatchNormalization()])
    set_at_random(net)
    X, _, mask = data(6)
    np.testing.assert_array_equal(net.F(X, mask=mask)[mask], net.F(X)[mask])


def test_a_stepper_normalises_by_the_averages():
    net = nnlib.Network(
        [layers.Input((None, FEATURES)), layers.BatchNormalization(), layers.GRU(4)], seed=0
    )
    set_at_random(net)
    X = data(2)[0][0]
    np.testing.assert_array_equal(net.stepper().read(X)[-1], net.F(X[None])[0])
