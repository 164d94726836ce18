"""Every implementation of a workload computes the same thing."""

from __future__ import annotations

import numpy as np
import pytest

from bench.problem import coefficients, product_flops
from bench.programs import c_program
from bench.workload import Result, Tolerance, UnavailableError, assert_equal
from bench.workloads import EXERCISE, ROWS, START, WORKLOADS

# Epoch → J and a1 … a7 of the exercise, computed in 80-bit arithmetic, sum convention.
TRAJECTORY = {
    1: (
        4.269836053896352,
        [-0.03883085681519266, 0.9901694033379259, -0.03883085681519266, -1.0098305966620742,
         0.9634470710684998, 0.9865529289315003, -1.05],
    ),
    10: (
        4.264698440500016,
        [-0.06338264591865585, 0.9911106502289045, 0.014724394802174875, -1.0112087025817484,
         0.9584898830215713, 0.9841775481675168, -1.0564873885372288],
    ),
    100: (
        4.258937980384932,
        [-0.1503473751336135, 1.1591489014082745, 0.06520104417537605, -0.9792893818700692,
         0.9523827515998806, 1.0000332259151405, -1.0631484619766607],
    ),
    200: (
        4.228161394478088,
        [-0.2589731306570658, 1.5189669815337277, 0.22204100984389602, -0.8687151112348428,
         0.9493473412634171, 0.9842213545545168, -1.184766971347497],
    ),
    300: (
        2.3993853790775588,
        [-0.5719603251108502, 2.7054667776928865, 1.568337830256644, -2.6252859645834445,
         1.913972598925384, 2.5491128268047842, -3.1051423369095636],
    ),
}  # fmt: skip
FLOAT64 = [name for name, row in EXERCISE.implementations.items() if row.dtype == "float64"]
# Rows that pass 5000 epochs in well under a second.
FAST = [name for name, row in EXERCISE.implementations.items() if row.count >= 1000]


def prepared(workload, name):
    """The run of one row, or a skip that says what is missing."""
    try:
        return workload.prepare(name)
    except UnavailableError as reason:
        pytest.skip(str(reason))


# The rows of START are whole processes (15 s); the benchmark suite compares them itself.
@pytest.mark.parametrize(
    ("workload", "name"), [row for row in ROWS if row[0] is not START], ids=lambda part: str(part)
)
def test_every_row_gives_the_result_of_the_first(workload, name):
    workload.check(name, prepared(workload, name))


@pytest.mark.parametrize("name", FLOAT64)
def test_exercise_follows_the_80_bit_trajectory(name):
    run = prepared(EXERCISE, name)
    for epoch, (_, expected) in TRAJECTORY.items():
        np.testing.assert_allclose(coefficients(run(epoch).values), expected, rtol=1e-8)


@pytest.mark.parametrize("name", FLOAT64)
def test_exercise_reports_the_cost_before_the_last_step(name):
    run = prepared(EXERCISE, name)
    assert run(1).cost == pytest.approx(4.3, rel=1e-12)
    for epoch, (expected, _) in TRAJECTORY.items():
        assert run(epoch + 1).cost == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", FAST)
def test_exercise_reaches_the_costs_behind_the_chaotic_stretch(name):
    run = prepared(EXERCISE, name)
    assert run(1001).cost == pytest.approx(0.0934, abs=0.0010)
    assert run(5001).cost == pytest.approx(0.01765, abs=0.00005)


@pytest.mark.parametrize("name", list(EXERCISE.implementations))
def test_a_run_starts_from_the_same_state_every_time(name):
    run = prepared(EXERCISE, name)
    first = run(20)
    run(7)
    again = run(20)
    np.testing.assert_array_equal(again.values, first.values)
    assert again.cost == first.cost


def test_c_program_leaves_subnormal_numbers_alone():
    prepared(EXERCISE, "C float64")(1)
    smallest = np.nextafter(0.0, 1.0)
    assert np.array([smallest * 1.0])[0] == smallest


def test_c_program_without_gcc_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    c_program._compiled.cache_clear()
    with pytest.raises(UnavailableError, match="gcc is not on the PATH"):
        EXERCISE.prepare("C float64")


def test_a_flag_that_gcc_refuses_is_reported():
    prepared(EXERCISE, "C float64")
    with pytest.raises(UnavailableError, match="no-such-flag"):
        c_program._compiled("float64", 60, ("-fno-such-flag",))


@pytest.mark.parametrize(
    "result",
    [
        Result(np.array([1.0, 2.0001]), 3.0),
        Result(np.array([1.0, 2.0]), 3.001),
        Result(np.array([1.0, np.nan]), 3.0),
        Result(np.array([1.0, 2.0, 3.0]), 3.0),
    ],
)
def test_different_results_are_refused(result):
    with pytest.raises(AssertionError):
        assert_equal(result, Result(np.array([1.0, 2.0]), 3.0), Tolerance(1e-6))


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=str)
def test_every_name_in_a_workload_is_one_of_its_rows(workload):
    assert workload.ours in workload.implementations
    assert workload.limit is None or workload.limit in workload.implementations
    assert workload.implementations[workload.reference].compared
    dtypes = {row.dtype for row in workload.implementations.values()}
    assert dtypes <= set(workload.tolerances)


def test_product_flops_counts_forward_gradient_and_inner_deltas():
    # 3-3-4-2-1, one example: forward and gradient 2·(9 + 12 + 8 + 2) each, delta 2·(12 + 8 + 2).
    assert product_flops((3, 3, 4, 2, 1), 1) == 62 + 62 + 44
