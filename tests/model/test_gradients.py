"""derJ of any network: against the oracle, and against central differences of J."""

from __future__ import annotations

import hypothesis
import numpy as np
from hypothesis import strategies as st

import nnlib
from tests import reference
from tests.devices import amount
from tests.strategies import cases
from tests.tolerances import assert_close, difference_step, difference_tolerance, tolerance

# Nearer than this, rounding may put a z on the other side of the kink of relu or heaviside.
KINK = 1e-4
# Central differences of so many parameters of a network are enough.
SAMPLED = amount(25, 2)


LOSSES = [*reference.LOSSES, *reference.LOSSES_OF_LOGITS]


@st.composite
def weighted_cases(draw):
    """Networks with any loss; half of them with example weights, some of which are 0."""
    case = draw(cases(LOSSES))
    if draw(st.booleans()):
        weights = draw(st.lists(st.integers(0, 4), min_size=len(case.X), max_size=len(case.X)))
        hypothesis.assume(any(weights))
        case.settings["sample_weight"] = np.array(weights) / 2
    return case


@hypothesis.given(case=weighted_cases())
def test_outputs_and_cost_agree_with_the_oracle(case):
    hypothesis.assume(case.distance_to_a_kink() > KINK)
    net = case.network()
    expected = reference.predict(case.layers, case.activations, case.X)
    assert_close(net.F(case.X), expected, terms=max(case.sizes), depth=case.depth)
    assert net.F(case.X).dtype == case.dtype
    cost = reference.cost(
        case.layers, case.activations, case.X, case.Y, loss=case.loss, **case.settings
    )
    actual = net.J(case.X, case.Y, **case.settings)
    assert_close(actual, cost, terms=case.terms, depth=case.depth, dtype=case.dtype)


@hypothesis.given(case=weighted_cases())
def test_gradient_agrees_with_the_oracle(case):
    hypothesis.assume(case.distance_to_a_kink() > KINK)
    dW, db = case.network().derJ(case.X, case.Y, **case.settings)
    expected_W, expected_b = reference.gradients(
        case.layers, case.activations, case.X, case.Y, loss=case.loss, **case.settings
    )
    for actual, expected in zip([*dW, *db], [*expected_W, *expected_b], strict=True):
        assert actual.shape == expected.shape
        assert actual.dtype == case.dtype
        assert_close(actual, expected, terms=case.terms, depth=case.depth)


@hypothesis.given(case=weighted_cases())
def test_gradient_agrees_with_central_differences(case):
    hypothesis.assume(case.distance_to_a_kink() > KINK)
    gradient = reference.flat(
        zip(*case.network().derJ(case.X, case.Y, **case.settings), strict=True)
    )
    # Differences of a float32 cost would be mostly noise: the float64 twin has the same gradient.
    twin = case.network("float64")
    h = difference_step()
    count = len(case.X) if case.settings["reduction"] == "sum" else 1
    error = count * difference_tolerance(max(case.sizes), case.depth)
    error += tolerance(case.dtype, case.terms, case.depth) * max(1.0, np.max(np.abs(gradient)))
    chosen = np.random.default_rng(0).permutation(gradient.size)[:SAMPLED]
    for k in chosen:
        costs = []
        for step in (h, -h):
            parameters = reference.flat(case.layers).astype(np.float64)
            parameters[k] += step
            twin.parameters = parameters
            costs.append(twin.J(case.X, case.Y, **case.settings))
        slope = (costs[0] - costs[1]) / (2 * h)
        np.testing.assert_allclose(gradient[k], slope, rtol=0, atol=error)


def test_gradient_over_many_blocks(dtype, rng):
    """More examples than one block holds, the last block short, with the oracle's sums."""
    n = amount(2500, 70)
    names = ["tanh", "sigmoid"]
    layers = [
        (rng.normal(size=(2, 3)).astype(dtype), rng.normal(size=2).astype(dtype)),
        (rng.normal(size=(1, 2)).astype(dtype), rng.normal(size=1).astype(dtype)),
    ]
    X, Y = rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(n, 1)).astype(dtype)
    net = nnlib.Network([3, 2, 1], activation=names, dtype=dtype, initializer=layers)
    dW, db = net.derJ(X, Y, reduction="sum")
    expected_W, expected_b = reference.gradients(layers, names, X, Y, "sum")
    for actual, expected in zip([*dW, *db], [*expected_W, *expected_b], strict=True):
        assert_close(actual, expected, terms=n)
    assert_close(
        net.J(X, Y, "sum"), reference.cost(layers, names, X, Y, "sum"), terms=n, dtype=dtype
    )
    assert_close(net.F(X), reference.predict(layers, names, X), terms=5, depth=2)


def test_derJ_leaves_the_parameters_alone(dtype, rng):
    net = nnlib.Network([2, 3, 1], dtype=dtype)
    before = net.parameters.copy()
    dW, db = net.derJ(rng.normal(size=(5, 2)), rng.normal(size=5), weight_decay=0.5)
    np.testing.assert_array_equal(net.parameters, before)
    dW[0][:], db[1][:] = 7, 7
    np.testing.assert_array_equal(net.parameters, before)
