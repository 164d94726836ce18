"""Graphs in files: what is written is read, and nothing else is taken for a graph."""

from __future__ import annotations

import copy
import json

import pytest

import nnlib
from nnlib import layers
from nnlib.model.graph import draw
from nnlib.model.graph_json import graph_to_json, values_from_json

pytestmark = pytest.mark.cpu("graphs")


def network():
    """One layer of every kind that a file can hold."""
    x, y = layers.Input((2, 3), name="x"), layers.Input(6, name="y")
    h = layers.Flatten()(x)
    h = layers.Dense(6, "tanh", trainable=False, rate_factor=2, decay_factor=0.5)(h)
    h = layers.Maximum()([h * y, layers.Average()([h, y]), -0.5 * y])
    h = layers.PReLU()(layers.Scale(True)(layers.Dropout(0.25)(h - y)))
    h = layers.Concatenate(axis=1)([layers.Reshape((2, 3))(h), x])
    h = layers.Activation("softplus")(layers.Flatten()(h))
    outputs = {"p": layers.Dense(1)(h), "q": layers.Dense(2)(h)}
    return nnlib.Network(inputs=[x, y], outputs=outputs, seed=3)


def found():
    net = network()
    return json.loads(json.dumps(graph_to_json(net.architecture.graph, net.layer_training())))


def test_what_is_written_is_read():
    net = network()
    drawn = draw(*values_from_json(found(), 100))
    assert drawn.graph == net.architecture.graph
    for one, other in zip(drawn.layers, net.layers, strict=True):
        assert one.trainable == other.trainable
        assert (one.rate_factor, one.decay_factor) == (other.rate_factor, other.decay_factor)


def broken(change):
    content = copy.deepcopy(found())
    change(content)
    return content


def put(*path):
    """A change: the last element of the path is put in its place."""

    def change(content):
        *way, key, value = path
        for step in way:
            content = content[step]
        content[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("layers", []), "layers of its graph"),
        (put("nodes", 7), "nodes of its graph"),
        (put("nodes", 0, [0]), "node of its graph is"),
        (put("nodes", 0, 0, 99), "layer of a node"),
        (put("nodes", 0, 1, [5]), "reads value 5, which is not made before"),
        (put("nodes", 0, 1, ["a"]), "reads value 'a'"),
        (put("nodes", 0, 1, 3), "sources of a node"),
        (put("outputs", [1000, 0]), "reads value 1000"),
        (put("layers", 0, "class", "Dens"), "class of a layer is 'Dens'.*did you mean 'Dense'"),
        (put("layers", 1, "arguments", {"units": -1}), "units"),
        (put("layers", 1, "arguments", {"unitz": 1}), "unitz"),
        (put("layers", 1, "arguments", 5), "arguments of a layer"),
        (put("layers", 1, "trainable", "no"), "trainable must be"),
        (put("layers", 1, "rate_factor", -1), "rate_factor is"),
        (put("layers", 1, "name", 3), "name must be"),
        (put("inputs", 0, ["x"]), "input of its graph"),
        (put("inputs", 0, 1, [0]), "shape"),
        (put("output_names", ["p"]), "2 outputs and 1 names"),
        (put("outputs_named", 1), "outputs_named must be"),
        (lambda content: content.pop("nodes"), "its graph is"),
    ],
)
def test_anything_else_is_refused(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        draw(*values_from_json(broken(change), 100))


def test_more_layers_than_allowed_are_refused():
    with pytest.raises(ValueError, match="layers of its graph"):
        values_from_json(found(), 5)


def test_a_file_of_a_graph_with_other_sizes_is_refused(tmp_path):
    net = network()
    net.save(tmp_path / "net")
    content = (tmp_path / "net").read_bytes()
    loaded = nnlib.load(tmp_path / "net")
    assert loaded.architecture == net.architecture
    assert content.count(b"units") >= 1
