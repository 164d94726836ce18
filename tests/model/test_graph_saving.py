"""Graphs in files, pickles and copies; and files of graphs that nothing has written."""

from __future__ import annotations

import copy
import json
import pickle
import sys

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.files.arrays import read_arrays, write_arrays
from tests.graph_examples import GRAPHS, all_kinds, two_towers

pytestmark = pytest.mark.cpu("graphs")


def through_a_file(net, folder):
    net.save(folder / "net.safetensors")
    return nnlib.load(folder / "net.safetensors")


WAYS = {
    "file": through_a_file,
    "pickle": lambda net, _: pickle.loads(pickle.dumps(net)),
    "deepcopy": lambda net, _: copy.deepcopy(net),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_equal_network_that_goes_on_alike(name, way, dtype, tmp_path):
    case = GRAPHS[name](dtype=dtype)
    options = {"optimizer": "adam", "epochs": 3, "batch_size": 7}
    first = case.drawing.layers[0]
    first.trainable, first.rate_factor, first.decay_factor = False, 0.5, 2.0
    case.net.descent(*case.data, **options)
    twin = way(case.net, tmp_path)
    assert twin.architecture == case.net.architecture
    assert repr(twin) == repr(case.net)
    np.testing.assert_array_equal(twin.parameters, case.net.parameters)
    for own, given in zip(twin.layers, case.net.layers, strict=True):
        assert own.trainable == given.trainable
        assert (own.rate_factor, own.decay_factor) == (given.rate_factor, given.decay_factor)
    for net in (case.net, twin):
        net.descent(*case.data, weight_decay=0.1, **options)
    np.testing.assert_array_equal(twin.parameters, case.net.parameters)
    assert twin.J(*case.data) == case.net.J(*case.data)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_twin_has_parameters_of_its_own(way, tmp_path):
    case = two_towers()
    before = case.net.parameters.copy()
    twin = way(case.net, tmp_path)
    for layer in twin.layers:
        for array in layer.weights.values():
            array[...] = 0
    assert not twin.parameters.any()
    np.testing.assert_array_equal(case.net.parameters, before)
    twin.layers[0].trainable = False
    assert case.net.layers[0].trainable


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_names_of_inputs_and_outputs_stay(way, tmp_path):
    left, right = layers.Input(2, "left"), layers.Input((2, 1), "right")
    h = layers.Dense(2, name="first")(left) * layers.Flatten()(right)
    outputs = {"sum": h + h, "softened": layers.Dense(3, "softmax", name="last")(h)}
    net = nnlib.Network(
        inputs=[left, right],
        outputs=outputs,
        loss={"sum": "huber", "softened": "softmax_cross_entropy"},
        loss_weights={"sum": 0.5, "softened": 2.0},
    )
    twin = way(net, tmp_path)
    X = {"left": np.ones((4, 2)), "right": np.ones((4, 2, 1))}
    y = {"softened": np.arange(4) % 3, "sum": np.ones((4, 2))}
    assert list(twin.F(X)) == ["sum", "softened"]
    assert twin.J(X, y) == net.J(X, y)
    assert twin.architecture.graph == net.architecture.graph
    assert "first" in twin.architecture.graph.names


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_graph_deeper_than_python_recurses(way, tmp_path):
    x = h = layers.Input(2)
    for _ in range(sys.getrecursionlimit() // 2 + 50):
        h = h + 0.01 * layers.Dense(2, "tanh")(h)
    net = nnlib.Network(inputs=x, outputs=h)
    X = np.ones((3, 2))
    np.testing.assert_array_equal(way(net, tmp_path).F(X), net.F(X))


def change(path, **changes):
    """Write the file again with parts of its graph changed."""
    arrays, metadata = read_arrays(path)
    architecture = json.loads(metadata["architecture"])
    architecture["graph"] = {**architecture["graph"], **changes}
    write_arrays(path, arrays, {**metadata, "architecture": json.dumps(architecture)})


def layer(**changes):
    """A layer as files have it."""
    return {
        "class": "Dense", "arguments": {"units": 3, "activation": "tanh"}, "name": "dense",
        "trainable": True, "rate_factor": 1.0, "decay_factor": 1.0, **changes,
    }  # fmt: skip


DAMAGES = {
    "no layers": {"layers": []},
    "layers of another type": {"layers": {"a": 1}},
    "an unknown class": {"layers": [layer(**{"class": "Dens"})] * 8},
    "a class of Python's": {"layers": [layer(**{"class": "object"})] * 8},
    "arguments of another type": {"layers": [layer(arguments=[3])] * 8},
    "an unknown argument": {"layers": [layer(arguments={"units": 3, "path": "/"})] * 8},
    "units below 1": {"layers": [layer(arguments={"units": 0})] * 8},
    "far too many units": {"layers": [layer(arguments={"units": 10**12})] * 8},
    "a flag that is none": {"layers": [layer(trainable="yes")] * 8},
    "a rate of nan": {"layers": [layer(rate_factor=float("nan"))] * 8},
    "a name that is none": {"layers": [layer(name=[1])] * 8},
    "a layer without a name": {"layers": [{"class": "Dense"}] * 8},
    "a cycle": {"nodes": [[0, [1]], [1, [0]]]},
    "a node that reads itself": {"nodes": [[0, [0]]]},
    "a source that is missing": {"nodes": [[0, [-9]]]},
    "a source that is no number": {"nodes": [[0, ["x"]]]},
    "a layer that is missing": {"nodes": [[99, [-1]]]},
    "a node of three parts": {"nodes": [[0, [-1], 3]]},
    "a node without sources": {"nodes": [[0, []]]},
    "an output that is missing": {"outputs": [99]},
    "no outputs": {"outputs": []},
    "outputs of another type": {"outputs": 3},
    "an input below 1": {"inputs": [["input", [0]]]},
    "an input without a shape": {"inputs": [["input"]]},
    "too many names": {"output_names": ["a", "b", "c"], "outputs_named": True},
    "a name of an output that is none": {"output_names": [3], "outputs_named": True},
    "a flag of outputs": {"outputs_named": "yes"},
    "something more": {"more": 1},
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_files_that_nothing_has_written(damage, tmp_path):
    path = tmp_path / "net.safetensors"
    all_kinds().net.save(path)
    change(path, **damage)
    with pytest.raises(nnlib.FormatError, match="holds no network that nnlib can read"):
        nnlib.load(path)
