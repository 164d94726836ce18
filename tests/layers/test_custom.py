"""Layers of the user's own: compiled in, checked, saved, refused where they cannot be."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnlib
from nnlib import layers

pytestmark = pytest.mark.cpu("graphs")


def forward(layer):
    lanes = layer.lanes
    for i in range(layer.a_out.size):
        layer.a_out[i] = layer.a_in[i] * layer.a_in[i] + layer.parameters[i // lanes]


def delta(layer):
    for i in range(layer.a_in.size):
        layer.delta_in[i] = 2 * layer.a_in[i] * layer.delta_out[i]


def gradient(layer):
    lanes = layer.lanes
    for u in range(layer.gradient.size):
        total = 0.0
        for s in range(lanes):
            total += layer.delta_out[u * lanes + s]
        layer.gradient[u] = total + (layer.gradient[u] if layer.accumulate else 0.0)


def offsets(shape):
    return {"offset": shape}


def square(**others):
    return layers.Custom(forward, delta, gradient, parameters=offsets, **others)


def plain_square(layer):
    for i in range(layer.a_out.size):
        layer.a_out[i] = layer.a_in[i] * layer.a_in[i]


def network(own, dtype="float64"):
    return nnlib.Network(
        [layers.Input(3), layers.Dense(4, "tanh"), own, layers.Dense(1)], dtype=dtype, seed=1
    )


@pytest.fixture
def data(rng):
    return rng.normal(size=(40, 3)), rng.normal(size=(40, 1))


def test_it_computes_what_its_functions_say(data):
    own = square(start=0.5)
    net = network(own)
    X, _ = data
    values = net.layer_outputs(X)
    np.testing.assert_allclose(values["custom"], values["dense"] ** 2 + 0.5, rtol=1e-12)
    assert own.weights["offset"].tolist() == [0.5] * 4


def test_its_gradient_agrees_with_differences(data):
    net = network(square())
    found = net.derJ(*data, flat=True)
    start = net.parameters.copy()
    for k in range(start.size):
        costs = []
        for step in (1e-6, -1e-6):
            moved = start.copy()
            moved[k] += step
            net.parameters = moved
            costs.append(net.J(*data))
        assert abs((costs[0] - costs[1]) / 2e-6 - found[k]) < 1e-7


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"batch_size": 8, "optimizer": "adam"}])
def test_it_trains(data, dtype, options):
    net = network(square(), dtype)
    history = net.descent(*data, epochs=200, learning_rate=0.05, **options)
    assert history.J[-1] < 0.8 * history.J[0]


def test_two_layers_of_one_name_do_not_mix(data):
    def twice(layer):
        for i in range(layer.a_out.size):
            layer.a_out[i] = 2 * layer.a_in[i]

    def thrice(layer):
        for i in range(layer.a_out.size):
            layer.a_out[i] = 3 * layer.a_in[i]

    def back(factor):
        def own_delta(layer):
            for i in range(layer.a_in.size):
                layer.delta_in[i] = factor * layer.delta_out[i]

        return own_delta

    twice.__name__ = thrice.__name__ = "same"
    for function, factor in ((twice, 2), (thrice, 3)):
        net = nnlib.Network([layers.Input(3), layers.Custom(function, back(factor))])
        np.testing.assert_array_equal(net.F(data[0]), factor * data[0])


@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_copies_compute_the_same(data, twin):
    net = network(square())
    np.testing.assert_array_equal(twin(net).F(data[0]), net.F(data[0]))


def test_files_need_the_layer_again(data, tmp_path):
    own = square(name="own")
    net = network(own)
    net.save(tmp_path / "net")
    loaded = nnlib.load(tmp_path / "net", custom=[own])
    np.testing.assert_array_equal(loaded.F(data[0]), net.F(data[0]))
    with pytest.raises(nnlib.FormatError, match=r"its layer is 'own'.* nnlib.layers.Custom"):
        nnlib.load(tmp_path / "net")
    other = layers.Custom(plain_square, delta, name="own")
    with pytest.raises(nnlib.FormatError, match="it is another formula"):
        nnlib.load(tmp_path / "net", custom=[other])


def test_populations_have_it(data):
    net = network(square())
    population = nnlib.train_many(net, *data, seeds=[1, 2], epochs=5)
    alone = network(square())
    alone.descent(*data, epochs=5)
    np.testing.assert_array_equal(population[0].parameters, alone.parameters)


def test_a_wrong_delta_is_refused_with_where_it_is():
    def wrong(layer):
        for i in range(layer.a_in.size):
            layer.delta_in[i] = 3 * layer.a_in[i] * layer.delta_out[i]

    with pytest.raises(ValueError, match=r"delta\(a_in\) is .* but the difference of forward"):
        layers.Custom(plain_square, wrong)(layers.Input(2))


def test_a_wrong_gradient_is_refused_with_where_it_is():
    def wrong(layer):
        for u in range(layer.gradient.size):
            layer.gradient[u] = 0.0

    own = layers.Custom(forward, delta, wrong, parameters=offsets)
    with pytest.raises(ValueError, match=r"gradient\(parameters\) is 0 at"):
        own(layers.Input(2))


def test_what_does_not_compile_is_refused_in_one_line():
    def broken(layer):
        layer.a_out[0] = layer.unheard_of

    with pytest.raises(TypeError, match=r"forward does not compile: .*unheard_of") as caught:
        layers.Custom(broken, delta)
    assert "\n" not in str(caught.value)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="gradient and parameters belong together"):
        layers.Custom(plain_square, delta, gradient)
    with pytest.raises(TypeError, match="forward must be a plain Python function"):
        layers.Custom("forward", delta)
    own = layers.Custom(forward, delta, gradient, parameters=lambda shape: [shape])
    with pytest.raises(TypeError, match="parameters must be a mapping"):
        own(layers.Input(2))


def test_ways_that_do_not_know_it_refuse_it(data):
    net = network(square(name="squared"))
    with pytest.raises(ValueError, match="a layer of kind 'squared'"):
        net.descent(*data, compile=True, epochs=1)
    with pytest.raises(ValueError, match="no Jacobian of layers of kind 'squared'"):
        net.descent(*data, optimizer="levenberg_marquardt", epochs=1)


def unwritten(layer):
    for i in range(layer.a_out.size):
        layer.a_out[i] += layer.a_in[i]


def passed(layer):
    for i in range(layer.a_in.size):
        layer.delta_in[i] = layer.delta_out[i]


def test_functions_that_add_to_what_they_find_are_refused():
    with pytest.raises(ValueError, match=r"forward leaves some of layer.a_out unwritten"):
        layers.Custom(unwritten, passed)(layers.Input(2))

    def never_adds(layer):
        lanes = layer.lanes
        for u in range(layer.gradient.size):
            layer.gradient[u] = 0.0
            for s in range(lanes):
                layer.gradient[u] += layer.delta_out[u * lanes + s]

    with pytest.raises(ValueError, match=r"gradient does not add to layer.gradient"):
        layers.Custom(forward, delta, never_adds, parameters=offsets)(layers.Input(2))


def test_a_loaded_layer_is_saved_again(data, tmp_path):
    own = square()
    network(own).save(tmp_path / "one")
    loaded = nnlib.load(tmp_path / "one", custom=[own])
    loaded.save(tmp_path / "two")
    again = nnlib.load(tmp_path / "two", custom=[own])
    np.testing.assert_array_equal(again.F(data[0]), loaded.F(data[0]))
