"""Cost and output delta of every loss, with example weights."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from nnlib.kernels.formulas import losses
from tests import reference
from tests.kernels.calling import run
from tests.strategies import targets
from tests.tolerances import assert_close, difference_step, difference_tolerance, tolerance

LANES, D_OUT = 24, 3


def cost(name, a, y, weight):
    return run(losses.COST, losses.cost(losses.CODES[name]), a.ravel(), y.ravel(), weight)


def delta(name, a, y, weight):
    out = np.full_like(a.ravel(), np.nan)
    run(losses.DELTA, losses.delta(losses.CODES[name]), out, a.ravel(), y.ravel(), weight)
    return out.reshape(a.shape)


def cost_of_one(name, a, y):
    """J of one output of one example."""
    one = [np.array([[value]], np.asarray(a).dtype) for value in (a, y)]
    return cost(name, *one, np.ones(1, one[0].dtype))


def delta_of_one(name, a, y):
    one = [np.array([[value]], np.asarray(a).dtype) for value in (a, y)]
    return delta(name, *one, np.ones(1, one[0].dtype)).item()


# The oracle of the losses as the kernels see them: those of softmax take ln p and give ∂J/∂z.
OF_LOG_SHARES = {
    "softmax_cross_entropy": (lambda a, y: np.sum(-y * a), lambda a, y: np.exp(a) - y),
    "kl_divergence": (
        lambda a, y: np.sum(reference.x_log_x(y) - y * a),
        lambda a, y: np.exp(a) - y,
    ),
}
ORACLE = {**reference.LOSSES, **reference.LOSSES_OF_LOGITS, **OF_LOG_SHARES}
# Errors in whose neighbourhood J'' exists.
A = np.array([-5.3, -2.4, -0.9, -0.3, 0.2, 0.7, 1.8, 4.1])


def make_block(name, dtype, rng):
    """a and y (d_L, lanes), and example weights with padding at the end."""
    a = rng.normal(size=(D_OUT, LANES)).astype(dtype)
    if name in OF_LOG_SHARES:
        a -= np.log(np.sum(np.exp(a), axis=0))
    y = targets(rng, name, LANES, D_OUT).T.astype(dtype)
    weight = (np.arange(LANES) < LANES - 5).astype(dtype)
    weight[2] = 0.5
    return a, y, weight


def test_every_loss_has_an_oracle():
    assert set(losses.CODES) == set(ORACLE)


@pytest.mark.parametrize("name", ORACLE)
def test_cost(name, dtype, rng):
    a, y, weight = make_block(name, dtype, rng)
    expected = sum(
        float(weight[s]) * ORACLE[name][0](a[:, s].astype(float), y[:, s].astype(float))
        for s in range(LANES)
    )
    assert_close(cost(name, a, y, weight), expected, terms=LANES * D_OUT, dtype=dtype)


@pytest.mark.parametrize("name", ORACLE)
def test_delta(name, dtype, rng):
    a, y, weight = make_block(name, dtype, rng)
    expected = weight * ORACLE[name][1](a.astype(float), y.astype(float))
    assert_close(delta(name, a, y, weight), expected, terms=1)


@pytest.mark.parametrize("name", [name for name in ORACLE if name not in OF_LOG_SHARES])
def test_delta_agrees_with_central_differences(name):
    h, y = difference_step(), 0.25
    error = difference_tolerance(terms=1) * np.exp(A.max())
    for a in A:
        slope = (cost_of_one(name, a + h, y) - cost_of_one(name, a - h, y)) / (2 * h)
        assert delta_of_one(name, a, y) == pytest.approx(slope, abs=error, rel=0)


@pytest.mark.parametrize("name", ["absolute_error", "huber", "half_squared_error", "log_cosh"])
def test_no_error_no_cost(name, dtype):
    a = dtype.type(0.1)
    assert cost_of_one(name, a, a) == 0
    assert delta_of_one(name, a, a) == 0


@pytest.mark.parametrize("logit", [1e4, -1e4])
@pytest.mark.parametrize("y", [0, 0.25, 1])
def test_binary_cross_entropy_of_huge_logits(logit, y, dtype):
    expected = max(logit, 0) - y * logit
    assert cost_of_one("binary_cross_entropy", dtype.type(logit), y) == expected
    assert delta_of_one("binary_cross_entropy", dtype.type(logit), y) == (logit > 0) - y


def test_a_right_answer_s_cost_keeps_its_digits(dtype):
    """J = ln(1 + e^−20) for the logit 20 and y = 1: all of it would be lost in 20 − 20."""
    expected = np.log1p(np.exp(-20.0))
    actual = cost_of_one("binary_cross_entropy", dtype.type(20), 1)
    assert actual == pytest.approx(expected, rel=tolerance(dtype, 1))


@pytest.mark.parametrize("error", [1e-6, 1e-3, 0.3, 0.99, 1.01, 3, 30, 1e4, 1e30])
def test_log_cosh_keeps_relative_accuracy(error, dtype):
    error = dtype.type(error)
    with mpmath.workprec(200):
        exact = mpmath.mpf(float(error))
        exact = exact - mpmath.log(2) if exact > 1e3 else mpmath.log(mpmath.cosh(exact))
    for sign in (1, -1):
        actual = cost_of_one("log_cosh", sign * error, 0)
        assert actual == pytest.approx(float(exact), rel=tolerance(dtype, 1))


@pytest.mark.parametrize("name", ["absolute_error", "huber", "log_cosh"])
def test_huge_errors(name, dtype):
    a = np.finfo(dtype).max / 8
    assert cost_of_one(name, a, -a) == pytest.approx(2 * float(a), rel=1e-6)
    assert [delta_of_one(name, a, -a), delta_of_one(name, -a, a)] == [1, -1]


@pytest.mark.parametrize("name", ORACLE)
def test_nan_is_not_hidden(name, dtype):
    """The descent's divergence test relies on it."""
    assert np.isnan(cost_of_one(name, dtype.type(np.nan), 1))
    assert np.isnan(delta_of_one(name, dtype.type(np.nan), 1))


def test_an_overflow_of_weight_0_does_not_count(dtype):
    a = np.array([[0, 1e5]], dtype)
    y, weight = np.ones_like(a), np.array([1, 0], dtype)
    assert cost("poisson", a, y, weight) == 1
    np.testing.assert_array_equal(delta("poisson", a, y, weight), [[0, 0]])


def test_float32_cost_of_many_examples_is_summed_in_float64(rng):
    # Every row of 0.1² has the same cost; in one float32 sum, 300 rows would lose six digits.
    rows = 300
    a = np.full((rows, LANES), 0.1, np.float32)
    weight = np.ones(LANES, np.float32)
    result = cost("half_squared_error", a, np.zeros_like(a), weight)
    one = 0.5 * float(np.float32(0.1)) ** 2
    assert_close(result, rows * LANES * one, terms=LANES, dtype=np.float32)
