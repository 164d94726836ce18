"""The programs that nnlib is compared with on a GPU, on the processor: are they right?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.gpu.measure import cases
from bench.gpu.measure import program as measure
from bench.gpu.measure.clock import Seconds
from bench.gpu.programs import jax_populations, nnlib_descents, pytorch_populations, pytorch_single


@pytest.fixture
def population(tmp_path):
    """Two networks 2-3-1 and what float64 makes of them."""
    (case,) = cases.populations(tiny=True)
    return case, cases.reference(case, tmp_path)


@pytest.fixture(params=["narrow", "wide"])
def single(request, tmp_path):
    """A network of either kind and what float64 makes of it."""
    make = {"narrow": lambda: cases.narrow((6,), tiny=True), "wide": lambda: cases.wide(tiny=True)}
    (case,) = make[request.param]()
    return case, cases.reference(case, tmp_path)


def test_nnlib_trains_populations(population):
    case, reference = population
    assert measure.compared(case, nnlib_descents.population(case.population, "cpu"), reference) > 0


def test_nnlib_trains_single_networks(single):
    case, reference = single
    assert measure.compared(case, nnlib_descents.single(case.network, "cpu"), reference) > 0


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_jax_trains_populations(population, precision):
    pytest.importorskip("jax")
    case, reference = population
    program = jax_populations.population(case.population, "cpu", precision)
    assert 0 < measure.compared(case, program, reference) < measure.LIMITS["float32"]


@pytest.mark.parametrize("form", pytorch_populations.FORMS[:2])
def test_pytorch_trains_populations(population, form):
    pytest.importorskip("torch")
    case, reference = population
    program = pytorch_populations.population(case.population, "cpu", form, "aot_eager")
    assert 0 < measure.compared(case, program, reference) < measure.LIMITS["float32"]
    measure.compared(case, program, reference)  # a second run begins at the start again


@pytest.mark.parametrize("form", [pytorch_single.EAGER[0], *pytorch_single.COMPILED[:2]])
def test_pytorch_trains_single_networks(single, form):
    pytest.importorskip("torch")
    case, reference = single
    program = pytorch_single.single(case.network, "cpu", form, "aot_eager", "tf32")
    assert 0 < measure.compared(case, program, reference) < measure.LIMITS["float32"]
    measure.compared(case, program, reference)


class TenMillisecondsAnEpoch:
    """A clock for `program`, whose run it notes; two thirds of the time are the device's."""

    def __init__(self, program):
        self.counts = []
        self.program = program._replace(run=self.run, clock=self.clock)
        self.inner = program

    def run(self, count):
        self.counts.append(count)
        self.inner.run(count)

    def clock(self, once):
        once()
        return Seconds(0.01 * self.counts[-1], 0.5 + 0.015 * self.counts[-1])


def test_a_timed_population_counts_networks_and_epochs(population):
    case, reference = population
    timed = TenMillisecondsAnEpoch(nnlib_descents.population(case.population, "cpu")).program
    row = measure.row(case, "nnlib", timed, reference, math.inf, timed=True)
    assert (row.status, row.unit, row.bytes) == ("measured", "networks × epochs/s", None)
    assert row.rate == pytest.approx(2 / 0.01)  # two members
    assert row.whole == pytest.approx(2 / 0.015)
    assert row.once == pytest.approx(0.5)
    # 4 examples of 2-3-1: 2 · 4 · 9 forward and for the gradient, 2 · 4 · 3 for the delta.
    assert row.flops == pytest.approx(200 * (2 * 72 + 24))


def test_a_timed_network_counts_examples(tmp_path):
    (case,) = cases.narrow((6,), tiny=True)
    timed = TenMillisecondsAnEpoch(nnlib_descents.single(case.network, "cpu")).program
    row = measure.row(case, "nnlib", timed, cases.reference(case, tmp_path), math.inf, timed=True)
    assert (row.unit, row.rate) == ("examples/s", pytest.approx(6 / 0.01))
    # 6 examples of 3-4-1; 21 parameters and Adam's two vectors are read and written.
    assert row.bytes == pytest.approx(100 * 4 * (6 * 4 + 2 * 3 * 21))


def test_another_rate_is_noticed(population):
    case, reference = population
    other = replace(case.population.network, learning_rate=0.11)
    program = nnlib_descents.population(replace(case.population, network=other), "cpu")
    with pytest.raises(ValueError, match="from float64 on the processor"):
        measure.compared(case, program, reference)


def test_a_step_too_few_is_noticed(single):
    case, reference = single
    program = nnlib_descents.single(case.network, "cpu")
    lazy = program._replace(run=lambda count: program.run(count - 1))
    with pytest.raises(ValueError, match="from float64 on the processor"):
        measure.compared(case, lazy, reference)


def test_numbers_that_are_none_are_noticed(single):
    case, reference = single
    broken = measure.Program(print, lambda: np.full(reference.size, np.nan), None)
    with pytest.raises(ValueError, match="nan from float64"):
        measure.compared(case, broken, reference)


def test_the_largest_batches_are_one_data_set():
    few, many = cases.narrow((4, 8), tiny=False)
    assert np.shares_memory(few.network.X, many.network.X)
    assert (len(few.network.X), len(many.network.X)) == (4, 8)
    assert few.network.X.dtype == np.float32
