"""The oracle itself: against the lecture's numbers, and against its own central differences."""

from __future__ import annotations

import numpy as np
import pytest

from tests import reference
from tests.tolerances import difference_step, difference_tolerance

pytestmark = pytest.mark.cpu("host")


def coefficients(layers):
    """a1 … a7 of the exercise."""
    (W1, b1), (W2, b2) = layers
    return [W1[0, 0], b1[0], W1[1, 0], b1[1], W2[0, 0], W2[0, 1], b2[0]]


def test_follows_the_lecture_to_epoch_100(exercise_data, exercise_start):
    X, Y = (column[:, None] for column in exercise_data)
    layers, names = exercise_start, ["sigmoid", "sigmoid"]
    epoch = 0
    for until, J, *a in reference.EXERCISE_TRAJECTORY[:4]:
        orders = [np.arange(len(X))] * (until - epoch)
        layers, _ = reference.descent(layers, names, X, Y, 0.1, orders, reduction="sum")
        epoch = until
        np.testing.assert_allclose(coefficients(layers), a, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(reference.cost(layers, names, X, Y, "sum"), J, rtol=1e-13)


@pytest.mark.parametrize("name", reference.ACTIVATIONS)
def test_derivatives_of_the_activations(name):
    f, derivative = reference.ACTIVATIONS[name]
    z = np.array([-3.0, -1.1, -0.2, 0.3, 0.9, 4.0])
    h = difference_step()
    slope = (f(z + h) - f(z - h)) / (2 * h)
    np.testing.assert_allclose(derivative(z), slope, atol=difference_tolerance(terms=1))


def test_sigmoid_neither_overflows_nor_rounds_to_zero():
    with np.errstate(all="raise"):
        low, middle, high = reference.sigmoid(np.array([-700.0, 0.0, 700.0]))
    assert (middle, high) == (0.5, 1.0)
    assert low == pytest.approx(np.exp(-700.0), rel=1e-14)
