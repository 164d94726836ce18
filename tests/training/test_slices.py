"""The slice loop: the size of slices, what happens between them, and the time that is counted."""

from __future__ import annotations

import numpy as np
import pytest

from nnlib.training import slices
from nnlib.training.slices import SLICE_SECONDS, Budget, Stopwatch, run_slices, units_within

pytestmark = pytest.mark.cpu("host")


class Descending:
    """A descent of so many units, of which each takes so many seconds of a clock of its own."""

    def __init__(self, units, seconds, monkeypatch):
        self.left, self._seconds, self.now, self.log = units, seconds, 0.0, []
        monkeypatch.setattr(slices, "working_time", lambda: self.now)

    def is_running(self):
        return self.left > 0

    def next_slice(self, budget):
        self.log.append("next")
        return min(budget, self.left)

    def run(self, units):
        self.log.append(units)
        self.left -= units
        self.now += units * self._seconds

    def look(self):
        self.log.append("look")


def test_every_slice_is_looked_at_and_none_follows_the_end(monkeypatch):
    descending = Descending(11, SLICE_SECONDS / 4, monkeypatch)
    run_slices(descending, descending.run, Budget())
    sizes = descending.log[1::3]
    assert descending.log == [word for size in sizes for word in ("next", size, "look")]
    assert sizes == [1, 4, 4, 2]


def test_what_has_ended_is_not_run(monkeypatch):
    descending = Descending(0, 1.0, monkeypatch)
    run_slices(descending, descending.run, Budget())
    assert not descending.log


@pytest.mark.parametrize("seconds", [1e-9, 1e-6, 1e-3, 0.04, 1.0])
@pytest.mark.parametrize("work", [1.0, 1e6, np.inf])
def test_slices_become_as_long_as_they_should_be(seconds, work, monkeypatch):
    descending = Descending(10**12, seconds, monkeypatch)
    budget = Budget(work)
    for _ in range(40):
        units = descending.next_slice(budget.units)
        budget.record(units, units * seconds)
    expected = max(SLICE_SECONDS / seconds, 1)
    assert expected / 2 <= budget.units <= expected


def test_one_slow_slice_changes_little():
    budget = Budget(work=1e4)
    budget.record(1000, seconds=60.0)
    assert budget.units == 250
    budget.record(250, seconds=0.0)
    assert budget.units == 2000


def test_a_budget_stays_a_count_that_a_driver_can_count_with():
    budget = Budget(work=1e-12)
    budget.record(budget.units, seconds=0.0)
    assert budget.units == units_within(1.0, 1e-12) < 2**63


def test_the_seconds_of_earlier_calls_are_kept(monkeypatch):
    now = iter([12.0, 15.0])
    monkeypatch.setattr(slices, "working_time", lambda: next(now))
    total = np.array([100.0])
    stopwatch = Stopwatch(total, 10.0)
    assert (stopwatch.read(), total[0]) == (2.0, 102.0)
    assert (stopwatch.read(), total[0]) == (5.0, 105.0)
