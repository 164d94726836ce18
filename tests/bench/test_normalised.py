"""The residual network of images: every program makes the same steps in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from bench.problems import normalised_problem
from bench.problems.workload import UnavailableError
from bench.programs import normalised_images
from bench.rows.normalised import NORMALISED

PROGRAMS = {
    "JAX": normalised_images.jax_descent,
    **{f"PyTorch, {name}": form for name, form in normalised_images.PYTORCH.items()},
}


def small_problem():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(24, 6, 5, 1)), rng.integers(0, 10, size=24)
    return normalised_problem.normalised_of(X, labels, channels=4, blocks=1, batch_size=8)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_makes_the_same_steps(name):
    problem = small_problem()
    expected = normalised_images.nnlib_descent(problem, "float64")(3)
    try:
        run = PROGRAMS[name](problem, "float64")
    except UnavailableError as reason:
        pytest.skip(str(reason))
    run(1)  # a run begins anew
    result = run(3)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-10)
    assert result.cost == pytest.approx(expected.cost, rel=1e-9)


def test_the_row_counts_its_network():
    problem = NORMALISED.problem()
    assert len(problem.labels) == NORMALISED.units * problem.batch_size
    net_work = sum(2 * 784 * kernel.size for kernel in problem.kernels)
    expected = len(problem.labels) * (3 * net_work - 2 * 784 * problem.kernels[0].size)
    assert NORMALISED.flops == expected
