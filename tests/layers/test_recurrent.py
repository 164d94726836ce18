"""Recurrent layers against naive NumPy and PyTorch: values, gradients, masks, cuts and settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input
from tests import recurrent_reference
from tests.recurrent_reference import Settings, arrays_of, complex_step
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

TIME, FEATURES, UNITS = 5, 3, 4
KINDS = ["SimpleRNN", "GRU", "LSTM"]
# A block of one lane, one vector with padding, several vectors.
SAMPLES = (1, 7, 35)
# Products of a step, and how many steps and formulas they go through.
TERMS, DEPTH = FEATURES + UNITS + 2, 4 * TIME

# Arguments of the layer, and what they mean.
CASES = {
    "last state": ({}, Settings()),
    "sequences": ({"return_sequences": True}, Settings(sequences=True)),
    "backwards": ({"go_backwards": True}, Settings(backwards=True)),
    "backwards, sequences": (
        {"go_backwards": True, "return_sequences": True}, Settings(backwards=True, sequences=True)
    ),
    "aligned": (
        {"go_backwards": True, "return_sequences": True, "aligned": True},
        Settings(backwards=True, sequences=True, aligned=True),
    ),
    "no bias": ({"use_bias": False}, Settings()),
    "sigmoid": ({"activation": "sigmoid"}, Settings("sigmoid")),
    "relu": ({"activation": "relu"}, Settings("relu")),
    "identity": ({"activation": "identity"}, Settings("identity")),
}  # fmt: skip


def adapted(kind, masked=False, **changes):
    """The class of a layer that takes a list of a value and a mask, or whose rows are changed."""
    base = getattr(layers, kind)

    def shaped(self, shapes):
        made = base.shaped(self, shapes)
        return replace(made, recurrence=made.recurrence._replace(**changes))

    return type(kind, (base,), {"joins": masked, "shaped": shaped})


def drawn(layer, n, shape=(TIME, FEATURES), dtype="float64"):
    """A network of the layer alone, with random parameters, and X."""
    net = nnlib.Network([Input(shape), layer], dtype=dtype)
    rng = np.random.default_rng(n)
    net.parameters = rng.normal(size=net.parameters.size) * 0.5
    return net, rng.normal(size=(n, *shape)).astype(dtype)


def shapes_of(layer):
    return {name: array.shape for name, array in layer.weights.items()}


def outputs(kind, arrays, X, settings, masks=None):
    """F of a batch by the oracle."""
    masks = [None] * len(X) if masks is None else masks
    pairs = zip(X, masks, strict=True)
    return np.array(
        [recurrent_reference.output(kind, arrays, x, settings, mask)[0] for x, mask in pairs]
    )


def cost(kind, layer, X, y, settings, masks=None):
    """J of the half squared error as a function of the flat parameters."""
    shapes = shapes_of(layer)

    def function(flat):
        made = outputs(kind, arrays_of(shapes, flat), X, settings, masks)
        return 0.5 * ((made - y) ** 2).sum()

    return function


@pytest.mark.parametrize("n", SAMPLES)
@pytest.mark.parametrize(("arguments", "settings"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_naive_numpy(kind, arguments, settings, n):
    layer = getattr(layers, kind)(UNITS, **arguments)
    net, X = drawn(layer, n)
    expected = outputs(kind, layer.weights, X, settings)
    assert_close(net.F(X), expected, TERMS, DEPTH)
    y = np.random.default_rng(1).normal(size=expected.shape)
    few = slice(0, 7)  # the oracle computes each parameter's influence anew
    gradient = complex_step(cost(kind, layer, X[few], y[few], settings), net.parameters)
    found = net.derJ(X[few], y[few], reduction="sum", flat=True)
    assert_close(found, gradient, 7 * TIME * TERMS, DEPTH)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_of_the_inputs_are_those_of_naive_numpy(kind):
    layer = getattr(layers, kind)(UNITS)
    net, X = drawn(layer, 7)
    found = net.gradient(X)
    for x, slopes in zip(X, found, strict=True):
        for unit in range(UNITS):
            expected = complex_step(
                lambda flat, unit=unit: outputs(
                    kind, layer.weights, flat.reshape(1, TIME, FEATURES), Settings()
                )[0, unit],
                x.reshape(-1),
            )
            assert_close(slopes[unit].reshape(-1), expected, TERMS, DEPTH)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_more_lanes_have_the_gradients_of_their_examples(kind):
    layer = getattr(layers, kind)(UNITS, return_sequences=True)
    net, X = drawn(layer, 35)
    y = np.zeros((35, TIME, UNITS))
    parts = sum(net.derJ(X[k : k + 1], y[k : k + 1], reduction="sum", flat=True) for k in range(35))
    found = net.derJ(X, y, reduction="sum", flat=True)
    assert_close(found, parts, 35 * TIME * TERMS, DEPTH)


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    layer = getattr(layers, kind)(UNITS, return_sequences=True)
    net, X = drawn(layer, 7)
    peer = {"SimpleRNN": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}[kind](
        FEATURES, UNITS, batch_first=True, dtype=torch.float64
    )
    # PyTorch's gates are r, z, n and i, f, g, o.
    order = [1, 0, 2] if kind == "GRU" else range(len(layer.weights["bias"]) // UNITS)

    def turned(array):
        return torch.tensor(np.concatenate([np.split(array, len(order))[gate] for gate in order]))

    own = layer.weights
    with torch.no_grad():
        peer.weight_ih_l0[:], peer.weight_hh_l0[:] = (
            turned(own["weight"]), turned(own["recurrent_weight"])
        )  # fmt: skip
        peer.bias_ih_l0[:] = turned(own["bias"])
        peer.bias_hh_l0[:] = turned(own.get("recurrent_bias", np.zeros_like(own["bias"])))
        expected = peer(torch.tensor(X))[0].numpy()
    assert_close(net.F(X), expected, TERMS, DEPTH)


_LARGE = 1e10


def masked_network(kind, arguments, time=TIME, **changes):
    """A network of a value, times 1e10 so that it may become infinite, and its mask."""
    layer = adapted(kind, masked=True, **changes)(UNITS, **arguments)
    x, mask = Input((time, FEATURES), name="x"), Input(time, name="mask")
    net = nnlib.Network(inputs=[x, mask], outputs=layer([_LARGE * x, mask]))
    net.parameters = np.random.default_rng(2).normal(size=net.parameters.size) * 0.5
    return net, layer


def masks_of(n):
    """Full, padded behind, with a hole, with a hole in front, empty, and so on."""
    rows = [[1] * TIME, [1, 1, 0, 0, 0], [1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0] * TIME]
    return np.array([rows[k % len(rows)] for k in range(n)], float)


@pytest.mark.parametrize("n", SAMPLES)
@pytest.mark.parametrize("case", ["last state", "sequences", "backwards", "aligned"])
@pytest.mark.parametrize("kind", KINDS)
def test_masked_steps_keep_the_state_whatever_they_hold(kind, case, n):
    arguments, settings = CASES[case]
    net, layer = masked_network(kind, arguments)
    masks, rng = masks_of(n), np.random.default_rng(3)
    X = rng.normal(size=(n, TIME, FEATURES))
    expected = outputs(kind, layer.weights, X, settings, masks)
    X_in = X / _LARGE
    X_in[masks == 0] = 1e300  # which becomes infinite
    assert_close(net.F([X_in, masks]), expected, TERMS, DEPTH)
    y, few = rng.normal(size=expected.shape), slice(0, 7)
    gradient = complex_step(cost(kind, layer, X[few], y[few], settings, masks[few]), net.parameters)
    found = net.derJ([X_in[few], masks[few]], y[few], reduction="sum", flat=True)
    assert_close(found, gradient, 7 * TIME * TERMS, DEPTH)
    # The same bits whatever the padding holds.
    X_in[masks == 0] = rng.normal(size=FEATURES)
    np.testing.assert_array_equal(
        net.derJ([X_in[few], masks[few]], y[few], reduction="sum", flat=True), found
    )


@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_longer_padding_gives_the_same_bits(kind, n):
    short, _ = masked_network(kind, {})
    long, _ = masked_network(kind, {}, TIME + 3)
    long.parameters = short.parameters
    masks, rng = masks_of(n), np.random.default_rng(4)
    X, y = rng.normal(size=(n, TIME, FEATURES)), rng.normal(size=(n, UNITS))
    padded = np.concatenate([X, np.full((n, 3, FEATURES), 1e300)], axis=1)
    longer = np.concatenate([masks, np.zeros((n, 3))], axis=1)
    np.testing.assert_array_equal(short.F([X, masks]), long.F([padded, longer]))
    np.testing.assert_array_equal(
        short.derJ([X, masks], y, flat=True), long.derJ([padded, longer], y, flat=True)
    )


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cut", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_stops_what_goes_back_and_not_the_state(kind, cut, masked):
    settings = Settings(cut=cut, sequences=True)
    rng, masks = np.random.default_rng(5), masks_of(7) if masked else None
    X = rng.normal(size=(7, TIME, FEATURES))
    if masked:
        net, layer = masked_network(kind, {"return_sequences": True}, cut=cut)
        data = [X / _LARGE, masks]
    else:
        layer = adapted(kind, cut=cut)(UNITS, return_sequences=True)
        net, _ = drawn(layer, 7)
        data = X
    expected = outputs(kind, layer.weights, X, Settings(sequences=True), masks)
    assert_close(net.F(data), expected, TERMS, DEPTH)
    y = rng.normal(size=expected.shape)
    gradient = complex_step(cost(kind, layer, X, y, settings, masks), net.parameters)
    found = net.derJ(data, y, reduction="sum", flat=True)
    assert_close(found, gradient, 7 * TIME * TERMS, DEPTH)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_float32_network_is_close_to_the_oracle(kind, dtype):
    layer = getattr(layers, kind)(UNITS)
    net, X = drawn(layer, 20, dtype=dtype)
    assert_close(net.F(X), outputs(kind, layer.weights, X, Settings()), TERMS, DEPTH, dtype)


def test_weights_begin_as_keras_has_them():
    net = nnlib.Network([Input((TIME, FEATURES)), layers.LSTM(8)], seed=3)
    own = net.layers[0].weights
    np.testing.assert_array_equal(np.split(own["bias"], 4)[1], 1)
    assert not own["bias"][:8].any()
    assert not own["bias"][16:].any()
    square = own["recurrent_weight"].T @ own["recurrent_weight"]
    np.testing.assert_allclose(square, np.eye(8), atol=1e-12)
    assert np.abs(own["weight"]).max() <= np.sqrt(6 / (FEATURES + 32))
    net = nnlib.Network([Input((TIME, FEATURES)), layers.LSTM(8, unit_forget_bias=False)])
    assert not net.layers[0].weights["bias"].any()


@pytest.mark.parametrize("kind", KINDS)
def test_saved_networks_come_back(kind, tmp_path):
    layer = getattr(layers, kind)(
        UNITS, "relu", go_backwards=True, return_sequences=True, aligned=True, dropout=0.25,
        recurrent_dropout=0.25,
    )  # fmt: skip
    net, X = drawn(layer, 7)
    net.save(tmp_path / "net.npz")
    again = nnlib.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(again.F(X), net.F(X))
    assert again.architecture == net.architecture


BAD = {
    "units": (lambda: layers.LSTM(0), ValueError, "units"),
    "activation": (lambda: layers.GRU(3, "tahn"), ValueError, "tanh"),
    "near name": (lambda: layers.LSTM(3, return_sequence=True), TypeError, "return_sequences"),
    "dropout": (lambda: layers.SimpleRNN(3, dropout=1.0), ValueError, "dropout"),
    "reset": (lambda: layers.GRU(3, reset_after=False), ValueError, "reset_after"),
    "flag": (lambda: layers.LSTM(3, go_backwards=2), TypeError, "go_backwards"),
    "shape": (lambda: layers.LSTM(3)(Input(4)), ValueError, r"\(time, features\)"),
}


@pytest.mark.parametrize(("call", "error", "words"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
