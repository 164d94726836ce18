"""The networks of convolutions that are timed: every program makes the same steps of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.problems import image_problem
from bench.problems.work import image_flops
from bench.problems.workload import UnavailableError
from bench.programs import jax_loop, nnlib_network, pytorch, pytorch_compiled
from bench.rows.images import IMAGES

SHAPES = {
    "images": ((7, 8, 2), [(3, 2, 3, 2), (4, 2, 1, 3), (5, 4), (3, 5)]),
    "sequences": ((13, 2), [(3, 4, 2), (4, 2, 3), (3, 2 * 4)]),
}
PROGRAMS = {
    "PyTorch": pytorch.descent,
    "PyTorch compiled": pytorch_compiled.descent,
    "JAX": jax_loop.descent,
}


def small(name):
    """A descent of a small network, in double precision and with large steps."""
    shape, shapes = SHAPES[name]
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(20, *shape)), np.eye(3)[rng.integers(0, 3, 20)]
    return replace(image_problem.descent_of(X, y, shapes, 5), learning_rate=0.02)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", SHAPES)
def test_every_program_makes_the_same_steps(name, program, channels_last, monkeypatch):
    if program == "PyTorch compiled":
        monkeypatch.setattr(pytorch_compiled, "COMPILE", {"backend": "eager"})
    problem = small(name)
    expected = nnlib_network.descent(problem, "float64")(3)
    try:
        run = PROGRAMS[program](replace(problem, channels_last=channels_last), "float64")
    except UnavailableError as error:
        pytest.skip(str(error))
    result = run(3)
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-12)
    assert result.cost == pytest.approx(expected.cost, rel=1e-10)
    assert np.abs(expected.values - problem.flat_start).max() > 0.05


def test_flops_are_those_of_the_products():
    """Of one image: 3 filters of 2·3·2 on 6·6 pixels, 4 of 2·3 on 2·3, then 5·4 and 3·5."""
    image, shapes = SHAPES["images"]
    products = [36 * 36, 6 * 24, 20, 15]
    assert image_flops(image, shapes, 2, 1) == 2 * (3 * sum(products) - products[0])


@pytest.mark.parametrize("workload", IMAGES, ids=str)
def test_every_start_is_one_of_the_row_s_network(workload):
    problem = workload.problem()
    assert nnlib_network.network(problem, "float32").parameters.size == problem.flat_start.size
    assert workload.units * problem.batch_size == len(problem.X) == image_problem.SAMPLES
