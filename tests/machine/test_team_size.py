"""The size of a team on machines that are idle, busy and in between, by a clock of their own."""

from __future__ import annotations

import pytest

from nnlib.machine import team_size
from nnlib.machine.team_size import TeamSize

pytestmark = pytest.mark.cpu("threads")

IDLE = {1: 1.0, 2: 1.8, 4: 3.2, 8: 5.0}
BUSY = {1: 1.0, 2: 0.3, 4: 0.2, 8: 0.1}
HALF_BUSY = {1: 1.0, 2: 1.7, 4: 1.9, 8: 0.5}


class Machine:
    """Does rounds at a speed for each number of members, 20 000 a second for speed 1."""

    def __init__(self, size, speeds):
        self.size, self.speeds, self.now, self.spent = size, speeds, 0.0, {}

    def run(self, seconds, slice_seconds=0.05, noise=lambda: 1.0):
        """Slices for so long; the share of the time by each number of members."""
        self.spent, until, speed = {}, self.now + seconds, 1.0
        while self.now < until:
            rounds = max(1, int(20_000 * slice_seconds * speed))
            begin = self.now
            for members, part in self.size.plan(rounds, self.now):
                took = part / (20_000 * self.speeds[members] * noise())
                self.now += took
                self.size.record(members, part, part, took, self.now)
                self.spent[members] = self.spent.get(members, 0) + took
            speed = rounds / (20_000 * (self.now - begin))
        return {members: took / seconds for members, took in self.spent.items()}


def test_the_first_slice_is_one_thread_s():
    size = TeamSize(4)
    assert size.plan(7, 0.0) == [(1, 7)]
    size.record(1, 7, 7, 5.0, 5.0)  # it compiles
    assert size.plan(7, 5.0) == [(4, 7)]


def test_an_idle_machine_keeps_the_whole_team():
    machine = Machine(TeamSize(8), IDLE)
    machine.run(5)
    assert machine.size.members == 8
    spent = machine.run(20)
    assert spent[8] > 0.99
    assert spent.keys() <= {4, 8}


@pytest.mark.parametrize("most", [2, 8])
def test_a_busy_machine_gets_one_thread_within_a_second(most):
    machine = Machine(TeamSize(most), BUSY)
    machine.run(1)
    assert machine.size.members == 1
    assert machine.run(20)[1] > 0.97


def test_it_shrinks_at_once_when_slices_take_longer():
    machine = Machine(TeamSize(2), dict(IDLE))
    machine.run(30)  # by now trials are rare
    machine.speeds = BUSY
    spent = machine.run(1)
    assert machine.size.members == 1
    assert spent[2] < 0.3


def test_it_grows_again():
    machine = Machine(TeamSize(8), dict(BUSY))
    machine.run(60)
    assert machine.size.members == 1
    machine.speeds = IDLE
    machine.run(6)
    assert machine.size.members == 8


def test_it_finds_a_number_in_between():
    machine = Machine(TeamSize(8), HALF_BUSY)
    machine.run(5)
    assert machine.size.members in (2, 4)
    spent = machine.run(20)
    assert spent.get(8, 0) < 0.03


def test_members_that_gain_little_are_not_taken_back():
    machine = Machine(TeamSize(2), {1: 1.0, 2: 0.9})
    machine.run(5)
    assert machine.size.members == 1
    machine.speeds = {1: 1.0, 2: 1.05}
    machine.run(20)
    assert machine.size.members == 1


def test_noise_does_not_make_it_swing(rng):
    machine = Machine(TeamSize(2), IDLE)
    spent = machine.run(60, noise=lambda: rng.uniform(0.8, 1.2))
    assert spent[2] > 0.98


@pytest.mark.parametrize("round_seconds", [0.001, 0.2, 3.0])
def test_trials_cost_little_however_long_a_round_is(round_seconds):
    """A trial is at least a round."""
    slice_seconds = max(0.05, round_seconds)
    size = TeamSize(2)
    now, tried = 0.0, 0.0
    size.plan(1, now)
    for _ in range(2000):
        rounds = int(slice_seconds / round_seconds)
        for members, part in size.plan(rounds, now):
            took = part * round_seconds * (1 if members == 2 else 2)
            now += took
            tried += took if members == 1 else 0
            size.record(members, part, part, took, now)
    assert size.members == 2
    assert tried < 0.05 * now


def test_slices_without_work_tell_nothing():
    size = TeamSize(2)
    size.plan(10, 0.0)
    size.record(2, 10, 0.0, 0.0, 1.0)
    assert size.plan(10, 1.0) == [(2, 10)]


def test_what_was_found_out_is_kept_for_the_next_of_its_kind(monkeypatch):
    monkeypatch.setattr(team_size, "_known", {})
    size = team_size.take("kind", 2)
    assert team_size.take("kind", 2) is not size, "another descent at the same time"
    team_size.keep("kind", 2, size)
    assert team_size.take("kind", 4) is not size
    assert team_size.take("kind", 2) is size
    for number in range(1000):
        team_size.keep(number, 2, size)
    assert len(team_size._known) <= 64


def test_a_trial_is_compared_with_a_stretch_as_long_as_itself():
    """Helpers that wake up made the rest of a slice slow, and a team of two stayed one."""
    size = TeamSize(2)
    size.plan(1, 0.0)
    size.record(2, 400, 400, 0.04, 1.0)  # 0.1 ms a round: a trial takes 100 of them
    assert size.plan(199, 10.0) == [(2, 199)]
    assert size.plan(200, 10.0) == [(2, 100), (1, 100)]


def test_a_short_slice_says_nothing_of_the_speed():
    size = TeamSize(2)
    size.plan(1, 0.0)
    size.record(2, 400, 400, 0.04, 1.0)
    for _ in range(5):
        size.record(2, 4, 4, 0.002, 1.1)  # threads wake up: a fifth of the speed
    size.record(1, 100, 100, 0.02, 1.2)  # half of the speed
    assert size.members == 2
