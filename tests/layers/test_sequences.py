"""Both directions, dense layers at every step, repeated values, and dropout of sequences."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

TIME, FEATURES, UNITS = 5, 3, 4
RECURRENT = ["SimpleRNN", "GRU", "LSTM"]
MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": np.add,
    "ave": lambda a, b: (a + b) / 2,
    "mul": np.multiply,
}


def network(*behind, shape=(TIME, FEATURES), **settings):
    return nnlib.Network([Input(shape), *behind], seed=1, **settings)


def examples(n=7):
    return np.random.default_rng(0).normal(size=(n, TIME, FEATURES))


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("kind", RECURRENT)
def test_both_directions_are_a_layer_of_the_sequence_and_one_of_its_reverse(kind, merge, sequences):
    make = getattr(layers, kind)
    both = layers.Bidirectional(make(UNITS, return_sequences=sequences), merge)
    net, X = network(both), examples()
    own = net.layers[0].weights, net.layers[1].weights
    ways = []
    for arrays, data in zip(own, (X, X[:, ::-1]), strict=True):
        alone = network(make(UNITS, return_sequences=sequences))
        alone.parameters = np.concatenate([array.ravel() for array in arrays.values()])
        ways.append(alone.F(data))
    if sequences:
        ways[1] = ways[1][:, ::-1]
    assert_close(net.F(X), MERGES[merge](*ways), FEATURES + UNITS, depth=4 * TIME)


def test_what_is_set_of_both_directions_is_set_of_each():
    both = layers.Bidirectional(layers.GRU(UNITS, trainable=False, rate_factor=2.0), name="pair")
    assert [both.forward_layer.name, both.backward_layer.name] == ["forward_pair", "backward_pair"]
    assert (both.backward_layer.trainable, both.backward_layer.rate_factor) == (False, 2.0)
    both.trainable = True
    assert both.forward_layer.trainable
    assert both.backward_layer.trainable
    net = network(both)
    assert net.parameters.size == 2 * 3 * UNITS * (FEATURES + UNITS + 2)
    assert set(both.weights) == {
        f"{way}_{name}"
        for way in ("forward", "backward")
        for name in ("weight", "bias", "recurrent_weight", "recurrent_bias")
    }


def test_a_dense_layer_at_every_step():
    net, X = network(layers.TimeDistributed(layers.Dense(2, "tanh"))), examples()
    weight, bias = net.layers[0].weights.values()
    assert_close(net.F(X), np.tanh(X @ weight[:, 0].T + bias), FEATURES, depth=2)


def test_a_repeated_value_and_its_slope():
    net = network(layers.Dense(2), layers.RepeatVector(TIME), layers.Scale(), shape=FEATURES)
    net.parameters = np.random.default_rng(2).normal(size=net.parameters.size)
    x = np.random.default_rng(3).normal(size=(7, FEATURES))
    (weight, bias), (scale,) = (tuple(layer.weights.values()) for layer in net.layers[::2])
    values = x @ weight.T + bias
    expected = values[:, None] * scale.reshape(TIME, 2)
    assert_close(net.F(x), expected, FEATURES, depth=2)
    gradient = net.derJ(x, np.zeros((7, TIME, 2)), reduction="sum", flat=True)
    delta = (expected * scale.reshape(TIME, 2)).sum(axis=1)
    assert_close(gradient[: weight.size], (delta.T @ x).ravel(), 7 * TIME, depth=3)


@pytest.mark.parametrize("kind", RECURRENT)
def test_dropout_drops_in_a_descent_alone(kind):
    make = getattr(layers, kind)
    plain = network(make(UNITS), layers.Dense(1))
    X, y = examples(40), np.random.default_rng(4).normal(size=(40, 1))
    for names in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}):
        net = network(make(UNITS, **names), layers.Dense(1))
        np.testing.assert_array_equal(net.F(X), plain.F(X))
        np.testing.assert_array_equal(net.derJ(X, y, flat=True), plain.derJ(X, y, flat=True))
        other = network(make(UNITS), layers.Dense(1))
        net.descent(X, y, epochs=1, batch_size=20)
        other.descent(X, y, epochs=1, batch_size=20)
        assert not np.array_equal(net.parameters, other.parameters)
        again = network(make(UNITS, **names), layers.Dense(1))
        again.descent(X, y, epochs=1, batch_size=20)
        np.testing.assert_array_equal(net.parameters, again.parameters)


def test_spatial_dropout_has_one_mask_for_all_steps():
    """A sum over the steps is dropped or not: its W learns from whole features."""
    X = np.ones((8, TIME, FEATURES))
    net = network(layers.SpatialDropout1D(0.5), layers.Flatten(), layers.Dense(1))
    net.parameters = np.zeros(net.parameters.size)
    net.descent(X, np.ones((8, 1)), epochs=1, batch_size=8, learning_rate=1.0)
    change = net.layers[2].weights["weight"].reshape(TIME, FEATURES)
    assert change.any()
    np.testing.assert_array_equal(change, np.broadcast_to(change[0], change.shape))
    plain = network(layers.Dropout(0.5), layers.Flatten(), layers.Dense(1))
    plain.parameters = np.zeros(plain.parameters.size)
    plain.descent(X, np.ones((8, 1)), epochs=1, batch_size=8, learning_rate=1.0)
    other = plain.layers[2].weights["weight"].reshape(TIME, FEATURES)
    assert not np.array_equal(other, np.broadcast_to(other[0], other.shape))


def whole():
    """A network of all layers for sequences."""
    return network(
        layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True, recurrent_dropout=0.25)),
        layers.TimeDistributed(layers.Dense(3, "tanh")), layers.GRU(UNITS, dropout=0.25),
        layers.RepeatVector(3), layers.SimpleRNN(3), layers.Dense(2),
    )  # fmt: skip


def data(n=48):
    rng = np.random.default_rng(6)
    return rng.normal(size=(n, TIME, FEATURES)), rng.normal(size=(n, 2))


def test_a_network_of_all_comes_back_from_a_file(tmp_path):
    net, (X, _) = whole(), data()
    net.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(nnlib.load(tmp_path / "net.npz").F(X), net.F(X))
    assert "LSTM" in str(net.summary())
    assert re.search(r"LSTM\(4, return_sequences=True, recurrent_dropout=0.25\)", repr(net.layers))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "rprop"])
def test_descents_have_the_same_bits_for_any_number_of_threads(optimizer):
    X, y = data()
    found = []
    for threads in (1, 2):
        nnlib.set_threads(threads)
        net = whole()
        batch = {} if optimizer == "rprop" else {"batch_size": 32}
        net.descent(X, y, epochs=3, optimizer=optimizer, weight_decay=1e-3, max_norm=2.0, **batch)
        found.append(net.parameters.copy())
    nnlib.set_threads(None)
    np.testing.assert_array_equal(*found)


BAD = {
    "both, of a dense layer": (
        lambda: layers.Bidirectional(layers.Dense(3)), TypeError, "SimpleRNN, GRU or LSTM"
    ),
    "both, backwards": (
        lambda: layers.Bidirectional(layers.LSTM(3, go_backwards=True)), ValueError, "forwards"
    ),
    "merge": (lambda: layers.Bidirectional(layers.LSTM(3), "concatenate"), ValueError, "concat"),
    "each step, of an LSTM": (
        lambda: layers.TimeDistributed(layers.LSTM(3)), TypeError, "Dense"
    ),
    "each step, of no sequence": (
        lambda: layers.TimeDistributed(layers.Dense(3))(Input(4)), ValueError, "time, features"
    ),
    "repeats": (lambda: layers.RepeatVector(0), ValueError, "n"),
    "repeated sequence": (lambda: layers.RepeatVector(2)(Input((3, 2))), ValueError, r"\(d,\)"),
    "dropout": (lambda: layers.SpatialDropout1D(0.5)(Input(3)), ValueError, "time, features"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
