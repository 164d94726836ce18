"""To which network a layer belongs, and what may be set of it."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nnlib
from nnlib import layers

pytestmark = pytest.mark.cpu("graphs")


def two_networks():
    x, dense = layers.Input(2), layers.Dense(3)
    y = dense(x)
    return dense, *(nnlib.Network(inputs=x, outputs=y, seed=seed) for seed in (1, 2))


def test_a_layer_belongs_to_its_first_network_and_others_have_one_like_it():
    dense, one, other = two_networks()
    assert one.layers[0] is dense
    assert other.layers[0] is not dense
    np.testing.assert_array_equal(dense.weights["weight"], one.weights[0])
    np.testing.assert_array_equal(other.layers[0].weights["weight"], other.weights[0])
    other.layers[0].trainable = False
    assert dense.trainable


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy])
def test_copies_of_a_network_have_layers_of_their_own(twin):
    net = nnlib.Network([layers.Input(2), layers.Dense(3)])
    other = twin(net)
    other.layers[0].trainable = False
    assert net.layers[0].trainable
    other.parameters = np.arange(9.0)
    assert other.layers[0].weights["bias"].tolist() == [6, 7, 8]


def test_a_layer_of_a_network_that_is_gone_may_be_used_again():
    x, dense = layers.Input(2), layers.Dense(3)
    y = dense(x)
    net = nnlib.Network(inputs=x, outputs=y)
    del net
    assert nnlib.Network(inputs=x, outputs=y).layers[0] is dense


def test_what_a_layer_computes_cannot_be_set():
    dense = layers.Dense(3)
    dense(layers.Input(2))
    with pytest.raises(AttributeError, match=r"units of .* cannot be set: make another layer"):
        dense.units = 4
    with pytest.raises(AttributeError, match="did you mean 'trainable'"):
        dense.trainabel = False
    with pytest.raises(AttributeError, match=r"weights of .* cannot be set: make another layer"):
        dense.weights = {}
    dense.trainable, dense.rate_factor, dense.decay_factor = False, 2, 0


@pytest.mark.parametrize("layer", [layers.Dense(3), layers.Add(), layers.Scale()], ids=repr)
def test_before_a_call_a_setting_that_is_none_is_refused_by_its_near_name(layer):
    with pytest.raises(AttributeError, match="no attribute 'trainabel'; did you mean 'trainable'"):
        layer.trainabel = False
    layer.name = "another"
    assert repr(copy.copy(layer)) == f"{type(layer).__name__}('another')"


def test_probabilities_that_are_joined_are_no_logits():
    x = layers.Input(3)
    one, other = layers.Dense(1, "sigmoid")(x), layers.Dense(1, "sigmoid")(x)
    for joined in (one * other, layers.Average()([one, other]), layers.Activation("identity")(one)):
        with pytest.raises(ValueError, match="takes logits, and it joins values of layer 'dense"):
            nnlib.Network(inputs=x, outputs=joined, loss="binary_cross_entropy")
