"""The user's own formulas as kernels: codes, digests, dtypes and reasons of Numba's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnlib.kernels.formulas import activations, custom, losses
from tests.kernels.calling import run
from tests.tolerances import assert_close


def own_loss(factor, name="mine"):
    return custom.own_loss(
        name, lambda a, y: factor * (a - y) ** 2, lambda a, y: 2 * factor * (a - y)
    )


def own_activation(factor, name="mine"):
    return custom.own_activation(
        name, lambda z: math.tanh(factor * z), lambda z: factor * (1 - math.tanh(factor * z) ** 2)
    )


@pytest.mark.parametrize(
    ("make", "table"), [(own_loss, losses), (own_activation, activations)], ids=["loss", "act"]
)
def test_codes_follow_from_what_is_computed(make, table):
    code, digest = make(2.0)
    assert make(2.0) == (code, digest)
    assert table.of(code).digest == digest
    others = {make(3.0), make(2.0, "another"), make(2)}
    assert len({code, *(other for other, _ in others)}) == 4
    assert len({digest, *(other for _, other in others)}) == 4
    symbols = {table.of(number).symbol for number, _ in ((code, digest), *others)}
    assert len(symbols) == 4


def test_a_loss_of_one_digest_is_no_activation():
    function = lambda z, y=0.0: z  # noqa: E731
    derivative = lambda z, y=0.0: 1  # noqa: E731
    loss, _ = custom.own_loss("mine", function, derivative)
    activation, _ = custom.own_activation("mine", function, derivative)
    assert loss != activation


def test_an_activation_keeps_its_derivative(dtype):
    code, _ = own_activation(0.5)
    z = np.linspace(-3, 3, 16).astype(dtype)
    a, kept, delta = z.copy(), np.empty_like(z), np.full_like(z, 2)
    run(activations.ACTIVATE, activations.forward(code), a, kept, 16)
    run(activations.DERIVE, activations.backward(code), delta, kept)
    expected = np.tanh(0.5 * z.astype(float))
    assert_close(a, expected, terms=2)
    assert_close(delta, 2 * 0.5 * (1 - expected**2), terms=4)


@pytest.mark.parametrize("value", [0, 1, True, 0.5, np.float32(0.5)])
def test_what_is_returned_becomes_the_dtype_of_the_network(value, dtype):
    code, _ = custom.own_loss("mine", lambda a, y: value, lambda a, y: value)
    a, weight, out = np.ones(4, dtype), np.ones(4, dtype), np.empty(4, dtype)
    run(losses.COSTS, losses.costs(code), out, a, a, weight)
    np.testing.assert_array_equal(out, float(value))
    run(losses.DELTA, losses.delta(code), out, a, a, weight)
    np.testing.assert_array_equal(out, float(value))


def test_values_for_python():
    code, _ = own_loss(3.0)
    a, y, values, slopes = np.array([1.0, 2.0]), np.array([0.0, 4.0]), np.empty(2), np.empty(2)
    custom.loss_values(code)(values, slopes, a, y)
    np.testing.assert_array_equal(values, [3, 12])
    np.testing.assert_array_equal(slopes, [6, -12])
    code, _ = own_activation(1.0)
    custom.activation_values(code)(values, slopes, a)
    np.testing.assert_allclose(values, np.tanh(a), rtol=1e-15)
    np.testing.assert_allclose(slopes, 1 - np.tanh(a) ** 2, rtol=1e-14)


def test_the_reason_is_numba_s_in_one_line():
    with pytest.raises(TypeError) as caught:
        custom.own_activation("mine", lambda z: z.width, lambda z: 1)
    assert str(caught.value) == (
        "function does not compile: Unknown attribute 'width' of type float64"
    )
