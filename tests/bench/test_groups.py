"""The table of networks for groups beside scikit-learn."""

from __future__ import annotations

import pytest

from bench import groups

pytest.importorskip("sklearn")
pytestmark = pytest.mark.cpu("groups")


def with_goal(goal):
    """The peers, all with this goal."""
    return tuple((name, train, goal) for name, train, _ in groups.PEERS)


def test_the_programs_do_the_same_work(capsys, monkeypatch):
    monkeypatch.setattr(groups, "PEERS", with_goal(0.0))
    # When a fit of few rows is at its best, is chance: all run to their last epoch.
    monkeypatch.setattr("bench.programs.groups.PATIENCE", 200)
    assert groups.main(["--groups", "6", "--peer-groups", "6"]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line][2:]
    assert len(rows) in (2, 4)  # with Ray and without
    for row in rows:
        epochs, explained = (float(cell) for cell in row[4:6])
        assert epochs == 200, row
        # The held-out rows of a small group are few, and which they are decides much.
        assert explained > 0.6, row


def test_a_missed_goal_is_told(monkeypatch):
    monkeypatch.setattr(groups, "PEERS", with_goal(1e9))
    assert groups.main(["--groups", "4", "--peer-groups", "4"]) == 1
