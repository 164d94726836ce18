"""Activations and sums that change a value in its place, in the table of J alone."""

from __future__ import annotations

import numpy as np
import pytest

import nnlib
from nnlib import layers
from nnlib.kernels.layers.operations import BUFFER_UNITS, rows_of

pytestmark = pytest.mark.cpu("graphs")


def network(end, shape=(4, 4, 2)):
    """A network whose values all have one shape, from a function that draws its middle."""
    x = layers.Input(shape)
    last = layers.Dense(2)(layers.Flatten()(end(x)))
    return nnlib.Network(inputs=x, outputs=last)


def norm(x):
    return layers.LayerNormalization()(x)


def relu(x):
    return layers.Activation("relu")(x)


def units(net):
    """Values in the buffers of F and of J, without those of the dense layer."""
    own = net.architecture
    return [int(table[BUFFER_UNITS]) for table in (own.table, own.training_table)]


def test_a_residual_block_has_half_the_values():
    def block(x):
        h = relu(norm(x))
        return relu(layers.Conv2D(2, 3, padding="same")(h) + h)

    net = network(block)
    kept, in_place = units(net)
    kinds = [row.kind for row in rows_of(net.architecture.training_table)]
    assert len(kinds) == 4, "normalisation, convolution, sum, dense layer"
    assert in_place < kept - 32 * 2


@pytest.mark.parametrize(
    ("middle", "rows"),
    [
        (lambda x: relu(norm(x)), 1),
        (lambda x: norm(norm(x)), 2),
        (lambda x: layers.Activation("gelu")(norm(x)), 2),  # needs z
        (lambda x: relu(relu(norm(x))), 2),
        (lambda x: norm(x) + relu(x), 3),
        (lambda x: relu(x) + norm(x), 3),
        (lambda x: norm(x) + norm(x) + x, 4),
        (lambda x: norm(x) - relu(x), 3),
        (lambda x: relu(x) - norm(x), 4),  # the one with a factor is not changed in place
        (lambda x: layers.MaxPooling2D(1)(x) + x, 3),
    ],
)
def test_how_many_rows_are_left(middle, rows):
    net = network(middle)
    assert len(rows_of(net.architecture.training_table)) == rows + 1


def test_a_value_that_is_read_twice_stays():
    def middle(x):
        h = norm(x)
        return relu(h) + layers.Scale()(h)

    assert len(rows_of(network(middle).architecture.training_table)) == 5 + 1


def test_an_output_stays():
    x = layers.Input(3)
    h = norm(x)
    net = nnlib.Network(inputs=x, outputs=[h, relu(h)])
    X = np.random.default_rng(0).normal(size=(9, 3))
    first, second = net.F(X)
    np.testing.assert_array_equal(second, np.maximum(first, 0))
    cost = 0.5 * np.sum(first**2 + second**2) / 9
    assert net.J(X, [0 * first, 0 * second]) == pytest.approx(cost, rel=1e-12)


def test_layers_show_their_own_values():
    net = network(lambda x: relu(norm(x)))
    X = np.random.default_rng(0).normal(size=(5, 4, 4, 2))
    net.J(X, np.zeros((5, 2)))
    found = net.layer_outputs(X)
    assert np.any(found["layer_normalization"] < 0)
    np.testing.assert_array_equal(found["activation"], np.maximum(found["layer_normalization"], 0))
