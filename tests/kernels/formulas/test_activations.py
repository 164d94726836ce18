"""f and f' of every activation against the oracle, multiple precision and central differences."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from nnlib.kernels.formulas import activations
from tests import reference
from tests.kernels.calling import run
from tests.tolerances import assert_close, difference_step, difference_tolerance, tolerance

LANES = 7  # for softmax; no multiple of a vector's length, so that the scalar tail runs too


def run_forward(a, workspace, lanes, code):
    function = activations.forward(code)
    if function is not None:
        run(activations.ACTIVATE, function, a, workspace, lanes)


def run_backward(delta, kept, code):
    function = activations.backward(code)
    if function is not None:
        run(activations.DERIVE, function, delta, kept)


def forward(z, name):
    """f(z), and what backward is to read: the workspace, or f(z) where there is none."""
    code = activations.CODES[name]
    a, workspace = z.copy(), np.full_like(z, np.nan)
    run_forward(a, workspace, LANES, code)
    return a, workspace if activations.ACTIVATIONS[code].needs_workspace else a


def derivative(z, name):
    """f'(z)."""
    delta = np.ones_like(z)
    run_backward(delta, forward(z, name)[1], activations.CODES[name])
    return delta


NAMES = list(reference.ACTIVATIONS)
Z = np.concatenate([np.linspace(-6, 6, 61), [0.0, -0.0]])
# Where neither f nor f' jumps.
SMOOTH = np.array([-9.0, -3.0, -1.1, -0.2, -1e-3, 2e-3, 0.3, 0.9, 4.0, 12.0])

EXACT = {
    "leaky_relu": lambda z: z if z > 0 else mpmath.mpf("0.01") * z,
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "gelu": lambda z: z / 2 * (1 + mpmath.tanh(_gelu_argument(z))),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
}


def _gelu_argument(z):
    return mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)


def test_every_activation_has_an_oracle():
    assert set(activations.CODES) == {*NAMES, "softmax"}


@pytest.mark.parametrize("name", NAMES)
def test_forward(name, dtype):
    z = Z.astype(dtype)
    expected = reference.ACTIVATIONS[name][0](z.astype(np.float64))
    assert_close(forward(z, name)[0], expected, terms=1)


@pytest.mark.parametrize("name", NAMES)
def test_backward(name, dtype, rng):
    z = Z.astype(dtype)
    delta = rng.normal(size=z.size).astype(dtype)
    expected = delta * reference.ACTIVATIONS[name][1](z.astype(np.float64))
    run_backward(delta, forward(z, name)[1], activations.CODES[name])
    assert_close(delta, expected, terms=2)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "heaviside"])
def test_derivative_agrees_with_central_differences(name):
    h = difference_step()
    slope = (forward(SMOOTH + h, name)[0] - forward(SMOOTH - h, name)[0]) / (2 * h)
    error = difference_tolerance(terms=1) + np.finfo(float).eps * np.abs(SMOOTH) / h
    assert np.all(np.abs(derivative(SMOOTH, name) - slope) <= error)


@pytest.mark.parametrize("name", EXACT)
def test_keeps_relative_accuracy_near_0_and_far_out(name, dtype):
    """Where f(z) is tiny it still has all its digits."""
    # gelu's and silu's tail e^t carries the rounding error of t, |t| < 64 times over.
    tail = np.array([-8.0, -4.0, -1.0], dtype)
    near = np.array([-1e-6, -1e-9, 1e-9, 1e-6, 1e-3, 2.0, 30.0], dtype)
    for z, factor in ((tail, 64), (near, 1)):
        result = forward(z, name)[0]
        with mpmath.workprec(200):
            exact = [float(EXACT[name](mpmath.mpf(float(value)))) for value in z]
        np.testing.assert_allclose(result, exact, rtol=factor * tolerance(dtype, terms=1))


@pytest.mark.parametrize("name", NAMES)
def test_huge_arguments_give_the_limits(name, dtype):
    far = np.array([1e4, np.finfo(dtype).max / 4], dtype)
    z = np.concatenate([-far, far])
    with np.errstate(over="ignore"):
        expected = reference.ACTIVATIONS[name][0](np.clip(z.astype(float), -1e4, 1e4))
    result = forward(z, name)[0]
    grows = np.abs(expected) > 1
    expected[grows] *= z[grows] / np.clip(z[grows], -1e4, 1e4)
    np.testing.assert_allclose(result, expected, rtol=tolerance(dtype, terms=1))
    limit = {"heaviside": 0, "sigmoid": 0, "tanh": 0}.get(name, 1)
    low = {"identity": 1, "leaky_relu": 0.01}.get(name, 0)
    slopes = derivative(z, name)
    np.testing.assert_allclose(slopes, [low, low, limit, limit], rtol=tolerance(dtype, 1))


@pytest.mark.parametrize("name", ["gelu", "silu", "softplus", "relu"])
def test_vanishes_at_minus_infinity(name, dtype):
    z = np.array([-np.inf], dtype)
    assert forward(z, name)[0] == 0
    assert derivative(z, name) == 0


@pytest.mark.parametrize("name", NAMES)
def test_forward_keeps_nan(name, dtype):
    z = np.array([1.0, np.nan, -1.0], dtype)
    np.testing.assert_array_equal(np.isnan(forward(z, name)[0]), [False, True, False])


def test_heaviside_of_zero_is_one(dtype):
    z = np.array([0.0, -0.0, -np.finfo(dtype).smallest_subnormal], dtype)
    np.testing.assert_array_equal(forward(z, "heaviside")[0], [1, 1, 0])


@pytest.mark.parametrize(
    ("name", "slope"), [("relu", 0), ("heaviside", 0), ("leaky_relu", 0.01), ("elu", 1)]
)
def test_derivative_at_zero(name, slope, dtype):
    z = np.array([0.0, -0.0], dtype)
    np.testing.assert_array_equal(derivative(z, name), np.full(2, slope, dtype))


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_derivative_keeps_relative_accuracy_where_f_saturates_low(name, dtype):
    # f' of a saturated unit is tiny; for sigmoid at z → −∞ it must still be right to the last bits.
    z = np.array([-12.0, -8.0, -4.0], dtype)
    if name == "tanh":
        z /= 4
    # As a function of the rounded a, which carries all that the kernel can know of z.
    a = forward(z, name)[0].astype(np.longdouble)
    expected = {"sigmoid": a * (1 - a), "tanh": (1 - a) * (1 + a)}[name]
    np.testing.assert_allclose(derivative(z, name), expected, rtol=4 * np.finfo(dtype).eps)


class TestSoftmax:
    """Over the units of each lane; the loss works with its logarithm."""

    @pytest.fixture
    def z(self, dtype, rng):
        return rng.normal(size=(5, LANES), scale=3).astype(dtype)

    def run(self, z, code):
        a, workspace = z.ravel().copy(), np.full(z.size, np.nan, z.dtype)
        run_forward(a, workspace, LANES, code)
        return a.reshape(z.shape)

    def test_agrees_with_the_oracle(self, z):
        expected = np.stack([reference.softmax(column.astype(float)) for column in z.T], axis=1)
        assert_close(self.run(z, activations.CODES["softmax"]), expected, terms=len(z), depth=2)
        logarithms = self.run(z, activations.LOG_SOFTMAX)
        assert_close(logarithms, np.log(expected), terms=len(z), depth=2)

    def test_huge_logits(self, dtype):
        z = np.zeros((3, LANES), dtype)
        z[:, 0], z[:, 1], z[:, 2] = (1e4, -1e4, 0), (1e4, 1e4, -1e4), 3e38
        result = self.run(z, activations.CODES["softmax"])
        np.testing.assert_array_equal(result[:, 0], [1, 0, 0])
        np.testing.assert_allclose(result[:, 1], [0.5, 0.5, 0], rtol=tolerance(dtype, 3))
        np.testing.assert_allclose(result[:, 2:], 1 / 3, rtol=tolerance(dtype, 3))
        logarithms = self.run(z, activations.LOG_SOFTMAX)
        np.testing.assert_array_equal(logarithms[:, 0], [0, -2e4, -1e4])

    def test_nan_stays_in_its_lane(self, z):
        z[1, 2] = np.nan
        isnan = np.isnan(self.run(z, activations.CODES["softmax"]))
        np.testing.assert_array_equal(isnan, np.tile(np.arange(LANES) == 2, (len(z), 1)))
