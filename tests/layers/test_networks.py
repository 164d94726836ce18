"""Networks made of values of layers: names, and what is refused by name."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import nnlib
from nnlib import Network, layers
from nnlib.layers import Activation, Add, Dense, Input, PReLU, Reshape, Scale

pytestmark = pytest.mark.cpu("graphs")


def x(shape=3, name=None):
    return Input(shape, name)


def names(net):
    """Of its layers."""
    return net.architecture.graph.names


def two_outputs(**settings):
    """A network with outputs called value and classes."""
    a = Input(3)
    outputs = {"value": Dense(1)(a), "classes": Dense(3)(a)}
    return Network(inputs=a, outputs=outputs, **settings)


def test_layers_without_a_name_have_their_class_and_a_number():
    a = x()
    h = Dense(3)(Dense(3)(a))
    net = Network(inputs=a, outputs=Scale()(PReLU()(h + h)))
    assert names(net) == ("dense", "dense_1", "add", "prelu", "scale")


def test_numbers_leave_out_names_that_are_given():
    a = x()
    h = Dense(3)(Dense(3, name="dense")(Dense(3)(a)))
    assert names(Network(inputs=a, outputs=h)) == ("dense_1", "dense", "dense_2")


def test_a_shared_layer_is_one_layer():
    a, layer = x(), Dense(3)
    net = Network(inputs=a, outputs=layer(layer(a)))
    assert names(net) == ("dense",)
    assert net.layers == (layer,)
    assert net.parameters.size == 12


def test_a_chain_of_dense_layers_is_the_network_of_its_sizes():
    net = Network([Input(3), Dense(5, "tanh"), Dense(2)], seed=5)
    twin = Network([3, 5, 2], ["tanh", "identity"], seed=5)
    assert net.architecture == twin.architecture
    assert repr(net) == repr(twin)
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_a_seed_decides_the_weights_of_a_graph():
    def network(seed):
        a = x()
        return Network(
            inputs=a, outputs=PReLU(0.5)(Scale(use_bias=True)(a + Dense(3)(a))), seed=seed
        )

    one, same, other = (network(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.parameters, same.parameters)
    assert not np.array_equal(one.parameters, other.parameters)
    assert one.weights[0].std() > 0
    assert not one.biases[0].any()
    starts = [array for layer in one.layers[2:] for array in layer.weights.values()]
    np.testing.assert_array_equal(starts, [[1] * 3, [0] * 3, [0.5] * 3])


def test_layers_know_their_part_of_the_parameters():
    a, first, scale = x(), Dense(2), Scale(use_bias=True)
    net = Network(inputs=a, outputs=scale(first(a)))
    net.parameters = np.arange(12.0)
    assert list(first.weights) == ["weight", "bias"]
    np.testing.assert_array_equal(first.weights["weight"], np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(scale.weights["bias"], [10.0, 11.0])
    scale.weights["bias"][:] = -1
    np.testing.assert_array_equal(net.parameters[-2:], [-1, -1])
    assert [array.shape for array in net.weights] == [(2, 3), (2,)]
    assert [array.shape for array in net.biases] == [(2,), (2,)]


def test_outputs_of_a_dict_are_given_as_one():
    net = two_outputs()
    found = net.F(np.ones((4, 3)))
    assert {name: a.shape for name, a in found.items()} == {"value": (4, 1), "classes": (4, 3)}


def test_one_output_of_a_dict_is_given_as_one():
    a = x()
    net = Network(inputs=a, outputs={"value": Dense(1)(a)})
    assert list(net.F(np.ones((4, 3)))) == ["value"]
    assert net.J(np.ones((4, 3)), {"value": np.ones(4)}) == net.J(np.ones((4, 3)), np.ones(4))


def test_one_value_as_two_outputs():
    a = x()
    h = Dense(2)(a)
    net = Network(inputs=a, outputs=[h, h])
    one, other = net.F(np.ones((4, 3)))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "twin",
    [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
def test_the_weight_of_one_loss_is_kept(twin, tmp_path):
    a, data = x(), (np.ones((4, 3)), np.ones((4, 2)))
    net = Network(inputs=a, outputs=Dense(2)(a), loss_weights=[3.0])
    plain = Network(inputs=a, outputs=Dense(2)(a))
    assert net.J(*data) == pytest.approx(3 * plain.J(*data), rel=1e-12)
    net.save(tmp_path / "net.safetensors")
    for one in (twin(net), nnlib.load(tmp_path / "net.safetensors")):
        assert one.J(*data) == net.J(*data)


def undeclared():
    a = x()
    return Network(inputs=a, outputs=Dense(2)(a) + Dense(2)(x(4, "side")))


def equal_names():
    a = x()
    return Network(inputs=a, outputs=Dense(2, name="same")(Dense(2, name="same")(a)))


def on(make, **settings):
    """A network of what `make` makes of an input."""
    a = x()
    return Network(inputs=a, outputs=make(a), **settings)


def read_logits(a):
    p = Dense(2, "sigmoid", name="p")(a)
    return [p, Dense(1)(p)]


def twice(activation):
    return lambda a: [Dense(2, activation, name="p")(a)] * 2


DRAWN = {
    "equal names": (equal_names, "two layers have the name 'same'"),
    "an undeclared input": (undeclared, "depends on Input('side'), which is not among the inputs"),
    "an input for nothing": (
        lambda: Network(inputs=[(a := x()), x(4, "extra")], outputs=Dense(2)(a)),
        "no output depends on the input 'extra'",
    ),
    "an input for nothing, without a name": (
        lambda: Network(inputs=[(a := x()), x(4)], outputs=Dense(2)(a)),
        "no output depends on the input 'input_1'",
    ),
    "an input twice": (
        lambda: Network(inputs=[(a := x(name="a")), a], outputs=Dense(2)(a)),
        "two of them have the name 'a'",
    ),
    "an input twice, without a name": (
        lambda: Network(inputs=[(a := x()), a], outputs=Dense(2)(a)), "holds Input((3,)) twice"
    ),
    "inputs of one name": (
        lambda: Network(inputs=[(a := x(name="a")), (b := x(name="a"))], outputs=a + b),
        "two of them have the name 'a'",
    ),
    "no inputs": (lambda: Network(inputs=[], outputs=Dense(2)(x())), "inputs is empty, wanted"),
    "no outputs": (lambda: Network(inputs=x(), outputs=[]), "outputs is empty, wanted a value of"),
    "a layer as input": (
        lambda: Network(inputs=Dense(2), outputs=x()), "inputs must be an Input, or a list"
    ),
    "a value as input": (
        lambda: Network(inputs=Dense(2)(x()), outputs=x()), "got <value of shape (2,) from Dense"
    ),
    "a layer as output": (
        lambda: on(lambda a: Dense(2)),
        "outputs must be a value of a layer, or a list or a dict by names of them; got "
        "Dense(2, 'identity'): call it first, as in Dense(2, 'identity')(x)",
    ),
    "a layer among outputs": (lambda: on(lambda a: [Dense(2)(a), Dense(2)]), "call it first"),
    "a number as output": (lambda: on(lambda a: 3), "outputs must be a value of a layer"),
    "a number as name": (lambda: on(lambda a: {1: Dense(2)(a)}), "got the name 1"),
    "inputs alone": (lambda: Network(inputs=x()), "outputs is missing"),
    "outputs alone": (lambda: Network(outputs=Dense(2)(x())), "inputs is missing"),
    "sizes too": (lambda: on(Dense(2), sizes=[3, 2]), "sizes are given beside inputs and outputs"),
    "nothing": (Network, "sizes is missing"),
    "a typo": (lambda: on(Dense(2), loss_weigths=[1]), "did you mean 'loss_weights'"),
    "no Input first": (lambda: Network([Dense(2), Dense(1)]), "begin with an Input; got Dense"),
    "an Input alone": (lambda: Network([Input(2)]), "must hold a layer behind its Input"),
    "a value in the list": (lambda: Network([Input(2), Dense(2)(x())]), "got <value of shape"),
    "a class in the list": (lambda: Network([Input(2), Dense]), "layers behind its Input; got <cl"),
    "a size in the list": (lambda: Network([Input(2), 3]), "layers behind its Input; got 3"),
    "a layer behind a size": (lambda: Network([2, Dense(3)]), "must begin with an Input; got 2"),
    "a join in the list": (lambda: Network([Input(2), Add()]), "Add() joins a list of values"),
    "a layer for sizes": (lambda: Network(Dense(2)), "sizes must be a list of layers or of whole"),
    "an activation too": (
        lambda: Network([Input(2), Dense(3)], "tanh"), "activation is 'tanh' beside layers"
    ),
    "softmax inside": (
        lambda: on(lambda a: Dense(2)(Dense(2, "softmax", name="p")(a))),
        "layer 'p' has activation 'softmax' and another layer reads it",
    ),
    "a softmax by itself inside": (
        lambda: on(lambda a: Dense(2)(Activation("softmax", name="p")(a))), "'p' has activation"
    ),
    "a softmax in another shape": (
        lambda: on(lambda a: Reshape((2, 1))(Dense(2, "softmax")(a)), loss="softmax_cross_entropy"),
        "has activation 'softmax' and another layer reads it",
    ),
    "a softmax's loss": (
        lambda: on(Dense(2, "softmax")), "activation 'softmax' needs loss='softmax_cross_entropy'"
    ),
    "logits read elsewhere": (
        lambda: on(read_logits, loss=["binary_cross_entropy", "huber"]),
        "output 'p' has the loss 'binary_cross_entropy', which folds its activation in, so no "
        "other layer may read it",
    ),
    "logits with another loss": (
        lambda: on(twice("sigmoid"), loss=["binary_cross_entropy", "huber"]),
        "output 'p' has the loss 'binary_cross_entropy'",
    ),
    "logits with another loss first": (
        lambda: on(twice("identity"), loss=["huber", "binary_cross_entropy"]),
        "it cannot be an output with another loss too",
    ),
    "probabilities in another shape": (
        lambda: on(
            lambda a: Reshape((2, 1), name="end")(Dense(2, "sigmoid")(a)),
            loss="binary_cross_entropy",
        ),
        "output 'end' has the loss 'binary_cross_entropy', which takes logits, and its values have "
        "the activation 'sigmoid' already",
    ),
    "probabilities behind dropout": (
        lambda: on(
            lambda a: layers.Dropout(0.5)(Dense(2, "sigmoid")(a)), loss="binary_cross_entropy"
        ),
        "give the layer that makes them 'identity'",
    ),
    "tanh in another shape": (
        lambda: on(lambda a: Reshape((2, 1))(Dense(2, "tanh")(a)), loss="binary_cross_entropy"),
        "loss 'binary_cross_entropy' needs the output activation 'sigmoid' or 'identity', got "
        "'tanh'",
    ),
    "logits of tanh": (
        lambda: on(Dense(2, "tanh"), loss="binary_cross_entropy"),
        "loss 'binary_cross_entropy' needs the output activation 'sigmoid' or 'identity', got "
        "'tanh'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), DRAWN.values(), ids=DRAWN)
def test_what_no_network_is_made_of(make, words):
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        make()


LOSSES = {
    "a typo": ({"loss": "hubr"}, "loss is 'hubr', wanted one of", "did you mean 'huber'"),
    "a number": ({"loss": 3}, "loss must be", "got 3"),
    "None": ({"loss": None}, "loss must be", "got None"),
    "too few": ({"loss": ["huber"]}, "loss has 1 elements, wanted 2", "one for each output"),
    "an unknown output": (
        {"loss": {"vlaue": "huber", "classes": "huber"}}, "loss names the output 'vlaue'",
        "did you mean 'value'",
    ),
    "an output without": ({"loss": {"value": "huber"}}, "loss has nothing for", "'classes'"),
    "a typo of one": (
        {"loss": {"value": "hubr", "classes": "huber"}}, "loss of output 'value' is", "'hubr'"
    ),
    "weights: too few": ({"loss_weights": [1]}, "loss_weights has 1 elements, wanted 2", "each"),
    "weights: one number": ({"loss_weights": 2}, "loss_weights must be a list or a dict", "got 2"),
    "weights: negative": (
        {"loss_weights": [1, -1]}, "loss_weights of output 'classes' is -1.0", "greater than 0"
    ),
    "weights: 0": ({"loss_weights": [0, 1]}, "loss_weights of output 'value' is 0.0", "wanted"),
    "weights: a text": (
        {"loss_weights": ["a", 1]}, "loss_weights of output 'value' must be a finite number", "'a'"
    ),
    "weights: an unknown output": (
        {"loss_weights": {"value": 1, "clases": 1}}, "loss_weights names the output 'clases'",
        "did you mean 'classes'",
    ),
    "trainable: too few": (
        {"trainable": [True]}, "trainable has 1 elements, wanted 2", "dense, dense_1"
    ),
    "trainable: a typo": (
        {"trainable": ["dens"]}, "there is no layer 'dens', only dense, dense_1", "mean 'dense'"
    ),
    "trainable: numbers": ({"trainable": [1, 0]}, "trainable must be True or False", "got 1"),
    "trainable: a name": ({"trainable": "dens"}, "there is no layer 'dens'", "mean 'dense'"),
    "trainable: mixed": ({"trainable": ["dense", True]}, "trainable must be", "got 'dense'"),
    "trainable: empty": ({"trainable": []}, "trainable has 0 elements, wanted 2", "dense"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "words", "more"), LOSSES.values(), ids=LOSSES)
def test_losses_weights_and_what_is_trained(settings, words, more):
    with pytest.raises((TypeError, ValueError), match=re.escape(words)) as error:
        two_outputs(**settings)
    assert more in str(error.value)


def test_a_weight_of_a_loss_for_sizes():
    with pytest.raises(ValueError, match="loss_weights is given, and there is one output"):
        Network([1, 2], loss_weights=[1])


def test_an_input_that_is_an_output():
    """Copied: it is what the network was given."""
    a = x()
    net = Network(inputs=a, outputs=[a, layers.Dense(1)(a)])
    data = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(net.F(data)[0], data)
