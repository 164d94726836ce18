"""Recurrent networks in every way to train: the same bits for any threads, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input
from tests.machine.teams import force
from tests.tolerances import assert_close
from tests.training.checkpointed import interrupted_after

pytestmark = pytest.mark.cpu("graphs")

TIME, FEATURES = 6, 3


def network(dtype="float64", **settings):
    """All three kinds, both directions, and dropout between the steps."""
    return nnlib.Network(
        [
            Input((TIME, FEATURES)),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True, **settings)),
            layers.GRU(5, return_sequences=True), layers.SimpleRNN(4), layers.Dense(2),
        ],
        dtype=dtype, seed=1,
    )  # fmt: skip


def data(n):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, TIME, FEATURES)), rng.normal(size=(n, 2)) / 2


OPTIONS = {
    "plain": {},
    "mini-batches": {"batch_size": 150, "optimizer": "adam"},
    "extras": {
        "optimizer": "momentum", "weight_decay": 1e-3, "l1": 1e-4, "clip_norm": 0.1,
        "clip_value": 0.05, "max_norm": 1.0, "validation": 0.25, "patience": 50,
        "batch_size": 120,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_same_bits_for_any_number_of_threads(name, dtype, monkeypatch):
    X, y = data(300)
    found = []
    for members in (1, 2, 5):
        force(monkeypatch, members)
        net = network(dtype, recurrent_dropout=0.25, dropout=0.25)
        history = net.descent(X, y, epochs=3, learning_rate=0.01, **OPTIONS[name])
        found.append((net.parameters, history.J))
    for parameters, costs in found[1:]:
        np.testing.assert_array_equal(parameters, found[0][0])
        np.testing.assert_array_equal(costs, found[0][1])


def test_a_step_is_along_the_gradient():
    X, y = data(40)
    net = network()
    start, gradient = net.parameters.copy(), net.derJ(X, y, reduction="mean", flat=True)
    net.descent(X, y, epochs=1, learning_rate=0.5, reduction="mean")
    assert_close(net.parameters, start - 0.5 * gradient, 40 * TIME, depth=TIME)


def test_a_population_trains_members_as_if_alone():
    X, y = data(40)
    options = {"epochs": 2, "batch_size": 20, "optimizer": "adam"}
    rates = [0.01, 0.1]
    population = nnlib.train_many(network(), X, y, grid={"learning_rate": rates}, **options)
    for member, rate in enumerate(rates):
        alone = network()
        alone.descent(X, y, learning_rate=rate, **options)
        np.testing.assert_array_equal(population[member].parameters, alone.parameters)


def test_lbfgs_follows_the_gradient_to_where_it_is_small():
    X, y = data(10)
    net = network()
    before = np.abs(net.derJ(X, y, flat=True)).max()
    net.descent(X, y, optimizer="lbfgs", epochs=200)
    assert np.abs(net.derJ(X, y, flat=True)).max() < before / 100


@pytest.mark.parametrize("slices", [1, 7])
def test_a_descent_goes_on_from_a_checkpoint(slices, tmp_path, monkeypatch):
    X, y = data(40)
    options = {"optimizer": "adam", "batch_size": 10, "epochs": 4, "checkpoint": tmp_path / "half"}
    net = network(recurrent_dropout=0.25)
    net.descent(X, y, **options)
    with interrupted_after(slices, monkeypatch):
        network(recurrent_dropout=0.25).descent(X, y, **options)
    other = network(recurrent_dropout=0.25)
    other.descent(X, y, resume=True, **options)
    np.testing.assert_array_equal(other.parameters, net.parameters)


def test_ways_that_know_no_recurrent_layer_refuse_it_by_name():
    X, y = data(10)
    with pytest.raises(ValueError, match=r"simple_rnn|convolution|gru|lstm"):
        network().descent(X, y, epochs=1, compile=True)
    with pytest.raises(ValueError, match=r"simple_rnn|convolution|gru|lstm"):
        network().descent(X, y, epochs=1, optimizer="levenberg_marquardt")


def test_a_frozen_recurrent_layer_stays_and_hands_its_delta_on():
    X, y = data(20)
    net = nnlib.Network(
        [
            Input((TIME, FEATURES)), layers.LSTM(4, return_sequences=True),
            layers.GRU(3, trainable=False), layers.Dense(2),
        ],
        seed=1,
    )  # fmt: skip
    first, frozen = net.layers[:2]
    start = [
        {name: array.copy() for name, array in layer.weights.items()} for layer in (first, frozen)
    ]
    gradient = net.derJ(X, y, reduction="mean", flat=True)
    size = sum(array.size for array in start[0].values())
    net.descent(X, y, epochs=1, learning_rate=0.5, reduction="mean")
    for name, array in frozen.weights.items():
        np.testing.assert_array_equal(array, start[1][name])
    moved = np.concatenate([array.ravel() for array in first.weights.values()])
    before = np.concatenate([array.ravel() for array in start[0].values()])
    assert_close(moved, before - 0.5 * gradient[:size], 20 * TIME, depth=TIME)
