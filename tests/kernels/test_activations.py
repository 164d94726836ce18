"""f and f' of every activation against the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels import activations
from nnlib.kernels.jit import entry
from tests import reference
from tests.tolerances import assert_close


@entry
def forward(a, code):
    activations.forward(a, code)


@entry
def backward(delta, a, code):
    activations.backward(delta, a, code)


NAMES = list(reference.ACTIVATIONS)
# No multiple of a vector's length, so that the scalar tail runs too.
Z = np.concatenate([np.linspace(-6, 6, 61), [0.0, -0.0]])


def test_every_activation_has_an_oracle():
    assert set(activations.CODES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_forward(name, dtype):
    a = Z.astype(dtype)
    expected = reference.ACTIVATIONS[name][0](a.astype(np.float64))
    forward(a, activations.CODES[name])
    assert_close(a, expected, terms=1)


@pytest.mark.parametrize("name", NAMES)
def test_backward(name, dtype, rng):
    z = Z.astype(dtype)
    a = z.copy()
    forward(a, activations.CODES[name])
    delta = rng.normal(size=z.size).astype(dtype)
    expected = delta * reference.ACTIVATIONS[name][1](z.astype(np.float64))
    backward(delta, a, activations.CODES[name])
    assert_close(delta, expected, terms=2)


@pytest.mark.parametrize("name", NAMES)
def test_forward_keeps_nan(name, dtype):
    a = np.array([1.0, np.nan, -1.0], dtype)
    forward(a, activations.CODES[name])
    np.testing.assert_array_equal(np.isnan(a), [False, True, False])


def test_heaviside_of_zero_is_one(dtype):
    a = np.array([0.0, -0.0, -np.finfo(dtype).smallest_subnormal], dtype)
    forward(a, activations.HEAVISIDE)
    np.testing.assert_array_equal(a, [1, 1, 0])


@pytest.mark.parametrize("name", ["relu", "heaviside"])
def test_derivative_is_zero_where_there_is_none(name, dtype):
    a = np.array([0.0, -0.0], dtype)
    forward(a, activations.CODES[name])
    delta = np.ones(2, dtype)
    backward(delta, a, activations.CODES[name])
    np.testing.assert_array_equal(delta, [0, 0])


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_derivative_keeps_relative_accuracy_where_f_saturates_low(name, dtype):
    # f' of a saturated unit is tiny; for sigmoid at z → −∞ it must still be right to the last bits.
    z = np.array([-12.0, -8.0, -4.0], dtype)
    if name == "tanh":
        z /= 4
    a = z.copy()
    forward(a, activations.CODES[name])
    delta = np.ones(3, dtype)
    backward(delta, a, activations.CODES[name])
    # As a function of the rounded a, which carries all that the kernel can know of z.
    a = a.astype(np.longdouble)
    expected = {"sigmoid": a * (1 - a), "tanh": (1 - a) * (1 + a)}[name]
    np.testing.assert_allclose(delta, expected, rtol=4 * np.finfo(dtype).eps)
