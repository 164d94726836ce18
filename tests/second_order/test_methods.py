"""L-BFGS and Levenberg-Marquardt on whole problems: against SciPy, the lecture, and bad luck."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.optimize

import nnlib
from nnlib.kernels.formulas.losses import CODES
from nnlib.kernels.second_order import objective
from nnlib.second_order import elsewhere, least_squares, minimised
from tests import reference
from tests.devices import amount
from tests.second_order.full_batches import DRIVER, METHODS, optimize
from tests.tolerances import assert_close, tolerance

# Examples.
N = amount(40, 12)
# What 5 000 epochs of the lecture's descent reach.
LECTURE_COST = 0.01765

both = pytest.mark.parametrize("method", METHODS)


def flat_functions(net, X, y, **settings):
    """J and its gradient as functions of a flat vector, for SciPy."""
    twin = nnlib.Network(net.sizes, list(net.activations), device="cpu")

    def cost_and_gradient(flat):
        twin.parameters = flat
        dW, db = twin.derJ(X, y, **settings)
        return twin.J(X, y, **settings), reference.flat(zip(dW, db, strict=True))

    def residuals(flat):
        twin.parameters = flat
        return (twin.F(X) - y).ravel()

    return cost_and_gradient, residuals


@pytest.fixture
def noisy(rng):
    """Examples of a smooth function R² → R², with noise that no network fits."""
    X = rng.uniform(-1, 1, size=(N, 2))
    y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 0] * X[:, 1]])
    return X, y + 0.2 * rng.normal(size=y.shape)


@both
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.02])
def test_same_minimum_as_scipy_from_the_same_start(method, reduction, weight_decay, noisy):
    """One layer of tanh units: the same valley for every method."""
    X, y = noisy
    settings = {"reduction": reduction, "weight_decay": weight_decay}
    net = nnlib.Network([2, 2], "tanh", seed=1)
    cost_and_gradient, residuals = flat_functions(net, X, y, **settings)
    expected = scipy.optimize.minimize(
        cost_and_gradient, net.parameters, jac=True, method="BFGS", options={"gtol": 1e-8}
    )
    if weight_decay == 0:
        fit = scipy.optimize.least_squares(residuals, net.parameters, method="lm")
        scale = 1 / len(X) if reduction == "mean" else 1
        np.testing.assert_allclose(scale * fit.cost, expected.fun, rtol=1e-9)
    history = optimize(method, net, X, y, **settings)
    # The cost is flat at its minimum: parameters off by 1e-7 change it by their square.
    np.testing.assert_allclose(history.cost, expected.fun, rtol=1e-11)
    np.testing.assert_allclose(net.parameters, expected.x, atol=1e-5)
    assert history.cost == pytest.approx(net.J(X, y, **settings), rel=1e-13)


@both
def test_scipy_finds_no_lower_cost_nearby(method, noisy):
    """Two layers have many minima; what is reached must be one of them."""
    X, y = noisy
    net = nnlib.Network([2, 3, 2], ["tanh", "identity"], seed=1)
    settings = {"reduction": "mean", "weight_decay": amount(1e-3, 0.1)}
    history = optimize(method, net, X, y, epochs=2000, cost_tolerance=0, **settings)
    cost_and_gradient, _ = flat_functions(net, X, y, **settings)
    polished = scipy.optimize.minimize(
        cost_and_gradient, net.parameters, jac=True, method="L-BFGS-B",
        options={"ftol": 0, "gtol": 1e-10},
    )  # fmt: skip
    assert history.J[0] > 1.5 * history.cost
    np.testing.assert_allclose(history.cost, polished.fun, rtol=1e-9)


@both
@pytest.mark.parametrize("sizes", [[2, 3, 2], [12, 9, 2]], ids=["narrow", "wide"])
def test_costs_are_those_of_the_oracle(method, sizes, dtype, rng):
    """J at the start of the first iterations and J reached, with weight decay, in two blocks."""
    n = amount(1100, 20)
    X = rng.normal(size=(n, sizes[0])).astype(dtype)
    Y = rng.normal(size=(n, sizes[-1])).astype(dtype)
    net = nnlib.Network(sizes, "tanh", dtype=dtype, seed=6)
    start = net.parameters.copy()
    history = optimize(method, net, X, Y, "sum", epochs=3, weight_decay=0.5)
    assert history.epochs == 3

    def cost(flat):
        at = nnlib.Network(sizes, "tanh", dtype=dtype)
        at.parameters = flat
        layers = list(zip(at.weights, at.biases, strict=True))
        return reference.cost(layers, at.activations, X, Y, "sum", 0.5)

    expected = [cost(start), cost(net.parameters)]
    assert_close([history.J[0], history.cost], expected, len(X), depth=4, dtype=dtype)
    assert np.all(np.diff([*history.J, history.cost]) < 0)


@pytest.mark.parametrize("activation", ["softmax", "identity"])
def test_lbfgs_takes_every_loss(activation, rng):
    """Softmax regression with weight decay has one minimum; SciPy finds the same one."""
    n = amount(60, 12)
    X, y = rng.normal(size=(n, 3)), rng.integers(4, size=n)
    net = nnlib.Network([3, 4], activation, loss="softmax_cross_entropy", seed=0)

    def cost_and_gradient(flat):
        logits = X @ flat[:12].reshape(4, 3).T + flat[12:]
        share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        decay = 0.05 * np.r_[flat[:12], np.zeros(4)]
        delta = (share - np.eye(4)[y]) / len(X)
        cost = -np.log(share[np.arange(n), y]).mean() + 0.5 * decay @ flat
        return cost, np.r_[(delta.T @ X).ravel(), delta.sum(axis=0)] + decay

    options = {"gtol": 1e-10}
    expected = scipy.optimize.minimize(
        cost_and_gradient, net.parameters, jac=True, method="BFGS", options=options
    )
    history = optimize("lbfgs", net, X, np.eye(4)[y], weight_decay=0.05)
    np.testing.assert_allclose(history.cost, expected.fun, rtol=1e-11)


@both
def test_an_example_of_weight_two_counts_twice(method, noisy):
    X, y = noisy
    weights = np.repeat([2.0, 0.0, 1.0, 1.0], N // 4)
    one, other = (nnlib.Network([2, 2], "tanh", seed=1) for _ in range(2))
    weighted = optimize(method, one, X, y, "sum", weights=weights)
    kept = np.repeat(np.arange(N), weights.astype(int))
    repeated = optimize(method, other, X[kept], y[kept], "sum")
    np.testing.assert_allclose(weighted.cost, repeated.cost, rtol=1e-11)
    np.testing.assert_allclose(one.parameters, other.parameters, atol=1e-5)


@both
def test_reductions_agree(method, noisy):
    """With λ divided by n as well, mean and sum are one problem."""
    X, y = noisy
    mean, total = (nnlib.Network([2, 2], "tanh", seed=1) for _ in range(2))
    first = optimize(method, mean, X, y, "mean", weight_decay=0.01)
    second = optimize(method, total, X, y, "sum", weight_decay=0.01 * len(X))
    np.testing.assert_allclose(first.cost * len(X), second.cost, rtol=1e-11)
    np.testing.assert_allclose(mean.parameters, total.parameters, atol=1e-5)


@pytest.mark.large
def test_lbfgs_beats_the_lecture_from_its_own_start(exercise_data, exercise_start, dtype):
    X, y = exercise_data
    net = nnlib.Network([1, 2, 1], initializer=exercise_start, dtype=dtype)
    history = optimize("lbfgs", net, X, y, "sum")
    assert history.J[0] == pytest.approx(4.3)
    assert net.J(X, y, "sum") < LECTURE_COST / 1000
    assert history.evaluations < 300
    below = np.argmax(history.J < LECTURE_COST)
    print(f"{dtype}: {history.evaluations} evaluations, below after {below} iterations")


@pytest.mark.cpu("levenberg_marquardt")
def test_levenberg_marquardt_beats_the_lecture_from_seeded_starts(exercise_data, dtype):
    """The lecture's own start leads it to a local minimum, J = 3.2; so do some seeds."""
    X, y = exercise_data
    costs = []
    for seed in range(8):
        net = nnlib.Network([1, 2, 1], seed=seed, dtype=dtype)
        history = optimize("levenberg_marquardt", net, X, y, "sum")
        assert history.evaluations < 300
        costs.append(net.J(X, y, "sum"))
    assert sum(cost < LECTURE_COST / 1000 for cost in costs) >= 4, costs


@both
def test_it_ends_at_the_precision_of_the_dtype(method, dtype, noisy):
    """With no tolerance at all: no endless search, and what is reached is as good as it gets."""
    X, y = noisy
    net = nnlib.Network([2, 2], "tanh", dtype=dtype, seed=1)
    settings = {"gradient_tolerance": 0.0, "cost_tolerance": 0.0}
    history = optimize(method, net, X, y, epochs=100_000, **settings)
    assert history.stopped != "epochs"
    assert history.evaluations < 1000
    twin = nnlib.Network([2, 2], "tanh", seed=1)
    best = optimize(method, twin, X, y)
    assert history.cost <= best.cost * (1 + tolerance(dtype, len(X), depth=2))


@both
@pytest.mark.parametrize("seed", range(6))
def test_the_cost_never_rises(method, seed, dtype):
    """Relu kinks, steep inputs, few examples: whatever happens, no step back."""
    rng = np.random.default_rng(seed)
    X, y = 100 * rng.normal(size=(12, 2)), 10 * rng.normal(size=12)
    net = nnlib.Network([2, 8, 1], ["relu", "identity"], dtype=dtype, seed=seed)
    history = optimize(method, net, X, y, epochs=amount(100, 8))
    assert np.all(np.diff([*history.J, history.cost]) <= 0)
    assert np.all(np.isfinite(net.parameters))
    relative = tolerance(dtype, 1000, depth=4)
    assert net.J(X, y) <= history.J[0] * (1 + relative)


@both
def test_a_minimum_is_left_as_it_is(method):
    """At J = 0 the gradient is 0: no iteration, one evaluation, the same bits."""
    net = nnlib.Network([1, 1], "identity", initializer=[([[2.0]], [1.0])])
    history = optimize(method, net, [0, 1, 2], [1, 3, 5])
    assert (history.epochs, history.evaluations, history.cost) == (0, 1, 0.0)
    assert history.stopped == "gradient_tolerance"
    np.testing.assert_array_equal(net.parameters, [2.0, 1.0])


@both
def test_a_step_function_has_nowhere_to_go(method):
    """Heaviside has the derivative 0 everywhere."""
    net = nnlib.Network([1, 2, 1], "heaviside", seed=0)
    start = net.parameters.copy()
    assert optimize(method, net, [0, 1, 2], [0, 1, 0]).epochs == 0
    np.testing.assert_array_equal(net.parameters, start)


@both
def test_no_iterations(method):
    net = nnlib.Network([1, 2, 1], seed=0)
    start = net.parameters.copy()
    history = optimize(method, net, [0, 1, 2], [0, 1, 0], epochs=0)
    assert (history.epochs, history.stopped) == (0, "epochs")
    np.testing.assert_array_equal(net.parameters, start)


@both
def test_a_start_without_a_finite_cost(method):
    net = nnlib.Network([1, 1], "identity", initializer=[([[1e200]], [0.0])])
    with pytest.raises(nnlib.DivergenceError, match="at the parameters") as caught:
        optimize(method, net, [1, 1e10], [0, 0])
    assert caught.value.epoch == 0
    assert caught.value.history.epochs == 1
    np.testing.assert_array_equal(net.parameters, [1e200, 0.0])


@both
@pytest.mark.parametrize("slices", [1, 2, 3, 5, 8, 13, 40])
def test_an_interruption_leaves_a_completed_iteration(method, slices, noisy, monkeypatch):
    X, y = noisy
    sizes = [2, 4, 2]
    net, twin = (nnlib.Network(sizes, ["tanh", "identity"], seed=1) for _ in range(2))
    remaining, driver = iter(range(slices)), DRIVER[method]
    if net.device == "cuda":
        driver = elsewhere
    descend, completed = driver.descend, []

    def interrupted(model, data, state, settings, _):
        if next(remaining, None) is None:
            completed.append(int(state.position[0]))
            raise KeyboardInterrupt
        descend(model, data, state, settings, 1)

    monkeypatch.setattr(driver, "descend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        optimize(method, net, X, y)
    monkeypatch.undo()
    optimize(method, twin, X, y, epochs=completed[0])
    np.testing.assert_array_equal(net.parameters, twin.parameters)


@pytest.mark.parametrize("size", [least_squares.MOST_PARAMETERS + 1, 123_456])
def test_too_many_parameters_are_refused_before_any_memory_is_taken(size):
    with pytest.raises(ValueError, match=rf"levenberg_marquardt' with {size} parameters needs"):
        least_squares.check_levenberg_marquardt(size, CODES["half_squared_error"])


def test_the_largest_network_is_not_refused():
    size = least_squares.MOST_PARAMETERS
    least_squares.check_levenberg_marquardt(size, CODES["half_squared_error"])


@pytest.mark.parametrize("name", [name for name in CODES if name != "half_squared_error"])
def test_other_losses_are_refused(name):
    with pytest.raises(ValueError, match=f"loss='{name}': it minimises sums of squares"):
        least_squares.check_levenberg_marquardt(10, CODES[name])


def test_reasons_to_stop_have_numbers_of_their_own():
    """Statuses come from two files."""
    assert len(minimised.STOPPED) == 6
    for one, other in itertools.combinations(minimised.STOPPED, 2):
        assert one != other
    assert objective.STALLED in minimised.STOPPED
