"""The recurrent networks that are timed: every program makes the same steps of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.problems import recurrent_problem
from bench.problems.workload import UnavailableError
from bench.programs import recurrent_networks, recurrent_steps
from bench.rows.recurrent import RECURRENT

PROGRAMS = {**recurrent_networks.PYTORCH, **recurrent_networks.JAX}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("kind", recurrent_problem.GATES)
def test_every_program_makes_the_same_steps(kind, program):
    problem = replace(recurrent_problem.recurrent_of(kind, (9, 2), 3, 5, samples=20), rate=0.02)
    expected = recurrent_networks.nnlib_descent(problem, "float64")(3)
    try:
        run = PROGRAMS[program](problem, "float64")
    except UnavailableError as error:
        pytest.skip(str(error))
    result = run(3)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-11)
    assert result.cost == pytest.approx(expected.cost, rel=1e-10)
    start = recurrent_networks.flat((*problem.arrays, *problem.last))
    assert np.abs(expected.values - start).max() > 0.05


@pytest.mark.parametrize("program", recurrent_networks.JAX_POPULATIONS)
@pytest.mark.parametrize("kind", recurrent_problem.GATES)
def test_populations_make_the_same_steps(kind, program):
    one = replace(recurrent_problem.recurrent_of(kind, (6, 2), 3, 4, samples=8), rate=0.02)
    problem = recurrent_problem.RecurrentPopulation(one, range(3), epochs=3)
    expected = recurrent_networks.nnlib_population(problem, "float64")(1).values
    assert expected.shape == (3,)
    try:
        run = recurrent_networks.JAX_POPULATIONS[program](problem, "float64")
    except UnavailableError as error:
        pytest.skip(str(error))
    np.testing.assert_allclose(run(1).values, expected, rtol=1e-10)


@pytest.mark.parametrize("program", ["NumPy", *recurrent_steps.PYTORCH])
def test_every_program_keeps_the_same_state(program):
    """Again from the beginning, and beyond the end of the sequence."""
    problem = recurrent_problem.recurrent_of("LSTM", (5, 3), 4, 2, samples=2)
    programs = {"NumPy": recurrent_steps.numpy_steps, **recurrent_steps.PYTORCH}
    expected = recurrent_steps.nnlib_steps(problem, "float64")
    try:
        run = programs[program](problem, "float64")
    except UnavailableError as error:
        pytest.skip(str(error))
    for steps in (1, 8, 1):
        np.testing.assert_allclose(run(steps).values, expected(steps).values, rtol=1e-12)
    assert expected(1).values != pytest.approx(expected(8).values, rel=1e-3)


def test_flops_are_those_of_the_products():
    """Of an epoch of 4 · 2 sums of 3 features and 2 units at 5 steps: 2 + 3 products, and W."""
    found = recurrent_problem.recurrent_flops("LSTM", (5, 3), 2)
    assert found == 2 * recurrent_problem.SAMPLES * (5 * 8 * (2 * 3 + 3 * 2) + 3 * 2)


@pytest.mark.parametrize("workload", RECURRENT, ids=str)
def test_rows_are_of_whole_batches(workload):
    problem = workload.problem()
    assert workload.units * problem.batch_size == len(problem.X) == recurrent_problem.SAMPLES
