"""The measurement beside busy processes, on a network that takes no time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import busy
from bench.busy import Line, table
from bench.problems import problem


@pytest.fixture
def tiny():
    digits = problem.digits()
    return replace(digits, X=digits.X[:64], y=digits.y[:64])


def test_every_program_takes_its_turns_beside_every_load(tiny):
    lines = busy.measure(tiny, seconds=0, round_seconds=1e-4)
    assert [line.load for line in lines] == list(busy.LOADS)
    for line in lines:
        assert {busy.TEAM, busy.ALONE} <= line.seconds.keys()
        assert all(len(rounds) == 1 and rounds[0] > 0 for rounds in line.seconds.values())
    text = table(lines).splitlines()
    assert len(text) == 2 + len(busy.LOADS)
    assert len({row.count("|") for row in text}) == 1


def test_ratios_are_of_the_same_round():
    seconds = {busy.TEAM: [1e-4, 3e-4, 2e-4], busy.ALONE: [1e-4, 2e-4, 1e-4]}
    line = Line("somebody", seconds)
    assert line.ratio(busy.ALONE) == pytest.approx(1.5)
    assert table([line]).splitlines()[-1] == "| somebody | 200 | 100 | 1.50 |"


def interrupted(processes):
    with busy.busy(0):
        assert processes[0].poll() is None
        raise KeyboardInterrupt


def test_the_process_beside_ends_with_the_measurement(monkeypatch):
    processes, start = [], busy.subprocess.Popen

    def remembered(*arguments, **options):
        processes.append(start(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(busy.subprocess, "Popen", remembered)
    with pytest.raises(KeyboardInterrupt):
        interrupted(processes)
    assert processes[0].poll() is not None
    with busy.busy(None):
        assert len(processes) == 1
