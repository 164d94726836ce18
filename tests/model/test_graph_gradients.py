"""F, J and derJ of random graphs against the oracle."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest

import nnlib
from nnlib import layers
from tests import graph_reference
from tests.devices import amount
from tests.graph_strategies import graph_cases
from tests.tolerances import assert_close

pytestmark = pytest.mark.cpu("graphs")

# Nearer than this, rounding may put a z on the other side of the kink of relu or of a maximum.
KINK = 1e-4
few_examples = hypothesis.settings(
    max_examples=amount(150, 3),
    suppress_health_check=[hypothesis.HealthCheck.filter_too_much, hypothesis.HealthCheck.too_slow],
)


@few_examples
@hypothesis.given(case=graph_cases())
def test_outputs_and_cost_agree_with_the_oracle(case):
    hypothesis.assume(case.is_tame(KINK))
    X, Y = case.data
    expected = graph_reference.predict(case.graph, case.parameters, case.X)
    found = case.net.F(X)
    for one, other in zip(found if len(expected) > 1 else [found], expected, strict=True):
        assert one.dtype == case.dtype
        assert_close(one, other, terms=case.terms, depth=case.depth)
    cost = graph_reference.cost(case.graph, case.parameters, case.X, case.Y, **case.settings)
    found = case.net.J(X, Y, **case.settings)
    assert_close(found, cost, terms=case.terms, depth=case.depth, dtype=case.dtype)


@few_examples
@hypothesis.given(case=graph_cases())
def test_gradient_agrees_with_the_oracle(case):
    hypothesis.assume(case.is_tame(KINK))
    found = case.net.derJ(*case.data, **case.settings, flat=True)
    expected = graph_reference.gradients(
        case.graph, case.parameters, case.X, case.Y, **case.settings
    )
    assert found.dtype == case.dtype
    assert_close(found, case.flat(expected), terms=case.terms, depth=case.depth)


def test_equal_values_of_a_maximum_share_its_delta():
    """Both diagonal layers begin with 1; the larger value alone has the δ once they differ."""
    x, first, second = layers.Input(2), layers.Scale(), layers.Scale()
    net = nnlib.Network(inputs=x, outputs=layers.Maximum()([first(x), second(x)]))
    X, y = np.array([[2.0, 3.0]]), np.array([[1.0, 1.0]])
    whole = (X - y)[0] * X[0]
    np.testing.assert_array_equal(net.derJ(X, y, flat=True), [*whole / 2, *whole / 2])
    second.weights["weight"][0] = 0.5
    expected = [whole[0], whole[1] / 2, 0, whole[1] / 2]
    np.testing.assert_array_equal(net.derJ(X, y, flat=True), expected)
