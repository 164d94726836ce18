"""The table of times to a cost: everybody computes the same J, from the same start."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import nnlib
from bench import choose_rates
from bench.problems.real_problems import REAL_PROBLEMS, RealProblem
from bench.problems.workload import Result, UnavailableError
from bench.programs import nnlib_network, pytorch, scikit_learn
from bench.rows import reaching
from bench.rows.rates import RATES
from nnlib.optimizers import OPTIMIZERS
from tests import reference

ROWS = list(reaching.rows())
PEERS = {"scikit-learn": scikit_learn, "PyTorch": pytorch}


def available(call, *arguments):
    """The call's result, or a skip that says which library is missing."""
    try:
        return call(*arguments)
    except UnavailableError as reason:
        pytest.skip(str(reason))


def elsewhere(problem):
    """Parameters that are nobody's start."""
    start = problem.flat_start
    return start + 0.1 * np.random.default_rng(1).normal(size=start.size)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("real", REAL_PROBLEMS, ids=str)
def test_peers_compute_the_same_cost(real, peer):
    problem = available(real.build)
    parameters = elsewhere(problem)
    expected = nnlib_network.cost(problem, parameters)
    assert expected != pytest.approx(nnlib_network.cost(problem, problem.flat_start), rel=1e-3)
    assert available(PEERS[peer].cost, problem, parameters) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("real", REAL_PROBLEMS, ids=str)
def test_the_cost_is_that_of_the_oracle(real):
    problem = available(real.build)
    some = replace(problem, X=problem.X[::40], y=problem.y[::40])
    parameters = elsewhere(some)
    expected = reference.cost(
        some.layers(parameters), some.activations, some.X, some.y, loss=some.loss
    )
    assert nnlib_network.cost(some, parameters) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.name.endswith(" adam")], ids=lambda row: str(row)
)
def test_adam_takes_the_same_steps_everywhere(row):
    problem = available(row.with_rate, 0.01, 128)
    ours = nnlib_network.descent(problem, reaching.DTYPE)(5)
    run = available(row.prepare, problem, reaching.DTYPE)
    # scikit-learn's ε stands beside √s, not √ŝ, which shows where gradients are small.
    tolerance = 1e-3 if "scikit-learn" in row.name else 1e-10
    cost = nnlib_network.cost(problem, ours.values)
    assert nnlib_network.cost(problem, run(5).values) == pytest.approx(cost, rel=tolerance)
    assert cost < 0.8 * nnlib_network.cost(problem, problem.flat_start)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_row_lowers_the_cost_and_starts_again_from_the_same_state(row):
    problem = available(lambda: row.problem)
    run = available(row.prepare, problem, reaching.DTYPE)
    first = run(20)
    run(2)
    again = run(20)
    np.testing.assert_array_equal(again.values, first.values)
    start = nnlib_network.cost(problem, problem.flat_start)
    assert nnlib_network.cost(problem, first.values) < start


def test_every_optimizer_is_in_the_table_for_every_problem():
    names = {(row.real.name, row.name) for row in ROWS}
    for real in REAL_PROBLEMS:
        for name in OPTIMIZERS:
            squares = available(real.build).loss == "half_squared_error"
            wanted = name != "levenberg_marquardt" or squares
            assert ((real.name, f"nnlib {name}") in names) == wanted


def test_every_row_with_a_rate_has_one_from_the_list():
    wanted = {
        (row.real.name, row.name) for row in ROWS if row.optimizer not in choose_rates.WITHOUT_RATE
    }
    assert set(RATES) == wanted
    for rate, size in RATES.values():
        assert rate in choose_rates.LEARNING_RATES
        assert size in choose_rates.BATCH_SIZES


@pytest.mark.parametrize("real", REAL_PROBLEMS, ids=str)
def test_columns_are_standardised(real):
    X = available(real.build).X
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    spread = X.std(axis=0)
    assert np.all(np.isclose(spread, 1) | (spread == 0))
    assert np.mean(spread > 0) > 0.9


@pytest.fixture
def one_number(monkeypatch):
    """A problem whose cost is its only parameter, and a run that takes the costs of a list."""
    monkeypatch.setattr(nnlib_network, "cost", lambda problem, parameters: parameters[0])
    tried = []

    def run_over(costs):
        def run(epochs):
            tried.append(epochs)
            return Result(np.array([costs[min(epochs, len(costs)) - 1]]), evaluations=2 * epochs)

        return run

    return run_over, tried


def test_the_number_of_epochs_is_found_exactly(one_number):
    run_over, tried = one_number
    costs = [1 / epoch for epoch in range(1, 200)]
    found = reaching.reach(None, 1 / 77, run_over(costs))
    assert found == reaching.Reached(77, 1 / 77, 154, True)
    assert max(tried) == 128


def test_one_epoch_may_be_enough(one_number):
    run_over, tried = one_number
    assert reaching.reach(None, 1.0, run_over([0.5])).epochs == 1
    assert tried == [1]


@pytest.mark.parametrize("cost", [0.3, math.inf, math.nan])
def test_a_cost_that_is_not_reached_is_told(one_number, cost):
    run_over, tried = one_number
    found = reaching.reach(None, 0.2, run_over([1.0, cost]))
    assert not found.reached
    assert found.epochs == max(tried) == reaching.MOST_EPOCHS
    assert found.cost == (cost if math.isfinite(cost) else math.inf)


def test_a_row_that_takes_too_long_is_given_up(one_number):
    run_over, tried = one_number
    assert not reaching.reach(None, 0.2, run_over([1.0]), most_seconds=0.0).reached
    assert tried == [1, 2]


def test_the_best_pair_is_the_one_that_reaches_the_cost(one_number):
    run_over, _ = one_number
    real = RealProblem("a problem", "", REAL_PROBLEMS[0].build, 0.2)

    def prepare(problem, dtype):
        if problem.learning_rate > 0.1:
            raise nnlib.DivergenceError("too long a step", 0, None)
        good = (problem.learning_rate, problem.batch_size) == (0.01, 128)
        return run_over([0.1] if good else [1.0])

    row = reaching.Row(real, "a row", prepare, "sgd")
    pair, seconds = available(choose_rates.best_pair, row)
    assert pair == (0.01, 128)
    assert 0 < seconds < 1
