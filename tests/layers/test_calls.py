"""Layers called with values: shapes, operators, and what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnlib import layers
from nnlib.layers import Input

pytestmark = pytest.mark.cpu("host")


def x(shape=3, name="x"):
    return Input(shape, name)


SHAPES = {
    "Dense": (lambda: layers.Dense(4)(x()), (4,)),
    "Activation": (lambda: layers.Activation("tanh")(x((2, 3))), (2, 3)),
    "Dropout": (lambda: layers.Dropout(0.5)(x((2, 3))), (2, 3)),
    "Add": (lambda: layers.Add()([x(), x(), x()]), (3,)),
    "Add of one": (lambda: layers.Add()([x()]), (3,)),
    "Subtract": (lambda: layers.Subtract()([x(), x()]), (3,)),
    "Multiply": (lambda: layers.Multiply()([x((2, 3)), x((2, 3))]), (2, 3)),
    "Average": (lambda: layers.Average()((x(), x())), (3,)),
    "Maximum": (lambda: layers.Maximum()([x(), x()]), (3,)),
    "Concatenate": (lambda: layers.Concatenate()([x(), x(1), x(2)]), (6,)),
    "Concatenate, first axis": (lambda: layers.Concatenate(1)([x((2, 3)), x((4, 3))]), (6, 3)),
    "Concatenate, last axis": (lambda: layers.Concatenate(-1)([x((2, 3)), x((2, 1))]), (2, 4)),
    "Concatenate, middle": (
        lambda: layers.Concatenate(-2)([x((2, 3, 5)), x((2, 1, 5))]), (2, 4, 5)
    ),
    "Flatten": (lambda: layers.Flatten()(x((2, 3, 4))), (24,)),
    "Reshape": (lambda: layers.Reshape((3, 2))(x(6)), (3, 2)),
    "Reshape to a number": (lambda: layers.Reshape(6)(x((3, 2))), (6,)),
    "Scale": (lambda: layers.Scale()(x((2, 3))), (2, 3)),
    "PReLU": (lambda: layers.PReLU()(x((2, 3))), (2, 3)),
    "+": (lambda: x() + x(), (3,)),
    "-": (lambda: x() - x(), (3,)),
    "*": (lambda: x() * x(), (3,)),
    "factors": (lambda: 2 * x() * 0.5 * np.float32(3), (3,)),
    "a factor of NumPy": (lambda: np.float64(2) * x(), (3,)),
    "negative": (lambda: -x(), (3,)),
}  # fmt: skip


@pytest.mark.parametrize(("make", "shape"), SHAPES.values(), ids=SHAPES)
def test_shapes(make, shape):
    value = make()
    assert isinstance(value, layers.Value)
    assert value.shape == shape


ARGUMENTS = {
    "units: 0": (lambda: layers.Dense(0), "units is 0, wanted a whole number of at least 1"),
    "units: a fraction": (lambda: layers.Dense(1.5), "units must be a whole number .* got 1.5"),
    "units: a flag": (lambda: layers.Dense(True), "units must be a whole number .* got True"),
    "activation: a typo": (lambda: layers.Dense(2, "rellu"), "did you mean 'relu'"),
    "activation: Keras' name": (lambda: layers.Dense(2, "linear"), "did you mean 'identity'"),
    "activation: a typo alone": (lambda: layers.Activation("tahn"), "did you mean 'tanh'"),
    "name: a number": (lambda: layers.Dense(2, name=3), "name must be a string, or None; got 3"),
    "name: empty": (lambda: layers.Add(name=""), "name must be a string, or None; got ''"),
    "trainable: a text": (
        lambda: layers.Dense(2, trainable="no"), "trainable must be True or False; got 'no'"
    ),
    "trainable: a number": (lambda: layers.Scale(trainable=1), "trainable must be .* got 1"),
    "trainable: an array": (
        lambda: layers.Dense(2, trainable=np.array([1, 0])), "trainable must be True or False"
    ),
    "rate_factor: 0": (
        lambda: layers.Dense(2, rate_factor=0), "rate_factor is 0.0, wanted .* greater than 0"
    ),
    "rate_factor: nan": (lambda: layers.PReLU(rate_factor=np.nan), "rate_factor is nan"),
    "rate_factor: a text": (
        lambda: layers.Dense(2, rate_factor="1"), "rate_factor must be a finite number .* got '1'"
    ),
    "decay_factor: negative": (
        lambda: layers.Dense(2, decay_factor=-1), "decay_factor is -1.0, wanted .* at least 0"
    ),
    "rate: 1": (lambda: layers.Dropout(1), "rate is 1.0, wanted a probability below 1"),
    "rate: negative": (lambda: layers.Dropout(-0.1), "rate is -0.1, wanted .* at least 0"),
    "rate: a text": (lambda: layers.Dropout("a"), "rate must be a finite number"),
    "alpha: infinite": (lambda: layers.PReLU(np.inf), "alpha is inf, wanted a finite number$"),
    "alpha: a text": (lambda: layers.PReLU("a"), "alpha must be a finite number; got 'a'"),
    "use_bias: a number": (lambda: layers.Scale(1), "use_bias must be True or False; got 1"),
    "shape: 0": (lambda: Input(0), "shape is 0, wanted a whole number of at least 1"),
    "shape: nothing": (lambda: Input(()), r"shape is \(\), wanted at least one side"),
    "shape: an open side": (lambda: Input((2, None)), r"shape is \(2, None\), wanted None as"),
    "shape: a text": (lambda: Input("a"), "shape must be a whole number .* got 'a'"),
    "shape: −1": (lambda: layers.Reshape((-1, 2)), "shape is -1, wanted a whole number"),
    "axis: of the examples": (lambda: layers.Concatenate(0), "axis is 0, that of the examples"),
    "axis: a fraction": (lambda: layers.Concatenate(1.5), "axis must be a whole number"),
    "a typo": (lambda: layers.Dense(2, activaton="relu"), r"Dense\S*\(\) .* mean 'activation'"),
    "a typo in Input": (lambda: Input(2, nam="a"), r"Input\S*\(\) .* did you mean 'name'"),
    "a typo in Layer's": (lambda: layers.Scale(trainabel=False), "did you mean 'trainable'"),
    "an attribute": (lambda: layers.Dense(2).trainabel, "did you mean 'trainable'"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments(make, words):
    with pytest.raises((TypeError, ValueError, AttributeError), match=words):
        make()


@pytest.mark.parametrize(
    ("name", "value"), [("trainable", "x"), ("rate_factor", -1), ("decay_factor", None)]
)
def test_what_is_set_later_is_checked_too(name, value):
    layer = layers.Dense(2)
    with pytest.raises((TypeError, ValueError), match=name):
        setattr(layer, name, value)
    assert (layer.trainable, layer.rate_factor, layer.decay_factor) == (True, 1.0, 1.0)


def shared(first, second, layer):
    """Call one layer with two values."""
    return layer(first), layer(second)


MISFITS = {
    "Dense on two axes": (
        lambda: layers.Dense(2, name="end")(x((2, 3))), ["Dense('end')", "(2, 3)", "Flatten"]
    ),
    "Add": (
        lambda: layers.Add(name="join")([layers.Dense(4, name="wide")(x()), x()]),
        ["Add('join')", "(4,) from Dense('wide')", "(3,) from Input('x')"],
    ),
    "+": (lambda: x(2, "left") + x(3, "right"), ["(2,) from Input('left')", "(3,) from Input("]),
    "-": (lambda: x(2) - x(3), ["Subtract()", "(2,)", "(3,)", "wanted one shape"]),
    "*": (lambda: x(2) * x(3), ["Multiply()", "(2,)", "(3,)", "wanted one shape"]),
    "Average": (lambda: layers.Average()([x(1), x(2)]), ["Average()", "(1,)", "(2,)"]),
    "Maximum": (lambda: layers.Maximum()([x(1), x(2)]), ["Maximum()", "(1,)", "(2,)"]),
    "axes": (lambda: x(6) + x((2, 3)), ["(6,)", "(2, 3)"]),
    "Concatenate": (
        lambda: layers.Concatenate(1)([x((2, 3), "a"), x((2, 4), "b")]),
        ["Concatenate(1)", "(2, 3) from Input('a')", "(2, 4) from Input('b')", "but for that axis"],
    ),
    "Concatenate of other axes": (
        lambda: layers.Concatenate()([x(3), x((2, 3))]), ["(3,)", "(2, 3)"]
    ),
    "no such axis": (lambda: layers.Concatenate(5)([x(), x()]), ["no axis 5", "(3,)"]),
    "no such axis from the end": (lambda: layers.Concatenate(-3)([x((2, 3))]), ["no axis -3"]),
    "Reshape": (
        lambda: layers.Reshape((2, 2))(x()), ["Reshape([2, 2])", "(3,)", "3 elements", "wanted 4"]
    ),
    "Subtract of three": (lambda: layers.Subtract()([x(), x(), x()]), ["3 values, wanted two"]),
    "Add of none": (lambda: layers.Add()([]), ["Add() is called with no values"]),
    "shared": (
        lambda: shared(x(3, "a"), x(4, "b"), layers.Dense(2, name="twice")),
        ["Dense('twice') is used twice", "(3,) from Input('a')", "(4,) from Input('b')"],
    ),
    "shared join": (
        lambda: shared([x(), x()], [x(2), x(2)], layers.Add(name="twice")),
        ["Add('twice') is used twice", "(3,)", "(2,)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), MISFITS.values(), ids=MISFITS)
def test_shapes_that_do_not_fit_are_named_with_their_layers(make, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        make()
    for word in words:
        assert word in str(error.value)


NO_VALUES = {
    "a layer": (lambda: layers.Dense(2)(layers.Dense(3)), "call it first, as in Dense"),
    "a layer in a list": (lambda: layers.Add()([x(), layers.Dense(3)]), "call it first"),
    "a class": (lambda: layers.Dense(2)(Input), "must be called with one value of a layer; got"),
    "a list for one value": (lambda: layers.Dense(2)([x()]), "one value of a layer; got \\["),
    "one value for a list": (lambda: layers.Add()(x()), "joins a list of values; got Input"),
    "data": (lambda: layers.Dense(2)(np.ones((4, 3))), "one value of a layer; got array"),
    "x + layer": (lambda: x() + layers.Dense(2), r"\+ wants a value .* call it first"),
    "x * layer": (lambda: x() * layers.Dense(2), r"\* wants a value or a number; .* call it"),
    "x + 3": (lambda: x() + 3, r"\+ wants a value of a layer on both sides; got 3"),
    "3 + x": (lambda: 3 + x(), r"\+ wants a value of a layer on both sides; got 3"),
    "x - 3": (lambda: x() - 3, "- wants a value of a layer on both sides; got 3"),
    "3 - x": (lambda: 3 - x(), "unsupported operand"),
    "x * text": (lambda: x() * "a", "factor must be a finite number; got 'a'"),
    "x * nan": (lambda: x() * np.nan, "factor is nan, wanted a finite number"),
    "x * array": (lambda: x() * np.ones(3), "factor must be a finite number; got array"),
    "array * x": (lambda: np.ones(3) * x(), "factor must be a finite number; got array"),
    "array + x": (lambda: np.ones(3) + x(), r"\+ wants a value of a layer"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), NO_VALUES.values(), ids=NO_VALUES)
def test_what_is_no_value(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_a_layer_that_refused_a_value_can_be_called_with_another():
    layer = layers.Dense(2)
    with pytest.raises(ValueError, match=r"wanted one axis; .* at each step a TimeDistributed"):
        layer(x((2, 3)))
    assert layer(x(3)).shape == (2,)


def test_a_layer_outside_of_a_network_has_no_weights():
    with pytest.raises(ValueError, match=re.escape("Dense(2, 'identity') is in no network yet")):
        _ = layers.Dense(2).weights
