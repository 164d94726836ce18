"""The table of networks for groups beside scikit-learn."""

from __future__ import annotations

import pytest

from bench import groups

pytest.importorskip("sklearn")
pytestmark = pytest.mark.cpu("groups")


def test_the_programs_do_the_same_work(capsys, monkeypatch):
    monkeypatch.setattr(groups, "GOAL", 0.0)
    # When a fit of few rows is at its best, is chance: all run to their last epoch.
    monkeypatch.setattr("bench.programs.groups.PATIENCE", 200)
    assert groups.main(["--groups", "6", "--peer-groups", "6"]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line][2:]
    (ours, theirs) = [[float(cell) for cell in row[4:6]] for row in rows]
    assert ours[0] == theirs[0] == 200
    # The held-out rows of a small group are few, and which they are decides much.
    assert min(ours[1], theirs[1]) > 0.6


def test_a_missed_goal_is_told(monkeypatch):
    monkeypatch.setattr(groups, "GOAL", 1e9)
    assert groups.main(["--groups", "4", "--peer-groups", "4"]) == 1
