"""The model of a step over workers, and what is fitted to it."""

import pytest

from bench.cluster_steps import LOADS, Measured, fitted, paying_rows, simulated, table

pytestmark = pytest.mark.cpu("host")


def test_the_cost_of_workers_is_found_again():
    def run(parameters, work):
        beside = 4e-3 + 12e-9 * parameters
        return Measured(parameters, 4096, {"here": work, "pool": work / 2 + beside})

    found = [run(1000, 2e-3), run(1000, 40e-3), run(100_000, 0.1), run(1_000_000, 1.0)]
    assert fitted(found, "pool") == pytest.approx((4e-3, 12e-9))


def test_more_workers_share_the_work_and_cost_more():
    cost = 4e-3, 12e-9
    times = [simulated(cost, 10**5, 10.0, workers) for workers in (1, 2, 10, 64, 1000)]
    assert times[0] == pytest.approx(10.0026)
    assert times[0] > times[1] > times[2] > times[3] == times[4]  # there are 64 shards
    assert simulated(cost, 10**5, 0.1, 64) > simulated(cost, 10**5, 0.1, 2)


def test_workers_pay_where_they_take_as_long_as_one_process():
    cost, pace = (4e-3, 12e-9), 1e-10
    rows = paying_rows(cost, pace, 10**5)
    work = pace * 10**5 * rows
    assert simulated(cost, 10**5, work, 2) == pytest.approx(work)
    assert len(table(cost, pace).splitlines()) == len(LOADS) + 2
