"""Losses with parameters on one block: cost, delta and costs, with weights and padding."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.kernels.formulas import loss_families, losses
from nnlib.kernels.formulas.activations import LOG_SOFTMAX
from nnlib.kernels.formulas.registry import FIRST_DIGEST
from tests import reference
from tests.kernels.calling import run
from tests.strategies import targets
from tests.tolerances import assert_close

LANES, D_OUT = 24, 3
# Of each: the code, the family's name, and the oracle on outputs or on logits.
CASES = {
    "huber": (loss_families.huber(0.4), reference.LOSS_FAMILIES["huber"](0.4)),
    "quantile": (loss_families.quantile(0.8), reference.LOSS_FAMILIES["quantile"](0.8)),
    "binary_cross_entropy": (
        loss_families.smooth_binary_cross_entropy(0.2),
        reference.LOSS_FAMILIES_OF_LOGITS["binary_cross_entropy"](0.2),
    ),
    "softmax_cross_entropy": (
        loss_families.smooth_softmax_cross_entropy(0.2, D_OUT),
        reference.LOSS_FAMILIES_OF_LOGITS["softmax_cross_entropy"](0.2),
    ),
    "focal": (loss_families.focal(1.5), reference.LOSS_FAMILIES_OF_LOGITS["focal"](1.5)),
    "softmax_focal": (
        loss_families.softmax_focal(1.5), reference.LOSS_FAMILIES_OF_LOGITS["softmax_focal"](1.5)
    ),
}  # fmt: skip
every_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture
def block(name, dtype, rng):
    """z and y (d_L, lanes), a as the loss takes it, and weights; padding holds what it likes."""
    z = rng.normal(size=(D_OUT, LANES)).astype(dtype)
    y = targets(rng, name, LANES, D_OUT).T.astype(dtype)
    weight = np.where(np.arange(LANES) < LANES - 5, 1, 0).astype(dtype)
    weight[2] = 0.5
    y[:, -5:] = 0
    a = z.copy()
    if losses.of(CASES[name][0]).on_logits == LOG_SOFTMAX:
        a -= np.log(np.sum(np.exp(a.astype(float)), axis=0)).astype(dtype)
    a[:, -2:] = np.inf
    return z.astype(float), a, y, weight


def columns(z, y, weight, function):
    """The function of every sample of a weight above 0, times the weight."""
    return {
        s: float(weight[s]) * function(z[:, s], y[:, s].astype(float))
        for s in range(LANES)
        if weight[s]
    }


@every_case
def test_cost_and_costs(name, block, dtype):
    code, (J, _) = CASES[name]
    z, a, y, weight = block
    parts = columns(z, y, weight, J)
    actual = run(losses.COST, losses.cost(code), a.ravel().copy(), y.ravel(), weight)
    assert_close(actual, sum(parts.values()), terms=LANES * D_OUT, depth=2, dtype=dtype)
    total, out = np.zeros(LANES), np.empty(LANES, dtype)
    for row in range(D_OUT):
        run(losses.COSTS, losses.costs(code), out, a[row].copy(), y[row].copy(), weight)
        total += out
    expected = [parts.get(s, 0.0) for s in range(LANES)]
    assert_close(total, expected, terms=D_OUT, depth=2, dtype=dtype)


@every_case
def test_delta(name, block, dtype):
    code, (_, slope) = CASES[name]
    z, a, y, weight = block
    out = np.full(a.size, np.nan, dtype)
    # Losses that do not overflow count on finite padding, as the driver gives it.
    a = a if losses.of(code).delta_overflows else np.where(np.isfinite(a), a, 0).astype(dtype)
    run(losses.DELTA, losses.delta(code), out, a.ravel().copy(), y.ravel(), weight)
    out = out.reshape(D_OUT, LANES)
    for s, expected in columns(z, y, weight, slope).items():
        assert_close(out[:, s], expected, terms=D_OUT, depth=2)
    np.testing.assert_array_equal(out[:, -5:], 0)


@every_case
def test_nan_is_not_hidden(name, dtype):
    """The descent's divergence test relies on it."""
    code, _ = CASES[name]
    nan, y, weight = np.full(D_OUT, np.nan, dtype), np.ones(D_OUT, dtype), np.ones(1, dtype)
    assert np.isnan(run(losses.COST, losses.cost(code), nan.copy(), y, weight))
    out = np.zeros(D_OUT, dtype)
    run(losses.DELTA, losses.delta(code), out, nan, y, weight)
    assert np.isnan(out).all()


def test_parameters_decide_the_code_and_the_symbol():
    codes = {
        loss_families.quantile(0.5), loss_families.quantile(0.1), loss_families.huber(0.5),
        loss_families.smooth_softmax_cross_entropy(0.1, 3),
        loss_families.smooth_softmax_cross_entropy(0.1, 4),
        loss_families.smooth_binary_cross_entropy(0.1), loss_families.focal(0.5),
        loss_families.softmax_focal(0.5),
    }  # fmt: skip
    assert len(codes) == len({losses.of(code).symbol for code in codes}) == 8
    assert all(code >= FIRST_DIGEST for code in codes)
    assert loss_families.quantile(0.5) in codes
    assert losses.of(loss_families.quantile(0.5)).name == "quantile(tau=0.5)"
