"""Members of a population against networks trained alone, the oracle, and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlib
from nnlib.population.lanes import MOST_WORK
from tests import reference
from tests.devices import amount
from tests.population.cases import (
    EXACT,
    N,
    alone,
    assert_same_descent,
    cut_as_members,  # noqa: F401  a fixture
    data,
    rounding,
)

SIZES = {"sizes": [3, 5, 2]}


@pytest.fixture(autouse=True)
def default_threads():
    yield
    nnlib.set_threads(None)


OPTIONS = {
    "momentum": EXACT,
    "adam, mini-batches": {"optimizer": "adam", "batch_size": 7},
    "plain, mini-batches": {"batch_size": amount(16, 5)},
    "in the order of the data": {"batch_size": 9, "shuffle": False, "optimizer": "rmsprop"},
    "penalties": {"l1": 1e-3, "weight_decay": 1e-2, "max_norm": 1.0, "reduction": "sum"},
    "clipping": {"clip_norm": 0.1, "clip_value": 0.05, "batch_size": 10},
    "dropout": {"dropout": 0.3, "batch_size": 10, "optimizer": "adamw"},
    "schedule": {"learning_rate": nnlib.schedules.Cosine(0.3), "optimizer": "nesterov"},
    "plateau": {"learning_rate": nnlib.schedules.ReduceOnPlateau(0.5, patience=2)},
    "target": {"target_cost": 0.13, "learning_rate": 0.5},
    "patience": {"patience": 3, "tolerance": 1e-3, "learning_rate": 0.5},
    "lbfgs": {"optimizer": "lbfgs"},
    "levenberg_marquardt": {"optimizer": "levenberg_marquardt"},
}
CPU_ONLY = {"lbfgs": "lbfgs bits", "levenberg_marquardt": "levenberg_marquardt"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.cpu(CPU_ONLY[name]) if name in CPU_ONLY else ())
        for name in OPTIONS
    ],
)
def test_a_member_has_the_bits_of_the_network_alone(name, dtype):
    X, y = data()
    options = {"epochs": amount(25, 3), **OPTIONS[name]}
    population = nnlib.train_many(SIZES["sizes"], X, y, seeds=[4, 0], dtype=dtype, **options)
    for member in range(2):
        net, history = alone(population, member, X, y, {**SIZES, "dtype": dtype}, **options)
        assert_same_descent(population, member, net, history)
        np.testing.assert_array_equal(population[member]._generator, net._generator)


@pytest.mark.cpu("lanes")
def test_a_plain_descent_with_more_work_has_the_bits_too(dtype):
    X, y = data(200)
    assert MOST_WORK < 50 * 200
    options = {"epochs": 20, "learning_rate": 0.5}
    population = nnlib.train_many([3, 8, 2], X, y, n=2, dtype=dtype, **options)
    net, history = alone(population, 1, X, y, {"sizes": [3, 8, 2], "dtype": dtype}, **options)
    assert_same_descent(population, 1, net, history)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_validation_restores_the_best_parameters(batch_size):
    X, y = data()
    members = amount(3, 2)
    options = {
        "validation": (X[:9], y[:9]), "batch_size": batch_size, "learning_rate": 3.0,
        "epochs": amount(30, 4),
    }  # fmt: skip
    population = nnlib.train_many(SIZES["sizes"], X, y, n=members, **options)
    for member in range(members):
        net, history = alone(population, member, X, y, SIZES, **options)
        assert_same_descent(population, member, net, history)
        assert population.best_epoch[member] == history.best_epoch
        assert population.validation_cost[member] == history.validation_J.min()
        np.testing.assert_array_equal(population.validation_J[member], history.validation_J)


def test_a_fraction_for_validation_is_split_off_once():
    X, y = data()
    options = {"validation": 0.25, "epochs": amount(5, 2), **EXACT}
    population = nnlib.train_many(SIZES["sizes"], X, y, seeds=[8, 3], seed=5, **options)
    order = np.random.default_rng(5).permutation(N)
    held_out, rest = np.sort(order[: N // 4]), np.sort(order[N // 4 :])
    options["validation"] = (X[held_out], y[held_out])
    for member in range(2):
        net, history = alone(population, member, X[rest], y[rest], SIZES, **options)
        assert_same_descent(population, member, net, history)


@given(
    hidden=st.lists(st.integers(1, 9), min_size=1, max_size=2),
    activation=st.sampled_from([name for name in reference.ACTIVATIONS if name != "heaviside"]),
    loss=st.sampled_from(["half_squared_error", "absolute_error", "huber", "log_cosh", "poisson"]),
    dtype=st.sampled_from(["float64", "float32"]),
    n=st.integers(1, amount(70, 12)),
    reduction=st.sampled_from(["mean", "sum"]),
    weighted=st.booleans(),
    members=st.integers(1, amount(40, 3)),
    seed=st.integers(0, 2**32),
)
def test_lanes_agree_with_the_network_alone(
    hidden, activation, loss, dtype, n, reduction, weighted, members, seed
):
    """Plain descents on all the data, in vector lanes: any shape, loss, weights, number of members.

    A network near a kink of its activation may step to either side, so one step is compared, to
    the gradient's own rounding.
    """
    generator = np.random.default_rng(seed)
    X, y = generator.normal(size=(n, 2)), generator.uniform(size=(n, 2))
    weights = generator.uniform(0.5, 2, size=n) if weighted else None
    network = {"sizes": [2, *hidden, 2], "activation": activation, "loss": loss, "dtype": dtype}
    options = {
        "epochs": 1, "learning_rate": 0.1 / (n if reduction == "sum" else 1),
        "reduction": reduction, "sample_weight": weights,
    }  # fmt: skip
    sizes = network.pop("sizes")
    population = nnlib.train_many(sizes, X, y, n=members, **network, **options)
    for member in {0, members - 1}:
        net, history = alone(population, member, X, y, {"sizes": sizes, **network}, **options)
        # Near a kink the derivative may be that of the other side.
        close = rounding(dtype, n + max(hidden), 4)
        scale = max(1, abs(history.J[0]))
        np.testing.assert_allclose(
            population.J[member, 0], history.J[0], rtol=0, atol=close * scale
        )
        np.testing.assert_allclose(
            population.parameters[member], net.parameters, rtol=close, atol=close * scale
        )


def test_lanes_agree_with_the_oracle():
    """Epochs of the lecture's exercise from seeds, against the naive program."""
    X, y = nnlib.course.exercise_data()
    epochs, members = amount(60, 4), amount(3, 2)
    options = {"learning_rate": 0.1, "reduction": "sum", "epochs": epochs}
    population = nnlib.train_many([1, 2, 1], X, y, n=members, **options)
    for member in range(members):
        start = nnlib.Network([1, 2, 1], seed=member)
        layers = list(zip(start.weights, start.biases, strict=True))
        layers, costs = reference.descent(
            layers, ["sigmoid"] * 2, X[:, None], y[:, None], 0.1, [np.arange(60)] * epochs, "sum"
        )
        expected = reference.flat(layers)
        np.testing.assert_allclose(population.J[member, -1], costs[-1], rtol=1e-12)
        np.testing.assert_allclose(population.parameters[member], expected, rtol=1e-10)


def bits(population):
    """All that must not depend on threads or neighbours."""
    return population.parameters, population.J, population.cost, population.epochs


CASES = {
    "lanes": {"epochs": amount(40, 3), "learning_rate": 0.5},
    "one by one": {"epochs": amount(10, 2), "batch_size": 8, "optimizer": "adam"},
    "lanes with weights": {"epochs": 40, "folds": 4},
}


@pytest.mark.cpu("threads")
@pytest.mark.parametrize("case", CASES)
def test_bits_depend_on_no_thread(case, dtype):
    X, y = data()
    results = []
    for threads in (1, 2, 3):
        nnlib.set_threads(threads)
        population = nnlib.train_many([3, 4, 2], X, y, n=37, dtype=dtype, **CASES[case])
        results.append(bits(population))
    for other in results[1:]:
        for expected, found in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", ["lanes", "one by one"])
def test_bits_depend_on_no_neighbour(case, dtype):
    """Neither on how many there are, nor on who they are, nor on the order."""
    X, y = data()
    members, one = amount(40, 4), amount(7, 2)
    together = nnlib.train_many([3, 4, 2], X, y, n=members, dtype=dtype, **CASES[case])
    backwards = list(range(members - 1, -1, -1))
    for seeds in ([one], [members - 1, one, 0], backwards, [one] * amount(17, 3)):
        other = nnlib.train_many([3, 4, 2], X, y, seeds=seeds, dtype=dtype, **CASES[case])
        for expected, found in zip(bits(together), bits(other), strict=True):
            np.testing.assert_array_equal(found, expected[seeds])


def test_a_neighbour_that_diverges_changes_nobody():
    X, y = data()
    members = amount(20, 2)
    options = {"activation": "identity", "epochs": amount(300, 20), "seeds": range(members)}
    grid = {"learning_rate": [0.01, 50.0, 0.1]}
    population = nnlib.train_many([3, 4, 2], X, y, grid=grid, **options)
    calm = nnlib.train_many([3, 4, 2], X, y, grid={"learning_rate": [0.01, 0.1]}, **options)
    np.testing.assert_array_equal(population.diverged, np.repeat([False, True, False], members))
    np.testing.assert_array_equal(population.parameters[~population.diverged], calm.parameters)
    assert np.isinf(population.cost[members : 2 * members]).all()
    assert population.order[0] not in range(members, 2 * members)
    # As after a DivergenceError: the last parameters whose cost was finite.
    for member in (members, 2 * members - 1):
        net = nnlib.Network([3, 4, 2], "identity", seed=int(population.seed[member]))
        with pytest.raises(nnlib.DivergenceError) as caught:
            net.descent(X, y, epochs=options["epochs"], learning_rate=50.0)
        assert population.epochs[member] == caught.value.epoch
        np.testing.assert_allclose(population.parameters[member], net.parameters, rtol=1e-6)
    assert [population.ended[k] for k in (0, members)] == ["epochs", "diverged"]


def test_all_diverged_raises():
    X, y = data()
    with pytest.raises(nnlib.DivergenceError, match="all 3 members diverged") as caught:
        nnlib.train_many([3, 2], X, y, n=3, activation="identity", learning_rate=1e6)
    assert caught.value.history.epochs > 0
