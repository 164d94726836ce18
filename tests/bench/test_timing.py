"""How the clock is held."""

from __future__ import annotations

import numpy as np
import pytest

from bench.measure import timing
from bench.problems.workload import Result


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when a run says so."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def run_of(clock, once, each):
    """A run that takes so many seconds for the call and for each count."""

    def run(count):
        clock[0] += once + each * count
        return Result(np.array([count]))

    return run


def test_timed_gives_the_result_and_the_seconds(clock):
    result, seconds = timing.timed(run_of(clock, 1.0, 0.5), 4)
    assert result.values == [4]
    assert seconds == pytest.approx(3.0)


@pytest.mark.parametrize("each", [1.0, 0.02, 1e-3, 1e-6, 3e-9])
@pytest.mark.parametrize("once", [0.0, 1e-4])
def test_a_round_is_long_enough_but_not_much_longer(clock, once, each):
    count, seconds = timing.count_for(run_of(clock, once, each))
    assert seconds == pytest.approx(once + each * count)
    assert seconds >= timing.ROUND_SECONDS
    assert count == 1 or seconds < 1.5 * timing.ROUND_SECONDS
    # What the call costs is a small part of the round.
    assert count == 1 or once < 0.01 * seconds


def test_a_round_has_no_fewer_counts_than_asked_for(clock):
    assert timing.count_for(run_of(clock, 0.0, 1.0), 4) == (4, pytest.approx(4.0))


def test_rounds_fit_into_the_time():
    assert timing.rounds_for(0.001) == timing.MOST_ROUNDS
    assert timing.rounds_for(0.25) == 8
    assert timing.rounds_for(60.0) == timing.LEAST_ROUNDS
