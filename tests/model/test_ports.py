"""Data of networks with several inputs and outputs: lists, dicts, shapes, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnlib import Network, layers

pytestmark = pytest.mark.cpu("graphs")

N = 5
A, B = np.linspace(0, 1, 3 * N).reshape(N, 3), np.linspace(-1, 1, 4 * N).reshape(N, 2, 2)
VALUE, CLASSES = np.linspace(0, 1, N), np.arange(N) % 3


@pytest.fixture
def net():
    """Inputs left (3,) and right (2, 2), outputs value (1,) and classes (3,)."""
    left, right = layers.Input(3, "left"), layers.Input((2, 2), "right")
    h = layers.Dense(4, "tanh")(left) + layers.Flatten()(right)
    return Network(
        inputs=[left, right],
        outputs={"value": layers.Dense(1)(h), "classes": layers.Dense(3, "softmax")(h)},
        loss={"value": "huber", "classes": "softmax_cross_entropy"},
    )


@pytest.mark.parametrize(
    ("X", "y"),
    [
        ([A, B], [VALUE, CLASSES]),
        ((A, B), {"classes": CLASSES, "value": VALUE}),
        ({"right": B, "left": A}, (VALUE, np.eye(3)[CLASSES])),
        ([A.tolist(), B.reshape(N, 4)], [VALUE.reshape(N, 1), CLASSES]),
        ([np.asfortranarray(A), B.astype(np.float32)[:, ::1]], [list(VALUE), CLASSES.tolist()]),
    ],
)
def test_forms_of_the_same_data(net, X, y):
    expected = net.J([A, B], [VALUE, CLASSES])
    assert net.J(X, y) == pytest.approx(expected, rel=1e-6)
    assert net.derJ(X, y, flat=True).shape == net.parameters.shape
    assert net.descent(X, y, epochs=1).J[0] == pytest.approx(expected, rel=1e-6)


WRONG_X = {
    "too few": ([A], "X must be a list of 2 arrays or a dict of them, for left, right; got a list"),
    "too many": ([A, B, B], "X must be a list of 2 arrays .* got a list of 3"),
    "one array": (A, "X must be a list of 2 arrays .* got an array of shape (5, 3)"),
    "nothing": (None, "X must be a list of 2 arrays"),
    "a typo": ({"lef": A, "right": B}, "X has 'lef', wanted left, right; did you mean 'left'?"),
    "one left out": ({"left": A}, "X has nothing for 'right'"),
    "other shapes": ([B, A], "X[0] has shape (5, 2, 2), wanted (n, 3)"),
    "another shape by name": ({"left": A, "right": A}, "X['right'] has shape (5, 3), wanted (n, 2"),
    "one example": ([A[0], B[0]], "X[0] has shape (3,), wanted (n, 3)"),
    "other numbers of examples": ([A, B[:3]], "X[0] has 5 examples and X[1] has 3"),
    "no examples": ([A[:0], B[:0]], "X[0] is empty, wanted at least one example"),
    "nan": ([A * np.nan, B], "X[0] holds nan at index (0, 0)"),
    "a text": ([A, "abc"], "X[1] has dtype <U3, wanted real numbers"),
    "an object": ([A, object()], "X[1] holds Python objects"),
    "a number": ([A, 1.0], "X[1] has shape (), wanted (n, 2, 2)"),
}  # fmt: skip


@pytest.mark.parametrize(("X", "words"), WRONG_X.values(), ids=WRONG_X)
def test_wrong_inputs(net, X, words):
    words = re.escape(words).replace(re.escape(".*"), ".*")
    for use in (net.F, lambda X: net.J(X, [VALUE, CLASSES]), lambda X: net.descent(X, [VALUE] * 2)):
        with pytest.raises((TypeError, ValueError), match=words):
            use(X)
    with pytest.raises((TypeError, ValueError), match="validation: " + words):
        net.descent([A, B], [VALUE, CLASSES], epochs=1, validation=(X, [VALUE, CLASSES]))


WRONG_Y = {
    "none": (None, "y is missing"),
    "too few": ([VALUE], "y must be a list of 2 arrays or a dict of them, for value, classes"),
    "one array": (VALUE, "got an array of shape (5,)"),
    "a typo": ({"value": VALUE, "clases": CLASSES}, "y has 'clases', wanted value, classes"),
    "one left out": ({"value": VALUE}, "y has nothing for 'classes'"),
    "another shape": ([np.ones((N, 2)), CLASSES], "y[0] has shape (5, 2), wanted (n, 1)"),
    "another shape by name": (
        {"value": np.ones((N, 2)), "classes": CLASSES}, "y['value'] has shape (5, 2), wanted (n, 1)"
    ),
    "another number": ([np.ones(3), CLASSES], "y[0] has 3 examples and X has 5"),
    "a number": ([1.0, CLASSES], "y[0] has shape (), wanted (n, 1)"),
    "no such class": ([VALUE, CLASSES + 5], "y[1] holds 5 at index 0, wanted classes"),
    "rows of another width": ([VALUE, np.ones((N, 2))], "y[1] has shape (5, 2), wanted (n, 3)"),
    "no probabilities": ([VALUE, np.ones((N, 3))], "row 0 of y[1] adds up to 3"),
    "nan": ([VALUE * np.nan, CLASSES], "y[0] holds nan"),
    "a text": (["a", CLASSES], "y[0] has dtype <U1, wanted real numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("y", "words"), WRONG_Y.values(), ids=WRONG_Y)
def test_wrong_targets(net, y, words):
    for use in (net.J, net.derJ, net.descent):
        with pytest.raises((TypeError, ValueError), match=re.escape(words)):
            use([A, B], y)


def test_weights_of_examples(net):
    with pytest.raises(ValueError, match=r"sample_weight has shape \(2,\), wanted \(5,\)"):
        net.J([A, B], [VALUE, CLASSES], sample_weight=[1, 2])


def test_one_input_of_two_axes():
    x = layers.Input((2, 2))
    net = Network(inputs=x, outputs=layers.Dense(1)(layers.Flatten()(x)))
    assert net.F(B).shape == (N, 1)
    np.testing.assert_array_equal(net.F({"input": B}), net.F(B.reshape(N, 4)))
    with pytest.raises(ValueError, match=r"X has shape \(5, 3\), wanted \(n, 2, 2\)"):
        net.F(A)
    with pytest.raises(ValueError, match="X has 'inptu', wanted input; did you mean 'input'"):
        net.F({"inptu": B})


def test_outputs_have_the_shapes_of_their_values():
    x = layers.Input(6)
    net = Network(inputs=x, outputs=[layers.Reshape((2, 3))(x), layers.Reshape((3, 2))(-x)])
    X = np.arange(12.0).reshape(2, 6)
    one, other = net.F(X)
    np.testing.assert_array_equal(one, X.reshape(2, 2, 3))
    np.testing.assert_array_equal(other, -X.reshape(2, 3, 2))
    y = [one, other.reshape(2, 6)]
    assert net.J(X, y) == 0
