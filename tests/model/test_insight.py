"""What a network shows of itself: dF/dx, the values of its layers, its summary, its drawing."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import nnlib
from nnlib import layers

pytestmark = pytest.mark.cpu("graphs")


def differences(net, X, step=1e-6):
    """∂F_k/∂x_i of every example by central differences, (n, d_L, d_1)."""
    found = []
    for i in range(X.shape[1]):
        moved = step * np.eye(X.shape[1])[i]
        found.append((net.F(X + moved) - net.F(X - moved)) / (2 * step))
    return np.stack(found, axis=2)


def graph(last):
    """A network with forks, joins and a layer used twice."""
    x = layers.Input(4)
    shared = layers.Dense(4, "tanh")
    h = shared(x) + shared(shared(x))
    h = layers.Concatenate()([h * x, layers.Scale()(x)])
    return nnlib.Network(inputs=x, outputs=last(h), seed=2)


NETWORKS = {
    "chain": lambda: nnlib.Network([4, 5, 3], ["silu", "tanh"], seed=1),
    "wide": lambda: nnlib.Network([4, 70, 70, 3], ["tanh", "elu", "sigmoid"], seed=1),
    "rows": lambda: nnlib.Network([32, 5, 2], "tanh", seed=1),
    "softmax": lambda: nnlib.Network(
        [4, 5, 3], ["tanh", "softmax"], loss="softmax_cross_entropy", seed=1
    ),
    "graph": lambda: graph(layers.Dense(2)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("n", [1, 7, 130])
def test_gradient_of_outputs_agrees_with_differences(name, n, rng):
    net = NETWORKS[name]()
    X = rng.normal(size=(n, net.sizes[0]))
    found = net.gradient(X)
    assert found.shape == (n, net.sizes[-1], net.sizes[0])
    np.testing.assert_allclose(found, differences(net, X), rtol=1e-6, atol=1e-8)


def test_gradient_has_the_shape_of_the_examples():
    net = nnlib.Network([1, 2, 1], seed=0)
    one = net.gradient(0.3)
    assert isinstance(one, float)
    np.testing.assert_array_equal(net.gradient([0.3, 0.4])[0], one)
    assert nnlib.Network([3, 2]).gradient([1, 2, 3]).shape == (2, 3)


def test_gradient_of_several_inputs_and_outputs(rng):
    a, b = layers.Input(2), layers.Input((2, 2))
    h = a * layers.Dense(2)(layers.Flatten()(b))
    net = nnlib.Network(inputs=[a, b], outputs={"p": h, "q": layers.Dense(1)(h)}, seed=1)
    A, B = rng.normal(size=(6, 2)), rng.normal(size=(6, 2, 2))
    found = net.gradient([A, B])
    assert [part.shape for part in found["p"]] == [(6, 2, 2), (6, 2, 2, 2)]
    assert [part.shape for part in found["q"]] == [(6, 1, 2), (6, 1, 2, 2)]
    moved = B.copy()
    moved[:, 1, 0] += 1e-6
    slope = (net.F([A, moved])["q"] - net.F([A, B])["q"]) / 1e-6
    np.testing.assert_allclose(found["q"][1][:, :, 1, 0], slope, rtol=1e-5, atol=1e-7)


def test_layer_outputs_are_what_the_formulas_give(rng):
    x = layers.Input(3, name="x")
    dense = layers.Dense(3, "tanh", name="dense")
    h = dense(x)
    net = nnlib.Network(
        inputs=x, outputs=layers.Dense(1, name="end")(layers.Add(name="sum")([h, dense(h)]))
    )
    X = rng.normal(size=(70, 3))
    found = net.layer_outputs(X)
    assert list(found) == ["dense", "dense_1", "sum", "end"]
    W, b = dense.weights["weight"], dense.weights["bias"]
    np.testing.assert_allclose(found["dense"], np.tanh(X @ W.T + b), rtol=1e-12)
    np.testing.assert_allclose(found["sum"], found["dense"] + found["dense_1"], rtol=1e-12)
    np.testing.assert_allclose(found["end"], net.F(X), rtol=1e-12)


def test_layer_outputs_of_a_value_that_is_the_input(rng):
    x = layers.Input((2, 3))
    flat = layers.Flatten(name="flat")(x)
    net = nnlib.Network(inputs=x, outputs=layers.Dense(1)(flat))
    X = rng.normal(size=(5, 2, 3))
    np.testing.assert_array_equal(net.layer_outputs(X)["flat"], X.reshape(5, 6))


@pytest.mark.parametrize("method", ["gradient", "layer_outputs"])
def test_wrong_examples_are_refused(method):
    net = nnlib.Network([3, 2])
    with pytest.raises(ValueError, match=r"X has shape \(4, 2\)"):
        getattr(net, method)(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="X"):
        getattr(net, method)([[1.0, np.nan, 2.0]])


def test_summary_counts_parameters_once_and_names_the_frozen():
    x = layers.Input(3, name="x")
    shared, end = layers.Dense(3, name="shared"), layers.Dense(1, name="end", trainable=False)
    net = nnlib.Network(inputs=x, outputs=end(shared(shared(x))))
    text = str(net.summary())
    assert repr(net.summary()) == text
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert "12" in lines["shared"]
    assert "(12 of shared)" in lines["shared_1"]
    assert "4 frozen" in lines["end"]
    assert "16 parameters, 4 of them frozen; 28 multiply-adds an example" in text


def test_drawing_has_a_box_for_every_value_and_an_arrow_for_every_reader():
    net = graph(layers.Dense(2, name="<end>"))
    page = net._repr_html_()
    svg = ElementTree.fromstring(page[: page.index("</svg>") + len("</svg>")])
    tags = [element.tag.rpartition("}")[2] for element in svg.iter()]
    nodes = net.architecture.graph.nodes
    assert tags.count("rect") == len(nodes) + 1
    assert tags.count("line") == sum(len(node.sources) for node in nodes)
    assert "&lt;end&gt;" in page


def test_a_graph_too_large_to_be_drawn_is_listed():
    page = nnlib.Network([1] * 300)._repr_html_()
    assert "<svg" not in page
    assert "dense_298" in page
