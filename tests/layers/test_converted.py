"""Parameters of recurrent layers in Keras' and PyTorch's layouts, by formulas and by PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.layers import Input
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

TIME, FEATURES, UNITS = 5, 3, 4
GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
TORCH = {"SimpleRNN": "RNN", "GRU": "GRU", "LSTM": "LSTM"}


def made(kind, **arguments):
    """A network of one layer with random parameters, and X."""
    layer = getattr(layers, kind)(UNITS, return_sequences=True, **arguments)
    net = nnlib.Network([Input((TIME, FEATURES)), layer])
    rng = np.random.default_rng(3)
    net.parameters = 0.5 * rng.normal(size=net.parameters.size)
    return net, layer, rng.normal(size=(2, TIME, FEATURES))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def keras_states(kind, arrays, x):
    """The states at all steps by Keras' formulas, from arrays in Keras' layout."""
    kernel, recurrent, *bias = arrays
    h, c, found = np.zeros(UNITS), np.zeros(UNITS), []
    b = bias[0] if bias else np.zeros((2, 3 * UNITS) if kind == "GRU" else GATES[kind] * UNITS)
    for step in x:
        if kind == "GRU":
            x_z, x_r, x_h = np.split(step @ kernel + b[0], 3)
            h_z, h_r, h_h = np.split(h @ recurrent + b[1], 3)
            z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
            h = z * h + (1 - z) * np.tanh(x_h + r * h_h)
        elif kind == "LSTM":
            i, f, g, o = np.split(step @ kernel + h @ recurrent + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            h = np.tanh(step @ kernel + h @ recurrent + b)
        found.append(h)
    return np.array(found)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("kind", GATES)
def test_keras_formulas_give_the_same_with_the_weights_in_its_layout(kind, use_bias):
    net, layer, X = made(kind, use_bias=use_bias)
    expected = [keras_states(kind, layer.keras_weights(), x) for x in X]
    assert_close(net.F(X), np.array(expected), terms=FEATURES + UNITS, depth=4 * TIME)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("kind", GATES)
def test_weights_go_to_both_layouts_and_back(kind, use_bias):
    net, layer, _ = made(kind, use_bias=use_bias)
    kept = net.parameters.copy()
    arrays, state = layer.keras_weights(), layer.torch_weights("l1_reverse")
    net.parameters = 0 * kept
    layer.set_keras_weights(arrays)
    np.testing.assert_array_equal(net.parameters, kept)
    net.parameters = 0 * kept
    layer.set_torch_weights({**state, "weight_ih_l0": None}, "l1_reverse")
    np.testing.assert_array_equal(net.parameters, kept)


def test_gates_of_a_gru_have_keras_order_here_and_pytorchs_there():
    net, layer, _ = made("GRU")  # a network that is gone takes its layers' weights along
    assert net.layers == (layer,)
    here = np.split(layer.weights["recurrent_weight"], 3)
    there = np.split(layer.torch_weights()["weight_hh_l0"], 3)
    np.testing.assert_array_equal([there[1], there[0], there[2]], here)


@pytest.mark.parametrize("kind", GATES)
def test_pytorchs_layer_computes_the_same_with_our_weights_and_we_with_its(kind):
    torch = pytest.importorskip("torch")
    net, layer, X = made(kind)
    module = getattr(torch.nn, TORCH[kind])(FEATURES, UNITS, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        net_outputs = module(torch.from_numpy(X))[0].numpy()
        layer.set_torch_weights(module.state_dict())
        assert_close(net.F(X), net_outputs, terms=FEATURES + UNITS, depth=4 * TIME)
        net.parameters = 2 * net.parameters
        state = {name: torch.from_numpy(array) for name, array in layer.torch_weights().items()}
        module.load_state_dict(state)
        outputs = module(torch.from_numpy(X))[0].numpy()
        assert_close(net.F(X), outputs, terms=FEATURES + UNITS, depth=4 * TIME)


def test_pytorchs_two_directions_are_two_layers():
    torch = pytest.importorskip("torch")
    net = nnlib.Network([Input((TIME, FEATURES)), layers.Bidirectional(layers.LSTM(UNITS))])
    module = torch.nn.LSTM(
        FEATURES, UNITS, batch_first=True, bidirectional=True, dtype=torch.float64
    )
    forwards, backwards = (one for one in net.layers if isinstance(one, layers.LSTM))
    forwards.set_torch_weights(module.state_dict())
    backwards.set_torch_weights(module.state_dict(), "l0_reverse")
    X = np.random.default_rng(4).normal(size=(2, TIME, FEATURES))
    with torch.no_grad():
        _, (last, _) = module(torch.from_numpy(X))
    expected = np.concatenate([last[0].numpy(), last[1].numpy()], axis=1)
    assert_close(net.F(X), expected, terms=FEATURES + UNITS, depth=4 * TIME)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays[:2], r"a list of 3 arrays, kernel, recurrent_kernel, bias"),
        (lambda arrays: [arrays[1], *arrays[1:]], r"arrays\[0\], the kernel, has shape \(4, 16\)"),
        (lambda arrays: [*arrays[:2], arrays[2] * np.nan], r"arrays\[2\], the bias, holds nan"),
        (lambda arrays: {"kernel": arrays[0]}, r"must be a list of 3 arrays"),
    ],
)
def test_other_arrays_than_keras_are_refused_and_nothing_is_written(change, message):
    net, layer, _ = made("LSTM")
    kept = net.parameters.copy()
    with pytest.raises(ValueError, match=message):
        layer.set_keras_weights(change([2 * array for array in layer.keras_weights()]))
    np.testing.assert_array_equal(net.parameters, kept)


def test_other_entries_than_pytorchs_are_refused_and_nothing_is_written():
    net, layer, _ = made("LSTM")
    kept, state = net.parameters.copy(), layer.torch_weights()
    state["weight_ih_l0"] *= 2
    with pytest.raises(ValueError, match=r"no 'weight_ih_l1'.*'weight_ih_l0'"):
        layer.set_torch_weights(state, "l1")
    with pytest.raises(ValueError, match=r"state\['bias_hh_l0'\] has shape \(3,\), wanted \(16,\)"):
        layer.set_torch_weights({**state, "bias_hh_l0": np.zeros(3)})
    with pytest.raises(TypeError, match="state must be a dict"):
        layer.set_torch_weights(list(state))
    np.testing.assert_array_equal(net.parameters, kept)


def test_a_bias_for_a_layer_without_one_is_refused():
    net, layer, _ = made("LSTM", use_bias=False)
    kept = net.parameters.copy()
    bias = {"bias_ih_l0": np.zeros(4 * UNITS)}
    with pytest.raises(ValueError, match="use_bias=True"):
        layer.set_torch_weights({**layer.torch_weights(), **bias})
    np.testing.assert_array_equal(net.parameters, kept)


def test_activations_that_pytorch_does_not_have_are_refused():
    for kind, arguments in (
        ("LSTM", {"recurrent_activation": "identity"}),
        ("GRU", {"activation": "relu"}),
        ("SimpleRNN", {"activation": "sigmoid"}),
    ):
        net, layer, _ = made(kind, **arguments)
        with pytest.raises(ValueError, match="PyTorch's layer 'tanh' and"):
            layer.torch_weights()
        assert net.F(np.zeros((1, TIME, FEATURES))).shape == (1, TIME, UNITS)


def test_a_layer_in_no_network_has_no_weights():
    with pytest.raises(ValueError, match="in no network yet"):
        layers.GRU(2).keras_weights()
