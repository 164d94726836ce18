"""The graphs of the benchmarks, beside their formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.problems import graph_problem
from bench.programs import nnlib_network, numpy_graph
from bench.rows.graphs import GRAPHS


def relu(z):
    return np.maximum(z, 0)


def test_a_residual_network_adds_its_blocks():
    problem = graph_problem.residual_of((5, *(4,) * 5, 1), 20, 5)
    (W, b), (W1, b1), (W2, b2), (W3, b3), (W4, b4), (V, c) = problem.start
    h = relu(problem.X[0] @ W.T + b)
    h = h + relu(h @ W1.T + b1) @ W2.T + b2
    h = h + relu(h @ W3.T + b3) @ W4.T + b4
    net = nnlib_network.network(problem, "float64")
    np.testing.assert_allclose(net.F(problem.X[0]), h @ V.T + c, rtol=1e-12)


def test_two_towers_are_multiplied():
    problem = graph_problem.two_towers_of((5, 4, 3), 20, 5)
    (W, b), (W1, b1), (U, d), (U1, d1), (V, c) = problem.start
    left = relu(problem.X[0] @ W.T + b) @ W1.T + b1
    right = relu(problem.X[1] @ U.T + d) @ U1.T + d1
    net = nnlib_network.network(problem, "float64")
    np.testing.assert_allclose(net.F(list(problem.X)), (left * right) @ V.T + c, rtol=1e-12)


@pytest.mark.parametrize(
    "problem",
    [
        graph_problem.residual_of((3, *(4,) * 5, 1), 6, 6),
        graph_problem.two_towers_of((3, 4, 2), 6, 6),
    ],
    ids=["residual", "two towers"],
)
def test_numpy_goes_along_the_gradient_of_its_cost(problem):
    """One step of plain descent, beside central differences of J."""
    problem = replace(problem, optimizer="sgd", learning_rate=1.0)
    start = problem.flat_start
    step = start - numpy_graph.descent(problem, "float64")(1).values
    ends = np.cumsum([part.size for layer in problem.start for part in layer])[:-1]

    def cost(parameters):
        parts = np.split(parameters, ends)
        layers = zip(parts[::2], parts[1::2], strict=True)
        shaped = [(W.reshape(len(b), -1), b) for W, b in layers]
        return numpy_graph.descent(replace(problem, start=tuple(shaped)), "float64")(1).cost

    h = 1e-6
    differences = [
        (cost(start + h * e) - cost(start - h * e)) / (2 * h) for e in np.eye(len(start))
    ]
    # b = 0 and relu: no sum of a unit's inputs is within h of the kink.
    np.testing.assert_allclose(step, differences, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("workload", GRAPHS, ids=str)
def test_every_start_is_one_of_the_row_s_network(workload):
    problem = workload.problem()
    assert nnlib_network.network(problem, "float32").parameters.size == problem.flat_start.size
    assert {len(X) for X in problem.X} == {len(problem.y)} == {graph_problem.SAMPLES}
    assert workload.units * problem.batch_size == graph_problem.SAMPLES
