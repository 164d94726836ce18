"""The L-BFGS driver: its direction, its steps, its slices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnlib
from nnlib.kernels.compile.jit import entry
from nnlib.kernels.second_order import lbfgs
from nnlib.kernels.second_order.objective import EPOCH
from tests import reference
from tests.second_order.full_batches import optimize, watch
from tests.tolerances import assert_close, tolerance


@entry
def set_direction(state):
    lbfgs.set_direction(state)


def inverse_hessian(steps, changes):
    """H of the last pairs, as a matrix: Nocedal and Wright, equations 7.16 and 7.20."""
    identity = np.eye(steps.shape[1])
    H = identity
    if len(steps):
        H = identity * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y in zip(steps, changes, strict=True):
        V = identity - np.outer(y, s) / (y @ s)
        H = V.T @ H @ V + np.outer(s, s) / (y @ s)
    return H


@pytest.mark.parametrize("pairs", [0, 1, 3, 4, 5, 9])
def test_two_loop_recursion_is_the_matrix_formula(pairs, dtype, rng):
    """Four pairs are remembered; the fifth takes the place of the first."""
    size, memory = 6, 4
    root = rng.normal(size=(size, size))
    hessian = root @ root.T + np.eye(size)
    steps = rng.normal(size=(pairs, size)).astype(dtype)
    changes = (steps @ hessian).astype(dtype)
    state = lbfgs.LBFGSState(
        position=np.zeros(lbfgs.POSITIONS, np.int64),
        cost=np.zeros(2), costs=np.zeros(1),
        base=np.zeros(size, dtype), base_gradient=rng.normal(size=size).astype(dtype),
        direction=np.zeros(size, dtype), search=np.zeros(1),
        steps=np.zeros(memory * size, dtype), changes=np.zeros(memory * size, dtype),
        curvatures=np.zeros(memory), coefficients=np.zeros(memory),
    )  # fmt: skip
    state.position[lbfgs.PAIRS] = pairs
    for number in range(pairs):
        place = number % memory
        state.steps.reshape(memory, size)[place] = steps[number]
        state.changes.reshape(memory, size)[place] = changes[number]
        state.curvatures[place] = float(steps[number] @ changes[number].astype(float))
    set_direction(state)
    last = slice(max(0, pairs - memory), pairs)
    H = inverse_hessian(steps[last].astype(float), changes[last].astype(float))
    expected = -H @ state.base_gradient
    # The recursion multiplies rounding by the condition of what it has seen of the Hessian.
    depth = memory * np.linalg.cond(hessian)
    assert_close(state.direction, expected, terms=size, depth=depth, dtype=dtype)


def exercise(exercise_data, exercise_start):
    X, y = exercise_data
    return nnlib.Network([1, 2, 1], initializer=exercise_start), X, y


def test_every_iteration_fulfils_the_strong_wolfe_conditions(
    exercise_data, exercise_start, monkeypatch
):
    """Costs and gradients by the oracle: φ(α) ≤ φ(0) + c1 α φ'(0), |φ'(α)| ≤ c2 |φ'(0)|."""
    net, X, y = exercise(exercise_data, exercise_start)
    states = watch(monkeypatch, "lbfgs")
    history = optimize("lbfgs", net, X, y, "sum", epochs=40)
    assert history.stopped == "epochs"
    first_of_epoch = {}
    for state in states:
        first_of_epoch.setdefault(int(state.position[EPOCH]), state)
    assert list(first_of_epoch) == list(range(41))

    def cost_and_gradient(flat):
        layers = [(flat[0:2].reshape(2, 1), flat[2:4]), (flat[4:6].reshape(1, 2), flat[6:])]
        arguments = layers, ["sigmoid"] * 2, X[:, None], y[:, None], "sum"
        gradients = zip(*reference.gradients(*arguments), strict=True)
        return reference.cost(*arguments), reference.flat(gradients)

    rounding = tolerance(np.float64, len(X), depth=6)
    for now, then in itertools.pairwise(first_of_epoch.values()):
        cost, gradient = cost_and_gradient(now.base)
        next_cost, next_gradient = cost_and_gradient(then.base)
        assert next_cost <= cost + 1e-4 * (then.base - now.base) @ gradient + rounding
        slope, next_slope = now.direction @ gradient, now.direction @ next_gradient
        assert abs(next_slope) <= 0.9 * abs(slope) + rounding * np.linalg.norm(now.direction)


def test_a_convex_quadratic_ends_at_the_closed_form(dtype, rng):
    """Linear regression with weight decay: normal equations."""
    X, y = rng.normal(size=(50, 4)).astype(dtype), rng.normal(size=(50, 2)).astype(dtype)
    decay = 0.25
    net = nnlib.Network([4, 2], "identity", dtype=dtype)
    history = optimize("lbfgs", net, X, y, weight_decay=decay)
    with_ones = np.column_stack([X, np.ones(50)]).astype(float)
    penalty = decay * np.diag([1, 1, 1, 1, 0])
    expected = np.linalg.solve(with_ones.T @ with_ones / 50 + penalty, with_ones.T @ y / 50)
    # float64 stops where the gradient is 1e-7, float32 where rounding hides a lower cost: half
    # of its digits.
    accuracy = {"float64": 1e-6, "float32": 4 * np.sqrt(tolerance(np.float32, 50))}[str(dtype)]
    np.testing.assert_allclose(net.weights[0], expected[:4].T, atol=accuracy)
    np.testing.assert_allclose(net.biases[0], expected[4], atol=accuracy)
    if dtype == np.float64:
        assert history.stopped == "gradient_tolerance"
        assert history.evaluations < 30


@pytest.mark.parametrize("budget", [1, 2, 5])
def test_slices_do_not_change_a_bit(budget, dtype, monkeypatch, rng):
    """1 500 examples are two blocks: slices end within an evaluation."""
    X, y = rng.normal(size=(1500, 2)), rng.normal(size=1500)
    one, other = (nnlib.Network([2, 5, 1], "tanh", dtype=dtype, seed=4) for _ in range(2))
    settings = {"epochs": 25, "weight_decay": 1e-3, "memory": 4}
    whole = optimize("lbfgs", one, X, y, **settings)
    states = watch(monkeypatch, "lbfgs", budget)
    sliced = optimize("lbfgs", other, X, y, **settings)
    assert len(states) >= 2 * sliced.evaluations // budget
    np.testing.assert_array_equal(one.parameters, other.parameters)
    np.testing.assert_array_equal(whole.J, sliced.J)
    assert whole.evaluations == sliced.evaluations
