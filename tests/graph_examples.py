"""A few graphs by name, each as `graph_strategies.Case`: for nnlib and for the oracle."""

from __future__ import annotations

from nnlib import layers
from tests.graph_strategies import Case, Drawing
from tests.image_reference import Windows

N = 30


def residual(**settings):
    """x → h; twice h ← h + dense(h); → one output."""
    drawing = Drawing([layers.Input(3)], 1)
    h = drawing.dense(0, 5, "tanh")
    for _ in range(2):
        g = drawing.dense(h, 5, "sigmoid")
        h = _sum(drawing, h, g)
    return _case(drawing, [drawing.dense(h, 1, "identity")], **settings)


def two_towers(**settings):
    """Two inputs go through one layer, each through one of its own, and meet in a product."""
    drawing = Drawing([layers.Input(4), layers.Input(4)], 2)
    shared = layers.Dense(5, "tanh")
    ends = [drawing.apply(shared, number, "dense", "tanh") for number in (0, 1)]
    a, b = (drawing.dense(end, 3, "sigmoid") for end in ends)
    values = drawing.values
    product = drawing.add(values[a] * values[b], "multiply", [a, b])
    return _case(drawing, [drawing.dense(product, 2, "identity")], **settings)


def two_outputs(**settings):
    """A trunk with two heads, a loss with a factor each; the first head is read by the second."""
    drawing = Drawing([layers.Input(3)], 1)
    h = drawing.dense(0, 6, "tanh")
    first = drawing.dense(h, 2, "tanh")
    both = drawing.add(
        layers.Concatenate()([drawing.values[h], drawing.values[first]]), "concatenate",
        [h, first], setting=0,
    )  # fmt: skip
    second = drawing.dense(both, 3, "softmax")
    losses, weights = ["half_squared_error", "softmax_cross_entropy"], [2.0, 0.5]
    return _case(drawing, [first, second], losses=losses, loss_weights=weights, **settings)


def all_kinds(**settings):
    """Values of two axes, a diagonal layer and a rectifier with parameters, used twice each."""
    drawing = Drawing([layers.Input((2, 3))], 1)
    scale, rectifier = layers.Scale(use_bias=True), layers.PReLU(0.3)
    h = drawing.apply(scale, 0, "scale")
    h = drawing.apply(rectifier, h, "prelu")
    g = drawing.apply(scale, h, "scale")
    g = drawing.apply(rectifier, g, "prelu")
    values = drawing.values
    largest = drawing.add(layers.Maximum()([values[h], values[g]]), "maximum", [h, g])
    flat = drawing.flat(largest)
    return _case(drawing, [drawing.dense(flat, 2, "tanh")], **settings)


def images(**settings):
    """A residual block of convolutions between two others, one with groups, and two poolings."""
    drawing = Drawing([layers.Input((5, 4, 1))], 1)
    same = Windows((3, 3), (1, 1), "same")
    h = _convolved(drawing, 0, layers.Conv2D(4, 3, padding="same"), same)
    g = _convolved(drawing, h, layers.Conv2D(4, 3, padding="same", use_bias=False), same)
    h = _sum(drawing, h, g)
    largest = Windows((2, 2), (2, 2), "same")
    value = layers.MaxPooling2D(2, padding="same")(drawing.values[h])
    h = drawing.add(value, "pooling", [h], setting=largest)
    grouped = Windows((2, 1), (1, 1), "valid", groups=2)
    h = _convolved(drawing, h, layers.Conv2D(6, (2, 1), groups=2), grouped)
    means = Windows((2, 2), (1, 1), "valid", maximum=False)
    value = layers.AveragePooling2D(2, 1)(drawing.values[h])
    flat = drawing.flat(drawing.add(value, "pooling", [h], setting=means))
    return _case(drawing, [drawing.dense(flat, 2, "identity")], **settings)


GRAPHS = {
    "residual": residual, "two towers": two_towers, "two outputs": two_outputs,
    "all kinds": all_kinds, "images": images,
}  # fmt: skip
DENSE = ["residual", "two towers"]
SMOOTH = [*DENSE, "two outputs"]


def _sum(drawing, h, g):
    value = drawing.values[h] + drawing.values[g]
    return drawing.add(value, "sum", [h, g], setting=[1.0, 1.0])


def _convolved(drawing, source, layer, windows):
    """The convolution of a value, then tanh."""
    z = drawing.apply(layer, source, "convolution", windows)
    value = layers.Activation("tanh")(drawing.values[z])
    return drawing.add(value, "activation", [z], setting="tanh")


def _case(drawing, outputs, losses=None, loss_weights=None, dtype="float64", n=N, seed=3):
    count = len(outputs)
    return Case(
        drawing=drawing,
        outputs=outputs,
        losses=losses or ["half_squared_error"] * count,
        loss_weights=loss_weights or [1.0] * count,
        dtype=dtype,
        n=n,
        seed=seed,
        settings={},
    )
