"""The oracle of graphs itself: its gradients against its own central differences."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest

from tests import graph_reference
from tests.graph_examples import GRAPHS
from tests.graph_strategies import graph_cases
from tests.tolerances import difference_step, difference_tolerance

pytestmark = pytest.mark.cpu("host")

# Nearer than this to a kink, a difference has both of its sides.
KINK = 1e-4
SAMPLED = 12


def assert_gradients_are_slopes(case):
    """Of every array of parameters, and of every input, for the first example."""
    x, y = [one[0] for one in case.X], [one[0] for one in case.Y]
    parameters, inputs = case.parameters, [np.array(one, np.float64) for one in x]
    gradients, deltas = graph_reference.example_gradients(case.graph, parameters, inputs, y)
    own, found = list(inputs), list(deltas)
    for arrays, slopes in zip(parameters, gradients, strict=True):
        learned = [name for name in arrays if not name.startswith("moving")]  # no averages
        own += [arrays[name] for name in learned]
        found += [slopes[name] for name in learned]
    error = case.terms * difference_tolerance(1, case.depth)
    for array, gradient in zip(own, found, strict=True):
        chosen = np.random.default_rng(0).permutation(array.size)[:SAMPLED]
        for k in chosen:
            slope = slope_along(case, parameters, inputs, y, array.reshape(-1), k)
            assert gradient.reshape(-1)[k] == pytest.approx(slope, rel=error, abs=error)


def slope_along(case, parameters, inputs, y, numbers, k):
    """The central difference of the cost by numbers[k], which is one of the others' numbers."""
    h, costs, before = difference_step(), [], numbers[k]
    for step in (h, -h):
        numbers[k] = before + step
        costs.append(graph_reference.example_cost(case.graph, parameters, inputs, y))
    numbers[k] = before
    return (costs[0] - costs[1]) / (2 * h)


@pytest.mark.parametrize("name", GRAPHS)
def test_gradients_of_the_examples(name):
    assert_gradients_are_slopes(GRAPHS[name]())


@hypothesis.settings(
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.filter_too_much, hypothesis.HealthCheck.too_slow],
)
@hypothesis.given(case=graph_cases(dtypes=["float64"], sizes=[3]))
def test_gradients_of_random_graphs(case):
    hypothesis.assume(case.is_tame(KINK))
    assert_gradients_are_slopes(case)


def test_values_of_a_graph_by_hand():
    """x → 2x and x²; their sum and their larger one, side by side."""
    operations = [
        graph_reference.Operation("sum", (0,), setting=[2.0]),
        graph_reference.Operation("multiply", (0, 0)),
        graph_reference.Operation("sum", (1, 2), setting=[1.0, 1.0]),
        graph_reference.Operation("maximum", (1, 2)),
        graph_reference.Operation("concatenate", (3, 4), setting=0),
    ]
    graph = graph_reference.Graph(1, operations, [5], ["half_squared_error"], [0.5])
    x, y = np.array([1.0, 3.0]), np.array([0.0, 15.0, 2.0, 9.0])
    np.testing.assert_array_equal(graph_reference.run(graph, [], [x])[5], [3, 15, 2, 9])
    assert graph_reference.example_cost(graph, [], [x], [y]) == 0.5 * 0.5 * 9
    _, (delta,) = graph_reference.example_gradients(graph, [], [x], [y])
    np.testing.assert_array_equal(delta, [0.5 * 3 * (2 + 2), 0])
