"""The Levenberg-Marquardt driver: its steps, its damping, its slices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnlib
from nnlib.kernels.second_order import cholesky, jacobian
from nnlib.kernels.second_order.levenberg_marquardt import MU
from nnlib.kernels.second_order.objective import EPOCH
from tests.second_order.full_batches import optimize, watch
from tests.tolerances import tolerance

METHOD = "levenberg_marquardt"


@pytest.mark.parametrize("weight_decay", [0.0, 0.25])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_linear_least_squares_takes_one_step(reduction, weight_decay, dtype, rng):
    X, y = rng.normal(size=(50, 4)).astype(dtype), rng.normal(size=(50, 2)).astype(dtype)
    net = nnlib.Network([4, 2], "identity", dtype=dtype)
    optimize(METHOD, net, X, y, reduction, 1, weight_decay, damping=1e-14)
    with_ones = np.column_stack([X, np.ones(50)]).astype(float)
    scale = {"mean": 1 / 50, "sum": 1.0}[reduction]
    normal = scale * with_ones.T @ with_ones + weight_decay * np.diag([1, 1, 1, 1, 0])
    expected = np.linalg.solve(normal, scale * with_ones.T @ y)
    accuracy = tolerance(dtype, 50, depth=np.linalg.cond(normal))
    np.testing.assert_allclose(net.weights[0], expected[:4].T, rtol=accuracy, atol=accuracy)
    np.testing.assert_allclose(net.biases[0], expected[4], rtol=accuracy, atol=accuracy)


def test_a_step_solves_the_damped_normal_equations(rng):
    """d of one iteration against NumPy, J by central differences of the network's own F."""
    X, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    net = nnlib.Network([2, 3, 2], ["tanh", "identity"], seed=3)
    start, damping = net.parameters.copy(), 0.5
    residual, step = (net.F(X) - y).ravel(), 1e-6
    J = np.empty((residual.size, start.size))
    for k in range(start.size):
        ahead, behind = start.copy(), start.copy()
        ahead[k] += step
        behind[k] -= step
        net.parameters = ahead
        J[:, k] = net.F(X).ravel()
        net.parameters = behind
        J[:, k] = (J[:, k] - net.F(X).ravel()) / (2 * step)
    net.parameters = start
    optimize(METHOD, net, X, y, "sum", 1, damping=damping)
    expected = -np.linalg.solve(J.T @ J + damping * np.eye(start.size), J.T @ residual)
    # The differences are good to step² and eps/step.
    np.testing.assert_allclose(net.parameters - start, expected, atol=1e-8)


def test_damping_falls_after_success_and_rises_after_failure(monkeypatch, rng):
    X, y = rng.normal(size=(40, 1)), rng.normal(size=40)
    net = nnlib.Network([1, 4, 1], ["tanh", "identity"], seed=2)
    states = watch(monkeypatch, METHOD)
    optimize(METHOD, net, X, y, epochs=20, damping=1e-6, decrease=0.25, increase=8)
    seen = set()
    for now, then in itertools.pairwise(states):
        factor = then.damping[MU] / now.damping[MU]
        accepted = then.position[EPOCH] > now.position[EPOCH]
        if accepted or factor != 1:
            assert factor == (0.25 if accepted else 8)
            seen.add(factor)
    assert seen == {0.25, 8.0}


@pytest.mark.parametrize("budget", [1, 200_000])
@pytest.mark.parametrize("sizes", [[2, 5, 1], [3, 20, 8, 2]], ids=str)
def test_slices_do_not_change_a_bit(sizes, budget, dtype, monkeypatch, rng):
    """Several blocks, and tiles of JᵀJ and of its factor in the second network."""
    X, y = rng.normal(size=(2100, sizes[0])), rng.normal(size=(2100, sizes[-1]))
    one, other = (nnlib.Network(sizes, "tanh", dtype=dtype, seed=4) for _ in range(2))
    if len(sizes) > 3:
        assert one.parameters.size > max(jacobian.TILE, cholesky.TILE)
    settings = {"epochs": 4, "weight_decay": 1e-3}
    whole = optimize(METHOD, one, X, y, **settings)
    states = watch(monkeypatch, METHOD, budget)
    sliced = optimize(METHOD, other, X, y, **settings)
    assert len(states) > sliced.evaluations
    np.testing.assert_array_equal(one.parameters, other.parameters)
    np.testing.assert_array_equal(whole.J, sliced.J)
    assert whole.evaluations == sliced.evaluations


def test_a_singular_jacobian_is_damped_away():
    """Zero weights: every hidden unit has the same derivative, and JᵀJ has rank 1 of 10."""
    X = np.linspace(-1, 1, 20)
    net = nnlib.Network([1, 3, 1], ["tanh", "identity"], initializer="zeros")
    history = optimize(METHOD, net, X, X + 0.5, damping=1e-300)
    assert history.cost < history.J[0]
    np.testing.assert_allclose(net.biases[1], 0.5, atol=1e-6)
