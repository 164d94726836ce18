"""The simulated scheduler: its limits are those that can be said without it."""

from __future__ import annotations

import pytest

from bench import scheduler
from bench.scheduler import MEMBER_COST, Load, simulated, table


@pytest.mark.parametrize("workers", [1, 4, 50])
def test_long_members_keep_all_workers_busy(workers):
    load = Load("", 100 * workers, 1.0, 1)
    assert 100 <= simulated(load, workers) < 103


def test_short_members_wait_for_the_driver():
    load = Load("", 10**6, 1e-9, 16)
    assert simulated(load, 100) >= 10**6 * MEMBER_COST


def test_the_table_has_a_row_for_each_load():
    lines = table([Load("few", 100, 0.01, 1)]).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| few | 1 s, 100 % |")
    assert len(lines[0].split("|")) == len(scheduler.WORKERS) + 3
